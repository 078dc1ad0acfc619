/* SPDX-License-Identifier: MIT */
/* device.c - see device.h. */
#include "device.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* By address: the order in which arguments are evaluated is not defined. */
#define expect_ok(status, error) expect_ok_at((status), &(error))
static void expect_ok_at(tm_status status, tm_error **error) {
  if (status == TM_OK) return;
  fprintf(stderr, "%s", tm_error_text(*error));
  tm_error_destroy(*error);
  fail_msg("status %s", tm_status_name(status));
}

char *test_read_file(const char *path, size_t *size) {
  FILE *file = fopen(path, "rb");
  if (!file) fail_msg("cannot read %s", path);
  fseek(file, 0, SEEK_END);
  long length = ftell(file);
  rewind(file);
  char *text = malloc((size_t)length + 1);
  assert_non_null(text);
  assert_int_equal(fread(text, 1, (size_t)length, file), length);
  fclose(file);
  text[length] = 0;
  *size = (size_t)length;
  return text;
}

device_test device_open(const char *file, const char *source) {
  device_test test = {NULL, NULL, NULL};
  tm_error *error = NULL;
  char path[256], *text = NULL;
  size_t size = source ? strlen(source) : 0;
  if (file) {
    snprintf(path, sizeof path, "examples/kernels/%s", file);
    text = test_read_file(path, &size);
  }
  expect_ok(tm_context_create(&test.context, NULL, &error), error);
  expect_ok(tm_module_parse(&test.module, NULL, file ? path : "test.py",
                            file ? text : source, size, NULL, &error),
            error);
  expect_ok(tm_stream_create(&test.stream, test.context, NULL, &error),
            error);
  free(text);
  return test;
}

void device_close(device_test *test) {
  tm_stream_destroy(test->stream);
  tm_module_destroy(test->module);
  tm_context_destroy(test->context);
}

tm_buffer *device_array(device_test *test, size_t count, size_t size) {
  tm_buffer *buffer = NULL;
  tm_error *error = NULL;
  tm_buffer_options options = TM_BUFFER_OPTIONS_INIT;
  options.zero = 1;
  expect_ok(tm_buffer_create(&buffer, test->context, count * size, &options,
                             &error),
            error);
  return buffer;
}

void device_run(device_test *test, const char *kernel, tm_grid grid,
                const tm_define *named, size_t n_named, uint32_t num_warps) {
  tm_function *function = NULL;
  tm_error *error = NULL;
  tm_launch_options options = TM_LAUNCH_OPTIONS_INIT;
  options.named = named;
  options.n_named = n_named;
  options.num_warps = num_warps;
  expect_ok(tm_function_create(&function, test->context, test->module, kernel,
                               NULL, &error),
            error);
  expect_ok(tm_function_launch(test->stream, function, grid, NULL, 0,
                               &options, &error),
            error);
  expect_ok(tm_stream_synchronize(test->stream, TM_WAIT_FOREVER, &error),
            error);
  tm_function_destroy(function);
}

/* Exact by scaling: the float is rounded at half's precision by rint. */
uint16_t half_from_float(float x) {
  uint32_t bits;
  memcpy(&bits, &x, 4);
  uint16_t sign = (uint16_t)(bits >> 16 & 0x8000);
  if (x != x) return (uint16_t)(sign | 0x7e00);
  double magnitude = fabs((double)x);
  if (magnitude >= 65520.0) return (uint16_t)(sign | 0x7c00);
  int exponent;
  frexp(magnitude, &exponent);
  if (exponent < -13) exponent = -13; /* subnormals share one scale */
  double unit = ldexp(1.0, exponent - 11);
  long steps = lrint(magnitude / unit); /* to even, in the default mode */
  double rounded = (double)steps * unit;
  if (rounded == 0) return sign;
  double fraction = frexp(rounded, &exponent);
  if (exponent < -13)
    return (uint16_t)(sign | (uint16_t)(rounded / 0x1p-24));
  return (uint16_t)(sign | (uint16_t)(exponent + 14) << 10 |
                    ((uint16_t)(fraction * 2048) & 0x3ff));
}

float half_to_float(uint16_t h) {
  int exponent = h >> 10 & 31, fraction = h & 0x3ff;
  double x = exponent == 31  ? (fraction ? NAN : INFINITY)
             : exponent == 0 ? ldexp(fraction, -24)
                             : ldexp(1024 + fraction, exponent - 25);
  return (float)(h & 0x8000 ? -x : x);
}

double test_random(uint64_t *state) {
  /* Vigna, "An experimental exploration of Marsaglia's xorshift generators,
   * scrambled", 2016. */
  uint64_t x = *state;
  x ^= x >> 12;
  x ^= x << 25;
  x ^= x >> 27;
  *state = x;
  return (double)(x * 0x2545f4914f6cdd1du >> 11) * 0x1p-52 - 1.0;
}
