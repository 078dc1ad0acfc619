/* SPDX-License-Identifier: MIT */
/*
 * range.c - intervals of integer values.
 *
 * Asked on demand and answered by looking back through definitions, a
 * bounded number of steps. A loop's induction variable with constant sign of
 * step lies between its bounds; other carried values may be anything.
 */
#include "optint.h"

enum { DEEPEST = 12 }; /* each step may ask two operands: 4096 visits */

tm_range tm_range_full(tm_scalar s) {
  uint32_t bits = tm_scalar_bits(s);
  if (bits >= 64 || bits == 0) return (tm_range){INT64_MIN, INT64_MAX};
  int64_t half = (int64_t)1 << (bits - 1);
  return (tm_range){-half, half - 1};
}

static int64_t add_capped(int64_t a, int64_t b) {
  if (b > 0 && a > INT64_MAX - b) return INT64_MAX;
  if (b < 0 && a < INT64_MIN - b) return INT64_MIN;
  return a + b;
}

static int64_t mul_capped(int64_t a, int64_t b) {
  if (a == 0 || b == 0) return 0;
  bool negative = (a < 0) != (b < 0);
  uint64_t ua = a < 0 ? 0 - (uint64_t)a : (uint64_t)a;
  uint64_t ub = b < 0 ? 0 - (uint64_t)b : (uint64_t)b;
  if (ua > (uint64_t)INT64_MAX / ub) return negative ? INT64_MIN : INT64_MAX;
  return negative ? -(int64_t)(ua * ub) : (int64_t)(ua * ub);
}

static int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }
static int64_t most(int64_t a, int64_t b) { return a > b ? a : b; }

static tm_range ask(tm_ir *ir, tm_value v, bool assume, int depth);

static tm_range range_of_mul(tm_range a, tm_range b) {
  int64_t p = mul_capped(a.lo, b.lo), q = mul_capped(a.lo, b.hi);
  int64_t r = mul_capped(a.hi, b.lo), s = mul_capped(a.hi, b.hi);
  return (tm_range){least(least(p, q), least(r, s)),
                    most(most(p, q), most(r, s))};
}

/* A result that left its type: what wrapping can make of it, or what is left
 * when it did not wrap. */
static tm_range in_type(tm_range r, tm_scalar s, bool assume) {
  tm_range full = tm_range_full(s);
  if (r.lo >= full.lo && r.hi <= full.hi) return r;
  if (!assume || r.lo > full.hi || r.hi < full.lo) return full;
  return (tm_range){most(r.lo, full.lo), least(r.hi, full.hi)};
}

static tm_range range_of_division(tm_op op, tm_range a, tm_range b,
                                  tm_range full) {
  if (op == TM_REMSI) {
    if (b.lo <= 0) return a.lo >= 0 ? (tm_range){0, a.hi} : full;
    int64_t top = b.hi - 1;
    return (tm_range){a.lo >= 0 ? 0 : -top, a.hi < 0 ? 0 : least(top, a.hi)};
  }
  if (op == TM_DIVSI && b.lo > 0)
    return (tm_range){a.lo >= 0 ? a.lo / b.hi : a.lo / b.lo,
                      a.hi >= 0 ? a.hi / b.lo : a.hi / b.hi};
  bool plain = a.lo >= 0 && b.lo > 0; /* unsigned is signed then */
  if (op == TM_REMUI && plain) return (tm_range){0, least(b.hi - 1, a.hi)};
  if (op == TM_DIVUI && plain) return (tm_range){a.lo / b.hi, a.hi / b.lo};
  return full;
}

static tm_range range_of_shift(tm_op op, tm_range a, tm_range b,
                               tm_range full) {
  if (b.lo != b.hi || b.lo < 0 || b.lo > 62) return full;
  int64_t by = (int64_t)1 << b.lo;
  if (op == TM_SHLI) return range_of_mul(a, (tm_range){by, by});
  if (op == TM_SHRUI && a.lo < 0) return full;
  /* Rounds down, as the shift does. */
  return (tm_range){a.lo >= 0 ? a.lo / by : -((-(a.lo + 1)) / by) - 1,
                    a.hi >= 0 ? a.hi / by : -((-(a.hi + 1)) / by) - 1};
}

static tm_range range_of_binary(tm_ir *ir, const tm_inst_data *i, tm_scalar s,
                                bool assume, int depth) {
  tm_range full = tm_range_full(s);
  bool sums = i->op == TM_ADDI || i->op == TM_SUBI || i->op == TM_MULI;
  tm_range a = ask(ir, i->operands[0], assume && sums, depth + 1);
  tm_range b = ask(ir, i->operands[1], assume && sums, depth + 1);
  switch (i->op) {
  case TM_ADDI:
    return in_type((tm_range){add_capped(a.lo, b.lo), add_capped(a.hi, b.hi)},
                   s, assume);
  case TM_SUBI:
    if (b.lo == INT64_MIN) return full;
    return in_type((tm_range){add_capped(a.lo, -b.hi),
                              add_capped(a.hi, -b.lo)}, s, assume);
  case TM_MULI:
    return in_type(range_of_mul(a, b), s, assume);
  case TM_DIVSI: case TM_DIVUI: case TM_REMSI: case TM_REMUI:
    return range_of_division(i->op, a, b, full);
  case TM_SHLI: case TM_SHRSI: case TM_SHRUI:
    return in_type(range_of_shift(i->op, a, b, full), s, false);
  case TM_ANDI:
    if (a.lo >= 0 && b.lo >= 0) return (tm_range){0, least(a.hi, b.hi)};
    if (a.lo >= 0) return (tm_range){0, a.hi};
    return b.lo >= 0 ? (tm_range){0, b.hi} : full;
  case TM_MINSI:
    return (tm_range){least(a.lo, b.lo), least(a.hi, b.hi)};
  case TM_MAXSI:
    return (tm_range){most(a.lo, b.lo), most(a.hi, b.hi)};
  default:
    return full;
  }
}

/* A carried 64-bit number that starts at or above some number and only has
 * what is not negative added to it stays there: 2^63 is out of reach. */
static tm_range range_of_carried(tm_ir *ir, tm_value v, tm_inst loop,
                                 uint32_t n, tm_range full, int depth) {
  const tm_inst_data *i = tm_get(ir, loop);
  if (tm_type_of(ir, v) != tm_type_scalar(ir, TM_I64)) return full;
  tm_inst end = tm_blk(ir, i->regions[0])->last;
  /* expand.c asks while it has rewired the loop but not yet its end. */
  if (!end || tm_get(ir, end)->n_operands != i->n_results) return full;
  tm_value next = tm_get(ir, end)->operands[n];
  tm_inst def = tm_val(ir, next)->def;
  if (!def || tm_get(ir, def)->op != TM_ADDI) return full;
  const tm_value *x = tm_get(ir, def)->operands;
  if (x[0] != v && x[1] != v) return full;
  tm_range step = ask(ir, x[x[0] == v], false, depth + 1);
  tm_range start = ask(ir, i->operands[3 + n], false, depth + 1);
  if (step.lo < 0 || step.hi > INT32_MAX || start.hi > INT32_MAX) return full;
  return (tm_range){start.lo, INT64_MAX};
}

/* Block argument 0 of scf.for is the induction variable. */
static tm_range range_of_argument(tm_ir *ir, tm_value v, tm_range full,
                                  bool assume, int depth) {
  const tm_value_data *data = tm_val(ir, v);
  tm_inst parent = tm_blk(ir, data->block)->parent;
  int64_t step;
  if (!parent || tm_get(ir, parent)->op != TM_FOR) return full;
  if (data->index != 0)
    return range_of_carried(ir, v, parent, data->index - 1, full, depth);
  const tm_inst_data *loop = tm_get(ir, parent);
  if (!tm_value_const_int(ir, loop->operands[2], &step) || step <= 0)
    return full;
  tm_range lower = ask(ir, loop->operands[0], assume, depth + 1);
  tm_range upper = ask(ir, loop->operands[1], assume, depth + 1);
  if (upper.hi <= full.lo) return full;
  /* In an iteration that runs, lower <= i < upper, a number of steps from
   * lower. */
  tm_range r = {lower.lo, upper.hi - 1};
  if (lower.lo == lower.hi && lower.lo >= 0 && r.hi > r.lo)
    r.hi -= (r.hi - r.lo) % step;
  return r.lo <= r.hi ? r : full;
}

static tm_range ask(tm_ir *ir, tm_value v, bool assume, int depth) {
  tm_type t = tm_type_element(tm_type_of(ir, v));
  tm_scalar s = t->scalar;
  tm_range full = tm_range_full(s);
  if (t->kind != TM_TYPE_SCALAR || !tm_scalar_is_int(s) || depth > DEEPEST)
    return full;
  tm_inst def = tm_val(ir, v)->def;
  if (!def) return range_of_argument(ir, v, full, assume, depth);
  const tm_inst_data *i = tm_get(ir, def);
  switch (i->op) {
  case TM_CONSTANT: {
    int64_t c = tm_inst_int(ir, def, TM_ATTR_VALUE, 0);
    return (tm_range){c, c};
  }
  case TM_MAKE_RANGE:
    return (tm_range){tm_inst_int(ir, def, TM_ATTR_START, 0),
                      tm_inst_int(ir, def, TM_ATTR_END, 0) - 1};
  case TM_GET_PROGRAM_ID: /* below the number of programs, an i32 */
    return (tm_range){0, INT32_MAX - 1};
  case TM_GET_NUM_PROGRAMS:
    return (tm_range){1, INT32_MAX};
  case TM_SPLAT: case TM_BROADCAST: case TM_EXPAND_DIMS: case TM_RESHAPE:
  case TM_TRANS: case TM_UNSPLAT: case TM_EXTSI: case TM_CONVERT_LAYOUT:
    return ask(ir, i->operands[0], assume, depth + 1);
  case TM_EXTUI: {
    tm_type from = tm_type_element(tm_type_of(ir, i->operands[0]));
    tm_range a = ask(ir, i->operands[0], false, depth + 1);
    uint32_t bits = tm_scalar_bits(from->scalar);
    if (a.lo >= 0) return a;
    return (tm_range){0, ((int64_t)1 << bits) - 1};
  }
  case TM_TRUNCI: case TM_INDEX_CAST:
    return in_type(ask(ir, i->operands[0], false, depth + 1), s, false);
  case TM_SELECT: {
    tm_range a = ask(ir, i->operands[1], false, depth + 1);
    tm_range b = ask(ir, i->operands[2], false, depth + 1);
    return (tm_range){least(a.lo, b.lo), most(a.hi, b.hi)};
  }
  default:
    if (i->n_operands == 2 && i->op >= TM_ADDI && i->op <= TM_MINUI)
      return range_of_binary(ir, i, s, assume, depth);
    return full;
  }
}

tm_range tm_range_of(tm_ir *ir, tm_value v, bool assume) {
  return ask(ir, v, assume, 0);
}
