/* SPDX-License-Identifier: MIT */
/*
 * rt.h - functions that compiled kernels call.
 *
 * Arguments are plain C: pointers, 32-bit numbers and arrays of 32. The
 * emitter knows them by name (rt_symbols.c lists them), so changing one
 * changes SM_FRAME_ABI. mask has one bit per active lane.
 */
#ifndef SM_RT_H
#define SM_RT_H

#include "runner.h"

/* Waits until every live simdgroup of the threadgroup is here. line tells
 * barriers apart. */
void sm_rt_barrier(sm_frame *frame, uint32_t line);
/* Between the intervals of a kernel made of regions, when its simdgroups wait
 * at different places, some have ended, or group->attend asks for it. lines:
 * of barriers, by state. */
void sm_rt_interval(sm_group *group, const uint32_t *lines);
/* A barrier under a condition that not all live lanes share. */
void sm_rt_diverged(sm_frame *frame, uint32_t line, uint32_t absent);
/* frame->stop was seen; does not return. */
void sm_rt_stop(sm_frame *frame);

/* bytes bytes from pointers[lane] to out + lane * bytes, active lanes. */
void sm_rt_gather(char *const *pointers, uint32_t mask, uint32_t bytes,
                  char *out);
void sm_rt_scatter(char *const *pointers, uint32_t mask, uint32_t bytes,
                   const char *in);

/* One atomic operation per active lane, in lane order. value, expected and
 * result are zero-extended bits. */
void sm_rt_atomic(uint32_t op, uint32_t kind, char *const *pointers,
                  uint32_t mask, const uint64_t *value,
                  const uint64_t *expected, uint64_t *result);

/* Simdgroup matrices, fragments of 64 floats laid out as rt_matrix.c says.
 * d = a b + c and d = a b, where d may be an operand; and d[i] += a b[i] for
 * n fragments in a row, which overlap neither a nor b. Loads and stores take
 * rows that are `row` bytes apart, of any alignment; how is a sum of
 * SM_MATRIX_ flags. The names end in what sm_rt_matrix_form says. */
enum {
  SM_MATRIX_FLIP = 1,  /* transposed */
  SM_MATRIX_HALF = 2,  /* memory holds halves */
  SM_MATRIX_BFLOAT = 4 /* or bfloats; a fragment's are exact */
};
#define SM_RT_MATRIX(form)                                                   \
  void sm_rt_matrix_multiply_add##form(float *d, const float *a,             \
                                       const float *b, const float *c);      \
  void sm_rt_matrix_multiply##form(float *d, const float *a,                 \
                                   const float *b);                          \
  void sm_rt_matrix_accumulate##form(float *d, const float *a,               \
                                     const float *b, uint32_t n);            \
  void sm_rt_matrix_load##form(float *d, const char *s, int64_t row,         \
                               uint32_t how);                                \
  void sm_rt_matrix_store##form(const float *s, char *d, int64_t row,        \
                                uint32_t how);
SM_RT_MATRIX()
#if defined(__x86_64__)
SM_RT_MATRIX(_avx2)
SM_RT_MATRIX(_avx512)
#endif
/* For a CPU with these features, as LLVM lists them. */
const char *sm_rt_matrix_form(const char *features);

/* os_log by the active lanes: rt_log.c; types and values as emit_log.c lays
 * them out. */
void sm_rt_log(sm_frame *frame, uint32_t mask, uint32_t level,
               const char *format, const char *subsystem,
               const char *category, const char *types,
               const uint64_t *values);

/* x[i] = f(x[i]) or f(x[i], y[i]) for 32 floats, by the names of math.def
 * (rt_math.c). */
#define SM_RT_MATH1(X) \
  X(sin) X(cos) X(tan) X(asin) X(acos) X(atan) X(sinh) X(cosh) X(tanh) \
  X(asinh) X(acosh) X(atanh) X(log10) X(exp10)
#define SM_RT_MATH2(X) X(pow) X(atan2) X(fmod) X(nextafter)
#define SM_RT_DECLARE1(f) void sm_rt_##f(float *x);
#define SM_RT_DECLARE2(f) void sm_rt_##f(float *x, const float *y);
SM_RT_MATH1(SM_RT_DECLARE1)
SM_RT_MATH2(SM_RT_DECLARE2)
void sm_rt_nextafter_half(uint16_t *x, const uint16_t *y);

/* The vector library's name for f, width (16 or 8) floats wide, or NULL if
 * it or the CPU lacks it (rt_symbols.c). */
const char *sm_rt_vector_math(const char *f, uint32_t width);

#endif
