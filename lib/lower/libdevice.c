/* SPDX-License-Identifier: MIT */
/*
 * libdevice.c - builtins of triton.language.extra.libdevice.
 *
 * Most become tt.extern_elementwise with the symbol that upstream gives them,
 * so that the TTIR is the same; emitter_extern.c knows the symbols. Those
 * that upstream picks by the types of the arguments stand in a table here.
 * A few are Triton's own operations.
 */
#include "value.h"

#include <math.h>

static tm_lv external(tm_low *l, const char *symbol, uint32_t n,
                      const tm_lv *args, tm_ltype type) {
  tm_value operands[4];
  for (uint32_t i = 0; i < n; i++) operands[i] = args[i]->value;
  tm_attr attrs[] = {tm_attr_text(TM_ATTR_LIBNAME, ""),
                     tm_attr_text(TM_ATTR_LIBPATH, ""),
                     tm_attr_text(TM_ATTR_SYMBOL, symbol),
                     tm_attr_int(TM_ATTR_PURE, 1)};
  tm_inst i = tm_build(&l->b, TM_EXTERN, n, operands, 1, &type->ir, 0, NULL,
                       4, attrs);
  return tm_lv_run(l, tm_get(l->ir, i)->results, type);
}

/* libdevice's name of a function for a float type: __nv_tanhf, __nv_tanh. */
static const char *symbol_of(tm_low *l, const char *name, tm_ltype type) {
  if (strcmp(name, "fast_tanhf") == 0) return "__nv_tanhf";
  size_t n = strlen(name);
  bool has_f = strncmp(name, "fast_", 5) == 0 && name[n - 1] == 'f';
  bool single = tm_lt_dtype(type) == TM_DT_F32;
  return tm_low_format(l, "__nv_%s%s", name, single && !has_f ? "f" : "");
}

/* aux: the number of arguments. */
tm_lv tm_fn_device(tm_low *l, const tm_builtin_call *c) {
  tm_lv x = c->args[0], y = c->args[1];
  if (c->row->aux == 1) {
    x = tm_want_float(l, c, 0);
    if (tm_lv_is_poison(x)) return x;
    return external(l, symbol_of(l, c->row->name, x->type), 1, &x, x->type);
  }
  if (!tm_sem_legalize(l, &x, &y, false, c->row->name)) return TM_POISONED;
  if (!tm_lt_is_float(x->type) || tm_lt_bits(x->type) < 32)
    return tm_low_error(l, "convert first: x.to(tl.float32)",
                        "%s takes fp32 or fp64, got %s", c->row->name,
                        tm_lt_text(l, x->type));
  tm_lv pair[2] = {x, y};
  return external(l, symbol_of(l, c->row->name, x->type), 2, pair, x->type);
}

tm_lv tm_fn_fmod(tm_low *l, const tm_builtin_call *c) {
  tm_lv x = c->args[0], y = c->args[1];
  if (!tm_sem_legalize(l, &x, &y, true, "fmod")) return TM_POISONED;
  if (!tm_lt_is_float(x->type))
    return tm_low_error(l, "write x % y", "fmod takes floats, got %s",
                        tm_lt_text(l, x->type));
  return tm_sem_op2(l, TM_REMF, x, y);
}

/* aux: 0 isnan, 1 isinf, 2 finite, 3 signbit. */
tm_lv tm_fn_classify(tm_low *l, const tm_builtin_call *c) {
  tm_lv x = tm_want_float(l, c, 0);
  if (tm_lv_is_poison(x)) return x;
  if (c->row->aux == 0) return tm_sem_compare(l, TM_PY_NE, x, x);
  if (c->row->aux == 3) {
    bool single = tm_lt_bits(x->type) == 32;
    tm_lv bits = tm_sem_bitcast(
        l, x, tm_lt_scalar(l, single ? TM_DT_I32 : TM_DT_I64));
    tm_lv negative = tm_sem_compare(l, TM_PY_LT, bits, tm_lv_int(l, 0));
    return tm_sem_cast(l, negative, tm_lt_scalar(l, TM_DT_I32));
  }
  return tm_sem_compare(l, c->row->aux == 1 ? TM_PY_EQ : TM_PY_LT,
                        tm_sem_op1(l, TM_ABSF, x), tm_lv_float(l, INFINITY));
}

tm_lv tm_fn_reciprocal(tm_low *l, const tm_builtin_call *c) {
  tm_lv x = tm_want_float(l, c, 0);
  if (tm_lv_is_poison(x)) return x;
  tm_lv one = tm_lv_int(l, 1);
  if (!tm_sem_legalize(l, &one, &x, false, "rcp_rn")) return TM_POISONED;
  return tm_sem_op2(l, TM_PRECISE_DIVF, one, x);
}

/* aux: 0 llrint, 1 llround. */
tm_lv tm_fn_to_int(tm_low *l, const tm_builtin_call *c) {
  tm_lv x = tm_want_float(l, c, 0);
  if (tm_lv_is_poison(x)) return x;
  x = external(l, symbol_of(l, c->row->aux ? "round" : "rint", x->type), 1,
               &x, x->type);
  return tm_sem_cast(l, x, tm_lt_scalar(l, TM_DT_I64));
}

tm_lv tm_fn_bits(tm_low *l, const tm_builtin_call *c) {
  tm_lv x = tm_want_tensor(l, c->args[0], c->row->name);
  if (!x) return TM_POISONED;
  return tm_sem_bitcast(l, x, tm_lt_scalar(l, (tm_dtype)c->row->aux));
}

/* aux: 0 ffs, 1 clz, 2 popc, 3 brev. */
tm_lv tm_fn_int_device(tm_low *l, const tm_builtin_call *c) {
  tm_lv x = tm_want_tensor(l, c->args[0], c->row->name);
  if (!x) return TM_POISONED;
  uint32_t bits = tm_lt_bits(x->type);
  if (!tm_lt_is_int(x->type) || bits < 32)
    return tm_low_error(l, "convert first: x.to(tl.int32)",
                        "%s takes 32- and 64-bit integers, got %s",
                        c->row->name, tm_lt_text(l, x->type));
  const char *symbol =
      tm_low_format(l, "__nv_%s%s", c->row->name, bits == 64 ? "ll" : "");
  tm_ltype type = x->type;
  if (c->row->aux != 3)
    type = tm_lt_like(l, type, tm_lt_scalar(l, TM_DT_I32));
  return external(l, symbol, 1, &x, type);
}

/* ---- functions that are chosen by the types of their arguments ---------- */

/* Types are letters: f fp32, i int32, u uint32, l int64, v uint64. */
typedef struct overload {
  const char *name, *args, *result, *symbol;
} overload;

#define DIRECTIONS(name, args, symbol) \
  {name "z", args, "f", symbol "z"}, {name "d", args, "f", symbol "d"}, \
  {name "u", args, "f", symbol "u"}
#define CONVERSIONS(name, arg, result) \
  {name "n", arg, result, name "n"}, {name "z", arg, result, name "z"}, \
  {name "d", arg, result, name "d"}, {name "u", arg, result, name "u"}

static const overload overloads[] = {
    {"byte_perm", "iii", "i", "byte_perm"},
    {"mulhi", "ii", "i", "mulhi"},
    {"mulhi", "uu", "u", "umulhi"},
    {"mulhi", "ll", "l", "mul64hi"},
    {"mulhi", "vv", "v", "umul64hi"},
    {"mul24", "ii", "i", "mul24"},
    {"mul24", "uu", "u", "umul24"},
    {"sad", "iiu", "i", "sad"},
    {"sad", "uuu", "u", "usad"},
    {"hadd", "ii", "i", "hadd"},
    {"hadd", "uu", "u", "uhadd"},
    {"rhadd", "ii", "i", "rhadd"},
    {"rhadd", "uu", "u", "urhadd"},
    {"saturatef", "f", "f", "saturatef"},
    {"add_rn", "ff", "f", "fadd_rn"},
    {"sub_rn", "ff", "f", "fsub_rn"},
    {"mul_rn", "ff", "f", "fmul_rn"},
    {"fma_rn", "fff", "f", "fmaf_rn"},
    {"rsqrt_rn", "f", "f", "frsqrt_rn"},
    DIRECTIONS("add_r", "ff", "fadd_r"),
    DIRECTIONS("sub_r", "ff", "fsub_r"),
    DIRECTIONS("mul_r", "ff", "fmul_r"),
    DIRECTIONS("fma_r", "fff", "fmaf_r"),
    DIRECTIONS("div_r", "ff", "fdiv_r"),
    DIRECTIONS("rcp_r", "f", "frcp_r"),
    DIRECTIONS("sqrt_r", "f", "fsqrt_r"),
    CONVERSIONS("float2int_r", "f", "i"),
    CONVERSIONS("float2uint_r", "f", "i"), /* the bits, as upstream */
    CONVERSIONS("float2ll_r", "f", "l"),
    CONVERSIONS("float2ull_r", "f", "l"),
    CONVERSIONS("int2float_r", "i", "f"),
    CONVERSIONS("uint2float_r", "u", "f"),
    CONVERSIONS("ll2float_r", "l", "f"),
    CONVERSIONS("ull2float_r", "v", "f"),
    {"fast_tanf", "f", "f", "fast_tanf"},
    {"fast_exp10f", "f", "f", "fast_exp10f"},
    {"fast_log10f", "f", "f", "fast_log10f"},
    {"rhypot", "ff", "f", "rhypotf"},
    {"norm3d", "fff", "f", "norm3df"},
    {"rnorm3d", "fff", "f", "rnorm3df"},
    {"norm4d", "ffff", "f", "norm4df"},
    {"rnorm4d", "ffff", "f", "rnorm4df"},
    {"rcbrt", "f", "f", "rcbrtf"},
    {"cyl_bessel_i0", "f", "f", "cyl_bessel_i0f"},
    {"cyl_bessel_i1", "f", "f", "cyl_bessel_i1f"},
    {"erfcx", "f", "f", "erfcxf"},
    {"erfcinv", "f", "f", "erfcinvf"},
    {"normcdfinv", "f", "f", "normcdfinvf"},
    {"normcdf", "f", "f", "normcdff"},
    {"j0", "f", "f", "j0f"},
    {"j1", "f", "f", "j1f"},
    {"y0", "f", "f", "y0f"},
    {"y1", "f", "f", "y1f"},
    {"lgamma", "f", "f", "lgammaf"},
    {"tgamma", "f", "f", "tgammaf"},
    {"ldexp", "fi", "f", "ldexpf"},
    {"scalbn", "fi", "f", "scalbnf"},
    {"remainder", "ff", "f", "remainderf"},
    {"ilogb", "f", "i", "ilogbf"},
    {"logb", "f", "f", "logbf"},
};

static tm_dtype dtype_of(char letter) {
  switch (letter) {
  case 'f': return TM_DT_F32;
  case 'i': return TM_DT_I32;
  case 'u': return TM_DT_U32;
  case 'l': return TM_DT_I64;
  default: return TM_DT_U64;
  }
}

/* Numbers that are no tensors yet take the type that the function wants. */
static bool matches(const overload *o, const tm_lv *args, uint32_t n) {
  if (strlen(o->args) != n) return false;
  for (uint32_t i = 0; i < n; i++) {
    bool is_float = o->args[i] == 'f';
    if (tm_lv_is_run(args[i])
            ? tm_lt_dtype(args[i]->type) != dtype_of(o->args[i])
            : args[i]->kind == TM_LV_FLOAT && !is_float)
      return false;
  }
  return true;
}

static const char *wanted_text(tm_low *l, const char *name) {
  tm_buf out = tm_buf_in(l->arena);
  for (size_t k = 0; k < TM_COUNT(overloads); k++) {
    const overload *o = &overloads[k];
    if (strcmp(o->name, name) != 0) continue;
    tm_buf_puts(&out, out.len ? " or (" : "(");
    for (const char *p = o->args; *p; p++)
      tm_buf_printf(&out, "%s%s", p == o->args ? "" : ", ",
                    tm_lt_text(l, tm_lt_scalar(l, dtype_of(*p))));
    tm_buf_puts(&out, ")");
  }
  return tm_buf_text(&out);
}

/* The conversion that the first overload wants of the first argument that
 * does not fit it. */
static const char *wanted_hint(tm_low *l, const char *name,
                               const tm_lv *args, uint32_t n) {
  for (size_t k = 0; k < TM_COUNT(overloads); k++) {
    const overload *o = &overloads[k];
    if (strcmp(o->name, name) != 0) continue;
    for (uint32_t i = 0; i < n && o->args[i]; i++) {
      bool is_number = !tm_lv_is_run(args[i]);
      if (is_number ? args[i]->kind != TM_LV_FLOAT || o->args[i] == 'f'
                    : tm_lt_dtype(args[i]->type) == dtype_of(o->args[i]))
        continue;
      static const char types[] = "fiulv";
      static const char *const names[] = {"float32", "int32", "uint32",
                                          "int64", "uint64"};
      return tm_low_format(
          l, "convert argument %u first: .to(tl.%s)", i + 1,
          names[strchr(types, o->args[i]) - types]);
    }
  }
  return NULL;
}

static tm_lv no_overload(tm_low *l, const char *name, const tm_lv *args,
                         uint32_t n) {
  tm_buf given = tm_buf_in(l->arena);
  for (uint32_t i = 0; i < n; i++)
    tm_buf_printf(&given, "%s%s", i ? ", " : "",
                  tm_lv_is_run(args[i])
                      ? tm_lt_text(l, tm_lt_element(args[i]->type))
                      : "a number");
  return tm_low_error(l, wanted_hint(l, name, args, n),
                      "%s takes %s, got (%s)", name, wanted_text(l, name),
                      tm_buf_text(&given));
}

tm_lv tm_fn_overload(tm_low *l, const tm_builtin_call *c) {
  const char *name = c->row->name;
  uint32_t n = 0;
  for (const char *p = c->row->signature; *p; p++) n += *p == ',';
  n++;
  const overload *o = NULL;
  for (uint32_t i = 0; i < n; i++)
    if (tm_lv_is_poison(c->args[i])) return TM_POISONED;
  for (size_t k = 0; !o && k < TM_COUNT(overloads); k++)
    if (strcmp(overloads[k].name, name) == 0 &&
        matches(&overloads[k], c->args, n))
      o = &overloads[k];
  if (!o) return no_overload(l, name, c->args, n);
  tm_lv args[4];
  for (uint32_t i = 0; i < n; i++) {
    args[i] = tm_lv_is_run(c->args[i])
                  ? c->args[i]
                  : tm_sem_constant(l, c->args[i],
                                    tm_lt_scalar(l, dtype_of(o->args[i])));
    if (tm_lv_is_poison(args[i])) return TM_POISONED;
  }
  for (uint32_t i = 1; i < n; i++)
    if (!tm_sem_broadcast(l, &args[0], &args[i])) return TM_POISONED;
  for (uint32_t i = 1; i < n; i++)
    if (!tm_sem_broadcast(l, &args[0], &args[i])) return TM_POISONED;
  tm_ltype result = tm_lt_like(
      l, args[0]->type, tm_lt_scalar(l, dtype_of(o->result[0])));
  return external(l, tm_low_format(l, "__nv_%s", o->symbol), n, args, result);
}
