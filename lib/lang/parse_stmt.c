/* SPDX-License-Identifier: MIT */
/* parse_stmt.c - simple statements: those that fit in a line and may share
 * it with others, separated by semicolons. */
#include "parse.h"

tm_stmt *tm_parse_new_stmt(tm_parser *p, tm_stmt_kind kind, tm_loc loc) {
  tm_stmt *stmt = TM_NEW(p->arena, tm_stmt);
  stmt->kind = kind;
  stmt->loc = loc;
  stmt->parent = p->owner;
  return stmt;
}

/* ---- assignments -------------------------------------------------------- */

static tm_stmt *annotated(tm_parser *p, tm_stmt *stmt, tm_expr *target) {
  if (target->kind == TM_EXPR_TUPLE || target->kind == TM_EXPR_LIST)
    tm_parse_fail(p, target->loc, "annotate one name a line",
                  "only a single name can be annotated, not %s",
                  tm_parse_kind_name(target));
  if (target->kind != TM_EXPR_NAME && target->kind != TM_EXPR_ATTRIBUTE &&
      target->kind != TM_EXPR_SUBSCRIPT)
    tm_parse_fail(p, tm_parse_loc(p), NULL,
                  "unexpected ':'; %s cannot be annotated",
                  tm_parse_kind_name(target));
  tm_parse_advance(p);
  stmt->kind = TM_STMT_ANNASSIGN;
  tm_parse_push(p, target);
  stmt->targets = tm_parse_exprs(p, tm_parse_base(p) - 1);
  stmt->annotation = tm_parse_expression(p);
  if (tm_parse_accept(p, TM_TOK_EQUAL)) stmt->e = tm_parse_yield_or_star(p);
  return stmt;
}

static tm_stmt *augmented(tm_parser *p, tm_stmt *stmt, tm_expr *target) {
  if (target->kind != TM_EXPR_NAME && target->kind != TM_EXPR_ATTRIBUTE &&
      target->kind != TM_EXPR_SUBSCRIPT)
    tm_parse_fail(p, target->loc, NULL,
                  "%s cannot be the target of an augmented assignment",
                  tm_parse_kind_name(target));
  stmt->kind = TM_STMT_AUGASSIGN;
  stmt->op = (tm_py_op)(p->tok->kind - TM_TOK_PLUS_EQ + TM_PY_ADD);
  tm_parse_advance(p);
  tm_parse_push(p, target);
  stmt->targets = tm_parse_exprs(p, tm_parse_base(p) - 1);
  stmt->e = tm_parse_yield_or_star(p);
  return stmt;
}

/* target = target = value, the first target read. */
static tm_stmt *assigned(tm_parser *p, tm_stmt *stmt, tm_expr *e) {
  uint32_t base = tm_parse_base(p);
  stmt->kind = TM_STMT_ASSIGN;
  while (tm_parse_at(p, TM_TOK_EQUAL)) {
    tm_parse_check_target(p, e, "assign to", true);
    tm_parse_advance(p);
    tm_parse_push(p, e);
    e = tm_parse_yield_or_star(p);
  }
  stmt->targets = tm_parse_exprs(p, base);
  stmt->e = e;
  return stmt;
}

/* `print x`, as Python 2 has it: the next token does not follow. */
static void check_python2(tm_parser *p, const tm_expr *e) {
  if (e->kind != TM_EXPR_NAME || !tm_parse_starts_expr(p)) return;
  if (e->name == p->word_print)
    tm_parse_fail(p, e->loc, "write print(...)",
                  "the print statement is Python 2");
  else if (e->name == p->word_exec)
    tm_parse_fail(p, e->loc, "write exec(...)",
                  "the exec statement is Python 2");
}

static tm_stmt *expression_statement(tm_parser *p) {
  tm_stmt *stmt = tm_parse_new_stmt(p, TM_STMT_EXPR, tm_parse_loc(p));
  tm_expr *e;
  if (tm_parse_at(p, TM_TOK_YIELD))
    e = tm_parse_yield_or_star(p);
  else
    e = tm_parse_star_expressions(p);
  tm_token_kind kind = p->tok->kind;
  if (kind == TM_TOK_EQUAL) return assigned(p, stmt, e);
  if (kind == TM_TOK_COLON) return annotated(p, stmt, e);
  if (kind >= TM_TOK_PLUS_EQ && kind <= TM_TOK_RIGHTSHIFT_EQ)
    return augmented(p, stmt, e);
  if (kind == TM_TOK_COLON_EQUAL)
    tm_parse_fail(p, tm_parse_loc(p), "write =, or put it in parentheses",
                  ":= cannot stand alone as a statement");
  tm_parse_no_lone_star(p, e);
  check_python2(p, e);
  stmt->e = e;
  return stmt;
}

/* ---- imports ------------------------------------------------------------ */

/* a.b.c as one name. */
static tm_name dotted(tm_parser *p) {
  tm_name first = tm_parse_name(p, "a module name");
  if (!tm_parse_at(p, TM_TOK_DOT)) return first;
  tm_buf text = tm_buf_in(p->arena);
  tm_buf_puts(&text, first ? first : "");
  while (tm_parse_accept(p, TM_TOK_DOT)) {
    tm_name part = tm_parse_name(p, "a module name after '.'");
    if (part) tm_buf_printf(&text, ".%s", part);
  }
  return tm_intern(&p->set->names, tm_buf_text(&text), text.len);
}

static void import_alias(tm_parser *p, tm_import *import) {
  if (!tm_parse_accept(p, TM_TOK_AS)) return;
  import->has_as = true;
  import->alias = tm_parse_name(p, "a name after 'as'");
}

static tm_stmt *import_statement(tm_parser *p) {
  tm_stmt *stmt = tm_parse_new_stmt(p, TM_STMT_IMPORT, tm_parse_loc(p));
  tm_parse_advance(p);
  do {
    tm_import import = {.loc = tm_parse_loc(p)};
    tm_name first = tm_parse_at(p, TM_TOK_NAME) ? p->tok->name : NULL;
    import.path = dotted(p);
    import.alias = first;
    import_alias(p, &import);
    tm_push(p->arena, &stmt->imports, import);
  } while (tm_parse_accept(p, TM_TOK_COMMA));
  if (tm_parse_at(p, TM_TOK_FROM))
    tm_parse_fail(p, tm_parse_loc(p), "write `from a import b`",
                  "'from' comes before 'import'");
  return stmt;
}

static void imported_names(tm_parser *p, tm_stmt *stmt) {
  tm_loc open = tm_parse_loc(p);
  bool bracket = tm_parse_accept(p, TM_TOK_LPAREN);
  for (;;) {
    tm_import import = {.loc = tm_parse_loc(p)};
    import.path = import.alias = tm_parse_name(p, "a name to import");
    import_alias(p, &import);
    tm_push(p->arena, &stmt->imports, import);
    tm_loc comma = tm_parse_loc(p);
    if (!tm_parse_accept(p, TM_TOK_COMMA)) break;
    if (bracket && tm_parse_at(p, TM_TOK_RPAREN)) break;
    if (!bracket && tm_parse_at(p, TM_TOK_NEWLINE))
      tm_parse_fail(p, comma, "put the names in parentheses",
                    "a comma cannot end the list of imported names");
  }
  if (bracket) tm_parse_close(p, TM_TOK_RPAREN, open);
}

static tm_stmt *from_statement(tm_parser *p) {
  tm_stmt *stmt = tm_parse_new_stmt(p, TM_STMT_IMPORT_FROM, tm_parse_loc(p));
  tm_parse_advance(p);
  for (;;) {
    if (tm_parse_accept(p, TM_TOK_DOT))
      stmt->dots++;
    else if (tm_parse_accept(p, TM_TOK_ELLIPSIS))
      stmt->dots += 3;
    else
      break;
  }
  if (!stmt->dots || !tm_parse_at(p, TM_TOK_IMPORT)) stmt->name = dotted(p);
  tm_parse_expect(p, TM_TOK_IMPORT, "'import' after the module's name");
  if (tm_parse_at(p, TM_TOK_STAR)) {
    tm_name star = tm_intern_cstr(&p->set->names, "*");
    tm_import import = {.path = star, .alias = star, .loc = tm_parse_loc(p)};
    tm_parse_advance(p);
    tm_push(p->arena, &stmt->imports, import);
  } else {
    imported_names(p, stmt);
  }
  return stmt;
}

/* ---- the others --------------------------------------------------------- */

static tm_stmt *word_statement(tm_parser *p, tm_stmt_kind kind) {
  tm_stmt *stmt = tm_parse_new_stmt(p, kind, tm_parse_loc(p));
  tm_parse_advance(p);
  return stmt;
}

static tm_stmt *return_statement(tm_parser *p) {
  tm_stmt *stmt = word_statement(p, TM_STMT_RETURN);
  if (tm_parse_starts_expr(p) || tm_parse_at(p, TM_TOK_YIELD)) {
    if (tm_parse_at(p, TM_TOK_YIELD))
      tm_parse_fail(p, tm_parse_loc(p),
                    "put the yield expression in parentheses",
                    "expected an expression, found 'yield'");
    stmt->e = tm_parse_yield_or_star(p);
  }
  return stmt;
}

static tm_stmt *raise_statement(tm_parser *p) {
  tm_stmt *stmt = word_statement(p, TM_STMT_RAISE);
  if (!tm_parse_starts_expr(p)) return stmt;
  stmt->e = tm_parse_expression(p);
  if (tm_parse_accept(p, TM_TOK_FROM)) stmt->e2 = tm_parse_expression(p);
  if (tm_parse_at(p, TM_TOK_COMMA))
    tm_parse_fail(p, tm_parse_loc(p), "write raise E(message)",
                  "`raise E, message` is Python 2");
  return stmt;
}

static tm_stmt *assert_statement(tm_parser *p) {
  tm_stmt *stmt = word_statement(p, TM_STMT_ASSERT);
  stmt->e = tm_parse_expression(p);
  if (tm_parse_accept(p, TM_TOK_COMMA)) stmt->e2 = tm_parse_expression(p);
  return stmt;
}

static tm_stmt *del_statement(tm_parser *p) {
  tm_stmt *stmt = word_statement(p, TM_STMT_DELETE);
  uint32_t base = tm_parse_base(p);
  do {
    tm_expr *e = tm_parse_expression(p);
    tm_parse_check_target(p, e, "delete", false);
    tm_parse_push(p, e);
  } while (tm_parse_accept(p, TM_TOK_COMMA) && tm_parse_starts_expr(p));
  stmt->targets = tm_parse_exprs(p, base);
  return stmt;
}

static tm_stmt *names_statement(tm_parser *p, tm_stmt_kind kind) {
  tm_stmt *stmt = word_statement(p, kind);
  uint32_t base = tm_parse_base(p);
  do {
    tm_expr *e = tm_parse_node(p, TM_EXPR_NAME, tm_parse_loc(p));
    e->name = tm_parse_name(p, "a name");
    tm_parse_push(p, e);
  } while (tm_parse_accept(p, TM_TOK_COMMA));
  stmt->targets = tm_parse_exprs(p, base);
  return stmt;
}

/* type X[T] = value, where `type` is not a keyword elsewhere. */
static tm_stmt *type_statement(tm_parser *p) {
  tm_stmt *stmt = word_statement(p, TM_STMT_TYPE_ALIAS);
  stmt->name = tm_parse_name(p, "the type's name");
  stmt->definition = TM_NEW(p->arena, tm_definition);
  stmt->definition->type_params = tm_parse_type_params(p);
  tm_parse_expect(p, TM_TOK_EQUAL, "'=' after the type's name");
  stmt->e = tm_parse_expression(p);
  return stmt;
}

static tm_stmt *simple(tm_parser *p) {
  switch (p->tok->kind) {
  case TM_TOK_PASS: return word_statement(p, TM_STMT_PASS);
  case TM_TOK_BREAK: return word_statement(p, TM_STMT_BREAK);
  case TM_TOK_CONTINUE: return word_statement(p, TM_STMT_CONTINUE);
  case TM_TOK_RETURN: return return_statement(p);
  case TM_TOK_RAISE: return raise_statement(p);
  case TM_TOK_ASSERT: return assert_statement(p);
  case TM_TOK_DEL: return del_statement(p);
  case TM_TOK_GLOBAL: return names_statement(p, TM_STMT_GLOBAL);
  case TM_TOK_NONLOCAL: return names_statement(p, TM_STMT_NONLOCAL);
  case TM_TOK_IMPORT: return import_statement(p);
  case TM_TOK_FROM: return from_statement(p);
  case TM_TOK_NAME:
    if (p->tok->name == p->word_type && tm_parse_peek(p) == TM_TOK_NAME)
      return type_statement(p);
    return expression_statement(p);
  default: return expression_statement(p);
  }
}

/* The statement is read and more follows on its line. */
static void fail_rest(tm_parser *p) {
  if (p->failed) return;
  const char *hint = NULL;
  if (tm_parse_starts_expr(p))
    hint = "perhaps an operator, a comma or a line break is missing";
  else if (p->tok->kind == TM_TOK_EQUAL)
    hint = "only names, attributes and subscripts can be assigned to";
  else if (p->tok->kind > TM_TOK_FALSE)
    hint = "a new statement starts on a line of its own";
  tm_parse_fail(p, tm_parse_here(p), hint,
                "expected the end of the line, found %s", tm_parse_found(p));
}

void tm_parse_simple_line(tm_parser *p) {
  do {
    p->has_walrus = false;
    tm_stmt *stmt = simple(p);
    stmt->has_walrus = p->has_walrus;
    if (p->failed) break;
    tm_parse_push(p, stmt);
  } while (tm_parse_accept(p, TM_TOK_SEMICOLON) &&
           !tm_parse_at(p, TM_TOK_NEWLINE));
  if (!tm_parse_at(p, TM_TOK_NEWLINE)) fail_rest(p);
}
