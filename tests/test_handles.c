/* SPDX-License-Identifier: MIT */
/* test_handles.c - objects that are used or destroyed after they were
 * destroyed: an error or a line in the log, never more. */
#define _GNU_SOURCE
#include <tritonmetal.h>

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char source[] =
    "import triton\n"
    "import triton.language as tl\n"
    "\n\n"
    "@triton.jit\n"
    "def add(x, y, BLOCK: tl.constexpr):\n"
    "    i = tl.arange(0, BLOCK)\n"
    "    tl.store(y + i, tl.load(x + i) + 1)\n";

static tm_context *context;
static tm_module *module;
static tm_stream *stream;
static tm_kernel *kernel;
static tm_buffer *x, *y;
static tm_error *error;
static char logged[4096];
static int lines;

#define OK(call)                                               \
  do {                                                         \
    if (call) fail_msg("%s: %s", #call, tm_error_text(error)); \
  } while (0)

#define REFUSED(call, words)                                             \
  do {                                                                   \
    tm_status found = call;                                              \
    if (found != TM_E_ARGUMENT || !strstr(tm_error_text(error), words))  \
      fail_msg("%s: %s, %s", #call, tm_status_name(found),               \
               tm_error_text(error));                                    \
    tm_error_destroy(error);                                             \
    error = NULL;                                                        \
  } while (0)

/* A call that only logs. */
#define LOGGED(call, words)                                        \
  do {                                                             \
    int before = lines;                                            \
    call;                                                          \
    if (lines != before + 1 || !strstr(logged, words))             \
      fail_msg("%s logged %d lines: %s", #call, lines - before, logged); \
  } while (0)

static void read_log(void *payload, uint32_t level, const char *line) {
  if (level) return;
  snprintf(logged, sizeof logged, "%s", line);
  lines++;
}

static int begin(void **state) {
  tm_context_options o = TM_CONTEXT_OPTIONS_INIT;
  o.cache = TM_SWITCH_OFF;
  o.check_handles = TM_SWITCH_ON;
  o.log = read_log;
  lines = 0;
  OK(tm_context_create(&context, &o, &error));
  OK(tm_module_parse(&module, "ops", "ops.py", source, sizeof source - 1,
                     NULL, &error));
  OK(tm_stream_create(&stream, context, NULL, &error));
  tm_compile_options compile = TM_COMPILE_OPTIONS_INIT;
  compile.signature = "*fp32, *fp32, 64";
  OK(tm_compile(&kernel, context, module, "add", &compile, &error));
  OK(tm_buffer_create(&x, context, 256, NULL, &error));
  OK(tm_buffer_create(&y, context, 256, NULL, &error));
  return 0;
}

static int end(void **state) {
  tm_buffer_destroy(x);
  tm_buffer_destroy(y);
  tm_kernel_destroy(kernel);
  tm_stream_destroy(stream);
  tm_module_destroy(module);
  tm_context_destroy(context);
  return 0;
}

static tm_status launch(tm_kernel *k, tm_buffer *a, tm_buffer *b) {
  tm_arg args[2] = {tm_arg_buffer(a, 0), tm_arg_buffer(b, 0)};
  return tm_launch(stream, k, tm_grid_1d(1), args, 2, &error);
}

static void a_destroyed_buffer_is_not_launched(void **state) {
  tm_buffer *old = x;
  tm_buffer_destroy(old);
  REFUSED(launch(kernel, old, y), "the tm_buffer was destroyed before");
  /* A new one does not get the old one's address. */
  OK(tm_buffer_create(&x, context, 256, NULL, &error));
  assert_ptr_not_equal(x, old);
  REFUSED(launch(kernel, old, y), "tm_buffer");
  LOGGED(tm_buffer_destroy(old), "tm_buffer_destroy: the tm_buffer");
  LOGGED(assert_null(tm_buffer_contents(old)), "tm_buffer_contents");
  LOGGED(assert_int_equal(tm_buffer_size(old), 0), "tm_buffer_size");
  LOGGED(assert_null(tm_buffer_metal(old, NULL)), "tm_buffer_metal");
  uint64_t address;
  REFUSED(tm_buffer_gpu_address(old, &address, &error), "tm_buffer");
  REFUSED(tm_buffer_write_back(old, &error), "tm_buffer");
  tm_descriptor d = TM_DESCRIPTOR_INIT;
  d.buffer = old;
  tm_arg inside[1] = {tm_arg_descriptor(&d)};
  tm_arg tuple[2] = {tm_arg_tuple(inside, 1), tm_arg_buffer(y, 0)};
  REFUSED(tm_launch(stream, kernel, tm_grid_1d(1), tuple, 2, &error),
          "tm_buffer");
  OK(launch(kernel, x, y));
  OK(tm_stream_synchronize(stream, TM_WAIT_FOREVER, &error));
}

static void other_objects_are_not_used_after_their_end(void **state) {
  tm_stream *s;
  tm_kernel *k;
  tm_event *event;
  tm_function *f;
  tm_compile_options o = TM_COMPILE_OPTIONS_INIT;
  o.signature = "*fp32, *fp32, 64";
  OK(tm_stream_create(&s, context, NULL, &error));
  tm_stream_destroy(s);
  REFUSED(tm_stream_synchronize(s, 0, &error), "tm_stream was destroyed");
  REFUSED(tm_stream_flush(s, &error), "tm_stream");
  LOGGED(assert_int_equal(tm_stream_read_printed(s, NULL, 0), 0), "printed");
  LOGGED(tm_stream_destroy(s), "tm_stream_destroy");
  OK(tm_compile(&k, context, module, "add", &o, &error));
  tm_kernel_destroy(k);
  REFUSED(launch(k, x, y), "tm_kernel was destroyed");
  REFUSED(tm_kernel_load(k, &error), "tm_kernel");
  LOGGED(assert_null(tm_kernel_info(k)), "tm_kernel_info");
  LOGGED(assert_null(tm_kernel_text(k, TM_STAGE_MSL)), "tm_kernel_text");
  LOGGED(tm_kernel_destroy(k), "tm_kernel_destroy");
  OK(tm_event_create(&event, context, &error));
  tm_event_destroy(event);
  REFUSED(tm_event_record(event, stream, &error), "tm_event was destroyed");
  REFUSED(tm_event_synchronize(event, 0, &error), "tm_event");
  LOGGED(tm_event_destroy(event), "tm_event_destroy");
  OK(tm_function_create(&f, context, module, "add", NULL, &error));
  tm_function_destroy(f);
  REFUSED(tm_function_launch(stream, f, tm_grid_1d(1), NULL, 0, NULL, &error),
          "tm_function was destroyed");
  LOGGED(assert_int_equal(tm_function_variants(f), 0), "variants");
  LOGGED(tm_function_destroy(f), "tm_function_destroy");
}

static void modules_builders_and_graphs_have_an_end_too(void **state) {
  tm_module *m;
  tm_ast *ast;
  tm_graph *graph;
  tm_compile_options o = TM_COMPILE_OPTIONS_INIT;
  OK(tm_module_parse(&m, "b", "b.py", source, sizeof source - 1, NULL,
                     &error));
  tm_module_destroy(m);
  REFUSED(tm_compile(&(tm_kernel *){NULL}, context, m, "add", &o, &error),
          "tm_module was destroyed");
  REFUSED(tm_module_add(m, "c", "c.py", "", 0, NULL, &error), "tm_module");
  LOGGED(assert_int_equal(tm_module_kernel_count(m), 0), "kernel_count");
  LOGGED(assert_null(tm_module_text(m)), "tm_module_text");
  LOGGED(tm_module_destroy(m), "tm_module_destroy");
  OK(tm_ast_create(&ast, "b", &error));
  tm_ast_destroy(ast);
  LOGGED(assert_null(tm_ast_int(ast, 1)), "tm_ast_int");
  REFUSED(tm_ast_finish(&m, ast, &error), "tm_ast was destroyed");
  LOGGED(tm_ast_destroy(ast), "tm_ast_destroy");
  OK(tm_graph_begin(stream, NULL, &error));
  OK(launch(kernel, x, y));
  OK(tm_graph_end(&graph, stream, &error));
  tm_graph_destroy(graph);
  REFUSED(tm_graph_launch(stream, graph, &error), "tm_graph was destroyed");
  LOGGED(tm_graph_destroy(graph), "tm_graph_destroy");
}

static void contexts_and_errors_have_an_end_too(void **state) {
  tm_context *c;
  tm_stream *s;
  OK(tm_context_create(&c, NULL, &error));
  tm_context_destroy(c);
  REFUSED(tm_stream_create(&s, c, NULL, &error), "tm_context was destroyed");
  LOGGED(tm_memory_trim(c), "tm_memory_trim");
  LOGGED(tm_context_destroy(c), "tm_context_destroy");
  assert_int_equal(tm_stream_create(&s, NULL, NULL, &error), TM_E_ARGUMENT);
  tm_error *old = error;
  error = NULL;
  tm_error_destroy(old);
  LOGGED(assert_string_equal(tm_error_message(old), ""), "tm_error_message");
  LOGGED(tm_error_destroy(old), "tm_error_destroy");
}

/* "Objects may be destroyed in any order": what others keep alive works on. */
static void what_others_keep_is_still_used_by_them(void **state) {
  tm_context *c;
  tm_module *m;
  tm_stream *s;
  tm_function *f;
  tm_buffer *b;
  tm_kernel *first, *again;
  tm_context_options o = TM_CONTEXT_OPTIONS_INIT;
  o.cache = TM_SWITCH_OFF;
  OK(tm_context_create(&c, &o, &error));
  OK(tm_module_parse(&m, "ops", "ops.py", source, sizeof source - 1, NULL,
                     &error));
  OK(tm_stream_create(&s, c, NULL, &error));
  OK(tm_function_create(&f, c, m, "add", NULL, &error));
  OK(tm_buffer_create(&b, c, 256, NULL, &error));
  tm_module_destroy(m);
  tm_context_destroy(c);
  tm_arg args[3] = {tm_arg_tensor(b, 0, TM_DTYPE_F32),
                    tm_arg_tensor(b, 0, TM_DTYPE_F32), tm_arg_int(64)};
  float *p = tm_buffer_contents(b);
  memset(p, 0, 256);
  OK(tm_function_launch(s, f, tm_grid_1d(1), args, 3, NULL, &error));
  /* Two holds on one kernel: each is given up once. */
  OK(tm_function_kernel(&first, f, args, 3, NULL, &error));
  OK(tm_function_kernel(&again, f, args, 3, NULL, &error));
  assert_ptr_equal(first, again);
  tm_kernel_destroy(first);
  OK(tm_kernel_load(again, &error));
  tm_kernel_destroy(again);
  OK(tm_function_launch(s, f, tm_grid_1d(1), args, 3, NULL, &error));
  LOGGED(tm_kernel_destroy(again), "tm_kernel_destroy");
  OK(tm_stream_synchronize(s, TM_WAIT_FOREVER, &error));
  for (int i = 0; i < 64; i++) assert_true(p[i] == 2);
  /* A graph keeps its kernel and buffers; a changed number plans it anew. */
  tm_graph *graph;
  tm_kernel *k;
  OK(tm_function_kernel(&k, f, args, 3, NULL, &error));
  OK(tm_graph_begin(s, NULL, &error));
  OK(tm_launch(s, k, tm_grid_1d(1), args, 2, &error));
  tm_kernel_destroy(k);
  OK(tm_graph_end(&graph, s, &error));
  tm_function_destroy(f);
  OK(tm_graph_launch(s, graph, &error));
  OK(tm_stream_synchronize(s, TM_WAIT_FOREVER, &error));
  assert_true(p[63] == 3);
  tm_buffer_destroy(b);
  OK(tm_graph_launch(s, graph, &error));
  OK(tm_stream_synchronize(s, TM_WAIT_FOREVER, &error));
  tm_graph_destroy(graph);
  tm_stream_destroy(s);
  assert_int_equal(lines, 1);
}

static void one_kind_is_not_taken_for_another(void **state) {
  REFUSED(tm_stream_flush((tm_stream *)x, &error),
          "a tm_buffer was given as the tm_stream");
  REFUSED(launch((tm_kernel *)stream, x, y),
          "a tm_stream was given as the tm_kernel");
  LOGGED(tm_buffer_destroy((tm_buffer *)kernel),
         "a tm_kernel was given as the tm_buffer");
}

static void many_objects_come_and_go(void **state) {
  enum { MANY = 3000 };
  static tm_buffer *all[MANY];
  for (int turn = 0; turn < 3; turn++) {
    for (int i = 0; i < MANY; i++)
      OK(tm_buffer_create(&all[i], context, 64, NULL, &error));
    for (int i = 0; i < MANY; i++) assert_int_equal(tm_buffer_size(all[i]), 64);
    for (int i = 0; i < MANY; i++) tm_buffer_destroy(all[i]);
    LOGGED(tm_buffer_destroy(all[MANY - 1]), "tm_buffer_destroy");
  }
  assert_int_equal(lines, 3);
}

static void *come_and_go(void *failures) {
  for (int i = 0; i < 3000; i++) {
    tm_buffer *b;
    if (tm_buffer_create(&b, context, 64, NULL, NULL) ||
        tm_buffer_size(b) != 64)
      ++*(int *)failures;
    else
      tm_buffer_destroy(b);
  }
  return NULL;
}

static void threads_do_not_disturb_each_other(void **state) {
  pthread_t threads[4];
  int failures[4] = {0};
  for (int i = 0; i < 4; i++)
    assert_int_equal(
        pthread_create(&threads[i], NULL, come_and_go, &failures[i]), 0);
  for (int i = 0; i < 4; i++) {
    pthread_join(threads[i], NULL);
    assert_int_equal(failures[i], 0);
  }
  assert_int_equal(lines, 0);
}

static void a_switch_that_is_none_is_refused(void **state) {
  tm_context *c;
  tm_context_options o = TM_CONTEXT_OPTIONS_INIT;
  o.check_handles = (tm_switch)3;
  REFUSED(tm_context_create(&c, &o, &error), "switch");
}

int main(void) {
  const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
      TEST(a_destroyed_buffer_is_not_launched),
      TEST(other_objects_are_not_used_after_their_end),
      TEST(modules_builders_and_graphs_have_an_end_too),
      TEST(contexts_and_errors_have_an_end_too),
      TEST(what_others_keep_is_still_used_by_them),
      TEST(one_kind_is_not_taken_for_another),
      TEST(many_objects_come_and_go),
      TEST(threads_do_not_disturb_each_other),
      TEST(a_switch_that_is_none_is_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
