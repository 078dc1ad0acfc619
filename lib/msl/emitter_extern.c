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

typedef enum domain { ON_FLOAT, ON_INT, ON_UINT } domain;

typedef struct external {
  const char *symbol;    /* without __nv_ and the suffix of its width */
  const char *name;      /* Metal's; NULL: a helper */
  uint8_t operands;
  uint8_t on;
  msl_helper_id helper;
} external;

static const external table[] = {
  {"tanh", "precise::tanh", 1, ON_FLOAT, 0},
  {"sinh", "precise::sinh", 1, ON_FLOAT, 0},
  {"cosh", "precise::cosh", 1, ON_FLOAT, 0},
  {"tan", "precise::tan", 1, ON_FLOAT, 0},
  {"sin", "precise::sin", 1, ON_FLOAT, 0},
  {"cos", "precise::cos", 1, ON_FLOAT, 0},
  {"sinpi", "precise::sinpi", 1, ON_FLOAT, 0},
  {"cospi", "precise::cospi", 1, ON_FLOAT, 0},
  {"asin", "precise::asin", 1, ON_FLOAT, 0},
  {"acos", "precise::acos", 1, ON_FLOAT, 0},
  {"atan", "precise::atan", 1, ON_FLOAT, 0},
  {"atan2", "precise::atan2", 2, ON_FLOAT, 0},
  {"asinh", "precise::asinh", 1, ON_FLOAT, 0},
  {"acosh", "precise::acosh", 1, ON_FLOAT, 0},
  {"atanh", "precise::atanh", 1, ON_FLOAT, 0},
  {"exp", "precise::exp", 1, ON_FLOAT, 0},
  {"exp2", "precise::exp2", 1, ON_FLOAT, 0},
  {"exp10", "precise::exp10", 1, ON_FLOAT, 0},
  {"log", "precise::log", 1, ON_FLOAT, 0},
  {"log2", "precise::log2", 1, ON_FLOAT, 0},
  {"log10", "precise::log10", 1, ON_FLOAT, 0},
  {"pow", "precise::pow", 2, ON_FLOAT, 0},
  {"sqrt", "precise::sqrt", 1, ON_FLOAT, 0},
  {"sqrt_rn", "precise::sqrt", 1, ON_FLOAT, 0},
  {"fsqrt_rn", "precise::sqrt", 1, ON_FLOAT, 0},
  {"rsqrt", "precise::rsqrt", 1, ON_FLOAT, 0},
  {"fast_exp", "fast::exp", 1, ON_FLOAT, 0},
  {"fast_log", "fast::log", 1, ON_FLOAT, 0},
  {"fast_log2", "fast::log2", 1, ON_FLOAT, 0},
  {"fast_sin", "fast::sin", 1, ON_FLOAT, 0},
  {"fast_cos", "fast::cos", 1, ON_FLOAT, 0},
  {"fast_pow", "fast::pow", 2, ON_FLOAT, 0},
  {"fast_fdivide", "fast::divide", 2, ON_FLOAT, 0},
  {"div_rn", "precise::divide", 2, ON_FLOAT, 0},
  {"fdiv_rn", "precise::divide", 2, ON_FLOAT, 0},
  {"floor", "floor", 1, ON_FLOAT, 0},
  {"ceil", "ceil", 1, ON_FLOAT, 0},
  {"trunc", "trunc", 1, ON_FLOAT, 0},
  {"round", "round", 1, ON_FLOAT, 0},
  {"rint", "rint", 1, ON_FLOAT, 0},
  {"nearbyint", "rint", 1, ON_FLOAT, 0},
  {"fabs", "fabs", 1, ON_FLOAT, 0},
  {"fma", "fma", 3, ON_FLOAT, 0},
  {"fmod", "fmod", 2, ON_FLOAT, 0},
  {"copysign", "copysign", 2, ON_FLOAT, 0},
  {"fmax", "fmax", 2, ON_FLOAT, 0},
  {"fmin", "fmin", 2, ON_FLOAT, 0},
  {"fdim", "fdim", 2, ON_FLOAT, 0},
  {"nextafter", "nextafter", 2, ON_FLOAT, 0},
  {"isnan", "isnan", 1, ON_FLOAT, 0},
  {"isinf", "isinf", 1, ON_FLOAT, 0},
  {"finite", "isfinite", 1, ON_FLOAT, 0},
  {"isfinited", "isfinite", 1, ON_FLOAT, 0},
  {"signbit", "signbit", 1, ON_FLOAT, 0},
  {"erf", NULL, 1, ON_FLOAT, MSL_H_ERF},
  {"erfc", NULL, 1, ON_FLOAT, MSL_H_ERFC},
  {"erfinv", NULL, 1, ON_FLOAT, MSL_H_ERFINV},
  {"expm1", NULL, 1, ON_FLOAT, MSL_H_EXPM1},
  {"log1p", NULL, 1, ON_FLOAT, MSL_H_LOG1P},
  {"cbrt", NULL, 1, ON_FLOAT, MSL_H_CBRT},
  {"hypot", NULL, 2, ON_FLOAT, MSL_H_HYPOT},
  {"clz", "clz", 1, ON_INT, 0},
  {"popc", "popcount", 1, ON_INT, 0},
  {"brev", "reverse_bits", 1, ON_INT, 0},
  {"ffs", NULL, 1, ON_INT, MSL_H_FFS},
  {"abs", "abs", 1, ON_INT, 0},
  {"min", "min", 2, ON_INT, 0},
  {"max", "max", 2, ON_INT, 0},
  {"mulhi", "mulhi", 2, ON_INT, 0},
  {"umin", "min", 2, ON_UINT, 0},
  {"umax", "max", 2, ON_UINT, 0},
  {"umulhi", "mulhi", 2, ON_UINT, 0},
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
          (table[i].on == ON_FLOAT) == is_float)
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
  if (x->on == ON_FLOAT) return msl_type(e, TM_F32, lanes);
  const char *type = msl_type(e, s, lanes);
  return x->on == ON_UINT ? msl_text(e, "u%s", type) : type;
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
  uint32_t lanes = 1;
  for (uint32_t i = 0; i < d->n_operands; i++)
    if (operands[i].lanes > lanes) lanes = operands[i].lanes;
  const char *type = domain_type(e, x, from, lanes);
  const char *name = x->name;
  if (!name)
    name = msl_use(e, x->helper, domain_type(e, x, from, 1), lanes);
  tm_buf buf = tm_buf_in(e->arena);
  tm_buf_printf(&buf, "%s(", name);
  for (uint32_t i = 0; i < d->n_operands; i++) {
    bool fits = operands[i].lanes == lanes && from != TM_F16 &&
                x->on != ON_UINT && operands[i].prec < MSL_TERNARY;
    tm_buf_puts(&buf, i ? ", " : "");
    if (fits) tm_buf_puts(&buf, operands[i].text);
    else tm_buf_printf(&buf, "%s(%s)", type, operands[i].text);
  }
  tm_buf_puts(&buf, ")");
  const char *call = tm_buf_text(&buf);
  if (to == TM_BF16)
    call = msl_text(e, "%s(%s)",
                    msl_use(e, MSL_H_BF16_ROUND, "float", lanes), call);
  else if (to == TM_F16 || x->on != ON_FLOAT || !tm_scalar_is_float(to))
    call = msl_text(e, "%s(%s)", msl_type(e, to, lanes), call);
  return msl_primary(call, lanes);
}
