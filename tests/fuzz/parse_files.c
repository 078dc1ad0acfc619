/* SPDX-License-Identifier: MIT */
/*
 * parse_files.c - runs the parser over files: the replay driver of fuzzing,
 * and the workhorse of comparisons with CPython. Not part of `make test`;
 * build it with
 *
 *   cc -O2 -o parse_files tests/fuzz/parse_files.c tests/fuzz/ast_dump.c \
 *      lib/lang/[a-z]*.c lib/base/[a-z]*.c -lm
 *
 *   parse_files errors FILE...     the diagnostics of each file
 *   parse_files dump FILE...       its tree, files separated by zero bytes
 *   parse_files roundtrip FILE...  print, parse, compare; says what differs
 *   parse_files print FILE...      the printed module
 *   parse_files kernels FILE...    the names of device functions
 *   parse_files bench FILE...      megabytes a second, best of five
 *   parse_files mutate SEED N FILE...  N random edits of each file, then
 *                                  everything above on each, for sanitizers
 *
 * A FILE of `-` stands for names on standard input, one a line.
 */
#define _POSIX_C_SOURCE 200809L
#include "ast_dump.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

typedef struct file {
  const char *name;
  char *text;
  size_t size;
} file;

static bool read_file(const char *name, file *out) {
  FILE *in = fopen(name, "rb");
  if (!in) {
    perror(name);
    return false;
  }
  size_t cap = 1 << 16, n = 0, got;
  char *text = malloc(cap);
  while (text && (got = fread(text + n, 1, cap - n, in)) > 0) {
    n += got;
    if (n == cap) text = realloc(text, cap *= 2);
  }
  fclose(in);
  if (!text) return false;
  *out = (file){name, text, n};
  return true;
}

/* One parse in an arena of its own. */
typedef struct parse {
  tm_arena arena;
  tm_diags diags;
  tm_modules *set;
  tm_module *module;
} parse;

static void parse_start(parse *p) {
  tm_diags_init(&p->diags, &p->arena);
  p->set = tm_modules_create(&p->arena, &p->diags);
}

static unsigned long failures;

static void show_errors(parse *p, const file *f) {
  tm_buf out = tm_buf_in(&p->arena);
  tm_diags_render_all(&p->diags, &out);
  if (p->diags.errors) failures++;
  printf("%s", tm_buf_text(&out));
  (void)f;
}

static void show_dump(parse *p, const file *f) {
  tm_buf out = tm_buf_in(&p->arena);
  if (p->diags.errors)
    tm_diags_render_all(&p->diags, &out);
  else
    ast_dump_module(&out, p->module);
  printf("%s\n%s%s", f->name, p->diags.errors ? "ERROR " : "",
         tm_buf_text(&out));
  putchar(0);
}

static void round_trip(parse *p, const file *f) {
  if (p->diags.errors) return;
  tm_buf out = tm_buf_in(&p->arena);
  tm_ast_print_module(&out, p->module);
  tm_str text = {tm_buf_text(&out), out.len};
  tm_module *again = tm_module_parse_text(p->set, "again", "printed", text);
  if (p->diags.errors) {
    failures++;
    printf("%s: the printed module has errors\n", f->name);
    show_errors(p, f);
  } else if (!tm_ast_equal_module(p->module, again)) {
    failures++;
    printf("%s: the printed module differs\n", f->name);
    for (uint32_t i = 0; i < again->body.len && i < p->module->body.len; i++)
      if (!tm_ast_equal_stmt(again->body.data[i], p->module->body.data[i])) {
        printf("  first in the statement on line %u\n",
               p->module->body.data[i]->loc.line);
        break;
      }
  }
}

static void print_module(parse *p, const file *f) {
  tm_buf out = tm_buf_in(&p->arena);
  tm_ast_print_module(&out, p->module);
  fwrite(tm_buf_text(&out), 1, out.len, stdout);
  (void)f;
}

static void show_kernels(parse *p, const file *f) {
  for (uint32_t i = 0; i < p->module->all_functions.len; i++) {
    const tm_function_def *function = p->module->all_functions.data[i];
    if (function->is_jit)
      printf("%s:%u:%s%s\n", f->name, function->loc.line, function->name,
             tm_module_kernel(p->module, function->name) ? "" : " (inner)");
  }
}

static void with_file(const file *f, void (*act)(parse *, const file *)) {
  parse p;
  jmp_buf guard;
  tm_arena_init(&p.arena, 0);
  if (tm_arena_guard(&p.arena, guard)) {
    parse_start(&p);
    p.module = tm_module_parse_text(p.set, "m", f->name,
                                    (tm_str){f->text, f->size});
    if (act) act(&p, f);
  } else {
    printf("%s: out of memory\n", f->name);
    failures++;
  }
  tm_arena_free(&p.arena);
}

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void bench(const file *files, size_t n) {
  double best = 1e9;
  size_t bytes = 0;
  for (size_t i = 0; i < n; i++) bytes += files[i].size;
  for (int run = 0; run < 5; run++) {
    double start = now();
    for (size_t i = 0; i < n; i++) with_file(&files[i], NULL);
    double took = now() - start;
    if (took < best) best = took;
  }
  printf("%zu files, %.1f MB, %.3f s, %.1f MB/s\n", n, (double)bytes / 1e6,
         best, (double)bytes / 1e6 / best);
}

/* xorshift64*: the same edits for the same seed everywhere. */
static uint64_t random_state = 1;
static uint32_t random_below(uint32_t n) {
  random_state ^= random_state >> 12;
  random_state ^= random_state << 25;
  random_state ^= random_state >> 27;
  return (uint32_t)((random_state * 0x2545f4914f6cdd1du) >> 33) % n;
}

static void edit(char *text, size_t *n, size_t cap) {
  static const char *const words[] = {
    "(", ")", "[", "]", "{", "}", "\"", "'", "\"\"\"", "f\"", "{x", ":", "=",
    "\n", "\n    ", "\t", "\\", "#", "def ", "if ", "else", "lambda ",
    " for x in ", "async ", "await ", "yield ", "match ", "case ", "*", "**",
    "@", "\r", "\r\n", "\f", "0x", "1e", "1_", "\xe2\x80\x9c", "\xff", ";",
    ",", ".", "...", ":=", "->", "!", "!=", "\\N{", "rb'", "import ",
    "from ", "class ", "try:", "except", "with ", "not ", "\xef\xbb\xbf"
  };
  size_t at = *n ? random_below((uint32_t)*n) : 0;
  switch (random_below(4)) {
  case 0: { /* delete a run */
    size_t length = 1 + random_below(random_below(8) ? 4 : 200);
    if (length > *n - at) length = *n - at;
    memmove(text + at, text + at + length, *n - at - length);
    *n -= length;
    break;
  }
  case 1: { /* insert a word */
    const char *word = words[random_below(TM_COUNT(words))];
    size_t length = strlen(word);
    if (*n + length > cap) return;
    memmove(text + at + length, text + at, *n - at);
    memcpy(text + at, word, length);
    *n += length;
    break;
  }
  case 2: /* change a byte */
    if (*n) text[at] = (char)random_below(256);
    break;
  default: { /* copy a run elsewhere */
    size_t length = 1 + random_below(60), from;
    if (length > *n - at) length = *n - at;
    if (*n + length > cap || !length) return;
    from = random_below((uint32_t)(*n - length + 1));
    char run[64];
    memcpy(run, text + from, length);
    memmove(text + at + length, text + at, *n - at);
    memcpy(text + at, run, length);
    *n += length;
    break;
  }
  }
}

static void silent(parse *p, const file *f) {
  tm_buf out = tm_buf_in(&p->arena);
  tm_diags_render_all(&p->diags, &out);
  ast_dump_module(&out, p->module);
  (void)tm_module_kernel(p->module, "f");
  if (!p->diags.errors) {
    round_trip(p, f);
  } else {
    tm_buf printed = tm_buf_in(&p->arena);
    tm_ast_print_module(&printed, p->module);
  }
}

static void mutate(const file *f, uint32_t count) {
  size_t cap = f->size + 4096;
  char *text = malloc(cap);
  for (uint32_t i = 0; text && i < count; i++) {
    size_t n = f->size;
    memcpy(text, f->text, n);
    for (uint32_t edits = 1 + random_below(6); edits; edits--)
      edit(text, &n, cap);
    /* A copy of the exact size, so that a sanitizer sees its end. */
    char *exact = malloc(n ? n : 1);
    memcpy(exact, text, n);
    file edited = {f->name, exact, n};
    unsigned long before = failures;
    with_file(&edited, silent);
    if (failures != before) {
      FILE *out = fopen("/tmp/parse_files.failed", "wb");
      if (out) {
        fwrite(exact, 1, n, out);
        fclose(out);
      }
    }
    free(exact);
  }
  free(text);
}

typedef struct names {
  char **data;
  size_t len, cap;
} names;

static void names_add(names *list, const char *name) {
  if (list->len == list->cap) {
    list->cap = list->cap ? list->cap * 2 : 64;
    list->data = realloc(list->data, list->cap * sizeof *list->data);
  }
  list->data[list->len++] = strdup(name);
}

static void gather(names *list, int argc, char **argv, int from) {
  char line[4096];
  for (int i = from; i < argc; i++) {
    if (strcmp(argv[i], "-") != 0) {
      names_add(list, argv[i]);
      continue;
    }
    while (fgets(line, sizeof line, stdin)) {
      line[strcspn(line, "\n")] = 0;
      names_add(list, line);
    }
  }
}

int main(int argc, char **argv) {
  static const struct {
    const char *mode;
    void (*act)(parse *, const file *);
  } modes[] = {{"errors", show_errors}, {"dump", show_dump},
               {"roundtrip", round_trip}, {"print", print_module},
               {"kernels", show_kernels}, {"silent", silent}};
  const char *mode = argc > 1 ? argv[1] : "";
  names list = {0};
  bool mutating = strcmp(mode, "mutate") == 0;
  if (mutating && argc > 3) random_state = strtoull(argv[2], NULL, 10) | 1;
  gather(&list, argc, argv, mutating ? 4 : 2);
  file *files = calloc(list.len + 1, sizeof *files);
  size_t n = 0;
  bool keep = strcmp(mode, "bench") == 0;
  for (size_t i = 0; i < list.len; i++) {
    file f;
    if (!read_file(list.data[i], &f)) continue;
    if (keep) {
      files[n++] = f;
      continue;
    }
    for (size_t m = 0; m < TM_COUNT(modes); m++)
      if (strcmp(mode, modes[m].mode) == 0) with_file(&f, modes[m].act);
    if (mutating) mutate(&f, (uint32_t)strtoul(argv[3], NULL, 10));
    free(f.text);
  }
  if (keep) bench(files, n);
  for (size_t i = 0; i < n; i++) free(files[i].text);
  for (size_t i = 0; i < list.len; i++) free(list.data[i]);
  free(list.data);
  free(files);
  if (failures) fprintf(stderr, "%lu failed\n", failures);
  return failures != 0;
}
