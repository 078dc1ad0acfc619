/* SPDX-License-Identifier: MIT */
/*
 * token.c - bytes to tokens, one logical line at a time.
 *
 * Python's lexical rules (Language Reference, chapter 2): indentation makes
 * INDENT and DEDENT, a line goes on inside brackets and after a backslash,
 * comments and blank lines vanish. Tabs move to the next multiple of 8; that
 * the same indentation also comes out in order with tabs as one column is
 * what CPython asks, and so do we. CR, LF and CR LF all end a line. Bytes of
 * 0x80 and above are letters, except those UTF-8 sequences that no
 * identifier may hold and that text editors like to put in.
 *
 * Every byte is looked at a bounded number of times. State is a few stacks of
 * fixed size: indentation, brackets, and f-strings, inside whose fields
 * ordinary tokens are read (PEP 701). Where in an f-string pos is follows
 * from these stacks alone, see tm_lex_in_middle.
 *
 * A bracket that is never closed would swallow the rest of the file. A line
 * inside brackets that starts with a keyword no expression contains (def,
 * return, import ...) shows that this has happened: the bracket is reported
 * and the line is read as a new statement.
 */
#include "parse.h"

const char *const tm_token_texts[TM_TOKEN_KINDS] = {
#define X(name, text) [TM_TOK_##name] = text,
  TM_TOKENS_ARITHMETIC(X) TM_TOKENS_ASSIGN(X) TM_TOKENS_OTHER(X)
  TM_TOKENS_KEYWORD(X)
#undef X
};

enum { /* classes of bytes */
  LETTER = 1,  /* can start a name */
  DIGIT = 2,   /* can go on in one */
  COMMENT_END = 4
};

static const uint8_t classes[256] = {
  ['a'] = 1, ['b'] = 1, ['c'] = 1, ['d'] = 1, ['e'] = 1, ['f'] = 1,
  ['g'] = 1, ['h'] = 1, ['i'] = 1, ['j'] = 1, ['k'] = 1, ['l'] = 1,
  ['m'] = 1, ['n'] = 1, ['o'] = 1, ['p'] = 1, ['q'] = 1, ['r'] = 1,
  ['s'] = 1, ['t'] = 1, ['u'] = 1, ['v'] = 1, ['w'] = 1, ['x'] = 1,
  ['y'] = 1, ['z'] = 1, ['A'] = 1, ['B'] = 1, ['C'] = 1, ['D'] = 1,
  ['E'] = 1, ['F'] = 1, ['G'] = 1, ['H'] = 1, ['I'] = 1, ['J'] = 1,
  ['K'] = 1, ['L'] = 1, ['M'] = 1, ['N'] = 1, ['O'] = 1, ['P'] = 1,
  ['Q'] = 1, ['R'] = 1, ['S'] = 1, ['T'] = 1, ['U'] = 1, ['V'] = 1,
  ['W'] = 1, ['X'] = 1, ['Y'] = 1, ['Z'] = 1, ['_'] = 1, ['0'] = 2,
  ['1'] = 2, ['2'] = 2, ['3'] = 2, ['4'] = 2, ['5'] = 2, ['6'] = 2,
  ['7'] = 2, ['8'] = 2, ['9'] = 2, ['\n'] = 4, ['\r'] = 4, ['\0'] = 4
};

static bool goes_on(char c) {
  return (classes[(unsigned char)c] & (LETTER | DIGIT)) || (c & 0x80);
}

/* ---- shared with token_literal.c ---------------------------------------- */

tm_token *tm_lex_emit(tm_lexer *lx, tm_token_kind kind, uint32_t start) {
  tm_token token = {.kind = (uint8_t)kind,
                    .start = start,
                    .end = lx->pos,
                    .line = lx->line,
                    .col = start - lx->line_start + 1};
  tm_push(lx->arena, &lx->tokens, token);
  lx->fresh = false;
  return &lx->tokens.data[lx->tokens.len - 1];
}

void tm_lex_error(tm_lexer *lx, uint32_t line, uint32_t col, const char *hint,
                  const char *fmt, ...) {
  if (lx->line_failed) return;
  lx->line_failed = true;
  ++*lx->errors;
  tm_buf text = tm_buf_in(lx->arena);
  va_list args;
  va_start(args, fmt);
  tm_buf_vprintf(&text, fmt, args);
  va_end(args);
  tm_diag *diag = tm_error_at(lx->diags, TM_DIAG_SYNTAX,
                              (tm_loc){lx->file, line, col}, "%s",
                              tm_buf_text(&text));
  if (hint) tm_diag_hint(lx->diags, diag, "%s", hint);
}

/* At the offset `at` of the current physical line. */
static void error_at(tm_lexer *lx, uint32_t at, const char *hint,
                     const char *message) {
  tm_lex_error(lx, lx->line, at - lx->line_start + 1, hint, "%s", message);
}

void tm_lex_newline(tm_lexer *lx) {
  const char *text = lx->text;
  lx->pos += text[lx->pos] == '\r' && text[lx->pos + 1] == '\n' ? 2 : 1;
  lx->line++;
  lx->line_start = lx->pos;
  lx->fresh = true;
}

void tm_lex_push_bracket(tm_lexer *lx, char open, bool is_field) {
  uint32_t at = lx->pos - 1;
  if (lx->n_brackets == TM_AST_MAX_NESTING) {
    tm_lex_error(lx, lx->line, at - lx->line_start + 1, NULL,
                 "brackets are nested more than %d levels deep",
                 TM_AST_MAX_NESTING);
    tm_lex_emit(lx, TM_TOK_ERROR, at);
    return;
  }
  lx->brackets[lx->n_brackets++] =
      (tm_bracket){.open = open,
                   .is_field = is_field,
                   .line = lx->line,
                   .col = at - lx->line_start + 1};
}

/* ---- names -------------------------------------------------------------- */

/* Characters that turn up in copied text and are never part of a name: C1
 * controls and Latin-1 symbols, general punctuation, currencies, arrows, CJK
 * and fullwidth punctuation, emoji (Unicode 15, blocks without XID_Continue
 * but for the exceptions between the ranges). */
static const struct { uint32_t from, to; } not_in_names[] = {
  {0x80, 0xa9}, {0xab, 0xb4}, {0xb6, 0xb6}, {0xb8, 0xb9}, {0xbb, 0xbf},
  {0xd7, 0xd7}, {0xf7, 0xf7}, {0x2000, 0x203e}, {0x2041, 0x2053},
  {0x2055, 0x2070}, {0x20a0, 0x20cf}, {0x2190, 0x2bff}, {0x3000, 0x3004},
  {0x3008, 0x3020},
  {0xfeff, 0xfeff}, {0xff01, 0xff0f}, {0xff1a, 0xff20}, {0xff3b, 0xff3e},
  {0xff40, 0xff40}, {0xff5b, 0xff64}, {0x1f000, 0x1faff}
};

/* The code point at text and its length; 0 when it is not UTF-8. */
static uint32_t code_point(const char *text, uint32_t *n) {
  const unsigned char *s = (const unsigned char *)text;
  *n = 1;
  if (s[0] < 0xc2) return s[0] < 0x80 ? s[0] : 0;
  uint32_t more = s[0] < 0xe0 ? 1 : s[0] < 0xf0 ? 2 : 3;
  uint32_t c = s[0] & (0x3fu >> more);
  for (uint32_t i = 1; i <= more; i++) {
    if ((s[i] & 0xc0) != 0x80) return 0;
    c = c << 6 | (s[i] & 0x3f);
  }
  *n = more + 1;
  return c;
}

/* Whether [start, end) has no character that cannot be in a name. */
static bool check_letters(tm_lexer *lx, uint32_t start, uint32_t end) {
  for (uint32_t at = start, n; at < end; at += n) {
    uint32_t c = code_point(lx->text + at, &n);
    if (c < 0x80) continue;
    for (size_t i = 0; i < TM_COUNT(not_in_names); i++) {
      if (c < not_in_names[i].from || c > not_in_names[i].to) continue;
      const char *hint = NULL;
      if (c >= 0x2018 && c <= 0x201f)
        hint = "write the plain quotes ' or \"";
      else if (c == 0xa0 || (c >= 0x2000 && c <= 0x200f) || c == 0x3000)
        hint = "it looks like a space; write a plain space";
      tm_lex_error(lx, lx->line, at - lx->line_start + 1, hint,
                   "character U+%04X is not allowed here", c);
      return false;
    }
  }
  return true;
}

static tm_token_kind keyword(const char *text, uint32_t n) {
  /* The keywords of each first letter: index of the first, and how many. */
  static const struct { uint8_t first, count; } letters[26] = {
#define RUN(letter, from, to) \
  [(letter) - 'a'] = {TM_TOK_##from, TM_TOK_##to - TM_TOK_##from + 1}
    RUN('a', AND, AWAIT), RUN('b', BREAK, BREAK), RUN('c', CLASS, CONTINUE),
    RUN('d', DEF, DEL), RUN('e', ELIF, EXCEPT), RUN('f', FINALLY, FROM),
    RUN('g', GLOBAL, GLOBAL), RUN('i', IF, IS), RUN('l', LAMBDA, LAMBDA),
    RUN('n', NONLOCAL, NOT), RUN('o', OR, OR), RUN('p', PASS, PASS),
    RUN('r', RAISE, RETURN), RUN('t', TRY, TRY), RUN('w', WHILE, WITH),
    RUN('y', YIELD, YIELD)
#undef RUN
  };
  if (n < 2 || n > 8) return TM_TOK_NAME;
  uint8_t first = TM_TOK_FALSE, count = 3;
  if (text[0] >= 'a' && text[0] <= 'z') {
    first = letters[text[0] - 'a'].first;
    count = letters[text[0] - 'a'].count;
  }
  for (uint8_t i = 0; i < count; i++) {
    const char *word = tm_token_texts[first + i];
    if (word[1] == text[1] && strncmp(word, text, n) == 0 && word[n] == 0)
      return (tm_token_kind)(first + i);
  }
  return TM_TOK_NAME;
}

/* Keywords that begin statements and clauses, and that no expression has. */
static bool only_in_statements(tm_token_kind kind) {
  switch (kind) {
  case TM_TOK_ASSERT: case TM_TOK_BREAK: case TM_TOK_CLASS:
  case TM_TOK_CONTINUE: case TM_TOK_DEF: case TM_TOK_DEL: case TM_TOK_ELIF:
  case TM_TOK_EXCEPT: case TM_TOK_FINALLY: case TM_TOK_GLOBAL:
  case TM_TOK_IMPORT: case TM_TOK_NONLOCAL: case TM_TOK_PASS:
  case TM_TOK_RAISE: case TM_TOK_RETURN: case TM_TOK_TRY: case TM_TOK_WHILE:
  case TM_TOK_WITH:
    return true;
  default:
    return false;
  }
}

/* Reports the innermost open bracket and ends the logical line before the
 * physical one that pos is in, or at the end of the text. */
static void give_up_brackets(tm_lexer *lx) {
  const tm_bracket *open = &lx->brackets[lx->n_brackets - 1];
  tm_lex_error(lx, open->line, open->col, NULL, "'%c' was never closed",
               open->open);
  lx->n_brackets = lx->n_fstrings = 0;
  if (lx->text[lx->pos]) lx->pos = lx->line_start;
  tm_lex_emit(lx, TM_TOK_ERROR, lx->pos);
  tm_lex_emit(lx, TM_TOK_NEWLINE, lx->pos);
}

/* A name, keyword or prefixed string. False when the logical line ends. */
static bool lex_word(tm_lexer *lx) {
  const char *text = lx->text;
  uint32_t start = lx->pos, at = start;
  char high = 0;
  while (goes_on(text[at])) high |= text[at++];
  lx->pos = at;
  if ((text[at] == '"' || text[at] == '\'') && at - start <= 2) {
    uint8_t flags;
    if (tm_lex_prefix(text + start, at - start, &flags)) {
      tm_lex_string(lx, start, flags);
      return true;
    }
  }
  if ((high & 0x80) && !check_letters(lx, start, at)) {
    tm_lex_emit(lx, TM_TOK_ERROR, start);
    return true;
  }
  tm_token_kind kind = keyword(text + start, at - start);
  if (kind == TM_TOK_NAME) {
    tm_lex_emit(lx, kind, start)->name =
        tm_intern(lx->names, text + start, at - start);
    return true;
  }
  if (lx->fresh && lx->n_brackets && only_in_statements(kind)) {
    give_up_brackets(lx);
    return false;
  }
  tm_lex_emit(lx, kind, start);
  return true;
}

/* ---- operators ---------------------------------------------------------- */

static void emit_operator(tm_lexer *lx, tm_token_kind kind, uint32_t length) {
  uint32_t start = lx->pos;
  lx->pos += length;
  tm_lex_emit(lx, kind, start);
}

static void lex_close(tm_lexer *lx, tm_token_kind kind) {
  char close = lx->text[lx->pos];
  char wanted = close == ')' ? '(' : close == ']' ? '[' : '{';
  const tm_bracket *open =
      lx->n_brackets ? &lx->brackets[lx->n_brackets - 1] : NULL;
  uint32_t col = lx->pos - lx->line_start + 1;
  if (open && open->open == wanted) {
    lx->n_brackets--;
    emit_operator(lx, kind, 1);
    return;
  }
  if (!open)
    tm_lex_error(lx, lx->line, col, NULL, "unmatched '%c'", close);
  else if (open->line == lx->line)
    tm_lex_error(lx, lx->line, col, NULL,
                 "closing '%c' does not match opening '%c'", close,
                 open->open);
  else
    tm_lex_error(lx, lx->line, col, NULL,
                 "closing '%c' does not match opening '%c' on line %u", close,
                 open->open, open->line);
  /* The likeliest repair: the wrong closing bracket was meant to close the
   * innermost one. A field's brace must stay for the f-string's own end. */
  if (open && !open->is_field) lx->n_brackets--;
  emit_operator(lx, TM_TOK_ERROR, 1);
}

static void lex_open(tm_lexer *lx, tm_token_kind kind) {
  char open = lx->text[lx->pos];
  emit_operator(lx, kind, 1);
  tm_lex_push_bracket(lx, open, false);
}

/* The bracket whose replacement field pos is directly in, or NULL. */
static tm_bracket *current_field(tm_lexer *lx) {
  if (!lx->n_fstrings || !lx->n_brackets) return NULL;
  tm_bracket *top = &lx->brackets[lx->n_brackets - 1];
  return top->is_field ? top : NULL;
}

static void lex_colon(tm_lexer *lx) {
  tm_bracket *field = current_field(lx);
  if (field) {
    field->in_spec = true;
    emit_operator(lx, TM_TOK_COLON, 1);
  } else if (lx->text[lx->pos + 1] == '=') {
    emit_operator(lx, TM_TOK_COLON_EQUAL, 2);
  } else {
    emit_operator(lx, TM_TOK_COLON, 1);
  }
}

static void lex_exclamation(tm_lexer *lx) {
  uint32_t start = lx->pos;
  if (lx->text[start + 1] == '=') {
    emit_operator(lx, TM_TOK_NOT_EQ, 2);
  } else if (current_field(lx)) {
    emit_operator(lx, TM_TOK_EXCLAMATION, 1);
  } else {
    error_at(lx, start, "negation is written `not x`",
             "'!' is not an operator");
    emit_operator(lx, TM_TOK_ERROR, 1);
  }
}

static void lex_invalid(tm_lexer *lx) {
  unsigned char c = (unsigned char)lx->text[lx->pos];
  uint32_t col = lx->pos - lx->line_start + 1;
  if (c == '?')
    tm_lex_error(lx, lx->line, col, "a choice is written `a if c else b`",
                 "'?' is not an operator");
  else if (c == '`')
    tm_lex_error(lx, lx->line, col, "write repr(x)",
                 "'`' is not an operator");
  else if (c > 0x20 && c < 0x7f)
    tm_lex_error(lx, lx->line, col, NULL, "'%c' is not allowed here", c);
  else
    tm_lex_error(lx, lx->line, col, NULL,
                 "byte 0x%02x is not allowed here", c);
  emit_operator(lx, TM_TOK_ERROR, 1);
}

/* c and c= */
static void lex_assignable(tm_lexer *lx, tm_token_kind plain,
                           tm_token_kind assign) {
  if (lx->text[lx->pos + 1] == '=')
    emit_operator(lx, assign, 2);
  else
    emit_operator(lx, plain, 1);
}

/* c, c=, cc and cc= */
static void lex_doubled(tm_lexer *lx, tm_token_kind plain,
                        tm_token_kind assign, tm_token_kind twice,
                        tm_token_kind twice_assign) {
  const char *s = lx->text + lx->pos;
  if (s[1] != s[0])
    lex_assignable(lx, plain, assign);
  else if (s[2] == '=')
    emit_operator(lx, twice_assign, 3);
  else
    emit_operator(lx, twice, 2);
}

static void lex_operator(tm_lexer *lx) {
  const char *s = lx->text + lx->pos;
#define PAIR(name) TM_TOK_##name, TM_TOK_##name##_EQ
  switch (s[0]) {
  case '(': lex_open(lx, TM_TOK_LPAREN); break;
  case '[': lex_open(lx, TM_TOK_LBRACKET); break;
  case '{': lex_open(lx, TM_TOK_LBRACE); break;
  case ')': lex_close(lx, TM_TOK_RPAREN); break;
  case ']': lex_close(lx, TM_TOK_RBRACKET); break;
  case '}': lex_close(lx, TM_TOK_RBRACE); break;
  case ',': emit_operator(lx, TM_TOK_COMMA, 1); break;
  case ';': emit_operator(lx, TM_TOK_SEMICOLON, 1); break;
  case '~': emit_operator(lx, TM_TOK_TILDE, 1); break;
  case ':': lex_colon(lx); break;
  case '!': lex_exclamation(lx); break;
  case '.':
    if (s[1] == '.' && s[2] == '.')
      emit_operator(lx, TM_TOK_ELLIPSIS, 3);
    else
      emit_operator(lx, TM_TOK_DOT, 1);
    break;
  case '=':
    if (s[1] == '=')
      emit_operator(lx, TM_TOK_EQ_EQ, 2);
    else
      emit_operator(lx, TM_TOK_EQUAL, 1);
    break;
  case '-':
    if (s[1] == '>')
      emit_operator(lx, TM_TOK_ARROW, 2);
    else
      lex_assignable(lx, PAIR(MINUS));
    break;
  case '<':
    if (s[1] == '>') {
      error_at(lx, lx->pos, "write !=", "'<>' is not an operator");
      emit_operator(lx, TM_TOK_ERROR, 2);
    } else {
      lex_doubled(lx, PAIR(LESS), PAIR(LEFTSHIFT));
    }
    break;
  case '>': lex_doubled(lx, PAIR(GREATER), PAIR(RIGHTSHIFT)); break;
  case '*': lex_doubled(lx, PAIR(STAR), PAIR(DOUBLESTAR)); break;
  case '/': lex_doubled(lx, PAIR(SLASH), PAIR(DOUBLESLASH)); break;
  case '+': lex_assignable(lx, PAIR(PLUS)); break;
  case '%': lex_assignable(lx, PAIR(PERCENT)); break;
  case '@': lex_assignable(lx, PAIR(AT)); break;
  case '&': lex_assignable(lx, PAIR(AMPERSAND)); break;
  case '|': lex_assignable(lx, PAIR(BAR)); break;
  case '^': lex_assignable(lx, PAIR(CARET)); break;
  default: lex_invalid(lx); break;
  }
#undef PAIR
}

/* ---- lines -------------------------------------------------------------- */

static bool is_line_end(char c) {
  return c == '\n' || c == '\r';
}

static void skip_comment(tm_lexer *lx) {
  const char *s = lx->text + lx->pos;
  while (!(classes[(unsigned char)*s] & COMMENT_END)) s++;
  lx->pos = (uint32_t)(s - lx->text);
}

/* Over a backslash and the line end after it; another line must follow. */
static void step_joined(tm_lexer *lx) {
  uint32_t at = lx->pos;
  if (!lx->text[at + 1 + (lx->text[at + 1] == '\r' &&
                          lx->text[at + 2] == '\n') + 1])
    error_at(lx, at, NULL, "the file ends after this backslash");
  lx->pos++;
  tm_lex_newline(lx);
}

/* The same where a line end must be next. False, and an error, if not. */
static bool skip_continuation(tm_lexer *lx) {
  if (!is_line_end(lx->text[lx->pos + 1])) {
    error_at(lx, lx->pos, "a backslash joins two lines only as the last "
             "character of the first", "unexpected backslash");
    return false;
  }
  step_joined(lx);
  lx->fresh = false;
  return true;
}

/* Measures the indentation of the next line that has tokens. False at the
 * end of the text. */
static bool measure(tm_lexer *lx, uint32_t *col, uint32_t *alt) {
  for (;;) {
    uint32_t joined = 0; /* a backslash among the spaces: the first counts */
    *col = *alt = 0;
    for (;; lx->pos++) {
      char c = lx->text[lx->pos];
      if (c == ' ') {
        ++*col, ++*alt;
      } else if (c == '\t') {
        *col = (*col / 8 + 1) * 8, ++*alt;
      } else if (c == '\f') {
        *col = *alt = 0;
      } else if (c == '\\' && is_line_end(lx->text[lx->pos + 1])) {
        joined = joined ? joined : *col;
        step_joined(lx);
        lx->pos--;
      } else {
        break;
      }
    }
    if (joined) *col = *alt = joined;
    if (lx->text[lx->pos] == '#') skip_comment(lx);
    if (!lx->text[lx->pos]) return false;
    if (!is_line_end(lx->text[lx->pos])) return true;
    tm_lex_newline(lx);
  }
}

static void inconsistent_tabs(tm_lexer *lx) {
  error_at(lx, lx->line_start, "indent with spaces only",
           "inconsistent use of tabs and spaces in indentation");
}

static void indent(tm_lexer *lx, tm_indent level) {
  if (lx->n_indents == TM_AST_MAX_BLOCKS + 1) {
    tm_lex_error(lx, lx->line, level.col + 1, NULL,
                 "blocks are nested more than %d levels deep",
                 TM_AST_MAX_BLOCKS);
    return;
  }
  lx->indents[lx->n_indents++] = level;
  if (!level.silent) tm_lex_emit(lx, TM_TOK_INDENT, lx->pos);
}

static void dedent(tm_lexer *lx) {
  if (!lx->indents[--lx->n_indents].silent)
    tm_lex_emit(lx, TM_TOK_DEDENT, lx->pos);
}

/* INDENT and DEDENT tokens for a line that is indented by col. */
static void compare_indent(tm_lexer *lx, uint32_t col, uint32_t alt) {
  const tm_indent *top = &lx->indents[lx->n_indents - 1];
  if (col == top->col) {
    if (alt != top->alt) inconsistent_tabs(lx);
  } else if (col > top->col) {
    if (alt <= top->alt) inconsistent_tabs(lx);
    indent(lx, (tm_indent){col, alt, false});
  } else {
    while (col < lx->indents[lx->n_indents - 1].col) dedent(lx);
    top = &lx->indents[lx->n_indents - 1];
    if (col != top->col) {
      /* The lines that follow at this indentation belong to the same
       * mistake: a level without a block takes them in. */
      error_at(lx, lx->pos, NULL,
               "this indentation does not match any outer block");
      indent(lx, (tm_indent){col, alt, true});
    } else if (alt != top->alt) {
      inconsistent_tabs(lx);
    }
  }
}

/* The end of the text inside a logical line. */
static void end_of_text(tm_lexer *lx) {
  if (lx->n_brackets) {
    give_up_brackets(lx);
    return;
  }
  tm_lex_emit(lx, TM_TOK_NEWLINE, lx->pos);
}

/* Reads one token, or what is between tokens. False after NEWLINE. */
static bool lex_token(tm_lexer *lx) {
  if (lx->n_fstrings && tm_lex_in_middle(lx)) {
    tm_lex_middle(lx);
    return true;
  }
  char c = lx->text[lx->pos];
  if (c == ' ' || c == '\t' || c == '\f') {
    lx->pos++;
    return true;
  }
  if ((classes[(unsigned char)c] & LETTER) || (c & 0x80))
    return lex_word(lx);
  if ((classes[(unsigned char)c] & DIGIT) ||
      (c == '.' && (classes[(unsigned char)lx->text[lx->pos + 1]] & DIGIT))) {
    tm_lex_number(lx);
    return true;
  }
  switch (c) {
  case '"':
  case '\'':
    tm_lex_string(lx, lx->pos, 0);
    return true;
  case '#':
    skip_comment(lx);
    return true;
  case '\\':
    if (!skip_continuation(lx)) emit_operator(lx, TM_TOK_ERROR, 1);
    return true;
  case '\n':
  case '\r':
    if (!lx->n_brackets) tm_lex_emit(lx, TM_TOK_NEWLINE, lx->pos);
    tm_lex_newline(lx);
    return lx->n_brackets != 0;
  case '\0':
    end_of_text(lx);
    return false;
  default:
    lex_operator(lx);
    return true;
  }
}

void tm_lex_line(tm_lexer *lx) {
  uint32_t col, alt;
  lx->tokens.len = 0;
  lx->line_failed = false;
  if (!measure(lx, &col, &alt)) {
    while (lx->n_indents > 1) dedent(lx);
    tm_lex_emit(lx, TM_TOK_END, lx->pos);
    return;
  }
  compare_indent(lx, col, alt);
  lx->fresh = true;
  while (lex_token(lx)) {
  }
}

void tm_lexer_init(tm_lexer *lx, tm_modules *set, uint32_t file,
                   const char *text, uint32_t size, uint32_t *errors) {
  memset(lx, 0, sizeof *lx);
  lx->text = text;
  lx->size = size;
  lx->line = 1;
  lx->n_indents = 1; /* column 0, which is never left */
  lx->arena = set->arena;
  lx->names = &set->names;
  lx->diags = set->diags;
  lx->file = file;
  lx->errors = errors;
}
