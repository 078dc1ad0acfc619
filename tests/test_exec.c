/* SPDX-License-Identifier: MIT */
/*
 * test_exec.c - softmetal/exec: MSL compiled and run against C references.
 *
 * Every test compiles a small kernel, runs it on inputs made here and
 * compares with a loop written in C in the test. Kernels are run with both
 * threadgroup shapes where it matters, so that both entries (linear and
 * table positions) are exercised.
 */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above */
#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../softmetal/exec/exec.h"
#include "../softmetal/exec/object_load.h"
#include "support/soft_code.h"

#define HEAD "#include <metal_stdlib>\nusing namespace metal;\n"

/* ---- harness ---------------------------------------------------------- */

static sm_code *compile(const char *text) {
  return soft_compile(text, NULL, NULL, NULL);
}

static sm_dispatch grid(const sm_code *code, uint64_t threads,
                        uint32_t group) {
  sm_dispatch d;
  memset(&d, 0, sizeof(d));
  d.code = code;
  d.grid_threads[0] = threads;
  d.grid_threads[1] = d.grid_threads[2] = 1;
  d.group[0] = group;
  d.group[1] = d.group[2] = 1;
  return d;
}

static void bind(sm_dispatch *d, int index, void *p, size_t bytes) {
  d->buffers[index].pointer = p;
  d->buffers[index].length = bytes;
}

static void run_ok(const sm_dispatch *d) {
  char *error = NULL;
  sm_run_status status = sm_run(d, &error);
  if (status != SM_RUN_OK) fail_msg("status %d: %s", (int)status, error);
}

/* Runs and expects a failure whose message has all the given words. */
static void run_fails(const sm_dispatch *d, sm_run_status want,
                      const char *word1, const char *word2) {
  char *error = NULL;
  sm_run_status status = sm_run(d, &error);
  assert_int_equal(status, want);
  assert_non_null(error);
  if (!strstr(error, word1) || (word2 && !strstr(error, word2)))
    fail_msg("message lacks '%s' or '%s': %s", word1, word2 ? word2 : "",
             error);
  free(error);
}

static uint32_t seed = 1;
static uint32_t random32(void) {
  seed ^= seed << 13;
  seed ^= seed >> 17;
  seed ^= seed << 5;
  return seed;
}
static float random_float(void) { /* -2 ... 2 */
  return (float)(int32_t)random32() / 1073741824.0f;
}

static void expect_ints(const int *got, const int *want, int n) {
  for (int i = 0; i < n; i++)
    if (got[i] != want[i])
      fail_msg("element %d is %d, expected %d", i, got[i], want[i]);
}

/* int out[i] = expression of int a[i], b[i] over 1000 threads. */
static void check_int_expression(const char *expression,
                                 int (*reference)(int, int, int)) {
  char text[2048];
  snprintf(text, sizeof(text), HEAD
           "kernel void k(device const int* pa [[buffer(0)]],"
           " device const int* pb [[buffer(1)]],"
           " device int* out [[buffer(2)]],"
           " uint gid [[thread_position_in_grid]]) {\n"
           "  int a = pa[gid]; int b = pb[gid]; int i = int(gid);\n"
           "  int r = 0;\n  %s\n  out[gid] = r;\n}\n", expression);
  enum { N = 1000 };
  static int a[N], b[N], out[N], want[N];
  for (int i = 0; i < N; i++) {
    a[i] = (int)(random32() % 2001) - 1000;
    b[i] = (int)(random32() % 21) - 10;
    want[i] = reference(a[i], b[i], i);
  }
  sm_code *code = compile(text);
  const uint32_t groups[] = {32, 64, 100, 256};
  for (int g = 0; g < 4; g++) {
    memset(out, 0x55, sizeof(out));
    sm_dispatch d = grid(code, N, groups[g]);
    bind(&d, 0, a, sizeof(a));
    bind(&d, 1, b, sizeof(b));
    bind(&d, 2, out, sizeof(out));
    run_ok(&d);
    expect_ints(out, want, N);
  }
  sm_code_release(code);
}

/* ---- arithmetic and control flow -------------------------------------- */

static int ref_arith(int a, int b, int i) {
  return (a * 3 - b) ^ (i << 2) ^ (a >> 3) ^ ((a & 255) | b) ^ ~i;
}
static void integer_arithmetic_matches_c(void **state) {
  check_int_expression("r = (a * 3 - b) ^ (i << 2) ^ (a >> 3) ^ "
                       "((a & 255) | b) ^ ~i;", ref_arith);
}

static int ref_div(int a, int b, int i) {
  return b ? a / b + a % b + i / 7 + i % 8 : 7;
}
static void division_matches_c_and_zero_does_not_trap(void **state) {
  check_int_expression("int q = a / b; r = b != 0 ? q + a % b + i / 7 + "
                       "i % 8 : 7;", ref_div);
}

static int ref_loops(int a, int b, int i) {
  int r = 0;
  for (int x = 0; x < (i & 15); x++) {
    if (x == 5) continue;
    for (int y = 0; y < 20; y++) {
      if (y > (a & 7)) break;
      r += x * y + b;
    }
    if (r > 400) break;
  }
  return r;
}
static void divergent_nested_loops_break_and_continue(void **state) {
  check_int_expression(
      "for (int x = 0; x < (i & 15); x++) { if (x == 5) continue;"
      " for (int y = 0; y < 20; y++) { if (y > (a & 7)) break;"
      " r += x * y + b; } if (r > 400) break; }", ref_loops);
}

static int ref_while(int a, int b, int i) {
  int r = 0, n = i + 1;
  while (n != 1 && r < 200) {
    n = n % 2 ? 3 * n + 1 : n / 2;
    r++;
  }
  do { r += b; } while (++n < 3);
  (void)a;
  return r;
}
static void while_and_do_loops_diverge(void **state) {
  check_int_expression(
      "int n = i + 1; while (n != 1 && r < 200) {"
      " n = n % 2 != 0 ? 3 * n + 1 : n / 2; r++; }"
      " do { r += b; } while (++n < 3);", ref_while);
}

static int ref_switch(int a, int b, int i) {
  int r = 0;
  for (int k = 0; k < 3; k++) {
    switch ((i + k) % 6) {
    case 0: r += 1; /* fall through */
    case 1: r += a; break;
    case 2: if (b > 0) break; r += 5; break;
    case 4: if (b < 0) continue; r ^= 3; break;
    default: r -= b; /* fall through */
    case 5: r *= 3;
    }
    r += 100;
  }
  return r;
}
static void divergent_switch_falls_through_breaks_and_continues(void **s) {
  check_int_expression(
      "for (int k = 0; k < 3; k++) { switch ((i + k) % 6) {"
      " case 0: r += 1; case 1: r += a; break;"
      " case 2: if (b > 0) break; r += 5; break;"
      " case 4: if (b < 0) continue; r ^= 3; break;"
      " default: r -= b; case 5: r *= 3; } r += 100; }", ref_switch);
}

static void functions_return_early_by_lane(void **state) {
  const char *text = HEAD
      "static int f(int a, thread int& count) {\n"
      "  for (int i = 0; i < 10; i++) {\n"
      "    if (i * i > a) return i;\n"
      "    count += 1;\n"
      "  }\n"
      "  if (a > 500) return -1;\n"
      "  return -2;\n"
      "}\n"
      "kernel void k(device const int* in [[buffer(0)]],"
      " device int* out [[buffer(1)]], constant uint& n [[buffer(2)]],"
      " uint i [[thread_position_in_grid]]) {\n"
      "  if (i >= n) return;\n"
      "  int c = 0;\n"
      "  int r = f(in[i], c);\n"
      "  if (r == 3) return;\n"
      "  out[2 * i] = r; out[2 * i + 1] = c;\n"
      "}\n";
  enum { N = 777 };
  static int in[N], out[2 * N + 64], want[2 * N + 64];
  memset(out, 0x11, sizeof(out));
  memset(want, 0x11, sizeof(want));
  for (int i = 0; i < N; i++) {
    in[i] = (int)(random32() % 1000) - 10;
    int c = 0, r = in[i] > 500 ? -1 : -2;
    for (int k = 0; k < 10; k++) {
      if (k * k > in[i]) { r = k; break; }
      c++;
    }
    if (r == 3) continue;
    want[2 * i] = r;
    want[2 * i + 1] = c;
  }
  uint32_t n = N;
  sm_code *code = compile(text);
  sm_dispatch d = grid(code, 1024, 128);
  bind(&d, 0, in, sizeof(in));
  bind(&d, 1, out, sizeof(out));
  bind(&d, 2, &n, sizeof(n));
  run_ok(&d);
  expect_ints(out, want, 2 * N + 64);
  sm_code_release(code);
}

/* Narrow types wrap, shifts count modulo the width, bool is a byte. */
static void small_types_wrap_and_convert(void **state) {
  const char *text = HEAD
      "kernel void k(device const int* in [[buffer(0)]],"
      " device int* out [[buffer(1)]], uint i [[thread_position_in_grid]]) {\n"
      "  int v = in[i];\n"
      "  char c = char(v); uchar u = uchar(v); short s = short(v);\n"
      "  ushort h = ushort(v); long l = long(v) * 100000l;\n"
      "  bool b = bool(v & 4);\n"
      "  c += char(3); u = uchar(u * u); s = short(s - 7); h++;\n"
      "  out[8 * i] = c; out[8 * i + 1] = u; out[8 * i + 2] = s;\n"
      "  out[8 * i + 3] = h; out[8 * i + 4] = int(l >> 20);\n"
      "  out[8 * i + 5] = int(b); out[8 * i + 6] = v << (i & 63u);\n"
      "  out[8 * i + 7] = int(ulong(l) % 1000ul);\n"
      "}\n";
  enum { N = 200 };
  static int in[N], out[8 * N], want[8 * N];
  for (int i = 0; i < N; i++) {
    int v = in[i] = (int)random32();
    int8_t c = (int8_t)v;
    uint8_t u = (uint8_t)v;
    int16_t s = (int16_t)v;
    uint16_t h = (uint16_t)v;
    int64_t l = (int64_t)v * 100000;
    want[8 * i] = (int8_t)(c + 3);
    want[8 * i + 1] = (uint8_t)(u * u);
    want[8 * i + 2] = (int16_t)(s - 7);
    want[8 * i + 3] = (uint16_t)(h + 1);
    want[8 * i + 4] = (int)(l >> 20);
    want[8 * i + 5] = (v & 4) != 0;
    want[8 * i + 6] = (int)((uint32_t)v << (i & 31));
    want[8 * i + 7] = (int)((uint64_t)l % 1000u);
  }
  sm_code *code = compile(text);
  sm_dispatch d = grid(code, N, 64);
  bind(&d, 0, in, sizeof(in));
  bind(&d, 1, out, sizeof(out));
  run_ok(&d);
  expect_ints(out, want, 8 * N);
  sm_code_release(code);
}

/* ---- memory shapes ---------------------------------------------------- */

/* Strides, offsets, broadcast, reversed and wrapped indices against plain
 * loops: every plan of emit_memory.c. */
static void access_patterns_match(void **state) {
  static const char *const index[] = {
      "i", "2 * i", "3 * i + 1", "i / 2", "i % 8", "i ^ 5", "i ^ 31",
      "(i / 4) * 64 + (i % 4)", "(i % 4) * 40 + i / 4", "255 - i",
      "(i & 16) * 2 + (i & 15)", "i * i % 200", "100", "(i >> 3) << 3",
      "(i & 3) | ((i >> 2) << 4)", "i * m", "(i / 8) * m + i % 8"};
  enum { N = 96, ROOM = 2048 };
  static float in[ROOM], out[ROOM], want[ROOM];
  for (int i = 0; i < ROOM; i++) in[i] = (float)i;
  for (size_t p = 0; p < TM_COUNT(index); p++) {
    for (int is_store = 0; is_store < 2; is_store++) {
      for (int kind = 0; kind < 2; kind++) {
        const char *type = kind ? "uint" : "int";
        char text[1024];
        snprintf(text, sizeof(text), HEAD
                 "kernel void k(device const float* in [[buffer(0)]],"
                 " device float* out [[buffer(1)]],"
                 " constant %s& m [[buffer(2)]],"
                 " uint gid [[thread_index_in_threadgroup]]) {\n"
                 "  %s i = %s(gid);\n"
                 "  if (%s) out[%s] = in[%s];\n}\n", type, type, type,
                 is_store ? "true" : "i < 90", is_store ? index[p] : "i",
                 is_store ? "i" : index[p]);
        sm_code *code = compile(text);
        memset(out, 0, sizeof(out));
        memset(want, 0, sizeof(want));
        int m = 9;
        for (int i = 0; i < N; i++) {
          const int at[] = {
              i, 2 * i, 3 * i + 1, i / 2, i % 8, i ^ 5, i ^ 31,
              (i / 4) * 64 + (i % 4), (i % 4) * 40 + i / 4, 255 - i,
              (i & 16) * 2 + (i & 15), i * i % 200, 100, (i >> 3) << 3,
              (i & 3) | ((i >> 2) << 4), i * m, (i / 8) * m + i % 8};
          if (is_store) want[at[p]] = in[i];
          else if (i < 90) want[i] = in[at[p]];
        }
        sm_dispatch d = grid(code, N, N);
        bind(&d, 0, in, sizeof(in));
        bind(&d, 1, out, sizeof(out));
        bind(&d, 2, &m, sizeof(m));
        run_ok(&d);
        for (int i = 0; i < ROOM; i++)
          if (out[i] != want[i])
            fail_msg("pattern %s (%s, %s): element %d is %g, expected %g",
                     index[p], is_store ? "store" : "load", type, i,
                     (double)out[i], (double)want[i]);
        sm_code_release(code);
      }
    }
  }
}

/* 32-bit indices that wrap in the middle of a simdgroup. */
static void wrapping_unsigned_indices_stay_exact(void **state) {
  const char *text = HEAD
      "kernel void k(device const int* in [[buffer(0)]],"
      " device int* out [[buffer(1)]], constant uint& base [[buffer(2)]],"
      " uint i [[thread_position_in_grid]]) {\n"
      "  uint at = base + i;\n"           /* wraps to 0 at lane 16 */
      "  out[i] = at < 1000u ? in[at] : int(at >> 28);\n"
      "  uint far = i * 268435456u;\n"    /* i << 28 */
      "  out[i + 64u] = in[far >> 24];\n"
      "}\n";
  static int in[256], out[128], want[128];
  for (int i = 0; i < 256; i++) in[i] = 1000 + i;
  uint32_t base = 0u - 16u;
  for (uint32_t i = 0; i < 64; i++) {
    uint32_t at = base + i;
    want[i] = at < 1000u ? in[at] : (int)(at >> 28);
    want[i + 64] = in[(i << 28) >> 24];
  }
  sm_code *code = compile(text);
  sm_dispatch d = grid(code, 64, 32);
  bind(&d, 0, in, sizeof(in));
  bind(&d, 1, out, sizeof(out));
  bind(&d, 2, &base, sizeof(base));
  run_ok(&d);
  expect_ints(out, want, 128);
  sm_code_release(code);
}

static void vectors_swizzles_and_structs(void **state) {
  const char *text = HEAD
      "struct S { float4 v; int n; packed_float3 p; float m[2]; };\n"
      "kernel void k(device const float4* in [[buffer(0)]],"
      " device S* out [[buffer(1)]], device float3* three [[buffer(2)]],"
      " uint i [[thread_position_in_grid]]) {\n"
      "  float4 a = in[i];\n"
      "  float4 b = a.wzyx * 2.0f;\n"
      "  b.xz = a.yw;\n"
      "  b[i & 3u] += 10.0f;\n"
      "  S s;\n"
      "  s.v = b; s.n = int(i) * 3;\n"
      "  s.p = packed_float3(a.xyz);\n"
      "  s.m[0] = dot(a, b); s.m[1] = a[(i + 1u) & 3u];\n"
      "  out[i] = s;\n"
      "  three[i] = float3(a.x, s.p[1], float(out[i].n));\n"
      "}\n";
  typedef struct S { float v[4]; int n; float p[3]; float m[2]; float pad[2]; }
      S;
  assert_int_equal(sizeof(S), 48);
  enum { N = 70 };
  static float in[N][4];
  static S out[N];
  static float three[N][4];
  for (int i = 0; i < N; i++)
    for (int k = 0; k < 4; k++) in[i][k] = random_float();
  memset(three, 0, sizeof(three));
  sm_code *code = compile(text);
  sm_dispatch d = grid(code, N, 32);
  bind(&d, 0, in, sizeof(in));
  bind(&d, 1, out, sizeof(out));
  bind(&d, 2, three, sizeof(three));
  run_ok(&d);
  for (int i = 0; i < N; i++) {
    float b[4];
    for (int k = 0; k < 4; k++) b[k] = in[i][3 - k] * 2.0f;
    b[0] = in[i][1];
    b[2] = in[i][3];
    b[i & 3] += 10.0f;
    double dot = 0;
    for (int k = 0; k < 4; k++) {
      assert_true(out[i].v[k] == b[k]);
      dot += (double)in[i][k] * b[k];
    }
    assert_int_equal(out[i].n, i * 3);
    for (int k = 0; k < 3; k++) assert_true(out[i].p[k] == in[i][k]);
    assert_true(fabs(out[i].m[0] - dot) < 1e-5);
    assert_true(out[i].m[1] == in[i][(i + 1) & 3]);
    assert_true(three[i][0] == in[i][0]);
    assert_true(three[i][1] == in[i][1]);
    assert_true(three[i][2] == (float)(i * 3));
  }
  sm_code_release(code);
}

/* Private arrays indexed by constants, uniform and varying values. */
static void private_arrays_by_any_index(void **state) {
  const char *text = HEAD
      "constant int table[5] = {3, 1, 4, 1, 5};\n"
      "kernel void k(device int* out [[buffer(0)]],"
      " constant int& n [[buffer(1)]], uint i [[thread_position_in_grid]]) {\n"
      "  int a[8];\n"
      "  for (int k = 0; k < 8; k++) a[k] = k * int(i);\n"
      "  a[i & 7u] += 1000;\n"
      "  for (int k = 0; k < n; k++) a[k] += k;\n"
      "  int s = 0;\n"
      "  for (int k = 0; k < 8; k++) s = s * 3 + a[k];\n"
      "  out[i] = s + a[(i * 3u) & 7u] + table[i % 5u] + table[n & 1];\n"
      "}\n";
  static int out[100], want[100];
  int n = 6;
  static const int table[5] = {3, 1, 4, 1, 5};
  for (int i = 0; i < 100; i++) {
    int a[8], s = 0;
    for (int k = 0; k < 8; k++) a[k] = k * i;
    a[i & 7] += 1000;
    for (int k = 0; k < n; k++) a[k] += k;
    for (int k = 0; k < 8; k++) s = s * 3 + a[k];
    want[i] = s + a[(i * 3) & 7] + table[i % 5] + table[n & 1];
  }
  sm_code *code = compile(text);
  sm_dispatch d = grid(code, 100, 64);
  bind(&d, 0, out, sizeof(out));
  bind(&d, 1, &n, sizeof(n));
  run_ok(&d);
  expect_ints(out, want, 100);
  sm_code_release(code);
}

/* Reads half and bfloat, rounds to nearest even on the way back. */
static float half_to_float(uint16_t h) {
  int e = h >> 10 & 31, m = h & 1023;
  float v = e == 0 ? ldexpf((float)m, -24)
            : e == 31 ? (m ? NAN : INFINITY)
                      : ldexpf((float)(m + 1024), e - 25);
  return h >> 15 ? -v : v;
}
static float bfloat_to_float(uint16_t b) {
  uint32_t u = (uint32_t)b << 16;
  float f;
  memcpy(&f, &u, 4);
  return f;
}
static uint16_t float_to_bfloat(float f) {
  uint32_t u;
  memcpy(&u, &f, 4);
  return (uint16_t)((u + 0x7fff + (u >> 16 & 1)) >> 16);
}

/* The order, and the operands' places, with the other comparison as a mask:
 * LLVM 19 gets one instruction for both wrong. */
static void halfs_compare_as_they_are_ordered(void **state) {
  (void)state;
  static const char *const signs[] = {"<", "<=", ">", ">="};
  enum { N = 64 };
  for (int s = 0; s < 4; s++) {
    char text[512];
    snprintf(text, sizeof text,
             "#include <metal_stdlib>\nusing namespace metal;\n"
             "kernel void k(device const half *p [[buffer(0)]],"
             " device const half *q [[buffer(1)]],"
             " device uchar *o [[buffer(2)]],"
             " uint i [[thread_position_in_grid]]) {\n"
             " const half a = p[i]; const bool c = a != 0.0h;\n"
             " const bool d = q[i] %s a; const bool r = c ? d : c;\n"
             " if (c) o[i] = uchar(r); }\n",
             signs[s]);
    sm_code *code = compile(text);
    uint16_t p[N], q[N];
    uint8_t o[N] = {0};
    for (int i = 0; i < N; i++) {
      p[i] = (uint16_t)(i % 8 ? 0x3c00 + 37 * i % 11 * 64 : 0);
      q[i] = (uint16_t)(0x3c00 + 23 * i % 11 * 64 + (i % 3 ? 0 : 0x8000));
    }
    sm_dispatch d = grid(code, N, N);
    bind(&d, 0, p, sizeof p);
    bind(&d, 1, q, sizeof q);
    bind(&d, 2, o, sizeof o);
    run_ok(&d);
    for (int i = 0; i < N; i++) {
      float a = half_to_float(p[i]), b = half_to_float(q[i]);
      bool order[] = {b < a, b <= a, b > a, b >= a};
      assert_int_equal(o[i], a != 0 && order[s]);
    }
    sm_code_release(code);
  }
}

static void half_and_bfloat_round_to_nearest_even(void **state) {
  const char *text = HEAD
      "kernel void k(device const half* h [[buffer(0)]],"
      " device const bfloat* b [[buffer(1)]], device float* out [[buffer(2)]],"
      " device half* ho [[buffer(3)]], device bfloat* bo [[buffer(4)]],"
      " uint i [[thread_position_in_grid]]) {\n"
      "  out[2 * i] = float(h[i]); out[2 * i + 1] = float(b[i]);\n"
      "  ho[i] = h[i]; bo[i] = bfloat(float(b[i]) * 1.001f);\n"
      "}\n";
  enum { N = 65536 };
  static uint16_t h[N], b[N], ho[N], bo[N];
  static float out[2 * N];
  for (int i = 0; i < N; i++) h[i] = b[i] = (uint16_t)i;
  sm_code *code = compile(text);
  sm_dispatch d = grid(code, N, 256);
  bind(&d, 0, h, sizeof(h));
  bind(&d, 1, b, sizeof(b));
  bind(&d, 2, out, sizeof(out));
  bind(&d, 3, ho, sizeof(ho));
  bind(&d, 4, bo, sizeof(bo));
  run_ok(&d);
  for (int i = 0; i < N; i++) {
    float hf = half_to_float((uint16_t)i), bf = bfloat_to_float((uint16_t)i);
    if (!isnan(hf)) {
      assert_true(out[2 * i] == hf);
      assert_int_equal(ho[i], i);
    }
    if (isnan(bf) || fabsf(bf) < 1.2e-38f || fabsf(bf) > 3e38f) continue;
    assert_true(out[2 * i + 1] == bf);
    assert_int_equal(bo[i], float_to_bfloat(bf * 1.001f));
  }
  sm_code_release(code);
}

/* ---- math ------------------------------------------------------------- */

static double ulps(float got, double want) {
  if (isnan(want)) return isnan(got) ? 0 : 1e9;
  if (isinf(want) || fabs(want) > 3.4028234663852886e38)
    return isinf(got) && (got > 0) == (want > 0) ? 0
           : fabs(want) < 3.41e38 && !isinf(want) ? 0 : 1e9;
  if (fabs(want) < 1.1754944e-38) /* flushed or kept */
    return fabs((double)got) < 1.1755e-38 ? 0 : 1e9;
  int e;
  frexp(want, &e);
  return fabs((double)got - want) / ldexp(1.0, e - 24);
}

typedef struct math_case {
  const char *call;
  double (*reference)(double);
  double low, high, most; /* ulp */
} math_case;

static double ref_rsqrt(double x) { return 1 / sqrt(x); }
static double ref_sinpi(double x) {
  return sin(M_PI * (x - 2 * floor(x / 2)));
}
static double ref_exp10(double x) { return pow(10, x); }

static void math_functions_are_within_their_ulps(void **state) {
  static const math_case cases[] = {
      {"exp(x)", exp, -110, 95, 2}, {"exp2(x)", exp2, -155, 130, 2},
      {"log(x)", log, -1, 1e4, 2}, {"log2(x)", log2, 0, 8, 3},
      {"log(x)", log, 0.9, 1.1, 2}, {"log2(x)", log2, 0.9, 1.1, 3},
      {"sqrt(x)", sqrt, -1, 1e6, 0.51}, {"rsqrt(x)", ref_rsqrt, 0, 1e3, 2},
      {"sin(x)", sin, -30, 30, 4}, {"cos(x)", cos, -30, 30, 4},
      {"tan(x)", tan, -3, 3, 6}, {"tanh(x)", tanh, -10, 10, 5},
      {"atan(x)", atan, -20, 20, 5}, {"asin(x)", asin, -1, 1, 4},
      {"acos(x)", acos, -1, 1, 4}, {"sinh(x)", sinh, -20, 20, 4},
      {"cosh(x)", cosh, -20, 20, 4}, {"log10(x)", log10, 0, 1e5, 4},
      {"exp10(x)", ref_exp10, -30, 30, 4}, {"floor(x)", floor, -9, 9, 0},
      {"ceil(x)", ceil, -9, 9, 0}, {"trunc(x)", trunc, -9, 9, 0},
      {"rint(x)", nearbyint, -9, 9, 0}, {"round(x)", round, -9, 9, 0},
      {"fabs(x)", fabs, -9, 9, 0}, {"sinpi(x)", ref_sinpi, 0.1, 0.9, 4},
      {"asinh(x)", asinh, -9, 9, 4}, {"acosh(x)", acosh, 1, 9, 4},
      {"atanh(x)", atanh, -0.9, 0.9, 5}};
  enum { N = 4096 };
  static float in[N], out[N];
  for (size_t c = 0; c < TM_COUNT(cases); c++) {
    const math_case *m = &cases[c];
    char text[512];
    snprintf(text, sizeof(text), HEAD
             "kernel void k(device const float* in [[buffer(0)]],"
             " device float* out [[buffer(1)]],"
             " uint i [[thread_position_in_grid]]) {"
             " float x = in[i]; out[i] = precise::%s; }\n", m->call);
    for (int i = 0; i < N; i++)
      in[i] = (float)(m->low + (m->high - m->low) * i / (N - 1));
    sm_code *code = compile(text);
    sm_dispatch d = grid(code, N, 128);
    bind(&d, 0, in, sizeof(in));
    bind(&d, 1, out, sizeof(out));
    run_ok(&d);
    for (int i = 0; i < N; i++) {
      double want = m->reference((double)in[i]);
      double off = ulps(out[i], want);
      if (off > m->most)
        fail_msg("%s at %.9g: %.9g, expected %.9g, %.2f ulp", m->call,
                 (double)in[i], (double)out[i], want, off);
    }
    sm_code_release(code);
  }
}

static void special_values_of_exp_and_log(void **state) {
  const char *text = HEAD
      "kernel void k(device const float* in [[buffer(0)]],"
      " device float* out [[buffer(1)]],"
      " uint i [[thread_position_in_grid]]) { float x = in[i];"
      " out[i] = precise::exp(x); out[i + 32u] = precise::log(x);"
      " out[i + 64u] = precise::exp2(x); out[i + 96u] = precise::log2(x);"
      " }\n";
  static float in[32], out[128];
  const float list[] = {0.0f, -0.0f, INFINITY, -INFINITY, NAN, 1.0f, -1.0f,
                        1e-40f, 3.4e38f, -3.4e38f, 1.17549435e-38f};
  for (int i = 0; i < 32; i++) in[i] = list[i % 11];
  sm_code *code = compile(text);
  sm_dispatch d = grid(code, 32, 32);
  bind(&d, 0, in, sizeof(in));
  bind(&d, 1, out, sizeof(out));
  run_ok(&d);
  for (int i = 0; i < 11; i++) {
    double x = fabsf(in[i]) < 1.17e-38f ? 0 : in[i]; /* flushed */
    assert_true(ulps(out[i], exp(x)) <= 2);
    assert_true(ulps(out[i + 64], exp2(x)) <= 2);
    assert_true(ulps(out[i + 32], log(x)) <= 2);
    assert_true(ulps(out[i + 96], log2(x)) <= 2);
  }
  sm_code_release(code);
}

/* Each float near where powers become subnormal, infinite or 1, and NaNs of
 * all kinds. */
static void exp_at_the_ends_of_floats(void **state) {
  const char *text = HEAD
      "kernel void k(device const float* in [[buffer(0)]],"
      " device float* out [[buffer(1)]], constant uint &n [[buffer(2)]],"
      " uint i [[thread_position_in_grid]]) {"
      " out[i] = exp(in[i]); out[i + n] = exp2(in[i]); }\n";
  static const float ends[] = {-87.33654f, 88.722839f, -126.0f, 128.0f,
                               -103.97208f, -149.0f, 0.34657359f, 127.5f};
  enum { NEAR = 512, N = 8 * NEAR + NEAR };
  static float in[N], out[2 * N];
  for (uint32_t i = 0; i < N; i++) {
    uint32_t bits = 0x7f800001u | random32(); /* NaN */
    if (i < 8 * NEAR) {
      memcpy(&bits, &ends[i / NEAR], 4);
      bits += i % NEAR - NEAR / 2;
    }
    memcpy(&in[i], &bits, 4);
  }
  uint32_t n = N;
  sm_code *code = compile(text);
  sm_dispatch d = grid(code, N, 64);
  bind(&d, 0, in, sizeof(in));
  bind(&d, 1, out, sizeof(out));
  bind(&d, 2, &n, sizeof(n));
  run_ok(&d);
  for (uint32_t i = 0; i < N; i++) {
    double want[2] = {exp((double)in[i]), exp2((double)in[i])};
    for (int k = 0; k < 2; k++)
      if (ulps(out[i + (k ? N : 0)], want[k]) > 2)
        fail_msg("exp%s at %a: %a, expected %a", k ? "2" : "",
                 (double)in[i], (double)out[i + (k ? N : 0)], want[k]);
  }
  sm_code_release(code);
}

/* So large that loops over local arrays are not written out; half of the
 * lanes take the branch. */
#define LARGE_STEP                                          \
  for (int q = 0; q < 16; q++) {                            \
    int x = a[q] * 3 + q;                                   \
    if (x > b[(q + 5) & 15]) x ^= (int)i + (a[q ^ 1] & 7);  \
    b[q] = x & 0xffff;                                      \
    a[q] = b[q] >> 1;                                       \
  }
#define TEXT_OF(...) #__VA_ARGS__
#define TEXT(...) TEXT_OF(__VA_ARGS__)

static void large_kernels_keep_loops_over_local_arrays(void **state) {
  enum { STEPS = 96, N = 128 };
  static char text[64 << 10];
  size_t at = (size_t)snprintf(text, sizeof(text), HEAD
      "kernel void k(device int* out [[buffer(0)]],"
      " uint i [[thread_position_in_grid]]) {\n  int a[16], b[16];\n"
      "  for (int q = 0; q < 16; q++) { a[q] = int(i) * q; b[q] = 100; }\n");
  for (int s = 0; s < STEPS; s++)
    at += (size_t)snprintf(text + at, sizeof(text) - at, "  %s\n",
                           TEXT(LARGE_STEP));
  snprintf(text + at, sizeof(text) - at,
           "  int sum = 0;\n"
           "  for (int q = 0; q < 16; q++) sum = sum * 31 + a[q];\n"
           "  out[i] = sum;\n}\n");
  static int out[N], want[N];
  for (uint32_t i = 0; i < N; i++) {
    int a[16], b[16];
    uint32_t sum = 0;
    for (int q = 0; q < 16; q++) a[q] = (int)i * q, b[q] = 100;
    for (int s = 0; s < STEPS; s++) LARGE_STEP
    for (int q = 0; q < 16; q++) sum = sum * 31 + (uint32_t)a[q];
    want[i] = (int)sum;
  }
  sm_code *code = compile(text);
  sm_dispatch d = grid(code, N, 64);
  bind(&d, 0, out, sizeof(out));
  run_ok(&d);
  expect_ints(out, want, N);
  sm_code_release(code);
}

/* Thousands of values that are all needed at the end: what does not fit the
 * CPU's registers is spilled, on top of local variables. */
static void spilled_registers_fit_the_stack(void **state) {
  enum { VALUES = 2000, N = 64 };
  static char text[128 << 10];
  size_t at = (size_t)snprintf(text, sizeof(text), HEAD
      "kernel void k(device float* out [[buffer(0)]],"
      " uint i [[thread_position_in_grid]]) {\n  float x0 = float(i);\n");
  for (int v = 1; v < VALUES; v++)
    at += (size_t)snprintf(text + at, sizeof(text) - at,
                           "  float x%d = x%d * 0.5f + %d.0f;\n", v, v - 1,
                           v % 7);
  at += (size_t)snprintf(text + at, sizeof(text) - at, "  float sum = 0;\n");
  for (int v = 0; v < VALUES; v++)
    at += (size_t)snprintf(text + at, sizeof(text) - at,
                           "  sum = x%d - sum;\n", v);
  snprintf(text + at, sizeof(text) - at, "  out[i] = sum;\n}\n");
  static float out[N];
  for (int level = 0; level < 2; level++) {
    setenv("SOFTMETAL_CODEGEN", level ? "1" : "0", 1);
    sm_code *code = compile(text);
    unsetenv("SOFTMETAL_CODEGEN");
    sm_dispatch d = grid(code, N, 64);
    memset(out, 0, sizeof(out));
    bind(&d, 0, out, sizeof(out));
    run_ok(&d);
    sm_code_release(code);
    for (int i = 0; i < N; i++) {
      float x = (float)i, sum = x;
      for (int v = 1; v < VALUES; v++) {
        x = fmaf(x, 0.5f, (float)(v % 7));
        sum = x - sum;
      }
      assert_true(fabsf(out[i] - sum) <= 1e-3f * fabsf(sum) + 1e-3f);
    }
  }
}

static int ref_ints(int a, int b, int i) {
  int lo = a < b ? a : b, hi = a > b ? a : b;
  uint32_t u = (uint32_t)a;
  int pop = __builtin_popcount(u);
  int clz = u ? __builtin_clz(u) : 32;
  int ctz = u ? __builtin_ctz(u) : 32;
  int64_t p = (int64_t)a * (b * 100000);
  uint32_t rot = u << (i & 31) | (i & 31 ? u >> (32 - (i & 31)) : 0);
  int mid = a < -5 ? -5 : a > 5 ? 5 : a;
  return lo * 3 + hi + pop + clz * 7 + ctz * 11 + (int)(p >> 32) +
         (int)rot + mid + abs(a) + (int)((u >> 3) & 31);
}
static void integer_functions_match_c(void **state) {
  check_int_expression(
      "r = min(a, b) * 3 + max(a, b) + popcount(a) + clz(a) * 7 + ctz(a) * 11"
      " + mulhi(a, b * 100000) + rotate(a, i & 31) + clamp(a, -5, 5) + abs(a)"
      " + int(extract_bits(uint(a), 3u, 5u));", ref_ints);
}

/* ---- simdgroups ------------------------------------------------------- */

static void simd_functions_on_full_and_partial_masks(void **state) {
  const char *text = HEAD
      "kernel void k(device const int* in [[buffer(0)]],"
      " device int* out [[buffer(1)]], device float* fo [[buffer(2)]],"
      " uint i [[thread_position_in_grid]],"
      " uint lane [[thread_index_in_simdgroup]]) {\n"
      "  int v = in[i];\n"
      "  device int* o = out + 16 * i;\n"
      "  o[0] = simd_sum(v); o[1] = simd_max(v); o[2] = simd_min(v);\n"
      "  o[3] = simd_prefix_inclusive_sum(v);\n"
      "  o[4] = simd_prefix_exclusive_sum(v);\n"
      "  o[5] = simd_shuffle_xor(v, 3); o[6] = simd_shuffle_down(v, 5);\n"
      "  o[7] = simd_shuffle(v, ushort((lane * 7u) & 31u));\n"
      "  o[8] = simd_broadcast(v, 9);\n"
      "  o[9] = int(ulong(simd_vote::vote_t(simd_ballot(v > 0))));\n"
      "  o[10] = quad_sum(v); o[11] = simd_xor(v);\n"
      "  o[12] = 0; o[13] = 0;\n"
      "  if (v > 0) { o[12] = simd_sum(v);"
      " o[13] = simd_is_first() ? 1 : 0; }\n"
      "  o[14] = simd_all(v > -2000) ? 1 : 0;\n"
      "  o[15] = simd_any(v == 77777) ? 1 : 0;\n"
      "  fo[i] = simd_sum(float(v));\n"
      "}\n";
  enum { N = 64 };
  static int in[N], out[N * 16];
  static float fo[N];
  for (int i = 0; i < N; i++) in[i] = (int)(random32() % 2001) - 1000;
  sm_code *code = compile(text);
  sm_dispatch d = grid(code, N, 64);
  bind(&d, 0, in, sizeof(in));
  bind(&d, 1, out, sizeof(out));
  bind(&d, 2, fo, sizeof(fo));
  run_ok(&d);
  for (int g = 0; g < N; g += 32) {
    const int *v = in + g;
    int sum = 0, max = v[0], min = v[0], positive = 0, x = 0, first = -1;
    uint32_t ballot = 0;
    for (int l = 0; l < 32; l++) {
      sum += v[l];
      x ^= v[l];
      if (v[l] > max) max = v[l];
      if (v[l] < min) min = v[l];
      if (v[l] > 0) {
        positive += v[l];
        ballot |= 1u << l;
        if (first < 0) first = l;
      }
    }
    int prefix = 0;
    for (int l = 0; l < 32; l++) {
      const int *o = out + 16 * (g + l);
      int q = l & ~3;
      assert_int_equal(o[0], sum);
      assert_int_equal(o[1], max);
      assert_int_equal(o[2], min);
      assert_int_equal(o[4], prefix);
      prefix += v[l];
      assert_int_equal(o[3], prefix);
      assert_int_equal(o[5], v[l ^ 3]);
      assert_int_equal(o[6], l + 5 < 32 ? v[l + 5] : v[l]);
      assert_int_equal(o[7], v[l * 7 & 31]);
      assert_int_equal(o[8], v[9]);
      assert_int_equal((uint32_t)o[9], ballot);
      assert_int_equal(o[10], v[q] + v[q + 1] + v[q + 2] + v[q + 3]);
      assert_int_equal(o[11], x);
      assert_int_equal(o[12], v[l] > 0 ? positive : 0);
      assert_int_equal(o[13], l == first);
      assert_int_equal(o[14], 1);
      assert_int_equal(o[15], 0);
      assert_true(fo[g + l] == (float)sum);
    }
  }
  sm_code_release(code);
}

static void barrier_reduction_over_simdgroups(void **state) {
  const char *text = HEAD
      "kernel void k(device const int* in [[buffer(0)]],"
      " device int* out [[buffer(1)]],"
      " uint group [[threadgroup_position_in_grid]],"
      " uint tid [[thread_index_in_threadgroup]],"
      " uint n [[threads_per_threadgroup]]) {\n"
      "  threadgroup int s[256];\n"
      "  s[tid] = in[group * n + tid];\n"
      "  threadgroup_barrier(mem_flags::mem_threadgroup);\n"
      "  for (uint d = n / 2u; d > 0u; d /= 2u) {\n"
      "    if (tid < d) s[tid] += s[tid + d];\n"
      "    threadgroup_barrier(mem_flags::mem_threadgroup);\n"
      "  }\n"
      "  if (tid == 0u) out[group] = s[0];\n"
      "}\n";
  enum { GROUPS = 50 };
  static int in[GROUPS * 256], out[GROUPS], want[GROUPS];
  for (int i = 0; i < GROUPS * 256; i++) {
    in[i] = (int)(random32() % 1000);
    want[i / 256] += in[i];
  }
  for (int check = 0; check < 2; check++) {
    sm_code_options options = {.check = check != 0};
    sm_code *code = soft_compile(text, &options, NULL, NULL);
    for (uint64_t shuffle = 0; shuffle < 4; shuffle++) {
      memset(out, 0, sizeof(out));
      sm_dispatch d = grid(code, GROUPS * 256, 256);
      d.shuffle_seed = shuffle * 12345u;
      bind(&d, 0, in, sizeof(in));
      bind(&d, 1, out, sizeof(out));
      run_ok(&d);
      expect_ints(out, want, GROUPS);
    }
    sm_code_release(code);
  }
}

static void fragments_multiply_and_map_lanes(void **state) {
  const char *text = HEAD
      "#include <metal_simdgroup_matrix>\n"
      "kernel void k(device const float* a [[buffer(0)]],"
      " device const float* b [[buffer(1)]], device float* c [[buffer(2)]],"
      " device float* te [[buffer(3)]], device const half* ha [[buffer(4)]],"
      " device float* hc [[buffer(5)]],"
      " uint lane [[thread_index_in_simdgroup]]) {\n"
      "  simdgroup_float8x8 A, B;\n"
      "  simdgroup_float8x8 C = make_filled_simdgroup_matrix<float, 8, 8>"
      "(1.0f);\n"
      "  simdgroup_load(A, a, 12); simdgroup_load(B, b, 8);\n"
      "  simdgroup_multiply_accumulate(C, A, B, C);\n"
      "  simdgroup_store(C, c, 10);\n"
      "  te[2 * lane] = A.thread_elements()[0];\n"
      "  te[2 * lane + 1] = A.thread_elements()[1];\n"
      "  simdgroup_half8x8 H; simdgroup_load(H, ha, 8);\n"
      "  simdgroup_float8x8 D = make_filled_simdgroup_matrix<float, 8, 8>"
      "(0.0f);\n"
      "  simdgroup_multiply_accumulate(D, H, H, D);\n"
      "  D.thread_elements()[0] = D.thread_elements()[0] * 2.0f;\n"
      "  simdgroup_store(D, hc, 8);\n"
      "}\n";
  static float a[96], b[64], c[80], te[64], hc[64];
  static uint16_t ha[64];
  for (int i = 0; i < 96; i++) a[i] = (float)(int)(random32() % 17) - 8;
  for (int i = 0; i < 64; i++) b[i] = (float)(int)(random32() % 17) - 8;
  for (int i = 0; i < 64; i++) ha[i] = (uint16_t)(0x3c00 + (i % 5) * 0x100);
  sm_code *code = compile(text);
  sm_dispatch d = grid(code, 32, 32);
  bind(&d, 0, a, sizeof(a));
  bind(&d, 1, b, sizeof(b));
  bind(&d, 2, c, sizeof(c));
  bind(&d, 3, te, sizeof(te));
  bind(&d, 4, ha, sizeof(ha));
  bind(&d, 5, hc, sizeof(hc));
  run_ok(&d);
  bool doubled[64] = {false};
  for (int l = 0; l < 32; l++) {
    int row = (l >> 1 & 3) | (l >> 4 & 1) << 2;
    int col = (l & 1) << 1 | (l >> 3 & 1) << 2;
    assert_true(te[2 * l] == a[row * 12 + col]);
    assert_true(te[2 * l + 1] == a[row * 12 + col + 1]);
    doubled[row * 8 + col] = true;
  }
  for (int i = 0; i < 8; i++)
    for (int j = 0; j < 8; j++) {
      float s = 1, h = 0;
      for (int k = 0; k < 8; k++) {
        s += a[i * 12 + k] * b[k * 8 + j];
        h += half_to_float(ha[i * 8 + k]) * half_to_float(ha[k * 8 + j]);
      }
      assert_true(c[i * 10 + j] == s);
      assert_true(hc[i * 8 + j] == h * (doubled[i * 8 + j] ? 2 : 1));
    }
  sm_code_release(code);
}

/* A matrix product as generators write it: float4 staging through padded
 * threadgroup memory, four simdgroups of 2x2 fragments, pointers that step. */
static void staged_matrix_product_matches(void **state) {
  const char *text = HEAD
      "#include <metal_simdgroup_matrix>\n"
      "struct Dims { uint M, N, K; };\n"
      "kernel void k(device const float* A [[buffer(0)]],"
      " device const float* B [[buffer(1)]], device float* C [[buffer(2)]],"
      " constant Dims& d [[buffer(3)]],"
      " uint2 tg [[threadgroup_position_in_grid]],"
      " uint tid [[thread_index_in_threadgroup]],"
      " uint sg [[simdgroup_index_in_threadgroup]]) {\n"
      "  threadgroup float As[32 * 12], Bs[8 * 36];\n"
      "  const uint sm = (sg / 2u) * 16u, sn = (sg % 2u) * 16u;\n"
      "  const uint ar = tid / 2u, ac = (tid % 2u) * 4u;\n"
      "  const uint br = tid / 8u, bc = (tid % 8u) * 4u;\n"
      "  device const float* pa = A + ulong(tg.y * 32u + ar) * d.K + ac;\n"
      "  device const float* pb = B + ulong(br) * d.N + tg.x * 32u + bc;\n"
      "  simdgroup_float8x8 acc[2][2];\n"
      "  for (int i = 0; i < 2; ++i) for (int j = 0; j < 2; ++j)"
      " acc[i][j] = make_filled_simdgroup_matrix<float, 8, 8>(0.0f);\n"
      "  for (uint k = 0; k < d.K; k += 8u) {\n"
      "    threadgroup_barrier(mem_flags::mem_threadgroup);\n"
      "    if (tid < 64u) {\n"
      "      *(threadgroup float4*)(As + ar * 12u + ac) ="
      " *(device const float4*)pa;\n"
      "      *(threadgroup float4*)(Bs + br * 36u + bc) ="
      " *(device const float4*)pb;\n"
      "    }\n"
      "    threadgroup_barrier(mem_flags::mem_threadgroup);\n"
      "    pa += 8; pb += ulong(8u) * d.N;\n"
      "    simdgroup_float8x8 a[2], b[2];\n"
      "    for (int i = 0; i < 2; ++i)"
      " simdgroup_load(a[i], As + (sm + 8 * i) * 12, 12);\n"
      "    for (int j = 0; j < 2; ++j)"
      " simdgroup_load(b[j], Bs + sn + 8 * j, 36);\n"
      "    for (int i = 0; i < 2; ++i) for (int j = 0; j < 2; ++j)"
      " simdgroup_multiply_accumulate(acc[i][j], a[i], b[j], acc[i][j]);\n"
      "  }\n"
      "  device float* pc = C + ulong(tg.y * 32u + sm) * d.N + tg.x * 32u"
      " + sn;\n"
      "  for (int i = 0; i < 2; ++i) for (int j = 0; j < 2; ++j)"
      " simdgroup_store(acc[i][j], pc + ulong(8 * i) * d.N + 8 * j, d.N);\n"
      "}\n";
  enum { M = 64, N = 96, K = 40 };
  static float a[M * K], b[K * N], c[M * N];
  uint32_t dims[3] = {M, N, K};
  for (int i = 0; i < M * K; i++) a[i] = (float)(int)(random32() % 9) - 4;
  for (int i = 0; i < K * N; i++) b[i] = (float)(int)(random32() % 9) - 4;
  for (int check = 0; check < 2; check++) {
    sm_code_options options = {.check = check != 0};
    sm_code *code = soft_compile(text, &options, NULL, NULL);
    sm_dispatch d = grid(code, N / 32 * 128, 128);
    d.grid_threads[1] = M / 32;
    d.shuffle_seed = (uint64_t)check;
    memset(c, 0, sizeof(c));
    bind(&d, 0, a, sizeof(a));
    bind(&d, 1, b, sizeof(b));
    bind(&d, 2, c, sizeof(c));
    bind(&d, 3, dims, sizeof(dims));
    run_ok(&d);
    for (int i = 0; i < M; i++)
      for (int j = 0; j < N; j++) {
        float s = 0;
        for (int k = 0; k < K; k++) s += a[i * K + k] * b[k * N + j];
        if (c[i * N + j] != s)
          fail_msg("c[%d][%d] is %g, expected %g", i, j,
                   (double)c[i * N + j], (double)s);
      }
    sm_code_release(code);
  }
}

/* A barrier and early lanes inside a helper; struct constants; references. */
static void helpers_with_barriers_and_references(void **state) {
  const char *text = HEAD
      "struct P { int a; float b; };\n"
      "constant P params[3] = {{1, 0.5f}, {2, 0.25f}, {3, 2.0f}};\n"
      "static float total(float v, threadgroup float* red, uint lane,"
      " uint sg, thread int& calls) {\n"
      "  calls += 1;\n"
      "  v = simd_sum(v);\n"
      "  if (lane == 0u) red[sg] = v;\n"
      "  threadgroup_barrier(mem_flags::mem_threadgroup);\n"
      "  float r = simd_sum(lane < 4u ? red[lane] : 0.0f);\n"
      "  threadgroup_barrier(mem_flags::mem_threadgroup);\n"
      "  return r;\n"
      "}\n"
      "kernel void k(device float* out [[buffer(0)]],"
      " uint t [[thread_index_in_threadgroup]],"
      " uint lane [[thread_index_in_simdgroup]],"
      " uint sg [[simdgroup_index_in_threadgroup]]) {\n"
      "  threadgroup float red[4];\n"
      "  int calls = 0;\n"
      "  float s = 0.0f;\n"
      "  for (int i = 0; i < 3; i++)"
      " s += total(float(t) * params[i].b + float(params[i].a), red, lane,"
      " sg, calls);\n"
      "  float m = 0.0f; float f = modf(float(t) * 0.75f, m);\n"
      "  thread float& ref = m; ref += 100.0f;\n"
      "  out[t] = s + float(calls) * 10000.0f + f + m;\n"
      "  out[128u + t] = params[t % 3u].b;\n"
      "}\n";
  static float out[256];
  static const float b[3] = {0.5f, 0.25f, 2.0f};
  sm_code *code = compile(text);
  sm_dispatch d = grid(code, 128, 128);
  bind(&d, 0, out, sizeof(out));
  run_ok(&d);
  float sum = 0;
  for (int i = 0; i < 3; i++)
    for (int t = 0; t < 128; t++) sum += (float)t * b[i] + (float)(i + 1);
  for (int t = 0; t < 128; t++) {
    float whole = floorf((float)t * 0.75f);
    assert_true(fabsf(out[t] - (sum + 30000.0f + (float)t * 0.75f - whole +
                                whole + 100.0f)) < 0.01f);
    assert_true(out[128 + t] == b[t % 3]);
  }
  sm_code_release(code);
}

static void atomics_from_all_threadgroups(void **state) {
  const char *text = HEAD
      "kernel void k(device atomic_uint* a [[buffer(0)]],"
      " device atomic_int* lim [[buffer(1)]],"
      " device atomic_float* f [[buffer(2)]], device uint* seen [[buffer(3)]],"
      " uint i [[thread_position_in_grid]]) {\n"
      "  uint old = atomic_fetch_add_explicit(a, 1u, memory_order_relaxed);\n"
      "  seen[old] = 1u;\n"
      "  atomic_fetch_min_explicit(lim, int(i) - 500, memory_order_relaxed);\n"
      "  atomic_fetch_max_explicit(lim + 1, int(i), memory_order_relaxed);\n"
      "  atomic_fetch_add_explicit(f, 0.5f, memory_order_relaxed);\n"
      "  atomic_fetch_add_explicit(a + 1 + (i % 3u), i,"
      " memory_order_relaxed);\n"
      "  uint want = atomic_load_explicit(a + 4, memory_order_relaxed);\n"
      "  while (!atomic_compare_exchange_weak_explicit(a + 4, &want,"
      " want + 2u, memory_order_relaxed, memory_order_relaxed)) {}\n"
      "}\n";
  enum { N = 4000 };
  static uint32_t a[5], seen[N];
  static int lim[2] = {0, 0};
  static float f[1];
  sm_code *code = compile(text);
  sm_dispatch d = grid(code, N, 100);
  bind(&d, 0, a, sizeof(a));
  bind(&d, 1, lim, sizeof(lim));
  bind(&d, 2, f, sizeof(f));
  bind(&d, 3, seen, sizeof(seen));
  run_ok(&d);
  assert_int_equal(a[0], N);
  for (int i = 0; i < N; i++) assert_int_equal(seen[i], 1);
  assert_int_equal(lim[0], -500);
  assert_int_equal(lim[1], N - 1);
  assert_true(f[0] == N / 2);
  uint32_t sum[3] = {0};
  for (uint32_t i = 0; i < N; i++) sum[i % 3] += i;
  for (int i = 0; i < 3; i++) assert_int_equal(a[1 + i], sum[i]);
  assert_int_equal(a[4], 2 * N);
  sm_code_release(code);
}

/* ---- grids ------------------------------------------------------------ */

static void positions_in_two_and_three_dimensions(void **state) {
  const char *text = HEAD
      "kernel void k(device uint* out [[buffer(0)]],"
      " uint3 p [[thread_position_in_grid]], uint3 n [[threads_per_grid]],"
      " uint3 t [[thread_position_in_threadgroup]],"
      " uint3 g [[threadgroup_position_in_grid]],"
      " uint3 w [[threads_per_threadgroup]],"
      " uint x [[thread_index_in_threadgroup]]) {\n"
      "  uint at = (p.z * n.y + p.y) * n.x + p.x;\n"
      "  out[2u * at] = p.x + 100u * p.y + 10000u * p.z;\n"
      "  out[2u * at + 1u] = (t.x + w.x * (t.y + w.y * t.z) == x ? 1u : 0u)"
      " + 2u * g.x + 64u * g.y;\n"
      "}\n";
  static const uint32_t shapes[][6] = {
      {40, 30, 1, 8, 8, 1}, {64, 16, 2, 32, 4, 2}, {33, 5, 3, 32, 1, 1},
      {7, 7, 7, 4, 4, 4}, {96, 4, 1, 64, 2, 1}, {50, 1, 1, 1024, 1, 1}};
  static uint32_t out[2 * 4096];
  sm_code *code = compile(text);
  for (size_t s = 0; s < TM_COUNT(shapes); s++) {
    const uint32_t *h = shapes[s];
    sm_dispatch d = grid(code, 1, 1);
    for (int i = 0; i < 3; i++) {
      d.grid_threads[i] = h[i];
      d.group[i] = h[3 + i];
    }
    memset(out, 0xff, sizeof(out));
    bind(&d, 0, out, sizeof(out));
    run_ok(&d);
    for (uint32_t z = 0; z < h[2]; z++)
      for (uint32_t y = 0; y < h[1]; y++)
        for (uint32_t x = 0; x < h[0]; x++) {
          uint32_t at = (z * h[1] + y) * h[0] + x;
          assert_int_equal(out[2 * at], x + 100 * y + 10000 * z);
          assert_int_equal(out[2 * at + 1],
                           1 + 2 * (x / h[3]) + 64 * (y / h[4]));
        }
    for (uint32_t i = 2 * h[0] * h[1] * h[2]; i < 2 * 4096; i++)
      assert_int_equal(out[i], UINT32_MAX); /* nothing beyond */
  }
  sm_code_release(code);
}

static void function_constants_select_code(void **state) {
  const char *text = HEAD
      "constant int scale [[function_constant(0)]];\n"
      "constant bool more [[function_constant(1)]];\n"
      "constant bool other [[function_constant(2)]];\n"
      "kernel void k(device int* out [[buffer(0)]],"
      " uint i [[thread_position_in_grid]]) {\n"
      "  int r = int(i) * scale;\n"
      "  if (more) r += 1;\n"
      "  if (is_function_constant_defined(other)) r += 100000;\n"
      "  out[i] = r;\n}\n";
  sm_constant_value values[] = {{0, {7}}, {1, {1}}};
  sm_code_options options = {.constants = values, .n_constants = 2};
  static int out[40];
  sm_code *code = soft_compile(text, &options, NULL, NULL);
  sm_dispatch d = grid(code, 40, 64);
  bind(&d, 0, out, sizeof(out));
  run_ok(&d);
  for (int i = 0; i < 40; i++) assert_int_equal(out[i], i * 7 + 1);
  sm_code_release(code);
}

static void dynamic_threadgroup_memory(void **state) {
  const char *text = HEAD
      "kernel void k(device int* out [[buffer(0)]],"
      " threadgroup int* a [[threadgroup(0)]],"
      " threadgroup int* b [[threadgroup(2)]],"
      " uint t [[thread_index_in_threadgroup]]) {\n"
      "  threadgroup int own[64];\n"
      "  a[t] = int(t); b[t] = int(t) * 10; own[t] = int(t) * 100;\n"
      "  threadgroup_barrier(mem_flags::mem_threadgroup);\n"
      "  out[t] = a[63u - t] + b[63u - t] + own[63u - t];\n}\n";
  static int out[64];
  sm_code *code = compile(text);
  assert_int_equal(sm_code_get_info(code)->tg_buffers, 5);
  assert_int_equal(sm_code_get_info(code)->threadgroup_bytes, 256);
  sm_dispatch d = grid(code, 64, 64);
  d.tg_length[0] = d.tg_length[2] = 256;
  bind(&d, 0, out, sizeof(out));
  run_ok(&d);
  for (int i = 0; i < 64; i++) assert_int_equal(out[i], (63 - i) * 111);
  sm_code_release(code);
}

/* ---- errors ----------------------------------------------------------- */

static const char *const beyond = HEAD
    "kernel void k(device const int* in [[buffer(0)]],\n"
    " device int* out [[buffer(1)]],\n"
    " uint i [[thread_position_in_grid]]) {\n"
    "  out[i] = in[i * 2u];\n"
    "}\n";

static void bounds_check_names_the_access(void **state) {
  static int in[64], out[64];
  sm_code_options options = {.check = true};
  sm_code *code = soft_compile(beyond, &options, NULL, NULL);
  sm_dispatch d = grid(code, 33, 64);
  bind(&d, 0, in, sizeof(in));
  bind(&d, 1, out, sizeof(out));
  run_fails(&d, SM_RUN_FAULT,
            "line 6: read of 4 bytes at byte offset 256 of buffer 0",
            "thread (32, 0, 0)");
  d.grid_threads[0] = 32;
  run_ok(&d);
  sm_code_release(code);
}

static void wild_address_is_a_fault_not_a_crash(void **state) {
  const char *text = HEAD
      "kernel void k(device int* out [[buffer(0)]],"
      " constant ulong& far [[buffer(1)]],"
      " uint i [[thread_position_in_grid]]) {\n"
      "  out[far + i] = 1;\n}\n";
  static int out[64];
  uint64_t far = (uint64_t)1 << 44;
  sm_code *code = compile(text);
  sm_dispatch d = grid(code, 4096, 64);
  bind(&d, 0, out, sizeof(out));
  bind(&d, 1, &far, sizeof(far));
  run_fails(&d, SM_RUN_FAULT, "unmapped memory", "kernel k");
  far = 0;
  d.grid_threads[0] = 64;
  run_ok(&d);
  assert_int_equal(out[63], 1);
  sm_code_release(code);
}

static void unbound_buffer_is_refused(void **state) {
  static int in[64];
  sm_code *code = compile(beyond);
  sm_dispatch d = grid(code, 32, 32);
  bind(&d, 0, in, sizeof(in));
  run_fails(&d, SM_RUN_FAULT, "buffer 1 is not bound", NULL);
  sm_code_release(code);
}

static void race_on_threadgroup_memory_is_found(void **state) {
  const char *text = HEAD
      "kernel void k(device int* out [[buffer(0)]],\n"
      " uint t [[thread_index_in_threadgroup]]) {\n"
      "  threadgroup int s[64];\n"
      "  s[t] = int(t);\n"
      "  out[t] = s[63u - t];\n"
      "}\n";
  static int out[64];
  sm_code_options options = {.check = true};
  sm_code *code = soft_compile(text, &options, NULL, NULL);
  sm_dispatch d = grid(code, 64, 64);
  bind(&d, 0, out, sizeof(out));
  run_fails(&d, SM_RUN_FAULT, "race on threadgroup memory", "line");
  d.grid_threads[0] = 32; /* one simdgroup runs in step */
  d.group[0] = 32;
  sm_code_release(code);
}

static void barriers_that_differ_are_reported(void **state) {
  const char *text = HEAD
      "kernel void k(device int* out [[buffer(0)]],\n"
      " uint s [[simdgroup_index_in_threadgroup]]) {\n"
      "  if (s == 0u) {\n"
      "    threadgroup_barrier(mem_flags::mem_threadgroup);\n"
      "  } else {\n"
      "    threadgroup_barrier(mem_flags::mem_threadgroup);\n"
      "  }\n"
      "  out[s] = 1;\n"
      "}\n";
  static int out[64];
  sm_code *code = compile(text);
  sm_dispatch d = grid(code, 128, 64);
  bind(&d, 0, out, sizeof(out));
  run_fails(&d, SM_RUN_DIVERGED, "line 6", "line 8");
  sm_code_release(code);
}

static void barrier_that_some_lanes_skip_is_reported(void **state) {
  const char *text = HEAD
      "kernel void k(device int* out [[buffer(0)]],\n"
      " uint t [[thread_index_in_threadgroup]]) {\n"
      "  if (t < 40u) {\n"
      "    threadgroup_barrier(mem_flags::mem_threadgroup);\n"
      "  }\n"
      "  out[t] = 1;\n"
      "}\n";
  static int out[64];
  sm_code *code = compile(text);
  sm_dispatch d = grid(code, 64, 64);
  bind(&d, 0, out, sizeof(out));
  run_fails(&d, SM_RUN_DIVERGED, "line 6", "lanes");
  sm_code_release(code);
}

static void barrier_missed_by_an_ended_simdgroup(void **state) {
  const char *text = HEAD
      "kernel void k(device int* out [[buffer(0)]],\n"
      " uint s [[simdgroup_index_in_threadgroup]]) {\n"
      "  if (s == 1u) return;\n"
      "  threadgroup_barrier(mem_flags::mem_threadgroup);\n"
      "  out[s] = 1;\n"
      "}\n";
  static int out[64];
  sm_code_options options = {.check = true};
  sm_code *code = soft_compile(text, &options, NULL, NULL);
  sm_dispatch d = grid(code, 64, 64);
  bind(&d, 0, out, sizeof(out));
  run_fails(&d, SM_RUN_DIVERGED, "1 of 2 simdgroups", "line 6");
  sm_code_release(code);
  code = compile(text); /* as on Apple silicon: it does not block */
  d.code = code;
  run_ok(&d);
  assert_int_equal(out[0], 1);
  sm_code_release(code);
}

static void endless_loop_meets_its_deadline(void **state) {
  const char *text = HEAD
      "kernel void k(device atomic_int* a [[buffer(0)]],"
      " uint i [[thread_position_in_grid]]) {\n"
      "  while (atomic_load_explicit(a, memory_order_relaxed) == 0) {}\n}\n";
  static int a[1];
  sm_code *code = compile(text);
  sm_dispatch d = grid(code, 4096, 64);
  d.deadline_ns = 50000000;
  bind(&d, 0, a, sizeof(a));
  run_fails(&d, SM_RUN_TIMEOUT, "within 50 ms", "kernel k");
  a[0] = 1;
  run_ok(&d);
  sm_code_release(code);
}

static void object_loads_again(void **state) {
  static int in[64], out[64];
  for (int i = 0; i < 64; i++) in[i] = i * 5;
  void *object;
  size_t size;
  sm_code *code = soft_compile(beyond, NULL, &object, &size);
  sm_code_info info = *sm_code_get_info(code);
  assert_int_equal(info.buffers_read, 1);
  assert_int_equal(info.buffers_written, 2);
  sm_code_release(code);
  for (int round = 0; round < 5; round++) {
    char *error = NULL;
    code = sm_code_load(object, size, &info, &error);
    assert_non_null(code);
    sm_dispatch d = grid(code, 32, 32);
    memset(out, 0, sizeof(out));
    bind(&d, 0, in, sizeof(in));
    bind(&d, 1, out, sizeof(out));
    run_ok(&d);
    for (int i = 0; i < 32; i++) assert_int_equal(out[i], i * 10);
    sm_code_release(code);
  }
  free(object);
}

/* Our own loader reads any bytes: what it takes from a damaged object it may
 * load wrongly (nothing runs it here), but never beyond the object. */
static void damaged_objects_do_not_harm_the_loader(void **state) {
  void *object;
  size_t size;
  sm_code *code = soft_compile(beyond, NULL, &object, &size);
  sm_code_release(code);
  char *copy = malloc(size);
  uint32_t loaded = 0;
  sm_object_image image;
  for (int i = 0; i < 3000; i++) {
    memcpy(copy, object, size);
    for (uint32_t n = random32() % 4; n; n--)
      copy[random32() % size] ^= (char)(1u << random32() % 8);
    size_t cut = random32() % 8 ? size : random32() % size;
    char *exact = malloc(cut + 1); /* its end is the sanitizer's to guard */
    memcpy(exact, copy, cut);
    if (sm_object_load(exact, cut, &image)) loaded++;
    sm_object_unload(&image);
    free(exact);
  }
#if defined(__x86_64__)
  assert_true(loaded > 100 && loaded < 3000);
#endif
  free(copy);
  free(object);
}

static void garbage_is_not_an_object(void **state) {
  char bytes[64] = "this is not an object file";
  sm_code_info info = {0};
  char *error = NULL;
  assert_null(sm_code_load(bytes, sizeof(bytes), &info, &error));
  assert_non_null(error);
  free(error);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(integer_arithmetic_matches_c),
      cmocka_unit_test(division_matches_c_and_zero_does_not_trap),
      cmocka_unit_test(divergent_nested_loops_break_and_continue),
      cmocka_unit_test(while_and_do_loops_diverge),
      cmocka_unit_test(divergent_switch_falls_through_breaks_and_continues),
      cmocka_unit_test(functions_return_early_by_lane),
      cmocka_unit_test(small_types_wrap_and_convert),
      cmocka_unit_test(access_patterns_match),
      cmocka_unit_test(wrapping_unsigned_indices_stay_exact),
      cmocka_unit_test(vectors_swizzles_and_structs),
      cmocka_unit_test(private_arrays_by_any_index),
      cmocka_unit_test(halfs_compare_as_they_are_ordered),
    cmocka_unit_test(half_and_bfloat_round_to_nearest_even),
      cmocka_unit_test(math_functions_are_within_their_ulps),
      cmocka_unit_test(special_values_of_exp_and_log),
      cmocka_unit_test(exp_at_the_ends_of_floats),
      cmocka_unit_test(large_kernels_keep_loops_over_local_arrays),
      cmocka_unit_test(spilled_registers_fit_the_stack),
      cmocka_unit_test(integer_functions_match_c),
      cmocka_unit_test(simd_functions_on_full_and_partial_masks),
      cmocka_unit_test(barrier_reduction_over_simdgroups),
      cmocka_unit_test(fragments_multiply_and_map_lanes),
      cmocka_unit_test(staged_matrix_product_matches),
      cmocka_unit_test(helpers_with_barriers_and_references),
      cmocka_unit_test(atomics_from_all_threadgroups),
      cmocka_unit_test(positions_in_two_and_three_dimensions),
      cmocka_unit_test(function_constants_select_code),
      cmocka_unit_test(dynamic_threadgroup_memory),
      cmocka_unit_test(bounds_check_names_the_access),
      cmocka_unit_test(wild_address_is_a_fault_not_a_crash),
      cmocka_unit_test(unbound_buffer_is_refused),
      cmocka_unit_test(race_on_threadgroup_memory_is_found),
      cmocka_unit_test(barriers_that_differ_are_reported),
      cmocka_unit_test(barrier_that_some_lanes_skip_is_reported),
      cmocka_unit_test(barrier_missed_by_an_ended_simdgroup),
      cmocka_unit_test(endless_loop_meets_its_deadline),
      cmocka_unit_test(object_loads_again),
      cmocka_unit_test(damaged_objects_do_not_harm_the_loader),
      cmocka_unit_test(garbage_is_not_an_object),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
