/* SPDX-License-Identifier: MIT */
/* stream_time.c - what a launch costs by its arguments, on the host side and
 * without waiting, and whether threads on streams of their own hinder each
 * other. */
#define _GNU_SOURCE
#include "bench.h"

#include <pthread.h>
#include <time.h>

enum { BURST = 32, BURSTS = 200, SMALL = 1024 };

static const char signature[] =
    "*fp32:16, *fp32:16, *fp32:16, i32:16, 1024";

/* Twelve buffers, of which four are written, and eight numbers. */
static const char many_source[] =
    "import triton\n"
    "import triton.language as tl\n"
    "@triton.jit\n"
    "def many(a, b, c, d, e, f, g, h, w, x, y, z, i, j, k, l, m, n, o, p):\n"
    "    r = tl.arange(0, 32)\n"
    "    s = tl.load(a + r) + tl.load(b + r) + tl.load(c + r) + i + j\n"
    "    t = tl.load(d + r) + tl.load(e + r) + tl.load(f + r) + k + l\n"
    "    tl.store(w + r, s + t)\n"
    "    tl.store(x + r, s - t + tl.load(g + r))\n"
    "    tl.store(y + r, s * t + tl.load(h + r) + m + n)\n"
    "    tl.store(z + r, t + o + p)\n";

enum { MANY_BUFFERS = 12, MANY = 20 };

typedef struct launches {
  bench_gpu gpu;
  tm_kernel *kernel;
  tm_arg args[MANY];
  size_t n_args;
} launches;

/* CPU time: that of others does not count. */
static double thread_seconds(void) {
  struct timespec t;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* Seconds of one launch, on the host. */
static double seconds_of_launch(launches *l, uint32_t count) {
  tm_error *error = NULL;
  double start = thread_seconds();
  for (uint32_t k = 0; k < count; k++)
    bench_check(tm_launch(l->gpu.stream, l->kernel, tm_grid_1d(1), l->args,
                          l->n_args, &error),
                error);
  return (thread_seconds() - start) / count;
}

static void wait_for(launches *l) {
  tm_error *error = NULL;
  bench_check(tm_stream_synchronize(l->gpu.stream, TM_WAIT_FOREVER, &error),
              error);
}

static void measure_launch(launches *l, const char *name, double bar) {
  double times[BURSTS];
  for (int i = 0; i < BURSTS; i++) {
    times[i] = seconds_of_launch(l, BURST);
    wait_for(l);
  }
  bench_limit(name, 1e6 * bench_median(times, BURSTS), "us", bar);
}

static launches open_launches(void) {
  launches l = {.gpu = bench_gpu_open(), .n_args = 4};
  tm_module *module = bench_module("vector_add.py");
  l.kernel = bench_kernel(&l.gpu, module, "add_kernel", signature, 4);
  for (int i = 0; i < 3; i++)
    l.args[i] = tm_arg_buffer(bench_floats(&l.gpu, SMALL), 0);
  l.args[3] = tm_arg_int(SMALL);
  tm_module_destroy(module);
  return l;
}

static launches open_many(void) {
  launches l = {.gpu = bench_gpu_open(), .n_args = MANY};
  tm_module *module;
  tm_error *error = NULL;
  bench_check(tm_module_parse(&module, "many", "many.py", many_source,
                              sizeof many_source - 1, NULL, &error),
              error);
  l.kernel = bench_kernel(
      &l.gpu, module, "many",
      "*fp32, *fp32, *fp32, *fp32, *fp32, *fp32, *fp32, *fp32, *fp32, *fp32, "
      "*fp32, *fp32, i32, i32, i32, i32, i32, i32, i32, i32", 1);
  for (int i = 0; i < MANY_BUFFERS; i++)
    l.args[i] = tm_arg_buffer(bench_floats(&l.gpu, SMALL), 0);
  for (int i = MANY_BUFFERS; i < MANY; i++) l.args[i] = tm_arg_int(i);
  tm_module_destroy(module);
  return l;
}

static void close_launches(launches *l) {
  for (size_t i = 0; i < l->n_args; i++)
    if (l->args[i].tag == TM_GIVE_BUFFER)
      tm_buffer_destroy(l->args[i].u.buffer);
  tm_kernel_destroy(l->kernel);
  bench_gpu_close(&l->gpu);
}

/* ---- threads ------------------------------------------------------------ */

enum { THREADS = 4, LONG_BURST = 2000, ROUNDS = 21 };

typedef struct thread_job {
  launches launch;           /* a stream and buffers of the thread's own, the
                                context's kernel */
  pthread_barrier_t *start;
  double seconds[ROUNDS];    /* of a launch */
} thread_job;

static void *launch_rounds(void *payload) {
  thread_job *job = payload;
  for (int i = 0; i < ROUNDS; i++) {
    pthread_barrier_wait(job->start);
    job->seconds[i] = seconds_of_launch(&job->launch, LONG_BURST);
    wait_for(&job->launch);
  }
  return NULL;
}

static void open_job(thread_job *job, const launches *l,
                     pthread_barrier_t *start) {
  tm_error *error = NULL;
  tm_stream_options o = TM_STREAM_OPTIONS_INIT;
  o.batch = LONG_BURST + 1; /* nothing is handed over while it is timed */
  o.batch_us = UINT32_MAX;
  *job = (thread_job){.launch = *l, .start = start};
  bench_check(tm_stream_create(&job->launch.gpu.stream, l->gpu.context, &o,
                               &error),
              error);
  for (int k = 0; k < 3; k++)
    job->launch.args[k] =
        tm_arg_buffer(bench_floats(&job->launch.gpu, SMALL), 0);
}

static void close_job(thread_job *job) {
  for (int k = 0; k < 3; k++)
    tm_buffer_destroy(job->launch.args[k].u.buffer);
  tm_stream_destroy(job->launch.gpu.stream);
}

/* CPU seconds of a launch when n threads launch at once. What they share makes
 * it more; how many CPUs are free does not. */
static double seconds_with_threads(const launches *l, int n) {
  static thread_job jobs[THREADS];
  pthread_t threads[THREADS];
  pthread_barrier_t start;
  double all[THREADS];
  pthread_barrier_init(&start, NULL, (unsigned)n);
  for (int i = 0; i < n; i++) open_job(&jobs[i], l, &start);
  for (int i = 0; i < n; i++)
    pthread_create(&threads[i], NULL, launch_rounds, &jobs[i]);
  for (int i = 0; i < n; i++) {
    pthread_join(threads[i], NULL);
    all[i] = bench_median(jobs[i].seconds, ROUNDS);
    close_job(&jobs[i]);
  }
  pthread_barrier_destroy(&start);
  return bench_median(all, (size_t)n);
}

static void measure_threads(const launches *l) {
  double one = seconds_with_threads(l, 1);
  bench_against("launches, 4 threads at once",
                1e-6 / seconds_with_threads(l, THREADS), "M/CPU s",
                "one thread", 1e-6 / one, 0.6);
}

void bench_streams(void) {
  if (!bench_wanted("launch")) return;
  launches l = open_launches();
  measure_launch(&l, "launch, 3 buffers", 0.5);
  measure_threads(&l);
  close_launches(&l);
  l = open_many();
  measure_launch(&l, "launch, 20 arguments", 1);
  close_launches(&l);
}
