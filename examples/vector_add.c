/* vector_add.c - a Triton kernel from C. SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
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
static tm_error *error;

static void check(tm_status status) {
  if (status) fputs(tm_error_text(error), stderr), exit(1);
}

int main(void) {
  tm_context *context; tm_module *module;
  tm_function *add; tm_stream *stream;
  tm_buffer *buffer[3]; /* x, y and out: memory that host and GPU share */
  tm_arg args[5];
  check(tm_context_create(&context, NULL, &error));
  check(tm_module_parse(&module, NULL, "add.py", source, sizeof source - 1, NULL, &error));
  check(tm_function_create(&add, context, module, "add", NULL, &error));
  check(tm_stream_create(&stream, context, NULL, &error));
  for (int b = 0; b < 3; b++) {
    check(tm_buffer_create(&buffer[b], context, N * sizeof(float), NULL, &error));
    float *data = tm_buffer_contents(buffer[b]);
    for (int i = 0; i < N; i++) data[i] = b == 0 ? (float)i : 0.5f;
    args[b] = tm_arg_tensor(buffer[b], 0, TM_DTYPE_F32);
  }
  args[3] = tm_arg_int(N), args[4] = tm_arg_int(BLOCK);
  check(tm_function_launch(stream, add, tm_grid_1d((N + BLOCK - 1) / BLOCK), args, 5, NULL, &error));
  check(tm_stream_synchronize(stream, TM_WAIT_FOREVER, &error));
  float *out = tm_buffer_contents(buffer[2]);
  printf("out[0] = %g, out[%d] = %g\n", out[0], N - 1, out[N - 1]);
  for (int b = 0; b < 3; b++) tm_buffer_destroy(buffer[b]);
  tm_stream_destroy(stream), tm_function_destroy(add), tm_module_destroy(module), tm_context_destroy(context);
}
