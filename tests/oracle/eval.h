/* SPDX-License-Identifier: MIT */
/*
 * eval.h - a slow, obviously right evaluator of TTIR over host memory.
 *
 * Tests use it for expected values: it runs a kernel for a whole grid, one
 * program after the other, with arithmetic in exactly the types that the IR
 * says. It shares no arithmetic with the compiler: number formats, constant
 * folding and loops are written again here, the simplest way.
 *
 *     tm_eval_arg args[] = {{.data = x, .bytes = sizeof x}, {.i = 1000}};
 *     tm_eval_options o = {.grid = {8, 1, 1}};
 *     tm_eval_result r = tm_eval_run(ir, args, 2, &o);
 *     assert_null(r.error);
 *
 * What Triton leaves open is settled here as: a masked load without `other`
 * gives 0; a division by 0 gives 0; a shift by the width or more gives what
 * is shifted in; a float that does not fit an integer saturates, NaN gives
 * 0; 8-bit floats saturate (as cvt.satfinite does on sm_89).
 */
#ifndef TM_EVAL_H
#define TM_EVAL_H

#include "../../lib/ir/ir.h"

/* One argument of the kernel: a buffer for pointers, i or f for scalars; for
 * tensor descriptors a buffer, sizes and strides in elements. */
typedef struct tm_eval_arg {
  void *data;
  size_t bytes;
  int64_t i;
  double f;
  int64_t shape[TM_MAX_RANK], strides[TM_MAX_RANK];
  bool pads_nan;
} tm_eval_arg;

typedef struct tm_eval_options {
  uint32_t grid[3];   /* programs in x, y, z; 0 means 1 */
  /* Every float operation in double, rounded only when stored to memory and
   * by tt.bitcast: a reference for error bounds. */
  bool in_double;
  /* tt.dot adds products one by one, rounding to the accumulator's type each
   * time; otherwise in double, rounding once. */
  bool dot_in_order;
  uint64_t max_steps; /* instructions; 0 means 50 million */
} tm_eval_options;

typedef struct tm_eval_result {
  const char *error;  /* NULL: it ran. Else what, where in the IR and in which
                         program; valid until the next run */
  tm_loc loc;
  uint64_t steps, loads, stores; /* elements loaded and stored */
} tm_eval_result;

/* Runs the kernel of ir (verified) over the grid. A kernel that accesses
 * memory outside of its buffers ends with an error. */
tm_eval_result tm_eval_run(const tm_ir *ir, const tm_eval_arg *args,
                           uint32_t n_args, const tm_eval_options *options);

/* ---- eval_math.c: scalars --------------------------------------------- */

/* An integer, sign-extended (i1 true is -1), a pointer's address, or a
 * float as the double of the same value. */
typedef union tm_eval_cell {
  int64_t i;
  double f;
} tm_eval_cell;

/* Rounds to nearest even, or towards zero; see the file's comment. */
double tm_eval_round(tm_scalar s, double x, bool toward_zero);
uint64_t tm_eval_encode(tm_scalar s, double x); /* x is exact in s */
double tm_eval_decode(tm_scalar s, uint64_t bits);
int64_t tm_eval_wrap(tm_scalar s, int64_t x);

/* An elementwise operation on up to three cells. s: type of the operands
 * (select: of the values), to: of the result. False for ops that are not
 * scalar arithmetic. */
bool tm_eval_scalar(tm_op op, tm_scalar s, tm_scalar to, int64_t attr,
                    bool in_double, const tm_eval_cell *x, tm_eval_cell *out);
/* A math function by its libdevice or plain name ("__nv_tanhf", "tanh"). */
bool tm_eval_extern(const char *symbol, const double *x, uint32_t n,
                    double *out);

#endif
