/* SPDX-License-Identifier: MIT */
/*
 * softmax_builder.c - a kernel built by calls, with no source text.
 *
 * The builder makes the tree that the parser would make from
 *
 *     @triton.jit
 *     def softmax(out, x, stride, n, BLOCK: tl.constexpr):
 *         row = tl.program_id(0)
 *         i = tl.arange(0, BLOCK)
 *         m = i < n
 *         v = tl.load(x + row * stride + i, mask=m, other=-float("inf"))
 *         e = tl.exp(v - tl.max(v, axis=0))
 *         tl.store(out + row * stride + i, e / tl.sum(e, axis=0), mask=m)
 */
#include <stdio.h>
#include <tritonmetal.h>

enum { ROWS = 100, COLUMNS = 700, BLOCK = 1024 };

/* name(x), name(x, y) or name(x, y, keyword=value). */
static tm_expr *call(tm_ast *a, const char *name, tm_expr *x, tm_expr *y,
                     const char *keyword, tm_expr *value) {
  tm_expr *args[2] = {x, y};
  tm_ast_keyword keywords[1] = {{keyword, value}};
  return tm_ast_call(a, tm_ast_name(a, name), args, y ? 2 : 1, keywords,
                     keyword ? 1 : 0);
}

static tm_expr *name(tm_ast *a, const char *text) {
  return tm_ast_name(a, text);
}
static tm_expr *op(tm_ast *a, const char *text, tm_expr *x, tm_expr *y) {
  return tm_ast_binary(a, text, x, y);
}

/* p + row * stride + i */
static tm_expr *address(tm_ast *a, const char *pointer) {
  tm_expr *row = op(a, "*", name(a, "row"), name(a, "stride"));
  return op(a, "+", op(a, "+", name(a, pointer), row), name(a, "i"));
}

static void build_softmax(tm_ast *a) {
  tm_ast_function(a, "softmax", TM_AST_JIT);
  tm_ast_param(a, "out", NULL, NULL);
  tm_ast_param(a, "x", NULL, NULL);
  tm_ast_param(a, "stride", NULL, NULL);
  tm_ast_param(a, "n", NULL, NULL);
  tm_ast_param(a, "BLOCK", name(a, "tl.constexpr"), NULL);
  tm_ast_assign(a, name(a, "row"),
                call(a, "tl.program_id", tm_ast_int(a, 0), NULL, NULL, NULL));
  tm_ast_assign(a, name(a, "i"),
                call(a, "tl.arange", tm_ast_int(a, 0), name(a, "BLOCK"), NULL,
                     NULL));
  tm_ast_assign(a, name(a, "m"), op(a, "<", name(a, "i"), name(a, "n")));
  tm_expr *infinity = call(a, "float", tm_ast_string(a, "inf"), NULL, NULL,
                           NULL);
  tm_expr *from[1] = {address(a, "x")};
  tm_ast_keyword load[2] = {{"mask", name(a, "m")},
                            {"other", tm_ast_unary(a, "-", infinity)}};
  tm_ast_assign(a, name(a, "v"),
                tm_ast_call(a, name(a, "tl.load"), from, 1, load, 2));
  tm_expr *most = call(a, "tl.max", name(a, "v"), NULL, "axis",
                       tm_ast_int(a, 0));
  tm_ast_assign(a, name(a, "e"),
                call(a, "tl.exp", op(a, "-", name(a, "v"), most), NULL, NULL,
                     NULL));
  tm_expr *sum = call(a, "tl.sum", name(a, "e"), NULL, "axis",
                      tm_ast_int(a, 0));
  tm_ast_do(a, call(a, "tl.store", address(a, "out"),
                    op(a, "/", name(a, "e"), sum), "mask", name(a, "m")));
  tm_ast_end(a);
}

int main(void) {
  tm_error *error = NULL;
  tm_context *context = NULL;
  tm_ast *builder = NULL;
  tm_module *module = NULL;
  tm_function *softmax = NULL;
  tm_stream *stream = NULL;
  tm_buffer *x = NULL, *y = NULL;
  if (tm_context_create(&context, NULL, &error) ||
      tm_ast_create(&builder, "ops", &error))
    goto done;
  build_softmax(builder);
  uint64_t size = ROWS * COLUMNS * sizeof(float);
  if (tm_ast_finish(&module, builder, &error) ||
      tm_function_create(&softmax, context, module, "softmax", NULL, &error) ||
      tm_stream_create(&stream, context, NULL, &error) ||
      tm_buffer_create(&x, context, size, NULL, &error) ||
      tm_buffer_create(&y, context, size, NULL, &error))
    goto done;
  float *in = tm_buffer_contents(x);
  for (int i = 0; i < ROWS * COLUMNS; i++) in[i] = (float)(i % 13);
  tm_arg args[5] = {tm_arg_tensor(y, 0, TM_DTYPE_F32),
                    tm_arg_tensor(x, 0, TM_DTYPE_F32), tm_arg_int(COLUMNS),
                    tm_arg_int(COLUMNS), tm_arg_int(BLOCK)};
  if (tm_function_launch(stream, softmax, tm_grid_1d(ROWS), args, 5, NULL,
                         &error) ||
      tm_stream_synchronize(stream, TM_WAIT_FOREVER, &error))
    goto done;
  const float *out = tm_buffer_contents(y);
  double sum = 0;
  for (int i = 0; i < COLUMNS; i++) sum += (double)out[i];
  printf("the first row sums to %.6f\n", sum);
done:
  if (error) fputs(tm_error_text(error), stderr);
  tm_buffer_destroy(x), tm_buffer_destroy(y);
  tm_stream_destroy(stream), tm_function_destroy(softmax);
  tm_module_destroy(module), tm_ast_destroy(builder);
  tm_context_destroy(context);
  return error ? tm_error_destroy(error), 1 : 0;
}
