/* SPDX-License-Identifier: MIT */
/*
 * emit_shape.c - what a statement is made of, before it is emitted: loops
 * whose trip count is known and which of them are unrolled, and branches
 * that cost more than what they skip.
 */
#include "emit.h"

enum { MOST_TRIPS = 1024, FEW_TRIPS = 4 };

/* ---- unrolling -------------------------------------------------------- */

static bool constant_of(sm_emit *e, const sm_expr *x, int64_t *out) {
  while (x && x->kind == SM_CAST && x->type->kind == SM_T_SCALAR &&
         x->a[0]->type->kind == SM_T_SCALAR &&
         !sm_is_float(x->type->scalar) &&
         !sm_is_float(x->a[0]->type->scalar))
    x = x->a[0];
  if (!x || !x->type || x->type->kind != SM_T_SCALAR ||
      sm_is_float(x->type->scalar))
    return false;
  if (x->kind == SM_LITERAL) {
    *out = (int64_t)x->u.i;
    return true;
  }
  if (!sm_is_pure(x)) return false;
  /* Constants, function constants and counters of unrolled loops fold. */
  const sm_expr *v = x->kind == SM_READ ? x->a[0] : NULL;
  if (v && v->kind != SM_VAR) return false;
  if (!v && x->kind != SM_BINARY) return false;
  if (x->kind == SM_BINARY) {
    int64_t a, b;
    if (!constant_of(e, x->a[0], &a) || !constant_of(e, x->a[1], &b))
      return false;
  } else if (v->u.var->kind == SM_V_LOCAL || v->u.var->kind == SM_V_PARAM) {
    const sm_state *s = e->states[v->u.var->id];
    if (!s || s->kind != SM_C_BOUND || s->place) return false;
  } else if (v->u.var->kind != SM_V_GLOBAL &&
             v->u.var->kind != SM_V_FUNCTION_CONSTANT) {
    return false;
  }
  sm_leaf leaf = sm_emit_value(e, x).leaf[0];
  return leaf.form == SM_UNI && sm_const_int(leaf.v, out);
}

static bool assigns(const sm_expr *x, const sm_var *v) {
  if (!x) return false;
  switch (x->kind) {
  case SM_ASSIGN: case SM_COMPOUND: case SM_PRE: case SM_POST:
  case SM_ADDRESS: {
    const sm_expr *l = x->a[0];
    while (l && l->kind != SM_VAR && l->kind != SM_DEREF) l = l->a[0];
    if (l && l->kind == SM_VAR && l->u.var == v) return true;
    break;
  }
  case SM_CALL: case SM_BUILTIN: /* a reference argument */
    for (uint32_t i = 0; i < x->args.len; i++)
      if (x->args.data[i]->kind == SM_VAR && x->args.data[i]->u.var == v)
        return true;
    break;
  default: break;
  }
  for (int i = 0; i < 3; i++)
    if (assigns(x->a[i], v)) return true;
  for (uint32_t i = 0; i < x->args.len; i++)
    if (assigns(x->args.data[i], v)) return true;
  return false;
}

static bool stmt_assigns(const sm_stmt *s, const sm_var *v) {
  if (!s) return false;
  if (assigns(s->e, v) || assigns(s->step, v)) return true;
  if (s->kind == SM_S_DECL && s->var) {
    if (assigns(s->var->init, v)) return true;
    if (s->var->type->kind == SM_T_REFERENCE && s->var->init) {
      const sm_expr *l = s->var->init;
      while (l && l->kind != SM_VAR) l = l->a[0];
      if (l && l->u.var == v) return true;
    }
  }
  if (stmt_assigns(s->init, v)) return true;
  for (uint32_t i = 0; i < s->body.len; i++)
    if (stmt_assigns(s->body.data[i], v)) return true;
  return false;
}

static bool step_of(sm_emit *e, const sm_expr *x, const sm_var *v,
                    int64_t *by) {
  if (!x || !x->a[0] || x->a[0]->kind != SM_VAR || x->a[0]->u.var != v)
    return false;
  if (x->kind == SM_PRE || x->kind == SM_POST) {
    *by = x->op == SM_SUB ? -1 : 1;
    return true;
  }
  if (x->kind == SM_COMPOUND && (x->op == SM_ADD || x->op == SM_SUB) &&
      constant_of(e, x->a[1], by)) {
    if (x->op == SM_SUB) *by = -*by;
    return true;
  }
  if (x->kind == SM_ASSIGN && x->a[1]->kind == SM_BINARY &&
      (x->a[1]->op == SM_ADD || x->a[1]->op == SM_SUB)) {
    const sm_expr *r = x->a[1]->a[0];
    if (r->kind != SM_READ || r->a[0]->kind != SM_VAR ||
        r->a[0]->u.var != v || !constant_of(e, x->a[1]->a[1], by))
      return false;
    if (x->a[1]->op == SM_SUB) *by = -*by;
    return true;
  }
  return false;
}

static bool holds(sm_op op, int64_t a, int64_t b) {
  switch (op) {
  case SM_LT: return a < b;
  case SM_LE: return a <= b;
  case SM_GT: return a > b;
  case SM_GE: return a >= b;
  default: return a != b;
  }
}

static bool is_counted(sm_emit *e, const sm_stmt *s, sm_counted *c) {
  if (s->kind != SM_S_FOR || !s->init || !s->e || !s->step) return false;
  const sm_stmt *init = s->init;
  while (init->kind == SM_S_BLOCK && init->body.len == 1)
    init = init->body.data[0];
  if (init->kind != SM_S_DECL || !init->var->init) return false;
  c->var = init->var;
  const sm_type *t = c->var->type;
  if (t->kind != SM_T_SCALAR || sm_is_float(t->scalar) ||
      t->scalar == SM_BOOL)
    return false;
  const sm_expr *cond = s->e;
  if (cond->kind != SM_BINARY ||
      !((cond->op >= SM_LT && cond->op <= SM_GE) || cond->op == SM_NE))
    return false;
  const sm_expr *left = cond->a[0];
  while (left->kind == SM_CAST) left = left->a[0];
  if (left->kind != SM_READ || left->a[0]->kind != SM_VAR ||
      left->a[0]->u.var != c->var)
    return false;
  c->compare = cond->op;
  if (!constant_of(e, c->var->init, &c->first) ||
      !constant_of(e, cond->a[1], &c->last) ||
      !step_of(e, s->step, c->var, &c->by) || c->by == 0)
    return false;
  const int64_t small = 1 << 30;
  if (c->first < -small || c->first > small || c->last < -small ||
      c->last > small || c->by < -small || c->by > small)
    return false;
  if (stmt_assigns(s->body.data[0], c->var)) return false;
  int64_t i = c->first;
  for (c->trips = 0; holds(c->compare, i, c->last); i += c->by) {
    if (i < 0 && !sm_is_signed(t->scalar)) return false;
    if (++c->trips > MOST_TRIPS) return false;
  }
  return true;
}

/* Some index of a local array or fragment array depends on the counter. */
static bool mentions(const sm_expr *x, const sm_var *v) {
  if (!x) return false;
  if (x->kind == SM_VAR && x->u.var == v) return true;
  for (int i = 0; i < 3; i++)
    if (mentions(x->a[i], v)) return true;
  for (uint32_t i = 0; i < x->args.len; i++)
    if (mentions(x->args.data[i], v)) return true;
  return false;
}

static bool indexes_local(const sm_expr *x, const sm_var *v) {
  if (!x) return false;
  if (x->kind == SM_INDEX || x->kind == SM_ELEMENT_OF ||
      x->kind == SM_THREAD_ELEMENTS) {
    const sm_expr *l = x->a[0];
    while (l && l->kind != SM_VAR && l->kind != SM_DEREF) l = l->a[0];
    bool local = l && l->kind == SM_VAR &&
                 (l->u.var->kind == SM_V_LOCAL ||
                  l->u.var->kind == SM_V_PARAM);
    if (local && mentions(x->a[1], v)) return true;
  }
  for (int i = 0; i < 3; i++)
    if (indexes_local(x->a[i], v)) return true;
  for (uint32_t i = 0; i < x->args.len; i++)
    if (indexes_local(x->args.data[i], v)) return true;
  return false;
}

/* v itself and the variables in s that are set from it. */
static bool stmt_indexes(const sm_stmt *s, const sm_var *v);

static bool derived_index(const sm_stmt *s, const sm_stmt *body,
                          const sm_var *v) {
  if (!s) return false;
  if (s->kind == SM_S_DECL && s->var && s->var != v && s->var->init &&
      s->var->type->kind == SM_T_SCALAR && mentions(s->var->init, v) &&
      stmt_indexes(body, s->var))
    return true;
  for (uint32_t i = 0; i < s->body.len; i++)
    if (derived_index(s->body.data[i], body, v)) return true;
  return false;
}

static bool stmt_indexes(const sm_stmt *s, const sm_var *v) {
  if (!s) return false;
  if (indexes_local(s->e, v) || indexes_local(s->step, v)) return true;
  if (s->kind == SM_S_DECL && s->var && indexes_local(s->var->init, v))
    return true;
  for (uint32_t i = 0; i < s->body.len; i++)
    if (stmt_indexes(s->body.data[i], v)) return true;
  return false;
}

/* A matrix product is a call, and the addresses of what it works on. */
static uint64_t expr_weight(const sm_expr *x) {
  if (!x) return 0;
  uint64_t n = 0;
  if (x->kind == SM_BUILTIN) {
    n = x->u.builtin == SM_B_SIMDGROUP_MULTIPLY ||
                x->u.builtin == SM_B_SIMDGROUP_MULTIPLY_ACCUMULATE
            ? 6 : 2;
  } else if (x->kind == SM_CALL) {
    n = 8;
  }
  for (int i = 0; i < 3; i++) n += expr_weight(x->a[i]);
  for (uint32_t i = 0; i < x->args.len; i++)
    n += expr_weight(x->args.data[i]);
  return n;
}

/* Size of what a statement becomes when the loops in it are unrolled. */
static uint64_t stmt_weight(sm_emit *e, const sm_stmt *s) {
  sm_counted c;
  if (!s) return 0;
  uint64_t n = 1 + expr_weight(s->e) + expr_weight(s->step);
  if (s->kind == SM_S_DECL && s->var) n += expr_weight(s->var->init);
  for (uint32_t i = 0; i < s->body.len; i++)
    n += stmt_weight(e, s->body.data[i]);
  if (s->kind == SM_S_FOR && is_counted(e, s, &c)) n *= (uint64_t)c.trips;
  return n > UINT32_MAX ? UINT32_MAX : n;
}

static bool has_fragments(const sm_expr *x) {
  if (!x) return false;
  if (x->type && x->type->kind == SM_T_FRAGMENT) return true;
  for (int i = 0; i < 3; i++)
    if (has_fragments(x->a[i])) return true;
  for (uint32_t i = 0; i < x->args.len; i++)
    if (has_fragments(x->args.data[i])) return true;
  return false;
}

static bool stmt_has_fragments(const sm_stmt *s) {
  if (!s) return false;
  if (has_fragments(s->e) || (s->kind == SM_S_DECL && s->var &&
                              has_fragments(s->var->init)))
    return true;
  for (uint32_t i = 0; i < s->body.len; i++)
    if (stmt_has_fragments(s->body.data[i])) return true;
  return false;
}

/* LLVM takes seconds for kernels of tens of thousands of vector instructions
 * (a sort in registers, for one). Their arrays are beyond any register file,
 * so that little is lost when loops over them stay loops. */
bool sm_is_large(sm_emit *e) {
  enum { WIDE = 6000, NARROW = 3500 };
  return stmt_weight(e, e->kernel->body) > (e->wide ? WIDE : NARROW);
}

/* What matters is that indices into local arrays become constants: such
 * loops are unrolled whether asked or not, but in large kernels. Others only
 * grow, and are left as loops beyond a size, also against a pragma. */
bool sm_should_unroll(sm_emit *e, const sm_stmt *s, sm_counted *c) {
  enum { SMALL = 32, ASKED = 400, MOST = 65536 };
  if (!is_counted(e, s, c)) return false;
  uint64_t weight = stmt_weight(e, s->body.data[0]) * (uint64_t)c->trips;
  if (e->size + weight > SM_MOST_STATEMENTS || weight > MOST) return false;
  const sm_stmt *body = s->body.data[0];
  if (stmt_indexes(body, c->var) || derived_index(body, body, c->var)) {
    if (e->large && weight > SMALL && !stmt_has_fragments(body)) return false;
    return s->unroll != 1 && c->trips <= 128;
  }
  if (s->unroll == -1 || s->unroll >= c->trips) return weight <= ASKED;
  return s->unroll == 0 && c->trips <= FEW_TRIPS && weight <= SMALL;
}

/* ---- code for all lanes beside code under a mask ------------------------ */

bool sm_is_worth_two(sm_emit *e, struct sm_stmt *const *list, uint32_t n) {
  enum { MOST = 160 };
  uint64_t weight = 0;
  for (uint32_t i = 0; i < n && weight <= MOST; i++)
    weight += stmt_weight(e, list[i]);
  return weight <= MOST;
}

bool sm_mentions(struct sm_stmt *const *list, uint32_t n, const sm_var *v) {
  for (uint32_t i = 0; i < n; i++) {
    const sm_stmt *s = list[i];
    if (!s) continue;
    if (mentions(s->e, v) || mentions(s->step, v)) return true;
    if (s->kind == SM_S_DECL && s->var && mentions(s->var->init, v))
      return true;
    if (sm_mentions(&s->init, 1, v) ||
        sm_mentions(s->body.data, s->body.len, v))
      return true;
  }
  return false;
}

/* Nothing in it that leaves early or loops at run time. */
static bool is_plain(sm_emit *e, const sm_stmt *s) {
  sm_counted c;
  if (!s) return true;
  switch (s->kind) {
  case SM_S_BREAK: case SM_S_CONTINUE: case SM_S_RETURN: case SM_S_WHILE:
  case SM_S_DO: case SM_S_SWITCH: return false;
  case SM_S_FOR: if (!sm_should_unroll(e, s, &c)) return false; break;
  default: break;
  }
  for (uint32_t i = 0; i < s->body.len; i++)
    if (!is_plain(e, s->body.data[i])) return false;
  return true;
}

bool sm_is_small_loop(sm_emit *e, const sm_stmt *s) {
  enum { MOST = 48 };
  if (s->kind == SM_S_DO || !s->e || s->unroll == 1) return false;
  return is_plain(e, s->body.data[0]) &&
         stmt_weight(e, s->body.data[0]) <= MOST;
}

/* ---- branches not worth taking ---------------------------------------- */

/* What is left of the budget, in operations on 32 lanes; below zero: too
 * much, or something that must not be done by no lanes at all. */
static int spend(int left, int cost) {
  return left < cost ? -1 : left - cost;
}

static int lanes_of(const sm_type *t) {
  if (t->kind == SM_T_VECTOR) return (int)t->count;
  if (t->kind == SM_T_MATRIX) return (int)(t->count * t->rows);
  return t->kind == SM_T_STRUCT ? 8 : 1;
}

/* Where an lvalue is local and known while emitting. */
static bool is_local(const sm_expr *x) {
  for (;; x = x->a[0]) {
    switch (x->kind) {
    case SM_MEMBER: case SM_SWIZZLE: break;
    case SM_INDEX:
      if (x->a[1]->kind != SM_LITERAL) return false;
      break;
    case SM_VAR: {
      const sm_var *v = x->u.var;
      const sm_type *t = v->type;
      if (t->kind == SM_T_REFERENCE)
        return v->kind != SM_V_BUFFER && t->space == SM_THREAD;
      return v->kind == SM_V_LOCAL || v->kind == SM_V_PARAM ||
             v->kind == SM_V_INPUT || v->kind == SM_V_FUNCTION_CONSTANT;
    }
    default: return false;
    }
  }
}

static int straight_stmt(sm_emit *e, const sm_stmt *s, int left);


static int straight_expr(sm_emit *e, const sm_expr *x, int left);

static int straight_call(sm_emit *e, const sm_expr *x, int left) {
  const sm_stmt *body = x->u.function->body;
  if (!body || body->kind != SM_S_BLOCK) return -1;
  left = spend(left, 1); /* also what ends a recursion */
  for (uint32_t i = 0; i < x->args.len && left >= 0; i++) {
    const sm_expr *arg = x->args.data[i];
    if (!arg->is_lvalue) left = straight_expr(e, arg, left);
    else if (!is_local(arg)) return -1;
  }
  uint32_t n = body->body.len;
  for (uint32_t i = 0; i < n && left >= 0; i++) {
    const sm_stmt *s = body->body.data[i];
    if (s->kind != SM_S_RETURN) left = straight_stmt(e, s, left);
    else if (i + 1 < n) return -1;
    else if (s->e) left = straight_expr(e, s->e, left);
  }
  return left;
}

static int straight_builtin(sm_emit *e, const sm_expr *x, int left) {
  sm_builtin b = x->u.builtin;
  if (sm_is_group(b) || (b >= SM_B_ATOMIC_LOAD && b <= SM_B_ATOMIC_MIN) ||
      b == SM_B_SINCOS || b == SM_B_MODF || b == SM_B_FREXP)
    return -1;
  bool simple = b == SM_B_ABS || b == SM_B_MIN || b == SM_B_MAX ||
                b == SM_B_FMA || b == SM_B_FABS || b == SM_B_FMIN ||
                b == SM_B_FMAX || b == SM_B_SELECT || b == SM_B_AS_TYPE;
  left = spend(left, lanes_of(x->type) * (simple ? 1 : 8));
  for (uint32_t i = 0; i < x->args.len && left >= 0; i++)
    left = straight_expr(e, x->args.data[i], left);
  return left;
}

static int straight_expr(sm_emit *e, const sm_expr *x, int left) {
  int cost = lanes_of(x->type);
  if (left < 0) return left;
  switch (x->kind) {
  case SM_LITERAL: return left;
  case SM_READ: return is_local(x->a[0]) ? left : -1;
  case SM_VAR: return is_local(x) ? left : -1;
  case SM_CALL: return straight_call(e, x, left);
  case SM_BUILTIN: return straight_builtin(e, x, left);
  case SM_ASSIGN: case SM_COMPOUND: case SM_PRE: case SM_POST:
    if (!is_local(x->a[0])) return -1;
    left = spend(left, x->kind == SM_ASSIGN ? cost : 2 * cost);
    return x->a[1] ? straight_expr(e, x->a[1], left) : left;
  case SM_CAST: case SM_UNARY: case SM_SELECT: case SM_AND: case SM_OR:
    left = spend(left, cost);
    break;
  case SM_BINARY:
    if (x->op == SM_DIV || x->op == SM_REM) cost *= 8;
    left = spend(left, cost);
    break;
  case SM_SPLAT: case SM_CONSTRUCT: case SM_COMMA: case SM_SHUFFLE:
  case SM_MEMBER_OF: break;
  default: return -1;
  }
  for (int i = 0; i < 3 && left >= 0; i++)
    if (x->a[i]) left = straight_expr(e, x->a[i], left);
  for (uint32_t i = 0; i < x->args.len && left >= 0; i++)
    left = straight_expr(e, x->args.data[i], left);
  return left;
}

static int straight_decl(sm_emit *e, const sm_var *v, int left) {
  const sm_type *t = v->type;
  if (v->kind != SM_V_LOCAL) return -1;
  if (t->kind == SM_T_REFERENCE)
    return t->space == SM_THREAD && is_local(v->init) ? left : -1;
  if (t->kind == SM_T_FRAGMENT || t->kind == SM_T_ARRAY) return -1;
  if (!v->init) return left;
  return straight_expr(e, v->init, left);
}

static int straight_stmt(sm_emit *e, const sm_stmt *s, int left) {
  if (left < 0 || !s) return left;
  switch (s->kind) {
  case SM_S_EXPR: return s->e ? straight_expr(e, s->e, left) : left;
  case SM_S_DECL: return straight_decl(e, s->var, left);
  case SM_S_IF: left = straight_expr(e, s->e, spend(left, 2)); break;
  case SM_S_BLOCK: break;
  default: return -1;
  }
  for (uint32_t i = 0; i < s->body.len; i++)
    left = straight_stmt(e, s->body.data[i], left);
  return left;
}

/* A test and a branch, and the values that would have to meet behind it,
 * cost about as much. */
bool sm_is_straight(sm_emit *e, const sm_stmt *s) {
  enum { BUDGET = 32 };
  int left = BUDGET;
  for (uint32_t i = 0; i < s->body.len; i++)
    left = straight_stmt(e, s->body.data[i], left);
  return left >= 0;
}
