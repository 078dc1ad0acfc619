/* SPDX-License-Identifier: MIT */
/*
 * test_libdevice.c - libdevice's functions of one float against the double
 * precision functions of C, on dense points of their domains.
 *
 * A bound is in units of the last place of the float32 result, for results
 * above `floor`, below which the error is bounded by that many units of floor:
 * lgamma has zeros there, and logarithms near 1; for Bessel functions floor
 * is 1: their errors are absolute, in units of 1.2e-7. TM_TEST_SHOW=1 prints what
 * was measured. Where the text calls Metal's own function (sinh to log10 but
 * for erf, erfc, expm1, log1p and cbrt) this measures softmetal's, which
 * stands for it.
 */
#define _GNU_SOURCE /* j0 and the like */
#include "support/device.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

typedef double function(double x);
typedef struct entry {
  const char *name;
  function *want;
  double low, high, bound, floor;
} entry;

static double exp_10(double x) { return pow(10, x); }

static const entry entries[] = {
    {"lgamma", lgamma, 1e-30, 0.5, 4, 0},
    {"lgamma", lgamma, 0.5, 3.5, 12, 1e-3},
    {"lgamma", lgamma, 3.5, 100, 4, 0},
    {"lgamma", lgamma, 100, 1e35, 4, 0},
    {"lgamma", lgamma, -10, -0.01, 16, 1},
    {"j0", j0, -8, 8, 4, 1},
    {"j0", j0, 8, 200, 12, 1},
    {"j1", j1, -8, 8, 4, 1},
    {"j1", j1, -200, -8, 12, 1},
    {"y0", y0, 0.01, 8, 4, 1},
    {"y0", y0, 8, 200, 12, 1},
    {"y1", y1, 0.5, 8, 6, 1},
    {"y1", y1, 8, 200, 12, 1},
    {"erf", erf, -5, 5, 4, 1e-30},
    {"erfc", erfc, -3, 9, 8, 1e-30},
    {"expm1", expm1, -10, 80, 4, 1e-30},
    {"log1p", log1p, -0.9999, 1e6, 4, 1e-30},
    {"cbrt", cbrt, -1e6, 1e6, 4, 1e-30},
    {"tanh", tanh, -12, 12, 4, 1e-30},
    {"sinh", sinh, -80, 80, 4, 1e-30},
    {"cosh", cosh, -80, 80, 4, 0},
    {"asinh", asinh, -1e4, 1e4, 4, 1e-30},
    {"acosh", acosh, 1.01, 1e4, 4, 1e-6},
    {"atanh", atanh, -0.999, 0.999, 4, 1e-30},
    {"asin", asin, -1, 1, 4, 1e-30},
    {"acos", acos, -1, 1, 4, 1e-3},
    {"atan", atan, -1e3, 1e3, 4, 1e-30},
    {"tan", tan, -1.5, 1.5, 4, 1e-30},
    {"exp", exp, -80, 80, 4, 0},
    {"exp10", exp_10, -35, 35, 4, 0},
    {"log", log, 1e-30, 1e30, 4, 1e-6},
    {"log10", log10, 1e-30, 1e30, 4, 1e-6},
};

enum { POINTS = 16384, BLOCK = 256 };

/* Evenly spaced; by their logarithms where the ends are far apart. */
static float point(const entry *e, int i) {
  double t = i / (POINTS - 1.0);
  if (e->low > 0 && e->high / e->low > 1000)
    return (float)exp(log(e->low) + t * (log(e->high) - log(e->low)));
  return (float)(e->low + t * (e->high - e->low));
}

static double ulp_of(double x) {
  float f = (float)fabs(x);
  return (double)nextafterf(f, INFINITY) - (double)f;
}

static void check(const entry *e) {
  char source[512];
  snprintf(source, sizeof source,
           "import triton\nimport triton.language as tl\n"
           "from triton.language.extra import libdevice\n\n\n@triton.jit\n"
           "def k(x, y, B: tl.constexpr):\n"
           "    i = tl.program_id(0) * B + tl.arange(0, B)\n"
           "    tl.store(y + i, libdevice.%s(tl.load(x + i)))\n",
           e->name);
  device_test t = device_open(NULL, source);
  tm_buffer *x = device_array(&t, POINTS, 4), *y = device_array(&t, POINTS, 4);
  float *in = tm_buffer_contents(x);
  const float *out = tm_buffer_contents(y);
  for (int i = 0; i < POINTS; i++) in[i] = point(e, i);
  tm_error *error = NULL;
  tm_kernel *kernel = NULL;
  tm_compile_options options = TM_COMPILE_OPTIONS_INIT;
  options.signature = "*fp32:16, *fp32:16, 256";
  if (tm_compile(&kernel, t.context, t.module, "k", &options, &error))
    fail_msg("%s: %s", e->name, tm_error_text(error));
  tm_arg args[2] = {tm_arg_buffer(x, 0), tm_arg_buffer(y, 0)};
  if (tm_launch(t.stream, kernel, tm_grid_1d(POINTS / BLOCK), args, 2,
                &error) ||
      tm_stream_synchronize(t.stream, TM_WAIT_FOREVER, &error))
    fail_msg("%s: %s", e->name, tm_error_text(error));
  double worst = 0;
  float at = 0;
  for (int i = 0; i < POINTS; i++) {
    double want = e->want((double)in[i]);
    double unit = ulp_of(fmax(fabs(want), e->floor));
    double off = fabs((double)out[i] - want) / unit;
    if (!(off <= worst)) worst = off, at = in[i];
  }
  if (getenv("TM_TEST_SHOW"))
    printf("%-8s %g to %g: %.2f ulp\n", e->name, e->low, e->high, worst);
  if (!(worst <= e->bound))
    fail_msg("%s(%a) is %.2f ulp off; the bound is %g", e->name, (double)at,
             worst, e->bound);
  tm_buffer_destroy(x);
  tm_buffer_destroy(y);
  tm_kernel_destroy(kernel);
  device_close(&t);
}

static void functions_of_one_float_keep_their_bounds(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof entries / sizeof *entries; i++)
    check(&entries[i]);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(functions_of_one_float_keep_their_bounds),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
