/* SPDX-License-Identifier: MIT */
/* expr.c - expressions: one case per kind of tree node, and attributes and
 * subscripts of every kind of value. */
#include "value.h"

/* ---- attributes --------------------------------------------------------- */

static tm_lv shape_tuple(tm_low *l, tm_ltype t) {
  tm_lv dims[TM_MAX_RANK];
  uint32_t rank = tm_lt_is_block(t) ? t->rank : 0;
  for (uint32_t d = 0; d < rank; d++) dims[d] = tm_lv_int(l, t->shape[d]);
  return tm_lv_tuple(l, dims, rank);
}

static tm_lv no_attribute(tm_low *l, tm_lv owner, const char *name,
                          uint32_t where) {
  tm_nearest near = {name, NULL, 0};
  tm_builtin_nearest(where, &near);
  static const char *const of_tensors[] = {"dtype", "type", "shape", "numel",
                                           "T", "value"};
  static const char *const of_types[] = {
      "element_ty", "primitive_bitwidth", "itemsize", "scalar", "shape",
      "numel", "name", "nbytes"};
  if (where == TM_IN_METHOD)
    for (size_t i = 0; i < TM_COUNT(of_tensors); i++)
      tm_nearest_try(&near, of_tensors[i]);
  if (where == TM_IN_TYPE)
    for (size_t i = 0; i < TM_COUNT(of_types); i++)
      tm_nearest_try(&near, of_types[i]);
  const char *has = where == TM_IN_METHOD
                        ? "a tensor has .dtype, .shape, .numel, .T and tl's "
                          "functions as methods"
                    : where == TM_IN_TYPE
                        ? "a type has .element_ty, .primitive_bitwidth, "
                          ".itemsize and questions such as .is_floating()"
                        : NULL;
  return tm_low_error(
      l, near.best ? tm_low_format(l, "did you mean .%s?", near.best) : has,
      "%s has no attribute '%s'", tm_lv_describe(l, owner), name);
}

static tm_lv method(tm_low *l, tm_lv owner, const char *name,
                    uint32_t where) {
  const tm_builtin *row = tm_builtin_find(where, name);
  if (row) return tm_builtin_bound(l, row, owner);
  return no_attribute(l, owner, name, where);
}

static tm_lv transpose(tm_low *l, tm_lv v) {
  static const int64_t order[] = {1, 0};
  if (tm_lt_is_block(v->type) && v->type->rank == 2)
    return tm_sem_permute(l, v, 2, order);
  return tm_low_error(l, "write tl.permute(x, order) for other ranks",
                      ".T is for tensors of rank 2, got %s",
                      tm_lt_text(l, v->type));
}

static tm_lv run_attribute(tm_low *l, tm_lv v, const char *name) {
  if (v->type->kind == TM_LT_DESCRIPTOR) {
    tm_ltype block = v->type->element;
    if (strcmp(name, "dtype") == 0) return tm_lv_type(l, block->element);
    if (strcmp(name, "block_shape") == 0) return shape_tuple(l, block);
    if (strcmp(name, "block_type") == 0) return tm_lv_type(l, block);
    if (v->self && strcmp(name, "shape") == 0) return v->self->items[0];
    if (v->self && strcmp(name, "strides") == 0) return v->self->items[1];
    return method(l, v, name, TM_IN_DESC);
  }
  if (strcmp(name, "dtype") == 0)
    return tm_lv_type(l, tm_lt_element(v->type));
  if (strcmp(name, "type") == 0) return tm_lv_type(l, v->type);
  if (strcmp(name, "shape") == 0) return shape_tuple(l, v->type);
  if (strcmp(name, "numel") == 0)
    return tm_lv_int(l, tm_lt_numel(v->type));
  if (strcmp(name, "T") == 0) return transpose(l, v);
  return method(l, v, name, TM_IN_METHOD);
}

static tm_lv block_shapes(tm_low *l, const tm_builtin_call *c) {
  return shape_tuple(l, c->args[0]->type);
}

static tm_lv type_attribute(tm_low *l, tm_lv v, const char *name) {
  tm_ltype t = v->type;
  if (strcmp(name, "scalar") == 0) return tm_lv_type(l, tm_lt_element(t));
  if (strcmp(name, "element_ty") == 0) {
    if (t->element) return tm_lv_type(l, t->element);
    return tm_low_error(l, "element_ty is of pointers and blocks; of a "
                           "tensor's dtype use the dtype itself",
                        "%s has no element_ty", tm_lt_text(l, t));
  }
  if (strcmp(name, "shape") == 0) return shape_tuple(l, t);
  if (strcmp(name, "get_block_shapes") == 0) {
    static const tm_builtin row = {.name = "get_block_shapes",
                                   .signature = "self", .fn = block_shapes};
    return tm_builtin_bound(l, &row, v);
  }
  if (strcmp(name, "value") == 0) return v; /* of a constexpr that is a type */
  if (strcmp(name, "numel") == 0) return tm_lv_int(l, tm_lt_numel(t));
  if (strcmp(name, "primitive_bitwidth") == 0 ||
      strcmp(name, "int_bitwidth") == 0)
    return tm_lv_int(l, tm_lt_bits(t));
  if (strcmp(name, "itemsize") == 0) return tm_lv_int(l, tm_lt_bits(t) / 8);
  if (strcmp(name, "nbytes") == 0)
    return tm_lv_int(l, tm_lt_numel(t) * (tm_lt_bits(t) / 8));
  if (strcmp(name, "fp_mantissa_width") == 0 && tm_lt_is_float(t))
    return tm_lv_int(l, tm_dtype_infos[tm_lt_dtype(t)].mantissa);
  if (strcmp(name, "name") == 0) {
    const char *text = tm_lt_text(l, t);
    return tm_lv_text(l, text, strlen(text));
  }
  return method(l, v, name, TM_IN_TYPE);
}

tm_lv tm_low_opaque_use(tm_low *l, tm_lv v) {
  return tm_low_error(l, "kernels see functions, tl.constexpr values and "
                         "constants; give modules that are missing",
                      "%.*s is not known at compile time", (int)v->text.len,
                      v->text.ptr);
}

static tm_lv opaque_attribute(tm_low *l, tm_lv owner, tm_name name) {
  const char *dotted = tm_low_format(l, "%.*s.%s", (int)owner->text.len,
                                     owner->text.ptr, name);
  tm_lv v = l->frame->is_python ? tm_host_attribute(dotted) : NULL;
  return v ? v : tm_lv_opaque(l, dotted);
}

tm_lv tm_low_attribute(tm_low *l, tm_lv owner, tm_name name) {
  switch (owner->kind) {
  case TM_LV_POISON: return owner;
  case TM_LV_RUN: return run_attribute(l, owner, name);
  case TM_LV_TYPE: return type_attribute(l, owner, name);
  case TM_LV_MODULE:
  case TM_LV_SPACE: return tm_scope_attribute(l, owner, name);
  case TM_LV_CLASS: return tm_record_class_attribute(l, owner, name);
  case TM_LV_SHARED: return tm_shared_attribute(l, owner, name);
  case TM_LV_OPAQUE:
    return opaque_attribute(l, owner, name);
  default: break;
  }
  /* constexpr.value; and conversions of numbers, since an argument equal to
   * 1 is a compile-time number in one specialization only. */
  if (owner->kind == TM_LV_TUPLE && owner->record)
    return tm_record_attribute(l, owner, name);
  if (strcmp(name, "value") == 0) return owner;
  if (tm_lv_is_number(owner) &&
      (strcmp(name, "to") == 0 || strcmp(name, "cast") == 0))
    return method(l, owner, name, TM_IN_METHOD);
  if (tm_lv_is_number(owner))
    return tm_low_error(l, "make it a tensor first: tl.to_tensor(x)",
                        "%s has no attribute '%s': it is a compile-time "
                        "number",
                        tm_lv_describe(l, owner), name);
  tm_nearest near = {name, NULL, 0};
  tm_lv v = owner->kind == TM_LV_TEXT ? tm_text_method(l, owner, name, &near)
                                      : tm_container_method(l, owner, name,
                                                            &near);
  if (v) return v;
  return tm_low_error(
      l, near.best ? tm_low_format(l, "did you mean .%s?", near.best) : NULL,
      "%s has no attribute '%s'", tm_lv_describe(l, owner), name);
}

/* ---- subscripts --------------------------------------------------------- */

static bool is_full_slice(tm_lv v) {
  if (v->kind != TM_LV_SLICE) return false;
  for (int i = 0; i < 3; i++)
    if (v->items[i]->kind != TM_LV_NONE) return false;
  return true;
}

static tm_lv index_tensor(tm_low *l, tm_lv v, tm_lv index) {
  const tm_lv *items = &index;
  uint32_t n = 1, used = 0;
  uint32_t rank = tm_lt_is_block(v->type) ? v->type->rank : 0;
  if (index->kind == TM_LV_TUPLE) {
    items = index->items;
    n = index->n_items;
  }
  tm_lv result = v;
  for (uint32_t i = 0; i < n; i++) {
    if (tm_lv_is_poison(items[i])) return items[i];
    if (items[i]->kind == TM_LV_NONE) {
      result = tm_sem_expand_dims(l, result, i);
      if (tm_lv_is_poison(result)) return result;
    } else if (is_full_slice(items[i])) {
      if (++used > rank)
        return tm_low_error(l, NULL, "too many indices for %s",
                            tm_lt_text(l, v->type));
    } else {
      return tm_low_error(l, "a tensor has no addressable elements: use "
                             "tl.gather, a mask with tl.sum, or load the "
                             "part from memory",
                          "tensors take only [:] and None as indices, got %s",
                          tm_lv_describe(l, items[i]));
    }
  }
  return result;
}

/* One bound of a Python slice over n items. */
static bool slice_bound(tm_low *l, tm_lv v, tm_wide otherwise, tm_wide n,
                        tm_wide *out) {
  *out = otherwise;
  if (v->kind == TM_LV_NONE) return true;
  if (v->kind != TM_LV_INT) {
    tm_low_error(l, NULL, "a slice's bounds are compile-time integers, got %s",
                 tm_lv_describe(l, v));
    return false;
  }
  *out = v->i < 0 ? v->i + n : v->i;
  if (*out < 0) *out = 0;
  if (*out > n) *out = n;
  return true;
}

static tm_lv slice_tuple(tm_low *l, tm_lv v, tm_lv slice) {
  tm_wide from, to, n = v->n_items;
  if (slice->items[2]->kind != TM_LV_NONE &&
      !(slice->items[2]->kind == TM_LV_INT && slice->items[2]->i == 1))
    return tm_low_error(l, NULL, "slices of tuples have no step");
  if (!slice_bound(l, slice->items[0], 0, n, &from) ||
      !slice_bound(l, slice->items[1], n, n, &to))
    return TM_POISONED;
  if (to < from) to = from;
  return tm_lv_tuple(l, v->items + (size_t)from, (uint32_t)(to - from));
}

tm_lv tm_low_subscript(tm_low *l, tm_lv owner, tm_lv index) {
  if (tm_lv_is_poison(owner) || tm_lv_is_poison(index)) return TM_POISONED;
  if (tm_lv_is_run(owner) && owner->type->kind != TM_LT_DESCRIPTOR)
    return index_tensor(l, owner, index);
  if (owner->kind == TM_LV_SHARED) return tm_shared_get(l, owner, index);
  bool is_text = owner->kind == TM_LV_TEXT;
  if (owner->kind == TM_LV_TUPLE && owner->record &&
      owner->record->is_aggregate)
    return tm_record_operator(l, owner, "__getitem__", index);
  if (owner->kind == TM_LV_DICT) {
    tm_lv found = tm_dict_find(owner, index);
    return found ? found
                 : tm_low_error(l, NULL, "the dict has no key %s",
                                tm_lv_describe(l, index));
  }
  if (owner->kind == TM_LV_TUPLE && index->kind == TM_LV_SLICE)
    return slice_tuple(l, owner, index);
  if (owner->kind != TM_LV_TUPLE && !is_text)
    return tm_low_error(l, NULL, "%s cannot be indexed",
                        tm_lv_describe(l, owner));
  if (index->kind != TM_LV_INT && index->kind != TM_LV_BOOL)
    return tm_low_error(l, "use tl.static_range for the loop, or a constexpr",
                        "an index into a tuple must be a compile-time "
                        "integer, got %s",
                        tm_lv_describe(l, index));
  tm_wide n = is_text ? (tm_wide)owner->text.len : (tm_wide)owner->n_items;
  tm_wide i = index->kind == TM_LV_BOOL ? (tm_wide)index->b : index->i;
  if (i < 0) i += n;
  if (i < 0 || i >= n)
    return tm_low_error(l, NULL, "index %s is out of range for %s",
                        tm_lv_describe(l, index), tm_lv_describe(l, owner));
  if (is_text) return tm_lv_text(l, owner->text.ptr + (size_t)i, 1);
  return owner->items[(size_t)i];
}

/* ---- expressions -------------------------------------------------------- */

static tm_lv list_or_tuple(tm_low *l, const tm_lv_list *items, bool is_list) {
  tm_lvalue *v =
      (tm_lvalue *)(uintptr_t)tm_lv_tuple(l, items->data, items->len);
  v->is_static = is_list;
  v->is_mutable = is_list && l->frame->is_python;
  return v;
}

static tm_lv sequence(tm_low *l, const tm_expr *e, bool is_list) {
  tm_lv_list items = {0};
  for (uint32_t i = 0; i < e->items.len; i++) {
    const tm_expr *item = e->items.data[i];
    bool starred = item->kind == TM_EXPR_STARRED;
    tm_lv v = tm_low_expr(l, starred ? item->a[0] : item);
    if (starred && tm_low_items(l, v, &items)) {
      continue;
    } else if (starred && !tm_lv_is_poison(v)) {
      return tm_low_error(l, NULL, "* needs a tuple, got %s",
                          tm_lv_describe(l, v));
    } else {
      tm_push(l->arena, &items, v);
    }
  }
  return list_or_tuple(l, &items, is_list);
}

/* and, or: compile-time operands decide or drop out, in order; all run-time
 * operands are evaluated and combined from the right. */
static tm_lv combine(tm_low *l, bool is_and, const tm_lv *run, uint32_t n,
                     tm_lv last) {
  if (n == 0) return last;
  tm_lv r = run[n - 1];
  for (uint32_t i = n - 1; i-- > 0;)
    r = tm_sem_logical(l, is_and, run[i], r);
  return r;
}

static tm_lv boolean(tm_low *l, const tm_expr *e, bool is_test) {
  bool is_and = e->kind == TM_EXPR_AND, truth;
  TM_VEC(tm_lv) run = {0};
  tm_lv v = TM_POISONED;
  for (uint32_t i = 0; i < e->items.len; i++) {
    const tm_expr *item = e->items.data[i];
    v = is_test ? tm_low_test(l, item) : tm_low_expr(l, item);
    if (tm_lv_is_poison(v)) return v;
    if (tm_lv_is_run(v)) {
      if (is_test) v = tm_sem_truth(l, v);
      if (tm_lv_is_poison(v)) return v;
      tm_push(l->arena, &run, v);
    } else if (!tm_lv_truth(v, &truth)) {
      return tm_low_error(l, NULL, "%s has no truth value",
                          tm_lv_describe(l, v));
    } else if (truth != is_and) {
      return v;
    }
  }
  return combine(l, is_and, run.data, run.len, v);
}

static tm_lv comparison(tm_low *l, const tm_expr *e) {
  TM_VEC(tm_lv) run = {0};
  tm_lv left = tm_low_expr(l, e->items.data[0]), v = TM_POISONED;
  for (uint32_t i = 1; i < e->items.len; i++) {
    tm_lv right = tm_low_expr(l, e->items.data[i]);
    v = tm_sem_compare(l, e->ops[i - 1], left, right);
    if (tm_lv_is_poison(v) || e->items.len == 2) return v;
    if (tm_lv_is_run(v))
      tm_push(l->arena, &run, v);
    else if (!v->b)
      return v;
    left = right;
  }
  return combine(l, true, run.data, run.len, v);
}

/* A buffer that was given is there: its parameter is true. */
static tm_lv test_value(tm_low *l, tm_lv v) {
  if (!tm_lv_is_run(v) || v->type->kind != TM_LT_POINTER) return v;
  const tm_value_data *data = tm_val(l->ir, v->value);
  bool is_param = !data->def && data->block == l->ir->funcs.data[0].body;
  return is_param ? tm_lv_bool(true) : v;
}

tm_lv tm_low_test(tm_low *l, const tm_expr *e) {
  if (e->kind == TM_EXPR_UNARY && e->op == TM_PY_NOT) {
    tm_lv v = tm_low_test(l, e->a[0]);
    tm_loc old = tm_low_at(l, e->loc);
    v = tm_sem_unary(l, TM_PY_NOT, v);
    l->b.loc = old;
    return v;
  }
  if (e->kind != TM_EXPR_AND && e->kind != TM_EXPR_OR)
    return test_value(l, tm_low_expr(l, e));
  tm_loc old = tm_low_at(l, e->loc);
  tm_lv v = tm_low_enter(l) ? boolean(l, e, true) : TM_POISONED;
  if (!l->stopped) tm_low_leave(l);
  l->b.loc = old;
  return v;
}

static tm_lv conditional(tm_low *l, const tm_expr *e) {
  tm_lv condition = tm_low_test(l, e->a[1]);
  bool truth;
  if (tm_lv_is_poison(condition)) return condition;
  if (tm_lv_is_run(condition)) return tm_low_ternary(l, condition, e);
  if (!tm_lv_truth(condition, &truth))
    return tm_low_error(l, NULL, "%s has no truth value",
                        tm_lv_describe(l, condition));
  return tm_low_expr(l, truth ? e->a[0] : e->a[2]);
}

static tm_lv slice(tm_low *l, const tm_expr *e) {
  tm_lvalue *v = TM_NEW(l->arena, tm_lvalue);
  tm_lv *items = TM_NEW_ARRAY(l->arena, tm_lv, 3);
  for (int i = 0; i < 3; i++)
    items[i] = e->a[i] ? tm_low_expr(l, e->a[i]) : TM_NONE_LV;
  v->kind = TM_LV_SLICE;
  v->items = items;
  v->n_items = 3;
  return v;
}

/* One clause of a comprehension and those after it, then the element. */
static bool clause(tm_low *l, const tm_expr *e, uint32_t at,
                   tm_lv_list *out) {
  if (at == e->clauses.len) {
    tm_push(l->arena, out, tm_low_expr(l, e->a[0]));
    if (e->op == TM_PY_DICT_COMP)
      tm_push(l->arena, out, tm_low_expr(l, e->a[1]));
    return true;
  }
  const tm_comp_clause *c = &e->clauses.data[at];
  tm_lv over = tm_low_expr(l, c->iter);
  tm_lv_list items = {0};
  if (!tm_low_items(l, over, &items)) {
    if (!tm_lv_is_poison(over))
      tm_low_error(l, "loop over compile-time bounds",
                   "a comprehension goes over compile-time items, got %s",
                   tm_lv_describe(l, over));
    return false;
  }
  for (uint32_t i = 0; i < items.len && !l->stopped; i++) {
    bool keep = true;
    tm_low_assign_item(l, c->target, items.data[i]);
    for (uint32_t k = 0; keep && k < c->conditions.len; k++)
      if (!tm_want_bool(l, tm_low_expr(l, c->conditions.data[k]),
                        "a comprehension's condition", &keep))
        return false;
    if (keep && !clause(l, e, at + 1, out)) return false;
  }
  return true;
}

/* [e for x in items if c], also of dicts and generators. */
static tm_lv comprehension(tm_low *l, const tm_expr *e) {
  if (e->op == TM_PY_SET_COMP)
    return tm_low_unsupported(l, "use a tuple", "kernels have no sets");
  tm_lv_list items = {0};
  tm_scope_mark mark = tm_scope_enter(l);
  bool ok = clause(l, e, 0, &items);
  tm_scope_leave(l, mark, NULL);
  if (!ok) return TM_POISONED;
  if (e->op == TM_PY_DICT_COMP) return tm_dict_make(l, items.data, items.len);
  return list_or_tuple(l, &items, e->op == TM_PY_LIST_COMP);
}

static tm_lv refused(tm_low *l, const tm_expr *e) {
  const char *what = "this expression", *hint = NULL;
  switch (e->kind) {
  case TM_EXPR_LAMBDA:
    what = "lambda";
    hint = "define a @triton.jit function at module level";
    break;
  case TM_EXPR_SET: what = "a set"; hint = "use a tuple"; break;
  case TM_EXPR_AWAIT: what = "await"; hint = "await in host code"; break;
  case TM_EXPR_YIELD:
    what = "yield";
    hint = "return a tuple, or store to memory";
    break;
  case TM_EXPR_BYTES: what = "a bytes literal"; hint = "use a string"; break;
  case TM_EXPR_COMPLEX:
    what = "a complex number";
    hint = "keep the real and the imaginary part in two tensors";
    break;
  case TM_EXPR_STARRED: what = "* outside of a call or tuple"; break;
  default: break;
  }
  return tm_low_unsupported(l, hint, "%s has no meaning in a kernel", what);
}

static tm_lv walrus(tm_low *l, const tm_expr *e) {
  tm_low_assign(l, e->a[0], tm_low_expr(l, e->a[1]));
  return tm_low_expr(l, e->a[0]);
}

static tm_lv literal_int(tm_low *l, const tm_expr *e) {
  if (e->big)
    return tm_low_error(l, NULL, "the integer does not fit 64 bits");
  return tm_lv_int(l, (tm_wide)e->u.i);
}

static tm_lv attribute(tm_low *l, const tm_expr *e) {
  tm_lv owner = tm_low_expr(l, e->a[0]);
  tm_low_at(l, e->loc);
  return tm_low_attribute(l, owner, e->name);
}

static tm_lv lower_kind(tm_low *l, const tm_expr *e) {
  tm_lv a, b;
  switch (e->kind) {
  case TM_EXPR_NAME: {
    tm_lv v = tm_scope_read(l, e);
    return v;
  }
  case TM_EXPR_INT: return literal_int(l, e);
  case TM_EXPR_FLOAT: return tm_lv_float(l, e->u.f);
  case TM_EXPR_STRING: return tm_lv_text(l, e->text.ptr, e->text.len);
  case TM_EXPR_FSTRING: return tm_text_fstring(l, e);
  case TM_EXPR_DICT: return tm_dict_literal(l, e);
  case TM_EXPR_TRUE: return tm_lv_bool(true);
  case TM_EXPR_FALSE: return tm_lv_bool(false);
  case TM_EXPR_NONE: return TM_NONE_LV;
  case TM_EXPR_ELLIPSIS: return &tm_lv_ellipsis_value;
  case TM_EXPR_TUPLE: return sequence(l, e, false);
  case TM_EXPR_LIST: return sequence(l, e, true);
  case TM_EXPR_UNARY:
    a = tm_low_expr(l, e->a[0]);
    return tm_sem_unary(l, e->op, a);
  case TM_EXPR_BINARY:
    a = tm_low_expr(l, e->a[0]);
    b = tm_low_expr(l, e->a[1]);
    return tm_low_operator(l, e->op, a, b);
  case TM_EXPR_COMPARE: return comparison(l, e);
  case TM_EXPR_AND:
  case TM_EXPR_OR: return boolean(l, e, false);
  case TM_EXPR_IF: return conditional(l, e);
  case TM_EXPR_CALL: return tm_low_call_expr(l, e);
  case TM_EXPR_ATTRIBUTE: return attribute(l, e);
  case TM_EXPR_SUBSCRIPT:
    a = tm_low_expr(l, e->a[0]);
    b = tm_low_expr(l, e->a[1]);
    return tm_low_subscript(l, a, b);
  case TM_EXPR_SLICE: return slice(l, e);
  case TM_EXPR_WALRUS: return walrus(l, e);
  case TM_EXPR_COMPREHENSION: return comprehension(l, e);
  default: return refused(l, e);
  }
}

tm_lv tm_low_expr(tm_low *l, const tm_expr *e) {
  if (!tm_low_enter(l)) return TM_POISONED;
  tm_loc old = tm_low_at(l, e->loc);
  tm_lv v = lower_kind(l, e);
  /* What module code could not tell is an error where a kernel computes with
   * it; attribute chains and calls report it themselves. */
  if (v->kind == TM_LV_OPAQUE && l->frame->function &&
      e->kind != TM_EXPR_NAME && e->kind != TM_EXPR_ATTRIBUTE)
    v = tm_low_opaque_use(l, v);
  l->b.loc = old;
  tm_low_leave(l);
  return v;
}
