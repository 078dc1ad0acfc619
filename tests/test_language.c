/* SPDX-License-Identifier: MIT */
/*
 * test_language.c - what docs/language.md says is so.
 *
 * Every example of tests/data/constructs.txt and tests/data/builtins.txt
 * compiles to linted MSL, or is refused with the text that its list says. And
 * every row of lib/lower/builtins.def has an example: those of functions of
 * one or two numbers are made here, the others stand in builtins.txt.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../lib/compile.h"
#include "../lib/lower/value.h"
#include "support/examples.h"

#include <stdio.h>

typedef struct work {
  tm_arena arena;
  tm_diags diags;
  jmp_buf guard;
} work;

/* Compiles the example for an M1. NULL when the outcome is the expected one,
 * else what is wrong. */
static const char *compile_example(work *w, const example *e) {
  tm_diags_init(&w->diags, &w->arena);
  tm_modules *set = tm_modules_create(&w->arena, &w->diags);
  tm_module *module = tm_module_parse_text(
      set, "example", "example.py", tm_cstr(example_source(&w->arena, e)));
  tm_custom square = {.name = "square", .text = TM_STR(
      "METAL_FUNC float square(float x) { return x * x; }")};
  tm_custom_signature("fp32(fp32)", &square);
  tm_push(&w->arena, &set->customs, square);
  const tm_function_def *k = tm_module_kernel(module, "k");
  tm_request request = {.module = module, .kernel = "k",
                        .chip = tm_chip_by_name("m1")};
  if (k && !w->diags.errors) {
    request.spec.args = tm_signature_parse(&w->arena, &w->diags,
                                           example_signature, k, NULL, 0);
    request.spec.n_args = k->params.len;
  }
  tm_result result;
  if (request.spec.args)
    tm_compile_kernel(&w->arena, &w->diags, &request, &result);
  tm_buf shown = tm_buf_in(&w->arena);
  tm_diags_render_all(&w->diags, &shown);
  const char *text = tm_buf_text(&shown);
  if (!e->refused) return w->diags.errors ? text : NULL;
  if (!w->diags.errors) return "it compiles, but its list says refused\n";
  return strstr(text, e->refused) ? NULL : text;
}

/* The same on an arena of its own; says what is wrong, if asked to. */
static bool holds(work *w, const example *e, bool say) {
  volatile bool good = false;
  tm_arena_init(&w->arena, 64u << 20);
  if (tm_arena_guard(&w->arena, w->guard)) {
    const char *wrong = compile_example(w, e);
    if (wrong && say) print_message("line %u: %s\n%s%s", e->line, e->name,
                             e->body ? e->body : "", wrong);
    good = wrong == NULL;
  } else {
    print_message("%s: out of memory\n", e->name);
  }
  tm_arena_free(&w->arena);
  return good;
}

static void check_list(const char *path, uint32_t least) {
  tm_arena arena;
  jmp_buf guard;
  work *w = test_malloc(sizeof *w);
  volatile uint32_t failed = 0;
  tm_arena_init(&arena, 0);
  if (!tm_arena_guard(&arena, guard)) fail_msg("out of memory");
  example *list;
  uint32_t count = examples_read(&arena, path, &list);
  assert_true(count >= least);
  for (uint32_t i = 0; i < count; i++) failed += !holds(w, &list[i], true);
  tm_arena_free(&arena);
  test_free(w);
  assert_int_equal(failed, 0);
}

static void every_construct_has_its_answer(void **state) {
  (void)state;
  check_list("tests/data/constructs.txt", 160);
}

static void every_builtin_example_has_its_answer(void **state) {
  (void)state;
  check_list("tests/data/builtins.txt", 100);
}

/* ---- every row of the table has an example -------------------------------- */

static const struct place { uint32_t where; const char *prefix; } places[] = {
  {TM_IN_TL, "tl."}, {TM_IN_MATH, "tl.math."}, {TM_IN_DEVICE, "libdevice."},
  {TM_IN_CUDA, "tl.extra.cuda."}, {TM_IN_TARGET, "tl.target_info."},
  {TM_IN_TRITON, "triton."}, {TM_IN_PYTHON, ""}, {TM_IN_PYMATH, "math."},
  {TM_IN_METHOD, "."}, {TM_IN_DESC, "descriptor."}, {TM_IN_TYPE, "dtype."},
  {TM_IN_SHARED, "shared."},
};

static bool listed(const example *list, uint32_t count, const char *name) {
  for (uint32_t i = 0; i < count; i++)
    if (strcmp(list[i].name, name) == 0) return true;
  return false;
}

/* A call of a function of numbers, on floats or on integers. */
static bool plain_call_compiles(work *w, const char *name,
                                const char *signature) {
  static const char *const floats[] = {"f", "s", "f"};
  static const char *const ints[] = {"x", "n", "x"};
  size_t n = 1;
  for (const char *p = signature; *p; p++) n += *p == ',';
  if (!*signature || n > 3 || strchr(signature, '=') ||
      strchr(signature, '*'))
    return false;
  for (int kind = 0; kind < 2; kind++) {
    char body[200];
    int at = snprintf(body, sizeof body, "r = %s(", name);
    for (size_t i = 0; i < n; i++)
      at += snprintf(body + at, sizeof body - (size_t)at, "%s%s",
                     i ? ", " : "", (kind ? ints : floats)[i]);
    snprintf(body + at, sizeof body - (size_t)at, ")\n%s\n",
             "tl.store(f_ptr + i, tl.cast(r, tl.float32))");
    example e = {.name = name, .body = body};
    if (holds(w, &e, false)) return true;
  }
  return false;
}

/* Whether some name of the row has an example. */
static bool row_has_example(work *w, const tm_builtin *row,
                            const example *list, uint32_t count) {
  char name[100];
  for (size_t p = 0; p < TM_COUNT(places); p++) {
    if (!(row->where & places[p].where)) continue;
    snprintf(name, sizeof name, "%s%s", places[p].prefix, row->name);
    if (listed(list, count, name)) return true;
    bool function = row->where & (TM_IN_TL | TM_IN_MATH | TM_IN_DEVICE);
    if (function && *places[p].prefix != '.' &&
        plain_call_compiles(w, name, row->signature))
      return true;
  }
  return false;
}

static void every_builtin_that_works_has_an_example(void **state) {
  (void)state;
  tm_arena arena;
  jmp_buf guard;
  work *w = test_malloc(sizeof *w);
  volatile uint32_t missing = 0;
  tm_arena_init(&arena, 0);
  if (!tm_arena_guard(&arena, guard)) fail_msg("out of memory");
  example *list;
  uint32_t count = examples_read(&arena, "tests/data/builtins.txt", &list);
  for (uint32_t i = 0; i < tm_builtins_count; i++) {
    const tm_builtin *row = &tm_builtins[i];
    if (!row->fn || row_has_example(w, row, list, count)) continue;
    print_message("no example: %s(%s)\n", row->name, row->signature);
    missing++;
  }
  tm_arena_free(&arena);
  test_free(w);
  assert_int_equal(missing, 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(every_construct_has_its_answer),
    cmocka_unit_test(every_builtin_example_has_its_answer),
    cmocka_unit_test(every_builtin_that_works_has_an_example),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
