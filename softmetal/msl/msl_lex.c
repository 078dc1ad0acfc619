/* SPDX-License-Identifier: MIT */
/*
 * msl_lex.c - MSL text to raw tokens, and the values of literals.
 *
 * The whole text becomes one array of tokens before preprocessing: sources
 * are small, and the preprocessor then only walks arrays. Each token knows
 * whether it is the first on its line, which is all that directives need.
 *
 * A backslash at a line's end joins lines. It is taken as white space, and
 * in comments; a join in the middle of a token becomes an OTHER token, which
 * the parser reports, rather than two tokens that mean something else.
 *
 * Numbers are read by strtod with the locale's decimal point put in, then
 * rounded once more to half or bfloat. Reading as double first is exact
 * enough: a decimal within 2^-53 of a tie between two halves, relative to
 * its size, needs more than 15 digits to write.
 */
#include "front.h"

#include <locale.h>
#include <math.h>
#include <stdlib.h>

typedef struct cursor {
  sm_lexer *lexer;
  const char *p, *end, *line_start;
  uint32_t line;
  bool spaced, first;
} cursor;

static bool is_name_start(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static bool is_digit(char c) { return c >= '0' && c <= '9'; }

static bool is_name_char(char c) { return is_name_start(c) || is_digit(c); }

static tm_loc loc_here(const cursor *c) {
  if (!c->lexer->file) return (tm_loc){0, 0, 0};
  return (tm_loc){c->lexer->file, c->line,
                  (uint32_t)(c->p - c->line_start) + 1};
}

static void new_line(cursor *c) { /* p is after the newline */
  c->line++;
  c->line_start = c->p;
}

/* Length of a line end at p: 0, 1 or 2. */
static unsigned newline_at(const char *p, const char *end) {
  if (p < end && *p == '\n') return 1;
  if (end - p >= 2 && p[0] == '\r' && p[1] == '\n') return 2;
  return p < end && *p == '\r' ? 1 : 0;
}

/* Length of a joined line end (backslash, newline) at p, or 0. */
static unsigned join_at(const char *p, const char *end) {
  if (p >= end || *p != '\\') return 0;
  unsigned n = newline_at(p + 1, end);
  return n ? n + 1 : 0;
}

static void skip_block_comment(cursor *c) {
  tm_loc start = loc_here(c);
  c->p += 2;
  while (c->end - c->p >= 2 && !(c->p[0] == '*' && c->p[1] == '/')) {
    unsigned n = newline_at(c->p, c->end);
    c->p += n ? n : 1;
    if (n) new_line(c);
  }
  if (c->end - c->p >= 2) {
    c->p += 2;
    return;
  }
  c->p = c->end;
  tm_error_at(c->lexer->diags, TM_DIAG_SYNTAX, start,
              "unterminated /* comment");
}

static void skip_line_comment(cursor *c) {
  while (c->p < c->end) {
    unsigned join = join_at(c->p, c->end);
    if (join) {
      c->p += join;
      new_line(c);
    } else if (newline_at(c->p, c->end)) {
      return;
    } else {
      c->p++;
    }
  }
}

static void skip_space(cursor *c) {
  while (c->p < c->end) {
    unsigned n;
    if (*c->p == ' ' || *c->p == '\t' || *c->p == '\v' || *c->p == '\f') {
      c->p++;
    } else if ((n = newline_at(c->p, c->end)) != 0) {
      c->p += n;
      new_line(c);
      c->first = true;
    } else if ((n = join_at(c->p, c->end)) != 0) {
      c->p += n;
      new_line(c);
    } else if (c->end - c->p >= 2 && c->p[0] == '/' && c->p[1] == '*') {
      skip_block_comment(c);
    } else if (c->end - c->p >= 2 && c->p[0] == '/' && c->p[1] == '/') {
      skip_line_comment(c);
    } else {
      return;
    }
    c->spaced = true;
  }
}

/* The words of C++ that stand for operators. */
static const struct {
  const char *word;
  sm_punct punct;
} alternatives[] = {
  {"and", SM_P_ANDAND},   {"or", SM_P_OROR},      {"not", SM_P_BANG},
  {"xor", SM_P_CARET},    {"bitand", SM_P_AMP},   {"bitor", SM_P_PIPE},
  {"compl", SM_P_TILDE},  {"and_eq", SM_P_AND_SET},
  {"or_eq", SM_P_OR_SET}, {"xor_eq", SM_P_XOR_SET},
  {"not_eq", SM_P_NE},
};

static void lex_name(cursor *c, sm_token *token) {
  const char *start = c->p;
  while (c->p < c->end && is_name_char(*c->p)) c->p++;
  token->kind = SM_TK_NAME;
  size_t n = (size_t)(c->p - start);
  if (strchr("aonxbc", *start) && n <= 6) {
    for (size_t i = 0; i < TM_COUNT(alternatives); i++) {
      const char *word = alternatives[i].word;
      if (strlen(word) != n || memcmp(word, start, n) != 0) continue;
      token->kind = SM_TK_PUNCT;
      token->punct = (uint8_t)alternatives[i].punct;
      return;
    }
  }
  token->name = tm_intern(c->lexer->names, start, n);
}

/* A preprocessing number: digits, names, points, signed exponents. */
static void lex_number(cursor *c, sm_token *token) {
  token->kind = SM_TK_NUMBER;
  const char *start = c->p;
  bool hex = c->end - c->p >= 2 && c->p[0] == '0' &&
             (c->p[1] == 'x' || c->p[1] == 'X');
  while (c->p < c->end) {
    char ch = *c->p;
    bool exponent = hex ? ch == 'p' || ch == 'P' : ch == 'e' || ch == 'E';
    if (exponent && c->p > start && c->end - c->p >= 2 &&
        (c->p[1] == '+' || c->p[1] == '-')) {
      c->p += 2;
    } else if (is_name_char(ch) || ch == '.') {
      c->p++;
    } else if (ch == '\'' && c->end - c->p >= 2 && is_name_char(c->p[1])) {
      c->p += 2;
    } else {
      return;
    }
  }
}

static void lex_quoted(cursor *c, sm_token *token) {
  char quote = *c->p++;
  while (c->p < c->end && *c->p != quote) {
    if (newline_at(c->p, c->end)) {
      token->kind = SM_TK_OTHER;
      return;
    }
    if (*c->p == '\\' && c->end - c->p >= 2 &&
        !newline_at(c->p + 1, c->end))
      c->p++;
    c->p++;
  }
  if (c->p >= c->end) {
    c->p = c->end;
    token->kind = SM_TK_OTHER;
    return;
  }
  c->p++;
  token->kind = quote == '"' ? SM_TK_STRING : SM_TK_CHAR;
}

static const char *const punct_text[] = {
#define SM_ROW(id, text) text,
  SM_PUNCTS(SM_ROW)
#undef SM_ROW
};

/* The longest punctuator at p. The rows that begin with one character are
 * few; a table by first character keeps this off the profile. */
static bool lex_punct(cursor *c, sm_token *token) {
  size_t best = 0;
  for (unsigned i = 0; i < SM_PUNCT_COUNT; i++) {
    const char *text = punct_text[i];
    if (text[0] != *c->p) continue;
    size_t n = strlen(text);
    if (n <= best || n > (size_t)(c->end - c->p)) continue;
    if (memcmp(text, c->p, n) != 0) continue;
    best = n;
    token->punct = (uint8_t)i;
  }
  if (!best) return false;
  token->kind = SM_TK_PUNCT;
  c->p += best;
  return true;
}

static void lex_token(cursor *c, sm_token *token) {
  char ch = *c->p;
  if (is_name_start(ch)) {
    lex_name(c, token);
  } else if (is_digit(ch) ||
             (ch == '.' && c->end - c->p >= 2 && is_digit(c->p[1]))) {
    lex_number(c, token);
  } else if (ch == '"' || ch == '\'') {
    lex_quoted(c, token);
  } else if (!lex_punct(c, token)) {
    token->kind = SM_TK_OTHER;
    c->p++;
  }
}

void sm_lex(sm_lexer *lexer, tm_str text, sm_tokens *out) {
  cursor c = {lexer, text.ptr, text.ptr + text.len, text.ptr, 1, false, true};
  for (;;) {
    c.spaced = false;
    skip_space(&c);
    if (c.p >= c.end) return;
    sm_token token = {0};
    token.loc = loc_here(&c);
    token.spaced = c.spaced;
    token.first = c.first;
    token.text = c.p;
    c.first = false;
    lex_token(&c, &token);
    token.len = (uint32_t)(c.p - token.text);
    unsigned join = join_at(c.p, c.end);
    if (join && c.p + join < c.end && token.kind != SM_TK_PUNCT &&
        is_name_char(c.p[join]))
      token.kind = SM_TK_OTHER;
    tm_push(lexer->arena, out, token);
  }
}

bool sm_token_is(const sm_token *token, sm_punct punct) {
  return token->kind == SM_TK_PUNCT && token->punct == punct;
}

/* ---- literals --------------------------------------------------------- */

double sm_round_to(sm_scalar type, double x) {
  if (isnan(x) || isinf(x) || x == 0) return x;
  if (type == SM_FLOAT) return (double)(float)x;
  int bits = type == SM_HALF ? 11 : 8;         /* of the significand */
  int lowest = type == SM_HALF ? -14 : -126;   /* normal exponent */
  double largest = type == SM_HALF ? 65504.0 : 0x1.fep127;
  int exponent;
  frexp(x, &exponent); /* x = m * 2^exponent, 0.5 <= |m| < 1 */
  if (exponent - 1 < lowest) exponent = lowest + 1;
  double unit = ldexp(1.0, exponent - bits);
  double rounded = nearbyint(x / unit) * unit; /* ties to even */
  if (fabs(rounded) > largest) return copysign(INFINITY, x);
  return rounded;
}

static int digit_value(char c) {
  if (is_digit(c)) return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return 99;
}

static bool suffix_is(const char *s, const char *lower) {
  for (; *lower; s++, lower++)
    if (*s != *lower && *s != *lower - 'a' + 'A') return false;
  return *s == 0;
}

/* text: digits without separators; suffix: what follows them. */
static sm_number_status floating(const char *digits, const char *suffix,
                                 sm_number *out) {
  char text[512];
  const char *point = localeconv()->decimal_point;
  size_t used = 0;
  for (const char *d = digits; *d; d++) {
    const char *piece = *d == '.' ? point : d;
    size_t n = *d == '.' ? strlen(point) : 1;
    if (used + n >= sizeof text) return SM_NUMBER_BAD;
    memcpy(text + used, piece, n);
    used += n;
  }
  text[used] = 0;
  char *end;
  if (suffix_is(suffix, "") || suffix_is(suffix, "f")) {
    out->type = SM_FLOAT;
    out->f = (double)strtof(text, &end);
  } else if (suffix_is(suffix, "h") || suffix_is(suffix, "bf")) {
    out->type = suffix_is(suffix, "h") ? SM_HALF : SM_BFLOAT;
    out->f = sm_round_to(out->type, strtod(text, &end));
  } else {
    return SM_NUMBER_SUFFIX;
  }
  if (*end) return SM_NUMBER_BAD;
  return isinf(out->f) ? SM_NUMBER_TOO_LARGE : SM_NUMBER_OK;
}

/* The type of an integer literal: the first of int, (uint), long, ulong that
 * holds it; uint is tried for hexadecimal and octal only (C++ [lex.icon]). */
static sm_number_status integer(const char *digits, unsigned base,
                                const char *suffix, sm_number *out) {
  uint64_t value = 0;
  if (!*digits) return SM_NUMBER_BAD;
  for (const char *d = digits; *d; d++) {
    unsigned v = (unsigned)digit_value(*d);
    if (v >= base) return SM_NUMBER_BAD;
    if (value > (UINT64_MAX - v) / base) return SM_NUMBER_TOO_LARGE;
    value = value * base + v;
  }
  bool is_unsigned = suffix_is(suffix, "u") || suffix_is(suffix, "ul") ||
                     suffix_is(suffix, "lu");
  bool is_long = suffix_is(suffix, "l") || suffix_is(suffix, "ul") ||
                 suffix_is(suffix, "lu");
  if (*suffix && !is_unsigned && !is_long) return SM_NUMBER_SUFFIX;
  out->i = value;
  if (!is_unsigned && !is_long && value <= INT32_MAX)
    out->type = SM_INT;
  else if (!is_long && value <= UINT32_MAX && (is_unsigned || base != 10))
    out->type = SM_UINT;
  else if (!is_unsigned && value <= INT64_MAX)
    out->type = SM_LONG;
  else if (is_unsigned || base != 10)
    out->type = SM_ULONG;
  else
    return SM_NUMBER_TOO_LARGE;
  return SM_NUMBER_OK;
}

sm_number_status sm_lex_number(const sm_token *token, sm_number *out) {
  char text[400];
  size_t n = 0;
  for (uint32_t i = 0; i < token->len; i++) {
    if (token->text[i] == '\'') continue;
    if (n + 1 >= sizeof text) return SM_NUMBER_BAD;
    text[n++] = token->text[i];
  }
  text[n] = 0;
  memset(out, 0, sizeof *out);
  bool hex = text[0] == '0' && (text[1] == 'x' || text[1] == 'X');
  bool binary = text[0] == '0' && (text[1] == 'b' || text[1] == 'B') &&
                (text[2] == '0' || text[2] == '1');
  size_t at = hex || binary ? 2 : 0;
  bool point = false, exponent = false;
  for (; at < n; at++) {
    char c = text[at];
    bool e = hex ? c == 'p' || c == 'P' : c == 'e' || c == 'E';
    if (e && !exponent) {
      exponent = true;
      if (text[at + 1] == '+' || text[at + 1] == '-') at++;
    } else if (c == '.' && !point && !exponent) {
      point = true;
    } else if (!(hex && !exponent ? digit_value(c) < 16 : is_digit(c))) {
      break;
    }
  }
  char suffix[8];
  if (n - at >= sizeof suffix) return SM_NUMBER_SUFFIX;
  memcpy(suffix, text + at, n - at + 1);
  text[at] = 0;
  if (hex && point && !exponent) return SM_NUMBER_BAD;
  if (!point && !exponent && !hex && !binary &&
      (suffix_is(suffix, "f") || suffix_is(suffix, "h") ||
       suffix_is(suffix, "bf")))
    return SM_NUMBER_SUFFIX; /* 1f is no literal in C++ */
  if (point || exponent) return floating(text, suffix, out);
  if (hex) return integer(text + 2, 16, suffix, out);
  if (binary) return integer(text + 2, 2, suffix, out);
  if (text[0] == '0' && text[1]) return integer(text + 1, 8, suffix, out);
  return integer(text, 10, suffix, out);
}

bool sm_lex_char(const sm_token *token, int64_t *out) {
  const char *s = token->text + 1;
  uint32_t n = token->len - 2;
  if (token->len < 3) return false;
  if (n == 1 && s[0] != '\\') {
    *out = (signed char)s[0]; /* char is signed in MSL */
    return true;
  }
  if (s[0] != '\\' || n < 2) return false;
  static const char names[] = "ntr0\\'\"abfv?";
  static const char values[] = "\n\t\r\0\\'\"\a\b\f\v?";
  if (n == 2) {
    const char *found = memchr(names, s[1], sizeof names - 1);
    if (found) *out = values[found - names];
    if (found) return true;
  }
  unsigned base = s[1] == 'x' ? 16 : 8, value = 0;
  for (uint32_t i = base == 16 ? 2 : 1; i < n; i++) {
    unsigned v = (unsigned)digit_value(s[i]);
    if (v >= base) return false;
    value = value * base + v;
    if (value > 255) return false;
  }
  *out = (signed char)(unsigned char)value;
  return n > 2 || base == 8;
}
