/* SPDX-License-Identifier: MIT */
/*
 * test_kernels.c - the four example kernels, from their .py files to answers,
 * compared with references computed here in double precision.
 *
 * Error bounds are derived from the arithmetic: n additions of float err by
 * at most n units in the last place of the partial sums, an exponential by a
 * few units, a half result by half a unit of half.
 */
#include "support/device.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint64_t seed = 20240611;

static void fill(float *data, size_t n) {
  for (size_t i = 0; i < n; i++) data[i] = (float)test_random(&seed);
}

/* ---- vector add -------------------------------------------------------- */

static void check_vector_add(int n, int block, uint32_t warps) {
  device_test t = device_open("vector_add.py", NULL);
  size_t padded = (size_t)n + 64; /* what lies behind must not be written */
  tm_buffer *x = device_array(&t, padded, 4), *y = device_array(&t, padded, 4),
            *z = device_array(&t, padded, 4);
  float *a = tm_buffer_contents(x), *b = tm_buffer_contents(y),
        *c = tm_buffer_contents(z);
  fill(a, padded), fill(b, padded);
  for (size_t i = 0; i < padded; i++) c[i] = -7;
  tm_define named[] = {{"x_ptr", tm_arg_tensor(x, 0, TM_DTYPE_F32)},
                       {"y_ptr", tm_arg_tensor(y, 0, TM_DTYPE_F32)},
                       {"output_ptr", tm_arg_tensor(z, 0, TM_DTYPE_F32)},
                       {"n_elements", tm_arg_int(n)},
                       {"BLOCK_SIZE", tm_arg_int(block)}};
  device_run(&t, "add_kernel", tm_grid_1d((uint32_t)((n + block - 1) / block)),
             named, 5, warps);
  for (int i = 0; i < n; i++)
    if (c[i] != a[i] + b[i]) fail_msg("element %d is %g", i, (double)c[i]);
  for (size_t i = (size_t)n; i < padded; i++) assert_true(c[i] == -7);
  tm_buffer_destroy(x), tm_buffer_destroy(y), tm_buffer_destroy(z);
  device_close(&t);
}

static void vector_add_is_exact_at_every_edge(void **state) {
  (void)state;
  static const int sizes[] = {1, 15, 16, 1000, 1024, 1025, 4096, 100003};
  for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
    check_vector_add(sizes[i], 1024, 4);
}

static void vector_add_works_for_any_block_and_warps(void **state) {
  (void)state;
  check_vector_add(5000, 16, 1);   /* fewer elements than lanes */
  check_vector_add(5000, 64, 4);   /* fewer elements than threads */
  check_vector_add(5000, 128, 8);
  check_vector_add(5000, 4096, 2);
  check_vector_add(50000, 8192, 32);
}

/* ---- softmax ----------------------------------------------------------- */

static void check_softmax(int rows, int columns, int block, uint32_t warps) {
  device_test t = device_open("softmax.py", NULL);
  size_t n = (size_t)rows * (size_t)columns;
  tm_buffer *x = device_array(&t, n, 4), *y = device_array(&t, n, 4);
  float *a = tm_buffer_contents(x), *b = tm_buffer_contents(y);
  fill(a, n);
  for (size_t i = 0; i < n; i++) a[i] *= 20;
  tm_define named[] = {{"output_ptr", tm_arg_tensor(y, 0, TM_DTYPE_F32)},
                       {"input_ptr", tm_arg_tensor(x, 0, TM_DTYPE_F32)},
                       {"input_row_stride", tm_arg_int(columns)},
                       {"output_row_stride", tm_arg_int(columns)},
                       {"n_cols", tm_arg_int(columns)},
                       {"BLOCK_SIZE", tm_arg_int(block)}};
  device_run(&t, "softmax_kernel", tm_grid_1d((uint32_t)rows), named, 6,
             warps);
  for (int r = 0; r < rows; r++) {
    const float *row = a + (size_t)r * (size_t)columns;
    double most = -INFINITY, sum = 0;
    for (int c = 0; c < columns; c++) most = fmax(most, (double)row[c]);
    for (int c = 0; c < columns; c++) sum += exp((double)row[c] - most);
    for (int c = 0; c < columns; c++) {
      double want = exp((double)row[c] - most) / sum;
      double got = (double)b[(size_t)r * (size_t)columns + (size_t)c];
      /* x - max is exact to half a unit of 40, which the exponential turns
       * into a relative error of 20 eps; the rest is a few eps. Results
       * below the smallest normal may be flushed. */
      if (fabs(got - want) > want * 40 * FLT_EPSILON + FLT_MIN)
        fail_msg("%dx%d: row %d column %d is %g, not %g", rows, columns, r, c,
                 got, want);
    }
  }
  tm_buffer_destroy(x), tm_buffer_destroy(y);
  device_close(&t);
}

static void softmax_of_any_row_length_up_to_the_block(void **state) {
  (void)state;
  check_softmax(5, 1, 16, 4);
  check_softmax(5, 37, 64, 4);
  check_softmax(7, 1000, 1024, 4);
  check_softmax(7, 1024, 1024, 8);
  check_softmax(3, 781, 4096, 4);
  check_softmax(3, 1023, 1024, 1);
}

/* ---- layer norm -------------------------------------------------------- */

static void check_layer_norm(int rows, int columns, int block,
                             uint32_t warps) {
  device_test t = device_open("layer_norm.py", NULL);
  size_t n = (size_t)rows * (size_t)columns, width = (size_t)columns;
  const float eps = 1e-5f;
  tm_buffer *x = device_array(&t, n, 4), *y = device_array(&t, n, 4),
            *w = device_array(&t, width, 4), *b = device_array(&t, width, 4),
            *m = device_array(&t, (size_t)rows, 4),
            *s = device_array(&t, (size_t)rows, 4);
  float *in = tm_buffer_contents(x), *out = tm_buffer_contents(y);
  float *weight = tm_buffer_contents(w), *bias = tm_buffer_contents(b);
  float *mean = tm_buffer_contents(m), *rstd = tm_buffer_contents(s);
  fill(in, n), fill(weight, width), fill(bias, width);
  for (size_t i = 0; i < n; i++) in[i] = in[i] * 3 + 1;
  tm_define named[] = {{"X", tm_arg_tensor(x, 0, TM_DTYPE_F32)},
                       {"Y", tm_arg_tensor(y, 0, TM_DTYPE_F32)},
                       {"W", tm_arg_tensor(w, 0, TM_DTYPE_F32)},
                       {"B", tm_arg_tensor(b, 0, TM_DTYPE_F32)},
                       {"Mean", tm_arg_tensor(m, 0, TM_DTYPE_F32)},
                       {"Rstd", tm_arg_tensor(s, 0, TM_DTYPE_F32)},
                       {"stride", tm_arg_int(columns)},
                       {"N", tm_arg_int(columns)},
                       {"eps", tm_arg_float((double)eps)},
                       {"BLOCK_SIZE", tm_arg_int(block)}};
  device_run(&t, "layer_norm_fwd", tm_grid_1d((uint32_t)rows), named, 10,
             warps);
  for (int r = 0; r < rows; r++) {
    const float *row = in + (size_t)r * width;
    double sum = 0, square = 0;
    for (size_t c = 0; c < width; c++) sum += (double)row[c];
    double mu = sum / columns;
    for (size_t c = 0; c < width; c++)
      square += ((double)row[c] - mu) * ((double)row[c] - mu);
    double scale = 1 / sqrt(square / columns + (double)eps);
    /* Sums of up to n/threads terms a thread of size about 4. */
    double bound = 64 * FLT_EPSILON * 4;
    if (fabs((double)mean[r] - mu) > bound ||
        fabs((double)rstd[r] - scale) > bound * scale)
      fail_msg("row %d: mean %g not %g, rstd %g not %g", r, (double)mean[r],
               mu, (double)rstd[r], scale);
    for (size_t c = 0; c < width; c++) {
      double want = ((double)row[c] - mu) * scale * (double)weight[c] +
                    (double)bias[c];
      double got = (double)out[(size_t)r * width + c];
      if (fabs(got - want) > bound * (2 + scale))
        fail_msg("%dx%d: row %d column %zu is %g, not %g", rows, columns, r,
                 c, got, want);
    }
  }
  tm_buffer *all[] = {x, y, w, b, m, s};
  for (int i = 0; i < 6; i++) tm_buffer_destroy(all[i]);
  device_close(&t);
}

static void layer_norm_loops_over_any_number_of_columns(void **state) {
  (void)state;
  check_layer_norm(5, 1, 256, 4);
  check_layer_norm(5, 300, 256, 4);
  check_layer_norm(3, 1024, 1024, 8);
  check_layer_norm(3, 5000, 1024, 4);
  check_layer_norm(3, 777, 128, 1);
}

/* ---- matrix product ---------------------------------------------------- */

typedef struct product {
  int m, n, k;
  tm_dtype dtype; /* of A, B and C */
  int block_m, block_n, block_k;
  uint32_t warps;
  const char *activation;
} product;

static double element(const void *data, size_t i, tm_dtype dtype) {
  return dtype == TM_DTYPE_F16
             ? (double)half_to_float(((const uint16_t *)data)[i])
             : (double)((const float *)data)[i];
}

static tm_buffer *random_matrix(device_test *t, size_t count, tm_dtype dtype) {
  tm_buffer *buffer = device_array(t, count, dtype == TM_DTYPE_F16 ? 2 : 4);
  void *data = tm_buffer_contents(buffer);
  for (size_t i = 0; i < count; i++) {
    float x = (float)test_random(&seed);
    if (dtype == TM_DTYPE_F16)
      ((uint16_t *)data)[i] = half_from_float(x);
    else
      ((float *)data)[i] = x;
  }
  return buffer;
}

static void compare_product(const product *p, const void *a, const void *b,
                            const void *c) {
  for (int i = 0; i < p->m; i++)
    for (int j = 0; j < p->n; j++) {
      double want = 0, size = 0;
      for (int k = 0; k < p->k; k++) {
        double term = element(a, (size_t)(i * p->k + k), p->dtype) *
                      element(b, (size_t)(k * p->n + j), p->dtype);
        want += term;
        size += fabs(term);
      }
      if (p->activation[0] && want < 0) want *= 0.01;
      double got = element(c, (size_t)(i * p->n + j), p->dtype);
      double bound = size * FLT_EPSILON * 8 + 1e-6;
      if (p->dtype == TM_DTYPE_F16) bound += fabs(want) * 0x1p-11 + 0x1p-24;
      if (!(fabs(got - want) <= bound))
        fail_msg("%dx%dx%d: element %d,%d is %g, not %g", p->m, p->n, p->k, i,
                 j, got, want);
    }
}

static void check_product(product p) {
  device_test t = device_open("matmul.py", NULL);
  tm_buffer *a = random_matrix(&t, (size_t)p.m * (size_t)p.k, p.dtype);
  tm_buffer *b = random_matrix(&t, (size_t)p.k * (size_t)p.n, p.dtype);
  tm_buffer *c = random_matrix(&t, (size_t)p.m * (size_t)p.n, p.dtype);
  tm_define named[] = {{"a_ptr", tm_arg_tensor(a, 0, p.dtype)},
                       {"b_ptr", tm_arg_tensor(b, 0, p.dtype)},
                       {"c_ptr", tm_arg_tensor(c, 0, p.dtype)},
                       {"M", tm_arg_int(p.m)},
                       {"N", tm_arg_int(p.n)},
                       {"K", tm_arg_int(p.k)},
                       {"stride_am", tm_arg_int(p.k)},
                       {"stride_ak", tm_arg_int(1)},
                       {"stride_bk", tm_arg_int(p.n)},
                       {"stride_bn", tm_arg_int(1)},
                       {"stride_cm", tm_arg_int(p.n)},
                       {"stride_cn", tm_arg_int(1)},
                       {"BLOCK_SIZE_M", tm_arg_int(p.block_m)},
                       {"BLOCK_SIZE_N", tm_arg_int(p.block_n)},
                       {"BLOCK_SIZE_K", tm_arg_int(p.block_k)},
                       {"GROUP_SIZE_M", tm_arg_int(4)},
                       {"ACTIVATION", tm_arg_text(p.activation)}};
  int groups = ((p.m + p.block_m - 1) / p.block_m) *
               ((p.n + p.block_n - 1) / p.block_n);
  device_run(&t, "matmul_kernel", tm_grid_1d((uint32_t)groups), named, 17,
             p.warps);
  compare_product(&p, tm_buffer_contents(a), tm_buffer_contents(b),
                  tm_buffer_contents(c));
  tm_buffer_destroy(a), tm_buffer_destroy(b), tm_buffer_destroy(c);
  device_close(&t);
}

static void product_of_floats(void **state) {
  (void)state;
  check_product((product){128, 128, 128, TM_DTYPE_F32, 64, 64, 32, 4, ""});
  check_product((product){64, 96, 64, TM_DTYPE_F32, 32, 32, 32, 2, ""});
}

static void product_of_halves_accumulates_in_float(void **state) {
  (void)state;
  check_product((product){128, 128, 256, TM_DTYPE_F16, 64, 64, 32, 4, ""});
  check_product((product){64, 64, 64, TM_DTYPE_F16, 64, 32, 16, 4, ""});
}

static void product_masks_ragged_edges(void **state) {
  (void)state;
  check_product((product){100, 71, 83, TM_DTYPE_F32, 64, 64, 32, 4, ""});
  check_product((product){77, 130, 45, TM_DTYPE_F16, 32, 64, 32, 4, ""});
  check_product((product){1, 1, 1, TM_DTYPE_F32, 32, 32, 32, 4, ""});
}

static void product_with_leaky_relu_epilogue(void **state) {
  (void)state;
  check_product(
      (product){64, 64, 64, TM_DTYPE_F32, 64, 64, 32, 4, "leaky_relu"});
  check_product(
      (product){90, 50, 70, TM_DTYPE_F16, 32, 32, 16, 4, "leaky_relu"});
}

static void product_with_any_warps_and_tiles(void **state) {
  (void)state;
  check_product((product){70, 70, 70, TM_DTYPE_F32, 16, 16, 16, 1, ""});
  check_product((product){70, 70, 70, TM_DTYPE_F32, 16, 16, 16, 4, ""});
  check_product((product){128, 128, 64, TM_DTYPE_F16, 128, 64, 32, 8, ""});
  check_product((product){64, 64, 64, TM_DTYPE_F32, 64, 16, 64, 2, ""});
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(vector_add_is_exact_at_every_edge),
      cmocka_unit_test(vector_add_works_for_any_block_and_warps),
      cmocka_unit_test(softmax_of_any_row_length_up_to_the_block),
      cmocka_unit_test(layer_norm_loops_over_any_number_of_columns),
      cmocka_unit_test(product_of_floats),
      cmocka_unit_test(product_of_halves_accumulates_in_float),
      cmocka_unit_test(product_masks_ragged_edges),
      cmocka_unit_test(product_with_leaky_relu_epilogue),
      cmocka_unit_test(product_with_any_warps_and_tiles),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
