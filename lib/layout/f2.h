/* SPDX-License-Identifier: MIT */
/*
 * f2.h - solving linear equations over the field of two elements.
 *
 * A span is built by inserting vectors (bits of a uint32_t), each with a
 * number; span_solve then says which inserted vectors XOR to a given one.
 * Vectors that are already in the span are not inserted.
 */
#ifndef TM_LAYOUT_F2_H
#define TM_LAYOUT_F2_H

#include <stdbool.h>
#include <stdint.h>

/* Vectors in echelon form: at[b] has highest bit b; by[b] says which of the
 * inserted vectors make it. Zero-initialised is empty. */
typedef struct span {
  uint32_t at[32], by[32];
  uint32_t rank;
} span;

static inline uint32_t top_bit(uint32_t v) {
  return 31u - (uint32_t)__builtin_clz(v);
}

/* Writes v as an XOR of inserted vectors; false if it is not in the span. */
static inline bool span_solve(const span *s, uint32_t v, uint32_t *by) {
  uint32_t used = 0;
  while (v != 0) {
    uint32_t b = top_bit(v);
    if (s->at[b] == 0) return false;
    used ^= s->by[b];
    v ^= s->at[b];
  }
  *by = used;
  return true;
}

/* Adds v, which is vector number `number`; false if it was in the span. */
static inline bool span_add(span *s, uint32_t v, uint32_t number) {
  uint32_t used = 1u << number;
  while (v != 0) {
    uint32_t b = top_bit(v);
    if (s->at[b] == 0) {
      s->at[b] = v;
      s->by[b] = used;
      s->rank++;
      return true;
    }
    used ^= s->by[b];
    v ^= s->at[b];
  }
  return false;
}

#endif
