/* SPDX-License-Identifier: MIT */
/*
 * test_oracle.c - the evaluator against values worked out by hand, or taken
 * from the definition of a number format.
 */
#include "ir_text.h"
#include "oracle/eval.h"

#include <math.h>

/* Runs a kernel body over p (f32), q (f16 bits), r (i32), n, c, f. */
static tm_eval_result run(const char *text, float *p, uint16_t *q, int32_t *r,
                          size_t count, int64_t n,
                          const tm_eval_options *options) {
  ir_text t;
  ir_text_open(&t, text, strlen(text));
  if (!t.ir) print_message("%s\n", ir_text_errors(&t));
  assert_non_null(t.ir);
  tm_eval_arg args[6] = {
      {.data = p, .bytes = count * sizeof *p},
      {.data = q, .bytes = count * sizeof *q},
      {.data = r, .bytes = count * sizeof *r},
      {.i = n}, {.i = 1}, {.f = 0.5},
  };
  tm_eval_options none = {.grid = {1, 1, 1}};
  tm_eval_result result = tm_eval_run(t.ir, args, 6, options ? options : &none);
  ir_text_close(&t);
  return result;
}

#define R4(values)                                                          \
  "    %i = tt.make_range {end = 4 : i32, start = 0 : i32} : "              \
  "tensor<4xi32>\n"                                                         \
  "    %rs = tt.splat %r : !tt.ptr<i32> -> tensor<4x!tt.ptr<i32>>\n"        \
  "    %rp = tt.addptr %rs, %i : tensor<4x!tt.ptr<i32>>, tensor<4xi32>\n"   \
  "    %x = tt.load %rp : tensor<4x!tt.ptr<i32>>\n" values                  \
  "    tt.store %rp, %y : tensor<4x!tt.ptr<i32>>\n"

static void check_ints(const char *text, int32_t a, int32_t b, int32_t c,
                       int32_t d, const int32_t want[4]) {
  int32_t r[4] = {a, b, c, d};
  tm_eval_result result = run(text, NULL, NULL, r, 4, 3, NULL);
  if (result.error) print_message("%s\n", result.error);
  assert_null(result.error);
  for (int k = 0; k < 4; k++) assert_int_equal(r[k], want[k]);
}

static void integers_wrap_and_truncate(void **state) {
  (void)state;
  check_ints(IR_KERNEL(R4("    %y = arith.addi %x, %x : tensor<4xi32>\n")),
             1, -1, 2147483647, -2147483647 - 1,
             (int32_t[]){2, -2, -2, 0});
  check_ints(IR_KERNEL(R4(
                 "    %s = tt.splat %n : i32 -> tensor<4xi32>\n"
                 "    %y = arith.divsi %x, %s : tensor<4xi32>\n")),
             7, -7, 2, -9, (int32_t[]){2, -2, 0, -3});
  check_ints(IR_KERNEL(R4(
                 "    %s = tt.splat %n : i32 -> tensor<4xi32>\n"
                 "    %y = arith.remsi %x, %s : tensor<4xi32>\n")),
             7, -7, 2, -9, (int32_t[]){1, -1, 2, 0});
  check_ints(IR_KERNEL(R4(
                 "    %s = tt.splat %n : i32 -> tensor<4xi32>\n"
                 "    %y = arith.shrsi %x, %s : tensor<4xi32>\n")),
             16, -16, -1, -9, (int32_t[]){2, -2, -1, -2});
  /* 0xffffffff * 3 = 2 * 2^32 + 0xfffffffd */
  check_ints(IR_KERNEL(R4(
                 "    %s = tt.splat %n : i32 -> tensor<4xi32>\n"
                 "    %y = tt.mulhiui %x, %s : tensor<4xi32>\n")),
             -1, 1, 0x60000000, 0x55555556,
             (int32_t[]){2, 0, 1, 1});
}

static void comparisons_are_signed_or_not(void **state) {
  (void)state;
  check_ints(IR_KERNEL(R4(
                 "    %s = tt.splat %n : i32 -> tensor<4xi32>\n"
                 "    %b = arith.cmpi slt, %x, %s : tensor<4xi32>\n"
                 "    %y = arith.extui %b : tensor<4xi1> to tensor<4xi32>\n")),
             -1, 3, 2, 4, (int32_t[]){1, 0, 1, 0});
  check_ints(IR_KERNEL(R4(
                 "    %s = tt.splat %n : i32 -> tensor<4xi32>\n"
                 "    %b = arith.cmpi ult, %x, %s : tensor<4xi32>\n"
                 "    %y = arith.extsi %b : tensor<4xi1> to tensor<4xi32>\n")),
             -1, 3, 2, 4, (int32_t[]){0, 0, -1, 0});
}

static void scan_adds_from_either_end(void **state) {
  (void)state;
  check_ints(IR_KERNEL(R4(
                 "    %y = \"tt.scan\"(%x) <{axis = 0 : i32, reverse = false}>"
                 " ({\n    ^bb0(%a: i32, %b: i32):\n"
                 "      %s = arith.addi %a, %b : i32\n"
                 "      tt.scan.return %s : i32\n    }) : (tensor<4xi32>) -> "
                 "tensor<4xi32>\n")),
             1, 2, 3, 4, (int32_t[]){1, 3, 6, 10});
  check_ints(IR_KERNEL(R4(
                 "    %y = \"tt.scan\"(%x) <{axis = 0 : i32, reverse = true}>"
                 " ({\n    ^bb0(%a: i32, %b: i32):\n"
                 "      %s = arith.addi %a, %b : i32\n"
                 "      tt.scan.return %s : i32\n    }) : (tensor<4xi32>) -> "
                 "tensor<4xi32>\n")),
             1, 2, 3, 4, (int32_t[]){10, 9, 7, 4});
}

static void shapes_move_elements(void **state) {
  (void)state;
  /* [[a, b], [c, d]] transposed is [[a, c], [b, d]] */
  check_ints(IR_KERNEL(R4(
                 "    %m = tt.reshape %x : tensor<4xi32> -> tensor<2x2xi32>\n"
                 "    %t = tt.trans %m {order = array<i32: 1, 0>} : "
                 "tensor<2x2xi32> -> tensor<2x2xi32>\n"
                 "    %y = tt.reshape %t : tensor<2x2xi32> -> "
                 "tensor<4xi32>\n")),
             1, 2, 3, 4, (int32_t[]){1, 3, 2, 4});
  check_ints(IR_KERNEL(R4(
                 "    %m = tt.reshape %x : tensor<4xi32> -> tensor<2x2xi32>\n"
                 "    %l, %h = tt.split %m : tensor<2x2xi32> -> "
                 "tensor<2xi32>\n"
                 "    %y = tt.cat %h, %l : tensor<2xi32> -> "
                 "tensor<4xi32>\n")),
             1, 2, 3, 4, (int32_t[]){2, 4, 1, 3});
  check_ints(IR_KERNEL(R4(
                 "    %y = tt.gather %x[%x] {axis = 0 : i32} : "
                 "(tensor<4xi32>, tensor<4xi32>) -> tensor<4xi32>\n")),
             1, 2, 3, 0, (int32_t[]){2, 3, 0, 1});
  check_ints(IR_KERNEL(R4(
                 "    %y = tt.histogram %x : tensor<4xi32> -> "
                 "tensor<4xi32>\n")),
             1, 1, 3, 9, (int32_t[]){0, 2, 0, 1});
}

static void loops_carry_values(void **state) {
  (void)state;
  /* Swapped each time, three times; the counter sums 0 + 1 + 2. */
  check_ints(IR_KERNEL(R4(
                 "    %z = arith.constant 0 : i32\n"
                 "    %o = arith.constant 1 : i32\n"
                 "    %l:3 = scf.for %k = %z to %n step %o iter_args(%a = %z, "
                 "%b = %o, %s = %z) -> (i32, i32, i32)  : i32 {\n"
                 "      %t = arith.addi %s, %k : i32\n"
                 "      scf.yield %b, %a, %t : i32, i32, i32\n    }\n"
                 "    %u = arith.addi %l#0, %l#2 : i32\n"
                 "    %y = tt.splat %u : i32 -> tensor<4xi32>\n")),
             0, 0, 0, 0, (int32_t[]){4, 4, 4, 4});
  /* Collatz from 6: 6 3 10 5 16 8 4 2 1 is 8 steps. */
  check_ints(
      IR_KERNEL(R4(
          "    %one = arith.constant 1 : i32\n"
          "    %two = arith.constant 2 : i32\n"
          "    %three = arith.constant 3 : i32\n"
          "    %z = arith.constant 0 : i32\n"
          "    %six = arith.muli %n, %two : i32\n"
          "    %w:2 = scf.while (%v = %six, %s = %z) : (i32, i32) -> "
          "(i32, i32) {\n"
          "      %go = arith.cmpi ne, %v, %one : i32\n"
          "      scf.condition(%go) %v, %s : i32, i32\n    } do {\n"
          "    ^bb0(%v: i32, %s: i32):\n"
          "      %odd = arith.andi %v, %one : i32\n"
          "      %is = arith.cmpi eq, %odd, %one : i32\n"
          "      %next = scf.if %is -> (i32) {\n"
          "        %m = arith.muli %v, %three : i32\n"
          "        %m1 = arith.addi %m, %one : i32\n"
          "        scf.yield %m1 : i32\n      } else {\n"
          "        %h = arith.divsi %v, %two : i32\n"
          "        scf.yield %h : i32\n      }\n"
          "      %s1 = arith.addi %s, %one : i32\n"
          "      scf.yield %next, %s1 : i32, i32\n    }\n"
          "    %y = tt.splat %w#1 : i32 -> tensor<4xi32>\n")),
      0, 0, 0, 0, (int32_t[]){8, 8, 8, 8});
}

static void masks_keep_memory(void **state) {
  (void)state;
  const char *text = IR_KERNEL(
      "    %i = tt.make_range {end = 4 : i32, start = 0 : i32} : "
      "tensor<4xi32>\n"
      "    %s = tt.splat %n : i32 -> tensor<4xi32>\n"
      "    %m = arith.cmpi slt, %i, %s : tensor<4xi32>\n"
      "    %ps = tt.splat %p : !tt.ptr<f32> -> tensor<4x!tt.ptr<f32>>\n"
      "    %pp = tt.addptr %ps, %i : tensor<4x!tt.ptr<f32>>, tensor<4xi32>\n"
      "    %o = arith.constant dense<7.0> : tensor<4xf32>\n"
      "    %x = tt.load %pp, %m, %o : tensor<4x!tt.ptr<f32>>\n"
      "    %t = \"tt.reduce\"(%x) <{axis = 0 : i32}> ({\n"
      "    ^bb0(%a: f32, %b: f32):\n      %u = arith.addf %a, %b : f32\n"
      "      tt.reduce.return %u : f32\n    }) : (tensor<4xf32>) -> f32\n"
      "    %y = tt.splat %t : f32 -> tensor<4xf32>\n"
      "    tt.store %pp, %y, %m : tensor<4x!tt.ptr<f32>>\n");
  float p[4] = {1, 2, 3, 100};
  tm_eval_result r = run(text, p, NULL, NULL, 4, 3, NULL);
  assert_null(r.error);
  assert_true(p[0] == 13 && p[1] == 13 && p[2] == 13 && p[3] == 100);
  assert_int_equal(r.loads, 3);
  /* One element too many is seen, and told. */
  float short_one[3] = {1, 2, 3};
  r = run(text, short_one, NULL, NULL, 3, 4, NULL);
  assert_non_null(r.error);
  assert_non_null(strstr(r.error, "byte 12 of argument 0, which has 12"));
}

static void before_the_first_byte_is_outside(void **state) {
  (void)state;
  float p[4] = {0};
  tm_eval_result r =
      run(IR_KERNEL("    %m = arith.constant -1 : i32\n"
                    "    %pp = tt.addptr %p, %m : !tt.ptr<f32>, i32\n"
                    "    tt.store %pp, %f : !tt.ptr<f32>\n"),
          p, NULL, NULL, 4, 0, NULL);
  assert_non_null(r.error);
}

static void dot_sums_products(void **state) {
  (void)state;
  /* [[1 2] [3 4]] * [[1 2] [3 4]] = [[7 10] [15 22]], added to itself */
  const char *text = IR_KERNEL(
      "    %i = tt.make_range {end = 4 : i32, start = 0 : i32} : "
      "tensor<4xi32>\n"
      "    %ps = tt.splat %p : !tt.ptr<f32> -> tensor<4x!tt.ptr<f32>>\n"
      "    %pp = tt.addptr %ps, %i : tensor<4x!tt.ptr<f32>>, tensor<4xi32>\n"
      "    %x = tt.load %pp : tensor<4x!tt.ptr<f32>>\n"
      "    %m = tt.reshape %x : tensor<4xf32> -> tensor<2x2xf32>\n"
      "    %d = tt.dot %m, %m, %m : tensor<2x2xf32> * tensor<2x2xf32> -> "
      "tensor<2x2xf32>\n"
      "    %y = tt.reshape %d : tensor<2x2xf32> -> tensor<4xf32>\n"
      "    tt.store %pp, %y : tensor<4x!tt.ptr<f32>>\n");
  float p[4] = {1, 2, 3, 4};
  assert_null(run(text, p, NULL, NULL, 4, 0, NULL).error);
  assert_true(p[0] == 8 && p[1] == 12 && p[2] == 18 && p[3] == 26);
  /* In order, 2^24 + 1 + 1 stays in f32; in double it does not. */
  float big[4] = {1, 1, 16777216, 0};
  float same[4] = {1, 1, 16777216, 0};
  tm_eval_options in_order = {.dot_in_order = true};
  assert_null(run(text, big, NULL, NULL, 4, 0, &in_order).error);
  assert_null(run(text, same, NULL, NULL, 4, 0, NULL).error);
  /* row 0: 1 + 1*1 + 1*2^24; row 1 col 0: 2^24 + 2^24*1 + 0 */
  assert_true(big[0] == 16777218 && same[0] == 16777218);
  assert_true(big[2] == 33554432 && same[2] == 33554432);
}

static void formats_have_their_known_codes(void **state) {
  (void)state;
  /* IEEE 754 half: 1/3 is 0x3555, 65504 the largest, 2^-24 the smallest. */
  assert_int_equal(tm_eval_encode(TM_F16, tm_eval_round(TM_F16, 1.0 / 3, 0)),
                   0x3555);
  assert_int_equal(tm_eval_encode(TM_F16, 65504), 0x7bff);
  assert_int_equal(tm_eval_encode(TM_F16, ldexp(1, -24)), 1);
  assert_true(isinf(tm_eval_round(TM_F16, 65520, false)));
  assert_true(tm_eval_round(TM_F16, 65519, false) == 65504);
  assert_true(tm_eval_round(TM_F16, 1e9, true) == 65504);
  /* bfloat16 of pi is 0x4049 */
  assert_int_equal(
      tm_eval_encode(TM_BF16, tm_eval_round(TM_BF16, 3.14159265, 0)), 0x4049);
  /* OCP FP8: E4M3 1.0 is 0x38, its largest is 448 (0x7e); E5M2 1.0 is 0x3c,
   * its largest 57344 (0x7b), infinity 0x7c. */
  assert_int_equal(tm_eval_encode(TM_FP8E4NV, 1), 0x38);
  assert_int_equal(tm_eval_encode(TM_FP8E4NV, 448), 0x7e);
  assert_int_equal(tm_eval_encode(TM_FP8E5, 1), 0x3c);
  assert_int_equal(tm_eval_encode(TM_FP8E5, 57344), 0x7b);
  assert_true(isinf(tm_eval_decode(TM_FP8E5, 0x7c)));
  assert_true(isnan(tm_eval_decode(TM_FP8E4NV, 0x7f)));
  assert_true(isnan(tm_eval_decode(TM_FP8E4B8, 0x80)));
  /* FNUZ with bias 8: 1.0 is 0x40, largest 240. */
  assert_int_equal(tm_eval_encode(TM_FP8E4B8, 1), 0x40);
  assert_true(tm_eval_decode(TM_FP8E4B8, 0x7f) == 240);
  /* Ties go to the even code: 1 + 1/16 lies between 1 and 1.125 in E4M3. */
  assert_true(tm_eval_round(TM_FP8E4NV, 1.0625, false) == 1);
  assert_true(tm_eval_round(TM_FP8E4NV, 1.1875, false) == 1.25);
}

static void every_code_survives(void **state) {
  (void)state;
  static const tm_scalar types[] = {TM_FP8E4NV, TM_FP8E5, TM_FP8E4B8,
                                    TM_FP8E5B16, TM_F16, TM_BF16};
  for (size_t t = 0; t < TM_COUNT(types); t++)
    for (uint32_t code = 0; code < 1u << tm_scalar_bits(types[t]); code++) {
      double x = tm_eval_decode(types[t], code);
      if (isnan(x)) continue;
      assert_int_equal(tm_eval_encode(types[t], x), code);
    }
}

static void half_arithmetic_rounds_each_step(void **state) {
  (void)state;
  /* 2048 + 1 is 2048 in f16 (ties to even), and again 2048. */
  const char *text = IR_KERNEL(
      "    %x = tt.load %q : !tt.ptr<f16>\n"
      "    %one = arith.constant 1.0 : f16\n"
      "    %a = arith.addf %x, %one : f16\n"
      "    %b = arith.addf %a, %one : f16\n"
      "    tt.store %q, %b : !tt.ptr<f16>\n");
  uint16_t q[1] = {0x6800};
  assert_null(run(text, NULL, q, NULL, 1, 0, NULL).error);
  assert_int_equal(q[0], 0x6800);
  tm_eval_options wide = {.in_double = true};
  assert_null(run(text, NULL, q, NULL, 1, 0, &wide).error);
  assert_int_equal(q[0], 0x6801); /* 2050 */
}

/* 387 << 22 lies halfway between 193 and 194 times 2^23; so does the product
 * of 129/128 and 3/2 between 193/128 and 194/128. */
static void a_bfloat16_is_rounded_once(void **state) {
  (void)state;
  check_ints(IR_KERNEL(R4(
                 "    %f = arith.sitofp %x : tensor<4xi32> to tensor<4xbf16>\n"
                 "    %b = tt.bitcast %f : tensor<4xbf16> -> tensor<4xi16>\n"
                 "    %y = arith.extui %b : tensor<4xi16> to tensor<4xi32>\n")),
             387 << 22, (387 << 22) - 1, (387 << 22) + 1, 1 - (387 << 22),
             (int32_t[]){0x4ec2, 0x4ec1, 0x4ec2, 0xcec1});
  /* c: 0, 2^-100, -2^-100 and 1 */
  check_ints(IR_KERNEL(R4(
                 "    %u = arith.constant dense<1.0078125> : tensor<4xbf16>\n"
                 "    %v = arith.constant dense<1.5> : tensor<4xbf16>\n"
                 "    %s = arith.trunci %x : tensor<4xi32> to tensor<4xi16>\n"
                 "    %w = tt.bitcast %s : tensor<4xi16> -> tensor<4xbf16>\n"
                 "    %f = math.fma %u, %v, %w : tensor<4xbf16>\n"
                 "    %b = tt.bitcast %f : tensor<4xbf16> -> tensor<4xi16>\n"
                 "    %y = arith.extui %b : tensor<4xi16> to tensor<4xi32>\n")),
             0, 0x0d80, 0x8d80, 0x3f80,
             (int32_t[]){0x3fc2, 0x3fc2, 0x3fc1, 0x4021});
}

static void programs_have_their_numbers(void **state) {
  (void)state;
  const char *text = IR_KERNEL(
      "    %x = tt.get_program_id x : i32\n"
      "    %y = tt.get_program_id y : i32\n"
      "    %w = tt.get_num_programs x : i32\n"
      "    %m = arith.muli %y, %w : i32\n"
      "    %i = arith.addi %m, %x : i32\n"
      "    %a = tt.addptr %r, %i : !tt.ptr<i32>, i32\n"
      "    tt.store %a, %i : !tt.ptr<i32>\n"
      "    %one = arith.constant 1 : i32\n"
      "    %old = tt.atomic_rmw add, acq_rel, gpu, %r, %one : "
      "(!tt.ptr<i32>, i32) -> i32\n");
  int32_t r[6] = {9, 9, 9, 9, 9, 9};
  tm_eval_options grid = {.grid = {3, 2, 1}};
  assert_null(run(text, NULL, NULL, r, 6, 0, &grid).error);
  assert_int_equal(r[0], 6); /* stored 0 first, then one of each program */
  for (int k = 1; k < 6; k++) assert_int_equal(r[k], k);
}

static void endless_loops_end(void **state) {
  (void)state;
  tm_eval_options few = {.max_steps = 1000};
  tm_eval_result r =
      run(IR_KERNEL("    scf.while : () -> () {\n"
                    "      scf.condition(%c)\n    } do {\n"
                    "      scf.yield\n    }\n"),
          NULL, NULL, NULL, 0, 0, &few);
  assert_non_null(r.error);
  assert_non_null(strstr(r.error, "it ran for 1000 steps"));
}

/* Upstream's form of returns inside of ifs: 10 where n is 1, 20 where it is
 * 2, and 7 + n elsewhere, by a block that two others reach with a value. */
static void branches_take_their_paths(void **state) {
  (void)state;
  static const char text[] =
      "module {\n  tt.func public @k(%p: !tt.ptr<f32>, %q: !tt.ptr<f16>, "
      "%r: !tt.ptr<i32>, %n: i32, %c: i1, %f: f32) {\n"
      "    %v = tt.call @pick(%n) : (i32) -> i32\n"
      "    %zero = arith.constant 0 : i32\n"
      "    %none = arith.cmpi eq, %n, %zero : i32\n"
      "    cf.cond_br %none, ^bb1, ^bb2\n"
      "  ^bb1:  // pred: ^bb0\n"
      "    tt.return\n"
      "  ^bb2:  // pred: ^bb0\n"
      "    tt.store %r, %v : !tt.ptr<i32>\n"
      "    tt.return\n"
      "  }\n"
      "  tt.func private @pick(%x: i32) -> i32 {\n"
      "    %one = arith.constant 1 : i32\n"
      "    %two = arith.constant 2 : i32\n"
      "    %a = arith.cmpi eq, %x, %one : i32\n"
      "    cf.cond_br %a, ^bb1, ^bb2\n"
      "  ^bb1:\n"
      "    %ten = arith.constant 10 : i32\n"
      "    tt.return %ten : i32\n"
      "  ^bb2:\n"
      "    %b = arith.cmpi eq, %x, %two : i32\n"
      "    cf.cond_br %b, ^bb3, ^bb4(%x : i32)\n"
      "  ^bb3:\n"
      "    %d = arith.constant 13 : i32\n"
      "    cf.br ^bb4(%d : i32)\n"
      "  ^bb4(%y: i32):\n"
      "    %seven = arith.constant 7 : i32\n"
      "    %sum = arith.addi %y, %seven : i32\n"
      "    tt.return %sum : i32\n"
      "  ^bb5:  // no predecessors\n"
      "    cf.br ^bb4(%x : i32)\n"
      "  }\n}\n";
  static const int32_t want[5] = {-1, 10, 20, 10, 11};
  for (int32_t n = 0; n < 5; n++) {
    int32_t r[1] = {-1};
    tm_eval_result result = run(text, NULL, NULL, r, 1, n, NULL);
    assert_null(result.error);
    assert_int_equal(r[0], want[n]);
  }
}

/* Values of NIST's Digital Library of Mathematical Functions and of powers
 * worked out by hand. */
static void library_functions_have_their_values(void **state) {
  (void)state;
  static const struct {
    const char *symbol;
    uint32_t n;
    double x[2], want;
  } cases[] = {
      {"__nv_erfinvf", 1, {0.5}, 0.47693627620446987},
      {"__nv_erfinvf", 1, {-0.999}, -2.326753765513525},
      {"__nv_erfinv", 1, {0}, 0},
      {"__nv_powif", 2, {1.5, 3}, 3.375},
      {"__nv_exp10f", 1, {2}, 100},
      {"__nv_sinpif", 1, {1}, 0},
      {"__nv_cospif", 1, {0.5}, 0},
      {"__nv_j0f", 1, {2.404825557695773}, 0},
      {"__nv_isnanf", 1, {NAN}, 1},
      {"__nv_isinff", 1, {-INFINITY}, 1},
      {"__nv_finitef", 1, {INFINITY}, 0},
      {"__nv_signbitf", 1, {-0.0}, 1},
      {"__nv_fast_expf", 1, {0}, 1},
      {"__nv_nextafterf", 2, {1, 2}, 1 + 0x1p-23},
  };
  for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
    double got = 0;
    assert_true(tm_eval_extern(cases[k].symbol, cases[k].x, cases[k].n, &got));
    if (!(fabs(got - cases[k].want) <= 1e-14))
      fail_msg("%s is %.17g, not %.17g", cases[k].symbol, got, cases[k].want);
  }
  double none;
  assert_false(tm_eval_extern("__nv_frob", cases[0].x, 1, &none));
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(integers_wrap_and_truncate),
    cmocka_unit_test(comparisons_are_signed_or_not),
    cmocka_unit_test(scan_adds_from_either_end),
    cmocka_unit_test(shapes_move_elements),
    cmocka_unit_test(loops_carry_values),
    cmocka_unit_test(branches_take_their_paths),
    cmocka_unit_test(masks_keep_memory),
    cmocka_unit_test(before_the_first_byte_is_outside),
    cmocka_unit_test(dot_sums_products),
    cmocka_unit_test(formats_have_their_known_codes),
    cmocka_unit_test(every_code_survives),
    cmocka_unit_test(half_arithmetic_rounds_each_step),
    cmocka_unit_test(a_bfloat16_is_rounded_once),
    cmocka_unit_test(programs_have_their_numbers),
    cmocka_unit_test(library_functions_have_their_values),
    cmocka_unit_test(endless_loops_end),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
