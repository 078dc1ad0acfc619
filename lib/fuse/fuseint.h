/* SPDX-License-Identifier: MIT */
/*
 * fuseint.h - what the files of lib/fuse share among themselves.
 */
#ifndef TM_FUSEINT_H
#define TM_FUSEINT_H

#include "fuse.h"

/* ---- merge.c: one function --------------------------------------------- */

/* The kernels' bodies in a row. marks[i] is the instruction, without an
 * effect on what is computed, between parts i and i + 1. NULL with *reason
 * when they cannot be merged. */
tm_ir *tm_fuse_merge(tm_arena *arena, const tm_fuse_request *request,
                     tm_inst *marks, const char **reason);

/* ---- order.c: the order of sums ------------------------------------------ */

/* Is what depends on the order of elements, a sum of floats say, in the same
 * order in the fused kernel as in each alone? False with errors in diags. */
bool tm_fuse_keeps_order(tm_arena *arena, tm_diags *diags,
                         const tm_fuse_request *request, tm_ir *fused,
                         bool *keeps);

/* ---- linear_form.c: integers that are linear ---------------------------- */

typedef struct tm_fuse_forms tm_fuse_forms;

/* Answers questions about values of ir, the function that was merged. is_used
 * gets true for parameters whose value an answer rests on. */
tm_fuse_forms *tm_fuse_forms_of(tm_ir *ir, const tm_fuse_request *request,
                                bool *is_used);
/* Are no two elements of the tile of pointers, in one program or in two, at
 * the same address, where all of masks are true? Else *why, in words. */
bool tm_fuse_is_apart(tm_fuse_forms *forms, tm_value pointer,
                      const tm_value *masks, uint32_t n_masks,
                      const char **why);
/* Where all of n conditions are true, is another? */
bool tm_fuse_implies(tm_fuse_forms *forms, const tm_value *from, uint32_t n,
                     tm_value condition);
/* Are two integers or pointers, moved from one base, equal? */
bool tm_fuse_is_same(tm_fuse_forms *forms, tm_value a, tm_value b);

#endif
