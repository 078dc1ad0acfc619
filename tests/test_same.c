/* SPDX-License-Identifier: MIT */
/*
 * test_same.c - softmetal computes once what all lanes of a simdgroup share
 * (softmetal/exec/emit_same.c): which divisions and roots of vectors are left
 * in LLVM's text, and that the lanes' values are what plain C gets.
 *
 * In kernels that differ by one detail, so that lanes differ, the operation
 * must stay a vector's.
 */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above */
#include <cmocka.h>

#include <math.h>

#include "../softmetal/exec/frame.h"
#include "support/soft_code.h"

enum { LANES = 32, GROUP = 64, N = 128 };

/* in: 128 floats; out: 128; 64 threads a threadgroup. */
#define KERNEL(body)                                                   \
  "#include <metal_stdlib>\nusing namespace metal;\n"                  \
  "kernel void k(device const float *in [[buffer(0)]],\n"              \
  "              device float *out [[buffer(1)]],\n"                   \
  "              uint i [[thread_position_in_grid]],\n"                \
  "              uint lane [[thread_index_in_simdgroup]],\n"           \
  "              uint t [[thread_index_in_threadgroup]]) {\n"          \
  "  threadgroup float s[64];\n"                                       \
  "  float x = in[i];\n" body "}\n"
#define STEP(k) "  x += simd_shuffle_xor(x, " #k ");\n"
#define BUTTERFLY STEP(1) STEP(2) STEP(4) STEP(8) STEP(16)
#define SHARE                                                          \
  "  s[t] = x;\n"                                                      \
  "  threadgroup_barrier(mem_flags::mem_threadgroup);\n"

/* The entry for full simdgroups alone. */
static const sm_code_options options = {.entries = SM_ENTRIES_FULL};

static float in[N], out[N];

static void run(const char *text) {
  for (int i = 0; i < N; i++) in[i] = (float)((i * 37) % 101) / 8 + 1;
  sm_code *code = soft_compile(text, &options, NULL, NULL);
  sm_dispatch d = {.code = code, .grid_threads = {N, 1, 1},
                   .group = {GROUP, 1, 1}};
  d.buffers[0].pointer = in;
  d.buffers[1].pointer = out;
  d.buffers[0].length = d.buffers[1].length = sizeof in;
  char *error = NULL;
  if (sm_run(&d, &error) != SM_RUN_OK) fail_msg("%s", error);
  sm_code_release(code);
}

/* Divisions and roots of vectors of 32 that the kernel has; runs it, too. */
static unsigned vectors_in_run(const char *text) {
  run(text);
  return soft_count(text, &options, "fdiv <32 x ") +
         soft_count(text, &options, "call <32 x double> @llvm.sqrt");
}

/* Of n numbers, as a butterfly adds them: neighbours first. */
static float tree(const float *x, int n) {
  return n == 1 ? *x : tree(x, n / 2) + tree(x + n / 2, n / 2);
}

static void a_butterfly_over_all_lanes_is_divided_once(void **state) {
  assert_int_equal(vectors_in_run(
      KERNEL(BUTTERFLY "  out[i] = x / in[0] + float(lane);\n")), 0);
  for (int i = 0; i < N; i++)
    assert_true(out[i] == tree(in + i / LANES * LANES, LANES) / in[0] +
                              (float)(i % LANES));
}

static void a_butterfly_that_lacks_a_step_is_divided_in_every_lane(
    void **state) {
  assert_int_equal(vectors_in_run(
      KERNEL(STEP(1) STEP(2) STEP(8) STEP(16) "  out[i] = x / in[0];\n")), 1);
  for (int i = 0; i < N; i++) {
    float part[16];
    const float *row = in + i / LANES * LANES;
    for (int k = 0; k < 16; k++)
      part[k] = row[(k & 3) | (k & 12) << 1 | (i & 4)];
    assert_true(out[i] == tree(part, 16) / in[0]);
  }
}

/* x[l] - x[l ^ 1] is not x[l ^ 1] - x[l]. */
static void differences_are_not_the_same_in_both_lanes(void **state) {
  assert_int_equal(vectors_in_run(
      KERNEL("  x = x - simd_shuffle_xor(x, 1);\n"
             STEP(2) STEP(4) STEP(8) STEP(16) "  out[i] = x / in[0];\n")), 1);
  for (int i = 0; i < N; i++) {
    float part[16];
    const float *row = in + i / LANES * LANES;
    for (int k = 0; k < 16; k++)
      part[k] = row[2 * k + (i & 1)] - row[2 * k + !(i & 1)];
    assert_true(out[i] == tree(part, 16) / in[0]);
  }
}

/* Parts of eight simdgroups are added by a butterfly of three steps: what is
 * read with lane & 7 repeats. One with lane & 15 has two values. */
static void what_is_read_with_a_period_needs_few_steps(void **state) {
  assert_int_equal(vectors_in_run(
      KERNEL(SHARE "  x = s[lane & 7];\n" STEP(1) STEP(2) STEP(4)
             "  out[i] = x / in[0];\n")), 0);
  for (int i = 0; i < N; i++)
    assert_true(out[i] == tree(in + i / GROUP * GROUP, 8) / in[0]);
  assert_int_equal(vectors_in_run(
      KERNEL(SHARE "  x = s[lane & 15];\n" STEP(1) STEP(2) STEP(4)
             "  out[i] = x / in[0];\n")), 1);
  for (int i = 0; i < N; i++)
    assert_true(out[i] ==
                tree(in + i / GROUP * GROUP + (i & 8), 8) / in[0]);
}

/* As in layer norm: a quotient, a root and a reciprocal, behind a barrier. */
static void roots_and_casts_behind_a_barrier_are_scalar(void **state) {
  assert_int_equal(vectors_in_run(
      KERNEL(SHARE BUTTERFLY
             "  const float n = float(int(in[1] * 8.0f));\n"
             "  out[i] = s[63 - t] * precise::rsqrt(x / n + 1e-5f);\n")), 0);
  for (int i = 0; i < N; i++) {
    float sum = tree(in + i / LANES * LANES, LANES);
    float mean = sum / (float)(int)(in[1] * 8) + 1e-5f;
    float want = in[i / GROUP * GROUP + 63 - i % GROUP] *
                 (float)(1 / sqrt((double)mean));
    assert_true(out[i] == want);
  }
}

/* Some lanes take no part: those keep what they had. */
static void lanes_that_take_no_part_keep_their_values(void **state) {
  run(KERNEL(BUTTERFLY "  float y = in[i];\n"
             "  if (in[i] < 5.0f) y = x / in[0];\n  out[i] = y;\n"));
  for (int i = 0; i < N; i++)
    assert_true(out[i] == (in[i] < 5 ? tree(in + i / LANES * LANES, LANES) /
                                           in[0] : in[i]));
}

static void integers_are_divided_once_too(void **state) {
  run(KERNEL("  int k = int(x);\n"
             "  for (ushort b = 1; b < 32; b <<= 1)\n"
             "    k += simd_shuffle_xor(k, b);\n"
             "  out[i] = float(k / int(in[3]) + int(lane));\n"));
  for (int i = 0; i < N; i++) {
    int sum = 0;
    for (int l = 0; l < LANES; l++) sum += (int)in[i / LANES * LANES + l];
    assert_true(out[i] == (float)(sum / (int)in[3] + i % LANES));
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_butterfly_over_all_lanes_is_divided_once),
      cmocka_unit_test(a_butterfly_that_lacks_a_step_is_divided_in_every_lane),
      cmocka_unit_test(differences_are_not_the_same_in_both_lanes),
      cmocka_unit_test(what_is_read_with_a_period_needs_few_steps),
      cmocka_unit_test(roots_and_casts_behind_a_barrier_are_scalar),
      cmocka_unit_test(lanes_that_take_no_part_keep_their_values),
      cmocka_unit_test(integers_are_divided_once_too),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
