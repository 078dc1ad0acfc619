/* SPDX-License-Identifier: MIT */
/*
 * emitter_control.c - scf.for, scf.if and scf.while.
 *
 * Carried values are variables and arrays declared before the loop and
 * assigned at the end of its body. Where one assignment would overwrite what
 * a later one reads, all are first computed into temporaries.
 *
 * Counters are 32 bits wide: Metal's compiler miscompiles loops with 64-bit
 * ones (METAL-FACTS 6.1, 1). A 64-bit Triton loop counts its trips and derives
 * its variable. All conditions are scalars, which are equal in all threads of
 * a threadgroup, so barriers inside are reached by all or none.
 */
#include "emitter.h"

static const tm_inst_data *terminator(emitter *e, tm_block block) {
  return tm_get(e->ir, tm_blk(e->ir, block)->last);
}

static bool is_tile(const emitter *e, tm_value v) {
  return tm_type_is_tensor(tm_type_of(e->ir, v));
}

static const char *type_of(emitter *e, tm_value v) {
  tm_type type = tm_type_of(e->ir, v);
  if (type->kind == TM_TYPE_POINTER) return msl_pointer_type(e, v);
  return msl_type(e, msl_scalar_of(type), 1);
}

/* "float x" or "device float *x". */
static const char *declarator(emitter *e, tm_value v, const char *name) {
  const char *type = type_of(e, v);
  return msl_text(e, type[strlen(type) - 1] == '*' ? "%s%s" : "%s %s", type,
                  name);
}

/* Declares v and sets it to init (0: leaves it open). */
static void declare(emitter *e, tm_value v, tm_value init,
                    const char *otherwise) {
  const char *name = msl_name_of(e, v, otherwise);
  if (is_tile(e, v)) {
    e->values[v].name = name;
    msl_declare_array(e, v);
    if (init) msl_copy(e, v, init);
    return;
  }
  const char *what = declarator(e, v, name);
  if (init) msl_line(e, "%s = %s;", what, msl_eval_scalar(e, init).text);
  else msl_line(e, "%s;", what);
  msl_bind(e, v, name);
}

/* A carried variable's name comes from whatever part of it has one. */
static const char *carried_name(emitter *e, tm_value arg, tm_value init,
                                tm_value next, tm_value result) {
  tm_value from[4] = {arg, result, next, init};
  for (int i = 0; i < 4; i++)
    if (from[i] && tm_val(e->ir, from[i])->name)
      return tm_val(e->ir, from[i])->name;
  return "carried";
}

/* ---- parallel assignment ---------------------------------------------- */

/* True if evaluating v at a point reads the variable or array of arg; with
 * elsewhere set, only if it reads registers of it other than those. */
static bool reads(emitter *e, tm_value v, tm_value arg, const msl_point *point,
                  bool elsewhere, int depth) {
  msl_point p = *point;
  v = msl_look_through(e, v, &p);
  const msl_value *value = &e->values[v];
  bool other = !elsewhere || !msl_point_is_identity(&p, msl_reg_bits(e, arg));
  if (v == arg) return other;
  if (value->place >= MSL_IN_ARRAY)
    return e->values[arg].place >= MSL_IN_ARRAY &&
           value->storage == e->values[arg].storage && other;
  if (value->place == MSL_IN_VARIABLE && value->name) return false;
  tm_inst def = tm_val(e->ir, v)->def;
  if (!def) return false;
  if (depth > 32) return true;
  const tm_inst_data *d = tm_get(e->ir, def);
  /* Which half a join takes is not a map of registers: every read counts. */
  if (d->op == TM_JOIN || d->op == TM_CAT) elsewhere = false;
  for (uint32_t i = 0; i < d->n_operands; i++)
    if (reads(e, d->operands[i], arg, &p, elsewhere, depth + 1)) return true;
  return false;
}

/* to[i] = v overwrites what is still to be read: v is to[i] with registers
 * changed, as tl.trans within a thread. */
static bool is_moved_in_place(emitter *e, tm_value v, tm_value arg) {
  uint32_t n_reg = msl_reg_bits(e, arg);
  msl_point p = msl_point_all(n_reg ? "r" : NULL, n_reg, 0);
  return reads(e, v, arg, &p, true, 0);
}

static bool is_overwritten(emitter *e, tm_value v, tm_value arg) {
  msl_point p = msl_point_register(0);
  return reads(e, v, arg, &p, false, 0);
}

static bool is_same_place(const emitter *e, tm_value to, tm_value from) {
  return to == from || (is_tile(e, to) &&
                        e->values[from].place >= MSL_IN_ARRAY &&
                        e->values[from].storage == e->values[to].storage);
}

/* to[i] = from[i] for all i, as if at once. */
static void assign_all(emitter *e, const tm_value *to, const tm_value *from,
                       uint32_t n) {
  bool hazard = false;
  for (uint32_t i = 0; i < n && !hazard; i++) {
    if (is_same_place(e, to[i], from[i])) continue;
    hazard = is_tile(e, to[i]) && is_moved_in_place(e, from[i], to[i]);
    for (uint32_t j = i + 1; j < n && !hazard; j++)
      hazard = to[i] != to[j] && is_overwritten(e, from[j], to[i]);
  }
  if (!hazard) {
    for (uint32_t i = 0; i < n; i++) {
      if (is_same_place(e, to[i], from[i])) continue;
      if (is_tile(e, to[i])) msl_copy(e, to[i], from[i]);
      else
        msl_line(e, "%s = %s;", e->values[to[i]].name,
                 msl_eval_scalar(e, from[i]).text);
    }
    return;
  }
  const char **held = TM_NEW_ARRAY(e->arena, const char *, n);
  for (uint32_t i = 0; i < n; i++) { /* all are read ... */
    if (is_same_place(e, to[i], from[i])) continue;
    const char *name = e->values[to[i]].name;
    held[i] = msl_name(e, msl_text(e, "next_%s", name));
    if (is_tile(e, to[i])) {
      e->values[to[i]].name = held[i];
      msl_declare_array(e, to[i]);
      e->values[to[i]].name = name;
      msl_copy_as(e, to[i], held[i], from[i]);
    } else {
      msl_line(e, "%s = %s;", declarator(e, to[i], held[i]),
               msl_eval_scalar(e, from[i]).text);
    }
  }
  for (uint32_t i = 0; i < n; i++) { /* ... before any is written */
    if (!held[i]) continue;
    const char *name = e->values[to[i]].name;
    uint32_t entries = 1;
    if (is_tile(e, to[i]))
      entries = 1u << (msl_reg_bits(e, to[i]) - e->values[to[i]].width);
    const char *var = msl_loop(e, "c", entries);
    if (var) msl_line(e, "%s[%s] = %s[%s];", name, var, held[i], var);
    else msl_line(e, "%s = %s;", name, held[i]);
    if (var) msl_close(e);
  }
}

/* ---- for -------------------------------------------------------------- */

/* The head of the loop; binds its variable. */
static void for_head(emitter *e, tm_inst inst) {
  const tm_inst_data *d = tm_get(e->ir, inst);
  tm_value iv = tm_blk(e->ir, d->regions[0])->args[0];
  tm_scalar scalar = msl_scalar_of(tm_type_of(e->ir, iv));
  msl_expr lower = msl_eval_scalar(e, d->operands[0]);
  msl_expr upper = msl_eval_scalar(e, d->operands[1]);
  msl_expr step = msl_eval_scalar(e, d->operands[2]);
  int64_t by = 0;
  bool constant = tm_value_const_int(e->ir, d->operands[2], &by);
  if (scalar == TM_I32 || scalar == TM_INDEX) {
    const char *name = msl_name_of(e, iv, "i");
    const char *increment =
        constant && by == 1 ? msl_text(e, "++%s", name)
                            : msl_text(e, "%s += %s", name, step.text);
    msl_open(e, "for (int %s = %s; %s < %s; %s)", name, lower.text, name,
             msl_paren(e, upper, MSL_ADD), increment);
    msl_bind(e, iv, name);
    return;
  }
  const char *type = msl_type(e, scalar, 1);
  const char *trips = msl_name(e, "trips"), *trip = msl_name(e, "trip");
  const char *a = msl_paren(e, lower, MSL_UNARY);
  const char *b = msl_paren(e, upper, MSL_MUL);
  const char *s = msl_paren(e, step, MSL_UNARY);
  msl_line(e, "const int %s = %s < %s ? int((%s - %s - 1) / %s + 1) : 0;",
           trips, a, b, b, a, s);
  msl_open(e, "for (int %s = 0; %s < %s; ++%s)", trip, trip, trips, trip);
  const char *name = msl_name_of(e, iv, "i");
  msl_line(e, "const %s %s = %s(%s + %s * %s);", type, name, type, a, trip, s);
  msl_bind(e, iv, name);
}

static void emit_for(emitter *e, tm_inst inst) {
  const tm_inst_data *d = tm_get(e->ir, inst);
  tm_block block = d->regions[0];
  const tm_block_data *body = tm_blk(e->ir, block);
  const tm_inst_data *yield = terminator(e, block);
  uint32_t n = body->n_args - 1;
  for (uint32_t i = 0; i < n; i++) {
    const char *name = carried_name(e, body->args[1 + i], d->operands[3 + i],
                                    yield->operands[i], d->results + i);
    if (!msl_tensor_before_loop(e, inst, i, name))
      declare(e, body->args[1 + i], d->operands[3 + i], name);
  }
  msl_shared_before_loop(e, block);
  msl_pool_state before = msl_pool_save(e);
  for_head(e, inst);
  msl_pool_enter_loop(e, block);
  msl_block(e, block);
  assign_all(e, body->args + 1, yield->operands, n);
  msl_close(e);
  msl_pool_join(e, &before);
  for (uint32_t i = 0; i < n; i++)
    msl_tensor_after_loop(e, inst, i,
                          carried_name(e, body->args[1 + i],
                                       d->operands[3 + i], yield->operands[i],
                                       d->results + i));
  for (uint32_t i = 0; i < n; i++)
    if (!is_tile(e, d->results + i))
      msl_bind(e, d->results + i, e->values[body->args[1 + i]].name);
}

/* ---- if --------------------------------------------------------------- */

static bool is_empty(const emitter *e, tm_block block) {
  return tm_blk(e->ir, block)->first == tm_blk(e->ir, block)->last;
}

static void emit_branch(emitter *e, const tm_inst_data *d, tm_block block) {
  tm_value *to = TM_NEW_ARRAY(e->arena, tm_value, d->n_results);
  for (uint32_t i = 0; i < d->n_results; i++) to[i] = d->results + i;
  msl_block(e, block);
  /* Branches cannot read the results that they assign. */
  const tm_inst_data *yield = terminator(e, block);
  assign_all(e, to, yield->operands, d->n_results);
}

static void emit_if(emitter *e, tm_inst inst) {
  const tm_inst_data *d = tm_get(e->ir, inst);
  for (uint32_t i = 0; i < d->n_results; i++)
    declare(e, d->results + i, 0,
            carried_name(e, d->results + i, 0,
                         terminator(e, d->regions[0])->operands[i],
                         terminator(e, d->regions[1])->operands[i]));
  msl_expr condition = msl_eval_scalar(e, d->operands[0]);
  msl_pool_state before = msl_pool_save(e);
  bool no_then = is_empty(e, d->regions[0]) && d->n_results == 0;
  bool no_else = is_empty(e, d->regions[1]) && d->n_results == 0;
  if (no_then && no_else) return;
  msl_open(e, no_then ? "if (!(%s))" : "if (%s)", condition.text);
  emit_branch(e, d, d->regions[no_then ? 1 : 0]);
  msl_pool_state after = msl_pool_save(e);
  msl_pool_restore(e, &before);
  if (!no_then && !no_else) {
    msl_else(e);
    emit_branch(e, d, d->regions[1]);
  }
  msl_close(e);
  msl_pool_join(e, &after);
}

/* ---- while ------------------------------------------------------------ */

static void emit_while(emitter *e, tm_inst inst) {
  const tm_inst_data *d = tm_get(e->ir, inst);
  const tm_block_data *before = tm_blk(e->ir, d->regions[0]);
  const tm_block_data *after = tm_blk(e->ir, d->regions[1]);
  const tm_inst_data *condition = terminator(e, d->regions[0]);
  const tm_inst_data *yield = terminator(e, d->regions[1]);
  for (uint32_t i = 0; i < before->n_args; i++)
    declare(e, before->args[i], d->operands[i],
            carried_name(e, before->args[i], d->operands[i],
                         yield->operands[i], 0));
  for (uint32_t i = 0; i < d->n_results; i++)
    declare(e, d->results + i, 0,
            carried_name(e, d->results + i, after->args[i],
                         condition->operands[1 + i], 0));
  msl_pool_state state = msl_pool_save(e);
  /* Not provably finite: the volatile keeps the compiler from reasoning that
   * an endless loop cannot be (METAL-FACTS 3.11). */
  const char *proceed = msl_name(e, "proceed");
  tm_push(e->arena, &e->uniform, proceed); /* from scalars alone */
  msl_line(e, "volatile bool %s = true;", proceed);
  msl_open(e, "while (%s)", proceed);
  msl_pool_enter_loop(e, d->regions[0]);
  msl_pool_enter_loop(e, d->regions[1]);
  msl_block(e, d->regions[0]);
  tm_value *to = TM_NEW_ARRAY(e->arena, tm_value, d->n_results);
  for (uint32_t i = 0; i < d->n_results; i++) to[i] = d->results + i;
  assign_all(e, to, condition->operands + 1, d->n_results);
  msl_expr go = msl_eval_scalar(e, condition->operands[0]);
  msl_open(e, "if (%s)", go.text);
  for (uint32_t i = 0; i < after->n_args; i++) {
    tm_value arg = after->args[i];
    if (is_tile(e, arg)) {
      e->values[arg].name = e->values[to[i]].name;
      e->values[arg].storage = to[i];
    } else {
      msl_bind(e, arg, e->values[to[i]].name);
    }
  }
  msl_block(e, d->regions[1]);
  assign_all(e, before->args, yield->operands, before->n_args);
  msl_else(e);
  msl_line(e, "%s = false;", proceed);
  msl_close(e);
  msl_close(e);
  /* It ends after the condition, wherever that leaves the pool. */
  msl_pool_join(e, &state);
  msl_pool_enter_loop(e, d->regions[0]);
  msl_pool_enter_loop(e, d->regions[1]);
}

void msl_control(emitter *e, tm_inst inst) {
  switch (tm_get(e->ir, inst)->op) {
    case TM_FOR: emit_for(e, inst); break;
    case TM_IF: emit_if(e, inst); break;
    case TM_WHILE: emit_while(e, inst); break;
    default: break; /* terminators: the owner reads their operands */
  }
}
