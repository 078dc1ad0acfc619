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

/* ---- apple_chip.c: what each Apple chip reports (METAL-FACTS 2) -------------- */

typedef struct sm_chip {
  const char *key;          /* SOFTMETAL_CHIP: "m2-max" */
  const char *name;         /* MTLDevice.name: "Apple M2 Max" */
  const char *architecture; /* MTLArchitecture.name */
  uint32_t family;          /* highest AppleN */
} sm_chip;

/* The chip that SOFTMETAL_CHIP names, "m1" when unset or unknown. */
const sm_chip *sm_chip_chosen(void);

enum { SM_LANGUAGE_VERSION = 4 << 16 /* MSL 4.0: macOS 26 */ };

/* ---- setting.c: SOFTMETAL_* -------------------------------------------- */

typedef enum sm_fault {
  SM_FAULT_LIBRARY, SM_FAULT_PIPELINE, SM_FAULT_BUFFER, SM_FAULT_COMMAND,
  SM_FAULT_TIMEOUT, SM_FAULTS
} sm_fault;

typedef struct sm_settings {
  bool check;            /* SOFTMETAL_CHECK=1 */
  bool counters;         /* SOFTMETAL_COUNTERS=1 */
  uint64_t shuffle_seed; /* SOFTMETAL_SHUFFLE=seed; 0: off */
  uint64_t deadline_ns;  /* SOFTMETAL_TIMEOUT_MS; 120 s when unset */
} sm_settings;

/* Reads the environment at each call: tests change it between devices. */
sm_settings sm_settings_read(void);
/* Counts one operation of the kind; true when SOFTMETAL_FAULT says that this
 * one fails ("buffer:3" the third, "command:2+" the second and all later;
 * several separated by commas). */
bool sm_fault_now(sm_fault kind);

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
  sm_bool preserve_invariance, enable_logging;
  id macros, install_name, libraries; /* owned */
} sm_compile_options_object;

typedef struct sm_library {
  sm_object base;
  sm_device *device;  /* owned */
  id label;           /* owned */
  char *text;         /* owned; the source the program points into */
  tm_arena arena;
  sm_program *program;
  sm_parse_options options; /* what the text was parsed with; macros too */
} sm_library;

typedef struct sm_function_object {
  sm_object base;
  sm_library *library; /* owned: keeps the program alive */
  const sm_function *function;
  id label;            /* owned */
  sm_constant_value *constants; /* owned */
  uint32_t n_constants;
} sm_function_object;

enum { SM_MAX_CONSTANTS = 256 };

typedef struct sm_constant_values {
  sm_object base;
  uint32_t count;
  struct {
    sm_constant_value value;
    NSUInteger type; /* MTLDataType */
    id name;         /* owned; NULL: by index */
  } items[SM_MAX_CONSTANTS];
} sm_constant_values;

typedef struct sm_pipeline_descriptor {
  sm_object base;
  id function, label, binary_archives; /* owned */
  sm_bool multiple_of_width, indirect, binary_functions;
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
} sm_pipeline;

typedef struct sm_buffer {
  sm_object base;
  sm_device *device;  /* owned */
  id label;           /* owned */
  char *bytes;
  NSUInteger length, mapped, options;
  void *deallocator;  /* owned block; NULL */
  bool borrowed;      /* bytes are the caller's */
} sm_buffer;

typedef struct sm_event {
  sm_object base;
  sm_device *device; /* owned */
  id label;          /* owned */
  pthread_mutex_t lock;
  pthread_cond_t changed;
  uint64_t value;
} sm_event;

typedef struct sm_queue sm_queue;

typedef enum sm_command_kind {
  SM_COMMAND_DISPATCH, SM_COMMAND_COPY, SM_COMMAND_FILL,
  SM_COMMAND_SIGNAL, SM_COMMAND_WAIT
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
} sm_command;

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
  char misuse[256];    /* the first wrong use of an encoder; "" if none */
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
} sm_command_buffer;

/* MTLCommandBufferStatus and MTLCommandBufferErrorDomain's codes. */
enum {
  SM_NOT_ENQUEUED, SM_ENQUEUED, SM_COMMITTED, SM_SCHEDULED, SM_COMPLETED,
  SM_STATUS_ERROR
};
enum {
  SM_CB_INTERNAL = 1, SM_CB_TIMEOUT = 2, SM_CB_PAGE_FAULT = 3,
  SM_CB_OUT_OF_MEMORY = 8, SM_CB_INVALID_RESOURCE = 9
};

struct sm_queue {
  sm_object base;
  sm_device *device;  /* owned */
  id label;           /* owned */
  NSUInteger most;    /* uncompleted command buffers before blocking */
  struct sm_queue_core *core; /* what the worker thread shares; queue.c */
};

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
id sm_event_new(sm_device *device, bool shared);
id sm_fence_new(sm_device *device);
void sm_event_signal(sm_event *event, uint64_t value);
/* False when timeout_ns (0: none) passed first. */
bool sm_event_wait(sm_event *event, uint64_t value, uint64_t timeout_ns);
id sm_queue_new(sm_device *device, NSUInteger most);
/* The maximum that an MTLCommandQueueDescriptor says; 64 for anything else. */
NSUInteger sm_queue_descriptor_most(id descriptor);
/* Blocks while too many command buffers are uncompleted. +0. */
id sm_queue_command_buffer(sm_queue *queue, bool retains,
                           NSUInteger error_options);
/* Hands a committed buffer to the worker. */
void sm_queue_submit(sm_queue *queue, sm_command_buffer *buffer);
/* A command buffer will never be committed, or has completed. */
void sm_queue_forget(sm_queue *queue);
id sm_command_buffer_new(sm_queue *queue, bool retains,
                         NSUInteger error_options);
/* Runs a committed buffer to its end; on the queue's thread. */
void sm_command_buffer_run(sm_command_buffer *buffer);
/* Appends a zeroed command; NULL without memory (the buffer then fails). */
sm_command *sm_command_add(sm_command_buffer *buffer, sm_command_kind kind);
/* Keeps an object alive until completion, if the buffer retains. */
void sm_command_keep(sm_command_buffer *buffer, const void *object);
/* Records the first wrong use: the buffer will end in an error that says so,
 * where Metal's debug layer would end the process. */
void sm_command_misuse(sm_command_buffer *buffer, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
id sm_compute_encoder_new(sm_command_buffer *buffer, NSUInteger dispatch_type);
id sm_blit_encoder_new(sm_command_buffer *buffer);
/* counter_report.c: a new record, NULL without memory; the text. */
softmetal_counters *sm_counters_add(sm_command_buffer *buffer);
void sm_counters_report(const sm_command_buffer *buffer);
double sm_now_seconds(void);

#endif
