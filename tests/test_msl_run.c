/* SPDX-License-Identifier: MIT */
/*
 * test_msl_run.c - tests/msl/run: small kernels of the sort that hand-written
 * Metal programs hold, run, with the values that must come out.
 *
 * Comments at the top of a file say what is run and expected:
 *   // rule: ...           what it shows (for people)
 *   // out: 1 2.5 -3 ...   the first elements of out, worked out by hand
 *   // threads: 64         in the grid; 1 without it
 *   // group: 32           in a threadgroup; the grid without it
 *   // version: 3.0        of the language; 4.0 without it
 *   // within: 1e-5        relative error that is allowed; none without it
 * The first kernel of the file is given
 *   device const float *in [[buffer(0)]]   0, 1, 2, ... 255
 *   device float *out [[buffer(1)]]        256 elements of -1
 *   device uint *work [[buffer(2)]]        256 zeros
 * and runs twice: plain, and with all checks of SOFTMETAL_CHECK.
 */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above */
#include <cmocka.h>

#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../softmetal/exec/exec.h"

#ifndef TM_TEST_DIR
#define TM_TEST_DIR "tests/"
#endif

enum { ELEMENTS = 256, MOST_FILES = 300, LARGEST = 1 << 16 };

typedef struct sample {
  char name[128];
  char text[LARGEST];
  uint32_t threads, group, major, minor, n_out;
  double out[ELEMENTS], within;
} sample;

/* The rest of the line that begins with "// key: "; NULL: there is none. */
static const char *comment(const sample *s, const char *key) {
  char mark[32];
  snprintf(mark, sizeof mark, "// %s: ", key);
  const char *at = strstr(s->text, mark);
  return at ? at + strlen(mark) : NULL;
}

static void read_number(const sample *s, const char *key, uint32_t *out) {
  const char *value = comment(s, key);
  if (value) *out = (uint32_t)strtoul(value, NULL, 10);
}

static void read_sample(const char *path, sample *s) {
  FILE *f = fopen(path, "rb");
  assert_non_null(f);
  s->text[fread(s->text, 1, LARGEST - 1, f)] = 0;
  fclose(f);
  s->threads = 1;
  s->n_out = s->group = s->minor = 0;
  s->major = 4;
  s->within = 0;
  read_number(s, "threads", &s->threads);
  read_number(s, "group", &s->group);
  if (!s->group) s->group = s->threads;
  const char *value = comment(s, "version");
  if (value) assert_int_equal(sscanf(value, "%u.%u", &s->major, &s->minor), 2);
  if ((value = comment(s, "within"))) s->within = strtod(value, NULL);
  value = comment(s, "out");
  while (value && s->n_out < ELEMENTS) {
    char *end;
    const char *line = strchr(value, '\n');
    double x = strtod(value, &end);
    if (end == value || (line && end > line)) break;
    s->out[s->n_out++] = x;
    value = end;
  }
}

static char *failed(const char *what) {
  char *text = NULL;
  if (asprintf(&text, "%s", what) < 0) abort();
  return text;
}

/* NULL, or why it does not do what it says. */
static char *run_code(const sample *s, sm_code *code) {
  static float in[ELEMENTS], out[ELEMENTS];
  static uint32_t work[ELEMENTS];
  for (int i = 0; i < ELEMENTS; i++) {
    in[i] = (float)i;
    out[i] = -1;
    work[i] = 0;
  }
  sm_dispatch d = {0};
  d.code = code;
  d.grid_threads[0] = s->threads;
  d.group[0] = s->group;
  d.grid_threads[1] = d.grid_threads[2] = d.group[1] = d.group[2] = 1;
  d.buffers[0] = (sm_binding){in, sizeof in};
  d.buffers[1] = (sm_binding){out, sizeof out};
  d.buffers[2] = (sm_binding){work, sizeof work};
  char *error = NULL;
  if (sm_run(&d, &error) != SM_RUN_OK) return error;
  for (uint32_t i = 0; i < s->n_out; i++) {
    double want = s->out[i], got = (double)out[i];
    bool same = isnan(want) ? isnan(got)
                : want == got || fabs(got - want) <= s->within * fabs(want);
    if (same) continue;
    if (asprintf(&error, "out[%u] is %.9g, expected %.9g", i, got, want) < 0)
      abort();
    return error;
  }
  return NULL;
}

static char *run_program(const sample *s, const sm_program *program,
                         bool check) {
  const sm_function *kernel = NULL;
  for (uint32_t i = 0; !kernel && i < program->functions.len; i++)
    if (program->functions.data[i]->is_kernel)
      kernel = program->functions.data[i];
  if (!kernel) return failed("there is no kernel in it");
  sm_code_options options = {.check = check};
  sm_code_info info;
  char *error = NULL;
  void *object;
  size_t size;
  if (!sm_code_compile(program, kernel, &options, &object, &size, &info,
                       &error))
    return error;
  sm_code *code = sm_code_load(object, size, &info, &error);
  free(object);
  if (!code) return error;
  error = run_code(s, code);
  sm_code_release(code);
  return error;
}

static char *run_sample(const sample *s) {
  tm_arena arena;
  jmp_buf guard;
  tm_arena_init(&arena, 0);
  if (!tm_arena_guard(&arena, guard)) fail_msg("out of memory");
  tm_diags diags;
  tm_diags_init(&diags, &arena);
  sm_parse_options parse = {
      .language_version = (s->major << 16) + s->minor, .family = 9};
  sm_program *program = sm_parse(&arena, &diags, tm_cstr(s->text), &parse);
  char *error = NULL;
  if (!program) {
    tm_buf text = tm_buf_in(&arena);
    tm_diags_render_all(&diags, &text);
    error = failed(tm_buf_text(&text));
  }
  for (int check = 0; !error && check < 2; check++)
    error = run_program(s, program, check);
  tm_arena_free(&arena);
  return error;
}

static void kernels_give_the_values_that_their_files_name(void **state) {
  static sample s;
  char path[512];
  uint32_t n = 0, bad = 0;
  const char *dir = getenv("TM_TEST_DIR");
  snprintf(path, sizeof path, "%s/msl/run", dir ? dir : TM_TEST_DIR);
  DIR *folder = opendir(path);
  assert_non_null(folder);
  for (struct dirent *e; (e = readdir(folder)) && n < MOST_FILES;) {
    size_t len = strlen(e->d_name);
    if (len < 7 || strcmp(e->d_name + len - 6, ".metal") != 0) continue;
    char file[800];
    snprintf(file, sizeof file, "%s/%s", path, e->d_name);
    n++;
    read_sample(file, &s);
    char *error = s.n_out ? run_sample(&s) : failed("it expects nothing");
    if (!error) continue;
    print_error("%s: %s\n", e->d_name, error);
    free(error);
    bad++;
  }
  closedir(folder);
  if (bad) fail_msg("%u of %u files are wrong", bad, n);
  assert_true(n >= 30);
}

/* tests/msl/run/tensor_of_bfloats.metal with one text in place of another. */
static void read_tensor_sample(sample *s, const char *old, const char *new) {
  const char *dir = getenv("TM_TEST_DIR");
  char path[512];
  snprintf(path, sizeof path, "%s/msl/run/tensor_of_bfloats.metal",
           dir ? dir : TM_TEST_DIR);
  read_sample(path, s);
  char *at = strstr(s->text, old);
  assert_non_null(at);
  static char rest[LARGEST];
  snprintf(rest, sizeof rest, "%s", at + strlen(old));
  snprintf(at, sizeof s->text - (size_t)(at - s->text), "%s%s", new, rest);
}

/* Undefined in Metal; a mistake that shows is better than one that does not. */
static void products_by_other_simdgroups_are_nan(void **state) {
  static sample s;
  (void)state;
  read_tensor_sample(&s, "execution_simdgroups<1>", "execution_simdgroups<2>");
  s.out[0] = s.out[1] = (double)NAN;
  char *error = run_sample(&s);
  if (error) fail_msg("%s", error);
}

static void products_that_some_threads_skip_are_errors(void **state) {
  static sample s;
  (void)state;
  read_tensor_sample(&s, "  product.run(", "  if (i < 16) product.run(");
  char *error = run_sample(&s);
  if (!error || !strstr(error, "lanes")) fail_msg("%s", error ? error : "");
  free(error);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(kernels_give_the_values_that_their_files_name),
      cmocka_unit_test(products_by_other_simdgroups_are_nan),
      cmocka_unit_test(products_that_some_threads_skip_are_errors),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
