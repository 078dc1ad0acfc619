/* SPDX-License-Identifier: MIT */
/*
 * replay_part.c - a program of its own: what this library itself does in the
 * replay of a graph, without Metal.
 *
 * A hundred launches of an addition, each of which reads what the one before
 * wrote, and so binds other buffers and waits. While replays are timed, every
 * message to Metal goes to a function that only counts it: so this program is
 * linked with the library's own objects. Prints the microseconds of a replay,
 * of putting another buffer in one's place everywhere, of the launches one by
 * one, and the messages of a replay.
 */
#define _GNU_SOURCE
#include "bench.h"

#include "../runtime/context.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { LAUNCHES = 100, ROUNDS = 301, SMALL = 1024 };

static unsigned long messages;
static void count(void) { messages++; }

typedef struct replay {
  bench_gpu gpu;
  tm_kernel *kernel;
  tm_buffer *buffers[4]; /* the fourth takes another's place */
  tm_graph *graph;
} replay;

static void launch_all(replay *r) {
  tm_error *error = NULL;
  for (int i = 0; i < LAUNCHES; i++) {
    tm_arg args[4] = {tm_arg_buffer(r->buffers[i % 3], 0),
                      tm_arg_buffer(r->buffers[(i + 1) % 3], 0),
                      tm_arg_buffer(r->buffers[(i + 2) % 3], 0),
                      tm_arg_int(SMALL)};
    bench_check(tm_launch(r->gpu.stream, r->kernel, tm_grid_1d(1), args, 4,
                          &error),
                error);
  }
}

static void launch_graph(replay *r) {
  tm_error *error = NULL;
  bench_check(tm_graph_launch(r->gpu.stream, r->graph, &error), error);
}

static void replace(replay *r) {
  tm_error *error = NULL;
  bench_check(tm_graph_replace_buffer(r->graph, r->buffers[0], r->buffers[3],
                                      &error),
              error);
  tm_buffer *other = r->buffers[0];
  r->buffers[0] = r->buffers[3];
  r->buffers[3] = other;
}

static double seconds_of(replay *r, void (*work)(replay *r)) {
  double times[ROUNDS];
  for (int i = 0; i < ROUNDS; i++) {
    double start = bench_seconds();
    work(r);
    times[i] = bench_seconds() - start;
  }
  return bench_median(times, ROUNDS);
}

static void open_replay(replay *r) {
  tm_error *error = NULL;
  r->gpu = bench_gpu_open();
  tm_stream_destroy(r->gpu.stream);
  tm_stream_options options = TM_STREAM_OPTIONS_INIT;
  options.batch = 4 * ROUNDS * LAUNCHES; /* one batch, which is not run */
  options.batch_bytes = UINT64_MAX;
  options.batch_us = 600000000;
  bench_check(tm_stream_create(&r->gpu.stream, r->gpu.context, &options,
                               &error),
              error);
  r->kernel = bench_kernel(&r->gpu, bench_module("vector_add.py"),
                           "add_kernel",
                           "*fp32:16, *fp32:16, *fp32:16, i32:16, 1024", 4);
  for (int b = 0; b < 4; b++) r->buffers[b] = bench_floats(&r->gpu, SMALL);
  tm_graph_options graph = TM_GRAPH_OPTIONS_INIT;
  graph.fuse = TM_SWITCH_OFF;
  bench_check(tm_graph_begin(r->gpu.stream, &graph, &error), error);
  launch_all(r);
  bench_check(tm_graph_end(&r->graph, r->gpu.stream, &error), error);
}

int main(int argc, char **argv) {
  (void)argc;
  bench_program = argv[0];
  replay r = {.graph = NULL};
  open_replay(&r);
  launch_graph(&r); /* opens the batch and its encoder */
  tm_mtl.send = count;
  launch_graph(&r);
  unsigned long one = messages;
  double whole = seconds_of(&r, launch_graph);
  double replaced = seconds_of(&r, replace);
  double each = seconds_of(&r, launch_all);
  printf("%.4f %.4f %.4f %lu\n", 1e6 * whole, 1e6 * replaced, 1e6 * each,
         one);
  fflush(stdout);
  _exit(0); /* what the encoder was told is not what it should run */
}
