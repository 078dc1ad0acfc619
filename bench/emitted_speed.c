/* SPDX-License-Identifier: MIT */
/*
 * emitted_speed.c - the MSL that the compiler writes beside the hand-written
 * MSL of bench/msl, both on softmetal, on the same data: what is measured is
 * the text. Products for a chip that stages tiles and for one that does not;
 * the hand-written ones read device memory.
 */
#define _GNU_SOURCE
#include "bench.h"
#include "msl_metal.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char source[] =
    "import triton\nimport triton.language as tl\n"
    "@triton.jit\n"
    "def sum_parts(x, out, count, BLOCK: tl.constexpr):\n"
    "    pid = tl.program_id(0)\n"
    "    at = tl.arange(0, BLOCK)\n"
    "    total = tl.zeros((BLOCK,), tl.float32)\n"
    "    for i in range(0, count, BLOCK):\n"
    "        total += tl.load(x + pid * count + i + at,\n"
    "                         mask=i + at < count, other=0.0)\n"
    "    tl.store(out + pid, tl.sum(total, axis=0))\n"
    "@triton.jit\n"
    "def layer_norm(x, weight, bias, out, n, BLOCK: tl.constexpr):\n"
    "    row = tl.program_id(0)\n"
    "    at = tl.arange(0, BLOCK)\n"
    "    mask = at < n\n"
    "    v = tl.load(x + row * n + at, mask=mask, other=0.0)\n"
    "    d = tl.where(mask, v - tl.sum(v, axis=0) / n, 0.0)\n"
    "    scale = tl.rsqrt(tl.sum(d * d, axis=0) / n + 1e-5)\n"
    "    w = tl.load(weight + at, mask=mask)\n"
    "    b = tl.load(bias + at, mask=mask)\n"
    "    tl.store(out + row * n + at, d * scale * w + b, mask=mask)\n"
    "@triton.jit\n"
    "def product(a, b, c, n, M: tl.constexpr, N: tl.constexpr,\n"
    "            K: tl.constexpr):\n"
    "    rows = tl.program_id(1) * M + tl.arange(0, M)\n"
    "    columns = tl.program_id(0) * N + tl.arange(0, N)\n"
    "    k = tl.arange(0, K)\n"
    "    pa = a + rows[:, None] * n + k[None, :]\n"
    "    pb = b + k[:, None] * n + columns[None, :]\n"
    "    acc = tl.zeros((M, N), tl.float32)\n"
    "    for i in range(0, n, K):\n"
    "        acc = tl.dot(tl.load(pa), tl.load(pb), acc,\n"
    "                     input_precision='ieee')\n"
    "        pa += K\n"
    "        pb += K * n\n"
    "    tl.store(c + rows[:, None] * n + columns[None, :], acc)\n"
    "@triton.jit\n"
    "def attention(q, k, v, out, n, M: tl.constexpr, N: tl.constexpr,\n"
    "              D: tl.constexpr):\n"
    "    rows = tl.program_id(0) * M + tl.arange(0, M)\n"
    "    d = tl.arange(0, D)\n"
    "    x = tl.load(q + rows[:, None] * D + d[None, :])\n"
    "    top = tl.full((M,), -float('inf'), tl.float32)\n"
    "    total = tl.zeros((M,), tl.float32)\n"
    "    acc = tl.zeros((M, D), tl.float32)\n"
    "    for i in range(0, n, N):\n"
    "        at = i + tl.arange(0, N)\n"
    "        y = tl.load(k + at[None, :] * D + d[:, None])\n"
    "        s = tl.dot(x, y, input_precision='ieee') * 0.18033688\n"
    "        now = tl.maximum(top, tl.max(s, 1))\n"
    "        p = tl.exp2(s - now[:, None])\n"
    "        less = tl.exp2(top - now)\n"
    "        total = total * less + tl.sum(p, 1)\n"
    "        w = tl.load(v + at[:, None] * D + d[None, :])\n"
    "        acc = tl.dot(p, w, acc * less[:, None],\n"
    "                     input_precision='ieee')\n"
    "        top = now\n"
    "    tl.store(out + rows[:, None] * D + d[None, :],\n"
    "             acc / total[:, None])\n";

typedef struct launch {
  tm_kernel *kernel;
  tm_grid grid;
  tm_arg args[8];
  size_t n_args;
} launch;

typedef struct pair {
  bench_gpu gpu;
  launch ours[2];
  size_t n_ours;
  msl_metal metal;
  msl_step theirs[2];
  size_t n_theirs;
  void *library;
  tm_buffer *data[4];  /* ours; floats or halfs */
  msl_buffer copy[4];  /* the same for the hand-written one */
  size_t n_data;
} pair;

static void run_ours(void *payload) {
  pair *p = payload;
  tm_error *error = NULL;
  for (size_t i = 0; i < p->n_ours; i++)
    bench_check(tm_launch(p->gpu.stream, p->ours[i].kernel, p->ours[i].grid,
                          p->ours[i].args, p->ours[i].n_args, &error), error);
  bench_check(tm_stream_synchronize(p->gpu.stream, TM_WAIT_FOREVER, &error),
              error);
}

static void run_theirs(void *payload) {
  pair *p = payload;
  msl_run(&p->metal, p->theirs, p->n_theirs);
}

static pair open_pair(const char *chip, const char *file) {
  pair p = {.n_ours = 1, .n_theirs = 1};
  char path[256];
  size_t size;
  setenv("SOFTMETAL_CHIP", chip, 1);
  p.gpu = bench_gpu_open();
  p.metal = msl_open();
  snprintf(path, sizeof path, "bench/msl/%s.metal", file);
  char *text = bench_read(path, &size);
  p.library = msl_library(&p.metal, text);
  free(text);
  return p;
}

/* Random floats, as halfs if so asked, for both. */
static void add_data(pair *p, size_t n, bool half) {
  tm_buffer *made = bench_floats(&p->gpu, n);
  float *x = tm_buffer_contents(made);
  msl_buffer copy = msl_buffer_new(&p->metal, n * 4);
  if (half) {
    _Float16 *y = tm_buffer_contents(made);
    for (size_t i = 0; i < n; i++) {
      _Float16 h = (_Float16)x[i];
      memcpy(y + i, &h, sizeof h);
    }
  }
  memcpy(copy.data, x, n * 4);
  p->data[p->n_data] = made;
  p->copy[p->n_data++] = copy;
}

static void set_ours(pair *p, size_t i, tm_module *module, const char *kernel,
                     const char *signature, uint32_t warps, tm_grid grid) {
  p->ours[i].kernel =
      bench_kernel(&p->gpu, module, kernel, signature, warps);
  p->ours[i].grid = grid;
}

static void give(launch *l, tm_arg arg) { l->args[l->n_args++] = arg; }

static tm_module *own_module(void) {
  tm_module *module;
  tm_error *error = NULL;
  bench_check(tm_module_parse(&module, NULL, "emitted.py", source,
                              sizeof source - 1, NULL, &error), error);
  return module;
}

/* Measures, compares the answers in the last buffer, and takes all down. */
static void finish(pair *p, tm_module *module, const char *name, double work,
                   const char *unit, size_t n_out, double most) {
  double ours, theirs;
  bench_pair(run_ours, run_theirs, p, 9, &ours, &theirs);
  const float *a = tm_buffer_contents(p->data[p->n_data - 1]);
  const float *b = p->copy[p->n_data - 1].data;
  for (size_t i = 0; i < n_out; i++)
    if (!(fabs((double)a[i] - (double)b[i]) <= most)) {
      fprintf(stderr, "bench: %s: element %zu is %g, by hand %g\n", name, i,
              (double)a[i], (double)b[i]);
      exit(1);
    }
  bench_against(name, work / ours, unit, "hand-written MSL", work / theirs,
                0.9);
  for (size_t i = 0; i < p->n_ours; i++) tm_kernel_destroy(p->ours[i].kernel);
  for (size_t i = 0; i < p->n_data; i++) {
    tm_buffer_destroy(p->data[i]);
    msl_release(p->copy[i].object);
  }
  for (size_t i = 0; i < p->n_theirs; i++) msl_release(p->theirs[i].pipeline);
  msl_release(p->library);
  tm_module_destroy(module);
  bench_gpu_close(&p->gpu);
  msl_close(&p->metal);
  unsetenv("SOFTMETAL_CHIP");
}

static void add(const char *chip, const char *name) {
  enum { N = 16 << 20 };
  pair p = open_pair(chip, "add4");
  for (int i = 0; i < 3; i++) add_data(&p, N, false);
  tm_module *module = bench_module("vector_add.py");
  set_ours(&p, 0, module, "add_kernel",
           "*fp32:16, *fp32:16, *fp32:16, i32:16, 1024", 8,
           tm_grid_1d(N / 1024));
  for (int i = 0; i < 3; i++) give(&p.ours[0], tm_arg_buffer(p.data[i], 0));
  give(&p.ours[0], tm_arg_int(N));
  p.theirs[0] = (msl_step){msl_pipeline(&p.metal, p.library, "add4"),
                           {&p.copy[0], &p.copy[1], &p.copy[2]}, -1, 0,
                           {N / 1024, 1}, 256};
  finish(&p, module, name, 12e-9 * N, "GB/s", N, 0);
}

static void softmax(const char *chip, const char *name) {
  enum { ROWS = 4096, COLUMNS = 1024, N = ROWS * COLUMNS };
  pair p = open_pair(chip, "softmax");
  for (int i = 0; i < 2; i++) add_data(&p, N, false);
  tm_module *module = bench_module("softmax.py");
  set_ours(&p, 0, module, "softmax_kernel",
           "*fp32:16, *fp32:16, i32:16, i32:16, i32:16, 1024", 8,
           tm_grid_1d(ROWS));
  give(&p.ours[0], tm_arg_buffer(p.data[1], 0));
  give(&p.ours[0], tm_arg_buffer(p.data[0], 0));
  for (int i = 0; i < 3; i++) give(&p.ours[0], tm_arg_int(COLUMNS));
  p.theirs[0] = (msl_step){msl_pipeline(&p.metal, p.library, "softmax"),
                           {&p.copy[0], &p.copy[1]}, -1, 0, {ROWS, 1}, 256};
  finish(&p, module, name, 8e-9 * N, "GB/s", N, 1e-7);
}

static void layer_norm(const char *chip, const char *name) {
  enum { ROWS = 4096, COLUMNS = 1024, N = ROWS * COLUMNS };
  pair p = open_pair(chip, "layer_norm");
  add_data(&p, N, false), add_data(&p, COLUMNS, false);
  add_data(&p, COLUMNS, false), add_data(&p, N, false);
  tm_module *module = own_module();
  set_ours(&p, 0, module, "layer_norm",
           "*fp32:16, *fp32:16, *fp32:16, *fp32:16, i32:16, 1024", 8,
           tm_grid_1d(ROWS));
  for (int i = 0; i < 4; i++) give(&p.ours[0], tm_arg_buffer(p.data[i], 0));
  give(&p.ours[0], tm_arg_int(COLUMNS));
  p.theirs[0] = (msl_step){
      msl_pipeline(&p.metal, p.library, "layer_norm"),
      {&p.copy[0], &p.copy[1], &p.copy[2], &p.copy[3]}, -1, 0, {ROWS, 1},
      256};
  finish(&p, module, name, 8e-9 * N, "GB/s", N, 1e-5);
}

static void sum(const char *chip, const char *name) {
  enum { N = 16 << 20, GROUPS = 512 };
  pair p = open_pair(chip, "sum");
  add_data(&p, N, false), add_data(&p, GROUPS, false);
  add_data(&p, 4, false);
  tm_module *module = own_module();
  p.n_ours = p.n_theirs = 2;
  const int64_t counts[] = {N / GROUPS, GROUPS};
  for (size_t i = 0; i < 2; i++) {
    set_ours(&p, i, module, "sum_parts",
             i ? "*fp32:16, *fp32:16, i32:16, 512"
               : "*fp32:16, *fp32:16, i32:16, 1024", 8,
             tm_grid_1d(i ? 1 : GROUPS));
    give(&p.ours[i], tm_arg_buffer(p.data[i], 0));
    give(&p.ours[i], tm_arg_buffer(p.data[i + 1], 0));
    give(&p.ours[i], tm_arg_int(counts[i]));
    p.theirs[i] = (msl_step){
        msl_pipeline(&p.metal, p.library, i ? "sum_all" : "sum_parts"),
        {&p.copy[i], &p.copy[i + 1]}, 2,
        i ? GROUPS : N / 4 / GROUPS, {i ? 1 : GROUPS, 1}, 256};
  }
  finish(&p, module, name, 4e-9 * N, "GB/s", 1, 0.5);
}

static void product(const char *chip, const char *name) {
  enum { SIDE = 1024, N = SIDE * SIDE };
  pair p = open_pair(chip, "gemm");
  add_data(&p, N, true), add_data(&p, N, true), add_data(&p, N, false);
  tm_module *module = own_module();
  set_ours(&p, 0, module, "product",
           "*fp16:16, *fp16:16, *fp32:16, i32:16, 128, 64, 32", 4,
           tm_grid_3d(SIDE / 64, SIDE / 128, 1));
  for (int i = 0; i < 3; i++) give(&p.ours[0], tm_arg_buffer(p.data[i], 0));
  give(&p.ours[0], tm_arg_int(SIDE));
  p.theirs[0] = (msl_step){msl_pipeline(&p.metal, p.library, "gemm_half"),
                           {&p.copy[0], &p.copy[1], &p.copy[2]}, 3, SIDE,
                           {SIDE / 64, SIDE / 128}, 128};
  finish(&p, module, name, 2e-9 * N * SIDE, "GFLOP/s", N, 1e-3);
}

static void attention(const char *chip, const char *name) {
  enum { ROWS = 2048, N = ROWS * 64 };
  pair p = open_pair(chip, "attention");
  for (int i = 0; i < 4; i++) add_data(&p, N, false);
  tm_module *module = own_module();
  set_ours(&p, 0, module, "attention",
           "*fp32:16, *fp32:16, *fp32:16, *fp32:16, i32:16, 32, 32, 64", 4,
           tm_grid_1d(ROWS / 32));
  for (int i = 0; i < 4; i++) give(&p.ours[0], tm_arg_buffer(p.data[i], 0));
  give(&p.ours[0], tm_arg_int(ROWS));
  p.theirs[0] = (msl_step){
      msl_pipeline(&p.metal, p.library, "attention"),
      {&p.copy[0], &p.copy[1], &p.copy[2], &p.copy[3]}, 4, ROWS,
      {ROWS / 32, 1}, 128};
  finish(&p, module, name, 4e-9 * ROWS * N, "GFLOP/s", N, 1e-5);
}

void bench_emitted(void) {
  static const struct {
    const char *name, *chip;
    void (*run)(const char *chip, const char *name);
  } all[] = {{"emitted add", "m1", add},
             {"emitted softmax", "m1", softmax},
             {"emitted layer norm", "m1", layer_norm},
             {"emitted sum", "m1", sum},
             {"emitted GEMM half, M1", "m1", product},
             {"emitted GEMM half, M4", "m4", product},
             {"emitted attention float, M1", "m1", attention},
             {"emitted attention float, M4", "m4", attention}};
  for (size_t i = 0; i < sizeof all / sizeof *all; i++)
    if (bench_wanted(all[i].name)) all[i].run(all[i].chip, all[i].name);
}
