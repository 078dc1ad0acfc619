/* SPDX-License-Identifier: MIT */
/*
 * emitter_turns.c - tiles larger than threadgroup memory, in turns.
 *
 * A conversion, a gather and a histogram store a tile, wait, and load from
 * it. Where the whole does not fit, parts of it follow each other through a
 * region of half, a quarter ... of the bytes. All threads look at all of
 * their elements in each turn, so that this is for what else could not be
 * compiled at all:
 *
 *     for (int turn = 0; turn < 4; ++turn) {
 *       threadgroup_barrier(...);             the part before has been read
 *       if (at >> 13 == turn) tile[at & 8191] = x[r];
 *       threadgroup_barrier(...);
 *       const float t = tile[to & 8191];
 *       if (to >> 13 == turn) y[r] = t;
 *     }
 */
#include "emitter.h"

enum { LEAST_BYTES = 1024, ALIGN = 16 };

bool msl_turns_add(emitter *e) {
  msl_region *largest = NULL;
  for (uint32_t i = 0; i < e->regions.len; i++) {
    msl_region *r = &e->regions.data[i];
    if (r->elements && r->bytes > LEAST_BYTES &&
        (!largest || r->bytes > largest->bytes))
      largest = r;
  }
  if (!largest) return false;
  largest->turns++;
  largest->bytes = (largest->packed_bytes >> largest->turns) + ALIGN - 1;
  largest->bytes &= ~(uint32_t)(ALIGN - 1);
  return true;
}

void msl_turns_open(emitter *e, msl_region *region) {
  region->turn = NULL;
  if (!region->turns) return;
  region->turn = msl_loop_rolled(e, "turn", 1u << region->turns);
  region->read = true; /* in the turn before */
}

void msl_turns_close(emitter *e, msl_region *region) {
  if (region->turn) msl_close(e);
  region->turn = NULL;
}

msl_expr msl_turns_place(emitter *e, const msl_region *region, msl_expr at,
                         const char **when) {
  *when = NULL;
  if (!region->turn) return at;
  uint32_t bits = 0, part = region->elements >> region->turns;
  while (1u << bits < part) bits++;
  const char *name = msl_name(e, "at");
  msl_line(e, "const int %s = %s;", name, at.text);
  *when = msl_text(e, "%s >> %u == %s", name, (unsigned)bits, region->turn);
  return (msl_expr){msl_text(e, "%s & %u", name, (unsigned)(part - 1)),
                    MSL_AND, 1};
}

void msl_turns_load(emitter *e, const char *type, const char *to,
                    const char *from, const char *when) {
  if (!when) {
    msl_line(e, "%s = %s;", to, from);
    return;
  }
  const char *x = msl_name(e, "x");
  msl_line(e, "const %s %s = %s;", type, x, from);
  msl_line(e, "if (%s) %s = %s;", when, to, x);
}
