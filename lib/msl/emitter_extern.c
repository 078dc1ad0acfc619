/* SPDX-License-Identifier: MIT */
/*
 * emitter_extern.c - tt.extern_elementwise: functions of NVIDIA's libdevice,
 * which Triton kernels name, as functions of Metal or of emitter_prelude.c.
 *
 * Functions of floats are computed in float; half goes there and back, which
 * rounds once. precise:: forms have the bounds of METAL-FACTS 3.6. Symbols
 * carry their width: __nv_tanhf is float's, __nv_clzll is for 64 bits; one of
 * double never gets here with a type that Metal has, except that the front
 * end writes half's functions without a suffix.
 */
#include "emitter.h"

typedef enum domain {
  ON_FLOAT, ON_INT, ON_UINT,
  ON_FLOAT_INT /* a float and an int */
} domain;

typedef struct external {
  const char *symbol;    /* without __nv_ and the suffix of its width */
  const char *name;      /* Metal's, or a function that a helper's argument
                            goes through first */
  uint8_t operands;
  uint8_t on;
  msl_helper_id helper;  /* 0: none */
  char mode;             /* the helper's last argument, a digit; 0: none */
} external;

/* Three directions of one function: toward zero, down, up. */
#define ROUNDED(symbol, operands, on, helper) \
  {symbol "z", NULL, operands, on, helper, '1'}, \
  {symbol "d", NULL, operands, on, helper, '2'}, \
  {symbol "u", NULL, operands, on, helper, '3'}
#define FROM_INT(symbol, on, helper) \
  {symbol "n", NULL, 1, on, helper, '0'}, ROUNDED(symbol, 1, on, helper)
#define TO_INT(symbol, helper) \
  {symbol "n", "rint", 1, ON_FLOAT, helper, 0}, \
  {symbol "z", "trunc", 1, ON_FLOAT, helper, 0}, \
  {symbol "d", "floor", 1, ON_FLOAT, helper, 0}, \
  {symbol "u", "ceil", 1, ON_FLOAT, helper, 0}

static const external table[] = {
  {"tanh", "precise::tanh", 1, ON_FLOAT, 0, 0},
  {"sinh", "precise::sinh", 1, ON_FLOAT, 0, 0},
  {"cosh", "precise::cosh", 1, ON_FLOAT, 0, 0},
  {"tan", "precise::tan", 1, ON_FLOAT, 0, 0},
  {"sin", "precise::sin", 1, ON_FLOAT, 0, 0},
  {"cos", "precise::cos", 1, ON_FLOAT, 0, 0},
  {"sinpi", "precise::sinpi", 1, ON_FLOAT, 0, 0},
  {"cospi", "precise::cospi", 1, ON_FLOAT, 0, 0},
  {"asin", "precise::asin", 1, ON_FLOAT, 0, 0},
  {"acos", "precise::acos", 1, ON_FLOAT, 0, 0},
  {"atan", "precise::atan", 1, ON_FLOAT, 0, 0},
  {"atan2", "precise::atan2", 2, ON_FLOAT, 0, 0},
  {"asinh", "precise::asinh", 1, ON_FLOAT, 0, 0},
  {"acosh", "precise::acosh", 1, ON_FLOAT, 0, 0},
  {"atanh", "precise::atanh", 1, ON_FLOAT, 0, 0},
  {"exp", "precise::exp", 1, ON_FLOAT, 0, 0},
  {"exp2", "precise::exp2", 1, ON_FLOAT, 0, 0},
  {"exp10", "precise::exp10", 1, ON_FLOAT, 0, 0},
  {"log", "precise::log", 1, ON_FLOAT, 0, 0},
  {"log2", "precise::log2", 1, ON_FLOAT, 0, 0},
  {"log10", "precise::log10", 1, ON_FLOAT, 0, 0},
  {"pow", "precise::pow", 2, ON_FLOAT, 0, 0},
  {"sqrt", "precise::sqrt", 1, ON_FLOAT, 0, 0},
  {"sqrt_rn", "precise::sqrt", 1, ON_FLOAT, 0, 0},
  {"fsqrt_rn", "precise::sqrt", 1, ON_FLOAT, 0, 0},
  {"rsqrt", "precise::rsqrt", 1, ON_FLOAT, 0, 0},
  {"fast_exp", "fast::exp", 1, ON_FLOAT, 0, 0},
  {"fast_log", "fast::log", 1, ON_FLOAT, 0, 0},
  {"fast_log2", "fast::log2", 1, ON_FLOAT, 0, 0},
  {"fast_sin", "fast::sin", 1, ON_FLOAT, 0, 0},
  {"fast_cos", "fast::cos", 1, ON_FLOAT, 0, 0},
  {"fast_pow", "fast::pow", 2, ON_FLOAT, 0, 0},
  {"fast_fdivide", "fast::divide", 2, ON_FLOAT, 0, 0},
  {"div_rn", "precise::divide", 2, ON_FLOAT, 0, 0},
  {"fdiv_rn", "precise::divide", 2, ON_FLOAT, 0, 0},
  {"floor", "floor", 1, ON_FLOAT, 0, 0},
  {"ceil", "ceil", 1, ON_FLOAT, 0, 0},
  {"trunc", "trunc", 1, ON_FLOAT, 0, 0},
  {"round", "round", 1, ON_FLOAT, 0, 0},
  {"rint", "rint", 1, ON_FLOAT, 0, 0},
  {"nearbyint", "rint", 1, ON_FLOAT, 0, 0},
  {"fabs", "fabs", 1, ON_FLOAT, 0, 0},
  {"fma", "fma", 3, ON_FLOAT, 0, 0},
  {"fmod", "fmod", 2, ON_FLOAT, 0, 0},
  {"copysign", "copysign", 2, ON_FLOAT, 0, 0},
  {"fmax", "fmax", 2, ON_FLOAT, 0, 0},
  {"fmin", "fmin", 2, ON_FLOAT, 0, 0},
  {"fdim", "fdim", 2, ON_FLOAT, 0, 0},
  {"nextafter", "nextafter", 2, ON_FLOAT, 0, 0},
  {"isnan", "isnan", 1, ON_FLOAT, 0, 0},
  {"isinf", "isinf", 1, ON_FLOAT, 0, 0},
  {"finite", "isfinite", 1, ON_FLOAT, 0, 0},
  {"isfinited", "isfinite", 1, ON_FLOAT, 0, 0},
  {"signbit", "signbit", 1, ON_FLOAT, 0, 0},
  {"erf", NULL, 1, ON_FLOAT, MSL_H_ERF, 0},
  {"erfc", NULL, 1, ON_FLOAT, MSL_H_ERFC, 0},
  {"erfinv", NULL, 1, ON_FLOAT, MSL_H_ERFINV, 0},
  {"expm1", NULL, 1, ON_FLOAT, MSL_H_EXPM1, 0},
  {"log1p", NULL, 1, ON_FLOAT, MSL_H_LOG1P, 0},
  {"cbrt", NULL, 1, ON_FLOAT, MSL_H_CBRT, 0},
  {"hypot", NULL, 2, ON_FLOAT, MSL_H_HYPOT, 0},
  {"clz", "clz", 1, ON_INT, 0, 0},
  {"popc", "popcount", 1, ON_INT, 0, 0},
  {"brev", "reverse_bits", 1, ON_INT, 0, 0},
  {"ffs", NULL, 1, ON_INT, MSL_H_FFS, 0},
  {"abs", "abs", 1, ON_INT, 0, 0},
  {"min", "min", 2, ON_INT, 0, 0},
  {"max", "max", 2, ON_INT, 0, 0},
  {"mulhi", "mulhi", 2, ON_INT, 0, 0},
  {"umin", "min", 2, ON_UINT, 0, 0},
  {"umax", "max", 2, ON_UINT, 0, 0},
  {"umulhi", "mulhi", 2, ON_UINT, 0, 0},
  {"erfcx", NULL, 1, ON_FLOAT, MSL_H_ERFCX, 0},
  {"erfcinv", NULL, 1, ON_FLOAT, MSL_H_ERFCINV, 0},
  {"normcdf", NULL, 1, ON_FLOAT, MSL_H_NORMCDF, 0},
  {"normcdfinv", NULL, 1, ON_FLOAT, MSL_H_NORMCDFINV, 0},
  {"lgamma", NULL, 1, ON_FLOAT, MSL_H_LGAMMA, 0},
  {"j0", NULL, 1, ON_FLOAT, MSL_H_J0, 0},
  {"j1", NULL, 1, ON_FLOAT, MSL_H_J1, 0},
  {"y0", NULL, 1, ON_FLOAT, MSL_H_Y0, 0},
  {"y1", NULL, 1, ON_FLOAT, MSL_H_Y1, 0},
  {"tgamma", NULL, 1, ON_FLOAT, MSL_H_TGAMMA, 0},
  {"cyl_bessel_i0", NULL, 1, ON_FLOAT, MSL_H_BESSEL_I0, 0},
  {"cyl_bessel_i1", NULL, 1, ON_FLOAT, MSL_H_BESSEL_I1, 0},
  {"rcbrt", NULL, 1, ON_FLOAT, MSL_H_RCBRT, 0},
  {"rhypot", NULL, 2, ON_FLOAT, MSL_H_RHYPOT, 0},
  {"norm3d", NULL, 3, ON_FLOAT, MSL_H_NORM3D, 0},
  {"norm4d", NULL, 4, ON_FLOAT, MSL_H_NORM4D, 0},
  {"rnorm3d", NULL, 3, ON_FLOAT, MSL_H_RNORM3D, 0},
  {"rnorm4d", NULL, 4, ON_FLOAT, MSL_H_RNORM4D, 0},
  {"remainder", NULL, 2, ON_FLOAT, MSL_H_REMAINDER, 0},
  {"saturate", NULL, 1, ON_FLOAT, MSL_H_SATURATE, 0},
  {"powi", "precise::pow", 2, ON_FLOAT, 0, 0},
  {"ldexp", NULL, 2, ON_FLOAT_INT, MSL_H_LDEXP, 0},
  {"scalbn", NULL, 2, ON_FLOAT_INT, MSL_H_LDEXP, 0},
  {"ilogb", NULL, 1, ON_FLOAT, MSL_H_ILOGB, 0},
  {"logb", NULL, 1, ON_FLOAT, MSL_H_LOGB, 0},
  {"fast_tan", "precise::tan", 1, ON_FLOAT, 0, 0},
  {"fast_exp10", "precise::exp10", 1, ON_FLOAT, 0, 0},
  {"fast_log10", "precise::log10", 1, ON_FLOAT, 0, 0},
  {"fadd_rn", NULL, 2, ON_FLOAT, MSL_H_ADD_RN, 0},
  {"fsub_rn", NULL, 2, ON_FLOAT, MSL_H_SUB_RN, 0},
  {"fmul_rn", NULL, 2, ON_FLOAT, MSL_H_MUL_RN, 0},
  {"fmaf_rn", "fma", 3, ON_FLOAT, 0, 0},
  {"frsqrt_rn", NULL, 1, ON_FLOAT, MSL_H_RSQRT_RN, 0},
  ROUNDED("fadd_r", 2, ON_FLOAT, MSL_H_ADD_ROUNDED),
  ROUNDED("fsub_r", 2, ON_FLOAT, MSL_H_SUB_ROUNDED),
  ROUNDED("fmul_r", 2, ON_FLOAT, MSL_H_MUL_ROUNDED),
  ROUNDED("fmaf_r", 3, ON_FLOAT, MSL_H_FMA_ROUNDED),
  ROUNDED("fdiv_r", 2, ON_FLOAT, MSL_H_DIV_ROUNDED),
  ROUNDED("frcp_r", 1, ON_FLOAT, MSL_H_RCP_ROUNDED),
  ROUNDED("fsqrt_r", 1, ON_FLOAT, MSL_H_SQRT_ROUNDED),
  TO_INT("float2int_r", MSL_H_TO_INT),
  TO_INT("float2uint_r", MSL_H_TO_UINT),
  TO_INT("float2ll_r", MSL_H_TO_LL),
  TO_INT("float2ull_r", MSL_H_TO_ULL),
  FROM_INT("int2float_r", ON_INT, MSL_H_FROM_INT),
  FROM_INT("uint2float_r", ON_UINT, MSL_H_FROM_UINT),
  FROM_INT("ll2float_r", ON_INT, MSL_H_FROM_LONG),
  FROM_INT("ull2float_r", ON_UINT, MSL_H_FROM_ULONG),
  {"llrint", "rint", 1, ON_FLOAT, MSL_H_TO_LL, 0},
  {"llround", "round", 1, ON_FLOAT, MSL_H_TO_LL, 0},
  {"float_as_int", NULL, 1, ON_FLOAT, MSL_H_BITS_OF, 0},
  {"float_as_uint", NULL, 1, ON_FLOAT, MSL_H_BITS_OF, 0},
  {"int_as_float", NULL, 1, ON_INT, MSL_H_OF_BITS, 0},
  {"uint_as_float", NULL, 1, ON_INT, MSL_H_OF_BITS, 0},
  {"frcp_rn", NULL, 1, ON_FLOAT, MSL_H_RCP_RN, 0},
  {"hadd", NULL, 2, ON_INT, MSL_H_HADD, 0},
  {"uhadd", NULL, 2, ON_UINT, MSL_H_HADD, 0},
  {"rhadd", NULL, 2, ON_INT, MSL_H_RHADD, 0},
  {"urhadd", NULL, 2, ON_UINT, MSL_H_RHADD, 0},
  {"sad", NULL, 3, ON_INT, MSL_H_SAD, 0},
  {"usad", NULL, 3, ON_UINT, MSL_H_SAD, 0},
  {"mul24", NULL, 2, ON_INT, MSL_H_MUL24, 0},
  {"umul24", NULL, 2, ON_UINT, MSL_H_UMUL24, 0},
  {"byte_perm", NULL, 3, ON_UINT, MSL_H_BYTE_PERM, 0},
  {"mul64hi", "mulhi", 2, ON_INT, 0, 0},
  {"umul64hi", "mulhi", 2, ON_UINT, 0, 0},
};

/* The entry of a symbol: as it is, then without a suffix or prefix that says
 * its width: f, ll; ll and ull in front (__nv_llabs, __nv_ullmin). */
static const external *find(const char *symbol, bool is_float) {
  if (strncmp(symbol, "__nv_", 5) == 0) symbol += 5;
  char name[32];
  size_t n = strlen(symbol);
  if (n == 0 || n >= sizeof name) return NULL;
  for (int form = 0; form < 4; form++) {
    memcpy(name, symbol, n + 1);
    if (form == 1 && (!is_float || name[n - 1] != 'f')) continue;
    if (form == 1) name[n - 1] = 0;
    if (form == 2 && (is_float || n < 3 || strcmp(name + n - 2, "ll") != 0))
      continue;
    if (form == 2) name[n - 2] = 0;
    if (form == 3 && (is_float || strncmp(name, "ull", 3) != 0)) {
      if (is_float || strncmp(name, "ll", 2) != 0) continue;
      memcpy(name, symbol + 2, n - 1);
    } else if (form == 3) { /* ullmin is umin of longs */
      memcpy(name + 1, symbol + 3, n - 2);
    }
    for (size_t i = 0; i < TM_COUNT(table); i++)
      if (strcmp(table[i].symbol, name) == 0 &&
          (table[i].on == ON_FLOAT || table[i].on == ON_FLOAT_INT) ==
              is_float)
        return &table[i];
  }
  return NULL;
}

static msl_expr refused(emitter *e, tm_inst inst, const char *symbol) {
  tm_diag *diag = msl_refuse(
      e, inst, "library function %s has no form in Metal", symbol);
  tm_diag_hint(e->diags, diag,
               "write it with tl.exp, tl.log and arithmetic");
  return msl_primary("0", 1);
}

/* The type that the function computes in. */
static const char *domain_type(emitter *e, const external *x, tm_scalar s,
                               uint32_t lanes) {
  if (x->on == ON_FLOAT || x->on == ON_FLOAT_INT) return msl_type(e, TM_F32, lanes);
  const char *type = msl_type(e, s, lanes);
  return x->on == ON_UINT ? msl_text(e, "u%s", type) : type;
}

static void put_operand(emitter *e, const external *x, tm_scalar from,
                        uint32_t index, msl_expr operand, uint32_t lanes,
                        tm_buf *out) {
  const char *type = domain_type(e, x, from, lanes);
  bool is_second_int = x->on == ON_FLOAT_INT && index == 1;
  if (is_second_int) type = msl_type(e, TM_I32, lanes);
  bool fits = operand.lanes == lanes && from != TM_F16 && x->on != ON_UINT &&
              strcmp(x->symbol, "powi") != 0 && operand.prec < MSL_TERNARY;
  if (fits || (is_second_int && operand.lanes == lanes))
    tm_buf_puts(out, operand.text);
  else
    tm_buf_printf(out, "%s(%s)", type, operand.text);
}

msl_expr msl_external(emitter *e, tm_inst inst, const msl_expr *operands) {
  const tm_inst_data *d = tm_get(e->ir, inst);
  const tm_attr *symbol = tm_inst_attr(e->ir, inst, TM_ATTR_SYMBOL);
  const char *text = symbol && symbol->text ? symbol->text : "";
  tm_scalar from = d->n_operands
                       ? msl_scalar_of(tm_type_of(e->ir, d->operands[0]))
                       : TM_VOID;
  tm_scalar to = msl_scalar_of(tm_type_of(e->ir, d->results));
  const external *x = find(text, tm_scalar_is_float(from));
  bool wide_enough = from == TM_F16 || from == TM_BF16 || from == TM_F32 ||
                     from == TM_I32 || from == TM_I64;
  if (!x || x->operands != d->n_operands || !wide_enough)
    return refused(e, inst, text);
  if (strcmp(x->symbol, "nextafter") == 0) msl_require(e, TM_MSL_LATER);
  uint32_t lanes = 1;
  for (uint32_t i = 0; i < d->n_operands; i++)
    if (operands[i].lanes > lanes) lanes = operands[i].lanes;
  const char *name = x->name;
  if (x->helper)
    name = msl_use(e, x->helper, domain_type(e, x, from, 1), lanes);
  tm_buf buf = tm_buf_in(e->arena);
  tm_buf_printf(&buf, "%s(", name);
  if (x->helper && x->name) tm_buf_printf(&buf, "%s(", x->name);
  for (uint32_t i = 0; i < d->n_operands; i++) {
    tm_buf_puts(&buf, i ? ", " : "");
    put_operand(e, x, from, i, operands[i], lanes, &buf);
  }
  if (x->helper && x->name) tm_buf_puts(&buf, ")");
  if (x->mode) tm_buf_printf(&buf, ", %c", x->mode);
  tm_buf_puts(&buf, ")");
  const char *call = tm_buf_text(&buf);
  if (to == TM_BF16)
    call = msl_text(e, "%s(%s)",
                    msl_use(e, MSL_H_BF16_ROUND, "float", lanes), call);
  else if (to == TM_F16 || x->on != ON_FLOAT || !tm_scalar_is_float(to))
    call = msl_text(e, "%s(%s)", msl_type(e, to, lanes), call);
  return msl_primary(call, lanes);
}
