/* SPDX-License-Identifier: MIT */
/*
 * check_operate.c - operators: which operands they take and what they yield.
 *
 * Scalars follow the usual arithmetic conversions of C++ with half and
 * bfloat between the integers and float: integer op half is half, half op
 * float is float, bfloat op float is float; bfloat with half or an integer
 * is refused. Vectors operate element by element on equal types; a scalar
 * operand becomes the vector's element type and fills a vector. There are no
 * promotions inside vectors (spec 2.23, 3.1).
 */
#include "front.h"

const char *sm_op_text(sm_op op) {
  static const char *const text[] = {"+", "-", "*", "/", "%", "<<", ">>",
                                     "&", "|", "^", "==", "!=", "<", "<=",
                                     ">", ">=", "-", "!", "~"};
  return text[op];
}

static bool is_comparison(sm_op op) { return op >= SM_EQ && op <= SM_GE; }

static bool needs_integers(sm_op op) {
  return op >= SM_REM && op <= SM_BIT_XOR;
}

static sm_expr *invalid(sm_parser *p, const sm_expr *a, const sm_expr *b,
                        tm_loc loc, const char *hint) {
  tm_diag *diag = sm_error(
      p, loc, "invalid operands to binary expression ('%s' and '%s')",
      sm_value_type(p, a)->spelling, sm_value_type(p, b)->spelling);
  if (hint) sm_hint(p, diag, "%s", hint);
  return sm_error_expr(p, loc);
}

/* ---- scalars ---------------------------------------------------------- */

static sm_scalar promoted(sm_scalar s) { return s < SM_INT ? SM_INT : s; }

/* The common type of two scalars; SM_VOID if MSL has none. */
static sm_scalar common(sm_scalar a, sm_scalar b) {
  a = promoted(a);
  b = promoted(b);
  if (a == b) return a;
  if (a == SM_FLOAT || b == SM_FLOAT) return SM_FLOAT;
  if (a == SM_BFLOAT || b == SM_BFLOAT)
    return a == SM_HALF || b == SM_HALF ? SM_VOID : SM_BFLOAT;
  if (a == SM_HALF || b == SM_HALF) return SM_HALF;
  return a > b ? a : b; /* int < uint < long < ulong */
}

static void set_float_flags(sm_parser *p, sm_expr *e, const sm_type *type) {
  if (e->op == SM_ADD || e->op == SM_SUB) e->contract = p->contract;
  if (e->op == SM_DIV && type->scalar == SM_FLOAT && p->math != SM_SAFE)
    e->precision = SM_FAST;
}

static sm_expr *make_binary(sm_parser *p, sm_op op, const sm_type *type,
                            sm_expr *a, sm_expr *b, tm_loc loc) {
  sm_expr *e = sm_node(p, SM_BINARY, type, loc, a, b, NULL);
  e->op = op;
  if (sm_is_floating(a->type->scalar)) set_float_flags(p, e, a->type);
  return e;
}

static sm_expr *binary_scalars(sm_parser *p, sm_op op, sm_expr *a,
                               sm_expr *b, tm_loc loc) {
  sm_scalar x = a->type->scalar, y = b->type->scalar;
  if (needs_integers(op) && !(sm_is_integer(x) && sm_is_integer(y)))
    return invalid(p, a, b, loc, NULL);
  if (op == SM_SHL || op == SM_SHR) {
    a = sm_convert_known(p, a, p->scalars[promoted(x)]);
    b = sm_convert_known(p, b, p->scalars[promoted(y)]);
    return make_binary(p, op, a->type, a, b, loc);
  }
  sm_scalar s = common(x, y);
  if (s == SM_VOID)
    return invalid(p, a, b, loc, "bfloat mixes only with float: convert one "
                   "operand explicitly");
  a = sm_convert_known(p, a, p->scalars[s]);
  b = sm_convert_known(p, b, p->scalars[s]);
  const sm_type *type = is_comparison(op) ? p->scalars[SM_BOOL] : a->type;
  return make_binary(p, op, type, a, b, loc);
}

/* ---- vectors ---------------------------------------------------------- */

static sm_expr *unpacked(sm_parser *p, sm_expr *e) {
  if (e->type->kind != SM_T_VECTOR || !e->type->packed) return e;
  return sm_convert_known(
      p, e, sm_type_vector(p, e->type->scalar, e->type->count, false));
}

static bool vector_takes(const sm_type *vector, const sm_type *scalar) {
  sm_scalar v = vector->scalar, s = scalar->scalar;
  if (!sm_is_scalar(scalar)) return false;
  if (v == SM_BFLOAT) return s == SM_BFLOAT || sm_is_integer(s);
  if (s == SM_BFLOAT) return v == SM_FLOAT;
  return sm_is_floating(v) || sm_is_integer(s);
}

static bool vector_allows(sm_op op, sm_scalar s) {
  if (s == SM_BOOL)
    return op == SM_BIT_AND || op == SM_BIT_OR || op == SM_BIT_XOR ||
           op == SM_EQ || op == SM_NE;
  return !needs_integers(op) || sm_is_integer(s);
}

static sm_expr *binary_vectors(sm_parser *p, sm_op op, sm_expr *a,
                               sm_expr *b, tm_loc loc) {
  sm_expr *x = unpacked(p, a), *y = unpacked(p, b);
  const sm_type *type = x->type->kind == SM_T_VECTOR ? x->type : y->type;
  if (x->type != y->type) {
    bool left = x->type->kind == SM_T_VECTOR;
    bool both = left && y->type->kind == SM_T_VECTOR;
    bool shift = op == SM_SHL || op == SM_SHR;
    if (both || !vector_takes(type, left ? y->type : x->type) ||
        (shift && !left))
      return invalid(p, a, b, loc, both ? "vectors must have the same type: "
                     "convert one explicitly" : NULL);
    x = sm_convert_known(p, x, type);
    y = sm_convert_known(p, y, type);
  }
  if (!vector_allows(op, type->scalar)) return invalid(p, a, b, loc, NULL);
  if (is_comparison(op)) {
    const sm_type *truth = sm_type_vector(p, SM_BOOL, type->count, false);
    return make_binary(p, op, truth, x, y, loc);
  }
  return make_binary(p, op, type, x, y, loc);
}

/* ---- matrices --------------------------------------------------------- */

static sm_expr *binary_matrices(sm_parser *p, sm_op op, sm_expr *a,
                                sm_expr *b, tm_loc loc) {
  const sm_type *x = a->type, *y = b->type;
  if (x->kind == SM_T_MATRIX && x == y && (op == SM_ADD || op == SM_SUB))
    return make_binary(p, op, x, a, b, loc);
  if (op != SM_MUL) return invalid(p, a, b, loc, NULL);
  if (sm_is_scalar(y) || sm_is_scalar(x)) {
    const sm_type *m = sm_is_scalar(y) ? x : y;
    sm_expr **scalar = sm_is_scalar(y) ? &b : &a;
    if (sm_rank_of(p, *scalar, p->scalars[m->scalar]) == SM_RANK_NONE)
      return invalid(p, a, b, loc, NULL);
    *scalar = sm_convert_known(p, *scalar, p->scalars[m->scalar]);
    return make_binary(p, op, m, a, b, loc);
  }
  if (x->scalar != y->scalar) return invalid(p, a, b, loc, NULL);
  const sm_type *type = NULL;
  if (x->kind == SM_T_MATRIX && y->kind == SM_T_MATRIX && x->count == y->rows)
    type = sm_type_matrix(p, x->scalar, y->count, x->rows);
  else if (x->kind == SM_T_MATRIX && y->kind == SM_T_VECTOR &&
           x->count == y->count)
    type = sm_type_vector(p, x->scalar, x->rows, false);
  else if (x->kind == SM_T_VECTOR && y->kind == SM_T_MATRIX &&
           x->count == y->rows)
    type = sm_type_vector(p, x->scalar, y->count, false);
  if (!type) return invalid(p, a, b, loc, NULL);
  return make_binary(p, op, type, unpacked(p, a), unpacked(p, b), loc);
}

/* ---- pointers --------------------------------------------------------- */

/* An index or offset, promoted. NULL if e is no integer. */
static sm_expr *offset(sm_parser *p, sm_expr *e) {
  e = sm_rvalue(p, e);
  const sm_type *t = e->type;
  if (t->kind == SM_T_ENUM && sm_rank_of(p, e, p->scalars[SM_INT]) !=
                                  SM_RANK_NONE)
    return sm_convert_known(p, e, p->scalars[promoted(t->scalar)]);
  if (!sm_is_scalar(t) || !sm_is_integer(t->scalar)) return NULL;
  return sm_convert_known(p, e, p->scalars[promoted(t->scalar)]);
}

static bool is_object_pointer(const sm_type *t) {
  return t->kind == SM_T_POINTER && !sm_is_void(t->element) &&
         t->element->size;
}

static sm_expr *binary_pointers(sm_parser *p, sm_op op, sm_expr *a,
                                sm_expr *b, tm_loc loc) {
  bool pa = a->type->kind == SM_T_POINTER, pb = b->type->kind == SM_T_POINTER;
  if (pa && pb) {
    const sm_type *x = a->type, *y = b->type;
    bool alike = x->element == y->element && x->space == y->space;
    if (alike && op == SM_SUB && is_object_pointer(x))
      return make_binary(p, op, p->scalars[SM_LONG], a, b, loc);
    bool with_void = x->space == y->space &&
                     (sm_is_void(x->element) || sm_is_void(y->element));
    if ((!alike && !with_void) || !is_comparison(op))
      return invalid(p, a, b, loc, NULL);
    const sm_type *type = sm_type_pointer(
        p, alike ? x->element : p->scalars[SM_VOID], x->space, x->is_const || y->is_const,
        x->is_volatile || y->is_volatile);
    return make_binary(p, op, p->scalars[SM_BOOL],
                       sm_convert_known(p, a, type),
                       sm_convert_known(p, b, type), loc);
  }
  sm_expr *pointer = pa ? a : b, *other = pa ? b : a;
  if ((op == SM_EQ || op == SM_NE) &&
      sm_rank_of(p, other, pointer->type) != SM_RANK_NONE) {
    sm_expr *null = sm_convert_known(p, other, pointer->type);
    return make_binary(p, op, p->scalars[SM_BOOL], pa ? a : null,
                       pa ? null : b, loc);
  }
  bool fits = op == SM_ADD || (op == SM_SUB && pa);
  sm_expr *n = fits && is_object_pointer(pointer->type) ? offset(p, other)
                                                         : NULL;
  if (!n) return invalid(p, a, b, loc, NULL);
  return make_binary(p, op, pointer->type, pointer, n, loc);
}

/* ---- the binary operator ---------------------------------------------- */

static sm_expr *binary_enums(sm_parser *p, sm_op op, sm_expr *a, sm_expr *b,
                             tm_loc loc) {
  const sm_enum_info *x = sm_type_enum_info(p, a->type);
  const sm_enum_info *y = sm_type_enum_info(p, b->type);
  bool scoped = (x && x->is_scoped) || (y && y->is_scoped) ||
                a->type == p->null_type || b->type == p->null_type;
  if (scoped) {
    bool flags = x && x->is_flags &&
                 (op == SM_BIT_OR || op == SM_BIT_AND || op == SM_BIT_XOR);
    if (a->type != b->type || !(flags || is_comparison(op)))
      return invalid(p, a, b, loc, NULL);
    return make_binary(p, op, flags ? a->type : p->scalars[SM_BOOL], a, b,
                       loc);
  }
  if (x) a = sm_convert_known(p, a, p->scalars[promoted(a->type->scalar)]);
  if (y) b = sm_convert_known(p, b, p->scalars[promoted(b->type->scalar)]);
  return sm_binary(p, op, a, b, loc);
}

sm_expr *sm_binary(sm_parser *p, sm_op op, sm_expr *a, sm_expr *b,
                   tm_loc loc) {
  if (sm_is_error(p, a) || sm_is_error(p, b)) return sm_error_expr(p, loc);
  a = sm_rvalue(p, a);
  b = sm_rvalue(p, b);
  sm_type_kind x = a->type->kind, y = b->type->kind;
  if (x == SM_T_POINTER || y == SM_T_POINTER)
    return binary_pointers(p, op, a, b, loc);
  if (x == SM_T_ENUM || y == SM_T_ENUM)
    return binary_enums(p, op, a, b, loc);
  if (sm_is_scalar(a->type) && sm_is_scalar(b->type))
    return binary_scalars(p, op, a, b, loc);
  bool numeric = (sm_is_scalar(a->type) || x == SM_T_VECTOR ||
                  x == SM_T_MATRIX) &&
                 (sm_is_scalar(b->type) || y == SM_T_VECTOR ||
                  y == SM_T_MATRIX);
  if (!numeric) return invalid(p, a, b, loc, NULL);
  if (x == SM_T_MATRIX || y == SM_T_MATRIX)
    return binary_matrices(p, op, a, b, loc);
  return binary_vectors(p, op, a, b, loc);
}

/* && and || of vectors of bool (spec 3.1): element by element, so that both
 * operands are evaluated. */
static sm_expr *logical_vectors(sm_parser *p, sm_expr_kind kind, sm_expr *a,
                                sm_expr *b, tm_loc loc) {
  sm_op op = kind == SM_AND ? SM_BIT_AND : SM_BIT_OR;
  const sm_type *type = sm_value_type(p, a);
  if (type != sm_value_type(p, b) || type->scalar != SM_BOOL)
    return invalid(p, a, b, loc, "&& and || take two scalars, or two vectors "
                   "of bool of one size");
  return sm_binary(p, op, a, b, loc);
}

sm_expr *sm_logical(sm_parser *p, sm_expr_kind kind, sm_expr *a, sm_expr *b,
                    tm_loc loc) {
  if (sm_is_error(p, a) || sm_is_error(p, b)) return sm_error_expr(p, loc);
  if (a->type->kind == SM_T_VECTOR || b->type->kind == SM_T_VECTOR)
    return logical_vectors(p, kind, a, b, loc);
  a = sm_condition(p, a);
  b = sm_condition(p, b);
  if (sm_is_error(p, a) || sm_is_error(p, b)) return sm_error_expr(p, loc);
  return sm_node(p, kind, p->scalars[SM_BOOL], loc, a, b, NULL);
}

/* ---- unary ------------------------------------------------------------ */

static sm_expr *bad_unary(sm_parser *p, const sm_expr *a, tm_loc loc) {
  sm_error(p, loc, "invalid argument type '%s' to unary expression",
           a->type->spelling);
  return sm_error_expr(p, loc);
}

static sm_expr *address(sm_parser *p, sm_expr *a, tm_loc loc) {
  if (!a->is_lvalue) {
    sm_error(p, loc, "cannot take the address of an rvalue of type '%s'",
             a->type->spelling);
    return sm_error_expr(p, loc);
  }
  if (a->kind == SM_SWIZZLE || sm_is_whole_elements(a) ||
      a->kind == SM_THREAD_ELEMENTS ||
      (a->kind == SM_INDEX && a->a[0]->type->kind == SM_T_VECTOR)) {
    sm_error(p, loc, "address of vector element requested");
    return sm_error_expr(p, loc);
  }
  return sm_address_of(p, a, loc);
}

sm_expr *sm_deref(sm_parser *p, sm_expr *a, tm_loc loc) {
  if (sm_is_error(p, a)) return a;
  a = sm_rvalue(p, a);
  if (!is_object_pointer(a->type)) {
    sm_error(p, loc, "indirection requires pointer operand ('%s' invalid)",
             a->type->spelling);
    return sm_error_expr(p, loc);
  }
  const sm_type *t = a->type;
  sm_expr *e = sm_node(p, SM_DEREF, t->element, loc, a, NULL, NULL);
  e->is_lvalue = true;
  e->is_const = t->is_const;
  e->is_volatile = t->is_volatile;
  e->space = t->space;
  return e;
}

static sm_expr *logical_not(sm_parser *p, sm_expr *a, tm_loc loc) {
  if (a->type->kind == SM_T_VECTOR) {
    a = sm_rvalue(p, a);
    if (a->type->scalar != SM_BOOL) return bad_unary(p, a, loc);
  } else {
    a = sm_condition(p, a);
  }
  if (sm_is_error(p, a)) return a;
  sm_expr *e = sm_node(p, SM_UNARY, a->type, loc, a, NULL, NULL);
  e->op = SM_NOT;
  return e;
}

/* -1 and the like are literals, so that constants stay short. */
static sm_expr *negate_literal(sm_parser *p, sm_expr *e) {
  sm_value v;
  if (e->a[0]->kind != SM_LITERAL || !sm_fold(p, e, &v)) return e;
  return sm_is_floating(v.type) ? sm_literal_float(p, v.type, v.f, e->loc)
                                : sm_literal_int(p, v.type, v.i, e->loc);
}

sm_expr *sm_unary(sm_parser *p, sm_punct op, sm_expr *a, tm_loc loc) {
  if (sm_is_error(p, a)) return a;
  if (op == SM_P_AMP) return address(p, a, loc);
  if (op == SM_P_STAR) return sm_deref(p, a, loc);
  if (op == SM_P_BANG) return logical_not(p, a, loc);
  a = unpacked(p, sm_rvalue(p, a));
  const sm_type *t = a->type;
  if (t->kind == SM_T_ENUM && sm_rank_of(p, a, p->scalars[SM_INT]) !=
                                  SM_RANK_NONE) {
    a = sm_convert_known(p, a, p->scalars[promoted(t->scalar)]);
    t = a->type;
  }
  bool fits = sm_is_scalar(t) ||
              (t->kind == SM_T_VECTOR && t->scalar != SM_BOOL) ||
              (t->kind == SM_T_MATRIX && op == SM_P_MINUS);
  if (!fits || (op == SM_P_TILDE && !sm_is_integer(t->scalar)))
    return bad_unary(p, a, loc);
  if (sm_is_scalar(t))
    a = sm_convert_known(p, a, p->scalars[promoted(t->scalar)]);
  if (op == SM_P_PLUS) return a;
  sm_expr *e = sm_node(p, SM_UNARY, a->type, loc, a, NULL, NULL);
  e->op = op == SM_P_TILDE ? SM_BIT_NOT : SM_NEG;
  return sm_is_error(p, e) ? e : negate_literal(p, e);
}

/* ---- assignment ------------------------------------------------------- */

bool sm_writable(sm_parser *p, const sm_expr *e, tm_loc loc) {
  if (!e->is_lvalue) {
    sm_error(p, loc, "expression is not assignable");
    return false;
  }
  if (!e->is_const && e->type->kind == SM_T_STRUCT &&
      sm_struct_of(p, e->type)->has_const) {
    sm_error(p, loc, "object of type '%s' cannot be assigned because it has "
             "const members", e->type->spelling);
    return false;
  }
  if (!e->is_const) return true;
  if (e->space == SM_CONSTANT)
    sm_error(p, loc, "cannot assign to a variable in the constant address "
             "space");
  else if (e->kind == SM_VAR)
    sm_error(p, loc, "cannot assign to variable '%s' with const-qualified "
             "type '%s'", e->u.var->name, e->type->spelling);
  else
    sm_error(p, loc, "cannot assign to an object of const-qualified type "
             "'%s'", e->type->spelling);
  return false;
}

sm_expr *sm_step(sm_parser *p, sm_expr_kind kind, sm_op op, sm_expr *a,
                 tm_loc loc) {
  if (sm_is_error(p, a)) return a;
  if (!sm_writable(p, a, loc)) return sm_error_expr(p, loc);
  const sm_type *t = a->type;
  bool fits = (sm_is_scalar(t) && t->scalar != SM_BOOL) ||
              (t->kind == SM_T_VECTOR && t->scalar != SM_BOOL && !t->packed) ||
              is_object_pointer(t);
  if (!fits || sm_is_whole_elements(a)) {
    sm_error(p, loc, "cannot %s value of type '%s'",
             op == SM_ADD ? "increment" : "decrement", t->spelling);
    return sm_error_expr(p, loc);
  }
  sm_expr *e = sm_node(p, kind, t, loc, a, NULL, NULL);
  e->op = op;
  return e;
}

/* May e be evaluated twice, or not at all, with the same effect? */
static bool is_pure(const sm_expr *e) {
  if (!e) return true;
  switch ((int)e->kind) {
    case SM_CALL: case SM_BUILTIN: case SM_ASSIGN: case SM_COMPOUND:
    case SM_PRE: case SM_POST: return false;
    default: break;
  }
  for (int i = 0; i < 3; i++)
    if (!is_pure(e->a[i])) return false;
  for (uint32_t i = 0; i < e->args.len; i++)
    if (!is_pure(e->args.data[i])) return false;
  return true;
}

static sm_expr *element_of(sm_parser *p, sm_expr *vector, uint32_t i) {
  return sm_node(p, SM_ELEMENT_OF, p->scalars[vector->type->scalar],
                 vector->loc, vector,
                 sm_literal_int(p, SM_INT, i, vector->loc), NULL);
}

/* m.thread_elements() = v: one assignment for each of the two elements. */
static sm_expr *assign_elements(sm_parser *p, sm_expr *a, sm_expr *b,
                                tm_loc loc) {
  b = sm_convert(p, b, a->type, "assign");
  if (sm_is_error(p, b)) return b;
  if (!is_pure(b) || !is_pure(a->a[0])) {
    tm_diag *diag = sm_unsupported(
        p, loc, "assigning a call's result to thread_elements() is not "
        "supported");
    sm_hint(p, diag, "put it into a variable first");
    return sm_error_expr(p, loc);
  }
  sm_expr *sets[2];
  for (uint32_t i = 0; i < 2; i++) {
    sm_expr *index = sm_literal_int(p, SM_INT, i, loc);
    sm_expr *target = sm_thread_element(p, a, index);
    sets[i] = sm_node(p, SM_ASSIGN, target->type, loc, target,
                      element_of(p, b, i), NULL);
  }
  return sm_node(p, SM_COMMA, sets[1]->type, loc, sets[0], sets[1], NULL);
}

sm_expr *sm_assign(sm_parser *p, sm_expr *a, sm_expr *b, tm_loc loc) {
  if (sm_is_error(p, a) || sm_is_error(p, b)) return sm_error_expr(p, loc);
  if (!sm_writable(p, a, loc)) return sm_error_expr(p, loc);
  if (a->type->kind == SM_T_ARRAY) {
    sm_error(p, loc, "array type '%s' is not assignable", a->type->spelling);
    return sm_error_expr(p, loc);
  }
  if (a->type->kind == SM_T_ATOMIC) {
    tm_diag *diag = sm_error(p, loc, "an object of type '%s' cannot be "
                             "assigned", a->type->spelling);
    sm_hint(p, diag, "use atomic_store_explicit");
    return sm_error_expr(p, loc);
  }
  if (sm_is_whole_elements(a)) return assign_elements(p, a, b, loc);
  b = sm_convert(p, b, a->type, "assign");
  if (sm_is_error(p, b)) return b;
  return sm_node(p, SM_ASSIGN, a->type, loc, a, b, NULL);
}

static sm_expr *compound_pointer(sm_parser *p, sm_op op, sm_expr *a,
                                 sm_expr *b, tm_loc loc) {
  sm_expr *n = op == SM_ADD || op == SM_SUB ? offset(p, b) : NULL;
  if (!n || !is_object_pointer(a->type)) return invalid(p, a, b, loc, NULL);
  sm_expr *e = sm_node(p, SM_COMPOUND, a->type, loc, a, n, NULL);
  e->op = op;
  e->operand_type = a->type;
  return e;
}

/* a op= b is checked as a = a op b; the operand type and the converted b are
 * taken from that tree, which is then dropped. */
sm_expr *sm_compound(sm_parser *p, sm_op op, sm_expr *a, sm_expr *b,
                     tm_loc loc) {
  if (sm_is_error(p, a) || sm_is_error(p, b)) return sm_error_expr(p, loc);
  if (!sm_writable(p, a, loc)) return sm_error_expr(p, loc);
  if (a->type->kind == SM_T_POINTER) return compound_pointer(p, op, a, b, loc);
  if (sm_is_whole_elements(a) || a->type->kind == SM_T_MATRIX) {
    bool matrix = a->type->kind == SM_T_MATRIX;
    if (matrix) return sm_assign(p, a, sm_binary(p, op, a, b, loc), loc);
    sm_unsupported(p, loc, "%s= on thread_elements() is not supported: name "
                   "one element", sm_op_text(op));
    return sm_error_expr(p, loc);
  }
  sm_expr *whole = sm_binary(p, op, a, b, loc);
  if (sm_is_error(p, whole)) return whole;
  if (whole->kind != SM_BINARY ||
      sm_rank_of(p, whole, a->type) == SM_RANK_NONE) {
    whole->loc = loc;
    return sm_convert(p, whole, a->type, "assign");
  }
  sm_expr *e = sm_node(p, SM_COMPOUND, a->type, loc, a, whole->a[1], NULL);
  e->op = op;
  e->operand_type = whole->a[0]->type;
  e->contract = whole->contract;
  e->precision = whole->precision;
  return e;
}

/* ---- ?: --------------------------------------------------------------- */

static const sm_type *conditional_type(sm_parser *p, sm_expr *a, sm_expr *b) {
  const sm_type *x = sm_value_type(p, a), *y = sm_value_type(p, b);
  if (x == y) return x;
  if (sm_is_scalar(x) && sm_is_scalar(y)) {
    sm_scalar s = common(x->scalar, y->scalar);
    return s == SM_VOID ? NULL : p->scalars[s];
  }
  if (x->kind == SM_T_VECTOR && y->kind == SM_T_VECTOR)
    return x->scalar == y->scalar && x->count == y->count
               ? sm_type_vector(p, x->scalar, x->count, false) : NULL;
  if (x->kind == SM_T_VECTOR && vector_takes(x, y)) return x;
  if (y->kind == SM_T_VECTOR && vector_takes(y, x)) return y;
  if (sm_rank_of(p, b, x) != SM_RANK_NONE) return x;
  if (sm_rank_of(p, a, y) != SM_RANK_NONE) return y;
  return NULL;
}

sm_expr *sm_conditional(sm_parser *p, sm_expr *c, sm_expr *a, sm_expr *b,
                        tm_loc loc) {
  if (sm_is_error(p, c) || sm_is_error(p, a) || sm_is_error(p, b))
    return sm_error_expr(p, loc);
  if (c->type->kind == SM_T_VECTOR) {
    tm_diag *diag = sm_error(p, c->loc, "the condition of ?: must be a "
                             "scalar, not '%s'", c->type->spelling);
    sm_hint(p, diag, "select(b, a, c) chooses element by element");
    return sm_error_expr(p, loc);
  }
  c = sm_condition(p, c);
  const sm_type *type = conditional_type(p, a, b);
  if (!type) {
    sm_error(p, loc, "incompatible operand types ('%s' and '%s')",
             sm_value_type(p, a)->spelling, sm_value_type(p, b)->spelling);
    return sm_error_expr(p, loc);
  }
  a = sm_convert_known(p, a, type);
  b = sm_convert_known(p, b, type);
  if (sm_is_error(p, c)) return c;
  return sm_node(p, SM_SELECT, type, loc, c, a, b);
}

/* ---- parts of objects ------------------------------------------------- */

/* Reports a constant index outside [0, count). */
static bool index_fits(sm_parser *p, const sm_expr *i, uint32_t count,
                       const sm_type *type) {
  int64_t value;
  if (!sm_fold_int(p, i, &value)) return true;
  if (value >= 0 && value < (int64_t)count) return true;
  sm_error(p, i->loc, "index %lld is outside of '%s'", (long long)value,
           type->spelling);
  return false;
}

static sm_expr *member_at(sm_parser *p, sm_expr *a, uint32_t i,
                          tm_loc loc) {
  const sm_type *type = a->type->structure->members.data[i].type;
  if (a->type->structure->is_union && !a->is_lvalue) {
    sm_unsupported(p, loc, "a member of a union that is no variable is not "
                   "supported: put the union into a variable");
    return sm_error_expr(p, loc);
  }
  sm_expr *e = sm_node(p, a->is_lvalue ? SM_MEMBER : SM_MEMBER_OF, type, loc,
                       a, NULL, NULL);
  if (sm_is_error(p, e)) return e;
  sm_place(e, a);
  e->u.member = i;
  const sm_struct_info *info = sm_struct_of(p, a->type);
  if (a->is_lvalue && i < info->const_members.len)
    e->is_const |= info->const_members.data[i];
  return e;
}

sm_expr *sm_subscript(sm_parser *p, sm_expr *a, sm_expr *i, tm_loc loc) {
  if (sm_is_error(p, a) || sm_is_error(p, i)) return sm_error_expr(p, loc);
  sm_expr *n = offset(p, i);
  if (!n) {
    sm_error(p, i->loc, "array subscript is not an integer");
    return sm_error_expr(p, loc);
  }
  if (a->type->kind == SM_T_STRUCT && sm_struct_of(p, a->type)->is_array)
    a = member_at(p, a, 0, loc);
  else if (p->has_tensor && a->type->kind == SM_T_STRUCT &&
           a->type->structure->members.len == 1 &&
           a->type->structure->members.data[0].name ==
               tm_intern_cstr(p->names, "__elements"))
    a = member_at(p, a, 0, loc);
  const sm_type *t = a->type;
  bool sized = t->kind == SM_T_ARRAY || t->kind == SM_T_VECTOR ||
               t->kind == SM_T_MATRIX;
  if (sized && !index_fits(p, n, t->count, t)) return sm_error_expr(p, loc);
  if (sm_is_whole_elements(a)) return sm_thread_element(p, a, n);
  if (t->kind == SM_T_VECTOR && (!a->is_lvalue || a->kind == SM_SWIZZLE))
    return sm_node(p, SM_ELEMENT_OF, p->scalars[t->scalar], loc,
                   sm_rvalue(p, a), n, NULL);
  if (sized && a->is_lvalue) {
    const sm_type *part = t->kind == SM_T_ARRAY ? t->element
                          : t->kind == SM_T_VECTOR ? p->scalars[t->scalar]
                          : sm_type_vector(p, t->scalar, t->rows, false);
    sm_expr *e = sm_node(p, SM_INDEX, part, loc, a, n, NULL);
    if (!sm_is_error(p, e)) sm_place(e, a);
    return e;
  }
  if (sized) {
    sm_unsupported(p, loc, "indexing a temporary of type '%s' is not "
                   "supported: put it into a variable first", t->spelling);
    return sm_error_expr(p, loc);
  }
  if (!is_object_pointer(t)) {
    sm_error(p, loc, "subscripted value of type '%s' is not an array, "
             "pointer or vector", t->spelling);
    return sm_error_expr(p, loc);
  }
  sm_expr *sum = make_binary(p, SM_ADD, t, sm_rvalue(p, a), n, loc);
  return sm_deref(p, sum, loc);
}

static int component(char c, bool *is_color) {
  static const char position[] = "xyzw", color[] = "rgba";
  const char *found = strchr(position, c);
  *is_color = false;
  if (found && c) return (int)(found - position);
  found = strchr(color, c);
  *is_color = true;
  return found && c ? (int)(found - color) : -1;
}

static sm_expr *swizzle(sm_parser *p, sm_expr *a, tm_name name, tm_loc loc) {
  const sm_type *t = a->type;
  size_t n = strlen(name);
  uint8_t parts[4] = {0};
  bool seen[4] = {false}, distinct = true, color0 = false, ok = n <= 4;
  for (size_t i = 0; ok && i < n; i++) {
    bool color;
    int at = component(name[i], &color);
    if (i == 0) color0 = color;
    ok = at >= 0 && (uint32_t)at < t->count && color == color0;
    if (!ok) break;
    parts[i] = (uint8_t)at;
    distinct &= !seen[at];
    seen[at] = true;
  }
  if (!ok) {
    sm_error(p, loc, "vector of type '%s' has no component '%s'", t->spelling,
             name);
    return sm_error_expr(p, loc);
  }
  if (sm_is_whole_elements(a) && n == 1)
    return sm_thread_element(p, a, sm_literal_int(p, SM_INT, parts[0], loc));
  const sm_type *type = sm_type_vector(p, t->scalar, (uint32_t)n, false);
  bool lvalue = a->is_lvalue && distinct && !sm_is_whole_elements(a);
  if (lvalue && a->kind == SM_SWIZZLE) { /* v.zyx.xy is v.zy */
    for (size_t i = 0; i < n; i++) parts[i] = a->swizzle[parts[i]];
    a = a->a[0];
  }
  sm_expr *e = sm_node(p, lvalue ? SM_SWIZZLE : SM_SHUFFLE, type, loc,
                       lvalue ? a : sm_rvalue(p, a), NULL, NULL);
  if (sm_is_error(p, e)) return e;
  if (lvalue) sm_place(e, a);
  memcpy(e->swizzle, parts, sizeof parts);
  e->swizzle_len = (uint8_t)n;
  return e;
}

/* The member, also of anonymous structs and unions in it; or NULL, and the
 * name most like it. */
static sm_expr *find_member(sm_parser *p, sm_expr *a, tm_name name,
                            tm_loc loc, const char **near) {
  const sm_struct *s = a->type->structure;
  for (uint32_t i = 0; i < s->members.len; i++) {
    const sm_member *m = &s->members.data[i];
    if (!m->name) {
      sm_expr *inner = member_at(p, a, i, loc);
      sm_expr *found = find_member(p, inner, name, loc, near);
      if (found) return found;
      continue;
    }
    if (tm_edit_distance(m->name, name, 2) <= 2) *near = m->name;
    if (m->name == name) return member_at(p, a, i, loc);
  }
  return NULL;
}

sm_expr *sm_select_member(sm_parser *p, sm_expr *a, tm_name name,
                          tm_loc loc) {
  if (sm_is_error(p, a)) return a;
  const sm_type *t = a->type;
  if (t->kind == SM_T_VECTOR) return swizzle(p, a, name, loc);
  if (t->kind != SM_T_STRUCT) {
    sm_error(p, loc, "member reference base type '%s' is not a structure",
             t->spelling);
    return sm_error_expr(p, loc);
  }
  const char *near = NULL;
  sm_expr *found = find_member(p, a, name, loc, &near);
  if (found) return found;
  tm_diag *diag = sm_error(p, loc, "no member named '%s' in '%s'", name,
                           t->spelling);
  if (near) sm_hint(p, diag, "did you mean '%s'?", near);
  return sm_error_expr(p, loc);
}
