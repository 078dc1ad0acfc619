/* SPDX-License-Identifier: MIT */
/*
 * rt_count.c - SOFTMETAL_COUNTERS: sums over a dispatch.
 *
 * Lines are 128 bytes, as Apple's caches have them; a simdgroup's access is
 * charged for each line that its active lanes touch, so that a row of 32
 * floats costs one and a column of them 32. Threadgroup memory has 32 banks
 * of 4 bytes: an access takes as many passes as the busiest bank has
 * different words, and conflicts are the passes over the least that so many
 * words need. (Apple does not document its banks: 32 of 4 bytes is what
 * kernels are commonly written for, an assumption and no measurement.)
 */
#include "watch.h"

#include <string.h>

enum { LINE = 128, BANKS = 32, BANK_BYTES = 4, MOST = SM_LANES * 9 };

static softmetal_counters *counters_of(const sm_frame *f) {
  return f->simd->worker->job->dispatch->counters;
}

void sm_rt_count(sm_frame *frame, uint32_t kind, uint32_t mask, uint32_t n) {
  softmetal_counters *c = counters_of(frame);
  if (!c) return;
  c->issued[kind] += n;
  c->lanes[kind] += (uint64_t)n * (uint32_t)__builtin_popcount(mask);
}

/* Adds the granules of size bytes that [p, p + bytes) touches to a set. */
static uint32_t add_granules(uintptr_t *set, uint32_t n, const char *p,
                             uint32_t bytes, uint32_t size) {
  uintptr_t first = (uintptr_t)p / size;
  uintptr_t last = ((uintptr_t)p + bytes - 1) / size;
  for (uintptr_t g = first; g <= last; g++) {
    uint32_t i = n; /* neighbours are mostly the same: look from the end */
    while (i && set[i - 1] != g) i--;
    if (!i && n < MOST) set[n++] = g;
  }
  return n;
}

static uint32_t granules(uintptr_t *set, char *const *pointers,
                         uint32_t mask, uint32_t bytes, uint32_t size) {
  uint32_t n = 0;
  for (uint32_t rest = mask; rest; rest &= rest - 1)
    n = add_granules(set, n, pointers[__builtin_ctz(rest)], bytes, size);
  return n;
}

static uint32_t conflicts(const uintptr_t *words, uint32_t n) {
  uint32_t load[BANKS] = {0}, most = 0;
  for (uint32_t i = 0; i < n; i++) {
    uint32_t k = ++load[words[i] % BANKS];
    if (k > most) most = k;
  }
  return most - (n + BANKS - 1) / BANKS;
}

void sm_rt_count_access(sm_frame *frame, char *const *pointers,
                        uint32_t mask, uint32_t bytes, uint32_t flags) {
  softmetal_counters *c = counters_of(frame);
  if (!c || !mask) return;
  uint32_t kind = flags & SM_ACCESS_ATOMIC ? SM_COUNT_ATOMIC
                  : flags & SM_ACCESS_WRITE ? SM_COUNT_STORE
                                            : SM_COUNT_LOAD;
  sm_rt_count(frame, kind, mask, 1);
  uint64_t asked = (uint64_t)bytes * (uint32_t)__builtin_popcount(mask);
  uintptr_t set[MOST];
  if (flags & SM_ACCESS_CONSTANT) {
    c->constant_bytes += asked;
  } else if (flags & SM_ACCESS_THREADGROUP) {
    uint32_t n = granules(set, pointers, mask, bytes, BANK_BYTES);
    c->threadgroup_bytes += asked;
    c->threadgroup_accesses++;
    c->bank_conflicts += conflicts(set, n);
  } else {
    bool both = flags & SM_ACCESS_UPDATE;
    if (!(flags & SM_ACCESS_WRITE) || both) c->device_bytes_read += asked;
    if (flags & SM_ACCESS_WRITE) c->device_bytes_written += asked;
    c->device_accesses++;
    c->device_lines += granules(set, pointers, mask, bytes, LINE);
  }
}
