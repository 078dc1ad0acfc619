/* SPDX-License-Identifier: MIT */
/*
 * test_regions.c - kernels with barriers, both ways of running them: cut into
 * regions that are looped over simdgroups (softmetal/exec/emit_region.c), and
 * as coroutines, which SOFTMETAL_BARRIERS=coroutines asks for.
 *
 * Every kernel runs both ways, with checks and without, in order and in
 * shuffled order, and is compared with a loop in C that knows no barriers.
 */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above */
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../softmetal/exec/frame.h"
#include "support/soft_code.h"

#define HEAD "#include <metal_stdlib>\nusing namespace metal;\n"
#define BARRIER "threadgroup_barrier(mem_flags::mem_threadgroup);\n"

/* ---- harness ---------------------------------------------------------- */

static sm_code *compile(const char *text, bool regions,
                        const sm_code_options *options) {
  if (regions) unsetenv("SOFTMETAL_BARRIERS");
  else setenv("SOFTMETAL_BARRIERS", "coroutines", 1);
  sm_code *code = soft_compile(text, options, NULL, NULL);
  unsetenv("SOFTMETAL_BARRIERS");
  return code;
}

typedef struct memory { /* buffers 0 and 1 */
  const void *in;
  size_t in_bytes;
  int32_t *out;
  uint32_t n; /* of out */
} memory;

static sm_dispatch grid(const sm_code *code, const memory *m,
                        uint64_t threads, uint32_t group) {
  sm_dispatch d;
  memset(&d, 0, sizeof(d));
  d.code = code;
  d.grid_threads[0] = threads;
  d.grid_threads[1] = d.grid_threads[2] = 1;
  d.group[0] = group;
  d.group[1] = d.group[2] = 1;
  d.buffers[0].pointer = (void *)(uintptr_t)m->in;
  d.buffers[0].length = m->in_bytes;
  d.buffers[1].pointer = m->out;
  d.buffers[1].length = m->n * sizeof(*m->out);
  return d;
}

/* Runs the kernel in every way and compares out with want each time. */
static void run_all_ways(const char *text, const memory *m, uint64_t threads,
                         uint32_t group, const int32_t *want) {
  for (int way = 0; way < 4; way++) {
    sm_code_options options = {.check = way / 2 != 0};
    sm_code *code = compile(text, way % 2 == 0, &options);
    assert_int_equal(code->meta->record_bytes != 0, way % 2 == 0);
    for (uint64_t shuffle = 0; shuffle < 3; shuffle++) {
      char *error = NULL;
      memset(m->out, 0x55, m->n * sizeof(*m->out));
      sm_dispatch d = grid(code, m, threads, group);
      d.shuffle_seed = shuffle * 12345u;
      if (sm_run(&d, &error) != SM_RUN_OK)
        fail_msg("way %d: %s", way, error);
      for (uint32_t i = 0; i < m->n; i++)
        if (m->out[i] != want[i])
          fail_msg("way %d, shuffle %d, element %u: %d, expected %d", way,
                   (int)shuffle, i, m->out[i], want[i]);
    }
    sm_code_release(code);
  }
}

static int32_t *numbers(uint32_t n, uint32_t seed) {
  int32_t *x = malloc(n * sizeof(*x));
  assert_non_null(x);
  for (uint32_t i = 0; i < n; i++) {
    seed = seed * 1664525u + 1013904223u;
    x[i] = (int32_t)(seed >> 16) % 1000 - 500;
  }
  return x;
}

static int32_t *zeros(uint32_t n) {
  int32_t *x = calloc(n, sizeof(*x));
  assert_non_null(x);
  return x;
}

/* in and out of `threads` ints each. want is filled by the caller. */
#define DATA(threads)                                                 \
  int32_t *in = numbers(threads, 7), *out = zeros(threads),           \
          *want = zeros(threads);                                     \
  memory m = {in, (threads) * sizeof(*in), out, threads}
#define END() (free(in), free(out), free(want))

#define PARAMS                                                        \
  "kernel void k(device const int *in [[buffer(0)]],\n"               \
  "              device int *out [[buffer(1)]],\n"                    \
  "              uint i [[thread_position_in_grid]],\n"               \
  "              uint group [[threadgroup_position_in_grid]],\n"      \
  "              uint n [[threads_per_threadgroup]],\n"               \
  "              uint t [[thread_index_in_threadgroup]]) {\n"

/* ---- what goes across ------------------------------------------------- */

/* Each thread sees what the thread at the other end of its group wrote. Edge
 * groups end in a simdgroup of 9 threads. */
static void threadgroup_memory_and_partial_simdgroups(void **state) {
  enum { N = 489, GROUP = 96 };
  DATA(N);
  for (int i = 0; i < N; i++) {
    int first = i / GROUP * GROUP;
    int n = N - first < GROUP ? N - first : GROUP;
    want[i] = in[first + n - 1 - (i - first)] * 2 + in[i];
  }
  run_all_ways(HEAD PARAMS
      "  threadgroup int s[96];\n"
      "  const int mine = in[i];\n"
      "  s[t] = mine * 2;\n" BARRIER
      "  out[i] = s[n - 1 - t] + mine;\n"
      "}\n", &m, N, GROUP, want);
  END();
}

/* bool, half, 64 bits, structs, vectors, pointers and an array that is
 * indexed at run time are all needed behind the barrier. */
static void values_of_every_kind_cross(void **state) {
  enum { N = 256, GROUP = 64 };
  DATA(N);
  for (int i = 0; i < N; i++) {
    int x = in[i], mate = in[i / GROUP * GROUP + (i % GROUP ^ 33)];
    int64_t big = (int64_t)x * 4294967296;
    want[i] = (x > 0 ? 1000 : 0) + (x % 64) * 2 + (int)(big >> 32) +
              (x + 1) + 3 * x + in[i] + (x + (mate & 3)) + mate;
  }
  run_all_ways(HEAD
      "struct pair { int a; short b; };\n" PARAMS
      "  threadgroup int s[64];\n"
      "  const int x = in[i];\n"
      "  const bool positive = x > 0;\n"
      "  const half h = half(x % 64);\n"
      "  const long big = long(x) * 4294967296l;\n"
      "  pair p = {x + 1, short(3 * x)};\n"
      "  const int4 v = int4(x, x + 1, x + 2, x + 3);\n"
      "  int table[4];\n"
      "  for (int q = 0; q < 4; q++) table[q] = x + q;\n"
      "  device const int *at = in + i;\n"
      "  s[t] = x;\n" BARRIER
      "  const int mate = s[t ^ 33];\n"
      "  int sum = positive ? 1000 : 0;\n"
      "  sum += int(h * 2.0h) + int(big >> 32) + p.a + p.b + *at;\n"
      "  sum += table[mate & 3] + (v.w - 3 - x) + mate;\n"
      "  out[i] = sum;\n"
      "}\n", &m, N, GROUP, want);
  END();
}

static void simdgroup_matrices_cross(void **state) {
  enum { N = 128 }; /* 4 simdgroups; each gives 32 of 64 elements */
  float in[64];
  int32_t *out = zeros(N), *want = zeros(N);
  for (int i = 0; i < 64; i++) in[i] = (float)(i % 7 - 3);
  memory m = {in, sizeof(in), out, N};
  for (int s = 0; s < 4; s++)
    for (int l = 0; l < 32; l++) {
      double sum = 0; /* row 0..3 of in * (in + s) of simdgroup 3 - s */
      for (int k = 0; k < 8; k++)
        sum += (double)in[l / 8 * 8 + k] * ((double)in[k * 8 + l % 8] + 3 - s);
      want[s * 32 + l] = (int32_t)sum;
    }
  run_all_ways(HEAD
      "kernel void k(device const float *in [[buffer(0)]],\n"
      "              device int *out [[buffer(1)]],\n"
      "              uint t [[thread_index_in_threadgroup]],\n"
      "              uint lane [[thread_index_in_simdgroup]],\n"
      "              uint s [[simdgroup_index_in_threadgroup]]) {\n"
      "  threadgroup float tile[4][64];\n"
      "  simdgroup_float8x8 a, b, c;\n"
      "  simdgroup_load(a, in, 8);\n"
      "  tile[s][lane] = in[lane] + float(s);\n"
      "  tile[s][lane + 32] = in[lane + 32] + float(s);\n" BARRIER
      "  simdgroup_load(b, tile[3 - s], 8);\n" BARRIER
      "  simdgroup_multiply(c, a, b);\n"
      "  simdgroup_store(c, tile[s], 8);\n" BARRIER
      "  out[t] = int(tile[s][lane]);\n"
      "}\n", &m, N, N, want);
  free(out), free(want);
}

/* ---- control flow ----------------------------------------------------- */

/* A sum over the group by halves, 1024 threads: all 32 simdgroups. */
static void barrier_in_a_loop(void **state) {
  enum { N = 2048, GROUP = 1024 };
  DATA(N);
  for (int i = 0; i < N; i++) {
    int sum = 0;
    for (int k = 0; k < GROUP; k++) sum += in[i / GROUP * GROUP + k];
    want[i] = sum;
  }
  run_all_ways(HEAD PARAMS
      "  threadgroup int s[1024];\n"
      "  s[t] = in[i];\n" BARRIER
      "  for (uint d = n / 2; d > 0; d >>= 1) {\n"
      "    if (t < d) s[t] += s[t + d];\n" BARRIER
      "  }\n"
      "  out[i] = s[0];\n"
      "}\n", &m, N, GROUP, want);
  END();
}

/* Scan by doubling: two barriers a trip, one of them at the end of the loop,
 * which continues and breaks under conditions that all share; what is made
 * in an inner loop without barriers is needed behind one. */
static void loops_with_breaks_around_barriers(void **state) {
  enum { N = 300, GROUP = 100 };
  DATA(N);
  for (int i = 0; i < N; i++) {
    int sum = 0;
    for (int k = i / GROUP * GROUP; k <= i; k++) sum += in[k];
    want[i] = sum + 6; /* of the inner loops */
  }
  run_all_ways(HEAD PARAMS
      "  threadgroup int s[100];\n"
      "  int sum = in[i], extra = 0;\n"
      "  s[t] = sum;\n"
      "  for (uint d = 1, trip = 0;; d *= 2, trip++) {\n" BARRIER
      "    if (d >= n) break;\n"
      "    int inner = 0;\n"
      "    for (uint q = 0; q < trip; q++) inner += in[0] ? 1 : 1;\n"
      "    if (t >= d) sum += s[t - d];\n" BARRIER
      "    s[t] = sum;\n"
      "    if (trip > 3) continue;\n"
      "    extra += inner;\n"
      "  }\n"
      "  out[i] = sum + extra;\n"
      "}\n", &m, N, GROUP, want);
  END();
}

static void barrier_under_conditions_that_all_share(void **state) {
  enum { N = 384, GROUP = 96 };
  DATA(N);
  for (int i = 0; i < N; i++) {
    int group = i / GROUP, t = i % GROUP, x = in[i];
    int turned = in[group * GROUP + GROUP - 1 - t];
    if (group % 2 == 0) x += turned;
    else if (group == 1) x -= turned;
    want[i] = x * 3;
  }
  run_all_ways(HEAD PARAMS
      "  threadgroup int s[96];\n"
      "  int x = in[i];\n"
      "  const int factor = in[0] ? 3 : 3;\n"
      "  s[t] = x;\n"
      "  if (group % 2 == 0) {\n" BARRIER
      "    x += s[n - 1 - t];\n"
      "  } else {\n"
      "    switch (group) {\n"
      "    case 1:\n" BARRIER
      "      x -= s[n - 1 - t];\n"
      "      break;\n"
      "    default: break;\n"
      "    }\n"
      "  }\n"
      "  out[i] = x * factor;\n"
      "}\n", &m, N, GROUP, want);
  END();
}

/* Whole groups return, and in one group whole simdgroups and lanes of one:
 * those that are left meet at the barrier. */
static void early_returns_before_a_barrier(void **state) {
  enum { N = 384, GROUP = 96 };
  DATA(N);
  for (int i = 0; i < N; i++) {
    int group = i / GROUP, t = i % GROUP;
    want[i] = 0x55555555;
    if (group == 2) continue;
    if (group == 1 && t >= 40) continue;
    want[i] = in[group * GROUP + (t ^ 1)];
  }
  const char *text = HEAD PARAMS
      "  threadgroup int s[96];\n"
      "  if (group == 2) return;\n"
      "  s[t] = in[i];\n"
      "  if (group == 1 && t >= 40) return;\n" BARRIER
      "  out[i] = s[t ^ 1];\n"
      "}\n";
  for (int regions = 0; regions < 2; regions++) {
    sm_code *code = compile(text, regions, NULL);
    char *error = NULL;
    memset(out, 0x55, N * sizeof(*out));
    sm_dispatch d = grid(code, &m, N, GROUP);
    if (sm_run(&d, &error) != SM_RUN_OK) fail_msg("%s", error);
    assert_memory_equal(out, want, N * sizeof(*out));
    sm_code_release(code);
  }
  END();
}

/* The helper is called twice, so its barrier exists twice. */
static void barrier_in_a_helper_function(void **state) {
  enum { N = 256, GROUP = 128 };
  DATA(N);
  for (int i = 0; i < N; i++) {
    int sum = 0, first = i / GROUP * GROUP;
    for (int k = 0; k < GROUP; k++) sum += in[first + k];
    want[i] = sum * 2 + in[i];
  }
  run_all_ways(HEAD
      "static int group_sum(int x, threadgroup int *part, uint lane,\n"
      "                     uint s, uint count) {\n"
      "  const int all = simd_sum(x);\n"
      "  if (lane == 0) part[s] = all;\n" BARRIER
      "  int sum = 0;\n"
      "  for (uint k = 0; k < count; k++) sum += part[k];\n" BARRIER
      "  return sum;\n"
      "}\n"
      "kernel void k(device const int *in [[buffer(0)]],\n"
      "              device int *out [[buffer(1)]],\n"
      "              uint i [[thread_position_in_grid]],\n"
      "              uint lane [[thread_index_in_simdgroup]],\n"
      "              uint s [[simdgroup_index_in_threadgroup]],\n"
      "              uint count [[simdgroups_per_threadgroup]]) {\n"
      "  threadgroup int part[4];\n"
      "  const int x = in[i];\n"
      "  int sum = group_sum(x, part, lane, s, count);\n"
      "  sum += group_sum(x, part, lane, s, count);\n"
      "  out[i] = sum + x;\n"
      "}\n", &m, N, GROUP, want);
  END();
}

/* Two-dimensional groups whose rows are no simdgroups. */
static void groups_that_are_no_lines(void **state) {
  enum { N = 40 * 6 };
  DATA(N);
  for (int i = 0; i < N; i++) { /* 10 x 6 threads a group, 4 groups in a row */
    int x = i % 40, y = i / 40, group = x / 10;
    want[i] = in[(5 - y) * 40 + group * 10 + 9 - x % 10];
  }
  const char *text = HEAD
      "kernel void k(device const int *in [[buffer(0)]],\n"
      "              device int *out [[buffer(1)]],\n"
      "              uint2 g [[thread_position_in_grid]],\n"
      "              uint2 t [[thread_position_in_threadgroup]]) {\n"
      "  threadgroup int s[6][10];\n"
      "  s[t.y][t.x] = in[g.y * 40 + g.x];\n" BARRIER
      "  out[g.y * 40 + g.x] = s[5 - t.y][9 - t.x];\n"
      "}\n";
  for (int regions = 0; regions < 2; regions++) {
    sm_code *code = compile(text, regions, NULL);
    char *error = NULL;
    sm_dispatch d = grid(code, &m, 40, 10);
    d.grid_threads[1] = d.group[1] = 6;
    if (sm_run(&d, &error) != SM_RUN_OK) fail_msg("%s", error);
    assert_memory_equal(out, want, N * sizeof(*out));
    sm_code_release(code);
  }
  END();
}

/* ---- what is wrong is found ------------------------------------------- */

static void expect_failure(const char *text, uint32_t group, bool check,
                           sm_run_status status, const char *word1,
                           const char *word2) {
  DATA(256);
  for (int regions = 0; regions < 2; regions++) {
    sm_code_options options = {.check = check};
    sm_code *code = compile(text, regions, &options);
    sm_dispatch d = grid(code, &m, 256, group);
    d.deadline_ns = 200000000;
    char *error = NULL;
    assert_int_equal(sm_run(&d, &error), status);
    if (!strstr(error, word1) || !strstr(error, word2))
      fail_msg("message lacks '%s' or '%s': %s", word1, word2, error);
    free(error);
    sm_code_release(code);
  }
  END();
}

static void divergent_barriers_are_reported(void **state) {
  expect_failure(HEAD PARAMS /* the body starts in line 9 */
      "  if (t < 40) {\n" BARRIER "  }\n  out[i] = 1;\n}\n",
      64, false, SM_RUN_DIVERGED, "line 10", "lanes");
  expect_failure(HEAD PARAMS
      "  if (t < 32) {\n" BARRIER "  } else {\n" BARRIER "  }\n"
      "  out[i] = 1;\n}\n",
      64, false, SM_RUN_DIVERGED, "line 10", "line 12");
  expect_failure(HEAD PARAMS
      "  if (t >= 32) return;\n" BARRIER "  out[i] = 1;\n}\n",
      64, true, SM_RUN_DIVERGED, "1 of 2 simdgroups", "line 10");
}

static void missing_barrier_is_a_race(void **state) {
  expect_failure(HEAD PARAMS
      "  threadgroup int s[64];\n"
      "  s[t] = in[i];\n" BARRIER
      "  int x = s[t ^ 32];\n"
      "  s[t] = x;\n"
      "  out[i] = x;\n"
      "}\n", 64, true, SM_RUN_FAULT, "race on threadgroup memory",
      "simdgroup 1");
}

static void endless_loop_with_a_barrier_meets_its_deadline(void **state) {
  expect_failure(HEAD PARAMS
      "  while (in[0] != 12345) {\n" BARRIER "  }\n  out[i] = 1;\n}\n",
      64, false, SM_RUN_TIMEOUT, "within 200 ms", "kernel k");
}

/* A bad access is laid to the simdgroup that makes it. */
static void faults_name_the_simdgroup(void **state) {
  expect_failure(HEAD PARAMS BARRIER
      "  out[t == 70 ? 5000 : i] = 1;\n}\n", 128, true, SM_RUN_FAULT,
      "thread (70, 0, 0)", "simdgroup 2");
}

/* Counters are those of the source, however it runs. */
static void counters_are_the_same_both_ways(void **state) {
  enum { N = 256, GROUP = 96 };
  DATA(N);
  softmetal_counters counted[2];
  for (int regions = 0; regions < 2; regions++) {
    sm_code_options options = {.counters = true};
    sm_code *code = compile(HEAD PARAMS
        "  threadgroup int s[96];\n"
        "  s[t] = in[i];\n" BARRIER
        "  for (uint d = 1; d < 8; d *= 2) {\n"
        "    const int x = t >= d ? s[t - d] : 0;\n" BARRIER
        "    s[t] += x;\n" BARRIER
        "  }\n"
        "  out[i] = s[t];\n"
        "}\n", regions, &options);
    sm_dispatch d = grid(code, &m, N, GROUP);
    d.counters = &counted[regions];
    char *error = NULL;
    if (sm_run(&d, &error) != SM_RUN_OK) fail_msg("%s", error);
    sm_code_release(code);
  }
  assert_memory_equal(&counted[0], &counted[1], sizeof(counted[0]));
  assert_int_equal(counted[0].threadgroups, 3);
  END();
}

/* 12 KB a thread, 384 KB a simdgroup: too much for records. */
static void large_locals_are_left_to_coroutines(void **state) {
  enum { N = 64 };
  DATA(N);
  for (int i = 0; i < N; i++) want[i] = in[i ^ 32] + (i & 3) + i;
  const char *text = HEAD PARAMS
      "  threadgroup int s[64];\n"
      "  int table[3000];\n"
      "  for (int q = 0; q < 3000; q++) table[q] = q + int(t);\n"
      "  s[t] = in[i];\n" BARRIER
      "  out[i] = s[t ^ 32] + table[(t & 3) + (in[0] ? 0 : 0)];\n"
      "}\n";
  sm_code *code = compile(text, true, NULL);
  assert_int_equal(code->meta->record_bytes, 0);
  char *error = NULL;
  sm_dispatch d = grid(code, &m, N, N);
  if (sm_run(&d, &error) != SM_RUN_OK) fail_msg("%s", error);
  assert_memory_equal(out, want, N * sizeof(*out));
  sm_code_release(code);
  END();
}

/* ---- what loops carry --------------------------------------------------- */

#define AHEAD(late)                                                   \
  HEAD PARAMS                                                         \
  "  threadgroup int s[96];\n"                                        \
  "  int x = in[i], sum = 0;\n"                                       \
  "  for (uint k = 0; k < 5; k++) {\n" BARRIER                        \
  "    s[t] = x;\n"                                                   \
  "    const int next = in[(i + k * 7) % 192];\n" BARRIER             \
  "    sum = sum * 3 + s[n - 1 - t] + " late ";\n"                    \
  "    x = next;\n"                                                   \
  "  }\n"                                                             \
  "  out[i] = sum + x;\n"                                             \
  "}\n"

/* What an iteration loads for the next one takes the place of what it was
 * given, unless that is still needed. */
static void values_that_are_loaded_ahead(void **state) {
  enum { N = 192, GROUP = 96 };
  DATA(N);
  uint32_t bytes[2];
  for (int late = 0; late < 2; late++) {
    const char *text = late ? AHEAD("x") : AHEAD("next");
    for (int i = 0; i < N; i++) {
      int first = i / GROUP * GROUP, other = first + GROUP - 1 - i % GROUP;
      int x = in[i], theirs = in[other], sum = 0;
      for (int k = 0; k < 5; k++) {
        int next = in[(i + k * 7) % N];
        sum = sum * 3 + theirs + (late ? x : next);
        x = next;
        theirs = in[(other + k * 7) % N];
      }
      want[i] = sum + x;
    }
    run_all_ways(text, &m, N, GROUP, want);
    sm_code *code = compile(text, true, NULL);
    bytes[late] = code->meta->record_bytes;
    sm_code_release(code);
  }
  assert_true(bytes[0] < bytes[1]);
  END();
}

/* Each of two values becomes the other one. */
static void values_that_change_places(void **state) {
  enum { N = 128, GROUP = 64 };
  DATA(N);
  for (int i = 0; i < N; i++) {
    int first = i / GROUP * GROUP, other = first + GROUP - 1 - i % GROUP;
    int a = in[i], b = i, p = in[other], q = other;
    for (int k = 0; k < 6; k++) {
      int c = a + q, d = p + b;
      a = b, b = c, p = q, q = d;
    }
    want[i] = a * 3 + b;
  }
  run_all_ways(HEAD PARAMS
      "  threadgroup int s[64];\n"
      "  int a = in[i], b = int(i);\n"
      "  for (int k = 0; k < 6; k++) {\n" BARRIER
      "    s[t] = b;\n" BARRIER
      "    const int c = a + s[n - 1 - t];\n" BARRIER
      "    a = b;\n"
      "    b = c;\n"
      "  }\n"
      "  out[i] = a * 3 + b;\n"
      "}\n", &m, N, GROUP, want);
  END();
}

/* The inner loop starts from what the outer one carries, which is needed
 * again behind it; some iterations hand on what they were given. */
static void values_that_nested_loops_carry(void **state) {
  enum { N = 128, GROUP = 64 };
  DATA(N);
  for (int g = 0; g < N; g += GROUP) {
    int x[GROUP], y[GROUP], old[GROUP];
    for (int t = 0; t < GROUP; t++) x[t] = in[g + t];
    for (int o = 0; o < 3; o++) {
      for (int t = 0; t < GROUP; t++) y[t] = x[t];
      for (int k = 0; k < 4; k++) {
        if (k == 2 - o) continue;
        memcpy(old, y, sizeof old);
        for (int t = 0; t < GROUP; t++)
          y[t] = old[t] * 2 + k - old[GROUP - 1 - t];
      }
      for (int t = 0; t < GROUP; t++) x[t] = x[t] * 3 + y[t];
    }
    for (int t = 0; t < GROUP; t++) want[g + t] = x[t] - y[t];
  }
  run_all_ways(HEAD PARAMS
      "  threadgroup int s[64];\n"
      "  int x = in[i], y = 0;\n"
      "  for (int o = 0; o < 3; o++) {\n"
      "    y = x;\n"
      "    for (int k = 0; k < 4; k++) {\n"
      "      if (k == 2 - o) continue;\n" BARRIER
      "      s[t] = y;\n"
      "      const int next = y * 2 + k;\n" BARRIER
      "      y = next - s[n - 1 - t];\n"
      "    }\n" BARRIER
      "    x = x * 3 + y;\n"
      "  }\n"
      "  out[i] = x - y;\n"
      "}\n", &m, N, GROUP, want);
  END();
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(threadgroup_memory_and_partial_simdgroups),
      cmocka_unit_test(values_of_every_kind_cross),
      cmocka_unit_test(simdgroup_matrices_cross),
      cmocka_unit_test(barrier_in_a_loop),
      cmocka_unit_test(loops_with_breaks_around_barriers),
      cmocka_unit_test(barrier_under_conditions_that_all_share),
      cmocka_unit_test(early_returns_before_a_barrier),
      cmocka_unit_test(barrier_in_a_helper_function),
      cmocka_unit_test(groups_that_are_no_lines),
      cmocka_unit_test(divergent_barriers_are_reported),
      cmocka_unit_test(missing_barrier_is_a_race),
      cmocka_unit_test(endless_loop_with_a_barrier_meets_its_deadline),
      cmocka_unit_test(faults_name_the_simdgroup),
      cmocka_unit_test(counters_are_the_same_both_ways),
      cmocka_unit_test(large_locals_are_left_to_coroutines),
      cmocka_unit_test(values_that_are_loaded_ahead),
      cmocka_unit_test(values_that_change_places),
      cmocka_unit_test(values_that_nested_loops_carry),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
