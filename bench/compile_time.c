/* SPDX-License-Identifier: MIT */
/*
 * compile_time.c - Triton source to linted MSL, best of many: the kernels that
 * people start with, the largest of the tree, and how time grows with size.
 *
 * Growth is the time of a kernel of one kind (tests/support/scaled_kernel.h)
 * sixteen times over, beside sixteen times that of one: 1 is in proportion,
 * less when what every compile costs is a large part of the small one. What a
 * large kernel's memory costs beside a small one's is in it, so it is not as
 * sharp as the count of tests/test_compile_time.c.
 */
#include "bench.h"

#include "../tests/support/corpus.h"
#include "../tests/support/large_kernel.h"
#include "../tests/support/scaled_kernel.h"

#include <stdio.h>
#include <stdlib.h>

enum { ROUNDS = 200, FEW = 5, GROWN = 16 };

/* Seconds through the public interface. */
static double once(tm_context *context, const golden_file *file) {
  tm_error *error = NULL;
  tm_module *module;
  tm_kernel *kernel;
  tm_compile_options options = TM_COMPILE_OPTIONS_INIT;
  options.signature = golden_value(file, "signature", 0);
  options.chip = "m1";
  options.cache = TM_SWITCH_OFF;
  double start = bench_seconds();
  bench_check(tm_module_parse(&module, NULL, file->path, file->text.ptr,
                              file->text.len, NULL, &error),
              error);
  bench_check(tm_compile(&kernel, context, module,
                         golden_value(file, "kernel", 0), &options, &error),
              error);
  double seconds = bench_seconds() - start;
  tm_kernel_destroy(kernel);
  tm_module_destroy(module);
  return seconds;
}

static double best_of(tm_context *context, const golden_file *file) {
  double best = 1e9;
  for (int i = 0; i < ROUNDS; i++) {
    double seconds = once(context, file);
    if (seconds < best) best = seconds;
  }
  return best;
}

/* Seconds of the compiler alone; negative when it refuses the kernel. */
static double once_inside(const golden_file *file) {
  tm_arena arena;
  jmp_buf guard;
  tm_arena_init(&arena, 0);
  if (!tm_arena_guard(&arena, guard)) exit(1);
  tm_diags diags;
  tm_diags_init(&diags, &arena);
  tm_result result;
  double start = bench_seconds();
  bool ok = corpus_compile(&arena, &diags, file, "m1", &result);
  double seconds = bench_seconds() - start;
  tm_arena_free(&arena);
  return ok ? seconds : -1;
}

static double best_inside(const golden_file *file, int rounds) {
  double best = once_inside(file);
  for (int i = 1; i < rounds && best >= 0; i++) {
    double seconds = once_inside(file);
    if (seconds < best) best = seconds;
  }
  return best;
}

/* ---- the kernels of the tree --------------------------------------------- */

static uint32_t lines_of(const golden_file *file) {
  uint32_t lines = 0;
  for (size_t i = 0; i < file->text.len; i++)
    lines += file->text.ptr[i] == '\n';
  return lines;
}

static void row(const char *what, const golden_file *file, double bar) {
  char name[120];
  const char *slash = strrchr(file->path, '/');
  snprintf(name, sizeof name, "compile the %s, %s", what,
           slash ? slash + 1 : file->path);
  bench_limit(name, 1e3 * best_inside(file, ROUNDS), "ms", bar);
}

static void largest(const golden_file *files, uint32_t n) {
  const golden_file *slowest = NULL, *longest = NULL;
  double most = 0;
  for (uint32_t i = 0; i < n; i++) {
    double seconds = best_inside(&files[i], FEW);
    if (seconds < 0) continue; /* those that show what is refused */
    if (seconds > most) most = seconds, slowest = &files[i];
    if (!longest || lines_of(&files[i]) > lines_of(longest))
      longest = &files[i];
  }
  if (slowest) row("slowest kernel", slowest, 40);
  if (longest) row("longest kernel", longest, 40);
}

/* ---- a kernel of 1,000 lines and 160 parameters ---------------------------- */

static golden_file large_file(tm_arena *arena) {
  golden_file file = {.path = "large", .name = "large"};
  tm_buf text = tm_buf_in(arena);
  tm_buf_printf(&text, "# kernel: k\n# signature: %s\n%s",
                large_kernel_signature(arena),
                large_kernel_text(arena, 1000));
  golden_read_text(arena, &file, tm_cstr(tm_buf_text(&text)));
  return file;
}

static double lower_once(const golden_file *file) {
  tm_arena arena;
  jmp_buf guard;
  tm_diags diags;
  tm_request r;
  tm_arena_init(&arena, 0);
  if (!tm_arena_guard(&arena, guard)) exit(1);
  tm_diags_init(&diags, &arena);
  if (!golden_request(&arena, &diags, file, &r)) exit(1);
  double start = bench_seconds();
  if (!tm_lower(&arena, &diags, r.module, r.kernel, &r.spec)) exit(1);
  double seconds = bench_seconds() - start;
  tm_arena_free(&arena);
  return seconds;
}

static void large(tm_arena *arena) {
  golden_file file = large_file(arena);
  double best = 1e9;
  for (int i = 0; i < 40; i++) {
    double seconds = lower_once(&file);
    if (seconds < best) best = seconds;
  }
  bench_limit("lower 1,000 lines, 160 parameters", 1e3 * best, "ms", 20);
  bench_limit("compile 1,000 lines, 160 parameters",
              1e3 * best_inside(&file, 40), "ms", 40);
}

/* ---- growth ----------------------------------------------------------------- */

static void growth(tm_arena *arena) {
  for (int kind = 0; kind < SCALED_KINDS; kind++) {
    golden_file one = scaled_kernel(arena, (scaled_kind)kind, 1);
    golden_file many = scaled_kernel(arena, (scaled_kind)kind, GROWN);
    double small = best_inside(&one, ROUNDS), big = best_inside(&many, 20);
    if (small < 0 || big < 0) exit(1);
    char name[80];
    snprintf(name, sizeof name, "compile %d times the %s (%.3g ms once)",
             GROWN, scaled_kind_name((scaled_kind)kind), 1e3 * small);
    bench_limit(name, big / small / GROWN, "times as much each", 1.3);
  }
}

void bench_compile(void) {
  static const struct { const char *name, *path; double bar; } rows[] = {
    {"compile vector add", "examples/kernels/vector_add.py", 0.15},
    {"compile matrix product", "examples/kernels/matmul.py", 1.5},
    {"compile attention forward", "examples/kernels/attention.py", 4},
    {"compile attention backward",
     "tests/golden/run/attention_backward_half.py", 4},
  };
  if (!bench_wanted("compile")) return;
  tm_context *context;
  tm_error *error = NULL;
  tm_arena arena;
  jmp_buf guard;
  golden_file *files;
  bench_check(tm_context_create(&context, NULL, &error), error);
  tm_arena_init(&arena, 0);
  if (!tm_arena_guard(&arena, guard)) exit(1);
  uint32_t n = corpus_read(&arena, &files);
  for (size_t i = 0; i < TM_COUNT(rows); i++) {
    const golden_file *file = corpus_find(files, n, rows[i].path);
    if (!file) exit(1);
    bench_limit(rows[i].name, 1e3 * best_of(context, file), "ms",
                rows[i].bar);
  }
  largest(files, n);
  large(&arena);
  growth(&arena);
  tm_arena_free(&arena);
  tm_context_destroy(context);
}
