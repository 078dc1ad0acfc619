/* SPDX-License-Identifier: MIT */
/*
 * rt_matrix_x86.c - rt_matrix.c's functions for AVX2 and for AVX-512.
 *
 * Products. Of the result, a register holds a block of 4x4 (AVX-512) or two
 * rows of one (AVX2). For each k it takes a multiply-add of column k of a
 * block of a, repeated along its rows (a shuffle within 128 bits), and row k
 * of a block of b, repeated (a load). Shuffles run on one of the two ports
 * that do 512-bit multiply-adds: products that share their left operand share
 * its shuffles, which is why sm_rt_matrix_accumulate takes up to four in one
 * go.
 *
 * Loads put rows in registers, both halves of a row side by side, and sort
 * the halves into blocks; a transposed load turns each block besides and
 * swaps the blocks off the diagonal.
 *
 * Nothing is assumed of alignment: members of structs lie anywhere.
 */
#include "rt.h"

#if defined(__x86_64__)
#include <immintrin.h>

#define IN static inline __attribute__((always_inline))
#define UNROLL _Pragma("GCC unroll 8")
#define UNROLL16 _Pragma("GCC unroll 16")

/* Where the block of rows 4 r and columns 4 c lies; flip: its transpose. */
IN int block(int r, int c, uint32_t how) {
  return how & SM_MATRIX_FLIP ? c * 32 + r * 16 : r * 32 + c * 16;
}

/* ---- AVX2 --------------------------------------------------------------- */

#define AVX2 __attribute__((target("avx2,fma,f16c")))

/* Column k of two rows of a block. */
AVX2 IN __m256 column_avx2(__m256 x, int k) {
  switch (k) {
  case 0: return _mm256_permute_ps(x, 0x00);
  case 1: return _mm256_permute_ps(x, 0x55);
  case 2: return _mm256_permute_ps(x, 0xaa);
  default: return _mm256_permute_ps(x, 0xff);
  }
}

AVX2 IN void product_avx2(float *d, const float *a, const float *b,
                          const float *c, bool add) {
  __m256 sum[8];
  if (add) UNROLL for (int q = 0; q < 8; q++) sum[q] = _mm256_loadu_ps(c + q * 8);
  UNROLL for (int k = 0; k < 8; k++) {
    const float *row = b + k / 4 * 32 + k % 4 * 4;
    __m256 left = _mm256_broadcast_ps((const __m128 *)row);
    __m256 right = _mm256_broadcast_ps((const __m128 *)(row + 16));
    UNROLL for (int p = 0; p < 4; p++) {
      int q = p / 2 * 4 + p % 2;
      __m256 x = column_avx2(
          _mm256_loadu_ps(a + p / 2 * 32 + k / 4 * 16 + p % 2 * 8), k % 4);
      bool first = k == 0 && !add;
      sum[q] = first ? _mm256_mul_ps(x, left)
                     : _mm256_fmadd_ps(x, left, sum[q]);
      sum[q + 2] = first ? _mm256_mul_ps(x, right)
                         : _mm256_fmadd_ps(x, right, sum[q + 2]);
    }
  }
  UNROLL for (int q = 0; q < 8; q++) _mm256_storeu_ps(d + q * 8, sum[q]);
}

AVX2 void sm_rt_matrix_multiply_add_avx2(float *d, const float *a,
                                         const float *b, const float *c) {
  product_avx2(d, a, b, c, true);
}

AVX2 void sm_rt_matrix_multiply_avx2(float *d, const float *a,
                                     const float *b) {
  product_avx2(d, a, b, NULL, false);
}

AVX2 void sm_rt_matrix_accumulate_avx2(float *d, const float *a,
                                       const float *b, uint32_t n) {
  for (uint32_t i = 0; i < n; i++, d += 64, b += 64)
    product_avx2(d, a, b, d, true);
}

AVX2 IN __m256 row_avx2(const char *s, uint32_t how) {
  if (!(how & (SM_MATRIX_HALF | SM_MATRIX_BFLOAT)))
    return _mm256_loadu_ps((const float *)s);
  __m128i x = _mm_loadu_si128((const __m128i *)s);
  if (how & SM_MATRIX_HALF) return _mm256_cvtph_ps(x);
  return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(x), 16));
}

AVX2 IN void row_to_avx2(char *d, uint32_t how, __m256 x) {
  __m128i narrow;
  if (!(how & (SM_MATRIX_HALF | SM_MATRIX_BFLOAT))) {
    _mm256_storeu_ps((float *)d, x);
    return;
  }
  if (how & SM_MATRIX_HALF) {
    narrow = _mm256_cvtps_ph(x, _MM_FROUND_TO_NEAREST_INT);
  } else { /* exact: nothing is cut off */
    __m256i bits = _mm256_srli_epi32(_mm256_castps_si256(x), 16);
    narrow = _mm_packus_epi32(_mm256_castsi256_si128(bits),
                              _mm256_extracti128_si256(bits, 1));
  }
  _mm_storeu_si128((__m128i *)d, narrow);
}

/* Both halves as 4x4 matrices. */
AVX2 IN void turn_avx2(__m256 r[4]) {
  __m256 a = _mm256_unpacklo_ps(r[0], r[1]);
  __m256 b = _mm256_unpackhi_ps(r[0], r[1]);
  __m256 c = _mm256_unpacklo_ps(r[2], r[3]);
  __m256 d = _mm256_unpackhi_ps(r[2], r[3]);
  r[0] = _mm256_shuffle_ps(a, c, 0x44);
  r[1] = _mm256_shuffle_ps(a, c, 0xee);
  r[2] = _mm256_shuffle_ps(b, d, 0x44);
  r[3] = _mm256_shuffle_ps(b, d, 0xee);
}

/* Four floats of a row and four of the next: no shuffles, which products need
 * as many of as they can get. */
AVX2 IN __m256 fours_avx2(const char *s, int64_t row) {
  return _mm256_insertf128_ps(
      _mm256_castps128_ps256(_mm_loadu_ps((const float *)s)),
      _mm_loadu_ps((const float *)(s + row)), 1);
}

AVX2 IN void load_floats_avx2(float *d, const char *s, int64_t row) {
  UNROLL for (int i = 0; i < 4; i++, s += 2 * row) {
    float *to = d + i / 2 * 32 + i % 2 * 8;
    _mm256_storeu_ps(to, fours_avx2(s, row));
    _mm256_storeu_ps(to + 16, fours_avx2(s + 16, row));
  }
}

AVX2 IN void load_avx2(float *d, const char *s, int64_t row, uint32_t how) {
  if (how == 0) {
    load_floats_avx2(d, s, row);
    return;
  }
  UNROLL for (int i = 0; i < 2; i++) {
    __m256 r[4];
    float *left = d + block(i, 0, how), *right = d + block(i, 1, how);
    UNROLL for (int k = 0; k < 4; k++)
      r[k] = row_avx2(s + (i * 4 + k) * row, how);
    if (how & SM_MATRIX_FLIP) turn_avx2(r);
    UNROLL for (int k = 0; k < 4; k += 2) {
      _mm256_storeu_ps(left + k * 4,
                       _mm256_permute2f128_ps(r[k], r[k + 1], 0x20));
      _mm256_storeu_ps(right + k * 4,
                       _mm256_permute2f128_ps(r[k], r[k + 1], 0x31));
    }
  }
}

AVX2 IN void store_avx2(const float *s, char *d, int64_t row, uint32_t how) {
  UNROLL for (int i = 0; i < 2; i++) {
    __m256 r[4];
    const float *left = s + block(i, 0, how), *right = s + block(i, 1, how);
    UNROLL for (int k = 0; k < 4; k += 2) {
      __m256 x = _mm256_loadu_ps(left + k * 4);
      __m256 y = _mm256_loadu_ps(right + k * 4);
      r[k] = _mm256_permute2f128_ps(x, y, 0x20);
      r[k + 1] = _mm256_permute2f128_ps(x, y, 0x31);
    }
    if (how & SM_MATRIX_FLIP) turn_avx2(r);
    UNROLL for (int k = 0; k < 4; k++)
      row_to_avx2(d + (i * 4 + k) * row, how, r[k]);
  }
}

/* ---- AVX-512 ------------------------------------------------------------ */

#define AVX512 __attribute__((target("avx512f,avx2,fma,f16c")))

AVX512 IN __m512 column_avx512(__m512 x, int k) {
  switch (k) {
  case 0: return _mm512_permute_ps(x, 0x00);
  case 1: return _mm512_permute_ps(x, 0x55);
  case 2: return _mm512_permute_ps(x, 0xaa);
  default: return _mm512_permute_ps(x, 0xff);
  }
}

/* n products with the same a. */
AVX512 IN void product_avx512(float *d, const float *a, const float *b,
                              const float *c, bool add, int n) {
  __m512 sum[16], left[4];
  UNROLL for (int q = 0; q < 4; q++) left[q] = _mm512_loadu_ps(a + q * 16);
  if (add)
    UNROLL16 for (int q = 0; q < 4 * n; q++)
      sum[q] = _mm512_loadu_ps(c + q * 16);
  UNROLL for (int k = 0; k < 8; k++) {
    __m512 x = column_avx512(left[k / 4], k % 4);
    __m512 y = column_avx512(left[2 + k / 4], k % 4);
    bool first = k == 0 && !add;
    UNROLL for (int i = 0; i < n; i++) {
      const float *row = b + i * 64 + k / 4 * 32 + k % 4 * 4;
      UNROLL for (int h = 0; h < 2; h++) {
        __m512 z = _mm512_broadcast_f32x4(_mm_loadu_ps(row + h * 16));
        int q = 4 * i + h;
        sum[q] = first ? _mm512_mul_ps(x, z) : _mm512_fmadd_ps(x, z, sum[q]);
        sum[q + 2] = first ? _mm512_mul_ps(y, z)
                           : _mm512_fmadd_ps(y, z, sum[q + 2]);
      }
    }
  }
  UNROLL16 for (int q = 0; q < 4 * n; q++)
    _mm512_storeu_ps(d + q * 16, sum[q]);
}

AVX512 void sm_rt_matrix_multiply_add_avx512(float *d, const float *a,
                                             const float *b, const float *c) {
  product_avx512(d, a, b, c, true, 1);
}

AVX512 void sm_rt_matrix_multiply_avx512(float *d, const float *a,
                                         const float *b) {
  product_avx512(d, a, b, NULL, false, 1);
}

AVX512 void sm_rt_matrix_accumulate_avx512(float *d, const float *a,
                                           const float *b, uint32_t n) {
  for (; n >= 4; n -= 4, d += 256, b += 256)
    product_avx512(d, a, b, d, true, 4);
  if (n & 2) {
    product_avx512(d, a, b, d, true, 2);
    d += 128, b += 128;
  }
  if (n & 1) product_avx512(d, a, b, d, true, 1);
}

/* Two rows. */
AVX512 IN __m512 rows_avx512(const char *s, int64_t row, uint32_t how) {
  if (!(how & (SM_MATRIX_HALF | SM_MATRIX_BFLOAT)))
    return _mm512_castpd_ps(_mm512_insertf64x4(
        _mm512_castps_pd(_mm512_castps256_ps512(
            _mm256_loadu_ps((const float *)s))),
        _mm256_castps_pd(_mm256_loadu_ps((const float *)(s + row))), 1));
  __m256i x = _mm256_inserti128_si256(
      _mm256_castsi128_si256(_mm_loadu_si128((const __m128i *)s)),
      _mm_loadu_si128((const __m128i *)(s + row)), 1);
  if (how & SM_MATRIX_HALF) return _mm512_cvtph_ps(x);
  return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(x), 16));
}

AVX512 IN void rows_to_avx512(char *d, int64_t row, uint32_t how, __m512 x) {
  __m256i narrow;
  if (!(how & (SM_MATRIX_HALF | SM_MATRIX_BFLOAT))) {
    _mm256_storeu_ps((float *)d, _mm512_castps512_ps256(x));
    _mm256_storeu_pd((double *)(d + row),
                     _mm512_extractf64x4_pd(_mm512_castps_pd(x), 1));
    return;
  }
  if (how & SM_MATRIX_HALF)
    narrow = _mm512_cvtps_ph(x, _MM_FROUND_TO_NEAREST_INT);
  else /* exact: nothing is cut off */
    narrow = _mm512_cvtepi32_epi16(
        _mm512_srli_epi32(_mm512_castps_si512(x), 16));
  _mm_storeu_si128((__m128i *)d, _mm256_castsi256_si128(narrow));
  _mm_storeu_si128((__m128i *)(d + row), _mm256_extracti128_si256(narrow, 1));
}

AVX512 IN __m512 turn_avx512(__m512 x) {
  return _mm512_permutexvar_ps(_mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2,
                                                 6, 10, 14, 3, 7, 11, 15), x);
}

AVX512 IN void load_avx512(float *d, const char *s, int64_t row,
                           uint32_t how) {
  UNROLL for (int i = 0; i < 2; i++, s += 4 * row) {
    __m512 above = rows_avx512(s, row, how);
    __m512 below = rows_avx512(s + 2 * row, row, how);
    __m512 left = _mm512_shuffle_f32x4(above, below, 0x88);
    __m512 right = _mm512_shuffle_f32x4(above, below, 0xdd);
    if (how & SM_MATRIX_FLIP) {
      left = turn_avx512(left);
      right = turn_avx512(right);
    }
    _mm512_storeu_ps(d + block(i, 0, how), left);
    _mm512_storeu_ps(d + block(i, 1, how), right);
  }
}

AVX512 IN void store_avx512(const float *s, char *d, int64_t row,
                            uint32_t how) {
  __m512i low = _mm512_setr_epi64(0, 1, 8, 9, 2, 3, 10, 11);
  __m512i high = _mm512_setr_epi64(4, 5, 12, 13, 6, 7, 14, 15);
  UNROLL for (int i = 0; i < 2; i++, d += 4 * row) {
    __m512 left = _mm512_loadu_ps(s + block(i, 0, how));
    __m512 right = _mm512_loadu_ps(s + block(i, 1, how));
    if (how & SM_MATRIX_FLIP) {
      left = turn_avx512(left);
      right = turn_avx512(right);
    }
    __m512d a = _mm512_castps_pd(left), b = _mm512_castps_pd(right);
    rows_to_avx512(d, row, how,
                   _mm512_castpd_ps(_mm512_permutex2var_pd(a, low, b)));
    rows_to_avx512(d + 2 * row, row, how,
                   _mm512_castpd_ps(_mm512_permutex2var_pd(a, high, b)));
  }
}

/* ---- one body for each form --------------------------------------------- */

/* `how` becomes a constant in each call. */
#define BY_FORM(call)                                      \
  switch (how) {                                           \
  case 0: call(0); break;                                  \
  case SM_MATRIX_HALF: call(SM_MATRIX_HALF); break;        \
  case SM_MATRIX_BFLOAT: call(SM_MATRIX_BFLOAT); break;    \
  case SM_MATRIX_FLIP: call(SM_MATRIX_FLIP); break;        \
  case SM_MATRIX_FLIP | SM_MATRIX_HALF:                    \
    call(SM_MATRIX_FLIP | SM_MATRIX_HALF);                 \
    break;                                                 \
  default: call(SM_MATRIX_FLIP | SM_MATRIX_BFLOAT); break; \
  }

AVX2 void sm_rt_matrix_load_avx2(float *d, const char *s, int64_t row,
                                 uint32_t how) {
#define CALL(how) load_avx2(d, s, row, how)
  BY_FORM(CALL)
#undef CALL
}

AVX2 void sm_rt_matrix_store_avx2(const float *s, char *d, int64_t row,
                                  uint32_t how) {
#define CALL(how) store_avx2(s, d, row, how)
  BY_FORM(CALL)
#undef CALL
}

AVX512 void sm_rt_matrix_load_avx512(float *d, const char *s, int64_t row,
                                     uint32_t how) {
#define CALL(how) load_avx512(d, s, row, how)
  BY_FORM(CALL)
#undef CALL
}

AVX512 void sm_rt_matrix_store_avx512(const float *s, char *d, int64_t row,
                                      uint32_t how) {
#define CALL(how) store_avx512(s, d, row, how)
  BY_FORM(CALL)
#undef CALL
}

#endif
