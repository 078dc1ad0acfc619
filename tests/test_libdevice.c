/* SPDX-License-Identifier: MIT */
/*
 * test_libdevice.c - libdevice's functions against C's.
 *
 * Functions of one float are compared with long double or double precision on
 * dense points of their domains and at special values. A bound is in units of
 * the last place of the float32 result, for results above `floor`, below
 * which the error is bounded by that many units of floor: lgamma has zeros
 * there, and logarithms near 1; for Bessel functions floor is 1: their errors
 * are absolute, in units of 1.2e-7. TM_TEST_SHOW=1 prints what was measured.
 * Where the text calls Metal's own function (sinh to log10 but for erf, erfc,
 * expm1, log1p and cbrt) this measures softmetal's, which stands for it.
 *
 * Functions that are exact, among them those that round in a direction, are
 * compared bit for bit on numbers of every exponent: with the C library's in
 * that rounding mode, with 128-bit integers, or with wider floats.
 */
#define _GNU_SOURCE /* j0 and the like */
#include "support/device.h"

#include <fenv.h>
#include <limits.h>
#include <math.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

typedef double function(double x);
typedef struct entry {
  const char *name;
  function *want;
  double low, high, bound, floor;
} entry;

/* All of a test's findings are printed before it fails. */
static int findings;

static void complain(const char *format, ...) {
  va_list args;
  va_start(args, format);
  vprint_message(format, args);
  print_message("\n");
  va_end(args);
  findings++;
}

static double exp_10(double x) { return pow(10, x); }

static double ref_erfcx(double x) {
  if (x < 50) return (double)(expl((long double)x * x) * erfcl(x));
  double s = x * x; /* the asymptotic series */
  return (1 - 1 / (2 * s) + 3 / (4 * s * s)) / (x * 1.7724538509055160273);
}
static double ref_normcdf(double x) {
  return (double)(0.5L * erfcl(-(long double)x * 0.70710678118654752440L));
}
/* Where f, which falls, is y: the middle of what is left after halving. */
static double inverse(double (*f)(double), double y, double low,
                      double high) {
  for (int i = 0; i < 200; i++) {
    double middle = low + (high - low) / 2;
    if (f(middle) > y) low = middle;
    else high = middle;
  }
  return low;
}
static double ref_erfcinv(double x) {
  if (x == 0 || x == 2) return x == 0 ? INFINITY : -INFINITY;
  if (!(x > 0 && x < 2)) return NAN;
  /* From both sides, so that the argument is never 2 less something. */
  if (x == 1) return 0;
  return x < 1 ? inverse(erfc, x, 0, 30) : -inverse(erfc, 2 - x, 0, 30);
}
static double minus_erf(double x) { return -erf(x); }
static double ref_erfinv(double x) {
  if (fabs(x) == 1) return x * INFINITY;
  if (!(fabs(x) < 1)) return NAN;
  if (x == 0) return x;
  double a = fabs(x);
  double y = a < 0.5 ? inverse(minus_erf, -a, 0, 1) : ref_erfcinv(1 - a);
  return copysign(y, x);
}
static double ref_normcdfinv(double x) {
  return -1.4142135623730950488 * ref_erfcinv(2 * x);
}
/* The power series, whose terms are all positive. */
static double series(double x, int order) {
  if (isinf(x)) return order ? x : INFINITY;
  long double t = (long double)x * x / 4, term = order ? x / 2.0L : 1;
  long double sum = term;
  for (int k = 1; k < 400; k++) {
    term *= t / ((long double)k * (k + order));
    sum += term;
  }
  return (double)sum;
}
static double ref_i0(double x) { return series(x, 0); }
static double ref_i1(double x) { return series(x, 1); }
static double ref_rcbrt(double x) { return 1 / cbrt(x); }
static double ref_saturate(double x) { return x > 0 ? fmin(x, 1) : 0; }
static double ref_logb(double x) { return logb(x); }
static double ref_tgamma(double x) { return (double)tgammal(x); }

static const entry entries[] = {
    {"lgamma", lgamma, 1e-30, 0.5, 4, 0},
    {"lgamma", lgamma, 0.5, 3.5, 12, 1e-3},
    {"lgamma", lgamma, 3.5, 100, 4, 0},
    {"lgamma", lgamma, 100, 1e35, 4, 0},
    {"lgamma", lgamma, -10, -0.01, 16, 1},
    {"lgamma", lgamma, -1000, -10, 8, 1},
    {"j0", j0, -8, 8, 4, 1},
    {"j0", j0, 8, 1e5, 4, 1},
    {"j1", j1, -8, 8, 4, 1},
    {"j1", j1, -1e5, -8, 4, 1},
    {"y0", y0, 0.01, 8, 4, 1},
    {"y0", y0, 8, 1e5, 4, 1},
    {"y1", y1, 0.5, 8, 6, 1},
    {"y1", y1, 8, 1e5, 4, 1},
    {"erf", erf, -5, 5, 4, 1e-30},
    {"erfc", erfc, -4, 9.1, 4, 0},
    {"expm1", expm1, -20, 88.7, 2, 1e-30},
    {"expm1", expm1, -1, 1, 2, 1e-30},
    {"log1p", log1p, -0.9999, 2, 2, 1e-30},
    {"log1p", log1p, 1e-30, 3e38, 2, 0},
    {"cbrt", cbrt, -1e6, 1e6, 2, 1e-30},
    {"cbrt", cbrt, 1e-37, 1e38, 2, 0},
    {"tanh", tanh, -12, 12, 4, 1e-30},
    {"sinh", sinh, -80, 80, 4, 1e-30},
    {"cosh", cosh, -80, 80, 4, 0},
    {"asinh", asinh, -1e4, 1e4, 4, 1e-30},
    {"acosh", acosh, 1.01, 1e4, 4, 1e-6},
    {"atanh", atanh, -0.999, 0.999, 4, 1e-30},
    {"asin", asin, -1, 1, 4, 1e-30},
    {"acos", acos, -1, 1, 4, 1e-3},
    {"atan", atan, -1e3, 1e3, 4, 1e-30},
    {"tan", tan, -1.5, 1.5, 4, 1e-30},
    {"exp", exp, -80, 80, 4, 0},
    {"exp10", exp_10, -35, 35, 4, 0},
    {"log", log, 1e-30, 1e30, 4, 1e-6},
    {"log10", log10, 1e-30, 1e30, 4, 1e-6},
    {"erfcx", ref_erfcx, -9.3, 10, 4, 0},
    {"erfcx", ref_erfcx, 1e-3, 1e37, 4, 0},
    {"erfinv", ref_erfinv, -1, 1, 4, 1e-30},
    {"erfinv", ref_erfinv, 1e-30, 1, 4, 0},
    {"erfcinv", ref_erfcinv, 0, 2, 4, 1e-7},
    {"erfcinv", ref_erfcinv, 1.2e-38, 0.9, 4, 0},
    {"normcdfinv", ref_normcdfinv, 0, 1, 5, 1e-7},
    {"normcdfinv", ref_normcdfinv, 1.2e-38, 0.4, 5, 0},
    {"normcdf", ref_normcdf, -12.9, 6, 5, 0},
    {"tgamma", ref_tgamma, 1e-37, 35, 8, 0},
    {"tgamma", ref_tgamma, 0.5, 35, 8, 0},
    {"tgamma", ref_tgamma, -33.9, -0.001, 8, 1e-37},
    {"cyl_bessel_i0", ref_i0, -90, 90, 6, 0},
    {"cyl_bessel_i0", ref_i0, -9, 9, 6, 0},
    {"cyl_bessel_i1", ref_i1, -90, 90, 6, 1e-30},
    {"cyl_bessel_i1", ref_i1, -9, 9, 6, 1e-30},
    {"rcbrt", ref_rcbrt, 1e-37, 1e38, 3, 0},
    {"saturatef", ref_saturate, -2, 2, 0, 0},
    {"logb", ref_logb, 1e-37, 1e38, 0, 0},
    {"fast_tanf", tan, -1.5, 1.5, 4, 1e-30},
    {"fast_exp10f", exp_10, -35, 35, 4, 0},
    {"fast_log10f", log10, 1e-30, 1e30, 4, 1e-6},
};

enum { POINTS = 16384, BLOCK = 256 };

/* Evenly spaced; by their logarithms where the ends are far apart. */
static float point(const entry *e, int i) {
  double t = i / (POINTS - 1.0);
  if (e->low > 0 && e->high / e->low > 1000)
    return (float)exp(log(e->low) + t * (log(e->high) - log(e->low)));
  return (float)(e->low + t * (e->high - e->low));
}

static double ulp_of(double x) {
  float f = (float)fabs(x);
  return (double)nextafterf(f, INFINITY) - (double)f;
}

/* At these NaN, infinities and the sign of zero are as in C. */
static const float specials[] = {
    0.0f, -0.0f, INFINITY, -INFINITY, NAN, 1.0f, -1.0f, 2.0f, -2.0f, 0.5f,
    -0.5f, 3.40282347e38f, -3.40282347e38f, 1.17549435e-38f, -1.17549435e-38f,
    36.0f, -36.0f, 100.0f, -100.0f, 1e10f, -1e10f, 1.5f, -1.5f, 1e-20f,
    -1e-20f};
enum { SPECIALS = sizeof specials / sizeof *specials };

static void check_special(const entry *e, float x, float got, double want) {
  bool flushed = fabs(want) < 1.17549435e-38 && want != 0;
  bool same = isnan(want)       ? isnan(got)
              : isinf((float)want) ? (double)got == (double)(float)want
              : flushed ? fabs((double)got) < 1.2e-38
              : want == 0 ? got == 0 && !signbit(got) == !signbit(want)
                          : isfinite(got) && !signbit(got) == !signbit(want);
  if (same || e->floor == 1) return; /* floor: errors there are absolute */
  complain("%s(%a) is %a; C's is %a", e->name, (double)x, (double)got, want);
}

static void check(const entry *e) {
  char source[512];
  snprintf(source, sizeof source,
           "import triton\nimport triton.language as tl\n"
           "from triton.language.extra import libdevice\n\n\n@triton.jit\n"
           "def k(x, y, B: tl.constexpr):\n"
           "    i = tl.program_id(0) * B + tl.arange(0, B)\n"
           "    tl.store(y + i, libdevice.%s(tl.load(x + i)))\n",
           e->name);
  device_test t = device_open(NULL, source);
  tm_buffer *x = device_array(&t, POINTS, 4), *y = device_array(&t, POINTS, 4);
  float *in = tm_buffer_contents(x);
  const float *out = tm_buffer_contents(y);
  for (int i = 0; i < POINTS; i++)
    in[i] = i < (int)SPECIALS ? specials[i] : point(e, i);
  tm_error *error = NULL;
  tm_kernel *kernel = NULL;
  tm_compile_options options = TM_COMPILE_OPTIONS_INIT;
  options.signature = "*fp32:16, *fp32:16, 256";
  if (tm_compile(&kernel, t.context, t.module, "k", &options, &error))
    fail_msg("%s: %s", e->name, tm_error_text(error));
  tm_arg args[2] = {tm_arg_buffer(x, 0), tm_arg_buffer(y, 0)};
  if (tm_launch(t.stream, kernel, tm_grid_1d(POINTS / BLOCK), args, 2,
                &error) ||
      tm_stream_synchronize(t.stream, TM_WAIT_FOREVER, &error))
    fail_msg("%s: %s", e->name, tm_error_text(error));
  double worst = 0;
  float at = 0;
  for (int i = 0; i < POINTS; i++) {
    double want = e->want((double)in[i]);
    if (i < (int)SPECIALS) {
      check_special(e, in[i], out[i], want);
      continue;
    }
    double unit = ulp_of(fmax(fabs(want), e->floor));
    double off = (double)out[i] == want ? 0
                                        : fabs((double)out[i] - want) / unit;
    if (!(off <= worst)) worst = off, at = in[i];
  }
  if (getenv("TM_TEST_SHOW"))
    printf("%-8s %g to %g: %.2f ulp\n", e->name, e->low, e->high, worst);
  if (!(worst <= e->bound))
    complain("%s(%a) is %.2f ulp off; the bound is %g", e->name,
             (double)at, worst, e->bound);
  tm_buffer_destroy(x);
  tm_buffer_destroy(y);
  tm_kernel_destroy(kernel);
  device_close(&t);
}

static void functions_of_one_float_keep_their_bounds(void **state) {
  (void)state;
  findings = 0;
  for (size_t i = 0; i < sizeof entries / sizeof *entries; i++)
    check(&entries[i]);
  assert_int_equal(findings, 0);
}

/* ---- exact functions ---------------------------------------------------- */

/* Words, wide enough for every type: floats as bits. */
typedef uint64_t exact_function(const uint64_t *x);
typedef struct exact_entry {
  const char *name;
  const char *types; /* of the arguments, then of the result: f i u l v */
  exact_function *want;
  int rounding;      /* of fesetround */
} exact_entry;

static float float_of(uint64_t bits) {
  uint32_t word = (uint32_t)bits;
  float x;
  memcpy(&x, &word, sizeof x);
  return x;
}
static uint64_t bits_of(float x) {
  uint32_t word;
  memcpy(&word, &x, sizeof word);
  return word;
}

/* volatile keeps the compiler from computing in its own rounding mode. */
#define OF_FLOATS(name, expression) \
  static uint64_t name(const uint64_t *w) { \
    volatile float x = float_of(w[0]), y = float_of(w[1]), z = float_of(w[2]); \
    volatile float r = expression; \
    (void)y, (void)z; \
    return bits_of(r); \
  }
OF_FLOATS(ref_add, x + y)
OF_FLOATS(ref_sub, x - y)
OF_FLOATS(ref_mul, x * y)
OF_FLOATS(ref_div, x / y)
OF_FLOATS(ref_rcp, 1.0f / x)
OF_FLOATS(ref_sqrt, sqrtf(x))
OF_FLOATS(ref_fma, fmaf(x, y, z))
OF_FLOATS(ref_remainder, remainderf(x, y))
/* The root in 64 bits of precision leaves no tie to round wrongly. */
OF_FLOATS(ref_rsqrt, (float)(1 / sqrtl((long double)x)))
static uint64_t ref_ldexp(const uint64_t *w) {
  return bits_of(ldexpf(float_of(w[0]), (int32_t)w[1]));
}
static uint64_t ref_ilogb(const uint64_t *w) {
  float x = float_of(w[0]);
  if (isnan(x) || x == 0) return (uint32_t)INT_MIN;
  return (uint32_t)(isinf(x) ? INT_MAX : ilogbf(x));
}

/* PTX's cvt: the nearest number of the type, NaN 0 or of 64 bits 2^63. */
static uint64_t converted(float given, double low, double high,
                          bool is_wide) {
  double x = (double)given;
  int mode = fegetround();
  double y = mode == FE_UPWARD     ? ceil(x)
             : mode == FE_DOWNWARD ? floor(x)
             : mode == FE_TONEAREST ? nearbyint(x) : trunc(x);
  if (isnan(y)) return is_wide ? UINT64_C(1) << 63 : 0;
  if (y <= low) return (uint64_t)(int64_t)low;
  if (y >= high)
    return high > 1e19 ? UINT64_MAX
           : high > 1e18 ? (uint64_t)INT64_MAX : (uint64_t)high - 1;
  return y < 0 ? (uint64_t)(int64_t)y : (uint64_t)y;
}
static uint64_t to_i32(const uint64_t *w) {
  return (uint32_t)converted(float_of(w[0]), -0x1p31, 0x1p31, false);
}
static uint64_t to_u32(const uint64_t *w) {
  return (uint32_t)converted(float_of(w[0]), 0, 0x1p32, false);
}
static uint64_t to_i64(const uint64_t *w) {
  return converted(float_of(w[0]), -0x1p63, 0x1p63, true);
}
static uint64_t to_u64(const uint64_t *w) {
  return converted(float_of(w[0]), 0, 0x1p64, true);
}
static uint64_t from_i32(const uint64_t *w) {
  volatile int32_t x = (int32_t)w[0];
  volatile float y = (float)x;
  return bits_of(y);
}
static uint64_t from_u32(const uint64_t *w) {
  volatile double x = (double)(uint32_t)w[0];
  volatile float y = (float)x;
  return bits_of(y);
}
static uint64_t from_i64(const uint64_t *w) {
  volatile long double x = (long double)(int64_t)w[0];
  volatile float y = (float)x;
  return bits_of(y);
}
static uint64_t from_u64(const uint64_t *w) {
  volatile long double x = (long double)w[0];
  volatile float y = (float)x;
  return bits_of(y);
}

#define S(n) ((int64_t)(int32_t)w[n])
#define U(n) ((uint64_t)(uint32_t)w[n])
#define OF_WORDS(name, expression) \
  static uint64_t name(const uint64_t *w) { return (uint64_t)(expression); }
OF_WORDS(ref_hadd, (uint32_t)((S(0) + S(1)) >> 1))
OF_WORDS(ref_uhadd, (U(0) + U(1)) >> 1)
OF_WORDS(ref_rhadd, (uint32_t)((S(0) + S(1) + 1) >> 1))
OF_WORDS(ref_urhadd, (U(0) + U(1) + 1) >> 1)
OF_WORDS(ref_sad, (uint32_t)(llabs(S(0) - S(1)) + (int64_t)U(2)))
OF_WORDS(ref_usad, (uint32_t)((U(0) > U(1) ? U(0) - U(1) : U(1) - U(0)) + U(2)))
#define S24(n) ((int64_t)((U(n) & 0xffffff) ^ 0x800000) - 0x800000)
OF_WORDS(ref_mul24, (uint32_t)(S24(0) * S24(1)))
OF_WORDS(ref_umul24, (uint32_t)((U(0) & 0xffffff) * (U(1) & 0xffffff)))
OF_WORDS(ref_mulhi, (uint32_t)(S(0) * S(1) >> 32))
OF_WORDS(ref_umulhi, U(0) * U(1) >> 32)
__extension__ typedef __int128 wide;
__extension__ typedef unsigned __int128 unsigned_wide;
OF_WORDS(ref_mul64hi, (wide)(int64_t)w[0] * (wide)(int64_t)w[1] >> 64)
OF_WORDS(ref_umul64hi, (unsigned_wide)w[0] * w[1] >> 64)
static uint64_t ref_byte_perm(const uint64_t *w) {
  uint64_t both = U(1) << 32 | U(0), out = 0;
  for (int i = 0; i < 4; i++)
    out |= (both >> 8 * (w[2] >> 4 * i & 7) & 255) << 8 * i;
  return out;
}

#define DIRECTIONS(name, types, f) \
  {name "z", types, f, FE_TOWARDZERO}, {name "d", types, f, FE_DOWNWARD}, \
  {name "u", types, f, FE_UPWARD}
#define ROUNDINGS(name, types, f) \
  {name "n", types, f, FE_TONEAREST}, DIRECTIONS(name, types, f)

static const exact_entry exact_entries[] = {
    DIRECTIONS("add_r", "fff", ref_add),
    DIRECTIONS("sub_r", "fff", ref_sub),
    DIRECTIONS("mul_r", "fff", ref_mul),
    DIRECTIONS("div_r", "fff", ref_div),
    DIRECTIONS("fma_r", "ffff", ref_fma),
    DIRECTIONS("rcp_r", "ff", ref_rcp),
    DIRECTIONS("sqrt_r", "ff", ref_sqrt),
    {"rsqrt_rn", "ff", ref_rsqrt, FE_TONEAREST},
    ROUNDINGS("float2int_r", "fi", to_i32),
    ROUNDINGS("float2uint_r", "fi", to_u32),
    ROUNDINGS("float2ll_r", "fl", to_i64),
    ROUNDINGS("float2ull_r", "fl", to_u64),
    ROUNDINGS("int2float_r", "if", from_i32),
    ROUNDINGS("uint2float_r", "uf", from_u32),
    ROUNDINGS("ll2float_r", "lf", from_i64),
    ROUNDINGS("ull2float_r", "vf", from_u64),
    {"ldexp", "fif", ref_ldexp, FE_TONEAREST},
    {"scalbn", "fif", ref_ldexp, FE_TONEAREST},
    {"ilogb", "fi", ref_ilogb, FE_TONEAREST},
    {"remainder", "fff", ref_remainder, FE_TONEAREST},
    {"hadd", "iii", ref_hadd, FE_TONEAREST},
    {"hadd", "uuu", ref_uhadd, FE_TONEAREST},
    {"rhadd", "iii", ref_rhadd, FE_TONEAREST},
    {"rhadd", "uuu", ref_urhadd, FE_TONEAREST},
    {"sad", "iiui", ref_sad, FE_TONEAREST},
    {"sad", "uuuu", ref_usad, FE_TONEAREST},
    {"mul24", "iii", ref_mul24, FE_TONEAREST},
    {"mul24", "uuu", ref_umul24, FE_TONEAREST},
    {"mulhi", "iii", ref_mulhi, FE_TONEAREST},
    {"mulhi", "uuu", ref_umulhi, FE_TONEAREST},
    {"mulhi", "lll", ref_mul64hi, FE_TONEAREST},
    {"mulhi", "vvv", ref_umul64hi, FE_TONEAREST},
    {"byte_perm", "iiii", ref_byte_perm, FE_TONEAREST},
};

static const char *type_name(char letter) {
  switch (letter) {
  case 'f': return "fp32";
  case 'i': return "i32";
  case 'u': return "u32";
  case 'l': return "i64";
  default: return "u64";
  }
}

static uint64_t next_random(uint64_t *state) {
  *state = *state * UINT64_C(6364136223846793005) + 1442695040888963407u;
  return *state >> 33 ^ *state >> 3 << 31;
}

static const uint32_t special_bits[] = {
    0, 0x80000000u, 0x3f800000u, 0xbf800000u, 0x7f800000u, 0xff800000u,
    0x7fc00000u, 0x7f7fffffu, 0xff7fffffu, 0x00800000u, 0x80800000u, 1u,
    0x80000001u, 0x007fffffu, 0x4b000001u, 0x34000000u};

/* Every exponent; neighbours in exponent of the argument before, few bits,
 * special values, and numbers near those of 32 and 64 bits. */
static uint64_t argument(char type, int i, const uint64_t *before,
                         uint64_t *state) {
  uint64_t r = next_random(state), s = next_random(state);
  if (type == 'l' || type == 'v') return r ^ (s << 32) >> (i % 4 * 16);
  if (type != 'f') return (uint32_t)r >> (i % 4 * 8);
  if (i % 16 == 0) return special_bits[s % 16];
  if (i % 16 == 1) return special_bits[s % 16] + r % 3;
  uint32_t sign = (uint32_t)r & 0x80000000u;
  if (i % 4 == 2 && before) {
    uint32_t field = (uint32_t)(*before >> 23 & 255) + (uint32_t)(s % 60) - 30;
    return sign | (field & 255) << 23 | (r & 0x7fffff);
  }
  if (i % 4 == 3) r &= ~(uint64_t)0x7fffff | 0x700000 | (s & 3);
  if (i % 8 == 5) return sign | (uint32_t)(127 + s % 66) << 23 | (r & 0x7fffff);
  return (uint32_t)r;
}

/* Metal's own operations see subnormal arguments as 0 and give 0 for
 * subnormal results; these functions do where they are made of those. */
static bool sees_no_subnormals(const char *name) {
  return strncmp(name, "float2", 6) == 0 || strcmp(name, "remainder") == 0;
}

static void load_argument(tm_buffer *b, char type, int i, uint64_t value) {
  if (type == 'l' || type == 'v')
    ((uint64_t *)tm_buffer_contents(b))[i] = value;
  else
    ((uint32_t *)tm_buffer_contents(b))[i] = (uint32_t)value;
}

static bool same_bits(char type, uint64_t got, uint64_t want) {
  if (type == 'f' && isnan(float_of(want))) return isnan(float_of(got));
  return got == want;
}

/* The kernel of a function, and its signature: a pointer for each argument and
 * for the result. */
static void write_kernel(const exact_entry *e, int n, char source[768],
                         char signature[128]) {
  char loads[256] = "", list[64] = "";
  size_t used = 0;
  for (int k = 0; k <= n; k++)
    used += (size_t)snprintf(signature + used, 128 - used, "*%s:16, ",
                             type_name(e->types[k]));
  snprintf(signature + used, 128 - used, "%d", BLOCK);
  for (int k = 0; k < n; k++) {
    size_t a = strlen(loads), b = strlen(list);
    snprintf(loads + a, sizeof loads - a, "%stl.load(x%d + i)", k ? ", " : "",
             k);
    snprintf(list + b, sizeof list - b, "x%d, ", k);
  }
  snprintf(source, 768,
           "import triton\nimport triton.language as tl\n"
           "from triton.language.extra import libdevice\n\n\n@triton.jit\n"
           "def k(%sy, B: tl.constexpr):\n"
           "    i = tl.program_id(0) * B + tl.arange(0, B)\n"
           "    tl.store(y + i, libdevice.%s(%s))\n",
           list, e->name, loads);
}

static void make_arguments(const exact_entry *e, int n, uint64_t (*words)[3],
                           tm_buffer **buffers) {
  uint64_t state = 42;
  for (int i = 0; i < POINTS; i++)
    for (int k = 0; k < n; k++) {
      bool follows = k && e->types[k - 1] == 'f';
      uint64_t *w = &words[i][k];
      *w = argument(e->types[k], i + k * (i / 7), follows ? w - 1 : NULL,
                    &state);
      if (e->types[k] == 'f' && sees_no_subnormals(e->name) &&
          (*w & 0x7f800000) == 0)
        *w &= 0x80000000;
      if (strcmp(e->types, "fif") == 0 && k == 1) /* ldexp's exponent */
        *w = (uint32_t)((int32_t)(*w % 601) - 300);
      load_argument(buffers[k], e->types[k], i, *w);
    }
}

static void compare_results(const exact_entry *e, int n,
                            const uint64_t (*words)[3], const void *out) {
  char type = e->types[n];
  for (int i = 0; i < POINTS; i++) {
    uint64_t got = type == 'l' || type == 'v' ? ((const uint64_t *)out)[i]
                                              : ((const uint32_t *)out)[i];
    fesetround(e->rounding);
    uint64_t want = e->want(words[i]);
    fesetround(FE_TONEAREST);
    if (sees_no_subnormals(e->name) && type == 'f' &&
        (want & 0x7f800000) == 0)
      want = got & 0x80000000, got &= ~(uint64_t)0x7fffff;
    if (same_bits(type, got, want)) continue;
    complain("%s(%#llx, %#llx, %#llx) is %#llx, not %#llx", e->name,
             (unsigned long long)words[i][0], (unsigned long long)words[i][1],
             (unsigned long long)words[i][2], (unsigned long long)got,
             (unsigned long long)want);
    return;
  }
}

static void check_exact(const exact_entry *e) {
  int n = (int)strlen(e->types) - 1;
  char source[768], signature[128];
  write_kernel(e, n, source, signature);
  device_test t = device_open(NULL, source);
  tm_buffer *buffers[5];
  for (int k = 0; k <= n; k++) buffers[k] = device_array(&t, POINTS, 8);
  uint64_t(*words)[3] = calloc(POINTS, sizeof *words);
  make_arguments(e, n, words, buffers);
  tm_error *error = NULL;
  tm_kernel *kernel = NULL;
  tm_compile_options options = TM_COMPILE_OPTIONS_INIT;
  options.signature = signature;
  if (tm_compile(&kernel, t.context, t.module, "k", &options, &error))
    fail_msg("%s: %s", e->name, tm_error_text(error));
  tm_arg args[5];
  for (int k = 0; k <= n; k++) args[k] = tm_arg_buffer(buffers[k], 0);
  if (tm_launch(t.stream, kernel, tm_grid_1d(POINTS / BLOCK), args,
                (uint32_t)n + 1, &error) ||
      tm_stream_synchronize(t.stream, TM_WAIT_FOREVER, &error))
    fail_msg("%s: %s", e->name, tm_error_text(error));
  compare_results(e, n, (const uint64_t(*)[3])words,
                  tm_buffer_contents(buffers[n]));
  free(words);
  for (int k = 0; k <= n; k++) tm_buffer_destroy(buffers[k]);
  tm_kernel_destroy(kernel);
  device_close(&t);
}

static void exact_functions_are_exact(void **state) {
  (void)state;
  findings = 0;
  for (size_t i = 0; i < sizeof exact_entries / sizeof *exact_entries; i++)
    check_exact(&exact_entries[i]);
  assert_int_equal(findings, 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(functions_of_one_float_keep_their_bounds),
      cmocka_unit_test(exact_functions_are_exact),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
