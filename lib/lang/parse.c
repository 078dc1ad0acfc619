/* SPDX-License-Identifier: MIT */
/*
 * parse.c - one file to a module: the parser's state, its errors, and the
 * entry. The grammar is in parse_expr.c, parse_args.c, parse_string.c,
 * parse_stmt.c, parse_block.c and parse_match.c, one function for a rule of
 * Python's own grammar (Language Reference, chapter 10), recursive but for
 * chains of operators, elifs and trailers, which are loops.
 */
#include "parse.h"

enum {
  LARGEST_FILE = 256 * 1024 * 1024 /* bytes; offsets are 32 bits */
};

/* ---- errors ------------------------------------------------------------- */

static void report(tm_parser *p, tm_loc loc, const char *hint,
                   const char *fmt, va_list args) {
  if (p->lx.line_failed) return;
  p->lx.line_failed = true;
  p->module->errors++;
  tm_buf text = tm_buf_in(p->arena);
  tm_buf_vprintf(&text, fmt, args);
  tm_diag *diag = tm_error_at(p->set->diags, TM_DIAG_SYNTAX, loc, "%s",
                              tm_buf_text(&text));
  if (hint) tm_diag_hint(p->set->diags, diag, "%s", hint);
}

void tm_parse_report(tm_parser *p, tm_loc loc, const char *hint,
                     const char *fmt, ...) {
  va_list args;
  va_start(args, fmt);
  report(p, loc, hint, fmt, args);
  va_end(args);
}

static void give_up(tm_parser *p) {
  if (p->failed) return;
  p->failed = true;
  p->failed_at = p->tok;
  p->stop.line = p->tok->line;
  p->stop.col = p->tok->col;
  p->tok = &p->stop;
}

void tm_parse_fail(tm_parser *p, tm_loc loc, const char *hint, const char *fmt,
                   ...) {
  if (p->failed) return;
  va_list args;
  va_start(args, fmt);
  report(p, loc, hint, fmt, args);
  va_end(args);
  give_up(p);
}

static bool ends_line(const tm_parser *p) {
  return p->tok->kind == TM_TOK_NEWLINE || p->tok->kind == TM_TOK_END;
}

tm_loc tm_parse_here(const tm_parser *p) {
  const tm_token *token = p->tok;
  if (p->failed || !ends_line(p) || token == p->lx.tokens.data)
    return tm_parse_loc(p);
  token--;
  tm_loc loc = {p->lx.file, token->line, token->col};
  /* Behind the last token: of one that spans lines, on its last. */
  for (uint32_t i = token->start; i < token->end; i++) {
    loc.col++;
    if (p->lx.text[i] == '\n' ||
        (p->lx.text[i] == '\r' && p->lx.text[i + 1] != '\n')) {
      loc.line++;
      loc.col = 1;
    }
  }
  return loc;
}

const char *tm_parse_found(tm_parser *p) {
  enum { LONGEST = 40 }; /* bytes of a token that are worth showing */
  const tm_token *token = p->tok;
  switch (token->kind) {
  case TM_TOK_END: return "the end of the file";
  case TM_TOK_NEWLINE: return "the end of the line";
  case TM_TOK_INDENT: return "an indented line";
  case TM_TOK_DEDENT: return "the end of the block";
  case TM_TOK_STRING: return "a string";
  case TM_TOK_FSTRING_START: return "an f-string";
  case TM_TOK_FSTRING_MIDDLE:
  case TM_TOK_FSTRING_END: return "the end of the field";
  default: break;
  }
  uint32_t n = token->end - token->start;
  tm_buf text = tm_buf_in(p->arena);
  tm_buf_printf(&text, "'%.*s%s'", (int)(n > LONGEST ? LONGEST : n),
                p->lx.text + token->start, n > LONGEST ? "..." : "");
  return tm_buf_text(&text);
}

void tm_parse_fail_expected(tm_parser *p, const char *what) {
  if (p->failed) return;
  const char *hint = NULL;
  if (p->tok->kind >= TM_TOK_FALSE && p->tok->kind < TM_TOKEN_KINDS)
    hint = "it is a keyword of Python";
  tm_parse_fail(p, tm_parse_here(p), hint, "expected %s, found %s", what,
                tm_parse_found(p));
}

void tm_parse_expect(tm_parser *p, tm_token_kind kind, const char *what) {
  if (!tm_parse_accept(p, kind)) tm_parse_fail_expected(p, what);
}

tm_name tm_parse_name(tm_parser *p, const char *what) {
  if (!tm_parse_at(p, TM_TOK_NAME)) {
    tm_parse_fail_expected(p, what);
    return NULL;
  }
  tm_name name = p->tok->name;
  tm_parse_advance(p);
  return name;
}

void tm_parse_skip_line(tm_parser *p) {
  if (!p->failed) return;
  p->failed = false;
  p->tok = p->failed_at;
  p->nesting = p->lambdas = 0;
  switch (p->tok->kind) {
  case TM_TOK_END: case TM_TOK_INDENT: case TM_TOK_DEDENT:
    return; /* nothing of the line has been read */
  default:
    p->tok = &p->lx.tokens.data[p->lx.tokens.len - 1];
    return;
  }
}

/* ---- gathered children -------------------------------------------------- */

static void *take(tm_parser *p, uint32_t base, uint32_t *n) {
  *n = p->scratch.len - base;
  p->scratch.len = base;
  if (!*n) return NULL;
  void *copy = tm_alloc_array(p->arena, *n, sizeof(void *));
  memcpy(copy, p->scratch.data + base, *n * sizeof(void *));
  return copy;
}

tm_exprs tm_parse_exprs(tm_parser *p, uint32_t base) {
  tm_exprs exprs;
  exprs.data = take(p, base, &exprs.len);
  exprs.cap = exprs.len;
  return exprs;
}

tm_stmts tm_parse_stmts(tm_parser *p, uint32_t base) {
  tm_stmts stmts;
  stmts.data = take(p, base, &stmts.len);
  stmts.cap = stmts.len;
  return stmts;
}

/* ---- the entry ---------------------------------------------------------- */

static void start(tm_parser *p, tm_module *module, const char *text,
                  uint32_t size) {
  tm_modules *set = module->owner;
  memset(p, 0, sizeof *p);
  tm_lexer_init(&p->lx, set, module->file, text, size, &module->errors);
  p->set = set;
  p->module = module;
  p->arena = set->arena;
  p->stop.kind = TM_TOK_ERROR;
  p->bad = tm_expr_new(set, TM_EXPR_NONE, (tm_loc){0});
  p->word_match = tm_intern_cstr(&set->names, "match");
  p->word_case = tm_intern_cstr(&set->names, "case");
  p->word_type = tm_intern_cstr(&set->names, "type");
  p->word_underscore = tm_intern_cstr(&set->names, "_");
  p->word_print = tm_intern_cstr(&set->names, "print");
  p->word_exec = tm_intern_cstr(&set->names, "exec");
  tm_lex_line(&p->lx);
  p->tok = p->lx.tokens.data;
}

static void parse_module(tm_module *module, tm_str text) {
  tm_modules *set = module->owner;
  const char *zero = text.len ? memchr(text.ptr, 0, text.len) : NULL;
  if (zero) {
    /* What is before it is still read. */
    tm_loc loc = {module->file, 1, 1};
    for (const char *s = text.ptr; s < zero; s++) {
      loc.col++;
      if (*s != '\n') continue;
      loc.line++;
      loc.col = 1;
    }
    tm_error_at(set->diags, TM_DIAG_SYNTAX, loc,
                "the file has a zero byte; it is not text");
    module->errors++;
    text.len = (size_t)(zero - text.ptr);
  }
  if (text.len > LARGEST_FILE) {
    tm_error_at(set->diags, TM_DIAG_LIMIT, (tm_loc){module->file, 1, 1},
                "the file is larger than %d MiB", LARGEST_FILE >> 20);
    module->errors++;
    return;
  }
  /* A copy with a zero at its end: the lexer looks ahead without counting. */
  const char *copy = tm_strndup(set->arena, text.ptr, text.len);
  tm_parser *p = TM_NEW(set->arena, tm_parser);
  start(p, module, copy, (uint32_t)text.len);
  while (!tm_parse_at(p, TM_TOK_END)) {
    tm_parse_statements(p);
    tm_parse_accept(p, TM_TOK_DEDENT); /* of a block nobody opened */
  }
  module->body = tm_parse_stmts(p, 0);
}

static bool ends_with(const char *text, const char *end) {
  size_t n = strlen(text), m = strlen(end);
  return n >= m && strcmp(text + n - m, end) == 0;
}

static tm_module *parse_as(tm_modules *set, const char *name,
                           const char *file_name, tm_str text,
                           bool is_package) {
  tm_module *module = TM_NEW(set->arena, tm_module);
  module->owner = set;
  module->name = tm_intern_cstr(&set->names, name);
  module->is_package = is_package; /* before its imports are resolved */
  module->bindings = tm_map_in(set->arena);
  if (text.len >= 3 && memcmp(text.ptr, "\xef\xbb\xbf", 3) == 0) {
    text.ptr += 3; /* a byte order mark; columns count from behind it */
    text.len -= 3;
  }
  module->file = tm_diags_source(set->diags, file_name, text);
  parse_module(module, text);
  tm_module_bind(module);
  tm_jit_mark(module);
  for (uint32_t i = 0; i < set->list.len; i++) {
    if (set->list.data[i]->name != module->name) continue;
    set->list.data[i] = module;
    return module;
  }
  tm_push(set->arena, &set->list, module);
  return module;
}

tm_module *tm_module_parse_text(tm_modules *set, const char *name,
                                const char *file_name, tm_str text) {
  return parse_as(set, name, file_name, text,
                  ends_with(file_name, "__init__.py"));
}

tm_module *tm_module_parse_package(tm_modules *set, const char *name,
                                   const char *file_name, tm_str text) {
  return parse_as(set, name, file_name, text, true);
}
