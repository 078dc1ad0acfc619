/* SPDX-License-Identifier: MIT */
/*
 * emitter_order.c - the order of accesses to device memory in one program.
 *
 * In Triton a program is sequential: what it stores is there for its next
 * load, and a load is not disturbed by a store that comes after it. Here it
 * is many threads, so an element that one of them reads may be written by
 * another, which may be ahead. As printing goes on, this file keeps the
 * accesses since the last barrier, and asks for one where an access meets an
 * earlier one to the same buffer, unless
 *
 *   - both only read, or both are atomic
 *   - each thread meets only its own elements: the same pointers in the same
 *     layout, without copies, and no loop came round in between
 *
 * Different kernel arguments are taken to be different memory; a pointer
 * whose buffer is not known may be any of them.
 *
 *     x = load p          x = p[tid]
 *     store p, x + 1      threadgroup_barrier(...)    only if threads hold
 *                         if (first copy) p[tid] = x + 1;         copies
 */
#include "emitter.h"

enum { MOST_PENDING = 48 };

static uint32_t roots_of(const emitter *e, tm_value pointer) {
  uint32_t roots = e->values[pointer].roots;
  return roots ? roots : UINT32_MAX;
}

static msl_pending access_of(emitter *e, tm_inst inst) {
  const tm_inst_data *d = tm_get(e->ir, inst);
  msl_pending a = {.pointer = d->operands[0],
                   .layout = msl_layout(e, d->operands[0]),
                   .roots = roots_of(e, d->operands[0])};
  switch (d->op) {
    case TM_LOAD: case TM_ATOMIC_LOAD: a.kind = MSL_READS; break;
    case TM_STORE: case TM_ATOMIC_STORE: a.kind = MSL_WRITES; break;
    default: a.kind = MSL_ATOMIC; break;
  }
  return a;
}

bool msl_has_copies(const tm_layout *layout) {
  uint32_t lanes = 0, warps = 0;
  if (!layout) return true;
  tm_layout_copies(layout, &lanes, &warps);
  return (lanes | warps) != 0;
}

static bool must_wait(const msl_pending *a, const msl_pending *b) {
  if (!(a->roots & b->roots)) return false;
  if (a->kind == b->kind && a->kind != MSL_WRITES) return false;
  bool own = a->pointer == b->pointer && a->layout == b->layout &&
             a->pointer && !msl_has_copies(a->layout);
  return !own;
}

static void remember(emitter *e, msl_pending a) {
  for (uint32_t i = 0; i < e->pending.len; i++) {
    msl_pending *p = &e->pending.data[i];
    bool full = e->pending.len >= MOST_PENDING && p->kind == a.kind;
    if (p->kind != a.kind ||
        (!full && (p->pointer != a.pointer || p->layout != a.layout)))
      continue;
    if (p->pointer != a.pointer || p->layout != a.layout) p->pointer = 0;
    p->roots |= a.roots;
    return;
  }
  tm_push(e->arena, &e->pending, a);
}

static void wait_for(emitter *e, const msl_pending *a) {
  for (uint32_t i = 0; i < e->pending.len; i++) {
    if (!must_wait(a, &e->pending.data[i])) continue;
    msl_barrier(e, "mem_flags::mem_device | mem_flags::mem_threadgroup");
    return;
  }
}

/* An access to device memory; shared memory is emitter_shared.c's. */
static bool is_access(const emitter *e, tm_inst inst) {
  const tm_inst_data *d = tm_get(e->ir, inst);
  return tm_op_is_access(d->op) && !msl_is_shared(e, d->operands[0]);
}

static bool is_shared_access(const emitter *e, tm_inst inst) {
  const tm_inst_data *d = tm_get(e->ir, inst);
  return tm_op_is_access(d->op) && msl_is_shared(e, d->operands[0]);
}

void msl_order(emitter *e, const tm_inst *insts, uint32_t n) {
  for (uint32_t i = 0; i < n; i++) {
    if (is_shared_access(e, insts[i])) msl_shared_order(e, insts[i]);
    if (!is_access(e, insts[i])) continue;
    msl_pending a = access_of(e, insts[i]);
    wait_for(e, &a);
  }
  for (uint32_t i = 0; i < n; i++)
    if (is_access(e, insts[i]))
      remember(e, access_of(e, insts[i]));
}

/* Everything in the block may have happened, in an earlier trip. */
void msl_order_enter_loop(emitter *e, tm_block block) {
  TM_EACH_INST(e->ir, inst, block) {
    const tm_inst_data *d = tm_get(e->ir, inst);
    if (is_access(e, inst)) {
      msl_pending a = access_of(e, inst);
      a.pointer = 0;
      remember(e, a);
    }
    if (d->op == TM_REDUCE || d->op == TM_SCAN) continue;
    for (uint32_t r = 0; r < d->n_regions; r++)
      msl_order_enter_loop(e, d->regions[r]);
  }
}

void msl_order_join(emitter *e, const msl_pending *pending, uint32_t n) {
  for (uint32_t i = 0; i < n; i++) remember(e, pending[i]);
}
