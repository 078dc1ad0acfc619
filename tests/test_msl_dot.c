/* SPDX-License-Identifier: MIT */
/*
 * test_msl_dot.c - tl.dot and tl.dot_scaled on the device: element types,
 * shapes down to 1, batches, transposed operands, numbers of simdgroups and
 * chips, compared with products computed here in double precision.
 *
 * Bounds. Products of half, bf16, fp8 and int8 numbers are exact in float, a
 * float product and each addition err by half a unit: K steps lose at most
 * K * 2^-23 of the sum of magnitudes. Integers are exact. A half result has
 * half a unit of its own besides.
 */
#define _GNU_SOURCE
#include "support/device.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint64_t seed = 20251130;

static uint32_t draw(uint32_t below) {
  return (uint32_t)((test_random(&seed) + 1) / 2 * below);
}

/* ---- numbers as memory has them ----------------------------------------- */

static double e4m3(unsigned code) {
  int e = (int)(code >> 3 & 15), m = (int)(code & 7);
  double x = e ? ldexp(1 + m / 8.0, e - 7) : ldexp(m / 8.0, -6);
  return code & 128 ? -x : x;
}

static double e5m2(unsigned code) {
  return (double)half_to_float((uint16_t)(code << 8));
}

static double e2m1(unsigned code) {
  static const double values[] = {0, 0.5, 1, 1.5, 2, 3, 4, 6};
  return code & 8 ? -values[code & 7] : values[code & 7];
}

static double bf16(uint16_t code) {
  uint32_t bits = (uint32_t)code << 16;
  float x;
  memcpy(&x, &bits, 4);
  return (double)x;
}

static size_t size_of(tm_dtype type) {
  return type == TM_DTYPE_F32 || type == TM_DTYPE_I32    ? 4
         : type == TM_DTYPE_F16 || type == TM_DTYPE_BF16 ? 2 : 1;
}

/* A random number of the type into data[i]; its value. */
static double put_random(void *data, size_t i, tm_dtype type) {
  float x = (float)test_random(&seed);
  uint8_t *bytes = data;
  uint16_t *halves = data;
  uint32_t bits;
  switch (type) {
  case TM_DTYPE_F32:
    ((float *)data)[i] = x;
    return (double)x;
  case TM_DTYPE_F16:
    halves[i] = half_from_float(x);
    return (double)half_to_float(halves[i]);
  case TM_DTYPE_BF16:
    memcpy(&bits, &x, 4);
    halves[i] = (uint16_t)(bits >> 16);
    return bf16(halves[i]);
  case TM_DTYPE_F8E4M3:
    bytes[i] = (uint8_t)(draw(0x70) | draw(2) << 7); /* below 256 */
    return e4m3(bytes[i]);
  case TM_DTYPE_F8E5M2:
    bytes[i] = (uint8_t)(draw(0x50) | draw(2) << 7); /* below 32 */
    return e5m2(bytes[i]);
  default:
    bytes[i] = (uint8_t)draw(256); /* -128 to 127 */
    return (int8_t)bytes[i];
  }
}

/* ---- tl.dot -------------------------------------------------------------- */

static const char dot_source[] =
    "import triton\n"
    "import triton.language as tl\n"
    "@triton.jit\n"
    "def k(A, B, C, G: tl.constexpr, M: tl.constexpr, N: tl.constexpr,\n"
    "      K: tl.constexpr, TA: tl.constexpr, TB: tl.constexpr,\n"
    "      HALF: tl.constexpr):\n"
    "    m = tl.arange(0, M)\n"
    "    n = tl.arange(0, N)\n"
    "    kk = tl.arange(0, K)\n"
    "    OUT: tl.constexpr = tl.float16 if HALF else tl.float32\n"
    "    if G == 0:\n"
    "        if TA:\n"
    "            a = tl.load(A + kk[:, None] * M + m[None, :]).T\n"
    "        else:\n"
    "            a = tl.load(A + m[:, None] * K + kk[None, :])\n"
    "        if TB:\n"
    "            b = tl.trans(tl.load(B + n[:, None] * K + kk[None, :]))\n"
    "        else:\n"
    "            b = tl.load(B + kk[:, None] * N + n[None, :])\n"
    "        c = tl.dot(a, b, out_dtype=OUT)\n"
    "        tl.store(C + m[:, None] * N + n[None, :], c)\n"
    "    else:\n"
    "        g = tl.arange(0, G)[:, None, None]\n"
    "        a = tl.load(A + g * M * K + m[None, :, None] * K\n"
    "                    + kk[None, None, :])\n"
    "        if TB:\n"
    "            b = tl.load(B + g * N * K + n[None, :, None] * K\n"
    "                        + kk[None, None, :])\n"
    "            b = tl.permute(b, (0, 2, 1))\n"
    "        else:\n"
    "            b = tl.load(B + g * N * K + kk[None, :, None] * N\n"
    "                        + n[None, None, :])\n"
    "        tl.store(C + g * M * N + m[None, :, None] * N\n"
    "                 + n[None, None, :], tl.dot(a, b, out_dtype=OUT))\n";

typedef struct product {
  tm_dtype a, b;
  int g, m, n, k; /* g: 0 for two dimensions */
  bool ta, tb, half;
  uint32_t warps;
} product;

typedef struct numbers {
  tm_buffer *buffer;
  double *value;
} numbers;

static numbers random_numbers(device_test *t, size_t n, tm_dtype type) {
  numbers x = {device_array(t, n, size_of(type)), malloc(n * sizeof(double))};
  assert_non_null(x.value);
  for (size_t i = 0; i < n; i++)
    x.value[i] = put_random(tm_buffer_contents(x.buffer), i, type);
  return x;
}

static void release(numbers *x) {
  tm_buffer_destroy(x->buffer);
  free(x->value);
}

static void compare(const product *p, const numbers *a, const numbers *b,
                    const void *c) {
  int m = p->m, n = p->n, k = p->k;
  for (int i = 0; i < (p->g ? p->g : 1) * m * n; i++) {
    int g = i / (m * n), row = i / n % m, col = i % n;
    double want = 0, size = 0;
    for (int x = 0; x < k; x++) {
      double u = a->value[g * m * k + (p->ta ? x * m + row : row * k + x)];
      double v = b->value[g * n * k + (p->tb ? col * k + x : x * n + col)];
      want += u * v;
      size += fabs(u * v);
    }
    double got = p->a == TM_DTYPE_I8 ? ((const int32_t *)c)[i]
                 : p->half ? (double)half_to_float(((const uint16_t *)c)[i])
                           : (double)((const float *)c)[i];
    double bound = p->a == TM_DTYPE_I8 ? 0
                   : k * 0x1p-23 * size + (p->half ? fabs(want) * 0x1p-11
                                                   : 0);
    if (!(fabs(got - want) <= bound))
      fail_msg("types %d and %d, %d x %dx%dx%d, %u simdgroups: [%d, %d, %d] "
               "is %.9g, not %.9g", (int)p->a, (int)p->b, p->g, m, n, k,
               (unsigned)p->warps, g, row, col, got, want);
  }
}

static void check(product p) {
  device_test t = device_open(NULL, dot_source);
  size_t g = p.g ? (size_t)p.g : 1, m = (size_t)p.m, n = (size_t)p.n,
         k = (size_t)p.k;
  numbers a = random_numbers(&t, g * m * k, p.a);
  numbers b = random_numbers(&t, g * k * n, p.b);
  tm_dtype out = p.a == TM_DTYPE_I8 ? TM_DTYPE_I32
                      : p.half ? TM_DTYPE_F16 : TM_DTYPE_F32;
  tm_buffer *c = device_array(&t, g * m * n, size_of(out));
  tm_define named[] = {{"A", tm_arg_tensor(a.buffer, 0, p.a)},
                       {"B", tm_arg_tensor(b.buffer, 0, p.b)},
                       {"C", tm_arg_tensor(c, 0, out)},
                       {"G", tm_arg_int(p.g)},    {"M", tm_arg_int(p.m)},
                       {"N", tm_arg_int(p.n)},    {"K", tm_arg_int(p.k)},
                       {"TA", tm_arg_bool(p.ta)}, {"TB", tm_arg_bool(p.tb)},
                       {"HALF", tm_arg_bool(p.half)}};
  device_run(&t, "k", tm_grid_1d(1), named, 10, p.warps);
  compare(&p, &a, &b, tm_buffer_contents(c));
  release(&a);
  release(&b);
  tm_buffer_destroy(c);
  device_close(&t);
}

#define I8 TM_DTYPE_I8
#define F16 TM_DTYPE_F16
#define BF16 TM_DTYPE_BF16
#define F32 TM_DTYPE_F32
#define E4M3 TM_DTYPE_F8E4M3
#define E5M2 TM_DTYPE_F8E5M2

static void check_all(const product *list, size_t n) {
  for (size_t i = 0; i < n; i++) check(list[i]);
}
#define CHECK_ALL(list) check_all(list, sizeof(list) / sizeof *(list))

static void every_type_multiplies(void **state) {
  (void)state;
  static const product list[] = {
      {F16, F16, 0, 16, 32, 16, false, false, false, 4},
      {BF16, BF16, 0, 32, 16, 16, false, false, false, 4},
      {F32, F32, 0, 16, 16, 32, false, false, false, 2},
      {I8, I8, 0, 16, 32, 32, false, false, false, 4},
      {E4M3, E4M3, 0, 16, 16, 32, false, false, false, 4},
      {E5M2, E5M2, 0, 16, 16, 16, false, false, false, 2},
      {E4M3, E5M2, 0, 16, 16, 16, false, true, false, 4},
      {F16, F16, 0, 16, 16, 16, false, false, true, 4},
      {E5M2, E4M3, 0, 8, 16, 16, false, false, true, 1},
  };
  CHECK_ALL(list);
}

static void extents_below_eight_are_padded(void **state) {
  (void)state;
  static const product list[] = {
      {F32, F32, 0, 1, 16, 16, false, false, false, 4},
      {F16, F16, 0, 16, 1, 16, false, true, false, 4},
      {BF16, BF16, 0, 8, 16, 1, false, false, false, 2},
      {F16, F16, 0, 1, 1, 1, false, false, false, 4},
      {BF16, BF16, 0, 4, 2, 8, true, false, false, 1},
      {F32, F32, 0, 2, 4, 4, false, true, false, 8},
      {I8, I8, 0, 2, 8, 2, false, false, false, 4},
      {F16, F16, 0, 4, 32, 16, false, false, true, 4},
  };
  CHECK_ALL(list);
}

static void operands_may_be_transposed(void **state) {
  (void)state;
  static const product list[] = {
      {F16, F16, 0, 16, 32, 16, true, true, false, 4},
      {BF16, BF16, 0, 32, 16, 16, true, false, false, 4},
      {BF16, BF16, 0, 16, 16, 16, false, true, false, 2},
      {I8, I8, 0, 16, 16, 64, true, true, false, 2},
  };
  CHECK_ALL(list);
}

static void batches_multiply_matrix_by_matrix(void **state) {
  (void)state;
  static const product list[] = {
      {F16, F16, 4, 16, 16, 16, false, true, false, 4},
      {BF16, BF16, 2, 8, 16, 8, false, false, false, 1},
      {F32, F32, 8, 4, 8, 2, false, false, false, 2},
      {I8, I8, 2, 16, 16, 16, false, false, false, 4},
      {F32, F32, 1, 16, 16, 16, false, false, false, 4},
  };
  CHECK_ALL(list);
}

/* More simdgroups than fragments hold copies; one takes all. */
static void any_number_of_simdgroups(void **state) {
  (void)state;
  static const product list[] = {
      {F16, F16, 0, 8, 8, 8, false, false, false, 16},
      {F32, F32, 0, 16, 16, 8, false, false, false, 8},
      {BF16, BF16, 0, 32, 32, 8, false, false, false, 1},
  };
  CHECK_ALL(list);
}

/* Staged whole, the operands would take 33 to 66 KB of threadgroup memory. */
static void tiles_above_32_kb_are_staged_in_windows(void **state) {
  (void)state;
  static const product list[] = {
      {F32, F32, 0, 128, 128, 32, false, false, false, 8},
      {F16, F16, 0, 32, 16, 512, false, true, false, 4},
      {BF16, BF16, 0, 16, 32, 512, true, false, false, 8},
  };
  CHECK_ALL(list);
}

/* 128 * 128 * 1024 is 2^24: the largest sum there can be. */
static void int8_is_exact_at_its_largest(void **state) {
  (void)state;
  enum { K = 1024 };
  device_test t = device_open(NULL, dot_source);
  tm_buffer *a = device_array(&t, 8 * K, 1), *b = device_array(&t, 8 * K, 1),
            *c = device_array(&t, 64, 4);
  int8_t *x = tm_buffer_contents(a), *y = tm_buffer_contents(b);
  for (int i = 0; i < 8 * K; i++) x[i] = -128, y[i] = i % 8 ? 127 : -128;
  y[8 * (K - 1) + 2] = 126;
  tm_define named[] = {{"A", tm_arg_tensor(a, 0, TM_DTYPE_I8)},
                       {"B", tm_arg_tensor(b, 0, TM_DTYPE_I8)},
                       {"C", tm_arg_tensor(c, 0, TM_DTYPE_I32)},
                       {"G", tm_arg_int(0)},      {"M", tm_arg_int(8)},
                       {"N", tm_arg_int(8)},      {"K", tm_arg_int(K)},
                       {"TA", tm_arg_bool(0)},    {"TB", tm_arg_bool(0)},
                       {"HALF", tm_arg_bool(0)}};
  device_run(&t, "k", tm_grid_1d(1), named, 10, 4);
  const int32_t *z = tm_buffer_contents(c);
  for (int i = 0; i < 64; i++)
    assert_int_equal(z[i], i % 8 == 0   ? 128 * 128 * K
                           : i % 8 == 2 ? -128 * (127 * K - 1)
                                        : -128 * 127 * K);
  tm_buffer_destroy(a), tm_buffer_destroy(b), tm_buffer_destroy(c);
  device_close(&t);
}

/* Compiled for the device itself, an Apple9 where softmetal stands in, not
 * for an M1: operands are read from device memory as fragments. */
static void fragments_come_from_device_memory(void **state) {
  (void)state;
  static const product list[] = {
      {BF16, BF16, 0, 32, 16, 16, false, true, false, 4},
      {F16, F16, 0, 4, 32, 16, true, false, false, 2},
      {I8, I8, 2, 16, 8, 32, false, false, false, 4},
      {F32, F32, 0, 16, 32, 4, false, false, false, 4},
  };
  unsetenv("TRITON_METAL_CHIP");
  CHECK_ALL(list);
  setenv("TRITON_METAL_CHIP", "m1", 1);
}

/* ---- tl.dot_scaled ------------------------------------------------------- */

static const char scaled_source[] =
    "import triton\n"
    "import triton.language as tl\n"
    "@triton.jit\n"
    "def k(A, SA, B, SB, C, M: tl.constexpr, N: tl.constexpr,\n"
    "      K: tl.constexpr, FA: tl.constexpr, FB: tl.constexpr,\n"
    "      F: tl.constexpr, HAS_A: tl.constexpr, HAS_B: tl.constexpr,\n"
    "      PACK_B: tl.constexpr):\n"
    "    KA: tl.constexpr = K // 2 if FA == 'e2m1' else K\n"
    "    KB: tl.constexpr = K // 2 if FB == 'e2m1' and PACK_B else K\n"
    "    NB: tl.constexpr = N if FB != 'e2m1' or PACK_B else N // 2\n"
    "    m = tl.arange(0, M)\n"
    "    n = tl.arange(0, N)\n"
    "    s = tl.arange(0, K // F)\n"
    "    a = tl.load(A + m[:, None] * KA + tl.arange(0, KA)[None, :])\n"
    "    b = tl.load(B + tl.arange(0, KB)[:, None] * NB\n"
    "                + tl.arange(0, NB)[None, :])\n"
    "    sa = tl.load(SA + m[:, None] * (K // F) + s[None, :]) if HAS_A "
    "else None\n"
    "    sb = tl.load(SB + n[:, None] * (K // F) + s[None, :]) if HAS_B "
    "else None\n"
    "    c = tl.dot_scaled(a, sa, FA, b, sb, FB, rhs_k_pack=PACK_B)\n"
    "    tl.store(C + m[:, None] * N + n[None, :], c)\n";

typedef struct scaled {
  const char *fa, *fb;
  int factor;
  bool has_a, has_b, pack_b;
  uint32_t warps;
} scaled;

enum { SM = 16, SN = 16, SK = 64 };

static tm_dtype type_of_format(const char *f) {
  return strcmp(f, "e4m3") == 0   ? TM_DTYPE_F8E4M3
         : strcmp(f, "e5m2") == 0 ? TM_DTYPE_F8E5M2
         : strcmp(f, "bf16") == 0 ? TM_DTYPE_BF16
         : strcmp(f, "fp16") == 0 ? TM_DTYPE_F16
                                  : TM_DTYPE_U8;
}

/* [SM, SK] or [SK, SN] of the format; e2m1 packs pairs along `along`: 1 the
 * last dimension, 0 the first. */
static numbers operand(device_test *t, const char *format, bool right,
                       int along) {
  tm_dtype type = type_of_format(format);
  size_t rows = right ? SK : SM, cols = right ? SN : SK;
  if (type != TM_DTYPE_U8) return random_numbers(t, rows * cols, type);
  numbers x = {device_array(t, rows * cols / 2, 1),
               malloc(rows * cols * sizeof(double))};
  assert_non_null(x.value);
  uint8_t *codes = tm_buffer_contents(x.buffer);
  for (size_t i = 0; i < rows * cols; i++) {
    size_t r = i / cols, c = i % cols;
    size_t at = along ? r * (cols / 2) + c / 2 : r / 2 * cols + c;
    unsigned code = draw(16);
    codes[at] |= (uint8_t)(code << ((along ? c : r) % 2 * 4));
    x.value[i] = e2m1(code);
  }
  return x;
}

/* Powers of two near 1, which both bf16 and half multiply by exactly; the
 * first row has a NaN. */
static numbers scales(device_test *t, int rows, int factor) {
  size_t n = (size_t)(rows * SK / factor);
  numbers x = {device_array(t, n, 1), malloc(n * sizeof(double))};
  assert_non_null(x.value);
  uint8_t *codes = tm_buffer_contents(x.buffer);
  for (size_t i = 0; i < n; i++) {
    codes[i] = i ? (uint8_t)(124 + draw(7)) : 255;
    x.value[i] = i ? ldexp(1, codes[i] - 127) : (double)NAN;
  }
  return x;
}

static void compare_scaled(const scaled *p, const numbers *x,
                           const float *c) {
  int per_row = SK / p->factor;
  for (int i = 0; i < SM * SN; i++) {
    double want = 0, size = 0;
    for (int k = 0; k < SK; k++) {
      double a = x[0].value[i / SN * SK + k], b = x[2].value[k * SN + i % SN];
      if (p->has_a) a *= x[1].value[i / SN * per_row + k / p->factor];
      if (p->has_b) b *= x[3].value[i % SN * per_row + k / p->factor];
      want += a * b;
      size += fabs(a * b);
    }
    double got = (double)c[i];
    if (isnan(want) ? !isnan(got)
                    : !(fabs(got - want) <= SK * 0x1p-23 * size))
      fail_msg("%s by %s: element %d is %.9g, not %.9g", p->fa, p->fb, i, got,
               want);
  }
}

static void check_scaled(scaled p) {
  device_test t = device_open(NULL, scaled_source);
  numbers x[] = {operand(&t, p.fa, false, 1), scales(&t, SM, p.factor),
                 operand(&t, p.fb, true, !p.pack_b),
                 scales(&t, SN, p.factor)};
  tm_buffer *c = device_array(&t, SM * SN, 4);
  tm_define named[] = {
      {"A", tm_arg_tensor(x[0].buffer, 0, type_of_format(p.fa))},
      {"SA", tm_arg_tensor(x[1].buffer, 0, TM_DTYPE_U8)},
      {"B", tm_arg_tensor(x[2].buffer, 0, type_of_format(p.fb))},
      {"SB", tm_arg_tensor(x[3].buffer, 0, TM_DTYPE_U8)},
      {"C", tm_arg_tensor(c, 0, TM_DTYPE_F32)},
      {"M", tm_arg_int(SM)}, {"N", tm_arg_int(SN)}, {"K", tm_arg_int(SK)},
      {"FA", tm_arg_text(p.fa)}, {"FB", tm_arg_text(p.fb)},
      {"F", tm_arg_int(p.factor)}, {"HAS_A", tm_arg_bool(p.has_a)},
      {"HAS_B", tm_arg_bool(p.has_b)}, {"PACK_B", tm_arg_bool(p.pack_b)}};
  device_run(&t, "k", tm_grid_1d(1), named, 14, p.warps);
  compare_scaled(&p, x, tm_buffer_contents(c));
  for (int i = 0; i < 4; i++) release(&x[i]);
  tm_buffer_destroy(c);
  device_close(&t);
}

static void scaled_products_of_all_formats(void **state) {
  (void)state;
  static const scaled list[] = {
      {"e2m1", "e2m1", 32, true, true, true, 4},
      {"e4m3", "e5m2", 32, true, true, true, 4},
      {"e2m1", "bf16", 32, true, false, true, 2},
      {"fp16", "e2m1", 32, false, true, true, 4},
      {"e2m1", "e2m1", 16, true, true, false, 4},
      {"bf16", "e4m3", 32, false, false, true, 1},
  };
  for (size_t i = 0; i < sizeof list / sizeof *list; i++)
    check_scaled(list[i]);
}

/* ---- loads ahead of products --------------------------------------------- */

static const char loop_source[] =
    "import triton\n"
    "import triton.language as tl\n"
    "@triton.jit\n"
    "def k(A, B, C, n):\n"
    "    m = tl.arange(0, 32)\n"
    "    acc = tl.zeros((32, 32), tl.float32)\n"
    "    for i in range(0, n, 32):\n"
    "        a = tl.load(A + m[:, None] * n + i + m[None, :])\n"
    "        b = tl.load(B + (i + m[:, None]) * 32 + m[None, :])\n"
    "        acc = tl.dot(a, b, acc)\n"
    "    tl.store(C + m[:, None] * 32 + m[None, :], acc)\n";

/* Does the text read device memory before its loop over K? */
static bool loads_ahead(const char *text) {
  const char *load = strstr(text, "*(device const "); /* no parameter */
  const char *loop = strstr(text, "+= 32)");
  assert_non_null(load);
  assert_non_null(loop);
  return load < loop;
}

static void check_loop(const char *chip, uint32_t stages, bool ahead) {
  enum { K = 96 };
  device_test t = device_open(NULL, loop_source);
  product p = {.a = TM_DTYPE_F16, .b = TM_DTYPE_F16, .m = 32, .n = 32, .k = K,
               .warps = 4};
  numbers a = random_numbers(&t, 32 * K, p.a);
  numbers b = random_numbers(&t, 32 * K, p.b);
  tm_buffer *c = device_array(&t, 32 * 32, 4);
  tm_compile_options options = TM_COMPILE_OPTIONS_INIT;
  options.signature = "*fp16:16, *fp16:16, *fp32:16, i32:16";
  options.chip = chip;
  options.num_stages = stages;
  tm_kernel *kernel = NULL;
  assert_int_equal(
      tm_compile(&kernel, t.context, t.module, "k", &options, NULL), TM_OK);
  assert_int_equal(loads_ahead(tm_kernel_text(kernel, TM_STAGE_MSL)), ahead);
  tm_arg args[] = {tm_arg_buffer(a.buffer, 0), tm_arg_buffer(b.buffer, 0),
                   tm_arg_buffer(c, 0), tm_arg_int(K)};
  assert_int_equal(
      tm_launch(t.stream, kernel, tm_grid_1d(1), args, 4, NULL), TM_OK);
  assert_int_equal(tm_stream_synchronize(t.stream, TM_WAIT_FOREVER, NULL),
                   TM_OK);
  compare(&p, &a, &b, tm_buffer_contents(c));
  tm_kernel_destroy(kernel);
  release(&a);
  release(&b);
  tm_buffer_destroy(c);
  device_close(&t);
}

static void four_stages_load_the_next_tile_while_this_one_is_multiplied(
    void **state) {
  (void)state;
  check_loop("m1", 0, false);
  check_loop("m1", 3, false);
  check_loop("m1", 4, true);
  check_loop("m4", 4, false); /* reads fragments where they are */
}

/* ---- tiles that are loaded for a product alone --------------------------- */

static const char masked_source[] =
    "import triton\n"
    "import triton.language as tl\n"
    "@triton.jit\n"
    "def k(A, B, C, n, OTHER: tl.constexpr, TRANS: tl.constexpr,\n"
    "      K: tl.constexpr):\n"
    "    m = tl.arange(0, 32)\n"
    "    kk = tl.arange(0, K)\n"
    "    acc = tl.zeros((32, 32), tl.float32)\n"
    "    for i in range(0, 2 * n, n):\n"
    "        a = tl.load(A + m[:, None] * K + kk[None, :],\n"
    "                    mask=kk[None, :] < n, other=OTHER)\n"
    "        if TRANS:\n"
    "            b = tl.load(B + m[:, None] * K + kk[None, :],\n"
    "                        mask=kk[None, :] < n, other=0.5).T\n"
    "        else:\n"
    "            b = tl.load(B + kk[:, None] * 32 + m[None, :],\n"
    "                        mask=kk[:, None] < n, other=0.5)\n"
    "        acc = tl.dot(a, b, acc, input_precision='ieee')\n"
    "    tl.store(C + m[:, None] * 32 + m[None, :], acc)\n";

typedef struct masked {
  tm_dtype type;
  int k, n; /* of k elements along K the first n are loaded */
  bool ones, trans; /* others are 1, not 0 */
  uint32_t warps;
} masked;

/* Twice the product, elements behind n as the kernel has them. */
static void compare_masked(const masked *p, const numbers *a,
                           const numbers *b, const float *c) {
  for (int i = 0; i < 32 * 32; i++) {
    double want = 0, size = 0;
    for (int x = 0; x < p->k; x++) {
      int at = p->trans ? i % 32 * p->k + x : x * 32 + i % 32;
      double u = x < p->n ? a->value[i / 32 * p->k + x] : p->ones;
      double v = x < p->n ? b->value[at] : 0.5;
      want += 2 * u * v;
      size += fabs(2 * u * v);
    }
    if (!(fabs((double)c[i] - want) <= 2 * p->k * 0x1p-23 * size))
      fail_msg("type %d, %d of %d, others %d, turned %d, %u simdgroups: "
               "element %d is %.9g, not %.9g", (int)p->type, p->n, p->k,
               p->ones, p->trans, (unsigned)p->warps, i, (double)c[i], want);
  }
}

static void check_masked(masked p) {
  device_test t = device_open(NULL, masked_source);
  numbers a = random_numbers(&t, (size_t)(32 * p.k), p.type);
  numbers b = random_numbers(&t, (size_t)(32 * p.k), p.type);
  tm_buffer *c = device_array(&t, 32 * 32, 4);
  tm_define named[] = {{"A", tm_arg_tensor(a.buffer, 0, p.type)},
                       {"B", tm_arg_tensor(b.buffer, 0, p.type)},
                       {"C", tm_arg_tensor(c, 0, TM_DTYPE_F32)},
                       {"n", tm_arg_int(p.n)},
                       {"OTHER", tm_arg_float(p.ones ? 1.0 : 0.0)},
                       {"TRANS", tm_arg_bool(p.trans)},
                       {"K", tm_arg_int(p.k)}};
  device_run(&t, "k", tm_grid_1d(1), named, 7, p.warps);
  compare_masked(&p, &a, &b, tm_buffer_contents(c));
  release(&a);
  release(&b);
  tm_buffer_destroy(c);
  device_close(&t);
}

static void tiles_are_copied_with_what_stands_behind_their_masks(
    void **state) {
  (void)state;
  static const masked list[] = {
      {F16, 32, 16, false, false, 4}, {F16, 32, 16, true, true, 4},
      {F16, 32, 20, true, false, 2},  {F16, 32, 20, false, true, 8},
      {BF16, 32, 16, false, true, 4}, {BF16, 32, 20, true, false, 4},
      {F32, 32, 16, true, false, 4},  {F32, 32, 19, false, true, 16},
      {F32, 256, 176, false, true, 4}, {F16, 512, 304, true, false, 4},
      {F16, 512, 496, false, true, 2},
  };
  for (size_t i = 0; i < sizeof list / sizeof *list; i++)
    check_masked(list[i]);
}

/* No array of registers stands between device and threadgroup memory. */
static void a_tile_for_a_product_alone_is_copied_16_bytes_at_once(
    void **state) {
  (void)state;
  device_test t = device_open(NULL, loop_source);
  tm_compile_options options = TM_COMPILE_OPTIONS_INIT;
  options.signature = "*fp16:16, *fp16:16, *fp32:16, i32:16";
  options.chip = "m1";
  tm_kernel *kernel = NULL;
  assert_int_equal(
      tm_compile(&kernel, t.context, t.module, "k", &options, NULL), TM_OK);
  const char *text = tm_kernel_text(kernel, TM_STAGE_MSL);
  assert_non_null(strstr(text, "const uint4 a_raw ="));
  assert_non_null(strstr(text, " = a_raw;"));
  assert_non_null(strstr(text, " = b_raw;"));
  assert_null(strstr(text, "half4 "));
  tm_kernel_destroy(kernel);
  device_close(&t);
}

/* ---- tiles that are carried to the next iteration ------------------------- */

static const char carried_source[] =
    "import triton\n"
    "import triton.language as tl\n"
    "@triton.jit\n"
    "def k(A, B, C, n, OTHER: tl.constexpr, TRANS: tl.constexpr):\n"
    "    m = tl.arange(0, 64)\n"
    "    kk = tl.arange(0, 32)\n"
    "    acc = tl.zeros((64, 64), tl.float32)\n"
    "    for i in range(0, 3):\n"
    "        a = tl.load(A + i * 2048 + m[:, None] * 32 + kk[None, :],\n"
    "                    mask=kk[None, :] < n, other=OTHER)\n"
    "        if TRANS:\n"
    "            b = tl.load(B + i * 2048 + m[:, None] * 32 + kk[None, :],\n"
    "                        mask=kk[None, :] < n, other=0.0).T\n"
    "        else:\n"
    "            b = tl.load(B + i * 2048 + kk[:, None] * 64 + m[None, :])\n"
    "        acc = tl.dot(a, b, acc, input_precision='ieee')\n"
    "    tl.store(C + m[:, None] * 64 + m[None, :], acc)\n";

typedef struct carried {
  tm_dtype type;
  const char *pointer, *size; /* in the signature */
  int n;                      /* of 32 along K the first n are loaded */
  bool ones, trans;           /* others are 1, not 0 */
  uint32_t warps;
  int packed;                 /* arrays of 16 bytes an entry in the text */
} carried;

static void compare_carried(const carried *p, const numbers *a,
                            const numbers *b, const float *c) {
  for (int i = 0; i < 64 * 64; i++) {
    double want = 0, size = 0;
    for (int x = 0; x < 3 * 32; x++) {
      int tile = x / 32 * 2048, k = x % 32;
      bool there = k < p->n;
      double u = there ? a->value[tile + i / 64 * 32 + k] : p->ones;
      double v = !p->trans ? b->value[tile + k * 64 + i % 64]
                 : there ? b->value[tile + i % 64 * 32 + k] : 0;
      want += u * v;
      size += fabs(u * v);
    }
    if (!(fabs((double)c[i] - want) <= 96 * 0x1p-23 * size))
      fail_msg("%s, %d of 32, others %d, turned %d, %u simdgroups: element %d "
               "is %.9g, not %.9g", p->pointer, p->n, p->ones, p->trans,
               (unsigned)p->warps, i, (double)c[i], want);
  }
}

static void check_carried(carried p) {
  device_test t = device_open(NULL, carried_source);
  numbers a = random_numbers(&t, 3 * 2048, p.type);
  numbers b = random_numbers(&t, 3 * 2048, p.type);
  tm_buffer *c = device_array(&t, 64 * 64, 4);
  char signature[96];
  snprintf(signature, sizeof signature, "*%s:16, *%s:16, *fp32:16, %s, %s, %s",
           p.pointer, p.pointer, p.size, p.ones ? "1.0" : "0.0",
           p.trans ? "true" : "false");
  tm_compile_options options = TM_COMPILE_OPTIONS_INIT;
  options.signature = signature;
  options.chip = "m1";
  options.num_stages = 4;
  options.num_warps = p.warps;
  tm_kernel *kernel = NULL;
  assert_int_equal(
      tm_compile(&kernel, t.context, t.module, "k", &options, NULL), TM_OK);
  int packed = 0;
  const char *text = tm_kernel_text(kernel, TM_STAGE_MSL);
  for (const char *at = text; (at = strstr(at, "uint4 ")); at++) {
    const char *end = at + strcspn(at, ";=(");
    packed += *end == ';' && end[-1] == ']';
  }
  assert_int_equal(packed, p.packed);
  tm_arg args[] = {tm_arg_buffer(a.buffer, 0), tm_arg_buffer(b.buffer, 0),
                   tm_arg_buffer(c, 0), tm_arg_int(p.n)};
  assert_int_equal(
      tm_launch(t.stream, kernel, tm_grid_1d(1), args, 4, NULL), TM_OK);
  assert_int_equal(tm_stream_synchronize(t.stream, TM_WAIT_FOREVER, NULL),
                   TM_OK);
  compare_carried(&p, &a, &b, tm_buffer_contents(c));
  tm_kernel_destroy(kernel);
  release(&a);
  release(&b);
  tm_buffer_destroy(c);
  device_close(&t);
}

/* Three arrays a tile (before the loop, carried, loaded for the next one) hold
 * 16 bytes an entry, unless elements have to be looked at: what stands behind
 * a mask is not zero, or is decided for each of them. */
static void carried_tiles_stay_as_memory_has_them(void **state) {
  (void)state;
  static const carried list[] = {
      {F16, "fp16", "i32:16", 16, false, true, 4, 6},
      {F16, "fp16", "i32:16", 32, false, false, 2, 6},
      {BF16, "bf16", "i32:16", 16, false, true, 4, 6},
      {BF16, "bf16", "i32:16", 16, true, false, 4, 3},
      {F16, "fp16", "i32:16", 16, true, false, 4, 3},
      {F16, "fp16", "i32", 19, false, true, 4, 0},
      {F16, "fp16", "i32:16", 16, false, true, 8, 0}, /* one entry a tile */
      {F32, "fp32", "i32:16", 16, false, true, 4, 0},
  };
  for (size_t i = 0; i < sizeof list / sizeof *list; i++)
    check_carried(list[i]);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_type_multiplies),
      cmocka_unit_test(extents_below_eight_are_padded),
      cmocka_unit_test(operands_may_be_transposed),
      cmocka_unit_test(batches_multiply_matrix_by_matrix),
      cmocka_unit_test(any_number_of_simdgroups),
      cmocka_unit_test(tiles_above_32_kb_are_staged_in_windows),
      cmocka_unit_test(int8_is_exact_at_its_largest),
      cmocka_unit_test(fragments_come_from_device_memory),
      cmocka_unit_test(scaled_products_of_all_formats),
      cmocka_unit_test(
          four_stages_load_the_next_tile_while_this_one_is_multiplied),
      cmocka_unit_test(tiles_are_copied_with_what_stands_behind_their_masks),
      cmocka_unit_test(
          a_tile_for_a_product_alone_is_copied_16_bytes_at_once),
      cmocka_unit_test(carried_tiles_stay_as_memory_has_them),
  };
  setenv("SOFTMETAL_CHIP", "m4", 0);
  setenv("TRITON_METAL_CHIP", "m1", 1);
  return cmocka_run_group_tests(tests, NULL, NULL);
}
