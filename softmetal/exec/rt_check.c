/* SPDX-License-Identifier: MIT */
/*
 * rt_check.c - bounds and races, for kernels compiled with options.check.
 *
 * Bounds: an access must lie within the buffer that its pointer was made
 * from, or, where the emitter could not tell, within any bound buffer.
 *
 * Races: between two barriers, a byte of threadgroup memory that one
 * simdgroup writes must not be touched by another. A shadow per byte keeps
 * the last writer and reader of the current interval (epoch). Lanes of one
 * simdgroup run in step and are not compared. Atomics race only with plain
 * accesses.
 */
#include "rt.h"

#include <stdio.h>

static void position_text(const sm_frame *f, uint32_t lane, char *text,
                          size_t size) {
  uint32_t t = f->simdgroup * SM_LANES + lane;
  uint32_t x = t % f->tg_threads[0];
  uint32_t y = t / f->tg_threads[0] % f->tg_threads[1];
  uint32_t z = t / f->tg_threads[0] / f->tg_threads[1];
  snprintf(text, size, "thread (%u, %u, %u)", x, y, z);
}

static bool inside(const sm_frame *f, int buffer, const char *p,
                   uint32_t bytes) {
  uint64_t at = (uintptr_t)p - (uintptr_t)f->buffer[buffer];
  return f->buffer[buffer] && at <= f->length[buffer] &&
         bytes <= f->length[buffer] - at;
}

static void check_device(sm_frame *f, const char *p, uint32_t lane,
                         uint32_t bytes, uint32_t flags, uint32_t line,
                         int32_t root) {
  char where[64];
  sm_worker *w = f->simd->worker;
  const char *verb = flags & SM_ACCESS_ATOMIC ? "atomic access"
                     : flags & SM_ACCESS_WRITE ? "write" : "read";
  if (root >= 0) {
    if (inside(f, root, p, bytes)) return;
    position_text(f, lane, where, sizeof(where));
    sm_worker_abort(w, SM_RUN_FAULT, sm_worker_message(w,
        "line %u: %s of %u bytes at byte offset %lld of buffer %d, which has "
        "%llu bytes, by %s", line, verb, bytes,
        (long long)((uintptr_t)p - (uintptr_t)f->buffer[root]), (int)root,
        (unsigned long long)f->length[root], where));
  }
  for (int i = 0; i < SM_BUFFERS; i++)
    if (inside(f, i, p, bytes)) return;
  position_text(f, lane, where, sizeof(where));
  sm_worker_abort(w, SM_RUN_FAULT, sm_worker_message(w,
      "line %u: %s of %u bytes at %p, inside no bound buffer, by %s", line,
      verb, bytes, (const void *)p, where));
}

static void race(sm_frame *f, uint32_t at, const char *first,
                 uint32_t first_line, uint32_t first_simd,
                 const char *second, uint32_t line) {
  sm_worker *w = f->simd->worker;
  char who[32] = "several simdgroups";
  if (first_simd != SM_SHADOW_MANY)
    snprintf(who, sizeof(who), "simdgroup %u", first_simd);
  sm_worker_abort(w, SM_RUN_FAULT, sm_worker_message(w,
      "race on threadgroup memory at byte %u: %s at line %u by %s, %s at "
      "line %u by simdgroup %u, and no barrier between them", at, first,
      first_line, who, second, line, f->simdgroup));
}

static void check_byte(sm_frame *f, uint32_t at, uint32_t flags,
                       uint32_t line) {
  sm_worker *w = f->simd->worker;
  sm_shadow *s = &w->shadow[at];
  uint8_t self = (uint8_t)f->simdgroup;
  bool atomic = flags & SM_ACCESS_ATOMIC;
  bool writes = flags & SM_ACCESS_WRITE;
  const char *verb = atomic ? "atomic" : writes ? "write" : "read";
  if (s->write_epoch == w->epoch && s->write_simd != self &&
      !(atomic && s->write_atomic))
    race(f, at, s->write_atomic ? "atomic" : "write", s->write_line,
         s->write_simd, verb, line);
  if (writes && s->read_epoch == w->epoch && s->read_simd != self)
    race(f, at, "read", s->read_line, s->read_simd, verb, line);
  if (writes) {
    bool again = s->write_epoch == w->epoch && s->write_simd != self;
    s->write_epoch = w->epoch;
    s->write_simd = again ? SM_SHADOW_MANY : self;
    s->write_line = line;
    s->write_atomic = atomic;
    return;
  }
  s->read_simd =
      s->read_epoch == w->epoch && s->read_simd != self ? SM_SHADOW_MANY
                                                        : self;
  s->read_epoch = w->epoch;
  s->read_line = line;
}

static void check_threadgroup(sm_frame *f, const char *p, uint32_t lane,
                              uint32_t bytes, uint32_t flags,
                              uint32_t line) {
  sm_worker *w = f->simd->worker;
  uint64_t at = (uintptr_t)p - (uintptr_t)w->tg_memory;
  uint32_t all = w->job->tg_bytes;
  if (at > all || bytes > all - at) {
    char where[64];
    position_text(f, lane, where, sizeof(where));
    sm_worker_abort(w, SM_RUN_FAULT, sm_worker_message(w,
        "line %u: %s of %u bytes at byte offset %lld of the %u bytes of "
        "threadgroup memory, by %s", line,
        flags & SM_ACCESS_WRITE ? "write" : "read", bytes, (long long)at,
        all, where));
  }
  for (uint32_t i = 0; i < bytes; i++)
    check_byte(f, (uint32_t)at + i, flags, line);
}

void sm_rt_check(sm_frame *frame, char *const *pointers, uint32_t mask,
                 uint32_t bytes, uint32_t flags, uint32_t line,
                 int32_t root) {
  for (uint32_t rest = mask; rest; rest &= rest - 1) {
    uint32_t lane = (uint32_t)__builtin_ctz(rest);
    if (flags & SM_ACCESS_THREADGROUP)
      check_threadgroup(frame, pointers[lane], lane, bytes, flags, line);
    else
      check_device(frame, pointers[lane], lane, bytes, flags, line, root);
  }
}
