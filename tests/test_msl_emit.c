/* SPDX-License-Identifier: MIT */
/*
 * test_msl_emit.c - laid-out TTIR to MSL.
 *
 * Kernels that upstream's front end lowered (tests/golden/msl) are laid out,
 * emitted, checked by the linter and by softmetal's front end, and run by its
 * executor with bounds and races checked, for 1 to 8 simdgroups. Expected
 * values are computed here in double precision or exact integers. Smaller
 * texts pin down single facts of the output.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../lib/msl/msl.h"
#include "../softmetal/exec/exec.h"

#ifndef TM_TEST_DIR
#define TM_TEST_DIR "tests/"
#endif

typedef _Float16 half;

/* ---- harness ---------------------------------------------------------- */

typedef struct kernel {
  tm_arena arena;
  jmp_buf guard;
  tm_diags diags;
  tm_msl msl;
  bool emitted;
  sm_code *code;
} kernel;

static const char *messages(kernel *k) {
  tm_buf buf = tm_buf_in(&k->arena);
  tm_diags_render_all(&k->diags, &buf);
  return tm_buf_text(&buf);
}

/* Lays out and emits; the text must pass the linter. */
static kernel *emit(const char *ttir, uint32_t num_warps) {
  kernel *k = calloc(1, sizeof *k);
  tm_arena_init(&k->arena, 0);
  if (!tm_arena_guard(&k->arena, k->guard)) fail_msg("out of memory");
  tm_diags_init(&k->diags, &k->arena);
  uint32_t file = tm_diags_source(&k->diags, "test.ttir", tm_cstr(ttir));
  tm_ir *ir = tm_ir_parse(&k->arena, &k->diags, file);
  if (!ir) fail_msg("%s", messages(k));
  const tm_chip *chip = tm_chip_by_name("m1");
  tm_layouts layouts;
  if (!tm_layout_assign(ir, chip, num_warps, &layouts, &k->diags))
    fail_msg("%s", messages(k));
  k->emitted =
      tm_msl_emit(ir, &layouts, chip, &k->arena, &k->diags, &k->msl);
  assert_int_equal(k->emitted, k->diags.errors == 0);
  if (k->emitted && !tm_msl_lint(&k->msl, chip, &k->diags))
    fail_msg("%s\n%s", messages(k), k->msl.text);
  return k;
}

static void release(kernel *k) {
  if (k->code) sm_code_release(k->code);
  tm_arena_free(&k->arena);
  free(k);
}

/* Emits text that softmetal's front end must accept. */
static kernel *emit_fine(const char *ttir, uint32_t num_warps) {
  kernel *k = emit(ttir, num_warps);
  if (!k->emitted) fail_msg("%s", messages(k));
  return k;
}

static void compile(kernel *k) {
  tm_diags diags;
  tm_diags_init(&diags, &k->arena);
  tm_diags_source(&diags, "kernel.metal", tm_cstr(k->msl.text));
  sm_parse_options options = {.language_version = k->msl.language_version,
                              .family = k->msl.family,
                              .math_mode = SM_SAFE,
                              .precise_functions = true};
  sm_program *program =
      sm_parse(&k->arena, &diags, tm_cstr(k->msl.text), &options);
  if (!program) {
    tm_buf buf = tm_buf_in(&k->arena);
    tm_diags_render_all(&diags, &buf);
    fail_msg("%s", tm_buf_text(&buf));
  }
  const sm_function *entry = NULL;
  for (uint32_t i = 0; i < program->functions.len; i++)
    if (program->functions.data[i]->is_kernel)
      entry = program->functions.data[i];
  assert_non_null(entry);
  assert_int_equal(entry->threadgroup_bytes, k->msl.threadgroup_bytes);
  /* Threadgroups here are whole simdgroups. */
  sm_code_options how = {.check = true, .entries = SM_ENTRIES_FULL};
  sm_code_info info;
  void *object = NULL;
  size_t size = 0;
  char *error = NULL;
  if (!sm_code_compile(program, entry, &how, &object, &size, &info, &error))
    fail_msg("%s", error);
  k->code = sm_code_load(object, size, &info, &error);
  if (!k->code) fail_msg("%s", error);
  free(object);
}

static kernel *load(const char *name, uint32_t num_warps) {
  char path[256];
  static char text[1 << 16];
  snprintf(path, sizeof path, "%sgolden/msl/%s.ttir", TM_TEST_DIR, name);
  FILE *file = fopen(path, "rb");
  if (!file) fail_msg("cannot open %s", path);
  size_t n = fread(text, 1, sizeof text - 1, file);
  fclose(file);
  text[n] = 0;
  kernel *k = emit_fine(text, num_warps);
  compile(k);
  return k;
}

typedef struct array { void *data; size_t bytes; } array;

/* buffers in order of parameters; scalars as the struct of the text. */
static void run(kernel *k, uint32_t grid_x, uint32_t grid_y,
                const array *buffers, const void *scalars) {
  sm_dispatch d;
  memset(&d, 0, sizeof d);
  d.code = k->code;
  d.shuffle_seed = 7; /* simdgroups out of order: races show */
  d.grid_threads[0] = (uint64_t)grid_x * k->msl.threads;
  d.grid_threads[1] = grid_y;
  d.grid_threads[2] = 1;
  d.group[0] = k->msl.threads;
  d.group[1] = d.group[2] = 1;
  for (uint32_t i = 0, n = 0; i < k->msl.n_args; i++) {
    if (k->msl.args[i].kind != TM_ARG_BUFFER) continue;
    d.buffers[k->msl.args[i].slot] =
        (sm_binding){buffers[n].data, buffers[n].bytes};
    n++;
  }
  if (k->msl.scalars_size)
    d.buffers[k->msl.scalars_slot] =
        (sm_binding){(void *)(uintptr_t)scalars, k->msl.scalars_size};
  char *error = NULL;
  if (sm_run(&d, &error) != SM_RUN_OK) fail_msg("%s", error ? error : "?");
}

static uint32_t state;

/* -2 to 2 in steps of 1/500. */
static float roll(void) {
  state = state * 1664525u + 1013904223u;
  return (float)((int)(state >> 8) % 1001) / 500.0f *
         (state & 128 ? 1.0f : -1.0f);
}

static array floats(size_t n, bool filled) {
  float *x = calloc(n, sizeof *x);
  for (size_t i = 0; i < n && filled; i++) x[i] = roll();
  return (array){x, n * sizeof *x};
}

static array halves(size_t n, bool filled) {
  half *x = calloc(n, sizeof *x);
  for (size_t i = 0; i < n && filled; i++) x[i] = (half)roll();
  return (array){x, n * sizeof *x};
}

static void free_all(array *arrays, size_t n) {
  for (size_t i = 0; i < n; i++) free(arrays[i].data);
}

#define EACH_WARPS(w) \
  for (uint32_t w = 1; w <= 8; w *= 2)

/* ---- kernels that run ------------------------------------------------- */

static void vector_add_masks_the_tail(void **unused) {
  EACH_WARPS(w) {
    kernel *k = load("vector_add", w);
    int n = 5003;
    array b[3] = {floats(5003, true), floats(5003, true),
                  floats(5003, false)};
    run(k, 5, 1, b, &n);
    const float *x = b[0].data, *y = b[1].data, *z = b[2].data;
    for (int i = 0; i < n; i++) assert_true(z[i] == x[i] + y[i]);
    free_all(b, 3);
    release(k);
  }
}

static void softmax_is_within_a_few_ulp(void **unused) {
  enum { ROWS = 3, COLS = 781, STRIDE = 784 };
  EACH_WARPS(w) {
    kernel *k = load("softmax", w);
    array b[2] = {floats(ROWS * STRIDE, false), floats(ROWS * STRIDE, true)};
    int scalars[3] = {STRIDE, STRIDE, COLS};
    run(k, ROWS, 1, b, scalars);
    for (int r = 0; r < ROWS; r++) {
      const float *x = (float *)b[1].data + r * STRIDE;
      const float *y = (float *)b[0].data + r * STRIDE;
      double most = -INFINITY, sum = 0;
      for (int i = 0; i < COLS; i++) most = fmax(most, x[i]);
      for (int i = 0; i < COLS; i++) sum += exp(x[i] - most);
      for (int i = 0; i < COLS; i++) {
        double want = exp(x[i] - most) / sum;
        assert_true(fabs(y[i] - want) <= 2e-6 * want);
      }
    }
    free_all(b, 2);
    release(k);
  }
}

static void layer_norm_in_three_loops(void **unused) {
  enum { ROWS = 2, N = 1616 };
  EACH_WARPS(w) {
    kernel *k = load("layer_norm", w);
    array b[6] = {halves(ROWS * N, true), halves(ROWS * N, false),
                  halves(N, true), halves(N, true), floats(ROWS, false),
                  floats(ROWS, false)};
    struct { int stride, n; float eps; } scalars = {N, N, 1e-5f};
    run(k, ROWS, 1, b, &scalars);
    for (int r = 0; r < ROWS; r++) {
      const half *x = (half *)b[0].data + r * N;
      const half *y = (half *)b[1].data + r * N;
      const half *weight = b[2].data, *bias = b[3].data;
      double mean = 0, var = 0;
      for (int i = 0; i < N; i++) mean += (double)x[i] / N;
      for (int i = 0; i < N; i++)
        var += ((double)x[i] - mean) * ((double)x[i] - mean) / N;
      double rstd = 1 / sqrt(var + 1e-5);
      assert_true(fabs(((float *)b[4].data)[r] - mean) < 1e-5);
      assert_true(fabs(((float *)b[5].data)[r] - rstd) < 1e-5);
      for (int i = 0; i < N; i++) {
        double want = ((double)x[i] - mean) * rstd * (double)weight[i] +
                      (double)bias[i];
        assert_true(fabs((double)y[i] - want) < 1e-3 * (1 + fabs(want)));
      }
    }
    free_all(b, 6);
    release(k);
  }
}

static void matmul_with_ragged_edges(void **unused) {
  enum { M = 80, N = 112, K = 80 };
  EACH_WARPS(w) {
    kernel *k = load("matmul", w);
    array b[3] = {halves(M * K, true), halves(K * N, true),
                  halves(M * N, false)};
    int scalars[6] = {M, N, K, K, N, N};
    run(k, 4, 1, b, scalars);
    const half *x = b[0].data, *y = b[1].data, *z = b[2].data;
    for (int i = 0; i < M; i++)
      for (int j = 0; j < N; j++) {
        double want = 0;
        for (int p = 0; p < K; p++)
          want += (double)x[i * K + p] * (double)y[p * N + j];
        if (want < 0) want *= 0.01; /* leaky ReLU */
        assert_true(fabs((double)z[i * N + j] - want) <
                    1e-3 * (1 + fabs(want)));
      }
    free_all(b, 3);
    release(k);
  }
}

static void attention_keeps_its_accumulator_in_fragments(void **unused) {
  enum { L = 128, D = 64, HEADS = 2 };
  EACH_WARPS(w) {
    kernel *k = load("attention", w);
    array b[4] = {halves(HEADS * L * D, true), halves(HEADS * L * D, true),
                  halves(HEADS * L * D, true), halves(HEADS * L * D, false)};
    struct { int length; float scale; } scalars = {L, 0.18f};
    run(k, L / 64, HEADS, b, &scalars);
    for (int row = 0; row < HEADS * L; row++) {
      int head = row / L, i = row % L;
      const half *q = (half *)b[0].data + row * D;
      const half *keys = (half *)b[1].data + head * L * D;
      const half *values = (half *)b[2].data + head * L * D;
      double score[L], most = -INFINITY, sum = 0;
      for (int j = 0; j <= i; j++) {
        score[j] = 0;
        for (int d = 0; d < D; d++)
          score[j] += 0.18 * (double)q[d] * (double)keys[j * D + d];
        most = fmax(most, score[j]);
      }
      for (int j = 0; j <= i; j++) sum += exp2(score[j] - most);
      for (int d = 0; d < D; d++) {
        double want = 0;
        for (int j = 0; j <= i; j++)
          want += exp2(score[j] - most) * (double)values[j * D + d] / sum;
        double got = (double)((half *)b[3].data)[row * D + d];
        assert_true(fabs(got - want) < 3e-3);
      }
    }
    free_all(b, 4);
    release(k);
  }
}

static void argmax_takes_the_first_of_equals(void **unused) {
  enum { ROWS = 8, N = 201 };
  EACH_WARPS(w) {
    kernel *k = load("argmax", w);
    array b[3] = {floats(ROWS * N, true), floats(ROWS, false),
                  floats(ROWS, false)};
    int n = N;
    float *x = b[0].data;
    for (int r = 0; r < ROWS; r++) x[r * N + 150] = x[r * N + 17 * r] = 9.0f;
    run(k, ROWS / 4, 1, b, &n);
    for (int r = 0; r < ROWS; r++) {
      assert_int_equal(((int *)b[1].data)[r], 17 * r < 150 ? 17 * r : 150);
      assert_true(((float *)b[2].data)[r] == 9.0f);
    }
    free_all(b, 3);
    release(k);
  }
}

static float bf16(float x) {
  uint32_t u;
  memcpy(&u, &x, 4);
  u = (u + 0x7fff + (u >> 16 & 1)) & 0xffff0000u;
  memcpy(&x, &u, 4);
  return x;
}

/* One program of tests/golden/msl/integer_mix.ttir:
 *   h = (x * 1664525 + 1013904223) ^ (x >> 16); f = (h & 0xffff) * 0.5
 *   g = where(f > 3, erf(f), sin(f)); q = bf16(g); q = q * q + q
 *   i = int(g) + x // 3 + x % 7; s = sum(i)
 *   if s > 10: q += 1, else: counts[0] += s
 *   j = 0; while j * j < s: j += 3
 *   counts[1 + (o & 15)] += i; y = q + j */
static void mix(const int *x, int first, int n, float *y, int *counts) {
  float q[512];
  int part[512];
  uint32_t sum = 0;
  for (int t = 0; t < 512; t++) {
    int v = first + t < n ? x[first + t] : 0;
    int h = (int)((uint32_t)v * 1664525u + 1013904223u) ^ (v >> 16);
    float f = (float)(h & 0xffff) * 0.5f;
    float g = f > 3.0f ? erff(f) : sinf(f);
    float b = bf16(g);
    q[t] = bf16(bf16(b * b) + b);
    part[t] = (int)g + v / 3 + v % 7;
    sum += (uint32_t)part[t];
  }
  int total = (int)sum, j = 0;
  while ((int)((uint32_t)j * (uint32_t)j) < total) j += 3;
  if (total <= 10) counts[0] = (int)((uint32_t)counts[0] + sum);
  for (int t = 0; t < 512 && first + t < n; t++) {
    int *count = &counts[1 + ((first + t) & 15)];
    *count = (int)((uint32_t)*count + (uint32_t)part[t]);
    if (total > 10) q[t] = bf16(q[t] + 1.0f);
    y[first + t] = bf16(q[t] + bf16((float)j));
  }
}

static void integers_wrap_and_bf16_rounds(void **unused) {
  enum { N = 1000 };
  EACH_WARPS(w) {
    kernel *k = load("integer_mix", w);
    array b[3] = {floats(N, false), halves(N, false), floats(17, false)};
    int *x = b[0].data, counts[17] = {0}, n = N;
    float y[N];
    for (int i = 0; i < N; i++) {
      state = state * 1664525u + 1013904223u;
      x[i] = (int)state;
    }
    run(k, 2, 1, b, &n);
    mix(x, 0, N, y, counts);
    mix(x, 512, N, y, counts);
    assert_memory_equal(b[2].data, counts, sizeof counts);
    for (int i = 0; i < N; i++) { /* sin and erf may round differently */
      uint32_t u = (uint32_t)((uint16_t *)b[1].data)[i] << 16;
      float got;
      memcpy(&got, &u, 4);
      assert_true(fabsf(got - y[i]) <= fabsf(y[i]) / 100 + 1e-3f);
    }
    free_all(b, 3);
    release(k);
  }
}

/* ---- libdevice -------------------------------------------------------- */

/* out[i] = symbol(in0[i], in1[i]) for 512 elements. */
static kernel *external(const char *symbol, const char *from, const char *to,
                        int operands, uint32_t num_warps) {
  static char text[8192];
  char *p = text;
  p += sprintf(p, "module { tt.func public @f(%%in0: !tt.ptr<%s>, %%in1: "
                  "!tt.ptr<%s>, %%out: !tt.ptr<%s>) {\n"
                  "  %%r = tt.make_range {start = 0 : i32, end = 512 : i32} "
                  ": tensor<512xi32>\n", from, from, to);
  for (int i = 0; i < operands; i++)
    p += sprintf(p, "  %%s%d = tt.splat %%in%d : !tt.ptr<%s> -> "
                    "tensor<512x!tt.ptr<%s>>\n"
                    "  %%p%d = tt.addptr %%s%d, %%r : tensor<512x!tt.ptr<%s>>"
                    ", tensor<512xi32>\n"
                    "  %%x%d = tt.load %%p%d : tensor<512x!tt.ptr<%s>>\n",
                 i, i, from, from, i, i, from, i, i, from);
  p += sprintf(p, "  %%y = tt.extern_elementwise %%x0%s {libname = \"\", "
                  "libpath = \"\", pure = true, symbol = \"%s\"} : "
                  "(tensor<512x%s>",
               operands > 1 ? ", %x1" : "", symbol, from);
  if (operands > 1) p += sprintf(p, ", tensor<512x%s>", from);
  sprintf(p, ") -> tensor<512x%s>\n"
             "  %%os = tt.splat %%out : !tt.ptr<%s> -> "
             "tensor<512x!tt.ptr<%s>>\n"
             "  %%op = tt.addptr %%os, %%r : tensor<512x!tt.ptr<%s>>, "
             "tensor<512xi32>\n"
             "  tt.store %%op, %%y : tensor<512x!tt.ptr<%s>>\n"
             "  tt.return\n} }\n", to, to, to, to, to);
  return emit(text, num_warps);
}

static double inverse_erf(double y) { /* by bisection */
  double low = -6, high = 6;
  for (int i = 0; i < 100; i++) {
    double x = (low + high) / 2;
    if (erf(x) < y) low = x;
    else high = x;
  }
  return low;
}

static double pi_sine(double x) { return sin(acos(-1) * fmod(x, 2)); }
static double pi_cosine(double x) { return cos(acos(-1) * fmod(x, 2)); }
static double ten_to(double x) { return pow(10, x); }

static void float_functions_keep_their_bounds(void **unused) {
  static const struct {
    const char *symbol;
    double (*reference)(double);
    float from, to;
    double relative; /* Metal's bound or the helper's, times 2^-23 */
  } table[] = {
    {"__nv_tanhf", tanh, -5, 5, 5e-7},   {"__nv_sinhf", sinh, -9, 9, 5e-7},
    {"__nv_coshf", cosh, -9, 9, 5e-7},   {"__nv_tanf", tan, -1.5f, 1.5f, 8e-7},
    {"__nv_asinf", asin, -1, 1, 5e-7},   {"__nv_acosf", acos, -1, 0.9f, 5e-7},
    {"__nv_atanf", atan, -9, 9, 6e-7},   {"__nv_asinhf", asinh, -9, 9, 5e-7},
    {"__nv_acoshf", acosh, 1.1f, 9, 5e-7},
    {"__nv_atanhf", atanh, -0.9f, 0.9f, 6e-7},
    {"__nv_exp10f", ten_to, -9, 9, 5e-7},
    {"__nv_log10f", log10, 1.5f, 99, 5e-7},
    {"__nv_sinpif", pi_sine, 0.1f, 0.9f, 5e-7},
    {"__nv_cospif", pi_cosine, -0.4f, 0.4f, 5e-7},
    {"__nv_rintf", rint, -9, 9, 0},      {"__nv_roundf", round, -9, 9, 0},
    {"__nv_nearbyintf", rint, -9, 9, 0}, {"__nv_truncf", trunc, -9, 9, 0},
    {"__nv_erff", erf, -4, 4, 4e-7},     {"__nv_erfcf", erfc, -4, 9, 1e-6},
    {"__nv_erfinvf", inverse_erf, -0.999f, 0.999f, 1e-6},
    {"__nv_expm1f", expm1, -2, 9, 1.2e-6},
    {"__nv_log1pf", log1p, -0.9f, 9, 1.2e-6},
    {"__nv_cbrtf", cbrt, -99, 99, 2.4e-7},
  };
  for (size_t t = 0; t < sizeof table / sizeof *table; t++) {
    kernel *k = external(table[t].symbol, "f32", "f32", 1, 4);
    if (!k->emitted) fail_msg("%s", messages(k));
    compile(k);
    array b[2] = {floats(512, false), floats(512, false)};
    float *x = b[0].data;
    for (int i = 0; i < 512; i++)
      x[i] = table[t].from +
             (table[t].to - table[t].from) * (float)i / 511.0f;
    array three[3] = {b[0], b[0], b[1]};
    run(k, 1, 1, three, NULL);
    for (int i = 0; i < 512; i++) {
      double want = table[t].reference((double)x[i]);
      double got = (double)((float *)b[1].data)[i];
      if (!(fabs(got - want) <= table[t].relative * fabs(want) + 1e-37))
        fail_msg("%s(%.9g): %.9g, not %.9g", table[t].symbol, (double)x[i],
                 got, want);
    }
    free_all(b, 2);
    release(k);
  }
}

static void half_functions_round_once(void **unused) {
  kernel *k = external("__nv_erfc", "f16", "f16", 1, 2);
  compile(k);
  array b[2] = {halves(512, true), halves(512, false)};
  array three[3] = {b[0], b[0], b[1]};
  run(k, 1, 1, three, NULL);
  for (int i = 0; i < 512; i++) {
    double want = erfc((double)((half *)b[0].data)[i]);
    assert_true(fabs((double)((half *)b[1].data)[i] - want) <=
                0.0005 * want); /* half an ulp is 2^-11 at most */
  }
  free_all(b, 2);
  release(k);
}

static float next_after(float x, float y) { return nextafterf(x, y); }

static void functions_of_two_floats(void **unused) {
  static const struct {
    const char *symbol;
    double (*reference)(double, double);
    float (*exact)(float, float);
    double relative;
  } table[] = {
    {"__nv_atan2f", atan2, NULL, 7.2e-7},
    {"__nv_hypotf", hypot, NULL, 2.4e-7},
    {"__nv_fmodf", NULL, fmodf, 0},
    {"__nv_copysignf", NULL, copysignf, 0},
    {"__nv_fdimf", NULL, fdimf, 0},
    {"__nv_nextafterf", NULL, next_after, 0},
    {"__nv_powf", pow, NULL, 1.95e-6},
    {"__nv_fmaxf", NULL, fmaxf, 0},
  };
  for (size_t t = 0; t < sizeof table / sizeof *table; t++) {
    kernel *k = external(table[t].symbol, "f32", "f32", 2, 4);
    if (!k->emitted) fail_msg("%s", messages(k));
    compile(k);
    array b[3] = {floats(512, true), floats(512, true), floats(512, false)};
    float *x = b[0].data, *y = b[1].data, *z = b[2].data;
    for (int i = 0; i < 512; i++) {
      if (y[i] == 0) y[i] = 1;
      if (table[t].reference == pow) x[i] = fabsf(x[i]) + 0.1f;
    }
    if (table[t].reference == hypot) {
      x[0] = 3e38f, y[0] = 1e38f, x[1] = y[1] = 0;
      x[2] = INFINITY, y[2] = NAN, x[3] = NAN, y[3] = 1;
    }
    run(k, 1, 1, b, NULL);
    for (int i = 0; i < 512; i++) {
      double want = table[t].exact ? (double)table[t].exact(x[i], y[i])
                                   : table[t].reference(x[i], y[i]);
      double got = (double)z[i];
      bool same = isnan(want) ? isnan(got)
                              : got == want || fabs(got - want) <=
                                    table[t].relative * fabs(want);
      if (!same)
        fail_msg("%s(%g, %g): %.9g, not %.9g", table[t].symbol, (double)x[i],
                 (double)y[i], got, want);
    }
    free_all(b, 3);
    release(k);
  }
}

static void special_values_of_our_helpers(void **unused) {
  static const struct { const char *symbol; float x, y; } table[] = {
    {"__nv_cbrtf", 0, 0},       {"__nv_cbrtf", -INFINITY, -INFINITY},
    {"__nv_cbrtf", NAN, NAN},   {"__nv_erfinvf", 1, INFINITY},
    {"__nv_erfinvf", -1, -INFINITY}, {"__nv_erfinvf", 1.5f, NAN},
    {"__nv_erfinvf", 0, 0},     {"__nv_erfcf", INFINITY, 0},
    {"__nv_erfcf", -INFINITY, 2}, {"__nv_erfcf", NAN, NAN},
    {"__nv_log1pf", -1, -INFINITY}, {"__nv_log1pf", INFINITY, INFINITY},
    {"__nv_log1pf", -2, NAN},   {"__nv_log1pf", 1e-30f, 1e-30f},
    {"__nv_expm1f", -INFINITY, -1}, {"__nv_expm1f", INFINITY, INFINITY},
    {"__nv_expm1f", 1e-30f, 1e-30f}, {"__nv_expm1f", NAN, NAN},
    {"__nv_expm1f", 100, INFINITY}, {"__nv_expm1f", -100, -1},
  };
  for (size_t t = 0; t < sizeof table / sizeof *table; t++) {
    kernel *k = external(table[t].symbol, "f32", "f32", 1, 1);
    compile(k);
    array b[2] = {floats(512, false), floats(512, false)};
    for (int i = 0; i < 512; i++) ((float *)b[0].data)[i] = table[t].x;
    array three[3] = {b[0], b[0], b[1]};
    run(k, 1, 1, three, NULL);
    float y = *(float *)b[1].data;
    if (isnan(table[t].y) ? !isnan(y) : y != table[t].y)
      fail_msg("%s(%g) = %g", table[t].symbol, (double)table[t].x, (double)y);
    free_all(b, 2);
    release(k);
  }
}

static uint64_t bit_function(const char *name, uint64_t x, uint32_t bits) {
  uint64_t n = 0;
  if (strcmp(name, "clz") == 0) {
    while (n < bits && !(x >> (bits - 1 - n) & 1)) n++;
  } else if (strcmp(name, "popc") == 0) {
    for (uint32_t i = 0; i < bits; i++) n += x >> i & 1;
  } else if (strcmp(name, "ffs") == 0) {
    for (uint32_t i = bits; i-- > 0;)
      if (x >> i & 1) n = i + 1;
  } else {
    for (uint32_t i = 0; i < bits; i++) n |= (x >> i & 1) << (bits - 1 - i);
  }
  return n;
}

static void bit_functions_of_32_and_64_bits(void **unused) {
  static const char *const names[] = {"clz", "popc", "ffs", "brev"};
  for (int t = 0; t < 8; t++) {
    const char *name = names[t / 2];
    bool wide = t & 1, same = t / 2 == 3;
    char symbol[32];
    snprintf(symbol, sizeof symbol, "__nv_%s%s", name, wide ? "ll" : "");
    kernel *k = external(symbol, wide ? "i64" : "i32",
                         wide && same ? "i64" : "i32", 1, 4);
    if (!k->emitted) fail_msg("%s", messages(k));
    compile(k);
    uint64_t x[512], y[512] = {0};
    for (int i = 0; i < 512; i++) {
      state = state * 1664525u + 1013904223u;
      uint64_t v = (uint64_t)state * 0x9e3779b97f4a7c15u;
      v = i == 0 ? 0 : v >> (i % 64);
      if (wide) x[i] = v;
      else ((uint32_t *)x)[i] = (uint32_t)v;
    }
    array b[3] = {{x, wide ? 4096 : 2048}, {x, wide ? 4096 : 2048},
                  {y, wide && same ? 4096 : 2048}};
    run(k, 1, 1, b, NULL);
    for (int i = 0; i < 512; i++) {
      uint64_t v = wide ? x[i] : ((uint32_t *)x)[i];
      uint64_t got = wide && same ? y[i] : ((uint32_t *)y)[i];
      assert_int_equal(got, bit_function(name, v, wide ? 64 : 32));
    }
    release(k);
  }
}

/* Upstream's libdevice.py names these for types that Metal has, all but jn
 * and yn; the letters are the types of the arguments and of the result. */
static const char *const library_symbols[] = {
    "ii abs", "ff acosf", "ff acoshf", "ff asinf", "ff asinhf", "fff atan2f",
    "ff atanf", "ff atanhf", "ii brev", "ll brevll", "iiii byte_perm",
    "ff cbrtf", "ff ceilf", "ii clz", "li clzll", "fff copysignf", "ff cosf",
    "ff coshf", "ff cospif", "ff cyl_bessel_i0f", "ff cyl_bessel_i1f",
    "ff erfcf", "ff erfcinvf", "ff erfcxf", "ff erff", "ff erfinvf",
    "ff exp10f", "ff exp2f", "ff expf", "ff expm1f", "ff fabsf",
    "fff fadd_rd", "fff fadd_rn", "fff fadd_ru", "fff fadd_rz",
    "ff fast_cosf", "ff fast_exp10f", "ff fast_expf", "fff fast_fdividef",
    "ff fast_log10f", "ff fast_log2f", "ff fast_logf", "fff fast_powf",
    "ff fast_sinf", "ff fast_tanf", "fff fdimf", "fff fdiv_rd", "fff fdiv_rn",
    "fff fdiv_ru", "fff fdiv_rz", "ii ffs", "li ffsll", "fi finitef",
    "fi float2int_rd", "fi float2int_rn", "fi float2int_ru",
    "fi float2int_rz", "fl float2ll_rd", "fl float2ll_rn", "fl float2ll_ru",
    "fl float2ll_rz", "fi float2uint_rd", "fi float2uint_rn",
    "fi float2uint_ru", "fi float2uint_rz", "fl float2ull_rd",
    "fl float2ull_rn", "fl float2ull_ru", "fl float2ull_rz",
    "fi float_as_int", "fi float_as_uint", "ff floorf", "ffff fmaf",
    "ffff fmaf_rd", "ffff fmaf_rn", "ffff fmaf_ru", "ffff fmaf_rz",
    "fff fmodf", "fff fmul_rd", "fff fmul_rn", "fff fmul_ru", "fff fmul_rz",
    "ff frcp_rd", "ff frcp_rn", "ff frcp_ru", "ff frcp_rz", "ff frsqrt_rn",
    "ff fsqrt_rd", "ff fsqrt_rn", "ff fsqrt_ru", "ff fsqrt_rz", "fff fsub_rd",
    "fff fsub_rn", "fff fsub_ru", "fff fsub_rz", "iii hadd", "fff hypotf",
    "fi ilogbf", "if int2float_rd", "if int2float_rn", "if int2float_ru",
    "if int2float_rz", "if int_as_float", "fi isinff", "fi isnanf", "ff j0f",
    "ff j1f", "fif ldexpf", "ff lgammaf", "lf ll2float_rd", "lf ll2float_rn",
    "lf ll2float_ru", "lf ll2float_rz", "ll llabs", "fl llrintf",
    "fl llroundf", "ff log10f", "ff log1pf", "ff log2f", "ff logbf",
    "ff logf", "iii mul24", "lll mul64hi", "iii mulhi", "ff nearbyintf",
    "fff nextafterf", "ffff norm3df", "fffff norm4df", "ff normcdff",
    "ff normcdfinvf", "ii popc", "li popcll", "fff powf", "fif powif",
    "ff rcbrtf", "fff remainderf", "iii rhadd", "fff rhypotf", "ff rintf",
    "ffff rnorm3df", "fffff rnorm4df", "ff roundf", "ff rsqrtf", "iiii sad",
    "ff saturatef", "fif scalbnf", "fi signbitf", "ff sinf", "ff sinhf",
    "ff sinpif", "ff sqrtf", "ff tanf", "ff tanhf", "ff tgammaf", "ff truncf",
    "iii uhadd", "if uint2float_rd", "if uint2float_rn", "if uint2float_ru",
    "if uint2float_rz", "if uint_as_float", "lf ull2float_rd",
    "lf ull2float_rn", "lf ull2float_ru", "lf ull2float_rz", "iii umul24",
    "lll umul64hi", "iii umulhi", "iii urhadd", "iiii usad", "ff y0f",
    "ff y1f",
};

static const char *letter_type(char letter) {
  return letter == 'f' ? "f32" : letter == 'i' ? "i32" : "i64";
}

/* A function that loads each operand as its own type; true when emitted. */
static bool symbol_is_emitted(const char *types, size_t n, const char *name) {
  tm_arena arena;
  jmp_buf guard;
  tm_arena_init(&arena, 0);
  if (!tm_arena_guard(&arena, guard)) fail_msg("out of memory");
  tm_buf text = tm_buf_in(&arena), of = tm_buf_in(&arena);
  tm_buf_puts(&text, "module { tt.func public @f(%p: !tt.ptr<f32>, "
                     "%q: !tt.ptr<i32>) {\n  %r = tt.make_range {start = 0 : "
                     "i32, end = 512 : i32} : tensor<512xi32>\n");
  tm_buf_puts(&text, "  %f = arith.sitofp %r : tensor<512xi32> to "
                     "tensor<512xf32>\n  %l = arith.extsi %r : tensor<512xi32> "
                     "to tensor<512xi64>\n  %y = tt.extern_elementwise ");
  for (size_t i = 0; i + 1 < n; i++) {
    const char *value = types[i] == 'i' ? "%r" : types[i] == 'l' ? "%l" : "%f";
    tm_buf_printf(&text, "%s%s", i ? ", " : "", value);
    tm_buf_printf(&of, "%stensor<512x%s>", i ? ", " : "",
                  letter_type(types[i]));
  }
  const char *to = letter_type(types[n - 1]);
  tm_buf_printf(&text, " {libname = \"\", libpath = \"\", pure = true, symbol "
                       "= \"__nv_%s\"} : (%s) -> tensor<512x%s>\n",
                name, tm_buf_text(&of), to);
  tm_buf_printf(&text, "  %%o = tt.splat %%p : !tt.ptr<f32> -> "
                       "tensor<512x!tt.ptr<f32>>\n  %%a = tt.addptr %%o, %%r : "
                       "tensor<512x!tt.ptr<f32>>, tensor<512xi32>\n  %%b = "
                       "tt.bitcast %%a : tensor<512x!tt.ptr<f32>> -> "
                       "tensor<512x!tt.ptr<%s>>\n  tt.store %%b, %%y : "
                       "tensor<512x!tt.ptr<%s>>\n  tt.return\n} }\n",
                to, to);
  kernel *k = emit(tm_buf_text(&text), 4);
  bool emitted = k->emitted;
  if (!emitted) print_message("%s\n", k->diags.list.data[0].message);
  release(k);
  tm_arena_free(&arena);
  return emitted;
}

static void upstreams_library_symbols_have_a_form(void **unused) {
  bool all = true;
  for (size_t i = 0; i < TM_COUNT(library_symbols); i++) {
    size_t n = strcspn(library_symbols[i], " ");
    all &= symbol_is_emitted(library_symbols[i], n,
                             library_symbols[i] + n + 1);
  }
  assert_true(all);
}

static void unknown_symbols_are_refused_by_name(void **unused) {
  kernel *k = external("__nv_nothingf", "f32", "f32", 1, 4);
  assert_false(k->emitted);
  assert_non_null(strstr(k->diags.list.data[0].message, "__nv_nothingf"));
  assert_non_null(k->diags.list.data[0].hint);
  release(k);
}

/* ---- scans ------------------------------------------------------------ */

/* A tile [rows, cols] of %in, whose row stride is cols, as %x; the same
 * addresses of %out as %op. */
static char *tile_head(char *p, int rows, int cols, const char *from,
                       const char *to) {
  p += sprintf(p, "module { tt.func public @f(%%in: !tt.ptr<%s> "
                  "{tt.divisibility = 16 : i32}, %%out: !tt.ptr<%s> "
                  "{tt.divisibility = 16 : i32}) {\n", from, to);
  p += sprintf(p, "  %%r = tt.make_range {start = 0 : i32, end = %d : i32} : "
                  "tensor<%dxi32>\n  %%c = tt.make_range {start = 0 : i32, "
                  "end = %d : i32} : tensor<%dxi32>\n",
               rows, rows, cols, cols);
  p += sprintf(p, "  %%re = tt.expand_dims %%r {axis = 1 : i32} : "
                  "tensor<%dxi32> -> tensor<%dx1xi32>\n"
                  "  %%ce = tt.expand_dims %%c {axis = 0 : i32} : "
                  "tensor<%dxi32> -> tensor<1x%dxi32>\n",
               rows, rows, cols, cols);
  p += sprintf(p, "  %%n = arith.constant dense<%d> : tensor<%dx1xi32>\n"
                  "  %%rn = arith.muli %%re, %%n : tensor<%dx1xi32>\n",
               cols, rows, rows);
  p += sprintf(p, "  %%rb = tt.broadcast %%rn : tensor<%dx1xi32> -> "
                  "tensor<%dx%dxi32>\n"
                  "  %%cb = tt.broadcast %%ce : tensor<1x%dxi32> -> "
                  "tensor<%dx%dxi32>\n"
                  "  %%o = arith.addi %%rb, %%cb : tensor<%dx%dxi32>\n",
               rows, rows, cols, cols, rows, cols, rows, cols);
  p += sprintf(p, "  %%is = tt.splat %%in : !tt.ptr<%s> -> "
                  "tensor<%dx%dx!tt.ptr<%s>>\n"
                  "  %%ip = tt.addptr %%is, %%o : tensor<%dx%dx!tt.ptr<%s>>, "
                  "tensor<%dx%dxi32>\n"
                  "  %%x = tt.load %%ip : tensor<%dx%dx!tt.ptr<%s>>\n",
               from, rows, cols, from, rows, cols, from, rows, cols, rows,
               cols, from);
  p += sprintf(p, "  %%os = tt.splat %%out : !tt.ptr<%s> -> "
                  "tensor<%dx%dx!tt.ptr<%s>>\n"
                  "  %%op = tt.addptr %%os, %%o : tensor<%dx%dx!tt.ptr<%s>>, "
                  "tensor<%dx%dxi32>\n",
               to, rows, cols, to, rows, cols, to, rows, cols);
  return p;
}

/* scans: a sum of i32; a first-order recurrence x = a x + b over pairs of
 * i32 (which does not commute); a sum of the transposed tile's reshape. */
typedef enum scan_kind { SUM, RECURRENCE, OF_RESHAPE } scan_kind;

static char *scan_text(scan_kind kind, int rows, int cols, int axis,
                       bool reverse) {
  static char text[16384];
  char *p = tile_head(text, rows, cols, "i32", "i32"), type[64];
  const char *back = reverse ? "true" : "false";
  sprintf(type, "tensor<%dx%dxi32>", rows, cols);
  if (kind == RECURRENCE)
    p += sprintf(
        p, "  %%m = arith.constant dense<3> : %s\n"
           "  %%a = arith.andi %%x, %%m : %s\n"
           "  %%s:2 = \"tt.scan\"(%%a, %%x) <{axis = %d : i32, reverse = "
           "%s}> ({\n"
           "  ^bb0(%%a0: i32, %%b0: i32, %%a1: i32, %%b1: i32):\n"
           "    %%t0 = arith.muli %%a0, %%a1 : i32\n"
           "    %%t1 = arith.muli %%a1, %%b0 : i32\n"
           "    %%t2 = arith.addi %%t1, %%b1 : i32\n"
           "    tt.scan.return %%t0, %%t2 : i32, i32\n"
           "  }) : (%s, %s) -> (%s, %s)\n"
           "  tt.store %%op, %%s#1 : tensor<%dx%dx!tt.ptr<i32>>\n",
        type, type, axis, back, type, type, type, type, rows, cols);
  if (kind != RECURRENCE) {
    char shape[64];
    sprintf(shape, kind == SUM ? "tensor<%dx%dxi32>" : "tensor<%dxi32>",
            kind == SUM ? rows : rows * cols, cols);
    if (kind == OF_RESHAPE)
      p += sprintf(p, "  %%t = tt.trans %%x {order = array<i32: 1, 0>} : %s "
                      "-> tensor<%dx%dxi32>\n"
                      "  %%y = tt.reshape %%t : tensor<%dx%dxi32> -> %s\n",
                   type, cols, rows, cols, rows, shape);
    p += sprintf(p, "  %%s = \"tt.scan\"(%s) <{axis = %d : i32, reverse = "
                    "%s}> ({\n  ^bb0(%%a0: i32, %%a1: i32):\n"
                    "    %%t0 = arith.addi %%a0, %%a1 : i32\n"
                    "    tt.scan.return %%t0 : i32\n  }) : (%s) -> %s\n",
                 kind == SUM ? "%x" : "%y", axis, back, shape, shape);
    if (kind == OF_RESHAPE)
      p += sprintf(p, "  %%u = tt.reshape %%s : %s -> tensor<%dx%dxi32>\n"
                      "  %%w = tt.trans %%u {order = array<i32: 1, 0>} : "
                      "tensor<%dx%dxi32> -> %s\n",
                   shape, cols, rows, cols, rows, type);
    p += sprintf(p, "  tt.store %%op, %%%s : tensor<%dx%dx!tt.ptr<i32>>\n",
                 kind == SUM ? "s" : "w", rows, cols);
  }
  sprintf(p, "  tt.return\n} }\n");
  return text;
}

static void expect_scan(scan_kind kind, int rows, int cols, int axis,
                        bool reverse, uint32_t warps) {
  kernel *k = emit_fine(scan_text(kind, rows, cols, axis, reverse), warps);
  compile(k);
  size_t n = (size_t)rows * (size_t)cols;
  array b[2] = {floats(n, false), floats(n, false)};
  uint32_t *x = b[0].data, *y = b[1].data;
  for (size_t i = 0; i < n; i++) {
    state = state * 1664525u + 1013904223u;
    x[i] = state >> 3;
  }
  run(k, 1, 1, b, NULL);
  int length = axis ? cols : rows, lines = axis ? rows : cols;
  int step = axis ? 1 : cols, next = axis ? cols : 1;
  if (kind == OF_RESHAPE) length = rows * cols, lines = 1;
  for (int line = 0; line < lines; line++) {
    uint32_t sum = 0;
    for (int i = 0; i < length; i++) {
      int j = reverse ? length - 1 - i : i;
      int at = line * next + j * step;
      if (kind == OF_RESHAPE) at = j % rows * cols + j / rows;
      if (kind == RECURRENCE && i > 0) sum *= x[at] & 3;
      sum += x[at];
      if (y[at] != sum)
        fail_msg("kind %d, %d x %d, axis %d, reverse %d, %u simdgroups: "
                 "element %d is %u, not %u\n%s", (int)kind, rows, cols, axis,
                 reverse, (unsigned)warps, at, (unsigned)y[at],
                 (unsigned)sum, k->msl.text);
    }
  }
  free_all(b, 2);
  release(k);
}

static void scans_of_any_shape_axis_and_direction(void **unused) {
  static const int shapes[][2] = {{1, 2}, {1, 1024}, {2, 1},  {64, 16},
                                  {4, 64}, {256, 4}, {16, 128}};
  for (size_t t = 0; t < sizeof shapes / sizeof *shapes; t++)
    for (int axis = 0; axis < 2; axis++)
      for (int reverse = 0; reverse < 2; reverse++)
        EACH_WARPS(w) {
          /* Every second number of simdgroups, in turn. */
          bool even = w == 1 || w == 4;
          if (even == ((t + (size_t)axis) % 2)) continue;
          scan_kind kind = (t + w / 2 + (uint32_t)reverse) % 2 ? SUM
                                                               : RECURRENCE;
          expect_scan(kind, shapes[t][0], shapes[t][1], axis, reverse, w);
        }
}

static void scans_where_lanes_lie_above_simdgroups(void **unused) {
  EACH_WARPS(w) {
    expect_scan(OF_RESHAPE, 16, 32, 0, false, w);
    expect_scan(OF_RESHAPE, 8, 64, 0, true, w);
    expect_scan(OF_RESHAPE, 128, 4, 0, false, w);
  }
}

/* ---- gathers and histograms ------------------------------------------- */

static void expect_gather(int rows, int cols, int axis, uint32_t warps) {
  static char text[16384];
  char *p = tile_head(text, rows, cols, "i32", "i32"), type[64];
  sprintf(type, "tensor<%dx%dxi32>", rows, cols);
  p += sprintf(p, "  %%l = arith.constant dense<%d> : %s\n"
                  "  %%i = arith.andi %%x, %%l : %s\n"
                  "  %%g = tt.gather %%x[%%i] {axis = %d : i32} : (%s, %s) -> "
                  "%s\n  tt.store %%op, %%g : tensor<%dx%dx!tt.ptr<i32>>\n",
               (axis ? cols : rows) - 1, type, type, axis, type, type, type,
               rows, cols);
  sprintf(p, "  tt.return\n} }\n");
  kernel *k = emit_fine(text, warps);
  compile(k);
  size_t n = (size_t)rows * (size_t)cols;
  array b[2] = {floats(n, false), floats(n, false)};
  uint32_t *x = b[0].data, *y = b[1].data;
  for (size_t i = 0; i < n; i++) {
    state = state * 1664525u + 1013904223u;
    x[i] = state >> 5;
  }
  run(k, 1, 1, b, NULL);
  for (int i = 0; i < rows; i++)
    for (int j = 0; j < cols; j++) {
      uint32_t at = x[i * cols + j] & (uint32_t)((axis ? cols : rows) - 1);
      uint32_t want = axis ? x[i * cols + (int)at] : x[(int)at * cols + j];
      assert_int_equal(y[i * cols + j], want);
    }
  free_all(b, 2);
  release(k);
}

static void gathers_along_both_axes(void **unused) {
  EACH_WARPS(w) {
    expect_gather(16, 64, 0, w);
    expect_gather(16, 64, 1, w);
    expect_gather(1, 256, 1, w);
    expect_gather(8, 2, 0, w);
  }
}

static void histograms_count_what_has_a_bin(void **unused) {
  EACH_WARPS(w) {
    for (int bins = 2; bins <= 256; bins *= 8) {
      char text[4096];
      snprintf(text, sizeof text,
               "module { tt.func public @f(%%p: !tt.ptr<i32>, %%q: "
               "!tt.ptr<i32>, %%n: i32) {\n"
               "  %%r = tt.make_range {start = 0 : i32, end = 512 : i32} : "
               "tensor<512xi32>\n"
               "  %%ns = tt.splat %%n : i32 -> tensor<512xi32>\n"
               "  %%m = arith.cmpi slt, %%r, %%ns : tensor<512xi32>\n"
               "  %%ps = tt.splat %%p : !tt.ptr<i32> -> "
               "tensor<512x!tt.ptr<i32>>\n"
               "  %%pp = tt.addptr %%ps, %%r : tensor<512x!tt.ptr<i32>>, "
               "tensor<512xi32>\n"
               "  %%x = tt.load %%pp : tensor<512x!tt.ptr<i32>>\n"
               "  %%h = tt.histogram %%x, %%m : tensor<512xi32> -> "
               "tensor<%dxi32>\n"
               "  %%b = tt.make_range {start = 0 : i32, end = %d : i32} : "
               "tensor<%dxi32>\n"
               "  %%qs = tt.splat %%q : !tt.ptr<i32> -> "
               "tensor<%dx!tt.ptr<i32>>\n"
               "  %%qp = tt.addptr %%qs, %%b : tensor<%dx!tt.ptr<i32>>, "
               "tensor<%dxi32>\n"
               "  tt.store %%qp, %%h : tensor<%dx!tt.ptr<i32>>\n"
               "  tt.return\n} }\n",
               bins, bins, bins, bins, bins, bins, bins);
      kernel *k = emit_fine(text, w);
      compile(k);
      int x[512], got[256] = {0}, want[256] = {0}, n = 471;
      for (int i = 0; i < 512; i++) {
        state = state * 1664525u + 1013904223u;
        x[i] = (int)(state >> 16) % (bins + 2) - 1;
        if (i < n && x[i] >= 0 && x[i] < bins) want[x[i]]++;
      }
      array b[2] = {{x, sizeof x}, {got, (size_t)bins * 4}};
      run(k, 1, 1, b, &n);
      assert_memory_equal(got, want, (size_t)bins * 4);
      release(k);
    }
  }
}

/* ---- 8-bit floats ----------------------------------------------------- */

/* OCP 8-bit floating point specification 1.0, and the formats of AMD's GPUs,
 * which have no infinity and no -0: its code is NaN. */
typedef struct eight_bit_format {
  const char *name;
  int fraction, bias, top; /* top: the code of the largest number */
  bool is_fnuz;
} eight_bit_format;

static const eight_bit_format eight_bit_formats[] = {
    {"f8E5M2", 2, 15, 123, false},
    {"f8E4M3FN", 3, 7, 126, false},
    {"f8E4M3FNUZ", 3, 8, 127, true},
    {"f8E5M2FNUZ", 2, 16, 127, true},
};

/* What a code stands for. */
static double eight_bits(int code, const eight_bit_format *t) {
  int f = t->fraction, m = code & 127;
  int exponent = m >> f, fraction = m & ((1 << f) - 1);
  double x = exponent ? ldexp(fraction + (1 << f), exponent - t->bias - f)
                      : ldexp(fraction, 1 - t->bias - f);
  if (m > t->top) x = NAN;
  if (f == 2 && m == t->top + 1) x = INFINITY;
  if (t->is_fnuz && code == 128) return NAN;
  return code & 128 ? -x : x;
}

/* The nearest code of x, ties to even, saturating. */
static int nearest_code(double x, const eight_bit_format *t) {
  int best = 0;
  for (int code = 1; code <= t->top; code++) {
    double a = fabs(eight_bits(code, t) - fabs(x));
    double b = fabs(eight_bits(best, t) - fabs(x));
    if (a < b || (a == b && code % 2 == 0)) best = code;
  }
  if (fabs(x) >= eight_bits(t->top, t)) best = t->top;
  if (isnan(x)) return t->is_fnuz ? 128 : t->fraction == 3 ? 127 : 126;
  if (t->is_fnuz && best == 0) return 0;
  return best | (signbit(x) ? 128 : 0);
}

static kernel *cast_kernel(const char *from, const char *to, uint32_t warps) {
  static char text[16384];
  char *p = tile_head(text, 1, 1024, from, to);
  sprintf(p, "  %%y = tt.fp_to_fp %%x%s : tensor<1x1024x%s> -> "
             "tensor<1x1024x%s>\n"
             "  tt.store %%op, %%y : tensor<1x1024x!tt.ptr<%s>>\n"
             "  tt.return\n} }\n",
          strcmp(to, "f32") == 0 ? "" : ", rounding = rtne", from, to, to);
  kernel *k = emit_fine(text, warps);
  compile(k);
  return k;
}

static void eight_bit_floats_are_exact(void **unused) {
  for (size_t f = 0; f < TM_COUNT(eight_bit_formats); f++)
    EACH_WARPS(w) {
      const eight_bit_format *t = &eight_bit_formats[f];
      uint8_t codes[1024], back[1024];
      float x[1024], y[1024];
      for (int i = 0; i < 1024; i++) codes[i] = (uint8_t)i;
      kernel *k = cast_kernel(t->name, "f32", w);
      array up[2] = {{codes, sizeof codes}, {y, sizeof y}};
      run(k, 1, 1, up, NULL);
      release(k);
      for (int i = 0; i < 256; i++) {
        double want = eight_bits(i, t);
        assert_true(isnan(want) ? isnan(y[i])
                                : (double)y[i] == want &&
                                      !signbit(y[i]) == !signbit(want));
      }
      int n = 0; /* all numbers, the middles between them, and around those */
      for (int code = 0; code < t->top; code++) {
        double a = eight_bits(code, t), b = eight_bits(code + 1, t);
        float middle = (float)((a + b) / 2);
        float at[6] = {(float)a, middle, nextafterf(middle, 0),
                       nextafterf(middle, INFINITY), -middle, -(float)a};
        for (int i = 0; i < 6 && n < 1000; i++) x[n++] = at[i];
      }
      float more[] = {INFINITY, -INFINITY, NAN, 449, 464, 465, 1e30f, -1e30f,
                      61440, 61441, 240, 248, 249, 1e-30f, -1e-30f, -0.0f};
      for (int i = 0; n < 1024; i++)
        x[n++] = more[(size_t)i % (sizeof more / sizeof *more)];
      k = cast_kernel("f32", t->name, w);
      array down[2] = {{x, sizeof x}, {back, sizeof back}};
      run(k, 1, 1, down, NULL);
      release(k);
      for (int i = 0; i < 1024; i++)
        if (back[i] != nearest_code((double)x[i], t))
          fail_msg("%s of %.9g is %02x, not %02x", t->name,
                   (double)x[i], back[i], nearest_code((double)x[i], t));
    }
}

/* ---- facts of the text ------------------------------------------------ */

static void expect_text(kernel *k, const char *part) {
  if (!strstr(k->msl.text, part))
    fail_msg("no \"%s\" in\n%s", part, k->msl.text);
}

static void expect_no_text(kernel *k, const char *part) {
  if (strstr(k->msl.text, part))
    fail_msg("\"%s\" in\n%s", part, k->msl.text);
}

#define ADD                                                                  \
  "module { tt.func public @add(%x: !tt.ptr<f32> {tt.divisibility = 16 : "   \
  "i32}, %y: !tt.ptr<f32> {tt.divisibility = 16 : i32}, %n: i32) {\n"        \
  "  %r = tt.make_range {start = 0 : i32, end = 512 : i32} : "               \
  "tensor<512xi32>\n"                                                        \
  "  %ns = tt.splat %n : i32 -> tensor<512xi32>\n"                           \
  "  %m = arith.cmpi slt, %r, %ns : tensor<512xi32>\n"                       \
  "  %xs = tt.splat %x : !tt.ptr<f32> -> tensor<512x!tt.ptr<f32>>\n"         \
  "  %xp = tt.addptr %xs, %r : tensor<512x!tt.ptr<f32>>, tensor<512xi32>\n"  \
  "  %v = tt.load %xp, %m : tensor<512x!tt.ptr<f32>>\n"                      \
  "  %w = arith.addf %v, %v : tensor<512xf32>\n"                             \
  "  %ys = tt.splat %y : !tt.ptr<f32> -> tensor<512x!tt.ptr<f32>>\n"         \
  "  %yp = tt.addptr %ys, %r : tensor<512x!tt.ptr<f32>>, tensor<512xi32>\n"  \
  "  tt.store %yp, %w, %m : tensor<512x!tt.ptr<f32>>\n"                      \
  "  tt.return\n} }\n"

static void the_body_of_a_masked_map_is_short(void **unused) {
  kernel *k = emit_fine(ADD, 4);
  const char *p = strstr(k->msl.text, "]]) {\n");
  assert_non_null(p);
  int lines = 0;
  for (p += 6; *p && *p != '}'; p++) lines += *p == '\n';
  assert_true(lines <= 12); /* offsets, mask, load, add, store, comments */
  expect_text(k, "device const float *x [[buffer(0)]]");
  expect_text(k, "device float *y [[buffer(1)]]");
  expect_text(k, "load_masked(x + r.x, m, float4(0.0f))");
  release(k);
}

static uint32_t occurrences(const char *text, const char *what) {
  uint32_t n = 0;
  for (const char *p = text; (p = strstr(p, what)); p++) n++;
  return n;
}

/* Copies of bodies are bounded: a core holds about 1,500 instructions. */
static void nests_of_loops_are_rolled_when_they_grow(void **unused) {
  kernel *k = emit_fine(scan_text(RECURRENCE, 64, 16, 0, false), 2);
  assert_true(occurrences(k->msl.text, "unroll(disable)") > 0);
  release(k);
  k = emit_fine(scan_text(SUM, 4, 64, 1, false), 8);
  assert_int_equal(occurrences(k->msl.text, "unroll(disable)"), 0);
  release(k);
}

/* One array of `count` elements of `type` and a loop that adds to it; the sum
 * is what follows: an operation of tt.atomic_rmw and its types. */
static const char *counting(int count, const char *type, const char *op) {
  static char text[2048];
  snprintf(text, sizeof text,
           "module { tt.func public @f(%%p: !tt.ptr<%s>, %%n: i32, %%v: %s) {\n"
           "  %%s = ttm.shared_alloc {count = %d : i32} : !tt.ptr<%s, 3>\n"
           "  %%m = arith.constant true\n"
           "  %%a = arith.constant 0 : i32\n"
           "  %%b = arith.constant 1 : i32\n"
           "  tt.store %%s, %%v : !tt.ptr<%s, 3>\n"
           "  scf.for %%i = %%a to %%n step %%b : i32 {\n"
           "    %%o = tt.atomic_rmw %s, relaxed, cta, %%s, %%v, %%m : "
           "(!tt.ptr<%s, 3>, %s, i1) -> %s\n"
           "  }\n"
           "  %%w = tt.load %%s : !tt.ptr<%s, 3>\n"
           "  tt.store %%p, %%w : !tt.ptr<%s>\n"
           "  tt.return\n} }\n", type, type, count, type, type, op, type, type,
           type, type, type);
  return text;
}

/* Sums in any order are the same sum: one barrier before the loop, one
 * behind it. */
static void a_loop_of_sums_in_shared_memory_has_no_barrier(void **unused) {
  kernel *k = emit_fine(counting(64, "i32", "add"), 4);
  expect_text(k, "threadgroup atomic_int s[64];");
  const char *loop = strstr(k->msl.text, "for (");
  const char *barrier = strstr(k->msl.text, "threadgroup_barrier");
  assert_non_null(loop);
  assert_true(barrier < loop);
  assert_int_equal(occurrences(k->msl.text, "threadgroup_barrier"), 2);
  assert_true(strstr(loop, "threadgroup_barrier") > strstr(loop, "}"));
  compile(k);
  release(k);
  /* The order of exchanges counts. */
  k = emit_fine(counting(64, "i32", "exch"), 4);
  assert_true(strstr(strstr(k->msl.text, "for ("), "threadgroup_barrier") <
              strstr(strstr(k->msl.text, "for ("), "}"));
  release(k);
}

static void arrays_that_are_not_needed_together_share_bytes(void **unused) {
  static const char *const text =
      "module { tt.func public @f(%p: !tt.ptr<f32>, %v: f32) {\n"
      "  %s = ttm.shared_alloc {count = 5000 : i32} : !tt.ptr<f32, 3>\n"
      "  %t = ttm.shared_alloc {count = 6000 : i32} : !tt.ptr<f32, 3>\n"
      "  tt.store %s, %v : !tt.ptr<f32, 3>\n"
      "  %x = tt.load %s : !tt.ptr<f32, 3>\n"
      "  tt.store %t, %x : !tt.ptr<f32, 3>\n"
      "  %y = tt.load %t : !tt.ptr<f32, 3>\n"
      "  tt.store %p, %y : !tt.ptr<f32>\n"
      "  tt.return\n} }\n";
  kernel *k = emit_fine(text, 4);
  assert_int_equal(k->msl.threadgroup_bytes, 24000);
  /* s is written, read; t is over s; t is read. */
  assert_int_equal(occurrences(k->msl.text, "threadgroup_barrier"), 3);
  compile(k);
  release(k);
}

/* A load and then a store of `n` elements of one buffer, in place. */
static kernel *in_place(int n, uint32_t warps) {
  char text[2048];
  snprintf(text, sizeof text,
           "module { tt.func public @f(%%p: !tt.ptr<i32> {tt.divisibility = "
           "16 : i32}) {\n"
           "  %%r = tt.make_range {start = 0 : i32, end = %d : i32} : "
           "tensor<%dxi32>\n"
           "  %%ps = tt.splat %%p : !tt.ptr<i32> -> tensor<%dx!tt.ptr<i32>>\n"
           "  %%pp = tt.addptr %%ps, %%r : tensor<%dx!tt.ptr<i32>>, "
           "tensor<%dxi32>\n"
           "  %%x = tt.load %%pp : tensor<%dx!tt.ptr<i32>>\n"
           "  %%y = arith.addi %%x, %%r : tensor<%dxi32>\n"
           "  tt.store %%pp, %%y : tensor<%dx!tt.ptr<i32>>\n"
           "  tt.return\n} }\n", n, n, n, n, n, n, n, n);
  return emit_fine(text, warps);
}

/* Elements that two threads hold are read by both before one writes. */
static void stores_wait_for_loads_of_other_threads(void **unused) {
  kernel *k = in_place(64, 4);
  assert_int_equal(occurrences(k->msl.text, "threadgroup_barrier"), 1);
  compile(k);
  array b = {calloc(64, 4), 64 * 4};
  run(k, 1, 1, &b, NULL);
  for (int i = 0; i < 64; i++) assert_int_equal(((int *)b.data)[i], i);
  free_all(&b, 1);
  release(k);
  k = in_place(512, 4); /* each thread its own */
  assert_int_equal(occurrences(k->msl.text, "threadgroup_barrier"), 0);
  release(k);
}

/* What one thread stores is there for another one's load. */
static void loads_wait_for_stores_of_other_threads(void **unused) {
  kernel *k = emit_fine(
      "module { tt.func public @f(%p: !tt.ptr<i32>, %q: !tt.ptr<i32>) {\n"
      "  %r = tt.make_range {start = 0 : i32, end = 256 : i32} : "
      "tensor<256xi32>\n"
      "  %c = arith.constant dense<255> : tensor<256xi32>\n"
      "  %b = arith.subi %c, %r : tensor<256xi32>\n"
      "  %ps = tt.splat %p : !tt.ptr<i32> -> tensor<256x!tt.ptr<i32>>\n"
      "  %pp = tt.addptr %ps, %r : tensor<256x!tt.ptr<i32>>, "
      "tensor<256xi32>\n"
      "  %pb = tt.addptr %ps, %b : tensor<256x!tt.ptr<i32>>, "
      "tensor<256xi32>\n"
      "  %qs = tt.splat %q : !tt.ptr<i32> -> tensor<256x!tt.ptr<i32>>\n"
      "  %qp = tt.addptr %qs, %r : tensor<256x!tt.ptr<i32>>, "
      "tensor<256xi32>\n"
      "  tt.store %pp, %r : tensor<256x!tt.ptr<i32>>\n"
      "  %x = tt.load %pb : tensor<256x!tt.ptr<i32>>\n"
      "  tt.store %qp, %x : tensor<256x!tt.ptr<i32>>\n"
      "  tt.return\n} }\n", 4);
  compile(k);
  array b[2] = {{calloc(256, 4), 1024}, {calloc(256, 4), 1024}};
  run(k, 1, 1, b, NULL);
  for (int i = 0; i < 256; i++)
    assert_int_equal(((int *)b[1].data)[i], 255 - i);
  free_all(b, 2);
  release(k);
}

static void one_simdgroup_still_declares_64_threads(void **unused) {
  kernel *k = emit_fine(ADD, 1);
  assert_int_equal(k->msl.threads, 32);
  expect_text(k, "max_total_threads_per_threadgroup(64)");
  release(k);
}

static void the_same_input_gives_the_same_text(void **unused) {
  kernel *a = emit_fine(ADD, 4), *b = emit_fine(ADD, 4);
  assert_string_equal(a->msl.text, b->msl.text);
  release(a);
  release(b);
}

static void metadata_describes_the_arguments(void **unused) {
  /* i32 at 0, i64 at 8 after padding, f16 at 16, i1 at 18, i32 at 20. */
  kernel *k = emit_fine(
      "module { tt.func public @f(%a: i32, %p: !tt.ptr<i64>, %b: i64, "
      "%c: f16, %d: i1, %q: !tt.ptr<i64>, %e: i32) {\n"
      "  %0 = tt.load %p : !tt.ptr<i64>\n"
      "  %1 = arith.addi %0, %b : i64\n"
      "  tt.store %q, %1 : !tt.ptr<i64>\n  tt.return\n} }\n", 4);
  const tm_msl_arg *a = k->msl.args;
  assert_int_equal(k->msl.n_args, 7);
  assert_int_equal(a[0].kind, TM_ARG_SCALAR);
  assert_int_equal(a[0].offset, 0);
  assert_int_equal(a[1].kind, TM_ARG_BUFFER);
  assert_int_equal(a[1].slot, 0);
  assert_int_equal(a[1].scalar, TM_I64);
  assert_true(a[1].reads && !a[1].writes);
  assert_int_equal(a[2].offset, 8);
  assert_int_equal(a[3].offset, 16);
  assert_int_equal(a[4].offset, 18);
  assert_int_equal(a[5].slot, 1);
  assert_true(!a[5].reads && a[5].writes);
  assert_int_equal(a[6].offset, 20);
  assert_int_equal(k->msl.scalars_slot, 2);
  assert_int_equal(k->msl.scalars_size, 24);
  assert_int_equal(k->msl.language_version, 196608); /* MSL 3.0 */
  assert_int_equal(k->msl.family, 7);
  assert_string_equal(k->msl.entry, "f");
  compile(k);
  int64_t in = 40, out = 0;
  array buffers[2] = {{&in, 8}, {&out, 8}};
  struct { int a, pad; int64_t b; uint16_t c; uint8_t d, pad1; int e; }
      scalars = {1, 0, 2, 0, 1, 0, 3};
  run(k, 1, 1, buffers, &scalars);
  assert_int_equal(out, 42);
  release(k);
}

static void names_of_msl_are_avoided(void **unused) {
  kernel *k = emit_fine(
      "module { tt.func public @main(%half4: !tt.ptr<f32>, %kernel: i32, "
      "%args: i32, %simd_sum: !tt.ptr<f32>) {\n"
      "  %0 = tt.addptr %half4, %kernel : !tt.ptr<f32>, i32\n"
      "  %1 = tt.addptr %simd_sum, %args : !tt.ptr<f32>, i32\n"
      "  %2 = tt.load %0 : !tt.ptr<f32>\n"
      "  tt.store %1, %2 : !tt.ptr<f32>\n  tt.return\n} }\n", 4);
  expect_no_text(k, "void main(");
  expect_no_text(k, "*half4 ");
  expect_no_text(k, "*simd_sum ");
  compile(k);
  release(k);
}

#define SCALAR(body)                                                       \
  "module { tt.func public @f(%p: !tt.ptr<i32>, %q: !tt.ptr<f32>, %n: i32, " \
  "%m: i64) {\n" body "  tt.return\n} }\n"

static void data_wraps_and_addresses_stay_plain(void **unused) {
  kernel *k = emit_fine(SCALAR(
      "  %0 = arith.addi %n, %n : i32\n"
      "  %1 = tt.addptr %p, %0 : !tt.ptr<i32>, i32\n"
      "  %2 = tt.load %1 : !tt.ptr<i32>\n"
      "  %3 = arith.addi %2, %2 : i32\n"
      "  tt.store %1, %3 : !tt.ptr<i32>\n"), 4);
  expect_text(k, "args.n + args.n");
  expect_no_text(k, "uint(args.n)");
  expect_text(k, "int(uint(");
  release(k);
}

static void loops_count_in_32_bits(void **unused) {
  kernel *k = emit_fine(SCALAR(
      "  %a = arith.constant 0 : i64\n  %b = arith.constant 2 : i64\n"
      "  scf.for %i = %a to %m step %b : i64 {\n"
      "    %t = arith.trunci %i : i64 to i32\n"
      "    %c = tt.addptr %p, %t : !tt.ptr<i32>, i32\n"
      "    tt.store %c, %t : !tt.ptr<i32>\n  }\n"), 4);
  expect_no_text(k, "for (long");
  compile(k);
  int out[8] = {9, 9, 9, 9, 9, 9, 9, 9};
  float unused_buffer[1] = {0};
  array buffers[2] = {{out, sizeof out}, {unused_buffer, 4}};
  struct { int n, pad; int64_t m; } scalars = {0, 0, 7};
  run(k, 1, 1, buffers, &scalars); /* 0 2 4 6 */
  int want[8] = {0, 9, 2, 9, 4, 9, 6, 9};
  assert_memory_equal(out, want, sizeof want);
  release(k);
}

static void carried_values_are_assigned_at_once(void **unused) {
  /* Fibonacci: a, b = b, a + b. */
  kernel *k = emit_fine(SCALAR(
      "  %z = arith.constant 0 : i32\n  %o = arith.constant 1 : i32\n"
      "  %r:2 = scf.for %i = %z to %n step %o iter_args(%a = %z, %b = %o) -> "
      "(i32, i32) : i32 {\n"
      "    %s = arith.addi %a, %b : i32\n"
      "    scf.yield %b, %s : i32, i32\n  }\n"
      "  tt.store %p, %r#0 : !tt.ptr<i32>\n"), 2);
  compile(k);
  int out = 0;
  float unused_buffer = 0;
  array buffers[2] = {{&out, 4}, {&unused_buffer, 4}};
  struct { int n, pad; int64_t m; } scalars = {20, 0, 0};
  run(k, 1, 1, buffers, &scalars);
  assert_int_equal(out, 6765);
  release(k);
}

/* The offsets are computed in the loop that loads, and kept for the sum: the
 * 16-byte load may not come before them. */
static void wide_loads_wait_for_their_offsets(void **unused) {
  EACH_WARPS(w) {
    kernel *k = emit_fine(
        "module { tt.func public @f(%x: !tt.ptr<f16> {tt.divisibility = 16 : "
        "i32}, %y: !tt.ptr<f16> {tt.divisibility = 16 : i32}, %z: "
        "!tt.ptr<i32>, %n: i32 {tt.divisibility = 16 : i32}) {\n"
        "  %r = tt.make_range {start = 0 : i32, end = 1024 : i32} : "
        "tensor<1024xi32>\n"
        "  %ns = tt.splat %n : i32 -> tensor<1024xi32>\n"
        "  %o = arith.remsi %r, %ns : tensor<1024xi32>\n"
        "  %xs = tt.splat %x : !tt.ptr<f16> -> tensor<1024x!tt.ptr<f16>>\n"
        "  %xp = tt.addptr %xs, %o : tensor<1024x!tt.ptr<f16>>, "
        "tensor<1024xi32>\n"
        "  %v = tt.load %xp : tensor<1024x!tt.ptr<f16>>\n"
        "  %ys = tt.splat %y : !tt.ptr<f16> -> tensor<1024x!tt.ptr<f16>>\n"
        "  %yp = tt.addptr %ys, %r : tensor<1024x!tt.ptr<f16>>, "
        "tensor<1024xi32>\n"
        "  tt.store %yp, %v : tensor<1024x!tt.ptr<f16>>\n"
        "  %s = \"tt.reduce\"(%o) <{axis = 0 : i32}> ({\n"
        "  ^bb0(%a: i32, %b: i32):\n"
        "    %c = arith.addi %a, %b : i32\n"
        "    tt.reduce.return %c : i32\n"
        "  }) : (tensor<1024xi32>) -> i32\n"
        "  tt.store %z, %s : !tt.ptr<i32>\n  tt.return\n} }\n", w);
    compile(k);
    array b[3] = {halves(1024, true), halves(1024, false), floats(1, false)};
    int n = 496, sum = 0;
    run(k, 1, 1, b, &n);
    for (int i = 0; i < 1024; i++) {
      assert_true(((half *)b[0].data)[i % n] == ((half *)b[1].data)[i]);
      sum += i % n;
    }
    assert_int_equal(((int *)b[2].data)[0], sum);
    free_all(b, 3);
    release(k);
  }
}

static void scalar_edge_cases_follow_triton(void **unused) {
  /* fptosi saturates, NaN gives 0; remainders have the dividend's sign;
   * maximumf keeps NaN, maxnumf drops it. */
  kernel *k = emit_fine(SCALAR(
      "  %f = tt.load %q : !tt.ptr<f32>\n"
      "  %i = arith.fptosi %f : f32 to i32\n"
      "  %c1 = arith.constant 1 : i32\n  %c2 = arith.constant 2 : i32\n"
      "  %c3 = arith.constant 3 : i32\n  %c7 = arith.constant -7 : i32\n"
      "  %nan = arith.divf %f, %f : f32\n"
      "  %one = arith.constant 1.0 : f32\n"
      "  %r = arith.remsi %n, %c3 : i32\n"
      "  %x = arith.maximumf %nan, %one : f32\n"
      "  %y = arith.maxnumf %nan, %one : f32\n"
      "  %j = arith.fptosi %nan : f32 to i32\n"
      "  %q1 = tt.addptr %q, %c1 : !tt.ptr<f32>, i32\n"
      "  %q2 = tt.addptr %q, %c2 : !tt.ptr<f32>, i32\n"
      "  %p1 = tt.addptr %p, %c1 : !tt.ptr<i32>, i32\n"
      "  %p2 = tt.addptr %p, %c2 : !tt.ptr<i32>, i32\n"
      "  tt.store %p, %i : !tt.ptr<i32>\n  tt.store %p1, %r : !tt.ptr<i32>\n"
      "  tt.store %p2, %j : !tt.ptr<i32>\n"
      "  tt.store %q1, %x : !tt.ptr<f32>\n"
      "  tt.store %q2, %y : !tt.ptr<f32>\n"), 4);
  compile(k);
  int p[3] = {9, 9, 9};
  float q[3] = {-INFINITY, 0, 0};
  array buffers[2] = {{p, sizeof p}, {q, sizeof q}};
  struct { int n, pad; int64_t m; } scalars = {-8, 0, 0};
  run(k, 1, 1, buffers, &scalars);
  assert_int_equal(p[0], INT32_MIN);
  assert_int_equal(p[1], -2);
  assert_int_equal(p[2], 0);
  assert_true(isnan(q[1]));
  assert_true(q[2] == 1.0f);
  release(k);
}

/* ---- refusals --------------------------------------------------------- */

static void expect_refusal(const char *ttir, tm_diag_kind kind,
                           const char *part) {
  kernel *k = emit(ttir, 4);
  assert_false(k->emitted);
  const tm_diag *diag = &k->diags.list.data[0];
  assert_int_equal(diag->kind, kind);
  if (!strstr(diag->message, part)) fail_msg("%s", diag->message);
  assert_non_null(diag->hint);
  release(k);
}

static void what_metal_lacks_is_refused_by_name(void **unused) {
  expect_refusal(
      "module { tt.func public @f(%p: !tt.ptr<f64>) {\n"
      "  %0 = tt.load %p : !tt.ptr<f64>\n"
      "  tt.store %p, %0 : !tt.ptr<f64>\n  tt.return\n} }\n",
      TM_DIAG_UNSUPPORTED, "64-bit floating point");
  expect_refusal(
      "module { tt.func public @f(%p: !tt.ptr<i64>, %v: i64, %m: i1) {\n"
      "  %0 = tt.atomic_rmw add, relaxed, gpu, %p, %v, %m : (!tt.ptr<i64>, "
      "i64, i1) -> i64\n  tt.return\n} }\n",
      TM_DIAG_UNSUPPORTED, "atomic operation on i64");
}

static void shared_memory_is_refused_by_name_and_size(void **unused) {
  release(emit_fine(counting(8192, "i32", "add"), 4));
  expect_refusal(counting(8193, "i32", "add"), TM_DIAG_LIMIT,
                 "needs 32784 bytes of threadgroup memory");
  expect_refusal(counting(8193, "i32", "add"), TM_DIAG_LIMIT,
                 "the largest array kept there (here) takes 32784");
  expect_refusal(counting(4, "i64", "add"), TM_DIAG_UNSUPPORTED,
                 "atomic operation on i64 in shared memory");
  expect_refusal(counting(4, "f16", "fadd"), TM_DIAG_UNSUPPORTED,
                 "atomic operation on f16 in shared memory");
  expect_refusal(
      "module { tt.func public @f(%p: !tt.ptr<f32>, %c: i1, %v: f32) {\n"
      "  %s = ttm.shared_alloc {count = 4 : i32} : !tt.ptr<f32, 3>\n"
      "  %t = ttm.shared_alloc {count = 4 : i32} : !tt.ptr<f32, 3>\n"
      "  %u = arith.select %c, %s, %t : !tt.ptr<f32, 3>\n"
      "  tt.store %u, %v : !tt.ptr<f32, 3>\n"
      "  tt.return\n} }\n", TM_DIAG_UNSUPPORTED,
      "shared memory chosen at run time");
}

static void too_much_threadgroup_memory_says_how_much(void **unused) {
  /* 1024 x 8 and 8 x 512 floats, without gaps: K cannot be less than 8. */
  kernel *k = emit(
      "module { tt.func public @f(%p: !tt.ptr<f32> {tt.divisibility = 16 : "
      "i32}, %q: !tt.ptr<f32> {tt.divisibility = 16 : i32}) {\n"
      "  %r = tt.make_range {start = 0 : i32, end = 8192 : i32} : "
      "tensor<8192xi32>\n"
      "  %h = tt.make_range {start = 0 : i32, end = 4096 : i32} : "
      "tensor<4096xi32>\n"
      "  %ps = tt.splat %p : !tt.ptr<f32> -> tensor<8192x!tt.ptr<f32>>\n"
      "  %pp = tt.addptr %ps, %r : tensor<8192x!tt.ptr<f32>>, "
      "tensor<8192xi32>\n"
      "  %hs = tt.splat %p : !tt.ptr<f32> -> tensor<4096x!tt.ptr<f32>>\n"
      "  %hp = tt.addptr %hs, %h : tensor<4096x!tt.ptr<f32>>, "
      "tensor<4096xi32>\n"
      "  %v = tt.load %pp : tensor<8192x!tt.ptr<f32>>\n"
      "  %w = tt.load %hp : tensor<4096x!tt.ptr<f32>>\n"
      "  %a = tt.reshape %v : tensor<8192xf32> -> tensor<1024x8xf32>\n"
      "  %b = tt.reshape %w : tensor<4096xf32> -> tensor<8x512xf32>\n"
      "  %z = arith.constant dense<0.0> : tensor<1024x512xf32>\n"
      "  %t = tt.dot %a, %b, %z, inputPrecision = ieee : "
      "tensor<1024x8xf32> * tensor<8x512xf32> -> tensor<1024x512xf32>\n"
      "  %m = tt.reshape %t : tensor<1024x512xf32> -> tensor<524288xf32>\n"
      "  %s = tt.make_range {start = 0 : i32, end = 524288 : i32} : "
      "tensor<524288xi32>\n"
      "  %qs = tt.splat %q : !tt.ptr<f32> -> tensor<524288x!tt.ptr<f32>>\n"
      "  %qp = tt.addptr %qs, %s : tensor<524288x!tt.ptr<f32>>, "
      "tensor<524288xi32>\n"
      "  tt.store %qp, %m : tensor<524288x!tt.ptr<f32>>\n"
      "  tt.return\n} }\n", 4);
  assert_false(k->emitted);
  assert_int_equal(k->diags.list.data[0].kind, TM_DIAG_LIMIT);
  /* (1024 * 8 + 8 * 512) * 4 */
  assert_non_null(strstr(k->diags.list.data[0].message,
                         "needs 49152 bytes of threadgroup memory"));
  assert_non_null(strstr(k->diags.list.data[0].message, "32768"));
  release(k);
}

static char *many_buffers(int n) {
  char *text = malloc((size_t)n * 40 + 256), *p = text;
  p += sprintf(p, "module { tt.func public @f(");
  for (int i = 0; i < n; i++)
    p += sprintf(p, "%s%%p%d: !tt.ptr<f32>", i ? ", " : "", i);
  sprintf(p, ") {\n  tt.return\n} }\n");
  return text;
}

/* A position is an int that does not overflow, a loaded number is not. */
static void what_is_made_of_loaded_numbers_wraps(void **unused) {
  kernel *k = emit_fine(
      "module { tt.func public @f(%p: !tt.ptr<i32>, %q: !tt.ptr<i32>, "
      "%n: i32) {\n"
      "  %c = arith.constant 3 : i32\n  %pid = tt.get_program_id x : i32\n"
      "  %at = arith.muli %pid, %c : i32\n"
      "  %p1 = tt.addptr %p, %at : !tt.ptr<i32>, i32\n"
      "  %x = tt.load %p1 : !tt.ptr<i32>\n"
      "  %y = arith.muli %x, %c : i32\n  %r = arith.remsi %y, %n : i32\n"
      "  %q1 = tt.addptr %q, %r : !tt.ptr<i32>, i32\n"
      "  %z = tt.load %q1 : !tt.ptr<i32>\n"
      "  tt.store %p1, %z : !tt.ptr<i32>\n  tt.return\n} }\n", 1);
  assert_non_null(strstr(k->msl.text, "uint(x) * 3u"));
  assert_null(strstr(k->msl.text, "program_id.x) * 3u"));
  release(k);
}

static uint32_t bindings(const kernel *k) {
  uint32_t n = 0;
  for (uint32_t i = 0; i < k->msl.n_args; i++)
    n += k->msl.args[i].kind == TM_ARG_BUFFER;
  return n;
}

/* Metal binds 31; the struct with the addresses is one of them. */
static void buffers_beyond_thirty_one_go_by_address(void **unused) {
  char *fits = many_buffers(31), *over = many_buffers(33);
  kernel *k = emit_fine(fits, 4);
  assert_int_equal(bindings(k), 31);
  release(k);
  k = emit_fine(over, 4);
  assert_int_equal(bindings(k), 30);
  assert_int_equal(k->msl.scalars_slot, 30);
  assert_int_equal(k->msl.scalars_size, 3 * 8);
  release(k);
  free(fits);
  free(over);
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(vector_add_masks_the_tail),
    cmocka_unit_test(softmax_is_within_a_few_ulp),
    cmocka_unit_test(layer_norm_in_three_loops),
    cmocka_unit_test(matmul_with_ragged_edges),
    cmocka_unit_test(attention_keeps_its_accumulator_in_fragments),
    cmocka_unit_test(argmax_takes_the_first_of_equals),
    cmocka_unit_test(integers_wrap_and_bf16_rounds),
    cmocka_unit_test(float_functions_keep_their_bounds),
    cmocka_unit_test(half_functions_round_once),
    cmocka_unit_test(functions_of_two_floats),
    cmocka_unit_test(special_values_of_our_helpers),
    cmocka_unit_test(bit_functions_of_32_and_64_bits),
    cmocka_unit_test(upstreams_library_symbols_have_a_form),
    cmocka_unit_test(unknown_symbols_are_refused_by_name),
    cmocka_unit_test(scans_of_any_shape_axis_and_direction),
    cmocka_unit_test(scans_where_lanes_lie_above_simdgroups),
    cmocka_unit_test(gathers_along_both_axes),
    cmocka_unit_test(histograms_count_what_has_a_bin),
    cmocka_unit_test(eight_bit_floats_are_exact),
    cmocka_unit_test(the_body_of_a_masked_map_is_short),
    cmocka_unit_test(nests_of_loops_are_rolled_when_they_grow),
    cmocka_unit_test(stores_wait_for_loads_of_other_threads),
    cmocka_unit_test(loads_wait_for_stores_of_other_threads),
    cmocka_unit_test(one_simdgroup_still_declares_64_threads),
    cmocka_unit_test(the_same_input_gives_the_same_text),
    cmocka_unit_test(metadata_describes_the_arguments),
    cmocka_unit_test(names_of_msl_are_avoided),
    cmocka_unit_test(data_wraps_and_addresses_stay_plain),
    cmocka_unit_test(loops_count_in_32_bits),
    cmocka_unit_test(carried_values_are_assigned_at_once),
    cmocka_unit_test(wide_loads_wait_for_their_offsets),
    cmocka_unit_test(scalar_edge_cases_follow_triton),
    cmocka_unit_test(what_metal_lacks_is_refused_by_name),
    cmocka_unit_test(too_much_threadgroup_memory_says_how_much),
    cmocka_unit_test(what_is_made_of_loaded_numbers_wraps),
    cmocka_unit_test(buffers_beyond_thirty_one_go_by_address),
    cmocka_unit_test(shared_memory_is_refused_by_name_and_size),
    cmocka_unit_test(a_loop_of_sums_in_shared_memory_has_no_barrier),
    cmocka_unit_test(arrays_that_are_not_needed_together_share_bytes),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
