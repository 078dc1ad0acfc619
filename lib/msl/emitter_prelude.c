/* SPDX-License-Identifier: MIT */
/*
 * emitter_prelude.c - helper functions, printed before the kernel when used.
 *
 * Each is a template of text, filled in for the types that the kernel uses:
 *
 *     $T  the type asked for        float4     $S  its scalar type    float
 *     $B  bool of that width        bool4      $I  int of that width  int4
 *     $U  uint of that width        uint4      $L, $V  long, ulong
 *     $H  ushort of that width      ushort4    $F  float of that width
 *     $Y  uchar of that width       uchar4
 *     $M, $E  a statement repeated for each component, $c and $i standing
 *             for its letter and number, up to $N at its end
 *
 * METAL_FUNC makes them always inline: functions that are called have been
 * miscompiled with half parameters (METAL-FACTS 6.1, 8).
 */
#include "emitter.h"

static const msl_helper_text helpers[MSL_H_LIBDEVICE] = {
  [MSL_H_LOAD_MASKED] = {"load_masked", {0},
    "// Elements whose mask is false are not read: they are other's.\n"
    "METAL_FUNC $T load_masked(device const $S *p, $B mask, $T other) {\n"
    "  $T x = other;\n"
    "  if (all(mask)) {\n"
    "    x = *(device const $T *)p;\n"
    "  } else {\n"
    "$M    if (mask.$c) x.$c = p[$i];\n$N"
    "  }\n"
    "  return x;\n"
    "}\n"},
  [MSL_H_STORE_MASKED] = {"store_masked", {0},
    "// Elements whose mask is false are not written.\n"
    "METAL_FUNC void store_masked(device $S *p, $B mask, $T x) {\n"
    "  if (all(mask)) {\n"
    "    *(device $T *)p = x;\n"
    "  } else {\n"
    "$M    if (mask.$c) p[$i] = x.$c;\n$N"
    "  }\n"
    "}\n"},
  [MSL_H_REM] = {"rem", {0},
    "// The remainder of division toward zero; MSL's % is for operands that\n"
    "// are not negative.\n"
    "METAL_FUNC $T rem($T a, $T b) { return $T(a - a / b * b); }\n"},
  [MSL_H_TOWARD_ZERO] = {"toward_zero", {0},
    "// x cut off to the digits that mask keeps; below `normal` to multiples\n"
    "// of 1 / steps, above to the largest number.\n"
    "METAL_FUNC $F toward_zero($F x, uint mask, float normal, float steps,\n"
    "                          float most) {\n"
    "  const $F y = as_type<$F>(as_type<$U>(x) & mask);\n"
    "  const $F z = select(y, trunc(x * steps) / steps, fabs(x) < normal);\n"
    "  return select(x, clamp(z, -most, most), isfinite(x));\n"
    "}\n"},
  [MSL_H_TO_INT] = {"to_int", {0},
    "// Toward zero; out of range the nearest end, NaN 0.\n"
    "METAL_FUNC $I to_int($F x) {\n"
    "  const $I y = $I(clamp(x, $F(-2147483648.0f), $F(2147483520.0f)));\n"
    "  const $I z = select(y, $I(2147483647), x >= 2147483648.0f);\n"
    "  return select(z, $I(0), isnan(x));\n"
    "}\n"},
  [MSL_H_TO_LONG] = {"to_long", {0},
    "// Toward zero; out of range the nearest end, NaN 0.\n"
    "METAL_FUNC $L to_long($F x) {\n"
    "  const $L y = $L(clamp(x, $F(-9223372036854775808.0f),\n"
    "                        $F(9223371487098961920.0f)));\n"
    "  const $L z = select(y, $L(9223372036854775807l),\n"
    "                      x >= 9223372036854775808.0f);\n"
    "  return select(z, $L(0), isnan(x));\n"
    "}\n"},
  [MSL_H_TO_UINT] = {"to_uint", {0},
    "// Toward zero; out of range the nearest end, NaN 0.\n"
    "METAL_FUNC $U to_uint($F x) {\n"
    "  const $U y = $U(clamp(x, $F(0.0f), $F(4294967040.0f)));\n"
    "  const $U z = select(y, $U(4294967295u), x >= 4294967296.0f);\n"
    "  return select(z, $U(0u), isnan(x));\n"
    "}\n"},
  [MSL_H_TO_ULONG] = {"to_ulong", {0},
    "// Toward zero; out of range the nearest end, NaN 0.\n"
    "METAL_FUNC $V to_ulong($F x) {\n"
    "  const $V y = $V(clamp(x, $F(0.0f), $F(18446742974197923840.0f)));\n"
    "  const $V z = select(y, ~$V(0), x >= 18446744073709551616.0f);\n"
    "  return select(z, $V(0), isnan(x));\n"
    "}\n"},
  [MSL_H_MAX_NAN] = {"max_nan", {0},
    "// The maximum, or NaN when an operand is NaN.\n"
    "METAL_FUNC $T max_nan($T a, $T b) {\n"
    "  return select(fmax(a, b), a + b, isunordered(a, b));\n"
    "}\n"},
  [MSL_H_MIN_NAN] = {"min_nan", {0},
    "// The minimum, or NaN when an operand is NaN.\n"
    "METAL_FUNC $T min_nan($T a, $T b) {\n"
    "  return select(fmin(a, b), a + b, isunordered(a, b));\n"
    "}\n"},
  [MSL_H_BF16_LOAD] = {"bf16_to_float", {0},
    "// A bfloat16 is the upper half of a float.\n"
    "METAL_FUNC $F bf16_to_float($H x) {\n"
    "  return as_type<$F>($U(x) << 16u);\n"
    "}\n"},
  [MSL_H_BF16_BITS] = {"bf16_bits", {0},
    "// x is exact in bfloat16: its bits.\n"
    "METAL_FUNC $H bf16_bits($F x) {\n"
    "  return $H(as_type<$U>(x) >> 16u);\n"
    "}\n"},
  [MSL_H_BF16_ROUND] = {"bf16_round", {0},
    "// To the nearest bfloat16, ties to even; NaN stays NaN.\n"
    "METAL_FUNC $F bf16_round($F x) {\n"
    "  const $U u = as_type<$U>(x);\n"
    "  const $U even = u + 0x7fffu + ((u >> 16u) & 1u);\n"
    "  const $U y = select(even, u | 0x400000u, isnan(x));\n"
    "  return as_type<$F>(y & 0xffff0000u);\n"
    "}\n"},
  /* A product of two bfloat16 is a float, unless it is too small for one;
   * the sum with c is not. Two sums give what it lost (Knuth, TAOCP 2). */
  [MSL_H_FMA_TO_ODD] = {"fma_to_odd", {0},
    "// a b + c of bfloat16; what a float has no digits for makes its last\n"
    "// one odd, so that a bfloat16 made of it is rounded once.\n"
    "METAL_FUNC $F fma_to_odd($F a, $F b, $F c) {\n"
    "  const $F p = a * b, s = fma(a, b, c), t = s - p;\n"
    "  const $F lost = (p - (s - t)) + (c - t);\n"
    "  const $U u = as_type<$U>(s);\n"
    "  const $U odd = select(u - 1u, u + 1u, (lost > 0.0f) == (s > 0.0f));\n"
    "  return as_type<$F>(select(u, odd, (fabs(lost) > 0.0f) &\n"
    "      (fabs(p) >= 1.17549435e-38f) & ((u & 1u) == 0u)));\n"
    "}\n"},
  /* A float rounded to nearest could become a tie that x was not. */
  [MSL_H_INT_TO_ODD] = {"to_odd", {0},
    "// x as a float; what it has no digits for makes its last one odd, so\n"
    "// that a bfloat16 made of it is rounded once.\n"
    "METAL_FUNC $F to_odd($T x) {\n"
    "  const $T low = x & $T(255);\n"
    "  const $T odd = (x - low) | select($T(0), $T(256), low != $T(0));\n"
    "  const $F far = $F(odd), near = $F(x);\n"
    "  return select(far, near, fabs(near) < 16777216.0f);\n"
    "}\n"},
  [MSL_H_LONG_TO_ODD] = {"long_to_odd", {0},
    "// The same of 64 bits: 16 or 32 of them go before.\n"
    "METAL_FUNC $F long_to_odd($T x) {\n"
    "  const $F a = fabs($F(x));\n"
    "  const $T far = select($T(16), $T(32), a >= 70368744177664.0f);\n"
    "  const $T n = select($T(0), far, a >= 1073741824.0f);\n"
    "  const $T unit = $T(1) << n, y = x >> n;\n"
    "  const $T odd = y | select($T(0), $T(1), y * unit != x);\n"
    "  return to_odd(odd) * $F(unit);\n"
    "}\n"},
  [MSL_H_E4M3_LOAD] = {"e4m3_to_float", {0},
    "// An 8-bit float; subnormal ones without subnormals of float.\n"
    "METAL_FUNC $F e4m3_to_float($T x) {\n"
    "  const $U u = $U(x), m = u & 0x7fu;\n"
    "  const $F far = as_type<$F>((m << 20u) + 0x3c000000u);\n"
    "  const $F y = select(far, $F(m) * 0.001953125f, m < 8u);\n"
    "  const $F w = select(y, $F(NAN), m == 0x7fu);\n"
    "  return as_type<$F>(as_type<$U>(w) | (u & 0x80u) << 24u);\n"
    "}\n"},
  [MSL_H_E4M3_BITS] = {"e4m3_bits", {0},
    "// x is exact in 8 bits: its bits.\n"
    "METAL_FUNC $Y e4m3_bits($F x) {\n"
    "  const $F a = fabs(x);\n"
    "  const $U near = $U(fmin(a, $F(0.015625f)) * 512.0f);\n"
    "  const $U far = (as_type<$U>(a) - 0x3c000000u) >> 20u;\n"
    "  const $U z = select(near, far, a >= 0.015625f);\n"
    "  const $U sign = as_type<$U>(x) >> 24u & 0x80u;\n"
    "  return $Y(select(z | sign, $U(0x7fu), isnan(x)));\n"
    "}\n"},
  [MSL_H_E4M3_ROUND] = {"e4m3_round", {0},
    "// To the nearest e4m3, ties to even, at most 448; NaN stays NaN.\n"
    "METAL_FUNC $F e4m3_round($F x) {\n"
    "  const $F a = fabs(x);\n"
    "  const $U u = as_type<$U>(a);\n"
    "  const $U even = u + 0x7ffffu + ((u >> 20u) & 1u);\n"
    "  const $F far = as_type<$F>(even & 0xfff00000u);\n"
    "  const $F near = rint(a * 512.0f) * 0.001953125f;\n"
    "  const $F y = select(near, fmin(far, $F(448.0f)), a >= 0.015625f);\n"
    "  return select(copysign(y, x), x, isnan(x));\n"
    "}\n"},
  [MSL_H_E5M2_LOAD] = {"e5m2_to_float", {0},
    "// An 8-bit float; subnormal ones without subnormals of float.\n"
    "METAL_FUNC $F e5m2_to_float($T x) {\n"
    "  const $U u = $U(x), m = u & 0x7fu;\n"
    "  const $F far = as_type<$F>((m << 21u) + 0x38000000u);\n"
    "  const $F y = select(far, $F(m) * 1.52587890625e-05f, m < 4u);\n"
    "  const $F z = select(y, $F(INFINITY), m == 0x7cu);\n"
    "  const $F w = select(z, $F(NAN), m > 0x7cu);\n"
    "  return as_type<$F>(as_type<$U>(w) | (u & 0x80u) << 24u);\n"
    "}\n"},
  [MSL_H_E5M2_BITS] = {"e5m2_bits", {0},
    "// x is exact in 8 bits: its bits.\n"
    "METAL_FUNC $Y e5m2_bits($F x) {\n"
    "  const $F a = fabs(x);\n"
    "  const $U near = $U(fmin(a, $F(6.103515625e-05f)) * 65536.0f);\n"
    "  const $U far = (as_type<$U>(a) - 0x38000000u) >> 21u;\n"
    "  const $U z = select(select(near, far, a >= 6.103515625e-05f), "
    "$U(0x7cu), isinf(x));\n"
    "  const $U sign = as_type<$U>(x) >> 24u & 0x80u;\n"
    "  return $Y(select(z | sign, $U(0x7eu), isnan(x)));\n"
    "}\n"},
  [MSL_H_E5M2_ROUND] = {"e5m2_round", {0},
    "// To the nearest e5m2, ties to even, at most 57344; NaN stays NaN.\n"
    "METAL_FUNC $F e5m2_round($F x) {\n"
    "  const $F a = fabs(x);\n"
    "  const $U u = as_type<$U>(a);\n"
    "  const $U even = u + 0xfffffu + ((u >> 21u) & 1u);\n"
    "  const $F far = as_type<$F>(even & 0xffe00000u);\n"
    "  const $F near = rint(a * 65536.0f) * 1.52587890625e-05f;\n"
    "  const $F y = select(near, fmin(far, $F(57344.0f)), "
    "a >= 6.103515625e-05f);\n"
    "  return select(copysign(y, x), x, isnan(x));\n"
    "}\n"},
  /* The 8-bit floats of AMD's GPUs: the code of -0 is NaN. */
  [MSL_H_E4B8_LOAD] = {"e4b8_to_float", {0},
    "// An 8-bit float without -0 and infinity.\n"
    "METAL_FUNC $F e4b8_to_float($T x) {\n"
    "  const $U u = $U(x), m = u & 0x7fu;\n"
    "  const $F far = as_type<$F>((m << 20u) + 0x3b800000u);\n"
    "  const $F y = select(far, $F(m) * 0.0009765625f, m < 8u);\n"
    "  const $F z = as_type<$F>(as_type<$U>(y) | (u & 0x80u) << 24u);\n"
    "  return select(z, $F(NAN), u == 0x80u);\n"
    "}\n"},
  [MSL_H_E4B8_BITS] = {"e4b8_bits", {0},
    "// x is exact in 8 bits: its bits.\n"
    "METAL_FUNC $Y e4b8_bits($F x) {\n"
    "  const $F a = fabs(x);\n"
    "  const $U near = $U(fmin(a, $F(0.0078125f)) * 1024.0f);\n"
    "  const $U far = (as_type<$U>(a) - 0x3b800000u) >> 20u;\n"
    "  const $U z = select(near, far, a >= 0.0078125f);\n"
    "  const $U sign = as_type<$U>(x) >> 24u & 0x80u;\n"
    "  const $U y = select(z | sign, $U(0u), z == 0u);\n"
    "  return $Y(select(y, $U(0x80u), isnan(x)));\n"
    "}\n"},
  [MSL_H_E4B8_ROUND] = {"e4b8_round", {0},
    "// To the nearest e4b8, ties to even, at most 240; NaN stays NaN.\n"
    "METAL_FUNC $F e4b8_round($F x) {\n"
    "  const $F a = fabs(x);\n"
    "  const $U u = as_type<$U>(a);\n"
    "  const $U even = u + 0x7ffffu + ((u >> 20u) & 1u);\n"
    "  const $F far = as_type<$F>(even & 0xfff00000u);\n"
    "  const $F near = rint(a * 1024.0f) * 0.0009765625f;\n"
    "  const $F y = select(near, fmin(far, $F(240.0f)), "
    "a >= 0.0078125f);\n"
    "  const $F z = select(copysign(y, x), y, y == 0.0f);\n"
    "  return select(z, x, isnan(x));\n"
    "}\n"},
  [MSL_H_E5B16_LOAD] = {"e5b16_to_float", {0},
    "// An 8-bit float without -0 and infinity.\n"
    "METAL_FUNC $F e5b16_to_float($T x) {\n"
    "  const $U u = $U(x), m = u & 0x7fu;\n"
    "  const $F far = as_type<$F>((m << 21u) + 0x37800000u);\n"
    "  const $F y = select(far, $F(m) * 7.62939453125e-06f, m < 4u);\n"
    "  const $F z = as_type<$F>(as_type<$U>(y) | (u & 0x80u) << 24u);\n"
    "  return select(z, $F(NAN), u == 0x80u);\n"
    "}\n"},
  [MSL_H_E5B16_BITS] = {"e5b16_bits", {0},
    "// x is exact in 8 bits: its bits.\n"
    "METAL_FUNC $Y e5b16_bits($F x) {\n"
    "  const $F a = fabs(x);\n"
    "  const $U near = $U(fmin(a, $F(3.0517578125e-05f)) * 131072.0f);\n"
    "  const $U far = (as_type<$U>(a) - 0x37800000u) >> 21u;\n"
    "  const $U z = select(near, far, a >= 3.0517578125e-05f);\n"
    "  const $U sign = as_type<$U>(x) >> 24u & 0x80u;\n"
    "  const $U y = select(z | sign, $U(0u), z == 0u);\n"
    "  return $Y(select(y, $U(0x80u), isnan(x)));\n"
    "}\n"},
  [MSL_H_E5B16_ROUND] = {"e5b16_round", {0},
    "// To the nearest e5b16, ties to even, at most 57344; NaN stays NaN.\n"
    "METAL_FUNC $F e5b16_round($F x) {\n"
    "  const $F a = fabs(x);\n"
    "  const $U u = as_type<$U>(a);\n"
    "  const $U even = u + 0xfffffu + ((u >> 21u) & 1u);\n"
    "  const $F far = as_type<$F>(even & 0xffe00000u);\n"
    "  const $F near = rint(a * 131072.0f) * 7.62939453125e-06f;\n"
    "  const $F y = select(near, fmin(far, $F(57344.0f)), "
    "a >= 3.0517578125e-05f);\n"
    "  const $F z = select(copysign(y, x), y, y == 0.0f);\n"
    "  return select(z, x, isnan(x));\n"
    "}\n"},
  /* Coefficients: least squares on Chebyshev nodes, reweighted to the
   * smallest relative error, in double; the float result was compared with
   * the C library's erf on 130,000 points. */
  [MSL_H_ERF] = {"erf_", {0},
    "// erf within 2.5 ulp: x + x p(x^2) near 0, 1 - exp(-q(|x|)) beyond.\n"
    "METAL_FUNC $F erf_($F x) {\n"
    "  const $F s = x * x;\n"
    "  $F p = $F(-0.00059538824f);\n"
    "  p = fma(p, s, $F(0.0049859742f));\n"
    "  p = fma(p, s, $F(-0.02676175f));\n"
    "  p = fma(p, s, $F(0.11281684f));\n"
    "  p = fma(p, s, $F(-0.3761248f));\n"
    "  p = fma(p, s, $F(0.12837915f));\n"
    "  const $F t = fmin(fabs(x), $F(4.0f));\n"
    "  $F q = $F(2.0909556e-05f);\n"
    "  q = fma(q, t, $F(-0.000432303f));\n"
    "  q = fma(q, t, $F(0.0041605271f));\n"
    "  q = fma(q, t, $F(-0.025091497f));\n"
    "  q = fma(q, t, $F(0.10823662f));\n"
    "  q = fma(q, t, $F(0.63338667f));\n"
    "  q = fma(q, t, $F(1.1294951f));\n"
    "  q = fma(q, t, $F(-0.00017055203f));\n"
    "  const $F far = copysign(1.0f - precise::exp(-q), x);\n"
    "  const $F y = select(far, fma(p, x, x), fabs(x) < 0.925f);\n"
    "  return select(y, x, isnan(x));\n"
    "}\n"},
  /* The quotient, the fma, the root and the product round once each. */
  [MSL_H_HYPOT] = {"hypot_", {0},
    "// sqrt(x^2 + y^2) within 2 ulp, without overflow in between.\n"
    "METAL_FUNC $F hypot_($F x, $F y) {\n"
    "  const $F a = fmax(fabs(x), fabs(y)), b = fmin(fabs(x), fabs(y));\n"
    "  const $F r = b / a;\n"
    "  const $F h = a * precise::sqrt(fma(r, r, $F(1.0f)));\n"
    "  const $F whole = select(h, a, (a == 0.0f) | isinf(a));\n"
    "  return select(whole, x + y, isunordered(x, y) & !isinf(a));\n"
    "}\n"},
  [MSL_H_FFS] = {"ffs", {0},
    "// The lowest set bit counted from 1, or 0.\n"
    "METAL_FUNC $T ffs($T x) {\n"
    "  return select($T(ctz(x) + $T(1)), $T(0), x == $T(0));\n"
    "}\n"},
  [MSL_H_SHUFFLE] = {"shuffle", {0},
    "// Shuffles are for 32-bit numbers.\n"
    "METAL_FUNC $T shuffle($T x, ushort lane) {\n"
    "  return $X;\n"
    "}\n"},
  [MSL_H_SHUFFLE_XOR] = {"shuffle_xor", {0},
    "// Shuffles are for 32-bit numbers.\n"
    "METAL_FUNC $T shuffle_xor($T x, ushort lane) {\n"
    "  return $X;\n"
    "}\n"},
};

static const msl_helper_text *helper_of(uint32_t id) {
  return id < MSL_H_LIBDEVICE ? &helpers[id]
                              : &msl_libdevice[id - MSL_H_LIBDEVICE];
}

void msl_claim_helper_names(emitter *e) {
  for (uint32_t id = 0; id < MSL_HELPERS; id++)
    if (id != MSL_H_SHUFFLE && id != MSL_H_SHUFFLE_XOR)
      msl_name_claim(e, helper_of(id)->name);
}

/* How a scalar that is not 32 bits wide goes through a shuffle. */
static const char *shuffle_body(emitter *e, const char *type, bool is_xor) {
  const char *f = is_xor ? "simd_shuffle_xor" : "simd_shuffle";
  if (strcmp(type, "bool") == 0)
    return msl_text(e, "%s(uint(x), lane) != 0u", f);
  if (strcmp(type, "long") == 0)
    return msl_text(e, "as_type<long>(%s(as_type<uint2>(x), lane))", f);
  if (strcmp(type, "half") == 0)
    return msl_text(e, "half(%s(float(x), lane))", f);
  return msl_text(e, "%s(%s(int(x), lane))", type, f);
}

const char *msl_use(emitter *e, msl_helper_id id, const char *scalar,
                    uint32_t lanes) {
  bool shuffles = id == MSL_H_SHUFFLE || id == MSL_H_SHUFFLE_XOR;
  if (shuffles &&
      (strcmp(scalar, "int") == 0 || strcmp(scalar, "float") == 0))
    return id == MSL_H_SHUFFLE ? "simd_shuffle" : "simd_shuffle_xor";
  for (uint32_t i = 0; i < e->helpers.len; i++) {
    const msl_helper *h = &e->helpers.data[i];
    if (h->id == (uint32_t)id && h->lanes == lanes &&
        strcmp(h->type, scalar) == 0)
      return helper_of(id)->name;
  }
  const msl_helper_id *needs = helper_of(id)->needs;
  for (int i = 0; i < MSL_HELPER_NEEDS && needs[i]; i++)
    msl_use(e, needs[i], "float", lanes);
  msl_helper h = {id, scalar, lanes};
  tm_push(e->arena, &e->helpers, h);
  return helper_of(id)->name;
}

const char *msl_use_codec(emitter *e, tm_scalar scalar, msl_codec which,
                          uint32_t lanes) {
  static const msl_helper_id ids[TM_SCALARS][3] = {
    [TM_BF16] = {MSL_H_BF16_LOAD, MSL_H_BF16_BITS, MSL_H_BF16_ROUND},
    [TM_FP8E4NV] = {MSL_H_E4M3_LOAD, MSL_H_E4M3_BITS, MSL_H_E4M3_ROUND},
    [TM_FP8E5] = {MSL_H_E5M2_LOAD, MSL_H_E5M2_BITS, MSL_H_E5M2_ROUND},
    [TM_FP8E4B8] = {MSL_H_E4B8_LOAD, MSL_H_E4B8_BITS, MSL_H_E4B8_ROUND},
    [TM_FP8E5B16] = {MSL_H_E5B16_LOAD, MSL_H_E5B16_BITS, MSL_H_E5B16_ROUND},
  };
  const char *code = scalar == TM_BF16 ? "ushort" : "uchar";
  return msl_use(e, ids[scalar][which],
                 which == MSL_LOAD_CODE ? code : "float", lanes);
}

static void put_type(tm_buf *out, const char *type, uint32_t lanes) {
  tm_buf_puts(out, type);
  if (lanes > 1) tm_buf_printf(out, "%u", (unsigned)lanes);
}

/* Prints text up to its end or to stop. */
static const char *expand(emitter *e, const msl_helper *h, const char *p,
                          char stop, int component, tm_buf *out) {
  for (; *p; p++) {
    if (*p != '$') {
      tm_buf_add(out, p, 1);
      continue;
    }
    char key = *++p;
    if (key == stop) return p + 1;
    switch (key) {
      case 'T': put_type(out, h->type, h->lanes); break;
      case 'S': tm_buf_puts(out, h->type); break;
      case 'B': put_type(out, "bool", h->lanes); break;
      case 'I': put_type(out, "int", h->lanes); break;
      case 'U': put_type(out, "uint", h->lanes); break;
      case 'L': put_type(out, "long", h->lanes); break;
      case 'V': put_type(out, "ulong", h->lanes); break;
      case 'H': put_type(out, "ushort", h->lanes); break;
      case 'Y': put_type(out, "uchar", h->lanes); break;
      case 'F': put_type(out, "float", h->lanes); break;
      case 'c': tm_buf_printf(out, "%c", "xyzw"[component & 3]); break;
      case 'i': tm_buf_printf(out, "%d", component); break;
      case 'X':
        tm_buf_puts(out, shuffle_body(e, h->type,
                                      h->id == MSL_H_SHUFFLE_XOR));
        break;
      case 'M': { /* not nested: one level of recursion */
        const char *end = p;
        for (uint32_t j = 0; j < h->lanes; j++)
          end = expand(e, h, p + 1, 'N', (int)j, out);
        p = end - 1;
        break;
      }
      default: break;
    }
  }
  return p;
}

void msl_print_helpers(emitter *e, tm_buf *out) {
  /* In order of the table, so that a small change in a kernel is a small
   * change in its text. */
  for (uint32_t id = 0; id < MSL_HELPERS; id++)
    for (uint32_t i = 0; i < e->helpers.len; i++) {
      if (e->helpers.data[i].id != id) continue;
      expand(e, &e->helpers.data[i], helper_of(id)->text, 0, 0, out);
      tm_buf_puts(out, "\n");
    }
}
