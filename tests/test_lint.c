/* SPDX-License-Identifier: MIT */
/*
 * test_lint.c - the checker of emitted MSL: each rule has a text that breaks
 * it and one that nearly does. The texts are written by hand.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../lib/msl/msl.h"
#include "fuzz/msl_mutate.h"

#define PRELUDE "#include <metal_stdlib>\nusing namespace metal;\n"
#define STRUCT "struct k_args {\n  int n;\n};\n"
#define BOUND "[[max_total_threads_per_threadgroup(128)]]\n"
#define HEAD                                                \
  "kernel void k(device float *x [[buffer(0)]],\n"          \
  "    device const float *y [[buffer(1)]],\n"              \
  "    constant k_args &args [[buffer(2)]],\n"              \
  "    uint3 program_id [[threadgroup_position_in_grid]],\n"\
  "    uint tid [[thread_index_in_threadgroup]],\n"         \
  "    uint lane [[thread_index_in_simdgroup]]) {\n"
#define BEFORE PRELUDE STRUCT BOUND HEAD
#define BARRIER "threadgroup_barrier(mem_flags::mem_threadgroup);\n"

static tm_msl_arg args[3] = {
  {"x", TM_ARG_BUFFER, TM_F32, 0, 0, false, true},
  {"y", TM_ARG_BUFFER, TM_F32, 1, 0, true, false},
  {"n", TM_ARG_SCALAR, TM_I32, 0, 0, false, false},
};
static const char *uniform_names[] = {"total"};
static tm_msl_tile tiles[] = {
  {"t", 0, 512, false}, {"u", 512, 512, false}, {"v", 0, 1024, false},
  {"s", 0, 512, true}, {"c", 0, 64, true}, {"d", 64, 64, true}
};
/* Lines at which a step begins; 0: after the last of them. */
static uint32_t steps[4], n_steps, threads = 128, slot = 1;

/* What lint says of text; bytes of threadgroup memory are declared. */
static char *said(const char *text, uint32_t bytes, bool with_tiles) {
  tm_arena arena;
  tm_arena_init(&arena, 0);
  jmp_buf guard;
  if (!tm_arena_guard(&arena, guard)) fail_msg("out of memory");
  tm_diags diags;
  tm_diags_init(&diags, &arena);
  args[1].slot = slot;
  tm_msl msl = {.text = text, .entry = "k", .args = args, .n_args = 3,
                .scalars_slot = 2, .scalars_size = 4, .threads = threads,
                .threadgroup_bytes = bytes, .uniform = uniform_names,
                .n_uniform = 1, .tiles = with_tiles ? tiles : NULL,
                .n_tiles = with_tiles ? TM_COUNT(tiles) : 0,
                .steps = steps, .n_steps = n_steps};
  bool fine = tm_msl_lint(&msl, tm_chip_by_name("m1"), &diags);
  assert_int_equal(fine, diags.errors == 0);
  tm_buf buf = tm_buf_in(&arena);
  for (uint32_t i = 0; i < diags.list.len; i++) {
    assert_int_equal(diags.list.data[i].kind, TM_DIAG_INTERNAL);
    tm_buf_printf(&buf, "%s\n", diags.list.data[i].message);
  }
  char *copy = malloc(buf.len + 1);
  memcpy(copy, tm_buf_text(&buf), buf.len + 1);
  tm_arena_free(&arena);
  return copy;
}

static void expect_rule(const char *text, const char *rule, uint32_t bytes,
                        bool with_tiles) {
  char *got = said(text, bytes, with_tiles);
  char want[64];
  snprintf(want, sizeof want, "rule %s:", rule);
  if (!strstr(got, want)) fail_msg("no %s in:\n%s\n%s", want, got, text);
  free(got);
}

static void expect_fine(const char *text, uint32_t bytes, bool with_tiles) {
  char *got = said(text, bytes, with_tiles);
  if (got[0]) fail_msg("said:\n%s\nof\n%s", got, text);
  free(got);
}

#define BROKEN(rule, body) expect_rule(BEFORE body "}\n", rule, 0, false)
#define FINE(body) expect_fine(BEFORE body "}\n", 0, false)
/* With one array of 128 floats, t. */
#define ARRAY "threadgroup float t[128];\n"
#define T_BROKEN(rule, body) \
  expect_rule(BEFORE ARRAY body "}\n", rule, 512, false)
#define T_FINE(body) expect_fine(BEFORE ARRAY body "}\n", 512, false)
/* With an array of 128 atomics, c. */
#define ATOMICS "threadgroup atomic_int c[128];\n"
#define A_BROKEN(rule, body) \
  expect_rule(BEFORE ATOMICS body "}\n", rule, 512, false)
#define A_FINE(body) expect_fine(BEFORE ATOMICS body "}\n", 512, false)
/* With a pool and tiles t and u next to each other, v over both. */
#define POOL                                                       \
  "threadgroup float4 pool[64];\n"                                 \
  "threadgroup float *const t = (threadgroup float *)pool;\n"      \
  "threadgroup float *const u = (threadgroup float *)(pool + 32);\n" \
  "threadgroup float *const v = (threadgroup float *)pool;\n"
#define P_BROKEN(rule, body) \
  expect_rule(BEFORE POOL body "}\n", rule, 1024, true)
#define P_FINE(body) expect_fine(BEFORE POOL body "}\n", 1024, true)

static uint32_t line_of(const char *text, const char *what) {
  uint32_t line = 1;
  for (const char *end = strstr(text, what); text < end; text++)
    line += *text == '\n';
  return line;
}

/* ---- each quirk, broken and not --------------------------------------- */

/* METAL-FACTS 6, the rules marked lint: for each a text that breaks it and a
 * twin that differs in the quirk alone. */
typedef struct quirk {
  int number;
  const char *rule, *broken, *fine;
  uint32_t bytes;      /* of threadgroup memory, declared */
  bool tiles;
  uint32_t threads, broken_slot, fine_slot; /* 0: 128, and buffer 1 */
  uint32_t fine_bytes; /* of the twin, if it has others */
} quirk;

#define K(body) BEFORE body "}\n"
#define KT(body) BEFORE ARRAY body "}\n"
#define KP(body) BEFORE POOL body "}\n"
#define BOUND_OF(n) \
  PRELUDE STRUCT "[[max_total_threads_per_threadgroup(" #n ")]]\n" HEAD "}\n"
#define PARAMETERS(second, more)                                       \
  PRELUDE STRUCT BOUND "kernel void k(device float *x [[buffer(0)]],\n" \
  "device const float *y [[buffer(" second ")]],\n"                   \
  "constant k_args &args [[buffer(2)]]" more ") {\n"

static const quirk quirks[] = {
  {1, "counter", K("for (long i = 0; i < 4; ++i) { x[i] = 0.0f; }\n"),
   K("for (int i = 0; i < 4; ++i) { x[i] = 0.0f; }\n"), .tiles = false},
  {1, "counter", K("long i = 0;\nfor (; i < 4; ++i) { x[i] = 0.0f; }\n"),
   K("int i = 0;\nfor (; i < 4; ++i) { x[i] = 0.0f; }\n"), .tiles = false},
  {1, "counter", K("long i = 0;\nwhile (i < 4) { x[i] = 0.0f; i += 1; }\n"),
   K("int i = 0;\nwhile (i < 4) { x[i] = 0.0f; i += 1; }\n"),
   .tiles = false},
  {1, "counter", K("ulong i = 4;\nwhile (i-- > 0) { x[i] = 0.0f; }\n"),
   K("uint i = 4;\nwhile (i-- > 0) { x[i] = 0.0f; }\n"), .tiles = false},
  /* The bound may be wide, the body may have what it likes. */
  {1, "counter", K("long n = 4, i = 0;\nwhile (i < n) { i = i + 1; n--; }\n"),
   K("long n = 4, s = 0;\nint i = 0;\nwhile (i < n) { i = i + 1; s--; }\n"),
   .tiles = false},
  {2, "thread-bound", BOUND_OF(32), BOUND_OF(64), .threads = 32},
  {3, "threadgroup-parameter",
   PARAMETERS("1", ", threadgroup float *t [[threadgroup(0)]]") "}\n",
   PARAMETERS("1", "") "threadgroup float t[128];\n}\n", .fine_bytes = 512},
  {7, "tile-load", KT("if (lane < 4) { x[0] = t[lane]; }\n"),
   KT("const float a = t[lane];\nif (lane < 4) { x[0] = a; }\n"), .bytes = 512},
  {7, "tile-load", KT("x[0] = lane < 4 ? t[lane] : 0.0f;\n"),
   KT("const float a = t[lane];\nx[0] = lane < 4 ? a : 0.0f;\n"), .bytes = 512},
  {7, "tile-load", KT("const bool a = lane < 4 && t[lane] > 0.0f;\n"),
   KT("const float b = t[lane];\nconst bool a = lane < 4 && b > 0.0f;\n"),
   .bytes = 512},
  {7, "tile-load", KT("for (uint i = lane; i < 4; ++i) { x[i] = t[i]; }\n"),
   KT("for (uint i = 0; i < 4; ++i) { x[i] = t[i]; }\n"), .bytes = 512},
  {11, "aggregate", K("float a[1][2] = {{0.0f, 1.0f}};\nx[0] = a[0][1];\n"),
   K("float a[2] = {0.0f, 1.0f};\nx[0] = a[1];\n"), .tiles = false},
  {11, "size", K("#pragma unroll\nfor (int i = 0; i < 100001; ++i) { x[i] = "
                 "0.0f; }\n"),
   K("#pragma unroll\nfor (int i = 0; i < 50000; ++i) { x[i] = 0.0f; }\n"),
   .tiles = false},
  {13, "threadgroup-bytes", K("threadgroup float t[8193];\n"),
   K("threadgroup float t[8192];\n"), .bytes = 32772, .fine_bytes = 32768},
  {14, "threadgroup-variable",
   K("threadgroup float t[64];\nthreadgroup float u[64];\n"),
   K("threadgroup float t[128];\n"), .bytes = 512},
  {14, "tile-hazard",
   KP("t[tid] = 1.0f;\n" BARRIER "const float a = t[0];\nv[tid] = 2.0f;\n"),
   KP("t[tid] = 1.0f;\n" BARRIER "const float a = t[0];\n" BARRIER
      "v[tid] = 2.0f;\n"), .bytes = 1024, .tiles = true},
  {16, "buffers", PARAMETERS("31", "") "}\n", PARAMETERS("30", "") "}\n",
   .broken_slot = 31, .fine_slot = 30},
  {16, "buffers", PARAMETERS("1", ", constant int &n [[buffer(3)]]")
   "x[0] = n;\n}\n", PARAMETERS("1", "") "x[0] = args.n;\n}\n",
   .tiles = false},
  {20, "barrier", K("if (lane < 4) {\n" BARRIER "}\n"),
   K("if (args.n < 4) {\n" BARRIER "}\n"), .tiles = false},
  {20, "barrier", K("for (int i = int(tid); i < 4; ++i) {\n" BARRIER "}\n"),
   K("for (int i = args.n; i < 4; ++i) {\n" BARRIER "}\n"),
   .tiles = false},
  {20, "return", K("if (lane > 4) return;\n" BARRIER),
   K(BARRIER "if (lane > 4) return;\n"), .tiles = false},
  {22, "matrix-store", KT("simdgroup_float8x8 m;\nsimdgroup_store(m, t, 8);\n"
                          "simdgroup_load(m, t, 8);\n"),
   KT("simdgroup_float8x8 m;\nsimdgroup_store(m, t, 8);\n" BARRIER
      "simdgroup_load(m, t, 8);\n"), .bytes = 512},
  /* Its own simdgroup's barrier does not order other simdgroups. */
  {22, "matrix-store", KT("simdgroup_float8x8 m;\nsimdgroup_store(m, t, 8);\n"
                          "simdgroup_barrier(mem_flags::mem_threadgroup);\n"
                          "simdgroup_load(m, t, 8);\n"),
   KT("simdgroup_float8x8 m;\nsimdgroup_store(m, t, 8);\n"
      "threadgroup_barrier(mem_flags::mem_threadgroup);\n"
      "simdgroup_load(m, t, 8);\n"), .bytes = 512},
};

static void each_quirk_is_caught_and_its_twin_is_not(void **state) {
  static const int marked[] = {1, 2, 3, 7, 11, 13, 14, 16, 20, 22};
  for (size_t i = 0; i < TM_COUNT(quirks); i++) {
    const quirk *q = &quirks[i];
    threads = q->threads ? q->threads : 128;
    slot = q->broken_slot ? q->broken_slot : 1;
    expect_rule(q->broken, q->rule, q->bytes, q->tiles);
    slot = q->fine_slot ? q->fine_slot : 1;
    expect_fine(q->fine, q->fine_bytes ? q->fine_bytes : q->bytes, q->tiles);
  }
  threads = 128;
  slot = 1;
  for (size_t m = 0; m < TM_COUNT(marked); m++) {
    bool found = false;
    for (size_t i = 0; i < TM_COUNT(quirks); i++)
      found = found || quirks[i].number == marked[m];
    assert_true(found);
  }
}

/* ---- the text as a whole ---------------------------------------------- */

static void a_plain_kernel_is_fine(void **state) {
  FINE("for (int i = 0; i < args.n; ++i) { x[i] = y[i] * 0.5f; }\n");
}

static void metal_stdlib_must_be_included(void **state) {
  expect_rule("using namespace metal;\n" STRUCT BOUND HEAD "}\n", "prelude",
              0, false);
  expect_rule("// #include <metal_stdlib>\nusing namespace metal;\n" STRUCT
              BOUND HEAD "}\n", "prelude", 0, false);
  expect_rule("#include <metal_stdlib>\n" STRUCT BOUND HEAD "}\n", "prelude",
              0, false);
}

static void there_is_one_kernel_of_the_declared_name(void **state) {
  expect_rule(PRELUDE, "entry", 0, false);
  expect_rule(BEFORE "}\nkernel void l() {}\n", "entry", 0, false);
  expect_rule(PRELUDE STRUCT BOUND "kernel void kk() {}\n", "entry", 0,
              false);
}

static void a_thread_bound_of_32_is_miscompiled(void **state) {
  expect_rule(PRELUDE STRUCT HEAD "}\n", "thread-bound", 0, false);
  expect_rule(PRELUDE STRUCT "[[max_total_threads_per_threadgroup(32)]]\n"
              HEAD "}\n", "thread-bound", 0, false);
  /* Enough for the compiler, but not for 128 threads. */
  expect_rule(PRELUDE STRUCT "[[max_total_threads_per_threadgroup(64)]]\n"
              HEAD "}\n", "thread-bound", 0, false);
  expect_fine(PRELUDE STRUCT "[[max_total_threads_per_threadgroup(256)]]\n"
              HEAD "}\n", 0, false);
}

static void loop_counters_are_32_bits_wide(void **state) {
  BROKEN("counter", "for (long i = 0; i < 4; ++i) { x[i] = 0.0f; }\n");
  BROKEN("counter", "for (const ulong i = 0; i < 4;) { x[i] = 0.0f; }\n");
  FINE("for (int i = 0; i < 4; ++i) { const long j = long(i); x[j] = 0.0f; "
       "}\n");
}

static void buffer_indices_are_declared_unique_and_below_31(void **state) {
#define TWO(first, second)                                              \
  PRELUDE STRUCT BOUND "kernel void k(device float *x " first           \
  ",\n device const float *y " second                                   \
  ",\n constant k_args &args [[buffer(2)]]) {\n}\n"
  expect_fine(TWO("[[buffer(0)]]", "[[buffer(1)]]"), 0, false);
  expect_rule(TWO("[[buffer(0)]]", "[[buffer(31)]]"), "buffers", 0, false);
  expect_rule(TWO("[[buffer(0)]]", "[[buffer(0)]]"), "buffers", 0, false);
  expect_rule(TWO("[[buffer(0)]]", "[[buffer(3)]]"), "buffers", 0, false);
  expect_rule(TWO("[[buffer(0)]]", ""), "buffers", 0, false);
}

static void scalars_are_in_one_struct(void **state) {
  expect_rule(PRELUDE STRUCT BOUND "kernel void k(device float *x "
              "[[buffer(0)]], device const float *y [[buffer(1)]], constant "
              "k_args &args [[buffer(2)]], constant int &n [[buffer(3)]]) "
              "{\n}\n", "buffers", 0, false);
}

static void position_attributes_share_a_width(void **state) {
#define WITH(input)                                                      \
  PRELUDE STRUCT BOUND "kernel void k(device float *x [[buffer(0)]], "   \
  "device const float *y [[buffer(1)]], constant k_args &args "          \
  "[[buffer(2)]], " input ") {\n}\n"
  expect_rule(WITH("uint p [[thread_position_in_grid]]"), "positions", 0,
              false);
  expect_rule(WITH("uint2 p [[threadgroups_per_grid]]"), "positions", 0,
              false);
  expect_fine(WITH("uint3 p [[thread_position_in_grid]]"), 0, false);
  expect_fine(WITH("uint p [[thread_index_in_threadgroup]]"), 0, false);
  expect_rule(WITH("threadgroup float *t [[threadgroup(0)]]"),
              "threadgroup-parameter", 0, false);
}

static void floating_literals_carry_a_suffix(void **state) {
  BROKEN("literal", "x[0] = 1.0;\n");
  BROKEN("literal", "x[0] = 1e-5;\n");
  BROKEN("literal", "x[0] = y[0] * .5;\n");
  FINE("x[0] = 1.0f + 1e-5f + float(0.5h) + float(0x1e5u) + float(15u);\n");
}

static void words_that_msl_lacks_are_found(void **state) {
  BROKEN("type", "double a = x[0];\n");
  BROKEN("type", "long long a = 0;\n");
  BROKEN("type", "size_t a = 0;\n");
  BROKEN("keyword", "goto end;\n");
  BROKEN("keyword", "asm(\"\");\n");
  /* In a comment, and as part of a name. */
  FINE("// double goto asm\nconst long asm_long = 0;\n");
}

static void max_of_a_bfloat_and_an_integer_is_found(void **state) {
  BROKEN("bfloat", "bfloat b = bfloat(x[0]); x[0] = float(max(0, b));\n");
  FINE("bfloat b = bfloat(x[0]); x[0] = max(0.0f, float(b));\n");
  FINE("int b = 3; x[0] = float(max(0, b));\n");
}

static void helpers_are_always_inlined(void **state) {
  expect_rule(PRELUDE "static float f(float a) { return a; }\n" STRUCT BOUND
              HEAD "}\n", "inline", 0, false);
  expect_fine(PRELUDE "METAL_FUNC float f(float a) { return a; }\n" STRUCT
              BOUND HEAD "}\n", 0, false);
}

/* n declarations in the kernel. */
static char *declarations(int n) {
  size_t size = strlen(BEFORE) + (size_t)n * 32 + 8;
  char *text = malloc(size), *p = text;
  p += sprintf(p, "%s", BEFORE);
  for (int i = 0; i < n; i++) p += sprintf(p, "const int a%d = 1;\n", i);
  sprintf(p, "}\n");
  return text;
}

static void ten_thousand_declarations_are_the_limit(void **state) {
  /* The struct's field counts as one. */
  char *fits = declarations(9999), *over = declarations(10001);
  expect_fine(fits, 0, false);
  expect_rule(over, "size", 0, false);
  free(fits);
  free(over);
}

static void unrolled_statements_are_limited(void **state) {
#define UNROLL "#pragma unroll\n"
  BROKEN("size", UNROLL "for (int i = 0; i < 512; ++i) {\n" UNROLL
         "for (int j = 0; j < 512; ++j) { x[i] = y[j]; }\n}\n");
  FINE("for (int i = 0; i < 512; ++i) {\n" UNROLL
       "for (int j = 0; j < 512; ++j) { x[i] = y[j]; }\n}\n");
}

static void a_loop_that_is_kept_rolled_is_one_copy(void **state) {
  FINE(UNROLL "for (int i = 0; i < 512; ++i) {\n"
       "#pragma clang loop unroll(disable)\n"
       "for (int j = 0; j < 512; ++j) { x[i] = y[j]; }\n}\n");
}

/* ---- where the source is ---------------------------------------------- */

static void a_report_names_the_place_in_the_source(void **state) {
  const char *text = BEFORE "x[0] = 1.0f;\nx[1] = 2.0;\nx[2] = 3.0f;\n}\n";
  static uint32_t line;
  line = line_of(text, "x[1]");
  tm_arena arena;
  tm_arena_init(&arena, 0);
  jmp_buf guard;
  if (!tm_arena_guard(&arena, guard)) fail_msg("out of memory");
  tm_diags diags;
  tm_diags_init(&diags, &arena);
  uint32_t file = tm_diags_source(&diags, "add.py", tm_cstr("a\nb\nc\n"));
  tm_msl_place places[] = {{line - 1, {file, 1, 1}}, {line, {file, 2, 5}},
                           {line + 1, {file, 3, 1}}};
  tm_msl msl = {.text = text, .entry = "k", .args = args, .n_args = 3,
                .scalars_slot = 2, .scalars_size = 4, .threads = 128,
                .places = places, .n_places = 3};
  assert_false(tm_msl_lint(&msl, tm_chip_by_name("m1"), &diags));
  assert_int_equal(diags.list.len, 1);
  assert_int_equal(diags.list.data[0].loc.line, 2);
  assert_int_equal(diags.list.data[0].loc.col, 5);
  tm_arena_free(&arena);
}

/* ---- threadgroup memory ----------------------------------------------- */

static void threadgroup_bytes_are_as_declared_and_fit(void **state) {
  expect_rule(BEFORE "threadgroup float t[128];\n}\n", "threadgroup-bytes",
              256, false);
  expect_fine(BEFORE "threadgroup float t[8192];\n}\n", 32768, false);
  expect_rule(BEFORE "threadgroup float t[8193];\n}\n", "threadgroup-bytes",
              32772, false);
  expect_fine(BEFORE "threadgroup half4 t[2][4];\n}\n", 64, false);
}

static void threadgroup_variables_are_plain(void **state) {
  expect_rule(BEFORE "threadgroup bool t[16];\n}\n", "threadgroup-variable",
              16, false);
  expect_rule(BEFORE "threadgroup float t[4] = {0.0f};\n}\n",
              "threadgroup-variable", 16, false);
  expect_fine(BEFORE "threadgroup uchar t[16];\n}\n", 16, false);
}

static void reads_wait_for_writes(void **state) {
  T_BROKEN("tile-hazard", "t[tid] = 1.0f;\nconst float a = t[0];\n");
  T_FINE("t[tid] = 1.0f;\n" BARRIER "const float a = t[0];\n");
  /* A barrier without the threadgroup flag orders nothing there. */
  T_BROKEN("tile-hazard", "t[tid] = 1.0f;\n"
           "threadgroup_barrier(mem_flags::mem_device);\n"
           "const float a = t[0];\n");
  T_BROKEN("tile-hazard", "t[tid] = 1.0f;\n"
           "simdgroup_barrier(mem_flags::mem_threadgroup);\n"
           "const float a = t[0];\n");
}

static void writes_wait_for_reads(void **state) {
  T_BROKEN("tile-hazard", "t[tid] = 1.0f;\n" BARRIER
           "const float a = t[0];\nt[tid] = 2.0f;\n");
  T_FINE("t[tid] = 1.0f;\n" BARRIER "const float a = t[0];\n" BARRIER
         "t[tid] = 2.0f;\n");
}

#define ADD "atomic_fetch_add_explicit(c + lane, 1, memory_order_relaxed);\n"
#define CHANGE "while (!atomic_compare_exchange_weak_explicit(c, &old, " \
               "old + 1, memory_order_relaxed, memory_order_relaxed)) {\n}\n"
#define GET "const int a = atomic_load_explicit(c, memory_order_relaxed);\n"
#define SET "atomic_store_explicit(c + lane, 0, memory_order_relaxed);\n"
#define MAX "atomic_fetch_max_explicit(c + lane, 1, memory_order_relaxed);\n"
#define OLD "const int o = atomic_fetch_add_explicit(c, 1, " \
            "memory_order_relaxed);\n"
#define SUM(n) "while (!atomic_compare_exchange_weak_explicit(c, &" n ", " \
               "as_type<int>(as_type<float>(" n ") + 1.0f), " \
               "memory_order_relaxed, memory_order_relaxed)) {\n}\n"

/* Atomic operations are in order with loads and stores, not with others. */
static void atomic_operations_wait_for_other_accesses(void **state) {
  A_FINE(SET BARRIER ADD ADD BARRIER "int old = 0;\n" CHANGE BARRIER GET);
  A_FINE(SET BARRIER "if (tid == 0) " ADD BARRIER GET BARRIER ADD);
  A_BROKEN("tile-atomic", SET ADD);
  A_BROKEN("tile-hazard", ADD GET);
  A_BROKEN("tile-hazard", ADD SET);
  A_BROKEN("tile-atomic", GET ADD);
  A_BROKEN("tile-hazard", SET GET);
  A_BROKEN("tile-hazard", "int old = 0;\n" CHANGE GET);
  A_BROKEN("tile-atomic", GET "int old = 0;\n" CHANGE);
  A_BROKEN("tile-load", "if (lane < 4) { " GET "}\n");
  A_FINE("for (int i = 0; i < args.n; ++i) {\n" ADD "}\n" BARRIER GET);
  A_BROKEN("tile-atomic",
           "for (int i = 0; i < args.n; ++i) {\n" ADD BARRIER GET "}\n");
}

/* Sums in any order are one sum, as long as nobody asks what was there. */
static void atomic_operations_of_one_kind_need_no_barrier(void **state) {
  n_steps = 0;
  A_FINE(ADD ADD);
  A_FINE("int a = 0;\n" SUM("a") "int b = 0;\n" SUM("b"));
  A_FINE(OLD "const int p = o;\n"); /* one instruction */
  n_steps = 1; /* the second statement is of another instruction */
  steps[0] = line_of(BEFORE ATOMICS, "threadgroup atomic") + 2;
  A_BROKEN("tile-atomic", ADD MAX);
  A_FINE(ADD ADD);
  A_BROKEN("tile-atomic", ADD OLD);
  A_BROKEN("tile-atomic", OLD ADD);
  A_BROKEN("tile-atomic", OLD "const int p = atomic_fetch_add_explicit(c, 1, "
           "memory_order_relaxed);\n");
  A_BROKEN("tile-atomic", "for (int i = 0; i < args.n; ++i) {\n" OLD "}\n");
  /* Registers of one instruction. */
  n_steps = 0;
  A_FINE("#pragma unroll\nfor (int i = 0; i < 4; ++i) {\n" OLD "}\n");
}

#define S_TEXT(body)                                                   \
  BEFORE "threadgroup float4 pool[64];\n"                             \
  "threadgroup float *const s = (threadgroup float *)pool;\n" body "}\n"
#define S_BROKEN(body) expect_rule(S_TEXT(body), "tile-hazard", 1024, true)
#define S_FINE(body) expect_fine(S_TEXT(body), 1024, true)
#define PUT "s[tid] = 1.0f;\n"

/* The kernel's own arrays: indices of two stores may be equal. */
static void stores_into_an_array_wait_for_each_other(void **state) {
  uint32_t first = line_of(S_TEXT(PUT), "s[tid]");
  n_steps = 2;
  steps[0] = first;
  steps[1] = first + 1;
  S_BROKEN(PUT PUT);
  steps[1] = first + 2;
  S_FINE(PUT PUT); /* two registers of one instruction */
  S_FINE(PUT BARRIER PUT);
  S_BROKEN("for (int i = 0; i < args.n; ++i) {\n" PUT "}\n");
  S_FINE("#pragma unroll\nfor (int i = 0; i < 4; ++i) {\n" PUT "}\n");
  S_FINE("for (int i = 0; i < args.n; ++i) {\n" BARRIER PUT "}\n");
  n_steps = 0;
}

static void the_end_of_a_loop_meets_its_beginning(void **state) {
  T_BROKEN("tile-hazard", "for (int i = 0; i < args.n; ++i) {\n"
           "t[tid] = 1.0f;\n" BARRIER "const float a = t[0];\n}\n");
  T_FINE("for (int i = 0; i < args.n; ++i) {\n" BARRIER "t[tid] = 1.0f;\n"
         BARRIER "const float a = t[0];\n}\n");
}

/* A barrier in a loop counts behind it only if the loop surely runs. */
static void loops_that_may_not_run_are_no_barriers(void **state) {
  T_BROKEN("tile-hazard", "t[tid] = 1.0f;\n"
           "for (int i = 0; i < args.n; ++i) {\n" BARRIER "}\n"
           "const float a = t[0];\n");
  T_BROKEN("tile-hazard", "t[tid] = 1.0f;\n"
           "for (int i = 2; i < 2; ++i) {\n" BARRIER "}\n"
           "const float a = t[0];\n");
  T_FINE("t[tid] = 1.0f;\nfor (int i = 0; i < 2; ++i) {\n" BARRIER "}\n"
         "const float a = t[0];\n");
  /* What follows the barrier in its body is not forgotten. */
  T_BROKEN("tile-hazard", "for (int i = 0; i < 2; ++i) {\n" BARRIER
           "t[tid] = 1.0f;\n}\nconst float a = t[0];\n");
}

static void branches_are_joined(void **state) {
  T_BROKEN("tile-hazard", "t[tid] = 1.0f;\nif (args.n > 1) {\n" BARRIER
           "}\nconst float a = t[0];\n");
  T_FINE("t[tid] = 1.0f;\nif (args.n > 1) {\n" BARRIER "} else {\n" BARRIER
         "}\nconst float a = t[0];\n");
}

static void tiles_that_share_bytes_wait_for_each_other(void **state) {
  P_FINE("t[tid] = 1.0f;\nu[tid] = 2.0f;\n" BARRIER
         "const float a = t[0] + u[0];\n");
  P_BROKEN("tile-hazard", "t[tid] = 1.0f;\n" BARRIER
           "const float a = t[0];\nv[tid] = 2.0f;\n");
  P_BROKEN("tile-hazard", "u[tid] = 1.0f;\nv[tid] = 2.0f;\n");
  P_FINE("t[tid] = 1.0f;\n" BARRIER "const float a = t[0];\n" BARRIER
         "v[tid] = 2.0f;\n");
  /* u starts in the middle, so reading t does not touch it. */
  P_FINE("t[tid] = 1.0f;\n" BARRIER "const float a = t[0];\n"
         "u[tid] = 2.0f;\n");
}

static void tiles_are_where_they_were_planned(void **state) {
  expect_rule(BEFORE "threadgroup float4 pool[64];\n"
              "threadgroup float *const u = (threadgroup float *)pool;\n}\n",
              "tile-hazard", 1024, true);
}

static void stored_matrices_are_loaded_after_a_barrier(void **state) {
  T_BROKEN("matrix-store", "simdgroup_float8x8 m;\n"
           "simdgroup_store(m, t, 8);\nsimdgroup_load(m, t, 8);\n");
  T_FINE("simdgroup_float8x8 m;\nsimdgroup_store(m, t, 8);\n" BARRIER
         "simdgroup_load(m, t, 8);\n");
}

static void tile_loads_are_bound_before_conditions(void **state) {
  T_BROKEN("tile-load", "if (lane < 4) { x[0] = t[lane]; }\n");
  T_BROKEN("tile-load", "x[tid] = lane < 4 ? t[lane] : 0.0f;\n");
  T_FINE("const float a = t[lane];\nif (lane < 4) { x[0] = a; }\n");
  T_FINE("if (args.n > 2) { const float a = t[lane]; x[tid] = a; }\n");
}

/* ---- barriers --------------------------------------------------------- */

static void barriers_are_reached_by_all_or_none(void **state) {
  BROKEN("barrier", "if (lane == 0) {\n" BARRIER "}\n");
  BROKEN("barrier", "if (x[tid] > 0.0f) {\n" BARRIER "}\n");
  BROKEN("barrier", "for (int i = 0; i < int(tid); ++i) {\n" BARRIER "}\n");
  BROKEN("barrier", "const int a = int(tid) * 2;\nif (a > 3) {\n" BARRIER
         "}\n");
  FINE("if (args.n > 3) {\n" BARRIER "}\n");
  FINE("const int a = int(program_id.x) * 2;\nif (a > args.n) {\n" BARRIER
       "}\n");
  FINE("for (int i = 0; i < args.n; ++i) {\n" BARRIER "}\n");
  FINE("float total = y[0];\nif (total > 3.0f) {\n" BARRIER "}\n");
  FINE("if (lane == 0) { x[0] = 1.0f; }\n" BARRIER);
}

static void a_name_that_shadows_is_not_believed_outside(void **state) {
  BROKEN("barrier", "if (args.n > 1) { const int a = args.n; x[0] = 0.0f; }\n"
         "int a = int(tid);\nif (a > 1) {\n" BARRIER "}\n");
}

static void nobody_returns_before_a_barrier(void **state) {
  BROKEN("return", "if (int(tid) >= args.n) return;\n" BARRIER);
  FINE(BARRIER "return;\n");
}

static void barriers_are_in_the_kernel(void **state) {
  expect_rule(PRELUDE "METAL_FUNC void f() { " BARRIER "}\n" STRUCT BOUND
              HEAD "f();\n}\n", "barrier", 0, false);
}

static void every_lane_makes_a_shuffle(void **state) {
  BROKEN("shuffle", "bool a = y[0] > 0.0f;\na = a || simd_any(a);\n");
  BROKEN("shuffle", "bool a = y[0] > 0.0f;\n"
         "a = a && (simd_shuffle_xor(int(a), ushort(1)) != 0);\n");
  BROKEN("shuffle", "x[0] = y[0] > 0.0f ? y[0] : simd_sum(y[0]);\n");
  FINE("x[0] = max(y[0] > 0.0f ? y[0] : 1.0f, simd_sum(y[0]));\n"
       "x[1] = simd_sum(y[0]) > 1.0f ? 1.0f : 0.0f;\n"
       "bool a = simd_any(y[0] > 0.0f && y[1] > 0.0f);\nx[2] = a;\n");
}

static void aggregate_literals_are_flat(void **state) {
  BROKEN("aggregate", "float a[2][2] = {{0.0f, 1.0f}, {2.0f, 3.0f}};\n"
         "x[0] = a[0][1];\n");
  FINE("float a[2] = {0.0f, 1.0f};\nx[0] = a[1];\n");
}

/* ---- what the walk does not follow ------------------------------------ */

/* A form that is not emitted could hide an access or a barrier. */
static void unknown_forms_are_not_passed_over(void **state) {
  BROKEN("statement", "for (int i = 0; i < args.n; ++i) {\n"
         "if (lane == 3) break;\n" BARRIER "}\n");
  BROKEN("statement", "for (int i = 0; i < 4; ++i) { continue; }\n");
  BROKEN("statement", "do { x[0] = 1.0f; } while (args.n > 1);\n");
  BROKEN("statement", "switch (args.n) { case 1: x[0] = 1.0f; }\n");
  BROKEN("statement", "if constexpr (true) { x[0] = 1.0f; }\n");
  BROKEN("statement", "if (args.n > 1) [[likely]] { x[0] = 1.0f; }\n");
  BROKEN("statement", "const int a = [&]() { return 3; }();\n");
  BROKEN("barrier", "metal::threadgroup_barrier(mem_flags::mem_none);\n");
  BROKEN("barrier", "int a = 0, threadgroup_barrier(mem_flags::mem_none);\n");
  BROKEN("directive", "#if 0\n" BARRIER "#endif\n");
  BROKEN("directive", "#pragma omp\n");
  BROKEN("directive", "// joined \\\n" BARRIER);
  BROKEN("directive", "#pragma unroll /*\n" BARRIER "*/\n"
         "for (int i = 0; i < 2; ++i) { x[0] = 1.0f; }\n");
  BROKEN("keyword", "auto a = 3;\n");
  BROKEN("keyword", "if (lane < 4 and lane > 2) { x[0] = 1.0f; }\n");
  BROKEN("keyword", "<% x[0] = 1.0f; %>\n");
  BROKEN("keyword", "x[0] = R\"(\")\";\n");
  expect_rule("#define BAR " BARRIER BEFORE "}\n", "directive", 0, false);
  expect_fine(PRELUDE "#if __METAL_VERSION__ >= 320\n"
              "#pragma METAL fp math_mode(safe)\n#endif\n" STRUCT BOUND HEAD
              "}\n", 0, false);
}

static void tiles_are_reached_in_known_ways(void **state) {
  T_BROKEN("statement", "fill(t, 1.0f);\n");
  T_BROKEN("statement", "threadgroup float *p;\np = t;\n");
  T_BROKEN("statement", "threadgroup float *const p = t, *const q = t;\n");
  T_BROKEN("statement", "x[0] = *(t + 3);\n");
  T_BROKEN("statement", "fill(&t[3], 1.0f);\n");
  T_FINE("t[tid] = 1.0f;\n*t = 2.0f;\n");
  T_FINE("*(threadgroup float4 *)(t + 4 * lane) = float4(1.0f);\n" BARRIER
         "const float4 a = *(threadgroup float4 *)(t + 4 * lane);\n");
  T_FINE("const float4 a = *(threadgroup float4 *)t;\n");
}

/* A tile in the index of another's store is read. */
static void the_index_of_a_store_is_read(void **state) {
  P_BROKEN("tile-hazard", "u[tid] = 1.0f;\nt[int(u[0])] = 2.0f;\n");
  P_FINE("u[tid] = 1.0f;\n" BARRIER "t[int(u[0])] = 2.0f;\n");
}

/* ---- any bytes -------------------------------------------------------- */

static void any_text_ends_in_a_report(void **state) {
  static const char *const texts[] = {
    "", "kernel", "kernel void k(", "kernel void k() {", "}}}}", "((((",
    "/* never closed", "\"open", "#", "1e", "kernel void k() { for (",
    "kernel void k() { if (", "kernel void k() { if () else else }",
    "kernel kernel kernel k k k ( ) { threadgroup threadgroup float }"
  };
  for (size_t i = 0; i < TM_COUNT(texts); i++) {
    char *got = said(texts[i], 0, true);
    assert_true(got[0] != 0);
    free(got);
  }
}

static void deep_nesting_is_bounded(void **state) {
  enum { DEEP = 5000 };
  size_t size = strlen(BEFORE) + DEEP * 16 + 8;
  char *text = malloc(size), *p = text;
  p += sprintf(p, "%s", BEFORE);
  for (int i = 0; i < DEEP; i++) p += sprintf(p, "if (1) {\n");
  for (int i = 0; i < DEEP; i++) p += sprintf(p, "}\n");
  sprintf(p, "}\n");
  expect_rule(text, "size", 0, false);
  free(text);
}

/* Nested loops are walked a few times, not twice for each level. */
static void nested_loops_take_linear_time(void **state) {
  enum { DEEP = 60 };
  char text[8192], *p = text;
  p += sprintf(p, "%s" ARRAY, BEFORE);
  for (int i = 0; i < DEEP; i++)
    p += sprintf(p, "for (int i%d = 0; i%d < 2; ++i%d) {\n", i, i, i);
  p += sprintf(p, "t[tid] = 1.0f;\n");
  for (int i = 0; i < DEEP; i++) p += sprintf(p, "}\n");
  sprintf(p, "}\n");
  expect_fine(text, 512, false);
}

/* Damaged texts end with a report or without, and in time. */
static void damaged_texts_end(void **state) {
  static const char text[] = BEFORE ATOMICS POOL
      "#pragma unroll\nfor (int i = 0; i < 4; ++i) { t[tid] = x[i]; }\n"
      BARRIER "const float4 a = *(threadgroup float4 *)(u + 4 * lane);\n"
      "if (args.n > 3) { x[0] = a.x; } else { x[1] = a.y; }\n"
      "while (!atomic_compare_exchange_weak_explicit(c, &old, old + 1, "
      "memory_order_relaxed, memory_order_relaxed)) {\n}\n"
      "x[tid] = simd_sum(y[tid]) > 1.0f ? 2.0f : 1e-5f;\n}\n";
  uint32_t accepted = 0, rejected = 0;
  expect_fine(text, 1536, true);
  for (uint64_t seed = 1; seed <= 3000; seed++) {
    char damaged[2 * sizeof text];
    size_t n = sizeof text - 1;
    memcpy(damaged, text, sizeof text);
    n = msl_mutate(damaged, n, sizeof damaged - 1, seed);
    damaged[n] = 0;
    char *got = said(damaged, 1536, true);
    if (got[0]) rejected++;
    else accepted++;
    free(got);
  }
  assert_true(rejected > 2000 && accepted > 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(each_quirk_is_caught_and_its_twin_is_not),
    cmocka_unit_test(atomic_operations_of_one_kind_need_no_barrier),
    cmocka_unit_test(stores_into_an_array_wait_for_each_other),
    cmocka_unit_test(unknown_forms_are_not_passed_over),
    cmocka_unit_test(tiles_are_reached_in_known_ways),
    cmocka_unit_test(the_index_of_a_store_is_read),
    cmocka_unit_test(damaged_texts_end),
    cmocka_unit_test(a_plain_kernel_is_fine),
    cmocka_unit_test(metal_stdlib_must_be_included),
    cmocka_unit_test(there_is_one_kernel_of_the_declared_name),
    cmocka_unit_test(a_thread_bound_of_32_is_miscompiled),
    cmocka_unit_test(loop_counters_are_32_bits_wide),
    cmocka_unit_test(buffer_indices_are_declared_unique_and_below_31),
    cmocka_unit_test(scalars_are_in_one_struct),
    cmocka_unit_test(position_attributes_share_a_width),
    cmocka_unit_test(floating_literals_carry_a_suffix),
    cmocka_unit_test(words_that_msl_lacks_are_found),
    cmocka_unit_test(max_of_a_bfloat_and_an_integer_is_found),
    cmocka_unit_test(helpers_are_always_inlined),
    cmocka_unit_test(ten_thousand_declarations_are_the_limit),
    cmocka_unit_test(unrolled_statements_are_limited),
    cmocka_unit_test(a_loop_that_is_kept_rolled_is_one_copy),
    cmocka_unit_test(a_report_names_the_place_in_the_source),
    cmocka_unit_test(threadgroup_bytes_are_as_declared_and_fit),
    cmocka_unit_test(threadgroup_variables_are_plain),
    cmocka_unit_test(reads_wait_for_writes),
    cmocka_unit_test(writes_wait_for_reads),
    cmocka_unit_test(atomic_operations_wait_for_other_accesses),
    cmocka_unit_test(the_end_of_a_loop_meets_its_beginning),
    cmocka_unit_test(loops_that_may_not_run_are_no_barriers),
    cmocka_unit_test(branches_are_joined),
    cmocka_unit_test(tiles_that_share_bytes_wait_for_each_other),
    cmocka_unit_test(tiles_are_where_they_were_planned),
    cmocka_unit_test(stored_matrices_are_loaded_after_a_barrier),
    cmocka_unit_test(tile_loads_are_bound_before_conditions),
    cmocka_unit_test(barriers_are_reached_by_all_or_none),
    cmocka_unit_test(a_name_that_shadows_is_not_believed_outside),
    cmocka_unit_test(nobody_returns_before_a_barrier),
    cmocka_unit_test(barriers_are_in_the_kernel),
    cmocka_unit_test(every_lane_makes_a_shuffle),
    cmocka_unit_test(aggregate_literals_are_flat),
    cmocka_unit_test(any_text_ends_in_a_report),
    cmocka_unit_test(deep_nesting_is_bounded),
    cmocka_unit_test(nested_loops_take_linear_time),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
