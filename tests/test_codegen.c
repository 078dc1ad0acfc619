/* SPDX-License-Identifier: MIT */
/*
 * test_codegen.c - what an expert does by hand, in the text of small kernels:
 * accesses, masks, loops, products, and the choice of num_warps. What kernels
 * move while they run is test_counters.c.
 */
#include "support/device.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define HEAD "import triton\nimport triton.language as tl\n@triton.jit\n"

typedef struct made {
  device_test device;
  tm_kernel *kernel;
  const char *text; /* MSL */
} made;

/* file, or source when that is NULL; num_warps 0: the compiler's choice. */
static made make(const char *file, const char *source, const char *kernel,
                 const char *signature, const char *chip,
                 uint32_t num_warps) {
  made m = {.device = device_open(file, source)};
  tm_compile_options options = TM_COMPILE_OPTIONS_INIT;
  options.signature = signature;
  options.chip = chip;
  options.num_warps = num_warps;
  tm_error *error = NULL;
  if (tm_compile(&m.kernel, m.device.context, m.device.module, kernel,
                 &options, &error))
    fail_msg("%s", tm_error_text(error));
  m.text = tm_kernel_text(m.kernel, TM_STAGE_MSL);
  assert_non_null(m.text);
  return m;
}

static void end(made *m) {
  tm_kernel_destroy(m->kernel);
  device_close(&m->device);
}

static void expect(const made *m, const char *part) {
  if (!strstr(m->text, part)) fail_msg("no \"%s\" in\n%s", part, m->text);
}

static void expect_no(const made *m, const char *part) {
  if (strstr(m->text, part)) fail_msg("\"%s\" in\n%s", part, m->text);
}

static void expect_before(const made *m, const char *a, const char *b) {
  const char *x = strstr(m->text, a), *y = strstr(m->text, b);
  if (!x || !y || x > y)
    fail_msg("no \"%s\" before \"%s\" in\n%s", a, b, m->text);
}

/* ---- accesses ------------------------------------------------------------ */

#define COPY                                                              \
  HEAD "def k(x, y, n, BLOCK: tl.constexpr):\n"                           \
  "    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)\n"              \
  "    tl.store(y + i, tl.load(x + i, i < n), i < n)\n"

static void aligned_tiles_move_in_16_bytes(void **state) {
  (void)state;
  made m = make(NULL, COPY, "k", "*fp32:16, *fp32:16, i32:16, 512", "m1", 4);
  expect(&m, "*(device const float4 *)(x + ");
  expect(&m, "*(device float4 *)(y + ");
  expect_no(&m, "for ("); /* 512 of them are 4 a thread */
  end(&m);
  m = make(NULL, COPY, "k", "*fp16:16, *fp16:16, i32:16, 1024", "m1", 4);
  expect(&m, "*(device const uint4 *)(x + "); /* 8 halfs */
  end(&m);
}

static void tails_are_scalar_only_where_masks_demand_it(void **state) {
  (void)state;
  made m = make(NULL, COPY, "k", "*fp32:16, *fp32:16, i32:16, 512", "m1", 4);
  expect_no(&m, "load_masked"); /* n divides by 16: all four or none */
  end(&m);
  m = make(NULL, COPY, "k", "*fp32:16, *fp32:16, i32, 512", "m1", 4);
  expect(&m, "load_masked(x + "); /* whole vectors but for the last */
  expect(&m, "store_masked(y + ");
  end(&m);
  m = make(NULL, COPY, "k", "*fp32, *fp32, i32:16, 512", "m1", 4);
  expect_no(&m, "float4 *)"); /* nobody promised aligned pointers */
  end(&m);
}

/* ---- masks --------------------------------------------------------------- */

#define BLOCKS(head, mask)                                                \
  HEAD "def k(x, y, n, BLOCK: tl.constexpr):\n"                           \
  "    for k in range(" head "):\n"                                       \
  "        m = " mask "\n"                                                \
  "        i = k * BLOCK + tl.arange(0, BLOCK)\n"                         \
  "        tl.store(y + i, tl.load(x + i, mask=m) + 1.0, mask=m)\n"

static void masks_that_are_always_true_are_dropped(void **state) {
  (void)state;
  static const char *const sources[] = {
      BLOCKS("tl.cdiv(n, BLOCK)", "tl.arange(0, BLOCK) < n - k * BLOCK"),
      BLOCKS("tl.cdiv(n, BLOCK)", "k * BLOCK + tl.arange(0, BLOCK) < n"),
      HEAD "def k(x, y, n, BLOCK: tl.constexpr):\n"
           "    for k in range(0, n, BLOCK):\n"
           "        i = k + tl.arange(0, BLOCK)\n"
           "        tl.store(y + i, tl.load(x + i, mask=i < n) + 1.0,\n"
           "                 mask=i < n)\n"};
  for (size_t i = 0; i < sizeof sources / sizeof *sources; i++) {
    made m = make(NULL, sources[i], "k", "*fp32:16, *fp32:16, i32:16, 16",
                  "m1", 1);
    expect_no(&m, "?"); /* n is a multiple of 16, as the block is */
    expect_no(&m, "load_masked");
    end(&m);
    m = make(NULL, sources[i], "k", "*fp32:16, *fp32:16, 4096, 512", "m1", 4);
    expect_no(&m, "?");
    expect_no(&m, "load_masked");
    end(&m);
    m = make(NULL, sources[i], "k", "*fp32:16, *fp32:16, i32:16, 32", "m1", 1);
    expect(&m, "?"); /* the last block may be half full */
    end(&m);
    m = make(NULL, sources[i], "k", "*fp32:16, *fp32:16, 4000, 512", "m1", 4);
    expect(&m, "?");
    end(&m);
  }
}

/* ---- loops --------------------------------------------------------------- */

static void what_a_loop_does_not_change_stays_outside(void **state) {
  (void)state;
  made m = make(NULL, HEAD
      "def k(x, y, n, a, BLOCK: tl.constexpr):\n"
      "    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)\n"
      "    w = tl.load(y + i)\n"
      "    s = tl.zeros([BLOCK], tl.float32)\n"
      "    for k in range(n):\n"
      "        s += tl.load(x + k * 4096 + i) * (tl.sqrt(w) / tl.sqrt(a))\n"
      "    tl.store(y + i, s)\n", "k",
      "*fp32:16, *fp32:16, i32, fp32, 512", "m1", 4);
  expect_before(&m, "precise::sqrt(w)", "for (int k");
  expect_before(&m, "precise::sqrt(args.a)", "for (int k");
  end(&m);
}

/* Also a number with a single use, which would stand there otherwise. */
static void numbers_of_a_loop_are_made_before_it(void **state) {
  (void)state;
  made m = make(NULL, HEAD
      "def k(x, y, n, a, b, BLOCK: tl.constexpr):\n"
      "    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)\n"
      "    s = tl.zeros([BLOCK], tl.float32)\n"
      "    for k in range(n):\n"
      "        s += tl.load(x + k * 4096 + i) * tl.sqrt(a + b)\n"
      "    tl.store(y + i, s)\n", "k",
      "*fp32:16, *fp32:16, i32, fp32, fp32, 512", "m1", 4);
  expect_before(&m, "precise::sqrt(args.a + args.b)", "for (int k");
  end(&m);
}

static void equal_expressions_are_computed_once(void **state) {
  (void)state;
  made m = make(NULL, HEAD
      "def k(x, y, BLOCK: tl.constexpr):\n"
      "    i = tl.arange(0, BLOCK)\n"
      "    w = tl.load(x + i)\n"
      "    tl.store(y + i, tl.sqrt(w) + 1.0 / (1.0 + tl.sqrt(w)))\n", "k",
      "*fp32:16, *fp32:16, 512", "m1", 4);
  const char *first = strstr(m.text, "precise::sqrt(w)");
  assert_non_null(first);
  assert_null(strstr(first + 1, "precise::sqrt(w)"));
  end(&m);
}

/* Metal contracts within an expression: a product that is used once has to
 * stand where it is added. */
static void a_product_stands_where_it_is_added(void **state) {
  (void)state;
  made m = make(NULL, HEAD
      "def k(x, y, BLOCK: tl.constexpr):\n"
      "    i = tl.arange(0, BLOCK)\n"
      "    a = tl.load(x + i)\n"
      "    b = tl.load(y + i)\n"
      "    tl.store(y + i, a * b + 1.5)\n", "k",
      "*fp32:16, *fp32:16, 512", "m1", 4);
  expect(&m, "a * b + 1.5f");
  expect_no(&m, "contract(off)");
  end(&m);
  m = make(NULL, HEAD /* also when it has a name, as upstream contracts it */
      "def k(x, y, c, d, BLOCK: tl.constexpr):\n"
      "    i = tl.arange(0, BLOCK)\n"
      "    a = tl.load(x + i)\n"
      "    b = tl.load(y + i)\n"
      "    product = a * b\n"
      "    square = a * a\n"
      "    scalar = c * d\n"
      "    tl.store(y + i, (product + b) / (square + square * b)\n"
      "             + (scalar + c))\n", "k",
      "*fp32:16, *fp32:16, fp32, fp32, 512", "m1", 4);
  expect(&m, "a * b + b");
  expect(&m, "args.c * args.d + args.c");
  expect(&m, " square = a * a;"); /* it is used twice */
  end(&m);
}

/* ---- products ------------------------------------------------------------ */

#define MATMUL(m, n, k)                                                      \
  "*fp16:16, *fp16:16, *fp16:16, i32:16, i32:16, i32:16, i32:16, i32:1, "    \
  "i32:16, i32:1, i32:16, i32:1, " #m ", " #n ", " #k ", 8, ''"

static void products_go_in_serpentine_order(void **state) {
  (void)state;
  static const char *const chips[] = {"m1", "m4-max"};
  for (int i = 0; i < 2; i++) {
    made m = make("matmul.py", NULL, "matmul_kernel", MATMUL(64, 64, 32),
                  chips[i], 4); /* 4x4 fragments a simdgroup */
    expect(&m, "const int j = i & 1 ? 3 - t : t;");
    expect(&m, "simdgroup_multiply_accumulate(accumulator[i * 4 + j], a");
    expect_before(&m, "simdgroup_barrier(mem_flags::mem_none);",
                  "simdgroup_multiply_accumulate");
    end(&m);
    m = make("matmul.py", NULL, "matmul_kernel", MATMUL(16, 16, 32), chips[i],
             4); /* one fragment each has no order */
    expect_no(&m, "i & 1 ?");
    end(&m);
  }
}

static void tiles_are_staged_before_m3_and_read_directly_from_then_on(
    void **state) {
  (void)state;
  static const char *const chips[] = {"m1", "m2-pro", "m3", "m4-max", "m5"};
  for (int i = 0; i < 5; i++) {
    made m = make("matmul.py", NULL, "matmul_kernel", MATMUL(64, 64, 32),
                  chips[i], 4);
    if (i < 2) {
      expect(&m, "simdgroup_load(a[i], a_tile + ");
      /* rows of 32 and 64 halfs, padded by 16 bytes */
      expect(&m, ", 40);");
      expect(&m, ", 72);");
    } else {
      expect_no(&m, "threadgroup_barrier");
      expect_no(&m, "simdgroup_load");
      expect(&m, "[i].thread_elements()[0] = a[");
    }
    end(&m);
  }
}

/* In TTIR: the first tiles are loaded before the loop. */
static void the_next_tile_is_loaded_early_from_four_stages_on(void **state) {
  (void)state;
  static const struct { const char *chip; uint32_t stages; bool early; } of[] = {
      {"m1", 0, false}, {"m1", 3, false}, {"m1", 4, true}, {"m3", 4, false}};
  for (size_t i = 0; i < sizeof of / sizeof *of; i++) {
    device_test t = device_open("matmul.py", NULL);
    tm_compile_options options = TM_COMPILE_OPTIONS_INIT;
    options.signature = MATMUL(64, 64, 32);
    options.chip = of[i].chip;
    options.num_stages = of[i].stages;
    tm_kernel *kernel;
    tm_error *error = NULL;
    if (tm_compile(&kernel, t.context, t.module, "matmul_kernel", &options,
                   &error))
      fail_msg("%s", tm_error_text(error));
    const char *ttir = tm_kernel_text(kernel, TM_STAGE_TTIR);
    const char *load = strstr(ttir, "tt.load"), *loop = strstr(ttir, "scf.for");
    assert_true(load && loop && (load < loop) == of[i].early);
    tm_kernel_destroy(kernel);
    device_close(&t);
  }
}

/* ---- num_warps ----------------------------------------------------------- */

static uint32_t chosen(const char *file, const char *source,
                       const char *kernel, const char *signature,
                       const char *chip) {
  made m = make(file, source, kernel, signature, chip, 0);
  uint32_t warps = tm_kernel_info(m.kernel)->num_warps;
  assert_int_equal(tm_kernel_info(m.kernel)->threads, 32 * warps);
  end(&m);
  return warps;
}

/* lib/warps.c has the reasons. */
static void num_warps_follows_the_tiles(void **state) {
  (void)state;
  static const struct { int block; uint32_t warps; } rows[] = {
      {64, 1}, {128, 1}, {256, 2}, {512, 4}, {4096, 4}, {8192, 4},
      {16384, 8}, {65536, 32}};
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    char signature[80];
    snprintf(signature, sizeof signature, "*fp32:16, *fp32:16, i32:16, %d",
             rows[i].block);
    assert_int_equal(chosen(NULL, COPY, "k", signature, "m1"), rows[i].warps);
    assert_int_equal(chosen(NULL, COPY, "k", signature, "m4"), rows[i].warps);
  }
}

static void num_warps_follows_products_and_the_chip(void **state) {
  (void)state;
  static const struct {
    const char *signature;
    uint32_t m1, m3;
  } products[] = {
      {MATMUL(16, 16, 32), 4, 1},  {MATMUL(32, 32, 32), 4, 1},
      {MATMUL(64, 32, 64), 4, 2},  {MATMUL(64, 64, 32), 4, 4},
      {MATMUL(128, 64, 32), 4, 4}, {MATMUL(128, 128, 32), 8, 8}};
  for (size_t i = 0; i < sizeof products / sizeof *products; i++) {
    assert_int_equal(chosen("matmul.py", NULL, "matmul_kernel",
                            products[i].signature, "m1"), products[i].m1);
    assert_int_equal(chosen("matmul.py", NULL, "matmul_kernel",
                            products[i].signature, "m3"), products[i].m3);
  }
  assert_int_equal(chosen("attention.py", NULL, "attention_kernel",
                          "*fp16:16, *fp16:16, *fp16:16, *fp16:16, i32:16, "
                          "i32:16, i32, fp32, false, 64, 64, 32", "m1"), 4);
}

/* A kernel that asked for num_warps while it was compiled has got an answer. */
static void num_warps_is_what_the_kernel_was_told(void **state) {
  (void)state;
  static const char source[] = HEAD
      "def k(x):\n"
      "    w: tl.constexpr = tl.extra.cuda.num_warps()\n"
      "    i = tl.arange(0, 64)\n"
      "    tl.store(x + i, w)\n";
  made m = make(NULL, source, "k", "*i32:16", "m1", 0);
  assert_int_equal(tm_kernel_info(m.kernel)->num_warps, 4);
  expect(&m, "4");
  end(&m);
}

/* ---- the text ------------------------------------------------------------ */

static void comments_quote_whole_words(void **state) {
  (void)state;
  made m = make("matmul.py", NULL, "matmul_kernel", MATMUL(64, 64, 32), "m1",
                4);
  expect(&m, "// 31: pid = tl.program_id(axis=0)\n");
  expect(&m, "// 38: pid_m = first_pid_m + ((pid % num_pid_in_group) %...\n");
  const char *body = strstr(m.text, "// 31: ");
  for (const char *p = body; (p = strstr(p, "// ")); p++)
    assert_true(strcspn(p, "\n") <= strlen("// 31: ") + 60);
  end(&m);
}

static void lines_break_at_sums_rather_than_in_products(void **state) {
  (void)state;
  made m = make(NULL, HEAD
      "def k(x, first, second, third, fourth, fifth, sixth):\n"
      "    product = first * second * third + fourth * fifth * sixth\n"
      "    tl.store(x, product + fourth * second * sixth * first * third)\n",
      "k", "*fp32, fp32, fp32, fp32, fp32, fp32, fp32", "m1", 1);
  expect(&m, "+\n");
  expect_no(&m, "*\n");
  for (const char *p = m.text; p; p = strchr(p, '\n'))
    assert_true(strcspn(++p, "\n") <= 80 || !strncmp(p, "//", 2));
  end(&m);
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(aligned_tiles_move_in_16_bytes),
    cmocka_unit_test(tails_are_scalar_only_where_masks_demand_it),
    cmocka_unit_test(masks_that_are_always_true_are_dropped),
    cmocka_unit_test(what_a_loop_does_not_change_stays_outside),
    cmocka_unit_test(numbers_of_a_loop_are_made_before_it),
    cmocka_unit_test(equal_expressions_are_computed_once),
    cmocka_unit_test(a_product_stands_where_it_is_added),
    cmocka_unit_test(products_go_in_serpentine_order),
    cmocka_unit_test(
        tiles_are_staged_before_m3_and_read_directly_from_then_on),
    cmocka_unit_test(the_next_tile_is_loaded_early_from_four_stages_on),
    cmocka_unit_test(num_warps_follows_the_tiles),
    cmocka_unit_test(num_warps_follows_products_and_the_chip),
    cmocka_unit_test(num_warps_is_what_the_kernel_was_told),
    cmocka_unit_test(comments_quote_whole_words),
    cmocka_unit_test(lines_break_at_sums_rather_than_in_products),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
