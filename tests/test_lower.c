/* SPDX-License-Identifier: MIT */
/*
 * test_lower.c - lowering of kernels to TTIR.
 *
 * Most facts are golden files in tests/golden/lower: one small kernel each,
 * with the TTIR lines or the errors that it must give (support/golden.h). The
 * expected lines are what Triton's own front end makes of the kernel;
 * tests/upstream_compare.py checks that they still are. Here are the facts
 * that need C: hostile input, limits, independence of calls.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "support/golden.h"
#include "support/large_kernel.h"

#include <stdio.h>
#include <time.h>

/* Runs body with an armed arena of the given limit; fails on exhaustion. */
typedef struct work {
  tm_arena arena;
  tm_diags diags;
  jmp_buf guard;
} work;

static const char *check_file(work *w, const golden_file *file) {
  tm_diags_init(&w->diags, &w->arena);
  tm_ir *ir = golden_lower(&w->arena, &w->diags, file);
  const char *wrong = golden_check_errors(&w->arena, file, &w->diags);
  if (wrong) return wrong;
  bool refused = golden_value(file, "expect-error", 0) != NULL;
  if (refused != (ir == NULL)) return "the result and the errors disagree";
  if (!ir) return NULL;
  if (!tm_ir_verify(ir, &w->diags, "lower"))
    return golden_check_errors(&w->arena, file, &w->diags);
  tm_buf text = tm_buf_in(&w->arena);
  tm_ir_print(ir, &text);
  return golden_check_text(&w->arena, file, "ttir", tm_buf_text(&text));
}

static void every_golden_file_holds(void **state) {
  (void)state;
  work *w = test_malloc(sizeof *w);
  golden_file *files = NULL;
  volatile uint32_t failed = 0, count = 0;
  tm_arena_init(&w->arena, 0);
  if (!tm_arena_guard(&w->arena, w->guard)) fail_msg("out of memory");
  count = golden_read_folder(&w->arena, "tests/golden/lower", &files);
  if (!count)
    count = golden_read_folder(&w->arena, "golden/lower", &files);
  assert_true(count > 40);
  for (uint32_t i = 0; i < count; i++) {
    const char *wrong = check_file(w, &files[i]);
    if (!wrong) continue;
    fprintf(stderr, "%s\n", wrong);
    failed++;
  }
  tm_arena_free(&w->arena);
  test_free(w);
  assert_int_equal(failed, 0);
}

/* ---- texts made here ------------------------------------------------------- */

/* Lowers kernel k of text with no arguments; gives the number of errors and
 * keeps the first message. */
static uint32_t lower_text(const char *text, const tm_spec *spec,
                           char *message, size_t size) {
  work *w = test_malloc(sizeof *w);
  static const tm_spec none = {0};
  tm_arena_init(&w->arena, 0);
  if (!tm_arena_guard(&w->arena, w->guard)) {
    tm_arena_free(&w->arena);
    test_free(w);
    fail_msg("out of memory");
  }
  tm_diags_init(&w->diags, &w->arena);
  tm_modules *set = tm_modules_create(&w->arena, &w->diags);
  tm_module *module =
      tm_module_parse_text(set, "m", "m.py", tm_cstr(text));
  uint32_t syntax = w->diags.errors; /* those do not stop lowering */
  tm_ir *ir = tm_lower(&w->arena, &w->diags, module, "k",
                       spec ? spec : &none);
  if (ir) assert_true(tm_ir_verify(ir, &w->diags, "lower"));
  uint32_t errors = w->diags.errors;
  assert_true((ir == NULL) == (errors != syntax));
  message[0] = 0;
  for (uint32_t i = 0; i < w->diags.list.len && !message[0]; i++)
    if (w->diags.list.data[i].severity == TM_ERROR)
      snprintf(message, size, "%s", w->diags.list.data[i].message);
  tm_arena_free(&w->arena);
  test_free(w);
  return errors;
}

static const char head[] =
    "import triton\nimport triton.language as tl\n@triton.jit\n";

static char *text_of(const char *body) {
  size_t n = sizeof head + strlen(body) + 1;
  char *text = test_malloc(n);
  snprintf(text, n, "%s%s", head, body);
  return text;
}

static void expect_error(const char *body, const char *part) {
  char message[512], *text = text_of(body);
  uint32_t errors = lower_text(text, NULL, message, sizeof message);
  test_free(text);
  if (!errors) fail_msg("no error for %s", body);
  if (!strstr(message, part))
    fail_msg("expected \"%s\", got \"%s\"", part, message);
}

/* The line of the first note that has part; 0 when there is none. */
static uint32_t line_of_note(const char *body, const char *part) {
  char *text = text_of(body);
  work *w = test_malloc(sizeof *w);
  static const tm_spec none = {0};
  tm_arena_init(&w->arena, 0);
  if (!tm_arena_guard(&w->arena, w->guard)) fail_msg("out of memory");
  tm_diags_init(&w->diags, &w->arena);
  tm_modules *set = tm_modules_create(&w->arena, &w->diags);
  tm_module *module = tm_module_parse_text(set, "m", "m.py", tm_cstr(text));
  tm_lower(&w->arena, &w->diags, module, "k", &none);
  uint32_t line = 0;
  for (uint32_t i = 0; i < w->diags.list.len && !line; i++) {
    const tm_diag *d = &w->diags.list.data[i];
    if (d->severity == TM_NOTE && strstr(d->message, part))
      line = d->loc.line;
  }
  tm_arena_free(&w->arena);
  test_free(w);
  test_free(text);
  return line;
}

static void a_mismatch_says_where_both_sides_were_made(void **state) {
  (void)state;
  static const char shapes[] =
      "def k():\n  a = tl.arange(0, 16)\n  b = tl.arange(0, 32)\n"
      "  c = a + b\n";
  assert_int_equal(line_of_note(shapes, "a, int32[16] is made here"), 5);
  assert_int_equal(line_of_note(shapes, "b, int32[32] is made here"), 6);
  static const char kinds[] =
      "def k():\n  a = tl.program_id(0)\n  b = tl.program_id(0).to(tl.uint32)"
      "\n  c = a // b\n";
  assert_int_equal(line_of_note(kinds, "a, int32 is made here"), 5);
}

static void endless_unrolling_is_refused(void **state) {
  (void)state;
  expect_error("def k():\n  for i in tl.static_range(1000000000):\n"
               "    pass\n",
               "too much code");
  expect_error("def k():\n  for i in tl.static_range(10 ** 30):\n    pass\n",
               "too much code");
}

static void recursion_is_refused_with_the_chain(void **state) {
  (void)state;
  expect_error("def g(x):\n  return h(x)\n@triton.jit\ndef h(x):\n"
               "  return g(x)\n@triton.jit\ndef k():\n  g(tl.program_id(0))\n",
               "recursion does not end: g -> h -> g");
}

static void exponential_calls_end(void **state) {
  (void)state;
  expect_error("def f(n):\n  if n > 0:\n    f(n - 1)\n    f(n - 1)\n"
               "@triton.jit\ndef k():\n  f(50)\n",
               "too much code");
}

static void a_constexpr_without_value_is_named(void **state) {
  (void)state;
  expect_error("def k(o, BLOCK: tl.constexpr):\n  pass\n",
               "parameter 'o' is given no argument");
  expect_error("def k(BLOCK: tl.constexpr):\n  pass\n",
               "missing constexpr 'BLOCK'");
}

static void a_missing_kernel_names_the_nearest(void **state) {
  (void)state;
  char message[512];
  char *text = text_of("def kernel():\n  pass\n");
  assert_int_equal(lower_text(text, NULL, message, sizeof message), 1);
  assert_non_null(strstr(message, "has no kernel 'k'"));
  test_free(text);
}

static void huge_powers_and_shifts_are_errors_not_hangs(void **state) {
  (void)state;
  expect_error("def k():\n  x: tl.constexpr = 3 ** 1000\n", "128 bits");
  expect_error("def k():\n  x: tl.constexpr = 1 << 4000\n", "128 bits");
  expect_error("def k():\n  x: tl.constexpr = 1 // 0\n", "division by zero");
  expect_error("def k():\n  x: tl.constexpr = (1, 2) * 1000000000\n",
               "too many items");
}

/* Every prefix and many one-byte changes of a kernel: an error or a module,
 * never a crash. */
static void broken_texts_never_crash(void **state) {
  (void)state;
  static const char body[] =
      "def f(a, b=2, *c):\n"
      "  if a > b:\n    return a\n  return b\n"
      "@triton.jit\n"
      "def k():\n"
      "  x = tl.arange(0, 16)[:, None] + 1\n"
      "  y, z = (x, 2.5)\n"
      "  acc = tl.zeros((16, 1), tl.int32)\n"
      "  for i in range(4, tl.num_programs(0), 2):\n"
      "    acc += x if i < 3 else -x\n"
      "  while z < 9:\n    z = z * 2\n"
      "  t = f(tl.program_id(0), b=tl.max(acc, 0)) // 3\n"
      "  s = tl.sort(tl.ravel(acc))\n"
      "  assert t == 1, f'{y} {3:>5}'\n";
  char message[512];
  char *text = text_of(body);
  size_t n = strlen(text);
  for (size_t cut = sizeof head - 1; cut < n; cut += 3) {
    char *part = test_malloc(cut + 1);
    memcpy(part, text, cut);
    part[cut] = 0;
    lower_text(part, NULL, message, sizeof message);
    test_free(part);
  }
  uint64_t seed = 88172645463325252u; /* xorshift64, Marsaglia 2003 */
  static const char bytes[] = "()[]:,.*+-/%<>= \n\t\"'0x9a_tl#@&|~^\\{}";
  for (int round = 0; round < 600; round++) {
    char *copy = text_of(body);
    for (int change = 0; change < 2; change++) {
      seed ^= seed << 13, seed ^= seed >> 7, seed ^= seed << 17;
      copy[sizeof head - 1 + seed % (n - sizeof head + 1)] =
          bytes[(seed >> 40) % (sizeof bytes - 1)];
    }
    lower_text(copy, NULL, message, sizeof message);
    test_free(copy);
  }
  test_free(text);
}

/* ---- golden files, broken ------------------------------------------------- */

static uint64_t next_random(uint64_t *seed) {
  *seed ^= *seed << 13; /* xorshift64, Marsaglia 2003 */
  *seed ^= *seed >> 7;
  return *seed ^= *seed << 17;
}

/* Cuts the text, copies a part of it over another, or changes bytes. */
static void break_text(char *text, size_t n, uint64_t *seed) {
  static const char bytes[] = "()[]:,.*+-/%<>= \n\t\"'0x9a_tl#@&|~^\\{}";
  uint64_t how = next_random(seed) % 4;
  size_t at = next_random(seed) % n;
  if (how == 0) {
    text[at] = 0;
  } else if (how == 1) {
    size_t from = next_random(seed) % n, len = next_random(seed) % 40;
    if (from + len > n) len = n - from;
    if (at + len > n) len = n - at;
    memmove(text + at, text + from, len);
  } else {
    for (uint64_t i = 0; i < how; i++)
      text[next_random(seed) % n] =
          bytes[(next_random(seed) >> 40) % (sizeof bytes - 1)];
  }
}

/* Whatever is left of a kernel is lowered to something valid, or refused. */
static void lower_broken(const char *path, tm_str text, uint64_t seed) {
  work *w = test_malloc(sizeof *w);
  tm_arena_init(&w->arena, 0);
  if (!tm_arena_guard(&w->arena, w->guard)) fail_msg("out of memory");
  tm_diags_init(&w->diags, &w->arena);
  size_t head_end = 0; /* the directives stay */
  while (head_end < text.len && text.ptr[head_end] == '#')
    head_end = (size_t)((const char *)memchr(text.ptr + head_end, '\n',
                                             text.len - head_end) -
                        text.ptr) + 1;
  char *copy = tm_strndup(&w->arena, text.ptr, text.len);
  uint64_t state = seed;
  break_text(copy + head_end, text.len - head_end, &state);
  golden_file broken = {.path = path, .name = "broken"};
  golden_read_text(&w->arena, &broken, tm_cstr(copy));
  tm_ir *ir = golden_lower_broken(&w->arena, &w->diags, &broken);
  if (ir && !tm_ir_verify(ir, &w->diags, "lower"))
    fail_msg("%s, seed %llu: not valid\n%s", path, (unsigned long long)seed,
             copy);
  tm_arena_free(&w->arena);
  test_free(w);
}

static void broken_golden_files_never_crash(void **state) {
  (void)state;
  enum { ROUNDS = 20 };
  tm_arena arena;
  jmp_buf guard;
  golden_file *files = NULL;
  tm_arena_init(&arena, 0);
  if (!tm_arena_guard(&arena, guard)) fail_msg("out of memory");
  uint32_t count = golden_read_folder(&arena, "tests/golden/lower", &files);
  assert_true(count > 40);
  for (uint32_t i = 0; i < count; i++)
    for (uint64_t round = 1; round <= ROUNDS; round++)
      lower_broken(files[i].path, files[i].text,
                   (i * 1000 + round) * 0x9e3779b97f4a7c15u);
  tm_arena_free(&arena);
}

/* ---- the largest kernel ----------------------------------------------------- */

/* Lowers the large kernel; gives the arena's bytes and the processor time. */
static double lower_large(uint32_t lines, size_t *bytes, size_t *source) {
  work *w = test_malloc(sizeof *w);
  tm_arena_init(&w->arena, 0);
  if (!tm_arena_guard(&w->arena, w->guard)) fail_msg("out of memory");
  tm_diags_init(&w->diags, &w->arena);
  const char *text = large_kernel_text(&w->arena, lines);
  tm_modules *set = tm_modules_create(&w->arena, &w->diags);
  tm_module *module = tm_module_parse_text(set, "m", "m.py", tm_cstr(text));
  const tm_function_def *k = tm_module_kernel(module, "k");
  tm_spec spec = {.num_warps = 4, .num_stages = 3,
                  .n_args = k ? k->params.len : 0};
  assert_true(spec.n_args >= 160);
  spec.args = tm_signature_parse(&w->arena, &w->diags,
                                 large_kernel_signature(&w->arena), k, NULL,
                                 0);
  assert_non_null(spec.args);
  size_t before = w->arena.used;
  clock_t start = clock();
  tm_ir *ir = tm_lower(&w->arena, &w->diags, module, "k", &spec);
  double seconds = (double)(clock() - start) / CLOCKS_PER_SEC;
  assert_non_null(ir);
  assert_true(tm_ir_verify(ir, &w->diags, "lower"));
  *bytes = w->arena.used - before;
  *source = strlen(text);
  tm_arena_free(&w->arena);
  test_free(w);
  return seconds;
}

/* 20 ms are meant at -O2 on a machine that is not shared; ten times that is
 * what an instrumented build under load may take. */
static void the_largest_kernel_lowers_in_no_time(void **state) {
  (void)state;
  size_t bytes, source;
  double best = 1;
  for (int i = 0; i < 5; i++) {
    double seconds = lower_large(1000, &bytes, &source);
    if (seconds < best) best = seconds;
  }
  assert_true(best < 0.2);
}

static void memory_grows_as_the_source_does(void **state) {
  (void)state;
  size_t bytes, source, more_bytes, more_source;
  lower_large(1000, &bytes, &source);
  lower_large(4000, &more_bytes, &more_source);
  double ratio = (double)more_source / (double)source;
  assert_true((double)more_bytes < 1.2 * ratio * (double)bytes);
  assert_true(bytes < 200 * source);
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(every_golden_file_holds),
    cmocka_unit_test(a_mismatch_says_where_both_sides_were_made),
    cmocka_unit_test(endless_unrolling_is_refused),
    cmocka_unit_test(recursion_is_refused_with_the_chain),
    cmocka_unit_test(exponential_calls_end),
    cmocka_unit_test(a_constexpr_without_value_is_named),
    cmocka_unit_test(a_missing_kernel_names_the_nearest),
    cmocka_unit_test(huge_powers_and_shifts_are_errors_not_hangs),
    cmocka_unit_test(broken_texts_never_crash),
    cmocka_unit_test(broken_golden_files_never_crash),
    cmocka_unit_test(the_largest_kernel_lowers_in_no_time),
    cmocka_unit_test(memory_grows_as_the_source_does),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
