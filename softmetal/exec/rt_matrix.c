/* SPDX-License-Identifier: MIT */
/*
 * rt_matrix.c - products of simdgroup matrices for CPUs with 16 registers of
 * 8 floats, where fragments are kept in memory (emit_matrix.c).
 *
 * The result takes 8 registers, a row of b one, and elements of a are
 * broadcast from memory: two loads and two multiply-adds a cycle. Sums run
 * over k upwards from c, rounding once per step, as everywhere.
 */
#include "rt.h"

#include <string.h>

#if defined(__x86_64__)
#include <immintrin.h>

#define SM_AVX2 __attribute__((target("avx2,fma,f16c")))

bool sm_rt_has_matrix(const char *features) {
  return strstr(features, "+avx2") && strstr(features, "+fma") &&
         strstr(features, "+f16c");
}

SM_AVX2 void sm_rt_matrix_multiply_add(float *d, const float *a,
                                       const float *b, const float *c) {
  __m256 sum[8];
#pragma GCC unroll 8
  for (int r = 0; r < 8; r++) sum[r] = _mm256_load_ps(c + r * 8);
#pragma GCC unroll 8
  for (int k = 0; k < 8; k++) {
    __m256 row = _mm256_load_ps(b + k * 8);
#pragma GCC unroll 8
    for (int r = 0; r < 8; r++)
      sum[r] = _mm256_fmadd_ps(_mm256_broadcast_ss(a + r * 8 + k), row,
                               sum[r]);
  }
#pragma GCC unroll 8
  for (int r = 0; r < 8; r++) _mm256_store_ps(d + r * 8, sum[r]);
}

SM_AVX2 void sm_rt_matrix_multiply(float *d, const float *a,
                                   const float *b) {
  __m256 sum[8], row = _mm256_load_ps(b);
#pragma GCC unroll 8
  for (int r = 0; r < 8; r++)
    sum[r] = _mm256_mul_ps(_mm256_broadcast_ss(a + r * 8), row);
#pragma GCC unroll 7
  for (int k = 1; k < 8; k++) {
    row = _mm256_load_ps(b + k * 8);
#pragma GCC unroll 8
    for (int r = 0; r < 8; r++)
      sum[r] = _mm256_fmadd_ps(_mm256_broadcast_ss(a + r * 8 + k), row,
                               sum[r]);
  }
#pragma GCC unroll 8
  for (int r = 0; r < 8; r++) _mm256_store_ps(d + r * 8, sum[r]);
}

SM_AVX2 void sm_rt_matrix_load(float *d, const char *s, int64_t row) {
  __m256 v[8];
#pragma GCC unroll 8
  for (int r = 0; r < 8; r++)
    v[r] = _mm256_loadu_ps((const float *)(s + r * row));
#pragma GCC unroll 8
  for (int r = 0; r < 8; r++) _mm256_store_ps(d + r * 8, v[r]);
}

SM_AVX2 void sm_rt_matrix_store(const float *s, char *d, int64_t row) {
#pragma GCC unroll 8
  for (int r = 0; r < 8; r++)
    _mm256_storeu_ps((float *)(d + r * row), _mm256_load_ps(s + r * 8));
}

SM_AVX2 void sm_rt_matrix_load_half(float *d, const char *s, int64_t row) {
  __m128i v[8];
#pragma GCC unroll 8
  for (int r = 0; r < 8; r++)
    v[r] = _mm_loadu_si128((const __m128i *)(s + r * row));
#pragma GCC unroll 8
  for (int r = 0; r < 8; r++)
    _mm256_store_ps(d + r * 8, _mm256_cvtph_ps(v[r]));
}

SM_AVX2 void sm_rt_matrix_store_half(const float *s, char *d, int64_t row) {
#pragma GCC unroll 8
  for (int r = 0; r < 8; r++)
    _mm_storeu_si128((__m128i *)(d + r * row),
                     _mm256_cvtps_ph(_mm256_load_ps(s + r * 8),
                                     _MM_FROUND_TO_NEAREST_INT));
}

/* 4 x 4 blocks: halves of two rows in one register, then two rounds of
 * unpacking. d may be s. */
SM_AVX2 void sm_rt_matrix_transpose(float *d, const float *s) {
  __m256 out[8];
#pragma GCC unroll 2
  for (int h = 0; h < 2; h++) {
    __m256 r[4], t[4];
#pragma GCC unroll 4
    for (int i = 0; i < 4; i++)
      r[i] = _mm256_insertf128_ps(
          _mm256_castps128_ps256(_mm_load_ps(s + i * 8 + h * 4)),
          _mm_load_ps(s + (i + 4) * 8 + h * 4), 1);
    t[0] = _mm256_unpacklo_ps(r[0], r[1]);
    t[1] = _mm256_unpackhi_ps(r[0], r[1]);
    t[2] = _mm256_unpacklo_ps(r[2], r[3]);
    t[3] = _mm256_unpackhi_ps(r[2], r[3]);
    out[h * 4] = _mm256_shuffle_ps(t[0], t[2], 0x44);
    out[h * 4 + 1] = _mm256_shuffle_ps(t[0], t[2], 0xee);
    out[h * 4 + 2] = _mm256_shuffle_ps(t[1], t[3], 0x44);
    out[h * 4 + 3] = _mm256_shuffle_ps(t[1], t[3], 0xee);
  }
#pragma GCC unroll 8
  for (int r = 0; r < 8; r++) _mm256_store_ps(d + r * 8, out[r]);
}

#else

bool sm_rt_has_matrix(const char *features) {
  return (void)features, false;
}

#endif
