/* SPDX-License-Identifier: MIT */
/*
 * test_op_sweep.c - every operation in every type, rank and shape against the
 * evaluator (op_sweep/): a few settings of each in `make test`, all of them
 * in `make op-sweep`.
 */
#define _GNU_SOURCE /* setenv */
#include "op_sweep/sweep.h"

static sweep *sw;

static void elementwise_operations_of_every_type(void **state) {
  (void)state;
  sweep_run_area(sw, &sweep_elementwise);
}

static void casts_between_all_types(void **state) {
  (void)state;
  sweep_run_area(sw, &sweep_casts);
}

static void reductions_along_every_axis(void **state) {
  (void)state;
  sweep_run_area(sw, &sweep_reductions);
}

static void scans_in_both_directions(void **state) {
  (void)state;
  sweep_run_area(sw, &sweep_scans);
}

static void tiles_are_sorted_counted_and_gathered(void **state) {
  (void)state;
  sweep_run_area(sw, &sweep_orders);
}

static void tiles_take_other_shapes(void **state) {
  (void)state;
  sweep_run_area(sw, &sweep_shapes);
}

static void loads_and_stores_of_every_kind(void **state) {
  (void)state;
  sweep_run_area(sw, &sweep_memory);
}

static void atomic_operations_in_every_form(void **state) {
  (void)state;
  sweep_run_area(sw, &sweep_atomics);
}

static void products_of_every_shape_and_type(void **state) {
  (void)state;
  sweep_run_products(sw);
}

static void loops_and_branches_around_tiles(void **state) {
  (void)state;
  sweep_run_flow(sw);
}

static void transposed_operands_are_not_copied(void **state) {
  (void)state;
  sweep_check_transposed(sw);
}

static void texts_do_not_grow_with_tiles(void **state) {
  (void)state;
  static const sweep_area *const areas[] = {
      &sweep_elementwise, &sweep_casts,  &sweep_reductions, &sweep_scans,
      &sweep_orders,      &sweep_shapes, &sweep_memory,     &sweep_atomics};
  for (size_t i = 0; i < sizeof areas / sizeof *areas; i++)
    sweep_check_lengths(sw, areas[i]);
}

static int open_sweep(void **state) {
  (void)state;
  sw = sweep_open();
  return 0;
}

/* The counts of all areas are judged at the end. */
static void what_was_run_is_right(void **state) {
  (void)state;
  sweep_close(sw);
}

int main(void) {
  setenv("SOFTMETAL_CHECK", "1", 1);
  setenv("SOFTMETAL_SHUFFLE", "11", 1);
  setenv("SOFTMETAL_CHIP", "m5-max", 1); /* runs what is made for any */
  setenv("TRITON_METAL_CACHE", "0", 1);
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(elementwise_operations_of_every_type),
      cmocka_unit_test(casts_between_all_types),
      cmocka_unit_test(reductions_along_every_axis),
      cmocka_unit_test(scans_in_both_directions),
      cmocka_unit_test(tiles_are_sorted_counted_and_gathered),
      cmocka_unit_test(tiles_take_other_shapes),
      cmocka_unit_test(loads_and_stores_of_every_kind),
      cmocka_unit_test(atomic_operations_in_every_form),
      cmocka_unit_test(products_of_every_shape_and_type),
      cmocka_unit_test(loops_and_branches_around_tiles),
      cmocka_unit_test(transposed_operands_are_not_copied),
      cmocka_unit_test(texts_do_not_grow_with_tiles),
      cmocka_unit_test(what_was_run_is_right),
  };
  cmocka_set_test_filter(getenv("OP_SWEEP_TESTS"));
  return cmocka_run_group_tests(tests, open_sweep, NULL);
}
