/* SPDX-License-Identifier: MIT */
/*
 * cost.h - what a launch of a kernel will do, counted, and how long that
 * takes at least on a chip: a roofline.
 *
 * The counts are of laid-out TTIR, which the kernel's text follows closely:
 * accesses with their copies, products with the tiles that they stage. Loop
 * counts and masks are evaluated with the launch's numbers.
 */
#ifndef TM_COST_H
#define TM_COST_H

#include "layout/layout.h"

/* The numbers of a launch. */
typedef struct tm_cost_launch {
  int64_t grid[3];
  const int64_t *args; /* of each parameter of the kernel; pointers and floats
                          are not looked at */
  uint32_t n_args;
} tm_cost_launch;

/* Of all programs together. Bytes that a program asks for more than once by
 * different instructions count each time; caches are not modelled. */
typedef struct tm_cost {
  double programs;
  double read, written;   /* device bytes; an element that several threads
                             of a program hold copies of counts once */
  double asked_read, asked_written; /* the same as threads ask for them */
  double flops;           /* floating-point operations, 2 a multiply-add */
  double matrix_flops;    /* those of them that simdgroup matrices do */
  double special_slots;   /* ALU slots of exp, log, division, sqrt, sin */
  double threadgroup;     /* bytes written to and read from its memory */
  uint32_t registers;     /* 32-bit, a thread, roughly */
  bool is_exact;          /* false: something depends on data in memory and
                             was taken to happen, or once */
} tm_cost;

typedef enum tm_bound {
  TM_BOUND_MEMORY, TM_BOUND_ALU, TM_BOUND_MATRIX, TM_BOUND_THREADGROUP
} tm_bound;

typedef struct tm_roofline {
  double seconds[4];  /* of each tm_bound alone */
  tm_bound bound;     /* the largest */
} tm_roofline;

/* Counts. The ir has been through tm_layout_assign. */
tm_cost tm_cost_count(tm_ir *ir, const tm_layouts *layouts,
                      const tm_cost_launch *launch);

/* The least time on the chip, at the rates that well-written kernels reach:
 * 80% of the memory bandwidth, 75% of the multiply-adds (cost.c). */
tm_roofline tm_roofline_of(const tm_cost *cost, const tm_chip *chip);

/* ---- occupancy.c ------------------------------------------------------ */

typedef struct tm_occupancy {
  uint32_t threadgroups; /* of the kernel that a core holds at once; 0: the
                            chip divides its memory while it runs */
  const char *limit;     /* what there is no more of: "registers", "threadgroup
                            memory", "threads"; static */
} tm_occupancy;

/* For a kernel of so many 32-bit registers a thread, threads and bytes of
 * threadgroup memory a threadgroup. */
tm_occupancy tm_occupancy_of(uint32_t registers, uint32_t threads,
                             uint32_t threadgroup_bytes, const tm_chip *chip);

/* ---- cost.c ----------------------------------------------------------- */

/* "memory bandwidth", "arithmetic", ... */
const char *tm_bound_name(tm_bound bound);

#endif
