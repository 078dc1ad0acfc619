/* SPDX-License-Identifier: MIT */
/*
 * flow.c - run-time branches: scf.if from `if` and from conditional
 * expressions.
 *
 * Both branches are lowered into blocks of their own from the same variables;
 * then the two sets of variables are joined. A variable that differs becomes
 * a result of the scf.if; tuples are joined item by item. A branch that
 * returned does not take part: whatever it would yield is never read, so it
 * yields zeros.
 *
 *     if c:            %r = scf.if %c {
 *       x = f(x)           yield f(%x)
 *                        } else { yield %x }
 *
 *     if c: return     scf.if %c { } else {
 *     rest                 rest }
 *
 * When some paths of a branch return and others do not, the scf.if also
 * yields an i1 that says so, and what follows runs under its negation.
 */
#include "value.h"

typedef struct branch {
  tm_block block;
  tm_bindings vars;
  tm_end end;
  const char *name; /* for messages: "then", "else" */
} branch;

/* The yields of both blocks and the values that stand for the results. */
typedef struct join {
  tm_low *l;
  branch *then, *other;
  TM_VEC(tm_value) then_yields, other_yields;
  TM_VEC(tm_type) types;
  TM_VEC(tm_lvalue *) results;
} join;

static void enter_block(tm_low *l, tm_block block) {
  l->b.block = block;
  l->b.before = 0;
}

static void begin(tm_low *l, branch *b, const char *name,
                  const tm_bindings *vars) {
  *b = (branch){.name = name, .end = {.kind = TM_END_FALLS}};
  b->block = tm_ir_new_block(l->ir);
  enter_block(l, b->block);
  tm_scope_restore(l, vars);
}

static void finish(tm_low *l, branch *b, tm_end end) {
  b->end = end;
  b->vars = tm_scope_save(l);
}

tm_lv tm_low_condition(tm_low *l, tm_lv v, const char *where) {
  if (tm_lv_is_poison(v)) return v;
  if (v->type->kind == TM_LT_DESCRIPTOR)
    return tm_low_error(l, NULL, "`%s` needs a boolean, got %s", where,
                        tm_lt_text(l, v->type));
  if (tm_lt_is_block(v->type) && tm_lt_numel(v->type) == 1)
    v = tm_sem_reshape(l, v, 0, NULL, false);
  if (tm_lt_is_block(v->type))
    return tm_low_error(l, "reduce it to one value with tl.max or tl.min, or "
                           "choose per element with tl.where",
                        "`%s` needs one value, got a tensor %s", where,
                        tm_lt_text(l, v->type));
  return tm_sem_cast(l, v, tm_lt_scalar(l, TM_DT_I1));
}

/* ---- joining values ----------------------------------------------------- */

static tm_lv join_leaf(join *j, tm_value then, tm_value other,
                       tm_ltype type) {
  tm_low *l = j->l;
  tm_lvalue *r = TM_NEW(l->arena, tm_lvalue);
  r->kind = TM_LV_RUN;
  r->type = type;
  tm_push(l->arena, &j->then_yields, then);
  tm_push(l->arena, &j->other_yields, other);
  tm_push(l->arena, &j->types, type->ir);
  tm_push(l->arena, &j->results, r);
  return r;
}

static tm_lv tensor_in(tm_low *l, tm_block block, tm_lv v) {
  if (tm_lv_is_run(v)) return v;
  enter_block(l, block);
  return tm_sem_tensor(l, v);
}

static tm_lv zero_in(tm_low *l, tm_block block, tm_ltype type) {
  enter_block(l, block);
  return tm_sem_zero(l, type);
}

static bool is_scalar_like(tm_lv v) {
  return tm_lv_is_run(v) || tm_lv_is_number(v);
}

/* NULL when the values cannot be one variable. A side that is NULL does not
 * matter. */
static tm_lv join_values(join *j, tm_lv a, tm_lv b) {
  tm_low *l = j->l;
  if (!a || !b) {
    tm_lv v = a ? a : b;
    if (tm_lv_is_run(v)) {
      tm_lv zero = zero_in(l, a ? j->other->block : j->then->block, v->type);
      return a ? join_leaf(j, a->value, zero->value, v->type)
               : join_leaf(j, zero->value, b->value, v->type);
    }
    if (v->kind != TM_LV_TUPLE || !tm_lv_has_run(v)) return v;
    tm_lv *items = TM_NEW_ARRAY(l->arena, tm_lv, v->n_items);
    for (uint32_t i = 0; i < v->n_items; i++)
      items[i] = join_values(j, a ? a->items[i] : NULL,
                             b ? b->items[i] : NULL);
    return tm_lv_tuple(l, items, v->n_items);
  }
  if (tm_lv_is_poison(a) || tm_lv_is_poison(b)) return TM_POISONED;
  if (a == b || (a->kind == b->kind && a->kind != TM_LV_TUPLE &&
                 tm_lv_equal(a, b) && a->type == b->type))
    return a;
  if (is_scalar_like(a) && is_scalar_like(b)) {
    a = tensor_in(l, j->then->block, a);
    b = tensor_in(l, j->other->block, b);
    if (tm_lv_is_poison(a) || tm_lv_is_poison(b)) return TM_POISONED;
    return a->type == b->type ? join_leaf(j, a->value, b->value, a->type)
                              : NULL;
  }
  if (a->kind != TM_LV_TUPLE || b->kind != TM_LV_TUPLE ||
      a->n_items != b->n_items)
    return NULL;
  tm_lv *items = TM_NEW_ARRAY(l->arena, tm_lv, a->n_items ? a->n_items : 1);
  for (uint32_t i = 0; i < a->n_items; i++)
    if (!(items[i] = join_values(j, a->items[i], b->items[i]))) return NULL;
  return tm_lv_tuple(l, items, a->n_items);
}

static const tm_binding *find_in(const tm_bindings *vars, tm_name name) {
  for (uint32_t i = 0; vars && i < vars->len; i++)
    if (vars->data[i].name == name) return &vars->data[i];
  return NULL;
}

static tm_lv unassigned(join *j, const tm_binding *by, const branch *in) {
  return tm_lv_unbound(
      j->l, tm_low_format(j->l,
                          "it is assigned only in the %s branch of the `if`, "
                          "at line %u",
                          in->name, by->loc.line));
}

static tm_lv join_variable(join *j, tm_name name) {
  tm_low *l = j->l;
  bool then_lives = j->then->end.kind != TM_END_RETURNS;
  bool other_lives = j->other->end.kind != TM_END_RETURNS;
  const tm_binding *a = then_lives ? find_in(&j->then->vars, name) : NULL;
  const tm_binding *b = other_lives ? find_in(&j->other->vars, name) : NULL;
  if (then_lives && !a) return unassigned(j, b, j->other);
  if (other_lives && !b) return unassigned(j, a, j->then);
  tm_lv x = a ? a->value : NULL, y = b ? b->value : NULL;
  if (x && x->kind == TM_LV_UNBOUND) return x;
  if (y && y->kind == TM_LV_UNBOUND) return y;
  uint32_t mark = j->types.len;
  tm_lv r = join_values(j, x, y);
  if (r) return r;
  j->types.len = j->results.len = mark;
  j->then_yields.len = j->other_yields.len = mark;
  return tm_low_error(l, "both ways through the `if` must leave the same "
                         "type: convert one with .to(dtype)",
                      "%s is %s after the then branch (line %u) and %s after "
                      "the else branch (line %u)",
                      name, tm_lv_describe(l, x), a->loc.line,
                      tm_lv_describe(l, y), b->loc.line);
}

/* The variables of both branches, each once: those from before first, in
 * order, then new ones by name. */
static tm_name_list names_of(tm_low *l, const tm_bindings *a,
                             const tm_bindings *b, uint32_t before) {
  const tm_bindings *sides[2] = {a, b};
  tm_name_list names = {0};
  for (int side = 0; side < 2; side++)
    for (uint32_t i = 0; sides[side] && i < sides[side]->len; i++) {
      tm_name name = sides[side]->data[i].name;
      bool known = side == 1 && find_in(a, name);
      if (!known) tm_push(l->arena, &names, name);
    }
  for (uint32_t i = before; i < names.len; i++)
    for (uint32_t k = i; k > before &&
                         strcmp(names.data[k - 1], names.data[k]) > 0; k--) {
      tm_name swap = names.data[k];
      names.data[k] = names.data[k - 1];
      names.data[k - 1] = swap;
    }
  return names;
}

static void join_variables(join *j, uint32_t before, tm_bindings *out) {
  tm_low *l = j->l;
  const tm_bindings *a =
      j->then->end.kind != TM_END_RETURNS ? &j->then->vars : NULL;
  const tm_bindings *b =
      j->other->end.kind != TM_END_RETURNS ? &j->other->vars : NULL;
  tm_name_list names = names_of(l, a, b, before);
  for (uint32_t i = 0; i < names.len; i++) {
    const tm_binding *v = find_in(a, names.data[i]);
    if (!v) v = find_in(b, names.data[i]);
    tm_binding joined = {v->name, join_variable(j, v->name), v->loc};
    tm_push(l->arena, out, joined);
  }
}

static tm_value flag_in(join *j, branch *b) {
  if (b->end.kind == TM_END_MAYBE) return b->end.flag;
  enter_block(j->l, b->block);
  tm_type i1 = tm_type_scalar(j->l->ir, TM_I1);
  return tm_build_int(&j->l->b, i1, b->end.kind == TM_END_RETURNS);
}

/* What the function returns on the paths that returned. */
static tm_lv join_returned(join *j) {
  tm_lv a = j->then->end.kind == TM_END_FALLS ? NULL : j->then->end.value;
  tm_lv b = j->other->end.kind == TM_END_FALLS ? NULL : j->other->end.value;
  tm_lv r = join_values(j, a, b);
  if (r) return r;
  return tm_low_error(j->l, "every return must give the same type",
                      "the function returns %s on one path and %s on another",
                      tm_lv_describe(j->l, a), tm_lv_describe(j->l, b));
}

static void yield_in(tm_low *l, tm_block block, uint32_t n,
                     const tm_value *values) {
  enter_block(l, block);
  tm_build(&l->b, TM_YIELD, n, values, 0, NULL, 0, NULL, 0, NULL);
}

/* Closes both branches with an scf.if at `outer`. Leaves the scope as it is
 * after the statement. */
static tm_end close_if(tm_low *l, tm_builder outer, tm_value condition,
                       branch *then, branch *other, uint32_t before) {
  join j = {.l = l, .then = then, .other = other};
  tm_end end = tm_end_of(TM_END_FALLS);
  tm_bindings vars = {0};
  bool both_return = then->end.kind == TM_END_RETURNS &&
                     other->end.kind == TM_END_RETURNS;
  bool both_fall = then->end.kind == TM_END_FALLS &&
                   other->end.kind == TM_END_FALLS;
  tm_lv flag = NULL;
  if (!both_return) join_variables(&j, before, &vars);
  if (!both_fall) end.value = join_returned(&j);
  if (!both_fall && !both_return)
    flag = join_leaf(&j, flag_in(&j, then), flag_in(&j, other),
                     tm_lt_scalar(l, TM_DT_I1));
  yield_in(l, then->block, j.then_yields.len, j.then_yields.data);
  yield_in(l, other->block, j.other_yields.len, j.other_yields.data);
  tm_loc loc = l->b.loc;
  l->b = outer;
  tm_block regions[2] = {then->block, other->block};
  tm_type none[1]; /* the builder infers where no types are given */
  tm_inst inst = tm_build(&l->b, TM_IF, 1, &condition, j.types.len,
                          j.types.len ? j.types.data : none, 2, regions, 0,
                          NULL);
  l->b.loc = loc;
  for (uint32_t i = 0; i < j.results.len; i++)
    j.results.data[i]->value = tm_get(l->ir, inst)->results + i;
  tm_scope_restore(l, &vars);
  for (uint32_t i = 0; i < vars.len; i++)
    if (tm_lv_is_run(vars.data[i].value)) {
      tm_value_data *data = tm_val(l->ir, vars.data[i].value->value);
      if (!data->name && !l->frame->is_prelude) data->name = vars.data[i].name;
    }
  end.kind = both_return ? TM_END_RETURNS
             : both_fall ? TM_END_FALLS
                         : TM_END_MAYBE;
  if (flag) end.flag = flag->value;
  return end;
}

/* ---- statements --------------------------------------------------------- */

static tm_end no_jump(tm_low *l, tm_end end) {
  if (end.kind != TM_END_BREAKS && end.kind != TM_END_CONTINUES) return end;
  tm_low_error_at(l, end.loc, TM_DIAG_UNSUPPORTED,
                  "fold the condition into the loop's condition, or into a "
                  "mask",
                  "`%s` under a run-time condition is not supported",
                  end.kind == TM_END_BREAKS ? "break" : "continue");
  return tm_end_of(TM_END_FALLS);
}

typedef struct list_rest {
  const tm_stmts *stmts;
  uint32_t from;
  bool tail;
} list_rest;

static tm_end lower_list(tm_low *l, void *payload) {
  const list_rest *r = payload;
  return tm_low_stmts(l, r->stmts, r->from, r->tail);
}

tm_end tm_low_run_if(tm_low *l, const tm_stmt *s, tm_lv condition,
                     const tm_stmts *stmts, uint32_t from, bool tail) {
  condition = tm_low_condition(l, condition, "if");
  if (tm_lv_is_poison(condition)) {
    tm_low_poison_names(l, &s->body);
    tm_low_poison_names(l, &s->orelse);
    if (stmts) return tm_low_stmts(l, stmts, from, tail);
    return tm_end_of(TM_END_FALLS);
  }
  bool more = stmts && from < stmts->len, ends = stmts && tail && !more;
  tm_builder outer = l->b;
  tm_bindings saved = tm_scope_save(l);
  branch then, other;
  begin(l, &then, "then", &saved);
  finish(l, &then, no_jump(l, tm_low_stmts(l, &s->body, 0, ends)));
  begin(l, &other, "else", &saved);
  finish(l, &other, no_jump(l, tm_low_stmts(l, &s->orelse, 0, ends)));
  bool rest_inside =
      stmts && (more || tail) &&
      ((then.end.kind == TM_END_RETURNS && other.end.kind == TM_END_FALLS) ||
       (then.end.kind == TM_END_FALLS && other.end.kind == TM_END_RETURNS));
  if (rest_inside) {
    branch *open = then.end.kind == TM_END_FALLS ? &then : &other;
    enter_block(l, open->block);
    tm_scope_restore(l, &open->vars);
    finish(l, open, no_jump(l, tm_low_stmts(l, stmts, from, tail)));
  }
  tm_end end = close_if(l, outer, condition->value, &then, &other, saved.len);
  if (rest_inside || !stmts || end.kind == TM_END_RETURNS) return end;
  if (end.kind == TM_END_FALLS) return tm_low_stmts(l, stmts, from, tail);
  list_rest rest = {stmts, from, tail};
  if (!more && !tail) return end;
  return tm_low_guard(l, end, lower_list, &rest, tail);
}

tm_end tm_low_guard(tm_low *l, tm_end end, tm_rest_fn *rest, void *payload,
                    bool tail) {
  tm_builder outer = l->b;
  tm_bindings saved = tm_scope_save(l);
  branch then, other;
  begin(l, &then, "then", &saved);
  finish(l, &then, (tm_end){.kind = TM_END_RETURNS, .value = end.value});
  begin(l, &other, "else", &saved);
  finish(l, &other, no_jump(l, rest(l, payload)));
  /* A function that runs off its end after other paths returned a value
   * gives nothing there: what it would give is never read. */
  if (tail && other.end.kind == TM_END_RETURNS &&
      other.end.value->kind == TM_LV_NONE && end.value->kind != TM_LV_NONE)
    other.end.value = NULL;
  return close_if(l, outer, end.flag, &then, &other, saved.len);
}

tm_lv tm_low_ternary(tm_low *l, tm_lv condition, const tm_expr *e) {
  condition = tm_low_condition(l, condition, "if ... else");
  if (tm_lv_is_poison(condition)) return condition;
  tm_builder outer = l->b;
  tm_bindings saved = tm_scope_save(l);
  branch then, other;
  begin(l, &then, "then", &saved);
  tm_end end = tm_end_of(TM_END_RETURNS);
  end.value = tm_low_expr(l, e->a[0]);
  finish(l, &then, end);
  begin(l, &other, "else", &saved);
  end.value = tm_low_expr(l, e->a[2]);
  finish(l, &other, end);
  join j = {.l = l, .then = &then, .other = &other};
  tm_lv r = join_values(&j, then.end.value, other.end.value);
  if (!r)
    r = tm_low_error(l, "convert one of them with .to(dtype)",
                     "`a if c else b` has %s and %s",
                     tm_lv_describe(l, then.end.value),
                     tm_lv_describe(l, other.end.value));
  bool failed = tm_lv_is_poison(r);
  yield_in(l, then.block, failed ? 0 : j.then_yields.len, j.then_yields.data);
  yield_in(l, other.block, failed ? 0 : j.other_yields.len,
           j.other_yields.data);
  tm_loc loc = l->b.loc;
  l->b = outer;
  l->b.loc = loc;
  tm_block regions[2] = {then.block, other.block};
  tm_type none[1];
  tm_inst inst = tm_build(&l->b, TM_IF, 1, &condition->value,
                          failed ? 0 : j.types.len,
                          j.types.len ? j.types.data : none, 2, regions, 0,
                          NULL);
  for (uint32_t i = 0; i < j.results.len; i++)
    j.results.data[i]->value = tm_get(l->ir, inst)->results + i;
  tm_scope_restore(l, &saved);
  return r;
}
