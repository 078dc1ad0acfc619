/* SPDX-License-Identifier: MIT */
/*
 * licm.c - pure work that is the same in every iteration moves before the
 * loop.
 *
 *     scf.for %i = ... {                   %t = arith.muli %a, %b
 *       %t = arith.muli %a, %b        ->   scf.for %i = ... {
 *       ... %t ...                           ... %t ...
 *
 * Inner loops first, so that what leaves one may leave the next. The moved
 * work runs even if the loop does not: that is right because pure operations
 * of TTIR have no effect for any operands (an integer division by zero gives
 * an unspecified number on Metal, not a trap). Loads stay: a store in the
 * loop may change them, and a guard around the loop may protect them.
 *
 * Requires: dominance. Maintains: everything else. Breaks: nothing.
 */
#include "opt.h"

/* True when v is defined in the loop, at any depth, and not in `own`. */
static bool is_in_loop(const tm_ir *ir, tm_value v, tm_inst loop,
                       tm_inst own) {
  const tm_value_data *data = tm_val(ir, v);
  tm_inst at = data->def;
  if (!at) {
    tm_block block = data->block;
    at = block ? tm_blk(ir, block)->parent : 0;
    if (at == loop) return true;
  }
  while (at) {
    if (own && at == own) return false;
    if (at == loop) return data->def != loop;
    at = tm_blk(ir, tm_get(ir, at)->block)->parent;
  }
  return false;
}

static bool is_invariant(const tm_ir *ir, tm_inst inst, tm_inst loop,
                         tm_inst own) {
  const tm_inst_data *i = tm_get(ir, inst);
  for (uint32_t o = 0; o < i->n_operands; o++)
    if (is_in_loop(ir, i->operands[o], loop, own)) return false;
  for (uint32_t r = 0; r < i->n_regions; r++)
    TM_EACH_INST(ir, inner, i->regions[r])
      if (!is_invariant(ir, inner, loop, own)) return false;
  return true;
}

static bool may_move(const tm_ir *ir, tm_inst inst) {
  const tm_inst_data *i = tm_get(ir, inst);
  if (!(tm_op_infos[i->op].flags & TM_PURE)) return false;
  if (i->op == TM_EXTERN) return tm_inst_int(ir, inst, TM_ATTR_PURE, 1);
  for (uint32_t r = 0; r < i->n_regions; r++)
    TM_EACH_INST(ir, inner, i->regions[r])
      if (!may_move(ir, inner) &&
          !(tm_op_infos[tm_get(ir, inner)->op].flags & TM_TERMINATOR))
        return false;
  return true;
}

static bool hoist(tm_ir *ir, tm_inst loop) {
  bool changed = false;
  for (uint32_t r = 0; r < tm_get(ir, loop)->n_regions; r++)
    TM_EACH_INST(ir, inst, tm_get(ir, loop)->regions[r]) {
      if (!may_move(ir, inst) || !is_invariant(ir, inst, loop, inst)) continue;
      tm_inst_move(ir, inst, tm_build_before(ir, loop));
      changed = true;
    }
  return changed;
}

static bool walk(tm_ir *ir, tm_block b) {
  bool changed = false;
  TM_EACH_INST(ir, inst, b) {
    for (uint32_t r = 0; r < tm_get(ir, inst)->n_regions; r++)
      changed |= walk(ir, tm_get(ir, inst)->regions[r]);
    tm_op op = tm_get(ir, inst)->op;
    if (op == TM_FOR || op == TM_WHILE) changed |= hoist(ir, inst);
  }
  return changed;
}

bool tm_pass_licm(tm_ir *ir) {
  bool changed = false;
  for (uint32_t f = 0; f < ir->funcs.len; f++)
    changed |= walk(ir, ir->funcs.data[f].body);
  return changed;
}
