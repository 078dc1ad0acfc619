/* SPDX-License-Identifier: MIT */
/*
 * lint_tensor.c - the rules of tensor operations that single tokens show
 * (METAL-FACTS 2.7); lint_flow.c follows the tiles through them.
 *
 *   tensor   the header is included, the text is declared to need MSL 4.0 and
 *            the chip has matrix units; a descriptor's m, n and k are multiples
 *            of 16 (8 does not compile), and relaxed_precision is false;
 *            execution_simdgroups<N> has the kernel's number; tensors are of
 *            half, bfloat or float, in threadgroup memory; both operands of
 *            run have one element type (others fail an assertion of Apple's
 *            headers)
 */
#include "lint.h"

enum { LEAST_TILE = 16 };

typedef struct operand { /* auto name = tensor<threadgroup type, ...> */
  uint32_t name, type;   /* tokens */
} operand;

typedef struct operands { TM_VEC(operand) list; } operands;

static uint32_t number_at(const linter *l, uint32_t i) {
  const lint_token *t = lint_at(l, i);
  uint32_t n = 0;
  if (t->kind != LINT_NUMBER) return 0;
  for (uint32_t k = 0; k < t->len && t->text[k] >= '0' && t->text[k] <= '9' &&
                       n < 1u << 20; k++)
    n = n * 10 + (uint32_t)(t->text[k] - '0');
  return n;
}

/* auto x = matmul2d_descriptor(...), = tensor<...>(...), and the destination
 * of an operation, x.get_destination_cooperative_tensor<...>(). */
bool lint_is_tensor_auto(const linter *l, uint32_t i) {
  if (!lint_is(l, i, "auto") || lint_at(l, i + 1)->kind != LINT_WORD ||
      !lint_is(l, i + 2, "="))
    return false;
  if (lint_is(l, i + 3, "tensor")) return lint_is(l, i + 4, "<");
  if (lint_is(l, i + 3, "mpp"))
    return lint_is(l, i + 5, "tensor_ops") &&
           lint_is(l, i + 7, "matmul2d_descriptor");
  return lint_is(l, i + 4, ".") &&
         lint_is(l, i + 5, "get_destination_cooperative_tensor");
}

/* At '(': m, n, k, transpose_left, transpose_right, relaxed_precision, mode.
 * All but the mode are one token each. */
static void check_descriptor(linter *l, uint32_t open) {
  for (uint32_t i = 0; i < 3; i++) {
    uint32_t n = number_at(l, open + 1 + i * 2);
    if (n == 0 || n % LEAST_TILE)
      lint_report(l, open, "tensor", "a side of %u in a matmul2d_descriptor is "
                  "no multiple of %u", (unsigned)n, (unsigned)LEAST_TILE);
  }
  if (!lint_is(l, open + 11, "false"))
    lint_report(l, open, "tensor", "relaxed_precision is not false");
  if (!lint_is(l, open + 12, ","))
    lint_report(l, open, "tensor", "the mode is left to its default");
}

static void check_scope(linter *l, uint32_t i) {
  uint32_t n = lint_is(l, i + 1, "<") ? number_at(l, i + 2) : 0;
  if (n * 32 != l->msl->threads)
    lint_report(l, i, "tensor", "an operation of %u simdgroups in a kernel of "
                "%u threads", (unsigned)n, (unsigned)l->msl->threads);
}

/* At the word before '<': tensor<threadgroup T, ...>. */
static void check_tensor(linter *l, uint32_t i, operands *all) {
  bool fits = lint_is(l, i + 2, "threadgroup") &&
              (lint_is(l, i + 3, "half") || lint_is(l, i + 3, "bfloat") ||
               lint_is(l, i + 3, "float"));
  if (!fits)
    lint_report(l, i, "tensor", "a tensor that is not of half, bfloat or float "
                "in threadgroup memory");
  if (i < 2 || !lint_is(l, i - 1, "=")) return;
  operand o = {i - 2, i + 3};
  tm_push(l->arena, &all->list, o);
}

static uint32_t type_of(const linter *l, const operands *all, uint32_t name) {
  for (uint32_t i = 0; i < all->list.len; i++)
    if (lint_same(l, all->list.data[i].name, name))
      return all->list.data[i].type;
  return 0;
}

/* At '(' of x.run(a, b, c). */
static void check_run(linter *l, uint32_t open, const operands *all) {
  uint32_t a = type_of(l, all, open + 1), b = type_of(l, all, open + 3);
  if (!a || !b || !lint_same(l, a, b) || lint_is(l, a, "float"))
    lint_report(l, open, "tensor", "operands that are not both of half or both "
                "of bfloat");
}

void lint_tensor(linter *l) {
  bool included = false;
  uint32_t used = 0;
  operands all = {{0}};
  for (uint32_t i = 0; i < l->tokens.len; i++) {
    const lint_token *t = lint_at(l, i);
    static const char header[] = "#include <MetalPerformancePrimitives/";
    included = included || (t->kind == LINT_DIRECTIVE &&
                            t->len >= sizeof header - 1 &&
                            memcmp(t->text, header, sizeof header - 1) == 0);
    if (t->kind != LINT_WORD) continue;
    if (lint_is(l, i, "matmul2d_descriptor") && lint_is(l, i + 1, "("))
      check_descriptor(l, i + 1);
    if (lint_is(l, i, "execution_simdgroups")) check_scope(l, i);
    if (lint_is(l, i, "tensor") && lint_is(l, i + 1, "<"))
      check_tensor(l, i, &all);
    if (lint_is(l, i, "matmul2d")) used = i;
    if (lint_is(l, i, "run") && i > 0 && lint_is(l, i - 1, ".") &&
        lint_is(l, i + 1, "("))
      check_run(l, i + 1, &all);
  }
  if (!used) return;
  if (!included)
    lint_report(l, used, "tensor", "MetalPerformancePrimitives is not "
                "included");
  if (l->msl->language_version < TM_MSL_TENSORS)
    lint_report(l, used, "tensor", "the text is declared to need MSL %u.%u "
                "only", (unsigned)(l->msl->language_version >> 16),
                (unsigned)(l->msl->language_version & 0xffff));
  if (!l->chip->matrix_unit)
    lint_report(l, used, "tensor", "%s has no matrix units",
                l->chip->device_name);
}
