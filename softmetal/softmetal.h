/* SPDX-License-Identifier: MIT */
/*
 * softmetal.h - what softmetal has beyond Metal, for C.
 *
 * Programs use softmetal as they use Metal: through objc_msgSend and the
 * functions declared at the end here, which have Apple's names on a Mac. The
 * functions named softmetal_ exist here only: look them up with dlsym if the
 * same binary is to run on a Mac.
 *
 * Threads: every function here may be called from any thread.
 * What is not declared here is not API.
 */
#ifndef SOFTMETAL_H
#define SOFTMETAL_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define SOFTMETAL_VERSION "0.1.0"

struct objc_object;
struct objc_class;
struct objc_selector;

/* The version of the library that is loaded, such as "0.1.0". */
const char *softmetal_version(void);

/* Objects of every class that are alive, less the default device: 0 when a
 * program has released all it made. For tests of balance. */
int64_t softmetal_live_objects(void);

/* How many operations of a kind SOFTMETAL_FAULT has made fail so far: "buffer",
 * "library" ...; all kinds of command-buffer errors count together, under any
 * of their names. 0 for a kind that there is not. */
uint64_t softmetal_faults(const char *kind);

/* The last wrong use of the API ("-[MTLComputeCommandEncoder setBytes:...]:
 * length 5000 must be 1 to 4096") into text, and forgets it. Returns its
 * length, 0 when there was none. Wrong uses also fail their command buffer or
 * give nil; SOFTMETAL_MISUSE=stderr prints them, =abort then aborts. */
size_t softmetal_misuse(char *text, size_t size);

/* GPU cores of the chip that the device imitates (METAL has no call for it;
 * on a Mac it is IOKit's gpu-core-count). */
unsigned softmetal_gpu_cores(struct objc_object *device);

/* ---- counters: SOFTMETAL_COUNTERS=1 ------------------------------------- */

/* Kinds of instructions. An operation on a vector counts once per element;
 * a contracted multiply-add counts once. */
enum {
  SOFTMETAL_FLOAT,    /* half, bfloat and float arithmetic and comparisons */
  SOFTMETAL_INT,      /* the same of integers and bool; not subscripts */
  SOFTMETAL_CONVERT,  /* between number types of different size or sort */
  SOFTMETAL_SPECIAL,  /* float division, square root, exp, sin, ... */
  SOFTMETAL_LOAD,     /* device, constant and threadgroup; a vector: once */
  SOFTMETAL_STORE,
  SOFTMETAL_ATOMIC,
  SOFTMETAL_BARRIER,  /* threadgroup barriers */
  SOFTMETAL_SHUFFLE,  /* simd and quad functions */
  SOFTMETAL_MATRIX,   /* simdgroup_matrix multiplications */
  SOFTMETAL_KINDS
};

typedef struct softmetal_counters {
  size_t struct_size;       /* set by the caller: sizeof(softmetal_counters) */
  char kernel[104];         /* its name, cut if longer */
  uint64_t threads, simdgroups, threadgroups; /* that ran */
  uint64_t issued[SOFTMETAL_KINDS]; /* executed by simdgroups */
  uint64_t lanes[SOFTMETAL_KINDS];  /* by threads: at most 32 times issued */
  uint64_t device_bytes_read;       /* that threads asked for; atomics are */
  uint64_t device_bytes_written;    /* both */
  uint64_t device_accesses;         /* by simdgroups */
  uint64_t device_lines;            /* 128-byte lines that those touched */
  uint64_t constant_bytes;          /* read from constant memory */
  uint64_t threadgroup_bytes;       /* read and written */
  uint64_t threadgroup_accesses;    /* by simdgroups */
  uint64_t bank_conflicts;          /* extra passes: 32 banks of 4 bytes */
} softmetal_counters;

/* Counters of a completed command buffer, one record a dispatch in the order
 * of encoding, when SOFTMETAL_COUNTERS was set as its pipelines were made.
 * Writes up to `most` records and returns how many there are.
 * records[0].struct_size says how large each record is; a shorter one of an
 * older program is filled as far as it goes. */
size_t softmetal_command_buffer_counters(struct objc_object *command_buffer,
                                         softmetal_counters *records,
                                         size_t most);

/* ---- Apple's names ------------------------------------------------------ */

struct objc_object *MTLCreateSystemDefaultDevice(void); /* release it */
struct objc_object *MTLCopyAllDevices(void);            /* release it */
void *objc_autoreleasePoolPush(void);
void objc_autoreleasePoolPop(void *pool);

/* Never called as declared: cast to the exact prototype of each message. */
void objc_msgSend(void);
void objc_msgSend_stret(void); /* x86-64: results over 16 bytes */

struct objc_selector;
const struct objc_selector *sel_registerName(const char *name);
struct objc_object *objc_getClass(const char *name);

#ifdef __cplusplus
}
#endif
#endif
