/* SPDX-License-Identifier: MIT */
/*
 * jit.c - which functions are Triton's.
 *
 * A function is a device function when one of its decorators, at any height
 * of the stack, is Triton's jit, plain or called; or when jit is called on it
 * (`kernel = triton.jit(fn)`, with anything around that). Whether an
 * expression is Triton's jit is decided by the dotted path it has once the
 * module's imports and plain aliases are followed:
 *
 *     import triton as T;          @T.jit      triton.jit
 *     from triton import jit as J; @J          triton.jit
 *     from vllm.utils import triton; @triton.jit   vllm.utils.triton.jit
 *     jit = triton.jit if OK else noop; @jit   triton.jit
 *
 * A path that ends in `jit` counts when it begins with triton or
 * triton_metal, or when what is before `jit` is `tl` or begins with "triton"
 * (projects re-export Triton under such names), or when it ends in
 * runtime.jit.jit (Triton's own modules import it from each other so), or
 * when it is `jit` alone and nothing in the module binds it. Gluon's jit is
 * another language, and numba.jit, jax.jit and the like are others still:
 * they do not count.
 */
#include "parse.h"

enum {
  MOST_HOPS = 16,     /* of aliases: a = b, b = c ... */
  MOST_STEPS = 1000,  /* binders looked at for one path: names that are bound
                         often, to one another, branch without end */
  LONGEST_PATH = 256
};

typedef struct path {
  char text[LONGEST_PATH];
  size_t len;
  bool overflow;
  uint32_t steps;
} path;

static void path_add(path *to, const char *text) {
  size_t n = strlen(text), dot = to->len != 0;
  if (n + dot >= sizeof to->text - to->len) {
    to->overflow = true;
    return;
  }
  if (dot) to->text[to->len++] = '.';
  memcpy(to->text + to->len, text, n + 1);
  to->len += n;
}

static bool resolve(const tm_module *module, const tm_expr *e, path *to,
                    uint32_t hops);

/* The path that an import gives to name. */
static bool resolve_import(const tm_module *module, const tm_stmt *stmt,
                           tm_name name, path *to) {
  for (uint32_t i = 0; i < stmt->imports.len; i++) {
    const tm_import *import = &stmt->imports.data[i];
    if (import->alias != name) continue;
    if (stmt->kind == TM_STMT_IMPORT) {
      path_add(to, import->has_as ? import->path : import->alias);
    } else {
      const char *from = stmt->name ? stmt->name : "";
      const char *whole = tm_module_absolute(module, stmt->dots, from);
      if (whole) from = whole; /* or too many dots: the name as it is */
      if (*from) path_add(to, from);
      path_add(to, import->path);
    }
    return true;
  }
  return false;
}

/* An alias: name = other, or the branch of a choice that has a path. */
static bool resolve_alias(const tm_module *module, const tm_expr *e, path *to,
                          uint32_t hops) {
  if (e->kind == TM_EXPR_IF)
    return resolve_alias(module, e->a[0], to, hops + 1) ||
           resolve_alias(module, e->a[2], to, hops + 1);
  if (e->kind != TM_EXPR_NAME && e->kind != TM_EXPR_ATTRIBUTE) return false;
  size_t len = to->len;
  if (resolve(module, e, to, hops + 1)) return true;
  to->len = len;
  return false;
}

/* Any binder of the name that has a path will do: a module may say
 * `triton = None` where Triton is missing. */
static bool resolve_name(const tm_module *module, tm_name name, path *to,
                         uint32_t hops) {
  uint64_t last;
  if (!tm_map_get(&module->bindings, TM_KEY(name), &last)) {
    path_add(to, name);
    return true;
  }
  for (uint32_t at = (uint32_t)last + 1; at;
       at = module->earlier.data[at - 1]) {
    const tm_stmt *stmt = module->binders.data[at - 1];
    if (++to->steps > MOST_STEPS) return false;
    if (stmt->kind == TM_STMT_IMPORT || stmt->kind == TM_STMT_IMPORT_FROM) {
      if (resolve_import(module, stmt, name, to)) return true;
    } else if (stmt->kind == TM_STMT_ASSIGN) {
      if (resolve_alias(module, stmt->e, to, hops)) return true;
    }
  }
  return false;
}

static bool resolve(const tm_module *module, const tm_expr *e, path *to,
                    uint32_t hops) {
  const char *parts[16]; /* attributes, outermost first */
  uint32_t n = 0;
  if (hops > MOST_HOPS) return false;
  for (; e->kind == TM_EXPR_ATTRIBUTE; e = e->a[0]) {
    if (n == TM_COUNT(parts) || !e->name) return false;
    parts[n++] = e->name;
  }
  if (e->kind != TM_EXPR_NAME ||
      !resolve_name(module, e->name, to, hops))
    return false;
  while (n) path_add(to, parts[--n]);
  return !to->overflow;
}

static bool starts_with(const char *text, const char *start) {
  return strncmp(text, start, strlen(start)) == 0;
}

static bool is_jit_path(const path *p) {
  char copy[LONGEST_PATH];
  const char *parts[LONGEST_PATH / 2];
  size_t n = 0;
  memcpy(copy, p->text, p->len + 1);
  for (char *part = copy; part;) {
    char *dot = strchr(part, '.');
    if (dot) *dot++ = 0;
    if (strcmp(part, "gluon") == 0) return false;
    parts[n++] = part;
    part = dot;
  }
  if (strcmp(parts[n - 1], "jit") != 0) return false;
  if (n == 1) return true;
  return strcmp(parts[0], "triton") == 0 ||
         strcmp(parts[0], "triton_metal") == 0 ||
         strcmp(parts[n - 2], "tl") == 0 ||
         starts_with(parts[n - 2], "triton") ||
         (n > 2 && strcmp(parts[n - 3], "runtime") == 0 &&
          strcmp(parts[n - 2], "jit") == 0);
}

static bool is_jit(const tm_module *module, const tm_expr *e, uint32_t hops);

/* functools.partial(triton.jit, ...) */
static bool is_partial_jit(const tm_module *module, const tm_expr *e,
                           uint32_t hops) {
  path to = {0};
  if (!e->items.len || !resolve(module, e->a[0], &to, hops)) return false;
  const char *last = strrchr(to.text, '.');
  return strcmp(last ? last + 1 : to.text, "partial") == 0 &&
         is_jit(module, e->items.data[0], hops + 1);
}

/* Whether e is Triton's jit, or a jit with its options set. */
static bool is_jit(const tm_module *module, const tm_expr *e, uint32_t hops) {
  if (hops > MOST_HOPS) return false;
  if (e->kind == TM_EXPR_CALL)
    return is_partial_jit(module, e, hops) ||
           is_jit(module, e->a[0], hops + 1);
  if (e->kind == TM_EXPR_IF)
    return is_jit(module, e->a[0], hops + 1) ||
           is_jit(module, e->a[2], hops + 1);
  if (e->kind != TM_EXPR_NAME && e->kind != TM_EXPR_ATTRIBUTE) return false;
  path to = {0};
  if (resolve(module, e, &to, hops) && is_jit_path(&to)) return true;
  /* my_jit = triton.jit(do_not_specialize=...), or a partial of it */
  if (e->kind != TM_EXPR_NAME) return false;
  const tm_stmt *stmt = tm_module_binding(module, e->name);
  return stmt && stmt->kind == TM_STMT_ASSIGN &&
         stmt->e->kind == TM_EXPR_CALL && !stmt->e->items.len &&
         is_jit(module, stmt->e, hops + 1);
}

/* Whether the value is True: written so, or a name that the module binds to
 * it. */
static bool is_true(const tm_module *module, const tm_expr *e, uint32_t hops) {
  if (e->kind == TM_EXPR_TRUE) return true;
  if (e->kind == TM_EXPR_INT) return e->u.i != 0;
  if (e->kind != TM_EXPR_NAME || hops > MOST_HOPS) return false;
  const tm_stmt *stmt = tm_module_binding(module, e->name);
  return stmt && stmt->kind == TM_STMT_ASSIGN && stmt->e &&
         is_true(module, stmt->e, hops + 1);
}

/* Whether a call of jit, or one that it is made of, says debug=True. */
static bool asks_debug(const tm_module *module, const tm_expr *e,
                       uint32_t hops) {
  if (hops > MOST_HOPS) return false;
  if (e->kind == TM_EXPR_NAME) { /* my_jit = triton.jit(debug=True) */
    const tm_stmt *stmt = tm_module_binding(module, e->name);
    return stmt && stmt->kind == TM_STMT_ASSIGN && stmt->e &&
           asks_debug(module, stmt->e, hops + 1);
  }
  if (e->kind != TM_EXPR_CALL) return false;
  for (uint32_t i = 0; i < e->keywords.len; i++)
    if (e->keywords.data[i].name &&
        strcmp(e->keywords.data[i].name, "debug") == 0)
      return is_true(module, e->keywords.data[i].value, 0);
  return asks_debug(module, e->a[0], hops + 1);
}

/* The function that a name is bound to at module level. */
static tm_function_def *function_of(const tm_module *module, tm_name name) {
  uint64_t last;
  if (!tm_map_get(&module->bindings, TM_KEY(name), &last)) return NULL;
  for (uint32_t at = (uint32_t)last + 1; at;
       at = module->earlier.data[at - 1]) {
    const tm_stmt *stmt = module->binders.data[at - 1];
    if (stmt->kind == TM_STMT_FUNCTION && stmt->function->name == name)
      return stmt->function;
  }
  return NULL;
}

tm_function_def *tm_jit_target(const tm_module *module, const tm_expr *e) {
  if (e->kind != TM_EXPR_CALL || e->items.len == 0) return NULL;
  const tm_expr *argument = e->items.data[0];
  if (argument->kind != TM_EXPR_NAME || !is_jit(module, e->a[0], 0))
    return NULL;
  return function_of(module, argument->name);
}

void tm_jit_mark_function(const tm_module *module, tm_function_def *function) {
  for (uint32_t i = 0; i < function->decorators.len && !function->is_jit;
       i++) {
    const tm_expr *e = function->decorators.data[i];
    function->is_jit = is_jit(module, e, 0);
    function->is_debug = function->is_jit && asks_debug(module, e, 0);
  }
}

void tm_jit_mark(tm_module *module) {
  for (uint32_t i = 0; i < module->all_functions.len; i++)
    tm_jit_mark_function(module, module->all_functions.data[i]);
  for (uint32_t i = 0; i < module->binders.len; i++) {
    const tm_stmt *stmt = module->binders.data[i];
    if (stmt->kind != TM_STMT_ASSIGN) continue;
    /* Through wrappers: autotune(...)(triton.jit(fn)). */
    for (const tm_expr *e = stmt->e;
         e->kind == TM_EXPR_CALL && e->items.len; e = e->items.data[0]) {
      tm_function_def *function = tm_jit_target(module, e);
      if (!function) continue;
      function->is_jit = true;
      function->is_debug = function->is_debug || asks_debug(module, e, 0);
    }
  }
}
