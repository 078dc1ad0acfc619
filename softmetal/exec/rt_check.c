/* SPDX-License-Identifier: MIT */
/*
 * rt_check.c - what SOFTMETAL_CHECK finds at a single access, divisor or
 * shuffle, and races on threadgroup memory.
 *
 * Bounds: an access must lie within the buffer or threadgroup variable that
 * its pointer was made from or, where the emitter could not tell, within any
 * bound buffer or the threadgroup's memory. Indices of arrays, vectors and
 * matrices in thread memory and of constants must be below their count.
 *
 * Threadgroup memory has a shadow per byte with its last writer and reader.
 * Between two barriers that order threadgroup memory, a byte that one
 * simdgroup writes must not be touched by another; atomics race only with
 * plain accesses. Lanes of one simdgroup run in step: of those it is only
 * asked that lanes of one store which meet in one place store one value.
 * A byte that nobody has written must not be read.
 */
#include "watch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void sm_thread_text(const sm_frame *f, uint32_t thread, char *text,
                    size_t size) {
  uint32_t x = thread % f->tg_threads[0];
  uint32_t y = thread / f->tg_threads[0] % f->tg_threads[1];
  uint32_t z = thread / f->tg_threads[0] / f->tg_threads[1];
  snprintf(text, size, "thread (%u, %u, %u)", x, y, z);
}

void sm_lane_text(const sm_frame *f, uint32_t lane, char *text, size_t size) {
  sm_thread_text(f, f->simdgroup * SM_LANES + lane, text, size);
}

static const char *verb_of(uint32_t flags) {
  return flags & SM_ACCESS_ATOMIC ? "atomic access"
         : flags & SM_ACCESS_WRITE ? "write" : "read";
}

void sm_watch_settle(sm_worker *w) {
  char *text = w->unsettled;
  w->unsettled = NULL;
  if (text) sm_worker_abort(w, SM_RUN_FAULT, text);
}

void sm_watch_settle_job(sm_worker *w) {
  char *text = w->unsettled;
  w->unsettled = NULL;
  if (text) sm_job_fail(w->job, SM_RUN_FAULT, text);
}

void sm_watch_group_begin(sm_worker *w, uint32_t simdgroups) {
  sm_watch_settle(w);
  w->serial++;
  softmetal_counters *c = w->job->dispatch->counters;
  if (c) {
    const uint32_t *n = w->frames[0].tg_threads;
    c->threadgroups++;
    c->simdgroups += simdgroups;
    c->threads += (uint64_t)n[0] * n[1] * n[2];
  }
  for (uint32_t i = 0; i < simdgroups; i++)
    memset(w->simds[i].intervals, 0, sizeof(w->simds[i].intervals));
}

/* ---- bounds and alignment --------------------------------------------- */

static bool inside(const sm_frame *f, int buffer, const char *p,
                   uint32_t bytes) {
  uint64_t at = (uintptr_t)p - (uintptr_t)f->buffer[buffer];
  return f->buffer[buffer] && at <= f->length[buffer] &&
         bytes <= f->length[buffer] - at;
}

static void check_buffer(sm_frame *f, const char *p, uint32_t lane,
                         uint32_t bytes, uint32_t flags, uint32_t line,
                         int32_t root) {
  char where[64];
  sm_worker *w = f->simd->worker;
  if (root >= 0) {
    if (inside(f, root, p, bytes)) return;
    sm_lane_text(f, lane, where, sizeof(where));
    sm_worker_abort(w, SM_RUN_FAULT, sm_worker_message(w,
        "line %u: %s of %u bytes at byte offset %lld of buffer %d, which has "
        "%llu bytes, by %s", line, verb_of(flags), bytes,
        (long long)((uintptr_t)p - (uintptr_t)f->buffer[root]), (int)root,
        (unsigned long long)f->length[root], where));
  }
  for (int i = 0; i < SM_BUFFERS; i++)
    if (inside(f, i, p, bytes)) return;
  const sm_dispatch *d = w->job->dispatch;
  for (uint32_t i = 0; i < d->n_reachable; i++) {
    uint64_t at = (uintptr_t)p - (uintptr_t)d->reachable[i].pointer;
    uint64_t length = d->reachable[i].length;
    if (at <= length && bytes <= length - at) return;
  }
  sm_lane_text(f, lane, where, sizeof(where));
  sm_worker_abort(w, SM_RUN_FAULT, sm_worker_message(w,
      "line %u: %s of %u bytes at %p, inside no bound buffer, by %s", line,
      verb_of(flags), bytes, (const void *)p, where));
}

static void check_alignment(sm_frame *f, const char *p, uint32_t lane,
                            uint32_t bytes, uint32_t flags, uint32_t line,
                            int32_t root) {
  uintptr_t align = (uintptr_t)1 << (flags >> SM_ACCESS_ALIGN_SHIFT & 15);
  if (((uintptr_t)p & (align - 1)) == 0) return;
  char where[64], base[64] = "";
  sm_worker *w = f->simd->worker;
  sm_lane_text(f, lane, where, sizeof(where));
  if (root >= 0)
    snprintf(base, sizeof(base), " (byte offset %lld of buffer %d)",
             (long long)((uintptr_t)p - (uintptr_t)f->buffer[root]),
             (int)root);
  sm_worker_abort(w, SM_RUN_FAULT, sm_worker_message(w,
      "line %u: misaligned %s of %u bytes at %p%s, which must be a multiple "
      "of %u, by %s", line, verb_of(flags), bytes, (const void *)p, base,
      (unsigned)align, where));
}

/* ---- threadgroup memory ----------------------------------------------- */

static void race(sm_frame *f, uint32_t at, const char *first,
                 uint32_t first_line, uint32_t first_thread, bool many,
                 const char *second, uint32_t line, uint32_t lane) {
  sm_worker *w = f->simd->worker;
  char who[64], self[64];
  free(w->unsettled);
  w->unsettled = NULL;
  sm_thread_text(f, first_thread, who, sizeof(who));
  sm_lane_text(f, lane, self, sizeof(self));
  sm_worker_abort(w, SM_RUN_FAULT, sm_worker_message(w,
      "race on threadgroup memory at byte %u: %s at line %u by %s%s, %s at "
      "line %u by %s, and no barrier between them", at, first, first_line,
      who, many ? " and others" : "", second, line, self));
}

static void check_byte(sm_frame *f, uint32_t at, uint32_t lane,
                       uint32_t flags, uint32_t line) {
  sm_worker *w = f->simd->worker;
  sm_shadow *s = &w->shadow[at];
  if (s->serial != w->serial) {
    memset(s, 0, sizeof(*s));
    s->serial = w->serial;
  }
  uint32_t now = f->simd->intervals[1] + 1, self = f->simdgroup;
  bool atomic = flags & SM_ACCESS_ATOMIC, writes = flags & SM_ACCESS_WRITE;
  const char *verb = atomic ? "atomic" : writes ? "write" : "read";
  if (s->write_interval == now && s->writer / SM_LANES != self &&
      !(atomic && s->write_atomic))
    race(f, at, s->write_atomic ? "atomic" : "write", s->write_line,
         s->writer, false, verb, line, lane);
  bool read_now = s->read_interval == now;
  if (writes && read_now &&
      (s->reader / SM_LANES != self || s->readers_many))
    race(f, at, "read", s->read_line, s->reader, s->readers_many, verb, line,
         lane);
  if ((!writes || (flags & SM_ACCESS_UPDATE)) && !s->write_interval &&
      !w->unsettled) {
    char where[64];
    sm_lane_text(f, lane, where, sizeof(where));
    w->unsettled = sm_worker_message(w,
        "line %u: %s of uninitialised threadgroup memory at byte %u, by %s",
        line, verb_of(flags), at, where);
  }
  uint16_t thread = (uint16_t)(self * SM_LANES + lane);
  if (writes) {
    s->write_interval = now;
    s->writer = thread;
    s->write_line = line;
    s->write_atomic = atomic;
    return;
  }
  if (atomic) return; /* an atomic load races only with plain writes */
  s->readers_many = read_now && (s->readers_many ||
                                 s->reader / SM_LANES != self);
  s->read_interval = now;
  s->reader = thread;
  s->read_line = line;
}

/* The bytes of threadgroup memory that the pointer may reach. */
static void threadgroup_range(const sm_job *job, int32_t root, uint32_t *at,
                              uint32_t *size) {
  if (root >= -1) {
    *at = 0;
    *size = job->tg_bytes;
  } else if (*size == UINT32_MAX) {
    *size = job->dispatch->tg_length[*at];
    *at = job->tg_offset[*at];
  }
}

static void check_threadgroup(sm_frame *f, const char *p, uint32_t lane,
                              uint32_t bytes, uint32_t flags, uint32_t line,
                              int32_t root, uint32_t from, uint32_t size) {
  sm_worker *w = f->simd->worker;
  uint64_t at = (uintptr_t)p - (uintptr_t)w->tg_memory;
  threadgroup_range(w->job, root, &from, &size);
  uint64_t in = at - from;
  if (in > size || bytes > size - in) {
    char where[64];
    sm_lane_text(f, lane, where, sizeof(where));
    sm_worker_abort(w, SM_RUN_FAULT, sm_worker_message(w,
        "line %u: %s of %u bytes at byte offset %lld of the %u bytes of %s, "
        "by %s", line, verb_of(flags), bytes, (long long)in, size,
        root < -1 ? "the threadgroup variable" : "threadgroup memory",
        where));
  }
  for (uint32_t i = 0; i < bytes; i++)
    check_byte(f, (uint32_t)at + i, lane, flags, line);
}

/* ---- what kernels call ------------------------------------------------- */

void sm_rt_check(sm_frame *frame, char *const *pointers, uint32_t mask,
                 uint32_t bytes, uint32_t flags, uint32_t line, int32_t root,
                 uint32_t at, uint32_t size) {
  for (uint32_t rest = mask; rest; rest &= rest - 1) {
    uint32_t lane = (uint32_t)__builtin_ctz(rest);
    const char *p = pointers[lane];
    if (flags & SM_ACCESS_THREADGROUP) {
      check_threadgroup(frame, p, lane, bytes, flags, line, root, at, size);
      check_alignment(frame, p, lane, bytes, flags, line, -1);
      continue;
    }
    check_buffer(frame, p, lane, bytes, flags, line, root);
    check_alignment(frame, p, lane, bytes, flags, line, root);
    sm_watch_device(frame, p, lane, bytes, flags, line);
  }
}

void sm_place_text(const sm_frame *f, const char *p, char *text, size_t size) {
  const sm_worker *w = f->simd->worker;
  uint64_t at = (uintptr_t)p - (uintptr_t)w->tg_memory;
  if (at < w->job->tg_bytes) {
    snprintf(text, size, "byte %u of threadgroup memory", (unsigned)at);
    return;
  }
  for (int i = 0; i < SM_BUFFERS; i++) {
    if (!inside(f, i, p, 1)) continue;
    snprintf(text, size, "byte offset %lld of buffer %d",
             (long long)((uintptr_t)p - (uintptr_t)f->buffer[i]), i);
    return;
  }
  snprintf(text, size, "%p", (const void *)p);
}

static void check_pair(sm_frame *frame, char *const *pointers, uint32_t a,
                       uint32_t b, uint32_t offset, const uint64_t *values,
                       uint32_t line) {
  if (pointers[a] != pointers[b] || values[a] == values[b]) return;
  char first[64], second[64], place[64];
  sm_worker *w = frame->simd->worker;
  sm_lane_text(frame, a, first, sizeof(first));
  sm_lane_text(frame, b, second, sizeof(second));
  sm_place_text(frame, pointers[a] + offset, place, sizeof(place));
  sm_worker_abort(w, SM_RUN_FAULT, sm_worker_message(w,
      "line %u: race: %s and %s store different values to one place, %s",
      line, first, second, place));
}

void sm_rt_check_store(sm_frame *frame, char *const *pointers, uint32_t mask,
                       uint32_t offset, const uint64_t *values,
                       uint32_t line) {
  bool rising = true; /* then no two are equal */
  const char *last = NULL;
  for (uint32_t rest = mask; rest && rising; rest &= rest - 1) {
    const char *p = pointers[__builtin_ctz(rest)];
    rising = p > last;
    last = p;
  }
  if (rising) return;
  for (uint32_t i = mask; i; i &= i - 1)
    for (uint32_t k = i & (i - 1); k; k &= k - 1)
      check_pair(frame, pointers, (uint32_t)__builtin_ctz(i),
                 (uint32_t)__builtin_ctz(k), offset, values, line);
}

void sm_rt_check_index(sm_frame *frame, uint32_t over, const uint64_t *indices,
                       uint32_t count, uint32_t line) {
  char where[64];
  sm_worker *w = frame->simd->worker;
  uint32_t lane = (uint32_t)__builtin_ctz(over);
  sm_lane_text(frame, lane, where, sizeof(where));
  sm_worker_abort(w, SM_RUN_FAULT, sm_worker_message(w,
      "line %u: index %lld is outside of %u elements, by %s", line,
      (long long)indices[lane], count, where));
}

void sm_rt_check_divisor(sm_frame *frame, uint32_t zeros, uint32_t line) {
  char where[64];
  sm_worker *w = frame->simd->worker;
  sm_lane_text(frame, (uint32_t)__builtin_ctz(zeros), where, sizeof(where));
  sm_worker_abort(w, SM_RUN_FAULT, sm_worker_message(w,
      "line %u: integer division by zero by %s", line, where));
}

/* The lane that `lane` reads, -1 if it keeps its own value, 32 if there is
 * no such lane. */
static int source_lane(uint32_t move, uint32_t lane, uint32_t by,
                       uint32_t width) {
  uint32_t base = lane / width * width, at = lane % width;
  switch (move) {
  case SM_MOVE_AT: return by < width ? (int)(base + by) : SM_LANES;
  case SM_MOVE_DOWN: return at + by < width ? (int)(lane + by) : -1;
  case SM_MOVE_UP: return by <= at ? (int)(lane - by) : -1;
  case SM_MOVE_XOR:
    return (at ^ by) < width ? (int)(base + (at ^ by)) : SM_LANES;
  case SM_MOVE_ROTATE_DOWN: return (int)(base + (at + by) % width);
  default: return (int)(base + (at + width - by % width) % width);
  }
}

void sm_rt_check_shuffle(sm_frame *frame, const uint32_t *by, uint32_t mask,
                         uint32_t move, uint32_t width, uint32_t line) {
  sm_worker *w = frame->simd->worker;
  for (uint32_t rest = mask; rest; rest &= rest - 1) {
    uint32_t lane = (uint32_t)__builtin_ctz(rest);
    int from = source_lane(move, lane, by[lane] & 0xffff, width);
    if (from < 0 || (from < SM_LANES && (mask >> from & 1))) continue;
    char where[64];
    sm_lane_text(frame, lane, where, sizeof(where));
    if (from >= SM_LANES)
      sm_worker_abort(w, SM_RUN_FAULT, sm_worker_message(w,
          "line %u: shuffle from lane %u of %u by %s", line, by[lane], width,
          where));
    sm_worker_abort(w, SM_RUN_FAULT, sm_worker_message(w,
        "line %u: shuffle from lane %d, which is inactive, by %s", line, from,
        where));
  }
}

void sm_rt_watch_barrier(sm_frame *frame, uint32_t flags, uint32_t mask) {
  sm_simd *simd = frame->simd;
  sm_watch_settle(simd->worker);
  if (flags & SM_MEM_DEVICE) {
    simd->intervals[0]++;
    sm_watch_device_fence(frame);
  }
  if (flags & SM_MEM_THREADGROUP) simd->intervals[1]++;
  sm_rt_count(frame, SM_COUNT_BARRIER, mask, 1);
}

void sm_rt_watch_fence(sm_frame *frame, uint32_t flags) {
  if (flags & SM_MEM_DEVICE) sm_watch_device_fence(frame);
}
