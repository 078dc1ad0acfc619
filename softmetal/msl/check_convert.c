/* SPDX-License-Identifier: MIT */
/*
 * check_convert.c - nodes, values of lvalues, and conversions.
 *
 * Implicit conversions are those of C++ between scalars, with these rules
 * of MSL (spec 2.1, 2.23, 3.1):
 *   - a scalar converts to a vector by filling every element;
 *   - vectors convert to no other vector type but their packed twin;
 *   - bfloat converts to float and to nothing else, nothing to bfloat;
 *   - pointers keep their address space; const may be added.
 * sm_rank_of says whether and how well; sm_convert_known does it.
 */
#include "front.h"

/* ---- nodes ------------------------------------------------------------ */

sm_expr *sm_new_expr(sm_parser *p, sm_expr_kind kind, const sm_type *type,
                     tm_loc loc) {
  sm_expr *e = TM_NEW(p->arena, sm_expr);
  e->kind = kind;
  e->type = type;
  e->loc = loc;
  e->height = 1;
  return e;
}

static sm_expr *check_height(sm_parser *p, sm_expr *e) {
  if (e->height <= SM_MOST_HEIGHT) return e;
  if (!p->too_high)
    tm_error_at(p->diags, TM_DIAG_LIMIT, e->loc,
                "expression is too large: more than %d operations on one "
                "path",
                (int)SM_MOST_HEIGHT);
  p->too_high = true;
  return sm_error_expr(p, e->loc);
}

sm_expr *sm_node(sm_parser *p, sm_expr_kind kind, const sm_type *type,
                 tm_loc loc, sm_expr *a, sm_expr *b, sm_expr *c) {
  sm_expr *e = sm_new_expr(p, kind, type, loc);
  sm_expr *operands[3] = {a, b, c};
  for (int i = 0; i < 3; i++) {
    e->a[i] = operands[i];
    if (operands[i] && operands[i]->height >= e->height)
      e->height = operands[i]->height + 1;
  }
  return check_height(p, e);
}

sm_expr *sm_node_args(sm_parser *p, sm_expr_kind kind, const sm_type *type,
                      tm_loc loc, const sm_exprs *args) {
  sm_expr *e = sm_new_expr(p, kind, type, loc);
  e->args.data = args->data;
  e->args.len = args->len;
  e->args.cap = args->cap;
  for (uint32_t i = 0; i < args->len; i++)
    if (args->data[i]->height >= e->height)
      e->height = args->data[i]->height + 1;
  return check_height(p, e);
}

void sm_place(sm_expr *e, const sm_expr *object) {
  e->is_lvalue = object->is_lvalue;
  e->is_const = object->is_const;
  e->is_volatile = object->is_volatile;
  e->space = object->space;
}

sm_expr *sm_error_expr(sm_parser *p, tm_loc loc) {
  return sm_new_expr(p, SM_LITERAL, p->error_type, loc);
}

sm_expr *sm_literal_int(sm_parser *p, sm_scalar type, uint64_t i,
                        tm_loc loc) {
  sm_expr *e = sm_new_expr(p, SM_LITERAL, p->scalars[type], loc);
  e->u.i = i;
  return e;
}

sm_expr *sm_literal_float(sm_parser *p, sm_scalar type, double f,
                          tm_loc loc) {
  sm_expr *e = sm_new_expr(p, SM_LITERAL, p->scalars[type], loc);
  e->u.f = f;
  return e;
}

static sm_space space_of(const sm_var *var) {
  switch (var->kind) {
    case SM_V_THREADGROUP: return SM_THREADGROUP;
    case SM_V_GLOBAL:
    case SM_V_FUNCTION_CONSTANT: return SM_CONSTANT;
    default: return SM_THREAD;
  }
}

sm_expr *sm_var_ref(sm_parser *p, sm_var *var, tm_loc loc) {
  const sm_type *t = var->type;
  sm_expr *e = sm_new_expr(p, SM_VAR, t, loc);
  e->u.var = var;
  e->is_lvalue = true;
  if (t->kind == SM_T_REFERENCE) {
    e->type = t->element;
    e->is_const = t->is_const;
    e->is_volatile = t->is_volatile;
    e->space = t->space;
  } else {
    e->is_const = var->is_const;
    e->space = space_of(var);
  }
  return e;
}

const char *sm_value_category(const sm_expr *e) {
  return e->is_lvalue ? "an lvalue" : "an rvalue";
}

/* ---- values ----------------------------------------------------------- */

sm_expr *sm_address_of(sm_parser *p, sm_expr *e, tm_loc loc) {
  const sm_type *type = sm_type_pointer(p, e->type, e->space, e->is_const,
                                        e->is_volatile);
  return sm_node(p, SM_ADDRESS, type, loc, e, NULL, NULL);
}

sm_expr *sm_thread_element(sm_parser *p, sm_expr *whole, sm_expr *index) {
  sm_expr *e = sm_node(p, SM_THREAD_ELEMENTS,
                       p->scalars[whole->type->scalar], whole->loc,
                       whole->a[0], index, NULL);
  sm_place(e, whole->a[0]);
  return e;
}

static sm_expr *read_elements(sm_parser *p, sm_expr *whole) {
  sm_exprs args = {0};
  for (uint32_t i = 0; i < 2; i++) {
    sm_expr *index = sm_literal_int(p, SM_INT, i, whole->loc);
    sm_expr *element = sm_thread_element(p, whole, index);
    tm_push(p->arena, &args, sm_rvalue(p, element));
  }
  return sm_node_args(p, SM_CONSTRUCT, whole->type, whole->loc, &args);
}

/* A constant scalar is its value. */
static sm_expr *known_value(sm_parser *p, const sm_expr *e) {
  if (e->kind != SM_VAR || !e->u.var->is_const || !e->u.var->init) return NULL;
  sm_expr *init = e->u.var->init;
  /* a scalar of program scope that is no literal is made of function
   * constants: see derived_constant in msl_decl.c */
  if (e->u.var->kind == SM_V_GLOBAL && sm_is_scalar(init->type) &&
      init->type == e->u.var->type && init->kind != SM_LITERAL)
    return init;
  if (init->kind != SM_LITERAL || e->u.var->type != init->type ||
      e->u.var->kind == SM_V_FUNCTION_CONSTANT)
    return NULL;
  sm_expr *literal = sm_new_expr(p, SM_LITERAL, init->type, e->loc);
  literal->u = init->u;
  return literal;
}

sm_expr *sm_rvalue(sm_parser *p, sm_expr *e) {
  if (!e->is_lvalue || sm_is_error(p, e)) return e;
  if (e->type->kind == SM_T_ARRAY) {
    sm_expr *zero = sm_literal_int(p, SM_INT, 0, e->loc);
    sm_expr *first = sm_node(p, SM_INDEX, e->type->element, e->loc, e, zero,
                             NULL);
    sm_place(first, e);
    return sm_address_of(p, first, e->loc);
  }
  if (sm_is_whole_elements(e)) return read_elements(p, e);
  sm_expr *known = known_value(p, e);
  if (known) return known;
  return sm_node(p, SM_READ, e->type, e->loc, e, NULL, NULL);
}

const sm_type *sm_value_type(sm_parser *p, const sm_expr *e) {
  if (e->type->kind != SM_T_ARRAY) return e->type;
  return sm_type_pointer(p, e->type->element, e->space, e->is_const,
                         e->is_volatile);
}

/* ---- ranking ---------------------------------------------------------- */

static sm_rank rank_scalar(sm_scalar from, sm_scalar to) {
  if (from == to) return SM_RANK_EXACT;
  if (from == SM_VOID || to == SM_VOID) return SM_RANK_NONE;
  /* between bfloat and the other floating types only bfloat to float; with
   * integers it converts as they do: toolchains accept `cond ? b : 0` */
  if (to == SM_BFLOAT && sm_is_floating(from)) return SM_RANK_NONE;
  if (from == SM_BFLOAT && to == SM_HALF) return SM_RANK_NONE;
  if (to == SM_INT && from < SM_INT) return SM_RANK_PROMOTION;
  return SM_RANK_CONVERSION;
}

static bool is_null_constant(sm_parser *p, const sm_expr *e) {
  if (e->type == p->null_type) return true;
  return e->kind == SM_LITERAL && e->type->kind == SM_T_SCALAR &&
         sm_is_integer(e->type->scalar) && e->u.i == 0;
}

static sm_rank rank_pointer(const sm_type *from, const sm_type *to) {
  if (from->space != to->space || (from->is_const && !to->is_const) ||
      (from->is_volatile && !to->is_volatile))
    return SM_RANK_NONE;
  if (from->element == to->element) return SM_RANK_QUALIFIED;
  return sm_is_void(to->element) ? SM_RANK_CONVERSION : SM_RANK_NONE;
}

static bool is_packed_twin(const sm_type *a, const sm_type *b) {
  return a->kind == SM_T_VECTOR && b->kind == SM_T_VECTOR &&
         a->scalar == b->scalar && a->count == b->count;
}

static bool is_plain_enum(sm_parser *p, const sm_type *t) {
  if (t->kind != SM_T_ENUM) return false;
  const sm_enum_info *info = sm_type_enum_info(p, t);
  return info && !info->is_scoped;
}

sm_rank sm_rank_of(sm_parser *p, const sm_expr *e, const sm_type *to) {
  const sm_type *from = sm_value_type(p, e);
  if (from == to || from == p->error_type || to == p->error_type)
    return SM_RANK_EXACT;
  if (to->kind == SM_T_POINTER) {
    if (from->kind == SM_T_POINTER) return rank_pointer(from, to);
    return is_null_constant(p, e) ? SM_RANK_CONVERSION : SM_RANK_NONE;
  }
  if (to->kind == SM_T_SCALAR) {
    if (from->kind == SM_T_SCALAR) return rank_scalar(from->scalar, to->scalar);
    if (from->kind == SM_T_POINTER && to->scalar == SM_BOOL)
      return SM_RANK_CONVERSION;
    if (!is_plain_enum(p, from)) return SM_RANK_NONE;
    sm_rank rank = rank_scalar(from->scalar, to->scalar);
    return rank == SM_RANK_EXACT ? SM_RANK_PROMOTION : rank;
  }
  if (to->kind != SM_T_VECTOR) return SM_RANK_NONE;
  if (is_packed_twin(from, to)) return SM_RANK_CONVERSION;
  if (from->kind != SM_T_SCALAR && !is_plain_enum(p, from))
    return SM_RANK_NONE;
  return rank_scalar(from->scalar, to->scalar) == SM_RANK_NONE
             ? SM_RANK_NONE
             : SM_RANK_SPLAT;
}

/* An object that can be referred to: an element of a vector has no address
 * of its own. */
static bool has_address(const sm_expr *e) {
  return e->is_lvalue && e->kind != SM_SWIZZLE && !sm_is_whole_elements(e) &&
         !(e->kind == SM_INDEX && e->a[0]->type->kind == SM_T_VECTOR);
}

static bool binds_to_object(const sm_expr *e, const sm_type *ref) {
  return has_address(e) && e->type == ref->element && e->space == ref->space;
}

sm_rank sm_rank_reference(sm_parser *p, const sm_expr *e,
                          const sm_type *ref) {
  if (!binds_to_object(e, ref)) {
    /* const T & in thread memory is also a value of its own: [dcl.init.ref].
     * Not where the object is elsewhere in memory, as in Metal */
    if (!ref->is_const || ref->is_volatile || ref->space != SM_THREAD ||
        (e->type == ref->element && has_address(e)))
      return SM_RANK_NONE;
    return sm_rank_of(p, e, ref->element);
  }
  if ((e->is_const && !ref->is_const) || (e->is_volatile && !ref->is_volatile))
    return SM_RANK_NONE;
  return e->is_const == ref->is_const && e->is_volatile == ref->is_volatile
             ? SM_RANK_EXACT
             : SM_RANK_QUALIFIED;
}

sm_expr *sm_bind_argument(sm_parser *p, sm_expr *e, const sm_type *ref) {
  return binds_to_object(e, ref) ? e : sm_convert_known(p, e, ref->element);
}

/* ---- conversion ------------------------------------------------------- */

static sm_expr *cast_to(sm_parser *p, sm_expr *e, const sm_type *to) {
  if (e->type == to) return e;
  bool literal = e->kind == SM_LITERAL && e->type->kind == SM_T_SCALAR &&
                 to->kind == SM_T_SCALAR && to->scalar != SM_VOID;
  sm_value v;
  sm_expr probe = {0}; /* folds exactly when the cast is defined */
  probe.kind = SM_CAST;
  probe.type = to;
  probe.a[0] = e;
  if (literal && sm_fold(p, &probe, &v))
    return sm_is_floating(v.type) ? sm_literal_float(p, v.type, v.f, e->loc)
                                  : sm_literal_int(p, v.type, v.i, e->loc);
  return sm_node(p, SM_CAST, to, e->loc, e, NULL, NULL);
}

static sm_expr *splat(sm_parser *p, sm_expr *e, const sm_type *to) {
  const sm_type *plain = sm_type_vector(p, to->scalar, to->count, false);
  e = cast_to(p, e, p->scalars[to->scalar]);
  e = sm_node(p, SM_SPLAT, plain, e->loc, e, NULL, NULL);
  return cast_to(p, e, to);
}

sm_expr *sm_convert_known(sm_parser *p, sm_expr *e, const sm_type *to) {
  if (sm_is_error(p, e)) return e;
  if (to == p->error_type) return sm_error_expr(p, e->loc);
  e = sm_rvalue(p, e);
  if (e->type == to) return e;
  if (to->kind == SM_T_VECTOR && e->type->kind != SM_T_VECTOR)
    return splat(p, e, to);
  if (e->type == p->null_type) {
    sm_expr *zero = sm_literal_int(p, SM_INT, 0, e->loc);
    return sm_node(p, SM_CAST, to, e->loc, zero, NULL, NULL);
  }
  return cast_to(p, e, to);
}

static void conversion_hint(sm_parser *p, tm_diag *diag, const sm_type *from,
                            const sm_type *to) {
  bool pointers = from->kind == SM_T_POINTER && to->kind == SM_T_POINTER;
  if (pointers && from->space != to->space)
    sm_hint(p, diag, "the address spaces differ: %s and %s",
            sm_space_name(from->space), sm_space_name(to->space));
  else if (pointers && from->element == to->element)
    sm_hint(p, diag, "the pointer's const or volatile would be lost");
  else if (from->kind == SM_T_VECTOR && to->kind == SM_T_VECTOR &&
           from->count == to->count)
    sm_hint(p, diag, "vectors are converted explicitly: %s(x)", to->spelling);
  else if (sm_is_scalar(from) && sm_is_scalar(to))
    sm_hint(p, diag, "convert explicitly: %s(x)", to->spelling);
}

sm_expr *sm_convert(sm_parser *p, sm_expr *e, const sm_type *to,
                    const char *what) {
  if (sm_rank_of(p, e, to) != SM_RANK_NONE) return sm_convert_known(p, e, to);
  const sm_type *from = sm_value_type(p, e);
  tm_diag *diag;
  if (strcmp(what, "assign") == 0)
    diag = sm_error(p, e->loc, "assigning to '%s' from incompatible type '%s'",
                    to->spelling, from->spelling);
  else
    diag = sm_error(p, e->loc, "cannot %s of type '%s' with %s of type '%s'",
                    what, to->spelling, sm_value_category(e), from->spelling);
  conversion_hint(p, diag, from, to);
  return sm_error_expr(p, e->loc);
}

sm_expr *sm_condition(sm_parser *p, sm_expr *e) {
  const sm_type *boolean = p->scalars[SM_BOOL];
  if (sm_rank_of(p, e, boolean) != SM_RANK_NONE)
    return sm_convert_known(p, e, boolean);
  tm_diag *diag = sm_error(
      p, e->loc, "value of type '%s' is not contextually convertible to 'bool'",
      e->type->spelling);
  if (e->type->kind == SM_T_VECTOR)
    sm_hint(p, diag, "say all(x) or any(x)");
  return sm_error_expr(p, e->loc);
}

/* ---- explicit casts --------------------------------------------------- */

static sm_expr *cast_fails(sm_parser *p, sm_expr *e, const sm_type *to,
                           tm_loc loc, const char *hint) {
  const sm_type *from = sm_value_type(p, e);
  tm_diag *diag = sm_error(p, loc, "cannot cast from type '%s' to '%s'",
                           from->spelling, to->spelling);
  if (hint) sm_hint(p, diag, "%s", hint);
  return sm_error_expr(p, loc);
}

static sm_expr *cast_pointer(sm_parser *p, sm_expr *e, const sm_type *to,
                             sm_cast_style style, tm_loc loc) {
  const sm_type *from = sm_value_type(p, e);
  if (from->space != to->space) {
    tm_diag *diag = sm_error(
        p, loc, "cast from '%s' to '%s' changes the address space",
        from->spelling, to->spelling);
    sm_hint(p, diag, "there is no generic address space in Metal");
    return sm_error_expr(p, loc);
  }
  bool loses = (from->is_const && !to->is_const) ||
               (from->is_volatile && !to->is_volatile);
  if (loses && style != SM_CAST_C && style != SM_CAST_CONST)
    return cast_fails(p, e, to, loc, "the cast would drop const or volatile");
  if (style == SM_CAST_CONST) {
    if (from->element != to->element)
      return cast_fails(p, e, to, loc, "const_cast changes const and volatile "
                        "only");
    return cast_to(p, sm_rvalue(p, e), to);
  }
  if (style == SM_CAST_STATIC && from->element != to->element &&
      !sm_is_void(from->element) && !sm_is_void(to->element))
    return cast_fails(p, e, to, loc, "use reinterpret_cast");
  return cast_to(p, sm_rvalue(p, e), to);
}

/* Between a pointer and its address: only as reinterpret_cast, which (T)x
 * stands for, and only 64 bits, the size of a pointer. */
static sm_expr *cast_address(sm_parser *p, sm_expr *e, const sm_type *to,
                             sm_cast_style style, tm_loc loc) {
  const sm_type *from = sm_value_type(p, e);
  const sm_type *number = from->kind == SM_T_POINTER ? to : from;
  const sm_type *pointer = from->kind == SM_T_POINTER ? from : to;
  if (style == SM_CAST_STATIC || style == SM_CAST_CONST)
    return cast_fails(p, e, to, loc, "use reinterpret_cast");
  if (number->kind != SM_T_SCALAR || !sm_is_integer(number->scalar) ||
      (number == to && number->size < 8))
    return cast_fails(p, e, to, loc, "a pointer has 64 bits: use ulong");
  if (pointer->space == SM_THREAD) {
    sm_unsupported(p, loc, "addresses in thread memory are not supported as "
                   "numbers");
    return sm_error_expr(p, loc);
  }
  e = sm_rvalue(p, e);
  if (number == from) e = cast_to(p, e, p->scalars[SM_ULONG]);
  return cast_to(p, e, to);
}

static bool is_number(const sm_type *t) {
  return sm_is_scalar(t) || t->kind == SM_T_ENUM;
}

/* reinterpret_cast<device float4 &>(x) is *(device float4 *)&x. */
static sm_expr *cast_reference(sm_parser *p, sm_expr *e, const sm_type *to,
                               tm_loc loc) {
  if (e->is_lvalue && e->type == to->element && e->space == to->space)
    return e;
  const sm_type *same = sm_type_reference(p, e->type, to->space, to->is_const,
                                          to->is_volatile);
  if (!binds_to_object(e, same))
    return cast_fails(p, e, to, loc, "a reference cast needs an object that "
                      "has an address, in the same address space");
  const sm_type *pointer = sm_type_pointer(p, to->element, to->space,
                                           to->is_const, to->is_volatile);
  return sm_deref(p, cast_to(p, sm_address_of(p, e, loc), pointer), loc);
}

/* simd_vote(x) and simd_vote::vote_t(v): a struct of one ulong. */
static sm_expr *cast_vote(sm_parser *p, sm_expr *e, const sm_type *to) {
  if (e->type == p->simd_vote || e->type == p->quad_vote) {
    e = sm_rvalue(p, e);
    sm_expr *bits = sm_node(p, SM_MEMBER_OF, p->scalars[SM_ULONG], e->loc, e,
                            NULL, NULL);
    return cast_to(p, bits, to);
  }
  sm_exprs args = {0};
  tm_push(p->arena, &args,
          cast_to(p, sm_rvalue(p, e), p->scalars[SM_ULONG]));
  return sm_node_args(p, SM_CONSTRUCT, to, e->loc, &args);
}

static sm_expr *explicit_cast(sm_parser *p, sm_expr *e, const sm_type *to,
                              sm_cast_style style, tm_loc loc) {
  if (sm_is_error(p, e)) return e;
  if (to == p->error_type) return sm_error_expr(p, loc);
  if (to->kind == SM_T_REFERENCE) return cast_reference(p, e, to, loc);
  const sm_type *from = sm_value_type(p, e);
  if (sm_is_void(to))
    return sm_node(p, SM_CAST, to, loc, sm_rvalue(p, e), NULL, NULL);
  if (from->kind == SM_T_POINTER && to->kind == SM_T_POINTER)
    return cast_pointer(p, e, to, style, loc);
  if ((from->kind == SM_T_POINTER && is_number(to) &&
       to->scalar != SM_BOOL) ||
      (to->kind == SM_T_POINTER && is_number(from) &&
       !is_null_constant(p, e)))
    return cast_address(p, e, to, style, loc);
  if (style == SM_CAST_CONST && from != to)
    return cast_fails(p, e, to, loc, "const_cast takes pointers and "
                      "references");
  if (style == SM_CAST_REINTERPRET && from != to)
    return cast_fails(p, e, to, loc, from->size == to->size
                      ? "use as_type<T>(x)" : NULL);
  if (sm_rank_of(p, e, to) != SM_RANK_NONE) return sm_convert_known(p, e, to);
  bool from_vote = from == p->simd_vote || from == p->quad_vote;
  bool to_vote = to == p->simd_vote || to == p->quad_vote;
  if ((from_vote && sm_is_scalar(to) && sm_is_integer(to->scalar) &&
       to->scalar != SM_BOOL) ||
      (to_vote && sm_is_scalar(from) && sm_is_integer(from->scalar)))
    return cast_vote(p, e, to);
  if (is_number(from) && is_number(to) && from != p->null_type)
    return cast_to(p, sm_rvalue(p, e), to);
  if (is_number(from) && to->kind == SM_T_VECTOR && from != p->null_type)
    return splat(p, sm_rvalue(p, e), to);
  if (from->kind == to->kind && from->count == to->count &&
      (to->kind == SM_T_VECTOR ||
       (to->kind == SM_T_MATRIX && from->rows == to->rows)))
    return cast_to(p, sm_rvalue(p, e), to);
  if (is_number(from) && (to->kind == SM_T_MATRIX ||
                          to->kind == SM_T_FRAGMENT)) {
    sm_exprs args = {0};
    tm_push(p->arena, &args, e);
    return sm_construct(p, to, &args, loc);
  }
  return cast_fails(p, e, to, loc, NULL);
}

sm_expr *sm_explicit_cast(sm_parser *p, sm_expr *e, const sm_type *to,
                          sm_cast_style style, tm_loc loc) {
  sm_expr *out = explicit_cast(p, e, to, style, loc);
  bool is_new = out != e && (out->kind == SM_CAST || out->kind == SM_LITERAL ||
                             out->kind == SM_SPLAT);
  if (is_new) out->loc = loc; /* the cast's, not the operand's */
  return out;
}

/* ---- T(a, b, ...) ----------------------------------------------------- */

static sm_expr *no_constructor(sm_parser *p, const sm_type *to, tm_loc loc,
                               const char *hint) {
  tm_diag *diag = sm_error(
      p, loc, "no matching constructor for initialization of '%s'",
      to->spelling);
  if (hint) sm_hint(p, diag, "%s", hint);
  return sm_error_expr(p, loc);
}

static sm_expr *zero_of(sm_parser *p, const sm_type *to, tm_loc loc) {
  sm_exprs none = {0};
  if (sm_is_scalar(to))
    return sm_is_floating(to->scalar)
               ? sm_literal_float(p, to->scalar, 0, loc)
               : sm_literal_int(p, to->scalar, 0, loc);
  if (to->kind == SM_T_VECTOR)
    return splat(p, zero_of(p, p->scalars[to->scalar], loc), to);
  if (to->kind == SM_T_MATRIX) {
    tm_push(p->arena, &none, zero_of(p, p->scalars[to->scalar], loc));
    return sm_node_args(p, SM_CONSTRUCT, to, loc, &none);
  }
  if (to->kind == SM_T_STRUCT || to->kind == SM_T_ARRAY) {
    sm_expr *value = sm_default_value(p, to, loc);
    return value ? value : sm_node_args(p, SM_CONSTRUCT, to, loc, &none);
  }
  if (to->kind == SM_T_ENUM) {
    sm_expr *e = sm_literal_int(p, to->scalar, 0, loc);
    e->type = to;
    return e;
  }
  if (to->kind == SM_T_POINTER)
    return sm_node(p, SM_CAST, to, loc, sm_literal_int(p, SM_INT, 0, loc),
                   NULL, NULL);
  return no_constructor(p, to, loc, to->kind == SM_T_FRAGMENT
                        ? "give a value for the diagonal, or use "
                          "make_filled_simdgroup_matrix" : NULL);
}

sm_expr *sm_default_value(sm_parser *p, const sm_type *type, tm_loc loc) {
  sm_exprs parts = {0};
  bool any = false;
  if (type->kind == SM_T_ARRAY) {
    sm_expr *part = sm_default_value(p, type->element, loc);
    if (!part) return NULL;
    for (uint32_t i = 0; i < type->count; i++)
      tm_push(p->arena, &parts, part);
    return sm_node_args(p, SM_CONSTRUCT, type, loc, &parts);
  }
  if (type->kind != SM_T_STRUCT) return NULL;
  const sm_struct_info *info = sm_struct_of(p, type);
  for (uint32_t i = 0; i < type->structure->members.len; i++) {
    const sm_type *member = type->structure->members.data[i].type;
    sm_expr *part = i < info->defaults.len ? info->defaults.data[i] : NULL;
    if (!part) part = sm_default_value(p, member, loc);
    any |= part != NULL;
    if (!part && member->kind == SM_T_FRAGMENT) return NULL;
    if (!part) part = zero_of(p, member, loc);
    tm_push(p->arena, &parts, part);
  }
  return any ? sm_node_args(p, SM_CONSTRUCT, type, loc, &parts) : NULL;
}

/* Vectors take scalars and vectors of their own scalar type, whose elements
 * must be exactly as many as the vector has. */
static sm_expr *construct_vector(sm_parser *p, const sm_type *to,
                                 const sm_exprs *args, tm_loc loc) {
  uint32_t count = 0;
  const sm_type *scalar = p->scalars[to->scalar];
  const sm_type *plain = sm_type_vector(p, to->scalar, to->count, false);
  sm_exprs parts = {0};
  for (uint32_t i = 0; i < args->len; i++) {
    sm_expr *arg = args->data[i];
    if (arg->type->kind == SM_T_VECTOR) {
      if (arg->type->scalar != to->scalar) {
        tm_diag *diag = sm_error(
            p, arg->loc, "cannot put elements of '%s' into a '%s'",
            arg->type->spelling, to->spelling);
        sm_hint(p, diag, "convert the part explicitly first");
        return sm_error_expr(p, loc);
      }
      count += arg->type->count;
      arg = sm_convert_known(
          p, arg, sm_type_vector(p, to->scalar, arg->type->count, false));
    } else {
      count++;
      arg = sm_convert(p, arg, scalar, "initialize an element");
    }
    tm_push(p->arena, &parts, arg);
  }
  if (count != to->count)
    return no_constructor(p, to, loc, count < to->count
                          ? "too few elements" : "too many elements");
  return cast_to(p, sm_node_args(p, SM_CONSTRUCT, plain, loc, &parts), to);
}

static sm_expr *construct_matrix(sm_parser *p, const sm_type *to,
                                 const sm_exprs *args, tm_loc loc) {
  const sm_type *column = sm_type_vector(p, to->scalar, to->rows, false);
  const sm_type *scalar = p->scalars[to->scalar];
  bool columns = args->data[0]->type->kind == SM_T_VECTOR;
  uint32_t need = args->len == 1 && !columns ? 1
                  : columns ? to->count : to->count * to->rows;
  if (args->len != need || args->data[0]->type->kind == SM_T_MATRIX)
    return no_constructor(p, to, loc, "a matrix takes one scalar for the "
                          "diagonal, its columns, all its elements, or a "
                          "matrix of the same size");
  sm_exprs parts = {0};
  for (uint32_t i = 0; i < args->len; i++)
    tm_push(p->arena, &parts,
            sm_convert(p, args->data[i], columns ? column : scalar,
                       columns ? "initialize a column"
                               : "initialize an element"));
  return sm_node_args(p, SM_CONSTRUCT, to, loc, &parts);
}

sm_expr *sm_construct(sm_parser *p, const sm_type *to, const sm_exprs *args,
                      tm_loc loc) {
  if (to == p->error_type) return sm_error_expr(p, loc);
  for (uint32_t i = 0; i < args->len; i++)
    if (sm_is_error(p, args->data[i])) return sm_error_expr(p, loc);
  if (!args->len) return zero_of(p, to, loc);
  if (to->kind == SM_T_FRAGMENT && args->len == 1 &&
      args->data[0]->type != to) {
    sm_exprs copy = *args;
    return sm_library_fragment(p, SM_B_SIMDGROUP_DIAGONAL, to, &copy, loc);
  }
  const sm_type *first = args->data[0]->type;
  bool converts = args->len == 1 && first->kind == SM_T_MATRIX &&
                  first->count == to->count && first->rows == to->rows;
  if (to->kind == SM_T_MATRIX && !converts)
    return construct_matrix(p, to, args, loc);
  if (args->len == 1)
    return sm_explicit_cast(p, args->data[0], to, SM_CAST_C, loc);
  if (to->kind == SM_T_VECTOR) return construct_vector(p, to, args, loc);
  return no_constructor(p, to, loc, to->kind == SM_T_STRUCT
                        ? "structs are initialised with braces: T{a, b}"
                        : NULL);
}
