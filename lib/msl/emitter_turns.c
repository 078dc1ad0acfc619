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
 *
 * Reductions and scans exchange parts of each line. Lines that lie in other
 * registers of the same threads have nothing to do with each other, so that
 * those of some of the registers go in a turn.
 */
#include "emitter.h"

enum { LEAST_BYTES = 1024, ALIGN = 16 };

static uint32_t aligned(uint32_t bytes) {
  return (bytes + ALIGN - 1) & ~(uint32_t)(ALIGN - 1);
}

void msl_turns_allow(emitter *e, tm_inst inst, uint32_t operand,
                     uint32_t bytes, uint32_t elements, uint32_t most) {
  msl_region *r = msl_region_of(e, inst, operand);
  r->packed_bytes = bytes;
  r->elements = elements;
  r->most_turns = most;
}

bool msl_turns_add(emitter *e) {
  const msl_region *largest = NULL;
  for (uint32_t i = 0; i < e->regions.len; i++) {
    const msl_region *r = &e->regions.data[i];
    if (r->turns < r->most_turns && r->bytes > LEAST_BYTES &&
        (!largest || r->bytes > largest->bytes))
      largest = r;
  }
  if (!largest) return false;
  tm_inst inst = largest->inst;
  for (uint32_t i = 0; i < e->regions.len; i++) {
    msl_region *r = &e->regions.data[i];
    if (r->inst != inst) continue;
    r->turns++;
    r->bytes = aligned(r->packed_bytes >> r->turns);
  }
  return true;
}

void msl_turns_open(emitter *e, tm_inst inst) {
  const msl_region *first = msl_region_of(e, inst, 0);
  const char *turn =
      first->turns ? msl_loop_rolled(e, "turn", 1u << first->turns) : NULL;
  for (uint32_t i = 0; turn && i < e->regions.len; i++) {
    msl_region *r = &e->regions.data[i];
    if (r->inst != inst) continue;
    r->turn = turn;
    msl_region_note(e, r, true, false); /* by the turn before */
  }
}

void msl_turns_close(emitter *e, tm_inst inst) {
  if (!msl_region_of(e, inst, 0)->turn) return;
  msl_close(e);
  for (uint32_t i = 0; i < e->regions.len; i++)
    if (e->regions.data[i].inst == inst) e->regions.data[i].turn = NULL;
}

const char *msl_turns_registers(emitter *e, const msl_region *region,
                                uint32_t n) {
  if (!region || !region->turn) return msl_loop(e, "k", 1u << n);
  uint32_t each = 1u << (n - region->turns);
  const char *j = msl_loop(e, "j", each), *k = msl_name(e, "k");
  msl_line(e, "const int %s = %s * %u + %s;", k, region->turn,
           (unsigned)each, j);
  return k;
}

uint32_t msl_without_bits(uint32_t x, uint32_t mask) {
  uint32_t out = 0;
  for (uint32_t bit = 0, to = 0; bit < 32; bit++)
    if (!(mask >> bit & 1)) out |= (x >> bit & 1) << to++;
  return out;
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
