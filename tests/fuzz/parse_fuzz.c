/* SPDX-License-Identifier: MIT */
/*
 * parse_fuzz.c - libFuzzer's entry into the parser. Any bytes must give a
 * module, and what has no error must print to text that parses to an equal
 * tree.
 *
 *   clang -g -O1 -fsanitize=fuzzer,address,undefined -o parse_fuzz \
 *     tests/fuzz/parse_fuzz.c tests/fuzz/ast_dump.c lib/lang/[a-z]*.c \
 *     lib/base/[a-z]*.c -lm
 *   ./parse_fuzz -max_len=4096 corpus/ tests/golden/lang/
 *
 * What it finds becomes a row of test_lang.c, which replays random edits and
 * every truncation of the golden files on each `make test`.
 */
#include "ast_dump.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(tm_arena *arena, const uint8_t *data, size_t size) {
  tm_diags diags;
  tm_diags_init(&diags, arena);
  tm_modules *set = tm_modules_create(arena, &diags);
  tm_module *module = tm_module_parse_text(
      set, "m", "m.py", (tm_str){(const char *)data, size});
  uint32_t errors = diags.errors;
  tm_buf shown = tm_buf_in(arena), printed = tm_buf_in(arena);
  tm_diags_render_all(&diags, &shown);
  ast_dump_module(&shown, module);
  tm_ast_print_module(&printed, module);
  if (errors) return;
  tm_module *again = tm_module_parse_text(
      set, "again", "again.py", (tm_str){tm_buf_text(&printed), printed.len});
  if (diags.errors || !tm_ast_equal_module(module, again)) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  tm_arena arena;
  jmp_buf guard;
  tm_arena_init(&arena, 256u << 20);
  if (tm_arena_guard(&arena, guard)) check(&arena, data, size);
  tm_arena_free(&arena);
  return 0;
}
