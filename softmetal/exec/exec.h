/* SPDX-License-Identifier: MIT */
/*
 * exec.h - compiling checked MSL to native code and running grids of it.
 *
 *   sm_program --sm_code_compile--> object bytes --sm_code_load--> sm_code
 *   sm_code + sm_dispatch --sm_run--> threadgroups on the worker threads
 *
 * The emitter turns one kernel into one native function that runs a whole
 * simdgroup: 32 lanes as vectors, divergence as masks. With barriers it is
 * cut into regions, and the function runs a threadgroup, a region for all
 * simdgroups at a time; or simdgroups are coroutines that switch at barriers.
 * Threadgroups are spread over a pool of worker threads. LLVM is loaded
 * with dlopen only when something is compiled (llvm.h); running and loading
 * an object need it only for linking.
 *
 * Errors come back as an allocated message in *error (free it with free());
 * nothing here prints or exits.
 */
#ifndef SM_EXEC_H
#define SM_EXEC_H

#include "../msl/tree.h"
#include "../softmetal.h"

/* Value of one function constant: its elements side by side, lowest first. */
typedef struct sm_constant_value {
  uint32_t index;
  uint64_t bits[4];
} sm_constant_value;

/* Most simdgroups have 32 threads that differ only in thread_position.x.
 * Code that may assume so is smaller and faster; the rest, at the end of
 * grids that are no multiple of 32, needs general code. */
typedef enum sm_code_entries {
  SM_ENTRIES_BOTH,   /* in one object */
  SM_ENTRIES_FULL,   /* for full simdgroups only */
  SM_ENTRIES_GENERAL /* for all */
} sm_code_entries;

typedef struct sm_code_options {
  const sm_constant_value *constants;
  uint32_t n_constants;
  bool check;    /* instrument for SOFTMETAL_CHECK: bounds and races */
  bool counters; /* instrument for SOFTMETAL_COUNTERS */
  sm_code_entries entries;
} sm_code_options;

/* What a compiled kernel needs and is, known after compilation. */
typedef struct sm_code_info {
  uint64_t buffers_read, buffers_written; /* bit per [[buffer(n)]] */
  uint32_t buffer_min[31];   /* bytes that a reference parameter needs; 0 */
  uint64_t tg_buffers;       /* bit per [[threadgroup(n)]] */
  uint32_t threadgroup_bytes;/* static */
  uint32_t max_threads;      /* from the attribute; 0: 1024 */
  uint32_t required[3];      /* threads that a threadgroup must have, from the
                                attribute; 0: any */
} sm_code_info;

typedef struct sm_code sm_code; /* loaded native code of one kernel */

/* Compiles kernel of program to a relocatable object. *object is malloc'ed.
 * Returns false with *error set when LLVM is missing (names the package) or
 * fails. Threads: any; LLVM contexts are per call. */
bool sm_code_compile(const sm_program *program, const sm_function *kernel,
                     const sm_code_options *options, void **object,
                     size_t *size, sm_code_info *info, char **error);

/* Loads object bytes made by sm_code_compile on this machine's CPU kind. */
sm_code *sm_code_load(const void *object, size_t size,
                      const sm_code_info *info, char **error);
void sm_code_release(sm_code *code);
void sm_code_retain(sm_code *code);
const sm_code_info *sm_code_get_info(const sm_code *code);

/* Makes the object of the same kernel with general code, as
 * sm_code_compile does. Called at most once at a time, by any thread. */
typedef bool sm_code_maker(void *context, void **object, size_t *size,
                           char **error);

/* Where a code of full entries only gets general code from, on the first
 * dispatch that needs it. release(context) is called with the code's end. */
void sm_code_set_maker(sm_code *code, sm_code_maker *make, void *context,
                       void (*release)(void *context));

/* The CPU that objects are for and how they are made: part of the key of
 * anything that stores objects. Needs no LLVM. Writes at most size bytes to
 * out. Threads: any. */
enum { SM_TARGET_TEXT = 160 };
void sm_code_target(char *out, size_t size);

/* LLVM's level of code generation, 0 to 3, from SOFTMETAL_CODEGEN; 1 when that
 * is not set; -1 when it is none of these. */
int sm_code_level(void);

typedef struct sm_binding {
  void *pointer;   /* start of the bound range; NULL: not bound */
  uint64_t length; /* bytes to the end of the buffer */
} sm_binding;

/* What instrumented dispatches remember of device memory, to find races
 * (watch.h). One is made for each dispatch that brings none. */
typedef struct sm_watch sm_watch;
sm_watch *sm_watch_new(void);          /* NULL: no memory */
void sm_watch_free(sm_watch *watch);   /* NULL is fine */

/* What kernels said with os_log, in the order in which they said it. */
typedef struct sm_log_entry {
  struct sm_log_entry *next;
  uint32_t level;             /* sm_log_level */
  uint32_t category, message; /* where they start in text */
  char text[];                /* the subsystem, then those two */
} sm_log_entry;
typedef struct sm_log_list {
  sm_log_entry *first, *last;
  uint64_t bytes, room; /* of messages; more are dropped */
  uint64_t dropped;
} sm_log_list;
void sm_log_list_free(sm_log_list *list); /* its entries */

typedef struct sm_dispatch {
  const sm_code *code;
  uint64_t grid_threads[3];  /* threads in the whole grid */
  uint32_t group[3];         /* threads in a full threadgroup */
  sm_binding buffers[31];
  uint32_t tg_length[31];    /* dynamic threadgroup memory, bytes */
  sm_watch *watch;           /* shared by dispatches that nothing orders, or
                                NULL; used by code compiled with check */
  const sm_binding *reachable; /* memory besides the buffers; for checks */
  uint32_t n_reachable;
  softmetal_counters *counters; /* filled by code compiled with counters */
  sm_log_list *log;          /* NULL: nobody hears os_log */
  uint64_t shuffle_seed;     /* 0: in order; else order of simdgroups and
                                threadgroups is shuffled by it */
  uint64_t deadline_ns;      /* 0: none; else a budget for the dispatch */
} sm_dispatch;

typedef enum sm_run_status {
  SM_RUN_OK,
  SM_RUN_FAULT,     /* out-of-bounds or race found, or a caught fault */
  SM_RUN_TIMEOUT,   /* the deadline passed */
  SM_RUN_DIVERGED,  /* a barrier was not reached by all simdgroups */
  SM_RUN_MEMORY,
  SM_RUN_STACK      /* local variables overflow the stack */
} sm_run_status;

/* Runs one dispatch to its end on the calling thread and the pool's workers.
 * On anything but SM_RUN_OK, *error says what and where: kernel, buffer
 * index, byte offset, threadgroup and thread position, source line. */
sm_run_status sm_run(const sm_dispatch *dispatch, char **error);

/* Worker threads including the caller: SOFTMETAL_THREADS, or the number of
 * CPUs. */
unsigned sm_run_threads(void);

#endif
