/* SPDX-License-Identifier: MIT */
/*
 * uniform.c - which variables are the same in all lanes, before emission.
 *
 * A fixpoint over the kernel and the functions it calls. All variables start
 * as uniform. One becomes varying when it is assigned a varying value, or
 * any value in a region that not all lanes of its own scope execute. Regions
 * are counted by `level`, exactly as the emitter counts them: a varying if,
 * a loop or switch that lanes leave at different times, and the rest of a
 * loop's body behind a divergent continue. Lanes that break or return need no
 * level of their own: they never again see the variables of the regions that
 * they left, and the loop itself is a level for those outside of it.
 *
 * Functions are looked at once for all their callers: a parameter varies if
 * any call passes a varying argument.
 *
 * From this follow the classes: BOUND for variables that never change (the
 * emitter then uses the value in whatever form it has), UNIFORM, STEP for a
 * varying first value that only has uniform amounts added, and VARYING.
 * The emitter may find a value uniform that is varying here, never the
 * reverse; it checks that.
 */
#include "emit.h"

typedef struct uniform {
  sm_emit *e;
  bool changed;
  bool *varies, *assigned, *not_step, *exposed; /* by variable id */
  int *level_of;                                /* of its declaration */
  int level;
  uint32_t function;       /* index of the function being walked */
  int returns_level;       /* level at which its body starts */
  const sm_stmt *loop;     /* innermost loop */
  const sm_stmt *breakable;/* innermost loop or switch */
  int loop_level, breakable_level;
  bool continued;          /* a divergent continue was passed */
  TM_VEC(const sm_stmt *) around; /* enclosing loops and switches */
  uint32_t depth;
} uniform;

enum { DEPTH = 512 };

uint32_t sm_fact(const sm_emit *e, const void *node) {
  uint64_t v = 0;
  tm_map_get(&e->facts, TM_KEY(node), &v);
  return (uint32_t)v;
}

static void add_fact(uniform *u, const void *node, uint32_t fact) {
  uint32_t now = sm_fact(u->e, node);
  if ((now & fact) == fact) return;
  tm_map_put(&u->e->facts, TM_KEY(node), now | fact);
  u->changed = true;
}

uint32_t sm_function_index(const sm_emit *e, const sm_function *function) {
  for (uint32_t i = 0; i < e->program->functions.len; i++)
    if (e->program->functions.data[i] == function) return i;
  return 0;
}

static void set(uniform *u, bool *flag) {
  if (*flag) return;
  *flag = true;
  u->changed = true;
}

/* The variable that an lvalue is part of; NULL for memory. */
static const sm_var *root(const sm_expr *x) {
  for (;;) {
    switch (x->kind) {
    case SM_VAR: return x->u.var;
    case SM_INDEX: case SM_MEMBER: case SM_SWIZZLE: case SM_THREAD_ELEMENTS:
    case SM_MEMBER_OF: case SM_SHUFFLE: case SM_ELEMENT_OF: case SM_READ:
      x = x->a[0];
      break;
    default: return NULL;
    }
  }
}

static bool has_fragment(const sm_type *t) {
  if (t->kind == SM_T_FRAGMENT) return true;
  if (t->kind == SM_T_ARRAY) return has_fragment(t->element);
  if (t->kind != SM_T_STRUCT) return false;
  for (uint32_t i = 0; i < t->structure->members.len; i++)
    if (has_fragment(t->structure->members.data[i].type)) return true;
  return false;
}

static bool walk(uniform *u, const sm_expr *x);

static bool is_thread_reference(const sm_type *t) {
  return t->kind == SM_T_REFERENCE && t->space == SM_THREAD;
}

/* The variable escapes into a reference or pointer through which it may be
 * changed: it is kept in the most general form. */
static void expose(uniform *u, const sm_expr *lvalue) {
  const sm_var *v = root(lvalue);
  if (!v) return;
  set(u, &u->exposed[v->id]);
  set(u, &u->assigned[v->id]);
  set(u, &u->not_step[v->id]);
  if (v->type->kind != SM_T_FRAGMENT) set(u, &u->varies[v->id]);
}

static bool index_varies(uniform *u, const sm_expr *x) {
  bool varies = false;
  for (; x; x = x->a[0]) {
    if (x->kind == SM_INDEX) varies |= walk(u, x->a[1]);
    if (x->kind == SM_VAR || x->kind == SM_DEREF) break;
  }
  return varies;
}

/* step: the amount is added to the whole variable. */
static void assign(uniform *u, const sm_expr *lvalue, bool value_varies,
                   bool step) {
  const sm_var *v = root(lvalue);
  bool indexed = index_varies(u, lvalue);
  if (!v) {
    walk(u, lvalue);
    return;
  }
  uint32_t id = v->id;
  if (v->type->kind == SM_T_REFERENCE) return; /* its target is exposed */
  set(u, &u->assigned[id]);
  bool outer = u->level > u->level_of[id];
  if (value_varies || outer || !step) set(u, &u->not_step[id]);
  if (lvalue->kind == SM_THREAD_ELEMENTS) return;
  if (value_varies || outer || indexed) set(u, &u->varies[id]);
}

static bool input_varies(sm_builtin_input in) {
  switch (in) {
  case SM_IN_THREAD_POSITION_IN_GRID:
  case SM_IN_THREAD_POSITION_IN_THREADGROUP:
  case SM_IN_THREAD_INDEX_IN_THREADGROUP:
  case SM_IN_THREAD_INDEX_IN_SIMDGROUP:
  case SM_IN_THREAD_INDEX_IN_QUADGROUP:
  case SM_IN_QUADGROUP_INDEX_IN_THREADGROUP: return true;
  default: return false;
  }
}

static bool var_varies(uniform *u, const sm_var *v) {
  switch (v->kind) {
  case SM_V_LOCAL: case SM_V_PARAM: return u->varies[v->id];
  case SM_V_INPUT: return input_varies(v->input) || u->varies[v->id];
  case SM_V_BUFFER: case SM_V_TG_BUFFER: return u->varies[v->id];
  default: return false;
  }
}

static bool walk_args(uniform *u, const sm_expr *x) {
  bool varies = false;
  for (uint32_t i = 0; i < x->args.len; i++)
    varies |= walk(u, x->args.data[i]);
  return varies;
}

static bool walk_call(uniform *u, const sm_expr *x) {
  const sm_function *f = x->u.function;
  for (uint32_t i = 0; i < x->args.len; i++) {
    const sm_expr *arg = x->args.data[i];
    bool varies = walk(u, arg);
    if (i >= f->params.len) continue;
    const sm_var *p = f->params.data[i];
    if (is_thread_reference(p->type) && !p->type->is_const) expose(u, arg);
    if (varies) set(u, &u->varies[p->id]);
  }
  return u->e->result_varies[sm_function_index(u->e, f)];
}

static bool walk_builtin(uniform *u, const sm_expr *x) {
  bool varies = walk_args(u, x);
  switch (x->u.builtin) {
  case SM_B_SIMD_ACTIVE_THREADS_MASK: case SM_B_SIMD_ALL:
  case SM_B_SIMD_ANY: case SM_B_SIMD_BALLOT: case SM_B_SIMD_AND:
  case SM_B_SIMD_OR: case SM_B_SIMD_XOR: case SM_B_SIMD_MAX:
  case SM_B_SIMD_MIN: case SM_B_SIMD_PRODUCT: case SM_B_SIMD_SUM:
  case SM_B_SIMD_BROADCAST: case SM_B_SIMD_BROADCAST_FIRST:
  case SM_B_THREADGROUP_BARRIER: case SM_B_SIMDGROUP_BARRIER:
  case SM_B_ATOMIC_THREAD_FENCE: case SM_B_IS_FUNCTION_CONSTANT_DEFINED:
    return false;
  case SM_B_SIMDGROUP_LOAD: case SM_B_SIMDGROUP_MULTIPLY:
  case SM_B_SIMDGROUP_MULTIPLY_ACCUMULATE:
    assign(u, x->args.data[0], false, false);
    return false;
  case SM_B_SIMDGROUP_STORE: case SM_B_SIMDGROUP_FILLED:
  case SM_B_SIMDGROUP_DIAGONAL: return false;
  case SM_B_SINCOS: case SM_B_MODF: case SM_B_FREXP:
    assign(u, x->args.data[1], varies, false);
    return varies;
  case SM_B_ATOMIC_COMPARE_EXCHANGE_WEAK:
    return true;
  case SM_B_ATOMIC_LOAD: return varies;
  case SM_B_ATOMIC_EXCHANGE: case SM_B_ATOMIC_FETCH_ADD:
  case SM_B_ATOMIC_FETCH_AND: case SM_B_ATOMIC_FETCH_MAX:
  case SM_B_ATOMIC_FETCH_MIN: case SM_B_ATOMIC_FETCH_OR:
  case SM_B_ATOMIC_FETCH_SUB: case SM_B_ATOMIC_FETCH_XOR:
    return true;
  default: break;
  }
  if (x->u.builtin >= SM_B_SIMD_ACTIVE_THREADS_MASK &&
      x->u.builtin < SM_B_THREADGROUP_BARRIER)
    return true; /* prefixes, shuffles, quad functions */
  return varies;
}

/* An arm that only some lanes may evaluate. */
static bool walk_arm(uniform *u, const sm_expr *x, bool divergent) {
  if (divergent) u->level++;
  bool varies = walk(u, x);
  if (divergent) u->level--;
  return varies;
}

/* v = v + amount or v - amount: the amount; else NULL. */
static const sm_expr *step_amount(const sm_expr *lvalue,
                                  const sm_expr *value) {
  if (lvalue->kind != SM_VAR || value->kind != SM_BINARY) return NULL;
  if (value->op != SM_ADD && value->op != SM_SUB) return NULL;
  if (value->type != lvalue->type) return NULL;
  const sm_expr *x = value->a[0];
  if (x->kind == SM_READ && x->a[0]->kind == SM_VAR &&
      x->a[0]->u.var == lvalue->u.var)
    return value->a[1];
  return NULL;
}

static bool walk_assign(uniform *u, const sm_expr *x) {
  const sm_expr *to = x->a[0];
  if (x->kind == SM_PRE || x->kind == SM_POST) {
    assign(u, to, false, to->kind == SM_VAR);
    return walk(u, to);
  }
  bool varies = walk(u, x->a[1]);
  if (x->kind == SM_COMPOUND) {
    bool step = to->kind == SM_VAR && (x->op == SM_ADD || x->op == SM_SUB) &&
                x->operand_type == to->type;
    if (to->type->kind == SM_T_POINTER) step = to->kind == SM_VAR;
    assign(u, to, varies, step);
    return walk(u, to);
  }
  const sm_expr *amount = step_amount(to, x->a[1]);
  if (amount) {
    bool by = walk(u, amount);
    /* The value varies with the variable itself; what counts is the step. */
    const sm_var *v = to->u.var;
    assign(u, to, by || (varies && !u->varies[v->id]), true);
  } else {
    assign(u, to, varies, false);
  }
  return varies;
}

static bool walk_inner(uniform *u, const sm_expr *x) {
  bool c, varies = false;
  switch (x->kind) {
  case SM_LITERAL: return false;
  case SM_VAR: return var_varies(u, x->u.var);
  case SM_SELECT:
    c = walk(u, x->a[0]);
    varies = walk_arm(u, x->a[1], c);
    if (walk_arm(u, x->a[2], c)) varies = true;
    return varies || c;
  case SM_AND: case SM_OR:
    c = walk(u, x->a[0]);
    return walk_arm(u, x->a[1], c) || c;
  case SM_COMMA:
    walk(u, x->a[0]);
    return walk(u, x->a[1]);
  case SM_CALL: return walk_call(u, x);
  case SM_BUILTIN: return walk_builtin(u, x);
  case SM_ASSIGN: case SM_COMPOUND: case SM_PRE: case SM_POST:
    return walk_assign(u, x);
  case SM_ADDRESS:
    /* Through a pointer anything may happen to a local variable. */
    if (!x->type->is_const) expose(u, x->a[0]);
    return walk(u, x->a[0]);
  case SM_THREAD_ELEMENTS:
    walk(u, x->a[0]);
    walk(u, x->a[1]);
    return true;
  case SM_CONSTRUCT: return walk_args(u, x);
  default:
    for (int i = 0; i < 3; i++)
      if (x->a[i]) varies |= walk(u, x->a[i]);
    return varies;
  }
}

static bool walk(uniform *u, const sm_expr *x) {
  if (++u->depth > DEPTH)
    sm_emit_fail(u->e, x->loc, "expression nested more than %d deep", DEPTH);
  bool varies = walk_inner(u, x);
  if (x->type && x->type->kind == SM_T_FRAGMENT) varies = false;
  u->depth--;
  return varies;
}

/* ---- statements ------------------------------------------------------- */

static void walk_stmt(uniform *u, const sm_stmt *s);

static void walk_list(uniform *u, const sm_stmt *s) {
  int level = u->level;
  for (uint32_t i = 0; i < s->body.len; i++) {
    bool before = u->continued;
    walk_stmt(u, s->body.data[i]);
    if (u->continued && !before) u->level++;
  }
  u->level = level;
}

static void declare(uniform *u, const sm_var *v) {
  u->level_of[v->id] = u->level;
  if (!v->init) return;
  bool varies = walk(u, v->init);
  if (is_thread_reference(v->type)) {
    if (!v->type->is_const) expose(u, v->init);
  }
  if (varies) set(u, &u->varies[v->id]);
}

static void walk_loop(uniform *u, const sm_stmt *s) {
  const sm_stmt *loop = u->loop, *breakable = u->breakable;
  int loop_level = u->loop_level, breakable_level = u->breakable_level;
  bool continued = u->continued;
  int level = u->level;
  if (sm_fact(u->e, s) & SM_F_DIVERGENT) u->level++;
  u->loop = u->breakable = s;
  u->loop_level = u->breakable_level = u->level;
  u->continued = false;
  tm_push(u->e->arena, &u->around, s);
  if (s->init) walk_stmt(u, s->init);
  if (s->e && walk(u, s->e)) add_fact(u, s, SM_F_DIVERGENT);
  int body_level = u->level;
  for (uint32_t i = 0; i < s->body.len; i++) walk_stmt(u, s->body.data[i]);
  u->level = body_level;
  if (s->step) walk(u, s->step);
  if (s->kind == SM_S_DO && s->e && walk(u, s->e))
    add_fact(u, s, SM_F_DIVERGENT);
  u->around.len--;
  u->level = level;
  u->loop = loop;
  u->breakable = breakable;
  u->loop_level = loop_level;
  u->breakable_level = breakable_level;
  u->continued = continued;
}

static void walk_switch(uniform *u, const sm_stmt *s) {
  const sm_stmt *breakable = u->breakable;
  int breakable_level = u->breakable_level, level = u->level;
  if (walk(u, s->e)) add_fact(u, s, SM_F_DIVERGENT);
  if (sm_fact(u->e, s) & SM_F_DIVERGENT) u->level++;
  u->breakable = s;
  u->breakable_level = u->level;
  tm_push(u->e->arena, &u->around, s);
  walk_list(u, s);
  u->around.len--;
  u->level = level;
  u->breakable = breakable;
  u->breakable_level = breakable_level;
}

static void walk_if(uniform *u, const sm_stmt *s) {
  bool c = walk(u, s->e);
  if (c) u->level++;
  for (uint32_t i = 0; i < s->body.len; i++)
    if (s->body.data[i]) walk_stmt(u, s->body.data[i]);
  if (c) u->level--;
}

static void walk_return(uniform *u, const sm_stmt *s) {
  bool divergent = u->level > u->returns_level;
  if (divergent) {
    add_fact(u, u->e->program->functions.data[u->function], SM_F_RETURNS);
    for (uint32_t i = 0; i < u->around.len; i++)
      add_fact(u, u->around.data[i], SM_F_DIVERGENT);
  }
  uint32_t facts = sm_fact(u->e, u->e->program->functions.data[u->function]);
  if (s->e && (walk(u, s->e) || (facts & SM_F_RETURNS)))
    set(u, &u->e->result_varies[u->function]);
}

static void walk_stmt(uniform *u, const sm_stmt *s) {
  if (++u->depth > DEPTH)
    sm_emit_fail(u->e, s->loc, "statements nested more than %d deep", DEPTH);
  switch (s->kind) {
  case SM_S_EXPR: if (s->e) walk(u, s->e); break;
  case SM_S_DECL: declare(u, s->var); break;
  case SM_S_BLOCK: walk_list(u, s); break;
  case SM_S_IF: walk_if(u, s); break;
  case SM_S_FOR: case SM_S_WHILE: case SM_S_DO: walk_loop(u, s); break;
  case SM_S_SWITCH: walk_switch(u, s); break;
  case SM_S_CASE: break;
  case SM_S_BREAK:
    if (u->breakable && u->level > u->breakable_level)
      add_fact(u, u->breakable, SM_F_DIVERGENT);
    break;
  case SM_S_CONTINUE:
    if (u->loop && u->level > u->loop_level) {
      add_fact(u, u->loop, SM_F_CONTINUES);
      if (u->breakable != u->loop)
        add_fact(u, u->breakable, SM_F_DIVERGENT);
      u->continued = true;
    }
    break;
  case SM_S_RETURN: walk_return(u, s); break;
  }
  u->depth--;
}

/* ---- classes ---------------------------------------------------------- */

static bool holds_array(const sm_type *t) {
  if (t->kind == SM_T_ARRAY || t->kind == SM_T_MATRIX) return true;
  if (t->kind != SM_T_STRUCT) return false;
  if (t->structure->is_union) return true;
  for (uint32_t i = 0; i < t->structure->members.len; i++)
    if (holds_array(t->structure->members.data[i].type)) return true;
  return false;
}

static sm_class classify(uniform *u, const sm_var *v) {
  uint32_t id = v->id;
  if (v->type->kind == SM_T_REFERENCE) return SM_C_BOUND;
  bool fragment = has_fragment(v->type);
  bool has_value = v->init || v->kind != SM_V_LOCAL;
  if (!u->assigned[id] && has_value && !holds_array(v->type))
    return SM_C_BOUND;
  bool varies = v->kind == SM_V_INPUT ? var_varies(u, v)
                                      : u->varies[id];
  if (!varies && !u->exposed[id]) return SM_C_UNIFORM;
  bool scalar = (v->type->kind == SM_T_SCALAR &&
                 !sm_is_float(v->type->scalar) &&
                 v->type->scalar != SM_BOOL) ||
                (v->type->kind == SM_T_POINTER &&
                 v->type->space != SM_THREAD);
  if (scalar && has_value && !u->not_step[id] && !fragment)
    return SM_C_STEP;
  return SM_C_VARYING;
}

static void classify_stmt(uniform *u, const sm_stmt *s) {
  if (!s) return;
  if (s->kind == SM_S_DECL) u->e->classes[s->var->id] = classify(u, s->var);
  classify_stmt(u, s->init);
  for (uint32_t i = 0; i < s->body.len; i++)
    classify_stmt(u, s->body.data[i]);
}

void sm_uniform_analyze(sm_emit *e) {
  uniform u = {0};
  uint32_t n = e->program->vars + 1;
  u.e = e;
  u.varies = TM_NEW_ARRAY(e->arena, bool, n);
  u.assigned = TM_NEW_ARRAY(e->arena, bool, n);
  u.not_step = TM_NEW_ARRAY(e->arena, bool, n);
  u.exposed = TM_NEW_ARRAY(e->arena, bool, n);
  u.level_of = TM_NEW_ARRAY(e->arena, int, n);
  e->classes = TM_NEW_ARRAY(e->arena, sm_class, n);
  e->result_varies =
      TM_NEW_ARRAY(e->arena, bool, e->program->functions.len + 1);
  e->facts = tm_map_in(e->arena);
  do {
    u.changed = false;
    for (uint32_t i = 0; i < e->program->functions.len; i++) {
      const sm_function *f = e->program->functions.data[i];
      if (!f->body || (f->is_kernel && f != e->kernel)) continue;
      u.function = i;
      u.level = u.returns_level = 0;
      u.loop = u.breakable = NULL;
      u.continued = false;
      walk_stmt(&u, f->body);
    }
  } while (u.changed);
  for (uint32_t i = 0; i < e->program->functions.len; i++) {
    const sm_function *f = e->program->functions.data[i];
    if (!f->body || (f->is_kernel && f != e->kernel)) continue;
    for (uint32_t k = 0; k < f->params.len; k++)
      e->classes[f->params.data[k]->id] = classify(&u, f->params.data[k]);
    classify_stmt(&u, f->body);
  }
}
