/* SPDX-License-Identifier: MIT */
/* compile_time.c - Triton source to MSL, parse through lint, best of many. */
#include "bench.h"

#include <stdlib.h>

static double best_of(tm_context *context, const char *path, const char *name,
                      const char *signature) {
  size_t size;
  char *text = bench_read(path, &size);
  double best = 1e9;
  for (int i = 0; i < 200; i++) {
    tm_error *error = NULL;
    tm_module *module;
    tm_kernel *kernel;
    tm_compile_options options = TM_COMPILE_OPTIONS_INIT;
    options.signature = signature;
    options.chip = "m1";
    options.cache = TM_SWITCH_OFF;
    double start = bench_seconds();
    bench_check(
        tm_module_parse(&module, NULL, path, text, size, NULL, &error),
        error);
    bench_check(tm_compile(&kernel, context, module, name, &options, &error),
                error);
    double seconds = bench_seconds() - start;
    if (seconds < best) best = seconds;
    tm_kernel_destroy(kernel);
    tm_module_destroy(module);
  }
  free(text);
  return best;
}

void bench_compile(void) {
  if (!bench_wanted("compile")) return;
  tm_context *context;
  tm_error *error = NULL;
  bench_check(tm_context_create(&context, NULL, &error), error);
  bench_limit("compile vector add",
              1e3 * best_of(context, "examples/kernels/vector_add.py",
                            "add_kernel",
                            "*fp32:16, *fp32:16, *fp32:16, i32:16, 1024"),
              "ms", 0.3);
  bench_limit("compile matrix product",
              1e3 * best_of(context, "examples/kernels/matmul.py",
                            "matmul_kernel",
                            "*fp16:16, *fp16:16, *fp16:16, i32:16, i32:16, "
                            "i32:16, i32:16, i32:1, i32:16, i32:1, i32:16, "
                            "i32:1, 64, 64, 32, 8, 'leaky_relu'"),
              "ms", 3);
  tm_context_destroy(context);
}
