/* SPDX-License-Identifier: MIT */
/*
 * number.c - integers and floats of a given width, exactly.
 *
 * Every floating type here is described by its bits: an exponent field, a
 * fraction field, a bias, and what its largest patterns mean. Conversion
 * scales the value so that one unit in the last place is 1 and lets the
 * host's round-half-to-even (rint) decide; doubles hold every other type
 * exactly, so one rounding is all there is.
 */
#include "irint.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

int64_t tm_int_wrap(tm_scalar scalar, int64_t value) {
  uint32_t bits = tm_scalar_bits(scalar);
  if (bits == 0 || bits >= 64) return value;
  uint64_t sign = (uint64_t)1 << (bits - 1);
  uint64_t low = (uint64_t)value & ((sign << 1) - 1);
  return (int64_t)((low ^ sign) - sign);
}

typedef enum special {
  IEEE,    /* top exponent is infinity and NaN */
  FN,      /* no infinity; all ones is NaN (OCP FP8 E4M3) */
  FNUZ     /* no infinity, no -0; the pattern of -0 is NaN */
} special;

typedef struct float_format {
  int exponent_bits, fraction_bits, bias;
  special special;
} float_format;

static const float_format formats[TM_SCALARS] = {
  [TM_FP8E4NV] = {4, 3, 7, FN},
  [TM_FP8E5] = {5, 2, 15, IEEE},
  [TM_FP8E4B8] = {4, 3, 8, FNUZ},
  [TM_FP8E5B16] = {5, 2, 16, FNUZ},
  [TM_FP8E4B15] = {4, 3, 15, FN}, /* Triton: bias 15, 0x7f is NaN */
  [TM_F16] = {5, 10, 15, IEEE},
  [TM_BF16] = {8, 7, 127, IEEE},
  [TM_F32] = {8, 23, 127, IEEE},
  [TM_F64] = {11, 52, 1023, IEEE},
};

static double largest(const float_format *f) {
  int top = (1 << f->exponent_bits) - 1;
  double fraction = ldexp(1.0, f->fraction_bits + 1) - 1;
  if (f->special == IEEE) top--;
  if (f->special == FN) fraction -= 1;
  return ldexp(fraction, top - f->bias - f->fraction_bits);
}

double tm_float_round(tm_scalar scalar, double value) {
  const float_format *f = &formats[scalar];
  if (scalar == TM_F64 || isnan(value)) return value;
  if (isinf(value) || value == 0) {
    if (f->special == FNUZ && value == 0) return 0.0;
    return f->special == IEEE || value == 0 ? value
                                            : copysign(largest(f), value);
  }
  int exponent;
  frexp(value, &exponent); /* value = m * 2^exponent, 0.5 <= m < 1 */
  int lowest = 1 - f->bias - f->fraction_bits; /* of the subnormals */
  int unit = exponent - 1 - f->fraction_bits;
  if (unit < lowest) unit = lowest;
  double rounded = ldexp(rint(ldexp(value, -unit)), unit);
  if (fabs(rounded) > largest(f))
    rounded = copysign(f->special == IEEE ? INFINITY : largest(f), value);
  if (f->special == FNUZ && rounded == 0) rounded = 0.0;
  return rounded;
}

uint64_t tm_float_bits(tm_scalar scalar, double value) {
  const float_format *f = &formats[scalar];
  if (scalar == TM_F64) {
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
  }
  int width = f->exponent_bits + f->fraction_bits;
  uint64_t sign = signbit(value) ? (uint64_t)1 << width : 0;
  uint64_t top = ((uint64_t)1 << f->exponent_bits) - 1;
  uint64_t quiet = (uint64_t)1 << (f->fraction_bits - 1);
  if (isnan(value)) {
    if (f->special == FNUZ) return (uint64_t)1 << width;
    if (f->special == FN) return sign | (((uint64_t)1 << width) - 1);
    return sign | top << f->fraction_bits | quiet;
  }
  if (isinf(value)) return sign | top << f->fraction_bits;
  if (value == 0) return sign;
  int exponent;
  double m = frexp(fabs(value), &exponent);
  int biased = exponent - 1 + f->bias;
  if (biased <= 0)
    return sign | (uint64_t)ldexp(m, exponent + f->bias - 1 +
                                         f->fraction_bits);
  uint64_t fraction = (uint64_t)ldexp(m, f->fraction_bits + 1);
  fraction &= ((uint64_t)1 << f->fraction_bits) - 1;
  return sign | (uint64_t)biased << f->fraction_bits | fraction;
}

double tm_float_from_bits(tm_scalar scalar, uint64_t bits) {
  const float_format *f = &formats[scalar];
  if (scalar == TM_F64) {
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
  }
  int width = f->exponent_bits + f->fraction_bits;
  uint64_t top = ((uint64_t)1 << f->exponent_bits) - 1;
  uint64_t fraction = bits & (((uint64_t)1 << f->fraction_bits) - 1);
  uint64_t biased = bits >> f->fraction_bits & top;
  bool negative = bits >> width & 1;
  double value;
  if (f->special == FNUZ && bits == (uint64_t)1 << width) return NAN;
  if (biased == top && f->special == IEEE)
    value = fraction ? NAN : INFINITY;
  else if (biased == top && f->special == FN &&
           fraction == ((uint64_t)1 << f->fraction_bits) - 1)
    value = NAN;
  else if (biased == 0)
    value = ldexp((double)fraction, 1 - f->bias - f->fraction_bits);
  else
    value = ldexp((double)(fraction | (uint64_t)1 << f->fraction_bits),
                  (int)biased - f->bias - f->fraction_bits);
  return negative ? -value : value;
}

/* The decimal point of the host's locale, which snprintf writes and strtod
 * reads. */
static char locale_point(void) {
  char text[8];
  snprintf(text, sizeof text, "%.1f", 1.5);
  return text[1];
}

double tm_double_parse(const char *text, size_t n) {
  char copy[128], *end;
  if (n == 0 || n >= sizeof copy) return NAN;
  for (size_t i = 0; i < n; i++)
    copy[i] = text[i] == '.' ? locale_point() : text[i];
  copy[n] = 0;
  double value = strtod(copy, &end);
  return *end ? NAN : value;
}

void tm_float_print(tm_buf *out, tm_scalar scalar, double value) {
  if (isnan(value) || isinf(value)) {
    int digits = (int)tm_scalar_bits(scalar) / 4;
    tm_buf_printf(out, "0x%0*llX", digits,
                  (unsigned long long)tm_float_bits(scalar, value));
    return;
  }
  /* 6 digits are MLIR's habit; 16 after the first always read back. */
  char text[48];
  for (int digits = 6; digits <= 16; digits++) {
    snprintf(text, sizeof text, "%.*e", digits, value);
    char *point = strchr(text, locale_point());
    if (point) *point = '.';
    double back = tm_double_parse(text, strlen(text));
    if (tm_float_round(scalar, back) == value) break;
  }
  tm_buf_puts(out, text);
}
