/* SPDX-License-Identifier: MIT */
/* decorators.c - finds @autotune and @heuristics above a kernel and computes
 * what they set. */
#include "hostint.h"

enum { MOST_STEPS = 1000000 };

/* The call behind a decorator that is a name: auto = triton.autotune(...), or
 * def auto(fn): return triton.autotune(...)(fn). */
static const tm_expr *behind_name(const tm_module *module,
                                  const tm_expr *name) {
  const tm_stmt *made = tm_module_binding(module, name->name);
  if (!made) return name;
  if (made->kind == TM_STMT_ASSIGN && made->e) return made->e;
  if (made->kind != TM_STMT_FUNCTION) return name;
  const tm_stmts *body = &made->function->body;
  const tm_stmt *last = body->len ? body->data[body->len - 1] : NULL;
  if (!last || last->kind != TM_STMT_RETURN || !last->e ||
      last->e->kind != TM_EXPR_CALL || last->e->items.len != 1)
    return name;
  return last->e->a[0];
}

/* The decorator calls named so, whatever module they are taken from: projects
 * wrap both in their own (libtuner.autotune and the like). */
static const tm_expr *next_decorator(const tm_function_def *f,
                                     const char *name, uint32_t *at) {
  while (*at < f->decorators.len) {
    const tm_expr *call = f->decorators.data[(*at)++];
    if (call->kind == TM_EXPR_NAME) call = behind_name(f->module, call);
    if (call->kind != TM_EXPR_CALL) continue;
    const tm_expr *callee = call->a[0];
    if ((callee->kind == TM_EXPR_NAME || callee->kind == TM_EXPR_ATTRIBUTE) &&
        strcmp(callee->name, name) == 0)
      return call;
  }
  return NULL;
}

/* Argument number `at`, or by name; NULL. */
static const tm_expr *argument(const tm_expr *call, uint32_t at,
                               const char *name) {
  for (uint32_t i = 0; i < call->keywords.len; i++)
    if (call->keywords.data[i].name &&
        strcmp(call->keywords.data[i].name, name) == 0)
      return call->keywords.data[i].value;
  return at < call->items.len ? call->items.data[at] : NULL;
}

/* The value of an argument, which may come in a **dict. NULL when absent, or
 * with an error and *failed. */
static host_value *argument_value(host *h, host_frame *frame,
                                  const tm_expr *call, uint32_t at,
                                  const char *name, bool *failed) {
  const tm_expr *given = argument(call, at, name);
  host_value *v = NULL;
  *failed = false;
  if (given) {
    v = host_eval(h, frame, given);
    *failed = !v;
    return v;
  }
  for (uint32_t i = 0; !v && i < call->keywords.len; i++) {
    if (call->keywords.data[i].name) continue;
    host_value *dict = host_eval(h, frame, call->keywords.data[i].value);
    *failed = !dict;
    if (!dict) return NULL;
    if (dict->kind == HOST_DICT) v = host_dict_get(dict, name);
  }
  return v;
}

/* A host value as the compile-time value that it sets. */
static bool to_const(host *h, const host_value *v, tm_loc loc,
                     tm_const *out) {
  memset(out, 0, sizeof *out);
  switch (v->kind) {
    case HOST_NONE: out->kind = TM_CONST_NONE; return true;
    case HOST_BOOL: out->kind = TM_CONST_BOOL; out->i = v->i; return true;
    case HOST_INT: out->kind = TM_CONST_INT; out->i = v->i; return true;
    case HOST_FLOAT: out->kind = TM_CONST_FLOAT; out->f = v->f; return true;
    case HOST_TEXT:
    case HOST_NAME: { /* tl.float16 */
      const char *text = tm_strndup(h->arena, v->text.ptr, v->text.len);
      const char *dot = strrchr(text, '.');
      out->kind = v->kind == HOST_NAME ? TM_CONST_DTYPE : TM_CONST_TEXT;
      out->text = v->kind == HOST_NAME && dot ? dot + 1 : text;
      return true;
    }
    default:
      host_fail(h, loc, "a value that is no number, text or type");
      return false;
  }
}

static host_value *from_arg(host *h, const tm_host_arg *arg) {
  host_value *v;
  if (arg->is_buffer) {
    v = host_new(h, HOST_BUFFER);
    v->i = arg->element_size;
    return v;
  }
  switch (arg->value.kind) {
    case TM_CONST_BOOL: return host_bool(h, arg->value.i != 0);
    case TM_CONST_INT: return host_int(h, arg->value.i);
    case TM_CONST_FLOAT: return host_float(h, arg->value.f);
    case TM_CONST_TEXT:
    case TM_CONST_DTYPE:
      v = host_new(h, arg->value.kind == TM_CONST_TEXT ? HOST_TEXT
                                                       : HOST_NAME);
      v->text = tm_cstr(arg->value.text);
      return v;
    case TM_CONST_NONE: case TM_CONST_TUPLE: case TM_CONST_FUNCTION: break;
  }
  return host_new(h, HOST_NONE);
}

static bool config_values(host *h, const host_value *config, tm_loc loc,
                          tm_host_config *out) {
  const host_value *dict = config->items.data[0];
  uint32_t n = dict->items.len / 2;
  tm_host_value *values = TM_NEW_ARRAY(h->arena, tm_host_value, n + 1);
  for (uint32_t i = 0; i < n; i++) {
    const host_value *key = dict->items.data[2 * i];
    if (key->kind != HOST_TEXT) {
      host_fail(h, loc, "a Config whose names are not text");
      return false;
    }
    values[i].name = tm_strndup(h->arena, key->text.ptr, key->text.len);
    if (!to_const(h, dict->items.data[2 * i + 1], loc, &values[i].value))
      return false;
  }
  *out = (tm_host_config){values, n, config->num_warps, config->num_stages,
                          config->has_hook};
  return true;
}

/* The list that `configs` is, of triton.Config only; NULL with an error, or
 * without one when there is no such argument. */
static const host_value *config_list(host *h, host_frame *frame,
                                     const tm_expr *call, bool *failed) {
  host_value *list = argument_value(h, frame, call, 0, "configs", failed);
  const host_value *all = list ? host_items(h, list, call->loc) : NULL;
  if (list && !all) *failed = true;
  for (uint32_t i = 0; all && i < all->items.len; i++) {
    if (all->items.data[i]->kind == HOST_CONFIG) continue;
    host_fail(h, call->loc, "a configuration that is no triton.Config");
    *failed = true;
    return NULL;
  }
  return all;
}

bool tm_host_configs(tm_arena *arena, tm_diags *diags,
                     const tm_function_def *function,
                     const tm_host_config **configs, uint32_t *count) {
  *configs = NULL;
  *count = 0;
  uint32_t at = 0;
  const tm_expr *call = next_decorator(function, "autotune", &at);
  if (!call) return true;
  host h = {.arena = arena, .diags = diags, .steps = MOST_STEPS};
  host_frame frame = {.module = function->module};
  bool failed;
  const host_value *all = config_list(&h, &frame, call, &failed);
  if (!all) return !failed;
  tm_host_config *out =
      TM_NEW_ARRAY(arena, tm_host_config, all->items.len + 1);
  for (uint32_t i = 0; i < all->items.len; i++)
    if (!config_values(&h, all->items.data[i], call->loc, &out[i]))
      return false;
  *configs = out;
  *count = all->items.len;
  return true;
}

/* ---- the rest of @autotune ------------------------------------------------ */

/* An argument that is a list of names; none, or None: empty. */
static bool names_of(host *h, host_frame *frame, const tm_expr *call,
                     uint32_t at, const char *name, const char *const **out,
                     uint32_t *count) {
  bool failed;
  host_value *v = argument_value(h, frame, call, at, name, &failed);
  if (!v || v->kind == HOST_NONE) return !failed;
  const host_value *all = host_items(h, v, call->loc);
  if (!all) return false;
  const char **names =
      TM_NEW_ARRAY(h->arena, const char *, all->items.len + 1);
  for (uint32_t i = 0; i < all->items.len; i++) {
    const host_value *item = all->items.data[i];
    if (item->kind != HOST_TEXT) {
      host_fail(h, call->loc, "a name in '%s' that is no text", name);
      return false;
    }
    names[i] = tm_strndup(h->arena, item->text.ptr, item->text.len);
  }
  *out = names;
  *count = all->items.len;
  return true;
}

/* The value of prune_configs_by; NULL: none, or with an error and *failed. */
static const host_value *pruning(host *h, host_frame *frame,
                                 const tm_expr *call, bool *failed) {
  const host_value *v =
      argument_value(h, frame, call, 2, "prune_configs_by", failed);
  if (!v || v->kind == HOST_NONE) return NULL;
  if (v->kind == HOST_DICT) return v;
  host_fail(h, call->loc, "a prune_configs_by that is no dict");
  *failed = true;
  return NULL;
}

static const host_value *entry_of(const host_value *dict, const char *key) {
  const host_value *v = dict ? host_dict_get(dict, key) : NULL;
  return v && v->kind != HOST_NONE ? v : NULL;
}

/* As upstream: a float of at most 1 is a share, the default all. */
static bool top_k_of(host *h, const host_value *dict, tm_loc loc,
                     tm_host_tuning *out) {
  const host_value *v = entry_of(dict, "top_k");
  out->top_k_is_share = !v || v->kind == HOST_FLOAT;
  out->top_k = !v ? 1 : v->kind == HOST_FLOAT ? v->f : (double)v->i;
  bool is_number = !v || v->kind == HOST_FLOAT || v->kind == HOST_INT;
  if (is_number && out->top_k > 0 && (!out->top_k_is_share || out->top_k <= 1))
    return true;
  host_fail(h, loc, "a top_k that is neither a float up to 1 nor a positive "
                    "integer");
  return false;
}

bool tm_host_tuning_of(tm_arena *arena, tm_diags *diags,
                       const tm_function_def *function, tm_host_tuning *out) {
  memset(out, 0, sizeof *out);
  uint32_t at = 0;
  const tm_expr *call = next_decorator(function, "autotune", &at);
  if (!call) return true;
  host h = {.arena = arena, .diags = diags, .steps = MOST_STEPS};
  host_frame frame = {.module = function->module};
  bool failed;
  const host_value *dict = pruning(&h, &frame, call, &failed);
  if (failed) return false;
  out->prunes = entry_of(dict, "early_config_prune") != NULL;
  out->has_model = entry_of(dict, "perf_model") != NULL;
  return top_k_of(&h, dict, call->loc, out) &&
         names_of(&h, &frame, call, 1, "key", &out->key, &out->n_key) &&
         names_of(&h, &frame, call, 3, "reset_to_zero", &out->reset,
                  &out->n_reset) &&
         names_of(&h, &frame, call, 4, "restore_value", &out->restore,
                  &out->n_restore);
}

/* ---- early_config_prune ----------------------------------------------------- */

/* A dict with the arguments by name. */
static host_value *dict_of_args(host *h, const tm_host_arg *args,
                                uint32_t n) {
  host_value *dict = host_new(h, HOST_DICT);
  for (uint32_t i = 0; i < n; i++) {
    tm_push(h->arena, &dict->items, host_text(h, tm_cstr(args[i].name)));
    tm_push(h->arena, &dict->items, from_arg(h, &args[i]));
  }
  return dict;
}

/* Is b, perhaps made anew, the configuration a? */
static bool same_config(const host_value *a, const host_value *b) {
  return a == b || (b->kind == HOST_CONFIG && a->num_warps == b->num_warps &&
                    a->num_stages == b->num_stages &&
                    a->has_hook == b->has_hook &&
                    host_equal(a->items.data[0], b->items.data[0]));
}

static bool indices_of(host *h, const host_value *all, const host_value *left,
                       tm_loc loc, uint32_t *keep, uint32_t *n_keep) {
  *n_keep = 0;
  for (uint32_t i = 0; i < left->items.len; i++) {
    uint32_t at = 0, k = 0;
    while (at < all->items.len &&
           !same_config(all->items.data[at], left->items.data[i]))
      at++;
    if (at == all->items.len) {
      host_fail(h, loc, "an early_config_prune that gives something else than "
                        "configurations of the list");
      return false;
    }
    while (k < *n_keep && keep[k] != at) k++;
    if (k == *n_keep) keep[(*n_keep)++] = at;
  }
  if (*n_keep) return true;
  host_fail(h, loc, "an early_config_prune that leaves no configuration");
  return false;
}

bool tm_host_prune(tm_arena *arena, tm_diags *diags,
                   const tm_function_def *function, const tm_host_arg *args,
                   uint32_t n_args, uint32_t *keep, uint32_t *n_keep) {
  uint32_t at = 0;
  const tm_expr *call = next_decorator(function, "autotune", &at);
  host h = {.arena = arena, .diags = diags, .steps = MOST_STEPS};
  host_frame frame = {.module = function->module};
  bool failed = !call;
  const host_value *dict =
      call ? pruning(&h, &frame, call, &failed) : NULL;
  const host_value *f = entry_of(dict, "early_config_prune");
  const host_value *all = f ? config_list(&h, &frame, call, &failed) : NULL;
  if (failed || !all) return false;
  /* It may change the list it is given. */
  host_value *given = host_new(&h, HOST_LIST);
  for (uint32_t i = 0; i < all->items.len; i++)
    tm_push(arena, &given->items, all->items.data[i]);
  host_value *positional[2] = {given, dict_of_args(&h, args, n_args)};
  tm_keyword *keywords = TM_NEW_ARRAY(arena, tm_keyword, n_args + 1);
  host_value **named = TM_NEW_ARRAY(arena, host_value *, n_args + 1);
  for (uint32_t i = 0; i < n_args; i++) {
    keywords[i].name = args[i].name;
    named[i] = from_arg(&h, &args[i]);
  }
  host_value *result = host_call(&h, f, positional, 2, keywords, n_args, named,
                                 call->loc);
  const host_value *left =
      result ? host_items(&h, result, call->loc) : NULL;
  return left && indices_of(&h, all, left, call->loc, keep, n_keep);
}

/* ---- @heuristics ------------------------------------------------------------ */

/* Sets every entry of one heuristics dict; args grows as they are set. */
static bool set_values(host *h, const host_value *dict, host_value *args,
                       const tm_expr *from, tm_host_value *values,
                       uint32_t *count) {
  for (uint32_t i = 0; i < dict->items.len; i += 2) {
    host_value *key = dict->items.data[i];
    if (key->kind != HOST_TEXT) {
      host_fail(h, from->loc, "heuristics whose names are not text");
      return false;
    }
    host_value *v = host_call(h, dict->items.data[i + 1], &args, 1, NULL, 0,
                              NULL, from->loc);
    if (!v) return false;
    tm_host_value *value = &values[(*count)++];
    value->name = tm_strndup(h->arena, key->text.ptr, key->text.len);
    if (!to_const(h, v, from->loc, &value->value)) return false;
    tm_push(h->arena, &args->items, key);
    tm_push(h->arena, &args->items, v);
  }
  return true;
}

bool tm_host_has_heuristics(const tm_function_def *function) {
  uint32_t at = 0;
  return next_decorator(function, "heuristics", &at) != NULL;
}

bool tm_host_heuristics(tm_arena *arena, tm_diags *diags,
                        const tm_function_def *function,
                        const tm_host_arg *args, uint32_t n_args,
                        const tm_host_value **values, uint32_t *count) {
  *values = NULL;
  *count = 0;
  uint32_t at = 0;
  host h = {.arena = arena, .diags = diags, .steps = MOST_STEPS};
  host_frame frame = {.module = function->module};
  host_value *dict = dict_of_args(&h, args, n_args);
  tm_host_value *out = NULL;
  const tm_expr *call;
  while ((call = next_decorator(function, "heuristics", &at))) {
    bool failed;
    host_value *set = argument_value(&h, &frame, call, 0, "values", &failed);
    if (failed) return false;
    if (!set) continue;
    if (set->kind != HOST_DICT) {
      host_fail(&h, call->loc, "heuristics that are not a dict");
      return false;
    }
    tm_host_value *more = TM_NEW_ARRAY(arena, tm_host_value,
                                       *count + set->items.len / 2 + 1);
    if (*count) memcpy(more, out, *count * sizeof *more);
    out = more;
    if (!set_values(&h, set, dict, call, out, count)) return false;
  }
  *values = out;
  return true;
}
