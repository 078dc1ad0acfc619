/* SPDX-License-Identifier: MIT */
/*
 * dump_msl.c - the MSL of every kernel of the tree (support/corpus.h), of some
 * large ones and of random ones, for comparisons of two builds.
 *
 *     dump_msl [SEEDS]        prints all texts, or why a kernel is refused,
 *                             for M1 and M4, and those of SEEDS random kernels
 *     dump_msl PATH CHIP N    compiles one N times: for profilers
 *     dump_msl times          milliseconds of each kernel, least of several
 *
 * A change to the compiler that is about its speed must leave the first byte
 * for byte as it was. Run in the top folder; not part of `make test`.
 */
#define _GNU_SOURCE
#include "random_kernels/generate.h"
#include "support/corpus.h"
#include "support/scaled_kernel.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

typedef bool compiler(tm_arena *arena, tm_diags *diags, const void *subject,
                      const char *chip, tm_result *out);

static bool compile_file(tm_arena *arena, tm_diags *diags,
                         const void *subject, const char *chip,
                         tm_result *out) {
  return corpus_compile(arena, diags, subject, chip, out);
}

static bool compile_random(tm_arena *arena, tm_diags *diags,
                           const void *subject, const char *chip,
                           tm_result *out) {
  const random_kernel *k = subject;
  golden_file file = {.path = "random", .name = "random"};
  tm_buf text = tm_buf_in(arena);
  tm_buf_printf(&text, "# kernel: k\n# signature: %s\n%s", k->signature,
                k->text);
  golden_read_text(arena, &file, tm_cstr(tm_buf_text(&text)));
  tm_request r;
  if (!golden_request(arena, diags, &file, &r)) return false;
  r.chip = tm_chip_by_name(chip);
  r.spec.num_warps = k->num_warps;
  r.spec.num_stages = k->num_stages;
  r.layout_seed = k->layout_seed;
  return tm_compile_kernel(arena, diags, &r, out);
}

/* Compiles into an arena of its own and prints what came out. */
static void compile(compiler *of, const void *subject, const char *name,
                    const char *chip, bool is_printed) {
  tm_arena arena;
  jmp_buf guard;
  tm_arena_init(&arena, 0);
  if (!tm_arena_guard(&arena, guard)) {
    printf("==== %s %s\nout of memory\n", name, chip);
    tm_arena_free(&arena);
    return;
  }
  tm_diags diags;
  tm_diags_init(&diags, &arena);
  tm_result result;
  bool ok = of(&arena, &diags, subject, chip, &result);
  if (is_printed) {
    tm_buf text = tm_buf_in(&arena);
    tm_diags_render_all(&diags, &text);
    printf("==== %s %s\n%s%s\n", name, chip, tm_buf_text(&text),
           ok ? result.msl.text : "");
  }
  tm_arena_free(&arena);
}

static double seconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static double least(const golden_file *file, const char *chip) {
  double best = 1e9, total = 0;
  for (int i = 0; i < 1000 && (i < 5 || total < 0.05); i++) {
    double start = seconds();
    compile(compile_file, file, file->path, chip, false);
    double s = seconds() - start;
    total += s;
    if (s < best) best = s;
  }
  return best;
}

static void dump_random(uint64_t seeds) {
  for (uint64_t seed = 1; seed <= seeds; seed++) {
    random_kernel k = random_kernel_of(seed);
    char name[40];
    snprintf(name, sizeof name, "random %llu", (unsigned long long)seed);
    compile(compile_random, &k, name, k.chip, true);
    free(k.text);
  }
}

static void dump_scaled(tm_arena *arena) {
  for (int kind = 0; kind < SCALED_KINDS; kind++)
    for (int c = 0; c < 2; c++) {
      golden_file file = scaled_kernel(arena, (scaled_kind)kind, 3);
      compile(compile_file, &file, file.path, c ? "m4" : "m1", true);
    }
}

int main(int argc, char **argv) {
  tm_arena arena;
  jmp_buf guard;
  tm_arena_init(&arena, 0);
  golden_file *volatile files = NULL;
  volatile uint32_t n = 0;
  if (tm_arena_guard(&arena, guard)) {
    golden_file *list;
    n = corpus_read(&arena, &list);
    files = list;
  }
  const golden_file *one = argc == 4 ? corpus_find(files, n, argv[1]) : NULL;
  if (!n || argc == 3 || (argc == 4 && !one)) {
    fprintf(stderr, "dump_msl [SEEDS] | times | PATH CHIP N, "
                    "in the top folder\n");
    return 2;
  }
  for (long i = one ? atol(argv[3]) : 0; i > 0; i--)
    compile(compile_file, one, one->path, argv[2], i == 1);
  for (uint32_t i = 0; i < n && !one; i++)
    for (int c = 0; c < 2; c++) {
      const char *chip = c ? "m4" : "m1";
      if (argc == 2 && strcmp(argv[1], "times") == 0)
        printf("%9.3f ms  %s %s\n", 1e3 * least(&files[i], chip),
               files[i].path, chip);
      else
        compile(compile_file, &files[i], files[i].path, chip, true);
    }
  if (argc == 2 && strcmp(argv[1], "times") != 0) dump_scaled(&arena);
  if (argc == 2) dump_random(strtoull(argv[1], NULL, 10));
  tm_arena_free(&arena);
  return 0;
}
