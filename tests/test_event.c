/* SPDX-License-Identifier: MIT */
/* test_event.c - events between streams, and callbacks when work has ended:
 * what they order, that failures end waits, and that each callback comes once
 * and in its turn. */
#define _GNU_SOURCE
#include "support/machine.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char source[] =
    "import triton\n"
    "import triton.language as tl\n"
    "\n\n"
    "@triton.jit\n"
    "def spin(x, n):\n"
    "    v = tl.load(x)\n"
    "    for _ in range(n):\n"
    "        v = v * 1664525 + 1013904223\n"
    "    tl.store(x, v)\n"
    "\n\n"
    "@triton.jit\n"
    "def copy(x, y):\n"
    "    tl.store(y, tl.load(x))\n"
    "\n\n"
    "@triton.jit\n"
    "def add(x, k):\n"
    "    tl.store(x, tl.load(x) + k)\n";

enum { STEPS = 3000000 }; /* some milliseconds of spin */

static uint32_t spun(uint32_t v, int n) {
  for (int i = 0; i < n; i++) v = v * 1664525 + 1013904223;
  return v;
}

static void launch(tm_stream *stream, tm_kernel *k, tm_arg a, tm_arg b) {
  tm_arg args[2] = {a, b};
  OK(tm_launch(stream, k, tm_grid_1d(1), args, 2, &machine_error));
}

static tm_event *new_event(const machine *m) {
  tm_event *event;
  OK(tm_event_create(&event, m->context, &machine_error));
  return event;
}

/* ---- order --------------------------------------------------------------- */

static void a_stream_waits_for_another(void **state) {
  machine m = machine_open(source, NULL);
  tm_stream *other = machine_stream(&m, NULL);
  tm_kernel *spin = machine_compile(&m, "spin", "*i32, i32");
  tm_kernel *copy = machine_compile(&m, "copy", "*i32, *i32");
  tm_buffer *x = machine_buffer(&m, 4), *y = machine_buffer(&m, 4);
  tm_event *event = new_event(&m);
  uint32_t expected = 0;
  for (int i = 0; i < 5; i++) { /* the event is used again */
    launch(m.stream, spin, tm_arg_buffer(x, 0), tm_arg_int(STEPS));
    OK(tm_event_record(event, m.stream, &machine_error));
    OK(tm_stream_wait_event(other, event, &machine_error));
    launch(other, copy, tm_arg_buffer(x, 0), tm_arg_buffer(y, 0));
    machine_wait(other);
    expected = spun(expected, STEPS);
    assert_int_equal(*(uint32_t *)tm_buffer_contents(y), expected);
  }
  tm_event_destroy(event);
  tm_buffer_destroy(x);
  tm_buffer_destroy(y);
  tm_kernel_destroy(spin);
  tm_kernel_destroy(copy);
  tm_stream_destroy(other);
  machine_close(&m);
}

/* Two streams hand a number to and fro without the host. */
static void events_chain_streams_both_ways(void **state) {
  enum { ROUNDS = 100 };
  machine m = machine_open(source, NULL);
  tm_stream *s[2] = {m.stream, machine_stream(&m, NULL)};
  tm_kernel *spin = machine_compile(&m, "spin", "*i32, i32");
  tm_buffer *x = machine_buffer(&m, 4);
  tm_event *event = new_event(&m); /* recorded before it has happened */
  for (int i = 0; i < ROUNDS; i++) {
    launch(s[i % 2], spin, tm_arg_buffer(x, 0), tm_arg_int(5000));
    OK(tm_event_record(event, s[i % 2], &machine_error));
    OK(tm_stream_wait_event(s[(i + 1) % 2], event, &machine_error));
  }
  OK(tm_event_synchronize(event, TM_WAIT_FOREVER, &machine_error));
  assert_int_equal(*(uint32_t *)tm_buffer_contents(x),
                   spun(0, ROUNDS * 5000));
  tm_event_destroy(event);
  tm_buffer_destroy(x);
  tm_kernel_destroy(spin);
  tm_stream_destroy(s[1]);
  machine_close(&m);
}

static void an_event_waits_for_a_batch_in_flight(void **state) {
  machine m = machine_open(source, NULL);
  tm_stream *other = machine_stream(&m, NULL);
  tm_kernel *spin = machine_compile(&m, "spin", "*i32, i32");
  tm_kernel *copy = machine_compile(&m, "copy", "*i32, *i32");
  tm_buffer *x = machine_buffer(&m, 4), *y = machine_buffer(&m, 4);
  tm_event *event = new_event(&m);
  launch(m.stream, spin, tm_arg_buffer(x, 0), tm_arg_int(10 * STEPS));
  OK(tm_stream_flush(m.stream, &machine_error)); /* nothing is open now */
  OK(tm_event_record(event, m.stream, &machine_error));
  REFUSED(tm_event_synchronize(event, 0, &machine_error), TM_E_TIMEOUT,
          "has not happened after 0 ms");
  OK(tm_stream_wait_event(other, event, &machine_error));
  launch(other, copy, tm_arg_buffer(x, 0), tm_arg_buffer(y, 0));
  machine_wait(other);
  assert_int_equal(*(uint32_t *)tm_buffer_contents(y), spun(0, 10 * STEPS));
  tm_event_destroy(event);
  tm_buffer_destroy(x);
  tm_buffer_destroy(y);
  tm_kernel_destroy(spin);
  tm_kernel_destroy(copy);
  tm_stream_destroy(other);
  machine_close(&m);
}

static void an_event_that_was_never_recorded_holds_up_nobody(void **state) {
  machine m = machine_open(source, NULL);
  tm_event *event = new_event(&m), *other = new_event(&m);
  double seconds;
  OK(tm_event_synchronize(event, 0, &machine_error));
  OK(tm_stream_wait_event(m.stream, event, &machine_error));
  machine_wait(m.stream);
  REFUSED(tm_event_elapsed(&seconds, event, event, &machine_error),
          TM_E_ARGUMENT, "the first event was never recorded");
  OK(tm_event_record(event, m.stream, &machine_error));
  machine_wait(m.stream);
  REFUSED(tm_event_elapsed(&seconds, event, other, &machine_error),
          TM_E_ARGUMENT, "the second event was never recorded");
  machine n = machine_open(source, NULL);
  REFUSED(tm_event_record(event, n.stream, &machine_error), TM_E_ARGUMENT,
          "event->context == stream->context");
  REFUSED(tm_stream_wait_event(n.stream, event, &machine_error),
          TM_E_ARGUMENT, "event->context == stream->context");
  tm_event_destroy(event);
  tm_event_destroy(other);
  machine_close(&n);
  machine_close(&m);
}

static void never(void *payload, tm_status status, const char *message) {
  abort();
}

static void a_stream_that_records_a_graph_takes_no_events(void **state) {
  machine m = machine_open(source, NULL);
  tm_stream *other = machine_stream(&m, NULL);
  tm_kernel *add = machine_compile(&m, "add", "*i32, i32");
  tm_buffer *x = machine_buffer(&m, 4);
  tm_event *event = new_event(&m);
  tm_graph *graph;
  OK(tm_event_record(event, other, &machine_error));
  OK(tm_graph_begin(m.stream, NULL, &machine_error));
  launch(m.stream, add, tm_arg_buffer(x, 0), tm_arg_int(1));
  REFUSED(tm_event_record(event, m.stream, &machine_error), TM_E_ARGUMENT,
          "the stream records a graph");
  REFUSED(tm_stream_wait_event(m.stream, event, &machine_error),
          TM_E_ARGUMENT, "the stream records a graph");
  REFUSED(tm_stream_on_done(m.stream, never, NULL, &machine_error),
          TM_E_ARGUMENT, "the stream records a graph");
  OK(tm_graph_end(&graph, m.stream, &machine_error));
  for (int i = 0; i < 2; i++) {
    OK(tm_graph_launch(m.stream, graph, &machine_error));
    OK(tm_event_record(event, m.stream, &machine_error));
  }
  OK(tm_event_synchronize(event, 60000, &machine_error));
  assert_int_equal(*(int32_t *)tm_buffer_contents(x), 2);
  tm_graph_destroy(graph);
  tm_event_destroy(event);
  tm_buffer_destroy(x);
  tm_kernel_destroy(add);
  tm_stream_destroy(other);
  machine_close(&m);
}

static void elapsed_is_the_time_of_what_lies_between(void **state) {
  machine m = machine_open(source, NULL);
  tm_kernel *spin = machine_compile(&m, "spin", "*i32, i32");
  tm_buffer *x = machine_buffer(&m, 4);
  tm_event *event[4];
  static const int steps[4] = {1, STEPS, 10 * STEPS, 1};
  OK(tm_kernel_load(spin, &machine_error));
  struct timespec from, to;
  clock_gettime(CLOCK_MONOTONIC, &from);
  for (int i = 0; i < 4; i++) {
    event[i] = new_event(&m);
    launch(m.stream, spin, tm_arg_buffer(x, 0), tm_arg_int(steps[i]));
    OK(tm_event_record(event[i], m.stream, &machine_error));
  }
  machine_wait(m.stream);
  clock_gettime(CLOCK_MONOTONIC, &to);
  double all = (double)(to.tv_sec - from.tv_sec) +
               (double)(to.tv_nsec - from.tv_nsec) * 1e-9;
  double shorter, longer, back;
  /* Known as soon as the stream has been waited for. */
  OK(tm_event_elapsed(&shorter, event[0], event[1], &machine_error));
  OK(tm_event_elapsed(&longer, event[1], event[2], &machine_error));
  OK(tm_event_elapsed(&back, event[2], event[1], &machine_error));
  assert_true(shorter > 0 && longer > shorter && longer + shorter < all);
  assert_true(back == -longer);
  for (int i = 0; i < 4; i++) tm_event_destroy(event[i]);
  tm_buffer_destroy(x);
  tm_kernel_destroy(spin);
  machine_close(&m);
}

/* ---- callbacks ----------------------------------------------------------- */

typedef struct log {
  pthread_mutex_t lock;
  int order[1000], n;
  tm_status status[1000];
  char message[256];
} call_log;

typedef struct call {
  call_log *log;
  int number;
} call;

static void note(void *payload, tm_status status, const char *message) {
  call *c = payload;
  pthread_mutex_lock(&c->log->lock);
  c->log->status[c->log->n] = status;
  c->log->order[c->log->n++] = c->number;
  if (message) snprintf(c->log->message, 256, "%s", message);
  pthread_mutex_unlock(&c->log->lock);
}

static int noted(call_log *log) {
  pthread_mutex_lock(&log->lock);
  int n = log->n;
  pthread_mutex_unlock(&log->lock);
  return n;
}

/* Waits for n calls, and a moment for one too many. */
static void await_calls(call_log *log, int n) {
  for (int i = 0; i < 20000 && noted(log) < n; i++) usleep(1000);
  usleep(20000);
  assert_int_equal(noted(log), n);
}

static void callbacks_come_once_and_in_order(void **state) {
  enum { CALLS = 300 };
  machine m = machine_open(source, NULL);
  tm_kernel *add = machine_compile(&m, "add", "*i32, i32");
  tm_buffer *x = machine_buffer(&m, 4);
  static call_log log = {.lock = PTHREAD_MUTEX_INITIALIZER};
  static call calls[CALLS];
  for (int i = 0; i < CALLS; i++) {
    calls[i] = (call){&log, i};
    if (i % 3) launch(m.stream, add, tm_arg_buffer(x, 0), tm_arg_int(1));
    OK(tm_stream_on_done(m.stream, note, &calls[i], &machine_error));
  }
  await_calls(&log, CALLS); /* without a call on the stream */
  for (int i = 0; i < CALLS; i++) {
    assert_int_equal(log.order[i], i);
    assert_int_equal(log.status[i], TM_OK);
  }
  assert_int_equal(*(int32_t *)tm_buffer_contents(x), 200);
  tm_buffer_destroy(x);
  tm_kernel_destroy(add);
  machine_close(&m);
}

typedef struct seen {
  tm_buffer *x;
  _Atomic uint32_t value;
  atomic_int calls;
} seen;

static void look(void *payload, tm_status status, const char *message) {
  seen *s = payload;
  atomic_store(&s->value, *(uint32_t *)tm_buffer_contents(s->x));
  atomic_fetch_add(&s->calls, 1);
}

static void a_callback_outlives_its_stream(void **state) {
  machine m = machine_open(source, NULL);
  tm_stream *stream = machine_stream(&m, NULL);
  tm_kernel *spin = machine_compile(&m, "spin", "*i32, i32");
  seen s = {.x = machine_buffer(&m, 4)};
  launch(stream, spin, tm_arg_buffer(s.x, 0), tm_arg_int(STEPS));
  OK(tm_stream_flush(stream, &machine_error));
  OK(tm_stream_on_done(stream, look, &s, &machine_error));
  tm_stream_destroy(stream);
  for (int i = 0; i < 20000 && !atomic_load(&s.calls); i++) usleep(1000);
  assert_int_equal(atomic_load(&s.calls), 1);
  assert_int_equal(atomic_load(&s.value), spun(0, STEPS));
  tm_buffer_destroy(s.x);
  tm_kernel_destroy(spin);
  machine_close(&m);
}

typedef struct chain {
  tm_stream *stream;
  tm_kernel *add;
  tm_buffer *x;
  atomic_int left;
  atomic_int failures;
} chain;

/* A callback launches, and asks to be called again. */
static void go_on(void *payload, tm_status status, const char *message) {
  chain *c = payload;
  tm_arg args[2] = {tm_arg_buffer(c->x, 0), tm_arg_int(1)};
  if (status || tm_launch(c->stream, c->add, tm_grid_1d(1), args, 2, NULL))
    atomic_fetch_add(&c->failures, 1);
  if (atomic_fetch_sub(&c->left, 1) > 1 &&
      tm_stream_on_done(c->stream, go_on, c, NULL))
    atomic_fetch_add(&c->failures, 1);
}

static void a_callback_may_launch(void **state) {
  machine m = machine_open(source, NULL);
  chain c = {m.stream, machine_compile(&m, "add", "*i32, i32"),
             machine_buffer(&m, 4), 50, 0};
  OK(tm_stream_on_done(m.stream, go_on, &c, &machine_error));
  for (int i = 0; i < 20000 && atomic_load(&c.left); i++) usleep(1000);
  assert_int_equal(atomic_load(&c.left), 0);
  machine_wait(m.stream);
  assert_int_equal(atomic_load(&c.failures), 0);
  assert_int_equal(*(int32_t *)tm_buffer_contents(c.x), 50);
  tm_buffer_destroy(c.x);
  tm_kernel_destroy(c.add);
  machine_close(&m);
}

/* Threads that launch, record, wait and ask to be called, on two streams. */
typedef struct worker {
  machine *m;
  tm_stream *mine, *other;
  tm_kernel *add;
  tm_buffer *x;
  tm_event *event;
  atomic_int *calls;
  int failures;
} worker;

static void count(void *payload, tm_status status, const char *message) {
  atomic_int *calls = payload;
  atomic_fetch_add(calls, 1);
}

static void *work(void *payload) {
  worker *w = payload;
  tm_arg args[2] = {tm_arg_buffer(w->x, 0), tm_arg_int(1)};
  for (int i = 0; i < 60; i++) {
    bool failed =
        tm_launch(w->mine, w->add, tm_grid_1d(1), args, 2, NULL) ||
        tm_event_record(w->event, w->mine, NULL) ||
        tm_stream_wait_event(w->other, w->event, NULL) ||
        tm_stream_on_done(w->mine, count, w->calls, NULL) ||
        (i % 10 == 0 && tm_event_synchronize(w->event, 60000, NULL));
    w->failures += failed;
  }
  w->failures += tm_stream_synchronize(w->mine, TM_WAIT_FOREVER, NULL) != 0;
  return NULL;
}

static void threads_share_streams_and_events(void **state) {
  enum { THREADS = 4 };
  machine m = machine_open(source, NULL);
  tm_stream *s[2] = {m.stream, machine_stream(&m, NULL)};
  tm_kernel *add = machine_compile(&m, "add", "*i32, i32");
  tm_event *event[2] = {new_event(&m), new_event(&m)};
  worker w[THREADS];
  pthread_t threads[THREADS];
  atomic_int calls = 0;
  for (int i = 0; i < THREADS; i++) {
    w[i] = (worker){&m, s[i % 2], s[1 - i % 2], add, machine_buffer(&m, 4),
                    event[i / 2], &calls, 0};
    pthread_create(&threads[i], NULL, work, &w[i]);
  }
  for (int i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
  for (int i = 0; i < 20000 && atomic_load(&calls) < THREADS * 60; i++)
    usleep(1000);
  assert_int_equal(atomic_load(&calls), THREADS * 60);
  for (int i = 0; i < THREADS; i++) {
    assert_int_equal(w[i].failures, 0);
    assert_int_equal(*(int32_t *)tm_buffer_contents(w[i].x), 60);
    tm_buffer_destroy(w[i].x);
  }
  for (int i = 0; i < 2; i++) tm_event_destroy(event[i]);
  tm_kernel_destroy(add);
  tm_stream_destroy(s[1]);
  machine_close(&m);
}

/* ---- failures ------------------------------------------------------------ */

#if !defined(__APPLE__)
static void an_event_of_a_failed_batch_has_happened(void **state) {
  static const char *const faults[] = {"timeout:1", "internal:1", "command:1"};
  machine m = machine_open(source, NULL);
  tm_stream *other = machine_stream(&m, NULL);
  tm_kernel *add = machine_compile(&m, "add", "*i32, i32");
  tm_buffer *x = machine_buffer(&m, 4), *y = machine_buffer(&m, 4);
  tm_event *event = new_event(&m);
  double seconds;
  OK(tm_kernel_load(add, &machine_error));
  for (int i = 0; i < 3; i++) {
    setenv("SOFTMETAL_FAULT", faults[i], 1); /* the next command buffer */
    launch(m.stream, add, tm_arg_buffer(x, 0), tm_arg_int(1));
    OK(tm_event_record(event, m.stream, &machine_error));
    OK(tm_stream_wait_event(other, event, &machine_error));
    for (int k = 0; k < 2; k++)
      REFUSED(tm_event_synchronize(event, TM_WAIT_FOREVER, &machine_error),
              TM_E_DEVICE, "the launch of 'add' failed on the GPU");
    launch(other, add, tm_arg_buffer(y, 0), tm_arg_int(1));
    OK(tm_stream_synchronize(other, 20000, &machine_error));
    assert_int_equal(*(int32_t *)tm_buffer_contents(y), i + 1);
    REFUSED(tm_event_elapsed(&seconds, event, event, &machine_error),
            TM_E_DEVICE, "the launch of 'add' failed on the GPU");
    REFUSED(tm_stream_flush(m.stream, &machine_error), TM_E_DEVICE,
            "the launch of 'add' failed on the GPU");
  }
  unsetenv("SOFTMETAL_FAULT");
  tm_event_destroy(event);
  tm_buffer_destroy(x);
  tm_buffer_destroy(y);
  tm_kernel_destroy(add);
  tm_stream_destroy(other);
  machine_close(&m);
}

/* The GPU waits already when what it waits for fails; nobody touches the
 * stream that failed. */
static void a_wait_on_the_gpu_ends_with_a_failure(void **state) {
  machine m = machine_open(source, NULL);
  tm_stream *other = machine_stream(&m, NULL);
  tm_kernel *spin = machine_compile(&m, "spin", "*i32, i32");
  tm_kernel *add = machine_compile(&m, "add", "*i32, i32");
  tm_buffer *x = machine_buffer(&m, 4), *y = machine_buffer(&m, 4);
  tm_event *event = new_event(&m);
  OK(tm_kernel_load(spin, &machine_error));
  setenv("SOFTMETAL_TIMEOUT_MS", "600", 1);
  launch(m.stream, spin, tm_arg_buffer(x, 0), tm_arg_int(INT32_MAX));
  OK(tm_event_record(event, m.stream, &machine_error));
  usleep(200000); /* it has begun, with that limit */
  unsetenv("SOFTMETAL_TIMEOUT_MS");
  OK(tm_stream_wait_event(other, event, &machine_error));
  launch(other, add, tm_arg_buffer(y, 0), tm_arg_int(1));
  REFUSED(tm_stream_synchronize(other, 0, &machine_error), TM_E_TIMEOUT,
          "in flight");
  OK(tm_stream_synchronize(other, 60000, &machine_error));
  assert_int_equal(*(int32_t *)tm_buffer_contents(y), 1);
  REFUSED(tm_stream_synchronize(m.stream, 60000, &machine_error),
          TM_E_DEVICE, "the launch of 'spin' failed on the GPU");
  tm_event_destroy(event);
  tm_buffer_destroy(x);
  tm_buffer_destroy(y);
  tm_kernel_destroy(add);
  tm_kernel_destroy(spin);
  tm_stream_destroy(other);
  machine_close(&m);
}

static void a_callback_is_told_of_any_failure_before_it(void **state) {
  machine m = machine_open(source, NULL);
  tm_kernel *add = machine_compile(&m, "add", "*i32, i32");
  tm_kernel *spin = machine_compile(&m, "spin", "*i32, i32");
  tm_buffer *x = machine_buffer(&m, 4), *y = machine_buffer(&m, 4);
  static call_log log = {.lock = PTHREAD_MUTEX_INITIALIZER};
  call first = {&log, 1}, second = {&log, 2};
  OK(tm_kernel_load(add, &machine_error));
  setenv("SOFTMETAL_FAULT", "internal:2", 1); /* the batch of add */
  launch(m.stream, spin, tm_arg_buffer(y, 0), tm_arg_int(10 * STEPS));
  OK(tm_stream_flush(m.stream, &machine_error));
  launch(m.stream, add, tm_arg_buffer(x, 0), tm_arg_int(1));
  OK(tm_stream_flush(m.stream, &machine_error));
  launch(m.stream, spin, tm_arg_buffer(y, 0), tm_arg_int(1));
  OK(tm_stream_on_done(m.stream, note, &first, &machine_error));
  await_calls(&log, 1);
  unsetenv("SOFTMETAL_FAULT");
  assert_int_equal(log.status[0], TM_E_DEVICE);
  assert_non_null(strstr(log.message, "the launch of 'add' failed on the"));
  REFUSED(tm_stream_on_done(m.stream, note, &second, &machine_error),
          TM_E_DEVICE, "the launch of 'add'");
  OK(tm_stream_on_done(m.stream, note, &second, &machine_error));
  await_calls(&log, 2);
  assert_int_equal(log.order[1], 2);
  assert_int_equal(log.status[1], TM_OK);
  tm_buffer_destroy(x);
  tm_buffer_destroy(y);
  tm_kernel_destroy(add);
  tm_kernel_destroy(spin);
  machine_close(&m);
}
#endif

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_stream_waits_for_another),
      cmocka_unit_test(events_chain_streams_both_ways),
      cmocka_unit_test(an_event_waits_for_a_batch_in_flight),
      cmocka_unit_test(an_event_that_was_never_recorded_holds_up_nobody),
      cmocka_unit_test(a_stream_that_records_a_graph_takes_no_events),
      cmocka_unit_test(elapsed_is_the_time_of_what_lies_between),
      cmocka_unit_test(callbacks_come_once_and_in_order),
      cmocka_unit_test(a_callback_outlives_its_stream),
      cmocka_unit_test(a_callback_may_launch),
      cmocka_unit_test(threads_share_streams_and_events),
#if !defined(__APPLE__)
      cmocka_unit_test(an_event_of_a_failed_batch_has_happened),
      cmocka_unit_test(a_wait_on_the_gpu_ends_with_a_failure),
      cmocka_unit_test(a_callback_is_told_of_any_failure_before_it),
#endif
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
