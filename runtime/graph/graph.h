/* SPDX-License-Identifier: MIT */
/*
 * graph.h - recorded launches, as the files of graphs see them.
 *
 *   graph.c         recording, replacing, the public calls
 *   graph_plan.c    nodes to steps: what is fused, the report
 *   graph_fuse.c    what lib/fuse must know of some nodes
 *   graph_encode.c  steps to messages, and sending them
 *
 * A node is a launch as it was recorded. A step is a dispatch of a replay: a
 * node, or several that were fused. Messages are what an encoder that knows
 * nothing yet must be told for all steps, with what repeats left out.
 *
 * Each of them is made from the one before, and made again when that has
 * changed in a way that cannot be patched: `stale` says from where on.
 * Everything is under the graph's lock, which is taken before a stream's.
 */
#ifndef TM_GRAPH_H
#define TM_GRAPH_H

#include "../context.h"

#include "../../lib/fuse/fuse.h"

typedef struct tmi_node {
  tm_kernel *kernel;   /* retained; the variant that the launch chose */
  tm_grid grid;
  tm_arg *args;        /* its run-time arguments; buffers are retained */
  uint32_t n_args;
} tmi_node;

/* Where the argument of a step comes from. */
typedef struct tmi_origin {
  uint32_t node, arg;
} tmi_origin;

typedef struct tmi_step {
  tm_kernel *kernel;   /* retained and loaded */
  tm_grid grid;
  uint32_t first, n_nodes;
  tmi_origin *origins; /* kernel->program.n_args */
  tm_arg *args;        /* what the nodes have there */
  uint32_t numbers;    /* where its numbers are in the block */
  bool shares;         /* the step before has the same numbers, and place */
  bool varies;         /* they were changed: it has a place of its own */
  bool dirty;          /* the block has not what the nodes have */
} tmi_step;

/* Numbers of two nodes that a fused kernel takes to be one. */
typedef struct tmi_equal {
  tmi_origin a, b;
} tmi_equal;

/* Consecutive bindings that change before a dispatch. */
typedef struct tmi_run {
  uint32_t at;         /* index into objects and offsets */
  uint32_t slot, count;
} tmi_run;

typedef enum tmi_numbers {
  TMI_NUMBERS_STAY,    /* as they are bound; or there are none */
  TMI_NUMBERS_MOVE,    /* another offset into the block */
  TMI_NUMBERS_BIND     /* the block */
} tmi_numbers;

/* What is said before a dispatch, and the dispatch. */
typedef struct tmi_message {
  bool waits;          /* needs what steps since the last barrier do */
  tm_id pipeline;      /* NULL: it stays */
  uint32_t first_run, n_runs;
  tmi_numbers numbers;
  uint32_t numbers_slot;
  uint32_t log_slot;   /* of kernels that print or assert */
  tm_kernel *logs;     /* that kernel; else NULL */
  tm_mtl_size grid, threads;
} tmi_message;

/* What replays use; kept as a whole by the batches that they are in. */
typedef struct tmi_held {
  atomic_int references;
  uint64_t bytes;      /* of its buffers */
  uint32_t n;
  tm_buffer *buffers[];/* retained */
} tmi_held;

struct tmi_known; /* what is known of a sequence of nodes; graph_plan.c */

typedef enum tmi_stale {
  TMI_FRESH,
  TMI_STALE_MESSAGES,
  TMI_STALE_STEPS      /* and so the messages */
} tmi_stale;

struct tm_graph {
  pthread_mutex_t lock;
  tm_context *context; /* retained */
  bool fuse;
  TM_VEC(tm_buffer *) temporaries; /* retained; memory by realloc */
  TM_VEC(tmi_node) nodes;          /* memory by realloc */
  tmi_stale stale;
  bool is_unsure;      /* a number of equals was changed */
  bool is_dirty;       /* a step is */
  bool is_moved;       /* buffers were replaced: held is another */
  /* Steps, with their memory. */
  tm_arena plan;
  TM_VEC(tmi_step) steps;
  TM_VEC(struct tmi_known *) known;
  TM_VEC(tmi_equal) equals; /* must hold for the steps to be right */
  TM_VEC(tmi_origin) fixed; /* numbers that a proof was made with */
  TM_VEC(tmi_origin) doubted; /* numbers with which there was none */
  uint32_t looks;           /* how often that was tried with others */
  tm_buf report;
  /* Messages, with their memory. */
  tm_arena sent;
  tmi_message *messages;   /* one a step */
  TM_VEC(tmi_run) runs;
  TM_VEC(tm_id) objects;   /* of bindings, with offsets and whose they are */
  TM_VEC(unsigned long) offsets;
  TM_VEC(tm_buffer *) owners;
  TM_VEC(tm_buffer *) used;    /* buffers that go by address */
  TM_VEC(tm_buffer *) buffers; /* of all steps, each once */
  TM_VEC(tm_buffer *) named;   /* of all nodes, each once */
  TM_VEC(tm_kernel *) kernels; /* each once */
  tm_buffer **logs;        /* of the messages that have one, while sent */
  uint32_t n_logs;
  bool uses_addresses;     /* of buffers that are no arguments */
  unsigned char *numbers;  /* the block's contents */
  uint32_t numbers_size;
  /* What replays use. */
  tm_buffer *block;        /* the numbers of all steps; or NULL */
  tmi_held *held;
};

/* ---- graph_plan.c ------------------------------------------------------- */

/* Makes steps and report anew. */
tm_status tmi_graph_plan(tm_graph *graph, tm_error **error);
void tmi_graph_drop_plan(tm_graph *graph);

/* ---- graph_fuse.c ------------------------------------------------------- */

enum {
  TMI_MOST_FUSED = 16, /* launches in a kernel */
  TMI_MOST_LOOKS = 8   /* for a proof that failed: numbers that change at each
                          replay must not cost one each time */
};

/* Nodes in a row that may become one kernel. */
typedef struct tmi_fusion {
  const tm_graph *graph;
  uint32_t first, n_nodes;
  bool compile;        /* else it is only proven */
  /* The fused kernel's parameters before some go; in the plan's memory. */
  tm_fuse_param *params;
  tmi_origin *origins; /* of each: the first argument that it stands for */
  uint32_t n_params;
  uint32_t *numbers[TMI_MOST_FUSED]; /* of each node's arguments */
  /* Results, with room for n_params. */
  char reason[400];    /* why not; or "" */
  uint32_t loads, stores;
  uint32_t *kept, n_kept;
  bool *is_used;
} tmi_fusion;

/* Numbers the parameters; false with a reason when that rules fusing out. In
 * the guard of the graph's plan. */
bool tmi_fusion_begin(tm_graph *graph, uint32_t first, uint32_t n_nodes,
                      tmi_fusion *out);
/* Bytes that are equal for fusions with the same result. */
void tmi_fusion_key(const tmi_fusion *fusion, tm_buf *key);
/* In the arena's guard; *ir is NULL when it may not be. */
tm_status tmi_fusion_prove(tmi_fusion *fusion, tm_arena *arena,
                           tm_diags *diags, tm_ir **ir, tm_spec *spec,
                           tm_error **error);
/* Proves, and compiles if it is to. *kernel is NULL when it was not. */
tm_status tmi_kernel_fuse(tmi_fusion *fusion, tm_kernel **kernel,
                          tm_error **error);

/* ---- graph_encode.c ----------------------------------------------------- */

/* Makes everything that is stale but the steps. */
tm_status tmi_graph_ready(tm_graph *graph, tm_error **error);
/* Sends the messages. The graph is ready. */
tm_status tmi_graph_encode(tm_graph *graph, tm_stream *stream,
                           tm_error **error);
/* Puts a buffer in another one's place in steps and messages, where neither
 * shares memory with a third. */
void tmi_graph_patch(tm_graph *graph, const tm_buffer *from, tm_buffer *to);
/* Reads the arguments of a step from the nodes. */
void tmi_step_read(const tm_graph *graph, tmi_step *step);
void tmi_graph_drop_messages(tm_graph *graph);

#endif
