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
 * A path may also leave by break or continue, when the `if` is in a loop.
 * Structured code has no jumps: when some paths of a branch left and others
 * did not, the scf.if also yields an i1 that says so, and what follows runs
 * under its negation. Further i1s tell apart in which way a path left, where
 * that is not the same for all. The variables of a path that broke or
 * continued matter to the loop, so it takes part in the joining.
 *
 * In a function of tl.map_elementwise a value stands for one element, and is
 * a tensor here. An `if` on one is no branch then: both sides are computed
 * for all elements, one after the other, and arith.select takes the place of
 * the results. So they may only compute.
 */
#include "value.h"

#include <stdlib.h>

typedef struct branch {
  tm_block block;
  tm_changes vars; /* what it set */
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

static tm_scope_mark begin(tm_low *l, branch *b, const char *name) {
  *b = (branch){.name = name, .end = {.kind = TM_END_FALLS}};
  b->block = tm_ir_new_block(l->ir);
  enter_block(l, b->block);
  return tm_scope_enter(l);
}

static void finish(tm_low *l, branch *b, tm_scope_mark mark, tm_end end) {
  b->end = end;
  tm_scope_leave(l, mark, &b->vars);
}

tm_lv tm_low_condition(tm_low *l, tm_lv v, const char *where) {
  if (tm_lv_is_poison(v)) return v;
  if (v->type->kind == TM_LT_DESCRIPTOR)
    return tm_low_error(l, NULL, "`%s` needs a boolean, got %s", where,
                        tm_lt_text(l, v->type));
  if (tm_lt_is_block(v->type) && tm_lt_numel(v->type) == 1)
    v = tm_sem_reshape(l, v, 0, NULL, false);
  if (tm_lt_is_block(v->type) && l->mapping && strncmp(where, "if", 2) == 0)
    return tm_sem_cast(l, v, tm_lt_scalar(l, TM_DT_I1));
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

/* v, as a tensor if the other side is one. */
static tm_lv shaped_in(tm_low *l, tm_block block, tm_lv v, tm_ltype like) {
  if (!tm_lt_is_block(like) || tm_lt_is_block(v->type)) return v;
  enter_block(l, block);
  return tm_sem_splat(l, v, like->rank, like->shape);
}

static bool is_scalar_like(tm_lv v) {
  return tm_lv_is_run(v) || tm_lv_is_number(v);
}

static tm_lv join_values(join *j, tm_lv a, tm_lv b);

/* Sizes and strides of descriptors go the way of the descriptor. */
static tm_lv join_run(join *j, tm_lv a, tm_lv b, tm_value then,
                      tm_value other) {
  tm_lv v = a ? a : b;
  tm_lvalue *r =
      (tm_lvalue *)(uintptr_t)join_leaf(j, then, other, v->type);
  if (!v->self) return r;
  r->self = join_values(j, a ? a->self : NULL, b ? b->self : NULL);
  return r->self ? r : NULL;
}

/* NULL when the values cannot be one variable. A side that is NULL does not
 * matter. */
static tm_lv join_values(join *j, tm_lv a, tm_lv b) {
  tm_low *l = j->l;
  if (!a || !b) {
    tm_lv v = a ? a : b;
    if (tm_lv_is_run(v)) {
      tm_lv zero = zero_in(l, a ? j->other->block : j->then->block, v->type);
      return a ? join_run(j, a, b, a->value, zero->value)
               : join_run(j, a, b, zero->value, b->value);
    }
    if (v->kind != TM_LV_TUPLE || !tm_lv_has_run(v)) return v;
    tm_lv *items = TM_NEW_ARRAY(l->arena, tm_lv, v->n_items);
    for (uint32_t i = 0; i < v->n_items; i++)
      items[i] = join_values(j, a ? a->items[i] : NULL,
                             b ? b->items[i] : NULL);
    return tm_lv_tuple_like(l, v, items);
  }
  if (tm_lv_is_poison(a) || tm_lv_is_poison(b)) return TM_POISONED;
  if (a == b || (a->kind == b->kind && a->kind != TM_LV_TUPLE &&
                 tm_lv_equal(a, b) && a->type == b->type))
    return a;
  if (is_scalar_like(a) && is_scalar_like(b)) {
    a = tensor_in(l, j->then->block, a);
    b = tensor_in(l, j->other->block, b);
    if (tm_lv_is_poison(a) || tm_lv_is_poison(b)) return TM_POISONED;
    if (l->mapping && a->type != b->type) {
      a = shaped_in(l, j->then->block, a, b->type);
      b = shaped_in(l, j->other->block, b, a->type);
    }
    return a->type == b->type ? join_run(j, a, b, a->value, b->value) : NULL;
  }
  if (a->kind != TM_LV_TUPLE || b->kind != TM_LV_TUPLE ||
      a->n_items != b->n_items || !tm_record_same(a->record, b->record))
    return NULL;
  tm_lv *items = TM_NEW_ARRAY(l->arena, tm_lv, a->n_items ? a->n_items : 1);
  for (uint32_t i = 0; i < a->n_items; i++)
    if (!(items[i] = join_values(j, a->items[i], b->items[i]))) return NULL;
  return tm_lv_tuple_like(l, a, items);
}

static const tm_binding *find_new(const branch *b, uint32_t before,
                                  tm_name name) {
  for (uint32_t i = b->vars.len; i-- > 0;) {
    const tm_change *c = &b->vars.data[i];
    if (c->index < before) break;
    if (c->binding.name == name) return &c->binding;
  }
  return NULL;
}

static bool lives(const branch *b) { return b->end.kind != TM_END_RETURNS; }

static tm_lv unassigned(join *j, const tm_binding *by, const branch *in) {
  return tm_lv_unbound(
      j->l, tm_low_format(j->l,
                          "it is assigned only in the %s branch of the `if`, "
                          "at line %u",
                          in->name, by->loc.line));
}

/* a, b: the variable after each branch; NULL where it is not assigned. */
static tm_lv join_variable(join *j, const tm_binding *a,
                           const tm_binding *b) {
  tm_low *l = j->l;
  bool then_lives = lives(j->then), other_lives = lives(j->other);
  if (then_lives && !a) return unassigned(j, b, j->other);
  if (other_lives && !b) return unassigned(j, a, j->then);
  tm_lv x = then_lives ? a->value : NULL, y = other_lives ? b->value : NULL;
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
                      a->name, tm_lv_describe(l, x), a->loc.line,
                      tm_lv_describe(l, y), b->loc.line);
}

static void add_joined(join *j, tm_changes *out, uint32_t index,
                       const tm_binding *a, const tm_binding *b) {
  tm_binding by = lives(j->then) && a ? *a : *b;
  by.value = join_variable(j, a, b);
  tm_change joined = {index, by};
  tm_push(j->l->arena, out, joined);
}

/* Variables from before, in order. */
static void join_old(join *j, uint32_t before, tm_changes *out) {
  const tm_changes *a = &j->then->vars, *b = &j->other->vars;
  const tm_binding *vars = j->l->frame->vars.data;
  uint32_t i = 0, k = 0;
  for (;;) {
    uint32_t x = i < a->len ? a->data[i].index : before;
    uint32_t y = k < b->len ? b->data[k].index : before;
    uint32_t index = x < y ? x : y;
    if (index >= before) return;
    const tm_binding *then = x == index ? &a->data[i++].binding
                                        : &vars[index];
    const tm_binding *other = y == index ? &b->data[k++].binding
                                         : &vars[index];
    add_joined(j, out, index, then, other);
  }
}

static int by_name(const void *a, const void *b) {
  return strcmp(*(tm_name const *)a, *(tm_name const *)b);
}

/* Variables that the branches made, by name. */
static void join_new(join *j, uint32_t before, tm_changes *out) {
  const branch *sides[2] = {j->then, j->other};
  tm_name_list names = {0};
  for (int side = 0; side < 2; side++)
    for (uint32_t i = 0; lives(sides[side]) && i < sides[side]->vars.len;
         i++) {
      const tm_change *c = &sides[side]->vars.data[i];
      bool known = side == 1 && lives(j->then) &&
                   find_new(j->then, before, c->binding.name);
      if (c->index >= before && !known)
        tm_push(j->l->arena, &names, c->binding.name);
    }
  if (names.len)
    qsort(names.data, names.len, sizeof names.data[0], by_name);
  for (uint32_t i = 0; i < names.len; i++) {
    const tm_binding *a = find_new(j->then, before, names.data[i]);
    const tm_binding *b = find_new(j->other, before, names.data[i]);
    add_joined(j, out, before, lives(j->then) ? a : NULL,
               lives(j->other) ? b : NULL);
  }
}

/* ---- joining ends -------------------------------------------------------- */

/* An i1 of one branch: a value, or known. */
typedef struct truth {
  tm_value value; /* 0: known */
  bool known;
} truth;

static truth truth_of(tm_value value) { return (truth){value, false}; }

static truth truth_left(tm_end e) {
  if (e.kind == TM_END_MAYBE) return truth_of(e.flag);
  return (truth){0, e.kind != TM_END_FALLS};
}

static truth truth_broke(tm_end e) {
  return e.broke ? truth_of(e.broke) : (truth){0, e.kind == TM_END_BREAKS};
}

static truth truth_returned(tm_end e) {
  return e.returned ? truth_of(e.returned)
                    : (truth){0, e.kind == TM_END_RETURNS};
}

static tm_value truth_in(join *j, branch *b, truth t) {
  if (t.value) return t.value;
  enter_block(j->l, b->block);
  return tm_build_int(&j->l->b, tm_type_scalar(j->l->ir, TM_I1), t.known);
}

typedef struct pair { truth then, other; tm_lv joined; } pair;

static bool never(const pair *p) {
  return !p->then.value && !p->other.value && !p->then.known &&
         !p->other.known;
}

static bool always(const pair *p) {
  return !p->then.value && !p->other.value && p->then.known && p->other.known;
}

static bool same_truth(truth a, truth b) {
  return a.value == b.value && a.known == b.known;
}

/* Joins pairs[n]; one that equals an earlier one shares its result. */
static void join_truth(join *j, pair *pairs, int n) {
  pair *p = &pairs[n];
  if (never(p)) return;
  for (int i = 0; i < n; i++)
    if (pairs[i].joined && same_truth(pairs[i].then, p->then) &&
        same_truth(pairs[i].other, p->other)) {
      p->joined = pairs[i].joined;
      return;
    }
  p->joined = join_leaf(j, truth_in(j, j->then, p->then),
                        truth_in(j, j->other, p->other),
                        tm_lt_scalar(j->l, TM_DT_I1));
}

/* What the function returns on the paths that returned. */
static tm_lv join_returned(join *j) {
  tm_lv a = j->then->end.value, b = j->other->end.value;
  if (!a && !b) return NULL;
  tm_lv r = join_values(j, a, b);
  if (r) return r;
  return tm_low_error(j->l, "every return must give the same type",
                      "the function returns %s on one path and %s on another",
                      tm_lv_describe(j->l, a), tm_lv_describe(j->l, b));
}

enum { LEFT, BROKE, RETURNED, TRUTHS };

/* Joins what the branches return and the i1s about it. The results' values
 * are known only when the scf.if is built: fill_end. */
static tm_end join_ends(join *j, pair pairs[TRUTHS]) {
  tm_end a = j->then->end, b = j->other->end;
  tm_end end = {.loc = a.loc.line ? a.loc : b.loc};
  end.value = join_returned(j);
  pairs[LEFT] = (pair){truth_left(a), truth_left(b), NULL};
  pairs[BROKE] = (pair){truth_broke(a), truth_broke(b), NULL};
  pairs[RETURNED] = (pair){truth_returned(a), truth_returned(b), NULL};
  if (never(&pairs[LEFT])) return end;
  if (always(&pairs[LEFT])) {
    if (a.kind == b.kind && a.kind != TM_END_LEAVES) {
      end.kind = a.kind;
      return end;
    }
    end.kind = TM_END_LEAVES;
  } else {
    end.kind = TM_END_MAYBE;
    join_truth(j, pairs, LEFT);
  }
  join_truth(j, pairs, BROKE);
  join_truth(j, pairs, RETURNED);
  return end;
}

static tm_value truth_result(const pair *p) {
  return p->joined ? p->joined->value : 0;
}

tm_end tm_end_gone(tm_end end) {
  end.kind = !end.broke && !end.returned     ? TM_END_CONTINUES
             : end.returned == end.flag      ? TM_END_RETURNS
             : end.broke == end.flag         ? TM_END_BREAKS
                                             : TM_END_LEAVES;
  if (end.kind != TM_END_LEAVES) end.broke = end.returned = 0;
  end.flag = 0;
  return end;
}

tm_end tm_end_of_loop(tm_end end) {
  if (end.kind == TM_END_RETURNS) return end;
  if (!end.returned) return tm_end_of(TM_END_FALLS);
  return (tm_end){.kind = TM_END_MAYBE, .flag = end.returned,
                  .returned = end.returned, .value = end.value};
}

tm_value tm_end_stop(tm_low *l, tm_end end) {
  tm_type i1 = tm_type_scalar(l->ir, TM_I1);
  if (end.kind == TM_END_BREAKS || end.kind == TM_END_RETURNS)
    return tm_build_int(&l->b, i1, 1);
  if (!end.broke || !end.returned || end.broke == end.returned)
    return end.broke ? end.broke : end.returned;
  return tm_build2(&l->b, TM_ORI, end.broke, end.returned);
}

static void yield_in(tm_low *l, tm_block block, uint32_t n,
                     const tm_value *values) {
  enter_block(l, block);
  tm_build(&l->b, TM_YIELD, n, values, 0, NULL, 0, NULL, 0, NULL);
}

static void name_results(tm_low *l, const tm_changes *vars) {
  for (uint32_t i = 0; !l->frame->is_prelude && i < vars->len; i++) {
    const tm_binding *b = &vars->data[i].binding;
    if (!tm_lv_is_run(b->value)) continue;
    tm_value_data *data = tm_val(l->ir, b->value->value);
    if (!data->name) data->name = b->name;
  }
}

/* Whether all that block does is compute. */
static bool only_computes(tm_low *l, tm_block block) {
  TM_EACH_INST(l->ir, inst, block) {
    const tm_inst_data *d = tm_get(l->ir, inst);
    if (tm_op_infos[d->op].flags & (TM_READS | TM_WRITES)) return false;
    for (uint32_t r = 0; r < d->n_regions; r++)
      if (!only_computes(l, d->regions[r])) return false;
  }
  return true;
}

/* The two sides of an `if` on elements, one after the other, and choices. */
static void build_choices(join *j, tm_builder outer, tm_value condition) {
  tm_low *l = j->l;
  branch *sides[2] = {j->then, j->other};
  tm_type shape = tm_type_of(l->ir, condition);
  bool fine = only_computes(l, j->then->block) &&
              only_computes(l, j->other->block);
  for (int side = 0; side < 2; side++)
    TM_EACH_INST(l->ir, inst, sides[side]->block) {
      if (fine) tm_inst_move(l->ir, inst, outer);
    }
  tm_loc loc = l->b.loc;
  l->b = outer;
  l->b.loc = loc;
  if (!fine)
    tm_low_error(l, "load before and store after it",
                 "an `if` on an element of tl.map_elementwise may only "
                 "compute: both sides of it are");
  for (uint32_t i = 0; i < j->results.len; i++) {
    tm_lvalue *r = j->results.data[i];
    tm_value x = j->then_yields.data[i], y = j->other_yields.data[i];
    tm_type type = tm_type_like(l->ir, shape, tm_type_element(j->types.data[i]));
    if (tm_type_of(l->ir, x) != type) x = tm_build_to(&l->b, TM_SPLAT, x, type);
    if (tm_type_of(l->ir, y) != type) y = tm_build_to(&l->b, TM_SPLAT, y, type);
    r->type = tm_lt_block(l, tm_lt_element(r->type), shape->rank,
                          shape->shape);
    r->value = fine ? tm_build3(&l->b, TM_SELECT, condition, x, y)
                    : tm_sem_zero(l, r->type)->value;
  }
}

static void build_if(join *j, tm_builder outer, tm_value condition) {
  tm_low *l = j->l;
  if (tm_type_is_tensor(tm_type_of(l->ir, condition))) {
    build_choices(j, outer, condition);
    return;
  }
  yield_in(l, j->then->block, j->then_yields.len, j->then_yields.data);
  yield_in(l, j->other->block, j->other_yields.len, j->other_yields.data);
  tm_loc loc = l->b.loc;
  l->b = outer;
  tm_block regions[2] = {j->then->block, j->other->block};
  tm_type none[1]; /* the builder infers where no types are given */
  tm_inst inst = tm_build(&l->b, TM_IF, 1, &condition, j->types.len,
                          j->types.len ? j->types.data : none, 2, regions, 0,
                          NULL);
  l->b.loc = loc;
  for (uint32_t i = 0; i < j->results.len; i++)
    j->results.data[i]->value = tm_get(l->ir, inst)->results + i;
}

/* Closes both branches with an scf.if at `outer`. Leaves the scope as it is
 * after the statement. */
static tm_end close_if(tm_low *l, tm_builder outer, tm_value condition,
                       branch *then, branch *other) {
  join j = {.l = l, .then = then, .other = other};
  uint32_t before = l->frame->vars.len;
  tm_changes vars = {0};
  pair pairs[TRUTHS];
  if (lives(then) || lives(other)) {
    join_old(&j, before, &vars);
    join_new(&j, before, &vars);
  }
  tm_end end = join_ends(&j, pairs);
  build_if(&j, outer, condition);
  end.flag = truth_result(&pairs[LEFT]);
  end.broke = truth_result(&pairs[BROKE]);
  end.returned = truth_result(&pairs[RETURNED]);
  tm_scope_apply(l, &vars);
  name_results(l, &vars);
  return end;
}

/* ---- statements --------------------------------------------------------- */

typedef struct list_rest {
  const tm_stmts *stmts;
  uint32_t from;
  bool tail;
} list_rest;

static tm_end lower_list(tm_low *l, void *payload) {
  const list_rest *r = payload;
  return tm_low_stmts(l, r->stmts, r->from, r->tail);
}

/* Whether every path through the branch left. */
static bool is_closed(tm_end end) {
  return end.kind != TM_END_FALLS && end.kind != TM_END_MAYBE;
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
  branch then, other;
  tm_scope_mark mark = begin(l, &then, "then");
  finish(l, &then, mark, tm_low_stmts(l, &s->body, 0, ends));
  mark = begin(l, &other, "else");
  finish(l, &other, mark, tm_low_stmts(l, &s->orelse, 0, ends));
  bool rest_inside =
      stmts && (more || tail) &&
      ((is_closed(then.end) && other.end.kind == TM_END_FALLS) ||
       (then.end.kind == TM_END_FALLS && is_closed(other.end)));
  if (rest_inside) {
    branch *open = then.end.kind == TM_END_FALLS ? &then : &other;
    enter_block(l, open->block);
    mark = tm_scope_enter(l);
    tm_scope_apply(l, &open->vars);
    open->vars = (tm_changes){0};
    finish(l, open, mark, tm_low_stmts(l, stmts, from, tail));
  }
  tm_end end = close_if(l, outer, condition->value, &then, &other);
  if (rest_inside || !stmts || is_closed(end)) return end;
  if (end.kind == TM_END_FALLS) return tm_low_stmts(l, stmts, from, tail);
  list_rest rest = {stmts, from, tail};
  if (!more && !tail) return end;
  return tm_low_guard(l, end.flag, tm_end_gone(end), lower_list, &rest, tail);
}

tm_end tm_low_guard(tm_low *l, tm_value flag, tm_end gone, tm_rest_fn *rest,
                    void *payload, bool tail) {
  tm_builder outer = l->b;
  branch then, other;
  tm_scope_mark mark = begin(l, &then, "then");
  finish(l, &then, mark, gone);
  mark = begin(l, &other, "else");
  finish(l, &other, mark, rest(l, payload));
  return close_if(l, outer, flag, &then, &other);
}

tm_lv tm_low_ternary(tm_low *l, tm_lv condition, const tm_expr *e) {
  condition = tm_low_condition(l, condition, "if ... else");
  if (tm_lv_is_poison(condition)) return condition;
  tm_builder outer = l->b;
  branch then, other;
  tm_scope_mark mark = begin(l, &then, "then");
  tm_lv a = tm_low_expr(l, e->a[0]);
  finish(l, &then, mark, tm_end_of(TM_END_FALLS));
  mark = begin(l, &other, "else");
  tm_lv b = tm_low_expr(l, e->a[2]);
  finish(l, &other, mark, tm_end_of(TM_END_FALLS));
  join j = {.l = l, .then = &then, .other = &other};
  tm_lv r = join_values(&j, a, b);
  if (!r)
    r = tm_low_error(l, "convert one of them with .to(dtype)",
                     "`a if c else b` has %s and %s", tm_lv_describe(l, a),
                     tm_lv_describe(l, b));
  if (tm_lv_is_poison(r))
    j.types.len = j.results.len = j.then_yields.len = j.other_yields.len = 0;
  build_if(&j, outer, condition->value);
  return r;
}
