/* SPDX-License-Identifier: MIT */
/*
 * test_masks.c - conditions that all lanes of a simdgroup share at run time,
 * though not always: softmetal emits code for that case beside code under a
 * mask (emit_stmt.c), and decides from the lanes at both ends.
 *
 * Every kernel runs with bounds around each multiple of 32 and is compared
 * with a loop in C over the same threads.
 */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above */
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "../softmetal/exec/exec.h"
#include "support/soft_code.h"

#define HEAD "#include <metal_stdlib>\nusing namespace metal;\n" \
  "kernel void k(device const int *in [[buffer(0)]],\n" \
  "              device int *out [[buffer(1)]],\n" \
  "              constant int &n [[buffer(2)]],\n" \
  "              uint i [[thread_position_in_grid]],\n" \
  "              uint t [[thread_index_in_threadgroup]]) {\n"

enum { THREADS = 256, GROUP = 64, WORDS = 4 * THREADS, UNTOUCHED = -77 };

static int32_t in[WORDS], out[WORDS], want[WORDS];

/* What thread i does to want with the bound n. */
typedef void thread_in_c(int i, int n);

/* Groups of 64 threads, and of 48, which end in half a simdgroup. */
static void compare(const char *text, thread_in_c *thread) {
  static const int bounds[] = {-40, 0,  1,  2,   31,  32,  33,  47,  63, 64,
                               65,  95, 96, 127, 128, 200, 255, 256, 257,
                               1000, 4000};
  sm_code *code = soft_compile(text, NULL, NULL, NULL);
  for (int i = 0; i < WORDS; i++) in[i] = i * 7 - 300;
  for (uint32_t group = 48; group <= GROUP; group += 16)
    for (size_t b = 0; b < sizeof(bounds) / sizeof(*bounds); b++) {
      int32_t n = bounds[b];
      for (int i = 0; i < WORDS; i++) out[i] = want[i] = UNTOUCHED;
      for (int i = 0; i < THREADS; i++) thread(i, n);
      sm_dispatch d;
      memset(&d, 0, sizeof(d));
      d.code = code;
      d.grid_threads[0] = THREADS;
      d.group[0] = group;
      d.grid_threads[1] = d.grid_threads[2] = d.group[1] = d.group[2] = 1;
      void *memory[3] = {in, out, &n};
      size_t bytes[3] = {sizeof(in), sizeof(out), sizeof(n)};
      for (int i = 0; i < 3; i++) {
        d.buffers[i].pointer = memory[i];
        d.buffers[i].length = bytes[i];
      }
      char *error = NULL;
      if (sm_run(&d, &error) != SM_RUN_OK) fail_msg("%s", error);
      for (int i = 0; i < WORDS; i++)
        if (out[i] != want[i])
          fail_msg("bound %d, group %u, element %d: %d, expected %d", n,
                   group, i, out[i], want[i]);
    }
  sm_code_release(code);
}

/* ---- one mask, four elements a thread --------------------------------- */

static void masked_sum_in_c(int i, int n) {
  for (int k = 0; k < 4; k++) {
    int at = i * 4 + k;
    int x = i * 4 < n ? in[at] : 5, y = i * 4 < n ? in[at ^ 1] : 0;
    if (i * 4 < n) want[at] = x + y;
    else if (k == 0) want[at] = x + y + 1;
  }
}

static void load_add_store_under_one_mask(void **state) {
  compare(HEAD
      "  const int at = int(i * 4);\n"
      "  const bool mask = at < n;\n"
      "  const int4 x = mask ? *(device const int4 *)(in + at) : int4(5);\n"
      "  const int4 y = mask ? (*(device const int4 *)(in + at)).yxwz\n"
      "                      : int4(0);\n"
      "  if (mask) *(device int4 *)(out + at) = x + y;\n"
      "  else out[at] = x.x + y.x + 1;\n"
      "}\n", masked_sum_in_c);
}

/* ---- every comparison, lanes that count down, else branches ----------- */

static void comparisons_in_c(int i, int n) {
  int down = 100 - i, bits = 0;
  if (i < n) bits |= 1;
  if (i <= n) bits |= 2; else bits |= 4;
  if (i > n) bits |= 8;
  if (i >= n) bits |= 16; else bits |= 32;
  if (down < n) bits |= 64;
  if (n <= down) bits |= 128; else bits |= 256;
  if (down > n) bits |= 512;
  if (down * 3 >= n) bits |= 1024;
  want[i] = bits + in[i];
}

/* Loads in the branches: no selection without a branch. */
static void every_comparison_with_both_branches(void **state) {
  compare(HEAD
      "  const int j = int(i), down = 100 - j;\n"
      "  device const int *p = in + i;\n"
      "  int bits = 0, z = 0;\n"
      "  if (j < n) { bits |= 1; z += *p; }\n"
      "  if (j <= n) { bits |= 2; z += *p; } else { bits |= 4; z += *p; }\n"
      "  if (j > n) { bits |= 8; z -= *p; }\n"
      "  if (j >= n) { bits |= 16; z -= *p; } else { bits |= 32; z -= *p; }\n"
      "  if (down < n) { bits |= 64; z += *p; }\n"
      "  if (n <= down) { bits |= 128; z += *p; }\n"
      "  else { bits |= 256; z += *p; }\n"
      "  if (down > n) { bits |= 512; z -= *p; }\n"
      "  if (down * 3 >= n) { bits |= 1024; z -= *p; }\n"
      "  const int expected = (j < n ? *p : 0) + *p - (j > n ? *p : 0) - *p\n"
      "      + (down < n ? *p : 0) + *p - (down > n ? *p : 0)\n"
      "      - (down * 3 >= n ? *p : 0);\n"
      "  out[i] = bits + *p + (z - expected);\n"
      "}\n", comparisons_in_c);
}

/* ---- masks of masks --------------------------------------------------- */

static void combined_in_c(int i, int n) {
  int a = i < n, b = 2 * i < n + 100, c = i > 40;
  int v = 0;
  if (a && b) v += in[i];
  if (a || c) v += in[i + 1];
  if (!(b && !c)) v += in[i + 2];
  if (a && n > 64) v += in[i + 3];
  want[i] = v;
}

static void masks_are_combined(void **state) {
  compare(HEAD
      "  const int j = int(i);\n"
      "  const bool a = j < n, b = 2 * j < n + 100;\n"
      "  const bool c = j > 40;\n"
      "  const bool ab = a && b, ac = a || c, cb = !(b && !c);\n"
      "  int v = 0;\n"
      "  if (ab) v += in[i];\n"
      "  if (ac) v += in[i + 1];\n"
      "  if (cb) v += in[i + 2];\n"
      "  if (a && n > 64) v += in[i + 3];\n"
      "  out[i] = v;\n"
      "}\n", combined_in_c);
}

/* ---- what is twice ---------------------------------------------------- */

static void inner_in_c(int i, int n) {
  int sum = 0;
  if (i < n)
    for (int q = 0; q < i % 5 + 1; q++) {
      if (q == 3) continue;
      sum += in[(i + q) % WORDS];
    }
  want[i] = sum + in[i ^ 1];
}

/* Loops of lanes in the branch, and threadgroup memory declared behind the
 * mask, of which each thread reads its neighbour's. */
static void loops_and_threadgroup_memory_behind_a_mask(void **state) {
  compare(HEAD
      "  const bool mask = int(i) < n;\n"
      "  int sum = 0;\n"
      "  if (mask) {\n"
      "    for (uint q = 0; q < i % 5 + 1; q++) {\n"
      "      if (q == 3) continue;\n"
      "      sum += in[(i + q) % 1024];\n"
      "    }\n"
      "  }\n"
      "  threadgroup int s[64];\n"
      "  s[t] = mask ? in[i] : in[i];\n"
      "  simdgroup_barrier(mem_flags::mem_threadgroup);\n"
      "  sum += s[t ^ 1];\n"
      "  out[i] = sum;\n"
      "}\n", inner_in_c);
}

static void guarded_in_c(int i, int n) {
  if (i >= n) return;
  want[i] = in[i] * 2;
  if (2 * i >= n) return;
  want[i] += in[i + 5];
}

static void early_returns_behind_bounds(void **state) {
  compare(HEAD
      "  if (int(i) >= n) return;\n"
      "  out[i] = in[i] * 2;\n"
      "  if (2 * int(i) >= n) return;\n"
      "  out[i] += in[i + 5];\n"
      "}\n", guarded_in_c);
}

/* ---- numbers that wrap ------------------------------------------------ */

static void wrapped_in_c(int i, int n) {
  uint32_t far = (uint32_t)i + 0x7fffff90u;      /* turns negative */
  uint32_t low = (uint32_t)i - 100u;             /* starts below zero */
  uint32_t many = (uint32_t)i * 0x08000001u;
  int v = 0;
  if ((int32_t)far < n) v += in[i];
  if ((int32_t)low < n) v += in[i + 1];
  if (low < (uint32_t)n) v += in[i + 2];
  if (many < (uint32_t)n * 0x00400000u) v += in[i + 3];
  want[i] = v;
}

static void numbers_that_wrap_between_lanes(void **state) {
  compare(HEAD
      "  const uint far = i + 0x7fffff90u, low = i - 100u;\n"
      "  const uint many = i * 0x08000001u;\n"
      "  int v = 0;\n"
      "  if (int(far) < n) v += in[i];\n"
      "  if (int(low) < n) v += in[i + 1];\n"
      "  if (low < uint(n)) v += in[i + 2];\n"
      "  if (many < uint(n) * 0x00400000u) v += in[i + 3];\n"
      "  out[i] = v;\n"
      "}\n", wrapped_in_c);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(load_add_store_under_one_mask),
      cmocka_unit_test(every_comparison_with_both_branches),
      cmocka_unit_test(masks_are_combined),
      cmocka_unit_test(loops_and_threadgroup_memory_behind_a_mask),
      cmocka_unit_test(early_returns_behind_bounds),
      cmocka_unit_test(numbers_that_wrap_between_lanes),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
