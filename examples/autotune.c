/* SPDX-License-Identifier: MIT */
/* autotune.c - a kernel that finds its own block size.
 *
 * The first launch measures every configuration on its buffers and keeps the
 * fastest, also in the cache; a grid that depends on the block is a function.
 * TRITON_METAL_DEBUG=1 shows the times. */
#include <stdio.h>
#include <stdlib.h>
#include <tritonmetal.h>

static const char source[] =
    "import triton\n"
    "import triton.language as tl\n"
    "@triton.autotune(configs=[triton.Config({'BLOCK': 256}, num_warps=2),\n"
    "                          triton.Config({'BLOCK': 1024}, num_warps=4),\n"
    "                          triton.Config({'BLOCK': 4096}, num_warps=8),\n"
    "                          triton.Config({'BLOCK': 4096}, num_warps=64)],\n"
    "                 key=['n'])\n"
    "@triton.jit\n"
    "def scale(x, factor, n, BLOCK: tl.constexpr):\n"
    "    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)\n"
    "    tl.store(x + i, tl.load(x + i, i < n) * factor, i < n)\n";
enum { N = 1 << 20 };
static tm_error *error;

static void check(tm_status status) {
  if (status) fputs(tm_error_text(error), stderr), exit(1);
}

static void blocks(void *payload, const tm_define *values, size_t n,
                   tm_grid *grid) {
  int64_t length = tm_define_int(values, n, "n", 0),
          block = tm_define_int(values, n, "BLOCK", 1);
  (void)payload;
  *grid = tm_grid_1d((uint32_t)((length + block - 1) / block));
}

static int count(void *payload, const tm_tuning_row *row) {
  int *counts = payload;
  counts[0] += row->seconds > 0;
  counts[1] += row->chosen != 0;
  if (row->failure) printf("%s: %s\n", row->config, row->failure);
  return 1;
}

int main(void) {
  tm_context *context;
  tm_module *module;
  tm_function *scale;
  tm_stream *stream;
  tm_buffer *x;
  tm_launch_options options = TM_LAUNCH_OPTIONS_INIT;
  options.grid_of = blocks;
  check(tm_context_create(&context, NULL, &error));
  check(tm_module_parse(&module, NULL, "scale.py", source, sizeof source - 1,
                        NULL, &error));
  check(tm_function_create(&scale, context, module, "scale", NULL, &error));
  check(tm_stream_create(&stream, context, NULL, &error));
  check(tm_buffer_create(&x, context, N * sizeof(float), NULL, &error));
  float *data = tm_buffer_contents(x);
  for (int i = 0; i < N; i++) data[i] = (float)i;
  tm_arg args[3] = {tm_arg_tensor(x, 0, TM_DTYPE_F32), tm_arg_float(0.5),
                    tm_arg_int(N)};
  /* In place: the runs that are measured leave nothing, each launch halves
   * once. */
  for (int k = 0; k < 2; k++)
    check(tm_function_launch(stream, scale, tm_grid_1d(1), args, 3, &options,
                             &error));
  check(tm_stream_synchronize(stream, TM_WAIT_FOREVER, &error));
  int counts[2] = {0, 0};
  check(tm_function_tuning(scale, count, counts, &error));
  printf("%d configurations measured, %d chosen; x[1000] = %g\n", counts[0],
         counts[1], data[1000]);
  tm_buffer_destroy(x);
  tm_stream_destroy(stream), tm_function_destroy(scale),
      tm_module_destroy(module), tm_context_destroy(context);
}
