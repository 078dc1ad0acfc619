/* SPDX-License-Identifier: MIT */
/*
 * metal.h - Metal behind one C wrapper.
 *
 * Messages go through objc_msgSend, found by dlopen and dlsym on every
 * system; only the libraries' names differ. One file per Metal class:
 *
 *   metal_loader.c    libraries, selectors, strings, error text
 *   metal_device.c    MTLDevice
 *   metal_library.c   MTLCompileOptions, MTLLibrary
 *   metal_pipeline.c  MTLComputePipelineState
 *   metal_archive.c   MTLBinaryArchive
 *   metal_memory.c    MTLBuffer
 *   metal_queue.c     MTLCommandQueue, MTLCommandBuffer, the encoder
 *   metal_times.c     when the GPU worked: command buffers' times, samples
 *   metal_event.c     MTLSharedEvent
 *   metal_block.c     C functions as completion handlers
 *
 * Plain C cannot catch Objective-C exceptions, so arguments are checked
 * before they are sent. Success is judged by the returned object; NSError is
 * read only after that, since a warning sets it too. Text of errors is
 * malloc'ed into *text (NULL without memory); the caller frees it.
 *
 * Every function pushes its own autorelease pool, but for those of the
 * encoder, whose caller holds one.
 */
#ifndef TM_METAL_H
#define TM_METAL_H

#include "metal_facts.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef void *tm_id;  /* an Objective-C object; NULL is nil */
typedef const void *tm_sel;
/* BOOL is bool on arm64 and signed char on x86-64: both fit, compare with 0. */
typedef signed char tm_objc_bool;
typedef struct tm_mtl_size { unsigned long width, height, depth; } tm_mtl_size;
typedef struct tm_mtl_range { unsigned long location, length; } tm_mtl_range;

/* The loaded libraries. Filled once, then only read. */
typedef struct tm_objc {
  void (*send)(void);
  void (*send_stret)(void); /* x86-64: structures over 16 bytes */
  void *(*pool_push)(void);
  void (*pool_pop)(void *pool);
  tm_id (*retain)(tm_id object);
  void (*release)(tm_id object);
  tm_sel (*sel_register)(const char *name);
  tm_id (*get_class)(const char *name);
  void *stack_block;                /* the class of blocks on the stack */
  tm_id (*create_device)(void);     /* +1, may be nil */
  tm_id (*copy_devices)(void);      /* +1 array, may be empty */
  tm_id *timestamp_set;  /* the NSString that names it; NULL: not known */
  struct {
#define TM_SELECTOR_FIELD(field, name) tm_sel field;
    TM_SELECTORS(TM_SELECTOR_FIELD)
#undef TM_SELECTOR_FIELD
  } sel;
  struct {
#define TM_CLASS_FIELD(field, name) tm_id field;
    TM_CLASSES(TM_CLASS_FIELD)
#undef TM_CLASS_FIELD
  } cls;
  bool is_apple;
  char path[1024]; /* the file that Metal came from */
} tm_objc;

extern tm_objc tm_mtl; /* valid after tm_metal_load */

/* ---- metal_loader.c ----------------------------------------------------- */

/* Loads Metal. False with *text: what is missing and how to get it. Failure
 * is not remembered: a later call tries again. Threads: any. */
bool tm_metal_load(char **text);
/* malloc'ed copies; NULL without memory. */
char *tm_metal_format(const char *format, ...)
    __attribute__((format(printf, 1, 2)));
/* The text of an NSError with what lies under it; a stand-in for nil. */
char *tm_metal_error_text(tm_id error);
/* A +1 NSString over bytes that outlive it; NULL when they are not UTF-8. */
tm_id tm_metal_string(const char *text, size_t length);
bool tm_metal_responds(tm_id object, tm_sel selector);
static inline void tm_metal_release(tm_id object) {
  if (object) tm_mtl.release(object);
}

/* Typed sends: the result's type, then those of the arguments (P object or
 * pointer, U NSUInteger). */
static inline tm_id tm_send_P(tm_id o, tm_sel s) {
  return ((tm_id(*)(tm_id, tm_sel))tm_mtl.send)(o, s);
}
static inline tm_id tm_send_P_P(tm_id o, tm_sel s, const void *a) {
  return ((tm_id(*)(tm_id, tm_sel, const void *))tm_mtl.send)(o, s, a);
}
static inline tm_id tm_send_P_U(tm_id o, tm_sel s, unsigned long a) {
  return ((tm_id(*)(tm_id, tm_sel, unsigned long))tm_mtl.send)(o, s, a);
}
static inline tm_id tm_send_P_UU(tm_id o, tm_sel s, unsigned long a,
                                 unsigned long b) {
  return ((tm_id(*)(tm_id, tm_sel, unsigned long, unsigned long))tm_mtl.send)(
      o, s, a, b);
}
static inline unsigned long tm_send_U(tm_id o, tm_sel s) {
  return ((unsigned long (*)(tm_id, tm_sel))tm_mtl.send)(o, s);
}
static inline double tm_send_D(tm_id o, tm_sel s) {
  return ((double (*)(tm_id, tm_sel))tm_mtl.send)(o, s);
}
static inline bool tm_send_B_U(tm_id o, tm_sel s, unsigned long a) {
  return ((tm_objc_bool(*)(tm_id, tm_sel, unsigned long))tm_mtl.send)(o, s,
                                                                      a) != 0;
}
static inline void tm_send(tm_id o, tm_sel s) {
  ((void (*)(tm_id, tm_sel))tm_mtl.send)(o, s);
}
static inline void tm_send_v_P(tm_id o, tm_sel s, const void *a) {
  ((void (*)(tm_id, tm_sel, const void *))tm_mtl.send)(o, s, a);
}
static inline void tm_send_v_U(tm_id o, tm_sel s, unsigned long a) {
  ((void (*)(tm_id, tm_sel, unsigned long))tm_mtl.send)(o, s, a);
}
static inline void tm_send_v_B(tm_id o, tm_sel s, bool a) {
  ((void (*)(tm_id, tm_sel, tm_objc_bool))tm_mtl.send)(o, s, a);
}

/* ---- metal_device.c ----------------------------------------------------- */

typedef struct tm_metal_device {
  tm_id object;           /* +1 */
  char name[96];
  uint32_t family;        /* Apple<n>: 7 to 10; 0: none of them */
  bool metal3, metal4;
  uint32_t max_threads;
  uint32_t threadgroup_bytes;
  uint64_t max_buffer, working_set; /* bytes */
  uint32_t language_version;        /* newest MSL of the system; 0: unknown */
  uint32_t macos[3];                /* version; 0.0.0: unknown */
  char system[96];                  /* "Version 14.5 (Build 23F79)"; "":
                                       not known */
  uint64_t memory;                  /* of the machine, bytes; 0: unknown */
  char architecture[40];            /* "applegpu_g15s"; "": before macOS 14 */
} tm_metal_device;

/* Opens the device that `which` names (a part of its name or its number), or
 * the default one. False with *text, e.g. listing what there is. */
bool tm_metal_device_open(tm_metal_device *device, const char *which,
                          char **text);
void tm_metal_device_close(tm_metal_device *device);

/* ---- metal_library.c ---------------------------------------------------- */

/* Compiles MSL; a +1 MTLLibrary, or NULL with Metal's text. */
tm_id tm_metal_library_compile(const tm_metal_device *device, const char *msl,
                               size_t length, uint32_t language_version,
                               char **text);

/* ---- metal_pipeline.c --------------------------------------------------- */

typedef struct tm_metal_pipeline {
  tm_id object; /* +1 */
  uint32_t max_threads, width, static_bytes;
} tm_metal_pipeline;

/* Makes the pipeline of the library's function `entry`. */
bool tm_metal_pipeline_create(tm_metal_pipeline *pipeline,
                              const tm_metal_device *device, tm_id library,
                              const char *entry, char **text);
/* The same; unless archive is NULL, from what it holds or not at all. */
bool tm_metal_pipeline_from_archive(tm_metal_pipeline *pipeline,
                                    const tm_metal_device *device,
                                    tm_id library, const char *entry,
                                    tm_id archive, char **text);
void tm_metal_pipeline_destroy(tm_metal_pipeline *pipeline);
/* A +1 MTLComputePipelineDescriptor of the function; the caller holds a
 * pool. */
tm_id tm_metal_pipeline_descriptor(tm_id library, const char *entry,
                                   char **text);

/* ---- metal_tensors.c ---------------------------------------------------- */

/* Compiles and runs products of half and bfloat by matmul2d; false with why
 * they cannot be used on this device and system. */
bool tm_metal_tensors_probe(const tm_metal_device *device, char **text);

/* ---- metal_archive.c ---------------------------------------------------- */

/* A +1 MTLBinaryArchive from a file; NULL when it is none, or is damaged. */
tm_id tm_metal_archive_open(const tm_metal_device *device, const char *path,
                            char **text);
/* Writes the pipeline of the library's function `entry` to a file. */
bool tm_metal_archive_save(const tm_metal_device *device, tm_id library,
                           const char *entry, const char *path, char **text);

/* ---- metal_memory.c ----------------------------------------------------- */

/* +1 buffers in shared storage; NULL when Metal gives none. */
tm_id tm_metal_buffer_new(const tm_metal_device *device, uint64_t length);
tm_id tm_metal_buffer_wrap(const tm_metal_device *device, void *pointer,
                           uint64_t length);
/* NULL for private storage. */
void *tm_metal_buffer_contents(tm_id buffer);
uint64_t tm_metal_buffer_length(tm_id buffer);
/* Where kernels see its first byte; 0: this Metal does not say. */
uint64_t tm_metal_buffer_address(tm_id buffer);
/* Is it an MTLBuffer of that device, as far as can be told? */
bool tm_metal_buffer_belongs(tm_id buffer, const tm_metal_device *device);

/* ---- metal_queue.c ------------------------------------------------------ */

tm_id tm_metal_queue_new(const tm_metal_device *device); /* +1 */
/* Is it an MTLCommandQueue, an MTLCommandBuffer, an MTLComputeCommandEncoder
 * of that device, as far as can be told? */
bool tm_metal_queue_belongs(tm_id queue, const tm_metal_device *device);
bool tm_metal_command_belongs(tm_id command, const tm_metal_device *device);
bool tm_metal_encoder_belongs(tm_id encoder, const tm_metal_device *device);
/* Is it not committed yet? */
bool tm_metal_command_is_open(tm_id command);
/* A +1 command buffer that does not retain what it uses; NULL when there is
 * none. May block while TM_QUEUE_COMMAND_BUFFERS are in flight. */
tm_id tm_metal_command_new(tm_id queue);
tm_id tm_metal_fence_new(const tm_metal_device *device); /* +1 */
/* A +1 encoder; it waits for the fence, unless that is NULL. */
tm_id tm_metal_encoder_new(tm_id command, bool concurrent, tm_id fence);
/* Dispatches before it end, and their writes to buffers are seen, before those
 * after it begin. */
void tm_metal_barrier(tm_id encoder);
/* Updates the fence, unless that is NULL; ends and releases the encoder. */
void tm_metal_encoder_end(tm_id encoder, tm_id fence);
void tm_metal_command_commit(tm_id command);
/* 1: completed, -1: failed, 0: neither yet. */
int tm_metal_command_state(tm_id command);
char *tm_metal_command_error(tm_id command);

/* ---- metal_event.c ------------------------------------------------------ */

tm_id tm_metal_event_new(const tm_metal_device *device); /* +1, of value 0 */
/* While no encoder is open: what follows waits; what precedes has ended. */
void tm_metal_command_wait(tm_id command, tm_id event, uint64_t value);
void tm_metal_command_signal(tm_id command, tm_id event, uint64_t value);
/* Signals from the host, unless that has happened. */
void tm_metal_event_raise(tm_id event, uint64_t value);

/* ---- metal_block.c ------------------------------------------------------ */

typedef void tm_metal_handler(void *payload, tm_id command);
/* Calls once, on a thread of Metal's, when the command buffer has completed or
 * failed. Before its commit. */
void tm_metal_command_on_end(tm_id command, tm_metal_handler *call,
                             void *payload);

/* ---- metal_times.c ------------------------------------------------------ */

/* Seconds of the clock that GPUStartTime counts. */
double tm_metal_host_seconds(void);
/* When the GPU began and ended a command buffer that has completed. */
void tm_metal_command_times(tm_id command, double *begin, double *end);
/* When it ended; for one in which nothing ran, now. After it has ended. */
double tm_metal_command_end(tm_id command);
/* A +1 MTLCounterSampleBuffer of timestamps; NULL: the device has none. */
tm_id tm_metal_samples_new(const tm_metal_device *device, uint32_t count);
/* Their values, once the command buffer has completed; false: there are
 * none. */
bool tm_metal_samples_read(tm_id samples, uint32_t count, uint64_t *out);
/* A +1 MTLComputePassDescriptor that stamps into samples. */
tm_id tm_metal_pass_new(tm_id samples);
/* A +1 serial encoder whose begin and end are stamped at index first and the
 * one after it; fence as for tm_metal_encoder_new. */
tm_id tm_metal_encoder_sampled(tm_id command, tm_id pass, uint32_t first,
                               tm_id fence);

/* The caller holds a pool, and has checked indices, lengths and sizes. */
static inline void tm_metal_set_pipeline(tm_id encoder, tm_id pipeline) {
  tm_send_v_P(encoder, tm_mtl.sel.set_pipeline, pipeline);
}
static inline void tm_metal_set_buffer(tm_id encoder, tm_id buffer,
                                       uint64_t offset, uint32_t index) {
  ((void (*)(tm_id, tm_sel, tm_id, unsigned long,
             unsigned long))tm_mtl.send)(encoder, tm_mtl.sel.set_buffer,
                                         buffer, (unsigned long)offset, index);
}
/* count bindings from slot index on, in one message. */
static inline void tm_metal_set_buffers(tm_id encoder, const tm_id *buffers,
                                        const unsigned long *offsets,
                                        uint32_t index, uint32_t count) {
  ((void (*)(tm_id, tm_sel, const tm_id *, const unsigned long *,
             tm_mtl_range))tm_mtl.send)(encoder, tm_mtl.sel.set_buffers,
                                        buffers, offsets,
                                        (tm_mtl_range){index, count});
}
/* Another offset into the buffer that is bound at index. */
static inline void tm_metal_set_offset(tm_id encoder, uint64_t offset,
                                       uint32_t index) {
  ((void (*)(tm_id, tm_sel, unsigned long, unsigned long))tm_mtl.send)(
      encoder, tm_mtl.sel.set_offset, (unsigned long)offset, index);
}
/* Read and write access to a buffer that is reached by address. */
static inline void tm_metal_use_buffer(tm_id encoder, tm_id buffer) {
  ((void (*)(tm_id, tm_sel, tm_id, unsigned long))tm_mtl.send)(
      encoder, tm_mtl.sel.use_resource, buffer, TM_USAGE_READ_WRITE);
}
static inline void tm_metal_set_bytes(tm_id encoder, const void *bytes,
                                      size_t length, uint32_t index) {
  ((void (*)(tm_id, tm_sel, const void *, unsigned long,
             unsigned long))tm_mtl.send)(encoder, tm_mtl.sel.set_bytes, bytes,
                                         length, index);
}
static inline void tm_metal_dispatch(tm_id encoder, tm_mtl_size groups,
                                     tm_mtl_size threads) {
  ((void (*)(tm_id, tm_sel, tm_mtl_size, tm_mtl_size))tm_mtl.send)(
      encoder, tm_mtl.sel.dispatch, groups, threads);
}

#endif
