/* SPDX-License-Identifier: MIT */
/*
 * autotune.c - the configuration that the model would choose, beside the best
 * of those that the autotuner measures. Both times are the autotuner's own:
 * medians of GPU times on the same buffers.
 *
 * The model is a roofline of Apple's chip; where softmetal runs in its place,
 * the times are a CPU's, and the row says how far the order carries over.
 */
#define _GNU_SOURCE
#include "bench.h"

#include <stdio.h>

typedef struct outcome {
  size_t measured, passed_over;
  double best, first, predicted; /* first: of the least predicted */
} outcome;

static int look_at(void *payload, const tm_tuning_row *row) {
  outcome *o = payload;
  if (row->seconds <= 0) {
    o->passed_over++;
    return 1;
  }
  if (!o->measured || row->seconds < o->best) o->best = row->seconds;
  if (!o->measured || row->predicted < o->predicted) {
    o->predicted = row->predicted;
    o->first = row->seconds;
  }
  o->measured++;
  return 1;
}

/* Tunes by one launch, and reports. */
static void tune(const char *what, const char *file, const char *kernel,
                 const tm_config *configs, size_t n_configs, tm_grid grid,
                 const tm_launch_options *launch, const tm_arg *args,
                 size_t n_args, bench_gpu *gpu) {
  tm_module *module = bench_module(file);
  tm_function *function;
  tm_error *error = NULL;
  tm_function_options options = TM_FUNCTION_OPTIONS_INIT;
  options.configs = configs;
  options.n_configs = n_configs;
  bench_check(tm_function_create(&function, gpu->context, module, kernel,
                                 &options, &error),
              error);
  bench_check(tm_function_launch(gpu->stream, function, grid, args, n_args,
                                 launch, &error),
              error);
  bench_check(tm_stream_synchronize(gpu->stream, TM_WAIT_FOREVER, &error),
              error);
  outcome o = {0, 0, 0, 0, 0};
  bench_check(tm_function_tuning(function, look_at, &o, &error), error);
  char name[64], peer[64];
  snprintf(name, sizeof name, "model's choice: %s", what);
  snprintf(peer, sizeof peer, "the best of %zu", o.measured);
  bench_against(name, 1e-3 / o.first, "/ms", peer, 1e-3 / o.best, 0.5);
  tm_function_destroy(function);
  tm_module_destroy(module);
}

static void softmax(bench_gpu *gpu) {
  enum { ROWS = 1024, COLUMNS = 1000 };
  static const uint32_t warps[] = {1, 2, 4, 8, 16, 32};
  tm_config configs[6];
  tm_define block = {"BLOCK_SIZE", tm_arg_int(1024)};
  for (int i = 0; i < 6; i++) configs[i] = (tm_config){&block, 1, warps[i], 0};
  tm_arg args[5] = {
      tm_arg_tensor(bench_floats(gpu, ROWS * COLUMNS), 0, TM_DTYPE_F32),
      tm_arg_tensor(bench_floats(gpu, ROWS * COLUMNS), 0, TM_DTYPE_F32),
      tm_arg_int(COLUMNS), tm_arg_int(COLUMNS), tm_arg_int(COLUMNS)};
  tune("softmax", "softmax.py", "softmax_kernel", configs, 6,
       tm_grid_1d(ROWS), NULL, args, 5, gpu);
  for (int i = 0; i < 2; i++) tm_buffer_destroy(args[i].u.buffer);
}

static void by_block(void *payload, const tm_define *values, size_t n,
                     tm_grid *grid) {
  (void)payload;
  int64_t m = tm_define_int(values, n, "BLOCK_SIZE_M", 1);
  int64_t k = tm_define_int(values, n, "BLOCK_SIZE_N", 1);
  int64_t rows = tm_define_int(values, n, "M", 1);
  int64_t columns = tm_define_int(values, n, "N", 1);
  *grid = tm_grid_1d((uint32_t)(((rows + m - 1) / m) *
                                ((columns + k - 1) / k)));
}

static void matmul(bench_gpu *gpu) {
  enum { SIZE = 512, CONFIGS = 9, VALUES = 4 };
  static const struct { int m, n, k; uint32_t warps; } sizes[CONFIGS] = {
      {16, 16, 16, 1}, {32, 32, 16, 2},  {32, 32, 32, 2},
      {32, 64, 32, 4}, {64, 32, 32, 4},  {64, 64, 16, 4},
      {64, 64, 32, 4}, {64, 64, 32, 8}, {128, 64, 16, 8}};
  tm_define values[CONFIGS][VALUES];
  tm_config configs[CONFIGS];
  for (int i = 0; i < CONFIGS; i++) {
    values[i][0] = (tm_define){"BLOCK_SIZE_M", tm_arg_int(sizes[i].m)};
    values[i][1] = (tm_define){"BLOCK_SIZE_N", tm_arg_int(sizes[i].n)};
    values[i][2] = (tm_define){"BLOCK_SIZE_K", tm_arg_int(sizes[i].k)};
    values[i][3] = (tm_define){"GROUP_SIZE_M", tm_arg_int(8)};
    configs[i] = (tm_config){values[i], VALUES, sizes[i].warps, 0};
  }
  tm_arg args[12];
  for (int i = 0; i < 3; i++)
    args[i] = tm_arg_tensor(bench_floats(gpu, SIZE * SIZE), 0, TM_DTYPE_F32);
  for (int i = 3; i < 12; i++)
    args[i] = tm_arg_int(i < 6 || i % 2 == 0 ? SIZE : 1);
  tm_launch_options launch = TM_LAUNCH_OPTIONS_INIT;
  launch.grid_of = by_block;
  tune("matmul", "matmul.py", "matmul_kernel", configs, CONFIGS,
       tm_grid_1d(1), &launch, args, 12, gpu);
  for (int i = 0; i < 3; i++) tm_buffer_destroy(args[i].u.buffer);
}

void bench_autotune(void) {
  if (!bench_wanted("autotune")) return;
  bench_gpu gpu;
  tm_error *error = NULL;
  tm_context_options options = TM_CONTEXT_OPTIONS_INIT;
  options.cache = TM_SWITCH_OFF; /* measure now */
  bench_check(tm_context_create(&gpu.context, &options, &error), error);
  bench_check(tm_stream_create(&gpu.stream, gpu.context, NULL, &error),
              error);
  softmax(&gpu);
  matmul(&gpu);
  bench_gpu_close(&gpu);
}
