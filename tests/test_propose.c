/* SPDX-License-Identifier: MIT */
/*
 * test_propose.c - tile sizes that the library chooses: what is proposed, that
 * whichever is taken gives the same answer, and what is refused.
 */
#define _GNU_SOURCE
#include "support/device.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct proposed {
  size_t n, measured, predicted, failed;
  char first[64], chosen[64];
} proposed;

static int take_row(void *payload, const tm_tuning_row *row) {
  proposed *p = payload;
  if (!p->n++) snprintf(p->first, sizeof p->first, "%s", row->config);
  p->measured += row->seconds > 0;
  p->predicted += row->predicted > 0;
  p->failed += row->failure && !strstr(row->failure, "not measured");
  if (row->chosen) snprintf(p->chosen, sizeof p->chosen, "%s", row->config);
  return 1;
}

static void check(tm_status status, tm_error *error) {
  if (status) fail_msg("%s", tm_error_text(error));
}

static tm_function *function_of(device_test *t, const char *kernel,
                                const char *const *tiles, size_t n) {
  tm_function_options options = TM_FUNCTION_OPTIONS_INIT;
  options.tiles = tiles;
  options.n_tiles = n;
  tm_function *f;
  tm_error *error = NULL;
  check(tm_function_create(&f, t->context, t->module, kernel, &options,
                           &error), error);
  return f;
}

static proposed rows_of(tm_function *f) {
  proposed p = {.n = 0};
  tm_error *error = NULL;
  check(tm_function_tuning(f, take_row, &p, &error), error);
  return p;
}

/* ---- elements ------------------------------------------------------------ */

static void blocks_of_elements(void *payload, const tm_define *values,
                               size_t n, tm_grid *grid) {
  (void)payload;
  int64_t count = tm_define_int(values, n, "n_elements", 0);
  int64_t block = tm_define_int(values, n, "BLOCK_SIZE", 1);
  *grid = tm_grid_1d((uint32_t)((count + block - 1) / block));
}

static void a_block_of_elements_is_chosen_by_measuring(void **state) {
  (void)state;
  enum { N = 3000 };
  static const char *const tiles[] = {"BLOCK_SIZE"};
  device_test t = device_open("vector_add.py", NULL);
  tm_function *f = function_of(&t, "add_kernel", tiles, 1);
  tm_buffer *b[3];
  tm_arg args[4];
  for (int i = 0; i < 3; i++) {
    b[i] = device_array(&t, N, 4);
    args[i] = tm_arg_tensor(b[i], 0, TM_DTYPE_F32);
  }
  args[3] = tm_arg_int(N);
  float *x = tm_buffer_contents(b[0]), *y = tm_buffer_contents(b[1]);
  for (int i = 0; i < N; i++) x[i] = (float)i, y[i] = 0.5f;
  tm_launch_options options = TM_LAUNCH_OPTIONS_INIT;
  options.grid_of = blocks_of_elements;
  tm_error *error = NULL;
  check(tm_function_launch(t.stream, f, tm_grid_1d(1), args, 4, &options,
                           &error), error);
  check(tm_stream_synchronize(t.stream, TM_WAIT_FOREVER, &error), error);
  const float *out = tm_buffer_contents(b[2]);
  for (int i = 0; i < N; i++) assert_true(out[i] == (float)i + 0.5f);
  proposed p = rows_of(f);
  assert_int_equal(p.n, 8); /* 64 to 8192 */
  assert_int_equal(p.measured, 8);
  assert_int_equal(p.failed, 0);
  assert_true(*p.chosen);
  for (int i = 0; i < 3; i++) tm_buffer_destroy(b[i]);
  tm_function_destroy(f);
  device_close(&t);
}

/* ---- products ------------------------------------------------------------ */

static void tiles_of_a_product(void *payload, const tm_define *values,
                               size_t n, tm_grid *grid) {
  (void)payload;
  int64_t m = tm_define_int(values, n, "BLOCK_SIZE_M", 1);
  int64_t by = tm_define_int(values, n, "BLOCK_SIZE_N", 1);
  int64_t rows = tm_define_int(values, n, "M", 0);
  int64_t columns = tm_define_int(values, n, "N", 0);
  *grid = tm_grid_1d((uint32_t)((rows + m - 1) / m *
                                ((columns + by - 1) / by)));
}

/* The model's choice, of 64. The grid has to be the one for that choice, or
 * parts of the product would be missing. */
static void tiles_of_a_product_are_chosen_by_the_model(void **state) {
  (void)state;
  enum { M = 96, N = 80, K = 48 };
  static const char *const tiles[] = {"BLOCK_SIZE_M", "BLOCK_SIZE_N",
                                      "BLOCK_SIZE_K"};
  setenv("TRITON_METAL_DISABLE_AUTOTUNING", "1", 1);
  device_test t = device_open("matmul.py", NULL);
  unsetenv("TRITON_METAL_DISABLE_AUTOTUNING");
  tm_function *f = function_of(&t, "matmul_kernel", tiles, 3);
  tm_buffer *a = device_array(&t, M * K, 2), *b = device_array(&t, K * N, 2);
  tm_buffer *c = device_array(&t, M * N, 2);
  uint16_t *x = tm_buffer_contents(a), *y = tm_buffer_contents(b);
  uint64_t seed = 7;
  for (int i = 0; i < M * K; i++)
    x[i] = half_from_float((float)test_random(&seed));
  for (int i = 0; i < K * N; i++)
    y[i] = half_from_float((float)test_random(&seed));
  tm_arg args[12] = {tm_arg_tensor(a, 0, TM_DTYPE_F16),
                     tm_arg_tensor(b, 0, TM_DTYPE_F16),
                     tm_arg_tensor(c, 0, TM_DTYPE_F16)};
  static const int64_t numbers[] = {M, N, K, K, 1, N, 1, N, 1};
  for (int i = 0; i < 9; i++) args[3 + i] = tm_arg_int(numbers[i]);
  tm_define rest[] = {{"GROUP_SIZE_M", tm_arg_int(8)},
                      {"ACTIVATION", tm_arg_text("")}};
  tm_launch_options options = TM_LAUNCH_OPTIONS_INIT;
  options.grid_of = tiles_of_a_product;
  options.named = rest;
  options.n_named = 2;
  tm_error *error = NULL;
  check(tm_function_launch(t.stream, f, tm_grid_1d(1), args, 12, &options,
                           &error), error);
  check(tm_stream_synchronize(t.stream, TM_WAIT_FOREVER, &error), error);
  const uint16_t *out = tm_buffer_contents(c);
  for (int i = 0; i < M; i++)
    for (int j = 0; j < N; j++) {
      double sum = 0;
      for (int k = 0; k < K; k++)
        sum += (double)half_to_float(x[i * K + k]) *
               (double)half_to_float(y[k * N + j]);
      assert_true(fabs((double)half_to_float(out[i * N + j]) - sum) < 0.02);
    }
  proposed p = rows_of(f);
  assert_int_equal(p.n, 64);
  assert_int_equal(p.measured, 0);
  assert_int_equal(p.predicted + p.failed, 64);
  assert_true(p.predicted > 48 && *p.chosen);
  tm_buffer_destroy(a);
  tm_buffer_destroy(b);
  tm_buffer_destroy(c);
  tm_function_destroy(f);
  device_close(&t);
}

/* ---- refusals ------------------------------------------------------------ */

static void what_cannot_be_proposed_is_refused(void **state) {
  (void)state;
  static const char *const none[] = {"BLOCK"}, *const number[] = {"M"},
                    *const twice[] = {"BLOCK_SIZE_M", "BLOCK_SIZE_M"},
                    *const null[] = {NULL},
                    *const five[] = {"BLOCK_SIZE_M", "BLOCK_SIZE_N",
                                     "BLOCK_SIZE_K", "GROUP_SIZE_M", "M"};
  static const tm_config config = {.num_warps = 4};
  static const struct {
    const char *const *tiles;
    size_t n, n_configs;
    tm_status status;
    const char *part;
  } wrong[] = {
      {none, 1, 0, TM_E_ARGUMENT, "'BLOCK'"},
      {number, 1, 0, TM_E_ARGUMENT, "compile-time parameter named 'M'"},
      {twice, 2, 0, TM_E_ARGUMENT, "twice"},
      {null, 1, 0, TM_E_ARGUMENT, "'NULL'"},
      {five, 5, 0, TM_E_LIMIT, "1 to 4"},
      {five, 0, 0, TM_E_LIMIT, "0 tiles"},
      {NULL, 1, 0, TM_E_ARGUMENT, "tiles"},
      {five, 3, 1, TM_E_ARGUMENT, "both given"}};
  device_test t = device_open("matmul.py", NULL);
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
    tm_function_options o = TM_FUNCTION_OPTIONS_INIT;
    o.tiles = wrong[i].tiles;
    o.n_tiles = wrong[i].n;
    o.configs = wrong[i].n_configs ? &config : NULL;
    o.n_configs = wrong[i].n_configs;
    tm_function *f;
    tm_error *error = NULL;
    assert_int_equal(tm_function_create(&f, t.context, t.module,
                                        "matmul_kernel", &o, &error),
                     wrong[i].status);
    assert_null(f);
    if (!strstr(tm_error_text(error), wrong[i].part))
      fail_msg("'%s' has no '%s'", tm_error_text(error), wrong[i].part);
    tm_error_destroy(error);
  }
  device_close(&t);
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(a_block_of_elements_is_chosen_by_measuring),
    cmocka_unit_test(tiles_of_a_product_are_chosen_by_the_model),
    cmocka_unit_test(what_cannot_be_proposed_is_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
