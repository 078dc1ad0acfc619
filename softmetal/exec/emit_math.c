/* SPDX-License-Identifier: MIT */
/*
 * emit_math.c - math functions on one leaf, scalar or 32 wide.
 *
 * exp, exp2, log and log2 are polynomials emitted in line (the reductions and
 * coefficients are those of Cephes' single precision functions, evaluated
 * with fused multiply-adds; within 2 ulp). Exact and simple functions are
 * LLVM intrinsics. The rest are calls: glibc's vector library where it has
 * them, else 32 scalar calls in rt_math.c; for a uniform value the scalar C
 * function. half goes through float, which rounds once more than the exact
 * result would and is within Metal's 1 ulp.
 *
 * fast:: and precise:: give the same, the precise, result, which is within
 * the bounds of both tables of the specification (8.1, 8.2). Only rsqrt has a
 * form of its own for precise::, where it is correctly rounded.
 */
#include "emit.h"
#include "rt.h"

#include <math.h>

bool sm_is_math(sm_builtin b) {
  return (b <= SM_B_TRUNC || b == SM_B_MIX || b == SM_B_SATURATE ||
          b == SM_B_SIGN || b == SM_B_SMOOTHSTEP || b == SM_B_STEP) &&
         b != SM_B_SINCOS && b != SM_B_MODF && b != SM_B_FREXP &&
         b != SM_B_ILOGB && b != SM_B_LDEXP;
}

static bool is_vector(sm_val x) {
  return LL.GetTypeKind(LL.TypeOf(x)) == LLVMVectorTypeKind;
}

static sm_val fc(sm_emit *e, sm_val like, double k) {
  sm_ty type = LL.TypeOf(like);
  if (!is_vector(like)) return LL.ConstReal(type, k);
  return sm_splat(e, LL.ConstReal(LL.GetElementType(type), k));
}

static sm_val ic(sm_emit *e, sm_val like, uint32_t k) {
  return is_vector(like) ? sm_splat(e, sm_i32(e, k)) : sm_i32(e, k);
}

static sm_ty int_like(sm_emit *e, sm_val x) {
  return is_vector(x) ? sm_vector_type(e->i32, SM_LANES) : e->i32;
}

static sm_val fma3(sm_emit *e, sm_val a, sm_val b, sm_val c) {
  sm_val args[3] = {a, b, c};
  sm_ty type = LL.TypeOf(a);
  return sm_intrinsic(e, "llvm.fma", &type, 1, args, 3);
}

/* Horner; coefficients from the highest power down. */
static sm_val poly(sm_emit *e, sm_val x, const double *k, unsigned n) {
  sm_val r = fc(e, x, k[0]);
  for (unsigned i = 1; i < n; i++) r = fma3(e, r, x, fc(e, x, k[i]));
  return r;
}

static sm_val bits_of(sm_emit *e, sm_val x) {
  return CONVERT(BitCast, x, int_like(e, x));
}

static sm_val float_of(sm_emit *e, sm_val bits, sm_val like) {
  return CONVERT(BitCast, bits, LL.TypeOf(like));
}

/* e^r for |r| <= ln 2 / 2. */
static sm_val exp_core(sm_emit *e, sm_val r) {
  static const double k[] = {1.9875691500e-4, 1.3981999507e-3,
                             8.3334519073e-3, 4.1665795894e-2,
                             1.6666665459e-1, 5.0000001201e-1};
  sm_val p = poly(e, r, k, 6);
  sm_val y = fma3(e, p, OP2(FMul, r, r), r);
  return OP2(FAdd, y, fc(e, r, 1.0));
}

static sm_val keep_nan(sm_emit *e, sm_val x, sm_val r) {
  return SELECT(FCMP(UNO, x, x), x, r);
}

/* 1.5 * 2^23: a float that is added to it is rounded to an integer, which its
 * low bits then hold. */
static const double rounder = 12582912.0;

/* y * 2^n, where t is n + rounder: the exponents are added as integers, and n
 * lies at the bottom of t. y is near 1, so for x within low ... high that
 * gives a normal number; below it gives 0, as subnormals do on Metal, above
 * infinity, and NaN for NaN. */
static sm_val raise(sm_emit *e, sm_val x, sm_val y, sm_val t, double low,
                    double high) {
  sm_val n = OP2(Shl, bits_of(e, t), ic(e, x, 23));
  sm_val r = float_of(e, OP2(Add, bits_of(e, y), n), x);
  sm_val beyond = OP2(FMul, x, fc(e, x, (double)INFINITY));
  r = SELECT(FCMP(OLE, x, fc(e, x, high)), r, beyond);
  return SELECT(FCMP(OLT, x, fc(e, x, low)), fc(e, x, 0.0), r);
}

/* low and high are the last floats whose power is normal and finite. */
static sm_val emit_exp(sm_emit *e, sm_val x) {
  sm_val magic = fc(e, x, rounder);
  sm_val t = fma3(e, x, fc(e, x, 1.44269504088896341), magic);
  sm_val n = OP2(FSub, t, magic);
  sm_val r = fma3(e, n, fc(e, x, -0.693359375), x);
  r = fma3(e, n, fc(e, x, 2.12194440e-4), r);
  return raise(e, x, exp_core(e, r), t, -87.33654022216796875,
               88.72283172607421875);
}

static sm_val emit_exp2(sm_emit *e, sm_val x) {
  sm_val magic = fc(e, x, rounder);
  sm_val t = OP2(FAdd, x, magic);
  sm_val f = OP2(FSub, x, OP2(FSub, t, magic));
  sm_val r = OP2(FMul, f, fc(e, x, 0.693147180559945309));
  return raise(e, x, exp_core(e, r), t, -126.0, 127.99999237060546875);
}

/* x = 2^k * m with m in [sqrt(1/2), sqrt(2)); returns m - 1, *k as float. */
static sm_val split_log(sm_emit *e, sm_val x, sm_val *k) {
  sm_val b = bits_of(e, x);
  sm_val t = OP2(Sub, b, ic(e, x, 0x3f3504f3));
  sm_val n = OP2(AShr, t, ic(e, x, 23));
  sm_val m = OP2(Sub, b, OP2(Shl, n, ic(e, x, 23)));
  *k = CONVERT(SIToFP, n, LL.TypeOf(x));
  return OP2(FSub, float_of(e, m, x), fc(e, x, 1.0));
}

/* log(1 + f) - f */
static sm_val log_core(sm_emit *e, sm_val f) {
  static const double c[] = {7.0376836292e-2, -1.1514610310e-1,
                             1.1676998740e-1, -1.2420140846e-1,
                             1.4249322787e-1, -1.6668057665e-1,
                             2.0000714765e-1, -2.4999993993e-1,
                             3.3333331174e-1};
  sm_val z = OP2(FMul, f, f);
  sm_val y = OP2(FMul, OP2(FMul, poly(e, f, c, 9), f), z);
  return fma3(e, z, fc(e, f, -0.5), y);
}

/* Zero (and what counts as zero) gives -inf, negatives NaN, inf inf. */
static sm_val log_specials(sm_emit *e, sm_val x, sm_val r) {
  sm_val infinity = fc(e, x, (double)INFINITY);
  sm_val least = fc(e, x, 1.17549435082228751e-38);
  r = SELECT(FCMP(OEQ, x, infinity), x, r);
  r = SELECT(FCMP(OLT, sm_intrinsic1(e, "llvm.fabs", x), least),
             fc(e, x, -(double)INFINITY), r);
  sm_val bad = FCMP(OLE, x, OP1(FNeg, least));
  r = SELECT(bad, fc(e, x, (double)NAN), r);
  return keep_nan(e, x, r);
}

static sm_val emit_log(sm_emit *e, sm_val x) {
  sm_val k, f = split_log(e, x, &k);
  sm_val y = log_core(e, f);
  y = fma3(e, k, fc(e, x, -2.12194440e-4), y);
  sm_val r = OP2(FAdd, f, y);
  r = fma3(e, k, fc(e, x, 0.693359375), r);
  return log_specials(e, x, r);
}

static sm_val emit_log2(sm_emit *e, sm_val x) {
  sm_val k, f = split_log(e, x, &k);
  sm_val y = log_core(e, f);
  /* (f + y) * log2(e) with log2(e) = 1 + 0.4426950... */
  sm_val c = fc(e, x, 0.44269504088896341);
  sm_val r = OP2(FMul, y, c);
  r = fma3(e, f, c, r);
  r = OP2(FAdd, r, y);
  r = OP2(FAdd, r, f);
  return log_specials(e, x, OP2(FAdd, r, k));
}

/* ---- calls ------------------------------------------------------------ */

/* Subnormal arguments count as zero. Functions of the C library that look at
 * bits, or divide one argument by the other, must not see them. */
static void flush_arguments(sm_emit *e, sm_val *a, unsigned n) {
  for (unsigned i = 0; i < n; i++) {
    sm_val least = fc(e, a[i], 1.17549435082228751e-38);
    sm_val tiny = FCMP(OLT, sm_intrinsic1(e, "llvm.fabs", a[i]), least);
    sm_val zero = sm_intrinsic2(e, "llvm.copysign", fc(e, a[i], 0.0), a[i]);
    a[i] = SELECT(tiny, zero, a[i]);
  }
}

static sm_val part_of(sm_emit *e, sm_val v, unsigned from, unsigned n) {
  int mask[SM_LANES];
  for (unsigned i = 0; i < n; i++) mask[i] = (int)(from + i);
  return sm_shuffle(e, v, NULL, mask, n);
}

static sm_val call_vector(sm_emit *e, const char *name, uint32_t width,
                          sm_val *args, unsigned n) {
  sm_val parts[4];
  unsigned count = SM_LANES / width;
  sm_ty type = sm_vector_type(e->f32, width);
  for (unsigned p = 0; p < count; p++) {
    sm_val piece[2];
    for (unsigned i = 0; i < n; i++)
      piece[i] = part_of(e, args[i], p * width, width);
    parts[p] = sm_runtime(e, name, type, piece, n);
  }
  for (; count > 1; count /= 2, width *= 2)
    for (unsigned p = 0; p < count / 2; p++) {
      int mask[SM_LANES];
      for (unsigned i = 0; i < 2 * width; i++) mask[i] = (int)i;
      parts[p] =
          sm_shuffle(e, parts[2 * p], parts[2 * p + 1], mask, 2 * width);
    }
  return parts[0];
}

static sm_val call_lanes(sm_emit *e, const char *f, sm_val *args,
                         unsigned n) {
  char name[40];
  strcpy(name, "sm_rt_");
  strcat(name, f);
  sm_ty type = LL.TypeOf(args[0]);
  sm_val memory[2];
  for (unsigned i = 0; i < n; i++) {
    memory[i] = sm_alloca(e, type, 128);
    LL.SetAlignment(LL.BuildStore(e->b, args[i], memory[i]), 64);
  }
  sm_runtime(e, name, e->void_type, memory, n);
  sm_val r = LL.BuildLoad2(e->b, type, memory[0], "");
  LL.SetAlignment(r, 64);
  return r;
}

static sm_val call_math(sm_emit *e, const char *f, sm_val *args,
                        unsigned n) {
  uint32_t width = e->wide ? 16 : 8;
  if (n == 2 && strcmp(f, "nextafter") != 0) flush_arguments(e, args, n);
  if (!is_vector(args[0])) {
    char name[24];
    strcpy(name, f);
    strcat(name, "f");
    return sm_runtime(e, name, e->f32, args, n);
  }
  const char *vector = 
      strstr(sm_llvm_features(), "+avx2") ? sm_rt_vector_math(f, width)
                                          : NULL;
  if (vector) return call_vector(e, vector, width, args, n);
  return call_lanes(e, f, args, n);
}

/* sin(pi r) for |r| <= 1, folded to half that first; both steps exact. */
static sm_val sin_pi_core(sm_emit *e, sm_val r) {
  sm_val whole = sm_intrinsic2(e, "llvm.copysign", fc(e, r, 1.0), r);
  sm_val outer = FCMP(OGT, sm_intrinsic1(e, "llvm.fabs", r), fc(e, r, 0.5));
  r = SELECT(outer, OP2(FSub, whole, r), r);
  sm_val a = OP2(FMul, r, fc(e, r, 3.14159265358979323846));
  return call_math(e, "sin", &a, 1);
}

static sm_val pi_reduced(sm_emit *e, sm_val x) {
  sm_val n = sm_intrinsic1(e, "llvm.rint", OP2(FMul, x, fc(e, x, 0.5)));
  return fma3(e, n, fc(e, x, -2.0), x);
}

static sm_val emit_sinpi(sm_emit *e, sm_val x) {
  return sin_pi_core(e, pi_reduced(e, x));
}

static sm_val emit_cospi(sm_emit *e, sm_val x) {
  sm_val r = sm_intrinsic1(e, "llvm.fabs", pi_reduced(e, x));
  return sin_pi_core(e, OP2(FSub, fc(e, x, 0.5), r));
}

/* ---- small functions -------------------------------------------------- */

/* Correctly rounded: in double precision. All 2^24 significands over two
 * octaves were compared with 64-bit precision; none differs. */
static sm_val emit_rsqrt(sm_emit *e, sm_val x, sm_val one) {
  if (!e->precise) return OP2(FDiv, one, sm_intrinsic1(e, "llvm.sqrt", x));
  sm_ty f64 = LL.DoubleTypeInContext(e->context);
  sm_ty wide = is_vector(x) ? sm_vector_type(f64, SM_LANES) : f64;
  sm_val root = sm_intrinsic1(e, "llvm.sqrt", CONVERT(FPExt, x, wide));
  sm_val r = OP2(FDiv, CONVERT(FPExt, one, wide), root);
  return CONVERT(FPTrunc, r, LL.TypeOf(x));
}

static sm_val emit_sign(sm_emit *e, sm_val x) {
  sm_val zero = fc(e, x, 0.0), r;
  sm_val signed_zero = sm_intrinsic2(e, "llvm.copysign", zero, x);
  r = SELECT(FCMP(OEQ, x, zero), signed_zero, zero); /* NaN gives 0 */
  r = SELECT(FCMP(OGT, x, zero), fc(e, x, 1.0), r);
  return SELECT(FCMP(OLT, x, zero), fc(e, x, -1.0), r);
}

static sm_val min2(sm_emit *e, sm_val a, sm_val b) {
  return sm_intrinsic2(e, "llvm.minnum", a, b);
}
static sm_val max2(sm_emit *e, sm_val a, sm_val b) {
  return sm_intrinsic2(e, "llvm.maxnum", a, b);
}

static sm_val emit_smoothstep(sm_emit *e, sm_val *a) {
  sm_val t = OP2(FDiv, OP2(FSub, a[2], a[0]), OP2(FSub, a[1], a[0]));
  t = min2(e, max2(e, t, fc(e, t, 0.0)), fc(e, t, 1.0));
  sm_val k = fma3(e, t, fc(e, t, -2.0), fc(e, t, 3.0));
  return OP2(FMul, OP2(FMul, t, t), k);
}

static sm_val emit_fract(sm_emit *e, sm_val x) {
  sm_val r = OP2(FSub, x, sm_intrinsic1(e, "llvm.floor", x));
  return SELECT(FCMP(OGE, r, fc(e, x, 1.0)), fc(e, x, 0x1.fffffep-1), r);
}

static sm_val emit_fdim(sm_emit *e, sm_val x, sm_val y) {
  sm_val d = OP2(FSub, x, y);
  return SELECT(FCMP(OLE, x, y), fc(e, x, 0.0), d);
}

static sm_val emit_nextafter(sm_emit *e, sm_scalar s, sm_val x, sm_val y) {
  sm_val args[2] = {x, y};
  if (s == SM_FLOAT) return call_math(e, "nextafter", args, 2);
  bool vector = is_vector(x);
  for (int i = 0; i < 2; i++) {
    if (!vector) args[i] = sm_splat(e, args[i]);
    args[i] = CONVERT(BitCast, args[i], sm_vector_type(e->i16, SM_LANES));
  }
  sm_val r = call_lanes(e, "nextafter_half", args, 2);
  r = CONVERT(BitCast, r, sm_vector_type(e->f16, SM_LANES));
  return vector ? r : LL.BuildExtractElement(e->b, r, sm_i32(e, 0), "");
}

/* Exponential, trigonometric and their like; NULL: it is none of them. */
static sm_val emit_transcendental(sm_emit *e, sm_builtin which, sm_val *a) {
  sm_val x = a[0];
  switch (which) {
  case SM_B_ACOS: return call_math(e, "acos", a, 1);
  case SM_B_ACOSH: return call_math(e, "acosh", a, 1);
  case SM_B_ASIN: return call_math(e, "asin", a, 1);
  case SM_B_ASINH: return call_math(e, "asinh", a, 1);
  case SM_B_ATAN: return call_math(e, "atan", a, 1);
  case SM_B_ATAN2: return call_math(e, "atan2", a, 2);
  case SM_B_ATANH: return call_math(e, "atanh", a, 1);
  case SM_B_COS: return call_math(e, "cos", a, 1);
  case SM_B_COSH: return call_math(e, "cosh", a, 1);
  case SM_B_COSPI: return emit_cospi(e, x);
  case SM_B_EXP: return emit_exp(e, x);
  case SM_B_EXP2: return emit_exp2(e, x);
  case SM_B_EXP10: return call_math(e, "exp10", a, 1);
  case SM_B_FMOD: return call_math(e, "fmod", a, 2);
  case SM_B_LOG: return emit_log(e, x);
  case SM_B_LOG2: return emit_log2(e, x);
  case SM_B_LOG10: return call_math(e, "log10", a, 1);
  case SM_B_POW: case SM_B_POWR: return call_math(e, "pow", a, 2);
  case SM_B_RSQRT: return emit_rsqrt(e, x, fc(e, x, 1.0));
  case SM_B_SIN: return call_math(e, "sin", a, 1);
  case SM_B_SINH: return call_math(e, "sinh", a, 1);
  case SM_B_SINPI: return emit_sinpi(e, x);
  case SM_B_SQRT: return sm_intrinsic1(e, "llvm.sqrt", x);
  case SM_B_TAN: return call_math(e, "tan", a, 1);
  case SM_B_TANH: return call_math(e, "tanh", a, 1);
  case SM_B_TANPI:
    return OP2(FDiv, emit_sinpi(e, x), emit_cospi(e, x));
  default: return NULL;
  }
}

static sm_val emit_float(sm_emit *e, sm_builtin which, sm_val *a) {
  sm_val known = emit_transcendental(e, which, a);
  if (known) return known;
  sm_val x = a[0], one = fc(e, x, 1.0);
  switch (which) {
  case SM_B_CEIL: return sm_intrinsic1(e, "llvm.ceil", x);
  case SM_B_FLOOR: return sm_intrinsic1(e, "llvm.floor", x);
  case SM_B_TRUNC: return sm_intrinsic1(e, "llvm.trunc", x);
  case SM_B_RINT: return sm_intrinsic1(e, "llvm.rint", x);
  case SM_B_ROUND: return sm_intrinsic1(e, "llvm.round", x);
  case SM_B_COPYSIGN: return sm_intrinsic2(e, "llvm.copysign", x, a[1]);
  case SM_B_DIVIDE: return OP2(FDiv, x, a[1]);
  case SM_B_FABS: case SM_B_ABS: return sm_intrinsic1(e, "llvm.fabs", x);
  case SM_B_FDIM: return emit_fdim(e, x, a[1]);
  case SM_B_FMA: return fma3(e, x, a[1], a[2]);
  case SM_B_FMAX: case SM_B_MAX: return max2(e, x, a[1]);
  case SM_B_FMIN: case SM_B_MIN: return min2(e, x, a[1]);
  case SM_B_FMAX3: case SM_B_MAX3:
    return max2(e, max2(e, x, a[1]), a[2]);
  case SM_B_FMIN3: case SM_B_MIN3:
    return min2(e, min2(e, x, a[1]), a[2]);
  case SM_B_FMEDIAN3: case SM_B_MEDIAN3:
    return max2(e, min2(e, x, a[1]), min2(e, max2(e, x, a[1]), a[2]));
  case SM_B_CLAMP: return min2(e, max2(e, x, a[1]), a[2]);
  case SM_B_FRACT: return emit_fract(e, x);
  case SM_B_MIX: return fma3(e, OP2(FSub, a[1], x), a[2], x);
  case SM_B_SATURATE: return min2(e, max2(e, x, fc(e, x, 0.0)), one);
  case SM_B_SIGN: return emit_sign(e, x);
  case SM_B_SMOOTHSTEP: return emit_smoothstep(e, a);
  case SM_B_STEP:
    return SELECT(FCMP(OLT, a[1], x), fc(e, x, 0.0), one);
  default:
    sm_emit_fail(e, (tm_loc){0}, "internal: no math function %d",
                 (int)which);
  }
}

static unsigned count_of(sm_builtin which) {
  switch (which) {
  case SM_B_ATAN2: case SM_B_COPYSIGN: case SM_B_DIVIDE: case SM_B_FDIM:
  case SM_B_FMAX: case SM_B_FMIN: case SM_B_FMOD: case SM_B_NEXTAFTER:
  case SM_B_POW: case SM_B_POWR: case SM_B_MAX: case SM_B_MIN:
  case SM_B_STEP: return 2;
  case SM_B_FMA: case SM_B_FMAX3: case SM_B_FMIN3: case SM_B_FMEDIAN3:
  case SM_B_MAX3: case SM_B_MIN3: case SM_B_MEDIAN3: case SM_B_CLAMP:
  case SM_B_MIX: case SM_B_SMOOTHSTEP: return 3;
  default: return 1;
  }
}

sm_leaf sm_math(sm_emit *e, sm_builtin which, sm_scalar s,
                const sm_leaf *args) {
  unsigned n = count_of(which);
  bool uniform = true;
  for (unsigned i = 0; i < n; i++)
    if (args[i].form != SM_UNI) uniform = false;
  sm_val a[3];
  for (unsigned i = 0; i < n; i++)
    a[i] = uniform ? args[i].v : sm_vec(e, &args[i]);
  sm_val r;
  if (which == SM_B_NEXTAFTER) {
    r = emit_nextafter(e, s, a[0], a[1]);
  } else if (s == SM_HALF && which != SM_B_FMA) {
    sm_ty narrow = LL.TypeOf(a[0]);
    sm_ty type = uniform ? e->f32 : sm_vector_type(e->f32, SM_LANES);
    for (unsigned i = 0; i < n; i++) a[i] = CONVERT(FPExt, a[i], type);
    r = CONVERT(FPTrunc, emit_float(e, which, a), narrow);
    if (which == SM_B_FRACT) /* below 1 in half, too */
      r = SELECT(FCMP(OGE, r, fc(e, r, 1.0)), fc(e, r, 0.99951171875), r);
  } else {
    r = emit_float(e, which, a);
  }
  if (s == SM_BFLOAT) r = sm_round_bfloat(e, r);
  return uniform ? sm_leaf_uni(r) : sm_leaf_var(r);
}
