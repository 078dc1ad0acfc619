/* SPDX-License-Identifier: MIT */
/* launch_time.c - what tm_launch costs on the host side, without waiting, and
 * how soon a new process with a warm cache has its first answer. */
#define _GNU_SOURCE
#include "bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { BURST = 32, BURSTS = 200, SMALL = 1024 };

static const char signature[] =
    "*fp32:16, *fp32:16, *fp32:16, i32:16, 1024";

/* The host's part of a launch: the median of bursts, in seconds. */
static double launch_seconds(bench_gpu *gpu, tm_kernel *kernel,
                             const tm_arg *args) {
  tm_error *error = NULL;
  double times[BURSTS];
  for (int i = 0; i < BURSTS; i++) {
    double start = bench_seconds();
    for (int k = 0; k < BURST; k++)
      bench_check(tm_launch(gpu->stream, kernel, tm_grid_1d(1), args, 4,
                            &error),
                  error);
    times[i] = (bench_seconds() - start) / BURST;
    bench_check(tm_stream_synchronize(gpu->stream, TM_WAIT_FOREVER, &error),
                error);
  }
  return bench_median(times, BURSTS);
}

/* What the profiler adds to a launch: with it less without, in turn. */
static double profiler_seconds(bench_gpu *gpu, tm_kernel *kernel,
                               const tm_arg *args) {
  enum { ROUNDS = 5 };
  tm_error *error = NULL;
  double more[ROUNDS];
  for (int i = 0; i < ROUNDS; i++) {
    tm_profile *profile;
    double off = launch_seconds(gpu, kernel, args);
    bench_check(tm_profile_start(gpu->context, NULL, &error), error);
    more[i] = launch_seconds(gpu, kernel, args) - off;
    bench_check(tm_profile_stop(&profile, gpu->context, &error), error);
    tm_profile_destroy(profile);
  }
  return bench_median(more, ROUNDS);
}

void bench_launches(void) {
  if (!bench_wanted("launch")) return;
  bench_gpu gpu = bench_gpu_open();
  tm_module *module = bench_module("vector_add.py");
  tm_kernel *kernel = bench_kernel(&gpu, module, "add_kernel", signature, 4);
  tm_buffer *x = bench_floats(&gpu, SMALL);
  tm_arg args[4] = {tm_arg_buffer(x, 0), tm_arg_buffer(x, 0),
                    tm_arg_buffer(bench_floats(&gpu, SMALL), 0),
                    tm_arg_int(SMALL)};
  bench_limit("launch, host side",
              1e6 * launch_seconds(&gpu, kernel, args), "us", 2);
  bench_limit("launch, what the profiler adds",
              1e6 * profiler_seconds(&gpu, kernel, args), "us", 1);
  tm_buffer_destroy(args[2].u.buffer);
  tm_buffer_destroy(x);
  tm_kernel_destroy(kernel);
  tm_module_destroy(module);
  bench_gpu_close(&gpu);
}

/* Microseconds of a hundred launches and of their replay, with softmetal's own
 * part. */
static void replay_pair(double *launches, double *replay) {
  enum { LAUNCHES = 100 };
  bench_gpu gpu = bench_gpu_open();
  tm_module *module = bench_module("vector_add.py");
  tm_kernel *kernel = bench_kernel(&gpu, module, "add_kernel", signature, 4);
  tm_buffer *b[3];
  for (int i = 0; i < 3; i++) b[i] = bench_floats(&gpu, SMALL);
  tm_graph_options options = TM_GRAPH_OPTIONS_INIT;
  options.fuse = TM_SWITCH_OFF;
  tm_graph *graph = NULL;
  tm_error *error = NULL;
  double times[2][BURSTS];
  for (int i = -1; i < BURSTS; i++) { /* -1: recorded */
    if (i < 0)
      bench_check(tm_graph_begin(gpu.stream, &options, &error), error);
    double start = bench_seconds();
    for (int k = 0; k < LAUNCHES; k++) {
      tm_arg args[4] = {tm_arg_buffer(b[k % 3], 0),
                        tm_arg_buffer(b[(k + 1) % 3], 0),
                        tm_arg_buffer(b[(k + 2) % 3], 0), tm_arg_int(SMALL)};
      bench_check(
          tm_launch(gpu.stream, kernel, tm_grid_1d(1), args, 4, &error),
          error);
    }
    double between = bench_seconds();
    if (i < 0) {
      bench_check(tm_graph_end(&graph, gpu.stream, &error), error);
      continue;
    }
    bench_check(tm_stream_synchronize(gpu.stream, TM_WAIT_FOREVER, &error),
                error);
    double again = bench_seconds();
    bench_check(tm_graph_launch(gpu.stream, graph, &error), error);
    times[0][i] = between - start;
    times[1][i] = bench_seconds() - again;
    bench_check(tm_stream_synchronize(gpu.stream, TM_WAIT_FOREVER, &error),
                error);
  }
  *launches = 1e6 * bench_median(times[0], BURSTS);
  *replay = 1e6 * bench_median(times[1], BURSTS);
  tm_graph_destroy(graph);
  for (int i = 0; i < 3; i++) tm_buffer_destroy(b[i]);
  tm_kernel_destroy(kernel);
  tm_module_destroy(module);
  bench_gpu_close(&gpu);
}

/* What is measured from inside comes from a program of its own: part is its
 * name. Opened to be read. */
static FILE *open_part(const char *part) {
  char command[1024];
  const char *slash = strrchr(bench_program, '/');
  int n = slash ? (int)(slash - bench_program) : 1;
  const char *folder = slash ? bench_program : ".";
  snprintf(command, sizeof command,
           "TRITON_METAL_SOFTMETAL=\"${TRITON_METAL_SOFTMETAL:-%.*s/../"
           "libsoftmetal.so}\" exec \"%.*s/%s\"",
           n, folder, n, folder, part);
  return popen(command, "r");
}

/* Our part alone comes from a program of its own: see replay_part.c. */
void bench_graphs(void) {
  if (!bench_wanted("replay")) return;
  double part, replaced, each, launches, replay;
  unsigned long messages;
  FILE *pipe = open_part("replay_part");
  if (!pipe || fscanf(pipe, "%lf %lf %lf %lu", &part, &replaced, &each,
                      &messages) != 4 || pclose(pipe)) {
    fprintf(stderr, "bench: replay_part failed\n");
    exit(1);
  }
  replay_pair(&launches, &replay);
  printf("  a replay of 100 launches sends %lu messages; with what Metal does "
         "in them %.1f us,\n  the launches one by one %.1f us, of which ours "
         "%.1f us\n", messages, replay, launches, each);
  bench_limit("replay of 100 launches, our part", part, "us", 10);
  bench_limit("replay, a buffer replaced, our part", part + replaced, "us",
              10);
}

/* What tm_function_launch costs, and of that finding the variant. */
void bench_functions(void) {
  if (!bench_wanted("function")) return;
  bench_gpu gpu = bench_gpu_open();
  tm_module *module = bench_module("vector_add.py");
  tm_function *add;
  tm_error *error = NULL;
  bench_check(tm_function_create(&add, gpu.context, module, "add_kernel",
                                 NULL, &error), error);
  tm_buffer *x = bench_floats(&gpu, SMALL);
  tm_arg args[5] = {tm_arg_tensor(x, 0, TM_DTYPE_F32),
                    tm_arg_tensor(x, 0, TM_DTYPE_F32),
                    tm_arg_tensor(bench_floats(&gpu, SMALL), 0, TM_DTYPE_F32),
                    tm_arg_int(SMALL), tm_arg_int(SMALL)};
  double times[BURSTS], look = 0;
  for (int i = 0; i < BURSTS; i++) {
    double start = bench_seconds();
    for (int k = 0; k < BURST; k++)
      bench_check(tm_function_launch(gpu.stream, add, tm_grid_1d(1), args, 5,
                                     NULL, &error),
                  error);
    times[i] = (bench_seconds() - start) / BURST;
    bench_check(tm_stream_synchronize(gpu.stream, TM_WAIT_FOREVER, &error),
                error);
  }
  FILE *pipe = open_part("lookup_part");
  if (!pipe || fscanf(pipe, "%lf", &look) != 1 || pclose(pipe)) {
    fprintf(stderr, "bench: lookup_part failed\n");
    exit(1);
  }
  bench_limit("function: key and look-up", look, "ns", 50);
  bench_limit("function: launch, host side",
              1e6 * bench_median(times, BURSTS), "us", 2);
  tm_function_destroy(add);
  tm_buffer_destroy(args[2].u.buffer);
  tm_buffer_destroy(x);
  tm_module_destroy(module);
  bench_gpu_close(&gpu);
}

/* Everything a program does from main() to the first sum. */
int bench_first_answer(double started) {
  bench_gpu gpu = bench_gpu_open();
  tm_module *module = bench_module("vector_add.py");
  tm_kernel *kernel = bench_kernel(&gpu, module, "add_kernel", signature, 4);
  tm_buffer *x = bench_floats(&gpu, SMALL), *out = bench_floats(&gpu, SMALL);
  tm_arg args[4] = {tm_arg_buffer(x, 0), tm_arg_buffer(x, 0),
                    tm_arg_buffer(out, 0), tm_arg_int(SMALL)};
  bench_launch(&gpu, kernel, tm_grid_1d(1), args, 4);
  double seconds = bench_seconds() - started;
  const float *a = tm_buffer_contents(x), *b = tm_buffer_contents(out);
  for (int i = 0; i < SMALL; i++)
    if (b[i] != a[i] + a[i]) return 1;
  if (!tm_kernel_info(kernel)->from_cache) seconds = -seconds;
  printf("%.6f\n", seconds);
  return 0;
}

/* What this library itself takes from a new process to a kernel of the cache:
 * without Metal's part, which is opening the device and making the pipeline
 * of the text. */
int bench_first_kernel(void) {
  tm_context *context;
  tm_error *error = NULL;
  bench_gpu gpu = {NULL, NULL};
  double start = bench_seconds();
  bench_check(tm_context_create(&context, NULL, &error), error);
  tm_module *module = bench_module("vector_add.py");
  double seconds = bench_seconds() - start;
  gpu.context = context;
  bench_check(tm_stream_create(&gpu.stream, context, NULL, &error), error);
  tm_compile_options options = TM_COMPILE_OPTIONS_INIT;
  tm_kernel *kernel;
  options.signature = signature;
  options.num_warps = 4;
  start = bench_seconds();
  bench_check(tm_compile(&kernel, context, module, "add_kernel", &options,
                         &error),
              error);
  seconds += bench_seconds() - start;
  if (!tm_kernel_info(kernel)->from_cache) seconds = -seconds;
  printf("%.6f\n", seconds);
  return 0;
}

/* Seconds that a child reports; negative when it missed the cache. */
static double child(const char *what) {
  char line[64] = "", command[512];
  snprintf(command, sizeof command, "exec \"%s\" %s", bench_program, what);
  FILE *pipe = popen(command, "r");
  if (!pipe || !fgets(line, sizeof line, pipe) || pclose(pipe)) {
    fprintf(stderr, "bench: the first-answer child failed\n");
    exit(1);
  }
  return atof(line);
}

void bench_start(void) {
  enum { RUNS = 9 };
  if (!bench_wanted("start")) return;
  static const struct {
    const char *name, *flag;
    double most; /* milliseconds */
  } rows[] = {{"start of a second process", "--first-answer", 60},
              {"  of it, kernel from the cache", "--first-kernel", 3}};
  for (size_t r = 0; r < 2; r++) {
    double times[RUNS];
    child(rows[r].flag); /* fills the cache */
    for (int i = 0; i < RUNS; i++) times[i] = child(rows[r].flag);
    for (int i = 0; i < RUNS; i++)
      if (times[i] < 0) fprintf(stderr, "bench: the cache was missed\n");
    bench_limit(rows[r].name, 1e3 * bench_median(times, RUNS), "ms",
                rows[r].most);
  }
}
