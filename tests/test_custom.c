/* SPDX-License-Identifier: MIT */
/*
 * test_custom.c - tl.custom: operations of the host's own, in Triton and in
 * MSL, run on the device and compared with C.
 */
#define _GNU_SOURCE
#include "support/device.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char kernel[] =
    "import triton\n"
    "import triton.language as tl\n"
    "@triton.jit\n"
    "def k(x_ptr, y_ptr, out_ptr, n, BLOCK: tl.constexpr):\n"
    "    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)\n"
    "    x = tl.load(x_ptr + i, mask=i < n)\n"
    "    y = tl.load(y_ptr + i, mask=i < n)\n"
    "    mix = tl.custom('mix_of', x, y, 0.25)\n"
    "    tl.store(out_ptr + i, mix, mask=i < n)\n";

static void add_custom(device_test *test, const char *name,
                       const char *signature, const char *text) {
  tm_error *error = NULL;
  if (tm_module_add_custom(test->module, name, signature, text, strlen(text),
                           &error))
    fail_msg("%s", tm_error_message(error));
}

/* x + (y - x) * 0.25 of random numbers, through an operation `mix_of`. */
static void check_mix(const char *signature, const char *text) {
  enum { N = 1000 };
  device_test test = device_open(NULL, kernel);
  add_custom(&test, "mix_of", signature, text);
  tm_buffer *x = device_array(&test, N, 4), *y = device_array(&test, N, 4),
            *out = device_array(&test, N, 4);
  float *xs = tm_buffer_contents(x), *ys = tm_buffer_contents(y),
        *outs = tm_buffer_contents(out);
  uint64_t seed = 5;
  for (int i = 0; i < N; i++) {
    xs[i] = (float)test_random(&seed);
    ys[i] = (float)test_random(&seed);
  }
  const tm_define named[] = {
    {"x_ptr", tm_arg_tensor(x, 0, TM_DTYPE_F32)}, {"y_ptr", tm_arg_tensor(y, 0, TM_DTYPE_F32)},
    {"out_ptr", tm_arg_tensor(out, 0, TM_DTYPE_F32)}, {"n", tm_arg_int(N)},
    {"BLOCK", tm_arg_int(256)}};
  device_run(&test, "k", tm_grid_1d(4), named, 5, 4);
  for (int i = 0; i < N; i++) {
    double wanted = xs[i] + ((double)ys[i] - xs[i]) * 0.25;
    if (fabs(outs[i] - wanted) > 1e-6)
      fail_msg("element %d is %g, not %g", i, (double)outs[i], wanted);
  }
  tm_buffer_destroy(x);
  tm_buffer_destroy(y);
  tm_buffer_destroy(out);
  device_close(&test);
}

static void an_operation_in_msl_is_applied_to_every_element(void **state) {
  (void)state;
  check_mix("fp32(fp32, fp32, fp32)",
            "METAL_FUNC float scaled(float d, float t) { return d * t; }\n"
            "METAL_FUNC float mix_of(float x, float y, float t) {\n"
            "  return x + scaled(y - x, t); // linear\n"
            "}\n");
}

static void an_operation_in_triton_is_inlined(void **state) {
  (void)state;
  check_mix(NULL,
            "import triton\n"
            "@triton.jit\n"
            "def mix_of(x, y, t):\n"
            "    return x + (y - x) * t\n");
}

static void check_refused(const char *name, const char *signature,
                          const char *text, const char *part) {
  device_test test = device_open(NULL, kernel);
  tm_error *error = NULL;
  tm_status status = tm_module_add_custom(test.module, name, signature, text,
                                          strlen(text), &error);
  assert_int_not_equal(status, TM_OK);
  if (!strstr(tm_error_message(error), part))
    fail_msg("\"%s\" lacks \"%s\"", tm_error_message(error), part);
  tm_error_destroy(error);
  device_close(&test);
}

static void what_reaches_beyond_elements_is_refused(void **state) {
  (void)state;
  const char *sig = "fp32(fp32)";
  check_refused("f", sig, "METAL_FUNC float g(float x) { return x; }",
                "defines no function");
  check_refused("f", sig, "float f(float x) { return x; }", "METAL_FUNC");
  check_refused("f", sig, "METAL_FUNC float f(float x) { return x; ",
                "not closed");
  check_refused("f", sig, "METAL_FUNC float f(float x) { return x); }",
                "do not match");
  check_refused("f", sig, "METAL_FUNC float f(float x) { return x; } /* a",
                "comment");
  check_refused("f", sig, "#define f\nMETAL_FUNC float f(float x) {}",
                "preprocessor");
  check_refused("f", sig,
                "METAL_FUNC float f(float x) { "
                "threadgroup_barrier(mem_flags::mem_none); return x; }",
                "threadgroup_barrier");
  check_refused("f", "float(fp32)", "METAL_FUNC float f(float x) {}",
                "a signature is written");
  check_refused("2f", sig, "METAL_FUNC float f(float x) {}", "no name");
  check_refused("f", NULL, "def f(x):\n    return x\n", "no @triton.jit");
  check_refused("f", NULL, "import triton\n@triton.jit\ndef f(x:\n", "");
}

/* The error of compiling k with what `prepare` registered. */
static void check_call_error(const char *name, const char *signature,
                             const char *text, const char *part) {
  device_test test = device_open(NULL, kernel);
  if (name) add_custom(&test, name, signature, text);
  tm_error *error = NULL;
  tm_kernel *out = NULL;
  tm_compile_options options = TM_COMPILE_OPTIONS_INIT;
  options.signature = "*fp32, *fp32, *fp32, i32, 256";
  assert_int_not_equal(
      tm_compile(&out, test.context, test.module, "k", &options, &error),
      TM_OK);
  if (!strstr(tm_error_message(error), part))
    fail_msg("\"%s\" lacks \"%s\"", tm_error_message(error), part);
  tm_error_destroy(error);
  device_close(&test);
}

static void wrong_calls_say_what_is_wrong(void **state) {
  (void)state;
  const char *text = "METAL_FUNC float mix_of(float x) { return x; }";
  check_call_error(NULL, NULL, NULL, "there is no custom operation");
  check_call_error("mix_off", "fp32(fp32)",
                   "METAL_FUNC float mix_off(float x) { return x; }",
                   "there is no custom operation");
  check_call_error("mix_of", "fp32(fp32)", text, "takes 1 arguments, got 3");
  check_call_error("mix_of", "fp32(fp32, fp16, fp32)", text,
                   "takes fp16 as argument 2, got fp32");
}

static void another_text_is_another_kernel(void **state) {
  (void)state;
  const char *texts[] = {
    "METAL_FUNC float mix_of(float x, float y, float t) { return x; }",
    "METAL_FUNC float mix_of(float x, float y, float t) { return y; }"};
  char *seen[2];
  for (int i = 0; i < 2; i++) {
    device_test test = device_open(NULL, kernel);
    add_custom(&test, "mix_of", "fp32(fp32, fp32, fp32)", texts[i]);
    tm_error *error = NULL;
    tm_kernel *out = NULL;
    tm_compile_options options = TM_COMPILE_OPTIONS_INIT;
    options.signature = "*fp32, *fp32, *fp32, i32, 256";
    if (tm_compile(&out, test.context, test.module, "k", &options, &error))
      fail_msg("%s", tm_error_message(error));
    const char *msl = tm_kernel_text(out, TM_STAGE_MSL);
    assert_non_null(strstr(msl, texts[i]));
    seen[i] = strdup(msl);
    tm_kernel_destroy(out);
    device_close(&test);
  }
  assert_string_not_equal(seen[0], seen[1]);
  free(seen[0]);
  free(seen[1]);
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(an_operation_in_msl_is_applied_to_every_element),
    cmocka_unit_test(an_operation_in_triton_is_inlined),
    cmocka_unit_test(what_reaches_beyond_elements_is_refused),
    cmocka_unit_test(wrong_calls_say_what_is_wrong),
    cmocka_unit_test(another_text_is_another_kernel),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
