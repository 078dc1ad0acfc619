/* SPDX-License-Identifier: MIT */
/*
 * parse_block.c - compound statements and blocks.
 *
 * Errors stay where they are. A header that cannot be read (`if x = 1:`)
 * loses its statement, but its block is read all the same, for more errors
 * and so that its indentation surprises nobody; an else or except that
 * belongs to it still finds it.
 */
#include "parse.h"

/* ---- blocks ------------------------------------------------------------- */

/* The lines of a block whose owner could not be read: for their errors. */
static void orphan_block(tm_parser *p) {
  if (!tm_parse_accept(p, TM_TOK_INDENT)) return;
  uint32_t base = tm_parse_base(p);
  tm_parse_statements(p);
  p->scratch.len = base;
  tm_parse_accept(p, TM_TOK_DEDENT);
}

/* After a failed line: to the next statement that does not belong to it. */
static void recover(tm_parser *p) {
  tm_parse_skip_line(p);
  tm_parse_accept(p, TM_TOK_NEWLINE);
  orphan_block(p);
}

static void expect_colon(tm_parser *p, const char *what) {
  if (tm_parse_accept(p, TM_TOK_COLON) || p->failed) return;
  const char *hint = NULL;
  if (tm_parse_at(p, TM_TOK_EQUAL))
    hint = "= assigns; the comparison is ==";
  else if (tm_parse_at(p, TM_TOK_COLON_EQUAL))
    hint = "put the assignment expression in parentheses";
  else if (tm_parse_at(p, TM_TOK_LBRACE))
    hint = "blocks are indented, not put in braces";
  tm_parse_fail(p, tm_parse_here(p), hint, "expected ':' after %s, found %s",
                what, tm_parse_found(p));
}

/* The lines of a block, after its INDENT, through its DEDENT. */
static tm_stmts block_lines(tm_parser *p) {
  uint32_t base = tm_parse_base(p);
  tm_parse_statements(p);
  tm_parse_accept(p, TM_TOK_DEDENT);
  return tm_parse_stmts(p, base);
}

bool tm_parse_suite(tm_parser *p, tm_stmt *owner, tm_stmts *out,
                    const char *what, const char *owner_text, uint32_t line) {
  expect_colon(p, what);
  if (p->failed) {
    recover(p);
    return false;
  }
  tm_stmt *outer = p->owner;
  p->owner = owner;
  if (!tm_parse_at(p, TM_TOK_NEWLINE)) {
    uint32_t base = tm_parse_base(p);
    tm_parse_simple_line(p);
    *out = tm_parse_stmts(p, base);
    if (p->failed)
      recover(p);
    else
      tm_parse_accept(p, TM_TOK_NEWLINE);
  } else {
    tm_parse_advance(p);
    if (tm_parse_accept(p, TM_TOK_INDENT))
      *out = block_lines(p);
    else
      tm_parse_report(p, tm_parse_loc(p), "an empty block is written `pass`",
                      "expected an indented block after the %s on line %u",
                      owner_text, line);
  }
  p->owner = outer;
  return true;
}

/* ---- if, while, for ----------------------------------------------------- */

static tm_stmts one(tm_parser *p, tm_stmt *stmt) {
  uint32_t base = tm_parse_base(p);
  tm_parse_push(p, stmt);
  return tm_parse_stmts(p, base);
}

/* else: of owner, if it is there. */
static bool else_block(tm_parser *p, tm_stmt *owner, tm_stmts *out) {
  uint32_t line = p->tok->line;
  if (!tm_parse_accept(p, TM_TOK_ELSE)) return true;
  if (tm_parse_at(p, TM_TOK_IF))
    tm_parse_fail(p, tm_parse_loc(p), "write elif",
                  "expected ':' after 'else', found 'if'");
  return tm_parse_suite(p, owner, out, "'else'", "'else'", line);
}

static tm_stmt *if_statement(tm_parser *p) {
  tm_stmt *first = NULL, *last = NULL;
  bool good = true;
  for (uint32_t n = 0; tm_parse_at(p, n ? TM_TOK_ELIF : TM_TOK_IF); n++) {
    tm_stmt *stmt = tm_parse_new_stmt(p, TM_STMT_IF, tm_parse_loc(p));
    if (n == TM_AST_MAX_ELIFS + 1)
      tm_parse_fail(p, stmt->loc, "use a dict",
                    "an if with more than %d elif branches",
                    TM_AST_MAX_ELIFS);
    tm_parse_advance(p);
    p->has_walrus = false;
    stmt->e = tm_parse_named(p);
    stmt->has_walrus = p->has_walrus;
    good &= tm_parse_suite(p, stmt, &stmt->body,
                           n ? "the elif condition" : "the if condition",
                           n ? "'elif'" : "'if'", stmt->loc.line);
    if (last) {
      stmt->parent = last;
      last->orelse = one(p, stmt);
    } else {
      first = stmt;
    }
    last = stmt;
  }
  good &= else_block(p, last, &last->orelse);
  return good ? first : NULL;
}

static tm_stmt *while_statement(tm_parser *p) {
  tm_stmt *stmt = tm_parse_new_stmt(p, TM_STMT_WHILE, tm_parse_loc(p));
  tm_parse_advance(p);
  stmt->e = tm_parse_named(p);
  stmt->has_walrus = p->has_walrus;
  bool good = tm_parse_suite(p, stmt, &stmt->body, "the while condition",
                             "'while'", stmt->loc.line);
  good &= else_block(p, stmt, &stmt->orelse);
  return good ? stmt : NULL;
}

static tm_stmt *for_statement(tm_parser *p, tm_loc loc, bool is_async) {
  tm_stmt *stmt = tm_parse_new_stmt(p, TM_STMT_FOR, loc);
  stmt->is_async = is_async;
  tm_parse_advance(p);
  tm_parse_push(p, tm_parse_targets(p));
  stmt->targets = tm_parse_exprs(p, tm_parse_base(p) - 1);
  tm_parse_expect(p, TM_TOK_IN, "'in' after the loop's target");
  stmt->e = tm_parse_star_expressions(p);
  tm_parse_no_lone_star(p, stmt->e);
  stmt->has_walrus = p->has_walrus;
  bool good = tm_parse_suite(p, stmt, &stmt->body, "the loop's iterable",
                             "'for'", loc.line);
  good &= else_block(p, stmt, &stmt->orelse);
  return good ? stmt : NULL;
}

/* ---- with --------------------------------------------------------------- */

/* Whether the bracket at the next token holds with-items: the colon follows
 * its end, and what is inside can only or may as well be read as items. */
static bool with_items_in_bracket(const tm_parser *p) {
  const tm_token *token = p->tok;
  uint32_t depth = 0;
  bool items = true, first = true;
  if (token->kind != TM_TOK_LPAREN || token[1].kind == TM_TOK_RPAREN)
    return false;
  for (; token->kind != TM_TOK_NEWLINE; token++) {
    switch (token->kind) {
    case TM_TOK_LPAREN: case TM_TOK_LBRACKET: case TM_TOK_LBRACE:
      depth++;
      first = depth == 1;
      continue;
    case TM_TOK_RPAREN: case TM_TOK_RBRACKET: case TM_TOK_RBRACE:
      if (--depth == 0) return items && token[1].kind == TM_TOK_COLON;
      break;
    case TM_TOK_COLON_EQUAL: case TM_TOK_FOR:
      if (depth == 1) items = false;
      break;
    case TM_TOK_STAR: case TM_TOK_YIELD:
      if (depth == 1 && first) items = false;
      break;
    case TM_TOK_ERROR: case TM_TOK_END:
      return false;
    default: break;
    }
    first = depth == 1 && token->kind == TM_TOK_COMMA;
  }
  return false;
}

/* expression [as target], onto two stacks: contexts and targets alternate. */
static void with_item(tm_parser *p) {
  tm_parse_push(p, tm_parse_expression(p));
  tm_expr *target = NULL;
  if (tm_parse_accept(p, TM_TOK_AS)) {
    target = tm_parse_bitwise_or(p);
    tm_parse_check_target(p, target, "assign to", true);
  }
  tm_parse_push(p, target);
}

static void with_items(tm_parser *p, tm_stmt *stmt) {
  uint32_t base = tm_parse_base(p);
  tm_loc open = tm_parse_loc(p);
  bool bracket = with_items_in_bracket(p);
  if (bracket) tm_parse_advance(p);
  do {
    with_item(p);
  } while (tm_parse_accept(p, TM_TOK_COMMA) &&
           !(bracket && tm_parse_at(p, TM_TOK_RPAREN)));
  if (bracket) tm_parse_close(p, TM_TOK_RPAREN, open);
  uint32_t n = (tm_parse_base(p) - base) / 2;
  stmt->items.data = TM_NEW_ARRAY(p->arena, tm_expr *, n);
  stmt->targets.data = TM_NEW_ARRAY(p->arena, tm_expr *, n);
  for (uint32_t i = 0; i < n; i++) {
    stmt->items.data[i] = p->scratch.data[base + 2 * i];
    stmt->targets.data[i] = p->scratch.data[base + 2 * i + 1];
  }
  stmt->items.len = stmt->items.cap = n;
  stmt->targets.len = stmt->targets.cap = n;
  p->scratch.len = base;
}

static tm_stmt *with_statement(tm_parser *p, tm_loc loc, bool is_async) {
  tm_stmt *stmt = tm_parse_new_stmt(p, TM_STMT_WITH, loc);
  stmt->is_async = is_async;
  tm_parse_advance(p);
  with_items(p, stmt);
  stmt->has_walrus = p->has_walrus;
  bool good = tm_parse_suite(p, stmt, &stmt->body, "the context manager",
                             "'with'", loc.line);
  return good ? stmt : NULL;
}

/* ---- try ---------------------------------------------------------------- */

/* The header of a handler: [*] [type [as name]]. */
static void handler_header(tm_parser *p, tm_stmt *stmt, bool star) {
  tm_expr *type = NULL, *name = NULL;
  if (!tm_parse_at(p, TM_TOK_COLON)) {
    tm_loc loc = tm_parse_loc(p);
    type = tm_parse_expression(p);
    if (tm_parse_at(p, TM_TOK_COMMA)) { /* PEP 758, Python 3.14 */
      type = tm_parse_tuple_rest(p, type, loc, tm_parse_expression);
      if (tm_parse_at(p, TM_TOK_AS))
        tm_parse_fail(p, loc, "write except (A, B) as e:",
                      "several exception types with 'as' need parentheses");
    }
    if (tm_parse_accept(p, TM_TOK_AS)) {
      name = tm_parse_node(p, TM_EXPR_NAME, tm_parse_loc(p));
      name->name = tm_parse_name(p, "a name after 'as'");
    }
  } else if (star) {
    tm_parse_fail(p, tm_parse_loc(p), NULL,
                  "except* needs an exception type");
  }
  tm_push(p->arena, &stmt->items, type);
  tm_push(p->arena, &stmt->targets, name);
}

static bool handlers(tm_parser *p, tm_stmt *stmt) {
  bool good = true, bare = false;
  while (tm_parse_at(p, TM_TOK_EXCEPT)) {
    tm_loc loc = tm_parse_loc(p);
    tm_parse_advance(p);
    bool star = tm_parse_accept(p, TM_TOK_STAR);
    if (bare)
      tm_parse_fail(p, loc, NULL, "the bare 'except:' must come last");
    if (stmt->items.len && star != stmt->is_star)
      tm_parse_fail(p, loc, NULL,
                    "except and except* cannot be in one try statement");
    stmt->is_star = star;
    bare = tm_parse_at(p, TM_TOK_COLON);
    handler_header(p, stmt, star);
    tm_stmts body = {0};
    good &= tm_parse_suite(p, stmt, &body, "the exception",
                           star ? "'except*'" : "'except'", loc.line);
    tm_push(p->arena, &stmt->blocks, body);
  }
  return good;
}

static tm_stmt *try_statement(tm_parser *p) {
  tm_stmt *stmt = tm_parse_new_stmt(p, TM_STMT_TRY, tm_parse_loc(p));
  tm_parse_advance(p);
  bool good = tm_parse_suite(p, stmt, &stmt->body, "'try'", "'try'",
                             stmt->loc.line);
  good &= handlers(p, stmt);
  tm_stmts orelse = {0}, finally = {0};
  if (stmt->items.len) good &= else_block(p, stmt, &orelse);
  uint32_t line = p->tok->line;
  bool has_finally = tm_parse_accept(p, TM_TOK_FINALLY);
  if (has_finally)
    good &= tm_parse_suite(p, stmt, &finally, "'finally'", "'finally'", line);
  if (!stmt->items.len && !has_finally && good)
    tm_parse_report(p, tm_parse_loc(p), NULL,
                    "expected 'except' or 'finally' for the 'try' on line %u",
                    stmt->loc.line);
  tm_push(p->arena, &stmt->blocks, orelse);
  tm_push(p->arena, &stmt->blocks, finally);
  return good ? stmt : NULL;
}

/* ---- functions and classes ---------------------------------------------- */

static tm_stmt *function_statement(tm_parser *p, tm_loc loc, bool is_async,
                                   const tm_exprs *decorators) {
  tm_stmt *stmt = tm_parse_new_stmt(p, TM_STMT_FUNCTION, loc);
  tm_function_def *function = TM_NEW(p->arena, tm_function_def);
  stmt->function = function;
  function->module = p->module;
  function->is_async = is_async;
  function->decorators = *decorators;
  tm_parse_advance(p);
  function->loc = tm_parse_loc(p);
  stmt->name = function->name = tm_parse_name(p, "the function's name");
  function->type_params = tm_parse_type_params(p);
  tm_loc open = tm_parse_loc(p);
  tm_parse_expect(p, TM_TOK_LPAREN, "'(' after the function's name");
  function->params = tm_parse_params(p, TM_TOK_RPAREN);
  tm_parse_close(p, TM_TOK_RPAREN, open);
  if (tm_parse_accept(p, TM_TOK_ARROW))
    function->returns = tm_parse_expression(p);
  if (!p->failed) tm_push(p->arena, &p->module->all_functions, function);
  stmt->has_walrus = p->has_walrus;
  bool good = tm_parse_suite(p, stmt, &function->body,
                             function->returns ? "the return annotation"
                                               : "the parameters",
                             "function definition", function->loc.line);
  function->end = (tm_loc){p->lx.file, p->last_line + 1, 1};
  return good ? stmt : NULL;
}

static tm_stmt *class_statement(tm_parser *p, tm_loc loc,
                                const tm_exprs *decorators) {
  tm_stmt *stmt = tm_parse_new_stmt(p, TM_STMT_CLASS, loc);
  tm_parse_advance(p);
  stmt->definition = TM_NEW(p->arena, tm_definition);
  stmt->definition->decorators = *decorators;
  stmt->name = tm_parse_name(p, "the class's name");
  stmt->definition->type_params = tm_parse_type_params(p);
  tm_loc open = tm_parse_loc(p);
  if (tm_parse_accept(p, TM_TOK_LPAREN))
    tm_parse_arguments(p, open, &stmt->items, &stmt->definition->keywords,
                       NULL, true);
  stmt->has_walrus = p->has_walrus;
  bool good = tm_parse_suite(p, stmt, &stmt->body, "the class's name",
                             "class definition", loc.line);
  return good ? stmt : NULL;
}

static tm_stmt *async_statement(tm_parser *p, const tm_exprs *decorators) {
  tm_loc loc = tm_parse_loc(p);
  tm_parse_advance(p);
  switch (p->tok->kind) {
  case TM_TOK_DEF: return function_statement(p, loc, true, decorators);
  case TM_TOK_FOR: return for_statement(p, loc, true);
  case TM_TOK_WITH: return with_statement(p, loc, true);
  default:
    tm_parse_fail_expected(p, "'def', 'for' or 'with' after 'async'");
    recover(p);
    return NULL;
  }
}

static tm_stmt *decorated_statement(tm_parser *p) {
  uint32_t base = tm_parse_base(p);
  while (tm_parse_at(p, TM_TOK_AT)) {
    tm_parse_advance(p);
    tm_expr *e = tm_parse_named(p);
    if (!p->failed && !tm_parse_at(p, TM_TOK_NEWLINE))
      tm_parse_fail(p, tm_parse_here(p), NULL,
                    "expected the end of the line after the decorator, found "
                    "%s", tm_parse_found(p));
    if (!p->failed) tm_parse_push(p, e);
    tm_parse_skip_line(p);
    tm_parse_accept(p, TM_TOK_NEWLINE);
  }
  tm_exprs decorators = tm_parse_exprs(p, base);
  tm_loc loc = tm_parse_loc(p);
  tm_stmt *stmt = NULL;
  if (tm_parse_at(p, TM_TOK_DEF))
    stmt = function_statement(p, loc, false, &decorators);
  else if (tm_parse_at(p, TM_TOK_CLASS))
    stmt = class_statement(p, loc, &decorators);
  else if (tm_parse_at(p, TM_TOK_ASYNC) && tm_parse_peek(p) == TM_TOK_DEF)
    stmt = async_statement(p, &decorators);
  else
    tm_parse_report(p, loc, NULL,
                    "expected a function or class after the decorator");
  return stmt;
}

/* ---- statements --------------------------------------------------------- */

/* else, except ... where no statement waits for them. */
static void stray_clause(tm_parser *p) {
  const char *of = NULL;
  switch (p->tok->kind) {
  case TM_TOK_ELSE: of = "if, for, while or try"; break;
  case TM_TOK_ELIF: of = "if"; break;
  default: of = "try"; break;
  }
  tm_parse_fail(p, tm_parse_loc(p), NULL,
                "%s without a matching %s at this indentation",
                tm_parse_found(p), of);
  recover(p);
}

static tm_stmt *compound(tm_parser *p) {
  static const tm_exprs none;
  tm_loc loc = tm_parse_loc(p);
  p->has_walrus = false;
  switch (p->tok->kind) {
  case TM_TOK_IF: return if_statement(p);
  case TM_TOK_WHILE: return while_statement(p);
  case TM_TOK_FOR: return for_statement(p, loc, false);
  case TM_TOK_WITH: return with_statement(p, loc, false);
  case TM_TOK_TRY: return try_statement(p);
  case TM_TOK_DEF: return function_statement(p, loc, false, &none);
  case TM_TOK_CLASS: return class_statement(p, loc, &none);
  case TM_TOK_ASYNC: return async_statement(p, &none);
  case TM_TOK_AT: return decorated_statement(p);
  default: return tm_parse_match(p);
  }
}

static void unexpected_indent(tm_parser *p) {
  tm_parse_report(p, tm_parse_loc(p), NULL,
                  "this line is indented, but no block is open for it");
  tm_parse_advance(p);
  tm_parse_statements(p);
  tm_parse_accept(p, TM_TOK_DEDENT);
}

void tm_parse_statements(tm_parser *p) {
  for (;;) {
    switch (p->tok->kind) {
    case TM_TOK_END: case TM_TOK_DEDENT:
      return;
    case TM_TOK_INDENT:
      unexpected_indent(p);
      break;
    case TM_TOK_ELSE: case TM_TOK_ELIF: case TM_TOK_EXCEPT:
    case TM_TOK_FINALLY:
      stray_clause(p);
      break;
    default:
      tm_parse_simple_line(p);
      if (p->failed)
        recover(p);
      else
        tm_parse_accept(p, TM_TOK_NEWLINE);
      break;
    case TM_TOK_NAME:
      if (!tm_parse_at_match(p)) {
        tm_parse_simple_line(p);
        if (p->failed)
          recover(p);
        else
          tm_parse_accept(p, TM_TOK_NEWLINE);
        break;
      }
      /* fall through */
    case TM_TOK_IF: case TM_TOK_WHILE: case TM_TOK_FOR: case TM_TOK_WITH:
    case TM_TOK_TRY: case TM_TOK_DEF: case TM_TOK_CLASS: case TM_TOK_ASYNC:
    case TM_TOK_AT: {
      tm_stmt *stmt = compound(p);
      if (stmt) tm_parse_push(p, stmt);
      break;
    }
    }
  }
}
