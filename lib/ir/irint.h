/* SPDX-License-Identifier: MIT */
/*
 * irint.h - what the files of lib/ir share among themselves.
 */
#ifndef TM_IRINT_H
#define TM_IRINT_H

#include "ir.h"

/* The RULE column of ops.def. */
typedef enum tm_rule {
  TM_RULE_SAME, TM_RULE_SAME1, TM_RULE_BOOL, TM_RULE_GIVEN, TM_RULE_ELEM,
  TM_RULE_PTR, TM_RULE_ACC, TM_RULE_REDUCE, TM_RULE_SCAN, TM_RULE_DIMS1,
  TM_RULE_TRANS, TM_RULE_JOIN, TM_RULE_SPLIT, TM_RULE_NONE
} tm_rule;

/* The FORMAT column of ops.def. */
typedef enum tm_format {
  TM_FORMAT_T, TM_FORMAT_CAST, TM_FORMAT_CUSTOM
} tm_format;

enum {
  TM_MAX_NEST = 64,          /* regions inside regions, parser and verifier */
  TM_MAX_NUMEL = 1 << 20,    /* Triton's largest tensor (core.py) */
  TM_MAX_RESULTS = 256       /* of one instruction; bounds untrusted text */
};

/* ---- rules.c ---------------------------------------------------------- */

/* The operation whose result types are asked for. */
typedef struct tm_rule_query {
  tm_ir *ir;
  tm_op op;
  uint32_t n_operands;
  const tm_value *operands;
  uint32_t n_attrs;
  const tm_attr *attrs;
} tm_rule_query;

/* Writes the result types that the op's rule gives, *n of them (at most
 * TM_MAX_RESULTS). False when the rule is GIVEN without a shortcut, or when
 * the operands break the rule; then *why is a sentence or NULL for GIVEN. */
bool tm_rule_infer(const tm_rule_query *query, tm_type *types, uint32_t *n,
                   const char **why);

/* The loaded type of a pointer, tensor of pointers or block pointer; NULL
 * for other types. */
tm_type tm_rule_loaded(tm_ir *ir, tm_type pointer);

/* ---- attr.c ----------------------------------------------------------- */

/* How MLIR writes the value of an attribute. */
typedef enum tm_attr_form {
  TM_FORM_I32, TM_FORM_I64, TM_FORM_BOOL, TM_FORM_TEXT, TM_FORM_UNIT,
  TM_FORM_ARRAY32, TM_FORM_ENUM, TM_FORM_FLOAT, TM_FORM_SYMBOL,
  TM_FORM_HINT   /* i32, or dense<n> : tensor<1xi32> */
} tm_attr_form;

typedef struct tm_attr_info {
  const char *name;
  tm_attr_form form;
} tm_attr_info;

extern const tm_attr_info tm_attr_infos[TM_ATTRS];

/* The key of a name in MLIR text; TM_ATTR_NONE when it is not ours. */
tm_attr_key tm_attr_find(const char *name, size_t n);

/* Names of an enum attribute's values, index by MLIR's number; NULL holes.
 * *n is the length. */
const char *const *tm_attr_enum(tm_attr_key key, uint32_t *n);
/* The number, or -1. */
int64_t tm_attr_enum_find(tm_attr_key key, const char *name, size_t n);

/* ---- number.c --------------------------------------------------------- */

/* Sign-extends the low bits of value that type scalar has. */
int64_t tm_int_wrap(tm_scalar scalar, int64_t value);
/* Nearest value of the floating type, ties to even. Overflow gives infinity
 * where the type has one and the largest finite value where not. */
double tm_float_round(tm_scalar scalar, double value);
/* Bit pattern of a value that is exact in the type, and back. */
uint64_t tm_float_bits(tm_scalar scalar, double value);
double tm_float_from_bits(tm_scalar scalar, uint64_t bits);
/* The double that n characters of decimal text are, in any locale; NAN when
 * they are not a number or more than 127. */
double tm_double_parse(const char *text, size_t n);
/* Decimal text with a point that reads back as value in the type, or MLIR's
 * hexadecimal bits for infinities and NaN. */
void tm_float_print(tm_buf *out, tm_scalar scalar, double value);

/* ---- verify.c --------------------------------------------------------- */

/* tm_ir_verify, with the kind that errors get: SEMANTIC for text that was
 * read, INTERNAL for what a pass made. */
bool tm_ir_verify_as(const tm_ir *ir, tm_diags *diags, const char *after,
                     tm_diag_kind kind);

#endif
