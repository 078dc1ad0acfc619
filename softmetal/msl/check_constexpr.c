/* SPDX-License-Identifier: MIT */
/*
 * check_constexpr.c - the value of a call of a constexpr function, where a
 * constant expression needs it: the body is run on scalar values.
 *
 * Declarations, assignments, if, loops and return are run; a body with
 * anything else is no constant expression. A limit on the steps ends what
 * does not end itself.
 */
#include "front.h"

enum {
  MOST_STEPS = 100000, /* of one call, and of all calls of a program */
  MOST_IN_ALL = 4 << 20,
  MOST_FRAMES = 64
};

typedef enum flow { GO_ON, BROKE, CONTINUED, RETURNED, FAILED } flow;

static bool may_go_on(sm_parser *p) {
  return ++p->frame_steps <= MOST_STEPS && ++p->all_steps <= MOST_IN_ALL;
}

static sm_value *find(sm_parser *p, const sm_var *var) {
  sm_frame *f = p->frame;
  for (uint32_t i = f ? f->vars.len : 0; i-- > 0;)
    if (f->vars.data[i].var == var) return &f->vars.data[i].value;
  return NULL;
}

bool sm_frame_value(sm_parser *p, const sm_var *var, sm_value *out) {
  const sm_value *v = find(p, var);
  if (v) *out = *v;
  return v != NULL;
}

/* An assignment's new value; also what x++ was before. */
bool sm_fold_effect(sm_parser *p, const sm_expr *e, sm_value *out) {
  const sm_expr *to = e->a[0];
  sm_value *at = to->kind == SM_VAR ? find(p, to->u.var) : NULL;
  if (!at) return false;
  sm_value old = *at, by, sum;
  if (e->kind == SM_ASSIGN) {
    if (!sm_fold(p, e->a[1], &sum)) return false;
  } else {
    sm_scalar type = old.type;
    if (e->kind == SM_COMPOUND) {
      if (e->operand_type->kind != SM_T_SCALAR) return false;
      type = e->operand_type->scalar;
      if (!sm_fold(p, e->a[1], &by)) return false;
    } else {
      sm_value one = {SM_INT, 1, 1};
      by = sm_value_convert(one, type);
    }
    if (!sm_fold_values(e->op, type, sm_value_convert(old, type), by, &sum))
      return false;
  }
  at = find(p, to->u.var);
  *at = sm_value_convert(sum, old.type);
  *out = e->kind == SM_POST ? old : *at;
  return true;
}

static flow run(sm_parser *p, const sm_stmt *s, sm_value *result);

static flow run_list(sm_parser *p, const sm_stmt *s, sm_value *result) {
  for (uint32_t i = 0; i < s->body.len; i++) {
    flow f = run(p, s->body.data[i], result);
    if (f != GO_ON) return f;
  }
  return GO_ON;
}

static bool effect(sm_parser *p, const sm_expr *e) {
  sm_value v;
  if (!e) return true;
  if (e->kind == SM_CAST && e->type->scalar == SM_VOID) return true;
  if (e->kind == SM_READ) return effect(p, e->a[0]);
  if (e->kind == SM_COMMA) return effect(p, e->a[0]) && effect(p, e->a[1]);
  return sm_fold(p, e, &v);
}

static flow run_loop(sm_parser *p, const sm_stmt *s, sm_value *result) {
  sm_value v;
  if (s->init) {
    flow f = run(p, s->init, result);
    if (f != GO_ON) return f;
  }
  for (bool first = s->kind == SM_S_DO;; first = false) {
    if (!may_go_on(p)) return FAILED;
    if (!first && s->e) {
      if (!sm_fold(p, s->e, &v)) return FAILED;
      if (!v.i) return GO_ON;
    }
    flow f = s->body.len ? run(p, s->body.data[0], result) : GO_ON;
    if (f == BROKE) return GO_ON;
    if (f == RETURNED || f == FAILED) return f;
    if (!effect(p, s->step)) return FAILED;
  }
}

static flow declare(sm_parser *p, const sm_var *var) {
  bool scalar = sm_is_scalar(var->type) || var->type->kind == SM_T_ENUM;
  sm_value v = {var->type->scalar, 0, 0};
  if (!scalar || (var->init && !sm_fold(p, var->init, &v))) return FAILED;
  sm_value *old = find(p, var);
  if (old) {
    *old = v;
    return GO_ON;
  }
  sm_frame_var entry = {var, v};
  tm_push(p->arena, &p->frame->vars, entry);
  return GO_ON;
}

static flow run(sm_parser *p, const sm_stmt *s, sm_value *result) {
  sm_value v;
  if (!may_go_on(p)) return FAILED;
  switch (s->kind) {
    case SM_S_EXPR: return effect(p, s->e) ? GO_ON : FAILED;
    case SM_S_DECL: return declare(p, s->var);
    case SM_S_BLOCK: return run_list(p, s, result);
    case SM_S_IF:
      if (!sm_fold(p, s->e, &v)) return FAILED;
      if (v.i) return run(p, s->body.data[0], result);
      return s->body.len > 1 ? run(p, s->body.data[1], result) : GO_ON;
    case SM_S_FOR: case SM_S_WHILE: case SM_S_DO:
      return run_loop(p, s, result);
    case SM_S_BREAK: return BROKE;
    case SM_S_CONTINUE: return CONTINUED;
    case SM_S_RETURN:
      return s->e && sm_fold(p, s->e, result) ? RETURNED : FAILED;
    default: return FAILED;
  }
}

bool sm_fold_call(sm_parser *p, const sm_expr *e, sm_value *out) {
  const sm_function *f = e->u.function;
  if (!f->body || !tm_map_get(&p->constexprs, TM_KEY(f), NULL)) return false;
  if (p->frame_depth >= MOST_FRAMES) return false;
  if (!p->frame) p->frame_steps = 0;
  sm_frame frame = {0};
  for (uint32_t i = 0; i < e->args.len; i++) {
    sm_frame_var entry = {f->params.data[i], {0}};
    if (!sm_fold(p, e->args.data[i], &entry.value)) return false;
    tm_push(p->arena, &frame.vars, entry);
  }
  sm_frame *outer = p->frame;
  p->frame = &frame;
  p->frame_depth++;
  bool ok = run(p, f->body, out) == RETURNED;
  p->frame_depth--;
  p->frame = outer;
  return ok;
}
