/* SPDX-License-Identifier: MIT */
/*
 * host.h - what a kernel's decorators set at launch.
 *
 *     @triton.autotune(configs=[triton.Config({"BLOCK": 64}, num_warps=4),
 *                               ...], key=["n"])
 *     @triton.heuristics({"EVEN": lambda args: args["n"] % 64 == 0})
 *     @triton.jit
 *     def kernel(...): ...
 *
 * The arguments of autotune and heuristics are Python that runs on the host.
 * A small evaluator (host_eval.c) computes the part of it that real files
 * use: literals, arithmetic, comparisons, conditionals, lists, tuples, sets and
 * dicts with their methods, comprehensions, lambdas, functions of the module
 * made of plain statements, what statements at module level make of a name,
 * and a few library functions. What it cannot compute is an error that names
 * it; nothing is guessed.
 */
#ifndef TM_HOST_H
#define TM_HOST_H

#include "../lower/lower.h"

typedef struct tm_host_value {
  const char *name;
  tm_const value;
} tm_host_value;

/* An argument of the launch, for heuristics to look at. */
typedef struct tm_host_arg {
  const char *name;
  bool is_buffer; /* something that is not None; else value */
  tm_const value;
} tm_host_arg;

typedef struct tm_host_config {
  const tm_host_value *values;
  uint32_t n_values;
  uint32_t num_warps, num_stages; /* 0: the configuration does not say */
} tm_host_config;

/* The configurations of @autotune, in order; none: *count is 0. False with
 * errors in diags when they cannot be computed. */
bool tm_host_configs(tm_arena *arena, tm_diags *diags,
                     const tm_function_def *function,
                     const tm_host_config **configs, uint32_t *count);

/* The values that @heuristics set, given the arguments (configuration values
 * among them). False with errors in diags. */
bool tm_host_heuristics(tm_arena *arena, tm_diags *diags,
                        const tm_function_def *function,
                        const tm_host_arg *args, uint32_t n_args,
                        const tm_host_value **values, uint32_t *count);

#endif
