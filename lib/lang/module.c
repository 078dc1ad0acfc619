/* SPDX-License-Identifier: MIT */
/*
 * module.c - sets of modules, and what the names of a module mean: which
 * statement binds them, which module an import asks for.
 *
 * Module level is what runs when the module is imported: the top level and
 * the blocks of if, for, while, with, try and match, but not the bodies of
 * functions and classes. A name may be bound several times (in both branches
 * of an `if`); `binders` has every one in source order, and `earlier` links
 * those of one name. Names that only a star import brings are not here.
 */
#include "parse.h"

enum {
  MOST_HOPS = 32,   /* of aliases and re-exports: a = b, b = c ... */
  MOST_STEPS = 4096 /* binders looked at for one name: names that are bound
                       often, to one another, branch without end */
};

typedef struct search {
  uint32_t hops, steps;
} search;

tm_modules *tm_modules_create(tm_arena *arena, tm_diags *diags) {
  tm_modules *set = TM_NEW(arena, tm_modules);
  set->arena = arena;
  set->diags = diags;
  tm_names_init(&set->names, arena);
  return set;
}

tm_module *tm_modules_find(const tm_modules *set, const char *name) {
  for (uint32_t i = 0; i < set->list.len; i++)
    if (strcmp(set->list.data[i]->name, name) == 0) return set->list.data[i];
  return NULL;
}

/* ---- bindings ----------------------------------------------------------- */

static void bind(tm_module *module, tm_name name, tm_stmt *stmt) {
  tm_arena *arena = module->owner->arena;
  if (!name) return;
  uint64_t before;
  bool again = tm_map_get(&module->bindings, TM_KEY(name), &before);
  uint32_t at = module->binders.len;
  tm_push(arena, &module->binders, stmt);
  tm_push(arena, &module->earlier, again ? (uint32_t)before + 1 : 0);
  tm_map_put(&module->bindings, TM_KEY(name), at);
}

static void bind_target(tm_module *module, const tm_expr *e, tm_stmt *stmt) {
  if (!e) return;
  switch (e->kind) {
  case TM_EXPR_NAME:
    bind(module, e->name, stmt);
    break;
  case TM_EXPR_STARRED:
    bind_target(module, e->a[0], stmt);
    break;
  case TM_EXPR_TUPLE: case TM_EXPR_LIST:
    for (uint32_t i = 0; i < e->items.len; i++)
      bind_target(module, e->items.data[i], stmt);
    break;
  default: /* attributes and subscripts bind no name */
    break;
  }
}

/* The names that a pattern captures. */
static void bind_pattern(tm_module *module, const tm_expr *e, tm_stmt *stmt) {
  if (!e) return;
  switch (e->kind) {
  case TM_EXPR_NAME:
    if (strcmp(e->name, "_") != 0) bind(module, e->name, stmt);
    break;
  case TM_EXPR_STARRED:
    bind_pattern(module, e->a[0], stmt);
    break;
  case TM_EXPR_BINARY: /* both sides of | bind the same */
    if (e->op == TM_PY_OR) bind_pattern(module, e->a[1], stmt);
    break;
  case TM_EXPR_WALRUS:
    bind_pattern(module, e->a[0], stmt);
    bind_pattern(module, e->a[1], stmt);
    break;
  case TM_EXPR_LIST: case TM_EXPR_CALL:
    for (uint32_t i = 0; i < e->items.len; i++)
      bind_pattern(module, e->items.data[i], stmt);
    for (uint32_t i = 0; i < e->keywords.len; i++)
      bind_pattern(module, e->keywords.data[i].value, stmt);
    break;
  case TM_EXPR_DICT:
    for (uint32_t i = 1; i < e->items.len; i += 2)
      bind_pattern(module, e->items.data[i], stmt);
    break;
  default:
    break;
  }
}

/* The names that := binds anywhere in e, but for the insides of lambdas. */
static void bind_walrus(tm_module *module, const tm_expr *e, tm_stmt *stmt) {
  if (!e || e->kind == TM_EXPR_LAMBDA || !tm_expr_has_children(e)) return;
  for (uint32_t i = 0; i < TM_COUNT(e->a); i++)
    bind_walrus(module, e->a[i], stmt);
  for (uint32_t i = 0; i < e->items.len; i++)
    bind_walrus(module, e->items.data[i], stmt);
  if (e->kind == TM_EXPR_WALRUS) bind_target(module, e->a[0], stmt);
  if (e->kind == TM_EXPR_CALL)
    for (uint32_t i = 0; i < e->keywords.len; i++)
      bind_walrus(module, e->keywords.data[i].value, stmt);
  if (e->kind != TM_EXPR_COMPREHENSION) return;
  for (uint32_t i = 0; i < e->clauses.len; i++) {
    const tm_comp_clause *clause = &e->clauses.data[i];
    bind_walrus(module, clause->iter, stmt);
    for (uint32_t j = 0; j < clause->conditions.len; j++)
      bind_walrus(module, clause->conditions.data[j], stmt);
  }
}

static void bind_walrus_all(tm_module *module, const tm_exprs *list,
                            tm_stmt *stmt) {
  for (uint32_t i = 0; i < list->len; i++)
    bind_walrus(module, list->data[i], stmt);
}

static void bind_header_walrus(tm_module *module, tm_stmt *stmt) {
  bind_walrus(module, stmt->e, stmt);
  bind_walrus(module, stmt->e2, stmt);
  bind_walrus(module, stmt->annotation, stmt);
  /* A match's items are patterns, in which WALRUS is `as`, and guards. */
  for (uint32_t i = 0; i < stmt->items.len; i++)
    if (stmt->kind != TM_STMT_MATCH || i % 2)
      bind_walrus(module, stmt->items.data[i], stmt);
  bind_walrus_all(module, &stmt->targets, stmt);
  if (stmt->function) {
    bind_walrus_all(module, &stmt->function->decorators, stmt);
    for (uint32_t i = 0; i < stmt->function->params.len; i++)
      bind_walrus(module, stmt->function->params.data[i].value, stmt);
  }
  if (stmt->definition)
    bind_walrus_all(module, &stmt->definition->decorators, stmt);
}

static void bind_statements(tm_module *module, const tm_stmts *list);

/* What stmt itself binds, without its blocks. */
static void bind_own(tm_module *module, tm_stmt *stmt) {
  if (stmt->has_walrus) bind_header_walrus(module, stmt);
  switch (stmt->kind) {
  case TM_STMT_ANNASSIGN:
    if (!stmt->e) break;
    /* fall through */
  case TM_STMT_ASSIGN: case TM_STMT_AUGASSIGN: case TM_STMT_FOR:
  case TM_STMT_WITH: case TM_STMT_DELETE: case TM_STMT_TRY:
    for (uint32_t i = 0; i < stmt->targets.len; i++)
      bind_target(module, stmt->targets.data[i], stmt);
    break;
  case TM_STMT_IMPORT: case TM_STMT_IMPORT_FROM:
    tm_push(module->owner->arena, &module->imports, stmt);
    for (uint32_t i = 0; i < stmt->imports.len; i++)
      if (strcmp(stmt->imports.data[i].alias, "*") != 0)
        bind(module, stmt->imports.data[i].alias, stmt);
    break;
  case TM_STMT_FUNCTION:
    tm_push(module->owner->arena, &module->functions, stmt->function);
    bind(module, stmt->function->name, stmt);
    break;
  case TM_STMT_CLASS: case TM_STMT_TYPE_ALIAS:
    bind(module, stmt->name, stmt);
    break;
  case TM_STMT_MATCH:
    for (uint32_t i = 0; i < stmt->items.len; i += 2)
      bind_pattern(module, stmt->items.data[i], stmt);
    break;
  default:
    break;
  }
}

static void bind_statement(tm_module *module, tm_stmt *stmt) {
  for (;;) {
    bind_own(module, stmt);
    if (stmt->kind == TM_STMT_FUNCTION || stmt->kind == TM_STMT_CLASS) return;
    bind_statements(module, &stmt->body);
    for (uint32_t i = 0; i < stmt->blocks.len; i++)
      bind_statements(module, &stmt->blocks.data[i]);
    /* A chain of elifs is a loop, not a recursion. */
    if (stmt->orelse.len != 1) break;
    stmt = stmt->orelse.data[0];
  }
  bind_statements(module, &stmt->orelse);
}

static void bind_statements(tm_module *module, const tm_stmts *list) {
  for (uint32_t i = 0; i < list->len; i++)
    bind_statement(module, list->data[i]);
}

void tm_module_bind_statement(tm_module *module, tm_stmt *stmt) {
  bind_statement(module, stmt);
}

const tm_stmt *tm_module_binding(const tm_module *module, tm_name name) {
  uint64_t at;
  if (!tm_map_get(&module->bindings, TM_KEY(name), &at)) return NULL;
  return module->binders.data[at];
}

/* ---- kernels ------------------------------------------------------------ */

/* The name among those the module binds; NULL. Looked for rather than
 * interned: compiles on several threads ask, and only read the set. */
static tm_name bound_name(const tm_module *module, const char *text) {
  for (uint32_t i = 0; i < module->bindings.cap; i++) {
    if (!module->bindings.full[i]) continue;
    tm_name name = (tm_name)(uintptr_t)module->bindings.keys[i];
    if (strcmp(name, text) == 0) return name;
  }
  return NULL;
}

static tm_function_def *kernel_of(const tm_module *module, tm_name name,
                                  uint32_t before, search *s);

/* The kernel that an expression at module level stands for: a name, a call
 * of jit, or a call of anything with a kernel as its one argument, since an
 * unknown wrapper must not hide the kernel in it. */
static tm_function_def *kernel_in(const tm_module *module, const tm_expr *e,
                                  uint32_t before, search *s) {
  for (; e && e->kind == TM_EXPR_CALL && e->items.len == 1;
       e = e->items.data[0]) {
    tm_function_def *function = tm_jit_target(module, e);
    if (function) return function;
  }
  if (!e || e->kind != TM_EXPR_NAME) return NULL;
  return kernel_of(module, e->name, before, s);
}

static tm_function_def *imported_kernel(const tm_module *module,
                                        const tm_stmt *stmt, tm_name name,
                                        search *s) {
  const char *path =
      tm_module_absolute(module, stmt->dots, stmt->name ? stmt->name : "");
  const tm_module *from = path ? tm_modules_find(module->owner, path) : NULL;
  if (!from) return NULL;
  for (uint32_t i = 0; i < stmt->imports.len; i++)
    if (stmt->imports.data[i].alias == name)
      return kernel_of(from, stmt->imports.data[i].path, UINT32_MAX, s);
  return NULL;
}

/* The kernel bound to name by a binder of index below `before`. The last one
 * that is a kernel counts: an `else: kernel = None` does not take it away. */
static tm_function_def *kernel_of(const tm_module *module, tm_name name,
                                  uint32_t before, search *s) {
  uint64_t last;
  if (s->hops > MOST_HOPS ||
      !tm_map_get(&module->bindings, TM_KEY(name), &last))
    return NULL;
  s->hops++;
  for (uint32_t at = (uint32_t)last + 1; at;
       at = module->earlier.data[at - 1]) {
    const tm_stmt *stmt = module->binders.data[at - 1];
    tm_function_def *found = NULL;
    if (++s->steps > MOST_STEPS) break;
    if (at - 1 >= before) continue;
    if (stmt->kind == TM_STMT_FUNCTION && stmt->function->name == name)
      found = stmt->function->is_jit ? stmt->function : NULL;
    else if (stmt->kind == TM_STMT_ASSIGN)
      found = kernel_in(module, stmt->e, at - 1, s);
    else if (stmt->kind == TM_STMT_IMPORT_FROM)
      found = imported_kernel(module, stmt, name, s);
    if (found) return found;
  }
  s->hops--;
  return NULL;
}

tm_function_def *tm_module_kernel(const tm_module *module, const char *name) {
  tm_name bound = bound_name(module, name);
  search s = {0};
  return bound ? kernel_of(module, bound, UINT32_MAX, &s) : NULL;
}

const tm_function_def *tm_module_inner_kernel(const tm_module *module,
                                              const char *name) {
  for (uint32_t i = 0; i < module->all_functions.len; i++) {
    const tm_function_def *f = module->all_functions.data[i];
    if (f->is_jit && f->name && strcmp(f->name, name) == 0) return f;
  }
  return NULL;
}

/* ---- imports ------------------------------------------------------------ */

static const char *absolute(const tm_module *module, uint32_t dots,
                            const char *path) {
  /* One dot is the package the module is in: the module itself if it is a
   * package. Each further one is the package around that. */
  const char *name = module->name;
  size_t len = strlen(name);
  for (uint32_t up = module->is_package ? 1 : 0; up < dots; up++) {
    if (!len) return NULL;
    while (len && name[len - 1] != '.') len--;
    if (len)
      len--;
    else if (dots > 1 || module->is_package)
      return NULL; /* only a lone module's own folder has no name */
  }
  tm_buf text = tm_buf_in(module->owner->arena);
  tm_buf_add(&text, name, len);
  if (len && *path) tm_buf_puts(&text, ".");
  tm_buf_puts(&text, path);
  return tm_buf_text(&text);
}

const char *tm_module_absolute(const tm_module *module, uint32_t dots,
                               const char *path) {
  if (!path) path = "";
  if (!dots) return path;
  for (uint32_t i = 0; i < module->relatives.len; i++) {
    const tm_relative *known = &module->relatives.data[i];
    if (known->dots == dots && strcmp(known->path, path) == 0)
      return known->absolute;
  }
  return absolute(module, dots, path);
}

/* Resolves the module's own relative imports once, so that asking for them
 * later only reads. */
static void resolve_relatives(tm_module *module) {
  for (uint32_t i = 0; i < module->imports.len; i++) {
    const tm_stmt *stmt = module->imports.data[i];
    if (!stmt->dots) continue;
    tm_relative relative = {stmt->dots, stmt->name ? stmt->name : "", NULL};
    relative.absolute = absolute(module, relative.dots, relative.path);
    tm_push(module->owner->arena, &module->relatives, relative);
  }
}

typedef struct missing {
  const tm_module *module;
  tm_map asked;
  void (*found)(void *, const char *);
  void *payload;
} missing;

static bool is_triton(const char *path) {
  static const char *const roots[] = {"triton", "triton_metal"};
  for (size_t i = 0; i < TM_COUNT(roots); i++) {
    size_t n = strlen(roots[i]);
    if (strncmp(path, roots[i], n) == 0 && (path[n] == 0 || path[n] == '.'))
      return true;
  }
  return false;
}

static void ask(missing *m, const char *path) {
  tm_modules *set = m->module->owner;
  if (!*path || is_triton(path) || tm_modules_find(set, path)) return;
  tm_name name = tm_intern_cstr(&set->names, path);
  if (tm_map_get(&m->asked, TM_KEY(name), NULL)) return;
  tm_map_put(&m->asked, TM_KEY(name), 1);
  m->found(m->payload, name);
}

/* Whether `from from import name` finds the name bound there, and so needs no
 * module of that name. `from . import name` in the package itself says that
 * it is such a module. */
static bool provides(const tm_module *from, tm_name name) {
  const tm_stmt *s = tm_module_binding(from, name);
  if (!s || s->kind != TM_STMT_IMPORT_FROM) return s != NULL;
  const char *path = tm_module_absolute(from, s->dots, s->name ? s->name : "");
  if (!path || strcmp(path, from->name) != 0) return true;
  for (uint32_t i = 0; i < s->imports.len; i++)
    if (strcmp(s->imports.data[i].alias, name) == 0)
      return strcmp(s->imports.data[i].path, name) != 0;
  return true;
}

static void ask_from(missing *m, const tm_stmt *stmt) {
  tm_modules *set = m->module->owner;
  const char *path = tm_module_absolute(m->module, stmt->dots,
                                        stmt->name ? stmt->name : "");
  if (!path || is_triton(path)) return;
  const tm_module *from = tm_modules_find(set, path);
  ask(m, path);
  for (uint32_t i = 0; i < stmt->imports.len; i++) {
    tm_name name = stmt->imports.data[i].path;
    if (strcmp(name, "*") == 0) continue;
    if (from && provides(from, name)) continue;
    tm_buf text = tm_buf_in(set->arena);
    tm_buf_printf(&text, "%s%s%s", path, *path ? "." : "", name);
    ask(m, tm_buf_text(&text));
  }
}

/* `import a.b` binds a, so that a is wanted too. */
static void ask_plain(missing *m, const tm_import *import) {
  const char *path = import->path;
  const char *dot = import->has_as ? NULL : strchr(path, '.');
  for (; dot; dot = strchr(dot + 1, '.'))
    ask(m, tm_strndup(m->module->owner->arena, path, (size_t)(dot - path)));
  ask(m, path);
}

void tm_module_missing_imports(const tm_module *module,
                               void (*found)(void *, const char *absolute),
                               void *payload) {
  missing m = {.module = module,
               .asked = tm_map_in(module->owner->arena),
               .found = found,
               .payload = payload};
  for (uint32_t i = 0; i < module->imports.len; i++) {
    const tm_stmt *stmt = module->imports.data[i];
    if (stmt->kind == TM_STMT_IMPORT_FROM) {
      ask_from(&m, stmt);
      continue;
    }
    for (uint32_t j = 0; j < stmt->imports.len; j++)
      ask_plain(&m, &stmt->imports.data[j]);
  }
}

void tm_module_bind(tm_module *module) {
  bind_statements(module, &module->body);
  resolve_relatives(module);
}
