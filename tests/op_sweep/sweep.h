/* SPDX-License-Identifier: MIT */
/*
 * sweep.h - every operation of the language, in every type, rank and shape.
 *
 *     rows_*.c    tables: one row for each operation, a line of Triton text
 *     write.c     rows + a setting (type, shape, axis ...) -> a module's text
 *     sweep.c     settings in turn; text -> device and evaluator -> compared
 *
 * A kernel loads tiles of random contents, applies the operations of a few
 * rows to them and stores what each gives to a buffer of its own. What a row
 * may compute is exact in its type, so that all elements must be equal, bit
 * for bit; or the row says by how many units in the last place it may be off.
 *
 * Of the settings there are far too many for each run of the tests: each has
 * a number that depends on nothing but itself, and a run takes those whose
 * number is right (sweep_options).
 */
#ifndef TM_TEST_SWEEP_H
#define TM_TEST_SWEEP_H

#include "../support/device.h"

#include "../oracle/arrays.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- types ------------------------------------------------------------- */

enum { /* classes of types, which rows admit */
  BOOLS = 1, SIGNEDS = 2, UNSIGNEDS = 4, FLOATS = 8, SMALL_FLOATS = 16,
  INTS = SIGNEDS | UNSIGNEDS, NUMBERS = INTS | FLOATS,
  ALL = NUMBERS | BOOLS | SMALL_FLOATS,
  ONLY_32 = 256, ONLY_64 = 512, /* bits, of any class */
  NOT_8_AND_16 = 1024, INTS_OF_32 = 2048, NOT_8 = 4096 /* of integers */
};

typedef struct sweep_type {
  const char *name;   /* in signatures: "u8" */
  const char *triton; /* in the text: "uint8" */
  unsigned class;
  tm_scalar scalar;   /* as the evaluator has it */
} sweep_type;

enum { SWEEP_TYPES = 16 };
extern const sweep_type sweep_types[SWEEP_TYPES];

/* ---- rows -------------------------------------------------------------- */

/* In a row's text the tiles that it may use have names:
 *
 *     x, y    anything: ends of the range, NaN and infinity
 *     s, t    small whole numbers, few of them not 0 where a sum of all must
 *             be exact
 *     p       from 1/8 to 8; integers from 1 on
 *     q       1, -1 and, rarely, 2: products are exact
 *     c       bools
 *     i       int32, from 0 up to the extent along the axis
 *
 * and these stand for parts of the setting: $T the type in Triton's words,
 * $A the axis, $L the last axis, $E the extent along the axis, $N the number
 * of elements, $S the shape "4, 8", $P another order of the axes "1, 0",
 * $R reversed or not. The result is `r`, or tiles that `put` stores. */
typedef struct sweep_row {
  const char *name;
  const char *text;
  unsigned types;  /* classes */
  const char *out; /* of the stored elements: NULL: the type of x; "wide": i64
                      or fp32; else its name */
  uint32_t ulps;   /* of f32; narrower floats may then be off by one */
  unsigned needs;  /* of the shape */
} sweep_row;

enum { /* what a row needs; without any all shapes do */
  LAST_2 = 1,      /* the last extent is 2 or more */
  RANK_1 = 2, RANK_2_UP = 4, SHORT_LINES = 8, /* up to 1024 along the axis */
  ANY_TOTAL = 32,  /* the axis does not matter: one setting for all */
  TWICE = 64,      /* the result has twice as many elements */
  UP_TO_RANK_4 = 128,
  PRESET = 256,    /* the output holds numbers before */
  RANK_2 = 512
};

typedef struct sweep_area {
  const char *name;
  const sweep_row *rows;
  size_t n_rows;
  bool has_axis;   /* settings differ in axis and direction */
  uint32_t bundle; /* rows of one kernel */
} sweep_area;

extern const sweep_area sweep_elementwise, sweep_casts, sweep_reductions,
    sweep_scans, sweep_orders, sweep_shapes, sweep_memory, sweep_atomics;

/* ---- settings ---------------------------------------------------------- */

enum { SWEEP_MAX_RANK = 5, SWEEP_MAX_BUNDLE = 8, SWEEP_MAX_BUFFERS = 20 };

typedef struct sweep_setting {
  const sweep_type *type;
  int rank, shape[SWEEP_MAX_RANK], axis;
  bool reverse;
  uint32_t num_warps;
  const char *chip;
} sweep_setting;

size_t sweep_numel(const sweep_setting *s);

/* ---- kernels ----------------------------------------------------------- */

typedef enum sweep_fill {
  FILL_ZERO, FILL_ANY, FILL_SMALL, FILL_POSITIVE, FILL_FACTORS, FILL_BOOLS,
  FILL_INDICES, FILL_PRESET
} sweep_fill;

typedef struct sweep_buffer {
  const char *name;       /* of the parameter */
  const sweep_type *type;
  size_t n;               /* elements that the kernel may touch */
  sweep_fill fill;
  uint32_t limit;         /* FILL_INDICES: below it. FILL_SMALL: at most so
                             many elements are not 0; 0: any number */
  const char *op;         /* outputs: the operation that made it */
  const sweep_row *row;   /* ... of a row */
  uint32_t ulps;
} sweep_buffer;

typedef struct sweep_kernel {
  char *text;             /* the module; kernel "k" */
  sweep_buffer buffers[SWEEP_MAX_BUFFERS];
  uint32_t n_buffers;
  uint32_t grid, num_warps, num_stages;
  const char *chip;
  char what[128];         /* the setting, in words */
  sweep_setting setting;  /* of rows */
} sweep_kernel;

/* The number of elements at most that may differ from 0 so that sums in that
 * type, of numbers from -4 to 4, are exact; 0: any number may. */
uint32_t sweep_sum_limit(const sweep_type *type, size_t n);
const sweep_type *sweep_type_named(const char *name);

/* ---- write.c ----------------------------------------------------------- */

bool sweep_admits(const sweep_row *row, const sweep_setting *s);
/* The kernel of some rows at that setting. */
void sweep_write(sweep_kernel *k, const sweep_row *const *rows, uint32_t n,
                 const sweep_setting *s);
/* What all texts begin with: imports and functions. */
extern const char sweep_prelude[];
sweep_buffer *sweep_add_buffer(sweep_kernel *k, const char *name,
                               const sweep_type *type, size_t n,
                               sweep_fill fill);

/* ---- line.c ------------------------------------------------------------ */

/* What the row of buffer `out` gives, a second source of expected values; the
 * arrays are those of the kernel's buffers. *n elements, free() it; NULL for
 * rows and types that this file does not know. */
double *sweep_by_line(const sweep_kernel *k, const sweep_buffer *out,
                      void *const *arrays, size_t *n);

/* ---- sweep.c ----------------------------------------------------------- */

typedef enum sweep_outcome {
  SWEEP_EQUAL, SWEEP_DIFFERENT, SWEEP_LIMIT, SWEEP_REFUSED
} sweep_outcome;

typedef struct sweep sweep;
sweep *sweep_open(void);
/* Prints the counts and fails the test when anything was different, or
 * refused for another reason than a limit of the chip. */
void sweep_close(sweep *sw);

/* Takes every setting of the area whose turn it is. */
void sweep_run_area(sweep *sw, const sweep_area *area);
/* Is it the turn of what these bytes number? rarity: one of so many in the
 * short run. */
bool sweep_turn(const sweep *sw, const char *what, uint32_t rarity);
bool sweep_is_long(const sweep *sw);
/* The MSL of each row of the area does not grow with the tile: from 4096 to
 * 65536 elements by a half at most. */
void sweep_check_lengths(sweep *sw, const sweep_area *area);
/* The row of that name at that setting alone; it must be equal. */
void sweep_run_row(sweep *sw, const sweep_area *area, const char *name,
                   const sweep_setting *s);
void sweep_begin(sweep *sw, const char *area);
/* Runs one kernel and counts its operations. The text is freed. */
sweep_outcome sweep_run(sweep *sw, sweep_kernel *k);
/* The kernel's MSL and threadgroup bytes, without running it. NULL after
 * telling why it is refused. free() it. */
char *sweep_msl(sweep *sw, const sweep_kernel *k, uint32_t *threadgroup_bytes);

/* ---- rows_product.c, rows_flow.c: kernels that are no rows ------------- */

void sweep_run_products(sweep *sw);
/* Text and threadgroup memory of products whose operands are transposed are
 * those of their twins. */
void sweep_check_transposed(sweep *sw);
void sweep_run_flow(sweep *sw);

#endif
