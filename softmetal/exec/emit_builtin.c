/* SPDX-License-Identifier: MIT */
/*
 * emit_builtin.c - library functions that are neither plain math nor group
 * operations: integers, relations, geometry, reinterpretation, atomics.
 */
#include "emit.h"

static sm_value one(sm_emit *e, const sm_type *type, sm_leaf leaf) {
  sm_value v = sm_value_new(e, type);
  if (v.n) v.leaf[0] = leaf;
  return v;
}

static sm_leaf bin(sm_emit *e, sm_op op, sm_scalar s, sm_leaf a, sm_leaf b) {
  return sm_leaf_binary(e, op, s, a, b);
}

/* f(a, b) on scalars if both are uniform, else on vectors. */
static sm_leaf call2(sm_emit *e, const char *name, sm_leaf a, sm_leaf b) {
  if (sm_all_uniform(&a, &b))
    return sm_leaf_uni(sm_intrinsic2(e, name, a.v, b.v));
  return sm_leaf_var(sm_intrinsic2(e, name, sm_vec(e, &a), sm_vec(e, &b)));
}

static sm_leaf call1(sm_emit *e, const char *name, sm_leaf a) {
  if (a.form == SM_UNI) return sm_leaf_uni(sm_intrinsic1(e, name, a.v));
  return sm_leaf_var(sm_intrinsic1(e, name, sm_vec(e, &a)));
}

static sm_leaf count_zeros(sm_emit *e, const char *name, sm_leaf a) {
  bool uniform = a.form == SM_UNI;
  sm_val args[2] = {uniform ? a.v : sm_vec(e, &a), sm_int(e, e->i1, 0)};
  sm_ty type = LL.TypeOf(args[0]);
  sm_val r = sm_intrinsic(e, name, &type, 1, args, 2);
  return uniform ? sm_leaf_uni(r) : sm_leaf_var(r);
}

/* ---- integers --------------------------------------------------------- */

static sm_scalar wider(sm_scalar s) {
  bool sign = sm_is_signed(s);
  switch (sm_scalar_bits(s)) {
  case 8: return sign ? SM_SHORT : SM_USHORT;
  case 16: return sign ? SM_INT : SM_UINT;
  default: return sign ? SM_LONG : SM_ULONG;
  }
}

static sm_scalar unsigned_of(sm_scalar s) {
  switch (sm_scalar_bits(s)) {
  case 8: return SM_UCHAR;
  case 16: return SM_USHORT;
  case 32: return SM_UINT;
  default: return SM_ULONG;
  }
}

static sm_leaf min_max(sm_emit *e, bool max, sm_scalar s, sm_leaf a,
                       sm_leaf b) {
  bool sign = sm_is_signed(s);
  const char *name = max ? (sign ? "llvm.smax" : "llvm.umax")
                         : (sign ? "llvm.smin" : "llvm.umin");
  sm_leaf r = call2(e, name, a, b);
  if (!max && a.hi != SM_HI_UNKNOWN && b.hi != SM_HI_UNKNOWN)
    r.hi = a.hi < b.hi ? a.hi : b.hi;
  return r;
}

/* The upper half of the product. 64 bits: from four 32-bit products. */
static sm_leaf high_product(sm_emit *e, sm_scalar s, sm_leaf a, sm_leaf b) {
  unsigned bits = sm_scalar_bits(s);
  if (bits < 64) {
    sm_scalar w = wider(s);
    sm_leaf p = bin(e, SM_MUL, w, sm_leaf_cast(e, w, s, a),
                    sm_leaf_cast(e, w, s, b));
    return sm_leaf_cast(e, s, w, bin(e, SM_SHR, w, p,
                                     sm_leaf_int(e, w, bits)));
  }
  sm_scalar u = SM_ULONG;
  sm_leaf k = sm_leaf_int(e, u, 32), m = sm_leaf_int(e, u, 0xffffffffu);
  sm_leaf al = bin(e, SM_BIT_AND, u, a, m), ah = bin(e, SM_SHR, u, a, k);
  sm_leaf bl = bin(e, SM_BIT_AND, u, b, m), bh = bin(e, SM_SHR, u, b, k);
  sm_leaf ll = bin(e, SM_MUL, u, al, bl), hl = bin(e, SM_MUL, u, ah, bl);
  sm_leaf lh = bin(e, SM_MUL, u, al, bh), hh = bin(e, SM_MUL, u, ah, bh);
  sm_leaf mid = bin(e, SM_ADD, u, bin(e, SM_SHR, u, ll, k),
                    bin(e, SM_BIT_AND, u, hl, m));
  mid = bin(e, SM_ADD, u, mid, bin(e, SM_BIT_AND, u, lh, m));
  sm_leaf r = bin(e, SM_ADD, u, hh, bin(e, SM_SHR, u, hl, k));
  r = bin(e, SM_ADD, u, r, bin(e, SM_SHR, u, lh, k));
  r = bin(e, SM_ADD, u, r, bin(e, SM_SHR, u, mid, k));
  if (!sm_is_signed(s)) return r;
  sm_leaf zero = sm_leaf_int(e, u, 0);
  sm_leaf na = sm_leaf_compare(e, SM_LT, SM_LONG, a, zero);
  sm_leaf nb = sm_leaf_compare(e, SM_LT, SM_LONG, b, zero);
  r = bin(e, SM_SUB, u, r, sm_leaf_select(e, na, b, zero));
  return bin(e, SM_SUB, u, r, sm_leaf_select(e, nb, a, zero));
}

static sm_leaf saturated(sm_emit *e, bool add, sm_scalar s, sm_leaf a,
                         sm_leaf b) {
  bool sign = sm_is_signed(s);
  const char *name = add ? (sign ? "llvm.sadd.sat" : "llvm.uadd.sat")
                         : (sign ? "llvm.ssub.sat" : "llvm.usub.sat");
  return call2(e, name, a, b);
}

/* a * b + c, saturated: from the full product. */
static sm_leaf mad_saturated(sm_emit *e, sm_scalar s, sm_leaf *a) {
  bool sign = sm_is_signed(s);
  unsigned bits = sm_scalar_bits(s);
  uint64_t top = (uint64_t)1 << (bits - 1), all = top | (top - 1);
  if (bits < 64) {
    sm_scalar w = wider(s);
    if (bits == 32 && !sign) { /* may pass 64 bits: no, (2^32-1)^2 + 2^32 */
      w = SM_ULONG;
    }
    sm_leaf r = bin(e, SM_MUL, w, sm_leaf_cast(e, w, s, a[0]),
                    sm_leaf_cast(e, w, s, a[1]));
    r = bin(e, SM_ADD, w, r, sm_leaf_cast(e, w, s, a[2]));
    r = min_max(e, false, w, r, sm_leaf_int(e, w, sign ? top - 1 : all));
    if (sign)
      r = min_max(e, true, w, r,
                  sm_leaf_int(e, w, (uint64_t)-(int64_t)top));
    r.hi = SM_HI_UNKNOWN;
    return sm_leaf_cast(e, s, w, r);
  }
  sm_leaf low = bin(e, SM_MUL, s, a[0], a[1]);
  sm_leaf high = high_product(e, s, a[0], a[1]);
  sm_leaf zero = sm_leaf_int(e, s, 0);
  if (!sign) {
    sm_leaf over = sm_leaf_compare(e, SM_NE, s, high, zero);
    return sm_leaf_select(e, over, sm_leaf_int(e, s, all),
                          saturated(e, true, s, low, a[2]));
  }
  /* 128-bit sum: carry into the upper half, then see whether it fits. */
  sm_leaf sum = bin(e, SM_ADD, SM_ULONG, low, a[2]);
  sm_leaf carry = sm_leaf_compare(e, SM_LT, SM_ULONG, sum, low);
  sm_leaf h = bin(e, SM_ADD, SM_ULONG, high,
                  bin(e, SM_SHR, SM_LONG, a[2], sm_leaf_int(e, s, 63)));
  h = bin(e, SM_ADD, SM_ULONG, h, sm_leaf_cast(e, SM_ULONG, SM_BOOL, carry));
  sm_leaf fits = sm_leaf_compare(e, SM_EQ, s, h,
      bin(e, SM_SHR, SM_LONG, sum, sm_leaf_int(e, s, 63)));
  sm_leaf negative = sm_leaf_compare(e, SM_LT, SM_LONG, h, zero);
  sm_leaf edge = sm_leaf_select(e, negative, sm_leaf_int(e, s, top),
                                sm_leaf_int(e, s, top - 1));
  return sm_leaf_select(e, fits, sum, edge);
}

/* (1 << n) - 1 for n up to the width. */
static sm_leaf low_bits(sm_emit *e, sm_scalar u, sm_leaf n) {
  unsigned width = sm_scalar_bits(u);
  sm_leaf all = sm_leaf_int(e, u, UINT64_MAX);
  sm_leaf by = bin(e, SM_SUB, u, sm_leaf_int(e, u, width), n);
  sm_leaf r = bin(e, SM_SHR, u, all, by);
  sm_leaf none = sm_leaf_compare(e, SM_EQ, u, n, sm_leaf_int(e, u, 0));
  return sm_leaf_select(e, none, sm_leaf_int(e, u, 0), r);
}

static sm_leaf extract_bits(sm_emit *e, sm_scalar s, sm_leaf x, sm_leaf off,
                            sm_leaf count) {
  sm_scalar u = unsigned_of(s);
  unsigned width = sm_scalar_bits(s);
  off = sm_leaf_cast(e, u, SM_UINT, off);
  count = sm_leaf_cast(e, u, SM_UINT, count);
  sm_leaf r = bin(e, SM_BIT_AND, u, bin(e, SM_SHR, u, x, off),
                  low_bits(e, u, count));
  if (!sm_is_signed(s)) return r;
  sm_leaf by = bin(e, SM_SUB, u, sm_leaf_int(e, u, width), count);
  sm_leaf wide = bin(e, SM_SHR, s, bin(e, SM_SHL, s, r, by), by);
  sm_leaf none = sm_leaf_compare(e, SM_EQ, u, count, sm_leaf_int(e, u, 0));
  return sm_leaf_select(e, none, sm_leaf_int(e, s, 0), wide);
}

static sm_leaf insert_bits(sm_emit *e, sm_scalar s, sm_leaf base, sm_leaf x,
                           sm_leaf off, sm_leaf count) {
  sm_scalar u = unsigned_of(s);
  off = sm_leaf_cast(e, u, SM_UINT, off);
  count = sm_leaf_cast(e, u, SM_UINT, count);
  sm_leaf mask = bin(e, SM_SHL, u, low_bits(e, u, count), off);
  sm_leaf in = bin(e, SM_BIT_AND, u, bin(e, SM_SHL, u, x, off), mask);
  sm_leaf keep = sm_leaf_unary(e, SM_BIT_NOT, u, mask);
  return bin(e, SM_BIT_OR, u, bin(e, SM_BIT_AND, u, base, keep), in);
}

static sm_leaf int_abs(sm_emit *e, sm_scalar s, sm_leaf a) {
  sm_leaf negative = sm_leaf_compare(e, SM_LT, s, a, sm_leaf_int(e, s, 0));
  sm_leaf minus = bin(e, SM_SUB, s, sm_leaf_int(e, s, 0), a);
  return sm_leaf_select(e, negative, minus, a);
}

static sm_leaf abs_diff(sm_emit *e, sm_scalar s, sm_leaf a, sm_leaf b) {
  sm_leaf less = sm_leaf_compare(e, SM_LT, s, a, b);
  sm_scalar u = unsigned_of(s);
  return sm_leaf_select(e, less, bin(e, SM_SUB, u, b, a),
                        bin(e, SM_SUB, u, a, b));
}

/* (a + b + up) >> 1 without overflow. */
static sm_leaf half_add(sm_emit *e, sm_scalar s, sm_leaf a, sm_leaf b,
                        bool up) {
  sm_leaf k = sm_leaf_int(e, s, 1);
  sm_leaf same = bin(e, up ? SM_BIT_OR : SM_BIT_AND, s, a, b);
  sm_leaf other = bin(e, SM_SHR, s, bin(e, SM_BIT_XOR, s, a, b), k);
  return bin(e, up ? SM_SUB : SM_ADD, s, same, other);
}

static sm_leaf rotate(sm_emit *e, sm_scalar s, sm_leaf a, sm_leaf by) {
  sm_scalar u = unsigned_of(s);
  sm_leaf back = sm_leaf_unary(e, SM_NEG, u, by);
  return bin(e, SM_BIT_OR, u, bin(e, SM_SHL, u, a, by),
             bin(e, SM_SHR, u, a, back));
}

/* The low 24 bits, sign-extended for int. */
static sm_leaf low24(sm_emit *e, sm_scalar s, sm_leaf a) {
  sm_leaf k = sm_leaf_int(e, s, 8);
  return bin(e, SM_SHR, s, bin(e, SM_SHL, s, a, k), k);
}

static sm_leaf integer(sm_emit *e, sm_builtin which, sm_scalar s,
                       sm_leaf *a, tm_loc loc) {
  switch (which) {
  case SM_B_ABS: return int_abs(e, s, a[0]);
  case SM_B_MAX: return min_max(e, true, s, a[0], a[1]);
  case SM_B_MIN: return min_max(e, false, s, a[0], a[1]);
  case SM_B_MAX3:
    return min_max(e, true, s, min_max(e, true, s, a[0], a[1]), a[2]);
  case SM_B_MIN3:
    return min_max(e, false, s, min_max(e, false, s, a[0], a[1]), a[2]);
  case SM_B_MEDIAN3: {
    sm_leaf low = min_max(e, false, s, a[0], a[1]);
    sm_leaf high = min_max(e, true, s, a[0], a[1]);
    return min_max(e, true, s, low, min_max(e, false, s, high, a[2]));
  }
  case SM_B_CLAMP:
    return min_max(e, false, s, min_max(e, true, s, a[0], a[1]), a[2]);
  case SM_B_ABSDIFF: return abs_diff(e, s, a[0], a[1]);
  case SM_B_ADDSAT: return saturated(e, true, s, a[0], a[1]);
  case SM_B_SUBSAT: return saturated(e, false, s, a[0], a[1]);
  case SM_B_CLZ: return count_zeros(e, "llvm.ctlz", a[0]);
  case SM_B_CTZ: return count_zeros(e, "llvm.cttz", a[0]);
  case SM_B_POPCOUNT: return call1(e, "llvm.ctpop", a[0]);
  case SM_B_REVERSE_BITS: return call1(e, "llvm.bitreverse", a[0]);
  case SM_B_EXTRACT_BITS: return extract_bits(e, s, a[0], a[1], a[2]);
  case SM_B_INSERT_BITS:
    return insert_bits(e, s, a[0], a[1], a[2], a[3]);
  case SM_B_HADD: return half_add(e, s, a[0], a[1], false);
  case SM_B_RHADD: return half_add(e, s, a[0], a[1], true);
  case SM_B_MULHI: return high_product(e, s, a[0], a[1]);
  case SM_B_MADHI:
    return bin(e, SM_ADD, s, high_product(e, s, a[0], a[1]), a[2]);
  case SM_B_MADSAT: return mad_saturated(e, s, a);
  case SM_B_MUL24:
    return bin(e, SM_MUL, s, low24(e, s, a[0]), low24(e, s, a[1]));
  case SM_B_MAD24:
    return bin(e, SM_ADD, s,
               bin(e, SM_MUL, s, low24(e, s, a[0]), low24(e, s, a[1])),
               a[2]);
  case SM_B_ROTATE: return rotate(e, s, a[0], a[1]);
  default:
    sm_emit_fail(e, loc, "internal: no integer function %d", (int)which);
  }
}

/* ---- relations -------------------------------------------------------- */

/* Tests on bits, which neither subnormal flushing nor math modes change. */
static sm_leaf classify(sm_emit *e, sm_builtin which, sm_scalar s,
                        sm_leaf a) {
  sm_scalar u = s == SM_FLOAT ? SM_UINT : SM_USHORT;
  uint64_t infinity = s == SM_FLOAT ? 0x7f800000u
                      : s == SM_HALF ? 0x7c00u : 0x7f80u;
  uint64_t normal = s == SM_FLOAT ? 0x00800000u
                    : s == SM_HALF ? 0x0400u : 0x0080u;
  uint64_t sign = s == SM_FLOAT ? 0x80000000u : 0x8000u;
  sm_leaf b = sm_leaf_bits(e, a, s);
  if (which == SM_B_SIGNBIT)
    return sm_leaf_compare(e, SM_NE, u,
        bin(e, SM_BIT_AND, u, b, sm_leaf_int(e, u, sign)),
        sm_leaf_int(e, u, 0));
  b = bin(e, SM_BIT_AND, u, b, sm_leaf_int(e, u, sign - 1));
  sm_leaf inf = sm_leaf_int(e, u, infinity);
  switch (which) {
  case SM_B_ISNAN: return sm_leaf_compare(e, SM_GT, u, b, inf);
  case SM_B_ISINF: return sm_leaf_compare(e, SM_EQ, u, b, inf);
  case SM_B_ISFINITE: return sm_leaf_compare(e, SM_LT, u, b, inf);
  default: /* isnormal */
    return bin(e, SM_BIT_AND, SM_BOOL, sm_leaf_compare(e, SM_LT, u, b, inf),
               sm_leaf_compare(e, SM_GE, u, b, sm_leaf_int(e, u, normal)));
  }
}

static sm_leaf ordered(sm_emit *e, sm_scalar s, sm_leaf a, sm_leaf b,
                       bool not) {
  sm_leaf x = classify(e, SM_B_ISNAN, s, a);
  sm_leaf y = classify(e, SM_B_ISNAN, s, b);
  sm_leaf r = bin(e, SM_BIT_OR, SM_BOOL, x, y);
  return not ? r : sm_leaf_unary(e, SM_NOT, SM_BOOL, r);
}

static sm_leaf fold_bools(sm_emit *e, bool all, const sm_value *v) {
  sm_leaf r = v->leaf[0];
  for (uint32_t i = 1; i < v->n; i++)
    r = bin(e, all ? SM_BIT_AND : SM_BIT_OR, SM_BOOL, r, v->leaf[i]);
  return r;
}

/* ---- geometry --------------------------------------------------------- */

static sm_leaf fma_leaf(sm_emit *e, sm_scalar s, sm_leaf a, sm_leaf b,
                        sm_leaf c) {
  sm_leaf args[3] = {a, b, c};
  return sm_math(e, SM_B_FMA, s, args);
}

static sm_leaf dot(sm_emit *e, sm_scalar s, const sm_leaf *a,
                   const sm_leaf *b, uint32_t n) {
  sm_leaf r = bin(e, SM_MUL, s, a[0], b[0]);
  for (uint32_t i = 1; i < n; i++) r = fma_leaf(e, s, a[i], b[i], r);
  return r;
}

static sm_value map2(sm_emit *e, sm_op op, sm_scalar s, const sm_value *a,
                     const sm_value *b) {
  sm_value r = sm_value_new(e, a->type);
  for (uint32_t i = 0; i < r.n; i++)
    r.leaf[i] = bin(e, op, s, a->leaf[i], b->leaf[b->n == 1 ? 0 : i]);
  return r;
}

static sm_leaf real(sm_emit *e, sm_scalar s, double k) {
  return sm_leaf_uni(LL.ConstReal(sm_scalar_type(e, s), k));
}

static sm_value refract(sm_emit *e, sm_scalar s, const sm_value *a) {
  sm_leaf eta = a[2].leaf[0], zero = real(e, s, 0.0);
  sm_leaf d = dot(e, s, a[1].leaf, a[0].leaf, a[0].n);
  sm_leaf k = bin(e, SM_SUB, s, real(e, s, 1.0),
                  bin(e, SM_MUL, s, bin(e, SM_MUL, s, eta, eta),
                      bin(e, SM_SUB, s, real(e, s, 1.0),
                          bin(e, SM_MUL, s, d, d))));
  sm_leaf none = sm_leaf_compare(e, SM_LT, s, k, zero);
  sm_leaf root = sm_math(e, SM_B_SQRT, s, &k);
  sm_leaf by = bin(e, SM_ADD, s, bin(e, SM_MUL, s, eta, d), root);
  sm_value r = sm_value_new(e, a[0].type);
  for (uint32_t i = 0; i < r.n; i++) {
    sm_leaf v = bin(e, SM_SUB, s, bin(e, SM_MUL, s, eta, a[0].leaf[i]),
                    bin(e, SM_MUL, s, by, a[1].leaf[i]));
    r.leaf[i] = sm_leaf_select(e, none, zero, v);
  }
  return r;
}

static sm_value cross(sm_emit *e, sm_scalar s, const sm_value *a) {
  sm_value r = sm_value_new(e, a[0].type);
  for (uint32_t i = 0; i < 3; i++) {
    uint32_t j = (i + 1) % 3, k = (i + 2) % 3;
    r.leaf[i] = bin(e, SM_SUB, s,
                    bin(e, SM_MUL, s, a[0].leaf[j], a[1].leaf[k]),
                    bin(e, SM_MUL, s, a[0].leaf[k], a[1].leaf[j]));
  }
  return r;
}

/* By cofactors along the first row; n is 2, 3 or 4, column major. */
static sm_leaf determinant(sm_emit *e, sm_scalar s, const sm_leaf *m,
                           uint32_t n) {
  if (n == 1) return m[0];
  sm_leaf sum = {0};
  for (uint32_t c = 0; c < n; c++) {
    sm_leaf minor[9];
    uint32_t at = 0;
    for (uint32_t k = 0; k < n; k++)
      for (uint32_t r = 1; r < n && k != c; r++) minor[at++] = m[k * n + r];
    sm_leaf t = bin(e, SM_MUL, s, m[c * n], determinant(e, s, minor, n - 1));
    sum = c == 0 ? t : bin(e, c & 1 ? SM_SUB : SM_ADD, s, sum, t);
  }
  return sum;
}

static sm_value geometry(sm_emit *e, const sm_expr *x, sm_value *a) {
  sm_scalar s = x->type->scalar;
  uint32_t n = a[0].n;
  sm_value d, r = {0};
  sm_leaf l;
  switch (x->u.builtin) {
  case SM_B_CROSS: return cross(e, s, a);
  case SM_B_DOT:
    return one(e, x->type, dot(e, s, a[0].leaf, a[1].leaf, n));
  case SM_B_DISTANCE: case SM_B_DISTANCE_SQUARED:
    d = map2(e, SM_SUB, s, &a[0], &a[1]);
    l = dot(e, s, d.leaf, d.leaf, n);
    if (x->u.builtin == SM_B_DISTANCE) l = sm_math(e, SM_B_SQRT, s, &l);
    return one(e, x->type, l);
  case SM_B_LENGTH: case SM_B_LENGTH_SQUARED:
    l = dot(e, s, a[0].leaf, a[0].leaf, n);
    if (x->u.builtin == SM_B_LENGTH) l = sm_math(e, SM_B_SQRT, s, &l);
    return one(e, x->type, l);
  case SM_B_NORMALIZE:
    l = dot(e, s, a[0].leaf, a[0].leaf, n);
    d = one(e, x->type, sm_math(e, SM_B_RSQRT, s, &l));
    d.n = 1;
    return map2(e, SM_MUL, s, &a[0], &d);
  case SM_B_FACEFORWARD:
    l = sm_leaf_compare(e, SM_LT, s, dot(e, s, a[1].leaf, a[2].leaf, n),
                        real(e, s, 0.0));
    r = sm_value_new(e, x->type);
    for (uint32_t i = 0; i < n; i++)
      r.leaf[i] = sm_leaf_select(e, l, a[0].leaf[i],
                                 sm_leaf_unary(e, SM_NEG, s, a[0].leaf[i]));
    return r;
  case SM_B_REFLECT:
    l = bin(e, SM_MUL, s, real(e, s, 2.0),
            dot(e, s, a[1].leaf, a[0].leaf, n));
    d = one(e, x->type, l);
    d.n = 1;
    d = map2(e, SM_MUL, s, &a[1], &d);
    return map2(e, SM_SUB, s, &a[0], &d);
  case SM_B_REFRACT: return refract(e, s, a);
  case SM_B_DETERMINANT:
    return one(e, x->type, determinant(e, s, a[0].leaf, a[0].type->count));
  default: { /* transpose */
    const sm_type *t = a[0].type;
    r = sm_value_new(e, x->type);
    for (uint32_t c = 0; c < t->count; c++)
      for (uint32_t i = 0; i < t->rows; i++)
        r.leaf[i * t->count + c] = a[0].leaf[c * t->rows + i];
    return r;
  }
  }
}

/* ---- results through references --------------------------------------- */

/* Exponent of a float as frexp sees it, and the fraction in [0.5, 1). */
static sm_leaf frexp_leaf(sm_emit *e, sm_leaf x, sm_leaf *exponent) {
  sm_leaf b = sm_leaf_bits(e, x, SM_FLOAT);
  sm_leaf field = bin(e, SM_BIT_AND, SM_UINT,
                      bin(e, SM_SHR, SM_UINT, b, sm_leaf_int(e, SM_UINT, 23)),
                      sm_leaf_int(e, SM_UINT, 255));
  sm_leaf zero = sm_leaf_int(e, SM_UINT, 0);
  sm_leaf odd = bin(e, SM_BIT_OR, SM_BOOL,
      sm_leaf_compare(e, SM_EQ, SM_UINT, field, zero),
      sm_leaf_compare(e, SM_EQ, SM_UINT, field,
                      sm_leaf_int(e, SM_UINT, 255)));
  sm_leaf m = bin(e, SM_BIT_OR, SM_UINT,
                  bin(e, SM_BIT_AND, SM_UINT, b,
                      sm_leaf_int(e, SM_UINT, 0x807fffffu)),
                  sm_leaf_int(e, SM_UINT, 0x3f000000u));
  *exponent = sm_leaf_select(e, odd, zero,
      bin(e, SM_SUB, SM_UINT, field, sm_leaf_int(e, SM_UINT, 126)));
  return sm_leaf_select(e, odd, x, sm_leaf_unbits(e, m, SM_FLOAT));
}

/* ilogb(0) and ilogb(NaN) are the least int, ilogb(inf) the greatest. */
static sm_leaf ilogb_leaf(sm_emit *e, sm_scalar s, sm_leaf x) {
  sm_leaf f = sm_leaf_cast(e, SM_FLOAT, s, x), n;
  frexp_leaf(e, f, &n);
  n = bin(e, SM_SUB, SM_UINT, n, sm_leaf_int(e, SM_UINT, 1));
  sm_leaf finite = classify(e, SM_B_ISFINITE, SM_FLOAT, f);
  sm_leaf inf = classify(e, SM_B_ISINF, SM_FLOAT, f);
  sm_leaf zero = sm_leaf_compare(e, SM_EQ, SM_FLOAT, f,
                                 real(e, SM_FLOAT, 0.0));
  sm_leaf least = sm_leaf_int(e, SM_INT, 0x80000000u);
  n = sm_leaf_select(e, zero, least, n);
  return sm_leaf_select(e, finite, n,
      sm_leaf_select(e, inf, sm_leaf_int(e, SM_INT, 0x7fffffff), least));
}

/* x * 2^n: two exact factors, n clamped to where the result is 0 or inf. */
static sm_leaf ldexp_leaf(sm_emit *e, sm_scalar s, sm_leaf x, sm_leaf n) {
  sm_leaf f = sm_leaf_cast(e, SM_FLOAT, s, x);
  n = min_max(e, true, SM_INT, n, sm_leaf_int(e, SM_INT, (uint64_t)-252));
  n = min_max(e, false, SM_INT, n, sm_leaf_int(e, SM_INT, 254));
  n.hi = SM_HI_UNKNOWN;
  sm_leaf half = bin(e, SM_SHR, SM_INT, n, sm_leaf_int(e, SM_INT, 1));
  sm_leaf part[2] = {half, bin(e, SM_SUB, SM_INT, n, half)};
  for (int i = 0; i < 2; i++) {
    sm_leaf b = bin(e, SM_SHL, SM_INT,
                    bin(e, SM_ADD, SM_INT, part[i],
                        sm_leaf_int(e, SM_INT, 127)),
                    sm_leaf_int(e, SM_INT, 23));
    f = bin(e, SM_MUL, SM_FLOAT, f, sm_leaf_unbits(e, b, SM_FLOAT));
  }
  return sm_leaf_cast(e, s, SM_FLOAT, f);
}

static void write_arg(sm_emit *e, const sm_expr *x, sm_value v) {
  sm_place p = sm_emit_place(e, x->args.data[1]);
  v.type = p.type;
  sm_place_write(e, &p, v, x->loc);
}

static sm_value two_results(sm_emit *e, const sm_expr *x, sm_value *a) {
  sm_scalar s = x->type->scalar;
  sm_value r = sm_value_new(e, x->type);
  sm_value other = sm_value_new(e, x->args.data[1]->type);
  for (uint32_t i = 0; i < r.n; i++) {
    sm_leaf in = a[0].leaf[i];
    if (x->u.builtin == SM_B_SINCOS) {
      r.leaf[i] = sm_math(e, SM_B_SIN, s, &in);
      other.leaf[i] = sm_math(e, SM_B_COS, s, &in);
    } else if (x->u.builtin == SM_B_MODF) {
      sm_leaf whole = sm_math(e, SM_B_TRUNC, s, &in);
      sm_leaf rest = bin(e, SM_SUB, s, in, whole);
      sm_leaf inf = classify(e, SM_B_ISINF, s, in);
      rest = sm_leaf_select(e, inf, real(e, s, 0.0), rest);
      sm_leaf pair[2] = {rest, in};
      r.leaf[i] = sm_math(e, SM_B_COPYSIGN, s, pair);
      other.leaf[i] = whole;
    } else {
      sm_leaf f = sm_leaf_cast(e, SM_FLOAT, s, in);
      f = frexp_leaf(e, f, &other.leaf[i]);
      r.leaf[i] = sm_leaf_cast(e, s, SM_FLOAT, f);
    }
  }
  write_arg(e, x, other);
  return r;
}

/* ---- reinterpretation ------------------------------------------------- */

static sm_scalar bits_scalar(unsigned bytes) {
  return bytes == 1 ? SM_UCHAR : bytes == 2 ? SM_USHORT
         : bytes == 4 ? SM_UINT : SM_ULONG;
}

static sm_value as_type(sm_emit *e, const sm_expr *x, const sm_value *a) {
  sm_scalar from = a->type->scalar, to = x->type->scalar;
  unsigned fb = sm_scalar_bytes(from), tb = sm_scalar_bytes(to);
  sm_scalar fi = bits_scalar(fb), ti = bits_scalar(tb);
  sm_value r = sm_value_new(e, x->type);
  for (uint32_t i = 0; i < r.n; i++) {
    sm_leaf bits = {0};
    if (fb == tb) {
      if (i >= a->n) break;
      bits = sm_leaf_bits(e, a->leaf[i], from);
    } else if (fb > tb) {
      unsigned per = fb / tb;
      if (i / per >= a->n) break;
      bits = sm_leaf_bits(e, a->leaf[i / per], from);
      bits = bin(e, SM_SHR, fi, bits,
                 sm_leaf_int(e, fi, i % per * tb * 8));
      bits = sm_leaf_cast(e, ti, fi, bits);
    } else {
      unsigned per = tb / fb;
      if ((i + 1) * per > a->n) break;
      for (unsigned k = 0; k < per; k++) {
        sm_leaf p = sm_leaf_bits(e, a->leaf[i * per + k], from);
        p = sm_leaf_cast(e, ti, fi, p);
        p = bin(e, SM_SHL, ti, p, sm_leaf_int(e, ti, k * fb * 8));
        bits = k ? bin(e, SM_BIT_OR, ti, bits, p) : p;
      }
    }
    r.leaf[i] = sm_leaf_unbits(e, bits, to);
  }
  return r;
}

/* ---- atomics ---------------------------------------------------------- */

static sm_val numbers(sm_emit *e, sm_val *memory) {
  if (!*memory)
    *memory = sm_alloca(e, sm_vector_type(e->i64, SM_LANES), SM_LANES * 8);
  return *memory;
}

static void store_bits(sm_emit *e, sm_val memory, const sm_leaf *leaf,
                       sm_scalar s) {
  sm_leaf b = *leaf;
  if (s == SM_BOOL) b = sm_leaf_cast(e, SM_UINT, SM_BOOL, b);
  else b = sm_leaf_bits(e, b, s);
  sm_val v = sm_vec(e, &b);
  sm_ty wide = sm_vector_type(e->i64, SM_LANES);
  if (LL.TypeOf(v) != wide) v = CONVERT(ZExt, v, wide);
  LL.SetAlignment(LL.BuildStore(e->b, v, memory), 8);
}

static sm_leaf load_bits(sm_emit *e, sm_val memory, sm_scalar s) {
  sm_val v = LL.BuildLoad2(e->b, sm_vector_type(e->i64, SM_LANES), memory,
                           "");
  LL.SetAlignment(v, 8);
  sm_leaf leaf = sm_leaf_var(v);
  if (s == SM_BOOL) return sm_leaf_cast(e, SM_BOOL, SM_ULONG, leaf);
  sm_scalar i = bits_scalar(sm_scalar_bytes(s));
  return sm_leaf_unbits(e, sm_leaf_cast(e, i, SM_ULONG, leaf), s);
}

static sm_atomic_op atomic_op(sm_builtin b) {
  switch (b) {
  case SM_B_ATOMIC_LOAD: return SM_ATOMIC_LOAD;
  case SM_B_ATOMIC_STORE: return SM_ATOMIC_STORE;
  case SM_B_ATOMIC_EXCHANGE: return SM_ATOMIC_EXCHANGE;
  case SM_B_ATOMIC_COMPARE_EXCHANGE_WEAK: return SM_ATOMIC_CAS;
  case SM_B_ATOMIC_FETCH_ADD: return SM_ATOMIC_ADD;
  case SM_B_ATOMIC_FETCH_SUB: return SM_ATOMIC_SUB;
  case SM_B_ATOMIC_FETCH_AND: return SM_ATOMIC_AND;
  case SM_B_ATOMIC_FETCH_OR: return SM_ATOMIC_OR;
  case SM_B_ATOMIC_FETCH_XOR: return SM_ATOMIC_XOR;
  case SM_B_ATOMIC_FETCH_MIN: case SM_B_ATOMIC_MIN: return SM_ATOMIC_MIN;
  default: return SM_ATOMIC_MAX;
  }
}

static uint32_t atomic_kind(sm_scalar s) {
  if (s == SM_FLOAT) return SM_ATOMIC_FLOAT;
  if (s == SM_INT) return SM_ATOMIC_INT;
  return s == SM_ULONG || s == SM_LONG ? SM_ATOMIC_ULONG : SM_ATOMIC_UINT;
}

/* A load of one address by all lanes is one load. */
static sm_value uniform_load(sm_emit *e, const sm_expr *x, sm_leaf p,
                             sm_scalar s) {
  sm_ty type = s == SM_FLOAT ? e->f32 : e->i32;
  sm_val v = LL.BuildLoad2(e->b, type, p.v, "");
  LL.SetAlignment(v, 4);
  LL.SetVolatile(v, true);
  if (s == SM_BOOL) v = ICMP(NE, v, sm_i32(e, 0));
  return one(e, x->type, sm_leaf_uni(v));
}

static sm_value atomic(sm_emit *e, const sm_expr *x) {
  sm_atomic_op op = atomic_op(x->u.builtin);
  const sm_type *pt = x->args.data[0]->type;
  sm_scalar s = pt->element->scalar;
  sm_leaf p = sm_emit_value(e, x->args.data[0]).leaf[0];
  if (p.form == SM_PLACE)
    sm_emit_fail(e, x->loc, "atomics in thread memory are not supported");
  bool writes = op != SM_ATOMIC_LOAD;
  bool cas = op == SM_ATOMIC_CAS;
  sm_leaf expected = {0};
  sm_leaf value = sm_leaf_uni(sm_i64(e, 0));
  sm_place found = {0};
  if (cas) {
    sm_value q = sm_emit_value(e, x->args.data[1]);
    if (q.leaf[0].form != SM_PLACE)
      sm_emit_fail(e, x->loc, "the expected value of a compare-exchange "
                   "must be a local variable");
    found = *q.leaf[0].place;
    expected = sm_place_read(e, &found, x->loc).leaf[0];
  }
  if (writes) value = sm_emit_value(e, x->args.data[cas ? 2 : 1]).leaf[0];
  uint32_t bytes = s == SM_ULONG || s == SM_LONG ? 8 : 4;
  e->access_align = bytes;
  sm_check_access(e, &p, pt->space, bytes,
                  SM_ACCESS_ATOMIC | (writes ? SM_ACCESS_WRITE : 0) |
                      (writes && op != SM_ATOMIC_STORE ? SM_ACCESS_UPDATE
                                                       : 0),
                  x->loc);
  sm_note_access(e, &p, pt->space, writes);
  if (writes) sm_note_access(e, &p, pt->space, false);
  if (!writes && p.form == SM_UNI && bytes == 4)
    return uniform_load(e, x, p, s);
  sm_val in = numbers(e, &e->scratch_data2), ex = numbers(e,
      &e->scratch_extra), out = numbers(e, &e->scratch_result);
  if (writes) store_bits(e, in, &value, s);
  if (cas) store_bits(e, ex, &expected, s);
  sm_val args[7] = {sm_i32(e, op), sm_i32(e, atomic_kind(s)),
                    sm_pointers_store(e, &p), sm_mask_bits(e, sm_exec(e)),
                    in, ex, out};
  sm_runtime(e, "sm_rt_atomic", e->void_type, args, 7);
  if (x->type->kind == SM_T_SCALAR && x->type->scalar == SM_VOID)
    return sm_value_new(e, x->type);
  sm_leaf old = load_bits(e, out, s);
  if (!cas) return one(e, x->type, old);
  sm_leaf eb = sm_leaf_bits(e, expected, s), ob = sm_leaf_bits(e, old, s);
  sm_scalar bs = s == SM_BOOL ? SM_BOOL : bits_scalar(sm_scalar_bytes(s));
  sm_leaf same = sm_leaf_compare(e, SM_EQ, bs, eb, ob);
  sm_place_write(e, &found, one(e, found.type, old), x->loc);
  return one(e, x->type, same);
}

/* ---- dispatch --------------------------------------------------------- */

/* One leaf of an element-wise function. */
static sm_leaf element(sm_emit *e, const sm_expr *x, sm_leaf *a) {
  sm_scalar s = x->args.data[0]->type->scalar;
  sm_builtin which = x->u.builtin;
  switch (which) {
  case SM_B_ISFINITE: case SM_B_ISINF: case SM_B_ISNAN: case SM_B_ISNORMAL:
  case SM_B_SIGNBIT: return classify(e, which, s, a[0]);
  case SM_B_ISORDERED: return ordered(e, s, a[0], a[1], false);
  case SM_B_ISUNORDERED: return ordered(e, s, a[0], a[1], true);
  case SM_B_SELECT: return sm_leaf_select(e, a[2], a[1], a[0]);
  case SM_B_ILOGB: return ilogb_leaf(e, s, a[0]);
  case SM_B_LDEXP: return ldexp_leaf(e, s, a[0], a[1]);
  default: break;
  }
  if (sm_is_float(s)) return sm_math(e, which, s, a);
  return integer(e, which, s, a, x->loc);
}

static bool is_geometry(sm_builtin b) {
  return b >= SM_B_CROSS && b <= SM_B_TRANSPOSE;
}

sm_value sm_emit_builtin(sm_emit *e, const sm_expr *x) {
  sm_builtin which = x->u.builtin;
  if (which == SM_B_OS_LOG) return sm_emit_log(e, x);
  if (sm_is_group(which)) return sm_emit_group(e, x);
  if (which >= SM_B_ATOMIC_LOAD && which <= SM_B_ATOMIC_MIN)
    return atomic(e, x);
  if (which == SM_B_IS_FUNCTION_CONSTANT_DEFINED) {
    bool set = false;
    const sm_expr *v = x->args.data[0];
    while (v->kind != SM_VAR) v = v->a[0];
    for (uint32_t i = 0; i < e->options->n_constants; i++)
      if (e->options->constants[i].index == v->u.var->index) set = true;
    return one(e, x->type, sm_leaf_int(e, SM_BOOL, set));
  }
  sm_value a[4] = {{0}};
  bool second_is_result = which == SM_B_SINCOS || which == SM_B_MODF ||
                          which == SM_B_FREXP;
  for (uint32_t i = 0; i < x->args.len && i < 4; i++)
    if (i != 1 || !second_is_result)
      a[i] = sm_emit_value(e, x->args.data[i]);
  e->precise = x->precision == SM_PRECISE;
  if (second_is_result) return two_results(e, x, a);
  if (which == SM_B_ALL || which == SM_B_ANY)
    return one(e, x->type, fold_bools(e, which == SM_B_ALL, &a[0]));
  if (which == SM_B_AS_TYPE) return as_type(e, x, &a[0]);
  if (is_geometry(which)) return geometry(e, x, a);
  sm_value r = sm_value_new(e, x->type);
  for (uint32_t i = 0; i < r.n; i++) {
    sm_leaf in[4] = {{0}};
    for (uint32_t k = 0; k < x->args.len && k < 4; k++)
      in[k] = a[k].leaf[a[k].n == 1 ? 0 : i];
    r.leaf[i] = element(e, x, in);
  }
  return r;
}
