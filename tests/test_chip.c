/* SPDX-License-Identifier: MIT */
/* test_chip.c - the chip table against Apple's limits and its own order. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "../lib/chip.h"

static void names_find_rows_in_any_case(void **state) {
  (void)state;
  assert_string_equal(tm_chip_by_name("m3-max")->device_name, "Apple M3 Max");
  assert_string_equal(tm_chip_by_name("M1-ULTRA")->name, "m1-ultra");
  assert_ptr_equal(tm_chip_by_device("Apple M2 Max"),
                   tm_chip_by_name("m2-max"));
  assert_null(tm_chip_by_name("m3-ma"));
  assert_null(tm_chip_by_name("m3-maxx"));
  assert_null(tm_chip_by_name(""));
  assert_null(tm_chip_by_name(NULL));
  assert_null(tm_chip_by_device("Apple M4 Ultra")); /* was never made */
  assert_null(tm_chip_by_device(NULL));
}

/* Metal Feature Set Tables: M1 Apple7, M2 Apple8, M3 and M4 Apple9, M5
 * Apple10; the limits are the same for all. */
static void families_and_limits_follow_the_generation(void **state) {
  static const uint32_t family[] = {0, 7, 8, 9, 9, 10};
  uint32_t n;
  const tm_chip *chips = tm_chip_table(&n);
  (void)state;
  assert_int_equal(n, 19);
  for (uint32_t i = 0; i < n; i++) {
    const tm_chip *c = &chips[i];
    assert_in_range(c->generation, 1, 5);
    assert_int_equal(c->family, family[c->generation]);
    assert_int_equal(c->max_threads, 1024);
    assert_int_equal(c->threadgroup_bytes, 32768);
    assert_int_equal(c->max_buffers, 31);
    assert_int_equal(c->native_bf16, c->generation >= 3);
    assert_int_equal(c->stage_dot_operands, c->generation < 3);
    assert_int_equal(c->atomic_ulong_minmax, c->generation >= 2);
    assert_true(c->fp32_tflops > 2.5 && c->gb_per_s >= 68);
    assert_ptr_equal(tm_chip_by_name(c->name), c);
    assert_ptr_equal(tm_chip_by_device(c->device_name), c);
  }
}

static void rows_are_ordered_and_variants_grow(void **state) {
  uint32_t n;
  const tm_chip *chips = tm_chip_table(&n);
  (void)state;
  for (uint32_t i = 1; i < n; i++) {
    const tm_chip *a = &chips[i - 1], *b = &chips[i];
    if (a->generation != b->generation) {
      assert_int_equal(b->generation, a->generation + 1);
      assert_int_equal(b->variant, TM_CHIP_BASE);
      continue;
    }
    assert_true(a->variant < b->variant);
    assert_true(a->gpu_cores < b->gpu_cores);
    assert_true(a->fp32_tflops < b->fp32_tflops);
    assert_true(a->gb_per_s < b->gb_per_s);
  }
}

static void a_family_gives_the_smallest_chip_that_has_it(void **state) {
  (void)state;
  assert_string_equal(tm_chip_by_family(7)->name, "m1");
  assert_string_equal(tm_chip_by_family(8)->name, "m2");
  assert_string_equal(tm_chip_by_family(9)->name, "m3");
  assert_string_equal(tm_chip_by_family(10)->name, "m5");
  assert_string_equal(tm_chip_by_family(11)->name, "m5"); /* a later one */
  assert_null(tm_chip_by_family(6));
}

/* Peak is cores x 256 FLOP a cycle x clock (metal-benchmarks); the clocks
 * are 1.278 and 1.296 GHz for M1, 1.398 for M2. */
static void measured_peaks_match_cores_and_clock(void **state) {
  static const struct { const char *name; double ghz; } rows[] = {
    {"m1", 1.278}, {"m1-pro", 1.296}, {"m1-max", 1.296}, {"m1-ultra", 1.296},
    {"m2", 1.398}, {"m2-pro", 1.398}, {"m2-max", 1.398}, {"m2-ultra", 1.398},
  };
  (void)state;
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    const tm_chip *c = tm_chip_by_name(rows[i].name);
    double peak = c->gpu_cores * 256 * rows[i].ghz / 1000;
    assert_true(c->fp32_tflops > 0.99 * peak && c->fp32_tflops < 1.01 * peak);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(names_find_rows_in_any_case),
    cmocka_unit_test(families_and_limits_follow_the_generation),
    cmocka_unit_test(rows_are_ordered_and_variants_grow),
    cmocka_unit_test(a_family_gives_the_smallest_chip_that_has_it),
    cmocka_unit_test(measured_peaks_match_cores_and_clock),
  };
  return cmocka_run_group_tests_name("chip", tests, NULL, NULL);
}
