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

static void print_value(tm_buf *out, const tm_arg *value) {
  switch (value->tag) {
    case TM_GIVE_INT:
      tm_buf_printf(out, "%lld", (long long)value->u.i);
      return;
    case TM_GIVE_BOOL: tm_buf_puts(out, value->u.i ? "True" : "False"); return;
    case TM_GIVE_FLOAT: tm_buf_double(out, value->u.f, false); return;
    case TM_GIVE_DTYPE: tm_buf_puts(out, tmi_dtype_name(value->dtype)); return;
    case TM_GIVE_TEXT:
    case TM_GIVE_FUNCTION:
      tm_buf_printf(out, "'%.*s'", (int)tmi_text_size(value), value->u.text);
      return;
    default: tm_buf_puts(out, "None"); return;
  }
}

void tmi_print_value(tm_buf *out, const char *name, const tm_arg *value) {
  if (out->len) tm_buf_puts(out, ", ");
  tm_buf_printf(out, "%s=", name);
  print_value(out, value);
}

/* Fills in a configuration's text, and the form that the caller's prune
 * gets. */
static void finish_config(tm_function *f, tmi_config *config,
                          tm_config *public_) {
  tm_buf text = tm_buf_in(&f->decorators);
  tm_define *defines =
      TM_NEW_ARRAY(&f->decorators, tm_define, f->n_params + 1);
  size_t n = 0;
  for (uint32_t i = 0; i < f->n_params; i++) {
    const tm_arg *value = &config->values[i];
    if (value->tag == TM_GIVE_NOTHING) continue;
    tmi_print_value(&text, f->params[i].name, value);
    defines[n++] = (tm_define){f->params[i].name, *value};
  }
  const tm_arg warps = tm_arg_int(config->num_warps),
               stages = tm_arg_int(config->num_stages);
  if (config->num_warps) tmi_print_value(&text, "num_warps", &warps);
  if (config->num_stages) tmi_print_value(&text, "num_stages", &stages);
  config->text = text.len ? tm_buf_text(&text) : "nothing set";
  *public_ = (tm_config){defines, n, config->num_warps, config->num_stages};
}

static void take_configs(tm_function *f, tmi_config *configs, uint32_t n) {
  tm_config *list = TM_NEW_ARRAY(&f->decorators, tm_config, n + 1);
  for (uint32_t i = 0; i < n; i++) finish_config(f, &configs[i], &list[i]);
  f->configs = n ? configs : NULL;
  f->public_configs = list;
  f->n_configs = n;
}

/* By parameter. Names that are no parameter's set nothing: num_ctas and the
 * like may be among a configuration's values. */
static void read_config(tm_function *f, const tm_host_config *from,
                        tmi_config *to) {
  tm_arg *values =
      TM_NEW_ARRAY(&f->decorators, tm_arg, f->n_params + 1);
  for (uint32_t k = 0; k < from->n_values; k++) {
    int i = tmi_function_param(f, from->values[k].name);
    if (i >= 0) values[i] = tmi_arg_of_const(&from->values[k].value);
  }
  *to = (tmi_config){values, from->num_warps, from->num_stages,
                     from->has_hook, NULL};
}

/* Marks the parameters of a list by name; false: one is none. */
static bool mark(tm_function *f, const char *const *names, size_t n,
                 bool *marks, const char **unknown) {
  for (size_t k = 0; k < n; k++) {
    int i = names[k] ? tmi_function_param(f, names[k]) : -1;
    *unknown = names[k] ? names[k] : "NULL";
    if (i < 0) return false;
    marks[i] = true;
  }
  return true;
}

static bool set_key(tm_function *f, const char *const *names, size_t n,
                    const char **unknown) {
  uint32_t *key = TM_NEW_ARRAY(&f->decorators, uint32_t, n + 1);
  for (size_t k = 0; k < n; k++) {
    int i = names[k] ? tmi_function_param(f, names[k]) : -1;
    *unknown = names[k] ? names[k] : "NULL";
    if (i < 0) return false;
    key[k] = (uint32_t)i;
  }
  f->tuning.key = key;
  f->tuning.n_key = (uint32_t)n;
  return true;
}

static bool set_tuning(tm_function *f, const tm_host_tuning *from,
                       const char **unknown) {
  bool *reset = TM_NEW_ARRAY(&f->decorators, bool, f->n_params + 1);
  bool *restore = TM_NEW_ARRAY(&f->decorators, bool, f->n_params + 1);
  f->tuning.reset = reset;
  f->tuning.restore = restore;
  f->tuning.prunes = from->prunes;
  if (from->has_model && from->top_k_is_share)
    f->tuning.keep_share = from->top_k;
  else if (from->has_model)
    f->tuning.keep = from->top_k < TMI_MOST_CONFIGS ? (uint32_t)from->top_k
                                                    : TMI_MOST_CONFIGS;
  return set_key(f, from->key, from->n_key, unknown) &&
         mark(f, from->reset, from->n_reset, reset, unknown) &&
         mark(f, from->restore, from->n_restore, restore, unknown);
}

/* Computes what decorators say. Configurations that cannot be computed are
 * no error as long as every launch gives the values itself. Armed. */
static void read_configs(tm_function *f) {
  f->has_heuristics = tm_host_has_heuristics(f->def);
  tm_diags diags;
  tm_diags_init(&diags, &f->decorators);
  const tm_host_config *list;
  tm_host_tuning tuning;
  uint32_t n;
  const char *unknown;
  if (!tm_host_configs(&f->decorators, &diags, f->def, &list, &n) ||
      !tm_host_tuning_of(&f->decorators, &diags, f->def, &tuning)) {
    f->trouble = diags.list.len ? diags.list.data[0].message : NULL;
    n = 0;
  }
  if (!n) memset(&tuning, 0, sizeof tuning);
  if (!set_tuning(f, &tuning, &unknown)) {
    tm_buf text = tm_buf_in(&f->decorators);
    tm_buf_printf(&text, "@autotune names '%s', which is no parameter",
                  unknown);
    f->trouble = tm_buf_text(&text);
    n = 0;
  }
  tmi_config *configs = TM_NEW_ARRAY(&f->decorators, tmi_config, n + 1);
  for (uint32_t i = 0; i < n; i++) read_config(f, &list[i], &configs[i]);
  take_configs(f, configs, n);
}

/* ---- what the options give ----------------------------------------------- */

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

static tm_status read_given_config(tm_function *f, const tm_config *from,
                                   tmi_config *to, tm_error **error) {
  TMI_CHECK(from->defines != NULL || !from->n_defines, error);
  tm_arg *values =
      TM_NEW_ARRAY(&f->decorators, tm_arg, f->n_params + 1);
  for (size_t k = 0; k < from->n_defines; k++) {
    const tm_define *define = &from->defines[k];
    int i = define->name ? tmi_function_param(f, define->name) : -1;
    if (i < 0)
      return tmi_fail(error, TM_E_ARGUMENT,
                      "kernel '%s': a configuration sets '%s', which is no "
                      "parameter", f->name,
                      define->name ? define->name : "NULL");
    if (!tmi_is_constant(&define->value))
      return tmi_fail(error, TM_E_ARGUMENT,
                      "kernel '%s': a configuration's value of '%s' is not a "
                      "compile-time value", f->name, define->name);
    values[i] = tmi_arg_copy(&f->decorators, &define->value);
  }
  *to = (tmi_config){values, from->num_warps, from->num_stages, false, NULL};
  return TM_OK;
}

/* Instead of the decorator's, and of its pruning. */
static void replace_configs(tm_function *f, tmi_config *configs, uint32_t n) {
  take_configs(f, configs, n);
  f->trouble = NULL;
  f->tuning.prunes = false;
}

static tm_status read_given_configs(tm_function *f,
                                    const tm_function_options *options,
                                    tm_error **error) {
  if (options->n_configs > TMI_MOST_CONFIGS)
    return tmi_fail(error, TM_E_LIMIT,
                    "kernel '%s': %zu configurations; at most %d are taken",
                    f->name, options->n_configs, TMI_MOST_CONFIGS);
  tm_status status = TM_OK;
  uint32_t n = (uint32_t)options->n_configs;
  tmi_config *configs = TM_NEW_ARRAY(&f->decorators, tmi_config, n + 1);
  for (uint32_t i = 0; i < n && !status; i++)
    status = read_given_config(f, &options->configs[i], &configs[i], error);
  if (status) return status;
  replace_configs(f, configs, n);
  f->tuning.keep = 0;
  f->tuning.keep_share = 0;
  return TM_OK;
}

static tm_status read_proposed_configs(tm_function *f,
                                       const tm_function_options *options,
                                       tm_error **error) {
  tmi_config *configs;
  uint32_t n;
  tm_status status = tmi_propose_configs(f, options, &configs, &n, error);
  if (status) return status;
  replace_configs(f, configs, n);
  return TM_OK;
}

/* Over what the decorator says. */
static tm_status read_tuning(tm_function *f, const tm_function_options *o,
                             tm_error **error) {
  TMI_CHECK(o->configs || !o->n_configs, error);
  TMI_CHECK(o->key || !o->n_key, error);
  TMI_CHECK(o->reset_to_zero || !o->n_reset_to_zero, error);
  TMI_CHECK(o->restore_value || !o->n_restore_value, error);
  TMI_CHECK(o->background <= TM_SWITCH_OFF, error);
  TMI_CHECK(o->tiles || !o->n_tiles, error);
  tm_status status = o->tiles     ? read_proposed_configs(f, o, error)
                     : o->configs ? read_given_configs(f, o, error)
                                  : TM_OK;
  if (status) return status;
  const char *unknown = NULL;
  bool *marks[2] = {TM_NEW_ARRAY(&f->decorators, bool, f->n_params + 1),
                    TM_NEW_ARRAY(&f->decorators, bool, f->n_params + 1)};
  bool known =
      (!o->key || set_key(f, o->key, o->n_key, &unknown)) &&
      mark(f, o->reset_to_zero, o->n_reset_to_zero, marks[0], &unknown) &&
      mark(f, o->restore_value, o->n_restore_value, marks[1], &unknown);
  if (!known)
    return tmi_fail(error, TM_E_ARGUMENT,
                    "kernel '%s' has no parameter named '%s'", f->name,
                    unknown);
  if (o->reset_to_zero) f->tuning.reset = marks[0];
  if (o->restore_value) f->tuning.restore = marks[1];
  f->tuning.warmup = o->warmup;
  f->tuning.repetitions = o->repetitions;
  if (o->model_keep) f->tuning.keep = o->model_keep;
  f->prune = o->prune;
  f->payload = o->payload;
  return TM_OK;
}

/* Armed. */
static tm_status declare(tm_function *f, const tm_function_options *options,
                         tm_error **error) {
  f->params = TM_NEW_ARRAY(&f->decorators, tmi_param, f->n_params + 1);
  for (uint32_t i = 0; i < f->n_params; i++)
    read_param(f->def, i, &f->params[i]);
  read_configs(f);
  tm_status status = read_tuning(f, options, error);
  return status ? status : read_defines(f, options, error);
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
