/* SPDX-License-Identifier: MIT */
/*
 * context.h - the objects of the runtime, as its files see them.
 *
 *   context.c      tm_context: settings, cache, the device when it is needed
 *   environment.h  the compatibility check: environment.c, environment_report.c
 *   kernel.c       tm_compile: cache or compiler; pipelines
 *   compile_report.h  what a compile tells: compile_report.c, dump.c
 *   kernel_row.c   a compiled kernel as bytes
 *   kernel_spec.c  signatures, specs and defines to what the compiler takes
 *   kernel_args.c  a specialization: its bytes in the key, its arguments
 *   arg_list.c     descriptors and tuples among the arguments, flat
 *   tensor_descriptor.c  descriptors that the host makes, checked
 *   cache_api.c    the cache's facts and rows, packs
 *   archive.c      pipelines' native code in the cache, when asked for
 *   handles.h      which of the caller's handles are alive
 *
 *   buffer/        buffer_api.c   tm_buffer: pooled, wrapped, imported
 *                  memory_pool.c  the pool of freed memory, by size class
 *                  dlpack.c       tensors of other libraries, both ways
 *                  address.c      buffers that kernels reach by address
 *   stream/        launch_args.c  arguments of a launch, checked and packed
 *                  launch.c       a checked launch into a stream's batch
 *                  launch_into.c  a launch in a host's encoder
 *                  hazard.c       which launches must wait for others
 *                  stream.c       batches of dispatches in flight
 *                  completion.c   who is told that they have ended
 *                  stream_event.c points in the work of streams
 *                  device_log.c   what kernels print and assert
 *   graph/         graph.h        recorded launches, fused and replayed
 *   function/      function.h     variants by arguments; the autotuner
 *   profile/       profile.h      where the time goes
 *   metal/         metal.h        Metal itself, and all that is assumed of it
 *
 * Every object counts references; those who need one retain it. Locks are
 * taken in the order function, stream, event, outcome, watch, kernel, context,
 * pool, profiler; none is held while Metal or the compiler compiles, except
 * the kernel's own.
 */
#ifndef TM_CONTEXT_H
#define TM_CONTEXT_H

#include "error.h"
#include "kernel_row.h"
#include "metal/metal.h"
#include "module.h"
#include "settings.h"

#include "../cache/cache.h"
#include "../lib/compile.h"

#include <pthread.h>
#include <stdatomic.h>

/* ---- memory_pool.c ------------------------------------------------------ */

enum { TMI_SIZE_CLASSES = 160 };

/* Freed memory, kept for the next buffer of its size class. */
typedef struct tmi_block {
  struct tmi_block *next;
  tm_id object; /* +1 */
  void *contents;
} tmi_block;

typedef struct tmi_pool {
  pthread_mutex_t lock;
  tmi_block *free[TMI_SIZE_CLASSES];
  uint64_t used, used_peak, pooled, wrapped, buffers, requests, reuses;
  uint64_t pooled_blocks, copies;
} tmi_pool;

void tmi_pool_init(tmi_pool *pool);
/* Releases what is kept until at most so many bytes are. */
void tmi_pool_trim(tmi_pool *pool, uint64_t keep);
void tmi_pool_free(tmi_pool *pool);
/* A buffer begins, its memory from the pool or not; a buffer ends. */
void tmi_pool_count(tmi_pool *pool, const tm_buffer *buffer, bool reused);
void tmi_pool_discount(tmi_pool *pool, const tm_buffer *buffer);
/* Sets the buffer's size, class and capacity; false: over a limit. */
bool tmi_memory_class(const tm_context *context, tm_buffer *buffer,
                      uint64_t size);
/* Then its object and contents; false without memory. */
bool tmi_memory_find(tm_context *context, tm_buffer *buffer, bool *reused);
/* Gives the memory back, to the pool or to Metal. */
void tmi_memory_free(tm_context *context, tm_buffer *buffer);

/* ---- buffer_api.c ------------------------------------------------------------- */

struct tm_buffer {
  atomic_int references;
  tm_context *context;
  tm_id object;        /* +1 */
  unsigned char *contents; /* at offset; NULL: private storage */
  uint64_t offset, size;   /* in the MTLBuffer, bytes */
  uint64_t capacity;   /* pooled: bytes of its class; wrapped: of its pages */
  int size_class;      /* -1: wrapped or imported, not pooled */
  void *host;          /* this is a copy of the caller's memory there; or NULL */
  bool is_read_only;   /* no kernel may write it */
  void (*ended)(void *payload); /* called once when it has ended; or NULL */
  void *payload;
  tm_buffer *next_ended;  /* in tm_context.ended */
  tm_buffer *next_mapped; /* in tm_context.mapped */
  _Atomic uint64_t batch; /* the last batch that retains it */
  bool is_exposed;        /* kernels may have its address; see address.c */
  _Atomic uint64_t address; /* the GPU's, once asked for; see address.c */
};

void tmi_buffer_release(tm_buffer *buffer);
/* Frees the buffers with a function to call that have ended, and calls it: to
 * be called without a lock after whatever may have released some. */
void tmi_buffers_end(tm_context *context);
/* As the public functions, for arguments that have been looked at. */
tm_status tmi_buffer_create(tm_buffer **out, tm_context *context,
                            uint64_t size, const tm_buffer_options *given,
                            tm_error **error);
tm_status tmi_buffer_wrap(tm_buffer **out, tm_context *context, void *pointer,
                          uint64_t size, tm_error **error);
tm_status tmi_buffer_import(tm_buffer **out, tm_context *context,
                            void *mtl_buffer, uint64_t offset, uint64_t size,
                            tm_error **error);

/* ---- address.c ---------------------------------------------------------- */

typedef struct tmi_exposed {
  pthread_mutex_t lock;  /* over the rest and is_exposed of its buffers */
  tm_buffer **list;
  size_t n, room;
} tmi_exposed;

struct tmi_batch;
struct tmi_dispatch;
/* Where the buffer starts for the GPU; 0: this Metal does not tell. */
uint64_t tmi_buffer_address(tm_buffer *buffer);
void tmi_exposed_init(tmi_exposed *exposed);
void tmi_exposed_free(tmi_exposed *exposed);
/* Before the host's handle goes. */
void tmi_exposed_forget(tm_buffer *buffer);
/* Makes all of them usable by the batch's encoder, and keeps them until it
 * has ended; false without memory. The stream's lock is held. */
bool tmi_exposed_use(tm_context *context, struct tmi_batch *batch);

/* ---- context.c ---------------------------------------------------------- */

/* See profile.c. */
typedef struct tmi_profiler {
  atomic_bool is_on;
  pthread_mutex_t lock;   /* over the rest */
  tm_profile *session;    /* owned; NULL: it is off */
} tmi_profiler;

struct tm_context {
  atomic_int references;
  unsigned forks;           /* tmi_forks when it was made */
  tmi_settings settings;
  tm_store *store;
  atomic_bool trouble_told; /* the log knows what is wrong with the cache */
  pthread_mutex_t lock;     /* opening the device, the environment */
  atomic_bool has_device;
  tm_metal_device device;   /* valid when has_device */
  const tm_chip *device_chip;
  pthread_mutex_t tensor_lock; /* over the next two; see tensors.c */
  int tensors;
  char *tensor_trouble;     /* malloc'ed: why there are none; or NULL */
  atomic_bool archives_swept; /* those of other systems are deleted */
  tmi_pool pool;
  _Atomic(tm_buffer *) ended; /* buffers whose `ended` is to be called */
  tm_buffer *mapped;        /* wrapped, not destroyed; under the pool's lock */
  tmi_exposed exposed;
  tmi_profiler profiler;
  tm_arena texts;           /* of the environment */
  bool has_environment;
  tm_environment_facts environment;
};

void tmi_context_retain(tm_context *context);
void tmi_context_release(tm_context *context);
/* Opens the device if it is not open. */
tm_status tmi_context_device(tm_context *context, tm_error **error);
/* The chip to compile for: name, else the context's, else the device's. */
tm_status tmi_context_chip(tm_context *context, const char *name,
                           const tm_chip **chip, tm_error **error);
/* ---- tensors.c: does the open device pass the probe of tensor operations?
 * *trouble: NULL, or why not, for as long as the context lives. */
bool tmi_context_tensors(tm_context *context, const char **trouble);
/* Whether the kernel is compiled with them. TM_E_UNSUPPORTED when `asked`, of
 * the compile's own options, cannot be met. */
tm_status tmi_choose_tensors(tm_context *context, const char *kernel,
                             const tm_chip *chip, tm_switch asked,
                             bool *chosen, tm_error **error);
/* Warns when the cache has failed; the context's first time only. */
void tmi_cache_warn(tm_context *context);
/* A line to the log when the debug level is at least `level`. 0: a warning,
 * which a log of the host's always gets. */
void tmi_log(tm_context *context, uint32_t level, const char *format, ...)
    TM_PRINTF(3, 4);
/* Seconds on a clock that only goes forward. */
double tmi_seconds(void);
/* NULL handles and other plain mistakes. */
#define TMI_CHECK(condition, error)                                  \
  do {                                                               \
    if (!(condition))                                                \
      return tmi_fail(error, TM_E_ARGUMENT, "%s: this must hold: %s", \
                      __func__, #condition);                         \
  } while (0)
/* How many forks this process is away from the first that has a context. */
extern atomic_uint tmi_forks;
/* Is it a context of the parent's? It and all of its objects are then only
 * looked at: locks may be held by threads that are not here, and neither Metal
 * nor SQLite survives a fork. */
bool tmi_is_forked(const tm_context *context);
tm_status tmi_fail_forked(const char *call, tm_error **error);
/* Not NULL, and made in this process. */
#define TMI_CHECK_CONTEXT(context, error)                              \
  do {                                                                 \
    TMI_CHECK(context != NULL, error);                                 \
    if (tmi_is_forked(context)) return tmi_fail_forked(__func__, error); \
  } while (0)
/* The same of an object that has a context. */
#define TMI_CHECK_ALIVE(object, error)              \
  do {                                              \
    TMI_CHECK(object != NULL, error);               \
    if (tmi_is_forked((object)->context))           \
      return tmi_fail_forked(__func__, error);      \
  } while (0)
#include "handles.h" /* needs TMI_CHECK */
/* A message of Metal's, which is freed; text may be NULL. A missing compiler
 * behind softmetal becomes TM_E_MISSING_LIBRARY. */
tm_status tmi_fail_metal(tm_error **error, tm_status status, const char *what,
                         char *text);

/* ---- kernel.c ----------------------------------------------------------- */

/* One run-time argument, as a launch reads it. */
typedef struct tmi_slot {
  bool is_buffer, is_unsigned;
  bool reads, writes;    /* is_buffer: what the kernel does with it */
  bool by_address;       /* is_buffer: its address is at offset, no binding */
  uint8_t slot;          /* is_buffer: index of the binding */
  uint8_t divisibility;  /* 16: promised; else 0 */
  uint16_t offset, size; /* number: place in the struct; buffer: size is the
                            element's */
  tm_scalar scalar;
} tmi_slot;

struct tm_kernel {
  atomic_int references;
  tm_context *context;
  tm_module *module;
  tm_arena arena;        /* everything below that is pointed at */
  tm_program program;
  tmi_slot *slots;       /* program.n_args */
  tm_kernel_facts facts;
  tm_spec spec;
  const tm_chip *chip;
  pthread_mutex_t lock;  /* over the rest */
  atomic_bool is_loaded; /* pipeline may be read without the lock */
  tm_metal_pipeline pipeline;
  char *fused;           /* malloc'ed: the TTIR of a graph's fused kernel, which
                            the module does not have; else NULL */
  bool has_texts;
  const char *texts[3];  /* by tm_stage, up to layout */
  _Atomic uint64_t batch;/* the last batch that retains it */
  uint32_t cache;        /* a tm_switch: as it was compiled */
  bool tensor_ops;       /* likewise: with tensor operations */
  _Atomic(tm_kernel *) overlapping; /* made when first needed; or NULL */
  _Atomic uint64_t profile_row; /* see profile.c */
};

/* Gives diags the sources of the module's set, which places in it count. */
void tmi_share_sources(const tm_module *module, tm_diags *diags);
/* As the public functions, for objects that the host may have given up. */
tm_status tmi_compile(tm_kernel **out, tm_context *context,
                      const tm_module *module, const char *name,
                      const tm_compile_options *given, tm_error **error);
tm_status tmi_kernel_load(tm_kernel *kernel, tm_error **error);
tm_status tmi_kernel_estimate(tm_estimate *estimate, tm_kernel *kernel,
                              tm_grid grid, const tm_arg *args, size_t n_args,
                              tm_error **error);
const char *tmi_kernel_text(tm_kernel *kernel, tm_stage stage);
void tmi_kernel_retain(tm_kernel *kernel);
void tmi_kernel_release(tm_kernel *kernel);
/* The same kernel for launches whose buffers share memory (launch.c). It
 * lives as long as kernel does. */
tm_status tmi_kernel_overlapping(tm_kernel *kernel, tm_kernel **out,
                                 tm_error **error);

/* ---- tensor_descriptor.c --------------------------------------------------- */

/* Copies the descriptor of an argument, and checks what is known when a kernel
 * is compiled. who begins the message: "kernel 'k': 'd'". */
tm_status tmi_descriptor_read(const tm_arg *arg, const char *who,
                              tm_descriptor *out, tm_error **error);
/* Checks what a launch must know besides. */
tm_status tmi_descriptor_check(const tm_descriptor *d, const char *who,
                               tm_error **error);

/* ---- specialize.c ---------------------------------------------------------- */

enum { TMI_MOST_PARAMS = 256 };

/* One parameter, as its declaration says. */
typedef struct tmi_param {
  const char *name;
  bool is_constexpr;
  bool has_default;
  bool by_type_only;      /* do_not_specialize */
  bool by_alignment;      /* false: do_not_specialize_on_alignment */
  uint32_t annotated;     /* tm_dtype of `x: tl.int64`; or NONE */
  bool has_define;
  tm_arg define;          /* of the function's options; text owned */
} tmi_param;

/* Words that tell one combination of arguments from another. */
typedef struct tmi_key {
  uint64_t *words;
  size_t room, used;
} tmi_key;

size_t tmi_text_size(const tm_arg *arg);
/* Is it a compile-time value, with everything in it that it must have? */
bool tmi_is_constant(const tm_arg *arg);
/* A copy of such a value, in the arena. */
tm_arg tmi_arg_copy(tm_arena *arena, const tm_arg *arg);
/* What an argument says of its parameter. Lists are in the scratch arena, which
 * is armed; values and descriptors are the argument's. */
tm_status tmi_specialize(const char *kernel, tm_arena *scratch,
                         const tmi_param *p, const tm_arg *arg,
                         tm_param_spec *out, tm_error **error);
/* All of these are false when the key is full. */
bool tmi_key_put(tmi_key *key, uint64_t word);
bool tmi_key_put_spec(tmi_key *key, const tm_param_spec *spec);
/* The value itself: of what only the run time has, its tag and type. */
bool tmi_key_put_value(tmi_key *key, const tm_arg *arg);
/* Can tmi_specialize do without its arena for this argument? */
static inline bool tmi_is_plain(const tm_arg *arg) {
  return arg->tag < TM_GIVE_DESCRIPTOR || arg->tag == TM_GIVE_FUNCTION;
}
/* Describes and enters n parameters, whose arguments are plain. */
tm_status tmi_key_put_plain(tmi_key *key, const char *kernel,
                            const tmi_param *params, uint32_t n,
                            const tm_arg *const *args, bool *fits,
                            tm_error **error);

/* ---- arg_list.c ------------------------------------------------------------ */

/* Buffers among arguments must be alive, as handles are (handles.h). */
tm_status tmi_check_args(const tm_arg *args, size_t n, const char *function,
                         tm_error **error);

enum { TMI_MOST_FLAT = 512, TMI_MOST_DEPTH = 16 };

/* Run-time arguments as tmi_launch takes them. */
typedef struct tmi_flat {
  const char *kernel; /* its name, for messages */
  tm_arg args[TMI_MOST_FLAT];
  size_t n;
} tmi_flat;

/* Appends one argument that spec describes, without what is constant in it. */
tm_status tmi_flat_add(tmi_flat *flat, const tm_param_spec *spec,
                       const char *name, const tm_arg *arg, tm_error **error);
/* Appends arguments of tm_launch: descriptors must be those that the kernel
 * was compiled for. */
tm_status tmi_flat_add_all(tmi_flat *flat, const tm_kernel_facts *facts,
                           const tm_arg *args, size_t n, uint32_t depth,
                           tm_error **error);

/* ---- kernel_args.c ------------------------------------------------------ */

/* Pieces of a kernel's key: each can be told from what follows it. */
void tmi_key_number(tm_buf *key, uint64_t x);
void tmi_key_bytes(tm_buf *key, const char *bytes, size_t n);
void tmi_key_text(tm_buf *key, const char *text); /* NULL is "" */
void tmi_key_spec(tm_buf *key, const tm_spec *spec);
/* Compiler, kernel and every text that it may depend on (kernel.c). */
void tmi_key_source(tm_buf *key, const tm_module *module, const char *name);
/* A copy whose text and lists are in the arena. */
void tmi_spec_copy(tm_arena *arena, const tm_spec *from, tm_spec *to);
/* Joins the program's arguments with what the kernel's specialization says of
 * their parameters: fills slots and facts. False when they do not fit. */
bool tmi_kernel_join(tm_kernel *kernel);

/* ---- kernel_spec.c ------------------------------------------------------ */

/* Triton's spelling of a dtype; NULL for numbers that are none. */
const char *tmi_dtype_name(uint32_t dtype);
/* Bytes of an element in memory; 0: none. */
uint32_t tmi_dtype_size(uint32_t dtype);
/* The tm_dtype of a spelling; TM_DTYPE_NONE for others. */
uint32_t tmi_dtype_number(const char *type);
/* The specialization that options ask for. Inside the arena's guard. */
tm_status tmi_spec_read(const tm_context *context,
                        const tm_function_def *function,
                        const tm_compile_options *options, tm_arena *arena,
                        tm_diags *diags, tm_spec *spec, tm_error **error);

/* ---- launch_args.c ------------------------------------------------------- */

/* A launch that is checked: what an encoder must be told. */
typedef struct tmi_dispatch {
  tm_kernel *kernel;     /* loaded; borrowed, as its buffers are */
  tm_grid grid;
  const tm_arg *args;    /* kernel->program.n_args of them */
  uint64_t scalars[TM_MOST_SET_BYTES / sizeof(uint64_t)];
} tmi_dispatch;

/* Checks a launch and packs its numbers; loads the kernel. The dispatch may be
 * of another kernel, made for buffers that share memory. No lock. */
tm_status tmi_dispatch_prepare(tm_context *context, tm_kernel *kernel,
                               tm_grid grid, const tm_arg *args,
                               size_t n_args, tmi_dispatch *out,
                               tm_error **error);

/* Checks the arguments of a launch and packs its numbers, in
 * kernel->program.scalars_size zeroed bytes. */
tm_status tmi_launch_pack(const tm_kernel *kernel, const tm_arg *args,
                          unsigned char *scalars, tm_error **error);
/* Checks argument number i of a launch, which is to be a buffer. */
tm_status tmi_launch_check_buffer(const tm_kernel *kernel, size_t i,
                                  const tm_arg *arg, tm_error **error);
/* Do two buffers, each from where it is given to its end, share memory? */
bool tmi_share_memory(const tm_arg *a, const tm_arg *b);
/* Do any two buffers of a launch? */
bool tmi_launch_overlaps(const tm_kernel *kernel, const tm_arg *args);

/* ---- hazard.c ------------------------------------------------------------ */

enum { TMI_HAZARD_RANGES = 256 };

typedef struct tmi_range { uint64_t start, end; } tmi_range;
/* In order, none touching another. */
typedef struct tmi_ranges {
  uint32_t n;
  tmi_range list[TMI_HAZARD_RANGES];
} tmi_ranges;

/* What the launches since the last barrier read and write. */
typedef struct tmi_hazards {
  bool any;              /* there was one */
  bool everything;       /* one of them may reach any memory */
  tmi_ranges read, written;
} tmi_hazards;

void tmi_hazards_clear(tmi_hazards *hazards);
/* Would reading, or writing, [start, end) conflict with what was noted? */
bool tmi_hazards_conflict(const tmi_hazards *hazards, uint64_t start,
                          uint64_t end, bool writes);
/* Notes it; false: there is no room. */
bool tmi_hazards_note(tmi_hazards *hazards, uint64_t start, uint64_t end,
                      bool writes);
/* Notes a launch. True: a barrier must go before it. */
bool tmi_hazards_launch(tmi_hazards *hazards, const tmi_dispatch *dispatch);

/* ---- completion.c -------------------------------------------------------- */

/* Somebody who wants to know when batches have ended: an event's record, or a
 * callback. */
typedef struct tmi_watch {
  struct tmi_watch *next;   /* callbacks: in the stream's caller */
  atomic_int references;
  atomic_bool is_done;      /* all have ended: these four stay as they are */
  pthread_mutex_t lock;     /* over them until then */
  uint32_t remaining;       /* batches that have not ended */
  tm_status status;         /* TM_E_DEVICE: one of them failed */
  char *message;
  double ended;             /* the last of them, on the GPU's clock */
  tm_done *call;            /* callbacks */
  void *payload;
  tm_id shared;             /* records: an MTLSharedEvent, +1, which reaches */
  uint64_t value;           /* value when all have ended */
  uint32_t stream;          /* records: the number of theirs */
} tmi_watch;

tmi_watch *tmi_watch_new(void); /* NULL without memory */
void tmi_watch_retain(tmi_watch *watch);
void tmi_watch_release(tmi_watch *watch);
static inline bool tmi_watch_is_done(tmi_watch *watch) {
  return atomic_load_explicit(&watch->is_done, memory_order_acquire);
}
/* Makes it wait for all batches of the stream, the open one, which there must
 * be, among them. False without memory, and nothing is done. Lock held. */
bool tmi_watch_stream(tmi_watch *watch, tm_stream *stream);

/* The callbacks of a stream, in order. */
typedef struct tmi_caller tmi_caller;
tmi_caller *tmi_caller_new(void);
void tmi_caller_release(tmi_caller *caller);

/* How a batch ended. */
typedef struct tmi_outcome {
  atomic_int references;
  tmi_caller *caller;       /* owned */
  char what[320];           /* "the launch of 'k'"; set before the commit */
  pthread_mutex_t lock;     /* over the rest */
  bool is_settled;          /* the next three are known for good */
  bool has_failed;
  char *failure;            /* NULL: it completed, or there was no memory */
  double ended;             /* on the GPU's clock */
  TM_VEC(tmi_watch *) watches; /* owned; memory by realloc */
} tmi_outcome;

tmi_outcome *tmi_outcome_new(tmi_caller *caller); /* NULL without memory */
void tmi_outcome_release(tmi_outcome *outcome);
/* Has Metal settle it when the command buffer, not committed yet, has ended. */
void tmi_outcome_follow(tmi_outcome *outcome, tm_id command);
/* The command buffer has ended. */
void tmi_outcome_settle(tmi_outcome *outcome, tm_id command);

/* ---- stream.c ----------------------------------------------------------- */

/* The log of one launch; the batch keeps the kernel. */
typedef struct tmi_log_use {
  tm_buffer *buffer;
  tm_kernel *kernel;
} tmi_log_use;

struct tmi_held;

/* What an encoder has set, so that it is not set again. */
typedef struct tmi_binding {
  tm_id object;
  uint64_t offset;
} tmi_binding;
typedef struct tmi_encoder {
  tm_id object;          /* MTLComputeCommandEncoder */
  tm_id pipeline;
  tmi_binding bound[TM_MOST_BUFFER_INDEX + 1];
} tmi_encoder;

/* Dispatches that go to the GPU together, and what they keep alive. */
typedef struct tmi_batch {
  struct tmi_batch *next;
  uint64_t id;           /* unique in the process */
  tm_id command;         /* +1 */
  tmi_encoder encoder;   /* object +1; NULL: none is open */
  TM_VEC(tm_buffer *) buffers; /* retained; memory by realloc */
  TM_VEC(tm_kernel *) kernels;
  const void *kept[64];  /* some of both, by address: found without touching
                            what other threads' batches write */
  TM_VEC(tmi_log_use) logs; /* memory by realloc */
  TM_VEC(struct tmi_held *) held; /* of graphs, retained */
  TM_VEC(tmi_watch *) watches; /* records it waits for; kept */
  tmi_outcome *outcome;  /* owned */
  uint32_t launches;
  uint64_t bytes;        /* of its buffers */
  double opened;         /* tmi_seconds of its first launch */
  /* of the profiler, see profile.c */
  uint64_t session;      /* whose events these are; 0: none */
  TM_VEC(uint32_t) events; /* one for each stamped encoder; by realloc */
  tm_id samples, pass;   /* +1, kept when the batch is used again; or NULL */
  bool is_alone;         /* committed after its first launch */
} tmi_batch;

struct tm_stream {
  tm_context *context;
  pthread_mutex_t lock;
  tm_id queue;           /* +1 */
  uint32_t number;       /* unique in the process, from 1; for traces */
  uint32_t batch_limit;  /* launches */
  uint64_t byte_limit;   /* of the buffers that they use */
  double age_limit;      /* seconds that a batch may be open */
  uint64_t stall_ms;
  tmi_batch *open;       /* being filled; or NULL */
  tmi_batch *first, *last; /* in flight, oldest first */
  uint32_t in_flight;
  tmi_batch *spare;      /* emptied, for reuse */
  char *failure;         /* what went wrong on the GPU and is not reported */
  char *printed;         /* lines of device_print that nobody has taken */
  size_t printed_size, printed_room;
  uint64_t printed_lost; /* bytes that did not fit */
  uint64_t done;         /* every batch up to this id has ended */
  tm_id fence;           /* +1; orders its encoders */
  bool fence_is_set;     /* an encoder has updated it */
  bool concurrent;       /* encoders are; hazards is in use */
  tmi_hazards hazards;   /* of the open encoder */
  tm_stream_facts facts; /* counts */
  _Atomic(tm_graph *) recorder; /* launches go there; or NULL */
  tmi_caller *caller;    /* owned */
};

/* Grows a vector of pointers on the heap; false without memory. */
bool tmi_grow(void **data, uint32_t *cap);

/* Looking again and again, less often in time. */
typedef struct tmi_pause {
  double deadline; /* tmi_seconds; negative: none */
  unsigned spins;
  long sleep_ns;
} tmi_pause;
tmi_pause tmi_pause_for(uint64_t timeout_ms);
/* False when the time is over. */
bool tmi_pause_once(tmi_pause *pause);

/* The open batch with its encoder, made when there is none. Lock held. */
tm_status tmi_stream_batch(tm_stream *stream, tmi_batch **batch,
                           tm_error **error);
/* The same in parts. The open batch, perhaps without an encoder, once failures
 * are reported; the lock is let go of while too much is in flight. Another
 * encoder for it (pass: one that stamps its begin and end at first and the
 * index after it; NULL: as usual), once the last has ended. Lock held. */
tm_status tmi_stream_open(tm_stream *stream, tmi_batch **batch,
                          tm_error **error);
tm_status tmi_stream_encoder(tm_stream *stream, tmi_batch *batch, tm_id pass,
                             uint32_t first, tm_error **error);
/* If the batch has one. Lock held. */
void tmi_stream_end_encoder(tm_stream *stream, tmi_batch *batch);
/* TM_E_ARGUMENT while it records a graph. */
tm_status tmi_stream_runs(tm_stream *stream, tm_error **error);
/* Commits the open batch, if there is one, for a call. Lock held. */
void tmi_stream_commit(tm_stream *stream);
/* A batch of no stream, which only keeps objects; NULL without memory. */
tmi_batch *tmi_batch_new(void);
void tmi_batch_free(tmi_batch *batch);
/* Makes batch keep the objects until it has ended; false without memory. */
bool tmi_batch_keep_buffer(tmi_batch *batch, tm_buffer *buffer);
bool tmi_batch_keep_kernel(tmi_batch *batch, tm_kernel *kernel);
bool tmi_batch_keep_held(tmi_batch *batch, struct tmi_held *held);
bool tmi_batch_keep_watch(tmi_batch *batch, tmi_watch *watch);
/* Sends a barrier if the dispatch must wait for others. Lock held. */
void tmi_stream_order(tm_stream *stream, tmi_batch *batch,
                      const tmi_dispatch *dispatch);
/* Counts a dispatch and commits when the batch is full. Lock held. */
tm_status tmi_stream_count(tm_stream *stream, tm_error **error);

/* ---- profile.c ---------------------------------------------------------- */

void tmi_profiler_init(tmi_profiler *profiler);
/* Ends a session that nobody will ask for. */
void tmi_profiler_drop(tmi_profiler *profiler);
void tmi_profiler_free(tmi_profiler *profiler);
uint32_t tmi_profile_stream_number(void);

/* A launch that is being recorded; begin 0: it is not. */
typedef struct tmi_profile_mark {
  double begin;
  uint64_t session;
  uint32_t event;
} tmi_profile_mark;

/* What tmi_dispatch_queue calls, in this order, with the stream's lock held:
 * begin; batch, in place of tmi_stream_batch; record, after encoding; queued,
 * after committing. */
static inline tmi_profile_mark tmi_profile_begin(const tm_context *context) {
  tmi_profile_mark mark = {0, 0, 0xffffffff};
  if (atomic_load_explicit(&context->profiler.is_on, memory_order_relaxed))
    mark.begin = tm_metal_host_seconds();
  return mark;
}
/* The open batch, with an encoder or in a batch that times the launch alone.
 * mark->session 0: recording has just ended, and the encoder is a plain one. */
tm_status tmi_profile_batch(tm_stream *stream, tmi_batch **batch,
                            tmi_profile_mark *mark, tm_error **error);
void tmi_profile_record(tm_stream *stream, tmi_batch *batch,
                        const struct tmi_dispatch *dispatch,
                        tmi_profile_mark *mark);
void tmi_profile_queued(tm_context *context, const tmi_profile_mark *mark);
/* Reads the GPU's times of a batch that has ended (ran: without an error) and
 * has events. */
void tmi_profile_ended(tm_stream *stream, tmi_batch *batch, bool ran);
/* Before the batch's memory goes. */
void tmi_profile_release_batch(tmi_batch *batch);
/* A kernel has been compiled or found; its pipeline has been made. */
void tmi_profile_compiled(tm_kernel *kernel, double seconds);
void tmi_profile_loaded(tm_kernel *kernel, double seconds);

/* Something failed on the GPU: text (malloc'ed, taken; NULL without memory)
 * is kept until a call reports it, unless an older one is. Lock held. */
void tmi_stream_note(tm_stream *stream, char *failure);

/* ---- device_log.c ------------------------------------------------------- */

/* A fresh log for a launch in batch; it goes with the batch. Lock held. */
tm_status tmi_log_attach(tm_stream *stream, tmi_batch *batch,
                         tm_kernel *kernel, tm_buffer **out,
                         tm_error **error);
/* Reads the logs of a batch that has ended (ran: without an error) and
 * releases them. Lock held. */
void tmi_log_read(tm_stream *stream, tmi_batch *batch, bool ran);
/* Hands lines to the context's print callback, if it has one. No lock. */
void tmi_log_deliver(tm_stream *stream);

/* ---- launch.c ----------------------------------------------------------- */

/* Sends a dispatch to an encoder. log: of a kernel that prints or asserts; else
 * NULL. */
void tmi_dispatch_encode(const tmi_dispatch *dispatch, tmi_encoder *encoder,
                         const tm_buffer *log);
/* Makes the batch keep its kernel and buffers; false without memory. */
bool tmi_dispatch_keep(tmi_batch *batch, const tmi_dispatch *dispatch);
/* Puts a dispatch into the stream's open batch, which keeps what it uses until
 * it has ended. Lock held. */
tm_status tmi_dispatch_queue(tm_stream *stream, const tmi_dispatch *dispatch,
                             tm_error **error);
/* into: the host's encoder or command buffer, and no stream; else NULL. flat:
 * args may have descriptors and tuples. */
tm_status tmi_launch(tm_stream *stream, const tm_target *into,
                     tm_kernel *kernel, tm_grid grid, const tm_arg *args,
                     size_t n_args, tm_error **error);
tm_status tmi_launch_flat(tm_stream *stream, const tm_target *into,
                          tm_kernel *kernel, tm_grid grid, const tm_arg *args,
                          size_t n_args, tm_error **error);

/* ---- launch_into.c ------------------------------------------------------- */

tm_status tmi_launch_into(const tm_target *target, tm_kernel *kernel,
                          tm_grid grid, const tm_arg *args, size_t n_args,
                          tm_error **error);

/* ---- graph.c ------------------------------------------------------------ */

/* A launch on a stream that may be recording: true when it was recorded, or
 * could not be, with *status. */
bool tmi_graph_record(tm_stream *stream, tm_kernel *kernel, tm_grid grid,
                      const tm_arg *args, tm_status *status,
                      tm_error **error);
void tmi_held_release(struct tmi_held *held);

#endif
