/* SPDX-License-Identifier: MIT */
/*
 * propagate.c - what layout each value would like to have.
 *
 * Seeds flow forward: a value takes the layout of the operand that cares
 * most. Values that nobody minds computing again (constants, ranges, splats,
 * broadcasts, and arithmetic on nothing else) have no wish at all: assign.c
 * gives them the layouts their users ask for.
 *
 * Variables of loops and branches have one layout each. It is the strongest
 * wish among what is yielded, and, one step weaker, the initial value: a
 * conversion before a loop is cheaper than one inside. A variable's wish only
 * ever gets stronger, so that sweeping until nothing changes ends.
 *
 *     acc = zeros                    no wish
 *     for ... acc = dot(a, b, acc)   yields a product: acc is fragments
 *     c = acc.to(f16)                fragments
 */
#include "assignint.h"

typedef struct sweeper {
  tm_assigner *a;
  bool changed;
} sweeper;

static void sweep(sweeper *s, tm_block b);

static void wish(sweeper *s, tm_value v, const tm_layout *l,
                 uint32_t strength) {
  tm_assigner *a = s->a;
  if (!tm_relation_is_tensor(a->ir, v)) return;
  if (a->wish[v] == l && a->strength[v] == strength) return;
  a->wish[v] = l;
  a->strength[v] = (uint8_t)strength;
  s->changed = true;
}

/* For variables: all that share the layout, and only if it is stronger. */
static void wish_shared(sweeper *s, tm_value v, const tm_layout *l,
                        uint32_t strength) {
  tm_assigner *a = s->a;
  if (l == NULL || strength <= a->strength[v]) return;
  tm_value each = v;
  do {
    wish(s, each, l, strength);
    each = a->partner[each];
  } while (each != 0 && each != v);
}

/* The tensor operand with the strongest wish among [from, to); to if none
 * has any. */
static uint32_t strongest(const tm_assigner *a, const tm_inst_data *inst,
                          uint32_t from, uint32_t to) {
  uint32_t best = to, strength = TM_SOFT;
  for (uint32_t k = from; k < to; k++) {
    tm_value v = inst->operands[k];
    if (!tm_relation_is_tensor(a->ir, v) || a->strength[v] <= strength)
      continue;
    best = k;
    strength = a->strength[v];
  }
  return best;
}

static void wish_results(sweeper *s, const tm_inst_data *inst,
                         const tm_layout *l, uint32_t strength) {
  for (uint32_t r = 0; r < inst->n_results; r++)
    wish(s, inst->results + r, l, strength);
}

/* Results as the relation has them from operand k with layout l; false if
 * the operation cannot take that. */
static bool derive(sweeper *s, tm_inst i, uint32_t k, const tm_layout *l,
                   uint32_t strength) {
  tm_layout r;
  if (!tm_relation_result(s->a->ir, i, k, l, &r)) return false;
  const tm_inst_data *inst = tm_get(s->a->ir, i);
  if (inst->n_results > 0 && tm_relation_is_tensor(s->a->ir, inst->results))
    wish_results(s, inst, tm_assign_intern(s->a, &r), strength);
  return true;
}

static tm_type operand_type(const sweeper *s, const tm_inst_data *inst,
                            uint32_t k) {
  return tm_type_of(s->a->ir, inst->operands[k]);
}

/* Operations that fix one layout for their operands whatever comes: theirs
 * if there is a wish, else a default. */
static void sweep_needy(sweeper *s, tm_inst i, uint32_t from, uint32_t to) {
  tm_assigner *a = s->a;
  const tm_inst_data *inst = tm_get(a->ir, i);
  uint32_t k = strongest(a, inst, from, to);
  bool minds = tm_perturb_roll(a, TM_PERTURB_NEEDS, i, 2) == 1;
  if (k < to && !minds) {
    tm_value v = inst->operands[k];
    a->need[i] = inst->op == TM_SCAN ? tm_seed_scan(a, i, a->wish[v])
                                     : a->wish[v];
    if (derive(s, i, k, a->need[i], a->strength[v])) return;
  }
  while (from < to && !tm_relation_is_tensor(a->ir, inst->operands[from]))
    from++;
  if (from == to) return;
  const tm_layout *l = tm_perturb_layout(
      a, TM_PERTURB_NEED, i,
      tm_seed_default(a, operand_type(s, inst, from)));
  if (inst->op == TM_SPLIT) { /* the last dimension has to be in registers */
    tm_layout o = tm_layout_join(
        tm_seed_default(a, tm_type_of(a->ir, inst->results)));
    l = tm_assign_intern(a, &o);
  }
  if (inst->op == TM_SCAN) l = tm_seed_scan(a, i, l);
  a->need[i] = l;
  derive(s, i, from, l, TM_WEAK);
}

/* Loads that gain nothing from their seed go where their addresses are. */
static void sweep_load(sweeper *s, tm_inst i) {
  tm_assigner *a = s->a;
  const tm_inst_data *inst = tm_get(a->ir, i);
  const tm_access *x = a->access[i];
  uint32_t k = strongest(a, inst, 0, inst->n_operands);
  bool scattered = x->contiguity == 1;
  if (scattered && k < inst->n_operands)
    wish_results(s, inst, a->wish[inst->operands[k]],
                 a->strength[inst->operands[k]]);
  else
    wish_results(s, inst, x->seed, scattered ? TM_WEAK : TM_MEMORY);
}

/* Atomics happen where their values are, or else their addresses. */
static void sweep_atomic(sweeper *s, tm_inst i) {
  tm_assigner *a = s->a;
  const tm_inst_data *inst = tm_get(a->ir, i);
  uint32_t n = inst->n_operands, k = strongest(a, inst, 1, n);
  if (k == n && a->strength[inst->operands[0]] != TM_SOFT) k = 0;
  a->need[i] = k < n ? a->wish[inst->operands[k]] : a->access[i]->seed;
  wish_results(s, inst, a->need[i], TM_MEMORY);
}

/* ---- control flow ------------------------------------------------------ */

static void share(tm_assigner *a, tm_value x, tm_value y) {
  a->partner[x] = y;
  a->partner[y] = x;
}

static void flow(sweeper *s, tm_value from, tm_value to, uint32_t less) {
  const tm_assigner *a = s->a;
  if (!tm_relation_is_tensor(a->ir, to) || a->strength[from] <= less) return;
  wish_shared(s, to, a->wish[from], a->strength[from] - less);
}

static const tm_inst_data *terminator(const tm_assigner *a, tm_block b) {
  return tm_get(a->ir, tm_blk(a->ir, b)->last);
}

static void sweep_for(sweeper *s, const tm_inst_data *inst) {
  tm_assigner *a = s->a;
  const tm_block_data *body = tm_blk(a->ir, inst->regions[0]);
  for (uint32_t k = 0; k < inst->n_results; k++) {
    share(a, body->args[k + 1], inst->results + k);
    flow(s, inst->operands[k + 3], body->args[k + 1], 1);
  }
  sweep(s, inst->regions[0]);
  for (uint32_t k = 0; k < inst->n_results; k++)
    flow(s, terminator(a, inst->regions[0])->operands[k], body->args[k + 1],
         0);
}

static void sweep_while(sweeper *s, const tm_inst_data *inst) {
  tm_assigner *a = s->a;
  const tm_block_data *before = tm_blk(a->ir, inst->regions[0]);
  const tm_block_data *after = tm_blk(a->ir, inst->regions[1]);
  for (uint32_t k = 0; k < before->n_args; k++)
    flow(s, inst->operands[k], before->args[k], 1);
  sweep(s, inst->regions[0]);
  for (uint32_t k = 0; k < inst->n_results; k++) {
    share(a, after->args[k], inst->results + k);
    flow(s, terminator(a, inst->regions[0])->operands[k + 1], after->args[k],
         0);
  }
  sweep(s, inst->regions[1]);
  for (uint32_t k = 0; k < before->n_args; k++)
    flow(s, terminator(a, inst->regions[1])->operands[k], before->args[k], 0);
}

static void sweep_if(sweeper *s, const tm_inst_data *inst) {
  for (uint32_t r = 0; r < inst->n_regions; r++) {
    if (inst->regions[r] == 0) continue;
    sweep(s, inst->regions[r]);
    for (uint32_t k = 0; k < inst->n_results; k++)
      flow(s, terminator(s->a, inst->regions[r])->operands[k],
           inst->results + k, 0);
  }
}

/* ---- instructions ------------------------------------------------------ */

static void sweep_inst(sweeper *s, tm_inst i) {
  tm_assigner *a = s->a;
  const tm_inst_data *inst = tm_get(a->ir, i);
  uint32_t n = inst->n_operands, k;
  switch ((int)inst->op) {
    case TM_FOR: sweep_for(s, inst); return;
    case TM_WHILE: sweep_while(s, inst); return;
    case TM_IF: sweep_if(s, inst); return;
    case TM_LOAD:
      if (a->access[i] != NULL) sweep_load(s, i);
      return;
    case TM_ATOMIC_RMW: case TM_ATOMIC_CAS: case TM_ATOMIC_LOAD:
      if (a->access[i] != NULL) sweep_atomic(s, i);
      return;
    case TM_DOT:
      wish_results(s, inst, tm_seed_dot(a, i), TM_PRODUCT);
      return;
    case TM_REDUCE: case TM_SCAN: case TM_JOIN: case TM_CAT: case TM_SPLIT:
    case TM_MAP_ELEMENTWISE: case TM_INLINE_ASM:
      sweep_needy(s, i, 0, n);
      return;
    case TM_GATHER:
      sweep_needy(s, i, 1, 2);
      return;
    case TM_EXPAND_DIMS: case TM_BROADCAST: case TM_SPLAT: case TM_STORE:
      return;
    case TM_HISTOGRAM:
      wish_results(s, inst, tm_seed_default(a, tm_type_of(a->ir,
                                                          inst->results)),
                   TM_WEAK);
      return;
    default:
      break;
  }
  k = strongest(a, inst, 0, n);
  if (k < n && inst->n_results > 0 &&
      derive(s, i, k, a->wish[inst->operands[k]],
             a->strength[inst->operands[k]]))
    return;
  if (tm_op_infos[inst->op].flags & TM_PURE) return;
  for (uint32_t r = 0; r < inst->n_results; r++)
    if (tm_relation_is_tensor(a->ir, inst->results + r))
      wish(s, inst->results + r,
           tm_seed_default(a, tm_type_of(a->ir, inst->results + r)), TM_WEAK);
}

static void sweep(sweeper *s, tm_block b) {
  TM_EACH_INST(s->a->ir, i, b) sweep_inst(s, i);
}

void tm_propagate(tm_assigner *a) {
  sweeper s = {a, true};
  while (s.changed) {
    s.changed = false;
    sweep(&s, a->ir->funcs.data[tm_ir_kernel(a->ir)].body);
  }
}
