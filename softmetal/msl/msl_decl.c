/* SPDX-License-Identifier: MIT */
/*
 * msl_decl.c - declarations of files and blocks: functions, variables,
 * typedef, using, static_assert.
 */
#include "front.h"

/* ---- small declarations ----------------------------------------------- */

void sm_parse_static_assert(sm_parser *p) {
  tm_loc loc = p->t->loc;
  sm_skip(p);
  if (!sm_expect(p, SM_P_LPAREN, "after static_assert")) {
    sm_recover(p);
    return;
  }
  sm_expr *e = sm_condition(p, sm_parse_assignment(p));
  const sm_token *text = NULL;
  if (sm_accept(p, SM_P_COMMA) && p->t->kind == SM_TK_STRING) {
    text = p->t;
    sm_skip(p);
  }
  sm_value v;
  if (sm_is_error(p, e)) {
  } else if (!sm_fold(p, e, &v)) {
    sm_error(p, loc, "static_assert expression is not a constant");
  } else if (!v.i) {
    sm_error(p, loc, "static_assert failed%s%.*s", text ? " " : "",
             text ? (int)(text->len < 200 ? text->len : 200) : 0,
             text ? text->text : "");
  }
  if (!sm_expect(p, SM_P_RPAREN, "after static_assert") ||
      !sm_expect(p, SM_P_SEMI, "after static_assert"))
    sm_recover(p);
}

static sm_symbol *namespace_of(sm_parser *p, tm_name name, tm_loc loc) {
  sm_symbol *s = sm_find_here(p, name);
  if (s && s->kind == SM_SYM_NAMESPACE) return s;
  s = sm_bind(p, SM_SYM_NAMESPACE, name, loc);
  if (!s) return NULL;
  tm_buf text = tm_buf_in(p->arena);
  tm_buf_printf(&text, "%s::", s->key);
  s->prefix = tm_intern(p->names, tm_buf_text(&text), text.len);
  return s;
}

/* At the name after `namespace`, or after `::` of namespace a::b { ... }. */
static void parse_namespace_from(sm_parser *p) {
  tm_name name = p->t->kind == SM_TK_NAME && !p->t->keyword ? p->t->name
                                                            : NULL;
  tm_loc loc = p->t->loc;
  sm_named_scope scope;
  if (name) sm_skip(p);
  if (name == p->n.metal && name) {
    sm_unsupported(p, loc, "namespace 'metal' is the library's");
    sm_recover(p);
    return;
  }
  bool nested = name && sm_at(p, SM_P_SCOPE) &&
                sm_ahead(p)->kind == SM_TK_NAME && !sm_ahead(p)->keyword;
  if (!nested && !sm_expect(p, SM_P_LBRACE, "after the namespace")) {
    sm_recover(p);
    return;
  }
  sm_symbol *s = name ? namespace_of(p, name, loc) : NULL;
  if (s) sm_scope_open(p, &scope, s->prefix, false);
  p->namespaces++;
  if (nested && p->version < 400)
    tm_warning_at(p->diags, p->t->loc, "a nested namespace definition is an "
                  "extension before MSL 4.0");
  if (nested) sm_skip(p);
  if (!sm_enter(p)) nested = false;
  else if (nested) parse_namespace_from(p);
  else sm_parse_declarations(p);
  p->nesting--;
  p->namespaces--;
  if (s) sm_scope_close(p);
  if (!nested) sm_expect(p, SM_P_RBRACE, "after the namespace");
}

/* namespace a { ... }; its names are bound as "a::name". */
void sm_parse_namespace(sm_parser *p) {
  sm_accept_word(p, SM_K_inline);
  sm_skip(p);
  parse_namespace_from(p);
}

static void using_namespace(sm_parser *p) {
  bool named = p->t->kind == SM_TK_NAME;
  if (named && p->t->name == p->n.metal && p->has_stdlib) {
    if (!p->using_metal) p->using_metal = p->depth + 1;
    sm_skip(p);
    return;
  }
  sm_symbol *s = named ? sm_find_at(p, &p->t) : NULL;
  if (s && s->kind == SM_SYM_NAMESPACE) {
    sm_named_scope open = {s->prefix, p->depth, false, NULL, NULL};
    tm_push(p->arena, &p->opened, open);
  } else {
    tm_diag *diag = sm_error(p, p->t->loc, "expected namespace name");
    if (named && p->t->name == p->n.metal)
      sm_hint(p, diag, "metal is known once <metal_stdlib> is included");
  }
  sm_skip(p);
}

/* using a::name: the name means here what it means there. */
static void using_member(sm_parser *p) {
  sm_symbol *s = sm_find_at(p, &p->t);
  tm_name name = p->t->name;
  if (!s || s->kind == SM_SYM_NAMESPACE) {
    sm_error(p, p->t->loc, "no member named '%s' in the namespace", name);
    return;
  }
  sm_symbol *here = sm_find_here(p, name);
  if (here == s) return;
  here = sm_bind(p, s->kind, name, p->t->loc);
  if (!here) return;
  here->var = s->var;
  here->type = s->type;
  here->is_size_type = s->is_size_type;
  here->value = s->value;
  here->overloads.data = s->overloads.data;
  here->overloads.len = here->overloads.cap = s->overloads.len;
}

/* using namespace metal; using metal::name; using Name = type; */
void sm_parse_using(sm_parser *p) {
  tm_loc loc = p->t->loc;
  sm_skip(p);
  bool ok = false;
  if (sm_accept_word(p, SM_K_namespace)) {
    using_namespace(p);
    ok = true;
  } else if (p->t->name == p->n.metal && p->t->kind == SM_TK_NAME &&
             sm_token_is(sm_ahead(p), SM_P_SCOPE)) {
    sm_skip(p);
    sm_skip(p);
    tm_name name = p->t->name;
    bool known = p->t->kind == SM_TK_NAME && p->has_stdlib &&
                 (sm_type_library(p, name) || name == p->n.as_type ||
                  name == p->n.vec || name == p->n.simdgroup_matrix ||
                  sm_library_function(p, name) != SM_BUILTINS);
    if (known)
      sm_bind(p, SM_SYM_LIBRARY, name, p->t->loc);
    else
      sm_error(p, p->t->loc, "no member named '%.*s' in namespace 'metal'",
               (int)(p->t->len < 40 ? p->t->len : 40), p->t->text);
    sm_skip(p);
    ok = true;
  } else if (p->t->kind == SM_TK_NAME && !p->t->keyword &&
             sm_token_is(sm_ahead(p), SM_P_SCOPE)) {
    using_member(p);
    sm_skip(p);
    ok = true;
  } else if (p->t->kind == SM_TK_NAME && !p->t->keyword) {
    tm_name name = p->t->name;
    sm_specifiers s;
    sm_declarator d;
    sm_skip(p);
    ok = sm_expect(p, SM_P_ASSIGN, "in the alias") &&
         sm_parse_specifiers(p, &s) && sm_parse_declarator(p, &s, false, &d);
    if (ok && (s.is_auto || d.name || d.is_const || d.has_space)) {
      sm_unsupported(p, loc, "an alias cannot be auto, const or in an address "
                     "space");
      ok = false;
    }
    sm_symbol *symbol = ok ? sm_bind(p, SM_SYM_TYPE, name, loc) : NULL;
    if (symbol) {
      symbol->type = d.type;
      symbol->is_size_type = s.is_size_type;
    }
  } else {
    tm_error_at(p->diags, TM_DIAG_SYNTAX, loc, "invalid using declaration");
  }
  if (!ok || !sm_expect(p, SM_P_SEMI, "after the using declaration"))
    sm_recover(p);
}

/* typedef void name(...), typedef void (name)(...): the type of a function,
 * which only explicit instantiations name. At the '(' or the name. */
static bool function_typedef(sm_parser *p, const sm_type *result) {
  const sm_token *t = p->t;
  bool wrapped = sm_token_is(t, SM_P_LPAREN) && t[1].kind == SM_TK_NAME &&
                 !t[1].keyword && sm_token_is(t + 2, SM_P_RPAREN);
  if (wrapped) t++;
  const sm_token *open = t + (wrapped ? 2 : 1);
  if (t->kind != SM_TK_NAME || t->keyword || !sm_token_is(open, SM_P_LPAREN))
    return false;
  sm_types params = {0};
  p->t = open;
  if (!sm_parse_parameter_types(p, &params)) return false;
  sm_symbol *symbol = sm_bind(p, SM_SYM_TYPE, t->name, t->loc);
  if (symbol) symbol->type = sm_function_type(p, result, &params);
  return true;
}

void sm_parse_typedef(sm_parser *p, const sm_specifiers *s) {
  do {
    sm_declarator d;
    uint32_t errors = p->diags->errors;
    if (!p->depth && !s->is_auto && function_typedef(p, s->type)) continue;
    if (p->diags->errors != errors) {
      sm_recover(p);
      return;
    }
    if (!sm_parse_declarator(p, s, false, &d)) {
      sm_recover(p);
      return;
    }
    if (!d.name || d.is_function || s->is_auto || d.unsized) {
      tm_error_at(p->diags, TM_DIAG_SYNTAX, d.loc, "invalid typedef");
      sm_recover(p);
      return;
    }
    if (d.is_const || d.is_volatile || d.has_space) {
      sm_unsupported(p, d.loc, "a typedef of a const, volatile or "
                     "address-space qualified type is not supported");
      sm_recover(p);
      return;
    }
    sm_symbol *old = sm_find_here(p, d.name);
    bool same = old && old->kind == SM_SYM_TYPE && old->type == d.type;
    sm_symbol *symbol = same ? NULL : sm_bind(p, SM_SYM_TYPE, d.name, d.loc);
    if (!symbol) continue;
    symbol->type = d.type;
    symbol->is_size_type = s->is_size_type;
  } while (sm_accept(p, SM_P_COMMA));
  if (!sm_expect(p, SM_P_SEMI, "after the typedef")) sm_recover(p);
}

/* ---- auto ------------------------------------------------------------- */

static const sm_type *deduce(sm_parser *p, const sm_specifiers *s,
                             const sm_declarator *d, sm_expr *init) {
  if (sm_is_error(p, init)) return p->error_type;
  if (d->auto_reference) {
    if (!init->is_lvalue) {
      sm_error(p, d->loc, "auto & needs an object to refer to");
      return p->error_type;
    }
    if (s->has_space && s->space != init->space) {
      sm_error(p, d->loc, "the reference is to the %s address space, the "
               "object in %s", sm_space_name(s->space),
               sm_space_name(init->space));
      return p->error_type;
    }
    return sm_type_reference(p, init->type, init->space,
                             init->is_const || s->is_const,
                             init->is_volatile || s->is_volatile);
  }
  const sm_type *t = sm_value_type(p, init);
  if (t == p->null_type || sm_is_void(t) ||
      (d->auto_pointer && t->kind != SM_T_POINTER)) {
    sm_error(p, d->loc, "cannot deduce the type of '%s' from '%s'", d->name,
             t->spelling);
    return p->error_type;
  }
  if (d->auto_pointer) {
    if (s->has_space && s->space != t->space) {
      sm_error(p, d->loc, "the pointer is to the %s address space, its value "
               "points to %s", sm_space_name(s->space),
               sm_space_name(t->space));
      return p->error_type;
    }
    return sm_type_pointer(p, t->element, t->space,
                           t->is_const || s->is_const, t->is_volatile);
  }
  return t;
}

/* ---- local variables -------------------------------------------------- */

static bool is_atomic(const sm_type *t) { return t->kind == SM_T_ATOMIC; }
static bool is_threadgroup_barred(const sm_type *t) {
  return t->kind == SM_T_FRAGMENT ||
         (t->kind == SM_T_ATOMIC && t->scalar == SM_ULONG);
}
static bool is_atomic_float(const sm_type *t) {
  return t->kind == SM_T_ATOMIC && t->scalar == SM_FLOAT;
}

static void add_threadgroup(sm_parser *p, sm_var *var) {
  sm_function *f = p->callable->function;
  uint32_t align = var->type->align < 16 ? 16 : var->type->align;
  uint64_t at = ((uint64_t)f->threadgroup_bytes + align - 1) / align * align;
  uint64_t end = at + var->type->size;
  if (end > SM_MOST_TG_BYTES && f->threadgroup_bytes <= SM_MOST_TG_BYTES) {
    tm_diag *diag = tm_error_at(
        p->diags, TM_DIAG_LIMIT, var->loc,
        "threadgroup memory of kernel '%s' is %llu bytes, more than %d",
        f->name, (unsigned long long)end, (int)SM_MOST_TG_BYTES);
    sm_hint(p, diag, "every Apple GPU has 32 KiB for a threadgroup");
  }
  f->threadgroup_bytes = end > UINT32_MAX / 2 ? UINT32_MAX / 2 : (uint32_t)end;
}

/* Where the variable is; false (reported) if it cannot be there. */
static bool local_space(sm_parser *p, const sm_specifiers *s,
                        const sm_declarator *d, sm_var_kind *kind) {
  *kind = SM_V_LOCAL;
  if (s->is_static) {
    tm_diag *diag = sm_error(p, d->loc, "static variables in functions are "
                             "not supported in Metal");
    sm_hint(p, diag, "constants go to program scope: constant T x = ...;");
    return false;
  }
  if (!d->has_space || d->space == SM_THREAD) return true;
  if (d->space != SM_THREADGROUP) {
    sm_error(p, d->loc, "automatic variable '%s' qualified with an invalid "
             "address space '%s'", d->name, sm_space_name(d->space));
    return false;
  }
  if (!p->callable->function->is_kernel) { /* in any block of it: candle has
                                              them in the cases of a switch */
    sm_error(p, d->loc, "variables in the threadgroup address space can only "
             "be declared in a kernel function");
    return false;
  }
  *kind = SM_V_THREADGROUP;
  return true;
}

/* Bytes of the elements of t where all have one size; 0: they have not. */
static uint32_t element_size(const sm_type *t) {
  switch (t->kind) {
    case SM_T_SCALAR: case SM_T_VECTOR: case SM_T_MATRIX: case SM_T_ENUM:
      return t->scalar == SM_BOOL || t->scalar == SM_BFLOAT
                 ? 0 : sm_scalar_size(t->scalar);
    case SM_T_ARRAY: return element_size(t->element);
    case SM_T_STRUCT: {
      uint32_t size = 0;
      for (uint32_t i = 0; i < t->structure->members.len; i++) {
        uint32_t n = element_size(t->structure->members.data[i].type);
        if (!n || (size && n != size)) return 0;
        size = n;
      }
      return size;
    }
    default: return 0;
  }
}

/* Thread memory holds the elements of 32 threads side by side, so that the
 * members of a union share it only where their elements have one size. */
static bool is_mixed_union(const sm_type *t) {
  return t->kind == SM_T_STRUCT && t->structure->is_union && !element_size(t);
}

static bool check_thread_union(sm_parser *p, const sm_type *t, tm_loc loc) {
  if (!sm_type_holds(t, is_mixed_union)) return true;
  tm_diag *diag = sm_unsupported(
      p, loc, "a union in the thread address space whose members have "
      "elements of different sizes is not supported");
  sm_hint(p, diag, "use as_type<T>(x)");
  return false;
}

static bool check_object_type(sm_parser *p, const sm_declarator *d,
                              const sm_type *t, sm_var_kind kind) {
  if (t == p->error_type) return false;
  if (sm_is_void(t) || !t->size) {
    sm_error(p, d->loc, "variable has incomplete type '%s'", t->spelling);
    return false;
  }
  if (kind == SM_V_LOCAL && !check_thread_union(p, t, d->loc)) return false;
  if (kind == SM_V_LOCAL && sm_type_holds(t, is_atomic)) {
    sm_error(p, d->loc, "an atomic object cannot be in the thread address "
             "space");
    return false;
  }
  bool barred = sm_type_holds(t, is_threadgroup_barred) ||
                (p->version < 410 && sm_type_holds(t, is_atomic_float));
  if (kind == SM_V_THREADGROUP && barred) {
    sm_error(p, d->loc, "type '%s' is not available in threadgroup memory",
             t->spelling);
    return false;
  }
  if (kind == SM_V_THREADGROUP && t->kind == SM_T_REFERENCE) {
    sm_error(p, d->loc, "a reference cannot be in threadgroup memory");
    return false;
  }
  return true;
}

static sm_expr *bind_reference(sm_parser *p, sm_expr *e, const sm_type *ref) {
  if (sm_is_error(p, e)) return e;
  if (sm_rank_reference(p, e, ref) != SM_RANK_NONE)
    return sm_bind_argument(p, e, ref);
  if (!e->is_lvalue)
    sm_error(p, e->loc, "reference '%s' cannot bind to a temporary",
             ref->spelling);
  else
    sm_error(p, e->loc, "reference '%s' cannot bind to an object of type "
             "'%s%s' in the %s address space", ref->spelling,
             e->is_const ? "const " : "", e->type->spelling,
             sm_space_name(e->space));
  return sm_error_expr(p, e->loc);
}

/* The initialiser after a declarator: = e, = {...}, {...}, (args). NULL if
 * there is none. */
static sm_expr *parse_init(sm_parser *p, const sm_type **type, bool unsized,
                           bool *is_list) {
  *is_list = false;
  if (sm_accept(p, SM_P_ASSIGN)) {
    *is_list = sm_at(p, SM_P_LBRACE);
    return *is_list ? sm_parse_braces(p, type, unsized)
                    : sm_parse_assignment(p);
  }
  if (sm_at(p, SM_P_LBRACE)) {
    *is_list = true;
    return sm_parse_braces(p, type, unsized);
  }
  if (!sm_at(p, SM_P_LPAREN)) return NULL;
  tm_loc loc = p->t->loc;
  sm_exprs args = {0};
  sm_skip(p);
  if (!sm_parse_arguments(p, &args)) return sm_error_expr(p, loc);
  if ((*type)->kind == SM_T_REFERENCE && args.len == 1) return args.data[0];
  if (!args.len) {
    sm_error(p, loc, "expected an initialiser in the parentheses");
    return sm_error_expr(p, loc);
  }
  /* T x(a, b) is T x = T(a, b), but one value converts as = does, except to
   * the types whose constructors are explicit conversions */
  bool constructs = args.len > 1 || (*type)->kind == SM_T_VECTOR ||
                    (*type)->kind == SM_T_MATRIX ||
                    (*type)->kind == SM_T_FRAGMENT;
  return constructs ? sm_construct(p, *type, &args, loc) : args.data[0];
}

static void finish_local(sm_parser *p, const sm_specifiers *s, sm_var *var,
                         sm_expr *init) {
  const sm_type *t = var->type;
  if (t == p->error_type) return;
  if (!init && var->kind == SM_V_LOCAL && t->kind != SM_T_REFERENCE)
    init = sm_default_value(p, t, var->loc);
  if (!init) {
    if (t->kind == SM_T_REFERENCE)
      sm_error(p, var->loc, "reference '%s' must be initialized", var->name);
    else if (s->is_constexpr || (var->is_const &&
                                 var->kind != SM_V_THREADGROUP))
      sm_error(p, var->loc, "default initialization of an object of const "
               "type '%s'", t->spelling);
    return;
  }
  if (t->kind == SM_T_REFERENCE) {
    var->init = bind_reference(p, init, t);
    return;
  }
  if (t->kind == SM_T_ARRAY && init->kind != SM_CONSTRUCT &&
      !sm_is_error(p, init)) {
    sm_error(p, init->loc, "array initializer must be an initializer list");
    return;
  }
  if (t->kind != SM_T_ARRAY)
    init = sm_convert(p, init, t, "initialize a variable");
  if (sm_is_error(p, init)) return;
  sm_value v;
  bool scalar = sm_is_scalar(t) || t->kind == SM_T_ENUM;
  bool folds = var->is_const && scalar && sm_fold(p, init, &v);
  if (folds) init = sm_fold_initializer(p, init);
  if (s->is_constexpr && !folds) {
    sm_expr *constant = sm_fold_initializer(p, init);
    if (!constant)
      sm_error(p, var->loc, "constexpr variable '%s' must be initialized by a "
               "constant expression", var->name);
    else
      init = constant;
  }
  var->init = init;
}

static sm_stmt *declaration(sm_parser *p, sm_var *var) {
  sm_stmt *stmt = TM_NEW(p->arena, sm_stmt);
  stmt->kind = SM_S_DECL;
  stmt->loc = var->loc;
  stmt->var = var;
  return stmt;
}

/* A declarator in a block that is a variable; false (reported) otherwise. */
static bool check_local(sm_parser *p, const sm_declarator *d) {
  if (!d->name) {
    tm_error_at(p->diags, TM_DIAG_SYNTAX, d->loc, "expected a variable name");
    return false;
  }
  if (sm_at(p, SM_P_LPAREN)) {
    const sm_token *start = p->t;
    sm_skip(p);
    bool function = sm_starts_type(p) || sm_at(p, SM_P_RPAREN);
    p->t = start;
    if (function) {
      sm_unsupported(p, d->loc, "functions cannot be declared in functions");
      return false;
    }
  }
  for (uint32_t i = 0; i < d->attributes.len; i++)
    if (strcmp(d->attributes.data[i].name, "maybe_unused") != 0)
      sm_error(p, d->attributes.data[i].loc, "attribute '%s' does not apply to "
               "a local variable", d->attributes.data[i].name);
  if (!d->type || d->type != p->log_type) return true;
  sm_error(p, d->loc, "an os_log must be a program scope variable in the "
           "constant address space");
  return false;
}

static bool parse_local_variable(sm_parser *p, const sm_specifiers *s,
                                 sm_stmts *out) {
  sm_declarator d;
  sm_var_kind kind;
  bool is_list;
  if (!sm_parse_declarator(p, s, false, &d) || !check_local(p, &d))
    return false;
  bool placed = local_space(p, s, &d, &kind);
  const sm_type *type = placed && d.type ? d.type : p->error_type;
  sm_var *var = sm_new_var(p, kind, d.name, type, d.loc);
  var->is_const = d.is_const || s->is_constexpr;
  sm_symbol *symbol = NULL;
  if (!s->is_auto) { /* in scope in its own initialiser, as in C++ */
    symbol = sm_bind(p, SM_SYM_VAR, d.name, d.loc);
    if (symbol) symbol->var = var;
  }
  if (s->is_auto && sm_token_is(p->t, SM_P_ASSIGN) &&
      sm_token_is(sm_ahead(p), SM_P_LBRACE)) {
    sm_error(p, d.loc, "cannot deduce the type of '%s' from a list", d.name);
    return false;
  }
  const sm_type *target = type;
  sm_expr *init = parse_init(p, &target, d.unsized, &is_list);
  if (s->is_auto) {
    if (init && placed) target = deduce(p, s, &d, init);
    if (!init)
      sm_error(p, d.loc, "declaration of variable '%s' with type 'auto' "
               "requires an initializer", d.name);
    symbol = sm_bind(p, SM_SYM_VAR, d.name, d.loc);
    if (symbol) symbol->var = var;
  }
  var->type = target;
  if (d.unsized && !init && target != p->error_type) {
    sm_error(p, d.loc, "the array's size is missing");
    return false;
  }
  if (!check_object_type(p, &d, target, kind)) {
    var->type = p->error_type;
    return true;
  }
  if (kind == SM_V_THREADGROUP) {
    if (init)
      sm_error(p, d.loc, "variables in the threadgroup address space cannot "
               "be initialized");
    add_threadgroup(p, var);
    init = NULL;
  }
  finish_local(p, s, var, init);
  tm_push(p->arena, out, declaration(p, var));
  return true;
}

sm_var *sm_declare_hidden(sm_parser *p, const char *name, const sm_type *type,
                          sm_expr *init, sm_stmts *out) {
  sm_var *var = sm_new_var(p, SM_V_LOCAL, tm_intern_cstr(p->names, name), type,
                           init->loc);
  var->init = init;
  tm_push(p->arena, out, declaration(p, var));
  return var;
}

void sm_declare_element(sm_parser *p, const sm_specifiers *s,
                        const sm_declarator *d, sm_expr *element,
                        sm_stmts *out) {
  sm_var_kind kind;
  bool placed = check_local(p, d) && local_space(p, s, d, &kind);
  if (placed && kind == SM_V_THREADGROUP) {
    sm_error(p, d->loc, "variables in the threadgroup address space cannot "
             "be initialized");
    placed = false;
  }
  const sm_type *type = !placed ? p->error_type
                        : s->is_auto ? deduce(p, s, d, element) : d->type;
  sm_var *var = sm_new_var(p, SM_V_LOCAL, d->name, type, d->loc);
  var->is_const = d->is_const || s->is_constexpr;
  sm_symbol *symbol = d->name ? sm_bind(p, SM_SYM_VAR, d->name, d->loc) : NULL;
  if (symbol) symbol->var = var;
  if (!check_object_type(p, d, type, SM_V_LOCAL)) {
    var->type = p->error_type;
    return;
  }
  finish_local(p, s, var, element);
  tm_push(p->arena, out, declaration(p, var));
}

/* auto [a, b] = e; the names are bound, so that only this is an error. */
static void refuse_binding(sm_parser *p) {
  sm_unsupported(p, p->t->loc, "structured bindings are not supported");
  for (sm_skip(p); p->t->kind == SM_TK_NAME && !p->t->keyword;) {
    sm_symbol *symbol = sm_bind(p, SM_SYM_VAR, p->t->name, p->t->loc);
    if (symbol)
      symbol->var = sm_new_var(p, SM_V_LOCAL, p->t->name, p->error_type,
                               p->t->loc);
    sm_skip(p);
    if (!sm_accept(p, SM_P_COMMA)) break;
  }
  sm_recover(p);
}

void sm_parse_local(sm_parser *p, sm_stmts *out) {
  sm_specifiers s;
  if (!sm_parse_specifiers(p, &s)) {
    sm_recover(p);
    return;
  }
  if (s.is_typedef) {
    sm_parse_typedef(p, &s);
    return;
  }
  if (s.is_auto && sm_at(p, SM_P_LSQUARE)) {
    refuse_binding(p);
    return;
  }
  if (s.is_kernel || s.is_inline)
    sm_error(p, s.loc, "a local variable cannot be kernel or inline");
  for (uint32_t i = 0; i < s.attributes.len; i++)
    if (strcmp(s.attributes.data[i].name, "maybe_unused") != 0)
      sm_error(p, s.attributes.data[i].loc, "attribute '%s' does not apply "
               "here", s.attributes.data[i].name);
  if (sm_accept(p, SM_P_SEMI)) return; /* struct S { ... }; */
  uint32_t errors = p->diags->errors;
  do {
    if (!parse_local_variable(p, &s, out)) {
      sm_recover(p);
      return;
    }
  } while (sm_accept(p, SM_P_COMMA));
  if (p->diags->errors != errors && !sm_at(p, SM_P_SEMI)) {
    sm_recover(p); /* the initialiser was not read to its end */
    return;
  }
  if (!sm_expect(p, SM_P_SEMI, "after the declaration")) sm_recover(p);
}

/* ---- functions -------------------------------------------------------- */

typedef struct parameters {
  TM_VEC(sm_var *) vars;
  TM_VEC(sm_attributes) attributes;
  TM_VEC(bool) size_types;
  sm_exprs defaults; /* NULL: none */
} parameters;

static void check_param_type(sm_parser *p, sm_var *var,
                             const sm_declarator *d) {
  const sm_type *t = var->type;
  if (t == p->error_type) return;
  bool indirect = t->kind == SM_T_REFERENCE || t->kind == SM_T_POINTER;
  if (sm_is_void(t) || (!indirect && !t->size))
    sm_error(p, d->loc, "parameter has incomplete type '%s'", t->spelling);
  else if (d->has_space && d->space != SM_THREAD)
    sm_error(p, d->loc, "parameter may not be qualified with an address "
             "space");
  else if (!indirect && sm_type_holds(t, is_atomic))
    sm_error(p, d->loc, "an atomic object cannot be passed by value");
  else if (indirect || check_thread_union(p, t, d->loc))
    return;
  var->type = p->error_type;
}

static bool parse_parameters(sm_parser *p, parameters *out) {
  sm_skip(p); /* '(' */
  if (sm_at_word(p, SM_K_void) && sm_token_is(sm_ahead(p), SM_P_RPAREN))
    sm_skip(p);
  if (sm_accept(p, SM_P_RPAREN)) return true;
  do {
    sm_specifiers s;
    sm_declarator d;
    if (sm_at(p, SM_P_ELLIPSIS)) {
      sm_error(p, p->t->loc, "variadic functions are not supported in Metal");
      return false;
    }
    if (!sm_parse_specifiers(p, &s) || !sm_parse_declarator(p, &s, true, &d))
      return false;
    if (s.is_auto || s.is_typedef || s.is_static || s.is_kernel) {
      sm_error(p, s.loc, "invalid specifier on a parameter");
      return false;
    }
    sm_var *var = sm_new_var(p, SM_V_PARAM, d.name, d.type, d.loc);
    var->is_const = d.is_const;
    check_param_type(p, var, &d);
    for (uint32_t i = 0; i < s.attributes.len; i++)
      tm_push(p->arena, &d.attributes, s.attributes.data[i]);
    tm_push(p->arena, &out->vars, var);
    tm_push(p->arena, &out->attributes, d.attributes);
    tm_push(p->arena, &out->size_types, s.is_size_type);
    sm_expr *value = NULL;
    tm_loc at = p->t->loc;
    if (sm_accept(p, SM_P_ASSIGN)) {
      value = sm_parse_assignment(p);
      if (var->type != p->error_type)
        value = var->type->kind == SM_T_REFERENCE
                    ? bind_reference(p, value, var->type)
                    : sm_convert(p, value, var->type,
                                 "initialize a parameter");
    } else if (out->defaults.len &&
               out->defaults.data[out->defaults.len - 1]) {
      sm_error(p, at, "missing default argument on parameter '%s'",
               d.name ? d.name : "");
      return false;
    }
    tm_push(p->arena, &out->defaults, value);
  } while (sm_accept(p, SM_P_COMMA));
  return sm_expect(p, SM_P_RPAREN, "after the parameters");
}

bool sm_parse_parameter_types(sm_parser *p, sm_types *out) {
  parameters list = {0};
  if (!sm_at(p, SM_P_LPAREN) || !parse_parameters(p, &list)) return false;
  for (uint32_t i = 0; i < list.vars.len; i++)
    tm_push(p->arena, out, list.vars.data[i]->type);
  return true;
}

bool sm_parse_function_type(sm_parser *p, const sm_type **result,
                            sm_types *params) {
  sm_specifiers s;
  if (!sm_parse_specifiers(p, &s) || s.is_auto || !s.type) return false;
  *result = s.type;
  while (!sm_at(p, SM_P_RPAREN) && p->t < p->end) sm_skip(p); /* (*name */
  sm_skip(p);
  return sm_parse_parameter_types(p, params);
}

static void apply_param_attributes(sm_parser *p, sm_function *f,
                                   const parameters *params) {
  for (uint32_t i = 0; i < params->vars.len; i++) {
    sm_var *var = params->vars.data[i];
    const sm_attributes *a = &params->attributes.data[i];
    if (f->is_kernel) {
      sm_kernel_param(p, var, a, params->size_types.data[i]);
      continue;
    }
    for (uint32_t k = 0; k < a->len; k++)
      sm_plain_param_attribute(p, &a->data[k]);
  }
  if (f->is_kernel) sm_kernel_check(p, f);
}

static bool same_params(const sm_function *a, const parameters *b) {
  if (a->params.len != b->vars.len) return false;
  for (uint32_t i = 0; i < a->params.len; i++)
    if (a->params.data[i]->type != b->vars.data[i]->type) return false;
  return true;
}

/* Default arguments of this declaration go to those of earlier ones. */
static bool add_defaults(sm_parser *p, sm_callable *c,
                         const parameters *params, tm_loc loc) {
  for (uint32_t i = 0; i < params->defaults.len; i++) {
    sm_expr *value = params->defaults.data[i];
    if (i == c->defaults.len) tm_push(p->arena, &c->defaults, NULL);
    if (!value) continue;
    if (c->function->is_kernel || c->defaults.data[i]) {
      sm_error(p, loc, c->function->is_kernel
               ? "a parameter of a kernel cannot have a default argument"
               : "redefinition of a default argument");
      return false;
    }
    c->defaults.data[i] = value;
  }
  return true;
}

static sm_callable *new_callable(sm_parser *p, const sm_declarator *d,
                                 const parameters *params,
                                 const sm_type *result, bool is_kernel) {
  sm_callable *c = TM_NEW(p->arena, sm_callable);
  c->function = TM_NEW(p->arena, sm_function);
  c->function->name = d->name;
  c->function->result = result;
  c->function->is_kernel = is_kernel;
  c->function->loc = d->loc;
  if (!add_defaults(p, c, params, d->loc)) return NULL;
  tm_push(p->arena, &p->callables, c);
  return c;
}

/* The overload of the same parameters, or a new one. NULL after an error. */
static sm_callable *declare(sm_parser *p, const sm_declarator *d,
                            const parameters *params, const sm_type *result,
                            bool is_kernel) {
  sm_symbol *s = sm_find_here(p, d->name);
  if (s && s->kind == SM_SYM_TYPE) s = NULL;
  if (!s || s->kind != SM_SYM_FUNCTION) {
    s = sm_bind(p, SM_SYM_FUNCTION, d->name, d->loc);
    if (!s) return NULL;
  }
  for (uint32_t i = 0; i < s->overloads.len; i++) {
    sm_callable *c = s->overloads.data[i];
    if (c->function->is_kernel || is_kernel) {
      sm_error(p, d->loc, "kernel function '%s' cannot be overloaded or "
               "declared twice", d->name);
      return NULL;
    }
    if (!same_params(c->function, params)) continue;
    if (c->function->result == result) {
      if (!add_defaults(p, c, params, d->loc)) return NULL;
      return c;
    }
    sm_error(p, d->loc, "functions that differ only in their return type "
             "cannot be overloaded");
    return NULL;
  }
  sm_callable *c = new_callable(p, d, params, result, is_kernel);
  if (c) tm_push(p->arena, &s->overloads, c);
  return c;
}

/* The words after the ')' of a method, and *this before its parameters. */
static void add_self(sm_parser *p, const sm_type *type, tm_loc loc,
                     parameters *params) {
  bool is_const = false, is_volatile = false;
  sm_space space = SM_THREAD;
  for (; p->t->kind == SM_TK_NAME; sm_skip(p)) {
    if (sm_at_word(p, SM_K_const)) is_const = true;
    else if (sm_at_word(p, SM_K_volatile)) is_volatile = true;
    else if (sm_at_word(p, SM_K_device)) space = SM_DEVICE;
    else if (sm_at_word(p, SM_K_constant)) space = SM_CONSTANT;
    else if (sm_at_word(p, SM_K_threadgroup)) space = SM_THREADGROUP;
    else if (!sm_at_word(p, SM_K_thread)) break;
  }
  is_const |= space == SM_CONSTANT;
  sm_var *self = sm_new_var(
      p, SM_V_PARAM, NULL,
      sm_type_reference(p, type, space, is_const, is_volatile), loc);
  parameters all = {0};
  sm_attributes none = {0};
  tm_push(p->arena, &all.vars, self);
  tm_push(p->arena, &all.attributes, none);
  tm_push(p->arena, &all.size_types, false);
  tm_push(p->arena, &all.defaults, NULL);
  for (uint32_t i = 0; i < params->vars.len; i++) {
    tm_push(p->arena, &all.vars, params->vars.data[i]);
    tm_push(p->arena, &all.attributes, params->attributes.data[i]);
    tm_push(p->arena, &all.size_types, params->size_types.data[i]);
    tm_push(p->arena, &all.defaults, params->defaults.data[i]);
  }
  *params = all;
}

static void check_signature(sm_parser *p, const sm_declarator *d) {
  if (strcmp(d->name, "main") == 0)
    sm_error(p, d->loc, "a function cannot be called 'main' in Metal");
  if (d->type->kind == SM_T_ARRAY || d->type->kind == SM_T_ATOMIC)
    sm_error(p, d->loc, "function cannot return type '%s'", d->type->spelling);
  if (d->type->kind == SM_T_REFERENCE)
    sm_unsupported(p, d->loc, "functions that return references are not "
                   "supported");
  if (d->has_space && d->space != SM_THREAD)
    sm_error(p, d->loc, "return value cannot be qualified with an address "
             "space");
}

static bool has_name(const sm_parser *p, tm_name name) {
  for (uint32_t i = 0; i < p->program->functions.len; i++)
    if (p->program->functions.data[i]->is_kernel &&
        p->program->functions.data[i]->name == name)
      return true;
  return false;
}

/* Does every way through s end in a return? Loops and switches that may do
 * are taken to. */
static bool always_returns(const sm_stmt *s) {
  if (!s) return false;
  switch (s->kind) {
    case SM_S_RETURN: return true;
    case SM_S_BLOCK:
      for (uint32_t i = 0; i < s->body.len; i++)
        if (always_returns(s->body.data[i])) return true;
      return false;
    case SM_S_IF:
      if (s->e && s->e->kind == SM_LITERAL)
        return s->e->u.i ? always_returns(s->body.data[0])
                         : s->body.len > 1 && always_returns(s->body.data[1]);
      return s->body.len > 1 && always_returns(s->body.data[0]) &&
             always_returns(s->body.data[1]);
    case SM_S_DO: return true;
    case SM_S_FOR: case SM_S_WHILE:
      return !s->e || s->e->kind == SM_LITERAL;
    case SM_S_SWITCH:
      for (uint32_t i = 0; i < s->body.len; i++)
        if (s->body.data[i]->kind == SM_S_CASE && s->body.data[i]->is_default)
          return true;
      return false;
    default: return false;
  }
}

static void check_returns(sm_parser *p, const sm_function *f, tm_loc end) {
  if (!sm_is_void(f->result) && f->result != p->error_type &&
      !always_returns(f->body))
    tm_warning_at(p->diags, end, "non-void function does not return a value "
                  "in all control paths");
}

void sm_parse_definition(sm_parser *p, sm_callable *c) {
  sm_function *f = c->function;
  p->callable = c;
  sm_math_mode math = p->math;
  bool contract = p->contract;
  p->self = c->is_method ? f->params.data[0] : NULL;
  sm_scope_enter(p);
  for (uint32_t i = 0; i < f->params.len; i++) {
    sm_var *var = f->params.data[i];
    if (!var->name) continue;
    sm_symbol *symbol = sm_bind(p, SM_SYM_VAR, var->name, var->loc);
    if (symbol) symbol->var = var;
  }
  const sm_token *open = p->t;
  uint32_t errors = p->diags->errors;
  f->body = sm_parse_body(p);
  if (p->t > open && p->diags->errors == errors)
    check_returns(p, f, p->t[-1].loc);
  sm_scope_leave(p);
  p->math = math;
  p->contract = contract;
  p->callable = NULL;
  p->self = NULL;
  tm_push(p->arena, &p->program->functions, f);
}

static bool parse_function(sm_parser *p, const sm_specifiers *s,
                           sm_declarator *d) {
  parameters params = {0};
  if (s->is_auto) {
    sm_unsupported(p, d->loc, "functions that return auto are not supported");
    return false;
  }
  if (!parse_parameters(p, &params)) return false;
  const sm_type *owner = p->instance ? p->instance->pattern->method_of : NULL;
  bool is_method = owner && !s->is_static;
  if (is_method) add_self(p, owner, d->loc, &params);
  sm_attributes attributes = s->attributes;
  sm_parse_attributes(p, &d->attributes);
  for (uint32_t i = 0; i < d->attributes.len; i++)
    tm_push(p->arena, &attributes, d->attributes.data[i]);
  if (sm_at_word(p, SM_K_const)) {
    sm_error(p, p->t->loc, "non-member function cannot have 'const' qualifier");
    return false;
  }
  sm_function parsed = {0};
  parsed.name = d->name;
  bool is_kernel = s->is_kernel;
  for (uint32_t i = 0; i < attributes.len; i++)
    is_kernel |= strcmp(attributes.data[i].name, "kernel") == 0;
  check_signature(p, d);
  sm_function_attributes(p, &parsed, &attributes, &is_kernel);
  sm_instance *instance = p->instance;
  sm_callable *c = instance ? new_callable(p, d, &params, d->type, is_kernel)
                            : declare(p, d, &params, d->type, is_kernel);
  if (!c) return false;
  sm_function *f = c->function;
  c->is_method = is_method;
  bool defines = sm_at(p, SM_P_LBRACE);
  if (s->is_constexpr) tm_map_put(&p->constexprs, TM_KEY(f), 1);
  if (f->body && defines) {
    sm_error(p, d->loc, "redefinition of '%s'", d->name);
    return false;
  }
  f->name = parsed.name;
  f->max_threads = parsed.max_threads;
  memcpy(f->required_threads, parsed.required_threads,
         sizeof f->required_threads);
  if (f->is_kernel && !instance && has_name(p, f->name))
    sm_error(p, d->loc, "two kernels are called '%s'", f->name);
  if (!f->body) {
    f->params.data = params.vars.data;
    f->params.len = params.vars.len;
    f->params.cap = params.vars.cap;
    apply_param_attributes(p, f, &params);
  }
  if (instance) {
    instance->callable = c;
    instance->body = defines ? p->t : NULL;
    return true;
  }
  if (!defines) return sm_expect(p, SM_P_SEMI, "after the function");
  f->loc = d->loc;
  sm_parse_definition(p, c);
  return true;
}

/* ---- methods ---------------------------------------------------------- */

static bool is_declared(const sm_symbol *s, const parameters *params,
                        bool is_method) {
  for (uint32_t i = 0; i < s->overloads.len; i++)
    if (s->overloads.data[i]->is_method == is_method &&
        same_params(s->overloads.data[i]->function, params))
      return true;
  return false;
}

bool sm_parse_method(sm_parser *p, const sm_type *type,
                     const sm_specifiers *s, sm_declarator *d) {
  parameters params = {0};
  if (s->is_auto) {
    sm_unsupported(p, d->loc, "functions that return auto are not supported");
    return false;
  }
  if (!parse_parameters(p, &params)) return false;
  if (!s->is_static) add_self(p, type, d->loc, &params);
  check_signature(p, d);
  if (sm_at(p, SM_P_ASSIGN)) {
    sm_unsupported(p, p->t->loc, "'= default' and '= delete' are not "
                   "supported");
    return false;
  }
  sm_symbol *symbol = sm_find_here(p, d->name);
  if (!symbol || symbol->kind != SM_SYM_FUNCTION)
    symbol = sm_bind(p, SM_SYM_FUNCTION, d->name, d->loc);
  if (!symbol) return false;
  if (is_declared(symbol, &params, !s->is_static)) {
    sm_error(p, d->loc, "class member cannot be redeclared");
    return false;
  }
  sm_callable *c = new_callable(p, d, &params, d->type, false);
  if (!c) return false;
  c->is_method = !s->is_static;
  tm_push(p->arena, &symbol->overloads, c);
  c->function->params.data = params.vars.data;
  c->function->params.len = c->function->params.cap = params.vars.len;
  apply_param_attributes(p, c->function, &params);
  if (s->is_constexpr) tm_map_put(&p->constexprs, TM_KEY(c->function), 1);
  if (!sm_at(p, SM_P_LBRACE)) {
    tm_diag *diag = sm_unsupported(p, d->loc, "method '%s' is defined "
                                   "elsewhere", d->name);
    sm_hint(p, diag, "write its body in the struct");
    return false;
  }
  c->pending = sm_pending_body(p, c);
  sm_skip_balanced(p);
  return true;
}

/* ---- program scope ---------------------------------------------------- */

static bool is_constant_shape(const sm_type *t) {
  if (t->kind == SM_T_VECTOR) return !t->packed;
  return sm_is_scalar(t);
}

static void function_constant(sm_parser *p, sm_var *var,
                              const sm_attribute *a) {
  int64_t index = -1;
  var->kind = SM_V_FUNCTION_CONSTANT;
  if (a->value && !sm_is_error(p, a->value) &&
      !sm_fold_int(p, sm_rvalue(p, a->value), &index))
    index = -1;
  if (index < 0 || index > 65535)
    sm_error(p, a->loc, "'function_constant' attribute parameter must be "
             "a constant between 0 and 65535");
  var->index = (uint32_t)index;
  if (!is_constant_shape(var->type))
    sm_error(p, var->loc, "invalid type '%s' for a function constant: use a "
             "scalar or a vector", var->type->spelling);
  for (uint32_t i = 0; i < p->program->function_constants.len; i++) {
    const sm_var *old = p->program->function_constants.data[i];
    if (old->index == var->index)
      sm_error(p, a->loc, "function constant index %u is used by '%s' too",
               var->index, old->name);
  }
  tm_push(p->arena, &p->program->function_constants, var);
}

static bool mentions_constant(const sm_expr *e) {
  if (e->kind == SM_VAR) return true;
  for (int i = 0; i < 3; i++)
    if (e->a[i] && mentions_constant(e->a[i])) return true;
  return e->args.len && mentions_constant(e->args.data[0]);
}

/* Made of function constants alone: constant bool B = A && X > 2; such a
 * variable is its expression wherever it is read. */
static bool derived_constant(const sm_expr *e) {
  switch ((int)e->kind) {
    case SM_LITERAL: return true;
    case SM_READ:
      return e->a[0]->kind == SM_VAR &&
             e->a[0]->u.var->kind == SM_V_FUNCTION_CONSTANT;
    case SM_BUILTIN:
      return e->u.builtin == SM_B_IS_FUNCTION_CONSTANT_DEFINED;
    case SM_CAST: case SM_UNARY: case SM_BINARY: case SM_AND: case SM_OR:
    case SM_SELECT: break;
    default: return false;
  }
  for (int i = 0; i < 3; i++)
    if (e->a[i] && !derived_constant(e->a[i])) return false;
  return true;
}

static void finish_global(sm_parser *p, sm_var *var, sm_expr *init) {
  const sm_type *t = var->type;
  if (!init) {
    sm_error(p, var->loc, "variable '%s' in the constant address space must "
             "be initialized", var->name);
    return;
  }
  if (t->kind == SM_T_ARRAY && init->kind != SM_CONSTRUCT &&
      !sm_is_error(p, init)) {
    sm_error(p, init->loc, "array initializer must be an initializer list");
    return;
  }
  if (t->kind != SM_T_ARRAY)
    init = sm_convert(p, init, t, "initialize a variable");
  if (sm_is_error(p, init)) return;
  sm_expr *folded = sm_fold_initializer(p, init);
  if (!folded && sm_is_scalar(t) && derived_constant(init) &&
      mentions_constant(init)) {
    var->init = init;
    return;
  }
  if (!folded) {
    sm_error(p, var->loc, "variable '%s' in the constant address space must "
             "be initialized by a constant expression", var->name);
    return;
  }
  var->init = folded;
  tm_push(p->arena, &p->program->globals, var);
}

static bool holds_what_no_constant_has(const sm_type *t) {
  return t->kind == SM_T_ATOMIC || t->kind == SM_T_FRAGMENT ||
         t->kind == SM_T_POINTER;
}

/* May the declarator be a program scope variable at all? */
static bool check_global(sm_parser *p, const sm_specifiers *s,
                         const sm_declarator *d) {
  if (!d->name) {
    tm_error_at(p->diags, TM_DIAG_SYNTAX, d->loc, "expected a name");
    return false;
  }
  if (s->is_kernel) {
    sm_error(p, d->loc, "'kernel' only applies to functions");
    return false;
  }
  if (d->has_space && d->space == SM_CONSTANT) return true;
  tm_diag *diag = sm_error(p, d->loc, "program scope variable must reside in "
                           "constant address space");
  sm_hint(p, diag, "constant %s%s %s = ...;",
          s->is_constexpr ? "constexpr " : "",
          d->type ? d->type->spelling : "auto", d->name);
  return true;
}

/* The attribute that makes it a function constant; NULL: there is none. */
static const sm_attribute *constant_attribute(sm_parser *p,
                                              const sm_specifiers *s,
                                              sm_declarator *d) {
  const sm_attribute *constant = NULL;
  for (uint32_t i = 0; i < s->attributes.len; i++)
    tm_push(p->arena, &d->attributes, s->attributes.data[i]);
  for (uint32_t i = 0; i < d->attributes.len; i++) {
    const sm_attribute *a = &d->attributes.data[i];
    if (strcmp(a->name, "function_constant") == 0)
      constant = a;
    else if (strcmp(a->name, "maybe_unused") != 0)
      sm_unsupported(p, a->loc, "attribute '%s' is not supported on a "
                     "program scope variable", a->name);
  }
  return constant;
}

static void bind_var(sm_parser *p, sm_var *var) {
  sm_symbol *symbol = sm_bind(p, SM_SYM_VAR, var->name, var->loc);
  if (symbol) symbol->var = var;
}

/* uint i [[thread_position_in_grid]]; at program scope: MSL 3.1 has it. */
static bool is_global_input(const sm_specifiers *s, const sm_declarator *d) {
  const sm_attributes *both[] = {&s->attributes, &d->attributes};
  for (int k = 0; k < 2; k++)
    for (uint32_t i = 0; i < both[k]->len; i++)
      if (sm_is_input_attribute(both[k]->data[i].name)) return true;
  return false;
}

static bool parse_global(sm_parser *p, const sm_specifiers *s,
                         sm_declarator *d) {
  bool is_list;
  if (d->name && is_global_input(s, d)) {
    tm_diag *diag = sm_unsupported(p, d->loc, "'%s': inputs of kernels and "
                                   "buffers at program scope are not "
                                   "supported", d->name);
    sm_hint(p, diag, "make it a parameter of the kernel");
    bind_var(p, sm_new_var(p, SM_V_GLOBAL, d->name, p->error_type, d->loc));
    return true;
  }
  if (!check_global(p, s, d)) return false;
  const sm_attribute *constant = constant_attribute(p, s, d);
  const sm_type *type = d->type ? d->type : p->error_type;
  sm_var *var = sm_new_var(p, SM_V_GLOBAL, d->name, type, d->loc);
  var->is_const = true;
  if (!s->is_auto) bind_var(p, var);
  if (type == p->log_type) {
    var->log = sm_parse_logger(p);
    return var->log != NULL;
  }
  const sm_type *target = type;
  sm_expr *init = parse_init(p, &target, d->unsized, &is_list);
  if (s->is_auto) {
    if (init) target = deduce(p, s, d, init);
    else
      sm_error(p, d->loc, "declaration of variable '%s' with type 'auto' "
               "requires an initializer", d->name);
    bind_var(p, var);
  }
  var->type = target;
  if (!check_object_type(p, d, target, SM_V_GLOBAL)) {
    var->type = p->error_type;
    return true;
  }
  if (target->kind == SM_T_REFERENCE ||
      sm_type_holds(target, holds_what_no_constant_has)) {
    sm_error(p, d->loc, "type '%s' is not allowed for a program scope "
             "constant", target->spelling);
    var->type = p->error_type;
    return true;
  }
  if (!constant) {
    finish_global(p, var, init);
    return true;
  }
  if (init)
    sm_error(p, d->loc, "function constant '%s' cannot be initialized",
             d->name);
  function_constant(p, var, constant);
  return true;
}

bool sm_parse_static_member(sm_parser *p, const sm_specifiers *s,
                            sm_declarator *d) {
  if (!s->is_constexpr && !s->is_const && d->space != SM_CONSTANT) {
    sm_error(p, d->loc, "static data member '%s' must be a constant: static "
             "constant constexpr T x = ...;", d->name);
    return false;
  }
  if (p->depth) {
    sm_error(p, d->loc, "static data member '%s' is not allowed in a local "
             "struct", d->name);
    return false;
  }
  return parse_global(p, s, d);
}

void sm_parse_function_instance(sm_parser *p, sm_instance *instance) {
  sm_specifiers s;
  sm_declarator d;
  p->instance = instance;
  if (sm_parse_specifiers(p, &s) && sm_parse_declarator(p, &s, false, &d)) {
    if (d.is_function)
      parse_function(p, &s, &d);
    else
      sm_unsupported(p, d.loc, "variable templates are not supported");
  }
  p->instance = NULL;
}

static void parse_external(sm_parser *p) {
  sm_specifiers s;
  if (!sm_parse_specifiers(p, &s)) {
    sm_recover(p);
    return;
  }
  if (s.is_typedef) {
    sm_parse_typedef(p, &s);
    return;
  }
  if (sm_accept(p, SM_P_SEMI)) return; /* struct S { ... }; */
  do {
    sm_declarator d;
    if (!sm_parse_declarator(p, &s, false, &d)) {
      sm_recover(p);
      return;
    }
    if (d.is_function && d.type != p->log_type) {
      if (!parse_function(p, &s, &d)) sm_recover(p);
      return;
    }
    if (!parse_global(p, &s, &d)) {
      sm_recover(p);
      return;
    }
  } while (sm_accept(p, SM_P_COMMA));
  if (!sm_expect(p, SM_P_SEMI, "after the declaration")) sm_recover(p);
}

static void file_pragma(sm_parser *p) {
  const sm_token *t = p->t;
  sm_skip(p);
  if (t->punct == SM_PRAGMA_MATH_MODE) {
    p->math = (sm_math_mode)t->value;
    if (!p->program->functions.len) p->program->math_mode = p->math;
  } else if (t->punct == SM_PRAGMA_CONTRACT) {
    p->contract = t->value != 0;
  } else {
    sm_error(p, t->loc, "a loop pragma must stand before a loop");
    if (t->value == SM_UNROLL_COUNT) sm_skip_balanced(p);
  }
}

/* `template <...> ...;` or `{...}`: one error, then on. */
static void skip_refused(sm_parser *p) {
  sm_refused_word(p);
  sm_skip(p);
  sm_recover(p);
}

void sm_parse_declarations(sm_parser *p) {
  while (p->t < p->end) {
    const sm_token *before = p->t;
    if (p->namespaces && sm_at(p, SM_P_RBRACE)) return;
    if (sm_accept(p, SM_P_SEMI)) continue;
    if (p->t->kind == SM_TK_PRAGMA) {
      file_pragma(p);
    } else if (sm_at_word(p, SM_K_using)) {
      sm_parse_using(p);
    } else if (sm_at_word(p, SM_K_static_assert)) {
      sm_parse_static_assert(p);
    } else if (sm_at_word(p, SM_K_namespace) ||
               (sm_at_word(p, SM_K_inline) &&
                sm_ahead(p)->keyword == SM_K_namespace)) {
      sm_parse_namespace(p);
    } else if (sm_at_word(p, SM_K_template)) {
      sm_parse_template(p);
    } else if (sm_at_word(p, SM_K_class) ||
               sm_at_word(p, SM_K_extern)) {
      skip_refused(p);
    } else {
      parse_external(p);
    }
    if (p->t == before) { /* an unmatched '}' or ')' */
      if (!p->gave_up)
        tm_error_at(p->diags, TM_DIAG_SYNTAX, p->t->loc,
                    "extraneous '%.*s'", (int)(p->t->len < 40 ? p->t->len : 40),
                    p->t->text);
      sm_skip(p);
    }
  }
}

void sm_parse_file(sm_parser *p) {
  sm_parse_declarations(p);
}
