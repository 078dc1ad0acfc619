/* SPDX-License-Identifier: MIT */
/*
 * test_ir.c - TTIR: building, printing, reading, verifying.
 *
 * The files of golden/ttir hold every operation in the form that upstream
 * Triton prints; upstream's parser and verifier accept each of them
 * (upstream_verify.py; before_3_9.ttir by Triton 3.6). Here they must be
 * what our printer prints of them. Each rule of the verifier has a text that
 * breaks it and nothing else.
 */
#include "ir_text.h"

#include <math.h>

#ifndef TM_TEST_DIR
#define TM_TEST_DIR "tests/"
#endif

static char *read_file(const char *name, size_t *n) {
  char path[256];
  snprintf(path, sizeof path, "%sgolden/ttir/%s", TM_TEST_DIR, name);
  FILE *f = fopen(path, "rb");
  if (!f) print_message("%s: not found\n", path);
  assert_non_null(f);
  char *text = malloc(1 << 20);
  assert_non_null(text);
  *n = fread(text, 1, (1 << 20) - 1, f);
  text[*n] = 0;
  fclose(f);
  return text;
}

static const char *const golden[] = {
    "elementwise.ttir", "casts_and_constants.ttir", "shapes.ttir",
    "memory.ttir", "shared_memory.ttir", "control.ttir", "products.ttir", "descriptors.ttir",
    "before_3_9.ttir", "calls.ttir",
};

static void golden_files_print_as_they_are(void **state) {
  (void)state;
  for (size_t g = 0; g < TM_COUNT(golden); g++) {
    size_t n;
    char *text = read_file(golden[g], &n);
    ir_text t;
    ir_text_open(&t, text, n);
    if (!t.ir) print_message("%s:\n%s", golden[g], ir_text_errors(&t));
    assert_non_null(t.ir);
    assert_string_equal(ir_text_print(&t), text);
    ir_text_close(&t);
    free(text);
  }
}

/* Every operation but those that only later stages make is in some file. */
static void golden_files_hold_every_operation(void **state) {
  (void)state;
  bool seen[TM_OPS] = {[TM_OP_NONE] = true, [TM_CONVERT_LAYOUT] = true};
  for (size_t g = 0; g < TM_COUNT(golden); g++) {
    size_t n;
    char *text = read_file(golden[g], &n);
    ir_text t;
    ir_text_open(&t, text, n);
    assert_non_null(t.ir);
    for (uint32_t i = 1; i < t.ir->insts.len; i++)
      seen[tm_get(t.ir, i)->op] = true;
    ir_text_close(&t);
    free(text);
  }
  for (int op = 0; op < TM_OPS; op++)
    if (!seen[op]) fail_msg("%s is in no file", tm_op_infos[op].name);
}

/* ---- what upstream writes --------------------------------------------- */

/* As Triton 3.9 prints a kernel: locations, a quoted generic form, a block
 * that nothing reaches, the induction variable without a name. */
static const char upstream_text[] =
    "#loc = loc(\"k.py\":19:1)\n#loc2 = loc(\"x\"(#loc))\n"
    "module attributes {tt.x = 1 : i32} {\n"
    "  tt.func public @k(%x: !tt.ptr<f32> {tt.divisibility = 16 : i32} "
    "loc(\"x\"(#loc)), %n: i32 loc(\"n\"(#loc))) attributes {noinline = "
    "false} {\n"
    "    %c0 = arith.constant 0 : i32 loc(#loc2)\n"
    "    %c1 = arith.constant 1 : i32 loc(#loc2) // a remark\n"
    "    ttg.barrier all loc(#loc2)\n"
    "    %0 = \"arith.addi\"(%n, %c1) <{overflowFlags = "
    "#arith.overflow<none>}> : (i32, i32) -> i32 loc(#loc)\n"
    "    scf.for %arg2 = %c0 to %0 step %c1  : i32 {\n"
    "      %1 = tt.load %x cacheModifier = cg evictionPolicy = evict_last : "
    "!tt.ptr<f32> loc(#loc)\n"
    "      tt.store %x, %1 : !tt.ptr<f32> loc(#loc)\n"
    "    } loc(#loc)\n"
    "    tt.return loc(#loc)\n"
    "  ^bb1:  // no predecessors\n"
    "    tt.return loc(#loc)\n"
    "  } loc(#loc)\n} loc(#loc)\n#loc9 = loc(\"k.py\":1:1)\n";

static void upstream_text_is_read(void **state) {
  (void)state;
  ir_text t;
  ir_text_open(&t, upstream_text, strlen(upstream_text));
  if (!t.ir) print_message("%s", ir_text_errors(&t));
  assert_non_null(t.ir);
  assert_int_equal(t.ir->funcs.data[0].params.data[0].divisibility, 16);
  const char *out = ir_text_print(&t);
  assert_non_null(strstr(out, "gpu.barrier"));
  assert_non_null(strstr(out, "%arg2 = %c0 to %0 step %c1"));
  assert_non_null(strstr(out, "cache_modifier = cg, eviction_policy = "
                              "evict_last"));
  assert_null(strstr(out, "loc("));
  ir_text_close(&t);
}

static void names_are_made_unique(void **state) {
  (void)state;
  ir_text t;
  const char *text =
      IR_KERNEL("    scf.if %c {\n      %x = arith.addi %n, %n : i32\n"
                "      tt.store %r, %x : !tt.ptr<i32>\n    } else {\n"
                "      %x = arith.subi %n, %n : i32\n"
                "      tt.store %r, %x : !tt.ptr<i32>\n    }\n");
  ir_text_open(&t, text, strlen(text));
  assert_non_null(t.ir);
  const char *out = ir_text_print(&t);
  assert_non_null(strstr(out, "%x = arith.addi"));
  assert_non_null(strstr(out, "%x_0 = arith.subi"));
  ir_text_close(&t);
}

static void a_function_keeps_that_its_buffers_may_overlap(void **state) {
  (void)state;
  const char *text = "module {\n  tt.func public @k() attributes {noinline = "
                     "false, tm.may_overlap} {\n    tt.return\n  }\n}\n";
  ir_text t;
  ir_text_open(&t, text, strlen(text));
  assert_non_null(t.ir);
  assert_true(t.ir->funcs.data[0].may_overlap);
  assert_string_equal(ir_text_print(&t), text);
  ir_text_close(&t);
}

/* ---- what is wrong ---------------------------------------------------- */

static const struct {
  const char *body, *message;
} wrong[] = {
  /* reading */
  {"    %x = arith.addi %n, %y : i32\n", "%y is not defined here"},
  {"    %x = arith.frob %n : i32\n", "'arith.frob' is not known"},
  {"    cf.br ^bb1\n", "the function has no block ^bb1"},
  {"    cf.br ^bb1\n  ^bb1:\n    cf.br ^bb1\n",
   "a branch goes back to ^bb1"},
  {"    cf.br ^bb1(%n : i32)\n  ^bb1:\n", "the branch gives 1 values"},
  {"    cf.br ^bb1(%n : i32)\n  ^bb1(%x: f32):\n",
   "the branch gives another type"},
  {"    cf.cond_br %c, ^bb1, ^bb2\n  ^bb1:\n    tt.return\n  ^bb2:\n"
   "    %x = arith.addi %n, %n : i32\n  ^bb3:\n",
   "must end with tt.return or a branch"},
  {"    scf.if %c {\n      cf.br ^bb1\n    }\n",
   "control flow must be structured"},
  {"    %x = arith.addi %n, %n : i64\n", "operand 0 is i32"},
  {"    %x:2 = arith.addi %n, %n : i32\n", "2 results are named"},
  {"    %x = arith.addi %n, %n {frob = 1 : i32} : i32\n",
   "the attribute 'frob' is not known"},
  {"    %x = arith.constant 300 : i8\n", "this is not a value of i8"},
  {"    %x = arith.constant 1 : f32\n", "this is not a value of f32"},
  {"    %x = arith.constant dense<[1, 2]> : tensor<2xi32>\n",
   "one value for all elements"},
  {"    %x = arith.constant dense<1> : i32\n", "dense<> is for tensors"},
  {"    %x = arith.constant 0x1FFFFFFFF : f32\n", "more bits than f32"},
  {"    %x = arith.constant 99999999999999999999 : i64\n",
   "does not fit in 64 bits"},
  {"    %x = arith.constant dense<0> : tensor<0xi32>\n", "extents of 1"},
  {"    %x = arith.cmpi lt, %n, %n : i32\n", "expected a comparison"},
  {"    tt.assert %c, \"no end\n", "this string does not end"},
  {"    %x = tt.get_program_id w : i32\n", "expected x, y or z"},
  {"    tt.load %p : !tt.ptr<f32>\n", "0 results are named, tt.load has 1"},
  /* types by themselves */
  {"    %x = tt.splat %n : i32 -> tensor<3xi32>\n",
   "has a dimension that is not a power of two"},
  {"    %x = tt.splat %n : i32 -> tensor<2048x1024xi32>\n",
   "has more than 1048576 elements"},
  /* counts, dominance, terminators */
  {"    %x = \"arith.addi\"(%n) : (i32) -> i32\n",
   "arith.addi: has 1 operands, must have 2"},
  {"    %x:2 = \"arith.addi\"(%n, %n) : (i32, i32) -> (i32, i32)\n",
   "arith.addi: has 2 results, must have 1"},
  {"    tt.return\n    gpu.barrier\n",
   "tt.return: is a terminator in the middle of a block"},
  {"    scf.if %c {\n      scf.yield %n : i32\n    }\n",
   "scf.yield gives 1 values, must give 0"},
  {"    %x = scf.if %c -> (i32) {\n      scf.yield %n : i32\n    } else {\n"
   "      scf.yield %f : f32\n    }\n",
   "value 0 of scf.yield is f32, must be i32"},
  {"    scf.if %n {\n    }\n", "scf.if: the condition is i32, must be i1"},
  {"    scf.while : () -> () {\n      scf.yield\n    } do {\n"
   "      scf.yield\n    }\n",
   "a block ends in scf.yield, must end in scf.condition"},
  {"    scf.for %i = %n to %n step %f  : i32 {\n    }\n",
   "the step is f32, must be i32"},
  {"    scf.for %i = %f to %f step %f  : f32 {\n    }\n",
   "bounds must be integers, are f32"},
  {"    scf.for %i = %n to %n step %n  : i64 {\n    }\n",
   "block argument 0 is i64, must be i32"},
  {"    %x = scf.for %i = %n to %n step %n iter_args(%a = %f) -> (f32)  : "
   "i32 {\n    }\n", "scf.yield gives 0 values, must give 1"},
  /* missing attributes */
  {"    %x = \"tt.make_range\"() <{start = 0 : i32}> : () -> tensor<4xi32>\n",
   "the attribute end is missing"},
  {"    %x = \"tt.get_program_id\"() <{axis = 3 : i32}> : () -> i32\n",
   "axis 3 is not x, y or z"},
  {"    %x = \"arith.cmpi\"(%n, %n) <{predicate = 10 : i64}> : (i32, i32) -> "
   "i1\n", "10 is not a comparison"},
  /* arithmetic */
  {"    %x = arith.addi %f, %f : f32\n",
   "arith.addi: operand 0 must be of integers, is f32"},
  {"    %x = arith.addf %n, %n : i32\n",
   "arith.addf: operand 0 must be of floats, is i32"},
  {"    %s = tt.splat %n : i32 -> tensor<4xi32>\n"
   "    %x = \"arith.addi\"(%n, %s) : (i32, tensor<4xi32>) -> i32\n",
   "operand 1 is tensor<4xi32>, operand 0 is i32"},
  {"    %x = \"arith.cmpi\"(%n, %n) <{predicate = 0 : i64}> : (i32, i32) -> "
   "i32\n", "result 0 is i32, must be i1"},
  {"    %x = \"arith.select\"(%c, %n, %f) : (i1, i32, f32) -> i32\n",
   "operand 1 is i32, operand 2 is f32"},
  {"    %x = \"arith.select\"(%n, %n, %n) : (i32, i32, i32) -> i32\n",
   "the condition is i32, must be i1"},
  /* casts */
  {"    %x = arith.extsi %n : i32 to i16\n", "cannot make i16 from i32"},
  {"    %x = arith.trunci %n : i32 to i32\n", "cannot make i32 from i32"},
  {"    %x = arith.extf %f : f32 to i64\n", "cannot make i64 from f32"},
  {"    %x = arith.sitofp %n : i32 to i64\n", "cannot make i64 from i32"},
  {"    %x = arith.bitcast %f : f32 to i64\n", "cannot make i64 from f32"},
  {"    %x = tt.bitcast %p : !tt.ptr<f32> -> i64\n",
   "cannot make i64 from !tt.ptr<f32>"},
  {"    %x = tt.ptr_to_int %p : !tt.ptr<f32> -> i32\n",
   "cannot make i32 from !tt.ptr<f32>"},
  {"    %x = tt.fp_to_fp %f : f32 -> f16\n", "must state its rounding"},
  {"    %x = arith.extsi %n : i32 to tensor<4xi64>\n",
   "the operand has shape a scalar, the result 4"},
  /* shapes */
  {"    %x = tt.splat %n : i32 -> tensor<4xf32>\n",
   "cannot splat i32 to tensor<4xf32>"},
  {"    %s = tt.splat %n : i32 -> tensor<4xi32>\n"
   "    %x = tt.broadcast %s : tensor<4xi32> -> tensor<8xi32>\n",
   "cannot broadcast tensor<4xi32> to tensor<8xi32>"},
  {"    %s = tt.splat %n : i32 -> tensor<4xi32>\n"
   "    %x = tt.reshape %s : tensor<4xi32> -> tensor<8xi32>\n",
   "cannot reshape tensor<4xi32> to tensor<8xi32>"},
  {"    %s = tt.splat %n : i32 -> tensor<4x2xi32>\n"
   "    %x = tt.trans %s {order = array<i32: 0, 0>} : tensor<4x2xi32> -> "
   "tensor<4x2xi32>\n", "the order is not a permutation"},
  {"    %s = tt.splat %n : i32 -> tensor<4x2xi32>\n"
   "    %x = tt.trans %s {order = array<i32: 1, 0>} : tensor<4x2xi32> -> "
   "tensor<4x2xi32>\n", "result 0 is tensor<4x2xi32>, must be tensor<2x4xi32>"},
  {"    %s = tt.splat %n : i32 -> tensor<4xi32>\n"
   "    %x = tt.expand_dims %s {axis = 2 : i32} : tensor<4xi32> -> "
   "tensor<4x1xi32>\n", "the axis is out of range"},
  {"    %s = tt.splat %n : i32 -> tensor<4xi32>\n"
   "    %x:2 = tt.split %s : tensor<4xi32> -> tensor<2xi32>\n",
   "the last dimension is not 2"},
  {"    %s = tt.splat %n : i32 -> tensor<4xi32>\n"
   "    %x = tt.cat %s, %s : tensor<4xi32> -> tensor<4xi32>\n",
   "cannot join two of tensor<4xi32> to tensor<4xi32>"},
  {"    %x = tt.make_range {end = 8 : i32, start = 0 : i32} : tensor<4xi32>\n",
   "result 0 is tensor<4xi32>, must be tensor<8xi32>"},
  {"    %s = tt.splat %n : i32 -> tensor<4xi32>\n"
   "    %t = tt.splat %n : i32 -> tensor<4x2xi32>\n"
   "    %x = tt.gather %s[%t] {axis = 0 : i32} : (tensor<4xi32>, "
   "tensor<4x2xi32>) -> tensor<4x2xi32>\n",
   "cannot gather from tensor<4xi32> by tensor<4x2xi32>"},
  {"    %s = tt.splat %f : f32 -> tensor<4xf32>\n"
   "    %x = tt.histogram %s : tensor<4xf32> -> tensor<4xi32>\n",
   "operand 0 must be of integers"},
  {"    %s = tt.splat %f : f32 -> tensor<4x2xf32>\n"
   "    %x = tt.unsplat %s : tensor<4x2xf32>\n",
   "must have one element"},
  /* memory */
  {"    %x = \"tt.load\"(%n) : (i32) -> i32\n", "operand 0 is not a pointer"},
  {"    %x = \"tt.load\"(%p, %n) : (!tt.ptr<f32>, i32) -> f32\n",
   "the mask is i32, must be i1"},
  {"    %x = \"tt.load\"(%p, %c, %n) : (!tt.ptr<f32>, i1, i32) -> f32\n",
   "the other value is i32, must be f32"},
  {"    tt.store %p, %n : !tt.ptr<f32>\n", "the value is i32, must be f32"},
  {"    %x = tt.addptr %p, %f : !tt.ptr<f32>, f32\n",
   "the offset of !tt.ptr<f32> is f32"},
  {"    %x = tt.addptr %n, %n : i32, i32\n",
   "operand 0 must be a pointer, is i32"},
  {"    %x = tt.atomic_rmw add, relaxed, gpu, %p, %f : (!tt.ptr<f32>, f32) -> "
   "f32\n", "the operation does not apply to f32"},
  {"    %x = tt.load %p {boundaryCheck = array<i32: 0>} : !tt.ptr<f32>\n",
   "boundaryCheck is for block pointers"},
  {"    %x = tt.make_tensor_descriptor %p, [%n], [%n] : <f32>, <8xf32>\n",
   "an index is i32, must be i64"},
  /* products */
  {"    %a = tt.splat %f : f32 -> tensor<64x32xf32>\n"
   "    %b = tt.splat %f : f32 -> tensor<32x64xf32>\n"
   "    %d = tt.splat %f : f32 -> tensor<64x32xf32>\n"
   "    %x = tt.dot %a, %b, %d : tensor<64x32xf32> * tensor<32x64xf32> -> "
   "tensor<64x32xf32>\n", "tt.dot: accumulator is 64x32, product is 64x64"},
  {"    %a = tt.splat %f : f32 -> tensor<64x32xf32>\n"
   "    %x = tt.dot %a, %a, %a : tensor<64x32xf32> * tensor<64x32xf32> -> "
   "tensor<64x32xf32>\n",
   "operand 0 is 64x32, operand 1 is 64x32: 32 is not 64"},
  {"    %a = tt.splat %f : f32 -> tensor<32x32xf32>\n"
   "    %d = tt.splat %n : i32 -> tensor<32x32xi32>\n"
   "    %x = tt.dot %a, %a, %d : tensor<32x32xf32> * tensor<32x32xf32> -> "
   "tensor<32x32xi32>\n", "f32 by f32 cannot add to i32"},
  /* regions */
  {"    %s = tt.splat %f : f32 -> tensor<4xf32>\n"
   "    %x = \"tt.reduce\"(%s) <{axis = 1 : i32}> ({\n"
   "    ^bb0(%a: f32, %b: f32):\n      tt.reduce.return %a : f32\n"
   "    }) : (tensor<4xf32>) -> f32\n", "the axis is out of range"},
  {"    %s = tt.splat %f : f32 -> tensor<4xf32>\n"
   "    %x = \"tt.reduce\"(%s) <{axis = 0 : i32}> ({\n"
   "    ^bb0(%a: f32):\n      tt.reduce.return %a : f32\n"
   "    }) : (tensor<4xf32>) -> f32\n", "has 1 arguments, must have 2"},
  {"    %s = tt.splat %f : f32 -> tensor<4xf32>\n"
   "    %x = \"tt.scan\"(%s) <{axis = 0 : i32, reverse = false}> ({\n"
   "    ^bb0(%a: f32, %b: f32):\n      tt.reduce.return %a : f32\n"
   "    }) : (tensor<4xf32>) -> tensor<4xf32>\n",
   "a block ends in tt.reduce.return, must end in tt.scan.return"},
  {"    %x = tt.call @nobody(%n) : (i32) -> i32\n",
   "there is no function @nobody"},
  {"    tt.call @k(%n) : (i32) -> ()\n", "@k takes 6 arguments"},
};

static void each_rule_has_its_message(void **state) {
  (void)state;
  for (size_t w = 0; w < TM_COUNT(wrong); w++) {
    char text[4096];
    int n = snprintf(text, sizeof text,
                     "module {\n  tt.func public @k(%%p: !tt.ptr<f32>, %%q: "
                     "!tt.ptr<f16>, %%r: !tt.ptr<i32>, %%n: i32, %%c: i1, "
                     "%%f: f32) attributes {noinline = false} {\n%s"
                     "    tt.return\n  }\n}\n", wrong[w].body);
    ir_text t;
    ir_text_open(&t, text, (size_t)n);
    if (t.ir) fail_msg("accepted:\n%s", wrong[w].body);
    const char *errors = ir_text_errors(&t);
    if (!strstr(errors, wrong[w].message))
      fail_msg("wanted: %s\ngot:\n%s", wrong[w].message, errors);
    ir_text_close(&t);
  }
}

static void a_kernel_returns_and_returns_nothing(void **state) {
  (void)state;
  static const char *const texts[][2] = {
    {"tt.func public @k() {\n}\n", "must end in tt.return"},
    {"tt.func public @k(%n: i32) -> i32 {\n  tt.return %n : i32\n}\n",
     "a kernel returns nothing"},
    {"tt.func private @k(%n: i32) -> f32 {\n  tt.return %n : i32\n}\n",
     "value 0 of tt.return is i32, must be f32"},
    {"tt.func @k() {\n  tt.return\n}\ntt.func @k() {\n  tt.return\n}\n",
     "there is a function @k already"},
  };
  for (size_t k = 0; k < TM_COUNT(texts); k++) {
    ir_text t;
    ir_text_open(&t, texts[k][0], strlen(texts[k][0]));
    assert_null(t.ir);
    assert_non_null(strstr(ir_text_errors(&t), texts[k][1]));
    ir_text_close(&t);
  }
}

static void the_verifier_reports_everything(void **state) {
  (void)state;
  ir_text t;
  const char *text = IR_KERNEL("    %x = arith.addi %f, %f : f32\n"
                               "    %y = arith.addf %n, %n : i32\n"
                               "    tt.store %p, %n : !tt.ptr<f32>\n");
  ir_text_open(&t, text, strlen(text));
  assert_null(t.ir);
  assert_true(t.diags.errors >= 3);
  /* in place: lines 3, 4 and 5 */
  const char *errors = ir_text_errors(&t);
  assert_non_null(strstr(errors, "test:3:10: error: arith.addi"));
  assert_non_null(strstr(errors, "test:4:10: error: arith.addf"));
  assert_non_null(strstr(errors, "test:5:5: error: tt.store"));
  ir_text_close(&t);
}

/* ---- building --------------------------------------------------------- */

static void the_builder_knows_result_types(void **state) {
  (void)state;
  tm_arena arena;
  tm_arena_init(&arena, 0);
  tm_ir *ir = tm_ir_create(&arena);
  uint32_t f = tm_ir_add_func(ir, "k", true);
  tm_type f32 = tm_type_scalar(ir, TM_F32), i32 = tm_type_scalar(ir, TM_I32);
  tm_value p = tm_func_add_param(ir, f, "p", tm_type_pointer(ir, f32, 1), 16);
  tm_builder b = tm_build_at_end(ir, ir->funcs.data[f].body);
  tm_attr range[2] = {tm_attr_int(TM_ATTR_START, 0),
                      tm_attr_int(TM_ATTR_END, 64)};
  tm_inst r = tm_build(&b, TM_MAKE_RANGE, 0, NULL, 0, NULL, 0, NULL, 2, range);
  tm_value offsets = tm_get(ir, r)->results;
  int64_t shape[1] = {64};
  assert_ptr_equal(tm_type_of(ir, offsets), tm_type_tensor(ir, i32, 1, shape));
  tm_type pointers = tm_type_tensor(ir, tm_type_of(ir, p), 1, shape);
  tm_value at = tm_build2(&b, TM_ADDPTR,
                          tm_build_to(&b, TM_SPLAT, p, pointers), offsets);
  tm_value x = tm_build1(&b, TM_LOAD, at);
  assert_ptr_equal(tm_type_of(ir, x), tm_type_tensor(ir, f32, 1, shape));
  tm_value zero = tm_build_int(&b, tm_type_of(ir, offsets), 0);
  tm_value less = tm_build_cmpi(&b, TM_CMPI_SLT, offsets, zero);
  assert_int_equal(tm_type_of(ir, less)->element->scalar, TM_I1);
  int64_t c = 1;
  assert_true(tm_value_const_int(ir, zero, &c) && c == 0);
  assert_false(tm_value_const_int(ir, offsets, &c));
  /* i1 true is all ones; a float is rounded to its type */
  tm_value yes = tm_build_int(&b, tm_type_scalar(ir, TM_I1), 1);
  assert_true(tm_value_const_int(ir, yes, &c) && c == -1);
  double d = 0;
  tm_value tenth = tm_build_float(&b, f32, 0.1);
  assert_true(tm_value_const_float(ir, tenth, &d) && d == (double)0.1f);
  tm_build(&b, TM_RETURN, 0, NULL, 0, NULL, 0, NULL, 0, NULL);
  tm_diags diags;
  tm_diags_init(&diags, &arena);
  assert_true(tm_ir_verify(ir, &diags, "the test"));
  tm_arena_free(&arena);
}

static void an_if_always_has_two_blocks(void **state) {
  (void)state;
  tm_arena arena;
  tm_arena_init(&arena, 0);
  tm_ir *ir = tm_ir_create(&arena);
  uint32_t f = tm_ir_add_func(ir, "k", true);
  tm_value c = tm_func_add_param(ir, f, "c", tm_type_scalar(ir, TM_I1), 0);
  tm_builder b = tm_build_at_end(ir, ir->funcs.data[f].body);
  tm_block then = tm_ir_new_block(ir);
  tm_builder in = tm_build_at_end(ir, then);
  tm_build(&in, TM_YIELD, 0, NULL, 0, NULL, 0, NULL, 0, NULL);
  static const tm_type none[1] = {0};
  tm_inst i = tm_build(&b, TM_IF, 1, &c, 0, none, 1, &then, 0, NULL);
  assert_int_equal(tm_get(ir, i)->n_regions, 2);
  tm_build(&b, TM_RETURN, 0, NULL, 0, NULL, 0, NULL, 0, NULL);
  tm_diags diags;
  tm_diags_init(&diags, &arena);
  assert_true(tm_ir_verify(ir, &diags, "the test"));
  tm_arena_free(&arena);
}

static void uses_are_counted_replaced_and_removed(void **state) {
  (void)state;
  ir_text t;
  const char *text = IR_KERNEL("    %x = arith.addi %n, %n : i32\n"
                               "    tt.store %r, %x : !tt.ptr<i32>\n");
  ir_text_open(&t, text, strlen(text));
  assert_non_null(t.ir);
  tm_value n = t.ir->funcs.data[0].params.data[3].value;
  tm_inst add = tm_blk(t.ir, t.ir->funcs.data[0].body)->first;
  tm_value x = tm_get(t.ir, add)->results;
  uint32_t *uses = tm_ir_count_uses(t.ir);
  assert_int_equal(uses[n], 2);
  assert_int_equal(uses[x], 1);
  tm_value_replace(t.ir, x, n);
  uses = tm_ir_count_uses(t.ir);
  assert_int_equal(uses[n], 3);
  assert_int_equal(uses[x], 0);
  tm_inst_remove(t.ir, add);
  assert_true(tm_ir_verify(t.ir, &t.diags, "removal"));
  assert_null(strstr(ir_text_print(&t), "arith.addi"));
  ir_text_close(&t);
}

/* ---- any bytes -------------------------------------------------------- */

/* A linear congruential sequence (Numerical Recipes), the same every run. */
static uint32_t next_random(uint32_t *state) {
  return *state = *state * 1664525u + 1013904223u;
}

/* What is read of damaged text must print and read again. */
static void check_damaged(const char *text, size_t n) {
  char *exact = malloc(n ? n : 1); /* so that overruns are seen */
  assert_non_null(exact);
  memcpy(exact, text, n);
  ir_text t;
  ir_text_open(&t, exact, n);
  if (t.ir) {
    const char *out = ir_text_print(&t);
    ir_text again;
    ir_text_open(&again, out, strlen(out));
    if (!again.ir) print_message("%s\n%s", out, ir_text_errors(&again));
    assert_non_null(again.ir);
    assert_string_equal(ir_text_print(&again), out);
    ir_text_close(&again);
  } else {
    assert_true(t.diags.errors > 0);
  }
  ir_text_close(&t);
  free(exact);
}

static void truncated_text_is_an_error(void **state) {
  (void)state;
  for (size_t g = 0; g < TM_COUNT(golden); g++) {
    size_t n;
    char *text = read_file(golden[g], &n);
    for (size_t cut = 0; cut < n; cut += 1 + n / 150)
      check_damaged(text, cut);
    free(text);
  }
}

static void changed_bytes_never_crash(void **state) {
  (void)state;
  uint32_t random = 1;
  static const char likely[] = "%@#^!<>{}()[]:,=-\"x0123456789 \n\\\xff";
  for (size_t g = 0; g < TM_COUNT(golden); g++) {
    size_t n;
    char *text = read_file(golden[g], &n);
    for (int round = 0; round < 150; round++) {
      char *copy = malloc(n);
      assert_non_null(copy);
      memcpy(copy, text, n);
      uint32_t changes = 1 + next_random(&random) / 65536 % 3;
      while (changes--) {
        size_t at = next_random(&random) % n;
        uint32_t r = next_random(&random) / 65536;
        copy[at] = r & 1 ? likely[r / 2 % (sizeof likely - 1)]
                         : text[next_random(&random) % n];
      }
      check_damaged(copy, n);
      free(copy);
    }
    free(text);
  }
}

/* Nesting far beyond what is allowed, in each place that recurses. */
static void deep_nesting_is_refused(void **state) {
  (void)state;
  enum { DEEP = 20000 };
  static const char *const openings[] = {
      "scf.if %c { ", "!tt.ptr<", "!tt.tensordesc<", "tensor<2x",
      "\"tt.reduce\"() ({ ", "scf.while : () -> () { "};
  for (size_t o = 0; o < TM_COUNT(openings); o++) {
    size_t len = strlen(openings[o]);
    char *text = malloc(64 + DEEP * len);
    assert_non_null(text);
    size_t at = (size_t)sprintf(text, "tt.func @k(%%c: i1%s",
                                o >= 1 && o <= 3 ? ", %p: " : ") { ");
    for (int k = 0; k < DEEP; k++, at += len)
      memcpy(text + at, openings[o], len);
    ir_text t;
    ir_text_open(&t, text, at);
    assert_null(t.ir);
    assert_true(t.diags.errors > 0);
    ir_text_close(&t);
    free(text);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(golden_files_print_as_they_are),
    cmocka_unit_test(golden_files_hold_every_operation),
    cmocka_unit_test(upstream_text_is_read),
    cmocka_unit_test(names_are_made_unique),
    cmocka_unit_test(a_function_keeps_that_its_buffers_may_overlap),
    cmocka_unit_test(each_rule_has_its_message),
    cmocka_unit_test(a_kernel_returns_and_returns_nothing),
    cmocka_unit_test(the_verifier_reports_everything),
    cmocka_unit_test(the_builder_knows_result_types),
    cmocka_unit_test(an_if_always_has_two_blocks),
    cmocka_unit_test(uses_are_counted_replaced_and_removed),
    cmocka_unit_test(truncated_text_is_an_error),
    cmocka_unit_test(changed_bytes_never_crash),
    cmocka_unit_test(deep_nesting_is_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
