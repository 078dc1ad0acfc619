/* SPDX-License-Identifier: MIT */
/*
 * loop.c - `for` and `while`.
 *
 * A run-time loop becomes scf.for or scf.while. Every variable that the body
 * may assign and that exists before the loop is carried: the body sees block
 * arguments in its place and yields its last value. The body is lowered once;
 * carried values that turn out unchanged are taken back afterwards by putting
 * the initial value where the argument was used. A carried variable keeps one
 * type. Tuples are carried item by item.
 *
 * tl.static_range, and every loop in plain Python code, runs here and now.
 */
#include "value.h"

/* One run-time value that goes around the loop. */
typedef struct leaf {
  tm_value init, arg, arg2, next; /* arg2: in the second block of a while */
  tm_ltype type;
  tm_lvalue *result; /* patched with the loop's result */
  bool keep;
} leaf;

typedef struct carried {
  tm_name name;
  tm_lv before, inside, after; /* trees with leaves in the same order */
  uint32_t first;              /* leaf */
  tm_loc loc;
} carried;

typedef struct loop {
  tm_low *l;
  const tm_stmt *s;
  TM_VEC(carried) vars;
  TM_VEC(leaf) leaves;
  tm_name_list names;  /* everything that the body may assign */
  tm_bindings saved;   /* variables before the loop */
} loop;

static void enter_block(tm_low *l, tm_block block) {
  l->b.block = block;
  l->b.before = 0;
}

/* ---- carrying variables ------------------------------------------------- */

static tm_lv with_args(loop *p, tm_lv v, tm_block block) {
  tm_low *l = p->l;
  if (tm_lv_is_run(v)) {
    leaf made = {.init = v->value, .type = v->type, .keep = true};
    made.arg = tm_block_add_arg(l->ir, block, v->type->ir);
    tm_push(l->arena, &p->leaves, made);
    return tm_lv_run(l, made.arg, v->type);
  }
  if (v->kind != TM_LV_TUPLE || !tm_lv_has_run(v)) return v;
  tm_lv *items = TM_NEW_ARRAY(l->arena, tm_lv, v->n_items);
  for (uint32_t i = 0; i < v->n_items; i++)
    items[i] = with_args(p, v->items[i], block);
  return tm_lv_tuple(l, items, v->n_items);
}

static void name_arg(tm_low *l, tm_lv v, tm_name name) {
  if (tm_lv_is_run(v) && !l->frame->is_prelude)
    tm_val(l->ir, v->value)->name = name;
}

static bool has_name(const tm_name_list *names, tm_name name) {
  for (uint32_t i = 0; i < names->len; i++)
    if (names->data[i] == name) return true;
  return false;
}

static void start_carrying(loop *p, tm_block block, tm_name ignore) {
  tm_low *l = p->l;
  tm_low_assigned(l, &p->s->body, &p->names);
  p->saved = tm_scope_save(l);
  /* In the order in which the variables were first assigned. */
  for (uint32_t i = 0; i < l->frame->vars.len; i++) {
    tm_binding *b = &l->frame->vars.data[i];
    if (b->name == ignore || !has_name(&p->names, b->name) ||
        tm_lv_is_poison(b->value) || b->value->kind == TM_LV_UNBOUND)
      continue;
    carried c = {.name = b->name, .before = b->value, .loc = b->loc};
    c.first = p->leaves.len;
    c.inside = with_args(p, b->value, block);
    name_arg(l, c.inside, b->name);
    b->value = c.inside;
    tm_push(l->arena, &p->vars, c);
  }
}

/* Writes the yields of one variable; false when its type changed. */
static bool match(loop *p, tm_lv inside, tm_lv after, uint32_t *at) {
  if (tm_lv_is_run(inside)) {
    leaf *f = &p->leaves.data[(*at)++];
    if (tm_lv_is_number(after)) after = tm_sem_tensor(p->l, after);
    f->next = f->arg;
    if (tm_lv_is_poison(after)) return true;
    if (!tm_lv_is_run(after) || after->type != f->type) return false;
    f->next = after->value;
    return true;
  }
  if (inside->kind == TM_LV_TUPLE && after->kind == TM_LV_TUPLE &&
      inside->n_items == after->n_items) {
    bool ok = true;
    for (uint32_t i = 0; i < inside->n_items; i++)
      ok = match(p, inside->items[i], after->items[i], at) && ok;
    return ok;
  }
  return tm_lv_is_poison(after) || inside == after ||
         (inside->kind == after->kind && tm_lv_equal(inside, after));
}

static tm_lv after_loop(tm_low *l, loop *p, tm_lv inside, uint32_t *at) {
  if (tm_lv_is_run(inside)) {
    leaf *f = &p->leaves.data[(*at)++];
    tm_lvalue *v = TM_NEW(l->arena, tm_lvalue);
    v->kind = TM_LV_RUN;
    v->type = f->type;
    v->value = f->init;
    f->result = v;
    return v;
  }
  if (inside->kind != TM_LV_TUPLE || !tm_lv_has_run(inside)) return inside;
  tm_lv *items = TM_NEW_ARRAY(l->arena, tm_lv, inside->n_items);
  for (uint32_t i = 0; i < inside->n_items; i++)
    items[i] = after_loop(l, p, inside->items[i], at);
  return tm_lv_tuple(l, items, inside->n_items);
}

static void type_changed(loop *p, const carried *c, const tm_binding *now) {
  tm_low *l = p->l;
  bool was_run = tm_lv_has_run(c->before);
  const char *hint =
      was_run ? tm_low_format(l, "start it with the type it has in the loop, "
                                 "for instance 0.0 or tl.zeros(..., "
                                 "dtype=...), or convert with .to(dtype)")
              : "a tl.constexpr or parameter that is a compile-time value "
                "cannot change in a run-time loop; copy it to a variable "
                "first, or use tl.static_range";
  tm_low_error_at(l, now->loc, TM_DIAG_SEMANTIC, hint,
                  "%s is %s before the loop (line %u) and %s at its end",
                  c->name, tm_lv_describe(l, c->before), c->loc.line,
                  tm_lv_describe(l, now->value));
}

/* After the body: collects yields, drops values that did not change. */
static void stop_carrying(loop *p) {
  tm_low *l = p->l;
  for (uint32_t i = 0; i < p->vars.len; i++) {
    carried *c = &p->vars.data[i];
    const tm_binding *now = tm_scope_find(l, c->name);
    uint32_t at = c->first;
    if (now->value->kind == TM_LV_UNBOUND) {
      /* Assigned on some paths only: the loop cannot carry it around. */
      tm_low_error_at(l, now->loc, TM_DIAG_SEMANTIC, NULL,
                      "%s may be unassigned at the end of the loop: %.*s",
                      c->name, (int)now->value->text.len,
                      now->value->text.ptr);
      c->after = TM_POISONED;
    } else if (!match(p, c->inside, now->value, &at)) {
      type_changed(p, c, now);
      c->after = TM_POISONED;
    } else if (tm_lv_is_poison(now->value)) {
      c->after = TM_POISONED;
    }
  }
  for (uint32_t i = 0; i < p->leaves.len; i++) {
    leaf *f = &p->leaves.data[i];
    if (!f->next) f->next = f->arg;
    if (f->next != f->arg && f->next != f->arg2) continue;
    f->keep = false;
    tm_value_replace(l->ir, f->arg, f->init);
    if (f->arg2) tm_value_replace(l->ir, f->arg2, f->init);
  }
  /* A yield of a dropped argument is a yield of its initial value. */
  for (uint32_t i = 0; i < p->leaves.len; i++)
    for (uint32_t k = 0; k < p->leaves.len; k++) {
      const leaf *dropped = &p->leaves.data[k];
      tm_value *next = &p->leaves.data[i].next;
      if (!dropped->keep && (*next == dropped->arg || *next == dropped->arg2))
        *next = dropped->init;
    }
}

/* Takes the arguments of dropped leaves out of a block. */
static void drop_args(loop *p, tm_block block) {
  tm_ir *ir = p->l->ir;
  tm_block_data *b = tm_blk(ir, block);
  uint32_t kept = 0;
  for (uint32_t a = 0; a < b->n_args; a++) {
    bool keep = true;
    for (uint32_t i = 0; i < p->leaves.len; i++) {
      const leaf *f = &p->leaves.data[i];
      if (!f->keep && (f->arg == b->args[a] || f->arg2 == b->args[a]))
        keep = false;
    }
    if (!keep) continue;
    tm_val(ir, b->args[a])->index = kept;
    b->args[kept++] = b->args[a];
  }
  b->n_args = kept;
}

typedef struct leaf_values {
  tm_value *inits, *nexts;
  tm_type *types;
  uint32_t n;
} leaf_values;

static leaf_values kept_leaves(loop *p) {
  tm_arena *arena = p->l->arena;
  uint32_t most = p->leaves.len ? p->leaves.len : 1;
  leaf_values v = {TM_NEW_ARRAY(arena, tm_value, most),
                   TM_NEW_ARRAY(arena, tm_value, most),
                   TM_NEW_ARRAY(arena, tm_type, most), 0};
  for (uint32_t i = 0; i < p->leaves.len; i++) {
    const leaf *f = &p->leaves.data[i];
    if (!f->keep) continue;
    v.inits[v.n] = f->init;
    v.nexts[v.n] = f->next;
    v.types[v.n++] = f->type->ir;
  }
  return v;
}

/* Binds the loop's results, and what the loop leaves unassigned. */
static void bind_results(loop *p, tm_inst inst, tm_name target) {
  tm_low *l = p->l;
  tm_scope_restore(l, &p->saved);
  for (uint32_t i = 0; i < p->vars.len; i++) {
    carried *c = &p->vars.data[i];
    uint32_t at = c->first;
    tm_lv v = after_loop(l, p, c->inside, &at);
    if (!c->after) c->after = v;
    tm_scope_set(l, c->name, c->after, c->loc);
  }
  tm_value result = tm_get(l->ir, inst)->results;
  for (uint32_t i = 0; i < p->leaves.len; i++) {
    leaf *f = &p->leaves.data[i];
    if (f->keep && f->result) f->result->value = result++;
  }
  for (uint32_t i = 0; i < p->vars.len; i++)
    name_arg(l, p->vars.data[i].after, p->vars.data[i].name);
  for (uint32_t i = 0; i < p->names.len; i++)
    if (!tm_scope_find(l, p->names.data[i]))
      tm_scope_set(l, p->names.data[i],
                   tm_lv_unbound(l, tm_low_format(
                                        l, "it is assigned only inside the "
                                           "loop at line %u",
                                        p->s->loc.line)),
                   p->s->loc);
  if (target)
    tm_scope_set(l, target,
                 tm_lv_unbound(l, tm_low_format(l, "it is the variable of "
                                                   "the loop at line %u, "
                                                   "which has ended",
                                                p->s->loc.line)),
                 p->s->loc);
}

static void lower_body(loop *p) {
  tm_low *l = p->l;
  l->frame->loops++;
  tm_end end = tm_low_stmts(l, &p->s->body, 0, false);
  l->frame->loops--;
  if (end.kind == TM_END_BREAKS || end.kind == TM_END_CONTINUES)
    tm_low_error_at(l, end.loc, TM_DIAG_UNSUPPORTED,
                    "put the condition into the loop's bounds or condition, "
                    "or into a mask",
                    "`%s` in a run-time loop is not supported",
                    end.kind == TM_END_BREAKS ? "break" : "continue");
}

/* ---- loops that run at compile time ------------------------------------- */

typedef struct unrolled {
  const tm_stmt *s;
  const tm_lv *items;  /* NULL: integers from start by step */
  tm_wide start, step, count, at;
} unrolled;

/* Runs iterations from `at` on; what follows an iteration that returned on
 * some paths is guarded. */
static tm_end unroll(tm_low *l, void *payload) {
  unrolled *u = payload;
  while (u->at < u->count && !l->stopped) {
    tm_wide i = u->at++;
    tm_low_at(l, u->s->loc);
    tm_lv v = u->items ? u->items[(size_t)i]
                       : tm_lv_int(l, u->start + i * u->step);
    const tm_expr *target = u->s->targets.data[0];
    if (target->kind == TM_EXPR_NAME)
      tm_scope_set(l, tm_low_name(l, target->name), v, target->loc);
    else
      tm_low_assign(l, target, v);
    tm_end end = tm_low_stmts(l, &u->s->body, 0, false);
    if (end.kind == TM_END_BREAKS) return tm_end_of(TM_END_FALLS);
    if (end.kind == TM_END_RETURNS) return end;
    if (end.kind == TM_END_MAYBE)
      return tm_low_guard(l, end, unroll, u, false);
  }
  if (u->s->orelse.len) return tm_low_stmts(l, &u->s->orelse, 0, false);
  return tm_end_of(TM_END_FALLS);
}

static bool known_range(tm_lv range) {
  for (int i = 0; i < 3; i++)
    if (range->items[i]->kind != TM_LV_INT &&
        range->items[i]->kind != TM_LV_BOOL)
      return false;
  return true;
}

static tm_wide int_of(tm_lv v) {
  return v->kind == TM_LV_BOOL ? (tm_wide)v->b : v->i;
}

static tm_end unroll_range(tm_low *l, const tm_stmt *s, tm_lv range) {
  if (!known_range(range)) {
    tm_low_error(l, "use range for a run-time bound",
                 "the bounds of tl.static_range must be compile-time "
                 "integers, got %s, %s and %s",
                 tm_lv_describe(l, range->items[0]),
                 tm_lv_describe(l, range->items[1]),
                 tm_lv_describe(l, range->items[2]));
    tm_low_poison_names(l, &s->body);
    return tm_end_of(TM_END_FALLS);
  }
  tm_wide start = int_of(range->items[0]), end = int_of(range->items[1]);
  unrolled u = {.s = s, .start = start, .step = int_of(range->items[2])};
  tm_wide span = u.step > 0 ? end - start : start - end;
  tm_wide step = u.step > 0 ? u.step : -u.step;
  if (step == 0) {
    tm_low_error(l, NULL, "the step of a range cannot be 0");
    return tm_end_of(TM_END_FALLS);
  }
  u.count = span <= 0 ? 0 : (span + step - 1) / step;
  return unroll(l, &u);
}

/* ---- for ---------------------------------------------------------------- */

/* The bounds as scalars of one integer type; NULL type when reported. */
static tm_ltype bounds_of(tm_low *l, tm_lv range, tm_lv bounds[3],
                          bool *down) {
  tm_lv step = range->items[2];
  *down = (step->kind == TM_LV_INT && step->i < 0);
  bounds[0] = range->items[*down ? 1 : 0];
  bounds[1] = range->items[*down ? 0 : 1];
  bounds[2] = *down ? tm_lv_int(l, -step->i) : step;
  tm_dtype dtype = TM_DT_VOID;
  static const char *const names[] = {"start", "end", "step"};
  if (tm_lv_is_number(step) && step->kind != TM_LV_FLOAT &&
      int_of(step) == 0) {
    tm_low_error(l, NULL, "the step of a range cannot be 0");
    return NULL;
  }
  for (int i = 0; i < 3; i++) {
    bounds[i] = tm_sem_tensor(l, bounds[i]);
    if (tm_lv_is_poison(bounds[i])) return NULL;
    tm_ltype t = bounds[i]->type;
    if (tm_lt_is_block(t) && tm_lt_numel(t) == 1) {
      bounds[i] = tm_sem_reshape(l, bounds[i], 0, NULL, false);
      t = bounds[i]->type;
    }
    if (tm_lt_is_block(t) || !tm_lt_is_int(t)) {
      tm_low_error(l, "bounds of a loop are integer scalars: .to(tl.int32)",
                   "the %s of the range is %s", names[i], tm_lt_text(l, t));
      return NULL;
    }
    dtype = dtype == TM_DT_VOID
                ? t->dtype
                : tm_dtype_promote_ints(dtype, t->dtype);
  }
  tm_ltype type = tm_lt_scalar(l, dtype);
  for (int i = 0; i < 3; i++) {
    /* Widening follows the sign of the loop's type, as upstream. */
    if (tm_lt_bits(bounds[i]->type) < tm_lt_bits(type) &&
        tm_lt_is_signed(type) && !tm_lt_is_bool(bounds[i]->type))
      bounds[i] = tm_lv_run(l, tm_build_to(&l->b, TM_EXTSI,
                                           bounds[i]->value, type->ir),
                            type);
    else
      bounds[i] = tm_sem_cast(l, bounds[i], type);
  }
  return type;
}

static void range_attrs(tm_low *l, tm_inst inst, const tm_range_options *o) {
  if (!o) return;
  if (o->num_stages)
    tm_inst_set_attr(l->ir, inst, tm_attr_int(TM_ATTR_NUM_STAGES,
                                              (int64_t)o->num_stages->i));
  if (o->unroll)
    tm_inst_set_attr(l->ir, inst,
                     tm_attr_int(TM_ATTR_UNROLL, (int64_t)o->unroll->i));
  const struct { bool on; tm_attr_key key; } units[] = {
    {o->disallow_multi_buffer, TM_ATTR_DISALLOW_ACC_MULTI_BUFFER},
    {o->flatten, TM_ATTR_FLATTEN},
    {o->warp_specialize, TM_ATTR_WARP_SPECIALIZE}};
  for (size_t i = 0; i < TM_COUNT(units); i++)
    if (units[i].on)
      tm_inst_set_attr(l->ir, inst,
                       (tm_attr){.key = units[i].key, .kind = TM_ATTR_UNIT});
}

static void run_for(tm_low *l, const tm_stmt *s, tm_lv range) {
  const tm_expr *target = s->targets.data[0];
  tm_lv bounds[3];
  bool down;
  tm_ltype type = bounds_of(l, range, bounds, &down);
  if (!type || target->kind != TM_EXPR_NAME) {
    if (type)
      tm_low_error(l, NULL, "a range gives one value, not several");
    tm_low_assign(l, target, TM_POISONED);
    tm_low_poison_names(l, &s->body);
    return;
  }
  tm_builder outer = l->b;
  tm_name name = tm_low_name(l, target->name);
  loop p = {.l = l, .s = s};
  tm_block body = tm_ir_new_block(l->ir);
  tm_value iv = tm_block_add_arg(l->ir, body, type->ir);
  start_carrying(&p, body, name);
  enter_block(l, body);
  tm_lv index = tm_lv_run(l, iv, type);
  name_arg(l, index, name);
  if (down) {
    /* scf.for counts up: i runs over end .. start, start - i + end down. */
    index = tm_sem_op2(l, TM_SUBI, bounds[1], index);
    index = tm_sem_op2(l, TM_ADDI, index, bounds[0]);
    name_arg(l, index, name);
  }
  tm_scope_set(l, name, index, target->loc);
  lower_body(&p);
  stop_carrying(&p);
  drop_args(&p, body);
  leaf_values v = kept_leaves(&p);
  tm_build(&l->b, TM_YIELD, v.n, v.nexts, 0, NULL, 0, NULL, 0, NULL);
  tm_value *operands = TM_NEW_ARRAY(l->arena, tm_value, v.n + 3);
  for (int i = 0; i < 3; i++) operands[i] = bounds[i]->value;
  for (uint32_t i = 0; i < v.n; i++) operands[3 + i] = v.inits[i];
  l->b = outer;
  tm_inst inst = tm_build(&l->b, TM_FOR, v.n + 3, operands, v.n, v.types, 1,
                          &body, 0, NULL);
  range_attrs(l, inst, range->options);
  bind_results(&p, inst, name);
}

tm_end tm_low_for(tm_low *l, const tm_stmt *s) {
  tm_lv over = tm_low_expr(l, s->e);
  if (over->kind == TM_LV_TUPLE) {
    unrolled u = {.s = s, .items = over->items, .count = over->n_items};
    return unroll(l, &u);
  }
  if (over->kind != TM_LV_RANGE) {
    if (!tm_lv_is_poison(over))
      tm_low_error(l, "loop over range, tl.range, tl.static_range or a tuple",
                   "cannot loop over %s", tm_lv_describe(l, over));
    tm_low_assign(l, s->targets.data[0], TM_POISONED);
    tm_low_poison_names(l, &s->body);
    return tm_end_of(TM_END_FALLS);
  }
  if (over->is_static || (l->frame->is_python && known_range(over)))
    return unroll_range(l, s, over);
  if (s->orelse.len)
    tm_low_unsupported(l, "put the code after the loop",
                       "`else` of a run-time loop is not supported");
  run_for(l, s, over);
  return tm_end_of(TM_END_FALLS);
}

/* ---- while -------------------------------------------------------------- */

static tm_end python_while(tm_low *l, const tm_stmt *s) {
  for (;;) {
    tm_lv condition = tm_low_expr(l, s->e);
    bool truth;
    if (tm_lv_is_poison(condition)) break;
    if (!tm_lv_truth(condition, &truth)) {
      tm_low_error(l, "decorate the function with @triton.jit",
                   "a plain Python function runs at compile time, and its "
                   "`while` depends on %s",
                   tm_lv_describe(l, condition));
      break;
    }
    if (!truth || l->stopped) break;
    tm_end end = tm_low_stmts(l, &s->body, 0, false);
    if (end.kind == TM_END_BREAKS) break;
    if (end.kind == TM_END_RETURNS || end.kind == TM_END_MAYBE) return end;
  }
  return tm_end_of(TM_END_FALLS);
}

/* The values that go into the body: the variables after the condition. */
static void forward_values(loop *p, tm_value *out) {
  for (uint32_t i = 0; i < p->vars.len; i++) {
    const carried *c = &p->vars.data[i];
    const tm_binding *now = tm_scope_find(p->l, c->name);
    uint32_t at = c->first;
    if (!match(p, c->inside, now->value, &at)) type_changed(p, c, now);
  }
  for (uint32_t i = 0; i < p->leaves.len; i++) {
    leaf *f = &p->leaves.data[i];
    out[i] = f->next ? f->next : f->arg;
    f->next = 0;
  }
}

static tm_lv second_args(loop *p, tm_lv v, tm_block block, uint32_t *at) {
  tm_low *l = p->l;
  if (tm_lv_is_run(v)) {
    leaf *f = &p->leaves.data[(*at)++];
    f->arg2 = tm_block_add_arg(l->ir, block, f->type->ir);
    return tm_lv_run(l, f->arg2, f->type);
  }
  if (v->kind != TM_LV_TUPLE || !tm_lv_has_run(v)) return v;
  tm_lv *items = TM_NEW_ARRAY(l->arena, tm_lv, v->n_items);
  for (uint32_t i = 0; i < v->n_items; i++)
    items[i] = second_args(p, v->items[i], block, at);
  return tm_lv_tuple(l, items, v->n_items);
}

static void known_condition(tm_low *l, loop *p, tm_lv condition) {
  bool truth = false;
  tm_scope_restore(l, &p->saved);
  if (tm_lv_is_poison(condition)) {
    tm_low_poison_names(l, &p->s->body);
  } else if (!tm_lv_truth(condition, &truth)) {
    tm_low_error(l, NULL, "%s has no truth value",
                 tm_lv_describe(l, condition));
  } else if (truth) {
    tm_low_error(l, "test a run-time variable that the loop changes",
                 "the loop never ends: its condition is always true");
    tm_low_poison_names(l, &p->s->body);
  }
}

static void build_while(loop *p, tm_block before, tm_block after,
                        tm_builder outer, tm_lv condition,
                        const tm_value *forward) {
  tm_low *l = p->l;
  /* A value that the condition itself changes must stay. */
  stop_carrying(p);
  leaf_values v = kept_leaves(p);
  tm_build(&l->b, TM_YIELD, v.n, v.nexts, 0, NULL, 0, NULL, 0, NULL);
  enter_block(l, before);
  tm_value *operands = TM_NEW_ARRAY(l->arena, tm_value, v.n + 1);
  uint32_t n = 0;
  operands[n++] = condition->value;
  for (uint32_t i = 0; i < p->leaves.len; i++)
    if (p->leaves.data[i].keep) operands[n++] = forward[i];
  tm_inst last = tm_build(&l->b, TM_CONDITION, n, operands, 0, NULL, 0, NULL,
                          0, NULL);
  for (uint32_t i = 0; i < p->leaves.len; i++) {
    const leaf *f = &p->leaves.data[i];
    if (f->keep) continue;
    for (uint32_t k = 0; k < n; k++)
      if (tm_get(l->ir, last)->operands[k] == f->arg)
        tm_get(l->ir, last)->operands[k] = f->init;
  }
  drop_args(p, before);
  drop_args(p, after);
  l->b = outer;
  tm_block regions[2] = {before, after};
  tm_inst inst = tm_build(&l->b, TM_WHILE, v.n, v.inits, v.n, v.types, 2,
                          regions, 0, NULL);
  bind_results(p, inst, NULL);
}

static void run_while(tm_low *l, const tm_stmt *s) {
  tm_builder outer = l->b;
  loop p = {.l = l, .s = s};
  tm_block before = tm_ir_new_block(l->ir), after = tm_ir_new_block(l->ir);
  /* Names assigned in the condition are carried too. */
  tm_stmt in_condition = {.kind = TM_STMT_EXPR, .e = s->e};
  tm_stmt *one = &in_condition;
  tm_stmts list = {.data = &one, .len = 1, .cap = 1};
  tm_low_assigned(l, &list, &p.names);
  bool has_walrus = p.names.len != 0;
  start_carrying(&p, before, NULL);
  enter_block(l, before);
  tm_lv condition = tm_low_expr(l, s->e);
  if (!tm_lv_is_run(condition)) {
    l->b = outer;
    known_condition(l, &p, condition);
    return;
  }
  condition = tm_low_condition(l, condition, "while");
  if (tm_lv_is_poison(condition)) {
    l->b = outer;
    known_condition(l, &p, condition);
    return;
  }
  tm_value *forward =
      TM_NEW_ARRAY(l->arena, tm_value, p.leaves.len ? p.leaves.len : 1);
  forward_values(&p, forward);
  for (uint32_t i = 0; i < p.vars.len; i++) {
    carried *c = &p.vars.data[i];
    uint32_t at = c->first;
    tm_lv in_body = second_args(&p, c->inside, after, &at);
    name_arg(l, in_body, c->name);
    tm_scope_set(l, c->name, in_body, c->loc);
  }
  enter_block(l, after);
  lower_body(&p);
  if (has_walrus) {
    /* Dropping assumes that the condition forwards its arguments. */
    for (uint32_t i = 0; i < p.leaves.len; i++)
      if (forward[i] != p.leaves.data[i].arg)
        tm_low_unsupported(l, "assign before the loop and at its end",
                           ":= in the condition of a run-time `while` is "
                           "not supported");
  }
  build_while(&p, before, after, outer, condition, forward);
}

tm_end tm_low_while(tm_low *l, const tm_stmt *s) {
  if (l->frame->is_python) return python_while(l, s);
  if (s->orelse.len)
    tm_low_unsupported(l, "put the code after the loop",
                       "`else` of a run-time loop is not supported");
  run_while(l, s);
  return tm_end_of(TM_END_FALLS);
}
