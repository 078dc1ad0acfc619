/* SPDX-License-Identifier: MIT */
/* compile_time.c - Triton source to MSL, parse through lint, best of many. */
#include "bench.h"

#include "../lib/compile.h"
#include "../tests/support/large_kernel.h"

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

/* Seconds to lower a kernel of 1,000 lines and 160 parameters, once. */
static double lower_once(tm_arena *arena) {
  tm_diags diags;
  jmp_buf guard;
  tm_arena_init(arena, 0);
  if (!tm_arena_guard(arena, guard)) exit(1);
  tm_diags_init(&diags, arena);
  tm_module *module =
      tm_module_parse_text(tm_modules_create(arena, &diags), "m", "m.py",
                           tm_cstr(large_kernel_text(arena, 1000)));
  const tm_function_def *k = tm_module_kernel(module, "k");
  tm_spec spec = {.num_warps = 4, .num_stages = 3, .n_args = k->params.len};
  spec.args = tm_signature_parse(arena, &diags, large_kernel_signature(arena),
                                 k, NULL, 0);
  double start = bench_seconds();
  if (!tm_lower(arena, &diags, module, "k", &spec)) exit(1);
  double seconds = bench_seconds() - start;
  tm_arena_free(arena);
  return seconds;
}

static double lower_largest(void) {
  double best = 1e9;
  for (int i = 0; i < 40; i++) {
    tm_arena arena;
    double seconds = lower_once(&arena);
    if (seconds < best) best = seconds;
  }
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
  bench_limit("lower 1,000 lines, 160 parameters", 1e3 * lower_largest(),
              "ms", 20);
  tm_context_destroy(context);
}
