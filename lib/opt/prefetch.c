/* SPDX-License-Identifier: MIT */
/*
 * prefetch.c - loops around products load the next tile while they multiply.
 *
 *     for k in range(lo, hi, step):        a = load(p(lo), mask=lo < hi)
 *       a = load(p(k))                     for k in range(lo, hi, step):
 *       acc = dot(a, ...)             ->     n = load(p(k + step),
 *                                                     mask=k < hi - step)
 *                                            acc = dot(a, ...)
 *                                            a = n
 *
 * A tile that goes through threadgroup memory is stored there at the start
 * of an iteration and multiplied behind a barrier: without this, nothing
 * hides the time that its load takes but other threadgroups. The code
 * generator gives the tile one set of registers more, for all of the
 * iteration. Where those keep a threadgroup out, nothing is won: kernels ask
 * for it (num_stages).
 *
 * A load is moved when
 *   - a dot of the same block reads what becomes of it;
 *   - its pointers, mask and `other` can be computed an iteration ahead:
 *     from what does not change, the loop's variable, and carried values
 *     whose next value is a matter of address arithmetic;
 *   - nothing in the loop writes to memory or has another effect;
 *   - the loop's step is positive and hi - step cannot wrap;
 *   - the registers that it takes are few (budget, in bytes a thread).
 *
 * What lies behind the last iteration is masked: no address is touched that
 * the loop as written does not touch.
 *
 * Requires: dominance, pointers taken apart. Leaves: dead loads and
 * arithmetic, for dce; equal arithmetic, for cse.
 */
#include "optint.h"

enum {
  MAX_SLICE = 256,        /* instructions of one load's address */
  TM_PREFETCH_BYTES = 128 /* of all tiles of a loop: 32 registers a thread, a
                             quarter of what a thread of M1 can have */
};

/* When a copied value is looked at. */
typedef enum moment { FIRST, NOW, NEXT } moment;

typedef struct loop {
  tm_ir *ir;
  tm_inst inst;
  tm_block body;
  tm_inst dot;       /* copies for NOW and NEXT go before it */
  tm_map copies[3];  /* of each moment: value -> what it is then */
} loop;

/* ---- what may be computed ahead ------------------------------------------ */

static bool is_arithmetic(const tm_ir *ir, tm_inst inst) {
  const tm_inst_data *i = tm_get(ir, inst);
  if (i->n_regions || i->n_results != 1) return false;
  switch (i->op) {
  case TM_SPLAT: case TM_BROADCAST: case TM_EXPAND_DIMS: case TM_ADDPTR:
  case TM_MAKE_RANGE: case TM_RESHAPE: case TM_TRANS: case TM_UNSPLAT:
    return true;
  default:
    return i->op != TM_EXTERN &&
           (tm_op_infos[i->op].flags & TM_PURE) != 0 &&
           (tm_op_infos[i->op].flags & TM_ELEMENTWISE) != 0;
  }
}

/* Is v the same in all iterations? */
static bool is_outside(const loop *l, tm_value v) {
  const tm_value_data *d = tm_val(l->ir, v);
  if (d->def) return !tm_inst_is_inside(l->ir, d->def, l->body);
  return d->block != l->body;
}

/* Carried value i, as an iteration hands it on. */
static tm_value yielded(const loop *l, uint32_t i) {
  tm_inst end = tm_blk(l->ir, l->body)->last;
  return tm_get(l->ir, end)->operands[i];
}

/* Can v be had before the dot? left bounds the work. */
static bool can_have(const loop *l, tm_value v, moment when, uint32_t *left) {
  if (is_outside(l, v)) return true;
  const tm_value_data *d = tm_val(l->ir, v);
  tm_inst def = d->def;
  if (!def) /* the loop's variable or a carried value */
    return when != NEXT || d->index == 0 ||
           can_have(l, yielded(l, d->index - 1), NOW, left);
  if (tm_get(l->ir, def)->block != l->body || !is_arithmetic(l->ir, def) ||
      *left == 0)
    return false;
  --*left;
  for (uint32_t o = 0; o < tm_get(l->ir, def)->n_operands; o++)
    if (!can_have(l, tm_get(l->ir, def)->operands[o], when, left))
      return false;
  return true;
}

/* ---- computing it -------------------------------------------------------- */

static tm_builder place_of(const loop *l, moment when) {
  tm_builder b = tm_build_before(l->ir, when == FIRST ? l->inst : l->dot);
  b.loc = tm_get(l->ir, l->dot)->loc;
  return b;
}

static tm_value value_at(loop *l, tm_value v, moment when);

/* The loop's variable, or a carried value. */
static tm_value argument_at(loop *l, tm_value v, moment when) {
  const tm_inst_data *d = tm_get(l->ir, l->inst);
  uint32_t index = tm_val(l->ir, v)->index;
  if (when == NOW) return v;
  if (when == FIRST) return d->operands[index ? 2 + index : 0];
  if (index) return value_at(l, yielded(l, index - 1), NOW);
  tm_builder b = place_of(l, when);
  return tm_build2(&b, TM_ADDI, v, d->operands[2]);
}

/* What v is at that moment, where copies for it go. */
static tm_value value_at(loop *l, tm_value v, moment when) {
  uint64_t found;
  if (is_outside(l, v)) return v;
  if (tm_map_get(&l->copies[when], v, &found)) return (tm_value)found;
  tm_inst def = tm_val(l->ir, v)->def;
  tm_value result;
  if (!def) {
    result = argument_at(l, v, when);
  } else {
    tm_map operands = tm_map_in(l->ir->arena);
    for (uint32_t o = 0; o < tm_get(l->ir, def)->n_operands; o++) {
      tm_value x = tm_get(l->ir, def)->operands[o];
      tm_map_put(&operands, x, value_at(l, x, when));
    }
    tm_builder b = place_of(l, when);
    tm_inst copy = tm_ir_clone_inst(&b, def, &operands, 0);
    result = tm_get(l->ir, copy)->results;
  }
  tm_map_put(&l->copies[when], v, result);
  return result;
}

/* Is there an iteration to load for: lo < hi, or k < hi - step? */
static tm_value is_needed(loop *l, moment when) {
  const tm_inst_data *d = tm_get(l->ir, l->inst);
  tm_value lo = d->operands[0], hi = d->operands[1], step = d->operands[2];
  tm_value k = tm_blk(l->ir, l->body)->args[0];
  tm_builder before = place_of(l, FIRST), b = place_of(l, when);
  if (when == FIRST) return tm_build_cmpi(&b, TM_CMPI_SLT, lo, hi);
  tm_value last = tm_build2(&before, TM_SUBI, hi, step);
  return tm_build_cmpi(&b, TM_CMPI_SLT, k, last);
}

/* The load as it is at that moment; nothing is read when not needed. */
static tm_value load_at(loop *l, tm_inst load, moment when,
                        tm_value needed) {
  tm_ir *ir = l->ir;
  tm_value x[3], old = tm_get(ir, load)->results;
  uint32_t n = tm_get(ir, load)->n_operands;
  for (uint32_t o = 0; o < n; o++)
    x[o] = value_at(l, tm_get(ir, load)->operands[o], when);
  tm_builder b = place_of(l, when);
  b.loc = tm_get(ir, load)->loc;
  tm_type bits =
      tm_type_like(ir, tm_type_of(ir, x[0]), tm_type_scalar(ir, TM_I1));
  tm_value mask = tm_build_to(&b, TM_SPLAT, needed, bits);
  x[1] = n > 1 ? tm_build2(&b, TM_ANDI, x[1], mask) : mask;
  tm_type type = tm_type_of(ir, old);
  tm_inst copy =
      tm_build(&b, TM_LOAD, n > 1 ? n : 2, x, 1, &type, 0, NULL,
               tm_get(ir, load)->n_attrs, tm_get(ir, load)->attrs);
  tm_value result = tm_get(ir, copy)->results;
  tm_val(ir, result)->name = tm_val(ir, old)->name;
  return result;
}

/* ---- which loads --------------------------------------------------------- */

enum { MAX_LOADS = 8 };

typedef struct found {
  tm_inst load[MAX_LOADS], dot[MAX_LOADS];
  uint32_t n, budget; /* bytes a thread that are left */
} found;

static uint32_t bytes_a_thread(const tm_ir *ir, tm_value v, uint32_t threads) {
  tm_type t = tm_type_of(ir, v);
  if (t->element->kind != TM_TYPE_SCALAR) return UINT32_MAX;
  uint64_t bits = (uint64_t)tm_type_numel(t) *
                  tm_scalar_bits(t->element->scalar);
  return (uint32_t)(bits / 8 / threads);
}

static void consider(const loop *l, tm_inst load, uint32_t threads,
                     found *f) {
  const tm_inst_data *i = tm_get(l->ir, load);
  tm_type t = tm_type_of(l->ir, i->results);
  uint32_t left = MAX_SLICE;
  for (uint32_t k = 0; k < f->n; k++)
    if (f->load[k] == load) return;
  if (f->n == MAX_LOADS || !tm_type_is_tensor(t) ||
      !tm_type_is_tensor(tm_type_of(l->ir, i->operands[0])) ||
      tm_inst_int(l->ir, load, TM_ATTR_VOLATILE, 0))
    return;
  for (uint32_t o = 0; o < i->n_operands; o++)
    if (!can_have(l, i->operands[o], NEXT, &left) ||
        !can_have(l, i->operands[o], FIRST, &left))
      return;
  uint32_t bytes = bytes_a_thread(l->ir, i->results, threads);
  if (bytes > f->budget) return;
  f->budget -= bytes;
  f->load[f->n] = load;
  f->dot[f->n++] = l->dot;
}

/* Loads of the loop's body that v is made of. */
static void follow(const loop *l, tm_value v, uint32_t threads,
                   uint32_t *left, found *f) {
  tm_inst def = tm_val(l->ir, v)->def;
  if (!def || tm_get(l->ir, def)->block != l->body || *left == 0) return;
  --*left;
  if (tm_get(l->ir, def)->op == TM_LOAD) {
    consider(l, def, threads, f);
  } else if (is_arithmetic(l->ir, def)) {
    for (uint32_t o = 0; o < tm_get(l->ir, def)->n_operands; o++)
      follow(l, tm_get(l->ir, def)->operands[o], threads, left, f);
  }
}

static bool has_effects(const tm_ir *ir, tm_block block) {
  TM_EACH_INST(ir, inst, block) {
    const tm_inst_data *i = tm_get(ir, inst);
    if (tm_op_infos[i->op].flags & TM_WRITES) return true;
    for (uint32_t r = 0; r < i->n_regions; r++)
      if (has_effects(ir, i->regions[r])) return true;
  }
  return false;
}

/* Is the step a positive constant, and hi - step no overflow for every hi
 * that lets the loop run? */
static bool counts_safely(tm_ir *ir, const tm_inst_data *d) {
  int64_t step;
  if (!tm_value_const_int(ir, d->operands[2], &step) || step <= 0)
    return false;
  tm_range lo = tm_range_of(ir, d->operands[0], false);
  tm_scalar s = tm_type_of(ir, d->operands[0])->scalar;
  return lo.lo >= tm_range_full(s).lo + step;
}

/* ---- the loop ------------------------------------------------------------ */

/* The loop again with carried values added: initial, and handed on. */
static tm_inst carry(tm_ir *ir, tm_inst inst, const tm_value *initial,
                     const tm_value *next, uint32_t n) {
  tm_inst_data d = *tm_get(ir, inst);
  tm_block body = d.regions[0];
  tm_inst end = tm_blk(ir, body)->last;
  uint32_t n_operands = d.n_operands + n, n_results = d.n_results + n;
  uint32_t n_yields = tm_get(ir, end)->n_operands;
  tm_value *operands = TM_NEW_ARRAY(ir->arena, tm_value, n_operands);
  tm_value *yields = TM_NEW_ARRAY(ir->arena, tm_value, n_yields + n);
  tm_type *types = TM_NEW_ARRAY(ir->arena, tm_type, n_results);
  memcpy(operands, d.operands, d.n_operands * sizeof operands[0]);
  if (n_yields)
    memcpy(yields, tm_get(ir, end)->operands, n_yields * sizeof yields[0]);
  for (uint32_t r = 0; r < d.n_results; r++)
    types[r] = tm_type_of(ir, d.results + r);
  for (uint32_t k = 0; k < n; k++) {
    operands[d.n_operands + k] = initial[k];
    yields[n_yields + k] = next[k];
    types[d.n_results + k] = tm_type_of(ir, next[k]);
  }
  tm_get(ir, end)->operands = yields;
  tm_get(ir, end)->n_operands = n_yields + n;
  tm_builder b = tm_build_before(ir, inst);
  b.loc = d.loc;
  tm_inst to = tm_build(&b, TM_FOR, n_operands, operands, n_results, types, 1,
                        &body, d.n_attrs, d.attrs);
  for (uint32_t r = 0; r < d.n_results; r++) {
    tm_value now = tm_get(ir, to)->results + r;
    tm_val(ir, now)->name = tm_val(ir, d.results + r)->name;
    tm_value_replace(ir, d.results + r, now);
  }
  tm_get(ir, inst)->n_regions = 0;
  tm_inst_remove(ir, inst);
  return to;
}

static void prefetch(loop *l, const found *f) {
  tm_ir *ir = l->ir;
  tm_value initial[MAX_LOADS], next[MAX_LOADS];
  l->dot = f->dot[0];
  tm_value first = is_needed(l, FIRST), more = is_needed(l, NEXT);
  for (uint32_t k = 0; k < f->n; k++) {
    initial[k] = load_at(l, f->load[k], FIRST, first);
    next[k] = load_at(l, f->load[k], NEXT, more);
  }
  for (uint32_t k = 0; k < f->n; k++) {
    tm_value old = tm_get(ir, f->load[k])->results;
    tm_value arg = tm_block_add_arg(ir, l->body, tm_type_of(ir, old));
    tm_val(ir, arg)->name = tm_val(ir, old)->name;
    tm_value_replace(ir, old, arg);
    tm_inst_remove(ir, f->load[k]);
  }
  carry(ir, l->inst, initial, next, f->n);
}

static bool try_loop(tm_ir *ir, tm_inst inst, uint32_t threads) {
  const tm_inst_data *d = tm_get(ir, inst);
  found f = {.n = 0, .budget = TM_PREFETCH_BYTES};
  loop l = {.ir = ir, .inst = inst, .body = d->regions[0]};
  for (int m = 0; m < 3; m++) l.copies[m] = tm_map_in(ir->arena);
  if (!counts_safely(ir, d) || has_effects(ir, l.body)) return false;
  TM_EACH_INST(ir, i, l.body) {
    uint32_t left = MAX_SLICE;
    if (tm_get(ir, i)->op != TM_DOT) continue;
    l.dot = i;
    for (int o = 0; o < 2; o++)
      follow(&l, tm_get(ir, i)->operands[o], threads, &left, &f);
  }
  if (!f.n) return false;
  prefetch(&l, &f);
  return true;
}

static bool walk(tm_ir *ir, tm_block block, uint32_t threads) {
  bool changed = false;
  TM_EACH_INST(ir, inst, block) {
    for (uint32_t r = 0; r < tm_get(ir, inst)->n_regions; r++)
      changed |= walk(ir, tm_get(ir, inst)->regions[r], threads);
    if (tm_get(ir, inst)->op == TM_FOR)
      changed |= try_loop(ir, inst, threads);
  }
  return changed;
}

bool tm_pass_prefetch(tm_ir *ir, uint32_t num_warps) {
  bool changed = false;
  for (uint32_t f = 0; f < ir->funcs.len; f++)
    changed |= walk(ir, ir->funcs.data[f].body, 32 * num_warps);
  return changed;
}
