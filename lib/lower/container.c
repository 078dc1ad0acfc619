/* SPDX-License-Identifier: MIT */
/*
 * container.c - what plain Python code does with lists, dicts and strings at
 * compile time. Lists and dicts of plain Python functions can change, in
 * place as in Python; those of kernels, and those that modules bind, cannot.
 */
#include "value.h"

#include <stdlib.h>

/* ---- going over items ----------------------------------------------------- */

enum { MOST_ITEMS = 65536 }; /* a compile-time loop of more is a mistake */

static bool range_items(tm_low *l, tm_lv range, tm_lv_list *out) {
  tm_wide bounds[3];
  for (int i = 0; i < 3; i++) {
    tm_lv v = range->items[i];
    if (v->kind != TM_LV_INT && v->kind != TM_LV_BOOL) return false;
    bounds[i] = v->kind == TM_LV_INT ? v->i : (tm_wide)v->b;
  }
  if (bounds[2] == 0) return false;
  for (tm_wide i = bounds[0]; bounds[2] > 0 ? i < bounds[1] : i > bounds[1];
       i += bounds[2]) {
    if (out->len >= MOST_ITEMS) return false;
    tm_push(l->arena, out, tm_lv_int(l, i));
  }
  return true;
}

bool tm_low_items(tm_low *l, tm_lv v, tm_lv_list *out) {
  switch (v->kind) {
  case TM_LV_TUPLE:
    for (uint32_t i = 0; i < v->n_items; i++)
      tm_push(l->arena, out, v->items[i]);
    return true;
  case TM_LV_DICT:
    for (uint32_t i = 0; i < v->n_items; i += 2)
      tm_push(l->arena, out, v->items[i]);
    return true;
  case TM_LV_TEXT:
    for (size_t i = 0; i < v->text.len; i++)
      tm_push(l->arena, out, tm_lv_text(l, v->text.ptr + i, 1));
    return true;
  case TM_LV_RANGE:
    return range_items(l, v, out);
  default:
    return false;
  }
}

/* Items, or an error that says what cannot be gone over. */
static bool want_items(tm_low *l, tm_lv v, const char *what,
                       tm_lv_list *out) {
  if (tm_low_items(l, v, out)) return true;
  if (!tm_lv_is_poison(v))
    tm_low_error(l, NULL, "%s goes over compile-time items, got %s", what,
                 tm_lv_describe(l, v));
  return false;
}

/* ---- changing lists and dicts ---------------------------------------------- */

static tm_lvalue *changeable(tm_low *l, tm_lv v) {
  if (v->is_mutable && !l->frame->open_marks)
    return (tm_lvalue *)(uintptr_t)v;
  tm_low_error(l, v->kind == TM_LV_TUPLE && !v->is_static
                      ? "build a new tuple with +"
                      : "a list or dict can change in the plain Python "
                        "function that made it, outside of run-time branches",
               "%s cannot be changed here", tm_lv_describe(l, v));
  return NULL;
}

static void set_items(tm_low *l, tm_lvalue *v, const tm_lv *items,
                      uint32_t n) {
  tm_lv *copy = TM_NEW_ARRAY(l->arena, tm_lv, n ? n : 1);
  if (n) memcpy(copy, items, n * sizeof copy[0]);
  v->items = copy;
  v->n_items = n;
}

static tm_lv append_items(tm_low *l, tm_lv list, const tm_lv_list *more) {
  tm_lvalue *v = changeable(l, list);
  if (!v) return TM_POISONED;
  tm_lv_list all = {0};
  for (uint32_t i = 0; i < v->n_items; i++)
    tm_push(l->arena, &all, v->items[i]);
  for (uint32_t i = 0; i < more->len; i++)
    tm_push(l->arena, &all, more->data[i]);
  set_items(l, v, all.data, all.len);
  return TM_NONE_LV;
}

static tm_lv fn_append(tm_low *l, const tm_builtin_call *c) {
  tm_lv item = c->args[1];
  tm_lv_list one = {.data = &item, .len = 1, .cap = 1};
  return append_items(l, c->args[0], &one);
}

static tm_lv fn_extend(tm_low *l, const tm_builtin_call *c) {
  tm_lv_list more = {0};
  if (!want_items(l, c->args[1], "extend", &more)) return TM_POISONED;
  return append_items(l, c->args[0], &more);
}

static tm_lv fn_pop(tm_low *l, const tm_builtin_call *c) {
  tm_lvalue *v = changeable(l, c->args[0]);
  if (!v) return TM_POISONED;
  if (!v->n_items)
    return tm_low_error(l, NULL, "pop from an empty list");
  tm_lv last = v->items[v->n_items - 1];
  set_items(l, v, v->items, v->n_items - 1);
  return last;
}

static tm_lv fn_index(tm_low *l, const tm_builtin_call *c) {
  tm_lv v = c->args[0];
  int count = 0;
  for (uint32_t i = 0; i < v->n_items; i++) {
    if (!tm_lv_equal(v->items[i], c->args[1])) continue;
    if (c->row->aux == 0) return tm_lv_int(l, i);
    count++;
  }
  if (c->row->aux) return tm_lv_int(l, count);
  return tm_low_error(l, NULL, "%s is not in %s",
                      tm_lv_describe(l, c->args[1]), tm_lv_describe(l, v));
}

static const tm_builtin tuple_methods[] = {
  {.name = "append", .signature = "self, item", .fn = fn_append},
  {.name = "extend", .signature = "self, items", .fn = fn_extend},
  {.name = "pop", .signature = "self", .fn = fn_pop},
  {.name = "index", .signature = "self, item", .fn = fn_index},
  {.name = "count", .signature = "self, item", .fn = fn_index, .aux = 1},
};

/* ---- dicts ------------------------------------------------------------------ */

tm_lv tm_dict_find(tm_lv dict, tm_lv key) {
  for (uint32_t i = 0; i < dict->n_items; i += 2)
    if (tm_lv_equal(dict->items[i], key)) return dict->items[i + 1];
  return NULL;
}

tm_lv tm_dict_make(tm_low *l, const tm_lv *pairs, uint32_t n) {
  tm_lvalue *v = TM_NEW(l->arena, tm_lvalue);
  v->kind = TM_LV_DICT;
  set_items(l, v, pairs, n);
  v->is_mutable = l->frame->is_python;
  return v;
}

static void dict_put(tm_low *l, tm_lvalue *v, tm_lv key, tm_lv value) {
  for (uint32_t i = 0; i < v->n_items; i += 2)
    if (tm_lv_equal(v->items[i], key)) {
      ((tm_lv *)(uintptr_t)v->items)[i + 1] = value;
      return;
    }
  tm_lv_list all = {0};
  for (uint32_t i = 0; i < v->n_items; i++)
    tm_push(l->arena, &all, v->items[i]);
  tm_push(l->arena, &all, key);
  tm_push(l->arena, &all, value);
  set_items(l, v, all.data, all.len);
}

void tm_container_set(tm_low *l, tm_lv owner, tm_lv key, tm_lv value) {
  tm_lvalue *v = changeable(l, owner);
  if (!v) return;
  if (v->kind == TM_LV_DICT) {
    dict_put(l, v, key, value);
    return;
  }
  tm_wide n = v->n_items, i = key->kind == TM_LV_INT ? key->i : n;
  if (i < 0) i += n;
  if (i < 0 || i >= n)
    tm_low_error(l, NULL, "index %s is out of range for %s",
                 tm_lv_describe(l, key), tm_lv_describe(l, owner));
  else
    ((tm_lv *)(uintptr_t)v->items)[(size_t)i] = value;
}

tm_lv tm_dict_literal(tm_low *l, const tm_expr *e) {
  tm_lvalue *v = (tm_lvalue *)(uintptr_t)tm_dict_make(l, NULL, 0);
  for (uint32_t i = 0; i + 1 < e->items.len; i += 2) {
    tm_lv value = tm_low_expr(l, e->items.data[i + 1]);
    if (!e->items.data[i]) { /* **other */
      if (tm_lv_is_poison(value)) return value;
      if (value->kind != TM_LV_DICT)
        return tm_low_error(l, NULL, "** needs a dict, got %s",
                            tm_lv_describe(l, value));
      for (uint32_t k = 0; k < value->n_items; k += 2)
        dict_put(l, v, value->items[k], value->items[k + 1]);
      continue;
    }
    tm_lv key = tm_low_expr(l, e->items.data[i]);
    if (tm_lv_is_poison(key) || tm_lv_is_poison(value)) return TM_POISONED;
    if (tm_lv_has_run(key))
      return tm_low_error(l, "choose with tl.where, or load from a table",
                          "a dict's keys are compile-time values, got %s",
                          tm_lv_describe(l, key));
    dict_put(l, v, key, value);
  }
  return v;
}

static tm_lv fn_get(tm_low *l, const tm_builtin_call *c) {
  tm_lv found = tm_dict_find(c->args[0], c->args[1]);
  return found ? found : c->args[2];
}

/* aux: 0 keys, 1 values, 2 pairs. */
static tm_lv fn_dict_items(tm_low *l, const tm_builtin_call *c) {
  tm_lv d = c->args[0];
  tm_lv_list items = {0};
  for (uint32_t i = 0; i < d->n_items; i += 2)
    tm_push(l->arena, &items,
            c->row->aux == 2 ? tm_lv_tuple(l, d->items + i, 2)
                             : d->items[i + (uint32_t)c->row->aux]);
  return tm_lv_tuple(l, items.data, items.len);
}

static const tm_builtin dict_methods[] = {
  {.name = "get", .signature = "self, key, default=None", .fn = fn_get},
  {.name = "keys", .signature = "self", .fn = fn_dict_items},
  {.name = "values", .signature = "self", .fn = fn_dict_items, .aux = 1},
  {.name = "items", .signature = "self", .fn = fn_dict_items, .aux = 2},
};

/* ---- Python's functions of them ---------------------------------------------- */

tm_lv tm_fn_python_enumerate(tm_low *l, const tm_builtin_call *c) {
  tm_lv_list items = {0}, pairs = {0};
  int64_t start;
  if (!want_items(l, c->args[0], "enumerate", &items) ||
      !tm_want_int(l, c->args[1], "enumerate's start", INT32_MIN, INT32_MAX,
                   &start))
    return TM_POISONED;
  for (uint32_t i = 0; i < items.len; i++) {
    tm_lv pair[2] = {tm_lv_int(l, start + i), items.data[i]};
    tm_push(l->arena, &pairs, tm_lv_tuple(l, pair, 2));
  }
  return tm_lv_tuple(l, pairs.data, pairs.len);
}

tm_lv tm_fn_python_zip(tm_low *l, const tm_builtin_call *c) {
  tm_lv given = c->args[0];
  uint32_t n = given->n_items, least = MOST_ITEMS;
  tm_lv_list *lists = TM_NEW_ARRAY(l->arena, tm_lv_list, n + 1), rows = {0};
  for (uint32_t i = 0; i < n; i++) {
    if (!want_items(l, given->items[i], "zip", &lists[i])) return TM_POISONED;
    if (lists[i].len < least) least = lists[i].len;
  }
  tm_lv *row = TM_NEW_ARRAY(l->arena, tm_lv, n + 1);
  for (uint32_t r = 0; n && r < least; r++) {
    for (uint32_t i = 0; i < n; i++) row[i] = lists[i].data[r];
    tm_push(l->arena, &rows, tm_lv_tuple(l, row, n));
  }
  return tm_lv_tuple(l, rows.data, rows.len);
}

tm_lv tm_fn_python_reversed(tm_low *l, const tm_builtin_call *c) {
  tm_lv_list items = {0};
  if (!want_items(l, c->args[0], "reversed", &items)) return TM_POISONED;
  for (uint32_t i = 0, k = items.len; i + 1 < k; i++) {
    tm_lv swap = items.data[--k];
    items.data[k] = items.data[i];
    items.data[i] = swap;
  }
  return tm_lv_tuple(l, items.data, items.len);
}

tm_lv tm_fn_python_sorted(tm_low *l, const tm_builtin_call *c) {
  tm_lv_list items = {0};
  bool down;
  if (!want_items(l, c->args[0], "sorted", &items) ||
      !tm_want_bool(l, c->args[1], "reverse", &down))
    return TM_POISONED;
  for (uint32_t i = 1; i < items.len; i++) /* stable, for few items */
    for (uint32_t k = i; k > 0; k--) {
      tm_lv less = tm_sem_compare(l, down ? TM_PY_GT : TM_PY_LT,
                                  items.data[k], items.data[k - 1]);
      if (less->kind != TM_LV_BOOL) return TM_POISONED;
      if (!less->b) break;
      tm_lv swap = items.data[k];
      items.data[k] = items.data[k - 1];
      items.data[k - 1] = swap;
    }
  return tm_lv_tuple(l, items.data, items.len);
}

/* aux: all. */
tm_lv tm_fn_python_all(tm_low *l, const tm_builtin_call *c) {
  tm_lv_list items = {0};
  if (!want_items(l, c->args[0], c->row->name, &items)) return TM_POISONED;
  for (uint32_t i = 0; i < items.len; i++) {
    bool truth;
    if (!tm_want_bool(l, items.data[i], "an item", &truth))
      return TM_POISONED;
    if (truth != (c->row->aux != 0)) return tm_lv_bool(truth);
  }
  return tm_lv_bool(c->row->aux != 0);
}

/* aux: a list. */
tm_lv tm_fn_to_tuple(tm_low *l, const tm_builtin_call *c) {
  tm_lv_list items = {0};
  if (!want_items(l, c->args[0], c->row->name, &items)) return TM_POISONED;
  tm_lvalue *v =
      (tm_lvalue *)(uintptr_t)tm_lv_tuple(l, items.data, items.len);
  v->is_static = c->row->aux != 0;
  v->is_mutable = v->is_static && l->frame->is_python;
  return v;
}

/* ---- finding methods ----------------------------------------------------------- */

static const tm_builtin *find_row(const tm_builtin *rows, size_t n,
                                  const char *name, tm_nearest *near) {
  for (size_t i = 0; i < n; i++) {
    if (strcmp(rows[i].name, name) == 0) return &rows[i];
    tm_nearest_try(near, rows[i].name);
  }
  return NULL;
}

tm_lv tm_container_method(tm_low *l, tm_lv v, const char *name,
                          tm_nearest *near) {
  const tm_builtin *row =
      v->kind == TM_LV_DICT
          ? find_row(dict_methods, TM_COUNT(dict_methods), name, near)
      : v->kind == TM_LV_TUPLE
          ? find_row(tuple_methods, TM_COUNT(tuple_methods), name, near)
          : NULL;
  return row ? tm_builtin_bound(l, row, v) : NULL;
}
