/* SPDX-License-Identifier: MIT */
/* measure.c - clocks, medians and errors, shared by benches and the demo. */
#define _GNU_SOURCE
#include "bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

const char *bench_program = "";

double bench_seconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

float bench_random(void) {
  static uint64_t state = 88172645463325252u; /* Marsaglia's xorshift64 */
  state ^= state << 13;
  state ^= state >> 7;
  state ^= state << 17;
  return (float)(int64_t)state * 0x1p-63f;
}

unsigned bench_threads(void) {
  const char *text = getenv("SOFTMETAL_THREADS");
  long n = text ? strtol(text, NULL, 10) : sysconf(_SC_NPROCESSORS_ONLN);
  return n < 1 ? 1 : (unsigned)n;
}

static int by_value(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

double bench_median(double *values, size_t count) {
  qsort(values, count, sizeof *values, by_value);
  return values[count / 2];
}

void bench_pair(void (*ours)(void *), void (*peer)(void *), void *payload,
                size_t rounds, double *our_seconds, double *peer_seconds) {
  double *a = calloc(rounds, sizeof *a), *b = calloc(rounds, sizeof *b);
  if (!a || !b) exit(1);
  for (size_t i = 0; i <= rounds; i++) { /* round 0 warms up */
    double start = bench_seconds();
    ours(payload);
    double middle = bench_seconds();
    peer(payload);
    if (!i) continue;
    a[i - 1] = middle - start;
    b[i - 1] = bench_seconds() - middle;
  }
  *our_seconds = bench_median(a, rounds);
  *peer_seconds = bench_median(b, rounds);
  free(a), free(b);
}

void bench_check_at(tm_status status, tm_error **error) {
  if (status == TM_OK) return;
  fputs(tm_error_text(*error), stderr);
  exit(1);
}
