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

/* 64 KB and more, of which 32 are threadgroup memory. */
static void tiles_larger_than_threadgroup_memory_go_in_turns(void **state) {
  (void)state;
  static const struct {
    const sweep_area *area;
    const char *op, *type;
    int rows, columns, axis;
  } list[] = {
      {&sweep_orders, "gather", "i32", 256, 256, 0},
      {&sweep_orders, "gather", "i1", 256, 256, 1},
      {&sweep_orders, "gather of one", "fp16", 512, 64, 1},
      {&sweep_orders, "histogram of few bins", "u32", 16384, 0, 0},
      {&sweep_shapes, "reshape of a permuted tile", "bf16", 128, 128, 0},
      {&sweep_shapes, "interleave", "i64", 64, 256, 1},
      {&sweep_shapes, "trans", "i1", 512, 128, 0},
      {&sweep_orders, "flip", "bf16", 256, 256, 0},
      {&sweep_reductions, "sum", "i32", 8, 8192, 0},
      {&sweep_reductions, "three operands", "fp32", 8, 8192, 0},
      {&sweep_reductions, "argmin", "u16", 16, 4096, 0},
      {&sweep_scans, "cumsum", "fp32", 256, 256, 0},
      {&sweep_scans, "scan of matrices", "u32", 16, 2048, 0},
  };
  for (size_t i = 0; i < sizeof list / sizeof *list; i++) {
    sweep_setting s = {.type = sweep_type_named(list[i].type),
                       .rank = list[i].columns ? 2 : 1,
                       .shape = {list[i].rows, list[i].columns},
                       .axis = list[i].axis,
                       .num_warps = i % 2 ? 8 : 4,
                       .chip = i % 2 ? "m4" : "m1"};
    sweep_run_row(sw, list[i].area, list[i].op, &s);
  }
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
      cmocka_unit_test(tiles_larger_than_threadgroup_memory_go_in_turns),
      cmocka_unit_test(what_was_run_is_right),
  };
  cmocka_set_test_filter(getenv("OP_SWEEP_TESTS"));
  return cmocka_run_group_tests(tests, open_sweep, NULL);
}
