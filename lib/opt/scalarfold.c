/* SPDX-License-Identifier: MIT */
/*
 * scalarfold.c - arithmetic of TTIR on constants.
 *
 * Integers wrap in their width. Floats are computed in double and rounded
 * once more to the type: for f32 and narrower this equals rounding the exact
 * result, because a double has more than twice the digits plus two (S.
 * Figueroa, "When is double rounding innocuous?", 1995). Results that are
 * NaN are left to run time: their bits are the hardware's.
 */
#include "optint.h"

#include <math.h>

static uint64_t low_bits(tm_scalar s, int64_t x) {
  uint32_t bits = tm_scalar_bits(s);
  return bits >= 64 ? (uint64_t)x : (uint64_t)x & (((uint64_t)1 << bits) - 1);
}

static bool fold_divide(tm_op op, tm_scalar s, int64_t x, int64_t y,
                        int64_t *out) {
  uint64_t ux = low_bits(s, x), uy = low_bits(s, y);
  if (y == 0) return false;
  bool is_signed = op == TM_DIVSI || op == TM_REMSI;
  if (is_signed && y == -1 && tm_int_wrap(s, (int64_t)(0 - (uint64_t)x)) == x &&
      x != 0)
    return false; /* the quotient does not fit */
  if (op == TM_DIVSI) *out = x / y;
  if (op == TM_REMSI) *out = x % y;
  if (op == TM_DIVUI) *out = (int64_t)(ux / uy);
  if (op == TM_REMUI) *out = (int64_t)(ux % uy);
  return true;
}

static bool fold_shift(tm_op op, tm_scalar s, int64_t x, int64_t y,
                       int64_t *out) {
  uint64_t by = low_bits(s, y);
  if (by >= tm_scalar_bits(s)) return false;
  if (op == TM_SHLI) *out = (int64_t)((uint64_t)x << by);
  if (op == TM_SHRUI) *out = (int64_t)(low_bits(s, x) >> by);
  if (op == TM_SHRSI) {
    int64_t floor_div = (int64_t)((uint64_t)x >> by);
    if (x < 0 && by) floor_div |= (int64_t)(UINT64_MAX << (64 - by));
    *out = floor_div;
  }
  return true;
}

static uint64_t high_product(uint64_t x, uint64_t y) {
  uint64_t xl = x & 0xffffffffu, xh = x >> 32;
  uint64_t yl = y & 0xffffffffu, yh = y >> 32;
  uint64_t mid = xh * yl + (xl * yl >> 32);
  uint64_t mid2 = xl * yh + (mid & 0xffffffffu);
  return xh * yh + (mid >> 32) + (mid2 >> 32);
}

static bool compare_ints(tm_scalar s, int64_t predicate, int64_t x,
                         int64_t y) {
  uint64_t ux = low_bits(s, x), uy = low_bits(s, y);
  switch ((tm_cmpi)predicate) {
  case TM_CMPI_EQ: return x == y;
  case TM_CMPI_NE: return x != y;
  case TM_CMPI_SLT: return x < y;
  case TM_CMPI_SLE: return x <= y;
  case TM_CMPI_SGT: return x > y;
  case TM_CMPI_SGE: return x >= y;
  case TM_CMPI_ULT: return ux < uy;
  case TM_CMPI_ULE: return ux <= uy;
  case TM_CMPI_UGT: return ux > uy;
  case TM_CMPI_UGE: return ux >= uy;
  }
  return false;
}

static bool fold_int2(tm_op op, tm_scalar s, int64_t predicate, int64_t x,
                      int64_t y, int64_t *out) {
  uint64_t a = (uint64_t)x, b = (uint64_t)y;
  uint64_t ua = low_bits(s, x), ub = low_bits(s, y);
  switch (op) {
  case TM_ADDI: *out = (int64_t)(a + b); break;
  case TM_SUBI: *out = (int64_t)(a - b); break;
  case TM_MULI: *out = (int64_t)(a * b); break;
  case TM_ANDI: *out = x & y; break;
  case TM_ORI: *out = x | y; break;
  case TM_XORI: *out = x ^ y; break;
  case TM_MAXSI: *out = x > y ? x : y; break;
  case TM_MINSI: *out = x < y ? x : y; break;
  case TM_MAXUI: *out = ua > ub ? x : y; break;
  case TM_MINUI: *out = ua < ub ? x : y; break;
  case TM_DIVSI: case TM_DIVUI: case TM_REMSI: case TM_REMUI:
    if (!fold_divide(op, s, x, y, out)) return false;
    break;
  case TM_SHLI: case TM_SHRSI: case TM_SHRUI:
    if (!fold_shift(op, s, x, y, out)) return false;
    break;
  case TM_MULHIUI: {
    uint32_t bits = tm_scalar_bits(s);
    if (bits > 32 && bits != 64) return false;
    *out = (int64_t)(bits == 64 ? high_product(ua, ub) : ua * ub >> bits);
    break;
  }
  case TM_CMPI:
    *out = compare_ints(s, predicate, x, y) ? -1 : 0;
    return true;
  default:
    return false;
  }
  *out = tm_int_wrap(s, *out);
  return true;
}

static bool compare_floats(int64_t predicate, double x, double y) {
  /* MLIR numbers ordered comparisons 1 to 7 by the bits equal, greater,
   * less, and unordered ones 8 to 14 by the same bits plus 7. */
  bool unordered = isnan(x) || isnan(y);
  switch ((tm_cmpf)predicate) {
  case TM_CMPF_FALSE: return false;
  case TM_CMPF_OEQ: return !unordered && x == y;
  case TM_CMPF_OGT: return !unordered && x > y;
  case TM_CMPF_OGE: return !unordered && x >= y;
  case TM_CMPF_OLT: return !unordered && x < y;
  case TM_CMPF_OLE: return !unordered && x <= y;
  case TM_CMPF_ONE: return !unordered && x != y;
  case TM_CMPF_ORD: return !unordered;
  case TM_CMPF_UEQ: return unordered || x == y;
  case TM_CMPF_UGT: return unordered || x > y;
  case TM_CMPF_UGE: return unordered || x >= y;
  case TM_CMPF_ULT: return unordered || x < y;
  case TM_CMPF_ULE: return unordered || x <= y;
  case TM_CMPF_UNE: return unordered || x != y;
  case TM_CMPF_UNO: return unordered;
  case TM_CMPF_TRUE: return true;
  }
  return false;
}

static bool fold_float(tm_op op, tm_scalar s, const tm_number *x,
                       double *out) {
  double a = x[0].f, b = x[1].f;
  bool min_max = op == TM_MAXIMUMF || op == TM_MAXNUMF ||
                 op == TM_MINIMUMF || op == TM_MINNUMF;
  /* The order of -0 and 0 is for the hardware. */
  if (min_max && a == 0 && b == 0) return false;
  switch (op) {
  case TM_ADDF: *out = a + b; break;
  case TM_SUBF: *out = a - b; break;
  case TM_MULF: *out = a * b; break;
  case TM_DIVF: case TM_PRECISE_DIVF: *out = a / b; break;
  case TM_NEGF: *out = -a; break;
  case TM_ABSF: *out = fabs(a); break;
  case TM_MAXIMUMF: case TM_MAXNUMF: *out = a > b ? a : b; break;
  case TM_MINIMUMF: case TM_MINNUMF: *out = a < b ? a : b; break;
  case TM_CEIL: *out = ceil(a); break;
  case TM_FLOOR: *out = floor(a); break;
  default: return false;
  }
  if (isnan(a) || isnan(b) || isnan(*out)) return false;
  *out = tm_float_round(s, *out);
  return true;
}

static bool fold_cast(tm_op op, tm_scalar s, tm_scalar to, tm_number x,
                      tm_number *out) {
  switch (op) {
  case TM_EXTSI:
    out->i = tm_int_wrap(to, x.i);
    return true;
  case TM_EXTUI:
    out->i = tm_int_wrap(to, (int64_t)low_bits(s, x.i));
    return true;
  case TM_TRUNCI:
    out->i = tm_int_wrap(to, x.i);
    return true;
  case TM_INDEX_CAST:
    out->i = tm_int_wrap(to, x.i);
    return out->i == x.i;
  case TM_SITOFP: case TM_UITOFP: {
    uint64_t u = low_bits(s, x.i);
    /* Beyond 2^53 a double would round first. */
    if (op == TM_SITOFP ? x.i > (1ll << 53) || x.i < -(1ll << 53)
                        : u > 1ull << 53)
      return false;
    out->f = tm_float_round(to, op == TM_SITOFP ? (double)x.i : (double)u);
    return true;
  }
  case TM_FPTOSI: case TM_FPTOUI: {
    double t = trunc(x.f);
    uint32_t bits = tm_scalar_bits(to);
    double limit = ldexp(1.0, (int)bits - (op == TM_FPTOSI ? 1 : 0));
    if (!(t < limit) || (op == TM_FPTOSI ? t < -limit : t < 0)) return false;
    out->i = op == TM_FPTOSI ? (int64_t)t
                             : tm_int_wrap(to, (int64_t)(uint64_t)t);
    return true;
  }
  case TM_EXTF: case TM_TRUNCF:
    /* Eight-bit floats overflow in their own ways; leave those alone. */
    if (isnan(x.f) || tm_scalar_bits(to) < 16) return false;
    out->f = tm_float_round(to, x.f);
    return true;
  case TM_ARITH_BITCAST: case TM_BITCAST:
    if (tm_scalar_is_float(s) && isnan(x.f)) return false;
    {
      uint64_t bits = tm_scalar_is_float(s) ? tm_float_bits(s, x.f)
                                            : low_bits(s, x.i);
      if (!tm_scalar_is_float(to)) {
        out->i = tm_int_wrap(to, (int64_t)bits);
        return true;
      }
      out->f = tm_float_from_bits(to, bits);
      return !isnan(out->f);
    }
  default:
    return false;
  }
}

bool tm_fold_number(tm_op op, tm_scalar s, tm_scalar to, int64_t predicate,
                    const tm_number *x, uint32_t n, tm_number *out) {
  bool is_float = tm_scalar_is_float(s);
  tm_number two[2] = {{0}};
  for (uint32_t k = 0; k < n && k < 2; k++) two[k] = x[k];
  *out = (tm_number){0};
  if (tm_op_infos[op].rule == TM_RULE_GIVEN)
    return n == 1 && fold_cast(op, s, to, x[0], out);
  if (op == TM_CMPF) {
    out->i = compare_floats(predicate, two[0].f, two[1].f) ? -1 : 0;
    return true;
  }
  if (op == TM_ABSI) {
    out->i = tm_int_wrap(s, x[0].i < 0 ? (int64_t)(0 - (uint64_t)x[0].i)
                                       : x[0].i);
    return true;
  }
  if (is_float) return n <= 2 && fold_float(op, s, two, &out->f);
  return n == 2 && fold_int2(op, s, predicate, two[0].i, two[1].i, &out->i);
}
