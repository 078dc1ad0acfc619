/* SPDX-License-Identifier: MIT */
/*
 * lower.c - the door: binds a kernel's parameters as its specialization says
 * and lowers its body.
 *
 * Only run-time parameters become parameters of the TTIR function, in their
 * order. Everything else is bound at compile time: constexprs, arguments
 * that equal 1, None, and defaults.
 */
#include "value.h"

static tm_lv bind_pointer(tm_low *l, const tm_param_decl *p,
                          const tm_spec_arg *arg, tm_ltype element) {
  if (element->kind == TM_LT_SCALAR && element->dtype == TM_DT_VOID)
    return tm_low_error_at(l, p->loc, TM_DIAG_SEMANTIC, NULL,
                           "parameter '%s': there are no pointers to %s",
                           p->name, arg->type);
  tm_ltype type = tm_lt_pointer(l, element);
  tm_value v = tm_func_add_param(l->ir, 0, p->name, type->ir,
                                 arg->divisibility);
  return tm_lv_run(l, v, type);
}

static tm_lv bind_run(tm_low *l, const tm_param_decl *p,
                      const tm_spec_arg *arg) {
  const char *text = arg->type ? arg->type : "";
  tm_ltype type = tm_lt_parse(l, tm_cstr(text));
  if (!type)
    return tm_low_error_at(l, p->loc, TM_DIAG_SEMANTIC,
                           "types are spelled i32, fp16, *fp32 and so on",
                           "parameter '%s' has the unknown type '%s'",
                           p->name, text);
  if (arg->kind == TM_SPEC_POINTER) return bind_pointer(l, p, arg, type);
  if (type->kind == TM_LT_SCALAR && type->dtype == TM_DT_VOID)
    return tm_low_error_at(l, p->loc, TM_DIAG_SEMANTIC, NULL,
                           "parameter '%s' cannot be void", p->name);
  tm_value v = tm_func_add_param(l->ir, 0, p->name, type->ir,
                                 arg->divisibility);
  return tm_lv_run(l, v, type);
}

static tm_lv bind_const(tm_low *l, const tm_param_decl *p,
                        const tm_const *c) {
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
    return tm_low_error_at(l, p->loc, TM_DIAG_SEMANTIC, NULL,
                           "parameter '%s' is given the unknown type '%s'",
                           p->name, c->text ? c->text : "");
  }
  }
  return TM_NONE_LV;
}

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
  return tm_low_error_at(l, p->loc, TM_DIAG_SEMANTIC,
                         "give its type in the signature",
                         "parameter '%s' is given no argument", p->name);
}

static tm_lv bind_param(tm_low *l, const tm_param_decl *p,
                        const tm_spec_arg *arg) {
  bool is_run = arg->kind == TM_SPEC_POINTER || arg->kind == TM_SPEC_SCALAR;
  if (is_run && tm_low_is_constexpr(p->annotation))
    return tm_low_error_at(
        l, p->loc, TM_DIAG_SEMANTIC,
        tm_low_format(l, "pass it as a compile-time value, for instance "
                         "-D %s=VALUE",
                      p->name),
        "parameter '%s' is a tl.constexpr and was given a run-time type",
        p->name);
  if (is_run) return bind_run(l, p, arg);
  if (arg->kind == TM_SPEC_CONST) return bind_const(l, p, &arg->value);
  return bind_default(l, p);
}

static void bind_params(tm_low *l, const tm_function_def *f) {
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

static void lower_kernel(tm_low *l, const tm_function_def *f) {
  uint32_t func = tm_ir_add_func(l->ir, f->name, true);
  l->ir->funcs.data[func].loc = f->loc;
  l->ir->funcs.data[func].may_overlap = l->spec->may_overlap;
  l->b = tm_build_at_end(l->ir, l->ir->funcs.data[func].body);
  l->b.loc = f->loc;
  tm_frame frame = {.function = f, .module = f->module};
  l->frame = &frame;
  bind_params(l, f);
  if (l->diags->errors) return; /* what follows would only repeat it */
  tm_end end = tm_low_stmts(l, &f->body, 0, true);
  if (end.value && end.value->kind != TM_LV_NONE &&
      !tm_lv_is_poison(end.value))
    tm_low_error_at(l, f->loc, TM_DIAG_SEMANTIC,
                    "store results through pointers",
                    "a kernel returns nothing; %s returns %s", f->name,
                    tm_lv_describe(l, end.value));
  l->b.loc = f->loc;
  tm_build(&l->b, TM_RETURN, 0, NULL, 0, NULL, 0, NULL, 0, NULL);
}

static void no_kernel(tm_diags *diags, const tm_module *module,
                      const char *name) {
  tm_nearest near = {name, NULL, 0};
  const tm_function_def *plain = NULL;
  for (uint32_t i = 0; i < module->functions.len; i++) {
    const tm_function_def *f = module->functions.data[i];
    if (f->is_jit) tm_nearest_try(&near, f->name);
    if (strcmp(f->name, name) == 0) plain = f;
  }
  tm_loc loc = {module->file, 0, 0};
  tm_diag *d;
  if (plain) {
    d = tm_error_at(diags, TM_DIAG_SEMANTIC, plain->loc,
                    "%s is not a kernel", name);
    tm_diag_hint(diags, d, "decorate it with @triton.jit");
    return;
  }
  d = tm_error_at(diags, TM_DIAG_SEMANTIC, loc, "module %s has no kernel '%s'",
                  module->name, name);
  if (near.best) tm_diag_hint(diags, d, "did you mean %s?", near.best);
}

tm_ir *tm_lower(tm_arena *arena, tm_diags *diags, const tm_module *module,
                const char *name, const tm_spec *spec) {
  const tm_function_def *f = tm_module_kernel(module, name);
  if (!f) {
    no_kernel(diags, module, name);
    return NULL;
  }
  tm_low l = {.arena = arena, .diags = diags, .spec = spec};
  uint32_t before = diags->errors;
  l.ir = tm_ir_create(arena);
  /* Errors that were there before are not ours to stop at. */
  diags->errors = 0;
  lower_kernel(&l, f);
  bool ok = diags->errors == 0;
  diags->errors += before;
  return ok ? l.ir : NULL;
}
