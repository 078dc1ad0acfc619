/* SPDX-License-Identifier: MIT */
/*
 * test_address.c - kernels that reach buffers by address: a table of pointers
 * in memory, whose buffers are no arguments.
 */
#include "support/device.h"

#include <string.h>

static const char kernel[] =
    "import triton\n"
    "import triton.language as tl\n"
    "@triton.jit\n"
    "def k(table, out_ptr, B: tl.constexpr):\n"
    "    i = tl.arange(0, B)\n"
    "    which = tl.program_id(0)\n"
    "    p = tl.load(table + which).to(tl.pointer_type(tl.float32))\n"
    "    tl.store(out_ptr + which * B + i, tl.load(p + i) * 2)\n"
    "    tl.store(p + i, tl.load(p + i) + 1)\n";

enum { B = 64, TABLES = 3 };

static void kernels_reach_buffers_by_their_addresses(void **state) {
  (void)state;
  device_test test = device_open(NULL, kernel);
  tm_buffer *data[TABLES];
  tm_buffer *table = device_array(&test, TABLES, 8);
  tm_buffer *out = device_array(&test, TABLES * B, 4);
  tm_error *error = NULL;
  for (int t = 0; t < TABLES; t++) {
    data[t] = device_array(&test, B, 4);
    for (int i = 0; i < B; i++)
      ((float *)tm_buffer_contents(data[t]))[i] = (float)(100 * t + i);
    uint64_t address = 0;
    if (tm_buffer_gpu_address(data[t], &address, &error))
      fail_msg("%s", tm_error_message(error));
    assert_true(address != 0);
    ((uint64_t *)tm_buffer_contents(table))[t] = address;
  }
  const tm_define named[] = {
    {"table", tm_arg_tensor(table, 0, TM_DTYPE_I64)},
    {"out_ptr", tm_arg_tensor(out, 0, TM_DTYPE_F32)},
    {"B", tm_arg_int(B)}};
  device_run(&test, "k", tm_grid_1d(TABLES), named, 3, 4);
  for (int t = 0; t < TABLES; t++)
    for (int i = 0; i < B; i++) {
      assert_true(((float *)tm_buffer_contents(out))[t * B + i] ==
                  2.0f * (float)(100 * t + i));
      assert_true(((float *)tm_buffer_contents(data[t]))[i] ==
                  (float)(100 * t + i + 1));
    }
  for (int t = 0; t < TABLES; t++) tm_buffer_destroy(data[t]);
  tm_buffer_destroy(table);
  tm_buffer_destroy(out);
  device_close(&test);
}

static const char alias[] =
    "import triton\n"
    "import triton.language as tl\n"
    "@triton.jit\n"
    "def k(table, out_ptr, B: tl.constexpr):\n"
    "    i = tl.arange(0, B)\n"
    "    p = tl.load(table).to(tl.pointer_type(tl.float32))\n"
    "    tl.store(out_ptr + i, tl.load(p + i) + 1)\n"
    "    tl.store(out_ptr + B + i, tl.load(p + i) * 2)\n";

/* Metal takes it that bound buffers share no memory; so none is bound. */
static void an_address_may_lead_into_an_argument(void **state) {
  (void)state;
  device_test test = device_open(NULL, alias);
  tm_buffer *table = device_array(&test, 1, 8);
  tm_buffer *out = device_array(&test, 2 * B, 4);
  tm_error *error = NULL;
  float *values = tm_buffer_contents(out);
  for (int i = 0; i < B; i++) values[i] = (float)i;
  if (tm_buffer_gpu_address(out, tm_buffer_contents(table), &error))
    fail_msg("%s", tm_error_message(error));
  const tm_define named[] = {
    {"table", tm_arg_tensor(table, 0, TM_DTYPE_I64)},
    {"out_ptr", tm_arg_tensor(out, 0, TM_DTYPE_F32)},
    {"B", tm_arg_int(B)}};
  device_run(&test, "k", tm_grid_1d(1), named, 3, 4);
  for (int i = 0; i < B; i++) {
    assert_true(values[i] == (float)(i + 1));
    assert_true(values[B + i] == (float)(2 * (i + 1)));
  }
  tm_compile_options options = TM_COMPILE_OPTIONS_INIT;
  options.signature = "*i64, *fp32, 64";
  tm_kernel *made;
  if (tm_compile(&made, test.context, test.module, "k", &options, &error))
    fail_msg("%s", tm_error_message(error));
  const char *msl = tm_kernel_text(made, TM_STAGE_MSL);
  assert_non_null(strstr(msl, "[[buffer(0)]]")); /* the constant struct */
  assert_null(strstr(msl, "[[buffer(1)]]"));
  tm_kernel_destroy(made);
  tm_buffer_destroy(table);
  tm_buffer_destroy(out);
  device_close(&test);
}

static void the_address_of_nothing_is_an_error(void **state) {
  (void)state;
  tm_error *error = NULL;
  uint64_t address = 7;
  assert_int_equal(tm_buffer_gpu_address(NULL, &address, &error),
                   TM_E_ARGUMENT);
  tm_error_destroy(error);
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(kernels_reach_buffers_by_their_addresses),
    cmocka_unit_test(an_address_may_lead_into_an_argument),
    cmocka_unit_test(the_address_of_nothing_is_an_error),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
