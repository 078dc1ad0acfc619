/* SPDX-License-Identifier: MIT */
/*
 * test_lang.c - Python text to trees, modules, and back to text.
 *
 * golden/lang/NAME.py is a part of the language, NAME.ast the tree that
 * CPython 3.13's own ast module has of it, positions included, written by
 * fuzz/compare_ast.py; ours must be the same. What CPython 3.13 does not
 * know yet (3.14) is compared with hand-written trees. fuzz/compare_ast.py
 * makes the same comparison on whole standard libraries.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "fuzz/ast_dump.c"

#ifndef TM_TEST_DIR
#define TM_TEST_DIR "tests/"
#endif

/* ---- parsing in a test -------------------------------------------------- */

typedef struct source {
  tm_arena arena;
  tm_diags diags;
  tm_modules *set;
  tm_module *module;
} source;

static void open_set(source *s) {
  tm_arena_init(&s->arena, 0);
  tm_diags_init(&s->diags, &s->arena);
  s->set = tm_modules_create(&s->arena, &s->diags);
}

static void open_bytes(source *s, const char *text, size_t n) {
  open_set(s);
  s->module = tm_module_parse_text(s->set, "m", "m.py", (tm_str){text, n});
}

static void open_text(source *s, const char *text) {
  open_bytes(s, text, strlen(text));
}

static void close_source(source *s) {
  tm_arena_free(&s->arena);
}

static void show_errors(source *s) {
  tm_buf out = tm_buf_in(&s->arena);
  tm_diags_render_all(&s->diags, &out);
  print_message("%s", tm_buf_text(&out));
}

static void open_valid(source *s, const char *text) {
  open_text(s, text);
  if (s->diags.errors) show_errors(s);
  assert_int_equal(s->diags.errors, 0);
}

static char *read_golden(const char *name, const char *end, size_t *n) {
  char path[256];
  snprintf(path, sizeof path, "%sgolden/lang/%s%s", TM_TEST_DIR, name, end);
  FILE *f = fopen(path, "rb");
  if (!f) print_message("%s: not found\n", path);
  assert_non_null(f);
  char *text = calloc(1, 1 << 20);
  assert_non_null(text);
  *n = fread(text, 1, (1 << 20) - 1, f);
  fclose(f);
  return text;
}

static const char *const golden[] = {
  "expressions", "statements", "definitions", "strings", "fstrings",
  "patterns", "types", "layout", "kernels"
};

/* ---- trees -------------------------------------------------------------- */

/* Our dump with what CPython spells out: \N{...} of the two names that the
 * golden files use, and integers of any size as plain digits. */
static void normalise(char *text) {
  static const struct { const char *from, *to; } rules[] = {
    {"\\x5cN{BULLET}", "\\xe2\\x80\\xa2"},
    {"\\x5cN{LATIN SMALL LETTER E WITH ACUTE}", "\\xc3\\xa9"},
    {"\\x5c\\x5c", "\\x5c"}
  };
  char *to = text;
  bool named = false;
  while (*text) {
    if (strncmp(text, "\\N\"", 3) == 0) {
      named = true;
      text += 2;
      *to++ = *text++;
      continue;
    }
    if (named && *text == '"') named = false;
    if (strncmp(text, "big:", 4) == 0) text += 4;
    size_t i = 0;
    for (; named && i < TM_COUNT(rules); i++) {
      size_t n = strlen(rules[i].from);
      if (strncmp(text, rules[i].from, n) != 0) continue;
      memmove(to, rules[i].to, strlen(rules[i].to));
      to += strlen(rules[i].to);
      text += n;
      break;
    }
    if (!named || i == TM_COUNT(rules)) *to++ = *text++;
  }
  *to = 0;
}

static size_t place_length(const char *s) {
  return s[0] == '@' ? 1 + strspn(s + 1, "0123456789:") : 0;
}

/* Where the dumps differ; 0:0 on their side is any place. */
static const char *difference(const char *ours, const char *theirs) {
  while (*ours || *theirs) {
    size_t n = place_length(ours), m = place_length(theirs);
    bool any = m == 4 && strncmp(theirs, "@0:0", 4) == 0;
    if (n > 1 && any) {
      ours += n;
      theirs += m;
      continue;
    }
    if (*ours != *theirs) return ours;
    ours++;
    theirs++;
  }
  return NULL;
}

static void golden_trees_are_cpythons(void **state) {
  (void)state;
  for (size_t i = 0; i < TM_COUNT(golden); i++) {
    size_t n, m;
    char *text = read_golden(golden[i], ".py", &n);
    char *theirs = read_golden(golden[i], ".ast", &m);
    theirs[m - 1] = 0; /* the line end */
    source s;
    open_bytes(&s, text, n);
    if (s.diags.errors) show_errors(&s);
    assert_int_equal(s.diags.errors, 0);
    tm_buf out = tm_buf_in(&s.arena);
    ast_dump_module(&out, s.module);
    normalise(out.data);
    const char *at = difference(out.data, theirs);
    if (at)
      print_message("%s differs at ...%.200s\n", golden[i],
                    at - out.data > 60 ? at - 60 : out.data);
    assert_null(at);
    close_source(&s);
    free(text);
    free(theirs);
  }
}

static void check_dump(const char *text, const char *expected) {
  source s;
  open_valid(&s, text);
  tm_buf out = tm_buf_in(&s.arena);
  ast_dump_module(&out, s.module);
  if (strcmp(tm_buf_text(&out), expected) != 0)
    print_message("%s\nis  %s\nnot %s\n", text, tm_buf_text(&out), expected);
  assert_string_equal(tm_buf_text(&out), expected);
  close_source(&s);
}

static void python_3_14_is_read(void **state) {
  (void)state;
  /* PEP 758: exception types without parentheses. */
  check_dump("try: a\nexcept B, C: d\n",
             " {\n(try@1:1 - - - [-] [(tuple@2:8 [(name@2:8 B) (name@2:11 C)]"
             ")] {\n(expr@1:6 (name@1:6 a) - - [] [] {} {})} {\n(expr@2:14 "
             "(name@2:14 d) - - [] [] {} {})} {} {} {})}");
  /* PEP 750: template strings. */
  check_dump("t'a{b}' rt'\\c'\n",
             " {\n(expr@1:1 (fstring@1:1 template [(str@1:3 \"a\") "
             "(field@1:4 (name@1:5 b)) (str@1:12 \"\\x5cc\")]) - - [] [] {} "
             "{})}");
}

static const tm_expr *only_expr(source *s, const char *text) {
  open_valid(s, text);
  assert_int_equal(s->module->body.len, 1);
  return s->module->body.data[0]->e;
}

static void large_integers_keep_their_text(void **state) {
  (void)state;
  source s;
  const tm_expr *e = only_expr(&s, "0xFFFF_FFFF_FFFF_FFFF");
  assert_false(e->big);
  assert_true(e->u.i == UINT64_MAX);
  close_source(&s);
  e = only_expr(&s, "0x1_0000_0000_0000_0005");
  assert_true(e->big);
  assert_true(e->u.i == 5); /* wrapped */
  assert_true(tm_str_eq(e->text, TM_STR("0x10000000000000005")));
  close_source(&s);
}

static void named_characters_stay_as_written(void **state) {
  (void)state;
  source s;
  const tm_expr *e = only_expr(&s, "'a\\\\' '\\N{EM DASH}\\x5c'");
  assert_true(e->has_named_escapes);
  assert_true(tm_str_eq(e->text, TM_STR("a\\\\\\N{EM DASH}\\\\")));
  close_source(&s);
  e = only_expr(&s, "'a\\\\'");
  assert_false(e->has_named_escapes);
  assert_true(tm_str_eq(e->text, TM_STR("a\\")));
  close_source(&s);
}

static void fields_keep_their_format_as_written(void **state) {
  (void)state;
  source s;
  const tm_expr *e = only_expr(&s, "f'{a!r:>{n}}{b=}{c}'");
  assert_int_equal(e->items.len, 4);
  const tm_expr *a = e->items.data[0], *b = e->items.data[2];
  assert_true(tm_str_eq(a->format, TM_STR("!r:>{n}")));
  assert_int_equal(a->conversion, 'r');
  assert_true(a->has_spec);
  assert_int_equal(a->items.len, 2);
  assert_true(tm_str_eq(e->items.data[1]->text, TM_STR("b=")));
  assert_true(tm_str_eq(b->format, TM_STR("!r")));
  assert_true(tm_str_eq(e->items.data[3]->format, TM_STR("")));
  close_source(&s);
}

static void line_ends_and_marks_are_equal(void **state) {
  (void)state;
  static const char *const same[] = {
    "if a:\n    b = '''x\ny'''\nc\n", "if a:\r\n    b = '''x\r\ny'''\r\nc\r\n",
    "if a:\r    b = '''x\ry'''\rc\r", "\xef\xbb\xbfif a:\n    b = '''x\ny'''\nc"
  };
  source first;
  open_valid(&first, same[0]);
  for (size_t i = 1; i < TM_COUNT(same); i++) {
    source s;
    open_valid(&s, same[i]);
    assert_true(tm_ast_equal_module(first.module, s.module));
    close_source(&s);
  }
  close_source(&first);
}

static void positions_count_bytes_from_one(void **state) {
  (void)state;
  source s;
  open_valid(&s, "\xef\xbb\xbfx = '\xc3\xa9' + y\n@d\n\ndef f():\n  a\n\n");
  const tm_stmt *first = s.module->body.data[0];
  assert_int_equal(first->loc.line, 1);
  assert_int_equal(first->loc.col, 1); /* the mark has no column */
  assert_int_equal(first->e->a[1]->loc.col, 12);
  const tm_function_def *f = s.module->functions.data[0];
  assert_int_equal(f->loc.line, 4);
  assert_int_equal(f->loc.col, 5); /* the name's */
  assert_int_equal(f->end.line, 6);
  close_source(&s);
}

static void statements_know_their_parent(void **state) {
  (void)state;
  source s;
  open_valid(&s, "if a:\n  pass\nelif b:\n  try:\n    x = 1\n  finally: y\n");
  const tm_stmt *top = s.module->body.data[0];
  const tm_stmt *inner = top->orelse.data[0];
  const tm_stmt *tried = inner->body.data[0];
  assert_null(top->parent);
  assert_ptr_equal(top->body.data[0]->parent, top);
  assert_ptr_equal(inner->parent, top);
  assert_ptr_equal(tried->parent, inner);
  assert_ptr_equal(tried->body.data[0]->parent, tried);
  assert_int_equal(tried->blocks.len, 2); /* no handler; else, finally */
  assert_ptr_equal(tried->blocks.data[1].data[0]->parent, tried);
  close_source(&s);
}

/* ---- errors ------------------------------------------------------------- */

typedef struct mistake {
  const char *text;
  uint32_t line, col;
  const char *message; /* a part of it */
  const char *hint;    /* a part of it; NULL: none is asked for */
} mistake;

/* Each is one mistake and gives one error, at the place a person would look
 * for it. */
static const mistake mistakes[] = {
  {"if x\n  y\n", 1, 5, "expected ':' after the if condition, found the end",
   NULL},
  {"if x = 3:\n  y\nelse:\n  z\n", 1, 6, "expected ':'", "=="},
  {"while x\n  y", 1, 8, "':' after the while condition", NULL},
  {"for i in range(3)\n  y\nz\n", 1, 18, "':' after the loop's iterable", NULL},
  {"for i range(3):\n  y\n", 1, 7, "'in' after the loop's target", NULL},
  {"def f(a, b)\n  return a\n", 1, 12, "':' after the parameters", NULL},
  {"def f(a, b:\n  return a\n", 1, 6, "'(' was never closed", NULL},
  {"x = (1 +\n  2\ndef f():\n  return 1\n", 1, 5, "'(' was never", NULL},
  {"x = [1,\n2\ny = 3\n", 1, 5, "'[' was never closed", NULL},
  {"class A\n  pass\n", 1, 8, "':' after the class's name", NULL},
  {"if a:\nb\n", 2, 1, "indented block after the 'if' on line 1", "pass"},
  {"def f():\n\n# c\nx = 1\n", 4, 1, "block after the function definition on "
   "line 1", NULL},
  {"try:\n  a\nb\n", 3, 1, "'except' or 'finally' for the 'try' on line 1",
   NULL},
  {"x = 1\n  y = 2\nz = 3\n", 2, 3, "indented, but no block", NULL},
  {"if a:\n    b\n  c\n  d\ne\n", 3, 3, "does not match any outer", NULL},
  {"if a:\n\tb\n        c\n", 3, 1, "tabs and spaces", "spaces only"},
  {"else:\n  a\n", 1, 1, "'else' without a matching", NULL},
  {"if a:\n  b\nelse if c:\n  d\n", 3, 6, "expected ':' after 'else'", "elif"},
  {"x = )\n", 1, 5, "unmatched ')'", NULL},
  {"x = (a]\n", 1, 7, "closing ']' does not match opening '('", NULL},
  {"x = (\n\na]\n", 3, 2, "opening '(' on line 1", NULL},
  {"f(a b)\n", 1, 5, "expected ')' or ',', found 'b'", "comma"},
  {"x = [1,\n  2 3]\n", 2, 5, "']' or ',' in the bracket opened on line 1",
   "comma"},
  {"x = 'abc\ny = 2\n", 1, 5, "string is not closed on its line", NULL},
  {"x = 1\ny = '''abc\nz\n", 2, 5, "triple-quoted string is never closed",
   NULL},
  {"x = f'{a'\ny = 1\n", 1, 9, "not closed on its line", "'}' is missing"},
  {"x = f'{}'\n", 1, 8, "an expression is missing", "{{"},
  {"x = f'a}'\n", 1, 8, "single '}'", "}}"},
  {"x = f'{a!z}'\n", 1, 10, "conversion after '!'", NULL},
  {"x = f'{a b}'\n", 1, 10, "expected '}', ':' or '!'", NULL},
  {"x = f'{a:{c'\n", 1, 12, "not closed", NULL},
  {"x = f'abc\ny = 1\n", 1, 5, "f-string is not closed", NULL},
  {"x = f'''{a\n}}\n''' + 1\ny = 2\n", 2, 2, "single '}'", NULL},
  {"x = 012\n", 1, 5, "cannot start with 0", "0o17"},
  {"x = 1abc\n", 1, 6, "invalid decimal literal", NULL},
  {"x = 10L\n", 1, 7, "invalid decimal literal", "no suffix"},
  {"x = 1__0\n", 1, 6, "invalid decimal", "between two digits"},
  {"x = 0b12\n", 1, 8, "digit '2' in binary", NULL},
  {"x = 0x\n", 1, 5, "invalid hexadecimal", NULL},
  {"x = 1e5x\n", 1, 8, "invalid decimal", NULL},
  {"x = '\\x4'\n", 1, 6, "\\x needs two", NULL},
  {"x = '''a\nb\\u12'''\n", 2, 2, "\\u needs four", NULL},
  {"x = '\\U00110000'\n", 1, 6, "beyond the last", NULL},
  {"x = '\\N{'\n", 1, 6, "\\N needs", NULL},
  {"x = b'\xc3\xa9'\n", 1, 7, "ASCII only", NULL},
  {"x = 'a' b'c'\n", 1, 9, "cannot be joined", NULL},
  {"x = 'a' t'c'\n", 1, 9, "cannot be joined", NULL},
  {"x = \xe2\x80\x9c" "a\xe2\x80\x9d\n", 1, 5, "U+201C", "plain quotes"},
  {"x\xc2\xa0= 1\n", 1, 2, "U+00A0", "plain space"},
  {"x = a ? b : c\n", 1, 7, "'?'", "if c else"},
  {"x = a && b\n", 1, 8, "expected an expression", "and"},
  {"x = a || b\n", 1, 8, "expected an expression", "or"},
  {"x = !a\n", 1, 5, "'!'", "not x"},
  {"if a <> b: pass\n", 1, 6, "'<>'", "!="},
  {"x++\n", 1, 4, "expected an expression", "x += 1"},
  {"x = $a\n", 1, 5, "'$' is not allowed", NULL},
  {"x = a +\ny = 2\n", 1, 8, "found the end of the line", NULL},
  {"x = a + # c\n", 1, 8, "found the end of the line", NULL},
  {"x = \\ y\n", 1, 5, "backslash", NULL},
  {"x = a \\", 1, 7, "backslash", NULL},
  {"x = a \\\n", 1, 7, "ends after this backslash", NULL},
  {"print 'a'\n", 1, 1, "Python 2", "print("},
  {"raise E, 'a'\n", 1, 8, "Python 2", "raise E("},
  {"class = 1\n", 1, 7, "the class's name", NULL},
  {"x = def\n", 1, 5, "found 'def'", "keyword"},
  {"import a.class\n", 1, 10, "found 'class'", "keyword"},
  {"1 = x\n", 1, 1, "cannot assign to a number", "=="},
  {"f() = x\n", 1, 1, "cannot assign to a function call", "=="},
  {"a, f(), b = x\n", 1, 4, "cannot assign to a function call", NULL},
  {"a = b + c = d\n", 1, 5, "cannot assign to an expression", NULL},
  {"None = 1\n", 1, 1, "cannot assign to None", NULL},
  {"[a, 'b'] = 1\n", 1, 5, "cannot assign to a string", NULL},
  {"a + 1 += 2\n", 1, 1, "target of an augmented", NULL},
  {"(a, b) += 2\n", 1, 1, "a tuple cannot be the target", NULL},
  {"a, b: int\n", 1, 1, "only a single name", NULL},
  {"f(): int\n", 1, 4, "cannot be annotated", NULL},
  {"*a = b\n", 1, 1, "cannot assign to a starred", "*x,"},
  {"a = *b\n", 1, 5, "cannot stand alone", "*x,"},
  {"x = (*a)\n", 1, 6, "cannot stand alone", NULL},
  {"del f()\n", 1, 5, "cannot delete a function call", NULL},
  {"del *a\n", 1, 5, "expected an expression", NULL},
  {"for f() in x: pass\n", 1, 5, "cannot assign to a function call", NULL},
  {"with a as f(): pass\n", 1, 11, "cannot assign", NULL},
  {"x := 1\n", 1, 3, "cannot stand alone", "parentheses"},
  {"x = (a.b := 1)\n", 1, 6, ":= with an attribute", NULL},
  {"f(a=1, b)\n", 1, 8, "positional argument follows a keyword", NULL},
  {"f(**a, b)\n", 1, 8, "positional argument follows one with **", NULL},
  {"f(**a, *b)\n", 1, 8, "an argument with * follows", NULL},
  {"f(a for a in b, c)\n", 1, 3, "generator", "parentheses"},
  {"f(a.b=1)\n", 1, 3, "plain name before '='", "=="},
  {"f(a=)\n", 1, 5, "expected an expression", NULL},
  {"def f(a=1, b): pass\n", 1, 12, "'b' without a default", NULL},
  {"def f(*): pass\n", 1, 7, "bare '*'", NULL},
  {"def f(*, **k): pass\n", 1, 7, "bare '*'", NULL},
  {"def f(a, *b, *c): pass\n", 1, 14, "only once", NULL},
  {"def f(**k, a): pass\n", 1, 12, "no parameter can follow", NULL},
  {"def f(/, a): pass\n", 1, 7, "must precede '/'", NULL},
  {"def f(a, *, b, /): pass\n", 1, 16, "before '*'", NULL},
  {"def f((a, b)): pass\n", 1, 7, "cannot be a tuple", NULL},
  {"lambda a=1, b: 0\n", 1, 13, "without a default", NULL},
  {"x = a if b\n", 1, 11, "expected 'else'", NULL},
  {"x = {1: 2, 3}\n", 1, 13, "':' after the dict's key", NULL},
  {"x = {**a for a in b}\n", 1, 8, "unpacking", NULL},
  {"x = [*a for a in b]\n", 1, 6, "unpacking", NULL},
  {"x = a[]\n", 1, 7, "an index is missing", NULL},
  {"x = a.\n", 1, 7, "a name after '.'", NULL},
  {"x = a b\n", 1, 7, "expected the end of the line", NULL},
  {"x = yield = 1\n", 1, 5, "cannot assign to a yield", NULL},
  {"x = 1 + yield\n", 1, 9, "found 'yield'", "parentheses"},
  {"from a import b,\n", 1, 16, "a comma cannot end", "parentheses"},
  {"from a import\n", 1, 14, "a name to import", NULL},
  {"import a from b\n", 1, 10, "'from' comes before", NULL},
  {"@a\nx = 1\n", 2, 1, "function or class after the decorator", NULL},
  {"async x\n", 1, 7, "'def', 'for' or 'with' after 'async'", NULL},
  {"try: a\nexcept: b\nexcept C: d\n", 3, 1, "must come last", NULL},
  {"try: a\nexcept A: b\nexcept* C: d\n", 3, 1, "except and except*", NULL},
  {"try: a\nexcept A, B as c: d\n", 2, 8, "need parentheses", NULL},
  {"match a:\n  b\n", 2, 3, "expected 'case'", NULL},
  {"match a:\n  case 1 |: b\n", 2, 11, "expected a pattern", NULL},
  {"match a:\n  case {b: 1}: c\n", 2, 9, "the key of a mapping", NULL},
  {"match a:\n  case *b: c\n", 2, 8, "cannot stand alone", NULL},
  {"type A[T=int, U] = T\n", 1, 15, "without a default", NULL},
  {"def f[](): pass\n", 1, 7, "a type parameter is missing", NULL},
  {"global\n", 1, 7, "expected a name", NULL},
};

static void each_mistake_is_one_error_in_place(void **state) {
  (void)state;
  int bad = 0;
  for (size_t i = 0; i < TM_COUNT(mistakes); i++) {
    const mistake *m = &mistakes[i];
    source s;
    open_text(&s, m->text);
    const tm_diag *d = s.diags.list.len ? &s.diags.list.data[0] : NULL;
    bool ok = s.diags.errors == 1 && d->loc.line == m->line &&
              d->loc.col == m->col && strstr(d->message, m->message) &&
              (!m->hint || (d->hint && strstr(d->hint, m->hint))) &&
              d->kind == TM_DIAG_SYNTAX && s.module->errors == 1;
    if (!ok) {
      print_message("%s  expected one error at %u:%u with \"%s\"\n", m->text,
                    m->line, m->col, m->message);
      show_errors(&s);
      bad++;
    }
    close_source(&s);
  }
  assert_int_equal(bad, 0);
}

static void every_mistake_of_a_file_is_found(void **state) {
  (void)state;
  /* Each is on its own statement; what is between them is read. */
  source s;
  open_text(&s,
            "import triton\n"
            "@triton.jit\n"
            "def one(x, y:\n"          /* 3:8 */
            "    return x\n"
            "\n"
            "@triton.jit\n"
            "def two(x):\n"
            "    if x = 1:\n"          /* 8:10 */
            "        y = x +\n"        /* 9:16 */
            "    elif x\n"             /* 10:11 */
            "        y = 2\n"
            "    z = f'{x'\n"          /* 12:13 */
            "    return y\n"
            "x = [1, 2 3]\n"           /* 14:11 */
            "@triton.jit\n"
            "def three(): pass\n");
  static const uint32_t places[][2] = {{3, 8},   {8, 10},  {9, 16},
                                       {10, 11}, {12, 13}, {14, 11}};
  if (s.diags.errors != TM_COUNT(places)) show_errors(&s);
  assert_int_equal(s.diags.errors, TM_COUNT(places));
  for (size_t i = 0; i < TM_COUNT(places); i++) {
    assert_int_equal(s.diags.list.data[i].loc.line, places[i][0]);
    assert_int_equal(s.diags.list.data[i].loc.col, places[i][1]);
  }
  assert_ptr_equal(tm_modules_find(s.set, "m"), s.module);
  assert_non_null(tm_module_kernel(s.module, "three"));
  const tm_function_def *two = tm_module_kernel(s.module, "two");
  assert_non_null(two);
  assert_int_equal(two->body.len, 1); /* the return: the rest had errors */
  close_source(&s);
}

static void zero_bytes_are_an_error(void **state) {
  (void)state;
  static const char text[] = "a = 1\nb = \0 2\nc = 3\n";
  source s;
  open_bytes(&s, text, sizeof text - 1);
  assert_true(s.diags.errors >= 1);
  assert_int_equal(s.diags.list.data[0].loc.line, 2);
  assert_int_equal(s.diags.list.data[0].loc.col, 5);
  assert_int_equal(s.module->body.len, 1);
  close_source(&s);
}

static void what_cpython_refuses_is_refused(void **state) {
  (void)state;
  static const char *const texts[] = {
    "f(a for a in b, )", "class A(a for a in b): pass", "x = 1 if 2",
    "a = b = c +", "def f(a, a.b): pass", "lambda: yield", "f(*)", "f(**)",
    "x = [a, b for b in c]", "x = {a: b, **c for d in e}", "a = 1 2",
    "for x in *a: pass", "return *a", "(a := 1) = 2", "a := 1", "f(a=b:=1)",
    "[a := 1, b = 2]", "x = a not b", "x = is a", "not", "x = a..b",
    "import", "import *", "from a import (b", "from a import ()",
    "from . import", "import a as b.c", "from a import b.c", "@\ndef f(): pass",
    "if a: if b: c", "if a: for b in c: d", "while: a", "for a: b", "with: a",
    "with a as 1: b", "with (a as b) as c: d", "try: a", "except: a",
    "class: a", "class A: ", "def f: a", "def f() a", "async lambda: a",
    "await", "x = await", "a, b += 1", "a: int: str", "assert", "del",
    "del a = b", "pass a", "break a", "raise from a", "x = ''' a",
    "x = f'{a!}'",
    "f'{a:{b}'", "f'{a b}'", "f'{lambda x: 1}'", "f'{'", "f'}'", "f'{*a}'",
    "match a:\n case 1 + 1: b", "match a:\n case f(): b\n c",
    "match a:\n case a.b(): c\n case f'{a}': b", "match a: pass",
    "match a:\n case -x: b", "match a:\n case a as _: b",
    "match a:\n case {**a, 'b': c}: d", "type A", "type A = ", "type A[T",
    "0_", "0x_", "1_.5", "1e", "1.e_5", "0b2", "0o8", "00012", "1._5",
    "a = 'b' c", "\xe2\x82\xac = 1", "x = a ! b", "'\\xg'", "'\\u'", "'\\N'",
    "b'\\x'", "x = (", "x = a[", "x = {", "{a, **b}", "{*a: b}", "{a: *b}",
    "[**a]", "(**a)", "f(a b)", "f(a, b c)", "(a b)", "a[b c]", "a[*b:c]",
    "global a.b", "nonlocal 1", "lambda a, a.b: c", "lambda (a): b",
    "def f(a:): b", "def f(a=): b", "def f() -> : b", "def f(a)(b): c",
    "class A(b c): d", "a ** ** b", "a //= = b", "a = += b", "1 += a",
    "if a:\npass", "  a", "if a:\n  b\n c", "if a:\n\tb\n        c"
  };
  for (size_t i = 0; i < TM_COUNT(texts); i++) {
    source s;
    open_text(&s, texts[i]);
    if (!s.diags.errors) print_message("accepted: %s\n", texts[i]);
    assert_true(s.diags.errors > 0);
    close_source(&s);
  }
}

/* ---- printing ----------------------------------------------------------- */

static tm_module *parse_printed(source *s, const char **text) {
  tm_buf out = tm_buf_in(&s->arena);
  tm_ast_print_module(&out, s->module);
  *text = tm_buf_text(&out);
  return tm_module_parse_text(s->set, "again", "again.py",
                              (tm_str){*text, out.len});
}

static void printed_modules_parse_to_equal_trees(void **state) {
  (void)state;
  for (size_t i = 0; i < TM_COUNT(golden); i++) {
    size_t n;
    char *text = read_golden(golden[i], ".py", &n);
    source s;
    open_bytes(&s, text, n);
    const char *printed, *twice;
    tm_module *again = parse_printed(&s, &printed);
    if (s.diags.errors) show_errors(&s);
    assert_int_equal(s.diags.errors, 0);
    assert_true(tm_ast_equal_module(s.module, again));
    /* Printing is a fixed point. */
    s.module = again;
    parse_printed(&s, &twice);
    assert_string_equal(printed, twice);
    close_source(&s);
    free(text);
  }
}

/* Texts that are printed as they are: no parenthesis too many, none lost. */
static const char *const printed_alike[] = {
  "a + b * c", "(a + b) * c", "a - (b - c)", "a - b - c", "-a**-b", "(-a)**b",
  "a**b**c", "(a**b)**c", "not a and b or c", "not (a and b)", "a and (b or c)",
  "a < b < c", "(a < b) < c", "a if b else c if d else e",
  "(a if b else c) if d else e", "(lambda: a)()", "lambda x, *y, z=1: x + 1",
  "f(a for a in b)", "f((a for a in b), c)", "x[:, None]", "x[a:b:c, ...]",
  "x[(), a]", "x[a,]", "x[()]", "(a, b)[0]", "a, b = b, a", "a, = b",
  "(a := 1)", "f(a := 1)", "[a := 1, b]", "x = (a := 1)", "{**a, b: c}",
  "{*a, b}", "(1).real", "1.5", "1e+300", "1e999", "0.1", "2.0j",
  "18446744073709551616", "a @ b", "~a", "await a", "x = yield a",
  "x = (yield a) + 1", "[a async for a in b if c]", "a.b.c[d](e, *f, g=h, **i)",
  "\"it's\"", "x = \"a\\\"b\\\\\\n\"", "b\"\\x00\\xff\"",
  "f\"{a!r:>{b}}c{{d}}\"", "f\"{a['b']}\"", "f\"{ {a: b}}\"",
  "f\"{(lambda: a)}\"",
  "f\"{a:\\x7b\\\"}\"", "t\"{a}\"", "\"\\N{BULLET}\\\\\"", "assert a, b",
  "del a, b",
  "return a, b", "raise a from b", "global a, b", "import a.b as c, d",
  "from ..a import b as c, d", "from . import *", "a: int = 1", "a @= b",
  "type A[T: int, *Ts, **P] = T", "x = *a, b", "print(*a, sep=\"\")"
};

static void printing_adds_and_drops_no_parentheses(void **state) {
  (void)state;
  for (size_t i = 0; i < TM_COUNT(printed_alike); i++) {
    const char *text = printed_alike[i];
    source s;
    open_valid(&s, text);
    tm_buf out = tm_buf_in(&s.arena), want = tm_buf_in(&s.arena);
    tm_ast_print_module(&out, s.module);
    tm_buf_printf(&want, "%s\n", text);
    assert_string_equal(tm_buf_text(&out), tm_buf_text(&want));
    close_source(&s);
  }
}

static void blocks_are_printed_with_four_spaces(void **state) {
  (void)state;
  static const char text[] =
      "import a\n"
      "\n"
      "\n"
      "@a.jit(b=1)\n"
      "def f(x, /, y: int = 1, *, z=2) -> int:\n"
      "    \"\"\"One.\n"
      "\n"
      "    Two \\\\.\"\"\"\n"
      "    if x:\n"
      "        pass\n"
      "    elif y:\n"
      "        for i, j in x:\n"
      "            break\n"
      "        else:\n"
      "            continue\n"
      "    else:\n"
      "        while True:\n"
      "            x += 1\n"
      "    try:\n"
      "        a\n"
      "    except (B, C) as d:\n"
      "        e\n"
      "    else:\n"
      "        f\n"
      "    finally:\n"
      "        g\n"
      "    with a as b, c:\n"
      "        pass\n"
      "    match a:\n"
      "        case [1, *_] | {\"k\": A(b=c)} as d if e:\n"
      "            pass\n"
      "\n"
      "\n"
      "class A(B, metaclass=C):\n"
      "    x = 1\n"
      "\n"
      "    async def f(self):\n"
      "        return await self\n";
  source s;
  open_valid(&s, text);
  tm_buf out = tm_buf_in(&s.arena);
  tm_ast_print_module(&out, s.module);
  assert_string_equal(tm_buf_text(&out), text);
  close_source(&s);
  open_valid(&s, "def g(a):\n    return a\n");
  tm_buf one = tm_buf_in(&s.arena);
  tm_ast_print_function(&one, s.module->functions.data[0]);
  assert_string_equal(tm_buf_text(&one), "def g(a):\n    return a\n");
  close_source(&s);
}

static void different_trees_are_not_equal(void **state) {
  (void)state;
  static const char *const pairs[][2] = {
    {"a", "b"}, {"a + b", "a - b"}, {"a + b", "b + a"}, {"1", "2"},
    {"1", "1.0"}, {"1.0", "1j"}, {"'a'", "b'a'"}, {"'a'", "f'a'"},
    {"f'{a}'", "f'{a!r}'"}, {"f'{a}'", "f'{a:}'"}, {"f'{a:x}'", "f'{a:y}'"},
    {"f'{a}'", "t'{a}'"}, {"a < b", "a <= b"}, {"a < b < c", "a < b > c"},
    {"f(a)", "f(a, b)"}, {"f(a)", "f(a=a)"}, {"f(a=b)", "f(**b)"},
    {"f(a)", "f(*a)"}, {"(a, b)", "[a, b]"}, {"[a]", "[a, a]"},
    {"[a for a in b]", "{a for a in b}"}, {"[a for a in b]", "[a for a in c]"},
    {"[a for a in b]", "[a for a in b if c]"}, {"lambda a: b", "lambda c: b"},
    {"lambda a: b", "lambda *a: b"}, {"lambda *, a: b", "lambda a: b"},
    {"lambda a, /: b", "lambda a: b"}, {"lambda a=1: b", "lambda a=2: b"},
    {"a.b", "a.c"}, {"a[b]", "a[b,]"}, {"a[b:]", "a[:b]"},
    {"-a", "+a"}, {"'\\N{DASH}'", "r'\\N{DASH}'"}, {"a = b", "a = c"},
    {"a = b", "a += b"}, {"a += b", "a -= b"}, {"a: b", "a: c"},
    {"a: b", "a: b = 1"}, {"import a", "import b"},
    {"import a", "import a as b"}, {"from a import b", "from .a import b"},
    {"from a import b", "from a import c"}, {"if a: b", "if a: c"},
    {"if a: b", "if a: b\nelse: c"}, {"if a: b", "while a: b"},
    {"if a: b\nelif c: d", "if a: b\nelif c: e"},
    {"for a in b: c", "for a in b: c\nelse: d"},
    {"with a: b", "with a as c: b"},
    {"try: a\nexcept: b", "try: a\nfinally: b"},
    {"try: a\nexcept B: b", "try: a\nexcept* B: b"},
    {"try: a\nexcept B: b", "try: a\nexcept B as c: b"},
    {"def f(): pass", "async def f(): pass"}, {"def f(): a", "def f(): b"},
    {"def f(): a", "@b\ndef f(): a"}, {"def f(): a", "def f() -> b: a"},
    {"def f[T](): a", "def f[U](): a"}, {"class A: a", "class A(B): a"},
    {"class A(B): a", "class A(b=B): a"}, {"class A: a", "@b\nclass A: a"},
    {"match a:\n case b: c", "match a:\n case d: c"},
    {"match a:\n case b: c", "match a:\n case b if d: c"},
    {"a; b", "a"}, {"yield a", "yield from a"}, {"a", "a,"},
    {"18446744073709551616", "18446744073709551617"}
  };
  for (size_t i = 0; i < TM_COUNT(pairs); i++) {
    source x, y;
    open_valid(&x, pairs[i][0]);
    open_valid(&y, pairs[i][1]);
    bool equal = tm_ast_equal_module(x.module, y.module);
    if (equal) print_message("equal: %s\n%s\n", pairs[i][0], pairs[i][1]);
    assert_false(equal);
    assert_true(tm_ast_equal_module(x.module, x.module));
    close_source(&x);
    close_source(&y);
  }
}

/* ---- modules ------------------------------------------------------------ */

/* Whether `f`, the function of a text, is a device function. */
static void check_jit(const char *text, bool expected) {
  source s;
  open_valid(&s, text);
  const tm_function_def *f = NULL;
  for (uint32_t i = 0; i < s.module->all_functions.len; i++)
    if (strcmp(s.module->all_functions.data[i]->name, "f") == 0)
      f = s.module->all_functions.data[i];
  assert_non_null(f);
  if (f->is_jit != expected) print_message("%s\n", text);
  assert_int_equal(f->is_jit, expected);
  close_source(&s);
}

static void tritons_jit_is_known_under_every_name(void **state) {
  (void)state;
#define F "\ndef f(): pass\n"
  check_jit("import triton\n@triton.jit" F, true);
  check_jit("import triton as T\n@T.jit" F, true);
  check_jit("from triton import jit\n@jit" F, true);
  check_jit("from triton import jit as J\n@J" F, true);
  check_jit("from triton.runtime.jit import jit\n@jit" F, true);
  check_jit("from ..runtime.jit import jit\n@jit" F, true);
  check_jit("import triton_metal\n@triton_metal.jit" F, true);
  check_jit("import triton_metal as t\n@t.jit" F, true);
  check_jit("from vllm.triton_utils import tl, triton\n@triton.jit" F, true);
  check_jit("from .compat import triton\n@triton.jit()" F, true);
  check_jit("@triton.jit" F, true); /* a text without its imports */
  check_jit("@jit" F, true);
  check_jit("import triton\n@triton.jit(do_not_specialize=['a'])" F, true);
  check_jit("import triton\n@libentry()\n@triton.autotune([], key=[])\n"
            "@triton.heuristics({})\n@triton.jit\n@other" F, true);
  check_jit("try:\n  import triton\nexcept ImportError:\n  triton = None\n"
            "@triton.jit" F, true);
  check_jit("import triton\njit = triton.jit\n@jit" F, true);
  check_jit("import triton\njit = triton.jit if ok else noop\n@jit" F, true);
  check_jit("import triton\n@(triton.jit if ok else noop)" F, true);
  check_jit("import triton, functools\n"
            "@functools.partial(triton.jit, debug=True)" F, true);
  check_jit("import triton\nfrom functools import partial\n"
            "myjit = partial(triton.jit, debug=True)\n@myjit" F, false);
  check_jit("import triton\nmyjit = triton.jit(debug=True)\n@myjit" F, true);
  check_jit("import triton\ndef f(): pass\ng = triton.jit(f)\n", true);
  check_jit("import triton\ndef f(): pass\n"
            "g = triton.autotune([], key=[])(triton.jit(f))\n", true);
  check_jit("import triton\ndef f(): pass\n"
            "g = triton.jit(debug=True)(f)\n", true);
  check_jit("import triton\ndef make():\n  @triton.jit\n  def f(): pass\n",
            true);
  check_jit("import triton\nclass A:\n  @triton.jit\n  def f(): pass\n", true);

  check_jit("def f(): pass\n", false);
  check_jit("import numba\n@numba.jit" F, false);
  check_jit("from numba import jit\n@jit" F, false);
  check_jit("from numba import cuda\n@cuda.jit" F, false);
  check_jit("import jax\n@jax.jit" F, false);
  check_jit("import torch\n@torch.jit.script" F, false);
  check_jit("from triton.experimental import gluon\n@gluon.jit" F, false);
  check_jit("from triton.experimental.gluon import jit\n@jit" F, false);
  check_jit("import triton\n@triton.autotune([], key=[])" F, false);
  check_jit("import triton\n@triton.constexpr_function" F, false);
  check_jit("def jit(f): return f\n@jit" F, false);
  check_jit("import triton\ndef f(): pass\ng = wrap(f)\n", false);
#undef F
}

static void kernels_are_found_by_name(void **state) {
  (void)state;
  source s;
  open_set(&s);
  tm_module *ops = tm_module_parse_text(
      s.set, "pkg.ops", "pkg/ops.py",
      TM_STR("import triton\n"
             "@triton.jit\ndef add(): pass\n"
             "def raw(): pass\n"
             "mul = triton.autotune([], key=[])(triton.jit(raw))\n"
             "alias = add\n"
             "add = tuned(add)\n"
             "if triton:\n"
             "  @triton.jit\n  def either(): return 1\n"
             "else:\n  either = None\n"
             "def host(): pass\n"
             "loop = loop2\nloop2 = loop\n"));
  tm_module *package = tm_module_parse_text(
      s.set, "pkg", "pkg/__init__.py",
      TM_STR("from .ops import add as plus, host\nfrom . import ops\n"));
  assert_int_equal(s.diags.errors, 0);
  tm_function_def *add = ops->functions.data[0], *raw = ops->functions.data[1];
  assert_string_equal(raw->name, "raw");
  assert_ptr_equal(tm_module_kernel(ops, "add"), add);
  assert_ptr_equal(tm_module_kernel(ops, "alias"), add);
  assert_ptr_equal(tm_module_kernel(ops, "mul"), raw);
  assert_ptr_equal(tm_module_kernel(ops, "raw"), raw);
  assert_string_equal(tm_module_kernel(ops, "either")->name, "either");
  assert_null(tm_module_kernel(ops, "host"));
  assert_null(tm_module_kernel(ops, "loop"));
  assert_null(tm_module_kernel(ops, "nothing"));
  assert_ptr_equal(tm_module_kernel(package, "plus"), add);
  assert_null(tm_module_kernel(package, "host"));
  assert_ptr_equal(tm_modules_find(s.set, "pkg"), package);
  assert_null(tm_modules_find(s.set, "pkg.other"));
  close_source(&s);
}

/* The line of the statement that binds name last, 0 for none; and of the one
 * before it. */
static uint32_t bound_at(const source *s, const char *name, int back) {
  tm_name interned =
      tm_intern_cstr(&((source *)(uintptr_t)s)->set->names, name);
  uint64_t at;
  if (!tm_map_get(&s->module->bindings, TM_KEY(interned), &at)) return 0;
  uint32_t i = (uint32_t)at + 1;
  while (i && back--) i = s->module->earlier.data[i - 1];
  if (!back || !i) return i ? s->module->binders.data[i - 1]->loc.line : 0;
  return s->module->binders.data[i - 1]->loc.line;
}

static void module_level_bindings_are_known(void **state) {
  (void)state;
  source s;
  open_valid(&s,
             "import a.b, c.d as e\n"                   /* 1 */
             "from f import g as h, i, j\n"             /* 2 */
             "from k import *\n"                        /* 3 */
             "l = m = 1\n"                              /* 4 */
             "(n, [o, *p]), q.r, s[0] = t\n"            /* 5 */
             "u: int\n"                                 /* 6 */
             "v: int = 1\n"                             /* 7 */
             "w += 1\n"                                 /* 8 */
             "if x:\n"                                  /* 9 */
             "  l = 2\n"                                /* 10 */
             "elif (y := z):\n"                         /* 11 */
             "  l = 3\n"                                /* 12 */
             "else:\n"                                  /* 13 */
             "  def aa(ab): ac = 1\n"                   /* 14 */
             "for ad, ae in af:\n"                      /* 15 */
             "  with ag as ah, ai as (aj, ak): al = 1\n" /* 16 */
             "try:\n"                                   /* 17 */
             "  am = 1\n"                               /* 18 */
             "except B as an:\n"                        /* 19 */
             "  ao = 1\n"                               /* 20 */
             "finally: ap = 1\n"                        /* 21 */
             "class aq:\n"                              /* 22 */
             "  ar = 1\n"                               /* 23 */
             "match as_:\n"                             /* 24 */
             "  case [at, C(au, av=aw), {'k': ax, **ay}] as az: ba = 1\n"
             "del n\n"                                  /* 26 */
             "type bb = int\n"                          /* 27 */
             "[bc := 1 for bd in be]; lambda: (bf := 1)\n"); /* 28 */
  static const struct { const char *name; uint32_t line; } bound[] = {
    {"a", 1}, {"e", 1}, {"h", 2}, {"i", 2}, {"j", 2}, {"l", 12}, {"m", 4},
    {"n", 26}, {"o", 5}, {"p", 5}, {"v", 7}, {"w", 8}, {"y", 11}, {"aa", 14},
    {"ad", 15}, {"ae", 15}, {"ah", 16}, {"aj", 16}, {"ak", 16}, {"al", 16},
    {"am", 18}, {"an", 17}, {"ao", 20}, {"ap", 21}, {"aq", 22}, {"at", 24},
    {"au", 24}, {"aw", 24}, {"ax", 24}, {"ay", 24}, {"az", 24}, {"ba", 25},
    {"bb", 27}, {"bc", 28}
  };
  static const char *const unbound[] = {
    "b", "c", "d", "f", "g", "k", "*", "q", "r", "s", "t", "u", "x", "z", "ab",
    "ac", "af", "ag", "ai", "ar", "as_", "av", "_", "bd", "be", "bf", "int"
  };
  for (size_t i = 0; i < TM_COUNT(bound); i++) {
    if (bound_at(&s, bound[i].name, 0) != bound[i].line)
      print_message("%s\n", bound[i].name);
    assert_int_equal(bound_at(&s, bound[i].name, 0), bound[i].line);
  }
  for (size_t i = 0; i < TM_COUNT(unbound); i++)
    assert_int_equal(bound_at(&s, unbound[i], 0), 0);
  assert_int_equal(bound_at(&s, "l", 1), 10);
  assert_int_equal(bound_at(&s, "l", 2), 4);
  assert_int_equal(bound_at(&s, "l", 3), 0);
  assert_int_equal(bound_at(&s, "n", 1), 5);
  assert_int_equal(s.module->imports.len, 3);
  assert_int_equal(s.module->functions.len, 1);
  tm_name l = tm_intern_cstr(&s.set->names, "l");
  assert_int_equal(tm_module_binding(s.module, l)->kind, TM_STMT_ASSIGN);
  close_source(&s);
}

static void relative_imports_follow_python(void **state) {
  (void)state;
  static const struct {
    const char *module, *file;
    uint32_t dots;
    const char *path, *expected;
  } rows[] = {
    {"pkg.ops.norm", "norm.py", 0, "a.b", "a.b"},
    {"pkg.ops.norm", "norm.py", 1, "", "pkg.ops"},
    {"pkg.ops.norm", "norm.py", 1, "x", "pkg.ops.x"},
    {"pkg.ops.norm", "norm.py", 2, "x.y", "pkg.x.y"},
    {"pkg.ops.norm", "norm.py", 3, "x", NULL},
    {"pkg.ops", "pkg/ops/__init__.py", 1, "x", "pkg.ops.x"},
    {"pkg.ops", "pkg/ops/__init__.py", 2, "x", "pkg.x"},
    {"pkg.ops", "pkg/ops/__init__.py", 3, "x", NULL},
    {"norm", "norm.py", 1, "x", "x"},   /* a file on its own */
    {"norm", "norm.py", 1, NULL, ""},
    {"norm", "norm.py", 2, "x", NULL},
    {"pkg", "pkg/__init__.py", 1, NULL, "pkg"},
    {"pkg", "pkg/__init__.py", 2, "x", NULL}
  };
  for (size_t i = 0; i < TM_COUNT(rows); i++) {
    source s;
    open_set(&s);
    tm_module *module =
        tm_module_parse_text(s.set, rows[i].module, rows[i].file,
                             i % 2 ? TM_STR("") : TM_STR("from .x import y"));
    const char *got = tm_module_absolute(module, rows[i].dots, rows[i].path);
    if (rows[i].expected)
      assert_string_equal(got, rows[i].expected);
    else
      assert_null(got);
    close_source(&s);
  }
}

static void note_import(void *payload, const char *name) {
  tm_buf_printf(payload, "%s ", name);
}

static void missing_imports_are_asked_for_once(void **state) {
  (void)state;
  source s;
  open_set(&s);
  tm_module_parse_text(s.set, "pkg.known", "pkg/known.py", TM_STR("x = 1\n"));
  tm_module *module = tm_module_parse_text(
      s.set, "pkg.ops.norm", "norm.py",
      TM_STR("import triton, triton.language as tl\n"
             "from triton.language.extra import libdevice\n"
             "import torch.nn, math\n"
             "import math\n"
             "from .utils import f, g\n"
             "from . import h\n"
             "from ..known import x, y\n"
             "from ....far import z\n"
             "if a:\n  from other import *\n"
             "def k():\n  import later\n"));
  tm_buf out = tm_buf_in(&s.arena);
  tm_module_missing_imports(module, note_import, &out);
  assert_string_equal(tm_buf_text(&out),
                      "torch torch.nn math pkg.ops.utils pkg.ops.utils.f "
                      "pkg.ops.utils.g pkg.ops pkg.ops.h pkg.known.y other ");
  close_source(&s);
}

static void tritons_own_modules_know_their_jit(void **state) {
  (void)state;
  static const struct { const char *module, *text; bool jit; } rows[] = {
    {"triton.language.standard", "from ..runtime.jit import jit\n@jit\n", true},
    {"triton.experimental.gluon.language._standard",
     "from .._runtime import jit\n@jit\n", false},
    {"pkg.kernels", "from .compiler import jit\n@jit\n", false}
  };
  for (size_t i = 0; i < TM_COUNT(rows); i++) {
    source s;
    open_set(&s);
    tm_buf text = tm_buf_in(&s.arena);
    tm_buf_printf(&text, "%sdef f(): pass\n", rows[i].text);
    s.module = tm_module_parse_text(s.set, rows[i].module, "x.py",
                                    (tm_str){text.data, text.len});
    assert_int_equal(s.module->functions.data[0]->is_jit, rows[i].jit);
    close_source(&s);
  }
}

static void a_module_is_replaced_by_its_name(void **state) {
  (void)state;
  source s;
  open_text(&s, "def f(): pass\n");
  tm_module *second = tm_module_parse_text(s.set, "m", "m.py", TM_STR("a\n"));
  assert_int_equal(s.set->list.len, 1);
  assert_ptr_equal(tm_modules_find(s.set, "m"), second);
  close_source(&s);
}

/* ---- building ----------------------------------------------------------- */

static void built_trees_print_as_source(void **state) {
  (void)state;
  source s;
  open_set(&s);
  tm_loc none = {0};
  s.module = tm_module_new(s.set, "built");
  tm_function_def *f = TM_NEW(&s.arena, tm_function_def);
  f->name = tm_intern_cstr(&s.set->names, "k");
  tm_param_decl x = {.name = tm_intern_cstr(&s.set->names, "x")};
  tm_push(&s.arena, &f->params, x);
  tm_expr *triton = tm_expr_new(s.set, TM_EXPR_NAME, none);
  triton->name = tm_intern_cstr(&s.set->names, "triton");
  tm_expr *jit = tm_expr_new(s.set, TM_EXPR_ATTRIBUTE, none);
  jit->a[0] = triton;
  jit->name = tm_intern_cstr(&s.set->names, "jit");
  tm_push(&s.arena, &f->decorators, jit);
  tm_stmt *stop = tm_stmt_new(s.set, TM_STMT_RETURN, none);
  tm_push(&s.arena, &f->body, stop);
  tm_module_add_function(s.module, f);
  assert_true(f->is_jit);
  assert_ptr_equal(f->module, s.module);
  assert_ptr_equal(tm_module_kernel(s.module, "k"), f);
  const char *text;
  tm_module *again = parse_printed(&s, &text);
  assert_string_equal(text,
                      "import triton\nimport triton.language as tl\n\n\n"
                      "@triton.jit\ndef k(x):\n    return\n");
  assert_true(tm_ast_equal_module(s.module, again));
  assert_true(tm_ast_equal(f, tm_module_kernel(again, "k")));
  close_source(&s);
}

static void endless_built_trees_print_no_python(void **state) {
  (void)state;
  source s;
  open_set(&s);
  tm_loc none = {0};
  tm_expr *e = tm_expr_new(s.set, TM_EXPR_NONE, none);
  for (int i = 0; i < 200000; i++) {
    tm_expr *outer = tm_expr_new(s.set, TM_EXPR_UNARY, none);
    outer->op = TM_PY_NEG;
    outer->a[0] = e;
    e = outer;
  }
  tm_stmt *body = tm_stmt_new(s.set, TM_STMT_PASS, none);
  for (int i = 0; i < 200000; i++) {
    tm_stmt *outer = tm_stmt_new(s.set, TM_STMT_WHILE, none);
    outer->e = tm_expr_new(s.set, TM_EXPR_TRUE, none);
    tm_push(&s.arena, &outer->body, body);
    body = outer;
  }
  s.module = tm_module_new(s.set, "built");
  tm_stmt *stmt = tm_stmt_new(s.set, TM_STMT_EXPR, none);
  stmt->e = e;
  tm_push(&s.arena, &s.module->body, stmt);
  tm_push(&s.arena, &s.module->body, body);
  const char *text;
  parse_printed(&s, &text);
  assert_true(s.diags.errors > 0);
  close_source(&s);
}

/* ---- hostile input ------------------------------------------------------ */

/* Everything that can be done with a module, on any bytes. */
static void exercise(const char *text, size_t n) {
  char *exact = malloc(n ? n : 1); /* sanitizers see its end */
  assert_non_null(exact);
  memcpy(exact, text, n);
  source s;
  open_bytes(&s, exact, n);
  uint32_t errors = s.diags.errors;
  tm_buf out = tm_buf_in(&s.arena);
  tm_diags_render_all(&s.diags, &out);
  ast_dump_module(&out, s.module);
  (void)tm_module_kernel(s.module, "f");
  tm_module_missing_imports(s.module, note_import, &out);
  const char *printed;
  tm_module *again = parse_printed(&s, &printed);
  if (!errors) {
    if (s.diags.errors || !tm_ast_equal_module(s.module, again))
      print_message("%.*s\n---\n%s\n", (int)n, text, printed);
    assert_int_equal(s.diags.errors, 0);
    assert_true(tm_ast_equal_module(s.module, again));
  }
  close_source(&s);
  free(exact);
}

static void any_truncation_is_survived(void **state) {
  (void)state;
  for (size_t i = 0; i < TM_COUNT(golden); i++) {
    size_t n;
    char *text = read_golden(golden[i], ".py", &n);
    for (size_t cut = 0; cut <= n; cut++) exercise(text, cut);
    free(text);
  }
}

/* xorshift64*: the same edits everywhere. */
static uint32_t random_below(uint64_t *state, uint32_t n) {
  *state ^= *state >> 12;
  *state ^= *state << 25;
  *state ^= *state >> 27;
  return (uint32_t)((*state * 0x2545f4914f6cdd1du) >> 33) % n;
}

static void random_edits_are_survived(void **state) {
  (void)state;
  static const char *const words[] = {
    "(", ")", "[", "]", "{", "}", "\"", "'", "\"\"\"", "f\"", "{x", ":", "=",
    "\n", "\n    ", "\t", "\\", "#", "def ", "if ", "else", "lambda ", " for ",
    "async ", "match ", "case ", "*", "@", "\r", "\f", "0x", "1_", "\xff", ";",
    ",", ":=", "!", "\\N{", "class ", "try:", "\xe2\x80\x9c", "{{", "}}", "!r"
  };
  uint64_t seed = 20240917;
  for (size_t i = 0; i < TM_COUNT(golden); i++) {
    size_t n;
    char *text = read_golden(golden[i], ".py", &n);
    char *copy = malloc(n + 256);
    assert_non_null(copy);
    for (int round = 0; round < 400; round++) {
      size_t size = n;
      memcpy(copy, text, n);
      for (int edits = 0; edits < 4; edits++) {
        size_t at = random_below(&seed, (uint32_t)size);
        if (random_below(&seed, 3) == 0) {
          copy[at] = (char)random_below(&seed, 256);
        } else if (random_below(&seed, 2)) {
          memmove(copy + at, copy + at + 1, size - at - 1);
          size--;
        } else {
          const char *word = words[random_below(&seed, TM_COUNT(words))];
          size_t length = strlen(word);
          memmove(copy + at + length, copy + at, size - at);
          memcpy(copy + at, word, length);
          size += length;
        }
      }
      exercise(copy, size);
    }
    free(copy);
    free(text);
  }
}

/* Nesting of any kind: refused or read, in bounded stack and time. */
static void nesting_is_bounded(void **state) {
  (void)state;
  enum { DEEP = 20000 };
  static const struct {
    const char *before, *unit, *after;
    bool valid;
  } rows[] =
      {{"x = ", "(", "", false}, {"x = ", "[", "", false},
       {"x = ", "{1:", "", false}, {"x = ", "{**", "", false},
       {"x = ", "f(", "", false}, {"x = ", "a[", "", false},
       {"x = ", "-", "a", false}, {"x = ", "not ", "a", false},
       {"x = ", "a**", "a", false}, {"x = ", "lambda: ", "a", false},
       {"x = ", "a if b else ", "c", false}, {"x = ", "f'{", "", false},
       {"x = f'{a:", "{a:", "", false}, {"for ", "(", "", false},
       {"x = ", "(yield ", "", false}, {"x = ", "(a := ", "", false},
       {"def f(a: ", "(", "", false}, {"match a:\n case ", "[", "", false},
       {"match a:\n case ", "a|", "a: pass", false},
       {"x = a", ".b", "", false}, {"x = a", "()", "", false},
       {"x = a", "[0]", "", false}, {"x = ", "a + ", "a", false},
       {"if a: pass\n", "elif b: pass\n", "", false},
       {"x = ", "a < ", "a", true}, {"x = ", "a and ", "a", true},
       {"x = ", "a, ", "a", true}, {"", "a = ", "b", true},
       {"x = ", "'a' ", "", true}, {"x = [a ", "for b in c ", "]", true},
       {"", "@a\n", "def f(): pass", true}, {"", "a; ", "a", true},
       {"from ", ".", " import a", true}, {"", "\\\n", "a", true},
       {"x = 0x", "f", "", true}, {"x = 1.", "9", "", true},
       {"match a:\n", " case 1: pass\n", "", true},
       {"try: pass\n", "except A: pass\n", "", true}};
  for (size_t i = 0; i < TM_COUNT(rows); i++) {
    size_t n = strlen(rows[i].before), unit = strlen(rows[i].unit);
    char *text = malloc(n + unit * DEEP + strlen(rows[i].after) + 1);
    assert_non_null(text);
    strcpy(text, rows[i].before);
    for (int k = 0; k < DEEP; k++, n += unit)
      memcpy(text + n, rows[i].unit, unit);
    strcpy(text + n, rows[i].after);
    source s;
    open_text(&s, text);
    if ((s.diags.errors == 0) != rows[i].valid)
      print_message("%s%s...\n", rows[i].before, rows[i].unit);
    assert_int_equal(s.diags.errors == 0, rows[i].valid);
    close_source(&s);
    exercise(text, strlen(text));
    free(text);
  }
}

/* Aliases that lead everywhere and nowhere: an answer in bounded time. */
static void tangled_aliases_are_given_up(void **state) {
  (void)state;
  source s;
  open_set(&s);
  tm_buf text = tm_buf_in(&s.arena);
  for (int i = 0; i < 2000; i++)
    tm_buf_puts(&text, "a = b\nb = a\na = w(b)\nb = w(a)\n");
  for (int i = 0; i < 200; i++) tm_buf_puts(&text, "@a\n@b()\ndef f(): pass\n");
  s.module = tm_module_parse_text(s.set, "m", "m.py",
                                  (tm_str){tm_buf_text(&text), text.len});
  assert_int_equal(s.diags.errors, 0);
  assert_null(tm_module_kernel(s.module, "a"));
  assert_null(tm_module_kernel(s.module, "f"));
  close_source(&s);
}

/* On both sides of each limit that ast.h names. */
static void limits_are_where_they_are_said_to_be(void **state) {
  (void)state;
  static const struct { const char *unit, *middle, *close; int limit; } rows[] =
      {{"(", "a", ")", TM_AST_MAX_NESTING},
       {"[", "a", "]", TM_AST_MAX_NESTING},
       {"a + ", "a", "", TM_AST_MAX_DEPTH - 1},
       {"a.", "a", "", TM_AST_MAX_DEPTH - 1},
       {"-", "a", "", TM_AST_MAX_NESTING}};
  for (size_t i = 0; i < TM_COUNT(rows); i++) {
    for (int over = 0; over < 2; over++) {
      source s;
      open_set(&s);
      tm_buf text = tm_buf_in(&s.arena);
      for (int k = 0; k < rows[i].limit + over; k++)
        tm_buf_puts(&text, rows[i].unit);
      tm_buf_puts(&text, rows[i].middle);
      for (int k = 0; k < rows[i].limit + over; k++)
        tm_buf_puts(&text, rows[i].close);
      tm_module_parse_text(s.set, "m", "m.py",
                           (tm_str){tm_buf_text(&text), text.len});
      if (s.diags.errors != (uint32_t)over) {
        print_message("%s %d\n", rows[i].unit, over);
        show_errors(&s);
      }
      assert_int_equal(s.diags.errors, over);
      close_source(&s);
    }
  }
  for (int over = 0; over < 2; over++) {
    source s;
    open_set(&s);
    tm_buf blocks = tm_buf_in(&s.arena), elifs = tm_buf_in(&s.arena);
    for (int k = 0; k < TM_AST_MAX_BLOCKS + over; k++)
      tm_buf_printf(&blocks, "%*sif a:\n", k, "");
    tm_buf_printf(&blocks, "%*spass\n", TM_AST_MAX_BLOCKS + over, "");
    tm_buf_puts(&elifs, "if a: pass\n");
    for (int k = 0; k < TM_AST_MAX_ELIFS + over; k++)
      tm_buf_puts(&elifs, "elif a: pass\n");
    tm_module_parse_text(s.set, "m", "m.py",
                         (tm_str){tm_buf_text(&blocks), blocks.len});
    assert_int_equal(s.diags.errors > 0, over);
    uint32_t before = s.diags.errors;
    tm_module_parse_text(s.set, "m", "m.py",
                         (tm_str){tm_buf_text(&elifs), elifs.len});
    assert_int_equal(s.diags.errors - before, over);
    close_source(&s);
  }
}

static void running_out_of_memory_jumps_to_the_guard(void **state) {
  (void)state;
  size_t n;
  char *text = read_golden("kernels", ".py", &n);
  volatile bool finished = false;
  volatile int failures = 0;
  for (volatile size_t limit = 1024; !finished; limit += 4096) {
    tm_arena arena;
    jmp_buf guard;
    tm_arena_init(&arena, limit);
    if (tm_arena_guard(&arena, guard)) {
      tm_diags diags;
      tm_diags_init(&diags, &arena);
      tm_modules *set = tm_modules_create(&arena, &diags);
      tm_module_parse_text(set, "m", "m.py", (tm_str){text, n});
      finished = true;
    } else {
      failures++;
    }
    tm_arena_free(&arena);
  }
  assert_true(failures > 3);
  free(text);
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(golden_trees_are_cpythons),
    cmocka_unit_test(python_3_14_is_read),
    cmocka_unit_test(large_integers_keep_their_text),
    cmocka_unit_test(named_characters_stay_as_written),
    cmocka_unit_test(fields_keep_their_format_as_written),
    cmocka_unit_test(line_ends_and_marks_are_equal),
    cmocka_unit_test(positions_count_bytes_from_one),
    cmocka_unit_test(statements_know_their_parent),
    cmocka_unit_test(each_mistake_is_one_error_in_place),
    cmocka_unit_test(every_mistake_of_a_file_is_found),
    cmocka_unit_test(zero_bytes_are_an_error),
    cmocka_unit_test(what_cpython_refuses_is_refused),
    cmocka_unit_test(printed_modules_parse_to_equal_trees),
    cmocka_unit_test(printing_adds_and_drops_no_parentheses),
    cmocka_unit_test(blocks_are_printed_with_four_spaces),
    cmocka_unit_test(different_trees_are_not_equal),
    cmocka_unit_test(tritons_jit_is_known_under_every_name),
    cmocka_unit_test(kernels_are_found_by_name),
    cmocka_unit_test(module_level_bindings_are_known),
    cmocka_unit_test(relative_imports_follow_python),
    cmocka_unit_test(missing_imports_are_asked_for_once),
    cmocka_unit_test(tritons_own_modules_know_their_jit),
    cmocka_unit_test(a_module_is_replaced_by_its_name),
    cmocka_unit_test(built_trees_print_as_source),
    cmocka_unit_test(endless_built_trees_print_no_python),
    cmocka_unit_test(any_truncation_is_survived),
    cmocka_unit_test(random_edits_are_survived),
    cmocka_unit_test(nesting_is_bounded),
    cmocka_unit_test(tangled_aliases_are_given_up),
    cmocka_unit_test(limits_are_where_they_are_said_to_be),
    cmocka_unit_test(running_out_of_memory_jumps_to_the_guard)
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
