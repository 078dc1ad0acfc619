/* SPDX-License-Identifier: MIT */
/*
 * test_metal_counters.c - SOFTMETAL_COUNTERS on kernels that are small
 * enough to count by hand; each test says its count.
 */
#define _GNU_SOURCE
#include "support/metal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define HEAD "#include <metal_stdlib>\nusing namespace metal;\n"

static int open_counting(void **state) {
  setenv("SOFTMETAL_COUNTERS", "1", 1);
  return metal_open(state);
}
static int close_counting(void **state) {
  unsetenv("SOFTMETAL_COUNTERS");
  return metal_close(state);
}

/* Runs kernel k of source on buffers of 64 KB at 0, 1 and 2. */
static softmetal_counters counted(const metal *m, const char *source,
                                  NSUInteger threads, NSUInteger group) {
  id pipeline = pipeline_of(m->device, source, "k");
  id buffers[3], encoder, buffer = begin(m, &encoder);
  set_pipeline(encoder, pipeline);
  for (NSUInteger i = 0; i < 3; i++) {
    buffers[i] = buffer_of(m->device, 65536);
    set_buffer(encoder, buffers[i], 0, i);
  }
  dispatch(encoder, threads, group);
  if (finish(buffer, encoder) != 4)
    fail_msg("%s", message_of(SEND(id)(buffer, NAME("error"))));
  softmetal_counters c = {.struct_size = sizeof c};
  assert_int_equal(softmetal_command_buffer_counters(buffer, &c, 1), 1);
  for (int i = 0; i < 3; i++) objc_release(buffers[i]);
  objc_release(pipeline);
  return c;
}

/* 96 of 100 threads in full simdgroups, 4 in the last: a load of x and of
 * the constant, a sum, a store. */
static void an_addition_is_two_loads_a_sum_and_a_store(void **state) {
  softmetal_counters c = counted(*state, HEAD
      "kernel void k(device const float *x [[buffer(0)]],\n"
      "              device float *y [[buffer(1)]],\n"
      "              constant float &a [[buffer(2)]],\n"
      "              uint i [[thread_position_in_grid]]) {\n"
      "  y[i] = x[i] + a;\n}\n", 100, 128);
  assert_string_equal(c.kernel, "k");
  assert_int_equal(c.threads, 100);
  assert_int_equal(c.simdgroups, 4);
  assert_int_equal(c.threadgroups, 1);
  assert_int_equal(c.issued[SOFTMETAL_FLOAT], 4);
  assert_int_equal(c.lanes[SOFTMETAL_FLOAT], 100);
  assert_int_equal(c.issued[SOFTMETAL_INT], 0);
  assert_int_equal(c.issued[SOFTMETAL_LOAD], 8);
  assert_int_equal(c.lanes[SOFTMETAL_STORE], 100);
  assert_int_equal(c.device_bytes_read, 400);
  assert_int_equal(c.device_bytes_written, 400);
  assert_int_equal(c.constant_bytes, 400);
  /* a row of 32 floats is one line, the rest of four floats another */
  assert_int_equal(c.device_accesses, 8);
  assert_int_equal(c.device_lines, 8);
}

/* 32 lanes, 128 bytes apart: a line each. 64 bytes apart: two share one. */
static void strides_touch_more_lines(void **state) {
  softmetal_counters c = counted(*state, HEAD
      "kernel void k(device const float *x [[buffer(0)]],\n"
      "              device float *y [[buffer(1)]],\n"
      "              device float *z [[buffer(2)]],\n"
      "              uint i [[thread_position_in_grid]]) {\n"
      "  y[i * 32] = x[i * 16];\n}\n", 32, 32);
  assert_int_equal(c.device_lines, 32 + 16);
  assert_int_equal(c.device_accesses, 2);
  assert_int_equal(c.issued[SOFTMETAL_INT], 2); /* the two products */
}

static void vectors_count_by_element_and_access_once(void **state) {
  softmetal_counters c = counted(*state, HEAD
      "kernel void k(device const float4 *x [[buffer(0)]],\n"
      "              device float4 *y [[buffer(1)]],\n"
      "              device float *z [[buffer(2)]],\n"
      "              uint i [[thread_position_in_grid]]) {\n"
      "  y[i] = sqrt(x[i]) * 2.0f;\n}\n", 32, 32);
  assert_int_equal(c.issued[SOFTMETAL_SPECIAL], 4);
  assert_int_equal(c.issued[SOFTMETAL_FLOAT], 4);
  assert_int_equal(c.issued[SOFTMETAL_LOAD], 1);
  assert_int_equal(c.device_bytes_read, 512);
  assert_int_equal(c.device_lines, 4 + 4);
}

/* Lane l stores word 8 l: eight lanes share a bank, four banks are used.
 * Eight passes where one would do: seven conflicts. The loads in order have
 * none. */
static void bank_conflicts_are_extra_passes(void **state) {
  softmetal_counters c = counted(*state, HEAD
      "kernel void k(device float *y [[buffer(0)]],\n"
      "              device float *z [[buffer(1)]],\n"
      "              device float *u [[buffer(2)]],\n"
      "              uint i [[thread_index_in_threadgroup]]) {\n"
      "  threadgroup float s[256];\n"
      "  s[i * 8] = 1.0f;\n"
      "  threadgroup_barrier(mem_flags::mem_threadgroup);\n"
      "  y[i] = s[i];\n}\n", 32, 32);
  assert_int_equal(c.threadgroup_accesses, 2);
  assert_int_equal(c.threadgroup_bytes, 256);
  assert_int_equal(c.bank_conflicts, 7);
  assert_int_equal(c.issued[SOFTMETAL_BARRIER], 1);
  assert_int_equal(c.lanes[SOFTMETAL_BARRIER], 32);
}

/* Of 32 lanes 8 take the branch: its store is issued once, by 8. */
static void lanes_show_divergence(void **state) {
  softmetal_counters c = counted(*state, HEAD
      "kernel void k(device float *y [[buffer(0)]],\n"
      "              device float *z [[buffer(1)]],\n"
      "              device float *u [[buffer(2)]],\n"
      "              uint i [[thread_position_in_grid]]) {\n"
      "  if (i < 8) y[i] = 1.0f;\n}\n", 32, 32);
  assert_int_equal(c.issued[SOFTMETAL_STORE], 1);
  assert_int_equal(c.lanes[SOFTMETAL_STORE], 8);
  assert_int_equal(c.issued[SOFTMETAL_INT], 1); /* the comparison */
  assert_int_equal(c.lanes[SOFTMETAL_INT], 32);
}

static void shuffles_atomics_and_matrices_are_counted(void **state) {
  softmetal_counters c = counted(*state, HEAD
      "kernel void k(device float *x [[buffer(0)]],\n"
      "              device atomic_int *a [[buffer(1)]],\n"
      "              device float *z [[buffer(2)]],\n"
      "              uint i [[thread_position_in_grid]]) {\n"
      "  float v = simd_sum(x[i]) + simd_shuffle_xor(x[i], 1);\n"
      "  atomic_fetch_add_explicit(a, 1, memory_order_relaxed);\n"
      "  simdgroup_float8x8 p, q, r(0);\n"
      "  simdgroup_load(p, x, 8);\n"
      "  simdgroup_load(q, x + 64, 8);\n"
      "  simdgroup_multiply_accumulate(r, p, q, r);\n"
      "  simdgroup_store(r, z, 8);\n"
      "  z[64 + i] = v;\n}\n", 32, 32);
  assert_int_equal(c.issued[SOFTMETAL_SHUFFLE], 2);
  assert_int_equal(c.issued[SOFTMETAL_ATOMIC], 1);
  assert_int_equal(c.lanes[SOFTMETAL_ATOMIC], 32);
  assert_int_equal(c.issued[SOFTMETAL_MATRIX], 1);
  /* x twice, two fragments of 256 bytes, 32 atomics of 4 */
  assert_int_equal(c.device_bytes_read, 2 * 128 + 2 * 256 + 128);
  assert_int_equal(c.device_bytes_written, 128 + 256 + 128);
}

static void loops_count_each_turn(void **state) {
  softmetal_counters c = counted(*state, HEAD
      "kernel void k(device float *y [[buffer(0)]],\n"
      "              constant int &n [[buffer(1)]],\n"
      "              device float *u [[buffer(2)]],\n"
      "              uint i [[thread_position_in_grid]]) {\n"
      "  float v = y[i];\n"
      "  for (int j = 0; j < n + 10; j++) v = v * 0.5f;\n"
      "  y[i] = v;\n}\n", 64, 64);
  assert_int_equal(c.issued[SOFTMETAL_FLOAT], 2 * 10);
  /* 11 comparisons and sums n + 10, 10 increments */
  assert_int_equal(c.issued[SOFTMETAL_INT], 2 * (11 + 11 + 10));
}

/* One kernel with something of each kind; two threadgroups of 48 threads, so
 * four simdgroups, of 32 and 16 threads. All figures counted by hand. */
static void every_figure_of_one_kernel(void **state) {
  softmetal_counters c = counted(*state, HEAD
      "kernel void k(device float *x [[buffer(0)]],\n"
      "              constant int &c [[buffer(1)]],\n"
      "              device atomic_uint *a [[buffer(2)]],\n"
      "              uint i [[thread_position_in_grid]],\n"
      "              uint t [[thread_index_in_threadgroup]]) {\n"
      "  threadgroup half s[48];\n"
      "  float v = x[i];\n"
      "  int n = c * 3;\n"
      "  s[t] = half(v);\n"
      "  threadgroup_barrier(mem_flags::mem_threadgroup);\n"
      "  float w = s[47 - t];\n"
      "  w = sqrt(w) + v / 3.0f;\n"
      "  if (t < 40) w = simd_sum(w);\n"
      "  atomic_fetch_add_explicit(a, 1u, memory_order_relaxed);\n"
      "  x[i] = w + float(n);\n}\n", 96, 48);
  static const struct { int kind; uint64_t issued, lanes; } kinds[] = {
      {SOFTMETAL_FLOAT, 8, 192},   /* two sums */
      {SOFTMETAL_INT, 12, 288},    /* c * 3, 47 - t, t < 40 */
      {SOFTMETAL_CONVERT, 12, 288},/* to half, from half, from int */
      {SOFTMETAL_SPECIAL, 8, 192}, /* a root, a quotient */
      {SOFTMETAL_LOAD, 12, 288},   /* x, c, s */
      {SOFTMETAL_STORE, 8, 192},   /* s, x */
      {SOFTMETAL_ATOMIC, 4, 96},
      {SOFTMETAL_BARRIER, 4, 96},
      {SOFTMETAL_SHUFFLE, 4, 80},  /* 32 and 8 threads of each group */
      {SOFTMETAL_MATRIX, 0, 0}};
  for (int i = 0; i < SOFTMETAL_KINDS; i++) {
    assert_int_equal(kinds[i].kind, i);
    assert_int_equal(c.issued[i], kinds[i].issued);
    assert_int_equal(c.lanes[i], kinds[i].lanes);
  }
  assert_int_equal(c.threads, 96);
  assert_int_equal(c.simdgroups, 4);
  assert_int_equal(c.threadgroups, 2);
  assert_int_equal(c.device_bytes_read, 2 * 96 * 4);
  assert_int_equal(c.device_bytes_written, 2 * 96 * 4);
  assert_int_equal(c.device_accesses, 3 * 4);
  /* x: bytes 0-127, 128-191, 192-319 (two lines), 320-383; twice; a: one */
  assert_int_equal(c.device_lines, 2 * 5 + 4);
  assert_int_equal(c.constant_bytes, 96 * 4);
  assert_int_equal(c.threadgroup_bytes, 2 * 96 * 2);
  assert_int_equal(c.threadgroup_accesses, 2 * 4);
  assert_int_equal(c.bank_conflicts, 0); /* two halves share a word */
}

/* A record for each dispatch; a program of before a field was added gets what
 * it knows. */
static void each_dispatch_has_its_record(void **state) {
  const metal *m = *state;
  id pipeline = pipeline_of(m->device, HEAD
      "kernel void k(device int *x [[buffer(0)]],\n"
      "              uint i [[thread_position_in_grid]]) { x[i] = 1; }\n",
      "k");
  id x = buffer_of(m->device, 4096), encoder, buffer = begin(m, &encoder);
  set_pipeline(encoder, pipeline);
  set_buffer(encoder, x, 0, 0);
  for (NSUInteger i = 1; i <= 3; i++) dispatch(encoder, 32 * i, 32);
  assert_int_equal(finish(buffer, encoder), 4);
  softmetal_counters c[3];
  memset(c, 0x55, sizeof c);
  c[0].struct_size = sizeof c[0];
  assert_int_equal(softmetal_command_buffer_counters(buffer, c, 2), 3);
  assert_int_equal(c[0].threadgroups, 1);
  assert_int_equal(c[1].threadgroups, 2);
  assert_int_equal(c[2].threadgroups, 0x5555555555555555u); /* not asked for */
  size_t shorter = offsetof(softmetal_counters, bank_conflicts);
  union { char bytes[3 * sizeof(softmetal_counters)]; size_t size; } old;
  memset(&old, 0x55, sizeof old);
  old.size = shorter;
  assert_int_equal(softmetal_command_buffer_counters(
      buffer, (softmetal_counters *)&old, 2), 3);
  softmetal_counters second;
  memcpy(&second, old.bytes + shorter, shorter);
  assert_int_equal(second.threadgroups, 2);
  assert_int_equal((unsigned char)old.bytes[2 * shorter], 0x55);
  objc_release(x);
  objc_release(pipeline);
}

static void nothing_is_counted_unless_asked(void **state) {
  const metal *m = *state;
  unsetenv("SOFTMETAL_COUNTERS");
  id pipeline = pipeline_of(m->device,
      "kernel void k(device int *x [[buffer(0)]]) { x[0] = 1; }\n", "k");
  id x = buffer_of(m->device, 64), encoder, buffer = begin(m, &encoder);
  set_pipeline(encoder, pipeline);
  set_buffer(encoder, x, 0, 0);
  dispatch(encoder, 1, 1);
  assert_int_equal(finish(buffer, encoder), 4);
  assert_int_equal(softmetal_command_buffer_counters(buffer, NULL, 0), 0);
  objc_release(x);
  objc_release(pipeline);
}

static void a_report_is_appended_to_the_file(void **state) {
  char path[] = "/tmp/softmetal-counters-XXXXXX";
  int fd = mkstemp(path);
  assert_true(fd >= 0);
  setenv("SOFTMETAL_COUNTERS_REPORT", path, 1);
  counted(*state, HEAD
      "kernel void k(device int *x [[buffer(0)]]) { x[0] = 1; }\n", 32, 32);
  unsetenv("SOFTMETAL_COUNTERS_REPORT");
  char report[2048] = "";
  assert_true(read(fd, report, sizeof report - 1) > 0);
  close(fd);
  unlink(path);
  assert_non_null(strstr(report, "kernel k: 32 threads, 1 simdgroups"));
  assert_non_null(strstr(report, "lane use 100.0%"));
}

#define COUNTING(test) \
  cmocka_unit_test_setup_teardown(test, open_counting, close_counting)

int main(void) {
  const struct CMUnitTest tests[] = {
      COUNTING(an_addition_is_two_loads_a_sum_and_a_store),
      COUNTING(strides_touch_more_lines),
      COUNTING(vectors_count_by_element_and_access_once),
      COUNTING(bank_conflicts_are_extra_passes),
      COUNTING(lanes_show_divergence),
      COUNTING(shuffles_atomics_and_matrices_are_counted),
      COUNTING(loops_count_each_turn),
      COUNTING(every_figure_of_one_kernel),
      COUNTING(each_dispatch_has_its_record),
      COUNTING(nothing_is_counted_unless_asked),
      COUNTING(a_report_is_appended_to_the_file),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
