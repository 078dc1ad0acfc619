/* SPDX-License-Identifier: MIT */
/* equal_ast.c - whether two trees are the same but for positions. */
#include "ast.h"

/* Names of different sets are different pointers. */
static bool same_name(tm_name a, tm_name b) {
  return a == b || (a && b && strcmp(a, b) == 0);
}

static bool same_exprs(const tm_exprs *a, const tm_exprs *b) {
  if (a->len != b->len) return false;
  for (uint32_t i = 0; i < a->len; i++)
    if (!tm_ast_equal_expr(a->data[i], b->data[i])) return false;
  return true;
}

static bool same_keywords(const tm_keywords *a, const tm_keywords *b) {
  if (a->len != b->len) return false;
  for (uint32_t i = 0; i < a->len; i++)
    if (!same_name(a->data[i].name, b->data[i].name) ||
        !tm_ast_equal_expr(a->data[i].value, b->data[i].value))
      return false;
  return true;
}

static bool same_params(const tm_params *a, const tm_params *b) {
  if (a->len != b->len) return false;
  for (uint32_t i = 0; i < a->len; i++) {
    const tm_param_decl *x = &a->data[i], *y = &b->data[i];
    if (!same_name(x->name, y->name) || x->star != y->star ||
        x->keyword_only != y->keyword_only ||
        x->positional_only != y->positional_only ||
        !tm_ast_equal_expr(x->annotation, y->annotation) ||
        !tm_ast_equal_expr(x->value, y->value))
      return false;
  }
  return true;
}

static bool same_clauses(const tm_expr *a, const tm_expr *b) {
  if (a->clauses.len != b->clauses.len) return false;
  for (uint32_t i = 0; i < a->clauses.len; i++) {
    const tm_comp_clause *x = &a->clauses.data[i], *y = &b->clauses.data[i];
    if (x->is_async != y->is_async ||
        !tm_ast_equal_expr(x->target, y->target) ||
        !tm_ast_equal_expr(x->iter, y->iter) ||
        !same_exprs(&x->conditions, &y->conditions))
      return false;
  }
  return true;
}

/* The node without its children. */
static bool same_node(const tm_expr *a, const tm_expr *b) {
  if (a->kind != b->kind || a->big != b->big || a->is_from != b->is_from ||
      a->is_template != b->is_template || a->has_spec != b->has_spec ||
      a->has_named_escapes != b->has_named_escapes ||
      a->conversion != b->conversion)
    return false;
  switch (a->kind) {
  case TM_EXPR_NAME: case TM_EXPR_ATTRIBUTE:
    return same_name(a->name, b->name);
  case TM_EXPR_INT:
    if (a->big) return tm_str_eq(a->text, b->text);
    return a->u.i == b->u.i;
  case TM_EXPR_FLOAT: case TM_EXPR_COMPLEX: /* bits: nan is itself */
    return memcmp(&a->u.f, &b->u.f, sizeof a->u.f) == 0;
  case TM_EXPR_STRING: case TM_EXPR_BYTES:
    return tm_str_eq(a->text, b->text);
  case TM_EXPR_UNARY: case TM_EXPR_BINARY: case TM_EXPR_COMPREHENSION:
    return a->op == b->op;
  case TM_EXPR_COMPARE:
    for (uint32_t i = 0; i + 1 < a->items.len && i + 1 < b->items.len; i++)
      if (a->ops[i] != b->ops[i]) return false;
    return true;
  default:
    return true;
  }
}

bool tm_ast_equal_expr(const tm_expr *a, const tm_expr *b) {
  if (!a || !b) return a == b;
  if (!same_node(a, b)) return false;
  if (!tm_expr_has_children(a)) return true;
  for (uint32_t i = 0; i < TM_COUNT(a->a); i++)
    if (!tm_ast_equal_expr(a->a[i], b->a[i])) return false;
  if (!same_exprs(&a->items, &b->items)) return false;
  switch (a->kind) {
  case TM_EXPR_CALL: return same_keywords(&a->keywords, &b->keywords);
  case TM_EXPR_LAMBDA: return same_params(&a->params, &b->params);
  case TM_EXPR_COMPREHENSION: return same_clauses(a, b);
  default: return true;
  }
}

static bool same_stmts(const tm_stmts *a, const tm_stmts *b) {
  if (a->len != b->len) return false;
  for (uint32_t i = 0; i < a->len; i++)
    if (!tm_ast_equal_stmt(a->data[i], b->data[i])) return false;
  return true;
}

static bool same_imports(const tm_stmt *a, const tm_stmt *b) {
  if (a->imports.len != b->imports.len) return false;
  for (uint32_t i = 0; i < a->imports.len; i++)
    if (!same_name(a->imports.data[i].path, b->imports.data[i].path) ||
        !same_name(a->imports.data[i].alias, b->imports.data[i].alias))
      return false;
  return true;
}

static bool same_definition(const tm_definition *a, const tm_definition *b) {
  if (!a || !b) return a == b;
  return same_exprs(&a->decorators, &b->decorators) &&
         same_keywords(&a->keywords, &b->keywords) &&
         same_params(&a->type_params, &b->type_params);
}

bool tm_ast_equal(const tm_function_def *a, const tm_function_def *b) {
  if (!a || !b) return a == b;
  return same_name(a->name, b->name) && a->is_async == b->is_async &&
         same_params(&a->params, &b->params) &&
         same_params(&a->type_params, &b->type_params) &&
         tm_ast_equal_expr(a->returns, b->returns) &&
         same_exprs(&a->decorators, &b->decorators) &&
         same_stmts(&a->body, &b->body);
}

/* All but orelse. */
static bool same_head(const tm_stmt *a, const tm_stmt *b) {
  if (a->kind != b->kind || a->dots != b->dots ||
      a->is_async != b->is_async || a->is_star != b->is_star ||
      !same_name(a->name, b->name) ||
      (a->kind == TM_STMT_AUGASSIGN && a->op != b->op) ||
      a->blocks.len != b->blocks.len)
    return false;
  for (uint32_t i = 0; i < a->blocks.len; i++)
    if (!same_stmts(&a->blocks.data[i], &b->blocks.data[i])) return false;
  return tm_ast_equal_expr(a->e, b->e) && tm_ast_equal_expr(a->e2, b->e2) &&
         tm_ast_equal_expr(a->annotation, b->annotation) &&
         same_exprs(&a->targets, &b->targets) &&
         same_exprs(&a->items, &b->items) && same_imports(a, b) &&
         same_stmts(&a->body, &b->body) &&
         tm_ast_equal(a->function, b->function) &&
         same_definition(a->definition, b->definition);
}

bool tm_ast_equal_stmt(const tm_stmt *a, const tm_stmt *b) {
  /* Chains of elifs are a loop. */
  while (same_head(a, b)) {
    if (a->orelse.len != 1 || b->orelse.len != 1)
      return same_stmts(&a->orelse, &b->orelse);
    a = a->orelse.data[0];
    b = b->orelse.data[0];
  }
  return false;
}

bool tm_ast_equal_module(const tm_module *a, const tm_module *b) {
  return same_stmts(&a->body, &b->body);
}
