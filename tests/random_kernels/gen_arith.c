/* SPDX-License-Identifier: MIT */
/*
 * gen_arith.c - arithmetic, casts, reductions and scans of random kernels.
 */
#include "generator.h"

/* ---- elementwise ------------------------------------------------------ */

void quantize(generator *g, const value *v) {
  value r = *v;
  r.high = 3;
  r.low = 0;
  r.wild = false;
  if (!fits(r.type, 3, 0)) return;
  define(g, &r, "tl.minimum(tl.maximum(tl.floor(%s.to(tl.float32)), -4.0), "
                "4.0).to(tl.%s)", v->name, triton_type(v));
}

static void extreme(generator *g, const value *a) {
  value b, r = *a;
  char other[96];
  operand(g, a, &b, other, sizeof other);
  widen_bounds(&r, &b);
  if (!r.wild && !fits(r.type, r.high, r.low)) return;
  const char *nan = chance(g, 40) ? ", propagate_nan=tl.PropagateNan.ALL" : "";
  if (chance(g, 25))
    define(g, &r, "tl.clamp(%s, -2.0, 1.5%s)", a->name, nan);
  else
    define(g, &r, "tl.%s(%s, %s%s)", ONE_OF(g, "maximum", "minimum"), a->name,
           other, nan);
}

/* Results that are exact although they come of division and roots. */
static void exact_function(generator *g, const value *a) {
  value r = *a, b;
  switch (below(g, 5)) {
    case 0:
      r.low = 0;
      define(g, &r, "tl.%s(%s.to(tl.float32)).to(tl.%s)",
             ONE_OF(g, "floor", "ceil"), a->name, triton_type(a));
      return;
    case 1:
      r.low += 2;
      if (fits(r.type, r.high, r.low)) /* a quotient of halfs is a float */
        define(g, &r, "(%s / 4.0).to(tl.%s)", a->name, triton_type(a));
      return;
    case 2:
      if (a->type == F32 && 2 * (a->high + a->low) <= 24)
        define(g, &r, "tl.sqrt_rn(%s * %s)", a->name, a->name);
      return;
    case 3:
      r.low++;
      if (a->type == F32 && fits(F32, r.high, r.low))
        define(g, &r, "tl.div_rn(%s, 2.0)", a->name);
      return;
    default:
      b = partner(g, a);
      widen_bounds(&r, &b);
      if (a->type == F32 && !r.wild && fits(F32, r.high + 1, r.low))
        define(g, &r, "%s %% (tl.abs(%s) + 1.0)", a->name, b.name);
      return;
  }
}

static void binary_float(generator *g, const value *a) {
  value b, c = partner(g, a), r = *a;
  char other[96];
  int op = below(g, 9);
  if (op > 6 || a->wild) {
    extreme(g, a);
    return;
  }
  if (op == 6) {
    exact_function(g, a);
    return;
  }
  operand(g, a, &b, other, sizeof other);
  if (op == 5) {
    b = partner(g, a);
    strcpy(other, b.name);
  }
  widen_bounds(&r, &b);
  if (op < 2) r.high++;
  if (op >= 2) r.high = a->high + b.high, r.low = a->low + b.low;
  if (op == 5) widen_bounds(&r, &c), r.high++;
  if (r.wild || !fits(r.type, r.high, r.low)) {
    quantize(g, a);
    return;
  }
  if (op < 2) define(g, &r, "%s %c %s", a->name, "+-"[op], other);
  else if (op < 5) define(g, &r, "%s * %s", a->name, other);
  else define(g, &r, "tl.fma(%s, %s, %s)", a->name, other, c.name);
}

/* The same width, another sort. */
static int other_sign(int type) {
  return type >= U8 ? type - U8 + I8 : type - I8 + U8;
}

static void divide(generator *g, const value *a) {
  char other[96];
  value b;
  operand(g, a, &b, other, sizeof other);
  const char *op = ONE_OF(g, "//", "%");
  switch (below(g, 5)) {
    case 0:
      define(g, a, "(%s %s %d)", a->name, op, 1 + below(g, 100));
      return;
    case 1: /* by negative numbers */
      if (kind_of(a) == SIGNED) {
        define(g, a, "%s %s ((%s & 15) - 20)", a->name, op, other);
        return;
      }
      break;
    case 2:
      if (random_types[a->type].bits >= 32) {
        define(g, a, "tl.cdiv((%s & 4095), ((%s & 15) + 1)).to(tl.%s)",
               a->name, other, triton_type(a));
        return;
      }
      break;
    case 3:
      define(g, a, "%s %s %d", a->name, op, 1 << below(g, 6));
      return;
    default: break;
  }
  define(g, a, "%s %s ((%s & 15) + 1)", a->name, op, other);
}

static void binary_int(generator *g, const value *a) {
  value b, w;
  char other[96];
  int bits = random_types[a->type].bits, op = below(g, 15);
  operand(g, a, &b, other, sizeof other);
  if (op < 6)
    define(g, a, "%s %s %s", a->name, ONE_OF(g, "+", "-", "*", "&", "|", "^"),
           other);
  else if (op < 8)
    define(g, a, "%s %s (%s & %d)", a->name, op == 6 ? "<<" : ">>", other,
           bits - 1);
  else if (op < 11) divide(g, a);
  else if (op == 11)
    define(g, a, "tl.%s(%s, %s)", ONE_OF(g, "maximum", "minimum"), a->name,
           other);
  else if (op == 12 && bits >= 32)
    define(g, a, "tl.umulhi(%s, %s)", a->name, partner(g, a).name);
  else if (op == 13 && companion(g, a, below(g, 9), &w) && is_int(&w))
    define(g, a, "(%s %s %s).to(tl.%s)", a->name,
           ONE_OF(g, "+", "*", "&", "-"), w.name, triton_type(a));
  else {
    value r = *a;
    r.type = other_sign(a->type);
    define(g, &r, "%s.to(tl.%s, bitcast=True)", a->name, triton_type(&r));
  }
}

static void compare(generator *g, const value *a) {
  value b, r = *a;
  char other[96];
  operand(g, a, &b, other, sizeof other);
  r.type = I1;
  r.wild = false;
  if (is_bool(a)) define(g, &r, "%s != %s", a->name, other);
  else
    define(g, &r, "%s %s %s", a->name,
           ONE_OF(g, "<", "<=", "==", "!=", ">", ">="), other);
}

static void choose(generator *g, const value *a) {
  value c, b, r = *a;
  char other[96];
  if (!companion(g, a, I1, &c)) return;
  operand(g, a, &b, other, sizeof other);
  widen_bounds(&r, &b);
  if (r.wild || fits(r.type, r.high, r.low))
    define(g, &r, "tl.where(%s, %s, %s)", c.name, a->name, other);
}

void gen_elementwise(generator *g) {
  value a = pick(g);
  int how = below(g, 10);
  if (kind_of(&a) == SMALL) {
    if (how < 4) gen_cast(g);
    else choose(g, &a);
    return;
  }
  if (how < 2) compare(g, &a);
  else if (how == 2) choose(g, &a);
  else if (how == 3) {
    if (is_bool(&a) || kind_of(&a) == UNSIGNED) define(g, &a, "~%s", a.name);
    else define(g, &a, chance(g, 50) ? "-%s" : "tl.abs(%s)", a.name);
  }
  else if (how == 4) gen_cast(g);
  else if (is_float(&a)) binary_float(g, &a);
  else if (is_bool(&a))
    define(g, &a, "%s %c %s", a.name, "&|^"[below(g, 3)],
           partner(g, &a).name);
  else binary_int(g, &a);
}

/* ---- casts ------------------------------------------------------------ */

static void cast_float(generator *g, const value *a, value *r) {
  const char *to = triton_type(r);
  const type_row *from = &random_types[a->type], *t = &random_types[r->type];
  bool narrows = t->bits < from->bits;
  r->wild = a->wild || !fits(r->type, a->high, a->low) || t->kind == SMALL;
  if (from->kind == SMALL && t->kind == SMALL) return;
  /* Where a wide exponent goes to a narrow one and back, subnormals of the
   * narrow one are numbers of the wide one; the other way there are none. */
  if (narrows && chance(g, 25) && t->bytes < from->bytes)
    define(g, r, "%s.to(tl.%s, fp_downcast_rounding=\"rtz\")", a->name, to);
  else
    define(g, r, "%s.to(tl.%s)", a->name, to);
}

/* The bits of a float as a number and back, without subnormals and NaN. */
static void cast_bits(generator *g, const value *a) {
  value r = *a;
  if (is_float(a) && !a->wild && a->rank > 0) {
    r.type = a->type == F32 ? I32 : I16;
    define(g, &r, "tl.where(%s == 0, 0.0, %s).to(tl.%s).to(tl.%s, "
                  "bitcast=True)", a->name, a->name, triton_type(a),
           triton_type(&r));
  } else if (a->type == I32 || a->type == U32) {
    r.type = F32;
    r.wild = true;
    define(g, &r, "((%s & 0x7fffff) | 0x40000000).to(tl.float32, "
                  "bitcast=True)", a->name);
  } else if (a->type == I16) {
    r.type = F16;
    r.wild = true;
    define(g, &r, "((%s & 1023) | 0x3c00).to(tl.float16, bitcast=True)",
           a->name);
  }
}

static void cast_int_to_float(generator *g, const value *a, value *r) {
  const char *to = triton_type(r);
  r->high = 3;
  r->low = 0;
  r->wild = kind_of(r) == SMALL;
  if (is_bool(a)) define(g, r, "%s.to(tl.%s)", a->name, to);
  else if (kind_of(r) == SMALL)
    define(g, r, "(%s & 7).to(tl.float32).to(tl.%s)", a->name, to);
  else if (chance(g, 30)) {
    r->wild = true;
    define(g, r, "%s.to(tl.%s)", a->name, to);
  } else {
    define(g, r, "(%s & 7).to(tl.%s)", a->name, to);
  }
}

void gen_cast(generator *g) {
  value a = pick(g), r = a;
  r.type = below(g, N_TYPES);
  r.wild = false;
  const char *to = triton_type(&r);
  bool floats = is_float(&a) || kind_of(&a) == SMALL;
  if (chance(g, 15)) {
    cast_bits(g, &a);
  } else if (is_bool(&r)) {
    if (kind_of(&a) != SMALL) define(g, &r, "%s != 0", a.name);
  } else if (floats && (is_float(&r) || kind_of(&r) == SMALL)) {
    cast_float(g, &a, &r);
  } else if (floats) {
    if (a.wild || a.high > 6) return;
    define(g, &r, kind_of(&r) == UNSIGNED ? "tl.abs(%s).to(tl.%s)"
                                          : "%s.to(tl.%s)", a.name, to);
  } else if (is_float(&r) || kind_of(&r) == SMALL) {
    if (!is_bool(&a) || kind_of(&r) != SMALL) cast_int_to_float(g, &a, &r);
  } else {
    define(g, &r, "%s.to(tl.%s)", a.name, to);
  }
}

/* ---- reductions ------------------------------------------------------- */

typedef struct reduction {
  value a, r;
  char how[48]; /* ", 1, keep_dims=True" */
  bool kept;
  int axis, extent;
} reduction;

static void sum(generator *g, reduction *x) {
  x->r.high += log2_of(x->extent);
  if (is_bool(&x->a) || x->a.wild) return;
  if (!fits(x->r.type, x->r.high, x->r.low)) {
    if (x->a.type == F32) return;
    x->r.type = F32; /* wider, through dtype= */
    if (is_float(&x->a) && fits(F32, x->r.high, x->r.low))
      define(g, &x->r, "tl.sum(%s%s, dtype=tl.float32)", x->a.name, x->how);
    return;
  }
  define(g, &x->r, "tl.sum(%s%s).to(tl.%s)", x->a.name, x->how,
         triton_type(&x->a));
}

static void reduce_own(generator *g, reduction *x) {
  value b = partner(g, &x->a), first = x->r, second = x->r;
  if (is_float(&x->a)) {
    define(g, &x->r, "tl.reduce(%s%s, combine_%s)", x->a.name, x->how,
           ONE_OF(g, "max", "min"));
    return;
  }
  if (chance(g, 40) || is_bool(&x->a)) {
    define(g, &x->r, "tl.reduce(%s%s, combine_or)", x->a.name, x->how);
    return;
  }
  first = named(g, &first);
  second = named(g, &second);
  /* Not combine_affine: the order of operands is not promised here. */
  put(g, "%s, %s = tl.reduce((%s, %s)%s, combine_two)", first.name,
      second.name, x->a.name, b.name, x->how);
  keep(g, &first);
  keep(g, &second);
}

static void arg_of(generator *g, reduction *x) {
  value index = x->r;
  if (is_bool(&x->a) || x->a.wild || random_types[x->a.type].bits < 8) return;
  index.type = I32;
  index.wild = false;
  const char *which = ONE_OF(g, "max", "min");
  if (chance(g, 50)) {
    define(g, &index, "tl.arg%s(%s, %d%s)", which, x->a.name, x->axis,
           x->kept ? ", keep_dims=True" : "");
    return;
  }
  value top = named(g, &x->r);
  index = named(g, &index);
  put(g, "%s, %s = tl.%s(%s, %d, return_indices=True%s)", top.name,
      index.name, which, x->a.name, x->axis,
      x->kept ? ", keep_dims=True" : "");
  put(g, "%s = %s.to(tl.%s)", top.name, top.name, triton_type(&top));
  keep(g, &top);
  keep(g, &index);
}

void gen_reduce(generator *g) {
  reduction x = {.kept = chance(g, 30)};
  if (!find(g, is_tile, &x.a) || kind_of(&x.a) == SMALL) return;
  x.axis = below(g, x.a.rank);
  x.extent = x.a.shape[x.axis];
  x.r = x.a;
  bool whole = chance(g, 12);
  if (whole) {
    x.extent = numel(&x.a);
    x.r.rank = 0;
    strcpy(x.how, ", None");
  } else if (x.kept) {
    x.r.shape[x.axis] = 1;
    sprintf(x.how, ", %d, keep_dims=True", x.axis);
  } else {
    drop(&x.r, x.axis);
    sprintf(x.how, ", %d", x.axis);
  }
  const char *t = triton_type(&x.a);
  switch (below(g, 9)) {
    case 0: case 1: case 2: sum(g, &x); return;
    case 3: case 4:
      if (!is_bool(&x.a))
        define(g, &x.r, "tl.%s(%s%s).to(tl.%s)", ONE_OF(g, "max", "min"),
               x.a.name, x.how, t);
      return;
    case 5:
      if (!whole) arg_of(g, &x);
      return;
    case 6:
      if (is_int(&x.a))
        define(g, &x.r, "tl.xor_sum(%s%s).to(tl.%s)", x.a.name, x.how, t);
      return;
    default:
      if (whole) return;
      if (x.kept) sprintf(x.how, ", %d", x.axis);
      else reduce_own(g, &x);
      return;
  }
}

/* ---- scans ------------------------------------------------------------ */

static void scan_float(generator *g, const value *a, const char *how) {
  value r = *a;
  int axis = below(g, a->rank);
  if (a->wild || chance(g, 50)) {
    define(g, &r, "tl.associative_scan(%s, %d, combine_%s%s)", a->name, axis,
           ONE_OF(g, "max", "min"), how);
    return;
  }
  r.high += log2_of(a->shape[axis]);
  if (fits(r.type, r.high, r.low))
    define(g, &r, "tl.cumsum(%s, %d%s).to(tl.%s)", a->name, axis, how,
           triton_type(a));
}

void gen_scan(generator *g) {
  value a;
  if (!find(g, is_tile, &a) || is_bool(&a) || kind_of(&a) == SMALL) return;
  int axis = below(g, a.rank);
  char how[32];
  sprintf(how, ", reverse=%s", chance(g, 30) ? "True" : "False");
  if (is_float(&a)) {
    scan_float(g, &a, how);
    return;
  }
  int which = below(g, 5);
  if (which < 2)
    define(g, &a, "tl.%s(%s, %d%s).to(tl.%s)",
           ONE_OF(g, "cumsum", "cumprod"), a.name, axis, how,
           triton_type(&a));
  else if (which == 2)
    define(g, &a, "tl.associative_scan(%s, %d, combine_or%s)", a.name, axis,
           how);
  else {
    value b = partner(g, &a), r = named(g, &a), s = named(g, &a);
    put(g, "%s, %s = tl.associative_scan((%s, %s), %d, combine_affine%s)",
        r.name, s.name, a.name, b.name, axis, how);
    keep(g, &r);
    keep(g, &s);
  }
}

/* ---- functions that are not exact ------------------------------------- */

static bool is_small_float(const value *v) {
  return v->type == F32 && !v->wild && v->high <= 3 && v->rank > 0;
}

/* x: at most 8. Metal promises 4 units for exp2, log2, sin and cos, and the
 * scale that goes with exp and log costs one rounding of x log2(e), which
 * moves the result by |x| / 2 units. The evaluator rounds each operation, by
 * half a unit, so each bound has room for that, too. */
void gen_inexact(generator *g) {
  static const struct {
    const char *text;
    uint32_t ulps;
  } functions[] = {
      {"tl.exp(%s)", 4 + 8 / 2 + 1},
      {"tl.exp2(%s)", 5},
      {"tl.log(tl.abs(%s) + 1.0)", 6},
      {"tl.log2(tl.abs(%s) + 1.0)", 5},
      {"tl.sin(%s)", 5},
      {"tl.cos(%s)", 5},
      {"tl.sqrt(tl.abs(%s))", 5},
      {"tl.rsqrt(tl.abs(%s) + 1.0)", 5},
      {"tl.erf(%s)", 5},
      {"3.0 / (tl.abs(%s) + 1.0)", 4},
      {"tl.sigmoid(%s)", 2 * (4 + 8 / 2) + 4 + 2},
  };
  value x, v;
  if (g->n_buffers + 3 > RANDOM_MAX_BUFFERS || !find(g, is_small_float, &x))
    return;
  int which = below(g, (int)(sizeof functions / sizeof functions[0]) + 1);
  v = named(g, &x);
  char text[96];
  int n = x.shape[x.rank - 1];
  uint32_t ulps;
  if (which == (int)(sizeof functions / sizeof functions[0])) {
    /* exp of at most 16, n of them added, and divided */
    if (x.rank > 2) return;
    snprintf(text, sizeof text, "tl.softmax(%s, dim=%d)", x.name, x.rank - 1);
    ulps = 2 * (4 + 16 / 2) + (uint32_t)n + 4;
  } else {
    snprintf(text, sizeof text, functions[which].text, x.name);
    ulps = functions[which].ulps;
  }
  put(g, "%s = %s", v.name, text);
  gen_store(g, &v);
  g->ulps[g->n_buffers - 1] = ulps;
}
