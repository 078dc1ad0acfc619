/* SPDX-License-Identifier: MIT */
/*
 * test_tensor_ops.c - dots by Metal's tensor operations: that nothing changes
 * while they are off, that what they compute on an M5 is the product, which
 * dots become one, what the probe refuses, and the linter's rules for them.
 *
 * Products are compared with ones in double precision here. Those of half and
 * bf16 numbers are exact in float and each addition errs by half a unit, so K
 * steps lose at most K * 2^-23 of the sum of magnitudes, in whatever order.
 * softmetal stands for the M5, with all of its checks.
 */
#define _GNU_SOURCE
#include "support/device.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../lib/msl/msl.h"

static uint64_t seed = 20261201;

static void on_chip(const char *chip) {
  setenv("SOFTMETAL_CHIP", chip, 1);
  setenv("SOFTMETAL_CHECK", "1", 1);
}

static int clear(void **state) {
  (void)state;
  static const char *const names[] = {
    "SOFTMETAL_CHIP", "SOFTMETAL_CHECK", "SOFTMETAL_FAULT", "SOFTMETAL_MACOS",
    "SOFTMETAL_SHUFFLE", "TRITON_METAL_TENSOR_OPS", "TRITON_METAL_CHIP",
    "TRITON_METAL_CACHE_DIR"};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++)
    unsetenv(names[i]);
  setenv("TRITON_METAL_CACHE", "0", 1);
  return 0;
}

/* ---- kernels -------------------------------------------------------------- */

/* C = A B, tiles read transposed or not, K steps at run time; in the end a
 * bias, so that the product has users. */
static const char product_source[] =
    "import triton\n"
    "import triton.language as tl\n"
    "@triton.jit\n"
    "def product(A, B, C, n_rows, n_columns, depth, BM: tl.constexpr,\n"
    "            BN: tl.constexpr, BK: tl.constexpr, TA: tl.constexpr,\n"
    "            TB: tl.constexpr, START: tl.constexpr):\n"
    "    m = tl.program_id(0) * BM + tl.arange(0, BM)\n"
    "    n = tl.program_id(1) * BN + tl.arange(0, BN)\n"
    "    acc = tl.full((BM, BN), START, tl.float32)\n"
    "    for k0 in range(0, depth, BK):\n"
    "        k = k0 + tl.arange(0, BK)\n"
    "        if TA:\n"
    "            a = tl.load(A + k[:, None] * n_rows + m[None, :],\n"
    "                        mask=(k[:, None] < depth) & (m[None, :] < n_rows),"
    " other=0.0).T\n"
    "        else:\n"
    "            a = tl.load(A + m[:, None] * depth + k[None, :],\n"
    "                        mask=(m[:, None] < n_rows) & (k[None, :] < depth),"
    " other=0.0)\n"
    "        if TB:\n"
    "            b = tl.load(B + n[:, None] * depth + k[None, :],\n"
    "                        mask=(n[:, None] < n_columns) & "
    "(k[None, :] < depth), other=0.0).T\n"
    "        else:\n"
    "            b = tl.load(B + k[:, None] * n_columns + n[None, :],\n"
    "                        mask=(k[:, None] < depth) & "
    "(n[None, :] < n_columns), other=0.0)\n"
    "        acc = tl.dot(a, b, acc)\n"
    "    acc = acc * 2.0 + 1.0\n"
    "    tl.store(C + m[:, None] * n_columns + n[None, :], acc,\n"
    "             mask=(m[:, None] < n_rows) & (n[None, :] < n_columns))\n"
    /* Two products in one iteration, the second of the first's result, and
     * accumulators that the loop rescales: attention's shape. */
    "@triton.jit\n"
    "def chain(Q, K, V, O, steps, D: tl.constexpr, BM: tl.constexpr,\n"
    "          BN: tl.constexpr):\n"
    "    m = tl.arange(0, BM)\n"
    "    d = tl.arange(0, D)\n"
    "    q = tl.load(Q + m[:, None] * D + d[None, :])\n"
    "    acc = tl.zeros((BM, D), tl.float32)\n"
    "    for s in range(0, steps):\n"
    "        n = s * BN + tl.arange(0, BN)\n"
    "        k = tl.load(K + n[:, None] * D + d[None, :])\n"
    "        v = tl.load(V + n[:, None] * D + d[None, :])\n"
    "        p = tl.dot(q, k.T) * 0.125\n"
    "        acc = acc * 0.5 + tl.dot(p.to(tl.float16), v)\n"
    "    tl.store(O + m[:, None] * D + d[None, :], acc)\n"
    /* The loop's trips are known. */
    "@triton.jit\n"
    "def fixed(A, B, C, N: tl.constexpr):\n"
    "    i = tl.arange(0, 64)\n"
    "    acc = tl.zeros((64, 64), tl.float32)\n"
    "    for k in range(0, N):\n"
    "        a = tl.load(A + k * 4096 + i[:, None] * 64 + i[None, :])\n"
    "        b = tl.load(B + k * 4096 + i[:, None] * 64 + i[None, :])\n"
    "        acc = tl.dot(a, b, acc)\n"
    "    tl.store(C + i[:, None] * 64 + i[None, :], acc)\n";

/* ---- compiling ------------------------------------------------------------ */

typedef struct logged { /* what a context has logged */
  char text[8192];
} logged;

static void take_line(void *payload, uint32_t level, const char *line) {
  logged *l = payload;
  size_t n = strlen(l->text);
  (void)level;
  snprintf(l->text + n, sizeof l->text - n, "%s\n", line);
}

typedef struct bench { /* a context and the module */
  tm_context *context;
  tm_module *module;
  logged log;
} bench;

static bench *open_bench(tm_switch tensor_ops) {
  bench *b = calloc(1, sizeof *b);
  assert_non_null(b);
  tm_context_options options = TM_CONTEXT_OPTIONS_INIT;
  options.tensor_ops = tensor_ops;
  options.log = take_line;
  options.payload = &b->log;
  options.debug_level = 1;
  assert_int_equal(tm_context_create(&b->context, &options, NULL), TM_OK);
  assert_int_equal(tm_module_parse(&b->module, NULL, "t.py", product_source,
                                   sizeof product_source - 1, NULL, NULL),
                   TM_OK);
  return b;
}

static void close_bench(bench *b) {
  tm_module_destroy(b->module);
  tm_context_destroy(b->context);
  free(b);
}

static tm_status compile(bench *b, const char *chip, tm_switch tensor_ops,
                         const char *name, const char *signature,
                         uint32_t warps, tm_kernel **out, char *why,
                         size_t size) {
  tm_compile_options options = TM_COMPILE_OPTIONS_INIT;
  options.chip = chip;
  options.tensor_ops = tensor_ops;
  options.signature = signature;
  options.num_warps = warps;
  tm_error *error = NULL;
  tm_status status =
      tm_compile(out, b->context, b->module, name, &options, &error);
  snprintf(why, size, "%s", error ? tm_error_message(error) : "");
  tm_error_destroy(error);
  return status;
}

/* The MSL; free() it. */
static char *text_of(bench *b, const char *chip, tm_switch tensor_ops,
                     const char *name, const char *signature,
                     uint32_t warps) {
  tm_kernel *kernel;
  char why[512];
  if (compile(b, chip, tensor_ops, name, signature, warps, &kernel, why,
              sizeof why))
    fail_msg("%s", why);
  char *text = strdup(tm_kernel_text(kernel, TM_STAGE_MSL));
  tm_kernel_destroy(kernel);
  return text;
}

#define PRODUCT(type, bm, bn, bk, ta, tb)                                   \
  "*" type ":16, *" type ":16, *fp32:16, i32:16, i32:16, i32:16, " bm ", " bn \
  ", " bk ", " ta ", " tb ", 0.0"
#define USUAL PRODUCT("fp16", "64", "64", "32", "false", "false")

static bool uses(const char *text) {
  return strstr(text, "matmul2d<") && strstr(text, ".run(");
}

static void off_by_default_and_then_the_text_is_the_same(void **state) {
  (void)state;
  bench *plain = open_bench(TM_SWITCH_DEFAULT);
  bench *on = open_bench(TM_SWITCH_ON);
  char *a = text_of(plain, "m5", TM_SWITCH_DEFAULT, "product", USUAL, 4);
  char *b = text_of(plain, "m5", TM_SWITCH_OFF, "product", USUAL, 4);
  char *c = text_of(on, "m5", TM_SWITCH_OFF, "product", USUAL, 4);
  assert_string_equal(a, b);
  assert_string_equal(a, c);
  assert_null(strstr(a, "tensor"));
  assert_null(strstr(a, "MetalPerformancePrimitives"));
  free(a), free(b), free(c);
  close_bench(plain);
  close_bench(on);
}

static void each_way_to_turn_them_on_gives_the_same_text(void **state) {
  (void)state;
  bench *plain = open_bench(TM_SWITCH_DEFAULT);
  bench *on = open_bench(TM_SWITCH_ON);
  setenv("TRITON_METAL_TENSOR_OPS", "1", 1);
  bench *by_environment = open_bench(TM_SWITCH_DEFAULT);
  char *a = text_of(plain, "m5", TM_SWITCH_ON, "product", USUAL, 4);
  char *b = text_of(on, "m5", TM_SWITCH_DEFAULT, "product", USUAL, 4);
  char *c = text_of(by_environment, "m5", TM_SWITCH_DEFAULT, "product", USUAL,
                    4);
  assert_true(uses(a));
  assert_string_equal(a, b);
  assert_string_equal(a, c);
  free(a), free(b), free(c);
  close_bench(plain);
  close_bench(on);
  close_bench(by_environment);
}

static void a_kernel_says_that_it_needs_msl_4_and_an_m5(void **state) {
  (void)state;
  bench *b = open_bench(TM_SWITCH_ON);
  tm_kernel *kernel;
  char why[512];
  assert_int_equal(compile(b, "m5-max", TM_SWITCH_DEFAULT, "product", USUAL, 4,
                           &kernel, why, sizeof why), TM_OK);
  const tm_kernel_facts *facts = tm_kernel_info(kernel);
  assert_int_equal(facts->language_version, 4 << 16);
  assert_int_equal(facts->family, 10);
  /* Other stages are made again, with them: operands are staged. */
  tm_kernel *plain;
  assert_int_equal(compile(b, "m5-max", TM_SWITCH_OFF, "product", USUAL, 4,
                           &plain, why, sizeof why), TM_OK);
  assert_string_not_equal(tm_kernel_text(kernel, TM_STAGE_LAYOUT),
                          tm_kernel_text(plain, TM_STAGE_LAYOUT));
  assert_string_equal(tm_kernel_text(kernel, TM_STAGE_TTIR),
                      tm_kernel_text(plain, TM_STAGE_TTIR));
  assert_int_equal(tm_kernel_info(plain)->language_version, 3 << 16);
  tm_kernel_destroy(plain);
  tm_kernel_destroy(kernel);
  close_bench(b);
}

static void chips_before_m5_have_none(void **state) {
  (void)state;
  static const char *const chips[] = {"m1", "m2-max", "m3-pro", "m4"};
  bench *on = open_bench(TM_SWITCH_ON);
  bench *off = open_bench(TM_SWITCH_OFF);
  for (size_t i = 0; i < 4; i++) {
    char *a = text_of(on, chips[i], TM_SWITCH_DEFAULT, "product", USUAL, 4);
    char *b = text_of(off, chips[i], TM_SWITCH_DEFAULT, "product", USUAL, 4);
    assert_string_equal(a, b);
    assert_non_null(strstr(on->log.text, "compiled without tensor operations: "
                           "it has no matrix units"));
    on->log.text[0] = 0;
    tm_kernel *kernel;
    char why[512];
    assert_int_equal(compile(on, chips[i], TM_SWITCH_ON, "product", USUAL, 4,
                             &kernel, why, sizeof why), TM_E_UNSUPPORTED);
    assert_null(kernel);
    assert_non_null(strstr(why, "no tensor operations on Apple M"));
    assert_non_null(strstr(why, "leave tensor_ops off"));
    free(a), free(b);
  }
  close_bench(on);
  close_bench(off);
}

static void a_switch_that_is_none_is_an_error(void **state) {
  (void)state;
  bench *b = open_bench(TM_SWITCH_DEFAULT);
  tm_kernel *kernel;
  char why[512];
  assert_int_equal(compile(b, "m5", (tm_switch)3, "product", USUAL, 4,
                           &kernel, why, sizeof why), TM_E_ARGUMENT);
  assert_non_null(strstr(why, "tensor_ops"));
  close_bench(b);
  tm_context_options options = TM_CONTEXT_OPTIONS_INIT;
  options.tensor_ops = (tm_switch)3;
  tm_context *context;
  assert_int_equal(tm_context_create(&context, &options, NULL),
                   TM_E_ARGUMENT);
}

/* ---- which dots ------------------------------------------------------------- */

static void dots_that_matmul2d_does_not_take_stay_as_they_are(void **state) {
  (void)state;
  static const struct { const char *name, *signature; uint32_t warps; } no[] = {
    /* float operands: the units keep about 11 bits */
    {"product", PRODUCT("fp32", "64", "64", "32", "false", "false"), 4},
    /* a side of 16 */
    {"product", PRODUCT("fp16", "16", "64", "32", "false", "false"), 1},
    {"product", PRODUCT("fp16", "64", "16", "32", "false", "false"), 1},
    /* too few elements for each simdgroup */
    {"product", PRODUCT("fp16", "32", "32", "32", "false", "false"), 4},
    /* parts of the product that fit into threadgroup memory are too small */
    {"product", PRODUCT("fp16", "128", "128", "16", "false", "false"), 32},
    /* trips that are known */
    {"fixed", "*fp16:16, *fp16:16, *fp32:16, 16", 4},
  };
  bench *b = open_bench(TM_SWITCH_ON);
  for (size_t i = 0; i < sizeof no / sizeof *no; i++) {
    char *on = text_of(b, "m5", TM_SWITCH_ON, no[i].name, no[i].signature,
                       no[i].warps);
    char *off = text_of(b, "m5", TM_SWITCH_OFF, no[i].name, no[i].signature,
                        no[i].warps);
    assert_string_equal(on, off);
    free(on), free(off);
  }
  close_bench(b);
}

static void a_sum_stays_in_the_cooperative_tensor_over_the_loop(void **state) {
  (void)state;
  bench *b = open_bench(TM_SWITCH_ON);
  char *text = text_of(b, "m5", TM_SWITCH_ON, "product", USUAL, 4);
  const char *filled = strstr(text, "[e] = 0.0f;");
  const char *loop = strstr(text, "for (int k0 = 0;");
  const char *run = strstr(text, ".run(");
  const char *store = strstr(text, "_sum.store(");
  assert_true(filled && loop && run && store);
  assert_true(filled < loop && loop < run && run < store);
  /* One run and one store, and the loop is closed between them. */
  assert_null(strstr(run + 1, ".run("));
  assert_null(strstr(store + 1, "_sum.store("));
  const char *closed = strstr(run, "\n  }\n");
  assert_true(closed && closed < store);
  assert_non_null(strstr(text, "multiply_accumulate"));
  assert_non_null(strstr(text, "execution_simdgroups<4>"));
  free(text);
  close_bench(b);
}

/* ---- products ---------------------------------------------------------------- */

static double put(uint16_t *data, size_t i, bool bf16) {
  float x = (float)test_random(&seed);
  uint32_t bits;
  memcpy(&bits, &x, 4);
  data[i] = bf16 ? (uint16_t)(bits >> 16) : half_from_float(x);
  if (!bf16) return (double)half_to_float(data[i]);
  bits = (uint32_t)data[i] << 16;
  memcpy(&x, &bits, 4);
  return (double)x;
}

typedef struct shape {
  uint32_t m, n, k, bm, bn, bk, warps;
  bool bf16, ta, tb;
  double start;
} shape;

static tm_define number(const char *name, int64_t value) {
  return (tm_define){name, tm_arg_int(value)};
}

static void check_uses(device_test *test, const shape *s) {
  char signature[256];
  const char *type = s->bf16 ? "bf16" : "fp16";
  snprintf(signature, sizeof signature,
           "*%s:16, *%s:16, *fp32:16, i32, i32, i32, %u, %u, %u, %s, %s, %g",
           type, type, s->bm, s->bn, s->bk, s->ta ? "true" : "false",
           s->tb ? "true" : "false", s->start);
  tm_compile_options options = TM_COMPILE_OPTIONS_INIT;
  options.signature = signature;
  options.num_warps = s->warps;
  tm_kernel *kernel = NULL;
  tm_error *error = NULL;
  if (tm_compile(&kernel, test->context, test->module, "product", &options,
                 &error))
    fail_msg("%s", tm_error_message(error));
  if (!uses(tm_kernel_text(kernel, TM_STAGE_MSL)))
    fail_msg("not by matmul2d: %s", signature);
  tm_kernel_destroy(kernel);
}

/* |c - (2 sum + 1)| within the bound, for all of C. */
static void check_product(const shape *s, const double *a, const double *b,
                          const float *c) {
  for (uint32_t i = 0; i < s->m; i++)
    for (uint32_t j = 0; j < s->n; j++) {
      double sum = s->start, size = fabs(s->start);
      for (uint32_t k = 0; k < s->k; k++) {
        double x = a[(size_t)i * s->k + k] * b[(size_t)k * s->n + j];
        sum += x;
        size += fabs(x);
      }
      double got = (double)c[(size_t)i * s->n + j];
      double bound = 2 * size * (s->k + 2) * 0x1p-23 + 1e-6;
      if (!(fabs(got - (2 * sum + 1)) <= bound))
        fail_msg("%ux%ux%u at %u, %u: %g, not %g", s->m, s->n, s->k, i, j, got,
                 2 * sum + 1);
    }
}

static void multiply(const shape *s) {
  device_test test = device_open(NULL, product_source);
  check_uses(&test, s);
  size_t na = (size_t)s->m * s->k, nb = (size_t)s->k * s->n;
  tm_buffer *ba = device_array(&test, na + 8, 2);
  tm_buffer *bb = device_array(&test, nb + 8, 2);
  tm_buffer *bc = device_array(&test, (size_t)s->m * s->n, 4);
  double *a = calloc(na + 1, sizeof *a), *b = calloc(nb + 1, sizeof *b);
  assert_true(a && b);
  for (uint32_t i = 0; i < s->m; i++)
    for (uint32_t k = 0; k < s->k; k++)
      a[(size_t)i * s->k + k] =
          put(tm_buffer_contents(ba),
              s->ta ? (size_t)k * s->m + i : (size_t)i * s->k + k, s->bf16);
  for (uint32_t k = 0; k < s->k; k++)
    for (uint32_t j = 0; j < s->n; j++)
      b[(size_t)k * s->n + j] =
          put(tm_buffer_contents(bb),
              s->tb ? (size_t)j * s->k + k : (size_t)k * s->n + j, s->bf16);
  tm_dtype type = s->bf16 ? TM_DTYPE_BF16 : TM_DTYPE_F16;
  tm_define named[] = {
    {"A", tm_arg_tensor(ba, 0, type)}, {"B", tm_arg_tensor(bb, 0, type)},
    {"C", tm_arg_tensor(bc, 0, TM_DTYPE_F32)}, number("n_rows", s->m),
    number("n_columns", s->n), number("depth", s->k), number("BM", s->bm),
    number("BN", s->bn), number("BK", s->bk), number("TA", s->ta),
    number("TB", s->tb), {"START", tm_arg_float(s->start)}};
  tm_grid grid = tm_grid_3d((s->m + s->bm - 1) / s->bm,
                            (s->n + s->bn - 1) / s->bn, 1);
  device_run(&test, "product", grid, named, sizeof named / sizeof *named,
             s->warps);
  check_product(s, a, b, tm_buffer_contents(bc));
  free(a), free(b);
  tm_buffer_destroy(ba), tm_buffer_destroy(bb), tm_buffer_destroy(bc);
  device_close(&test);
}

static void products_are_those_of_double_precision(void **state) {
  (void)state;
  static const shape shapes[] = {
    {64, 64, 96, 64, 64, 32, 4, false, false, false, 0},
    {64, 64, 96, 64, 64, 32, 4, true, false, false, 0},
    {64, 96, 64, 64, 32, 64, 4, false, false, true, 0},
    {96, 64, 64, 32, 64, 16, 2, true, true, false, 0},
    {64, 64, 80, 32, 32, 32, 1, false, true, true, 0},
    /* what is outside of the matrices is masked */
    {71, 83, 45, 64, 64, 32, 4, false, false, false, 0},
    {50, 33, 130, 32, 64, 16, 4, true, false, true, 0},
    /* the accumulator starts from something, and no step at all */
    {64, 64, 64, 64, 64, 32, 4, false, false, false, 0.75},
    {64, 64, 0, 64, 64, 32, 4, false, false, false, -3},
    {128, 64, 64, 128, 32, 32, 8, false, false, false, 0},
    /* larger than threadgroup memory: in parts, which lie in simdgroups or in
     * registers */
    {128, 128, 96, 128, 128, 32, 8, false, false, true, 0},
    {128, 128, 64, 128, 128, 16, 4, true, true, false, 0.5},
    {256, 64, 64, 256, 64, 32, 8, false, true, false, 0},
    {128, 256, 48, 128, 256, 16, 16, false, false, false, 0},
    {100, 90, 70, 128, 128, 32, 1, true, false, true, 0},
  };
  on_chip("m5");
  setenv("TRITON_METAL_TENSOR_OPS", "1", 1);
  for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
    if (i % 2) setenv("SOFTMETAL_SHUFFLE", "7", 1);
    else unsetenv("SOFTMETAL_SHUFFLE");
    multiply(&shapes[i]);
  }
}

/* acc = acc / 2 + (half)(q k^T / 8) v, in double but for the one rounding. */
static void check_chain(const double *q, const double *k, const double *v,
                        const float *out, int steps, int bm, int bn, int d) {
  double *acc = calloc((size_t)bm * d, sizeof *acc);
  double *size = calloc((size_t)bm * d, sizeof *size);
  assert_true(acc && size);
  for (int s = 0; s < steps; s++)
    for (int i = 0; i < bm; i++) {
      for (int j = 0; j < d; j++) acc[i * d + j] *= 0.5;
      for (int n = s * bn; n < (s + 1) * bn; n++) {
        double p = 0;
        for (int x = 0; x < d; x++) p += q[i * d + x] * k[n * d + x];
        double h = (double)half_to_float(half_from_float((float)(p * 0.125)));
        for (int j = 0; j < d; j++) {
          acc[i * d + j] += h * v[n * d + j];
          size[i * d + j] += fabs(h * v[n * d + j]);
        }
      }
    }
  /* A p on the other side of a half's edge is off by 2^-11 of itself. */
  for (int i = 0; i < bm * d; i++)
    if (!(fabs(acc[i] - (double)out[i]) <= size[i] * 0x1p-10 + 1e-6))
      fail_msg("element %d: %g, not %g", i, (double)out[i], acc[i]);
  free(acc), free(size);
}

static void products_of_one_iteration_are_right_too(void **state) {
  (void)state;
  enum { BM = 64, BN = 32, D = 64, STEPS = 3 };
  on_chip("m5-pro");
  setenv("TRITON_METAL_TENSOR_OPS", "1", 1);
  device_test test = device_open(NULL, product_source);
  tm_buffer *buffers[4];
  double *numbers[3];
  const size_t counts[4] = {BM * D, STEPS * BN * D, STEPS * BN * D, BM * D};
  for (int i = 0; i < 4; i++)
    buffers[i] = device_array(&test, counts[i], i < 3 ? 2 : 4);
  for (int i = 0; i < 3; i++) {
    numbers[i] = calloc(counts[i], sizeof **numbers);
    assert_non_null(numbers[i]);
    for (size_t x = 0; x < counts[i]; x++)
      numbers[i][x] = put(tm_buffer_contents(buffers[i]), x, false);
  }
  tm_define named[] = {
    {"Q", tm_arg_tensor(buffers[0], 0, TM_DTYPE_F16)},
    {"K", tm_arg_tensor(buffers[1], 0, TM_DTYPE_F16)},
    {"V", tm_arg_tensor(buffers[2], 0, TM_DTYPE_F16)},
    {"O", tm_arg_tensor(buffers[3], 0, TM_DTYPE_F32)}, number("steps", STEPS),
    number("D", D), number("BM", BM), number("BN", BN)};
  device_run(&test, "chain", tm_grid_1d(1), named,
             sizeof named / sizeof *named, 4);
  check_chain(numbers[0], numbers[1], numbers[2],
              tm_buffer_contents(buffers[3]), STEPS, BM, BN, D);
  for (int i = 0; i < 4; i++) tm_buffer_destroy(buffers[i]);
  for (int i = 0; i < 3; i++) free(numbers[i]);
  device_close(&test);
  bench *b = open_bench(TM_SWITCH_ON);
  char *text = text_of(b, "m5", TM_SWITCH_ON, "chain", "*fp16:16, *fp16:16, "
                       "*fp16:16, *fp32:16, i32, 64, 64, 32", 4);
  assert_true(uses(text));
  assert_non_null(strstr(text, "mode::multiply)"));
  free(text);
  close_bench(b);
}

/* ---- the probe --------------------------------------------------------------- */

static void a_device_that_passes_is_probed_once(void **state) {
  (void)state;
  on_chip("m5");
  bench *b = open_bench(TM_SWITCH_ON);
  for (int i = 0; i < 3; i++) {
    char *text = text_of(b, NULL, i ? TM_SWITCH_ON : TM_SWITCH_DEFAULT,
                         "product", USUAL, 4);
    assert_true(uses(text));
    free(text);
  }
  const char *first = strstr(b->log.text, "passes the probe");
  assert_non_null(first);
  assert_null(strstr(first + 1, "passes the probe"));
  close_bench(b);
}

/* A device with that trouble: what the options ask for is refused, what the
 * settings ask for is left out, and a kernel from elsewhere is not loaded. */
static void expect_refused(const char *variable, const char *value,
                           const char *reason) {
  on_chip("m5");
  setenv(variable, value, 1);
  bench *b = open_bench(TM_SWITCH_ON);
  tm_kernel *kernel;
  char why[512];
  char *text = text_of(b, NULL, TM_SWITCH_DEFAULT, "product", USUAL, 4);
  assert_false(uses(text));
  free(text);
  assert_non_null(strstr(b->log.text, "tensor operations are off on Apple "
                         "M5: "));
  if (!strstr(b->log.text, reason))
    fail_msg("%s=%s: no '%s' in %s", variable, value, reason, b->log.text);
  assert_int_equal(compile(b, NULL, TM_SWITCH_ON, "product", USUAL, 4,
                           &kernel, why, sizeof why), TM_E_UNSUPPORTED);
  if (!strstr(why, reason)) fail_msg("no '%s' in %s", reason, why);
  close_bench(b);

  char again[64]; /* another text, so that softmetal counts from one again */
  snprintf(again, sizeof again, "%s%s", value,
           strcmp(variable, "SOFTMETAL_FAULT") == 0 ? ",heap:99" : "");
  setenv(variable, again, 1);
  bench *other = open_bench(TM_SWITCH_ON);
  assert_int_equal(compile(other, "m5", TM_SWITCH_DEFAULT, "product", USUAL, 4,
                           &kernel, why, sizeof why), TM_OK);
  assert_true(uses(tm_kernel_text(kernel, TM_STAGE_MSL)));
  tm_error *error = NULL;
  assert_int_equal(tm_kernel_load(kernel, &error), TM_E_UNSUPPORTED);
  if (!strstr(tm_error_message(error), "tensor") &&
      !strstr(tm_error_message(error), "MSL 4.0"))
    fail_msg("%s", tm_error_message(error));
  tm_error_destroy(error);
  tm_kernel_destroy(kernel);
  close_bench(other);
  unsetenv(variable);
}

static void wrong_sums_are_found(void **state) {
  (void)state;
  expect_refused("SOFTMETAL_FAULT", "tensors:1+", "probe_half gives");
}

static void failures_of_the_probe_are_reasons(void **state) {
  (void)state;
  expect_refused("SOFTMETAL_FAULT", "library:1+", "injected");
  expect_refused("SOFTMETAL_FAULT", "pipeline:1+", "injected");
  expect_refused("SOFTMETAL_FAULT", "buffer:1+", "no buffer");
  expect_refused("SOFTMETAL_FAULT", "timeout:1+", "Timeout");
  expect_refused("SOFTMETAL_FAULT", "tensors:1", "row 8");
  expect_refused("SOFTMETAL_FAULT", "pipeline:2+", "injected"); /* bfloat's */
}

static void systems_that_are_too_old_are_not_tried(void **state) {
  (void)state;
  expect_refused("SOFTMETAL_MACOS", "15", "they need macOS 26.2");
  expect_refused("SOFTMETAL_MACOS", "26.1", "this is macOS 26.1");
}

static void a_kernel_for_an_m5_is_not_loaded_on_an_older_chip(void **state) {
  (void)state;
  on_chip("m4");
  bench *b = open_bench(TM_SWITCH_ON);
  tm_kernel *kernel;
  char why[512];
  assert_int_equal(compile(b, "m5", TM_SWITCH_ON, "product", USUAL, 4, &kernel,
                           why, sizeof why), TM_OK);
  tm_error *error = NULL;
  assert_int_equal(tm_kernel_load(kernel, &error), TM_E_UNSUPPORTED);
  assert_non_null(strstr(tm_error_message(error), "needs Apple10"));
  tm_error_destroy(error);
  tm_kernel_destroy(kernel);
  close_bench(b);
}

static bool says(const char *const *lines, size_t n, const char *words) {
  for (size_t i = 0; i < n; i++)
    if (strstr(lines[i], words)) return true;
  return false;
}

static void the_environment_check_names_them(void **state) {
  (void)state;
  static const struct { const char *macos; tm_switch on; } cases[] = {
    {"26", TM_SWITCH_ON}, {"26", TM_SWITCH_OFF}, {"15", TM_SWITCH_ON}};
  on_chip("m5");
  for (size_t i = 0; i < 3; i++) {
    setenv("SOFTMETAL_MACOS", cases[i].macos, 1);
    bench *b = open_bench(cases[i].on);
    tm_environment_facts f = {.struct_size = sizeof f};
    assert_int_equal(tm_environment(b->context, &f, NULL), TM_OK);
    assert_int_equal(says(f.optimizations, f.n_optimizations,
                          "by tensor operations"), i == 0);
    assert_int_equal(says(f.missing, f.n_missing, "they need macOS 26.2"),
                     i == 2);
    close_bench(b);
  }
}

/* ---- the cache ---------------------------------------------------------------- */

static void on_and_off_are_different_rows_of_the_cache(void **state) {
  (void)state;
  char folder[] = "/tmp/tritonmetal-tensor.XXXXXX", command[128];
  assert_non_null(mkdtemp(folder));
  setenv("TRITON_METAL_CACHE", "1", 1);
  setenv("TRITON_METAL_CACHE_DIR", folder, 1);
  bench *b = open_bench(TM_SWITCH_DEFAULT);
  static const struct { tm_switch tensor_ops; bool cached; } steps[] = {
    {TM_SWITCH_OFF, false}, {TM_SWITCH_ON, false}, {TM_SWITCH_ON, true},
    {TM_SWITCH_OFF, true}, {TM_SWITCH_DEFAULT, true}};
  for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
    tm_kernel *kernel;
    char why[512];
    assert_int_equal(compile(b, "m5", steps[i].tensor_ops, "product", USUAL, 4,
                             &kernel, why, sizeof why), TM_OK);
    assert_int_equal(tm_kernel_info(kernel)->from_cache, steps[i].cached);
    assert_int_equal(uses(tm_kernel_text(kernel, TM_STAGE_MSL)),
                     steps[i].tensor_ops == TM_SWITCH_ON);
    tm_kernel_destroy(kernel);
  }
  close_bench(b);
  snprintf(command, sizeof command, "rm -rf %s", folder);
  assert_int_equal(system(command), 0);
}

/* ---- the linter ---------------------------------------------------------------- */

#define INCLUDES \
  "#include <metal_stdlib>\n" \
  "#include <MetalPerformancePrimitives/MetalPerformancePrimitives.h>\n"
#define HEAD                                                              \
  "using namespace metal;\n"                                              \
  "[[max_total_threads_per_threadgroup(128)]]\n"                          \
  "kernel void k(device float *x [[buffer(0)]],\n"                        \
  "    uint tid [[thread_index_in_threadgroup]]) {\n"                     \
  "  threadgroup half a[2048];\n"                                         \
  "  threadgroup float c[2048];\n"
#define SHAPE(m, k, relaxed) \
  "  constexpr auto s = mpp::tensor_ops::matmul2d_descriptor(" m ", 32, " k   \
  ", false, false, " relaxed                                                  \
  ", mpp::tensor_ops::matmul2d_descriptor::mode::multiply);\n"
#define OPERATION(n) \
  "  mpp::tensor_ops::matmul2d<s, execution_simdgroups<" n ">> p;\n"
#define TENSOR(name, type, over)                                          \
  "  auto " name " = tensor<threadgroup " type ", dextents<int32_t, 2>, " \
  "tensor_inline>(" over ", dextents<int32_t, 2>(32, 64), "               \
  "array<int32_t, 2>{1, 32});\n"
#define TENSORS TENSOR("ta", "half", "a") TENSOR("tb", "half", "a") \
  TENSOR("tc", "float", "c")
#define SUM                                                                \
  "  auto sum = p.get_destination_cooperative_tensor<decltype(ta), "       \
  "decltype(tb), float>();\n"
#define FILL "  a[tid] = half(x[tid]);\n"
#define WAIT "  threadgroup_barrier(mem_flags::mem_threadgroup);\n"
#define RUN "  p.run(ta, tb, sum);\n"
#define STORE "  sum.store(tc);\n"
#define READ "  x[tid] = c[tid];\n}\n"
#define BEFORE INCLUDES HEAD SHAPE("64", "32", "false") OPERATION("4") TENSORS

/* What lint says of a text for the chip. */
static void lint(const char *text, const char *chip, uint32_t version,
                 char *said, size_t size) {
  static tm_msl_arg args[] = {
    {"x", TM_ARG_BUFFER, TM_F32, 0, 0, true, true}};
  tm_arena arena;
  tm_arena_init(&arena, 0);
  jmp_buf guard;
  if (!tm_arena_guard(&arena, guard)) fail_msg("out of memory");
  tm_diags diags;
  tm_diags_init(&diags, &arena);
  tm_msl msl = {.text = text, .entry = "k", .args = args, .n_args = 1,
                .threads = 128, .threadgroup_bytes = 4096 + 8192,
                .language_version = version, .family = 10};
  bool fine = tm_msl_lint(&msl, tm_chip_by_name(chip), &diags);
  snprintf(said, size, "%s", fine ? "" : diags.list.data[0].message);
  tm_arena_free(&arena);
}

static void expect(const char *text, const char *rule, const char *words) {
  char said[512];
  lint(text, "m5", 4 << 16, said, sizeof said);
  if (!*rule && *said) fail_msg("%s in\n%s", said, text);
  if (*rule && (!strstr(said, rule) || !strstr(said, words)))
    fail_msg("'%s', not rule %s: %s, in\n%s", said, rule, words, text);
}

static void the_linter_takes_a_product(void **state) {
  (void)state;
  expect(BEFORE SUM FILL WAIT RUN STORE WAIT READ, "", "");
}

static void the_linter_knows_what_matmul2d_takes(void **state) {
  (void)state;
  expect(INCLUDES HEAD SHAPE("8", "32", "false") OPERATION("4") TENSORS SUM
         FILL WAIT RUN STORE WAIT READ, "tensor", "side of 8");
  expect(INCLUDES HEAD SHAPE("64", "24", "false") OPERATION("4") TENSORS SUM
         FILL WAIT RUN STORE WAIT READ, "tensor", "side of 24");
  expect(INCLUDES HEAD SHAPE("64", "32", "true") OPERATION("4") TENSORS SUM
         FILL WAIT RUN STORE WAIT READ, "tensor", "relaxed_precision");
  expect(INCLUDES HEAD SHAPE("64", "32", "false") OPERATION("2") TENSORS SUM
         FILL WAIT RUN STORE WAIT READ, "tensor", "2 simdgroups");
  expect(INCLUDES HEAD SHAPE("64", "32", "false") OPERATION("4")
         TENSOR("ta", "half", "a")
         TENSOR("tb", "bfloat", "(threadgroup bfloat *)a")
         TENSOR("tc", "float", "c") SUM FILL WAIT RUN STORE WAIT READ,
         "tensor", "both of half or both of bfloat");
  expect("#include <metal_stdlib>\n" HEAD SHAPE("64", "32", "false")
         OPERATION("4") TENSORS SUM FILL WAIT RUN STORE WAIT READ, "tensor",
         "not included");
  char said[512];
  lint(BEFORE SUM FILL WAIT RUN STORE WAIT READ, "m5", 3 << 16, said,
       sizeof said);
  assert_non_null(strstr(said, "MSL 3.0 only"));
  lint(BEFORE SUM FILL WAIT RUN STORE WAIT READ, "m4", 4 << 16, said,
       sizeof said);
  assert_non_null(strstr(said, "no matrix units"));
}

static void the_linter_proves_barriers_around_tensors(void **state) {
  (void)state;
  expect(BEFORE SUM FILL RUN STORE WAIT READ, "tile-hazard",
         "a is read after a write");
  expect(BEFORE SUM FILL WAIT RUN STORE READ, "tile-hazard",
         "c is read after a write");
  expect(BEFORE SUM FILL WAIT RUN FILL STORE WAIT READ, "tile-hazard",
         "a is written after");
}

static void the_linter_wants_all_threads_at_a_product(void **state) {
  (void)state;
  expect(BEFORE SUM FILL WAIT "  if (tid < 64) {\n" RUN "  }\n" STORE WAIT
         READ, "tensor", "threads may disagree");
  expect(BEFORE SUM FILL WAIT "  for (int i = 0; i < 4; ++i) {\n" RUN "  }\n"
         STORE WAIT READ, "tensor", "known trips");
}

int main(void) {
  static const struct CMUnitTest tests[] = {
    cmocka_unit_test_setup(off_by_default_and_then_the_text_is_the_same,
                           clear),
    cmocka_unit_test_setup(each_way_to_turn_them_on_gives_the_same_text,
                           clear),
    cmocka_unit_test_setup(a_kernel_says_that_it_needs_msl_4_and_an_m5, clear),
    cmocka_unit_test_setup(chips_before_m5_have_none, clear),
    cmocka_unit_test_setup(a_switch_that_is_none_is_an_error, clear),
    cmocka_unit_test_setup(dots_that_matmul2d_does_not_take_stay_as_they_are,
                           clear),
    cmocka_unit_test_setup(a_sum_stays_in_the_cooperative_tensor_over_the_loop,
                           clear),
    cmocka_unit_test_setup(products_are_those_of_double_precision, clear),
    cmocka_unit_test_setup(products_of_one_iteration_are_right_too, clear),
    cmocka_unit_test_setup(a_device_that_passes_is_probed_once, clear),
    cmocka_unit_test_setup(wrong_sums_are_found, clear),
    cmocka_unit_test_setup(failures_of_the_probe_are_reasons, clear),
    cmocka_unit_test_setup(systems_that_are_too_old_are_not_tried, clear),
    cmocka_unit_test_setup(a_kernel_for_an_m5_is_not_loaded_on_an_older_chip,
                           clear),
    cmocka_unit_test_setup(the_environment_check_names_them, clear),
    cmocka_unit_test_setup(on_and_off_are_different_rows_of_the_cache, clear),
    cmocka_unit_test_setup(the_linter_takes_a_product, clear),
    cmocka_unit_test_setup(the_linter_knows_what_matmul2d_takes, clear),
    cmocka_unit_test_setup(the_linter_proves_barriers_around_tensors, clear),
    cmocka_unit_test_setup(the_linter_wants_all_threads_at_a_product, clear),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
