/* SPDX-License-Identifier: MIT */
/*
 * expand.c - replaces values by their parts, through control flow.
 *
 *     scf.for ... iter_args(%p = %q) {       scf.for ... iter_args(
 *       ... scf.yield %p2                ->     %p.0 = %q.0, %p.1 = %q.1) {
 *     }                                         ... scf.yield %p2.0, %p2.1
 *
 * pointers.c takes tensors of pointers apart this way (a scalar pointer and
 * offsets), block_pointers.c block pointers and descriptors (base, shape,
 * strides, offsets). What a loop hands on unchanged is cleaned up by fold.c
 * and dce.c afterwards.
 *
 * First, which values can be taken apart: all of a wanted type are assumed
 * to, then those whose definition the pass does not understand, or which mix
 * with one that cannot, are struck out until nothing changes. Then one walk
 * in order rewrites the instructions.
 */
#include "optint.h"

/* ---- which values ----------------------------------------------------- */

static bool wanted(const tm_expander *x, tm_value v) {
  return x->is_wanted(x, tm_type_of(x->ir, v));
}

/* Strikes v out unless `and_also` stays; true when that is news. */
static bool tie(tm_expander *x, tm_value v, tm_value and_also) {
  if (!x->good[v] || x->good[and_also]) return false;
  x->good[v] = false;
  return true;
}

static bool tie_both(tm_expander *x, tm_value a, tm_value b) {
  bool changed = tie(x, a, b);
  return tie(x, b, a) || changed;
}

static const tm_inst_data *last_of(const tm_expander *x, tm_block b) {
  return tm_get(x->ir, tm_blk(x->ir, b)->last);
}

static bool strike_loop(tm_expander *x, const tm_inst_data *i) {
  bool changed = false;
  if (i->op == TM_FOR) {
    const tm_value *args = tm_blk(x->ir, i->regions[0])->args;
    for (uint32_t c = 0; c < i->n_results; c++) {
      if (!wanted(x, i->results + c)) continue;
      changed |= tie_both(x, args[c + 1], i->operands[c + 3]);
      changed |= tie_both(x, args[c + 1],
                          last_of(x, i->regions[0])->operands[c]);
      changed |= tie_both(x, args[c + 1], i->results + c);
    }
  } else if (i->op == TM_IF) {
    for (uint32_t c = 0; c < i->n_results; c++)
      for (int r = 0; r < 2 && wanted(x, i->results + c); r++)
        changed |= tie_both(x, i->results + c,
                            last_of(x, i->regions[r])->operands[c]);
  } else {
    const tm_block_data *before = tm_blk(x->ir, i->regions[0]);
    const tm_block_data *after = tm_blk(x->ir, i->regions[1]);
    for (uint32_t c = 0; c < before->n_args; c++) {
      if (!wanted(x, before->args[c])) continue;
      changed |= tie_both(x, before->args[c], i->operands[c]);
      changed |= tie_both(x, before->args[c],
                          last_of(x, i->regions[1])->operands[c]);
    }
    for (uint32_t c = 0; c < after->n_args; c++) {
      if (!wanted(x, after->args[c])) continue;
      changed |= tie_both(x, after->args[c], i->results + c);
      changed |= tie_both(x, after->args[c],
                          last_of(x, i->regions[0])->operands[c + 1]);
    }
  }
  return changed;
}

static bool strike_block(tm_expander *x, tm_block b) {
  bool changed = false;
  TM_EACH_INST(x->ir, inst, b) {
    const tm_inst_data *i = tm_get(x->ir, inst);
    for (uint32_t r = 0; r < i->n_regions; r++)
      changed |= strike_block(x, i->regions[r]);
    if (i->op == TM_FOR || i->op == TM_IF || i->op == TM_WHILE) {
      changed |= strike_loop(x, i);
      continue;
    }
    for (uint32_t o = 0; o < i->n_operands; o++) {
      if (!x->good[i->operands[o]] || x->is_user(x, inst) ||
          (tm_op_infos[i->op].flags & TM_TERMINATOR))
        continue;
      x->good[i->operands[o]] = false;
      changed = true;
    }
    for (uint32_t r = 0; r < i->n_results; r++) {
      tm_value v = i->results + r;
      if (!x->good[v]) continue;
      bool good = x->is_source(x, inst);
      for (uint32_t o = 0; o < i->n_operands && good; o++)
        good = !wanted(x, i->operands[o]) || x->good[i->operands[o]];
      if (good) continue;
      x->good[v] = false;
      changed = true;
    }
  }
  return changed;
}

static void find_good(tm_expander *x) {
  x->n_values = x->ir->values.len;
  x->good = TM_NEW_ARRAY(x->ir->arena, bool, x->n_values);
  for (tm_value v = 1; v < x->n_values; v++) x->good[v] = wanted(x, v);
  for (uint32_t f = 0; f < x->ir->funcs.len; f++) {
    const tm_func *func = &x->ir->funcs.data[f];
    for (uint32_t p = 0; p < func->params.len; p++)
      x->good[func->params.data[p].value] = false;
  }
  bool changed = true;
  while (changed) {
    changed = false;
    for (uint32_t f = 0; f < x->ir->funcs.len; f++)
      changed |= strike_block(x, x->ir->funcs.data[f].body);
  }
}

/* ---- parts ------------------------------------------------------------ */

static bool is_good(const tm_expander *x, tm_value v) {
  return v < x->n_values && x->good[v];
}

tm_parts *tm_expand_parts(tm_expander *x, tm_value v) {
  uint64_t at;
  return tm_map_get(&x->parts, v, &at) ? &x->list.data[at - 1] : NULL;
}

tm_value tm_expand_now(const tm_expander *x, tm_value v) {
  return tm_ir_mapped(&x->renamed, v);
}

void tm_expand_set(tm_expander *x, tm_value v, const tm_parts *parts) {
  tm_push(x->ir->arena, &x->list, *parts);
  tm_map_put(&x->parts, v, x->list.len);
}

/* ---- structured operations -------------------------------------------- */

typedef TM_VEC(tm_value) value_list;
typedef TM_VEC(tm_type) type_list;

/* Adds v, or its carried parts. old is the value before any rewriting. */
static void add_value(tm_expander *x, tm_builder *b, value_list *list,
                      tm_value old) {
  if (!is_good(x, old)) {
    tm_push(x->ir->arena, list, tm_ir_mapped(&x->renamed, old));
    return;
  }
  tm_parts parts = x->carry(x, b, old);
  for (uint32_t k = 0; k < parts.n; k++)
    tm_push(x->ir->arena, list, parts.v[k]);
}

static void add_types(tm_expander *x, type_list *list, tm_value old) {
  tm_type types[TM_MAX_PARTS];
  uint32_t n = 1;
  types[0] = tm_type_of(x->ir, old);
  if (is_good(x, old)) n = x->part_types(x, types[0], types);
  for (uint32_t k = 0; k < n; k++) tm_push(x->ir->arena, list, types[k]);
}

/* Gives a block new arguments for old ones, from number `from` on. Uses that
 * need the old value whole get it joined at the block's start. */
static void expand_args(tm_expander *x, tm_block block, uint32_t from) {
  tm_ir *ir = x->ir;
  uint32_t n = tm_blk(ir, block)->n_args;
  tm_value *old = tm_blk(ir, block)->args;
  tm_blk(ir, block)->n_args = from;
  tm_builder b = tm_build_at_end(ir, block);
  b.before = tm_blk(ir, block)->first;
  if (b.before) b.loc = tm_get(ir, b.before)->loc;
  for (uint32_t a = from; a < n; a++) {
    type_list types = {0};
    add_types(x, &types, old[a]);
    tm_parts parts = {.n = types.len};
    for (uint32_t k = 0; k < types.len; k++) {
      tm_value arg = tm_block_add_arg(ir, block, types.data[k]);
      tm_val(ir, arg)->name = tm_val(ir, old[a])->name;
      parts.v[k] = arg;
    }
    if (!is_good(x, old[a])) {
      tm_map_put(&x->renamed, old[a], parts.v[0]);
      continue;
    }
    tm_expand_set(x, old[a], &parts);
    tm_value whole = x->join(x, &b, old[a]);
    if (whole) tm_map_put(&x->renamed, old[a], whole);
  }
}

static void expand_results(tm_expander *x, const tm_inst_data *old,
                           tm_inst made, tm_builder *b) {
  uint32_t at = 0;
  for (uint32_t r = 0; r < old->n_results; r++) {
    tm_value was = old->results + r;
    type_list types = {0};
    add_types(x, &types, was);
    tm_parts parts = {.n = types.len};
    for (uint32_t k = 0; k < types.len; k++) {
      parts.v[k] = tm_get(x->ir, made)->results + at++;
      tm_val(x->ir, parts.v[k])->name = tm_val(x->ir, was)->name;
    }
    if (!is_good(x, was)) {
      tm_map_put(&x->renamed, was, parts.v[0]);
      continue;
    }
    tm_expand_set(x, was, &parts);
    tm_value whole = x->join(x, b, was);
    if (whole) tm_map_put(&x->renamed, was, whole);
  }
}

/* Replaces the operands of a block's terminator by their parts. */
static void expand_end(tm_expander *x, tm_block block,
                       const tm_value *old, uint32_t n) {
  tm_inst end = tm_blk(x->ir, block)->last;
  tm_builder b = tm_build_before(x->ir, end);
  value_list list = {0};
  for (uint32_t o = 0; o < n; o++) add_value(x, &b, &list, old[o]);
  tm_get(x->ir, end)->operands = list.data;
  tm_get(x->ir, end)->n_operands = list.len;
}

static void walk(tm_expander *x, tm_block block);

static bool touches(const tm_expander *x, const tm_inst_data *i) {
  for (uint32_t r = 0; r < i->n_results; r++)
    if (is_good(x, i->results + r)) return true;
  for (uint32_t o = 0; o < i->n_operands; o++)
    if (is_good(x, i->operands[o])) return true;
  for (uint32_t g = 0; g < i->n_regions; g++)
    for (uint32_t a = 0; a < tm_blk(x->ir, i->regions[g])->n_args; a++)
      if (is_good(x, tm_blk(x->ir, i->regions[g])->args[a])) return true;
  return false;
}

/* A terminator's operands, before the walk rewrites them. */
static value_list end_operands(tm_expander *x, tm_block block) {
  const tm_inst_data *end = last_of(x, block);
  value_list list = {0};
  for (uint32_t o = 0; o < end->n_operands; o++)
    tm_push(x->ir->arena, &list, end->operands[o]);
  return list;
}

static void expand_structured(tm_expander *x, tm_inst inst) {
  tm_ir *ir = x->ir;
  tm_inst_data old = *tm_get(ir, inst);
  tm_builder b = tm_build_before(ir, inst);
  value_list operands = {0}, ends[2] = {{0}, {0}};
  type_list types = {0};
  for (uint32_t r = 0; r < old.n_regions; r++)
    ends[r] = end_operands(x, old.regions[r]);
  for (uint32_t o = 0; o < old.n_operands; o++)
    add_value(x, &b, &operands, old.operands[o]);
  for (uint32_t r = 0; r < old.n_results; r++)
    add_types(x, &types, old.results + r);
  static const tm_type no_types[1] = {0};
  tm_inst made = tm_build(&b, old.op, operands.len, operands.data, types.len,
                          types.len ? types.data : no_types, old.n_regions,
                          old.regions, old.n_attrs, old.attrs);
  tm_inst_remove(ir, inst);
  for (uint32_t r = 0; r < old.n_regions; r++) {
    expand_args(x, old.regions[r], old.op == TM_FOR ? 1 : 0);
    walk(x, old.regions[r]);
    expand_end(x, old.regions[r], ends[r].data, ends[r].len);
  }
  tm_builder after = tm_build_after(ir, made);
  expand_results(x, &old, made, &after);
  x->changed = true;
}

static void walk(tm_expander *x, tm_block block) {
  TM_EACH_INST(x->ir, inst, block) {
    tm_inst_data *i = tm_get(x->ir, inst);
    bool structured = i->op == TM_FOR || i->op == TM_IF || i->op == TM_WHILE;
    if (structured && touches(x, i)) {
      expand_structured(x, inst);
      continue;
    }
    for (uint32_t r = 0; r < i->n_regions; r++) walk(x, i->regions[r]);
    i = tm_get(x->ir, inst);
    /* rewrite() looks parts up by the old names, so they are renamed after
     * it, in whatever it left in place. */
    if (!structured) x->rewrite(x, inst);
    i = tm_get(x->ir, inst);
    for (uint32_t o = 0; o < i->n_operands; o++)
      i->operands[o] = tm_ir_mapped(&x->renamed, i->operands[o]);
  }
}

bool tm_expand(tm_expander *x) {
  x->parts = tm_map_in(x->ir->arena);
  x->renamed = tm_map_in(x->ir->arena);
  find_good(x);
  for (uint32_t f = 0; f < x->ir->funcs.len; f++)
    walk(x, x->ir->funcs.data[f].body);
  return x->changed;
}
