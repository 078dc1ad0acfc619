/* SPDX-License-Identifier: MIT */
/*
 * traffic.c - what the example kernels move, for a chip that stages tiles
 * (M1) and one that does not (M4): predicted by the cost model and counted
 * by softmetal, for every kernel in examples/kernels; and the product beside MLX's tile, computed by hand.
 */
#define _GNU_SOURCE
#include "bench.h"
#include "../tests/support/counter_report.h"
#include "../tests/support/example_launches.h"

#include <math.h>
#include <unistd.h>

typedef struct moved {
  counters counted;
  tm_estimate predicted;
} moved;

static moved run(const char *chip, const example_launch *x) {
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
  tm_arg args[EXAMPLE_MAX_ARGS];
  for (size_t i = 0; i < x->n_args; i++)
    args[i] = x->bytes[i]
                  ? tm_arg_buffer(bench_floats(&gpu, x->bytes[i] / 4), 0)
              : x->floats[i] != 0 ? tm_arg_float(x->floats[i])
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

enum { SIDE = 256 }; /* of the first product of the list */

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
  bool is_first = true;
  for (size_t i = 0; i < N_EXAMPLE_LAUNCHES; i++) {
    const example_launch *x = &example_launches[i];
    bool product = is_first && !strcmp(x->kernel, "matmul_kernel");
    if (product) is_first = false;
    for (int k = 0; k < 2; k++) {
      char name[64];
      snprintf(name, sizeof name, "%s %s prediction", chips[k], x->name);
      if (!bench_wanted(name)) continue;
      moved m = run(chips[k], x);
      double counted = m.counted.read + m.counted.written;
      double off = m.predicted.bytes_asked / counted - 1;
      bench_limit(name, 100 * fabs(off), "% off", 5);
      if (product) beside_mlx(chips[k], &m.counted);
    }
  }
}
