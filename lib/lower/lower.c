/* SPDX-License-Identifier: MIT */
/* lower.c - the door: finds the kernel, binds its parameters (params.c) and
 * lowers its body. */
#include "value.h"

static void lower_kernel(tm_low *l, const tm_function_def *f) {
  uint32_t func = tm_ir_add_func(l->ir, f->name, true);
  l->ir->funcs.data[func].loc = f->loc;
  l->ir->funcs.data[func].may_overlap = l->spec->may_overlap;
  l->b = tm_build_at_end(l->ir, l->ir->funcs.data[func].body);
  l->b.loc = f->loc;
  tm_frame frame = {.function = f, .module = f->module};
  l->frame = &frame;
  tm_low_bind_params(l, f);
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
  const tm_function_def *inner = tm_module_inner_kernel(module, name);
  if (inner) {
    d = tm_error_at(diags, TM_DIAG_UNSUPPORTED, inner->loc,
                    "%s is defined inside a function or class", name);
    tm_diag_hint(diags, d, "define kernels at module level, and pass what "
                 "they take from around them as constexpr");
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
  tm_spec own = *spec;
  own.debug = own.debug || f->is_debug;
  tm_low l = {.arena = arena, .diags = diags, .spec = &own};
  uint32_t before = diags->errors;
  l.ir = tm_ir_create(arena);
  /* Errors that were there before are not ours to stop at. */
  diags->errors = 0;
  lower_kernel(&l, f);
  bool ok = diags->errors == 0;
  diags->errors += before;
  return ok ? l.ir : NULL;
}
