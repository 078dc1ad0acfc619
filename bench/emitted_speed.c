/* SPDX-License-Identifier: MIT */
/*
 * emitted_speed.c - the MSL that the compiler writes beside the hand-written
 * MSL of bench/msl, both on softmetal: what is measured is the text, as pair.c
 * says. The bar is 0.9 of the hand-written text's speed; beside plain C or
 * OpenBLAS it is 0.8 of what the hand-written text reaches there. Products for
 * a chip that stages tiles, also with the next tile loaded ahead, and for one
 * that does not; the hand-written ones read device memory.
 */
#define _GNU_SOURCE
#include "pair.h"

#include <stdlib.h>

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

static tm_module *own_module(void) {
  tm_module *module;
  tm_error *error = NULL;
  bench_check(tm_module_parse(&module, NULL, "emitted.py", source,
                              sizeof source - 1, NULL, &error), error);
  return module;
}

/* What C reads and writes. */
static float *in(const pair *p, int data) {
  return p->data[data].metal[0].data;
}

static float *out(const pair *p) {
  return p->data[p->n_data - 1].metal[1].data;
}

static void floats(pair *p, size_t n) {
  pair_fill(p, pair_add_data(p, n * sizeof(float), false), n, false);
}

static void give_and_bind(pair *p, int data) {
  pair_give(p, data), pair_bind(p, data);
}

/* ---- memory ------------------------------------------------------------ */

enum { ADD = 16 << 20, ROWS = 4096, COLUMNS = 1024, CELLS = ROWS * COLUMNS };

static void c_add(pair *p) {
  peer_add(in(p, 0), in(p, 1), out(p), ADD, bench_threads());
}

static void add(const char *chip, const char *const *names) {
  pair p = pair_open(chip, bench_module("vector_add.py"), "add4");
  p.work = 12e-9 * ADD, p.unit = "GB/s";
  p.c = c_add, p.c_name = "C loop, -O3 -march=native";
  floats(&p, ADD), floats(&p, ADD);
  pair_add_data(&p, ADD * sizeof(float), true);
  pair_launches(&p, "add_kernel",
                "*fp32:16, *fp32:16, *fp32:16, i32:16, 1024", 8,
                tm_grid_1d(ADD / 1024), "add4",
                (msl_step){.number_at = -1, .groups = {ADD / 1024, 1},
                           .threads = 256});
  for (int i = 0; i < 3; i++) give_and_bind(&p, i);
  pair_give_number(&p, ADD);
  pair_finish(&p, names, ADD, 0);
}

static void c_softmax(pair *p) {
  peer_softmax(in(p, 0), out(p), ROWS, COLUMNS, bench_threads());
}

static void softmax(const char *chip, const char *const *names) {
  pair p = pair_open(chip, bench_module("softmax.py"), "softmax");
  p.work = 8e-9 * CELLS, p.unit = "GB/s";
  p.c = c_softmax, p.c_name = "C, vectorised expf";
  floats(&p, CELLS);
  pair_add_data(&p, CELLS * sizeof(float), true);
  pair_launches(&p, "softmax_kernel",
                "*fp32:16, *fp32:16, i32:16, i32:16, i32:16, 1024", 8,
                tm_grid_1d(ROWS), "softmax",
                (msl_step){.number_at = -1, .groups = {ROWS, 1},
                           .threads = 256});
  pair_give(&p, 1), pair_give(&p, 0);
  for (int i = 0; i < 3; i++) pair_give_number(&p, COLUMNS);
  pair_bind(&p, 0), pair_bind(&p, 1);
  pair_finish(&p, names, CELLS, 1e-7);
}

static void c_layer_norm(pair *p) {
  peer_layer_norm(in(p, 0), in(p, 1), in(p, 2), out(p), ROWS, COLUMNS,
                  bench_threads());
}

static void layer_norm(const char *chip, const char *const *names) {
  pair p = pair_open(chip, own_module(), "layer_norm");
  p.work = 8e-9 * CELLS, p.unit = "GB/s";
  p.c = c_layer_norm, p.c_name = "C, -Ofast";
  floats(&p, CELLS), floats(&p, COLUMNS), floats(&p, COLUMNS);
  pair_add_data(&p, CELLS * sizeof(float), true);
  pair_launches(&p, "layer_norm",
                "*fp32:16, *fp32:16, *fp32:16, *fp32:16, i32:16, 1024", 8,
                tm_grid_1d(ROWS), "layer_norm",
                (msl_step){.number_at = -1, .groups = {ROWS, 1},
                           .threads = 256});
  for (int i = 0; i < 4; i++) give_and_bind(&p, i);
  pair_give_number(&p, COLUMNS);
  pair_finish(&p, names, CELLS, 1e-5);
}

static void c_sum(pair *p) {
  *out(p) = peer_sum(in(p, 0), ADD, bench_threads());
}

/* Two stages: a partial sum a threadgroup, then the sum of those. */
static void sum(const char *chip, const char *const *names) {
  enum { GROUPS = 512 };
  pair p = pair_open(chip, own_module(), "sum");
  p.work = 4e-9 * ADD, p.unit = "GB/s";
  p.c = c_sum, p.c_name = "C, -Ofast";
  floats(&p, ADD);
  pair_add_data(&p, GROUPS * sizeof(float), true);
  pair_add_data(&p, sizeof(float), true);
  pair_launches(&p, "sum_parts", "*fp32:16, *fp32:16, i32:16, 1024", 8,
                tm_grid_1d(GROUPS), "sum_parts",
                (msl_step){.number_at = 2, .number = ADD / 4 / GROUPS,
                           .groups = {GROUPS, 1}, .threads = 256});
  give_and_bind(&p, 0), give_and_bind(&p, 1);
  pair_give_number(&p, ADD / GROUPS);
  pair_launches(&p, "sum_parts", "*fp32:16, *fp32:16, i32:16, 512", 8,
                tm_grid_1d(1), "sum_all",
                (msl_step){.number_at = 2, .number = GROUPS,
                           .groups = {1, 1}, .threads = 256});
  give_and_bind(&p, 1), give_and_bind(&p, 2);
  pair_give_number(&p, GROUPS);
  pair_finish(&p, names, 1, 0.5);
}

/* ---- matrices ---------------------------------------------------------- */

enum { SIDE = 1024, SQUARE = SIDE * SIDE, TOKENS = 2048, HEAD = 64 };

/* The halves of data as floats, which is what OpenBLAS multiplies. */
static float *widened(const pair *p, int data) {
  const _Float16 *from = p->data[data].metal[0].data;
  float *to = malloc(SQUARE * sizeof *to);
  if (!to) exit(1);
  for (size_t i = 0; i < SQUARE; i++) to[i] = (float)from[i];
  return to;
}

static void c_product(pair *p) {
  peer_matmul(p->c_data[0], p->c_data[1], out(p), SIDE, SIDE, SIDE);
}

static void product_of(const char *chip, const char *const *names,
                       uint32_t stages) {
  pair p = pair_open(chip, own_module(), "gemm");
  p.stages = stages;
  p.work = 2e-9 * SQUARE * SIDE, p.unit = "GFLOP/s";
  for (int i = 0; i < 2; i++)
    pair_fill(&p, pair_add_data(&p, SQUARE * 2, false), SQUARE, true);
  pair_add_data(&p, SQUARE * sizeof(float), true);
  if (peer_matmul_open(bench_threads())) {
    p.c = c_product, p.c_name = peer_matmul_name();
    for (int i = 0; i < 2; i++) p.c_data[i] = widened(&p, i);
  }
  pair_launches(&p, "product",
                "*fp16:16, *fp16:16, *fp32:16, i32:16, 128, 64, 32", 4,
                tm_grid_3d(SIDE / 64, SIDE / 128, 1), "gemm_half",
                (msl_step){.number_at = 3, .number = SIDE,
                           .groups = {SIDE / 64, SIDE / 128},
                           .threads = 128});
  for (int i = 0; i < 3; i++) give_and_bind(&p, i);
  pair_give_number(&p, SIDE);
  pair_finish(&p, names, SQUARE, 1e-3);
}

static void product(const char *chip, const char *const *names) {
  product_of(chip, names, 0);
}

static void product_ahead(const char *chip, const char *const *names) {
  product_of(chip, names, 4);
}

static void c_attention(pair *p) {
  peer_attention(in(p, 0), in(p, 1), in(p, 2), out(p), TOKENS,
                 bench_threads());
}

static void attention(const char *chip, const char *const *names) {
  enum { N = TOKENS * HEAD };
  pair p = pair_open(chip, own_module(), "attention");
  p.work = 4e-9 * TOKENS * N, p.unit = "GFLOP/s";
  if (peer_matmul_open(bench_threads()))
    p.c = c_attention, p.c_name = "C with OpenBLAS";
  for (int i = 0; i < 3; i++) floats(&p, N);
  pair_add_data(&p, N * sizeof(float), true);
  pair_launches(&p, "attention",
                "*fp32:16, *fp32:16, *fp32:16, *fp32:16, i32:16, 32, 32, 64",
                4, tm_grid_1d(TOKENS / 32), "attention",
                (msl_step){.number_at = 4, .number = TOKENS,
                           .groups = {TOKENS / 32, 1}, .threads = 128});
  for (int i = 0; i < 4; i++) give_and_bind(&p, i);
  pair_give_number(&p, TOKENS);
  pair_finish(&p, names, N, 1e-5);
}

void bench_emitted(void) {
  static const struct {
    const char *names[2], *chip; /* of the row, and of that beside C */
    void (*run)(const char *chip, const char *const *names);
  } all[] = {
      {{"emitted add", "  beside C: add"}, "m1", add},
      {{"emitted softmax", "  beside C: softmax"}, "m1", softmax},
      {{"emitted layer norm", "  beside C: layer norm"}, "m1", layer_norm},
      {{"emitted sum", "  beside C: sum"}, "m1", sum},
      {{"emitted GEMM half, M1", "  beside C: GEMM, M1"}, "m1", product},
      {{"emitted GEMM half, M1, 4 stages", "  beside C: GEMM, M1, 4 stages"},
       "m1", product_ahead},
      {{"emitted GEMM half, M4", "  beside C: GEMM, M4"}, "m4", product},
      {{"emitted attention float, M1", "  beside C: attention, M1"}, "m1",
       attention},
      {{"emitted attention float, M4", "  beside C: attention, M4"}, "m4",
       attention}};
  for (size_t i = 0; i < sizeof all / sizeof *all; i++)
    if (bench_wanted(all[i].names[0])) all[i].run(all[i].chip, all[i].names);
}
