/* SPDX-License-Identifier: MIT */
/*
 * runner.h - the runtime's own records: one job, its workers, a simdgroup.
 *
 * sm_run (run.c) makes a job and hands it to the pool (pool.c). Each worker
 * takes chunks of threadgroups from the job's counter and runs them on
 * coroutine stacks (group.c). Whatever goes wrong inside kernel code ends in
 * sm_worker_abort, which leaves the stack it was called on and continues the
 * worker behind its chunk.
 */
#ifndef SM_RUNNER_H
#define SM_RUNNER_H

#include "coro.h"
#include "frame.h"

typedef struct sm_job {
  const sm_dispatch *dispatch;
  uint64_t groups[3], total;   /* threadgroups */
  uint64_t chunk;              /* most groups taken at once */
  uint64_t share;              /* and at most 1 / share of what is left */
  uint64_t next;               /* atomic: first group not handed out */
  uint64_t step, offset;       /* group order: (i * step + offset) % total */
  uint32_t stop;               /* atomic: 1 timeout, 2 another error */
  sm_run_status status;        /* under the pool's lock */
  char *error;                 /* malloc'ed; under the pool's lock */
  uint32_t tg_offset[SM_BUFFERS]; /* of dynamic threadgroup memory */
  uint32_t tg_bytes;           /* all threadgroup memory of a group */
  bool watched;                /* instrumented code: one worker */
  sm_watch *watch;             /* for checked code */
  const sm_code *general;      /* for simdgroups that are not full; NULL:
                                  there are none */
} sm_job;

typedef enum sm_simd_state { SM_SIMD_READY, SM_SIMD_WAITING, SM_SIMD_ENDED }
    sm_simd_state;

/* A simdgroup of the threadgroup that a worker runs. */
typedef struct sm_simd {
  struct sm_worker *worker;
  void *context;
  sm_simd_state state;
  uint32_t index;
  uint32_t barrier;            /* source line it waits at */
  uint32_t intervals[2];       /* barriers passed that order device,
                                  threadgroup memory; watch.h */
} sm_simd;

typedef struct sm_shadow sm_shadow; /* watch.h */

typedef struct sm_worker {
  sm_job *job;
  void *base;                  /* context outside of kernel code */
  void *scheduler;             /* context of the group loop */
  sm_stack main_stack;         /* group loop, kernels without barriers */
  sm_stack stacks[SM_MOST_SIMDGROUPS];
  size_t stack_bytes;          /* what stacks were mapped for */
  void *signal_stack;
  sm_frame frames[SM_MOST_SIMDGROUPS];
  sm_simd simds[SM_MOST_SIMDGROUPS];
  uint32_t positions[SM_MOST_SIMDGROUPS][3][SM_LANES];
  sm_kernel_entry *entries[SM_MOST_SIMDGROUPS];
  uint32_t frame_threads[3];   /* what frames and entries are for */
  char *tg_memory;             /* 64-byte aligned */
  uint32_t tg_capacity;
  sm_shadow *shadow;           /* per byte of tg_memory; check only */
  uint32_t serial;             /* threadgroups that this worker ran */
  char *unsettled;             /* finding that a later one may explain better;
                                  malloc'ed; watch.h */
  uint32_t shadow_capacity;
  uint64_t random;
  bool in_kernel;              /* volatile enough: read by the handler */
  char *fault_address, *fault_pointer; /* the latter: of the stack */
  int fault_signal;
  sm_group group;              /* also says which simdgroup executes */
  sm_kernel_entry *region;     /* runs a whole threadgroup; NULL: entries */
  uint32_t turn;               /* place in group.order */
  uint32_t ended;              /* simdgroups that have ended */
  uint32_t barrier;            /* line that the interval ends at; 0: none */
  bool mixed;                  /* simdgroups wait at different ones */
} sm_worker;

/* run.c: the lanes of full simdgroups in a group of this many threads differ
 * in x alone. */
bool sm_is_line(const uint32_t threads[3]);
/* run.c: runs chunks until there are none. Called by the pool. */
void sm_worker_run(sm_worker *worker, sm_job *job);
void sm_worker_free(sm_worker *worker);

/* group.c: body of the worker's main stack; never returns. */
void sm_groups_run(void *worker);
/* The context of the next simdgroup in this interval, or the scheduler's. */
void *sm_group_next(sm_worker *worker);
/* Makes the worker's memory and frames fit its job. */
bool sm_groups_prepare(sm_worker *worker);

/* Ends the worker's chunk from inside kernel code; message is malloc'ed or
 * NULL. The first error of a job wins. Does not return, but is not declared
 * so: AddressSanitizer would then look for the end of a stack that is not
 * the thread's. */
void sm_worker_abort(sm_worker *worker, sm_run_status status, char *message);
/* The same record without leaving. */
void sm_job_fail(sm_job *job, sm_run_status status, char *message);
/* "kernel f, threadgroup (1, 0, 0), simdgroup 2" into a malloc'ed text that
 * starts with the formatted message. */
char *sm_worker_message(const sm_worker *worker, const char *fmt, ...)
    TM_PRINTF(2, 3);

/* fault.c: turns SIGSEGV, SIGBUS and SIGFPE in kernel code into aborts. */
void sm_fault_install(void);
void sm_fault_enter(sm_worker *worker); /* before a chunk, on the thread */
void sm_fault_leave(sm_worker *worker); /* after it */

/* pool.c: runs the job on this thread and the workers; returns at its end. */
void sm_pool_run(sm_job *job);
void sm_pool_lock(void);
void sm_pool_unlock(void);

#endif
