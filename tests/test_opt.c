/* SPDX-License-Identifier: MIT */
/*
 * test_opt.c - the passes over TTIR.
 *
 * Each pair is the body of a kernel before and after a pass, compared as
 * printed without names. A pair whose `after` is NULL is a near miss: the
 * pass must change nothing. The kernels golden/ttir/run_*.ttir, which
 * upstream's front end wrote, are run by the evaluator before and after the
 * whole pipeline, and must leave the same bytes in memory.
 */
#include "ir_text.h"

#include "../lib/opt/opt.h"
#include "oracle/eval.h"

#ifndef TM_TEST_DIR
#define TM_TEST_DIR "tests/"
#endif

static bool prefetch(tm_ir *ir) { return tm_pass_prefetch(ir, 4); }

static const struct {
  const char *name;
  bool (*run)(tm_ir *ir);
} passes[] = {
  {"inline", tm_pass_inline}, {"fold", tm_pass_fold}, {"cse", tm_pass_cse},
  {"licm", tm_pass_licm}, {"dce", tm_pass_dce},
  {"pointers", tm_pass_pointers},
  {"block-pointers", tm_pass_block_pointers}, {"prefetch", prefetch},
};

/* Runs the passes named, one after the other; true if one made progress. */
static bool run_passes(tm_ir *ir, const char *names, tm_diags *diags) {
  char copy[128];
  bool changed = false;
  snprintf(copy, sizeof copy, "%s", names);
  for (char *name = strtok(copy, " "); name; name = strtok(NULL, " ")) {
    size_t p = 0;
    while (p < TM_COUNT(passes) && strcmp(passes[p].name, name) != 0) p++;
    assert_true(p < TM_COUNT(passes));
    changed |= passes[p].run(ir);
    if (tm_ir_verify(ir, diags, name)) continue;
    tm_buf out = tm_buf_in(ir->arena);
    tm_ir_print(ir, &out);
    tm_diags_render_all(diags, &out);
    fail_msg("%s", tm_buf_text(&out));
  }
  return changed;
}

static const char *print_without_names(ir_text *t) {
  for (uint32_t v = 1; v < t->ir->values.len; v++)
    tm_val(t->ir, v)->name = NULL;
  return ir_text_print(t);
}

static void open_kernel(ir_text *t, const char *body, char *text,
                        size_t size) {
  int n = snprintf(text, size,
                   "module {\n  tt.func public @k(%%p: !tt.ptr<f32>, %%q: "
                   "!tt.ptr<f16>, %%r: !tt.ptr<i32>, %%n: i32, %%m: i32, "
                   "%%c: i1, %%f: f32) attributes {noinline = false} {\n%s"
                   "    tt.return\n  }\n}\n", body);
  assert_true(n > 0 && (size_t)n < size);
  ir_text_open(t, text, (size_t)n);
  if (!t->ir) fail_msg("%s\n%s", body, ir_text_errors(t));
}

typedef struct pair {
  const char *passes, *before, *after;
} pair;

static void check_pairs(const pair *pairs, size_t n) {
  for (size_t k = 0; k < n; k++) {
    char before[8192], after[8192];
    ir_text t, want;
    open_kernel(&t, pairs[k].before, before, sizeof before);
    bool changed = run_passes(t.ir, pairs[k].passes, &t.diags);
    const char *expected = pairs[k].after ? pairs[k].after : pairs[k].before;
    if (!pairs[k].after && changed)
      fail_msg("%s fired on:\n%s\ngiving\n%s", pairs[k].passes,
               pairs[k].before, ir_text_print(&t));
    open_kernel(&want, expected, after, sizeof after);
    const char *have = print_without_names(&t);
    const char *wanted = print_without_names(&want);
    if (strcmp(have, wanted) != 0)
      fail_msg("%s of\n%s\ngave\n%s\nwanted\n%s", pairs[k].passes,
               pairs[k].before, have, wanted);
    ir_text_close(&t);
    ir_text_close(&want);
  }
}

/* Lines that keep a value alive. */
#define USE(v) "    tt.store %r, %" v " : !tt.ptr<i32>\n"
#define USEF(v) "    tt.store %p, %" v " : !tt.ptr<f32>\n"
#define USEB(v)                                        \
  "    %ue = arith.extui %" v " : i1 to i32\n" USE("ue")

/* ---- fold ------------------------------------------------------------- */

#define FOLD_INT(op, a, b, type, result)                                      \
  {"fold dce",                                                                \
   "    %x = arith.constant " a " : " type "\n    %y = arith.constant " b     \
   " : " type "\n    %z = arith." op " %x, %y : " type                        \
   "\n    %w = tt.splat %z : " type " -> tensor<2x" type ">\n"                \
   "    tt.print \"x\" {hex = false, isSigned = array<i32: 0>} : %w : "       \
   "tensor<2x" type ">\n",                                                    \
   "    %w = arith.constant dense<" result "> : tensor<2x" type ">\n"         \
   "    tt.print \"x\" {hex = false, isSigned = array<i32: 0>} : %w : "       \
   "tensor<2x" type ">\n"}

static const pair fold_pairs[] = {
  /* constants, by the definition of the operation */
  FOLD_INT("addi", "2147483647", "1", "i32", "-2147483648"),
  FOLD_INT("subi", "-128", "1", "i8", "127"),
  FOLD_INT("muli", "65536", "65536", "i32", "0"),
  FOLD_INT("divsi", "-7", "2", "i32", "-3"),
  FOLD_INT("remsi", "-7", "2", "i32", "-1"),
  FOLD_INT("divui", "-1", "2", "i32", "2147483647"),
  FOLD_INT("remui", "-1", "10", "i8", "5"), /* 255 mod 10 */
  FOLD_INT("shli", "1", "31", "i32", "-2147483648"),
  FOLD_INT("shrsi", "-9", "1", "i32", "-5"),
  FOLD_INT("shrui", "-1", "28", "i32", "15"),
  FOLD_INT("maxui", "-1", "1", "i32", "-1"),
  FOLD_INT("maxsi", "-1", "1", "i32", "1"),
  FOLD_INT("minui", "-1", "1", "i64", "1"),
  FOLD_INT("xori", "12", "10", "i16", "6"),
  FOLD_INT("addf", "1.0", "5.9604644775390625e-08", "f32", "1.0"),
  FOLD_INT("mulf", "3.0", "1.1", "f16", "3.298828e+00"),
  FOLD_INT("divf", "1.0", "3.0", "f32", "3.3333334e-01"),
  FOLD_INT("divf", "1.0", "0.0", "f32", "0x7F800000"),
  /* identities */
  {"fold dce",
   "    %z = arith.constant 0 : i32\n    %x = arith.addi %n, %z : i32\n"
   USE("x"), USE("n")},
  {"fold dce",
   "    %z = arith.constant 0 : i32\n    %x = arith.addi %z, %n : i32\n"
   USE("x"), USE("n")},
  {"fold dce",
   "    %o = arith.constant 1 : i32\n    %x = arith.muli %o, %n : i32\n"
   "    %y = arith.divsi %x, %o : i32\n" USE("y"), USE("n")},
  {"fold dce",
   "    %z = arith.constant 0 : i32\n    %x = arith.muli %n, %z : i32\n"
   USE("x"), "    %z = arith.constant 0 : i32\n" USE("z")},
  {"fold dce", "    %x = arith.subi %n, %n : i32\n" USE("x"),
   "    %z = arith.constant 0 : i32\n" USE("z")},
  {"fold dce",
   "    %m = arith.constant -1 : i32\n    %x = arith.andi %n, %m : i32\n"
   "    %y = arith.ori %x, %x : i32\n" USE("y"), USE("n")},
  {"fold dce", "    %x = arith.cmpi sle, %n, %n : i32\n" USEB("x"),
   "    %o = arith.constant 1 : i32\n" USE("o")},
  {"fold dce",
   "    %a = arith.constant 3 : i32\n    %b = arith.constant -5 : i32\n"
   "    %x = arith.addi %n, %a : i32\n    %y = arith.addi %x, %b : i32\n"
   USE("y"),
   "    %a = arith.constant -2 : i32\n    %x = arith.addi %n, %a : i32\n"
   USE("x")},
  {"fold dce",
   "    %a = arith.constant 3 : i32\n    %x = arith.subi %n, %a : i32\n"
   USE("x"),
   "    %a = arith.constant -3 : i32\n    %x = arith.addi %n, %a : i32\n"
   USE("x")},
  {"fold dce",
   "    %t = arith.constant true\n"
   "    %x = arith.select %t, %n, %m : i32\n" USE("x"), USE("n")},
  /* casts */
  {"fold dce",
   "    %a = arith.extsi %n : i32 to i64\n"
   "    %b = arith.trunci %a : i64 to i32\n" USE("b"), USE("n")},
  {"fold dce",
   "    %a = arith.bitcast %n : i32 to i32\n" USE("a"), USE("n")},
  {"fold dce",
   "    %a = arith.extui %c : i1 to i8\n    %b = arith.extsi %a : i8 to i32\n"
   USE("b"), "    %b = arith.extui %c : i1 to i32\n" USE("b")},
  /* near misses: floats, divisions without a value, shifts too far */
  {"fold", "    %z = arith.constant 0.0 : f32\n"
   "    %x = arith.addf %f, %z : f32\n" USEF("x"), NULL},
  {"fold", "    %z = arith.constant 1.0 : f32\n"
   "    %x = arith.mulf %f, %z : f32\n" USEF("x"), NULL},
  {"fold", "    %x = arith.subf %f, %f : f32\n" USEF("x"), NULL},
  {"fold", "    %x = arith.cmpf oeq, %f, %f : f32\n" USEB("x"), NULL},
  {"fold", "    %a = arith.constant 1 : i32\n    %z = arith.constant 0 : i32\n"
   "    %x = arith.divsi %a, %z : i32\n" USE("x"), NULL},
  {"fold",
   "    %a = arith.constant -2147483648 : i32\n"
   "    %z = arith.constant -1 : i32\n"
   "    %x = arith.divsi %a, %z : i32\n" USE("x"), NULL},
  {"fold", "    %a = arith.constant 1 : i32\n"
   "    %z = arith.constant 32 : i32\n"
   "    %x = arith.shli %a, %z : i32\n" USE("x"), NULL},
  {"fold", "    %a = arith.constant 0.0 : f32\n"
   "    %x = arith.divf %a, %a : f32\n" USEF("x"), NULL},
  {"fold", "    %a = arith.constant 3.0e9 : f32\n"
   "    %x = arith.fptosi %a : f32 to i32\n" USE("x"), NULL},
  {"fold", "    %a = arith.trunci %n : i32 to i8\n"
   "    %b = arith.extsi %a : i8 to i32\n" USE("b"), NULL},
  {"fold", "    %m = arith.constant -2147483648 : i32\n"
   "    %x = arith.subi %n, %m : i32\n" USE("x"), NULL},
};

static const pair fold_shape_pairs[] = {
  {"fold dce",
   "    %a = tt.splat %n : i32 -> tensor<4xi32>\n"
   "    %b = arith.constant dense<3> : tensor<4xi32>\n"
   "    %x = arith.muli %a, %b : tensor<4xi32>\n"
   "    %y = tt.expand_dims %x {axis = 0 : i32} : tensor<4xi32> -> "
   "tensor<1x4xi32>\n"
   "    %z = tt.broadcast %y : tensor<1x4xi32> -> tensor<2x4xi32>\n"
   "    tt.print \"z\" {hex = false, isSigned = array<i32: 1>} : %z : "
   "tensor<2x4xi32>\n",
   "    %b = arith.constant 3 : i32\n"
   "    %x = arith.muli %n, %b : i32\n"
   "    %z = tt.splat %x : i32 -> tensor<2x4xi32>\n"
   "    tt.print \"z\" {hex = false, isSigned = array<i32: 1>} : %z : "
   "tensor<2x4xi32>\n"},
  /* a hint speaks of the tensor */
  {"fold",
   "    %a = tt.splat %n : i32 -> tensor<4xi32>\n"
   "    %x = arith.muli %a, %a {tt.divisibility = dense<16> : "
   "tensor<1xi32>} : tensor<4xi32>\n"
   "    tt.print \"z\" {hex = false, isSigned = array<i32: 1>} : %x : "
   "tensor<4xi32>\n", NULL},
  /* ranges decide */
  {"fold dce",
   "    %i = tt.make_range {end = 8 : i32, start = 0 : i32} : tensor<8xi32>\n"
   "    %e = arith.constant dense<8> : tensor<8xi32>\n"
   "    %m = arith.cmpi slt, %i, %e : tensor<8xi32>\n"
   "    tt.assert %m, \"all\" : tensor<8xi1>\n",
   "    %m = arith.constant dense<true> : tensor<8xi1>\n"
   "    tt.assert %m, \"all\" : tensor<8xi1>\n"},
  {"fold",
   "    %i = tt.make_range {end = 8 : i32, start = 0 : i32} : tensor<8xi32>\n"
   "    %e = arith.constant dense<7> : tensor<8xi32>\n"
   "    %m = arith.cmpi slt, %i, %e : tensor<8xi32>\n"
   "    tt.assert %m, \"all\" : tensor<8xi1>\n", NULL},
  /* a product may wrap: its sign is not known */
  {"fold",
   "    %i = tt.get_program_id x : i32\n"
   "    %k = arith.constant 1024 : i32\n"
   "    %x = arith.muli %i, %k : i32\n"
   "    %z = arith.constant 0 : i32\n"
   "    %m = arith.cmpi sge, %x, %z : i32\n"
   "    tt.assert %m, \"not known\" : i1\n", NULL},
  /* addptr by 0, and by an extension */
  {"fold dce",
   "    %z = arith.constant 0 : i32\n"
   "    %a = tt.addptr %r, %z : !tt.ptr<i32>, i32\n"
   "    %w = arith.extsi %n : i32 to i64\n"
   "    %b = tt.addptr %a, %w : !tt.ptr<i32>, i64\n"
   "    tt.store %b, %n : !tt.ptr<i32>\n",
   "    %b = tt.addptr %r, %n : !tt.ptr<i32>, i32\n"
   "    tt.store %b, %n : !tt.ptr<i32>\n"},
  {"fold",
   "    %w = arith.extui %n : i32 to i64\n"
   "    %b = tt.addptr %r, %w : !tt.ptr<i32>, i64\n"
   "    tt.store %b, %n : !tt.ptr<i32>\n", NULL},
};

static const pair flow_pairs[] = {
  {"fold dce",
   "    %t = arith.constant false\n"
   "    %x = scf.if %t -> (i32) {\n      tt.store %r, %n : !tt.ptr<i32>\n"
   "      scf.yield %n : i32\n    } else {\n"
   "      %y = arith.addi %n, %n : i32\n      scf.yield %y : i32\n    }\n"
   USE("x"), "    %y = arith.addi %n, %n : i32\n" USE("y")},
  {"fold dce",
   "    %x = scf.if %c -> (i32) {\n      tt.store %r, %n : !tt.ptr<i32>\n"
   "      scf.yield %n : i32\n    } else {\n      scf.yield %n : i32\n    }\n"
   USE("x"),
   "    scf.if %c {\n      tt.store %r, %n : !tt.ptr<i32>\n    }\n"
   USE("n")},
  /* no trip, one trip, two */
  {"fold dce",
   "    %a = arith.constant 4 : i32\n    %s = arith.constant 1 : i32\n"
   "    %x = scf.for %i = %a to %a step %s iter_args(%v = %n) -> (i32)  : "
   "i32 {\n      %w = arith.addi %v, %i : i32\n      scf.yield %w : i32\n"
   "    }\n" USE("x"), USE("n")},
  {"fold dce",
   "    %a = arith.constant 4 : i32\n    %b = arith.constant 6 : i32\n"
   "    %s = arith.constant 2 : i32\n"
   "    %x = scf.for %i = %a to %b step %s iter_args(%v = %n) -> (i32)  : "
   "i32 {\n      %w = arith.muli %v, %i : i32\n      scf.yield %w : i32\n"
   "    }\n" USE("x"),
   "    %a = arith.constant 4 : i32\n    %w = arith.muli %n, %a : i32\n"
   USE("w")},
  {"fold",
   "    %a = arith.constant 4 : i32\n    %b = arith.constant 7 : i32\n"
   "    %s = arith.constant 2 : i32\n"
   "    %x = scf.for %i = %a to %b step %s iter_args(%v = %n) -> (i32)  : "
   "i32 {\n      %w = arith.muli %v, %i : i32\n      scf.yield %w : i32\n"
   "    }\n" USE("x"), NULL},
  {"fold",
   "    %a = arith.constant 4 : i32\n    %s = arith.constant 0 : i32\n"
   "    %x = scf.for %i = %a to %a step %s iter_args(%v = %n) -> (i32)  : "
   "i32 {\n      %w = arith.muli %v, %i : i32\n      scf.yield %w : i32\n"
   "    }\n" USE("x"), NULL},
  /* handed on unchanged; swapped is not that */
  {"fold dce",
   "    %s = arith.constant 1 : i32\n"
   "    %x:2 = scf.for %i = %s to %n step %s iter_args(%v = %n, %w = %s) -> "
   "(i32, i32)  : i32 {\n      %y = arith.muli %v, %w : i32\n"
   "      scf.yield %v, %y : i32, i32\n    }\n"
   "    %z = arith.addi %x#0, %x#1 : i32\n" USE("z"),
   "    %s = arith.constant 1 : i32\n"
   "    %x = scf.for %i = %s to %n step %s iter_args(%w = %s) -> "
   "(i32)  : i32 {\n      %y = arith.muli %n, %w : i32\n"
   "      scf.yield %y : i32\n    }\n"
   "    %z = arith.addi %n, %x : i32\n" USE("z")},
  {"fold",
   "    %s = arith.constant 1 : i32\n"
   "    %x:2 = scf.for %i = %s to %n step %s iter_args(%v = %n, %w = %s) -> "
   "(i32, i32)  : i32 {\n      scf.yield %w, %v : i32, i32\n    }\n"
   "    %z = arith.addi %x#0, %x#1 : i32\n" USE("z"), NULL},
};

/* ---- masks of loops over whole blocks ----------------------------------- */

/* The number of elements, a loop over it, and what becomes of a mask in it. */
#define BLOCKS(count, end, step, lines)                                       \
  "    %z = arith.constant 0 : i32\n    %o = arith.constant 1 : i32\n"       \
  "    %s = arith.constant 16 : i32\n    %t = arith.constant 15 : i32\n"     \
  "    %h = arith.constant 8 : i32\n"                                         \
  "    %l = arith.muli %n, %" count " : i32\n"                                \
  "    %e = arith.addi %l, %t : i32\n    %d = arith.divsi %e, %s : i32\n"    \
  "    scf.for %i = %z to %" end " step %" step "  : i32 {\n" lines           \
  "      tt.print \"x\" {hex = false, isSigned = array<i32: 0>} : %x : "      \
  "tensor<16xi1>\n    }\n"
#define SPLAT16(to, v) \
  "      %" to " = tt.splat %" v " : i32 -> tensor<16xi32>\n"
#define RANGE16 \
  "      %j = tt.make_range {start = 0 : i32, end = 16 : i32} : tensor<16xi32>\n"
#define SUM_IS_BELOW(first, end)                                              \
  RANGE16 SPLAT16("f", first) SPLAT16("g", end)                               \
  "      %k = arith.addi %f, %j : tensor<16xi32>\n"                           \
  "      %x = arith.cmpi slt, %k, %g : tensor<16xi32>\n"
#define REST_IS_ABOVE                                                         \
  "      %b = arith.muli %i, %s : i32\n      %c1 = arith.subi %l, %b : i32\n" \
  RANGE16 SPLAT16("g", "c1")                                                  \
  "      %x = arith.cmpi slt, %j, %g : tensor<16xi32>\n"
#define BLOCK_SUM_IS_BELOW \
  "      %b = arith.muli %i, %s : i32\n" SUM_IS_BELOW("b", "l")
#define MASK_IS_TRUE "      %x = arith.constant dense<true> : tensor<16xi1>\n"

static const pair loop_mask_pairs[] = {
  {"fold dce", BLOCKS("s", "l", "s", SUM_IS_BELOW("i", "l")),
   "    %z = arith.constant 0 : i32\n    %s = arith.constant 16 : i32\n"
   "    %l = arith.muli %n, %s : i32\n"
   "    scf.for %i = %z to %l step %s  : i32 {\n" MASK_IS_TRUE
   "      tt.print \"x\" {hex = false, isSigned = array<i32: 0>} : %x : "
   "tensor<16xi1>\n    }\n"},
  {"fold dce", BLOCKS("s", "d", "o", REST_IS_ABOVE),
   "    %z = arith.constant 0 : i32\n    %o = arith.constant 1 : i32\n"
   "    %s = arith.constant 16 : i32\n    %t = arith.constant 15 : i32\n"
   "    %l = arith.muli %n, %s : i32\n"
   "    %e = arith.addi %l, %t : i32\n    %d = arith.divsi %e, %s : i32\n"
   "    scf.for %i = %z to %d step %o  : i32 {\n" MASK_IS_TRUE
   "      tt.print \"x\" {hex = false, isSigned = array<i32: 0>} : %x : "
   "tensor<16xi1>\n    }\n"},
  {"fold dce", BLOCKS("s", "d", "o", BLOCK_SUM_IS_BELOW),
   "    %z = arith.constant 0 : i32\n    %o = arith.constant 1 : i32\n"
   "    %s = arith.constant 16 : i32\n    %t = arith.constant 15 : i32\n"
   "    %l = arith.muli %n, %s : i32\n"
   "    %e = arith.addi %l, %t : i32\n    %d = arith.divsi %e, %s : i32\n"
   "    scf.for %i = %z to %d step %o  : i32 {\n" MASK_IS_TRUE
   "      tt.print \"x\" {hex = false, isSigned = array<i32: 0>} : %x : "
   "tensor<16xi1>\n    }\n"},
  /* the number is no multiple of the block; steps are smaller than it; the
     loop begins inside of a block; the loop ends elsewhere */
  {"fold", BLOCKS("h", "l", "s", SUM_IS_BELOW("i", "l")), NULL},
  {"fold", BLOCKS("h", "d", "o", REST_IS_ABOVE), NULL},
  {"fold", BLOCKS("h", "d", "o", BLOCK_SUM_IS_BELOW), NULL},
  {"fold", BLOCKS("s", "l", "h", SUM_IS_BELOW("i", "l")), NULL},
  {"fold", BLOCKS("s", "e", "s", SUM_IS_BELOW("i", "l")), NULL},
  {"fold", BLOCKS("s", "l", "s", SUM_IS_BELOW("i", "n")), NULL},
  {"fold", BLOCKS("s", "e", "o", REST_IS_ABOVE), NULL},
};

/* ---- cse, licm, dce --------------------------------------------------- */

static const pair cse_pairs[] = {
  {"cse",
   "    %a = arith.addi %n, %m : i32\n    %b = arith.addi %m, %n : i32\n"
   "    %x = arith.muli %a, %b : i32\n" USE("x"),
   "    %a = arith.addi %n, %m : i32\n    %x = arith.muli %a, %a : i32\n"
   USE("x")},
  /* into inner blocks, not out of them, not across */
  {"cse",
   "    %a = arith.muli %n, %n : i32\n" USE("a")
   "    scf.if %c {\n      %b = arith.muli %n, %n : i32\n"
   "      tt.store %r, %b : !tt.ptr<i32>\n    }\n",
   "    %a = arith.muli %n, %n : i32\n" USE("a")
   "    scf.if %c {\n      tt.store %r, %a : !tt.ptr<i32>\n    }\n"},
  {"cse",
   "    scf.if %c {\n      %b = arith.muli %n, %n : i32\n"
   "      tt.store %r, %b : !tt.ptr<i32>\n    } else {\n"
   "      %b = arith.muli %n, %n : i32\n"
   "      tt.store %r, %b : !tt.ptr<i32>\n    }\n"
   "    %a = arith.muli %n, %n : i32\n" USE("a"), NULL},
  {"cse",
   "    %a = arith.subi %n, %m : i32\n    %b = arith.subi %m, %n : i32\n"
   "    %x = arith.muli %a, %b : i32\n" USE("x"), NULL},
  /* loads and other attributes are not equal */
  {"cse",
   "    %a = tt.load %r : !tt.ptr<i32>\n    tt.store %r, %n : !tt.ptr<i32>\n"
   "    %b = tt.load %r : !tt.ptr<i32>\n    %x = arith.addi %a, %b : i32\n"
   USE("x"), NULL},
  {"cse",
   "    %a = tt.get_program_id x : i32\n    %b = tt.get_program_id y : i32\n"
   "    %x = arith.addi %a, %b : i32\n" USE("x"), NULL},
  {"cse",
   "    %a = arith.constant 0.0 : f32\n    %b = arith.constant -0.0 : f32\n"
   "    %x = arith.divf %f, %a : f32\n    %y = arith.divf %f, %b : f32\n"
   USEF("x") USEF("y"), NULL},
};

static const pair licm_pairs[] = {
  {"licm",
   "    scf.for %i = %n to %n step %n  : i32 {\n"
   "      scf.for %j = %n to %n step %n  : i32 {\n"
   "        %a = arith.muli %n, %n : i32\n"
   "        %b = arith.addi %a, %i : i32\n"
   "        %d = arith.addi %b, %j : i32\n"
   "        tt.store %r, %d : !tt.ptr<i32>\n      }\n    }\n",
   "    %a = arith.muli %n, %n : i32\n"
   "    scf.for %i = %n to %n step %n  : i32 {\n"
   "      %b = arith.addi %a, %i : i32\n"
   "      scf.for %j = %n to %n step %n  : i32 {\n"
   "        %d = arith.addi %b, %j : i32\n"
   "        tt.store %r, %d : !tt.ptr<i32>\n      }\n    }\n"},
  /* a reduction goes with its region */
  {"licm",
   "    %t = tt.splat %f : f32 -> tensor<4xf32>\n"
   "    scf.for %i = %n to %n step %n  : i32 {\n"
   "      %s = \"tt.reduce\"(%t) <{axis = 0 : i32}> ({\n"
   "      ^bb0(%x: f32, %y: f32):\n        %z = arith.addf %x, %y : f32\n"
   "        tt.reduce.return %z : f32\n      }) : (tensor<4xf32>) -> f32\n"
   "      tt.store %p, %s : !tt.ptr<f32>\n    }\n",
   "    %t = tt.splat %f : f32 -> tensor<4xf32>\n"
   "    %s = \"tt.reduce\"(%t) <{axis = 0 : i32}> ({\n"
   "    ^bb0(%x: f32, %y: f32):\n      %z = arith.addf %x, %y : f32\n"
   "      tt.reduce.return %z : f32\n    }) : (tensor<4xf32>) -> f32\n"
   "    scf.for %i = %n to %n step %n  : i32 {\n"
   "      tt.store %p, %s : !tt.ptr<f32>\n    }\n"},
  {"licm",
   "    scf.for %i = %n to %n step %n  : i32 {\n"
   "      %a = tt.load %r : !tt.ptr<i32>\n"
   "      %b = arith.addi %i, %n : i32\n"
   "      tt.store %r, %a : !tt.ptr<i32>\n"
   "      tt.store %r, %b : !tt.ptr<i32>\n    }\n", NULL},
  {"licm",
   "    scf.if %c {\n      %a = arith.muli %n, %n : i32\n"
   "      tt.store %r, %a : !tt.ptr<i32>\n    }\n", NULL},
};

static const pair dce_pairs[] = {
  {"dce",
   "    %a = arith.muli %n, %n : i32\n    %b = tt.load %r : !tt.ptr<i32>\n"
   "    %d = arith.addi %a, %b : i32\n" USE("n"), USE("n")},
  /* a carried value that only carries itself on */
  {"dce",
   "    %x:2 = scf.for %i = %n to %n step %n iter_args(%v = %n, %w = %f) -> "
   "(i32, f32)  : i32 {\n      %y = arith.addf %w, %w : f32\n"
   "      %z = arith.addi %v, %i : i32\n      scf.yield %z, %y : i32, f32\n"
   "    } {tt.num_stages = 3 : i32}\n" USE("x#0"),
   "    %x = scf.for %i = %n to %n step %n iter_args(%v = %n) -> "
   "(i32)  : i32 {\n      %z = arith.addi %v, %i : i32\n"
   "      scf.yield %z : i32\n    } {tt.num_stages = 3 : i32}\n" USE("x")},
  {"dce",
   "    %x:2 = scf.if %c -> (i32, f32) {\n      scf.yield %n, %f : i32, f32\n"
   "    } else {\n      %y = arith.addf %f, %f : f32\n"
   "      scf.yield %n, %y : i32, f32\n    }\n" USEF("x#1"),
   "    %x = scf.if %c -> (f32) {\n      scf.yield %f : f32\n"
   "    } else {\n      %y = arith.addf %f, %f : f32\n"
   "      scf.yield %y : f32\n    }\n" USEF("x")},
  {"dce",
   "    %x:2 = scf.while (%a = %n, %b = %f) : (i32, f32) -> (f32, i32) {\n"
   "      %g = arith.cmpi slt, %a, %n : i32\n"
   "      scf.condition(%g) %b, %a : f32, i32\n    } do {\n"
   "    ^bb0(%d: f32, %e: i32):\n      %h = arith.addf %d, %d : f32\n"
   "      scf.yield %e, %h : i32, f32\n    }\n" USE("x#1"),
   "    %x = scf.while (%a = %n) : (i32) -> (i32) {\n"
   "      %g = arith.cmpi slt, %a, %n : i32\n"
   "      scf.condition(%g) %a : i32\n    } do {\n"
   "    ^bb0(%e: i32):\n      scf.yield %e : i32\n    }\n" USE("x")},
  {"dce", "    scf.for %i = %n to %n step %n  : i32 {\n"
   "      scf.if %c {\n        %a = arith.addi %i, %n : i32\n      }\n"
   "    }\n", ""},
  /* effects stay: atomics, volatile loads, asserts, assumptions */
  {"dce",
   "    %o = tt.atomic_rmw add, acq_rel, gpu, %r, %n : (!tt.ptr<i32>, i32) -> "
   "i32\n    %v = tt.load %r {isVolatile = true} : !tt.ptr<i32>\n"
   "    tt.assert %c, \"c\" : i1\n    llvm.intr.assume %c : i1\n"
   "    gpu.barrier\n", NULL},
  /* both carried values are needed, one through the other */
  {"dce",
   "    %x:2 = scf.for %i = %n to %n step %n iter_args(%v = %n, %w = %n) -> "
   "(i32, i32)  : i32 {\n      %z = arith.addi %v, %w : i32\n"
   "      scf.yield %z, %v : i32, i32\n    }\n" USE("x#0"), NULL},
};

/* ---- inline, pointers, block pointers --------------------------------- */

static const pair pointer_pairs[] = {
  /* a uniform term moves to the base */
  {"pointers dce",
   "    %k = arith.constant 64 : i32\n    %i = tt.get_program_id x : i32\n"
   "    %b = arith.muli %i, %k : i32\n"
   "    %a = tt.make_range {end = 64 : i32, start = 0 : i32} : "
   "tensor<64xi32>\n"
   "    %s = tt.splat %b : i32 -> tensor<64xi32>\n"
   "    %o = arith.addi %s, %a : tensor<64xi32>\n"
   "    %t = tt.splat %p : !tt.ptr<f32> -> tensor<64x!tt.ptr<f32>>\n"
   "    %q2 = tt.addptr %t, %o : tensor<64x!tt.ptr<f32>>, tensor<64xi32>\n"
   "    %v = tt.splat %f : f32 -> tensor<64xf32>\n"
   "    tt.store %q2, %v : tensor<64x!tt.ptr<f32>>\n",
   "    %k = arith.constant 64 : i32\n    %i = tt.get_program_id x : i32\n"
   "    %b = arith.muli %i, %k : i32\n"
   "    %a = tt.make_range {end = 64 : i32, start = 0 : i32} : "
   "tensor<64xi32>\n"
   "    %p2 = tt.addptr %p, %b : !tt.ptr<f32>, i32\n"
   "    %t = tt.splat %p2 : !tt.ptr<f32> -> tensor<64x!tt.ptr<f32>>\n"
   "    %q2 = tt.addptr %t, %a : tensor<64x!tt.ptr<f32>>, tensor<64xi32>\n"
   "    %v = tt.splat %f : f32 -> tensor<64xf32>\n"
   "    tt.store %q2, %v : tensor<64x!tt.ptr<f32>>\n"},
  /* a loop carries the scalar only */
  {"pointers fold dce licm",
   "    %a = tt.make_range {end = 8 : i32, start = 0 : i32} : tensor<8xi32>\n"
   "    %s = tt.splat %n : i32 -> tensor<8xi32>\n"
   "    %t = tt.splat %p : !tt.ptr<f32> -> tensor<8x!tt.ptr<f32>>\n"
   "    %o = tt.addptr %t, %a : tensor<8x!tt.ptr<f32>>, tensor<8xi32>\n"
   "    %x = scf.for %i = %n to %n step %n iter_args(%w = %o) -> "
   "(tensor<8x!tt.ptr<f32>>)  : i32 {\n"
   "      %v = tt.load %w : tensor<8x!tt.ptr<f32>>\n"
   "      tt.store %w, %v : tensor<8x!tt.ptr<f32>>\n"
   "      %y = tt.addptr %w, %s : tensor<8x!tt.ptr<f32>>, tensor<8xi32>\n"
   "      scf.yield %y : tensor<8x!tt.ptr<f32>>\n    }\n",
   "    %a = tt.make_range {end = 8 : i32, start = 0 : i32} : tensor<8xi32>\n"
   "    %x = scf.for %i = %n to %n step %n iter_args(%w = %p) -> "
   "(!tt.ptr<f32>)  : i32 {\n"
   "      %b = tt.splat %w : !tt.ptr<f32> -> tensor<8x!tt.ptr<f32>>\n"
   "      %d = tt.addptr %b, %a : tensor<8x!tt.ptr<f32>>, tensor<8xi32>\n"
   "      %v = tt.load %d : tensor<8x!tt.ptr<f32>>\n"
   "      tt.store %d, %v : tensor<8x!tt.ptr<f32>>\n"
   "      %y = tt.addptr %w, %n : !tt.ptr<f32>, i32\n"
   "      scf.yield %y : !tt.ptr<f32>\n    }\n"},
  /* ranges that add up in 32 bits, and that may not */
  {"pointers dce",
   "    %a = tt.make_range {end = 8 : i32, start = 0 : i32} : tensor<8xi32>\n"
   "    %t = tt.splat %p : !tt.ptr<f32> -> tensor<8x!tt.ptr<f32>>\n"
   "    %o = tt.addptr %t, %a : tensor<8x!tt.ptr<f32>>, tensor<8xi32>\n"
   "    %u = tt.addptr %o, %a : tensor<8x!tt.ptr<f32>>, tensor<8xi32>\n"
   "    %v = tt.splat %f : f32 -> tensor<8xf32>\n"
   "    tt.store %u, %v : tensor<8x!tt.ptr<f32>>\n",
   "    %a = tt.make_range {end = 8 : i32, start = 0 : i32} : tensor<8xi32>\n"
   "    %b = arith.addi %a, %a : tensor<8xi32>\n"
   "    %t = tt.splat %p : !tt.ptr<f32> -> tensor<8x!tt.ptr<f32>>\n"
   "    %u = tt.addptr %t, %b : tensor<8x!tt.ptr<f32>>, tensor<8xi32>\n"
   "    %v = tt.splat %f : f32 -> tensor<8xf32>\n"
   "    tt.store %u, %v : tensor<8x!tt.ptr<f32>>\n"},
  {"pointers dce",
   "    %rs = tt.splat %r : !tt.ptr<i32> -> tensor<8x!tt.ptr<i32>>\n"
   "    %a = tt.load %rs : tensor<8x!tt.ptr<i32>>\n"
   "    %t = tt.splat %p : !tt.ptr<f32> -> tensor<8x!tt.ptr<f32>>\n"
   "    %o = tt.addptr %t, %a : tensor<8x!tt.ptr<f32>>, tensor<8xi32>\n"
   "    %u = tt.addptr %o, %a : tensor<8x!tt.ptr<f32>>, tensor<8xi32>\n"
   "    %v = tt.splat %f : f32 -> tensor<8xf32>\n"
   "    tt.store %u, %v : tensor<8x!tt.ptr<f32>>\n",
   "    %rs = tt.splat %r : !tt.ptr<i32> -> tensor<8x!tt.ptr<i32>>\n"
   "    %a = tt.load %rs : tensor<8x!tt.ptr<i32>>\n"
   "    %x = arith.extsi %a : tensor<8xi32> to tensor<8xi64>\n"
   "    %y = arith.extsi %a : tensor<8xi32> to tensor<8xi64>\n"
   "    %z = arith.addi %x, %y : tensor<8xi64>\n"
   "    %t = tt.splat %p : !tt.ptr<f32> -> tensor<8x!tt.ptr<f32>>\n"
   "    %u = tt.addptr %t, %z : tensor<8x!tt.ptr<f32>>, tensor<8xi64>\n"
   "    %v = tt.splat %f : f32 -> tensor<8xf32>\n"
   "    tt.store %u, %v : tensor<8x!tt.ptr<f32>>\n"},
  /* already in form; chosen by a tensor */
  {"pointers",
   "    %a = tt.make_range {end = 8 : i32, start = 0 : i32} : tensor<8xi32>\n"
   "    %t = tt.splat %p : !tt.ptr<f32> -> tensor<8x!tt.ptr<f32>>\n"
   "    %o = tt.addptr %t, %a : tensor<8x!tt.ptr<f32>>, tensor<8xi32>\n"
   "    %v = tt.load %o : tensor<8x!tt.ptr<f32>>\n"
   "    tt.store %o, %v : tensor<8x!tt.ptr<f32>>\n", NULL},
  {"pointers",
   "    %a = tt.make_range {end = 8 : i32, start = 0 : i32} : tensor<8xi32>\n"
   "    %t = tt.splat %p : !tt.ptr<f32> -> tensor<8x!tt.ptr<f32>>\n"
   "    %o = tt.addptr %t, %a : tensor<8x!tt.ptr<f32>>, tensor<8xi32>\n"
   "    %m = arith.cmpi slt, %a, %a : tensor<8xi32>\n"
   "    %s = arith.select %m, %t, %o : tensor<8xi1>, "
   "tensor<8x!tt.ptr<f32>>\n"
   "    %v = tt.load %s : tensor<8x!tt.ptr<f32>>\n"
   "    tt.store %s, %v : tensor<8x!tt.ptr<f32>>\n", NULL},
  /* the sign of the term is not known, nor the rest's range: it stays */
  {"pointers dce",
   "    %rs = tt.splat %r : !tt.ptr<i32> -> tensor<8x!tt.ptr<i32>>\n"
   "    %a = tt.load %rs : tensor<8x!tt.ptr<i32>>\n"
   "    %s = tt.splat %n : i32 -> tensor<8xi32>\n"
   "    %d = arith.addi %s, %a : tensor<8xi32>\n"
   "    %e = arith.addi %d, %a : tensor<8xi32>\n"
   "    %t = tt.splat %p : !tt.ptr<f32> -> tensor<8x!tt.ptr<f32>>\n"
   "    %o = tt.addptr %t, %e : tensor<8x!tt.ptr<f32>>, tensor<8xi32>\n"
   "    %v = tt.load %o : tensor<8x!tt.ptr<f32>>\n"
   "    tt.store %o, %v : tensor<8x!tt.ptr<f32>>\n",
   "    %rs = tt.splat %r : !tt.ptr<i32> -> tensor<8x!tt.ptr<i32>>\n"
   "    %a = tt.load %rs : tensor<8x!tt.ptr<i32>>\n"
   "    %s = tt.splat %n : i32 -> tensor<8xi32>\n"
   "    %d = arith.addi %s, %a : tensor<8xi32>\n"
   "    %e = arith.addi %d, %a : tensor<8xi32>\n"
   "    %t = tt.splat %p : !tt.ptr<f32> -> tensor<8x!tt.ptr<f32>>\n"
   "    %o = tt.addptr %t, %e : tensor<8x!tt.ptr<f32>>, tensor<8xi32>\n"
   "    %v = tt.load %o : tensor<8x!tt.ptr<f32>>\n"
   "    tt.store %o, %v : tensor<8x!tt.ptr<f32>>\n"},
};

/* ---- prefetch ----------------------------------------------------------- */

/* A product of [16, 16] tiles: the left one is loaded where %at is, the loop
 * runs from lo to hi; more goes before the product. */
#define PRODUCT_HEAD                                                          \
  "    %o = tt.make_range {end = 256 : i32, start = 0 : i32} : "              \
  "tensor<256xi32>\n"                                                         \
  "    %oo = tt.reshape %o : tensor<256xi32> -> tensor<16x16xi32>\n"          \
  "    %z = arith.constant dense<0.0> : tensor<16x16xf32>\n"                  \
  "    %y = arith.constant dense<1.0> : tensor<16x16xf16>\n"                  \
  "    %w = arith.constant 16 : i32\n    %lo = arith.constant 0 : i32\n"
#define PLACES(name, pointer)                                                 \
  "    %" name "s = tt.splat %" pointer " : !tt.ptr<f16> -> "                 \
  "tensor<16x16x!tt.ptr<f16>>\n"                                              \
  "    %" name "_t = tt.addptr %" name "s, %oo : tensor<16x16x!tt.ptr<f16>>, " \
  "tensor<16x16xi32>\n"
#define PRODUCT(left, acc)                                                    \
  "    %d = tt.dot %" left ", %y, %" acc ", inputPrecision = ieee : "         \
  "tensor<16x16xf16> * tensor<16x16xf16> -> tensor<16x16xf32>\n"
#define PRODUCT_LOOP(lo, hi, step, more)                                      \
  PRODUCT_HEAD                                                                \
  "    %r0:2 = scf.for %k = %" lo " to %" hi " step %" step                   \
  " iter_args(%acc = %z, %at = %q) -> (tensor<16x16xf32>, !tt.ptr<f16>)  : "  \
  "i32 {\n"                                                                   \
  PLACES("a", "at")                                                           \
  "    %x = tt.load %a_t : tensor<16x16x!tt.ptr<f16>>\n" more                \
  PRODUCT("x", "acc")                                                         \
  "    %next = tt.addptr %at, %w : !tt.ptr<f16>, i32\n"                       \
  "    scf.yield %d, %next : tensor<16x16xf32>, !tt.ptr<f16>\n    }\n"        \
  "    tt.print \"x\" {hex = false, isSigned = array<i32: 0>} : %r0#0 : "     \
  "tensor<16x16xf32>\n"
#define MASK(name, bit)                                                       \
  "    %" name " = tt.splat %" bit " : i1 -> tensor<16x16xi1>\n"

static const pair prefetch_pairs[] = {
  {"prefetch dce", PRODUCT_LOOP("lo", "n", "w", ""),
   PRODUCT_HEAD
   "    %some = arith.cmpi slt, %lo, %n : i32\n"
   "    %last = arith.subi %n, %w : i32\n"
   PLACES("b", "q") MASK("first", "some")
   "    %x0 = tt.load %b_t, %first : tensor<16x16x!tt.ptr<f16>>\n"
   "    %r0:3 = scf.for %k = %lo to %n step %w iter_args(%acc = %z, %at = "
   "%q, %x = %x0) -> (tensor<16x16xf32>, !tt.ptr<f16>, tensor<16x16xf16>)  : "
   "i32 {\n"
   "    %more = arith.cmpi slt, %k, %last : i32\n"
   "    %ahead = tt.addptr %at, %w : !tt.ptr<f16>, i32\n"
   PLACES("a", "ahead") MASK("again", "more")
   "    %x1 = tt.load %a_t, %again : tensor<16x16x!tt.ptr<f16>>\n"
   PRODUCT("x", "acc")
   "    %next = tt.addptr %at, %w : !tt.ptr<f16>, i32\n"
   "    scf.yield %d, %next, %x1 : tensor<16x16xf32>, !tt.ptr<f16>, "
   "tensor<16x16xf16>\n    }\n"
   "    tt.print \"x\" {hex = false, isSigned = array<i32: 0>} : %r0#0 : "
   "tensor<16x16xf32>\n"},
  /* what is stored in the loop may be what is loaded */
  {"prefetch", PRODUCT_LOOP("lo", "n", "w", "    tt.store %p, %f : "
                            "!tt.ptr<f32>\n"), NULL},
  /* a lower bound that may be so low that hi - step wraps; any step */
  {"prefetch", PRODUCT_LOOP("m", "n", "w", ""), NULL},
  {"prefetch", PRODUCT_LOOP("lo", "n", "m", ""), NULL},
  /* the place of the next tile is known only when this one is there */
  {"prefetch",
   PRODUCT_HEAD
   "    %r0:2 = scf.for %k = %lo to %n step %w iter_args(%acc = %z, %at = "
   "%lo) -> (tensor<16x16xf32>, i32)  : i32 {\n"
   "    %here = tt.addptr %q, %at : !tt.ptr<f16>, i32\n"
   PLACES("a", "here")
   "    %x = tt.load %a_t : tensor<16x16x!tt.ptr<f16>>\n"
   PRODUCT("x", "acc")
   "    %next = tt.load %r : !tt.ptr<i32>\n"
   "    scf.yield %d, %next : tensor<16x16xf32>, i32\n    }\n"
   "    tt.print \"x\" {hex = false, isSigned = array<i32: 0>} : %r0#0 : "
   "tensor<16x16xf32>\n", NULL},
};

#define CHECK(pairs) \
  do {               \
    (void)state;     \
    check_pairs(pairs, TM_COUNT(pairs)); \
  } while (0)

static void fold_is_exact(void **state) { CHECK(fold_pairs); }
static void fold_shapes(void **state) { CHECK(fold_shape_pairs); }
static void fold_masks_of_whole_blocks(void **state) {
  CHECK(loop_mask_pairs);
}
static void fold_control_flow(void **state) { CHECK(flow_pairs); }
static void cse_merges_what_dominates(void **state) { CHECK(cse_pairs); }
static void licm_moves_what_is_pure(void **state) { CHECK(licm_pairs); }
static void dce_keeps_effects(void **state) { CHECK(dce_pairs); }
static void loops_load_the_next_tile(void **state) { CHECK(prefetch_pairs); }
static void pointers_have_a_base(void **state) { CHECK(pointer_pairs); }

static void calls_become_bodies(void **state) {
  (void)state;
  static const char text[] =
      "module {\n  tt.func public @k(%p: !tt.ptr<f32>, %f: f32) attributes "
      "{noinline = false} {\n    %0 = tt.call @twice(%f) : (f32) -> f32\n"
      "    tt.store %p, %0 : !tt.ptr<f32>\n    tt.return\n  }\n"
      "  tt.func private @twice(%x: f32) -> f32 attributes {noinline = false} "
      "{\n    %0 = tt.call @double(%x) : (f32) -> f32\n"
      "    %1 = tt.call @double(%0) : (f32) -> f32\n"
      "    tt.return %1 : f32\n  }\n"
      "  tt.func private @double(%x: f32) -> f32 attributes {noinline = "
      "false} {\n    %0 = arith.addf %x, %x : f32\n"
      "    tt.return %0 : f32\n  }\n}\n";
  ir_text t;
  ir_text_open(&t, text, sizeof text - 1);
  assert_non_null(t.ir);
  assert_true(run_passes(t.ir, "inline", &t.diags));
  assert_string_equal(
      print_without_names(&t),
      "module {\n  tt.func public @k(%0: !tt.ptr<f32>, %1: f32) attributes "
      "{noinline = false} {\n    %2 = arith.addf %1, %1 : f32\n"
      "    %3 = arith.addf %2, %2 : f32\n"
      "    tt.store %0, %3 : !tt.ptr<f32>\n    tt.return\n  }\n}\n");
  ir_text_close(&t);
}

static void recursion_stays_a_call(void **state) {
  (void)state;
  static const char text[] =
      "tt.func public @k(%n: i32) {\n  %0 = tt.call @f(%n) : (i32) -> i32\n"
      "  tt.call @g() : () -> ()\n  tt.return\n}\n"
      "tt.func private @f(%x: i32) -> i32 {\n"
      "  %0 = tt.call @f(%x) : (i32) -> i32\n  tt.return %0 : i32\n}\n"
      "tt.func private @g() {\n  gpu.barrier\n  tt.return\n}\n";
  ir_text t;
  ir_text_open(&t, text, sizeof text - 1);
  assert_non_null(t.ir);
  run_passes(t.ir, "inline", &t.diags);
  const char *out = ir_text_print(&t);
  assert_non_null(strstr(out, "tt.call @f"));
  assert_null(strstr(out, "tt.call @g"));
  ir_text_close(&t);
}

/* ---- whole kernels ---------------------------------------------------- */

enum { BUFFER = 1 << 14 };

typedef struct whole {
  const char *file;
  uint32_t grid[3];
  uint32_t n_buffers;
  uint32_t bytes[3];      /* of an element; 2: f16, 4: f32 */
  int64_t numbers[4];     /* the other arguments */
  uint32_t n_numbers;
} whole;

static void fill(unsigned char *data, uint32_t bytes, uint32_t seed) {
  for (size_t k = 0; k < BUFFER / bytes; k++) {
    seed = seed * 1664525u + 1013904223u;
    double x = (double)(seed >> 8) / (1 << 24) * 4 - 2;
    if (bytes == 4) {
      float f = (float)x;
      memcpy(data + k * 4, &f, 4);
    } else {
      uint64_t h = tm_eval_encode(TM_F16, tm_eval_round(TM_F16, x, false));
      memcpy(data + k * 2, &h, 2);
    }
  }
}

static tm_eval_result run_whole(const tm_ir *ir, const whole *w,
                                unsigned char data[3][BUFFER]) {
  tm_eval_arg args[8] = {{0}};
  for (uint32_t b = 0; b < w->n_buffers; b++) {
    fill(data[b], w->bytes[b], b + 1);
    args[b].data = data[b];
    args[b].bytes = BUFFER;
  }
  for (uint32_t k = 0; k < w->n_numbers; k++)
    args[w->n_buffers + k].i = w->numbers[k];
  tm_eval_options o = {.grid = {w->grid[0], w->grid[1], w->grid[2]}};
  return tm_eval_run(ir, args, w->n_buffers + w->n_numbers, &o);
}

static void check_whole(const whole *w, const char *skip) {
  static unsigned char before[3][BUFFER], after[3][BUFFER], fresh[3][BUFFER];
  char path[256];
  snprintf(path, sizeof path, "%sgolden/ttir/%s", TM_TEST_DIR, w->file);
  FILE *f = fopen(path, "rb");
  if (!f) fail_msg("%s: not found", path);
  char *text = calloc(1, 1 << 20);
  assert_non_null(text);
  size_t n = fread(text, 1, (1 << 20) - 1, f);
  fclose(f);
  ir_text t;
  ir_text_open(&t, text, n);
  if (!t.ir) fail_msg("%s", ir_text_errors(&t));
  tm_eval_result r = run_whole(t.ir, w, before);
  if (r.error) fail_msg("%s before: %s", w->file, r.error);
  if (!tm_optimize(t.ir, &t.diags, skip, NULL, NULL) ||
      !tm_optimize_loops(t.ir, 4, &t.diags, skip, NULL, NULL))
    fail_msg("%s\n%s", ir_text_print(&t), ir_text_errors(&t));
  r = run_whole(t.ir, w, after);
  if (r.error)
    fail_msg("%s after: %s\n%s", w->file, r.error, ir_text_print(&t));
  bool wrote = false;
  for (uint32_t b = 0; b < w->n_buffers; b++) {
    if (memcmp(before[b], after[b], BUFFER) != 0)
      fail_msg("%s: buffer %u differs\n%s", w->file, b, ir_text_print(&t));
    fill(fresh[b], w->bytes[b], b + 1);
    wrote = wrote || memcmp(fresh[b], after[b], BUFFER) != 0;
  }
  assert_true(wrote || w->numbers[0] == 0);
  ir_text_close(&t);
  free(text);
}

static const whole wholes[] = {
  /* x f32, y f16, n rows, m columns, strides */
  {"run_strided.ttir", {4, 1, 1}, 2, {4, 2}, {29, 61, 64, 70}, 4},
  {"run_strided.ttir", {4, 1, 1}, 2, {4, 2}, {32, 48, 100, 48}, 4},
  {"run_strided.ttir", {2, 1, 1}, 2, {4, 2}, {3, 1, 7, 1}, 4},
  {"run_strided.ttir", {1, 1, 1}, 2, {4, 2}, {0, 0, 0, 0}, 4},
  /* x, y f32, n, which */
  {"run_mixed.ttir", {1, 1, 1}, 2, {4, 4}, {5, 7}, 2},
  {"run_mixed.ttir", {1, 1, 1}, 2, {4, 4}, {1, 0}, 2},
  {"run_mixed.ttir", {1, 1, 1}, 2, {4, 4}, {40, 11}, 2},
  /* x, y f32, m rows, n columns */
  {"run_descriptors.ttir", {3, 1, 1}, 2, {4, 4}, {21, 37}, 2},
  {"run_descriptors.ttir", {2, 1, 1}, 2, {4, 4}, {16, 32}, 2},
  {"run_descriptors.ttir", {1, 1, 1}, 2, {4, 4}, {1, 5}, 2},
  /* a, b, c f16, M, N, K */
  {"run_blocks.ttir", {2, 3, 1}, 3, {2, 2, 2}, {29, 45, 37}, 3},
  {"run_blocks.ttir", {1, 1, 1}, 3, {2, 2, 2}, {16, 16, 32}, 3},
  {"run_blocks.ttir", {2, 2, 1}, 3, {2, 2, 2}, {17, 1, 3}, 3},
};

static void kernels_compute_the_same(void **state) {
  (void)state;
  for (size_t k = 0; k < TM_COUNT(wholes); k++) check_whole(&wholes[k], NULL);
}

static void any_pass_may_be_skipped(void **state) {
  (void)state;
  static const char *const skips[] = {
      "fold", "cse", "dce", "licm", "pointers", "block-pointers", "inline",
      "prefetch", "fold,cse,licm,dce", "inline,pointers"};
  for (size_t s = 0; s < TM_COUNT(skips); s++)
    for (size_t k = 0; k < TM_COUNT(wholes); k++)
      check_whole(&wholes[k], skips[s]);
}

/* After the pipeline nothing is left of what it is there to remove. */
static void no_block_pointer_or_call_is_left(void **state) {
  (void)state;
  for (size_t k = 0; k < TM_COUNT(wholes); k++) {
    char path[256];
    static char text[1 << 17];
    snprintf(path, sizeof path, "%sgolden/ttir/%s", TM_TEST_DIR,
             wholes[k].file);
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    size_t n = fread(text, 1, sizeof text, f);
    fclose(f);
    ir_text t;
    ir_text_open(&t, text, n);
    assert_non_null(t.ir);
    assert_true(tm_optimize(t.ir, &t.diags, NULL, NULL, NULL));
    const char *out = ir_text_print(&t);
    assert_null(strstr(out, "tensordesc"));
    assert_null(strstr(out, "make_tensor_ptr"));
    assert_null(strstr(out, "tt.call"));
    /* no loop carries a tensor of pointers */
    for (tm_inst i = 1; i < t.ir->insts.len; i++) {
      const tm_inst_data *d = tm_get(t.ir, i);
      if (!d->block || (d->op != TM_FOR && d->op != TM_WHILE)) continue;
      for (uint32_t r = 0; r < d->n_results; r++) {
        tm_type type = tm_type_of(t.ir, d->results + r);
        assert_false(tm_type_is_tensor(type) &&
                     type->element->kind == TM_TYPE_POINTER);
      }
    }
    ir_text_close(&t);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(fold_is_exact),
    cmocka_unit_test(fold_shapes),
    cmocka_unit_test(fold_control_flow),
    cmocka_unit_test(fold_masks_of_whole_blocks),
    cmocka_unit_test(cse_merges_what_dominates),
    cmocka_unit_test(licm_moves_what_is_pure),
    cmocka_unit_test(dce_keeps_effects),
    cmocka_unit_test(loops_load_the_next_tile),
    cmocka_unit_test(pointers_have_a_base),
    cmocka_unit_test(calls_become_bodies),
    cmocka_unit_test(recursion_stays_a_call),
    cmocka_unit_test(kernels_compute_the_same),
    cmocka_unit_test(any_pass_may_be_skipped),
    cmocka_unit_test(no_block_pointer_or_call_is_left),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
