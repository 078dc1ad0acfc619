/* SPDX-License-Identifier: MIT */
/*
 * device.h - running kernels through the public header in tests.
 *
 * A device_test owns a context, a stream and a module; arrays are buffers of
 * it. Any failing call fails the running cmocka test with the error's text.
 */
#ifndef TM_TEST_DEVICE_H
#define TM_TEST_DEVICE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <tritonmetal.h>

typedef struct device_test {
  tm_context *context;
  tm_stream *stream;
  tm_module *module;
} device_test;

/* Opens the example file examples/kernels/<file>, or parses source when file
 * is NULL. */
device_test device_open(const char *file, const char *source);
void device_close(device_test *test);
/* A buffer of count elements of size bytes, zeroed. */
tm_buffer *device_array(device_test *test, size_t count, size_t size);
/* Launches kernel on grid with named arguments, waits. */
void device_run(device_test *test, const char *kernel, tm_grid grid,
                const tm_define *named, size_t n_named, uint32_t num_warps);
/* Reads a whole file; free() it. Fails the test when it cannot. */
char *test_read_file(const char *path, size_t *size);

/* IEEE binary16 from and to float, round to nearest even. */
uint16_t half_from_float(float x);
float half_to_float(uint16_t h);

/* A reproducible stream of numbers in [-1, 1): xorshift64*, seed not 0. */
double test_random(uint64_t *state);

#endif
