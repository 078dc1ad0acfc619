/* SPDX-License-Identifier: MIT */
/* gpu.c - the library under test, as benches and the demo use it. */
#define _GNU_SOURCE
#include "bench.h"

#include <stdio.h>
#include <stdlib.h>

bench_gpu bench_gpu_open(void) {
  bench_gpu gpu = {NULL, NULL};
  tm_error *error = NULL;
  bench_check(tm_context_create(&gpu.context, NULL, &error), error);
  bench_check(tm_stream_create(&gpu.stream, gpu.context, NULL, &error),
              error);
  return gpu;
}

void bench_gpu_close(bench_gpu *gpu) {
  tm_stream_destroy(gpu->stream);
  tm_context_destroy(gpu->context);
}

char *bench_read(const char *path, size_t *size) {
  FILE *file = fopen(path, "rb");
  char *text = malloc(1 << 20);
  if (!file || !text) {
    fprintf(stderr, "bench: cannot read %s: run from the top folder\n", path);
    exit(1);
  }
  *size = fread(text, 1, (1 << 20) - 1, file);
  text[*size] = 0;
  fclose(file);
  return text;
}

tm_module *bench_module(const char *file) {
  char path[256];
  size_t size;
  tm_module *module;
  tm_error *error = NULL;
  snprintf(path, sizeof path, "examples/kernels/%s", file);
  char *text = bench_read(path, &size);
  bench_check(tm_module_parse(&module, NULL, path, text, size, NULL, &error),
              error);
  free(text);
  return module;
}

tm_kernel *bench_kernel_with(bench_gpu *gpu, tm_module *module,
                             const char *name,
                             const tm_compile_options *options) {
  tm_kernel *kernel;
  tm_error *error = NULL;
  bench_check(
      tm_compile(&kernel, gpu->context, module, name, options, &error), error);
  bench_check(tm_kernel_load(kernel, &error), error);
  return kernel;
}

tm_kernel *bench_kernel(bench_gpu *gpu, tm_module *module, const char *name,
                        const char *signature, uint32_t num_warps) {
  tm_compile_options options = TM_COMPILE_OPTIONS_INIT;
  options.signature = signature;
  options.num_warps = num_warps;
  return bench_kernel_with(gpu, module, name, &options);
}

tm_buffer *bench_floats(bench_gpu *gpu, size_t count) {
  tm_buffer *buffer;
  tm_error *error = NULL;
  bench_check(tm_buffer_create(&buffer, gpu->context, count * sizeof(float),
                               NULL, &error),
              error);
  float *data = tm_buffer_contents(buffer);
  for (size_t i = 0; i < count; i++) data[i] = bench_random();
  return buffer;
}

void bench_launch(bench_gpu *gpu, tm_kernel *kernel, tm_grid grid,
                  const tm_arg *args, size_t n) {
  tm_error *error = NULL;
  bench_check(tm_launch(gpu->stream, kernel, grid, args, n, &error), error);
  bench_check(tm_stream_synchronize(gpu->stream, TM_WAIT_FOREVER, &error),
              error);
}
