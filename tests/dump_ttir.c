/* SPDX-License-Identifier: MIT */
/*
 * dump_ttir.c - prints the TTIR that lowering makes, before any pass.
 *
 *     dump_ttir FILE KERNEL SIGNATURE [NAME=VALUE ...]
 *
 * For comparisons with other front ends (tests/upstream_compare.py); not part
 * of `make test`. Exits 1 with the diagnostics when the kernel is refused.
 */
#include "../lib/compile.h"

#include <stdio.h>

enum { LARGEST = 1 << 22 };
static char text[LARGEST];

static tm_ir *lower(tm_arena *arena, tm_diags *diags, tm_module *module,
                    int argc, char **argv) {
  tm_named_const named[64];
  uint32_t n = 0;
  for (int i = 4; i < argc && n < TM_COUNT(named); i++) {
    char *equals = strchr(argv[i], '=');
    if (!equals) continue;
    named[n].name = tm_strndup(arena, argv[i], (size_t)(equals - argv[i]));
    tm_const_parse(arena, tm_cstr(equals + 1), &named[n++].value);
  }
  const tm_function_def *f = tm_module_kernel(module, argv[2]);
  tm_spec spec = {.num_warps = 4, .num_stages = 3};
  if (f) {
    spec.args = tm_signature_parse(arena, diags, argv[3], f, named, n);
    spec.n_args = f->params.len;
    if (!spec.args) return NULL;
  }
  return tm_lower(arena, diags, module, argv[2], &spec);
}

int main(int argc, char **argv) {
  if (argc < 4) {
    fprintf(stderr, "dump_ttir FILE KERNEL SIGNATURE [NAME=VALUE ...]\n");
    return 2;
  }
  FILE *file = fopen(argv[1], "rb");
  if (!file) {
    perror(argv[1]);
    return 2;
  }
  size_t n = fread(text, 1, sizeof text, file);
  fclose(file);
  tm_arena arena;
  jmp_buf guard;
  tm_arena_init(&arena, 0);
  if (!tm_arena_guard(&arena, guard)) {
    fprintf(stderr, "out of memory\n");
    tm_arena_free(&arena);
    return 3;
  }
  tm_diags diags;
  tm_diags_init(&diags, &arena);
  tm_modules *set = tm_modules_create(&arena, &diags);
  tm_module *module =
      tm_module_parse_text(set, "kernels", argv[1], (tm_str){text, n});
  tm_ir *ir = lower(&arena, &diags, module, argc, argv);
  tm_buf out = tm_buf_in(&arena);
  if (ir && tm_ir_verify(ir, &diags, "lower")) tm_ir_print(ir, &out);
  fputs(tm_buf_text(&out), stdout);
  tm_buf messages = tm_buf_in(&arena);
  tm_diags_render_all(&diags, &messages);
  fputs(tm_buf_text(&messages), stderr);
  bool failed = !ir || diags.errors;
  tm_arena_free(&arena);
  return failed;
}
