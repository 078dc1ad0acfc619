/* SPDX-License-Identifier: MIT */
/*
 * metal_objects.h - the structures behind softmetal's Metal objects, and what its
 * files ask of each other. Ownership is by reference count; every id or
 * pointer field that keeps an object alive says so.
 */
#ifndef SM_METAL_OBJECTS_H
#define SM_METAL_OBJECTS_H

#include "../exec/exec.h"
#include "objc.h"

#include <pthread.h>
#include <stdarg.h>

/* ---- apple_chip.c: what each Apple chip reports (METAL-FACTS 2) -------------- */

typedef struct sm_chip {
  const char *key;          /* SOFTMETAL_CHIP: "m2-max" */
  const char *name;         /* MTLDevice.name: "Apple M2 Max" */
  const char *architecture; /* MTLArchitecture.name */
  uint32_t family;          /* highest AppleN */
  uint32_t cores;           /* of the GPU, the largest sold */
} sm_chip;

/* The chip that SOFTMETAL_CHIP names, "m1" when unset; NULL: there is none. */
const sm_chip *sm_chip_chosen(void);

enum { SM_LANGUAGE_VERSION = 4 << 16 /* MSL 4.0: macOS 26 */ };

/* ---- setting.c: SOFTMETAL_* -------------------------------------------- */

typedef enum sm_fault {
  SM_FAULT_LIBRARY, SM_FAULT_PIPELINE, SM_FAULT_BUFFER, SM_FAULT_HEAP,
  SM_FAULT_ARCHIVE, SM_FAULT_COMMAND, SM_FAULT_TENSORS, SM_FAULTS
} sm_fault;

typedef struct sm_settings {
  bool check;            /* SOFTMETAL_CHECK=1 */
  bool counters;         /* SOFTMETAL_COUNTERS=1 */
  uint64_t shuffle_seed; /* SOFTMETAL_SHUFFLE=seed; 0: off */
  uint64_t deadline_ns;  /* SOFTMETAL_TIMEOUT_MS; 120 s when unset */
} sm_settings;

/* Reads the environment at each call: tests change it between devices. */
sm_settings sm_settings_read(void);

/* How an injected command-buffer error looks; code 0 for other kinds. */
typedef struct sm_command_fault {
  NSInteger code;
  const char *text;
} sm_command_fault;

/* Counts one operation of the kind; not NULL when SOFTMETAL_FAULT says that
 * this one fails. */
const sm_command_fault *sm_fault_now(sm_fault kind);

/* The newest MSL of the imitated macOS (sm_macos_major). */
uint32_t sm_newest_language(void);

/* False, and reported, when a SOFTMETAL_ variable says nothing sensible. */
bool sm_settings_ok(void);

/* Reports a wrong use that nothing else can carry: [object cmd]: reason. */
void sm_misuse(const void *object, SEL cmd, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* The same, and the whole text into out. */
void sm_misuse_text(char *out, size_t size, const void *object, SEL cmd,
                    const char *format, va_list args);

/* ---- pipeline_store.c: native code kept between processes --------------- */

/* Looks up the object stored under exactly this key. On a hit *object is
 * malloc'ed. Threads: any, and any number of processes. */
bool sm_store_get(const void *key, size_t key_size, sm_code_info *info,
                  void **object, size_t *object_size);
/* Stores it; failures are silent, the next process then compiles. */
void sm_store_put(const void *key, size_t key_size, const sm_code_info *info,
                  const void *object, size_t object_size);

/* ---- objects ----------------------------------------------------------- */

typedef struct sm_device {
  sm_object base;
  const sm_chip *chip;
  _Atomic uint64_t allocated; /* bytes in live buffers */
  _Atomic sm_bool maximizes_compilation; /* kept, without effect: every
                                            compile runs at once anyway */
} sm_device;

typedef struct sm_compile_options_object {
  sm_object base;
  NSUInteger language_version; /* 0: the device's newest */
  sm_bool fast_math;
  sm_bool fast_math_was_set;
  NSInteger math_mode;         /* -1: not set */
  NSInteger math_functions;    /* -1: not set */
  NSInteger optimization_level, library_type;
  NSUInteger max_total_threads;
  MTLSize required_threads;
  NSInteger visibility;
  sm_bool preserve_invariance, enable_logging, undefined_symbols;
  id macros, install_name, libraries; /* owned */
} sm_compile_options_object;

typedef struct sm_library {
  sm_object base;
  sm_device *device;  /* owned */
  id label, install_name; /* owned */
  char *text;         /* owned; the source the program points into */
  tm_arena arena;
  sm_program *program;
  sm_parse_options options; /* what the text was parsed with; macros too */
  NSUInteger max_threads;   /* of kernels without an attribute; 0 */
  MTLSize required;         /* of kernels; 0: any */
  bool logging;             /* enableLogging */
} sm_library;

typedef struct sm_function_object {
  sm_object base;
  sm_library *library; /* owned: keeps the program alive */
  const sm_function *function;
  id label, name;      /* owned; name: NULL or the specialised one */
  sm_constant_value *constants; /* owned */
  uint32_t n_constants;
} sm_function_object;

enum { SM_MAX_CONSTANTS = 65536 }; /* METAL-FACTS 2.3 */

typedef struct sm_constant_item {
  sm_constant_value value;
  NSUInteger type; /* MTLDataType */
  id name;         /* owned; NULL: by index */
} sm_constant_item;

typedef struct sm_constant_values {
  sm_object base;
  uint32_t count, capacity;
  sm_constant_item *items;
} sm_constant_values;

/* The scalar and element count of an MTLDataType that function constants may
 * have; false: no such. */
bool sm_data_type(NSUInteger type, sm_scalar *scalar, uint32_t *count);
/* The MTLDataType of a type; 0: none. */
NSUInteger sm_data_type_of(const sm_type *type);

/* MTLFunctionDescriptor */
typedef struct sm_function_descriptor {
  sm_object base;
  id name, specialized_name, constants, archives; /* owned */
  NSUInteger options;
} sm_function_descriptor;

typedef struct sm_pipeline_descriptor {
  sm_object base;
  id function, label, binary_archives, linked, preloaded; /* owned */
  sm_bool multiple_of_width, indirect, binary_functions;
  MTLSize required_threads;
  NSUInteger max_total_threads, max_call_depth;
  NSInteger shader_validation;
} sm_pipeline_descriptor;

typedef struct sm_pipeline {
  sm_object base;
  sm_device *device; /* owned */
  id label;          /* owned */
  char *name;        /* owned: the kernel's */
  sm_code *code;     /* owned */
  NSUInteger max_threads;
  bool check, counters; /* what its code is instrumented for */
  bool multiple_of_width; /* promised by the descriptor */
  bool logging;           /* os_log is heard */
  MTLSize required;       /* threads of every threadgroup; 0: any */
  bool indirect;
  NSInteger shader_validation;
} sm_pipeline;

/* A buffer; memory of its own, of the caller or of a heap. */
typedef struct sm_buffer {
  sm_object base;
  sm_device *device;  /* owned */
  id label;           /* owned */
  char *bytes;
  NSUInteger length, mapped, options;
  void *deallocator;  /* owned block; NULL */
  bool borrowed;      /* bytes are the caller's */
  struct sm_heap *heap; /* owned; NULL */
  NSUInteger heap_offset;
  bool aliasable;
  NSUInteger purgeable; /* MTLPurgeableState; 0: NonVolatile */
} sm_buffer;

typedef struct sm_event {
  sm_object base;
  sm_device *device; /* owned */
  id label;          /* owned */
  pthread_mutex_t lock;
  pthread_cond_t changed;
  uint64_t value;
  struct sm_notice *notices; /* blocks that wait for values; under lock */
} sm_event;

typedef struct sm_queue sm_queue;

typedef enum sm_command_kind {
  SM_COMMAND_DISPATCH, SM_COMMAND_COPY, SM_COMMAND_FILL,
  SM_COMMAND_SIGNAL, SM_COMMAND_WAIT, SM_COMMAND_RESOLVE
} sm_command_kind;

/* One encoded command. Objects in it are owned by the command buffer. */
typedef struct sm_command {
  sm_command_kind kind;
  sm_pipeline *pipeline;
  sm_dispatch dispatch;
  sm_buffer *indirect;       /* grid is read from it when it runs */
  NSUInteger indirect_offset;
  sm_buffer *source, *target;
  NSUInteger source_offset, target_offset, size;
  uint8_t fill;
  sm_event *event;
  uint64_t value;
  struct sm_sample_buffer *samples;
  uint32_t encoder;          /* index into encoders */
  uint32_t interval;         /* dispatches of one are not ordered */
} sm_command;

/* What an encoder leaves for errors and timestamps. */
typedef struct sm_encoder_info {
  id label;                  /* owned */
  id signposts;              /* owned array */
  NSInteger state;           /* MTLCommandEncoderErrorState */
  struct sm_sample_buffer *samples; /* owned; NULL */
  NSUInteger sample_start, sample_end;
} sm_encoder_info;

typedef struct sm_command_buffer {
  sm_object base;
  sm_queue *queue;     /* owned */
  id label, error;     /* owned */
  bool retains;        /* false: commandBufferWithUnretainedReferences */
  NSUInteger error_options;
  sm_command *commands;
  size_t n_commands, cap_commands;
  id *kept;            /* retained objects */
  size_t n_kept, cap_kept;
  uint8_t *bytes;      /* copies of setBytes data, by offset */
  size_t n_bytes, cap_bytes;
  sm_encoder_info *encoders;
  size_t n_encoders, cap_encoders;
  sm_binding *reachable; /* of useResource: and residency sets */
  size_t n_reachable, cap_reachable;
  uint32_t intervals;  /* numbered so far */
  id log_state;        /* owned */
  char misuse[512];    /* the first wrong use of an encoder; "" if none */
  NSInteger debug_depth;
  bool has_encoder;    /* one is open */
  void **completed, **scheduled; /* owned blocks */
  size_t n_completed, n_scheduled;
  pthread_mutex_t lock;
  pthread_cond_t changed;
  NSUInteger status;   /* MTLCommandBufferStatus, under lock */
  double gpu_start, gpu_end, kernel_start, kernel_end;
  softmetal_counters *counters; /* one a dispatch that counted; owned */
  size_t n_counters;
  struct sm_command_buffer *next; /* in the queue's list */
  bool listed, ready;  /* in the list; committed. Under the queue's lock */
} sm_command_buffer;

/* MTLCommandBufferStatus and MTLCommandBufferErrorDomain's codes. */
enum {
  SM_NOT_ENQUEUED, SM_ENQUEUED, SM_COMMITTED, SM_SCHEDULED, SM_COMPLETED,
  SM_STATUS_ERROR
};
enum {
  SM_CB_INTERNAL = 1, SM_CB_TIMEOUT = 2, SM_CB_PAGE_FAULT = 3,
  SM_CB_ACCESS_REVOKED = 4, SM_CB_NOT_PERMITTED = 7, SM_CB_OUT_OF_MEMORY = 8,
  SM_CB_INVALID_RESOURCE = 9, SM_CB_MEMORYLESS = 10,
  SM_CB_DEVICE_REMOVED = 11, SM_CB_STACK_OVERFLOW = 12
};

struct sm_queue {
  sm_object base;
  sm_device *device;  /* owned */
  id label;           /* owned */
  NSUInteger most;    /* uncompleted command buffers before blocking */
  id log_state;       /* owned */
  id *residency;      /* owned sets */
  NSUInteger n_residency;
  struct sm_queue_core *core; /* what the worker thread shares; queue.c */
};

extern Class sm_function_descriptor_class;
extern Class sm_device_class, sm_library_class, sm_function_class,
    sm_pipeline_class, sm_buffer_class, sm_event_class, sm_command_class,
    sm_queue_class, sm_pipeline_descriptor_class, sm_compile_options_class,
    sm_constant_values_class;

/* ---- what files ask of each other -------------------------------------- */

id sm_library_new(sm_device *device, id source, id options, id *error);
id sm_pipeline_new(sm_device *device, sm_function_object *function,
                   sm_pipeline_descriptor *descriptor, NSUInteger options,
                   id *error);
id sm_buffer_new(sm_device *device, NSUInteger length, NSUInteger options);
id sm_buffer_new_borrowed(sm_device *device, void *bytes, NSUInteger length,
                          NSUInteger options, const void *deallocator);
NSUInteger sm_max_buffer_length(void);
/* False, and reported, when they are no options of a buffer. */
bool sm_options_ok(const void *object, SEL cmd, NSUInteger options);
id sm_event_new(sm_device *device, bool shared);
id sm_fence_new(sm_device *device);
void sm_event_signal(sm_event *event, uint64_t value);
/* False when timeout_ns (0: none) passed first. */
bool sm_event_wait(sm_event *event, uint64_t value, uint64_t timeout_ns);
id sm_queue_new(sm_device *device, NSUInteger most);
id sm_queue_new_with(sm_device *device, id descriptor);
/* Blocks while too many command buffers are uncompleted. +0. */
id sm_queue_command_buffer(sm_queue *queue, bool retains,
                           NSUInteger error_options);
/* Gives the buffer its place in the order of the queue. */
void sm_queue_enqueue(sm_queue *queue, sm_command_buffer *buffer);
/* Lets the worker run the buffer, enqueued or not, when its turn comes. */
void sm_queue_submit(sm_queue *queue, sm_command_buffer *buffer);
/* An enqueued buffer goes away without a commit. */
void sm_queue_remove(sm_queue *queue, sm_command_buffer *buffer);
/* A command buffer will never be committed, or has completed. */
void sm_queue_forget(sm_queue *queue);
id sm_command_buffer_new(sm_queue *queue, bool retains,
                         NSUInteger error_options);
/* Runs a committed buffer to its end; on the queue's thread. */
void sm_command_buffer_run(sm_command_buffer *buffer);
void sm_command_set_status(sm_command_buffer *buffer, NSUInteger status);
/* Calls back with each range of memory that a buffer, heap or residency set
 * stands for (residency.c). */
void sm_memory_of(id object, void (*each)(void *, void *, uint64_t),
                  void *payload);
/* sample_buffer.c: the encoder just added to the command buffer samples as
 * the pass says; a timestamp now; copying them as u64. */
typedef struct sm_pass_descriptor sm_pass_descriptor;
struct sm_pass_descriptor {
  sm_object base;
  NSUInteger dispatch_type;
  id attachments; /* owned array object */
};
typedef struct sm_sample_buffer sm_sample_buffer;
void sm_pass_attach(sm_pass_descriptor *pass, sm_command_buffer *buffer);
void sm_samples_take(sm_sample_buffer *samples, NSUInteger index);
void sm_samples_resolve(sm_sample_buffer *samples, NSUInteger first,
                        NSUInteger count, void *out);
NSUInteger sm_samples_count(const sm_sample_buffer *samples);
id sm_sample_buffer_new(sm_device *device, id descriptor, id *error);
id sm_counter_sets(void); /* +0 */
id sm_heap_new(sm_device *device, id descriptor);
id sm_residency_new(sm_device *device, id descriptor, id *error);
id sm_log_state_new(sm_device *device, id descriptor, id *error);
/* log_state.c: how many bytes of messages one command buffer may send; one
 * message. state may be NULL. */
typedef struct sm_log_state sm_log_state;
size_t sm_log_room(id state);
void sm_log_deliver(id state, const char *subsystem, const char *category,
                    NSInteger level, const char *message);
/* heap.c */
struct sm_heap;
void sm_heap_give_back(struct sm_heap *heap, NSUInteger at, NSUInteger size);
bool sm_heap_memory(id object, void **bytes, NSUInteger *size);
id sm_buffer_new_in_heap(sm_device *device, struct sm_heap *heap, char *bytes,
                         NSUInteger at, NSUInteger length,
                         NSUInteger options);
/* event.c */
id sm_event_from_handle(id handle); /* +1 */
/* binary_archive.c: a malloc'ed copy of what the archive holds under the key. */
bool sm_archive_find(id archive, const void *key, size_t key_size,
                     sm_code_info *info, void **bytes, size_t *size);
bool sm_archive_put(id archive, const void *key, size_t key_size,
                    const sm_code_info *info, const void *bytes, size_t size);
/* pipeline_state.c: puts the function's code into the archive. *message is
 * malloc'ed on failure, or NULL without memory. */
bool sm_pipeline_archive(const sm_function_object *function, id archive,
                         char **message);
/* library.c: the function that a descriptor names; +1, or NULL and *error. */
id sm_function_described(id library, sm_function_descriptor *descriptor,
                       id *error);
/* function_use.c: which of program->function_constants kernel reads; malloc'ed,
 * NULL without memory. */
/* device.c: calls a handler of (object, error) on a thread of its own. */
void sm_call_later(const void *handler, id object, id error);
bool *sm_constants_used(const sm_program *program, const sm_function *kernel);
id sm_archive_new(sm_device *device, id descriptor, id *error);
/* Appends a zeroed command; NULL without memory (the buffer then fails). */
sm_command *sm_command_add(sm_command_buffer *buffer, sm_command_kind kind);
/* Keeps an object alive until completion, if the buffer retains. */
void sm_command_keep(sm_command_buffer *buffer, const void *object);
/* Records the first wrong use: the buffer will end in an error that says so,
 * where Metal's debug layer would end the process. */
void sm_command_misuse(sm_command_buffer *buffer, const void *object,
                       SEL cmd, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
/* Memory that kernels may reach by address only: a buffer, or what a heap or
 * a residency set holds. */
void sm_command_reach(sm_command_buffer *buffer, id resource);
/* Index of a new record; the encoder's label comes at its end. */
uint32_t sm_command_encoder_add(sm_command_buffer *buffer);
id sm_compute_encoder_new(sm_command_buffer *buffer, NSUInteger dispatch_type);
id sm_blit_encoder_new(sm_command_buffer *buffer);
/* counter_report.c: a new record, NULL without memory; the text. */
softmetal_counters *sm_counters_add(sm_command_buffer *buffer);
void sm_counters_report(const sm_command_buffer *buffer);
double sm_now_seconds(void);

#endif
