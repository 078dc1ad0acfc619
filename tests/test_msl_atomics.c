/* SPDX-License-Identifier: MIT */
/*
 * test_msl_atomics.c - atomic and simdgroup_matrix functions, overload by
 * overload: which exist, and what they compute.
 *
 * The tables say it once more, independently of builtins.def, as the MSL
 * specification does: 6.15 (atomics; float from MSL 3.0 in device memory,
 * ulong minimum and maximum from 2.4 on Apple8), 6.7 (simdgroup_matrix).
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

#include "../softmetal/exec/exec.h"

#define HEAD "#include <metal_stdlib>\nusing namespace metal;\n"

/* ---- harness ---------------------------------------------------------- */

/* A version as __METAL_VERSION__ has it; family is the n of AppleN. */
static sm_program *parse(tm_arena *arena, const char *text, unsigned version,
                         unsigned family, char **errors) {
  tm_diags *diags = TM_NEW(arena, tm_diags);
  tm_diags_init(diags, arena);
  sm_parse_options options = {
      .language_version = (version / 100 << 16) + version / 10 % 10,
      .family = family};
  sm_program *program = sm_parse(arena, diags, tm_cstr(text), &options);
  if (!program && errors) {
    tm_buf buf = tm_buf_in(arena);
    tm_diags_render_all(diags, &buf);
    *errors = (char *)tm_buf_text(&buf);
  }
  return program;
}

static bool accepts(const char *text, unsigned version, unsigned family) {
  tm_arena arena;
  jmp_buf guard;
  tm_arena_init(&arena, 0);
  if (!tm_arena_guard(&arena, guard)) fail_msg("out of memory");
  bool ok = parse(&arena, text, version, family, NULL) != NULL;
  tm_arena_free(&arena);
  return ok;
}

static unsigned language = 400; /* of what is run */

static sm_code *compile(const char *text) {
  tm_arena arena;
  jmp_buf guard;
  char *error = NULL;
  tm_arena_init(&arena, 0);
  if (!tm_arena_guard(&arena, guard)) fail_msg("out of memory");
  sm_program *program = parse(&arena, text, language, 9, &error);
  if (!program) fail_msg("%s\n%s", error, text);
  sm_function *kernel = NULL;
  for (uint32_t i = 0; i < program->functions.len; i++)
    if (program->functions.data[i]->is_kernel)
      kernel = program->functions.data[i];
  sm_code_info info;
  void *bytes;
  size_t n;
  if (!sm_code_compile(program, kernel, NULL, &bytes, &n, &info, &error))
    fail_msg("%s\n%s", error, text);
  sm_code *code = sm_code_load(bytes, n, &info, &error);
  if (!code) fail_msg("%s", error);
  free(bytes);
  tm_arena_free(&arena);
  return code;
}

/* Each buffer has 1024 bytes. */
static void run(const char *text, uint32_t threads, void *const *buffers,
                int n) {
  sm_code *code = compile(text);
  sm_dispatch d = {0};
  d.code = code;
  d.grid_threads[0] = threads;
  d.group[0] = threads < 64 ? threads : 64;
  d.grid_threads[1] = d.grid_threads[2] = d.group[1] = d.group[2] = 1;
  for (int i = 0; i < n; i++) d.buffers[i] = (sm_binding){buffers[i], 1024};
  char *error = NULL;
  if (sm_run(&d, &error) != SM_RUN_OK) fail_msg("%s\n%s", error, text);
  sm_code_release(code);
}

/* ---- which atomics there are ------------------------------------------ */

static const struct {
  const char *name, *call; /* on p, an atomic of T; v is a T */
  const char *types;       /* i int, u uint, b bool, f float, l ulong */
  const char *threadgroup; /* of these, those in threadgroup memory */
} atomics[] = {
    {"load", "atomic_load_explicit(p, memory_order_relaxed)", "iubf", "iub"},
    {"store", "atomic_store_explicit(p, v, memory_order_relaxed)", "iubf",
     "iub"},
    {"exchange", "atomic_exchange_explicit(p, v, memory_order_relaxed)",
     "iubf", "iub"},
    {"compare_exchange",
     "atomic_compare_exchange_weak_explicit(p, &v, v, memory_order_relaxed, "
     "memory_order_relaxed)", "iubf", "iub"},
    {"add", "atomic_fetch_add_explicit(p, v, memory_order_relaxed)", "iuf",
     "iu"},
    {"sub", "atomic_fetch_sub_explicit(p, v, memory_order_relaxed)", "iuf",
     "iu"},
    {"and", "atomic_fetch_and_explicit(p, v, memory_order_relaxed)", "iu",
     "iu"},
    {"or", "atomic_fetch_or_explicit(p, v, memory_order_relaxed)", "iu",
     "iu"},
    {"xor", "atomic_fetch_xor_explicit(p, v, memory_order_relaxed)", "iu",
     "iu"},
    {"min", "atomic_fetch_min_explicit(p, v, memory_order_relaxed)", "iu",
     "iu"},
    {"max", "atomic_fetch_max_explicit(p, v, memory_order_relaxed)", "iu",
     "iu"},
    {"ulong min", "atomic_min_explicit(p, v, memory_order_relaxed)", "l", ""},
    {"ulong max", "atomic_max_explicit(p, v, memory_order_relaxed)", "l", ""},
};

static const char letters[] = "iubfl";
static const char *const scalars[] = {"int", "uint", "bool", "float",
                                      "ulong"};

static const char *scalar_of(char letter) {
  return scalars[strchr(letters, letter) - letters];
}

/* A kernel that makes the call in a space. */
static const char *atomic_kernel(const char *call, char letter,
                                 const char *space) {
  static char text[1024];
  const char *scalar = scalar_of(letter);
  bool group = strcmp(space, "threadgroup") == 0;
  snprintf(text, sizeof text, HEAD
           "static void g(%s atomic_%s *p) {\n  %s v = 1;\n  %s;\n}\n"
           "kernel void f(%s void *q [[%s(0)]]) {\n"
           "  g((%s atomic_%s *)q);\n}\n", space, scalar, scalar, call, space,
           group ? "threadgroup" : "buffer", space, scalar);
  return text;
}

static void atomics_exist_for_their_types_and_spaces_alone(void **state) {
  static const char *const spaces[] = {"device", "threadgroup", "constant",
                                       "thread"};
  int bad = 0;
  for (size_t a = 0; a < TM_COUNT(atomics); a++)
    for (const char *t = letters; *t; t++)
      for (int s = 0; s < 4; s++) {
        bool takes = (s == 0 && strchr(atomics[a].types, *t)) ||
                     (s == 1 && strchr(atomics[a].threadgroup, *t));
        char text[1024];
        snprintf(text, sizeof text, "%s",
                 atomic_kernel(atomics[a].call, *t, spaces[s]));
        if (s == 3) /* no kernel argument: a pointer in a helper */
          snprintf(text, sizeof text, HEAD
                   "static void g(thread atomic_%s *p) {\n  %s v = 1;\n  %s;\n"
                   "}\n", scalar_of(*t), scalar_of(*t), atomics[a].call);
        if (accepts(text, 400, 9) == takes) continue;
        print_error("%s of %s in %s should be %s\n", atomics[a].name,
                    scalar_of(*t), spaces[s], takes ? "taken" : "refused");
        bad++;
      }
  assert_int_equal(bad, 0);
}

static void atomics_need_their_versions_and_families(void **state) {
  const char *add = "atomic_fetch_add_explicit(p, v, memory_order_relaxed)";
  const char *min = "atomic_min_explicit(p, v, memory_order_relaxed)";
  assert_true(accepts(atomic_kernel(add, 'i', "device"), 200, 7));
  assert_false(accepts(atomic_kernel(add, 'f', "device"), 240, 9));
  assert_true(accepts(atomic_kernel(add, 'f', "device"), 300, 7));
  assert_false(accepts(atomic_kernel(min, 'l', "device"), 230, 8));
  assert_true(accepts(atomic_kernel(min, 'l', "device"), 240, 8));
  assert_false(accepts(atomic_kernel(min, 'l', "device"), 240, 7));
  /* since 4.1 float additions in threadgroup memory too */
  assert_false(accepts(atomic_kernel(add, 'f', "threadgroup"), 400, 10));
  assert_true(accepts(atomic_kernel(add, 'f', "threadgroup"), 410, 9));
  assert_false(accepts(atomic_kernel(
      "atomic_fetch_sub_explicit(p, v, memory_order_relaxed)", 'f',
      "threadgroup"), 410, 9));
}

static void orders_other_than_relaxed_need_4_1(void **state) {
  static const char *const orders[] = {"relaxed", "acquire", "release",
                                       "acq_rel", "seq_cst"};
  for (size_t i = 0; i < TM_COUNT(orders); i++) {
    char call[128];
    snprintf(call, sizeof call,
             "atomic_fetch_or_explicit(p, v, memory_order_%s)", orders[i]);
    assert_int_equal(accepts(atomic_kernel(call, 'u', "device"), 400, 9),
                     i == 0);
    if (i < 4) assert_true(accepts(atomic_kernel(call, 'u', "device"), 410, 9));
  }
}

/* ---- what atomics do -------------------------------------------------- */

enum { LANES = 64 };

/* Old values in device memory are 3 * i - 50; the operand is 7 * (i % 5) - 8.
 * Integers are compared as 32 bits, float as its value. */
static double result_of(const char *op, double x, double v, bool is_signed) {
  int64_t a = (int64_t)x, b = (int64_t)v;
  uint32_t ua = (uint32_t)a, ub = (uint32_t)b;
  if (strcmp(op, "add") == 0) return x + v;
  if (strcmp(op, "sub") == 0) return x - v;
  if (strcmp(op, "exchange") == 0) return v;
  uint32_t r = strcmp(op, "and") == 0 ? ua & ub
               : strcmp(op, "or") == 0 ? ua | ub : ua ^ ub;
  bool less = is_signed ? (int32_t)ua < (int32_t)ub : ua < ub;
  if (strcmp(op, "min") == 0) r = less ? ua : ub;
  if (strcmp(op, "max") == 0) r = less ? ub : ua;
  return is_signed ? (double)(int32_t)r : (double)r;
}

static void check_read_modify_write(const char *op, char letter,
                                    const char *space) {
  char text[2048];
  const char *t = scalar_of(letter);
  bool group = strcmp(space, "threadgroup") == 0;
  bool fetches = strcmp(op, "exchange") != 0;
  snprintf(text, sizeof text, HEAD
           "kernel void f(device %s *m [[buffer(0)]],\n"
           "              device %s *old [[buffer(1)]],\n"
           "              uint i [[thread_position_in_grid]]) {\n"
           "  threadgroup atomic_%s held[64];\n"
           "  %s atomic_%s *p = %s;\n"
           "  atomic_store_explicit(p, m[i], memory_order_relaxed);\n"
           "  old[i] = atomic_%s%s_explicit(p, %s(7 * int(i %% 5) - 8),\n"
           "                                memory_order_relaxed);\n"
           "  m[i] = atomic_load_explicit(p, memory_order_relaxed);\n}\n",
           t, t, group ? t : "int", space, t,
           group ? "&held[i]" : letter == 'f' ? "(device atomic_float *)m + i"
           : letter == 'i' ? "(device atomic_int *)m + i"
                           : "(device atomic_uint *)m + i",
           fetches ? "fetch_" : "", op, t);
  static uint32_t m[256], old[256];
  for (int i = 0; i < LANES; i++) {
    float x = (float)(3 * i - 50);
    int32_t n = 3 * i - 50;
    memcpy(&m[i], letter == 'f' ? (void *)&x : (void *)&n, 4);
  }
  run(text, LANES, (void *[]){m, old}, 2);
  for (int i = 0; i < LANES; i++) {
    double x = 3 * i - 50, v = 7 * (i % 5) - 8;
    double want = result_of(op, x, v, letter == 'i');
    float f, g;
    memcpy(&f, &m[i], 4);
    memcpy(&g, &old[i], 4);
    bool same = letter == 'f' ? f == (float)want && g == (float)x
                : m[i] == (uint32_t)(int64_t)want &&
                      old[i] == (uint32_t)(3 * i - 50);
    if (!same)
      fail_msg("%s of %s in %s, thread %d: %08x, was %08x", op, t, space, i,
               m[i], old[i]);
  }
}

static void read_modify_writes_give_the_old_value_and_store_the_new(
    void **state) {
  static const char *const ops[] = {"add", "sub", "and", "or", "xor", "min",
                                    "max", "exchange"};
  for (size_t o = 0; o < TM_COUNT(ops); o++)
    for (const char *t = "iu"; *t; t++) {
      check_read_modify_write(ops[o], *t, "device");
      check_read_modify_write(ops[o], *t, "threadgroup");
    }
  check_read_modify_write("add", 'f', "device");
  check_read_modify_write("sub", 'f', "device");
  check_read_modify_write("exchange", 'f', "device");
}

static void bool_atomics_load_store_exchange_and_compare(void **state) {
  static uint32_t m[256], out[256];
  for (int i = 0; i < LANES; i++) m[i] = i & 1;
  run(HEAD
      "kernel void f(device atomic_bool *m [[buffer(0)]],\n"
      "              device uint *out [[buffer(1)]],\n"
      "              uint i [[thread_position_in_grid]]) {\n"
      "  bool old = atomic_exchange_explicit(&m[i], i % 3 == 0, "
      "memory_order_relaxed);\n"
      "  bool want = true;\n"
      "  bool ok = atomic_compare_exchange_weak_explicit(&m[i], &want, false, "
      "memory_order_relaxed, memory_order_relaxed);\n"
      "  bool now = atomic_load_explicit(&m[i], memory_order_relaxed);\n"
      "  out[i] = old + 2 * ok + 4 * want + 8 * now;\n"
      "  atomic_store_explicit(&m[i], !now, memory_order_relaxed);\n}\n",
      LANES, (void *[]){m, out}, 2);
  for (int i = 0; i < LANES; i++) {
    bool was = i % 3 == 0; /* after the exchange; the compare makes it false */
    assert_int_equal(out[i], (i & 1) + 2 * was + 4 * was);
    assert_int_equal(m[i] & 1, 1);
  }
}

static void ulong_minimum_and_maximum_are_of_64_bits(void **state) {
  static uint64_t m[128];
  m[0] = UINT64_MAX;
  m[1] = 0;
  run(HEAD
      "kernel void f(device atomic_ulong *m [[buffer(0)]],\n"
      "              uint i [[thread_position_in_grid]]) {\n"
      "  ulong v = (ulong(i ^ 21u) << 40) | i;\n"
      "  atomic_min_explicit(&m[0], v, memory_order_relaxed);\n"
      "  atomic_max_explicit(&m[1], v, memory_order_relaxed);\n}\n",
      256, (void *[]){m}, 1);
  assert_int_equal(m[0], 21);                      /* i = 21 */
  assert_int_equal(m[1], ((uint64_t)255 << 40) | (255 ^ 21));
}

static void float_compare_exchange_loops_count_exactly(void **state) {
  static float m[256];
  memset(m, 0, sizeof m);
  run(HEAD
      "kernel void f(device atomic_float *m [[buffer(0)]],\n"
      "              uint i [[thread_position_in_grid]]) {\n"
      "  float old = atomic_load_explicit(m, memory_order_relaxed);\n"
      "  while (!atomic_compare_exchange_weak_explicit(m, &old, old + 0.5f,\n"
      "         memory_order_relaxed, memory_order_relaxed)) {}\n}\n",
      512, (void *[]){m}, 1);
  assert_true(m[0] == 256.0f);
}

/* MSL 4.1: float additions in threadgroup memory. */
static void threadgroup_float_additions_add_up(void **state) {
  static float out[256];
  language = 410;
  run(HEAD
      "kernel void f(device float *out [[buffer(0)]],\n"
      "              uint i [[thread_position_in_threadgroup]]) {\n"
      "  threadgroup atomic_float t;\n"
      "  threadgroup float *plain = (threadgroup float *)&t;\n"
      "  if (i == 0) *plain = 1.5f;\n"
      "  threadgroup_barrier(mem_flags::mem_threadgroup);\n"
      "  atomic_fetch_add_explicit(&t, float(i), memory_order_relaxed);\n"
      "  threadgroup_barrier(mem_flags::mem_threadgroup);\n"
      "  out[i] = *plain;\n}\n", 64, (void *[]){out}, 1);
  language = 400;
  for (int i = 0; i < 64; i++) assert_true(out[i] == 1.5f + 63 * 32);
}

/* ---- simdgroup_matrix ------------------------------------------------- */

static const char *const elements[] = {"float", "half", "bfloat"};

/* Loads with every option, and stores in the plain one: out[r][c] of buffer 1
 * is in[origin.y + r][origin.x + c] of buffer 0, or its transpose. */
static void check_transfer(const char *t, const char *space, unsigned stride,
                           unsigned x, unsigned y, bool transpose) {
  char text[2048];
  bool group = strcmp(space, "threadgroup") == 0;
  snprintf(text, sizeof text, HEAD
           "kernel void f(device const float *in [[buffer(0)]],\n"
           "              device float *out [[buffer(1)]],\n"
           "              device %s *d [[buffer(2)]],\n"
           "              uint i [[thread_position_in_grid]]) {\n"
           "  threadgroup %s g[512];\n"
           "  for (uint k = i; k < 256; k += 32) { d[k] = %s(in[k]);\n"
           "    g[k] = d[k]; }\n"
           "  threadgroup_barrier(mem_flags::mem_device | "
           "mem_flags::mem_threadgroup);\n"
           "  %s %s *p = %s;\n"
           "  simdgroup_matrix<%s, 8, 8> m;\n"
           "  simdgroup_load(m, p, %u, ulong2(%u, %u), %s);\n"
           "  threadgroup_barrier(mem_flags::mem_device | "
           "mem_flags::mem_threadgroup);\n"
           "  simdgroup_store(m, p + 160, 8);\n"
           "  threadgroup_barrier(mem_flags::mem_device | "
           "mem_flags::mem_threadgroup);\n"
           "  out[i] = float(p[160 + i]);\n  out[i + 32] = float(p[192 + i]);\n"
           "}\n", t, t, t, space, t, group ? "g" : "d", t, stride, x, y,
           transpose ? "true" : "false");
  static float in[256], out[256], d[256];
  for (int i = 0; i < 256; i++) in[i] = (float)(i % 128); /* exact in bfloat */
  run(text, 32, (void *[]){in, out, d}, 3);
  for (unsigned r = 0; r < 8; r++)
    for (unsigned c = 0; c < 8; c++) {
      unsigned row = transpose ? c : r, col = transpose ? r : c;
      float want = in[(y + row) * stride + x + col];
      if (out[r * 8 + c] != want)
        fail_msg("%s in %s, stride %u, origin %u %u, %d: [%u][%u] is %g, not "
                 "%g", t, space, stride, x, y, transpose, r, c,
                 (double)out[r * 8 + c], (double)want);
    }
}

static void fragments_load_and_store_with_every_option(void **state) {
  for (int t = 0; t < 3; t++)
    for (int s = 0; s < 2; s++) {
      const char *space = s ? "threadgroup" : "device";
      check_transfer(elements[t], space, 8, 0, 0, false);
      check_transfer(elements[t], space, 8, 0, 0, true);
      check_transfer(elements[t], space, 13, 3, 2, false);
      check_transfer(elements[t], space, 11, 2, 1, true);
    }
}

/* d = a b + c with small integers, exact in every type: a[r][k] = r - k,
 * b[k][c] = k % 3 - c % 2, c[r][c] = r. */
static void check_product(const char *d, const char *a, const char *b,
                          bool accumulates) {
  char text[2048];
  snprintf(text, sizeof text, HEAD
           "template <typename T> static void set(thread simdgroup_matrix<T, 8, 8> &m,"
           " device T *p, uint i, int which) {\n"
           "  for (uint k = i; k < 64; k += 32) { int r = k / 8, c = k %% 8;\n"
           "    p[k] = T(which == 0 ? r - c : which == 1 ? r %% 3 - c %% 2 : r);"
           " }\n"
           "  simdgroup_barrier(mem_flags::mem_device);\n"
           "  simdgroup_load(m, p);\n"
           "  simdgroup_barrier(mem_flags::mem_device);\n}\n"
           "kernel void f(device float *out [[buffer(0)]],\n"
           "              device char *w [[buffer(1)]],\n"
           "              uint i [[thread_position_in_grid]]) {\n"
           "  simdgroup_matrix<%s, 8, 8> d, c;\n"
           "  simdgroup_matrix<%s, 8, 8> a;\n"
           "  simdgroup_matrix<%s, 8, 8> b;\n"
           "  set(a, (device %s *)w, i, 0);\n"
           "  set(b, (device %s *)w, i, 1);\n"
           "  set(c, (device %s *)w, i, 2);\n  %s\n"
           "  device %s *p = (device %s *)w;\n  simdgroup_store(d, p, 8);\n"
           "  simdgroup_barrier(mem_flags::mem_device);\n"
           "  out[i] = float(p[i]);\n  out[i + 32] = float(p[i + 32]);\n}\n",
           d, a, b, a, b, d,
           accumulates ? "simdgroup_multiply_accumulate(d, a, b, c);"
                       : "simdgroup_multiply(d, a, b);", d, d);
  static float out[256];
  static char work[1024];
  run(text, 32, (void *[]){out, work}, 2);
  for (int r = 0; r < 8; r++)
    for (int c = 0; c < 8; c++) {
      int want = accumulates ? r : 0;
      for (int k = 0; k < 8; k++) want += (r - k) * (k % 3 - c % 2);
      if (out[r * 8 + c] != (float)want)
        fail_msg("%s = %s * %s: [%d][%d] is %g, not %d", d, a, b, r, c,
                 (double)out[r * 8 + c], want);
    }
}

static void fragments_multiply_in_every_mix_of_types(void **state) {
  for (int d = 0; d < 3; d++)
    for (int a = 0; a < 3; a++) {
      check_product(elements[d], elements[a], elements[a], true);
      check_product(elements[d], elements[a], elements[(a + 1) % 3], false);
    }
}

static void fragments_are_filled_diagonal_and_seen_by_element(void **state) {
  static float out[256];
  for (int t = 0; t < 3; t++) {
    char text[1024];
    snprintf(text, sizeof text, HEAD
             "kernel void f(device float *out [[buffer(0)]],\n"
             "              uint i [[thread_position_in_grid]]) {\n"
             "  simdgroup_matrix<%s, 8, 8> m = "
             "make_filled_simdgroup_matrix<%s, 8, 8>(%s(3)), e(%s(5));\n"
             "  out[2 * i] = float(m.thread_elements()[0]);\n"
             "  out[2 * i + 1] = float(m.thread_elements()[1]);\n"
             "  e.thread_elements()[0] += %s(1);\n"
             "  out[64 + 2 * i] = float(e.thread_elements()[0]);\n"
             "  out[65 + 2 * i] = float(e.thread_elements()[1]);\n}\n",
             elements[t], elements[t], elements[t], elements[t], elements[t]);
    run(text, 32, (void *[]){out}, 1);
    for (int l = 0; l < 32; l++) {
      /* METAL-FACTS 3.8: where the two elements of a lane lie */
      int q = l / 4, row = (q & 4) + (l / 2) % 4,
          col = (q & 2) * 2 + (l % 2) * 2;
      assert_true(out[2 * l] == 3 && out[2 * l + 1] == 3);
      assert_true(out[64 + 2 * l] == (row == col ? 5 : 0) + 1);
      assert_true(out[65 + 2 * l] == (row == col + 1 ? 5 : 0));
    }
  }
}

static void fragments_need_their_versions_and_families(void **state) {
  const char *text = HEAD
      "kernel void f(device %s *p [[buffer(0)]]) {\n"
      "  simdgroup_matrix<%s, 8, 8> m;\n  simdgroup_load(m, p);\n}\n";
  char as[3][512];
  for (int t = 0; t < 3; t++)
    snprintf(as[t], sizeof as[t], text, elements[t], elements[t]);
  assert_false(accepts(as[0], 220, 7));
  assert_true(accepts(as[0], 230, 7));
  assert_false(accepts(as[0], 230, 6));
  assert_true(accepts(as[1], 230, 7));
  assert_false(accepts(as[2], 300, 9));
  assert_true(accepts(as[2], 310, 7));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(atomics_exist_for_their_types_and_spaces_alone),
      cmocka_unit_test(atomics_need_their_versions_and_families),
      cmocka_unit_test(orders_other_than_relaxed_need_4_1),
      cmocka_unit_test(read_modify_writes_give_the_old_value_and_store_the_new),
      cmocka_unit_test(bool_atomics_load_store_exchange_and_compare),
      cmocka_unit_test(ulong_minimum_and_maximum_are_of_64_bits),
      cmocka_unit_test(float_compare_exchange_loops_count_exactly),
      cmocka_unit_test(threadgroup_float_additions_add_up),
      cmocka_unit_test(fragments_load_and_store_with_every_option),
      cmocka_unit_test(fragments_multiply_in_every_mix_of_types),
      cmocka_unit_test(fragments_are_filled_diagonal_and_seen_by_element),
      cmocka_unit_test(fragments_need_their_versions_and_families),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
