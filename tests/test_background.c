/* SPDX-License-Identifier: MIT */
/*
 * test_background.c - launches that take a variant which was promised less
 * while the one they want is compiled on another thread.
 *
 * The library logs a line on that thread before it compiles; the test's log
 * function holds the thread there, so that "meanwhile" lasts as long as a test
 * needs.
 */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "../runtime/function/function.h"

enum { N = 64, ROOM = 256 };

static tm_error *error;
static tm_context *context;
static tm_module *module;
static tm_stream *stream;
static tm_function *f;
static tm_buffer *x, *out;
static float *in, *result;

/* What the log has seen, and whether it holds the thread. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static bool holds, limits;
static int begun, ended, failed;

#define OK(call)                                               \
  do {                                                         \
    if (call) fail_msg("%s: %s", #call, tm_error_text(error)); \
  } while (0)

static void log_line(void *payload, uint32_t level, const char *line) {
  (void)payload;
  (void)level;
  pthread_mutex_lock(&lock);
  if (strstr(line, "compiled in the background")) {
    begun++;
    pthread_cond_broadcast(&changed);
    while (holds) pthread_cond_wait(&changed, &lock);
    if (limits) context->settings.max_threadgroup_bytes = 1;
  }
  if (strstr(line, "launched from now on")) ended++;
  if (strstr(line, "it failed")) failed++;
  pthread_cond_broadcast(&changed);
  pthread_mutex_unlock(&lock);
}

static void wait_for(const int *count, int n) {
  pthread_mutex_lock(&lock);
  while (*count < n) pthread_cond_wait(&changed, &lock);
  pthread_mutex_unlock(&lock);
}

static void hold(bool on) {
  pthread_mutex_lock(&lock);
  holds = on;
  pthread_cond_broadcast(&changed);
  pthread_mutex_unlock(&lock);
}

/* out[i] = x[i] - the sum of x: the sum goes through threadgroup memory. */
static const char source[] =
    "import triton\n"
    "import triton.language as tl\n"
    "@triton.jit\n"
    "def k(x, out, n, B: tl.constexpr):\n"
    "    i = tl.arange(0, B)\n"
    "    v = tl.load(x + i, i < n, other=0.0)\n"
    "    tl.store(out + i, v - tl.sum(v), i < n)\n";

static int begin(void **state) {
  (void)state;
  tm_context_options o = TM_CONTEXT_OPTIONS_INIT;
  tm_function_options options = TM_FUNCTION_OPTIONS_INIT;
  o.cache = TM_SWITCH_OFF;
  o.log = log_line;
  o.debug_level = 1;
  options.background = TM_SWITCH_ON;
  options.num_warps = 4; /* one simdgroup would keep the sum to itself */
  holds = limits = false;
  begun = ended = failed = 0;
  OK(tm_context_create(&context, &o, &error));
  OK(tm_module_parse(&module, NULL, "k.py", source, sizeof source - 1, NULL,
                     &error));
  OK(tm_stream_create(&stream, context, NULL, &error));
  OK(tm_function_create(&f, context, module, "k", &options, &error));
  OK(tm_buffer_create(&x, context, ROOM * sizeof *in, NULL, &error));
  OK(tm_buffer_create(&out, context, ROOM * sizeof *in, NULL, &error));
  in = tm_buffer_contents(x);
  result = tm_buffer_contents(out);
  for (int i = 0; i < ROOM; i++) in[i] = (float)(i % 7);
  return 0;
}

static int end(void **state) {
  (void)state;
  hold(false);
  tm_function_destroy(f);
  tm_buffer_destroy(x);
  tm_buffer_destroy(out);
  tm_stream_destroy(stream);
  tm_module_destroy(module);
  tm_context_destroy(context);
  tm_error_destroy(error);
  error = NULL;
  return 0;
}

static tm_status launch_on(tm_stream *s, tm_buffer *to, size_t first, int n,
                           tm_error **e) {
  tm_arg args[4] = {tm_arg_tensor(x, first * sizeof *in, TM_DTYPE_F32),
                    tm_arg_tensor(to, 0, TM_DTYPE_F32), tm_arg_int(n),
                    tm_arg_int(N)};
  tm_status status =
      tm_function_launch(s, f, tm_grid_1d(1), args, 4, NULL, e);
  return status ? status : tm_stream_synchronize(s, TM_WAIT_FOREVER, e);
}

/* Small integers: sums of floats are exact. */
static bool is_right(const float *got, size_t first, int n) {
  float sum = 0;
  for (int i = 0; i < n; i++) sum += in[first + (size_t)i];
  for (int i = 0; i < n; i++)
    if (got[i] != in[first + (size_t)i] - sum) return false;
  return true;
}

static void launch(size_t first, int n) {
  memset(result, 0, N * sizeof *result);
  OK(launch_on(stream, out, first, n, &error));
  assert_true(is_right(result, first, n));
}

/* What the variant for these arguments was promised of x and n. */
static void check_promises(size_t first, int n, uint32_t of_x, uint32_t of_n) {
  tm_kernel *kernel;
  tm_arg args[4] = {tm_arg_tensor(x, first * sizeof *in, TM_DTYPE_F32),
                    tm_arg_tensor(out, 0, TM_DTYPE_F32), tm_arg_int(n),
                    tm_arg_int(N)};
  OK(tm_function_kernel(&kernel, f, args, 4, NULL, &error));
  const tm_kernel_facts *facts = tm_kernel_info(kernel);
  assert_int_equal(facts->args[0].divisibility, of_x);
  assert_int_equal(facts->args[2].divisibility, of_n);
  tm_kernel_destroy(kernel);
}

static void a_variant_that_was_promised_less_is_launched_meanwhile(
    void **state) {
  (void)state;
  hold(true);
  launch(1, 7); /* out is a multiple of 16, x and n are not */
  assert_int_equal(tm_function_variants(f), 1); /* the bare one */
  hold(false);
  wait_for(&ended, 1);
  assert_int_equal(tm_function_variants(f), 2);
  hold(true);
  launch(0, 64);
  wait_for(&begun, 2);
  for (int i = 0; i < 3; i++) launch(0, 64);
  assert_int_equal(tm_function_variants(f), 2);
  assert_int_equal(begun, 2); /* one compile, however often it is wanted */
  hold(false);
  wait_for(&ended, 2);
  launch(0, 64);
  assert_int_equal(tm_function_variants(f), 3);
  check_promises(0, 64, 16, 16);
  check_promises(1, 7, 0, 0);
  assert_int_equal(tm_function_variants(f), 3);
}

/* With nothing to stand in, the first launch compiles what all can use. */
static void without_a_stand_in_the_bare_variant_is_compiled_at_once(
    void **state) {
  (void)state;
  hold(true);
  launch(0, 64);
  wait_for(&begun, 1);
  assert_int_equal(tm_function_variants(f), 1);
  launch(0, 33); /* another wanted variant: the same stands in */
  launch(2, 64);
  assert_int_equal(tm_function_variants(f), 1);
  hold(false);
  wait_for(&ended, 3);
  assert_int_equal(tm_function_variants(f), 4);
  launch(0, 64);
  launch(0, 33);
  launch(2, 64);
  assert_int_equal(tm_function_variants(f), 4);
}

/* Constants are no promises: 1 is another kernel, not a better one. */
static void constants_have_no_stand_in_of_another_value(void **state) {
  (void)state;
  launch(0, 64);
  wait_for(&ended, 1);
  hold(true);
  launch(0, 1);
  assert_int_equal(tm_function_variants(f), 3); /* bare of n == 1 */
  wait_for(&begun, 2);
  hold(false);
  wait_for(&ended, 2);
}

static void a_compile_that_fails_is_told_by_the_next_launch(void **state) {
  (void)state;
  limits = true; /* the thread's compile finds that threadgroup memory is out */
  launch(0, 64);
  wait_for(&failed, 1);
  for (int i = 0; i < 2; i++) {
    assert_int_equal(launch_on(stream, out, 0, 64, &error), TM_E_LIMIT);
    assert_non_null(strstr(tm_error_text(error), "max_shared_memory"));
    tm_error_destroy(error);
    error = NULL;
  }
  context->settings.max_threadgroup_bytes = 0;
  launch(0, 64);
  check_promises(0, 64, 16, 16);
}

static void destroying_forgets_what_is_queued(void **state) {
  (void)state;
  hold(true);
  launch(0, 64);
  launch(0, 33);
  launch(2, 64);
  wait_for(&begun, 1);
  hold(false);
} /* end() destroys the function */

typedef struct part {
  pthread_t thread;
  tm_buffer *out;
  bool wrong;
} part;

static void *launch_all(void *payload) {
  part *p = payload;
  tm_stream *own;
  tm_error *e = NULL;
  p->wrong = tm_stream_create(&own, context, NULL, &e) != TM_OK;
  for (size_t i = 0; i < 40 && !p->wrong; i++) {
    size_t first = i % 5;
    int n = i % 3 ? 48 : 33;
    p->wrong = launch_on(own, p->out, first, n, &e) != TM_OK ||
               !is_right(tm_buffer_contents(p->out), first, n);
  }
  tm_stream_destroy(own);
  tm_error_destroy(e);
  return NULL;
}

static void threads_find_right_variants_while_others_are_made(void **state) {
  (void)state;
  part parts[4] = {{.wrong = false}};
  for (int t = 0; t < 4; t++) {
    OK(tm_buffer_create(&parts[t].out, context, ROOM * sizeof *in, NULL,
                        &error));
    assert_int_equal(
        pthread_create(&parts[t].thread, NULL, launch_all, &parts[t]), 0);
  }
  for (int t = 0; t < 4; t++) {
    pthread_join(parts[t].thread, NULL);
    assert_false(parts[t].wrong);
    tm_buffer_destroy(parts[t].out);
  }
  /* x, n: both, either or none; and the one without even out's. */
  assert_in_range(tm_function_variants(f), 1, 5);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
  const struct CMUnitTest tests[] = {
      TEST(a_variant_that_was_promised_less_is_launched_meanwhile),
      TEST(without_a_stand_in_the_bare_variant_is_compiled_at_once),
      TEST(constants_have_no_stand_in_of_another_value),
      TEST(a_compile_that_fails_is_told_by_the_next_launch),
      TEST(destroying_forgets_what_is_queued),
      TEST(threads_find_right_variants_while_others_are_made),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
