/* SPDX-License-Identifier: MIT */
/*
 * test_metal_log.c - os_log in kernels: what handlers of an MTLLogState hear,
 * and when nobody hears anything.
 */
#define _GNU_SOURCE
#include "support/metal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HEAD "#include <metal_stdlib>\n#include <metal_logging>\n" \
             "using namespace metal;\n"

typedef struct heard {
  _Atomic int count;
  NSInteger level[8];
  char text[8][128], subsystem[32], category[32];
} heard;

static void hear(test_block *block, id subsystem, id category,
                 NSInteger level, id message) {
  heard *h = block->captured;
  int n = atomic_load(&h->count);
  if (n < 8) {
    h->level[n] = level;
    snprintf(h->text[n], sizeof h->text[n], "%s", chars(message));
    snprintf(h->subsystem, sizeof h->subsystem, "%s", chars(subsystem));
    snprintf(h->category, sizeof h->category, "%s", chars(category));
  }
  atomic_store(&h->count, n + 1);
}

static id log_state(const metal *m, NSInteger level, heard *h) {
  id d = make("MTLLogStateDescriptor"), error = NULL;
  SEND(void, NSInteger)(d, NAME("setLevel:"), level);
  id state = SEND(id, id, id *)(
      m->device, NAME("newLogStateWithDescriptor:error:"), d, &error);
  assert_non_null(state);
  objc_release(d);
  test_block block = BLOCK(hear, h);
  SEND(void, void *)(state, NAME("addLogHandler:"), &block);
  return state;
}

/* Runs kernel k of source over `threads`, with logging on or off. */
static void run_kernel(const metal *m, const char *source, id state,
                       NSUInteger threads, bool logging) {
  id options = make("MTLCompileOptions"), error = NULL;
  SEND(void, NSUInteger)(options, NAME("setLanguageVersion:"), 196610);
  SEND(void, sm_bool)(options, NAME("setEnableLogging:"), logging);
  id library = SEND(id, id, id, id *)(
      m->device, NAME("newLibraryWithSource:options:error:"), text(source),
      options, &error);
  if (!library) fail_msg("%s", message_of(error));
  id function = SEND(id, id)(library, NAME("newFunctionWithName:"),
                             text("k"));
  id pipeline = SEND(id, id, id *)(
      m->device, NAME("newComputePipelineStateWithFunction:error:"), function,
      &error);
  if (!pipeline) fail_msg("%s", message_of(error));
  id d = make("MTLCommandBufferDescriptor");
  SEND(void, id)(d, NAME("setLogState:"), state);
  id buffer = SEND(id, id)(m->queue, NAME("commandBufferWithDescriptor:"), d);
  id encoder = SEND(id)(buffer, NAME("computeCommandEncoder"));
  id x = buffer_of(m->device, 4096);
  set_pipeline(encoder, pipeline);
  set_buffer(encoder, x, 0, 0);
  dispatch(encoder, threads, 32);
  assert_int_equal(finish(buffer, encoder), 4);
  id all[] = {x, d, pipeline, function, library, options};
  for (int i = 0; i < 6; i++) objc_release(all[i]);
}

static const char formats[] = HEAD
    "constant os_log logger(\"com.example\", \"kernels\");\n"
    "kernel void k(device float *x [[buffer(0)]],\n"
    "              uint i [[thread_position_in_grid]]) {\n"
    "  if (i != 2) return;\n"
    "  logger.log_info(\"i=%u neg=%05d %.2f %x %%\", i, -7, 1.5f, 255u);\n"
    "  logger.log_error(\"v=%v3d\", int3(1, 2, 3));\n"
    "}\n";

static void handlers_hear_formatted_messages(void **state) {
  const metal *m = *state;
  heard h = {0};
  id logs = log_state(m, 1, &h);
  run_kernel(m, formats, logs, 4, true);
  assert_int_equal(settled(&h.count, 2), 2);
  assert_string_equal(h.text[0], "i=2 neg=-0007 1.50 ff %");
  assert_string_equal(h.text[1], "v=1,2,3");
  assert_int_equal(h.level[0], 2); /* MTLLogLevelInfo */
  assert_int_equal(h.level[1], 4); /* MTLLogLevelError */
  assert_string_equal(h.subsystem, "com.example");
  assert_string_equal(h.category, "kernels");
  objc_release(logs);
}

static void levels_below_the_states_are_dropped(void **state) {
  const metal *m = *state;
  heard h = {0};
  id logs = log_state(m, 4, &h);
  run_kernel(m, formats, logs, 4, true);
  assert_int_equal(h.count, 1);
  assert_string_equal(h.text[0], "v=1,2,3");
  objc_release(logs);
}

static void every_thread_speaks_for_itself(void **state) {
  const metal *m = *state;
  heard h = {0};
  id logs = log_state(m, 0, &h);
  run_kernel(m, HEAD
      "kernel void k(device float *x [[buffer(0)]],\n"
      "              uint i [[thread_position_in_grid]]) {\n"
      "  if (i % 2) os_log_default.log(\"odd %u\", i);\n}\n", logs, 7, true);
  assert_int_equal(h.count, 3);
  assert_string_equal(h.text[0], "odd 1");
  assert_string_equal(h.text[2], "odd 5");
  assert_int_equal(h.level[0], 3); /* MTLLogLevelNotice */
  objc_release(logs);
}

static void without_enableLogging_nobody_hears(void **state) {
  const metal *m = *state;
  heard h = {0};
  id logs = log_state(m, 0, &h);
  run_kernel(m, formats, logs, 4, false);
  assert_int_equal(h.count, 0);
  objc_release(logs);
}

static void all_of_this_leaves_no_object_alive(void **state) {
  (void)state;
  assert_int_equal(settled_live_objects(0), 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      WITH_METAL(handlers_hear_formatted_messages),
      WITH_METAL(levels_below_the_states_are_dropped),
      WITH_METAL(every_thread_speaks_for_itself),
      WITH_METAL(without_enableLogging_nobody_hears),
      cmocka_unit_test(all_of_this_leaves_no_object_alive),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
