/* SPDX-License-Identifier: MIT */
/*
 * language_table.c - the tables of docs/language.md, and the check that every
 * name that real kernels use has an answer.
 *
 *   language_table            prints the tables, from lib/lower/builtins.def
 *                             and the examples of tests/data
 *   language_table NAMES DOC  for every line of NAMES ("call tl.load",
 *                             "keyword tl.load mask", "method .to", ...):
 *                             is there a row of the builtin table, or a row
 *                             of DOC that names it in backquotes? Prints what
 *                             has none; exits 1 if there is one.
 *
 * NAMES (tests/data/language_used.txt) is what 7,408 jit functions of public
 * repositories use. tests/check_language.sh runs both.
 */
#include "support/examples.h"

#include "../lib/lower/value.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

TM_BUILTIN_FN(ignored);

typedef struct place { uint32_t where; const char *prefix, *title; } place;

static const place places[] = {
  {TM_IN_TL, "tl.", "triton.language"},
  {TM_IN_METHOD, ".", "methods of tensors"},
  {TM_IN_MATH, "tl.math.", "tl.math"},
  {TM_IN_DEVICE, "libdevice.", "libdevice"},
  {TM_IN_CUDA, "tl.extra.cuda.", "tl.extra.cuda"},
  {TM_IN_TARGET, "tl.target_info.", "tl.target_info"},
  {TM_IN_DESC, "descriptor.", "methods of tensor descriptors"},
  {TM_IN_SHARED, "shared.", "methods of shared memory"},
  {TM_IN_TYPE, "dtype.", "questions to types"},
  {TM_IN_TRITON, "triton.", "triton, at compile time"},
  {TM_IN_PYTHON, "", "Python's own functions"},
  {TM_IN_PYMATH, "math.", "Python's math, at compile time"},
};

static const example *example_of(const example *list, uint32_t count,
                                 const char *name) {
  for (uint32_t i = 0; i < count; i++)
    if (!strcmp(list[i].name, name)) return &list[i];
  return NULL;
}

static const char *answer(const tm_builtin *row, const example *e) {
  if (!row->fn || (e && e->refused)) return "refused";
  return row->fn == tm_fn_ignored ? "ignored" : "works";
}

/* A cell: a bar would end it, a line end too. */
static void print_cell(const char *text) {
  for (; *text; text++) {
    if (*text == '|') putchar('\\');
    if (*text != '\n') putchar(*text);
    else if (text[1]) fputs("; ", stdout);
  }
}

static void print_row(const place *p, const tm_builtin *row,
                      const example *list, uint32_t count) {
  char name[120];
  snprintf(name, sizeof name, "%s%s", p->prefix, row->name);
  printf("| `%s` | %s | ", name, answer(row, example_of(list, count, name)));
  if (row->fn && *row->signature) {
    putchar('`');
    print_cell(row->signature);
    putchar('`');
  } else if (!row->fn) {
    print_cell(row->note);
    if (row->hint) fputs("; ", stdout);
    if (row->hint) print_cell(row->hint);
  }
  puts(" |");
}

static void print_builtins(const place *p, const example *list,
                           uint32_t count) {
  printf("### %s\n\n| name | answer | arguments, or the reason |\n"
         "| --- | --- | --- |\n", p->title);
  for (uint32_t i = 0; i < tm_builtins_count; i++)
    if (tm_builtins[i].where & p->where)
      print_row(p, &tm_builtins[i], list, count);
  putchar('\n');
}

static void print_constructs(const example *list, uint32_t count) {
  puts("### Python in kernels\n\n| construct | answer | example |\n"
       "| --- | --- | --- |");
  for (uint32_t i = 0; i < count; i++) {
    printf("| `");
    print_cell(list[i].name);
    printf("` | %s | `", list[i].refused ? "refused" : "works");
    if (list[i].module) print_cell(list[i].module);
    if (list[i].module && *list[i].module) fputs("; ", stdout);
    if (list[i].body) print_cell(list[i].body);
    puts("` |");
  }
  putchar('\n');
}

static int print_tables(void) {
  tm_arena arena;
  jmp_buf guard;
  tm_arena_init(&arena, 0);
  if (!tm_arena_guard(&arena, guard)) return 2;
  example *constructs, *builtins;
  uint32_t n = examples_read(&arena, "tests/data/constructs.txt", &constructs);
  uint32_t m = examples_read(&arena, "tests/data/builtins.txt", &builtins);
  print_constructs(constructs, n);
  for (size_t i = 0; i < TM_COUNT(places); i++)
    print_builtins(&places[i], builtins, m);
  tm_arena_free(&arena);
  return n && m ? 0 : 2;
}

/* The row that a dotted name means: its longest prefix of places decides. */
static const tm_builtin *row_of(const char *dotted) {
  const tm_builtin *best = NULL;
  size_t longest = 0;
  for (size_t i = 0; i < TM_COUNT(places); i++) {
    size_t n = strlen(places[i].prefix);
    if (strncmp(dotted, places[i].prefix, n) != 0) continue;
    const tm_builtin *row = tm_builtin_find(places[i].where, dotted + n);
    if (row && (n > longest || !best)) {
      best = row;
      longest = n;
    }
  }
  return best;
}

/* Whether a signature has a parameter of this name. */
static bool has_parameter(const char *signature, const char *name) {
  size_t n = strlen(name);
  for (const char *at = signature; (at = strstr(at, name)); at += n) {
    bool starts = at == signature || strchr(" ,*", at[-1]);
    if (starts && (!at[n] || strchr(",= ", at[n]))) return true;
  }
  return false;
}

static bool in_document(const char *doc, const char *text) {
  char quoted[300];
  snprintf(quoted, sizeof quoted, "`%s`", text);
  return strstr(doc, quoted) != NULL;
}

static char *read_file(const char *path) {
  FILE *in = fopen(path, "rb");
  if (!in) return NULL;
  fseek(in, 0, SEEK_END);
  long size = ftell(in);
  rewind(in);
  char *text = malloc((size_t)size + 1);
  size_t got = text ? fread(text, 1, (size_t)size, in) : 0;
  if (text) text[got] = 0;
  fclose(in);
  return text;
}

/* One line of NAMES: kind, name and, for keywords, the parameter. */
static bool answered(const char *line, const char *doc) {
  char kind[16], name[160], parameter[80] = "", whole[260];
  int fields = sscanf(line, "%15s %159s %79s", kind, name, parameter);
  if (fields < 2) return false;
  if (!strcmp(kind, "text")) /* a construct: the rest of the line, quoted */
    return in_document(doc, line + strcspn(line, " ") + 1);
  const tm_builtin *row = row_of(name);
  if (!strcmp(kind, "keyword")) {
    snprintf(whole, sizeof whole, "%s(%s=)", name, parameter);
    return (row && (!row->fn || has_parameter(row->signature, parameter))) ||
           in_document(doc, whole);
  }
  if (*name == '.') /* of a tensor, a descriptor or a type */
    row = tm_builtin_find(TM_IN_METHOD | TM_IN_DESC | TM_IN_TYPE, name + 1);
  return row || in_document(doc, name);
}

static int check_names(const char *names_path, const char *doc_path) {
  char *names = read_file(names_path), *doc = read_file(doc_path);
  if (!names || !doc) return 2;
  int missing = 0, lines = 0;
  for (char *line = strtok(names, "\n"); line; line = strtok(NULL, "\n")) {
    if (*line == '#') continue;
    lines++;
    if (answered(line, doc)) continue;
    printf("no answer to: %s\n", line);
    missing++;
  }
  printf("%d names, %d without an answer\n", lines, missing);
  free(names);
  free(doc);
  return missing || lines < 500; /* the list itself must be there */
}

int main(int argc, char **argv) {
  if (argc == 3) return check_names(argv[1], argv[2]);
  return print_tables();
}
