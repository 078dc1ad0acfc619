/* SPDX-License-Identifier: MIT */
/*
 * rules.c - result types from operand types, one case per RULE of ops.def.
 *
 * The builder asks when no types are given; the verifier asks of every
 * instruction and compares. Some ops whose rule is GIVEN have only one
 * possible type all the same (get_program_id, make_range, loops); those are
 * answered here too, as a convenience to builders.
 */
#include "irint.h"

static const tm_attr *query_attr(const tm_rule_query *q, tm_attr_key key) {
  for (uint32_t i = 0; i < q->n_attrs; i++)
    if (q->attrs[i].key == key) return &q->attrs[i];
  return NULL;
}

tm_type tm_rule_loaded(tm_ir *ir, tm_type pointer) {
  tm_type element = tm_type_element(pointer);
  if (element->kind != TM_TYPE_POINTER) return NULL;
  if (pointer->kind == TM_TYPE_TENSOR &&
      element->element->kind == TM_TYPE_TENSOR)
    return NULL; /* a tensor of block pointers */
  return tm_type_like(ir, pointer, element->element);
}

/* A shape with dimension d taken out; its element when nothing is left. */
static tm_type without_dim(tm_ir *ir, tm_type t, uint32_t d) {
  int64_t shape[TM_MAX_RANK];
  uint32_t rank = 0;
  for (uint32_t i = 0; i < t->rank; i++)
    if (i != d) shape[rank++] = t->shape[i];
  if (rank == 0) return t->element;
  return tm_type_tensor(ir, t->element, rank, shape);
}

static const char *infer_reduce(const tm_rule_query *q, tm_type *types) {
  const tm_attr *axis = query_attr(q, TM_ATTR_AXIS);
  if (!axis) return "the axis is missing";
  for (uint32_t i = 0; i < q->n_operands; i++) {
    tm_type t = tm_type_of(q->ir, q->operands[i]);
    if (t->kind != TM_TYPE_TENSOR) return "an operand is not a tensor";
    if (axis->i < 0 || axis->i >= t->rank) return "the axis is out of range";
    types[i] = without_dim(q->ir, t, (uint32_t)axis->i);
  }
  return NULL;
}

static const char *infer_expand(const tm_rule_query *q, tm_type t,
                                tm_type *out) {
  const tm_attr *axis = query_attr(q, TM_ATTR_AXIS);
  if (!axis) return "the axis is missing";
  if (t->kind != TM_TYPE_TENSOR) return "the operand is not a tensor";
  if (axis->i < 0 || axis->i > t->rank) return "the axis is out of range";
  if (t->rank == TM_MAX_RANK) return "the result has too many dimensions";
  int64_t shape[TM_MAX_RANK];
  uint32_t from = 0;
  for (uint32_t d = 0; d <= t->rank; d++)
    shape[d] = (int64_t)d == axis->i ? 1 : t->shape[from++];
  *out = tm_type_tensor(q->ir, t->element, t->rank + 1, shape);
  return NULL;
}

static const char *infer_trans(const tm_rule_query *q, tm_type t,
                               tm_type *out) {
  const tm_attr *order = query_attr(q, TM_ATTR_ORDER);
  if (t->kind != TM_TYPE_TENSOR) return "the operand is not a tensor";
  if (!order || order->n_ints != t->rank)
    return "the order does not name every dimension";
  int64_t shape[TM_MAX_RANK];
  uint32_t seen = 0;
  for (uint32_t d = 0; d < t->rank; d++) {
    int64_t from = order->ints[d];
    if (from < 0 || from >= t->rank || (seen >> from & 1))
      return "the order is not a permutation";
    seen |= 1u << from;
    shape[d] = t->shape[from];
  }
  *out = tm_type_tensor(q->ir, t->element, t->rank, shape);
  return NULL;
}

static const char *infer_join(const tm_rule_query *q, tm_type t,
                              tm_type *out) {
  int64_t shape[TM_MAX_RANK];
  uint32_t rank = t->kind == TM_TYPE_TENSOR ? t->rank : 0;
  if (rank == TM_MAX_RANK) return "the result has too many dimensions";
  for (uint32_t d = 0; d < rank; d++) shape[d] = t->shape[d];
  shape[rank] = 2;
  *out = tm_type_tensor(q->ir, tm_type_element(t), rank + 1, shape);
  return NULL;
}

/* Ops whose rule is GIVEN but which leave no choice. */
static bool infer_given(const tm_rule_query *q, tm_type *types, uint32_t *n,
                        const char **why) {
  tm_type i32 = tm_type_scalar(q->ir, TM_I32);
  *n = 1;
  if (q->op == TM_GET_PROGRAM_ID || q->op == TM_GET_NUM_PROGRAMS) {
    types[0] = i32;
    return true;
  }
  if (q->op == TM_MAKE_RANGE) {
    const tm_attr *start = query_attr(q, TM_ATTR_START);
    const tm_attr *end = query_attr(q, TM_ATTR_END);
    if (!start || !end || end->i <= start->i || start->i < INT32_MIN ||
        end->i > INT32_MAX) {
      *why = "start and end are not a range";
      return false;
    }
    int64_t extent = end->i - start->i;
    types[0] = tm_type_tensor(q->ir, i32, 1, &extent);
    return true;
  }
  if (q->op == TM_UNSPLAT && q->n_operands == 1) {
    types[0] = tm_type_element(tm_type_of(q->ir, q->operands[0]));
    return true;
  }
  if (q->op == TM_GATHER && q->n_operands == 2) {
    tm_type source = tm_type_of(q->ir, q->operands[0]);
    types[0] = tm_type_like(q->ir, tm_type_of(q->ir, q->operands[1]),
                            tm_type_element(source));
    return true;
  }
  if (q->op == TM_FOR && q->n_operands >= 3) {
    *n = q->n_operands - 3;
    for (uint32_t i = 0; i < *n; i++)
      types[i] = tm_type_of(q->ir, q->operands[3 + i]);
    return true;
  }
  return false;
}

bool tm_rule_infer(const tm_rule_query *q, tm_type *types, uint32_t *n,
                   const char **why) {
  tm_rule rule = (tm_rule)tm_op_infos[q->op].rule;
  *why = NULL;
  *n = 0;
  if (q->n_operands > TM_MAX_RESULTS) {
    *why = "there are too many operands";
    return false;
  }
  if (rule == TM_RULE_NONE) return true;
  if (rule == TM_RULE_GIVEN) return infer_given(q, types, n, why);
  uint32_t need = rule == TM_RULE_ACC ? 3 : rule == TM_RULE_SAME1 ? 2 : 1;
  if (q->n_operands < need) {
    *why = "operands are missing";
    return false;
  }
  tm_type t = tm_type_of(q->ir, q->operands[0]);
  *n = 1;
  switch (rule) {
  case TM_RULE_SAME:
  case TM_RULE_PTR:
    types[0] = t;
    break;
  case TM_RULE_SAME1:
    types[0] = tm_type_of(q->ir, q->operands[1]);
    break;
  case TM_RULE_ACC:
    types[0] = tm_type_of(q->ir, q->operands[2]);
    break;
  case TM_RULE_BOOL:
    types[0] = tm_type_like(q->ir, t, tm_type_scalar(q->ir, TM_I1));
    break;
  case TM_RULE_ELEM:
    types[0] = tm_rule_loaded(q->ir, t);
    if (!types[0]) *why = "operand 0 is not a pointer";
    break;
  case TM_RULE_REDUCE:
    *n = q->n_operands;
    *why = infer_reduce(q, types);
    break;
  case TM_RULE_SCAN:
    *n = q->n_operands;
    for (uint32_t i = 0; i < *n; i++)
      types[i] = tm_type_of(q->ir, q->operands[i]);
    break;
  case TM_RULE_DIMS1:
    *why = infer_expand(q, t, &types[0]);
    break;
  case TM_RULE_TRANS:
    *why = infer_trans(q, t, &types[0]);
    break;
  case TM_RULE_JOIN:
    *why = infer_join(q, t, &types[0]);
    break;
  case TM_RULE_SPLIT:
    *n = 2;
    if (t->kind != TM_TYPE_TENSOR || t->shape[t->rank - 1] != 2)
      *why = "the last dimension is not 2";
    else
      types[0] = types[1] = without_dim(q->ir, t, t->rank - 1);
    break;
  case TM_RULE_GIVEN:
  case TM_RULE_NONE:
    break;
  }
  return *why == NULL;
}
