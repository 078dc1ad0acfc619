/* SPDX-License-Identifier: MIT */
/* test_launch_into.c - launches in a host's encoder, command buffer and queue,
 * beside kernels of the host's own: results, the state that is left, what is
 * kept alive, and what is refused. */
#define _GNU_SOURCE
#include "support/machine.h"

#include "../runtime/context.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char source[] =
    "import triton\n"
    "import triton.language as tl\n"
    "\n\n"
    "@triton.jit\n"
    "def add(x, y, out, n, BLOCK: tl.constexpr):\n"
    "    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)\n"
    "    m = i < n\n"
    "    tl.store(out + i, tl.load(x + i, m) + tl.load(y + i, m), m)\n"
    "\n\n"
    "@triton.jit\n"
    "def through(where, BLOCK: tl.constexpr):\n"
    "    p = tl.load(where).to(tl.pointer_type(tl.float32))\n"
    "    i = tl.arange(0, BLOCK)\n"
    "    tl.store(p + i, tl.load(p + i) + 1)\n"
    "\n\n"
    "@triton.jit\n"
    "def says(x):\n"
    "    v = tl.load(x)\n"
    "    tl.device_print('v', v)\n"
    "    tl.store(x, v + 1)\n";

/* The host's own kernel: y = 2 x. */
static const char own_source[] =
    "#include <metal_stdlib>\n"
    "using namespace metal;\n"
    "kernel void twice(device const float *x [[buffer(6)]],\n"
    "                  device float *y [[buffer(7)]],\n"
    "                  uint i [[thread_position_in_grid]]) {\n"
    "  y[i] = 2 * x[i];\n"
    "}\n";

enum { N = 256, BLOCK = 64 };

/* A host: a device, a queue, a pipeline, a command buffer with an encoder. */
typedef struct host {
  machine m;
  tm_kernel *add;
  tm_buffer *x, *y, *out;
  const tm_metal_device *device;
  tm_id queue, command, encoder;
  tm_metal_pipeline twice;
} host;

static void fill(tm_buffer *b, float from) {
  float *p = tm_buffer_contents(b);
  for (int i = 0; i < N; i++) p[i] = from + (float)i;
}

static float at(tm_buffer *b, int i) {
  return ((float *)tm_buffer_contents(b))[i];
}

static host host_open(void) {
  host h = {.m = machine_open(source, NULL)};
  char *text = NULL;
  h.device = &h.m.context->device;
  h.add = machine_compile(&h.m, "add", "*fp32, *fp32, *fp32, i32, 64");
  h.x = machine_buffer(&h.m, N * 4);
  h.y = machine_buffer(&h.m, N * 4);
  h.out = machine_buffer(&h.m, N * 4);
  fill(h.x, 0);
  fill(h.y, 1000);
  h.queue = tm_metal_queue_new(h.device);
  tm_id library = tm_metal_library_compile(
      h.device, own_source, sizeof own_source - 1, 3 << 16, &text);
  if (!library ||
      !tm_metal_pipeline_create(&h.twice, h.device, library, "twice", &text))
    fail_msg("%s", text);
  tm_metal_release(library);
  return h;
}

static void begin(host *h) {
  h->command = tm_metal_command_new(h->queue);
  h->encoder = tm_metal_encoder_new(h->command, false, NULL);
}

/* The host's dispatch of its own kernel, with what is bound. */
static void dispatch_own(host *h) {
  tm_metal_set_pipeline(h->encoder, h->twice.object);
  tm_metal_dispatch(h->encoder, (tm_mtl_size){N / 32, 1, 1},
                    (tm_mtl_size){32, 1, 1});
}

static void bind_own(host *h, tm_buffer *x, tm_buffer *y) {
  uint64_t offset;
  tm_id object = tm_buffer_metal(x, &offset);
  tm_metal_set_buffer(h->encoder, object, offset, 6);
  object = tm_buffer_metal(y, &offset);
  tm_metal_set_buffer(h->encoder, object, offset, 7);
}

/* Ends, commits and waits; the state. */
static int finish(host *h) {
  if (h->encoder) tm_metal_encoder_end(h->encoder, NULL);
  tm_metal_command_commit(h->command);
  int state;
  while (!(state = tm_metal_command_state(h->command))) usleep(100);
  tm_metal_release(h->command);
  h->command = h->encoder = NULL;
  return state;
}

static void host_close(host *h) {
  tm_metal_pipeline_destroy(&h->twice);
  tm_metal_release(h->queue);
  tm_buffer_destroy(h->x);
  tm_buffer_destroy(h->y);
  tm_buffer_destroy(h->out);
  tm_kernel_destroy(h->add);
  machine_close(&h->m);
}

static tm_target encoder_of(const host *h) {
  tm_target t = TM_TARGET_INIT;
  t.kind = TM_TARGET_ENCODER;
  t.object = h->encoder;
  t.command_buffer = h->command;
  return t;
}

static tm_target target_of(tm_id command) {
  tm_target t = TM_TARGET_INIT;
  t.kind = TM_TARGET_COMMAND_BUFFER;
  t.object = command;
  return t;
}

static tm_status add_into(const tm_target *t, tm_kernel *add, tm_buffer *x,
                          tm_buffer *y, tm_buffer *out) {
  tm_arg args[4] = {tm_arg_buffer(x, 0), tm_arg_buffer(y, 0),
                    tm_arg_buffer(out, 0), tm_arg_int(N)};
  return tm_launch_into(t, add, tm_grid_1d(N / BLOCK), args, 4,
                        &machine_error);
}

/* ---- results and state --------------------------------------------------- */

static void launches_go_between_the_hosts_dispatches(void **state) {
  host h = host_open();
  tm_buffer *last = machine_buffer(&h.m, N * 4);
  begin(&h);
  tm_target t = encoder_of(&h);
  bind_own(&h, h.x, h.y);
  dispatch_own(&h);                                /* y = 2 x */
  OK(add_into(&t, h.add, h.x, h.y, h.out));        /* out = 3 x */
  bind_own(&h, h.out, last);
  dispatch_own(&h);                                /* last = 6 x */
  OK(add_into(&t, h.add, last, h.x, h.out));       /* out = 7 x */
  /* Indices from bindings on are as they were. */
  assert_int_equal(tm_kernel_info(h.add)->bindings, 4);
  dispatch_own(&h);                                /* last = 14 x */
  assert_int_equal(finish(&h), 1);
  for (int i = 0; i < N; i++) {
    assert_true(at(h.y, i) == 2 * (float)i);
    assert_true(at(h.out, i) == 7 * (float)i);
    assert_true(at(last, i) == 14 * (float)i);
  }
  tm_buffer_destroy(last);
  host_close(&h);
}

static void a_command_buffer_gets_an_encoder_of_its_own(void **state) {
  host h = host_open();
  h.command = tm_metal_command_new(h.queue);
  tm_target t = target_of(h.command);
  OK(add_into(&t, h.add, h.x, h.y, h.out)); /* out = 2 x + 1000 */
  h.encoder = tm_metal_encoder_new(h.command, false, NULL); /* it is ended */
  bind_own(&h, h.out, h.y);
  dispatch_own(&h);
  tm_metal_encoder_end(h.encoder, NULL);
  h.encoder = NULL;
  OK(add_into(&t, h.add, h.x, h.y, h.out));
  assert_int_equal(finish(&h), 1);
  for (int i = 0; i < N; i++) {
    assert_true(at(h.y, i) == 4 * (float)i + 2000);
    assert_true(at(h.out, i) == 5 * (float)i + 2000);
  }
  host_close(&h);
}

static void buffers_may_overlap_and_go_by_address(void **state) {
  host h = host_open();
  tm_kernel *through = machine_compile(&h.m, "through", "*i64, 256");
  tm_buffer *where = machine_buffer(&h.m, 8);
  uint64_t address;
  OK(tm_buffer_gpu_address(h.out, &address, &machine_error));
  *(uint64_t *)tm_buffer_contents(where) = address;
  begin(&h);
  tm_target t = encoder_of(&h);
  OK(add_into(&t, h.add, h.x, h.x, h.x)); /* 2 x, in place */
  OK(add_into(&t, h.add, h.x, h.x, h.out));
  tm_arg arg = tm_arg_buffer(where, 0);
  OK(tm_launch_into(&t, through, tm_grid_1d(1), &arg, 1, &machine_error));
  assert_int_equal(finish(&h), 1);
  for (int i = 0; i < N; i++) {
    assert_true(at(h.x, i) == 2 * (float)i);
    assert_true(at(h.out, i) == 4 * (float)i + 1);
  }
  tm_buffer_destroy(where);
  tm_kernel_destroy(through);
  host_close(&h);
}

static void a_function_launches_into_a_target_without_a_stream(void **state) {
  host h = host_open();
  tm_function *f;
  OK(tm_function_create(&f, h.m.context, h.m.module, "add", NULL,
                        &machine_error));
  tm_arg args[5] = {tm_arg_tensor(h.x, 0, TM_DTYPE_F32),
                    tm_arg_tensor(h.y, 0, TM_DTYPE_F32),
                    tm_arg_tensor(h.out, 0, TM_DTYPE_F32), tm_arg_int(N),
                    tm_arg_int(BLOCK)};
  tm_launch_options o = TM_LAUNCH_OPTIONS_INIT;
  REFUSED(tm_function_launch(NULL, f, tm_grid_1d(4), args, 5, &o,
                             &machine_error),
          TM_E_ARGUMENT, "stream != NULL");
  begin(&h);
  tm_target t = encoder_of(&h);
  o.into = &t;
  OK(tm_function_launch(NULL, f, tm_grid_1d(4), args, 5, &o,
                        &machine_error));
  assert_int_equal(finish(&h), 1);
  for (int i = 0; i < N; i++)
    assert_true(at(h.out, i) == 2 * (float)i + 1000);
  tm_function_destroy(f);
  host_close(&h);
}

/* ---- what is kept -------------------------------------------------------- */

static uint64_t live_buffers(const host *h) {
  tm_memory_facts facts = TM_MEMORY_FACTS_INIT;
  OK(tm_memory_info(h->m.context, &facts, &machine_error));
  return facts.buffers;
}

static void what_is_used_is_kept_until_the_command_buffer_has_ended(
    void **state) {
  host h = host_open();
  tm_kernel *add = machine_compile(&h.m, "add", "*fp32, *fp32, *fp32, i32, 32");
  tm_buffer *x = machine_buffer(&h.m, N * 4), *y = machine_buffer(&h.m, N * 4);
  uint64_t before = live_buffers(&h);
  fill(x, 5);
  fill(y, 6);
  begin(&h);
  tm_target t = encoder_of(&h);
  tm_arg args[4] = {tm_arg_buffer(x, 0), tm_arg_buffer(y, 0),
                    tm_arg_buffer(h.out, 0), tm_arg_int(N)};
  OK(tm_launch_into(&t, add, tm_grid_1d(N / 32), args, 4, &machine_error));
  tm_buffer_destroy(x);
  tm_buffer_destroy(y);
  tm_kernel_destroy(add);
  tm_buffer *other = machine_buffer(&h.m, N * 4); /* would be x's memory */
  memset(tm_buffer_contents(other), 0xff, N * 4);
  assert_int_equal(live_buffers(&h), before + 1);
  assert_int_equal(finish(&h), 1);
  for (int i = 0; i < N; i++)
    assert_true(at(h.out, i) == 2 * (float)i + 11);
  for (int i = 0; i < 20000 && live_buffers(&h) != before - 1; i++)
    usleep(1000);
  assert_int_equal(live_buffers(&h), before - 1);
  /* Without a command buffer nothing is kept. */
  begin(&h);
  t = encoder_of(&h);
  t.command_buffer = NULL;
  OK(add_into(&t, h.add, other, h.y, h.out));
  tm_buffer_destroy(other);
  assert_int_equal(live_buffers(&h), before - 2);
  finish(&h);
  host_close(&h);
}

/* ---- refusals ------------------------------------------------------------ */

static void what_is_no_target_is_refused(void **state) {
  host h = host_open();
  begin(&h);
  tm_target t = encoder_of(&h);
  tm_kernel *add = h.add;
  uint64_t offset;
  t.object = NULL;
  REFUSED(add_into(&t, add, h.x, h.y, h.out), TM_E_ARGUMENT,
          "t->object != NULL");
  t.object = tm_buffer_metal(h.x, &offset);
  REFUSED(add_into(&t, add, h.x, h.y, h.out), TM_E_ARGUMENT,
          "not an MTLComputeCommandEncoder");
  t = encoder_of(&h);
  t.command_buffer = h.queue;
  REFUSED(add_into(&t, add, h.x, h.y, h.out), TM_E_ARGUMENT,
          "not an MTLCommandBuffer");
  t.kind = 3;
  REFUSED(add_into(&t, add, h.x, h.y, h.out), TM_E_ARGUMENT, "no kind 3");
  t = target_of(h.command);
  REFUSED(add_into(&t, add, h.x, h.y, h.out), TM_E_ARGUMENT,
          "end the one that is open");
  t.struct_size = 8;
  REFUSED(add_into(&t, add, h.x, h.y, h.out), TM_E_ARGUMENT, "struct_size");
  tm_metal_encoder_end(h.encoder, NULL);
  h.encoder = NULL;
  tm_id command = tm_mtl.retain(h.command);
  finish(&h); /* with the misuse noted, which is another test's matter */
  t = target_of(command);
  REFUSED(add_into(&t, add, h.x, h.y, h.out), TM_E_ARGUMENT,
          "committed already");
  tm_metal_release(command);
  host_close(&h);
}

static void wrong_launches_touch_nothing_of_the_hosts(void **state) {
  host h = host_open();
  tm_kernel *says = machine_compile(&h.m, "says", "*fp32");
  machine other = machine_open(source, NULL);
  tm_buffer *foreign = machine_buffer(&other, N * 4);
  begin(&h);
  tm_target t = encoder_of(&h);
  bind_own(&h, h.x, h.y);
  tm_metal_set_pipeline(h.encoder, h.twice.object);
  tm_arg arg = tm_arg_buffer(h.x, 0);
  REFUSED(tm_launch_into(&t, says, tm_grid_1d(1), &arg, 1, &machine_error),
          TM_E_UNSUPPORTED, "kernel 'says' prints or asserts");
  REFUSED(tm_launch_into(&t, h.add, tm_grid_1d(1), &arg, 1, &machine_error),
          TM_E_ARGUMENT, "takes 4 arguments and is given 1");
  REFUSED(add_into(&t, h.add, h.x, foreign, h.out), TM_E_ARGUMENT,
          "another context");
  tm_metal_dispatch(h.encoder, (tm_mtl_size){N / 32, 1, 1},
                    (tm_mtl_size){32, 1, 1}); /* the host's pipeline still */
  assert_int_equal(finish(&h), 1);
  assert_true(at(h.y, 9) == 18 && at(h.out, 9) == 0);
  tm_buffer_destroy(foreign);
  machine_close(&other);
  tm_kernel_destroy(says);
  host_close(&h);
}

/* ---- the host's queue ---------------------------------------------------- */

static void a_stream_submits_to_the_hosts_queue(void **state) {
  host h = host_open();
  tm_stream_options o = TM_STREAM_OPTIONS_INIT;
  o.queue = tm_buffer_metal(h.x, NULL);
  tm_stream *stream;
  REFUSED(tm_stream_create(&stream, h.m.context, &o, &machine_error),
          TM_E_ARGUMENT, "not an MTLCommandQueue");
  o.queue = h.queue;
  stream = machine_stream(&h.m, &o);
  tm_arg args[4] = {tm_arg_buffer(h.x, 0), tm_arg_buffer(h.y, 0),
                    tm_arg_buffer(h.out, 0), tm_arg_int(N)};
  /* A command buffer of the host's that is enqueued first holds the queue. */
  begin(&h);
  tm_send(h.command, tm_mtl.sel_register("enqueue"));
  OK(tm_launch(stream, h.add, tm_grid_1d(N / BLOCK), args, 4,
               &machine_error));
  REFUSED(tm_stream_synchronize(stream, 30, &machine_error), TM_E_TIMEOUT,
          "in flight");
  bind_own(&h, h.x, h.y);
  dispatch_own(&h);
  assert_int_equal(finish(&h), 1);
  machine_wait(stream);
  for (int i = 0; i < N; i++) assert_true(at(h.out, i) == 3 * (float)i);
  tm_stream_destroy(stream);
  host_close(&h);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(launches_go_between_the_hosts_dispatches),
      cmocka_unit_test(a_command_buffer_gets_an_encoder_of_its_own),
      cmocka_unit_test(buffers_may_overlap_and_go_by_address),
      cmocka_unit_test(a_function_launches_into_a_target_without_a_stream),
      cmocka_unit_test(
          what_is_used_is_kept_until_the_command_buffer_has_ended),
      cmocka_unit_test(what_is_no_target_is_refused),
      cmocka_unit_test(wrong_launches_touch_nothing_of_the_hosts),
      cmocka_unit_test(a_stream_submits_to_the_hosts_queue),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
