/* SPDX-License-Identifier: MIT */
/*
 * examples.h - lists of small examples, each the body of a kernel.
 *
 * tests/data/constructs.txt and tests/data/builtins.txt hold them; their first
 * lines say the form. docs/language.md shows the lists, test_language.c
 * compiles every example.
 */
#ifndef TM_TEST_EXAMPLES_H
#define TM_TEST_EXAMPLES_H

#include "../../lib/base/base.h"

typedef struct example {
  const char *name;    /* what the example shows */
  const char *refused; /* part of the error's message; NULL: it compiles */
  const char *module;  /* lines of the module, each with its line end */
  const char *body;    /* lines of the body, not indented */
  uint32_t line;       /* of the list */
} example;

/* Reads a list; the examples lie in the arena. 0 when it cannot be read. */
uint32_t examples_read(tm_arena *arena, const char *path, example **out);

/* The whole module: imports, what the example adds, and the kernel k. */
const char *example_source(tm_arena *arena, const example *e);

/* The signature of k, as tm_signature_parse reads it. */
extern const char example_signature[];

#endif
