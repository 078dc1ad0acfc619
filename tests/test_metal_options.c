/* SPDX-License-Identifier: MIT */
/*
 * test_metal_options.c - the selectors of METAL-FACTS 1.6 to 1.18 that no
 * other test sends: each option, and what it answers or changes.
 */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above */
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "support/metal.h"

#define HEAD "#include <metal_stdlib>\nusing namespace metal;\n"

static const char add_one[] = HEAD
    "kernel void k(device float *x [[buffer(0)]],\n"
    "              device float *y [[buffer(1)]],\n"
    "              uint i [[thread_position_in_grid]]) { y[i] = x[i] + 1; }\n";

static float *floats(id buffer) { return contents(buffer); }

/* ---- Foundation (1.18) ------------------------------------------------ */

static void collections_hold_what_they_are_made_of(void **state) {
  id items[2] = {text("a"), text("b")}, keys[2] = {text("x"), text("y")};
  id array = SEND(id, const id *, NSUInteger)(
      CLASS("NSArray"), NAME("arrayWithObjects:count:"), items, 2);
  assert_int_equal(SEND(NSUInteger)(array, NAME("count")), 2);
  assert_string_equal(
      chars(SEND(id, NSUInteger)(array, NAME("objectAtIndex:"), 1)), "b");
  id one = SEND(id, id, id)(CLASS("NSDictionary"),
                            NAME("dictionaryWithObject:forKey:"), items[0],
                            keys[0]);
  assert_string_equal(
      chars(SEND(id, id)(one, NAME("objectForKey:"), text("x"))), "a");
  assert_null(SEND(id, id)(one, NAME("objectForKey:"), text("y")));
  id yes = SEND(id, sm_bool)(CLASS("NSNumber"), NAME("numberWithBool:"), 1);
  id big = SEND(id, unsigned)(CLASS("NSNumber"), NAME("numberWithUnsignedInt:"),
                              4000000000u);
  assert_int_equal(SEND(int)(yes, NAME("intValue")), 1);
  assert_true(SEND(unsigned long)(big, NAME("unsignedLongValue")) ==
              4000000000ul);
}

static void strings_can_borrow_their_bytes(void **state) {
  static const char bytes[] = "borrowed bytes";
  id made = SEND(id)(CLASS("NSString"), NAME("alloc"));
  made = SEND(id, const void *, NSUInteger, NSUInteger, sm_bool)(
      made, NAME("initWithBytesNoCopy:length:encoding:freeWhenDone:"), bytes,
      8, 4, 0);
  assert_string_equal(chars(made), "borrowed");
  assert_int_equal(SEND(NSUInteger)(made, NAME("length")), 8);
  objc_release(made);
}

typedef struct os_version { NSInteger major, minor, patch; } os_version;

static void the_process_knows_the_system_it_runs_on(void **state) {
  id info = SEND(id)(CLASS("NSProcessInfo"), NAME("processInfo"));
  setenv("SOFTMETAL_MACOS", "14", 1);
  sm_bool (*at_least)(id, SEL, os_version) =
      (sm_bool(*)(id, SEL, os_version))message_send;
  SEL selector = NAME("isOperatingSystemAtLeastVersion:");
  assert_true(at_least(info, selector, (os_version){14, 0, 0}));
  assert_false(at_least(info, selector, (os_version){15, 0, 0}));
  unsetenv("SOFTMETAL_MACOS");
  assert_true(at_least(info, selector, (os_version){26, 0, 0}));
#if defined(__x86_64__)
  os_version v = ((os_version(*)(id, SEL))message_send_stret)(
      info, NAME("operatingSystemVersion"));
#else
  os_version v = ((os_version(*)(id, SEL))message_send)(
      info, NAME("operatingSystemVersion"));
#endif
  assert_int_equal(v.major, 26);
  assert_true(SEND(uint64_t)(info, NAME("physicalMemory")) > 1u << 20);
}

/* ---- device (1.6) ----------------------------------------------------- */

typedef struct size_align { NSUInteger size, align; } size_align;

static void a_device_says_what_it_is_and_is_not(void **state) {
  metal *m = *state;
  id d = m->device;
  uint64_t id1 = SEND(uint64_t)(d, NAME("registryID"));
  assert_true(id1 != 0 && id1 == SEND(uint64_t)(d, NAME("registryID")));
  static const char *const no[] = {"isHeadless", "isRemovable", "isLowPower",
                                   "supportsRaytracing",
                                   "supportsFunctionPointers",
                                   "supportsDynamicLibraries"};
  for (size_t i = 0; i < sizeof no / sizeof *no; i++)
    assert_false(SEND(sm_bool)(d, NAME(no[i])));
  assert_int_equal(SEND(uint64_t)(d, NAME("maxTransferRate")), 0);
  size_align s = ((size_align(*)(id, SEL, NSUInteger, NSUInteger))message_send)(
      d, NAME("heapBufferSizeAndAlignWithLength:options:"), 1000, 0);
  assert_true(s.size >= 1000 && s.align && s.size % s.align == 0);
  assert_true(
      SEND(NSUInteger)(d, NAME("maximumConcurrentCompilationTaskCount")) >= 1);
  SEND(void, sm_bool)(d, NAME("setShouldMaximizeConcurrentCompilation:"), 1);
  assert_true(SEND(sm_bool)(d, NAME("shouldMaximizeConcurrentCompilation")));
  SEND(void, sm_bool)(d, NAME("setShouldMaximizeConcurrentCompilation:"), 0);
  assert_false(SEND(sm_bool)(d, NAME("shouldMaximizeConcurrentCompilation")));
}

static void what_needs_compiled_libraries_is_an_error(void **state) {
  metal *m = *state;
  id url = SEND(id, id)(CLASS("NSURL"), NAME("fileURLWithPath:"),
                        text("/nowhere/x.metallib"));
  id error = NULL;
  assert_null(SEND(id, id, id *)(
      m->device, NAME("newDynamicLibraryWithURL:error:"), url, &error));
  assert_non_null(error);
  error = NULL;
  assert_null(SEND(id, id, id *)(m->device, NAME("newLibraryWithData:error:"),
                                 NULL, &error));
  assert_non_null(error);
}

/* ---- compile options (1.7) -------------------------------------------- */

/* Each option that changes nothing here is taken, kept and read back. */
static void compile_options_are_kept(void **state) {
  metal *m = *state;
  id o = make("MTLCompileOptions");
  static const struct { const char *set, *get; NSInteger value; } rows[] = {
      {"setOptimizationLevel:", "optimizationLevel", 1},
      {"setMathFloatingPointFunctions:", "mathFloatingPointFunctions", 1},
      {"setMathMode:", "mathMode", 1},
      {"setLanguageVersion:", "languageVersion", 196609},
      {"setCompileSymbolVisibility:", "compileSymbolVisibility", 1},
  };
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    SEND(void, NSInteger)(o, NAME(rows[i].set), rows[i].value);
    assert_int_equal(SEND(NSInteger)(o, NAME(rows[i].get)), rows[i].value);
  }
  static const char *const flags[][2] = {
      {"setPreserveInvariance:", "preserveInvariance"},
      {"setAllowReferencingUndefinedSymbols:",
       "allowReferencingUndefinedSymbols"},
  };
  for (size_t i = 0; i < 2; i++) {
    SEND(void, sm_bool)(o, NAME(flags[i][0]), 1);
    assert_true(SEND(sm_bool)(o, NAME(flags[i][1])));
  }
  SEND(void, id)(o, NAME("setInstallName:"), text("@rpath/x"));
  assert_string_equal(chars(SEND(id)(o, NAME("installName"))), "@rpath/x");
  id error = NULL;
  id library = SEND(id, id, id, id *)(
      m->device, NAME("newLibraryWithSource:options:error:"), text(add_one), o,
      &error);
  assert_non_null(library);
  objc_release(library);
  id none = SEND(id)(CLASS("NSArray"), NAME("array"));
  SEND(void, id)(o, NAME("setLibraries:"), none);
  library = SEND(id, id, id, id *)(
      m->device, NAME("newLibraryWithSource:options:error:"), text(add_one), o,
      &error);
  assert_non_null(library);
  objc_release(library);
  objc_release(o);
}

/* fastMathEnabled NO is Safe and Precise; YES is Fast and Fast. */
static void fast_math_sets_mode_and_functions(void **state) {
  id o = make("MTLCompileOptions");
  SEND(void, sm_bool)(o, NAME("setFastMathEnabled:"), 0);
  assert_int_equal(SEND(NSInteger)(o, NAME("mathMode")), 0);
  assert_int_equal(SEND(NSInteger)(o, NAME("mathFloatingPointFunctions")), 1);
  SEND(void, sm_bool)(o, NAME("setFastMathEnabled:"), 1);
  assert_int_equal(SEND(NSInteger)(o, NAME("mathMode")), 2);
  assert_int_equal(SEND(NSInteger)(o, NAME("mathFloatingPointFunctions")), 0);
  objc_release(o);
}

static void functions_come_by_descriptor(void **state) {
  metal *m = *state;
  id error = NULL, library = library_of(m->device, add_one, &error);
  id d = SEND(id)(CLASS("MTLFunctionDescriptor"), NAME("functionDescriptor"));
  SEND(void, id)(d, NAME("setName:"), text("k"));
  id function = SEND(id, id, id *)(
      library, NAME("newFunctionWithDescriptor:error:"), d, &error);
  assert_non_null(function);
  assert_string_equal(chars(SEND(id)(function, NAME("name"))), "k");
  objc_release(function);
  SEND(void, id)(d, NAME("setName:"), text("nothing"));
  assert_null(SEND(id, id, id *)(
      library, NAME("newFunctionWithDescriptor:error:"), d, &error));
  assert_non_null(error);
  objc_release(library);
}

/* ---- pipelines (1.8) -------------------------------------------------- */

static id described(metal *m, id descriptor, id *error) {
  return SEND(id, id, NSUInteger, id *, id *)(
      m->device,
      NAME("newComputePipelineStateWithDescriptor:options:reflection:error:"),
      descriptor, 0, NULL, error);
}

static void a_pipeline_tells_its_width_memory_and_id(void **state) {
  metal *m = *state;
  id p = pipeline_of(m->device, HEAD
                     "kernel void k(device float *x [[buffer(0)]],\n"
                     "              uint i [[thread_position_in_grid]]) {\n"
                     "  threadgroup float t[10];\n  t[i % 10] = i;\n"
                     "  x[i] = t[i % 10];\n}\n", "k");
  id q = pipeline_of(m->device, add_one, "k");
  assert_int_equal(SEND(NSUInteger)(p, NAME("threadExecutionWidth")), 32);
  assert_int_equal(SEND(NSUInteger)(p, NAME("staticThreadgroupMemoryLength")),
                   48); /* 40 bytes, in steps of 16 */
  assert_int_equal(SEND(NSUInteger)(q, NAME("staticThreadgroupMemoryLength")),
                   0);
  uint64_t a = SEND(uint64_t)(p, NAME("gpuResourceID"));
  uint64_t b = SEND(uint64_t)(q, NAME("gpuResourceID"));
  assert_true(a && b && a != b);
  objc_release(p);
  objc_release(q);
}

static void descriptors_keep_what_means_nothing_here(void **state) {
  metal *m = *state;
  id d = make("MTLComputePipelineDescriptor"), error = NULL;
  id function = function_of(m->device, add_one, "k");
  SEND(void, id)(d, NAME("setComputeFunction:"), function);
  SEND(void, NSInteger)(d, NAME("setShaderValidation:"), 2);
  SEND(void, NSUInteger)(d, NAME("setMaxCallStackDepth:"), 4);
  SEND(void, sm_bool)(d, NAME("setSupportAddingBinaryFunctions:"), 0);
  id p = described(m, d, &error);
  assert_non_null(p);
  assert_int_equal(SEND(NSInteger)(p, NAME("shaderValidation")), 2);
  objc_release(p);
  objc_release(function);
  objc_release(d);
}

/* The promise of setThreadGroupSizeIsMultipleOfThreadExecutionWidth: is
 * undefined behaviour if broken: softmetal says so. */
static void a_broken_promise_of_whole_simdgroups_is_reported(void **state) {
  metal *m = *state;
  id d = make("MTLComputePipelineDescriptor"), error = NULL, encoder;
  id function = function_of(m->device, add_one, "k");
  SEND(void, id)(d, NAME("setComputeFunction:"), function);
  SEND(void, sm_bool)(
      d, NAME("setThreadGroupSizeIsMultipleOfThreadExecutionWidth:"), 1);
  id p = described(m, d, &error), x = buffer_of(m->device, 4096);
  for (int whole = 0; whole < 2; whole++) {
    id buffer = begin(m, &encoder);
    set_pipeline(encoder, p);
    set_buffer(encoder, x, 0, 0);
    set_buffer(encoder, x, 2048, 1);
    dispatch(encoder, 96, whole ? 32 : 48);
    if (whole)
      assert_int_equal(finish(buffer, encoder), 4);
    else
      expect_failure(buffer, encoder, 9, "a multiple of 32 threads");
  }
  objc_release(x);
  objc_release(p);
  objc_release(function);
  objc_release(d);
}

/* [[required_threads_per_threadgroup]] of MSL 4.0: the pipeline tells it, a
 * descriptor may say the same, and other threadgroups are misuse. */
static void the_required_threads_of_a_kernel_are_required(void **state) {
  metal *m = *state;
  id o = make("MTLCompileOptions"), error = NULL, encoder;
  SEND(void, NSUInteger)(o, NAME("setLanguageVersion:"), 262144);
  id library = SEND(id, id, id, id *)(
      m->device, NAME("newLibraryWithSource:options:error:"), text(HEAD
      "[[required_threads_per_threadgroup(16, 4)]]\n"
      "kernel void k(device float *x [[buffer(0)]]) { x[0] = 1; }\n"), o,
      &error);
  if (!library) fail_msg("%s", message_of(error));
  id function = SEND(id, id)(library, NAME("newFunctionWithName:"), text("k"));
  id d = make("MTLComputePipelineDescriptor");
  SEND(void, id)(d, NAME("setComputeFunction:"), function);
  id p = described(m, d, &error);
  if (!p) fail_msg("%s", message_of(error));
  MTLSize size = SEND_SIZE(p, NAME("requiredThreadsPerThreadgroup"));
  assert_true(size.width == 16 && size.height == 4 && size.depth == 1);
  id x = buffer_of(m->device, 64);
  for (NSUInteger height = 3; height <= 4; height++) {
    id buffer = begin(m, &encoder);
    set_pipeline(encoder, p);
    set_buffer(encoder, x, 0, 0);
    SEND(void, MTLSize, MTLSize)(
        encoder, NAME("dispatchThreadgroups:threadsPerThreadgroup:"),
        (MTLSize){1, 1, 1}, (MTLSize){16, height, 1});
    if (height == 4)
      assert_int_equal(finish(buffer, encoder), 4);
    else
      expect_failure(buffer, encoder, 9, "requires threadgroups of 16x4x1");
  }
  objc_release(p);
  SEND(void, MTLSize)(d, NAME("setRequiredThreadsPerThreadgroup:"),
                      (MTLSize){32, 1, 1});
  assert_null(described(m, d, &error));
  assert_non_null(strstr(message_of(error), "differs"));
  objc_release(x);
  objc_release(d);
  objc_release(function);
  objc_release(library);
  objc_release(o);
}

/* ---- buffers (1.10) --------------------------------------------------- */

static void purgeable_states_answer_the_one_before(void **state) {
  metal *m = *state;
  id b = buffer_of(m->device, 256);
  SEL set = NAME("setPurgeableState:");
  assert_int_equal(SEND(NSUInteger, NSUInteger)(b, set, 1), 2);
  assert_int_equal(SEND(NSUInteger, NSUInteger)(b, set, 3), 2);
  assert_int_equal(SEND(NSUInteger, NSUInteger)(b, set, 2), 3);
  assert_int_equal(SEND(NSUInteger, NSUInteger)(b, set, 1), 2);
  floats(b)[3] = 1; /* emptied memory holds nothing any more */
  assert_int_equal(SEND(NSUInteger, NSUInteger)(b, set, 4), 2);
  assert_true(floats(b)[3] != 1);
  assert_int_equal(SEND(NSUInteger, NSUInteger)(b, set, 2), 4);
  SEND(void, NSRange)(b, NAME("didModifyRange:"), (NSRange){0, 256});
  objc_release(b);
}

/* ---- command buffers and encoders (1.13, 1.14) ------------------------ */

static void times_and_states_of_a_command_buffer_are_in_order(void **state) {
  metal *m = *state;
  id b = SEND(id)(m->queue, NAME("commandBufferWithUnretainedReferences"));
  assert_false(SEND(sm_bool)(b, NAME("retainedReferences")));
  SEND(void, id)(b, NAME("pushDebugGroup:"), text("group"));
  id encoder = SEND(id)(b, NAME("computeCommandEncoder"));
  id p = pipeline_of(m->device, add_one, "k"), x = buffer_of(m->device, 4096);
  set_pipeline(encoder, p);
  set_buffer(encoder, x, 0, 0);
  set_buffer(encoder, x, 2048, 1);
  dispatch(encoder, 64, 32);
  end_encoding(encoder);
  SEND(void)(b, NAME("popDebugGroup"));
  SEND(void)(b, NAME("commit"));
  SEND(void)(b, NAME("waitUntilScheduled"));
  assert_true(SEND(NSUInteger)(b, NAME("status")) >= 3);
  SEND(void)(b, NAME("waitUntilCompleted"));
  double (*time)(id, SEL) = (double (*)(id, SEL))message_send;
  double t[] = {time(b, NAME("kernelStartTime")),
                time(b, NAME("kernelEndTime")), time(b, NAME("GPUStartTime")),
                time(b, NAME("GPUEndTime"))};
  assert_true(t[0] > 0 && t[0] <= t[1] && t[2] > 0 && t[2] <= t[3]);
  assert_true(t[0] <= t[3]);
  id d = make("MTLCommandBufferDescriptor");
  assert_true(SEND(sm_bool)(d, NAME("retainedReferences")));
  SEND(void, sm_bool)(d, NAME("setRetainedReferences:"), 0);
  b = SEND(id, id)(m->queue, NAME("commandBufferWithDescriptor:"), d);
  assert_false(SEND(sm_bool)(b, NAME("retainedReferences")));
  objc_release(d);
  objc_release(x);
  objc_release(p);
}

/* Everything that orders and makes resident, in one concurrent encoder: the
 * second dispatch reads what the first wrote. */
static void ranges_of_buffers_barriers_and_residency_are_taken(void **state) {
  metal *m = *state;
  id p = pipeline_of(m->device, add_one, "k"), x = buffer_of(m->device, 4096);
  id y = buffer_of(m->device, 4096);
  id b = SEND(id)(m->queue, NAME("commandBuffer"));
  id e = SEND(id, NSUInteger)(
      b, NAME("computeCommandEncoderWithDispatchType:"), 1);
  id both[2] = {x, y};
  NSUInteger offsets[2] = {256, 512};
  for (int i = 0; i < 64; i++) floats(x)[64 + i] = (float)i;
  set_pipeline(e, p);
  SEND(void, const id *, const NSUInteger *, NSRange)(
      e, NAME("setBuffers:offsets:withRange:"), both, offsets, (NSRange){0, 2});
  SEND(void, const id *, NSUInteger, NSUInteger)(
      e, NAME("useResources:count:usage:"), both, 2, 3);
  SEND(void, MTLSize, MTLSize)(
      e, NAME("dispatchThreadgroups:threadsPerThreadgroup:"),
      (MTLSize){2, 1, 1}, (MTLSize){32, 1, 1});
  SEND(void, const id *, NSUInteger)(
      e, NAME("memoryBarrierWithResources:count:"), both, 2);
  set_buffer(e, y, 512, 0);
  SEND(void, NSUInteger, NSUInteger)(e, NAME("setBufferOffset:atIndex:"), 1024,
                                     1);
  SEND(void, MTLSize, MTLSize)(
      e, NAME("dispatchThreadgroups:threadsPerThreadgroup:"),
      (MTLSize){2, 1, 1}, (MTLSize){32, 1, 1});
  SEND(void, NSUInteger, NSUInteger)(
      e, NAME("barrierAfterQueueStages:beforeStages:"), 1 << 27, 1 << 27);
  end_encoding(e);
  id blit = SEND(id)(b, NAME("blitCommandEncoder"));
  SEND(void, id)(blit, NAME("synchronizeResource:"), y);
  assert_int_equal(finish(b, blit), 4);
  for (int i = 0; i < 64; i++) {
    assert_true(floats(y)[128 + i] == (float)i + 1);
    assert_true(floats(y)[256 + i] == (float)i + 2);
  }
  objc_release(x);
  objc_release(y);
  objc_release(p);
}

/* ---- heaps, residency, archives (1.9, 1.11, 1.12) --------------------- */

static void heap_descriptors_keep_their_options(void **state) {
  metal *m = *state;
  id d = make("MTLHeapDescriptor");
  SEND(void, NSUInteger)(d, NAME("setSize:"), 1 << 16);
  SEND(void, NSUInteger)(d, NAME("setResourceOptions:"), 0x200);
  assert_int_equal(SEND(NSUInteger)(d, NAME("storageMode")), 0);
  assert_int_equal(SEND(NSUInteger)(d, NAME("hazardTrackingMode")), 2);
  SEND(void, NSUInteger)(d, NAME("setHazardTrackingMode:"), 1);
  SEND(void, NSUInteger)(d, NAME("setCpuCacheMode:"), 1);
  assert_int_equal(SEND(NSUInteger)(d, NAME("resourceOptions")), 0x101);
  id heap = SEND(id, id)(m->device, NAME("newHeapWithDescriptor:"), d);
  assert_non_null(heap);
  assert_int_equal(SEND(NSUInteger)(heap, NAME("hazardTrackingMode")), 1);
  id encoder, b = begin(m, &encoder);
  SEND(void, id)(encoder, NAME("useHeap:"), heap);
  assert_int_equal(finish(b, encoder), 4);
  objc_release(heap);
  objc_release(d);
}

static void residency_sets_take_many_and_end(void **state) {
  metal *m = *state;
  id d = make("MTLResidencySetDescriptor"), error = NULL;
  SEND(void, NSUInteger)(d, NAME("setInitialCapacity:"), 8);
  id set = SEND(id, id, id *)(
      m->device, NAME("newResidencySetWithDescriptor:error:"), d, &error);
  id both[2] = {buffer_of(m->device, 256), buffer_of(m->device, 256)};
  SEND(void, const id *, NSUInteger)(set, NAME("addAllocations:count:"), both,
                                     2);
  SEND(void)(set, NAME("commit"));
  assert_int_equal(SEND(NSUInteger)(set, NAME("allocationCount")), 2);
  SEND(void)(set, NAME("requestResidency"));
  SEND(void)(set, NAME("endResidency"));
  objc_release(both[0]);
  objc_release(both[1]);
  objc_release(set);
  objc_release(d);
}

static void all_of_this_leaves_no_object_alive(void **state) {
  assert_int_equal(settled_live_objects(0), 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      WITH_METAL(collections_hold_what_they_are_made_of),
      WITH_METAL(strings_can_borrow_their_bytes),
      WITH_METAL(the_process_knows_the_system_it_runs_on),
      WITH_METAL(a_device_says_what_it_is_and_is_not),
      WITH_METAL(what_needs_compiled_libraries_is_an_error),
      WITH_METAL(compile_options_are_kept),
      WITH_METAL(fast_math_sets_mode_and_functions),
      WITH_METAL(functions_come_by_descriptor),
      WITH_METAL(a_pipeline_tells_its_width_memory_and_id),
      WITH_METAL(descriptors_keep_what_means_nothing_here),
      WITH_METAL(a_broken_promise_of_whole_simdgroups_is_reported),
      WITH_METAL(the_required_threads_of_a_kernel_are_required),
      WITH_METAL(purgeable_states_answer_the_one_before),
      WITH_METAL(times_and_states_of_a_command_buffer_are_in_order),
      WITH_METAL(ranges_of_buffers_barriers_and_residency_are_taken),
      WITH_METAL(heap_descriptors_keep_their_options),
      WITH_METAL(residency_sets_take_many_and_end),
      cmocka_unit_test(all_of_this_leaves_no_object_alive),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
