/* SPDX-License-Identifier: MIT */
/*
 * test_arguments.c - tensor descriptors and tuples as arguments of launches:
 * compiled by signature, by params and by the arguments themselves, what they
 * specialize by, and what is refused. Expected values are computed here.
 */
#include "support/device.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static const char source[] =
    "import triton\n"
    "import triton.language as tl\n"
    "@triton.jit\n"
    "def move(src, dst, scale):\n"
    "    i = tl.program_id(0) * src.block_shape[0]\n"
    "    j = tl.program_id(1) * src.block_shape[1]\n"
    "    dst.store([i, j], (src.load([i, j]) * scale).to(dst.dtype))\n"
    "@triton.jit\n"
    "def sums(pairs, how, out):\n"
    "    i = tl.arange(0, 16)\n"
    "    x, n = pairs[0]\n"
    "    y, m = pairs[1]\n"
    "    v = tl.load(x + i, i < n, other=0) * how.scale\n"
    "    w = tl.load(y + i, i < m, other=0) * how.scale\n"
    "    if how.shift is not None:\n"
    "        v += how.shift\n"
    "    tl.store(out + i, v + w)\n"
    "@triton.jit\n"
    "def tiled(x, out, shape: tl.constexpr):\n"
    "    i = tl.arange(0, shape[0])[:, None] * shape[1]\n"
    "    i += tl.arange(0, shape[1])[None, :]\n"
    "    tl.store(out + i, tl.load(x + i) + shape[0])\n";

static device_test test;
static tm_error *error;

static int begin(void **state) {
  (void)state;
  test = device_open(NULL, source);
  return 0;
}

static int end(void **state) {
  (void)state;
  device_close(&test);
  return 0;
}

#define OK(call) \
  if (call) fail_msg("%s", tm_error_text(error))

static void refused(tm_status found, tm_status expected, const char *part) {
  if (found != expected || !error ||
      !strstr(tm_error_message(error), part))
    fail_msg("status %d, '%s' does not have '%s'", (int)found,
             tm_error_message(error), part);
  tm_error_destroy(error);
  error = NULL;
}

static void synchronize(void) {
  OK(tm_stream_synchronize(test.stream, TM_WAIT_FOREVER, &error));
}

/* ---- descriptors ---------------------------------------------------------- */

enum { ROWS = 21, COLUMNS = 40, STRIDE = 48 };

static tm_buffer *ramp(void) {
  tm_buffer *b = device_array(&test, ROWS * STRIDE, sizeof(float));
  float *p = tm_buffer_contents(b);
  for (int i = 0; i < ROWS * STRIDE; i++) p[i] = (float)i;
  return b;
}

static tm_descriptor of(tm_buffer *buffer, tm_dtype dtype) {
  tm_descriptor d = TM_DESCRIPTOR_INIT;
  d.buffer = buffer;
  d.dtype = dtype;
  d.rank = 2;
  d.shape[0] = ROWS, d.shape[1] = COLUMNS;
  d.strides[0] = STRIDE, d.strides[1] = 1;
  d.block_shape[0] = 8, d.block_shape[1] = 16;
  return d;
}

/* The tensor was doubled; what lies between its rows was left alone. */
static void check_moved(const tm_buffer *b) {
  const float *p = tm_buffer_contents(b);
  for (int i = 0; i < ROWS * STRIDE; i++)
    if (p[i] != (i % STRIDE < COLUMNS ? 2.0f * (float)i : 0))
      fail_msg("element %d is %g", i, (double)p[i]);
}

static const char signature[] =
    "tensordesc<fp32[8,16]>, tensordesc<fp32[8,16]>, fp32";

static tm_kernel *compiled(const char *name, const char *text) {
  tm_compile_options o = TM_COMPILE_OPTIONS_INIT;
  tm_kernel *k;
  o.signature = text;
  OK(tm_compile(&k, test.context, test.module, name, &o, &error));
  return k;
}

static void a_compiled_kernel_takes_descriptors(void **state) {
  (void)state;
  tm_kernel *k = compiled("move", signature);
  const tm_kernel_facts *facts = tm_kernel_info(k);
  assert_int_equal(facts->n_args, 9);
  assert_string_equal(facts->args[0].type, "*fp32");
  assert_string_equal(facts->args[2].name, "src.shape.1");
  assert_string_equal(facts->args[3].name, "src.stride.0");
  assert_int_equal(facts->args[3].divisibility, 4);
  assert_int_equal(facts->n_descriptors, 2);
  assert_string_equal(facts->descriptors[1].name, "dst");
  assert_int_equal(facts->descriptors[1].arg, 4);
  assert_int_equal(facts->descriptors[1].rank, 2);
  assert_int_equal(facts->descriptors[1].block_shape[1], 16);
  tm_buffer *x = ramp(), *y = device_array(&test, ROWS * STRIDE, 4);
  tm_descriptor src = of(x, TM_DTYPE_F32), dst = of(y, TM_DTYPE_F32);
  const tm_arg args[3] = {tm_arg_descriptor(&src), tm_arg_descriptor(&dst),
                          tm_arg_float(2)};
  OK(tm_launch(test.stream, k, tm_grid_3d(3, 3, 1), args, 3, &error));
  synchronize();
  check_moved(y);
  /* Flat, it is the same launch. */
  const tm_arg flat[9] = {
      tm_arg_buffer(x, 0), tm_arg_int(ROWS), tm_arg_int(COLUMNS),
      tm_arg_int(STRIDE),  tm_arg_buffer(y, 0), tm_arg_int(ROWS),
      tm_arg_int(COLUMNS), tm_arg_int(STRIDE), tm_arg_float(2)};
  memset(tm_buffer_contents(y), 0, ROWS * STRIDE * 4);
  OK(tm_launch(test.stream, k, tm_grid_3d(3, 3, 1), flat, 9, &error));
  synchronize();
  check_moved(y);
  tm_buffer_destroy(x);
  tm_buffer_destroy(y);
  tm_kernel_destroy(k);
}

static void params_describe_descriptors_too(void **state) {
  (void)state;
  tm_descriptor like = of(NULL, TM_DTYPE_F32);
  tm_param_spec params[3];
  memset(params, 0, sizeof params);
  params[0] = params[1] = tm_spec_descriptor(&like);
  params[2].form = TM_FORM_NUMBER;
  params[2].dtype = TM_DTYPE_F32;
  tm_compile_options o = TM_COMPILE_OPTIONS_INIT;
  o.params = params;
  o.n_params = 3;
  tm_kernel *a, *b = compiled("move", signature);
  OK(tm_compile(&a, test.context, test.module, "move", &o, &error));
  assert_string_equal(tm_kernel_text(a, TM_STAGE_MSL),
                      tm_kernel_text(b, TM_STAGE_MSL));
  tm_kernel_destroy(a);
  tm_kernel_destroy(b);
  like.block_shape[1] = 24;
  refused(tm_compile(&a, test.context, test.module, "move", &o, &error),
          TM_E_ARGUMENT, "src: a descriptor's block has powers of two");
  params[1].value = tm_arg_int(3);
  like.block_shape[1] = 16;
  refused(tm_compile(&a, test.context, test.module, "move", &o, &error),
          TM_E_ARGUMENT, "dst: a tensor descriptor is needed");
  params[1].form = TM_FORM_TUPLE;
  refused(tm_compile(&a, test.context, test.module, "move", &o, &error),
          TM_E_ARGUMENT, "dst: make its tm_param_spec with tm_spec_tuple");
  params[1].form = TM_FORM_TUPLE + 1;
  refused(tm_compile(&a, test.context, test.module, "move", &o, &error),
          TM_E_ARGUMENT, "dst: 6 is no tm_spec_form");
}

/* As Triton: by element type and block, by nothing of sizes and strides. */
static void functions_specialize_by_type_and_block(void **state) {
  (void)state;
  tm_function *f;
  OK(tm_function_create(&f, test.context, test.module, "move", NULL, &error));
  tm_buffer *x = ramp(), *y = device_array(&test, ROWS * STRIDE, 4);
  tm_descriptor src = of(x, TM_DTYPE_F32), dst = of(y, TM_DTYPE_F32);
  const tm_arg args[3] = {tm_arg_descriptor(&src), tm_arg_descriptor(&dst),
                          tm_arg_float(2)};
  tm_grid grid = tm_grid_3d(3, 3, 1);
  OK(tm_function_launch(test.stream, f, grid, args, 3, NULL, &error));
  synchronize();
  check_moved(y);
  assert_int_equal(tm_function_variants(f), 1);
  src.shape[0] = 16, src.strides[0] = 40, src.offset = 64;
  OK(tm_function_launch(test.stream, f, grid, args, 3, NULL, &error));
  synchronize();
  assert_int_equal(tm_function_variants(f), 1);
  const float *p = tm_buffer_contents(y);
  assert_true(p[0] == 32 && p[STRIDE] == 112 && p[16 * STRIDE] == 0);
  src.block_shape[0] = dst.block_shape[0] = 16;
  OK(tm_function_launch(test.stream, f, grid, args, 3, NULL, &error));
  assert_int_equal(tm_function_variants(f), 2);
  src.padding = TM_PADDING_NAN;
  OK(tm_function_launch(test.stream, f, grid, args, 3, NULL, &error));
  synchronize();
  assert_int_equal(tm_function_variants(f), 3);
  assert_true(p[0] == 32 && isnan(p[16 * STRIDE]));
  src.round_f32_to_tf32 = 1;
  OK(tm_function_launch(test.stream, f, grid, args, 3, NULL, &error));
  synchronize();
  assert_int_equal(tm_function_variants(f), 4);
  tm_buffer_destroy(x);
  tm_buffer_destroy(y);
  tm_function_destroy(f);
}

/* Ten bits of fraction, to nearest even; infinities and NaN stay. */
static void rounding_to_tf32_is_to_nearest_even(void **state) {
  (void)state;
  static const struct { uint32_t in, out; } cases[] = {
      {0x3f800000, 0x3f800000}, {0x3f800fff, 0x3f800000},
      {0x3f801000, 0x3f800000}, {0x3f801001, 0x3f802000},
      {0x3f803000, 0x3f804000}, {0xbf803000, 0xbf804000},
      {0x7f7fffff, 0x7f800000}, {0x7f800000, 0x7f800000},
      {0xff800000, 0xff800000}, {0x7fc01234, 0x7fc01234}};
  tm_kernel *k = compiled(
      "move", "tensordesc<fp32[1,16]>:tf32, tensordesc<fp32[1,16]>, fp32");
  assert_int_equal(tm_kernel_info(k)->descriptors[0].round_f32_to_tf32, 1);
  tm_buffer *x = device_array(&test, 16, 4), *y = device_array(&test, 16, 4);
  uint32_t *in = tm_buffer_contents(x);
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
    in[i] = cases[i].in;
  tm_descriptor src = of(x, TM_DTYPE_F32), dst;
  src.shape[0] = 1, src.shape[1] = src.strides[0] = 16;
  src.block_shape[0] = 1;
  dst = src;
  dst.buffer = y;
  src.round_f32_to_tf32 = 1;
  const tm_arg args[3] = {tm_arg_descriptor(&src), tm_arg_descriptor(&dst),
                          tm_arg_float(1)};
  OK(tm_launch(test.stream, k, tm_grid_1d(1), args, 3, &error));
  synchronize();
  const uint32_t *out = tm_buffer_contents(y);
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    bool nan = (cases[i].out & 0x7fffffff) > 0x7f800000;
    if (nan ? (out[i] & 0x7fffffff) <= 0x7f800000 : out[i] != cases[i].out)
      fail_msg("%08x became %08x", cases[i].in, out[i]);
  }
  tm_buffer_destroy(x);
  tm_buffer_destroy(y);
  tm_kernel_destroy(k);
}

/* Every rule of Triton's TensorDescriptor, and the buffer's end. */
static void wrong_descriptors_are_refused_by_name(void **state) {
  (void)state;
  tm_kernel *k = compiled("move", signature);
  tm_function *f;
  OK(tm_function_create(&f, test.context, test.module, "move", NULL, &error));
  tm_buffer *x = ramp(), *y = device_array(&test, ROWS * STRIDE, 4);
  tm_descriptor dst = of(y, TM_DTYPE_F32), good = of(x, TM_DTYPE_F32);
  tm_descriptor src = good;
  const tm_arg args[3] = {tm_arg_descriptor(&src), tm_arg_descriptor(&dst),
                          tm_arg_float(2)};
#define WRONG(change, part)                                                  \
  do {                                                                       \
    src = good;                                                              \
    change;                                                                  \
    refused(tm_launch(test.stream, k, tm_grid_1d(1), args, 3, &error),       \
            TM_E_ARGUMENT, "kernel 'move': argument 0 ('src')" part);        \
    refused(tm_function_launch(test.stream, f, tm_grid_1d(1), args, 3, NULL, \
                               &error),                                      \
            TM_E_ARGUMENT, "kernel 'move': 'src'" part);                     \
  } while (0)
  WRONG(src.buffer = NULL, ": its buffer is NULL");
  WRONG(src.shape[1] = 0, ": shape[1] is 0; it must be positive");
  WRONG(src.shape[0] = -3, ": shape[0] is -3; it must be positive");
  WRONG(src.shape[0] = INT64_C(1) << 31, ": shape[0] is 2147483648");
  WRONG(src.strides[0] = 42, ": strides[0] is 42 elements of 4 bytes");
  WRONG(src.strides[1] = 2, ": strides[1] is 2; the last dimension");
  WRONG(src.offset = 4, ": its tensor starts at byte 4");
  WRONG(src.shape[0] = ROWS + 1, ": its tensor, from byte 0 on, is not");
  WRONG(src.offset = 64, ": its tensor, from byte 64 on, is not within");
  WRONG(src.offset = 1 << 20, ": its tensor, from byte 1048576 on");
  WRONG(src.strides[0] = -STRIDE, ": its tensor, from byte 0 on, is not");
  WRONG(src.strides[0] = INT64_MAX / 16 * 8, ": its tensor, from byte 0 on");
  WRONG(src.rank = 0, ": a descriptor has 1 to 5 dimensions");
  WRONG(src.rank = 6, ": a descriptor has 1 to 5 dimensions");
  WRONG(src.block_shape[0] = 3, ": a descriptor's block has powers of two");
  WRONG(src.block_shape[0] = 1 << 20, ": a descriptor's block has at most");
  WRONG(src.padding = 2, ": 2 is no tm_padding");
  WRONG(src.dtype = TM_DTYPE_NONE, ": a descriptor has no elements of");
  WRONG(src.dtype = TM_DTYPE_I1, ": a descriptor has no elements of");
  WRONG((src.dtype = TM_DTYPE_I32, src.padding = TM_PADDING_NAN),
        ": padding with NaN is for floats");
  WRONG((src.dtype = TM_DTYPE_F16, src.round_f32_to_tf32 = 1),
        ": only fp32 is rounded");
#undef WRONG
  tm_arg given[3] = {tm_arg_descriptor(NULL), args[1], args[2]};
  refused(tm_launch(test.stream, k, tm_grid_1d(1), given, 3, &error),
          TM_E_ARGUMENT, "its descriptor is NULL");
  src = good;
  src.struct_size = 0;
  refused(tm_launch(test.stream, k, tm_grid_1d(1), args, 3, &error),
          TM_E_ARGUMENT, "tm_descriptor.struct_size");
  tm_buffer_destroy(x);
  tm_buffer_destroy(y);
  tm_function_destroy(f);
  tm_kernel_destroy(k);
}

/* A kernel's block, type and options are compiled in. */
static void other_descriptors_than_compiled_for_are_refused(void **state) {
  (void)state;
  tm_kernel *k = compiled("move", signature);
  tm_buffer *x = ramp();
  tm_descriptor dst = of(x, TM_DTYPE_F32), src = dst;
  tm_arg args[4] = {tm_arg_descriptor(&src), tm_arg_descriptor(&dst),
                    tm_arg_float(2), tm_arg_float(2)};
  src.block_shape[1] = 32;
  refused(tm_launch(test.stream, k, tm_grid_1d(1), args, 3, &error),
          TM_E_ARGUMENT, "block_shape[1] is 32; the kernel was compiled for 16");
  src = dst;
  src.dtype = TM_DTYPE_I32;
  refused(tm_launch(test.stream, k, tm_grid_1d(1), args, 3, &error),
          TM_E_ARGUMENT, "is a descriptor of i32 in 2 dimensions");
  src = dst;
  src.padding = TM_PADDING_NAN;
  refused(tm_launch(test.stream, k, tm_grid_1d(1), args, 3, &error),
          TM_E_ARGUMENT, "padding or rounding");
  src = dst;
  args[2] = tm_arg_descriptor(&src);
  refused(tm_launch(test.stream, k, tm_grid_1d(1), args, 3, &error),
          TM_E_ARGUMENT, "('scale') is no tensor descriptor");
  args[2] = tm_arg_float(2);
  refused(tm_launch(test.stream, k, tm_grid_1d(1), args, 4, &error),
          TM_E_ARGUMENT, "takes 9 arguments and is given 10");
  tm_define define = {"src", tm_arg_descriptor(&src)};
  tm_compile_options o = TM_COMPILE_OPTIONS_INIT;
  o.defines = &define;
  o.n_defines = 1;
  tm_kernel *none;
  refused(tm_compile(&none, test.context, test.module, "move", &o, &error),
          TM_E_ARGUMENT, "src: a descriptor is not a compile-time value");
  tm_buffer_destroy(x);
  tm_kernel_destroy(k);
}

/* ---- tuples --------------------------------------------------------------- */

static tm_buffer *numbers(int32_t first) {
  tm_buffer *b = device_array(&test, 16, sizeof(int32_t));
  int32_t *p = tm_buffer_contents(b);
  for (int i = 0; i < 16; i++) p[i] = first + i;
  return b;
}

static void check_sums(const tm_buffer *out, int n, int m, int scale,
                       int shift) {
  const int32_t *p = tm_buffer_contents(out);
  for (int i = 0; i < 16; i++) {
    int v = (i < n ? 100 + i : 0) * scale + shift;
    int w = (i < m ? 1000 + i : 0) * scale;
    assert_int_equal(p[i], v + w);
  }
}

static void a_compiled_kernel_takes_tuples(void **state) {
  (void)state;
  tm_kernel *k = compiled(
      "sums", "((*i32, i32), (*i32, 5)), (scale=i32, shift=None), *i32");
  const tm_kernel_facts *facts = tm_kernel_info(k);
  assert_int_equal(facts->n_args, 5);
  assert_string_equal(facts->args[1].name, "pairs.0.1");
  assert_string_equal(facts->args[3].name, "how.scale");
  tm_buffer *x = numbers(100), *y = numbers(1000), *out = numbers(0);
  const tm_arg first[2] = {tm_arg_buffer(x, 0), tm_arg_int(12)};
  const tm_arg second[1] = {tm_arg_buffer(y, 0)}; /* 5 is compiled in */
  const tm_arg pairs[2] = {tm_arg_tuple(first, 2), tm_arg_tuple(second, 1)};
  const tm_define how[1] = {{"scale", tm_arg_int(3)}};
  const tm_arg args[3] = {tm_arg_tuple(pairs, 2), tm_arg_named_tuple(how, 1),
                          tm_arg_buffer(out, 0)};
  OK(tm_launch(test.stream, k, tm_grid_1d(1), args, 3, &error));
  synchronize();
  check_sums(out, 12, 5, 3, 0);
  const tm_arg hollow[3] = {tm_arg_tuple(NULL, 2), args[1], args[2]};
  refused(tm_launch(test.stream, k, tm_grid_1d(1), hollow, 3, &error),
          TM_E_ARGUMENT, "a tuple has no items");
  tm_arg deep[2];
  deep[0] = tm_arg_tuple(&deep[1], 1);
  deep[1] = tm_arg_tuple(&deep[0], 1);
  refused(tm_launch(test.stream, k, tm_grid_1d(1), deep, 1, &error),
          TM_E_ARGUMENT, "nested too deeply");
  tm_buffer_destroy(x);
  tm_buffer_destroy(y);
  tm_buffer_destroy(out);
  tm_kernel_destroy(k);
}

/* As Triton: items by type, by divisibility, by being 1 or None. */
static void functions_specialize_by_items_of_tuples(void **state) {
  (void)state;
  tm_function *f;
  OK(tm_function_create(&f, test.context, test.module, "sums", NULL, &error));
  tm_buffer *x = numbers(100), *y = numbers(1000), *out = numbers(0);
  tm_arg first[2] = {tm_arg_tensor(x, 0, TM_DTYPE_I32), tm_arg_int(12)};
  tm_arg second[2] = {tm_arg_tensor(y, 0, TM_DTYPE_I32), tm_arg_int(5)};
  tm_arg pairs[2] = {tm_arg_tuple(first, 2), tm_arg_tuple(second, 2)};
  tm_define how[2] = {{"scale", tm_arg_int(3)}, {"shift", tm_arg_none()}};
  tm_arg args[3] = {tm_arg_tuple(pairs, 2), tm_arg_named_tuple(how, 2),
                    tm_arg_tensor(out, 0, TM_DTYPE_I32)};
#define LAUNCH(variants)                                                     \
  OK(tm_function_launch(test.stream, f, tm_grid_1d(1), args, 3, NULL,        \
                        &error));                                            \
  synchronize();                                                             \
  assert_int_equal(tm_function_variants(f), variants)
  LAUNCH(1);
  check_sums(out, 12, 5, 3, 0);
  first[1] = tm_arg_int(9);
  LAUNCH(1);
  check_sums(out, 9, 5, 3, 0);
  first[1] = tm_arg_int(16); /* divisible */
  LAUNCH(2);
  check_sums(out, 16, 5, 3, 0);
  first[1] = tm_arg_int(1); /* a constant */
  LAUNCH(3);
  check_sums(out, 1, 5, 3, 0);
  how[1].value = tm_arg_int(7);
  LAUNCH(4);
  check_sums(out, 1, 5, 3, 7);
  how[1].value = tm_arg_int(8);
  LAUNCH(4);
  check_sums(out, 1, 5, 3, 8);
#undef LAUNCH
  second[1] = tm_arg_make(TM_GIVE_NOTHING);
  refused(tm_function_launch(test.stream, f, tm_grid_1d(1), args, 3, NULL,
                             &error),
          TM_E_ARGUMENT, "'pairs.1.1' is given no value");
  second[1] = tm_arg_int(5);
  second[0] = tm_arg_buffer(y, 0);
  refused(tm_function_launch(test.stream, f, tm_grid_1d(1), args, 3, NULL,
                             &error),
          TM_E_ARGUMENT, "'pairs.1.0' is given a buffer without the type");
  how[0].name = NULL;
  second[0] = tm_arg_tensor(y, 0, TM_DTYPE_I32);
  refused(tm_function_launch(test.stream, f, tm_grid_1d(1), args, 3, NULL,
                             &error),
          TM_E_ARGUMENT, "a field of 'how' has no name");
  pairs[0] = tm_arg_tuple(pairs, 1);
  refused(tm_function_launch(test.stream, f, tm_grid_1d(1), args, 3, NULL,
                             &error),
          TM_E_ARGUMENT, "nested too deeply");
  tm_buffer_destroy(x);
  tm_buffer_destroy(y);
  tm_buffer_destroy(out);
  tm_function_destroy(f);
}

/* `shape: tl.constexpr` is given a tuple. */
static void constexprs_may_be_tuples(void **state) {
  (void)state;
  tm_buffer *x = numbers(100), *out = numbers(0);
  tm_arg shape[2] = {tm_arg_int(2), tm_arg_int(8)};
  tm_define define = {"shape", tm_arg_tuple(shape, 2)};
  tm_function_options o = TM_FUNCTION_OPTIONS_INIT;
  o.defines = &define;
  o.n_defines = 1;
  tm_function *f;
  OK(tm_function_create(&f, test.context, test.module, "tiled", &o, &error));
  shape[0] = tm_arg_int(77); /* it was copied */
  tm_arg args[3] = {tm_arg_tensor(x, 0, TM_DTYPE_I32),
                    tm_arg_tensor(out, 0, TM_DTYPE_I32),
                    tm_arg_make(TM_GIVE_NOTHING)};
  OK(tm_function_launch(test.stream, f, tm_grid_1d(1), args, 3, NULL, &error));
  synchronize();
  const int32_t *p = tm_buffer_contents(out);
  assert_int_equal(p[15], 117);
  shape[0] = tm_arg_int(1);
  args[2] = tm_arg_tuple(shape, 2);
  OK(tm_function_launch(test.stream, f, tm_grid_1d(1), args, 3, NULL, &error));
  synchronize();
  assert_int_equal(p[7], 108);
  assert_int_equal(p[8], 110);
  assert_int_equal(tm_function_variants(f), 2);
  shape[1] = tm_arg_buffer(x, 0);
  refused(tm_function_launch(test.stream, f, tm_grid_1d(1), args, 3, NULL,
                             &error),
          TM_E_ARGUMENT, "'shape' is a constexpr and is given a buffer");
  shape[1] = tm_arg_text(NULL);
  refused(tm_function_launch(test.stream, f, tm_grid_1d(1), args, 3, NULL,
                             &error),
          TM_E_ARGUMENT, "an item that is no compile-time value");
  tm_function *none;
  refused(tm_function_create(&none, test.context, test.module, "tiled", &o,
                             &error),
          TM_E_ARGUMENT, "'shape' is not a compile-time value");
  shape[1] = tm_arg_int(8);
  tm_compile_options c = TM_COMPILE_OPTIONS_INIT;
  c.signature = "*i32, *i32";
  c.defines = &define;
  c.n_defines = 1;
  tm_kernel *a, *b = compiled("tiled", "*i32, *i32, (1, 8)");
  OK(tm_compile(&a, test.context, test.module, "tiled", &c, &error));
  assert_string_equal(tm_kernel_text(a, TM_STAGE_MSL),
                      tm_kernel_text(b, TM_STAGE_MSL));
  tm_kernel_destroy(a);
  tm_kernel_destroy(b);
  tm_buffer_destroy(x);
  tm_buffer_destroy(out);
  tm_function_destroy(f);
}

static void params_describe_tuples_too(void **state) {
  (void)state;
  tm_param_spec pointer, number;
  memset(&pointer, 0, sizeof pointer);
  memset(&number, 0, sizeof number);
  pointer.form = TM_FORM_POINTER;
  number.form = TM_FORM_NUMBER;
  pointer.dtype = number.dtype = TM_DTYPE_I32;
  tm_param_spec five = {.form = TM_FORM_CONSTANT, .value = tm_arg_int(5)};
  tm_param_spec nil = {.form = TM_FORM_CONSTANT, .value = tm_arg_none()};
  const tm_named_spec first[2] = {{NULL, pointer}, {NULL, number}};
  const tm_named_spec second[2] = {{NULL, pointer}, {NULL, five}};
  const tm_named_spec pairs[2] = {{NULL, tm_spec_tuple(first, 2)},
                                  {NULL, tm_spec_tuple(second, 2)}};
  tm_named_spec how[2] = {{"scale", number}, {"shift", nil}};
  const tm_param_spec params[3] = {tm_spec_tuple(pairs, 2),
                                   tm_spec_tuple(how, 2), pointer};
  tm_compile_options o = TM_COMPILE_OPTIONS_INIT;
  o.params = params;
  o.n_params = 3;
  tm_kernel *a, *b = compiled(
      "sums", "((*i32, i32), (*i32, 5)), (scale=i32, shift=None), *i32");
  OK(tm_compile(&a, test.context, test.module, "sums", &o, &error));
  assert_string_equal(tm_kernel_text(a, TM_STAGE_MSL),
                      tm_kernel_text(b, TM_STAGE_MSL));
  tm_kernel_destroy(a);
  tm_kernel_destroy(b);
  how[1].name = NULL;
  refused(tm_compile(&a, test.context, test.module, "sums", &o, &error),
          TM_E_ARGUMENT, "how: either all items of a tuple have names or none");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_compiled_kernel_takes_descriptors),
      cmocka_unit_test(params_describe_descriptors_too),
      cmocka_unit_test(functions_specialize_by_type_and_block),
      cmocka_unit_test(rounding_to_tf32_is_to_nearest_even),
      cmocka_unit_test(wrong_descriptors_are_refused_by_name),
      cmocka_unit_test(other_descriptors_than_compiled_for_are_refused),
      cmocka_unit_test(a_compiled_kernel_takes_tuples),
      cmocka_unit_test(functions_specialize_by_items_of_tuples),
      cmocka_unit_test(constexprs_may_be_tuples),
      cmocka_unit_test(params_describe_tuples_too),
  };
  return cmocka_run_group_tests(tests, begin, end);
}
