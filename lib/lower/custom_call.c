/* SPDX-License-Identifier: MIT */
/*
 * custom_call.c - tl.custom("name", x, ...): an operation that the host
 * registered with the module (lib/lang/custom_op.c).
 *
 * One written in Triton is inlined like any helper. One written in MSL
 * becomes tt.extern_elementwise, whose library is the text itself:
 *
 *     tt.extern_elementwise %x {libname = "custom", libpath = "float f(...",
 *                               pure = true, symbol = "f"}
 */
#include "value.h"

static tm_lv unknown(tm_low *l, const char *name) {
  tm_nearest near = {name, NULL, 0};
  for (uint32_t i = 0; i < l->frame->module->owner->customs.len; i++)
    tm_nearest_try(&near, l->frame->module->owner->customs.data[i].name);
  const char *hint =
      near.best ? tm_low_format(l, "did you mean \"%s\"?", near.best)
                : "register it with tm_module_add_custom before compiling";
  return tm_low_error(l, hint, "there is no custom operation \"%s\"", name);
}

/* Argument i as a value of the signature's type; NULL with an error. */
static tm_lv argument(tm_low *l, const tm_custom *custom, uint32_t i,
                      tm_lv v) {
  tm_ltype wanted = tm_lt_parse(l, tm_cstr(custom->types[i + 1]));
  if (tm_lv_is_number(v)) {
    v = tm_sem_constant(l, v, wanted);
    return tm_lv_is_poison(v) ? NULL : v;
  }
  v = tm_want_tensor(l, v, tm_low_format(l, "argument %u of \"%s\"", i + 1,
                                         custom->name));
  if (!v || tm_lt_element(v->type) == wanted) return v;
  tm_low_error(l, tm_low_format(l, "convert first: .to(tl.dtype(\"%s\"))",
                                custom->types[i + 1]),
               "\"%s\" takes %s as argument %u, got %s", custom->name,
               custom->types[i + 1], i + 1,
               tm_lt_text(l, tm_lt_element(v->type)));
  return NULL;
}

static tm_lv elementwise(tm_low *l, const tm_custom *custom,
                         const tm_lv *given, uint32_t n) {
  tm_lv args[TM_CUSTOM_MAX_ARGS];
  if (n != custom->n_args)
    return tm_low_error(l, NULL, "\"%s\" takes %u arguments, got %u",
                        custom->name, custom->n_args, n);
  for (uint32_t i = 0; i < n; i++)
    if (!(args[i] = argument(l, custom, i, given[i]))) return TM_POISONED;
  /* Twice: the first argument only has the whole shape at the end. */
  for (uint32_t round = 0; round < 2; round++)
    for (uint32_t i = 1; i < n; i++)
      if (!tm_sem_broadcast(l, &args[0], &args[i])) return TM_POISONED;
  tm_value operands[TM_CUSTOM_MAX_ARGS];
  for (uint32_t i = 0; i < n; i++) operands[i] = args[i]->value;
  tm_ltype type = tm_lt_like(l, args[0]->type,
                             tm_lt_parse(l, tm_cstr(custom->types[0])));
  tm_attr attrs[] = {
      tm_attr_text(TM_ATTR_LIBNAME, "custom"),
      tm_attr_text(TM_ATTR_LIBPATH,
                   tm_strndup(l->arena, custom->text.ptr, custom->text.len)),
      tm_attr_text(TM_ATTR_SYMBOL, custom->name),
      tm_attr_int(TM_ATTR_PURE, 1)};
  tm_inst i = tm_build(&l->b, TM_EXTERN, n, operands, 1, &type->ir, 0, NULL,
                       TM_COUNT(attrs), attrs);
  return tm_lv_run(l, tm_get(l->ir, i)->results, type);
}

tm_lv tm_fn_custom(tm_low *l, const tm_builtin_call *c) {
  const char *name;
  if (!tm_want_text(l, c->args[0], "the operation's name", &name))
    return TM_POISONED;
  if (!name) return tm_low_error(l, NULL, "tl.custom needs a name");
  const tm_custom *custom = tm_custom_find(l->frame->module->owner, name);
  if (!custom) return unknown(l, name);
  tm_lv rest = c->args[1];
  if (!custom->module)
    return elementwise(l, custom, rest->items, rest->n_items);
  const tm_function_def *f = tm_module_kernel(custom->module, name);
  if (!f)
    return tm_low_error(l, NULL, "the source of \"%s\" has no such function",
                        name);
  tm_args args = {.items = rest->items, .n_items = rest->n_items};
  return tm_low_inline(l, f, &args);
}
