/* SPDX-License-Identifier: MIT */
/*
 * rt_matrix.c - simdgroup matrices in memory: loads, stores and products for
 * any CPU. rt_matrix_x86.c has the same functions for AVX2 and AVX-512;
 * sm_rt_matrix_form chooses when a kernel is compiled.
 *
 * A fragment is 64 floats. Its four 4x4 blocks follow each other, each row
 * major:
 *
 *     at(row, column) = row / 4 * 32 + column / 4 * 16 + row % 4 * 4
 *                       + column % 4
 *
 * This is the order of the lanes: by the lane map that all Apple GPUs share
 * (emit_matrix.c) the elements of lane l are at 2 l and 2 l + 1, so that
 * thread_elements() is what lies side by side. It suits products as well:
 * of a block in a register, column k of the left operand is one shuffle
 * within 128 bits, and row k of the right one is a load that repeats.
 *
 * Sums run over k upwards from c, rounding once per step, whatever the CPU.
 */
#include "rt.h"

#include <math.h>
#include <string.h>

const char *sm_rt_matrix_form(const char *features) {
#if defined(__x86_64__)
  if (!strstr(features, "+avx2") || !strstr(features, "+fma") ||
      !strstr(features, "+f16c"))
    return "";
  return strstr(features, "+avx512f") ? "_avx512" : "_avx2";
#else
  return (void)features, "";
#endif
}

static int at(int row, int column) {
  return row / 4 * 32 + column / 4 * 16 + row % 4 * 4 + column % 4;
}

/* add: to what sum holds. d may be an operand. */
static void product(float *d, const float *a, const float *b, float *sum,
                    bool add) {
  for (int i = 0; i < 8; i++)
    for (int j = 0; j < 8; j++) {
      float s = add ? fmaf(a[at(i, 0)], b[at(0, j)], sum[at(i, j)])
                    : a[at(i, 0)] * b[at(0, j)];
      for (int k = 1; k < 8; k++) s = fmaf(a[at(i, k)], b[at(k, j)], s);
      sum[at(i, j)] = s;
    }
  memcpy(d, sum, 64 * sizeof(float));
}

void sm_rt_matrix_multiply_add(float *d, const float *a, const float *b,
                               const float *c) {
  float sum[64];
  memcpy(sum, c, sizeof(sum));
  product(d, a, b, sum, true);
}

void sm_rt_matrix_multiply(float *d, const float *a, const float *b) {
  float sum[64];
  product(d, a, b, sum, false);
}

void sm_rt_matrix_accumulate(float *d, const float *a, const float *b,
                             uint32_t n) {
  for (uint32_t i = 0; i < n; i++, d += 64, b += 64)
    sm_rt_matrix_multiply_add(d, a, b, d);
}

/* Without pedantry: ISO C knows this type from C23 on only. */
__extension__ typedef _Float16 half;

static float number_in(const char *s, uint32_t how) {
  float x;
  if (how & SM_MATRIX_HALF) {
    half h;
    memcpy(&h, s, sizeof(h));
    return (float)h;
  }
  if (how & SM_MATRIX_BFLOAT) {
    uint16_t b;
    memcpy(&b, s, sizeof(b));
    uint32_t bits = (uint32_t)b << 16;
    memcpy(&x, &bits, sizeof(x));
    return x;
  }
  memcpy(&x, s, sizeof(x));
  return x;
}

static void number_to(char *d, uint32_t how, float x) {
  if (how & SM_MATRIX_HALF) {
    half h = (half)x;
    memcpy(d, &h, sizeof(h));
  } else if (how & SM_MATRIX_BFLOAT) { /* exact: nothing is cut off */
    uint32_t bits;
    memcpy(&bits, &x, sizeof(bits));
    uint16_t b = (uint16_t)(bits >> 16);
    memcpy(d, &b, sizeof(b));
  } else {
    memcpy(d, &x, sizeof(x));
  }
}

void sm_rt_matrix_load(float *d, const char *s, int64_t row, uint32_t how) {
  int bytes = how & (SM_MATRIX_HALF | SM_MATRIX_BFLOAT) ? 2 : 4;
  for (int i = 0; i < 8; i++)
    for (int j = 0; j < 8; j++)
      d[how & SM_MATRIX_FLIP ? at(j, i) : at(i, j)] =
          number_in(s + i * row + j * bytes, how);
}

void sm_rt_matrix_store(const float *s, char *d, int64_t row, uint32_t how) {
  int bytes = how & (SM_MATRIX_HALF | SM_MATRIX_BFLOAT) ? 2 : 4;
  for (int i = 0; i < 8; i++)
    for (int j = 0; j < 8; j++)
      number_to(d + i * row + j * bytes, how,
                s[how & SM_MATRIX_FLIP ? at(j, i) : at(i, j)]);
}
