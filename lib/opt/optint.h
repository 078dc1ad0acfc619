/* SPDX-License-Identifier: MIT */
/*
 * optint.h - what the passes of lib/opt share among themselves.
 */
#ifndef TM_OPTINT_H
#define TM_OPTINT_H

#include "../ir/irint.h"
#include "opt.h"

/* ---- scalarfold.c: arithmetic on constants ---------------------------- */

/* Evaluates an integer or float operation of the IR on constants, exactly as
 * the type would. False when the op is not one of them or has no defined
 * result (division by zero, shift too far, conversion out of range). s is
 * the operands' scalar type; for casts, to is the result's. */
typedef struct tm_number {
  int64_t i; /* sign-extended, for integer types */
  double f;  /* for float types */
} tm_number;

bool tm_fold_number(tm_op op, tm_scalar s, tm_scalar to, int64_t predicate,
                    const tm_number *x, uint32_t n, tm_number *out);

/* ---- foldflow.c: structured control flow ------------------------------ */

/* Folds scf.for, scf.if, scf.while. *renamed takes what stands for results
 * and block arguments. True when something changed; the instruction may be
 * gone. */
typedef struct tm_fold_uses {
  const uint32_t *count; /* of each value there was at the round's start */
  uint32_t n;
} tm_fold_uses;

bool tm_fold_for(tm_ir *ir, tm_inst inst, const tm_fold_uses *uses,
                 tm_map *renamed);
bool tm_fold_if(tm_ir *ir, tm_inst inst, const tm_fold_uses *uses,
                tm_map *renamed);
bool tm_fold_while(tm_ir *ir, tm_inst inst, const tm_fold_uses *uses,
                   tm_map *renamed);

/* ---- range.c: what integers can be ------------------------------------ */

typedef struct tm_range {
  int64_t lo, hi; /* of every element, both included */
} tm_range;

/* The range of an integer value. assume: i32 sums and products that feed an
 * address are taken not to wrap (see pointers.c); without it a result that
 * could wrap has its type's whole range. */
tm_range tm_range_of(tm_ir *ir, tm_value v, bool assume);
/* The whole range of a type. */
tm_range tm_range_full(tm_scalar s);

/* ---- loop_mask.c: masks of loops over whole blocks --------------------- */

/* Do the bounds of a loop around the arith.cmpi make it true for all elements,
 * whatever the numbers at run time are? */
bool tm_loop_decides(tm_ir *ir, tm_inst comparison);

/* ---- expand.c: values that are several values -------------------------- */

enum { TM_MAX_PARTS = 2 + 3 * TM_MAX_RANK };

typedef struct tm_parts {
  uint32_t n;
  tm_value v[TM_MAX_PARTS];
} tm_parts;

/* A pass that replaces values of some type by their parts everywhere, also
 * through scf.for, scf.if and scf.while, whose carried values it multiplies.
 * rewrite() sees an instruction with its old operands: tm_expand_parts gives
 * the parts of wanted ones, tm_expand_now what stands for the others. */
typedef struct tm_expander {
  tm_ir *ir;
  /* Is t a type to take apart? */
  bool (*is_wanted)(const struct tm_expander *x, tm_type t);
  /* Can this instruction's wanted result be taken apart, when its wanted
   * operands can? Not asked for scf.for, if, while. */
  bool (*is_source)(const struct tm_expander *x, tm_inst inst);
  /* Can this instruction, not structured, do with the parts of its wanted
   * operands? */
  bool (*is_user)(const struct tm_expander *x, tm_inst inst);
  /* Types of the parts of t, at most TM_MAX_PARTS. */
  uint32_t (*part_types)(const struct tm_expander *x, tm_type t,
                         tm_type *types);
  /* Called for each instruction that is not structured. May build before it,
   * set parts of its result, remove it. */
  void (*rewrite)(struct tm_expander *x, tm_inst inst);
  /* Parts that are values as carried: every one present and of its type. */
  tm_parts (*carry)(struct tm_expander *x, tm_builder *b, tm_value v);
  /* One value again from parts, for uses that need it; 0 when there is no
   * such thing. */
  tm_value (*join)(struct tm_expander *x, tm_builder *b, tm_value v);
  /* --- the engine's --- */
  bool *good;        /* of each value that existed: taken apart */
  uint32_t n_values;
  tm_map parts;      /* value -> index plus one in list */
  TM_VEC(tm_parts) list;
  tm_map renamed;
  bool changed;
} tm_expander;

bool tm_expand(tm_expander *x);
/* The parts of v; NULL when it is not taken apart. */
tm_parts *tm_expand_parts(tm_expander *x, tm_value v);
tm_value tm_expand_now(const tm_expander *x, tm_value v);
void tm_expand_set(tm_expander *x, tm_value v, const tm_parts *parts);

#endif
