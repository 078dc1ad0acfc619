/* SPDX-License-Identifier: MIT */
/*
 * literal.c - the values of number and string tokens.
 *
 * Integers keep 64 bits; of larger ones the text is kept too, since a host
 * module may hold any. Floats are rounded correctly, independent of the
 * locale: strtod is given digits and an exponent, never a decimal point.
 *
 * \N{name} stays as written, as we carry no table of Unicode names. So that
 * such a text is still unambiguous, its other backslashes are doubled (see
 * tm_expr.has_named_escapes).
 */
#include "parse.h"

#include <stdlib.h>

/* ---- numbers ------------------------------------------------------------ */

enum { MOST_DIGITS = 4300 }; /* CPython's limit for decimal integers, so that
                                reading one takes no quadratic time */

static uint32_t digit_value(char c) {
  if (c <= '9') return (uint32_t)(c - '0');
  return (uint32_t)((c | 0x20) - 'a') + 10;
}

/* The token's text without underscores, zero-terminated. */
static char *clean_text(tm_parser *p, const tm_token *token, size_t *n) {
  const char *s = p->lx.text + token->start;
  size_t size = token->end - token->start;
  char *clean = tm_alloc(p->arena, size + 1);
  *n = 0;
  for (size_t i = 0; i < size; i++)
    if (s[i] != '_') clean[(*n)++] = s[i];
  return clean;
}

/* Correctly rounded value of n bytes: digits, a point, an exponent. */
static double decimal_value(tm_arena *arena, const char *s, size_t n) {
  char small[64];
  char *text = n + 32 <= sizeof small ? small : tm_alloc(arena, n + 32);
  size_t len = 0, i = 0;
  int64_t shift = 0;
  bool point = false;
  for (; i < n && s[i] != 'e' && s[i] != 'E'; i++) {
    if (s[i] == '.') {
      point = true;
    } else {
      text[len++] = s[i];
      shift -= point;
    }
  }
  if (i < n) {
    bool negative = s[++i] == '-';
    if (s[i] == '-' || s[i] == '+') i++;
    int64_t exponent = 0;
    for (; i < n; i++)
      if (exponent < (int64_t)1 << 50) exponent = exponent * 10 + (s[i] - '0');
    shift += negative ? -exponent : exponent;
  }
  /* The exponent by hand: printf is for people, and 64 bits may not do. */
  text[len++] = 'e';
  text[len++] = shift < 0 ? '-' : '+';
  uint64_t rest = shift < 0 ? (uint64_t)-shift : (uint64_t)shift;
  char reversed[24];
  size_t count = 0;
  do reversed[count++] = (char)('0' + rest % 10);
  while (rest /= 10);
  while (count) text[len++] = reversed[--count];
  text[len] = 0;
  return strtod(text, NULL);
}

static void set_integer(tm_parser *p, tm_expr *e, const tm_token *token) {
  const char *s = p->lx.text + token->start;
  const char *end = p->lx.text + token->end;
  uint32_t base = 10;
  if (s[0] == '0' && end - s > 2) {
    char c = (char)(s[1] | 0x20);
    base = c == 'x' ? 16 : c == 'o' ? 8 : c == 'b' ? 2 : 10;
  }
  uint64_t value = 0;
  for (const char *c = base == 10 ? s : s + 2; c < end; c++) {
    if (*c == '_') continue;
    uint32_t digit = digit_value(*c);
    if (value > (UINT64_MAX - digit) / base) e->big = true;
    value = value * base + digit;
  }
  e->u.i = value;
  if (!e->big) return;
  size_t n;
  const char *text = clean_text(p, token, &n);
  e->text = (tm_str){text, n};
  if (base == 10 && n > MOST_DIGITS)
    tm_parse_fail(p, e->loc, "write it in hexadecimal",
                  "a decimal integer of more than %d digits", MOST_DIGITS);
}

tm_expr *tm_parse_number(tm_parser *p) {
  const tm_token *token = p->tok;
  const char *s = p->lx.text + token->start;
  size_t n = token->end - token->start;
  bool decimal = !(s[0] == '0' && n > 1 && strchr("xXoObB", s[1]));
  bool imaginary = decimal && (s[n - 1] == 'j' || s[n - 1] == 'J');
  bool whole = !imaginary;
  for (size_t i = 0; whole && decimal && i < n; i++)
    if (s[i] == '.' || s[i] == 'e' || s[i] == 'E') whole = false;
  tm_expr *e = tm_parse_node(
      p, whole ? TM_EXPR_INT : imaginary ? TM_EXPR_COMPLEX : TM_EXPR_FLOAT,
      tm_parse_loc(p));
  if (whole) {
    set_integer(p, e, token);
  } else {
    if (memchr(s, '_', n)) s = clean_text(p, token, &n);
    e->u.f = decimal_value(p->arena, s, imaginary ? n - 1 : n);
  }
  tm_parse_advance(p);
  return e;
}

/* ---- strings ------------------------------------------------------------ */

void tm_piece_add(tm_piece *piece, const char *text, size_t n) {
  piece->any = true;
  if (!piece->named) {
    tm_buf_add(&piece->text, text, n);
    return;
  }
  for (size_t i = 0; i < n; i++)
    tm_buf_add(&piece->text, text[i] == '\\' ? "\\\\" : text + i,
               text[i] == '\\' ? 2 : 1);
}

/* From here on the text has \N{...}: doubles what backslashes it has. */
static void set_named(tm_piece *piece) {
  if (piece->named) return;
  tm_buf old = piece->text;
  bool any = piece->any;
  piece->text = tm_buf_in(old.arena);
  piece->named = true;
  tm_piece_add(piece, old.data, old.len);
  piece->any = any;
}

/* UTF-8; also of surrogates, which Python lets strings have. */
static void add_code_point(tm_piece *piece, uint32_t c) {
  char s[4];
  size_t n = 0;
  if (c < 0x80) {
    s[n++] = (char)c;
  } else if (c < 0x800) {
    s[n++] = (char)(0xc0 | c >> 6);
    s[n++] = (char)(0x80 | (c & 0x3f));
  } else if (c < 0x10000) {
    s[n++] = (char)(0xe0 | c >> 12);
    s[n++] = (char)(0x80 | (c >> 6 & 0x3f));
    s[n++] = (char)(0x80 | (c & 0x3f));
  } else {
    s[n++] = (char)(0xf0 | c >> 18);
    s[n++] = (char)(0x80 | (c >> 12 & 0x3f));
    s[n++] = (char)(0x80 | (c >> 6 & 0x3f));
    s[n++] = (char)(0x80 | (c & 0x3f));
  }
  tm_piece_add(piece, s, n);
}

static bool is_hex(char c) {
  return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'f');
}

/* Where an offset inside a token is. */
static tm_loc loc_in(const tm_parser *p, const tm_token *token, uint32_t at) {
  tm_loc loc = {p->lx.file, token->line, token->col};
  const char *s = p->lx.text;
  for (uint32_t i = token->start; i < at; i++) {
    loc.col++;
    if (s[i] == '\n' || (s[i] == '\r' && s[i + 1] != '\n')) {
      loc.line++;
      loc.col = 1;
    }
  }
  return loc;
}

static void bad_escape(tm_parser *p, const tm_token *token, const char *at,
                       const char *problem) {
  tm_parse_fail(p, loc_in(p, token, (uint32_t)(at - p->lx.text)),
                "a backslash that means itself is written \\\\, or the "
                "string is prefixed with r",
                "%s", problem);
}

/* \xhh, \uhhhh, \Uhhhhhhhh at s, with n digits. Returns the end. */
static const char *add_hex(tm_parser *p, tm_piece *piece,
                           const tm_token *token, const char *s,
                           const char *end, int n) {
  uint32_t value = 0;
  const char *c = s + 2;
  for (int i = 0; i < n; i++, c++) {
    if (c >= end || !is_hex(*c)) {
      bad_escape(p, token, s, n == 2 ? "\\x needs two hexadecimal digits"
                 : n == 4 ? "\\u needs four hexadecimal digits"
                          : "\\U needs eight hexadecimal digits");
      return c;
    }
    value = value << 4 | digit_value(*c);
  }
  if (value > 0x10ffff) {
    bad_escape(p, token, s, "\\U is beyond the last character, 0010ffff");
    return c;
  }
  if (token->flags & TM_STRING_BYTES) {
    char byte = (char)value;
    tm_piece_add(piece, &byte, 1);
  } else {
    add_code_point(piece, value);
  }
  return c;
}

static const char *add_octal(tm_piece *piece, const tm_token *token,
                             const char *s, const char *end) {
  uint32_t value = 0;
  const char *c = s + 1;
  for (int i = 0; i < 3 && c < end && *c >= '0' && *c <= '7'; i++, c++)
    value = value * 8 + (uint32_t)(*c - '0');
  if (token->flags & TM_STRING_BYTES) {
    char byte = (char)(value & 0xff);
    tm_piece_add(piece, &byte, 1);
  } else {
    add_code_point(piece, value);
  }
  return c;
}

/* Of a Unicode name. */
static bool is_name_char(char c) {
  return ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') || (c >= '0' && c <= '9') ||
         c == ' ' || c == '-';
}

static const char *add_named(tm_parser *p, tm_piece *piece,
                             const tm_token *token, const char *s,
                             const char *end) {
  const char *close = s + 2;
  if (close < end && *close == '{')
    do close++;
    while (close < end && is_name_char(*close));
  if (close >= end || *close != '}' || close == s + 3) {
    bad_escape(p, token, s, "\\N needs a character name in braces");
    return end;
  }
  set_named(piece);
  tm_buf_add(&piece->text, s, (size_t)(close + 1 - s));
  piece->any = true;
  return close + 1;
}

/* One escape at s; returns the end of it. */
static const char *add_escape(tm_parser *p, tm_piece *piece,
                              const tm_token *token, const char *s,
                              const char *end) {
  bool bytes = token->flags & TM_STRING_BYTES;
  if (s + 1 >= end) {
    tm_piece_add(piece, s, 1);
    return end;
  }
  static const char from[] = "\\'\"abfnrtv", to[] = "\\'\"\a\b\f\n\r\t\v";
  const char *simple = strchr(from, s[1]);
  if (simple && s[1]) {
    tm_piece_add(piece, to + (simple - from), 1);
    return s + 2;
  }
  switch (s[1]) {
  case '\n':
    return s + 2;
  case '\r':
    return s + 2 + (s + 2 < end && s[2] == '\n');
  case 'x':
    return add_hex(p, piece, token, s, end, 2);
  case 'u':
    if (!bytes) return add_hex(p, piece, token, s, end, 4);
    break;
  case 'U':
    if (!bytes) return add_hex(p, piece, token, s, end, 8);
    break;
  case 'N':
    if (!bytes) return add_named(p, piece, token, s, end);
    break;
  default:
    if (s[1] >= '0' && s[1] <= '7') return add_octal(piece, token, s, end);
    break;
  }
  tm_piece_add(piece, s, 1); /* an unknown escape is its own text */
  return s + 1;
}

static void check_ascii(tm_parser *p, const tm_token *token, const char *s,
                        const char *end) {
  for (; s < end; s++) {
    if (!(*s & 0x80)) continue;
    tm_parse_fail(p, loc_in(p, token, (uint32_t)(s - p->lx.text)),
                  "write it as \\xhh", "a bytes literal holds ASCII only");
    return;
  }
}

void tm_piece_decode(tm_parser *p, tm_piece *piece, const tm_token *token,
                     uint32_t start, uint32_t end_at) {
  const char *s = p->lx.text + start, *end = p->lx.text + end_at;
  bool raw = token->flags & TM_STRING_RAW;
  bool braces = token->kind == TM_TOK_FSTRING_MIDDLE &&
                !(token->flags & TM_STRING_SPEC);
  if (!piece->any) piece->loc = loc_in(p, token, token->start);
  piece->any = true;
  if (token->flags & TM_STRING_BYTES) check_ascii(p, token, s, end);
  if (!(token->flags & TM_STRING_ENCODED)) {
    tm_piece_add(piece, s, (size_t)(end - s));
    return;
  }
  while (s < end && !p->failed) {
    const char *run = s;
    while (s < end && *s != '\\' && *s != '\r' &&
           !(braces && (*s == '{' || *s == '}')))
      s++;
    if (s > run) tm_piece_add(piece, run, (size_t)(s - run));
    if (s == end) break;
    if (*s == '\r') {
      tm_piece_add(piece, "\n", 1);
      s += 1 + (s + 1 < end && s[1] == '\n');
    } else if (*s != '\\') { /* {{ or }} */
      tm_piece_add(piece, s, 1);
      s += 2;
    } else if (!raw) {
      s = add_escape(p, piece, token, s, end);
    } else {
      tm_piece_add(piece, s, 1);
      s++;
    }
  }
}
