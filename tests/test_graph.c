/* SPDX-License-Identifier: MIT */
/*
 * test_graph.c - recorded launches: what a replay computes, what may be
 * changed between replays, and that a replay keeps every promise of a launch.
 * Expected values are plain C. What is fused is test_fuse.c's; here graphs
 * are tried with and without it.
 */
#define _GNU_SOURCE /* setenv */
#include "support/device.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { N = 1000, BLOCK = 256, PROGRAMS = (N + BLOCK - 1) / BLOCK };

static const char source[] =
    "import triton\n"
    "import triton.language as tl\n"
    "\n\n"
    "@triton.jit\n"
    "def add(x, y, out, n, BLOCK: tl.constexpr):\n"
    "    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)\n"
    "    m = i < n\n"
    "    tl.store(out + i, tl.load(x + i, m) + tl.load(y + i, m), m)\n"
    "\n\n"
    "@triton.jit\n"
    "def scale(x, out, by, n, BLOCK: tl.constexpr):\n"
    "    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)\n"
    "    m = i < n\n"
    "    tl.store(out + i, tl.load(x + i, m) * by, m)\n"
    "\n\n"
    "@triton.jit\n"
    "def shout(x, n, BLOCK: tl.constexpr):\n"
    "    tl.device_print('x', tl.load(x + n))\n"
    "\n\n"
    "@triton.jit\n"
    "def chase(table, out, BLOCK: tl.constexpr):\n"
    "    i = tl.arange(0, BLOCK)\n"
    "    p = tl.load(table).to(tl.pointer_type(tl.float32))\n"
    "    tl.store(out + i, tl.load(p + i) * 2)\n";

#define ADD "*fp32, *fp32, *fp32, i32, 256"
#define SCALE "*fp32, *fp32, fp32, i32, 256"

static device_test t;
static tm_kernel *add, *scale;
static tm_error *error;

#define OK(call)                                                \
  do {                                                          \
    if (call) fail_msg("%s: %s", #call, tm_error_text(error));  \
  } while (0)
/* The call fails with the status and a message that has the words. */
#define FAILS(call, status, words)                                      \
  do {                                                                  \
    assert_int_equal(call, status);                                     \
    if (!strstr(tm_error_message(error), words))                        \
      fail_msg("'%s' has no '%s'", tm_error_message(error), words);     \
    tm_error_destroy(error);                                            \
    error = NULL;                                                       \
  } while (0)

static tm_kernel *compile(const char *name, const char *signature) {
  tm_kernel *k;
  tm_compile_options o = TM_COMPILE_OPTIONS_INIT;
  o.signature = signature;
  OK(tm_compile(&k, t.context, t.module, name, &o, &error));
  return k;
}

static int begin(void **state) {
  (void)state;
  t = device_open(NULL, source);
  add = compile("add", ADD);
  scale = compile("scale", SCALE);
  return 0;
}

static int end(void **state) {
  (void)state;
  tm_kernel_destroy(add);
  tm_kernel_destroy(scale);
  device_close(&t);
  return 0;
}

/* N floats: first, first + 1, ... */
static tm_buffer *floats(float first) {
  tm_buffer *b = device_array(&t, N, sizeof(float));
  float *p = tm_buffer_contents(b);
  for (int i = 0; i < N; i++) p[i] = first + (float)i;
  return b;
}

static float at(const tm_buffer *b, int i) {
  return ((const float *)tm_buffer_contents(b))[i];
}

static void launch_add(tm_buffer *x, tm_buffer *y, tm_buffer *out) {
  tm_arg args[4] = {tm_arg_buffer(x, 0), tm_arg_buffer(y, 0),
                    tm_arg_buffer(out, 0), tm_arg_int(N)};
  OK(tm_launch(t.stream, add, tm_grid_1d(PROGRAMS), args, 4, &error));
}

static void launch_scale(tm_buffer *x, tm_buffer *out, double by) {
  tm_arg args[4] = {tm_arg_buffer(x, 0), tm_arg_buffer(out, 0),
                    tm_arg_float(by), tm_arg_int(N)};
  OK(tm_launch(t.stream, scale, tm_grid_1d(PROGRAMS), args, 4, &error));
}

static void record(bool fuse) {
  tm_graph_options o = TM_GRAPH_OPTIONS_INIT;
  o.fuse = fuse ? TM_SWITCH_ON : TM_SWITCH_OFF;
  OK(tm_graph_begin(t.stream, &o, &error));
}

static tm_graph *recorded(void) {
  tm_graph *graph;
  OK(tm_graph_end(&graph, t.stream, &error));
  return graph;
}

static void replay(tm_graph *graph) {
  OK(tm_graph_launch(t.stream, graph, &error));
}

static void await(void) {
  OK(tm_stream_synchronize(t.stream, TM_WAIT_FOREVER, &error));
}

/* ---- recording and replaying -------------------------------------------- */

static void nothing_runs_before_the_graph_is_launched(void **state) {
  (void)state;
  tm_buffer *x = floats(0), *out = floats(-1);
  record(false);
  launch_add(x, x, out);
  await();
  tm_graph *graph = recorded();
  await();
  assert_int_equal(tm_graph_nodes(graph), 1);
  for (int i = 0; i < N; i++) assert_true(at(out, i) == (float)(i - 1));
  replay(graph);
  await();
  for (int i = 0; i < N; i++) assert_true(at(out, i) == (float)(2 * i));
  tm_graph_destroy(graph);
  tm_buffer_destroy(x);
  tm_buffer_destroy(out);
}

/* x' = (x + y) * 2 in three buffers, a hundred launches; then launches that
 * are not recorded see the result. */
static void a_replay_computes_what_the_launches_do(void **state) {
  (void)state;
  for (int fuse = 0; fuse < 2; fuse++) {
    tm_buffer *x = floats(0), *y = floats(3), *z = floats(0);
    record(fuse);
    for (int k = 0; k < 5; k++) {
      launch_add(x, y, z);
      launch_scale(z, x, 0.5 + k);
    }
    tm_graph *graph = recorded();
    double want[N];
    for (int i = 0; i < N; i++) {
      double a = i, b = 3 + i;
      for (int round = 0; round < 2; round++)
        for (int k = 0; k < 5; k++)
          a = (double)(float)((double)(float)(a + b) * (0.5 + k));
      want[i] = a + b;
    }
    replay(graph);
    replay(graph);
    launch_add(x, y, z);
    await();
    for (int i = 0; i < N; i++) assert_true(at(z, i) == (float)want[i]);
    tm_graph_destroy(graph);
    tm_buffer_destroy(x);
    tm_buffer_destroy(y);
    tm_buffer_destroy(z);
  }
}

static uint64_t barriers(void) {
  tm_stream_facts facts = {.struct_size = sizeof facts};
  OK(tm_stream_info(t.stream, &facts, &error));
  return facts.barriers;
}

/* Two that are apart, then two that read both: one barrier in between, and one
 * before each replay that others went before. */
static void a_graph_waits_only_where_it_must(void **state) {
  (void)state;
  tm_buffer *x = floats(1), *a = floats(0), *b = floats(0), *c = floats(0);
  tm_buffer *d = floats(0), *e = floats(0);
  record(false);
  launch_scale(x, a, 2);
  launch_scale(x, b, 3);
  launch_add(a, b, c);
  launch_add(b, a, d);
  tm_graph *graph = recorded();
  await();
  uint64_t before = barriers();
  replay(graph);
  assert_int_equal(barriers() - before, 1);
  replay(graph);
  assert_int_equal(barriers() - before, 3);
  launch_scale(d, e, 2);
  assert_int_equal(barriers() - before, 4);
  await();
  for (int i = 0; i < N; i++) {
    assert_true(at(c, i) == 5 * (float)(1 + i));
    assert_true(at(e, i) == 10 * (float)(1 + i));
  }
  /* A buffer that two launches now share: the second waits for the first. */
  OK(tm_graph_replace_buffer(graph, x, b, &error));
  before = barriers();
  replay(graph);
  assert_int_equal(barriers() - before, 2);
  await();
  for (int i = 0; i < N; i++) /* b = 3 (1 + i), a = 2 b, b = 3 b */
    assert_true(at(c, i) == 15 * (float)(1 + i));
  tm_graph_destroy(graph);
  tm_buffer *all[] = {x, a, b, c, d, e};
  for (int i = 0; i < 6; i++) tm_buffer_destroy(all[i]);
}

static void functions_are_recorded(void **state) {
  (void)state;
  tm_buffer *x = floats(1), *out = floats(0);
  tm_function *f;
  OK(tm_function_create(&f, t.context, t.module, "add", NULL, &error));
  tm_arg args[5] = {tm_arg_tensor(x, 0, TM_DTYPE_F32),
                    tm_arg_tensor(x, 0, TM_DTYPE_F32),
                    tm_arg_tensor(out, 0, TM_DTYPE_F32), tm_arg_int(N),
                    tm_arg_int(BLOCK)};
  record(true);
  OK(tm_function_launch(t.stream, f, tm_grid_1d(PROGRAMS), args, 5, NULL,
                        &error));
  tm_graph *graph = recorded();
  tm_function_destroy(f);
  replay(graph);
  await();
  for (int i = 0; i < N; i++) assert_true(at(out, i) == (float)(2 + 2 * i));
  tm_graph_destroy(graph);
  tm_buffer_destroy(x);
  tm_buffer_destroy(out);
}

static void a_graph_runs_on_another_stream(void **state) {
  (void)state;
  tm_buffer *x = floats(1), *out = floats(0);
  tm_stream *other;
  OK(tm_stream_create(&other, t.context, NULL, &error));
  record(false);
  launch_scale(x, out, 3);
  tm_graph *graph = recorded();
  OK(tm_graph_launch(other, graph, &error));
  OK(tm_stream_synchronize(other, TM_WAIT_FOREVER, &error));
  for (int i = 0; i < N; i++) assert_true(at(out, i) == 3 * (float)(1 + i));
  tm_graph_destroy(graph);
  tm_stream_destroy(other);
  tm_buffer_destroy(x);
  tm_buffer_destroy(out);
}

static void an_empty_graph_does_nothing(void **state) {
  (void)state;
  record(true);
  tm_graph *graph = recorded();
  assert_int_equal(tm_graph_nodes(graph), 0);
  assert_int_equal(tm_graph_dispatches(graph), 0);
  replay(graph);
  await();
  tm_graph_destroy(graph);
}

/* ---- changing ----------------------------------------------------------- */

static void buffers_are_replaced_everywhere(void **state) {
  (void)state;
  for (int fuse = 0; fuse < 2; fuse++) {
    tm_buffer *x = floats(0), *mid = floats(0), *out = floats(0);
    tm_buffer *x2 = floats(100), *out2 = floats(0);
    record(fuse);
    launch_add(x, x, mid);
    launch_add(mid, x, out);
    tm_graph *graph = recorded();
    replay(graph);
    OK(tm_graph_replace_buffer(graph, x, x2, &error));
    OK(tm_graph_replace_buffer(graph, out, out2, &error));
    replay(graph);
    await();
    for (int i = 0; i < N; i++) {
      assert_true(at(out, i) == 3 * (float)i);
      assert_true(at(out2, i) == 3 * (float)(100 + i));
    }
    tm_graph_destroy(graph);
    tm_buffer_destroy(x);
    tm_buffer_destroy(x2);
    tm_buffer_destroy(mid);
    tm_buffer_destroy(out);
    tm_buffer_destroy(out2);
  }
}

/* Every replay reads its own numbers although they are changed at once. */
static void numbers_are_changed_while_replays_are_in_flight(void **state) {
  (void)state;
  for (int shared = 0; shared < 2; shared++) {
    tm_buffer *x = floats(1), *y = floats(0), *z = floats(0);
    tm_buffer *outs[20];
    record(false);
    launch_scale(x, y, 1);
    launch_scale(x, z, shared ? 1 : 7);
    tm_graph *graph = recorded();
    for (int k = 0; k < 20; k++) {
      outs[k] = floats(0);
      OK(tm_graph_set_arg(graph, 0, 2, tm_arg_float(k), &error));
      OK(tm_graph_set_arg(graph, 0, 1, tm_arg_buffer(outs[k], 0), &error));
      replay(graph);
    }
    await();
    for (int k = 0; k < 20; k++) {
      for (int i = 0; i < N; i++)
        assert_true(at(outs[k], i) == (float)(k * (1 + i)));
      tm_buffer_destroy(outs[k]);
    }
    for (int i = 0; i < N; i++)
      assert_true(at(z, i) == (shared ? 1 : 7) * (float)(1 + i));
    tm_graph_destroy(graph);
    tm_buffer_destroy(x);
    tm_buffer_destroy(y);
    tm_buffer_destroy(z);
  }
}

/* The size decides how much is written: 1000, then 10. */
static void a_size_may_shrink(void **state) {
  (void)state;
  for (int fuse = 0; fuse < 2; fuse++) {
    tm_buffer *x = floats(1), *y = floats(0), *z = floats(0);
    record(fuse);
    launch_scale(x, y, 2);
    launch_scale(y, z, 2);
    tm_graph *graph = recorded();
    OK(tm_graph_set_arg(graph, 0, 3, tm_arg_int(20), &error));
    OK(tm_graph_set_arg(graph, 1, 3, tm_arg_int(10), &error));
    replay(graph);
    await();
    for (int i = 0; i < N; i++) {
      assert_true(at(y, i) == (i < 20 ? 2 * (float)(1 + i) : (float)i));
      assert_true(at(z, i) == (i < 10 ? 4 * (float)(1 + i) : (float)i));
    }
    OK(tm_graph_set_arg(graph, 0, 3, tm_arg_int(N), &error));
    OK(tm_graph_set_arg(graph, 1, 3, tm_arg_int(N), &error));
    replay(graph);
    await();
    for (int i = 0; i < N; i++) assert_true(at(z, i) == 4 * (float)(1 + i));
    tm_graph_destroy(graph);
    tm_buffer_destroy(x);
    tm_buffer_destroy(y);
    tm_buffer_destroy(z);
  }
}

static void a_changed_argument_is_checked_as_a_launch_checks_it(void **state) {
  (void)state;
  tm_buffer *x = floats(1), *out = floats(0), *tiny, *foreign;
  tm_context *elsewhere;
  OK(tm_context_create(&elsewhere, NULL, &error));
  OK(tm_buffer_create(&foreign, elsewhere, 4096, NULL, &error));
  OK(tm_buffer_create(&tiny, t.context, 2, NULL, &error));
  tm_kernel *even = compile("scale", "*fp32, *fp32, fp32, i32:16, 256");
  record(true);
  tm_arg args[4] = {tm_arg_buffer(x, 4), tm_arg_buffer(out, 0),
                    tm_arg_float(2), tm_arg_int(16)};
  OK(tm_launch(t.stream, even, tm_grid_1d(1), args, 4, &error));
  tm_graph *graph = recorded();
  FAILS(tm_graph_set_arg(graph, 0, 3, tm_arg_int(17), &error), TM_E_ARGUMENT,
        "kernel 'scale': argument 3 ('n') is 17");
  FAILS(tm_graph_set_arg(graph, 0, 3, tm_arg_buffer(x, 0), &error),
        TM_E_ARGUMENT, "not an integer");
  FAILS(tm_graph_set_arg(graph, 0, 4, tm_arg_int(1), &error), TM_E_ARGUMENT,
        "there is no number 4");
  FAILS(tm_graph_set_arg(graph, 1, 0, tm_arg_int(1), &error), TM_E_ARGUMENT,
        "node");
  FAILS(tm_graph_replace_buffer(graph, x, tiny, &error), TM_E_ARGUMENT,
        "starts at byte 4 of a buffer of 2");
  FAILS(tm_graph_replace_buffer(graph, x, foreign, &error), TM_E_ARGUMENT,
        "another context");
  FAILS(tm_graph_replace_buffer(graph, tiny, x, &error), TM_E_ARGUMENT,
        "no argument of the graph");
  replay(graph); /* as it was */
  await();
  for (int i = 0; i < 16; i++) assert_true(at(out, i) == 2 * (float)(2 + i));
  assert_true(at(out, 16) == 16);
  tm_graph_destroy(graph);
  tm_kernel_destroy(even);
  tm_buffer_destroy(x);
  tm_buffer_destroy(out);
  tm_buffer_destroy(tiny);
  tm_buffer_destroy(foreign);
  tm_context_destroy(elsewhere);
}

/* ---- fused ---------------------------------------------------------------- */

/* x -> mid -> out, both by scale. */
static tm_graph *two_scales(tm_buffer *x, tm_buffer *mid, tm_buffer *out,
                            bool temporary) {
  tm_graph_options o = TM_GRAPH_OPTIONS_INIT;
  o.temporaries = &mid;
  o.n_temporaries = temporary;
  OK(tm_graph_begin(t.stream, &o, &error));
  launch_scale(x, mid, 2);
  launch_scale(mid, out, 3);
  return recorded();
}

static void expect_six(const tm_buffer *out, float first, int n) {
  for (int i = 0; i < N; i++)
    assert_true(at(out, i) == (i < n ? 6 * (first + (float)i) : (float)i));
}

static void a_temporary_is_not_written(void **state) {
  (void)state;
  tm_buffer *x = floats(1), *mid = floats(0), *out = floats(0);
  tm_graph *graph = two_scales(x, mid, out, true);
  assert_int_equal(tm_graph_nodes(graph), 2);
  assert_int_equal(tm_graph_dispatches(graph), 1);
  replay(graph);
  await();
  expect_six(out, 1, N);
  for (int i = 0; i < N; i++) assert_true(at(mid, i) == (float)i);
  tm_graph_destroy(graph);
  tm_buffer_destroy(x);
  tm_buffer_destroy(mid);
  tm_buffer_destroy(out);
}

/* What another launch reads, a part of it, or the host by address. */
static void a_temporary_that_is_seen_is_written(void **state) {
  (void)state;
  for (int how = 0; how < 3; how++) {
    tm_buffer *x = floats(1), *mid = floats(0), *out = floats(0);
    tm_buffer *other = floats(0);
    tm_graph_options o = TM_GRAPH_OPTIONS_INIT;
    o.temporaries = &mid;
    o.n_temporaries = 1;
    OK(tm_graph_begin(t.stream, &o, &error));
    launch_scale(x, mid, 2);
    launch_scale(mid, out, 3);
    if (how == 0) { /* on another grid: not of the fused kernel */
      tm_arg args[4] = {tm_arg_buffer(mid, 0), tm_arg_buffer(other, 0),
                        tm_arg_float(1), tm_arg_int(100)};
      OK(tm_launch(t.stream, scale, tm_grid_1d(1), args, 4, &error));
    } else if (how == 1) {
      tm_arg args[4] = {tm_arg_buffer(mid, 400), tm_arg_buffer(other, 0),
                        tm_arg_float(1), tm_arg_int(100)};
      OK(tm_launch(t.stream, scale, tm_grid_1d(1), args, 4, &error));
    } else {
      uint64_t address;
      OK(tm_buffer_gpu_address(mid, &address, &error));
    }
    tm_graph *graph = recorded();
    assert_int_equal(tm_graph_dispatches(graph), how == 2 ? 1 : 2);
    replay(graph);
    await();
    expect_six(out, 1, N);
    for (int i = 0; i < N; i++) assert_true(at(mid, i) == 2 * (float)(1 + i));
    if (how < 2)
      assert_true(at(other, 7) == 2 * (float)(how ? 1 + 107 : 1 + 7));
    tm_graph_destroy(graph);
    tm_buffer_destroy(x);
    tm_buffer_destroy(mid);
    tm_buffer_destroy(out);
    tm_buffer_destroy(other);
  }
}

/* Two sizes that were taken to be one are changed: to one again, then apart. */
static void numbers_that_were_one_may_part(void **state) {
  (void)state;
  tm_buffer *x = floats(1), *mid = floats(0), *out = floats(0);
  tm_graph *graph = two_scales(x, mid, out, false);
  assert_int_equal(tm_graph_dispatches(graph), 1);
  for (size_t node = 0; node < 2; node++)
    OK(tm_graph_set_arg(graph, node, 3, tm_arg_int(500), &error));
  replay(graph);
  await();
  expect_six(out, 1, 500);
  assert_int_equal(tm_graph_dispatches(graph), 1);
  OK(tm_graph_set_arg(graph, 1, 3, tm_arg_int(600), &error));
  replay(graph);
  await();
  /* 500 to 599 of mid were never written: they are as they began. */
  for (int i = 0; i < N; i++) {
    float want = i < 500 ? 6 * (float)(1 + i) : i < 600 ? 3 * (float)i
                                                        : (float)i;
    assert_true(at(out, i) == want);
  }
  assert_int_equal(tm_graph_dispatches(graph), 2);
  assert_non_null(strstr(tm_graph_report(graph), "not known to be within"));
  /* A narrower reader is fused again. */
  OK(tm_graph_set_arg(graph, 1, 3, tm_arg_int(400), &error));
  assert_int_equal(tm_graph_dispatches(graph), 1);
  replay(graph);
  await();
  assert_true(at(out, 399) == 6 * 400.0f && at(out, 400) == 6 * 401.0f);
  tm_graph_destroy(graph);
  tm_buffer_destroy(x);
  tm_buffer_destroy(mid);
  tm_buffer_destroy(out);
}

/* The buffer in between becomes the first one's input, and then its own. */
static void buffers_that_come_to_be_one_are_looked_at_again(void **state) {
  (void)state;
  tm_buffer *x = floats(1), *mid = floats(0), *out = floats(0);
  tm_graph *graph = two_scales(x, mid, out, true);
  OK(tm_graph_replace_buffer(graph, out, x, &error));
  replay(graph);
  await();
  for (int i = 0; i < N; i++) assert_true(at(x, i) == 6 * (float)(1 + i));
  tm_buffer *all = device_array(&t, 2 * N, sizeof(float));
  memcpy(tm_buffer_contents(all), tm_buffer_contents(x), N * sizeof(float));
  OK(tm_graph_replace_buffer(graph, x, all, &error));
  OK(tm_graph_set_arg(graph, 0, 1, tm_arg_buffer(all, 4), &error));
  OK(tm_graph_set_arg(graph, 1, 0, tm_arg_buffer(all, 4), &error));
  assert_int_equal(tm_graph_dispatches(graph), 2);
  assert_non_null(strstr(tm_graph_report(graph), "share memory"));
  tm_graph_destroy(graph);
  tm_buffer_destroy(all);
  tm_buffer_destroy(x);
  tm_buffer_destroy(mid);
  tm_buffer_destroy(out);
}

static void a_factor_is_changed_in_a_fused_kernel(void **state) {
  (void)state;
  tm_buffer *x = floats(1), *mid = floats(0);
  tm_buffer *outs[8];
  tm_buffer *out = floats(0);
  tm_graph *graph = two_scales(x, mid, out, true);
  for (int k = 0; k < 8; k++) {
    outs[k] = floats(0);
    OK(tm_graph_replace_buffer(graph, k ? outs[k - 1] : out, outs[k],
                               &error));
    OK(tm_graph_set_arg(graph, k & 1, 2, tm_arg_float(k), &error));
    replay(graph);
  }
  await();
  double by[2] = {2, 3};
  for (int k = 0; k < 8; k++) {
    by[k & 1] = k;
    for (int i = 0; i < N; i++)
      assert_true(at(outs[k], i) == (float)(by[0] * by[1] * (1 + i)));
    tm_buffer_destroy(outs[k]);
  }
  assert_int_equal(tm_graph_dispatches(graph), 1);
  tm_graph_destroy(graph);
  tm_buffer_destroy(x);
  tm_buffer_destroy(mid);
  tm_buffer_destroy(out);
}

static void fused_kernels_are_cached_by_what_they_are(void **state) {
  (void)state;
  char folder[] = "/tmp/tritonmetal-graph-XXXXXX";
  assert_non_null(mkdtemp(folder));
  device_test ours = t;
  uint64_t stores[3];
  for (int round = 0; round < 3; round++) {
    tm_context_options o = TM_CONTEXT_OPTIONS_INIT;
    o.cache_dir = folder;
    OK(tm_context_create(&t.context, &o, &error));
    OK(tm_stream_create(&t.stream, t.context, NULL, &error));
    tm_kernel *k = scale;
    scale = compile("scale", SCALE);
    tm_buffer *x = floats(1), *mid = floats(0), *out = floats(0);
    /* The third keeps the buffer: another kernel. */
    tm_graph *graph = two_scales(x, mid, out, round < 2);
    replay(graph);
    await();
    expect_six(out, 1, N);
    tm_cache_facts facts = {.struct_size = sizeof facts};
    OK(tm_cache_stats(t.context, &facts, &error));
    stores[round] = facts.stores;
    tm_graph_destroy(graph);
    tm_buffer_destroy(x);
    tm_buffer_destroy(mid);
    tm_buffer_destroy(out);
    tm_kernel_destroy(scale);
    scale = k;
    tm_stream_destroy(t.stream);
    tm_context_destroy(t.context);
  }
  t = ours;
  assert_int_equal(stores[0], 2); /* the kernel, the fused one */
  assert_int_equal(stores[1], 0);
  assert_int_equal(stores[2], 1);
  char command[80];
  snprintf(command, sizeof command, "rm -r %s", folder);
  assert_int_equal(system(command), 0);
}

static void a_fused_failure_names_both_kernels(void **state) {
  (void)state;
  tm_buffer *x = floats(1), *mid = floats(0), *out = floats(0);
  tm_graph *graph = two_scales(x, mid, out, true);
  setenv("SOFTMETAL_FAULT", "command:1+", 1);
  replay(graph);
  tm_status status =
      tm_stream_synchronize(t.stream, TM_WAIT_FOREVER, &error);
  unsetenv("SOFTMETAL_FAULT");
  FAILS(status, TM_E_DEVICE, "'scale_then_scale'");
  tm_graph_destroy(graph);
  tm_buffer_destroy(x);
  tm_buffer_destroy(mid);
  tm_buffer_destroy(out);
}

/* A profiler sees the dispatches of a replay, and can tell what a fused kernel
 * moves: it reads x and writes out, 4000 bytes each. */
static void a_profiler_times_what_replays_launch(void **state) {
  (void)state;
  tm_buffer *x = floats(1), *mid = floats(0), *out = floats(0);
  tm_graph *graph = two_scales(x, mid, out, true);
  replay(graph);
  tm_profile *profile;
  OK(tm_profile_start(t.context, NULL, &error));
  replay(graph);
  tm_buffer *y = floats(0);
  OK(tm_graph_replace_buffer(graph, out, y, &error));
  OK(tm_graph_replace_buffer(graph, x, out, &error));
  replay(graph);
  await();
  OK(tm_profile_stop(&profile, t.context, &error));
  expect_six(out, 1, N);
  for (int i = 0; i < N; i++) assert_true(at(y, i) == 36 * (float)(1 + i));
  tm_buffer_destroy(y);
  uint64_t launches = 0;
  for (size_t i = 0; i < tm_profile_count(profile); i++) {
    tm_profile_row row = {.struct_size = sizeof row};
    OK(tm_profile_row_at(profile, i, &row, &error));
    launches += row.launches;
    if (strcmp(row.kernel, "scale_then_scale") == 0)
      assert_true(row.bytes_per_second > 0);
  }
  assert_int_equal(launches, 2);
  tm_profile_destroy(profile);
  tm_graph_destroy(graph);
  tm_buffer_destroy(x);
  tm_buffer_destroy(mid);
  tm_buffer_destroy(out);
}

/* Metal takes neither: the launches stay apart, and run. */
static void what_does_not_compile_together_stays_apart(void **state) {
  (void)state;
  tm_buffer *x = floats(1), *mid = floats(0), *out = floats(0);
  setenv("SOFTMETAL_FAULT", "pipeline:1+", 1);
  tm_graph *graph = two_scales(x, mid, out, true);
  unsetenv("SOFTMETAL_FAULT");
  assert_int_equal(tm_graph_dispatches(graph), 2);
  assert_non_null(strstr(tm_graph_report(graph),
                         "together they do not compile"));
  replay(graph);
  await();
  expect_six(out, 1, N);
  tm_graph_destroy(graph);
  tm_buffer_destroy(x);
  tm_buffer_destroy(mid);
  tm_buffer_destroy(out);
}

/* ---- the promises of a launch ------------------------------------------- */

static void arguments_are_checked_while_recording(void **state) {
  (void)state;
  tm_buffer *x = floats(1);
  record(false);
  tm_arg args[4] = {tm_arg_buffer(x, 0), tm_arg_buffer(x, 2),
                    tm_arg_float(1), tm_arg_int(N)};
  FAILS(tm_launch(t.stream, scale, tm_grid_1d(1), args, 4, &error),
        TM_E_ARGUMENT, "kernel 'scale': argument 1 ('out') starts at byte 2");
  FAILS(tm_launch(t.stream, scale, tm_grid_1d(0), args, 4, &error),
        TM_E_ARGUMENT, "has no programs");
  tm_graph *graph = recorded();
  assert_int_equal(tm_graph_nodes(graph), 0);
  tm_graph_destroy(graph);
  tm_buffer_destroy(x);
}

/* Memory that is freed is used for the next buffer, so a graph that let go of
 * one would read what was written after. */
static void buffers_and_kernels_live_as_long_as_the_graph(void **state) {
  (void)state;
  tm_buffer *x = floats(1), *out = floats(0);
  tm_kernel *mine = compile("scale", SCALE);
  record(false);
  tm_arg args[4] = {tm_arg_buffer(x, 0), tm_arg_buffer(out, 0),
                    tm_arg_float(2), tm_arg_int(N)};
  OK(tm_launch(t.stream, mine, tm_grid_1d(PROGRAMS), args, 4, &error));
  tm_graph *graph = recorded();
  tm_kernel_destroy(mine);
  tm_buffer_destroy(x);
  tm_buffer *next = floats(1000);
  replay(graph);
  await();
  for (int i = 0; i < N; i++) assert_true(at(out, i) == 2 * (float)(1 + i));
  tm_graph_destroy(graph);
  tm_buffer_destroy(next);
  tm_buffer_destroy(out);
}

static void a_replay_outlives_its_graph_and_buffers(void **state) {
  (void)state;
  tm_buffer *x = floats(1), *out = floats(0), *other = floats(50);
  record(false);
  launch_scale(x, out, 2);
  tm_graph *graph = recorded();
  replay(graph);
  OK(tm_graph_replace_buffer(graph, x, other, &error));
  tm_buffer_destroy(x);
  tm_buffer *next = floats(1000);
  tm_graph_destroy(graph);
  await();
  for (int i = 0; i < N; i++) assert_true(at(out, i) == 2 * (float)(1 + i));
  tm_buffer_destroy(next);
  tm_buffer_destroy(other);
  tm_buffer_destroy(out);
}

/* One launch in place, then all of it on slices of one buffer. */
static void buffers_may_share_memory(void **state) {
  (void)state;
  tm_buffer *x = floats(1), *all = device_array(&t, 2 * N, sizeof(float));
  record(false);
  launch_add(x, x, x);
  tm_arg args[4] = {tm_arg_buffer(x, 0), tm_arg_buffer(x, 0),
                    tm_arg_float(2), tm_arg_int(N)};
  OK(tm_launch(t.stream, scale, tm_grid_1d(PROGRAMS), args, 4, &error));
  tm_graph *graph = recorded();
  replay(graph);
  await();
  for (int i = 0; i < N; i++) assert_true(at(x, i) == 4 * (float)(1 + i));
  memcpy(tm_buffer_contents(all), tm_buffer_contents(x), N * sizeof(float));
  OK(tm_graph_replace_buffer(graph, x, all, &error));
  OK(tm_graph_set_arg(graph, 1, 1, tm_arg_buffer(all, N * 4), &error));
  replay(graph);
  await();
  for (int i = 0; i < N; i++) {
    assert_true(at(all, i) == 8 * (float)(1 + i));
    assert_true(at(all, N + i) == 16 * (float)(1 + i));
  }
  tm_graph_destroy(graph);
  tm_buffer_destroy(x);
  tm_buffer_destroy(all);
}

static void kernels_print_at_every_replay(void **state) {
  (void)state;
  tm_buffer *x = floats(1);
  tm_kernel *k = compile("shout", "*fp32, i32, 32");
  record(true);
  for (int i = 0; i < 2; i++) {
    tm_arg args[2] = {tm_arg_buffer(x, 0), tm_arg_int(7 + i)};
    OK(tm_launch(t.stream, k, tm_grid_1d(1), args, 2, &error));
  }
  launch_scale(x, x, 2);
  tm_graph *graph = recorded();
  replay(graph);
  replay(graph);
  await();
  char lines[4096] = "";
  size_t n = tm_stream_read_printed(t.stream, lines, sizeof lines - 1);
  lines[n] = 0;
  const char *const want[] = {"x: 8.0", "x: 9.0", "x: 16.0", "x: 18.0"};
  const char *from = lines;
  for (int i = 0; i < 4; i++) {
    from = strstr(from, want[i]);
    if (!from) fail_msg("no '%s' in its place in:\n%s", want[i], lines);
    from++;
  }
  tm_graph_destroy(graph);
  tm_kernel_destroy(k);
  tm_buffer_destroy(x);
}

static void buffers_are_reached_by_address(void **state) {
  (void)state;
  tm_buffer *data = floats(5), *out = floats(0);
  tm_buffer *table = device_array(&t, 1, 8);
  tm_kernel *k = compile("chase", "*i64, *fp32, 256");
  record(true);
  tm_arg args[2] = {tm_arg_buffer(table, 0), tm_arg_buffer(out, 0)};
  OK(tm_launch(t.stream, k, tm_grid_1d(1), args, 2, &error));
  tm_graph *graph = recorded();
  OK(tm_buffer_gpu_address(data, tm_buffer_contents(table), &error));
  replay(graph);
  await();
  for (int i = 0; i < BLOCK; i++) assert_true(at(out, i) == 2 * (float)(5 + i));
  tm_graph_destroy(graph);
  tm_kernel_destroy(k);
  tm_buffer_destroy(table);
  tm_buffer_destroy(data);
  tm_buffer_destroy(out);
}

static void a_failure_on_the_gpu_names_the_kernels(void **state) {
  (void)state;
  tm_buffer *x = floats(1), *out = floats(0);
  record(false);
  launch_scale(x, out, 2);
  launch_add(x, x, out);
  tm_graph *graph = recorded();
  setenv("SOFTMETAL_FAULT", "command:1+", 1);
  replay(graph);
  tm_status status =
      tm_stream_synchronize(t.stream, TM_WAIT_FOREVER, &error);
  unsetenv("SOFTMETAL_FAULT");
  FAILS(status, TM_E_DEVICE, "one of 2 launches of 'scale', 'add'");
  replay(graph);
  await();
  for (int i = 0; i < N; i++) assert_true(at(out, i) == 2 * (float)(1 + i));
  tm_graph_destroy(graph);
  tm_buffer_destroy(x);
  tm_buffer_destroy(out);
}

/* No memory for the numbers of a replay: nothing is lost but the call. */
static void a_replay_without_memory_may_be_tried_again(void **state) {
  (void)state;
  tm_buffer *x = floats(1), *a = floats(0), *b = floats(0);
  record(false);
  launch_scale(x, a, 2);
  tm_graph *graph = recorded();
  replay(graph); /* in flight: the next numbers need a block of their own */
  OK(tm_graph_replace_buffer(graph, a, b, &error));
  OK(tm_graph_set_arg(graph, 0, 2, tm_arg_float(5), &error));
  tm_memory_trim(t.context);
  setenv("SOFTMETAL_FAULT", "buffer:1+", 1);
  tm_status status = tm_graph_launch(t.stream, graph, &error);
  unsetenv("SOFTMETAL_FAULT");
  FAILS(status, TM_E_MEMORY, "");
  replay(graph);
  await();
  for (int i = 0; i < N; i++) {
    assert_true(at(a, i) == 2 * (float)(1 + i));
    assert_true(at(b, i) == 5 * (float)(1 + i));
  }
  tm_graph_destroy(graph);
  tm_buffer_destroy(x);
  tm_buffer_destroy(a);
  tm_buffer_destroy(b);
}

/* One thread replays while another changes: each replay is of one state. */
static void *change(void *payload) {
  tm_graph *graph = payload;
  for (int k = 1; k <= 200; k++)
    if (tm_graph_set_arg(graph, 0, 2, tm_arg_float(k), NULL)) return NULL;
  return payload;
}

static void threads_may_replay_and_change_a_graph(void **state) {
  (void)state;
  tm_buffer *x = floats(1), *mid = floats(0), *out = floats(0);
  tm_graph *graph = two_scales(x, mid, out, false);
  pthread_t other;
  assert_int_equal(pthread_create(&other, NULL, change, graph), 0);
  for (int k = 0; k < 50; k++) {
    replay(graph);
    await();
    float by = at(mid, 0); /* x is 1 there */
    for (int i = 0; i < N; i++) {
      assert_true(at(mid, i) == by * (float)(1 + i));
      assert_true(at(out, i) == 3 * by * (float)(1 + i));
    }
  }
  void *result;
  assert_int_equal(pthread_join(other, &result), 0);
  assert_ptr_equal(result, graph);
  tm_graph_destroy(graph);
  tm_buffer_destroy(x);
  tm_buffer_destroy(mid);
  tm_buffer_destroy(out);
}

/* The places in a kernel's text are counted in its own module's sources. */
static void kernels_of_two_modules_are_fused(void **state) {
  (void)state;
  static const char text[] =
      "\n\n\nimport triton\nimport triton.language as tl\n\n\n"
      "@triton.jit\n"
      "def negate(x, out, n, BLOCK: tl.constexpr):\n"
      "    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)\n"
      "    here = i < n\n"
      "    tl.store(out + i, -tl.load(x + i, here), here)\n";
  tm_module *ours = t.module;
  OK(tm_module_parse(&t.module, "other", "other.py", text, sizeof text - 1,
                     NULL, &error));
  tm_kernel *negate = compile("negate", "*fp32, *fp32, i32, 256");
  tm_module_destroy(t.module);
  t.module = ours;
  tm_buffer *x = floats(1), *mid = floats(0), *out = floats(0);
  record(true);
  launch_scale(x, mid, 2);
  tm_arg args[3] = {tm_arg_buffer(mid, 0), tm_arg_buffer(out, 0),
                    tm_arg_int(N)};
  OK(tm_launch(t.stream, negate, tm_grid_1d(PROGRAMS), args, 3, &error));
  tm_graph *graph = recorded();
  tm_kernel_destroy(negate);
  assert_int_equal(tm_graph_dispatches(graph), 1);
  replay(graph);
  await();
  for (int i = 0; i < N; i++) assert_true(at(out, i) == -2 * (float)(1 + i));
  tm_graph_destroy(graph);
  tm_buffer_destroy(x);
  tm_buffer_destroy(mid);
  tm_buffer_destroy(out);
}

/* ---- misuse ------------------------------------------------------------- */

static void a_stream_records_one_graph_at_a_time(void **state) {
  (void)state;
  tm_graph *graph = (tm_graph *)1, *first;
  FAILS(tm_graph_end(&graph, t.stream, &error), TM_E_ARGUMENT,
        "does not record");
  assert_null(graph);
  record(false);
  first = recorded();
  record(false);
  FAILS(tm_graph_begin(t.stream, NULL, &error), TM_E_ARGUMENT,
        "records a graph already");
  FAILS(tm_graph_launch(t.stream, first, &error), TM_E_ARGUMENT,
        "graphs are not recorded");
  graph = recorded();
  tm_graph_destroy(graph);
  tm_graph_destroy(first);
}

static void a_stream_may_be_destroyed_while_it_records(void **state) {
  (void)state;
  tm_stream *other;
  OK(tm_stream_create(&other, t.context, NULL, &error));
  OK(tm_graph_begin(other, NULL, &error));
  tm_buffer *x = floats(1);
  tm_arg args[4] = {tm_arg_buffer(x, 0), tm_arg_buffer(x, 0),
                    tm_arg_float(2), tm_arg_int(N)};
  OK(tm_launch(other, scale, tm_grid_1d(PROGRAMS), args, 4, &error));
  tm_stream_destroy(other);
  assert_true(at(x, 0) == 1);
  tm_buffer_destroy(x);
}

static void destroyed_buffers_and_graphs_are_refused(void **state) {
  (void)state;
  tm_buffer *x = floats(1), *out = floats(0), *gone = floats(0);
  tm_buffer_destroy(gone);
  tm_graph_options o = TM_GRAPH_OPTIONS_INIT;
  o.temporaries = &gone;
  o.n_temporaries = 1;
  FAILS(tm_graph_begin(t.stream, &o, &error), TM_E_ARGUMENT, "was destroyed");
  record(false);
  launch_scale(x, out, 2);
  tm_graph *graph = recorded();
  FAILS(tm_graph_set_arg(graph, 0, 1, tm_arg_buffer(gone, 0), &error),
        TM_E_ARGUMENT, "was destroyed");
  FAILS(tm_graph_replace_buffer(graph, out, gone, &error), TM_E_ARGUMENT,
        "was destroyed");
  replay(graph);
  await();
  for (int i = 0; i < N; i++) assert_true(at(out, i) == 2 * (float)(1 + i));
  tm_graph_destroy(graph);
  FAILS(tm_graph_launch(t.stream, graph, &error), TM_E_ARGUMENT,
        "was destroyed");
  tm_buffer_destroy(x);
  tm_buffer_destroy(out);
}

static void nothing_is_asked_of_null(void **state) {
  (void)state;
  tm_graph *graph;
  assert_int_equal(tm_graph_nodes(NULL), 0);
  assert_int_equal(tm_graph_dispatches(NULL), 0);
  assert_string_equal(tm_graph_report(NULL), "");
  tm_graph_destroy(NULL);
  FAILS(tm_graph_begin(NULL, NULL, &error), TM_E_ARGUMENT, "stream");
  FAILS(tm_graph_end(&graph, NULL, &error), TM_E_ARGUMENT, "stream");
  FAILS(tm_graph_launch(t.stream, NULL, &error), TM_E_ARGUMENT, "graph");
  tm_buffer *none = NULL;
  tm_graph_options o = TM_GRAPH_OPTIONS_INIT;
  o.temporaries = &none;
  o.n_temporaries = 1;
  FAILS(tm_graph_begin(t.stream, &o, &error), TM_E_ARGUMENT,
        "temporary 0 is no buffer");
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(nothing_runs_before_the_graph_is_launched),
    cmocka_unit_test(a_replay_computes_what_the_launches_do),
    cmocka_unit_test(a_graph_waits_only_where_it_must),
    cmocka_unit_test(functions_are_recorded),
    cmocka_unit_test(a_graph_runs_on_another_stream),
    cmocka_unit_test(an_empty_graph_does_nothing),
    cmocka_unit_test(buffers_are_replaced_everywhere),
    cmocka_unit_test(numbers_are_changed_while_replays_are_in_flight),
    cmocka_unit_test(a_size_may_shrink),
    cmocka_unit_test(a_changed_argument_is_checked_as_a_launch_checks_it),
    cmocka_unit_test(a_temporary_is_not_written),
    cmocka_unit_test(a_temporary_that_is_seen_is_written),
    cmocka_unit_test(numbers_that_were_one_may_part),
    cmocka_unit_test(buffers_that_come_to_be_one_are_looked_at_again),
    cmocka_unit_test(a_factor_is_changed_in_a_fused_kernel),
    cmocka_unit_test(fused_kernels_are_cached_by_what_they_are),
    cmocka_unit_test(a_fused_failure_names_both_kernels),
    cmocka_unit_test(a_profiler_times_what_replays_launch),
    cmocka_unit_test(what_does_not_compile_together_stays_apart),
    cmocka_unit_test(arguments_are_checked_while_recording),
    cmocka_unit_test(buffers_and_kernels_live_as_long_as_the_graph),
    cmocka_unit_test(a_replay_outlives_its_graph_and_buffers),
    cmocka_unit_test(buffers_may_share_memory),
    cmocka_unit_test(kernels_print_at_every_replay),
    cmocka_unit_test(buffers_are_reached_by_address),
    cmocka_unit_test(a_failure_on_the_gpu_names_the_kernels),
    cmocka_unit_test(a_replay_without_memory_may_be_tried_again),
    cmocka_unit_test(threads_may_replay_and_change_a_graph),
    cmocka_unit_test(kernels_of_two_modules_are_fused),
    cmocka_unit_test(a_stream_records_one_graph_at_a_time),
    cmocka_unit_test(a_stream_may_be_destroyed_while_it_records),
    cmocka_unit_test(destroyed_buffers_and_graphs_are_refused),
    cmocka_unit_test(nothing_is_asked_of_null),
  };
  return cmocka_run_group_tests(tests, begin, end);
}
