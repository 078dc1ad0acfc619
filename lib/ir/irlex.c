/* SPDX-License-Identifier: MIT */
/*
 * irlex.c - tokens of MLIR text.
 *
 * MLIR's tokens depend on their place: "8x8xf32" is one number and one word
 * to a lexer and three extents to the type parser, so the extents of a shape
 * are read from the characters (tm_irp_extents) before a token is made.
 */
#include "irparse.h"

static bool is_digit(char c) { return c >= '0' && c <= '9'; }

static bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static bool is_hex(char c) {
  return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

/* Characters of names after %, @, ^, # and !. */
static bool is_suffix(char c) {
  return is_letter(c) || is_digit(c) || c == '$' || c == '.' || c == '-';
}

void tm_irp_fail(tm_ir_parser *p, tm_loc loc, const char *fmt, ...) {
  if (p->failed) return;
  p->failed = true;
  tm_buf buf = tm_buf_in(p->diags->arena);
  va_list args;
  va_start(args, fmt);
  tm_buf_vprintf(&buf, fmt, args);
  va_end(args);
  tm_error_at(p->diags, TM_DIAG_SYNTAX, loc, "%s", tm_buf_text(&buf));
  p->at = p->end;
  p->tok.kind = TM_TOK_END;
  p->tok.text = (tm_str){"", 0};
}

static void skip_space(tm_ir_parser *p) {
  while (p->at < p->end) {
    char c = *p->at;
    if (c == '\n') {
      p->line++;
      p->line_start = p->at + 1;
    } else if (c == '/' && p->at + 1 < p->end && p->at[1] == '/') {
      while (p->at < p->end && *p->at != '\n') p->at++;
      continue;
    } else if (c != ' ' && c != '\t' && c != '\r') {
      return;
    }
    p->at++;
  }
}

static const char *scan_while(const tm_ir_parser *p, const char *s,
                              bool (*in)(char)) {
  while (s < p->end && in(*s)) s++;
  return s;
}

static void lex_string(tm_ir_parser *p) {
  const char *s = p->at + 1;
  while (s < p->end && *s != '"' && *s != '\n') s += *s == '\\' ? 2 : 1;
  if (s >= p->end || *s != '"') {
    tm_irp_fail(p, p->tok.loc, "this string does not end");
    return;
  }
  p->tok.text = (tm_str){p->at + 1, (size_t)(s - p->at - 1)};
  p->at = s + 1;
}

static void lex_number(tm_ir_parser *p) {
  const char *s = p->at;
  p->tok.kind = TM_TOK_INT;
  if (*s == '0' && s + 2 < p->end && s[1] == 'x' && is_hex(s[2])) {
    s = scan_while(p, s + 2, is_hex);
  } else {
    s = scan_while(p, s, is_digit);
    if (s < p->end && *s == '.') {
      p->tok.kind = TM_TOK_FLOAT;
      s = scan_while(p, s + 1, is_digit);
      if (s < p->end && (*s == 'e' || *s == 'E')) {
        const char *e = s + 1;
        if (e < p->end && (*e == '+' || *e == '-')) e++;
        if (e < p->end && is_digit(*e)) s = scan_while(p, e, is_digit);
      }
    }
  }
  p->tok.text = (tm_str){p->at, (size_t)(s - p->at)};
  p->at = s;
}

static void lex_name(tm_ir_parser *p, tm_tok kind) {
  const char *from = p->at + 1;
  p->tok.kind = kind;
  p->at++;
  if (kind == TM_TOK_SYMBOL && p->at < p->end && *p->at == '"') {
    lex_string(p);
    return;
  }
  const char *s = scan_while(p, from, is_suffix);
  /* %0-> is never written, but "x->" after a name would take the '-'. */
  if (s > from && s < p->end && s[-1] == '-' && *s == '>') s--;
  if (s == from) {
    tm_irp_fail(p, p->tok.loc, "expected a name after '%c'", from[-1]);
    return;
  }
  p->tok.text = (tm_str){from, (size_t)(s - from)};
  p->at = s;
}

static bool is_word_char(char c) {
  return is_letter(c) || is_digit(c) || c == '$' || c == '.';
}

void tm_irp_next(tm_ir_parser *p) {
  if (p->failed) return;
  skip_space(p);
  p->tok = (tm_token){.kind = TM_TOK_END, .text = {"", 0}, .start = p->at};
  p->tok.loc = (tm_loc){p->file, p->line,
                        (uint32_t)(p->at - p->line_start) + 1};
  if (p->at >= p->end) return;
  char c = *p->at;
  if (is_letter(c)) {
    const char *s = scan_while(p, p->at, is_word_char);
    p->tok.kind = TM_TOK_WORD;
    p->tok.text = (tm_str){p->at, (size_t)(s - p->at)};
    p->at = s;
  } else if (is_digit(c)) {
    lex_number(p);
  } else if (c == '"') {
    p->tok.kind = TM_TOK_STRING;
    lex_string(p);
  } else if (c == '%') {
    lex_name(p, TM_TOK_VALUE);
  } else if (c == '@') {
    lex_name(p, TM_TOK_SYMBOL);
  } else if (c == '^') {
    lex_name(p, TM_TOK_BLOCK);
  } else if (c == '!') {
    lex_name(p, TM_TOK_TYPE);
  } else if (c == '#') {
    lex_name(p, TM_TOK_HASH);
  } else if (c == '-' && p->at + 1 < p->end && p->at[1] == '>') {
    p->tok.kind = TM_TOK_ARROW;
    p->at += 2;
  } else {
    p->tok.kind = TM_TOK_CHAR;
    p->tok.c = c;
    p->at++;
  }
}

bool tm_irp_is(const tm_ir_parser *p, char c) {
  return p->tok.kind == TM_TOK_CHAR && p->tok.c == c;
}

bool tm_irp_is_word(const tm_ir_parser *p, const char *word) {
  return p->tok.kind == TM_TOK_WORD && tm_str_eq(p->tok.text, tm_cstr(word));
}

bool tm_irp_take(tm_ir_parser *p, char c) {
  if (!tm_irp_is(p, c)) return false;
  tm_irp_next(p);
  return true;
}

bool tm_irp_take_word(tm_ir_parser *p, const char *word) {
  if (!tm_irp_is_word(p, word)) return false;
  tm_irp_next(p);
  return true;
}

void tm_irp_expect(tm_ir_parser *p, char c) {
  if (!tm_irp_take(p, c))
    tm_irp_fail(p, p->tok.loc, "expected '%c' here", c);
}

void tm_irp_expect_word(tm_ir_parser *p, const char *word) {
  if (!tm_irp_take_word(p, word))
    tm_irp_fail(p, p->tok.loc, "expected '%s' here", word);
}

void tm_irp_expect_arrow(tm_ir_parser *p) {
  if (p->tok.kind == TM_TOK_ARROW) tm_irp_next(p);
  else tm_irp_fail(p, p->tok.loc, "expected '->' here");
}

int64_t tm_irp_int(tm_ir_parser *p) {
  bool negative = tm_irp_take(p, '-');
  if (p->tok.kind != TM_TOK_INT) {
    tm_irp_fail(p, p->tok.loc, "expected an integer here");
    return 0;
  }
  tm_str t = p->tok.text;
  uint64_t value = 0, base = 10;
  size_t i = 0;
  if (t.len > 2 && t.ptr[1] == 'x') base = 16, i = 2;
  for (; i < t.len; i++) {
    char c = t.ptr[i];
    uint64_t digit = (uint64_t)(is_digit(c) ? c - '0' : (c | 32) - 'a' + 10);
    if (value > (UINT64_MAX - digit) / base) {
      tm_irp_fail(p, p->tok.loc, "this integer does not fit in 64 bits");
      return 0;
    }
    value = value * base + digit;
  }
  tm_irp_next(p);
  return (int64_t)(negative ? 0 - value : value);
}

const char *tm_irp_string(tm_ir_parser *p) {
  if (p->tok.kind != TM_TOK_STRING && p->tok.kind != TM_TOK_SYMBOL) {
    tm_irp_fail(p, p->tok.loc, "expected a string here");
    return "";
  }
  tm_str t = p->tok.text;
  char *out = tm_alloc(p->ir->arena, t.len + 1);
  size_t n = 0;
  for (size_t i = 0; i < t.len; i++) {
    char c = t.ptr[i];
    if (c == '\\' && i + 2 < t.len + 0 && is_hex(t.ptr[i + 1]) &&
        is_hex(t.ptr[i + 2])) {
      char h = t.ptr[i + 1], l = t.ptr[i + 2];
      int high = is_digit(h) ? h - '0' : (h | 32) - 'a' + 10;
      int low = is_digit(l) ? l - '0' : (l | 32) - 'a' + 10;
      c = (char)(high * 16 + low);
      i += 2;
    } else if (c == '\\' && i + 1 < t.len) {
      c = t.ptr[++i];
      if (c == 'n') c = '\n';
      if (c == 't') c = '\t';
    }
    out[n++] = c;
  }
  tm_irp_next(p);
  return out;
}

uint32_t tm_irp_extents(tm_ir_parser *p, int64_t shape[TM_MAX_RANK]) {
  uint32_t rank = 0;
  if (!tm_irp_is(p, '<')) {
    tm_irp_fail(p, p->tok.loc, "expected '<' here");
    return 0;
  }
  for (;;) {
    const char *s = scan_while(p, p->at, is_digit);
    if (s == p->at || s >= p->end || *s != 'x') break;
    int64_t extent = 0;
    for (const char *d = p->at; d < s; d++)
      if (extent <= TM_MAX_NUMEL) extent = extent * 10 + (*d - '0');
    if (rank == TM_MAX_RANK || extent < 1 || extent > TM_MAX_NUMEL) {
      tm_irp_fail(p, p->tok.loc, "a shape has at most %d extents of 1 to %d",
                  TM_MAX_RANK, TM_MAX_NUMEL);
      return 0;
    }
    shape[rank++] = extent;
    p->at = s + 1;
  }
  tm_irp_next(p);
  return rank;
}
