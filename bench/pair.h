/* SPDX-License-Identifier: MIT */
/*
 * pair.h - the compiler's MSL of a kernel beside hand-written MSL of the same
 * kernel, and beside C, on the same data. pair.c says how it is measured.
 */
#ifndef TM_PAIR_H
#define TM_PAIR_H

#include "bench.h"
#include "msl_metal.h"

enum { PAIR_DATA = 4, PAIR_ARGS = 8, PAIR_LAUNCHES = 2 };

typedef struct pair_data {   /* a buffer; of an output there are two, and the */
  bool is_output;            /* sides write them in turn */
  msl_buffer metal[2];
  tm_buffer *buffer[2];      /* the same MTLBuffers, for ours */
} pair_data;

typedef struct pair_launch { /* ours */
  tm_kernel *kernel;
  tm_grid grid;
  tm_arg args[PAIR_ARGS];
  int data[PAIR_ARGS];       /* which data an argument is; -1: a number */
  size_t n_args;
} pair_launch;

typedef struct pair_step {   /* the hand-written one */
  msl_step step;
  int data[PAIR_DATA];       /* what is bound at 0, 1, ... */
  size_t n_data;
} pair_step;

typedef struct pair {
  bench_gpu gpu;
  msl_metal metal;
  tm_module *module;
  void *library;
  pair_data data[PAIR_DATA];
  pair_launch ours[PAIR_LAUNCHES];
  pair_step theirs[PAIR_LAUNCHES];
  size_t n_data, n_launches;
  uint32_t stages;           /* of ours; 0: as they come */
  double work;               /* of one round, in units of `unit` */
  const char *unit;
  void (*c)(struct pair *p); /* in C, from data[..].metal[0] to the last
                                data's metal[1]; NULL: there is none */
  const char *c_name;
  float *c_data[2];          /* operands in C's own types, where it has any */
} pair;

/* One for chip, with the hand-written text bench/msl/<file>.metal; module is
 * the pair's from now on. */
pair pair_open(const char *chip, tm_module *module, const char *file);
/* Another buffer of bytes; an output's last. Returns its number. */
int pair_add_data(pair *p, size_t bytes, bool is_output);
/* Fills data with n random floats of [-1, 1), or halfs. */
void pair_fill(pair *p, int data, size_t n, bool is_half);
/* The next launch on both sides. The arguments follow with pair_give and the
 * hand-written one's buffers with pair_bind. */
void pair_launches(pair *p, const char *kernel, const char *signature,
                   uint32_t warps, tm_grid grid, const char *function,
                   msl_step step);
void pair_give(pair *p, int data);          /* to our latest launch */
void pair_give_number(pair *p, int64_t n);
void pair_bind(pair *p, int data);          /* to theirs */
/* Measures, compares the n_out floats of the last data, which may differ by
 * most, reports the rows of names (beside the hand-written text, and beside C),
 * and takes everything down. */
void pair_finish(pair *p, const char *const names[2], size_t n_out,
                 double most);

#endif
