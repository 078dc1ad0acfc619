/* SPDX-License-Identifier: MIT */
/*
 * test_metal_answers.c - what objects answer about themselves: properties
 * that were set, the objects that they came from, and the messages whose
 * answer comes later, to a block.
 */
#define _GNU_SOURCE
#include "support/metal.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define HEAD "#include <metal_stdlib>\nusing namespace metal;\n"

static const char source[] = HEAD
    "constant int n [[function_constant(2)]];\n"
    "kernel void k(device int *x [[buffer(0)]]) { x[0] += 1; }\n"
    "kernel void with(device int *x [[buffer(0)]]) { x[0] = n; }\n";

static id get(id object, const char *selector) {
  return SEND(id)(object, NAME(selector));
}
static NSUInteger number(id object, const char *selector) {
  return SEND(NSUInteger)(object, NAME(selector));
}
static id answer_to(id object, const char *selector, id argument) {
  return SEND(id, id)(object, NAME(selector), argument);
}

/* Sets an object by one message and expects it back from another. */
static void keeps(id object, const char *setter, const char *getter,
                  id value) {
  SEND(void, id)(object, NAME(setter), value);
  assert_ptr_equal(get(object, getter), value);
}
static void keeps_number(id object, const char *setter, const char *getter,
                         NSUInteger value) {
  SEND(void, NSUInteger)(object, NAME(setter), value);
  assert_int_equal(number(object, getter), value);
}
static void keeps_truth(id object, const char *setter, const char *getter) {
  assert_false(SEND(sm_bool)(object, NAME(getter)));
  SEND(void, sm_bool)(object, NAME(setter), 1);
  assert_true(SEND(sm_bool)(object, NAME(getter)));
}

static id library_with(const metal *m) {
  id error = NULL, library = library_of(m->device, source, &error);
  if (!library) fail_msg("%s", message_of(error));
  return library;
}

/* ---- properties -------------------------------------------------------------- */

static void descriptors_answer_what_they_were_told(void **state) {
  const metal *m = *state;
  id list = get(CLASS("NSArray"), "array"), library = library_with(m);
  id function = answer_to(library, "newFunctionWithName:", text("k"));
  id d = make("MTLComputePipelineDescriptor");
  keeps(d, "setComputeFunction:", "computeFunction", function);
  keeps(d, "setLabel:", "label", text("mine"));
  keeps(d, "setBinaryArchives:", "binaryArchives", list);
  keeps(d, "setPreloadedLibraries:", "preloadedLibraries", list);
  keeps(d, "setLinkedFunctions:", "linkedFunctions", NULL);
  keeps_number(d, "setMaxTotalThreadsPerThreadgroup:",
               "maxTotalThreadsPerThreadgroup", 96);
  keeps_number(d, "setShaderValidation:", "shaderValidation", 1);
  assert_int_equal(number(d, "maxCallStackDepth"), 1); /* Apple's default */
  keeps_number(d, "setMaxCallStackDepth:", "maxCallStackDepth", 3);
  keeps_truth(d, "setSupportIndirectCommandBuffers:",
              "supportIndirectCommandBuffers");
  keeps_truth(d, "setSupportAddingBinaryFunctions:",
              "supportAddingBinaryFunctions");
  keeps_truth(d, "setThreadGroupSizeIsMultipleOfThreadExecutionWidth:",
              "threadGroupSizeIsMultipleOfThreadExecutionWidth");
  SEND(void)(d, NAME("reset"));
  assert_null(get(d, "computeFunction"));
  assert_null(get(d, "label"));
  assert_int_equal(number(d, "maxTotalThreadsPerThreadgroup"), 0);
  assert_false(SEND(sm_bool)(d, NAME("supportIndirectCommandBuffers")));
  objc_release(d);
  d = make("MTLFunctionDescriptor");
  id values = make("MTLFunctionConstantValues");
  keeps(d, "setName:", "name", text("k"));
  keeps(d, "setSpecializedName:", "specializedName", text("k_4"));
  keeps(d, "setConstantValues:", "constantValues", values);
  keeps(d, "setBinaryArchives:", "binaryArchives", list);
  keeps_number(d, "setOptions:", "options", 1);
  objc_release(d);
  objc_release(values);
  objc_release(function);
  objc_release(library);
}

static void more_descriptors_answer_what_they_were_told(void **state) {
  const metal *m = *state;
  id d = make("MTLCompileOptions");
  id macros = SEND(id, id, id)(CLASS("NSDictionary"),
                               NAME("dictionaryWithObject:forKey:"),
                               text("1"), text("A"));
  keeps(d, "setPreprocessorMacros:", "preprocessorMacros", macros);
  keeps(d, "setLibraries:", "libraries", get(CLASS("NSArray"), "array"));
  keeps_number(d, "setLibraryType:", "libraryType", 1);
  keeps_number(d, "setMaxTotalThreadsPerThreadgroup:",
               "maxTotalThreadsPerThreadgroup", 128);
  keeps_truth(d, "setEnableLogging:", "enableLogging");
  assert_true(SEND(sm_bool)(d, NAME("fastMathEnabled"))); /* the default */
  SEND(void, sm_bool)(d, NAME("setFastMathEnabled:"), 0);
  assert_false(SEND(sm_bool)(d, NAME("fastMathEnabled")));
  objc_release(d);
  d = make("MTLBinaryArchiveDescriptor");
  keeps(d, "setUrl:", "url", answer_to(CLASS("NSURL"), "fileURLWithPath:",
                                       text("/tmp/x")));
  objc_release(d);
  d = make("MTLLogStateDescriptor");
  keeps_number(d, "setLevel:", "level", 4);
  keeps_number(d, "setBufferSize:", "bufferSize", 65536);
  id error = NULL;
  id log = SEND(id, id, id *)(
      m->device, NAME("newLogStateWithDescriptor:error:"), d, &error);
  objc_release(d);
  d = make("MTLCommandBufferDescriptor");
  keeps(d, "setLogState:", "logState", log);
  keeps_number(d, "setErrorOptions:", "errorOptions", 1);
  objc_release(d);
  d = make("MTLCommandQueueDescriptor");
  keeps(d, "setLogState:", "logState", log);
  objc_release(d);
  objc_release(log);
  d = make("MTLResidencySetDescriptor");
  keeps_number(d, "setInitialCapacity:", "initialCapacity", 12);
  keeps(d, "setLabel:", "label", text("set"));
  objc_release(d);
  d = make("MTLHeapDescriptor");
  keeps_number(d, "setSize:", "size", 8192);
  keeps_number(d, "setCpuCacheMode:", "cpuCacheMode", 1);
  objc_release(d);
}

/* ---- where objects come from --------------------------------------------------- */

static void everything_knows_its_device(void **state) {
  const metal *m = *state;
  id error = NULL, library = library_with(m);
  id function = answer_to(library, "newFunctionWithName:", text("k"));
  id pipeline = pipeline_of(m->device, source, "k");
  id x = buffer_of(m->device, 256), event = get(m->device, "newSharedEvent");
  id fence = get(m->device, "newFence"), encoder, buffer = begin(m, &encoder);
  id d = make("MTLHeapDescriptor"), r = make("MTLResidencySetDescriptor");
  SEND(void, NSUInteger)(d, NAME("setSize:"), 8192);
  SEND(void, NSUInteger)(d, NAME("setStorageMode:"), 0);
  id heap = answer_to(m->device, "newHeapWithDescriptor:", d);
  id part = SEND(id, NSUInteger, NSUInteger)(
      heap, NAME("newBufferWithLength:options:"), 64, 0);
  id set = SEND(id, id, id *)(
      m->device, NAME("newResidencySetWithDescriptor:error:"), r, &error);
  id all[] = {library, function, pipeline, x, event, fence, encoder, buffer,
              heap, part, set, m->queue};
  for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
    assert_ptr_equal(get(all[i], "device"), m->device);
  assert_ptr_equal(get(buffer, "commandQueue"), m->queue);
  assert_ptr_equal(get(part, "heap"), heap);
  assert_null(get(x, "heap"));
  assert_int_equal(number(function, "functionType"), 3); /* kernel */
  assert_int_equal(number(function, "options"), 0);
  assert_int_equal(number(library, "type"), 0);
  assert_null(get(pipeline, "reflection"));
  assert_int_equal(SEND(NSUInteger)(get(buffer, "logs"), NAME("count")), 0);
  assert_int_equal(number(x, "cpuCacheMode"), 0);
  assert_int_equal(number(m->device, "peerCount"), 0);
  end_encoding(encoder);
  id rest[] = {part, set, heap, r, d, fence, event, x, pipeline, function,
               library};
  for (size_t i = 0; i < sizeof rest / sizeof rest[0]; i++)
    objc_release(rest[i]);
}

static void a_device_is_one_and_stays_it(void **state) {
  const metal *m = *state;
  id again = MTLCreateSystemDefaultDevice();
  assert_ptr_equal(again, m->device);
  assert_true(SEND(uint64_t)(again, NAME("registryID")) != 0);
  objc_release(again);
  assert_int_equal(SEND(uint64_t)(m->device, NAME("queryTimestampFrequency")),
                   1000000000u);
  assert_int_equal(SEND(uint64_t)(m->device, NAME("maxTransferRate")), 0);
}

/* ---- later, to a block ---------------------------------------------------------- */

typedef struct answer {
  _Atomic int calls;
  id object, reflection;
  char message[256];
  pthread_t thread;
} answer;
static void note(answer *a, id object, id error) {
  a->object = objc_retain(object);
  snprintf(a->message, sizeof a->message, "%s", message_of(error));
  a->thread = pthread_self();
  atomic_fetch_add(&a->calls, 1);
}
static void on_answer(test_block *block, id object, id error) {
  note(block->captured, object, error);
}
static void on_pipeline(test_block *block, id object, id reflection,
                        id error) {
  ((answer *)block->captured)->reflection = reflection;
  note(block->captured, object, error);
}

static id answered(answer *a) {
  assert_int_equal(settled(&a->calls, 1), 1);
  assert_false(pthread_equal(a->thread, pthread_self()));
  if (!a->object) fail_msg("%s", a->message);
  return a->object;
}

static void functions_and_pipelines_come_to_blocks(void **state) {
  const metal *m = *state;
  id library = library_with(m), values = make("MTLFunctionConstantValues");
  int four = 4;
  SEND(void, const void *, NSUInteger, NSUInteger)(
      values, NAME("setConstantValue:type:atIndex:"), &four, 29, 2);
  answer a = {0}, b = {0}, c = {0}, d = {0}, e = {0}, wrong = {0};
  test_block block = BLOCK(on_answer, &a);
  SEND(void, id, id, void *)(
      library, NAME("newFunctionWithName:constantValues:completionHandler:"),
      text("with"), values, &block);
  id function = answered(&a);
  id described = make("MTLFunctionDescriptor");
  SEND(void, id)(described, NAME("setName:"), text("k"));
  block = BLOCK(on_answer, &b);
  SEND(void, id, void *)(
      library, NAME("newFunctionWithDescriptor:completionHandler:"),
      described, &block);
  objc_release(answered(&b));
  block = BLOCK(on_answer, &c);
  SEND(void, id, void *)(
      m->device,
      NAME("newComputePipelineStateWithFunction:completionHandler:"),
      function, &block);
  id pipeline = answered(&c);
  block = BLOCK(on_pipeline, &d);
  SEND(void, id, NSUInteger, void *)(
      m->device,
      NAME("newComputePipelineStateWithFunction:options:completionHandler:"),
      function, 0, &block);
  objc_release(answered(&d));
  assert_null(d.reflection);
  id pd = make("MTLComputePipelineDescriptor");
  SEND(void, id)(pd, NAME("setComputeFunction:"), function);
  block = BLOCK(on_pipeline, &e);
  SEND(void, id, NSUInteger, void *)(
      m->device,
      NAME("newComputePipelineStateWithDescriptor:options:"
           "completionHandler:"), pd, 0, &block);
  objc_release(answered(&e));
  block = BLOCK(on_answer, &wrong);
  SEND(void, id, id, void *)(
      library, NAME("newFunctionWithName:constantValues:completionHandler:"),
      text("nobody"), values, &block);
  assert_int_equal(settled(&wrong.calls, 1), 1);
  assert_null(wrong.object);
  assert_non_null(strstr(wrong.message, "no kernel function named 'nobody'"));
  id x = buffer_of(m->device, 64), encoder, buffer = begin(m, &encoder);
  set_pipeline(encoder, pipeline);
  set_buffer(encoder, x, 0, 0);
  dispatch(encoder, 1, 1);
  assert_int_equal(finish(buffer, encoder), 4);
  assert_int_equal(*(int *)contents(x), 4);
  id rest[] = {x, pd, pipeline, described, function, values, library};
  for (size_t i = 0; i < sizeof rest / sizeof rest[0]; i++)
    objc_release(rest[i]);
}

static void constant_values_can_be_reset(void **state) {
  const metal *m = *state;
  id library = library_with(m), values = make("MTLFunctionConstantValues");
  int four = 4;
  SEND(void, const void *, NSUInteger, NSUInteger)(
      values, NAME("setConstantValue:type:atIndex:"), &four, 29, 2);
  SEND(void)(values, NAME("reset"));
  id error = NULL;
  assert_null(SEND(id, id, id, id *)(
      library, NAME("newFunctionWithName:constantValues:error:"),
      text("with"), values, &error));
  assert_non_null(strstr(message_of(error), "constant 'n' (index 2)"));
  objc_release(values);
  objc_release(library);
}

/* An archive is filled by a function descriptor too. */
static void archives_take_described_functions(void **state) {
  const metal *m = *state;
  id error = NULL, library = library_with(m);
  id d = make("MTLBinaryArchiveDescriptor");
  id archive = SEND(id, id, id *)(
      m->device, NAME("newBinaryArchiveWithDescriptor:error:"), d, &error);
  id f = make("MTLFunctionDescriptor");
  SEND(void, id)(f, NAME("setName:"), text("k"));
  assert_true(SEND(sm_bool, id, id, id *)(
      archive, NAME("addFunctionWithDescriptor:library:error:"), f, library,
      &error));
  SEND(void, id)(f, NAME("setName:"), text("nobody"));
  assert_false(SEND(sm_bool, id, id, id *)(
      archive, NAME("addFunctionWithDescriptor:library:error:"), f, library,
      &error));
  id pd = make("MTLComputePipelineDescriptor");
  id function = answer_to(library, "newFunctionWithName:", text("k"));
  SEND(void, id)(pd, NAME("setComputeFunction:"), function);
  SEND(void, id)(pd, NAME("setBinaryArchives:"),
                 answer_to(CLASS("NSArray"), "arrayWithObject:", archive));
  id pipeline = SEND(id, id, NSUInteger, id *, id *)(
      m->device,
      NAME("newComputePipelineStateWithDescriptor:options:reflection:error:"),
      pd, 4 /* FailOnBinaryArchiveMiss */, NULL, &error);
  if (!pipeline) fail_msg("%s", message_of(error));
  id rest[] = {pipeline, function, pd, f, archive, d, library};
  for (size_t i = 0; i < sizeof rest / sizeof rest[0]; i++)
    objc_release(rest[i]);
}

/* ---- residency, samples, passes --------------------------------------------------- */

static void residency_sets_give_up_what_is_taken_out(void **state) {
  const metal *m = *state;
  id d = make("MTLResidencySetDescriptor"), error = NULL, both[2];
  id set = SEND(id, id, id *)(
      m->device, NAME("newResidencySetWithDescriptor:error:"), d, &error);
  for (int i = 0; i < 2; i++) both[i] = buffer_of(m->device, 256);
  SEND(void, const id *, NSUInteger)(set, NAME("addAllocations:count:"), both,
                                     2);
  id all = get(set, "allAllocations");
  assert_int_equal(number(all, "count"), 2);
  SEND(void, const id *, NSUInteger)(set, NAME("removeAllocations:count:"),
                                     both, 1);
  assert_int_equal(number(set, "allocationCount"), 1);
  SEND(void)(set, NAME("removeAllAllocations"));
  assert_int_equal(number(set, "allocationCount"), 0);
  id buffer = get(m->queue, "commandBuffer");
  SEND(void, const id *, NSUInteger)(buffer, NAME("useResidencySets:count:"),
                                     &set, 1);
  assert_int_equal(finish(buffer, NULL), 4);
  for (int i = 0; i < 2; i++) objc_release(both[i]);
  objc_release(set);
  objc_release(d);
}

static void heaps_are_made_resident_together(void **state) {
  const metal *m = *state;
  id d = make("MTLHeapDescriptor"), heaps[2], encoder;
  SEND(void, NSUInteger)(d, NAME("setSize:"), 4096);
  SEND(void, NSUInteger)(d, NAME("setStorageMode:"), 0);
  for (int i = 0; i < 2; i++)
    heaps[i] = answer_to(m->device, "newHeapWithDescriptor:", d);
  setenv("SOFTMETAL_CHECK", "1", 1); /* the pipeline is made for it */
  id part = SEND(id, NSUInteger, NSUInteger)(
      heaps[1], NAME("newBufferWithLength:options:"), 64, 0);
  id pipeline = pipeline_of(m->device, HEAD
      "kernel void k(constant ulong &where [[buffer(0)]]) {\n"
      "  ((device int *)where)[0] = 5;\n}\n", "k");
  uint64_t where = SEND(uint64_t)(part, NAME("gpuAddress"));
  for (NSUInteger used = 1; used <= 2; used++) {
    id buffer = begin(m, &encoder);
    set_pipeline(encoder, pipeline);
    set_bytes(encoder, &where, 8, 0);
    SEND(void, const id *, NSUInteger)(encoder, NAME("useHeaps:count:"),
                                       heaps, used);
    dispatch(encoder, 1, 1);
    if (used == 2)
      assert_int_equal(finish(buffer, encoder), 4);
    else
      expect_failure(buffer, encoder, 3, "inside no bound buffer");
  }
  unsetenv("SOFTMETAL_CHECK");
  assert_int_equal(*(int *)contents(part), 5);
  objc_release(part);
  objc_release(pipeline);
  for (int i = 0; i < 2; i++) objc_release(heaps[i]);
  objc_release(d);
}

static void passes_and_samples_answer_and_resolve_into_buffers(void **state) {
  const metal *m = *state;
  id error = NULL, d = make("MTLCounterSampleBufferDescriptor");
  id set = SEND(id, NSUInteger)(get(m->device, "counterSets"),
                                NAME("objectAtIndex:"), 0);
  id counters = get(set, "counters");
  assert_int_equal(number(counters, "count"), 1);
  assert_string_equal(chars(get(SEND(id, NSUInteger)(
      counters, NAME("objectAtIndex:"), 0), "name")), "GPUTimestamp");
  keeps(d, "setCounterSet:", "counterSet", set);
  keeps_number(d, "setSampleCount:", "sampleCount", 2);
  id samples = SEND(id, id, id *)(
      m->device, NAME("newCounterSampleBufferWithDescriptor:error:"), d,
      &error);
  assert_int_equal(number(samples, "sampleCount"), 2);
  id pass = get(CLASS("MTLComputePassDescriptor"), "computePassDescriptor");
  keeps_number(pass, "setDispatchType:", "dispatchType", 1);
  id all = get(pass, "sampleBufferAttachments");
  id at = make("MTLComputePassSampleBufferAttachmentDescriptor");
  /* MTLCounterDontSample until it is said */
  assert_true(number(at, "startOfEncoderSampleIndex") == (NSUInteger)-1);
  keeps(at, "setSampleBuffer:", "sampleBuffer", samples);
  keeps_number(at, "setStartOfEncoderSampleIndex:",
               "startOfEncoderSampleIndex", 0);
  keeps_number(at, "setEndOfEncoderSampleIndex:", "endOfEncoderSampleIndex",
               1);
  SEND(void, id, NSUInteger)(all, NAME("setObject:atIndexedSubscript:"), at,
                             0);
  assert_ptr_equal(SEND(id, NSUInteger)(
      all, NAME("objectAtIndexedSubscript:"), 0), at);
  id buffer = get(m->queue, "commandBuffer");
  id encoder = answer_to(buffer, "computeCommandEncoderWithDescriptor:", pass);
  assert_int_equal(number(encoder, "dispatchType"), 1);
  end_encoding(encoder);
  id blit = answer_to(buffer, "blitCommandEncoderWithDescriptor:",
                      get(CLASS("MTLBlitPassDescriptor"),
                          "blitPassDescriptor"));
  id x = buffer_of(m->device, 64);
  SEND(void, id, NSRange, id, NSUInteger)(
      blit,
      NAME("resolveCounters:inRange:destinationBuffer:destinationOffset:"),
      samples, (NSRange){0, 2}, x, 16);
  assert_int_equal(finish(buffer, blit), 4);
  const uint64_t *stamp = contents(x);
  assert_int_equal(stamp[1], 0);
  assert_true(stamp[2] > 0 && stamp[3] >= stamp[2]);
  objc_release(x);
  objc_release(at);
  objc_release(samples);
  objc_release(d);
}

/* ---- queues and listeners ------------------------------------------------------- */

typedef struct taker {
  id queue;
  _Atomic int taken;
} taker;
static void *take_one(void *argument) {
  taker *t = argument;
  void *pool = objc_autoreleasePoolPush();
  id buffer = get(t->queue, "commandBuffer");
  atomic_fetch_add(&t->taken, 1);
  SEND(void)(buffer, NAME("commit"));
  objc_autoreleasePoolPop(pool);
  return NULL;
}

/* 64 uncompleted command buffers; the 65th waits until one has completed. */
static void the_sixty_fifth_command_buffer_waits(void **state) {
  const metal *m = *state;
  id buffers[64];
  for (int i = 0; i < 64; i++) buffers[i] = get(m->queue, "commandBuffer");
  taker t = {m->queue, 0};
  pthread_t thread;
  assert_int_equal(pthread_create(&thread, NULL, take_one, &t), 0);
  usleep(30000);
  assert_int_equal(atomic_load(&t.taken), 0);
  SEND(void)(buffers[5], NAME("commit"));
  assert_int_equal(settled(&t.taken, 1), 1);
  pthread_join(thread, NULL);
  for (int i = 0; i < 64; i++)
    if (i != 5) SEND(void)(buffers[i], NAME("commit"));
  SEND(void)(buffers[63], NAME("waitUntilCompleted"));
}

typedef struct told { _Atomic int calls; } told;
static void on_value(test_block *block, id event, uint64_t value) {
  (void)event, (void)value;
  atomic_fetch_add(&((told *)block->captured)->calls, 1);
}

static void every_kind_of_listener_is_told(void **state) {
  const metal *m = *state;
  id event = get(m->device, "newSharedEvent");
  id shared = get(CLASS("MTLSharedEventListener"), "sharedListener");
  assert_ptr_equal(shared, get(CLASS("MTLSharedEventListener"),
                               "sharedListener"));
  id own = SEND(id, void *)(get(CLASS("MTLSharedEventListener"), "alloc"),
                            NAME("initWithDispatchQueue:"), NULL);
  told a = {0}, b = {0};
  test_block to_shared = BLOCK(on_value, &a), to_own = BLOCK(on_value, &b);
  SEL notify = NAME("notifyListener:atValue:block:");
  SEND(void, id, uint64_t, void *)(event, notify, shared, 1, &to_shared);
  SEND(void, id, uint64_t, void *)(event, notify, own, 1, &to_own);
  SEND(void, uint64_t)(event, NAME("setSignaledValue:"), 1);
  assert_int_equal(settled(&a.calls, 1), 1);
  assert_int_equal(settled(&b.calls, 1), 1);
  /* a value that is there already is told at once */
  SEND(void, id, uint64_t, void *)(event, notify, own, 1, &to_own);
  assert_int_equal(settled(&b.calls, 2), 2);
  objc_release(own);
  objc_release(event);
}

/* ---- faults of what is made, by count ---------------------------------------------- */

static id made(const metal *m, const char *kind, id *error) {
  id d = NULL, result = NULL;
  *error = NULL;
  if (strcmp(kind, "library") == 0) return library_of(m->device, source, error);
  if (strcmp(kind, "buffer") == 0) return buffer_of(m->device, 64);
  if (strcmp(kind, "pipeline") == 0) {
    id library = library_with(m);
    id function = answer_to(library, "newFunctionWithName:", text("k"));
    result = SEND(id, id, id *)(
        m->device, NAME("newComputePipelineStateWithFunction:error:"),
        function, error);
    objc_release(function);
    objc_release(library);
  } else if (strcmp(kind, "heap") == 0) {
    d = make("MTLHeapDescriptor");
    SEND(void, NSUInteger)(d, NAME("setSize:"), 4096);
    result = answer_to(m->device, "newHeapWithDescriptor:", d);
  } else {
    d = make("MTLBinaryArchiveDescriptor");
    result = SEND(id, id, id *)(
        m->device, NAME("newBinaryArchiveWithDescriptor:error:"), d, error);
  }
  objc_release(d);
  return result;
}

static void the_nth_of_each_kind_fails(void **state) {
  const metal *m = *state;
  static const struct { const char *kind; bool tells; } rows[] = {
      {"library", true}, {"pipeline", true}, {"buffer", false},
      {"heap", false}, {"archive", true}};
  for (size_t k = 0; k < sizeof rows / sizeof rows[0]; k++) {
    char fault[32];
    for (int later = 0; later < 2; later++) {
      snprintf(fault, sizeof fault, "%s:2%s", rows[k].kind, later ? "+" : "");
      setenv("SOFTMETAL_FAULT", fault, 1);
      for (int i = 1; i <= 3; i++) {
        id error = NULL, object = made(m, rows[k].kind, &error);
        bool fails = i == 2 || (later && i > 2);
        if ((object == NULL) != fails) fail_msg("%s, number %d", fault, i);
        if (fails && rows[k].tells && !strstr(message_of(error), "injected"))
          fail_msg("%s: '%s'", fault, message_of(error));
        objc_release(object);
      }
    }
  }
  unsetenv("SOFTMETAL_FAULT");
}

static void all_of_this_leaves_no_object_alive(void **state) {
  (void)state;
  assert_int_equal(settled_live_objects(0), 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      WITH_METAL(descriptors_answer_what_they_were_told),
      WITH_METAL(more_descriptors_answer_what_they_were_told),
      WITH_METAL(everything_knows_its_device),
      WITH_METAL(a_device_is_one_and_stays_it),
      WITH_METAL(functions_and_pipelines_come_to_blocks),
      WITH_METAL(constant_values_can_be_reset),
      WITH_METAL(archives_take_described_functions),
      WITH_METAL(residency_sets_give_up_what_is_taken_out),
      WITH_METAL(heaps_are_made_resident_together),
      WITH_METAL(passes_and_samples_answer_and_resolve_into_buffers),
      WITH_METAL(the_sixty_fifth_command_buffer_waits),
      WITH_METAL(every_kind_of_listener_is_told),
      WITH_METAL(the_nth_of_each_kind_fails),
      cmocka_unit_test(all_of_this_leaves_no_object_alive),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
