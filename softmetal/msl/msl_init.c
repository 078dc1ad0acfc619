/* SPDX-License-Identifier: MIT */
/*
 * msl_init.c - initialiser lists: { a, { b, c } }.
 *
 * A list is read into a small tree first, because only the type says whether
 * inner braces may be left out. Then the type is filled from it
 * ([dcl.init.aggr]): each part of the aggregate takes one item, or, where the
 * item is no list and does not fit, as many as it needs. Parts without an
 * item are zero. Narrowing conversions of values that are no constants are
 * errors, as in C++.
 */
#include "front.h"

typedef struct item {
  tm_loc loc;
  tm_name member; /* .member = before it, clang's extension; or NULL */
  bool has_index; /* [first] = or [first ... last] = before it, likewise */
  uint64_t first, last;
  sm_expr *e; /* NULL: a list */
  TM_VEC(struct item *) list;
} item;

typedef struct filler { /* a place in one list */
  const item *list;
  uint32_t next;
} filler;

/* [index] = and [first ... last] =: at '['. */
static bool parse_indices(sm_parser *p, item *it) {
  int64_t at[2] = {0, 0};
  sm_skip(p);
  for (int i = 0; i < 2; i++) {
    sm_expr *e = sm_rvalue(p, sm_parse_assignment(p));
    if (sm_is_error(p, e)) return false;
    if (!sm_fold_int(p, e, &at[i]) || at[i] < 0) {
      sm_error(p, e->loc, "an array designator is a constant index");
      return false;
    }
    if (i == 0) at[1] = at[0];
    if (!sm_accept(p, SM_P_ELLIPSIS)) break;
  }
  it->has_index = true;
  it->first = (uint64_t)at[0];
  it->last = (uint64_t)at[1];
  if (at[1] < at[0])
    sm_error(p, it->loc, "array designator range [%lld, %lld] is empty",
             (long long)at[0], (long long)at[1]);
  return at[1] >= at[0] && sm_expect(p, SM_P_RSQUARE, "in the designator") &&
         sm_expect(p, SM_P_ASSIGN, "after the designator");
}

static item *parse_item(sm_parser *p) {
  item *it = TM_NEW(p->arena, item);
  it->loc = p->t->loc;
  if (sm_at(p, SM_P_DOT) && sm_ahead(p)->kind == SM_TK_NAME) {
    sm_skip(p);
    it->member = p->t->name;
    sm_skip(p);
    if (!sm_expect(p, SM_P_ASSIGN, "after the designator"))
      it->e = sm_error_expr(p, it->loc);
    if (it->e) return it;
  }
  if (sm_at(p, SM_P_LSQUARE) && !parse_indices(p, it)) {
    it->e = sm_error_expr(p, it->loc);
    while (p->t < p->end && !sm_at(p, SM_P_COMMA) && !sm_at(p, SM_P_RBRACE) &&
           !sm_at(p, SM_P_SEMI))
      sm_skip(p);
    return it;
  }
  if (!sm_at(p, SM_P_LBRACE)) {
    it->e = sm_parse_assignment(p);
    return it;
  }
  if (sm_enter(p)) {
    sm_skip(p);
    while (!sm_at(p, SM_P_RBRACE) && p->t < p->end) {
      item *part = parse_item(p);
      tm_push(p->arena, &it->list, part);
      if (!sm_accept(p, SM_P_COMMA)) break;
    }
    if (!sm_expect(p, SM_P_RBRACE, "after the initialiser list"))
      it->e = sm_error_expr(p, it->loc);
  } else {
    it->e = sm_error_expr(p, it->loc);
  }
  p->nesting--;
  return it;
}

/* ---- narrowing -------------------------------------------------------- */

static bool holds_exactly(sm_parser *p, const sm_expr *e, sm_scalar to) {
  sm_value v;
  if (!sm_fold(p, e, &v)) return false;
  sm_value there = sm_value_convert(v, to);
  if (sm_is_floating(v.type)) {
    /* a constant that only loses precision is allowed, out of range is not */
    return sm_is_floating(to) && (there.f - there.f == 0 || v.f - v.f != 0);
  }
  if (sm_is_floating(to)) return true;
  sm_value back = sm_value_convert(there, v.type);
  bool sign_kept = sm_is_signed(to) == sm_is_signed(v.type) ||
                   !((int64_t)v.i < 0 || (int64_t)there.i < 0) ||
                   (!sm_is_signed(v.type) && sm_scalar_size(to) >
                                                 sm_scalar_size(v.type));
  return back.i == v.i && sign_kept;
}

static bool widens(sm_scalar from, sm_scalar to) {
  if (from == to || from == SM_BOOL) return true;
  if (sm_is_floating(from)) return sm_is_floating(to) && to == SM_FLOAT;
  if (sm_is_floating(to)) return false;
  uint32_t a = sm_scalar_size(from), b = sm_scalar_size(to);
  if (to == SM_BOOL) return false;
  if (sm_is_signed(from) == sm_is_signed(to)) return b >= a;
  return sm_is_signed(to) && b > a;
}

static bool check_narrowing(sm_parser *p, const sm_expr *e,
                            const sm_type *to) {
  const sm_type *from = e->type;
  if (!sm_is_scalar(from) || !sm_is_scalar(to)) return true;
  if (widens(from->scalar, to->scalar)) return true;
  if (holds_exactly(p, sm_rvalue(p, (sm_expr *)e), to->scalar)) return true;
  tm_diag *diag = sm_error(
      p, e->loc, "type '%s' cannot be narrowed to '%s' in initializer list",
      from->spelling, to->spelling);
  sm_hint(p, diag, "convert explicitly: %s(x)", to->spelling);
  return false;
}

/* ---- filling ---------------------------------------------------------- */

static sm_expr *build(sm_parser *p, const sm_type *type, const item *it);

static bool is_aggregate(const sm_type *t) {
  return t->kind == SM_T_ARRAY || t->kind == SM_T_STRUCT;
}

static uint32_t part_count(const sm_type *t) {
  return t->kind == SM_T_ARRAY ? t->count : t->structure->members.len;
}

static const sm_type *part_type(const sm_type *t, uint32_t i) {
  return t->kind == SM_T_ARRAY ? t->element
                               : t->structure->members.data[i].type;
}

static sm_expr *fill(sm_parser *p, const sm_type *type, filler *f);

static sm_expr *fill_part(sm_parser *p, const sm_type *type, filler *f) {
  const item *it = f->list->list.data[f->next];
  bool whole = !it->e || !is_aggregate(type) || sm_is_error(p, it->e) ||
               (type->kind == SM_T_STRUCT && it->e->type == type);
  if (!whole) return fill(p, type, f); /* the inner braces were left out */
  f->next++;
  return build(p, type, it);
}

/* What part i is without an item: its default or zero; NULL where all that
 * follow are zero too and can be left out. */
static sm_expr *missing_part(sm_parser *p, const sm_type *type, uint32_t i,
                             tm_loc loc) {
  sm_exprs none = {0};
  if (type->kind == SM_T_STRUCT) {
    const sm_struct_info *info = sm_struct_of(p, type);
    if (i < info->defaults.len && info->defaults.data[i])
      return info->defaults.data[i];
  }
  sm_expr *value = sm_default_value(p, part_type(type, i), loc);
  return value ? value : sm_construct(p, part_type(type, i), &none, loc);
}

/* The index of the member that an item names; next without a name. */
static uint32_t designated(sm_parser *p, const sm_type *type, const item *it,
                           uint32_t next) {
  if (it->has_index) {
    bool fits = type->kind == SM_T_ARRAY && it->last < type->count;
    if (fits && it->first >= next) return (uint32_t)it->first;
    sm_error(p, it->loc, !fits ? "array designator index (%llu) exceeds array "
             "bounds" : "array designator [%llu] is out of order",
             (unsigned long long)(fits ? it->first : it->last));
    return UINT32_MAX;
  }
  if (!it->member) return next;
  const sm_struct *s = type->kind == SM_T_STRUCT ? type->structure : NULL;
  for (uint32_t i = 0; s && i < s->members.len; i++) {
    if (s->members.data[i].name != it->member) continue;
    if (i >= next) return i;
    sm_error(p, it->loc, "designator '.%s' is out of the order of the "
             "members", it->member);
    return UINT32_MAX;
  }
  sm_error(p, it->loc, "no member named '%s' in '%s'", it->member,
           type->spelling);
  return UINT32_MAX;
}

static sm_expr *fill(sm_parser *p, const sm_type *type, filler *f) {
  sm_exprs args = {0};
  tm_loc loc = f->next < f->list->list.len ? f->list->list.data[f->next]->loc
                                           : f->list->loc;
  uint32_t n = part_count(type);
  if (type->kind == SM_T_STRUCT && type->structure->is_union &&
      f->next < f->list->list.len) {
    tm_diag *diag = sm_unsupported(p, loc, "a list that initialises a union "
                                   "is not supported");
    sm_hint(p, diag, "assign to a member");
    return sm_error_expr(p, loc);
  }
  for (uint32_t i = 0; i < n && f->next < f->list->list.len; i++) {
    const item *it = f->list->list.data[f->next];
    uint32_t to = designated(p, type, it, i);
    if (to == UINT32_MAX) return sm_error_expr(p, it->loc);
    for (; i < to; i++)
      tm_push(p->arena, &args, missing_part(p, type, i, it->loc));
    sm_expr *e = fill_part(p, part_type(type, i), f);
    if (sm_is_error(p, e)) return e;
    tm_push(p->arena, &args, e);
    bool many = it->has_index && it->first < it->last;
    if (many && !sm_fold_initializer(p, e)) {
      sm_unsupported(p, it->loc, "a designator range needs a constant value");
      return sm_error_expr(p, it->loc);
    }
    for (uint64_t k = it->first; many && k < it->last; k++, i++)
      tm_push(p->arena, &args, e);
  }
  bool defaults = false; /* the rest is zero, unless some part is not */
  uint32_t kinds = type->kind == SM_T_ARRAY && n ? args.len + 1 : n;
  for (uint32_t i = args.len; i < n && i < kinds && !defaults; i++)
    defaults = (type->kind == SM_T_STRUCT &&
                sm_struct_of(p, type)->has_defaults) ||
               sm_default_value(p, part_type(type, i), loc);
  for (uint32_t i = args.len; i < n && defaults; i++)
    tm_push(p->arena, &args, missing_part(p, type, i, loc));
  return sm_node_args(p, SM_CONSTRUCT, type, loc, &args);
}

static sm_expr *excess(sm_parser *p, const sm_type *type, tm_loc loc) {
  sm_error(p, loc, "excess elements in initializer of '%s'", type->spelling);
  return sm_error_expr(p, loc);
}

static bool is_zero_item(sm_parser *p, const item *it) {
  sm_value v;
  if (!it->e || !sm_is_scalar(it->e->type)) return false;
  return sm_fold(p, sm_rvalue(p, it->e), &v) && v.i == 0 && v.f == 0;
}

/* {..} for a type that is no aggregate. */
static sm_expr *build_plain(sm_parser *p, const sm_type *type,
                            const item *it) {
  sm_exprs args = {0};
  uint32_t n = it->list.len;
  bool zero = n == 1 && is_zero_item(p, it->list.data[0]);
  bool shaped = type->kind == SM_T_VECTOR || type->kind == SM_T_MATRIX;
  if (!n || (shaped && zero)) return sm_construct(p, type, &args, it->loc);
  if (!shaped)
    return n == 1 ? build(p, type, it->list.data[0])
                  : excess(p, type, it->list.data[1]->loc);
  for (uint32_t i = 0; i < n; i++) {
    const item *part = it->list.data[i];
    sm_expr *e = part->e;
    if (!e && type->kind == SM_T_MATRIX)
      e = build(p, sm_type_vector(p, type->scalar, type->rows, false), part);
    if (!e) return excess(p, type, part->loc);
    tm_push(p->arena, &args, e);
  }
  if (n == 1 && sm_is_scalar(args.data[0]->type)) {
    tm_diag *diag = sm_error(p, it->loc, "too few elements in initializer of "
                             "'%s'", type->spelling);
    sm_hint(p, diag, "fill every element with %s(x)", type->spelling);
    return sm_error_expr(p, it->loc);
  }
  return sm_construct(p, type, &args, it->loc);
}

static sm_expr *build(sm_parser *p, const sm_type *type, const item *it) {
  if (it->e) {
    if (sm_is_error(p, it->e)) return it->e;
    if (type->kind == SM_T_ARRAY) {
      sm_error(p, it->loc, "array initializer must be an initializer list");
      return sm_error_expr(p, it->loc);
    }
    if (type->kind == SM_T_VECTOR && sm_is_scalar(it->e->type) &&
        !is_zero_item(p, it)) {
      tm_diag *diag = sm_error(
          p, it->loc, "a '%s' in a list needs all its elements",
          type->spelling);
      sm_hint(p, diag, "write %s(...)", type->spelling);
      return sm_error_expr(p, it->loc);
    }
    if (sm_rank_of(p, it->e, type) != SM_RANK_NONE &&
        !check_narrowing(p, it->e, type))
      return sm_error_expr(p, it->loc);
    return sm_convert(p, it->e, type, "initialize an element");
  }
  if (type == p->error_type) return sm_error_expr(p, it->loc);
  if (!is_aggregate(type)) return build_plain(p, type, it);
  /* T x = { y } with y of type T is a copy */
  if (type->kind == SM_T_STRUCT && it->list.len == 1 && it->list.data[0]->e &&
      it->list.data[0]->e->type == type)
    return sm_rvalue(p, it->list.data[0]->e);
  filler f = {it, 0};
  sm_expr *e = fill(p, type, &f);
  if (!sm_is_error(p, e) && f.next < it->list.len &&
      (it->list.data[f.next]->member || it->list.data[f.next]->has_index)) {
    designated(p, type, it->list.data[f.next], part_count(type));
    return sm_error_expr(p, it->loc);
  }
  if (!sm_is_error(p, e) && f.next < it->list.len)
    return excess(p, type, it->list.data[f.next]->loc);
  return e;
}

/* How many elements an open array gets from the list. */
static uint32_t count_elements(sm_parser *p, const sm_type *element,
                               const item *it) {
  filler f = {it, 0};
  uint32_t n = 0;
  uint32_t errors = p->diags->errors;
  while (f.next < it->list.len && p->diags->errors == errors) {
    uint32_t before = f.next;
    const item *at = it->list.data[before];
    if (sm_is_error(p, fill_part(p, element, &f)) || f.next == before) break;
    n = at->has_index ? (uint32_t)(at->last < UINT32_MAX ? at->last + 1 : 0)
                      : n + 1;
  }
  return p->diags->errors == errors ? n : 0;
}

sm_expr *sm_parse_braces(sm_parser *p, const sm_type **type, bool unsized) {
  item *it = parse_item(p);
  if (it->e || *type == p->error_type) return sm_error_expr(p, it->loc);
  if (unsized) {
    uint32_t errors = p->diags->errors;
    uint32_t n = count_elements(p, (*type)->element, it);
    if (p->diags->errors != errors) return sm_error_expr(p, it->loc);
    if (!n) {
      sm_error(p, it->loc, "the size of an array must be positive, not 0");
      return sm_error_expr(p, it->loc);
    }
    const sm_type *sized = sm_type_array(p, (*type)->element, n);
    if (!sized) {
      tm_error_at(p->diags, TM_DIAG_LIMIT, it->loc, "array is too large");
      return sm_error_expr(p, it->loc);
    }
    *type = sized;
  }
  return build(p, *type, it);
}
