/* SPDX-License-Identifier: MIT */
/*
 * test_msl_front.c - the MSL front end: sm_parse and the tree it makes.
 *
 * tests/msl/accept and tests/msl/reject hold one small source for each rule
 * of the language. Comments at their top say what is expected:
 *   // rule: ...                     the rule (for people)
 *   // expect: LINE:COL text         one error, in a reject file; there must
 *                                    be no other errors
 *   // version: 2.4   // family: 8   options, else MSL 3.2 and Apple9
 * The expectations follow the MSL specification and C++; none was written
 * from the output of the program.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

#include "../softmetal/msl/tree.h"
#include "fuzz/msl_mutate.h"

#ifndef TM_TEST_DIR
#define TM_TEST_DIR "tests/"
#endif

/* Sanitizers make a parse ten times slower: look at fewer damages then. */
#if defined(__SANITIZE_ADDRESS__)
#define UNDER_SANITIZER 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define UNDER_SANITIZER 1
#endif
#endif
#ifdef UNDER_SANITIZER
enum { STRIDE = 13 };
#else
enum { STRIDE = 1 };
#endif

/* ---- one parse -------------------------------------------------------- */

typedef struct parsed {
  tm_arena arena;
  tm_diags diags;
  sm_program *program;
  jmp_buf guard;
} parsed;

static sm_parse_options default_options(void) {
  sm_parse_options o = {0};
  o.language_version = (3u << 16) + 2;
  o.family = 9;
  return o;
}

static void parse_with(parsed *r, tm_str text, const sm_parse_options *o) {
  tm_arena_init(&r->arena, 64u << 20);
  r->program = NULL;
  if (!tm_arena_guard(&r->arena, r->guard)) {
    fail_msg("out of memory");
    return;
  }
  tm_diags_init(&r->diags, &r->arena);
  r->program = sm_parse(&r->arena, &r->diags, text, o);
}

static void parse_text(parsed *r, const char *text) {
  sm_parse_options o = default_options();
  parse_with(r, tm_cstr(text), &o);
}

static void done(parsed *r) { tm_arena_free(&r->arena); }

static void show(parsed *r, const char *name) {
  tm_buf text = tm_buf_in(&r->arena);
  tm_diags_render_all(&r->diags, &text);
  print_error("%s:\n%s\n", name, tm_buf_text(&text));
}

/* Parses text that must be right, and returns the dump. */
static const char *dump_of(parsed *r, const char *text) {
  parse_text(r, text);
  if (!r->program) show(r, "unexpected errors");
  assert_non_null(r->program);
  tm_buf out = tm_buf_in(&r->arena);
  sm_program_dump(r->program, &out);
  return tm_buf_text(&out);
}

static void assert_dumps(const char *text, const char *expected) {
  parsed r;
  const char *dump = dump_of(&r, text);
  if (!strstr(dump, expected))
    print_error("expected: %s\nin:\n%s\n", expected, dump);
  assert_non_null(strstr(dump, expected));
  done(&r);
}

#define PRELUDE "#include <metal_stdlib>\nusing namespace metal;\n"
#define IN_KERNEL(body)                                           \
  PRELUDE "kernel void f(device float *y [[buffer(0)]],\n"        \
          "              uint i [[thread_position_in_grid]]) {\n" \
          body "\n}\n"

/* ---- the folders ------------------------------------------------------ */

typedef struct sample {
  char name[128];
  char *text; /* malloc'ed, not zero-terminated: overruns are seen */
  size_t len;
} sample;

enum { MOST_SAMPLES = 1000 };

static int by_name(const void *a, const void *b) {
  return strcmp(((const sample *)a)->name, ((const sample *)b)->name);
}

static const char *test_dir(void) {
  const char *dir = getenv("TM_TEST_DIR");
  return dir ? dir : TM_TEST_DIR;
}

static void read_sample(const char *path, sample *s) {
  FILE *f = fopen(path, "rb");
  assert_non_null(f);
  static char buffer[1 << 16];
  s->len = fread(buffer, 1, sizeof buffer, f);
  fclose(f);
  s->text = malloc(s->len ? s->len : 1);
  memcpy(s->text, buffer, s->len);
}

static size_t read_files(const char *folder, sample *out) {
  char path[512];
  snprintf(path, sizeof path, "%s/%s", test_dir(), folder);
  DIR *dir = opendir(path);
  assert_non_null(dir);
  size_t n = 0;
  for (struct dirent *e; (e = readdir(dir)) && n < MOST_SAMPLES;) {
    size_t len = strlen(e->d_name);
    if (len < 7 || strcmp(e->d_name + len - 6, ".metal") != 0) continue;
    if (len >= sizeof out[n].name) continue;
    memcpy(out[n].name, e->d_name, len + 1);
    char file[800];
    snprintf(file, sizeof file, "%s/%s", path, e->d_name);
    read_sample(file, &out[n++]);
  }
  closedir(dir);
  qsort(out, n, sizeof *out, by_name);
  return n;
}

static size_t read_folder(const char *folder, sample *out) {
  char path[64];
  snprintf(path, sizeof path, "msl/%s", folder);
  return read_files(path, out);
}

static void free_samples(sample *s, size_t n) {
  for (size_t i = 0; i < n; i++) free(s[i].text);
}

/* The next "// key: value" comment at or after *at; NULL at the end. */
static const char *next_comment(const sample *s, const char *key, size_t *at,
                                char *value, size_t size) {
  char mark[32];
  int n = snprintf(mark, sizeof mark, "// %s: ", key);
  while (*at < s->len) {
    const char *line = s->text + *at, *end = memchr(line, '\n', s->len - *at);
    size_t len = end ? (size_t)(end - line) : s->len - *at;
    *at += len + 1;
    if (len < (size_t)n || memcmp(line, mark, (size_t)n) != 0) continue;
    size_t rest = len - (size_t)n;
    if (rest >= size) rest = size - 1;
    memcpy(value, line + n, rest);
    value[rest] = 0;
    return value;
  }
  return NULL;
}

static sm_parse_options options_of(const sample *s) {
  sm_parse_options o = default_options();
  char value[64];
  size_t at = 0;
  unsigned major, minor;
  if (next_comment(s, "version", &at, value, sizeof value) &&
      sscanf(value, "%u.%u", &major, &minor) == 2)
    o.language_version = (major << 16) + minor;
  at = 0;
  if (next_comment(s, "family", &at, value, sizeof value))
    o.family = (uint32_t)atoi(value);
  return o;
}

static void accepted_samples_parse_without_errors(void **state) {
  static sample samples[MOST_SAMPLES];
  size_t n = read_folder("accept", samples), failed = 0;
  assert_true(n >= 40);
  for (size_t i = 0; i < n; i++) {
    parsed r;
    sm_parse_options o = options_of(&samples[i]);
    parse_with(&r, (tm_str){samples[i].text, samples[i].len}, &o);
    if (!r.program || r.diags.list.len) {
      show(&r, samples[i].name);
      failed++;
    }
    done(&r);
  }
  free_samples(samples, n);
  assert_int_equal(failed, 0);
}

static bool has_error(const parsed *r, unsigned line, unsigned col,
                      const char *text) {
  for (uint32_t i = 0; i < r->diags.list.len; i++) {
    const tm_diag *d = &r->diags.list.data[i];
    if (d->severity == TM_ERROR && d->loc.line == line && d->loc.col == col &&
        strstr(d->message, text))
      return true;
  }
  return false;
}

static bool check_rejected(const sample *s) {
  parsed r;
  sm_parse_options o = options_of(s);
  parse_with(&r, (tm_str){s->text, s->len}, &o);
  char value[256];
  size_t at = 0;
  uint32_t expected = 0;
  bool ok = r.program == NULL;
  while (next_comment(s, "expect", &at, value, sizeof value)) {
    unsigned line, col;
    int used = 0;
    expected++;
    if (sscanf(value, "%u:%u %n", &line, &col, &used) != 2 || !value[used] ||
        !has_error(&r, line, col, value + used)) {
      print_error("%s: no error %s\n", s->name, value);
      ok = false;
    }
  }
  if (!expected || r.diags.errors != expected) {
    print_error("%s: %u errors, %u expected\n", s->name, r.diags.errors,
                expected);
    ok = false;
  }
  if (!ok) show(&r, s->name);
  done(&r);
  return ok;
}

static void rejected_samples_give_exactly_the_errors_they_name(void **state) {
  static sample samples[MOST_SAMPLES];
  size_t n = read_folder("reject", samples), failed = 0;
  assert_true(n >= 40);
  for (size_t i = 0; i < n; i++) failed += !check_rejected(&samples[i]);
  free_samples(samples, n);
  assert_int_equal(failed, 0);
}

/* ---- damage ----------------------------------------------------------- */

/* Any bytes: a program, or errors; never both, never a crash. */
static void parse_damaged(const char *text, size_t len) {
  char *exact = malloc(len ? len : 1); /* so that overruns are seen */
  memcpy(exact, text, len);
  parsed r;
  sm_parse_options o = default_options();
  parse_with(&r, (tm_str){exact, len}, &o);
  assert_int_equal(r.program == NULL, r.diags.errors != 0);
  for (uint32_t i = 0; i < r.diags.list.len; i++) {
    assert_non_null(r.diags.list.data[i].message);
    assert_null(strchr(r.diags.list.data[i].message, '\n'));
  }
  done(&r);
  free(exact);
}

static void truncated_samples_never_crash(void **state) {
  static sample samples[MOST_SAMPLES];
  size_t n = read_folder("accept", samples);
  n += read_folder("reject", samples + n);
  n += read_folder("run", samples + n);
  for (size_t i = 0; i < n; i++)
    for (size_t len = i % STRIDE; len < samples[i].len; len += STRIDE)
      parse_damaged(samples[i].text, len);
  free_samples(samples, n);
}

static void flipped_samples_never_crash(void **state) {
  static sample samples[MOST_SAMPLES];
  static char copy[1 << 16];
  size_t n = read_folder("accept", samples);
  n += read_folder("reject", samples + n);
  n += read_folder("run", samples + n);
  uint32_t random = 12345;
  for (size_t i = 0; i < n; i++) {
    memcpy(copy, samples[i].text, samples[i].len);
    for (size_t at = i % STRIDE; at < samples[i].len; at += STRIDE) {
      random = random * 1664525u + 1013904223u; /* Numerical Recipes */
      char old = copy[at];
      copy[at] = (char)(old ^ (char)(1u << (random >> 29)));
      parse_damaged(copy, samples[i].len);
      copy[at] = old;
    }
  }
  free_samples(samples, n);
}

/* What fuzzing found once, as it was and damaged again by whole tokens, and
 * the samples damaged so. */
static void fuzzed_texts_never_crash(void **state) {
  static sample samples[MOST_SAMPLES];
  static char copy[2 << 16];
  size_t found = read_files("fuzz/msl_corpus", samples), n = found;
  assert_true(found > 0);
  n += read_folder("accept", samples + n);
  n += read_folder("reject", samples + n);
  n += read_folder("run", samples + n);
  for (size_t i = 0; i < n; i++) {
    if (i < found) parse_damaged(samples[i].text, samples[i].len);
    for (uint64_t k = 0; k < 40; k += STRIDE) {
      memcpy(copy, samples[i].text, samples[i].len);
      size_t len = msl_mutate(copy, samples[i].len, sizeof copy, i * 100 + k);
      parse_damaged(copy, len);
    }
  }
  free_samples(samples, n);
}

static void repeated(tm_buf *text, const char *piece, int n) {
  for (int i = 0; i < n; i++) tm_buf_puts(text, piece);
}

/* head, n times piece, middle, n times closing, tail */
static void parse_repeated(const char *head, const char *piece,
                           const char *middle, const char *closing,
                           const char *tail, int n, bool must_fail) {
  parsed r;
  tm_arena arena;
  tm_arena_init(&arena, 0);
  tm_buf text = tm_buf_in(&arena);
  tm_buf_puts(&text, head);
  repeated(&text, piece, n);
  tm_buf_puts(&text, middle);
  repeated(&text, closing, n);
  tm_buf_puts(&text, tail);
  parse_text(&r, tm_buf_text(&text));
  if (!must_fail && !r.program) show(&r, piece);
  assert_int_equal(r.program == NULL, must_fail);
  done(&r);
  tm_arena_free(&arena);
}

static void deep_nesting_is_an_error_and_moderate_nesting_is_not(
    void **state) {
  static const char head[] = PRELUDE
      "kernel void f(device float *y [[buffer(0)]]) {\n";
  static const struct {
    const char *piece, *middle, *closing, *tail;
  } rows[] = {
    {"(", "y[0]", ")", " = 1.0f;\n}\n"},
    {"{", "", "}", "\n}\n"},
    {"- ", "y[0]", "", ";\n}\n"},
    {"if (y[0] > 1.0f) ", "y[0] = 1.0f;", "", "\n}\n"},
    {"y[0] = ", "1.0f;", "", "\n}\n"},
    {"y[0] > 1.0f ? 2.0f : ", "1.0f;", "", "\n}\n"},
    {"y[int(", "0", ")]", " = 1.0f;\n}\n"},
    {"for (;;) ", "break;", "", "\n}\n"},
  };
  for (size_t i = 0; i < TM_COUNT(rows); i++) {
    parse_repeated(head, rows[i].piece, rows[i].middle, rows[i].closing,
                   rows[i].tail, 60, false);
    parse_repeated(head, rows[i].piece, rows[i].middle, rows[i].closing,
                   rows[i].tail, 5000, true);
  }
}

static void long_chains_are_an_error_and_moderate_ones_are_not(
    void **state) {
  static const char head[] = PRELUDE
      "kernel void f(device float *y [[buffer(0)]]) {\n";
  parse_repeated(head, "y[0] + ", "1.0f;", "", "\n}\n", 500, false);
  parse_repeated(head, "y[0] + ", "1.0f;", "", "\n}\n", 5000, true);
  parse_repeated(head, "y[0], ", "1.0f;", "", "\n}\n", 5000, true);
}

static void exploding_macros_are_an_error(void **state) {
  parsed r;
  tm_arena arena;
  tm_arena_init(&arena, 0);
  for (int empty = 0; empty < 2; empty++) {
    tm_buf text = tm_buf_in(&arena);
    tm_buf_printf(&text, "#define A0 %s\n", empty ? "" : ";");
    for (int i = 1; i < 60; i++)
      tm_buf_printf(&text, "#define A%d A%d A%d\n", i, i - 1, i - 1);
    tm_buf_puts(&text, "A59\n");
    tm_arena_init(&r.arena, 2048u << 20);
    r.program = NULL;
    if (tm_arena_guard(&r.arena, r.guard)) {
      tm_diags_init(&r.diags, &r.arena);
      sm_parse_options o = default_options();
      r.program = sm_parse(&r.arena, &r.diags,
                           tm_cstr(tm_buf_text(&text)), &o);
    } else {
      fail_msg("out of memory");
    }
    assert_null(r.program);
    assert_int_equal(r.diags.errors, 1);
    done(&r);
  }
  tm_arena_free(&arena);
}

static void a_full_arena_jumps_to_its_boundary(void **state) {
  static const char text[] = IN_KERNEL("y[i] = exp(y[i]) + 1.0f;");
  volatile int finished = 0;
  for (volatile size_t limit = 1024; limit < 400 * 1024; limit += 8192) {
    tm_arena arena;
    jmp_buf guard;
    tm_arena_init(&arena, limit);
    if (tm_arena_guard(&arena, guard)) {
      tm_diags diags;
      sm_parse_options o = default_options();
      tm_diags_init(&diags, &arena);
      finished += sm_parse(&arena, &diags, tm_cstr(text), &o) != NULL;
    } else {
      assert_true(arena.exhausted);
    }
    tm_arena_free(&arena);
  }
  assert_true(finished > 0);
}

/* ---- the tree --------------------------------------------------------- */

static void reads_casts_and_pointer_sums_are_explicit(void **state) {
  assert_dumps(IN_KERNEL("y[i] = 2 * y[i + 1];"),
               "(assign (deref (+ (read y) (read i))) (* 2.0f (read (deref "
               "(+ (read y) (+ (read i) 1u))))))");
  assert_dumps(IN_KERNEL("short s = 1; y[i] = s;"),
               "(cast:float (read s))");
  assert_dumps(IN_KERNEL("float a[4]; thread float *p = a;"),
               "local p : thread float * = (address (index a 0))");
}

static void scalars_fill_vectors_by_a_splat(void **state) {
  assert_dumps(IN_KERNEL("float4 v = 1; v = v * y[0];"),
               "local v : float4 = (splat:float4 1.0f)");
  assert_dumps(IN_KERNEL("half4 v = 1.0h; v = v * 2.0f;"),
               "(assign v (* (read v) (splat:half4 2.0h)))");
}

static void swizzles_are_lvalues_only_where_distinct(void **state) {
  assert_dumps(IN_KERNEL("float4 v = 1; v.zyx.xy = v.xx;"),
               "(assign (swizzle .zy v) (shuffle .xx (read v)))");
  assert_dumps(IN_KERNEL("float4 v = 1; y[i] = v.rgb.b;"),
               "(read (swizzle .z v))");
}

static void constants_become_literals(void **state) {
  assert_dumps(PRELUDE "constant constexpr int N = 64, M = N / 3 + 1;\n",
               "constant M : const int = 22");
  assert_dumps(IN_KERNEL("const int n = 3 * 5; y[i] = n;"),
               "(assign (deref (+ (read y) (read i))) 15.0f)");
  /* 1/3 in float is 0x3eaaaaab, in half 0x3555 = 0.33325195 */
  assert_dumps(PRELUDE "constant float A = 1.0f / 3.0f;\n", "= 0.33333334f");
  assert_dumps(PRELUDE "constant half A = half(1.0f / 3.0f);\n",
               "= 0.33325195h");
}

static void a_constant_of_function_constants_is_its_expression(
    void **state) {
  assert_dumps(PRELUDE
               "constant bool A [[function_constant(3)]];\n"
               "constant bool B = !A;\n"
               "kernel void f(device float *y [[buffer(0)]]) {\n"
               "  if (B) y[0] = 1.0f;\n}\n",
               "if (! (read A))");
}

static void compound_assignment_names_the_type_it_works_in(void **state) {
  assert_dumps(IN_KERNEL("half h = 1.0h; h += y[i];"),
               "(+=:float h (read (deref (+ (read y) (read i)))))");
  assert_dumps(IN_KERNEL("uchar c = 1; c <<= i;"), "(<<=:int c (read i))");
  assert_dumps(IN_KERNEL("y += 2;"), "(+=:device float * y 2)");
}

static void library_calls_have_the_overload_s_types(void **state) {
  assert_dumps(IN_KERNEL("float4 v = max(float4(y[i]), 0);"),
               "(max:float4/fast (splat:float4 (read (deref (+ (read y) (read "
               "i))))) (splat:float4 0.0f))");
  assert_dumps(IN_KERNEL("short s = 1; s = max(s, s);"), "(max:short (read s)");
  assert_dumps(IN_KERNEL("y[i] = ldexp(y[i], 3u);"), "3)");
  assert_dumps(IN_KERNEL("y[i] = simd_shuffle_and_fill_up(y[i], 0.0f, 1);"),
               " 0.0f 1u 32u)");
}

static void precision_follows_options_and_namespaces(void **state) {
  parsed r;
  sm_parse_options o = default_options();
  o.precise_functions = true;
  parse_with(&r, tm_cstr(IN_KERNEL("y[i] = exp(y[i]) + fast::exp(y[i]);")),
             &o);
  assert_non_null(r.program);
  tm_buf out = tm_buf_in(&r.arena);
  sm_program_dump(r.program, &out);
  assert_non_null(strstr(tm_buf_text(&out), "(exp:float (read"));
  assert_non_null(strstr(tm_buf_text(&out), "(exp:float/fast (read"));
  done(&r);
  assert_dumps(IN_KERNEL("y[i] = precise::exp(y[i]);"), "(exp:float (read");
  assert_dumps(IN_KERNEL("y[i] = exp(y[i]);"), "(exp:float/fast (read");
  assert_dumps(IN_KERNEL("y[i] = exp(half(y[i]));"), "(exp:half (cast");
  assert_dumps(IN_KERNEL("y[i] = y[i] / 3.0f;"), "(/ (read");
  assert_dumps("#pragma METAL fp math_mode(fast)\n"
               IN_KERNEL("y[i] = y[i] / 3.0f;"), "(//fast (read");
}

static const sm_expr *only_binary(const parsed *r) {
  const sm_function *f = r->program->functions.data[0];
  const sm_stmt *s = f->body->body.data[0];
  assert_int_equal(s->e->kind, SM_ASSIGN);
  assert_int_equal(s->e->a[1]->kind, SM_BINARY);
  return s->e->a[1];
}

static void contraction_follows_pragmas(void **state) {
  parsed r;
  parse_text(&r, IN_KERNEL("y[0] = y[1] * y[2] + y[3];"));
  assert_true(only_binary(&r)->contract);
  done(&r);
  parse_text(&r, "#pragma METAL fp contract(off)\n"
                 IN_KERNEL("y[0] = y[1] * y[2] + y[3];"));
  assert_false(only_binary(&r)->contract);
  done(&r);
  parse_text(&r, IN_KERNEL("#pragma STDC FP_CONTRACT OFF\n"
                           "y[0] = y[1] * y[2] + y[3];"));
  assert_false(only_binary(&r)->contract);
  done(&r);
}

static void fragments_and_their_elements_have_their_own_nodes(
    void **state) {
  assert_dumps(IN_KERNEL("simdgroup_float8x8 m(2.0f);\n"
                         "m.thread_elements()[i] = 1.0f;"),
               "local m : simdgroup_float8x8 = (simdgroup_matrix "
               "(diagonal):simdgroup_float8x8 2.0f)");
  assert_dumps(IN_KERNEL("simdgroup_float8x8 m;\n"
                         "m.thread_elements()[i & 1] = 1.0f;"),
               "(assign (thread-elements m (& (read i) 1u)) 1.0f)");
  assert_dumps(IN_KERNEL("simdgroup_float8x8 m; simdgroup_load(m, y);"),
               "(simdgroup_load:void m (read y) 8ul (splat:ulong2 0ul) "
               "false)");
}

static void kernels_know_their_arguments_and_resources(void **state) {
  parsed r;
  parse_text(&r, PRELUDE
             "struct P { uint n; packed_float3 v; half h; };\n"
             "static void sync() {\n"
             "  threadgroup_barrier(mem_flags::mem_threadgroup);\n}\n"
             "[[max_total_threads_per_threadgroup(64)]]\n"
             "kernel void f(device float *a, constant P &p [[buffer(0)]],\n"
             "              device float *b, threadgroup float *t,\n"
             "              ushort l [[thread_index_in_simdgroup]]) {\n"
             "  threadgroup float x[33];\n"
             "  sync();\n}\n"
             "kernel void g(device float *a) { }\n");
  assert_non_null(r.program);
  assert_int_equal(r.program->functions.len, 3);
  const sm_function *f = r.program->functions.data[1];
  assert_string_equal(f->name, "f");
  assert_true(f->is_kernel);
  assert_int_equal(f->max_threads, 64);
  assert_int_equal(f->threadgroup_bytes, 132);
  assert_true(f->has_barrier);
  /* free indices in order of declaration: 0 is taken by p */
  assert_int_equal(f->params.data[0]->index, 1);
  assert_int_equal(f->params.data[1]->index, 0);
  assert_int_equal(f->params.data[2]->index, 2);
  assert_int_equal(f->params.data[3]->kind, SM_V_TG_BUFFER);
  assert_int_equal(f->params.data[3]->index, 0);
  assert_int_equal(f->params.data[4]->input, SM_IN_THREAD_INDEX_IN_SIMDGROUP);
  const sm_struct *p = f->params.data[1]->type->element->structure;
  assert_int_equal(p->members.data[1].offset, 4);
  assert_int_equal(p->members.data[2].offset, 16);
  assert_int_equal(f->params.data[1]->type->element->size, 20);
  assert_false(r.program->functions.data[2]->has_barrier);
  done(&r);
}

static void host_macros_are_defined_first(void **state) {
  static const sm_macro macros[] = {{"TILE", "4 * 2"}, {"FLAG", NULL}};
  parsed r;
  sm_parse_options o = default_options();
  o.macros = macros;
  o.n_macros = 2;
  parse_with(&r, tm_cstr("#if FLAG\nstatic_assert(TILE == 8, \"\");\n"
                         "#else\n#error FLAG\n#endif\n"), &o);
  if (!r.program) show(&r, "macros");
  assert_non_null(r.program);
  done(&r);
}

static void the_nearest_name_is_hinted(void **state) {
  parsed r;
  parse_text(&r, IN_KERNEL("float value = 1.0f; y[i] = valeu;"));
  assert_int_equal(r.diags.errors, 1);
  assert_string_equal(r.diags.list.data[0].hint, "did you mean 'value'?");
  done(&r);
}

static void equal_types_are_equal_pointers(void **state) {
  parsed r;
  parse_text(&r, IN_KERNEL("device const float4 *a = 0; float b[2][3];\n"
                           "const device vec<float, 4> *c = a;\n"
                           "float d[2][3];"));
  assert_non_null(r.program);
  const sm_stmt *body = r.program->functions.data[0]->body;
  assert_ptr_equal(body->body.data[0]->var->type,
                   body->body.data[2]->var->type);
  assert_ptr_equal(body->body.data[1]->var->type,
                   body->body.data[3]->var->type);
  assert_string_equal(body->body.data[0]->var->type->spelling,
                      "const device float4 *");
  assert_string_equal(body->body.data[1]->var->type->spelling, "float [2][3]");
  done(&r);
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(accepted_samples_parse_without_errors),
    cmocka_unit_test(rejected_samples_give_exactly_the_errors_they_name),
    cmocka_unit_test(reads_casts_and_pointer_sums_are_explicit),
    cmocka_unit_test(scalars_fill_vectors_by_a_splat),
    cmocka_unit_test(swizzles_are_lvalues_only_where_distinct),
    cmocka_unit_test(constants_become_literals),
    cmocka_unit_test(a_constant_of_function_constants_is_its_expression),
    cmocka_unit_test(compound_assignment_names_the_type_it_works_in),
    cmocka_unit_test(library_calls_have_the_overload_s_types),
    cmocka_unit_test(precision_follows_options_and_namespaces),
    cmocka_unit_test(contraction_follows_pragmas),
    cmocka_unit_test(fragments_and_their_elements_have_their_own_nodes),
    cmocka_unit_test(kernels_know_their_arguments_and_resources),
    cmocka_unit_test(host_macros_are_defined_first),
    cmocka_unit_test(the_nearest_name_is_hinted),
    cmocka_unit_test(equal_types_are_equal_pointers),
    cmocka_unit_test(deep_nesting_is_an_error_and_moderate_nesting_is_not),
    cmocka_unit_test(long_chains_are_an_error_and_moderate_ones_are_not),
    cmocka_unit_test(exploding_macros_are_an_error),
    cmocka_unit_test(a_full_arena_jumps_to_its_boundary),
    cmocka_unit_test(truncated_samples_never_crash),
    cmocka_unit_test(flipped_samples_never_crash),
    cmocka_unit_test(fuzzed_texts_never_crash),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
