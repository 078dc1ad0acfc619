/* SPDX-License-Identifier: MIT */
/* build_ast.c - trees without text, for the C ABI's tm_ast_* calls, which
 * fill in the nodes and print the result (print_ast.c). */
#include "parse.h"

tm_expr *tm_expr_new(tm_modules *set, tm_expr_kind kind, tm_loc loc) {
  const tm_expr probe = {.kind = kind};
  size_t leaf = offsetof(tm_expr, text) + sizeof(tm_str);
  tm_expr *e = tm_alloc(set->arena,
                        tm_expr_has_children(&probe) ? sizeof *e : leaf);
  e->kind = kind;
  e->loc = loc;
  e->depth = 1;
  return e;
}

tm_stmt *tm_stmt_new(tm_modules *set, tm_stmt_kind kind, tm_loc loc) {
  tm_stmt *stmt = TM_NEW(set->arena, tm_stmt);
  stmt->kind = kind;
  stmt->loc = loc;
  return stmt;
}

static void add_statement(tm_module *module, tm_stmt *stmt) {
  tm_push(module->owner->arena, &module->body, stmt);
  tm_module_bind_statement(module, stmt);
}

static void add_import(tm_module *module, const char *path,
                       const char *alias) {
  tm_modules *set = module->owner;
  tm_stmt *stmt = tm_stmt_new(set, TM_STMT_IMPORT, (tm_loc){0});
  tm_import import = {.path = tm_intern_cstr(&set->names, path),
                      .alias = tm_intern_cstr(&set->names, alias),
                      .has_as = strcmp(path, alias) != 0};
  tm_push(set->arena, &stmt->imports, import);
  add_statement(module, stmt);
}

tm_module *tm_module_new(tm_modules *set, const char *name) {
  tm_module *module = TM_NEW(set->arena, tm_module);
  module->owner = set;
  module->name = tm_intern_cstr(&set->names, name);
  module->bindings = tm_map_in(set->arena);
  add_import(module, "triton", "triton");
  add_import(module, "triton.language", "tl");
  for (uint32_t i = 0; i < set->list.len; i++) {
    if (set->list.data[i]->name != module->name) continue;
    set->list.data[i] = module;
    return module;
  }
  tm_push(set->arena, &set->list, module);
  return module;
}

void tm_module_add_function(tm_module *module, tm_function_def *function) {
  tm_modules *set = module->owner;
  tm_stmt *stmt = tm_stmt_new(set, TM_STMT_FUNCTION, function->loc);
  stmt->function = function;
  stmt->name = function->name;
  for (uint32_t i = 0; i < function->body.len; i++)
    if (function->body.data[i]) function->body.data[i]->parent = stmt;
  function->module = module;
  tm_push(set->arena, &module->all_functions, function);
  add_statement(module, stmt);
  tm_jit_mark_function(module, function);
}
