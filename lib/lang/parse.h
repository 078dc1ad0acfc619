/* SPDX-License-Identifier: MIT */
/*
 * parse.h - what the files of the parser share: tokens, the lexer's state,
 * the parser's state, and every function that crosses files, grouped by the
 * file that defines it. Nothing outside lib/lang includes this.
 *
 * The lexer reads one logical line at a time into an array that is used
 * again for the next, so a parser may look as far ahead as the line goes (is
 * this `match` a statement? does this bracket close before the colon?) at no
 * cost, and no token is allocated.
 *
 * Errors. The first error of a logical line is reported, later ones are
 * consequences. After it `tok` points at a token that matches nothing, so
 * every loop of every parsing function ends by itself; the statement then
 * skips to the end of its line (tm_parse_skip_line) and goes on. A line in
 * which the lexer found an error is parsed in silence.
 */
#ifndef TM_LANG_PARSE_H
#define TM_LANG_PARSE_H

#include "ast.h"

/* ---- tokens ------------------------------------------------------------- */

/* In the order of tm_py_op from TM_PY_ADD, then the assignments of these. */
#define TM_TOKENS_ARITHMETIC(X)                                       \
  X(PLUS, "+") X(MINUS, "-") X(STAR, "*") X(SLASH, "/")               \
  X(DOUBLESLASH, "//") X(PERCENT, "%") X(DOUBLESTAR, "**") X(AT, "@") \
  X(AMPERSAND, "&") X(BAR, "|") X(CARET, "^") X(LEFTSHIFT, "<<")      \
  X(RIGHTSHIFT, ">>")

#define TM_TOKENS_ASSIGN(X)                                                  \
  X(PLUS_EQ, "+=") X(MINUS_EQ, "-=") X(STAR_EQ, "*=") X(SLASH_EQ, "/=")      \
  X(DOUBLESLASH_EQ, "//=") X(PERCENT_EQ, "%=") X(DOUBLESTAR_EQ, "**=")       \
  X(AT_EQ, "@=") X(AMPERSAND_EQ, "&=") X(BAR_EQ, "|=") X(CARET_EQ, "^=")     \
  X(LEFTSHIFT_EQ, "<<=") X(RIGHTSHIFT_EQ, ">>=")

#define TM_TOKENS_OTHER(X)                                            \
  X(LPAREN, "(") X(RPAREN, ")") X(LBRACKET, "[") X(RBRACKET, "]")     \
  X(LBRACE, "{") X(RBRACE, "}") X(COMMA, ",") X(COLON, ":")           \
  X(SEMICOLON, ";") X(DOT, ".") X(ELLIPSIS, "...") X(ARROW, "->")     \
  X(TILDE, "~") X(EQUAL, "=") X(COLON_EQUAL, ":=") X(EXCLAMATION, "!") \
  X(EQ_EQ, "==") X(NOT_EQ, "!=") X(LESS, "<") X(LESS_EQ, "<=")        \
  X(GREATER, ">") X(GREATER_EQ, ">=")

/* Sorted, so that those with one first letter are together. */
#define TM_TOKENS_KEYWORD(X)                                             \
  X(FALSE, "False") X(NONE, "None") X(TRUE, "True") X(AND, "and")        \
  X(AS, "as") X(ASSERT, "assert") X(ASYNC, "async") X(AWAIT, "await")    \
  X(BREAK, "break") X(CLASS, "class") X(CONTINUE, "continue")            \
  X(DEF, "def") X(DEL, "del") X(ELIF, "elif") X(ELSE, "else")            \
  X(EXCEPT, "except") X(FINALLY, "finally") X(FOR, "for")                \
  X(FROM, "from") X(GLOBAL, "global") X(IF, "if") X(IMPORT, "import")    \
  X(IN, "in") X(IS, "is") X(LAMBDA, "lambda") X(NONLOCAL, "nonlocal")    \
  X(NOT, "not") X(OR, "or") X(PASS, "pass") X(RAISE, "raise")            \
  X(RETURN, "return") X(TRY, "try") X(WHILE, "while") X(WITH, "with")    \
  X(YIELD, "yield")

typedef enum tm_token_kind {
  TM_TOK_END,     /* of the text */
  TM_TOK_NEWLINE, /* of a logical line; always the last of the array */
  TM_TOK_INDENT, TM_TOK_DEDENT, /* only at the front of the array */
  TM_TOK_ERROR,   /* the lexer has reported it */
  TM_TOK_NAME, TM_TOK_NUMBER, TM_TOK_STRING,
  TM_TOK_FSTRING_START,  /* f" */
  TM_TOK_FSTRING_MIDDLE, /* literal text in it, or in a format spec */
  TM_TOK_FSTRING_END,
#define X(name, text) TM_TOK_##name,
  TM_TOKENS_ARITHMETIC(X) TM_TOKENS_ASSIGN(X) TM_TOKENS_OTHER(X)
  TM_TOKENS_KEYWORD(X)
#undef X
  TM_TOKEN_KINDS
} tm_token_kind;

enum { /* tm_token.flags of strings */
  TM_STRING_RAW = 1, TM_STRING_BYTES = 2, TM_STRING_TRIPLE = 4,
  TM_STRING_FORMAT = 8,     /* f or t */
  TM_STRING_TEMPLATE = 16,  /* t */
  TM_STRING_ENCODED = 32,   /* has a backslash, a CR, {{ or }}: decode it */
  TM_STRING_SPEC = 64       /* FSTRING_MIDDLE of a format spec */
};

typedef struct tm_token {
  uint8_t kind;        /* tm_token_kind */
  uint8_t flags;
  uint8_t lead;        /* STRING: bytes of its prefix and opening quotes */
  uint32_t start, end; /* offsets in the text */
  uint32_t line, col;  /* of the start; from 1, columns in bytes */
  tm_name name;        /* NAME */
} tm_token;

/* ---- token.c: the lexer ------------------------------------------------- */

typedef struct tm_bracket {
  char open;
  bool is_field;       /* the { of a replacement field */
  bool in_spec;        /* its ':' has been seen */
  uint32_t line, col;
} tm_bracket;

typedef struct tm_fstring {
  char quote;
  uint8_t flags;
  uint32_t depth;      /* brackets open outside of it */
  uint32_t line, col;
} tm_fstring;

typedef struct tm_indent {
  uint32_t col, alt;   /* with tabs to 8 and tabs as 1: must agree */
  bool silent;         /* no INDENT was made for it, after an error */
} tm_indent;

typedef struct tm_lexer {
  const char *text;    /* ends in a zero byte; has no other */
  uint32_t size, pos;
  uint32_t line, line_start; /* of pos */
  bool line_failed;    /* an error was reported in this logical line */
  bool fresh;          /* no token yet on this physical line */
  TM_VEC(tm_token) tokens; /* of one logical line */
  uint32_t n_indents, n_brackets, n_fstrings;
  tm_indent indents[TM_AST_MAX_BLOCKS + 1];
  tm_bracket brackets[TM_AST_MAX_NESTING];
  tm_fstring fstrings[TM_AST_MAX_NESTING];
  tm_arena *arena;
  tm_names *names;
  tm_diags *diags;
  uint32_t file;
  uint32_t *errors;    /* counts them */
} tm_lexer;

extern const char *const tm_token_texts[TM_TOKEN_KINDS];

/* text must be zero-terminated and free of zero bytes, size below 4 GiB. */
void tm_lexer_init(tm_lexer *lx, tm_modules *set, uint32_t file,
                   const char *text, uint32_t size, uint32_t *errors);
/* Replaces the tokens by those of the next logical line. They end in NEWLINE
 * or END. */
void tm_lex_line(tm_lexer *lx);

/* Between token.c and token_literal.c. */
tm_token *tm_lex_emit(tm_lexer *lx, tm_token_kind kind, uint32_t start);
/* Reports at an offset on the current physical line (or at line, col), unless
 * the logical line failed already. hint may be NULL. */
void tm_lex_error(tm_lexer *lx, uint32_t line, uint32_t col, const char *hint,
                  const char *fmt, ...) TM_PRINTF(5, 6);
/* Steps over the line end at pos: LF, CR LF or CR. */
void tm_lex_newline(tm_lexer *lx);
void tm_lex_push_bracket(tm_lexer *lx, char open, bool is_field);

/* ---- token_literal.c: numbers, strings and f-strings as tokens ---------- */

void tm_lex_number(tm_lexer *lx);
/* pos is at the opening quote, start at the prefix. */
void tm_lex_string(tm_lexer *lx, uint32_t start, uint8_t flags);
/* Whether [start, start+n) is a string prefix; its flags. */
bool tm_lex_prefix(const char *text, uint32_t n, uint8_t *flags);
/* Whether pos is in the literal part of an f-string or format spec. */
bool tm_lex_in_middle(const tm_lexer *lx);
void tm_lex_middle(tm_lexer *lx);

/* ---- parse.c: the parser's state and its errors ------------------------- */

typedef struct tm_parser {
  tm_lexer lx;
  tm_modules *set;
  tm_module *module;
  tm_arena *arena;
  const tm_token *tok;    /* the next token, or &stop after an error */
  const tm_token *failed_at;
  tm_token stop;
  bool failed;            /* in this logical line */
  bool has_walrus;        /* seen in this statement's expressions */
  uint32_t last_line;     /* of the logical line before this */
  uint32_t nesting;       /* of expressions in progress */
  uint32_t lambdas;       /* in progress */
  tm_stmt *owner;         /* whose block is being read */
  TM_VEC(void *) scratch; /* children of unfinished nodes; a stack */
  tm_expr *bad;           /* stands for what could not be read */
  tm_name word_match, word_case, word_type, word_underscore, word_print,
      word_exec;
} tm_parser;

/* Moves to the next token; does nothing after an error and at the end. */
static inline void tm_parse_advance(tm_parser *p) {
  if (p->tok->kind > TM_TOK_ERROR) {
    p->tok++;
  } else if (p->tok->kind == TM_TOK_NEWLINE) {
    p->last_line = p->tok->line;
    tm_lex_line(&p->lx);
    p->tok = p->lx.tokens.data;
  } else if (p->tok->kind != TM_TOK_END && p->tok->kind != TM_TOK_ERROR) {
    p->tok++;
  }
}
static inline bool tm_parse_at(const tm_parser *p, tm_token_kind kind) {
  return p->tok->kind == kind;
}
static inline bool tm_parse_accept(tm_parser *p, tm_token_kind kind) {
  if (p->tok->kind != kind) return false;
  tm_parse_advance(p);
  return true;
}
static inline tm_loc tm_parse_loc(const tm_parser *p) {
  return (tm_loc){p->lx.file, p->tok->line, p->tok->col};
}
static inline bool tm_parse_at_name(const tm_parser *p, tm_name name) {
  return p->tok->kind == TM_TOK_NAME && p->tok->name == name;
}
/* The kind after the next; END at the end of the line. */
static inline tm_token_kind tm_parse_peek(const tm_parser *p) {
  return p->tok->kind > TM_TOK_ERROR ? (tm_token_kind)p->tok[1].kind
                                     : TM_TOK_END;
}

/* Reports a syntax error at loc, unless one was reported in this logical
 * line, and makes the rest of the line match nothing. hint may be NULL. */
void tm_parse_fail(tm_parser *p, tm_loc loc, const char *hint, const char *fmt,
                   ...) TM_PRINTF(4, 5);
/* The same without giving up the line: for what is wrong but understood, and
 * for what is missing between lines. */
void tm_parse_report(tm_parser *p, tm_loc loc, const char *hint,
                     const char *fmt, ...) TM_PRINTF(4, 5);
/* Fails at the next token: "expected WHAT, found 'x'". */
void tm_parse_fail_expected(tm_parser *p, const char *what);
/* Where to point when the next token is wrong: it, or the end of the one
 * before when a line ends. */
tm_loc tm_parse_here(const tm_parser *p);
/* "'x'", "the end of the line", "a string", ... in a static or arena text. */
const char *tm_parse_found(tm_parser *p);
void tm_parse_expect(tm_parser *p, tm_token_kind kind, const char *what);
/* A name that is bound or used as a plain word; NULL after an error. */
tm_name tm_parse_name(tm_parser *p, const char *what);
/* After an error: goes to the end of the line and forgets it. */
void tm_parse_skip_line(tm_parser *p);

/* Children gathered on the scratch stack: take the base first, push, then
 * make the exact array. */
static inline uint32_t tm_parse_base(const tm_parser *p) {
  return p->scratch.len;
}
static inline void tm_parse_push(tm_parser *p, void *node) {
  tm_push(p->arena, &p->scratch, node);
}
tm_exprs tm_parse_exprs(tm_parser *p, uint32_t base);
tm_stmts tm_parse_stmts(tm_parser *p, uint32_t base);

/* ---- parse_expr.c ------------------------------------------------------- */

/* A node at loc. */
tm_expr *tm_parse_node(tm_parser *p, tm_expr_kind kind, tm_loc loc);
/* Makes parent deeper than child; child may be NULL. Fails at the limit. */
void tm_parse_adopt(tm_parser *p, tm_expr *parent, const tm_expr *child);

void tm_parse_adopt_items(tm_parser *p, tm_expr *e);
/* A node with one child. */
tm_expr *tm_parse_node1(tm_parser *p, tm_expr_kind kind, tm_loc loc,
                        tm_expr *child);

/* Whether the next token can begin an expression. */
bool tm_parse_starts_expr(const tm_parser *p);
/* Each is named after the rule of Python's grammar. */
tm_expr *tm_parse_expression(tm_parser *p);
tm_expr *tm_parse_named(tm_parser *p);         /* may be a := b */
tm_expr *tm_parse_disjunction(tm_parser *p);   /* no ternary, no lambda */
tm_expr *tm_parse_bitwise_or(tm_parser *p);    /* no comparison */
tm_expr *tm_parse_star_expressions(tm_parser *p); /* a, *b without brackets */
/* Fails when e is *x: that needs a tuple, list, set or call around it. */
void tm_parse_no_lone_star(tm_parser *p, const tm_expr *e);
tm_expr *tm_parse_yield_or_star(tm_parser *p);
/* Closes a bracket that was opened by `open` at loc. */
void tm_parse_close(tm_parser *p, tm_token_kind close, tm_loc loc);
/* Fails unless e can be assigned to; what: "assign to", "delete". Starred
 * items are fine in tuples and lists when star is set. */
bool tm_parse_check_target(tm_parser *p, const tm_expr *e, const char *what,
                           bool star);
/* "a call", "a comparison", ... */
const char *tm_parse_kind_name(const tm_expr *e);

/* ---- parse_display.c: what is in brackets ------------------------------- */

tm_expr *tm_parse_targets(tm_parser *p);       /* of for, before `in` */
/* *x or a named expression: an item of a display. */
tm_expr *tm_parse_star_named(tm_parser *p);
/* An item without := : *x or an expression. */
tm_expr *tm_parse_star_expression(tm_parser *p);
/* The rest of a tuple whose first item is read and whose comma is next. */
tm_expr *tm_parse_tuple_rest(tm_parser *p, tm_expr *first, tm_loc loc,
                             tm_expr *(*item)(tm_parser *));
/* for ... in ... if ... into node; the `for` or `async` is next. */
void tm_parse_clauses(tm_parser *p, tm_expr *node);
bool tm_parse_at_clause(const tm_parser *p);
/* Whether what comes is neither *x nor, without parentheses, a := b. */
bool tm_parse_at_plain_item(const tm_parser *p);
/* From their opening bracket. */
tm_expr *tm_parse_parenthesised(tm_parser *p);
tm_expr *tm_parse_list(tm_parser *p);
tm_expr *tm_parse_braces(tm_parser *p);

/* ---- parse_args.c: calls, parameters ------------------------------------ */

/* After the '(' at loc, through the ')'. is_class: bases of a class. */
void tm_parse_arguments(tm_parser *p, tm_loc loc, tm_exprs *items,
                        tm_keywords *keywords, tm_expr *depth_of,
                        bool is_class);
/* Up to `end` (not read): ')' of a def, ':' of a lambda. */
tm_params tm_parse_params(tm_parser *p, tm_token_kind end);
/* [T, *Ts, **P] if it is there. */
tm_params tm_parse_type_params(tm_parser *p);

/* ---- parse_string.c: strings and f-strings ------------------------------ */

tm_expr *tm_parse_strings(tm_parser *p);

/* ---- literal.c: values of literals -------------------------------------- */

tm_expr *tm_parse_number(tm_parser *p);

/* A string in the making: its text, and whether that has \N{...} in it and
 * doubled backslashes (see tm_expr.has_named_escapes). */
typedef struct tm_piece {
  tm_buf text;
  bool named;
  bool any;      /* something was added, even if empty */
  tm_loc loc;    /* of the first part */
} tm_piece;

/* Adds the decoded bytes [start, end) of the text, which are part of token. */
void tm_piece_decode(tm_parser *p, tm_piece *piece, const tm_token *token,
                     uint32_t start, uint32_t end);
/* Adds bytes that mean themselves. */
void tm_piece_add(tm_piece *piece, const char *text, size_t n);

/* ---- parse_stmt.c: simple statements ------------------------------------ */

tm_stmt *tm_parse_new_stmt(tm_parser *p, tm_stmt_kind kind, tm_loc loc);
/* Statements of one line, separated by ';', through its NEWLINE; pushed on
 * the scratch stack. */
void tm_parse_simple_line(tm_parser *p);

/* ---- parse_block.c: compound statements --------------------------------- */

/* Statements until DEDENT or END, pushed on the scratch stack. */
void tm_parse_statements(tm_parser *p);
/* ": block" of owner into out. what: "the if condition", after which the ':'
 * is missing; owner_text: "'if' statement". False when the header was bad. */
bool tm_parse_suite(tm_parser *p, tm_stmt *owner, tm_stmts *out,
                    const char *what, const char *owner_text, uint32_t line);

/* ---- parse_match.c ------------------------------------------------------ */

/* Whether the line that starts here is a match statement's first. */
bool tm_parse_at_match(const tm_parser *p);
tm_stmt *tm_parse_match(tm_parser *p);

/* ---- jit.c: what is a device function ----------------------------------- */

/* Sets is_jit in the whole module, once its bindings are known. */
void tm_jit_mark(tm_module *module);
/* Sets it by the function's decorators. */
void tm_jit_mark_function(const tm_module *module, tm_function_def *function);
/* The function that a call of triton.jit in e is given, or NULL. */
tm_function_def *tm_jit_target(const tm_module *module, const tm_expr *e);

/* ---- module.c ----------------------------------------------------------- */

/* Fills functions, bindings and imports from body. */
void tm_module_bind(tm_module *module);
/* The same for one statement that is added to a bound module. */
void tm_module_bind_statement(tm_module *module, tm_stmt *stmt);

#endif
