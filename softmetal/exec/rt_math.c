/* SPDX-License-Identifier: MIT */
/*
 * rt_math.c - 32 lanes of a math function through the C library, for the
 * functions that have neither an inline form nor a vector library's.
 * Metal allows 4 to 16 ulp for these; C libraries stay within 2.
 */
#define _GNU_SOURCE
#include "rt.h"

#include <math.h>

#define DEFINE1(name)                                           \
  void sm_rt_##name(float *x) {                                 \
    for (int i = 0; i < SM_LANES; i++) x[i] = name##f(x[i]);    \
  }
#define DEFINE2(name)                                           \
  void sm_rt_##name(float *x, const float *y) {                 \
    for (int i = 0; i < SM_LANES; i++) x[i] = name##f(x[i], y[i]); \
  }

#if !defined(__GLIBC__)
static float exp10f(float x) { return (float)pow(10.0, x); }
#endif

SM_RT_MATH1(DEFINE1)
SM_RT_MATH2(DEFINE2)

/* The next half from x towards y: one step of the bits, as for any IEEE
 * format. */
void sm_rt_nextafter_half(uint16_t *x, const uint16_t *y) {
  for (int i = 0; i < SM_LANES; i++) {
    uint16_t a = x[i], b = y[i];
    bool a_nan = (a & 0x7fff) > 0x7c00, b_nan = (b & 0x7fff) > 0x7c00;
    if (a_nan) continue;
    if (b_nan || !((a | b) & 0x7fff) || a == b) {
      x[i] = b;
      continue;
    }
    int ka = a & 0x8000 ? -(a & 0x7fff) : a;
    int kb = b & 0x8000 ? -(b & 0x7fff) : b;
    ka += kb > ka ? 1 : -1;
    x[i] = (uint16_t)(ka < 0 ? 0x8000 | -ka : ka);
    if (ka == 0 && (a & 0x8000)) x[i] = 0x8000;
  }
}
