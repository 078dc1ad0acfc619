/* SPDX-License-Identifier: MIT */
/* print_stmt.c - statements and modules as Python source, four spaces a
 * block; see print_ast.c. Blank lines go around functions and classes. */
#include "print_ast.h"

static void puts_(tm_printer *pr, const char *text) {
  tm_buf_puts(pr->out, text);
}

static void indent(tm_printer *pr) {
  for (uint32_t i = 0; i < pr->indent; i++) puts_(pr, "    ");
}

static void print_stmt(tm_printer *pr, const tm_stmt *stmt);

static bool is_definition(const tm_stmt *stmt) {
  return stmt->kind == TM_STMT_FUNCTION || stmt->kind == TM_STMT_CLASS;
}

static void print_lines(tm_printer *pr, const tm_stmts *list) {
  for (uint32_t i = 0; i < list->len; i++) {
    /* Two blank lines around definitions at the top, one elsewhere. */
    if (i && (is_definition(list->data[i]) ||
              is_definition(list->data[i - 1])))
      puts_(pr, pr->indent ? "\n" : "\n\n");
    print_stmt(pr, list->data[i]);
  }
}

static void print_block(tm_printer *pr, const tm_stmts *body) {
  puts_(pr, ":\n");
  pr->indent++;
  print_lines(pr, body);
  if (!body->len) { /* only of what had errors */
    indent(pr);
    puts_(pr, "pass\n");
  }
  pr->indent--;
}

static void print_else(tm_printer *pr, const tm_stmts *orelse) {
  if (!orelse->len) return;
  indent(pr);
  puts_(pr, "else");
  print_block(pr, orelse);
}

static void print_decorators(tm_printer *pr, const tm_exprs *decorators) {
  for (uint32_t i = 0; i < decorators->len; i++) {
    indent(pr);
    puts_(pr, "@");
    tm_print_expr(pr, decorators->data[i], TM_LEVEL_NAMED);
    puts_(pr, "\n");
  }
}

static void print_type_params(tm_printer *pr, const tm_params *params) {
  if (!params->len) return;
  puts_(pr, "[");
  tm_print_params(pr, params);
  puts_(pr, "]");
}

static void print_function(tm_printer *pr, const tm_function_def *function) {
  print_decorators(pr, &function->decorators);
  indent(pr);
  tm_buf_printf(pr->out, "%sdef %s", function->is_async ? "async " : "",
                function->name);
  print_type_params(pr, &function->type_params);
  puts_(pr, "(");
  tm_print_params(pr, &function->params);
  puts_(pr, ")");
  if (function->returns) {
    puts_(pr, " -> ");
    tm_print_expr(pr, function->returns, TM_LEVEL_TEST);
  }
  print_block(pr, &function->body);
}

static void print_class(tm_printer *pr, const tm_stmt *stmt) {
  const tm_definition *definition = stmt->definition;
  print_decorators(pr, &definition->decorators);
  indent(pr);
  tm_buf_printf(pr->out, "class %s", stmt->name);
  print_type_params(pr, &definition->type_params);
  if (stmt->items.len || definition->keywords.len) {
    puts_(pr, "(");
    tm_print_arguments(pr, &stmt->items, &definition->keywords);
    puts_(pr, ")");
  }
  print_block(pr, &stmt->body);
}

static void print_imports(tm_printer *pr, const tm_stmt *stmt) {
  if (stmt->kind == TM_STMT_IMPORT_FROM) {
    puts_(pr, "from ");
    for (uint32_t i = 0; i < stmt->dots; i++) puts_(pr, ".");
    if (stmt->name) puts_(pr, stmt->name);
    puts_(pr, " ");
  }
  puts_(pr, "import ");
  for (uint32_t i = 0; i < stmt->imports.len; i++) {
    const tm_import *import = &stmt->imports.data[i];
    tm_buf_printf(pr->out, "%s%s", i ? ", " : "", import->path);
    if (import->has_as) tm_buf_printf(pr->out, " as %s", import->alias);
  }
}

static void print_targets(tm_printer *pr, const tm_exprs *targets) {
  for (uint32_t i = 0; i < targets->len; i++) {
    if (i) puts_(pr, ", ");
    tm_print_expr(pr, targets->data[i], TM_LEVEL_BITOR);
  }
}

static void print_assign(tm_printer *pr, const tm_stmt *stmt) {
  for (uint32_t i = 0; i < stmt->targets.len; i++) {
    tm_print_bare(pr, stmt->targets.data[i]);
    puts_(pr, " = ");
  }
  tm_print_bare(pr, stmt->e);
}

static void print_annassign(tm_printer *pr, const tm_stmt *stmt) {
  tm_print_expr(pr, stmt->targets.data[0], TM_LEVEL_ATOM);
  puts_(pr, ": ");
  tm_print_expr(pr, stmt->annotation, TM_LEVEL_TEST);
  if (!stmt->e) return;
  puts_(pr, " = ");
  tm_print_bare(pr, stmt->e);
}

/* word [e [second e2]] */
static void print_word(tm_printer *pr, const char *word, const tm_expr *e,
                       const char *second, const tm_expr *e2) {
  puts_(pr, word);
  if (e) {
    puts_(pr, " ");
    tm_print_expr(pr, e, TM_LEVEL_TEST);
  }
  if (e2) {
    puts_(pr, second);
    tm_print_expr(pr, e2, TM_LEVEL_TEST);
  }
}

static void print_return(tm_printer *pr, const tm_stmt *stmt) {
  puts_(pr, "return");
  if (!stmt->e) return;
  puts_(pr, " ");
  if (stmt->e->kind == TM_EXPR_YIELD)
    tm_print_expr(pr, stmt->e, TM_LEVEL_TEST);
  else
    tm_print_bare(pr, stmt->e);
}

static void print_expression(tm_printer *pr, const tm_stmt *stmt) {
  if (stmt->e->kind == TM_EXPR_STRING)
    tm_print_docstring(pr, stmt->e);
  else
    tm_print_bare(pr, stmt->e);
}

static void print_if(tm_printer *pr, const tm_stmt *stmt) {
  for (const char *word = "if ";; word = "elif ") {
    puts_(pr, word);
    tm_print_expr(pr, stmt->e, TM_LEVEL_NAMED);
    print_block(pr, &stmt->body);
    if (stmt->orelse.len != 1 || stmt->orelse.data[0]->kind != TM_STMT_IF)
      break;
    stmt = stmt->orelse.data[0];
    indent(pr);
  }
  print_else(pr, &stmt->orelse);
}

static void print_for(tm_printer *pr, const tm_stmt *stmt) {
  puts_(pr, stmt->is_async ? "async for " : "for ");
  const tm_expr *target = stmt->targets.data[0];
  if (target->kind == TM_EXPR_TUPLE)
    tm_print_bare(pr, target);
  else
    tm_print_expr(pr, target, TM_LEVEL_BITOR);
  puts_(pr, " in ");
  if (stmt->e->kind == TM_EXPR_YIELD)
    tm_print_expr(pr, stmt->e, TM_LEVEL_TEST);
  else
    tm_print_bare(pr, stmt->e);
  print_block(pr, &stmt->body);
  print_else(pr, &stmt->orelse);
}

static void print_with(tm_printer *pr, const tm_stmt *stmt) {
  puts_(pr, stmt->is_async ? "async with " : "with ");
  for (uint32_t i = 0; i < stmt->items.len; i++) {
    const tm_expr *item = stmt->items.data[i];
    const tm_expr *target = stmt->targets.data[i];
    /* `with (a, b):` would be two items. */
    bool brackets = item->kind == TM_EXPR_TUPLE && !target;
    if (i) puts_(pr, ", ");
    if (brackets) puts_(pr, "(");
    tm_print_expr(pr, item, TM_LEVEL_TEST);
    if (brackets) puts_(pr, ")");
    if (!target) continue;
    puts_(pr, " as ");
    tm_print_expr(pr, target, TM_LEVEL_BITOR);
  }
  print_block(pr, &stmt->body);
}

static void print_try(tm_printer *pr, const tm_stmt *stmt) {
  uint32_t n = stmt->items.len;
  puts_(pr, "try");
  print_block(pr, &stmt->body);
  for (uint32_t i = 0; i < n; i++) {
    indent(pr);
    puts_(pr, stmt->is_star ? "except*" : "except");
    if (stmt->items.data[i]) {
      puts_(pr, " ");
      tm_print_expr(pr, stmt->items.data[i], TM_LEVEL_TEST);
    }
    if (stmt->targets.data[i])
      tm_buf_printf(pr->out, " as %s", stmt->targets.data[i]->name);
    print_block(pr, &stmt->blocks.data[i]);
  }
  print_else(pr, &stmt->blocks.data[n]);
  if (stmt->blocks.data[n + 1].len) {
    indent(pr);
    puts_(pr, "finally");
    print_block(pr, &stmt->blocks.data[n + 1]);
  }
}

/* ---- match -------------------------------------------------------------- */

static void print_pattern(tm_printer *pr, const tm_expr *e, bool closed);

static void print_class_pattern(tm_printer *pr, const tm_expr *e) {
  tm_print_expr(pr, e->a[0], TM_LEVEL_ATOM);
  puts_(pr, "(");
  for (uint32_t i = 0; i < e->items.len; i++) {
    if (i) puts_(pr, ", ");
    print_pattern(pr, e->items.data[i], false);
  }
  for (uint32_t i = 0; i < e->keywords.len; i++) {
    if (i || e->items.len) puts_(pr, ", ");
    tm_buf_printf(pr->out, "%s=", e->keywords.data[i].name);
    print_pattern(pr, e->keywords.data[i].value, false);
  }
  puts_(pr, ")");
}

static void print_mapping_pattern(tm_printer *pr, const tm_expr *e) {
  puts_(pr, "{");
  for (uint32_t i = 0; i + 1 < e->items.len; i += 2) {
    if (i) puts_(pr, ", ");
    if (e->items.data[i]) {
      tm_print_expr(pr, e->items.data[i], TM_LEVEL_SUM);
      puts_(pr, ": ");
    } else {
      puts_(pr, "**");
    }
    print_pattern(pr, e->items.data[i + 1], false);
  }
  puts_(pr, "}");
}

static void print_open_pattern(tm_printer *pr, const tm_expr *e) {
  switch (e->kind) {
  case TM_EXPR_WALRUS: /* pattern as name */
    print_pattern(pr, e->a[1], e->a[1]->kind == TM_EXPR_WALRUS);
    tm_buf_printf(pr->out, " as %s", e->a[0]->name);
    break;
  case TM_EXPR_BINARY:
    if (e->op != TM_PY_OR) {
      tm_print_expr(pr, e, TM_LEVEL_YIELD);
      break;
    }
    print_pattern(pr, e->a[0], e->a[0]->kind == TM_EXPR_WALRUS);
    puts_(pr, " | ");
    print_pattern(pr, e->a[1], true);
    break;
  case TM_EXPR_LIST:
    puts_(pr, "[");
    for (uint32_t i = 0; i < e->items.len; i++) {
      if (i) puts_(pr, ", ");
      print_pattern(pr, e->items.data[i], false);
    }
    puts_(pr, "]");
    break;
  case TM_EXPR_DICT: print_mapping_pattern(pr, e); break;
  case TM_EXPR_CALL: print_class_pattern(pr, e); break;
  default: tm_print_expr(pr, e, TM_LEVEL_YIELD); break;
  }
}

static void print_pattern(tm_printer *pr, const tm_expr *e, bool closed) {
  bool brackets =
      closed && (e->kind == TM_EXPR_WALRUS ||
                 (e->kind == TM_EXPR_BINARY && e->op == TM_PY_OR));
  if (brackets) puts_(pr, "(");
  print_open_pattern(pr, e);
  if (brackets) puts_(pr, ")");
}

static void print_match(tm_printer *pr, const tm_stmt *stmt) {
  puts_(pr, "match ");
  tm_print_expr(pr, stmt->e, TM_LEVEL_NAMED);
  puts_(pr, ":\n");
  pr->indent++;
  for (uint32_t i = 0; i < stmt->blocks.len; i++) {
    indent(pr);
    puts_(pr, "case ");
    print_pattern(pr, stmt->items.data[2 * i], false);
    if (stmt->items.data[2 * i + 1]) {
      puts_(pr, " if ");
      tm_print_expr(pr, stmt->items.data[2 * i + 1], TM_LEVEL_NAMED);
    }
    print_block(pr, &stmt->blocks.data[i]);
  }
  pr->indent--;
}

/* ---- statements --------------------------------------------------------- */

/* Whether stmt was a compound one, now printed. */
static bool print_compound(tm_printer *pr, const tm_stmt *stmt) {
  switch (stmt->kind) {
  case TM_STMT_FUNCTION: print_function(pr, stmt->function); return true;
  case TM_STMT_CLASS: print_class(pr, stmt); return true;
  default: break;
  }
  indent(pr);
  switch (stmt->kind) {
  case TM_STMT_IF: print_if(pr, stmt); return true;
  case TM_STMT_FOR: print_for(pr, stmt); return true;
  case TM_STMT_WHILE:
    puts_(pr, "while ");
    tm_print_expr(pr, stmt->e, TM_LEVEL_NAMED);
    print_block(pr, &stmt->body);
    print_else(pr, &stmt->orelse);
    return true;
  case TM_STMT_WITH: print_with(pr, stmt); return true;
  case TM_STMT_TRY: print_try(pr, stmt); return true;
  case TM_STMT_MATCH: print_match(pr, stmt); return true;
  default: return false;
  }
}

static void print_stmt(tm_printer *pr, const tm_stmt *stmt) {
  if (pr->indent > TM_AST_MAX_BLOCKS) {
    puts_(pr, TM_PRINT_TOO_DEEP "\n");
    return;
  }
  if (print_compound(pr, stmt)) return;
  switch (stmt->kind) {
  case TM_STMT_EXPR: print_expression(pr, stmt); break;
  case TM_STMT_ASSIGN: print_assign(pr, stmt); break;
  case TM_STMT_AUGASSIGN:
    tm_print_expr(pr, stmt->targets.data[0], TM_LEVEL_ATOM);
    tm_buf_printf(pr->out, " %s= ", tm_py_op_text(stmt->op));
    tm_print_bare(pr, stmt->e);
    break;
  case TM_STMT_ANNASSIGN: print_annassign(pr, stmt); break;
  case TM_STMT_RETURN: print_return(pr, stmt); break;
  case TM_STMT_PASS: puts_(pr, "pass"); break;
  case TM_STMT_BREAK: puts_(pr, "break"); break;
  case TM_STMT_CONTINUE: puts_(pr, "continue"); break;
  case TM_STMT_ASSERT:
    print_word(pr, "assert", stmt->e, ", ", stmt->e2);
    break;
  case TM_STMT_RAISE:
    print_word(pr, "raise", stmt->e, " from ", stmt->e2);
    break;
  case TM_STMT_IMPORT: case TM_STMT_IMPORT_FROM:
    print_imports(pr, stmt);
    break;
  case TM_STMT_DELETE:
    puts_(pr, "del ");
    print_targets(pr, &stmt->targets);
    break;
  case TM_STMT_GLOBAL:
    puts_(pr, "global ");
    print_targets(pr, &stmt->targets);
    break;
  case TM_STMT_NONLOCAL:
    puts_(pr, "nonlocal ");
    print_targets(pr, &stmt->targets);
    break;
  case TM_STMT_TYPE_ALIAS:
    tm_buf_printf(pr->out, "type %s", stmt->name);
    print_type_params(pr, &stmt->definition->type_params);
    puts_(pr, " = ");
    tm_print_expr(pr, stmt->e, TM_LEVEL_TEST);
    break;
  default: break; /* the compound ones */
  }
  puts_(pr, "\n");
}

void tm_ast_print_function(tm_buf *out, const tm_function_def *function) {
  tm_printer pr = {.out = out};
  print_function(&pr, function);
}

void tm_ast_print_module(tm_buf *out, const tm_module *module) {
  tm_printer pr = {.out = out};
  print_lines(&pr, &module->body);
}
