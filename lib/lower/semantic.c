/* SPDX-License-Identifier: MIT */
/*
 * semantic.c - constants, casts, broadcasting and shape changes of run-time
 * values, after the functions of the same purpose in Triton's semantic.py.
 *
 * Everything here takes and gives tm_lv. Poison in, poison out. What is
 * checked here never reaches the IR builder wrong.
 */
#include "value.h"

#include <math.h>

tm_lv tm_sem_op1(tm_low *l, tm_op op, tm_lv x) {
  return tm_lv_run(l, tm_build1(&l->b, op, x->value), x->type);
}

tm_lv tm_sem_op2(tm_low *l, tm_op op, tm_lv x, tm_lv y) {
  return tm_lv_run(l, tm_build2(&l->b, op, x->value, y->value), x->type);
}

static tm_lv build_to(tm_low *l, tm_op op, tm_lv x, tm_ltype to) {
  return tm_lv_run(l, tm_build_to(&l->b, op, x->value, to->ir), to);
}

/* ---- constants ---------------------------------------------------------- */

static tm_lv float_constant(tm_low *l, double f, tm_ltype scalar) {
  if (tm_lt_is_fp8(scalar)) {
    /* MLIR has no fp8 literal here; the front end of Triton does the same. */
    tm_lv wide = tm_lv_run(l, 0, tm_lt_scalar(l, TM_DT_F32));
    wide = tm_lv_run(l, tm_build_float(&l->b, wide->type->ir, f), wide->type);
    return tm_sem_cast(l, wide, scalar);
  }
  /* Triton's front end hands numbers on as floats: what is narrower is made
   * of that, rounded again. */
  if (tm_lt_bits(scalar) < 32) f = (double)(float)f;
  return tm_lv_run(l, tm_build_float(&l->b, scalar->ir, f), scalar);
}

tm_lv tm_sem_constant(tm_low *l, tm_lv number, tm_ltype scalar) {
  if (tm_lv_is_poison(number)) return number;
  if (!tm_lv_is_number(number) || scalar->kind != TM_LT_SCALAR ||
      scalar->dtype == TM_DT_VOID)
    return tm_low_error(l, NULL, "%s is not a value of type %s",
                        tm_lv_describe(l, number), tm_lt_text(l, scalar));
  if (tm_lt_is_float(scalar)) {
    double f = number->kind == TM_LV_FLOAT ? number->f
               : number->kind == TM_LV_INT ? (double)number->i
                                           : (double)number->b;
    return float_constant(l, f, scalar);
  }
  tm_wide i = number->kind == TM_LV_INT    ? number->i
              : number->kind == TM_LV_BOOL ? (tm_wide)number->b
                                           : 0;
  if (number->kind == TM_LV_FLOAT && number->f != 0)
    return tm_low_error(l, "write an integer, or use a float type",
                        "%s cannot become %s",
                        tm_lv_describe(l, number), tm_lt_text(l, scalar));
  tm_dtype d = scalar->dtype;
  tm_wide least = tm_dtype_infos[d].is_signed ? tm_dtype_min(d) : 0;
  tm_wide most = ((tm_wide)1 << tm_dtype_infos[d].bits) - 1;
  if (i < least || i > most)
    return tm_low_error(l, "use a wider type", "%s does not fit %s",
                        tm_lv_describe(l, number), tm_lt_text(l, scalar));
  return tm_lv_run(l, tm_build_int(&l->b, scalar->ir, (int64_t)(uint64_t)i),
                   scalar);
}

tm_lv tm_sem_tensor(tm_low *l, tm_lv v) {
  if (tm_lv_is_run(v) || tm_lv_is_poison(v)) return v;
  if (!tm_lv_is_number(v))
    return tm_low_error(l, NULL, "expected a tensor or a number, got %s",
                        tm_lv_describe(l, v));
  tm_dtype d = tm_dtype_of_number(v);
  if (d == TM_DT_VOID)
    return tm_low_error(l, NULL, "%s does not fit 64 bits",
                        tm_lv_describe(l, v));
  return tm_sem_constant(l, v, tm_lt_scalar(l, d));
}

tm_lv tm_sem_zero(tm_low *l, tm_ltype type) {
  tm_ltype element = tm_lt_element(type);
  if (type->kind != TM_LT_DESCRIPTOR && element->kind == TM_LT_SCALAR &&
      !tm_lt_is_fp8(type)) {
    tm_value v = tm_lt_is_float(type) ? tm_build_float(&l->b, type->ir, 0)
                                      : tm_build_int(&l->b, type->ir, 0);
    return tm_lv_run(l, v, type);
  }
  tm_inst i = tm_build(&l->b, TM_POISON, 0, NULL, 1, &type->ir, 0, NULL, 0,
                       NULL);
  return tm_lv_run(l, tm_get(l->ir, i)->results, type);
}

/* ---- casts -------------------------------------------------------------- */

static tm_lv not_zero(tm_low *l, tm_lv v) {
  tm_lv zero = tm_sem_zero(l, v->type);
  tm_ltype to = tm_lt_like(l, v->type, tm_lt_scalar(l, TM_DT_I1));
  tm_value r = tm_lt_is_float(v->type)
                   ? tm_build_cmpf(&l->b, TM_CMPF_UNE, v->value, zero->value)
                   : tm_build_cmpi(&l->b, TM_CMPI_NE, v->value, zero->value);
  return tm_lv_run(l, r, to);
}

static tm_lv fp_to_fp(tm_low *l, tm_lv v, tm_ltype to, int rounding) {
  tm_attr attr = tm_attr_int(TM_ATTR_ROUNDING, rounding);
  tm_inst i = tm_build(&l->b, TM_FP_TO_FP, 1, &v->value, 1, &to->ir, 0, NULL,
                       rounding >= 0, &attr);
  return tm_lv_run(l, tm_get(l->ir, i)->results, to);
}

static tm_lv cast_float(tm_low *l, tm_lv v, tm_ltype to, int rounding) {
  tm_dtype from_d = tm_lt_dtype(v->type), to_d = tm_lt_dtype(to);
  uint32_t from_bits = tm_lt_bits(v->type), to_bits = tm_lt_bits(to);
  bool narrows = to_bits < from_bits;
  if (rounding >= 0 && !narrows)
    return tm_low_error(l, NULL,
                        "fp_downcast_rounding is for casts to a narrower "
                        "float; this one goes from %s to %s",
                        tm_lt_text(l, v->type), tm_lt_text(l, to));
  if (narrows && rounding < 0) rounding = 1;
  if ((from_d == TM_DT_F16 && to_d == TM_DT_BF16) ||
      (from_d == TM_DT_BF16 && to_d == TM_DT_F16))
    return fp_to_fp(l, v, to, 1);
  if (from_d == TM_DT_FP8E4B15 || to_d == TM_DT_FP8E4B15)
    return tm_low_unsupported(l, "use float8e4nv or float8e5",
                              "conversions of float8e4b15 exist only on some "
                              "NVIDIA GPUs");
  if (tm_lt_is_fp8(v->type) || tm_lt_is_fp8(to) || (narrows && rounding == 0))
    return fp_to_fp(l, v, to, narrows ? rounding : -1);
  return build_to(l, narrows ? TM_TRUNCF : TM_EXTF, v, to);
}

static tm_lv cast_int(tm_low *l, tm_lv v, tm_ltype to) {
  uint32_t from_bits = tm_lt_bits(v->type), to_bits = tm_lt_bits(to);
  if (tm_lt_is_bool(to)) return not_zero(l, v);
  if (from_bits == to_bits) return tm_lv_run(l, v->value, to);
  if (from_bits > to_bits) return build_to(l, TM_TRUNCI, v, to);
  return build_to(l, tm_lt_is_signed(v->type) ? TM_EXTSI : TM_EXTUI, v, to);
}

static tm_lv cast_between_kinds(tm_low *l, tm_lv v, tm_ltype to) {
  tm_ltype from = v->type;
  if ((tm_lt_is_fp8(from) && tm_lt_is_int(to)) ||
      (tm_lt_is_int(from) && tm_lt_is_fp8(to)))
    return tm_low_error(l, "go through float32: x.to(tl.float32).to(dtype); "
                           "bitcast=True keeps the bits",
                        "there is no cast from %s to %s", tm_lt_text(l, from),
                        tm_lt_text(l, to));
  if (tm_lt_is_float(from) && tm_lt_is_int(to)) {
    tm_dtype d = tm_lt_dtype(from);
    if (d == TM_DT_F16 || d == TM_DT_BF16) {
      tm_lv wide = tm_sem_cast(l, v, tm_lt_scalar(l, TM_DT_F32));
      return tm_sem_cast(l, wide, tm_lt_element(to));
    }
    if (tm_lt_is_bool(to)) return not_zero(l, v);
    return build_to(l, tm_lt_is_signed(to) ? TM_FPTOSI : TM_FPTOUI, v, to);
  }
  if (tm_lt_is_int(from) && tm_lt_is_float(to)) {
    return build_to(l, tm_lt_is_signed(from) ? TM_SITOFP : TM_UITOFP, v, to);
  }
  if (tm_lt_is_pointer(from) && tm_lt_is_int(to)) {
    tm_ltype i64 = tm_lt_like(l, from, tm_lt_scalar(l, TM_DT_I64));
    if (tm_lt_bits(to) == 64) return build_to(l, TM_PTR_TO_INT, v, to);
    if (tm_lt_is_bool(to))
      return not_zero(l, build_to(l, TM_PTR_TO_INT, v, i64));
  }
  if (tm_lt_is_int(from) && tm_lt_is_pointer(to)) {
    if (tm_lt_bits(from) != 64)
      v = cast_int(l, v, tm_lt_like(l, from, tm_lt_scalar(l, TM_DT_I64)));
    return build_to(l, TM_INT_TO_PTR, v, to);
  }
  if (tm_lt_is_pointer(from) && tm_lt_is_pointer(to))
    return build_to(l, TM_BITCAST, v, to);
  return tm_low_error(l, tm_lt_is_pointer(from)
                             ? "load the value that it points to, or take "
                               "the address with .to(tl.int64)"
                         : tm_lt_is_pointer(to)
                             ? "addresses are 64-bit integers: .to(tl.int64)"
                             : NULL,
                      "cannot cast %s to %s", tm_lt_text(l, from),
                      tm_lt_text(l, to));
}

tm_lv tm_sem_cast_rounding(tm_low *l, tm_lv v, tm_ltype to, int rounding) {
  v = tm_sem_tensor(l, v);
  if (tm_lv_is_poison(v)) return v;
  to = tm_lt_element(to);
  if (v->type->kind == TM_LT_DESCRIPTOR || to->kind == TM_LT_DESCRIPTOR ||
      tm_lt_dtype(v->type) + tm_lt_is_pointer(v->type) == TM_DT_VOID ||
      tm_lt_dtype(to) + tm_lt_is_pointer(to) == TM_DT_VOID)
    return tm_low_error(l, NULL, "cannot cast %s to %s",
                        tm_lt_text(l, v->type), tm_lt_text(l, to));
  if (tm_lt_element(v->type) == to) return v;
  to = tm_lt_like(l, v->type, to);
  bool floats = tm_lt_is_float(v->type) && tm_lt_is_float(to);
  if (floats) return cast_float(l, v, to, rounding);
  if (rounding >= 0)
    return tm_low_error(l, NULL,
                        "fp_downcast_rounding is for casts between floats; "
                        "this one goes from %s to %s",
                        tm_lt_text(l, v->type), tm_lt_text(l, to));
  if (tm_lt_is_int(v->type) && tm_lt_is_int(to)) return cast_int(l, v, to);
  return cast_between_kinds(l, v, to);
}

tm_lv tm_sem_cast(tm_low *l, tm_lv v, tm_ltype to) {
  return tm_sem_cast_rounding(l, v, to, -1);
}

tm_lv tm_sem_bitcast(tm_low *l, tm_lv v, tm_ltype to) {
  v = tm_sem_tensor(l, v);
  if (tm_lv_is_poison(v)) return v;
  to = tm_lt_like(l, v->type, tm_lt_element(to));
  if (v->type == to) return v;
  if (tm_lt_is_pointer(v->type) || tm_lt_is_pointer(to))
    return tm_sem_cast(l, v, to);
  if (v->type->kind == TM_LT_DESCRIPTOR ||
      tm_lt_bits(v->type) != tm_lt_bits(to))
    return tm_low_error(l, "a bitcast keeps the number of bits; .to(dtype) "
                           "converts the value",
                        "cannot bitcast %s to %s", tm_lt_text(l, v->type),
                        tm_lt_text(l, to));
  if (v->type->ir == to->ir) return tm_lv_run(l, v->value, to);
  return build_to(l, TM_BITCAST, v, to);
}

/* ---- shapes ------------------------------------------------------------- */

static bool same_dims(tm_ltype t, uint32_t rank, const int64_t *shape) {
  if (!tm_lt_is_block(t) || t->rank != rank) return false;
  for (uint32_t d = 0; d < rank; d++)
    if (t->shape[d] != shape[d]) return false;
  return true;
}

static const char *shape_text(tm_low *l, uint32_t rank, const int64_t *shape) {
  tm_buf out = tm_buf_in(l->arena);
  tm_buf_puts(&out, "[");
  for (uint32_t d = 0; d < rank; d++)
    tm_buf_printf(&out, "%s%lld", d ? ", " : "", (long long)shape[d]);
  tm_buf_puts(&out, "]");
  return tm_buf_text(&out);
}

tm_lv tm_sem_splat(tm_low *l, tm_lv v, uint32_t rank, const int64_t *shape) {
  v = tm_sem_tensor(l, v);
  if (tm_lv_is_poison(v) || rank == 0) return v;
  if (v->type->kind == TM_LT_DESCRIPTOR ||
      (v->type->kind == TM_LT_POINTER &&
       v->type->element->kind == TM_LT_BLOCK))
    return tm_low_error(l, NULL, "%s cannot be an element of a tensor",
                        tm_lt_text(l, v->type));
  return build_to(l, TM_SPLAT, v, tm_lt_block(l, v->type, rank, shape));
}

tm_lv tm_sem_broadcast_to(tm_low *l, tm_lv v, uint32_t rank,
                          const int64_t *shape) {
  v = tm_sem_tensor(l, v);
  if (tm_lv_is_poison(v)) return v;
  if (!tm_lt_is_block(v->type)) return tm_sem_splat(l, v, rank, shape);
  if (same_dims(v->type, rank, shape)) return v;
  bool fits = v->type->rank == rank;
  for (uint32_t d = 0; fits && d < rank; d++)
    fits = v->type->shape[d] == shape[d] || v->type->shape[d] == 1;
  if (!fits)
    return tm_low_error(l, "only dimensions of size 1 can be expanded, and "
                           "the ranks must agree",
                        "cannot broadcast %s to shape %s",
                        tm_lt_text(l, v->type), shape_text(l, rank, shape));
  return build_to(l, TM_BROADCAST, v,
                  tm_lt_block(l, v->type->element, rank, shape));
}

bool tm_sem_broadcast(tm_low *l, tm_lv *a, tm_lv *b) {
  if (tm_lv_is_poison(*a) || tm_lv_is_poison(*b)) return false;
  tm_ltype at = (*a)->type, bt = (*b)->type;
  tm_lv given[2] = {*a, *b};
  if (!tm_lt_is_block(at) && !tm_lt_is_block(bt)) return true;
  if (!tm_lt_is_block(bt)) {
    *b = tm_sem_splat(l, *b, at->rank, at->shape);
    return !tm_lv_is_poison(*b);
  }
  if (!tm_lt_is_block(at)) {
    *a = tm_sem_splat(l, *a, bt->rank, bt->shape);
    return !tm_lv_is_poison(*a);
  }
  while ((*a)->type->rank < bt->rank) *a = tm_sem_expand_dims(l, *a, 0);
  while ((*b)->type->rank < at->rank) *b = tm_sem_expand_dims(l, *b, 0);
  uint32_t rank = (*a)->type->rank;
  int64_t shape[TM_MAX_RANK];
  for (uint32_t d = 0; d < rank; d++) {
    int64_t x = (*a)->type->shape[d], y = (*b)->type->shape[d];
    shape[d] = x == 1 ? y : x;
    if (x == 1 || y == 1 || x == y) continue;
    tm_low_error(l, "shapes broadcast from the right: sizes must be equal, "
                    "or one of them 1; x[:, None] adds a dimension",
                 "shapes do not fit: %s and %s differ at dimension %u "
                 "(%lld and %lld)",
                 tm_lt_text(l, at), tm_lt_text(l, bt), d, (long long)x,
                 (long long)y);
    tm_low_origins(l, given[0], given[1]);
    return false;
  }
  *a = tm_sem_broadcast_to(l, *a, rank, shape);
  *b = tm_sem_broadcast_to(l, *b, rank, shape);
  return true;
}

tm_lv tm_sem_expand_dims(tm_low *l, tm_lv v, uint32_t axis) {
  v = tm_sem_tensor(l, v);
  if (tm_lv_is_poison(v)) return v;
  int64_t shape[TM_MAX_RANK + 1];
  uint32_t rank = tm_lt_is_block(v->type) ? v->type->rank : 0, from = 0;
  if (rank == TM_MAX_RANK)
    return tm_low_error_at(l, l->b.loc, TM_DIAG_LIMIT, NULL,
                           "a tensor has at most %d dimensions", TM_MAX_RANK);
  for (uint32_t d = 0; d <= rank; d++)
    shape[d] = d == axis ? 1 : v->type->shape[from++];
  if (rank == 0) return tm_sem_splat(l, v, 1, shape);
  tm_ltype to = tm_lt_block(l, v->type->element, rank + 1, shape);
  tm_attr attr = tm_attr_int(TM_ATTR_AXIS, axis);
  tm_inst i = tm_build(&l->b, TM_EXPAND_DIMS, 1, &v->value, 1, &to->ir, 0,
                       NULL, 1, &attr);
  return tm_lv_run(l, tm_get(l->ir, i)->results, to);
}

tm_lv tm_sem_reshape(tm_low *l, tm_lv v, uint32_t rank, const int64_t *shape,
                     bool reorder) {
  v = tm_sem_tensor(l, v);
  if (tm_lv_is_poison(v)) return v;
  int64_t numel = 1;
  for (uint32_t d = 0; d < rank; d++) numel *= shape[d];
  if (numel != tm_lt_numel(v->type))
    return tm_low_error(l, "the number of elements must stay: reduce, or "
                           "broadcast, first",
                        "cannot reshape %s (%lld elements) to %s (%lld "
                        "elements)",
                        tm_lt_text(l, v->type),
                        (long long)tm_lt_numel(v->type),
                        shape_text(l, rank, shape), (long long)numel);
  if (!tm_lt_is_block(v->type)) return tm_sem_splat(l, v, rank, shape);
  if (rank == 0) {
    tm_ltype element = v->type->element;
    return build_to(l, TM_UNSPLAT, v, element);
  }
  tm_ltype to = tm_lt_block(l, v->type->element, rank, shape);
  tm_attr attr = {.key = TM_ATTR_ALLOW_REORDER, .kind = TM_ATTR_UNIT};
  tm_inst i = tm_build(&l->b, TM_RESHAPE, 1, &v->value, 1, &to->ir, 0, NULL,
                       reorder, &attr);
  return tm_lv_run(l, tm_get(l->ir, i)->results, to);
}

tm_lv tm_sem_permute(tm_low *l, tm_lv v, uint32_t rank, const int64_t *order) {
  if (tm_lv_is_poison(v)) return v;
  uint32_t have = tm_lt_is_block(v->type) ? v->type->rank : 0, seen = 0;
  int64_t shape[TM_MAX_RANK];
  bool ok = have == rank;
  for (uint32_t d = 0; ok && d < rank; d++) {
    ok = order[d] >= 0 && order[d] < rank && !(seen >> order[d] & 1);
    if (!ok) break;
    seen |= 1u << order[d];
    shape[d] = v->type->shape[order[d]];
  }
  if (!ok)
    return tm_low_error(l, "name each dimension once, such as (1, 0)",
                        "%s is not an order of the %u dimensions of %s",
                        shape_text(l, rank, order), have,
                        tm_lt_text(l, v->type));
  tm_ltype to = tm_lt_block(l, v->type->element, rank, shape);
  tm_attr attr = {.key = TM_ATTR_ORDER, .kind = TM_ATTR_INTS, .ints = order,
                  .n_ints = rank};
  tm_inst i = tm_build(&l->b, TM_TRANS, 1, &v->value, 1, &to->ir, 0, NULL, 1,
                       &attr);
  return tm_lv_run(l, tm_get(l->ir, i)->results, to);
}
