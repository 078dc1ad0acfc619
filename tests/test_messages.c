/* SPDX-License-Identifier: MIT */
/*
 * test_messages.c - every message of lib/lower has a kernel that provokes it.
 *
 * The formats of messages are read from the sources: the format argument of
 * every call of tm_low_error, tm_low_error_at, tm_low_unsupported and
 * tm_error_at. Then the kernels of tests/golden/lower are lowered, and each
 * format must fit one of the errors that came. A new message without a golden
 * file with its expect-error fails here, and so does a caret that does not
 * point at what its message names. Messages about wrong specializations
 * and about more than one module, which golden files cannot have, are
 * provoked by texts in this file.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "support/golden.h"

#include <ctype.h>
#include <dirent.h>
#include <stdio.h>

typedef struct format {
  const char *text, *file;
  unsigned line;
} format;

typedef struct work {
  tm_arena arena;
  jmp_buf guard;
  TM_VEC(format) formats;
  TM_VEC(const char *) messages;
} work;

/* ---- formats in sources ---------------------------------------------------- */

/* Past a string or character literal, a comment, or one character. */
static const char *skip_one(const char *p) {
  if (*p == '"' || *p == '\'') {
    char quote = *p++;
    while (*p && *p != quote) p += *p == '\\' && p[1] ? 2 : 1;
    return *p ? p + 1 : p;
  }
  if (p[0] == '/' && p[1] == '*') {
    const char *end = strstr(p + 2, "*/");
    return end ? end + 2 : p + strlen(p);
  }
  return p + 1;
}

/* The end of the argument at p: its comma or closing bracket. */
static const char *argument_end(const char *p) {
  int depth = 0;
  while (*p) {
    if (depth == 0 && (*p == ',' || *p == ')')) return p;
    if (strchr("([{", *p)) depth++;
    if (strchr(")]}", *p)) depth--;
    p = skip_one(p);
  }
  return p;
}

static void add_literal(tm_buf *out, const char *from, const char *to) {
  for (const char *p = from + 1; p < to - 1; p++) {
    if (*p == '\\') p++;
    tm_buf_add(out, p, 1);
  }
}

/* Adds each string of an argument: a ? "x" : "y" has two. */
static void add_formats(work *w, const char *from, const char *to,
                        const char *file, unsigned line) {
  tm_buf text = tm_buf_in(&w->arena);
  bool any = false;
  for (const char *p = from; p <= to;) {
    const char *next = p < to ? skip_one(p) : p + 1;
    if (p < to && *p == '"') {
      add_literal(&text, p, next);
      any = true;
    } else if (any && (p == to || *p == ':' || *p == '?')) {
      format f = {tm_buf_text(&text), file, line};
      if (strcmp(f.text, "%s") != 0) tm_push(&w->arena, &w->formats, f);
      text = tm_buf_in(&w->arena);
      any = false;
    }
    p = next;
  }
}

static void read_source(work *w, const char *text, const char *file) {
  static const struct { const char *call; int argument; } calls[] = {
    {"tm_low_error(", 2}, {"tm_low_unsupported(", 2},
    {"tm_low_error_at(", 4}, {"tm_error_at(", 3}};
  unsigned line = 1;
  for (const char *p = text; *p;) {
    const char *at = NULL;
    int n = 0;
    for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++)
      if (strncmp(p, calls[i].call, strlen(calls[i].call)) == 0) {
        at = p + strlen(calls[i].call);
        n = calls[i].argument;
      }
    if (at) {
      for (; n > 0 && *at; n--) {
        at = argument_end(at);
        if (*at == ',') at++;
      }
      add_formats(w, at, argument_end(at), file, line);
    }
    const char *next = skip_one(p);
    for (; p < next; p++) line += *p == '\n';
  }
}

static void read_sources(work *w, const char *folder) {
  DIR *dir = opendir(folder);
  assert_non_null(dir);
  for (struct dirent *e; (e = readdir(dir));) {
    size_t n = strlen(e->d_name);
    if (n < 3 || strcmp(e->d_name + n - 2, ".c") != 0 ||
        strcmp(e->d_name, "custom_call.c") == 0)
      continue;
    tm_buf path = tm_buf_in(&w->arena), text = tm_buf_in(&w->arena);
    tm_buf_printf(&path, "%s/%s", folder, e->d_name);
    FILE *f = fopen(tm_buf_text(&path), "rb");
    assert_non_null(f);
    char part[4096];
    for (size_t got; (got = fread(part, 1, sizeof part, f)) > 0;)
      tm_buf_add(&text, part, got);
    fclose(f);
    read_source(w, tm_buf_text(&text), tm_buf_text(&path));
  }
  closedir(dir);
}

/* ---- messages of golden files ----------------------------------------------- */

static void keep_errors(work *w, const tm_diags *diags) {
  for (uint32_t k = 0; k < diags->list.len; k++)
    if (diags->list.data[k].severity == TM_ERROR)
      tm_push(&w->arena, &w->messages, diags->list.data[k].message);
}

/* ---- where the caret stands ------------------------------------------------- */

static bool is_word(char c) {
  return isalnum((unsigned char)c) || c == '_' || (unsigned char)c >= 128;
}

/* The source from the caret on; NULL when there is no such place. */
static const char *at_caret(const golden_file *file, tm_loc loc) {
  const char *p = file->text.ptr, *end = p + file->text.len;
  for (uint32_t line = 1; line < loc.line && p < end; line++) {
    p = memchr(p, '\n', (size_t)(end - p));
    if (!p) return NULL;
    p++;
  }
  for (uint32_t col = 1; col < loc.col; col++, p++)
    if (p >= end || *p == '\n') return NULL;
  return p < end ? p : NULL;
}

static bool line_has(const char *p, const char *word, size_t n) {
  for (; *p && *p != '\n'; p++)
    if (strncmp(p, word, n) == 0) return true;
  return false;
}

/* What a caret must point at. A keyword that is unknown, and a name that is
 * not defined or not assigned, stands there itself; an attribute follows on
 * the line. Everywhere a word or a bracket begins. */
static const char *wrong_caret(const golden_file *file, const tm_diag *d) {
  const char *p = at_caret(file, d->loc);
  if (!p) return "there is no such place";
  if (isspace((unsigned char)*p) || *p == '#') return "no code is there";
  if (p > file->text.ptr && is_word(*p) && is_word(p[-1]))
    return "it is inside of a word";
  const char *const keywords[] = {"no argument '", "no parameter '"};
  for (size_t i = 0; i < sizeof keywords / sizeof *keywords; i++) {
    const char *name = strstr(d->message, keywords[i]);
    if (!name) continue;
    name += strlen(keywords[i]);
    if (strncmp(p, name, strcspn(name, "'")) != 0)
      return "the keyword is not there";
  }
  const char *names[] = {" is not defined", " may be unassigned here"};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    const char *rest = strstr(d->message, names[i]);
    size_t n = rest ? (size_t)(rest - d->message) : 0;
    if (i == 0 && n && rest[strlen(names[i])]) continue; /* of a value */
    if (n && !memchr(d->message, ' ', n) && strncmp(p, d->message, n) != 0)
      return "the name is not there";
  }
  const char *attribute = strstr(d->message, " has no '");
  if (!attribute) attribute = strstr(d->message, " has no attribute '");
  if (!attribute) return NULL;
  attribute = strchr(attribute, '\'') + 1;
  return line_has(p, attribute, strcspn(attribute, "'"))
             ? NULL : "the attribute does not follow";
}

static void check_carets(const golden_file *file, const tm_diags *diags) {
  for (uint32_t k = 0; k < diags->list.len; k++) {
    const tm_diag *d = &diags->list.data[k];
    if (d->severity != TM_ERROR) continue;
    const char *wrong = wrong_caret(file, d);
    if (wrong)
      fail_msg("%s:%u:%u: %s: %s", file->name, (unsigned)d->loc.line,
               (unsigned)d->loc.col, d->message, wrong);
  }
}

static void lower_files(work *w) {
  golden_file *files = NULL;
  uint32_t count =
      golden_read_folder(&w->arena, "tests/golden/lower", &files);
  assert_true(count > 40);
  for (uint32_t i = 0; i < count; i++) {
    tm_diags diags;
    tm_diags_init(&diags, &w->arena);
    golden_lower(&w->arena, &diags, &files[i]);
    check_carets(&files[i], &diags);
    keep_errors(w, &diags);
  }
}

/* ---- messages of texts made here --------------------------------------------- */

static void lower_text(work *w, const char *text, const char *kernel,
                       const tm_spec_arg *args, uint32_t n) {
  tm_diags diags;
  tm_diags_init(&diags, &w->arena);
  tm_modules *set = tm_modules_create(&w->arena, &diags);
  tm_module_parse_text(set, "other", "other.py", TM_STR("HALF = 1\n"));
  tm_module *module = tm_module_parse_text(set, "m", "m.py", tm_cstr(text));
  tm_spec spec = {.num_warps = 4, .args = args, .n_args = n};
  tm_lower(&w->arena, &diags, module, kernel, &spec);
  keep_errors(w, &diags);
}

#define HEAD "import triton\nimport triton.language as tl\nimport other\n"

static void lower_specializations(work *w) {
  static const char one[] =
      HEAD "@triton.jit\ndef k(p):\n  other.HALFF\n"
           "@triton.jit\ndef c(p: tl.constexpr):\n  pass\n"
           "@triton.jit\ndef rest(*p):\n  pass\n"
           "def plain(p):\n  pass\n";
  const tm_spec_arg scalar[2] = {{.kind = TM_SPEC_SCALAR, .type = "i32"},
                                 {.kind = TM_SPEC_SCALAR, .type = "i32"}};
  const tm_spec_arg unknown = {.kind = TM_SPEC_SCALAR, .type = "i31"};
  const tm_spec_arg nothing = {.kind = TM_SPEC_SCALAR, .type = "void"};
  const tm_spec_arg pointer = {.kind = TM_SPEC_POINTER, .type = "void"};
  const tm_spec_arg dtype = {
      .kind = TM_SPEC_CONST,
      .value = {.kind = TM_CONST_DTYPE, .text = "float31"}};
  const tm_spec_arg of_bools = {.kind = TM_SPEC_DESCRIPTOR, .type = "i1",
                                .desc = {1, {64}, false, false}};
  const tm_spec_arg of_ints = {.kind = TM_SPEC_DESCRIPTOR, .type = "i32",
                               .desc = {1, {64}, true, false}};
  const tm_spec_arg function = {
      .kind = TM_SPEC_CONST,
      .value = {.kind = TM_CONST_FUNCTION, .text = "plain"}};
  lower_text(w, one, "k", &function, 1);
  lower_text(w, one, "k", &of_bools, 1);
  lower_text(w, one, "k", &of_ints, 1);
  lower_text(w, one, "k", scalar, 2);
  lower_text(w, one, "k", scalar, 1); /* and other.HALFF */
  lower_text(w, one, "k", &unknown, 1);
  lower_text(w, one, "k", &nothing, 1);
  lower_text(w, one, "k", &pointer, 1);
  lower_text(w, one, "k", &dtype, 1);
  lower_text(w, one, "c", scalar, 1);
  lower_text(w, one, "rest", scalar, 1);
  lower_text(w, one, "plain", scalar, 1);
  lower_text(w, one, "missing", scalar, 1);
  lower_text(w,
             HEAD "@triton.jit\ndef k():\n"
                  "  for i in tl.static_range(1000000000):\n    pass\n",
             "k", NULL, 0);
}

/* Functions that call one another, `count` of them, each with an expression
 * `depth` deep. */
static void lower_chain(work *w, int count, int depth) {
  tm_buf out = tm_buf_in(&w->arena);
  tm_buf_puts(&out, HEAD "@triton.jit\ndef k():\n  f0(tl.program_id(0))\n");
  for (int i = 0; i < count; i++) {
    tm_buf_printf(&out, "@triton.jit\ndef f%d(x):\n  return ", i);
    for (int d = 0; d < depth; d++) tm_buf_puts(&out, "-(");
    tm_buf_printf(&out, "f%d(x)", i + 1);
    for (int d = 0; d < depth; d++) tm_buf_puts(&out, ")");
    tm_buf_puts(&out, "\n");
  }
  lower_text(w, tm_buf_text(&out), "k", NULL, 0);
}

/* What only a fault of the library, or a tree that no text gives, provokes. */
static bool is_internal(const char *text) {
  static const char *const internal[] = {
    "the library's own text does not parse: line %u: %s",
    "the library has no function %s",
    "cannot assign to this expression"};
  for (size_t i = 0; i < sizeof internal / sizeof internal[0]; i++)
    if (strcmp(internal[i], text) == 0) return true;
  return false;
}

/* Past a conversion such as %s, %.*s, %lld; sets *any when it prints. */
static const char *skip_conversion(const char *p, bool *any) {
  *any = p[1] != '%';
  if (!*any) return p + 2;
  p++;
  while (*p && !isalpha((unsigned char)*p)) p++;
  while (*p == 'l' || *p == 'z') p++;
  return *p ? p + 1 : p;
}

/* Whether text is what a format can print: conversions print anything. */
static bool fits(const char *how, const char *text) {
  while (*how) {
    bool any = false;
    if (*how == '%') {
      const char *rest = skip_conversion(how, &any);
      if (any) {
        if (!*rest) return true;
        for (; *text; text++)
          if (fits(rest, text)) return true;
        return false;
      }
      if (*text++ != '%') return false;
      how = rest;
      continue;
    }
    if (*how++ != *text++) return false;
  }
  return *text == 0;
}

static void every_message_has_a_golden_file(void **state) {
  (void)state;
  work *w = test_malloc(sizeof *w);
  memset(w, 0, sizeof *w);
  tm_arena_init(&w->arena, 0);
  if (!tm_arena_guard(&w->arena, w->guard)) fail_msg("out of memory");
  read_sources(w, "lib/lower"); /* custom_call.c's are of the C ABI's tests */
  assert_true(w->formats.len > 200);
  lower_files(w);
  lower_specializations(w);
  lower_chain(w, 80, 0);
  lower_chain(w, 60, 60);
  unsigned missing = 0;
  for (uint32_t i = 0; i < w->formats.len; i++) {
    const format *f = &w->formats.data[i];
    bool found = is_internal(f->text);
    for (uint32_t k = 0; k < w->messages.len && !found; k++)
      found = fits(f->text, w->messages.data[k]);
    if (found) continue;
    fprintf(stderr, "%s:%u: no golden file gives \"%s\"\n", f->file, f->line,
            f->text);
    missing++;
  }
  tm_arena_free(&w->arena);
  test_free(w);
  assert_int_equal(missing, 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(every_message_has_a_golden_file),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
