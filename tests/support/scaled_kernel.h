/* SPDX-License-Identifier: MIT */
/*
 * scaled_kernel.h - kernels of any size, each kind large in one way, for
 * measuring how the time of a compile grows with the kernel.
 */
#ifndef TM_TEST_SCALED_KERNEL_H
#define TM_TEST_SCALED_KERNEL_H

#include "golden.h"

typedef enum scaled_kind {
  SCALED_CHAIN,      /* arithmetic, each result the operand of the next */
  SCALED_ACCESSES,   /* masked loads and stores of tiles */
  SCALED_IN_PLACE,   /* tiles of one buffer, loaded and stored */
  SCALED_ATOMICS,    /* atomic additions, and their old values */
  SCALED_PRODUCTS,   /* tl.dot of tiles loaded for it, into one accumulator */
  SCALED_CHAINED,    /* products whose result is an operand of the next */
  SCALED_TIGHT,      /* products whose tiles are staged in parts: they do not
                        fit into threadgroup memory whole */
  SCALED_REDUCTIONS, /* sums of tiles, used by what follows */
  SCALED_COMBINES,   /* reductions by functions of the kernel's own */
  SCALED_SCANS,      /* cumulative sums */
  SCALED_LOOPS,      /* one loop after the other */
  SCALED_NESTED,     /* loops in loops, eight deep */
  SCALED_BRANCHES,   /* if and else that assign */
  SCALED_ONE_BRANCH, /* everything in one if, with names of its own */
  SCALED_FUNCTIONS,  /* each call of a function of its own */
  SCALED_CALLS,      /* all calls of one function */
  SCALED_CARRIED,    /* one loop that carries many values */
  SCALED_UNROLLED,   /* one static_range */
  SCALED_KINDS
} scaled_kind;

/* "chain", ... */
const char *scaled_kind_name(scaled_kind kind);

/* The body of the kind `copies` times over; copies is 1 to 16. No two copies
 * are equal, so that no pass can merge them. */
golden_file scaled_kernel(tm_arena *arena, scaled_kind kind, uint32_t copies);

#endif
