/* SPDX-License-Identifier: MIT */
/*
 * test_msl_library.c - the Metal standard library, function by function.
 *
 * Math functions are called on float and half, scalars and vectors, plain and
 * in namespaces precise and fast, and compared with double precision. The
 * bounds are those of the MSL specification, section 8.4: table 8.1 (float,
 * precise) and table 8.3 (half); table 8.2 (fast) is wider everywhere except
 * where this file says otherwise, and softmetal gives precise results there
 * too. Float subnormals count as zero, in arguments and results; half keeps
 * them. Integer functions are compared with 128-bit arithmetic on all eight
 * types. Which types a function takes is said here once more, independently
 * of builtins.def.
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

#define HEAD "#include <metal_stdlib>\nusing namespace metal;\n"

typedef _Float16 half;

/* ---- harness ---------------------------------------------------------- */

static sm_program *parse(tm_arena *arena, const char *text, char **errors) {
  tm_diags *diags = TM_NEW(arena, tm_diags);
  tm_diags_init(diags, arena);
  sm_parse_options options = {.language_version = (4u << 16), .family = 9};
  sm_program *program = sm_parse(arena, diags, tm_cstr(text), &options);
  if (!program && errors) {
    tm_buf buf = tm_buf_in(arena);
    tm_diags_render_all(diags, &buf);
    *errors = (char *)tm_buf_text(&buf);
  }
  return program;
}

static bool accepts(const char *text) {
  tm_arena arena;
  jmp_buf guard;
  tm_arena_init(&arena, 0);
  if (!tm_arena_guard(&arena, guard)) fail_msg("out of memory");
  bool ok = parse(&arena, text, NULL) != NULL;
  tm_arena_free(&arena);
  return ok;
}

static sm_code *compile(const char *text) {
  tm_arena arena;
  jmp_buf guard;
  char *error = NULL;
  tm_arena_init(&arena, 0);
  if (!tm_arena_guard(&arena, guard)) fail_msg("out of memory");
  sm_program *program = parse(&arena, text, &error);
  if (!program) fail_msg("%s\n%s", error, text);
  sm_function *kernel = NULL;
  for (uint32_t i = 0; i < program->functions.len; i++)
    if (program->functions.data[i]->is_kernel)
      kernel = program->functions.data[i];
  assert_non_null(kernel);
  sm_code_info info;
  void *bytes;
  size_t n;
  if (!sm_code_compile(program, kernel, NULL, &bytes, &n, &info, &error))
    fail_msg("%s\n%s", error, text);
  sm_code *code = sm_code_load(bytes, n, &info, &error);
  if (!code) fail_msg("%s", error);
  free(bytes);
  tm_arena_free(&arena);
  return code;
}

typedef struct span {
  void *data;
  size_t bytes;
} span;

static void run(const char *text, uint64_t threads, const span *buffers,
                int n) {
  sm_code *code = compile(text);
  sm_dispatch d;
  memset(&d, 0, sizeof d);
  d.code = code;
  d.grid_threads[0] = threads;
  d.grid_threads[1] = d.grid_threads[2] = 1;
  d.group[0] = threads < 64 ? (uint32_t)threads : 64;
  d.group[1] = d.group[2] = 1;
  for (int i = 0; i < n; i++) {
    d.buffers[i].pointer = buffers[i].data;
    d.buffers[i].length = buffers[i].bytes;
  }
  char *error = NULL;
  if (sm_run(&d, &error) != SM_RUN_OK) fail_msg("%s", error);
  sm_code_release(code);
}

static uint64_t seed = 88172645463325252ull;
static uint64_t random64(void) { /* xorshift64 */
  seed ^= seed << 13;
  seed ^= seed >> 7;
  seed ^= seed << 17;
  return seed;
}
static double random_in(double low, double high) {
  return low + (high - low) * (double)(random64() >> 11) * 0x1p-53;
}

static float float_of(uint32_t bits) {
  float f;
  memcpy(&f, &bits, 4);
  return f;
}

/* ---- math ------------------------------------------------------------- */

typedef struct math_row {
  const char *name;
  int arity;
  double (*f)(const double *x);
  double low, high;  /* of random arguments */
  double ulp;        /* table 8.1; 0.5: correctly rounded */
  double half_ulp;   /* table 8.3 */
} math_row;

#define REF(name, e) \
  static double ref_##name(const double *x) { (void)x; return e; }
#define A x[0]
#define B x[1]
#define C x[2]

static double pi_part(double x) { return M_PI * fmod(x, 2.0); }
static double zero_at(double x, double v, double step, double from) {
  double r = fabs(fmod(x, step)); /* exact zeros of sinpi and cospi */
  return r == from ? 0.0 : v;
}
static double min_of(double a, double b) { return fmin(a, b); }
static double median(double a, double b, double c) {
  return fmax(fmin(a, b), fmin(fmax(a, b), c));
}
static double smooth(double a, double b, double v) {
  double t = fmin(fmax((v - a) / (b - a), 0.0), 1.0);
  return t * t * (3.0 - 2.0 * t);
}
static double sign_of(double v) {
  return v > 0 ? 1.0 : v < 0 ? -1.0 : isnan(v) ? 0.0 : v;
}

REF(acos, acos(A)) REF(acosh, acosh(A)) REF(asin, asin(A))
REF(asinh, asinh(A)) REF(atan, atan(A)) REF(atanh, atanh(A))
REF(ceil, ceil(A)) REF(cos, cos(A)) REF(cosh, cosh(A))
REF(cospi, zero_at(A, cos(pi_part(A)), 1.0, 0.5)) REF(exp, exp(A))
REF(exp2, exp2(A)) REF(exp10, exp10(A)) REF(fabs, fabs(A))
REF(floor, floor(A)) REF(fract, A - floor(A)) REF(log, log(A))
REF(log2, log2(A)) REF(log10, log10(A)) REF(rint, rint(A))
REF(round, round(A)) REF(rsqrt, 1.0 / sqrt(A)) REF(sin, sin(A))
REF(sinh, sinh(A)) REF(sinpi, zero_at(A, sin(pi_part(A)), 1.0, 0.0))
REF(sqrt, sqrt(A)) REF(tan, tan(A)) REF(tanh, tanh(A))
REF(tanpi, tan(M_PI * fmod(A, 1.0))) REF(trunc, trunc(A))
REF(saturate, fmin(fmax(A, 0.0), 1.0)) REF(sign, sign_of(A))
REF(atan2, atan2(A, B)) REF(copysign, copysign(A, B)) REF(divide, A / B)
REF(fdim, fdim(A, B)) REF(fmax, fmax(A, B)) REF(fmin, min_of(A, B))
REF(fmod, fmod(A, B)) REF(pow, pow(A, B)) REF(step, B < A ? 0.0 : 1.0)
REF(fma, fma(A, B, C)) REF(fmax3, fmax(fmax(A, B), C))
REF(fmin3, fmin(fmin(A, B), C)) REF(fmedian3, median(A, B, C))
REF(clamp, fmin(fmax(A, B), C)) REF(mix, A + (B - A) * C)
REF(smoothstep, smooth(A, B, C))

static const math_row math_rows[] = {
  {"acos", 1, ref_acos, -1, 1, 4, 1},
  {"acosh", 1, ref_acosh, 1, 1e4, 4, 1},
  {"asin", 1, ref_asin, -1, 1, 4, 1},
  {"asinh", 1, ref_asinh, -1e4, 1e4, 4, 1},
  {"atan", 1, ref_atan, -50, 50, 5, 1},
  {"atanh", 1, ref_atanh, -1, 1, 5, 1},
  {"ceil", 1, ref_ceil, -100, 100, 0.5, 0.5},
  {"cos", 1, ref_cos, -50, 50, 4, 1},
  {"cosh", 1, ref_cosh, -80, 80, 4, 1},
  {"cospi", 1, ref_cospi, -20, 20, 4, 1},
  {"exp", 1, ref_exp, -87, 88, 4, 1},
  {"exp2", 1, ref_exp2, -126, 127, 4, 1},
  {"exp10", 1, ref_exp10, -37, 38, 4, 1},
  {"fabs", 1, ref_fabs, -100, 100, 0.5, 0.5},
  {"abs", 1, ref_fabs, -100, 100, 0.5, 0.5},
  {"floor", 1, ref_floor, -100, 100, 0.5, 0.5},
  {"fract", 1, ref_fract, 0, 100, 0.5, 0.5},
  {"log", 1, ref_log, 1e-3, 1e3, 4, 1},
  {"log2", 1, ref_log2, 1e-3, 1e3, 4, 1},
  {"log10", 1, ref_log10, 1e-3, 1e3, 4, 1},
  {"rint", 1, ref_rint, -100, 100, 0.5, 0.5},
  {"round", 1, ref_round, -100, 100, 0.5, 0.5},
  {"rsqrt", 1, ref_rsqrt, 1e-4, 1e4, 0.5, 1},
  {"sin", 1, ref_sin, -50, 50, 4, 1},
  {"sinh", 1, ref_sinh, -80, 80, 4, 1},
  {"sinpi", 1, ref_sinpi, -20, 20, 4, 1},
  {"sqrt", 1, ref_sqrt, 0, 1e4, 0.5, 0.5},
  {"tan", 1, ref_tan, -50, 50, 6, 1},
  {"tanh", 1, ref_tanh, -10, 10, 5, 1},
  {"tanpi", 1, ref_tanpi, -20, 20, 6, 1},
  {"trunc", 1, ref_trunc, -100, 100, 0.5, 0.5},
  {"saturate", 1, ref_saturate, -1, 2, 0.5, 0.5},
  {"sign", 1, ref_sign, -10, 10, 0.5, 0.5},
  {"atan2", 2, ref_atan2, -50, 50, 6, 1},
  {"copysign", 2, ref_copysign, -50, 50, 0.5, 0.5},
  {"divide", 2, ref_divide, -50, 50, 0.5, 0.5},
  {"fdim", 2, ref_fdim, -50, 50, 0.5, 0.5},
  {"fmax", 2, ref_fmax, -50, 50, 0.5, 0.5},
  {"max", 2, ref_fmax, -50, 50, 0.5, 0.5},
  {"fmin", 2, ref_fmin, -50, 50, 0.5, 0.5},
  {"min", 2, ref_fmin, -50, 50, 0.5, 0.5},
  {"fmod", 2, ref_fmod, -50, 50, 0.5, 0.5},
  {"pow", 2, ref_pow, 0.01, 20, 16, 1},
  {"powr", 2, ref_pow, 0.01, 20, 16, 1},
  {"step", 2, ref_step, -5, 5, 0.5, 0.5},
  {"fma", 3, ref_fma, -50, 50, 0.5, 0.5},
  {"fmax3", 3, ref_fmax3, -50, 50, 0.5, 0.5},
  {"max3", 3, ref_fmax3, -50, 50, 0.5, 0.5},
  {"fmin3", 3, ref_fmin3, -50, 50, 0.5, 0.5},
  {"min3", 3, ref_fmin3, -50, 50, 0.5, 0.5},
  {"fmedian3", 3, ref_fmedian3, -50, 50, 0.5, 0.5},
  {"median3", 3, ref_fmedian3, -50, 50, 0.5, 0.5},
  {"clamp", 3, ref_clamp, -50, 50, 0.5, 0.5},
  /* no bound in the tables: one rounding of each operation of x + (y - x) a,
   * and of the polynomial of smoothstep */
  {"mix", 3, ref_mix, 0.5, 50, 64, 64},
  {"smoothstep", 3, ref_smoothstep, 0, 1, 1e3, 1e3},
};

enum { N = 512, SPECIALS = 12 };

static const uint32_t specials[SPECIALS] = {
  0, 0x80000000u, 0x3f800000u, 0xbf800000u, 0x7f800000u, 0xff800000u,
  0x7fc00000u, 0x00000001u, 0x807fffffu, 0x3f000000u, 0x40490fdbu,
  0x40000000u};

/* Arguments that a function's table row leaves out, where the reference or
 * the specification says nothing: ranges that are empty or reversed. */
static bool is_defined(const math_row *row, const double *x) {
  if (row->f == ref_clamp) return B <= C;
  if (row->f == ref_smoothstep) return B - A > 0.1;
  if (row->f == ref_mix) return isfinite(A) && isfinite(B) && isfinite(C);
  if (row->f == ref_fmod) return B != 0 && isfinite(A) && !isnan(B);
  if (row->f == ref_fmax3 || row->f == ref_fmin3 || row->f == ref_fmedian3 ||
      row->f == ref_clamp)
    return !isnan(A) && !isnan(B) && !isnan(C);
  if (row->f == ref_tanpi) /* poles */
    return isfinite(A) && fabs(fmod(A, 1.0)) != 0.5;
  if (row->f == ref_step) return !isnan(A) && !isnan(B);
  if (strcmp(row->name, "powr") == 0) /* x >= 0, no 0^0, 1^inf, inf^0 */
    return A > 0 && isfinite(A) && isfinite(B);
  return true;
}

static double flushed(float f) {
  return fabsf(f) < 0x1p-126f ? copysign(0.0, f) : (double)f;
}

/* Distance in units of the last place of a type with `digits` bits, least
 * exponent `low`, greatest finite value `most`. */
static double distance(double got, double want, int digits, int low,
                       double most) {
  if (isnan(want)) return isnan(got) ? 0 : INFINITY;
  if (isnan(got)) return INFINITY;
  double unit_at_most = ldexp(1.0, ilogb(most) - digits + 1);
  if (isinf(got)) /* rounded up from beyond the greatest */
    return (got > 0) == (want > 0) && fabs(want) > most - 4 * unit_at_most
               ? 0 : INFINITY;
  if (isinf(want)) return INFINITY;
  int e = want == 0 ? low : ilogb(want);
  if (e < low) e = low;
  return fabs(got - want) / ldexp(1.0, e - digits + 1);
}

typedef struct math_data {
  float x[3][N];
  half h[3][N];
  float scalar[2][N];          /* fast, precise */
  float vector[N][2];          /* plain: as fast, by the default options */
  half half_scalar[N];
  half half_vector[N][2];
} math_data;

static void fill_arguments(const math_row *row, math_data *d) {
  for (int i = 0; i < N; i++)
    for (int k = 0; k < 3; k++) {
      d->x[k][i] = (float)random_in(row->low, row->high);
      d->h[k][i] = (half)random_in(fmax(row->low, -200), fmin(row->high, 200));
      if (i >= SPECIALS * SPECIALS) continue;
      uint32_t s = specials[k == 0 ? i % SPECIALS : k == 1 ? i / SPECIALS
                                                 : (i * 7) % SPECIALS];
      d->x[k][i] = float_of(s);
      d->h[k][i] = (half)d->x[k][i];
      if (s == 1) memcpy(&d->h[k][i], &(uint16_t){3}, 2);
    }
}

static void write_math(char *text, size_t size, const math_row *row) {
  static const char *const lists[2][4] = {
    {"", "x", "x, y", "x, y, z"},
    {"", "h", "h, k", "h, k, l"},
  };
  tm_arena arena;
  tm_arena_init(&arena, 0);
  tm_buf t = tm_buf_in(&arena);
  tm_buf_printf(&t, HEAD
      "struct D { float x[3][%d]; half h[3][%d]; float s[2][%d];\n"
      "  float v[%d][2]; half hs[%d]; half hv[%d][2]; };\n"
      "kernel void f(device D &d [[buffer(0)]],\n"
      "              uint i [[thread_position_in_grid]]) {\n"
      "  float x = d.x[0][i], y = d.x[1][i], z = d.x[2][i];\n"
      "  half h = d.h[0][i], k = d.h[1][i], l = d.h[2][i];\n"
      "  d.s[0][i] = fast::%s(%s);\n  d.s[1][i] = precise::%s(%s);\n"
      "  d.hs[i] = %s(%s);\n",
      N, N, N, N, N, N, row->name, lists[0][row->arity], row->name,
      lists[0][row->arity], row->name, lists[1][row->arity]);
  for (int s = 0; s < 2; s++) { /* of two: compiling takes most of the time */
    int w = 2;
    const char *type = s ? "half" : "float";
    const char *in = s ? "h" : "x", *out = s ? "hv" : "v";
    tm_buf_printf(&t, "  { %s%d a[3];\n", type, w);
    for (int k = 0; k < row->arity; k++)
      for (int e = 0; e < w; e++)
        tm_buf_printf(&t, "  a[%d][%d] = d.%s[%d][(i + %d) %% %d];\n", k, e,
                      in, k, e, N);
    tm_buf_printf(&t, "  %s%d r = %s(a[0]%s%s);\n", type, w, row->name,
                  row->arity > 1 ? ", a[1]" : "",
                  row->arity > 2 ? ", a[2]" : "");
    for (int e = 0; e < w; e++)
      tm_buf_printf(&t, "  d.%s[i][%d] = r[%d];\n", out, e, e);
    tm_buf_puts(&t, "  }\n");
  }
  tm_buf_puts(&t, "}\n");
  assert_true(t.len < size);
  memcpy(text, tm_buf_text(&t), t.len + 1);
  tm_arena_free(&arena);
}

/* Zeros of either sign are equal: which one max(0, -0) is, nobody says. */
static bool same_float(float a, float b) {
  return flushed(a) == flushed(b) || (isnan(a) && isnan(b));
}

/* Functions that only choose an argument: the specification lets them keep
 * its bits, subnormal or not. */
static bool moves_bits(const math_row *row) {
  return row->f == ref_fabs || row->f == ref_copysign || row->f == ref_fmax ||
         row->f == ref_fmin || row->f == ref_fmax3 || row->f == ref_fmin3 ||
         row->f == ref_fmedian3 || row->f == ref_clamp ||
         row->f == ref_saturate;
}

static int check_math(const math_row *row, const math_data *d, double *worst,
                      double *worst_half) {
  static const char *const spaces[] = {"fast::", "precise::"};
  int bad = 0;
  for (int i = 0; i < N; i++) {
    double x[3], h[3];
    for (int k = 0; k < 3; k++) {
      x[k] = flushed(d->x[k][i]);
      h[k] = (double)d->h[k][i];
    }
    for (int s = 0; s < 2 && is_defined(row, x); s++) {
      /* table 8.2: rsqrt within 2 ulp in fast mode, which is the default */
      double bound = row->f == ref_rsqrt && s != 1 ? 2 : row->ulp;
      double want = row->f(x), got = d->scalar[s][i];
      double off = distance(got, want, 24, -126, 0x1.fffffep127);
      if (fabs(want) < 0x1p-126 && got == 0) off = 0;
      if (moves_bits(row) && want == 0 && fabs(got) < 0x1p-126) off = 0;
      if (off > *worst) *worst = off;
      if (off <= bound * (1 + 1e-6)) continue;
      print_error("%s%s(%a, %a, %a) = %a, not %a: %g ulp\n", spaces[s],
                  row->name, x[0], x[1], x[2], got, want, off);
      bad++;
    }
    if (is_defined(row, h)) {
      double want = row->f(h), got = (double)d->half_scalar[i];
      double off = distance(got, want, 11, -14, 65504);
      if (off > *worst_half) *worst_half = off;
      if (off > row->half_ulp * (1 + 1e-3)) {
        print_error("%s(half %a, %a, %a) = %a, not %a: %g ulp\n", row->name,
                    h[0], h[1], h[2], got, want, off);
        bad++;
      }
    }
    for (int e = 0; e < 2; e++) {
      float a = d->vector[i][e], b = d->scalar[0][(i + e) % N];
      float p = (float)d->half_vector[i][e];
      float q = (float)d->half_scalar[(i + e) % N];
      if (same_float(a, b) && same_float(p, q)) continue;
      print_error("%s: element %d of vector %d differs from the scalar\n",
                  row->name, e, i);
      bad++;
    }
    if (bad > 8) return bad;
  }
  return bad;
}

/* The statements that compare each element of a vector of four and of three
 * with the scalar: a bit of `bad` for each that differs. */
static void write_vectors(tm_buf *t, const math_row *row, bool is_half) {
  const char *type = is_half ? "half" : "float";
  const char *bits = is_half ? "ushort" : "uint", *in = is_half ? "h" : "x";
  tm_buf_printf(t, "  { %s4 a[3] = {};\n", type);
  for (int k = 0; k < row->arity; k++)
    tm_buf_printf(t, "  for (uint e = 0; e < 4; e++) "
                  "a[%d][e] = d.%s[%d][(i + e) %% %d];\n", k, in, k, N);
  static const char *const lists[3][4] = {
    {"", "a[0]", "a[0], a[1]", "a[0], a[1], a[2]"},
    {"", "a[0].xyz", "a[0].xyz, a[1].xyz", "a[0].xyz, a[1].xyz, a[2].xyz"},
    {"", "a[0][e]", "a[0][e], a[1][e]", "a[0][e], a[1][e], a[2][e]"},
  };
  tm_buf_printf(t, "  %s4 r = %s(%s);\n  %s3 q = %s(%s);\n"
                "  _Pragma(\"nounroll\")\n"
                "  for (uint e = 0; e < 4; e++) {\n"
                "    %s s = %s(%s), u = r[e], v = e < 3 ? q[e] : s;\n"
                "    wrong |= uint(as_type<%s>(s) != as_type<%s>(u) && "
                "!(isnan(s) && isnan(u))) << (e + %d);\n"
                "    wrong |= uint(as_type<%s>(s) != as_type<%s>(v) && "
                "!(isnan(s) && isnan(v))) << (e + %d);\n  } }\n",
                type, row->name, lists[0][row->arity], type, row->name,
                lists[1][row->arity], type, row->name, lists[2][row->arity],
                bits, bits, is_half ? 8 : 0, bits, bits, is_half ? 12 : 4);
}

static void vectors_of_three_and_four_are_their_elements(void **state) {
  static math_data d;
  static uint32_t bad[4];
  for (size_t r = 0; r < TM_COUNT(math_rows); r++) {
    const math_row *row = &math_rows[r];
    tm_arena arena;
    tm_arena_init(&arena, 0);
    tm_buf t = tm_buf_in(&arena);
    tm_buf_printf(&t, HEAD
        "struct D { float x[3][%d]; half h[3][%d]; };\n"
        "kernel void f(device const D &d [[buffer(0)]],\n"
        "              device atomic_uint *bad [[buffer(1)]],\n"
        "              uint i [[thread_position_in_grid]]) {\n"
        "  uint wrong = 0;\n", N, N);
    write_vectors(&t, row, false);
    write_vectors(&t, row, true);
    tm_buf_puts(&t, "  atomic_fetch_or_explicit(bad, wrong, "
                "memory_order_relaxed);\n}\n");
    fill_arguments(row, &d);
    memset(bad, 0, sizeof bad);
    span buffers[] = {{&d, sizeof d}, {bad, sizeof bad}};
    run(tm_buf_text(&t), N, buffers, 2);
    tm_arena_free(&arena);
    if (bad[0])
      fail_msg("%s: elements of float4, float3, half4, half3 that differ from "
               "the scalar: %04x", row->name, bad[0]);
  }
}

static void math_functions_keep_the_bounds_of_the_specification(
    void **state) {
  static math_data d;
  static char text[16384];
  int bad = 0;
  for (size_t r = 0; r < TM_COUNT(math_rows); r++) {
    const math_row *row = &math_rows[r];
    fill_arguments(row, &d);
    write_math(text, sizeof text, row);
    span buffer = {&d, sizeof d};
    run(text, N, &buffer, 1);
    double worst = 0, worst_half = 0;
    bad += check_math(row, &d, &worst, &worst_half);
    print_message("%-12s %6.2f ulp, half %5.2f\n", row->name, worst,
                  worst_half);
  }
  assert_int_equal(bad, 0);
}

/* ---- integers --------------------------------------------------------- */

typedef __int128 wide;

typedef struct int_type {
  const char *name;
  int bits;
  bool is_signed;
} int_type;

static const int_type int_types[] = {
  {"char", 8, true},  {"uchar", 8, false},  {"short", 16, true},
  {"ushort", 16, false}, {"int", 32, true}, {"uint", 32, false},
  {"long", 64, true}, {"ulong", 64, false},
};

static wide least(const int_type *t) {
  return t->is_signed ? -((wide)1 << (t->bits - 1)) : 0;
}
static wide greatest(const int_type *t) {
  return ((wide)1 << (t->bits - (t->is_signed ? 1 : 0))) - 1;
}
/* The low bits of v as a value of the type. */
static wide wrap(const int_type *t, wide v) {
  wide mask = ((wide)1 << t->bits) - 1;
  v &= mask;
  return t->is_signed && (v >> (t->bits - 1)) ? v - mask - 1 : v;
}
static wide saturated(const int_type *t, wide v) {
  return v < least(t) ? least(t) : v > greatest(t) ? greatest(t) : v;
}
static uint64_t raw(const int_type *t, wide v) {
  return (uint64_t)(v & (((wide)1 << t->bits) - 1));
}

typedef wide int_reference(const int_type *t, const wide *x);
#define INT(name, e)                                             \
  static wide int_##name(const int_type *t, const wide *x) {     \
    (void)t;                                                     \
    (void)x;                                                     \
    return e;                                                    \
  }

static wide leading(const int_type *t, wide v) {
  int n = 0;
  for (uint64_t b = raw(t, v); n < t->bits && !(b >> (t->bits - 1 - n) & 1);)
    n++;
  return n;
}
static wide trailing(const int_type *t, wide v) {
  int n = 0;
  for (uint64_t b = raw(t, v); n < t->bits && !(b >> n & 1);) n++;
  return n;
}
static wide reversed(const int_type *t, wide v) {
  uint64_t b = raw(t, v), r = 0;
  for (int i = 0; i < t->bits; i++) r |= (b >> i & 1) << (t->bits - 1 - i);
  return wrap(t, (wide)r);
}
static wide rotated(const int_type *t, wide v, wide by) {
  unsigned n = (unsigned)(raw(t, by) % (unsigned)t->bits);
  uint64_t b = raw(t, v);
  wide twice = (wide)b << n;
  return wrap(t, twice | (n ? (wide)(b >> (t->bits - (int)n)) : 0));
}
static wide middle(wide a, wide b, wide c) {
  wide low = a < b ? a : b, high = a < b ? b : a;
  return c < low ? low : c > high ? high : c;
}
static wide smaller(wide a, wide b) { return a < b ? a : b; }
static wide larger(wide a, wide b) { return a < b ? b : a; }

INT(abs, wrap(t, A < 0 ? -A : A))
INT(absdiff, A < B ? B - A : A - B)
INT(addsat, saturated(t, A + B)) INT(subsat, saturated(t, A - B))
INT(clz, leading(t, A)) INT(ctz, trailing(t, A))
INT(popcount, __builtin_popcountll(raw(t, A)))
INT(reverse_bits, reversed(t, A)) INT(rotate, rotated(t, A, B))
INT(hadd, (A + B) >> 1) INT(rhadd, (A + B + 1) >> 1)
INT(max, larger(A, B)) INT(min, smaller(A, B))
INT(max3, larger(larger(A, B), C)) INT(min3, smaller(smaller(A, B), C))
INT(median3, middle(A, B, C))
INT(clamp, smaller(larger(A, smaller(B, C)), larger(B, C)))

static wide int_madsat(const int_type *t, const wide *x) {
  if (t->is_signed || t->bits < 64) return saturated(t, A * B + C);
  unsigned __int128 sum = (unsigned __int128)A * (unsigned __int128)B +
                          (unsigned __int128)C;
  return sum >> 64 ? greatest(t) : (wide)sum;
}
static wide int_mulhi(const int_type *t, const wide *x) {
  if (t->is_signed || t->bits < 64) return wrap(t, (A * B) >> t->bits);
  return (wide)(((unsigned __int128)A * (unsigned __int128)B) >> 64);
}
static wide int_madhi(const int_type *t, const wide *x) {
  return wrap(t, int_mulhi(t, x) + C);
}

static wide int_mul24(const int_type *t, const wide *x) {
  int_type low = {"", 24, t->is_signed};
  return wrap(t, wrap(&low, A) * wrap(&low, B));
}
static wide int_mad24(const int_type *t, const wide *x) {
  return wrap(t, int_mul24(t, x) + C);
}
static wide int_extract_bits(const int_type *t, const wide *x) {
  unsigned offset = (unsigned)raw(t, B) % (unsigned)t->bits;
  unsigned n = (unsigned)raw(t, C) % ((unsigned)t->bits - offset + 1);
  int_type part = {"", (int)n, t->is_signed};
  return n ? wrap(&part, (wide)(raw(t, A) >> offset)) : 0;
}

/* arguments: how the three random numbers x, y, z are passed */
static const struct {
  const char *name, *arguments;
  int_reference *f;
  bool only_signed, only_32;
} int_rows[] = {
  {"abs", "x", int_abs, true, false},
  {"absdiff", "x, y", int_absdiff, false, false},
  {"addsat", "x, y", int_addsat, false, false},
  {"subsat", "x, y", int_subsat, false, false},
  {"clz", "x", int_clz, false, false},
  {"ctz", "x", int_ctz, false, false},
  {"popcount", "x", int_popcount, false, false},
  {"reverse_bits", "x", int_reverse_bits, false, false},
  {"rotate", "x, y", int_rotate, false, false},
  {"hadd", "x, y", int_hadd, false, false},
  {"rhadd", "x, y", int_rhadd, false, false},
  {"max", "x, y", int_max, false, false},
  {"min", "x, y", int_min, false, false},
  {"max3", "x, y, z", int_max3, false, false},
  {"min3", "x, y, z", int_min3, false, false},
  {"median3", "x, y, z", int_median3, false, false},
  {"clamp", "x, min(y, z), max(y, z)", int_clamp, false, false},
  {"madsat", "x, y, z", int_madsat, false, false},
  {"mulhi", "x, y", int_mulhi, false, false},
  {"madhi", "x, y, z", int_madhi, false, false},
  {"mul24", "x, y", int_mul24, false, true},
  {"mad24", "x, y, z", int_mad24, false, true},
  {"extract_bits", "x, o, n", int_extract_bits, false, false},
};

/* All functions of one type in one kernel; z of width 2 beside it. */
static void write_integers(tm_buf *t, const int_type *type) {
  tm_buf_printf(t, HEAD
      "kernel void f(device const %s *a [[buffer(0)]],\n"
      "              device ulong *out [[buffer(1)]],\n"
      "              device uint *wrong [[buffer(2)]],\n"
      "              uint i [[thread_position_in_grid]]) {\n"
      "  %s x = a[3 * i], y = a[3 * i + 1], z = a[3 * i + 2];\n"
      "  uint o = uint(u%s(y)) %% %du, n = uint(u%s(z)) %% (%du - o + 1);\n",
      type->name, type->name, type->is_signed ? type->name : type->name + 1,
      type->bits, type->is_signed ? type->name : type->name + 1, type->bits);
  for (size_t r = 0; r < TM_COUNT(int_rows); r++) {
    if ((int_rows[r].only_signed && !type->is_signed) ||
        (int_rows[r].only_32 && type->bits != 32))
      continue;
    bool counts = strcmp(int_rows[r].name, "extract_bits") == 0;
    tm_buf_printf(t, "  { %s r = %s(%s); out[%d * i + %d] = ulong(r);\n",
                  strcmp(int_rows[r].name, "absdiff") == 0 && type->is_signed
                      ? "auto" : type->name,
                  int_rows[r].name, int_rows[r].arguments,
                  (int)TM_COUNT(int_rows), (int)r);
    if (!counts)
      tm_buf_printf(t, "  %s3 x3 = %s3(y, x, z), y3 = y, z3 = z;\n"
                    "  { auto x = x3; auto y = y3; auto z = z3;\n"
                    "  if (%s(%s).y != r) wrong[i] = %d; } }\n", type->name,
                    type->name, int_rows[r].name, int_rows[r].arguments,
                    (int)r + 1);
    else
      tm_buf_puts(t, "  }\n");
  }
  tm_buf_puts(t, "}\n");
}

static int check_integers(const int_type *t, const uint8_t *in,
                          const uint64_t *out, const uint32_t *wrong) {
  int bad = 0;
  for (int i = 0; i < N; i++) {
    wide x[3];
    for (int k = 0; k < 3; k++) {
      uint64_t v = 0;
      size_t size = (size_t)t->bits / 8;
      memcpy(&v, in + ((size_t)(3 * i + k)) * size, size);
      x[k] = wrap(t, (wide)v);
    }
    if (wrong[i]) {
      print_error("%s of %s3 differs from the scalar\n",
                  int_rows[wrong[i] - 1].name, t->name);
      bad++;
    }
    for (size_t r = 0; r < TM_COUNT(int_rows); r++) {
      if ((int_rows[r].only_signed && !t->is_signed) ||
          (int_rows[r].only_32 && t->bits != 32))
        continue;
      uint64_t want = (uint64_t)int_rows[r].f(t, x);
      uint64_t got = out[(size_t)i * TM_COUNT(int_rows) + r];
      if (want == got) continue;
      print_error("%s(%s %llx, %llx, %llx) = %llx, not %llx\n",
                  int_rows[r].name, t->name, (unsigned long long)x[0],
                  (unsigned long long)x[1], (unsigned long long)x[2],
                  (unsigned long long)got, (unsigned long long)want);
      bad++;
    }
    if (bad > 20) break;
  }
  return bad;
}

static void integer_functions_match_128_bit_arithmetic(void **state) {
  static uint8_t in[N * 3 * 8];
  static uint64_t out[N * TM_COUNT(int_rows)];
  static uint32_t wrong[N];
  int bad = 0;
  for (size_t k = 0; k < TM_COUNT(int_types); k++) {
    tm_arena arena;
    tm_arena_init(&arena, 0);
    tm_buf text = tm_buf_in(&arena);
    write_integers(&text, &int_types[k]);
    for (size_t i = 0; i < sizeof in; i++) {
      uint64_t r = random64();
      in[i] = (uint8_t)(r & 0x700 ? r >> 32 : r & 0x800 ? 0xff : 0);
    }
    memset(wrong, 0, sizeof wrong);
    memset(out, 0x55, sizeof out);
    span buffers[] = {{in, sizeof in}, {out, sizeof out},
                      {wrong, sizeof wrong}};
    run(tm_buf_text(&text), N, buffers, 3);
    bad += check_integers(&int_types[k], in, out, wrong);
    tm_arena_free(&arena);
  }
  assert_int_equal(bad, 0);
}

/* ---- which types are taken -------------------------------------------- */

/* The scalar types, in the order of the letters in `takes`. */
static const char scalar_letters[] = "bcCsSiIlLhBf";
static const char *const scalar_names[] = {
  "bool", "char", "uchar", "short", "ushort", "int", "uint", "long", "ulong",
  "half", "bfloat", "float"};

/* From METAL-FACTS 3.5 to 3.7, which cite tables 6.2 to 6.17 of the
 * specification. Arguments of 8 and 16 bits promote to int, and int to
 * float where no other overload is as near, so what is refused is only what
 * no conversion reaches: `refuses`. */
static const struct {
  const char *names, *call, *takes, *refuses;
  const char *widths; /* "1234" */
} uses[] = {
  {"acos acosh asin asinh atan atanh ceil cos cosh cospi exp exp2 exp10 fabs "
   "floor fract log log2 log10 rint round rsqrt sin sinh sinpi sqrt tan tanh "
   "tanpi trunc saturate sign", "(x)", "hf", "B", "1234"},
  {"atan2 copysign divide fdim fmax fmin fmod nextafter pow powr step",
   "(x, x)", "hf", "B", "1234"},
  {"fma fmax3 fmin3 fmedian3 mix smoothstep", "(x, x, x)", "hf", "B",
   "1234"},
  {"abs", "(x)", "csilhf", "B", "1234"},
  {"max min", "(x, x)", "cCsSiIlLhf", "B", "1234"},
  {"clamp max3 min3 median3", "(x, x, x)", "cCsSiIlLhf", "B", "1234"},
  {"absdiff addsat subsat hadd rhadd mulhi rotate", "(x, x)", "cCsSiIlL",
   "hBf", "1234"},
  {"madhi madsat", "(x, x, x)", "cCsSiIlL", "hBf", "1234"},
  {"clz ctz popcount reverse_bits", "(x)", "cCsSiIlL", "hBf", "1234"},
  {"extract_bits", "(x, 1u, 2u)", "cCsSiIlL", "hBf", "1234"},
  {"insert_bits", "(x, x, 1u, 2u)", "cCsSiIlL", "hBf", "1234"},
  {"mul24", "(x, x)", "iI", "B", "1234"},
  {"mad24", "(x, x, x)", "iI", "B", "1234"},
  {"isfinite isinf isnan isnormal signbit", "(x)", "hBf", "", "1234"},
  {"isordered isunordered", "(x, x)", "hBf", "", "1234"},
  {"length length_squared normalize", "(x)", "hf", "bcCsSiIlLB", "234"},
  {"dot distance distance_squared reflect", "(x, x)", "hf", "bcCsSiIlLB",
   "234"},
  {"cross", "(x, x)", "hf", "bcCsSiIlL", "3"},
  {"faceforward", "(x, x, x)", "hf", "bcCsSiIlLB", "234"},
  {"simd_sum simd_product simd_min simd_max simd_prefix_inclusive_sum "
   "simd_prefix_inclusive_product simd_prefix_exclusive_sum "
   "simd_prefix_exclusive_product simd_broadcast_first quad_sum quad_product "
   "quad_min quad_max quad_prefix_inclusive_sum "
   "quad_prefix_inclusive_product quad_prefix_exclusive_sum "
   "quad_prefix_exclusive_product quad_broadcast_first", "(x)", "cCsSiIhf",
   "blLB", "1234"},
  {"simd_and simd_or simd_xor quad_and quad_or quad_xor", "(x)", "cCsSiI",
   "blLhBf", "1234"},
  {"simd_broadcast simd_shuffle simd_shuffle_up simd_shuffle_down "
   "simd_shuffle_xor simd_shuffle_rotate_up simd_shuffle_rotate_down "
   "quad_broadcast quad_shuffle quad_shuffle_up quad_shuffle_down "
   "quad_shuffle_xor quad_shuffle_rotate_up quad_shuffle_rotate_down",
   "(x, 1)", "cCsSiIhf", "blLB", "1234"},
  {"simd_shuffle_and_fill_up simd_shuffle_and_fill_down "
   "quad_shuffle_and_fill_up quad_shuffle_and_fill_down", "(x, x, 1)",
   "cCsSiIhf", "blLB", "1234"},
};

static bool accepts_call(const char *name, const char *call, char letter,
                         char width) {
  char text[512], type[16];
  const char *scalar =
      scalar_names[strchr(scalar_letters, letter) - scalar_letters];
  snprintf(type, sizeof type, width == '1' ? "%s" : "%s%c", scalar, width);
  snprintf(text, sizeof text, HEAD
           "kernel void f(device %s *p [[buffer(0)]]) {\n"
           "  %s x = p[0];\n  auto y = %s%s;\n}\n", type, type, name, call);
  return accepts(text);
}

static void functions_take_their_types_and_no_others(void **state) {
  int bad = 0;
  for (size_t u = 0; u < TM_COUNT(uses); u++) {
    char names[512], *rest = names;
    snprintf(names, sizeof names, "%s", uses[u].names);
    for (char *name; (name = strtok_r(rest, " ", &rest));) {
      for (const char *w = "1234"; *w; w++) {
        bool shaped = strchr(uses[u].widths, *w) != NULL;
        for (const char *s = scalar_letters; *s; s++) {
          /* a bfloat converts to float, so that of half and float it takes
             the second, or the only float3; bfloat vectors do not convert */
          bool one = shaped || strcmp(uses[u].widths, "3") == 0;
          bool as_float = *s == 'B' && *w == '1' && one &&
                          strcmp(uses[u].takes, "hf") == 0;
          bool takes = as_float || (shaped && strchr(uses[u].takes, *s));
          if (!takes && shaped && !strchr(uses[u].refuses, *s)) continue;
          if (accepts_call(name, uses[u].call, *s, *w) == takes) continue;
          print_error("%s%s of letter %c, width %c: should be %s\n", name,
                      uses[u].call, *s, *w, takes ? "taken" : "refused");
          bad++;
        }
      }
    }
  }
  assert_int_equal(bad, 0);
}

/* ---- SIMD-groups ------------------------------------------------------ */

typedef enum group_op {
  SUM, PRODUCT, MIN, MAX, AND, OR, XOR, INCLUSIVE_SUM, EXCLUSIVE_SUM,
  INCLUSIVE_PRODUCT, EXCLUSIVE_PRODUCT, BROADCAST, FIRST, SHUFFLE, UP, DOWN,
  SHUFFLE_XOR, ROTATE_UP, ROTATE_DOWN, FILL_UP, FILL_DOWN
} group_op;

static const struct {
  const char *name, *arguments;
  group_op op;
  bool only_integers;
} group_rows[] = {
  {"sum", "(x)", SUM, false}, {"product", "(y)", PRODUCT, false},
  {"min", "(x)", MIN, false}, {"max", "(x)", MAX, false},
  {"and", "(x)", AND, true}, {"or", "(x)", OR, true}, {"xor", "(x)", XOR, true},
  {"prefix_inclusive_sum", "(x)", INCLUSIVE_SUM, false},
  {"prefix_exclusive_sum", "(x)", EXCLUSIVE_SUM, false},
  {"prefix_inclusive_product", "(y)", INCLUSIVE_PRODUCT, false},
  {"prefix_exclusive_product", "(y)", EXCLUSIVE_PRODUCT, false},
  {"broadcast", "(x, 2)", BROADCAST, false},
  {"broadcast_first", "(x)", FIRST, false},
  {"shuffle", "(x, i * 3 % W)", SHUFFLE, false},
  {"shuffle_up", "(x, 1)", UP, false}, {"shuffle_down", "(x, 1)", DOWN, false},
  {"shuffle_xor", "(x, 3)", SHUFFLE_XOR, false},
  {"shuffle_rotate_up", "(x, 1)", ROTATE_UP, false},
  {"shuffle_rotate_down", "(x, 3)", ROTATE_DOWN, false},
  {"shuffle_and_fill_up", "(x, y, 2, M)", FILL_UP, false},
  {"shuffle_and_fill_down", "(x, y, 2, M)", FILL_DOWN, false},
};

/* Values are small integers, exact in every type but for wrapping. */
static wide group_reference(group_op op, const wide *x, const wide *y,
                            int lane, int width, int modulo) {
  wide r = 0, p = 1;
  int base = lane / width * width, at = lane - base;
  int part = at / modulo * modulo, inner = at - part;
  x += base;
  y += base;
  switch (op) {
    case SUM: for (int i = 0; i < width; i++) r += x[i]; return r;
    case PRODUCT: for (int i = 0; i < width; i++) p *= y[i]; return p;
    case MIN: r = x[0]; for (int i = 0; i < width; i++) r = smaller(r, x[i]); return r;
    case MAX: r = x[0]; for (int i = 0; i < width; i++) r = larger(r, x[i]); return r;
    case AND: r = -1; for (int i = 0; i < width; i++) r &= x[i]; return r;
    case OR: for (int i = 0; i < width; i++) r |= x[i]; return r;
    case XOR: for (int i = 0; i < width; i++) r ^= x[i]; return r;
    case INCLUSIVE_SUM: for (int i = 0; i <= at; i++) r += x[i]; return r;
    case EXCLUSIVE_SUM: for (int i = 0; i < at; i++) r += x[i]; return r;
    case INCLUSIVE_PRODUCT: for (int i = 0; i <= at; i++) p *= y[i]; return p;
    case EXCLUSIVE_PRODUCT: for (int i = 0; i < at; i++) p *= y[i]; return p;
    case BROADCAST: return x[2];
    case FIRST: return x[0];
    case SHUFFLE: return x[lane * 3 % width];
    case UP: return at >= 1 ? x[at - 1] : x[at];
    case DOWN: return at + 1 < width ? x[at + 1] : x[at];
    case SHUFFLE_XOR: return x[at ^ 3];
    case ROTATE_UP: return x[(at + width - 1) % width];
    case ROTATE_DOWN: return x[(at + 3) % width];
    /* the fill's last (first) elements of the part come in */
    case FILL_UP:
      return inner >= 2 ? x[at - 2] : y[part + modulo - 2 + inner];
    case FILL_DOWN:
      return inner + 2 < modulo ? x[at + 2] : y[part + inner + 2 - modulo];
  }
  return 0;
}

static void check_group(const char *prefix, int width, const char *type,
                        const int_type *as, int modulo) {
  enum { LANES = 32 };
  static int32_t in[2][LANES], out[TM_COUNT(group_rows)][LANES];
  wide x[LANES], y[LANES];
  for (int i = 0; i < LANES; i++) {
    /* at most one factor of 3 in a quadgroup: products stay exact in half */
    in[0][i] = (int32_t)(random64() % 50);
    in[1][i] = i % 8 == 3 ? 3 : i % 16 == 6 ? 2 : 1;
    x[i] = in[0][i];
    y[i] = in[1][i];
  }
  tm_arena arena;
  tm_arena_init(&arena, 0);
  tm_buf t = tm_buf_in(&arena);
  tm_buf_printf(&t, "#define W %d\n#define M %d\n" HEAD
      "kernel void f(device const int *in [[buffer(0)]],\n"
      "              device int *out [[buffer(1)]],\n"
      "              ushort i [[thread_index_in_simdgroup]]) {\n"
      "  %s x = %s(in[i]), y = %s(in[32 + i]);\n", width, modulo, type, type,
      type);
  for (size_t r = 0; r < TM_COUNT(group_rows); r++)
    if (as || !group_rows[r].only_integers)
      tm_buf_printf(&t, "  out[%d + i] = int(%s_%s%s);\n", (int)r * LANES,
                    prefix, group_rows[r].name, group_rows[r].arguments);
  tm_buf_puts(&t, "}\n");
  span buffers[] = {{in, sizeof in}, {out, sizeof out}};
  run(tm_buf_text(&t), LANES, buffers, 2);
  for (size_t r = 0; r < TM_COUNT(group_rows); r++) {
    /* shuffles past the end give what the specification calls undefined */
    bool sum = group_rows[r].op == SUM || group_rows[r].op == INCLUSIVE_SUM ||
               group_rows[r].op == EXCLUSIVE_SUM;
    if (!as && group_rows[r].only_integers) continue;
    for (int i = 0; i < LANES; i++) {
      if (group_rows[r].op == UP && i % width == 0) continue;
      if (group_rows[r].op == DOWN && i % width == width - 1) continue;
      wide want = group_reference(group_rows[r].op, x, y, i, width, modulo);
      if (as) want = wrap(as, want);
      if (!as && sum && strcmp(type, "half") == 0 && want > 2048) continue;
      if (out[r][i] == (int32_t)want) continue;
      fail_msg("%s_%s of %s, lane %d: %d, not %d", prefix,
               group_rows[r].name, type, i, out[r][i], (int)want);
    }
  }
  tm_arena_free(&arena);
}

static void group_functions_match_on_every_type(void **state) {
  for (size_t k = 0; k < 6; k++) {
    check_group("simd", 32, int_types[k].name, &int_types[k], 8);
    check_group("quad", 4, int_types[k].name, &int_types[k], 4);
  }
  check_group("simd", 32, "half", NULL, 32);
  check_group("simd", 32, "float", NULL, 2);
  check_group("quad", 4, "half", NULL, 2);
  check_group("quad", 4, "float", NULL, 4);
}

/* ---- packing ---------------------------------------------------------- */

static void packing_follows_its_formulas(void **state) {
  static const char text[] = HEAD
      "kernel void f(device const float4 *x [[buffer(0)]],\n"
      "              device uint *p [[buffer(1)]],\n"
      "              device float4 *u [[buffer(2)]],\n"
      "              uint i [[thread_position_in_grid]]) {\n"
      "  p[4 * i] = pack_float_to_unorm4x8(x[i]);\n"
      "  p[4 * i + 1] = pack_float_to_snorm4x8(x[i]);\n"
      "  p[4 * i + 2] = pack_float_to_unorm2x16(x[i].xy);\n"
      "  p[4 * i + 3] = pack_float_to_snorm2x16(x[i].xy);\n"
      "  u[5 * i] = unpack_unorm4x8_to_float(p[4 * i]);\n"
      "  u[5 * i + 1] = unpack_snorm4x8_to_float(p[4 * i + 1]);\n"
      "  u[5 * i + 2] = float4(unpack_unorm2x16_to_float(p[4 * i + 2]),\n"
      "                        unpack_snorm2x16_to_float(p[4 * i + 3]));\n"
      "  u[5 * i + 3] = unpack_unorm10a2_to_float(p[4 * i]);\n"
      "  u[5 * i + 4] = float4(unpack_snorm4x8_to_half(p[4 * i]));\n"
      "}\n";
  enum { K = 64 };
  static float x[K][4], u[K][5][4];
  static uint32_t p[K][4];
  for (int i = 0; i < K; i++)
    for (int e = 0; e < 4; e++) x[i][e] = (float)random_in(-1.3, 1.3);
  span buffers[] = {{x, sizeof x}, {p, sizeof p}, {u, sizeof u}};
  run(text, K, buffers, 3);
  for (int i = 0; i < K; i++) {
    for (int f = 0; f < 4; f++) {
      int n = f < 2 ? 4 : 2, bits = 32 / n;
      bool sign = f & 1;
      double most = sign ? (1 << (bits - 1)) - 1 : (1ll << bits) - 1;
      for (int e = 0; e < n; e++) {
        /* the product is rounded to float before it is rounded to an int */
        float v = fminf(fmaxf(x[i][e], sign ? -1.0f : 0.0f), 1.0f);
        long want = lrintf(v * (float)most);
        uint32_t field = p[i][f] >> (e * bits) & ((1ll << bits) - 1);
        assert_int_equal(field, (uint32_t)want & ((1ll << bits) - 1));
        float got = f < 2 ? u[i][f][e] : u[i][2][(f - 2) * 2 + e];
        assert_true(fabs(got - (double)want / most) < 1e-7);
      }
    }
    for (int e = 0; e < 4; e++) {
      uint32_t ten = p[i][0] >> (10 * e) & (e == 3 ? 3 : 1023);
      int8_t eight = (int8_t)(p[i][0] >> (8 * e));
      assert_true(fabs(u[i][3][e] - ten / (e == 3 ? 3.0 : 1023.0)) < 1e-7);
      assert_true(fabs(u[i][4][e] - fmax(eight / 127.0, -1)) < 1e-3);
    }
  }
}

static double srgb_of(double x) {
  return x < 0.0031308 ? 12.92 * x : 1.055 * pow(x, 1 / 2.4) - 0.055;
}
static double linear_of(double s) {
  return s <= 0.04045 ? s / 12.92 : pow((s + 0.055) / 1.055, 2.4);
}

/* The transfer function of sRGB (IEC 61966-2-1) on red, green and blue, and
 * 10, 10, 10 and 2 bits. All of the bytes are unpacked; a value just beside
 * the middle of two bytes may be packed as either. */
static void srgb_and_10a2_packing_follow_their_formulas(void **state) {
  static const char text[] = HEAD
      "kernel void f(device const float4 *x [[buffer(0)]],\n"
      "              device uint *p [[buffer(1)]],\n"
      "              device float4 *u [[buffer(2)]],\n"
      "              uint i [[thread_position_in_grid]]) {\n"
      "  p[4 * i] = pack_float_to_srgb_unorm4x8(x[i]);\n"
      "  p[4 * i + 1] = pack_float_to_unorm10a2(x[i]);\n"
      "  p[4 * i + 2] = pack_half_to_unorm10a2(half4(x[i]));\n"
      "  p[4 * i + 3] = pack_half_to_srgb_unorm4x8(half4(x[i]));\n"
      "  u[3 * i] = unpack_unorm4x8_srgb_to_float(i * 0x01010101u);\n"
      "  u[3 * i + 1] = float4(unpack_unorm4x8_srgb_to_half(i * "
      "0x01010101u));\n"
      "  u[3 * i + 2] = unpack_unorm10a2_to_float(p[4 * i + 1]);\n}\n";
  enum { K = 256 };
  static float x[K][4], u[K][3][4];
  static uint32_t p[K][4];
  for (int i = 0; i < K; i++)
    for (int e = 0; e < 4; e++)
      x[i][e] = (float)((half)random_in(-0.2, 1.2)); /* exact as half too */
  span buffers[] = {{x, sizeof x}, {p, sizeof p}, {u, sizeof u}};
  run(text, K, buffers, 3);
  for (int i = 0; i < K; i++)
    for (int e = 0; e < 4; e++) {
      double v = fmin(fmax((double)x[i][e], 0), 1);
      double byte = (e == 3 ? v : srgb_of(v)) * 255;
      assert_true(fabs((p[i][0] >> (8 * e) & 255) - byte) <= 0.5001);
      assert_true(fabs((p[i][3] >> (8 * e) & 255) - byte) <= 0.5001);
      double most = e == 3 ? 3 : 1023;
      uint32_t field = p[i][1] >> (10 * e) & (e == 3 ? 3 : 1023);
      assert_int_equal(p[i][1], p[i][2]);
      assert_true(fabs(field - v * most) <= 0.5001);
      assert_true(fabs((double)u[i][2][e] - field / most) < 1e-7);
      double want = e == 3 ? i / 255.0 : linear_of(i / 255.0);
      assert_true(fabs((double)u[i][0][e] - want) < 1e-6);
      assert_true(fabs((double)u[i][1][e] - want) < 1e-3);
    }
}

/* ---- the language ----------------------------------------------------- */

/* Every expected value is worked out by hand from the source beside it. */
static void what_hand_written_kernels_use_computes_right(void **state) {
  static const char text[] = HEAD
      "namespace a { constant int N = 3;\n"
      "  static float twice(float x) { return x * N; } }\n"
      "struct S { float x = 1.5f; const int n = 4; alignas(16) half h = 2; };\n"
      "template <typename T, int N = 2> struct Tile {\n"
      "  static constant constexpr int size = N;\n  T data[N];\n};\n"
      "template <typename T, int N> T total(thread const Tile<T, N> &t) {\n"
      "  T s = 0;\n  for (int i = 0; i < N; i++) s += t.data[i];\n"
      "  return s;\n}\n"
      "template <typename T> void set(device T *p, T v, T w = 7) {\n"
      "  *p = v + w; }\n"
      "static float half_of(thread const float &x) { return x / 2; }\n"
      "template <typename T, int K>\n"
      "kernel void g(device T *y [[buffer(0)]], device ulong *q [[buffer(1)]],\n"
      "              uint i [[thread_position_in_grid]]) {\n"
      "  S s; S t = {.h = 3};\n"
      "  Tile<float, 3> tile = {{1, 2, float(i)}};\n"
      "  array<int, 3> r = {4, 5, 6};\n"
      "  y[0] = a::twice(2.0f);\n"                        /* 6 */
      "  y[1] = s.x + s.n + s.h;\n"                       /* 7.5 */
      "  y[2] = t.x + t.n + t.h;\n"                       /* 8.5 */
      "  y[3] = total(tile) + Tile<T>::size;\n"           /* 3 + i + 2 */
      "  set(y + 4, 2.0f);\n"                             /* 9 */
      "  y[5] = half_of(y[0] + 4.0f);\n"                  /* 5 */
      "  y[6] = r[i + 1] + r.size() + K;\n"               /* 5 + 3 + 11 */
      "  if (int k = 3; k > 2) y[7] = k; else y[7] = -k;\n" /* 3 */
      "  *reinterpret_cast<device float *>(q[0]) = 13;\n"
      "  q[1] = reinterpret_cast<ulong>(y);\n"
      "  decltype(r[0]) z = r[0]; z = 20; y[9] = r[0];\n" /* 20 */
      "}\n"
      "template [[host_name(\"g_f32\")]] [[kernel]] decltype(g<float, 11>)\n"
      "    g<float, 11>;\n";
  static const float want[10] = {6, 7.5f, 8.5f, 5, 9, 5, 19, 3, 13, 20};
  static float y[10];
  static uint64_t q[2];
  q[0] = (uint64_t)(uintptr_t)&y[8];
  span buffers[] = {{y, sizeof y}, {q, sizeof q}};
  run(text, 1, buffers, 2);
  for (int i = 0; i < 10; i++)
    if (y[i] != want[i]) fail_msg("y[%d] = %g, not %g", i, y[i], want[i]);
  assert_true(q[1] == (uint64_t)(uintptr_t)y);
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(what_hand_written_kernels_use_computes_right),
    cmocka_unit_test(packing_follows_its_formulas),
    cmocka_unit_test(srgb_and_10a2_packing_follow_their_formulas),
    cmocka_unit_test(functions_take_their_types_and_no_others),
    cmocka_unit_test(integer_functions_match_128_bit_arithmetic),
    cmocka_unit_test(group_functions_match_on_every_type),
    cmocka_unit_test(vectors_of_three_and_four_are_their_elements),
    cmocka_unit_test(math_functions_keep_the_bounds_of_the_specification),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
