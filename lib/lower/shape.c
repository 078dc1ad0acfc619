/* SPDX-License-Identifier: MIT */
/* shape.c - builtins that make tensors and change their shape. */
#include "value.h"

/* `f(x, 2, 4)` and `f(x, (2, 4))` are one: a gathered tuple of one tuple. */
static tm_lv unwrap(tm_lv gathered) {
  if (gathered->n_items == 1 && gathered->items[0]->kind == TM_LV_TUPLE)
    return gathered->items[0];
  return gathered;
}

/* An axis in -rank .. rank - 1, made positive. */
static bool axis_of(tm_low *l, tm_lv v, uint32_t rank, uint32_t *out) {
  int64_t axis;
  if (!tm_want_int(l, v, "the axis", -(int64_t)rank, (int64_t)rank - 1, &axis))
    return false;
  *out = (uint32_t)(axis < 0 ? axis + rank : axis);
  return true;
}

static uint32_t rank_of(tm_lv v) {
  return tm_lt_is_block(v->type) ? v->type->rank : 0;
}

/* ---- making ------------------------------------------------------------- */

tm_lv tm_fn_arange(tm_low *l, const tm_builtin_call *c) {
  enum { MOST = 1 << 20 }; /* elements of a tensor, triton/_utils.py */
  int64_t start, end;
  if (!tm_want_int(l, c->args[0], "arange's start", 0, INT32_MAX, &start) ||
      !tm_want_int(l, c->args[1], "arange's end", 0, INT32_MAX, &end))
    return TM_POISONED;
  int64_t n = end - start;
  if (n <= 0 || (n & (n - 1)) || n > MOST)
    return tm_low_error(l, "round up to a power of 2 and mask the rest",
                        "arange(%lld, %lld) has %lld elements; it must be a "
                        "power of 2 up to %d",
                        (long long)start, (long long)end, (long long)n, MOST);
  tm_ltype type = tm_lt_block(l, tm_lt_scalar(l, TM_DT_I32), 1, &n);
  tm_attr attrs[2] = {tm_attr_int(TM_ATTR_START, start),
                      tm_attr_int(TM_ATTR_END, end)};
  tm_inst i = tm_build(&l->b, TM_MAKE_RANGE, 0, NULL, 1, &type->ir, 0, NULL,
                       2, attrs);
  return tm_lv_run(l, tm_get(l->ir, i)->results, type);
}

static tm_lv filled(tm_low *l, tm_lv shape_arg, tm_lv value, tm_ltype type) {
  int64_t shape[TM_MAX_RANK];
  uint32_t rank;
  if (!type || !tm_want_shape(l, shape_arg, "the shape", &rank, shape))
    return TM_POISONED;
  type = tm_lt_element(type);
  if (tm_lv_is_run(value)) {
    if (tm_lt_numel(value->type) != 1)
      return tm_low_error(l, NULL, "full takes one value, got a tensor %s",
                          tm_lt_text(l, value->type));
    if (rank_of(value)) value = tm_sem_reshape(l, value, 0, NULL, false);
    value = tm_sem_cast(l, value, type);
  } else {
    value = tm_sem_constant(l, value, type);
  }
  return tm_sem_splat(l, value, rank, shape);
}

tm_lv tm_fn_full(tm_low *l, const tm_builtin_call *c) {
  return filled(l, c->args[0], c->args[1],
                tm_want_type(l, c->args[2], "full's dtype"));
}

tm_lv tm_fn_zeros(tm_low *l, const tm_builtin_call *c) {
  return filled(l, c->args[0], tm_lv_int(l, 0),
                tm_want_type(l, c->args[1], "zeros' dtype"));
}

tm_lv tm_fn_zeros_like(tm_low *l, const tm_builtin_call *c) {
  tm_lv x = tm_want_tensor(l, c->args[0], "zeros_like's argument");
  if (!x) return TM_POISONED;
  tm_ltype element = tm_lt_element(x->type);
  if (element->kind != TM_LT_SCALAR)
    return tm_low_error(l, NULL, "there are no zeros of type %s",
                        tm_lt_text(l, x->type));
  tm_lv zero = tm_sem_constant(l, tm_lv_int(l, 0), element);
  return tm_sem_splat(l, zero, rank_of(x), x->type->shape);
}

tm_lv tm_fn_to_tensor(tm_low *l, const tm_builtin_call *c) {
  return tm_sem_tensor(l, c->args[0]);
}

tm_lv tm_fn_cast(tm_low *l, const tm_builtin_call *c) {
  tm_lv x = tm_want_tensor(l, c->args[0], "the value to cast");
  tm_ltype to = tm_want_type(l, c->args[1], "the type to cast to");
  const char *rounding;
  bool bitcast;
  if (!x || !to ||
      !tm_want_text(l, c->args[2], "fp_downcast_rounding", &rounding) ||
      !tm_want_bool(l, c->args[3], "bitcast", &bitcast))
    return TM_POISONED;
  int mode = -1;
  if (rounding) {
    if (strcmp(rounding, "rtne") == 0) mode = 1;
    else if (strcmp(rounding, "rtz") == 0) mode = 0;
    else
      return tm_low_error(l, "use 'rtne' or 'rtz'",
                          "unknown rounding mode '%s'", rounding);
  }
  return bitcast ? tm_sem_bitcast(l, x, to)
                 : tm_sem_cast_rounding(l, x, to, mode);
}

/* ---- shapes ------------------------------------------------------------- */

tm_lv tm_fn_broadcast(tm_low *l, const tm_builtin_call *c) {
  tm_lv pair[2] = {tm_want_tensor(l, c->args[0], "broadcast's argument"),
                   tm_want_tensor(l, c->args[1], "broadcast's argument")};
  if (!pair[0] || !pair[1] || !tm_sem_broadcast(l, &pair[0], &pair[1]))
    return TM_POISONED;
  return tm_lv_tuple(l, pair, 2);
}

tm_lv tm_fn_broadcast_to(tm_low *l, const tm_builtin_call *c) {
  tm_lv x = tm_want_tensor(l, c->args[0], "broadcast_to's argument");
  int64_t shape[TM_MAX_RANK];
  uint32_t rank;
  if (!x || !tm_want_shape(l, unwrap(c->args[1]), "the shape", &rank, shape))
    return TM_POISONED;
  return tm_sem_broadcast_to(l, x, rank, shape);
}

tm_lv tm_fn_trans(tm_low *l, const tm_builtin_call *c) {
  tm_lv x = tm_want_tensor(l, c->args[0], "the tensor to transpose");
  if (!x) return TM_POISONED;
  tm_lv dims = unwrap(c->args[1]);
  uint32_t rank = rank_of(x);
  int64_t order[TM_MAX_RANK];
  if (dims->n_items == 0 && c->row->aux == 0) {
    if (rank < 2)
      return tm_low_error(l, NULL, "trans needs two dimensions or more, got "
                                   "%s",
                          tm_lt_text(l, x->type));
    for (uint32_t d = 0; d < rank; d++) order[d] = d;
    order[rank - 1] = rank - 2;
    order[rank - 2] = rank - 1;
    return tm_sem_permute(l, x, rank, order);
  }
  if (dims->n_items != rank)
    return tm_low_error(l, NULL, "%u dimensions are named, %s has %u",
                        dims->n_items, tm_lt_text(l, x->type), rank);
  for (uint32_t d = 0; d < rank; d++)
    if (!tm_want_int(l, dims->items[d], "a dimension", 0, TM_MAX_RANK,
                    &order[d]))
      return TM_POISONED;
  return tm_sem_permute(l, x, rank, order);
}

tm_lv tm_fn_reshape(tm_low *l, const tm_builtin_call *c) {
  tm_lv x = tm_want_tensor(l, c->args[0], "the tensor to reshape");
  int64_t shape[TM_MAX_RANK];
  uint32_t rank;
  bool reorder = c->row->aux == 1;
  if (!x || !tm_want_shape(l, unwrap(c->args[1]), "the shape", &rank, shape) ||
      (!reorder && !tm_want_bool(l, c->args[2], "can_reorder", &reorder)))
    return TM_POISONED;
  return tm_sem_reshape(l, x, rank, shape, reorder);
}

tm_lv tm_fn_ravel(tm_low *l, const tm_builtin_call *c) {
  tm_lv x = tm_want_tensor(l, c->args[0], "ravel's argument");
  bool reorder;
  if (!x || !tm_want_bool(l, c->args[1], "can_reorder", &reorder))
    return TM_POISONED;
  int64_t n = tm_lt_numel(x->type);
  return tm_sem_reshape(l, x, 1, &n, reorder);
}

tm_lv tm_fn_item(tm_low *l, const tm_builtin_call *c) {
  tm_lv x = tm_want_tensor(l, c->args[0], "item's argument");
  if (!x || !tm_lt_is_block(x->type)) return x ? x : TM_POISONED;
  if (tm_lt_numel(x->type) != 1)
    return tm_low_error(l, "reduce it first", "item needs one element, got %s",
                        tm_lt_text(l, x->type));
  return tm_sem_reshape(l, x, 0, NULL, false);
}

tm_lv tm_fn_expand_dims(tm_low *l, const tm_builtin_call *c) {
  tm_lv x = tm_want_tensor(l, c->args[0], "expand_dims' argument");
  if (!x) return TM_POISONED;
  const tm_lv *axes = &c->args[1];
  uint32_t n = 1, seen = 0;
  if (c->args[1]->kind == TM_LV_TUPLE) {
    axes = c->args[1]->items;
    n = c->args[1]->n_items;
  }
  uint32_t rank = rank_of(x) + n;
  if (rank > TM_MAX_RANK)
    return tm_low_error_at(l, l->b.loc, TM_DIAG_LIMIT, NULL,
                           "a tensor has at most %d dimensions", TM_MAX_RANK);
  for (uint32_t i = 0; i < n; i++) {
    uint32_t axis;
    if (!axis_of(l, axes[i], rank, &axis)) return TM_POISONED;
    if (seen >> axis & 1)
      return tm_low_error(l, NULL, "axis %u is named twice", axis);
    seen |= 1u << axis;
  }
  for (uint32_t d = 0; d < rank; d++)
    if (seen >> d & 1) x = tm_sem_expand_dims(l, x, d);
  return x;
}

tm_lv tm_fn_squeeze(tm_low *l, const tm_builtin_call *c) {
  tm_lv x = tm_want_tensor(l, c->args[0], "squeeze's argument");
  uint32_t axis, rank = 0;
  int64_t shape[TM_MAX_RANK];
  if (!x || !axis_of(l, c->args[1], rank_of(x), &axis)) return TM_POISONED;
  if (x->type->shape[axis] != 1)
    return tm_low_error(l, NULL, "dimension %u of %s is not 1", axis,
                        tm_lt_text(l, x->type));
  for (uint32_t d = 0; d < x->type->rank; d++)
    if (d != axis) shape[rank++] = x->type->shape[d];
  return tm_sem_reshape(l, x, rank, shape, false);
}

/* ---- putting together and taking apart ---------------------------------- */

static tm_lv joined(tm_low *l, tm_lv a, tm_lv b) {
  if (!a || !b) return TM_POISONED;
  if (tm_lt_element(a->type) != tm_lt_element(b->type))
    return tm_low_error(l, "convert one with .to(dtype)",
                        "cannot put %s and %s into one tensor",
                        tm_lt_text(l, a->type), tm_lt_text(l, b->type));
  if (!tm_sem_broadcast(l, &a, &b)) return TM_POISONED;
  bool scalars = !tm_lt_is_block(a->type);
  if (scalars) {
    a = tm_sem_expand_dims(l, a, 0);
    b = tm_sem_expand_dims(l, b, 0);
  }
  int64_t shape[TM_MAX_RANK + 1];
  uint32_t rank = a->type->rank;
  if (rank == TM_MAX_RANK)
    return tm_low_error_at(l, l->b.loc, TM_DIAG_LIMIT, NULL,
                           "a tensor has at most %d dimensions", TM_MAX_RANK);
  memcpy(shape, a->type->shape, sizeof a->type->shape);
  shape[rank] = 2;
  tm_ltype type = tm_lt_block(l, a->type->element, rank + 1, shape);
  tm_value v = tm_build2(&l->b, TM_JOIN, a->value, b->value);
  tm_lv r = tm_lv_run(l, v, type);
  int64_t two = 2;
  return scalars ? tm_sem_reshape(l, r, 1, &two, false) : r;
}

tm_lv tm_fn_join(tm_low *l, const tm_builtin_call *c) {
  return joined(l, tm_want_tensor(l, c->args[0], "join's argument"),
                tm_want_tensor(l, c->args[1], "join's argument"));
}

tm_lv tm_fn_interleave(tm_low *l, const tm_builtin_call *c) {
  tm_lv r = tm_fn_join(l, c);
  if (tm_lv_is_poison(r) || r->type->rank == 1) return r;
  int64_t shape[TM_MAX_RANK];
  uint32_t rank = r->type->rank - 1;
  memcpy(shape, r->type->shape, sizeof shape);
  shape[rank - 1] *= 2;
  return tm_sem_reshape(l, r, rank, shape, false);
}

tm_lv tm_fn_split(tm_low *l, const tm_builtin_call *c) {
  tm_lv x = tm_want_tensor(l, c->args[0], "split's argument");
  if (!x) return TM_POISONED;
  uint32_t rank = rank_of(x);
  if (rank == 0 || x->type->shape[rank - 1] != 2)
    return tm_low_error(l, "reshape it to (..., 2) first",
                        "split needs a last dimension of 2, got %s",
                        tm_lt_text(l, x->type));
  bool was_flat = rank == 1;
  if (was_flat) x = tm_sem_expand_dims(l, x, 0);
  tm_ltype type = tm_lt_block(l, x->type->element, x->type->rank - 1,
                              x->type->shape);
  tm_inst i = tm_build(&l->b, TM_SPLIT, 1, &x->value, 0, NULL, 0, NULL, 0,
                       NULL);
  tm_lv parts[2];
  for (uint32_t k = 0; k < 2; k++) {
    parts[k] = tm_lv_run(l, tm_get(l->ir, i)->results + k, type);
  }
  for (uint32_t k = 0; was_flat && k < 2; k++)
    parts[k] = tm_sem_reshape(l, parts[k], 0, NULL, false);
  return tm_lv_tuple(l, parts, 2);
}

tm_lv tm_fn_cat(tm_low *l, const tm_builtin_call *c) {
  tm_lv a = tm_want_tensor(l, c->args[0], "cat's argument");
  tm_lv b = tm_want_tensor(l, c->args[1], "cat's argument");
  bool reorder;
  if (!a || !b || !tm_want_bool(l, c->args[2], "can_reorder", &reorder))
    return TM_POISONED;
  uint32_t rank = rank_of(a), axis;
  if (tm_lt_element(a->type) != tm_lt_element(b->type) || rank == 0 ||
      rank_of(b) != rank || !tm_lt_same_shape(a->type, b->type))
    return tm_low_error(l, "tl.join takes tensors that broadcast; .to() "
                           "converts one",
                        "cat needs two tensors of one shape and type, got %s "
                        "and %s",
                        tm_lt_text(l, a->type), tm_lt_text(l, b->type));
  if (!axis_of(l, c->args[3], rank, &axis)) return TM_POISONED;
  /* An order that is allowed to differ may also be kept. */
  tm_lv r = joined(l, a, b);
  if (tm_lv_is_poison(r)) return r;
  int64_t order[TM_MAX_RANK], shape[TM_MAX_RANK];
  uint32_t from = 0;
  for (uint32_t d = 0; d <= rank; d++)
    order[d] = d == axis ? rank : from++;
  for (uint32_t d = 0; d < rank; d++)
    shape[d] = a->type->shape[d] * (d == axis ? 2 : 1);
  r = tm_sem_permute(l, r, rank + 1, order);
  return tm_sem_reshape(l, r, rank, shape, false);
}

tm_lv tm_fn_gather(tm_low *l, const tm_builtin_call *c) {
  tm_lv src = tm_want_tensor(l, c->args[0], "gather's source");
  tm_lv index = tm_want_tensor(l, c->args[1], "gather's index");
  uint32_t axis;
  if (!src || !index) return TM_POISONED;
  uint32_t rank = rank_of(src);
  bool ok = rank && rank_of(index) == rank && tm_lt_is_int(index->type);
  if (ok && !axis_of(l, c->args[2], rank, &axis)) return TM_POISONED;
  for (uint32_t d = 0; ok && d < rank; d++)
    ok = d == axis || src->type->shape[d] == index->type->shape[d];
  if (!ok)
    return tm_low_error(l, "the index has the source's rank, and its shape "
                           "but for the axis",
                        "gather cannot take elements of %s by an index %s",
                        tm_lt_text(l, src->type), tm_lt_text(l, index->type));
  tm_ltype type = tm_lt_like(l, index->type, tm_lt_element(src->type));
  tm_value operands[] = {src->value, index->value};
  tm_attr attr = tm_attr_int(TM_ATTR_AXIS, axis);
  tm_inst i = tm_build(&l->b, TM_GATHER, 2, operands, 1, &type->ir, 0, NULL,
                       1, &attr);
  return tm_lv_run(l, tm_get(l->ir, i)->results, type);
}

tm_lv tm_fn_histogram(tm_low *l, const tm_builtin_call *c) {
  tm_lv x = tm_want_tensor(l, c->args[0], "histogram's input");
  int64_t bins;
  if (!x || !tm_want_int(l, c->args[1], "num_bins", 1, 1 << 20, &bins))
    return TM_POISONED;
  if (bins & (bins - 1))
    return tm_low_error(l, NULL, "num_bins must be a power of 2, got %lld",
                        (long long)bins);
  if (rank_of(x) != 1 || !tm_lt_is_int(x->type) || tm_lt_bits(x->type) != 32)
    return tm_low_error(l, "convert with .to(tl.int32), flatten with ravel",
                        "histogram takes one dimension of 32-bit integers, "
                        "got %s",
                        tm_lt_text(l, x->type));
  tm_value operands[2] = {x->value, 0};
  uint32_t n = 1;
  if (c->args[2]->kind != TM_LV_NONE) {
    tm_lv mask = tm_want_tensor(l, c->args[2], "mask");
    if (!mask) return TM_POISONED;
    mask = tm_sem_broadcast_to(l, mask, 1, x->type->shape);
    if (tm_lv_is_poison(mask)) return mask;
    if (!tm_lt_is_bool(mask->type))
      return tm_low_error(l, NULL, "a mask is boolean, got %s",
                          tm_lt_text(l, mask->type));
    operands[n++] = mask->value;
  }
  tm_ltype type = tm_lt_block(l, tm_lt_scalar(l, TM_DT_I32), 1, &bins);
  tm_inst i = tm_build(&l->b, TM_HISTOGRAM, n, operands, 1, &type->ir, 0,
                       NULL, 0, NULL);
  return tm_lv_run(l, tm_get(l->ir, i)->results, type);
}
