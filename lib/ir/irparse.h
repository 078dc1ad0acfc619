/* SPDX-License-Identifier: MIT */
/*
 * irparse.h - the reader of TTIR text, shared by its files: irlex.c
 * (characters to tokens), irparse.c (module, functions, regions, types,
 * attributes), parse_ops.c (the form of each operation) and parse_cf.c
 * (branches between blocks).
 *
 * One error ends the reading: everything after it would be guesses. Every
 * function that reads returns at once when `failed` is set, so callers need
 * not check after each step, only before using what they got.
 */
#ifndef TM_IRPARSE_H
#define TM_IRPARSE_H

#include "irint.h"

typedef enum tm_tok {
  TM_TOK_END,
  TM_TOK_WORD,    /* tt.load, x, public, dense */
  TM_TOK_VALUE,   /* %name: text is name */
  TM_TOK_SYMBOL,  /* @name or @"name": text is name */
  TM_TOK_BLOCK,   /* ^bb0 */
  TM_TOK_HASH,    /* #loc4, #tt.cache_policy: text has no # */
  TM_TOK_TYPE,    /* !tt.ptr: text has no ! */
  TM_TOK_INT,     /* digits, or 0x and digits */
  TM_TOK_FLOAT,
  TM_TOK_STRING,  /* text between the quotes, escapes not undone */
  TM_TOK_ARROW,   /* -> */
  TM_TOK_CHAR     /* any other character: c */
} tm_tok;

typedef struct tm_token {
  tm_tok kind;
  char c;
  tm_str text;
  tm_loc loc;
  const char *start;
} tm_token;

/* What a name stands for: count results from first on. */
typedef struct tm_binding {
  tm_name name;
  tm_value first;
  uint32_t count;
  uint32_t hidden; /* index plus one of the binding it hides, or 0 */
} tm_binding;

typedef struct tm_ir_parser {
  tm_ir *ir;
  tm_diags *diags;
  const char *at, *end, *line_start;
  uint32_t file, line;
  tm_token tok;
  bool failed;
  uint32_t depth;       /* of regions */
  uint32_t func;        /* the function that is read */
  uint32_t type_depth;
  tm_map scope;         /* name -> index plus one in bindings */
  TM_VEC(tm_binding) bindings;
  tm_map ops;           /* interned op name -> tm_op */
} tm_ir_parser;

/* ---- irlex.c ---------------------------------------------------------- */

void tm_irp_next(tm_ir_parser *p);
void tm_irp_fail(tm_ir_parser *p, tm_loc loc, const char *fmt, ...)
    TM_PRINTF(3, 4);
bool tm_irp_is(const tm_ir_parser *p, char c);
bool tm_irp_is_word(const tm_ir_parser *p, const char *word);
/* Takes the character or word if it is next. */
bool tm_irp_take(tm_ir_parser *p, char c);
bool tm_irp_take_word(tm_ir_parser *p, const char *word);
/* Takes it, or fails with "expected ...". */
void tm_irp_expect(tm_ir_parser *p, char c);
void tm_irp_expect_word(tm_ir_parser *p, const char *word);
void tm_irp_expect_arrow(tm_ir_parser *p);
/* An integer with an optional sign; fails beyond 64 bits. */
int64_t tm_irp_int(tm_ir_parser *p);
/* The string token with escapes undone, zero-terminated. */
const char *tm_irp_string(tm_ir_parser *p);
/* Reads extents "8x4x" that directly follow the current '<'; rank 0 when
 * there is none. The token after them becomes the current one. */
uint32_t tm_irp_extents(tm_ir_parser *p, int64_t shape[TM_MAX_RANK]);

/* ---- irparse.c -------------------------------------------------------- */

tm_type tm_irp_type(tm_ir_parser *p); /* never NULL; void after a failure */
/* A type whose dialect name may be left out: "<f32>", "<8x8xf32>". */
tm_type tm_irp_pointer_type(tm_ir_parser *p);
tm_type tm_irp_descriptor_type(tm_ir_parser *p);
/* One operand; 0 after a failure. */
tm_value tm_irp_value(tm_ir_parser *p);
void tm_irp_bind(tm_ir_parser *p, tm_name name, tm_value first,
                 uint32_t count);
uint32_t tm_irp_scope_mark(const tm_ir_parser *p);
void tm_irp_scope_end(tm_ir_parser *p, uint32_t mark);
tm_name tm_irp_intern(tm_ir_parser *p, tm_str text);

typedef TM_VEC(tm_attr) tm_attr_list;
typedef TM_VEC(tm_value) tm_value_list;
typedef TM_VEC(tm_type) tm_type_list;

/* "{a = 1 : i32, b}" if it is next. */
void tm_irp_attr_dict(tm_ir_parser *p, tm_attr_list *attrs);
void tm_irp_add_attr(tm_ir_parser *p, tm_attr_list *attrs, tm_attr attr);
/* A number, dense<number> or hexadecimal bits of the type that follows. */
tm_type tm_irp_constant(tm_ir_parser *p, tm_attr *attr);
/* "{ ... }" into block. implicit is the terminator to add when the text has
 * none, or TM_OP_NONE. */
void tm_irp_region(tm_ir_parser *p, tm_block block, tm_op implicit);
/* Instructions up to the closing brace, which is taken. */
void tm_irp_body(tm_ir_parser *p, tm_block block, tm_op implicit);
/* "(%a: type, ...)" as arguments of block. */
void tm_irp_block_args(tm_ir_parser *p, tm_block block);
void tm_irp_skip_loc(tm_ir_parser *p);
/* One instruction, "%r = op ...". */
void tm_irp_inst(tm_ir_parser *p, tm_builder *b);

/* ---- parse_ops.c ------------------------------------------------------ */

/* The rest of an instruction after its op's name; 0 after a failure. */
tm_inst tm_irp_custom(tm_ir_parser *p, tm_builder *b, tm_op op);
tm_inst tm_irp_generic(tm_ir_parser *p, tm_builder *b, tm_op op);

/* ---- parse_cf.c ------------------------------------------------------- */

/* Whether cf.br or cf.cond_br is next. */
bool tm_irp_is_branch(const tm_ir_parser *p);
/* From a branch in the body of p->func to its closing brace, as scf.if. */
void tm_irp_branches(tm_ir_parser *p, tm_builder *b);

#endif
