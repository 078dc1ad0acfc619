/* SPDX-License-Identifier: MIT */
/*
 * corpus.h - every kernel that this tree has as Triton source, in one list:
 * examples/kernels, tests/golden/run and lower, and the examples of
 * tests/data. Each is a golden file, whatever it was read from, so that one
 * loop can compile them all (golden_request).
 */
#ifndef TM_TEST_CORPUS_H
#define TM_TEST_CORPUS_H

#include "golden.h"

/* Reads the list, in an order that does not depend on the machine. Returns how
 * many; they lie in the arena. 0 when the tree is not the current folder. */
uint32_t corpus_read(tm_arena *arena, golden_file **out);

/* The file of that path; NULL when there is none. An example of tests/data is
 * named by its list and line: "tests/data/builtins.txt:12". */
const golden_file *corpus_find(const golden_file *files, uint32_t n,
                               const char *path);

/* Compiles the file for the chip, source to linted MSL, in an arena that is
 * armed and diags that are empty. */
bool corpus_compile(tm_arena *arena, tm_diags *diags, const golden_file *file,
                    const char *chip, tm_result *out);

#endif
