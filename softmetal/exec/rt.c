/* SPDX-License-Identifier: MIT */
/*
 * rt.c - barriers, slow memory accesses and atomics for compiled kernels.
 */
#include "rt.h"
#include "watch.h"

#include <stdlib.h>

void sm_rt_barrier(sm_frame *frame, uint32_t line) {
  sm_simd *simd = frame->simd;
  sm_worker *w = simd->worker;
  if (frame->simdgroups == 1) return;
  simd->state = SM_SIMD_WAITING;
  simd->barrier = line;
  if (w->barrier != line) {
    if (w->barrier) w->mixed = true;
    w->barrier = line;
  }
  sm_coro_switch(&simd->context, sm_group_next(w));
  if (__atomic_load_n(frame->stop, __ATOMIC_RELAXED)) sm_rt_stop(frame);
}

/* absent: lanes that are not at the barrier, one at least. */
void sm_rt_diverged(sm_frame *frame, uint32_t line, uint32_t absent) {
  char who[64];
  sm_worker *w = frame->simd->worker;
  sm_lane_text(frame, (uint32_t)__builtin_ctz(absent), who, sizeof(who));
  sm_worker_abort(w, SM_RUN_DIVERGED, sm_worker_message(w,
      "the barrier at line %u is under a condition that differs between the "
      "lanes of a simdgroup: %s is not there", line, who));
}

/* The job's status was set by whoever set the flag. */
void sm_rt_stop(sm_frame *frame) {
  sm_worker *w = frame->simd->worker;
  w->in_kernel = false;
  void *dead;
  sm_coro_switch(&dead, w->base);
  abort(); /* nobody continues a dead context */
}

/* ---- gather and scatter ----------------------------------------------- */

#define LANES(mask, lane)                                              \
  for (uint32_t rest_ = (mask), lane;                                  \
       rest_ && (lane = (uint32_t)__builtin_ctz(rest_), true);         \
       rest_ &= rest_ - 1)

void sm_rt_gather(char *const *pointers, uint32_t mask, uint32_t bytes,
                  char *out) {
  switch (bytes) { /* constant sizes become single moves */
  case 4: LANES(mask, l) memcpy(out + l * 4, pointers[l], 4); break;
  case 8: LANES(mask, l) memcpy(out + l * 8, pointers[l], 8); break;
  case 16: LANES(mask, l) memcpy(out + l * 16, pointers[l], 16); break;
  default: LANES(mask, l) memcpy(out + l * bytes, pointers[l], bytes);
  }
}

void sm_rt_scatter(char *const *pointers, uint32_t mask, uint32_t bytes,
                   const char *in) {
  switch (bytes) {
  case 4: LANES(mask, l) memcpy(pointers[l], in + l * 4, 4); break;
  case 8: LANES(mask, l) memcpy(pointers[l], in + l * 8, 8); break;
  case 16: LANES(mask, l) memcpy(pointers[l], in + l * 16, 16); break;
  default: LANES(mask, l) memcpy(pointers[l], in + l * bytes, bytes);
  }
}

/* ---- atomics ---------------------------------------------------------- */

static float as_float(uint32_t bits) {
  float f;
  memcpy(&f, &bits, 4);
  return f;
}

static uint32_t as_bits(float f) {
  uint32_t bits;
  memcpy(&bits, &f, 4);
  return bits;
}

/* The new value of a read-modify-write that has no instruction. */
static uint64_t combine(uint32_t op, uint32_t kind, uint64_t old,
                        uint64_t v) {
  bool less;
  if (kind == SM_ATOMIC_FLOAT) {
    float a = as_float((uint32_t)old), b = as_float((uint32_t)v);
    switch (op) {
    case SM_ATOMIC_ADD: return as_bits(a + b);
    case SM_ATOMIC_SUB: return as_bits(a - b);
    case SM_ATOMIC_MIN: return as_bits(b < a ? b : a);
    default: return as_bits(b > a ? b : a);
    }
  }
  if (kind == SM_ATOMIC_INT) less = (int32_t)v < (int32_t)old;
  else less = v < old;
  if (op == SM_ATOMIC_MIN) return less ? v : old;
  return less ? old : v;
}

static uint64_t update32(uint32_t op, uint32_t kind, uint32_t *p,
                         uint64_t v) {
  uint32_t old = __atomic_load_n(p, __ATOMIC_RELAXED);
  while (!__atomic_compare_exchange_n(
      p, &old, (uint32_t)combine(op, kind, old, v), true, __ATOMIC_RELAXED,
      __ATOMIC_RELAXED)) {
  }
  return old;
}

static uint64_t update64(uint32_t op, uint64_t *p, uint64_t v) {
  uint64_t old = __atomic_load_n(p, __ATOMIC_RELAXED);
  while (!__atomic_compare_exchange_n(
      p, &old, combine(op, SM_ATOMIC_ULONG, old, v), true, __ATOMIC_RELAXED,
      __ATOMIC_RELAXED)) {
  }
  return old;
}

/* Returns the old value; for CAS the value that was found. Sequential order
 * is stronger than any order that MSL can ask for. */
static uint64_t atomic32(uint32_t op, uint32_t kind, uint32_t *p,
                         uint64_t value, uint64_t expected) {
  uint32_t v = (uint32_t)value, e = (uint32_t)expected;
  bool plain = kind != SM_ATOMIC_FLOAT;
  switch (op) {
  case SM_ATOMIC_LOAD: return __atomic_load_n(p, __ATOMIC_SEQ_CST);
  case SM_ATOMIC_STORE: __atomic_store_n(p, v, __ATOMIC_SEQ_CST); return 0;
  case SM_ATOMIC_EXCHANGE:
    return __atomic_exchange_n(p, v, __ATOMIC_SEQ_CST);
  case SM_ATOMIC_CAS:
    __atomic_compare_exchange_n(p, &e, v, false, __ATOMIC_SEQ_CST,
                                __ATOMIC_SEQ_CST);
    return e;
  case SM_ATOMIC_ADD:
    if (plain) return __atomic_fetch_add(p, v, __ATOMIC_SEQ_CST);
    break;
  case SM_ATOMIC_SUB:
    if (plain) return __atomic_fetch_sub(p, v, __ATOMIC_SEQ_CST);
    break;
  case SM_ATOMIC_AND: return __atomic_fetch_and(p, v, __ATOMIC_SEQ_CST);
  case SM_ATOMIC_OR: return __atomic_fetch_or(p, v, __ATOMIC_SEQ_CST);
  case SM_ATOMIC_XOR: return __atomic_fetch_xor(p, v, __ATOMIC_SEQ_CST);
  default: break;
  }
  return update32(op, kind, p, value);
}

void sm_rt_atomic(uint32_t op, uint32_t kind, char *const *pointers,
                  uint32_t mask, const uint64_t *value,
                  const uint64_t *expected, uint64_t *result) {
  LANES(mask, l) {
    void *p = pointers[l];
    if (kind == SM_ATOMIC_ULONG) result[l] = update64(op, p, value[l]);
    else result[l] = atomic32(op, kind, p, value[l], expected[l]);
  }
}
