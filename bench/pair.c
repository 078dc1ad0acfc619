/* SPDX-License-Identifier: MIT */
/*
 * pair.c - two texts of one kernel, timed so that only the texts differ.
 *
 * Same memory. Both sides read the same MTLBuffers: made by Metal and imported
 * by ours. Of an output there are two, made alike; which side writes which is
 * exchanged in every round, so that neither keeps the better pages.
 *
 * Same way to the GPU. Each side encodes into a command buffer of its own from
 * one queue, commits it and waits: the hand-written one by messages, ours by
 * tm_launch_into, which sends the same messages and checks the arguments
 * besides (under a microsecond of the thousand that the shortest kernel
 * takes). So what tm_launch batches or hides is not in these rows.
 *
 * Same work and precision. Elements are of the same types and sums float on
 * both sides. Ours takes sizes as arguments and masks what is beyond them,
 * where the hand-written text knows that nothing is (add, softmax, layer norm
 * of 1024 columns); ours is compiled with math mode safe, the hand-written
 * text with Metal's default, fast. Both differences are in its favour.
 *
 * Same noise. A round is ours, theirs, theirs, ours, and the other way round
 * in the next one: what the caches keep and what drifts meets both. Others use
 * this machine, and who is preempted is slow by the clock for nothing: with six
 * others on two CPUs a ratio of clocks was anything from 0.85 to 1.18 where it
 * is 0.95 on a quiet machine. So the ratio is that of CPU time, of all threads
 * together, and of all rounds within a second the median counts: 0.945 to
 * 0.948 in three runs. softmetal's threads sleep when they wait, both sides
 * have as many threadgroups, so that on a quiet machine both ratios are the
 * same within 2%. Speeds are by the clock: theirs of that quarter of the rounds
 * whose four runs together took least - a choice that knows no side - and ours
 * theirs times the ratio.
 *
 * C is timed by the clock and by itself, on the same input, because OpenBLAS's
 * threads spin for a while after each product: they would meet the next side,
 * and are no work. It is the median of the fastest quarter of its calls.
 */
#define _GNU_SOURCE
#include "pair.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { MOST_ROUNDS = 4096, LEAST_ROUNDS = 20 };
static const double SECONDS = 1.0; /* of rounds; a third of it for C */

pair pair_open(const char *chip, tm_module *module, const char *file) {
  pair p = {.module = module};
  char path[256];
  size_t size;
  setenv("SOFTMETAL_CHIP", chip, 1);
  p.gpu = bench_gpu_open();
  p.metal = msl_metal_open();
  snprintf(path, sizeof path, "bench/msl/%s.metal", file);
  char *text = bench_read(path, &size);
  p.library = msl_library(&p.metal, text);
  free(text);
  return p;
}

int pair_add_data(pair *p, size_t bytes, bool is_output) {
  pair_data *d = &p->data[p->n_data];
  tm_error *error = NULL;
  d->is_output = is_output;
  for (int i = 0; i <= is_output; i++) {
    d->metal[i] = msl_buffer_new(&p->metal, bytes);
    memset(d->metal[i].data, 0, bytes); /* no page is new in the first round */
    bench_check(tm_buffer_import(&d->buffer[i], p->gpu.context,
                                 d->metal[i].object, 0, 0, &error), error);
  }
  return (int)p->n_data++;
}

void pair_fill(pair *p, int data, size_t n, bool is_half) {
  void *to = p->data[data].metal[0].data;
  float *x = to;
  _Float16 *h = to;
  for (size_t i = 0; i < n; i++) {
    float value = bench_random();
    if (is_half) h[i] = (_Float16)value;
    else x[i] = value;
  }
}

void pair_launches(pair *p, const char *kernel, const char *signature,
                   uint32_t warps, tm_grid grid, const char *function,
                   msl_step step) {
  pair_launch *ours = &p->ours[p->n_launches];
  pair_step *theirs = &p->theirs[p->n_launches++];
  tm_compile_options options = TM_COMPILE_OPTIONS_INIT;
  options.signature = signature;
  options.num_warps = warps;
  options.num_stages = p->stages;
  ours->kernel = bench_kernel_with(&p->gpu, p->module, kernel, &options);
  ours->grid = grid;
  theirs->step = step;
  theirs->step.pipeline = msl_pipeline(&p->metal, p->library, function);
}

static pair_launch *latest(pair *p) { return &p->ours[p->n_launches - 1]; }

void pair_give(pair *p, int data) {
  pair_launch *l = latest(p);
  l->data[l->n_args++] = data;
}

void pair_give_number(pair *p, int64_t n) {
  pair_launch *l = latest(p);
  l->args[l->n_args] = tm_arg_int(n);
  l->data[l->n_args++] = -1;
}

void pair_bind(pair *p, int data) {
  pair_step *s = &p->theirs[p->n_launches - 1];
  s->data[s->n_data++] = data;
}

/* Which of an output's two buffers is ours from now on. */
static void take_outputs(pair *p, unsigned ours) {
  for (size_t i = 0; i < p->n_launches; i++) {
    pair_launch *l = &p->ours[i];
    pair_step *s = &p->theirs[i];
    for (size_t k = 0; k < l->n_args; k++) {
      if (l->data[k] < 0) continue;
      pair_data *d = &p->data[l->data[k]];
      l->args[k] = tm_arg_buffer(d->buffer[d->is_output ? ours : 0], 0);
    }
    for (size_t k = 0; k < s->n_data; k++) {
      pair_data *d = &p->data[s->data[k]];
      s->step.buffers[k] = &d->metal[d->is_output ? 1 - ours : 0];
    }
  }
}

static void run_ours(pair *p) {
  tm_error *error = NULL;
  msl_commands c = msl_begin(&p->metal);
  tm_target target = TM_TARGET_INIT;
  target.kind = TM_TARGET_ENCODER;
  target.object = c.encoder;
  target.command_buffer = c.buffer;
  for (size_t i = 0; i < p->n_launches; i++)
    bench_check(tm_launch_into(&target, p->ours[i].kernel, p->ours[i].grid,
                               p->ours[i].args, p->ours[i].n_args, &error),
                error);
  msl_end(&c);
}

static void run_theirs(pair *p) {
  msl_commands c = msl_begin(&p->metal);
  for (size_t i = 0; i < p->n_launches; i++)
    msl_encode(&c, &p->theirs[i].step);
  msl_end(&c);
}

static double cpu_seconds(void) {
  struct timespec used;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
  return (double)used.tv_sec + (double)used.tv_nsec * 1e-9;
}

typedef struct timing { /* of two runs of each side */
  double ours, theirs;           /* seconds of CPU, all threads together */
  double their_seconds, seconds; /* of the clock: the other's, and of all */
} timing;

static int by_total(const void *a, const void *b) {
  double s = ((const timing *)a)->seconds, t = ((const timing *)b)->seconds;
  return (s > t) - (s < t);
}

static timing one_round(pair *p, size_t n) {
  timing r = {0};
  take_outputs(p, n & 1);
  for (unsigned i = 0; i < 4; i++) {
    bool is_ours = (i == 0 || i == 3) == (n % 4 < 2);
    double start = bench_seconds(), cpu = cpu_seconds();
    if (is_ours) run_ours(p);
    else run_theirs(p);
    cpu = cpu_seconds() - cpu;
    double seconds = bench_seconds() - start;
    *(is_ours ? &r.ours : &r.theirs) += cpu;
    if (!is_ours) r.their_seconds += seconds;
    r.seconds += seconds;
  }
  return r;
}

/* Speeds of both in p->unit a second. */
static void measure(pair *p, double *ours, double *theirs) {
  timing *rounds = calloc(MOST_ROUNDS, sizeof *rounds);
  double *ratio = calloc(MOST_ROUNDS, sizeof *ratio);
  double *second = calloc(MOST_ROUNDS, sizeof *second);
  if (!rounds || !ratio || !second) exit(1);
  for (size_t n = 0; n < 2; n++) one_round(p, n); /* both outputs are warm */
  double start = bench_seconds();
  size_t n = 0;
  while (n < MOST_ROUNDS &&
         (n < LEAST_ROUNDS || bench_seconds() - start < SECONDS))
    rounds[n] = one_round(p, n), n++;
  for (size_t i = 0; i < n; i++)
    ratio[i] = rounds[i].theirs / rounds[i].ours;
  double reached = bench_median(ratio, n);
  qsort(rounds, n, sizeof *rounds, by_total);
  size_t quiet = (n + 3) / 4;
  for (size_t i = 0; i < quiet; i++) second[i] = rounds[i].their_seconds / 2;
  *theirs = p->work / bench_median(second, quiet);
  *ours = *theirs * reached;
  free(rounds), free(ratio), free(second);
}

static double measure_c(pair *p) {
  double *second = calloc(MOST_ROUNDS, sizeof *second);
  if (!second) exit(1);
  p->c(p);
  double start = bench_seconds();
  size_t n = 0;
  while (n < MOST_ROUNDS &&
         (n < LEAST_ROUNDS || bench_seconds() - start < SECONDS / 3)) {
    double from = bench_seconds();
    p->c(p);
    second[n++] = bench_seconds() - from;
  }
  bench_median(second, n); /* sorts */
  double median = bench_median(second, (n + 3) / 4);
  free(second);
  return p->work / median;
}

/* Ours is in the last data's first buffer, the other's in its second. */
static void expect_same(pair *p, const char *name, const char *peer, size_t n,
                        double most) {
  const msl_buffer *out = p->data[p->n_data - 1].metal;
  const float *a = out[0].data, *b = out[1].data;
  for (size_t i = 0; i < n; i++) {
    if (fabs((double)a[i] - (double)b[i]) <= most) continue;
    fprintf(stderr, "bench: %s: element %zu is %g, %s %g\n", name, i,
            (double)a[i], peer, (double)b[i]);
    exit(1);
  }
}

static void close_pair(pair *p) {
  for (size_t i = 0; i < p->n_launches; i++) {
    tm_kernel_destroy(p->ours[i].kernel);
    msl_release(p->theirs[i].step.pipeline);
  }
  for (size_t i = 0; i < p->n_data; i++)
    for (int k = 0; k <= p->data[i].is_output; k++) {
      tm_buffer_destroy(p->data[i].buffer[k]);
      msl_release(p->data[i].metal[k].object);
    }
  for (int i = 0; i < 2; i++) free(p->c_data[i]);
  msl_release(p->library);
  tm_module_destroy(p->module);
  bench_gpu_close(&p->gpu);
  msl_metal_close(&p->metal);
  unsetenv("SOFTMETAL_CHIP");
}

void pair_finish(pair *p, const char *const names[2], size_t n_out,
                 double most) {
  double ours, theirs;
  measure(p, &ours, &theirs);
  take_outputs(p, 0);
  run_ours(p), run_theirs(p);
  expect_same(p, names[0], "by hand", n_out, most);
  bench_against(names[0], ours, p->unit, "hand-written MSL", theirs, 0.9);
  if (p->c) {
    double c = measure_c(p);
    expect_same(p, names[0], "in C", n_out, most);
    bench_against(names[1], ours, p->unit, p->c_name, c, 0.8 * theirs / c);
  }
  close_pair(p);
}
