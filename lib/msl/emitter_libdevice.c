/* SPDX-License-Identifier: MIT */
/*
 * emitter_libdevice.c - functions of NVIDIA's libdevice that Metal has not,
 * in the templates that emitter_prelude.c explains.
 *
 * Floats. Metal's own functions are used where their precise form is as exact
 * as docs/language.md promises; the others are polynomials in fma, so that
 * neither a math mode nor contraction changes them. Coefficients were fitted
 * by reweighted least squares on Chebyshev nodes, in double, for the smallest
 * relative error; tests/test_libdevice.c measures the results.
 *
 * Rounding modes. MSL rounds to nearest only (or, by its specification, also
 * toward zero) and floats lose their subnormal values on the way, so
 * arithmetic that rounds in a given direction is done on integers: a float is
 * a significand of 24 bits and an exponent, a result one of up to 63 bits
 * whose lowest bit also stands for all that was lost. Infinities, NaN and
 * division by zero are left to the float operation.
 */
#include "emitter.h"

/* Modes, the last argument of the functions that round. */
#define MODES "// mode: 0 to nearest, 1 toward zero, 2 down, 3 up.\n"

const msl_helper_text msl_libdevice[] = {
  [MSL_H_EXP_SUM - MSL_H_LIBDEVICE] = {"exp_sum", {0},
    "// exp(x + low) within 1 ulp, low being small beside 1.\n"
    "METAL_FUNC $F exp_sum($F x, $F low) {\n"
    "  const $F c = clamp(x, $F(-104.0f), $F(104.0f));\n"
    "  const $F n = rint(c * 1.44269504f);\n"
    "  $F r = fma(n, $F(-0.693359375f), c);\n"
    "  r = fma(n, $F(0.00021219444f), r) + low;\n"
    "  $F p = $F(0.00139517151f);\n"
    "  p = fma(p, r, $F(0.00836959854f));\n"
    "  p = fma(p, r, $F(0.0416661873f));\n"
    "  p = fma(p, r, $F(0.166665122f));\n"
    "  p = fma(p, r, $F(0.5f));\n"
    "  const $F y = fma(r * r, p, r) + 1.0f;\n"
    "  const $I k = $I(n), half_k = k >> 1;\n"
    "  const $F a = as_type<$F>((half_k + 127) << 23);\n"
    "  const $F b = as_type<$F>((k - half_k + 127) << 23);\n"
    "  return select(y * a * b, x, isnan(x));\n"
    "}\n"},
  [MSL_H_LN - MSL_H_LIBDEVICE] = {"ln", {0},
    "// The logarithm of a positive number within 1.5 ulp.\n"
    "METAL_FUNC $F ln($F x) {\n"
    "  const $I u = as_type<$I>(x);\n"
    "  const $I i = (u - 0x3f400000) & -0x800000;\n"
    "  const $F f = as_type<$F>(u - i) - 1.0f;\n"
    "  const $F n = $F(i) * 1.1920929e-07f;\n"
    "  $F p = $F(-0.0449084267f);\n"
    "  p = fma(p, f, $F(0.104482085f));\n"
    "  p = fma(p, f, $F(-0.131622121f));\n"
    "  p = fma(p, f, $F(0.14482075f));\n"
    "  p = fma(p, f, $F(-0.16647771f));\n"
    "  p = fma(p, f, $F(0.199906066f));\n"
    "  p = fma(p, f, $F(-0.250000536f));\n"
    "  p = fma(p, f, $F(0.333334535f));\n"
    "  p = fma(p, f, $F(-0.5f));\n"
    "  return fma(n, $F(0.693147182f), fma(f * f, p, f));\n"
    "}\n"},
  /* 1 + x = 2^n (1 + f), and f = 2^-n x + (2^-n - 1) is exact but for one
   * rounding; where 2^-n would be subnormal, 1 is far below x. */
  [MSL_H_LOG1P - MSL_H_LIBDEVICE] = {"log1p", {0},
    "// log(1 + x) within 2 ulp.\n"
    "METAL_FUNC $F log1p($F x) {\n"
    "  const $I i = (as_type<$I>(1.0f + x) - 0x3f400000) & -0x800000;\n"
    "  const $F t = as_type<$F>(0x3f800000 - i);\n"
    "  const $F big = as_type<$F>(as_type<$I>(x) - i) - 1.0f;\n"
    "  const $F f = select(fma(t, x, t - 1.0f), big, x > 1e18f);\n"
    "  const $F n = $F(i) * 1.1920929e-07f;\n"
    "  $F p = $F(-0.0449084267f);\n"
    "  p = fma(p, f, $F(0.104482085f));\n"
    "  p = fma(p, f, $F(-0.131622121f));\n"
    "  p = fma(p, f, $F(0.14482075f));\n"
    "  p = fma(p, f, $F(-0.16647771f));\n"
    "  p = fma(p, f, $F(0.199906066f));\n"
    "  p = fma(p, f, $F(-0.250000536f));\n"
    "  p = fma(p, f, $F(0.333334535f));\n"
    "  p = fma(p, f, $F(-0.5f));\n"
    "  const $F y = fma(n, $F(0.693147182f), fma(f * f, p, f));\n"
    "  const $F end = select($F(NAN), $F(-INFINITY), x == -1.0f);\n"
    "  const $F z = select(end, y, x > -1.0f);\n"
    "  return select(z, x, (x == 0.0f) | isnan(x) | (x == INFINITY));\n"
    "}\n"},
  [MSL_H_EXPM1 - MSL_H_LIBDEVICE] = {"expm1", {0},
    "// exp(x) - 1 within 2 ulp: 2^n (q + 1) - 1.\n"
    "METAL_FUNC $F expm1($F x) {\n"
    "  const $F c = clamp(x, $F(-20.0f), $F(89.0f));\n"
    "  const $F n = rint(c * 1.44269504f);\n"
    "  $F r = fma(n, $F(-0.693359375f), c);\n"
    "  r = fma(n, $F(0.00021219444f), r);\n"
    "  $F p = $F(0.000198459689f);\n"
    "  p = fma(p, r, $F(0.00139416533f));\n"
    "  p = fma(p, r, $F(0.00833339151f));\n"
    "  p = fma(p, r, $F(0.0416663475f));\n"
    "  p = fma(p, r, $F(0.166666657f));\n"
    "  p = fma(p, r, $F(0.5f));\n"
    "  const $F q = fma(r * r, p, r);\n"
    "  const $F t = as_type<$F>(($I(n) + 126) << 23);\n"
    "  const $F y = 2.0f * fma(t, q, t - 0.5f);\n"
    "  return select(y, x, (x == 0.0f) | isnan(x));\n"
    "}\n"},
  /* (1 + 2x) exp(x^2) erfc(x) in (x - 4) / (x + 4), the form of M. Shepherd
   * and J. Laframboise, Math. Comp. 36 (1981) 249. The quotient is
   * corrected by what its product leaves, since the polynomial is steep. */
  [MSL_H_ERFCX_TAIL - MSL_H_LIBDEVICE] = {"erfcx_tail", {0},
    "// exp(x^2) erfc(x) for x from 0 to 1e38, within 2.5 ulp.\n"
    "METAL_FUNC $F erfcx_tail($F x) {\n"
    "  const $F r = 1.0f / (x + 4.0f);\n"
    "  $F q = (x - 4.0f) * r;\n"
    "  q = fma(r, fma(-q, x, fma(q + 1.0f, $F(-4.0f), x)), q);\n"
    "  $F p = $F(0.00011238447f);\n"
    "  p = fma(p, q, $F(-0.00024801059f));\n"
    "  p = fma(p, q, $F(-0.000703727535f));\n"
    "  p = fma(p, q, $F(0.00508110365f));\n"
    "  p = fma(p, q, $F(-0.0162363816f));\n"
    "  p = fma(p, q, $F(0.0371416174f));\n"
    "  p = fma(p, q, $F(-0.0663159937f));\n"
    "  p = fma(p, q, $F(0.0937397033f));\n"
    "  p = fma(p, q, $F(-0.101041637f));\n"
    "  p = fma(p, q, $F(0.0680962652f));\n"
    "  p = fma(p, q, $F(0.0153798265f));\n"
    "  p = fma(p, q, $F(-0.139621094f));\n"
    "  p = fma(p, q, $F(1.23299515f));\n"
    "  return p / fma($F(2.0f), x, $F(1.0f));\n"
    "}\n"},
  [MSL_H_ERFCX - MSL_H_LIBDEVICE] = {"erfcx",
    {MSL_H_EXP_SUM, MSL_H_ERFCX_TAIL},
    "// exp(x^2) erfc(x) within 4 ulp.\n"
    "METAL_FUNC $F erfcx($F x) {\n"
    "  const $F y = erfcx_tail(fmin(fabs(x), $F(1e38f)));\n"
    "  const $F a = fmin(fabs(x), $F(10.0f)), s = a * a;\n"
    "  const $F z = 2.0f * exp_sum(s, fma(a, a, -s)) - y;\n"
    "  return select(select(y, z, x < 0.0f), x, isnan(x));\n"
    "}\n"},
  [MSL_H_ERFC - MSL_H_LIBDEVICE] = {"erfc_",
    {MSL_H_EXP_SUM, MSL_H_ERFCX_TAIL},
    "// 1 - erf(x) within 4 ulp, also where it is small.\n"
    "METAL_FUNC $F erfc_($F x) {\n"
    "  const $F s = x * x;\n"
    "  $F p = $F(-0.00059538824f);\n"
    "  p = fma(p, s, $F(0.0049859742f));\n"
    "  p = fma(p, s, $F(-0.02676175f));\n"
    "  p = fma(p, s, $F(0.11281684f));\n"
    "  p = fma(p, s, $F(-0.3761248f));\n"
    "  p = fma(p, s, $F(0.12837915f));\n"
    "  const $F near = (1.0f - x) - p * x;\n"
    "  const $F a = fmin(fabs(x), $F(10.5f)), t = a * a;\n"
    "  const $F far = erfcx_tail(a) * exp_sum(-t, -fma(a, a, -t));\n"
    "  const $F y = select(far, 2.0f - far, x < 0.0f);\n"
    "  return select(select(y, near, fabs(x) < 0.5f), x, isnan(x));\n"
    "}\n"},
  /* With w = -log(1 - x^2), as in M. Giles, "Approximating the erfinv
   * function" (2010), with polynomials of higher degree. */
  [MSL_H_ERFINV_NEAR - MSL_H_LIBDEVICE] = {"erfinv_factor", {0},
    "// erfinv(x) / x in w = -log(1 - x^2), for w up to 89.\n"
    "METAL_FUNC $F erfinv_factor($F w) {\n"
    "  const $F a = w - 2.5f, s = precise::sqrt(w);\n"
    "  const $F b = s - 3.0f, c = s - 6.0f;\n"
    "  $F p = $F(-8.79110829e-09f);\n"
    "  p = fma(p, a, $F(2.32326709e-08f));\n"
    "  p = fma(p, a, $F(4.66171372e-07f));\n"
    "  p = fma(p, a, $F(-3.46270508e-06f));\n"
    "  p = fma(p, a, $F(-4.96335133e-06f));\n"
    "  p = fma(p, a, $F(0.000218344445f));\n"
    "  p = fma(p, a, $F(-0.0012527419f));\n"
    "  p = fma(p, a, $F(-0.00417738687f));\n"
    "  p = fma(p, a, $F(0.24664028f));\n"
    "  p = fma(p, a, $F(1.50140941f));\n"
    "  $F q = $F(0.000110100314f);\n"
    "  q = fma(q, b, $F(-0.000304365007f));\n"
    "  q = fma(q, b, $F(-4.86760073e-05f));\n"
    "  q = fma(q, b, $F(0.0014786534f));\n"
    "  q = fma(q, b, $F(-0.00360164116f));\n"
    "  q = fma(q, b, $F(0.0056894049f));\n"
    "  q = fma(q, b, $F(-0.00763639063f));\n"
    "  q = fma(q, b, $F(0.00944500789f));\n"
    "  q = fma(q, b, $F(1.00167489f));\n"
    "  q = fma(q, b, $F(2.83297682f));\n"
    "  $F r = $F(2.13547082e-08f);\n"
    "  r = fma(r, c, $F(-2.42704886e-07f));\n"
    "  r = fma(r, c, $F(1.28558577e-06f));\n"
    "  r = fma(r, c, $F(-5.36555262e-06f));\n"
    "  r = fma(r, c, $F(2.10554426e-05f));\n"
    "  r = fma(r, c, $F(-4.2769796e-05f));\n"
    "  r = fma(r, c, $F(-0.000472337124f));\n"
    "  r = fma(r, c, $F(1.00960505f));\n"
    "  r = fma(r, c, $F(5.85991287f));\n"
    "  return select(select(r, q, w < 17.0f), p, w < 5.0f);\n"
    "}\n"},
  [MSL_H_ERFINV - MSL_H_LIBDEVICE] = {"erfinv_", {MSL_H_LN, MSL_H_ERFINV_NEAR},
    "// The inverse of erf within 4 ulp; NaN outside of [-1, 1].\n"
    "METAL_FUNC $F erfinv_($F x) {\n"
    "  const $F y = x * erfinv_factor(-ln(fma(-x, x, $F(1.0f))));\n"
    "  const $F z = select($F(NAN), copysign($F(INFINITY), x),\n"
    "                      fabs(x) == 1.0f);\n"
    "  return select(z, y, fabs(x) < 1.0f);\n"
    "}\n"},
  [MSL_H_ERFCINV - MSL_H_LIBDEVICE] = {"erfcinv",
    {MSL_H_LN, MSL_H_ERFINV_NEAR},
    "// The inverse of erfc within 4 ulp; NaN outside of [0, 2].\n"
    "METAL_FUNC $F erfcinv($F x) {\n"
    "  const $F w = -ln(x * (2.0f - x));\n"
    "  const $F y = (1.0f - x) * erfinv_factor(w);\n"
    "  const $F z = select($F(NAN), $F(-INFINITY), x == 2.0f);\n"
    "  const $F u = select(z, $F(INFINITY), x == 0.0f);\n"
    "  return select(u, y, (x > 0.0f) & (x < 2.0f));\n"
    "}\n"},
  [MSL_H_NORMCDFINV - MSL_H_LIBDEVICE] = {"normcdfinv", {MSL_H_ERFCINV},
    "// The inverse of normcdf within 5 ulp; NaN outside of [0, 1].\n"
    "METAL_FUNC $F normcdfinv($F x) {\n"
    "  return -1.41421354f * erfcinv(2.0f * x);\n"
    "}\n"},
  /* exp(-x^2 / 2) has its own argument, since that of erfc would have been
   * rounded, which counts up to 90 times as much far out. */
  [MSL_H_NORMCDF - MSL_H_LIBDEVICE] = {"normcdf",
    {MSL_H_EXP_SUM, MSL_H_ERFCX_TAIL},
    "// The normal distribution within 5 ulp, also where it is small.\n"
    "METAL_FUNC $F normcdf($F x) {\n"
    "  const $F a = fmin(fabs(x), $F(14.5f)), s = a * a;\n"
    "  const $F e = exp_sum(-0.5f * s, -0.5f * fma(a, a, -s));\n"
    "  const $F y = 0.5f * erfcx_tail(a * 0.707106769f) * e;\n"
    "  return select(select(1.0f - y, y, x < 0.0f), x, isnan(x));\n"
    "}\n"},
  [MSL_H_SIN_PI - MSL_H_LIBDEVICE] = {"sin_pi", {0},
    "// sin(pi x) of x below 2^31 within 1.5 ulp.\n"
    "METAL_FUNC $F sin_pi($F x) {\n"
    "  const $F n = rint(x), r = x - n, s = r * r;\n"
    "  $F p = $F(-0.00702219782f);\n"
    "  p = fma(p, s, $F(0.0820465013f));\n"
    "  p = fma(p, s, $F(-0.59925133f));\n"
    "  p = fma(p, s, $F(2.55016327f));\n"
    "  p = fma(p, s, $F(-5.16771269f));\n"
    "  p = fma(p, s, $F(3.14159274f));\n"
    "  return select(p * r, -(p * r), ($I(n) & 1) != 0);\n"
    "}\n"},
  /* Stirling's series from 4 on, with y^(y - 1/2) e^-y as the exponential of
   * a sum of two floats; smaller arguments are four too large, and what that
   * addition rounds away comes back through the derivative of log Gamma.
   * Gamma(-x) by reflection. */
  [MSL_H_TGAMMA - MSL_H_LIBDEVICE] = {"tgamma_",
    {MSL_H_EXP_SUM, MSL_H_SIN_PI},
    "// The Gamma function within 8 ulp.\n"
    "METAL_FUNC $F tgamma_($F x) {\n"
    "  const $F a = fmin(fabs(x), $F(60.0f));\n"
    "  const $B small = a < 4.0f;\n"
    "  const $F y = select(a, a + 4.0f, small);\n"
    "  const $F lost = select($F(0.0f), a - (y - 4.0f), small);\n"
    "  const $I i = (as_type<$I>(y) - 0x3f400000) & -0x800000;\n"
    "  const $F m = as_type<$F>(as_type<$I>(y) - i);\n"
    "  const $F n = $F(i) * 1.1920929e-07f;\n"
    "  const $F d = m + 1.0f, f = m - 1.0f;\n"
    "  const $F s = f / d;\n"
    "  const $F s_low = fma(-s, m - (d - 1.0f), fma(-s, d, f)) / d;\n"
    "  const $F z = s * s;\n"
    "  $F p = $F(0.241004884f);\n"
    "  p = fma(p, z, $F(0.285069972f));\n"
    "  p = fma(p, z, $F(0.400008649f));\n"
    "  p = fma(p, z, $F(0.666666627f));\n"
    "  const $F t = fma(s * z, p, 2.0f * s_low);\n"
    "  const $F whole = n * 0.693359375f;\n"
    "  const $F h = whole + 2.0f * s;\n"
    "  const $F l = fma($F(2.0f), s, whole - h) +\n"
    "      fma(n, $F(-0.00021219444f), t);\n"
    "  const $F q = y - 0.5f;\n"
    "  const $F v = q * h, v_low = fma(q, l, fma(q, h, -v));\n"
    "  const $F e = v - y, e_low = (v - e) - y;\n"
    "  const $F r = 1.0f / y, r2 = r * r;\n"
    "  $F c = $F(-0.000595238095f);\n"
    "  c = fma(c, r2, $F(0.000793650794f));\n"
    "  c = fma(c, r2, $F(-0.00277777785f));\n"
    "  c = fma(c, r2, $F(0.0833333358f));\n"
    "  c = fma(c, r, fma(h - 0.5f * r, lost, v_low + e_low));\n"
    "  const $F g = exp_sum(e, c) * 2.50662827f;\n"
    "  const $F w = fma(a, a, 3.0f * a);\n"
    "  const $F up = select(g, g / (w * (w + 2.0f)), small);\n"
    "  const $F down = -3.14159274f / (up * sin_pi(a) * a);\n"
    "  const $F v0 = select(up, down, x < 0.0f);\n"
    "  const $F v1 = select(v0, copysign($F(INFINITY), x), x == 0.0f);\n"
    "  const $B pole = (x < 0.0f) & (floor(x) == x);\n"
    "  return select(v1, $F(NAN), pole | isnan(x));\n"
    "}\n"},
  /* Around 2 by the series of the zeta function's values less 1; from 3.5 on
   * by Stirling's; below 2.5 and 1.5 and 0.5 by Gamma(x + 1) = x Gamma(x),
   * whose factors are joined before their logarithm is taken; for negative x
   * by reflection. */
  [MSL_H_LGAMMA - MSL_H_LIBDEVICE] = {"lgamma_",
    {MSL_H_LN, MSL_H_LOG1P, MSL_H_SIN_PI},
    "// The logarithm of |Gamma(x)|.\n"
    "METAL_FUNC $F lgamma_($F x) {\n"
    "  const $F b = select(x, 1.0f - x, x < 0.5f);\n"
    "  const $F a = select(b, x, x > 0.0f);\n"
    "  const $F down = select(a, a - 1.0f, a >= 2.5f);\n"
    "  const $F up = select(a + 1.0f, a + 2.0f, a < 0.5f);\n"
    "  const $F y = select(down, up, a < 1.5f);\n"
    "  const $F z2 = select(a - 3.0f, a - 2.0f, a < 2.5f);\n"
    "  const $F z1 = select(z2, a - 1.0f, a < 1.5f);\n"
    "  const $F z = select(z1, a, a < 0.5f);\n"
    "  $F p = $F(-9.439488275e-06f);\n"
    "  p = fma(p, z, $F(2.050721278e-05f));\n"
    "  p = fma(p, z, $F(-4.492623674e-05f));\n"
    "  p = fma(p, z, $F(9.945751278e-05f));\n"
    "  p = fma(p, z, $F(-2.231547585e-04f));\n"
    "  p = fma(p, z, $F(5.096695247e-04f));\n"
    "  p = fma(p, z, $F(-1.192753912e-03f));\n"
    "  p = fma(p, z, $F(2.890510331e-03f));\n"
    "  p = fma(p, z, $F(-7.385551029e-03f));\n"
    "  p = fma(p, z, $F(2.058080843e-02f));\n"
    "  p = fma(p, z, $F(-6.735230105e-02f));\n"
    "  p = fma(p, z, $F(3.224670334e-01f));\n"
    "  p = fma(p, z, $F(4.227843351e-01f));\n"
    "  const $F series = p * z;\n"
    "  const $F n0 = series - ln(a * (a + 1.0f));\n"
    "  const $F n1 = series - log1p(z);\n"
    "  const $F n3 = series + ln(y);\n"
    "  const $F n2 = select(series, n3, a >= 2.5f);\n"
    "  const $F near = select(select(n2, n1, a < 1.5f), n0, a < 0.5f);\n"
    "  const $F r = 1.0f / a, q = r * r;\n"
    "  $F t = $F(8.417508418e-4f);\n"
    "  t = fma(t, q, $F(-5.952380952e-4f));\n"
    "  t = fma(t, q, $F(7.936507937e-4f));\n"
    "  t = fma(t, q, $F(-2.777777778e-3f));\n"
    "  t = fma(t, q, $F(8.333333333e-2f)) * r;\n"
    "  const $F far = fma(a - 0.5f, ln(a) - 1.0f, t + 0.418938533f);\n"
    "  const $F v = select(select(far, near, a < 3.5f), a, isinf(a));\n"
    "  const $F sine = fabs(sin_pi(fmax(x, $F(-1e8f))));\n"
    "  const $F mirror = 1.144729886f - ln(sine) - v;\n"
    "  const $B pole = (x <= 0.0f) & (floor(x) == x);\n"
    "  const $F w = select(mirror, v, x > 0.0f);\n"
    "  const $F end = select(w, $F(INFINITY), pole | isinf(x));\n"
    "  return select(end, x, isnan(x));\n"
    "}\n"},
  /* Bessel functions of order 0 and 1, by the polynomials of Abramowitz and
   * Stegun, Handbook of Mathematical Functions, 9.4.1 to 9.4.6: near 0 in
   * (x / 3) ** 2, from 3 on as amplitude and phase. Their errors are absolute,
   * below 1.2e-7. The phase is a rotation of the sine and cosine of x, since
   * x plus the phase would have been rounded. */
  [MSL_H_BESSEL_NEAR_0 - MSL_H_LIBDEVICE] = {"bessel_near_0", {0},
    "// J0 up to 3, in t = (x / 3)^2.\n"
    "METAL_FUNC $F bessel_near_0($F t) {\n"
    "  $F p = $F(0.00021f);\n"
    "  p = fma(p, t, $F(-0.0039444f));\n"
    "  p = fma(p, t, $F(0.0444479f));\n"
    "  p = fma(p, t, $F(-0.3163866f));\n"
    "  p = fma(p, t, $F(1.2656208f));\n"
    "  p = fma(p, t, $F(-2.2499997f));\n"
    "  p = fma(p, t, $F(1.0f));\n"
    "  return p;\n"
    "}\n"},
  [MSL_H_BESSEL_NEAR_1 - MSL_H_LIBDEVICE] = {"bessel_near_1", {0},
    "// J1(x) / x up to 3, in t = (x / 3)^2.\n"
    "METAL_FUNC $F bessel_near_1($F t) {\n"
    "  $F p = $F(1.109e-05f);\n"
    "  p = fma(p, t, $F(-0.00031761f));\n"
    "  p = fma(p, t, $F(0.00443319f));\n"
    "  p = fma(p, t, $F(-0.03954289f));\n"
    "  p = fma(p, t, $F(0.21093573f));\n"
    "  p = fma(p, t, $F(-0.56249985f));\n"
    "  p = fma(p, t, $F(0.5f));\n"
    "  return p;\n"
    "}\n"},
  [MSL_H_BESSEL_FAR_0 - MSL_H_LIBDEVICE] = {"bessel_far_0", {0},
    "// J0, or Y0 where `second`, from 3 on: amplitude and phase.\n"
    "METAL_FUNC $F bessel_far_0($F a, bool second) {\n"
    "  const $F r = 3.0f / a;\n"
    "  $F f = $F(0.00014476f);\n"
    "  f = fma(f, r, $F(-0.00072805f));\n"
    "  f = fma(f, r, $F(0.00137237f));\n"
    "  f = fma(f, r, $F(-9.512e-05f));\n"
    "  f = fma(f, r, $F(-0.0055274f));\n"
    "  f = fma(f, r, $F(-7.7e-07f));\n"
    "  f = fma(f, r, $F(0.79788456f));\n"
    "  $F h = $F(0.00013558f);\n"
    "  h = fma(h, r, $F(-0.00029333f));\n"
    "  h = fma(h, r, $F(-0.00054125f));\n"
    "  h = fma(h, r, $F(0.00262573f));\n"
    "  h = fma(h, r, $F(-3.954e-05f));\n"
    "  h = fma(h, r, $F(-0.04166397f));\n"
    "  h = h * r;\n"
    "  const $F s = precise::sin(a), c = precise::cos(a), q = h * h;\n"
    "  const $F u = c + s, v = s - c;\n"
    "  const $F near = fma(q, fma(q, $F(0.0416666679f), $F(-0.5f)), "
    "$F(1.0f));\n"
    "  const $F odd = h * fma(q, fma(q, $F(0.00833333377f), "
    "$F(-0.166666672f)), $F(1.0f));\n"
    "  const $F w = second ? fma(v, near, u * odd) : fma(u, near, -v * odd);\n"
    "  const $F y = f * 0.707106769f * precise::rsqrt(a) * w;\n"
    "  return select(y, $F(0.0f), isinf(a));\n"
    "}\n"},
  [MSL_H_BESSEL_FAR_1 - MSL_H_LIBDEVICE] = {"bessel_far_1", {0},
    "// J1, or Y1 where `second`, from 3 on: amplitude and phase.\n"
    "METAL_FUNC $F bessel_far_1($F a, bool second) {\n"
    "  const $F r = 3.0f / a;\n"
    "  $F f = $F(-0.00020033f);\n"
    "  f = fma(f, r, $F(0.00113653f));\n"
    "  f = fma(f, r, $F(-0.00249511f));\n"
    "  f = fma(f, r, $F(0.00017105f));\n"
    "  f = fma(f, r, $F(0.01659667f));\n"
    "  f = fma(f, r, $F(1.56e-06f));\n"
    "  f = fma(f, r, $F(0.79788456f));\n"
    "  $F h = $F(-0.00029166f);\n"
    "  h = fma(h, r, $F(0.00079824f));\n"
    "  h = fma(h, r, $F(0.00074348f));\n"
    "  h = fma(h, r, $F(-0.00637879f));\n"
    "  h = fma(h, r, $F(5.65e-05f));\n"
    "  h = fma(h, r, $F(0.12499612f));\n"
    "  h = h * r;\n"
    "  const $F s = precise::sin(a), c = precise::cos(a), q = h * h;\n"
    "  const $F u = s - c, v = -s - c;\n"
    "  const $F near = fma(q, fma(q, $F(0.0416666679f), $F(-0.5f)), "
    "$F(1.0f));\n"
    "  const $F odd = h * fma(q, fma(q, $F(0.00833333377f), "
    "$F(-0.166666672f)), $F(1.0f));\n"
    "  const $F w = second ? fma(v, near, u * odd) : fma(u, near, -v * odd);\n"
    "  const $F y = f * 0.707106769f * precise::rsqrt(a) * w;\n"
    "  return select(y, $F(0.0f), isinf(a));\n"
    "}\n"},
  [MSL_H_J0 - MSL_H_LIBDEVICE] = {"j0",
    {MSL_H_BESSEL_NEAR_0, MSL_H_BESSEL_FAR_0},
    "// The Bessel function of the first kind of order 0.\n"
    "METAL_FUNC $F j0($F x) {\n"
    "  const $F a = fabs(x), t = (a / 3.0f) * (a / 3.0f);\n"
    "  const $F far = bessel_far_0(fmax(a, $F(3.0f)), false);\n"
    "  return select(select(far, bessel_near_0(t), a < 3.0f), x, isnan(x));\n"
    "}\n"},
  [MSL_H_J1 - MSL_H_LIBDEVICE] = {"j1",
    {MSL_H_BESSEL_NEAR_1, MSL_H_BESSEL_FAR_1},
    "// The Bessel function of the first kind of order 1.\n"
    "METAL_FUNC $F j1($F x) {\n"
    "  const $F a = fabs(x), t = (a / 3.0f) * (a / 3.0f);\n"
    "  const $F far = bessel_far_1(fmax(a, $F(3.0f)), false);\n"
    "  const $F y = select(far, a * bessel_near_1(t), a < 3.0f);\n"
    "  const $F z = select(y, -y, signbit(x));\n"
    "  return select(z, x, isnan(x));\n"
    "}\n"},
  [MSL_H_Y0 - MSL_H_LIBDEVICE] = {"y0",
    {MSL_H_LN, MSL_H_BESSEL_NEAR_0, MSL_H_BESSEL_FAR_0},
    "// The Bessel function of the second kind of order 0.\n"
    "METAL_FUNC $F y0($F x) {\n"
    "  const $F t = (x / 3.0f) * (x / 3.0f);\n"
    "  $F s = $F(-0.00024846f);\n"
    "  s = fma(s, t, $F(0.00427916f));\n"
    "  s = fma(s, t, $F(-0.04261214f));\n"
    "  s = fma(s, t, $F(0.25300117f));\n"
    "  s = fma(s, t, $F(-0.74350384f));\n"
    "  s = fma(s, t, $F(0.60559366f));\n"
    "  s = fma(s, t, $F(0.36746691f));\n"
    "  const $F near = fma(ln(x * 0.5f) * 0.636619772f,\n"
    "                      bessel_near_0(t), s);\n"
    "  const $F far = bessel_far_0(fmax(x, $F(3.0f)), true);\n"
    "  const $F y = select(far, near, x < 3.0f);\n"
    "  const $F end = select($F(NAN), $F(-INFINITY), x == 0.0f);\n"
    "  return select(select(end, y, x > 0.0f), x, isnan(x));\n"
    "}\n"},
  [MSL_H_Y1 - MSL_H_LIBDEVICE] = {"y1",
    {MSL_H_LN, MSL_H_BESSEL_NEAR_1, MSL_H_BESSEL_FAR_1},
    "// The Bessel function of the second kind of order 1.\n"
    "METAL_FUNC $F y1($F x) {\n"
    "  const $F t = (x / 3.0f) * (x / 3.0f);\n"
    "  $F s = $F(0.0027873f);\n"
    "  s = fma(s, t, $F(-0.0400976f));\n"
    "  s = fma(s, t, $F(0.3123951f));\n"
    "  s = fma(s, t, $F(-1.3164827f));\n"
    "  s = fma(s, t, $F(2.1682709f));\n"
    "  s = fma(s, t, $F(0.2212091f));\n"
    "  s = fma(s, t, $F(-0.6366198f));\n"
    "  const $F near = fma(ln(x * 0.5f) * 0.636619772f,\n"
    "                      x * bessel_near_1(t), s / x);\n"
    "  const $F far = bessel_far_1(fmax(x, $F(3.0f)), true);\n"
    "  const $F y = select(far, near, x < 3.0f);\n"
    "  const $F end = select($F(NAN), $F(-INFINITY), x == 0.0f);\n"
    "  return select(select(end, y, x > 0.0f), x, isnan(x));\n"
    "}\n"},
  [MSL_H_BESSEL_I0 - MSL_H_LIBDEVICE] = {"bessel_i0", {MSL_H_EXP_SUM},
    "// The modified Bessel function of order 0 within 6 ulp.\n"
    "METAL_FUNC $F bessel_i0($F x) {\n"
    "  const $F a = fmin(fabs(x), $F(100.0f)), t = 0.25f * a * a;\n"
    "  $F p = $F(1.41905124e-13f);\n"
    "  p = fma(p, t, $F(5.24544687e-12f));\n"
    "  p = fma(p, t, $F(6.59149235e-10f));\n"
    "  p = fma(p, t, $F(3.8877932e-08f));\n"
    "  p = fma(p, t, $F(1.93236519e-06f));\n"
    "  p = fma(p, t, $F(6.94303744e-05f));\n"
    "  p = fma(p, t, $F(0.00173614593f));\n"
    "  p = fma(p, t, $F(0.0277777314f));\n"
    "  p = fma(p, t, $F(0.25000003f));\n"
    "  p = fma(p, t, $F(1.0f));\n"
    "  const $F near = fma(p, t, $F(1.0f));\n"
    "  const $F r = 1.0f / a, e = exp_sum(0.5f * a, $F(0.0f));\n"
    "  $F q = $F(0.387961805f);\n"
    "  q = fma(q, r, $F(-0.0138489418f));\n"
    "  q = fma(q, r, $F(0.033784911f));\n"
    "  q = fma(q, r, $F(0.0278988127f));\n"
    "  q = fma(q, r, $F(0.0498695858f));\n"
    "  q = fma(q, r, $F(0.398942292f));\n"
    "  const $F far = q * precise::rsqrt(a) * e * e;\n"
    "  return select(select(far, near, a < 8.0f), x, isnan(x));\n"
    "}\n"},
  [MSL_H_BESSEL_I1 - MSL_H_LIBDEVICE] = {"bessel_i1", {MSL_H_EXP_SUM},
    "// The modified Bessel function of order 1 within 6 ulp.\n"
    "METAL_FUNC $F bessel_i1($F x) {\n"
    "  const $F a = fmin(fabs(x), $F(100.0f)), t = 0.25f * a * a;\n"
    "  $F p = $F(1.44202369e-12f);\n"
    "  p = fma(p, t, $F(4.59349642e-11f));\n"
    "  p = fma(p, t, $F(5.30127986e-09f));\n"
    "  p = fma(p, t, $F(2.71833784e-07f));\n"
    "  p = fma(p, t, $F(1.15959929e-05f));\n"
    "  p = fma(p, t, $F(0.000347147055f));\n"
    "  p = fma(p, t, $F(0.00694458559f));\n"
    "  p = fma(p, t, $F(0.0833332092f));\n"
    "  p = fma(p, t, $F(0.50000006f));\n"
    "  p = fma(p, t, $F(1.0f));\n"
    "  const $F near = p * (0.5f * a);\n"
    "  const $F r = 1.0f / a, e = exp_sum(0.5f * a, $F(0.0f));\n"
    "  $F q = $F(-0.452365637f);\n"
    "  q = fma(q, r, $F(0.00969479512f));\n"
    "  q = fma(q, r, $F(-0.0461558588f));\n"
    "  q = fma(q, r, $F(-0.0465757884f));\n"
    "  q = fma(q, r, $F(-0.149605453f));\n"
    "  q = fma(q, r, $F(0.398942292f));\n"
    "  const $F far = q * precise::rsqrt(a) * e * e;\n"
    "  const $F y = copysign(select(far, near, a < 8.0f), x);\n"
    "  return select(y, x, isnan(x));\n"
    "}\n"},
  /* A third of the bits is a third of the logarithm; three steps of Newton
   * make its 4% 1e-11. */
  [MSL_H_CBRT - MSL_H_LIBDEVICE] = {"cbrt_", {0},
    "// The cube root within 1 ulp.\n"
    "METAL_FUNC $F cbrt_($F x) {\n"
    "  const $F m = fabs(x);\n"
    "  $F y = as_type<$F>(as_type<$I>(m) / 3 + 0x2a5137a0);\n"
    "  y = fma(fma(-y, y, m / y), 0.333333343f / y, y);\n"
    "  y = fma(fma(-y, y, m / y), 0.333333343f / y, y);\n"
    "  y = fma(fma(-y, y, m / y), 0.333333343f / y, y);\n"
    "  const $B whole = (m == 0.0f) | isinf(x) | isnan(x);\n"
    "  return select(copysign(y, x), x, whole);\n"
    "}\n"},
  [MSL_H_RCBRT - MSL_H_LIBDEVICE] = {"rcbrt_", {MSL_H_CBRT},
    "// 1 / cbrt(x) within 3 ulp.\n"
    "METAL_FUNC $F rcbrt_($F x) { return 1.0f / cbrt_(x); }\n"},
  [MSL_H_RHYPOT - MSL_H_LIBDEVICE] = {"rhypot", {MSL_H_HYPOT},
    "// 1 / sqrt(x^2 + y^2) within 3 ulp.\n"
    "METAL_FUNC $F rhypot($F x, $F y) { return 1.0f / hypot_(x, y); }\n"},
  [MSL_H_NORM4D - MSL_H_LIBDEVICE] = {"norm4d", {0},
    "// The length of a vector within 3 ulp, without overflow in between.\n"
    "METAL_FUNC $F norm4d($F x, $F y, $F z, $F w) {\n"
    "  const $F a = fmax(fmax(fabs(x), fabs(y)), fmax(fabs(z), fabs(w)));\n"
    "  const $F b = x / a, c = y / a, d = z / a, e = w / a;\n"
    "  const $F s = fma(b, b, fma(c, c, fma(d, d, e * e)));\n"
    "  const $F h = a * precise::sqrt(s);\n"
    "  const $B none = isunordered(x, y) | isunordered(z, w);\n"
    "  const $F u = select(h, $F(NAN), none);\n"
    "  return select(u, a, isinf(a) | ((a == 0.0f) & !none));\n"
    "}\n"},
  [MSL_H_NORM3D - MSL_H_LIBDEVICE] = {"norm3d", {MSL_H_NORM4D},
    "// The length of a vector within 3 ulp.\n"
    "METAL_FUNC $F norm3d($F x, $F y, $F z) {\n"
    "  return norm4d(x, y, z, $F(0.0f));\n"
    "}\n"},
  [MSL_H_RNORM4D - MSL_H_LIBDEVICE] = {"rnorm4d", {MSL_H_NORM4D},
    "// One by the length of a vector within 4 ulp.\n"
    "METAL_FUNC $F rnorm4d($F x, $F y, $F z, $F w) {\n"
    "  return 1.0f / norm4d(x, y, z, w);\n"
    "}\n"},
  [MSL_H_RNORM3D - MSL_H_LIBDEVICE] = {"rnorm3d", {MSL_H_NORM4D},
    "// One by the length of a vector within 4 ulp.\n"
    "METAL_FUNC $F rnorm3d($F x, $F y, $F z) {\n"
    "  return 1.0f / norm4d(x, y, z, $F(0.0f));\n"
    "}\n"},
  /* fmod is exact; of twice the divisor, it leaves the parity of the
   * quotient. Divisors below 2^-124 are doubled instead of halved. */
  [MSL_H_REMAINDER - MSL_H_LIBDEVICE] = {"remainder_", {0},
    "// x - n y, n the integer nearest to x / y, even on ties; exact.\n"
    "METAL_FUNC $F remainder_($F x, $F y) {\n"
    "  const $F b = fabs(y), half_b = 0.5f * b;\n"
    "  const $B twice = b <= 1.7e38f;\n"
    "  const $F m = fmod(fabs(x), select($F(INFINITY), 2.0f * b, twice));\n"
    "  $F a = select(m, fabs(x), isinf(y));\n"
    "  const $B tiny = b < 4.7e-38f;\n"
    "  const $F one = select(a, a - b,\n"
    "      select(a > half_b, a + a > b, tiny));\n"
    "  const $B stepped = select(a > half_b, a + a > b, tiny);\n"
    "  const $B again = select(one >= half_b, one + one >= b, tiny);\n"
    "  a = select(one, one - b, stepped & again);\n"
    "  const $F r = select(a, -a, signbit(x));\n"
    "  const $F z = select(r, x, isinf(y) | (a == 0.0f));\n"
    "  const $F s = select(z, copysign($F(0.0f), x), a == 0.0f);\n"
    "  const $B none = isnan(x) | isnan(y) | isinf(x) | (y == 0.0f);\n"
    "  return select(s, $F(NAN), none);\n"
    "}\n"},
  [MSL_H_SATURATE - MSL_H_LIBDEVICE] = {"saturatef", {0},
    "// Between 0 and 1; NaN is 0.\n"
    "METAL_FUNC $F saturatef($F x) {\n"
    "  return fmin(fmax(x, $F(0.0f)), $F(1.0f));\n"
    "}\n"},
  /* fma is never taken apart or joined with what stands around it. */
  [MSL_H_ADD_RN - MSL_H_LIBDEVICE] = {"add_rn", {0},
    "// x + y, never contracted.\n"
    "METAL_FUNC $F add_rn($F x, $F y) { return fma(x, $F(1.0f), y); }\n"},
  [MSL_H_SUB_RN - MSL_H_LIBDEVICE] = {"sub_rn", {0},
    "// x - y, never contracted.\n"
    "METAL_FUNC $F sub_rn($F x, $F y) { return fma(y, $F(-1.0f), x); }\n"},
  [MSL_H_MUL_RN - MSL_H_LIBDEVICE] = {"mul_rn", {0},
    "// x * y, never contracted.\n"
    "METAL_FUNC $F mul_rn($F x, $F y) { return fma(x, y, $F(-0.0f)); }\n"},

  /* ---- rounding in a direction, on integers ---- */

  [MSL_H_SIGNIFICAND - MSL_H_LIBDEVICE] = {"significand", {0},
    "// |x| = significand * 2^e, of 24 bits unless x is 0.\n"
    "METAL_FUNC $U significand($F x, thread $I &e) {\n"
    "  const $U u = as_type<$U>(x) & 0x7fffffffu;\n"
    "  const $I field = $I(u >> 23u);\n"
    "  const $U m = select(u & 0x7fffffu, (u & 0x7fffffu) | 0x800000u,\n"
    "                      field > 0);\n"
    "  const $I shift = max($I(clz(m)) - 8, $I(0));\n"
    "  e = max(field, $I(1)) - 150 - shift;\n"
    "  return m << $U(shift & 31);\n"
    "}\n"},
  /* A float operation sees a subnormal number as 0, which times infinity is
   * NaN. */
  [MSL_H_UNIT - MSL_H_LIBDEVICE] = {"unit", {0},
    "// 1 for finite numbers, with their sign.\n"
    "METAL_FUNC $F unit($F x) {\n"
    "  const $B number = (as_type<$U>(x) & 0x7fffffffu) != 0u;\n"
    "  return select(x, copysign($F(1.0f), x), number & isfinite(x));\n"
    "}\n"},
  [MSL_H_ROUNDED - MSL_H_LIBDEVICE] = {"rounded", {0},
    "// m * 2^e, m below 2^63, with a sign bit, as a float.\n" MODES
    "METAL_FUNC $F rounded($U sign, $I e, $V m, int mode) {\n"
    "  const $I top = 63 - $I(clz(m));\n"
    "  const $I drop = max(top - 23, -149 - e);\n"
    "  const $V right = $V(clamp(drop, $I(0), $I(63)));\n"
    "  const $V left = $V(clamp(-drop, $I(0), $I(63)));\n"
    "  const $V kept = m >> right, rest = m - (kept << right);\n"
    "  const $V half_unit = ($V(1) << right) >> 1;\n"
    "  const $B tie = (rest == half_unit) & ((kept & 1) != 0);\n"
    "  const $B near = ((rest > half_unit) | tie) & (drop > 0) & "
    "(drop < 64);\n"
    "  const $B lost = rest != 0;\n"
    "  const $B minus = sign != 0u;\n"
    "  const $B down = lost & minus, up = lost & !minus;\n"
    "  const $B away = mode == 0 ? near\n"
    "      : mode == 1 ? $B(false)\n"
    "      : mode == 2 ? down : up;\n"
    "  const $U field = $U(clamp(e + drop + 149, $I(0), $I(254))) << 23u;\n"
    "  const $U bits = $U(kept << left) + field + $U(away);\n"
    "  const $B grows = mode == 0 ? $B(true)\n"
    "      : mode == 1 ? $B(false)\n"
    "      : mode == 2 ? minus : !minus;\n"
    "  const $U most = select($U(0x7f7fffffu), $U(0x7f800000u), grows);\n"
    "  const $U y = select(bits, most, bits >= 0x7f800000u);\n"
    "  return as_type<$F>(select(y, $U(0u), m == 0) | sign);\n"
    "}\n"},
  [MSL_H_SUM_ROUNDED - MSL_H_LIBDEVICE] = {"sum_rounded", {MSL_H_ROUNDED},
    "// a * 2^d + b * 2^e with signs; a, b are 0 or have 61 or 62 bits.\n"
    "METAL_FUNC $F sum_rounded($U sa, $V a, $I d, $U sb, $V b, $I e,\n"
    "                          int mode) {\n"
    "  const $I da = select(d, $I(-2000), a == 0);\n"
    "  const $I eb = select(e, $I(-2000), b == 0);\n"
    "  const $B first = da >= eb;\n"
    "  const $V high = select(b, a, first), low = select(a, b, first);\n"
    "  const $V gap = $V(min($I(abs(da - eb)), $I(63)));\n"
    "  const $V cut = low >> gap;\n"
    "  const $V kept = cut | $V((cut << gap) != low);\n"
    "  const $B sh = select(sb, sa, first) != 0u;\n"
    "  const $B sl = select(sa, sb, first) != 0u;\n"
    "  const $L s = select($L(high), -$L(high), sh) +\n"
    "      select($L(kept), -$L(kept), sl);\n"
    "  const $U none = select($U(mode == 2 ? 0x80000000u : 0u), sa, "
    "sa == sb);\n"
    "  const $U sign = select($U(0u), $U(0x80000000u), s < 0);\n"
    "  return rounded(select(sign, none, s == 0), max(da, eb), "
    "$V(abs(s)), mode);\n"
    "}\n"},
  [MSL_H_ADD_ROUNDED - MSL_H_LIBDEVICE] = {"add_rounded",
    {MSL_H_SIGNIFICAND, MSL_H_SUM_ROUNDED},
    "// x + y.\n" MODES
    "METAL_FUNC $F add_rounded($F x, $F y, int mode) {\n"
    "  $I d, e;\n"
    "  const $V a = $V(significand(x, d)) << 38;\n"
    "  const $V b = $V(significand(y, e)) << 38;\n"
    "  const $F z = sum_rounded(as_type<$U>(x) & 0x80000000u, a, d - 38,\n"
    "      as_type<$U>(y) & 0x80000000u, b, e - 38, mode);\n"
    "  return select(x + y, z, isfinite(x) & isfinite(y));\n"
    "}\n"},
  [MSL_H_SUB_ROUNDED - MSL_H_LIBDEVICE] = {"sub_rounded",
    {MSL_H_ADD_ROUNDED},
    "// x - y.\n" MODES
    "METAL_FUNC $F sub_rounded($F x, $F y, int mode) {\n"
    "  return add_rounded(x, as_type<$F>(as_type<$U>(y) ^ 0x80000000u), "
    "mode);\n"
    "}\n"},
  [MSL_H_MUL_ROUNDED - MSL_H_LIBDEVICE] = {"mul_rounded",
    {MSL_H_SIGNIFICAND, MSL_H_UNIT, MSL_H_ROUNDED},
    "// x * y.\n" MODES
    "METAL_FUNC $F mul_rounded($F x, $F y, int mode) {\n"
    "  $I d, e;\n"
    "  const $V a = $V(significand(x, d)), b = $V(significand(y, e));\n"
    "  const $U sign = (as_type<$U>(x) ^ as_type<$U>(y)) & 0x80000000u;\n"
    "  const $F z = rounded(sign, d + e, a * b, mode);\n"
    "  return select(unit(x) * unit(y), z, isfinite(x) & isfinite(y));\n"
    "}\n"},
  [MSL_H_FMA_ROUNDED - MSL_H_LIBDEVICE] = {"fma_rounded",
    {MSL_H_SIGNIFICAND, MSL_H_UNIT, MSL_H_SUM_ROUNDED},
    "// x * y + z, rounded once.\n" MODES
    "METAL_FUNC $F fma_rounded($F x, $F y, $F z, int mode) {\n"
    "  $I d, e, f;\n"
    "  const $V a = $V(significand(x, d)), b = $V(significand(y, e));\n"
    "  const $V c = $V(significand(z, f)) << 38;\n"
    "  const $U sign = (as_type<$U>(x) ^ as_type<$U>(y)) & 0x80000000u;\n"
    "  const $F s = sum_rounded(sign, (a * b) << 14, d + e - 14,\n"
    "      as_type<$U>(z) & 0x80000000u, c, f - 38, mode);\n"
    "  const $B finite = isfinite(x) & isfinite(y) & isfinite(z);\n"
    "  return select(fma(unit(x), unit(y), unit(z)), s, finite);\n"
    "}\n"},
  [MSL_H_DIV_ROUNDED - MSL_H_LIBDEVICE] = {"div_rounded",
    {MSL_H_SIGNIFICAND, MSL_H_UNIT, MSL_H_ROUNDED},
    "// x / y.\n" MODES
    "METAL_FUNC $F div_rounded($F x, $F y, int mode) {\n"
    "  $I d, e;\n"
    "  const $V a = $V(significand(x, d)) << 38;\n"
    "  const $V b = $V(significand(y, e));\n"
    "  const $V q = a / max(b, $V(1));\n"
    "  const $V m = (q << 1) | $V(q * b != a);\n"
    "  const $U sign = (as_type<$U>(x) ^ as_type<$U>(y)) & 0x80000000u;\n"
    "  const $F z = rounded(sign, d - e - 39, m, mode);\n"
    "  const $B finite = isfinite(x) & isfinite(y) & (b != 0);\n"
    "  return select(unit(x) / unit(y), z, finite);\n"
    "}\n"},
  [MSL_H_RCP_ROUNDED - MSL_H_LIBDEVICE] = {"rcp_rounded",
    {MSL_H_DIV_ROUNDED},
    "// 1 / x.\n" MODES
    "METAL_FUNC $F rcp_rounded($F x, int mode) {\n"
    "  return div_rounded($F(1.0f), x, mode);\n"
    "}\n"},
  /* The root of a significand with an even exponent: floor(sqrt(m 2^24)), by
   * the float's root and corrections. */
  [MSL_H_SQRT_ROUNDED - MSL_H_LIBDEVICE] = {"sqrt_rounded",
    {MSL_H_SIGNIFICAND, MSL_H_ROUNDED},
    "// The square root.\n" MODES
    "METAL_FUNC $F sqrt_rounded($F x, int mode) {\n"
    "  $I e;\n"
    "  const $U s = significand(x, e), odd = $U(e & 1);\n"
    "  const $V m = $V(s << odd) << 24;\n"
    "  $V r = $V(precise::sqrt($F(s << odd)) * 4096.0f);\n"
    "  r = r - $V(r * r > m);\n"
    "  r = r - $V(r * r > m);\n"
    "  r = r + $V((r + 1) * (r + 1) <= m);\n"
    "  r = r + $V((r + 1) * (r + 1) <= m);\n"
    "  const $V exact = (r << 1) | $V(r * r != m);\n"
    "  const $F z = rounded($U(0u), ((e - $I(odd) - 24) >> 1) - 1, exact,\n"
    "                       mode);\n"
    "  const $F y = select($F(NAN), z, as_type<$I>(x) > 0);\n"
    "  return select(y, x, (s == 0u) | isnan(x) | (x == INFINITY));\n"
    "}\n"},
  /* With r an integer near 2^38 / sqrt(m), the sign of 2^76 - r^2 m says on
   * which side it is; the difference fits in 64 bits though its terms do
   * not. */
  [MSL_H_RSQRT_RN - MSL_H_LIBDEVICE] = {"rsqrt_rn",
    {MSL_H_SIGNIFICAND, MSL_H_ROUNDED},
    "// 1 / sqrt(x), correctly rounded.\n"
    "METAL_FUNC $F rsqrt_rn($F x) {\n"
    "  $I e;\n"
    "  const $U s = significand(x, e), odd = $U(e & 1);\n"
    "  const $V m = $V(max(s << odd, $U(1u)));\n"
    "  const $F guess = precise::rsqrt($F(m));\n"
    "  $V r = $V(guess * 274877906944.0f);\n"
    "  const $F off = $F($L($V(0) - r * r * m));\n"
    "  r = r + $V($L(rint(off * guess * 1.8189894e-12f)));\n"
    "  r = r - $V($L($V(0) - r * r * m) < 0);\n"
    "  r = r + $V($L($V(0) - (r + 1) * (r + 1) * m) >= 0);\n"
    "  const $V exact = (r << 1) | $V(r * r * m != 0);\n"
    "  const $F z = rounded($U(0u), -39 - ((e - $I(odd)) >> 1), exact, 0);\n"
    "  const $F end = copysign($F(INFINITY), x);\n"
    "  const $F y = select($F(NAN), z, as_type<$I>(x) > 0);\n"
    "  const $F w = select(y, $F(0.0f), x == INFINITY);\n"
    "  return select(select(w, end, s == 0u), x, isnan(x));\n"
    "}\n"},
  [MSL_H_FROM_INT - MSL_H_LIBDEVICE] = {"from_int", {MSL_H_ROUNDED},
    "// An integer as a float.\n" MODES
    "METAL_FUNC $F from_int($I x, int mode) {\n"
    "  const $U u = $U(x);\n"
    "  const $U m = select(u, $U(0u) - u, x < 0);\n"
    "  return rounded(u & 0x80000000u, $I(0), $V(m), mode);\n"
    "}\n"},
  [MSL_H_FROM_UINT - MSL_H_LIBDEVICE] = {"from_uint", {MSL_H_ROUNDED},
    "// An integer as a float.\n" MODES
    "METAL_FUNC $F from_uint($U x, int mode) {\n"
    "  return rounded($U(0u), $I(0), $V(x), mode);\n"
    "}\n"},
  [MSL_H_FROM_ULONG - MSL_H_LIBDEVICE] = {"from_ulong", {MSL_H_ROUNDED},
    "// An integer as a float.\n" MODES
    "METAL_FUNC $F from_ulong($V x, int mode) {\n"
    "  return rounded($U(0u), $I(1), (x >> 1) | (x & 1), mode);\n"
    "}\n"},
  [MSL_H_FROM_LONG - MSL_H_LIBDEVICE] = {"from_long", {MSL_H_ROUNDED},
    "// An integer as a float.\n" MODES
    "METAL_FUNC $F from_long($L x, int mode) {\n"
    "  const $V u = $V(x);\n"
    "  const $V m = select(u, $V(0) - u, x < 0);\n"
    "  return rounded($U(u >> 32) & 0x80000000u, $I(1), (m >> 1) | (m & 1),\n"
    "                 mode);\n"
    "}\n"},
  [MSL_H_LDEXP - MSL_H_LIBDEVICE] = {"scaled",
    {MSL_H_SIGNIFICAND, MSL_H_ROUNDED},
    "// x * 2^n, rounded once.\n"
    "METAL_FUNC $F scaled($F x, $I n) {\n"
    "  $I e;\n"
    "  const $V m = $V(significand(x, e));\n"
    "  const $U sign = as_type<$U>(x) & 0x80000000u;\n"
    "  const $F y = rounded(sign, e + clamp(n, $I(-600), $I(600)), m, 0);\n"
    "  return select(x, y, isfinite(x));\n"
    "}\n"},
  [MSL_H_ILOGB - MSL_H_LIBDEVICE] = {"ilogb_", {MSL_H_SIGNIFICAND},
    "// The exponent of x; the least int of 0 and NaN, the largest of inf.\n"
    "METAL_FUNC $I ilogb_($F x) {\n"
    "  $I e;\n"
    "  const $U m = significand(x, e);\n"
    "  const $I y = select(e + 23, $I(2147483647), isinf(x));\n"
    "  return select(y, $I(-2147483647 - 1), (m == 0u) | isnan(x));\n"
    "}\n"},
  [MSL_H_LOGB - MSL_H_LIBDEVICE] = {"logb_", {MSL_H_SIGNIFICAND},
    "// The exponent of x, -inf of 0.\n"
    "METAL_FUNC $F logb_($F x) {\n"
    "  $I e;\n"
    "  const $U m = significand(x, e);\n"
    "  const $F y = select($F(e + 23), $F(-INFINITY), m == 0u);\n"
    "  return select(y, fabs(x), isinf(x) | isnan(x));\n"
    "}\n"},
  [MSL_H_TO_LL - MSL_H_LIBDEVICE] = {"to_ll", {MSL_H_TO_LONG},
    "// As to_long, but NaN is the least number.\n"
    "METAL_FUNC $L to_ll($F x) {\n"
    "  return select(to_long(x), $L(1) << 63, isnan(x));\n"
    "}\n"},
  [MSL_H_TO_ULL - MSL_H_LIBDEVICE] = {"to_ull", {MSL_H_TO_ULONG},
    "// As to_ulong, but NaN is 2^63.\n"
    "METAL_FUNC $V to_ull($F x) {\n"
    "  return select(to_ulong(x), $V(1) << 63, isnan(x));\n"
    "}\n"},

  [MSL_H_BITS_OF - MSL_H_LIBDEVICE] = {"bits_of", {0},
    "METAL_FUNC $I bits_of($F x) { return as_type<$I>(x); }\n"},
  [MSL_H_OF_BITS - MSL_H_LIBDEVICE] = {"of_bits", {0},
    "METAL_FUNC $F of_bits($I x) { return as_type<$F>(x); }\n"},
  [MSL_H_RCP_RN - MSL_H_LIBDEVICE] = {"rcp_rn", {0},
    "METAL_FUNC $F rcp_rn($F x) { return precise::divide($F(1.0f), x); }\n"},

  /* ---- integers ---- */

  [MSL_H_HADD - MSL_H_LIBDEVICE] = {"average", {0},
    "// (x + y) / 2 without overflow, rounded down.\n"
    "METAL_FUNC $T average($T x, $T y) { return (x & y) + ((x ^ y) >> 1); }\n"
    },
  [MSL_H_RHADD - MSL_H_LIBDEVICE] = {"average_up", {0},
    "// (x + y + 1) / 2 without overflow, rounded down.\n"
    "METAL_FUNC $T average_up($T x, $T y) {\n"
    "  return (x | y) - ((x ^ y) >> 1);\n"
    "}\n"},
  [MSL_H_SAD - MSL_H_LIBDEVICE] = {"sum_of_distance", {0},
    "// |x - y| + z.\n"
    "METAL_FUNC $T sum_of_distance($T x, $T y, $T z) {\n"
    "  const $U d = $U(max(x, y)) - $U(min(x, y));\n"
    "  return $T(d + $U(z));\n"
    "}\n"},
  [MSL_H_MUL24 - MSL_H_LIBDEVICE] = {"product_of_24", {0},
    "// The product of the lower 24 bits, with their sign.\n"
    "METAL_FUNC $I product_of_24($I x, $I y) {\n"
    "  const $I a = $I($U(x) << 8u) >> 8, b = $I($U(y) << 8u) >> 8;\n"
    "  return $I($U(a) * $U(b));\n"
    "}\n"},
  [MSL_H_UMUL24 - MSL_H_LIBDEVICE] = {"uproduct_of_24", {0},
    "// The product of the lower 24 bits.\n"
    "METAL_FUNC $U uproduct_of_24($U x, $U y) {\n"
    "  return (x & 0xffffffu) * (y & 0xffffffu);\n"
    "}\n"},
  [MSL_H_BYTE_PERM - MSL_H_LIBDEVICE] = {"byte_perm", {0},
    "// Four of the eight bytes of y and x, chosen by the digits of s.\n"
    "METAL_FUNC $U byte_perm($U x, $U y, $U s) {\n"
    "  const $V both = ($V(y) << 32) | $V(x);\n"
    "  const $U a = $U(both >> $V((s & 7u) << 3u)) & 0xffu;\n"
    "  const $U b = $U(both >> $V(((s >> 4u) & 7u) << 3u)) & 0xffu;\n"
    "  const $U c = $U(both >> $V(((s >> 8u) & 7u) << 3u)) & 0xffu;\n"
    "  const $U d = $U(both >> $V(((s >> 12u) & 7u) << 3u)) & 0xffu;\n"
    "  return a | (b << 8u) | (c << 16u) | (d << 24u);\n"
    "}\n"},
};
