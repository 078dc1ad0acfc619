/* SPDX-License-Identifier: MIT */
/*
 * graph_fusion.c - three element-wise kernels, recorded and fused into one.
 *
 *     out = max(x * 0.5 + bias, 0)   as three launches: scale, shift, clamp
 *
 * Each launch reads what the one before it wrote, so apart they move the
 * data three times. Recorded as a graph they become one kernel, and the two
 * buffers in between, which the program says it does not read, are neither
 * written nor read. The report says so; the last line is the gain.
 *
 *     cc graph_fusion.c $(pkg-config --cflags --libs tritonmetal)
 */
#include <tritonmetal.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { N = 1 << 20, BLOCK = 1024, ROUNDS = 20 };

static const char source[] =
    "import triton\n"
    "import triton.language as tl\n"
    "\n"
    "@triton.jit\n"
    "def scale(x, out, by, n, BLOCK: tl.constexpr):\n"
    "    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)\n"
    "    tl.store(out + i, tl.load(x + i, i < n) * by, i < n)\n"
    "\n"
    "@triton.jit\n"
    "def shift(x, bias, out, n, BLOCK: tl.constexpr):\n"
    "    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)\n"
    "    v = tl.load(x + i, i < n) + tl.load(bias + i, i < n)\n"
    "    tl.store(out + i, v, i < n)\n"
    "\n"
    "@triton.jit\n"
    "def clamp(x, out, n, BLOCK: tl.constexpr):\n"
    "    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)\n"
    "    tl.store(out + i, tl.maximum(tl.load(x + i, i < n), 0.0), i < n)\n";

static tm_context *context;
static tm_module *module;
static tm_stream *stream;
static tm_error *error;
static tm_kernel *scale, *shift, *clamp;
static tm_buffer *x, *bias, *scaled, *shifted, *out;

static void check(tm_status status) {
  if (status == TM_OK) return;
  fprintf(stderr, "%s", tm_error_text(error));
  exit(1);
}

static double seconds(void) {
  struct timespec t;
  timespec_get(&t, TIME_UTC);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static tm_kernel *compile(const char *name, const char *signature) {
  tm_kernel *kernel;
  tm_compile_options options = TM_COMPILE_OPTIONS_INIT;
  options.signature = signature;
  check(tm_compile(&kernel, context, module, name, &options, &error));
  return kernel;
}

static tm_buffer *floats(void) {
  tm_buffer *buffer;
  check(tm_buffer_create(&buffer, context, N * sizeof(float), NULL, &error));
  return buffer;
}

/* The launches, as they would be written without a graph. */
static void launch_all(void) {
  tm_grid grid = tm_grid_1d(N / BLOCK);
  tm_arg first[4] = {tm_arg_buffer(x, 0), tm_arg_buffer(scaled, 0),
                     tm_arg_float(0.5), tm_arg_int(N)};
  tm_arg second[4] = {tm_arg_buffer(scaled, 0), tm_arg_buffer(bias, 0),
                      tm_arg_buffer(shifted, 0), tm_arg_int(N)};
  tm_arg third[3] = {tm_arg_buffer(shifted, 0), tm_arg_buffer(out, 0),
                     tm_arg_int(N)};
  check(tm_launch(stream, scale, grid, first, 4, &error));
  check(tm_launch(stream, shift, grid, second, 4, &error));
  check(tm_launch(stream, clamp, grid, third, 3, &error));
}

static tm_graph *record(tm_switch fuse) {
  tm_graph *graph;
  tm_buffer *between[2] = {scaled, shifted};
  tm_graph_options options = TM_GRAPH_OPTIONS_INIT;
  options.fuse = fuse;
  options.temporaries = between;
  options.n_temporaries = 2;
  check(tm_graph_begin(stream, &options, &error));
  launch_all();
  check(tm_graph_end(&graph, stream, &error));
  return graph;
}

/* The shortest of some rounds. */
static double time_of(tm_graph *graph) {
  double best = 1e9;
  for (int i = 0; i < ROUNDS; i++) {
    double start = seconds();
    check(tm_graph_launch(stream, graph, &error));
    check(tm_stream_synchronize(stream, TM_WAIT_FOREVER, &error));
    double time = seconds() - start;
    if (time < best) best = time;
  }
  return best;
}

static void open_all(void) {
  check(tm_context_create(&context, NULL, &error));
  check(tm_module_parse(&module, "ops", "ops.py", source, strlen(source),
                        NULL, &error));
  check(tm_stream_create(&stream, context, NULL, &error));
  scale = compile("scale", "*fp32:16, *fp32:16, fp32, i32:16, 1024");
  shift = compile("shift", "*fp32:16, *fp32:16, *fp32:16, i32:16, 1024");
  clamp = compile("clamp", "*fp32:16, *fp32:16, i32:16, 1024");
  tm_buffer **all[5] = {&x, &bias, &scaled, &shifted, &out};
  for (int i = 0; i < 5; i++) *all[i] = floats();
  for (int i = 0; i < N; i++) {
    ((float *)tm_buffer_contents(x))[i] = (float)(i % 100);
    ((float *)tm_buffer_contents(bias))[i] = -10;
  }
}

static void close_all(void) {
  tm_buffer *all[5] = {x, bias, scaled, shifted, out};
  for (int i = 0; i < 5; i++) tm_buffer_destroy(all[i]);
  tm_kernel_destroy(scale);
  tm_kernel_destroy(shift);
  tm_kernel_destroy(clamp);
  tm_stream_destroy(stream);
  tm_module_destroy(module);
  tm_context_destroy(context);
}

int main(void) {
  open_all();
  tm_graph *apart = record(TM_SWITCH_OFF), *graph = record(TM_SWITCH_ON);
  printf("%d launches, %d dispatch\n%s", (int)tm_graph_nodes(graph),
         (int)tm_graph_dispatches(graph), tm_graph_report(graph));
  double three = time_of(apart), one = time_of(graph);
  const float *result = tm_buffer_contents(out);
  printf("out[10] = %g, out[99] = %g\n", result[10], result[99]);
  printf("%.2f ms as three kernels, %.2f ms as one\n", 1e3 * three,
         1e3 * one);
  tm_graph_destroy(apart);
  tm_graph_destroy(graph);
  close_all();
  return 0;
}
