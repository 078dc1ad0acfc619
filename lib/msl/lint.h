/* SPDX-License-Identifier: MIT */
/*
 * lint.h - what the two halves of the linter share: the tokens of a text.
 *
 * lint.c looks at tokens and declarations one by one, lint_tensor.c at those of
 * tensor operations; lint_flow.c follows the statements of the kernel and
 * proves the barriers.
 */
#ifndef TM_MSL_LINT_H
#define TM_MSL_LINT_H

#include "msl.h"

typedef enum lint_kind {
  LINT_END, LINT_WORD, LINT_NUMBER, LINT_PUNCT, LINT_TEXT, LINT_DIRECTIVE
} lint_kind;

typedef struct lint_token { /* there are many: 24 bytes each */
  const char *text;
  uint32_t len : 28, kind : 4; /* kind: a lint_kind */
  uint32_t line;
  uint32_t word;  /* of a LINT_WORD: index into linter.words; else 0 */
  uint32_t after; /* of an open bracket: the token after the one that closes
                     it; at most the end. Else 0 */
} lint_token;

/* What is known of a word, wherever it stands: asked once and not at each of
 * the tokens. */
typedef struct lint_word {
  const char *text;
  uint32_t len;
  uint32_t bytes;    /* of the scalar or vector type that it names; 0: none */
  uint32_t bad;      /* index into the words that may not be, plus 1 */
  bool is_bfloat;    /* some declaration that came before names it so */
  uint32_t declared; /* token of its last declaration, plus 1; 0: none */
  bool is_plain;     /* lint_flow.c: a type or function: as uniform as what it
                        is applied to */
  uint32_t uniform;  /* lint_flow.c: uniform names in scope that are this */
  uint32_t tile;     /* lint_flow.c: index into its tiles, plus 1 */
  uint32_t planned;  /* lint_flow.c: index into tm_msl.tiles, plus 1 */
} lint_word;

typedef struct linter {
  const tm_msl *msl;
  const tm_chip *chip;
  tm_arena *arena;
  tm_diags *diags;
  TM_VEC(lint_token) tokens; /* the last one is LINT_END */
  TM_VEC(lint_word) words;   /* [0]: not a word */
  tm_map word_of;            /* hash -> index into words */
  uint32_t kernel;           /* token of the entry point's name; 0: none */
  uint32_t params, body;     /* its '(' and its '{' */
  uint32_t body_end;         /* its '}' */
} linter;

static inline const lint_token *lint_at(const linter *l, uint32_t i) {
  return &l->tokens.data[i < l->tokens.len ? i : l->tokens.len - 1];
}
static inline bool lint_is(const linter *l, uint32_t i, const char *text) {
  const lint_token *t = lint_at(l, i);
  return t->kind != LINT_TEXT && t->len == strlen(text) &&
         memcmp(t->text, text, t->len) == 0;
}
static inline bool lint_same(const linter *l, uint32_t i, uint32_t j) {
  const lint_token *a = lint_at(l, i), *b = lint_at(l, j);
  return a->len == b->len && memcmp(a->text, b->text, a->len) == 0;
}
static inline lint_word *lint_word_at(const linter *l, uint32_t i) {
  return &l->words.data[lint_at(l, i)->word];
}

/* The word's index; 0 when no token is it. */
uint32_t lint_find_word(const linter *l, const char *text, size_t len);
/* The token after the bracket that closes the one at `open`; at most the
 * end. Brackets are ( [ {. */
uint32_t lint_after(const linter *l, uint32_t open);
/* One broken rule, at a token. */
void lint_report(linter *l, uint32_t token, const char *rule,
                 const char *fmt, ...) TM_PRINTF(4, 5);
/* lint_flow.c */
void lint_flow(linter *l);
/* lint_tensor.c. Is the token the auto of a declaration whose type tensor
 * operations give? */
bool lint_is_tensor_auto(const linter *l, uint32_t i);
void lint_tensor(linter *l);

#endif
