/* SPDX-License-Identifier: MIT */
/*
 * cost.c - counts what a launch does, and the roofline that follows.
 *
 * A small interpreter: scalars have their values where these follow from the
 * launch's numbers and the program's id, loops run, branches are taken, and
 * each instruction on tiles adds what it costs. Not all programs are run:
 * the first, the last and a few evenly between stand for all.
 *
 * A mask counts the elements for which it is true. It is evaluated element by
 * element, but only along the dimensions in which it differs, and where two
 * sides of an `and` differ along different dimensions, separately:
 *
 *     (rows < M)[:, None] & (columns < N)[None, :]      64 + 64, not 64 * 64
 *
 * Rates for the roofline:
 *   memory       bandwidth of the chip table x 0.8: STREAM on M4, M5 and M3
 *                Pro reaches 79 to 83% (arXiv 2502.05317, M5 roofline of
 *                michaelstinkerings.org)
 *   arithmetic   128 lanes a core and cycle (metal-benchmarks), a
 *                multiply-add takes one slot, so does any other operation
 *   products     75% of the multiply-adds: simdgroup_matrix reaches 102 of
 *                128 a cycle (metal-benchmarks), GEMM kernels 73 to 79% on M1
 *                Max (metal-flash-attention)
 *   special      slots of 128 lanes: exp2 and log2 4, reciprocal 6, rsqrt 8,
 *                sin 14 (metal-benchmarks); division and sqrt as they are
 *                made of these
 *   threadgroup  64 bytes a core and cycle (metal-benchmarks)
 * Clock and cores are in the peak of the chip table: cores x 256 x clock.
 */
#include "cost.h"

#include "opt/optint.h"

enum {
  SAMPLES = 30,          /* programs between the first and the last */
  MAX_STEPS = 1 << 22,   /* instructions interpreted, of all programs */
  MAX_ELEMENTS = 1 << 16,/* of a mask */
  MAX_DEPTH = 64         /* of an expression of a mask */
};

typedef struct counter {
  tm_ir *ir;
  const tm_layouts *layouts;
  const tm_cost_launch *launch;
  int64_t program[3];
  int64_t *value;        /* of scalars */
  bool *known;
  const uint8_t *staged; /* per value: only dots read it, from threadgroup
                            memory */
  uint64_t steps;
  tm_cost sum;           /* of the programs so far */
} counter;

/* ---- scalars ------------------------------------------------------------- */

static void set(counter *c, tm_value v, bool known, int64_t x) {
  c->known[v] = known;
  c->value[v] = x;
}

static bool get(const counter *c, tm_value v, int64_t *x) {
  if (tm_value_const_int(c->ir, v, x)) return true;
  *x = c->value[v];
  return c->known[v];
}

static tm_scalar scalar_of(const tm_ir *ir, tm_value v) {
  tm_type t = tm_type_element(tm_type_of(ir, v));
  return t->kind == TM_TYPE_SCALAR ? t->scalar : TM_VOID;
}

/* inst of integers on numbers; false when it is not such. */
static bool compute(const tm_ir *ir, tm_inst inst, const int64_t *x,
                    int64_t *out) {
  const tm_inst_data *d = tm_get(ir, inst);
  tm_number in[3], result;
  if (d->op == TM_SELECT) {
    *out = x[0] ? x[1] : x[2];
    return true;
  }
  if (d->n_operands == 0 || d->n_operands > 2 || d->n_results != 1)
    return false;
  tm_scalar from = scalar_of(ir, d->operands[0]);
  tm_scalar to = scalar_of(ir, d->results);
  if (!tm_scalar_is_int(from) || !tm_scalar_is_int(to)) return false;
  for (uint32_t k = 0; k < d->n_operands; k++)
    in[k] = (tm_number){.i = x[k]};
  if (!tm_fold_number(d->op, from, to,
                      tm_inst_int(ir, inst, TM_ATTR_PREDICATE, 0), in,
                      d->n_operands, &result))
    return false;
  *out = result.i;
  return true;
}

static void scalar(counter *c, tm_inst inst) {
  const tm_inst_data *d = tm_get(c->ir, inst);
  int64_t x[3] = {0, 0, 0}, out = 0;
  bool known = d->n_operands <= 3;
  uint32_t axis = (uint32_t)tm_inst_int(c->ir, inst, TM_ATTR_AXIS, 0) % 3;
  if (d->n_results != 1) return;
  if (d->op == TM_GET_PROGRAM_ID) {
    set(c, d->results, true, c->program[axis]);
    return;
  }
  if (d->op == TM_GET_NUM_PROGRAMS) {
    set(c, d->results, true, c->launch->grid[axis]);
    return;
  }
  for (uint32_t k = 0; known && k < d->n_operands; k++)
    known = get(c, d->operands[k], &x[k]);
  known = known && d->op != TM_LOAD && !d->n_regions &&
          compute(c->ir, inst, x, &out);
  set(c, d->results, known, out);
}

/* ---- masks --------------------------------------------------------------- */

/* Dimensions in which v can differ, as bits; all when not known. */
static uint32_t varies(const counter *c, tm_value v, uint32_t depth) {
  tm_type t = tm_type_of(c->ir, v);
  tm_inst def = tm_val(c->ir, v)->def;
  uint32_t all = t->rank >= 32 ? UINT32_MAX : (1u << t->rank) - 1, out = 0;
  if (!tm_type_is_tensor(t)) return 0;
  if (!def || depth > MAX_DEPTH) return all;
  const tm_inst_data *d = tm_get(c->ir, def);
  switch (d->op) {
  case TM_SPLAT: case TM_CONSTANT: return 0;
  case TM_BROADCAST: case TM_CONVERT_LAYOUT:
    return varies(c, d->operands[0], depth + 1);
  case TM_EXPAND_DIMS: {
    uint32_t x = varies(c, d->operands[0], depth + 1);
    uint32_t axis = (uint32_t)tm_inst_int(c->ir, def, TM_ATTR_AXIS, 0);
    uint32_t low = x & ((1u << axis) - 1);
    return low | (x ^ low) << 1;
  }
  default:
    if (!(tm_op_infos[d->op].flags & TM_ELEMENTWISE)) return all;
    for (uint32_t o = 0; o < d->n_operands; o++)
      out |= varies(c, d->operands[o], depth + 1);
    return out;
  }
}

/* Element at of v. */
static bool element(const counter *c, tm_value v, const int64_t *at,
                    uint32_t depth, int64_t *out) {
  tm_type t = tm_type_of(c->ir, v);
  if (!tm_type_is_tensor(t)) return get(c, v, out);
  tm_inst def = tm_val(c->ir, v)->def;
  if (!def || depth > MAX_DEPTH) return false;
  const tm_inst_data *d = tm_get(c->ir, def);
  int64_t x[3], there[TM_MAX_RANK];
  switch (d->op) {
  case TM_CONSTANT: return tm_value_const_int(c->ir, v, out);
  case TM_SPLAT: return get(c, d->operands[0], out);
  case TM_MAKE_RANGE:
    *out = at[0] + tm_inst_int(c->ir, def, TM_ATTR_START, 0);
    return true;
  case TM_CONVERT_LAYOUT:
    return element(c, d->operands[0], at, depth + 1, out);
  case TM_BROADCAST: {
    tm_type from = tm_type_of(c->ir, d->operands[0]);
    for (uint32_t i = 0; i < t->rank; i++)
      there[i] = from->shape[i] == 1 ? 0 : at[i];
    return element(c, d->operands[0], there, depth + 1, out);
  }
  case TM_EXPAND_DIMS: {
    uint32_t axis = (uint32_t)tm_inst_int(c->ir, def, TM_ATTR_AXIS, 0), n = 0;
    for (uint32_t i = 0; i < t->rank; i++)
      if (i != axis) there[n++] = at[i];
    return element(c, d->operands[0], there, depth + 1, out);
  }
  default:
    if (!(tm_op_infos[d->op].flags & TM_ELEMENTWISE) || d->n_operands > 3)
      return false;
    for (uint32_t o = 0; o < d->n_operands; o++)
      if (!element(c, d->operands[o], at, depth + 1, &x[o])) return false;
    return compute(c->ir, def, x, out);
  }
}

/* The part of the elements for which mask is true. */
static double part_true(counter *c, tm_value mask, uint32_t depth) {
  tm_type t = tm_type_of(c->ir, mask);
  tm_inst def = tm_val(c->ir, mask)->def;
  uint32_t dims = varies(c, mask, 0);
  if (def && tm_get(c->ir, def)->op == TM_ANDI && depth < MAX_DEPTH) {
    tm_value a = tm_get(c->ir, def)->operands[0];
    tm_value b = tm_get(c->ir, def)->operands[1];
    if (!(varies(c, a, 0) & varies(c, b, 0)))
      return part_true(c, a, depth + 1) * part_true(c, b, depth + 1);
  }
  int64_t at[TM_MAX_RANK] = {0}, all = 1, n = 0, bit;
  for (uint32_t i = 0; i < t->rank && tm_type_is_tensor(t); i++)
    if (dims >> i & 1) all *= t->shape[i];
  if (all > MAX_ELEMENTS) {
    c->sum.is_exact = false;
    return 1;
  }
  for (int64_t e = 0; e < all; e++) {
    int64_t rest = e;
    for (uint32_t i = 0; i < t->rank && tm_type_is_tensor(t); i++) {
      if (!(dims >> i & 1)) continue;
      at[i] = rest % t->shape[i];
      rest /= t->shape[i];
    }
    if (!element(c, mask, at, 0, &bit)) {
      c->sum.is_exact = false;
      return 1;
    }
    n += bit != 0;
  }
  return (double)n / (double)all;
}

/* ---- instructions -------------------------------------------------------- */

static double elements(const tm_ir *ir, tm_value v) {
  return (double)tm_type_numel(tm_type_of(ir, v));
}

static double threads(const counter *c) {
  return 32.0 * (double)c->layouts->num_warps;
}

/* How many threads hold an element of v. */
static double copies(const counter *c, tm_value v) {
  const tm_layout *l = c->layouts->of[v];
  if (!l) return threads(c);
  return (double)(1u << l->n_reg) * threads(c) / elements(c->ir, v);
}

static double bytes_of(const tm_ir *ir, tm_value v) {
  tm_type t = tm_type_element(tm_type_of(ir, v));
  if (t->kind == TM_TYPE_POINTER) return 8;
  return (double)((tm_scalar_bits(t->scalar) + 7) / 8);
}

static void access(counter *c, tm_inst inst) {
  const tm_inst_data *d = tm_get(c->ir, inst);
  bool store = d->op == TM_STORE;
  bool atomic = d->op == TM_ATOMIC_RMW || d->op == TM_ATOMIC_CAS;
  tm_value v = store || atomic ? d->operands[1] : d->results;
  uint32_t at = store || atomic ? 2 : 1;
  double part = d->op != TM_ATOMIC_CAS && d->n_operands > at
                    ? part_true(c, d->operands[at], 0) : 1;
  double bytes = part * elements(c->ir, v) * bytes_of(c->ir, v);
  if (!store) c->sum.read += bytes;
  if (store || atomic) c->sum.written += bytes;
  if (!store)
    c->sum.asked_read += atomic ? bytes : bytes * copies(c, d->results);
  if (store || atomic) c->sum.asked_written += bytes;
}

/* Slots of 128 lanes that one element takes, beyond the operation itself. */
static double slots(tm_op op) {
  switch (op) {
  case TM_EXP: case TM_EXP2: case TM_LOG: case TM_LOG2: return 4;
  case TM_DIVF: case TM_PRECISE_DIVF: case TM_REMF: return 6;
  case TM_RSQRT: case TM_SQRT: case TM_PRECISE_SQRT: return 8;
  case TM_SIN: case TM_COS: return 14;
  case TM_ERF: case TM_EXTERN: return 20;
  default: return 0;
  }
}

static void elementwise(counter *c, tm_inst inst) {
  const tm_inst_data *d = tm_get(c->ir, inst);
  for (uint32_t r = 0; r < d->n_results; r++) {
    if (!tm_scalar_is_float(scalar_of(c->ir, d->results + r))) continue;
    double n = elements(c->ir, d->results + r);
    if (!tm_type_is_tensor(tm_type_of(c->ir, d->results + r))) n = 1;
    switch (d->op) { /* these move or convert */
    case TM_CONSTANT: case TM_SELECT: case TM_BITCAST: case TM_ARITH_BITCAST:
    case TM_EXTF: case TM_TRUNCF: case TM_FP_TO_FP: case TM_POISON: break;
    case TM_FMA: c->sum.flops += 2 * n; break;
    default: c->sum.flops += n;
    }
    c->sum.special_slots += slots(d->op) * n;
  }
}

/* Simdgroups that tell rows (or columns) of the product apart. */
static double split_by(const tm_layout *l, bool rows) {
  uint32_t n_bits = l->dim_bits[l->rank - 1], n = 0;
  uint32_t mask = rows ? ((1u << l->dim_bits[l->rank - 2]) - 1) << n_bits
                       : (1u << n_bits) - 1;
  for (uint32_t i = 0; i < l->n_warp; i++) n += (l->warp[i] & mask) != 0;
  return (double)(1u << n);
}

static void dot(counter *c, tm_inst inst) {
  const tm_inst_data *d = tm_get(c->ir, inst);
  tm_type a = tm_type_of(c->ir, d->operands[0]);
  double flops = 2 * elements(c->ir, d->results) *
                 (double)a->shape[a->rank - 1];
  const tm_layout *l = c->layouts->of[d->results];
  c->sum.flops += flops;
  c->sum.matrix_flops += flops;
  /* a staged operand is read once by each simdgroup that needs it */
  for (uint32_t k = 0; k < 2; k++) {
    if (!c->staged[d->operands[k]]) continue;
    double readers = (double)c->layouts->num_warps / split_by(l, k == 0);
    c->sum.threadgroup += readers * elements(c->ir, d->operands[k]) *
                          bytes_of(c->ir, d->operands[k]);
  }
}

static void convert(counter *c, tm_inst inst) {
  const tm_inst_data *d = tm_get(c->ir, inst);
  double bytes = elements(c->ir, d->results) * bytes_of(c->ir, d->results);
  if (c->staged[d->results]) {
    c->sum.threadgroup += bytes;
    return;
  }
  tm_convert_kind kind =
      tm_convert_kind_of(c->ir->arena, c->layouts->of[d->operands[0]],
                         c->layouts->of[d->results]);
  if (kind == TM_CONVERT_THREADGROUP)
    c->sum.threadgroup += bytes + bytes * copies(c, d->results);
}

/* Each simdgroup that divides the axis leaves a part of each result. */
static void reduce(counter *c, tm_inst inst) {
  const tm_inst_data *d = tm_get(c->ir, inst);
  const tm_layout *l = c->layouts->of[d->operands[0]];
  uint32_t axis = (uint32_t)tm_inst_int(c->ir, inst, TM_ATTR_AXIS, 0);
  uint32_t shift = tm_layout_dim_shift(l, axis), warps = 0;
  for (uint32_t i = 0; i < l->n_warp; i++)
    warps += (l->warp[i] >> shift & ((1u << l->dim_bits[axis]) - 1)) != 0;
  for (uint32_t k = 0; k < d->n_operands; k++) {
    double n = elements(c->ir, d->operands[k]);
    double results = n / (double)(1u << l->dim_bits[axis]);
    if (tm_scalar_is_float(scalar_of(c->ir, d->operands[k])))
      c->sum.flops += n - results;
    if (warps)
      c->sum.threadgroup += results * (double)(1u << warps) *
                            bytes_of(c->ir, d->operands[k]);
  }
}

/* ---- control ------------------------------------------------------------- */

static void run_block(counter *c, tm_block block, uint32_t depth);

static void copy_values(counter *c, const tm_value *to, const tm_value *from,
                        uint32_t n) {
  bool known[TM_MAX_RESULTS];
  int64_t x[TM_MAX_RESULTS];
  if (n > TM_MAX_RESULTS) n = TM_MAX_RESULTS;
  for (uint32_t i = 0; i < n; i++) known[i] = get(c, from[i], &x[i]);
  for (uint32_t i = 0; i < n; i++) set(c, to[i], known[i], x[i]);
}

static void give_results(counter *c, const tm_inst_data *d,
                         const tm_value *from) {
  for (uint32_t r = 0; r < d->n_results; r++) {
    int64_t x;
    bool known = get(c, from[r], &x);
    set(c, d->results + r, known, x);
  }
}

static const tm_value *operands_of_last(const counter *c, tm_block block) {
  return tm_get(c->ir, tm_blk(c->ir, block)->last)->operands;
}

static void run_for(counter *c, tm_inst inst, uint32_t depth) {
  const tm_inst_data *d = tm_get(c->ir, inst);
  tm_block body = d->regions[0];
  const tm_value *args = tm_blk(c->ir, body)->args;
  int64_t i, hi, step;
  bool counted = get(c, d->operands[0], &i);
  counted = get(c, d->operands[1], &hi) && counted;
  counted = get(c, d->operands[2], &step) && counted && step > 0;
  if (!counted) c->sum.is_exact = false, i = 0, hi = step = 1;
  copy_values(c, args + 1, d->operands + 3, d->n_results);
  for (; i < hi && c->steps < MAX_STEPS; i += step) {
    set(c, args[0], counted, i);
    run_block(c, body, depth + 1);
    copy_values(c, args + 1, operands_of_last(c, body), d->n_results);
    if (hi - i <= step) break;
  }
  give_results(c, d, args + 1);
}

static void run_while(counter *c, tm_inst inst, uint32_t depth) {
  const tm_inst_data *d = tm_get(c->ir, inst);
  const tm_value *args = tm_blk(c->ir, d->regions[0])->args;
  const tm_value *inner = tm_blk(c->ir, d->regions[1])->args;
  copy_values(c, args, d->operands, tm_blk(c->ir, d->regions[0])->n_args);
  for (;;) {
    int64_t goes_on = 0;
    run_block(c, d->regions[0], depth + 1);
    const tm_value *given = operands_of_last(c, d->regions[0]);
    bool known = get(c, given[0], &goes_on);
    give_results(c, d, given + 1);
    if (!known) c->sum.is_exact = false;
    if ((known && !goes_on) || c->steps >= MAX_STEPS) return;
    copy_values(c, inner, given + 1, tm_blk(c->ir, d->regions[1])->n_args);
    run_block(c, d->regions[1], depth + 1);
    copy_values(c, args, operands_of_last(c, d->regions[1]),
                tm_blk(c->ir, d->regions[0])->n_args);
    if (!known) return; /* once */
  }
}

static void run_if(counter *c, tm_inst inst, uint32_t depth) {
  const tm_inst_data *d = tm_get(c->ir, inst);
  int64_t bit = 1;
  bool known = get(c, d->operands[0], &bit);
  if (!known) c->sum.is_exact = false, bit = 1;
  tm_block taken = d->regions[bit ? 0 : 1];
  run_block(c, taken, depth + 1);
  give_results(c, d, operands_of_last(c, taken));
  for (uint32_t r = 0; !known && r < d->n_results; r++)
    c->known[d->results + r] = false;
}

static void run_inst(counter *c, tm_inst inst, uint32_t depth) {
  const tm_inst_data *d = tm_get(c->ir, inst);
  switch (d->op) {
  case TM_FOR: run_for(c, inst, depth); return;
  case TM_WHILE: run_while(c, inst, depth); return;
  case TM_IF: run_if(c, inst, depth); return;
  case TM_LOAD: case TM_STORE: case TM_ATOMIC_RMW: case TM_ATOMIC_CAS:
    access(c, inst);
    break;
  case TM_DOT: dot(c, inst); break;
  case TM_CONVERT_LAYOUT: convert(c, inst); break;
  case TM_REDUCE: reduce(c, inst); break;
  default:
    if (tm_op_infos[d->op].flags & TM_ELEMENTWISE) elementwise(c, inst);
  }
  if (d->n_results == 1 && !tm_type_is_tensor(tm_type_of(c->ir, d->results)))
    scalar(c, inst);
}

static void run_block(counter *c, tm_block block, uint32_t depth) {
  if (depth > TM_MAX_NEST) return;
  TM_EACH_INST(c->ir, inst, block) {
    if (++c->steps > MAX_STEPS) {
      c->sum.is_exact = false;
      return;
    }
    run_inst(c, inst, depth);
  }
}

/* ---- registers ----------------------------------------------------------- */

/* Which values only dots read, through threadgroup memory. */
static const uint8_t *find_staged(tm_ir *ir, const tm_layouts *layouts) {
  uint8_t *staged = TM_NEW_ARRAY(ir->arena, uint8_t, ir->values.len);
  for (tm_inst i = 1; i < ir->insts.len; i++) {
    const tm_inst_data *d = tm_get(ir, i);
    if (!d->block || d->op != TM_CONVERT_LAYOUT) continue;
    staged[d->results] =
        tm_convert_kind_of(ir->arena, layouts->of[d->operands[0]],
                           layouts->of[d->results]) >= TM_CONVERT_SHUFFLE;
  }
  for (tm_inst i = 1; i < ir->insts.len; i++) {
    const tm_inst_data *d = tm_get(ir, i);
    for (uint32_t o = 0; d->block && o < d->n_operands; o++)
      if (d->op != TM_DOT || o > 1) staged[d->operands[o]] = 0;
  }
  return staged;
}

/* Bytes of registers a thread that v takes while it lives; what is computed
 * where it is used takes none. */
static uint32_t weight(const counter *c, const uint32_t *uses, tm_value v) {
  const tm_layout *l = c->layouts->of[v];
  tm_inst def = tm_val(c->ir, v)->def;
  if (!l || c->staged[v] || !uses[v]) return 0;
  uint32_t bytes = (uint32_t)bytes_of(c->ir, v);
  if (scalar_of(c->ir, v) == TM_BF16) bytes = 4;
  if (def) {
    tm_op op = tm_get(c->ir, def)->op;
    bool loads = op == TM_LOAD || op == TM_DOT || op == TM_REDUCE ||
                 op == TM_FOR || op == TM_WHILE || op == TM_IF ||
                 op == TM_CONVERT_LAYOUT || op == TM_SCAN;
    bool floats = tm_scalar_is_float(scalar_of(c->ir, v));
    if (!loads && (!floats || uses[v] == 1 || op == TM_CONSTANT ||
                   op == TM_SPLAT || op == TM_BROADCAST))
      return 0;
  }
  return bytes << l->n_reg;
}

typedef struct lifetimes {
  uint32_t *first, *last; /* per value: steps of the program's text */
  tm_inst *until;         /* per value: it lives to the end of this loop */
  uint32_t n;             /* steps so far */
} lifetimes;

/* What is made before a loop and used in it lives to the loop's end. */
static void use(const counter *c, lifetimes *t, tm_value v, tm_block in) {
  tm_inst def = tm_val(c->ir, v)->def;
  t->last[v] = t->n;
  t->until[v] = 0;
  while (in) {
    tm_inst parent = tm_blk(c->ir, in)->parent;
    if (!parent || (def ? tm_inst_is_inside(c->ir, def, in)
                        : tm_val(c->ir, v)->block == in))
      return;
    tm_op op = tm_get(c->ir, parent)->op;
    if (op == TM_FOR || op == TM_WHILE) t->until[v] = parent;
    in = tm_get(c->ir, parent)->block;
  }
}

static void live_block(const counter *c, lifetimes *t, tm_block block,
                       uint32_t depth) {
  if (depth > TM_MAX_NEST) return;
  for (uint32_t a = 0; a < tm_blk(c->ir, block)->n_args; a++)
    t->first[tm_blk(c->ir, block)->args[a]] = t->n;
  TM_EACH_INST(c->ir, inst, block) {
    const tm_inst_data *d = tm_get(c->ir, inst);
    t->n++;
    for (uint32_t o = 0; o < d->n_operands; o++)
      use(c, t, d->operands[o], block);
    for (uint32_t r = 0; r < d->n_regions; r++)
      live_block(c, t, d->regions[r], depth + 1);
    for (tm_value v = 1; d->n_regions && v < c->ir->values.len; v++)
      if (t->until[v] == inst) t->last[v] = t->n;
    /* These results stand where what died here has stood: an accumulator is
     * one, whatever it is called before, in and after a loop. */
    if (d->n_regions || d->op == TM_DOT ||
        tm_op_infos[d->op].flags & TM_ELEMENTWISE)
      t->n++;
    for (uint32_t r = 0; r < d->n_results; r++)
      t->first[d->results + r] = t->last[d->results + r] = t->n;
  }
}

/* The most that lives at once, with room for addresses and fragments. */
static uint32_t count_registers(const counter *c, tm_block body) {
  enum { OTHER = 24 };
  uint32_t n = c->ir->values.len, most = 0;
  lifetimes t = {.first = TM_NEW_ARRAY(c->ir->arena, uint32_t, n),
                 .last = TM_NEW_ARRAY(c->ir->arena, uint32_t, n),
                 .until = TM_NEW_ARRAY(c->ir->arena, tm_inst, n)};
  const uint32_t *uses = tm_ir_count_uses(c->ir);
  live_block(c, &t, body, 0);
  int64_t *change = TM_NEW_ARRAY(c->ir->arena, int64_t, t.n + 2);
  for (tm_value v = 1; v < n; v++) {
    uint32_t w = weight(c, uses, v);
    if (!w) continue;
    if (t.last[v] < t.first[v]) continue;
    change[t.first[v]] += w;
    change[t.last[v] + 1] -= w;
  }
  int64_t now = 0;
  for (uint32_t i = 0; i <= t.n; i++) {
    now += change[i];
    if (now > (int64_t)most) most = (uint32_t)now;
  }
  return most / 4 + OTHER;
}

/* ---- the launch ---------------------------------------------------------- */

static void add(tm_cost *to, const tm_cost *x, double times) {
  to->read += times * x->read;
  to->written += times * x->written;
  to->asked_read += times * x->asked_read;
  to->asked_written += times * x->asked_written;
  to->flops += times * x->flops;
  to->matrix_flops += times * x->matrix_flops;
  to->special_slots += times * x->special_slots;
  to->threadgroup += times * x->threadgroup;
  to->is_exact = to->is_exact && x->is_exact;
}

static void run_program(counter *c, int64_t id, double times, tm_cost *to) {
  const tm_func *func = &c->ir->funcs.data[tm_ir_kernel(c->ir)];
  const int64_t *grid = c->launch->grid;
  c->sum = (tm_cost){.is_exact = true};
  c->program[0] = id % grid[0];
  c->program[1] = id / grid[0] % grid[1];
  c->program[2] = id / grid[0] / grid[1];
  memset(c->known, 0, c->ir->values.len * sizeof c->known[0]);
  for (uint32_t p = 0; p < func->params.len && p < c->launch->n_args; p++)
    if (tm_scalar_is_int(scalar_of(c->ir, func->params.data[p].value)))
      set(c, func->params.data[p].value, true, c->launch->args[p]);
  run_block(c, func->body, 0);
  add(to, &c->sum, times);
}

tm_cost tm_cost_count(tm_ir *ir, const tm_layouts *layouts,
                      const tm_cost_launch *launch) {
  counter c = {.ir = ir, .layouts = layouts, .launch = launch};
  tm_cost cost = {.is_exact = true};
  uint32_t kernel = tm_ir_kernel(ir);
  int64_t all = launch->grid[0] * launch->grid[1] * launch->grid[2];
  if (kernel == UINT32_MAX || all <= 0) return cost;
  c.value = TM_NEW_ARRAY(ir->arena, int64_t, ir->values.len);
  c.known = TM_NEW_ARRAY(ir->arena, bool, ir->values.len);
  c.staged = find_staged(ir, layouts);
  cost.programs = (double)all;
  if (all <= SAMPLES + 2) {
    for (int64_t p = 0; p < all; p++) run_program(&c, p, 1, &cost);
  } else {
    run_program(&c, 0, 1, &cost);
    run_program(&c, all - 1, 1, &cost);
    for (int64_t k = 0; k < SAMPLES; k++) {
      int64_t id = 1 + (int64_t)(((double)k + 0.5) / SAMPLES *
                                 (double)(all - 2));
      run_program(&c, id, (double)(all - 2) / SAMPLES, &cost);
    }
  }
  cost.registers = count_registers(&c, ir->funcs.data[kernel].body);
  return cost;
}

tm_roofline tm_roofline_of(const tm_cost *cost, const tm_chip *chip) {
  const double memory = 0.8, matrices = 0.75, lane_cycles = 128;
  const double threadgroup_cycle = 64;
  tm_roofline r = {.bound = TM_BOUND_MEMORY};
  double peak = chip->fp32_tflops * 1e12, cycles = peak / 256; /* x cores */
  double other = cost->flops - cost->matrix_flops + cost->special_slots;
  r.seconds[TM_BOUND_MEMORY] =
      (cost->read + cost->written) / (chip->gb_per_s * 1e9 * memory);
  r.seconds[TM_BOUND_ALU] = other / (cycles * lane_cycles);
  r.seconds[TM_BOUND_MATRIX] = cost->matrix_flops / (peak * matrices);
  r.seconds[TM_BOUND_THREADGROUP] =
      cost->threadgroup / (cycles * threadgroup_cycle);
  for (int b = 1; b < 4; b++)
    if (r.seconds[b] > r.seconds[r.bound]) r.bound = (tm_bound)b;
  return r;
}

const char *tm_bound_name(tm_bound bound) {
  static const char *const names[] = {
      "memory bandwidth", "arithmetic", "matrix products",
      "threadgroup memory"};
  return names[bound];
}
