/* SPDX-License-Identifier: MIT */
/* soft_code.c - MSL text to code that runs, for tests of softmetal/exec. */
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
#include <unistd.h>

#include "soft_code.h"

static sm_program *parse(tm_arena *arena, const char *text) {
  tm_diags diags;
  tm_diags_init(&diags, arena);
  sm_parse_options options = {.language_version = (3u << 16) + 1, .family = 9};
  sm_program *program = sm_parse(arena, &diags, tm_cstr(text), &options);
  if (!program) {
    tm_buf buf = tm_buf_in(arena);
    tm_diags_render_all(&diags, &buf);
    fail_msg("%s", tm_buf_text(&buf));
  }
  return program;
}

static const sm_function *kernel_of(const sm_program *program) {
  const sm_function *kernel = NULL;
  for (uint32_t i = 0; i < program->functions.len; i++)
    if (program->functions.data[i]->is_kernel)
      kernel = program->functions.data[i];
  assert_non_null(kernel);
  return kernel;
}

sm_code *soft_compile(const char *text, const sm_code_options *options,
                      void **object, size_t *size) {
  tm_arena arena;
  jmp_buf guard;
  tm_arena_init(&arena, 0);
  if (!tm_arena_guard(&arena, guard)) fail_msg("out of memory");
  sm_program *program = parse(&arena, text);
  sm_code_info info;
  char *error = NULL;
  void *bytes;
  size_t n;
  if (!sm_code_compile(program, kernel_of(program), options, &bytes, &n,
                       &info, &error))
    fail_msg("%s", error);
  sm_code *code = sm_code_load(bytes, n, &info, &error);
  if (!code) fail_msg("%s", error);
  if (object) {
    *object = bytes;
    *size = n;
  } else {
    free(bytes);
  }
  tm_arena_free(&arena);
  return code;
}

/* The emitter leaves its text in a folder that SOFTMETAL_DUMP names. */
unsigned soft_count(const char *text, const sm_code_options *options,
                    const char *what) {
  static const char *const names[] = {"whole", "before", "after"};
  enum { WIDEST = 1 << 22 };
  char folder[] = "/tmp/tm-llvm-XXXXXX", path[64];
  char *llvm = malloc(WIDEST);
  assert_non_null(llvm);
  assert_non_null(mkdtemp(folder));
  setenv("SOFTMETAL_DUMP", folder, 1);
  sm_code_release(soft_compile(text, options, NULL, NULL));
  unsetenv("SOFTMETAL_DUMP");
  snprintf(path, sizeof path, "%s/after.ll", folder);
  FILE *file = fopen(path, "r");
  assert_non_null(file);
  size_t size = fread(llvm, 1, WIDEST - 1, file);
  fclose(file);
  assert_true(size < WIDEST - 1);
  llvm[size] = 0;
  unsigned n = 0;
  for (const char *at = llvm; (at = strstr(at, what)); at++) n++;
  free(llvm);
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    snprintf(path, sizeof path, "%s/%s.ll", folder, names[i]);
    unlink(path);
  }
  assert_int_equal(rmdir(folder), 0);
  return n;
}
