/* SPDX-License-Identifier: MIT */
/*
 * test_cost.c - estimates of launches, against counts made by hand.
 * test_counters.c compares them with what softmetal counts.
 */
#include "support/device.h"

#include "../lib/cost.h"

#include <math.h>
#include <string.h>

#define HEAD "import triton\nimport triton.language as tl\n@triton.jit\n"

static tm_kernel *compile(device_test *t, const char *kernel,
                          const char *signature, const char *chip,
                          uint32_t num_warps) {
  tm_compile_options options = TM_COMPILE_OPTIONS_INIT;
  options.signature = signature;
  options.chip = chip;
  options.num_warps = num_warps;
  tm_kernel *out;
  tm_error *error = NULL;
  if (tm_compile(&out, t->context, t->module, kernel, &options, &error))
    fail_msg("%s", tm_error_text(error));
  return out;
}

static tm_estimate estimate(tm_kernel *kernel, tm_grid grid,
                            const tm_arg *args, size_t n) {
  tm_estimate e = TM_ESTIMATE_INIT;
  tm_error *error = NULL;
  if (tm_kernel_estimate(&e, kernel, grid, args, n, &error))
    fail_msg("%s", tm_error_text(error));
  return e;
}

/* 1000 of 4096 elements lie inside; one addition each. */
static void masks_count_what_is_inside(void **state) {
  (void)state;
  device_test t = device_open("vector_add.py", NULL);
  tm_kernel *k = compile(&t, "add_kernel", "*fp32, *fp32, *fp32, i32, 1024",
                         "m3-max", 4);
  tm_arg args[] = {tm_arg_none(), tm_arg_none(), tm_arg_none(),
                   tm_arg_int(1000)};
  tm_estimate e = estimate(k, tm_grid_1d(4), args, 4);
  assert_true(e.bytes_read == 8000 && e.bytes_written == 4000);
  assert_true(e.bytes_asked == 12000 && e.is_exact);
  assert_true(e.threadgroup_bytes == 0 && e.matrix_flops == 0);
  assert_string_equal(e.bound, "memory bandwidth");
  /* 12000 bytes at 80% of 410 GB/s (M3 Max) */
  assert_true(fabs(e.seconds - 12000 / (0.8 * 410e9)) < 1e-15);
  /* of 100,000 programs some stand for all; the last one is partial */
  args[3] = tm_arg_int(102400000 - 24);
  e = estimate(k, tm_grid_1d(100000), args, 4);
  assert_true(fabs(e.bytes_read - 8.0 * (102400000 - 24)) < 1);
  tm_kernel_destroy(k);
  device_close(&t);
}

/* Two masks along different dimensions: 3 of 8 rows, 5 of 16 columns. */
static void masks_of_tiles_are_products(void **state) {
  (void)state;
  device_test t = device_open(NULL, HEAD
      "def k(x, m, n):\n"
      "    r = tl.arange(0, 8)\n    c = tl.arange(0, 16)\n"
      "    at = x + r[:, None] * 16 + c[None, :]\n"
      "    tl.store(at, 1.0, mask=(r < m)[:, None] & (c < n)[None, :])\n");
  tm_kernel *k = compile(&t, "k", "*fp32, i32, i32", "m1", 1);
  tm_arg args[] = {tm_arg_none(), tm_arg_int(3), tm_arg_int(5)};
  tm_estimate e = estimate(k, tm_grid_1d(1), args, 3);
  assert_true(e.bytes_written == 3 * 5 * 4 && e.bytes_read == 0 && e.is_exact);
  tm_kernel_destroy(k);
  device_close(&t);
}

/* Loops count their iterations: 64x64 programs of a 256^3 product, each of
 * which reads its rows and columns once. */
static void loops_and_products_are_counted(void **state) {
  (void)state;
  device_test t = device_open("matmul.py", NULL);
  tm_kernel *k = compile(
      &t, "matmul_kernel",
      "*fp16:16, *fp16:16, *fp16:16, i32:16, i32:16, i32:16, i32:16, i32:1, "
      "i32:16, i32:1, i32:16, i32:1, 64, 64, 32, 8, ''", "m1", 4);
  tm_arg args[9] = {tm_arg_none(), tm_arg_none(), tm_arg_none()};
  for (int i = 3; i < 9; i++) args[i] = tm_arg_int(256);
  tm_estimate e = estimate(k, tm_grid_1d(16), args, 9);
  assert_true(e.matrix_flops == 2.0 * 256 * 256 * 256);
  assert_true(e.bytes_read == 16 * 2.0 * 64 * 256 * 2);
  assert_true(e.bytes_written == 256.0 * 256 * 2);
  /* each of 2x2 simdgroups reads 32 rows and 32 columns of what is stored */
  assert_true(e.threadgroup_bytes ==
              16 * (2.0 * 64 * 256 * 2 + 4 * 2.0 * 32 * 256 * 2));
  assert_true(e.is_exact && e.registers > 32 && e.registers < 256);
  tm_kernel_destroy(k);
  device_close(&t);
}

/* Mesa's table of registers and threads, measured on an M1, in halves of a
 * register there; and how many groups 60 KB of threadgroup memory serve. */
static void occupancy_follows_registers_and_threadgroup_memory(void **state) {
  (void)state;
  static const struct { uint32_t halves, threads; } mesa[] = {
      {104, 1024}, {112, 896}, {128, 832}, {136, 768}, {144, 704},
      {160, 640},  {184, 576}, {208, 512}, {232, 448}, {256, 384}};
  const tm_chip *m1 = tm_chip_by_name("m1");
  for (size_t i = 0; i < sizeof mesa / sizeof *mesa; i++) {
    tm_occupancy o = tm_occupancy_of(mesa[i].halves / 2, 64, 0, m1);
    assert_int_equal(o.threadgroups * 64, mesa[i].threads);
    assert_string_equal(o.limit, "registers");
  }
  static const struct { uint32_t bytes, groups; } memory[] = {
      {32768, 1}, {16384, 3}, {8192, 7}};
  for (size_t i = 0; i < sizeof memory / sizeof *memory; i++) {
    tm_occupancy o = tm_occupancy_of(16, 128, memory[i].bytes, m1);
    assert_int_equal(o.threadgroups, memory[i].groups);
    assert_string_equal(o.limit, "threadgroup memory");
  }
  tm_occupancy o = tm_occupancy_of(16, 1024, 0, m1);
  assert_int_equal(o.threadgroups, 3);
  assert_string_equal(o.limit, "threads");
  o = tm_occupancy_of(500, 1024, 0, m1); /* spills */
  assert_int_equal(o.threadgroups, 1);
  o = tm_occupancy_of(128, 1024, 32768, tm_chip_by_name("m3"));
  assert_int_equal(o.threadgroups, 0);
}

/* By hand. Sums: four floats of x, four of y. The product, staged: 64 x 64
 * floats of 128 threads. The model adds 24 for addresses and fragments. */
static void registers_are_those_that_tiles_take(void **state) {
  (void)state;
  static const struct {
    const char *file, *kernel, *signature;
    uint32_t tiles, groups; /* registers; threadgroups of 128 threads */
  } kernels[] = {
      {"vector_add.py", "add_kernel", "*fp32:16, *fp32:16, *fp32:16, i32:16, "
       "512", 4 + 4, 13}, /* 32 registers: 1664 threads */
      {"matmul.py", "matmul_kernel",
       "*fp16:16, *fp16:16, *fp16:16, i32:16, i32:16, i32:16, i32:16, i32:1, "
       "i32:16, i32:1, i32:16, i32:1, 64, 64, 32, 8, ''", 32, 6},
  };
  for (size_t i = 0; i < sizeof kernels / sizeof *kernels; i++) {
    device_test t = device_open(kernels[i].file, NULL);
    tm_kernel *k = compile(&t, kernels[i].kernel, kernels[i].signature, "m1",
                           4);
    tm_arg args[9];
    for (int a = 0; a < 9; a++) args[a] = tm_arg_none();
    tm_estimate e = estimate(k, tm_grid_1d(1), args,
                             tm_kernel_info(k)->n_args);
    assert_in_range(e.registers, kernels[i].tiles + 24,
                    kernels[i].tiles * 1.25 + 24);
    assert_int_equal(e.threadgroups_per_core, kernels[i].groups);
    assert_non_null(e.occupancy_limit);
    tm_kernel_destroy(k);
    device_close(&t);
  }
}

/* What depends on memory is said to be a guess. */
static void loops_bounded_by_memory_are_guesses(void **state) {
  (void)state;
  device_test t = device_open(NULL, HEAD
      "def k(x, n):\n    s = 0.0\n"
      "    for i in range(tl.load(n)):\n        s += tl.load(x + i)\n"
      "    tl.store(x, s)\n");
  tm_kernel *k = compile(&t, "k", "*fp32, *i32", "m1", 1);
  tm_arg args[] = {tm_arg_none(), tm_arg_none()};
  assert_false(estimate(k, tm_grid_1d(1), args, 2).is_exact);
  tm_kernel_destroy(k);
  device_close(&t);
}

static void wrong_questions_are_refused(void **state) {
  (void)state;
  device_test t = device_open("vector_add.py", NULL);
  tm_kernel *k = compile(&t, "add_kernel", "*fp32, *fp32, *fp32, i32, 1024",
                         "m1", 4);
  tm_arg args[4] = {tm_arg_none(), tm_arg_none(), tm_arg_none(),
                    tm_arg_int(1)};
  tm_estimate e = TM_ESTIMATE_INIT, unset;
  memset(&unset, 0, sizeof unset);
  const struct { tm_estimate *e; tm_kernel *k; tm_grid g; size_t n; } bad[] = {
      {NULL, k, {1, 1, 1}, 4}, {&e, NULL, {1, 1, 1}, 4},
      {&e, k, {0, 1, 1}, 4},   {&e, k, {1, 1, 1}, 3},
      {&unset, k, {1, 1, 1}, 4}};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    tm_error *error = NULL;
    assert_int_equal(tm_kernel_estimate(bad[i].e, bad[i].k, bad[i].g, args,
                                        bad[i].n, &error), TM_E_ARGUMENT);
    assert_non_null(tm_error_text(error));
    tm_error_destroy(error);
  }
  tm_kernel_destroy(k);
  device_close(&t);
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(masks_count_what_is_inside),
    cmocka_unit_test(masks_of_tiles_are_products),
    cmocka_unit_test(loops_and_products_are_counted),
    cmocka_unit_test(occupancy_follows_registers_and_threadgroup_memory),
    cmocka_unit_test(registers_are_those_that_tiles_take),
    cmocka_unit_test(loops_bounded_by_memory_are_guesses),
    cmocka_unit_test(wrong_questions_are_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
