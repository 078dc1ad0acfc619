/* SPDX-License-Identifier: MIT */
/*
 * function_decl.c - what a tm_function knows before its first launch: its
 * parameters as their declarations and decorators say, values given when it
 * is made, and the configurations of @autotune.
 */
#define _GNU_SOURCE
#include "function.h"

#include <stdlib.h>
#include <string.h>

/* ---- reading the declaration -------------------------------------------- */

static bool text_is(tm_str text, const char *word) {
  return tm_str_eq(text, tm_cstr(word));
}

/* As the compiler judges it. */
static bool is_constexpr(const tm_expr *annotation) {
  if (!annotation) return false;
  if (annotation->kind == TM_EXPR_NAME || annotation->kind == TM_EXPR_ATTRIBUTE)
    return strcmp(annotation->name, "constexpr") == 0;
  static const char word[] = "constexpr";
  size_t n = sizeof word - 1;
  return annotation->kind == TM_EXPR_STRING && annotation->text.len >= n &&
         memcmp(annotation->text.ptr + annotation->text.len - n, word, n) == 0;
}

/* The type that `x: tl.int64` or `x: "i64"` fixes. */
static uint32_t annotated_dtype(const tm_expr *annotation) {
  static const struct { const char *name; uint32_t dtype; } names[] = {
      {"int1", TM_DTYPE_I1},   {"int8", TM_DTYPE_I8},
      {"int16", TM_DTYPE_I16}, {"int32", TM_DTYPE_I32},
      {"int64", TM_DTYPE_I64}, {"uint8", TM_DTYPE_U8},
      {"uint16", TM_DTYPE_U16}, {"uint32", TM_DTYPE_U32},
      {"uint64", TM_DTYPE_U64}, {"float16", TM_DTYPE_F16},
      {"bfloat16", TM_DTYPE_BF16}, {"float32", TM_DTYPE_F32},
      {"float64", TM_DTYPE_F64},
#define ROW(name, number, text) {text, number},
      TM_DTYPE_MAP(ROW)
#undef ROW
  };
  if (!annotation) return TM_DTYPE_NONE;
  tm_str text;
  if (annotation->kind == TM_EXPR_NAME || annotation->kind == TM_EXPR_ATTRIBUTE)
    text = tm_cstr(annotation->name);
  else if (annotation->kind == TM_EXPR_STRING)
    text = annotation->text;
  else
    return TM_DTYPE_NONE;
  for (size_t i = 0; text.len && i < TM_COUNT(names); i++)
    if (text_is(text, names[i].name)) return names[i].dtype;
  return TM_DTYPE_NONE;
}

/* Is parameter i among the names and numbers of a list? */
static bool is_listed(const tm_expr *list, uint32_t i, const char *name) {
  if (list->kind != TM_EXPR_LIST && list->kind != TM_EXPR_TUPLE) return false;
  for (uint32_t k = 0; k < list->items.len; k++) {
    const tm_expr *item = list->items.data[k];
    if (item->kind == TM_EXPR_STRING && text_is(item->text, name)) return true;
    if (item->kind == TM_EXPR_INT && !item->big && item->u.i == i) return true;
  }
  return false;
}

/* What the keywords of the function's decorators say of a parameter. */
static void read_decorators(const tm_function_def *def, uint32_t i,
                            tmi_param *p) {
  for (uint32_t d = 0; d < def->decorators.len; d++) {
    const tm_expr *call = def->decorators.data[d];
    if (call->kind != TM_EXPR_CALL) continue;
    for (uint32_t k = 0; k < call->keywords.len; k++) {
      const tm_keyword *keyword = &call->keywords.data[k];
      if (!keyword->name || !is_listed(keyword->value, i, p->name)) continue;
      if (strcmp(keyword->name, "do_not_specialize") == 0)
        p->by_type_only = true;
      if (strcmp(keyword->name, "do_not_specialize_on_alignment") == 0)
        p->by_alignment = false;
    }
  }
}

static void read_param(const tm_function_def *def, uint32_t i, tmi_param *p) {
  const tm_param_decl *decl = &def->params.data[i];
  *p = (tmi_param){.name = decl->name,
               .is_constexpr = is_constexpr(decl->annotation),
               .has_default = decl->value != NULL,
               .by_alignment = true,
               .annotated = annotated_dtype(decl->annotation)};
  read_decorators(def, i, p);
}

int tmi_function_param(const tm_function *f, const char *name) {
  for (uint32_t i = 0; i < f->n_params; i++)
    if (strcmp(f->params[i].name, name) == 0) return (int)i;
  return -1;
}

/* ---- configurations ------------------------------------------------------ */

tm_arg tmi_arg_of_const(const tm_const *value) {
  tm_arg arg;
  switch (value->kind) {
    case TM_CONST_BOOL: return tm_arg_bool(value->i != 0);
    case TM_CONST_INT: return tm_arg_int(value->i);
    case TM_CONST_FLOAT: return tm_arg_float(value->f);
    case TM_CONST_TEXT: return tm_arg_text(value->text);
    case TM_CONST_DTYPE:
      if (tm_arg_parse(&arg, value->text, NULL) == TM_OK) return arg;
      return tm_arg_text(value->text);
    case TM_CONST_FUNCTION: return tm_arg_function(value->text);
    case TM_CONST_NONE: case TM_CONST_TUPLE: break;
  }
  return tm_arg_none();
}

/* By parameter. Names that are no parameter's set nothing, as upstream's
 * launcher would refuse them only when it is called. */
static void read_config(tm_function *f, const tm_host_config *from,
                        tmi_config *to) {
  tm_arg *values =
      TM_NEW_ARRAY(&f->decorators, tm_arg, f->n_params + 1);
  for (uint32_t k = 0; k < from->n_values; k++) {
    int i = tmi_function_param(f, from->values[k].name);
    if (i >= 0) values[i] = tmi_arg_of_const(&from->values[k].value);
  }
  *to = (tmi_config){values, from->num_warps, from->num_stages};
}

/* Computes what decorators say. Configurations that cannot be computed are
 * no error as long as every launch gives the values itself. Armed. */
static void read_configs(tm_function *f) {
  tm_diags diags;
  tm_diags_init(&diags, &f->decorators);
  const tm_host_config *list;
  uint32_t n;
  if (!tm_host_configs(&f->decorators, &diags, f->def, &list, &n)) {
    f->trouble = diags.list.len ? diags.list.data[0].message : NULL;
    return;
  }
  tmi_config *configs = TM_NEW_ARRAY(&f->decorators, tmi_config, n + 1);
  for (uint32_t i = 0; i < n; i++) read_config(f, &list[i], &configs[i]);
  f->configs = configs;
  f->n_configs = n;
}

/* ---- what the options give ------------------------------------------------ */

static tm_status read_defines(tm_function *f,
                              const tm_function_options *options,
                              tm_error **error) {
  for (size_t k = 0; k < options->n_defines; k++) {
    const tm_define *define = &options->defines[k];
    int i = define->name ? tmi_function_param(f, define->name) : -1;
    if (i < 0)
      return tmi_fail(error, TM_E_ARGUMENT,
                      "kernel '%s' has no parameter named '%s'", f->name,
                      define->name ? define->name : "NULL");
    tmi_param *p = &f->params[i];
    if (p->has_define || !tmi_is_constant(&define->value))
      return tmi_fail(error, TM_E_ARGUMENT,
                      "kernel '%s': the value of '%s' %s", f->name, p->name,
                      p->has_define ? "is given twice"
                                    : "is not a compile-time value");
    p->define = tmi_arg_copy(&f->decorators, &define->value);
    p->has_define = f->has_defines = true;
  }
  return TM_OK;
}

/* Armed. */
static tm_status declare(tm_function *f, const tm_function_options *options,
                         tm_error **error) {
  f->params = TM_NEW_ARRAY(&f->decorators, tmi_param, f->n_params + 1);
  for (uint32_t i = 0; i < f->n_params; i++)
    read_param(f->def, i, &f->params[i]);
  read_configs(f);
  return read_defines(f, options, error);
}

tm_status tmi_function_declare(tm_function *f, const tm_function_def *def,
                               const tm_function_options *options,
                               tm_error **error) {
  f->def = def;
  f->n_params = def->params.len;
  f->num_warps = options->num_warps;
  f->num_stages = options->num_stages;
  jmp_buf guard;
  volatile tm_status status = TM_E_MEMORY;
  if (tm_arena_guard(&f->decorators, guard))
    status = declare(f, options, error);
  else
    tmi_fail_memory(error);
  f->decorators.guard = NULL;
  return status;
}
