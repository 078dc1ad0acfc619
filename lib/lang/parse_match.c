/* SPDX-License-Identifier: MIT */
/*
 * parse_match.c - match statements (PEP 634). Patterns are spelled with
 * expression nodes, see TM_STMT_MATCH; kernels cannot contain them, but host
 * code around kernels does.
 *
 * `match` and `case` are names elsewhere. A line is a match statement when
 * an expression follows the word and the line ends in a colon: no other
 * statement that starts with a name does.
 */
#include "parse.h"

static tm_expr *or_pattern(tm_parser *p);
static tm_expr *as_pattern(tm_parser *p);

bool tm_parse_at_match(const tm_parser *p) {
  if (!tm_parse_at_name(p, p->word_match)) return false;
  switch (tm_parse_peek(p)) {
  case TM_TOK_NAME: case TM_TOK_NUMBER: case TM_TOK_STRING:
  case TM_TOK_FSTRING_START: case TM_TOK_LPAREN: case TM_TOK_LBRACKET:
  case TM_TOK_LBRACE: case TM_TOK_ELLIPSIS: case TM_TOK_MINUS:
  case TM_TOK_PLUS: case TM_TOK_TILDE: case TM_TOK_STAR: case TM_TOK_NOT:
  case TM_TOK_LAMBDA: case TM_TOK_AWAIT: case TM_TOK_TRUE:
  case TM_TOK_FALSE: case TM_TOK_NONE:
    break;
  default: return false;
  }
  uint32_t n = p->lx.tokens.len;
  return n >= 2 && p->lx.tokens.data[n - 2].kind == TM_TOK_COLON;
}

static tm_expr *pattern_node(tm_parser *p, tm_expr_kind kind, tm_loc loc,
                             uint32_t base) {
  tm_expr *e = tm_parse_node(p, kind, loc);
  e->items = tm_parse_exprs(p, base);
  for (uint32_t i = 0; i < e->items.len; i++)
    tm_parse_adopt(p, e, e->items.data[i]);
  return e;
}

/* -1, 1, 1 + 2j, -1 - 2j */
static tm_expr *number_pattern(tm_parser *p) {
  tm_loc loc = tm_parse_loc(p);
  tm_expr *e = NULL;
  bool minus = tm_parse_accept(p, TM_TOK_MINUS);
  if (!tm_parse_at(p, TM_TOK_NUMBER)) {
    tm_parse_fail_expected(p, "a number in the pattern");
    return p->bad;
  }
  e = tm_parse_number(p);
  if (minus) {
    tm_expr *negative = tm_parse_node(p, TM_EXPR_UNARY, loc);
    negative->op = TM_PY_NEG;
    negative->a[0] = e;
    tm_parse_adopt(p, negative, e);
    e = negative;
  }
  if (!tm_parse_at(p, TM_TOK_PLUS) && !tm_parse_at(p, TM_TOK_MINUS)) return e;
  tm_expr *sum = tm_parse_node(p, TM_EXPR_BINARY, loc);
  sum->op = tm_parse_at(p, TM_TOK_PLUS) ? TM_PY_ADD : TM_PY_SUB;
  tm_parse_advance(p);
  sum->a[0] = e;
  if (!tm_parse_at(p, TM_TOK_NUMBER)) {
    tm_parse_fail_expected(p, "an imaginary number in the pattern");
    return p->bad;
  }
  sum->a[1] = tm_parse_number(p);
  if (sum->a[1]->kind != TM_EXPR_COMPLEX)
    tm_parse_fail(p, sum->a[1]->loc, NULL,
                  "an imaginary number is required in a complex literal");
  tm_parse_adopt(p, sum, e);
  tm_parse_adopt(p, sum, sum->a[1]);
  return sum;
}

/* A name, or a dotted value: a.b.c. */
static tm_expr *dotted_pattern(tm_parser *p) {
  tm_loc loc = tm_parse_loc(p);
  tm_expr *e = tm_parse_node(p, TM_EXPR_NAME, loc);
  e->name = tm_parse_name(p, "a name");
  while (tm_parse_accept(p, TM_TOK_DOT)) {
    tm_expr *attribute = tm_parse_node(p, TM_EXPR_ATTRIBUTE, loc);
    attribute->a[0] = e;
    attribute->name = tm_parse_name(p, "a name after '.'");
    tm_parse_adopt(p, attribute, e);
    e = attribute;
  }
  return e;
}

/* Class(pattern, key=pattern), from the '('. */
static tm_expr *class_pattern(tm_parser *p, tm_expr *callee) {
  tm_expr *e = tm_parse_node(p, TM_EXPR_CALL, callee->loc);
  tm_loc open = tm_parse_loc(p);
  uint32_t base = tm_parse_base(p);
  e->a[0] = callee;
  tm_parse_adopt(p, e, callee);
  tm_parse_advance(p);
  while (!tm_parse_at(p, TM_TOK_RPAREN) && !p->failed) {
    if (tm_parse_at(p, TM_TOK_NAME) && tm_parse_peek(p) == TM_TOK_EQUAL) {
      tm_keyword keyword = {.name = p->tok->name, .loc = tm_parse_loc(p)};
      tm_parse_advance(p);
      tm_parse_advance(p);
      keyword.value = as_pattern(p);
      tm_parse_adopt(p, e, keyword.value);
      tm_push(p->arena, &e->keywords, keyword);
    } else {
      if (e->keywords.len)
        tm_parse_fail(p, tm_parse_loc(p), NULL,
                      "a positional pattern follows a keyword pattern");
      tm_expr *item = as_pattern(p);
      tm_parse_adopt(p, e, item);
      tm_parse_push(p, item);
    }
    if (!tm_parse_accept(p, TM_TOK_COMMA)) break;
  }
  e->items = tm_parse_exprs(p, base);
  tm_parse_close(p, TM_TOK_RPAREN, open);
  return e;
}

/* *name or a pattern: an item of a sequence. */
static tm_expr *sequence_item(tm_parser *p) {
  if (!tm_parse_at(p, TM_TOK_STAR)) return as_pattern(p);
  tm_expr *e = tm_parse_node(p, TM_EXPR_STARRED, tm_parse_loc(p));
  tm_parse_advance(p);
  e->a[0] = tm_parse_node(p, TM_EXPR_NAME, tm_parse_loc(p));
  e->a[0]->name = tm_parse_name(p, "a name after '*'");
  tm_parse_adopt(p, e, e->a[0]);
  return e;
}

static bool starts_pattern(const tm_parser *p) {
  switch (p->tok->kind) {
  case TM_TOK_NAME: case TM_TOK_NUMBER: case TM_TOK_STRING:
  case TM_TOK_FSTRING_START: case TM_TOK_LPAREN: case TM_TOK_LBRACKET:
  case TM_TOK_LBRACE: case TM_TOK_MINUS: case TM_TOK_STAR: case TM_TOK_TRUE:
  case TM_TOK_FALSE: case TM_TOK_NONE:
    return true;
  default:
    return false;
  }
}

/* Items up to what does not start one; whether a comma was among them. */
static bool sequence_items(tm_parser *p) {
  bool comma = false;
  while (starts_pattern(p)) {
    tm_parse_push(p, sequence_item(p));
    if (!tm_parse_accept(p, TM_TOK_COMMA)) break;
    comma = true;
  }
  return comma;
}

static tm_expr *bracket_pattern(tm_parser *p, tm_token_kind close) {
  tm_loc loc = tm_parse_loc(p);
  uint32_t base = tm_parse_base(p);
  tm_parse_advance(p);
  bool comma = sequence_items(p);
  uint32_t n = tm_parse_base(p) - base;
  tm_expr *e;
  if (close == TM_TOK_RPAREN && n == 1 && !comma) { /* only grouped */
    tm_exprs items = tm_parse_exprs(p, base);
    e = items.data[0];
    if (e->kind == TM_EXPR_STARRED)
      tm_parse_fail(p, e->loc, "write (*x,)",
                    "a starred pattern cannot stand alone");
  } else {
    e = pattern_node(p, TM_EXPR_LIST, loc, base);
  }
  tm_parse_close(p, close, loc);
  return e;
}

/* The key of a mapping pattern: a literal or a dotted value. */
static tm_expr *mapping_key(tm_parser *p) {
  tm_expr *key = or_pattern(p);
  bool literal = key->kind != TM_EXPR_NAME && key->kind != TM_EXPR_LIST &&
                 key->kind != TM_EXPR_DICT && key->kind != TM_EXPR_CALL &&
                 key->kind != TM_EXPR_WALRUS &&
                 !(key->kind == TM_EXPR_BINARY && key->op == TM_PY_OR);
  if (!literal)
    tm_parse_fail(p, key->loc, NULL,
                  "the key of a mapping pattern is a literal or a dotted "
                  "name");
  return key;
}

static tm_expr *mapping_pattern(tm_parser *p) {
  tm_loc loc = tm_parse_loc(p);
  uint32_t base = tm_parse_base(p);
  bool rest = false;
  tm_parse_advance(p);
  while (!tm_parse_at(p, TM_TOK_RBRACE) && !p->failed) {
    if (rest)
      tm_parse_fail(p, tm_parse_loc(p), NULL,
                    "nothing can follow ** in a mapping pattern");
    if (tm_parse_accept(p, TM_TOK_DOUBLESTAR)) {
      tm_expr *name = tm_parse_node(p, TM_EXPR_NAME, tm_parse_loc(p));
      name->name = tm_parse_name(p, "a name after '**'");
      tm_parse_push(p, NULL);
      tm_parse_push(p, name);
      rest = true;
    } else {
      tm_parse_push(p, mapping_key(p));
      tm_parse_expect(p, TM_TOK_COLON, "':' after the pattern's key");
      tm_parse_push(p, as_pattern(p));
    }
    if (!tm_parse_accept(p, TM_TOK_COMMA)) break;
  }
  tm_expr *e = pattern_node(p, TM_EXPR_DICT, loc, base);
  tm_parse_close(p, TM_TOK_RBRACE, loc);
  return e;
}

static tm_expr *constant_pattern(tm_parser *p, tm_expr_kind kind) {
  tm_expr *e = tm_parse_node(p, kind, tm_parse_loc(p));
  tm_parse_advance(p);
  return e;
}

static tm_expr *closed_pattern(tm_parser *p) {
  switch (p->tok->kind) {
  case TM_TOK_NUMBER: case TM_TOK_MINUS: return number_pattern(p);
  case TM_TOK_STRING: return tm_parse_strings(p);
  case TM_TOK_NONE: return constant_pattern(p, TM_EXPR_NONE);
  case TM_TOK_TRUE: return constant_pattern(p, TM_EXPR_TRUE);
  case TM_TOK_FALSE: return constant_pattern(p, TM_EXPR_FALSE);
  case TM_TOK_LPAREN: return bracket_pattern(p, TM_TOK_RPAREN);
  case TM_TOK_LBRACKET: return bracket_pattern(p, TM_TOK_RBRACKET);
  case TM_TOK_LBRACE: return mapping_pattern(p);
  case TM_TOK_NAME: {
    tm_expr *e = dotted_pattern(p);
    return tm_parse_at(p, TM_TOK_LPAREN) ? class_pattern(p, e) : e;
  }
  case TM_TOK_FSTRING_START:
    tm_parse_fail(p, tm_parse_loc(p), "compare in a guard: case x if x == ...",
                  "a pattern cannot be an f-string");
    return p->bad;
  default:
    tm_parse_fail_expected(p, "a pattern");
    return p->bad;
  }
}

static tm_expr *or_pattern(tm_parser *p) {
  tm_loc loc = tm_parse_loc(p);
  tm_expr *e = closed_pattern(p);
  while (tm_parse_accept(p, TM_TOK_BAR)) {
    tm_expr *both = tm_parse_node(p, TM_EXPR_BINARY, loc);
    both->op = TM_PY_OR;
    both->a[0] = e;
    both->a[1] = closed_pattern(p);
    tm_parse_adopt(p, both, both->a[0]);
    tm_parse_adopt(p, both, both->a[1]);
    e = both;
  }
  return e;
}

static tm_expr *as_pattern(tm_parser *p) {
  tm_loc loc = tm_parse_loc(p);
  tm_expr *e = or_pattern(p);
  if (!tm_parse_accept(p, TM_TOK_AS)) return e;
  tm_expr *as = tm_parse_node(p, TM_EXPR_WALRUS, loc);
  as->a[0] = tm_parse_node(p, TM_EXPR_NAME, tm_parse_loc(p));
  as->a[0]->name = tm_parse_name(p, "a name after 'as'");
  if (as->a[0]->name == p->word_underscore)
    tm_parse_fail(p, as->a[0]->loc, NULL, "'_' binds nothing after 'as'");
  as->a[1] = e;
  tm_parse_adopt(p, as, e);
  return as;
}

/* The pattern of a case: as [..] when commas are in it. */
static tm_expr *open_pattern(tm_parser *p) {
  tm_loc loc = tm_parse_loc(p);
  uint32_t base = tm_parse_base(p);
  if (!starts_pattern(p)) {
    tm_parse_fail_expected(p, "a pattern after 'case'");
    return p->bad;
  }
  bool comma = sequence_items(p);
  uint32_t n = tm_parse_base(p) - base;
  tm_expr *first = p->scratch.data[base];
  if (!comma && n == 1 && first->kind != TM_EXPR_STARRED) {
    p->scratch.len = base;
    return first;
  }
  if (!comma)
    tm_parse_fail(p, first->loc, "write `*x,`",
                  "a starred pattern cannot stand alone");
  return pattern_node(p, TM_EXPR_LIST, loc, base);
}

static bool case_block(tm_parser *p, tm_stmt *stmt) {
  uint32_t line = p->tok->line;
  tm_parse_advance(p);
  p->has_walrus = false;
  tm_expr *pattern = open_pattern(p), *guard = NULL;
  if (tm_parse_accept(p, TM_TOK_IF)) guard = tm_parse_named(p);
  stmt->has_walrus |= p->has_walrus;
  tm_push(p->arena, &stmt->items, pattern);
  tm_push(p->arena, &stmt->items, guard);
  tm_stmts body = {0};
  bool good = tm_parse_suite(p, stmt, &body,
                             guard ? "the guard" : "the pattern", "'case'",
                             line);
  tm_push(p->arena, &stmt->blocks, body);
  return good;
}

tm_stmt *tm_parse_match(tm_parser *p) {
  tm_stmt *stmt = tm_parse_new_stmt(p, TM_STMT_MATCH, tm_parse_loc(p));
  bool good = true;
  tm_parse_advance(p);
  tm_loc loc = tm_parse_loc(p);
  stmt->e = tm_parse_star_named(p);
  if (tm_parse_at(p, TM_TOK_COMMA))
    stmt->e = tm_parse_tuple_rest(p, stmt->e, loc, tm_parse_star_named);
  stmt->has_walrus = p->has_walrus;
  /* Cases are not statements, so this block is read here. */
  if (!tm_parse_accept(p, TM_TOK_COLON) && !p->failed)
    tm_parse_fail_expected(p, "':' after the subject");
  if (p->failed) {
    good = false;
    tm_parse_skip_line(p);
  }
  tm_parse_accept(p, TM_TOK_NEWLINE);
  if (!tm_parse_accept(p, TM_TOK_INDENT)) {
    tm_parse_report(p, tm_parse_loc(p), NULL,
                    "expected an indented block after the 'match' on line %u",
                    stmt->loc.line);
    return NULL;
  }
  while (tm_parse_at_name(p, p->word_case)) good &= case_block(p, stmt);
  if (!tm_parse_at(p, TM_TOK_DEDENT) && !tm_parse_at(p, TM_TOK_END)) {
    tm_parse_report(p, tm_parse_loc(p), NULL,
                    "expected 'case' in the block of the 'match' on line %u",
                    stmt->loc.line);
    uint32_t base = tm_parse_base(p);
    tm_parse_statements(p);
    p->scratch.len = base;
    good = false;
  }
  tm_parse_accept(p, TM_TOK_DEDENT);
  return good ? stmt : NULL;
}
