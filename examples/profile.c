/* SPDX-License-Identifier: MIT */
/* profile.c - where the time goes: launches timed by the GPU, as a table, as
 * numbers, and as a trace for ui.perfetto.dev. */
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
enum { N = 100000, BLOCK = 1024, LAUNCHES = 20 };
static tm_error *error;

static void check(tm_status status) {
  if (status) fputs(tm_error_text(error), stderr), exit(1);
}

/* With an argument, a file: the table, and the trace into that file. */
int main(int argc, char **argv) {
  tm_context *context;
  tm_module *module;
  tm_function *add;
  tm_stream *stream;
  tm_profile *profile;
  tm_buffer *buffer[3];
  tm_arg args[5];
  check(tm_context_create(&context, NULL, &error));
  check(tm_module_parse(&module, NULL, "add.py", source, sizeof source - 1,
                        NULL, &error));
  check(tm_function_create(&add, context, module, "add", NULL, &error));
  check(tm_stream_create(&stream, context, NULL, &error));
  for (int b = 0; b < 3; b++) {
    check(
        tm_buffer_create(&buffer[b], context, N * sizeof(float), NULL, &error));
    args[b] = tm_arg_tensor(buffer[b], 0, TM_DTYPE_F32);
  }
  args[3] = tm_arg_int(N), args[4] = tm_arg_int(BLOCK);

  check(tm_profile_start(context, NULL, &error));
  for (int i = 0; i < LAUNCHES; i++)
    check(tm_function_launch(stream, add, tm_grid_1d((N + BLOCK - 1) / BLOCK),
                             args, 5, NULL, &error));
  check(tm_stream_synchronize(stream, TM_WAIT_FOREVER,
                              &error)); /* so that all have times */
  check(tm_profile_stop(&profile, context, &error));

  for (size_t i = 0; i < tm_profile_count(profile); i++) {
    tm_profile_row row = TM_PROFILE_ROW_INIT;
    check(tm_profile_row_at(profile, i, &row, &error));
    printf("%s: %d launches, %s timed by the GPU, %.1f MB each\n", row.kernel,
           (int)row.launches, row.timed == row.launches ? "all" : "not all",
           row.bytes_per_second * row.gpu_total / (double)row.timed * 1e-6);
  }
  if (argc > 1) {
    fputs(tm_profile_text(profile), stderr);
    FILE *trace = fopen(argv[1], "w");
    if (!trace) return perror(argv[1]), 1;
    fputs(tm_profile_trace(profile), trace);
    fclose(trace);
  }
  tm_profile_destroy(profile);
  for (int b = 0; b < 3; b++) tm_buffer_destroy(buffer[b]);
  tm_stream_destroy(stream), tm_function_destroy(add),
      tm_module_destroy(module), tm_context_destroy(context);
}
