/* SPDX-License-Identifier: MIT */
/*
 * debug.c - what kernels check when they are compiled for debugging: the
 * assertions that they ask for themselves, and sums, differences and products
 * of integers that leave their type.
 *
 * A kernel is compiled so when the context says it, or its own decorator:
 * @triton.jit(debug=True). Like Triton, which holds every a + b, a - b, a * b
 * and tl.add, tl.sub, tl.mul of integers of less than 64 bits to its type,
 * unless sanitize_overflow=False. Not held to it are the functions that come
 * with Triton and combine functions of reductions, whose order is not the
 * program's.
 */
#include "value.h"

bool tm_low_assert(tm_low *l, tm_lv holds, tm_lv mask, const char *message) {
  if (!l->spec->debug) return true;
  holds = tm_sem_cast(l, holds, tm_lt_scalar(l, TM_DT_I1));
  if (mask->kind != TM_LV_NONE) {
    mask = tm_want_tensor(l, mask, "mask");
    if (!mask) return false;
    holds = tm_sem_logical(l, false, holds,
                           tm_sem_unary(l, TM_PY_NOT, mask));
  }
  if (tm_lv_is_poison(holds)) return false;
  tm_attr attr = tm_attr_text(TM_ATTR_MESSAGE, message);
  tm_build(&l->b, TM_ASSERT, 1, &holds->value, 0, NULL, 0, NULL, 1, &attr);
  return true;
}

/* A combine function runs on copies and on what lanes without an element
 * hold, where an assertion would fail of itself. */
static tm_lv refuse_in_combine(tm_low *l, const char *name) {
  return tm_low_unsupported(l, "assert what the reduction or scan is given, "
                            "or what it gives",
                            "tl.%s cannot stand in a combine function", name);
}

tm_lv tm_fn_device_assert(tm_low *l, const tm_builtin_call *c) {
  const char *message;
  if (!l->spec->debug) return TM_NONE_LV;
  if (l->combining) return refuse_in_combine(l, "device_assert");
  tm_lv condition = tm_want_tensor(l, c->args[0], "the condition");
  if (!condition || !tm_want_text(l, c->args[1], "the message", &message) ||
      !tm_low_assert(l, condition, c->args[2], message ? message : ""))
    return TM_POISONED;
  return TM_NONE_LV;
}

tm_lv tm_fn_expect_zero(tm_low *l, const tm_builtin_call *c) {
  if (!l->spec->debug) return c->args[0];
  if (l->combining) return refuse_in_combine(l, "expect_zero");
  tm_lv x = tm_want_tensor(l, c->args[0], "x");
  if (!x || tm_lv_is_poison(x) ||
      !tm_low_assert(l, tm_sem_compare(l, TM_PY_EQ, x, tm_lv_int(l, 0)),
                     c->args[1],
                     "expect_zero expected x == 0 where mask is true"))
    return TM_POISONED;
  return c->args[0];
}

/* ---- overflow ----------------------------------------------------------- */

static const char *name_of(tm_py_op op) {
  return op == TM_PY_ADD ? "add" : op == TM_PY_SUB ? "sub" : "mul";
}

/* Asserts that a op b of one integer type, computed in 64 bits, is what the
 * type holds. */
static void check_overflow(tm_low *l, tm_py_op op, tm_lv a, tm_lv b) {
  tm_dtype dtype = tm_lt_dtype(a->type);
  tm_ltype wide = tm_lt_scalar(l, TM_DT_I64);
  tm_lv x = tm_sem_cast(l, a, wide), y = tm_sem_cast(l, b, wide);
  x = tm_sem_binary(l, op, x, y);
  tm_lv high = tm_sem_constant(l, tm_lv_int(l, tm_dtype_max(dtype)), wide);
  tm_lv low = tm_sem_constant(l, tm_lv_int(l, tm_dtype_min(dtype)), wide);
  high = tm_sem_compare(l, TM_PY_LE, x, high);
  low = tm_sem_compare(l, TM_PY_GE, x, low);
  tm_low_assert(l, tm_sem_logical(l, true, high, low), TM_NONE_LV,
                tm_low_format(l, "int%u overflow detected for operation %s",
                              tm_lt_bits(a->type), name_of(op)));
}

static bool is_arithmetic(tm_lv v) {
  return tm_lv_is_number(v) ||
         (tm_lv_is_run(v) && v->type->kind != TM_LT_DESCRIPTOR &&
          !tm_lt_is_pointer(v->type));
}

tm_lv tm_low_operator(tm_low *l, tm_py_op op, tm_lv a, tm_lv b) {
  bool sums = op == TM_PY_ADD || op == TM_PY_SUB || op == TM_PY_MUL;
  tm_lv x = a, y = b;
  if (!sums || !l->spec->debug || l->combining || l->frame->is_prelude ||
      !is_arithmetic(a) || !is_arithmetic(b) ||
      (!tm_lv_is_run(a) && !tm_lv_is_run(b)))
    return tm_sem_binary(l, op, a, b);
  if (!tm_sem_legalize(l, &x, &y, false, tm_lv_op_text(op)))
    return TM_POISONED;
  if (tm_lt_is_int(x->type) && tm_lt_bits(x->type) < 64)
    check_overflow(l, op, x, y);
  return tm_sem_binary(l, op, a, b);
}

/* tl.add, tl.sub, tl.mul. */
tm_lv tm_fn_arithmetic(tm_low *l, const tm_builtin_call *c) {
  tm_py_op op = (tm_py_op)c->row->aux;
  bool checked;
  if (!tm_want_bool(l, c->args[2], "sanitize_overflow", &checked))
    return TM_POISONED;
  return checked ? tm_low_operator(l, op, c->args[0], c->args[1])
                 : tm_sem_binary(l, op, c->args[0], c->args[1]);
}
