/* SPDX-License-Identifier: MIT */
/*
 * golden.h - tests whose expectations are comments in the tested file.
 *
 * A golden file is a Triton module; lines "# key: value" at their beginning
 * are directives:
 *
 *     # kernel: add_kernel              what to compile
 *     # signature: *fp32:16, i32        as in triton.compile
 *     # constexpr: BLOCK=64 MODE=fast   values by name
 *     # expect-ttir: tt.load %3, %mask  in the text, after the one before
 *     # reject-ttir: scf.if             not in the text
 *     # expect-error: 12:7 must be a    place and part of the message
 *     # expect-hint: did you mean       part of some hint
 *
 * Runs of spaces count as one. Keys are free: areas add their own.
 */
#ifndef TM_TEST_GOLDEN_H
#define TM_TEST_GOLDEN_H

#include "../../lib/compile.h"

typedef struct golden_directive {
  const char *key, *value;
  uint32_t line;
} golden_directive;

typedef struct golden_file {
  const char *path, *name; /* name: without folder and .py */
  tm_str text;
  TM_VEC(golden_directive) directives;
} golden_file;

/* The file as a zero-terminated text in the arena; NULL when it cannot be
 * read. */
char *golden_read_file(tm_arena *arena, const char *path, size_t *size);

/* Reads every .py file of a folder, in order of name. Returns how many; the
 * files lie in the arena. 0 when the folder cannot be read. */
uint32_t golden_read_folder(tm_arena *arena, const char *folder,
                            golden_file **out);

/* The n-th value of a key (n from 0); NULL when there are fewer. */
const char *golden_value(const golden_file *file, const char *key,
                         uint32_t n);

/* Lowers the file's kernel as its directives say. NULL with errors in diags
 * when it is refused, also when a directive is missing or wrong. */
tm_ir *golden_lower(tm_arena *arena, tm_diags *diags, const golden_file *file);

/* Parses the file and reads its directives: what tm_compile_kernel takes, but
 * for the chip. False with errors in diags when the file is refused. */
bool golden_request(tm_arena *arena, tm_diags *diags, const golden_file *file,
                    tm_request *out);

/* The same as golden_lower where the text may have syntax errors: what was read is lowered. */
tm_ir *golden_lower_broken(tm_arena *arena, tm_diags *diags,
                           const golden_file *file);

/* Makes file of a text, with the directives at its beginning. */
void golden_read_text(tm_arena *arena, golden_file *file, tm_str text);

/* Checks the expect-<what> and reject-<what> directives against text. NULL when all hold; else a message in the arena. */
const char *golden_check_text(tm_arena *arena, const golden_file *file,
                              const char *what, const char *text);

/* Checks expect-error and expect-hint against diags: each expected error is
 * there, in order, and there is no other. NULL when all hold. */
const char *golden_check_errors(tm_arena *arena, const golden_file *file,
                                const tm_diags *diags);

#endif
