/* SPDX-License-Identifier: MIT */
/*
 * check_fold.c - constant expressions, where the language needs their value:
 * array sizes, attributes, case labels, enumerators, static_assert, constexpr
 * and program-scope variables.
 *
 * Arithmetic is done in the type of the operation. For half, bfloat and
 * float that is double arithmetic rounded once: with 53 bits against at most
 * 24, rounding twice gives what rounding once gives for + - * / (Figueroa,
 * "When is double rounding innocuous?", 1995).
 *
 * What C++ leaves undefined (overflow of signed integers, division by zero,
 * a float too large for the integer type) is no constant expression.
 */
#include "front.h"

#include <math.h>

static unsigned width_of(sm_scalar s) {
  return s == SM_BOOL ? 1 : sm_scalar_size(s) * 8;
}

/* i modulo 2^width, extended to 64 bits by the type's sign. */
static uint64_t wrapped(uint64_t i, sm_scalar type) {
  unsigned bits = width_of(type);
  if (bits == 64) return i;
  i &= (UINT64_C(1) << bits) - 1;
  if (sm_is_signed(type) && i >> (bits - 1)) i |= ~UINT64_C(0) << bits;
  return i;
}

static double int_to_double(sm_value v, sm_scalar to) {
  bool is_signed = sm_is_signed(v.type);
  if (to == SM_FLOAT) /* one rounding: 64-bit integers exceed a double */
    return is_signed ? (double)(float)(int64_t)v.i : (double)(float)v.i;
  double d = is_signed ? (double)(int64_t)v.i : (double)v.i;
  return sm_round_to(to, d);
}

/* Toward zero; NaN gives 0 (spec 8.6); the ends where it is undefined. */
static uint64_t double_to_int(double f, sm_scalar to) {
  if (isnan(f)) return 0;
  if (to == SM_BOOL) return f != 0;
  if (sm_is_signed(to)) {
    int64_t max = INT64_MAX >> (64 - width_of(to)), min = -max - 1;
    if (f >= (double)max) return (uint64_t)max;
    return f <= (double)min ? (uint64_t)min : (uint64_t)(int64_t)f;
  }
  uint64_t max = UINT64_MAX >> (64 - width_of(to));
  if (f <= 0) return 0;
  return f >= (double)max ? max : (uint64_t)f;
}

sm_value sm_value_convert(sm_value v, sm_scalar to) {
  sm_value out = {to, 0, 0};
  bool from_float = sm_is_floating(v.type);
  if (sm_is_floating(to))
    out.f = from_float ? sm_round_to(to, v.f) : int_to_double(v, to);
  else if (from_float)
    out.i = to == SM_BOOL ? (v.f != 0 || isnan(v.f)) : double_to_int(v.f, to);
  else
    out.i = to == SM_BOOL ? v.i != 0 : wrapped(v.i, to);
  return out;
}

/* ---- objects of constant value ---------------------------------------- */

static bool is_zero_fill(const sm_type *t) {
  return t->kind == SM_T_SCALAR || t->kind == SM_T_ENUM;
}

static const sm_expr *constant_object(sm_parser *p, const sm_expr *e,
                                      bool *is_zero);

/* Element i of an aggregate's constant initialiser. */
static const sm_expr *constant_part(const sm_expr *whole, uint64_t i,
                                    uint64_t count, bool *is_zero) {
  if (!whole || whole->kind != SM_CONSTRUCT || i >= count) return NULL;
  if (whole->type->kind == SM_T_VECTOR && whole->args.len != count)
    return NULL;
  if (i < whole->args.len) return whole->args.data[i];
  *is_zero = true;
  return NULL;
}

/* The initialiser of the part of a constant variable that e names. */
static const sm_expr *constant_object(sm_parser *p, const sm_expr *e,
                                      bool *is_zero) {
  sm_value index;
  if (e->kind == SM_VAR) {
    const sm_var *v = e->u.var;
    bool fixed = v->is_const && v->type->kind != SM_T_REFERENCE &&
                 (v->kind == SM_V_LOCAL || v->kind == SM_V_GLOBAL);
    return fixed ? v->init : NULL;
  }
  if (e->kind == SM_INDEX && e->a[0]->type->kind != SM_T_MATRIX) {
    const sm_expr *whole = constant_object(p, e->a[0], is_zero);
    if (!whole || !sm_fold(p, e->a[1], &index)) return NULL;
    return constant_part(whole, index.i, e->a[0]->type->count, is_zero);
  }
  if (e->kind == SM_MEMBER) {
    const sm_expr *whole = constant_object(p, e->a[0], is_zero);
    uint32_t n = e->a[0]->type->structure->members.len;
    return constant_part(whole, e->u.member, n, is_zero);
  }
  return NULL;
}

/* ---- operators -------------------------------------------------------- */

static bool fold_float(sm_op op, double a, double b, sm_value *out) {
  switch (op) {
    case SM_ADD: out->f = a + b; break;
    case SM_SUB: out->f = a - b; break;
    case SM_MUL: out->f = a * b; break;
    case SM_DIV: out->f = a / b; break;
    default: return false;
  }
  out->f = sm_round_to(out->type, out->f);
  return true;
}

static bool fold_signed(sm_op op, int64_t a, int64_t b, sm_value *out) {
  int64_t r = 0;
  bool over = false;
  switch (op) {
    case SM_ADD: over = __builtin_add_overflow(a, b, &r); break;
    case SM_SUB: over = __builtin_sub_overflow(a, b, &r); break;
    case SM_MUL: over = __builtin_mul_overflow(a, b, &r); break;
    case SM_DIV:
    case SM_REM:
      if (b == 0 || (b == -1 && a == INT64_MIN)) return false;
      r = op == SM_DIV ? a / b : a % b;
      break;
    default: return false;
  }
  out->i = (uint64_t)r;
  return !over && wrapped(out->i, out->type) == out->i;
}

static bool fold_unsigned(sm_op op, uint64_t a, uint64_t b, sm_value *out) {
  switch (op) {
    case SM_ADD: out->i = a + b; break;
    case SM_SUB: out->i = a - b; break;
    case SM_MUL: out->i = a * b; break;
    case SM_DIV:
    case SM_REM:
      if (b == 0) return false;
      out->i = op == SM_DIV ? a / b : a % b;
      break;
    default: return false;
  }
  out->i = wrapped(out->i, out->type);
  return true;
}

static bool compare(sm_op op, bool less, bool equal, bool *out) {
  switch (op) {
    case SM_EQ: *out = equal; return true;
    case SM_NE: *out = !equal; return true;
    case SM_LT: *out = less; return true;
    case SM_LE: *out = less || equal; return true;
    case SM_GT: *out = !less && !equal; return true;
    case SM_GE: *out = !less; return true;
    default: return false;
  }
}

static bool fold_compare(sm_op op, const sm_value *a, const sm_value *b,
                         sm_value *out) {
  bool r;
  if (sm_is_floating(a->type)) {
    bool unordered = isnan(a->f) || isnan(b->f);
    if (!compare(op, a->f < b->f, a->f == b->f, &r)) return false;
    if (unordered) r = op == SM_NE;
  } else {
    bool less = sm_is_signed(a->type) ? (int64_t)a->i < (int64_t)b->i
                                      : a->i < b->i;
    if (!compare(op, less, a->i == b->i, &r)) return false;
  }
  out->type = SM_BOOL;
  out->i = r;
  return true;
}

bool sm_fold_values(sm_op op, sm_scalar type, sm_value a, sm_value b,
                    sm_value *out) {
  out->type = type;
  out->i = 0;
  out->f = 0;
  switch (op) {
    case SM_SHL: /* the count is taken modulo the width: spec 3.1 */
      out->i = wrapped(a.i << (b.i & (width_of(a.type) - 1)), a.type);
      return true;
    case SM_SHR: {
      unsigned n = (unsigned)(b.i & (width_of(a.type) - 1));
      out->i = sm_is_signed(a.type) ? (uint64_t)((int64_t)a.i >> n) : a.i >> n;
      return true;
    }
    case SM_BIT_AND: out->i = a.i & b.i; return true;
    case SM_BIT_OR: out->i = a.i | b.i; return true;
    case SM_BIT_XOR: out->i = a.i ^ b.i; return true;
    default: break;
  }
  if (sm_is_floating(out->type)) return fold_float(op, a.f, b.f, out);
  if (sm_is_signed(out->type))
    return fold_signed(op, (int64_t)a.i, (int64_t)b.i, out);
  return fold_unsigned(op, a.i, b.i, out);
}

static bool fold_binary(sm_parser *p, const sm_expr *e, sm_value *out) {
  sm_value a, b;
  if (!sm_fold(p, e->a[0], &a) || !sm_fold(p, e->a[1], &b)) return false;
  if (e->op >= SM_EQ && e->op <= SM_GE)
    return fold_compare(e->op, &a, &b, out);
  return sm_fold_values(e->op, e->type->scalar, a, b, out);
}

static bool fold_unary(sm_parser *p, const sm_expr *e, sm_value *out) {
  sm_value a;
  if (!sm_fold(p, e->a[0], &a)) return false;
  out->type = e->type->scalar;
  if (e->op == SM_NOT) {
    out->i = !a.i;
  } else if (e->op == SM_BIT_NOT) {
    out->i = wrapped(~a.i, out->type);
  } else if (sm_is_floating(out->type)) {
    out->f = -a.f;
  } else {
    out->i = wrapped(0 - a.i, out->type);
    return !(sm_is_signed(out->type) && a.i && out->i == a.i);
  }
  return true;
}

static bool fold_logical(sm_parser *p, const sm_expr *e, sm_value *out) {
  sm_value a;
  if (!sm_fold(p, e->a[0], &a)) return false;
  out->type = SM_BOOL;
  if ((e->kind == SM_AND) == !a.i) {
    out->i = a.i;
    return true;
  }
  return sm_fold(p, e->a[1], out);
}

bool sm_fold(sm_parser *p, const sm_expr *e, sm_value *out) {
  memset(out, 0, sizeof *out);
  if (!is_zero_fill(e->type) || e->type->scalar == SM_VOID ||
      e->type == p->null_type)
    return false;
  sm_value v;
  switch ((int)e->kind) {
    case SM_LITERAL:
      out->type = e->type->scalar;
      if (sm_is_floating(out->type))
        out->f = e->u.f;
      else
        out->i = e->u.i;
      return true;
    case SM_CAST: {
      if (!sm_fold(p, e->a[0], &v)) return false;
      bool to_int = sm_is_integer(e->type->scalar);
      if (sm_is_floating(v.type) && to_int && e->type->scalar != SM_BOOL &&
          (isnan(v.f) || fabs(v.f) >= 0x1p63))
        return false;
      *out = sm_value_convert(v, e->type->scalar);
      return true;
    }
    case SM_UNARY: return fold_unary(p, e, out);
    case SM_BINARY:
      return is_zero_fill(e->a[0]->type) && fold_binary(p, e, out);
    case SM_AND:
    case SM_OR: return fold_logical(p, e, out);
    case SM_SELECT:
      return sm_fold(p, e->a[0], &v) && sm_fold(p, e->a[v.i ? 1 : 2], out);
    case SM_CALL: return sm_fold_call(p, e, out);
    case SM_ASSIGN: case SM_COMPOUND: case SM_PRE: case SM_POST:
      return p->frame && sm_fold_effect(p, e, out);
    case SM_READ: {
      if (p->frame && e->a[0]->kind == SM_VAR &&
          sm_frame_value(p, e->a[0]->u.var, out))
        return true;
      if (p->frame && (e->a[0]->kind == SM_ASSIGN ||
                       e->a[0]->kind == SM_COMPOUND ||
                       e->a[0]->kind == SM_PRE))
        return sm_fold_effect(p, e->a[0], out);
      bool is_zero = false;
      const sm_expr *init = constant_object(p, e->a[0], &is_zero);
      if (is_zero) out->type = e->type->scalar;
      if (is_zero) return true;
      return init && init->type == e->type && sm_fold(p, init, out);
    }
    default: return false;
  }
}

bool sm_fold_int(sm_parser *p, const sm_expr *e, int64_t *out) {
  sm_value v;
  if (!sm_fold(p, e, &v) || !sm_is_integer(v.type)) return false;
  *out = (int64_t)v.i;
  return v.type != SM_ULONG || v.i <= INT64_MAX;
}

sm_expr *sm_fold_initializer(sm_parser *p, sm_expr *e) {
  sm_value v;
  if (sm_is_error(p, e) || e->kind == SM_LITERAL) return e;
  if (sm_fold(p, e, &v)) {
    sm_expr *literal = sm_is_floating(v.type)
                           ? sm_literal_float(p, v.type, v.f, e->loc)
                           : sm_literal_int(p, v.type, v.i, e->loc);
    literal->type = e->type;
    return literal;
  }
  if (e->kind == SM_READ) { /* a copy of another constant aggregate */
    bool is_zero = false;
    const sm_expr *init = constant_object(p, e->a[0], &is_zero);
    return init && init->type == e->type ? (sm_expr *)init : NULL;
  }
  if (e->kind == SM_SPLAT || e->kind == SM_CAST) {
    if (e->type->kind != SM_T_VECTOR) return NULL;
    sm_expr *operand = sm_fold_initializer(p, e->a[0]);
    return operand ? sm_node(p, e->kind, e->type, e->loc, operand, NULL, NULL)
                   : NULL;
  }
  if (e->kind != SM_CONSTRUCT || e->type->kind == SM_T_FRAGMENT) return NULL;
  sm_exprs args = {0};
  for (uint32_t i = 0; i < e->args.len; i++) {
    sm_expr *arg = sm_fold_initializer(p, e->args.data[i]);
    if (!arg) return NULL;
    tm_push(p->arena, &args, arg);
  }
  return sm_node_args(p, SM_CONSTRUCT, e->type, e->loc, &args);
}
