/* SPDX-License-Identifier: MIT */
/*
 * test_matrix.c - softmetal's simdgroup matrices: the functions of
 * rt_matrix.c in every form that this CPU runs, and kernels whose products
 * may or may not share a call. Expected values come from loops here.
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
#include "../softmetal/exec/rt.h"
#include "support/soft_code.h"

static uint32_t seed = 7;
static uint32_t random32(void) {
  seed ^= seed << 13;
  seed ^= seed >> 17;
  seed ^= seed << 5;
  return seed;
}

static float random_float(void) {
  return (float)(int32_t)random32() / 1073741824.0f;
}

/* ---- the functions ------------------------------------------------------ */

typedef struct form {
  const char *name;
  void (*multiply_add)(float *, const float *, const float *, const float *);
  void (*multiply)(float *, const float *, const float *);
  void (*accumulate)(float *, const float *, const float *, uint32_t);
  void (*load)(float *, const char *, int64_t, uint32_t);
  void (*store)(const float *, char *, int64_t, uint32_t);
} form;

#define FORM(f)                                                         \
  (form){#f, sm_rt_matrix_multiply_add##f, sm_rt_matrix_multiply##f,    \
         sm_rt_matrix_accumulate##f, sm_rt_matrix_load##f,              \
         sm_rt_matrix_store##f}

static unsigned forms_here(form out[3]) {
  unsigned n = 0;
  out[n++] = FORM();
#if defined(__x86_64__)
  __builtin_cpu_init();
  if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma"))
    return n;
  out[n++] = FORM(_avx2);
  if (__builtin_cpu_supports("avx512f")) out[n++] = FORM(_avx512);
#endif
  return n;
}

/* The documented place: two blocks of rows, two of columns, 4x4 each. */
static int place(int row, int column) {
  return (row >= 4) * 32 + (column >= 4) * 16 + row % 4 * 4 + column % 4;
}

static void expect_same(const form *f, const char *what, const float *got,
                        const float *want, size_t n) {
  if (memcmp(got, want, n * sizeof(float)) == 0) return;
  for (size_t i = 0; i < n; i++)
    if (memcmp(&got[i], &want[i], sizeof(float)))
      fail_msg("form '%s', %s: element %zu is %a, expected %a", f->name, what,
               i, (double)got[i], (double)want[i]);
}

static void multiplied(float *d, const float *a, const float *b,
                       const float *c) {
  float r[64];
  for (int i = 0; i < 8; i++)
    for (int j = 0; j < 8; j++) {
      float s = c ? fmaf(a[place(i, 0)], b[place(0, j)], c[place(i, j)])
                  : a[place(i, 0)] * b[place(0, j)];
      for (int k = 1; k < 8; k++)
        s = fmaf(a[place(i, k)], b[place(k, j)], s);
      r[place(i, j)] = s;
    }
  memcpy(d, r, sizeof(r));
}

static void products_round_once_a_step_in_every_form(void **state) {
  form forms[3];
  unsigned n = forms_here(forms);
  /* One float off any alignment that a vector could want. */
  static float memory[3 + 3 * 64], want[64];
  float *a = memory + 1, *b = a + 65, *c = b + 65;
  for (unsigned f = 0; f < n; f++)
    for (int round = 0; round < 20; round++) {
      for (int i = 0; i < 64; i++) {
        a[i] = random_float();
        b[i] = round % 3 ? random_float() : -0.0f;
        c[i] = random_float();
      }
      float d[65];
      multiplied(want, a, b, c);
      forms[f].multiply_add(d + 1, a, b, c);
      expect_same(&forms[f], "a b + c", d + 1, want, 64);
      multiplied(want, a, b, NULL);
      forms[f].multiply(d + 1, a, b);
      expect_same(&forms[f], "a b", d + 1, want, 64);
      multiplied(want, a, b, b);
      forms[f].multiply_add(b, a, b, b);
      expect_same(&forms[f], "b = a b + b", b, want, 64);
    }
}

static void products_in_a_row_are_those_one_by_one(void **state) {
  form forms[3];
  unsigned n = forms_here(forms);
  static float a[64], b[11 * 64], d[11 * 64], want[11 * 64];
  for (unsigned f = 0; f < n; f++)
    for (uint32_t count = 0; count <= 11; count++) {
      for (int i = 0; i < 64; i++) a[i] = random_float();
      for (int i = 0; i < 11 * 64; i++) {
        b[i] = random_float();
        d[i] = want[i] = random_float();
      }
      for (uint32_t i = 0; i < count; i++)
        multiplied(want + i * 64, a, b + i * 64, want + i * 64);
      forms[f].accumulate(d, a, b, count);
      expect_same(&forms[f], "accumulate", d, want, 11 * 64);
    }
}

/* A float that is exact as a half, and its bits as one. */
static float small_number(int kind, uint16_t *bits) {
  int k = (int)(random32() % 2048) - 1024;
  float x = (float)k;
  if (kind == SM_MATRIX_BFLOAT) {
    x = (float)(k % 128) * 0x1p-40f;
    uint32_t all;
    memcpy(&all, &x, sizeof(all));
    *bits = (uint16_t)(all >> 16);
    return x;
  }
  _Float16 h = (_Float16)x;
  memcpy(bits, &h, sizeof(h));
  return x;
}

static void rows_are_loaded_and_stored_in_every_form(void **state) {
  static const uint32_t kinds[] = {0, SM_MATRIX_HALF, SM_MATRIX_BFLOAT};
  form forms[3];
  unsigned n = forms_here(forms);
  for (unsigned at = 0; at < n * 3 * 2; at++) {
    const form *f = &forms[at / 6];
    uint32_t kind = kinds[at % 6 / 2], flip = at % 2;
    int bytes = kind ? 2 : 4, row = 11 * bytes + (kind ? 0 : 1);
    char memory[8 * 48], back[8 * 48];
    float number[64], want[64], got[64];
    memset(memory, 0x5a, sizeof(memory));
    memset(back, 0x5a, sizeof(back));
    for (int i = 0; i < 64; i++) {
      uint16_t bits;
      number[i] = small_number((int)kind, &bits);
      char *to = memory + i / 8 * row + i % 8 * bytes;
      if (kind) memcpy(to, &bits, 2);
      else memcpy(to, &number[i], 4);
      want[flip ? place(i % 8, i / 8) : place(i / 8, i % 8)] = number[i];
    }
    f->load(got, memory, row, kind | (flip ? SM_MATRIX_FLIP : 0));
    expect_same(f, "load", got, want, 64);
    f->store(got, back, row, kind | (flip ? SM_MATRIX_FLIP : 0));
    assert_memory_equal(back, memory, sizeof(memory));
  }
}

/* ---- kernels ------------------------------------------------------------ */

enum { MATRICES = 12 };

/* Statements over m[12], which is read before and written after. */
static const char *kernel_of(const char *statements) {
  static char text[4096];
  snprintf(text, sizeof(text),
           "#include <metal_stdlib>\nusing namespace metal;\n"
           "kernel void k(device const float *in [[buffer(0)]],"
           " device float *out [[buffer(1)]],"
           " constant int &n [[buffer(2)]]) {\n"
           "  simdgroup_float8x8 m[12];\n"
           "  for (int i = 0; i < 12; i++)"
           " simdgroup_load(m[i], in + i * 64, 8);\n"
           "  %s\n"
           "  for (int i = 0; i < 12; i++)"
           " simdgroup_store(m[i], out + i * 64, 8);\n}\n", statements);
  return text;
}

static void run_on(const char *statements, const float *in, float *out) {
  sm_code *code = soft_compile(kernel_of(statements), NULL, NULL, NULL);
  int two = 2;
  sm_dispatch d;
  memset(&d, 0, sizeof(d));
  d.code = code;
  d.grid_threads[0] = d.group[0] = 32;
  for (int i = 1; i < 3; i++) d.grid_threads[i] = d.group[i] = 1;
  d.buffers[0].pointer = (void *)(uintptr_t)in;
  d.buffers[0].length = d.buffers[1].length = MATRICES * 256;
  d.buffers[1].pointer = out;
  d.buffers[2].pointer = &two;
  d.buffers[2].length = sizeof(two);
  char *error = NULL;
  if (sm_run(&d, &error) != SM_RUN_OK) fail_msg("%s", error);
  sm_code_release(code);
}

/* c += a b, row major, by number of matrix. */
static void step(float *m, int c, int a, int b) {
  float r[64];
  for (int i = 0; i < 8; i++)
    for (int j = 0; j < 8; j++) {
      float s = m[c * 64 + i * 8 + j];
      for (int k = 0; k < 8; k++)
        s = fmaf(m[a * 64 + i * 8 + k], m[b * 64 + k * 8 + j], s);
      r[i * 8 + j] = s;
    }
  memcpy(m + c * 64, r, sizeof(r));
}

/* Two rows of three sums, the second one from its end. */
#define SERPENTINE \
  "for (int i = 0; i < 2; i++) for (int t = 0; t < 3; t++) {" \
  " const int j = i & 1 ? 2 - t : t;" \
  " simdgroup_multiply_accumulate(m[i * 3 + j], m[10 + i], m[6 + j]," \
  " m[i * 3 + j]); }"

typedef struct chain {
  const char *statements;
  int steps[12][3]; /* c, a, b; ends with three zeros */
} chain;

/* Whether calls are shared or not, each product sees what those before it
 * have left. */
static void products_keep_their_order(void **state) {
  static const chain chains[] = {
      {"for (int j = 0; j < 5; j++)"
       " simdgroup_multiply_accumulate(m[j], m[11], m[5 + j], m[j]);",
       {{0, 11, 5}, {1, 11, 6}, {2, 11, 7}, {3, 11, 8}, {4, 11, 9}}},
      {"for (int i = 0; i < 2; i++) for (int j = 0; j < 3; j++)"
       " simdgroup_multiply_accumulate(m[i * 3 + j], m[10 + i], m[6 + j],"
       " m[i * 3 + j]);",
       {{0, 10, 6}, {1, 10, 7}, {2, 10, 8}, {3, 11, 6}, {4, 11, 7},
        {5, 11, 8}}},
      {"for (int j = 0; j < 4; j++)" /* the next one's right operand */
       " simdgroup_multiply_accumulate(m[j + 1], m[11], m[j], m[j + 1]);",
       {{1, 11, 0}, {2, 11, 1}, {3, 11, 2}, {4, 11, 3}}},
      {"for (int j = 0; j < 4; j++)" /* the one before's right operand */
       " simdgroup_multiply_accumulate(m[j], m[11], m[j + 1], m[j]);",
       {{0, 11, 1}, {1, 11, 2}, {2, 11, 3}, {3, 11, 4}}},
      {"for (int j = 0; j < 4; j++)" /* the left operand among the sums */
       " simdgroup_multiply_accumulate(m[j], m[2], m[5 + j], m[j]);",
       {{0, 2, 5}, {1, 2, 6}, {2, 2, 7}, {3, 2, 8}}},
      {"simdgroup_multiply_accumulate(m[0], m[11], m[5], m[0]);"
       "m[6] = m[0];"
       "simdgroup_multiply_accumulate(m[1], m[11], m[6], m[1]);"
       "m[6] = m[8];",
       {{0, 11, 5}, {1, 11, 0}, {-6, 8, 0}}},
      {"simdgroup_multiply_accumulate(m[0], m[11], m[5], m[0]);"
       "for (int i = 0; i < n; i++)" /* known at run time only: twice */
       " simdgroup_multiply_accumulate(m[1], m[11], m[6], m[1]);",
       {{0, 11, 5}, {1, 11, 6}, {1, 11, 6}}},
      {"for (int i = 0; i < n; i++)"
       " simdgroup_multiply_accumulate(m[i], m[11], m[5 + i], m[i]);",
       {{0, 11, 5}, {1, 11, 6}}},
      {SERPENTINE, {{0, 10, 6}, {1, 10, 7}, {2, 10, 8}, {5, 11, 8},
                    {4, 11, 7}, {3, 11, 6}}},
      {"for (int j = 3; j >= 0; j--)" /* down: the one before's */
       " simdgroup_multiply_accumulate(m[j], m[11], m[j + 1], m[j]);",
       {{3, 11, 4}, {2, 11, 3}, {1, 11, 2}, {0, 11, 1}}},
      {"for (int j = 3; j >= 0; j--)" /* down: the next one's */
       " simdgroup_multiply_accumulate(m[j + 1], m[11], m[j], m[j + 1]);",
       {{4, 11, 3}, {3, 11, 2}, {2, 11, 1}, {1, 11, 0}}},
      {"for (int j = 0; j < 4; j++)" /* sums go down, operands up */
       " simdgroup_multiply_accumulate(m[3 - j], m[11], m[5 + j], m[3 - j]);",
       {{3, 11, 5}, {2, 11, 6}, {1, 11, 7}, {0, 11, 8}}},
      {"for (int j = 0; j < 4; j++)" /* from the middle to both sides */
       " simdgroup_multiply_accumulate(m[j ^ 2], m[11], m[5 + (j ^ 2)],"
       " m[j ^ 2]);",
       {{2, 11, 7}, {3, 11, 8}, {0, 11, 5}, {1, 11, 6}}},
  };
  static float in[MATRICES * 64], out[MATRICES * 64], want[MATRICES * 64];
  for (size_t t = 0; t < sizeof(chains) / sizeof(chains[0]); t++) {
    for (int i = 0; i < MATRICES * 64; i++) in[i] = random_float();
    memcpy(want, in, sizeof(in));
    for (const int *s = chains[t].steps[0]; s[0] || s[1] || s[2]; s += 3) {
      if (s[0] < 0) memcpy(want - s[0] * 64, want + s[1] * 64, 256);
      else step(want, s[0], s[1], s[2]);
    }
    run_on(chains[t].statements, in, out);
    for (int i = 0; i < MATRICES * 64; i++)
      if (memcmp(&out[i], &want[i], sizeof(float)))
        fail_msg("chain %zu, matrix %d, element %d is %a, expected %a", t,
                 i / 64, i % 64, (double)out[i], (double)want[i]);
  }
}

/* A row that counts down is one call, as one that counts up. */
static void products_in_serpentine_order_share_calls(void **state) {
  sm_code_options options = {.entries = SM_ENTRIES_FULL};
  const char *text = kernel_of(SERPENTINE);
  assert_int_equal(soft_count(text, &options, "call void @sm_rt_matrix_acc"),
                   2);
  assert_int_equal(soft_count(text, &options, "call void @sm_rt_matrix_mul"),
                   0);
}

/* Members of a struct lie anywhere in a local variable's memory. */
static void matrices_in_structs_are_found(void **state) {
  static float in[MATRICES * 64], out[MATRICES * 64], want[MATRICES * 64];
  for (int i = 0; i < MATRICES * 64; i++) in[i] = random_float();
  memcpy(want, in, sizeof(in));
  step(want, 1, 2, 3);
  run_on("struct pair { float scale; simdgroup_float8x8 sum; };"
         "pair p; p.scale = in[0]; p.sum = m[1];"
         "simdgroup_multiply_accumulate(p.sum, m[2], m[3], p.sum);"
         "m[1] = p.sum;", in, out);
  for (int i = 0; i < MATRICES * 64; i++) assert_true(out[i] == want[i]);
}

/* Both halves of a lane's dword, in memory's order and turned round. */
static void halves_of_dwords_become_elements(void **state) {
  static const char *const ways[] = {
      "h.thread_elements()[0] = p.x; h.thread_elements()[1] = p.y;",
      "h.thread_elements()[0] = p.y; h.thread_elements()[1] = p.x;",
      "h.thread_elements()[0] = p.x; h.thread_elements()[1] = p.x;"};
  static float in[MATRICES * 64], out[MATRICES * 64];
  for (int way = 0; way < 3; way++) {
    char statements[512];
    _Float16 half[64];
    for (int i = 0; i < MATRICES * 64; i++) in[i] = random_float();
    for (int i = 0; i < 64; i++) half[i] = (_Float16)in[i];
    memcpy(in, half, sizeof(half));
    snprintf(statements, sizeof(statements),
             "uint lane = (uint)simd_prefix_exclusive_sum(1);"
             "half2 p = as_type<half2>(((device const uint *)in)[lane]);"
             "simdgroup_half8x8 h; %s"
             "m[0].thread_elements()[0] = (float)h.thread_elements()[0];"
             "m[0].thread_elements()[1] = (float)h.thread_elements()[1];"
             "m[1] = make_filled_simdgroup_matrix<float, 8, 8>(0.0f);"
             "simdgroup_multiply_accumulate(m[1], h,"
             " simdgroup_half8x8(1.0h), m[1]);",
             ways[way]);
    run_on(statements, in, out);
    for (int l = 0; l < 32; l++)
      for (int i = 0; i < 2; i++) {
        int row = (l >> 1 & 3) | (l >> 4 & 1) << 2;
        int column = (l & 1) << 1 | (l >> 3 & 1) << 2 | i;
        int from = 2 * l + (way == 0 ? i : way == 1 ? 1 - i : 0);
        assert_true(out[row * 8 + column] == (float)half[from]);
        assert_true(out[64 + row * 8 + column] == (float)half[from]);
      }
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(products_round_once_a_step_in_every_form),
      cmocka_unit_test(products_in_a_row_are_those_one_by_one),
      cmocka_unit_test(rows_are_loaded_and_stored_in_every_form),
      cmocka_unit_test(products_keep_their_order),
      cmocka_unit_test(products_in_serpentine_order_share_calls),
      cmocka_unit_test(matrices_in_structs_are_found),
      cmocka_unit_test(halves_of_dwords_become_elements),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
