/* SPDX-License-Identifier: MIT */
/*
 * test_corpus.c - kernels as people write them (tests/golden/run), run twice:
 * through the whole library on the device, and by the evaluator of
 * tests/oracle on the TTIR that lowering makes, before any pass. Both get the
 * same random arrays; all of them are compared afterwards.
 *
 * Integers must be equal. Floats may differ by the order of sums: at most
 * BOUND of the largest element of the array, a few thousand roundings of
 * float; half outputs by two of their own roundings besides.
 */
#include "oracle/eval.h"
#include "support/device.h"

#include "../lib/compile.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ELEMENTS = 40000 };
static const double BOUND = 4e-5;

typedef struct entry {
  const char *file;
  const char *signature;
  uint32_t grid[2];
  double scalars[8]; /* of the run-time numbers, in order */
} entry;

static const entry entries[] = {
    {"attention_backward_half",
     "*fp16:16, *fp16:16, *fp16:16, *fp16:16, *fp32:16, *fp32:16, *fp32:16, "
     "fp32, i32:16, 32, 32",
     {2, 1}, {0.2, 64}},
    {"batched_product_of_three_dimensions",
     "*fp16:16, *fp16:16, *fp32:16, i32:16, 4, 16, 16, 16", {1, 1}, {32}},
    {"decoding_attention_of_few_heads",
     "*fp16:16, *fp16:16, *fp16:16, *fp16:16, fp32, i32, 4, 32, 16", {3, 1},
     {0.2, 50}},
    {"four_bit_weights_product",
     "*fp16:16, *i32:16, *fp16:16, *i32:16, *fp16:16, i32, i32, i32, 16, 32, "
     "32",
     {2, 2}, {24, 48, 64}},
    {"grouped_products_of_any_heights",
     "*fp16:16, *fp16:16, *i32:16, *fp32:16, i32, 16, 16, 16, 32, 3", {3, 1},
     {4}},
    {"int8_product_with_scales",
     "*i8:16, *i8:16, *fp32:16, *fp32:16, *fp16:16, i32, i32, i32, 32, 16, "
     "32",
     {2, 2}, {40, 24, 100}},
    {"linear_attention_by_chunks",
     "*fp16:16, *fp16:16, *fp16:16, *fp32:16, i32:16, 16, 32", {2, 1}, {64}},
    {"scaled_four_bit_product",
     "*u8:16, *u8:16, *u8:16, *u8:16, *fp32:16, i32:16, 16, 16, 64", {1, 1},
     {128}},
    {"split_k_product_by_atomics",
     "*fp16:16, *fp16:16, *fp32:16, i32, i32, i32, 32, 32, 16, 4", {2, 4},
     {40, 32, 200}},
    {"two_products_share_an_operand",
     "*fp16:16, *fp16:16, *fp16:16, *fp16:16, i32:16, i32:16, 16, 32, 32",
     {2, 1}, {64, 32}},
    {"argmax_takes_the_first_of_equals", "*i32:16, *i32:16, 32, 8", {1, 1},
     {0}},
    {"attention_causal_half",
     "*fp16:16, *fp16:16, *fp16:16, *fp16:16, fp32, i32, i32, 64, 64, 32, "
     "true",
     {2, 6}, {0.2, 3, 100}},
    {"batched_product_by_second_program_id",
     "*fp16:16, *fp16:16, *fp32:16, i32, i32, i32, 16, 16, 16", {8, 3},
     {20, 50, 40}},
    {"column_maximum_kept_and_dropped", "*fp32:16, *fp32:16, 16, 16", {1, 1},
     {0}},
    {"cross_entropy_and_gradient",
     "*fp32:16, *i64:16, *fp32:16, *fp32:16, i32, 256", {6, 1}, {1000}},
    {"dropout_by_philox",
     "*fp32:16, *fp32:16, *fp32:16, *u32:16, i32, fp32, i32, 256", {4, 1},
     {1000, 0.3, 123456789}},
    {"embedding_rows_by_index",
     "*i64:16, *fp32:16, *fp32:16, i32, i32, 8, 128", {5, 1}, {70, 33}},
    {"helper_returns_early_by_program", "*fp32:16, *fp32:16, i32, i32, 64",
     {13, 1}, {777, 0}},
    {"histogram_by_atomics",
     "*i32:16, *fp32:16, *i32:16, *fp32:16, i32, 256", {20, 1}, {5000}},
    {"interleave_join_split", "*fp32:16, *fp32:16, *fp32:16, *fp32:16, 64",
     {1, 1}, {0}},
    {"layer_norm_of_row_blocks_by_helper",
     "*fp32:16, *fp32:16, *fp32:16, *fp32:16, *fp32:16, i32, i32, fp32, 4, "
     "128",
     {2, 1}, {5, 100, 1e-5}},
    {"loop_bound_from_memory", "*fp32:16, *i32:16, *fp32:16, 64", {64, 1},
     {0}},
    {"loops_left_early", "*i32:16, *i32:16, i32, 32", {40, 1}, {640}},
    {"loop_runs_backwards", "*fp32:16, *fp32:16, i32, 64", {1, 1}, {777}},
    {"moments_by_own_reduce", "*fp32:16, *fp32:16, *fp32:16, i32, 1024",
     {1, 1}, {777}},
    {"nested_run_time_loops", "*fp32:16, *fp32:16, i32, i32, 16", {1, 1},
     {20, 50}},
    {"nibbles_unpacked_to_half", "*u8:16, *fp16:16", {1, 1}, {0}},
    {"permutation_of_three_dimensions",
     "*fp32:16, *fp32:16, *fp32:16, *fp32:16", {1, 1}, {0}},
    {"product_columns_and_rows_reduced",
     "*fp32:16, *fp32:16, *fp32:16, *fp32:16", {1, 1}, {0}},
    {"product_under_run_time_if", "*fp32:16, *fp32:16, *fp32:16, i32", {1, 1},
     {5}},
    {"programs_return_early", "*fp32:16, *fp32:16, i32, 64", {40, 1}, {777}},
    {"rms_norm_half", "*fp16:16, *fp16:16, *fp16:16, i32, fp32, 1024", {7, 1},
     {1000, 1e-5}},
    {"softmax_of_row_blocks", "*fp32:16, *fp32:16, i32, i32, i32, 16, 32",
     {3, 1}, {33, 17, 17}},
    {"tensor_from_run_time_branches", "*fp32:16, *fp32:16, i32, i32, 256",
     {4, 1}, {777, 3}},
    {"transposed_tile_store",
     "*fp32:16, *fp32:16, i32, i32, i32, i32, i32, i32, 8, 64", {2, 2},
     {15, 127, 127, 1, 15, 1}},
    {"while_with_run_time_if", "*i32:16", {50, 1}, {0}},
};

static uint64_t seed = 4242;

static size_t size_of(const char *type) {
  if (strstr(type, "64")) return 8;
  if (strstr(type, "32")) return 4;
  return strstr(type, "16") ? 2 : 1;
}

/* Small integers, so that they serve as indices; floats in [-1, 1). */
static void fill(void *data, const char *type) {
  for (size_t i = 0; i < ELEMENTS; i++) {
    double x = test_random(&seed);
    int64_t whole = (int64_t)((x + 1) * 4); /* 0 to 7 */
    if (!strcmp(type, "fp32"))
      ((float *)data)[i] = (float)x;
    else if (!strcmp(type, "fp16"))
      ((uint16_t *)data)[i] = half_from_float((float)x);
    else
      memcpy((char *)data + i * size_of(type), &whole, size_of(type));
  }
}

static void compare(const entry *e, uint32_t arg, const char *type,
                    const void *got, const void *want) {
  if (strcmp(type, "fp32") && strcmp(type, "fp16")) {
    assert_memory_equal(got, want, ELEMENTS * size_of(type));
    return;
  }
  bool half = !strcmp(type, "fp16");
  double most = 0;
  for (int pass = 0; pass < 2; pass++)
    for (size_t i = 0; i < ELEMENTS; i++) {
      double a = half ? (double)half_to_float(((const uint16_t *)got)[i])
                      : (double)((const float *)got)[i];
      double b = half ? (double)half_to_float(((const uint16_t *)want)[i])
                      : (double)((const float *)want)[i];
      if (!pass && isfinite(b)) most = fmax(most, fabs(b));
      double bound = BOUND * most + (half ? fabs(b) * 0x1p-9 : 0);
      if (pass && !(a == b || (isnan(a) && isnan(b)) ||
                    fabs(a - b) <= bound))
        fail_msg("%s: argument %u, element %zu is %g, not %g", e->file, arg,
                 i, a, b);
    }
}

/* The unoptimised TTIR of the kernel. */
static tm_ir *lowered(tm_arena *arena, const entry *e, const char *source) {
  tm_diags diags;
  tm_diags_init(&diags, arena);
  tm_modules *set = tm_modules_create(arena, &diags);
  tm_module *module = tm_module_parse_text(set, "m", e->file,
                                           tm_cstr(source));
  const tm_function_def *def = tm_module_kernel(module, "k");
  assert_non_null(def);
  tm_spec spec = {.n_args = def->params.len, .num_warps = 4, .num_stages = 3};
  spec.args = tm_signature_parse(arena, &diags, e->signature, def, NULL, 0);
  tm_ir *ir = spec.args ? tm_lower(arena, &diags, module, "k", &spec) : NULL;
  if (ir) return ir;
  tm_buf text = tm_buf_in(arena);
  tm_diags_render_all(&diags, &text);
  fail_msg("%s: %s", e->file, tm_buf_text(&text));
  return NULL;
}

typedef struct arrays {
  tm_buffer *buffer[8];
  void *copy[8];
  tm_arg args[16];
  tm_eval_arg eval[16];
  uint32_t n;
} arrays;

static void make_arguments(device_test *t, const entry *e,
                           const tm_kernel_facts *facts, arrays *a) {
  uint32_t scalars = 0, buffers = 0;
  memset(a, 0, sizeof *a);
  for (a->n = 0; a->n < facts->n_args; a->n++) {
    const tm_kernel_arg *arg = &facts->args[a->n];
    if (arg->is_buffer) {
      size_t bytes = ELEMENTS * size_of(arg->type + 1);
      tm_buffer *b = device_array(t, ELEMENTS, size_of(arg->type + 1));
      void *copy = malloc(bytes);
      assert_non_null(copy);
      fill(copy, arg->type + 1);
      memcpy(tm_buffer_contents(b), copy, bytes);
      a->buffer[buffers] = b;
      a->copy[buffers++] = copy;
      a->args[a->n] = tm_arg_buffer(b, 0);
      a->eval[a->n] = (tm_eval_arg){.data = copy, .bytes = bytes};
    } else {
      double x = e->scalars[scalars++];
      bool is_float = strcmp(arg->type, "fp32") == 0;
      a->args[a->n] = is_float ? tm_arg_float(x) : tm_arg_int((int64_t)x);
      a->eval[a->n] = (tm_eval_arg){.i = (int64_t)x,
                                    .f = is_float ? (double)(float)x : x};
    }
  }
}

static void run_entry(const entry *e, uint32_t warps) {
  char path[256];
  size_t size;
  snprintf(path, sizeof path, "tests/golden/run/%s.py", e->file);
  char *source = test_read_file(path, &size);
  device_test t = device_open(NULL, source);
  tm_error *error = NULL;
  tm_kernel *kernel = NULL;
  tm_compile_options options = TM_COMPILE_OPTIONS_INIT;
  options.signature = e->signature;
  options.num_warps = warps;
  if (tm_compile(&kernel, t.context, t.module, "k", &options, &error))
    fail_msg("%s", tm_error_text(error));
  arrays a;
  make_arguments(&t, e, tm_kernel_info(kernel), &a);
  if (tm_launch(t.stream, kernel, tm_grid_3d(e->grid[0], e->grid[1], 1),
                a.args, a.n, &error) ||
      tm_stream_synchronize(t.stream, TM_WAIT_FOREVER, &error))
    fail_msg("%s: %s", e->file, tm_error_text(error));
  tm_arena arena;
  jmp_buf guard;
  tm_arena_init(&arena, 0);
  assert_true(tm_arena_guard(&arena, guard));
  tm_eval_options eval = {.grid = {e->grid[0], e->grid[1], 1},
                          .max_steps = 500000000};
  tm_eval_result result =
      tm_eval_run(lowered(&arena, e, source), a.eval, a.n, &eval);
  if (result.error) fail_msg("%s: %s", e->file, result.error);
  const tm_kernel_facts *facts = tm_kernel_info(kernel);
  for (uint32_t i = 0, b = 0; i < facts->n_args; i++)
    if (facts->args[i].is_buffer) {
      compare(e, i, facts->args[i].type + 1,
              tm_buffer_contents(a.buffer[b]), a.copy[b]);
      b++;
    }
  for (int b = 0; b < 8; b++) tm_buffer_destroy(a.buffer[b]), free(a.copy[b]);
  tm_arena_free(&arena);
  tm_kernel_destroy(kernel);
  device_close(&t);
  free(source);
}

static void every_kernel_gives_the_evaluators_answer(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof entries / sizeof *entries; i++)
    run_entry(&entries[i], 4);
}

static void on_other_numbers_of_simdgroups_too(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof entries / sizeof *entries; i++)
    run_entry(&entries[i], i % 2 ? 1 : 8);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_kernel_gives_the_evaluators_answer),
      cmocka_unit_test(on_other_numbers_of_simdgroups_too),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
