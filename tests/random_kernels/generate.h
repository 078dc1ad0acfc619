/* SPDX-License-Identifier: MIT */
/*
 * generate.h - random Triton kernels that mean exactly one thing.
 *
 * A kernel is a function of its seed: same seed, same text, for ever within
 * one version of this file. It is well-typed, every access is in bounds, no
 * two programs touch the same element (but through atomics), and all of its
 * floating-point arithmetic is exact: the generator follows how many bits
 * each value can need and never lets one outgrow its type. So results do not
 * depend on the order of sums or on contraction, and two implementations
 * must agree bit for bit (zeros may differ in sign, NaN in its bits). What
 * exp and its like give is stored and not computed with; a bound that follows
 * from what is promised of each function says how far it may be off.
 */
#ifndef TM_TEST_GENERATE_H
#define TM_TEST_GENERATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { RANDOM_MAX_BUFFERS = 12, RANDOM_ELEMENTS = 32768 };

typedef struct random_kernel {
  char *text;          /* the module; kernel "k"; free() it */
  char signature[512]; /* of its buffers, then two numbers n and m */
  const char *types[RANDOM_MAX_BUFFERS]; /* of the buffers: "fp32" */
  bool is_wild[RANDOM_MAX_BUFFERS]; /* floats of any size, NaN, infinity */
  /* Units in the last place by which elements may differ: 0, but for results
   * of functions that nobody promises to round correctly. */
  uint32_t ulps[RANDOM_MAX_BUFFERS];
  uint32_t n_buffers;
  uint32_t grid[2];    /* programs */
  uint32_t num_warps, num_stages;
  int32_t n, m;        /* 0 to 5 */
  const char *n_type;  /* i16, i32 or i64; m is an i32 */
  const char *chip;    /* to compile for */
  uint64_t layout_seed; /* as TRITON_METAL_LAYOUT_SEED has it */
  uint32_t optimization_level;
  bool tensor_ops;     /* products by Metal's tensor operations: M5 */
  /* Of the device that runs it: the order of simdgroups and threadgroups (0:
   * as they are numbered), and whether barriers switch between them. */
  uint64_t shuffle_seed;
  bool coroutines;
} random_kernel;

random_kernel random_kernel_of(uint64_t seed);

/* The i-th element of input or output `buffer` before the launch, in the
 * form that memory has. bytes: of one element. */
void random_fill(const random_kernel *k, uint32_t buffer, uint64_t seed,
                 void *data, size_t bytes);
/* Bytes of an element of "fp32", "i1", ... */
size_t random_type_bytes(const char *type);
bool random_is_nan(const char *type, uint64_t bits);

#endif
