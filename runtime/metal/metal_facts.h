/* SPDX-License-Identifier: MIT */
/*
 * metal_facts.h - what is assumed of Apple's systems, in one place.
 *
 * Each figure names where it was read: [mg] metal-cpp's headers (macOS 26),
 * [mc14] those of macOS 14, [AD] Apple's documentation, [FT] the Metal
 * feature set tables, [o2g] objc2's generated bindings, [hal] Halide, [sz]
 * StringZilla, [tg] tinygrad, [jl] Metal.jl, [mlx] MLX.
 */
#ifndef TM_METAL_FACTS_H
#define TM_METAL_FACTS_H

/* The dylibs are in the dyld shared cache: stat() fails, dlopen() works.
 * CoreGraphics must be loaded before MTLCreateSystemDefaultDevice is called
 * in a process without a user interface, or it may return nil. [tg] */
#define TM_MAC_LIBOBJC "/usr/lib/libobjc.A.dylib"
#define TM_MAC_COREGRAPHICS \
  "/System/Library/Frameworks/CoreGraphics.framework/CoreGraphics"
#define TM_MAC_FOUNDATION \
  "/System/Library/Frameworks/Foundation.framework/Foundation"
#define TM_MAC_METAL "/System/Library/Frameworks/Metal.framework/Metal"

/* Elsewhere: our own Metal. */
#define TM_SOFTMETAL_FILE "libsoftmetal.so"
#define TM_SOFTMETAL_VARIABLE "TRITON_METAL_SOFTMETAL"

enum {
  /* MTLGPUFamily [mg] */
  TM_FAMILY_APPLE_BASE = 1000, /* Apple<n> is 1000 + n */
  TM_FAMILY_APPLE_OLDEST = 7,  /* M1 */
  TM_FAMILY_APPLE_NEWEST = 10, /* M5 */
  TM_FAMILY_METAL3 = 5001,
  TM_FAMILY_METAL4 = 5002,
  /* MTLResourceOptions: shared storage, tracked hazards [mg] */
  TM_STORAGE_SHARED_TRACKED = 0x0,
  TM_STORAGE_MODE_PRIVATE = 2, /* MTLStorageMode [mg] */
  TM_USAGE_READ_WRITE = 3,     /* MTLResourceUsage: Read 1, Write 2 [mg] */
  TM_DISPATCH_SERIAL = 0,      /* MTLDispatchType [mg] */
  TM_DISPATCH_CONCURRENT = 1,
  TM_BARRIER_BUFFERS = 1,      /* MTLBarrierScope [mg] */
  /* MTLMathMode, MTLMathFloatingPointFunctions; macOS 15 [mg] */
  TM_MATH_SAFE = 0,
  TM_MATH_FUNCTIONS_PRECISE = 1,
  TM_PIPELINE_FAIL_ON_ARCHIVE_MISS = 4, /* MTLPipelineOption [mg] */
  /* MTLCommandBufferStatus [mg] */
  TM_COMMAND_COMMITTED = 2,
  TM_COMMAND_COMPLETED = 4,
  TM_COMMAND_ERROR = 5,
  TM_UTF8 = 4,               /* NSUTF8StringEncoding [mg] */
  TM_SIMD_WIDTH = 32,        /* threadExecutionWidth of every Apple GPU [FT] */
  TM_MOST_SET_BYTES = 4096,  /* setBytes:length:atIndex: [AD] */
  TM_MOST_BUFFER_INDEX = 30, /* 31 buffer slots [FT] */
  TM_CONSTANT_ALIGNMENT = 32, /* offsets of constant buffers; 4 on Apple's
                                own GPUs [FT] */
  TM_MOST_THREADGROUP = 1024,
  TM_QUEUE_COMMAND_BUFFERS = 64 /* uncompleted; the next blocks [o2g] */
};

/* Times. GPUStartTime is in seconds of the clock of mach_absolute_time [mg];
 * timestamps of MTLCounterSampleBuffer are nanoseconds on Apple's own GPUs
 * (wgpu's timestamp_period for Metal, known from M1, M2 and iPads), and are
 * taken at the ends of encoders only [AD]. */
#define TM_SYMBOL_TIMESTAMP_SET "MTLCommonCounterSetTimestamp"
enum {
  TM_SAMPLE_AT_STAGE = 0,    /* MTLCounterSamplingPointAtStageBoundary [mg] */
  TM_STORAGE_MODE_SHARED = 0, /* MTLStorageMode [mg] */
  TM_MOST_SAMPLES = 4096     /* of one sample buffer, as softmetal has it; more
                                are not asked for */
};
#define TM_SAMPLE_SECONDS 1e-9
#define TM_SAMPLE_INVALID UINT64_MAX /* MTLCounterErrorValue [o2g] */

/* Grid limit: groups times threads a dimension [jl]. */
#define TM_MOST_GRID_THREADS 0xffffffffull

/* Newest MSL by macOS major version, as (major << 16) + minor [jl],[mlx]. */
#define TM_MSL_BY_MACOS(X) \
  X(12, 2, 4) X(13, 3, 0) X(14, 3, 1) X(15, 3, 2) X(26, 4, 0) X(27, 4, 1)
/* A program linked against an old SDK is told 16 for 26, and so on [jl]. */
enum { TM_MACOS_COMPAT_FROM = 16, TM_MACOS_COMPAT_TO = 25,
       TM_MACOS_COMPAT_ADD = 10 };

/* Tensor operations (matmul2d) are of MSL 4.0 and macOS 26; bfloat in
 * cooperative tensors of 26.1, and MLX relies on them from 26.2 on [mlx].
 * Apple10 has hardware for them: elsewhere they gain nothing (ggml's
 * measurements on M2 and M4). The compiler of Xcode 26.5 gave wrong sums in all
 * rows above the first ones (mlx#3586), so that results are looked at. */
enum {
  TM_TENSOR_MSL = 262144, /* MTLLanguageVersion4_0 [mg] */
  TM_TENSOR_MACOS = 26,
  TM_TENSOR_MACOS_MINOR = 2,
  TM_TENSOR_FAMILY = 10
};

/* Text of the error after which Metal takes no more work from the process;
 * only a restart helps (seen in MLX and cubecl issues). */
#define TM_TEXT_SUBMISSIONS_IGNORED "SubmissionsIgnored"

/* X(field, selector): every message that is sent. */
#define TM_SELECTORS(X)                                                    \
  X(alloc, "alloc")                                                        \
  X(init, "init")                                                          \
  X(responds, "respondsToSelector:")                                       \
  X(utf8_string, "UTF8String")                                             \
  X(string_with_bytes, "initWithBytesNoCopy:length:encoding:freeWhenDone:") \
  X(count, "count")                                                        \
  X(object_at, "objectAtIndex:")                                           \
  X(object_for_key, "objectForKey:")                                       \
  X(description, "localizedDescription")                                   \
  X(user_info, "userInfo")                                                 \
  X(process_info, "processInfo")                                           \
  X(os_version, "operatingSystemVersion")                                  \
  X(physical_memory, "physicalMemory")                                     \
  X(architecture, "architecture")         /* from 14 [mg] */               \
  X(name, "name")                                                          \
  X(supports_family, "supportsFamily:")                                    \
  X(max_threads_size, "maxThreadsPerThreadgroup")                          \
  X(max_threadgroup_memory, "maxThreadgroupMemoryLength")                  \
  X(max_buffer_length, "maxBufferLength")                                  \
  X(working_set, "recommendedMaxWorkingSetSize")                           \
  X(new_queue, "newCommandQueueWithMaxCommandBufferCount:")                \
  X(new_buffer, "newBufferWithLength:options:")                            \
  X(new_buffer_no_copy,                                                    \
    "newBufferWithBytesNoCopy:length:options:deallocator:")                \
  X(new_library, "newLibraryWithSource:options:error:")                    \
  X(new_function, "newFunctionWithName:")                                  \
  X(new_pipeline,                                                          \
    "newComputePipelineStateWithDescriptor:options:reflection:error:")     \
  X(new_archive, "newBinaryArchiveWithDescriptor:error:")                  \
  X(set_url, "setUrl:")                                                    \
  X(archive_add, "addComputePipelineFunctionsWithDescriptor:error:")       \
  X(archive_write, "serializeToURL:error:")                                \
  X(set_archives, "setBinaryArchives:")                                    \
  X(file_url, "fileURLWithPath:")                                          \
  X(array_of, "arrayWithObject:")                                          \
  X(os_text, "operatingSystemVersionString")                               \
  X(set_language, "setLanguageVersion:")                                   \
  X(set_fast_math, "setFastMathEnabled:") /* until 15 [AD] */              \
  X(set_math_mode, "setMathMode:")        /* from 15 [mg] */               \
  X(set_math_functions, "setMathFloatingPointFunctions:") /* from 15 */    \
  X(set_function, "setComputeFunction:")                                   \
  X(set_label, "setLabel:")                                                \
  X(set_simd_multiple,                                                     \
    "setThreadGroupSizeIsMultipleOfThreadExecutionWidth:")                 \
  X(max_total_threads, "maxTotalThreadsPerThreadgroup")                    \
  X(execution_width, "threadExecutionWidth")                               \
  X(static_memory, "staticThreadgroupMemoryLength")                        \
  X(contents, "contents")                                                  \
  X(length, "length")                                                      \
  X(storage_mode, "storageMode")                                           \
  X(device, "device")                                                      \
  X(command_buffer, "commandBufferWithUnretainedReferences")               \
  X(compute_encoder, "computeCommandEncoderWithDispatchType:")             \
  X(memory_barrier, "memoryBarrierWithScope:")                             \
  X(new_fence, "newFence")                                                 \
  X(wait_fence, "waitForFence:")                                           \
  X(update_fence, "updateFence:")                                          \
  X(add_completed, "addCompletedHandler:")                                 \
  X(new_event, "newSharedEvent")                                           \
  X(signal_event, "encodeSignalEvent:value:")                              \
  X(wait_event, "encodeWaitForEvent:value:")                               \
  X(event_value, "signaledValue")                                          \
  X(set_event_value, "setSignaledValue:")                                  \
  X(end_encoding, "endEncoding")                                           \
  X(commit, "commit")                                                      \
  X(status, "status")                                                      \
  X(error, "error")                                                        \
  X(set_pipeline, "setComputePipelineState:")                              \
  X(set_buffer, "setBuffer:offset:atIndex:")                               \
  X(set_buffers, "setBuffers:offsets:withRange:")                          \
  X(set_offset, "setBufferOffset:atIndex:")                                \
  X(set_bytes, "setBytes:length:atIndex:")                                 \
  X(gpu_address, "gpuAddress")                                             \
  X(use_resource, "useResource:usage:")                                    \
  X(dispatch, "dispatchThreadgroups:threadsPerThreadgroup:")               \
  X(gpu_start, "GPUStartTime")                                             \
  X(gpu_end, "GPUEndTime")                                                 \
  X(counter_sets, "counterSets")                                           \
  X(supports_sampling, "supportsCounterSampling:")                         \
  X(new_samples, "newCounterSampleBufferWithDescriptor:error:")            \
  X(set_counter_set, "setCounterSet:")                                     \
  X(set_sample_count, "setSampleCount:")                                   \
  X(set_storage_mode, "setStorageMode:")                                   \
  X(resolve_samples, "resolveCounterRange:")                               \
  X(bytes, "bytes")                                                        \
  X(pass_descriptor, "computePassDescriptor")                              \
  X(pass_attachments, "sampleBufferAttachments")                           \
  X(subscript, "objectAtIndexedSubscript:")                                \
  X(set_sample_buffer, "setSampleBuffer:")                                 \
  X(set_start_sample, "setStartOfEncoderSampleIndex:")                     \
  X(set_end_sample, "setEndOfEncoderSampleIndex:")                         \
  X(encoder_with_pass, "computeCommandEncoderWithDescriptor:")

/* X(field, class): every class that is named. */
#define TM_CLASSES(X)                          \
  X(string, "NSString")                        \
  X(process_info, "NSProcessInfo")             \
  X(compile_options, "MTLCompileOptions")      \
  X(pipeline_descriptor, "MTLComputePipelineDescriptor") \
  X(sample_descriptor, "MTLCounterSampleBufferDescriptor") \
  X(pass_descriptor, "MTLComputePassDescriptor") \
  X(archive_descriptor, "MTLBinaryArchiveDescriptor") \
  X(url, "NSURL")                              \
  X(array, "NSArray")

#endif
