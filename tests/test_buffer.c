/* SPDX-License-Identifier: MIT */
/* test_buffer.c - memory at any address as a buffer, copies where Metal does
 * not map, and the pool's figures. Expected values are plain C's. */
#define _GNU_SOURCE
#include <tritonmetal.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

static const char source[] =
    "import triton\n"
    "import triton.language as tl\n"
    "\n\n"
    "@triton.jit\n"
    "def scale(x, y, n, BLOCK: tl.constexpr):\n"
    "    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)\n"
    "    tl.store(y + i, tl.load(x + i, i < n) * 2 + 1, i < n)\n";

static tm_context *context;
static tm_module *module;
static tm_stream *stream;
static tm_error *error;
static int recompiled; /* lines of the log about a second compile */
static char overlap[200]; /* the last line about memory that is shared */
static char *pages;    /* four of them */
static size_t page;

#define OK(call)                                               \
  do {                                                         \
    if (call) fail_msg("%s: %s", #call, tm_error_text(error)); \
  } while (0)

static void refused(tm_status found, tm_status expected, const char *words) {
  if (found != expected || !strstr(tm_error_text(error), words))
    fail_msg("%s instead of %s: %s", tm_status_name(found),
             tm_status_name(expected), tm_error_text(error));
  tm_error_destroy(error);
  error = NULL;
}

static void read_log(void *payload, uint32_t level, const char *line) {
  recompiled += strstr(line, "once more") != NULL;
  if (strstr(line, "share memory"))
    snprintf(overlap, sizeof overlap, "%s", line);
}

static int begin(void **state) {
  tm_context_options o = TM_CONTEXT_OPTIONS_INIT;
  o.cache = TM_SWITCH_OFF;
  o.debug_level = 2;
  o.log = read_log;
  recompiled = 0;
  overlap[0] = 0;
  OK(tm_context_create(&context, &o, &error));
  OK(tm_module_parse(&module, "ops", "ops.py", source, sizeof source - 1,
                     NULL, &error));
  OK(tm_stream_create(&stream, context, NULL, &error));
  page = (size_t)sysconf(_SC_PAGESIZE);
  pages = mmap(NULL, 4 * page, PROT_READ | PROT_WRITE,
               MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  assert_true(pages != MAP_FAILED);
  return 0;
}

static int end(void **state) {
  unsetenv("SOFTMETAL_FAULT");
  tm_stream_destroy(stream);
  tm_module_destroy(module);
  tm_context_destroy(context);
  munmap(pages, 4 * page);
  return 0;
}

static tm_kernel *compile(const char *signature) {
  tm_kernel *k;
  tm_compile_options o = TM_COMPILE_OPTIONS_INIT;
  o.signature = signature;
  OK(tm_compile(&k, context, module, "scale", &o, &error));
  return k;
}

static void launch(tm_kernel *k, tm_buffer *x, tm_buffer *y, int n) {
  tm_arg args[3] = {tm_arg_buffer(x, 0), tm_arg_buffer(y, 0), tm_arg_int(n)};
  OK(tm_launch(stream, k, tm_grid_1d((uint32_t)n / 64 + 1), args, 3, &error));
  OK(tm_stream_synchronize(stream, TM_WAIT_FOREVER, &error));
}

static tm_memory_facts memory(void) {
  tm_memory_facts facts = TM_MEMORY_FACTS_INIT;
  OK(tm_memory_info(context, &facts, &error));
  return facts;
}

static tm_buffer *wrap(void *at, size_t size) {
  tm_buffer *b;
  OK(tm_buffer_wrap(&b, context, at, size, &error));
  assert_ptr_equal(tm_buffer_contents(b), at);
  assert_int_equal(tm_buffer_size(b), size);
  assert_false(tm_buffer_is_copy(b));
  return b;
}

/* x at byte `from` of the pages, y at byte `to`, n floats each: every other
 * byte of the pages must stay as it was. */
static void check_pair(tm_kernel *k, size_t from, size_t to, int n) {
  memset(pages, 0x5a, 4 * page);
  char *before = malloc(4 * page);
  float *x = (float *)(pages + from), *y = (float *)(pages + to);
  for (int i = 0; i < n; i++) x[i] = (float)(i * 3);
  memcpy(before, pages, 4 * page);
  tm_buffer *a = wrap(x, (size_t)n * 4), *b = wrap(y, (size_t)n * 4);
  launch(k, a, b, n);
  float *expected = (float *)(before + to);
  for (int i = 0; i < n; i++) expected[i] = (float)(i * 3) * 2 + 1;
  assert_memory_equal(pages, before, 4 * page);
  tm_buffer_destroy(a);
  tm_buffer_destroy(b);
  free(before);
}

static void memory_at_any_address_is_wrapped_by_its_pages(void **state) {
  tm_kernel *k = compile("*fp32, *fp32, i32, 64");
  check_pair(k, 4, 2048, 100);
  check_pair(k, page - 4, 2 * page + 12, 3);        /* across a page's end */
  check_pair(k, page + 20, 3 * page - 404, 101);    /* to a page's end */
  check_pair(k, 4, 4 + 4 * 300, 300);               /* neighbours */
  check_pair(k, 2 * page - 4 * 300, 2 * page, 300);
  assert_int_equal(recompiled, 0);                  /* none shares memory */
  assert_string_equal(overlap, "");
  assert_int_equal(memory().wrapped, 0);
  assert_int_equal(memory().buffers, 0);
  tm_kernel_destroy(k);
}

static void the_offset_is_that_of_the_address_in_its_page(void **state) {
  uint64_t offset;
  tm_buffer *b = wrap(pages + page + 36, 100);
  void *object = tm_buffer_metal(b, &offset);
  assert_int_equal(offset, 36);
  tm_buffer *again = wrap(pages + page + 500, 64);
  assert_ptr_equal(tm_buffer_metal(again, &offset), object);
  assert_int_equal(offset, 500);
  tm_buffer_destroy(b);
  /* Its pages may be other memory now: they are not shared any more, though
   * the MTLBuffer lives. */
  tm_buffer_destroy(again);
  tm_buffer *later = wrap(pages + page + 500, 2 * page);
  assert_ptr_not_equal(tm_buffer_metal(later, NULL), NULL);
  tm_buffer_destroy(later);
}

static void wraps_that_overlap_by_one_element_are_seen(void **state) {
  tm_kernel *k = compile("*fp32, *fp32, i32, 64");
  check_pair(k, 4, 4 + 4 * 64, 64);
  assert_int_equal(recompiled, 0);
  memset(pages, 0, 4 * page);
  float *x = (float *)(pages + 4);
  for (int i = 0; i < 127; i++) x[i] = (float)i;
  tm_buffer *a = wrap(x, 64 * 4), *b = wrap(x + 63, 64 * 4);
  launch(k, a, b, 64); /* one program: all loads come before the stores */
  assert_int_equal(recompiled, 1);
  assert_string_equal(overlap, "kernel 'scale': arguments 0 ('x') and 1 ('y') "
                               "share memory, which it writes");
  for (int i = 0; i < 63; i++) assert_true(x[i] == (float)i);
  for (int i = 0; i < 64; i++) assert_true(x[63 + i] == (float)i * 2 + 1);
  tm_buffer_destroy(a);
  tm_buffer_destroy(b);
  tm_kernel_destroy(k);
}

static void promises_are_held_to_the_real_address(void **state) {
  tm_kernel *plain = compile("*fp32, *fp32, i32, 64");
  tm_kernel *promised = compile("*fp32:16, *fp32:16, i32, 64");
  tm_buffer *odd = wrap(pages + 1, 256), *four = wrap(pages + 1028, 256),
            *sixteen = wrap(pages + 2064, 512);
  tm_arg args[3] = {tm_arg_buffer(odd, 0), tm_arg_buffer(sixteen, 0),
                    tm_arg_int(1)};
  refused(tm_launch(stream, plain, tm_grid_1d(1), args, 3, &error),
          TM_E_ARGUMENT, "element's size");
  args[0] = tm_arg_buffer(four, 0);
  refused(tm_launch(stream, promised, tm_grid_1d(1), args, 3, &error),
          TM_E_ARGUMENT, "multiples of 16");
  args[0] = tm_arg_buffer(four, 12); /* 1040 is a multiple of 16 */
  OK(tm_launch(stream, promised, tm_grid_1d(1), args, 3, &error));
  OK(tm_stream_synchronize(stream, TM_WAIT_FOREVER, &error));
  tm_buffer_destroy(odd);
  tm_buffer_destroy(four);
  tm_buffer_destroy(sixteen);
  tm_kernel_destroy(plain);
  tm_kernel_destroy(promised);
}

static void functions_specialise_by_the_real_address(void **state) {
  tm_function *f;
  OK(tm_function_create(&f, context, module, "scale", NULL, &error));
  tm_buffer *y = wrap(pages + 2 * page, page);
  for (size_t at = 0; at <= 16; at += 4) {
    float *x = (float *)(pages + at);
    for (int i = 0; i < 64; i++) x[i] = (float)(i + (int)at);
    tm_buffer *b = wrap(x, 256);
    tm_arg args[4] = {tm_arg_tensor(b, 0, TM_DTYPE_F32),
                      tm_arg_tensor(y, 0, TM_DTYPE_F32), tm_arg_int(48),
                      tm_arg_int(64)};
    OK(tm_function_launch(stream, f, tm_grid_1d(1), args, 4, NULL, &error));
    OK(tm_stream_synchronize(stream, TM_WAIT_FOREVER, &error));
    float *out = tm_buffer_contents(y);
    for (int i = 0; i < 48; i++)
      assert_true(out[i] == (float)(i + (int)at) * 2 + 1);
    tm_buffer_destroy(b);
  }
  assert_int_equal(tm_function_variants(f), 2); /* multiples of 16 or not */
  tm_buffer_destroy(y);
  tm_function_destroy(f);
}

static void what_metal_does_not_map_is_copied_and_says_so(void **state) {
  tm_kernel *k = compile("*fp32, *fp32, i32, 64");
  float *x = (float *)(pages + 8);
  for (int i = 0; i < 64; i++) x[i] = (float)i;
  tm_buffer *b;
  setenv("SOFTMETAL_FAULT", "buffer:1", 1);
  OK(tm_buffer_wrap(&b, context, x, 256, &error));
  unsetenv("SOFTMETAL_FAULT");
  assert_true(tm_buffer_is_copy(b));
  assert_ptr_not_equal(tm_buffer_contents(b), x);
  assert_int_equal(memory().copies, 256);
  assert_int_equal(memory().wrapped, 0);
  launch(k, b, b, 64);
  for (int i = 0; i < 64; i++) assert_true(x[i] == (float)i);
  OK(tm_buffer_write_back(b, &error));
  for (int i = 0; i < 64; i++) assert_true(x[i] == (float)i * 2 + 1);
  assert_true(x[64] == 0);
  tm_buffer_destroy(b);
  assert_int_equal(memory().copies, 0);
  assert_int_equal(memory().used, 0);
  b = wrap(x, 256);
  OK(tm_buffer_write_back(b, &error)); /* nothing to do */
  tm_buffer_destroy(b);
  refused(tm_buffer_write_back(NULL, &error), TM_E_ARGUMENT, "buffer");
  tm_kernel_destroy(k);
}

static void without_any_memory_a_wrap_fails_and_leaves_nothing(void **state) {
  tm_buffer *b = (tm_buffer *)pages;
  setenv("SOFTMETAL_FAULT", "buffer:1+", 1);
  refused(tm_buffer_wrap(&b, context, pages + 4, 64, &error), TM_E_MEMORY,
          "cannot map 64 bytes");
  assert_null(b);
  refused(tm_buffer_create(&b, context, 64, NULL, &error), TM_E_MEMORY, "64");
  assert_null(b);
  unsetenv("SOFTMETAL_FAULT");
  assert_int_equal(memory().buffers, 0);
  assert_int_equal(memory().used, 0);
}

static void addresses_at_the_end_of_memory_do_not_wrap_around(void **state) {
  tm_buffer *b;
  void *last = (void *)(UINTPTR_MAX - 100);
  refused(tm_buffer_wrap(&b, context, last, 1000, &error), TM_E_LIMIT,
          "limit");
  refused(tm_buffer_wrap(&b, context, pages + 1, UINT64_MAX, &error),
          TM_E_LIMIT, "limit");
}

static void the_pool_tells_its_figures(void **state) {
  tm_buffer *b[3];
  uint64_t sizes[3] = {1000, 5000, 100000}; /* classes 1024, 5120, 114688 */
  for (int i = 0; i < 3; i++)
    OK(tm_buffer_create(&b[i], context, sizes[i], NULL, &error));
  assert_int_equal(memory().used, 1024 + 5120 + 114688);
  assert_int_equal(memory().buffers, 3);
  for (int i = 0; i < 3; i++) tm_buffer_destroy(b[i]);
  tm_memory_facts now = memory();
  assert_int_equal(now.used, 0);
  assert_int_equal(now.used_peak, 1024 + 5120 + 114688);
  assert_int_equal(now.pooled, 1024 + 5120 + 114688);
  assert_int_equal(now.pooled_blocks, 3);
  tm_memory_trim_to(context, 7000); /* the largest goes, the others fit */
  assert_int_equal(memory().pooled, 1024 + 5120);
  assert_int_equal(memory().pooled_blocks, 2);
  OK(tm_buffer_create(&b[0], context, 4500, NULL, &error));
  assert_int_equal(memory().reuses, 1);
  assert_int_equal(memory().pooled_blocks, 1);
  tm_memory_reset_peak(context);
  assert_int_equal(memory().used_peak, 5120);
  tm_buffer_destroy(b[0]);
  tm_memory_trim(context);
  assert_int_equal(memory().pooled, 0);
  assert_int_equal(memory().pooled_blocks, 0);
  tm_memory_trim_to(NULL, 0);
  tm_memory_reset_peak(NULL);
}

int main(void) {
  const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
      TEST(memory_at_any_address_is_wrapped_by_its_pages),
      TEST(the_offset_is_that_of_the_address_in_its_page),
      TEST(wraps_that_overlap_by_one_element_are_seen),
      TEST(promises_are_held_to_the_real_address),
      TEST(functions_specialise_by_the_real_address),
      TEST(what_metal_does_not_map_is_copied_and_says_so),
      TEST(without_any_memory_a_wrap_fails_and_leaves_nothing),
      TEST(addresses_at_the_end_of_memory_do_not_wrap_around),
      TEST(the_pool_tells_its_figures),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
