/* SPDX-License-Identifier: MIT */
/* parse_display.c - what stands in brackets: tuples, lists, sets, dicts,
 * comprehensions; and the targets that a comprehension or `for` assigns to. */
#include "parse.h"

/* ---- comprehensions ----------------------------------------------------- */

bool tm_parse_at_clause(const tm_parser *p) {
  return tm_parse_at(p, TM_TOK_FOR) || tm_parse_at(p, TM_TOK_ASYNC);
}

tm_expr *tm_parse_targets(tm_parser *p) {
  tm_loc loc = tm_parse_loc(p);
  uint32_t base = tm_parse_base(p);
  bool tuple = false;
  do {
    tm_loc item = tm_parse_loc(p);
    if (tm_parse_accept(p, TM_TOK_STAR))
      tm_parse_push(p, tm_parse_node1(p, TM_EXPR_STARRED, item,
                             tm_parse_bitwise_or(p)));
    else
      tm_parse_push(p, tm_parse_bitwise_or(p));
    if (!tm_parse_accept(p, TM_TOK_COMMA)) break;
    tuple = true;
  } while (tm_parse_starts_expr(p));
  tm_exprs items = tm_parse_exprs(p, base);
  tm_expr *e = items.data[0];
  if (tuple) {
    e = tm_parse_node(p, TM_EXPR_TUPLE, loc);
    e->items = items;
    tm_parse_adopt_items(p, e);
  }
  tm_parse_check_target(p, e, "assign to", true);
  return e;
}

void tm_parse_clauses(tm_parser *p, tm_expr *node) {
  while (tm_parse_at_clause(p)) {
    tm_comp_clause clause = {0};
    clause.is_async = tm_parse_accept(p, TM_TOK_ASYNC);
    tm_parse_expect(p, TM_TOK_FOR, "'for'");
    clause.target = tm_parse_targets(p);
    tm_parse_expect(p, TM_TOK_IN, "'in' after the comprehension's target");
    clause.iter = tm_parse_disjunction(p);
    uint32_t base = tm_parse_base(p);
    while (tm_parse_accept(p, TM_TOK_IF))
      tm_parse_push(p, tm_parse_disjunction(p));
    clause.conditions = tm_parse_exprs(p, base);
    tm_parse_adopt(p, node, clause.target);
    tm_parse_adopt(p, node, clause.iter);
    for (uint32_t i = 0; i < clause.conditions.len; i++)
      tm_parse_adopt(p, node, clause.conditions.data[i]);
    tm_push(p->arena, &node->clauses, clause);
  }
}

static tm_expr *comprehension(tm_parser *p, tm_py_op op, tm_loc loc,
                              tm_expr *key, tm_expr *value) {
  tm_expr *e = tm_parse_node(p, TM_EXPR_COMPREHENSION, loc);
  e->op = op;
  e->a[0] = key;
  e->a[1] = value;
  tm_parse_adopt(p, e, key);
  tm_parse_adopt(p, e, value);
  if (key->kind == TM_EXPR_STARRED)
    tm_parse_fail(p, key->loc, NULL,
                  "unpacking is not allowed in a comprehension");
  tm_parse_clauses(p, e);
  return e;
}

/* ---- brackets ----------------------------------------------------------- */

tm_expr *tm_parse_star_named(tm_parser *p) {
  tm_loc loc = tm_parse_loc(p);
  if (tm_parse_accept(p, TM_TOK_STAR))
    return tm_parse_node1(p, TM_EXPR_STARRED, loc, tm_parse_bitwise_or(p));
  return tm_parse_named(p);
}

/* Whether what comes is neither *x nor, without parentheses, a := b. */
bool tm_parse_at_plain_item(const tm_parser *p) {
  return !tm_parse_at(p, TM_TOK_STAR) &&
         !(tm_parse_at(p, TM_TOK_NAME) &&
           tm_parse_peek(p) == TM_TOK_COLON_EQUAL);
}

tm_expr *tm_parse_star_expression(tm_parser *p) {
  tm_loc loc = tm_parse_loc(p);
  if (tm_parse_accept(p, TM_TOK_STAR))
    return tm_parse_node1(p, TM_EXPR_STARRED, loc, tm_parse_bitwise_or(p));
  return tm_parse_expression(p);
}

tm_expr *tm_parse_tuple_rest(tm_parser *p, tm_expr *first, tm_loc loc,
                             tm_expr *(*item)(tm_parser *)) {
  tm_expr *e = tm_parse_node(p, TM_EXPR_TUPLE, loc);
  uint32_t base = tm_parse_base(p);
  tm_parse_push(p, first);
  while (tm_parse_accept(p, TM_TOK_COMMA) && tm_parse_starts_expr(p))
    tm_parse_push(p, item(p));
  e->items = tm_parse_exprs(p, base);
  tm_parse_adopt_items(p, e);
  return e;
}

void tm_parse_no_lone_star(tm_parser *p, const tm_expr *e) {
  if (e->kind == TM_EXPR_STARRED)
    tm_parse_fail(p, e->loc, "write `*x,` to make it a tuple",
                  "a starred expression cannot stand alone");
}

tm_expr *tm_parse_parenthesised(tm_parser *p) {
  tm_loc loc = tm_parse_loc(p);
  tm_parse_advance(p);
  if (tm_parse_accept(p, TM_TOK_RPAREN))
    return tm_parse_node(p, TM_EXPR_TUPLE, loc);
  tm_expr *e;
  if (tm_parse_at(p, TM_TOK_YIELD)) {
    e = tm_parse_yield_or_star(p);
  } else {
    e = tm_parse_star_named(p);
    if (tm_parse_at_clause(p))
      e = comprehension(p, TM_PY_GENERATOR, loc, e, NULL);
    else if (tm_parse_at(p, TM_TOK_COMMA))
      e = tm_parse_tuple_rest(p, e, loc, tm_parse_star_named);
    else
      tm_parse_no_lone_star(p, e);
  }
  tm_parse_close(p, TM_TOK_RPAREN, loc);
  return e;
}

tm_expr *tm_parse_list(tm_parser *p) {
  tm_loc loc = tm_parse_loc(p);
  tm_parse_advance(p);
  uint32_t base = tm_parse_base(p);
  while (tm_parse_starts_expr(p)) {
    tm_expr *item = tm_parse_star_named(p);
    if (tm_parse_at_clause(p) && tm_parse_base(p) == base) {
      item = comprehension(p, TM_PY_LIST_COMP, loc, item, NULL);
      tm_parse_close(p, TM_TOK_RBRACKET, loc);
      return item;
    }
    tm_parse_push(p, item);
    if (!tm_parse_accept(p, TM_TOK_COMMA)) break;
  }
  tm_expr *e = tm_parse_node(p, TM_EXPR_LIST, loc);
  e->items = tm_parse_exprs(p, base);
  tm_parse_adopt_items(p, e);
  tm_parse_close(p, TM_TOK_RBRACKET, loc);
  return e;
}

/* key: value or **value; pushes two. Whether it was the latter. */
static bool dict_item(tm_parser *p) {
  if (tm_parse_accept(p, TM_TOK_DOUBLESTAR)) {
    tm_parse_push(p, NULL);
    tm_parse_push(p, tm_parse_bitwise_or(p));
    return true;
  }
  tm_parse_push(p, tm_parse_expression(p));
  tm_parse_expect(p, TM_TOK_COLON, "':' after the dict's key");
  tm_parse_push(p, tm_parse_expression(p));
  return false;
}

/* A dict whose first item (key, value, or NULL, **value) is pushed. */
static tm_expr *dict_rest(tm_parser *p, tm_loc loc, uint32_t base,
                          bool unpacked) {
  tm_expr *e;
  if (tm_parse_at_clause(p)) {
    tm_expr *key = p->scratch.data[base], *value = p->scratch.data[base + 1];
    p->scratch.len = base;
    if (unpacked) {
      tm_parse_fail(p, value->loc, NULL,
                    "unpacking is not allowed in a comprehension");
      return p->bad;
    }
    e = comprehension(p, TM_PY_DICT_COMP, loc, key, value);
  } else {
    while (tm_parse_accept(p, TM_TOK_COMMA) &&
           !tm_parse_at(p, TM_TOK_RBRACE) && !p->failed)
      dict_item(p);
    e = tm_parse_node(p, TM_EXPR_DICT, loc);
    e->items = tm_parse_exprs(p, base);
    tm_parse_adopt_items(p, e);
  }
  tm_parse_close(p, TM_TOK_RBRACE, loc);
  return e;
}

tm_expr *tm_parse_braces(tm_parser *p) {
  tm_loc loc = tm_parse_loc(p);
  uint32_t base = tm_parse_base(p);
  tm_parse_advance(p);
  if (tm_parse_accept(p, TM_TOK_RBRACE))
    return tm_parse_node(p, TM_EXPR_DICT, loc);
  if (tm_parse_at(p, TM_TOK_DOUBLESTAR)) {
    dict_item(p);
    return dict_rest(p, loc, base, true);
  }
  bool plain = tm_parse_at_plain_item(p);
  tm_expr *first = tm_parse_star_named(p);
  if (tm_parse_at(p, TM_TOK_COLON)) {
    if (!plain)
      tm_parse_fail(p, first->loc, NULL, "a dict's key cannot be %s",
                    tm_parse_kind_name(first));
    tm_parse_advance(p);
    tm_parse_push(p, first);
    tm_parse_push(p, tm_parse_expression(p));
    return dict_rest(p, loc, base, false);
  }
  if (tm_parse_at_clause(p)) {
    tm_expr *e = comprehension(p, TM_PY_SET_COMP, loc, first, NULL);
    tm_parse_close(p, TM_TOK_RBRACE, loc);
    return e;
  }
  tm_parse_push(p, first);
  while (tm_parse_accept(p, TM_TOK_COMMA) && tm_parse_starts_expr(p))
    tm_parse_push(p, tm_parse_star_named(p));
  tm_expr *e = tm_parse_node(p, TM_EXPR_SET, loc);
  e->items = tm_parse_exprs(p, base);
  tm_parse_adopt_items(p, e);
  tm_parse_close(p, TM_TOK_RBRACE, loc);
  return e;
}
