/* SPDX-License-Identifier: MIT */
/*
 * reduce.c - reductions and scans: tt.reduce and tt.scan with their combine
 * regions.
 *
 * The region takes two sets of elements, the running values first, and
 * returns the combined set. For Triton's own reductions it is built here with
 * the same operations as standard.py's combine functions; for tl.reduce and
 * tl.associative_scan the user's function is lowered into it. Small types
 * widen before they are reduced, as standard.py has it: integers below 32
 * bits to int32 or uint32 for sums, everything below 32 bits to float32 or
 * int32 for minima and maxima.
 */
#include "value.h"

enum { MOST_INPUTS = 8 };

typedef struct reduction {
  tm_op op;            /* TM_REDUCE or TM_SCAN */
  tm_lv inputs[MOST_INPUTS], results[MOST_INPUTS];
  uint32_t n, axis;
  bool whole;          /* axis=None: over all elements */
  bool keep_dims, reverse;
  tm_combine combine;
  tm_lv function;
} reduction;

/* ---- regions ------------------------------------------------------------ */

static void combine_index(tm_low *l, tm_combine combine, const tm_lv *in,
                          tm_lv *out) {
  bool is_max = combine == TM_COMBINE_ARGMAX_LEFT ||
                combine == TM_COMBINE_ARGMAX_FAST;
  bool left = combine == TM_COMBINE_ARGMAX_LEFT ||
              combine == TM_COMBINE_ARGMIN_LEFT;
  tm_lv wins = NULL;
  if (left) {
    tm_lv same = tm_sem_compare(l, TM_PY_EQ, in[0], in[2]);
    tm_lv earlier = tm_sem_compare(l, TM_PY_LT, in[1], in[3]);
    wins = tm_sem_logical(l, true, same, earlier);
  }
  tm_lv better = tm_sem_compare(l, is_max ? TM_PY_GT : TM_PY_LT, in[0], in[2]);
  wins = wins ? tm_sem_logical(l, false, better, wins) : better;
  out[0] = tm_sem_where(l, wins, in[0], in[2]);
  out[1] = tm_sem_where(l, wins, in[1], in[3]);
}

static bool combine_function(tm_low *l, const reduction *r, const tm_lv *in,
                             tm_lv *out) {
  tm_args args = {in, r->n * 2, NULL, 0};
  tm_lv v = tm_low_call(l, r->function, &args);
  if (tm_lv_is_poison(v)) return false;
  if (r->n == 1 && v->kind != TM_LV_TUPLE) {
    out[0] = v;
  } else if (v->kind == TM_LV_TUPLE && v->n_items == r->n) {
    for (uint32_t i = 0; i < r->n; i++) out[i] = v->items[i];
  } else {
    tm_low_error(l, NULL, "the combine function must return %u values, got "
                          "%s",
                 r->n, tm_lv_describe(l, v));
    return false;
  }
  for (uint32_t i = 0; i < r->n; i++) {
    if (tm_lv_is_number(out[i]))
      out[i] = tm_sem_constant(l, out[i], in[i]->type);
    if (tm_lv_is_poison(out[i])) return false;
    if (tm_lv_is_run(out[i]) && out[i]->type == in[i]->type) continue;
    tm_low_error(l, "convert with .to(dtype) inside the function",
                 "the combine function takes %s and returns %s",
                 tm_lt_text(l, in[i]->type), tm_lv_describe(l, out[i]));
    return false;
  }
  return true;
}

static bool combine_region(tm_low *l, const reduction *r, const tm_lv *in,
                           tm_lv *out) {
  switch (r->combine) {
  case TM_COMBINE_SUM:
    out[0] = tm_sem_binary(l, TM_PY_ADD, in[0], in[1]);
    break;
  case TM_COMBINE_PRODUCT:
    out[0] = tm_sem_binary(l, TM_PY_MUL, in[0], in[1]);
    break;
  case TM_COMBINE_XOR:
    out[0] = tm_sem_binary(l, TM_PY_XOR, in[0], in[1]);
    break;
  case TM_COMBINE_OR:
    out[0] = tm_sem_binary(l, TM_PY_OR, in[0], in[1]);
    break;
  case TM_COMBINE_MAX:
  case TM_COMBINE_MIN:
    out[0] = tm_sem_minmax(l, r->combine == TM_COMBINE_MAX, in[0], in[1],
                           false);
    break;
  case TM_COMBINE_FUNCTION:
    return combine_function(l, r, in, out);
  default:
    combine_index(l, r->combine, in, out);
    break;
  }
  for (uint32_t i = 0; i < r->n; i++)
    if (tm_lv_is_poison(out[i])) return false;
  return true;
}

/* ---- the operation ------------------------------------------------------ */

static bool check_inputs(tm_low *l, reduction *r, const char *what) {
  for (uint32_t i = 0; i < r->n; i++) {
    tm_lv x = r->inputs[i];
    if (!x || tm_lv_is_poison(x)) return false;
    if (!tm_lv_is_run(x) || !tm_lt_is_block(x->type)) {
      bool is_extreme = strcmp(what, "max") == 0 || strcmp(what, "min") == 0;
      tm_low_error(l, is_extreme ? "tl.maximum and tl.minimum take two values"
                                 : "it works along an axis of a tensor",
                   "%s needs a tensor, got %s", what, tm_lv_describe(l, x));
      return false;
    }
    if (tm_lt_is_pointer(x->type)) {
      tm_low_error(l, "load the values first", "%s does not take %s", what,
                   tm_lv_describe(l, x));
      return false;
    }
    if (!tm_lt_same_shape(x->type, r->inputs[0]->type)) {
      tm_low_error(l, NULL, "%s needs inputs of one shape, got %s and %s",
                   what, tm_lv_describe(l, r->inputs[0]),
                   tm_lv_describe(l, x));
      return false;
    }
  }
  return true;
}

static bool read_axis(tm_low *l, tm_lv v, reduction *r) {
  int64_t rank = r->inputs[0]->type->rank, axis;
  r->whole = v->kind == TM_LV_NONE;
  r->axis = 0;
  if (r->whole) return true;
  if (tm_lv_is_run(v)) {
    tm_low_error(l, "this reduces one tensor along an axis; tl.maximum and "
                    "tl.minimum take two values",
                 "the axis must be a compile-time integer, got %s",
                 tm_lv_describe(l, v));
    return false;
  }
  if (!tm_want_int(l, v, "the axis", -rank, rank - 1, &axis)) return false;
  r->axis = (uint32_t)(axis < 0 ? axis + rank : axis);
  return true;
}

static tm_ltype result_type(tm_low *l, const reduction *r, tm_ltype in) {
  if (r->op == TM_SCAN) return in;
  int64_t shape[TM_MAX_RANK];
  uint32_t rank = 0;
  for (uint32_t d = 0; d < in->rank; d++)
    if (d != r->axis) shape[rank++] = in->shape[d];
  return tm_lt_block(l, in->element, rank, shape);
}

static void build(tm_low *l, reduction *r, tm_block region) {
  tm_value operands[MOST_INPUTS];
  tm_type types[MOST_INPUTS];
  for (uint32_t i = 0; i < r->n; i++) {
    operands[i] = r->inputs[i]->value;
    types[i] = result_type(l, r, r->inputs[i]->type)->ir;
  }
  tm_attr attrs[2] = {tm_attr_int(TM_ATTR_AXIS, r->axis),
                      tm_attr_int(TM_ATTR_REVERSE, r->reverse)};
  tm_inst inst = tm_build(&l->b, r->op, r->n, operands, r->n, types, 1,
                          &region, r->op == TM_SCAN ? 2 : 1, attrs);
  for (uint32_t i = 0; i < r->n; i++)
    r->results[i] = tm_lv_run(l, tm_get(l->ir, inst)->results + i,
                              result_type(l, r, r->inputs[i]->type));
}

static void keep_dims(tm_low *l, reduction *r, uint32_t rank) {
  for (uint32_t i = 0; i < r->n; i++) {
    if (!r->whole) {
      r->results[i] = tm_sem_expand_dims(l, r->results[i], r->axis);
      continue;
    }
    for (uint32_t d = 0; d < rank; d++)
      r->results[i] = tm_sem_expand_dims(l, r->results[i], 0);
  }
}

/* Runs a reduction whose inputs are set; false when reported. */
static bool reduce(tm_low *l, reduction *r, tm_lv axis, const char *what) {
  if (!check_inputs(l, r, what) || !read_axis(l, axis, r)) return false;
  uint32_t rank = r->inputs[0]->type->rank;
  if (r->whole && rank > 1) {
    int64_t n = tm_lt_numel(r->inputs[0]->type);
    for (uint32_t i = 0; i < r->n; i++)
      r->inputs[i] = tm_sem_reshape(l, r->inputs[i], 1, &n, true);
  }
  tm_builder outer = l->b;
  tm_block region = tm_ir_new_block(l->ir);
  tm_lv in[2 * MOST_INPUTS], out[MOST_INPUTS];
  for (uint32_t i = 0; i < 2 * r->n; i++) {
    tm_ltype element = r->inputs[i % r->n]->type->element;
    in[i] = tm_lv_run(l, tm_block_add_arg(l->ir, region, element->ir),
                      element);
  }
  l->b.block = region;
  l->b.before = 0;
  l->combining++;
  bool ok = combine_region(l, r, in, out);
  l->combining--;
  tm_value values[MOST_INPUTS];
  for (uint32_t i = 0; ok && i < r->n; i++) values[i] = out[i]->value;
  if (ok)
    tm_build(&l->b, r->op == TM_SCAN ? TM_SCAN_RETURN : TM_REDUCE_RETURN,
             r->n, values, 0, NULL, 0, NULL, 0, NULL);
  l->b = outer;
  if (!ok) return false;
  build(l, r, region);
  if (r->keep_dims) keep_dims(l, r, rank);
  return true;
}

/* ---- builtins ----------------------------------------------------------- */

/* Integers below 32 bits sum as 32-bit integers of their sign. */
static tm_ltype sum_type(tm_low *l, tm_lv x, tm_lv asked) {
  if (asked->kind != TM_LV_NONE) return tm_want_type(l, asked, "dtype");
  tm_ltype t = tm_lt_element(x->type);
  if (!tm_lt_is_int(t) || tm_lt_bits(t) >= 32) return t;
  return tm_lt_scalar(l, tm_lt_is_signed(t) ? TM_DT_I32 : TM_DT_U32);
}

tm_lv tm_fn_sum(tm_low *l, const tm_builtin_call *c) {
  reduction r = {.op = TM_REDUCE, .n = 1, .combine = TM_COMBINE_SUM};
  tm_lv x = tm_want_tensor(l, c->args[0], "sum's input");
  if (!x || !tm_want_bool(l, c->args[2], "keep_dims", &r.keep_dims))
    return TM_POISONED;
  tm_ltype type = sum_type(l, x, c->args[3]);
  if (!type) return TM_POISONED;
  r.inputs[0] = tm_sem_cast(l, x, type);
  return reduce(l, &r, c->args[1], "sum") ? r.results[0] : TM_POISONED;
}

/* An index for each element along an axis, in the shape of like. */
static tm_lv index_along(tm_low *l, tm_ltype like, uint32_t axis) {
  int64_t n = like->shape[axis];
  tm_ltype type = tm_lt_block(l, tm_lt_scalar(l, TM_DT_I32), 1, &n);
  tm_attr attrs[2] = {tm_attr_int(TM_ATTR_START, 0),
                      tm_attr_int(TM_ATTR_END, n)};
  tm_inst i = tm_build(&l->b, TM_MAKE_RANGE, 0, NULL, 1, &type->ir, 0, NULL,
                       2, attrs);
  tm_lv index = tm_lv_run(l, tm_get(l->ir, i)->results, type);
  for (uint32_t d = 0; d < like->rank; d++)
    if (d != axis) index = tm_sem_expand_dims(l, index, d);
  return tm_sem_broadcast_to(l, index, like->rank, like->shape);
}

static tm_lv with_index(tm_low *l, bool is_max, tm_lv input, tm_lv axis_arg,
                        tm_lv left_arg, tm_lv keep_arg, bool index_only) {
  reduction r = {.op = TM_REDUCE, .n = 2};
  bool left;
  tm_lv x = tm_want_tensor(l, input, "the input");
  if (!x || !tm_want_bool(l, left_arg, "the tie break", &left) ||
      !tm_want_bool(l, keep_arg, "keep_dims", &r.keep_dims))
    return TM_POISONED;
  r.combine = is_max ? (left ? TM_COMBINE_ARGMAX_LEFT : TM_COMBINE_ARGMAX_FAST)
                     : (left ? TM_COMBINE_ARGMIN_LEFT
                             : TM_COMBINE_ARGMIN_FAST);
  const char *what = is_max ? "argmax" : "argmin";
  r.inputs[0] = r.inputs[1] = x;
  if (!check_inputs(l, &r, what)) return TM_POISONED;
  if (axis_arg->kind == TM_LV_NONE)
    return tm_low_error(l, "flatten with tl.ravel and name axis 0",
                        "%s needs an axis", what);
  if (!read_axis(l, axis_arg, &r)) return TM_POISONED;
  r.inputs[1] = index_along(l, x->type, r.axis);
  if (!reduce(l, &r, axis_arg, what)) return TM_POISONED;
  return index_only ? r.results[1] : tm_lv_tuple(l, r.results, 2);
}

tm_lv tm_fn_extreme(tm_low *l, const tm_builtin_call *c) {
  reduction r = {.op = TM_REDUCE, .n = 1};
  bool indices;
  if (!tm_want_bool(l, c->args[2], "return_indices", &indices))
    return TM_POISONED;
  if (indices)
    return with_index(l, c->row->aux, c->args[0], c->args[1], c->args[3],
                      c->args[4], false);
  tm_lv x = tm_want_tensor(l, c->args[0], "the input");
  if (!x || !tm_want_bool(l, c->args[4], "keep_dims", &r.keep_dims))
    return TM_POISONED;
  if (tm_lt_bits(x->type) < 32)
    x = tm_sem_cast(l, x, tm_lt_scalar(l, tm_lt_is_float(x->type)
                                              ? TM_DT_F32
                                              : TM_DT_I32));
  r.combine = c->row->aux ? TM_COMBINE_MAX : TM_COMBINE_MIN;
  r.inputs[0] = x;
  return reduce(l, &r, c->args[1], c->row->name) ? r.results[0] : TM_POISONED;
}

tm_lv tm_fn_arg_extreme(tm_low *l, const tm_builtin_call *c) {
  return with_index(l, c->row->aux, c->args[0], c->args[1], c->args[2],
                    c->args[3], true);
}

tm_lv tm_fn_reduce_bits(tm_low *l, const tm_builtin_call *c) {
  reduction r = {.op = TM_REDUCE, .n = 1,
                 .combine = (tm_combine)c->row->aux};
  tm_lv x = tm_want_tensor(l, c->args[0], "the input");
  if (!x || !tm_want_bool(l, c->args[2], "keep_dims", &r.keep_dims))
    return TM_POISONED;
  if (!tm_lt_is_int(x->type))
    return tm_low_error(l, "its bits are x.to(tl.int32, bitcast=True)",
                        "%s takes integers, got %s", c->row->name,
                        tm_lt_text(l, x->type));
  r.inputs[0] = x;
  return reduce(l, &r, c->args[1], c->row->name) ? r.results[0] : TM_POISONED;
}

/* The inputs of tl.reduce and tl.associative_scan: a tensor or a tuple. */
static bool read_inputs(tm_low *l, tm_lv v, tm_lv function, reduction *r) {
  r->combine = TM_COMBINE_FUNCTION;
  r->function = function;
  r->n = v->kind == TM_LV_TUPLE ? v->n_items : 1;
  if (r->n == 0 || r->n > MOST_INPUTS) {
    tm_low_error(l, NULL, "%u inputs; there must be 1 to %d", r->n,
                 MOST_INPUTS);
    return false;
  }
  if (function->kind != TM_LV_FUNCTION && function->kind != TM_LV_BUILTIN) {
    tm_low_error(l, "pass a @triton.jit function",
                 "combine_fn must be a function, got %s",
                 tm_lv_describe(l, function));
    return false;
  }
  for (uint32_t i = 0; i < r->n; i++)
    r->inputs[i] = v->kind == TM_LV_TUPLE ? v->items[i] : v;
  return true;
}

static tm_lv several(tm_low *l, const reduction *r, tm_lv input) {
  if (input->kind != TM_LV_TUPLE) return r->results[0];
  return tm_lv_tuple(l, r->results, r->n);
}

tm_lv tm_fn_reduce(tm_low *l, const tm_builtin_call *c) {
  reduction r = {.op = TM_REDUCE};
  if (!tm_want_bool(l, c->args[3], "keep_dims", &r.keep_dims) ||
      !read_inputs(l, c->args[0], c->args[2], &r) ||
      !reduce(l, &r, c->args[1], "reduce"))
    return TM_POISONED;
  return several(l, &r, c->args[0]);
}

static bool scan_axis(tm_low *l, tm_lv axis) {
  if (axis->kind != TM_LV_NONE) return true;
  tm_low_error(l, "name it: axis=0", "a scan needs an axis");
  return false;
}

tm_lv tm_fn_scan(tm_low *l, const tm_builtin_call *c) {
  reduction r = {.op = TM_SCAN};
  if (!tm_want_bool(l, c->args[3], "reverse", &r.reverse) ||
      !scan_axis(l, c->args[1]) ||
      !read_inputs(l, c->args[0], c->args[2], &r) ||
      !reduce(l, &r, c->args[1], "associative_scan"))
    return TM_POISONED;
  return several(l, &r, c->args[0]);
}

tm_lv tm_fn_cumulate(tm_low *l, const tm_builtin_call *c) {
  reduction r = {.op = TM_SCAN, .n = 1, .combine = (tm_combine)c->row->aux};
  tm_lv x = tm_want_tensor(l, c->args[0], "the input");
  if (!x || !tm_want_bool(l, c->args[2], "reverse", &r.reverse) ||
      !scan_axis(l, c->args[1]))
    return TM_POISONED;
  tm_ltype type = sum_type(l, x, c->args[3]);
  if (!type) return TM_POISONED;
  r.inputs[0] = tm_sem_cast(l, x, type);
  return reduce(l, &r, c->args[1], c->row->name) ? r.results[0] : TM_POISONED;
}
