/* SPDX-License-Identifier: MIT */
/* ast_dump.c - see ast_dump.h. Nodes are (kind@line:col fields), lists are in
 * [], what is missing is -. Text is escaped byte by byte, numbers are bits. */
#include "ast_dump.h"

#include <inttypes.h>

static const char *const expr_names[] = {
  [TM_EXPR_NAME] = "name", [TM_EXPR_INT] = "int", [TM_EXPR_FLOAT] = "float",
  [TM_EXPR_COMPLEX] = "complex", [TM_EXPR_STRING] = "str",
  [TM_EXPR_BYTES] = "bytes", [TM_EXPR_FSTRING] = "fstring",
  [TM_EXPR_FORMATTED] = "field", [TM_EXPR_TRUE] = "True",
  [TM_EXPR_FALSE] = "False", [TM_EXPR_NONE] = "None",
  [TM_EXPR_ELLIPSIS] = "ellipsis", [TM_EXPR_TUPLE] = "tuple",
  [TM_EXPR_LIST] = "list", [TM_EXPR_SET] = "set", [TM_EXPR_DICT] = "dict",
  [TM_EXPR_UNARY] = "unary", [TM_EXPR_BINARY] = "binary",
  [TM_EXPR_COMPARE] = "compare", [TM_EXPR_AND] = "and", [TM_EXPR_OR] = "or",
  [TM_EXPR_IF] = "ifexp", [TM_EXPR_CALL] = "call",
  [TM_EXPR_ATTRIBUTE] = "attribute", [TM_EXPR_SUBSCRIPT] = "subscript",
  [TM_EXPR_SLICE] = "slice", [TM_EXPR_STARRED] = "starred",
  [TM_EXPR_WALRUS] = "walrus", [TM_EXPR_LAMBDA] = "lambda",
  [TM_EXPR_COMPREHENSION] = "comp", [TM_EXPR_AWAIT] = "await",
  [TM_EXPR_YIELD] = "yield"
};

static const char *const op_names[] = {
  "+", "-", "*", "/", "//", "%", "**", "@", "&", "|", "^", "<<", ">>",
  "neg", "pos", "invert", "not", "==", "!=", "<", "<=", ">", ">=", "is",
  "is-not", "in", "not-in", "listcomp", "setcomp", "dictcomp", "generator"
};

static const char *const stmt_names[] = {
  [TM_STMT_EXPR] = "expr", [TM_STMT_ASSIGN] = "assign",
  [TM_STMT_AUGASSIGN] = "augassign", [TM_STMT_ANNASSIGN] = "annassign",
  [TM_STMT_RETURN] = "return", [TM_STMT_IF] = "if", [TM_STMT_FOR] = "for",
  [TM_STMT_WHILE] = "while", [TM_STMT_PASS] = "pass",
  [TM_STMT_BREAK] = "break", [TM_STMT_CONTINUE] = "continue",
  [TM_STMT_ASSERT] = "assert", [TM_STMT_RAISE] = "raise",
  [TM_STMT_IMPORT] = "import", [TM_STMT_IMPORT_FROM] = "from",
  [TM_STMT_FUNCTION] = "function", [TM_STMT_CLASS] = "class",
  [TM_STMT_WITH] = "with", [TM_STMT_TRY] = "try",
  [TM_STMT_DELETE] = "delete", [TM_STMT_GLOBAL] = "global",
  [TM_STMT_NONLOCAL] = "nonlocal", [TM_STMT_MATCH] = "match",
  [TM_STMT_TYPE_ALIAS] = "type"
};

static void expr(tm_buf *out, const tm_expr *e);

static void text(tm_buf *out, tm_str s) {
  tm_buf_puts(out, "\"");
  for (size_t i = 0; i < s.len; i++) {
    unsigned char c = (unsigned char)s.ptr[i];
    if (c < 0x20 || c >= 0x7f || c == '"' || c == '\\')
      tm_buf_printf(out, "\\x%02x", c);
    else
      tm_buf_add(out, s.ptr + i, 1);
  }
  tm_buf_puts(out, "\"");
}

static void exprs(tm_buf *out, const tm_exprs *list) {
  tm_buf_puts(out, " [");
  for (uint32_t i = 0; i < list->len; i++) {
    if (i) tm_buf_puts(out, " ");
    expr(out, list->data[i]);
  }
  tm_buf_puts(out, "]");
}

static void keywords(tm_buf *out, const tm_keywords *list) {
  tm_buf_puts(out, " [");
  for (uint32_t i = 0; i < list->len; i++) {
    const tm_keyword *k = &list->data[i];
    tm_buf_printf(out, "%s(%s@%u:%u ", i ? " " : "", k->name ? k->name : "**",
                  k->loc.line, k->loc.col);
    expr(out, k->value);
    tm_buf_puts(out, ")");
  }
  tm_buf_puts(out, "]");
}

static void params(tm_buf *out, const tm_params *list) {
  tm_buf_puts(out, " [");
  for (uint32_t i = 0; i < list->len; i++) {
    const tm_param_decl *p = &list->data[i];
    tm_buf_printf(out, "%s(%s@%u:%u star=%u%s%s ", i ? " " : "", p->name,
                  p->loc.line, p->loc.col, p->star,
                  p->keyword_only ? " kw" : "",
                  p->positional_only ? " pos" : "");
    expr(out, p->annotation);
    tm_buf_puts(out, " ");
    expr(out, p->value);
    tm_buf_puts(out, ")");
  }
  tm_buf_puts(out, "]");
}

static void clauses(tm_buf *out, const tm_expr *e) {
  tm_buf_puts(out, " [");
  for (uint32_t i = 0; i < e->clauses.len; i++) {
    const tm_comp_clause *c = &e->clauses.data[i];
    tm_buf_printf(out, "%s(%s ", i ? " " : "",
                  c->is_async ? "async" : "for");
    expr(out, c->target);
    tm_buf_puts(out, " ");
    expr(out, c->iter);
    exprs(out, &c->conditions);
    tm_buf_puts(out, ")");
  }
  tm_buf_puts(out, "]");
}

static void number(tm_buf *out, const tm_expr *e) {
  uint64_t bits;
  if (e->kind == TM_EXPR_INT && e->big) {
    tm_buf_printf(out, " big:%.*s", (int)e->text.len, e->text.ptr);
    return;
  }
  memcpy(&bits, &e->u, sizeof bits);
  tm_buf_printf(out, " %" PRIu64, bits);
}

static void children(tm_buf *out, const tm_expr *e, int n) {
  for (int i = 0; i < n; i++) {
    tm_buf_puts(out, " ");
    expr(out, e->a[i]);
  }
}

static void fields(tm_buf *out, const tm_expr *e) {
  switch (e->kind) {
  case TM_EXPR_NAME:
    tm_buf_puts(out, " ");
    tm_buf_puts(out, e->name);
    break;
  case TM_EXPR_INT: case TM_EXPR_FLOAT: case TM_EXPR_COMPLEX:
    number(out, e);
    break;
  case TM_EXPR_STRING: case TM_EXPR_BYTES:
    tm_buf_puts(out, e->has_named_escapes ? " \\N" : " ");
    text(out, e->text);
    break;
  case TM_EXPR_FSTRING:
    if (e->is_template) tm_buf_puts(out, " template");
    exprs(out, &e->items);
    break;
  case TM_EXPR_FORMATTED:
    if (e->conversion) tm_buf_printf(out, " !%c", e->conversion);
    children(out, e, 1);
    if (e->has_spec) exprs(out, &e->items);
    break;
  case TM_EXPR_TUPLE: case TM_EXPR_LIST: case TM_EXPR_SET: case TM_EXPR_DICT:
  case TM_EXPR_AND: case TM_EXPR_OR:
    exprs(out, &e->items);
    break;
  case TM_EXPR_UNARY: case TM_EXPR_BINARY:
    tm_buf_printf(out, " %s", op_names[e->op]);
    children(out, e, e->kind == TM_EXPR_UNARY ? 1 : 2);
    break;
  case TM_EXPR_COMPARE:
    for (uint32_t i = 0; i + 1 < e->items.len; i++)
      tm_buf_printf(out, " %s", op_names[e->ops[i]]);
    exprs(out, &e->items);
    break;
  case TM_EXPR_IF: case TM_EXPR_SLICE: children(out, e, 3); break;
  case TM_EXPR_CALL:
    children(out, e, 1);
    exprs(out, &e->items);
    keywords(out, &e->keywords);
    break;
  case TM_EXPR_ATTRIBUTE:
    children(out, e, 1);
    tm_buf_printf(out, " %s", e->name);
    break;
  case TM_EXPR_SUBSCRIPT: case TM_EXPR_WALRUS: children(out, e, 2); break;
  case TM_EXPR_STARRED: case TM_EXPR_AWAIT: children(out, e, 1); break;
  case TM_EXPR_YIELD:
    if (e->is_from) tm_buf_puts(out, " from");
    children(out, e, 1);
    break;
  case TM_EXPR_LAMBDA:
    params(out, &e->params);
    children(out, e, 1);
    break;
  case TM_EXPR_COMPREHENSION:
    tm_buf_printf(out, " %s", op_names[e->op]);
    children(out, e, 2);
    clauses(out, e);
    break;
  default: break;
  }
}

static void expr(tm_buf *out, const tm_expr *e) {
  if (!e) {
    tm_buf_puts(out, "-");
    return;
  }
  tm_buf_printf(out, "(%s@%u:%u", expr_names[e->kind], e->loc.line,
                e->loc.col);
  fields(out, e);
  tm_buf_puts(out, ")");
}

static void stmts(tm_buf *out, const tm_stmts *list);

static void function(tm_buf *out, const tm_function_def *f) {
  tm_buf_printf(out, " %s%s", f->name, f->is_async ? " async" : "");
  params(out, &f->type_params);
  params(out, &f->params);
  tm_buf_puts(out, " ");
  expr(out, f->returns);
  exprs(out, &f->decorators);
  stmts(out, &f->body);
}

static void stmt(tm_buf *out, const tm_stmt *s) {
  tm_buf_printf(out, "\n(%s@%u:%u", stmt_names[s->kind], s->loc.line,
                s->loc.col);
  if (s->kind == TM_STMT_FUNCTION) {
    function(out, s->function);
    tm_buf_puts(out, ")");
    return;
  }
  if (s->name) tm_buf_printf(out, " name=%s", s->name);
  if (s->dots) tm_buf_printf(out, " dots=%u", s->dots);
  if (s->is_async) tm_buf_puts(out, " async");
  if (s->is_star) tm_buf_puts(out, " star");
  if (s->kind == TM_STMT_AUGASSIGN)
    tm_buf_printf(out, " %s=", op_names[s->op]);
  tm_buf_puts(out, " ");
  expr(out, s->e);
  tm_buf_puts(out, " ");
  expr(out, s->e2);
  tm_buf_puts(out, " ");
  expr(out, s->annotation);
  exprs(out, &s->targets);
  exprs(out, &s->items);
  for (uint32_t i = 0; i < s->imports.len; i++) {
    const tm_import *import = &s->imports.data[i];
    tm_buf_printf(out, " (%s@%u:%u %s)", import->path, import->loc.line,
                  import->loc.col, import->has_as ? import->alias : "-");
  }
  if (s->definition) {
    exprs(out, &s->definition->decorators);
    keywords(out, &s->definition->keywords);
    params(out, &s->definition->type_params);
  }
  stmts(out, &s->body);
  for (uint32_t i = 0; i < s->blocks.len; i++) stmts(out, &s->blocks.data[i]);
  stmts(out, &s->orelse);
  tm_buf_puts(out, ")");
}

static void stmts(tm_buf *out, const tm_stmts *list) {
  tm_buf_puts(out, " {");
  for (uint32_t i = 0; i < list->len; i++) stmt(out, list->data[i]);
  tm_buf_puts(out, "}");
}

void ast_dump_module(tm_buf *out, const tm_module *module) {
  stmts(out, &module->body);
}
