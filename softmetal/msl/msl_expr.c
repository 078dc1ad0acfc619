/* SPDX-License-Identifier: MIT */
/*
 * msl_expr.c - expressions: precedence climbing over checked operators.
 *
 * A name is looked up where it stands, so each one is known to be a type, a
 * variable, a function or one of the library's before what follows it is
 * read; T(x), T{x} and f<T>(x) need no backtracking.
 */
#include "front.h"

static sm_expr *parse_unary(sm_parser *p);

static sm_expr *expected_expression(sm_parser *p) {
  if (!p->gave_up && !sm_refused_word(p)) {
    if (p->t->kind == SM_TK_PRAGMA)
      tm_error_at(p->diags, TM_DIAG_SYNTAX, p->t->loc,
                  "a pragma cannot stand inside an expression");
    else
      tm_error_at(p->diags, TM_DIAG_SYNTAX, p->t->loc, "expected expression");
  }
  return sm_error_expr(p, p->t->loc);
}

/* ---- literals --------------------------------------------------------- */

static sm_expr *parse_number(sm_parser *p) {
  const sm_token *t = p->t;
  sm_number n;
  sm_number_status status = sm_lex_number(t, &n);
  sm_skip(p);
  if (status == SM_NUMBER_OK && n.type == SM_BFLOAT && p->version < 310) {
    sm_unsupported(p, t->loc, "bfloat literals need MSL 3.1");
    return sm_error_expr(p, t->loc);
  }
  if (status == SM_NUMBER_OK)
    return sm_is_floating(n.type) ? sm_literal_float(p, n.type, n.f, t->loc)
                                  : sm_literal_int(p, n.type, n.i, t->loc);
  int len = (int)(t->len < 40 ? t->len : 40);
  const char *what = status == SM_NUMBER_SUFFIX ? "invalid suffix on literal"
                     : status == SM_NUMBER_TOO_LARGE
                         ? "literal is too large for its type:"
                         : "malformed number";
  tm_error_at(p->diags, TM_DIAG_SYNTAX, t->loc, "%s '%.*s'", what, len,
              t->text);
  return sm_error_expr(p, t->loc);
}

static sm_expr *parse_character(sm_parser *p) {
  const sm_token *t = p->t;
  int64_t value;
  sm_skip(p);
  if (sm_lex_char(t, &value))
    return sm_literal_int(p, SM_CHAR, (uint64_t)value, t->loc);
  tm_error_at(p->diags, TM_DIAG_SYNTAX, t->loc,
              "malformed character literal");
  return sm_error_expr(p, t->loc);
}

/* ---- arguments and constructions -------------------------------------- */

bool sm_parse_arguments(sm_parser *p, sm_exprs *out) {
  if (sm_accept(p, SM_P_RPAREN)) return true;
  bool outer = p->in_template_args;
  p->in_template_args = false; /* '>' is an operator in parentheses */
  do {
    if (sm_at(p, SM_P_LBRACE)) {
      sm_unsupported(p, p->t->loc, "a braced list as an argument is not "
                     "supported: write T{...}");
      p->in_template_args = outer;
      return false;
    }
    tm_push(p->arena, out, sm_parse_assignment(p));
  } while (sm_accept(p, SM_P_COMMA));
  p->in_template_args = outer;
  return sm_expect(p, SM_P_RPAREN, "after the arguments");
}

/* An expression in brackets that have been opened. */
static sm_expr *parse_enclosed(sm_parser *p) {
  bool outer = p->in_template_args;
  p->in_template_args = false;
  sm_expr *e = sm_parse_expr(p);
  p->in_template_args = outer;
  return e;
}

/* T(...) or T{...}: the type has been read. */
static sm_expr *parse_construction(sm_parser *p, const sm_type *type,
                                   tm_loc loc) {
  if (sm_at(p, SM_P_LBRACE)) {
    sm_expr *e = sm_parse_braces(p, &type, false);
    return e;
  }
  sm_exprs args = {0};
  if (!sm_expect(p, SM_P_LPAREN, "after the type") ||
      !sm_parse_arguments(p, &args))
    return sm_error_expr(p, loc);
  const char *why = sm_type_unavailable(p, type);
  if (why) {
    sm_unsupported(p, loc, "type '%s' is not available: %s", type->spelling,
                   why);
    return sm_error_expr(p, loc);
  }
  sm_symbol *made = p->has_tensor && type->kind == SM_T_STRUCT && args.len
                        ? sm_find_in(p, sm_struct_of(p, type)->prefix,
                                     tm_intern_cstr(p->names, "__construct"))
                        : NULL;
  if (made && made->kind == SM_SYM_FUNCTION)
    return sm_call(p, made, NULL, NULL, &args, loc);
  return sm_construct(p, type, &args, loc);
}

/* name<T>(x) after name: '<', a type, '>'. */
static const sm_type *parse_angle_type(sm_parser *p, const char *name) {
  if (!sm_accept(p, SM_P_LT)) {
    tm_error_at(p->diags, TM_DIAG_SYNTAX, p->t->loc,
                "expected '<' after '%s'", name);
    return NULL;
  }
  const sm_type *type = sm_parse_type_name(p);
  return sm_expect_greater(p) ? type : NULL;
}

static sm_expr *parse_parenthesised(sm_parser *p) {
  if (!sm_expect(p, SM_P_LPAREN, "before the operand"))
    return sm_error_expr(p, p->t->loc);
  sm_expr *e = parse_enclosed(p);
  if (!sm_expect(p, SM_P_RPAREN, "after the operand"))
    return sm_error_expr(p, e->loc);
  return e;
}

static sm_expr *parse_cast_word(sm_parser *p, sm_cast_style style) {
  tm_loc loc = p->t->loc;
  tm_name name = p->t->name;
  sm_skip(p);
  const sm_type *type = parse_angle_type(p, name);
  if (!type) return sm_error_expr(p, loc);
  sm_expr *e = parse_parenthesised(p);
  return sm_explicit_cast(p, e, type, style, loc);
}

static sm_expr *parse_as_type(sm_parser *p, tm_loc loc) {
  const sm_type *type = parse_angle_type(p, "as_type");
  if (!type) return sm_error_expr(p, loc);
  return sm_library_as_type(p, type, parse_parenthesised(p), loc);
}

/* make_filled_simdgroup_matrix<T, 8, 8>(x): the name has been read. */
static sm_expr *parse_filled(sm_parser *p, tm_loc loc) {
  if (!sm_accept(p, SM_P_LT)) {
    sm_exprs none = {0};
    return sm_library_call(p, SM_B_SIMDGROUP_FILLED, SM_NS_PLAIN, &none, loc);
  }
  const sm_type *scalar = sm_parse_type_name(p);
  for (int i = 0; i < 2 && (i == 0 || sm_at(p, SM_P_COMMA)); i++) {
    if (!sm_expect(p, SM_P_COMMA, "in the template arguments"))
      return sm_error_expr(p, loc);
    sm_expr *e = sm_parse_template_constant(p);
    int64_t n;
    if (sm_is_error(p, e)) return e;
    if (sm_fold_int(p, e, &n) && n == 8) continue;
    sm_error(p, e->loc, "simdgroup_matrix is 8 by 8 only");
    return sm_error_expr(p, loc);
  }
  if (!sm_expect_greater(p)) return sm_error_expr(p, loc);
  sm_exprs args = {0};
  if (!sm_expect(p, SM_P_LPAREN, "after the template arguments") ||
      !sm_parse_arguments(p, &args) || scalar == p->error_type)
    return sm_error_expr(p, loc);
  if (!sm_is_scalar(scalar) || !sm_is_floating(scalar->scalar)) {
    sm_error(p, loc, "simdgroup_matrix has float, half or bfloat elements");
    return sm_error_expr(p, loc);
  }
  const sm_type *type = sm_type_fragment(p, scalar->scalar);
  return sm_library_fragment(p, SM_B_SIMDGROUP_FILLED, type, &args, loc);
}

/* numeric_limits<T>::member, with or without () */
static sm_expr *parse_limits(sm_parser *p, tm_loc loc) {
  const sm_type *type = parse_angle_type(p, "numeric_limits");
  if (!type || !sm_expect(p, SM_P_SCOPE, "after numeric_limits<T>"))
    return sm_error_expr(p, loc);
  tm_name member = p->t->name;
  tm_loc at = p->t->loc;
  if (p->t->kind != SM_TK_NAME) return expected_expression(p);
  sm_skip(p);
  bool is_call = sm_accept(p, SM_P_LPAREN);
  if (is_call && !sm_expect(p, SM_P_RPAREN, "after numeric_limits"))
    return sm_error_expr(p, loc);
  if (type == p->error_type) return sm_error_expr(p, loc);
  sm_expr *e = NULL;
  if (sm_is_scalar(type))
    e = sm_library_limit(p, type->scalar, member, is_call, loc);
  if (e) return e;
  sm_error(p, at, "no member named '%s' in 'numeric_limits<%s>'", member,
           type->spelling);
  return sm_error_expr(p, loc);
}

/* ---- names ------------------------------------------------------------ */

/* E::name, after the type; at '::'. */
static sm_expr *parse_enumerator(sm_parser *p, const sm_type *type) {
  sm_skip(p);
  tm_name name = p->t->name;
  tm_loc loc = p->t->loc;
  if (p->t->kind != SM_TK_NAME) return expected_expression(p);
  sm_skip(p);
  if (type == p->error_type) return sm_error_expr(p, loc);
  const sm_enum_info *info = sm_type_enum_info(p, type);
  for (uint32_t i = 0; info && i < info->list.len; i++) {
    if (info->list.data[i].name != name) continue;
    sm_expr *e = sm_literal_int(p, type->scalar,
                                (uint64_t)info->list.data[i].value, loc);
    e->type = type;
    return e;
  }
  sm_error(p, loc, "no member named '%s' in '%s'", name, type->spelling);
  return sm_error_expr(p, loc);
}

static sm_expr *parse_library_name(sm_parser *p, tm_name name,
                                   sm_namespace ns, tm_loc loc) {
  if (ns == SM_NS_PLAIN) {
    if (name == p->n.as_type) return parse_as_type(p, loc);
    if (name == p->n.filled) return parse_filled(p, loc);
    if (name == p->n.numeric_limits) return parse_limits(p, loc);
    if (sm_is_trait(name)) return sm_parse_trait(p, name, loc);
  }
  sm_builtin id = sm_library_function(p, name);
  if (id != SM_BUILTINS && sm_accept(p, SM_P_LPAREN)) {
    sm_exprs args = {0};
    if (!sm_parse_arguments(p, &args)) return sm_error_expr(p, loc);
    return sm_library_call(p, id, ns, &args, loc);
  }
  if (id != SM_BUILTINS) {
    sm_error(p, loc, "library function '%s' must be called", name);
    return sm_error_expr(p, loc);
  }
  if (ns == SM_NS_PLAIN && sm_log_type(p) &&
      strcmp(name, "os_log_default") == 0) {
    if (!p->default_log)
      p->default_log = sm_new_var(p, SM_V_GLOBAL, name, p->log_type, loc);
    p->default_log->is_const = true;
    return sm_var_ref(p, p->default_log, loc);
  }
  sm_expr *e = ns == SM_NS_PLAIN ? sm_library_constant(p, name, loc) : NULL;
  if (e) return e;
  if (ns != SM_NS_PLAIN)
    sm_error(p, loc, "no member named '%s' in namespace 'metal::%s'", name,
             ns == SM_NS_FAST ? "fast" : "precise");
  else
    sm_undeclared(p, name, loc);
  return sm_error_expr(p, loc);
}

/* precise::f or fast::f; the next token is the namespace's name. */
static sm_expr *parse_precision(sm_parser *p) {
  sm_namespace ns = p->t->name == p->n.fast ? SM_NS_FAST : SM_NS_PRECISE;
  sm_skip(p);
  sm_skip(p);
  tm_name name = p->t->name;
  tm_loc loc = p->t->loc;
  if (p->t->kind != SM_TK_NAME) return expected_expression(p);
  sm_skip(p);
  return parse_library_name(p, name, ns, loc);
}

static bool at_precision(const sm_parser *p) {
  return (p->t->name == p->n.fast || p->t->name == p->n.precise) &&
         sm_token_is(sm_ahead(p), SM_P_SCOPE);
}

/* metal::name, at metal */
static sm_expr *parse_qualified(sm_parser *p) {
  sm_skip(p);
  sm_skip(p);
  tm_name name = p->t->name;
  tm_loc loc = p->t->loc;
  if (p->t->kind != SM_TK_NAME) return expected_expression(p);
  if (at_precision(p)) return parse_precision(p);
  sm_skip(p);
  bool known = sm_library_function(p, name) != SM_BUILTINS ||
               name == p->n.as_type || name == p->n.numeric_limits ||
               strncmp(name, "memory_order_", 13) == 0 ||
               strncmp(name, "thread_scope_", 13) == 0 ||
               strcmp(name, "os_log_default") == 0 || sm_is_trait(name);
  if (known) return parse_library_name(p, name, SM_NS_PLAIN, loc);
  sm_error(p, loc, "no member named '%s' in namespace 'metal'", name);
  return sm_error_expr(p, loc);
}

static sm_expr *parse_symbol(sm_parser *p, sm_symbol *s);

/* S::name, after the type; at '::'. */
static sm_expr *parse_static_member(sm_parser *p, const sm_type *type) {
  sm_skip(p);
  if (p->t->kind != SM_TK_NAME) return expected_expression(p);
  sm_symbol *s = sm_find_in(p, sm_struct_of(p, type)->prefix, p->t->name);
  if (s) return parse_symbol(p, s);
  if (type != p->error_type)
    sm_error(p, p->t->loc, "no member named '%s' in '%s'", p->t->name,
             type->spelling);
  sm_skip(p);
  return sm_error_expr(p, p->t->loc);
}

static sm_expr *parse_type_led(sm_parser *p) {
  tm_loc loc = p->t->loc;
  const sm_type *type = sm_parse_named_type(p, NULL);
  if (!type) { /* a template whose '<' is not closed */
    if (!p->gave_up)
      tm_error_at(p->diags, TM_DIAG_SYNTAX, loc, "expected '>' after the "
                  "template arguments");
    sm_skip(p);
    return sm_error_expr(p, loc);
  }
  if (sm_at(p, SM_P_SCOPE))
    return type->kind == SM_T_STRUCT ? parse_static_member(p, type)
                                     : parse_enumerator(p, type);
  if (sm_at(p, SM_P_LPAREN) || sm_at(p, SM_P_LBRACE))
    return parse_construction(p, type, loc);
  tm_error_at(p->diags, TM_DIAG_SYNTAX, p->t->loc,
              "expected '(' for a construction of type '%s'", type->spelling);
  return sm_error_expr(p, loc);
}

static sm_expr *parse_symbol(sm_parser *p, sm_symbol *s) {
  tm_loc loc = p->t->loc;
  sm_skip(p);
  switch (s->kind) {
    case SM_SYM_VAR:
      if (s->var && s->var->type == p->log_type && !sm_at(p, SM_P_DOT)) {
        sm_error(p, loc, "an os_log can do nothing but log: %s.log(...)",
                 s->name);
        return sm_error_expr(p, loc);
      }
      return s->var ? sm_var_ref(p, s->var, loc) : sm_error_expr(p, loc);
    case SM_SYM_ENUMERATOR: {
      sm_expr *e = sm_literal_int(p, s->type->scalar, (uint64_t)s->value, loc);
      e->type = s->type;
      return e;
    }
    case SM_SYM_TEMPLATE:
      sm_error(p, loc, "use of template '%s' requires template arguments",
               s->name);
      break;
    case SM_SYM_FUNCTION: {
      sm_exprs args = {0};
      sm_template_args given = {0};
      bool explicit_args = s->templates.len && sm_at(p, SM_P_LT);
      if (explicit_args && !sm_parse_template_args(p, &given))
        return sm_error_expr(p, loc);
      if (!sm_accept(p, SM_P_LPAREN)) {
        sm_unsupported(p, loc, "function pointers are not supported: '%s' "
                       "must be called", s->name);
        return sm_error_expr(p, loc);
      }
      if (!sm_parse_arguments(p, &args)) return sm_error_expr(p, loc);
      sm_expr *self = p->self ? sm_var_ref(p, p->self, loc) : NULL;
      return sm_call(p, s, explicit_args ? &given : NULL, self, &args, loc);
    }
    case SM_SYM_MEMBER:
      if (p->self && p->self->type->element == s->type)
        return sm_select_member(p, sm_var_ref(p, p->self, loc), s->name, loc);
      sm_error(p, loc, "invalid use of non-static data member '%s'", s->name);
      break;
    case SM_SYM_LIBRARY:
      return parse_library_name(p, s->name, SM_NS_PLAIN, loc);
    case SM_SYM_NAMESPACE:
      if (sm_at(p, SM_P_SCOPE) && sm_ahead(p)->kind == SM_TK_NAME) {
        sm_skip(p);
        sm_error(p, p->t->loc, "no member named '%s' in namespace '%s'",
                 p->t->name, s->name);
        sm_skip(p);
      } else {
        sm_error(p, loc, "unexpected namespace name '%s': expected "
                 "expression", s->name);
      }
      break;
    case SM_SYM_TYPE: break;
  }
  return sm_error_expr(p, loc);
}

/* A name that no symbol of the program has. */
static sm_expr *parse_free_name(sm_parser *p) {
  tm_name name = p->t->name;
  tm_loc loc = p->t->loc;
  if (name == p->n.metal && sm_token_is(sm_ahead(p), SM_P_SCOPE)) {
    if (p->has_stdlib) return parse_qualified(p);
    tm_diag *diag = sm_error(p, loc, "use of undeclared identifier 'metal'");
    sm_hint(p, diag, "#include <metal_stdlib>");
    sm_skip(p);
    return sm_error_expr(p, loc);
  }
  bool visible = sm_library_visible(p);
  if (visible && at_precision(p)) return parse_precision(p);
  sm_skip(p);
  if (visible) return parse_library_name(p, name, SM_NS_PLAIN, loc);
  bool is_macro = strncmp(name, "memory_order_", 13) != 0 &&
                  strncmp(name, "thread_scope_", 13) != 0;
  sm_expr *e = is_macro ? sm_library_constant(p, name, loc) : NULL;
  if (e) return e;
  sm_undeclared(p, name, loc);
  if (sm_accept(p, SM_P_LPAREN)) { /* its arguments may hold errors too */
    sm_exprs args = {0};
    sm_parse_arguments(p, &args);
  }
  return sm_error_expr(p, loc);
}

static sm_expr *parse_sizeof(sm_parser *p) {
  bool is_align = sm_at_word(p, SM_K_alignof);
  tm_loc loc = p->t->loc;
  const sm_type *type;
  sm_skip(p);
  if (sm_at(p, SM_P_LPAREN)) {
    sm_skip(p);
    const sm_token *start = p->t;
    if (sm_starts_type(p)) {
      type = sm_parse_type_name(p);
      if (!sm_expect(p, SM_P_RPAREN, "after the type"))
        return sm_error_expr(p, loc);
    } else {
      p->t = start - 1;
      type = parse_unary(p)->type;
    }
  } else {
    type = parse_unary(p)->type;
  }
  if (type == p->error_type) return sm_error_expr(p, loc);
  if (type->kind == SM_T_REFERENCE) type = type->element;
  if (sm_is_void(type) || !type->size || type == p->null_type) {
    sm_error(p, loc, "invalid application of 'sizeof' to type '%s'",
             type->spelling);
    return sm_error_expr(p, loc);
  }
  return sm_literal_int(p, SM_ULONG, is_align ? type->align : type->size, loc);
}

static sm_expr *parse_keyword(sm_parser *p) {
  tm_loc loc = p->t->loc;
  switch (p->t->keyword) {
    case SM_K_true:
    case SM_K_false: {
      bool value = p->t->keyword == SM_K_true;
      sm_skip(p);
      return sm_literal_int(p, SM_BOOL, value, loc);
    }
    case SM_K_nullptr: {
      sm_skip(p);
      sm_expr *e = sm_literal_int(p, SM_INT, 0, loc);
      e->type = p->null_type;
      return e;
    }
    case SM_K_this:
      if (!p->self) return expected_expression(p);
      sm_skip(p);
      return sm_address_of(p, sm_var_ref(p, p->self, loc), loc);
    case SM_K_static_cast: return parse_cast_word(p, SM_CAST_STATIC);
    case SM_K_const_cast: return parse_cast_word(p, SM_CAST_CONST);
    case SM_K_reinterpret_cast:
      return parse_cast_word(p, SM_CAST_REINTERPRET);
    case SM_K_sizeof:
    case SM_K_alignof: return parse_sizeof(p);
    case SM_K_bool: case SM_K_char: case SM_K_short: case SM_K_int:
    case SM_K_long: case SM_K_half: case SM_K_bfloat: case SM_K_float:
    case SM_K_unsigned: case SM_K_signed: case SM_K_void: {
      sm_specifiers s; /* one word: T(x) */
      if (!sm_parse_specifiers(p, &s)) return sm_error_expr(p, loc);
      if (!s.type) return sm_error_expr(p, loc);
      return parse_construction(p, s.type, loc);
    }
    default: return expected_expression(p);
  }
}

static sm_expr *parse_primary(sm_parser *p) {
  const sm_token *t = p->t;
  if (t->kind == SM_TK_NUMBER) return parse_number(p);
  if (t->kind == SM_TK_CHAR) return parse_character(p);
  if (t->kind == SM_TK_STRING) {
    sm_unsupported(p, t->loc, "string literals are only supported in "
                   "messages of an os_log");
    sm_skip(p);
    return sm_error_expr(p, t->loc);
  }
  if (sm_at(p, SM_P_LPAREN)) {
    sm_skip(p);
    sm_expr *e = parse_enclosed(p);
    if (!sm_expect(p, SM_P_RPAREN, "to match this '('"))
      return sm_error_expr(p, t->loc);
    return e;
  }
  if (sm_at(p, SM_P_LSQUARE)) {
    sm_unsupported(p, t->loc, "lambdas are not supported by this front end");
    sm_skip(p);
    return sm_error_expr(p, t->loc);
  }
  if (t->kind != SM_TK_NAME) return expected_expression(p);
  sm_symbol *s = sm_find_at(p, &t);
  if (s && s->kind == SM_SYM_TEMPLATE && sm_token_is(t + 1, SM_P_LT))
    return parse_type_led(p);
  if (s && s->kind != SM_SYM_TYPE && s->kind != SM_SYM_LIBRARY) {
    p->t = t;
    return parse_symbol(p, s);
  }
  if (!s && t != p->t) { /* after a namespace: an error, said at the name */
    s = sm_find(p, p->t->name);
    p->t = t - 2;
    return parse_symbol(p, s);
  }
  t = p->t;
  if (t->keyword && t->keyword < SM_K_visible) return parse_keyword(p);
  const sm_token *before = p->t;
  sm_symbol *type_symbol = s && s->kind == SM_SYM_TYPE ? s : NULL;
  bool library = !s || s->kind == SM_SYM_LIBRARY;
  if (type_symbol) return parse_type_led(p);
  if (library) { /* float4(...), vec<float, 4>(...), mem_flags::... */
    const sm_type *type = sm_parse_named_type(p, NULL);
    p->t = before;
    if (type) return parse_type_led(p);
  }
  return s ? parse_symbol(p, s) : parse_free_name(p);
}

/* ---- postfix ---------------------------------------------------------- */

/* e.method<...>(...), after the name. */
static sm_expr *parse_method_call(sm_parser *p, sm_expr *e, sm_symbol *method,
                                  tm_loc loc) {
  sm_exprs args = {0};
  sm_template_args given = {0};
  bool explicit_args = method->templates.len && sm_at(p, SM_P_LT);
  if (explicit_args && !sm_parse_template_args(p, &given))
    return sm_error_expr(p, loc);
  if (!sm_accept(p, SM_P_LPAREN)) {
    sm_error(p, loc, "reference to non-static member function must be called");
    return sm_error_expr(p, loc);
  }
  if (!sm_parse_arguments(p, &args)) return sm_error_expr(p, loc);
  return sm_call(p, method, explicit_args ? &given : NULL, e, &args, loc);
}

static sm_expr *parse_member(sm_parser *p, sm_expr *e) {
  bool arrow = sm_at(p, SM_P_ARROW);
  sm_skip(p);
  tm_name name = p->t->name;
  tm_loc loc = p->t->loc;
  if (p->t->kind != SM_TK_NAME) return expected_expression(p);
  sm_skip(p);
  if (arrow) e = sm_deref(p, e, loc);
  if (sm_is_error(p, e)) {
    sm_exprs args = {0};
    if (sm_accept(p, SM_P_LPAREN)) sm_parse_arguments(p, &args);
    return e;
  }
  sm_symbol *method = e->type->kind == SM_T_STRUCT
                          ? sm_find_in(p, sm_struct_of(p, e->type)->prefix,
                                       name) : NULL;
  if (method && method->kind == SM_SYM_FUNCTION)
    return parse_method_call(p, e, method, loc);
  if (e->type->kind == SM_T_MATRIX && name == p->n.columns &&
      sm_at(p, SM_P_LSQUARE))
    return e; /* m.columns[i] is m[i] */
  if (!sm_at(p, SM_P_LPAREN)) return sm_select_member(p, e, name, loc);
  sm_skip(p);
  if (e->type == p->log_type && e->kind == SM_VAR)
    return sm_parse_log(p, e, name, loc);
  sm_exprs args = {0};
  if (!sm_parse_arguments(p, &args)) return sm_error_expr(p, loc);
  const sm_type *t = e->type;
  if (t->kind == SM_T_FRAGMENT && name == p->n.thread_elements && !args.len) {
    if (!e->is_lvalue) {
      sm_unsupported(p, loc, "thread_elements() of a temporary is not "
                     "supported: put the matrix into a variable");
      return sm_error_expr(p, loc);
    }
    sm_expr *whole = sm_node(p, SM_THREAD_ELEMENTS,
                             sm_type_vector(p, t->scalar, 2, false), loc, e,
                             NULL, NULL);
    sm_place(whole, e);
    return whole;
  }
  bool vote = t == p->simd_vote || t == p->quad_vote;
  if (vote && name == p->n.any && !args.len) {
    sm_expr *bits = sm_explicit_cast(p, e, p->scalars[SM_ULONG], SM_CAST_C,
                                     loc);
    return sm_binary(p, SM_NE, bits, sm_literal_int(p, SM_ULONG, 0, loc), loc);
  }
  if (t->kind == SM_T_STRUCT && sm_struct_of(p, t)->is_array &&
      name == p->n.size && !args.len)
    return sm_literal_int(p, SM_ULONG,
                          t->structure->members.data[0].type->count, loc);
  if (vote && strcmp(name, "all") == 0 && !args.len) {
    tm_diag *diag = sm_unsupported(p, loc, "method 'all' of '%s' is not "
                                   "supported", t->spelling);
    sm_hint(p, diag, "use %s_all(x)", t == p->simd_vote ? "simd" : "quad");
  } else {
    sm_error(p, loc, "no member function named '%s' in '%s'", name,
             t->spelling);
  }
  return sm_error_expr(p, loc);
}

static sm_expr *parse_postfix(sm_parser *p) {
  sm_expr *e = parse_primary(p);
  for (;;) {
    tm_loc loc = p->t->loc;
    if (sm_accept(p, SM_P_LSQUARE)) {
      sm_expr *index = parse_enclosed(p);
      if (!sm_expect(p, SM_P_RSQUARE, "after the subscript"))
        return sm_error_expr(p, loc);
      e = sm_subscript(p, e, index, e->loc);
    } else if (sm_at(p, SM_P_DOT) || sm_at(p, SM_P_ARROW)) {
      e = parse_member(p, e);
    } else if (sm_accept(p, SM_P_INC)) {
      e = sm_step(p, SM_POST, SM_ADD, e, loc);
    } else if (sm_accept(p, SM_P_DEC)) {
      e = sm_step(p, SM_POST, SM_SUB, e, loc);
    } else if (sm_at(p, SM_P_LPAREN)) {
      sm_exprs args = {0};
      sm_symbol *call = e->type->kind == SM_T_STRUCT
                            ? sm_find_in(p, sm_struct_of(p, e->type)->prefix,
                                         tm_intern_cstr(p->names,
                                                        "operator()"))
                            : NULL;
      if (call && call->kind == SM_SYM_FUNCTION && !sm_is_error(p, e)) {
        e = parse_method_call(p, e, call, loc);
        continue;
      }
      sm_skip(p);
      if (!sm_is_error(p, e))
        sm_error(p, loc, "called object type '%s' is not a function",
                 e->type->spelling);
      sm_parse_arguments(p, &args);
      e = sm_error_expr(p, loc);
    } else {
      return e;
    }
  }
}

/* ---- unary ------------------------------------------------------------ */

static sm_expr *parse_c_cast(sm_parser *p) {
  tm_loc loc = p->t->loc;
  sm_skip(p);
  const sm_type *type = sm_parse_type_name(p);
  if (!sm_expect(p, SM_P_RPAREN, "after the type of the cast"))
    return sm_error_expr(p, loc);
  if (sm_at(p, SM_P_LBRACE)) {
    return sm_parse_braces(p, &type, false); /* clang's extension */
  }
  return sm_explicit_cast(p, parse_unary(p), type, SM_CAST_C, loc);
}

static sm_expr *parse_unary_inner(sm_parser *p) {
  tm_loc loc = p->t->loc;
  if (sm_at(p, SM_P_LPAREN)) {
    const sm_token *start = p->t;
    sm_skip(p);
    bool is_cast = sm_starts_type(p);
    p->t = start;
    return is_cast ? parse_c_cast(p) : parse_postfix(p);
  }
  if (p->t->kind != SM_TK_PUNCT) return parse_postfix(p);
  sm_punct op = (sm_punct)p->t->punct;
  switch ((int)op) {
    case SM_P_PLUS: case SM_P_MINUS: case SM_P_TILDE: case SM_P_BANG:
    case SM_P_STAR: case SM_P_AMP:
      sm_skip(p);
      return sm_unary(p, op, parse_unary(p), loc);
    case SM_P_INC:
    case SM_P_DEC:
      sm_skip(p);
      return sm_step(p, SM_PRE, op == SM_P_INC ? SM_ADD : SM_SUB,
                     parse_unary(p), loc);
    default: return parse_postfix(p);
  }
}

static sm_expr *parse_unary(sm_parser *p) {
  sm_expr *e = sm_enter(p) ? parse_unary_inner(p) : sm_error_expr(p, p->t->loc);
  p->nesting--;
  return e;
}

/* ---- binary ----------------------------------------------------------- */

enum { /* precedences; higher binds tighter */
  AT_OR = 1, AT_AND, AT_BIT_OR, AT_XOR, AT_BIT_AND, AT_EQUAL, AT_LESS,
  AT_SHIFT, AT_ADD, AT_MUL
};

static int precedence(const sm_parser *p, sm_op *op) {
  const sm_token *t = p->t;
  if (t->kind != SM_TK_PUNCT) return 0;
  switch ((int)t->punct) {
    case SM_P_OROR: return AT_OR;
    case SM_P_ANDAND: return AT_AND;
    case SM_P_PIPE: *op = SM_BIT_OR; return AT_BIT_OR;
    case SM_P_CARET: *op = SM_BIT_XOR; return AT_XOR;
    case SM_P_AMP: *op = SM_BIT_AND; return AT_BIT_AND;
    case SM_P_EQ: *op = SM_EQ; return AT_EQUAL;
    case SM_P_NE: *op = SM_NE; return AT_EQUAL;
    case SM_P_LT: *op = SM_LT; return AT_LESS;
    case SM_P_LE: *op = SM_LE; return AT_LESS;
    case SM_P_GT:
      if (p->in_template_args) return 0;
      if (p->t + 1 < p->end && p->t[1].second) {
        *op = SM_SHR;
        return AT_SHIFT;
      }
      *op = SM_GT;
      return AT_LESS;
    case SM_P_GE: *op = SM_GE; return AT_LESS;
    case SM_P_SHL: *op = SM_SHL; return AT_SHIFT;
    case SM_P_PLUS: *op = SM_ADD; return AT_ADD;
    case SM_P_MINUS: *op = SM_SUB; return AT_ADD;
    case SM_P_STAR: *op = SM_MUL; return AT_MUL;
    case SM_P_SLASH: *op = SM_DIV; return AT_MUL;
    case SM_P_PERCENT: *op = SM_REM; return AT_MUL;
    default: return 0;
  }
}

static sm_expr *parse_binary(sm_parser *p, int lowest) {
  sm_expr *a = parse_unary(p);
  for (;;) {
    sm_op op = SM_ADD;
    tm_loc loc = p->t->loc;
    int at = precedence(p, &op);
    if (!at || at < lowest) return a;
    sm_skip(p);
    if (op == SM_SHR) sm_skip(p);
    sm_expr *b = parse_binary(p, at + 1);
    if (at == AT_OR)
      a = sm_logical(p, SM_OR, a, b, loc);
    else if (at == AT_AND)
      a = sm_logical(p, SM_AND, a, b, loc);
    else
      a = sm_binary(p, op, a, b, loc);
  }
}

sm_expr *sm_parse_template_constant(sm_parser *p) {
  bool outer = p->in_template_args;
  p->in_template_args = true;
  sm_expr *e = sm_rvalue(p, parse_binary(p, AT_OR));
  p->in_template_args = outer;
  return e;
}

static bool assignment_op(const sm_token *t, sm_op *op) {
  if (t->kind != SM_TK_PUNCT) return false;
  switch ((int)t->punct) {
    case SM_P_ADD_SET: *op = SM_ADD; return true;
    case SM_P_SUB_SET: *op = SM_SUB; return true;
    case SM_P_MUL_SET: *op = SM_MUL; return true;
    case SM_P_DIV_SET: *op = SM_DIV; return true;
    case SM_P_REM_SET: *op = SM_REM; return true;
    case SM_P_AND_SET: *op = SM_BIT_AND; return true;
    case SM_P_OR_SET: *op = SM_BIT_OR; return true;
    case SM_P_XOR_SET: *op = SM_BIT_XOR; return true;
    case SM_P_SHL_SET: *op = SM_SHL; return true;
    case SM_P_SHR_SET: *op = SM_SHR; return true;
    default: return false;
  }
}

static sm_expr *parse_assignment_inner(sm_parser *p) {
  sm_expr *a = parse_binary(p, AT_OR);
  tm_loc loc = p->t->loc;
  sm_op op;
  if (sm_accept(p, SM_P_QUESTION)) {
    sm_expr *b = sm_parse_expr(p);
    if (!sm_expect(p, SM_P_COLON, "in ?:")) return sm_error_expr(p, loc);
    return sm_conditional(p, a, b, sm_parse_assignment(p), loc);
  }
  if (sm_at(p, SM_P_ASSIGN)) {
    sm_skip(p);
    if (sm_at(p, SM_P_LBRACE)) {
      const sm_type *type = a->type;
      return sm_assign(p, a, sm_parse_braces(p, &type, false), loc);
    }
    return sm_assign(p, a, sm_parse_assignment(p), loc);
  }
  if (assignment_op(p->t, &op)) {
    sm_skip(p);
    return sm_compound(p, op, a, sm_parse_assignment(p), loc);
  }
  return a;
}

sm_expr *sm_parse_assignment(sm_parser *p) {
  sm_expr *e = sm_enter(p) ? parse_assignment_inner(p)
                           : sm_error_expr(p, p->t->loc);
  p->nesting--;
  return e;
}

sm_expr *sm_parse_expr(sm_parser *p) {
  sm_expr *e = sm_parse_assignment(p);
  while (sm_at(p, SM_P_COMMA)) {
    tm_loc loc = p->t->loc;
    sm_skip(p);
    sm_expr *b = sm_rvalue(p, sm_parse_assignment(p));
    if (sm_is_error(p, e) || sm_is_error(p, b))
      e = sm_error_expr(p, loc);
    else
      e = sm_node(p, SM_COMMA, b->type, loc, sm_rvalue(p, e), b, NULL);
  }
  return e;
}
