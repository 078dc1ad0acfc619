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
  uint32_t element_size; /* is_buffer: bytes; 0: not known */
  tm_const value;
} tm_host_arg;

typedef struct tm_host_config {
  const tm_host_value *values;
  uint32_t n_values;
  uint32_t num_warps, num_stages; /* 0: the configuration does not say */
  bool has_hook; /* pre_hook: host code that is to run before its launches */
} tm_host_config;

/* What @autotune says besides. */
typedef struct tm_host_tuning {
  const char *const *key;       /* names of parameters, as written */
  uint32_t n_key;
  const char *const *reset;     /* reset_to_zero */
  uint32_t n_reset;
  const char *const *restore;   /* restore_value */
  uint32_t n_restore;
  bool prunes;                  /* there is an early_config_prune */
  bool has_model;               /* there is a perf_model */
  bool top_k_is_share;          /* has_model: of all, else a number of them */
  double top_k;
} tm_host_tuning;

/* The configurations of @autotune, in order; none: *count is 0. False with
 * errors in diags when they cannot be computed. */
bool tm_host_configs(tm_arena *arena, tm_diags *diags,
                     const tm_function_def *function,
                     const tm_host_config **configs, uint32_t *count);

/* False with errors in diags when it cannot be computed. Without @autotune all
 * of it is zero. */
bool tm_host_tuning_of(tm_arena *arena, tm_diags *diags,
                       const tm_function_def *function, tm_host_tuning *out);

/* Calls early_config_prune with the configurations and the arguments, all of
 * them in named_args and in the keywords, and stores in keep (one for each
 * configuration) the indices of those that it gives, in its order. False with
 * errors in diags: it cannot be computed, or gives another list than of some
 * of the configurations. */
bool tm_host_prune(tm_arena *arena, tm_diags *diags,
                   const tm_function_def *function, const tm_host_arg *args,
                   uint32_t n_args, uint32_t *keep, uint32_t *n_keep);

bool tm_host_has_heuristics(const tm_function_def *function);
/* The values that @heuristics set, given the arguments (configuration values
 * among them). False with errors in diags. */
bool tm_host_heuristics(tm_arena *arena, tm_diags *diags,
                        const tm_function_def *function,
                        const tm_host_arg *args, uint32_t n_args,
                        const tm_host_value **values, uint32_t *count);

#endif
