/* SPDX-License-Identifier: MIT */
/*
 * foldflow.c - folding of scf.for, scf.if and scf.while, for fold.c.
 *
 *   - a loop that runs no time is its initial values;
 *   - a loop that runs once is its body;
 *   - a carried value that every iteration hands on is its initial value,
 *     in scf.while also when it goes through both blocks;
 *   - scf.if of a constant is one of its blocks;
 *   - a result that both blocks give alike is what they give;
 *   - in the combine function of a reduction or scan, scf.if computes both
 *     sides and selects, because those functions are straight code.
 *
 * Only loops whose bounds and step are constants are counted. A step that is
 * not positive is left alone, whatever the bounds.
 */
#include "optint.h"

static tm_inst last_of(const tm_ir *ir, tm_block b) {
  return tm_blk(ir, b)->last;
}

/* Replacing what nobody names is no progress. */
static bool is_used(const tm_fold_uses *uses, tm_value v) {
  return v < uses->n && uses->count[v] > 0;
}

/* Moves a block's instructions before inst, without the terminator. */
static void splice(tm_ir *ir, tm_block from, tm_inst inst) {
  TM_EACH_INST(ir, i, from) {
    if (tm_op_infos[tm_get(ir, i)->op].flags & TM_TERMINATOR) continue;
    tm_inst_move(ir, i, tm_build_before(ir, inst));
  }
}

/* 0, 1, or 2 for more or not known. */
static int trips(const tm_ir *ir, const tm_inst_data *i) {
  int64_t lower, upper, step;
  if (!tm_value_const_int(ir, i->operands[0], &lower) ||
      !tm_value_const_int(ir, i->operands[1], &upper) ||
      !tm_value_const_int(ir, i->operands[2], &step) || step <= 0)
    return 2;
  if (lower >= upper) return 0;
  /* upper - lower is positive, and as unsigned it does not overflow */
  return (uint64_t)upper - (uint64_t)lower <= (uint64_t)step ? 1 : 2;
}

bool tm_fold_for(tm_ir *ir, tm_inst inst, const tm_fold_uses *uses,
                 tm_map *renamed) {
  tm_inst_data i = *tm_get(ir, inst);
  tm_block_data *body = tm_blk(ir, i.regions[0]);
  tm_inst end = last_of(ir, i.regions[0]);
  const tm_value *yields = tm_get(ir, end)->operands;
  bool changed = false;
  int count = trips(ir, &i);
  for (uint32_t c = 0; c < i.n_results; c++) {
    tm_value init = i.operands[3 + c], arg = body->args[c + 1];
    if (count == 0) {
      tm_map_put(renamed, i.results + c, init);
    } else if (yields[c] == arg || yields[c] == init) {
      uint64_t seen;
      if (tm_map_get(renamed, arg, &seen)) continue;
      tm_map_put(renamed, arg, init);
      /* A loop that may not run gives the initial value too. */
      tm_map_put(renamed, i.results + c, init);
      changed |= is_used(uses, arg) || is_used(uses, i.results + c);
    }
  }
  if (count == 2) return changed;
  if (count == 1) {
    tm_map_put(renamed, body->args[0], i.operands[0]);
    for (uint32_t c = 0; c < i.n_results; c++) {
      tm_map_put(renamed, body->args[c + 1], i.operands[3 + c]);
      tm_map_put(renamed, i.results + c, yields[c]);
    }
    splice(ir, i.regions[0], inst);
  }
  tm_inst_remove(ir, inst);
  return true;
}

/* ---- both sides at once --------------------------------------------------- */

static bool in_combine_function(const tm_ir *ir, tm_inst inst) {
  while (inst) {
    tm_op op = tm_get(ir, inst)->op;
    if (op == TM_REDUCE || op == TM_SCAN) return true;
    tm_block block = tm_get(ir, inst)->block;
    inst = block ? tm_blk(ir, block)->parent : 0;
  }
  return false;
}

/* Straight code without effects; a division may be what the condition keeps
 * from a zero. */
static bool can_always_run(const tm_ir *ir, tm_block block) {
  TM_EACH_INST(ir, i, block) {
    const tm_inst_data *d = tm_get(ir, i);
    uint32_t flags = tm_op_infos[d->op].flags;
    if (flags & TM_TERMINATOR) continue;
    if (d->n_regions || flags & (TM_READS | TM_WRITES)) return false;
    if (d->op == TM_DIVSI || d->op == TM_DIVUI || d->op == TM_REMSI ||
        d->op == TM_REMUI)
      return false;
  }
  return true;
}

static bool select_results(tm_ir *ir, tm_inst inst, tm_map *renamed) {
  tm_inst_data i = *tm_get(ir, inst);
  if (!can_always_run(ir, i.regions[0]) || !can_always_run(ir, i.regions[1]))
    return false;
  for (int k = 0; k < 2; k++) splice(ir, i.regions[k], inst);
  tm_inst ends[] = {last_of(ir, i.regions[0]), last_of(ir, i.regions[1])};
  tm_builder b = tm_build_before(ir, inst);
  for (uint32_t r = 0; r < i.n_results; r++) {
    tm_value x = tm_get(ir, ends[0])->operands[r];
    tm_value y = tm_get(ir, ends[1])->operands[r];
    tm_map_put(renamed, i.results + r,
               x == y ? x : tm_build3(&b, TM_SELECT, i.operands[0], x, y));
  }
  tm_inst_remove(ir, inst);
  return true;
}

bool tm_fold_if(tm_ir *ir, tm_inst inst, const tm_fold_uses *uses,
                tm_map *renamed) {
  tm_inst_data i = *tm_get(ir, inst);
  int64_t condition;
  bool changed = false;
  if (tm_value_const_int(ir, i.operands[0], &condition)) {
    tm_block taken = i.regions[condition ? 0 : 1];
    const tm_value *yields = tm_get(ir, last_of(ir, taken))->operands;
    for (uint32_t r = 0; r < i.n_results; r++)
      tm_map_put(renamed, i.results + r, yields[r]);
    splice(ir, taken, inst);
    tm_inst_remove(ir, inst);
    return true;
  }
  if (in_combine_function(ir, inst) && select_results(ir, inst, renamed))
    return true;
  const tm_inst_data *a = tm_get(ir, last_of(ir, i.regions[0]));
  const tm_inst_data *b = tm_get(ir, last_of(ir, i.regions[1]));
  for (uint32_t r = 0; r < i.n_results; r++) {
    uint64_t seen;
    if (a->operands[r] != b->operands[r] ||
        tm_map_get(renamed, i.results + r, &seen))
      continue;
    tm_map_put(renamed, i.results + r, a->operands[r]);
    changed |= is_used(uses, i.results + r);
  }
  return changed;
}

/* What the second block's argument or result n stands for, when the first
 * block hands on its own argument `arg`. */
static bool hands_on(const tm_ir *ir, tm_inst condition, uint32_t n,
                     tm_value arg) {
  const tm_inst_data *c = tm_get(ir, condition);
  return n + 1 < c->n_operands && c->operands[n + 1] == arg;
}

bool tm_fold_while(tm_ir *ir, tm_inst inst, const tm_fold_uses *uses,
                   tm_map *renamed) {
  tm_inst_data i = *tm_get(ir, inst);
  const tm_block_data *before = tm_blk(ir, i.regions[0]);
  const tm_block_data *after = tm_blk(ir, i.regions[1]);
  tm_inst condition = last_of(ir, i.regions[0]);
  const tm_inst_data *yield = tm_get(ir, last_of(ir, i.regions[1]));
  bool changed = false;
  for (uint32_t a = 0; a < before->n_args; a++) {
    tm_value arg = before->args[a], init = i.operands[a];
    tm_value next = yield->operands[a];
    const tm_value_data *from = tm_val(ir, next);
    bool around = from->block == i.regions[1] && !from->def &&
                  hands_on(ir, condition, from->index, arg);
    if (!around && next != init) continue;
    tm_map_put(renamed, arg, init);
    changed |= is_used(uses, arg);
    /* Wherever the first block hands the argument on, it is init too. */
    for (uint32_t r = 0; r < after->n_args; r++) {
      if (!hands_on(ir, condition, r, arg) &&
          !hands_on(ir, condition, r, init))
        continue;
      tm_map_put(renamed, after->args[r], init);
      tm_map_put(renamed, i.results + r, init);
      changed |= is_used(uses, after->args[r]) ||
                 is_used(uses, i.results + r);
    }
  }
  return changed;
}
