/* SPDX-License-Identifier: MIT */
/*
 * dots.c - matrix products in terms of those that Metal has.
 *
 * simdgroup_matrix multiplies half by half and float by float, and adds in
 * float (bf16 is multiplied as float by the code generator). Other products
 * become those:
 *
 *     dot i8, i8 -> i32       dot (sitofp f16), (sitofp f16) -> f32, fptosi,
 *                             addi: up to K = 1024 every partial sum is an
 *                             integer of at most 2^24 (128 * 128 * 1024),
 *                             which float holds exactly
 *     dot fp8, fp8            both sides converted to f16, exactly
 *     dot ... -> f16          the accumulator is widened, added to in f32 and
 *                             rounded once, as the language defines it
 *     dot_scaled              operands and scales converted to bf16 (or f16,
 *                             when a side is f16), multiplied, then dot: what
 *                             upstream's DecomposeScaledBlocked defines,
 *                             overflow and the NaN scale 0xFF included
 *
 * What cannot be rewritten stays and is refused when layouts are assigned.
 *
 * Requires: dominance. Maintains: everything. Breaks: nothing.
 */
#include "opt.h"

#include <string.h>

enum {
  EXACT_K = 1024,     /* of int8 products in float */
  E4M3 = 0, E5M2 = 1, E2M1 = 4, BF16 = 5, FP16 = 6 /* ScaleDotElemType */
};

static tm_scalar scalar_of(const tm_ir *ir, tm_value v) {
  tm_type t = tm_type_element(tm_type_of(ir, v));
  return t->kind == TM_TYPE_SCALAR ? t->scalar : TM_VOID;
}

static bool is_fp8(tm_scalar s) {
  return tm_scalar_is_float(s) && tm_scalar_bits(s) == 8;
}

static tm_type like(tm_builder *b, tm_value v, tm_scalar s) {
  return tm_type_like(b->ir, tm_type_of(b->ir, v), tm_type_scalar(b->ir, s));
}

static tm_value to(tm_builder *b, tm_op op, tm_value v, tm_scalar s) {
  return scalar_of(b->ir, v) == s ? v
                                  : tm_build_to(b, op, v, like(b, v, s));
}

/* ---- tt.dot ------------------------------------------------------------ */

static tm_value product(tm_builder *b, tm_inst from, tm_value x, tm_value y,
                        tm_value acc) {
  const tm_inst_data *i = tm_get(b->ir, from);
  tm_value operands[] = {x, y, acc};
  tm_type type = tm_type_of(b->ir, acc);
  tm_attr attrs[] = {
    tm_attr_int(TM_ATTR_INPUT_PRECISION, i->op == TM_DOT
        ? tm_inst_int(b->ir, from, TM_ATTR_INPUT_PRECISION, 2) : 2),
    tm_attr_int(TM_ATTR_MAX_IMPRECISE_ACC, 0)};
  tm_inst dot =
      tm_build(b, TM_DOT, 3, operands, 1, &type, 0, NULL, 2, attrs);
  return tm_get(b->ir, dot)->results;
}

/* What the dot's result is instead; 0: it may stay. */
static tm_value rewrite_dot(tm_ir *ir, tm_inst inst) {
  tm_inst_data i = *tm_get(ir, inst);
  tm_builder b = tm_build_before(ir, inst);
  tm_value x = i.operands[0], y = i.operands[1], acc = i.operands[2];
  tm_scalar left = scalar_of(ir, x), right = scalar_of(ir, y);
  tm_scalar out = scalar_of(ir, acc);
  tm_type tx = tm_type_of(ir, x);
  if (left == TM_I8 && right == TM_I8 && out == TM_I32) {
    if (tx->shape[tx->rank - 1] > EXACT_K) return 0;
    x = to(&b, TM_SITOFP, x, TM_F16);
    y = to(&b, TM_SITOFP, y, TM_F16);
    tm_value zero = tm_build_float(&b, like(&b, acc, TM_F32), 0);
    tm_value sum = product(&b, inst, x, y, zero);
    return tm_build2(&b, TM_ADDI, acc, to(&b, TM_FPTOSI, sum, TM_I32));
  }
  bool fp8 = is_fp8(left) || is_fp8(right);
  if (is_fp8(left)) x = to(&b, TM_FP_TO_FP, x, TM_F16);
  if (is_fp8(right)) y = to(&b, TM_FP_TO_FP, y, TM_F16);
  if (out == TM_F16) {
    acc = to(&b, TM_EXTF, acc, TM_F32);
    return to(&b, TM_TRUNCF, product(&b, inst, x, y, acc), TM_F16);
  }
  return fp8 ? product(&b, inst, x, y, acc) : 0;
}

/* ---- tt.dot_scaled ----------------------------------------------------- */

static tm_value trans(tm_builder *b, tm_value v, uint32_t rank,
                      const int64_t *order) {
  tm_attr attr = {.key = TM_ATTR_ORDER, .kind = TM_ATTR_INTS, .ints = order,
                  .n_ints = rank};
  tm_inst i = tm_build(b, TM_TRANS, 1, &v, 1, NULL, 0, NULL, 1, &attr);
  return tm_get(b->ir, i)->results;
}

/* Moves the last dimension behind dim and makes one of the two. */
static tm_value fold_last(tm_builder *b, tm_value v, uint32_t dim) {
  tm_type t = tm_type_of(b->ir, v);
  uint32_t rank = t->rank;
  int64_t order[TM_MAX_RANK], shape[TM_MAX_RANK];
  for (uint32_t d = 0, n = 0; d + 1 < rank; d++) {
    shape[d] = d == dim ? t->shape[d] * t->shape[rank - 1] : t->shape[d];
    order[n++] = d;
    if (d == dim) order[n++] = rank - 1;
  }
  if (dim + 2 < rank) v = trans(b, v, rank, order);
  return tm_build_to(b, TM_RESHAPE, v,
                     tm_type_tensor(b->ir, t->element, rank - 1, shape));
}

/* Four bits to float: twice the magnitudes 0 .5 1 1.5 2 3 4 6 are the digits
 * of a constant; the sign also of zero. */
static tm_value decode_e2m1(tm_builder *b, tm_value code, tm_scalar s) {
  tm_type t = like(b, code, TM_I32), f = like(b, code, TM_F32);
  tm_value place = tm_build2(b, TM_SHLI,
      tm_build2(b, TM_ANDI, code, tm_build_int(b, t, 7)),
      tm_build_int(b, t, 2));
  tm_value twice = tm_build2(b, TM_ANDI,
      tm_build2(b, TM_SHRUI, tm_build_int(b, t, (int32_t)0xC8643210), place),
      tm_build_int(b, t, 15));
  tm_value negative = tm_build_cmpi(b, TM_CMPI_NE,
      tm_build2(b, TM_ANDI, code, tm_build_int(b, t, 8)),
      tm_build_int(b, t, 0));
  tm_value factor = tm_build3(b, TM_SELECT, negative,
                              tm_build_float(b, f, -0.5),
                              tm_build_float(b, f, 0.5));
  tm_value x = tm_build2(b, TM_MULF, to(b, TM_SITOFP, twice, TM_F32), factor);
  return to(b, TM_TRUNCF, x, s);
}

static tm_value unpack_e2m1(tm_builder *b, tm_value v, uint32_t dim,
                            tm_scalar s) {
  tm_value wide = tm_build_to(b, TM_EXTUI, v, like(b, v, TM_I32));
  tm_type t = tm_type_of(b->ir, wide);
  tm_value low = tm_build2(b, TM_ANDI, wide, tm_build_int(b, t, 15));
  tm_value high = tm_build2(b, TM_SHRUI, wide, tm_build_int(b, t, 4));
  tm_value pair = tm_build2(b, TM_JOIN, decode_e2m1(b, low, s),
                            decode_e2m1(b, high, s));
  return fold_last(b, pair, dim);
}

/* 2^(code - 127), exactly as upstream has it: in bf16 code 0 is the subnormal
 * 2^-127, in f16 it is 0 and what f16 cannot hold overflows; 255 is NaN, but
 * infinity in fast math. */
static tm_value scale_to(tm_builder *b, tm_value scale, tm_scalar s,
                         bool fast) {
  if (tm_scalar_is_float(scalar_of(b->ir, scale)))
    return to(b, TM_FP_TO_FP, scale, s);
  bool half = s == TM_F16;
  tm_value x =
      tm_build_to(b, TM_EXTUI, scale, like(b, scale, half ? TM_I32 : TM_I16));
  tm_type t = tm_type_of(b->ir, x);
  x = tm_build2(b, TM_SHLI, x, tm_build_int(b, t, half ? 23 : 7));
  if (!half) x = tm_build2(b, TM_MAXUI, x, tm_build_int(b, t, 64));
  x = to(b, TM_BITCAST, x, half ? TM_F32 : TM_BF16);
  if (!fast) { /* infinity times 0 is NaN */
    tm_value zero = tm_build_float(b, tm_type_of(b->ir, x), 0);
    x = tm_build3(b, TM_FMA, x, zero, x);
  }
  return half ? to(b, TM_TRUNCF, x, s) : x;
}

/* [.., rows, K / f] as the operand is: [.., rows, K], or [.., K, rows]. */
static tm_value spread(tm_builder *b, tm_value scale, tm_type operand,
                       bool right) {
  tm_type t = tm_type_of(b->ir, scale);
  uint32_t rank = t->rank;
  if (right) {
    int64_t swap[TM_MAX_RANK];
    for (uint32_t d = 0; d < rank; d++) swap[d] = d;
    swap[rank - 1] = rank - 2;
    swap[rank - 2] = rank - 1;
    scale = trans(b, scale, rank, swap);
    t = tm_type_of(b->ir, scale);
  }
  uint32_t k = right ? rank - 2 : rank - 1;
  int64_t shape[TM_MAX_RANK];
  memcpy(shape, t->shape, rank * sizeof shape[0]);
  shape[rank] = 1;
  tm_attr axis = tm_attr_int(TM_ATTR_AXIS, rank);
  tm_type thin = tm_type_tensor(b->ir, t->element, rank + 1, shape);
  tm_inst i = tm_build(b, TM_EXPAND_DIMS, 1, &scale, 1, &thin, 0, NULL, 1,
                       &axis);
  shape[rank] = operand->shape[k] / t->shape[k];
  tm_value wide =
      tm_build_to(b, TM_BROADCAST, tm_get(b->ir, i)->results,
                  tm_type_tensor(b->ir, t->element, rank + 1, shape));
  return fold_last(b, wide, k);
}

typedef struct side {
  tm_value value, scale; /* scale: 0 for none */
  int64_t format;
  bool right, packs_k;
} side;

/* An operand of dot_scaled, multiplied by its scale, in s. */
static tm_value scaled(tm_builder *b, const side *x, tm_scalar s, bool fast) {
  tm_value v = x->value;
  uint32_t rank = tm_type_of(b->ir, v)->rank;
  bool last = x->right != x->packs_k; /* the dimension with the pairs */
  if (x->format == E2M1)
    v = unpack_e2m1(b, v, last ? rank - 1 : rank - 2, s);
  else if (x->format <= E5M2)
    v = to(b, TM_FP_TO_FP, v, s);
  else if (x->format == BF16 && s == TM_F16)
    v = to(b, TM_TRUNCF, to(b, TM_EXTF, v, TM_F32), s);
  if (!x->scale) return v;
  tm_value by = spread(b, scale_to(b, x->scale, s, fast),
                       tm_type_of(b->ir, v), x->right);
  return tm_build2(b, TM_MULF, v, by);
}

/* Has the side the types and shapes that lowering gives it? Text may not. */
static bool is_regular(const tm_ir *ir, const side *x) {
  tm_type t = tm_type_of(ir, x->value);
  tm_scalar s = scalar_of(ir, x->value);
  bool fits = x->format == E2M1 ? s == TM_I8
            : x->format == E4M3 ? s == TM_FP8E4NV
            : x->format == E5M2 ? s == TM_FP8E5
            : x->format == BF16 ? s == TM_BF16
            : x->format == FP16 && s == TM_F16;
  if (!fits || t->rank < 2 || t->rank > 3) return false;
  if (!x->scale) return true;
  tm_type st = tm_type_of(ir, x->scale);
  s = scalar_of(ir, x->scale);
  if (st->rank != t->rank || (s != TM_I8 && s != TM_FP8E4NV)) return false;
  uint32_t n = t->rank;
  int64_t rows = t->shape[x->right ? n - 1 : n - 2];
  int64_t k = t->shape[x->right ? n - 2 : n - 1];
  if (x->format == E2M1) *(x->packs_k ? &k : &rows) *= 2;
  if (n == 3 && st->shape[0] != t->shape[0]) return false;
  return st->shape[n - 2] == rows && st->shape[n - 1] > 0 &&
         k % st->shape[n - 1] == 0;
}

static tm_value rewrite_scaled(tm_ir *ir, tm_inst inst) {
  tm_inst_data i = *tm_get(ir, inst);
  const tm_attr *parts = tm_inst_attr(ir, inst, TM_ATTR_SEGMENTS);
  side a = {i.operands[0], 0, tm_inst_int(ir, inst, TM_ATTR_A_TYPE, 0), false,
            tm_inst_int(ir, inst, TM_ATTR_LHS_K_PACK, 1) != 0};
  side c = {i.operands[1], 0, tm_inst_int(ir, inst, TM_ATTR_B_TYPE, 0), true,
            tm_inst_int(ir, inst, TM_ATTR_RHS_K_PACK, 1) != 0};
  if (parts->ints[3]) a.scale = i.operands[3];
  if (parts->ints[4]) c.scale = i.operands[3 + parts->ints[3]];
  if (!is_regular(ir, &a) || !is_regular(ir, &c)) return 0;
  tm_builder b = tm_build_before(ir, inst);
  tm_scalar s = a.format == FP16 || c.format == FP16 ? TM_F16 : TM_BF16;
  bool fast = tm_inst_int(ir, inst, TM_ATTR_FAST_MATH, 0) != 0;
  tm_value x = scaled(&b, &a, s, fast), y = scaled(&b, &c, s, fast);
  return product(&b, inst, x, y, i.operands[2]);
}

/* ---- the walk ---------------------------------------------------------- */

static bool walk(tm_ir *ir, tm_block block) {
  bool changed = false;
  TM_EACH_INST(ir, inst, block) {
    for (uint32_t r = 0; r < tm_get(ir, inst)->n_regions; r++)
      changed |= walk(ir, tm_get(ir, inst)->regions[r]);
    for (;;) { /* what dot_scaled becomes is looked at, too */
      tm_op op = tm_get(ir, inst)->op;
      tm_value v = op == TM_DOT ? rewrite_dot(ir, inst)
                 : op == TM_DOT_SCALED ? rewrite_scaled(ir, inst) : 0;
      if (!v) break;
      tm_value old = tm_get(ir, inst)->results;
      tm_val(ir, v)->name = tm_val(ir, old)->name;
      tm_value_replace(ir, old, v);
      tm_inst_remove(ir, inst);
      changed = true;
      if (op == TM_DOT) break;
      inst = tm_val(ir, v)->def;
    }
  }
  return changed;
}

bool tm_pass_dots(tm_ir *ir) {
  bool changed = false;
  for (uint32_t f = 0; f < ir->funcs.len; f++)
    changed |= walk(ir, ir->funcs.data[f].body);
  return changed;
}
