/* SPDX-License-Identifier: MIT */
/*
 * call.c - calls: arguments, inlining of functions, dispatch to builtins.
 *
 * Functions are lowered in line, once for each call. Arguments are bound as
 * they are, so that a compile-time number given to a plain parameter stays
 * one inside: constexpr-ness flows through calls. A call chain that does not
 * end is recursion and is refused with the chain.
 */
#include "value.h"

enum { DEEPEST_CALLS = 64 }; /* real helpers nest less than ten deep */

/* ---- arguments ---------------------------------------------------------- */

static bool add_positional(tm_low *l, const tm_expr *e, tm_lv_list *items) {
  bool starred = e->kind == TM_EXPR_STARRED;
  tm_lv v = tm_low_expr(l, starred ? e->a[0] : e);
  if (!starred) {
    tm_push(l->arena, items, v);
    return true;
  }
  if (tm_low_items(l, v, items)) return true;
  if (!tm_lv_is_poison(v))
    tm_low_error(l, NULL, "* needs a tuple, got %s", tm_lv_describe(l, v));
  return false;
}

/* Keywords come first, as in upstream's front end: loads and atomics among the
 * arguments happen in that order. */
static bool evaluate_args(tm_low *l, const tm_expr *e, uint32_t from,
                          tm_args *out) {
  tm_lv_list items = {0};
  TM_VEC(tm_named_lv) named = {0};
  bool ok = true;
  for (uint32_t i = 0; i < e->keywords.len; i++) {
    const tm_keyword *k = &e->keywords.data[i];
    tm_named_lv n = {k->name, tm_low_expr(l, k->value), k->loc};
    if (k->name) {
      tm_push(l->arena, &named, n);
      continue;
    }
    tm_lv d = n.value;
    if (d->kind != TM_LV_DICT) {
      if (!tm_lv_is_poison(d))
        tm_low_error(l, "name the arguments", "** needs a dict, got %s",
                     tm_lv_describe(l, d));
      ok = false;
      continue;
    }
    for (uint32_t p = 0; p < d->n_items; p += 2) {
      const char *key;
      if (!tm_want_text(l, d->items[p], "a key of **", &key) || !key) {
        ok = false;
        break;
      }
      tm_named_lv one = {key, d->items[p + 1], k->loc};
      tm_push(l->arena, &named, one);
    }
  }
  for (uint32_t i = from; i < e->items.len; i++)
    ok = add_positional(l, e->items.data[i], &items) && ok;
  *out = (tm_args){items.data, items.len, named.data, named.len};
  return ok;
}

static bool is_row(tm_lv callee, const char *name) {
  return callee->kind == TM_LV_BUILTIN &&
         strcmp(callee->row->name, name) == 0;
}

/* static_assert's message is evaluated only when it is needed. */
static tm_lv static_assertion(tm_low *l, const tm_expr *e) {
  if (e->items.len == 0 || e->items.len + e->keywords.len > 2)
    return tm_low_error(l, NULL, "static_assert takes a condition and a "
                                 "message");
  tm_lv condition = tm_low_expr(l, e->items.data[0]);
  bool truth;
  if (tm_lv_is_poison(condition)) return condition;
  if (!tm_lv_truth(condition, &truth))
    return tm_low_error(l, "tl.device_assert tests run-time values",
                        "static_assert needs a compile-time condition, got "
                        "%s",
                        tm_lv_describe(l, condition));
  if (truth) return TM_NONE_LV;
  const tm_expr *message = e->items.len > 1 ? e->items.data[1]
                           : e->keywords.len ? e->keywords.data[0].value
                                             : NULL;
  tm_lv text = message ? tm_low_expr(l, message) : TM_NONE_LV;
  tm_buf out = tm_buf_in(l->arena);
  if (message && !tm_lv_is_poison(text)) {
    tm_buf_puts(&out, ": ");
    tm_lv_print(l, &out, text);
  }
  if (l->pinned.file && out.len) /* our own, about the user's arguments */
    return tm_low_error(l, NULL, "%s", tm_buf_text(&out) + 2);
  return tm_low_error(l, NULL, "static_assert failed%s", tm_buf_text(&out));
}

tm_lv tm_low_call_expr(tm_low *l, const tm_expr *e) {
  tm_lv callee = tm_low_expr(l, e->a[0]);
  tm_low_at(l, e->loc);
  if (is_row(callee, "static_assert")) return static_assertion(l, e);
  tm_args args;
  bool ok = evaluate_args(l, e, 0, &args);
  tm_low_at(l, e->loc);
  if (!ok || tm_lv_is_poison(callee)) return TM_POISONED;
  return tm_low_call(l, callee, &args);
}

static tm_lv call_method(tm_low *l, tm_lv callee, const tm_args *args) {
  tm_lv *items = TM_NEW_ARRAY(l->arena, tm_lv, args->n_items + 1);
  items[0] = callee->self;
  if (args->n_items)
    memcpy(items + 1, args->items, args->n_items * sizeof items[0]);
  tm_args with_self = {items, args->n_items + 1, args->named, args->n_named};
  return tm_low_inline(l, callee->function, &with_self);
}

tm_lv tm_low_call(tm_low *l, tm_lv callee, const tm_args *args) {
  switch (callee->kind) {
  case TM_LV_POISON:
    return callee;
  case TM_LV_FUNCTION:
    return callee->self ? call_method(l, callee, args)
                        : tm_low_inline(l, callee->function, args);
  case TM_LV_CLASS:
    return tm_record_make(l, callee, args);
  case TM_LV_BUILTIN:
    return tm_builtin_call_row(l, callee->row, callee->self, args);
  case TM_LV_TYPE:
    if (args->n_items == 1 && args->n_named == 0)
      return tm_sem_cast(l, args->items[0], callee->type);
    return tm_low_error(l, NULL, "a conversion takes one value");
  case TM_LV_OPAQUE:
    if (l->frame->is_python) {
      tm_lv v = tm_host_call(l, callee->text, args);
      if (v) return v;
    }
    return tm_low_error(l, "a kernel may call @triton.jit functions of its "
                           "module and of modules that were given",
                        "%.*s cannot be called in a kernel",
                        (int)callee->text.len, callee->text.ptr);
  default:
    return tm_low_error(l, "only functions are called: the name stands for "
                           "a value here",
                        "%s cannot be called",
                        tm_lv_describe(l, callee));
  }
}

/* ---- binding to a function's parameters --------------------------------- */

static tm_lv default_value(tm_low *l, const tm_function_def *f,
                           const tm_param_decl *p) {
  tm_frame frame = {.caller = l->frame, .module = f->module,
                    .function = f, .is_python = true,
                    .is_prelude = l->frame->is_prelude,
                    .call_loc = l->b.loc};
  l->frame = &frame;
  tm_lv v = tm_low_expr(l, p->value);
  l->frame = frame.caller;
  return v->kind == TM_LV_OPAQUE ? tm_low_opaque_use(l, v) : v;
}

static const tm_named_lv *find_named(const tm_args *args, const char *name) {
  for (uint32_t i = 0; i < args->n_named; i++)
    if (strcmp(args->named[i].name, name) == 0) return &args->named[i];
  return NULL;
}

/* "it takes (x, n, k=...)" */
static const char *parameters_hint(tm_low *l, const tm_function_def *f) {
  tm_buf out = tm_buf_in(l->arena);
  tm_buf_puts(&out, "it takes (");
  for (uint32_t i = 0; i < f->params.len; i++) {
    const tm_param_decl *p = &f->params.data[i];
    tm_buf_printf(&out, "%s%s%s%s", i ? ", " : "",
                  p->star == 2 ? "**" : p->star ? "*" : "", p->name,
                  p->value ? "=..." : "");
  }
  tm_buf_puts(&out, ")");
  return tm_buf_text(&out);
}

static void unknown_keyword(tm_low *l, const tm_function_def *f,
                            const tm_named_lv *n) {
  tm_nearest near = {n->name, NULL, 0};
  for (uint32_t i = 0; i < f->params.len; i++)
    tm_nearest_try(&near, f->params.data[i].name);
  tm_low_error_at(
      l, n->loc, TM_DIAG_SEMANTIC,
      near.best ? tm_low_format(l, "did you mean %s?", near.best)
                : parameters_hint(l, f),
      "%s has no parameter '%s'", f->name, n->name);
}

static bool is_parameter(const tm_function_def *f, const char *name) {
  for (uint32_t i = 0; i < f->params.len; i++)
    if (!f->params.data[i].star && strcmp(f->params.data[i].name, name) == 0)
      return true;
  return false;
}

/* What **kwargs takes: the named arguments that no parameter does. */
static tm_lv gather_named(tm_low *l, const tm_function_def *f,
                          const tm_args *args) {
  tm_lv_list pairs = {0};
  for (uint32_t k = 0; k < args->n_named; k++) {
    const char *name = args->named[k].name;
    if (is_parameter(f, name)) continue;
    tm_push(l->arena, &pairs, tm_lv_text(l, name, strlen(name)));
    tm_push(l->arena, &pairs, args->named[k].value);
  }
  return tm_dict_make(l, pairs.data, pairs.len);
}

static bool check_keywords(tm_low *l, const tm_function_def *f,
                           const tm_args *args) {
  if (f->params.len && f->params.data[f->params.len - 1].star == 2)
    return true;
  for (uint32_t k = 0; k < args->n_named; k++) {
    if (is_parameter(f, args->named[k].name)) continue;
    unknown_keyword(l, f, &args->named[k]);
    return false;
  }
  return true;
}

/* Writes the parameters' values into frame. */
static bool bind(tm_low *l, const tm_function_def *f, const tm_args *args,
                 tm_frame *frame) {
  uint32_t used = 0;
  if (!check_keywords(l, f, args)) return false;
  for (uint32_t i = 0; i < f->params.len; i++) {
    const tm_param_decl *p = &f->params.data[i];
    const tm_named_lv *named = find_named(args, p->name);
    tm_lv v = NULL;
    if (p->star == 2) {
      v = gather_named(l, f, args);
    } else if (p->star == 1) {
      v = tm_lv_tuple(l, args->items + used, args->n_items - used);
      used = args->n_items;
    } else if (!p->keyword_only && used < args->n_items) {
      v = args->items[used++];
      if (named) {
        tm_low_error(l, NULL, "%s is given twice to %s", p->name, f->name);
        return false;
      }
    } else if (named) {
      v = named->value;
    } else if (p->value) {
      v = default_value(l, f, p);
    } else {
      tm_low_error(l, parameters_hint(l, f),
                   "%s is called without its argument '%s'", f->name,
                   p->name);
      return false;
    }
    tm_binding b = {tm_low_name(l, p->name), v, p->loc};
    tm_push(l->arena, &frame->vars, b);
  }
  if (used < args->n_items) {
    tm_low_error(l, parameters_hint(l, f),
                 "%s takes %u argument%s, got %u", f->name, f->params.len,
                 f->params.len == 1 ? "" : "s", args->n_items);
    return false;
  }
  return true;
}

/* ---- inlining ----------------------------------------------------------- */

static bool is_called(const tm_low *l, const tm_function_def *f) {
  for (const tm_frame *at = l->frame; at; at = at->caller)
    if (at->function == f) return true;
  return false;
}

/* The calls from the last one of f to here, and f again: the cycle. */
static tm_lv too_deep(tm_low *l, const tm_function_def *f) {
  tm_buf chain = tm_buf_in(l->arena);
  const char *names[DEEPEST_CALLS];
  int n = 0;
  for (const tm_frame *at = l->frame; at && n < DEEPEST_CALLS;
       at = at->caller) {
    if (at->function) names[n++] = at->function->name;
    if (at->function == f) break;
  }
  while (n) tm_buf_printf(&chain, "%s -> ", names[--n]);
  tm_buf_puts(&chain, f->name);
  tm_lv v = tm_low_error_at(l, l->b.loc, TM_DIAG_UNSUPPORTED,
                            "write a loop instead",
                            is_called(l, f) ? "recursion does not end: %s"
                                            : "calls nest too deep: %s",
                            tm_buf_text(&chain));
  l->stopped = true; /* the same would be said at each level on the way out */
  return v;
}

static bool is_prelude(const tm_low *l, const tm_function_def *f) {
  return l->prelude && f->module == l->prelude;
}

tm_lv tm_low_inline(tm_low *l, const tm_function_def *f,
                    const tm_args *args) {
  if (l->calls >= DEEPEST_CALLS) return too_deep(l, f);
  if (f->is_async)
    return tm_low_unsupported(l, NULL, "%s is an async function", f->name);
  bool prelude = is_prelude(l, f);
  tm_frame frame = {.caller = l->frame, .function = f, .module = f->module,
                    .call_loc = l->b.loc, .is_python = !f->is_jit,
                    .is_prelude = prelude};
  if (!bind(l, f, args, &frame)) return TM_POISONED;
  if (!tm_low_enter(l)) return TM_POISONED;
  tm_loc pinned = l->pinned, loc = l->b.loc;
  if (prelude && !pinned.file) l->pinned = loc;
  l->frame = &frame;
  l->calls++;
  tm_end end = tm_low_stmts(l, &f->body, 0, true);
  l->calls--;
  l->frame = frame.caller;
  l->pinned = pinned;
  l->b.loc = loc;
  tm_low_leave(l);
  if (end.kind != TM_END_RETURNS)
    return tm_low_error(l, NULL, "break or continue outside of a loop in %s",
                        f->name);
  return end.value ? end.value : TM_NONE_LV;
}

tm_lv tm_low_call_prelude(tm_low *l, const char *name, uint32_t n,
                          const tm_lv *values) {
  tm_lv f = tm_scope_prelude(l, name);
  tm_args args = {values, n, NULL, 0};
  return tm_low_call(l, f, &args);
}
