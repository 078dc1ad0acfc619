/* SPDX-License-Identifier: MIT */
/*
 * watch.h - what instrumented kernels tell the runtime, and what it keeps.
 *
 * A watch lives as long as accesses are to be compared: one dispatch, or
 * several of a concurrent encoder between two barriers. Instrumented
 * dispatches run on one thread, so that nothing here is locked and the first
 * finding is the same in every run.
 *
 *   emit_watch.c  calls of these functions, from kernels
 *   rt_check.c    bounds, alignment, divisors, shuffles; threadgroup memory
 *   rt_race.c     races on device memory
 *   rt_count.c    counters
 */
#ifndef SM_WATCH_H
#define SM_WATCH_H

#include "runner.h"

/* Kinds of counted instructions; their order is that of softmetal.h. */
typedef enum sm_count {
  SM_COUNT_FLOAT, SM_COUNT_INT, SM_COUNT_CONVERT, SM_COUNT_SPECIAL,
  SM_COUNT_LOAD, SM_COUNT_STORE, SM_COUNT_ATOMIC, SM_COUNT_BARRIER,
  SM_COUNT_SHUFFLE, SM_COUNT_MATRIX, SM_COUNT_KINDS
} sm_count;

/* Flags of barriers and fences, as mem_flags: */
enum { SM_MEM_DEVICE = 1, SM_MEM_THREADGROUP = 2 };

/* How shuffles find their source lane: emit_group.c's order. */
enum {
  SM_MOVE_AT, SM_MOVE_DOWN, SM_MOVE_UP, SM_MOVE_XOR, SM_MOVE_ROTATE_DOWN,
  SM_MOVE_ROTATE_UP
};

/* Who touched one byte of threadgroup memory. Stale unless serial is the
 * running threadgroup's. */
struct sm_shadow {
  uint32_t serial;       /* threadgroup, counted by its worker */
  uint32_t write_interval, read_interval; /* plus one; 0: never */
  uint32_t write_line, read_line;
  uint16_t writer, reader; /* thread in the threadgroup */
  uint8_t write_atomic, readers_many;
};

/* ---- called by kernels ------------------------------------------------- */

/* Before an access. root: buffer, -1 unknown, below: the threadgroup
 * variable at `at` with size bytes (size UINT32_MAX: [[threadgroup(at)]]).
 * Leaves the kernel if the access is bad. */
void sm_rt_check(sm_frame *frame, char *const *pointers, uint32_t mask,
                 uint32_t bytes, uint32_t flags, uint32_t line, int32_t root,
                 uint32_t at, uint32_t size);
/* Lanes that store to one address must store one value. */
void sm_rt_check_store(sm_frame *frame, char *const *pointers, uint32_t mask,
                       uint32_t offset, const uint64_t *values,
                       uint32_t line);
/* over: lanes whose index is not one of an array of count elements. */
void sm_rt_check_index(sm_frame *frame, uint32_t over, const uint64_t *indices,
                       uint32_t count, uint32_t line);
void sm_rt_check_divisor(sm_frame *frame, uint32_t zeros, uint32_t line);
void sm_rt_check_shuffle(sm_frame *frame, const uint32_t *by, uint32_t mask,
                         uint32_t move, uint32_t width, uint32_t line);
/* After a threadgroup barrier was passed. */
void sm_rt_watch_barrier(sm_frame *frame, uint32_t flags, uint32_t mask);
void sm_rt_watch_fence(sm_frame *frame, uint32_t flags);
void sm_rt_count(sm_frame *frame, uint32_t kind, uint32_t mask, uint32_t n);
void sm_rt_count_access(sm_frame *frame, char *const *pointers,
                        uint32_t mask, uint32_t bytes, uint32_t flags);

/* ---- between the files ------------------------------------------------- */

/* Before each threadgroup of an instrumented dispatch. */
void sm_watch_group_begin(struct sm_worker *worker, uint32_t simdgroups);

/* Reads of uninitialised memory are held back until the interval ends: if
 * another simdgroup writes there in it, the race is the better report. The
 * first leaves the kernel with what is held back, the second does so outside
 * of kernels. */
void sm_watch_settle(struct sm_worker *worker);
void sm_watch_settle_job(struct sm_worker *worker);

/* "thread (3, 0, 0) of threadgroup (1, 0, 0)" into text. */
void sm_lane_text(const sm_frame *frame, uint32_t lane, char *text,
                  size_t size);
/* "byte offset 12 of buffer 1", or of threadgroup memory, or the address. */
void sm_place_text(const sm_frame *frame, const char *p, char *text,
                   size_t size);
void sm_thread_text(const sm_frame *frame, uint32_t thread, char *text,
                    size_t size);

/* Races on device memory (rt_race.c). line and thread say who is there. */
/* Before each dispatch that shares the watch. False: no memory. */
bool sm_watch_dispatch_begin(sm_watch *watch, const sm_dispatch *dispatch,
                             uint64_t groups);
void sm_watch_device(sm_frame *frame, const char *p, uint32_t lane,
                     uint32_t bytes, uint32_t flags, uint32_t line);
void sm_watch_device_fence(sm_frame *frame);

#endif
