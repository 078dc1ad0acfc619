/* SPDX-License-Identifier: MIT */
/*
 * test_metal_misuse.c - each wrong use of the API, and the words that tell it.
 *
 * On a command buffer it ends the buffer with an error that Metal's debug
 * layer would have stopped at; elsewhere the message gives nil, or nothing,
 * and softmetal_misuse says why.
 */
#define _GNU_SOURCE
#include "support/metal.h"

#include <stdlib.h>
#include <string.h>

#define HEAD "#include <metal_stdlib>\nusing namespace metal;\n"

static const char shared_source[] = HEAD
    "kernel void k(device float *x [[buffer(0)]],\n"
    "              constant float4x4 &m [[buffer(1)]],\n"
    "              threadgroup float *t [[threadgroup(0)]],\n"
    "              uint i [[thread_index_in_threadgroup]]) {\n"
    "  threadgroup float own[1024];\n"
    "  own[i] = t[i] = m[0][0];\n  x[i] = own[i] + t[i];\n}\n";

/* What a step is given: an open compute encoder and an open blit encoder are
 * never there at once, so the blit steps open their own. */
typedef struct place {
  const metal *m;
  id buffer, encoder, x, pipeline;
  bool ended; /* the step ended the encoder */
} place;
typedef void step(place *p);

static void expect_misuse(const char *words) {
  char why[512] = "";
  softmetal_misuse(why, sizeof why);
  if (!strstr(why, words)) fail_msg("'%s' is not in '%s'", words, why);
}

/* ---- encoders -------------------------------------------------------------- */

static void bind_all(place *p) {
  static const float ones[16] = {1};
  set_pipeline(p->encoder, p->pipeline);
  set_buffer(p->encoder, p->x, 0, 0);
  set_bytes(p->encoder, ones, 64, 1);
  SEND(void, NSUInteger, NSUInteger)(
      p->encoder, NAME("setThreadgroupMemoryLength:atIndex:"), 4096, 0);
}
static void groups(place *p, MTLSize grid, MTLSize group) {
  SEND(void, MTLSize, MTLSize)(
      p->encoder, NAME("dispatchThreadgroups:threadsPerThreadgroup:"), grid,
      group);
}

static void zero_group(place *p) {
  bind_all(p);
  groups(p, (MTLSize){1, 1, 1}, (MTLSize){32, 0, 1});
}
static void large_group(place *p) {
  bind_all(p);
  groups(p, (MTLSize){1, 1, 1}, (MTLSize){32, 32, 2});
}
static void large_grid(place *p) {
  bind_all(p);
  groups(p, (MTLSize){(NSUInteger)1 << 28, 1, 1}, (MTLSize){32, 1, 1});
}
static void small_constant(place *p) {
  bind_all(p);
  set_bytes(p->encoder, "0123456789abcdef", 16, 1);
  dispatch(p->encoder, 32, 32);
}
static void no_threadgroup_length(place *p) {
  bind_all(p);
  SEND(void, NSUInteger, NSUInteger)(
      p->encoder, NAME("setThreadgroupMemoryLength:atIndex:"), 0, 0);
  dispatch(p->encoder, 32, 32);
}
static void long_threadgroup_memory(place *p) {
  SEND(void, NSUInteger, NSUInteger)(
      p->encoder, NAME("setThreadgroupMemoryLength:atIndex:"), 32784, 0);
}
static void long_sum_of_threadgroup_memory(place *p) {
  bind_all(p); /* and 4096 of the kernel's own */
  SEND(void, NSUInteger, NSUInteger)(
      p->encoder, NAME("setThreadgroupMemoryLength:atIndex:"), 32752, 0);
  dispatch(p->encoder, 32, 32);
}
static void no_bytes(place *p) { set_bytes(p->encoder, NULL, 16, 0); }
static void no_buffer(place *p) {
  set_buffer(p->encoder, p->pipeline, 0, 0);
}
static void indirect(place *p, id grid, NSUInteger offset) {
  bind_all(p);
  SEND(void, id, NSUInteger, MTLSize)(
      p->encoder,
      NAME("dispatchThreadgroupsWithIndirectBuffer:indirectBufferOffset:"
           "threadsPerThreadgroup:"),
      grid, offset, (MTLSize){32, 1, 1});
}
static void indirect_past_the_end(place *p) { indirect(p, p->x, 4088); }
static void indirect_odd(place *p) { indirect(p, p->x, 2); }
static void indirect_nil(place *p) { indirect(p, NULL, 0); }
static void no_resources(place *p) {
  SEND(void, const id *, NSUInteger)(
      p->encoder, NAME("memoryBarrierWithResources:count:"), NULL, 0);
}
static void nil_fence(place *p) {
  SEND(void, id)(p->encoder, NAME("waitForFence:"), NULL);
}
static void nil_fence_updated(place *p) {
  SEND(void, id)(p->encoder, NAME("updateFence:"), NULL);
}
static void odd_usage(place *p) {
  SEND(void, id, NSUInteger)(p->encoder, NAME("useResource:usage:"), p->x, 8);
}
static void nil_resource(place *p) {
  SEND(void, id, NSUInteger)(p->encoder, NAME("useResource:usage:"), NULL, 1);
}
static void nil_group_name(place *p) {
  SEND(void, id)(p->encoder, NAME("pushDebugGroup:"), NULL);
}
static void nil_signpost(place *p) {
  SEND(void, id)(p->encoder, NAME("insertDebugSignpost:"), NULL);
}
static void open_groups(place *p) {
  SEND(void, id)(p->encoder, NAME("pushDebugGroup:"), text("a"));
}
static void event_inside(place *p) {
  id event = SEND(id)(p->m->device, NAME("newEvent"));
  SEND(void, id, uint64_t)(p->buffer, NAME("encodeSignalEvent:value:"), event,
                           1);
  objc_release(event);
}
static void nil_event(place *p) {
  end_encoding(p->encoder);
  p->ended = true;
  SEND(void, id, uint64_t)(p->buffer, NAME("encodeWaitForEvent:value:"), NULL,
                           1);
}
static void nil_handler(place *p) {
  SEND(void, void *)(p->buffer, NAME("addCompletedHandler:"), NULL);
}
static void nil_set(place *p) {
  SEND(void, id)(p->buffer, NAME("useResidencySet:"), NULL);
}
static void pop_of_nothing(place *p) {
  SEND(void)(p->buffer, NAME("popDebugGroup"));
}
static void left_open(place *p) { p->ended = true; }
static void odd_dispatch_type(place *p) {
  end_encoding(p->encoder);
  p->ended = true;
  SEND(id, NSUInteger)(
      p->buffer, NAME("computeCommandEncoderWithDispatchType:"), 7);
}

static id open_blit(place *p) {
  end_encoding(p->encoder);
  return p->encoder = SEND(id)(p->buffer, NAME("blitCommandEncoder"));
}
static void copy(id blit, id from, NSUInteger at, id to, NSUInteger there,
                 NSUInteger size) {
  SEND(void, id, NSUInteger, id, NSUInteger, NSUInteger)(
      blit,
      NAME("copyFromBuffer:sourceOffset:toBuffer:destinationOffset:size:"),
      from, at, to, there, size);
}
static void copy_past_the_end(place *p) {
  copy(open_blit(p), p->x, 4000, p->x, 0, 100);
}
static void copy_onto_itself(place *p) {
  copy(open_blit(p), p->x, 0, p->x, 50, 100);
}
static void copy_from_nil(place *p) {
  copy(open_blit(p), NULL, 0, p->x, 0, 4);
}
static void fill_past_the_end(place *p) {
  SEND(void, id, NSRange, uint8_t)(open_blit(p),
                                   NAME("fillBuffer:range:value:"), p->x,
                                   (NSRange){4096, 1}, 0);
}
static void synchronize_nil(place *p) {
  SEND(void, id)(open_blit(p), NAME("synchronizeResource:"), NULL);
}

static void every_wrong_use_ends_the_buffer_and_says_so(void **state) {
  static const struct { step *step; const char *words; } rows[] = {
      {zero_group, "threadsPerThreadgroup has a zero"},
      {large_group, "32x32x2 threads per threadgroup are over the limit of "
                    "1024 of kernel 'k'"},
      {large_grid, "more than 2^32-1 threads in a dimension"},
      {small_constant, "kernel 'k': 16 bytes at index 1, the kernel needs 64"},
      {no_threadgroup_length,
       "kernel 'k': no threadgroup memory length is set at index 0"},
      {long_threadgroup_memory, "32784 bytes are over the limit of 32768"},
      {long_sum_of_threadgroup_memory,
       "kernel 'k': 36848 bytes of threadgroup memory are over the limit"},
      {no_bytes, "setBytes:length:atIndex:]: bytes is NULL"},
      {no_buffer, "what is set at index 0 is not a buffer"},
      {indirect_past_the_end, "no three uints at offset 4088"},
      {indirect_odd, "no three uints at offset 2"},
      {indirect_nil, "no three uints at offset 0"},
      {no_resources, "no resources are given"},
      {nil_fence, "waitForFence:]: the fence is nil"},
      {nil_fence_updated, "updateFence:]: the fence is nil"},
      {odd_usage, "8 is no MTLResourceUsage"},
      {nil_resource, "the resource is nil"},
      {nil_group_name, "pushDebugGroup:]: the name is nil"},
      {nil_signpost, "insertDebugSignpost:]: the name is nil"},
      {open_groups, "1 debug groups are still pushed"},
      {event_inside, "-[MTLCommandBuffer encodeSignalEvent:value:]: another "
                     "encoder is open"},
      {nil_event, "event is nil"},
      {nil_handler, "the block is nil"},
      {nil_set, "set is nil"},
      {pop_of_nothing, "-[MTLCommandBuffer popDebugGroup]: no debug group"},
      {left_open, "commit]: an encoder is open"},
      {odd_dispatch_type, "7 is no MTLDispatchType"},
      {copy_past_the_end, "bytes 4000 to 4100 are not in the buffer of 4096"},
      {copy_onto_itself, "source and destination overlap"},
      {copy_from_nil, "-[MTLBlitCommandEncoder copyFromBuffer:sourceOffset:"
                      "toBuffer:destinationOffset:size:]: bytes 0 to 4"},
      {fill_past_the_end, "bytes 4096 to 4097 are not in the buffer"},
      {synchronize_nil, "synchronizeResource:]: the resource is nil"}};
  const metal *m = *state;
  id pipeline = pipeline_of(m->device, shared_source, "k");
  id x = buffer_of(m->device, 4096);
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    place p = {m, NULL, NULL, x, pipeline, false};
    p.buffer = begin(m, &p.encoder);
    rows[i].step(&p);
    if (!p.ended) end_encoding(p.encoder);
    expect_failure(p.buffer, NULL, 9, rows[i].words);
  }
  /* what is right does none of this */
  place p = {m, NULL, NULL, x, pipeline, false};
  p.buffer = begin(m, &p.encoder);
  bind_all(&p);
  dispatch(p.encoder, 32, 32);
  copy(open_blit(&p), x, 0, x, 128, 128);
  assert_int_equal(finish(p.buffer, p.encoder), 4);
  assert_true(((float *)contents(x))[63] == 2);
  objc_release(x);
  objc_release(pipeline);
}

/* An encoder that goes without endEncoding: Metal asserts when it is freed. */
static void an_encoder_dropped_open_fails_its_buffer(void **state) {
  const metal *m = *state;
  void *pool = objc_autoreleasePoolPush();
  id buffer = objc_retain(SEND(id)(m->queue, NAME("commandBuffer")));
  SEND(id)(buffer, NAME("computeCommandEncoder"));
  objc_autoreleasePoolPop(pool);
  expect_failure(buffer, NULL, 9, "released without endEncoding");
  objc_release(buffer);
}

/* ---- elsewhere -------------------------------------------------------------- */

static void devices_refuse_what_they_cannot_make(void **state) {
  const metal *m = *state;
  SEL bytes = NAME("newBufferWithBytes:length:options:");
  assert_null((SEND(id, const void *, NSUInteger, NSUInteger)(
      m->device, bytes, "abcd", 4, 0x20)));
  expect_misuse("private storage cannot be filled by the CPU");
  assert_null((SEND(id, const void *, NSUInteger, NSUInteger)(
      m->device, bytes, NULL, 4, 0)));
  expect_misuse("bytes is NULL");
  assert_null(SEND(id, NSUInteger)(
      m->device, NAME("newCommandQueueWithMaxCommandBufferCount:"), 0));
  expect_misuse("the count must be at least 1");
  assert_null(SEND(id, id)(m->device, NAME("newSharedEventWithHandle:"),
                           m->queue));
  expect_misuse("not an MTLSharedEventHandle");
  assert_null(SEND(id)(m->device, NAME("newDefaultLibrary")));
  expect_misuse("no bundle with a default library");
  assert_null(SEND(id, id)(m->device, NAME("newHeapWithDescriptor:"),
                           m->queue));
  expect_misuse("not an MTLHeapDescriptor");
}

static void objects_say_what_they_do_not_take(void **state) {
  const metal *m = *state;
  id options = make("MTLCompileOptions");
  SEND(void, NSInteger)(options, NAME("setMathMode:"), 3);
  expect_misuse("-[MTLCompileOptions setMathMode:]: 3 is no MTLMathMode");
  SEND(void, NSInteger)(options, NAME("setMathFloatingPointFunctions:"), 2);
  expect_misuse("2 is no MTLMathFloatingPointFunctions");
  objc_release(options);
  id values = make("MTLFunctionConstantValues");
  SEL at = NAME("setConstantValue:type:atIndex:");
  int one = 1;
  SEND(void, const void *, NSUInteger, NSUInteger)(values, at, &one, 29,
                                                   65536);
  expect_misuse("index 65536 is over 65535");
  SEND(void, const void *, NSUInteger, NSUInteger)(values, at, &one, 2, 0);
  expect_misuse("2 is no MTLDataType");
  SEND(void, const void *, NSUInteger, id)(
      values, NAME("setConstantValue:type:withName:"), &one, 29, NULL);
  expect_misuse("name is nil");
  objc_release(values);
  id x = buffer_of(m->device, 64);
  SEND(NSUInteger, NSUInteger)(x, NAME("setPurgeableState:"), 9);
  expect_misuse("9 is no MTLPurgeableState");
  SEND(void)(x, NAME("makeAliasable"));
  expect_misuse("not of a heap");
  SEND(void, NSRange)(x, NAME("didModifyRange:"), (NSRange){60, 8});
  expect_misuse("not in the buffer of 64");
  objc_release(x);
  id event = SEND(id)(m->device, NAME("newSharedEvent"));
  SEND(void, uint64_t)(event, NAME("setSignaledValue:"), 5);
  SEND(void, uint64_t)(event, NAME("setSignaledValue:"), 4);
  expect_misuse("4 is below the event's value");
  assert_int_equal(SEND(uint64_t)(event, NAME("signaledValue")), 5);
  SEND(void, id, uint64_t, void *)(
      event, NAME("notifyListener:atValue:block:"), NULL, 1, NULL);
  expect_misuse("the block is nil");
  objc_release(event);
  SEND(void, id)(m->queue, NAME("addResidencySet:"), NULL);
  expect_misuse("set is nil");
}

static void waiting_for_what_is_not_committed_does_not_hang(void **state) {
  const metal *m = *state;
  id buffer = SEND(id)(m->queue, NAME("commandBuffer"));
  SEND(void)(buffer, NAME("waitUntilCompleted"));
  expect_misuse("-[MTLCommandBuffer waitUntilCompleted]: the command buffer "
                "is not committed");
  assert_int_equal(SEND(NSUInteger)(buffer, NAME("status")), 0);
}

static void a_queue_takes_thirty_two_residency_sets(void **state) {
  const metal *m = *state;
  id d = make("MTLResidencySetDescriptor"), sets[33];
  for (int i = 0; i < 33; i++) {
    id error = NULL;
    sets[i] = SEND(id, id, id *)(
        m->device, NAME("newResidencySetWithDescriptor:error:"), d, &error);
    assert_non_null(sets[i]);
  }
  softmetal_misuse(NULL, 0);
  SEND(void, const id *, NSUInteger)(
      m->queue, NAME("addResidencySets:count:"), sets, 32);
  assert_int_equal(softmetal_misuse(NULL, 0), 0);
  SEND(void, id)(m->queue, NAME("addResidencySet:"), sets[32]);
  expect_misuse("more than 32 residency sets");
  SEND(void, const id *, NSUInteger)(
      m->queue, NAME("removeResidencySets:count:"), sets, 33);
  for (int i = 0; i < 33; i++) objc_release(sets[i]);
  objc_release(d);
}

static void heaps_and_sets_refuse_what_is_not_theirs(void **state) {
  const metal *m = *state;
  id d = make("MTLHeapDescriptor"), error = NULL;
  SEND(void, NSUInteger)(d, NAME("setSize:"), 4096);
  SEND(void, NSUInteger)(d, NAME("setStorageMode:"), 0);
  id heap = SEND(id, id)(m->device, NAME("newHeapWithDescriptor:"), d);
  SEL offset = NAME("newBufferWithLength:options:offset:");
  assert_null((SEND(id, NSUInteger, NSUInteger, NSUInteger)(heap, offset, 16,
                                                            0, 0)));
  expect_misuse("only placement heaps take an offset");
  assert_null((SEND(id, NSUInteger, NSUInteger)(
      heap, NAME("newBufferWithLength:options:"), 0, 0)));
  expect_misuse("length must not be 0");
  SEND(NSUInteger, NSUInteger)(
      heap, NAME("maxAvailableSizeWithAlignment:"), 3);
  expect_misuse("3 is not a power of two");
  objc_release(heap);
  SEND(void, NSInteger)(d, NAME("setType:"), 1);
  heap = SEND(id, id)(m->device, NAME("newHeapWithDescriptor:"), d);
  assert_null((SEND(id, NSUInteger, NSUInteger)(
      heap, NAME("newBufferWithLength:options:"), 16, 0)));
  expect_misuse("a placement heap needs an offset");
  objc_release(heap);
  objc_release(d);
  d = make("MTLResidencySetDescriptor");
  id set = SEND(id, id, id *)(
      m->device, NAME("newResidencySetWithDescriptor:error:"), d, &error);
  SEND(void, id)(set, NAME("addAllocation:"), NULL);
  expect_misuse("the allocation is nil");
  objc_release(set);
  objc_release(d);
}

static void all_of_this_leaves_no_object_alive(void **state) {
  (void)state;
  assert_int_equal(settled_live_objects(0), 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      WITH_METAL(every_wrong_use_ends_the_buffer_and_says_so),
      WITH_METAL(an_encoder_dropped_open_fails_its_buffer),
      WITH_METAL(devices_refuse_what_they_cannot_make),
      WITH_METAL(objects_say_what_they_do_not_take),
      WITH_METAL(waiting_for_what_is_not_committed_does_not_hang),
      WITH_METAL(a_queue_takes_thirty_two_residency_sets),
      WITH_METAL(heaps_and_sets_refuse_what_is_not_theirs),
      cmocka_unit_test(all_of_this_leaves_no_object_alive),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
