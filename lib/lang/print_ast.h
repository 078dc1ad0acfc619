/* SPDX-License-Identifier: MIT */
/* print_ast.h - what print_ast.c (expressions) and print_stmt.c share. */
#ifndef TM_PRINT_AST_H
#define TM_PRINT_AST_H

#include "ast.h"

/* How tightly an expression binds: what stands in a place that needs a level
 * gets parentheses when its own is lower. Python's reference, 6.17. */
typedef enum tm_level {
  TM_LEVEL_YIELD,  /* also tuples without parentheses */
  TM_LEVEL_NAMED,  /* a := b */
  TM_LEVEL_TEST,   /* a if b else c, lambda */
  TM_LEVEL_OR, TM_LEVEL_AND, TM_LEVEL_NOT, TM_LEVEL_COMPARE,
  TM_LEVEL_BITOR, TM_LEVEL_BITXOR, TM_LEVEL_BITAND, TM_LEVEL_SHIFT,
  TM_LEVEL_SUM, TM_LEVEL_PRODUCT, TM_LEVEL_UNARY, TM_LEVEL_POWER,
  TM_LEVEL_AWAIT, TM_LEVEL_ATOM
} tm_level;

typedef struct tm_printer {
  tm_buf *out;
  uint32_t indent;   /* blocks */
  uint32_t fstrings; /* open around the expression */
  uint32_t depth;    /* of the expression being printed */
} tm_printer;

void tm_print_expr(tm_printer *pr, const tm_expr *e, tm_level level);
/* Printed for what is nested too deeply; no Python. */
#define TM_PRINT_TOO_DEEP "$too deep$"

/* What stands after = or return: a tuple as a, b, and yield as it is. */
void tm_print_bare(tm_printer *pr, const tm_expr *e);
void tm_print_params(tm_printer *pr, const tm_params *params);
/* items and keywords of a call or class, without the parentheses. */
void tm_print_arguments(tm_printer *pr, const tm_exprs *items,
                        const tm_keywords *keywords);
/* With triple quotes and its line ends as they are. */
void tm_print_docstring(tm_printer *pr, const tm_expr *e);
const char *tm_py_op_text(tm_py_op op);

#endif
