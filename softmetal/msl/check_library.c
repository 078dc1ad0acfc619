/* SPDX-License-Identifier: MIT */
/*
 * check_library.c - calls of the Metal standard library, from builtins.def.
 *
 * A row with a pattern stands for one overload for each scalar type of its
 * set and each of its widths. They are ranked as user functions are, so
 * max(int, uint) is as ambiguous here as it is in Metal. Rows with the flag
 * X are templates in Metal's headers: their T is deduced exactly.
 *
 * bfloat has no forms of its own in most functions (spec 6.5), but converts to
 * float and to integers: exp(b) is that of float, max(b, b) is ambiguous.
 */
#include "front.h"

enum { X = 1, G = 2, M = 4, K = 8 }; /* flags: see builtins.def */

#define BIT(s) (1u << (s))
enum {
  SET_SIGNED = BIT(SM_CHAR) | BIT(SM_SHORT) | BIT(SM_INT) | BIT(SM_LONG),
  SET_F = BIT(SM_HALF) | BIT(SM_FLOAT),
  SET_FB = SET_F | BIT(SM_BFLOAT),
  SET_I = SET_SIGNED | BIT(SM_UCHAR) | BIT(SM_USHORT) | BIT(SM_UINT) |
          BIT(SM_ULONG),
  SET_IF = SET_I | SET_F,
  SET_SF = SET_SIGNED | SET_F,
  SET_W = BIT(SM_INT) | BIT(SM_UINT),
  SET_B = BIT(SM_BOOL),
  SET_XI = SET_I & ~(BIT(SM_LONG) | BIT(SM_ULONG)),
  SET_X = SET_XI | SET_F,
  SET_A = SET_IF | BIT(SM_BOOL) | BIT(SM_BFLOAT),
  SET_C = 0,
  W_0 = 0,
  W_S = BIT(1),
  W_V = BIT(2) | BIT(3) | BIT(4),
  W_SV = W_S | W_V,
  W_V3 = BIT(3),
  MOST_PARAMS = 6,
  MOST_CANDIDATES = SM_SCALARS * 4
};

typedef struct row {
  const char *name;
  uint32_t set, widths;
  const char *pattern;
  uint32_t since, family, flags;
} row;

static const row rows[SM_BUILTINS] = {
#define SM_BUILTIN_ROW(id, name, set, widths, pattern, since, family, flags) \
  {name, SET_##set, W_##widths, pattern, since, family, flags},
#include "builtins.def"
#undef SM_BUILTIN_ROW
};

const char *sm_builtin_name(sm_builtin id) { return rows[id].name; }

sm_builtin sm_library_function(sm_parser *p, tm_name name) {
  uint64_t value;
  if (!tm_map_get(&p->builtins, TM_KEY(name), &value)) return SM_BUILTINS;
  return (sm_builtin)(value - 1);
}

static sm_expr *no_match(sm_parser *p, sm_builtin id, tm_loc loc,
                         const char *hint) {
  tm_diag *diag = sm_error(p, loc, "no matching function for call to '%s'",
                           rows[id].name);
  if (hint) sm_hint(p, diag, "%s", hint);
  return sm_error_expr(p, loc);
}

static sm_expr *make_call(sm_parser *p, sm_builtin id, const sm_type *type,
                          const sm_exprs *args, tm_loc loc) {
  for (uint32_t i = 0; i < args->len; i++)
    if (sm_is_error(p, args->data[i])) return sm_error_expr(p, loc);
  sm_expr *e = sm_node_args(p, SM_BUILTIN, type, loc, args);
  e->u.builtin = id;
  return e;
}

static bool is_available(sm_parser *p, sm_builtin id, tm_loc loc) {
  const row *r = &rows[id];
  if (r->since > p->version) {
    sm_unsupported(p, loc, "'%s' needs MSL %u.%u; the language version is "
                   "%u.%u", r->name, r->since / 100, r->since / 10 % 10,
                   p->version / 100, p->version / 10 % 10);
    return false;
  }
  if (r->family > p->options->family) {
    sm_unsupported(p, loc, "'%s' needs a GPU of family Apple%u; this one is "
                   "Apple%u", r->name, r->family, p->options->family);
    return false;
  }
  return true;
}

/* ---- patterned rows --------------------------------------------------- */

static sm_scalar unsigned_of(sm_scalar s) {
  return sm_is_signed(s) ? (sm_scalar)(s + 1) : s;
}

/* The type that a pattern letter means, for T = scalar x width. References
 * are given by their element. */
static const sm_type *letter_type(sm_parser *p, char letter, sm_scalar s,
                                  uint32_t width) {
  switch (letter) {
    case 't':
    case 'r': return sm_type_vector(p, s, width, false);
    case 'b': return sm_type_vector(p, SM_BOOL, width, false);
    case 'i':
    case 'R': return sm_type_vector(p, SM_INT, width, false);
    case 'u': return sm_type_vector(p, unsigned_of(s), width, false);
    case 's': return p->scalars[s];
    case 'e': return p->scalars[SM_BOOL];
    case 'n': return p->scalars[SM_UINT];
    case 'h': return p->scalars[SM_USHORT];
    case 'o': return p->scalars[SM_ULONG];
    default: return p->scalars[SM_VOID];
  }
}

typedef struct candidate {
  sm_scalar scalar;
  uint32_t width;
  uint8_t ranks[MOST_PARAMS];
} candidate;

static bool rank_candidate(sm_parser *p, const char *params,
                           const sm_exprs *args, candidate *c) {
  for (uint32_t i = 0; i < args->len; i++) {
    const sm_type *type = letter_type(p, params[i], c->scalar, c->width);
    sm_rank rank;
    if (params[i] == 'r' || params[i] == 'R')
      rank = sm_rank_reference(
          p, args->data[i],
          sm_type_reference(p, type, SM_THREAD, false, false));
    else
      rank = sm_rank_of(p, args->data[i], type);
    if (rank == SM_RANK_NONE) return false;
    c->ranks[i] = (uint8_t)rank;
  }
  return true;
}

static bool beats(const candidate *a, const candidate *b, uint32_t n) {
  bool better = false;
  for (uint32_t i = 0; i < n; i++) {
    if (a->ranks[i] < b->ranks[i]) return false;
    better |= a->ranks[i] > b->ranks[i];
  }
  return better;
}

static const char *type_set_text(uint32_t set, uint32_t widths) {
  if (set == SET_XI)
    return "T is an integer of 8 to 32 bits or a vector of them";
  if (set == SET_X)
    return "T is an integer of 8 to 32 bits, half or float, or a vector of "
           "them";
  if (set == SET_I) return "the arguments must be integers of one type";
  if (set == SET_F && !(widths & W_S))
    return "the arguments must be vectors of half or of float";
  if (set == SET_F) return "the arguments must be half or float";
  if (set == SET_B) return "the argument must be bool or a vector of bool";
  return NULL;
}

/* Flag X: every argument for a t has exactly the type T. */
static bool deduce_exactly(sm_parser *p, const row *r, const char *params,
                           const sm_exprs *args, candidate *out) {
  const sm_type *t = NULL;
  for (uint32_t i = 0; i < args->len; i++) {
    if (params[i] != 't') continue;
    const sm_type *type = sm_value_type(p, args->data[i]);
    if (t && t != type) return false;
    t = type;
  }
  if (!t || (t->kind != SM_T_SCALAR && t->kind != SM_T_VECTOR) || t->packed)
    return false;
  out->scalar = t->scalar;
  out->width = t->kind == SM_T_VECTOR ? t->count : 1;
  return (r->set & BIT(out->scalar)) && (r->widths & BIT(out->width)) &&
         rank_candidate(p, params, args, out);
}

/* The type of the first argument is tried first: it is nearly always what
 * the call means, and an exact match of all needs no rivals. */
static bool matches_first(sm_parser *p, uint32_t set, uint32_t widths,
                          const char *params, const sm_exprs *args,
                          candidate *out) {
  if (!args->len) return false;
  const sm_type *t = sm_value_type(p, args->data[0]);
  if ((t->kind != SM_T_SCALAR && t->kind != SM_T_VECTOR) || t->packed)
    return false;
  out->scalar = t->scalar;
  out->width = t->kind == SM_T_VECTOR ? t->count : 1;
  if (!(set & BIT(out->scalar)) || !(widths & BIT(out->width)) ||
      !rank_candidate(p, params, args, out))
    return false;
  for (uint32_t i = 0; i < args->len; i++)
    if (out->ranks[i] != SM_RANK_EXACT) return false;
  return true;
}

typedef enum outcome { FOUND, NO_MATCH, AMBIGUOUS } outcome;

static outcome choose(sm_parser *p, uint32_t set, uint32_t widths,
                      const char *params, const sm_exprs *args,
                      candidate *out) {
  if (matches_first(p, set, widths, params, args, out)) return FOUND;
  candidate list[MOST_CANDIDATES];
  uint32_t n = 0, best = 0;
  for (int s = SM_BOOL; s < SM_SCALARS; s++) {
    if (!(set & BIT(s))) continue;
    for (uint32_t w = 1; w <= 4; w++) {
      if (!(widths & BIT(w))) continue;
      candidate *c = &list[n];
      c->scalar = (sm_scalar)s;
      c->width = w;
      if (!rank_candidate(p, params, args, c)) continue;
      if (n && beats(c, &list[best], args->len)) best = n;
      n++;
    }
  }
  if (!n) return NO_MATCH;
  for (uint32_t i = 0; i < n; i++)
    if (i != best && !beats(&list[best], &list[i], args->len))
      return AMBIGUOUS;
  *out = list[best];
  return FOUND;
}

/* max(0, b) with b of type bfloat takes the int form, and loses what is
 * behind the point: legal, and never meant. */
static void warn_of_truncation(sm_parser *p, const sm_expr *arg,
                               const sm_type *to) {
  const sm_type *from = arg->type;
  if (from->kind == SM_T_SCALAR && from->scalar == SM_BFLOAT &&
      sm_is_integer(to->scalar))
    tm_warning_at(p->diags, arg->loc, "implicit conversion of 'bfloat' to '%s' "
                  "drops the fraction: convert to float", to->spelling);
}

static sm_expr *wrap_vote(sm_parser *p, sm_builtin id, sm_expr *e) {
  sm_exprs args = {0};
  tm_push(p->arena, &args, e);
  const sm_type *type =
      rows[id].name[0] == 'q' ? p->quad_vote : p->simd_vote;
  return sm_node_args(p, SM_CONSTRUCT, type, e->loc, &args);
}

static outcome choose_row(sm_parser *p, const row *r, uint32_t set,
                          const sm_exprs *args, candidate *c) {
  const char *params = r->pattern + 1;
  if (r->flags & X)
    return deduce_exactly(p, r, params, args, c) ? FOUND : NO_MATCH;
  if (strpbrk(r->pattern, "tbius"))
    return choose(p, set, r->widths, params, args, c);
  return rank_candidate(p, params, args, c) ? FOUND : NO_MATCH;
}

sm_library_fit sm_library_ranks(sm_parser *p, sm_builtin id,
                                const sm_exprs *args, sm_rank *ranks) {
  const row *r = &rows[id];
  candidate c = {SM_BOOL, 1, {0}};
  bool patterned = r->set != SET_C && !sm_is_packing(id) &&
                   r->since <= p->version && r->family <= p->options->family;
  if (!patterned || args->len != strlen(r->pattern) - 1) return SM_FIT_NONE;
  outcome result = choose_row(p, r, r->set, args, &c);
  if (result == NO_MATCH) return SM_FIT_NONE;
  if (result == AMBIGUOUS) return SM_FIT_AMBIGUOUS;
  for (uint32_t i = 0; i < args->len; i++) ranks[i] = (sm_rank)c.ranks[i];
  return r->flags & X ? SM_FIT_TEMPLATE : SM_FIT_FUNCTION;
}

static sm_expr *call_pattern(sm_parser *p, sm_builtin id, sm_namespace ns,
                             sm_exprs *args, tm_loc loc) {
  const row *r = &rows[id];
  const char *params = r->pattern + 1;
  uint32_t n = (uint32_t)strlen(params);
  if (args->len + 1 == n && strcmp(r->pattern, "ttthh") == 0) {
    uint64_t all = r->name[0] == 'q' ? 4 : 32; /* the modulo's default */
    tm_push(p->arena, args, sm_literal_int(p, SM_USHORT, all, loc));
  }
  if (args->len != n) {
    tm_diag *diag = sm_error(p, loc, "no matching function for call to '%s'",
                             r->name);
    sm_hint(p, diag, "it takes %u argument%s, %u given", n,
            n == 1 ? "" : "s", args->len);
    return sm_error_expr(p, loc);
  }
  uint32_t set = ns == SM_NS_PLAIN ? r->set : (uint32_t)BIT(SM_FLOAT);
  candidate c = {SM_BOOL, 1, {0}};
  outcome result = choose_row(p, r, set, args, &c);
  if (result == NO_MATCH)
    return no_match(p, id, loc, type_set_text(r->set, r->widths));
  if (result == AMBIGUOUS) {
    tm_diag *diag = sm_error(p, loc, "call to '%s' is ambiguous", r->name);
    sm_hint(p, diag, "convert the arguments to one type");
    return sm_error_expr(p, loc);
  }
  for (uint32_t i = 0; i < n; i++) {
    if (params[i] == 'r' || params[i] == 'R') continue;
    const sm_type *to = letter_type(p, params[i], c.scalar, c.width);
    warn_of_truncation(p, args->data[i], to);
    args->data[i] = sm_convert_known(p, args->data[i], to);
  }
  const sm_type *type = letter_type(p, r->pattern[0], c.scalar, c.width);
  sm_expr *e = make_call(p, id, type, args, loc);
  if ((r->flags & M) && c.scalar == SM_FLOAT)
    e->precision = ns == SM_NS_PRECISE ? SM_PRECISE
                   : ns == SM_NS_FAST || !p->options->precise_functions
                       ? SM_FAST : SM_PRECISE;
  return r->pattern[0] == 'o' ? wrap_vote(p, id, e) : e;
}

/* ---- arguments that must be constants ---------------------------------- */

/* args[i] as a literal of its enum's scalar; NULL (reported) otherwise. */
static sm_expr *constant_enum(sm_parser *p, sm_builtin id,
                              const sm_expr *arg, const sm_enum_info *info,
                              int64_t *value) {
  if (sm_is_error(p, arg)) return NULL;
  const sm_type *type = arg->type;
  if (type != info->type) {
    no_match(p, id, arg->loc, NULL);
    return NULL;
  }
  sm_expr *rvalue = sm_rvalue(p, (sm_expr *)arg);
  if (!sm_fold_int(p, rvalue, value)) {
    tm_diag *diag = sm_unsupported(
        p, arg->loc, "the %s of '%s' must be a constant", type->spelling,
        rows[id].name);
    sm_hint(p, diag, "write the constant in the call itself");
    return NULL;
  }
  return sm_literal_int(p, type->scalar, (uint64_t)*value, arg->loc);
}

static sm_expr *call_barrier(sm_parser *p, sm_builtin id, sm_exprs *args,
                             tm_loc loc) {
  int64_t value;
  if (args->len == 2) { /* since MSL 3.2: how far the memory is ordered. All
                           of it is ordered for everyone here */
    if (p->version < 320) {
      sm_unsupported(p, loc, "'%s' with a thread_scope needs MSL 3.2",
                     rows[id].name);
      return sm_error_expr(p, loc);
    }
    if (!constant_enum(p, id, args->data[1], p->thread_scope, &value))
      return sm_error_expr(p, loc);
    args->len = 1;
  }
  if (args->len != 1)
    return no_match(p, id, loc, "it takes one mem_flags");
  args->data[0] = constant_enum(p, id, args->data[0], p->mem_flags, &value);
  if (!args->data[0]) return sm_error_expr(p, loc);
  if ((rows[id].flags & K) && p->callable) p->callable->has_barrier = true;
  return make_call(p, id, p->scalars[SM_VOID], args, loc);
}

static sm_expr *call_fence(sm_parser *p, sm_exprs *args, tm_loc loc) {
  sm_builtin id = SM_B_ATOMIC_THREAD_FENCE;
  int64_t flags, order, scope;
  if (args->len == 2) { /* the default scope is the device's: spec 6.15.3 */
    sm_expr *device = sm_literal_int(p, SM_INT, 2, loc);
    device->type = p->thread_scope->type;
    tm_push(p->arena, args, device);
  }
  if (args->len != 3)
    return no_match(p, id, loc, "it takes mem_flags, memory_order and "
                    "thread_scope");
  args->data[0] = constant_enum(p, id, args->data[0], p->mem_flags, &flags);
  args->data[1] = constant_enum(p, id, args->data[1], p->memory_order,
                                &order);
  args->data[2] = constant_enum(p, id, args->data[2], p->thread_scope,
                                &scope);
  if (!args->data[0] || !args->data[1] || !args->data[2])
    return sm_error_expr(p, loc);
  if (order != 0 && order != 5 && p->version < 410) {
    sm_unsupported(p, loc, "before MSL 4.1 a fence is memory_order_relaxed "
                   "or memory_order_seq_cst");
    return sm_error_expr(p, loc);
  }
  return make_call(p, id, p->scalars[SM_VOID], args, loc);
}

/* ---- atomics ---------------------------------------------------------- */

static bool atomic_takes(sm_builtin id, sm_scalar s) {
  switch ((int)id) {
    case SM_B_ATOMIC_MIN:
    case SM_B_ATOMIC_MAX: return s == SM_ULONG;
    case SM_B_ATOMIC_FETCH_ADD:
    case SM_B_ATOMIC_FETCH_SUB:
      return s == SM_INT || s == SM_UINT || s == SM_FLOAT;
    case SM_B_ATOMIC_FETCH_AND: case SM_B_ATOMIC_FETCH_OR:
    case SM_B_ATOMIC_FETCH_XOR: case SM_B_ATOMIC_FETCH_MIN:
    case SM_B_ATOMIC_FETCH_MAX: return s == SM_INT || s == SM_UINT;
    default: return s != SM_ULONG;
  }
}

static bool check_atomic(sm_parser *p, sm_builtin id, const sm_expr *arg) {
  const sm_type *t = sm_value_type(p, arg);
  if (t->kind != SM_T_POINTER || t->element->kind != SM_T_ATOMIC) {
    no_match(p, id, arg->loc, "the first argument must point to an atomic "
             "type: atomic_int, atomic_uint, ...");
    return false;
  }
  sm_scalar s = t->element->scalar;
  if (t->space != SM_DEVICE && t->space != SM_THREADGROUP) {
    no_match(p, id, arg->loc, "atomics are in device or threadgroup memory");
    return false;
  }
  if (t->is_const && id != SM_B_ATOMIC_LOAD) {
    no_match(p, id, arg->loc, "the object is const");
    return false;
  }
  if (!atomic_takes(id, s)) {
    tm_diag *diag = sm_error(p, arg->loc, "no matching function for call to "
                             "'%s'", rows[id].name);
    sm_hint(p, diag, "'%s' has no such operation", t->element->spelling);
    return false;
  }
  if (t->space == SM_THREADGROUP && s == SM_FLOAT &&
      !(p->version >= 410 && id == SM_B_ATOMIC_FETCH_ADD)) {
    tm_diag *diag = sm_unsupported(
        p, arg->loc, "float atomics are not available in threadgroup memory");
    sm_hint(p, diag, "compare-and-swap an atomic_uint; MSL 4.1 has fetch_add");
    return false;
  }
  if (t->space == SM_THREADGROUP && s == SM_ULONG) {
    sm_unsupported(p, arg->loc, "64-bit atomics are not available in "
                   "threadgroup memory");
    return false;
  }
  return true;
}

static sm_expr *call_atomic(sm_parser *p, sm_builtin id, sm_exprs *args,
                            tm_loc loc) {
  bool is_load = id == SM_B_ATOMIC_LOAD;
  bool is_cas = id == SM_B_ATOMIC_COMPARE_EXCHANGE_WEAK;
  uint32_t orders = is_cas ? 2 : 1;
  uint32_t need = 1 + (is_load ? 0 : 1) + (is_cas ? 1 : 0) + orders;
  if (args->len != need) {
    tm_diag *diag = sm_error(p, loc, "no matching function for call to '%s'",
                             rows[id].name);
    sm_hint(p, diag, "it takes %u arguments, %u given", need, args->len);
    return sm_error_expr(p, loc);
  }
  if (!check_atomic(p, id, args->data[0])) return sm_error_expr(p, loc);
  args->data[0] = sm_rvalue(p, args->data[0]);
  const sm_type *value = p->scalars[args->data[0]->type->element->scalar];
  if (is_cas)
    args->data[1] = sm_convert(
        p, args->data[1], sm_type_pointer(p, value, SM_THREAD, false, false),
        "initialize a parameter");
  if (!is_load)
    args->data[need - orders - 1] =
        sm_convert(p, args->data[need - orders - 1], value,
                   "initialize a parameter");
  for (uint32_t i = need - orders; i < need; i++) {
    int64_t order;
    tm_loc at = args->data[i]->loc;
    args->data[i] = constant_enum(p, id, args->data[i], p->memory_order,
                                  &order);
    if (!args->data[i]) return sm_error_expr(p, loc);
    if (order == 0 || p->version >= 410) continue;
    tm_diag *diag = sm_error(p, at, "no matching function for call to '%s'",
                             rows[id].name);
    sm_hint(p, diag, "before MSL 4.1 atomics are memory_order_relaxed");
    return sm_error_expr(p, loc);
  }
  const sm_type *result = is_cas ? p->scalars[SM_BOOL]
                          : id == SM_B_ATOMIC_STORE ||
                                    id == SM_B_ATOMIC_MIN ||
                                    id == SM_B_ATOMIC_MAX
                              ? p->scalars[SM_VOID] : value;
  return make_call(p, id, result, args, loc);
}

/* ---- simdgroup_matrix ------------------------------------------------- */

static bool is_fragment(const sm_expr *e) {
  return e->type->kind == SM_T_FRAGMENT;
}

static bool is_fragment_target(const sm_expr *e) {
  return is_fragment(e) && e->is_lvalue && !e->is_const &&
         e->space == SM_THREAD;
}

static sm_expr *call_transfer(sm_parser *p, sm_builtin id, sm_exprs *args,
                              tm_loc loc) {
  bool is_load = id == SM_B_SIMDGROUP_LOAD;
  if (args->len < 2 || args->len > 5)
    return no_match(p, id, loc, "it takes a matrix, a pointer, elements per "
                    "row, an origin and whether to transpose");
  sm_expr *m = args->data[0];
  if (is_load ? !is_fragment_target(m) : !is_fragment(m))
    return no_match(p, id, loc, is_load ? "the first argument must be a "
                    "simdgroup_matrix variable" : "the first argument must "
                    "be a simdgroup_matrix");
  sm_expr *pointer = sm_rvalue(p, args->data[1]);
  const sm_type *t = pointer->type;
  if (t->kind != SM_T_POINTER ||
      t->element != p->scalars[m->type->scalar] ||
      (t->space != SM_DEVICE && t->space != SM_THREADGROUP) ||
      (t->is_const && !is_load)) {
    tm_diag *diag = sm_error(p, loc, "no matching function for call to '%s'",
                             rows[id].name);
    sm_hint(p, diag, "the pointer must be '%s%s *' in device or threadgroup "
            "memory, not '%s'", is_load ? "const " : "",
            sm_scalar_name(m->type->scalar), t->spelling);
    return sm_error_expr(p, loc);
  }
  if (!is_load) args->data[0] = sm_rvalue(p, m);
  args->data[1] = pointer;
  const sm_type *ulong2 = sm_type_vector(p, SM_ULONG, 2, false);
  if (args->len < 3)
    tm_push(p->arena, args, sm_literal_int(p, SM_ULONG, 8, loc));
  if (args->len < 4)
    tm_push(p->arena, args, sm_literal_int(p, SM_ULONG, 0, loc));
  if (args->len < 5)
    tm_push(p->arena, args, sm_literal_int(p, SM_BOOL, 0, loc));
  const char *what = "initialize a parameter";
  args->data[2] = sm_convert(p, args->data[2], p->scalars[SM_ULONG], what);
  args->data[3] = sm_convert(p, args->data[3], ulong2, what);
  args->data[4] = sm_convert(p, args->data[4], p->scalars[SM_BOOL], what);
  return make_call(p, id, p->scalars[SM_VOID], args, loc);
}

/* d = a * b [+ c]: the element types may differ, as ggml's attention kernels
 * have them: half = float * bfloat + half; see METAL-FACTS 3.8. */
static sm_expr *call_multiply(sm_parser *p, sm_builtin id, sm_exprs *args,
                              tm_loc loc) {
  uint32_t n = id == SM_B_SIMDGROUP_MULTIPLY ? 3 : 4;
  bool ok = args->len == n && is_fragment_target(args->data[0]);
  for (uint32_t i = 1; ok && i < n; i++) ok = is_fragment(args->data[i]);
  if (!ok)
    return no_match(p, id, loc, n == 3
                    ? "it takes a simdgroup_matrix variable and two factors"
                    : "it takes a simdgroup_matrix variable, two factors and "
                      "the addend");
  for (uint32_t i = 1; i < n; i++)
    args->data[i] = sm_rvalue(p, args->data[i]);
  return make_call(p, id, p->scalars[SM_VOID], args, loc);
}

sm_expr *sm_library_fragment(sm_parser *p, sm_builtin id,
                             const sm_type *type, sm_exprs *args,
                             tm_loc loc) {
  if (!is_available(p, id, loc)) return sm_error_expr(p, loc);
  if (args->len != 1) return no_match(p, id, loc, "it takes one scalar");
  args->data[0] = sm_convert(p, args->data[0], p->scalars[type->scalar],
                             "initialize an element");
  return make_call(p, id, type, args, loc);
}

/* ---- the other rows --------------------------------------------------- */

static uint32_t bits_of(const sm_type *t) {
  return sm_scalar_size(t->scalar) *
         (t->kind == SM_T_VECTOR ? t->count : 1);
}

sm_expr *sm_library_as_type(sm_parser *p, const sm_type *to, sm_expr *e,
                            tm_loc loc) {
  if (sm_is_error(p, e) || to == p->error_type) return sm_error_expr(p, loc);
  e = sm_rvalue(p, e);
  const sm_type *from = e->type;
  bool shaped = (sm_is_scalar(to) || to->kind == SM_T_VECTOR) &&
                (sm_is_scalar(from) || from->kind == SM_T_VECTOR);
  if (!shaped || to->scalar == SM_BOOL || from->scalar == SM_BOOL ||
      bits_of(to) != bits_of(from)) {
    tm_diag *diag = sm_error(p, loc, "as_type from '%s' to '%s' is not "
                             "allowed", from->spelling, to->spelling);
    sm_hint(p, diag, "the sizes must be equal, and neither type bool");
    return sm_error_expr(p, loc);
  }
  if (from == to) return e;
  sm_exprs args = {0};
  tm_push(p->arena, &args, e);
  return make_call(p, SM_B_AS_TYPE, to, &args, loc);
}

static sm_expr *call_is_defined(sm_parser *p, sm_exprs *args, tm_loc loc) {
  sm_builtin id = SM_B_IS_FUNCTION_CONSTANT_DEFINED;
  if (args->len != 1 || args->data[0]->kind != SM_VAR ||
      args->data[0]->u.var->kind != SM_V_FUNCTION_CONSTANT)
    return no_match(p, id, loc, "it takes the name of a function constant");
  return make_call(p, id, p->scalars[SM_BOOL], args, loc);
}

static sm_expr *call_matrix(sm_parser *p, sm_builtin id, sm_exprs *args,
                            tm_loc loc) {
  if (args->len != 1 || args->data[0]->type->kind != SM_T_MATRIX)
    return no_match(p, id, loc, "it takes a matrix");
  const sm_type *m = args->data[0]->type;
  args->data[0] = sm_rvalue(p, args->data[0]);
  if (id == SM_B_TRANSPOSE)
    return make_call(p, id, sm_type_matrix(p, m->scalar, m->rows, m->count),
                     args, loc);
  if (m->count != m->rows)
    return no_match(p, id, loc, "it takes a square matrix");
  return make_call(p, id, p->scalars[m->scalar], args, loc);
}

sm_expr *sm_library_call(sm_parser *p, sm_builtin id, sm_namespace ns,
                         sm_exprs *args, tm_loc loc) {
  for (uint32_t i = 0; i < args->len; i++)
    if (sm_is_error(p, args->data[i])) return sm_error_expr(p, loc);
  if (ns != SM_NS_PLAIN && !(rows[id].flags & M)) {
    sm_error(p, loc, "no member named '%s' in namespace 'metal::%s'",
             rows[id].name, ns == SM_NS_FAST ? "fast" : "precise");
    return sm_error_expr(p, loc);
  }
  if (!is_available(p, id, loc)) return sm_error_expr(p, loc);
  if (!p->callable && id != SM_B_IS_FUNCTION_CONSTANT_DEFINED) {
    sm_error(p, loc, "'%s' cannot be called at program scope: it is no "
             "constant expression", rows[id].name);
    return sm_error_expr(p, loc);
  }
  if (sm_is_packing(id)) return sm_library_pack(p, id, args, loc);
  switch ((int)id) {
    case SM_B_THREADGROUP_BARRIER:
    case SM_B_SIMDGROUP_BARRIER: return call_barrier(p, id, args, loc);
    case SM_B_ATOMIC_THREAD_FENCE: return call_fence(p, args, loc);
    case SM_B_SIMDGROUP_LOAD:
    case SM_B_SIMDGROUP_STORE: return call_transfer(p, id, args, loc);
    case SM_B_SIMDGROUP_MULTIPLY:
    case SM_B_SIMDGROUP_MULTIPLY_ACCUMULATE:
      return call_multiply(p, id, args, loc);
    case SM_B_IS_FUNCTION_CONSTANT_DEFINED:
      return call_is_defined(p, args, loc);
    case SM_B_TRANSPOSE:
    case SM_B_DETERMINANT: return call_matrix(p, id, args, loc);
    case SM_B_AS_TYPE:
    case SM_B_SIMDGROUP_DIAGONAL:
    case SM_B_SIMDGROUP_FILLED:
      return no_match(p, id, loc, "template arguments are missing: "
                      "as_type<T>(x), make_filled_simdgroup_matrix<T, 8, "
                      "8>(x)");
    default: break;
  }
  if (rows[id].set == SET_C) return call_atomic(p, id, args, loc);
  return call_pattern(p, id, ns, args, loc);
}
