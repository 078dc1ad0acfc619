/* SPDX-License-Identifier: MIT */
/*
 * arrays.h - arrays of any element type for the evaluator's kernels: random
 * contents and elements as numbers.
 */
#ifndef TM_EVAL_ARRAYS_H
#define TM_EVAL_ARRAYS_H

#include "eval.h"

/* The type of a name in a signature: fp32, bf16, fp8e4nv, i1, u64 ... Signed
 * and unsigned are one type here, as in TTIR. TM_I8 when it is none. */
tm_scalar eval_scalar_named(const char *name);

/* Bytes of an element in memory: a bool takes one. */
size_t eval_element_size(tm_scalar s);

/* n random elements: integers from 0 to 7, so that they serve as indices,
 * bools 0 or 1, floats in [-1, 1). *seed steps. */
void eval_fill(void *data, tm_scalar s, size_t n, uint64_t *seed);

/* An element as a number. */
double eval_element(const void *data, tm_scalar s, size_t index);

#endif
