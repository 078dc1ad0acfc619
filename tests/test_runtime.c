/* SPDX-License-Identifier: MIT */
/* test_runtime.c - from source to results in memory, and everything that can
 * go wrong on the way: arguments, devices, faults, time, threads. On Linux
 * the messages go to softmetal. */
#define _GNU_SOURCE
#include <tritonmetal.h>

#include "../runtime/kernel_row.h"

#include <dlfcn.h>
#include <pthread.h>
#include <setjmp.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

static const char source[] =
    "import triton\n"
    "import triton.language as tl\n"
    "\n\n"
    "@triton.jit\n"
    "def add(x, y, out, n, BLOCK: tl.constexpr):\n"
    "    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)\n"
    "    mask = i < n\n"
    "    a = tl.load(x + i, mask=mask)\n"
    "    b = tl.load(y + i, mask=mask)\n"
    "    tl.store(out + i, a + b, mask=mask)\n"
    "\n\n"
    "@triton.jit\n"
    "def scale(x, s, k, BLOCK: tl.constexpr = 64):\n"
    "    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)\n"
    "    tl.store(x + i, tl.load(x + i) * s + k)\n"
    "\n\n"
    "@triton.jit\n"
    "def store_numbers(out, a, b, c, d):\n"
    "    tl.store(out, a.to(tl.int64))\n"
    "    tl.store(out + 1, b.to(tl.int64))\n"
    "    tl.store(out + 2, c.to(tl.int64))\n"
    "    tl.store(out + 3, d.to(tl.int64))\n"
    "\n\n"
    "@triton.jit\n"
    "def store_floats(out, a, b, c):\n"
    "    tl.store(out, a.to(tl.float32))\n"
    "    tl.store(out + 1, b.to(tl.float32))\n"
    "    tl.store(out + 2, c.to(tl.float32))\n"
    "\n\n"
    "@triton.jit\n"
    "def spin(out, n):\n"
    "    x = tl.load(out)\n"
    "    for _ in range(n):\n"
    "        x = x * 1664525 + 1013904223\n"
    "    tl.store(out, x)\n"
    "\n\n"
    "@triton.jit(do_not_specialize=['n'])\n"
    "def fixed(out, n):\n"
    "    tl.store(out, n)\n"
    "\n\n"
    "@triton.jit\n"
    "def maybe(out, bias, MODE: tl.constexpr, T: tl.constexpr):\n"
    "    x = tl.full((1,), 2.0, T)\n"
    "    if bias is not None:\n"
    "        x += tl.load(bias)\n"
    "    if MODE == 'double':\n"
    "        x = x * 2\n"
    "    tl.store(out + tl.arange(0, 1), x.to(tl.float32))\n";

static char folder[64];
static tm_context *context;
static tm_module *module;
static tm_stream *stream;
static tm_error *error;

#define OK(call)                                            \
  do {                                                      \
    if (call) fail_msg("%s: %s", #call, tm_error_text(error)); \
  } while (0)

static tm_context *new_context(void) {
  tm_context *c;
  tm_context_options o = TM_CONTEXT_OPTIONS_INIT;
  o.cache_dir = folder;
  OK(tm_context_create(&c, &o, &error));
  return c;
}

static int begin(void **state) {
  (void)state;
  strcpy(folder, "/tmp/tm-run-XXXXXX");
  if (!mkdtemp(folder)) return -1;
  context = new_context();
  OK(tm_module_parse(&module, "ops", "ops.py", source, sizeof source - 1,
                     NULL, &error));
  OK(tm_stream_create(&stream, context, NULL, &error));
  return 0;
}

static int end(void **state) {
  (void)state;
  tm_stream_destroy(stream);
  tm_module_destroy(module);
  tm_context_destroy(context);
  tm_error_destroy(error);
  error = NULL;
  unsetenv("SOFTMETAL_FAULT");
  char command[100];
  snprintf(command, sizeof command, "rm -rf %s", folder);
  return system(command);
}

static void refused(tm_status found, tm_status expected, const char *part) {
  if (found != expected)
    fail_msg("%s, expected %s: %s", tm_status_name(found),
             tm_status_name(expected), tm_error_text(error));
  if (!strstr(tm_error_text(error), part))
    fail_msg("'%s' does not have '%s'", tm_error_text(error), part);
  tm_error_destroy(error);
  error = NULL;
}

static tm_kernel *compile(const char *name, const char *signature) {
  tm_kernel *k;
  tm_compile_options o = TM_COMPILE_OPTIONS_INIT;
  o.signature = signature;
  OK(tm_compile(&k, context, module, name, &o, &error));
  return k;
}

static tm_buffer *floats(size_t n, float first) {
  tm_buffer *b;
  OK(tm_buffer_create(&b, context, n * sizeof(float), NULL, &error));
  float *p = tm_buffer_contents(b);
  for (size_t i = 0; i < n; i++) p[i] = first + (float)i;
  return b;
}

static void synchronize(void) {
  OK(tm_stream_synchronize(stream, TM_WAIT_FOREVER, &error));
}

/* ---- first: without Metal ----------------------------------------------- */

/* Runs before anything has loaded Metal. */
static void a_missing_metal_is_named_and_may_come_later(void **state) {
#if !defined(__APPLE__)
  const char *path = getenv("TRITON_METAL_SOFTMETAL");
  char *kept = path ? strdup(path) : NULL;
  setenv("TRITON_METAL_SOFTMETAL", "/nowhere/libsoftmetal.so", 1);
  tm_context_options o = TM_CONTEXT_OPTIONS_INIT;
  o.cache = TM_SWITCH_OFF;
  tm_context *c;
  OK(tm_context_create(&c, &o, &error));
  tm_stream *s;
  refused(tm_stream_create(&s, c, NULL, &error), TM_E_MISSING_LIBRARY,
          "/nowhere/libsoftmetal.so");
  tm_buffer *b;
  refused(tm_buffer_create(&b, c, 16, NULL, &error), TM_E_MISSING_LIBRARY,
          "TRITON_METAL_SOFTMETAL");
  tm_environment_facts facts = {.struct_size = sizeof facts};
  OK(tm_environment(c, &facts, &error));
  assert_false(facts.has_device);
  assert_non_null(strstr(facts.report, "/nowhere"));
  /* Compiling for a named chip goes on; for "the device" it cannot. */
  tm_module *m;
  OK(tm_module_parse(&m, "ops", "ops.py", source, sizeof source - 1, NULL,
                     &error));
  tm_kernel *k;
  tm_compile_options options = TM_COMPILE_OPTIONS_INIT;
  options.signature = "*fp32, *fp32, *fp32, i32, 64";
  refused(tm_compile(&k, c, m, "add", &options, &error),
          TM_E_MISSING_LIBRARY, "nowhere");
  options.chip = "m1";
  OK(tm_compile(&k, c, m, "add", &options, &error));
  refused(tm_kernel_load(k, &error), TM_E_MISSING_LIBRARY, "nowhere");
  if (kept)
    setenv("TRITON_METAL_SOFTMETAL", kept, 1);
  else
    unsetenv("TRITON_METAL_SOFTMETAL");
  free(kept);
  OK(tm_stream_create(&s, c, NULL, &error)); /* installed meanwhile */
  OK(tm_kernel_load(k, &error));
  tm_stream_destroy(s);
  tm_kernel_destroy(k);
  tm_module_destroy(m);
  tm_context_destroy(c);
#endif
}

/* ---- results ------------------------------------------------------------ */

static void results_are_right_at_every_edge(void **state) {
  static const unsigned sizes[] = {1, 31, 32, 1023, 1024, 1025, 5000};
  tm_kernel *k = compile("add", "*fp32, *fp32, *fp32, i32, 1024");
  for (size_t s = 0; s < sizeof sizes / sizeof sizes[0]; s++) {
    unsigned n = sizes[s];
    tm_buffer *x = floats(n, 1), *y = floats(n, 0.5f), *out = floats(n + 9, 0);
    tm_arg args[4] = {tm_arg_buffer(x, 0), tm_arg_buffer(y, 0),
                      tm_arg_buffer(out, 4), tm_arg_int(n)};
    OK(tm_launch(stream, k, tm_grid_1d((n + 1023) / 1024), args, 4, &error));
    synchronize();
    float *p = tm_buffer_contents(out);
    assert_true(p[0] == 0);
    for (unsigned i = 0; i < n; i++)
      assert_true(p[i + 1] == 1.5f + 2 * (float)i);
    assert_true(p[n + 1] == (float)(n + 1)); /* untouched */
    tm_buffer_destroy(x);
    tm_buffer_destroy(y);
    tm_buffer_destroy(out);
  }
  tm_kernel_destroy(k);
}

static void launches_of_a_stream_see_each_other(void **state) {
  tm_kernel *k = compile("scale", "*fp32, fp32, fp32");
  tm_buffer *x = floats(64, 0);
  tm_arg args[3] = {tm_arg_buffer(x, 0), tm_arg_float(1), tm_arg_float(1)};
  for (int i = 0; i < 1000; i++) /* many batches */
    OK(tm_launch(stream, k, tm_grid_1d(1), args, 3, &error));
  synchronize();
  float *p = tm_buffer_contents(x);
  for (int i = 0; i < 64; i++) assert_true(p[i] == (float)i + 1000);
  tm_buffer_destroy(x);
  tm_kernel_destroy(k);
}

static void integers_arrive_as_their_types(void **state) {
  tm_buffer *out;
  OK(tm_buffer_create(&out, context, 32, NULL, &error));
  int64_t *p = tm_buffer_contents(out);
  tm_kernel *k = compile("store_numbers", "*i64, i8, u16, i64, i1");
  tm_arg args[5] = {tm_arg_buffer(out, 0), tm_arg_int(-128),
                    tm_arg_int(65535), tm_arg_int(INT64_MIN), tm_arg_bool(1)};
  OK(tm_launch(stream, k, tm_grid_1d(1), args, 5, &error));
  synchronize();
  assert_int_equal(p[0], -128);
  assert_int_equal(p[1], 65535);
  assert_true(p[2] == INT64_MIN);
  assert_int_equal(p[3], 1);
  args[1] = tm_arg_int(-129);
  refused(tm_launch(stream, k, tm_grid_1d(1), args, 5, &error),
          TM_E_ARGUMENT, "-129");
  args[1] = tm_arg_int(128);
  refused(tm_launch(stream, k, tm_grid_1d(1), args, 5, &error),
          TM_E_ARGUMENT, "i8");
  args[1] = tm_arg_int(127);
  args[2] = tm_arg_int(-1);
  refused(tm_launch(stream, k, tm_grid_1d(1), args, 5, &error),
          TM_E_ARGUMENT, "u16");
  args[2] = tm_arg_int(0);
  args[4] = tm_arg_int(2);
  refused(tm_launch(stream, k, tm_grid_1d(1), args, 5, &error),
          TM_E_ARGUMENT, "i1");
  args[4] = tm_arg_float(1);
  refused(tm_launch(stream, k, tm_grid_1d(1), args, 5, &error),
          TM_E_ARGUMENT, "not an integer");
  tm_kernel_destroy(k);
  tm_buffer_destroy(out);
}

/* Expected values by hand: fp16 has 11 significant bits, bf16 8. */
static void floats_are_rounded_to_nearest_even(void **state) {
  static const struct { double x; float half, bfloat, single; } rows[] = {
      {1.0, 1, 1, 1},
      {2049, 2048, 2048, 2049},       /* tie in fp16: to even */
      {2051, 2052, 2048, 2051},       /* tie in fp16: to even, upwards */
      {257, 257, 256, 257},           /* tie in bf16 */
      {259, 259, 260, 259},
      {-0.1, -0.0999755859375f, -0.10009765625f, -0.1f},
      {65519, 65504, 65536, 65519},   /* below the tie with infinity */
      {65520, (float)1e39, 65536, 65520},
      {5.9604644775390625e-8, 5.9604644775390625e-8f,
       5.9604644775390625e-8f, 5.9604644775390625e-8f}, /* 2^-24 */
      /* Just over a tie, by less than a float can tell: rounding twice
       * would give 2048. */
      {2049.0000000001, 2050, 2048, 2049},
      {1e300, (float)1e39, (float)1e39, (float)1e39},
  };
  tm_buffer *out = floats(3, 0);
  float *p = tm_buffer_contents(out);
  tm_kernel *k = compile("store_floats", "*fp32, fp16, bf16, fp32");
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    tm_arg x = tm_arg_float(rows[i].x);
    tm_arg args[4] = {tm_arg_buffer(out, 0), x, x, x};
    OK(tm_launch(stream, k, tm_grid_1d(1), args, 4, &error));
    synchronize();
    if (p[0] != rows[i].half || p[1] != rows[i].bfloat ||
        p[2] != rows[i].single)
      fail_msg("%.17g: %.9g %.9g %.9g", rows[i].x, (double)p[0],
               (double)p[1], (double)p[2]);
  }
  tm_arg nan = tm_arg_float((double)(0.0f / 0.0f));
  tm_arg args[4] = {tm_arg_buffer(out, 0), nan, nan, nan};
  OK(tm_launch(stream, k, tm_grid_1d(1), args, 4, &error));
  synchronize();
  assert_true(p[0] != p[0] && p[1] != p[1] && p[2] != p[2]);
  tm_kernel_destroy(k);
  tm_buffer_destroy(out);
}

/* ---- launches that are refused ------------------------------------------ */

static void wrong_launches_are_refused_before_metal(void **state) {
  tm_kernel *k = compile("add", "*fp32:16, *fp32, *fp32, i32:16, 64");
  tm_buffer *x = floats(256, 0);
  tm_context *other = new_context();
  tm_buffer *foreign;
  OK(tm_buffer_create(&foreign, other, 1024, NULL, &error));
  tm_arg good[4] = {tm_arg_buffer(x, 0), tm_arg_buffer(x, 0),
                    tm_arg_buffer(x, 0), tm_arg_int(64)};
  tm_arg args[4];
#define REFUSED(i, value, part)                                            \
  memcpy(args, good, sizeof args);                                         \
  args[i] = value;                                                         \
  refused(tm_launch(stream, k, tm_grid_1d(1), args, 4, &error),            \
          TM_E_ARGUMENT, part)
  REFUSED(0, tm_arg_buffer(NULL, 0), "NULL");
  REFUSED(0, tm_arg_int(3), "not a buffer");
  REFUSED(0, tm_arg_none(), "not a buffer");
  REFUSED(0, tm_arg_buffer(foreign, 0), "another context");
  REFUSED(0, tm_arg_buffer(x, 4), "multiples of 16");
  REFUSED(1, tm_arg_buffer(x, 2), "element's size");
  REFUSED(1, tm_arg_buffer(x, 1024), "byte 1024");
  REFUSED(1, tm_arg_buffer(x, UINT64_MAX), "of a buffer");
  REFUSED(1, tm_arg_tensor(x, 0, TM_DTYPE_F16), "another type");
  REFUSED(3, tm_arg_int(65), "multiples of 16");
  REFUSED(3, tm_arg_int(INT64_C(1) << 31), "cannot hold");
  REFUSED(3, tm_arg_buffer(x, 0), "not an integer");
  REFUSED(3, tm_arg_make((tm_arg_tag)77), "not an integer");
#undef REFUSED
  refused(tm_launch(stream, k, tm_grid_1d(1), good, 3, &error),
          TM_E_ARGUMENT, "takes 4");
  refused(tm_launch(stream, k, tm_grid_1d(1), NULL, 4, &error),
          TM_E_ARGUMENT, "args");
  refused(tm_launch(stream, NULL, tm_grid_1d(1), good, 4, &error),
          TM_E_ARGUMENT, "kernel");
  refused(tm_launch(stream, k, tm_grid_1d(0), good, 4, &error),
          TM_E_ARGUMENT, "no programs");
  refused(tm_launch(stream, k, tm_grid_3d(1, 1, 0), good, 4, &error),
          TM_E_ARGUMENT, "no programs");
  refused(tm_launch(stream, k, tm_grid_1d(UINT32_MAX), good, 4, &error),
          TM_E_LIMIT, "2^32");
  tm_stream *s;
  OK(tm_stream_create(&s, other, NULL, &error));
  refused(tm_launch(s, k, tm_grid_1d(1), good, 4, &error), TM_E_ARGUMENT,
          "another context");
  tm_stream_destroy(s);
  OK(tm_launch(stream, k, tm_grid_1d(1), good, 4, &error));
  synchronize();
  tm_buffer_destroy(foreign);
  tm_context_destroy(other);
  tm_buffer_destroy(x);
  tm_kernel_destroy(k);
}

static void the_environment_describes_the_device(void **state) {


  tm_environment_facts facts = {.struct_size = sizeof facts};
  OK(tm_environment(context, &facts, &error));
  assert_true(facts.has_device);
  assert_int_equal(facts.threadgroup_bytes, 32768);
  assert_int_equal(facts.max_threads, 1024);
  assert_true(facts.family >= 7 && facts.family <= 10);
  assert_true(facts.language_version >= 3 << 16);
  assert_non_null(strstr(facts.report, facts.device));
  assert_non_null(strstr(facts.report, "kernels.db"));
}

/* ---- memory ------------------------------------------------------------- */

static tm_memory_facts memory(void) {
  tm_memory_facts facts = TM_MEMORY_FACTS_INIT;
  OK(tm_memory_info(context, &facts, &error));
  return facts;
}

static void freed_memory_is_used_again(void **state) {
  tm_buffer *a = floats(1000, 0);
  void *first = tm_buffer_contents(a);
  assert_int_equal(memory().buffers, 1);
  assert_int_equal(memory().used, 4096); /* the class of 4000 bytes */
  tm_buffer_destroy(a);
  assert_int_equal(memory().used, 0);
  assert_int_equal(memory().used_peak, 4096);
  assert_int_equal(memory().pooled, 4096);
  tm_buffer *b;
  tm_buffer_options zero = TM_BUFFER_OPTIONS_INIT;
  zero.zero = 1;
  OK(tm_buffer_create(&b, context, 4096, &zero, &error));
  assert_ptr_equal(tm_buffer_contents(b), first);
  for (int i = 0; i < 4096; i++) assert_int_equal(((char *)first)[i], 0);
  assert_int_equal(memory().reuses, 1);
  assert_int_equal(memory().requests, 2);
  tm_buffer_destroy(b);
  tm_memory_trim(context);
  assert_int_equal(memory().pooled, 0);
}

static void memory_in_flight_is_not_handed_out(void **state) {
  tm_kernel *k = compile("spin", "*i32, i32");
  tm_buffer *x = floats(64, 0);
  void *first = tm_buffer_contents(x);
  tm_arg args[2] = {tm_arg_buffer(x, 0), tm_arg_int(20000000)};
  OK(tm_launch(stream, k, tm_grid_1d(1), args, 2, &error));
  OK(tm_stream_flush(stream, &error));
  tm_buffer_destroy(x);
  tm_kernel_destroy(k);
  tm_buffer *y = floats(64, 0);
  assert_ptr_not_equal(tm_buffer_contents(y), first);
  synchronize();
  tm_buffer *z = floats(64, 0);
  assert_ptr_equal(tm_buffer_contents(z), first); /* now it may be */
  tm_buffer_destroy(y);
  tm_buffer_destroy(z);
}

static void wrapped_memory_is_not_copied(void **state) {
  size_t page = (size_t)sysconf(_SC_PAGESIZE);
  float *p = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE,
                  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  tm_buffer *b;
  OK(tm_buffer_wrap(&b, context, p, page + 100, &error));
  assert_ptr_equal(tm_buffer_contents(b), p);
  assert_int_equal(tm_buffer_size(b), page + 100);
  assert_int_equal(memory().wrapped, page + 100);
  tm_kernel *k = compile("scale", "*fp32, fp32, fp32");
  tm_arg args[3] = {tm_arg_buffer(b, 64), tm_arg_float(0), tm_arg_float(3)};
  OK(tm_launch(stream, k, tm_grid_1d(1), args, 3, &error));
  tm_buffer_destroy(b); /* the launch keeps it */
  tm_kernel_destroy(k);
  synchronize();
  assert_true(p[15] == 0 && p[16] == 3 && p[79] == 3 && p[80] == 0);
  assert_int_equal(memory().wrapped, 0);
  munmap(p, 2 * page);
}

static void a_foreign_buffer_is_imported_with_its_offset(void **state) {
  tm_buffer *whole = floats(256, 0), *part;
  uint64_t offset;
  void *object = tm_buffer_metal(whole, &offset);
  assert_int_equal(offset, 0);
  refused(tm_buffer_import(&part, context, object, 4096, 0, &error),
          TM_E_ARGUMENT, "4096");
  refused(tm_buffer_import(&part, context, object, 512, 1000, &error),
          TM_E_ARGUMENT, "1000");
  OK(tm_buffer_import(&part, context, object, 512, 0, &error));
  assert_int_equal(tm_buffer_size(part), 512);
  assert_ptr_equal(tm_buffer_contents(part),
                   (char *)tm_buffer_contents(whole) + 512);
  assert_ptr_equal(tm_buffer_metal(part, &offset), object);
  assert_int_equal(offset, 512);
  tm_kernel *k = compile("scale", "*fp32, fp32, fp32");
  tm_arg args[3] = {tm_arg_buffer(part, 256), tm_arg_float(1),
                    tm_arg_float(1000)};
  OK(tm_launch(stream, k, tm_grid_1d(1), args, 3, &error));
  synchronize();
  float *p = tm_buffer_contents(whole);
  for (int i = 0; i < 256; i++)
    assert_true(p[i] == (float)i + (i >= 192 ? 1000 : 0));
  tm_buffer_destroy(part);
  tm_buffer_destroy(whole);
  tm_kernel_destroy(k);
}

static void sizes_beyond_the_device_are_refused(void **state) {
  tm_buffer *b;
  refused(tm_buffer_create(&b, context, UINT64_MAX, NULL, &error),
          TM_E_LIMIT, "limit");
  refused(tm_buffer_create(&b, context, UINT64_C(1) << 60, NULL, &error),
          TM_E_LIMIT, "limit");
  long page = sysconf(_SC_PAGESIZE);
  refused(tm_buffer_wrap(&b, context, (void *)(intptr_t)page, UINT64_MAX - 5,
                         &error),
          TM_E_LIMIT, "limit");
}

/* ---- time, faults ------------------------------------------------------- */

static void waits_have_a_deadline(void **state) {
  tm_kernel *k = compile("spin", "*i32, i32");
  tm_buffer *x = floats(1, 0);
  int32_t *p = tm_buffer_contents(x);
  *p = 1;
  enum { STEPS = 50000000 };
  tm_arg args[2] = {tm_arg_buffer(x, 0), tm_arg_int(STEPS)};
  OK(tm_launch(stream, k, tm_grid_1d(1), args, 2, &error));
  refused(tm_stream_synchronize(stream, 0, &error), TM_E_TIMEOUT,
          "in flight");
  synchronize(); /* the work went on */
  uint32_t expected = 1;
  for (int i = 0; i < STEPS; i++) expected = expected * 1664525 + 1013904223;
  assert_int_equal((uint32_t)*p, expected);
  tm_kernel_destroy(k);
  tm_buffer_destroy(x);
}

#if !defined(__APPLE__)
static void a_failed_batch_is_reported_once_with_its_kernels(void **state) {
  tm_kernel *k = compile("scale", "*fp32, fp32, fp32");
  tm_buffer *x = floats(64, 0);
  tm_arg args[3] = {tm_arg_buffer(x, 0), tm_arg_float(1), tm_arg_float(1)};
  OK(tm_kernel_load(k, &error));
  setenv("SOFTMETAL_FAULT", "command:1+", 1);
  OK(tm_launch(stream, k, tm_grid_1d(1), args, 3, &error));
  refused(tm_stream_synchronize(stream, TM_WAIT_FOREVER, &error), TM_E_DEVICE,
          "the launch of 'scale' failed on the GPU: Internal Error");
  synchronize(); /* told once */
  OK(tm_launch(stream, k, tm_grid_1d(1), args, 3, &error));
  OK(tm_launch(stream, k, tm_grid_1d(1), args, 3, &error));
  refused(tm_stream_synchronize(stream, TM_WAIT_FOREVER, &error), TM_E_DEVICE,
          "one of 2 launches");
  unsetenv("SOFTMETAL_FAULT");
  OK(tm_launch(stream, k, tm_grid_1d(1), args, 3, &error)); /* usable */
  synchronize();
  float *p = tm_buffer_contents(x);
  assert_true(p[63] == 64);
  tm_kernel_destroy(k);
  tm_buffer_destroy(x);
}

static void a_later_launch_reports_an_earlier_failure(void **state) {
  tm_stream_options o = TM_STREAM_OPTIONS_INIT;
  o.batch = 1;
  tm_stream *s;
  OK(tm_stream_create(&s, context, &o, &error));
  tm_kernel *k = compile("scale", "*fp32, fp32, fp32");
  tm_buffer *x = floats(64, 0);
  tm_arg args[3] = {tm_arg_buffer(x, 0), tm_arg_float(1), tm_arg_float(1)};
  OK(tm_kernel_load(k, &error));
  setenv("SOFTMETAL_FAULT", "timeout:1+", 1);
  OK(tm_launch(s, k, tm_grid_1d(1), args, 3, &error));
  tm_status status = TM_OK;
  for (int i = 0; i < 1000 && !status; i++) {
    usleep(1000);
    status = tm_launch(s, k, tm_grid_1d(1), args, 3, &error);
  }
  refused(status, TM_E_DEVICE, "GPU Timeout");
  unsetenv("SOFTMETAL_FAULT");
  tm_stream_destroy(s);
  tm_kernel_destroy(k);
  tm_buffer_destroy(x);
}

static void faults_of_metal_become_errors(void **state) {
  tm_kernel *k = compile("scale", "*fp32, fp32, fp32");
  setenv("SOFTMETAL_FAULT", "library:1+", 1);
  refused(tm_kernel_load(k, &error), TM_E_METAL_COMPILE, "kernel 'scale'");
  setenv("SOFTMETAL_FAULT", "pipeline:1+", 1);
  refused(tm_kernel_load(k, &error), TM_E_METAL_COMPILE,
          "Compiler encountered an internal error");
  tm_buffer *b;
  setenv("SOFTMETAL_FAULT", "buffer:1+", 1);
  refused(tm_buffer_create(&b, context, 16, NULL, &error), TM_E_MEMORY,
          "16 bytes");
  unsetenv("SOFTMETAL_FAULT");
  OK(tm_kernel_load(k, &error)); /* failures are not remembered */
  OK(tm_buffer_create(&b, context, 16, NULL, &error));
  tm_buffer_destroy(b);
  tm_kernel_destroy(k);
}

/* Every object of Metal is given back. Runs last. */
static void nothing_of_metal_is_left(void **state) {
  const char *path = getenv("TRITON_METAL_SOFTMETAL");
  void *library = dlopen(path ? path : "libsoftmetal.so", RTLD_NOW);
  assert_non_null(library);
  int64_t (*live)(void);
  void *address = dlsym(library, "softmetal_live_objects");
  assert_non_null(address);
  memcpy(&live, &address, sizeof live);
  /* A queue's worker lets go of its last command buffer on its own time. */
  for (int i = 0; i < 5000 && live() != 0; i++) usleep(1000);
  assert_int_equal(live(), 0);
}
#endif

static void force_sync_needs_no_synchronize(void **state) {
  tm_context_options o = TM_CONTEXT_OPTIONS_INIT;
  o.cache = TM_SWITCH_OFF;
  o.force_sync = TM_SWITCH_ON;
  tm_context *c;
  tm_stream *s;
  tm_buffer *x;
  tm_kernel *k;
  OK(tm_context_create(&c, &o, &error));
  OK(tm_stream_create(&s, c, NULL, &error));
  OK(tm_buffer_create(&x, c, 256, NULL, &error));
  memset(tm_buffer_contents(x), 0, 256);
  tm_compile_options options = TM_COMPILE_OPTIONS_INIT;
  options.signature = "*fp32, fp32, fp32";
  OK(tm_compile(&k, c, module, "scale", &options, &error));
  tm_arg args[3] = {tm_arg_buffer(x, 0), tm_arg_float(1), tm_arg_float(1)};
  for (int i = 1; i <= 3; i++) {
    OK(tm_launch(s, k, tm_grid_1d(1), args, 3, &error));
    assert_true(*(float *)tm_buffer_contents(x) == (float)i);
  }
  tm_kernel_destroy(k);
  tm_buffer_destroy(x);
  tm_stream_destroy(s);
  tm_context_destroy(c);
}

/* ---- the cache ---------------------------------------------------------- */

static void another_context_finds_the_kernel_in_the_cache(void **state) {
  tm_kernel *a = compile("add", "*fp32, *fp32, *fp32, i32, 64");
  assert_false(tm_kernel_info(a)->from_cache);
  tm_context *other = new_context();
  tm_kernel *b;
  tm_compile_options o = TM_COMPILE_OPTIONS_INIT;
  o.signature = "*fp32, *fp32, *fp32, i32, 64";
  OK(tm_compile(&b, other, module, "add", &o, &error));
  assert_true(tm_kernel_info(b)->from_cache);
  for (int stage = TM_STAGE_AST; stage <= TM_STAGE_MSL; stage++)
    assert_string_equal(tm_kernel_text(a, (tm_stage)stage),
                        tm_kernel_text(b, (tm_stage)stage));
  assert_int_equal(tm_kernel_info(a)->n_args, tm_kernel_info(b)->n_args);
  tm_kernel_destroy(b);
  /* Anything that the result depends on makes another key. */
  o.signature = "*fp32, *fp32, *fp32, i32:16, 64";
  OK(tm_compile(&b, other, module, "add", &o, &error));
  assert_false(tm_kernel_info(b)->from_cache);
  tm_kernel_destroy(b);
  o.num_warps = 2;
  OK(tm_compile(&b, other, module, "add", &o, &error));
  assert_false(tm_kernel_info(b)->from_cache);
  tm_kernel_destroy(b);
  o.cache = TM_SWITCH_OFF;
  OK(tm_compile(&b, other, module, "add", &o, &error));
  assert_false(tm_kernel_info(b)->from_cache);
  tm_kernel_destroy(b);
  tm_cache_facts facts = {.struct_size = sizeof facts};
  OK(tm_cache_stats(other, &facts, &error));
  assert_int_equal(facts.hits, 1);
  assert_int_equal(facts.stores, 2);
  assert_int_equal(facts.rows, 3);
  tm_context_destroy(other);
  tm_kernel_destroy(a);
}

static void an_edited_helper_makes_another_key(void **state) {
  tm_compile_options o = TM_COMPILE_OPTIONS_INIT;
  o.signature = "*fp32";
  static const char *const bodies[] = {"1.0", "2.0", "1.0"};
  for (int i = 0; i < 3; i++) {
    char text[300];
    snprintf(text, sizeof text,
             "import triton\nimport triton.language as tl\n\n\n"
             "@triton.jit\ndef value():\n    return %s\n\n\n"
             "@triton.jit\ndef k(x):\n    tl.store(x, value())\n",
             bodies[i]);
    tm_module *m;
    tm_kernel *k;
    OK(tm_module_parse(&m, "m", "m.py", text, strlen(text), NULL, &error));
    OK(tm_compile(&k, context, m, "k", &o, &error));
    assert_int_equal(tm_kernel_info(k)->from_cache, i == 2);
    tm_kernel_destroy(k);
    tm_module_destroy(m);
  }
}

/* A row whose checksum is right, but whose value is not ours. */
static void a_hostile_row_is_only_a_miss(void **state) {
  tm_kernel *k = compile("add", "*fp32, *fp32, *fp32, i32, 64");
  tm_kernel_destroy(k);
  tm_kernel *other = compile("scale", "*fp32, fp32, fp32");
  tm_kernel_destroy(other);
  /* Exchange the values of the two rows as a program with its own idea of
   * the file would: the store's checks do not pass, so compile again. */
  char path[100];
  snprintf(path, sizeof path, "%s/kernels.db", folder);
  sqlite3 *db;
  assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
  assert_int_equal(sqlite3_exec(db, "UPDATE row SET value=zeroblob(100)",
                                NULL, NULL, NULL),
                   SQLITE_OK);
  sqlite3_close(db);
  k = compile("add", "*fp32, *fp32, *fp32, i32, 64");
  assert_false(tm_kernel_info(k)->from_cache);
  tm_kernel_destroy(k);
  k = compile("add", "*fp32, *fp32, *fp32, i32, 64");
  assert_true(tm_kernel_info(k)->from_cache);
  tm_kernel_destroy(k);
}

/* Every change of a row's bytes is either refused or still launchable. */
static void rows_of_any_bytes_are_refused_or_sound(void **state) {
  tm_msl_arg args[3] = {
      {"x", TM_ARG_BUFFER, TM_F32, 0, 0, true, true},
      {"n", TM_ARG_SCALAR, TM_I32, 0, 0, false, false},
      {"s", TM_ARG_SCALAR, TM_F16, 0, 4, false, false}};
  tm_program program = {.msl = "kernel void k() {}", .msl_size = 18,
                        .entry = "k", .args = args, .n_args = 3,
                        .scalars_slot = 1, .scalars_size = 8,
                        .threads = 128, .threadgroup_bytes = 512,
                        .language_version = 3 << 16, .family = 7,
                        .num_warps = 4, .num_stages = 3};
  assert_true(tm_program_is_sound(&program));
  tm_arena arena;
  jmp_buf guard;
  tm_arena_init(&arena, 0);
  if (!tm_arena_guard(&arena, guard)) fail();
  tm_buf row = tm_buf_in(&arena);
  tm_program_write(&program, &row);
  tm_program read;
  assert_true(tm_program_read(&arena, row.data, row.len, &read));
  assert_string_equal(read.msl, program.msl);
  assert_int_equal(read.n_args, 3);
  assert_int_equal(read.args[2].offset, 4);
  for (size_t n = 0; n < row.len; n++) { /* cut short, on exact memory */
    char *cut = malloc(n + 1);
    memcpy(cut, row.data, n);
    assert_false(tm_program_read(&arena, cut, n, &read));
    free(cut);
  }
  unsigned accepted = 0;
  for (size_t i = 0; i < row.len * 8; i++) {
    row.data[i / 8] ^= (char)(1 << i % 8);
    if (tm_program_read(&arena, row.data, row.len, &read)) {
      accepted++;
      assert_true(tm_program_is_sound(&read));
    }
    row.data[i / 8] ^= (char)(1 << i % 8);
  }
  assert_true(accepted < row.len * 8);
  /* What no launch could bind. */
#define UNSOUND(field, value)                    \
  do {                                           \
    tm_program bad = program;                    \
    bad.field = value;                           \
    assert_false(tm_program_is_sound(&bad));     \
  } while (0)
  UNSOUND(threads, 96);
  UNSOUND(num_warps, 33);
  UNSOUND(threadgroup_bytes, 32769);
  UNSOUND(scalars_slot, 0); /* x's */
  UNSOUND(scalars_slot, 31);
  UNSOUND(scalars_size, 4); /* s is outside */
  UNSOUND(scalars_size, 4100);
  UNSOUND(entry, "k;");
  UNSOUND(entry, "");
  UNSOUND(msl_size, 17);
#undef UNSOUND
  tm_arena_free(&arena);
}

static int count_rows(void *payload, const tm_cache_entry *row) {
  assert_string_equal(row->kind, "kernel");
  assert_int_equal(strlen(row->hash), 32);
  assert_non_null(strstr(row->label, "for m"));
  ++*(int *)payload;
  return 1;
}

static void the_cache_is_listed_verified_and_cleared(void **state) {
  tm_kernel_destroy(compile("add", "*fp32, *fp32, *fp32, i32, 64"));
  tm_kernel_destroy(compile("scale", "*fp32, fp32, fp32"));
  int rows = 0;
  OK(tm_cache_list(context, count_rows, &rows, &error));
  assert_int_equal(rows, 2);
  uint64_t good, bad;
  OK(tm_cache_verify(context, &good, &bad, &error));
  assert_int_equal(good, 2);
  assert_int_equal(bad, 0);
  OK(tm_cache_clear(context, &error));
  tm_kernel *k = compile("add", "*fp32, *fp32, *fp32, i32, 64");
  assert_false(tm_kernel_info(k)->from_cache);
  tm_kernel_destroy(k);
}

/* ---- functions ---------------------------------------------------------- */

static tm_function *function_of(const char *name) {
  tm_function *f;
  OK(tm_function_create(&f, context, module, name, NULL, &error));
  return f;
}

/* Launches add and returns how many variants there are then. */
static size_t launch_add(tm_function *f, tm_buffer *x, uint64_t offset,
                         int64_t n) {
  tm_arg tensor = tm_arg_tensor(x, offset, TM_DTYPE_F32);
  tm_arg args[5] = {tensor, tensor, tensor, tm_arg_int(n), tm_arg_int(64)};
  OK(tm_function_launch(stream, f, tm_grid_1d(1), args, 5, NULL, &error));
  return tm_function_variants(f);
}

/* Triton's rules: alignment of 16, divisible by 16, equal to 1, width. */
static void variants_follow_the_arguments(void **state) {
  tm_function *f = function_of("add");
  tm_buffer *x = floats(256, 1);
  assert_int_equal(tm_function_variants(f), 0);
  assert_int_equal(launch_add(f, x, 0, 50), 1);
  assert_int_equal(launch_add(f, x, 0, 51), 1);
  assert_int_equal(launch_add(f, x, 16, 50), 1);
  assert_int_equal(launch_add(f, x, 0, 48), 2);  /* divisible by 16 */
  assert_int_equal(launch_add(f, x, 0, 32), 2);
  assert_int_equal(launch_add(f, x, 4, 50), 3);  /* not aligned to 16 */
  assert_int_equal(launch_add(f, x, 0, 1), 4);   /* the constant 1 */
  assert_int_equal(launch_add(f, x, 0, -5), 4);  /* as 50 */
  assert_int_equal(launch_add(f, x, 0, INT64_C(1) << 31 | 1), 5); /* i64 */
  synchronize();
  tm_kernel *k;
  tm_arg tensor = tm_arg_tensor(x, 0, TM_DTYPE_F32);
  tm_arg args[5] = {tensor, tensor, tensor, tm_arg_int(1), tm_arg_int(64)};
  OK(tm_function_kernel(&k, f, args, 5, NULL, &error));
  assert_int_equal(tm_kernel_info(k)->n_args, 3); /* n is no argument */
  tm_kernel_destroy(k);
  assert_int_equal(tm_function_variants(f), 5);
  tm_buffer_destroy(x);
  tm_function_destroy(f);
}

static void do_not_specialize_looks_at_types_only(void **state) {
  tm_function *f = function_of("fixed");
  tm_buffer *x;
  OK(tm_buffer_create(&x, context, 16, NULL, &error));
  tm_arg args[2] = {tm_arg_tensor(x, 0, TM_DTYPE_I32), tm_arg_int(1)};
  static const int values[] = {1, 16, 17, 0};
  for (int i = 0; i < 4; i++) {
    args[1] = tm_arg_int(values[i]);
    OK(tm_function_launch(stream, f, tm_grid_1d(1), args, 2, NULL, &error));
    synchronize();
    assert_int_equal(*(int32_t *)tm_buffer_contents(x), values[i]);
    assert_int_equal(tm_function_variants(f), 1);
  }
  tm_buffer_destroy(x);
  tm_function_destroy(f);
}

/* None, texts, dtypes; by place, by name, by default. */
static void constants_choose_variants_and_results(void **state) {
  tm_function *f = function_of("maybe");
  tm_buffer *out = floats(1, 0), *bias = floats(1, 5);
  float *p = tm_buffer_contents(out);
  tm_arg args[2] = {tm_arg_tensor(out, 0, TM_DTYPE_F32), tm_arg_none()};
  tm_define named[2] = {{"MODE", tm_arg_text("double")},
                        {"T", tm_arg_dtype(TM_DTYPE_F32)}};
  tm_launch_options o = TM_LAUNCH_OPTIONS_INIT;
  o.named = named;
  o.n_named = 2;
  OK(tm_function_launch(stream, f, tm_grid_1d(1), args, 2, &o, &error));
  synchronize();
  assert_true(*p == 4);
  args[1] = tm_arg_tensor(bias, 0, TM_DTYPE_F32);
  OK(tm_function_launch(stream, f, tm_grid_1d(1), args, 2, &o, &error));
  synchronize();
  assert_true(*p == 14);
  named[0].value = tm_arg_text("single");
  OK(tm_function_launch(stream, f, tm_grid_1d(1), args, 2, &o, &error));
  synchronize();
  assert_true(*p == 7);
  assert_int_equal(tm_function_variants(f), 3);
  refused(tm_function_launch(stream, f, tm_grid_1d(1), args, 1, &o, &error),
          TM_E_ARGUMENT, "bias");
  o.n_named = 1;
  refused(tm_function_launch(stream, f, tm_grid_1d(1), args, 2, &o, &error),
          TM_E_ARGUMENT, "'T'");
  named[0].name = "out";
  refused(tm_function_launch(stream, f, tm_grid_1d(1), args, 2, &o, &error),
          TM_E_ARGUMENT, "by place and by name");
  named[0].name = "nothing";
  refused(tm_function_launch(stream, f, tm_grid_1d(1), args, 2, &o, &error),
          TM_E_ARGUMENT, "nothing");
  args[0].dtype = TM_DTYPE_NONE;
  named[0].name = "MODE";
  o.n_named = 2;
  refused(tm_function_launch(stream, f, tm_grid_1d(1), args, 2, &o, &error),
          TM_E_ARGUMENT, "tm_arg_tensor");
  tm_buffer_destroy(out);
  tm_buffer_destroy(bias);
  tm_function_destroy(f);
}

static void defaults_and_defines_fill_in(void **state) {
  tm_buffer *x = floats(256, 0);
  float *p = tm_buffer_contents(x);
  tm_arg args[3] = {tm_arg_tensor(x, 0, TM_DTYPE_F32), tm_arg_float(0),
                    tm_arg_float(9)};
  tm_function *f = function_of("scale"); /* BLOCK = 64 */
  OK(tm_function_launch(stream, f, tm_grid_1d(1), args, 3, NULL, &error));
  synchronize();
  assert_true(p[63] == 9 && p[64] == 64);
  tm_function_destroy(f);
  char text[] = "BLOCK";
  tm_define block = {text, tm_arg_int(128)};
  tm_function_options o = TM_FUNCTION_OPTIONS_INIT;
  o.defines = &block;
  o.n_defines = 1;
  OK(tm_function_create(&f, context, module, "scale", &o, &error));
  memset(text, 'x', sizeof text - 1); /* what was passed is not kept */
  OK(tm_function_launch(stream, f, tm_grid_1d(1), args, 3, NULL, &error));
  synchronize();
  assert_true(p[127] == 9 && p[128] == 128);
  tm_function_destroy(f);
  refused(tm_function_create(&f, context, module, "scale", &o, &error),
          TM_E_ARGUMENT, "xxxxx");
  tm_buffer_destroy(x);
}

static void a_variant_that_fails_may_be_tried_again(void **state) {
  tm_function *f = function_of("add");
  tm_buffer *x = floats(256, 1);
  tm_arg tensor = tm_arg_tensor(x, 0, TM_DTYPE_F32);
  tm_arg args[5] = {tensor, tensor, tensor, tm_arg_int(7), tm_arg_int(63)};
  for (int i = 0; i < 2; i++) { /* 63 is no power of two */
    tm_status status = tm_function_launch(stream, f, tm_grid_1d(1), args, 5,
                                          NULL, &error);
    assert_true(status == TM_E_SEMANTIC || status == TM_E_UNSUPPORTED);
    refused(status, status, "power of");
  }
  assert_int_equal(tm_function_variants(f), 0);
  tm_buffer_destroy(x);
  tm_function_destroy(f);
}

/* ---- threads ------------------------------------------------------------ */

typedef struct thread_job {
  tm_function *function;
  tm_buffer *buffer;
  int failures;
} thread_job;

static void *launch_from_thread(void *payload) {
  thread_job *job = payload;
  tm_arg args[3] = {tm_arg_tensor(job->buffer, 0, TM_DTYPE_F32),
                    tm_arg_float(1), tm_arg_float(1)};
  for (int i = 0; i < 200; i++)
    if (tm_function_launch(stream, job->function, tm_grid_1d(1), args, 3,
                           NULL, NULL))
      job->failures++;
  if (tm_stream_synchronize(stream, TM_WAIT_FOREVER, NULL)) job->failures++;
  return NULL;
}

static void threads_share_a_stream_and_a_function(void **state) {
  enum { THREADS = 6 };
  tm_function *f = function_of("scale");
  pthread_t threads[THREADS];
  thread_job jobs[THREADS];
  for (int i = 0; i < THREADS; i++) {
    jobs[i] = (thread_job){f, floats(64, 0), 0};
    pthread_create(&threads[i], NULL, launch_from_thread, &jobs[i]);
  }
  for (int i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
  for (int i = 0; i < THREADS; i++) {
    assert_int_equal(jobs[i].failures, 0);
    float *p = tm_buffer_contents(jobs[i].buffer);
    for (int e = 0; e < 64; e++) assert_true(p[e] == (float)e + 200);
    tm_buffer_destroy(jobs[i].buffer);
  }
  assert_int_equal(tm_function_variants(f), 1);
  /* All six needed the variant at once; it was compiled once. */
  tm_cache_facts facts = {.struct_size = sizeof facts};
  OK(tm_cache_stats(context, &facts, &error));
  assert_int_equal(facts.stores, 1);
  assert_int_equal(facts.misses, 1);
  tm_function_destroy(f);
}

static atomic_int log_lines;
static void count_line(void *payload, uint32_t level, const char *line) {
  assert_non_null(line);
  assert_string_equal(payload, "payload");
  assert_in_range(level, 1, 3);
  atomic_fetch_add(&log_lines, 1);
}

static void the_log_goes_to_its_function(void **state) {
  static char payload[] = "payload";
  tm_context_options o = TM_CONTEXT_OPTIONS_INIT;
  o.cache = TM_SWITCH_OFF;
  o.chip = "m1";
  o.debug_level = 1;
  o.log = count_line;
  o.payload = payload;
  tm_context *c;
  OK(tm_context_create(&c, &o, &error));
  tm_kernel *k;
  tm_compile_options options = TM_COMPILE_OPTIONS_INIT;
  options.signature = "*fp32, fp32, fp32";
  OK(tm_compile(&k, c, module, "scale", &options, &error));
  assert_int_equal(log_lines, 3); /* the cache, the compile, its stages */
  tm_kernel_destroy(k);
  tm_context_destroy(c);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, end)
int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_missing_metal_is_named_and_may_come_later),
      TEST(results_are_right_at_every_edge),
      TEST(launches_of_a_stream_see_each_other),
      TEST(integers_arrive_as_their_types),
      TEST(floats_are_rounded_to_nearest_even),
      TEST(wrong_launches_are_refused_before_metal),
      TEST(the_environment_describes_the_device),
      TEST(freed_memory_is_used_again),
      TEST(memory_in_flight_is_not_handed_out),
      TEST(wrapped_memory_is_not_copied),
      TEST(a_foreign_buffer_is_imported_with_its_offset),
      TEST(sizes_beyond_the_device_are_refused),
      TEST(waits_have_a_deadline),
      TEST(force_sync_needs_no_synchronize),
      TEST(another_context_finds_the_kernel_in_the_cache),
      TEST(an_edited_helper_makes_another_key),
      TEST(a_hostile_row_is_only_a_miss),
      TEST(rows_of_any_bytes_are_refused_or_sound),
      TEST(the_cache_is_listed_verified_and_cleared),
      TEST(variants_follow_the_arguments),
      TEST(do_not_specialize_looks_at_types_only),
      TEST(constants_choose_variants_and_results),
      TEST(defaults_and_defines_fill_in),
      TEST(a_variant_that_fails_may_be_tried_again),
      TEST(threads_share_a_stream_and_a_function),
      TEST(the_log_goes_to_its_function),
#if !defined(__APPLE__)
      TEST(a_failed_batch_is_reported_once_with_its_kernels),
      TEST(a_later_launch_reports_an_earlier_failure),
      TEST(faults_of_metal_become_errors),
      cmocka_unit_test(nothing_of_metal_is_left),
#endif
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
