/* SPDX-License-Identifier: MIT */
/*
 * dce.c - removes what no effect depends on.
 *
 *     %x:2 = scf.for ... iter_args(%a = .., %b = ..)     %b is only
 *       { ... scf.yield %a2, %b2 }                   ->  carried, never used:
 *     tt.store .., %x#0                                  one result is left
 *
 * Marks from the effects backwards, through the wiring of the structured
 * operations: a loop's result needs the yielded value, the argument and the
 * initial value of the same number, and these need each other. What is not
 * marked goes; carried values, and results of scf.if, go one by one.
 *
 * Requires: dominance. Maintains: block order, effects, numbers of loop
 * iterations of loops that have effects. Breaks: result numbers.
 */
#include "opt.h"

typedef struct dce {
  tm_ir *ir;
  bool *inst_live;
  bool *value_live;
  TM_VEC(tm_value) work;
  tm_map renamed;
  bool changed;
} dce;

static void use(dce *d, tm_value v) {
  if (d->value_live[v]) return;
  d->value_live[v] = true;
  tm_push(d->ir->arena, &d->work, v);
}

static tm_inst last_of(dce *d, tm_block b) { return tm_blk(d->ir, b)->last; }

static void use_all(dce *d, tm_inst inst) {
  const tm_inst_data *i = tm_get(d->ir, inst);
  for (uint32_t o = 0; o < i->n_operands; o++) use(d, i->operands[o]);
}

static void keep(dce *d, tm_inst inst);

/* Whoever runs inside a region needs the instruction around it to run. */
static void keep_parents(dce *d, tm_inst inst) {
  tm_inst parent = tm_blk(d->ir, tm_get(d->ir, inst)->block)->parent;
  if (parent) keep(d, parent);
}

static void keep(dce *d, tm_inst inst) {
  if (d->inst_live[inst]) return;
  d->inst_live[inst] = true;
  const tm_inst_data *i = tm_get(d->ir, inst);
  switch (i->op) {
  case TM_FOR:
    for (uint32_t o = 0; o < 3; o++) use(d, i->operands[o]);
    break;
  case TM_IF:
    use(d, i->operands[0]);
    break;
  case TM_WHILE:
    use(d, tm_get(d->ir, last_of(d, i->regions[0]))->operands[0]);
    break;
  case TM_REDUCE: case TM_SCAN: case TM_MAP_ELEMENTWISE:
    use_all(d, inst);
    use_all(d, last_of(d, i->regions[0]));
    break;
  default:
    use_all(d, inst);
    break;
  }
  keep_parents(d, inst);
}

/* What a used result of a structured operation needs besides it. */
static void use_result(dce *d, tm_inst inst, uint32_t n) {
  const tm_inst_data *i = tm_get(d->ir, inst);
  if (i->op == TM_FOR) {
    use(d, tm_blk(d->ir, i->regions[0])->args[n + 1]);
    use(d, i->operands[n + 3]);
    use(d, tm_get(d->ir, last_of(d, i->regions[0]))->operands[n]);
  } else if (i->op == TM_IF) {
    for (int r = 0; r < 2; r++)
      use(d, tm_get(d->ir, last_of(d, i->regions[r]))->operands[n]);
  } else if (i->op == TM_WHILE) {
    use(d, tm_blk(d->ir, i->regions[1])->args[n]);
    use(d, tm_get(d->ir, last_of(d, i->regions[0]))->operands[n + 1]);
  }
}

static void use_argument(dce *d, tm_block block, uint32_t n) {
  tm_inst parent = tm_blk(d->ir, block)->parent;
  if (!parent) return;
  const tm_inst_data *i = tm_get(d->ir, parent);
  keep(d, parent);
  if (i->op == TM_FOR && n > 0) {
    use(d, i->results + n - 1);
  } else if (i->op == TM_WHILE && block == i->regions[0]) {
    use(d, i->operands[n]);
    use(d, tm_get(d->ir, last_of(d, i->regions[1]))->operands[n]);
  } else if (i->op == TM_WHILE) {
    use(d, i->results + n);
  }
}

static void propagate(dce *d) {
  while (d->work.len) {
    tm_value v = d->work.data[--d->work.len];
    const tm_value_data *data = tm_val(d->ir, v);
    if (data->def) {
      keep(d, data->def);
      use_result(d, data->def, data->index);
    } else if (data->block) {
      use_argument(d, data->block, data->index);
    }
  }
}

static bool has_effect(const tm_ir *ir, tm_inst inst) {
  const tm_inst_data *i = tm_get(ir, inst);
  if (i->op == TM_INLINE_ASM) return !tm_inst_int(ir, inst, TM_ATTR_PURE, 0);
  if (i->op == TM_EXTERN) return !tm_inst_int(ir, inst, TM_ATTR_PURE, 1);
  if (i->op == TM_LOAD) return tm_inst_int(ir, inst, TM_ATTR_VOLATILE, 0);
  return (tm_op_infos[i->op].flags & TM_WRITES) || i->op == TM_RETURN;
}

static void mark_block(dce *d, tm_block b) {
  TM_EACH_INST(d->ir, inst, b) {
    if (has_effect(d->ir, inst)) keep(d, inst);
    for (uint32_t r = 0; r < tm_get(d->ir, inst)->n_regions; r++)
      mark_block(d, tm_get(d->ir, inst)->regions[r]);
  }
}

/* ---- removal ---------------------------------------------------------- */

/* Keeps the values of v whose flag is set, starting at `from`. */
static uint32_t squeeze(tm_value *v, uint32_t n, uint32_t from,
                        const bool *keep_it) {
  uint32_t to = from;
  for (uint32_t k = from; k < n; k++)
    if (keep_it[k - from]) v[to++] = v[k];
  return to;
}

static void squeeze_operands(dce *d, tm_inst inst, uint32_t from,
                             const bool *keep_it) {
  tm_inst_data *i = tm_get(d->ir, inst);
  i->n_operands = squeeze(i->operands, i->n_operands, from, keep_it);
}

static void squeeze_args(dce *d, tm_block block, uint32_t from,
                         const bool *keep_it) {
  tm_block_data *b = tm_blk(d->ir, block);
  b->n_args = squeeze(b->args, b->n_args, from, keep_it);
  for (uint32_t a = 0; a < b->n_args; a++) tm_val(d->ir, b->args[a])->index = a;
}

/* The same instruction with only the results whose flag is set. */
static tm_inst with_results(dce *d, tm_inst inst, const bool *keep_it) {
  tm_ir *ir = d->ir;
  tm_inst_data i = *tm_get(ir, inst);
  tm_type *types = TM_NEW_ARRAY(ir->arena, tm_type, i.n_results + 1);
  uint32_t n = 0;
  for (uint32_t r = 0; r < i.n_results; r++)
    if (keep_it[r]) types[n++] = tm_type_of(ir, i.results + r);
  tm_builder b = tm_build_before(ir, inst);
  tm_inst made = tm_build(&b, i.op, i.n_operands, i.operands, n, types,
                          i.n_regions, i.regions, i.n_attrs, i.attrs);
  n = 0;
  for (uint32_t r = 0; r < i.n_results; r++) {
    if (!keep_it[r]) continue;
    tm_value to = tm_get(ir, made)->results + n++;
    tm_val(ir, to)->name = tm_val(ir, i.results + r)->name;
    tm_map_put(&d->renamed, i.results + r, to);
  }
  tm_inst_remove(ir, inst);
  d->changed = true;
  return made;
}

/* live[k] of values first + k or values[k]; true when one is not live. */
static bool some_dead(dce *d, bool *live, const tm_value *values,
                      tm_value first, uint32_t n) {
  bool dead = false;
  for (uint32_t k = 0; k < n; k++) {
    live[k] = d->value_live[values ? values[k] : first + k];
    dead = dead || !live[k];
  }
  return dead;
}

static void shrink(dce *d, tm_inst inst) {
  tm_ir *ir = d->ir;
  tm_inst_data i = *tm_get(ir, inst);
  bool *live = TM_NEW_ARRAY(ir->arena, bool, i.n_results + i.n_operands + 1);
  if (i.op == TM_WHILE) {
    tm_block_data *before = tm_blk(ir, i.regions[0]);
    if (some_dead(d, live, before->args, 0, before->n_args)) {
      squeeze_operands(d, inst, 0, live);
      squeeze_operands(d, last_of(d, i.regions[1]), 0, live);
      squeeze_args(d, i.regions[0], 0, live);
      d->changed = true;
    }
  }
  if (!some_dead(d, live, NULL, i.results, i.n_results)) return;
  if (i.op == TM_FOR) {
    squeeze_operands(d, inst, 3, live);
    squeeze_operands(d, last_of(d, i.regions[0]), 0, live);
    squeeze_args(d, i.regions[0], 1, live);
  } else if (i.op == TM_IF) {
    for (int r = 0; r < 2; r++)
      squeeze_operands(d, last_of(d, i.regions[r]), 0, live);
  } else {
    squeeze_operands(d, last_of(d, i.regions[0]), 1, live);
    squeeze_args(d, i.regions[1], 0, live);
  }
  with_results(d, inst, live);
}

static void sweep_block(dce *d, tm_block b) {
  TM_EACH_INST(d->ir, inst, b) {
    const tm_inst_data *i = tm_get(d->ir, inst);
    if (tm_op_infos[i->op].flags & TM_TERMINATOR) continue;
    if (!d->inst_live[inst]) {
      tm_inst_remove(d->ir, inst);
      d->changed = true;
      continue;
    }
    for (uint32_t r = 0; r < tm_get(d->ir, inst)->n_regions; r++)
      sweep_block(d, tm_get(d->ir, inst)->regions[r]);
    tm_op op = tm_get(d->ir, inst)->op;
    if (op == TM_FOR || op == TM_IF || op == TM_WHILE) shrink(d, inst);
  }
}

static void rename_block(dce *d, tm_block b) {
  TM_EACH_INST(d->ir, inst, b) {
    tm_inst_data *i = tm_get(d->ir, inst);
    for (uint32_t o = 0; o < i->n_operands; o++)
      i->operands[o] = tm_ir_mapped(&d->renamed, i->operands[o]);
    for (uint32_t r = 0; r < i->n_regions; r++) rename_block(d, i->regions[r]);
  }
}

bool tm_pass_dce(tm_ir *ir) {
  dce d = {.ir = ir, .renamed = tm_map_in(ir->arena)};
  d.inst_live = TM_NEW_ARRAY(ir->arena, bool, ir->insts.len);
  d.value_live = TM_NEW_ARRAY(ir->arena, bool, ir->values.len);
  for (uint32_t f = 0; f < ir->funcs.len; f++)
    mark_block(&d, ir->funcs.data[f].body);
  propagate(&d);
  for (uint32_t f = 0; f < ir->funcs.len; f++)
    sweep_block(&d, ir->funcs.data[f].body);
  if (d.renamed.len)
    for (uint32_t f = 0; f < ir->funcs.len; f++)
      rename_block(&d, ir->funcs.data[f].body);
  return d.changed;
}
