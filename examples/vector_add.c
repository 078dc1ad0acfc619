/* SPDX-License-Identifier: MIT */
/* vector_add.c - a Triton kernel from C: source text in, sums out. */
#include <stdio.h>
#include <tritonmetal.h>

static const char source[] =
    "import triton\n"
    "import triton.language as tl\n"
    "@triton.jit\n"
    "def add(x, y, out, n, BLOCK: tl.constexpr):\n"
    "    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)\n"
    "    m = i < n\n"
    "    tl.store(out + i, tl.load(x + i, m) + tl.load(y + i, m), m)\n";

enum { N = 100000, BLOCK = 1024 };

int main(void) {
  tm_error *error = NULL;
  tm_context *context = NULL;
  tm_module *module = NULL;
  tm_function *add = NULL;
  tm_stream *stream = NULL;
  tm_buffer *buffer[3] = {NULL, NULL, NULL};
  if (tm_context_create(&context, NULL, &error) ||
      tm_module_parse(&module, NULL, "add.py", source, sizeof source - 1, NULL,
                      &error) ||
      tm_function_create(&add, context, module, "add", NULL, &error) ||
      tm_stream_create(&stream, context, NULL, &error))
    goto failed;
  for (int b = 0; b < 3; b++)
    if (tm_buffer_create(&buffer[b], context, N * sizeof(float), NULL, &error))
      goto failed;
  float *x = tm_buffer_contents(buffer[0]), *y = tm_buffer_contents(buffer[1]);
  for (int i = 0; i < N; i++) x[i] = (float)i, y[i] = 0.5f;
  tm_arg args[5] = {tm_arg_tensor(buffer[0], 0, TM_DTYPE_F32),
                    tm_arg_tensor(buffer[1], 0, TM_DTYPE_F32),
                    tm_arg_tensor(buffer[2], 0, TM_DTYPE_F32), tm_arg_int(N),
                    tm_arg_int(BLOCK)};
  tm_grid grid = tm_grid_1d((N + BLOCK - 1) / BLOCK);
  if (tm_function_launch(stream, add, grid, args, 5, NULL, &error) ||
      tm_stream_synchronize(stream, TM_WAIT_FOREVER, &error))
    goto failed;
  float *out = tm_buffer_contents(buffer[2]);
  printf("out[0] = %g, out[%d] = %g\n", out[0], N - 1, out[N - 1]);
failed:
  if (error) fputs(tm_error_text(error), stderr);
  for (int b = 0; b < 3; b++) tm_buffer_destroy(buffer[b]);
  tm_stream_destroy(stream), tm_function_destroy(add);
  tm_module_destroy(module), tm_context_destroy(context);
  return error ? tm_error_destroy(error), 1 : 0;
}
