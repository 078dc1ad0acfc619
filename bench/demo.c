/* SPDX-License-Identifier: MIT */
/*
 * demo.c - `make demo`: the four example kernels on real sizes.
 *
 *   kernel, size, correct (with the largest error), compile time (source to
 *   MSL, cache off), cached time (the same from the cache), run time
 *
 * and a picture (picture.c) to the file that the second argument names.
 *
 * Answers are compared with double-precision references computed here.
 */
#define _GNU_SOURCE
#include "bench.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

typedef struct subject {
  const char *file, *kernel, *size, *signature;
  uint32_t num_warps;
  tm_grid grid;
  tm_arg args[16];
  size_t n_args;
  double (*error)(const struct subject *); /* the largest, relative to scale */
  double bound;
  size_t rows, columns, depth;
} subject;

static const char *folder = "examples/kernels";

static const float *floats(const subject *s, size_t arg) {
  return tm_buffer_contents(s->args[arg].u.buffer);
}

/* ---- references -------------------------------------------------------- */

static double add_error(const subject *s) {
  const float *x = floats(s, 0), *y = floats(s, 1), *out = floats(s, 2);
  double worst = 0;
  for (size_t i = 0; i < s->columns; i++)
    worst = fmax(worst, fabs((double)out[i] - ((double)x[i] + (double)y[i])));
  return worst;
}

static double softmax_error(const subject *s) {
  const float *out = floats(s, 0), *in = floats(s, 1);
  double worst = 0;
  for (size_t r = 0; r < s->rows; r++) {
    const float *row = in + r * s->columns;
    double most = -INFINITY, sum = 0;
    for (size_t c = 0; c < s->columns; c++) most = fmax(most, (double)row[c]);
    for (size_t c = 0; c < s->columns; c++) sum += exp((double)row[c] - most);
    for (size_t c = 0; c < s->columns; c++) {
      double want = exp((double)row[c] - most) / sum;
      worst = fmax(worst,
                   fabs((double)out[r * s->columns + c] - want) / want);
    }
  }
  return worst;
}

static double norm_error(const subject *s) {
  const float *in = floats(s, 0), *out = floats(s, 1), *w = floats(s, 2),
              *b = floats(s, 3);
  double worst = 0, n = (double)s->columns;
  for (size_t r = 0; r < s->rows; r++) {
    const float *row = in + r * s->columns;
    double sum = 0, square = 0;
    for (size_t c = 0; c < s->columns; c++) sum += (double)row[c];
    double mean = sum / n;
    for (size_t c = 0; c < s->columns; c++)
      square += ((double)row[c] - mean) * ((double)row[c] - mean);
    double scale = 1 / sqrt(square / n + 1e-5);
    for (size_t c = 0; c < s->columns; c++) {
      double want = ((double)row[c] - mean) * scale * (double)w[c] +
                    (double)b[c];
      worst = fmax(worst, fabs((double)out[r * s->columns + c] - want));
    }
  }
  return worst;
}

static double product_error(const subject *s) {
  const float *a = floats(s, 0), *b = floats(s, 1), *c = floats(s, 2);
  double worst = 0;
  for (size_t i = 0; i < s->rows; i += 7) /* a seventh of the rows */
    for (size_t j = 0; j < s->columns; j++) {
      double want = 0;
      for (size_t k = 0; k < s->depth; k++)
        want += (double)a[i * s->depth + k] * (double)b[k * s->columns + j];
      if (want < 0) want *= 0.01; /* leaky ReLU */
      worst = fmax(worst, fabs((double)c[i * s->columns + j] - want));
    }
  return worst;
}

/* ---- the table --------------------------------------------------------- */

static double compile_once(const subject *s, tm_context *context,
                           tm_switch cache, int *from_cache) {
  char path[512];
  size_t size;
  snprintf(path, sizeof path, "%s/%s", folder, s->file);
  char *text = bench_read(path, &size);
  tm_error *error = NULL;
  tm_module *module;
  tm_kernel *kernel;
  tm_compile_options options = TM_COMPILE_OPTIONS_INIT;
  options.signature = s->signature;
  options.num_warps = s->num_warps;
  options.cache = cache;
  double start = bench_seconds();
  bench_check(tm_module_parse(&module, NULL, path, text, size, NULL, &error),
              error);
  bench_check(
      tm_compile(&kernel, context, module, s->kernel, &options, &error),
      error);
  double seconds = bench_seconds() - start;
  if (from_cache) *from_cache = (int)tm_kernel_info(kernel)->from_cache;
  tm_kernel_destroy(kernel);
  tm_module_destroy(module);
  free(text);
  return seconds;
}

static bool show(const subject *s, bench_gpu *gpu) {
  enum { RUNS = 5 };
  double times[RUNS];
  int hit = 0;
  double cold = compile_once(s, gpu->context, TM_SWITCH_OFF, NULL);
  compile_once(s, gpu->context, TM_SWITCH_DEFAULT, NULL); /* fills it */
  double cached = compile_once(s, gpu->context, TM_SWITCH_DEFAULT, &hit);
  tm_module *module = bench_module(s->file);
  tm_kernel *kernel =
      bench_kernel(gpu, module, s->kernel, s->signature, s->num_warps);
  for (int i = 0; i < RUNS; i++) {
    double start = bench_seconds();
    bench_launch(gpu, kernel, s->grid, s->args, s->n_args);
    times[i] = bench_seconds() - start;
  }
  double error = s->error(s);
  bool ok = error <= s->bound;
  printf("%-16s %-16s %-5s %9.2g %10.3f %10.3f%s %10.3f\n", s->kernel,
         s->size, ok ? "yes" : "NO", error, cold * 1e3, cached * 1e3,
         hit ? " " : "*", bench_median(times, RUNS) * 1e3);
  tm_kernel_destroy(kernel);
  tm_module_destroy(module);
  return ok;
}

int main(int argc, char **argv) {
  if (argc > 1) folder = argv[1];
  bench_program = argv[0];
  bench_gpu gpu = bench_gpu_open();
  tm_environment_facts facts = {.struct_size = sizeof facts};
  tm_error *error = NULL;
  bench_check(tm_environment(gpu.context, &facts, &error), error);
  printf("device: %s%s\n\n", facts.device ? facts.device : "none",
         facts.is_apple ? "" : ", imitated on this CPU by softmetal");
  size_t n = (size_t)1 << 24, rows = 4096, columns = 1024, size = 512;
  tm_buffer *x = bench_floats(&gpu, n), *y = bench_floats(&gpu, n),
            *z = bench_floats(&gpu, n), *w = bench_floats(&gpu, columns),
            *b = bench_floats(&gpu, columns), *m = bench_floats(&gpu, rows),
            *r = bench_floats(&gpu, rows);
  const subject subjects[] = {
      {"vector_add.py", "add_kernel", "16M",
       "*fp32:16, *fp32:16, *fp32:16, i32:16, 1024", 4,
       tm_grid_1d((uint32_t)(n / 1024)),
       {tm_arg_buffer(x, 0), tm_arg_buffer(y, 0), tm_arg_buffer(z, 0),
        tm_arg_int((int64_t)n)},
       4, add_error, 6e-8, 1, n, 0},
      {"softmax.py", "softmax_kernel", "4096x1024",
       "*fp32:16, *fp32:16, i32:16, i32:16, i32:16, 1024", 4,
       tm_grid_1d((uint32_t)rows),
       {tm_arg_buffer(z, 0), tm_arg_buffer(x, 0),
        tm_arg_int((int64_t)columns), tm_arg_int((int64_t)columns),
        tm_arg_int((int64_t)columns)},
       5, softmax_error, 4e-6, rows, columns, 0},
      {"layer_norm.py", "layer_norm_fwd", "4096x1024",
       "*fp32:16, *fp32:16, *fp32:16, *fp32:16, *fp32:16, *fp32:16, i32:16, "
       "i32:16, fp32, 1024",
       4, tm_grid_1d((uint32_t)rows),
       {tm_arg_buffer(x, 0), tm_arg_buffer(z, 0), tm_arg_buffer(w, 0),
        tm_arg_buffer(b, 0), tm_arg_buffer(m, 0), tm_arg_buffer(r, 0),
        tm_arg_int((int64_t)columns), tm_arg_int((int64_t)columns),
        tm_arg_float(1e-5)},
       9, norm_error, 2e-5, rows, columns, 0},
      {"matmul.py", "matmul_kernel", "512x512x512",
       "*fp32:16, *fp32:16, *fp32:16, i32:16, i32:16, i32:16, i32:16, i32:1, "
       "i32:16, i32:1, i32:16, i32:1, 64, 64, 32, 8, 'leaky_relu'",
       4, tm_grid_1d(64),
       {tm_arg_buffer(x, 0), tm_arg_buffer(y, 0), tm_arg_buffer(z, 0),
        tm_arg_int((int64_t)size), tm_arg_int((int64_t)size),
        tm_arg_int((int64_t)size), tm_arg_int((int64_t)size),
        tm_arg_int((int64_t)size), tm_arg_int((int64_t)size)},
       9, product_error, 1e-4, size, size, size},
  };
  printf("%-16s %-16s %-5s %9s %10s %11s %10s\n", "kernel", "size", "right",
         "error", "compile ms", "cached ms", "run ms");
  bool ok = true;
  for (size_t i = 0; i < sizeof subjects / sizeof *subjects; i++)
    ok = show(&subjects[i], &gpu) && ok;
  if (argc > 2) ok = bench_picture(&gpu, argv[2]) && ok;
  tm_buffer *all[] = {x, y, z, w, b, m, r};
  for (size_t i = 0; i < sizeof all / sizeof *all; i++)
    tm_buffer_destroy(all[i]);
  bench_gpu_close(&gpu);
  return ok ? 0 : 1;
}
