/* SPDX-License-Identifier: MIT */
/*
 * peer_msl.c - plain C for what bench/msl does: sums, a tree in a local array,
 * layer norm, and attention with OpenBLAS's products. Built like the other
 * peers, with -O3 -march=native -ffast-math (which is -Ofast).
 */
#define _GNU_SOURCE
#include "bench.h"

#include <math.h>
#include <stdlib.h>

typedef struct span {
  const float *x;
  float *out;
  size_t n;
} span;

static void sum_part(void *payload, unsigned index, unsigned count) {
  const span *s = payload;
  size_t to = s->n * (index + 1) / count;
  float sum = 0;
  for (size_t i = s->n * index / count; i < to; i++) sum += s->x[i];
  s->out[index] = sum;
}

float peer_sum(const float *x, size_t n, unsigned threads) {
  float part[64] = {0}, sum = 0;
  span s = {x, part, n};
  peer_in_parallel(sum_part, &s, threads);
  for (unsigned i = 0; i < 64; i++) sum += part[i];
  return sum;
}

/* The same tree, group by group. */
static void tree_part(void *payload, unsigned index, unsigned count) {
  const span *s = payload;
  size_t to = s->n * (index + 1) / count;
  for (size_t g = s->n * index / count; g < to; g++) {
    float part[256];
    for (int i = 0; i < 256; i++) part[i] = s->x[g * 256 + (size_t)i];
    for (int step = 128; step > 0; step >>= 1)
      for (int i = 0; i < step; i++) part[i] += part[i + step];
    s->out[g] = part[0];
  }
}

void peer_tree(const float *x, float *out, size_t groups, unsigned threads) {
  span s = {x, out, groups};
  peer_in_parallel(tree_part, &s, threads);
}

/* ---- layer norm ------------------------------------------------------- */

typedef struct norm {
  const float *x, *weight, *bias;
  float *out;
  size_t rows, columns;
} norm;

static void norm_row(const norm *a, size_t row) {
  const float *restrict x = a->x + row * a->columns;
  const float *restrict weight = a->weight, *restrict bias = a->bias;
  float *restrict out = a->out + row * a->columns;
  float n = (float)a->columns, sum = 0, square = 0;
  for (size_t i = 0; i < a->columns; i++) sum += x[i];
  float mean = sum / n;
  for (size_t i = 0; i < a->columns; i++) {
    float d = x[i] - mean;
    square += d * d;
  }
  float scale = 1 / sqrtf(square / n + 1e-5f);
  for (size_t i = 0; i < a->columns; i++)
    out[i] = (x[i] - mean) * scale * weight[i] + bias[i];
}

static void norm_part(void *payload, unsigned index, unsigned count) {
  const norm *a = payload;
  size_t to = a->rows * (index + 1) / count;
  for (size_t r = a->rows * index / count; r < to; r++) norm_row(a, r);
}

void peer_layer_norm(const float *x, const float *weight, const float *bias,
                     float *out, size_t rows, size_t columns,
                     unsigned threads) {
  norm a = {x, weight, bias, out, rows, columns};
  peer_in_parallel(norm_part, &a, threads);
}

/* ---- attention -------------------------------------------------------- */

enum { HEAD = 64, ROWS = 64, KEYS = 256 };

typedef struct heads {
  const float *q, *k, *v;
  float *out;
  size_t n;
} heads;

/* Running maximum and sum over blocks of keys, as the kernel does; block
 * sizes are those that were fastest here. */
static void attention_rows(const heads *h, size_t row, float *score) {
  float most[ROWS], total[ROWS], *out = h->out + row * HEAD;
  for (int r = 0; r < ROWS; r++) most[r] = -INFINITY, total[r] = 0;
  for (int i = 0; i < ROWS * HEAD; i++) out[i] = 0;
  for (size_t key = 0; key < h->n; key += KEYS) {
    peer_product(true, ROWS, KEYS, HEAD, 0.125f, h->q + row * HEAD, HEAD,
                 h->k + key * HEAD, HEAD, 0, score, KEYS);
    for (int r = 0; r < ROWS; r++) {
      float *s = score + r * KEYS, now = most[r], sum = 0;
      for (int i = 0; i < KEYS; i++) now = s[i] > now ? s[i] : now;
      for (int i = 0; i < KEYS; i++) {
        s[i] = expf(s[i] - now);
        sum += s[i];
      }
      float scale = key ? expf(most[r] - now) : 0;
      total[r] = total[r] * scale + sum;
      most[r] = now;
      for (int i = 0; i < HEAD; i++) out[r * HEAD + i] *= scale;
    }
    peer_product(false, ROWS, HEAD, KEYS, 1, score, KEYS, h->v + key * HEAD,
                 HEAD, 1, out, HEAD);
  }
  for (int r = 0; r < ROWS; r++)
    for (int i = 0; i < HEAD; i++) out[r * HEAD + i] /= total[r];
}

static void attention_part(void *payload, unsigned index, unsigned count) {
  const heads *h = payload;
  float *score = aligned_alloc(64, ROWS * KEYS * sizeof(float));
  if (!score) exit(1);
  size_t blocks = h->n / ROWS, to = blocks * (index + 1) / count;
  for (size_t b = blocks * index / count; b < to; b++)
    attention_rows(h, b * ROWS, score);
  free(score);
}

void peer_attention(const float *q, const float *k, const float *v,
                    float *out, size_t n, unsigned threads) {
  heads h = {q, k, v, out, n};
  peer_threads(1); /* the rows are what is split */
  peer_in_parallel(attention_part, &h, threads);
  peer_threads(threads);
}
