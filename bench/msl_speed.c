/* SPDX-License-Identifier: MIT */
/*
 * msl_speed.c - the MSL of bench/msl on softmetal, each beside its peer in
 * the same run and checked against it.
 */
#define _GNU_SOURCE
#include "bench.h"
#include "msl_metal.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct side_by_side {
  msl_metal *metal;
  msl_step steps[2];
  size_t n_steps;
  const float *x, *y, *z;
  float *out;
  size_t n;
  unsigned threads;
} side_by_side;

static void ours(void *payload) {
  side_by_side *s = payload;
  msl_run(s->metal, s->steps, s->n_steps);
}

static void *open_library(msl_metal *m, const char *file) {
  char path[256];
  size_t size;
  snprintf(path, sizeof path, "bench/msl/%s.metal", file);
  char *text = bench_read(path, &size);
  void *library = msl_library(m, text);
  free(text);
  return library;
}

static msl_buffer random_floats(msl_metal *m, size_t n) {
  msl_buffer b = msl_buffer_new(m, n * sizeof(float));
  float *data = b.data;
  for (size_t i = 0; i < n; i++) data[i] = bench_random();
  return b;
}

/* Largest difference, and where it must not be: the bench is void then. */
static void expect_near(const char *name, const float *a, const float *b,
                        size_t n, double most) {
  for (size_t i = 0; i < n; i++) {
    if (fabs((double)a[i] - (double)b[i]) <= most) continue;
    fprintf(stderr, "bench: %s: element %zu is %g, the peer has %g\n", name,
            i, (double)a[i], (double)b[i]);
    exit(1);
  }
}

/* ---- memory ----------------------------------------------------------- */

static void theirs_add(void *payload) {
  side_by_side *s = payload;
  peer_add(s->x, s->y, s->out, s->n, s->threads);
}

static void add(msl_metal *m) {
  size_t n = (size_t)16 << 20;
  void *library = open_library(m, "add4");
  void *pipeline = msl_pipeline(m, library, "add4");
  msl_buffer x = random_floats(m, n), y = random_floats(m, n);
  msl_buffer out = msl_buffer_new(m, n * 4), peer = msl_buffer_new(m, n * 4);
  side_by_side s = {.metal = m, .n_steps = 1, .x = x.data, .y = y.data,
                    .out = peer.data, .n = n, .threads = bench_threads()};
  s.steps[0] = (msl_step){pipeline, {&x, &y, &out}, -1, 0,
                          {(uint32_t)(n / 1024), 1}, 256};
  double a, b, gb = 12.0 * (double)n * 1e-9;
  bench_pair(ours, theirs_add, &s, 15, &a, &b);
  expect_near("add float4", out.data, peer.data, n, 0);
  bench_against("MSL add float4 64 MB", gb / a, "GB/s",
                "C loop, -O3 -march=native", gb / b, 0.9);
  msl_release(x.object), msl_release(y.object), msl_release(out.object);
  msl_release(peer.object), msl_release(pipeline), msl_release(library);
}

static void theirs_softmax(void *payload) {
  side_by_side *s = payload;
  peer_softmax(s->x, s->out, s->n / 1024, 1024, s->threads);
}

static void softmax(msl_metal *m) {
  size_t rows = 4096, n = rows * 1024;
  void *library = open_library(m, "softmax");
  void *pipeline = msl_pipeline(m, library, "softmax");
  msl_buffer x = random_floats(m, n);
  msl_buffer out = msl_buffer_new(m, n * 4), peer = msl_buffer_new(m, n * 4);
  side_by_side s = {.metal = m, .n_steps = 1, .x = x.data, .out = peer.data,
                    .n = n, .threads = bench_threads()};
  s.steps[0] = (msl_step){pipeline, {&x, &out}, -1, 0,
                          {(uint32_t)rows, 1}, 256};
  double a, b, gb = 8.0 * (double)n * 1e-9;
  bench_pair(ours, theirs_softmax, &s, 15, &a, &b);
  expect_near("softmax", out.data, peer.data, n, 1e-7);
  bench_against("MSL softmax 4096x1024", gb / a, "GB/s",
                "C, vectorised expf", gb / b, 0.7);
  msl_release(x.object), msl_release(out.object), msl_release(peer.object);
  msl_release(pipeline), msl_release(library);
}

static void theirs_sum(void *payload) {
  side_by_side *s = payload;
  s->out[0] = peer_sum(s->x, s->n, s->threads);
}

static void sum(msl_metal *m) {
  size_t n = (size_t)16 << 20;
  enum { GROUPS = 512 };
  void *library = open_library(m, "sum");
  void *parts = msl_pipeline(m, library, "sum_parts");
  void *all = msl_pipeline(m, library, "sum_all");
  msl_buffer x = random_floats(m, n), partial = msl_buffer_new(m, GROUPS * 4),
             out = msl_buffer_new(m, 4);
  float peer = 0;
  side_by_side s = {.metal = m, .n_steps = 2, .x = x.data, .out = &peer,
                    .n = n, .threads = bench_threads()};
  s.steps[0] = (msl_step){parts, {&x, &partial}, 2,
                          (uint32_t)(n / 4 / GROUPS), {GROUPS, 1}, 256};
  s.steps[1] = (msl_step){all, {&partial, &out}, 2, GROUPS, {1, 1}, 256};
  double a, b, gb = 4.0 * (double)n * 1e-9, exact = 0;
  bench_pair(ours, theirs_sum, &s, 15, &a, &b);
  for (size_t i = 0; i < n; i++) exact += (double)s.x[i];
  float reference = (float)exact;
  expect_near("sum", out.data, &reference, 1, 0.5);
  bench_against("MSL sum of 16M floats", gb / a, "GB/s", "C, -Ofast", gb / b,
                0.7);
  msl_release(x.object), msl_release(partial.object), msl_release(out.object);
  msl_release(parts), msl_release(all), msl_release(library);
}

/* ---- matrices --------------------------------------------------------- */

static void theirs_product(void *payload) {
  side_by_side *s = payload;
  int n = (int)s->n;
  peer_matmul(s->x, s->y, s->out, n, n, n);
}

static void product(msl_metal *m, bool half) {
  size_t size = 1024, n = size * size;
  void *library = open_library(m, "gemm");
  void *pipeline = msl_pipeline(m, library, half ? "gemm_half" : "gemm_float");
  msl_buffer a = random_floats(m, n), b = random_floats(m, n),
             c = msl_buffer_new(m, n * 4), peer = msl_buffer_new(m, n * 4);
  msl_buffer left = a, right = b;
  if (half) { /* what the peer multiplies is rounded to half, too */
    left = msl_buffer_new(m, n * 2), right = msl_buffer_new(m, n * 2);
    float *from[2] = {a.data, b.data};
    _Float16 *to[2] = {left.data, right.data};
    for (int k = 0; k < 2; k++)
      for (size_t i = 0; i < n; i++)
        from[k][i] = (float)(to[k][i] = (_Float16)from[k][i]);
  }
  side_by_side s = {.metal = m, .n_steps = 1, .x = a.data, .y = b.data,
                    .out = peer.data, .n = size, .threads = bench_threads()};
  s.steps[0] = (msl_step){pipeline, {&left, &right, &c}, 3, (uint32_t)size,
                          {(uint32_t)size / 64, (uint32_t)size / 128}, 128};
  double us, them, gflop = 2e-9 * (double)n * (double)size;
  bench_pair(ours, theirs_product, &s, 7, &us, &them);
  expect_near("GEMM", c.data, peer.data, n, 1e-3);
  bench_against(half ? "MSL GEMM 1024 half" : "MSL GEMM 1024 float",
                gflop / us, "GFLOP/s", peer_matmul_name(), gflop / them, 0.5);
  if (half) msl_release(left.object), msl_release(right.object);
  msl_release(a.object), msl_release(b.object), msl_release(c.object);
  msl_release(peer.object), msl_release(pipeline), msl_release(library);
}

static void theirs_attention(void *payload) {
  side_by_side *s = payload;
  peer_attention(s->x, s->y, s->z, s->out, s->n, s->threads);
}

static void attention(msl_metal *m) {
  size_t rows = 2048, n = rows * 64;
  void *library = open_library(m, "attention");
  void *pipeline = msl_pipeline(m, library, "attention");
  msl_buffer q = random_floats(m, n), k = random_floats(m, n),
             v = random_floats(m, n), out = msl_buffer_new(m, n * 4),
             peer = msl_buffer_new(m, n * 4);
  side_by_side s = {.metal = m, .n_steps = 1, .x = q.data, .y = k.data,
                    .z = v.data, .out = peer.data, .n = rows,
                    .threads = bench_threads()};
  s.steps[0] = (msl_step){pipeline, {&q, &k, &v, &out}, 4, (uint32_t)rows,
                          {(uint32_t)rows / 32, 1}, 128};
  double us, them, gflop = 4e-9 * (double)rows * (double)n;
  bench_pair(ours, theirs_attention, &s, 7, &us, &them);
  expect_near("attention", out.data, peer.data, n, 1e-5);
  bench_against("MSL attention 2048x64 float", gflop / us, "GFLOP/s",
                "C with OpenBLAS", gflop / them, 0.5);
  msl_release(q.object), msl_release(k.object), msl_release(v.object);
  msl_release(out.object), msl_release(peer.object), msl_release(pipeline);
  msl_release(library);
}

/* ---- barriers --------------------------------------------------------- */

static void theirs_tree(void *payload) {
  side_by_side *s = payload;
  peer_tree(s->x, s->out, s->n, s->threads);
}

static void tree(msl_metal *m) {
  size_t groups = 4096;
  void *library = open_library(m, "tree");
  void *pipeline = msl_pipeline(m, library, "tree");
  msl_buffer x = random_floats(m, groups * 256),
             out = msl_buffer_new(m, groups * 4),
             peer = msl_buffer_new(m, groups * 4);
  side_by_side s = {.metal = m, .n_steps = 1, .x = x.data, .out = peer.data,
                    .n = groups, .threads = bench_threads()};
  s.steps[0] = (msl_step){pipeline, {&x, &out}, -1, 0,
                          {(uint32_t)groups, 1}, 256};
  double us, them, count = (double)groups * 1e-6;
  bench_pair(ours, theirs_tree, &s, 31, &us, &them);
  expect_near("tree", out.data, peer.data, groups, 0);
  bench_against("MSL tree of 256, 9 barriers", count / us, "M/s", "C",
                count / them, 0.2);
  msl_release(x.object), msl_release(out.object), msl_release(peer.object);
  msl_release(pipeline), msl_release(library);
}

/* ---- compiling -------------------------------------------------------- */

enum { ROUNDS = 9 };

/* Library and pipeline once more, the pipeline's code from an archive. */
static void from_archive(msl_metal *m, const char *text) {
  char path[64];
  double times[ROUNDS];
  snprintf(path, sizeof path, "build/bench-%ld.archive", (long)getpid());
  void *library = msl_library(m, text);
  void *archive = msl_archive(m, library, "gemm_float", path);
  msl_release(library);
  for (int i = 0; i < ROUNDS; i++) {
    double start = bench_seconds();
    library = msl_library(m, text);
    void *pipeline = msl_pipeline_from(m, library, "gemm_float", archive);
    times[i] = (bench_seconds() - start) * 1e3;
    msl_release(pipeline), msl_release(library);
  }
  msl_release(archive);
  unlink(path);
  bench_limit("MSL GEMM pipeline from archive", bench_median(times, ROUNDS),
              "ms", 1);
}

static void pipelines(msl_metal *m) {
  double times[ROUNDS];
  size_t size;
  char *text = bench_read("bench/msl/gemm.metal", &size);
  const char *store = getenv("SOFTMETAL_CACHE");
  char *kept = store ? strdup(store) : NULL;
  setenv("SOFTMETAL_CACHE", "0", 1); /* nothing is found on disk */
  for (int i = 0; i < ROUNDS; i++) {
    double start = bench_seconds();
    void *library = msl_library(m, text);
    void *pipeline = msl_pipeline(m, library, "gemm_float");
    times[i] = (bench_seconds() - start) * 1e3;
    msl_release(pipeline), msl_release(library);
  }
  bench_limit("MSL GEMM library and pipeline", bench_median(times, ROUNDS),
              "ms", 60);
  from_archive(m, text);
  if (kept) setenv("SOFTMETAL_CACHE", kept, 1);
  else unsetenv("SOFTMETAL_CACHE");
  free(kept), free(text);
}

void bench_msl(void) {
  static const struct { const char *name; void (*run)(msl_metal *); } all[] = {
      {"MSL pipeline", pipelines}, {"MSL add", add},
      {"MSL softmax", softmax},    {"MSL sum", sum},
      {"MSL tree", tree}};
  msl_metal metal = {NULL, NULL};
  bool blas = false, tried = false;
  for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
    if (!bench_wanted(all[i].name)) continue;
    if (!metal.device) metal = msl_metal_open();
    all[i].run(&metal);
  }
  for (int i = 0; i < 3; i++) {
    if (!bench_wanted(i == 2 ? "MSL attention" : "MSL GEMM")) continue;
    if (!tried) blas = peer_matmul_open(bench_threads()), tried = true;
    if (!blas) continue;
    if (!metal.device) metal = msl_metal_open();
    if (i < 2) product(&metal, i == 1);
    else attention(&metal);
  }
  if (metal.device) msl_metal_close(&metal);
}
