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
  uint32_t *last = &e->region_at[inst];
  while (*last) last = &e->regions.data[*last - 1].next;
  *last = e->regions.len;
}

msl_region *msl_region_of(emitter *e, tm_inst inst, uint32_t operand) {
  uint32_t i = e->region_at[inst];
  while (i && e->regions.data[i - 1].operand != operand)
    i = e->regions.data[i - 1].next;
  return i ? &e->regions.data[i - 1] : NULL;
}

/* ---- lifetimes --------------------------------------------------------- */

/* A binary tree over the regions in their order, which is nearly that of the
 * program: node k has 2k and 2k + 1 below it, region i is node n_leaves + i.
 * Each node knows from where to where anything below it lives, so that those
 * alive at a time are found without looking at the others. */
static void join_lives(emitter *e, uint32_t k) {
  const msl_life *a = &e->lives[2 * k], *b = a + 1;
  e->lives[k] = (msl_life){a->from < b->from ? a->from : b->from,
                           a->to > b->to ? a->to : b->to};
}

static void build_lives(emitter *e) {
  uint32_t n = e->regions.len, leaves = 1;
  while (leaves < n) leaves *= 2;
  if (!e->lives || e->n_leaves != leaves)
    e->lives = TM_NEW_ARRAY(e->arena, msl_life, 2 * leaves);
  e->n_leaves = leaves;
  for (uint32_t i = 0; i < leaves; i++) {
    const msl_region *r = i < n ? &e->regions.data[i] : NULL;
    e->lives[leaves + i] = r ? (msl_life){r->from, r->to}
                             : (msl_life){UINT32_MAX, 0};
  }
  for (uint32_t k = leaves; k-- > 1;) join_lives(e, k);
}

/* Pushes the regions under node k that live at some time in [from, to]. */
static void push_alive(const emitter *e, uint32_t k, uint32_t from,
                       uint32_t to, msl_indices *out) {
  if (e->lives[k].from > to || e->lives[k].to < from) return;
  if (k >= e->n_leaves) {
    tm_push(e->arena, out, k - e->n_leaves);
    return;
  }
  push_alive(e, 2 * k, from, to, out);
  push_alive(e, 2 * k + 1, from, to, out);
}

static const msl_indices *alive(emitter *e, uint32_t from, uint32_t to) {
  e->alive.len = 0;
  if (e->regions.len) push_alive(e, 1, from, to, &e->alive);
  return &e->alive;
}

/* ---- places ----------------------------------------------------------- */

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

/* Lowest offset at which no placed region that lives at the same time is in
 * the way. */
static void place_first_fit(emitter *e, uint32_t index, const bool *placed) {
  msl_region *region = &e->regions.data[index];
  const msl_indices *others = alive(e, region->from, region->to);
  region->offset = 0;
  for (bool moved = true; moved;) {
    moved = false;
    for (uint32_t i = 0; i < others->len; i++) {
      const msl_region *other = &e->regions.data[others->data[i]];
      if (!placed[others->data[i]] || !overlap(region, other)) continue;
      region->offset = other->offset + other->bytes;
      moved = true;
    }
  }
}

/* Which units of ALIGN bytes have been given to anything, at any time. */
typedef struct units {
  bool *taken;
  uint32_t n, first_free;
} units;

static void take_units(units *u, const msl_region *region) {
  uint32_t end = (region->offset + region->bytes) / ALIGN;
  for (uint32_t i = region->offset / ALIGN; i < end && i < u->n; i++)
    u->taken[i] = true;
  while (u->first_free < u->n && u->taken[u->first_free]) u->first_free++;
}

/* Lowest offset whose bytes nothing else ever has; false if there is none. */
static bool place_alone(msl_region *region, const units *u) {
  uint32_t need = region->bytes / ALIGN, run = 0;
  region->offset = 0;
  for (uint32_t i = u->first_free; i < u->n && run < need; i++) {
    run = u->taken[i] ? 0 : run + 1;
    if (run == need) region->offset = (i + 1 - need) * ALIGN;
  }
  return run == need;
}

uint32_t msl_pool_place(emitter *e) {
  uint32_t n = e->regions.len, limit = e->chip->threadgroup_bytes, most = 0;
  bool *placed = TM_NEW_ARRAY(e->arena, bool, n);
  units u = {.n = n ? (limit - e->array_bytes) / ALIGN : 0};
  u.taken = TM_NEW_ARRAY(e->arena, bool, u.n);
  build_lives(e);
  for (int small = 0; small < 2; small++) {
    for (uint32_t i = 0; i < n; i++) {
      msl_region *region = &e->regions.data[i];
      if ((region->bytes <= SMALL_REGION) != (small == 1)) continue;
      if (region->is_atomic) continue;
      if (!small || !place_alone(region, &u)) place_first_fit(e, i, placed);
      placed[i] = true;
      take_units(&u, region);
      uint32_t end = region->offset + region->bytes;
      if (end > most) most = end;
    }
  }
  return most;
}

/* ---- what a change would cost ------------------------------------------ */

bool msl_region_is_small(const msl_region *region) {
  return region->bytes && region->bytes <= SMALL_REGION;
}

bool msl_pool_is_plain(const emitter *e) {
  for (uint32_t i = 0; i < e->regions.len; i++)
    if (msl_region_is_small(&e->regions.data[i])) return false;
  return e->array_bytes == 0;
}

void msl_pool_moved(emitter *e, const msl_region *region) {
  uint32_t k = e->n_leaves + (uint32_t)(region - e->regions.data);
  e->lives[k] = (msl_life){region->from, region->to};
  while (k /= 2) join_lives(e, k);
}

void msl_pool_close(emitter *e, msl_life *span) {
  for (bool grown = true; grown;) {
    grown = false;
    const msl_indices *there = alive(e, span->from, span->to);
    for (uint32_t i = 0; i < there->len; i++) {
      const msl_region *r = &e->regions.data[there->data[i]];
      grown = grown || r->from < span->from || r->to > span->to;
      if (r->from < span->from) span->from = r->from;
      if (r->to > span->to) span->to = r->to;
    }
  }
}

msl_pool_cost msl_pool_cost_of(emitter *e, msl_life span) {
  msl_pool_cost cost = {0, 0};
  uint32_t most = e->chip->threadgroup_bytes;
  msl_indices here = {0};
  push_alive(e, 1, span.from, span.to, &here);
  if (!e->placed) e->placed = TM_NEW_ARRAY(e->arena, bool, e->regions.len);
  for (uint32_t i = 0; i < here.len; i++) {
    msl_region *region = &e->regions.data[here.data[i]];
    if (region->bytes == 0) continue;
    place_first_fit(e, here.data[i], e->placed);
    e->placed[here.data[i]] = true;
    uint32_t end = region->offset + region->bytes;
    if (end > most) cost.excess += end - most;
    cost.bytes += region->bytes;
  }
  for (uint32_t i = 0; i < here.len; i++) e->placed[here.data[i]] = false;
  return cost;
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

static void forget_uses(emitter *e) {
  for (uint32_t i = 0; i < e->used.len; i++) {
    msl_region *region = &e->regions.data[e->used.data[i]];
    region->read = region->written = region->listed = false;
    region->rmw = 0;
  }
  e->used.len = 0;
}

void msl_region_note(emitter *e, msl_region *region, bool read, bool written) {
  region->read |= read;
  region->written |= written;
  if (region->listed) return;
  region->listed = true;
  uint32_t index = (uint32_t)(region - e->regions.data);
  tm_push(e->arena, &e->used, index);
}

void msl_barrier(emitter *e, const char *flags) {
  msl_line(e, "threadgroup_barrier(%s);", flags);
  if (strstr(flags, "mem_device")) e->pending.len = 0;
  forget_uses(e);
}

void msl_region_write(emitter *e, msl_region *region) {
  for (uint32_t i = 0; i < e->used.len; i++) {
    if (!overlap(region, &e->regions.data[e->used.data[i]])) continue;
    msl_barrier(e, "mem_flags::mem_threadgroup");
    break;
  }
  msl_region_note(e, region, false, true);
  region->rmw = 0;
}

void msl_region_read(emitter *e, msl_region *region) {
  if (region->written) msl_barrier(e, "mem_flags::mem_threadgroup");
  msl_region_note(e, region, true, false);
}

void msl_pool_enter_loop(emitter *e, tm_block body) {
  uint32_t first = e->position[tm_blk(e->ir, body)->first];
  uint32_t last = e->position[tm_blk(e->ir, body)->last];
  /* What is made inside lives inside. */
  const msl_indices *there = alive(e, first, last);
  for (uint32_t i = 0; i < there->len; i++) {
    msl_region *region = &e->regions.data[there->data[i]];
    if (region->is_array) msl_shared_enter_loop(e, region, body);
    else
      msl_region_note(e, region, true,
                      tm_inst_is_inside(e->ir, region->inst, body));
  }
  msl_order_enter_loop(e, body);
}

msl_pool_state msl_pool_save(emitter *e) {
  msl_pool_state s = {
    .uses = TM_NEW_ARRAY(e->arena, msl_pool_use, e->used.len),
    .n_uses = e->used.len,
  };
  for (uint32_t i = 0; i < s.n_uses; i++) {
    const msl_region *region = &e->regions.data[e->used.data[i]];
    s.uses[i] = (msl_pool_use){e->used.data[i], region->written, region->read,
                               region->rmw};
  }
  s.n_pending = e->pending.len;
  s.pending = TM_NEW_ARRAY(e->arena, msl_pending, s.n_pending);
  if (s.n_pending)
    memcpy(s.pending, e->pending.data, s.n_pending * sizeof *s.pending);
  return s;
}

void msl_pool_restore(emitter *e, const msl_pool_state *state) {
  forget_uses(e);
  for (uint32_t i = 0; i < state->n_uses; i++) {
    const msl_pool_use *use = &state->uses[i];
    msl_region *region = &e->regions.data[use->region];
    msl_region_note(e, region, use->read, use->written);
    region->rmw = use->rmw;
  }
  e->pending.len = 0;
  msl_order_join(e, state->pending, state->n_pending);
}

void msl_pool_join(emitter *e, const msl_pool_state *state) {
  for (uint32_t i = 0; i < state->n_uses; i++) {
    const msl_pool_use *use = &state->uses[i];
    msl_region *region = &e->regions.data[use->region];
    if (!region->written) region->rmw = use->rmw;
    else if (use->written && use->rmw != region->rmw) region->rmw = 0;
    msl_region_note(e, region, use->read, use->written);
  }
  msl_order_join(e, state->pending, state->n_pending);
}
