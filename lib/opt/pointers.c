/* SPDX-License-Identifier: MIT */
/*
 * pointers.c - tensors of pointers become a scalar pointer and offsets.
 *
 *     %o = arith.addi (tt.splat %s), %r       %b = tt.addptr %p, %s
 *     %t = tt.addptr (tt.splat %p), %o   ->   %t = tt.addptr (tt.splat %b), %r
 *
 *     scf.for iter_args(%a = %t) {            scf.for iter_args(%b2 = %b) {
 *       tt.load %a                       ->     tt.load (%b2 splat + %r)
 *       yield tt.addptr %a, splat %k }          yield tt.addptr %b2, %k }
 *
 * Metal wants this: a device pointer is 64-bit scalar work, done once for the
 * simdgroup, and an index of 32 bits does for the rest. Each such tensor has
 * two parts: base, and offsets, carried through control flow as 64-bit
 * offsets that fold.c finds invariant in all usual loops.
 *
 * What makes it right. tt.addptr extends each 32-bit offset by its sign, so
 * offsets add up in 64 bits. Here
 *   - 32-bit offsets of two addptr are added in 32 bits only when their
 *     ranges show that the sum fits, else in 64;
 *   - a uniform term moves from an offset to the base. For 64-bit offsets
 *     that is exact, addresses being modulo 2^64. For 32-bit offsets it
 *     assumes that the program's index arithmetic does not wrap, as Triton's
 *     own AMD backend does (CanonicalizePointers): an address whose index
 *     wrapped is outside of every buffer. What is left must not wrap where
 *     the whole did not. It does not when ranges say so, or when the term
 *     and the rest have the same sign: then the rest is the smaller number;
 *   - when neither is known, the offset stays as it was.
 *
 * Pointers chosen by a tensor (arith.select with a tensor condition), loaded
 * or made from integers stay as they are.
 *
 * Requires: fold.c has run (uniform operands are tt.splat). Maintains:
 * effects, order. Breaks: use counts; leaves dead instructions.
 */
#include "optint.h"

enum { DEEPEST = 16 };

static bool is_pointer_tensor(const tm_expander *x, tm_type t) {
  (void)x;
  return tm_type_is_tensor(t) && t->element->kind == TM_TYPE_POINTER;
}

/* ---- offsets: uniform term and rest ----------------------------------- */

/* offset = uniform + rest. Zero values stand for 0. */
typedef struct split {
  tm_value uniform;   /* scalar, i32 or i64 */
  tm_value rest;      /* tensor of the offset's type */
  bool smaller;       /* each element of rest has the sign of the offset's
                         and is not larger; see the file's comment */
  bool not_negative;  /* both are >= 0 */
} split;

static tm_op op_of(const tm_ir *ir, tm_value v) {
  tm_inst def = tm_val(ir, v)->def;
  return def ? tm_get(ir, def)->op : TM_OP_NONE;
}

static tm_value arg_of(const tm_ir *ir, tm_value v, uint32_t n) {
  return tm_get(ir, tm_val(ir, v)->def)->operands[n];
}

static bool is_wide(const tm_ir *ir, tm_value v) {
  return tm_type_element(tm_type_of(ir, v))->scalar == TM_I64;
}

static tm_value widen(tm_builder *b, tm_value v) {
  tm_type t = tm_type_of(b->ir, v);
  if (is_wide(b->ir, v)) return v;
  tm_type wide = tm_type_like(b->ir, t, tm_type_scalar(b->ir, TM_I64));
  return tm_build_to(b, TM_EXTSI, v, wide);
}

/* Both operands first: C does not order a call's arguments. */
static tm_value build_wide(tm_builder *b, tm_op op, tm_value x, tm_value y) {
  x = widen(b, x);
  y = widen(b, y);
  return tm_build2(b, op, x, y);
}

static tm_value add_uniform(tm_builder *b, tm_value x, tm_value y) {
  if (!x || !y) return x ? x : y;
  return build_wide(b, TM_ADDI, x, y);
}

static bool fits_32(int64_t lo, int64_t hi) {
  return lo >= INT32_MIN && hi <= INT32_MAX;
}

/* Can x + y wrap in 32 bits? */
static bool sum_fits(tm_ir *ir, tm_value x, tm_value y) {
  tm_range a = tm_range_of(ir, x, true), b = tm_range_of(ir, y, true);
  /* Both are in 32 bits, so 64-bit sums cannot wrap. */
  return fits_32(a.lo, a.hi) && fits_32(b.lo, b.hi) &&
         fits_32(a.lo + b.lo, a.hi + b.hi);
}

static split leaf(tm_ir *ir, tm_value o) {
  return (split){.rest = o, .smaller = true,
                 .not_negative = tm_range_of(ir, o, true).lo >= 0};
}

/* The scalar that every element of o is: through tt.splat or a constant. */
static tm_value uniform_of(tm_builder *b, tm_value o) {
  int64_t c;
  if (op_of(b->ir, o) == TM_SPLAT) return arg_of(b->ir, o, 0);
  if (tm_value_const_int(b->ir, o, &c))
    return tm_build_int(b, tm_type_of(b->ir, o)->element, c);
  return 0;
}

static bool is_uniform(const tm_ir *ir, tm_value o) {
  return op_of(ir, o) == TM_SPLAT || tm_value_const_int(ir, o, NULL);
}

/* Would split_offset find a uniform term? */
static bool has_uniform(const tm_ir *ir, tm_value o, int depth) {
  if (depth > DEEPEST) return false;
  if (is_uniform(ir, o)) return true;
  switch (op_of(ir, o)) {
  case TM_ADDI:
    return has_uniform(ir, arg_of(ir, o, 0), depth + 1) ||
           has_uniform(ir, arg_of(ir, o, 1), depth + 1);
  case TM_MULI: { /* a uniform factor, of a sum with a uniform term */
    tm_value x = arg_of(ir, o, 0), y = arg_of(ir, o, 1);
    if (is_uniform(ir, y)) return has_uniform(ir, x, depth + 1);
    return is_uniform(ir, x) && has_uniform(ir, y, depth + 1);
  }
  case TM_BROADCAST: case TM_EXPAND_DIMS: case TM_EXTSI: case TM_RESHAPE:
  case TM_TRANS:
    return has_uniform(ir, arg_of(ir, o, 0), depth + 1);
  default:
    return false;
  }
}

static split split_offset(tm_builder *b, tm_value o, int depth);

static split split_sum(tm_builder *b, tm_value o, int depth) {
  tm_ir *ir = b->ir;
  split x = split_offset(b, arg_of(ir, o, 0), depth + 1);
  split y = split_offset(b, arg_of(ir, o, 1), depth + 1);
  bool wide = is_wide(ir, o);
  if (!x.uniform && !y.uniform) return leaf(ir, o);
  split s = {.uniform = add_uniform(b, x.uniform, y.uniform)};
  s.not_negative = x.not_negative && y.not_negative;
  /* Each is its own rest plus its own term, of one sign: the two rests do
   * not leave the type where the two whole ones did not. */
  bool safe = wide || !x.rest || !y.rest || (x.smaller && y.smaller) ||
              sum_fits(ir, x.rest, y.rest);
  if (!safe) return leaf(ir, o);
  s.rest = !x.rest || !y.rest ? (x.rest ? x.rest : y.rest)
                              : tm_build2(b, TM_ADDI, x.rest, y.rest);
  s.smaller = s.not_negative || !s.rest;
  return s;
}

static split split_product(tm_builder *b, tm_value o, int depth) {
  tm_ir *ir = b->ir;
  uint32_t at = is_uniform(ir, arg_of(ir, o, 1)) ? 1 : 0;
  tm_value factor = arg_of(ir, o, at);
  tm_value c = uniform_of(b, factor);
  split x = split_offset(b, arg_of(ir, o, 1 - at), depth + 1);
  if (!x.uniform) return leaf(ir, o);
  if (!is_wide(ir, o) && x.rest && !x.smaller) return leaf(ir, o);
  split s = {.smaller = x.smaller || !x.rest};
  s.uniform = build_wide(b, TM_MULI, x.uniform, c);
  if (x.rest) s.rest = tm_build2(b, TM_MULI, x.rest, factor);
  s.not_negative =
      x.not_negative && tm_range_of(ir, factor, true).lo >= 0;
  return s;
}

/* A shape change or an extension of what is below it. */
static split split_through(tm_builder *b, tm_value o, int depth) {
  tm_ir *ir = b->ir;
  tm_inst def = tm_val(ir, o)->def;
  split s = split_offset(b, arg_of(ir, o, 0), depth + 1);
  if (!s.uniform) return leaf(ir, o);
  if (!s.rest) return s;
  tm_type to = tm_type_of(ir, o);
  tm_value rest = s.rest;
  const tm_inst_data i = *tm_get(ir, def);
  tm_inst made = tm_build(b, i.op, 1, &rest, 1, &to, 0, NULL, i.n_attrs,
                          i.attrs);
  s.rest = tm_get(ir, made)->results;
  return s;
}

static split split_offset(tm_builder *b, tm_value o, int depth) {
  tm_ir *ir = b->ir;
  if (depth > DEEPEST || !has_uniform(ir, o, depth)) return leaf(ir, o);
  tm_value u = uniform_of(b, o);
  if (u)
    return (split){.uniform = u, .smaller = true,
                   .not_negative = tm_range_of(ir, u, true).lo >= 0};
  switch (op_of(ir, o)) {
  case TM_ADDI:
    return split_sum(b, o, depth);
  case TM_MULI:
    return split_product(b, o, depth);
  case TM_BROADCAST: case TM_EXPAND_DIMS: case TM_RESHAPE: case TM_TRANS:
    return split_through(b, o, depth);
  case TM_EXTSI: /* of 32 bits: extends what it was taken not to wrap */
    if (tm_scalar_bits(tm_type_element(tm_type_of(ir, arg_of(ir, o, 0)))
                           ->scalar) < 32)
      return leaf(ir, o);
    return split_through(b, o, depth);
  default:
    return leaf(ir, o);
  }
}

/* ---- parts of a tensor of pointers ------------------------------------ */

enum { BASE, OFFSET }; /* OFFSET may be 0, and of 32 or 64 bits */

static tm_parts parts_of(tm_value base, tm_value offset) {
  return (tm_parts){.n = 2, .v = {base, offset}};
}

/* The sum of two offsets as a narrow one if both are and it fits. */
static tm_value add_offsets(tm_builder *b, tm_value x, tm_value y) {
  if (!x || !y) return x ? x : y;
  tm_ir *ir = b->ir;
  /* A 64-bit extension of 32 bits is as good as the 32 bits. */
  if (op_of(ir, x) == TM_EXTSI && !is_wide(ir, arg_of(ir, x, 0)))
    x = arg_of(ir, x, 0);
  if (op_of(ir, y) == TM_EXTSI && !is_wide(ir, arg_of(ir, y, 0)))
    y = arg_of(ir, y, 0);
  bool same = tm_type_of(ir, x) == tm_type_of(ir, y);
  if (same && !is_wide(ir, x) && sum_fits(ir, x, y))
    return tm_build2(b, TM_ADDI, x, y);
  return build_wide(b, TM_ADDI, x, y);
}

/* Offsets below 32 bits are extended; what adds them is 32 or 64. */
static tm_value at_least_32(tm_builder *b, tm_value o) {
  tm_type t = tm_type_of(b->ir, o);
  if (tm_scalar_bits(tm_type_element(t)->scalar) >= 32) return o;
  return tm_build_to(b, TM_EXTSI, o,
                     tm_type_like(b->ir, t, tm_type_scalar(b->ir, TM_I32)));
}

static tm_value join_parts(tm_builder *b, tm_type t, const tm_parts *p) {
  tm_value v = tm_build_to(b, TM_SPLAT, p->v[BASE], t);
  return p->v[OFFSET] ? tm_build2(b, TM_ADDPTR, v, p->v[OFFSET]) : v;
}

static tm_value join(tm_expander *x, tm_builder *b, tm_value v) {
  return join_parts(b, tm_type_of(x->ir, v), tm_expand_parts(x, v));
}

static uint32_t part_types(const tm_expander *x, tm_type t, tm_type *types) {
  types[BASE] = t->element;
  types[OFFSET] = tm_type_like(x->ir, t, tm_type_scalar(x->ir, TM_I64));
  return 2;
}

static tm_parts carry(tm_expander *x, tm_builder *b, tm_value v) {
  tm_parts p = *tm_expand_parts(x, v);
  tm_type types[TM_MAX_PARTS];
  part_types(x, tm_type_of(x->ir, v), types);
  p.v[OFFSET] = p.v[OFFSET] ? widen(b, p.v[OFFSET])
                            : tm_build_int(b, types[OFFSET], 0);
  return p;
}

/* ---- instructions ----------------------------------------------------- */

/* In memory; an i1 takes a byte. */
static uint32_t bytes_of(tm_type t) {
  return t->kind == TM_TYPE_SCALAR ? (tm_scalar_bits(t->scalar) + 7) / 8 : 8;
}

static bool is_source(const tm_expander *x, tm_inst inst) {
  const tm_inst_data *i = tm_get(x->ir, inst);
  switch (i->op) {
  case TM_SPLAT: case TM_ADDPTR: case TM_BROADCAST: case TM_EXPAND_DIMS:
  case TM_TRANS:
    return true;
  case TM_RESHAPE: /* base and offsets would be reordered together */
    return true;
  case TM_SELECT: /* by a scalar: parts are selected */
    return !tm_type_is_tensor(tm_type_of(x->ir, i->operands[0]));
  case TM_BITCAST: { /* to pointers to elements of the same size */
    tm_type from = tm_type_of(x->ir, i->operands[0]);
    tm_type to = tm_type_of(x->ir, i->results);
    if (from->element->kind != TM_TYPE_POINTER) return false;
    tm_type a = from->element->element, b = to->element->element;
    return bytes_of(a) == bytes_of(b);
  }
  default:
    return false;
  }
}

/* Everything can use the joined value. */
static bool is_user(const tm_expander *x, tm_inst inst) {
  (void)x;
  (void)inst;
  return true;
}

static tm_parts parts_of_addptr(tm_expander *x, tm_builder *b,
                                const tm_inst_data *i) {
  tm_parts p = *tm_expand_parts(x, i->operands[0]);
  tm_value o = at_least_32(b, tm_expand_now(x, i->operands[1]));
  split s = split_offset(b, o, 0);
  if (s.uniform) p.v[BASE] = tm_build2(b, TM_ADDPTR, p.v[BASE], s.uniform);
  p.v[OFFSET] = add_offsets(b, p.v[OFFSET], s.rest);
  return p;
}

static tm_parts parts_of_select(tm_expander *x, tm_builder *b,
                                const tm_inst_data *i) {
  tm_parts p = *tm_expand_parts(x, i->operands[1]);
  tm_parts q = *tm_expand_parts(x, i->operands[2]);
  tm_value c = tm_expand_now(x, i->operands[0]);
  if (p.v[OFFSET] != q.v[OFFSET]) {
    p = carry(x, b, i->operands[1]);
    q = carry(x, b, i->operands[2]);
    p.v[OFFSET] = tm_build3(b, TM_SELECT, c, p.v[OFFSET], q.v[OFFSET]);
  }
  p.v[BASE] = tm_build3(b, TM_SELECT, c, p.v[BASE], q.v[BASE]);
  return p;
}

/* A splat, or an addptr of one, from which nothing moves: it stays. */
static bool is_done(tm_expander *x, tm_inst inst) {
  const tm_inst_data *i = tm_get(x->ir, inst);
  if (i->op == TM_SPLAT) return true;
  if (i->op != TM_ADDPTR || has_uniform(x->ir, i->operands[1], 0))
    return false;
  return op_of(x->ir, i->operands[0]) == TM_SPLAT &&
         tm_scalar_bits(tm_type_element(tm_type_of(x->ir, i->operands[1]))
                            ->scalar) >= 32;
}

/* Pointers that stand for a tile of pointers are called as it is; what is
 * added to them is not what the source calls so. */
static bool is_unnamed_pointer(const tm_ir *ir, tm_inst inst) {
  const tm_inst_data *i = tm_get(ir, inst);
  return i->n_results && !tm_val(ir, i->results)->name &&
         tm_type_element(tm_type_of(ir, i->results))->kind == TM_TYPE_POINTER;
}

static void rewrite(tm_expander *x, tm_inst inst) {
  tm_ir *ir = x->ir;
  tm_inst_data i = *tm_get(ir, inst);
  if (i.n_results != 1 || i.results >= x->n_values || !x->good[i.results])
    return;
  tm_builder b = tm_build_before(ir, inst);
  tm_type t = tm_type_of(ir, i.results);
  tm_parts p;
  if (is_done(x, inst)) {
    p = i.op == TM_SPLAT
            ? parts_of(tm_expand_now(x, i.operands[0]), 0)
            : parts_of(tm_expand_parts(x, i.operands[0])->v[BASE],
                       tm_expand_now(x, i.operands[1]));
    tm_expand_set(x, i.results, &p);
    return;
  }
  uint32_t before = ir->insts.len;
  switch (i.op) {
  case TM_ADDPTR:
    p = parts_of_addptr(x, &b, &i);
    break;
  case TM_SELECT:
    p = parts_of_select(x, &b, &i);
    break;
  case TM_BITCAST:
    p = *tm_expand_parts(x, i.operands[0]);
    p.v[BASE] = tm_build_to(&b, TM_BITCAST, p.v[BASE], t->element);
    break;
  default: { /* a change of shape */
    p = *tm_expand_parts(x, i.operands[0]);
    if (!p.v[OFFSET]) break;
    tm_type to = tm_type_like(
        ir, t, tm_type_element(tm_type_of(ir, p.v[OFFSET])));
    tm_inst made = tm_build(&b, i.op, 1, &p.v[OFFSET], 1, &to, 0, NULL,
                            i.n_attrs, i.attrs);
    p.v[OFFSET] = tm_get(ir, made)->results;
    break;
  }
  }
  tm_expand_set(x, i.results, &p);
  tm_value whole = join_parts(&b, t, &p);
  for (uint32_t n = before; n < ir->insts.len; n++)
    if (is_unnamed_pointer(ir, n))
      tm_val(ir, tm_get(ir, n)->results)->name = tm_val(ir, i.results)->name;
  tm_map_put(&x->renamed, i.results, whole);
  tm_inst_remove(ir, inst);
  x->changed = true;
}

bool tm_pass_pointers(tm_ir *ir) {
  tm_expander x = {.ir = ir, .is_wanted = is_pointer_tensor,
                   .is_source = is_source, .is_user = is_user,
                   .part_types = part_types, .rewrite = rewrite,
                   .carry = carry, .join = join};
  return tm_expand(&x);
}
