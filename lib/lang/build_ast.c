/* SPDX-License-Identifier: MIT */
/* build_ast.c - trees without text, for the C ABI's tm_ast_* and for whoever
 * generates kernels. Constructors take what they are given; what is missing
 * or does not fit is found by tm_ast_check (check_ast.c). */
#include "parse.h"

#include <math.h>

tm_expr *tm_expr_new(tm_modules *set, tm_expr_kind kind, tm_loc loc) {
  tm_expr *e = TM_NEW(set->arena, tm_expr);
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

static void adopt(tm_expr *parent, const tm_expr *child) {
  if (!child || child->depth < parent->depth) return;
  parent->depth = child->depth == UINT16_MAX ? UINT16_MAX
                                             : (uint16_t)(child->depth + 1);
}

static tm_exprs copy_exprs(tm_modules *set, tm_expr *const *items,
                           uint32_t n) {
  tm_exprs list = {TM_NEW_ARRAY(set->arena, tm_expr *, n), n, n};
  if (n) memcpy(list.data, items, n * sizeof *items);
  return list;
}

static tm_stmts copy_stmts(tm_modules *set, tm_stmt *parent,
                           tm_stmt *const *items, uint32_t n) {
  tm_stmts list = {TM_NEW_ARRAY(set->arena, tm_stmt *, n), n, n};
  for (uint32_t i = 0; i < n; i++) {
    list.data[i] = items[i];
    if (items[i]) items[i]->parent = parent;
  }
  return list;
}

static tm_name name_of(tm_modules *set, const char *name) {
  return name ? tm_intern_cstr(&set->names, name) : NULL;
}

/* ---- expressions --------------------------------------------------------------- */

tm_expr *tm_expr_name(tm_modules *set, const char *name, tm_loc loc) {
  tm_expr *e = tm_expr_new(set, TM_EXPR_NAME, loc);
  e->name = name_of(set, name);
  return e;
}

tm_expr *tm_expr_int(tm_modules *set, int64_t value, tm_loc loc) {
  tm_expr *e = tm_expr_new(set, TM_EXPR_INT, loc);
  e->u.i = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
  return value < 0 ? tm_expr_unary(set, TM_PY_NEG, e, loc) : e;
}

tm_expr *tm_expr_float(tm_modules *set, double value, tm_loc loc) {
  tm_expr *e = tm_expr_new(set, TM_EXPR_FLOAT, loc);
  e->u.f = fabs(value);
  return signbit(value) && !isnan(value)
             ? tm_expr_unary(set, TM_PY_NEG, e, loc)
             : e;
}

tm_expr *tm_expr_string(tm_modules *set, tm_str text, tm_loc loc) {
  tm_expr *e = tm_expr_new(set, TM_EXPR_STRING, loc);
  e->text = (tm_str){tm_strndup(set->arena, text.ptr, text.len), text.len};
  return e;
}

tm_expr *tm_expr_attribute(tm_modules *set, tm_expr *base, const char *name,
                           tm_loc loc) {
  tm_expr *e = tm_expr_new(set, TM_EXPR_ATTRIBUTE, loc);
  e->a[0] = base;
  e->name = name_of(set, name);
  adopt(e, base);
  return e;
}

/* kind with up to three children. */
static tm_expr *with_children(tm_modules *set, tm_expr_kind kind, tm_loc loc,
                              tm_expr *x, tm_expr *y, tm_expr *z) {
  tm_expr *e = tm_expr_new(set, kind, loc);
  e->a[0] = x;
  e->a[1] = y;
  e->a[2] = z;
  adopt(e, x);
  adopt(e, y);
  adopt(e, z);
  return e;
}

tm_expr *tm_expr_subscript(tm_modules *set, tm_expr *base, tm_expr *index,
                           tm_loc loc) {
  return with_children(set, TM_EXPR_SUBSCRIPT, loc, base, index, NULL);
}

tm_expr *tm_expr_slice(tm_modules *set, tm_expr *start, tm_expr *stop,
                       tm_expr *step, tm_loc loc) {
  return with_children(set, TM_EXPR_SLICE, loc, start, stop, step);
}

tm_expr *tm_expr_unary(tm_modules *set, tm_py_op op, tm_expr *x, tm_loc loc) {
  tm_expr *e = with_children(set, TM_EXPR_UNARY, loc, x, NULL, NULL);
  e->op = op;
  return e;
}

tm_expr *tm_expr_binary(tm_modules *set, tm_py_op op, tm_expr *x, tm_expr *y,
                        tm_loc loc) {
  tm_expr *e = with_children(set, TM_EXPR_BINARY, loc, x, y, NULL);
  e->op = op;
  return e;
}

tm_expr *tm_expr_compare(tm_modules *set, tm_expr *const *operands,
                         const tm_py_op *ops, uint32_t n, tm_loc loc) {
  tm_expr *e =
      tm_expr_sequence(set, TM_EXPR_COMPARE, operands, n + 1, loc);
  e->ops = TM_NEW_ARRAY(set->arena, tm_py_op, n);
  if (n) memcpy(e->ops, ops, n * sizeof *ops);
  return e;
}

tm_expr *tm_expr_sequence(tm_modules *set, tm_expr_kind kind,
                          tm_expr *const *items, uint32_t n, tm_loc loc) {
  tm_expr *e = tm_expr_new(set, kind, loc);
  e->items = copy_exprs(set, items, n);
  for (uint32_t i = 0; i < n; i++) adopt(e, items[i]);
  return e;
}

tm_expr *tm_expr_if(tm_modules *set, tm_expr *value, tm_expr *condition,
                    tm_expr *otherwise, tm_loc loc) {
  return with_children(set, TM_EXPR_IF, loc, value, condition, otherwise);
}

tm_expr *tm_expr_call(tm_modules *set, tm_expr *callee, tm_expr *const *args,
                      uint32_t n, const tm_keyword *keywords,
                      uint32_t n_keywords, tm_loc loc) {
  tm_expr *e = tm_expr_sequence(set, TM_EXPR_CALL, args, n, loc);
  e->a[0] = callee;
  adopt(e, callee);
  for (uint32_t i = 0; i < n_keywords; i++) {
    tm_keyword keyword = keywords[i];
    keyword.name = name_of(set, keyword.name);
    adopt(e, keyword.value);
    tm_push(set->arena, &e->keywords, keyword);
  }
  return e;
}

/* ---- statements ------------------------------------------------------------------- */

tm_stmt *tm_stmt_expr(tm_modules *set, tm_expr *e, tm_loc loc) {
  tm_stmt *stmt = tm_stmt_new(set, TM_STMT_EXPR, loc);
  stmt->e = e;
  return stmt;
}

static tm_stmt *with_target(tm_modules *set, tm_stmt_kind kind,
                            tm_expr *target, tm_expr *e, tm_loc loc) {
  tm_stmt *stmt = tm_stmt_new(set, kind, loc);
  stmt->targets = copy_exprs(set, &target, 1);
  stmt->e = e;
  return stmt;
}

tm_stmt *tm_stmt_assign(tm_modules *set, tm_expr *target, tm_expr *e,
                        tm_loc loc) {
  return with_target(set, TM_STMT_ASSIGN, target, e, loc);
}

tm_stmt *tm_stmt_annassign(tm_modules *set, tm_expr *target,
                           tm_expr *annotation, tm_expr *e, tm_loc loc) {
  tm_stmt *stmt = with_target(set, TM_STMT_ANNASSIGN, target, e, loc);
  stmt->annotation = annotation;
  return stmt;
}

tm_stmt *tm_stmt_augassign(tm_modules *set, tm_py_op op, tm_expr *target,
                           tm_expr *e, tm_loc loc) {
  tm_stmt *stmt = with_target(set, TM_STMT_AUGASSIGN, target, e, loc);
  stmt->op = op;
  return stmt;
}

tm_stmt *tm_stmt_return(tm_modules *set, tm_expr *e, tm_loc loc) {
  tm_stmt *stmt = tm_stmt_new(set, TM_STMT_RETURN, loc);
  stmt->e = e;
  return stmt;
}

tm_stmt *tm_stmt_if(tm_modules *set, tm_expr *condition, tm_stmt *const *body,
                    uint32_t n_body, tm_stmt *const *orelse,
                    uint32_t n_orelse, tm_loc loc) {
  tm_stmt *stmt = tm_stmt_new(set, TM_STMT_IF, loc);
  stmt->e = condition;
  stmt->body = copy_stmts(set, stmt, body, n_body);
  stmt->orelse = copy_stmts(set, stmt, orelse, n_orelse);
  return stmt;
}

tm_stmt *tm_stmt_for(tm_modules *set, tm_expr *target, tm_expr *iter,
                     tm_stmt *const *body, uint32_t n_body, tm_loc loc) {
  tm_stmt *stmt = with_target(set, TM_STMT_FOR, target, iter, loc);
  stmt->body = copy_stmts(set, stmt, body, n_body);
  return stmt;
}

tm_stmt *tm_stmt_while(tm_modules *set, tm_expr *condition,
                       tm_stmt *const *body, uint32_t n_body, tm_loc loc) {
  tm_stmt *stmt = tm_stmt_new(set, TM_STMT_WHILE, loc);
  stmt->e = condition;
  stmt->body = copy_stmts(set, stmt, body, n_body);
  return stmt;
}

tm_stmt *tm_stmt_assert(tm_modules *set, tm_expr *condition, tm_expr *message,
                        tm_loc loc) {
  tm_stmt *stmt = tm_stmt_new(set, TM_STMT_ASSERT, loc);
  stmt->e = condition;
  stmt->e2 = message;
  return stmt;
}

/* ---- functions and modules ------------------------------------------------------------ */

tm_function_def *tm_function_new(tm_modules *set, const char *name,
                                 const tm_param_decl *params,
                                 uint32_t n_params,
                                 tm_expr *const *decorators,
                                 uint32_t n_decorators,
                                 tm_stmt *const *body, uint32_t n_body,
                                 tm_loc loc) {
  tm_function_def *function = TM_NEW(set->arena, tm_function_def);
  function->name = name_of(set, name);
  function->loc = loc;
  for (uint32_t i = 0; i < n_params; i++) {
    tm_param_decl param = params[i];
    param.name = name_of(set, param.name);
    tm_push(set->arena, &function->params, param);
  }
  function->decorators = copy_exprs(set, decorators, n_decorators);
  function->body = copy_stmts(set, NULL, body, n_body);
  return function;
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
