/* SPDX-License-Identifier: MIT */
/* msl_struct.c - struct and enum declarations. */
#include "front.h"

static bool is_incomplete(const sm_type *t) {
  while (t->kind == SM_T_ARRAY) t = t->element;
  return t->kind == SM_T_STRUCT && !t->size;
}

/* ---- members ---------------------------------------------------------- */

static bool check_member(sm_parser *p, const sm_specifiers *s,
                         const sm_declarator *d) {
  const sm_type *t = d->type;
  if (t == p->error_type) return false;
  if (s->is_constexpr) {
    sm_error(p, d->loc, "non-static data member '%s' cannot be constexpr",
             d->name);
    return false;
  }
  if (sm_is_void(t) || is_incomplete(t)) {
    sm_error(p, d->loc, "field has incomplete type '%s'", t->spelling);
    return false;
  }
  if (t->kind == SM_T_REFERENCE || d->is_volatile) {
    sm_unsupported(p, d->loc, "members that are references or volatile are "
                   "not supported");
    return false;
  }
  if (d->has_space) {
    sm_error(p, d->loc, "field may not be qualified with an address space");
    return false;
  }
  if (t->kind == SM_T_FRAGMENT && !d->name) return false;
  return true;
}

/* = value or {value} after a member; NULL if there is none. */
static sm_expr *parse_default(sm_parser *p, const sm_type *type) {
  if (sm_accept(p, SM_P_ASSIGN) && !sm_at(p, SM_P_LBRACE))
    return sm_convert(p, sm_parse_assignment(p), type, "initialize a member");
  return sm_at(p, SM_P_LBRACE) ? sm_parse_braces(p, &type, false) : NULL;
}

/* Has t, or an anonymous member of it, a member of that name? */
static bool has_member(const sm_type *t, tm_name name) {
  for (uint32_t i = 0; i < t->structure->members.len; i++) {
    const sm_member *m = &t->structure->members.data[i];
    if (m->name ? m->name == name : has_member(m->type, name)) return true;
  }
  return false;
}

/* Methods find members by their name. */
static void bind_member(sm_parser *p, const sm_type *type, tm_name name,
                        tm_loc loc) {
  sm_symbol *s = sm_bind(p, SM_SYM_MEMBER, name, loc);
  if (s) s->type = type;
}

static void push_member(sm_parser *p, sm_type *type, const sm_specifiers *s,
                        const sm_declarator *d) {
  sm_struct_info *info = sm_struct_of(p, type);
  sm_member m = {d->name, d->type, 0};
  tm_push(p->arena, &type->structure->members, m);
  tm_push(p->arena, &info->aligns, s->align);
  tm_push(p->arena, &info->const_members, d->is_const);
  info->has_const |= d->is_const;
}

static void add_member(sm_parser *p, sm_type *type, const sm_specifiers *s,
                       const sm_declarator *d) {
  sm_struct *st = type->structure;
  sm_struct_info *info = sm_struct_of(p, type);
  if (!check_member(p, s, d)) return;
  if (has_member(type, d->name)) {
    sm_error(p, d->loc, "duplicate member '%s'", d->name);
    return;
  }
  push_member(p, type, s, d);
  bind_member(p, type, d->name, d->loc);
  sm_expr *value = parse_default(p, d->type);
  if (value && sm_is_error(p, value)) value = NULL;
  if (value && st->is_union) {
    sm_unsupported(p, d->loc, "a default initialiser of a union member is not "
                   "supported");
    value = NULL;
  }
  tm_push(p->arena, &info->defaults, value);
  info->has_defaults |= value != NULL;
  const sm_type *inner = d->type;
  while (inner->kind == SM_T_ARRAY) inner = inner->element;
  bool sizes = s->is_size_type ||
               (inner->kind == SM_T_STRUCT &&
                tm_map_get(&p->size_structs, TM_KEY(inner->structure), NULL));
  if (sizes) tm_map_put(&p->size_structs, TM_KEY(st), 1);
}

/* struct { ... }; or union { ... }; in a struct: its members are found as
 * those of the outer one. */
static void add_anonymous(sm_parser *p, sm_type *type,
                          const sm_specifiers *s) {
  sm_declarator d = {0};
  d.type = s->type;
  d.loc = s->loc;
  for (uint32_t i = 0; i < s->type->structure->members.len; i++) {
    const sm_member *m = &s->type->structure->members.data[i];
    if (m->name && has_member(type, m->name))
      sm_error(p, s->loc, "member of anonymous %s redeclares '%s'",
               s->type->structure->is_union ? "union" : "struct", m->name);
    else if (m->name)
      bind_member(p, type, m->name, s->loc);
  }
  push_member(p, type, s, &d);
  tm_push(p->arena, &sm_struct_of(p, type)->defaults, NULL);
}

/* What is no member: assertions, templates, aliases, access. False: it is
 * one, or (with *ok false) an error. */
static bool parse_no_member(sm_parser *p, bool *ok) {
  *ok = true;
  if (sm_at_word(p, SM_K_static_assert)) {
    sm_parse_static_assert(p);
    return true;
  }
  if (sm_at_word(p, SM_K_template)) {
    sm_parse_template(p);
    return true;
  }
  if (sm_at_word(p, SM_K_using)) {
    if (sm_ahead(p)->keyword == SM_K_namespace) {
      sm_error(p, p->t->loc, "'using namespace' is not allowed in a struct");
      return *ok = false;
    }
    sm_parse_using(p);
    return true;
  }
  if (sm_at_word(p, SM_K_public) && sm_token_is(sm_ahead(p), SM_P_COLON)) {
    sm_skip(p);
    sm_skip(p);
    return true;
  }
  return false;
}

/* After the specifiers: one data member. */
static bool parse_data_member(sm_parser *p, sm_type *type,
                              const sm_specifiers *s, sm_declarator *d) {
  if (sm_at(p, SM_P_COLON)) {
    sm_unsupported(p, d->loc, "bit-fields are not supported");
    return false;
  }
  if (d->name && s->is_static) return sm_parse_static_member(p, s, d);
  if (!d->name) {
    tm_error_at(p->diags, TM_DIAG_SYNTAX, d->loc, "expected a member name");
    return false;
  }
  if (d->unsized) {
    sm_error(p, d->loc, "field has an array type without a size");
    return false;
  }
  uint32_t errors = p->diags->errors;
  add_member(p, type, s, d);
  return p->diags->errors == errors;
}

/* One declaration of members, to its ';'. */
static bool parse_member_list(sm_parser *p, sm_type *type) {
  sm_specifiers s;
  bool ok;
  if (parse_no_member(p, &ok)) return true;
  if (!ok || !sm_parse_specifiers(p, &s)) return false;
  if (s.is_typedef) {
    sm_parse_typedef(p, &s);
    return true;
  }
  if (s.is_auto || s.is_kernel) {
    sm_error(p, s.loc, s.is_auto ? "'auto' is not allowed in a struct member"
                                 : "invalid specifier in a struct");
    return false;
  }
  if (sm_accept(p, SM_P_SEMI)) { /* a nested type alone */
    if (s.type && s.type->kind == SM_T_STRUCT &&
        strchr(s.type->structure->name, '('))
      add_anonymous(p, type, &s);
    return true;
  }
  do {
    sm_declarator d;
    if (sm_at(p, SM_P_TILDE) ||
        (sm_at(p, SM_P_LPAREN) && s.type == type)) {
      sm_unsupported(p, p->t->loc, "constructors and destructors are not "
                     "supported");
      return false;
    }
    if (!sm_parse_declarator(p, &s, false, &d)) return false;
    if (d.is_function) return sm_parse_method(p, type, &s, &d);
    if (!parse_data_member(p, type, &s, &d)) return false;
  } while (sm_accept(p, SM_P_COMMA));
  return sm_expect(p, SM_P_SEMI, "after the member");
}

static void parse_members(sm_parser *p, sm_type *type) {
  sm_named_scope scope;
  sm_struct_info *info = sm_struct_of(p, type);
  sm_skip(p); /* '{' */
  sm_scope_open(p, &scope, info->prefix, true);
  scope.type = type;
  uint32_t first = p->callables.len;
  while (!sm_at(p, SM_P_RBRACE) && p->t < p->end) {
    const sm_token *before = p->t;
    if (sm_accept(p, SM_P_SEMI)) continue;
    if (!parse_member_list(p, type)) sm_recover(p);
    if (p->t == before) sm_skip(p);
  }
  sm_scope_close(p);
  sm_expect(p, SM_P_RBRACE, "after the members");
  sm_type_layout(type, info);
  uint64_t sum = 0;
  for (uint32_t i = 0; i < type->structure->members.len; i++)
    sum += type->structure->members.data[i].type->size + 16;
  if (sum > (1u << 30))
    tm_error_at(p->diags, TM_DIAG_LIMIT, p->t->loc, "struct is too large");
  /* bodies see the whole struct; those of an instance wait for a call */
  uint32_t last = p->callables.len;
  for (uint32_t i = first; i < last && !p->around && !p->gave_up; i++)
    sm_define_method(p, p->callables.data[i], p->callables.data[i]->function->loc);
}

const sm_type *sm_parse_struct(sm_parser *p) {
  bool is_union = sm_at_word(p, SM_K_union);
  sm_skip(p); /* struct */
  sm_attributes attributes = {0};
  sm_parse_attributes(p, &attributes);
  uint32_t align = 0;
  while (sm_at_word(p, SM_K_alignas)) sm_parse_alignas(p, &align);
  if (sm_at_word(p, SM_K___attribute__)) {
    sm_unsupported(p, p->t->loc, "attributes of structs are not supported");
    return p->error_type;
  }
  tm_name name = NULL;
  tm_loc loc = p->t->loc;
  if (p->t->kind == SM_TK_NAME && !p->t->keyword) {
    name = p->t->name;
    sm_skip(p);
  }
  if (sm_at(p, SM_P_COLON)) {
    sm_unsupported(p, p->t->loc, "derived structs are not supported in "
                   "Metal");
    while (!sm_at(p, SM_P_LBRACE) && !sm_at(p, SM_P_SEMI) && p->t < p->end)
      sm_skip(p);
  }
  bool defines = sm_at(p, SM_P_LBRACE);
  sm_symbol *old = !name ? NULL : defines || sm_at(p, SM_P_SEMI)
                   ? sm_find_here(p, name) : sm_find(p, name);
  sm_type *type = NULL;
  if (old && old->kind == SM_SYM_TYPE && old->type->kind == SM_T_STRUCT &&
      (!defines || (old->depth == p->depth && !old->type->size)))
    type = (sm_type *)old->type;
  if (!type) {
    type = sm_type_struct(p, name ? name
                          : tm_intern_cstr(p->names, is_union ? "(anonymous union)"
                                            : "(anonymous struct)"));
    type->structure->is_union = is_union;
    if (!name && !defines) {
      tm_error_at(p->diags, TM_DIAG_SYNTAX, p->t->loc,
                  "expected a name or '{' after '%s'",
                  is_union ? "union" : "struct");
      return p->error_type;
    }
    sm_symbol *s = name ? sm_bind(p, SM_SYM_TYPE, name, loc) : NULL;
    if (s) s->type = type;
  }
  if (type->structure->is_union != is_union)
    sm_error(p, loc, "use of '%s' with tag type that does not match its "
             "declaration", name ? name : "");
  if (align) sm_struct_of(p, type)->align = align;
  if (defines) {
    if (sm_enter(p)) parse_members(p, type);
    p->nesting--;
  }
  return type;
}

void sm_parse_struct_instance(sm_parser *p, sm_type *type) {
  sm_attributes attributes = {0};
  uint32_t align = 0;
  sm_skip(p); /* struct */
  sm_parse_attributes(p, &attributes);
  while (sm_at_word(p, SM_K_alignas)) sm_parse_alignas(p, &align);
  sm_skip(p); /* its name */
  if (sm_at(p, SM_P_LT)) p->t = sm_after_template(p, p->t);
  if (align) sm_struct_of(p, type)->align = align;
  if (sm_at(p, SM_P_COLON))
    sm_unsupported(p, p->t->loc, "derived structs are not supported in "
                   "Metal");
  else if (sm_at(p, SM_P_LBRACE))
    parse_members(p, type);
}

/* ---- enums ------------------------------------------------------------ */

static sm_scalar parse_underlying(sm_parser *p) {
  tm_loc loc = p->t->loc;
  const sm_type *t = sm_parse_type_name(p);
  if (t == p->error_type) return SM_INT;
  if (sm_is_scalar(t) && sm_is_integer(t->scalar)) return t->scalar;
  sm_error(p, loc, "the underlying type of an enum must be an integer, not "
           "'%s'", t->spelling);
  return SM_INT;
}

static bool fits(int64_t value, sm_scalar s) {
  sm_value v = {SM_LONG, (uint64_t)value, 0};
  return sm_value_convert(v, s).i == (uint64_t)value;
}

static void add_enumerator(sm_parser *p, sm_enum_info *info, tm_name name,
                           int64_t value, tm_loc loc) {
  sm_enumerator e = {name, value};
  for (uint32_t i = 0; i < info->list.len; i++) {
    if (info->list.data[i].name != name || !info->is_scoped) continue;
    sm_error(p, loc, "redefinition of enumerator '%s'", name);
    return;
  }
  tm_push(p->arena, &info->list, e);
  if (info->is_scoped) return;
  sm_symbol *s = sm_bind(p, SM_SYM_ENUMERATOR, name, loc);
  if (!s) return;
  s->type = info->type;
  s->value = value;
}

static void parse_enumerators(sm_parser *p, sm_enum_info *info, bool fixed) {
  sm_type *type = (sm_type *)info->type;
  int64_t next = 0, low = 0, high = 0;
  sm_skip(p); /* '{' */
  while (p->t->kind == SM_TK_NAME) {
    tm_name name = p->t->name;
    tm_loc loc = p->t->loc;
    if (p->t->keyword) break;
    sm_skip(p);
    if (sm_accept(p, SM_P_ASSIGN)) {
      sm_expr *e = sm_rvalue(p, sm_parse_assignment(p));
      if (!sm_is_error(p, e) && !sm_fold_int(p, e, &next))
        sm_error(p, e->loc, "the value of an enumerator must be a constant "
                 "integer expression");
    }
    if (fixed && !fits(next, type->scalar))
      sm_error(p, loc, "enumerator value %lld does not fit in '%s'",
               (long long)next, sm_scalar_name(type->scalar));
    if (next < low) low = next;
    if (next > high) high = next;
    add_enumerator(p, info, name, next, loc);
    next = next == INT64_MAX ? 0 : next + 1;
    if (!sm_accept(p, SM_P_COMMA)) break;
  }
  sm_expect(p, SM_P_RBRACE, "after the enumerators");
  if (fixed) return;
  if (!fits(low, SM_INT) || !fits(high, SM_INT))
    type->scalar = low >= 0 && fits(high, SM_UINT) ? SM_UINT : SM_LONG;
  type->size = type->align = sm_scalar_size(type->scalar);
}

const sm_type *sm_parse_enum(sm_parser *p) {
  sm_skip(p); /* enum */
  bool scoped = sm_accept_word(p, SM_K_class) ||
                sm_accept_word(p, SM_K_struct);
  tm_name name = NULL;
  tm_loc loc = p->t->loc;
  if (p->t->kind == SM_TK_NAME && !p->t->keyword) {
    name = p->t->name;
    sm_skip(p);
  }
  bool fixed = sm_accept(p, SM_P_COLON);
  sm_scalar underlying = fixed ? parse_underlying(p) : SM_INT;
  if (!sm_at(p, SM_P_LBRACE)) {
    sm_symbol *s = name ? sm_find(p, name) : NULL;
    if (s && s->kind == SM_SYM_TYPE && s->type->kind == SM_T_ENUM)
      return s->type;
    tm_error_at(p->diags, TM_DIAG_SYNTAX, p->t->loc,
                "expected '{' after 'enum'");
    return p->error_type;
  }
  sm_enum_info *info = sm_type_enum(
      p, name ? name : tm_intern_cstr(p->names, "(anonymous enum)"),
      underlying);
  info->is_scoped = scoped;
  sm_symbol *s = name ? sm_bind(p, SM_SYM_TYPE, name, loc) : NULL;
  if (s) s->type = info->type;
  parse_enumerators(p, info, fixed || scoped);
  return info->type;
}
