/* SPDX-License-Identifier: MIT */
/* test_overlap.c - launches whose buffers share memory, and kernels with more
 * buffers than Metal binds. Expected values are what the kernel says when its
 * statements run one after the other on whole tiles. */
#define _GNU_SOURCE
#include <tritonmetal.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <cmocka.h>

enum { N = 1024, MANY = 40 };

static const char source[] =
    "import triton\n"
    "import triton.language as tl\n"
    "\n\n"
    "@triton.jit\n"
    "def add(x, y, out, n, BLOCK: tl.constexpr):\n"
    "    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)\n"
    "    mask = i < n\n"
    "    tl.store(out + i, tl.load(x + i, mask) + tl.load(y + i, mask), mask)\n"
    "\n\n"
    "@triton.jit\n"
    "def move(src, dst, BLOCK: tl.constexpr):\n"
    "    i = tl.arange(0, BLOCK)\n"
    "    tl.store(dst + i, tl.load(src + i))\n"
    "\n\n"
    /* Loads between stores through another argument: with buffers that are
     * taken to be apart, the loads could all be moved to the front. */
    "@triton.jit\n"
    "def chain(x, y, n, BLOCK: tl.constexpr):\n"
    "    i = tl.arange(0, BLOCK)\n"
    "    for k in range(n):\n"
    "        a = tl.load(x + i)\n"
    "        tl.debug_barrier()\n"
    "        tl.store(y + i, a + tl.load(x + (i + 1) % BLOCK))\n"
    "        tl.debug_barrier()\n";

static tm_context *context;
static tm_module *module;
static tm_stream *stream;
static tm_error *error;

#define OK(call)                                               \
  do {                                                         \
    if (call) fail_msg("%s: %s", #call, tm_error_text(error)); \
  } while (0)

static int begin(void **state) {
  (void)state;
  tm_context_options o = TM_CONTEXT_OPTIONS_INIT;
  o.cache = TM_SWITCH_OFF;
  OK(tm_context_create(&context, &o, &error));
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
  return 0;
}

static tm_kernel *compile(const tm_module *from, const char *name,
                          const char *signature) {
  tm_kernel *k;
  tm_compile_options o = TM_COMPILE_OPTIONS_INIT;
  o.signature = signature;
  OK(tm_compile(&k, context, from, name, &o, &error));
  return k;
}

static tm_buffer *floats(size_t n) {
  tm_buffer *b;
  OK(tm_buffer_create(&b, context, n * sizeof(float), NULL, &error));
  float *p = tm_buffer_contents(b);
  for (size_t i = 0; i < n; i++) p[i] = (float)i;
  return b;
}

static void launch(tm_kernel *k, const tm_arg *args, size_t n) {
  OK(tm_launch(stream, k, tm_grid_1d(1), args, n, &error));
  OK(tm_stream_synchronize(stream, TM_WAIT_FOREVER, &error));
}

static void the_result_may_be_an_operand(void **state) {
  tm_kernel *k =
      compile(module, "add", "*fp32:16, *fp32:16, *fp32:16, i32, 1024");
  for (int place = 0; place < 3; place++) {
    tm_buffer *x = floats(N), *y = floats(N);
    tm_buffer *all[3][3] = {{x, y, x}, {x, y, y}, {x, x, x}};
    tm_arg args[4] = {tm_arg_buffer(all[place][0], 0),
                      tm_arg_buffer(all[place][1], 0),
                      tm_arg_buffer(all[place][2], 0), tm_arg_int(N - 1)};
    launch(k, args, 4);
    float *out = tm_buffer_contents(all[place][2]);
    for (int i = 0; i < N - 1; i++) assert_true(out[i] == 2 * (float)i);
    assert_true(out[N - 1] == N - 1);
    tm_buffer_destroy(x);
    tm_buffer_destroy(y);
  }
  tm_kernel_destroy(k);
}

/* A whole tile is loaded before it is stored, whichever way it moves. */
static void a_tile_may_move_within_its_buffer(void **state) {
  tm_kernel *k = compile(module, "move", "*fp32, *fp32, 1024");
  for (int by = -1; by <= 1; by += 2) {
    tm_buffer *x = floats(N + 2);
    tm_arg args[2] = {tm_arg_buffer(x, 4), tm_arg_buffer(x, (1 + by) * 4)};
    launch(k, args, 2);
    float *p = tm_buffer_contents(x);
    for (int i = 0; i < N; i++) assert_true(p[1 + by + i] == (float)(i + 1));
    assert_true(by < 0 ? p[N + 1] == N + 1 && p[N] == N : p[0] == 0 && p[1] == 1);
    tm_buffer_destroy(x);
  }
  tm_kernel_destroy(k);
}

static void a_store_through_one_argument_is_seen_through_another(void **state) {
  tm_kernel *k = compile(module, "chain", "*fp32, *fp32, i32, 256");
  tm_buffer *x = floats(256);
  double a[256], b[256];
  for (int i = 0; i < 256; i++) a[i] = i;
  for (int round = 0; round < 5; round++) {
    for (int i = 0; i < 256; i++) b[i] = a[i] + a[(i + 1) % 256];
    memcpy(a, b, sizeof a);
  }
  tm_arg args[3] = {tm_arg_buffer(x, 0), tm_arg_buffer(x, 0), tm_arg_int(5)};
  launch(k, args, 3);
  float *p = tm_buffer_contents(x);
  for (int i = 0; i < 256; i++) assert_true(p[i] == (float)a[i]);
  tm_buffer_destroy(x);
  tm_kernel_destroy(k);
}

/* The same pages behind two buffers of Metal's. */
static void two_wraps_of_the_same_memory_overlap(void **state) {
  size_t bytes = N * sizeof(float);
  float *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  assert_true(memory != MAP_FAILED);
  for (int i = 0; i < N; i++) memory[i] = (float)i;
  tm_buffer *x, *y;
  OK(tm_buffer_wrap(&x, context, memory, bytes, &error));
  OK(tm_buffer_wrap(&y, context, memory, bytes, &error));
  tm_kernel *k = compile(module, "chain", "*fp32, *fp32, i32, 1024");
  tm_arg args[3] = {tm_arg_buffer(x, 0), tm_arg_buffer(y, 0), tm_arg_int(1)};
  launch(k, args, 3);
  for (int i = 0; i < N; i++)
    assert_true(memory[i] == (float)(i + (i + 1) % N));
  tm_kernel_destroy(k);
  tm_buffer_destroy(x);
  tm_buffer_destroy(y);
  munmap(memory, bytes);
}

/* Variants of a function, from several arguments in one buffer. */
static void a_function_takes_slices_of_one_buffer(void **state) {
  tm_function *f;
  OK(tm_function_create(&f, context, module, "add", NULL, &error));
  tm_buffer *x = floats(3 * N);
  tm_arg args[5] = {tm_arg_tensor(x, 0, TM_DTYPE_F32),
                    tm_arg_tensor(x, N * 4, TM_DTYPE_F32),
                    tm_arg_tensor(x, N * 8, TM_DTYPE_F32), tm_arg_int(N),
                    tm_arg_int(N)};
  tm_launch_options o = TM_LAUNCH_OPTIONS_INIT;
  OK(tm_function_launch(stream, f, tm_grid_1d(1), args, 5, &o, &error));
  OK(tm_stream_synchronize(stream, TM_WAIT_FOREVER, &error));
  float *p = tm_buffer_contents(x);
  for (int i = 0; i < N; i++)
    assert_true(p[2 * N + i] == (float)(i + (N + i)));
  tm_buffer_destroy(x);
  tm_function_destroy(f);
}

/* Buffers apart are bound as such: the text that a user sees has no addresses
 * before a launch needs them. */
static void buffers_apart_stay_bindings(void **state) {
  tm_kernel *k = compile(module, "move", "*fp32, *fp32, 1024");
  const char *text = tm_kernel_text(k, TM_STAGE_MSL);
  assert_non_null(strstr(text, "[[buffer(1)]]"));
  assert_null(strstr(text, "ulong dst"));
  tm_kernel_destroy(k);
}

/* out[k] = in[k][0] + ... over more buffers than Metal has slots for. */
static void a_kernel_may_have_more_buffers_than_metal_binds(void **state) {
  char text[8192] = "import triton\nimport triton.language as tl\n\n\n"
                    "@triton.jit\ndef gather_all(out, scale";
  size_t at = strlen(text);
  for (int i = 0; i < MANY; i++)
    at += (size_t)snprintf(text + at, sizeof text - at, ", p%d", i);
  at += (size_t)snprintf(text + at, sizeof text - at,
                         "):\n    sum = tl.load(p0)\n");
  for (int i = 1; i < MANY; i++)
    at += (size_t)snprintf(text + at, sizeof text - at,
                           "    sum = sum * 0.5 + tl.load(p%d)\n", i);
  at += (size_t)snprintf(text + at, sizeof text - at,
                         "    tl.store(out, sum * scale)\n    tl.store(p39, "
                         "sum)\n");
  char signature[1024] = "*fp32, fp32";
  for (int i = 0; i < MANY; i++) strcat(signature, ", *fp32");
  tm_module *m;
  OK(tm_module_parse(&m, "many", "many.py", text, at, NULL, &error));
  tm_kernel *k = compile(m, "gather_all", signature);
  tm_buffer *all[MANY], *out = floats(1);
  tm_arg args[MANY + 2] = {tm_arg_buffer(out, 0), tm_arg_float(2)};
  double expected = 0;
  for (int i = 0; i < MANY; i++) {
    all[i] = floats(1);
    *(float *)tm_buffer_contents(all[i]) = (float)(i * i);
    expected = expected * 0.5 + i * i;
    args[i + 2] = tm_arg_buffer(all[i], 0);
  }
  launch(k, args, MANY + 2);
  double found = *(float *)tm_buffer_contents(out);
  double last = *(float *)tm_buffer_contents(all[MANY - 1]);
  assert_true(found > 2 * expected - 0.01 && found < 2 * expected + 0.01);
  assert_true(last > expected - 0.01 && last < expected + 0.01);
  assert_non_null(strstr(tm_kernel_text(k, TM_STAGE_MSL), "ulong p39"));
  for (int i = 0; i < MANY; i++) tm_buffer_destroy(all[i]);
  tm_buffer_destroy(out);
  tm_kernel_destroy(k);
  tm_module_destroy(m);
}

int main(void) {
  const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
      TEST(the_result_may_be_an_operand),
      TEST(a_tile_may_move_within_its_buffer),
      TEST(a_store_through_one_argument_is_seen_through_another),
      TEST(two_wraps_of_the_same_memory_overlap),
      TEST(a_function_takes_slices_of_one_buffer),
      TEST(buffers_apart_stay_bindings),
      TEST(a_kernel_may_have_more_buffers_than_metal_binds),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
