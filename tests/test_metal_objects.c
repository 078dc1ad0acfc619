/* SPDX-License-Identifier: MIT */
/*
 * test_metal_objects.c - devices of every chip, buffers, heaps, residency
 * sets, log states, the capture manager, and what unknown messages do.
 */
#define _GNU_SOURCE
#include "support/metal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

static NSUInteger number(id object, const char *selector) {
  return SEND(NSUInteger)(object, NAME(selector));
}
static id heap_of(const metal *m, NSUInteger size, NSInteger type,
                  NSUInteger storage) {
  id d = make("MTLHeapDescriptor");
  SEND(void, NSUInteger)(d, NAME("setSize:"), size);
  SEND(void, NSInteger)(d, NAME("setType:"), type);
  SEND(void, NSUInteger)(d, NAME("setStorageMode:"), storage);
  id heap = SEND(id, id)(m->device, NAME("newHeapWithDescriptor:"), d);
  objc_release(d);
  return heap;
}
static void expect_misuse(const char *words) {
  char why[512] = "";
  softmetal_misuse(why, sizeof why);
  if (!strstr(why, words)) fail_msg("'%s' is not in '%s'", words, why);
}

/* ---- devices ---------------------------------------------------------------- */

static void every_chip_has_its_name_family_and_cores(void **state) {
  static const struct {
    const char *key, *name, *architecture;
    NSInteger family;
    unsigned cores;
  } rows[] = {
      {"m1", "Apple M1", "applegpu_g13g", 1007, 8},
      {"m1-pro", "Apple M1 Pro", "applegpu_g13s", 1007, 16},
      {"m1-max", "Apple M1 Max", "applegpu_g13s", 1007, 32},
      {"m1-ultra", "Apple M1 Ultra", "applegpu_g13d", 1007, 64},
      {"m2", "Apple M2", "applegpu_g14g", 1008, 10},
      {"m2-pro", "Apple M2 Pro", "applegpu_g14s", 1008, 19},
      {"m2-max", "Apple M2 Max", "applegpu_g14s", 1008, 38},
      {"m2-ultra", "Apple M2 Ultra", "applegpu_g14d", 1008, 76},
      {"m3", "Apple M3", "applegpu_g15g", 1009, 10},
      {"m3-pro", "Apple M3 Pro", "applegpu_g15s", 1009, 18},
      {"m3-max", "Apple M3 Max", "applegpu_g15s", 1009, 40},
      {"m3-ultra", "Apple M3 Ultra", "applegpu_g15d", 1009, 80},
      {"m4", "Apple M4", "applegpu_g16g", 1009, 10},
      {"m4-pro", "Apple M4 Pro", "applegpu_g16s", 1009, 20},
      {"M4-Max", "Apple M4 Max", "applegpu_g16s", 1009, 40},
      {"m5", "Apple M5", "applegpu_g17g", 1010, 10},
      {"m5-pro", "Apple M5 Pro", "applegpu_g17s", 1010, 20},
      {"m5-max", "Apple M5 Max", "applegpu_g17s", 1010, 40}};
  (void)state;
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    setenv("SOFTMETAL_CHIP", rows[i].key, 1);
    id device = MTLCreateSystemDefaultDevice();
    assert_string_equal(chars(SEND(id)(device, NAME("name"))), rows[i].name);
    id a = SEND(id)(device, NAME("architecture"));
    assert_string_equal(chars(SEND(id)(a, NAME("name"))),
                        rows[i].architecture);
    SEL supports = NAME("supportsFamily:");
    assert_true(SEND(sm_bool, NSInteger)(device, supports, rows[i].family));
    for (NSInteger family = 1001; family <= 1011; family++)
      assert_int_equal(SEND(sm_bool, NSInteger)(device, supports, family),
                       family <= rows[i].family);
    /* Mac2, Common1 to 3, Metal3 and Metal4 are every chip's */
    static const NSInteger all[] = {2002, 3001, 3002, 3003, 5001, 5002};
    for (size_t k = 0; k < sizeof all / sizeof all[0]; k++)
      assert_true(SEND(sm_bool, NSInteger)(device, supports, all[k]));
    assert_int_equal(softmetal_gpu_cores(device), rows[i].cores);
    objc_release(device);
  }
  unsetenv("SOFTMETAL_CHIP");
}

/* A test on another chip than the one asked for would test nothing. */
static void settings_that_say_nothing_give_no_device(void **state) {
  static const char *const rows[][3] = {
      {"SOFTMETAL_CHIP", "m9", "SOFTMETAL_CHIP=m9 is no chip"},
      {"SOFTMETAL_CHIP", "m4-ultra", "SOFTMETAL_CHIP=m4-ultra is no chip"},
      {"SOFTMETAL_CODEGEN", "4", "SOFTMETAL_CODEGEN=4 is none of 0, 1, 2, 3"},
      {"SOFTMETAL_CODEGEN", "none", "SOFTMETAL_CODEGEN=none is none of"},
      {"SOFTMETAL_MACOS", "17", "none of 12, 13, 14, 15, 26"},
      {"SOFTMETAL_FAULT", "bufer:1", "'bufer:1' is no kind and count"},
      {"SOFTMETAL_FAULT", "buffer:1,timeout:0", "'timeout:0' is no kind"},
      {"SOFTMETAL_FAULT", "buffer", "'buffer' is no kind and count"}};
  (void)state;
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    setenv(rows[i][0], rows[i][1], 1);
    assert_null(MTLCreateSystemDefaultDevice());
    expect_misuse(rows[i][2]);
    unsetenv(rows[i][0]);
  }
  id all = MTLCopyAllDevices();
  assert_int_equal(SEND(NSUInteger)(all, NAME("count")), 1);
  objc_release(all);
}

static void properties_agree_with_each_other(void **state) {
  const metal *m = *state;
  id d = m->device;
  assert_true(number(d, "maxBufferLength") <=
              number(d, "recommendedMaxWorkingSetSize"));
  assert_true(SEND(sm_bool)(d, NAME("hasUnifiedMemory")));
  assert_false(SEND(sm_bool)(d, NAME("isLowPower")));
  assert_int_equal(number(d, "argumentBuffersSupport"), 1);
  uint64_t cpu = 0, gpu = 0;
  SEND(void, uint64_t *, uint64_t *)(
      d, NAME("sampleTimestamps:gpuTimestamp:"), &cpu, &gpu);
  assert_true(cpu > 0 && cpu == gpu);
  NSUInteger before = number(d, "currentAllocatedSize");
  id x = buffer_of(d, 1 << 20);
  assert_int_equal(number(d, "currentAllocatedSize"), before + (1 << 20));
  objc_release(x);
  assert_int_equal(number(d, "currentAllocatedSize"), before);
  setenv("SOFTMETAL_MACOS", "15", 1);
  assert_false(SEND(sm_bool, NSInteger)(d, NAME("supportsFamily:"), 5002));
  assert_false(responds(d, "queryTimestampFrequency"));
  assert_true(responds(d, "newResidencySetWithDescriptor:error:"));
  unsetenv("SOFTMETAL_MACOS");
  assert_true(SEND(sm_bool, NSInteger)(d, NAME("supportsFamily:"), 5002));
}

/* ---- buffers ------------------------------------------------------------------ */

static void freed(test_block *block, void *pointer, NSUInteger length) {
  munmap(pointer, length);
  atomic_fetch_add((_Atomic int *)block->captured, 1);
}

static void no_copy_buffers_call_their_deallocator_once(void **state) {
  const metal *m = *state;
  size_t page = (size_t)sysconf(_SC_PAGESIZE);
  void *p = mmap(NULL, page, PROT_READ | PROT_WRITE,
                 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  SEL make_it = NAME("newBufferWithBytesNoCopy:length:options:deallocator:");
  _Atomic int calls = 0;
  test_block block = BLOCK(freed, &calls);
  assert_null((SEND(id, void *, NSUInteger, NSUInteger, void *)(
      m->device, make_it, p, page - 1, 0, NULL)));
  expect_misuse("whole pages");
  id x = SEND(id, void *, NSUInteger, NSUInteger, void *)(
      m->device, make_it, p, page, 0, &block);
  assert_ptr_equal(contents(x), p);
  assert_int_equal(calls, 0);
  objc_release(x);
  assert_int_equal(calls, 1);
}

static void buffers_refuse_what_they_cannot_be(void **state) {
  const metal *m = *state;
  SEL make_it = NAME("newBufferWithLength:options:");
  assert_null(SEND(id, NSUInteger, NSUInteger)(m->device, make_it, 0, 0));
  expect_misuse("-[MTLDevice newBufferWithLength:options:]: length 0");
  assert_null(SEND(id, NSUInteger, NSUInteger)(
      m->device, make_it, (NSUInteger)1 << 60, 0));
  assert_null(SEND(id, NSUInteger, NSUInteger)(m->device, make_it, 64,
                                               0x30)); /* memoryless */
  expect_misuse("options 0x30");
  int data[4] = {1, 2, 3, 4};
  id x = buffer_with(m->device, data, sizeof data);
  assert_memory_equal(contents(x), data, sizeof data);
  data[0] = 9; /* copied */
  assert_int_equal(*(int *)contents(x), 1);
  assert_null(SEND(id, const void *, NSUInteger, NSUInteger)(
      m->device, NAME("newBufferWithBytes:length:options:"), data, 16, 0x20));
  assert_int_equal(number(x, "storageMode"), 0);
  assert_int_equal(number(x, "hazardTrackingMode"), 2);
  assert_true(SEND(uint64_t)(x, NAME("gpuAddress")) != 0);
  objc_release(x);
}

/* ---- heaps ---------------------------------------------------------------------- */

static void automatic_heaps_give_out_and_take_back(void **state) {
  const metal *m = *state;
  id heap = heap_of(m, 65536, 0, 0), parts[4];
  SEL make_it = NAME("newBufferWithLength:options:");
  for (int i = 0; i < 4; i++) {
    parts[i] = SEND(id, NSUInteger, NSUInteger)(heap, make_it, 16384, 0);
    assert_non_null(parts[i]);
    assert_int_equal(number(parts[i], "heapOffset"), 16384 * i);
    memset(contents(parts[i]), i, 16384);
  }
  assert_int_equal(number(heap, "usedSize"), 65536);
  assert_null(SEND(id, NSUInteger, NSUInteger)(heap, make_it, 1, 0));
  objc_release(parts[1]);
  assert_int_equal(SEND(NSUInteger, NSUInteger)(
      heap, NAME("maxAvailableSizeWithAlignment:"), 256), 16384);
  parts[1] = SEND(id, NSUInteger, NSUInteger)(heap, make_it, 100, 0);
  assert_int_equal(number(parts[1], "heapOffset"), 16384);
  SEND(void)(parts[2], NAME("makeAliasable"));
  assert_true(SEND(sm_bool)(parts[2], NAME("isAliasable")));
  id alias = SEND(id, NSUInteger, NSUInteger)(heap, make_it, 16384, 0);
  assert_int_equal(number(alias, "heapOffset"), 16384 + 256);
  assert_null(SEND(id, NSUInteger, NSUInteger)(heap, make_it, 16, 0x20));
  expect_misuse("another storage or cache mode than the heap");
  objc_release(heap); /* its buffers keep it alive */
  assert_int_equal(((char *)contents(parts[3]))[5], 3);
  objc_release(alias);
  for (int i = 0; i < 4; i++) objc_release(parts[i]);
}

static void placement_heaps_let_buffers_overlap(void **state) {
  const metal *m = *state;
  id heap = heap_of(m, 4096, 1, 0);
  SEL make_it = NAME("newBufferWithLength:options:offset:");
  id a = SEND(id, NSUInteger, NSUInteger, NSUInteger)(heap, make_it, 1024, 0,
                                                      0);
  id b = SEND(id, NSUInteger, NSUInteger, NSUInteger)(heap, make_it, 1024, 0,
                                                      512);
  ((char *)contents(a))[512] = 42;
  assert_int_equal(((char *)contents(b))[0], 42);
  assert_null((SEND(id, NSUInteger, NSUInteger, NSUInteger)(
      heap, make_it, 16, 0, 100)));
  expect_misuse("multiple of 256");
  assert_null(SEND(id, NSUInteger, NSUInteger)(
      heap, NAME("newBufferWithLength:options:"), 16, 0));
  objc_release(a);
  objc_release(b);
  objc_release(heap);
  assert_null(heap_of(m, 4096, 2, 0)); /* sparse */
  assert_null(heap_of(m, 0, 0, 0));
}

/* ---- residency, logs, capture -------------------------------------------------- */

static void residency_sets_hold_what_is_committed(void **state) {
  const metal *m = *state;
  id d = make("MTLResidencySetDescriptor"), error = NULL;
  id set = SEND(id, id, id *)(
      m->device, NAME("newResidencySetWithDescriptor:error:"), d, &error);
  id x = buffer_of(m->device, 4096), y = buffer_of(m->device, 8192);
  SEND(void, id)(set, NAME("addAllocation:"), x);
  SEND(void, id)(set, NAME("addAllocation:"), y);
  SEND(void, id)(set, NAME("addAllocation:"), x);
  assert_int_equal(number(set, "allocationCount"), 2);
  assert_int_equal(SEND(uint64_t)(set, NAME("allocatedSize")), 0);
  SEND(void)(set, NAME("commit"));
  SEND(void)(set, NAME("requestResidency"));
  assert_int_equal(SEND(uint64_t)(set, NAME("allocatedSize")), 12288);
  SEND(void, id)(set, NAME("removeAllocation:"), x);
  assert_false(SEND(sm_bool, id)(set, NAME("containsAllocation:"), x));
  SEND(void, id)(m->queue, NAME("addResidencySet:"), set);
  id buffer = SEND(id)(m->queue, NAME("commandBuffer"));
  SEND(void, id)(buffer, NAME("useResidencySet:"), set);
  assert_int_equal(finish(buffer, NULL), 4);
  SEND(void, id)(m->queue, NAME("removeResidencySet:"), set);
  objc_release(x);
  objc_release(y);
  objc_release(set);
  objc_release(d);
}

static void log_states_want_sensible_descriptors(void **state) {
  const metal *m = *state;
  id d = make("MTLLogStateDescriptor"), error = NULL;
  SEL make_it = NAME("newLogStateWithDescriptor:error:");
  SEND(void, NSInteger)(d, NAME("setBufferSize:"), 100);
  assert_null(SEND(id, id, id *)(m->device, make_it, d, &error));
  assert_non_null(strstr(message_of(error), "at least 1024"));
  SEND(void, NSInteger)(d, NAME("setBufferSize:"), 4096);
  SEND(void, NSInteger)(d, NAME("setLevel:"), 2);
  id logs = SEND(id, id, id *)(m->device, make_it, d, &error);
  assert_non_null(logs);
  objc_release(logs);
  objc_release(d);
}

static void captures_are_refused(void **state) {
  (void)state;
  id manager = SEND(id)(CLASS("MTLCaptureManager"),
                        NAME("sharedCaptureManager"));
  id d = make("MTLCaptureDescriptor"), error = NULL;
  assert_false(SEND(sm_bool, id, id *)(
      manager, NAME("startCaptureWithDescriptor:error:"), d, &error));
  assert_int_equal(code_of(error), 1);
  assert_false(SEND(sm_bool)(manager, NAME("isCapturing")));
  objc_release(d);
}

/* ---- unknown messages ------------------------------------------------------------ */

/* Objective-C ends the process with class and selector; a child tries. */
static void unknown_selectors_name_class_and_selector(void **state) {
  (void)state;
  int ends[2];
  assert_int_equal(pipe(ends), 0);
  pid_t child = fork();
  if (child == 0) {
    dup2(ends[1], 2);
    close(ends[0]);
    id device = MTLCreateSystemDefaultDevice();
    SEND(id)(device, NAME("newTextureWithDescriptor:"));
    _exit(0);
  }
  close(ends[1]);
  char said[512] = "";
  size_t n = 0;
  for (ssize_t got; n < sizeof said - 1 &&
                    (got = read(ends[0], said + n, sizeof said - 1 - n)) > 0;)
    n += (size_t)got;
  close(ends[0]);
  int status = 0;
  waitpid(child, &status, 0);
  assert_true(WIFSIGNALED(status));
  assert_non_null(strstr(said, "-[MTLDevice newTextureWithDescriptor:]: "
                               "unrecognized selector"));
}

static void what_is_not_there_is_not_claimed(void **state) {
  const metal *m = *state;
  static const char *const absent[] = {
      "newTextureWithDescriptor:", "newSamplerStateWithDescriptor:",
      "newRenderPipelineStateWithDescriptor:error:", "newMTL4CommandQueue",
      "newIndirectCommandBufferWithDescriptor:maxCommandCount:options:",
      "newTensorWithDescriptor:error:"};
  for (size_t i = 0; i < sizeof absent / sizeof absent[0]; i++)
    assert_false(responds(m->device, absent[i]));
  assert_false(responds(m->queue, "newBufferWithLength:options:"));
}

static void all_of_this_leaves_no_object_alive(void **state) {
  (void)state;
  assert_int_equal(settled_live_objects(0), 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(unknown_selectors_name_class_and_selector),
      WITH_METAL(every_chip_has_its_name_family_and_cores),
      cmocka_unit_test(settings_that_say_nothing_give_no_device),
      WITH_METAL(properties_agree_with_each_other),
      WITH_METAL(no_copy_buffers_call_their_deallocator_once),
      WITH_METAL(buffers_refuse_what_they_cannot_be),
      WITH_METAL(automatic_heaps_give_out_and_take_back),
      WITH_METAL(placement_heaps_let_buffers_overlap),
      WITH_METAL(residency_sets_hold_what_is_committed),
      WITH_METAL(log_states_want_sensible_descriptors),
      WITH_METAL(captures_are_refused),
      WITH_METAL(what_is_not_there_is_not_claimed),
      cmocka_unit_test(all_of_this_leaves_no_object_alive),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
