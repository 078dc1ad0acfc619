/* SPDX-License-Identifier: MIT */
/*
 * test_metal_queue.c - queues, command buffers, encoders and events: order,
 * limits, handlers, errors, and that no misuse ends the process.
 */
#define _GNU_SOURCE
#include "support/metal.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* adds one to x[i] */
static const char bump[] =
    "#include <metal_stdlib>\nusing namespace metal;\n"
    "kernel void k(device int *x [[buffer(0)]],\n"
    "              uint i [[thread_position_in_grid]]) { x[i] += 1; }\n";
static const char spin[] =
    "#include <metal_stdlib>\nusing namespace metal;\n"
    "kernel void k(device int *x [[buffer(0)]]) {\n"
    "  volatile int n = 1;\n  while (n) n = n | 1;\n  x[0] = n;\n}\n";

static id bump_buffer(const metal *m, id pipeline, id x, id *encoder) {
  id buffer = begin(m, encoder);
  set_pipeline(*encoder, pipeline);
  set_buffer(*encoder, x, 0, 0);
  dispatch(*encoder, 4, 4);
  return buffer;
}
static NSUInteger status_of(id buffer) {
  return SEND(NSUInteger)(buffer, NAME("status"));
}
static void commit(id buffer) { SEND(void)(buffer, NAME("commit")); }
static void wait_done(id buffer) {
  SEND(void)(buffer, NAME("waitUntilCompleted"));
}

/* ---- queues --------------------------------------------------------------- */

typedef struct taker {
  id queue;
  _Atomic int taken;
} taker;

static void *take(void *argument) {
  taker *t = argument;
  void *pool = objc_autoreleasePoolPush();
  for (int i = 0; i < 3; i++) {
    id buffer = SEND(id)(t->queue, NAME("commandBuffer"));
    commit(buffer);
    atomic_fetch_add(&t->taken, 1);
  }
  objc_autoreleasePoolPop(pool);
  return NULL;
}

static void a_queue_blocks_over_its_limit_until_one_completes(void **state) {
  const metal *m = *state;
  id queue = SEND(id, NSUInteger)(
      m->device, NAME("newCommandQueueWithMaxCommandBufferCount:"), 2);
  id event = SEND(id)(m->device, NAME("newSharedEvent"));
  id gate = SEND(id)(queue, NAME("commandBuffer"));
  SEND(void, id, uint64_t)(gate, NAME("encodeWaitForEvent:value:"), event, 1);
  commit(gate);
  taker t = {queue, 0};
  pthread_t thread;
  assert_int_equal(pthread_create(&thread, NULL, take, &t), 0);
  assert_int_equal(settled(&t.taken, 1), 1); /* fits beside the gate */
  usleep(20000);
  assert_int_equal(atomic_load(&t.taken), 1); /* the second waits */
  SEND(void, uint64_t)(event, NAME("setSignaledValue:"), 1);
  pthread_join(thread, NULL);
  assert_int_equal(atomic_load(&t.taken), 3);
  wait_done(gate);
  objc_release(event);
  objc_release(queue);
}

static void sixty_four_command_buffers_are_the_default(void **state) {
  const metal *m = *state;
  void *pool = objc_autoreleasePoolPush();
  for (int i = 0; i < 64; i++)
    assert_non_null(SEND(id)(m->queue, NAME("commandBuffer")));
  objc_autoreleasePoolPop(pool); /* dropped without a commit: room again */
  assert_non_null(SEND(id)(m->queue, NAME("commandBuffer")));
  id d = make("MTLCommandQueueDescriptor");
  assert_int_equal(SEND(NSUInteger)(d, NAME("maxCommandBufferCount")), 64);
  SEND(void, NSUInteger)(d, NAME("setMaxCommandBufferCount:"), 3);
  id queue = SEND(id, id)(m->device, NAME("newCommandQueueWithDescriptor:"),
                          d);
  assert_non_null(queue);
  objc_release(queue);
  objc_release(d);
  assert_null(SEND(id, NSUInteger)(
      m->device, NAME("newCommandQueueWithMaxCommandBufferCount:"), 0));
}

static void enqueue_keeps_a_place_for_a_later_commit(void **state) {
  const metal *m = *state;
  id pipeline = pipeline_of(m->device, bump, "k");
  id x = buffer_of(m->device, 64), encoder;
  id first = bump_buffer(m, pipeline, x, &encoder);
  end_encoding(encoder);
  SEND(void)(first, NAME("enqueue"));
  assert_int_equal(status_of(first), 1);
  id second = bump_buffer(m, pipeline, x, &encoder);
  end_encoding(encoder);
  commit(second);
  usleep(30000);
  assert_true(status_of(second) < 4); /* the first has its turn first */
  commit(first);
  wait_done(second);
  assert_int_equal(status_of(first), 4);
  assert_int_equal(*(int *)contents(x), 2);
  objc_release(x);
  objc_release(pipeline);
}

static void an_enqueued_buffer_that_is_dropped_holds_nobody_up(void **state) {
  const metal *m = *state;
  void *pool = objc_autoreleasePoolPush();
  id dropped = SEND(id)(m->queue, NAME("commandBuffer"));
  SEND(void)(dropped, NAME("enqueue"));
  id second = objc_retain(SEND(id)(m->queue, NAME("commandBuffer")));
  commit(second);
  objc_autoreleasePoolPop(pool);
  wait_done(second);
  assert_int_equal(status_of(second), 4);
  objc_release(second);
}

/* ---- handlers --------------------------------------------------------------- */

typedef struct seen {
  _Atomic int calls, copies, disposals;
  pthread_t thread;
  NSUInteger status;
} seen;

static void note(test_block *block, id buffer) {
  seen *s = block->captured;
  s->thread = pthread_self();
  s->status = status_of(buffer);
  atomic_fetch_add(&s->calls, 1);
}
static void copy_block(test_block *to, const test_block *from) {
  (void)to;
  atomic_fetch_add(&((seen *)from->captured)->copies, 1);
}
static void dispose_block(const test_block *block) {
  atomic_fetch_add(&((seen *)block->captured)->disposals, 1);
}

static void handlers_are_copied_called_on_another_thread_and_disposed(
    void **state) {
  const metal *m = *state;
  static const struct {
    unsigned long reserved, size;
    void (*copy)(test_block *, const test_block *);
    void (*dispose)(const test_block *);
  } descriptor = {0, sizeof(test_block), copy_block, dispose_block};
  seen scheduled = {0}, completed = {0};
  test_block a = BLOCK(note, &scheduled), b = BLOCK(note, &completed);
  a.flags = b.flags = 1 << 25; /* BLOCK_HAS_COPY_DISPOSE */
  a.descriptor = b.descriptor = &descriptor;
  id buffer = SEND(id)(m->queue, NAME("commandBuffer"));
  SEND(void, void *)(buffer, NAME("addScheduledHandler:"), &a);
  SEND(void, void *)(buffer, NAME("addCompletedHandler:"), &b);
  memset(&a, 0, sizeof a); /* the stack form may go at once */
  memset(&b, 0, sizeof b);
  finish(buffer, NULL);
  assert_int_equal(settled(&completed.disposals, 1), 1);
  assert_int_equal(scheduled.calls, 1);
  assert_int_equal(scheduled.status, 3);
  assert_int_equal(completed.calls, 1);
  assert_int_equal(completed.status, 4);
  assert_int_equal(completed.copies, 1);
  assert_false(pthread_equal(completed.thread, pthread_self()));
}

static void a_handler_after_commit_is_misuse_that_ends_nothing(void **state) {
  const metal *m = *state;
  id buffer = SEND(id)(m->queue, NAME("commandBuffer"));
  finish(buffer, NULL);
  seen s = {0};
  test_block block = BLOCK(note, &s);
  softmetal_misuse(NULL, 0);
  SEND(void, void *)(buffer, NAME("addCompletedHandler:"), &block);
  char why[256];
  assert_true(softmetal_misuse(why, sizeof why) > 0);
  assert_string_equal(why, "-[MTLCommandBuffer addCompletedHandler:]: the "
                           "command buffer is committed");
  commit(buffer); /* twice: the same */
  assert_true(softmetal_misuse(why, sizeof why) > 0);
  assert_int_equal(s.calls, 0);
}

/* ---- errors ------------------------------------------------------------------- */

static id error_buffer(const metal *m) {
  id d = make("MTLCommandBufferDescriptor");
  SEND(void, NSUInteger)(d, NAME("setErrorOptions:"), 1);
  id buffer = SEND(id, id)(m->queue, NAME("commandBufferWithDescriptor:"), d);
  objc_release(d);
  return buffer;
}

static void errors_name_the_encoder_that_faulted(void **state) {
  const metal *m = *state;
  extern id MTLCommandBufferEncoderInfoErrorKey;
  const char *names[3] = {"first", "second", "third"};
  id good = pipeline_of(m->device, bump, "k");
  id bad = pipeline_of(m->device,
      "#include <metal_stdlib>\nusing namespace metal;\n"
      "kernel void k(device int *x [[buffer(0)]]) { x[1 << 30] = 1; }\n",
      "k");
  id x = buffer_of(m->device, 64), buffer = error_buffer(m);
  for (int i = 0; i < 3; i++) {
    id encoder = SEND(id)(buffer, NAME("computeCommandEncoder"));
    SEND(void, id)(encoder, NAME("setLabel:"), text(names[i]));
    SEND(void, id)(encoder, NAME("insertDebugSignpost:"), text("here"));
    set_pipeline(encoder, i == 1 ? bad : good);
    set_buffer(encoder, x, 0, 0);
    dispatch(encoder, 4, 4);
    end_encoding(encoder);
  }
  id error = expect_failure(buffer, NULL, 3, "unmapped memory");
  id infos = SEND(id, id)(SEND(id)(error, NAME("userInfo")),
                          NAME("objectForKey:"),
                          MTLCommandBufferEncoderInfoErrorKey);
  assert_int_equal(SEND(NSUInteger)(infos, NAME("count")), 3);
  NSInteger states[3] = {1, 4, 3}; /* completed, faulted, pending */
  for (NSUInteger i = 0; i < 3; i++) {
    id info = SEND(id, NSUInteger)(infos, NAME("objectAtIndex:"), i);
    assert_string_equal(chars(SEND(id)(info, NAME("label"))), names[i]);
    assert_int_equal(SEND(NSInteger)(info, NAME("errorState")), states[i]);
    id posts = SEND(id)(info, NAME("debugSignposts"));
    assert_int_equal(SEND(NSUInteger)(posts, NAME("count")), 1);
  }
  objc_release(x);
  objc_release(bad);
  objc_release(good);
}

static void endless_kernels_end_in_a_timeout_and_the_queue_lives(void **s) {
  const metal *m = *s;
  setenv("SOFTMETAL_TIMEOUT_MS", "100", 1);
  id stuck = pipeline_of(m->device, spin, "k"), x = buffer_of(m->device, 64);
  id encoder, buffer = begin(m, &encoder);
  set_pipeline(encoder, stuck);
  set_buffer(encoder, x, 0, 0);
  dispatch(encoder, 64, 32);
  expect_failure(buffer, encoder, 2, "did not end within 100 ms");
  unsetenv("SOFTMETAL_TIMEOUT_MS");
  id pipeline = pipeline_of(m->device, bump, "k");
  buffer = bump_buffer(m, pipeline, x, &encoder);
  assert_int_equal(finish(buffer, encoder), 4);
  assert_int_equal(*(int *)contents(x), 1);
  objc_release(pipeline);
  objc_release(x);
  objc_release(stuck);
}

/* Without checks too: what runs wild ends its own command buffer, with the
 * code that Metal has for it, and nothing else. */
static void kernels_that_run_wild_end_their_buffer_alone(void **state) {
  const metal *m = *state;
  static const struct { const char *body; NSInteger code; } rows[] = {
      {"while (true) {}", 2},
      {"for (;;) if (x[1] == 1) break;", 2},
      {"while (x[1] == 0) threadgroup_barrier(mem_flags::mem_device);", 2},
      {"while (atomic_load_explicit((device atomic_int *)x + 1,\n"
       "                            memory_order_relaxed) == 0) {}", 2},
      {"x[0] = x[1ul << 40];", 3},
      {"((device int *)ulong(x[1]))[0] = 1;", 3},
      {"threadgroup int t[4]; t[1 << (28 + x[1])] = 1; x[0] = t[0];", 3},
      {"atomic_fetch_add_explicit((device atomic_int *)x + (1ul << 40), 1,\n"
       "                          memory_order_relaxed);", 3}};
  id good = pipeline_of(m->device, bump, "k");
  setenv("SOFTMETAL_TIMEOUT_MS", "50", 1);
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    char source[512];
    snprintf(source, sizeof source,
             "#include <metal_stdlib>\nusing namespace metal;\n"
             "kernel void k(device int *x [[buffer(0)]]) {\n%s\n}\n",
             rows[i].body);
    id bad = pipeline_of(m->device, source, "k"), encoder;
    id x = buffer_of(m->device, 64), buffer = begin(m, &encoder);
    set_pipeline(encoder, bad);
    set_buffer(encoder, x, 0, 0);
    dispatch(encoder, 64, 64);
    expect_failure(buffer, encoder, rows[i].code, "kernel 'k'");
    memset(contents(x), 0, 64);
    buffer = bump_buffer(m, good, x, &encoder);
    assert_int_equal(finish(buffer, encoder), 4);
    assert_int_equal(*(int *)contents(x), 1);
    objc_release(x);
    objc_release(bad);
  }
  unsetenv("SOFTMETAL_TIMEOUT_MS");
  objc_release(good);
}

/* Arrays of threads are on the stack of whoever runs them: what is beyond
 * their end is nobody's, and stays as it was. */
static void indices_beyond_thread_arrays_touch_nothing_else(void **state) {
  const metal *m = *state;
  id pipeline = pipeline_of(m->device,
      "#include <metal_stdlib>\nusing namespace metal;\n"
      "kernel void k(device int *x [[buffer(0)]],\n"
      "              device const int *at [[buffer(1)]],\n"
      "              uint i [[thread_position_in_grid]]) {\n"
      "  int before[8], t[4], after[8];\n"
      "  for (int k = 0; k < 8; k++) before[k] = after[k] = at[k] * 0 + k;\n"
      "  for (int k = 0; k < 4; k++) t[k] = 100 + at[k] * 0;\n"
      "  for (int k = 0; k < 64; k++) t[at[k]] = 7;\n"
      "  for (int k = 0; k < 64; k++) t[at[k] + int(i)] = 7;\n"
      "  int sum = 0;\n"
      "  for (int k = 0; k < 8; k++)\n"
      "    sum += before[(k + at[0] * 0) % 8] + after[(k + at[0] * 0) % 8];\n"
      "  x[i] = sum;\n}\n", "k");
  int at[64];
  for (int i = 0; i < 64; i++) at[i] = i % 2 ? 4 + i * i * 40 : -1 - i * 9;
  id x = buffer_of(m->device, 256), encoder, buffer = begin(m, &encoder);
  id where = buffer_with(m->device, at, sizeof at);
  set_pipeline(encoder, pipeline);
  set_buffer(encoder, x, 0, 0);
  set_buffer(encoder, where, 0, 1);
  dispatch(encoder, 64, 64);
  assert_int_equal(finish(buffer, encoder), 4);
  for (int i = 0; i < 64; i++)
    assert_int_equal(((int *)contents(x))[i], 2 * 28);
  objc_release(where);
  objc_release(x);
  objc_release(pipeline);
}

/* Recursion is refused, so the depth of calls and the size of locals are
 * known, and a kernel gets the stack that it needs: 60 calls, each with an
 * array of its own, compute right in every thread. */
static void deep_calls_with_large_locals_get_their_stack(void **state) {
  const metal *m = *state;
  enum { DEPTH = 60, THREADS = 64 };
  static char source[1 << 16];
  size_t n = (size_t)snprintf(source, sizeof source,
      "#include <metal_stdlib>\nusing namespace metal;\n"
      "static float f0(device const uint *w, uint i) { return w[i]; }\n");
  for (int k = 1; k <= DEPTH; k++)
    n += (size_t)snprintf(source + n, sizeof source - n,
        "static float f%d(device const uint *w, uint i) {\n"
        "  float a[300];\n"
        "  for (uint k = 0; k < 300; k++) a[(k + w[0]) %% 300] = k + %d;\n"
        "  float below = f%d(w, i);\n  return below + a[i];\n}\n", k, k,
        k - 1);
  snprintf(source + n, sizeof source - n,
           "kernel void k(device const uint *w [[buffer(0)]],\n"
           "              device float *y [[buffer(1)]],\n"
           "              uint i [[thread_position_in_grid]]) {\n"
           "  y[i] = f%d(w, i);\n}\n", DEPTH);
  id pipeline = pipeline_of(m->device, source, "k");
  id w = buffer_of(m->device, 4 * THREADS), y = buffer_of(m->device,
                                                          4 * THREADS);
  id encoder, buffer = begin(m, &encoder);
  set_pipeline(encoder, pipeline);
  set_buffer(encoder, w, 0, 0);
  set_buffer(encoder, y, 0, 1);
  dispatch(encoder, THREADS, THREADS);
  assert_int_equal(finish(buffer, encoder), 4);
  for (int i = 0; i < THREADS; i++) /* w is 0: a[i] of call k is i + k */
    assert_true(((float *)contents(y))[i] ==
                (float)(DEPTH * i + DEPTH * (DEPTH + 1) / 2));
  objc_release(w);
  objc_release(y);
  objc_release(pipeline);
}

/* More than a kernel can have: there is no pipeline, for a reason, and the
 * process and its queue live on. */
static void locals_beyond_all_memory_are_an_error(void **state) {
  const metal *m = *state;
  static char source[1 << 16];
  size_t n = (size_t)snprintf(source, sizeof source,
      "#include <metal_stdlib>\nusing namespace metal;\n"
      "struct big { float a[60000]; };\n"
      "kernel void k(device const uint *w [[buffer(0)]],\n"
      "              device float *y [[buffer(1)]],\n"
      "              uint i [[thread_position_in_grid]]) {\n  float s = 0;\n");
  for (int k = 0; k < 300; k++)
    n += (size_t)snprintf(source + n, sizeof source - n,
        "  big b%d; b%d.a[(w[%d] + i) %% 60000] = i; "
        "s += b%d.a[(w[%d] + i) %% 60000];\n", k, k, k % 8, k, k % 8);
  snprintf(source + n, sizeof source - n, "  y[i] = s;\n}\n");
  id error = NULL, function = function_of(m->device, source, "k");
  id pipeline = SEND(id, id, id *)(
      m->device, NAME("newComputePipelineStateWithFunction:error:"), function,
      &error);
  id x = buffer_of(m->device, 4096), encoder;
  assert_null(pipeline);
  if (!strstr(message_of(error), "local variables need more than 64 MiB"))
    fail_msg("%s", message_of(error));
  id good = pipeline_of(m->device, bump, "k");
  id buffer = bump_buffer(m, good, x, &encoder);
  assert_int_equal(finish(buffer, encoder), 4);
  objc_release(good);
  objc_release(x);
  objc_release(function);
}

static void every_error_code_can_be_injected(void **state) {
  const metal *m = *state;
  static const struct { const char *fault; NSInteger code; } rows[] = {
      {"internal:1", 1}, {"timeout:1", 2}, {"page-fault:1", 3},
      {"access-revoked:1", 4}, {"submissions-ignored:1", 4},
      {"not-permitted:1", 7}, {"out-of-memory:1", 8},
      {"invalid-resource:1", 9}, {"memoryless:1", 10},
      {"device-removed:1", 11}, {"stack-overflow:1", 12}};
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    setenv("SOFTMETAL_FAULT", rows[i].fault, 1);
    id buffer = SEND(id)(m->queue, NAME("commandBuffer"));
    expect_failure(buffer, NULL, rows[i].code, "(injected)");
  }
  /* a list, by count: the second times out, the third and later fault */
  setenv("SOFTMETAL_FAULT", "timeout:2,page-fault:3+", 1);
  NSUInteger want[4] = {4, 5, 5, 5};
  NSInteger codes[4] = {0, 2, 3, 3};
  for (int i = 0; i < 4; i++) {
    id buffer = SEND(id)(m->queue, NAME("commandBuffer"));
    assert_int_equal(finish(buffer, NULL), want[i]);
    id error = SEND(id)(buffer, NAME("error"));
    assert_int_equal(error ? code_of(error) : 0, codes[i]);
  }
  setenv("SOFTMETAL_FAULT", "buffer:2", 1);
  for (int i = 1; i <= 3; i++) {
    id x = buffer_of(m->device, 64);
    assert_true((x == NULL) == (i == 2));
    objc_release(x);
  }
  unsetenv("SOFTMETAL_FAULT");
}

/* ---- misuse of encoders -------------------------------------------------------- */

typedef void misuse_step(const metal *m, id buffer, id encoder, id x);

static void bad_slot(const metal *m, id buffer, id encoder, id x) {
  set_buffer(encoder, x, 0, 31);
}
static void bad_offset(const metal *m, id buffer, id encoder, id x) {
  set_buffer(encoder, x, 65, 0);
}
static void too_many_bytes(const metal *m, id buffer, id encoder, id x) {
  static char bytes[5000];
  set_bytes(encoder, bytes, 5000, 0);
}
static void offset_without_buffer(const metal *m, id b, id encoder, id x) {
  SEND(void, NSUInteger, NSUInteger)(
      encoder, NAME("setBufferOffset:atIndex:"), 0, 7);
}
static void odd_threadgroup_length(const metal *m, id b, id encoder, id x) {
  SEND(void, NSUInteger, NSUInteger)(
      encoder, NAME("setThreadgroupMemoryLength:atIndex:"), 20, 0);
}
static void nil_pipeline(const metal *m, id buffer, id encoder, id x) {
  set_pipeline(encoder, NULL);
}
static void wrong_barrier(const metal *m, id buffer, id encoder, id x) {
  SEND(void, NSUInteger)(encoder, NAME("memoryBarrierWithScope:"), 99);
}
static void second_encoder(const metal *m, id buffer, id encoder, id x) {
  assert_null(SEND(id)(buffer, NAME("blitCommandEncoder")));
}
static void unbalanced_group(const metal *m, id buffer, id encoder, id x) {
  SEND(void)(encoder, NAME("popDebugGroup"));
}
static void waits_for_itself(const metal *m, id buffer, id encoder, id x) {
  id fence = SEND(id)(m->device, NAME("newFence"));
  SEND(void, id)(encoder, NAME("updateFence:"), fence);
  SEND(void, id)(encoder, NAME("waitForFence:"), fence);
  objc_release(fence);
}
static void samples_inside(const metal *m, id buffer, id encoder, id x) {
  SEND(void, id, NSUInteger, sm_bool)(
      encoder, NAME("sampleCountersInBuffer:atSampleIndex:withBarrier:"),
      NULL, 0, 0);
}
static void zero_grid(const metal *m, id buffer, id encoder, id x) {
  id pipeline = pipeline_of(m->device, bump, "k");
  set_pipeline(encoder, pipeline);
  dispatch(encoder, 0, 4);
  objc_release(pipeline);
}
static void ended_encoder(const metal *m, id buffer, id encoder, id x) {
  end_encoding(encoder);
  set_buffer(encoder, x, 0, 0);
}

static void misuse_fails_the_buffer_with_class_selector_and_reason(void **s) {
  const metal *m = *s;
  static const struct { misuse_step *step; const char *words; } rows[] = {
      {bad_slot, "-[MTLComputeCommandEncoder setBuffer:offset:atIndex:]: "
                 "index 31 is over the limit of 30"},
      {bad_offset, "offset 65 is past the end of a buffer of 64 bytes"},
      {too_many_bytes, "setBytes:length:atIndex:]: length 5000 must be 1 to "
                       "4096"},
      {offset_without_buffer, "no buffer is set at index 7"},
      {odd_threadgroup_length, "20 is not a multiple of 16"},
      {nil_pipeline, "setComputePipelineState:]: the pipeline is nil"},
      {wrong_barrier, "99 is no MTLBarrierScope"},
      {second_encoder, "-[MTLCommandBuffer blitCommandEncoder]: another "
                       "encoder is open"},
      {unbalanced_group, "no debug group was pushed"},
      {waits_for_itself, "waitForFence:]: the fence was updated by this "
                         "encoder"},
      {samples_inside, "at stage boundaries only"},
      {zero_grid, "the grid has a zero dimension"},
      {ended_encoder, "the encoder was used after endEncoding"}};
  id x = buffer_of(m->device, 64);
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    id encoder, buffer = begin(m, &encoder);
    rows[i].step(m, buffer, encoder, x);
    if (rows[i].step != ended_encoder) end_encoding(encoder);
    expect_failure(buffer, NULL, 9, rows[i].words);
  }
  objc_release(x);
}

/* ---- dispatches ------------------------------------------------------------------ */

static const char shape[] =
    "#include <metal_stdlib>\nusing namespace metal;\n"
    "kernel void k(device uint *x [[buffer(0)]],\n"
    "  uint3 p [[thread_position_in_grid]],\n"
    "  uint3 n [[threads_per_grid]], uint3 t [[threads_per_threadgroup]]) {\n"
    "  x[p.x + n.x * (p.y + n.y * p.z)] = t.x * 100 + t.y * 10 + t.z;\n}\n";

static void ragged_grids_have_smaller_edge_groups(void **state) {
  const metal *m = *state;
  id pipeline = pipeline_of(m->device, shape, "k");
  id x = buffer_of(m->device, 4096), encoder, buffer = begin(m, &encoder);
  set_pipeline(encoder, pipeline);
  set_buffer(encoder, x, 0, 0);
  SEND(void, MTLSize, MTLSize)(
      encoder, NAME("dispatchThreads:threadsPerThreadgroup:"),
      (MTLSize){7, 5, 3}, (MTLSize){4, 3, 2});
  assert_int_equal(finish(buffer, encoder), 4);
  const uint32_t *got = contents(x);
  for (uint32_t z = 0; z < 3; z++)
    for (uint32_t y = 0; y < 5; y++)
      for (uint32_t i = 0; i < 7; i++)
        assert_int_equal(got[i + 7 * (y + 5 * z)],
                         (i < 4 ? 4 : 3) * 100 + (y < 3 ? 3 : 2) * 10 +
                             (z < 2 ? 2 : 1));
  objc_release(x);
  objc_release(pipeline);
}

/* 40 threads in groups of 30: quadgroups of 8 and 3; the
 * dispatched ones are those of 30 threads everywhere. */
static void edge_groups_know_what_was_dispatched(void **state) {
  const metal *m = *state;
  id pipeline = pipeline_of(m->device,
      "#include <metal_stdlib>\nusing namespace metal;\n"
      "kernel void k(device uint4 *x [[buffer(0)]],\n"
      "  uint p [[thread_position_in_grid]],\n"
      "  uint a [[quadgroups_per_threadgroup]],\n"
      "  uint b [[dispatch_quadgroups_per_threadgroup]],\n"
      "  uint c [[threads_per_threadgroup]],\n"
      "  uint d [[dispatch_threads_per_threadgroup]]) {\n"
      "  x[p] = uint4(a, b, c, d);\n}\n", "k");
  id x = buffer_of(m->device, 4096), encoder, buffer = begin(m, &encoder);
  set_pipeline(encoder, pipeline);
  set_buffer(encoder, x, 0, 0);
  dispatch(encoder, 40, 30);
  assert_int_equal(finish(buffer, encoder), 4);
  const uint32_t(*got)[4] = contents(x);
  for (int i = 0; i < 40; i++) {
    assert_int_equal(got[i][0], i < 30 ? 8 : 3);
    assert_int_equal(got[i][1], 8);
    assert_int_equal(got[i][2], i < 30 ? 30 : 10);
    assert_int_equal(got[i][3], 30);
  }
  objc_release(x);
  objc_release(pipeline);
}

static void indirect_dispatches_read_their_grid_when_they_run(void **state) {
  const metal *m = *state;
  id pipeline = pipeline_of(m->device, bump, "k");
  id fill = pipeline_of(m->device,
      "kernel void k(device unsigned int *g [[buffer(0)]]) {\n"
      "  g[1] = 2; g[2] = 1; g[3] = 1;\n}\n", "k");
  id x = buffer_of(m->device, 256), grid = buffer_of(m->device, 64);
  id encoder, buffer = begin(m, &encoder);
  set_pipeline(encoder, fill);
  set_buffer(encoder, grid, 0, 0);
  dispatch(encoder, 1, 1);
  set_pipeline(encoder, pipeline);
  set_buffer(encoder, x, 0, 0);
  SEND(void, id, NSUInteger, MTLSize)(
      encoder,
      NAME("dispatchThreadgroupsWithIndirectBuffer:indirectBufferOffset:"
           "threadsPerThreadgroup:"),
      grid, 4, (MTLSize){8, 1, 1});
  assert_int_equal(finish(buffer, encoder), 4);
  const int *got = contents(x);
  for (int i = 0; i < 32; i++) assert_int_equal(got[i], i < 16);
  objc_release(grid);
  objc_release(x);
  objc_release(fill);
  objc_release(pipeline);
}

/* Under checks, what no barrier of a concurrent encoder separates races. */
static void concurrent_dispatches_need_barriers(void **state) {
  const metal *m = *state;
  setenv("SOFTMETAL_CHECK", "1", 1);
  id pipeline = pipeline_of(m->device, bump, "k");
  id x = buffer_of(m->device, 64);
  for (int serial = 0; serial < 2; serial++)
    for (int barrier = 0; barrier < 2; barrier++) {
      id buffer = SEND(id)(m->queue, NAME("commandBuffer"));
      id encoder = SEND(id, NSUInteger)(
          buffer, NAME("computeCommandEncoderWithDispatchType:"), !serial);
      set_pipeline(encoder, pipeline);
      set_buffer(encoder, x, 0, 0);
      dispatch(encoder, 4, 4);
      if (barrier)
        SEND(void, NSUInteger)(encoder, NAME("memoryBarrierWithScope:"), 1);
      dispatch(encoder, 4, 4);
      if (serial || barrier)
        assert_int_equal(finish(buffer, encoder), 4);
      else
        expect_failure(buffer, encoder, 3, "another dispatch");
    }
  unsetenv("SOFTMETAL_CHECK");
  objc_release(x);
  objc_release(pipeline);
}

/* ---- events ----------------------------------------------------------------------- */

typedef struct news {
  _Atomic int calls;
  uint64_t value;
} news;
static void on_value(test_block *block, id event, uint64_t value) {
  news *n = block->captured;
  (void)event;
  n->value = value;
  atomic_fetch_add(&n->calls, 1);
}

static void listeners_are_told_when_their_value_is_reached(void **state) {
  const metal *m = *state;
  id event = SEND(id)(m->device, NAME("newSharedEvent"));
  id listener = make("MTLSharedEventListener");
  news n = {0}, never = {0};
  test_block block = BLOCK(on_value, &n), other = BLOCK(on_value, &never);
  SEL notify = NAME("notifyListener:atValue:block:");
  SEND(void, id, uint64_t, void *)(event, notify, listener, 2, &block);
  SEND(void, id, uint64_t, void *)(event, notify, listener, 99, &other);
  id buffer = SEND(id)(m->queue, NAME("commandBuffer"));
  SEND(void, id, uint64_t)(buffer, NAME("encodeSignalEvent:value:"), event,
                           1);
  finish(buffer, NULL);
  usleep(10000);
  assert_int_equal(n.calls, 0);
  SEND(void, uint64_t)(event, NAME("setSignaledValue:"), 5);
  assert_int_equal(settled(&n.calls, 1), 1);
  assert_int_equal(n.value, 2);
  assert_int_equal(never.calls, 0);
  id handle = SEND(id)(event, NAME("newSharedEventHandle"));
  id same = SEND(id, id)(m->device, NAME("newSharedEventWithHandle:"),
                         handle);
  assert_int_equal(SEND(uint64_t)(same, NAME("signaledValue")), 5);
  objc_release(same);
  objc_release(handle);
  objc_release(listener);
  objc_release(event);
}

static void a_failed_buffer_does_not_signal(void **state) {
  const metal *m = *state;
  id event = SEND(id)(m->device, NAME("newSharedEvent"));
  setenv("SOFTMETAL_FAULT", "internal:1", 1);
  id buffer = SEND(id)(m->queue, NAME("commandBuffer"));
  SEND(void, id, uint64_t)(buffer, NAME("encodeSignalEvent:value:"), event,
                           1);
  assert_int_equal(finish(buffer, NULL), 5);
  unsetenv("SOFTMETAL_FAULT");
  assert_int_equal(SEND(uint64_t)(event, NAME("signaledValue")), 0);
  objc_release(event);
}

static void events_order_two_queues(void **state) {
  const metal *m = *state;
  id other = SEND(id)(m->device, NAME("newCommandQueue"));
  id event = SEND(id)(m->device, NAME("newEvent"));
  id pipeline = pipeline_of(m->device, bump, "k");
  id x = buffer_of(m->device, 64), encoder;
  id second = SEND(id)(other, NAME("commandBuffer"));
  SEND(void, id, uint64_t)(second, NAME("encodeWaitForEvent:value:"), event,
                           1);
  id blit = SEND(id)(second, NAME("blitCommandEncoder"));
  SEND(void, id, NSUInteger, id, NSUInteger, NSUInteger)(
      blit,
      NAME("copyFromBuffer:sourceOffset:toBuffer:destinationOffset:size:"), x,
      0, x, 32, 16);
  end_encoding(blit);
  commit(second);
  id first = bump_buffer(m, pipeline, x, &encoder);
  end_encoding(encoder);
  SEND(void, id, uint64_t)(first, NAME("encodeSignalEvent:value:"), event, 1);
  commit(first);
  wait_done(second);
  assert_int_equal(status_of(second), 4);
  assert_int_equal(((int *)contents(x))[8], 1);
  objc_release(x);
  objc_release(pipeline);
  objc_release(event);
  objc_release(other);
}

/* ---- timestamps ---------------------------------------------------------------------- */

static void encoders_leave_timestamps_in_a_sample_buffer(void **state) {
  const metal *m = *state;
  id sets = SEND(id)(m->device, NAME("counterSets"));
  id set = SEND(id, NSUInteger)(sets, NAME("objectAtIndex:"), 0);
  assert_string_equal(chars(SEND(id)(set, NAME("name"))), "timestamp");
  id d = make("MTLCounterSampleBufferDescriptor");
  SEND(void, id)(d, NAME("setCounterSet:"), set);
  SEND(void, NSUInteger)(d, NAME("setSampleCount:"), 2);
  id error = NULL;
  id samples = SEND(id, id, id *)(
      m->device, NAME("newCounterSampleBufferWithDescriptor:error:"), d,
      &error);
  assert_non_null(samples);
  id pass = SEND(id)(CLASS("MTLComputePassDescriptor"),
                     NAME("computePassDescriptor"));
  id at = SEND(id, NSUInteger)(
      SEND(id)(pass, NAME("sampleBufferAttachments")),
      NAME("objectAtIndexedSubscript:"), 0);
  SEND(void, id)(at, NAME("setSampleBuffer:"), samples);
  SEND(void, NSUInteger)(at, NAME("setStartOfEncoderSampleIndex:"), 0);
  SEND(void, NSUInteger)(at, NAME("setEndOfEncoderSampleIndex:"), 1);
  id pipeline = pipeline_of(m->device, bump, "k");
  id x = buffer_of(m->device, 64);
  id buffer = SEND(id)(m->queue, NAME("commandBuffer"));
  id encoder = SEND(id, id)(
      buffer, NAME("computeCommandEncoderWithDescriptor:"), pass);
  set_pipeline(encoder, pipeline);
  set_buffer(encoder, x, 0, 0);
  dispatch(encoder, 4, 4);
  assert_int_equal(finish(buffer, encoder), 4);
  id data = SEND(id, NSRange)(samples, NAME("resolveCounterRange:"),
                              (NSRange){0, 2});
  const uint64_t *stamp = SEND(const void *)(data, NAME("bytes"));
  assert_int_equal(SEND(NSUInteger)(data, NAME("length")), 16);
  assert_true(stamp[0] > 0 && stamp[1] >= stamp[0]);
  double begun = SEND(double)(buffer, NAME("GPUStartTime"));
  assert_true((double)stamp[0] * 1e-9 >= begun - 1e-3);
  assert_false(SEND(sm_bool, NSUInteger)(
      m->device, NAME("supportsCounterSampling:"), 2));
  objc_release(x);
  objc_release(pipeline);
  objc_release(samples);
  objc_release(d);
}

static void all_of_this_leaves_no_object_alive(void **state) {
  (void)state;
  assert_int_equal(settled_live_objects(0), 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      WITH_METAL(a_queue_blocks_over_its_limit_until_one_completes),
      WITH_METAL(sixty_four_command_buffers_are_the_default),
      WITH_METAL(enqueue_keeps_a_place_for_a_later_commit),
      WITH_METAL(an_enqueued_buffer_that_is_dropped_holds_nobody_up),
      WITH_METAL(handlers_are_copied_called_on_another_thread_and_disposed),
      WITH_METAL(a_handler_after_commit_is_misuse_that_ends_nothing),
      WITH_METAL(errors_name_the_encoder_that_faulted),
      WITH_METAL(endless_kernels_end_in_a_timeout_and_the_queue_lives),
      WITH_METAL(kernels_that_run_wild_end_their_buffer_alone),
      WITH_METAL(indices_beyond_thread_arrays_touch_nothing_else),
      WITH_METAL(deep_calls_with_large_locals_get_their_stack),
      WITH_METAL(locals_beyond_all_memory_are_an_error),
      WITH_METAL(every_error_code_can_be_injected),
      WITH_METAL(misuse_fails_the_buffer_with_class_selector_and_reason),
      WITH_METAL(ragged_grids_have_smaller_edge_groups),
      WITH_METAL(edge_groups_know_what_was_dispatched),
      WITH_METAL(indirect_dispatches_read_their_grid_when_they_run),
      WITH_METAL(concurrent_dispatches_need_barriers),
      WITH_METAL(listeners_are_told_when_their_value_is_reached),
      WITH_METAL(a_failed_buffer_does_not_signal),
      WITH_METAL(events_order_two_queues),
      WITH_METAL(encoders_leave_timestamps_in_a_sample_buffer),
      cmocka_unit_test(all_of_this_leaves_no_object_alive),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
