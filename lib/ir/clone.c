/* SPDX-License-Identifier: MIT */
/*
 * clone.c - copies of instructions with values renamed.
 *
 * map says what stands for each value in the copy; values that it does not
 * name stand for themselves. Results and block arguments of what is copied
 * are added to it, so that after copying a block the map also tells what its
 * terminator's operands became.
 */
#include "irint.h"

tm_value tm_ir_mapped(const tm_map *map, tm_value v) {
  uint64_t to;
  return tm_map_get(map, v, &to) ? (tm_value)to : v;
}

static tm_block clone_block(tm_ir *ir, tm_block from, tm_map *map,
                            uint32_t depth) {
  tm_block to = tm_ir_new_block(ir);
  for (uint32_t a = 0; a < tm_blk(ir, from)->n_args; a++) {
    tm_value arg = tm_blk(ir, from)->args[a];
    tm_value copy = tm_block_add_arg(ir, to, tm_type_of(ir, arg));
    tm_val(ir, copy)->name = tm_val(ir, arg)->name;
    tm_val(ir, copy)->is_apart = tm_val(ir, arg)->is_apart;
    tm_map_put(map, arg, copy);
  }
  tm_builder b = tm_build_at_end(ir, to);
  tm_ir_clone_block(&b, from, map, true, depth + 1);
  return to;
}

tm_inst tm_ir_clone_inst(tm_builder *b, tm_inst from, tm_map *map,
                         uint32_t depth) {
  tm_ir *ir = b->ir;
  tm_inst_data i = *tm_get(ir, from);
  tm_value *operands = TM_NEW_ARRAY(ir->arena, tm_value, i.n_operands + 1);
  tm_type *types = TM_NEW_ARRAY(ir->arena, tm_type, i.n_results + 1);
  tm_block *regions = TM_NEW_ARRAY(ir->arena, tm_block, i.n_regions + 1);
  for (uint32_t o = 0; o < i.n_operands; o++)
    operands[o] = tm_ir_mapped(map, i.operands[o]);
  for (uint32_t r = 0; r < i.n_results; r++)
    types[r] = tm_type_of(ir, i.results + r);
  for (uint32_t r = 0; r < i.n_regions; r++)
    regions[r] = clone_block(ir, i.regions[r], map, depth);
  b->loc = i.loc;
  tm_inst copy = tm_build(b, i.op, i.n_operands, operands, i.n_results, types,
                          i.n_regions, regions, i.n_attrs, i.attrs);
  for (uint32_t r = 0; r < i.n_results; r++) {
    tm_value to = tm_get(ir, copy)->results + r;
    tm_val(ir, to)->name = tm_val(ir, i.results + r)->name;
    tm_val(ir, to)->is_apart = tm_val(ir, i.results + r)->is_apart;
    tm_map_put(map, i.results + r, to);
  }
  return copy;
}

void tm_ir_clone_block(tm_builder *b, tm_block from, tm_map *map,
                       bool terminator, uint32_t depth) {
  if (depth > 4 * TM_MAX_NEST) return;
  TM_EACH_INST(b->ir, inst, from) {
    tm_op op = tm_get(b->ir, inst)->op;
    if (!terminator && (tm_op_infos[op].flags & TM_TERMINATOR)) continue;
    tm_ir_clone_inst(b, inst, map, depth);
  }
}
