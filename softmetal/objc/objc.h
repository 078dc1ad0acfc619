/* SPDX-License-Identifier: MIT */
/*
 * objc.h - Objective-C classes made from plain C.
 *
 * softmetal answers the messages that programs send to Metal and Foundation.
 * Its classes are registered at load time with GCC's libobjc:
 *
 *   object.c      NSObject, reference counts, autorelease pools, blocks
 *   foundation.c  NSString, NSError, NSArray, NSDictionary, NSNumber, ...
 *   descriptor.c  MTLCompileOptions and the other plain property objects
 *   library.c     MTLLibrary, MTLFunction
 *   pipeline_state.c MTLComputePipelineState
 *   buffer.c      MTLBuffer
 *   event.c       MTLEvent, MTLSharedEvent, MTLFence
 *   encoder.c     MTLComputeCommandEncoder, MTLBlitCommandEncoder
 *   command.c     MTLCommandBuffer
 *   command_run.c its execution, errors with encoder information
 *   heap.c        MTLHeap
 *   residency.c   MTLResidencySet
 *   log_state.c   MTLLogState: what os_log in kernels says
 *   sample_buffer.c MTLCounterSampleBuffer and pass descriptors
 *   binary_archive.c MTLBinaryArchive
 *   function_use.c which function constants a kernel reads
 *   capture.c     MTLCaptureManager, which refuses
 *   queue.c       MTLCommandQueue: one worker thread each
 *   device.c      MTLDevice, MTLCreateSystemDefaultDevice
 *   apple_chip.c  what each Apple chip reports
 *   counter_report.c  SOFTMETAL_COUNTERS, for programs and as text
 *   setting.c     the SOFTMETAL_* environment, fault injection
 *   pipeline_store.c  native code kept on disk between processes
 *
 * An object is a C structure that begins with sm_object. Methods are C
 * functions (self, selector, ...). No class here is meant to be subclassed
 * by users beyond NSObject.
 */
#ifndef SM_OBJC_H
#define SM_OBJC_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* ---- libobjc, declared here because clang does not find its headers ---- */

typedef struct objc_class *Class;
typedef struct objc_object { Class class_pointer; } *id;
typedef const struct objc_selector *SEL;
typedef void (*IMP)(void);

Class objc_allocateClassPair(Class super, const char *name, size_t extra);
void objc_registerClassPair(Class cls);
id objc_getClass(const char *name);
bool class_addMethod(Class cls, SEL name, IMP imp, const char *types);
bool class_addIvar(Class cls, const char *name, size_t size,
                   unsigned char alignment, const char *types);
bool class_respondsToSelector(Class cls, SEL name);
Class class_getSuperclass(Class cls);
const char *class_getName(Class cls);
bool class_isMetaClass(Class cls);
size_t class_getInstanceSize(Class cls);
Class object_getClass(id object); /* ours: GCC has it as an inline only */
SEL sel_registerTypedName(const char *name, const char *types);
SEL sel_registerName(const char *name);
const char *sel_getName(SEL name);
IMP objc_msg_lookup(id receiver, SEL name);
id class_createInstance(Class cls, size_t extra);
id object_dispose(id object);
extern IMP (*__objc_msg_forward2)(id, SEL);

/* ---- types shared with Metal's callers (METAL-FACTS 1.2) --------------- */

typedef unsigned long NSUInteger;
typedef long NSInteger;
typedef signed char sm_bool; /* BOOL on x86-64; 0 or 1 */
typedef struct MTLSize { NSUInteger width, height, depth; } MTLSize;
typedef struct NSRange { NSUInteger location, length; } NSRange;
typedef struct MTLSizeAndAlign { NSUInteger size, align; } MTLSizeAndAlign;

/* ---- object.c ---------------------------------------------------------- */

typedef struct sm_object {
  Class isa;
  _Atomic int32_t extra_refs; /* references beyond the first */
} sm_object;

typedef struct sm_method {
  const char *name; /* "newBufferWithLength:options:" */
  IMP imp;
} sm_method;

#define SM_METHOD(name, function) {name, (IMP)(function)}

/* Makes and registers a class. super NULL: a root. size is that of the whole
 * C structure. methods and class_methods end with a NULL name. */
Class sm_class_make(const char *name, Class super, size_t size,
                    const sm_method *methods, const sm_method *class_methods);
/* A zeroed instance with one reference; NULL without memory. */
void *sm_new(Class cls);
id sm_retain(const void *object);        /* NULL is fine, returns it */
void sm_release(const void *object);     /* NULL is fine */
id sm_autorelease(const void *object);   /* NULL is fine */
/* Replaces *slot by value, retaining the new and releasing the old. */
void sm_set(id *slot, id value);
/* Apple's pool functions (METAL-FACTS 1.3), which GCC's runtime lacks. */
void *objc_autoreleasePoolPush(void);
void objc_autoreleasePoolPop(void *token);
/* What a class's own dealloc ends with. */
void sm_object_dealloc(void *self);
/* Live objects of every class of ours: for tests of balance. */
int64_t sm_live_objects(void);
/* An object that lives as long as the process. */
void sm_forget_live(const void *object);

/* The imitated macOS: setting.c. */
uint32_t sm_macos_major(void);
uint32_t sm_macos_minor(void);

extern Class sm_NSObject;

/* Blocks (METAL-FACTS 1.4). Copies go to the heap; calling passes up to two
 * arguments. NULL blocks are fine. */
void *sm_block_copy(const void *block);
void sm_block_release(void *block);
void sm_block_call1(void *block, const void *a);
void sm_block_call2(void *block, const void *a, const void *b);

void sm_block_call3(void *block, const void *a, const void *b,
                    const void *c);
void sm_block_call_event(void *block, const void *event, uint64_t value);
void sm_block_call_log(void *block, id subsystem, id category,
                       NSInteger level, id message);

/* Getter and setter of one property of structure T, as method functions. */
#define SM_GETTER(T, type, field)                     \
  static type get_##field(T *self, SEL cmd) {         \
    (void)cmd;                                        \
    return self->field;                               \
  }
#define SM_SETTER(T, type, field)                     \
  static void set_##field(T *self, SEL cmd, type v) { \
    (void)cmd;                                        \
    self->field = v;                                  \
  }
#define SM_OBJECT_GETTER(T, field)                    \
  static id get_##field(T *self, SEL cmd) {           \
    (void)cmd;                                        \
    return self->field;                               \
  }
#define SM_OBJECT_SETTER(T, field)                    \
  static void set_##field(T *self, SEL cmd, id v) {   \
    (void)cmd;                                        \
    sm_set(&self->field, v);                          \
  }
#define SM_PROPERTY(T, type, field) \
  SM_GETTER(T, type, field) SM_SETTER(T, type, field)
#define SM_OBJECT_PROPERTY(T, field) \
  SM_OBJECT_GETTER(T, field) SM_OBJECT_SETTER(T, field)

/* ---- foundation.c ------------------------------------------------------ */

/* +0 autoreleased; NULL text gives NULL. */
id sm_string(const char *text);
id sm_string_format(const char *format, ...)
    __attribute__((format(printf, 1, 2)));
/* +1. */
id sm_string_new(const char *text, size_t length);
const char *sm_string_text(id string); /* NULL for NULL */
bool sm_is_kind(id object, Class cls);
const char *sm_url_path(id url); /* NULL for NULL and what is no file URL */
id sm_array(const id *objects, NSUInteger count); /* +0 */
NSUInteger sm_array_count(id array);
id sm_array_at(id array, NSUInteger index);
id sm_data(const void *bytes, NSUInteger length); /* +0 NSData */
NSUInteger sm_dictionary_count(id dictionary); /* 0 for NULL */
/* Calls back with each key and value. */
void sm_dictionary_each(id dictionary, void (*each)(void *, id, id),
                        void *payload);
id sm_dictionary(const id *values, const id *keys, NSUInteger count); /* +0 */
/* The text of an NSNumber or NSString as a preprocessor value; +0 string. */
id sm_value_text(id object);
/* A string that is never released, not counted among live objects. */
id sm_constant_string(const char *text);
id sm_nserror_text(id error); /* +0 localizedDescription */
id sm_nserror_with(const char *domain, NSInteger code, id user_info); /* +0 */
/* +0 error with localizedDescription. */
id sm_nserror(const char *domain, NSInteger code, const char *message);
/* Stores an error through an NSError ** that may be NULL. */
void sm_nserror_out(id *error, const char *domain, NSInteger code,
                  const char *message);
extern Class sm_NSString, sm_NSArray, sm_NSDictionary, sm_NSNumber, sm_NSURL,
    sm_NSError;

/* ---- registration ------------------------------------------------------ */

void sm_register_object(void);
void sm_register_foundation(void);
void sm_register_descriptors(void);
void sm_register_library(void);
void sm_register_pipeline(void);
void sm_register_buffer(void);
void sm_register_event(void);
void sm_register_encoder(void);
void sm_register_command(void);
void sm_register_command_run(void);
void sm_register_heap(void);
void sm_register_residency(void);
void sm_register_log_state(void);
void sm_register_samples(void);
void sm_register_archive(void);
void sm_register_capture(void);
void sm_register_queue(void);
void sm_register_device(void);

#define SM_EXPORT __attribute__((visibility("default")))

#endif
