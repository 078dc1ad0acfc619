/* SPDX-License-Identifier: MIT */
/*
 * msl_names.c - scopes and symbols, and the constants of the library.
 *
 * One map leads from each name to its innermost symbol; a symbol knows the
 * one it shadows. Leaving a scope walks back over the symbols bound in it.
 *
 * Names of the library are not in the map: they are looked up when the
 * program has no symbol of that name, and mean something only when a metal
 * header was included and `using namespace metal` (or metal::) lets them.
 */
#include "front.h"

#include <math.h>

enum {
  MOST_HINTS = 16,   /* nearest-name searches per program: each is a walk */
  NEAREST = 2        /* edits between a typo and the name meant */
};

/* ---- scopes ----------------------------------------------------------- */

void sm_names_setup(sm_parser *p) {
  static const char *const words[] = {
#define SM_ROW(word) #word,
    SM_KEYWORDS(SM_ROW)
#undef SM_ROW
  };
  p->symbols = tm_map_in(p->arena);
  p->builtins = tm_map_in(p->arena);
  p->keywords = tm_map_in(p->arena);
  for (size_t i = 0; i < TM_COUNT(words); i++)
    tm_map_put(&p->keywords, TM_KEY(tm_intern_cstr(p->names, words[i])),
               i + 1);
  for (int id = 0; id < SM_BUILTINS; id++) {
    tm_name name = tm_intern_cstr(p->names, sm_builtin_name((sm_builtin)id));
    tm_map_put(&p->builtins, TM_KEY(name), (uint64_t)id + 1);
  }
  tm_names *n = p->names;
  p->n.metal = tm_intern_cstr(n, "metal");
  p->n.precise = tm_intern_cstr(n, "precise");
  p->n.fast = tm_intern_cstr(n, "fast");
  p->n.as_type = tm_intern_cstr(n, "as_type");
  p->n.vec = tm_intern_cstr(n, "vec");
  p->n.matrix = tm_intern_cstr(n, "matrix");
  p->n.packed_vec = tm_intern_cstr(n, "packed_vec");
  p->n.atomic = tm_intern_cstr(n, "atomic");
  p->n.simdgroup_matrix = tm_intern_cstr(n, "simdgroup_matrix");
  p->n.numeric_limits = tm_intern_cstr(n, "numeric_limits");
  p->n.filled = tm_intern_cstr(n, "make_filled_simdgroup_matrix");
  p->n.thread_elements = tm_intern_cstr(n, "thread_elements");
  p->n.vote_t = tm_intern_cstr(n, "vote_t");
  p->n.columns = tm_intern_cstr(n, "columns");
  p->n.all = tm_intern_cstr(n, "all");
  p->n.any = tm_intern_cstr(n, "any");
  p->n.size_t_ = tm_intern_cstr(n, "size_t");
  p->n.ptrdiff_t_ = tm_intern_cstr(n, "ptrdiff_t");
  p->n.array = tm_intern_cstr(n, "array");
  p->n.size = tm_intern_cstr(n, "size");
}

void sm_scope_enter(sm_parser *p) { p->depth++; }

void sm_scope_open(sm_parser *p, sm_named_scope *scope, tm_name prefix,
                   bool is_struct) {
  *scope = (sm_named_scope){prefix, p->depth, is_struct, p->scope, NULL};
  p->scope = scope;
}

void sm_scope_close(sm_parser *p) { p->scope = p->scope->outer; }

void sm_scope_leave(sm_parser *p) {
  while (p->bound.len) {
    sm_symbol *s = p->bound.data[p->bound.len - 1];
    if (s->depth < p->depth) break;
    tm_map_put(&p->symbols, TM_KEY(s->key), TM_KEY(s->shadowed));
    p->bound.len--;
  }
  p->depth--;
  if (p->using_metal > p->depth + 1) p->using_metal = 0;
  while (p->opened.len && p->opened.data[p->opened.len - 1].depth > p->depth)
    p->opened.len--;
}

static sm_symbol *lookup(sm_parser *p, tm_name key) {
  uint64_t value;
  if (!key || !tm_map_get(&p->symbols, TM_KEY(key), &value)) return NULL;
  return (sm_symbol *)(uintptr_t)value;
}

static tm_name joined(sm_parser *p, tm_name prefix, tm_name name) {
  tm_buf text = tm_buf_in(p->arena);
  tm_buf_puts(&text, prefix);
  tm_buf_puts(&text, name);
  return tm_intern(p->names, tm_buf_text(&text), text.len);
}

sm_symbol *sm_find_in(sm_parser *p, tm_name prefix, tm_name name) {
  return name ? lookup(p, joined(p, prefix, name)) : NULL;
}

sm_symbol *sm_find(sm_parser *p, tm_name name) {
  if (!name) return NULL;
  sm_symbol *s = lookup(p, name);
  if (!p->scope && !p->opened.len) return s;
  for (const sm_named_scope *at = p->scope; at; at = at->outer) {
    if (s && s->depth > at->depth) return s; /* a local name */
    if (s && s->is_template_param) return s;
    sm_symbol *member = sm_find_in(p, at->prefix, name);
    if (member) return member;
  }
  if (s) return s;
  for (uint32_t i = p->opened.len; !s && i-- > 0;)
    s = sm_find_in(p, p->opened.data[i].prefix, name);
  return s;
}

static tm_name key_here(sm_parser *p, tm_name name) {
  bool inside = p->scope && p->scope->depth == p->depth;
  return inside ? joined(p, p->scope->prefix, name) : name;
}

sm_symbol *sm_find_here(sm_parser *p, tm_name name) {
  if (!name) return NULL; /* sm_bind says so */
  sm_symbol *s = lookup(p, key_here(p, name));
  return s && s->depth == p->depth ? s : NULL;
}

sm_symbol *sm_find_at(sm_parser *p, const sm_token **t) {
  sm_symbol *s = sm_find(p, (*t)->name);
  while (s && s->kind == SM_SYM_NAMESPACE && *t + 2 < p->end &&
         sm_token_is(*t + 1, SM_P_SCOPE) && (*t)[2].kind == SM_TK_NAME) {
    *t += 2;
    s = sm_find_in(p, s->prefix, (*t)->name);
  }
  return s;
}

sm_symbol *sm_bind(sm_parser *p, sm_symbol_kind kind, tm_name name,
                   tm_loc loc) {
  if (!name) { /* nothing could ever mean it */
    sm_error(p, loc, "expected a name here");
    return NULL;
  }
  tm_name key = key_here(p, name);
  sm_symbol *old = lookup(p, key);
  if (old && old->depth == p->depth) {
    if (old->kind == SM_SYM_LIBRARY && kind == SM_SYM_LIBRARY) return old;
    sm_error(p, loc, old->kind == kind ? "redefinition of '%s'"
                     : "redefinition of '%s' as different kind of symbol",
             name);
    return NULL;
  }
  sm_symbol *s = TM_NEW(p->arena, sm_symbol);
  s->kind = kind;
  s->name = name;
  s->key = key;
  s->loc = loc;
  s->depth = p->depth;
  s->shadowed = old;
  tm_map_put(&p->symbols, TM_KEY(key), TM_KEY(s));
  tm_push(p->arena, &p->bound, s);
  return s;
}

sm_var *sm_new_var(sm_parser *p, sm_var_kind kind, tm_name name,
                   const sm_type *type, tm_loc loc) {
  sm_var *var = TM_NEW(p->arena, sm_var);
  var->kind = kind;
  var->name = name;
  var->type = type;
  var->loc = loc;
  var->id = p->program->vars++;
  return var;
}

bool sm_library_visible(const sm_parser *p) {
  return p->has_stdlib && p->using_metal;
}

/* ---- undeclared names ------------------------------------------------- */

static void nearer(const char *candidate, const char *name, unsigned *best,
                   const char **found) {
  if (strchr(candidate, ' ')) return; /* a row that cannot be written */
  unsigned distance = tm_edit_distance(candidate, name, NEAREST);
  if (distance >= *best || distance >= strlen(name)) return;
  *best = distance;
  *found = candidate;
}

void sm_undeclared(sm_parser *p, tm_name name, tm_loc loc) {
  tm_diag *diag = sm_error(p, loc, "use of undeclared identifier '%s'", name);
  if (p->diags->errors > MOST_HINTS) return;
  bool library = sm_library_function(p, name) != SM_BUILTINS ||
                 sm_type_library(p, name) || name == p->n.as_type ||
                 name == p->n.precise || name == p->n.fast;
  if (library && !p->has_stdlib) {
    sm_hint(p, diag, "#include <metal_stdlib>");
    return;
  }
  if (library) {
    sm_hint(p, diag, "write metal::%s, or `using namespace metal;`", name);
    return;
  }
  const char *found = NULL;
  unsigned best = NEAREST + 1;
  for (uint32_t i = p->bound.len; i-- > 0;) {
    const sm_symbol *s = p->bound.data[i];
    if (s->name == name && !strchr(s->key, '#')) {
      sm_hint(p, diag, "did you mean '%s'?", s->key);
      return;
    }
    if (s->name == s->key) nearer(s->name, name, &best, &found);
  }
  if (p->has_stdlib)
    for (int id = 0; id < SM_BUILTINS; id++)
      nearer(sm_builtin_name((sm_builtin)id), name, &best, &found);
  if (found) sm_hint(p, diag, "did you mean '%s'?", found);
}

/* ---- constants: spec tables 6.5 to 6.7 and <limits> -------------------- */

/* Names with the suffix _F, _H or _BF. */
static const struct {
  const char *name;
  double value;
} math_constants[] = {
  {"M_E", 2.718281828459045235360},
  {"M_LOG2E", 1.442695040888963407360},
  {"M_LOG10E", 0.434294481903251827651},
  {"M_LN2", 0.693147180559945309417},
  {"M_LN10", 2.302585092994045684018},
  {"M_PI", 3.141592653589793238463},
  {"M_PI_2", 1.570796326794896619231},
  {"M_PI_4", 0.785398163397448309616},
  {"M_1_PI", 0.318309886183790671538},
  {"M_2_PI", 0.636619772367581343076},
  {"M_2_SQRTPI", 1.128379167095512573896},
  {"M_SQRT2", 1.414213562373095048802},
  {"M_SQRT1_2", 0.707106781186547524401},
};

static const struct {
  const char *name;
  sm_scalar type;
  double value;
} float_constants[] = {
  {"INFINITY", SM_FLOAT, INFINITY},    {"NAN", SM_FLOAT, NAN},
  {"HUGE_VALF", SM_FLOAT, INFINITY},   {"HUGE_VALH", SM_HALF, INFINITY},
  {"HUGE_VALBF", SM_BFLOAT, INFINITY}, {"MAXFLOAT", SM_FLOAT, 0x1.fffffep127},
  {"MAXHALF", SM_HALF, 65504.0},       {"MAXBFLOAT", SM_BFLOAT, 0x1.fep127},
  {"FLT_MAX", SM_FLOAT, 0x1.fffffep127},
  {"FLT_MIN", SM_FLOAT, 0x1p-126},     {"FLT_EPSILON", SM_FLOAT, 0x1p-23},
  {"HALF_MAX", SM_HALF, 65504.0},      {"HALF_MIN", SM_HALF, 0x1p-14},
  {"HALF_EPSILON", SM_HALF, 0x1p-10},
};

static const struct {
  const char *name;
  sm_scalar type;
  uint64_t value;
} int_constants[] = {
  {"CHAR_BIT", SM_INT, 8},
  {"SCHAR_MAX", SM_INT, 127},
  {"SCHAR_MIN", SM_INT, (uint64_t)-128},
  {"CHAR_MAX", SM_INT, 127},
  {"CHAR_MIN", SM_INT, (uint64_t)-128},
  {"UCHAR_MAX", SM_INT, 255},
  {"SHRT_MAX", SM_INT, 32767},
  {"SHRT_MIN", SM_INT, (uint64_t)-32768},
  {"USHRT_MAX", SM_INT, 65535},
  {"INT_MAX", SM_INT, 2147483647},
  {"INT_MIN", SM_INT, (uint64_t)-2147483648LL},
  {"UINT_MAX", SM_UINT, 4294967295},
  {"LONG_MAX", SM_LONG, INT64_MAX},
  {"LONG_MIN", SM_LONG, (uint64_t)INT64_MIN},
  {"ULONG_MAX", SM_ULONG, UINT64_MAX},
  {"FLT_DIG", SM_INT, 6},
  {"FLT_MANT_DIG", SM_INT, 24},
  {"FLT_MAX_10_EXP", SM_INT, 38},
  {"FLT_MAX_EXP", SM_INT, 128},
  {"FLT_MIN_10_EXP", SM_INT, (uint64_t)-37},
  {"FLT_MIN_EXP", SM_INT, (uint64_t)-125},
  {"FLT_RADIX", SM_INT, 2},
  {"HALF_DIG", SM_INT, 3},
  {"HALF_MANT_DIG", SM_INT, 11},
  {"HALF_MAX_10_EXP", SM_INT, 4},
  {"HALF_MAX_EXP", SM_INT, 16},
  {"HALF_MIN_10_EXP", SM_INT, (uint64_t)-4},
  {"HALF_MIN_EXP", SM_INT, (uint64_t)-13},
  {"HALF_RADIX", SM_INT, 2},
};

static sm_expr *math_constant(sm_parser *p, const char *name, tm_loc loc) {
  static const struct {
    const char *suffix;
    sm_scalar type;
  } suffixes[] = {{"_BF", SM_BFLOAT}, {"_F", SM_FLOAT}, {"_H", SM_HALF}};
  size_t n = strlen(name);
  for (size_t s = 0; s < TM_COUNT(suffixes); s++) {
    size_t k = strlen(suffixes[s].suffix);
    if (n <= k || strcmp(name + n - k, suffixes[s].suffix) != 0) continue;
    for (size_t i = 0; i < TM_COUNT(math_constants); i++) {
      const char *row = math_constants[i].name;
      if (strlen(row) != n - k || memcmp(row, name, n - k) != 0) continue;
      sm_scalar type = suffixes[s].type;
      if (type == SM_BFLOAT && p->version < 310) return NULL;
      return sm_literal_float(p, type,
                              sm_round_to(type, math_constants[i].value),
                              loc);
    }
  }
  return NULL;
}

static sm_expr *enum_constant(sm_parser *p, const sm_enum_info *info,
                              tm_name name, tm_loc loc) {
  for (uint32_t i = 0; i < info->list.len; i++) {
    if (info->list.data[i].name != name) continue;
    sm_expr *e = sm_literal_int(p, info->type->scalar,
                                (uint64_t)info->list.data[i].value, loc);
    e->type = info->type;
    return e;
  }
  return NULL;
}

sm_expr *sm_library_constant(sm_parser *p, tm_name name, tm_loc loc) {
  if (!p->has_stdlib) return NULL;
  if (strncmp(name, "M_", 2) == 0) return math_constant(p, name, loc);
  if (strncmp(name, "memory_", 7) == 0)
    return enum_constant(p, p->memory_order, name, loc);
  if (strncmp(name, "thread_", 7) == 0)
    return enum_constant(p, p->thread_scope, name, loc);
  for (size_t i = 0; i < TM_COUNT(float_constants); i++)
    if (strcmp(float_constants[i].name, name) == 0)
      return sm_literal_float(p, float_constants[i].type,
                              float_constants[i].value, loc);
  for (size_t i = 0; i < TM_COUNT(int_constants); i++)
    if (strcmp(int_constants[i].name, name) == 0)
      return sm_literal_int(p, int_constants[i].type, int_constants[i].value,
                            loc);
  return NULL;
}

/* ---- numeric_limits --------------------------------------------------- */

typedef struct float_limits {
  double max, min, denorm_min, epsilon;
  int digits, digits10, max_exponent, min_exponent;
} float_limits;

static const float_limits *limits_of(sm_scalar s) {
  static const float_limits single = {0x1.fffffep127, 0x1p-126, 0x1p-149,
                                      0x1p-23, 24, 6, 128, -125};
  static const float_limits half = {65504.0, 0x1p-14, 0x1p-24, 0x1p-10, 11,
                                    3, 16, -13};
  static const float_limits bfloat = {0x1.fep127, 0x1p-126, 0x1p-133,
                                      0x1p-7, 8, 2, 128, -125};
  return s == SM_HALF ? &half : s == SM_BFLOAT ? &bfloat : &single;
}

static sm_expr *float_limit(sm_parser *p, sm_scalar s, const char *name,
                            tm_loc loc) {
  const float_limits *l = limits_of(s);
  double v;
  if (strcmp(name, "max") == 0) v = l->max;
  else if (strcmp(name, "lowest") == 0) v = -l->max;
  else if (strcmp(name, "min") == 0) v = l->min;
  else if (strcmp(name, "denorm_min") == 0) v = l->denorm_min;
  else if (strcmp(name, "epsilon") == 0) v = l->epsilon;
  else if (strcmp(name, "round_error") == 0) v = 0.5;
  else if (strcmp(name, "infinity") == 0) v = INFINITY;
  else if (strcmp(name, "quiet_NaN") == 0) v = NAN;
  else return NULL;
  return sm_literal_float(p, s, v, loc);
}

static sm_expr *int_limit(sm_parser *p, sm_scalar s, const char *name,
                          tm_loc loc) {
  unsigned bits = s == SM_BOOL ? 1 : sm_scalar_size(s) * 8;
  bool is_signed = sm_is_signed(s);
  uint64_t max = UINT64_MAX >> (64 - bits + (is_signed ? 1 : 0));
  uint64_t v = 0;
  if (strcmp(name, "max") == 0) v = max;
  else if (strcmp(name, "min") == 0 || strcmp(name, "lowest") == 0)
    v = is_signed ? ~max : 0;
  else return NULL;
  return sm_literal_int(p, s, v, loc);
}

sm_expr *sm_library_limit(sm_parser *p, sm_scalar scalar, tm_name member,
                          bool is_call, tm_loc loc) {
  bool floating = sm_is_floating(scalar);
  if (is_call)
    return floating ? float_limit(p, scalar, member, loc)
                    : int_limit(p, scalar, member, loc);
  const float_limits *l = limits_of(scalar);
  unsigned bits = scalar == SM_BOOL ? 1 : sm_scalar_size(scalar) * 8;
  int digits = floating ? l->digits
                        : (int)bits - (sm_is_signed(scalar) ? 1 : 0);
  const struct {
    const char *name;
    sm_scalar type;
    int value;
  } rows[] = {
    {"is_specialized", SM_BOOL, 1},
    {"is_signed", SM_BOOL, floating || sm_is_signed(scalar)},
    {"is_integer", SM_BOOL, !floating},
    {"is_exact", SM_BOOL, !floating},
    {"has_infinity", SM_BOOL, floating},
    {"has_quiet_NaN", SM_BOOL, floating},
    {"radix", SM_INT, 2},
    {"digits", SM_INT, digits},
    {"digits10", SM_INT, floating ? l->digits10 : digits * 3 / 10},
    {"max_exponent", SM_INT, floating ? l->max_exponent : 0},
    {"min_exponent", SM_INT, floating ? l->min_exponent : 0},
  };
  for (size_t i = 0; i < TM_COUNT(rows); i++)
    if (strcmp(rows[i].name, member) == 0)
      return sm_literal_int(p, rows[i].type, (uint64_t)rows[i].value, loc);
  return NULL;
}
