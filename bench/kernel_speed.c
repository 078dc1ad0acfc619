/* SPDX-License-Identifier: MIT */
/* kernel_speed.c - the example kernels beside plain C and OpenBLAS, on the
 * same data, with as many threads. The answers are compared as well: a fast
 * wrong kernel ends the bench. */
#define _GNU_SOURCE
#include "bench.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

typedef struct job {
  bench_gpu *gpu;
  tm_kernel *kernel;
  tm_grid grid;
  tm_arg args[16];
  size_t n_args;
  const float *x, *y;
  float *peer_out;
  size_t rows, columns;
  unsigned threads;
} job;

static void run_ours(void *payload) {
  job *j = payload;
  bench_launch(j->gpu, j->kernel, j->grid, j->args, j->n_args);
}

static void expect_close(const char *what, const float *a, const float *b,
                         size_t n, float bound) {
  for (size_t i = 0; i < n; i++)
    if (!(fabsf(a[i] - b[i]) <= bound)) {
      fprintf(stderr, "bench: %s: element %zu is %g, the peer's is %g\n",
              what, i, (double)a[i], (double)b[i]);
      exit(1);
    }
}

static unsigned cpus(void) { return (unsigned)sysconf(_SC_NPROCESSORS_ONLN); }

static void run_add(void *payload) {
  job *j = payload;
  peer_add(j->x, j->y, j->peer_out, j->columns, j->threads);
}

static void vector_add(bench_gpu *gpu) {
  size_t n = (size_t)1 << 24;
  tm_module *module = bench_module("vector_add.py");
  tm_buffer *x = bench_floats(gpu, n), *y = bench_floats(gpu, n),
            *out = bench_floats(gpu, n), *peer = bench_floats(gpu, n);
  job j = {gpu,
           bench_kernel(gpu, module, "add_kernel",
                        "*fp32:16, *fp32:16, *fp32:16, i32:16, 1024", 4),
           tm_grid_1d((uint32_t)(n / 1024)),
           {tm_arg_buffer(x, 0), tm_arg_buffer(y, 0), tm_arg_buffer(out, 0),
            tm_arg_int((int64_t)n)},
           4,
           tm_buffer_contents(x),
           tm_buffer_contents(y),
           tm_buffer_contents(peer),
           1,
           n,
           cpus()};
  double ours, theirs, gb = 12.0 * (double)n * 1e-9;
  bench_pair(run_ours, run_add, &j, 15, &ours, &theirs);
  expect_close("vector add", tm_buffer_contents(out), j.peer_out, n, 0);
  bench_against("vector add 16M float", gb / ours, "GB/s",
                "C loop, -O3 -march=native", gb / theirs, 0.7);
  tm_kernel_destroy(j.kernel);
  tm_module_destroy(module);
  tm_buffer_destroy(x), tm_buffer_destroy(y), tm_buffer_destroy(out);
  tm_buffer_destroy(peer);
}

static void run_softmax(void *payload) {
  job *j = payload;
  peer_softmax(j->x, j->peer_out, j->rows, j->columns, j->threads);
}

static void softmax(bench_gpu *gpu) {
  size_t rows = 4096, columns = 1024, n = rows * columns;
  tm_module *module = bench_module("softmax.py");
  tm_buffer *x = bench_floats(gpu, n), *out = bench_floats(gpu, n),
            *peer = bench_floats(gpu, n);
  job j = {gpu,
           bench_kernel(gpu, module, "softmax_kernel",
                        "*fp32:16, *fp32:16, i32:16, i32:16, i32:16, 1024",
                        4),
           tm_grid_1d((uint32_t)rows),
           {tm_arg_buffer(out, 0), tm_arg_buffer(x, 0),
            tm_arg_int((int64_t)columns), tm_arg_int((int64_t)columns),
            tm_arg_int((int64_t)columns)},
           5,
           tm_buffer_contents(x),
           NULL,
           tm_buffer_contents(peer),
           rows,
           columns,
           cpus()};
  double ours, theirs, gb = 8.0 * (double)n * 1e-9;
  bench_pair(run_ours, run_softmax, &j, 15, &ours, &theirs);
  expect_close("softmax", tm_buffer_contents(out), j.peer_out, n, 1e-6f);
  bench_against("softmax 4096x1024 float", gb / ours, "GB/s",
                "C, vectorised expf", gb / theirs, 0.4);
  tm_kernel_destroy(j.kernel);
  tm_module_destroy(module);
  tm_buffer_destroy(x), tm_buffer_destroy(out), tm_buffer_destroy(peer);
}

static void run_matmul(void *payload) {
  job *j = payload;
  int n = (int)j->columns;
  peer_matmul(j->x, j->y, j->peer_out, n, n, n);
}

static void matmul(bench_gpu *gpu) {
  size_t size = 512, n = size * size;
  if (!peer_matmul_open(cpus())) {
    fprintf(stderr, "bench: OpenBLAS is not installed: no matrix product\n");
    return;
  }
  tm_module *module = bench_module("matmul.py");
  tm_buffer *a = bench_floats(gpu, n), *b = bench_floats(gpu, n),
            *c = bench_floats(gpu, n), *peer = bench_floats(gpu, n);
  int64_t s = (int64_t)size;
  job j = {gpu,
           bench_kernel(gpu, module, "matmul_kernel",
                        "*fp32:16, *fp32:16, *fp32:16, i32:16, i32:16, "
                        "i32:16, i32:16, i32:1, i32:16, i32:1, i32:16, i32:1, "
                        "64, 64, 32, 8, ''",
                        4),
           tm_grid_1d((uint32_t)(size / 64 * (size / 64))),
           {tm_arg_buffer(a, 0), tm_arg_buffer(b, 0), tm_arg_buffer(c, 0),
            tm_arg_int(s), tm_arg_int(s), tm_arg_int(s), tm_arg_int(s),
            tm_arg_int(s), tm_arg_int(s)},
           9,
           tm_buffer_contents(a),
           tm_buffer_contents(b),
           tm_buffer_contents(peer),
           size,
           size,
           cpus()};
  double ours, theirs, gflop = 2.0 * (double)n * (double)size * 1e-9;
  bench_pair(run_ours, run_matmul, &j, 25, &ours, &theirs);
  expect_close("matrix product", tm_buffer_contents(c), j.peer_out, n, 1e-3f);
  bench_against("matrix product 512^3 float", gflop / ours, "GFLOP/s",
                peer_matmul_name(), gflop / theirs, 0.25);
  tm_kernel_destroy(j.kernel);
  tm_module_destroy(module);
  tm_buffer_destroy(a), tm_buffer_destroy(b), tm_buffer_destroy(c);
  tm_buffer_destroy(peer);
}

void bench_kernels(void) {
  bench_gpu gpu = bench_gpu_open();
  if (bench_wanted("vector add")) vector_add(&gpu);
  if (bench_wanted("softmax")) softmax(&gpu);
  if (bench_wanted("matrix product")) matmul(&gpu);
  bench_gpu_close(&gpu);
}
