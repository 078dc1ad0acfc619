/* SPDX-License-Identifier: MIT */
/*
 * msl_declarator.c - specifiers, declarators, attributes, type names.
 *
 * Address spaces stand before the type (`device const float *p`), or after a
 * '*' for what a further '*' points to. Every pointer and reference must
 * name the space of what it refers to; there is no generic space.
 */
#include "front.h"

/* ---- words refused by name -------------------------------------------- */

static const struct {
  sm_keyword word;
  const char *message, *hint;
} refusals[] = {
  {SM_K_double, "'double' is not supported in Metal", "use float"},
  {SM_K_goto, "'goto' is not supported in Metal", NULL},
  {SM_K_new, "'new' is not supported in Metal", NULL},
  {SM_K_delete, "'delete' is not supported in Metal", NULL},
  {SM_K_virtual, "virtual functions are not supported in Metal", NULL},
  {SM_K_template, "a template cannot be declared here", NULL},
  {SM_K_operator, "operator overloading is not supported by this front end",
   "use a named function"},
  {SM_K_this, "invalid use of 'this' outside of a non-static member function",
   NULL},
  {SM_K_friend, "classes are not supported by this front end", NULL},
  {SM_K_class, "classes are not supported by this front end",
   "use a struct of plain members"},
  {SM_K_try, "exceptions are not supported in Metal", NULL},
  {SM_K_catch, "exceptions are not supported in Metal", NULL},
  {SM_K_throw, "exceptions are not supported in Metal", NULL},
  {SM_K_dynamic_cast, "'dynamic_cast' is not supported in Metal", NULL},
  {SM_K_typeid, "'typeid' is not supported in Metal", NULL},
  {SM_K_thread_local, "'thread_local' is not supported in Metal", NULL},
  {SM_K_register, "'register' is not supported in Metal", NULL},
  {SM_K_noexcept, "'noexcept' is not supported in Metal", NULL},
  {SM_K_asm, "inline assembly is not supported", NULL},
  {SM_K___asm, "inline assembly is not supported", NULL},
  {SM_K___asm__, "inline assembly is not supported", NULL},
  {SM_K_extern, "'extern' is not supported by this front end", NULL},
  {SM_K_export, "'export' is not supported in Metal", NULL},
  {SM_K_mutable, "'mutable' is not supported by this front end", NULL},
  {SM_K_explicit, "classes are not supported by this front end", NULL},
  {SM_K_private, "classes are not supported by this front end", NULL},
  {SM_K_protected, "classes are not supported by this front end", NULL},
  {SM_K_public, "classes are not supported by this front end", NULL},
  {SM_K_wchar_t, "'wchar_t' is not supported in Metal", NULL},
  {SM_K_char16_t, "'char16_t' is not supported by this front end", NULL},
  {SM_K_char32_t, "'char32_t' is not supported by this front end", NULL},
  {SM_K_vertex, "vertex functions are not supported: kernels only", NULL},
  {SM_K_fragment, "fragment functions are not supported: kernels only", NULL},
  {SM_K_ray_data, "ray tracing is not supported", NULL},
  {SM_K_object_data, "mesh shaders are not supported", NULL},
  {SM_K_threadgroup_imageblock, "imageblocks are not supported", NULL},
};

bool sm_refused_word(sm_parser *p) {
  if (p->t->kind != SM_TK_NAME || !p->t->keyword) return false;
  for (size_t i = 0; i < TM_COUNT(refusals); i++) {
    if (refusals[i].word != (sm_keyword)p->t->keyword) continue;
    tm_diag *diag = sm_unsupported(p, p->t->loc, "%s", refusals[i].message);
    if (refusals[i].hint) sm_hint(p, diag, "%s", refusals[i].hint);
    return true;
  }
  return false;
}

/* Words that are keywords only where functions are qualified, and otherwise
 * good names. */
static bool is_soft_word(uint8_t keyword) {
  return keyword == SM_K_visible || keyword == SM_K_mesh ||
         keyword == SM_K_object || keyword == SM_K_coherent ||
         keyword == SM_K_ray_data || keyword == SM_K_object_data;
}

static bool is_name(const sm_token *t) {
  return t->kind == SM_TK_NAME &&
         (!t->keyword || (is_soft_word(t->keyword) &&
                          t->keyword != SM_K_coherent));
}

/* ---- what begins a type ----------------------------------------------- */

static bool is_type_word(uint8_t word) {
  switch (word) {
    case SM_K_void: case SM_K_bool: case SM_K_char: case SM_K_short:
    case SM_K_int: case SM_K_long: case SM_K_half: case SM_K_bfloat:
    case SM_K_float: case SM_K_signed: case SM_K_unsigned:
    case SM_K_double: return true;
    default: return false;
  }
}

static bool is_specifier_word(uint8_t word) {
  switch (word) {
    case SM_K_const: case SM_K_volatile: case SM_K_constexpr:
    case SM_K_static: case SM_K_inline: case SM_K_device: case SM_K_constant:
    case SM_K_coherent:
    case SM_K_threadgroup: case SM_K_thread: case SM_K_kernel:
    case SM_K_struct: case SM_K_enum: case SM_K_class: case SM_K_typedef:
    case SM_K_auto: case SM_K_METAL_FUNC: case SM_K_union:
    case SM_K_register: case SM_K_thread_local: case SM_K_extern:
    case SM_K___attribute__: case SM_K_decltype: case SM_K_alignas:
    case SM_K___extension__:
    case SM_K_typename: case SM_K_mutable: return true;
    default: return false;
  }
}

/* After '<' to after its '>'; NULL if there is none before ';' or '{'. */
const sm_token *sm_after_template(const sm_parser *p, const sm_token *t) {
  int depth = 0, parens = 0;
  for (; t < p->end; t++) {
    if (t->kind != SM_TK_PUNCT) continue;
    if (t->punct == SM_P_SEMI || t->punct == SM_P_LBRACE) return NULL;
    if (t->punct == SM_P_LPAREN) parens++;
    if (t->punct == SM_P_RPAREN && --parens < 0) return NULL;
    if (parens) continue;
    if (t->punct == SM_P_LT) depth++;
    if (t->punct == SM_P_GT) depth--;
    if (depth <= 0) return t + 1;
  }
  return NULL;
}

static bool is_type_template(const sm_parser *p, tm_name name) {
  return name == p->n.vec || name == p->n.packed_vec || name == p->n.matrix ||
         name == p->n.simdgroup_matrix || name == p->n.atomic ||
         name == p->n.array || sm_is_type_trait(name);
}

/* Moves over ::name after a struct as long as the names are types in it. */
static const sm_token *after_members(sm_parser *p, const sm_type *type,
                                     const sm_token *t) {
  while (type->kind == SM_T_STRUCT && t + 1 < p->end &&
         sm_token_is(t, SM_P_SCOPE) && t[1].kind == SM_TK_NAME) {
    sm_symbol *s = sm_find_in(p, sm_struct_of(p, type)->prefix, t[1].name);
    if (!s || s->kind != SM_SYM_TYPE) break;
    type = s->type;
    t += 2;
  }
  return t;
}

/* The type that stands before t, which after_members found. */
static const sm_type *member_type(sm_parser *p, const sm_type *type) {
  while (type->kind == SM_T_STRUCT && sm_at(p, SM_P_SCOPE) &&
         sm_ahead(p)->kind == SM_TK_NAME) {
    sm_symbol *s = sm_find_in(p, sm_struct_of(p, type)->prefix,
                              sm_ahead(p)->name);
    if (!s || s->kind != SM_SYM_TYPE) break;
    sm_skip(p);
    sm_skip(p);
    type = s->type;
  }
  return type;
}

/* The token after <...>::member... at t. What is wrong with it is reported
 * now and not again when it is read. */
static const sm_token *after_template_id(sm_parser *p, sm_template *pattern,
                                         const sm_token *t) {
  const sm_token *closed = sm_after_template(p, t), *start = p->t;
  if (!closed || t == p->bad_template) return closed;
  uint32_t errors = p->diags->errors;
  p->t = t;
  const sm_type *type = sm_parse_template_id(p, pattern, t->loc);
  const sm_token *after = after_members(p, type, p->t);
  if (p->gave_up) return NULL;
  p->t = start;
  if (p->diags->errors == errors) return after;
  p->bad_template = t;
  return closed;
}

/* <metal_stdlib> declares these outside of the namespace too: ggml's headers
 * use uint8_t and half2 before `using namespace metal`. */
static bool is_global_type(sm_parser *p, tm_name name) {
  static const char *const names[] = {
    "int8_t", "int16_t", "int32_t", "int64_t", "uint8_t", "uint16_t",
    "uint32_t", "uint64_t", "size_t", "ptrdiff_t"};
  for (size_t i = 0; p->has_stdlib && i < TM_COUNT(names); i++)
    if (strcmp(names[i], name) == 0) return true;
  const sm_type *type = p->has_stdlib ? sm_type_library(p, name) : NULL;
  return type && type->kind == SM_T_VECTOR && !type->packed;
}

/* If a type is named at t, the token after its name; NULL otherwise. */
static const sm_token *after_named_type(sm_parser *p, const sm_token *t) {
  bool qualified = false;
  if (t->kind == SM_TK_NAME && t->name == p->n.metal && p->has_stdlib &&
      t + 1 < p->end && sm_token_is(t + 1, SM_P_SCOPE)) {
    qualified = true;
    t += 2;
  }
  if (!is_name(t)) return NULL;
  if (!qualified) {
    sm_symbol *s = sm_find_at(p, &t);
    if (s && s->pattern && sm_token_is(t + 1, SM_P_LT))
      return after_template_id(p, s->pattern, t + 1);
    if (s && s->kind == SM_SYM_TYPE) return after_members(p, s->type, t + 1);
    if (s && s->kind != SM_SYM_LIBRARY) return NULL;
    if (!s && !sm_library_visible(p) && !is_global_type(p, t->name))
      return NULL;
  }
  if (is_type_template(p, t->name))
    return sm_token_is(t + 1, SM_P_LT) ? sm_after_template(p, t + 1) : NULL;
  const sm_type *type = sm_type_library(p, t->name);
  if (!type) return NULL;
  bool vote = type == p->simd_vote || type == p->quad_vote;
  if (vote && t + 2 < p->end && sm_token_is(t + 1, SM_P_SCOPE) &&
      t[2].name == p->n.vote_t)
    return t + 3;
  return t + 1;
}

bool sm_starts_type(sm_parser *p) {
  const sm_token *t = p->t;
  if (t->kind != SM_TK_NAME) return false;
  if (is_specifier_word(t->keyword)) return true;
  const sm_token *after = is_type_word(t->keyword)
                              ? sm_ahead(p)
                              : after_named_type(p, t);
  if (!after) return false;
  return !sm_token_is(after, SM_P_LPAREN) &&
         !sm_token_is(after, SM_P_LBRACE) && !sm_token_is(after, SM_P_SCOPE);
}

bool sm_starts_declaration(sm_parser *p) {
  if (sm_at(p, SM_P_LSQUARE) && sm_token_is(sm_ahead(p), SM_P_LSQUARE))
    return true;
  if (sm_starts_type(p)) return true;
  /* "foo x" and "foo *x =": an unknown type rather than an expression */
  if (!is_name(p->t) || sm_find(p, p->t->name)) return false;
  const sm_token *next = sm_ahead(p);
  return is_name(next);
}

/* ---- named types ------------------------------------------------------ */

bool sm_expect_greater(sm_parser *p) {
  return sm_expect(p, SM_P_GT, "after the template arguments");
}

static const sm_type *template_scalar(sm_parser *p) {
  tm_loc loc = p->t->loc;
  const sm_type *t = sm_parse_type_name(p);
  if (t == p->error_type || sm_is_scalar(t)) return t;
  sm_error(p, loc, "expected a scalar type as the template argument, not "
           "'%s'", t->spelling);
  return p->error_type;
}

/* ", n" with n in [low, high]; 0 (reported) otherwise. */
static uint32_t template_count(sm_parser *p, int64_t low, int64_t high) {
  if (!sm_expect(p, SM_P_COMMA, "in the template arguments")) return 0;
  tm_loc loc = p->t->loc;
  sm_expr *e = sm_parse_template_constant(p);
  int64_t n;
  if (sm_is_error(p, e)) return 0;
  if (sm_fold_int(p, e, &n) && n >= low && n <= high) return (uint32_t)n;
  sm_error(p, loc, "expected a constant from %d to %d as the template "
           "argument", (int)low, (int)high);
  return 0;
}

/* array<T, n>, after '<' */
static const sm_type *parse_array_template(sm_parser *p) {
  tm_loc loc = p->t->loc;
  const sm_type *element = sm_parse_type_name(p), *type = NULL;
  uint32_t n = template_count(p, 1, 1 << 30);
  if (!sm_expect_greater(p) || !n || element == p->error_type)
    return p->error_type;
  bool object = element->size && !sm_is_void(element) &&
                element->kind != SM_T_REFERENCE;
  if (object) type = sm_type_std_array(p, element, n);
  if (type) return type;
  sm_error(p, loc, object ? "array of '%s' is too large"
                          : "array of elements of type '%s'",
           element->spelling);
  return p->error_type;
}

static const sm_type *parse_type_template(sm_parser *p) {
  tm_name name = p->t->name;
  tm_loc loc = p->t->loc;
  sm_skip(p);
  sm_skip(p); /* '<' was seen */
  if (name == p->n.array) return parse_array_template(p);
  if (sm_is_type_trait(name)) {
    p->t--; /* back to '<' */
    return sm_parse_type_trait(p, name, loc);
  }
  const sm_type *scalar = template_scalar(p), *type = NULL;
  uint32_t n = 0, rows = 0;
  sm_scalar s = scalar->scalar;
  if (name == p->n.vec || name == p->n.packed_vec) {
    n = template_count(p, 1, 4);
    if (n) type = sm_type_vector(p, s, n, n > 1 && name == p->n.packed_vec);
  } else if (name == p->n.matrix) {
    n = template_count(p, 2, 4);
    if (n) rows = template_count(p, 2, 4);
    if (rows && scalar != p->error_type && !sm_is_floating(s))
      sm_error(p, loc, "matrices have float, half or bfloat elements");
    else if (rows)
      type = sm_type_matrix(p, s, n, rows);
  } else if (name == p->n.simdgroup_matrix) {
    n = template_count(p, 8, 8);
    if (sm_at(p, SM_P_COMMA)) rows = template_count(p, 8, 8);
    if (n && scalar != p->error_type && !sm_is_floating(s))
      sm_error(p, loc, "simdgroup_matrix has float, half or bfloat elements");
    else if (n)
      type = sm_type_fragment(p, s);
  } else { /* atomic */
    bool fits = s == SM_INT || s == SM_UINT || s == SM_BOOL || s == SM_FLOAT ||
                s == SM_ULONG;
    if (scalar != p->error_type && !fits)
      sm_error(p, loc, "there is no atomic type for '%s'", scalar->spelling);
    else
      type = sm_type_atomic(p, s);
  }
  if (!sm_expect_greater(p) || !type || scalar == p->error_type)
    return p->error_type;
  return type;
}

const sm_type *sm_parse_named_type(sm_parser *p, bool *is_size_type) {
  if (!after_named_type(p, p->t)) return NULL;
  if (p->t->name == p->n.metal && sm_token_is(sm_ahead(p), SM_P_SCOPE)) {
    sm_skip(p);
    sm_skip(p);
  } else {
    sm_symbol *s = sm_find_at(p, &p->t);
    if (s && s->pattern && sm_token_is(sm_ahead(p), SM_P_LT)) {
      tm_loc loc = p->t->loc;
      sm_skip(p);
      if (p->t == p->bad_template) {
        p->t = sm_after_template(p, p->t);
        return p->error_type;
      }
      return member_type(p, sm_parse_template_id(p, s->pattern, loc));
    }
    if (s && s->kind == SM_SYM_TYPE) {
      if (is_size_type) *is_size_type |= s->is_size_type;
      sm_skip(p);
      return member_type(p, s->type);
    }
  }
  if (is_type_template(p, p->t->name)) return parse_type_template(p);
  tm_name name = p->t->name;
  const sm_type *type = sm_type_library(p, name);
  if (is_size_type)
    *is_size_type |= name == p->n.size_t_ || name == p->n.ptrdiff_t_;
  sm_skip(p);
  bool vote = type == p->simd_vote || type == p->quad_vote;
  if (vote && sm_at(p, SM_P_SCOPE) && sm_ahead(p)->name == p->n.vote_t) {
    sm_skip(p);
    sm_skip(p);
    return p->scalars[SM_ULONG];
  }
  return type;
}

/* ---- attributes ------------------------------------------------------- */

static void skip_parentheses(sm_parser *p) {
  uint32_t depth = 0;
  do {
    if (sm_at(p, SM_P_LPAREN)) depth++;
    if (sm_at(p, SM_P_RPAREN)) depth--;
    sm_skip(p);
  } while (depth && p->t < p->end);
}

/* Attributes whose argument is a number: others may have any tokens. */
static bool takes_number(tm_name name) {
  static const char *const names[] = {
    "buffer", "threadgroup", "texture", "sampler", "function_constant",
    "max_total_threads_per_threadgroup", "required_threads_per_threadgroup",
    "id", "color",
  };
  for (size_t i = 0; i < TM_COUNT(names); i++)
    if (strcmp(names[i], name) == 0) return true;
  return false;
}

static void parse_attribute(sm_parser *p, sm_attributes *out) {
  sm_attribute a = {0};
  a.loc = p->t->loc;
  a.name = p->t->name;
  sm_skip(p);
  bool foreign = false;
  while (sm_at(p, SM_P_SCOPE)) { /* clang::optnone: of no consequence */
    foreign = true;
    sm_skip(p);
    if (p->t->kind == SM_TK_NAME) sm_skip(p);
  }
  if (sm_at(p, SM_P_LPAREN)) {
    if (!foreign && takes_number(a.name)) {
      sm_skip(p);
      a.has_value = true;
      a.value = sm_parse_assignment(p);
      bool several = strcmp(a.name, "required_threads_per_threadgroup") == 0;
      for (int i = 0; several && i < 2 && sm_accept(p, SM_P_COMMA); i++)
        a.more[i] = sm_parse_assignment(p);
      if (!sm_expect(p, SM_P_RPAREN, "after the attribute's argument"))
        return;
    } else {
      const sm_token *arg = sm_ahead(p);
      if (arg->kind == SM_TK_STRING)
        a.text = tm_strndup(p->arena, arg->text + 1, arg->len - 2);
      skip_parentheses(p);
    }
  }
  if (!foreign) tm_push(p->arena, out, a);
}

void sm_parse_attributes(sm_parser *p, sm_attributes *out) {
  while (sm_at(p, SM_P_LSQUARE) && sm_token_is(sm_ahead(p), SM_P_LSQUARE)) {
    sm_skip(p);
    sm_skip(p);
    while (p->t->kind == SM_TK_NAME) {
      parse_attribute(p, out);
      if (!sm_accept(p, SM_P_COMMA)) break;
    }
    if (!sm_expect(p, SM_P_RSQUARE, "after the attribute") ||
        !sm_expect(p, SM_P_RSQUARE, "after the attribute"))
      return;
  }
}

/* __attribute__((always_inline)) and its like: hints, no meaning. */
static void skip_gnu_attribute(sm_parser *p) {
  sm_skip(p);
  if (sm_at(p, SM_P_LPAREN))
    skip_parentheses(p);
  else
    sm_expect(p, SM_P_LPAREN, "after __attribute__");
}

/* alignas(n) or alignas(T): at alignas. */
void sm_parse_alignas(sm_parser *p, uint32_t *align) {
  tm_loc loc = p->t->loc;
  int64_t n = 0;
  sm_skip(p);
  if (!sm_expect(p, SM_P_LPAREN, "after alignas")) return;
  if (sm_starts_type(p)) {
    n = sm_parse_type_name(p)->align;
  } else {
    sm_expr *e = sm_rvalue(p, sm_parse_assignment(p));
    if (!sm_is_error(p, e) && !sm_fold_int(p, e, &n)) n = -1;
  }
  sm_expect(p, SM_P_RPAREN, "after the argument of alignas");
  if (n < 0 || n > 4096 || (n & (n - 1)))
    sm_error(p, loc, "requested alignment is not a power of 2 up to 4096");
  else if ((uint32_t)n > *align)
    *align = (uint32_t)n;
}

/* decltype(e): at decltype. */
static const sm_type *parse_decltype(sm_parser *p) {
  sm_skip(p);
  if (!sm_expect(p, SM_P_LPAREN, "after decltype")) return p->error_type;
  const sm_token *start = p->t, *name = p->t;
  sm_symbol *s = p->t->kind == SM_TK_NAME ? sm_find_at(p, &name) : NULL;
  if (s && s->kind == SM_SYM_FUNCTION) { /* of f or f<...>, not of a call */
    const sm_token *after = sm_token_is(name + 1, SM_P_LT)
                                ? sm_after_template(p, name + 1) : name + 1;
    if (after && sm_token_is(after, SM_P_RPAREN)) {
      p->t = name + 1;
      const sm_type *type = sm_parse_function_decltype(p, s, name->loc);
      if (p->gave_up) return type;
      p->t = after + 1;
      return type;
    }
  }
  sm_expr *e = sm_parse_expr(p);
  if (!sm_expect(p, SM_P_RPAREN, "after the expression of decltype"))
    return p->error_type;
  if (sm_is_error(p, e)) return p->error_type;
  /* a name or a member gives its declared type, another lvalue a reference
   * to its type; an element of a vector is no object of its own */
  bool named = e->kind == SM_VAR || e->kind == SM_MEMBER;
  bool element = e->kind == SM_SWIZZLE || (e->kind == SM_INDEX &&
                                           e->a[0]->type->kind == SM_T_VECTOR);
  if (!e->is_lvalue || element ||
      (named && !sm_token_is(start, SM_P_LPAREN)))
    return e->type;
  return sm_type_reference(p, e->type, e->space, e->is_const, e->is_volatile);
}

/* coherent(device | system | threadgroup): accesses are made one by one, as
 * volatile ones are. */
static bool parse_coherent(sm_parser *p, sm_specifiers *out) {
  static const char *const scopes[] = {"device", "system", "threadgroup",
                                       "simdgroup", "thread"};
  tm_loc loc = p->t->loc;
  sm_skip(p);
  sm_skip(p); /* '(' */
  bool known = false;
  for (size_t i = 0; i < TM_COUNT(scopes); i++)
    known |= p->t->kind == SM_TK_NAME && strcmp(p->t->name, scopes[i]) == 0;
  if (!known) {
    sm_error(p, p->t->loc, "expected device, system, threadgroup, simdgroup "
             "or thread after coherent(");
    return false;
  }
  sm_skip(p);
  if (p->version < 320)
    sm_unsupported(p, loc, "'coherent' needs MSL 3.2");
  out->is_volatile = true;
  return sm_expect(p, SM_P_RPAREN, "after the scope of coherent");
}

/* ---- specifiers ------------------------------------------------------- */

typedef struct words { /* how often each came */
  unsigned sign, no_sign, shorts, longs, ints;
  uint8_t base; /* the type word that is none of these */
} words;

static bool count_word(words *w, uint8_t word) {
  switch (word) {
    case SM_K_signed: return w->sign++ == 0 && !w->no_sign;
    case SM_K_unsigned: return w->no_sign++ == 0 && !w->sign;
    case SM_K_short: return w->shorts++ == 0 && !w->longs && !w->base;
    case SM_K_long: return w->longs++ == 0 && !w->shorts && !w->base;
    case SM_K_int: return w->ints++ == 0 && !w->base;
    default:
      if (w->base || w->shorts || w->longs || w->ints) return false;
      w->base = word;
      return word == SM_K_char || (!w->sign && !w->no_sign);
  }
}

static bool any_word(const words *w) {
  return w->sign || w->no_sign || w->shorts || w->longs || w->ints || w->base;
}

static sm_scalar word_scalar(const words *w) {
  bool u = w->no_sign;
  switch (w->base) {
    case SM_K_void: return SM_VOID;
    case SM_K_bool: return SM_BOOL;
    case SM_K_half: return SM_HALF;
    case SM_K_bfloat: return SM_BFLOAT;
    case SM_K_float: return SM_FLOAT;
    case SM_K_char: return u ? SM_UCHAR : SM_CHAR;
    default: break;
  }
  if (w->shorts) return u ? SM_USHORT : SM_SHORT;
  if (w->longs) return u ? SM_ULONG : SM_LONG;
  return u ? SM_UINT : SM_INT;
}

static bool space_word(uint8_t word, sm_space *out) {
  switch (word) {
    case SM_K_device: *out = SM_DEVICE; return true;
    case SM_K_constant: *out = SM_CONSTANT; return true;
    case SM_K_threadgroup: *out = SM_THREADGROUP; return true;
    case SM_K_thread: *out = SM_THREAD; return true;
    default: return false;
  }
}

static void set_space(sm_parser *p, sm_specifiers *out, sm_space space) {
  if (out->has_space)
    sm_error(p, p->t->loc, out->space == space
             ? "duplicate address space '%s'"
             : "multiple address spaces specified for type: '%s'",
             sm_space_name(space));
  out->has_space = true;
  out->space = space;
  out->space_loc = p->t->loc;
}

/* A specifier that is no type. False if the next token is none. */
static bool take_qualifier(sm_parser *p, sm_specifiers *out) {
  sm_space space;
  switch (p->t->keyword) {
    case SM_K_const: out->is_const = true; break;
    case SM_K_volatile: out->is_volatile = true; break;
    case SM_K_constexpr: out->is_constexpr = true; break;
    case SM_K_static: out->is_static = true; break;
    case SM_K_inline:
    case SM_K_METAL_FUNC: out->is_inline = true; break;
    case SM_K_kernel: out->is_kernel = true; break;
    case SM_K_typedef: out->is_typedef = true; break;
    default:
      if (!space_word(p->t->keyword, &space)) return false;
      set_space(p, out, space);
      break;
  }
  sm_skip(p);
  return true;
}

static void unknown_type(sm_parser *p) {
  tm_name name = p->t->name;
  tm_diag *diag = sm_error(p, p->t->loc, "unknown type name '%s'", name);
  if (strncmp(name, "texture", 7) == 0 || strncmp(name, "depth", 5) == 0 ||
      strcmp(name, "sampler") == 0)
    sm_hint(p, diag, "textures are not supported: use buffers");
  else if (sm_type_library(p, name) && !p->has_stdlib)
    sm_hint(p, diag, "#include <metal_stdlib>");
  else if (sm_type_library(p, name) || is_type_template(p, name))
    sm_hint(p, diag, "write metal::%s, or `using namespace metal;`", name);
}

static bool finish_specifiers(sm_parser *p, sm_specifiers *out,
                              const words *w) {
  if (any_word(w)) {
    if (out->names_type) {
      sm_error(p, out->loc, "cannot combine with previous type specifier");
      return false;
    }
    out->names_type = true;
    out->type = p->scalars[word_scalar(w)];
  }
  if (!out->names_type && !out->is_auto) {
    tm_error_at(p->diags, TM_DIAG_SYNTAX, p->t->loc, "expected a type");
    return false;
  }
  const char *why = out->type ? sm_type_unavailable(p, out->type) : NULL;
  if (why) {
    sm_unsupported(p, out->loc, "type '%s' is not available: %s",
                   out->type->spelling, why);
    out->type = p->error_type;
  }
  return true;
}

/* A word of a scalar type; false after an error. */
static bool take_type_word(sm_parser *p, sm_specifiers *out, words *w) {
  uint8_t word = p->t->keyword;
  if (word == SM_K_long && w->longs == 1) {
    sm_unsupported(p, p->t->loc, "'long long' is not supported in Metal");
    return false;
  }
  if (!any_word(w)) out->loc = p->t->loc;
  if (!count_word(w, word)) {
    sm_error(p, p->t->loc, "cannot combine with previous type specifier");
    return false;
  }
  sm_skip(p);
  return true;
}

/* A name that must be a type; false if parsing cannot go on. */
static bool take_named_type(sm_parser *p, sm_specifiers *out) {
  out->loc = p->t->loc;
  out->names_type = true;
  out->type = sm_parse_named_type(p, &out->is_size_type);
  if (out->type) return true;
  if (p->gave_up) return false; /* while an instance was made */
  unknown_type(p);
  out->type = p->error_type;
  sm_skip(p);
  if (sm_at(p, SM_P_LT)) { /* texture2d<float> and the like */
    const sm_token *after = sm_after_template(p, p->t);
    if (after) p->t = after;
  }
  return true;
}

bool sm_parse_specifiers(sm_parser *p, sm_specifiers *out) {
  memset(out, 0, sizeof *out);
  words w = {0};
  out->loc = p->t->loc;
  while (p->t < p->end) {
    if (sm_at(p, SM_P_LSQUARE) && sm_token_is(sm_ahead(p), SM_P_LSQUARE)) {
      sm_parse_attributes(p, &out->attributes);
      continue;
    }
    if (p->t->kind != SM_TK_NAME) break;
    uint8_t word = p->t->keyword;
    bool have_type = out->names_type || out->is_auto || any_word(&w);
    if (take_qualifier(p, out)) continue;
    if (word == SM_K___extension__) {
      sm_skip(p);
    } else if (word == SM_K___attribute__) {
      skip_gnu_attribute(p);
    } else if (word == SM_K_alignas) {
      sm_parse_alignas(p, &out->align);
    } else if (word == SM_K_typename && !have_type) {
      sm_skip(p);
    } else if (word == SM_K_decltype && !have_type) {
      out->loc = p->t->loc;
      out->names_type = true;
      out->type = parse_decltype(p);
    } else if (word == SM_K_double) {
      sm_refused_word(p);
      sm_skip(p);
      out->names_type = true;
      out->type = p->error_type;
    } else if (is_type_word(word)) {
      if (!take_type_word(p, out, &w)) return false;
    } else if (word == SM_K_auto && !have_type) {
      out->is_auto = true;
      sm_skip(p);
    } else if ((word == SM_K_struct || word == SM_K_union ||
                word == SM_K_enum) && !have_type) {
      out->loc = p->t->loc;
      out->names_type = true;
      out->type = word == SM_K_enum ? sm_parse_enum(p) : sm_parse_struct(p);
    } else if (word && !is_soft_word(word)) {
      if (word == SM_K_operator && have_type) break; /* the declarator's */
      if (sm_refused_word(p)) return false;
      break;
    } else if (word == SM_K_coherent &&
               sm_token_is(sm_ahead(p), SM_P_LPAREN)) {
      if (!parse_coherent(p, out)) return false;
    } else if (!have_type) {
      if (!take_named_type(p, out)) return false;
    } else {
      break;
    }
  }
  return finish_specifiers(p, out, &w);
}

/* ---- declarators ------------------------------------------------------ */

typedef struct level { /* a type with the qualifiers of its object */
  const sm_type *type;
  bool is_const, is_volatile, has_space;
  sm_space space;
} level;

static void level_qualifiers(sm_parser *p, level *at) {
  for (; p->t->kind == SM_TK_NAME; sm_skip(p)) {
    uint8_t word = p->t->keyword;
    if (word == SM_K_const)
      at->is_const = true;
    else if (word == SM_K_volatile)
      at->is_volatile = true;
    else if (space_word(word, &at->space))
      at->has_space = true;
    else if (word != SM_K_restrict && word != SM_K___restrict &&
             word != SM_K___restrict__)
      return;
  }
}

static bool check_pointee(sm_parser *p, const level *at, bool is_reference,
                          tm_loc loc) {
  if (!at->has_space) {
    tm_diag *diag = sm_error(
        p, loc, "%s type must have explicit address space qualifier",
        is_reference ? "reference" : "pointer");
    sm_hint(p, diag, "device, constant, threadgroup or thread");
    return false;
  }
  if (at->type->kind == SM_T_REFERENCE) {
    sm_error(p, loc, "there are no pointers or references to references");
    return false;
  }
  if (is_reference && sm_is_void(at->type) && at->type != p->error_type) {
    sm_error(p, loc, "cannot form a reference to 'void'");
    return false;
  }
  return true;
}

static void indirect(sm_parser *p, level *at, bool is_reference, tm_loc loc) {
  if (at->type != p->error_type) {
    if (!check_pointee(p, at, is_reference, loc))
      at->type = p->error_type;
    else
      at->type = (is_reference ? sm_type_reference : sm_type_pointer)(
          p, at->type, at->space, at->is_const, at->is_volatile);
  }
  at->is_const = at->is_volatile = at->has_space = false;
  at->space = SM_THREAD;
}

typedef struct dimensions {
  uint64_t count[8];
  uint32_t n;
  bool unsized; /* the first */
  tm_loc loc;
} dimensions;

static bool parse_dimensions(sm_parser *p, dimensions *d) {
  while (sm_at(p, SM_P_LSQUARE) && !sm_token_is(sm_ahead(p), SM_P_LSQUARE)) {
    tm_loc loc = p->t->loc;
    if (!d->n) d->loc = loc;
    sm_skip(p);
    if (d->n == TM_COUNT(d->count)) {
      tm_error_at(p->diags, TM_DIAG_LIMIT, loc,
                  "arrays of more than 8 dimensions are not supported");
      return false;
    }
    if (sm_accept(p, SM_P_RSQUARE)) {
      if (d->n || d->unsized) {
        sm_error(p, loc, "only the first dimension of an array may be open");
        return false;
      }
      d->unsized = true;
      d->count[d->n++] = 1;
      continue;
    }
    sm_expr *e = sm_rvalue(p, sm_parse_assignment(p));
    int64_t count = 1;
    if (!sm_is_error(p, e)) {
      if (!sm_fold_int(p, e, &count)) {
        sm_error(p, e->loc, "the size of an array must be a constant "
                 "integer expression");
        count = 1;
      } else if (count <= 0) {
        sm_error(p, e->loc, "the size of an array must be positive, not %lld",
                 (long long)count);
        count = 1;
      }
    }
    d->count[d->n++] = (uint64_t)count;
    if (!sm_expect(p, SM_P_RSQUARE, "after the array size")) return false;
  }
  return true;
}

static const sm_type *array_of(sm_parser *p, const sm_type *element,
                               const dimensions *d) {
  if (element == p->error_type) return element;
  if (d->n && (sm_is_void(element) || element->kind == SM_T_REFERENCE)) {
    sm_error(p, d->loc, "array of elements of type '%s'", element->spelling);
    return p->error_type;
  }
  for (uint32_t i = d->n; i-- > 0;) {
    element = sm_type_array(p, element, d->count[i]);
    if (element) continue;
    tm_error_at(p->diags, TM_DIAG_LIMIT, d->loc, "array is too large");
    return p->error_type;
  }
  return element;
}

/* T (&name)[n] and T (*name)[n] */
static bool parse_wrapped(sm_parser *p, level *at, sm_declarator *out) {
  sm_skip(p);
  bool is_reference = sm_at(p, SM_P_AMP);
  tm_loc loc = p->t->loc;
  sm_skip(p);
  level inner = {0};
  level_qualifiers(p, &inner);
  if (is_name(p->t)) {
    out->name = p->t->name;
    out->loc = p->t->loc;
    sm_skip(p);
  }
  if (!sm_expect(p, SM_P_RPAREN, "in the declarator")) return false;
  if (sm_at(p, SM_P_LPAREN)) {
    sm_unsupported(p, p->t->loc, "function pointers are not supported");
    return false;
  }
  dimensions d = {0};
  if (!parse_dimensions(p, &d)) return false;
  if (d.unsized) {
    sm_error(p, d.loc, "the array's size is missing");
    return false;
  }
  at->type = array_of(p, at->type, &d);
  indirect(p, at, is_reference, loc);
  at->is_const = inner.is_const;
  return true;
}

static void decay_param(sm_parser *p, level *at, const dimensions *d) {
  dimensions rest = *d;
  rest.n--;
  memmove(rest.count, rest.count + 1, rest.n * sizeof *rest.count);
  at->has_space = true; /* thread, unless another is named */
  at->type = array_of(p, at->type, &rest);
  indirect(p, at, false, d->loc);
}

static void finish_declarator(sm_parser *p, const level *at,
                              sm_declarator *out, bool is_auto) {
  out->type = is_auto ? NULL : at->type;
  out->is_const |= at->is_const;
  out->is_volatile = at->is_volatile;
  out->has_space = at->has_space;
  out->space = at->space;
  while (p->t->kind == SM_TK_NAME && p->t->keyword == SM_K___attribute__)
    skip_gnu_attribute(p);
  sm_parse_attributes(p, &out->attributes);
}

/* The name of a declarator, or operator() in a struct; none is fine. False
 * (reported) if another word stands there. */
static bool declared_name(sm_parser *p, sm_declarator *out) {
  const sm_token *next = sm_ahead(p);
  bool call = sm_at_word(p, SM_K_operator) && sm_token_is(next, SM_P_LPAREN) &&
              sm_token_is(next + 1, SM_P_RPAREN) && p->scope &&
              p->scope->is_struct;
  if (call) {
    out->name = tm_intern_cstr(p->names, "operator()");
    out->loc = p->t->loc;
    p->t = next + 2;
  } else if (is_name(p->t)) {
    out->name = p->t->name;
    out->loc = p->t->loc;
    sm_skip(p);
  } else if (p->t->kind == SM_TK_NAME && p->t->keyword != SM_K___attribute__) {
    if (!sm_refused_word(p))
      tm_error_at(p->diags, TM_DIAG_SYNTAX, p->t->loc,
                  "expected a name before '%s'", p->t->name);
    return false;
  }
  return true;
}

bool sm_parse_declarator(sm_parser *p, const sm_specifiers *specifiers,
                         bool is_param, sm_declarator *out) {
  memset(out, 0, sizeof *out);
  level at = {specifiers->type, specifiers->is_const, specifiers->is_volatile,
              specifiers->has_space, specifiers->space};
  bool is_auto = specifiers->is_auto;
  out->loc = p->t->loc;
  while (sm_at(p, SM_P_STAR) || sm_at(p, SM_P_AMP)) {
    bool is_reference = sm_at(p, SM_P_AMP);
    tm_loc loc = p->t->loc;
    sm_skip(p);
    if (is_auto) {
      out->auto_pointer |= !is_reference;
      out->auto_reference |= is_reference;
      out->is_const |= is_reference && specifiers->is_const;
      at.is_const = at.is_volatile = at.has_space = false;
      at.space = SM_THREAD;
    } else {
      indirect(p, &at, is_reference, loc);
    }
    level_qualifiers(p, &at);
  }
  if (sm_at(p, SM_P_ANDAND)) {
    sm_unsupported(p, p->t->loc, "rvalue references are not supported");
    return false;
  }
  const sm_token *next = sm_ahead(p);
  if (sm_at(p, SM_P_LPAREN) && (sm_token_is(next, SM_P_AMP) ||
                                sm_token_is(next, SM_P_STAR))) {
    if (!parse_wrapped(p, &at, out)) return false;
    finish_declarator(p, &at, out, is_auto);
    return true;
  }
  if (!declared_name(p, out)) return false;
  if (sm_at(p, SM_P_LPAREN) && out->name && !is_param) {
    out->is_function = true;
    finish_declarator(p, &at, out, is_auto);
    return true;
  }
  dimensions d = {0};
  if (!parse_dimensions(p, &d)) return false;
  if (d.n && is_auto) {
    sm_error(p, d.loc, "an array cannot be declared auto");
    return false;
  }
  if (d.n && is_param) {
    decay_param(p, &at, &d);
  } else if (d.n) {
    at.type = array_of(p, at.type, &d);
    out->unsized = d.unsized;
  }
  finish_declarator(p, &at, out, is_auto);
  return true;
}

const sm_type *sm_parse_type_name(sm_parser *p) {
  sm_specifiers s;
  sm_declarator d;
  if (!sm_parse_specifiers(p, &s) || !sm_parse_declarator(p, &s, false, &d))
    return p->error_type;
  if (d.name || s.is_auto || d.unsized) {
    sm_error(p, d.loc, d.name ? "a type cannot have a name here"
                              : "a complete type is needed here");
    return p->error_type;
  }
  if (p->in_tensor_args && d.has_space)
    return sm_type_pointer(p, d.type, d.space, d.is_const, d.is_volatile);
  return d.type;
}
