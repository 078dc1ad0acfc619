/* SPDX-License-Identifier: MIT */
/* test_base.c - arena, vectors, names, text, maps and diagnostics. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../lib/base/base.h"

static void memory_is_zeroed_and_aligned(void **state) {
  (void)state;
  tm_arena arena;
  tm_arena_init(&arena, 0);
  jmp_buf guard;
  assert_true(tm_arena_guard(&arena, guard));
  for (size_t size = 0; size < 5000; size += 37) {
    unsigned char *p = tm_alloc(&arena, size);
    assert_int_equal((uintptr_t)p % 16, 0);
    for (size_t i = 0; i < size; i++) assert_int_equal(p[i], 0);
    memset(p, 0xff, size);
  }
  tm_arena_free(&arena);
}

static void passing_the_limit_jumps_to_the_guard(void **state) {
  (void)state;
  tm_arena arena;
  tm_arena_init(&arena, 10000);
  jmp_buf guard;
  volatile int allocated = 0;
  if (tm_arena_guard(&arena, guard))
    for (;;) {
      tm_alloc(&arena, 1000);
      allocated = allocated + 1;
    }
  assert_true(arena.exhausted);
  assert_in_range(allocated, 9, 10);
  tm_arena_free(&arena);
}

static void an_absurd_array_jumps_instead_of_wrapping(void **state) {
  (void)state;
  tm_arena arena;
  tm_arena_init(&arena, 0);
  jmp_buf guard;
  if (tm_arena_guard(&arena, guard)) {
    tm_alloc_array(&arena, SIZE_MAX / 4, 8);
    fail();
  }
  assert_true(arena.exhausted);
  tm_arena_free(&arena);
}

static void equal_names_are_equal_pointers(void **state) {
  (void)state;
  tm_arena arena;
  tm_arena_init(&arena, 0);
  jmp_buf guard;
  assert_true(tm_arena_guard(&arena, guard));
  tm_names names;
  tm_names_init(&names, &arena);
  tm_name kept[2000];
  char text[16];
  for (int i = 0; i < 2000; i++) {
    int n = snprintf(text, sizeof text, "name%d", i);
    kept[i] = tm_intern(&names, text, (size_t)n);
  }
  for (int i = 0; i < 2000; i++) {
    int n = snprintf(text, sizeof text, "name%d", i);
    assert_ptr_equal(tm_intern(&names, text, (size_t)n), kept[i]);
    assert_string_equal(kept[i], text);
  }
  assert_ptr_not_equal(tm_intern(&names, "name1", 4), kept[1]);
  tm_arena_free(&arena);
}

static void vectors_and_maps_grow(void **state) {
  (void)state;
  tm_arena arena;
  tm_arena_init(&arena, 0);
  jmp_buf guard;
  assert_true(tm_arena_guard(&arena, guard));
  TM_VEC(int) v = {0};
  tm_map map = tm_map_in(&arena);
  for (int i = 0; i < 10000; i++) {
    tm_push(&arena, &v, i * 3);
    tm_map_put(&map, (uint64_t)i << 32, (uint64_t)i);
  }
  uint64_t value;
  for (int i = 0; i < 10000; i++) {
    assert_int_equal(v.data[i], i * 3);
    assert_true(tm_map_get(&map, (uint64_t)i << 32, &value));
    assert_int_equal(value, i);
  }
  assert_false(tm_map_get(&map, 1, &value));
  tm_map_put(&map, 0, 99);
  assert_true(tm_map_get(&map, 0, &value));
  assert_int_equal(value, 99);
  assert_int_equal(map.len, 10000);
  tm_arena_free(&arena);
}

static void numbers_read_back_exactly(void **state) {
  (void)state;
  tm_arena arena;
  tm_arena_init(&arena, 0);
  jmp_buf guard;
  assert_true(tm_arena_guard(&arena, guard));
  static const double values[] = {0.1, 1, -2.5, 1e300, 5e-324, 3.0000001,
                                  1.0 / 3, 123456789012345678.0, 0};
  for (size_t i = 0; i < TM_COUNT(values); i++) {
    tm_buf text = tm_buf_in(&arena);
    tm_buf_double(&text, values[i], false);
    assert_true(strtod(tm_buf_text(&text), NULL) == values[i]);
    assert_non_null(strpbrk(tm_buf_text(&text), ".e"));
    text = tm_buf_in(&arena);
    tm_buf_double(&text, (double)(float)values[i], true);
    assert_true(strtof(tm_buf_text(&text), NULL) == (float)values[i]);
  }
  tm_buf text = tm_buf_in(&arena);
  tm_buf_double(&text, -INFINITY, true);
  assert_string_equal(tm_buf_text(&text), "-inf");
  tm_arena_free(&arena);
}

#define PRINTS_AS_C(...)                                     \
  do {                                                       \
    char want[300];                                          \
    tm_buf got = tm_buf_in(&arena);                          \
    tm_buf_puts(&got, "=");                                  \
    snprintf(want, sizeof want, __VA_ARGS__);                \
    tm_buf_printf(&got, __VA_ARGS__);                        \
    assert_string_equal(tm_buf_text(&got) + 1, want);        \
    assert_int_equal(got.len, strlen(want) + 1);             \
  } while (0)

/* The usual formats have a way of their own, the others are vsnprintf's. */
static void text_is_formatted_as_printf_does(void **state) {
  (void)state;
  tm_arena arena;
  tm_arena_init(&arena, 0);
  char unended[3] = {'a', 'b', 'c'};
  PRINTS_AS_C("plain, 100%%");
  PRINTS_AS_C("%s", "");
  PRINTS_AS_C("%s%s and %s", "a", "", "b c");
  PRINTS_AS_C("%.*s|%.*s|%.*s", 3, unended, 9, "short", 0, "none");
  PRINTS_AS_C("%*s|%*s|%*s", 7, "wide", 2, "longer", 0, "x");
  PRINTS_AS_C("%*s|", -7, "left");
  PRINTS_AS_C("%c%c", 'x', '%');
  PRINTS_AS_C("%d %d %d %d", 0, -1, INT_MAX, INT_MIN);
  PRINTS_AS_C("%u %u", 0u, UINT_MAX);
  PRINTS_AS_C("%lld %lld %llu", LLONG_MAX, LLONG_MIN, ULLONG_MAX);
  PRINTS_AS_C("%s, then %x, %5u, %-5d, %05d and %s", "a", 48879u, 7u, 7, 7,
              "b");
  PRINTS_AS_C("%g %.3f %zu %ld %p", 0.1, 2.5, (size_t)9, -9l, (void *)0);
  PRINTS_AS_C("%-6s|%6s|%.2s", "ab", "cd", "efg");
  tm_arena_free(&arena);
}

static void edit_distance_counts_swaps_as_one(void **state) {
  (void)state;
  assert_int_equal(tm_edit_distance("kitten", "sitting", 9), 3);
  assert_int_equal(tm_edit_distance("", "abc", 9), 3);
  assert_int_equal(tm_edit_distance("load", "load", 9), 0);
  assert_int_equal(tm_edit_distance("laod", "load", 9), 1);
  assert_int_equal(tm_edit_distance("ca", "abc", 9), 3);
  assert_int_equal(tm_edit_distance("kitten", "sitting", 2), 3);
}

static void the_caret_stands_under_its_column(void **state) {
  (void)state;
  tm_arena arena;
  tm_arena_init(&arena, 0);
  jmp_buf guard;
  assert_true(tm_arena_guard(&arena, guard));
  tm_diags diags;
  tm_diags_init(&diags, &arena);
  /* Two bytes of UTF-8 take one column on a screen; a tab stays a tab. */
  uint32_t file =
      tm_diags_source(&diags, "f.py", TM_STR("one\n\t\xc3\xa9 = bad\nend"));
  tm_diag *diag = tm_error_at(&diags, TM_DIAG_SEMANTIC,
                              (tm_loc){file, 2, 7}, "no %s", "bad");
  tm_diag_hint(&diags, diag, "use good");
  tm_buf text = tm_buf_in(&arena);
  tm_diags_render_all(&diags, &text);
  assert_string_equal(tm_buf_text(&text),
                      "f.py:2:7: error: no bad\n"
                      "  \t\xc3\xa9 = bad\n"
                      "  \t    ^\n"
                      "  hint: use good\n");
  tm_arena_free(&arena);
}

static void errors_beyond_the_most_are_counted(void **state) {
  (void)state;
  tm_arena arena;
  tm_arena_init(&arena, 0);
  jmp_buf guard;
  assert_true(tm_arena_guard(&arena, guard));
  tm_diags diags;
  tm_diags_init(&diags, &arena);
  diags.max_errors = 3;
  for (int i = 0; i < 10; i++)
    tm_error_at(&diags, TM_DIAG_SYNTAX, (tm_loc){0, 0, 0}, "e%d", i);
  assert_int_equal(diags.errors, 10);
  assert_int_equal(diags.list.len, 3);
  tm_buf text = tm_buf_in(&arena);
  tm_diags_render_all(&diags, &text);
  assert_non_null(strstr(tm_buf_text(&text), "7 more errors"));
  tm_arena_free(&arena);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(memory_is_zeroed_and_aligned),
      cmocka_unit_test(passing_the_limit_jumps_to_the_guard),
      cmocka_unit_test(an_absurd_array_jumps_instead_of_wrapping),
      cmocka_unit_test(equal_names_are_equal_pointers),
      cmocka_unit_test(vectors_and_maps_grow),
      cmocka_unit_test(numbers_read_back_exactly),
      cmocka_unit_test(text_is_formatted_as_printf_does),
      cmocka_unit_test(edit_distance_counts_swaps_as_one),
      cmocka_unit_test(the_caret_stands_under_its_column),
      cmocka_unit_test(errors_beyond_the_most_are_counted),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
