/* SPDX-License-Identifier: MIT */
/*
 * test_metal_check.c - SOFTMETAL_CHECK: for each kind of mistake a kernel
 * that makes it, which must be reported with its line and thread, and a twin
 * that differs in the mistake only, which must not.
 */
#define _GNU_SOURCE
#include "support/metal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HEAD "#include <metal_stdlib>\nusing namespace metal;\n"

static int open_checking(void **state) {
  setenv("SOFTMETAL_CHECK", "1", 1);
  return metal_open(state);
}
static int close_checking(void **state) {
  unsetenv("SOFTMETAL_CHECK");
  return metal_close(state);
}

/* What running kernel k with three buffers of 4096 bytes (the second starts
 * at an offset of 4) ends in: "" or the error. */
static const char *report_of(const metal *m, const char *source,
                             NSUInteger threads, NSUInteger group) {
  id pipeline = pipeline_of(m->device, source, "k");
  id buffers[3], encoder, buffer = begin(m, &encoder);
  set_pipeline(encoder, pipeline);
  for (NSUInteger i = 0; i < 3; i++) {
    buffers[i] = buffer_of(m->device, 4096);
    set_buffer(encoder, buffers[i], i == 1 ? 4 : 0, i);
  }
  dispatch(encoder, threads, group);
  NSUInteger status = finish(buffer, encoder);
  id error = SEND(id)(buffer, NAME("error"));
  assert_int_equal(status, error ? 5 : 4);
  for (int i = 0; i < 3; i++) objc_release(buffers[i]);
  objc_release(pipeline);
  return message_of(error);
}

/* Every report names the kernel, a source line, a thread and its group. */
static void expect(const metal *m, const char *wrong, const char *right,
                   NSUInteger threads, NSUInteger group, const char *words,
                   const char *more) {
  const char *report = report_of(m, wrong, threads, group);
  if (!strstr(report, words) || !strstr(report, more) ||
      !strstr(report, "kernel 'k'") || !strstr(report, "line ") ||
      !strstr(report, "thread (") || !strstr(report, "threadgroup ("))
    fail_msg("'%s' or '%s' is not in: %s", words, more, report);
  report = report_of(m, right, threads, group);
  if (*report) fail_msg("the right kernel is reported: %s", report);
}

/* The body of k over x, y (of a buffer at offset 4) and a counter c; t is
 * the thread in its group, i in the grid, g the group. Starts at line 8. */
#define K(body)                                                       \
  HEAD "kernel void k(device float *x [[buffer(0)]],\n"               \
  " device float *y [[buffer(1)]], device atomic_uint *c [[buffer(2)]],\n" \
  " uint t [[thread_index_in_threadgroup]],\n"                        \
  " uint i [[thread_position_in_grid]],\n"                            \
  " uint g [[threadgroup_position_in_grid]]) {\n" body "}\n"

static void device_reads_out_of_bounds(void **state) {
  expect(*state, K("x[i] = y[i + 992];\n"), K("x[i] = y[i + 991];\n"), 32,
         32, "line 8: read of 4 bytes at byte offset 4092 of buffer 1, which "
         "has 4092 bytes", "thread (31, 0, 0)");
}

static void device_writes_out_of_bounds(void **state) {
  expect(*state, K("x[int(i) - 1] = 1.0f;\n"), K("x[i] = 1.0f;\n"), 64, 64,
         "line 8: write of 4 bytes at byte offset -4 of buffer 0",
         "thread (0, 0, 0)");
}

/* b follows a in memory: only the variable's own bounds find it. */
static void threadgroup_variables_out_of_bounds(void **state) {
  expect(*state,
         K("threadgroup float a[32]; threadgroup float b[32];\n"
           "a[t + 1] = 1.0f; b[t] = 2.0f; x[i] = b[t];\n"),
         K("threadgroup float a[33]; threadgroup float b[32];\n"
           "a[t + 1] = 1.0f; b[t] = 2.0f; x[i] = b[t];\n"), 32, 32,
         "line 9: write of 4 bytes at byte offset 128 of the 128 bytes",
         "thread (31, 0, 0)");
}

/* Arrays and vectors of a thread, and constants of the program: no buffer
 * bounds them. What is not evaluated is not reported. */
static void thread_arrays_and_constants_out_of_bounds(void **state) {
  expect(*state,
         K("float a[4] = {1, 2, 3, 4};\nx[i] = a[i];\n"),
         K("float a[32] = {1, 2, 3, 4};\nx[i] = a[i];\n"), 32, 32,
         "line 9: index 4 is outside of 4 elements, by thread (4, 0, 0)",
         "threadgroup (0, 0, 0)");
  expect(*state,
         K("float a[4];\na[int(i) - 1] = 1;\nx[i] = a[0];\n"),
         K("float a[4];\na[0] = 0;\nif (i > 0 && i < 5) a[int(i) - 1] = 1;\n"
           "x[i] = i && i < 4 && a[i] > 5 ? 0.0f : a[0];\n"), 32, 32,
         "line 9: index -1 is outside of 4 elements, by thread (0, 0, 0)",
         "simdgroup 0");
  expect(*state, K("float4 v = float4(i);\nv[i] = 1;\nx[i] = v.x;\n"),
         K("float4 v = float4(i);\nv[i % 4] = 1;\nx[i] = v.x;\n"), 8, 8,
         "line 9: index 4 is outside of 4 elements, by thread (4, 0, 0)",
         "simdgroup 0");
  expect(*state, K("x[i] = (float2(i) * 2.0f)[g + 2];\n"),
         K("x[i] = (float2(i) * 2.0f)[g];\n"), 4, 4,
         "line 8: index 2 is outside of 2 elements, by thread (0, 0, 0)",
         "simdgroup 0");
  expect(*state, HEAD
         "constant int table[2][3] = {{1, 2, 3}, {4, 5, 6}};\n"
         "kernel void k(device int *x [[buffer(0)]],\n"
         "              uint i [[thread_position_in_grid]]) {\n"
         "  x[i] = table[1][i];\n}\n", HEAD
         "constant int table[2][3] = {{1, 2, 3}, {4, 5, 6}};\n"
         "kernel void k(device int *x [[buffer(0)]],\n"
         "              uint i [[thread_position_in_grid]]) {\n"
         "  x[i] = table[1][i % 3];\n}\n", 4, 4,
         "line 6: index 3 is outside of 3 elements, by thread (3, 0, 0)",
         "simdgroup 0");
}

static void uninitialised_threadgroup_reads(void **state) {
  expect(*state,
         K("threadgroup float a[33];\na[t] = 1.0f;\n"
           "threadgroup_barrier(mem_flags::mem_threadgroup);\n"
           "x[i] = a[t + 1];\n"),
         K("threadgroup float a[33];\na[t] = 1.0f; a[t + 1] = 2.0f;\n"
           "threadgroup_barrier(mem_flags::mem_threadgroup);\n"
           "x[i] = a[t + 1];\n"), 32, 32,
         "line 11: read of uninitialised threadgroup memory at byte 128",
         "thread (31, 0, 0)");
}

/* Each threadgroup begins anew: what the one before wrote does not count. */
static void the_last_threadgroups_writes_do_not_initialise(void **state) {
  expect(*state,
         K("threadgroup float a[32];\nif (g == 0) a[t] = 1.0f;\n"
           "x[i] = a[t];\n"),
         K("threadgroup float a[32];\nif (g < 2) a[t] = 1.0f;\n"
           "x[i] = a[t];\n"), 64, 32,
         "line 10: read of uninitialised threadgroup memory at byte 0, by "
         "thread (0, 0, 0)", "threadgroup (1, 0, 0)");
}

static void races_on_threadgroup_memory(void **state) {
  expect(*state,
         K("threadgroup float a[64];\na[t] = 1.0f;\n"
           "x[i] = a[63 - t];\n"),
         K("threadgroup float a[64];\na[t] = 1.0f;\n"
           "threadgroup_barrier(mem_flags::mem_threadgroup);\n"
           "x[i] = a[63 - t];\n"), 64, 64,
         "race on threadgroup memory at byte 128: read at line 10 by thread "
         "(31, 0, 0), write at line 9 by thread (32, 0, 0)",
         "and no barrier between them");
}

/* A barrier that orders only device memory is not enough. */
static void barriers_order_what_their_flags_say(void **state) {
  expect(*state,
         K("threadgroup float a[64];\na[t] = 1.0f;\n"
           "threadgroup_barrier(mem_flags::mem_device);\n"
           "x[i] = a[63 - t];\n"),
         K("threadgroup float a[64];\na[t] = 1.0f;\n"
           "threadgroup_barrier(mem_flags::mem_device |\n"
           "                    mem_flags::mem_threadgroup);\n"
           "x[i] = a[63 - t];\n"), 64, 64,
         "race on threadgroup memory at byte 252: write at line 9 by thread "
         "(63, 0, 0), read at line 11 by thread (0, 0, 0)", "line 9");
}

static void races_on_device_memory_within_a_threadgroup(void **state) {
  expect(*state,
         K("x[i] = 1.0f;\nthreadgroup_barrier(mem_flags::mem_threadgroup);\n"
           "y[i] = x[63 - i];\n"),
         K("x[i] = 1.0f;\nthreadgroup_barrier(mem_flags::mem_device);\n"
           "y[i] = x[63 - i];\n"), 64, 64,
         "race on device memory at byte offset 252 of buffer 0: write at line "
         "8 by thread (63, 0, 0) of the same threadgroup, read at line 10 by "
         "thread (0, 0, 0)", "no barrier with mem_device between them");
}

static void races_between_threadgroups(void **state) {
  expect(*state, K("x[t] = float(i);\n"), K("x[i] = float(t);\n"), 128, 64,
         "race on device memory at byte offset 0 of buffer 0: write at line "
         "8 by thread (0, 0, 0) of threadgroup (0, 0, 0), write at line 8",
         "threadgroup (1, 0, 0)");
}

static void reads_race_with_other_threadgroups_writes(void **state) {
  expect(*state, K("float v = x[(i + 64) % 128];\nx[i] = v;\n"),
         K("float v = x[(i + 64) % 128];\ny[i] = v;\n"), 128, 64,
         "race on device memory at byte offset 0 of buffer 0: write at line 9 "
         "by thread (0, 0, 0) of threadgroup (0, 0, 0)",
         "read at line 8 by thread (0, 0, 0)");
}

/* Neighbouring bytes of one word are different places. */
static void bytes_of_a_word_do_not_race(void **state) {
  expect(*state, K("((device uchar *)x)[g] = uchar(t);\n"
                   "((device ushort *)x)[t] = 1;\n"),
         K("((device uchar *)x)[g] = uchar(t);\n"), 2, 1,
         "race on device memory at byte offset 1 of buffer 0: write at line 9 "
         "by thread (0, 0, 0)", "write at line 8 by thread (0, 0, 0)");
}

static void lanes_that_store_different_values_to_one_place(void **state) {
  expect(*state, K("x[t / 2] = float(t);\n"), K("x[t / 2] = float(t / 2);\n"),
         32, 32, "line 8: race: thread (0, 0, 0) and thread (1, 0, 0) store "
         "different values to one place, byte offset 0 of buffer 0",
         "kernel k");
  expect(*state, K("threadgroup int a;\na = int(t);\nx[i] = float(a);\n"),
         K("threadgroup int a;\na = int(g);\nx[i] = float(a);\n"), 32, 32,
         "line 9: race: thread (0, 0, 0) and thread (1, 0, 0) store different "
         "values to one place, byte 0 of threadgroup memory", "kernel k");
}

/* Memory that is reached by address must be made resident. */
static void addresses_reach_what_is_resident(void **state) {
  const metal *m = *state;
  id pipeline = pipeline_of(m->device, HEAD
      "kernel void k(constant ulong &where [[buffer(0)]],\n"
      "              uint i [[thread_position_in_grid]]) {\n"
      "  ((device int *)where)[i] = 5;\n}\n", "k");
  id x = buffer_of(m->device, 64);
  uint64_t where = SEND(uint64_t)(x, NAME("gpuAddress"));
  for (int used = 0; used < 2; used++) {
    id encoder, buffer = begin(m, &encoder);
    set_pipeline(encoder, pipeline);
    set_bytes(encoder, &where, 8, 0);
    if (used)
      SEND(void, id, NSUInteger)(encoder, NAME("useResource:usage:"), x, 2);
    dispatch(encoder, 4, 4);
    if (used)
      assert_int_equal(finish(buffer, encoder), 4);
    else
      expect_failure(buffer, encoder, 3, "inside no bound buffer");
  }
  assert_int_equal(((int *)contents(x))[3], 5);
  objc_release(x);
  objc_release(pipeline);
}

/* The members of a struct may be addresses that the host wrote: of buffers,
 * and from one node of a list to the next. */
static void pointers_in_buffers_reach_what_is_resident(void **state) {
  const metal *m = *state;
  id pipeline = pipeline_of(m->device, HEAD
      "struct node { device node *next; float value; };\n"
      "struct arguments { device float *y; constant float *x[2];\n"
      "                   device node *list; uint n; };\n"
      "kernel void k(constant arguments &a [[buffer(0)]],\n"
      "              uint i [[thread_position_in_grid]]) {\n"
      "  float sum = 0;\n"
      "  for (device node *p = a.list; p; p = p->next) sum += p->value;\n"
      "  if (i < a.n) a.y[i] = a.x[1][i] + sum;\n}\n", "k");
  struct node { uint64_t next; float value, pad; };
  struct { uint64_t y, x[2], list; uint32_t n, pad; } arguments;
  id y = buffer_of(m->device, 64), x = buffer_of(m->device, 64);
  id nodes = buffer_of(m->device, 3 * sizeof(struct node));
  uint64_t at = SEND(uint64_t)(nodes, NAME("gpuAddress"));
  struct node *node = contents(nodes);
  for (int i = 0; i < 3; i++)
    node[i] = (struct node){i < 2 ? at + (uint64_t)(i + 1) * 16 : 0,
                            (float)(i + 1) * 10, 0};
  arguments.y = SEND(uint64_t)(y, NAME("gpuAddress"));
  arguments.x[0] = 0;
  arguments.x[1] = SEND(uint64_t)(x, NAME("gpuAddress"));
  arguments.list = at;
  arguments.n = 4;
  for (int i = 0; i < 4; i++) ((float *)contents(x))[i] = (float)i;
  for (int used = 0; used < 2; used++) {
    id encoder, buffer = begin(m, &encoder), all[3] = {x, y, nodes};
    set_pipeline(encoder, pipeline);
    set_bytes(encoder, &arguments, sizeof arguments, 0);
    SEND(void, const id *, NSUInteger, NSUInteger)(
        encoder, NAME("useResources:count:usage:"), all, used ? 3 : 2, 3);
    dispatch(encoder, 32, 32);
    if (used)
      assert_int_equal(finish(buffer, encoder), 4);
    else
      expect_failure(buffer, encoder, 3, "inside no bound buffer");
  }
  for (int i = 0; i < 5; i++)
    assert_true(((float *)contents(y))[i] == (i < 4 ? 60 + (float)i : 0));
  objc_release(nodes);
  objc_release(x);
  objc_release(y);
  objc_release(pipeline);
}

static void atomics_do_not_race_but_plain_accesses_beside_them_do(void **s) {
  expect(*s,
         K("atomic_fetch_add_explicit(&c[0], 1, memory_order_relaxed);\n"
           "x[i] = float(((device uint *)c)[0]);\n"),
         K("atomic_fetch_add_explicit(&c[0], 1, memory_order_relaxed);\n"
           "x[i] = float(atomic_load_explicit(&c[0], memory_order_relaxed));"
           "\n"), 128, 64,
         "race on device memory at byte offset 0 of buffer 2: read at line 9 "
         "by thread (0, 0, 0)", "atomic at line 8 by thread (32, 0, 0)");
}

/* Every group writes its part, passes a fence and counts itself; the last
 * reads all parts. Without the fence nothing publishes them. */
static void fences_and_atomics_publish_to_the_last_threadgroup(void **state) {
  expect(*state,
         K("threadgroup uint last;\nx[i] = 1.0f;\n"
           "threadgroup_barrier(mem_flags::mem_threadgroup);\n"
           "if (t == 0) last = atomic_fetch_add_explicit(c, 1,\n"
           "                       memory_order_relaxed);\n"
           "threadgroup_barrier(mem_flags::mem_threadgroup);\n"
           "if (last == 1) y[t] = x[t] + x[t + 64];\n"),
         K("threadgroup uint last;\nx[i] = 1.0f;\n"
           "threadgroup_barrier(mem_flags::mem_device);\n"
           "if (t == 0) last = atomic_fetch_add_explicit(c, 1,\n"
           "                       memory_order_relaxed);\n"
           "threadgroup_barrier(mem_flags::mem_threadgroup |\n"
           "                    mem_flags::mem_device);\n"
           "if (last == 1) y[t] = x[t] + x[t + 64];\n"), 128, 64,
         "race on device memory at byte offset 0 of buffer 0: write at line 9 "
         "by thread (0, 0, 0) of threadgroup (0, 0, 0), read at line 14 by "
         "thread (0, 0, 0)", "threadgroup (1, 0, 0)");
}

static void barriers_that_not_all_threads_reach(void **state) {
  expect(*state,
         K("if (t < 40)\n"
           "threadgroup_barrier(mem_flags::mem_threadgroup);\nx[i] = 1;\n"),
         K("if (t < 64)\n"
           "threadgroup_barrier(mem_flags::mem_threadgroup);\nx[i] = 1;\n"),
         64, 64, "the barrier at line 9 is under a condition that differs "
         "between the lanes of a simdgroup: thread (40, 0, 0) is not there",
         "simdgroup 1");
}

/* Whole simdgroups that have ended, or that wait elsewhere. */
static void barriers_that_some_simdgroups_miss(void **state) {
  expect(*state,
         K("if (t >= 32) return;\n"
           "threadgroup_barrier(mem_flags::mem_threadgroup);\nx[i] = 1;\n"),
         K("if (t >= 64) return;\n"
           "threadgroup_barrier(mem_flags::mem_threadgroup);\nx[i] = 1;\n"),
         64, 64, "the barrier at line 9 was reached by 1 of 2 simdgroups; "
         "thread (32, 0, 0) and others had already ended", "simdgroup 0");
  expect(*state,
         K("if (t < 32) {\n"
           "threadgroup_barrier(mem_flags::mem_threadgroup);\n} else {\n"
           "threadgroup_barrier(mem_flags::mem_threadgroup);\n}\nx[i] = 1;"
           "\n"),
         K("if (t < 64) {\n"
           "threadgroup_barrier(mem_flags::mem_threadgroup);\n} else {\n"
           "threadgroup_barrier(mem_flags::mem_threadgroup);\n}\nx[i] = 1;"
           "\n"),
         64, 64, "simdgroups wait at different barriers: simdgroup 0 at line "
         "9, simdgroup 1 (thread (32, 0, 0) and others) at line 11", "kernel");
}

/* y starts 4 bytes into its buffer: fine for float, not for float4. */
static void misaligned_vectors(void **state) {
  expect(*state, K("((device float4 *)y)[i] = float4(1);\n"),
         K("((device packed_float4 *)y)[i] = float4(1);\n"), 4, 4,
         "line 8: misaligned write of 16 bytes at", "(byte offset 0 of buffer "
         "1), which must be a multiple of 16, by thread (0, 0, 0)");
}

static void integer_division_by_zero(void **state) {
  expect(*state, K("x[i] = float(100 / int(i));\n"),
         K("x[i] = i ? float(100 / int(i)) : 0.0f;\n"), 32, 32,
         "line 8: integer division by zero", "thread (0, 0, 0)");
  expect(*state, K("uint v = i + 1;\nv %= i & 16;\nx[i] = float(v);\n"),
         K("uint v = i + 1;\nv %= i | 16;\nx[i] = float(v);\n"), 32, 32,
         "line 9: integer division by zero", "thread (0, 0, 0)");
}

static void shuffles_from_inactive_lanes(void **state) {
  expect(*state,
         K("float v = float(i);\n"
           "if (t < 16) v = simd_shuffle_xor(v, 16);\nx[i] = v;\n"),
         K("float v = float(i);\n"
           "if (t < 16) v = simd_shuffle_xor(v, 8);\nx[i] = v;\n"), 32, 32,
         "line 9: shuffle from lane 16, which is inactive",
         "thread (0, 0, 0)");
  expect(*state, K("x[i] = simd_broadcast(float(i), 20);\n"),
         K("x[i] = simd_broadcast(float(i), 10);\n"), 16, 16,
         "line 8: shuffle from lane 20, which is inactive",
         "thread (0, 0, 0)");
}

/* A down-shuffle past the end keeps a lane's own value: the usual reduction
 * over a full simdgroup is right. */
static void reductions_by_shuffles_are_not_reported(void **state) {
  const char *report = report_of(*state,
      K("float v = float(i);\nfor (ushort d = 16; d > 0; d /= 2)\n"
        "  v += simd_shuffle_down(v, d);\nx[i] = v;\n"), 64, 64);
  assert_string_equal(report, "");
}

/* No error, but nothing that could pass for an answer either. */
static void a_thread_reads_ones_where_it_has_not_written(void **state) {
  const metal *m = *state;
  id pipeline = pipeline_of(m->device, HEAD
      "kernel void k(device uint *out [[buffer(0)]],\n"
      " uint t [[thread_index_in_threadgroup]]) {\n"
      "  uint a[4];\n  float f;\n"
      "  if (t >= 16) { a[t % 4] = 7; f = 1; }\n"
      "  out[t] = a[t % 4];\n  out[32 + t] = isnan(f) ? 1 : 0;\n}\n", "k");
  id out = buffer_of(m->device, 4096), encoder, buffer = begin(m, &encoder);
  set_pipeline(encoder, pipeline);
  set_buffer(encoder, out, 0, 0);
  dispatch(encoder, 32, 32);
  assert_int_equal(finish(buffer, encoder), 4);
  const uint32_t *seen = contents(out);
  for (uint32_t t = 0; t < 32; t++) {
    assert_int_equal(seen[t], t < 16 ? 0xffffffff : 7);
    assert_int_equal(seen[32 + t], t < 16);
  }
  objc_release(out);
  objc_release(pipeline);
}

/* SOFTMETAL_SHUFFLE: simdgroups without a barrier see another order; the
 * same seed gives the same result. */
static void shuffled_orders_differ_by_seed_and_repeat(void **state) {
  const metal *m = *state;
  unsetenv("SOFTMETAL_CHECK");
  id pipeline = pipeline_of(m->device, HEAD
      "kernel void k(device atomic_uint *c [[buffer(0)]],\n"
      " device uint *out [[buffer(1)]],\n"
      " uint t [[thread_index_in_threadgroup]],\n"
      " uint s [[simdgroup_index_in_threadgroup]]) {\n"
      "  if (t % 32 == 0)\n"
      "    out[s] = atomic_fetch_add_explicit(c, 1,\n"
      "                 memory_order_relaxed);\n}\n", "k");
  uint32_t seen[4][8];
  const char *seeds[4] = {"0", "7", "7", "12345"};
  for (int i = 0; i < 4; i++) {
    setenv("SOFTMETAL_SHUFFLE", seeds[i], 1);
    id c = buffer_of(m->device, 64), out = buffer_of(m->device, 64);
    id encoder, buffer = begin(m, &encoder);
    set_pipeline(encoder, pipeline);
    set_buffer(encoder, c, 0, 0);
    set_buffer(encoder, out, 0, 1);
    dispatch(encoder, 256, 256);
    assert_int_equal(finish(buffer, encoder), 4);
    memcpy(seen[i], contents(out), sizeof seen[i]);
    objc_release(c);
    objc_release(out);
  }
  unsetenv("SOFTMETAL_SHUFFLE");
  for (uint32_t s = 0; s < 8; s++) assert_int_equal(seen[0][s], s);
  assert_memory_equal(seen[1], seen[2], sizeof seen[1]);
  assert_memory_not_equal(seen[0], seen[1], sizeof seen[1]);
  assert_memory_not_equal(seen[1], seen[3], sizeof seen[1]);
  objc_release(pipeline);
}

#define CHECKING(test) \
  cmocka_unit_test_setup_teardown(test, open_checking, close_checking)

int main(void) {
  const struct CMUnitTest tests[] = {
      CHECKING(device_reads_out_of_bounds),
      CHECKING(device_writes_out_of_bounds),
      CHECKING(threadgroup_variables_out_of_bounds),
      CHECKING(thread_arrays_and_constants_out_of_bounds),
      CHECKING(uninitialised_threadgroup_reads),
      CHECKING(the_last_threadgroups_writes_do_not_initialise),
      CHECKING(races_on_threadgroup_memory),
      CHECKING(barriers_order_what_their_flags_say),
      CHECKING(races_on_device_memory_within_a_threadgroup),
      CHECKING(races_between_threadgroups),
      CHECKING(reads_race_with_other_threadgroups_writes),
      CHECKING(bytes_of_a_word_do_not_race),
      CHECKING(lanes_that_store_different_values_to_one_place),
      CHECKING(addresses_reach_what_is_resident),
      CHECKING(pointers_in_buffers_reach_what_is_resident),
      CHECKING(atomics_do_not_race_but_plain_accesses_beside_them_do),
      CHECKING(fences_and_atomics_publish_to_the_last_threadgroup),
      CHECKING(barriers_that_not_all_threads_reach),
      CHECKING(barriers_that_some_simdgroups_miss),
      CHECKING(misaligned_vectors),
      CHECKING(integer_division_by_zero),
      CHECKING(shuffles_from_inactive_lanes),
      CHECKING(reductions_by_shuffles_are_not_reported),
      CHECKING(a_thread_reads_ones_where_it_has_not_written),
      CHECKING(shuffled_orders_differ_by_seed_and_repeat),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
