/* SPDX-License-Identifier: MIT */
/*
 * emitter_pool.c - threadgroup memory: one pool, and the barriers that reuse
 * needs.
 *
 * Each exchange between threads has a region: bytes that one instruction
 * writes and one or more read. A region lives from its first write to its
 * last read; regions that live at the same time get different bytes. Small
 * ones (reductions) get bytes of their own while there is room, because then
 * no barrier is needed before they are written.
 *
 * Barriers are placed as the text is printed. A region is "written" or "read"
 * since the last barrier; a write waits for reads and writes of overlapping
 * bytes, a read for the write of its own. Where paths join the states are
 * joined; a loop starts with everything that its end can have left behind.
 * The linter proves the same from the text alone.
 */
#include "emitter.h"

enum { SMALL_REGION = 1024, ALIGN = 16 };

void msl_region_add(emitter *e, tm_inst inst, uint32_t operand,
                    const char *hint, const char *type, uint32_t bytes,
                    uint32_t row, uint32_t pitch, tm_inst from, tm_inst to) {
  msl_region region = {
    .inst = inst, .operand = operand, .name = msl_name(e, hint),
    .type = type, .bytes = (bytes + ALIGN - 1) & ~(uint32_t)(ALIGN - 1),
    .from = e->position[from], .to = e->position[to],
    .row = row, .pitch = pitch
  };
  tm_push(e->arena, &e->regions, region);
}

msl_region *msl_region_of(emitter *e, tm_inst inst, uint32_t operand) {
  for (uint32_t i = 0; i < e->regions.len; i++)
    if (e->regions.data[i].inst == inst &&
        e->regions.data[i].operand == operand)
      return &e->regions.data[i];
  return NULL;
}

/* ---- places ----------------------------------------------------------- */

static bool live_together(const msl_region *a, const msl_region *b) {
  return a->from <= b->to && b->from <= a->to;
}

static bool overlap(const msl_region *a, const msl_region *b) {
  return a->offset < b->offset + b->bytes && b->offset < a->offset + a->bytes;
}

/* Arrays of atomics are beside the pool, those of one type one after the
 * other. Offsets of different types are far from each other and the pool. */
static void place_arrays(emitter *e) {
  e->array_bytes = 0;
  for (uint32_t type = 0; type < MSL_ATOMIC_TYPES; type++) {
    uint32_t bytes = 0;
    for (uint32_t i = 0; i < e->regions.len; i++) {
      msl_region *region = &e->regions.data[i];
      if (!region->is_atomic || msl_atomic_type(region) != type) continue;
      region->offset = MSL_BESIDE * (type + 1) + bytes;
      bytes += region->bytes;
    }
    e->array_bytes += bytes;
  }
}

/* Lowest offset at which no placed region that matters is in the way. */
static void place_first_fit(emitter *e, uint32_t index, const bool *placed,
                            bool alone) {
  msl_region *region = &e->regions.data[index];
  region->offset = 0;
  for (bool moved = true; moved;) {
    moved = false;
    for (uint32_t i = 0; i < e->regions.len; i++) {
      const msl_region *other = &e->regions.data[i];
      if (!placed[i] || (!alone && !live_together(region, other)) ||
          !overlap(region, other))
        continue;
      region->offset = other->offset + other->bytes;
      moved = true;
    }
  }
}

uint32_t msl_pool_place(emitter *e) {
  uint32_t n = e->regions.len, limit = e->chip->threadgroup_bytes, most = 0;
  bool *placed = TM_NEW_ARRAY(e->arena, bool, n);
  for (int small = 0; small < 2; small++) {
    for (uint32_t i = 0; i < n; i++) {
      msl_region *region = &e->regions.data[i];
      if ((region->bytes <= SMALL_REGION) != (small == 1)) continue;
      if (region->is_atomic) continue;
      place_first_fit(e, i, placed, small == 1);
      if (small && region->offset + region->bytes > limit - e->array_bytes)
        place_first_fit(e, i, placed, false);
      placed[i] = true;
      uint32_t end = region->offset + region->bytes;
      if (end > most) most = end;
    }
  }
  return most;
}

/* Rows without the gaps that spread them over banks: slower, but they fit. */
static void drop_padding(emitter *e) {
  e->unpadded = true;
  for (uint32_t i = 0; i < e->regions.len; i++) {
    msl_region *r = &e->regions.data[i];
    if (r->pitch <= r->row || e->stagings[r->inst]) continue;
    r->pitch = r->row;
    r->bytes = (r->packed_bytes + ALIGN - 1) & ~(uint32_t)(ALIGN - 1);
  }
}

static bool fit(emitter *e) {
  uint32_t limit = e->chip->threadgroup_bytes;
  for (int unpadded = 0; unpadded < 2 && e->array_bytes <= limit; unpadded++) {
    if (unpadded) drop_padding(e), msl_stage_fit(e);
    do e->pool_bytes = msl_pool_place(e);
    while (e->pool_bytes + e->array_bytes > limit &&
           (msl_stage_shrink(e) || (unpadded && msl_turns_add(e))));
    if (e->pool_bytes + e->array_bytes <= limit) return true;
  }
  return false;
}

bool msl_pool_assign(emitter *e) {
  uint32_t n = e->regions.len, limit = e->chip->threadgroup_bytes;
  place_arrays(e);
  if (fit(e) || (msl_tensor_drop(e) && fit(e))) return true;
  const msl_region *largest = &e->regions.data[0];
  for (uint32_t i = 1; i < n; i++)
    if (e->regions.data[i].bytes > largest->bytes)
      largest = &e->regions.data[i];
  tm_diag *diag = tm_error_at(
      e->diags, TM_DIAG_LIMIT, tm_get(e->ir, largest->inst)->loc,
      "the kernel needs %u bytes of threadgroup memory and %s has %u; the "
      "largest %s kept there (here) takes %u",
      (unsigned)(e->pool_bytes + e->array_bytes), e->chip->device_name,
      (unsigned)limit, largest->is_array ? "array" : "tile",
      (unsigned)largest->bytes);
  e->failed = true;
  if (largest->is_array) {
    tm_diag_hint(e->diags, diag, "give tl.shared_memory a smaller shape or "
                 "type, or keep the array in device memory");
    return false;
  }
  uint32_t halvings = 0;
  while ((e->pool_bytes + e->array_bytes) >> halvings > limit) halvings++;
  tm_diag_hint(e->diags, diag, "tiles with 1/%u of the elements would fit: "
               "use smaller block sizes", 1u << halvings);
  return false;
}

/* ---- barriers --------------------------------------------------------- */

void msl_barrier(emitter *e, const char *flags) {
  msl_line(e, "threadgroup_barrier(%s);", flags);
  if (strstr(flags, "mem_device")) e->pending.len = 0;
  for (uint32_t i = 0; i < e->regions.len; i++) {
    e->regions.data[i].read = e->regions.data[i].written = false;
    e->regions.data[i].rmw = 0;
  }
}

void msl_region_write(emitter *e, msl_region *region) {
  for (uint32_t i = 0; i < e->regions.len; i++) {
    const msl_region *other = &e->regions.data[i];
    if (!(other->read || other->written) || !overlap(region, other)) continue;
    msl_barrier(e, "mem_flags::mem_threadgroup");
    break;
  }
  region->written = true;
  region->rmw = 0;
}

void msl_region_read(emitter *e, msl_region *region) {
  if (region->written) msl_barrier(e, "mem_flags::mem_threadgroup");
  region->read = true;
}

static bool touches(emitter *e, const msl_region *region, tm_block body) {
  if (!region->is_array && tm_inst_is_inside(e->ir, region->inst, body))
    return true;
  uint32_t first = e->position[tm_blk(e->ir, body)->first];
  uint32_t last = e->position[tm_blk(e->ir, body)->last];
  return region->from <= last && region->to >= first;
}

void msl_pool_enter_loop(emitter *e, tm_block body) {
  for (uint32_t i = 0; i < e->regions.len; i++) {
    msl_region *region = &e->regions.data[i];
    if (!touches(e, region, body)) continue;
    if (region->is_array) {
      msl_shared_enter_loop(e, region, body);
      continue;
    }
    region->read = true;
    if (tm_inst_is_inside(e->ir, region->inst, body)) region->written = true;
  }
  msl_order_enter_loop(e, body);
}

msl_pool_state msl_pool_save(emitter *e) {
  msl_pool_state s = {
    .written = TM_NEW_ARRAY(e->arena, bool, e->regions.len),
    .read = TM_NEW_ARRAY(e->arena, bool, e->regions.len),
    .rmw = TM_NEW_ARRAY(e->arena, tm_rmw, e->regions.len),
  };
  for (uint32_t i = 0; i < e->regions.len; i++) {
    s.written[i] = e->regions.data[i].written;
    s.read[i] = e->regions.data[i].read;
    s.rmw[i] = e->regions.data[i].rmw;
  }
  s.n_pending = e->pending.len;
  s.pending = TM_NEW_ARRAY(e->arena, msl_pending, s.n_pending);
  if (s.n_pending)
    memcpy(s.pending, e->pending.data, s.n_pending * sizeof *s.pending);
  return s;
}

void msl_pool_restore(emitter *e, const msl_pool_state *state) {
  for (uint32_t i = 0; i < e->regions.len; i++) {
    e->regions.data[i].written = state->written[i];
    e->regions.data[i].read = state->read[i];
    e->regions.data[i].rmw = state->rmw[i];
  }
  e->pending.len = 0;
  msl_order_join(e, state->pending, state->n_pending);
}

void msl_pool_join(emitter *e, const msl_pool_state *state) {
  for (uint32_t i = 0; i < e->regions.len; i++) {
    msl_region *region = &e->regions.data[i];
    if (!region->written) region->rmw = state->rmw[i];
    else if (state->written[i] && state->rmw[i] != region->rmw)
      region->rmw = 0;
    region->written |= state->written[i];
    region->read |= state->read[i];
  }
  msl_order_join(e, state->pending, state->n_pending);
}
