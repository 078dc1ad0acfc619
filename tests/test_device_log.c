/* SPDX-License-Identifier: MIT */
/*
 * test_device_log.c - tl.device_print and tl.device_assert, from the source
 * to the lines and errors that a program sees. The expected lines are
 * upstream's format (third_party backends print "pid (x, y, z) idx (i, j)
 * prefix: value").
 */
#define _GNU_SOURCE /* setenv */
#include "support/device.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HEAD "import triton\nimport triton.language as tl\n\n\n@triton.jit\n"

typedef struct lines {
  char text[1 << 16];
  size_t size, count;
} lines;

static void collect(void *payload, const char *line) {
  lines *l = payload;
  l->count++;
  size_t n = strlen(line);
  if (l->size + n + 2 > sizeof l->text) return;
  memcpy(l->text + l->size, line, n);
  l->size += n;
  l->text[l->size++] = '\n';
  l->text[l->size] = 0;
}

typedef struct printing {
  tm_context *context;
  tm_module *module;
  tm_stream *stream;
  tm_kernel *kernel;
  tm_buffer *x;
} printing;

static printing opened(const char *source, const char *signature,
                       const tm_context_options *options) {
  printing p = {0};
  tm_error *error = NULL;
  tm_compile_options compile = TM_COMPILE_OPTIONS_INIT;
  compile.signature = signature;
  if (tm_context_create(&p.context, options, &error) ||
      tm_module_parse(&p.module, NULL, "k.py", source, strlen(source), NULL,
                      &error) ||
      tm_stream_create(&p.stream, p.context, NULL, &error) ||
      tm_compile(&p.kernel, p.context, p.module, "k", &compile, &error) ||
      tm_buffer_create(&p.x, p.context, 4096, NULL, &error))
    fail_msg("%s", tm_error_text(error));
  memset(tm_buffer_contents(p.x), 0, 4096);
  return p;
}

static tm_status launch(printing *p, uint32_t programs, tm_error **error) {
  tm_arg args[1] = {tm_arg_buffer(p->x, 0)};
  tm_status status =
      tm_launch(p->stream, p->kernel, tm_grid_1d(programs), args, 1, error);
  if (status) return status;
  return tm_stream_synchronize(p->stream, TM_WAIT_FOREVER, error);
}

static void launch_fine(printing *p, uint32_t programs) {
  tm_error *error = NULL;
  if (launch(p, programs, &error)) fail_msg("%s", tm_error_text(error));
}

static void closed(printing *p) {
  tm_buffer_destroy(p->x);
  tm_kernel_destroy(p->kernel);
  tm_stream_destroy(p->stream);
  tm_module_destroy(p->module);
  tm_context_destroy(p->context);
}

static char *printed(printing *p) {
  size_t n = tm_stream_read_printed(p->stream, NULL, 0);
  char *text = calloc(1, n + 1);
  assert_non_null(text);
  assert_int_equal(tm_stream_read_printed(p->stream, text, n), n);
  assert_int_equal(tm_stream_read_printed(p->stream, NULL, 0), 0);
  return text;
}

static void scalars_print_once_a_program(void **state) {
  (void)state;
  printing p = opened(HEAD "def k(x):\n"
                      "    tl.device_print(\"pid\", tl.program_id(0))\n",
                      "*fp32", NULL);
  launch_fine(&p, 1);
  char *text = printed(&p);
  assert_string_equal(text, "pid (0, 0, 0) idx () pid: 0\n");
  free(text);
  closed(&p);
}

static void elements_print_with_their_index(void **state) {
  (void)state;
  printing p = opened(
      HEAD "def k(x):\n"
      "    i = tl.arange(0, 2)[:, None] * 16 + tl.arange(0, 16)[None, :]\n"
      "    tl.device_print(\"v\", i * 2)\n", "*fp32", NULL);
  launch_fine(&p, 2);
  char *text = printed(&p), want[64];
  size_t n = 0;
  for (const char *c = text; *c; c++) n += *c == '\n';
  assert_int_equal(n, 64); /* each element once, whatever the threads */
  for (int pid = 0; pid < 2; pid++)
    for (int i = 0; i < 2; i++)
      for (int j = 0; j < 16; j++) {
        snprintf(want, sizeof want, "pid (%d, 0, 0) idx (%d, %2d) v: %d\n",
                 pid, i, j, (i * 16 + j) * 2);
        if (!strstr(text, want)) fail_msg("no %s in\n%s", want, text);
      }
  free(text);
  closed(&p);
}

static void every_type_prints_its_value(void **state) {
  (void)state;
  printing p = opened(
      HEAD "def k(x):\n"
      "    n = tl.program_id(0)\n"
      "    tl.device_print(\"i8\", (n - 3).to(tl.int8))\n"
      "    tl.device_print(\"u8\", (n - 3).to(tl.uint8))\n"
      "    tl.device_print(\"u32\", (n - 1).to(tl.uint32))\n"
      "    tl.device_print(\"i64\", (n - 1).to(tl.int64) * 10000000000)\n"
      "    tl.device_print(\"u64\", (n - 1).to(tl.uint64))\n"
      "    tl.device_print(\"i1\", n == 0)\n"
      "    tl.device_print(\"f16\", (n - 2).to(tl.float16) / 4)\n"
      "    tl.device_print(\"bf16\", (n + 3).to(tl.bfloat16))\n"
      "    tl.device_print(\"hex\", (n - 2).to(tl.int16), hex=True)\n"
      "    tl.device_print(\"two\", n, n + 1)\n"
      "    tl.device_print(\"only text\")\n", "*fp32", NULL);
  launch_fine(&p, 1);
  char *text = printed(&p);
  static const char *const want[] = {
      " idx () i8: -3\n", " idx () u8: 253\n", " idx () u32: 4294967295\n",
      " idx () i64: -10000000000\n", " idx () u64: 18446744073709551615\n",
      " idx () i1: 1\n", " idx () f16: -0.500000\n",
      " idx () bf16: 3.000000\n", " idx () hex: 0xfffe\n",
      " idx () two: (operand 0) 0\n", " idx () two: (operand 1) 1\n",
      "pid (0, 0, 0) only text\n"};
  for (size_t i = 0; i < sizeof want / sizeof *want; i++)
    if (!strstr(text, want[i])) fail_msg("no %s in\n%s", want[i], text);
  free(text);
  closed(&p);
}

static void a_callback_gets_the_lines(void **state) {
  (void)state;
  static lines got;
  memset(&got, 0, sizeof got);
  tm_context_options options = TM_CONTEXT_OPTIONS_INIT;
  options.print = collect;
  options.payload = &got;
  printing p = opened(HEAD "def k(x):\n"
                      "    for i in range(3):\n"
                      "        tl.device_print(\"i\", i)\n",
                      "*fp32", &options);
  launch_fine(&p, 1);
  assert_string_equal(got.text,
                      "pid (0, 0, 0) idx () i: 0\npid (0, 0, 0) idx () i: "
                      "1\npid (0, 0, 0) idx () i: 2\n");
  assert_int_equal(tm_stream_read_printed(p.stream, NULL, 0), 0);
  closed(&p);
}

static void what_does_not_fit_is_counted(void **state) {
  (void)state;
  static lines got;
  memset(&got, 0, sizeof got);
  tm_context_options options = TM_CONTEXT_OPTIONS_INIT;
  options.print = collect;
  options.payload = &got;
  printing p = opened(HEAD "def k(x):\n"
                      "    for i in range(70):\n"
                      "        tl.device_print(\"i\", tl.arange(0, 1024))\n",
                      "*fp32", &options);
  launch_fine(&p, 1);
  /* 71,680 values, room for 65,536, and a line about the rest. */
  assert_int_equal(got.count, 65537);
  launch_fine(&p, 1);
  assert_int_equal(got.count, 2 * 65537);
  closed(&p);
}

static void a_false_assertion_is_an_error_of_the_stream(void **state) {
  (void)state;
  tm_context_options options = TM_CONTEXT_OPTIONS_INIT;
  options.debug = TM_SWITCH_ON;
  printing p = opened(
      HEAD "def k(x):\n"
      "    i = tl.arange(0, 64)\n"
      "    v = tl.load(x + i)\n"
      "    tl.device_assert(v < 0.5, \"too large\")\n"
      "    tl.store(x + i, v + 1)\n", "*fp32", &options);
  tm_error *error = NULL;
  launch_fine(&p, 1); /* zeros are fine */
  memset(tm_buffer_contents(p.x), 0, 4096);
  ((float *)tm_buffer_contents(p.x))[37] = 2;
  assert_int_equal(launch(&p, 1, &error), TM_E_DEVICE);
  const char *text = tm_error_text(error);
  static const char *const want[] = {"kernel 'k'", "k.py:9", "too large",
                                     "program (0, 0, 0)", "element (37)"};
  for (size_t i = 0; i < sizeof want / sizeof *want; i++)
    if (!strstr(text, want[i])) fail_msg("no %s in: %s", want[i], text);
  tm_error_destroy(error);
  /* The stream goes on. */
  memset(tm_buffer_contents(p.x), 0, 4096);
  launch_fine(&p, 1);
  closed(&p);
}

/* What the kernel's own decorator asks for: assertions, integers that do not
 * overflow, indices of shared memory in range. */
static void a_kernel_may_ask_for_debugging_itself(void **state) {
  (void)state;
  static const struct { const char *body, *said; } wrong[] = {
    {"    tl.store(x, n * 65536 * 0.5)\n",
     "int32 overflow detected for operation mul"},
    {"    tl.store(x, (n - 2000000000 - 2000000000) * 0.5)\n",
     "int32 overflow detected for operation sub"},
    {"    s = tl.shared_memory([8], tl.float32)\n"
     "    s[n] = 1.0\n    tl.store(x, 1.0)\n",
     "index out of range of shared memory"},
    {"    assert n < 3, \"n is large\"\n    tl.store(x, 1.0)\n",
     "n is large"},
  };
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
    char source[1024];
    snprintf(source, sizeof source,
             "import triton\nimport triton.language as tl\n\n"
             "@triton.jit(debug=True)\ndef k(x):\n"
             "    n = tl.load(x).to(tl.int32) + 40000\n%s", wrong[i].body);
    printing p = opened(source, "*fp32", NULL);
    tm_error *error = NULL;
    assert_int_equal(launch(&p, 1, &error), TM_E_DEVICE);
    if (!strstr(tm_error_text(error), wrong[i].said))
      fail_msg("no %s in: %s", wrong[i].said, tm_error_text(error));
    tm_error_destroy(error);
    closed(&p);
  }
  /* The same without: the product wraps. */
  printing p = opened(HEAD "def k(x):\n"
                      "    n = tl.load(x).to(tl.int32) + 40000\n"
                      "    tl.store(x, n * 65536 * 1.0)\n", "*fp32", NULL);
  launch_fine(&p, 1);
  assert_true(*(float *)tm_buffer_contents(p.x) ==
              (float)(int32_t)(40000u * 65536u));
  closed(&p);
}

static void assertions_go_without_debug(void **state) {
  (void)state;
  printing p = opened(HEAD "def k(x):\n"
                      "    tl.device_assert(tl.program_id(0) > 5, \"no\")\n",
                      "*fp32", NULL);
  launch_fine(&p, 1);
  assert_null(strstr(tm_kernel_text(p.kernel, TM_STAGE_MSL), "device_log"));
  closed(&p);
}

/* Compiled once, taken from the cache by the second context. */
static void kernels_from_the_cache_print_too(void **state) {
  (void)state;
  const char *source = HEAD "def k(x):\n"
                       "    tl.device_print(\"cached\", tl.program_id(0))\n";
  for (int i = 0; i < 2; i++) {
    printing p = opened(source, "*fp32", NULL);
    launch_fine(&p, 1);
    char *text = printed(&p);
    assert_string_equal(text, "pid (0, 0, 0) idx () cached: 0\n");
    assert_int_equal(tm_kernel_info(p.kernel)->from_cache, i);
    free(text);
    closed(&p);
  }
}

int main(void) {
  setenv("SOFTMETAL_CHECK", "1", 1);
  unsetenv("TRITON_DEBUG");
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(scalars_print_once_a_program),
      cmocka_unit_test(elements_print_with_their_index),
      cmocka_unit_test(every_type_prints_its_value),
      cmocka_unit_test(a_callback_gets_the_lines),
      cmocka_unit_test(what_does_not_fit_is_counted),
      cmocka_unit_test(a_false_assertion_is_an_error_of_the_stream),
      cmocka_unit_test(a_kernel_may_ask_for_debugging_itself),
      cmocka_unit_test(assertions_go_without_debug),
      cmocka_unit_test(kernels_from_the_cache_print_too),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
