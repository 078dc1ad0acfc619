/* SPDX-License-Identifier: MIT */
/* edit.c - reading and changing instructions in place. */
#include "irint.h"

#include <assert.h>

const tm_attr *tm_inst_attr(const tm_ir *ir, tm_inst inst, tm_attr_key key) {
  const tm_inst_data *i = tm_get(ir, inst);
  for (uint32_t a = 0; a < i->n_attrs; a++)
    if (i->attrs[a].key == key) return &i->attrs[a];
  return NULL;
}

int64_t tm_inst_int(const tm_ir *ir, tm_inst inst, tm_attr_key key,
                    int64_t otherwise) {
  const tm_attr *attr = tm_inst_attr(ir, inst, key);
  return attr && attr->kind == TM_ATTR_INT ? attr->i : otherwise;
}

void tm_inst_set_attr(tm_ir *ir, tm_inst inst, tm_attr attr) {
  tm_inst_data *i = tm_get(ir, inst);
  if (attr.kind == TM_ATTR_INTS && attr.n_ints) {
    int64_t *ints = TM_NEW_ARRAY(ir->arena, int64_t, attr.n_ints);
    memcpy(ints, attr.ints, attr.n_ints * sizeof ints[0]);
    attr.ints = ints;
  }
  for (uint32_t a = 0; a < i->n_attrs; a++) {
    if (i->attrs[a].key != attr.key) continue;
    i->attrs[a] = attr;
    return;
  }
  tm_attr *attrs = TM_NEW_ARRAY(ir->arena, tm_attr, i->n_attrs + 1);
  if (i->n_attrs) memcpy(attrs, i->attrs, i->n_attrs * sizeof attrs[0]);
  attrs[i->n_attrs++] = attr;
  i->attrs = attrs;
}

/* The arith.constant behind v, seen through shape changes that repeat one
 * element; NULL when v is not a constant. */
static const tm_attr *constant_of(const tm_ir *ir, tm_value v) {
  for (int steps = 0; steps < 64; steps++) {
    tm_inst def = tm_val(ir, v)->def;
    if (!def) return NULL;
    switch (tm_get(ir, def)->op) {
    case TM_CONSTANT:
      return tm_inst_attr(ir, def, TM_ATTR_VALUE);
    case TM_SPLAT:
    case TM_BROADCAST:
    case TM_EXPAND_DIMS:
    case TM_UNSPLAT:
    case TM_RESHAPE:
    case TM_TRANS:
      v = tm_get(ir, def)->operands[0];
      break;
    default:
      return NULL;
    }
  }
  return NULL;
}

bool tm_value_const_int(const tm_ir *ir, tm_value v, int64_t *out) {
  const tm_attr *attr = constant_of(ir, v);
  if (!attr || attr->kind != TM_ATTR_INT) return false;
  if (out) *out = attr->i;
  return true;
}

bool tm_value_const_float(const tm_ir *ir, tm_value v, double *out) {
  const tm_attr *attr = constant_of(ir, v);
  if (!attr || attr->kind != TM_ATTR_FLOAT) return false;
  if (out) *out = attr->f;
  return true;
}

void tm_inst_remove(tm_ir *ir, tm_inst inst) {
  tm_inst_data *i = tm_get(ir, inst);
  assert(i->block && "removed twice");
  tm_block_data *b = tm_blk(ir, i->block);
  if (i->prev) tm_get(ir, i->prev)->next = i->next;
  else b->first = i->next;
  if (i->next) tm_get(ir, i->next)->prev = i->prev;
  else b->last = i->prev;
  i->block = 0;
  i->prev = i->next = 0;
}

/* Instructions of a removed region are unreachable yet still in the array;
 * rewriting them is harmless, and the array is the fastest way to visit. */
void tm_value_replace(tm_ir *ir, tm_value from, tm_value to) {
  for (uint32_t n = 1; n < ir->insts.len; n++) {
    tm_inst_data *i = &ir->insts.data[n];
    for (uint32_t o = 0; o < i->n_operands; o++)
      if (i->operands[o] == from) i->operands[o] = to;
  }
}

void tm_ir_replace_values(tm_ir *ir, const tm_value *map, uint32_t n) {
  for (uint32_t k = 1; k < ir->insts.len; k++) {
    tm_inst_data *i = &ir->insts.data[k];
    for (uint32_t o = 0; o < i->n_operands; o++) {
      tm_value v = i->operands[o];
      while (v < n && map[v]) v = map[v];
      i->operands[o] = v;
    }
  }
}

static void count_block(const tm_ir *ir, tm_block block, uint32_t *uses,
                        uint32_t depth) {
  if (!block || depth > TM_MAX_NEST * 4) return;
  TM_EACH_INST(ir, inst, block) {
    const tm_inst_data *i = tm_get(ir, inst);
    for (uint32_t o = 0; o < i->n_operands; o++) uses[i->operands[o]]++;
    for (uint32_t r = 0; r < i->n_regions; r++)
      count_block(ir, i->regions[r], uses, depth + 1);
  }
}

uint32_t *tm_ir_count_uses(tm_ir *ir) {
  uint32_t *uses = TM_NEW_ARRAY(ir->arena, uint32_t, ir->values.len);
  for (uint32_t f = 0; f < ir->funcs.len; f++)
    count_block(ir, ir->funcs.data[f].body, uses, 0);
  return uses;
}

uint32_t tm_ir_kernel(const tm_ir *ir) {
  uint32_t found = UINT32_MAX;
  for (uint32_t f = 0; f < ir->funcs.len; f++) {
    if (!ir->funcs.data[f].is_public) continue;
    if (found != UINT32_MAX) return UINT32_MAX;
    found = f;
  }
  return found;
}

bool tm_inst_is_inside(const tm_ir *ir, tm_inst inst, tm_block block) {
  while (inst) {
    tm_block in = tm_get(ir, inst)->block;
    if (in == block) return true;
    inst = tm_blk(ir, in)->parent;
  }
  return false;
}
