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

typedef struct lint_token {
  lint_kind kind;
  const char *text;
  uint32_t len, line;
} lint_token;

typedef struct linter {
  const tm_msl *msl;
  const tm_chip *chip;
  tm_arena *arena;
  tm_diags *diags;
  TM_VEC(lint_token) tokens; /* the last one is LINT_END */
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

/* The token after the bracket that closes the one at `open`; at most the
 * end. Brackets are ( [ {. */
uint32_t lint_after(const linter *l, uint32_t open);
/* One broken rule, at a token. */
void lint_report(linter *l, uint32_t token, const char *rule,
                 const char *fmt, ...) TM_PRINTF(4, 5);
/* Bytes of a scalar or vector type; 0: not known. */
uint32_t lint_type_bytes(const lint_token *t);
/* lint_flow.c */
void lint_flow(linter *l);
/* lint_tensor.c. Is the token the auto of a declaration whose type tensor
 * operations give? */
bool lint_is_tensor_auto(const linter *l, uint32_t i);
void lint_tensor(linter *l);

#endif
