/* SPDX-License-Identifier: MIT */
/*
 * test_corpus.c - kernels as people write them, run twice: through the whole
 * library on the device, and by the evaluator of tests/oracle on the TTIR
 * that lowering makes, before any pass. Both get the same random arrays; all
 * of them are compared afterwards.
 *
 * The kernels are the files of tests/golden/run. Their directives
 * (support/golden.h) say how they are launched:
 *
 *     # kernel: k
 *     # signature: *fp32:16, *i32:16, i32, 256
 *     # grid: 4 1                programs in x and y
 *     # scalars: 1000            the run-time numbers, in order
 *
 * Files with `# checked:` also run with the device's checks for races, bounds
 * and what was never written, their threads in random order.
 *
 * Integers must be equal. Floats may differ by the order of sums: at most
 * BOUND of the largest element of the array, a few thousand roundings of
 * float; half outputs by two of their own roundings, and by HALF_BOUND since
 * what is rounded to half on the way can fall to either side.
 */
#define _GNU_SOURCE
#include "oracle/arrays.h"
#include "oracle/eval.h"
#include "support/device.h"
#include "support/golden.h"

#include "../lib/compile.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ELEMENTS = 40000, MAX_SCALARS = 32, MAX_ARGS = 64 };
static const double BOUND = 4e-5, HALF_BOUND = 0x1p-12;

/* One launch of a file. */
typedef struct entry {
  const golden_file *file;
  const char *signature;
  uint32_t grid[2];
  double scalars[MAX_SCALARS];
} entry;

static entry read_entry(const golden_file *file) {
  entry e = {.file = file, .signature = golden_value(file, "signature", 0),
             .grid = {1, 1}};
  const char *grid = golden_value(file, "grid", 0);
  const char *scalars = golden_value(file, "scalars", 0);
  if (!e.signature || !grid ||
      sscanf(grid, "%u %u", &e.grid[0], &e.grid[1]) < 1)
    fail_msg("%s says no signature or no grid", file->path);
  for (uint32_t i = 0; scalars && *scalars && i < MAX_SCALARS; i++) {
    char *end;
    e.scalars[i] = strtod(scalars, &end);
    if (end == scalars) fail_msg("%s: scalars: %s", file->path, scalars);
    scalars = end;
    while (*scalars == ' ') scalars++;
  }
  return e;
}

static uint64_t seed;

/* Each file has arrays of its own, whatever files there are besides. */
static void seed_for(const char *name) {
  seed = 4242;
  for (; *name; name++) seed = seed * 31 + (unsigned char)*name;
}

static size_t size_of(const char *type) {
  tm_scalar s = eval_scalar_named(type);
  return eval_element_size(s);
}

static void compare(const entry *e, uint32_t arg, const char *type,
                    const void *got, const void *want) {
  tm_scalar s = eval_scalar_named(type);
  if (!tm_scalar_is_float(s)) {
    assert_memory_equal(got, want, ELEMENTS * size_of(type));
    return;
  }
  double rounding = s == TM_F32 ? 0 : s == TM_BF16 ? 0x1p-6 : 0x1p-9;
  double most = 0;
  for (int pass = 0; pass < 2; pass++)
    for (size_t i = 0; i < ELEMENTS; i++) {
      double a = eval_element(got, s, i), b = eval_element(want, s, i);
      if (!pass && isfinite(b)) most = fmax(most, fabs(b));
      double part = s == TM_F32 ? BOUND : HALF_BOUND;
      double bound = part * most + fabs(b) * rounding;
      if (pass && !(a == b || (isnan(a) && isnan(b)) ||
                    fabs(a - b) <= bound))
        fail_msg("%s: argument %u, element %zu is %g, not %g", e->file->name, arg,
                 i, a, b);
    }
}

/* The unoptimised TTIR of the kernel. */
static tm_ir *lowered(tm_arena *arena, const entry *e) {
  tm_diags diags;
  tm_diags_init(&diags, arena);
  tm_ir *ir = golden_lower(arena, &diags, e->file);
  if (ir) return ir;
  tm_buf text = tm_buf_in(arena);
  tm_diags_render_all(&diags, &text);
  fail_msg("%s: %s", e->file->name, tm_buf_text(&text));
  return NULL;
}

typedef struct arrays {
  tm_buffer *buffer[8];
  void *copy[8];
  tm_arg args[MAX_ARGS];
  tm_eval_arg eval[MAX_ARGS];
  uint32_t n;
} arrays;

static void make_arguments(device_test *t, const entry *e,
                           const tm_kernel_facts *facts, arrays *a) {
  uint32_t scalars = 0, buffers = 0;
  memset(a, 0, sizeof *a);
  for (a->n = 0; a->n < facts->n_args; a->n++) {
    const tm_kernel_arg *arg = &facts->args[a->n];
    if (arg->is_buffer) {
      size_t bytes = ELEMENTS * size_of(arg->type + 1);
      tm_buffer *b = device_array(t, ELEMENTS, size_of(arg->type + 1));
      void *copy = malloc(bytes);
      assert_non_null(copy);
      eval_fill(copy, eval_scalar_named(arg->type + 1), ELEMENTS, &seed);
      memcpy(tm_buffer_contents(b), copy, bytes);
      a->buffer[buffers] = b;
      a->copy[buffers++] = copy;
      a->args[a->n] = tm_arg_buffer(b, 0);
      a->eval[a->n] = (tm_eval_arg){.data = copy, .bytes = bytes};
    } else {
      double x = e->scalars[scalars++];
      bool is_float = strcmp(arg->type, "fp32") == 0;
      a->args[a->n] = is_float ? tm_arg_float(x) : tm_arg_int((int64_t)x);
      a->eval[a->n] = (tm_eval_arg){.i = (int64_t)x,
                                    .f = is_float ? (double)(float)x : x};
    }
  }
}

static void run_entry(const entry *e, uint32_t warps) {
  char *source = malloc(e->file->text.len + 1);
  assert_non_null(source);
  memcpy(source, e->file->text.ptr, e->file->text.len);
  source[e->file->text.len] = 0;
  device_test t = device_open(NULL, source);
  tm_error *error = NULL;
  tm_kernel *kernel = NULL;
  tm_compile_options options = TM_COMPILE_OPTIONS_INIT;
  options.signature = e->signature;
  options.num_warps = warps;
  const char *name = golden_value(e->file, "kernel", 0);
  if (tm_compile(&kernel, t.context, t.module, name, &options, &error))
    fail_msg("%s", tm_error_text(error));
  arrays a;
  seed_for(e->file->name);
  make_arguments(&t, e, tm_kernel_info(kernel), &a);
  if (tm_launch(t.stream, kernel, tm_grid_3d(e->grid[0], e->grid[1], 1),
                a.args, a.n, &error) ||
      tm_stream_synchronize(t.stream, TM_WAIT_FOREVER, &error))
    fail_msg("%s: %s", e->file->name, tm_error_text(error));
  tm_arena arena;
  jmp_buf guard;
  tm_arena_init(&arena, 0);
  assert_true(tm_arena_guard(&arena, guard));
  tm_eval_options eval = {.grid = {e->grid[0], e->grid[1], 1},
                          .max_steps = 500000000};
  tm_eval_result result = tm_eval_run(lowered(&arena, e), a.eval, a.n, &eval);
  if (result.error) fail_msg("%s: %s", e->file->name, result.error);
  assert_true(result.stores > 0);
  const tm_kernel_facts *facts = tm_kernel_info(kernel);
  for (uint32_t i = 0, b = 0; i < facts->n_args; i++)
    if (facts->args[i].is_buffer) {
      compare(e, i, facts->args[i].type + 1,
              tm_buffer_contents(a.buffer[b]), a.copy[b]);
      b++;
    }
  for (int b = 0; b < 8; b++) tm_buffer_destroy(a.buffer[b]), free(a.copy[b]);
  tm_arena_free(&arena);
  tm_kernel_destroy(kernel);
  device_close(&t);
  free(source);
}

/* Runs every file, the n-th with warps[n % 2] simdgroups a program; checked:
 * only those that say so. */
static uint32_t run_all(const uint32_t warps[2], bool checked) {
  tm_arena arena;
  jmp_buf guard;
  golden_file *files = NULL;
  tm_arena_init(&arena, 0);
  assert_true(tm_arena_guard(&arena, guard));
  uint32_t count = golden_read_folder(&arena, "tests/golden/run", &files);
  assert_true(count >= 36);
  uint32_t ran = 0;
  for (uint32_t i = 0; i < count; i++) {
    if (checked && !golden_value(&files[i], "checked", 0)) continue;
    entry e = read_entry(&files[i]);
    run_entry(&e, warps[i % 2]);
    ran++;
  }
  tm_arena_free(&arena);
  return ran;
}

static void every_kernel_gives_the_evaluators_answer(void **state) {
  (void)state;
  run_all((const uint32_t[2]){4, 4}, false);
}

static void on_other_numbers_of_simdgroups_too(void **state) {
  (void)state;
  run_all((const uint32_t[2]){8, 1}, false);
}

static void in_any_order_of_threads_without_races(void **state) {
  static const char *const seeds[] = {"1", "2", "3"};
  (void)state;
  setenv("SOFTMETAL_CHECK", "1", 1);
  for (uint32_t i = 0; i < TM_COUNT(seeds); i++) {
    setenv("SOFTMETAL_SHUFFLE", seeds[i], 1);
    assert_true(run_all((const uint32_t[2]){4, 2u << i}, true) >= 6);
  }
  unsetenv("SOFTMETAL_SHUFFLE");
  unsetenv("SOFTMETAL_CHECK");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_kernel_gives_the_evaluators_answer),
      cmocka_unit_test(on_other_numbers_of_simdgroups_too),
      cmocka_unit_test(in_any_order_of_threads_without_races),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
