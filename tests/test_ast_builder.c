/* SPDX-License-Identifier: MIT */
/*
 * test_ast_builder.c - kernels built by calls give the MSL that the parser
 * gives for the same program written as text.
 */
#include "support/device.h"

#include <stdio.h>
#include <string.h>

/* MSL of a kernel for an M1; the text is the kernel's. */
static tm_kernel *compile(tm_context *context, const tm_module *module,
                          const char *name, const char *signature) {
  tm_kernel *kernel = NULL;
  tm_error *error = NULL;
  tm_compile_options options = TM_COMPILE_OPTIONS_INIT;
  options.signature = signature;
  options.chip = "m1";
  options.cache = TM_SWITCH_OFF;
  if (tm_compile(&kernel, context, module, name, &options, &error))
    fail_msg("%s", tm_error_text(error));
  return kernel;
}

/* Everything but comments: those show source text and line numbers, which a
 * built program has none of. */
static void strip_comments(const char *msl, char *out, size_t size) {
  size_t n = 0;
  while (*msl && n + 1 < size) {
    if (msl[0] == '/' && msl[1] == '/') {
      while (*msl && *msl != '\n') msl++;
      while (n && out[n - 1] == ' ') n--;
    } else {
      out[n++] = *msl++;
    }
  }
  out[n] = 0;
}

static void expect_same(tm_ast *ast, const char *source, const char *name,
                        const char *signature) {
  static char built[1 << 16], parsed[1 << 16];
  tm_context *context = NULL;
  tm_error *error = NULL;
  tm_module *a = NULL, *b = NULL, *c = NULL;
  assert_int_equal(tm_context_create(&context, NULL, &error), TM_OK);
  if (tm_ast_finish(&a, ast, &error)) fail_msg("%s", tm_error_text(error));
  assert_int_equal(tm_module_parse(&b, NULL, "t.py", source, strlen(source),
                                   NULL, &error),
                   TM_OK);
  tm_kernel *from_calls = compile(context, a, name, signature);
  tm_kernel *from_text = compile(context, b, name, signature);
  strip_comments(tm_kernel_text(from_calls, TM_STAGE_MSL), built,
                 sizeof built);
  strip_comments(tm_kernel_text(from_text, TM_STAGE_MSL), parsed,
                 sizeof parsed);
  assert_non_null(strstr(parsed, "kernel void"));
  assert_string_equal(built, parsed);
  /* And to the letter, comments too, from the text that it reads as. */
  const char *text = tm_module_text(a);
  assert_int_equal(
      tm_module_parse(&c, NULL, "t.py", text, strlen(text), NULL, &error),
      TM_OK);
  tm_kernel *again = compile(context, c, name, signature);
  assert_string_equal(tm_kernel_text(again, TM_STAGE_MSL),
                      tm_kernel_text(from_calls, TM_STAGE_MSL));
  tm_kernel_destroy(from_calls), tm_kernel_destroy(from_text);
  tm_kernel_destroy(again);
  tm_module_destroy(a), tm_module_destroy(b), tm_module_destroy(c);
  tm_context_destroy(context);
}

static tm_ast *open_builder(void) {
  tm_ast *ast = NULL;
  assert_int_equal(tm_ast_create(&ast, "ops", NULL), TM_OK);
  return ast;
}

static tm_expr *call1(tm_ast *a, const char *f, tm_expr *x) {
  return tm_ast_call(a, tm_ast_name(a, f), &x, 1, NULL, 0);
}
static tm_expr *call2(tm_ast *a, const char *f, tm_expr *x, tm_expr *y) {
  tm_expr *args[2] = {x, y};
  return tm_ast_call(a, tm_ast_name(a, f), args, 2, NULL, 0);
}
static tm_expr *masked(tm_ast *a, const char *f, tm_expr *x, tm_expr *y) {
  tm_expr *args[2] = {x, y};
  tm_ast_keyword mask = {"mask", tm_ast_name(a, "m")};
  return tm_ast_call(a, tm_ast_name(a, f), args, y ? 2 : 1, &mask, 1);
}
static tm_expr *plus(tm_ast *a, const char *x, const char *y) {
  return tm_ast_binary(a, "+", tm_ast_name(a, x), tm_ast_name(a, y));
}
static void let(tm_ast *a, const char *name, tm_expr *value) {
  tm_ast_assign(a, tm_ast_name(a, name), value);
}

static void built_vector_add_is_the_parsed_one(void **state) {
  (void)state;
  tm_ast *a = open_builder();
  tm_ast_function(a, "add", TM_AST_JIT);
  tm_ast_param(a, "x", NULL, NULL);
  tm_ast_param(a, "y", NULL, NULL);
  tm_ast_param(a, "out", NULL, NULL);
  tm_ast_param(a, "n", NULL, NULL);
  tm_ast_param(a, "BLOCK", tm_ast_name(a, "tl.constexpr"), NULL);
  let(a, "i",
      tm_ast_binary(a, "+",
                    tm_ast_binary(a, "*",
                                  call1(a, "tl.program_id", tm_ast_int(a, 0)),
                                  tm_ast_name(a, "BLOCK")),
                    call2(a, "tl.arange", tm_ast_int(a, 0),
                          tm_ast_name(a, "BLOCK"))));
  let(a, "m", tm_ast_binary(a, "<", tm_ast_name(a, "i"),
                            tm_ast_name(a, "n")));
  let(a, "u", masked(a, "tl.load", plus(a, "x", "i"), NULL));
  let(a, "v", masked(a, "tl.load", plus(a, "y", "i"), NULL));
  tm_ast_do(a, masked(a, "tl.store", plus(a, "out", "i"),
                      plus(a, "u", "v")));
  tm_ast_end(a);
  expect_same(a,
              "import triton\n"
              "import triton.language as tl\n"
              "@triton.jit\n"
              "def add(x, y, out, n, BLOCK: tl.constexpr):\n"
              "    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)\n"
              "    m = i < n\n"
              "    u = tl.load(x + i, mask=m)\n"
              "    v = tl.load(y + i, mask=m)\n"
              "    tl.store(out + i, u + v, mask=m)\n",
              "add", "*fp32:16, *fp32:16, *fp32:16, i32, 1024");
  tm_ast_destroy(a);
}

static void built_softmax_is_the_parsed_one(void **state) {
  (void)state;
  tm_ast *a = open_builder();
  tm_ast_function(a, "softmax", TM_AST_JIT);
  tm_ast_param(a, "out", NULL, NULL);
  tm_ast_param(a, "x", NULL, NULL);
  tm_ast_param(a, "stride", NULL, NULL);
  tm_ast_param(a, "n", NULL, NULL);
  tm_ast_param(a, "BLOCK", tm_ast_name(a, "tl.constexpr"),
               tm_ast_int(a, 1024));
  let(a, "row",
      tm_ast_binary(a, "*", call1(a, "tl.program_id", tm_ast_int(a, 0)),
                    tm_ast_name(a, "stride")));
  let(a, "i",
      call2(a, "tl.arange", tm_ast_int(a, 0), tm_ast_name(a, "BLOCK")));
  let(a, "m",
      tm_ast_binary(a, "<", tm_ast_name(a, "i"), tm_ast_name(a, "n")));
  tm_expr *from = tm_ast_binary(a, "+", plus(a, "x", "row"),
                                tm_ast_name(a, "i"));
  tm_ast_keyword load[2] = {{"mask", tm_ast_name(a, "m")},
                            {"other", tm_ast_float(a, -1.0 / 0.0)}};
  let(a, "v",
      tm_ast_call(a, tm_ast_name(a, "tl.load"), &from, 1, load, 2));
  let(a, "e",
      call1(a, "tl.exp",
            tm_ast_binary(a, "-", tm_ast_name(a, "v"),
                          call2(a, "tl.max", tm_ast_name(a, "v"),
                                tm_ast_int(a, 0)))));
  tm_expr *to = tm_ast_binary(a, "+", plus(a, "out", "row"),
                              tm_ast_name(a, "i"));
  tm_ast_do(a, masked(a, "tl.store", to,
                      tm_ast_binary(a, "/", tm_ast_name(a, "e"),
                                    call2(a, "tl.sum", tm_ast_name(a, "e"),
                                          tm_ast_int(a, 0)))));
  tm_ast_end(a);
  expect_same(a,
              "import triton\n"
              "import triton.language as tl\n"
              "\n"
              "@triton.jit\n"
              "def softmax(out, x, stride, n, BLOCK: tl.constexpr = 1024):\n"
              "    row = tl.program_id(0) * stride\n"
              "    i = tl.arange(0, BLOCK)\n"
              "    m = i < n\n"
              "    v = tl.load(x + row + i, mask=m, other=-float('inf'))\n"
              "    e = tl.exp(v - tl.max(v, 0))\n"
              "    tl.store(out + row + i, e / tl.sum(e, 0), mask=m)\n",
              "softmax", "*fp32:16, *fp32:16, i32:16, i32");
  tm_ast_destroy(a);
}

/* if, for, while, else, tuples and updates all reach the tree. */
static void every_statement_can_be_built(void **state) {
  (void)state;
  tm_ast *a = open_builder();
  tm_ast_function(a, "f", TM_AST_JIT);
  tm_ast_param(a, "p", NULL, NULL);
  tm_ast_param(a, "n", NULL, NULL);
  let(a, "s", tm_ast_int(a, -3));
  tm_ast_for(a, tm_ast_name(a, "k"),
             call1(a, "range", tm_ast_name(a, "n")));
  tm_ast_if(a, tm_ast_binary(a, ">", tm_ast_name(a, "k"), tm_ast_int(a, 2)));
  tm_ast_update(a, "+", tm_ast_name(a, "s"), tm_ast_name(a, "k"));
  tm_ast_else(a);
  tm_ast_update(a, "-", tm_ast_name(a, "s"), tm_ast_int(a, 1));
  tm_ast_end(a);
  tm_ast_end(a);
  tm_ast_do(a, call2(a, "tl.store", tm_ast_name(a, "p"),
                     tm_ast_name(a, "s")));
  tm_ast_end(a);
  expect_same(a,
              "import triton\n"
              "import triton.language as tl\n"
              "@triton.jit\n"
              "def f(p, n):\n"
              "    s = -3\n"
              "    for k in range(n):\n"
              "        if k > 2:\n"
              "            s += k\n"
              "        else:\n"
              "            s -= 1\n"
              "    tl.store(p, s)\n",
              "f", "*i32, i32");
  tm_ast_destroy(a);
}

/* The first mistake is what tm_ast_finish tells, and nothing crashes. */
static void mistakes_are_told_at_the_end(void **state) {
  (void)state;
  static const char *const says[] = {"'2x' is not a name", "still open",
                                     "not a binary operator",
                                     "must follow its function",
                                     "without an open block", "NULL"};
  for (int i = 0; i < 6; i++) {
    tm_ast *a = open_builder();
    tm_expr *x = tm_ast_name(a, i == 0 ? "2x" : "x");
    if (i == 1) tm_ast_function(a, "f", TM_AST_JIT);
    if (i == 2) let(a, "y", tm_ast_binary(a, "<>", x, x));
    if (i == 3) tm_ast_param(a, "p", NULL, NULL);
    if (i == 4) tm_ast_end(a);
    if (i == 5) tm_ast_assign(a, x, NULL);
    tm_module *module = NULL;
    tm_error *error = NULL;
    assert_int_equal(tm_ast_finish(&module, a, &error), TM_E_ARGUMENT);
    assert_null(module);
    if (!strstr(tm_error_message(error), says[i]))
      fail_msg("'%s' does not say '%s'", tm_error_message(error), says[i]);
    tm_error_destroy(error);
    tm_ast_destroy(a);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(built_vector_add_is_the_parsed_one),
      cmocka_unit_test(built_softmax_is_the_parsed_one),
      cmocka_unit_test(every_statement_can_be_built),
      cmocka_unit_test(mistakes_are_told_at_the_end),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
