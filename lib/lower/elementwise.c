/* SPDX-License-Identifier: MIT */
/*
 * elementwise.c - builtins that compute each element on its own: arithmetic
 * under a name, and mathematical functions.
 */
#include "value.h"

#include <math.h>

/* ---- arithmetic --------------------------------------------------------- */

tm_lv tm_fn_operator(tm_low *l, const tm_builtin_call *c) {
  return tm_sem_binary(l, (tm_py_op)c->row->aux, c->args[0], c->args[1]);
}

tm_lv tm_fn_logical(tm_low *l, const tm_builtin_call *c) {
  return tm_sem_logical(l, c->row->aux, c->args[0], c->args[1]);
}

tm_lv tm_fn_minmax(tm_low *l, const tm_builtin_call *c) {
  bool nan;
  if (!tm_want_bool(l, c->args[2], "propagate_nan", &nan)) return TM_POISONED;
  return tm_sem_minmax(l, c->row->aux, c->args[0], c->args[1], nan);
}

tm_lv tm_fn_clamp(tm_low *l, const tm_builtin_call *c) {
  tm_lv x = c->args[0], low = c->args[1], high = c->args[2];
  bool nan;
  if (!tm_want_bool(l, c->args[3], "propagate_nan", &nan) ||
      !tm_sem_legalize3(l, &x, &low, &high, "clamp"))
    return TM_POISONED;
  if (!tm_lt_is_float(x->type))
    return tm_sem_minmax(l, false, tm_sem_minmax(l, true, x, low, nan), high,
                         nan);
  tm_attr attr = tm_attr_int(TM_ATTR_PROPAGATE_NAN, nan ? 0xffff : 0);
  tm_value operands[] = {x->value, low->value, high->value};
  tm_inst i = tm_build(&l->b, TM_CLAMPF, 3, operands, 1, &x->type->ir, 0,
                       NULL, 1, &attr);
  return tm_lv_run(l, tm_get(l->ir, i)->results, x->type);
}

tm_lv tm_fn_where(tm_low *l, const tm_builtin_call *c) {
  return tm_sem_where(l, c->args[0], c->args[1], c->args[2]);
}

tm_lv tm_fn_cdiv(tm_low *l, const tm_builtin_call *c) {
  tm_lv less = tm_sem_binary(l, TM_PY_SUB, c->args[1], tm_lv_int(l, 1));
  tm_lv sum = tm_sem_binary(l, TM_PY_ADD, c->args[0], less);
  return tm_sem_binary(l, TM_PY_FLOORDIV, sum, c->args[1]);
}

tm_lv tm_fn_next_power_of_2(tm_low *l, const tm_builtin_call *c) {
  int64_t n;
  if (!tm_want_int(l, c->args[0], "next_power_of_2's argument", 0, INT64_MAX,
                  &n))
    return TM_POISONED;
  tm_wide p = 1;
  while (p < n) p *= 2;
  return tm_lv_int(l, n == 0 ? 0 : p);
}

/* Which elements a function takes: Triton checks every tensor on its own,
 * before they agree on a type. */
typedef enum elements { ONLY_F32, WIDE_FLOAT, WORD_INT } elements;

static bool is_one_of(tm_ltype t, elements e) {
  if (e == WORD_INT) return tm_lt_is_int(t) && tm_lt_bits(t) >= 32;
  return tm_lt_dtype(t) == TM_DT_F32 ||
         (e == WIDE_FLOAT && tm_lt_dtype(t) == TM_DT_F64);
}

/* The first n arguments, as far as they are tensors, are of these elements. */
static bool wants(tm_low *l, const tm_builtin_call *c, uint32_t n,
                  elements e) {
  static const char *const names[][2] = {
    [ONLY_F32] = {"fp32", "convert first: x.to(tl.float32)"},
    [WIDE_FLOAT] = {"fp32 or fp64", "convert first: x.to(tl.float32)"},
    [WORD_INT] = {"32- and 64-bit integers", "convert first: x.to(tl.int32)"}};
  for (uint32_t i = 0; i < n; i++) {
    tm_lv x = c->args[i];
    if (!tm_lv_is_run(x) || is_one_of(x->type, e)) continue;
    tm_low_error(l, names[e][1], "%s takes %s, got %s", c->row->name,
                 names[e][0], tm_lt_text(l, x->type));
    return false;
  }
  return true;
}

tm_lv tm_fn_umulhi(tm_low *l, const tm_builtin_call *c) {
  tm_lv x = c->args[0], y = c->args[1];
  if (!wants(l, c, 2, WORD_INT) ||
      !tm_sem_legalize(l, &x, &y, false, c->row->name))
    return TM_POISONED;
  if (!tm_lt_is_int(x->type) || tm_lt_bits(x->type) < 32)
    return tm_low_error(l, NULL, "%s takes 32- and 64-bit integers, got %s",
                        c->row->name, tm_lt_text(l, x->type));
  return tm_sem_op2(l, TM_MULHIUI, x, y);
}

tm_lv tm_fn_fma(tm_low *l, const tm_builtin_call *c) {
  tm_lv x = c->args[0], y = c->args[1], z = c->args[2];
  if (!tm_sem_legalize3(l, &x, &y, &z, "fma")) return TM_POISONED;
  if (!tm_lt_is_float(x->type))
    return tm_low_error(l, "write x * y + z", "fma takes floats, got %s",
                        tm_lt_text(l, x->type));
  return tm_lv_run(l, tm_build3(&l->b, TM_FMA, x->value, y->value, z->value),
                   x->type);
}

/* aux: 0 tl.fdiv with its options, 1 correctly rounded, 2 fast. */
tm_lv tm_fn_fdiv(tm_low *l, const tm_builtin_call *c) {
  tm_lv x = c->args[0], y = c->args[1];
  bool exact = c->row->aux == 1, approximate = false;
  if (c->row->aux == 0 &&
      (!tm_want_bool(l, c->args[2], "ieee_rounding", &exact) ||
       !tm_want_bool(l, c->args[3], "approx", &approximate)))
    return TM_POISONED;
  if (exact && approximate)
    return tm_low_error(l, NULL,
                        "ieee_rounding and approx exclude each other");
  if ((c->row->aux != 0 && !wants(l, c, 2, ONLY_F32)) ||
      !tm_sem_legalize(l, &x, &y, c->row->aux == 0, c->row->name))
    return TM_POISONED;
  if (!tm_lt_is_float(x->type))
    return tm_low_error(l, "convert with .to(tl.float32)",
                        "%s takes floats, got %s", c->row->name,
                        tm_lt_text(l, x->type));
  return tm_sem_op2(l, exact ? TM_PRECISE_DIVF : TM_DIVF, x, y);
}

/* ---- functions of one float --------------------------------------------- */

tm_lv tm_want_float(tm_low *l, const tm_builtin_call *c, uint32_t i) {
  tm_lv x = tm_want_tensor(l, c->args[i],
                          tm_low_format(l, "%s's argument", c->row->name));
  if (!x) return TM_POISONED;
  if (tm_lt_is_float(x->type) && tm_lt_bits(x->type) >= 32) return x;
  return tm_low_error(l, "convert first: x.to(tl.float32)",
                      "%s takes fp32 or fp64, got %s", c->row->name,
                      tm_lt_text(l, x->type));
}

tm_lv tm_fn_math(tm_low *l, const tm_builtin_call *c) {
  if (c->row->aux == TM_PRECISE_SQRT && !wants(l, c, 1, ONLY_F32))
    return TM_POISONED;
  tm_lv x = tm_want_float(l, c, 0);
  return tm_lv_is_poison(x) ? x : tm_sem_op1(l, (tm_op)c->row->aux, x);
}

tm_lv tm_fn_abs(tm_low *l, const tm_builtin_call *c) {
  tm_lv x = c->args[0];
  if (tm_lv_is_number(x)) {
    bool negative = x->kind == TM_LV_INT     ? x->i < 0
                    : x->kind == TM_LV_FLOAT ? signbit(x->f)
                                             : false;
    return negative ? tm_sem_unary(l, TM_PY_NEG, x) : x;
  }
  x = tm_want_tensor(l, x, "abs's argument");
  if (!x) return TM_POISONED;
  if (tm_lt_is_float(x->type)) return tm_sem_op1(l, TM_ABSF, x);
  if (tm_lt_is_signed(x->type)) return tm_sem_op1(l, TM_ABSI, x);
  if (tm_lt_is_int(x->type)) return x;
  return tm_low_error(l, NULL, "abs does not take %s",
                      tm_lt_text(l, x->type));
}

tm_lv tm_fn_sigmoid(tm_low *l, const tm_builtin_call *c) {
  tm_lv x = tm_want_float(l, c, 0);
  if (tm_lv_is_poison(x)) return x;
  tm_lv e = tm_sem_op1(l, TM_EXP, tm_sem_unary(l, TM_PY_NEG, x));
  tm_lv one = tm_lv_int(l, 1);
  return tm_sem_binary(l, TM_PY_DIV, one,
                       tm_sem_binary(l, TM_PY_ADD, one, e));
}
