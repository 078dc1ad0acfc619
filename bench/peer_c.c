/* SPDX-License-Identifier: MIT */
/*
 * peer_c.c - plain C versions, split over threads that are kept between
 * calls as ours are. Built with -O3 -march=native -ffast-math, which lets the
 * compiler vectorise expf and the sum.
 */
#define _GNU_SOURCE
#include "bench.h"

#include <math.h>
#include <pthread.h>
#include <stdlib.h>

enum { MOST_THREADS = 64 };

static struct pool {
  pthread_barrier_t begin, end;
  unsigned threads;
  peer_part *work;
  void *payload;
} pool;

static void *pool_thread(void *argument) {
  for (;;) {
    pthread_barrier_wait(&pool.begin);
    pool.work(pool.payload, (unsigned)(uintptr_t)argument, pool.threads);
    pthread_barrier_wait(&pool.end);
  }
  return NULL;
}

void peer_in_parallel(peer_part *work, void *payload, unsigned threads) {
  if (threads > MOST_THREADS) threads = MOST_THREADS;
  if (threads < 2) {
    work(payload, 0, 1);
    return;
  }
  if (!pool.threads) {
    pool.threads = threads;
    pthread_barrier_init(&pool.begin, NULL, threads);
    pthread_barrier_init(&pool.end, NULL, threads);
    for (unsigned i = 1; i < threads; i++) {
      pthread_t thread;
      if (pthread_create(&thread, NULL, pool_thread, (void *)(uintptr_t)i))
        exit(1);
      pthread_detach(thread);
    }
  }
  pool.work = work;
  pool.payload = payload;
  pthread_barrier_wait(&pool.begin);
  work(payload, 0, pool.threads);
  pthread_barrier_wait(&pool.end);
}

typedef struct arrays {
  const float *x, *y;
  float *out;
  size_t rows, columns;
} arrays;

static void add_part(void *payload, unsigned index, unsigned count) {
  const arrays *a = payload;
  size_t from = a->columns * index / count;
  size_t to = a->columns * (index + 1) / count;
  const float *restrict x = a->x, *restrict y = a->y;
  float *restrict out = a->out;
  for (size_t i = from; i < to; i++) out[i] = x[i] + y[i];
}

void peer_add(const float *x, const float *y, float *out, size_t n,
              unsigned threads) {
  arrays a = {x, y, out, 1, n};
  peer_in_parallel(add_part, &a, threads);
}

static void softmax_row(const float *restrict x, float *restrict out,
                        size_t n) {
  float most = x[0], sum = 0;
  for (size_t i = 1; i < n; i++) most = x[i] > most ? x[i] : most;
  for (size_t i = 0; i < n; i++) {
    out[i] = expf(x[i] - most);
    sum += out[i];
  }
  float scale = 1 / sum;
  for (size_t i = 0; i < n; i++) out[i] *= scale;
}

static void softmax_part(void *payload, unsigned index, unsigned count) {
  const arrays *a = payload;
  size_t to = a->rows * (index + 1) / count;
  for (size_t r = a->rows * index / count; r < to; r++)
    softmax_row(a->x + r * a->columns, a->out + r * a->columns, a->columns);
}

void peer_softmax(const float *x, float *out, size_t rows, size_t columns,
                  unsigned threads) {
  arrays a = {x, NULL, out, rows, columns};
  peer_in_parallel(softmax_part, &a, threads);
}
