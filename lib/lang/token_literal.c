/* SPDX-License-Identifier: MIT */
/*
 * token_literal.c - where numbers and strings end. Their values are made in
 * literal.c, only for those that the parser asks for.
 *
 * A plain string is one token. An f-string is FSTRING_START, then literal
 * pieces (FSTRING_MIDDLE) and replacement fields in turn, then FSTRING_END.
 * A field is the tokens `{` expression [`!` name] [`:` spec] `}`; its
 * expression is read by token.c like any other, so quotes, comments, line
 * ends and further f-strings may be inside (PEP 701). A spec is again literal
 * pieces and fields.
 */
#include "parse.h"

static bool is_line_end(char c) {
  return c == '\n' || c == '\r';
}

static bool is_decimal(char c) {
  return c >= '0' && c <= '9';
}

static bool is_digit_of(char c, uint32_t base) {
  uint32_t digit = 99;
  if (is_decimal(c)) digit = (uint32_t)(c - '0');
  if (c >= 'a' && c <= 'f') digit = (uint32_t)(c - 'a') + 10;
  if (c >= 'A' && c <= 'F') digit = (uint32_t)(c - 'A') + 10;
  return digit < base;
}

static bool is_name_part(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
         is_decimal(c) || (c & 0x80);
}

/* ---- numbers ------------------------------------------------------------ */

/* Python allows these right after a number: `1if x else y`. */
static bool keyword_follows(const char *s) {
  switch (s[0]) {
  case 'a': return s[1] == 'n' && s[2] == 'd';
  case 'e': return s[1] == 'l' && s[2] == 's' && s[3] == 'e';
  case 'f': return s[1] == 'o' && s[2] == 'r';
  case 'i': return s[1] == 'f' || s[1] == 'n' || s[1] == 's';
  case 'n': return s[1] == 'o' && s[2] == 't';
  case 'o': return s[1] == 'r';
  default: return false;
  }
}

/* Digits with single underscores between them, from s; the end of them. */
static const char *digits(const char *s) {
  while (is_decimal(*s) || (*s == '_' && is_decimal(s[1]))) s++;
  return s;
}

/* Emits the number that ends at s, or an error when it runs into a word. */
static void end_number(tm_lexer *lx, const char *s, const char *what) {
  uint32_t start = lx->pos;
  lx->pos = (uint32_t)(s - lx->text);
  if (!is_name_part(*s) || keyword_follows(s)) {
    tm_lex_emit(lx, TM_TOK_NUMBER, start);
    return;
  }
  while (is_name_part(lx->text[lx->pos])) lx->pos++;
  const char *hint = NULL;
  if (*s == 'l' || *s == 'L') hint = "integers have no suffix in Python 3";
  if (*s == '_') hint = "an underscore goes between two digits";
  if (*s == 'f') hint = "floats have no suffix in Python";
  uint32_t col = (uint32_t)(s - lx->text) - lx->line_start + 1;
  if (is_decimal(*s))
    tm_lex_error(lx, lx->line, col, hint, "digit '%c' in %s", *s, what);
  else
    tm_lex_error(lx, lx->line, col, hint, "invalid %s", what);
  tm_lex_emit(lx, TM_TOK_ERROR, start);
}

static void lex_radix(tm_lexer *lx, uint32_t base, const char *what) {
  const char *s = lx->text + lx->pos + 2;
  do {
    if (*s == '_' && is_digit_of(s[1], base)) s++;
    if (!is_digit_of(*s, base)) break;
    while (is_digit_of(*s, base)) s++;
  } while (*s == '_');
  const char *last = s - 1;
  if (last == lx->text + lx->pos + 1) { /* nothing after the 0x */
    uint32_t start = lx->pos, col = start - lx->line_start + 1;
    lx->pos += 2;
    while (is_name_part(lx->text[lx->pos])) lx->pos++;
    tm_lex_error(lx, lx->line, col, NULL, "invalid %s", what);
    tm_lex_emit(lx, TM_TOK_ERROR, start);
    return;
  }
  end_number(lx, s, what);
}

void tm_lex_number(tm_lexer *lx) {
  const char *start = lx->text + lx->pos, *s = start;
  if (s[0] == '0') {
    switch (s[1]) {
    case 'x': case 'X': lex_radix(lx, 16, "hexadecimal literal"); return;
    case 'o': case 'O': lex_radix(lx, 8, "octal literal"); return;
    case 'b': case 'B': lex_radix(lx, 2, "binary literal"); return;
    default: break;
    }
  }
  bool whole = true;
  s = digits(s);
  if (*s == '.') {
    whole = false;
    s++;
    if (is_decimal(*s)) s = digits(s);
  }
  if ((*s == 'e' || *s == 'E') &&
      (is_decimal(s[1]) ||
       ((s[1] == '+' || s[1] == '-') && is_decimal(s[2])))) {
    whole = false;
    s = digits(s + 2);
  }
  if (*s == 'j' || *s == 'J') {
    whole = false;
    s++;
  }
  if (whole && *start == '0') {
    const char *digit = start;
    while (*digit == '0' || *digit == '_') digit++;
    if (digit < s) {
      uint32_t at = lx->pos;
      tm_lex_error(lx, lx->line, at - lx->line_start + 1,
                   "an octal number is written 0o17",
                   "a decimal integer cannot start with 0");
      lx->pos = (uint32_t)(s - lx->text);
      while (is_name_part(lx->text[lx->pos])) lx->pos++;
      tm_lex_emit(lx, TM_TOK_ERROR, at);
      return;
    }
  }
  end_number(lx, s, s[-1] == 'j' || s[-1] == 'J' ? "imaginary literal"
                                                 : "decimal literal");
}

/* ---- strings ------------------------------------------------------------ */

bool tm_lex_prefix(const char *text, uint32_t n, uint8_t *flags) {
  *flags = 0;
  bool unicode = false;
  for (uint32_t i = 0; i < n; i++) {
    uint8_t flag = 0;
    switch (text[i]) {
    case 'r': case 'R': flag = TM_STRING_RAW; break;
    case 'b': case 'B': flag = TM_STRING_BYTES; break;
    case 'f': case 'F': flag = TM_STRING_FORMAT; break;
    case 't': case 'T': flag = TM_STRING_FORMAT | TM_STRING_TEMPLATE; break;
    case 'u': case 'U': unicode = true; break;
    default: return false;
    }
    if (*flags & flag) return false;
    *flags |= flag;
  }
  if (unicode) return n == 1;
  return n < 2 || ((*flags & TM_STRING_RAW) &&
                   (*flags & (TM_STRING_BYTES | TM_STRING_FORMAT)));
}

/* Places a token that may span lines at where it started. */
static tm_token *emit_at(tm_lexer *lx, tm_token_kind kind, uint32_t start,
                         uint32_t line, uint32_t col) {
  tm_token *token = tm_lex_emit(lx, kind, start);
  token->line = line;
  token->col = col;
  return token;
}

static void start_fstring(tm_lexer *lx, uint32_t start, uint8_t flags,
                          uint32_t quotes) {
  char quote = lx->text[lx->pos];
  lx->pos += quotes;
  if (lx->n_fstrings == TM_AST_MAX_NESTING) {
    tm_lex_error(lx, lx->line, start - lx->line_start + 1, NULL,
                 "f-strings are nested more than %d levels deep",
                 TM_AST_MAX_NESTING);
    tm_lex_emit(lx, TM_TOK_ERROR, start);
    return;
  }
  tm_fstring *fstring = &lx->fstrings[lx->n_fstrings++];
  *fstring = (tm_fstring){.quote = quote,
                          .flags = flags,
                          .depth = lx->n_brackets,
                          .line = lx->line,
                          .col = start - lx->line_start + 1};
  tm_lex_emit(lx, TM_TOK_FSTRING_START, start)->flags = flags;
}

/* Whether the string that opens at pos, inside a field, is rather the end of
 * the f-string around it: nothing closes it on its line. */
static const char *unterminated_hint(const tm_lexer *lx, char quote) {
  if (lx->n_fstrings && lx->fstrings[lx->n_fstrings - 1].quote == quote)
    return "if this ends the f-string, a '}' is missing before it";
  return NULL;
}

/* After an error in an f-string: goes behind the end of the outermost one, so
 * that its text is not read as a program. */
static void abandon(tm_lexer *lx, uint32_t start) {
  const tm_fstring outer = lx->fstrings[0];
  const char *text = lx->text;
  bool triple = outer.flags & TM_STRING_TRIPLE;
  lx->n_fstrings = 0;
  lx->n_brackets = outer.depth;
  for (char c; (c = text[lx->pos]);) {
    if (c == outer.quote &&
        (!triple || (text[lx->pos + 1] == c && text[lx->pos + 2] == c))) {
      lx->pos += triple ? 3 : 1;
      break;
    }
    if (is_line_end(c)) {
      if (!triple) break;
      tm_lex_newline(lx);
    } else {
      lx->pos++;
      if (c == '\\' && text[lx->pos] && !is_line_end(text[lx->pos]))
        lx->pos++;
    }
  }
  tm_lex_emit(lx, TM_TOK_ERROR, start < lx->line_start ? lx->line_start
                                                       : start);
}

void tm_lex_string(tm_lexer *lx, uint32_t start, uint8_t flags) {
  const char *text = lx->text;
  char quote = text[lx->pos];
  bool triple = text[lx->pos + 1] == quote && text[lx->pos + 2] == quote;
  uint32_t quotes = triple ? 3 : 1;
  if (triple) flags |= TM_STRING_TRIPLE;
  if (flags & TM_STRING_FORMAT) {
    start_fstring(lx, start, flags, quotes);
    return;
  }
  uint32_t line = lx->line, col = start - lx->line_start + 1;
  uint8_t lead = (uint8_t)(lx->pos + quotes - start);
  const char *hint = unterminated_hint(lx, quote);
  lx->pos += quotes;
  for (;;) {
    char c = text[lx->pos];
    if (c == quote) {
      if (!triple ||
          (text[lx->pos + 1] == quote && text[lx->pos + 2] == quote))
        break;
      lx->pos++;
    } else if (c == '\\') {
      flags |= TM_STRING_ENCODED;
      lx->pos++;
      if (is_line_end(text[lx->pos]))
        tm_lex_newline(lx);
      else if (text[lx->pos])
        lx->pos++;
    } else if (c == '\0' || (!triple && is_line_end(c))) {
      if (triple)
        tm_lex_error(lx, line, col, NULL,
                     "this triple-quoted string is never closed");
      else
        tm_lex_error(lx, line, col, hint,
                     "this string is not closed on its line");
      if (lx->n_fstrings)
        abandon(lx, start);
      else
        emit_at(lx, TM_TOK_ERROR, start, line, col);
      return;
    } else if (is_line_end(c)) {
      if (c == '\r') flags |= TM_STRING_ENCODED;
      tm_lex_newline(lx);
    } else {
      lx->pos++;
    }
  }
  lx->pos += quotes;
  tm_token *token = emit_at(lx, TM_TOK_STRING, start, line, col);
  token->flags = flags;
  token->lead = lead;
}

/* ---- f-strings ---------------------------------------------------------- */

bool tm_lex_in_middle(const tm_lexer *lx) {
  const tm_fstring *fstring = &lx->fstrings[lx->n_fstrings - 1];
  if (lx->n_brackets == fstring->depth) return true;
  const tm_bracket *top = &lx->brackets[lx->n_brackets - 1];
  return top->is_field && top->in_spec;
}

/* A backslash in literal text, at pos. */
static void skip_escape(tm_lexer *lx, bool raw) {
  const char *s = lx->text + lx->pos;
  if (s[1] == '{' || s[1] == '}' || !s[1]) {
    lx->pos++; /* the brace means what it means without */
  } else if (is_line_end(s[1])) {
    lx->pos++;
    tm_lex_newline(lx);
  } else if (!raw && s[1] == 'N' && s[2] == '{') {
    const char *end = s + 3;
    while (*end && *end != '}' && *end != '"' && *end != '\'' &&
           !is_line_end(*end))
      end++;
    lx->pos = (uint32_t)(end - lx->text) + (*end == '}');
  } else {
    lx->pos += 2;
  }
}

/* Literal text from pos to the field, closing brace or quote that ends it,
 * and that end. */
void tm_lex_middle(tm_lexer *lx) {
  const char *text = lx->text;
  tm_fstring *fstring = &lx->fstrings[lx->n_fstrings - 1];
  bool spec = lx->n_brackets > fstring->depth;
  bool triple = fstring->flags & TM_STRING_TRIPLE;
  bool raw = fstring->flags & TM_STRING_RAW;
  uint8_t flags = (uint8_t)((raw ? TM_STRING_RAW : 0) |
                            (spec ? TM_STRING_SPEC : 0));
  uint32_t start = lx->pos, line = lx->line;
  uint32_t col = start - lx->line_start + 1;
  char c;
  for (;; lx->pos++) {
    c = text[lx->pos];
    if (!c || (!triple && is_line_end(c))) break;
    if (c == fstring->quote &&
        (!triple || (text[lx->pos + 1] == c && text[lx->pos + 2] == c)))
      break;
    if (c == '{' || c == '}') {
      if (spec || text[lx->pos + 1] != c) break;
      flags |= TM_STRING_ENCODED;
      lx->pos++;
    } else if (c == '\\') {
      flags |= TM_STRING_ENCODED;
      skip_escape(lx, raw);
      lx->pos--;
    } else if (is_line_end(c)) {
      if (c == '\r') flags |= TM_STRING_ENCODED;
      tm_lex_newline(lx);
      lx->pos--;
    }
  }
  if (lx->pos > start)
    emit_at(lx, TM_TOK_FSTRING_MIDDLE, start, line, col)->flags = flags;
  uint32_t at = lx->pos, here = at - lx->line_start + 1;
  if (!c || is_line_end(c)) {
    if (triple)
      tm_lex_error(lx, fstring->line, fstring->col, NULL,
                   "this triple-quoted f-string is never closed");
    else
      tm_lex_error(lx, fstring->line, fstring->col, NULL,
                   "this f-string is not closed on its line");
    abandon(lx, at);
  } else if (c == '{') {
    lx->pos++;
    tm_lex_emit(lx, TM_TOK_LBRACE, at);
    tm_lex_push_bracket(lx, '{', true);
  } else if (c == '}' && spec) {
    lx->n_brackets--;
    lx->pos++;
    tm_lex_emit(lx, TM_TOK_RBRACE, at);
  } else if (c == '}') {
    tm_lex_error(lx, lx->line, here, "a literal brace is written }}",
                 "a single '}' in an f-string");
    abandon(lx, at);
  } else if (spec) {
    tm_lex_error(lx, lx->line, here, NULL,
                 "expected '}' before the f-string's closing quote");
    abandon(lx, at);
  } else {
    lx->pos += triple ? 3 : 1;
    lx->n_fstrings--;
    tm_lex_emit(lx, TM_TOK_FSTRING_END, at);
  }
}
