/* SPDX-License-Identifier: MIT */
/*
 * msl_traits.c - the part of <metal_type_traits> that templates of compute
 * kernels use: is_same_v<T, U> and its relatives as constants, conditional_t
 * and enable_if_t as types.
 */
#include "front.h"

typedef enum trait {
  IS_SAME, IS_INTEGRAL, IS_FLOATING, IS_SIGNED, IS_UNSIGNED, IS_VECTOR,
  IS_SCALAR, IS_ARITHMETIC, IS_VOID, IS_ARRAY, IS_POINTER, TRAITS
} trait;

static const char *const names[TRAITS] = { /* is_same_v<...> is the value of
                                              is_same<...> */
  "is_same", "is_integral", "is_floating_point", "is_signed", "is_unsigned",
  "is_vector", "is_scalar", "is_arithmetic", "is_void", "is_array",
  "is_pointer"};

static trait trait_of(tm_name name) {
  trait t = IS_SAME;
  size_t n = strlen(name);
  if (strncmp(name, "is_", 3) != 0) return TRAITS;
  if (n > 2 && strcmp(name + n - 2, "_v") == 0) n -= 2;
  while (t < TRAITS && (strlen(names[t]) != n ||
                        memcmp(names[t], name, n) != 0))
    t++;
  return t;
}

bool sm_is_trait(tm_name name) { return trait_of(name) != TRAITS; }

bool sm_is_type_trait(tm_name name) {
  return strcmp(name, "conditional_t") == 0 ||
         strcmp(name, "enable_if_t") == 0;
}

static bool holds(trait t, const sm_type *a, const sm_type *b) {
  bool scalar = sm_is_scalar(a);
  switch (t) {
    case IS_SAME: return a == b;
    case IS_INTEGRAL: return scalar && sm_is_integer(a->scalar);
    case IS_FLOATING: return scalar && sm_is_floating(a->scalar);
    case IS_SIGNED:
      return scalar && (sm_is_signed(a->scalar) || sm_is_floating(a->scalar));
    case IS_UNSIGNED:
      return scalar && sm_is_integer(a->scalar) && !sm_is_signed(a->scalar);
    case IS_VECTOR: return a->kind == SM_T_VECTOR;
    case IS_SCALAR: return scalar || a->kind == SM_T_ENUM ||
                           a->kind == SM_T_POINTER;
    case IS_ARITHMETIC: return scalar;
    case IS_VOID: return sm_is_void(a);
    case IS_ARRAY: return a->kind == SM_T_ARRAY;
    case IS_POINTER: return a->kind == SM_T_POINTER;
    default: return false;
  }
}

sm_expr *sm_parse_trait(sm_parser *p, tm_name name, tm_loc loc) {
  trait t = trait_of(name);
  uint32_t need = t == IS_SAME ? 2 : 1;
  sm_template_args args = {0};
  bool ok = sm_at(p, SM_P_LT) && sm_parse_template_args(p, &args) &&
            args.len == need;
  for (uint32_t i = 0; ok && i < need; i++) ok = args.data[i].is_type;
  bool is_value = strcmp(name + strlen(name) - 2, "_v") == 0;
  if (ok && !is_value &&
      (!sm_accept(p, SM_P_SCOPE) || p->t->kind != SM_TK_NAME ||
       strcmp(p->t->name, "value") != 0)) {
    sm_error(p, loc, "only the value of '%s' can be used: %s<...>::value",
             name, name);
    return sm_error_expr(p, loc);
  }
  if (ok && !is_value) sm_skip(p);
  if (ok)
    return sm_literal_int(p, SM_BOOL, holds(t, args.data[0].type,
                                            args.data[need - 1].type), loc);
  sm_error(p, loc, "'%s' takes %u type%s in <>", name, need,
           need == 1 ? "" : "s");
  return sm_error_expr(p, loc);
}

/* conditional_t<B, T, U>, enable_if_t<B, T = void>: at '<'. */
const sm_type *sm_parse_type_trait(sm_parser *p, tm_name name, tm_loc loc) {
  bool chooses = name[0] == 'c';
  sm_template_args a = {0};
  if (!sm_parse_template_args(p, &a)) return p->error_type;
  uint32_t n = a.len;
  bool ok = n >= 1 && !a.data[0].is_type && (chooses ? n == 3 : n <= 2);
  for (uint32_t i = 1; ok && i < n; i++) ok = a.data[i].is_type;
  if (!ok) {
    sm_error(p, loc, "the template arguments do not fit the parameters of "
             "'%s'", name);
    return p->error_type;
  }
  if (chooses) return a.data[a.data[0].value ? 1 : 2].type;
  if (a.data[0].value) return n == 2 ? a.data[1].type : p->scalars[SM_VOID];
  sm_error(p, loc, "no type named 'type' in 'enable_if<false>'");
  return p->error_type;
}
