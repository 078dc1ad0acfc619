/* SPDX-License-Identifier: MIT */
/*
 * emitter_ops.c - elementwise operations, each with Triton's meaning.
 *
 * Integers. MSL leaves signed overflow undefined; Triton wraps. Arithmetic
 * that ends up in data is done on unsigned numbers. Arithmetic that flows only
 * into addresses, loop bounds and comparisons stays signed and plain: there
 * an overflow would mean an access outside of every buffer in Triton too.
 * `%` is undefined in MSL when an operand is negative, so it is used only
 * where neither can be; rem() is a - a / b * b. Shift counts are taken modulo
 * the width, as MSL defines.
 *
 * Floats. Math mode is safe and contraction stays on, as Triton allows. exp,
 * log, sin, cos, sqrt, rsqrt are Metal's precise:: forms for float (at most 4
 * ulp, METAL-FACTS 3.6; sqrt, rsqrt and division correctly rounded), because
 * the fast ones grow with the argument (exp: 3 + |2x| ulp). Those of half are
 * within 1 ulp. bf16 and 8-bit floats compute in float and round every result;
 * where a float cannot hold one well enough for that (fma, long integers) it is
 * rounded to odd first, after which rounding again is rounding once. Casts to
 * 8 bits saturate, as Triton's do (cvt.satfinite). maxnumf and minnumf drop a
 * NaN as fmax and fmin do; maximumf and minimumf keep it.
 */
#include "emitter.h"

typedef struct ops {
  emitter *e;
  tm_inst inst;
  const msl_expr *x;
  uint32_t lanes;      /* of the widest operand */
  tm_scalar from, to;  /* of operand 0 (1 for select), of the result */
} ops;

static const char *unsigned_type(const ops *o, tm_scalar s, uint32_t lanes) {
  const char *type = msl_type(o->e, s, lanes);
  return s == TM_I1 ? type : msl_text(o->e, "u%s", type);
}

static msl_expr convert_to(const ops *o, const char *type, msl_expr x) {
  return msl_primary(msl_text(o->e, "%s(%s)", type, x.text), x.lanes);
}

/* x as an unsigned number of its width. */
static msl_expr as_unsigned(const ops *o, msl_expr x) {
  const char *p = x.text;
  while (*p >= '0' && *p <= '9') p++;
  if (*p == 0 && p > x.text) return msl_primary(msl_text(o->e, "%su", x.text),
                                                1);
  return convert_to(o, unsigned_type(o, o->from, x.lanes), x);
}

static msl_expr as_signed(const ops *o, msl_expr x) {
  return convert_to(o, msl_type(o->e, o->to, x.lanes), x);
}

static msl_expr infix(const ops *o, msl_expr a, const char *op, msl_expr b,
                      msl_prec prec) {
  /* Mixed operators of these levels get parentheses for the reader. */
  msl_prec left = prec >= MSL_SHIFT ? MSL_ADD : prec;
  msl_prec right = prec == MSL_ADD ? MSL_MUL : MSL_UNARY;
  if (prec >= MSL_SHIFT) right = MSL_ADD;
  if (prec >= MSL_AND) left = right = MSL_UNARY;
  if (prec == MSL_LOGAND || prec == MSL_LOGOR) left = right = MSL_EQUALITY;
  if (prec == MSL_SHIFT || (prec == MSL_EQUALITY && o->from == TM_I1))
    left = right = MSL_UNARY;
  return (msl_expr){msl_text(o->e, "%s %s %s", msl_paren(o->e, a, left), op,
                             msl_paren(o->e, b, right)),
                    prec, a.lanes > b.lanes ? a.lanes : b.lanes};
}

/* f(x0, x1, ...) with every operand as wide as the widest. */
static msl_expr call(const ops *o, const char *f, int n, const msl_expr *x) {
  tm_buf buf = tm_buf_in(o->e->arena);
  tm_buf_printf(&buf, "%s(", f);
  for (int i = 0; i < n; i++)
    tm_buf_printf(&buf, "%s%s", i ? ", " : "",
                  msl_widen(o->e, x[i], o->from, o->lanes).text);
  tm_buf_puts(&buf, ")");
  return msl_primary(tm_buf_text(&buf), o->lanes);
}

static const char *helper(const ops *o, msl_helper_id id, tm_scalar scalar) {
  return msl_use(o->e, id, msl_type(o->e, scalar, 1), o->lanes);
}

/* A bf16 or 8-bit result is rounded to what its type can hold. */
static msl_expr rounded(const ops *o, msl_expr x) {
  if (!msl_is_coded(o->to)) return x;
  const char *f = msl_use_codec(o->e, o->to, MSL_ROUND, x.lanes);
  return msl_primary(msl_text(o->e, "%s(%s)", f, x.text), x.lanes);
}

/* ---- integers --------------------------------------------------------- */

static bool is_index(const ops *o) {
  const tm_inst_data *data = tm_get(o->e->ir, o->inst);
  return o->e->values[data->results].index_only &&
         (o->to == TM_I32 || o->to == TM_I64 || o->to == TM_INDEX);
}

/* a op b modulo two to the width. */
static msl_expr wrapping(const ops *o, const char *op, msl_prec prec) {
  if (is_index(o)) {
    msl_expr b = o->x[1];
    /* Sums need no parentheses on the right, and a + -1 is a - 1. */
    if (prec == MSL_ADD && op[0] == '+') {
      msl_sum sum = {.n = 0};
      msl_sum_add(&sum, o->x[0]);
      msl_sum_add(&sum, b);
      msl_expr x = msl_sum_text(o->e, &sum);
      return x;
    }
    return infix(o, o->x[0], op, b, prec);
  }
  if (o->lanes == 1 && (o->to == TM_I8 || o->to == TM_I16))
    return as_signed(o, infix(o, o->x[0], op, o->x[1], prec)); /* in int */
  return as_signed(o, infix(o, as_unsigned(o, o->x[0]), op,
                            as_unsigned(o, o->x[1]), prec));
}

static msl_expr on_unsigned(const ops *o, const char *op, msl_prec prec) {
  return as_signed(o, infix(o, as_unsigned(o, o->x[0]), op,
                            as_unsigned(o, o->x[1]), prec));
}

static msl_expr bits(const ops *o, const char *op, const char *logical,
                     msl_prec prec) {
  if (o->to != TM_I1) {
    msl_expr x = infix(o, o->x[0], op, o->x[1], prec);
    bool narrow = o->lanes == 1 && (o->to == TM_I8 || o->to == TM_I16);
    return narrow ? as_signed(o, x) : x;
  }
  if (o->lanes > 1) {
    msl_expr a = msl_widen(o->e, o->x[0], TM_I1, o->lanes);
    msl_expr b = msl_widen(o->e, o->x[1], TM_I1, o->lanes);
    return infix(o, a, op, b, prec);
  }
  return infix(o, o->x[0], logical, o->x[1],
               logical[0] == '&'   ? MSL_LOGAND
               : logical[0] == '|' ? MSL_LOGOR
                                   : MSL_EQUALITY);
}

static msl_expr remainder_of(const ops *o) {
  const tm_value *operands = tm_get(o->e->ir, o->inst)->operands;
  if (o->e->values[operands[0]].non_negative &&
      o->e->values[operands[1]].non_negative)
    return infix(o, o->x[0], "%", o->x[1], MSL_MUL);
  return call(o, helper(o, MSL_H_REM, o->to), 2, o->x);
}

/* MSL shifts vectors by scalars, but no scalar by a vector. */
static msl_expr shift(const ops *o, const char *op, bool is_unsigned) {
  msl_expr x[] = {msl_widen(o->e, o->x[0], o->to, o->x[1].lanes), o->x[1]};
  ops wide = *o;
  wide.x = x;
  if (is_unsigned) return on_unsigned(&wide, op, MSL_SHIFT);
  msl_expr y = infix(o, x[0], op, x[1], MSL_SHIFT);
  return o->to == TM_I8 || o->to == TM_I16 ? as_signed(o, y) : y;
}

/* min and max of integers; an i1 is 0 or, signed, -1. */
static msl_expr extremum(const ops *o, bool is_max, bool is_unsigned) {
  if (o->to == TM_I1)
    return is_max == is_unsigned ? bits(o, "|", "||", MSL_OR)
                                 : bits(o, "&", "&&", MSL_AND);
  const char *f = is_max ? "max" : "min";
  if (!is_unsigned) return call(o, f, 2, o->x);
  msl_expr u[2] = {as_unsigned(o, o->x[0]), as_unsigned(o, o->x[1])};
  for (int i = 0; i < 2; i++)
    if (u[i].lanes != o->lanes)
      u[i] = msl_primary(msl_text(o->e, "%s(%s)",
                                  unsigned_type(o, o->from, o->lanes),
                                  u[i].text), o->lanes);
  return as_signed(o, call(o, f, 2, u));
}

static msl_expr compare_int(const ops *o, tm_cmpi p) {
  static const char *const signs[] = {"==", "!=", "<", "<=", ">",
                                      ">=", "<", "<=", ">", ">="};
  msl_expr a = o->x[0], b = o->x[1];
  if (p <= TM_CMPI_NE) {
    if (o->lanes > 1) {
      a = msl_widen(o->e, a, o->from, o->lanes);
      b = msl_widen(o->e, b, o->from, o->lanes);
    }
    return infix(o, a, signs[p], b, MSL_EQUALITY);
  }
  if (o->from == TM_I1) { /* signed: true is -1 */
    msl_expr x = convert_to(o, msl_type(o->e, TM_I32, a.lanes), a);
    msl_expr y = convert_to(o, msl_type(o->e, TM_I32, b.lanes), b);
    return p <= TM_CMPI_SGE ? infix(o, y, signs[p], x, MSL_RELATION)
                            : infix(o, x, signs[p], y, MSL_RELATION);
  }
  if (p >= TM_CMPI_ULT) a = as_unsigned(o, a), b = as_unsigned(o, b);
  return infix(o, a, signs[p], b, MSL_RELATION);
}

/* ---- floats ----------------------------------------------------------- */

static msl_expr negated(const ops *o, msl_expr x) {
  return (msl_expr){msl_text(o->e, "!(%s)", x.text), MSL_UNARY, x.lanes};
}

static msl_expr compare_float(const ops *o, tm_cmpf p) {
  msl_expr a = o->x[0], b = o->x[1];
  switch (p) {
    case TM_CMPF_FALSE: return msl_primary("false", 1);
    case TM_CMPF_TRUE: return msl_primary("true", 1);
    case TM_CMPF_OEQ: return infix(o, a, "==", b, MSL_EQUALITY);
    case TM_CMPF_OGT: return infix(o, a, ">", b, MSL_RELATION);
    case TM_CMPF_OGE: return infix(o, a, ">=", b, MSL_RELATION);
    case TM_CMPF_OLT: return infix(o, a, "<", b, MSL_RELATION);
    case TM_CMPF_OLE: return infix(o, a, "<=", b, MSL_RELATION);
    case TM_CMPF_UNE: return infix(o, a, "!=", b, MSL_EQUALITY);
    case TM_CMPF_UGT: return negated(o, infix(o, a, "<=", b, MSL_RELATION));
    case TM_CMPF_UGE: return negated(o, infix(o, a, "<", b, MSL_RELATION));
    case TM_CMPF_ULT: return negated(o, infix(o, a, ">=", b, MSL_RELATION));
    case TM_CMPF_ULE: return negated(o, infix(o, a, ">", b, MSL_RELATION));
    case TM_CMPF_ORD: return call(o, "isordered", 2, o->x);
    case TM_CMPF_UNO: return call(o, "isunordered", 2, o->x);
    case TM_CMPF_ONE: case TM_CMPF_UEQ: {
      msl_expr less = infix(o, a, "<", b, MSL_RELATION);
      msl_expr more = infix(o, a, ">", b, MSL_RELATION);
      msl_expr one = o->lanes > 1 ? infix(o, less, "|", more, MSL_OR)
                                  : infix(o, less, "||", more, MSL_LOGOR);
      return p == TM_CMPF_ONE ? one : negated(o, one);
    }
  }
  return msl_primary("false", 1);
}

/* A library function that has a precise:: form for float. */
static msl_expr math(const ops *o, const char *f, int n) {
  const char *name =
      o->from == TM_F16 ? f : msl_text(o->e, "precise::%s", f);
  return rounded(o, call(o, name, n, o->x));
}

/* A helper of ours, which computes in float. */
static msl_expr float_helper(const ops *o, msl_helper_id id) {
  msl_expr x = o->x[0];
  if (o->from == TM_F16)
    x = convert_to(o, msl_type(o->e, TM_F32, x.lanes), x);
  const char *f = msl_use(o->e, id, "float", x.lanes);
  x = msl_primary(msl_text(o->e, "%s(%s)", f, x.text), x.lanes);
  return rounded(o, o->to == TM_F16 ? as_signed(o, x) : x);
}

static msl_expr keep_nan(const ops *o, bool is_max, msl_expr a, msl_expr b) {
  msl_expr x[2] = {a, b};
  tm_scalar s = o->to == TM_F16 ? TM_F16 : TM_F32;
  return call(o, helper(o, is_max ? MSL_H_MAX_NAN : MSL_H_MIN_NAN, s), 2, x);
}

static msl_expr clamped(const ops *o) {
  bool all = tm_inst_int(o->e->ir, o->inst, TM_ATTR_PROPAGATE_NAN, 0) != 0;
  if (all)
    return keep_nan(o, false, keep_nan(o, true, o->x[0], o->x[1]), o->x[2]);
  msl_expr low = call(o, "fmax", 2, o->x);
  msl_expr x[2] = {low, o->x[2]};
  return call(o, "fmin", 2, x);
}

/* ---- selection, conversion -------------------------------------------- */

static msl_expr selected(const ops *o) {
  msl_expr c = o->x[0], a = o->x[1], b = o->x[2];
  emitter *e = o->e;
  uint32_t lanes = a.lanes > b.lanes ? a.lanes : b.lanes;
  if (c.lanes == 1) {
    a = msl_widen(e, a, o->to, lanes);
    b = msl_widen(e, b, o->to, lanes);
    if (lanes > 1) /* as components: a vector in ?: may become a branch */
      return msl_primary(msl_text(e, "select(%s, %s, bool%u(%s))", b.text,
                                  a.text, (unsigned)lanes, c.text), lanes);
    return (msl_expr){msl_text(e, "%s ? %s : %s",
                               msl_paren(e, c, MSL_EQUALITY),
                               msl_paren(e, a, MSL_LOGOR),
                               msl_paren(e, b, MSL_LOGOR)),
                      MSL_TERNARY, lanes};
  }
  a = msl_widen(e, a, o->to, c.lanes);
  b = msl_widen(e, b, o->to, c.lanes);
  return msl_primary(msl_text(e, "select(%s, %s, %s)", b.text, a.text, c.text),
                     c.lanes);
}

static msl_expr float_to_int(const ops *o, bool is_unsigned) {
  msl_expr x = o->x[0];
  if (o->from == TM_F16)
    x = convert_to(o, msl_type(o->e, TM_F32, x.lanes), x);
  bool wide = o->to == TM_I64;
  msl_helper_id id = wide ? (is_unsigned ? MSL_H_TO_ULONG : MSL_H_TO_LONG)
                          : (is_unsigned ? MSL_H_TO_UINT : MSL_H_TO_INT);
  const char *f = msl_use(o->e, id, "float", x.lanes);
  x = msl_primary(msl_text(o->e, "%s(%s)", f, x.text), x.lanes);
  if (o->to == TM_I1) {
    x.text = msl_text(o->e, "%s != 0", x.text);
    x.prec = MSL_EQUALITY;
    return x;
  }
  return o->to == TM_I32 && !is_unsigned ? x : as_signed(o, x);
}

/* An integer of 32 or 64 bits on its way to bf16. */
static msl_expr rounded_to_odd(const ops *o, bool is_unsigned, msl_expr x) {
  bool is_long = o->from == TM_I64;
  const char *type = is_long ? is_unsigned ? "ulong" : "long"
                             : is_unsigned ? "uint" : "int";
  if (is_unsigned) x = as_unsigned(o, x);
  const char *f = msl_use(o->e, MSL_H_INT_TO_ODD, type, x.lanes);
  if (is_long) f = msl_use(o->e, MSL_H_LONG_TO_ODD, type, x.lanes);
  return msl_primary(msl_text(o->e, "%s(%s)", f, x.text), x.lanes);
}

static msl_expr int_to_float(const ops *o, bool is_unsigned) {
  msl_expr x = o->x[0];
  if (o->to == TM_BF16 && tm_scalar_bits(o->from) >= 32)
    return rounded(o, rounded_to_odd(o, is_unsigned, x));
  if (is_unsigned && o->from != TM_I1) x = as_unsigned(o, x);
  x = convert_to(o, msl_type(o->e, o->to, x.lanes), x);
  if (o->from == TM_I1 && !is_unsigned)
    x = (msl_expr){msl_text(o->e, "-%s", x.text), MSL_UNARY, x.lanes};
  return rounded(o, x);
}

static msl_expr extended(const ops *o, bool is_unsigned) {
  msl_expr x = o->x[0];
  if (o->from == o->to) return x;
  if (is_unsigned && o->from != TM_I1) x = as_unsigned(o, x);
  x = as_signed(o, x);
  if (o->from == TM_I1 && !is_unsigned)
    x = (msl_expr){msl_text(o->e, "-%s", x.text), MSL_UNARY, x.lanes};
  bool narrow = o->to == TM_I8 || o->to == TM_I16;
  return narrow && o->from == TM_I1 && !is_unsigned ? as_signed(o, x) : x;
}

static msl_expr truncated(const ops *o) {
  if (o->to != TM_I1) return as_signed(o, o->x[0]);
  msl_expr one = infix(o, o->x[0], "&", msl_primary("1", 1), MSL_AND);
  if (o->from == TM_I64) one.text = msl_text(o->e, "%s & 1l",
                                msl_paren(o->e, o->x[0], MSL_UNARY));
  return (msl_expr){msl_text(o->e, "(%s) != 0", one.text), MSL_EQUALITY,
                    one.lanes};
}

static msl_expr float_cast(const ops *o) {
  if (o->from == o->to) return o->x[0];
  msl_expr x = o->x[0];
  if (o->to == TM_F16) return as_signed(o, x);
  if (o->from == TM_F16) x = as_signed(o, x); /* to float, exactly */
  return rounded(o, x); /* to f32 is nothing */
}

/* A cast that rounds toward zero: the digits that the type has not go first,
 * what is left casts exactly. */
static msl_expr cut_off(const ops *o) {
  emitter *e = o->e;
  static const struct { tm_scalar to; const char *how; } table[] = {
    {TM_F16, "0xffffe000u, 6.103515625e-05f, 16777216.0f, 65504.0f"},
    {TM_BF16, "0xffff0000u, 0.0f, 1.0f, as_type<float>(0x7f7f0000u)"},
    {TM_FP8E4NV, "0xfff00000u, 0.015625f, 512.0f, 448.0f"},
    {TM_FP8E5, "0xffe00000u, 6.103515625e-05f, 65536.0f, 57344.0f"},
    {TM_FP8E4B8, "0xfff00000u, 0.0078125f, 1024.0f, 240.0f"},
    {TM_FP8E5B16, "0xffe00000u, 3.0517578125e-05f, 131072.0f, 57344.0f"}};
  msl_expr x = o->x[0];
  if (o->from == TM_F16)
    x = convert_to(o, msl_type(e, TM_F32, x.lanes), x);
  const char *f = msl_use(e, MSL_H_TOWARD_ZERO, "float", x.lanes);
  for (size_t i = 0; i < TM_COUNT(table); i++)
    if (table[i].to == o->to)
      x = msl_primary(msl_text(e, "%s(%s, %s)", f, x.text, table[i].how),
                      x.lanes);
  return o->to == TM_F16 ? as_signed(o, x) : rounded(o, x);
}

static msl_expr reinterpreted(const ops *o) {
  msl_expr x = o->x[0];
  emitter *e = o->e;
  if (o->from == o->to) return x;
  if (msl_is_coded(o->from)) {
    const char *f = msl_use_codec(e, o->from, MSL_CODE_OF, x.lanes);
    x = msl_primary(msl_text(e, "%s(%s)", f, x.text), x.lanes);
    if (o->to == TM_F16)
      return msl_primary(msl_text(e, "as_type<%s>(%s)",
                                  msl_type(e, TM_F16, x.lanes), x.text),
                         x.lanes);
    if (!msl_is_coded(o->to)) return as_signed(o, x);
    f = msl_use_codec(e, o->to, MSL_LOAD_CODE, x.lanes);
    return msl_primary(msl_text(e, "%s(%s)", f, x.text), x.lanes);
  }
  if (msl_is_coded(o->to)) {
    if (o->from == TM_F16)
      x = msl_primary(msl_text(e, "as_type<%s>(%s)",
                               unsigned_type(o, TM_I16, x.lanes), x.text),
                      x.lanes);
    else
      x = as_unsigned(o, x);
    const char *f = msl_use_codec(e, o->to, MSL_LOAD_CODE, x.lanes);
    return msl_primary(msl_text(e, "%s(%s)", f, x.text), x.lanes);
  }
  return msl_primary(msl_text(e, "as_type<%s>(%s)",
                              msl_type(e, o->to, x.lanes), x.text), x.lanes);
}

static msl_expr pointer_cast(const ops *o) {
  emitter *e = o->e;
  tm_value result = tm_get(e->ir, o->inst)->results;
  const char *type = msl_pointer_type(e, result);
  return (msl_expr){msl_text(e, "(%s)%s", type,
                             msl_paren(e, o->x[0], MSL_PRIMARY)),
                    MSL_UNARY, 1};
}

static msl_expr fused(const ops *o) {
  if (o->to != TM_BF16) return rounded(o, call(o, "fma", 3, o->x));
  const char *f = msl_use(o->e, MSL_H_FMA_TO_ODD, "float", o->lanes);
  return rounded(o, call(o, f, 3, o->x));
}

/* ---- the switch ------------------------------------------------------- */

static msl_expr no_msl(const ops *o) {
  const char *name = tm_op_infos[tm_get(o->e->ir, o->inst)->op].name;
  tm_diag *diag = msl_refuse(o->e, o->inst, "%s has no form in Metal", name);
  if (tm_get(o->e->ir, o->inst)->op == TM_INLINE_ASM)
    tm_diag_hint(o->e->diags, diag, "write it in Triton operations: inline "
                 "assembly is for one vendor's GPU");
  return msl_primary("0", 1);
}

static msl_expr integer_op(const ops *o, tm_op op) {
  const msl_expr *x = o->x;
  switch (op) {
    case TM_ADDI:
      return o->to == TM_I1 ? bits(o, "^", "!=", MSL_XOR)
                            : wrapping(o, "+", MSL_ADD);
    case TM_SUBI:
      return o->to == TM_I1 ? bits(o, "^", "!=", MSL_XOR)
                            : wrapping(o, "-", MSL_ADD);
    case TM_MULI:
      return o->to == TM_I1 ? bits(o, "&", "&&", MSL_AND)
                            : wrapping(o, "*", MSL_MUL);
    case TM_DIVSI: {
      msl_expr y = infix(o, x[0], "/", x[1], MSL_MUL);
      bool narrow = o->to == TM_I8 || o->to == TM_I16;
      return narrow ? as_signed(o, y) : y;
    }
    case TM_DIVUI: return on_unsigned(o, "/", MSL_MUL);
    case TM_REMSI: return remainder_of(o);
    case TM_REMUI: return on_unsigned(o, "%", MSL_MUL);
    case TM_ANDI: return bits(o, "&", "&&", MSL_AND);
    case TM_ORI: return bits(o, "|", "||", MSL_OR);
    case TM_XORI: return bits(o, "^", "!=", MSL_XOR);
    case TM_SHLI: return shift(o, "<<", true);
    case TM_SHRSI: return shift(o, ">>", false);
    case TM_SHRUI: return shift(o, ">>", true);
    case TM_MAXSI: return extremum(o, true, false);
    case TM_MAXUI: return extremum(o, true, true);
    case TM_MINSI: return extremum(o, false, false);
    case TM_MINUI: return extremum(o, false, true);
    case TM_ABSI: {
      msl_expr y = call(o, "abs", 1, x);
      return as_signed(o, y);
    }
    case TM_MULHIUI: {
      msl_expr u[2] = {as_unsigned(o, x[0]), as_unsigned(o, x[1])};
      for (int i = 0; i < 2; i++)
        if (u[i].lanes != o->lanes)
          u[i] = msl_primary(msl_text(o->e, "%s(%s)",
                                      unsigned_type(o, o->from, o->lanes),
                                      u[i].text), o->lanes);
      return as_signed(o, call(o, "mulhi", 2, u));
    }
    default: return no_msl(o);
  }
}

static msl_expr float_op(const ops *o, tm_op op) {
  const msl_expr *x = o->x;
  switch (op) {
    case TM_ADDF: return rounded(o, infix(o, x[0], "+", x[1], MSL_ADD));
    case TM_SUBF: return rounded(o, infix(o, x[0], "-", x[1], MSL_ADD));
    case TM_MULF: return rounded(o, infix(o, x[0], "*", x[1], MSL_MUL));
    case TM_DIVF: return rounded(o, infix(o, x[0], "/", x[1], MSL_MUL));
    case TM_REMF: return rounded(o, call(o, "fmod", 2, x));
    case TM_NEGF:
      return (msl_expr){msl_text(o->e, "-%s",
                                 msl_paren(o->e, x[0], MSL_PRIMARY)),
                        MSL_UNARY, x[0].lanes};
    case TM_MAXIMUMF: return keep_nan(o, true, x[0], x[1]);
    case TM_MINIMUMF: return keep_nan(o, false, x[0], x[1]);
    case TM_MAXNUMF: return call(o, "fmax", 2, x);
    case TM_MINNUMF: return call(o, "fmin", 2, x);
    case TM_ABSF: return call(o, "fabs", 1, x);
    case TM_CEIL: return call(o, "ceil", 1, x);
    case TM_FLOOR: return call(o, "floor", 1, x);
    case TM_COS: return math(o, "cos", 1);
    case TM_SIN: return math(o, "sin", 1);
    case TM_EXP: return math(o, "exp", 1);
    case TM_EXP2: return math(o, "exp2", 1);
    case TM_LOG: return math(o, "log", 1);
    case TM_LOG2: return math(o, "log2", 1);
    case TM_SQRT: case TM_PRECISE_SQRT: return math(o, "sqrt", 1);
    case TM_RSQRT: return math(o, "rsqrt", 1);
    case TM_ERF: return float_helper(o, MSL_H_ERF);
    case TM_FMA: return fused(o);
    case TM_PRECISE_DIVF:
      return rounded(o, infix(o, x[0], "/", x[1], MSL_MUL));
    case TM_CLAMPF: return clamped(o);
    default: return integer_op(o, op);
  }
}

msl_expr msl_elementwise(emitter *e, tm_inst inst, const msl_expr *operands) {
  const tm_inst_data *data = tm_get(e->ir, inst);
  ops o = {e, inst, operands, 1, TM_VOID, TM_VOID};
  for (uint32_t i = 0; i < data->n_operands; i++)
    if (operands[i].lanes > o.lanes) o.lanes = operands[i].lanes;
  tm_type result = tm_type_of(e->ir, data->results);
  uint32_t first = data->op == TM_SELECT ? 1 : 0;
  o.to = msl_scalar_of(result);
  if (data->n_operands > first)
    o.from = msl_scalar_of(tm_type_of(e->ir, data->operands[first]));
  switch (data->op) {
    case TM_CMPI:
      return compare_int(
          &o, (tm_cmpi)tm_inst_int(e->ir, inst, TM_ATTR_PREDICATE, 0));
    case TM_CMPF:
      return compare_float(
          &o, (tm_cmpf)tm_inst_int(e->ir, inst, TM_ATTR_PREDICATE, 0));
    case TM_SELECT: return selected(&o);
    case TM_EXTSI: case TM_INDEX_CAST:
      return o.from == TM_I64 && o.to == TM_INDEX ? truncated(&o)
                                                  : extended(&o, false);
    case TM_EXTUI: return extended(&o, true);
    case TM_TRUNCI: return truncated(&o);
    case TM_EXTF: case TM_TRUNCF: return float_cast(&o);
    case TM_FP_TO_FP: {
      bool toward_zero = tm_inst_int(e->ir, inst, TM_ATTR_ROUNDING, 1) == 0;
      bool narrows = tm_scalar_bits(o.to) < tm_scalar_bits(o.from) ||
                     (o.from != o.to && tm_scalar_bits(o.to) == 16);
      return toward_zero && narrows ? cut_off(&o) : float_cast(&o);
    }
    case TM_SITOFP: return int_to_float(&o, false);
    case TM_UITOFP: return int_to_float(&o, true);
    case TM_FPTOSI: return float_to_int(&o, false);
    case TM_FPTOUI: return float_to_int(&o, true);
    case TM_BITCAST: case TM_ARITH_BITCAST:
      return tm_type_element(result)->kind == TM_TYPE_POINTER
                 ? pointer_cast(&o)
                 : reinterpreted(&o);
    case TM_INT_TO_PTR:
      return (msl_expr){msl_text(e, "(%s)ulong(%s)",
                                 msl_pointer_type(e, data->results),
                                 operands[0].text), MSL_UNARY, 1};
    case TM_ADDPTR:
      return (msl_expr){msl_text(e, "%s + %s",
                                 msl_paren(e, operands[0], MSL_ADD),
                                 msl_paren(e, operands[1], MSL_MUL)),
                        MSL_ADD, o.lanes};
    case TM_EXTERN:
      return msl_is_custom(e->ir, inst) ? msl_custom(e, inst, operands)
                                        : msl_external(e, inst, operands);
    default: return float_op(&o, data->op);
  }
}
