/* SPDX-License-Identifier: MIT */
/*
 * parse_expr.c - expressions, but for what is in brackets (parse_display.c).
 *
 * Binary operators are read by precedence with a small stack of operands, so
 * that a long chain takes no recursion and a bracket takes few frames. Depth
 * is bounded twice: `nesting` counts what is being read inside one another
 * (the C stack), tm_expr.depth the tree that comes out (the stack of those
 * who walk it: a + b + c + ... is read in a loop but is deep).
 */
#include "parse.h"

/* ---- nodes -------------------------------------------------------------- */

tm_expr *tm_parse_node(tm_parser *p, tm_expr_kind kind, tm_loc loc) {
  return tm_expr_new(p->set, kind, loc);
}

void tm_parse_adopt(tm_parser *p, tm_expr *parent, const tm_expr *child) {
  if (!child || child->depth < parent->depth) return;
  if (child->depth >= TM_AST_MAX_DEPTH) {
    tm_parse_fail(p, child->loc, "assign a part of it to a name first",
                  "this expression is more than %d operations deep",
                  TM_AST_MAX_DEPTH);
    return;
  }
  parent->depth = (uint16_t)(child->depth + 1);
}

void tm_parse_adopt_items(tm_parser *p, tm_expr *e) {
  for (uint32_t i = 0; i < e->items.len; i++)
    tm_parse_adopt(p, e, e->items.data[i]);
}

tm_expr *tm_parse_node1(tm_parser *p, tm_expr_kind kind, tm_loc loc,
                      tm_expr *child) {
  tm_expr *e = tm_parse_node(p, kind, loc);
  e->a[0] = child;
  tm_parse_adopt(p, e, child);
  return e;
}

/* False when too many expressions are in one another. Brackets need no call:
 * the lexer bounds them, and most hold an expression that makes it. */
static bool enter(tm_parser *p) {
  if (++p->nesting <= TM_AST_MAX_NESTING + 1) return true;
  tm_parse_fail(p, tm_parse_loc(p), "assign a part of it to a name first",
                "expressions are nested more than %d levels deep",
                TM_AST_MAX_NESTING);
  return false;
}

static void leave(tm_parser *p) {
  if (p->nesting) p->nesting--;
}

/* ---- what is wrong ------------------------------------------------------ */

const char *tm_parse_kind_name(const tm_expr *e) {
  switch (e->kind) {
  case TM_EXPR_NAME: return "a name";
  case TM_EXPR_INT: case TM_EXPR_FLOAT: case TM_EXPR_COMPLEX:
    return "a number";
  case TM_EXPR_STRING: case TM_EXPR_BYTES: return "a string";
  case TM_EXPR_FSTRING: case TM_EXPR_FORMATTED: return "an f-string";
  case TM_EXPR_TRUE: return "True";
  case TM_EXPR_FALSE: return "False";
  case TM_EXPR_NONE: return "None";
  case TM_EXPR_ELLIPSIS: return "an ellipsis";
  case TM_EXPR_TUPLE: return "a tuple";
  case TM_EXPR_LIST: return "a list";
  case TM_EXPR_SET: return "a set";
  case TM_EXPR_DICT: return "a dict";
  case TM_EXPR_UNARY: case TM_EXPR_BINARY: case TM_EXPR_AND: case TM_EXPR_OR:
    return "an expression";
  case TM_EXPR_COMPARE: return "a comparison";
  case TM_EXPR_IF: return "a conditional expression";
  case TM_EXPR_CALL: return "a function call";
  case TM_EXPR_ATTRIBUTE: return "an attribute";
  case TM_EXPR_SUBSCRIPT: return "a subscript";
  case TM_EXPR_SLICE: return "a slice";
  case TM_EXPR_STARRED: return "a starred expression";
  case TM_EXPR_WALRUS: return "an assignment expression";
  case TM_EXPR_LAMBDA: return "a lambda";
  case TM_EXPR_COMPREHENSION:
    return e->op == TM_PY_GENERATOR ? "a generator expression"
                                    : "a comprehension";
  case TM_EXPR_AWAIT: return "an await expression";
  case TM_EXPR_YIELD: return "a yield expression";
  }
  return "an expression";
}

bool tm_parse_starts_expr(const tm_parser *p) {
  switch (p->tok->kind) {
  case TM_TOK_NAME: case TM_TOK_NUMBER: case TM_TOK_STRING:
  case TM_TOK_FSTRING_START: case TM_TOK_LPAREN: case TM_TOK_LBRACKET:
  case TM_TOK_LBRACE: case TM_TOK_ELLIPSIS: case TM_TOK_MINUS:
  case TM_TOK_PLUS: case TM_TOK_TILDE: case TM_TOK_STAR: case TM_TOK_NOT:
  case TM_TOK_LAMBDA: case TM_TOK_AWAIT: case TM_TOK_TRUE:
  case TM_TOK_FALSE: case TM_TOK_NONE:
    return true;
  default:
    return false;
  }
}

/* The token before the next one, when both are on this logical line. */
static const tm_token *previous(const tm_parser *p) {
  if (p->failed || p->tok == p->lx.tokens.data) return NULL;
  return p->tok - 1;
}

/* An operand is missing here. */
static tm_expr *fail_operand(tm_parser *p) {
  if (p->failed) return p->bad;
  const tm_token *before = previous(p);
  tm_token_kind kind = p->tok->kind;
  bool touches = before && before->end == p->tok->start;
  const char *hint = NULL;
  if (before && touches && before->kind == kind && kind == TM_TOK_AMPERSAND)
    hint = "the logical operator is written `and`";
  else if (before && touches && before->kind == kind && kind == TM_TOK_BAR)
    hint = "the logical operator is written `or`";
  else if (before && touches && kind == TM_TOK_EQUAL &&
           before->kind >= TM_TOK_EQ_EQ && before->kind <= TM_TOK_GREATER_EQ)
    hint = "comparisons are ==, !=, <, <=, > and >=";
  else if (before && before > p->lx.tokens.data &&
           (before->kind == TM_TOK_PLUS || before->kind == TM_TOK_MINUS) &&
           before[-1].kind == before->kind && before[-1].end == before->start)
    hint = "Python has no ++ and --; write x += 1";
  else if (kind == TM_TOK_YIELD)
    hint = "put the yield expression in parentheses";
  else if (kind >= TM_TOK_FALSE && kind < TM_TOKEN_KINDS)
    hint = "it is a keyword of Python";
  else if (kind == TM_TOK_DOUBLESTAR)
    hint = "** unpacks only in calls and dict displays";
  tm_parse_fail(p, tm_parse_here(p), hint,
                "expected an expression, found %s", tm_parse_found(p));
  return p->bad;
}

void tm_parse_close(tm_parser *p, tm_token_kind close, tm_loc loc) {
  if (tm_parse_accept(p, close) || p->failed) return;
  const char *text = tm_token_texts[close];
  const char *hint = NULL;
  const tm_token *before = previous(p);
  if (p->tok->kind == TM_TOK_EQUAL)
    hint = "= assigns; the comparison is ==";
  else if (p->tok->kind == TM_TOK_COLON_EQUAL)
    hint = ":= needs a plain name on its left";
  else if (tm_parse_starts_expr(p) && before &&
           before->kind != TM_TOK_COMMA)
    hint = "perhaps a comma or an operator is missing";
  if (loc.line != p->tok->line)
    tm_parse_fail(p, tm_parse_here(p), hint,
                  "expected '%s' or ',' in the bracket opened on line %u, "
                  "found %s", text, loc.line, tm_parse_found(p));
  else
    tm_parse_fail(p, tm_parse_here(p), hint, "expected '%s' or ',', found %s",
                  text, tm_parse_found(p));
}

bool tm_parse_check_target(tm_parser *p, const tm_expr *e, const char *what,
                           bool star) {
  if (p->failed) return false;
  switch (e->kind) {
  case TM_EXPR_NAME: case TM_EXPR_ATTRIBUTE: case TM_EXPR_SUBSCRIPT:
    return true;
  case TM_EXPR_TUPLE: case TM_EXPR_LIST:
    for (uint32_t i = 0; i < e->items.len; i++) {
      const tm_expr *item = e->items.data[i];
      if (star && item->kind == TM_EXPR_STARRED) item = item->a[0];
      if (!tm_parse_check_target(p, item, what, star)) return false;
    }
    return true;
  default:
    break;
  }
  const char *hint = NULL;
  if (tm_parse_at(p, TM_TOK_EQUAL) && e->kind != TM_EXPR_STARRED)
    hint = "if a comparison is meant, write ==";
  if (e->kind == TM_EXPR_STARRED) hint = "write `*x,` to make it a list";
  tm_parse_fail(p, e->loc, hint, "cannot %s %s", what, tm_parse_kind_name(e));
  return false;
}

/* ---- atoms and what follows them ---------------------------------------- */

static tm_expr *keyword_atom(tm_parser *p, tm_expr_kind kind) {
  tm_expr *e = tm_parse_node(p, kind, tm_parse_loc(p));
  tm_parse_advance(p);
  return e;
}

static tm_expr *atom(tm_parser *p) {
  switch (p->tok->kind) {
  case TM_TOK_NAME: {
    tm_expr *e = tm_parse_node(p, TM_EXPR_NAME, tm_parse_loc(p));
    e->name = p->tok->name;
    tm_parse_advance(p);
    return e;
  }
  case TM_TOK_NUMBER: return tm_parse_number(p);
  case TM_TOK_STRING: case TM_TOK_FSTRING_START: return tm_parse_strings(p);
  case TM_TOK_TRUE: return keyword_atom(p, TM_EXPR_TRUE);
  case TM_TOK_FALSE: return keyword_atom(p, TM_EXPR_FALSE);
  case TM_TOK_NONE: return keyword_atom(p, TM_EXPR_NONE);
  case TM_TOK_ELLIPSIS: return keyword_atom(p, TM_EXPR_ELLIPSIS);
  case TM_TOK_LPAREN: return tm_parse_parenthesised(p);
  case TM_TOK_LBRACKET: return tm_parse_list(p);
  case TM_TOK_LBRACE: return tm_parse_braces(p);
  default: return fail_operand(p);
  }
}

static tm_expr *slice_part(tm_parser *p) {
  if (tm_parse_at(p, TM_TOK_COLON) || tm_parse_at(p, TM_TOK_COMMA) ||
      tm_parse_at(p, TM_TOK_RBRACKET))
    return NULL;
  return tm_parse_expression(p);
}

static tm_expr *subscript_item(tm_parser *p) {
  tm_loc loc = tm_parse_loc(p);
  tm_expr *start = NULL;
  if (!tm_parse_at(p, TM_TOK_COLON)) {
    bool plain = tm_parse_at_plain_item(p);
    start = tm_parse_star_named(p);
    if (!tm_parse_at(p, TM_TOK_COLON)) return start;
    if (!plain)
      tm_parse_fail(p, start->loc, "put it in parentheses",
                    "a slice cannot start with %s",
                    tm_parse_kind_name(start));
  }
  tm_expr *e = tm_parse_node1(p, TM_EXPR_SLICE, loc, start);
  tm_parse_advance(p);
  e->a[1] = slice_part(p);
  if (tm_parse_accept(p, TM_TOK_COLON)) e->a[2] = slice_part(p);
  tm_parse_adopt(p, e, e->a[1]);
  tm_parse_adopt(p, e, e->a[2]);
  return e;
}

/* The index between '[', which is read, and ']', left for the caller. */
static tm_expr *subscript_index(tm_parser *p) {
  tm_loc loc = tm_parse_loc(p);
  tm_expr *first = subscript_item(p);
  if (!tm_parse_at(p, TM_TOK_COMMA) && first->kind != TM_EXPR_STARRED)
    return first;
  tm_expr *e = tm_parse_node(p, TM_EXPR_TUPLE, loc);
  uint32_t base = tm_parse_base(p);
  tm_parse_push(p, first);
  while (tm_parse_accept(p, TM_TOK_COMMA) &&
         !tm_parse_at(p, TM_TOK_RBRACKET) && !p->failed)
    tm_parse_push(p, subscript_item(p));
  e->items = tm_parse_exprs(p, base);
  tm_parse_adopt_items(p, e);
  return e;
}

static tm_expr *subscript(tm_parser *p, tm_expr *base, tm_loc loc) {
  tm_loc open = tm_parse_loc(p);
  tm_expr *e = tm_parse_node1(p, TM_EXPR_SUBSCRIPT, loc, base);
  tm_parse_advance(p);
  if (tm_parse_at(p, TM_TOK_RBRACKET))
    tm_parse_fail(p, tm_parse_loc(p), NULL, "an index is missing in []");
  e->a[1] = subscript_index(p);
  tm_parse_adopt(p, e, e->a[1]);
  tm_parse_close(p, TM_TOK_RBRACKET, open);
  return e;
}

static tm_expr *call(tm_parser *p, tm_expr *callee, tm_loc loc) {
  tm_loc open = tm_parse_loc(p);
  tm_expr *e = tm_parse_node1(p, TM_EXPR_CALL, loc, callee);
  tm_parse_advance(p);
  tm_parse_arguments(p, open, &e->items, &e->keywords, e, false);
  return e;
}

static tm_expr *primary(tm_parser *p) {
  tm_loc loc = tm_parse_loc(p);
  tm_expr *e = atom(p);
  for (;;) {
    switch (p->tok->kind) {
    case TM_TOK_DOT:
      tm_parse_advance(p);
      e = tm_parse_node1(p, TM_EXPR_ATTRIBUTE, loc, e);
      e->name = tm_parse_name(p, "a name after '.'");
      break;
    case TM_TOK_LPAREN: e = call(p, e, loc); break;
    case TM_TOK_LBRACKET: e = subscript(p, e, loc); break;
    default: return e;
    }
  }
}

static tm_expr *awaited(tm_parser *p) {
  tm_loc loc = tm_parse_loc(p);
  if (tm_parse_accept(p, TM_TOK_AWAIT))
    return tm_parse_node1(p, TM_EXPR_AWAIT, loc, primary(p));
  return primary(p);
}

/* ---- operators ---------------------------------------------------------- */

/* Higher binds tighter; 0 is no binary operator. */
static uint8_t precedence(tm_token_kind kind) {
  switch (kind) {
  case TM_TOK_BAR: return 1;
  case TM_TOK_CARET: return 2;
  case TM_TOK_AMPERSAND: return 3;
  case TM_TOK_LEFTSHIFT: case TM_TOK_RIGHTSHIFT: return 4;
  case TM_TOK_PLUS: case TM_TOK_MINUS: return 5;
  case TM_TOK_STAR: case TM_TOK_SLASH: case TM_TOK_DOUBLESLASH:
  case TM_TOK_PERCENT: case TM_TOK_AT: return 6;
  default: return 0;
  }
}

static tm_expr *binary(tm_parser *p, tm_py_op op, tm_loc loc, tm_expr *x,
                       tm_expr *y) {
  tm_expr *e = tm_parse_node1(p, TM_EXPR_BINARY, loc, x);
  e->op = op;
  e->a[1] = y;
  tm_parse_adopt(p, e, y);
  return e;
}

/* -x, +x, ~x and powers: x ** -y ** z. */
static tm_expr *unary(tm_parser *p) {
  tm_py_op op;
  tm_loc loc = tm_parse_loc(p);
  switch (p->tok->kind) {
  case TM_TOK_MINUS: op = TM_PY_NEG; break;
  case TM_TOK_PLUS: op = TM_PY_POS; break;
  case TM_TOK_TILDE: op = TM_PY_INVERT; break;
  default: {
    tm_expr *e = awaited(p);
    if (!tm_parse_accept(p, TM_TOK_DOUBLESTAR)) return e;
    if (enter(p)) e = binary(p, TM_PY_POW, loc, e, unary(p));
    leave(p);
    return e;
  }
  }
  tm_parse_advance(p);
  tm_expr *e = tm_parse_node(p, TM_EXPR_UNARY, loc);
  e->op = op;
  e->a[0] = p->bad;
  if (enter(p)) e->a[0] = unary(p);
  leave(p);
  tm_parse_adopt(p, e, e->a[0]);
  return e;
}

tm_expr *tm_parse_bitwise_or(tm_parser *p) {
  /* Operands that wait for one of tighter binding to their right: levels
   * rise along the stack, so there are at most as many as levels. */
  struct { tm_expr *x; tm_loc loc; uint8_t level, op; } waiting[6];
  uint32_t n = 0;
  tm_loc loc = tm_parse_loc(p);
  tm_expr *x = unary(p);
  for (;;) {
    uint8_t level = precedence(p->tok->kind);
    while (n && waiting[n - 1].level >= level) {
      n--;
      loc = waiting[n].loc;
      x = binary(p, (tm_py_op)waiting[n].op, loc, waiting[n].x, x);
    }
    if (!level) return x;
    waiting[n].x = x;
    waiting[n].loc = loc;
    waiting[n].level = level;
    waiting[n].op = (uint8_t)(p->tok->kind - TM_TOK_PLUS + TM_PY_ADD);
    n++;
    tm_parse_advance(p);
    loc = tm_parse_loc(p);
    x = unary(p);
  }
}

/* The comparison operator at the next token, read; false if there is none. */
static bool comparison_op(tm_parser *p, tm_py_op *op) {
  switch (p->tok->kind) {
  case TM_TOK_EQ_EQ: *op = TM_PY_EQ; break;
  case TM_TOK_NOT_EQ: *op = TM_PY_NE; break;
  case TM_TOK_LESS: *op = TM_PY_LT; break;
  case TM_TOK_LESS_EQ: *op = TM_PY_LE; break;
  case TM_TOK_GREATER: *op = TM_PY_GT; break;
  case TM_TOK_GREATER_EQ: *op = TM_PY_GE; break;
  case TM_TOK_IN: *op = TM_PY_IN; break;
  case TM_TOK_IS:
    tm_parse_advance(p);
    *op = tm_parse_accept(p, TM_TOK_NOT) ? TM_PY_IS_NOT : TM_PY_IS;
    return true;
  case TM_TOK_NOT:
    if (tm_parse_peek(p) != TM_TOK_IN) return false;
    tm_parse_advance(p);
    *op = TM_PY_NOT_IN;
    break;
  default: return false;
  }
  tm_parse_advance(p);
  return true;
}

static tm_expr *comparison(tm_parser *p) {
  tm_loc loc = tm_parse_loc(p);
  tm_expr *first = tm_parse_bitwise_or(p);
  tm_py_op op;
  if (!comparison_op(p, &op)) return first;
  tm_expr *e = tm_parse_node(p, TM_EXPR_COMPARE, loc);
  TM_VEC(tm_py_op) ops = {0};
  uint32_t base = tm_parse_base(p);
  tm_parse_push(p, first);
  do {
    tm_push(p->arena, &ops, op);
    tm_parse_push(p, tm_parse_bitwise_or(p));
  } while (comparison_op(p, &op));
  e->items = tm_parse_exprs(p, base);
  e->ops = ops.data;
  tm_parse_adopt_items(p, e);
  return e;
}

static tm_expr *negation(tm_parser *p) {
  if (!tm_parse_at(p, TM_TOK_NOT)) return comparison(p);
  tm_expr *e = tm_parse_node(p, TM_EXPR_UNARY, tm_parse_loc(p));
  e->op = TM_PY_NOT;
  e->a[0] = p->bad;
  tm_parse_advance(p);
  if (enter(p)) e->a[0] = negation(p);
  leave(p);
  tm_parse_adopt(p, e, e->a[0]);
  return e;
}

/* item {word item} as one flat node. */
static tm_expr *flat(tm_parser *p, tm_expr *first, tm_loc loc,
                     tm_expr_kind kind, tm_token_kind word,
                     tm_expr *(*item)(tm_parser *)) {
  tm_expr *e = tm_parse_node(p, kind, loc);
  uint32_t base = tm_parse_base(p);
  tm_parse_push(p, first);
  while (tm_parse_accept(p, word)) tm_parse_push(p, item(p));
  e->items = tm_parse_exprs(p, base);
  tm_parse_adopt_items(p, e);
  return e;
}

static tm_expr *conjunction(tm_parser *p) {
  tm_loc loc = tm_parse_loc(p);
  tm_expr *e = negation(p);
  if (!tm_parse_at(p, TM_TOK_AND)) return e;
  return flat(p, e, loc, TM_EXPR_AND, TM_TOK_AND, negation);
}

tm_expr *tm_parse_disjunction(tm_parser *p) {
  tm_loc loc = tm_parse_loc(p);
  tm_expr *e = conjunction(p);
  if (!tm_parse_at(p, TM_TOK_OR)) return e;
  return flat(p, e, loc, TM_EXPR_OR, TM_TOK_OR, conjunction);
}

/* ---- whole expressions -------------------------------------------------- */

static tm_expr *lambda(tm_parser *p) {
  tm_expr *e = tm_parse_node(p, TM_EXPR_LAMBDA, tm_parse_loc(p));
  tm_parse_advance(p);
  p->lambdas++;
  e->params = tm_parse_params(p, TM_TOK_COLON);
  tm_parse_expect(p, TM_TOK_COLON, "':' after the lambda's parameters");
  e->a[0] = tm_parse_expression(p);
  if (p->lambdas) p->lambdas--;
  tm_parse_adopt(p, e, e->a[0]);
  for (uint32_t i = 0; i < e->params.len; i++)
    tm_parse_adopt(p, e, e->params.data[i].value);
  return e;
}

/* x if c else y, the x read and the `if` next. */
static tm_expr *conditional(tm_parser *p, tm_expr *value, tm_loc loc) {
  tm_expr *e = tm_parse_node1(p, TM_EXPR_IF, loc, value);
  tm_parse_advance(p);
  e->a[1] = tm_parse_disjunction(p);
  if (!tm_parse_at(p, TM_TOK_ELSE))
    tm_parse_fail(p, tm_parse_here(p), "write `a if condition else b`",
                  "expected 'else' after the condition, found %s",
                  tm_parse_found(p));
  tm_parse_accept(p, TM_TOK_ELSE);
  e->a[2] = tm_parse_expression(p);
  tm_parse_adopt(p, e, e->a[1]);
  tm_parse_adopt(p, e, e->a[2]);
  return e;
}

tm_expr *tm_parse_expression(tm_parser *p) {
  tm_expr *e = p->bad;
  if (enter(p)) {
    if (tm_parse_at(p, TM_TOK_LAMBDA)) {
      e = lambda(p);
    } else {
      tm_loc loc = tm_parse_loc(p);
      e = tm_parse_disjunction(p);
      if (tm_parse_at(p, TM_TOK_IF)) e = conditional(p, e, loc);
    }
  }
  leave(p);
  return e;
}

tm_expr *tm_parse_named(tm_parser *p) {
  if (!tm_parse_at(p, TM_TOK_NAME) ||
      tm_parse_peek(p) != TM_TOK_COLON_EQUAL) {
    tm_expr *e = tm_parse_expression(p);
    if (tm_parse_at(p, TM_TOK_COLON_EQUAL))
      tm_parse_fail(p, e->loc, NULL, "cannot use := with %s, only a name",
                    tm_parse_kind_name(e));
    return e;
  }
  tm_expr *name = atom(p);
  tm_expr *e = tm_parse_node1(p, TM_EXPR_WALRUS, name->loc, name);
  tm_parse_advance(p);
  e->a[1] = tm_parse_expression(p);
  tm_parse_adopt(p, e, e->a[1]);
  if (!p->lambdas) p->has_walrus = true;
  return e;
}

tm_expr *tm_parse_star_expressions(tm_parser *p) {
  tm_loc loc = tm_parse_loc(p);
  tm_expr *e = tm_parse_star_expression(p);
  if (tm_parse_at(p, TM_TOK_COMMA))
    return tm_parse_tuple_rest(p, e, loc, tm_parse_star_expression);
  return e;
}

tm_expr *tm_parse_yield_or_star(tm_parser *p) {
  if (!tm_parse_at(p, TM_TOK_YIELD)) {
    tm_expr *e = tm_parse_star_expressions(p);
    tm_parse_no_lone_star(p, e);
    return e;
  }
  tm_expr *e = tm_parse_node(p, TM_EXPR_YIELD, tm_parse_loc(p));
  tm_parse_advance(p);
  if (tm_parse_accept(p, TM_TOK_FROM)) {
    e->is_from = true;
    e->a[0] = tm_parse_expression(p);
  } else if (tm_parse_starts_expr(p)) {
    e->a[0] = tm_parse_star_expressions(p);
    tm_parse_no_lone_star(p, e->a[0]);
  }
  tm_parse_adopt(p, e, e->a[0]);
  return e;
}
