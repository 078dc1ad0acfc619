/* SPDX-License-Identifier: MIT */
/*
 * frame.h - what compiled kernels and the runtime share.
 *
 * A compiled kernel is `void kernel(sm_frame *, sm_group *)`. One without
 * barriers runs one simdgroup from start to end. Everything it needs is in
 * its frame: buffers, threadgroup memory, positions, the mask of lanes that
 * exist, and the flag that ends endless loops. The emitter addresses the
 * fields by offsetof, so objects are good only for the SM_FRAME_ABI that they
 * were compiled with.
 *
 * One with barriers runs a whole threadgroup, from sm_group, one stretch
 * between barriers for every simdgroup before the next (emit_region.c), and
 * its frame is NULL. Where that would take too much memory
 * (sm_meta.record_bytes is 0) it is a coroutine for one simdgroup that
 * switches at barriers.
 *
 * There are two entries. sm_kernel_line may assume that all 32 lanes exist
 * and differ only in thread_position.x, by one from lane to lane, which
 * starts at a multiple of 32 (one dimensional threadgroups, or widths that
 * are multiples of 32). sm_kernel_any reads the mask and three tables of
 * positions. An object has one of them or both.
 */
#ifndef SM_FRAME_H
#define SM_FRAME_H

#include "exec.h"

#define SM_FRAME_ABI 13u
#define SM_BUFFERS 31
#define SM_LANES 32
#define SM_MOST_SIMDGROUPS 32

typedef struct sm_frame {
  char *buffer[SM_BUFFERS];
  uint64_t length[SM_BUFFERS];
  char *tg_static;                /* static threadgroup memory */
  char *tg_buffer[SM_BUFFERS];    /* [[threadgroup(n)]] */
  uint32_t *position[3];          /* per lane, for sm_kernel_any */
  const volatile uint32_t *stop;  /* not zero: leave the kernel */
  struct sm_simd *simd;           /* the runtime's record of this simdgroup */
  uint32_t tg_position[3];        /* threadgroup_position_in_grid */
  uint32_t tg_threads[3];         /* threads in this threadgroup */
  uint32_t tg_full[3];            /* threads in a full threadgroup */
  uint32_t grid[3];               /* threads in the grid */
  uint32_t groups[3];             /* threadgroups in the grid */
  uint32_t first[3];              /* position in its group of lane 0 */
  uint32_t simdgroup;             /* index in the threadgroup */
  uint32_t simdgroups;            /* in this threadgroup */
  uint32_t simdgroups_full;       /* in a full threadgroup */
  uint32_t mask;                  /* bit l: lane l exists */
  uint32_t state;                 /* of a kernel made of regions: where it
                                     goes on */
  uint64_t record;                /* and where its values are kept */
} sm_frame;

/* Where a simdgroup goes on: from here on, behind the barrier with that
 * number. */
enum { SM_STATE_ENDED, SM_STATE_START, SM_STATE_BARRIER };

/* What a kernel made of regions gets: the simdgroups of a threadgroup. */
typedef struct sm_group {
  uint64_t count;             /* of simdgroups */
  sm_frame *running;          /* that executes */
  struct sm_worker *worker;
  const volatile uint32_t *stop; /* not zero: leave the kernel */
  uint32_t attend;            /* not zero: sm_rt_interval after all intervals */
  sm_frame *order[SM_MOST_SIMDGROUPS]; /* in which they take turns */
} sm_group;

/* In every object, under the name sm_kernel_meta. */
typedef struct sm_meta {
  uint32_t abi;
  uint32_t stack_bytes; /* that its functions, and what they call, need */
  uint32_t has_barrier;
  uint32_t has_line;    /* sm_kernel_line exists */
  uint32_t checked;
  uint32_t counted;
  uint32_t has_any;     /* sm_kernel_any exists */
  uint32_t record_bytes; /* it runs threadgroups, and keeps this much for each
                            simdgroup; 0: it runs simdgroups */
  char name[104];       /* kernel name, cut */
} sm_meta;

/* How an access is described to sm_rt_check and sm_rt_count_access. */
enum {
  SM_ACCESS_WRITE = 1,
  SM_ACCESS_ATOMIC = 2,
  SM_ACCESS_THREADGROUP = 4,
  SM_ACCESS_CONSTANT = 8,
  SM_ACCESS_UPDATE = 16, /* an atomic that reads and writes */
  SM_ACCESS_ALIGN_SHIFT = 8 /* from here on: log2 of the alignment */
};

/* Operations of sm_rt_atomic. */
typedef enum sm_atomic_op {
  SM_ATOMIC_LOAD, SM_ATOMIC_STORE, SM_ATOMIC_EXCHANGE, SM_ATOMIC_CAS,
  SM_ATOMIC_ADD, SM_ATOMIC_SUB, SM_ATOMIC_MIN, SM_ATOMIC_MAX, SM_ATOMIC_AND,
  SM_ATOMIC_OR, SM_ATOMIC_XOR
} sm_atomic_op;

/* Kinds of number for sm_rt_atomic. */
enum { SM_ATOMIC_INT, SM_ATOMIC_UINT, SM_ATOMIC_ULONG, SM_ATOMIC_FLOAT };

/* One function that objects may call, by name. */
typedef struct sm_symbol {
  const char *name;
  void *address;
} sm_symbol;

/* Every function that objects may call; *count is how many. (rt_symbols.c) */
const sm_symbol *sm_rt_symbols(size_t *count);

/* Parts of sm_code that the runner needs. (code.c) */
typedef void sm_kernel_entry(sm_frame *frame, sm_group *group);
struct sm_code {
  sm_code_info info;
  const sm_meta *meta;
  sm_kernel_entry *line, *any;
  uint32_t references; /* atomic */
  struct sm_code_link *link;
  sm_code *general;    /* with sm_kernel_any, made when first needed */
  sm_code_maker *make;
  void *make_context;
  void (*make_release)(void *context);
};

/* The code with sm_kernel_any: this one, or made now. NULL: *error says
 * why not. Threads: any. */
const sm_code *sm_code_general(const sm_code *code, char **error);

#endif
