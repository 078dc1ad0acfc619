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
  return family == 5001 ||                    /* Metal3 */
         (family == 5002 && sm_macos_major() >= 26); /* Metal4 */
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
  return (void)self, (void)cmd, sm_max_buffer_length();
}
static NSUInteger device_allocated(sm_device *self, SEL cmd) {
  return (void)cmd, atomic_load(&self->allocated);
}
static uint64_t device_zero(sm_device *self, SEL cmd) {
  return (void)self, (void)cmd, 0;
}
static NSUInteger device_tier(sm_device *self, SEL cmd) {
  return (void)self, (void)cmd, 1; /* MTLArgumentBuffersTier2 */
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
  (void)cmd;
  self->maximizes_compilation = value != 0;
}
static sm_bool device_maximizes(sm_device *self, SEL cmd) {
  return (void)cmd, self->maximizes_compilation;
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
  return (void)cmd, sm_queue_new_with(self, descriptor);
}
static id device_buffer(sm_device *self, SEL cmd, NSUInteger length,
                        NSUInteger options) {
  (void)cmd;
  return sm_buffer_new(self, length, options);
}
static id device_buffer_bytes(sm_device *self, SEL cmd, const void *bytes,
                              NSUInteger length, NSUInteger options) {
  if (!bytes || (options >> 4 & 15) == 2) {
    sm_misuse(self, cmd, bytes ? "private storage cannot be filled by the CPU"
                               : "bytes is NULL");
    return NULL;
  }
  sm_buffer *buffer = (sm_buffer *)device_buffer(self, cmd, length, options);
  if (buffer) __builtin_memcpy(buffer->bytes, bytes, length);
  return (id)buffer;
}
static id device_buffer_no_copy(sm_device *self, SEL cmd, void *bytes,
                                NSUInteger length, NSUInteger options,
                                const void *deallocator) {
  (void)cmd;
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
static id device_pipeline_reflected(sm_device *self, SEL cmd, id function,
                                    NSUInteger options, id *reflection,
                                    id *error) {
  (void)cmd;
  if (reflection) *reflection = NULL;
  return sm_pipeline_new(self, (sm_function_object *)function, NULL, options,
                         error);
}
static id device_heap(sm_device *self, SEL cmd, id descriptor) {
  return (void)cmd, sm_heap_new(self, descriptor);
}
static id device_residency(sm_device *self, SEL cmd, id descriptor,
                           id *error) {
  return (void)cmd, sm_residency_new(self, descriptor, error);
}
static id device_log_state(sm_device *self, SEL cmd, id descriptor,
                           id *error) {
  return (void)cmd, sm_log_state_new(self, descriptor, error);
}
static id device_samples(sm_device *self, SEL cmd, id descriptor, id *error) {
  return (void)cmd, sm_sample_buffer_new(self, descriptor, error);
}
static id device_archive(sm_device *self, SEL cmd, id descriptor, id *error) {
  return (void)cmd, sm_archive_new(self, descriptor, error);
}
static id device_counter_sets(sm_device *self, SEL cmd) {
  return (void)self, (void)cmd, sm_counter_sets();
}
/* MTLCounterSamplingPointAtStageBoundary only, as Apple's GPUs. */
static sm_bool device_samples_at(sm_device *self, SEL cmd, NSUInteger point) {
  return (void)self, (void)cmd, point == 0;
}
static id device_event_with(sm_device *self, SEL cmd, id handle) {
  id event = sm_event_from_handle(handle);
  if (!event) sm_misuse(self, cmd, "not an MTLSharedEventHandle");
  return event;
}

/* ---- what softmetal has not ------------------------------------------------ */

static id no_dynamic_library(sm_device *self, SEL cmd, id what, id *error) {
  (void)self, (void)cmd, (void)what;
  sm_nserror_out(error, "MTLDynamicLibraryDomain", 5 /* Unsupported */,
                 "softmetal has no dynamic libraries: compile one library "
                 "from all of the source");
  return NULL;
}
static id no_binary_library(sm_device *self, SEL cmd, id what, id *error) {
  (void)self, (void)cmd, (void)what;
  sm_nserror_out(error, "MTLLibraryErrorDomain", 1 /* Unsupported */,
                 "softmetal cannot read metallib files, which hold code for "
                 "Apple's GPUs: compile from source with "
                 "newLibraryWithSource:options:error:");
  return NULL;
}
static id no_default_library(sm_device *self, SEL cmd) {
  sm_misuse(self, cmd, "there is no bundle with a default library");
  return NULL;
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

/* ---- handlers on threads of their own ----------------------------------- */

typedef struct compile_job {
  sm_device *device; /* this and the next three are owned */
  id input, options, descriptor;
  NSUInteger pipeline_options;
  void *handler;
  enum { JOB_LIBRARY, JOB_PIPELINE, JOB_REFLECTED, JOB_CALL } kind;
  id error; /* JOB_CALL; owned */
} compile_job;

static id run_job(const compile_job *job, id *error) {
  if (job->kind == JOB_LIBRARY)
    return sm_library_new(job->device, job->input, job->options, error);
  if (job->kind == JOB_CALL) {
    *error = job->error;
    return sm_retain(job->input);
  }
  return sm_pipeline_new(job->device, (sm_function_object *)job->input,
                         (sm_pipeline_descriptor *)job->descriptor,
                         job->pipeline_options, error);
}

static void *compile_thread(void *argument) {
  compile_job *job = argument;
  void *pool = objc_autoreleasePoolPush();
  id error = NULL;
  id result = run_job(job, &error);
  if (job->kind == JOB_REFLECTED)
    sm_block_call3(job->handler, result, NULL, error);
  else
    sm_block_call2(job->handler, result, error);
  sm_release(result);
  sm_release(job->device);
  sm_release(job->input);
  sm_release(job->options);
  sm_release(job->descriptor);
  sm_release(job->error);
  sm_block_release(job->handler);
  free(job);
  objc_autoreleasePoolPop(pool);
  return NULL;
}

static void start_job(const compile_job *like, const void *handler) {
  compile_job *job = calloc(1, sizeof *job);
  if (!job) return;
  *job = *like;
  sm_retain(job->device);
  sm_retain(job->input);
  sm_retain(job->options);
  sm_retain(job->descriptor);
  sm_retain(job->error);
  job->handler = sm_block_copy(handler);
  pthread_t thread;
  if (pthread_create(&thread, NULL, compile_thread, job) == 0)
    pthread_detach(thread);
  else
    compile_thread(job);
}

void sm_call_later(const void *handler, id object, id error) {
  start_job(&(compile_job){.input = object, .error = error,
                           .kind = JOB_CALL}, handler);
}
static void device_library_later(sm_device *self, SEL cmd, id source,
                                 id options, const void *handler) {
  (void)cmd;
  start_job(&(compile_job){.device = self, .input = source,
                           .options = options, .kind = JOB_LIBRARY}, handler);
}
static void device_pipeline_later(sm_device *self, SEL cmd, id function,
                                  const void *handler) {
  (void)cmd;
  start_job(&(compile_job){.device = self, .input = function,
                           .kind = JOB_PIPELINE}, handler);
}
static void device_reflected_later(sm_device *self, SEL cmd, id function,
                                   NSUInteger options, const void *handler) {
  (void)cmd;
  start_job(&(compile_job){.device = self, .input = function,
                           .pipeline_options = options,
                           .kind = JOB_REFLECTED}, handler);
}
static void device_described_later(sm_device *self, SEL cmd,
                                   sm_pipeline_descriptor *descriptor,
                                   NSUInteger options, const void *handler) {
  (void)cmd;
  start_job(&(compile_job){.device = self,
                           .input = descriptor ? descriptor->function : NULL,
                           .descriptor = (id)descriptor,
                           .pipeline_options = options,
                           .kind = JOB_REFLECTED}, handler);
}

/* ---- finding the device ------------------------------------------------ */

static pthread_mutex_t default_lock = PTHREAD_MUTEX_INITIALIZER;
static sm_device *default_device;

/* One device a process, as on a Mac; remade when SOFTMETAL_CHIP has changed,
 * which a Mac cannot do but tests want. */
SM_EXPORT id MTLCreateSystemDefaultDevice(void);
id MTLCreateSystemDefaultDevice(void) {
  const sm_chip *chip = sm_chip_chosen();
  /* A device other than the one asked for would make tests of nothing. */
  if (!sm_settings_ok()) return NULL;
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

SM_EXPORT const char *softmetal_version(void) { return SOFTMETAL_VERSION; }

SM_EXPORT unsigned softmetal_gpu_cores(struct objc_object *device);
unsigned softmetal_gpu_cores(struct objc_object *device) {
  if (!sm_is_kind(device, sm_device_class)) return 0;
  return ((sm_device *)device)->chip->cores;
}

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
    SM_METHOD("shouldMaximizeConcurrentCompilation", device_maximizes),
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
    SM_METHOD("newComputePipelineStateWithFunction:options:reflection:error:",
              device_pipeline_reflected),
    SM_METHOD("newComputePipelineStateWithFunction:options:completionHandler:",
              device_reflected_later),
    SM_METHOD("newComputePipelineStateWithDescriptor:options:"
              "completionHandler:", device_described_later),
    SM_METHOD("newHeapWithDescriptor:", device_heap),
    SM_METHOD("newResidencySetWithDescriptor:error:", device_residency),
    SM_METHOD("newLogStateWithDescriptor:error:", device_log_state),
    SM_METHOD("newCounterSampleBufferWithDescriptor:error:", device_samples),
    SM_METHOD("counterSets", device_counter_sets),
    SM_METHOD("supportsCounterSampling:", device_samples_at),
    SM_METHOD("newBinaryArchiveWithDescriptor:error:", device_archive),
    SM_METHOD("newDynamicLibrary:error:", no_dynamic_library),
    SM_METHOD("newDynamicLibraryWithURL:error:", no_dynamic_library),
    SM_METHOD("newLibraryWithURL:error:", no_binary_library),
    SM_METHOD("newLibraryWithFile:error:", no_binary_library),
    SM_METHOD("newLibraryWithData:error:", no_binary_library),
    SM_METHOD("newDefaultLibrary", no_default_library),
    SM_METHOD("newSharedEventWithHandle:", device_event_with),
    SM_METHOD("location", device_zero),
    SM_METHOD("locationNumber", device_zero),
    SM_METHOD("peerGroupID", device_zero),
    SM_METHOD("peerIndex", device_zero),
    SM_METHOD("peerCount", device_zero),
    SM_METHOD("argumentBuffersSupport", device_tier),
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
  sm_register_command_run();
  sm_register_heap();
  sm_register_residency();
  sm_register_log_state();
  sm_register_samples();
  sm_register_archive();
  sm_register_capture();
}
