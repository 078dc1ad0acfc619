/* SPDX-License-Identifier: MIT */
/*
 * parse_string.c - string literals, joined when they stand side by side, and
 * f-strings with the expressions in them.
 *
 * An f-string becomes its pieces: STRING for literal text, with neighbours
 * merged, and FORMATTED for fields. `{x=}` is literal text "x=" and a field,
 * as CPython makes it.
 */
#include "parse.h"

/* The pieces of one (joined) f-string, or of one format spec. */
typedef struct pieces {
  tm_piece text;  /* literal text since the last field */
  uint32_t base;  /* of the finished pieces on the scratch stack */
} pieces;

static tm_expr *string_node(tm_parser *p, const tm_piece *piece,
                            tm_expr_kind kind, tm_loc loc) {
  tm_expr *e = tm_parse_node(p, kind, loc);
  e->text = (tm_str){piece->text.data ? piece->text.data : "",
                     piece->text.len};
  e->has_named_escapes = piece->named;
  return e;
}

static pieces pieces_start(tm_parser *p) {
  pieces list = {.base = tm_parse_base(p)};
  list.text.text = tm_buf_in(p->arena);
  return list;
}

static void pieces_flush(tm_parser *p, pieces *list) {
  if (list->text.text.len)
    tm_parse_push(p, string_node(p, &list->text, TM_EXPR_STRING,
                                 list->text.loc));
  list->text = (tm_piece){.text = tm_buf_in(p->arena)};
}

static tm_exprs pieces_end(tm_parser *p, pieces *list) {
  pieces_flush(p, list);
  return tm_parse_exprs(p, list->base);
}

static void field(tm_parser *p, pieces *list);

static void middle(tm_parser *p, pieces *list) {
  tm_piece_decode(p, &list->text, p->tok, p->tok->start, p->tok->end);
  tm_parse_advance(p);
}

static void field_conversion(tm_parser *p, tm_expr *e) {
  uint32_t end = p->tok->end;
  tm_parse_advance(p);
  const tm_token *token = p->tok;
  char c = p->lx.text[token->start];
  if (token->kind == TM_TOK_NAME && token->end == token->start + 1 &&
      (c == 'r' || c == 's' || c == 'a') && token->start == end) {
    e->conversion = c;
    tm_parse_advance(p);
    return;
  }
  tm_parse_fail(p, tm_parse_here(p), NULL,
                "the conversion after '!' is r, s or a, found %s",
                tm_parse_found(p));
}

static void field_spec(tm_parser *p, tm_expr *e) {
  pieces spec = pieces_start(p);
  e->has_spec = true;
  for (;;) {
    if (tm_parse_at(p, TM_TOK_FSTRING_MIDDLE))
      middle(p, &spec);
    else if (tm_parse_at(p, TM_TOK_LBRACE))
      field(p, &spec);
    else
      break;
  }
  e->items = pieces_end(p, &spec);
  for (uint32_t i = 0; i < e->items.len; i++)
    tm_parse_adopt(p, e, e->items.data[i]);
}

/* The text of tokens from first to before last, as written but without the
 * comments between them: what `{x = }` shows. */
static void add_source(tm_parser *p, tm_piece *piece, uint32_t from,
                       const tm_token *first, const tm_token *last) {
  const char *s = p->lx.text;
  for (const tm_token *token = first; token <= last; token++) {
    for (uint32_t at = from; at < token->start; at++) {
      if (s[at] == '#')
        while (s[at + 1] != '\n' && s[at + 1] != '\r') at++;
      else
        tm_piece_add(piece, s + at, 1);
    }
    if (token < last)
      tm_piece_add(piece, s + token->start, token->end - token->start);
    from = token->end;
  }
}

/* {expression = !conversion :spec}, from the brace. */
static void field(tm_parser *p, pieces *list) {
  tm_loc loc = tm_parse_loc(p);
  uint32_t start = p->tok->end;
  bool equals = false;
  tm_parse_advance(p);
  const tm_token *first = p->tok;
  if (tm_parse_at(p, TM_TOK_RBRACE) || tm_parse_at(p, TM_TOK_COLON) ||
      tm_parse_at(p, TM_TOK_EXCLAMATION))
    tm_parse_fail(p, tm_parse_loc(p), "a literal brace is written {{",
                  "an expression is missing in this field");
  tm_expr *e = tm_parse_node(p, TM_EXPR_FORMATTED, loc);
  e->a[0] = tm_parse_yield_or_star(p);
  tm_parse_adopt(p, e, e->a[0]);
  if (tm_parse_accept(p, TM_TOK_EQUAL) && !p->failed) {
    equals = true;
    if (!list->text.any) list->text.loc = loc;
    add_source(p, &list->text, start, first, p->tok);
  }
  uint32_t format = p->tok->start;
  if (tm_parse_at(p, TM_TOK_EXCLAMATION)) field_conversion(p, e);
  if (tm_parse_accept(p, TM_TOK_COLON)) field_spec(p, e);
  if (!tm_parse_at(p, TM_TOK_RBRACE) && !p->failed)
    tm_parse_fail(p, tm_parse_here(p), NULL,
                  "expected '}', ':' or '!' after the field's expression, "
                  "found %s", tm_parse_found(p));
  if (p->failed) return;
  e->format = (tm_str){p->lx.text + format, p->tok->start - format};
  if (equals && !e->conversion && !e->has_spec) {
    e->conversion = 'r';
    e->format = TM_STR("!r");
  }
  pieces_flush(p, list);
  tm_parse_push(p, e);
  tm_parse_accept(p, TM_TOK_RBRACE);
}

static void fstring(tm_parser *p, pieces *list) {
  tm_parse_advance(p);
  for (;;) {
    if (tm_parse_at(p, TM_TOK_FSTRING_MIDDLE)) {
      middle(p, list);
    } else if (tm_parse_at(p, TM_TOK_LBRACE)) {
      field(p, list);
    } else {
      tm_parse_expect(p, TM_TOK_FSTRING_END, "the end of the f-string");
      return;
    }
  }
}

static void plain(tm_parser *p, tm_piece *piece) {
  const tm_token *token = p->tok;
  uint32_t quotes = token->flags & TM_STRING_TRIPLE ? 3 : 1;
  tm_piece_decode(p, piece, token, token->start + token->lead,
                  token->end - quotes);
  tm_parse_advance(p);
}

static bool at_string(const tm_parser *p) {
  return tm_parse_at(p, TM_TOK_STRING) ||
         tm_parse_at(p, TM_TOK_FSTRING_START);
}

/* Bytes join bytes only, templates join templates only. */
static void check_joined(tm_parser *p, uint8_t first) {
  uint8_t other = p->tok->flags ^ first;
  if (other & TM_STRING_BYTES)
    tm_parse_fail(p, tm_parse_loc(p), NULL,
                  "bytes and text cannot be joined");
  else if (other & TM_STRING_TEMPLATE)
    tm_parse_fail(p, tm_parse_loc(p), NULL,
                  "t-strings and other strings cannot be joined");
}

static tm_expr *joined_fstring(tm_parser *p, tm_loc loc, uint8_t first) {
  tm_expr *e = tm_parse_node(p, TM_EXPR_FSTRING, loc);
  pieces list = pieces_start(p);
  while (at_string(p)) {
    check_joined(p, first);
    if (tm_parse_at(p, TM_TOK_STRING))
      plain(p, &list.text);
    else if (tm_parse_at(p, TM_TOK_FSTRING_START))
      fstring(p, &list);
  }
  e->is_template = first & TM_STRING_TEMPLATE;
  e->items = pieces_end(p, &list);
  for (uint32_t i = 0; i < e->items.len; i++)
    tm_parse_adopt(p, e, e->items.data[i]);
  return e;
}

/* One token without escapes needs no copy: the common case. */
static tm_expr *borrowed(tm_parser *p, tm_loc loc) {
  const tm_token *token = p->tok;
  tm_expr *e = tm_parse_node(p, TM_EXPR_STRING, loc);
  uint32_t quotes = token->flags & TM_STRING_TRIPLE ? 3 : 1;
  e->text.ptr = p->lx.text + token->start + token->lead;
  e->text.len = token->end - quotes - token->start - token->lead;
  tm_parse_advance(p);
  return e;
}

tm_expr *tm_parse_strings(tm_parser *p) {
  tm_loc loc = tm_parse_loc(p);
  const tm_token *token = p->tok;
  uint8_t first = token->flags;
  bool single = token->kind == TM_TOK_STRING &&
                token[1].kind != TM_TOK_STRING &&
                token[1].kind != TM_TOK_FSTRING_START;
  if (single && !(first & (TM_STRING_ENCODED | TM_STRING_BYTES)))
    return borrowed(p, loc);
  for (; token->kind == TM_TOK_STRING; token++) {
  }
  if (token->kind == TM_TOK_FSTRING_START)
    return joined_fstring(p, loc, first);
  tm_piece piece = {.text = tm_buf_in(p->arena)};
  while (tm_parse_at(p, TM_TOK_STRING)) {
    check_joined(p, first);
    if (!p->failed) plain(p, &piece);
  }
  return string_node(p, &piece, first & TM_STRING_BYTES ? TM_EXPR_BYTES
                                                        : TM_EXPR_STRING,
                     loc);
}
