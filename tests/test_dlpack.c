/* SPDX-License-Identifier: MIT */
/* test_dlpack.c - tensors by DLPack: whose memory they are in, who deletes
 * them and when. Expected values are the specification's and plain C's. */
#define _GNU_SOURCE
#include <tritonmetal.h>

#include "../runtime/buffer/dlpack_abi.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* ---- the layout, against the real header where there is one --------------- */

#if defined(__has_include)
#if __has_include(<dlpack/dlpack.h>)
#define DLPackVersion real_DLPackVersion
#define DLDevice real_DLDevice
#define DLDataType real_DLDataType
#define DLTensor real_DLTensor
#define DLManagedTensor real_DLManagedTensor
#define DLManagedTensorVersioned real_DLManagedTensorVersioned
#include <dlpack/dlpack.h>
#undef DLPackVersion
#undef DLDevice
#undef DLDataType
#undef DLTensor
#undef DLManagedTensor
#undef DLManagedTensorVersioned
#define SAME(type, field)                                             \
  _Static_assert(offsetof(type, field) == offsetof(real_##type, field), \
                 #type "." #field)
/* Some versions give it no name but its tag. */
#define SAME_VERSIONED(field)                                       \
  _Static_assert(offsetof(struct DLManagedTensorVersioned, field) == \
                     offsetof(struct real_DLManagedTensorVersioned, field), \
                 #field)
SAME(DLDataType, bits);
SAME(DLDataType, lanes);
SAME(DLTensor, data);
SAME(DLTensor, device);
SAME(DLTensor, ndim);
SAME(DLTensor, dtype);
SAME(DLTensor, shape);
SAME(DLTensor, strides);
SAME(DLTensor, byte_offset);
SAME(DLManagedTensor, manager_ctx);
SAME(DLManagedTensor, deleter);
#define EQUAL(ours, real) _Static_assert((int)ours == (int)real, #real)
EQUAL(TMI_DL_CPU, kDLCPU);
EQUAL(TMI_DL_METAL, kDLMetal);
EQUAL(TMI_DL_INT, kDLInt);
EQUAL(TMI_DL_UINT, kDLUInt);
EQUAL(TMI_DL_FLOAT, kDLFloat);
EQUAL(TMI_DL_BFLOAT, kDLBfloat);
#if defined(DLPACK_MAJOR_VERSION)
SAME_VERSIONED(version);
SAME_VERSIONED(manager_ctx);
SAME_VERSIONED(deleter);
SAME_VERSIONED(flags);
SAME_VERSIONED(dl_tensor);
EQUAL(TMI_DL_BOOL, kDLBool);
EQUAL(TMI_DL_READ_ONLY, DLPACK_FLAG_BITMASK_READ_ONLY);
#if DLPACK_MINOR_VERSION >= 1
EQUAL(TMI_DL_FLOAT8_E4M3FN, kDLFloat8_e4m3fn);
EQUAL(TMI_DL_FLOAT8_E5M2, kDLFloat8_e5m2);
#endif
#endif
#endif
#endif

/* ---- a stand-in for another library ---------------------------------------- */

static tm_context *context;
static tm_module *module;
static tm_stream *stream;
static tm_error *error;
static atomic_int deleted;

static const char source[] =
    "import triton\n"
    "import triton.language as tl\n"
    "\n\n"
    "@triton.jit\n"
    "def twice(x, y, n, BLOCK: tl.constexpr):\n"
    "    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)\n"
    "    tl.store(y + i, tl.load(x + i, i < n) * 2, i < n)\n"
    "\n\n"
    "@triton.jit\n"
    "def slow(x, n):\n"
    "    s = tl.load(x)\n"
    "    for k in range(n):\n"
    "        s = s * 3 + k\n"
    "    tl.store(x, s)\n";

#define OK(call)                                               \
  do {                                                         \
    if (call) fail_msg("%s: %s", #call, tm_error_text(error)); \
  } while (0)

static void refused(tm_status found, tm_status expected, const char *words) {
  if (found != expected || !strstr(tm_error_text(error), words))
    fail_msg("%s instead of %s: %s", tm_status_name(found),
             tm_status_name(expected), tm_error_text(error));
  tm_error_destroy(error);
  error = NULL;
}

static int begin(void **state) {
  tm_context_options o = TM_CONTEXT_OPTIONS_INIT;
  o.cache = TM_SWITCH_OFF;
  deleted = 0;
  OK(tm_context_create(&context, &o, &error));
  OK(tm_module_parse(&module, "ops", "ops.py", source, sizeof source - 1,
                     NULL, &error));
  OK(tm_stream_create(&stream, context, NULL, &error));
  return 0;
}

static int end(void **state) {
  unsetenv("SOFTMETAL_FAULT");
  tm_stream_destroy(stream);
  tm_module_destroy(module);
  tm_context_destroy(context);
  return 0;
}

/* The elements are gone with the tensor: a use after it is seen. */
static void delete_legacy(DLManagedTensor *self) {
  free(self->manager_ctx);
  free(self);
  deleted++;
}
static void delete_versioned(DLManagedTensorVersioned *self) {
  free(self->manager_ctx);
  free(self);
  deleted++;
}

static int64_t shape[2] = {4, 8}, strides[2] = {8, 1};

static DLTensor tensor_of(void *data) {
  return (DLTensor){.data = data,
                    .device = {TMI_DL_CPU, 0},
                    .ndim = 2,
                    .dtype = {TMI_DL_FLOAT, 32, 1},
                    .shape = shape,
                    .strides = strides};
}

/* 0, 1, 2, ... 31 as 4 x 8 floats. */
static float *elements(void) {
  float *x = malloc(32 * sizeof *x);
  for (int i = 0; i < 32; i++) x[i] = (float)i;
  return x;
}

static DLManagedTensor *legacy(void) {
  DLManagedTensor *m = malloc(sizeof *m);
  float *x = elements();
  *m = (DLManagedTensor){tensor_of(x), x, delete_legacy};
  return m;
}

static DLManagedTensorVersioned *versioned(uint64_t flags) {
  DLManagedTensorVersioned *m = malloc(sizeof *m);
  float *x = elements();
  *m = (DLManagedTensorVersioned){
      {1, 1}, x, delete_versioned, flags, tensor_of(x)};
  return m;
}

static tm_kernel *compile(const char *name, const char *signature) {
  tm_kernel *k;
  tm_compile_options o = TM_COMPILE_OPTIONS_INIT;
  o.signature = signature;
  OK(tm_compile(&k, context, module, name, &o, &error));
  return k;
}

static tm_status launch(tm_kernel *k, tm_arg x, tm_arg y, int n) {
  tm_arg args[3] = {x, y, tm_arg_int(n)};
  return tm_launch(stream, k, tm_grid_1d((uint32_t)n / 32 + 1), args, 3,
                   &error);
}

static void synchronize(void) {
  OK(tm_stream_synchronize(stream, TM_WAIT_FOREVER, &error));
}

/* ---- in ---------------------------------------------------------------------- */

static void a_tensor_of_the_cpu_is_wrapped_in_place(void **state) {
  tm_kernel *k = compile("twice", "*fp32, *fp32, i32, 32");
  DLManagedTensor *m = legacy();
  float *x = m->dl_tensor.data;
  tm_buffer *b;
  tm_arg arg;
  OK(tm_buffer_from_dlpack(&b, &arg, context, m, &error));
  assert_ptr_equal(tm_buffer_contents(b), x);
  assert_int_equal(tm_buffer_size(b), 128);
  assert_int_equal(arg.tag, TM_GIVE_BUFFER);
  assert_int_equal(arg.dtype, TM_DTYPE_F32);
  OK(launch(k, arg, arg, 32));
  synchronize();
  for (int i = 0; i < 32; i++) assert_true(x[i] == (float)i * 2);
  assert_int_equal(deleted, 0);
  tm_buffer_destroy(b);
  assert_int_equal(deleted, 1);
  tm_kernel_destroy(k);
}

static void the_tensor_ends_after_the_last_launch(void **state) {
  tm_kernel *k = compile("slow", "*fp32, i32");
  tm_buffer *b;
  tm_arg arg;
  OK(tm_buffer_from_dlpack_versioned(&b, &arg, context, versioned(0),
                                     &error));
  tm_arg args[2] = {arg, tm_arg_int(20000000)};
  OK(tm_launch(stream, k, tm_grid_1d(1), args, 2, &error));
  OK(tm_stream_flush(stream, &error));
  tm_buffer_destroy(b);
  assert_int_equal(deleted, 0); /* the GPU still writes to it */
  synchronize();
  assert_int_equal(deleted, 1);
  tm_kernel_destroy(k);
}

static void the_last_call_on_a_stream_ends_tensors_too(void **state) {
  tm_kernel *k = compile("slow", "*fp32, i32");
  tm_stream *other;
  tm_buffer *b;
  tm_arg arg;
  OK(tm_stream_create(&other, context, NULL, &error));
  OK(tm_buffer_from_dlpack(&b, &arg, context, legacy(), &error));
  tm_arg args[2] = {arg, tm_arg_int(10)};
  OK(tm_launch(other, k, tm_grid_1d(1), args, 2, &error));
  tm_buffer_destroy(b);
  tm_stream_destroy(other);
  assert_int_equal(deleted, 1);
  tm_kernel_destroy(k);
}

/* A deleter that calls the library, on the stream that released its buffer,
 * would hang if a lock were held. */
static tm_status in_deleter;
static void delete_and_call(DLManagedTensor *self) {
  in_deleter = tm_stream_synchronize(stream, TM_WAIT_FOREVER, NULL);
  delete_legacy(self);
}

static void a_deleter_may_call_the_library(void **state) {
  tm_kernel *k = compile("slow", "*fp32, i32");
  DLManagedTensor *m = legacy();
  m->deleter = delete_and_call;
  in_deleter = TM_E_INTERNAL;
  tm_buffer *b;
  tm_arg arg;
  OK(tm_buffer_from_dlpack(&b, &arg, context, m, &error));
  tm_arg args[2] = {arg, tm_arg_int(10)};
  OK(tm_launch(stream, k, tm_grid_1d(1), args, 2, &error));
  tm_buffer_destroy(b);
  synchronize();
  assert_int_equal(deleted, 1);
  assert_int_equal(in_deleter, TM_OK);
  tm_kernel_destroy(k);
}

static void offsets_and_negative_strides_are_followed(void **state) {
  tm_kernel *k = compile("twice", "*fp32, *fp32, i32, 32");
  float memory[32], out[32] = {0};
  for (int i = 0; i < 32; i++) memory[i] = (float)i;
  int64_t n = 10, backward = -2;
  DLManagedTensor m = {{.data = memory,
                        .device = {TMI_DL_CPU, 0},
                        .ndim = 1,
                        .dtype = {TMI_DL_FLOAT, 32, 1},
                        .shape = &n,
                        .strides = &backward,
                        .byte_offset = 4 * 25},
                       NULL, NULL}; /* elements 25, 23, ... 7 */
  tm_buffer *b, *y;
  tm_arg arg;
  OK(tm_buffer_from_dlpack(&b, &arg, context, &m, &error));
  assert_ptr_equal(tm_buffer_contents(b), &memory[7]);
  assert_int_equal(tm_buffer_size(b), 4 * 19);
  assert_int_equal(arg.offset, 4 * 18);
  OK(tm_buffer_wrap(&y, context, out, sizeof out, &error));
  OK(launch(k, arg, tm_arg_buffer(y, 0), 1));
  synchronize();
  assert_true(out[0] == 50);
  tm_buffer_destroy(b);
  tm_buffer_destroy(y);
  tm_kernel_destroy(k);
}

static void a_tensor_of_metal_is_imported(void **state) {
  tm_kernel *k = compile("twice", "*fp32, *fp32, i32, 32");
  tm_buffer *whole, *b;
  OK(tm_buffer_create(&whole, context, 4096, NULL, &error));
  DLManagedTensor *m = legacy();
  m->dl_tensor.device.device_type = TMI_DL_METAL;
  m->dl_tensor.data = tm_buffer_metal(whole, NULL);
  m->dl_tensor.byte_offset = 256;
  tm_arg arg;
  OK(tm_buffer_from_dlpack(&b, &arg, context, m, &error));
  uint64_t offset;
  assert_ptr_equal(tm_buffer_metal(b, &offset), tm_buffer_metal(whole, NULL));
  assert_int_equal(offset, 256);
  float *x = tm_buffer_contents(whole);
  for (int i = 0; i < 1024; i++) x[i] = (float)i;
  OK(launch(k, arg, arg, 32));
  synchronize();
  for (int i = 0; i < 1024; i++)
    assert_true(x[i] == (float)(i >= 64 && i < 96 ? 2 * i : i));
  tm_buffer_destroy(b);
  assert_int_equal(deleted, 1);
  tm_buffer_destroy(whole);
  tm_kernel_destroy(k);
}

static void read_only_tensors_are_read_and_not_written(void **state) {
  tm_kernel *k = compile("twice", "*fp32, *fp32, i32, 32");
  tm_buffer *b, *y;
  tm_arg arg;
  OK(tm_buffer_from_dlpack_versioned(&b, &arg, context,
                                     versioned(TMI_DL_READ_ONLY), &error));
  OK(tm_buffer_create(&y, context, 128, NULL, &error));
  OK(launch(k, arg, tm_arg_buffer(y, 0), 32));
  refused(launch(k, tm_arg_buffer(y, 0), arg, 32), TM_E_ARGUMENT,
          "read-only");
  synchronize();
  assert_true(((float *)tm_buffer_contents(y))[31] == 62);
  /* The structure before 1.0 could not hand that on. */
  tm_tensor t = TM_TENSOR_INIT;
  DLManagedTensor *out;
  DLManagedTensorVersioned *fine;
  t.buffer = b;
  t.dtype = TM_DTYPE_F32;
  refused(tm_buffer_to_dlpack(&out, &t, &error), TM_E_UNSUPPORTED,
          "read-only");
  OK(tm_buffer_to_dlpack_versioned(&fine, &t, &error));
  assert_int_equal(fine->flags, TMI_DL_READ_ONLY);
  fine->deleter(fine);
  tm_buffer_destroy(b);
  tm_buffer_destroy(y);
  tm_kernel_destroy(k);
}

static void what_is_refused_stays_the_callers(void **state) {
  DLManagedTensorVersioned *m = versioned(0);
  DLTensor good = m->dl_tensor, *t = &m->dl_tensor;
  int64_t empty[2] = {4, 0}, negative[2] = {-4, 8},
          huge[2] = {INT64_MAX / 2, 8};
  tm_buffer *b;
  tm_arg arg;
#define REFUSE(change, status, words)                                        \
  do {                                                                       \
    change;                                                                  \
    b = (tm_buffer *)m;                                                      \
    refused(tm_buffer_from_dlpack_versioned(&b, &arg, context, m, &error),   \
            status, words);                                                  \
    assert_null(b);                                                          \
    assert_int_equal(arg.tag, TM_GIVE_NOTHING);                              \
    m->dl_tensor = good;                                                     \
  } while (0)
  REFUSE(t->device.device_type = 2, TM_E_UNSUPPORTED, "device 2");
  REFUSE(t->dtype.lanes = 4, TM_E_UNSUPPORTED, "4 lanes");
  REFUSE(t->dtype = ((DLDataType){5, 64, 1}), TM_E_UNSUPPORTED, "code 5");
  REFUSE(t->shape = empty, TM_E_ARGUMENT, "no elements");
  REFUSE(t->shape = negative, TM_E_ARGUMENT, "no memory");
  REFUSE(t->shape = huge, TM_E_ARGUMENT, "no memory");
  REFUSE((t->shape = huge, t->strides = NULL), TM_E_ARGUMENT, "no memory");
  REFUSE(t->shape = NULL, TM_E_ARGUMENT, "no memory");
  REFUSE(t->ndim = -1, TM_E_ARGUMENT, "no memory");
  REFUSE(t->data = NULL, TM_E_ARGUMENT, "no elements");
  REFUSE(setenv("SOFTMETAL_FAULT", "buffer:1+", 1), TM_E_MEMORY, "copy");
  unsetenv("SOFTMETAL_FAULT");
  m->version.major = 2;
  REFUSE((void)0, TM_E_UNSUPPORTED, "DLPack 2.1");
  m->version.major = 1;
  m->version.minor = 9; /* minor versions only add */
  assert_int_equal(deleted, 0);
  OK(tm_buffer_from_dlpack_versioned(&b, NULL, context, m, &error));
  tm_buffer_destroy(b);
  assert_int_equal(deleted, 1);
  refused(tm_buffer_from_dlpack(&b, NULL, context, NULL, &error),
          TM_E_ARGUMENT, "managed");
  DLManagedTensor *kept = legacy();
  refused(tm_buffer_from_dlpack(&b, NULL, NULL, kept, &error), TM_E_ARGUMENT,
          "context");
  kept->deleter(kept);
}

/* ---- out --------------------------------------------------------------------- */

static void a_buffer_goes_out_with_its_shape_and_stays(void **state) {
  tm_buffer *b;
  OK(tm_buffer_create(&b, context, 256, NULL, &error));
  float *x = tm_buffer_contents(b);
  for (int i = 0; i < 64; i++) x[i] = (float)i;
  tm_memory_facts facts = TM_MEMORY_FACTS_INIT;
  for (uint32_t as_metal = 0; as_metal <= 1; as_metal++) {
    int64_t dims[3] = {2, 3, 4};
    tm_tensor t = TM_TENSOR_INIT;
    t.buffer = b;
    t.offset = 64;
    t.dtype = TM_DTYPE_F32;
    t.rank = 3;
    t.shape = dims;
    t.as_metal = as_metal;
    DLManagedTensor *m;
    OK(tm_buffer_to_dlpack(&m, &t, &error));
    dims[0] = 99; /* copied */
    if (as_metal) tm_buffer_destroy(b);
    DLTensor *d = &m->dl_tensor;
    assert_int_equal(d->device.device_type, as_metal ? 8 : 1);
    assert_int_equal(d->device.device_id, 0);
    assert_int_equal(d->byte_offset, 64);
    assert_int_equal(d->dtype.code, TMI_DL_FLOAT);
    assert_int_equal(d->dtype.bits, 32);
    assert_int_equal(d->dtype.lanes, 1);
    assert_int_equal(d->ndim, 3);
    assert_true(d->shape[0] == 2 && d->shape[1] == 3 && d->shape[2] == 4);
    assert_true(d->strides[0] == 12 && d->strides[1] == 4 &&
                d->strides[2] == 1);
    if (!as_metal)
      assert_true(*(float *)((char *)d->data + d->byte_offset) == 16);
    else
      assert_true(x[16] == 16); /* it is kept */
    OK(tm_memory_info(context, &facts, &error));
    assert_int_equal(facts.buffers, 1);
    m->deleter(m);
  }
  OK(tm_memory_info(context, &facts, &error));
  assert_int_equal(facts.buffers, 0);
}

static void a_tensor_that_went_out_comes_back(void **state) {
  for (uint32_t dtype = TM_DTYPE_I1; dtype <= TM_DTYPE_F8E5M2; dtype++) {
    tm_buffer *b, *back;
    tm_arg arg;
    OK(tm_buffer_create(&b, context, 512, NULL, &error));
    int64_t dims[2] = {3, 5}, gaps[2] = {10, 2};
    tm_tensor t = TM_TENSOR_INIT;
    t.buffer = b;
    t.offset = 16;
    t.dtype = dtype;
    t.rank = 2;
    t.shape = dims;
    t.strides = gaps;
    t.as_metal = dtype & 1;
    DLManagedTensorVersioned *m;
    OK(tm_buffer_to_dlpack_versioned(&m, &t, &error));
    assert_int_equal(m->version.major, 1);
    assert_int_equal(m->flags, 0);
    OK(tm_buffer_from_dlpack_versioned(&back, &arg, context, m, &error));
    tm_buffer_destroy(b);
    assert_int_equal(arg.dtype, dtype);
    assert_int_equal(tm_buffer_size(back) % 29, 0); /* 2 * 10 + 4 * 2 + 1 */
    tm_buffer_destroy(back);
  }
  tm_memory_facts facts = TM_MEMORY_FACTS_INIT;
  OK(tm_memory_info(context, &facts, &error));
  assert_int_equal(facts.buffers, 0);
}

static void a_tensor_outside_its_buffer_is_refused(void **state) {
  tm_buffer *b;
  OK(tm_buffer_create(&b, context, 256, NULL, &error));
  int64_t dims[1] = {64}, step[1] = {1};
  tm_tensor t = TM_TENSOR_INIT;
  t.buffer = b;
  t.dtype = TM_DTYPE_F32;
  t.rank = 1;
  t.shape = dims;
  t.strides = step;
  DLManagedTensor *m;
  OK(tm_buffer_to_dlpack(&m, &t, &error));
  m->deleter(m);
  t.offset = 4;
  refused(tm_buffer_to_dlpack(&m, &t, &error), TM_E_ARGUMENT, "256");
  assert_null(m);
  t.offset = 0;
  step[0] = -1;
  refused(tm_buffer_to_dlpack(&m, &t, &error), TM_E_ARGUMENT, "not within");
  t.offset = 252;
  OK(tm_buffer_to_dlpack(&m, &t, &error)); /* backward from the last */
  m->deleter(m);
  dims[0] = INT64_MAX;
  refused(tm_buffer_to_dlpack(&m, &t, &error), TM_E_ARGUMENT, "not within");
  dims[0] = 0;
  OK(tm_buffer_to_dlpack(&m, &t, &error)); /* none of its elements is */
  m->deleter(m);
  t.dtype = TM_DTYPE_NONE;
  refused(tm_buffer_to_dlpack(&m, &t, &error), TM_E_ARGUMENT, "tm_dtype");
  t.buffer = NULL;
  refused(tm_buffer_to_dlpack(&m, &t, &error), TM_E_ARGUMENT, "buffer");
  refused(tm_buffer_to_dlpack(NULL, &t, &error), TM_E_ARGUMENT, "managed");
  refused(tm_buffer_to_dlpack(&m, NULL, &error), TM_E_ARGUMENT, "tensor");
  tm_buffer_destroy(b);
}

static void *delete_elsewhere(void *managed) {
  DLManagedTensor *m = managed;
  m->deleter(m);
  return NULL;
}

static void the_last_one_to_let_go_may_be_another_thread(void **state) {
  tm_context *lone;
  tm_context_options o = TM_CONTEXT_OPTIONS_INIT;
  o.cache = TM_SWITCH_OFF;
  OK(tm_context_create(&lone, &o, &error));
  tm_buffer *b;
  OK(tm_buffer_from_dlpack(&b, NULL, lone, legacy(), &error));
  tm_tensor t = TM_TENSOR_INIT;
  t.buffer = b;
  t.dtype = TM_DTYPE_F32;
  DLManagedTensor *m;
  OK(tm_buffer_to_dlpack(&m, &t, &error));
  tm_buffer_destroy(b);
  tm_context_destroy(lone);
  assert_int_equal(deleted, 0);
  pthread_t thread;
  assert_int_equal(pthread_create(&thread, NULL, delete_elsewhere, m), 0);
  pthread_join(thread, NULL);
  assert_int_equal(deleted, 1); /* and the context is gone, says ASan */
}

int main(void) {
  const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
      TEST(a_tensor_of_the_cpu_is_wrapped_in_place),
      TEST(the_tensor_ends_after_the_last_launch),
      TEST(the_last_call_on_a_stream_ends_tensors_too),
      TEST(a_deleter_may_call_the_library),
      TEST(offsets_and_negative_strides_are_followed),
      TEST(a_tensor_of_metal_is_imported),
      TEST(read_only_tensors_are_read_and_not_written),
      TEST(what_is_refused_stays_the_callers),
      TEST(a_buffer_goes_out_with_its_shape_and_stays),
      TEST(a_tensor_that_went_out_comes_back),
      TEST(a_tensor_outside_its_buffer_is_refused),
      TEST(the_last_one_to_let_go_may_be_another_thread),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
