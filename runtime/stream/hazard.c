/* SPDX-License-Identifier: MIT */
/*
 * hazard.c - which launches of a concurrent encoder must wait for others.
 *
 *   launch's buffers -> does one conflict with what was noted?
 *     yes: a barrier, and everything that was noted is forgotten
 *     either way: the launch's buffers are noted
 *
 * Dispatches of a concurrent encoder may run at the same time and in any
 * order; a barrier lets those before it end, and their writes be seen, before
 * those after it begin. So a launch needs one when it reads what was written
 * since the last, or writes what was read or written. Noted memory is two sets
 * of ranges, read and written, each a sorted array in which no two ranges
 * touch: a question is a binary search.
 *
 * Memory is named by what two buffers that share it have in common: the host's
 * address where there is one, else the GPU's, else (before macOS 13) the
 * object. So buffers over one MTLBuffer, two that wrap the same pages and two
 * that alias in a heap are seen to share it. Ranges are whole buffers, not from
 * an argument's offset on, since a kernel may step back from its pointer.
 * Numbers of different kinds that happen to meet cost a barrier, no more.
 *
 * A set has room for HAZARD_RANGES ranges. A launch that finds it full gets a
 * barrier: a GPU runs a handful of dispatches at once, so that one in a
 * hundred launches is not missed, and nothing is ever allocated.
 */
#include "../context.h"

#include <string.h>

/* ---- sets of ranges ------------------------------------------------------ */

/* The first range that ends at or behind `at`; set->n when there is none. */
static uint32_t first_from(const tmi_ranges *set, uint64_t at) {
  uint32_t low = 0, n = set->n;
  while (n) {
    uint32_t half = n / 2;
    if (set->list[low + half].end < at) {
      low += half + 1;
      n -= half + 1;
    } else {
      n = half;
    }
  }
  return low;
}

static bool meets(const tmi_ranges *set, uint64_t start, uint64_t end) {
  uint32_t i = first_from(set, start + 1);
  return i < set->n && set->list[i].start < end;
}

/* Adds a range, joined with those that it meets or touches. False: full. */
static bool add(tmi_ranges *set, uint64_t start, uint64_t end) {
  uint32_t i = first_from(set, start), k = i;
  tmi_range *at = &set->list[i];
  for (; k < set->n && set->list[k].start <= end; k++) {
    if (set->list[k].start < start) start = set->list[k].start;
    if (set->list[k].end > end) end = set->list[k].end;
  }
  if (k == i && set->n == TMI_HAZARD_RANGES) return false;
  if (k != i + 1) /* else one takes the place of one */
    memmove(at + 1, &set->list[k], (set->n - k) * sizeof *at);
  set->n = set->n - (k - i) + 1;
  *at = (tmi_range){start, end};
  return true;
}

void tmi_hazards_clear(tmi_hazards *h) {
  h->any = h->everything = false;
  h->read.n = h->written.n = 0;
}

bool tmi_hazards_conflict(const tmi_hazards *h, uint64_t start, uint64_t end,
                          bool writes) {
  return meets(&h->written, start, end) ||
         (writes && meets(&h->read, start, end));
}

bool tmi_hazards_note(tmi_hazards *h, uint64_t start, uint64_t end,
                      bool writes) {
  h->any = true;
  return add(writes ? &h->written : &h->read, start, end);
}

/* ---- launches ------------------------------------------------------------ */

/* What a buffer's memory is known by. */
static tmi_range range_of(tm_buffer *buffer) {
  uint64_t start = (uint64_t)(uintptr_t)buffer->contents;
  if (!start) start = tmi_buffer_address(buffer);
  if (start) return (tmi_range){start, start + buffer->size};
  start = (uint64_t)(uintptr_t)buffer->object;
  return (tmi_range){start, start + 1};
}

static bool conflicts(const tmi_hazards *h, const tmi_dispatch *d) {
  const tm_kernel *kernel = d->kernel;
  if (!h->any) return false;
  if (h->everything || kernel->program.uses_addresses) return true;
  for (uint32_t i = 0; i < kernel->program.n_args; i++) {
    const tmi_slot *slot = &kernel->slots[i];
    if (!slot->reads && !slot->writes) continue;
    tmi_range r = range_of(d->args[i].u.buffer);
    if (tmi_hazards_conflict(h, r.start, r.end, slot->writes)) return true;
  }
  return false;
}

/* False: there is no room. */
static bool note(tmi_hazards *h, const tmi_dispatch *d) {
  const tm_kernel *kernel = d->kernel;
  h->any = true;
  /* A kernel that makes pointers of numbers may reach any buffer. */
  h->everything = kernel->program.uses_addresses;
  for (uint32_t i = 0; i < kernel->program.n_args; i++) {
    const tmi_slot *slot = &kernel->slots[i];
    if (!slot->reads && !slot->writes) continue;
    tmi_range r = range_of(d->args[i].u.buffer);
    if (!tmi_hazards_note(h, r.start, r.end, slot->writes)) return false;
  }
  return true;
}

bool tmi_hazards_launch(tmi_hazards *h, const tmi_dispatch *d) {
  bool barrier = conflicts(h, d);
  if (barrier) tmi_hazards_clear(h);
  if (note(h, d)) return barrier;
  tmi_hazards_clear(h);
  if (!note(h, d)) h->everything = true; /* more buffers than there is room */
  return true;
}
