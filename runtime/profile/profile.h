/* SPDX-License-Identifier: MIT */
/*
 * profile.h - what a profiler keeps, for the files that fill and read it.
 *
 *   profile.c         the recorder: what launches, batches and compiles tell
 *   profile_report.c  rows: statistics, achieved rates; text and JSON
 *   profile_trace.c   Chrome's trace format
 *   profile_spec.c    a specialization as text
 *
 * A context has one profiler, with a session between start and stop. A
 * session has a row for each kernel and specialization, an event for each
 * launch, and a shape for each grid and integers that a row was launched
 * with, since that is what bytes and operations depend on. Stopping takes the
 * session out of the context; it is then only read.
 */
#ifndef TM_PROFILE_H
#define TM_PROFILE_H

#include "../context.h"

#define TMI_NO_INDEX UINT32_MAX
enum {
  TMI_MOST_SHAPES = 4096 /* of one row; launches of others are not counted
                            in bytes and operations */
};

/* One launch. Times are seconds of tm_metal_host_seconds. */
typedef struct tmi_event {
  uint32_t row, shape;   /* shape TMI_NO_INDEX: over TMI_MOST_SHAPES */
  uint32_t stream, thread;
  double begin, end;     /* of queueing it, on the host */
  double gpu_begin, gpu_end; /* 0, 0: not known */
} tmi_event;

typedef enum tmi_work_kind {
  TMI_WORK_COMPILE, TMI_WORK_CACHE, TMI_WORK_PIPELINE
} tmi_work_kind;

/* What the host did for a kernel once. */
typedef struct tmi_work {
  tmi_work_kind kind;
  uint32_t row, thread;
  double begin, end;
} tmi_work;

typedef struct tmi_shape {
  uint64_t hash;
  uint32_t next;         /* in its bucket; TMI_NO_INDEX: the last */
  tm_grid grid;
  int64_t *numbers;      /* owned; one for each argument */
  uint64_t timed;        /* launches with a GPU time, in gpu_total */
  double gpu_total;
} tmi_shape;

enum { TMI_SHAPE_BUCKETS = 64 };

typedef struct tmi_row {
  tm_kernel *kernel;     /* retained; compiled with this specialization */
  char *specialization;  /* owned */
  uint64_t launches, timed, compiles, cache_hits;
  double compile_seconds, pipeline_seconds;
  double gpu_total, gpu_min, wait_total, host_total;
  TM_VEC(tmi_shape) shapes; /* memory by realloc */
  uint32_t buckets[TMI_SHAPE_BUCKETS];
  uint32_t last_shape;
  /* what profile_report.c computes */
  bool is_ready;
  double gpu_median, gpu_p95;
  double bytes, flops, least_seconds, costed_seconds;
  const char *bound;
  bool is_exact;
} tmi_row;

struct tm_profile {
  uint64_t id;           /* unique in the process, from 1 */
  bool own_buffers;      /* a command buffer for each launch; else samples */
  bool is_failed;        /* memory ended: something is missing */
  double begin, end;
  uint64_t most_events, dropped;
  TM_VEC(tmi_row) rows;  /* these three: memory by realloc */
  TM_VEC(tmi_event) events;
  TM_VEC(tmi_work) works;
  char device[96];
  const tm_chip *chip;
  /* for reading, once it is stopped */
  pthread_mutex_t lock;  /* over the rest */
  uint32_t *order;       /* rows by their GPU time, longest first */
  tm_arena arena;        /* of the texts */
  const char *text, *json, *trace;
};

/* ---- profile_report.c --------------------------------------------------- */

/* Sorts the rows and computes their statistics; false without memory. The
 * lock is held. */
bool tmi_profile_sort(tm_profile *profile);

/* ---- profile_trace.c ---------------------------------------------------- */

void tmi_profile_write_trace(const tm_profile *profile, tm_buf *out);

/* ---- profile_spec.c ----------------------------------------------------- */

/* "x=*fp32:16, n=i32, BLOCK=1024, num_warps=4, num_stages=3". */
void tmi_write_specialization(const tm_kernel *kernel, tm_buf *out);

#endif
