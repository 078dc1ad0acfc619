/* SPDX-License-Identifier: MIT */

/*
 * test_metal_api.c - the Objective-C messages that programs send to Metal,
 * sent from C. On Linux they reach the softmetal linked into this program;
 * each test says a rule of the API that Apple documents or METAL-FACTS
 * quotes.
 */
#define _GNU_SOURCE
#include "support/metal.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char add_source[] =
    "#include <metal_stdlib>\n"
    "using namespace metal;\n"
    "kernel void add(device const float *x [[buffer(0)]],\n"
    "                device float *y [[buffer(1)]],\n"
    "                constant float &a [[buffer(2)]],\n"
    "                uint i [[thread_position_in_grid]]) {\n"
    "  y[i] = x[i] + a;\n"
    "}\n";

/* ---- a fixture: device, queue and the pipeline of `add` ----------------- */

typedef struct fixture {
  void *pool;
  id device, queue, pipeline, x, y;
} fixture;

static int open_fixture(void **state) {
  fixture *f = calloc(1, sizeof *f);
  f->pool = objc_autoreleasePoolPush();
  f->device = MTLCreateSystemDefaultDevice();
  f->queue = SEND(id)(f->device, NAME("newCommandQueue"));
  f->pipeline = pipeline_of(f->device, add_source, "add");
  f->x = buffer_of(f->device, 1000 * sizeof(float));
  f->y = buffer_of(f->device, 1000 * sizeof(float));
  *state = f;
  return 0;
}

static int close_fixture(void **state) {
  fixture *f = *state;
  id all[] = {f->x, f->y, f->pipeline, f->queue, f->device};
  for (int i = 0; i < 5; i++) objc_release(all[i]);
  objc_autoreleasePoolPop(f->pool);
  free(f);
  return 0;
}

static id start(fixture *f, id *encoder) {
  id buffer = SEND(id)(f->queue, NAME("commandBuffer"));
  *encoder = SEND(id)(buffer, NAME("computeCommandEncoder"));
  return buffer;
}
static void bind_all(fixture *f, id encoder, float a) {
  SEND(void, id)(encoder, NAME("setComputePipelineState:"), f->pipeline);
  SEND(void, id, NSUInteger, NSUInteger)(
      encoder, NAME("setBuffer:offset:atIndex:"), f->x, 0, 0);
  SEND(void, id, NSUInteger, NSUInteger)(
      encoder, NAME("setBuffer:offset:atIndex:"), f->y, 0, 1);
  SEND(void, const void *, NSUInteger, NSUInteger)(
      encoder, NAME("setBytes:length:atIndex:"), &a, 4, 2);
}
/* ---- tests --------------------------------------------------------------- */

static void a_device_reports_name_family_and_limits(void **state) {
  fixture *f = *state;
  assert_string_equal(chars(SEND(id)(f->device, NAME("name"))), "Apple M1");
  assert_true(SEND(sm_bool, NSInteger)(f->device, NAME("supportsFamily:"),
                                       1007));
  assert_false(SEND(sm_bool, NSInteger)(f->device, NAME("supportsFamily:"),
                                        1008));
  MTLSize most = SEND_SIZE(f->device, NAME("maxThreadsPerThreadgroup"));
  assert_int_equal(most.width, 1024);
  assert_int_equal(
      SEND(NSUInteger)(f->device, NAME("maxThreadgroupMemoryLength")), 32768);
}

static void the_device_is_the_chip_that_is_asked_for(void **state) {
  (void)state;
  setenv("SOFTMETAL_CHIP", "m3-max", 1);
  void *pool = objc_autoreleasePoolPush();
  id device = MTLCreateSystemDefaultDevice();
  assert_string_equal(chars(SEND(id)(device, NAME("name"))), "Apple M3 Max");
  assert_true(
      SEND(sm_bool, NSInteger)(device, NAME("supportsFamily:"), 1009));
  id all = MTLCopyAllDevices();
  assert_int_equal(SEND(NSUInteger)(all, NAME("count")), 1);
  objc_release(all);
  objc_release(device);
  objc_autoreleasePoolPop(pool);
  unsetenv("SOFTMETAL_CHIP");
}

static void a_dispatch_computes_every_thread_of_a_ragged_grid(void **state) {
  fixture *f = *state;
  float *x = contents(f->x), *y = contents(f->y);
  for (int i = 0; i < 1000; i++) x[i] = (float)i, y[i] = -1;
  id encoder, buffer = start(f, &encoder);
  bind_all(f, encoder, 0.5f);
  dispatch(encoder, 777, 64);
  assert_int_equal(finish(buffer, encoder), 4);
  for (int i = 0; i < 777; i++) assert_true(y[i] == (float)i + 0.5f);
  for (int i = 777; i < 1000; i++) assert_true(y[i] == -1);
  double begun = SEND(double)(buffer, NAME("GPUStartTime"));
  double ended = SEND(double)(buffer, NAME("GPUEndTime"));
  assert_true(begun > 0 && ended >= begun);
}

static void bytes_are_copied_when_they_are_set(void **state) {
  fixture *f = *state;
  float *y = contents(f->y);
  id encoder, buffer = start(f, &encoder);
  bind_all(f, encoder, 0);
  float a = 3;
  memset(contents(f->x), 0, 4000);
  SEND(void, const void *, NSUInteger, NSUInteger)(
      encoder, NAME("setBytes:length:atIndex:"), &a, 4, 2);
  dispatch(encoder, 8, 8);
  a = 9;
  assert_int_equal(finish(buffer, encoder), 4);
  for (int i = 0; i < 8; i++) assert_true(y[i] == 3);
}

/* Each use that Metal's debug layer stops at ends the buffer in an error
 * that names it. */
static void misuse_ends_the_command_buffer_with_a_reason(void **state) {
  fixture *f = *state;
  id encoder, buffer = start(f, &encoder);
  dispatch(encoder, 8, 8);
  assert_int_equal(finish(buffer, encoder), 5);
  id error = SEND(id)(buffer, NAME("error"));
  assert_non_null(strstr(message_of(error), "no compute pipeline"));

  buffer = start(f, &encoder);
  SEND(void, id)(encoder, NAME("setComputePipelineState:"), f->pipeline);
  dispatch(encoder, 8, 8);
  assert_int_equal(finish(buffer, encoder), 5);
  error = SEND(id)(buffer, NAME("error"));
  assert_non_null(strstr(message_of(error), "no buffer is set at index 0"));

  buffer = start(f, &encoder);
  bind_all(f, encoder, 1);
  dispatch(encoder, 2048, 2048);
  assert_int_equal(finish(buffer, encoder), 5);
  error = SEND(id)(buffer, NAME("error"));
  assert_non_null(strstr(message_of(error), "over the limit of 1024"));
  assert_string_equal(chars(SEND(id)(error, NAME("domain"))),
                      "MTLCommandBufferErrorDomain");
}

static void source_errors_have_line_and_column(void **state) {
  fixture *f = *state;
  id error = NULL;
  id library = library_of(f->device, "kernel void f() {\n  double x = 1;\n}\n",
                          &error);
  assert_null(library);
  assert_int_equal(SEND(NSInteger)(error, NAME("code")), 3);
  assert_non_null(strstr(message_of(error), "program_source:2:3: error:"));
}

static void an_unknown_function_is_nil(void **state) {
  fixture *f = *state;
  id error = NULL, library = library_of(f->device, add_source, &error);
  assert_null(
      SEND(id, id)(library, NAME("newFunctionWithName:"), text("sub")));
  id names = SEND(id)(library, NAME("functionNames"));
  assert_int_equal(SEND(NSUInteger)(names, NAME("count")), 1);
  objc_release(library);
}

static void a_newer_language_version_is_unsupported(void **state) {
  fixture *f = *state;
  id error = NULL;
  id options = SEND(id)(CLASS("MTLCompileOptions"), NAME("new"));
  SEND(void, NSUInteger)(options, NAME("setLanguageVersion:"), 9u << 16);
  id library = SEND(id, id, id, id *)(
      f->device, NAME("newLibraryWithSource:options:error:"),
      text(add_source), options, &error);
  assert_null(library);
  assert_int_equal(SEND(NSInteger)(error, NAME("code")), 1);
  objc_release(options);
}

static void buffers_are_zero_and_empty_ones_are_nil(void **state) {
  fixture *f = *state;
  assert_null(buffer_of(f->device, 0));
  id buffer = buffer_of(f->device, 10000);
  const char *bytes = contents(buffer);
  for (int i = 0; i < 10000; i++) assert_int_equal(bytes[i], 0);
  assert_int_equal(SEND(NSUInteger)(buffer, NAME("length")), 10000);
  objc_release(buffer);
  id hidden = SEND(id, NSUInteger, NSUInteger)(
      f->device, NAME("newBufferWithLength:options:"), 64, 0x20);
  assert_null(contents(hidden)); /* private storage */
  objc_release(hidden);
}

static void no_copy_buffers_want_whole_pages(void **state) {
  fixture *f = *state;
  size_t page = (size_t)sysconf(_SC_PAGESIZE);
  void *memory = NULL;
  assert_int_equal(posix_memalign(&memory, page, page), 0);
  SEL make =
      NAME("newBufferWithBytesNoCopy:length:options:deallocator:");
  assert_null((SEND(id, void *, NSUInteger, NSUInteger, void *)(
      f->device, make, (char *)memory + 4, page - 4, 0, NULL)));
  id buffer = SEND(id, void *, NSUInteger, NSUInteger, void *)(
      f->device, make, memory, page, 0, NULL);
  assert_ptr_equal(contents(buffer), memory);
  objc_release(buffer);
  free(memory);
}

static void blits_copy_and_fill(void **state) {
  fixture *f = *state;
  unsigned char *x = contents(f->x), *y = contents(f->y);
  for (int i = 0; i < 100; i++) x[i] = (unsigned char)i;
  id buffer = SEND(id)(f->queue, NAME("commandBuffer"));
  id blit = SEND(id)(buffer, NAME("blitCommandEncoder"));
  SEND(void, id, NSUInteger, id, NSUInteger, NSUInteger)(
      blit,
      NAME("copyFromBuffer:sourceOffset:toBuffer:destinationOffset:size:"),
      f->x, 10, f->y, 20, 30);
  SEND(void, id, NSRange, uint8_t)(blit, NAME("fillBuffer:range:value:"),
                                   f->y, (NSRange){60, 5}, 0xab);
  assert_int_equal(finish(buffer, blit), 4);
  for (int i = 0; i < 30; i++) assert_int_equal(y[20 + i], 10 + i);
  for (int i = 60; i < 65; i++) assert_int_equal(y[i], 0xab);
}

static void handler(test_block *block, id buffer) {
  (void)buffer;
  atomic_fetch_add((_Atomic int *)block->captured, 1);
}

static void handlers_run_for_success_and_for_failure(void **state) {
  fixture *f = *state;
  _Atomic int called = 0;
  test_block block = BLOCK(handler, &called);
  for (int fails = 0; fails < 2; fails++) {
    id encoder, buffer = start(f, &encoder);
    if (!fails) bind_all(f, encoder, 1);
    dispatch(encoder, 8, 8);
    SEND(void, void *)(buffer, NAME("addCompletedHandler:"), &block);
    finish(buffer, encoder);
    assert_int_equal(settled(&called, fails + 1), fails + 1);
  }
}

static void shared_events_order_host_and_device(void **state) {
  fixture *f = *state;
  id event = SEND(id)(f->device, NAME("newSharedEvent"));
  id encoder, buffer = SEND(id)(f->queue, NAME("commandBuffer"));
  SEND(void, id, uint64_t)(buffer, NAME("encodeWaitForEvent:value:"), event,
                           1);
  encoder = SEND(id)(buffer, NAME("computeCommandEncoder"));
  bind_all(f, encoder, 1);
  dispatch(encoder, 8, 8);
  SEND(void)(encoder, NAME("endEncoding"));
  SEND(void, id, uint64_t)(buffer, NAME("encodeSignalEvent:value:"), event,
                           2);
  SEND(void)(buffer, NAME("commit"));
  assert_false((SEND(sm_bool, uint64_t, uint64_t)(
      event, NAME("waitUntilSignaledValue:timeoutMS:"), 2, 20)));
  SEND(void, uint64_t)(event, NAME("setSignaledValue:"), 1);
  assert_true((SEND(sm_bool, uint64_t, uint64_t)(
      event, NAME("waitUntilSignaledValue:timeoutMS:"), 2, 10000)));
  SEND(void)(buffer, NAME("waitUntilCompleted"));
  objc_release(event);
}

static void faults_are_injected_by_count(void **state) {
  fixture *f = *state;
  setenv("SOFTMETAL_FAULT", "buffer:1+,command:1+", 1);
  assert_null(buffer_of(f->device, 64));
  id encoder, buffer = start(f, &encoder);
  bind_all(f, encoder, 1);
  dispatch(encoder, 8, 8);
  assert_int_equal(finish(buffer, encoder), 5);
  unsetenv("SOFTMETAL_FAULT");
  id again = buffer_of(f->device, 64);
  assert_non_null(again);
  objc_release(again);
}

/* Counts failures of 1000 buffers, and sums their places. */
static int failed_of_1000(const fixture *f, long *places) {
  int failed = 0;
  *places = 0;
  setenv("SOFTMETAL_FAULT", "buffer:1/4", 1);
  for (int i = 0; i < 1000; i++) {
    id made = buffer_of(f->device, 64);
    if (!made) failed++, *places += i;
    objc_release(made);
  }
  unsetenv("SOFTMETAL_FAULT");
  objc_release(buffer_of(f->device, 64)); /* the count starts again */
  return failed;
}

static void faults_are_injected_by_rate(void **state) {
  fixture *f = *state;
  long places, again;
  uint64_t before = softmetal_faults("buffer");
  int failed = failed_of_1000(f, &places);
  assert_in_range(failed, 200, 300);
  assert_int_equal(softmetal_faults("buffer") - before, failed);
  assert_int_equal(failed_of_1000(f, &again), failed);
  assert_int_equal(again, places);
  assert_int_equal(softmetal_faults("no kind"), 0);
  static const char *const wrong[] = {"buffer:2/4", "buffer:1/0", "buffer:1/",
                                      "buffer:1/4+"};
  for (int i = 0; i < 4; i++) {
    setenv("SOFTMETAL_FAULT", wrong[i], 1);
    assert_null(MTLCreateSystemDefaultDevice());
  }
  unsetenv("SOFTMETAL_FAULT");
}

static void respondsToSelector_is_truthful(void **state) {
  fixture *f = *state;
  assert_true(SEND(sm_bool, SEL)(f->device, NAME("respondsToSelector:"),
                                 NAME("newCommandQueue")));
  assert_false(SEND(sm_bool, SEL)(f->device, NAME("respondsToSelector:"),
                                  NAME("newTensorWithDescriptor:error:")));
}

static void strings_count_utf16_units(void **state) {
  (void)state;
  void *pool = objc_autoreleasePoolPush();
  /* a, e-acute, an emoji outside the first plane: 1 + 1 + 2 units */
  id string = text("a\xc3\xa9\xf0\x9f\x98\x80");
  assert_int_equal(SEND(NSUInteger)(string, NAME("length")), 4);
  objc_autoreleasePoolPop(pool);
}

static void every_object_is_given_back(void **state) {
  (void)state;
  /* What the tests before this one made is gone too. */
  assert_int_equal(settled_live_objects(0), 0);
  void *inner = NULL;
  open_fixture(&inner);
  a_dispatch_computes_every_thread_of_a_ragged_grid(&inner);
  misuse_ends_the_command_buffer_with_a_reason(&inner);
  source_errors_have_line_and_column(&inner);
  close_fixture(&inner);
  assert_int_equal(settled_live_objects(0), 0);
}

#define WITH_FIXTURE(test) \
  cmocka_unit_test_setup_teardown(test, open_fixture, close_fixture)

int main(void) {
  const struct CMUnitTest tests[] = {
      WITH_FIXTURE(a_device_reports_name_family_and_limits),
      cmocka_unit_test(the_device_is_the_chip_that_is_asked_for),
      WITH_FIXTURE(a_dispatch_computes_every_thread_of_a_ragged_grid),
      WITH_FIXTURE(bytes_are_copied_when_they_are_set),
      WITH_FIXTURE(misuse_ends_the_command_buffer_with_a_reason),
      WITH_FIXTURE(source_errors_have_line_and_column),
      WITH_FIXTURE(an_unknown_function_is_nil),
      WITH_FIXTURE(a_newer_language_version_is_unsupported),
      WITH_FIXTURE(buffers_are_zero_and_empty_ones_are_nil),
      WITH_FIXTURE(no_copy_buffers_want_whole_pages),
      WITH_FIXTURE(blits_copy_and_fill),
      WITH_FIXTURE(handlers_run_for_success_and_for_failure),
      WITH_FIXTURE(shared_events_order_host_and_device),
      WITH_FIXTURE(faults_are_injected_by_count),
      WITH_FIXTURE(faults_are_injected_by_rate),
      WITH_FIXTURE(respondsToSelector_is_truthful),
      cmocka_unit_test(strings_count_utf16_units),
      cmocka_unit_test(every_object_is_given_back),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
