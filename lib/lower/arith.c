/* SPDX-License-Identifier: MIT */
/*
 * arith.c - operators: Python's on compile-time values, Triton's on run-time
 * values. A run-time operation first makes its operands agree (legalize):
 * one element type by types.c's rules, then one shape by broadcasting.
 */
#include "value.h"

#include <math.h>

/* ---- agreeing on a type ------------------------------------------------- */

static bool is_operand(tm_lv v) {
  return tm_lv_is_number(v) ||
         (v->kind == TM_LV_RUN && v->type->kind != TM_LT_DESCRIPTOR);
}

static const char *operand_hint(tm_lv a, tm_lv b) {
  if (a->kind == TM_LV_NONE || b->kind == TM_LV_NONE)
    return "test for None with `is None`";
  if (a->kind == TM_LV_TUPLE || b->kind == TM_LV_TUPLE)
    return "take an item of the tuple";
  if (a->kind == TM_LV_FUNCTION || b->kind == TM_LV_FUNCTION ||
      a->kind == TM_LV_BUILTIN || b->kind == TM_LV_BUILTIN)
    return "is a call's () missing?";
  return NULL;
}

static bool wrong_operands(tm_low *l, tm_lv a, tm_lv b, const char *what) {
  tm_low_error(l, operand_hint(a, b), "%s does not take %s and %s", what,
               tm_lv_describe(l, a), tm_lv_describe(l, b));
  tm_low_origins(l, a, b);
  return false;
}

static tm_dtype operand_dtype(tm_lv v) {
  return tm_lv_is_number(v) ? tm_dtype_of_number(v) : tm_lt_dtype(v->type);
}

/* A number that joins an operation must be exact in the integer type that
 * the operation computes in. */
static tm_lv to_computation(tm_low *l, tm_lv v, tm_ltype type) {
  if (!tm_lv_is_number(v)) return tm_sem_cast(l, v, type);
  if (tm_lt_is_int(type) && v->kind == TM_LV_INT) {
    if (v->i < 0 && !tm_lt_is_signed(type))
      return tm_low_error(l, "cast the tensor or the number explicitly",
                          "%s is negative and the other operand is %s",
                          tm_lv_describe(l, v), tm_lt_text(l, type));
    if (v->i < tm_dtype_min(type->dtype) || v->i > tm_dtype_max(type->dtype))
      return tm_low_error(l, "cast the tensor to a wider type first",
                          "%s does not fit %s, the type of the other operand",
                          tm_lv_describe(l, v), tm_lt_text(l, type));
  }
  return tm_sem_constant(l, v, type);
}

static tm_ltype computation_type(tm_low *l, tm_lv a, tm_lv b, bool div_or_mod,
                                 const char *what) {
  tm_dtype d =
      tm_dtype_compute(operand_dtype(a), tm_lv_is_number(a), operand_dtype(b),
                       tm_lv_is_number(b), div_or_mod);
  if (d != TM_DT_VOID) return tm_lt_scalar(l, d);
  tm_low_error(l, div_or_mod ? "cast both to the same signedness with "
                               ".to(tl.int32) or .to(tl.uint32)"
                             : NULL,
               "%s does not take %s and %s", what, tm_lv_describe(l, a),
               tm_lv_describe(l, b));
  tm_low_origins(l, a, b);
  return NULL;
}

bool tm_sem_legalize(tm_low *l, tm_lv *a, tm_lv *b, bool div_or_mod,
                     const char *what) {
  if (tm_lv_is_poison(*a) || tm_lv_is_poison(*b)) return false;
  if (!is_operand(*a) || !is_operand(*b))
    return wrong_operands(l, *a, *b, what);
  if ((tm_lv_is_run(*a) && tm_lt_is_pointer((*a)->type)) ||
      (tm_lv_is_run(*b) && tm_lt_is_pointer((*b)->type)))
    return wrong_operands(l, *a, *b, what);
  tm_ltype type = computation_type(l, *a, *b, div_or_mod, what);
  if (!type) return false;
  *a = to_computation(l, *a, type);
  *b = to_computation(l, *b, type);
  return tm_sem_broadcast(l, a, b);
}

bool tm_sem_legalize3(tm_low *l, tm_lv *a, tm_lv *b, tm_lv *c,
                      const char *what) {
  tm_lv *all[] = {a, b, c};
  tm_dtype tensor = TM_DT_VOID, number = TM_DT_VOID;
  bool fits = true;
  for (int i = 0; i < 3; i++) {
    tm_lv v = *all[i];
    if (tm_lv_is_poison(v)) return false;
    if (!is_operand(v) || (tm_lv_is_run(v) && tm_lt_is_pointer(v->type))) {
      bool is_address = tm_lv_is_run(v) && tm_lt_is_pointer(v->type);
      tm_low_error(l, is_address ? "load the value first: tl.load(pointer)"
                                 : NULL,
                   "%s does not take %s", what,
                   tm_lv_describe(l, v));
      return false;
    }
    bool is_number = tm_lv_is_number(v);
    tm_dtype *into = is_number ? &number : &tensor;
    tm_dtype d = operand_dtype(v);
    *into = *into == TM_DT_VOID
                ? d
                : tm_dtype_compute(*into, is_number, d, is_number, false);
    fits = fits && *into != TM_DT_VOID;
  }
  tm_dtype d = tensor == TM_DT_VOID   ? number
               : number == TM_DT_VOID ? tensor
                                      : tm_dtype_compute(tensor, false, number,
                                                         true, false);
  if (!fits || d == TM_DT_VOID) {
    tm_low_error(l, NULL, "%s does not take %s, %s and %s", what,
                 tm_lv_describe(l, *a), tm_lv_describe(l, *b),
                 tm_lv_describe(l, *c));
    return false;
  }
  for (int i = 0; i < 3; i++)
    *all[i] = to_computation(l, *all[i], tm_lt_scalar(l, d));
  return tm_sem_broadcast(l, a, b) && tm_sem_broadcast(l, a, c) &&
         tm_sem_broadcast(l, b, c);
}

/* ---- binary operators --------------------------------------------------- */

static bool is_pointer(tm_lv v) {
  return tm_lv_is_run(v) && tm_lt_is_pointer(v->type);
}

static tm_lv add_pointer(tm_low *l, tm_lv pointer, tm_lv offset,
                         tm_py_op op) {
  if (tm_lv_is_poison(pointer) || tm_lv_is_poison(offset)) return TM_POISONED;
  const char *what = tm_lv_op_text(op);
  if (!is_operand(offset) || is_pointer(offset)) {
    wrong_operands(l, pointer, offset, what);
    return TM_POISONED;
  }
  if (tm_lt_element(pointer->type)->element->kind == TM_LT_BLOCK)
    return tm_low_error(l, "move it with tl.advance(pointer, offsets)",
                        "a block pointer does not take %s", what);
  offset = tm_sem_tensor(l, offset);
  if (tm_lv_is_poison(offset)) return offset;
  if (!tm_lt_is_int(offset->type))
    return tm_low_error(l, "offsets are integers: .to(tl.int32)",
                        "cannot add an offset of type %s to a pointer",
                        tm_lt_text(l, offset->type));
  if (!tm_sem_broadcast(l, &pointer, &offset)) return TM_POISONED;
  if (op == TM_PY_SUB) offset = tm_sem_unary(l, TM_PY_NEG, offset);
  /* addptr takes its offset as signed: unsigned ones widen by zeros. */
  if (!tm_lt_is_signed(offset->type) && tm_lt_bits(offset->type) < 64)
    offset = tm_sem_cast(l, offset, tm_lt_scalar(l, TM_DT_I64));
  return tm_lv_run(
      l, tm_build2(&l->b, TM_ADDPTR, pointer->value, offset->value),
      pointer->type);
}

static tm_lv add_sub_mul(tm_low *l, tm_py_op op, tm_lv a, tm_lv b) {
  if (op == TM_PY_ADD && is_pointer(a) && is_pointer(b))
    return tm_low_error(l, "a pointer takes an integer offset; the distance "
                           "of two is p.to(tl.int64) - q.to(tl.int64)",
                        "cannot add two pointers, %s and %s",
                        tm_lv_describe(l, a), tm_lv_describe(l, b));
  if (op != TM_PY_MUL && is_pointer(a)) return add_pointer(l, a, b, op);
  if (op == TM_PY_ADD && is_pointer(b)) return add_pointer(l, b, a, op);
  if (!tm_sem_legalize(l, &a, &b, false, tm_lv_op_text(op)))
    return TM_POISONED;
  static const tm_op ops[][2] = {[TM_PY_ADD] = {TM_ADDI, TM_ADDF},
                                 [TM_PY_SUB] = {TM_SUBI, TM_SUBF},
                                 [TM_PY_MUL] = {TM_MULI, TM_MULF}};
  return tm_sem_op2(l, ops[op][tm_lt_is_float(a->type)], a, b);
}

static tm_lv divide(tm_low *l, tm_py_op op, tm_lv a, tm_lv b) {
  if (!tm_sem_legalize(l, &a, &b, true, tm_lv_op_text(op)))
    return TM_POISONED;
  bool is_float = tm_lt_is_float(a->type), sign = tm_lt_is_signed(a->type);
  if (op == TM_PY_DIV) {
    if (!is_float) {
      a = tm_sem_cast(l, a, tm_lt_scalar(l, TM_DT_F32));
      b = tm_sem_cast(l, b, tm_lt_scalar(l, TM_DT_F32));
    }
    return tm_sem_op2(l, TM_DIVF, a, b);
  }
  if (op == TM_PY_MOD) {
    if (is_float) return tm_sem_op2(l, TM_REMF, a, b);
    return tm_sem_op2(l, sign ? TM_REMSI : TM_REMUI, a, b);
  }
  if (is_float)
    return tm_low_error(l, "write tl.floor(a / b)",
                        "// is for integers, got %s and %s",
                        tm_lt_text(l, a->type), tm_lt_text(l, b->type));
  return tm_sem_op2(l, sign ? TM_DIVSI : TM_DIVUI, a, b);
}

static tm_lv bitwise(tm_low *l, tm_py_op op, tm_lv a, tm_lv b) {
  /* The left tensor's sign decides how >> fills; the right one's if the left
   * is a number. */
  tm_lv self = tm_lv_is_run(a) ? a : b;
  bool arithmetic =
      tm_lv_is_run(self) && tm_lt_is_signed(self->type);
  tm_lv a0 = a, b0 = b;
  if (!tm_sem_legalize(l, &a, &b, false, tm_lv_op_text(op)))
    return TM_POISONED;
  if (!tm_lt_is_int(a->type)) {
    return tm_low_error(l, "bitwise operators take integers and booleans; "
                           "compare first, or bitcast",
                        "%s does not take %s and %s", tm_lv_op_text(op),
                        tm_lv_describe(l, a0), tm_lv_describe(l, b0));
  }
  switch (op) {
  case TM_PY_AND: return tm_sem_op2(l, TM_ANDI, a, b);
  case TM_PY_OR: return tm_sem_op2(l, TM_ORI, a, b);
  case TM_PY_XOR: return tm_sem_op2(l, TM_XORI, a, b);
  case TM_PY_SHL: return tm_sem_op2(l, TM_SHLI, a, b);
  default: break;
  }
  return tm_sem_op2(l, arithmetic ? TM_SHRSI : TM_SHRUI, a, b);
}

/* An opaque operand would compare unequal to everything: refuse it. */
static bool bad_operands(tm_low *l, tm_lv a, tm_lv b) {
  if (tm_lv_is_poison(a) || tm_lv_is_poison(b)) return true;
  if (a->kind != TM_LV_OPAQUE && b->kind != TM_LV_OPAQUE) return false;
  tm_low_opaque_use(l, a->kind == TM_LV_OPAQUE ? a : b);
  return true;
}

tm_lv tm_sem_binary(tm_low *l, tm_py_op op, tm_lv a, tm_lv b) {
  if (bad_operands(l, a, b)) return TM_POISONED;
  tm_lv by_class = tm_record_binary(l, op, a, b);
  if (by_class) return by_class;
  if (!tm_lv_is_run(a) && !tm_lv_is_run(b)) {
    const char *why;
    tm_lv r = tm_lv_fold(l, op, a, b, &why);
    if (r) return r;
    return tm_low_error(l, operand_hint(a, b), "%s does not take %s and %s: %s",
                        tm_lv_op_text(op), tm_lv_describe(l, a),
                        tm_lv_describe(l, b), why);
  }
  switch (op) {
  case TM_PY_ADD: case TM_PY_SUB: case TM_PY_MUL:
    return add_sub_mul(l, op, a, b);
  case TM_PY_DIV: case TM_PY_FLOORDIV: case TM_PY_MOD:
    return divide(l, op, a, b);
  case TM_PY_POW:
    return tm_low_error(l, "write x * x, or libdevice.pow(x, y)",
                        "** is only for compile-time numbers, got %s and %s",
                        tm_lv_describe(l, a), tm_lv_describe(l, b));
  case TM_PY_MATMUL:
    return tm_low_error(l, "write tl.dot(a, b)", "tensors do not take @");
  default:
    return bitwise(l, op, a, b);
  }
}

/* ---- comparisons -------------------------------------------------------- */

tm_lv tm_sem_compare(tm_low *l, tm_py_op op, tm_lv a, tm_lv b) {
  if (bad_operands(l, a, b)) return TM_POISONED;
  if (op == TM_PY_IS || op == TM_PY_IS_NOT) {
    bool same = tm_lv_is_run(a) || tm_lv_is_run(b) ? a == b
                                                   : tm_lv_equal(a, b) &&
                                                         a->kind == b->kind;
    return tm_lv_bool(same == (op == TM_PY_IS));
  }
  tm_lv by_class = tm_record_binary(l, op, a, b);
  if (by_class) return by_class;
  if (!tm_lv_is_run(a) && !tm_lv_is_run(b)) {
    const char *why;
    tm_lv r = tm_lv_fold(l, op, a, b, &why);
    if (r) return r;
    return tm_low_error(l, NULL, "%s does not take %s and %s: %s",
                        tm_lv_op_text(op), tm_lv_describe(l, a),
                        tm_lv_describe(l, b), why);
  }
  if (op == TM_PY_IN || op == TM_PY_NOT_IN)
    return tm_low_error(l, "compare with each: (x == a) | (x == b)",
                        "`in` is only for compile-time values");
  if (is_pointer(a) || is_pointer(b))
    return tm_low_error(l, "compare addresses: pointer.to(tl.int64)",
                        "pointers cannot be compared, got %s and %s",
                        tm_lv_describe(l, a), tm_lv_describe(l, b));
  if (!tm_sem_legalize(l, &a, &b, false, tm_lv_op_text(op)))
    return TM_POISONED;
  static const struct { tm_cmpi sign, no_sign; tm_cmpf f; } table[] = {
    [TM_PY_EQ] = {TM_CMPI_EQ, TM_CMPI_EQ, TM_CMPF_OEQ},
    [TM_PY_NE] = {TM_CMPI_NE, TM_CMPI_NE, TM_CMPF_UNE},
    [TM_PY_LT] = {TM_CMPI_SLT, TM_CMPI_ULT, TM_CMPF_OLT},
    [TM_PY_LE] = {TM_CMPI_SLE, TM_CMPI_ULE, TM_CMPF_OLE},
    [TM_PY_GT] = {TM_CMPI_SGT, TM_CMPI_UGT, TM_CMPF_OGT},
    [TM_PY_GE] = {TM_CMPI_SGE, TM_CMPI_UGE, TM_CMPF_OGE}};
  tm_value v;
  if (tm_lt_is_float(a->type))
    v = tm_build_cmpf(&l->b, table[op].f, a->value, b->value);
  else
    v = tm_build_cmpi(&l->b,
                      tm_lt_is_signed(a->type) ? table[op].sign
                                               : table[op].no_sign,
                      a->value, b->value);
  return tm_lv_run(l, v, tm_lt_like(l, a->type, tm_lt_scalar(l, TM_DT_I1)));
}

/* ---- unary and logical -------------------------------------------------- */

static tm_lv all_ones(tm_low *l, tm_ltype type) {
  return tm_lv_run(l, tm_build_int(&l->b, type->ir, -1), type);
}

static tm_lv as_bool(tm_low *l, tm_lv v, const char *what) {
  v = tm_sem_tensor(l, v);
  if (tm_lv_is_poison(v) || tm_lt_is_bool(v->type)) return v;
  return tm_low_error(l, "compare with 0 first: (x != 0)",
                      "`%s` takes booleans, got %s", what,
                      tm_lt_text(l, v->type));
}

tm_lv tm_sem_truth(tm_low *l, tm_lv v) {
  if (tm_lv_is_poison(v) || tm_lt_is_bool(v->type)) return v;
  if (v->type->kind == TM_LT_DESCRIPTOR)
    return tm_low_error(l, NULL, "%s has no truth value",
                        tm_lt_text(l, v->type));
  return tm_sem_cast(l, v, tm_lt_scalar(l, TM_DT_I1));
}

tm_lv tm_sem_unary(tm_low *l, tm_py_op op, tm_lv a) {
  if (bad_operands(l, a, a)) return TM_POISONED;
  if (!tm_lv_is_run(a)) {
    const char *why;
    tm_lv r = tm_lv_fold_unary(l, op, a, &why);
    if (r) return r;
    return tm_low_error(l, NULL, "%s does not take %s: %s", tm_lv_op_text(op),
                        tm_lv_describe(l, a), why);
  }
  if (op == TM_PY_POS) return a;
  if (op == TM_PY_NOT) {
    a = tm_sem_truth(l, a);
    if (tm_lv_is_poison(a)) return a;
    return tm_sem_op2(l, TM_XORI, a, all_ones(l, a->type));
  }
  bool is_float = tm_lt_is_float(a->type);
  if (!tm_lt_is_int(a->type) && !(is_float && op == TM_PY_NEG))
    return tm_low_error(l, tm_lt_is_pointer(a->type)
                               ? "load the value first: tl.load(pointer)"
                               : NULL,
                        "%s does not take %s", tm_lv_op_text(op),
                        tm_lt_text(l, a->type));
  if (op == TM_PY_INVERT)
    return tm_sem_op2(l, TM_XORI, a, all_ones(l, a->type));
  if (is_float) return tm_sem_op1(l, TM_NEGF, a);
  return tm_sem_op2(l, TM_SUBI, tm_sem_zero(l, a->type), a);
}

tm_lv tm_sem_logical(tm_low *l, bool is_and, tm_lv a, tm_lv b) {
  const char *what = is_and ? "and" : "or";
  a = as_bool(l, a, what);
  b = as_bool(l, b, what);
  if (!tm_sem_broadcast(l, &a, &b)) return TM_POISONED;
  return tm_sem_op2(l, is_and ? TM_ANDI : TM_ORI, a, b);
}

/* ---- minimum, maximum, where -------------------------------------------- */

tm_lv tm_sem_minmax(tm_low *l, bool is_max, tm_lv a, tm_lv b, bool nan) {
  if (!tm_sem_legalize(l, &a, &b, false, is_max ? "maximum" : "minimum"))
    return TM_POISONED;
  static const tm_op ops[2][4] = {
    {TM_MINNUMF, TM_MINIMUMF, TM_MINSI, TM_MINUI},
    {TM_MAXNUMF, TM_MAXIMUMF, TM_MAXSI, TM_MAXUI}};
  int which = tm_lt_is_float(a->type) ? (nan ? 1 : 0)
              : tm_lt_is_signed(a->type) ? 2
                                         : 3;
  return tm_sem_op2(l, ops[is_max][which], a, b);
}

tm_lv tm_sem_where(tm_low *l, tm_lv condition, tm_lv x, tm_lv y) {
  condition = tm_sem_cast(l, condition, tm_lt_scalar(l, TM_DT_I1));
  if (tm_lv_is_poison(condition) || tm_lv_is_poison(x) || tm_lv_is_poison(y))
    return TM_POISONED;
  if (is_pointer(x) || is_pointer(y)) {
    x = tm_sem_tensor(l, x);
    y = tm_sem_tensor(l, y);
    if (tm_lv_is_poison(x) || tm_lv_is_poison(y)) return TM_POISONED;
    if (tm_lt_element(x->type) != tm_lt_element(y->type))
      return tm_low_error(l, "cast one pointer to the type of the other",
                          "where cannot choose between %s and %s",
                          tm_lt_text(l, x->type), tm_lt_text(l, y->type));
    if (!tm_sem_broadcast(l, &x, &y)) return TM_POISONED;
  } else if (!tm_sem_legalize(l, &x, &y, false, "where")) {
    return TM_POISONED;
  }
  if (!tm_sem_broadcast(l, &condition, &x) || !tm_sem_broadcast(l, &x, &y))
    return TM_POISONED;
  tm_value v = tm_build3(&l->b, TM_SELECT, condition->value, x->value,
                         y->value);
  return tm_lv_run(l, v, x->type);
}
