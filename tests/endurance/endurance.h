/* SPDX-License-Identifier: MIT */
/*
 * endurance.h - workers that launch mixed kernels while things fail.
 *
 * A worker has a stream and buffers of its own, and a mirror of what must be
 * in them, computed by plain C. Every so often it synchronizes: a call that
 * succeeds must find the mirror, or an error was lost. After an error of the
 * device what the buffers hold is undefined, so both start anew. Context,
 * module, kernels and functions are shared by all workers.
 */
#ifndef TM_TEST_ENDURANCE_H
#define TM_TEST_ENDURANCE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <tritonmetal.h>

enum { LENGTH = 512, SIDE = 16, MOST_SIDE_BUFFERS = 16, STATUSES = 64 };

typedef struct shared {
  tm_context *context;
  tm_module *module;
  tm_kernel *add, *move, *sum, *count, *loop, *product, *say;
  tm_function *step;
  _Atomic uint64_t launches; /* that were queued */
  _Atomic uint64_t errors[STATUSES]; /* calls that failed, by status */
  _Atomic uint64_t synchronized, compiles, contexts, wraps, tensors;
  _Atomic int64_t tensors_out; /* given away and not deleted yet */
  _Atomic int64_t calls_out;   /* of tm_stream_on_done, asked for, not made */
  _Atomic uint64_t graphs, events, calls;
  atomic_bool lost;            /* a wrong answer after success */
  char what[400];              /* it, in words */
} shared;

/* A buffer that one launch writes, looked at when the worker synchronizes. */
typedef struct side_buffer {
  tm_buffer *buffer;
  uint32_t expected[LENGTH];
  void *memory; /* wrapped; or NULL */
} side_buffer;

typedef struct worker {
  shared *all;
  tm_stream *stream;
  uint64_t random;
  tm_buffer *values, *sums, *counts, *tile, *square;
  uint32_t value[LENGTH], total[SIDE], counted[SIDE]; /* the mirror */
  bool multiplied;      /* square was written since the last look */
  bool is_undefined;    /* the device failed: the mirror says nothing */
  side_buffer side[MOST_SIDE_BUFFERS];
  int n_side;
} worker;

/* Makes kernels; false with a line on stderr. Trouble is not expected yet. */
bool shared_open(shared *s, const char *cache_dir);
void shared_close(shared *s);
bool worker_open(worker *w, shared *all, uint64_t seed);
/* Does something at random, mostly a launch. */
void worker_turn(worker *w);
/* Waits and compares. */
void worker_look(worker *w);
void worker_close(worker *w);

/* The next number of a sequence (xorshift64*), below n. */
uint32_t below(uint64_t *random, uint32_t n);

/* ---- damage.c --------------------------------------------------------------- */

typedef struct damage {
  const char *folder; /* of kernels.db */
  atomic_bool ends;
  uint64_t random;
  uint64_t done;
} damage;

/* A thread that damages, deletes and fills the disk of the cache until it is
 * told to end; argument: a damage. */
void *damage_run(void *argument);

#endif
