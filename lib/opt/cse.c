/* SPDX-License-Identifier: MIT */
/*
 * cse.c - one instruction for each pure computation.
 *
 *     %a = arith.addi %x, %y        %a = arith.addi %x, %y
 *     %b = arith.addi %y, %x   ->   (uses of %b name %a)
 *
 * Walks in order with a hash table from (op, operands, attributes, types) to
 * instructions seen. Those of a block are forgotten at its end: what is left
 * is in a block that is the current one or around it, so it dominates, and
 * stands for later ones. Attributes must be
 * equal, hints included, so that no promise moves to a value it was not
 * given for. Operations with regions are left alone.
 *
 * Requires: dominance. Maintains: block order. Breaks: use counts.
 */
#include "opt.h"

typedef struct seen_inst {
  tm_inst inst;
  uint64_t hash;
  uint32_t older; /* the one before with the same hash: index plus 1; or 0 */
} seen_inst;

typedef struct cse {
  tm_ir *ir;
  tm_map table; /* hash -> index plus 1 of the newest in seen; 0: none */
  TM_VEC(seen_inst) seen;
  tm_map renamed;
  bool changed;
} cse;

static bool is_swapped_less(const tm_inst_data *i) {
  return (tm_op_infos[i->op].flags & TM_COMMUTATIVE) && i->n_operands == 2 &&
         i->operands[0] > i->operands[1];
}

static tm_value operand(const tm_inst_data *i, uint32_t n) {
  return i->operands[is_swapped_less(i) ? 1 - n : n];
}

static uint64_t hash_attr(const tm_attr *a, uint64_t h) {
  uint64_t parts[2] = {a->key, 0};
  if (a->kind == TM_ATTR_INT) parts[1] = (uint64_t)a->i;
  if (a->kind == TM_ATTR_FLOAT) memcpy(&parts[1], &a->f, sizeof a->f);
  h = tm_hash_bytes(parts, sizeof parts, h);
  if (a->kind == TM_ATTR_TEXT)
    return tm_hash_bytes(a->text, strlen(a->text), h);
  for (uint32_t k = 0; a->kind == TM_ATTR_INTS && k < a->n_ints; k++)
    h = tm_hash_bytes(&a->ints[k], sizeof a->ints[k], h);
  return h;
}

static uint64_t hash_inst(const tm_ir *ir, const tm_inst_data *i) {
  uint64_t h = tm_hash_bytes(&i->op, sizeof i->op, 1);
  for (uint32_t o = 0; o < i->n_operands; o++) {
    tm_value v = operand(i, o);
    h = tm_hash_bytes(&v, sizeof v, h);
  }
  for (uint32_t r = 0; r < i->n_results; r++) {
    uint64_t t = TM_KEY(tm_type_of(ir, i->results + r));
    h = tm_hash_bytes(&t, sizeof t, h);
  }
  for (uint32_t a = 0; a < i->n_attrs; a++) h = hash_attr(&i->attrs[a], h);
  return h;
}

static bool attr_equal(const tm_attr *a, const tm_attr *b) {
  if (a->key != b->key || a->kind != b->kind) return false;
  switch (a->kind) {
  case TM_ATTR_INT:
    return a->i == b->i;
  case TM_ATTR_FLOAT: /* bits: -0 is not 0 */
    return memcmp(&a->f, &b->f, sizeof a->f) == 0;
  case TM_ATTR_TEXT:
    return strcmp(a->text, b->text) == 0;
  case TM_ATTR_INTS:
    return a->n_ints == b->n_ints &&
           memcmp(a->ints, b->ints, a->n_ints * sizeof a->ints[0]) == 0;
  case TM_ATTR_UNIT:
    return true;
  }
  return false;
}

static bool inst_equal(const tm_ir *ir, const tm_inst_data *a,
                       const tm_inst_data *b) {
  if (a->op != b->op || a->n_operands != b->n_operands ||
      a->n_results != b->n_results || a->n_attrs != b->n_attrs)
    return false;
  for (uint32_t o = 0; o < a->n_operands; o++)
    if (operand(a, o) != operand(b, o)) return false;
  for (uint32_t r = 0; r < a->n_results; r++)
    if (tm_type_of(ir, a->results + r) != tm_type_of(ir, b->results + r))
      return false;
  for (uint32_t n = 0; n < a->n_attrs; n++)
    if (!attr_equal(&a->attrs[n], &b->attrs[n])) return false;
  return true;
}

static tm_inst find_equal(cse *c, tm_inst inst, uint64_t hash) {
  uint64_t newest = 0;
  tm_map_get(&c->table, hash, &newest);
  for (uint32_t i = (uint32_t)newest; i; i = c->seen.data[i - 1].older) {
    tm_inst other = c->seen.data[i - 1].inst;
    if (inst_equal(c->ir, tm_get(c->ir, other), tm_get(c->ir, inst)))
      return other;
  }
  seen_inst seen = {inst, hash, (uint32_t)newest};
  tm_push(c->ir->arena, &c->seen, seen);
  tm_map_put(&c->table, hash, c->seen.len);
  return 0;
}

static void forget(cse *c, uint32_t len) {
  while (c->seen.len > len) {
    const seen_inst *seen = &c->seen.data[--c->seen.len];
    tm_map_put(&c->table, seen->hash, seen->older);
  }
}

static void merge(cse *c, tm_inst inst, tm_inst seen) {
  tm_inst_data *i = tm_get(c->ir, inst);
  for (uint32_t r = 0; r < i->n_results; r++) {
    tm_value from = i->results + r, to = tm_get(c->ir, seen)->results + r;
    tm_map_put(&c->renamed, from, to);
    if (!tm_val(c->ir, to)->name)
      tm_val(c->ir, to)->name = tm_val(c->ir, from)->name;
  }
  tm_inst_remove(c->ir, inst);
  c->changed = true;
}

static void walk(cse *c, tm_block b) {
  uint32_t before = c->seen.len;
  TM_EACH_INST(c->ir, inst, b) {
    tm_inst_data *i = tm_get(c->ir, inst);
    for (uint32_t o = 0; o < i->n_operands; o++)
      i->operands[o] = tm_ir_mapped(&c->renamed, i->operands[o]);
    for (uint32_t r = 0; r < i->n_regions; r++) walk(c, i->regions[r]);
    if (!(tm_op_infos[i->op].flags & TM_PURE) || i->n_regions ||
        (i->op == TM_EXTERN && !tm_inst_int(c->ir, inst, TM_ATTR_PURE, 0)))
      continue;
    tm_inst seen = find_equal(c, inst, hash_inst(c->ir, i));
    if (seen) merge(c, inst, seen);
  }
  forget(c, before);
}

bool tm_pass_cse(tm_ir *ir) {
  cse c = {.ir = ir, .table = tm_map_in(ir->arena),
           .renamed = tm_map_in(ir->arena)};
  for (uint32_t f = 0; f < ir->funcs.len; f++)
    walk(&c, ir->funcs.data[f].body);
  return c.changed;
}
