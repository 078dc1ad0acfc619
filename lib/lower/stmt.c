/* SPDX-License-Identifier: MIT */
/*
 * stmt.c - statements that are not loops, and statement lists.
 *
 * A list tells its caller how control leaves it (tm_end). A run-time `if`
 * that may return takes the rest of its list along, because that rest must
 * end up inside the branch that falls through: structured IR has no jumps.
 */
#include "value.h"

/* ---- what a list assigns, and whether it returns ------------------------ */

static void add_name(tm_low *l, tm_name_set *out, tm_name name) {
  out->seen.arena = l->arena;
  if (tm_map_get(&out->seen, TM_KEY(name), NULL)) return;
  tm_map_put(&out->seen, TM_KEY(name), 0);
  tm_push(l->arena, &out->list, name);
}

static void targets_of(tm_low *l, const tm_expr *e, tm_name_set *out) {
  if (!e) return;
  if (e->kind == TM_EXPR_NAME) {
    add_name(l, out, tm_low_name(l, e->name));
  } else if (e->kind == TM_EXPR_TUPLE || e->kind == TM_EXPR_LIST) {
    for (uint32_t i = 0; i < e->items.len; i++)
      targets_of(l, e->items.data[i], out);
  } else if (e->kind == TM_EXPR_STARRED) {
    targets_of(l, e->a[0], out);
  }
}

/* Assignment expressions hide in conditions. */
static void walruses_of(tm_low *l, const tm_expr *e, tm_name_set *out) {
  if (!e || !tm_expr_has_children(e)) return;
  if (e->kind == TM_EXPR_WALRUS) targets_of(l, e->a[0], out);
  for (int i = 0; i < 3; i++) walruses_of(l, e->a[i], out);
  for (uint32_t i = 0; i < e->items.len; i++)
    walruses_of(l, e->items.data[i], out);
  if (e->kind != TM_EXPR_CALL) return;
  for (uint32_t i = 0; i < e->keywords.len; i++)
    walruses_of(l, e->keywords.data[i].value, out);
}

void tm_low_assigned(tm_low *l, const tm_stmts *stmts, tm_name_set *out) {
  for (uint32_t i = 0; i < stmts->len; i++) {
    const tm_stmt *s = stmts->data[i];
    walruses_of(l, s->e, out);
    for (uint32_t t = 0; t < s->targets.len; t++)
      targets_of(l, s->targets.data[t], out);
    tm_low_assigned(l, &s->body, out);
    tm_low_assigned(l, &s->orelse, out);
    for (uint32_t b = 0; b < s->blocks.len; b++)
      tm_low_assigned(l, &s->blocks.data[b], out);
  }
}

void tm_low_poison_names(tm_low *l, const tm_stmts *stmts) {
  tm_name_set names = {0};
  tm_low_assigned(l, stmts, &names);
  for (uint32_t i = 0; i < names.list.len; i++)
    tm_scope_set(l, names.list.data[i], TM_POISONED, l->b.loc);
}

static bool may_leave(const tm_stmts *stmts, bool by_return, bool by_break,
                      bool by_continue) {
  for (uint32_t i = 0; i < stmts->len; i++) {
    const tm_stmt *s = stmts->data[i];
    if ((s->kind == TM_STMT_RETURN && by_return) ||
        (s->kind == TM_STMT_BREAK && by_break) ||
        (s->kind == TM_STMT_CONTINUE && by_continue))
      return true;
    bool loop = s->kind == TM_STMT_FOR || s->kind == TM_STMT_WHILE;
    if (s->kind == TM_STMT_CLASS) continue;
    if (may_leave(&s->body, by_return, by_break && !loop,
                  by_continue && !loop) ||
        may_leave(&s->orelse, by_return, by_break, by_continue))
      return true;
  }
  return false;
}

bool tm_low_may_leave(const tm_stmts *stmts) {
  return may_leave(stmts, true, true, true);
}

bool tm_low_may_stop(const tm_stmts *stmts) {
  return may_leave(stmts, true, true, false);
}

/* ---- assignment --------------------------------------------------------- */

/* What a plain variable holds: numbers become run-time scalars, as in
 * Triton; plain Python code keeps them. */
static tm_lv as_variable(tm_low *l, tm_lv v) {
  if (l->frame->is_python) return v;
  if (tm_lv_is_number(v)) return tm_sem_tensor(l, v);
  if (v->kind != TM_LV_TUPLE || (v->record && v->record->is_aggregate))
    return v;
  tm_lv *items = TM_NEW_ARRAY(l->arena, tm_lv, v->n_items ? v->n_items : 1);
  for (uint32_t i = 0; i < v->n_items; i++)
    items[i] = as_variable(l, v->items[i]);
  return tm_lv_tuple_like(l, v, items);
}

static void name_value(tm_low *l, tm_lv v, tm_name name) {
  if (v->kind == TM_LV_SHARED) v = v->self;
  if (!tm_lv_is_run(v) || !v->value || l->frame->is_prelude) return;
  tm_value_data *data = tm_val(l->ir, v->value);
  if (!data->name) data->name = name;
}

/* Forgets a `x: tl.constexpr` that waits for its assignment. */
static bool take_constexpr(tm_low *l, tm_name name) {
  for (uint32_t i = 0; i < l->frame->constexprs.len; i++) {
    if (l->frame->constexprs.data[i] != name) continue;
    l->frame->constexprs.data[i] = NULL;
    return true;
  }
  return false;
}

/* Writes n targets from values; a starred one takes what the others leave. */
static bool spread(tm_low *l, const tm_exprs *targets, const tm_lv_list *v) {
  uint32_t n = targets->len, star = n;
  for (uint32_t i = 0; i < n; i++)
    if (targets->data[i]->kind == TM_EXPR_STARRED) star = i;
  if (star == n ? v->len != n : v->len < n - 1) {
    tm_low_error(l, NULL, "cannot unpack %u values into %u names", v->len, n);
    return false;
  }
  uint32_t rest = star == n ? 0 : v->len - (n - 1);
  for (uint32_t i = 0, at = 0; i < n; i++) {
    const tm_expr *t = targets->data[i];
    if (i == star) {
      tm_low_assign(l, t->a[0], tm_lv_tuple(l, v->data + at, rest));
      at += rest;
    } else {
      tm_low_assign(l, t, v->data[at++]);
    }
  }
  return true;
}

static void assign_items(tm_low *l, const tm_expr *target, tm_lv value) {
  uint32_t n = target->items.len;
  tm_lv_list items = {0};
  if (!tm_lv_is_poison(value) && !tm_low_items(l, value, &items))
    tm_low_error(l, NULL, "cannot unpack %s into %u names",
                 tm_lv_describe(l, value), n);
  else if (!tm_lv_is_poison(value) && spread(l, &target->items, &items))
    return;
  for (uint32_t i = 0; i < n; i++) {
    const tm_expr *t = target->items.data[i];
    tm_low_assign(l, t->kind == TM_EXPR_STARRED ? t->a[0] : t, TM_POISONED);
  }
}

static void assign_element(tm_low *l, const tm_expr *target, tm_lv value) {
  tm_lv owner = tm_low_expr(l, target->a[0]);
  if (tm_lv_is_poison(owner)) return;
  if (owner->kind == TM_LV_SHARED)
    tm_shared_set(l, owner, tm_low_expr(l, target->a[1]), value);
  else if (owner->kind == TM_LV_DICT || owner->kind == TM_LV_TUPLE)
    tm_container_set(l, owner, tm_low_expr(l, target->a[1]), value);
  else
    tm_low_error(l, "store through a pointer with tl.store, or choose with "
                    "tl.where",
                 "elements of a tensor cannot be assigned");
}

void tm_low_assign(tm_low *l, const tm_expr *target, tm_lv value) {
  switch (target->kind) {
  case TM_EXPR_NAME: {
    tm_name name = tm_low_name(l, target->name);
    if (!take_constexpr(l, name)) value = as_variable(l, value);
    if (value->kind == TM_LV_OPAQUE) {
      tm_low_opaque_use(l, value);
      value = TM_POISONED;
    }
    name_value(l, value, name);
    tm_scope_set(l, name, value, target->loc);
    return;
  }
  case TM_EXPR_TUPLE:
  case TM_EXPR_LIST:
    assign_items(l, target, value);
    return;
  case TM_EXPR_SUBSCRIPT:
    assign_element(l, target, value);
    return;
  case TM_EXPR_ATTRIBUTE:
    tm_record_set(l, tm_low_expr(l, target->a[0]), target->name, value);
    return;
  default:
    tm_low_error(l, NULL, "cannot assign to this expression");
    return;
  }
}

void tm_low_assign_item(tm_low *l, const tm_expr *target, tm_lv value) {
  if (target->kind == TM_EXPR_NAME)
    tm_scope_set(l, tm_low_name(l, target->name), value, target->loc);
  else
    tm_low_assign(l, target, value);
}

bool tm_low_is_constexpr(const tm_expr *a) {
  if (!a) return false;
  if (a->kind == TM_EXPR_NAME || a->kind == TM_EXPR_ATTRIBUTE)
    return strcmp(a->name, "constexpr") == 0;
  if (a->kind != TM_EXPR_STRING || a->text.len < 9) return false;
  return memcmp(a->text.ptr + a->text.len - 9, "constexpr", 9) == 0;
}

static void annotated(tm_low *l, const tm_stmt *s) {
  const tm_expr *target = s->targets.data[0];
  if (!tm_low_is_constexpr(s->annotation)) {
    if (s->e) tm_low_assign(l, target, tm_low_expr(l, s->e));
    return;
  }
  if (target->kind != TM_EXPR_NAME) {
    tm_low_error(l, NULL, "only a name can be a tl.constexpr");
    return;
  }
  tm_name name = tm_low_name(l, target->name);
  if (!s->e) {
    tm_push(l->arena, &l->frame->constexprs, name);
    return;
  }
  tm_lv v = tm_low_expr(l, s->e);
  if (v->kind == TM_LV_OPAQUE) v = tm_low_opaque_use(l, v);
  name_value(l, v, name);
  tm_scope_set(l, name, v, target->loc);
}

static void augmented(tm_low *l, const tm_stmt *s) {
  const tm_expr *target = s->targets.data[0];
  tm_lv old = tm_low_expr(l, target);
  tm_lv by = tm_low_expr(l, s->e);
  tm_low_assign(l, target, tm_low_operator(l, s->op, old, by));
}

/* ---- other statements --------------------------------------------------- */

static tm_end returned(tm_low *l, const tm_stmt *s) {
  tm_end end = tm_end_of(TM_END_RETURNS);
  end.value = s->e ? tm_low_expr(l, s->e) : TM_NONE_LV;
  return end;
}

static void raised(tm_low *l, const tm_stmt *s) {
  const char *message = "";
  if (s->e && s->e->kind == TM_EXPR_CALL && s->e->items.len) {
    l->quiet++;
    tm_lv v = tm_low_expr(l, s->e->items.data[0]);
    l->quiet--;
    if (v->kind == TM_LV_TEXT)
      message = tm_low_format(l, ": %.*s", (int)v->text.len, v->text.ptr);
  }
  tm_low_error(l, NULL, "the kernel raises an exception%s", message);
}

static void asserted(tm_low *l, const tm_stmt *s) {
  tm_lv given[2] = {tm_low_expr(l, s->e), NULL};
  bool truth;
  if (l->frame->is_python && tm_lv_truth(given[0], &truth)) {
    if (truth) return;
    tm_lv message = s->e2 ? tm_low_expr(l, s->e2) : TM_NONE_LV;
    tm_buf out = tm_buf_in(l->arena);
    if (s->e2 && !tm_lv_is_poison(message)) {
      tm_buf_puts(&out, ": ");
      tm_lv_print(l, &out, message);
    }
    tm_low_error(l, NULL, "assertion failed%s", tm_buf_text(&out));
    return;
  }
  if (s->e2) given[1] = tm_low_expr(l, s->e2);
  tm_args args = {given, s->e2 ? 2 : 1, NULL, 0};
  const tm_builtin *row = tm_builtin_find(TM_IN_TL, "device_assert");
  if (row) tm_builtin_call_row(l, row, NULL, &args);
}

static void expression(tm_low *l, const tm_stmt *s) {
  if (s->e->kind == TM_EXPR_STRING) return; /* a docstring */
  tm_lv v = tm_low_expr(l, s->e);
  if (s->e->kind == TM_EXPR_CALL && tm_lv_is_run(v) &&
      v->type->kind == TM_LT_POINTER &&
      v->type->element->kind == TM_LT_BLOCK)
    tm_low_error(l, "assign it: p = tl.advance(p, offsets)",
                 "the moved block pointer is not used");
}

static void refused(tm_low *l, const tm_stmt *s) {
  const char *what = "this statement", *hint = NULL;
  switch (s->kind) {
  case TM_STMT_FUNCTION:
    what = "a nested function";
    hint = "move it to module level and decorate it with @triton.jit";
    break;
  case TM_STMT_CLASS:
    what = "a class";
    hint = "define it at module level";
    break;
  case TM_STMT_TRY:
    what = "try";
    hint = "nothing raises on a GPU: test the condition with if or tl.where";
    break;
  case TM_STMT_GLOBAL: case TM_STMT_NONLOCAL:
    what = s->kind == TM_STMT_GLOBAL ? "global" : "nonlocal";
    hint = "kernels cannot assign to names outside: pass a pointer and store";
    break;
  case TM_STMT_MATCH: what = "match"; hint = "write if and elif"; break;
  case TM_STMT_IMPORT: case TM_STMT_IMPORT_FROM:
    what = "import";
    hint = "import at the top of the module";
    break;
  default: break;
  }
  tm_low_unsupported(l, hint, "%s has no meaning in a kernel", what);
}

static void deleted(tm_low *l, const tm_stmt *s) {
  for (uint32_t i = 0; i < s->targets.len; i++) {
    const tm_expr *t = s->targets.data[i];
    if (t->kind != TM_EXPR_NAME) {
      tm_low_unsupported(l, NULL, "del takes names in a kernel");
      continue;
    }
    tm_lv v = tm_low_expr(l, t);
    if (!tm_lv_is_poison(v))
      v = tm_lv_unbound(l, tm_low_format(l, "it was deleted at line %u",
                                         s->loc.line));
    tm_scope_set(l, tm_low_name(l, t->name), v, t->loc);
  }
}

/* Contexts that mean nothing here, such as a profiler's scope, are builtins
 * that give None. */
static tm_end with(tm_low *l, const tm_stmt *s) {
  for (uint32_t i = 0; i < s->items.len; i++) {
    tm_lv v = tm_low_expr(l, s->items.data[i]);
    if (v->kind != TM_LV_NONE && !tm_lv_is_poison(v))
      tm_low_unsupported(l, "write its statements without the `with`",
                         "`with` over %s has no meaning in a kernel",
                         tm_lv_describe(l, v));
    if (i < s->targets.len && s->targets.data[i])
      tm_low_assign(l, s->targets.data[i], v);
  }
  return tm_low_stmts(l, &s->body, 0, false);
}

/* ---- if ----------------------------------------------------------------- */

static tm_end lower_if(tm_low *l, const tm_stmt *s, const tm_stmts *stmts,
                       uint32_t from, bool tail, bool *took_rest) {
  tm_lv condition = tm_low_test(l, s->e);
  bool truth;
  if (tm_lv_is_run(condition)) {
    *took_rest = tm_low_may_leave(&s->body) || tm_low_may_leave(&s->orelse);
    return tm_low_run_if(l, s, condition, *took_rest ? stmts : NULL, from,
                         tail);
  }
  if (!tm_lv_is_poison(condition) && !tm_lv_truth(condition, &truth))
    condition = condition->kind == TM_LV_OPAQUE
                    ? tm_low_opaque_use(l, condition)
                    : tm_low_error(l, NULL, "%s has no truth value",
                                   tm_lv_describe(l, condition));
  if (tm_lv_is_poison(condition)) {
    tm_low_poison_names(l, &s->body);
    tm_low_poison_names(l, &s->orelse);
    return tm_end_of(TM_END_FALLS);
  }
  bool last = tail && from >= stmts->len;
  return tm_low_stmts(l, truth ? &s->body : &s->orelse, 0, last);
}

/* ---- lists -------------------------------------------------------------- */

typedef struct rest_of_list {
  const tm_stmts *stmts;
  uint32_t from;
  bool tail;
} rest_of_list;

static tm_end lower_rest(tm_low *l, void *payload) {
  const rest_of_list *rest = payload;
  return tm_low_stmts(l, rest->stmts, rest->from, rest->tail);
}

static tm_end lower_one(tm_low *l, const tm_stmt *s, const tm_stmts *stmts,
                        uint32_t next, bool tail, bool *took_rest) {
  switch (s->kind) {
  case TM_STMT_EXPR: expression(l, s); break;
  case TM_STMT_ASSIGN: {
    tm_lv v = tm_low_expr(l, s->e);
    for (uint32_t t = 0; t < s->targets.len; t++)
      tm_low_assign(l, s->targets.data[t], v);
    break;
  }
  case TM_STMT_AUGASSIGN: augmented(l, s); break;
  case TM_STMT_ANNASSIGN: annotated(l, s); break;
  case TM_STMT_RETURN: return returned(l, s);
  case TM_STMT_IF: return lower_if(l, s, stmts, next, tail, took_rest);
  case TM_STMT_FOR: return tm_low_for(l, s);
  case TM_STMT_WHILE: return tm_low_while(l, s);
  case TM_STMT_PASS: break;
  case TM_STMT_DELETE: deleted(l, s); break;
  case TM_STMT_WITH: return with(l, s);
  case TM_STMT_BREAK:
    return (tm_end){.kind = TM_END_BREAKS, .loc = s->loc};
  case TM_STMT_CONTINUE:
    return (tm_end){.kind = TM_END_CONTINUES, .loc = s->loc};
  case TM_STMT_ASSERT: asserted(l, s); break;
  case TM_STMT_RAISE:
    raised(l, s);
    return (tm_end){.kind = TM_END_RETURNS, .value = TM_POISONED};
  default: refused(l, s); break;
  }
  return tm_end_of(TM_END_FALLS);
}

tm_end tm_low_stmts(tm_low *l, const tm_stmts *stmts, uint32_t from,
                    bool tail) {
  if (!tm_low_enter(l)) return tm_end_of(TM_END_FALLS);
  tm_loc old = l->b.loc;
  tm_end end = tm_end_of(TM_END_FALLS);
  for (uint32_t i = from; i < stmts->len && end.kind == TM_END_FALLS; i++) {
    const tm_stmt *s = stmts->data[i];
    bool took_rest = false;
    l->steps++;
    tm_low_at(l, s->loc);
    end = lower_one(l, s, stmts, i + 1, tail, &took_rest);
    if (took_rest) break;
    if (end.kind == TM_END_MAYBE) {
      rest_of_list rest = {stmts, i + 1, tail};
      bool more = i + 1 < stmts->len;
      if (more || tail)
        end = tm_low_guard(l, end.flag, tm_end_gone(end), lower_rest, &rest,
                           tail);
      break;
    }
  }
  if (tail && end.kind == TM_END_FALLS) {
    end.kind = TM_END_RETURNS; /* off its end: a NULL value */
  }
  l->b.loc = old;
  tm_low_leave(l);
  return end;
}
