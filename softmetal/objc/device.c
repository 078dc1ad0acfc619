/* SPDX-License-Identifier: MIT */
/*
 * device.c - MTLDevice, the two C functions that find one, and the
 * registration of every class when the library is loaded.
 *
 * Compilation with a completion handler runs on a thread of its own, as the
 * handlers of Metal do.
 */
#define _GNU_SOURCE
#include "metal_objects.h"

#include <stdlib.h>
#include <unistd.h>

Class sm_device_class;
static Class architecture_class;

typedef struct architecture {
  sm_object base;
  const char *name;
} architecture;

/* ---- properties -------------------------------------------------------- */

static id device_name(sm_device *self, SEL cmd) {
  return (void)cmd, sm_string(self->chip->name);
}
static id device_architecture(sm_device *self, SEL cmd) {
  (void)cmd;
  architecture *a = sm_new(architecture_class);
  if (a) a->name = self->chip->architecture;
  return sm_autorelease(a);
}
static id architecture_name(architecture *self, SEL cmd) {
  return (void)cmd, sm_string(self->name);
}
static uint64_t device_registry(sm_device *self, SEL cmd) {
  /* Stable while "plugged in"; the letters of softmetal. */
  return (void)self, (void)cmd, 0x736f66746d746cu;
}
static sm_bool device_family(sm_device *self, SEL cmd, NSInteger family) {
  (void)cmd;
  uint32_t apple = self->chip->family;
  if (family >= 1001 && family <= 1010)       /* Apple1 to Apple10 */
    return (uint32_t)(family - 1000) <= apple;
  if (family == 2002) return 1;               /* Mac2 */
  if (family >= 3001 && family <= 3003) return 1; /* Common1 to Common3 */
  return family == 5001 || family == 5002;    /* Metal3, Metal4 */
}
static sm_bool yes(sm_device *self, SEL cmd) { return (void)self, (void)cmd, 1; }
static sm_bool no(sm_device *self, SEL cmd) { return (void)self, (void)cmd, 0; }
static MTLSize device_threads(sm_device *self, SEL cmd) {
  (void)self, (void)cmd;
  return (MTLSize){1024, 1024, 1024};
}
static NSUInteger device_threadgroup_memory(sm_device *self, SEL cmd) {
  return (void)self, (void)cmd, 32768;
}
static uint64_t memory_bytes(void) {
  return (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE);
}
static uint64_t device_working_set(sm_device *self, SEL cmd) {
  return (void)self, (void)cmd, memory_bytes() / 4 * 3;
}
static NSUInteger device_max_buffer(sm_device *self, SEL cmd) {
  return (void)self, (void)cmd, memory_bytes() / 2;
}
static NSUInteger device_allocated(sm_device *self, SEL cmd) {
  return (void)cmd, atomic_load(&self->allocated);
}
static uint64_t device_zero(sm_device *self, SEL cmd) {
  return (void)self, (void)cmd, 0;
}
static MTLSizeAndAlign device_heap_size(sm_device *self, SEL cmd,
                                        NSUInteger length,
                                        NSUInteger options) {
  (void)self, (void)cmd, (void)options;
  return (MTLSizeAndAlign){(length + 255) & ~255ul, 256};
}
static void device_timestamps(sm_device *self, SEL cmd, uint64_t *cpu,
                              uint64_t *gpu) {
  (void)self, (void)cmd;
  uint64_t now = (uint64_t)(sm_now_seconds() * 1e9);
  if (cpu) *cpu = now;
  if (gpu) *gpu = now;
}
static uint64_t device_frequency(sm_device *self, SEL cmd) {
  return (void)self, (void)cmd, 1000000000u;
}
static void device_maximize(sm_device *self, SEL cmd, sm_bool value) {
  (void)self, (void)cmd, (void)value; /* every compile already runs at once */
}
static NSUInteger device_compile_tasks(sm_device *self, SEL cmd) {
  return (void)self, (void)cmd, sm_run_threads();
}

/* ---- making objects ---------------------------------------------------- */

static id device_queue(sm_device *self, SEL cmd) {
  return (void)cmd, sm_queue_new(self, 64);
}
static id device_queue_max(sm_device *self, SEL cmd, NSUInteger most) {
  return (void)cmd, sm_queue_new(self, most);
}
static id device_queue_with(sm_device *self, SEL cmd, id descriptor) {
  return (void)cmd, sm_queue_new(self, sm_queue_descriptor_most(descriptor));
}
static id device_buffer(sm_device *self, SEL cmd, NSUInteger length,
                        NSUInteger options) {
  if (length > device_max_buffer(self, cmd)) return NULL;
  return sm_buffer_new(self, length, options);
}
static id device_buffer_bytes(sm_device *self, SEL cmd, const void *bytes,
                              NSUInteger length, NSUInteger options) {
  sm_buffer *buffer = (sm_buffer *)device_buffer(self, cmd, length, options);
  if (buffer && bytes) __builtin_memcpy(buffer->bytes, bytes, length);
  return (id)buffer;
}
static id device_buffer_no_copy(sm_device *self, SEL cmd, void *bytes,
                                NSUInteger length, NSUInteger options,
                                const void *deallocator) {
  if (length > device_max_buffer(self, cmd)) return NULL;
  return sm_buffer_new_borrowed(self, bytes, length, options, deallocator);
}
static id device_library(sm_device *self, SEL cmd, id source, id options,
                         id *error) {
  return (void)cmd, sm_library_new(self, source, options, error);
}
static id device_pipeline(sm_device *self, SEL cmd, id function, id *error) {
  (void)cmd;
  return sm_pipeline_new(self, (sm_function_object *)function, NULL, 0, error);
}
static id device_pipeline_with(sm_device *self, SEL cmd,
                               sm_pipeline_descriptor *descriptor,
                               NSUInteger options, id *reflection,
                               id *error) {
  (void)cmd;
  if (reflection) *reflection = NULL;
  sm_function_object *function =
      descriptor ? (sm_function_object *)descriptor->function : NULL;
  return sm_pipeline_new(self, function, descriptor, options, error);
}
static id device_event(sm_device *self, SEL cmd) {
  return (void)cmd, sm_event_new(self, false);
}
static id device_shared_event(sm_device *self, SEL cmd) {
  return (void)cmd, sm_event_new(self, true);
}
static id device_fence(sm_device *self, SEL cmd) {
  return (void)cmd, sm_fence_new(self);
}

/* ---- compiling with a handler ------------------------------------------ */

typedef struct compile_job {
  sm_device *device; /* this and the next two are owned */
  id input, options;
  void *handler;
  bool is_pipeline;
} compile_job;

static void *compile_thread(void *argument) {
  compile_job *job = argument;
  void *pool = objc_autoreleasePoolPush();
  id error = NULL;
  id result = job->is_pipeline
                  ? sm_pipeline_new(job->device,
                                    (sm_function_object *)job->input, NULL, 0,
                                    &error)
                  : sm_library_new(job->device, job->input, job->options,
                                   &error);
  sm_block_call2(job->handler, result, error);
  sm_release(result);
  sm_release(job->device);
  sm_release(job->input);
  sm_release(job->options);
  sm_block_release(job->handler);
  free(job);
  objc_autoreleasePoolPop(pool);
  return NULL;
}

static void compile_in_background(sm_device *device, id input, id options,
                                  const void *handler, bool is_pipeline) {
  compile_job *job = calloc(1, sizeof *job);
  if (!job) return;
  *job = (compile_job){(sm_device *)sm_retain(device), sm_retain(input),
                       sm_retain(options), sm_block_copy(handler),
                       is_pipeline};
  pthread_t thread;
  if (pthread_create(&thread, NULL, compile_thread, job) == 0)
    pthread_detach(thread);
  else
    compile_thread(job);
}
static void device_library_later(sm_device *self, SEL cmd, id source,
                                 id options, const void *handler) {
  (void)cmd;
  compile_in_background(self, source, options, handler, false);
}
static void device_pipeline_later(sm_device *self, SEL cmd, id function,
                                  const void *handler) {
  (void)cmd;
  compile_in_background(self, function, NULL, handler, true);
}

/* ---- finding the device ------------------------------------------------ */

static pthread_mutex_t default_lock = PTHREAD_MUTEX_INITIALIZER;
static sm_device *default_device;

/* One device a process, as on a Mac; remade when SOFTMETAL_CHIP has changed,
 * which a Mac cannot do but tests want. */
SM_EXPORT id MTLCreateSystemDefaultDevice(void);
id MTLCreateSystemDefaultDevice(void) {
  const sm_chip *chip = sm_chip_chosen();
  pthread_mutex_lock(&default_lock);
  if (default_device && default_device->chip != chip) {
    sm_release(default_device);
    default_device = NULL;
  }
  if (!default_device) {
    default_device = sm_new(sm_device_class);
    if (default_device) default_device->chip = chip;
  }
  id device = sm_retain(default_device);
  pthread_mutex_unlock(&default_lock);
  return device;
}

SM_EXPORT id MTLCopyAllDevices(void);
id MTLCopyAllDevices(void) {
  void *pool = objc_autoreleasePoolPush();
  id device = MTLCreateSystemDefaultDevice();
  id all = sm_retain(sm_array(&device, device ? 1 : 0));
  sm_release(device);
  objc_autoreleasePoolPop(pool);
  return all;
}

/* Objects that are alive, less the default device: for tests of balance. */
SM_EXPORT int64_t softmetal_live_objects(void);
int64_t softmetal_live_objects(void) {
  return sm_live_objects() - (default_device != NULL);
}

/* What tells softmetal from Apple's Metal, for those who want to show it. */

const char *softmetal_version(void) { return "0.1.0"; }

/* ---- registration ------------------------------------------------------ */

static const sm_method device_methods[] = {
    SM_METHOD("name", device_name),
    SM_METHOD("architecture", device_architecture),
    SM_METHOD("registryID", device_registry),
    SM_METHOD("supportsFamily:", device_family),
    SM_METHOD("hasUnifiedMemory", yes),
    SM_METHOD("isLowPower", no),
    SM_METHOD("isHeadless", no),
    SM_METHOD("isRemovable", no),
    SM_METHOD("supportsDynamicLibraries", no),
    SM_METHOD("supportsFunctionPointers", no),
    SM_METHOD("supportsRaytracing", no),
    SM_METHOD("maxThreadsPerThreadgroup", device_threads),
    SM_METHOD("maxThreadgroupMemoryLength", device_threadgroup_memory),
    SM_METHOD("recommendedMaxWorkingSetSize", device_working_set),
    SM_METHOD("maxBufferLength", device_max_buffer),
    SM_METHOD("currentAllocatedSize", device_allocated),
    SM_METHOD("maxTransferRate", device_zero),
    SM_METHOD("heapBufferSizeAndAlignWithLength:options:", device_heap_size),
    SM_METHOD("sampleTimestamps:gpuTimestamp:", device_timestamps),
    SM_METHOD("queryTimestampFrequency", device_frequency),
    SM_METHOD("setShouldMaximizeConcurrentCompilation:", device_maximize),
    SM_METHOD("shouldMaximizeConcurrentCompilation", yes),
    SM_METHOD("maximumConcurrentCompilationTaskCount", device_compile_tasks),
    SM_METHOD("newCommandQueue", device_queue),
    SM_METHOD("newCommandQueueWithMaxCommandBufferCount:", device_queue_max),
    SM_METHOD("newCommandQueueWithDescriptor:", device_queue_with),
    SM_METHOD("newBufferWithLength:options:", device_buffer),
    SM_METHOD("newBufferWithBytes:length:options:", device_buffer_bytes),
    SM_METHOD("newBufferWithBytesNoCopy:length:options:deallocator:",
              device_buffer_no_copy),
    SM_METHOD("newLibraryWithSource:options:error:", device_library),
    SM_METHOD("newLibraryWithSource:options:completionHandler:",
              device_library_later),
    SM_METHOD("newComputePipelineStateWithFunction:error:", device_pipeline),
    SM_METHOD("newComputePipelineStateWithFunction:completionHandler:",
              device_pipeline_later),
    SM_METHOD("newComputePipelineStateWithDescriptor:options:reflection:error:",
              device_pipeline_with),
    SM_METHOD("newEvent", device_event),
    SM_METHOD("newSharedEvent", device_shared_event),
    SM_METHOD("newFence", device_fence),
    {NULL, NULL}};

void sm_register_device(void) {
  static const sm_method architecture_methods[] = {
      SM_METHOD("name", architecture_name), {NULL, NULL}};
  sm_device_class = sm_class_make("SoftMetalDevice", sm_NSObject,
                                  sizeof(sm_device), device_methods, NULL);
  architecture_class =
      sm_class_make("MTLArchitecture", sm_NSObject, sizeof(architecture),
                    architecture_methods, NULL);
}

__attribute__((constructor)) static void register_all(void) {
  sm_register_object();
  sm_register_foundation();
  sm_register_descriptors();
  sm_register_library();
  sm_register_pipeline();
  sm_register_buffer();
  sm_register_event();
  sm_register_encoder();
  sm_register_command();
  sm_register_queue();
  sm_register_device();
}
