/* SPDX-License-Identifier: MIT */
/*
 * test_promotion.c - the type of every operation's result, for every pair of
 * types and for compile-time numbers, as upstream Triton has it.
 *
 * The tables of tests/golden/promotion hold what upstream's semantic.py says
 * (promotion_table.py writes them). A row is a kernel here, with one
 * statement an operation, which prints its type at compile time; "-" in the
 * table is an operation that must be refused, on its own line.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "support/golden.h"
#include "support/device.h"

#include <stdio.h>
#include <stdlib.h>

enum { COLUMNS = 64 };

typedef struct table {
  tm_str header[COLUMNS];
  uint32_t columns, rows, wrong;
  uint32_t keys; /* columns in front that name the operands */
} table;

static uint32_t split(tm_str line, tm_str *cells) {
  uint32_t n = 0;
  const char *p = line.ptr, *end = line.ptr + line.len;
  while (n < COLUMNS) {
    const char *tab = memchr(p, '\t', (size_t)(end - p));
    cells[n++] = (tm_str){p, (size_t)((tab ? tab : end) - p)};
    if (!tab) break;
    p = tab + 1;
  }
  return n;
}

#define PUT(s) (int)(s).len, (s).ptr

/* "x = <a value of the type>", or the number itself. */
static void operand(tm_buf *out, const char *name, tm_str type) {
  static const char *const spelled[][2] = {
      {"fp8e4nv", "float8e4nv"}, {"fp8e5", "float8e5"}, {"fp16", "float16"},
      {"bf16", "bfloat16"},      {"fp32", "float32"},   {"fp64", "float64"}};
  char text[32];
  snprintf(text, sizeof text, "%.*s", PUT(type));
  bool number = strchr("0123456789-T(", text[0]) || strstr(text, "inf");
  if (number) {
    tm_buf_printf(out, "  %s: tl.constexpr = %s\n", name, text);
    return;
  }
  const char *dtype = text;
  for (size_t i = 0; i < TM_COUNT(spelled); i++)
    if (strcmp(spelled[i][0], text) == 0) dtype = spelled[i][1];
  tm_buf_printf(out, "  %s = tl.full((16,), 0, tl.%s)\n", name, dtype);
}

/* The expression that a column's heading stands for. */
static void expression(tm_buf *out, const table *t, tm_str op, tm_str to) {
  static const char *const twice[] = {"clamp", "fma"};
  if (t->keys == 1) {
    tm_buf_add(out, op.ptr, op.len);
    return;
  }
  if (op.len > 2 && op.ptr[1] == '.') { /* x.to(T) */
    for (size_t i = 0; i < op.len; i++)
      if (op.ptr[i] == 'T' && op.ptr[i - 1] == '(') {
        tm_buf_puts(out, "y.dtype");
      } else {
        tm_buf_add(out, op.ptr + i, 1);
      }
    return;
  }
  (void)to;
  if (op.ptr[0] < 'a' || op.ptr[0] > 'z') {
    tm_buf_printf(out, "x %.*s y", PUT(op));
    return;
  }
  bool second = false;
  for (size_t i = 0; i < TM_COUNT(twice); i++)
    second = second || strncmp(twice[i], op.ptr, op.len) == 0;
  bool where = strncmp("where", op.ptr, op.len) == 0;
  tm_buf_printf(out, "tl.%.*s(%sx, y%s)", PUT(op),
                where ? "tl.full((16,), 0, tl.int1), " : "",
                second ? ", y" : "");
}

static const tm_diag *at_line(const tm_diags *diags, uint32_t line,
                              tm_severity severity) {
  for (uint32_t i = 0; i < diags->list.len; i++) {
    const tm_diag *d = &diags->list.data[i];
    if (d->loc.line == line && d->severity == severity) return d;
  }
  return NULL;
}

static void complain(table *t, const tm_str *cells, uint32_t column,
                     const char *what) {
  t->wrong++;
  fprintf(stderr, "%.*s %.*s %.*s: upstream has %.*s, here %s\n",
          PUT(cells[0]), PUT(t->header[column]),
          t->keys > 1 ? (int)cells[1].len : 0, cells[1].ptr,
          PUT(cells[column]), what);
}

static void check_row(tm_arena *arena, table *t, const tm_str *cells) {
  tm_diags diags;
  tm_diags_init(&diags, arena);
  tm_buf text = tm_buf_in(arena);
  tm_buf_puts(&text, "import triton\nimport triton.language as tl\n"
                     "@triton.jit\ndef k():\n");
  operand(&text, "x", cells[0]);
  if (t->keys > 1) operand(&text, "y", cells[1]);
  uint32_t first = 4 + t->keys + 1; /* line of the first operation */
  for (uint32_t i = t->keys; i < t->columns; i++) {
    tm_buf_puts(&text, "  tl.static_print((");
    expression(&text, t, t->header[i], cells[1]);
    tm_buf_puts(&text, ").dtype)\n");
  }
  tm_modules *set = tm_modules_create(arena, &diags);
  tm_module *module = tm_module_parse_text(set, "m", "m.py",
                                           tm_cstr(tm_buf_text(&text)));
  static const tm_spec none = {0};
  tm_lower(arena, &diags, module, "k", &none);
  for (uint32_t i = t->keys; i < t->columns; i++) {
    uint32_t line = first + i - t->keys;
    const tm_diag *error = at_line(&diags, line, TM_ERROR);
    const tm_diag *note = at_line(&diags, line, TM_NOTE);
    bool refused = cells[i].len == 1 && cells[i].ptr[0] == '-';
    if (refused) {
      if (!error) complain(t, cells, i, note ? note->message : "nothing");
      continue;
    }
    const char *said = note ? strrchr(note->message, ' ') : NULL;
    if (error) complain(t, cells, i, error->message);
    else if (!said) complain(t, cells, i, "nothing");
    else if (strlen(said + 1) != cells[i].len ||
             memcmp(said + 1, cells[i].ptr, cells[i].len) != 0)
      complain(t, cells, i, note->message);
  }
  t->rows++;
}

static void check_table(const char *file, uint32_t keys, uint32_t least) {
  size_t size;
  char path[128];
  snprintf(path, sizeof path, "tests/golden/promotion/%s", file);
  char *text = test_read_file(path, &size);
  table t = {.keys = keys};
  char *line = text;
  while (*line) {
    char *end = strchr(line, '\n');
    assert_non_null(end);
    tm_str cells[COLUMNS] = {{NULL, 0}};
    if (line[0] != '#') {
      uint32_t n = split((tm_str){line, (size_t)(end - line)}, cells);
      if (!t.columns) {
        t.columns = n;
        memcpy(t.header, cells, sizeof cells);
      } else {
        assert_int_equal(n, t.columns);
        tm_arena arena;
        jmp_buf guard;
        tm_arena_init(&arena, 0);
        assert_true(tm_arena_guard(&arena, guard));
        check_row(&arena, &t, cells);
        tm_arena_free(&arena);
      }
    }
    line = end + 1;
  }
  assert_true(t.rows >= least);
  assert_int_equal(t.wrong, 0);
  free(text);
}

static void operators_of_two_promote_as_upstream(void **state) {
  (void)state;
  check_table("binary.tsv", 2, 600);
}

static void functions_of_one_have_upstreams_type(void **state) {
  (void)state;
  check_table("unary.tsv", 1, 15);
}

static void casts_are_those_of_upstream(void **state) {
  (void)state;
  check_table("cast.tsv", 2, 225);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(operators_of_two_promote_as_upstream),
      cmocka_unit_test(functions_of_one_have_upstreams_type),
      cmocka_unit_test(casts_are_those_of_upstream),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
