/* SPDX-License-Identifier: MIT */
/*
 * pp_condition.c - the value of an #if: integer expressions over 64 bits, by
 * precedence climbing (C11 6.10.1). Names left after expansion are 0, except
 * true. What the value does not depend on, as the right of 0 &&, may divide
 * by zero.
 */
#include "front.h"

enum { MOST_PARENTHESES = 100 };

typedef struct if_parser {
  tm_diags *diags;
  const sm_token *t, *end;
  tm_loc loc;
  unsigned depth;
  bool failed;
} if_parser;

typedef struct if_value {
  int64_t v;
  bool is_unsigned;
} if_value;

static if_value if_fail(if_parser *ip, const char *what) {
  if (!ip->failed)
    tm_error_at(ip->diags, TM_DIAG_SYNTAX,
                ip->t < ip->end ? ip->t->loc : ip->loc, "%s", what);
  ip->failed = true;
  ip->t = ip->end;
  return (if_value){0, false};
}

static if_value if_ternary(if_parser *ip, bool live);

static if_value if_primary(if_parser *ip, bool live) {
  if (ip->t == ip->end)
    return if_fail(ip, "expected a value in the condition of #if");
  const sm_token *t = ip->t;
  if (++ip->depth > MOST_PARENTHESES)
    return if_fail(ip, "the condition of #if is nested too deeply");
  if_value v = {0, false};
  sm_number number;
  int64_t character;
  ip->t++;
  if (sm_token_is(t, SM_P_LPAREN)) {
    v = if_ternary(ip, live);
    if (ip->t == ip->end || !sm_token_is(ip->t, SM_P_RPAREN))
      return if_fail(ip, "expected ')' in the condition of #if");
    ip->t++;
  } else if (sm_token_is(t, SM_P_BANG)) {
    v.v = !if_primary(ip, live).v;
  } else if (sm_token_is(t, SM_P_MINUS)) {
    v = if_primary(ip, live);
    v.v = (int64_t)(0 - (uint64_t)v.v);
  } else if (sm_token_is(t, SM_P_PLUS)) {
    v = if_primary(ip, live);
  } else if (sm_token_is(t, SM_P_TILDE)) {
    v = if_primary(ip, live);
    v.v = ~v.v;
  } else if (t->kind == SM_TK_NUMBER &&
             sm_lex_number(t, &number) == SM_NUMBER_OK &&
             sm_is_integer(number.type)) {
    v.v = (int64_t)number.i;
    v.is_unsigned = number.type == SM_ULONG || number.type == SM_UINT;
  } else if (t->kind == SM_TK_CHAR && sm_lex_char(t, &character)) {
    v.v = character;
  } else if (t->kind == SM_TK_NAME) {
    v.v = t->len == 4 && memcmp(t->text, "true", 4) == 0;
  } else {
    ip->t--;
    return if_fail(ip, "invalid token in the condition of #if");
  }
  ip->depth--;
  return v;
}

static int if_precedence(const sm_token *t) {
  if (t->kind != SM_TK_PUNCT) return -1;
  switch ((int)t->punct) {
    case SM_P_OROR: return 1;
    case SM_P_ANDAND: return 2;
    case SM_P_PIPE: return 3;
    case SM_P_CARET: return 4;
    case SM_P_AMP: return 5;
    case SM_P_EQ: case SM_P_NE: return 6;
    case SM_P_LT: case SM_P_GT: case SM_P_LE: case SM_P_GE: return 7;
    case SM_P_SHL: case SM_P_SHR: return 8;
    case SM_P_PLUS: case SM_P_MINUS: return 9;
    case SM_P_STAR: case SM_P_SLASH: case SM_P_PERCENT: return 10;
    default: return -1;
  }
}

static if_value if_divide(if_parser *ip, int op, if_value a, if_value b,
                          bool live) {
  bool u = a.is_unsigned || b.is_unsigned;
  if (b.v == 0 || (!u && b.v == -1)) {
    if (b.v == 0 && live)
      return if_fail(ip, "division by zero in the condition of #if");
    uint64_t negated = 0 - (uint64_t)a.v;
    return (if_value){op == SM_P_SLASH ? (int64_t)negated : 0, u};
  }
  if (u) {
    uint64_t x = (uint64_t)a.v, y = (uint64_t)b.v;
    return (if_value){(int64_t)(op == SM_P_SLASH ? x / y : x % y), u};
  }
  return (if_value){op == SM_P_SLASH ? a.v / b.v : a.v % b.v, u};
}

static if_value if_apply(if_parser *ip, int op, if_value a, if_value b,
                         bool live) {
  bool u = a.is_unsigned || b.is_unsigned;
  uint64_t x = (uint64_t)a.v, y = (uint64_t)b.v;
  bool less = u ? x < y : a.v < b.v;
  switch (op) {
    case SM_P_OROR: return (if_value){a.v || b.v, false};
    case SM_P_ANDAND: return (if_value){a.v && b.v, false};
    case SM_P_PIPE: return (if_value){(int64_t)(x | y), u};
    case SM_P_CARET: return (if_value){(int64_t)(x ^ y), u};
    case SM_P_AMP: return (if_value){(int64_t)(x & y), u};
    case SM_P_EQ: return (if_value){x == y, false};
    case SM_P_NE: return (if_value){x != y, false};
    case SM_P_LT: return (if_value){less, false};
    case SM_P_GE: return (if_value){!less, false};
    case SM_P_LE: return (if_value){less || x == y, false};
    case SM_P_GT: return (if_value){!less && x != y, false};
    case SM_P_SHL: return (if_value){(int64_t)(x << (y & 63)), u};
    case SM_P_SHR:
      return (if_value){u ? (int64_t)(x >> (y & 63)) : a.v >> (y & 63), u};
    case SM_P_PLUS: return (if_value){(int64_t)(x + y), u};
    case SM_P_MINUS: return (if_value){(int64_t)(x - y), u};
    case SM_P_STAR: return (if_value){(int64_t)(x * y), u};
    default: return if_divide(ip, op, a, b, live);
  }
}

static if_value if_binary(if_parser *ip, int lowest, bool live) {
  if_value a = if_primary(ip, live);
  int precedence;
  while (ip->t < ip->end && (precedence = if_precedence(ip->t)) >= lowest) {
    int op = ip->t++->punct;
    bool skipped = (op == SM_P_ANDAND && !a.v) || (op == SM_P_OROR && a.v);
    if_value b = if_binary(ip, precedence + 1, live && !skipped);
    a = if_apply(ip, op, a, b, live);
  }
  return a;
}

static if_value if_ternary(if_parser *ip, bool live) {
  if (++ip->depth > MOST_PARENTHESES)
    return if_fail(ip, "the condition of #if is nested too deeply");
  if_value c = if_binary(ip, 1, live);
  if (ip->t < ip->end && sm_token_is(ip->t, SM_P_QUESTION)) {
    ip->t++;
    if_value a = if_ternary(ip, live && c.v);
    if (ip->t == ip->end || !sm_token_is(ip->t, SM_P_COLON))
      return if_fail(ip, "expected ':' in the condition of #if");
    ip->t++;
    if_value b = if_ternary(ip, live && !c.v);
    c.v = c.v ? a.v : b.v;
    c.is_unsigned = a.is_unsigned || b.is_unsigned;
  }
  ip->depth--;
  return c;
}

bool sm_evaluate_condition(tm_diags *diags, const sm_tokens *tokens,
                           tm_loc loc) {
  if_parser ip = {diags, tokens->data, sm_tokens_end(tokens), loc, 0, false};
  if_value v = if_ternary(&ip, true);
  if (!ip.failed && ip.t != ip.end)
    if_fail(&ip, "extra tokens after the condition of #if");
  return v.v != 0 && !ip.failed;
}
