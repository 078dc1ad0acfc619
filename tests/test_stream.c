/* SPDX-License-Identifier: MIT */
/* test_stream.c - when batches are handed over, waits that end, errors that
 * are reported by the next call, contexts that go on after anything, threads,
 * and forks. */
#define _GNU_SOURCE
#include "support/machine.h"

#include "../runtime/context.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static const char source[] =
    "import triton\n"
    "import triton.language as tl\n"
    "\n\n"
    "@triton.jit\n"
    "def add(x, k):\n"
    "    tl.store(x, tl.load(x) + k)\n"
    "\n\n"
    "@triton.jit\n"
    "def spin(x, n):\n"
    "    v = tl.load(x)\n"
    "    for _ in range(n):\n"
    "        v = v * 1664525 + 1013904223\n"
    "    tl.store(x, v)\n"
    "\n\n"
    "@triton.jit\n"
    "def broken(x):\n"
    "    tl.store(x, no_such_name)\n";

static void launch(tm_stream *stream, tm_kernel *k, tm_buffer *x, int64_t n) {
  tm_arg args[2] = {tm_arg_buffer(x, 0), tm_arg_int(n)};
  OK(tm_launch(stream, k, tm_grid_1d(1), args, 2, &machine_error));
}

static int32_t value(tm_buffer *x) {
  return *(int32_t *)tm_buffer_contents(x);
}

/* ---- when launches are handed over --------------------------------------- */

static void batches_are_handed_over_by_count_bytes_time_and_call(
    void **state) {
  machine m = machine_open(source, NULL);
  tm_kernel *add = machine_compile(&m, "add", "*i32, i32");
  tm_buffer *x = machine_buffer(&m, 4), *large = machine_buffer(&m, 1 << 20);
  OK(tm_kernel_load(add, &machine_error));
  tm_stream_options o = TM_STREAM_OPTIONS_INIT;
  o.batch = 3;
  o.batch_us = UINT32_MAX;
  tm_stream *s = machine_stream(&m, &o);
  for (int i = 0; i < 7; i++) launch(s, add, x, 1);
  tm_stream_facts f = machine_facts(s);
  assert_int_equal(f.launches, 7);
  assert_int_equal(f.open, 1);
  assert_int_equal(f.batches, 2);
  assert_int_equal(f.by_count, 2);
  OK(tm_stream_flush(s, &machine_error));
  OK(tm_stream_flush(s, &machine_error)); /* nothing is left to hand over */
  assert_int_equal(machine_facts(s).by_call, 1);
  tm_stream_destroy(s);

  o.batch = 1000;
  o.batch_bytes = 1 << 20;
  s = machine_stream(&m, &o);
  launch(s, add, x, 1);
  assert_int_equal(machine_facts(s).by_bytes, 0);
  launch(s, add, large, 1);
  assert_int_equal(machine_facts(s).by_bytes, 1);
  tm_stream_destroy(s);

  o.batch_bytes = 0;
  o.batch_us = 50000;
  s = machine_stream(&m, &o);
  launch(s, add, x, 1);
  launch(s, add, x, 1);
  usleep(80000);
  f = machine_facts(s);
  assert_int_equal(f.open, 2); /* looking is no call for work */
  launch(s, add, x, 1);
  f = machine_facts(s);
  assert_int_equal(f.by_time, 1);
  assert_int_equal(f.open, 1);
  machine_wait(s);
  assert_int_equal(machine_facts(s).in_flight, 0);
  assert_int_equal(value(x), 11);
  tm_stream_destroy(s);
  tm_buffer_destroy(x);
  tm_buffer_destroy(large);
  tm_kernel_destroy(add);
  machine_close(&m);
}

static void the_environment_forces_launches_to_wait(void **state) {
  setenv("TRITON_METAL_FORCE_SYNC", "1", 1);
  machine m = machine_open(source, NULL);
  unsetenv("TRITON_METAL_FORCE_SYNC");
  tm_kernel *add = machine_compile(&m, "add", "*i32, i32");
  tm_buffer *x = machine_buffer(&m, 4);
  for (int i = 1; i <= 5; i++) {
    launch(m.stream, add, x, 1);
    assert_int_equal(value(x), i);
  }
  assert_int_equal(machine_facts(m.stream).by_call, 5);
#if !defined(__APPLE__)
  setenv("SOFTMETAL_FAULT", "timeout:1", 1);
  tm_arg args[2] = {tm_arg_buffer(x, 0), tm_arg_int(1)};
  REFUSED(tm_launch(m.stream, add, tm_grid_1d(1), args, 2, &machine_error),
          TM_E_DEVICE, "the launch of 'add' failed on the GPU: Caused GPU "
          "Timeout Error");
  unsetenv("SOFTMETAL_FAULT");
#endif
  tm_buffer_destroy(x);
  tm_kernel_destroy(add);
  machine_close(&m);
}

/* ---- a GPU that does not answer ------------------------------------------ */

/* Waits until all that was submitted to the queue so far has ended. */
static void drain(tm_id queue) {
  tm_id last = tm_metal_command_new(queue);
  tm_metal_command_commit(last);
  while (!tm_metal_command_state(last)) usleep(1000);
  tm_metal_release(last);
}

/* Kernels that take seconds hold the queue; softmetal's own limit ends them. */
static void a_wedged_gpu_gives_timeouts_and_no_hang(void **state) {
  setenv("SOFTMETAL_TIMEOUT_MS", "500", 1);
  machine m = machine_open(source, NULL);
  tm_kernel *spin = machine_compile(&m, "spin", "*i32, i32");
  tm_buffer *x = machine_buffer(&m, 4), *y = machine_buffer(&m, 4);
  OK(tm_kernel_load(spin, &machine_error));
  tm_stream_options o = TM_STREAM_OPTIONS_INIT;
  o.batch = 1;
  o.stall_ms = 60;
  o.queue = tm_metal_queue_new(&m.context->device);
  tm_stream *s = machine_stream(&m, &o);
  tm_arg args[2] = {tm_arg_buffer(x, 0), tm_arg_int(INT32_MAX)};
  double start = tmi_seconds();
  launch(s, spin, x, INT32_MAX);
  REFUSED(tm_stream_synchronize(s, 30, &machine_error), TM_E_TIMEOUT,
          "1 batches of launches are still in flight after 30 ms");
  tm_status status = TM_OK;
  int queued = 1; /* until too much is in flight */
  while (queued < 100 && !(status = tm_launch(s, spin, tm_grid_1d(1), args, 2,
                                              &machine_error)))
    queued++;
  REFUSED(status, TM_E_TIMEOUT, "none has ended in 60 ms");
  assert_in_range(queued, 2, 20);
  tm_stream_destroy(s); /* gives up after stall_ms */
  assert_true(tmi_seconds() - start < 0.5 * queued); /* before all has ended */
  /* The context goes on, when the GPU does; what that may still write to is
   * kept. */
  drain(o.queue);
  tm_metal_release(o.queue);
  unsetenv("SOFTMETAL_TIMEOUT_MS");
  launch(m.stream, spin, y, 1);
  OK(tm_stream_synchronize(m.stream, 60000, &machine_error));
  assert_int_equal(value(y), 1013904223);
  tm_buffer_destroy(y);
  tm_buffer_destroy(x);
  tm_kernel_destroy(spin);
  machine_close(&m);
}

/* ---- errors -------------------------------------------------------------- */

#if !defined(__APPLE__)
static void never(void *payload, tm_status status, const char *message) {
  abort();
}

/* Every call on the stream reports, whichever is next; the first one only. */
static void the_next_call_reports_what_failed(void **state) {
  static const char *const faults[] = {"internal:1",      "page-fault:1",
                                       "out-of-memory:1", "timeout:1",
                                       "stack-overflow:1", "command:1"};
  machine m = machine_open(source, NULL);
  tm_kernel *add = machine_compile(&m, "add", "*i32, i32");
  tm_buffer *x = machine_buffer(&m, 4), *other = machine_buffer(&m, 4);
  tm_event *event, *pending;
  OK(tm_event_create(&event, m.context, &machine_error));
  OK(tm_event_create(&pending, m.context, &machine_error));
  OK(tm_kernel_load(add, &machine_error));
  tm_kernel *spin = machine_compile(&m, "spin", "*i32, i32");
  tm_stream *slow = machine_stream(&m, NULL);
  for (int call = 0; call < 6; call++) {
    setenv("SOFTMETAL_FAULT", faults[call], 1);
    launch(m.stream, add, x, 1);
    OK(tm_event_record(event, m.stream, &machine_error));
    REFUSED(tm_event_synchronize(event, 60000, &machine_error), TM_E_DEVICE,
            "the launch of 'add' failed on the GPU");
    unsetenv("SOFTMETAL_FAULT");
    launch(slow, spin, other, 30000000); /* so that there is what to wait for */
    OK(tm_event_record(pending, slow, &machine_error));
    tm_arg args[2] = {tm_arg_buffer(x, 0), tm_arg_int(1)};
    tm_status status =
        call == 0 ? tm_launch(m.stream, add, tm_grid_1d(1), args, 2,
                              &machine_error)
        : call == 1 ? tm_stream_flush(m.stream, &machine_error)
        : call == 2 ? tm_stream_synchronize(m.stream, 0, &machine_error)
        : call == 3 ? tm_stream_on_done(m.stream, never, NULL, &machine_error)
        : call == 4 ? tm_event_record(event, m.stream, &machine_error)
                    : tm_stream_wait_event(m.stream, pending, &machine_error);
    REFUSED(status, TM_E_DEVICE, "the launch of 'add' failed on the GPU: ");
    OK(tm_stream_flush(m.stream, &machine_error)); /* told once */
    machine_wait(slow);
  }
  assert_int_equal(value(x), 0);
  launch(m.stream, add, x, 1); /* and usable */
  machine_wait(m.stream);
  assert_int_equal(value(x), 1);
  tm_stream_destroy(slow);
  tm_kernel_destroy(spin);
  tm_event_destroy(event);
  tm_event_destroy(pending);
  tm_buffer_destroy(x);
  tm_buffer_destroy(other);
  tm_kernel_destroy(add);
  machine_close(&m);
}

static void a_failure_names_the_kernels_of_its_batch(void **state) {
  machine m = machine_open(source, NULL);
  tm_kernel *add = machine_compile(&m, "add", "*i32, i32");
  tm_kernel *spin = machine_compile(&m, "spin", "*i32, i32");
  tm_buffer *x = machine_buffer(&m, 4);
  OK(tm_kernel_load(add, &machine_error));
  OK(tm_kernel_load(spin, &machine_error));
  setenv("SOFTMETAL_FAULT", "submissions-ignored:1", 1);
  launch(m.stream, add, x, 1);
  launch(m.stream, spin, x, 1);
  launch(m.stream, add, x, 1);
  REFUSED(tm_stream_synchronize(m.stream, TM_WAIT_FOREVER, &machine_error),
          TM_E_DEVICE, "one of 3 launches of 'add', 'spin' failed on the GPU");
  unsetenv("SOFTMETAL_FAULT");
  tm_buffer_destroy(x);
  tm_kernel_destroy(add);
  tm_kernel_destroy(spin);
  machine_close(&m);
}

static void a_context_survives_compiles_faults_and_cache_loss(void **state) {
  char folder[] = "/tmp/tm-stream-XXXXXX", command[100];
  assert_non_null(mkdtemp(folder));
  machine m = machine_open(source, NULL);
  tm_context_options c = TM_CONTEXT_OPTIONS_INIT;
  c.cache_dir = folder;
  tm_context_destroy(m.context);
  tm_stream_destroy(m.stream);
  OK(tm_context_create(&m.context, &c, &machine_error));
  m.stream = machine_stream(&m, NULL);
  tm_kernel *add = machine_compile(&m, "add", "*i32, i32"), *k;
  tm_buffer *x = machine_buffer(&m, 4);
  tm_compile_options o = TM_COMPILE_OPTIONS_INIT;
  for (int i = 0; i < 5; i++) {
    o.signature = "*i32";
    REFUSED(tm_compile(&k, m.context, m.module, "broken", &o, &machine_error),
            TM_E_SEMANTIC, "no_such_name");
    o.signature = "*i32, i32";
    OK(tm_kernel_load(add, &machine_error));
    launch(m.stream, add, x, 1);
    setenv("SOFTMETAL_FAULT", i % 2 ? "timeout:1" : "internal:1", 1);
    REFUSED(tm_stream_synchronize(m.stream, 60000, &machine_error),
            TM_E_DEVICE, "'add'");
    setenv("SOFTMETAL_FAULT", "buffer:1+", 1);
    tm_buffer *none;
    REFUSED(tm_buffer_create(&none, m.context, 1 << 22, NULL, &machine_error),
            TM_E_MEMORY, "no memory");
    unsetenv("SOFTMETAL_FAULT");
    snprintf(command, sizeof command, "rm -rf %s", folder);
    assert_int_equal(system(command), 0); /* the cache is gone */
    OK(tm_compile(&k, m.context, m.module, "spin", &o, &machine_error));
    tm_kernel_destroy(k);
    launch(m.stream, add, x, 1);
    machine_wait(m.stream);
    assert_int_equal(value(x), i + 1);
  }
  tm_buffer_destroy(x);
  tm_kernel_destroy(add);
  machine_close(&m);
  assert_int_equal(system(command), 0);
}
#endif

/* ---- threads and contexts ------------------------------------------------ */

typedef struct thread_job {
  const machine *m;
  tm_kernel *add;
  int failures;
  int32_t result;
} thread_job;

/* A stream of the thread's own. */
static void *use_a_stream(void *payload) {
  thread_job *job = payload;
  tm_stream *s;
  tm_buffer *x;
  if (tm_stream_create(&s, job->m->context, NULL, NULL) ||
      tm_buffer_create(&x, job->m->context, 4, NULL, NULL)) {
    job->failures = 1;
    return NULL;
  }
  memset(tm_buffer_contents(x), 0, 4);
  tm_arg args[2] = {tm_arg_buffer(x, 0), tm_arg_int(1)};
  for (int i = 0; i < 500; i++)
    job->failures += tm_launch(s, job->add, tm_grid_1d(1), args, 2, NULL) != 0;
  job->failures += tm_stream_synchronize(s, TM_WAIT_FOREVER, NULL) != 0;
  job->result = value(x);
  tm_buffer_destroy(x);
  tm_stream_destroy(s);
  return NULL;
}

static void threads_use_streams_of_two_contexts(void **state) {
  enum { THREADS = 6 };
  machine m[2] = {machine_open(source, NULL), machine_open(source, NULL)};
  tm_kernel *add[2];
  pthread_t threads[THREADS];
  thread_job jobs[THREADS];
  for (int i = 0; i < 2; i++)
    add[i] = machine_compile(&m[i], "add", "*i32, i32");
  for (int i = 0; i < THREADS; i++) {
    jobs[i] = (thread_job){&m[i % 2], add[i % 2], 0, 0};
    pthread_create(&threads[i], NULL, use_a_stream, &jobs[i]);
  }
  for (int i = 0; i < THREADS; i++) {
    pthread_join(threads[i], NULL);
    assert_int_equal(jobs[i].failures, 0);
    assert_int_equal(jobs[i].result, 500);
  }
  for (int i = 0; i < 2; i++) {
    tm_kernel_destroy(add[i]);
    machine_close(&m[i]);
  }
}

/* ---- forks --------------------------------------------------------------- */

#if !defined(__SANITIZE_THREAD__) /* it has no forks of threads */
typedef struct inherited {
  machine *m;
  tm_kernel *add;
  tm_function *function;
  tm_buffer *x;
  tm_event *event;
} inherited;

/* In the child: the number of the call that was not refused; 0: none. */
static int refused_in_child(inherited *in, tm_error **error) {
  machine *m = in->m;
  tm_stream *stream;
  tm_buffer *buffer;
  tm_kernel *kernel;
  tm_event *event;
  tm_stream_facts facts = TM_STREAM_FACTS_INIT;
  tm_memory_facts memory = TM_MEMORY_FACTS_INIT;
  tm_environment_facts environment = {.struct_size = sizeof environment};
  tm_cache_facts cache = {.struct_size = sizeof cache};
  tm_compile_options o = TM_COMPILE_OPTIONS_INIT;
  o.signature = "*i32, i32";
  tm_arg args[2] = {tm_arg_tensor(in->x, 0, TM_DTYPE_I32), tm_arg_int(1)};
  tm_grid one = tm_grid_1d(1);
  uint64_t address;
  double elapsed;
  int n = 0;
#define CHILD(call)                                                      \
  n++;                                                                   \
  if ((call) != TM_E_ARGUMENT ||                                         \
      !strstr(tm_error_text(*error), "before this process was forked"))  \
    return n;                                                            \
  tm_error_destroy(*error)
  CHILD(tm_launch(m->stream, in->add, one, args, 2, error));
  CHILD(tm_stream_flush(m->stream, error));
  CHILD(tm_stream_synchronize(m->stream, TM_WAIT_FOREVER, error));
  CHILD(tm_stream_on_done(m->stream, (tm_done *)abort, NULL, error));
  CHILD(tm_stream_info(m->stream, &facts, error));
  CHILD(tm_stream_create(&stream, m->context, NULL, error));
  CHILD(tm_event_create(&event, m->context, error));
  CHILD(tm_event_record(in->event, m->stream, error));
  CHILD(tm_stream_wait_event(m->stream, in->event, error));
  CHILD(tm_event_synchronize(in->event, TM_WAIT_FOREVER, error));
  CHILD(tm_event_elapsed(&elapsed, in->event, in->event, error));
  CHILD(tm_buffer_create(&buffer, m->context, 4, NULL, error));
  CHILD(tm_buffer_gpu_address(in->x, &address, error));
  CHILD(tm_compile(&kernel, m->context, m->module, "spin", &o, error));
  CHILD(tm_kernel_load(in->add, error));
  CHILD(tm_function_launch(m->stream, in->function, one, args, 2, NULL,
                           error));
  CHILD(tm_memory_info(m->context, &memory, error));
  CHILD(tm_environment(m->context, &environment, error));
  CHILD(tm_cache_stats(m->context, &cache, error));
#undef CHILD
  tm_stream_destroy(m->stream);
  tm_event_destroy(in->event);
  tm_buffer_destroy(in->x);
  tm_function_destroy(in->function);
  tm_kernel_destroy(in->add);
  tm_context_destroy(m->context);
  return 0;
}

/* A context of the child's own compiles; the device was the parent's. */
static int own_in_child(inherited *in, tm_error **error) {
  tm_context *context;
  tm_kernel *kernel;
  tm_stream *stream;
  tm_context_options c = TM_CONTEXT_OPTIONS_INIT;
  tm_compile_options o = TM_COMPILE_OPTIONS_INIT;
  c.cache = TM_SWITCH_OFF;
  c.chip = "m1";
  o.signature = "*i32, i32";
  if (tm_context_create(&context, &c, error)) return 101;
  if (tm_compile(&kernel, context, in->m->module, "spin", &o, error))
    return 102;
  if (tm_stream_create(&stream, context, NULL, error) != TM_E_NO_DEVICE ||
      !strstr(tm_error_text(*error), "does not survive a fork"))
    return 103;
  tm_error_destroy(*error);
  tm_kernel_destroy(kernel);
  tm_context_destroy(context);
  return 0;
}

static atomic_bool stop;
static void *keep_launching(void *payload) {
  inherited *in = payload;
  tm_arg args[2] = {tm_arg_buffer(in->x, 0), tm_arg_int(1)};
  while (!atomic_load(&stop))
    if (tm_launch(in->m->stream, in->add, tm_grid_1d(1), args, 2, NULL))
      return payload;
  return NULL;
}

static void a_forked_child_is_refused_with_a_reason(void **state) {
  machine m = machine_open(source, NULL);
  inherited in = {&m, machine_compile(&m, "add", "*i32, i32"), NULL,
                  machine_buffer(&m, 4), NULL};
  OK(tm_function_create(&in.function, m.context, m.module, "add", NULL,
                        &machine_error));
  OK(tm_event_create(&in.event, m.context, &machine_error));
  launch(m.stream, in.add, in.x, 1);
  OK(tm_event_record(in.event, m.stream, &machine_error));
  atomic_store(&stop, false);
  pthread_t thread; /* it holds the stream's lock at many a fork */
  pthread_create(&thread, NULL, keep_launching, &in);
  for (int i = 0; i < 20; i++) {
    pid_t child = fork();
    if (!child) {
      alarm(30);
      tm_error *error = NULL;
      int failed = refused_in_child(&in, &error);
      if (!failed && i == 19) failed = own_in_child(&in, &error);
      if (failed) fprintf(stderr, "%d: %s\n", failed, tm_error_text(error));
      _exit(failed);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
  }
  atomic_store(&stop, true);
  void *failed;
  pthread_join(thread, &failed);
  assert_null(failed);
  machine_wait(m.stream); /* the parent's go on */
  assert_true(value(in.x) > 0);
  tm_event_destroy(in.event);
  tm_function_destroy(in.function);
  tm_buffer_destroy(in.x);
  tm_kernel_destroy(in.add);
  machine_close(&m);
}
#endif

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(batches_are_handed_over_by_count_bytes_time_and_call),
      cmocka_unit_test(the_environment_forces_launches_to_wait),
      cmocka_unit_test(a_wedged_gpu_gives_timeouts_and_no_hang),
#if !defined(__APPLE__)
      cmocka_unit_test(the_next_call_reports_what_failed),
      cmocka_unit_test(a_failure_names_the_kernels_of_its_batch),
      cmocka_unit_test(a_context_survives_compiles_faults_and_cache_loss),
#endif
      cmocka_unit_test(threads_use_streams_of_two_contexts),
#if !defined(__SANITIZE_THREAD__)
      cmocka_unit_test(a_forked_child_is_refused_with_a_reason),
#endif
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
