/* SPDX-License-Identifier: MIT */
/*
 * relation.c - how the layouts of an instruction's operands and results
 * depend on each other: the table in layout.h, read in both directions.
 */
#include "assignint.h"

bool tm_relation_is_tensor(const tm_ir *ir, tm_value v) {
  return tm_type_is_tensor(tm_type_of(ir, v));
}

bool tm_relation_is_same(tm_op op) {
  if (tm_op_infos[op].flags & TM_ELEMENTWISE) return true;
  switch ((int)op) {
    case TM_MAP_ELEMENTWISE: case TM_SCAN: case TM_LOAD: case TM_STORE:
    case TM_ATOMIC_RMW: case TM_ATOMIC_CAS: case TM_ATOMIC_LOAD:
    case TM_ATOMIC_STORE: case TM_POISON:
      return true;
    default:
      return false;
  }
}

/* The permutation that undoes a trans. */
static bool trans_order(const tm_ir *ir, tm_inst i, bool inverse,
                        int64_t order[TM_MAX_RANK]) {
  const tm_attr *attr = tm_inst_attr(ir, i, TM_ATTR_ORDER);
  if (attr == NULL || attr->n_ints > TM_MAX_RANK) return false;
  for (uint32_t d = 0; d < attr->n_ints; d++) {
    int64_t from = attr->ints[d];
    if (from < 0 || from >= attr->n_ints) return false;
    if (inverse)
      order[from] = d;
    else
      order[d] = from;
  }
  return true;
}

/* True if some register bit is this element bit. */
static bool in_registers(const tm_layout *l, uint32_t bit) {
  for (uint32_t i = 0; i < l->n_reg; i++)
    if (l->reg[i] == bit) return true;
  return false;
}

bool tm_relation_operand(const tm_ir *ir, tm_inst i, uint32_t k,
                         const tm_layout *r, tm_layout *out) {
  const tm_inst_data *inst = tm_get(ir, i);
  tm_type t = tm_type_of(ir, inst->operands[k]);
  int64_t order[TM_MAX_RANK];
  if (tm_relation_is_same(inst->op)) {
    *out = *r;
    return true;
  }
  switch ((int)inst->op) {
    case TM_EXPAND_DIMS:
      *out = tm_layout_slice(r, (uint32_t)tm_inst_int(ir, i, TM_ATTR_AXIS, 0));
      return true;
    case TM_BROADCAST:
      *out = tm_layout_narrow(r, t->shape);
      return true;
    case TM_TRANS:
      if (!trans_order(ir, i, true, order)) return false;
      *out = tm_layout_trans(r, order);
      return true;
    case TM_RESHAPE:
      *out = tm_layout_reshape(r, t->rank, t->shape);
      return true;
    case TM_JOIN:
      *out = tm_layout_slice(r, r->rank - 1);
      return true;
    case TM_CAT:
      *out = tm_layout_half(r);
      return true;
    case TM_SPLIT:
      *out = tm_layout_join(r);
      return true;
    case TM_GATHER:
      *out = *r;
      return k == 1;
    case TM_DOT:
      if (k == 2) *out = *r;
      else
        *out = tm_layout_dot_operand_wide(
            r, (int)k, t->shape[t->rank - (k == 0 ? 1 : 2)],
            (tm_k_order)tm_inst_int(ir, i, TM_ATTR_K_ORDER, 0));
      return true;
    default:
      return false;
  }
}

bool tm_relation_result(const tm_ir *ir, tm_inst i, uint32_t k,
                        const tm_layout *o, tm_layout *out) {
  const tm_inst_data *inst = tm_get(ir, i);
  int64_t order[TM_MAX_RANK];
  if (tm_relation_is_same(inst->op)) {
    *out = *o;
    return true;
  }
  switch ((int)inst->op) {
    case TM_TRANS:
      if (!trans_order(ir, i, false, order)) return false;
      *out = tm_layout_trans(o, order);
      return true;
    case TM_RESHAPE: {
      tm_type t = tm_type_of(ir, inst->results);
      *out = tm_layout_reshape(o, t->rank, t->shape);
      return true;
    }
    case TM_JOIN:
      *out = tm_layout_join(o);
      return true;
    case TM_CAT:
      *out = tm_layout_cat(o);
      return true;
    case TM_SPLIT:
      if (!in_registers(o, 1)) return false;
      *out = tm_layout_slice(o, o->rank - 1);
      return true;
    case TM_REDUCE: {
      uint32_t axis = (uint32_t)tm_inst_int(ir, i, TM_ATTR_AXIS, 0);
      *out = tm_layout_slice(o, axis);
      return true;
    }
    case TM_GATHER:
      *out = *o;
      return k == 1;
    default:
      return false;
  }
}
