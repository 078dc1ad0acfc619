/* SPDX-License-Identifier: MIT */
/*
 * traffic.c - what the example kernels move, for a chip that stages tiles
 * (M1) and one that does not (M4): predicted by the cost model and counted
 * by softmetal; and the product beside MLX's tile, computed by hand.
 */
#define _GNU_SOURCE
#include "bench.h"
#include "../tests/support/counter_report.h"

#include <math.h>
#include <unistd.h>

typedef struct example {
  const char *name, *file, *kernel, *signature;
  uint32_t num_warps;
  tm_grid grid;
  size_t bytes[10];    /* of a buffer; 0: the next number */
  int64_t numbers[10];
  size_t n_args;
} example;

typedef struct moved {
  counters counted;
  tm_estimate predicted;
} moved;

static moved run(const char *chip, const example *x) {
  char path[] = "/tmp/tm_traffic_XXXXXX";
  int file = mkstemp(path);
  moved out = {.predicted = TM_ESTIMATE_INIT};
  tm_error *error = NULL;
  if (file < 0) exit(1);
  close(file);
  counters_start(chip, path);
  bench_gpu gpu = bench_gpu_open();
  tm_module *module = bench_module(x->file);
  tm_kernel *kernel =
      bench_kernel(&gpu, module, x->kernel, x->signature, x->num_warps);
  tm_arg args[10];
  for (size_t i = 0; i < x->n_args; i++)
    args[i] = x->bytes[i]
                  ? tm_arg_buffer(bench_floats(&gpu, x->bytes[i] / 4), 0)
                  : tm_arg_int(x->numbers[i]);
  bench_launch(&gpu, kernel, x->grid, args, x->n_args);
  bench_check(tm_kernel_estimate(&out.predicted, kernel, x->grid, args,
                                 x->n_args, &error), error);
  if (!counters_read(path, &out.counted)) {
    fprintf(stderr, "bench: softmetal wrote no counters to %s\n", path);
    exit(1);
  }
  for (size_t i = 0; i < x->n_args; i++)
    if (x->bytes[i]) tm_buffer_destroy(args[i].u.buffer);
  tm_kernel_destroy(kernel);
  tm_module_destroy(module);
  bench_gpu_close(&gpu);
  counters_stop();
  remove(path);
  return out;
}

enum { ROWS = 64, COLUMNS = 1024, CELLS = ROWS * COLUMNS, SIDE = 256 };

static const example examples[] = {
    {"vector add", "vector_add.py", "add_kernel",
     "*fp32:16, *fp32:16, *fp32:16, i32:16, 1024", 4, {CELLS / 1024, 1, 1},
     {4 * CELLS, 4 * CELLS, 4 * CELLS}, {0, 0, 0, CELLS}, 4},
    {"softmax", "softmax.py", "softmax_kernel",
     "*fp32:16, *fp32:16, i32:16, i32:16, i32:16, 1024", 4, {ROWS, 1, 1},
     {4 * CELLS, 4 * CELLS}, {0, 0, COLUMNS, COLUMNS, COLUMNS}, 5},
    {"layer norm", "layer_norm.py", "layer_norm_fwd",
     "*fp16:16, *fp16:16, *fp16:16, *fp16:16, *fp32:16, *fp32:16, i32:16, "
     "i32:16, 1e-5, 1024", 4, {ROWS, 1, 1},
     {2 * CELLS, 2 * CELLS, 2 * COLUMNS, 2 * COLUMNS, 4 * ROWS, 4 * ROWS},
     {0, 0, 0, 0, 0, 0, COLUMNS, COLUMNS}, 8},
    {"matmul 128x128x32", "matmul.py", "matmul_kernel",
     "*fp16:16, *fp16:16, *fp16:16, i32:16, i32:16, i32:16, i32:16, i32:1, "
     "i32:16, i32:1, i32:16, i32:1, 128, 128, 32, 8, ''", 8, {4, 1, 1},
     {2 * SIDE * SIDE, 2 * SIDE * SIDE, 2 * SIDE * SIDE},
     {0, 0, 0, SIDE, SIDE, SIDE, SIDE, SIDE, SIDE}, 9},
};

/* MLX's steel GEMM, 64x64x16 with 2x2 simdgroups of 32x32, halfs: a step
 * along K reads (64 + 64) * 16 from the device and writes them to threadgroup
 * memory, from which each simdgroup reads (32 + 32) * 16. */
static void beside_mlx(const char *chip, const counters *c) {
  const double adds = 64.0 * 64 * 16, device = (64 + 64) * 16 * 2;
  const double threadgroup = device + 4 * (32 + 32) * 16 * 2;
  const double ours = (double)SIDE * SIDE * SIDE;
  char name[64];
  snprintf(name, sizeof name, "%s matmul bytes, MLX's tile 1", chip);
  bench_limit(name, (c->read + c->threadgroup_bytes) / ours /
              ((device + threadgroup) / adds), "times", 1.2);
  if (c->threadgroup_bytes == 0) return;
  snprintf(name, sizeof name, "%s matmul device, MLX's tile 1", chip);
  bench_limit(name, c->read / ours / (device / adds), "times", 1.2);
  snprintf(name, sizeof name, "%s matmul threadgroup, MLX's 1", chip);
  bench_limit(name, c->threadgroup_bytes / ours / (threadgroup / adds),
              "times", 1.2);
}

void bench_traffic(void) {
  static const char *const chips[] = {"m1", "m4-max"};
  for (size_t i = 0; i < sizeof examples / sizeof *examples; i++)
    for (int k = 0; k < 2; k++) {
      char name[64];
      snprintf(name, sizeof name, "%s %s prediction", chips[k],
               examples[i].name);
      if (!bench_wanted(name)) continue;
      moved m = run(chips[k], &examples[i]);
      double counted = m.counted.read + m.counted.written;
      double off = m.predicted.bytes_asked / counted - 1;
      bench_limit(name, 100 * fabs(off), "% off", 5);
      if (examples[i].n_args == 9) beside_mlx(chips[k], &m.counted);
    }
}
