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

#include <stdlib.h>

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

/* A value that goes around besides the variables: the counter of a `for` that
 * became scf.while, whether to stop, what was returned. */
typedef struct extra {
  tm_value init, arg, next;
  tm_type type;
  tm_lvalue *result; /* patched; or NULL */
} extra;

typedef struct loop {
  tm_low *l;
  const tm_stmt *s;
  TM_VEC(carried) vars;
  TM_VEC(leaf) leaves;
  TM_VEC(extra) extras;
  tm_name_set names;   /* everything that the body may assign */
  tm_scope_mark mark;  /* variables before the loop */
  uint32_t first_result; /* of the loop's results: 1 after a counter */
  bool endless;        /* a while whose condition is always true */
  tm_inst first;       /* instructions from here on are of the body */
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
    if (!v->self) return tm_lv_run(l, made.arg, v->type);
    return tm_lv_descriptor(l, made.arg, v->type,
                            with_args(p, v->self, block));
  }
  if (v->kind != TM_LV_TUPLE || !tm_lv_has_run(v)) return v;
  tm_lv *items = TM_NEW_ARRAY(l->arena, tm_lv, v->n_items);
  for (uint32_t i = 0; i < v->n_items; i++)
    items[i] = with_args(p, v->items[i], block);
  return tm_lv_tuple_like(l, v, items);
}

static void name_arg(tm_low *l, tm_lv v, tm_name name) {
  if (tm_lv_is_run(v) && !l->frame->is_prelude)
    tm_val(l->ir, v->value)->name = name;
}

static int by_index(const void *a, const void *b) {
  uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
  return (x > y) - (x < y);
}

static void start_carrying(loop *p, tm_block block, tm_name ignore) {
  tm_low *l = p->l;
  TM_VEC(uint32_t) places = {0};
  tm_low_assigned(l, &p->s->body, &p->names);
  p->mark = tm_scope_enter(l);
  p->first = (tm_inst)l->ir->insts.len;
  for (uint32_t i = 0; i < p->names.list.len; i++) {
    const tm_binding *b = tm_scope_find(l, p->names.list.data[i]);
    if (!b || b->name == ignore || tm_lv_is_poison(b->value) ||
        b->value->kind == TM_LV_UNBOUND)
      continue;
    tm_push(l->arena, &places, (uint32_t)(b - l->frame->vars.data));
  }
  /* In the order in which the variables were first assigned. */
  if (places.len)
    qsort(places.data, places.len, sizeof places.data[0], by_index);
  for (uint32_t i = 0; i < places.len; i++) {
    tm_binding b = l->frame->vars.data[places.data[i]];
    carried c = {.name = b.name, .before = b.value, .loc = b.loc};
    c.first = p->leaves.len;
    c.inside = with_args(p, b.value, block);
    name_arg(l, c.inside, b.name);
    tm_scope_set(l, b.name, c.inside, b.loc);
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
    return !inside->self || match(p, inside->self, after->self, at);
  }
  if (inside->kind == TM_LV_TUPLE && after->kind == TM_LV_TUPLE &&
      inside->n_items == after->n_items &&
      tm_record_same(inside->record, after->record)) {
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
    if (inside->self) v->self = after_loop(l, p, inside->self, at);
    return v;
  }
  if (inside->kind != TM_LV_TUPLE || !tm_lv_has_run(inside)) return inside;
  tm_lv *items = TM_NEW_ARRAY(l->arena, tm_lv, inside->n_items);
  for (uint32_t i = 0; i < inside->n_items; i++)
    items[i] = after_loop(l, p, inside->items[i], at);
  return tm_lv_tuple_like(l, inside, items);
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

/* What uses a value that the loop made came with the loop. */
static void put_back(loop *p, tm_value from, tm_value to) {
  tm_ir *ir = p->l->ir;
  for (uint32_t n = p->first; n < ir->insts.len; n++) {
    tm_inst_data *i = &ir->insts.data[n];
    for (uint32_t o = 0; o < i->n_operands; o++)
      if (i->operands[o] == from) i->operands[o] = to;
  }
}

/* A yield of a dropped argument is a yield of its initial value. */
static tm_value undropped(const loop *p, tm_value v) {
  for (uint32_t k = 0; k < p->leaves.len; k++) {
    const leaf *f = &p->leaves.data[k];
    if (!f->keep && (v == f->arg || (f->arg2 && v == f->arg2)))
      return f->init;
  }
  return v;
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
    put_back(p, f->arg, f->init);
    if (f->arg2) put_back(p, f->arg2, f->init);
  }
  for (uint32_t i = 0; i < p->leaves.len; i++)
    p->leaves.data[i].next = undropped(p, p->leaves.data[i].next);
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

/* The variables that stay, then the extras from number `from` on. */
static leaf_values kept_leaves(loop *p, uint32_t from) {
  tm_arena *arena = p->l->arena;
  uint32_t most = p->leaves.len + p->extras.len + 1;
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
  for (uint32_t i = from; i < p->extras.len; i++) {
    v.inits[v.n] = p->extras.data[i].init;
    v.nexts[v.n] = p->extras.data[i].next;
    v.types[v.n++] = p->extras.data[i].type;
  }
  return v;
}

/* Binds the loop's results, and what the loop leaves unassigned. */
static void bind_results(loop *p, tm_inst inst, tm_name target) {
  tm_low *l = p->l;
  tm_scope_leave(l, p->mark, NULL);
  for (uint32_t i = 0; i < p->vars.len; i++) {
    carried *c = &p->vars.data[i];
    uint32_t at = c->first;
    tm_lv v = after_loop(l, p, c->inside, &at);
    if (!c->after) c->after = v;
    tm_scope_set(l, c->name, c->after, c->loc);
  }
  tm_value result = tm_get(l->ir, inst)->results + p->first_result;
  for (uint32_t i = 0; i < p->leaves.len; i++) {
    leaf *f = &p->leaves.data[i];
    if (f->keep && f->result) f->result->value = result;
    if (f->keep) result++;
  }
  for (uint32_t i = 0; i < p->extras.len; i++, result++)
    if (p->extras.data[i].result) p->extras.data[i].result->value = result;
  for (uint32_t i = 0; i < p->vars.len; i++)
    name_arg(l, p->vars.data[i].after, p->vars.data[i].name);
  for (uint32_t i = 0; i < p->names.list.len; i++)
    if (!tm_scope_find(l, p->names.list.data[i]))
      tm_scope_set(l, p->names.list.data[i],
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

/* ---- ways out ----------------------------------------------------------- */

static tm_value build_false(tm_low *l) {
  return tm_build_int(&l->b, tm_type_scalar(l->ir, TM_I1), 0);
}

static tm_value build_not(tm_low *l, tm_value v) {
  return tm_build2(&l->b, TM_XORI, v,
                   tm_build_int(&l->b, tm_type_scalar(l->ir, TM_I1), 1));
}

static extra *add_extra(loop *p, tm_type type, tm_value init, tm_value next,
                        tm_lvalue *result) {
  extra made = {.type = type, .init = init, .next = next, .result = result};
  tm_push(p->l->arena, &p->extras, made);
  return &p->extras.data[p->extras.len - 1];
}

/* Carries what the function returns out of the loop; gives it as it is after
 * the loop. Where nothing was returned yet it is zero: never read. */
static tm_lv carry_returned(loop *p, tm_lv v, tm_builder *outer) {
  tm_low *l = p->l;
  if (tm_lv_is_run(v)) {
    tm_builder body = l->b;
    l->b = *outer;
    tm_lv zero = tm_sem_zero(l, v->type);
    *outer = l->b;
    l->b = body;
    tm_lvalue *after = TM_NEW(l->arena, tm_lvalue);
    *after = *v;
    after->value = zero->value;
    add_extra(p, v->type->ir, zero->value, undropped(p, v->value), after);
    if (v->self) after->self = carry_returned(p, v->self, outer);
    return after;
  }
  if (v->kind != TM_LV_TUPLE || !tm_lv_has_run(v)) return v;
  tm_lv *items = TM_NEW_ARRAY(l->arena, tm_lv, v->n_items);
  for (uint32_t i = 0; i < v->n_items; i++)
    items[i] = carry_returned(p, v->items[i], outer);
  return tm_lv_tuple_like(l, v, items);
}

/* What leaves the loop early, after it. */
typedef struct way_out {
  tm_lvalue *stop, *returned; /* i1s; NULL: never */
  tm_lv value;
} way_out;

static tm_lvalue *new_flag(tm_low *l) {
  tm_lvalue *v = TM_NEW(l->arena, tm_lvalue);
  v->kind = TM_LV_RUN;
  v->type = tm_lt_scalar(l, TM_DT_I1);
  return v;
}

/* Adds the extras that take the body's end out of the loop. With `stops`,
 * extra number 0 is the i1 that says to stop already. */
static way_out carry_end(loop *p, tm_end end, tm_builder *outer,
                         tm_value init, bool stops) {
  tm_low *l = p->l;
  way_out out = {NULL, NULL, NULL};
  tm_value stop = tm_end_stop(l, end);
  tm_type i1 = tm_type_scalar(l->ir, TM_I1);
  if (stops) p->extras.data[0].next = stop ? stop : init;
  if (!stop) return out;
  out.stop = new_flag(l);
  if (stops)
    p->extras.data[0].result = out.stop;
  else
    add_extra(p, i1, init, stop, out.stop);
  tm_value returned = end.kind == TM_END_RETURNS ? stop : end.returned;
  if (!returned) return out;
  out.returned = out.stop;
  if (returned != stop) {
    out.returned = new_flag(l);
    add_extra(p, i1, init, returned, out.returned);
  }
  out.value = end.value ? carry_returned(p, end.value, outer) : NULL;
  return out;
}

typedef struct list_rest {
  const tm_stmts *stmts;
} list_rest;

static tm_end lower_orelse(tm_low *l, void *payload) {
  const list_rest *rest = payload;
  return tm_low_stmts(l, rest->stmts, 0, false);
}

/* After the loop: its `else`, and how control goes on. */
static tm_end after_out(tm_low *l, const tm_stmt *s, way_out out) {
  tm_end gone = tm_end_of(TM_END_FALLS);
  list_rest rest = {&s->orelse};
  if (!out.stop)
    return s->orelse.len ? lower_orelse(l, &rest) : gone;
  if (out.returned) {
    gone.kind = TM_END_MAYBE;
    gone.flag = gone.returned = out.returned->value;
    gone.value = out.value;
  }
  if (!s->orelse.len) return gone;
  if (out.returned == out.stop) gone = tm_end_gone(gone);
  return tm_low_guard(l, out.stop->value, gone, lower_orelse, &rest, false);
}

/* ---- loops that run at compile time ------------------------------------- */

typedef struct unrolled {
  const tm_stmt *s;
  const tm_lv *items;  /* NULL: integers from start by step */
  tm_wide start, step, count, at;
} unrolled;

/* Runs iterations from `at` on; what follows an iteration that broke or
 * returned on some paths is guarded. */
static tm_end unroll(tm_low *l, void *payload) {
  unrolled *u = payload;
  while (u->at < u->count && !l->stopped) {
    tm_wide i = u->at++;
    tm_low_at(l, u->s->loc);
    tm_lv v = u->items ? u->items[(size_t)i]
                       : tm_lv_int(l, u->start + i * u->step);
    tm_low_assign_item(l, u->s->targets.data[0], v);
    tm_end end = tm_low_stmts(l, &u->s->body, 0, false);
    if (end.kind == TM_END_BREAKS) return tm_end_of(TM_END_FALLS);
    if (end.kind == TM_END_RETURNS) return end;
    tm_value stop = tm_end_stop(l, end);
    if (!stop) continue;
    tm_end gone = tm_end_of_loop(end);
    if (gone.kind == TM_END_MAYBE && !end.broke) gone = tm_end_gone(gone);
    return tm_low_guard(l, stop, gone, unroll, u, false);
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

/* scf.for with what the body's end made of the variables. */
static void build_for(loop *p, tm_block body, tm_lv bounds[3],
                      const tm_range_options *options, tm_builder outer,
                      tm_name name) {
  tm_low *l = p->l;
  drop_args(p, body);
  leaf_values v = kept_leaves(p, 0);
  tm_build(&l->b, TM_YIELD, v.n, v.nexts, 0, NULL, 0, NULL, 0, NULL);
  tm_value *operands = TM_NEW_ARRAY(l->arena, tm_value, v.n + 3);
  for (int i = 0; i < 3; i++) operands[i] = bounds[i]->value;
  for (uint32_t i = 0; i < v.n; i++) operands[3 + i] = v.inits[i];
  l->b = outer;
  tm_inst inst = tm_build(&l->b, TM_FOR, v.n + 3, operands, v.n, v.types, 1,
                          &body, 0, NULL);
  range_attrs(l, inst, options);
  bind_results(p, inst, name);
}

/* Adds the arguments of leaves and extras that a block does not have yet. */
static void add_args(loop *p, tm_block block, uint32_t from) {
  for (uint32_t i = from; i < p->extras.len; i++)
    p->extras.data[i].arg =
        tm_block_add_arg(p->l->ir, block, p->extras.data[i].type);
}

/* The same loop as scf.while. The body's block has the counter and the
 * variables as arguments and becomes the second region; the first one tests
 * and hands everything on. */
static way_out build_for_while(loop *p, tm_block body, tm_lv iv,
                               tm_lv bounds[3], tm_end end, tm_builder outer,
                               tm_name name) {
  tm_low *l = p->l;
  tm_value next = tm_build2(&l->b, TM_ADDI, iv->value, bounds[2]->value);
  tm_builder inside = l->b;
  l->b = outer;
  tm_value no = build_false(l);
  outer = l->b;
  l->b = inside;
  way_out out = carry_end(p, end, &outer, no, false);
  drop_args(p, body);
  add_args(p, body, 0);
  leaf_values v = kept_leaves(p, 0);
  tm_value *all = TM_NEW_ARRAY(l->arena, tm_value, v.n + 2);
  tm_type *types = TM_NEW_ARRAY(l->arena, tm_type, v.n + 1);
  all[0] = next;
  memcpy(all + 1, v.nexts, v.n * sizeof all[0]);
  tm_build(&l->b, TM_YIELD, v.n + 1, all, 0, NULL, 0, NULL, 0, NULL);
  types[0] = iv->type->ir;
  memcpy(types + 1, v.types, v.n * sizeof types[0]);
  tm_block before = tm_ir_new_block(l->ir);
  tm_value stop = 0;
  uint32_t stop_at = v.n + 1 - p->extras.len; /* the first extra */
  for (uint32_t i = 0; i <= v.n; i++) {
    all[1 + i] = tm_block_add_arg(l->ir, before, types[i]);
    if (i == stop_at) stop = all[1 + i];
  }
  enter_block(l, before);
  tm_value go = tm_build_cmpi(
      &l->b, tm_lt_is_signed(iv->type) ? TM_CMPI_SLT : TM_CMPI_ULT, all[1],
      bounds[1]->value);
  all[0] = tm_build2(&l->b, TM_ANDI, go, build_not(l, stop));
  tm_build(&l->b, TM_CONDITION, v.n + 2, all, 0, NULL, 0, NULL, 0, NULL);
  l->b = outer;
  all[0] = bounds[0]->value;
  memcpy(all + 1, v.inits, v.n * sizeof all[0]);
  tm_block regions[2] = {before, body};
  tm_inst inst = tm_build(&l->b, TM_WHILE, v.n + 1, all, v.n + 1, types, 2,
                          regions, 0, NULL);
  p->first_result = 1;
  bind_results(p, inst, name);
  return out;
}

static tm_end run_for(tm_low *l, const tm_stmt *s, tm_lv range) {
  const tm_expr *target = s->targets.data[0];
  tm_lv bounds[3];
  bool down;
  tm_ltype type = bounds_of(l, range, bounds, &down);
  if (!type || target->kind != TM_EXPR_NAME) {
    if (type)
      tm_low_error(l, NULL, "a range gives one value, not several");
    tm_low_assign(l, target, TM_POISONED);
    tm_low_poison_names(l, &s->body);
    return tm_end_of(TM_END_FALLS);
  }
  tm_builder outer = l->b;
  tm_name name = tm_low_name(l, target->name);
  loop p = {.l = l, .s = s};
  tm_block body = tm_ir_new_block(l->ir);
  tm_lv iv = tm_lv_run(l, tm_block_add_arg(l->ir, body, type->ir), type);
  start_carrying(&p, body, name);
  enter_block(l, body);
  tm_lv index = iv;
  name_arg(l, index, name);
  if (down) {
    /* scf.for counts up: i runs over end .. start, start - i + end down. */
    index = tm_sem_op2(l, TM_SUBI, bounds[1], index);
    index = tm_sem_op2(l, TM_ADDI, index, bounds[0]);
    name_arg(l, index, name);
  }
  tm_scope_set(l, name, index, target->loc);
  tm_end end = tm_low_stmts(l, &s->body, 0, false);
  stop_carrying(&p);
  way_out out = {NULL, NULL, NULL};
  if (end.kind == TM_END_BREAKS || end.kind == TM_END_RETURNS || end.broke ||
      end.returned)
    out = build_for_while(&p, body, iv, bounds, end, outer, name);
  else
    build_for(&p, body, bounds, range->options, outer, name);
  return after_out(l, s, out);
}

tm_end tm_low_for(tm_low *l, const tm_stmt *s) {
  tm_lv over = tm_low_expr(l, s->e);
  tm_lv_list items = {0};
  if (over->kind != TM_LV_RANGE && tm_low_items(l, over, &items)) {
    static const tm_lv none[1];
    unrolled u = {.s = s, .items = items.len ? items.data : none,
                  .count = items.len};
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
  return run_for(l, s, over);
}

/* ---- while -------------------------------------------------------------- */

static tm_end python_while(tm_low *l, const tm_stmt *s) {
  for (;;) {
    tm_lv condition = tm_low_test(l, s->e);
    bool truth;
    if (tm_lv_is_poison(condition)) break;
    if (!tm_lv_truth(condition, &truth)) {
      tm_low_error(l, "decorate the function with @triton.jit",
                   "a plain Python function runs at compile time, and its "
                   "`while` depends on %s",
                   tm_lv_describe(l, condition));
      break;
    }
    if (l->stopped) break;
    if (!truth) return tm_low_stmts(l, &s->orelse, 0, false);
    tm_end end = tm_low_stmts(l, &s->body, 0, false);
    if (end.kind == TM_END_BREAKS) break;
    if (end.kind == TM_END_RETURNS) return end;
    if (end.kind == TM_END_FALLS || end.kind == TM_END_CONTINUES) continue;
    tm_low_error(l, "decorate the function with @triton.jit",
                 "a plain Python function runs at compile time, and an `if` "
                 "in its `while` depends on a run-time value");
    break;
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
    if (!v->self) return tm_lv_run(l, f->arg2, f->type);
    return tm_lv_descriptor(l, f->arg2, f->type,
                            second_args(p, v->self, block, at));
  }
  if (v->kind != TM_LV_TUPLE || !tm_lv_has_run(v)) return v;
  tm_lv *items = TM_NEW_ARRAY(l->arena, tm_lv, v->n_items);
  for (uint32_t i = 0; i < v->n_items; i++)
    items[i] = second_args(p, v->items[i], block, at);
  return tm_lv_tuple_like(l, v, items);
}

static tm_end known_condition(tm_low *l, loop *p, tm_lv condition) {
  bool truth = false;
  tm_scope_leave(l, p->mark, NULL);
  if (tm_lv_is_poison(condition)) {
    tm_low_poison_names(l, &p->s->body);
  } else if (!tm_lv_truth(condition, &truth)) {
    tm_low_error(l, NULL, "%s has no truth value",
                 tm_lv_describe(l, condition));
  } else if (truth) {
    tm_low_error(l, "test a run-time variable that the loop changes, or "
                    "leave it with break",
                 "the loop never ends: its condition is always true");
    tm_low_poison_names(l, &p->s->body);
  } else if (p->s->orelse.len) {
    return tm_low_stmts(l, &p->s->orelse, 0, false);
  }
  return tm_end_of(TM_END_FALLS);
}

static void build_while(loop *p, tm_block before, tm_block after,
                        tm_builder outer, tm_value condition,
                        const tm_value *forward) {
  tm_low *l = p->l;
  leaf_values v = kept_leaves(p, 0);
  tm_build(&l->b, TM_YIELD, v.n, v.nexts, 0, NULL, 0, NULL, 0, NULL);
  enter_block(l, before);
  tm_value *operands = TM_NEW_ARRAY(l->arena, tm_value, v.n + 1);
  uint32_t n = 0;
  operands[n++] = condition;
  for (uint32_t i = 0; i < p->leaves.len; i++)
    if (p->leaves.data[i].keep) operands[n++] = forward[i];
  for (uint32_t i = 0; i < p->extras.len; i++)
    operands[n++] = p->extras.data[i].arg;
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

/* The condition as a scalar i1 in `before`; not a run-time value: reported,
 * or known. A loop that may stop tests it only while it goes on: what is out
 * of reach after a break must not be read. */
static tm_lv while_condition(loop *p, tm_block before) {
  tm_low *l = p->l;
  enter_block(l, before);
  if (!p->extras.len) {
    tm_lv c = tm_low_test(l, p->s->e);
    return tm_lv_is_run(c) ? tm_low_condition(l, c, "while") : c;
  }
  tm_value go = build_not(l, p->extras.data[0].arg);
  tm_builder here = l->b;
  tm_block regions[2] = {tm_ir_new_block(l->ir), tm_ir_new_block(l->ir)};
  enter_block(l, regions[0]);
  tm_lv c = tm_low_test(l, p->s->e);
  if (tm_lv_is_run(c)) c = tm_low_condition(l, c, "while");
  tm_ltype i1 = tm_lt_scalar(l, TM_DT_I1);
  bool truth;
  if (!tm_lv_is_run(c)) {
    l->b = here;
    p->endless = tm_lv_truth(c, &truth) && truth;
    return p->endless ? tm_lv_run(l, go, i1) : c;
  }
  tm_build(&l->b, TM_YIELD, 1, &c->value, 0, NULL, 0, NULL, 0, NULL);
  enter_block(l, regions[1]);
  tm_value no = build_false(l);
  tm_build(&l->b, TM_YIELD, 1, &no, 0, NULL, 0, NULL, 0, NULL);
  l->b = here;
  tm_inst inst = tm_build(&l->b, TM_IF, 1, &go, 1, &i1->ir, 2, regions, 0,
                          NULL);
  return tm_lv_run(l, tm_get(l->ir, inst)->results, i1);
}

static void enter_while_body(loop *p, tm_block after) {
  tm_low *l = p->l;
  for (uint32_t i = 0; i < p->vars.len; i++) {
    carried *c = &p->vars.data[i];
    uint32_t at = c->first;
    tm_lv in_body = second_args(p, c->inside, after, &at);
    name_arg(l, in_body, c->name);
    tm_scope_set(l, c->name, in_body, c->loc);
  }
  enter_block(l, after);
}

static tm_end run_while(tm_low *l, const tm_stmt *s) {
  tm_builder outer = l->b;
  loop p = {.l = l, .s = s};
  tm_block before = tm_ir_new_block(l->ir), after = tm_ir_new_block(l->ir);
  bool stops = tm_low_may_stop(&s->body);
  tm_value no = stops ? build_false(l) : 0;
  outer = l->b;
  /* Names assigned in the condition are carried too. */
  tm_stmt in_condition = {.kind = TM_STMT_EXPR, .e = s->e};
  tm_stmt *one = &in_condition;
  tm_stmts list = {.data = &one, .len = 1, .cap = 1};
  tm_low_assigned(l, &list, &p.names);
  if (p.names.list.len)
    tm_low_unsupported(l, "assign before the loop and at its end",
                       ":= in the condition of a run-time `while` is not "
                       "supported");
  start_carrying(&p, before, NULL);
  if (stops) {
    add_extra(&p, tm_type_scalar(l->ir, TM_I1), no, 0, NULL);
    add_args(&p, before, 0);
  }
  tm_lv condition = while_condition(&p, before);
  if (!tm_lv_is_run(condition)) {
    l->b = outer;
    return known_condition(l, &p, condition);
  }
  tm_value *forward =
      TM_NEW_ARRAY(l->arena, tm_value, p.leaves.len ? p.leaves.len : 1);
  forward_values(&p, forward);
  enter_while_body(&p, after);
  tm_end end = tm_low_stmts(l, &s->body, 0, false);
  /* A value that the condition itself changes must stay. */
  stop_carrying(&p);
  way_out out = carry_end(&p, end, &outer, no, stops);
  if (p.endless && !out.stop) {
    l->b = outer;
    return known_condition(l, &p, tm_lv_bool(true));
  }
  /* The second block gets all extras, the first one those it lacks. */
  for (uint32_t i = 0; i < p.extras.len; i++)
    tm_block_add_arg(l->ir, after, p.extras.data[i].type);
  add_args(&p, before, stops);
  build_while(&p, before, after, outer, condition->value, forward);
  return after_out(l, s, out);
}

tm_end tm_low_while(tm_low *l, const tm_stmt *s) {
  return l->frame->is_python ? python_while(l, s) : run_while(l, s);
}
