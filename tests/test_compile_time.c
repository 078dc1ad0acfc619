/* SPDX-License-Identifier: MIT */
/*
 * test_compile_time.c - the time of a compile, source to linted MSL, is linear
 * in the kernel's size, and small.
 *
 * Clocks are noise on a busy machine, so growth is counted. This program
 * links a copy of the compiler that the C compiler has instrumented to call a
 * hook in each basic block (-fsanitize-coverage=trace-pc): the number of calls
 * is the work that is done, equal in every run. Kernels of each kind of
 * support/scaled_kernel.h are compiled at three sizes, each twice the one
 * before. Where work grows in proportion, the second step up costs twice the
 * first; where some part of it is quadratic, more, up to four times. Time in
 * the C library is not counted, so memory is looked at beside.
 *
 * A few compiles are also timed, against bars that leave room for slow
 * machines, debug builds and the hook: bench/compile_time.c has the real ones.
 */
#define _POSIX_C_SOURCE 200809L
#include "support/corpus.h"
#include "support/scaled_kernel.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <time.h>

#include <cmocka.h>

static uint64_t blocks;

void __sanitizer_cov_trace_pc(void);
void __sanitizer_cov_trace_pc(void) { blocks++; }

typedef struct work {
  uint64_t blocks, bytes;
} work;

static double cpu_seconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

/* Compiles the file; what that took. */
static work compile(const golden_file *file, const char *chip) {
  tm_arena arena;
  jmp_buf guard;
  tm_arena_init(&arena, 0);
  if (!tm_arena_guard(&arena, guard)) fail_msg("%s: memory", file->path);
  tm_diags diags;
  tm_diags_init(&diags, &arena);
  tm_result result;
  uint64_t before = blocks;
  bool ok = corpus_compile(&arena, &diags, file, chip, &result);
  work w = {blocks - before, arena.used};
  if (!ok) {
    tm_buf text = tm_buf_in(&arena);
    tm_diags_render_all(&diags, &text);
    print_error("%s: %s", file->path, tm_buf_text(&text));
  }
  tm_arena_free(&arena);
  assert_true(ok);
  return w;
}

/* ---- growth ----------------------------------------------------------------- */

enum { SMALLEST = 2, SIZES = 3 };
/* How much more than twice the first step the second may cost: tables that
 * double and searches in trees are within it. */
static const double MOST_GROWTH = 1.06, MOST_MEMORY = 1.5;

static double second_step(uint64_t small, uint64_t middle, uint64_t large) {
  return (double)(large - middle) / (2.0 * (double)(middle - small));
}

static void grows_in_proportion(scaled_kind kind, const char *chip) {
  tm_arena arena;
  jmp_buf guard;
  tm_arena_init(&arena, 0);
  if (!tm_arena_guard(&arena, guard)) fail_msg("memory");
  work w[SIZES];
  for (int i = 0; i < SIZES; i++) {
    golden_file file = scaled_kernel(&arena, kind, SMALLEST << i);
    w[i] = compile(&file, chip);
  }
  tm_arena_free(&arena);
  double steps = second_step(w[0].blocks, w[1].blocks, w[2].blocks);
  double bytes = second_step(w[0].bytes, w[1].bytes, w[2].bytes);
  print_message("%-16s %s: %7.0f, %7.0f, %7.0f thousand blocks, growth %.2f, "
                "memory %.2f\n", scaled_kind_name(kind), chip,
                1e-3 * (double)w[0].blocks, 1e-3 * (double)w[1].blocks,
                1e-3 * (double)w[2].blocks, steps, bytes);
  if (steps > MOST_GROWTH)
    fail_msg("%s on %s: work grows %.2f times as fast as the kernel",
             scaled_kind_name(kind), chip, steps);
  if (bytes > MOST_MEMORY)
    fail_msg("%s on %s: memory grows %.2f times as fast as the kernel",
             scaled_kind_name(kind), chip, bytes);
}

static void work_is_counted(void **state) {
  (void)state;
  uint64_t before = blocks;
  tm_arena arena;
  tm_arena_init(&arena, 0);
  tm_buf text = tm_buf_in(&arena);
  for (int i = 0; i < 1000; i++) tm_buf_printf(&text, "%d", i);
  tm_arena_free(&arena);
  assert_true(blocks > before + 1000);
}

static void work_grows_as_the_kernel_does_on_m1(void **state) {
  (void)state;
  for (int kind = 0; kind < SCALED_KINDS; kind++)
    grows_in_proportion((scaled_kind)kind, "m1");
}

/* Products go another way there. */
static void work_grows_as_the_kernel_does_on_m4(void **state) {
  (void)state;
  grows_in_proportion(SCALED_PRODUCTS, "m4");
  grows_in_proportion(SCALED_CHAINED, "m4");
  grows_in_proportion(SCALED_TIGHT, "m4");
}

/* ---- bars -------------------------------------------------------------------- */

static const struct { const char *path; double milliseconds; } bars[] = {
  {"examples/kernels/vector_add.py", 0.15},
  {"examples/kernels/matmul.py", 1.5},
  {"examples/kernels/attention.py", 4},
  {"tests/golden/run/attention_backward_half.py", 4},
  {"tests/golden/run/sort_of_512_both_ways.py", 40},
};

static double least_milliseconds(const golden_file *file) {
  double least = 1e9;
  for (int i = 0; i < 12; i++) {
    double start = cpu_seconds();
    compile(file, "m1");
    double ms = 1e3 * (cpu_seconds() - start);
    if (ms < least) least = ms;
  }
  return least;
}

static void compiles_are_far_from_slow(void **state) {
  (void)state;
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  skip();
#endif
  enum { ROOM = 8 };
  tm_arena arena;
  jmp_buf guard;
  tm_arena_init(&arena, 0);
  if (!tm_arena_guard(&arena, guard)) fail_msg("memory");
  golden_file *files;
  uint32_t n = corpus_read(&arena, &files);
  for (size_t i = 0; i < TM_COUNT(bars); i++) {
    const golden_file *file = corpus_find(files, n, bars[i].path);
    assert_non_null(file);
    double ms = least_milliseconds(file);
    print_message("%-45s %.3f ms\n", bars[i].path, ms);
    if (ms > ROOM * bars[i].milliseconds)
      fail_msg("%s takes %.2f ms: the bar is %g ms and there is room for %d "
               "times as much", bars[i].path, ms, bars[i].milliseconds, ROOM);
  }
  tm_arena_free(&arena);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(work_is_counted),
      cmocka_unit_test(work_grows_as_the_kernel_does_on_m1),
      cmocka_unit_test(work_grows_as_the_kernel_does_on_m4),
      cmocka_unit_test(compiles_are_far_from_slow),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
