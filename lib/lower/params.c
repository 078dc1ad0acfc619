/* SPDX-License-Identifier: MIT */
/*
 * params.c - binds a kernel's parameters as its specialization says.
 *
 * Only run-time values become parameters of the TTIR function, in their
 * order. Everything else is bound at compile time: constexprs, arguments
 * that equal 1, None, and defaults. A tuple gives the parameters of its items,
 * and a tensor descriptor those of its parts, named as Triton names them:
 *
 *     (*fp32, i32, 16) of `args`    args.0, args.1; args[2] is the constant
 *     tensordesc<fp16[64,64]> of d  d, d.shape.0, d.shape.1, d.stride.0
 *
 * Triton's TTIR has a parameter of type !tt.tensordesc besides sizes and all
 * strides; for GPUs without the hardware its compiler takes that one apart
 * into base, sizes, strides and options. Here it is made from its parts at
 * the kernel's beginning, so that the last stride is known to be 1 and the
 * options are known when the kernel is compiled.
 */
#include "value.h"

/* A parameter, or an item of one, that is being bound. */
typedef struct place {
  const char *name; /* "args.0" */
  tm_loc loc;
} place;

static tm_lv not_given(tm_low *l, const place *at) {
  return tm_low_error_at(l, at->loc, TM_DIAG_SEMANTIC,
                         "give its type in the signature",
                         "parameter '%s' is given no argument", at->name);
}

static tm_lv run_param(tm_low *l, const place *at, tm_ltype type,
                       uint32_t divisibility) {
  tm_value v = tm_func_add_param(l->ir, 0, at->name, type->ir, divisibility);
  return tm_lv_run(l, v, type);
}

static tm_ltype type_of(tm_low *l, const place *at, const tm_spec_arg *arg) {
  const char *text = arg->type ? arg->type : "";
  tm_ltype type = tm_lt_parse(l, tm_cstr(text));
  if (!type)
    tm_low_error_at(l, at->loc, TM_DIAG_SEMANTIC,
                    "types are spelled i32, fp16, *fp32 and so on",
                    "parameter '%s' has the unknown type '%s'", at->name,
                    text);
  return type;
}

static tm_lv bind_pointer(tm_low *l, const place *at, const tm_spec_arg *arg,
                          tm_ltype element) {
  if (element->kind == TM_LT_SCALAR && element->dtype == TM_DT_VOID)
    return tm_low_error_at(l, at->loc, TM_DIAG_SEMANTIC, NULL,
                           "parameter '%s': there are no pointers to %s",
                           at->name, arg->type);
  return run_param(l, at, tm_lt_pointer(l, element), arg->divisibility);
}

static tm_lv bind_run(tm_low *l, const place *at, const tm_spec_arg *arg) {
  tm_ltype type = type_of(l, at, arg);
  if (!type) return TM_POISONED;
  if (arg->kind == TM_SPEC_POINTER) return bind_pointer(l, at, arg, type);
  if (type->kind == TM_LT_SCALAR && type->dtype == TM_DT_VOID)
    return tm_low_error_at(l, at->loc, TM_DIAG_SEMANTIC, NULL,
                           "parameter '%s' cannot be void", at->name);
  return run_param(l, at, type, arg->divisibility);
}

static tm_lv tuple_of(tm_low *l, const char *const *names, const tm_lv *items,
                      uint32_t n) {
  return names ? tm_record_of_names(l, names, items, n)
               : tm_lv_tuple(l, items, n);
}

/* A jit function by the name that the kernel's module has for it. */
static tm_lv bind_function(tm_low *l, const place *at, const char *name) {
  const tm_function_def *f = tm_module_kernel(l->frame->module, name);
  if (!f)
    return tm_low_error_at(l, at->loc, TM_DIAG_SEMANTIC,
                           "name it as the kernel's module does",
                           "parameter '%s': the module has no jit function "
                           "'%s'",
                           at->name, name);
  tm_lvalue *v = TM_NEW(l->arena, tm_lvalue);
  v->kind = TM_LV_FUNCTION;
  v->function = f;
  return v;
}

static tm_lv bind_const(tm_low *l, const place *at, const tm_const *c) {
  switch (c->kind) {
  case TM_CONST_NONE: return TM_NONE_LV;
  case TM_CONST_BOOL: return tm_lv_bool(c->i != 0);
  case TM_CONST_INT: return tm_lv_int(l, c->i);
  case TM_CONST_FLOAT: return tm_lv_float(l, c->f);
  case TM_CONST_TEXT:
    return tm_lv_text(l, c->text ? c->text : "", c->text ? strlen(c->text) : 0);
  case TM_CONST_DTYPE: {
    tm_ltype t = tm_lt_parse(l, tm_cstr(c->text ? c->text : ""));
    if (t) return tm_lv_type(l, t);
    return tm_low_error_at(l, at->loc, TM_DIAG_SEMANTIC, NULL,
                           "parameter '%s' is given the unknown type '%s'",
                           at->name, c->text ? c->text : "");
  }
  case TM_CONST_FUNCTION: return bind_function(l, at, c->text ? c->text : "");
  case TM_CONST_TUPLE: {
    uint32_t n = (uint32_t)c->i;
    tm_lv *items = TM_NEW_ARRAY(l->arena, tm_lv, n + 1);
    for (uint32_t i = 0; i < n; i++)
      items[i] = bind_const(l, at, &c->items[i]);
    return tuple_of(l, c->names, items, n);
  }
  }
  return TM_NONE_LV;
}

/* ---- descriptors ---------------------------------------------------------- */

static place part(tm_low *l, const place *of, const char *what, uint32_t d) {
  return (place){tm_low_format(l, "%s.%s.%u", of->name, what, d), of->loc};
}

static bool descriptor_ok(tm_low *l, const place *at, const tm_spec_arg *arg,
                          tm_ltype element) {
  bool is_int = element->kind == TM_LT_SCALAR && tm_lt_is_int(element);
  bool is_float = element->kind == TM_LT_SCALAR && tm_lt_is_float(element);
  if ((!is_int && !is_float) || tm_lt_is_bool(element)) {
    tm_low_error_at(l, at->loc, TM_DIAG_SEMANTIC,
                    "bytes are i8 or u8",
                    "parameter '%s': there are no descriptors of %s",
                    at->name, arg->type);
    return false;
  }
  if (is_float || !arg->desc.pads_nan) return true;
  tm_low_error_at(l, at->loc, TM_DIAG_SEMANTIC, NULL,
                  "parameter '%s': padding with nan is for floats, its "
                  "elements are %s",
                  at->name, arg->type);
  return false;
}

/* Sizes, then strides; the last stride is 1. */
static void bind_parts(tm_low *l, const place *at, const tm_spec_arg *arg,
                       tm_ltype element, tm_lv *shape, tm_lv *strides) {
  uint32_t rank = arg->desc.rank, bytes = tm_lt_bits(element) / 8;
  uint32_t unit = bytes < 16 ? 16 / bytes : 1;
  for (uint32_t d = 0; d < rank; d++) {
    place p = part(l, at, "shape", d);
    shape[d] = run_param(l, &p, tm_lt_scalar(l, TM_DT_I32), 0);
  }
  for (uint32_t d = 0; d + 1 < rank; d++) {
    place p = part(l, at, "stride", d);
    strides[d] = run_param(l, &p, tm_lt_scalar(l, TM_DT_I64), unit);
  }
  strides[rank - 1] = tm_sem_constant(l, tm_lv_int(l, 1),
                                      tm_lt_scalar(l, TM_DT_I64));
}

static tm_lv bind_descriptor(tm_low *l, const place *at,
                             const tm_spec_arg *arg) {
  tm_ltype element = type_of(l, at, arg);
  if (!element || !descriptor_ok(l, at, arg, element)) return TM_POISONED;
  tm_lv shape[TM_DESC_MAX_RANK], strides[TM_DESC_MAX_RANK];
  tm_lv base = run_param(l, at, tm_lt_pointer(l, element), 16);
  bind_parts(l, at, arg, element, shape, strides);
  const tm_desc_parts parts = {base, shape, strides, arg->desc.rounds_tf32};
  tm_attr padding = tm_attr_int(TM_ATTR_PADDING, 2);
  tm_ltype block = tm_lt_block(l, element, arg->desc.rank, arg->desc.block);
  return tm_low_descriptor(l, block, &parts, arg->desc.pads_nan, &padding);
}

/* ---- tuples ----------------------------------------------------------------- */

static tm_lv bind_value(tm_low *l, const place *at, const tm_spec_arg *arg);

static tm_lv bind_tuple(tm_low *l, const place *at, const tm_spec_arg *arg) {
  tm_lv *items = TM_NEW_ARRAY(l->arena, tm_lv, arg->n_items + 1);
  for (uint32_t i = 0; i < arg->n_items; i++) {
    place p = {arg->names ? tm_low_format(l, "%s.%s", at->name, arg->names[i])
                          : tm_low_format(l, "%s.%u", at->name, i),
               at->loc};
    items[i] = bind_value(l, &p, &arg->items[i]);
    if (tm_lv_is_poison(items[i])) return items[i];
  }
  return tuple_of(l, arg->names, items, arg->n_items);
}

static tm_lv bind_value(tm_low *l, const place *at, const tm_spec_arg *arg) {
  switch (arg->kind) {
  case TM_SPEC_POINTER: case TM_SPEC_SCALAR: return bind_run(l, at, arg);
  case TM_SPEC_CONST: return bind_const(l, at, &arg->value);
  case TM_SPEC_DESCRIPTOR: return bind_descriptor(l, at, arg);
  case TM_SPEC_TUPLE: return bind_tuple(l, at, arg);
  case TM_SPEC_DEFAULT: break;
  }
  return not_given(l, at);
}

/* ---- parameters ------------------------------------------------------------- */

static tm_lv bind_default(tm_low *l, const tm_param_decl *p) {
  if (p->value) {
    tm_lv v = tm_low_expr(l, p->value);
    return v->kind == TM_LV_OPAQUE ? tm_low_opaque_use(l, v) : v;
  }
  if (tm_low_is_constexpr(p->annotation))
    return tm_low_error_at(
        l, p->loc, TM_DIAG_SEMANTIC,
        tm_low_format(l, "pass it as a compile-time value, for instance "
                         "-D %s=VALUE",
                      p->name),
        "missing constexpr '%s'", p->name);
  place at = {p->name, p->loc};
  return not_given(l, &at);
}

/* Does it have a part that is known at run time only? */
static bool is_run(const tm_spec_arg *arg) {
  if (arg->kind != TM_SPEC_TUPLE)
    return arg->kind != TM_SPEC_CONST && arg->kind != TM_SPEC_DEFAULT;
  for (uint32_t i = 0; i < arg->n_items; i++)
    if (is_run(&arg->items[i])) return true;
  return false;
}

static tm_lv bind_param(tm_low *l, const tm_param_decl *p,
                        const tm_spec_arg *arg) {
  if (is_run(arg) && tm_low_is_constexpr(p->annotation))
    return tm_low_error_at(
        l, p->loc, TM_DIAG_SEMANTIC,
        tm_low_format(l, "pass it as a compile-time value, for instance "
                         "-D %s=VALUE",
                      p->name),
        "parameter '%s' is a tl.constexpr and was given a run-time type",
        p->name);
  if (arg->kind == TM_SPEC_DEFAULT) return bind_default(l, p);
  place at = {p->name, p->loc};
  return bind_value(l, &at, arg);
}

void tm_low_bind_params(tm_low *l, const tm_function_def *f) {
  if (l->spec->n_args > f->params.len)
    tm_low_error_at(l, f->loc, TM_DIAG_SEMANTIC, NULL,
                    "%s has %u parameters and was given %u arguments",
                    f->name, f->params.len, l->spec->n_args);
  for (uint32_t i = 0; i < f->params.len; i++) {
    const tm_param_decl *p = &f->params.data[i];
    static const tm_spec_arg none = {.kind = TM_SPEC_DEFAULT};
    const tm_spec_arg *arg =
        i < l->spec->n_args ? &l->spec->args[i] : &none;
    tm_loc old = tm_low_at(l, p->loc);
    tm_lv v = p->star ? tm_low_unsupported(
                            l, "name each parameter",
                            "a kernel takes no * parameters ('%s')", p->name)
                      : bind_param(l, p, arg);
    tm_scope_set(l, tm_low_name(l, p->name), v, p->loc);
    l->b.loc = old;
  }
}
