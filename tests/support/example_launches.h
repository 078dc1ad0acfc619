/* SPDX-License-Identifier: MIT */
/*
 * example_launches.h - a small launch of every kernel in examples/kernels,
 * for what holds the cost model to softmetal's counters: test_counters.c and
 * bench/traffic.c. Sizes are no multiples of the blocks where a kernel masks,
 * so that the model has to count under masks as well.
 */
#ifndef TM_EXAMPLE_LAUNCHES_H
#define TM_EXAMPLE_LAUNCHES_H

#include <tritonmetal.h>

enum { EXAMPLE_MAX_ARGS = 10 };

typedef struct example_launch {
  const char *name, *file, *kernel, *signature;
  uint32_t num_warps;
  tm_grid grid;
  size_t bytes[EXAMPLE_MAX_ARGS];    /* of a buffer; 0: the number */
  int64_t numbers[EXAMPLE_MAX_ARGS];
  double floats[EXAMPLE_MAX_ARGS];   /* when not 0, instead of the number */
  size_t n_args;
} example_launch;

#define EXAMPLE_ATTENTION                                                   \
  "*fp16:16, *fp16:16, *fp16:16, *fp16:16, i32:16, i32:16, i32, fp32, "

static const example_launch example_launches[] = {
    {"vector add", "vector_add.py", "add_kernel",
     "*fp32:16, *fp32:16, *fp32:16, i32:16, 1024", 4, {64, 1, 1},
     {4 * 65536, 4 * 65536, 4 * 65536}, {0, 0, 0, 65536}, {0}, 4},
    {"vector add, ragged", "vector_add.py", "add_kernel",
     "*fp32:16, *fp32:16, *fp32:16, i32, 1024", 4, {8, 1, 1},
     {4 * 8192, 4 * 8192, 4 * 8192}, {0, 0, 0, 7777}, {0}, 4},
    {"softmax", "softmax.py", "softmax_kernel",
     "*fp32:16, *fp32:16, i32:16, i32:16, i32:16, 1024", 4, {64, 1, 1},
     {4 * 65536, 4 * 65536}, {0, 0, 1024, 1024, 1008}, {0}, 5},
    {"layer norm", "layer_norm.py", "layer_norm_fwd",
     "*fp16:16, *fp16:16, *fp16:16, *fp16:16, *fp32:16, *fp32:16, i32:16, "
     "i32:16, 1e-5, 256", 4, {64, 1, 1},
     {2 * 65536, 2 * 65536, 2 * 1024, 2 * 1024, 4 * 64, 4 * 64},
     {0, 0, 0, 0, 0, 0, 1024, 912}, {0}, 8},
    {"matmul 128x128x32", "matmul.py", "matmul_kernel",
     "*fp16:16, *fp16:16, *fp16:16, i32:16, i32:16, i32:16, i32:16, i32:1, "
     "i32:16, i32:1, i32:16, i32:1, 128, 128, 32, 8, ''", 8, {4, 1, 1},
     {2 * 65536, 2 * 65536, 2 * 65536},
     {0, 0, 0, 256, 256, 256, 256, 256, 256}, {0}, 9},
    {"matmul, ragged", "matmul.py", "matmul_kernel",
     "*fp16:16, *fp16:16, *fp16:16, i32, i32, i32, i32, i32:1, "
     "i32, i32:1, i32, i32:1, 64, 64, 32, 8, 'leaky_relu'", 4, {6, 1, 1},
     {2 * 150 * 90, 2 * 90 * 101, 2 * 150 * 101},
     {0, 0, 0, 150, 101, 90, 90, 101, 101}, {0}, 9},
    {"attention", "attention.py", "attention_kernel",
     EXAMPLE_ATTENTION "false, 64, 64, 32", 4, {4, 2, 1},
     {2 * 32768, 2 * 32768, 2 * 32768, 2 * 32768},
     {0, 0, 0, 0, 16384, 64, 250}, {[7] = 0.125}, 8},
    {"attention, causal", "attention.py", "attention_kernel",
     EXAMPLE_ATTENTION "true, 64, 64, 32", 4, {4, 2, 1},
     {2 * 32768, 2 * 32768, 2 * 32768, 2 * 32768},
     {0, 0, 0, 0, 16384, 64, 256}, {[7] = 0.125}, 8},
    {"ray march", "ray_march.py", "ray_march_kernel",
     "*u8:16, i32, i32, 256, 1", 4, {3, 1, 1},
     {4 * 600}, {0, 30, 20}, {0}, 3},
};

enum {
  N_EXAMPLE_LAUNCHES = sizeof example_launches / sizeof *example_launches
};

#endif
