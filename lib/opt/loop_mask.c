/* SPDX-License-Identifier: MIT */
/*
 * loop_mask.c - comparisons that the bounds of the loop around them decide.
 *
 * A loop over blocks masks its last one. Where the number of elements is a
 * multiple of the block there is no partial one, and the mask is true:
 *
 *     for k in range(0, n, 16):            k + tl.arange(0, 16) < n
 *     for k in range(tl.cdiv(n, 16)):      tl.arange(0, 16) < n - k * 16
 *                                          k * 16 + tl.arange(0, 16) < n
 *
 * Nothing wraps on the way: in an iteration that runs the block's first
 * element lies at least a whole block before n, in either form, so every sum
 * and difference is between that element and n. What n is a multiple of is
 * what the parameter was promised, an author's tl.multiple_of says, or
 * follows from products. Blocks of a constant n are range.c's.
 *
 * Leaves alone: blocks that are no power of two, loops whose step is no
 * constant, unsigned comparisons.
 */
#include "optint.h"

enum { DEEPEST = 8, LARGEST = 1 << 30 };

/* The scalar that all elements of v are, or v. */
static tm_value scalar_behind(const tm_ir *ir, tm_value v) {
  for (;;) {
    tm_inst def = tm_val(ir, v)->def;
    if (!def) return v;
    tm_op op = tm_get(ir, def)->op;
    if (op != TM_SPLAT && op != TM_BROADCAST && op != TM_EXPAND_DIMS)
      return v;
    v = tm_get(ir, def)->operands[0];
  }
}

/* ---- what a scalar is a multiple of -------------------------------------- */

static int64_t power_in(int64_t x) {
  if (x == 0) return LARGEST;
  uint64_t bits = x < 0 ? 0 - (uint64_t)x : (uint64_t)x;
  bits &= 0 - bits;
  return bits > LARGEST ? LARGEST : (int64_t)bits;
}

static int64_t promised(const tm_ir *ir, tm_value v) {
  for (uint32_t f = 0; f < ir->funcs.len; f++)
    for (uint32_t p = 0; p < ir->funcs.data[f].params.len; p++) {
      const tm_param *param = &ir->funcs.data[f].params.data[p];
      if (param->value == v)
        return param->divisibility ? power_in(param->divisibility) : 1;
    }
  return 1;
}

/* A power of two that v is a multiple of. */
static int64_t divisor_of(const tm_ir *ir, tm_value v, int depth) {
  int64_t c;
  if (tm_value_const_int(ir, v, &c)) return power_in(c);
  tm_inst def = tm_val(ir, v)->def;
  if (!def) return promised(ir, v);
  const tm_attr *hint = tm_inst_attr(ir, def, TM_ATTR_DIVISIBILITY);
  int64_t least = 1;
  if (hint && hint->kind == TM_ATTR_INTS && hint->n_ints == 1)
    least = power_in(hint->ints[0]);
  else if (hint && hint->kind != TM_ATTR_INTS)
    least = power_in(hint->i);
  const tm_inst_data *d = tm_get(ir, def);
  bool known = d->op == TM_MULI || d->op == TM_ADDI || d->op == TM_SUBI;
  if (!known || depth > DEEPEST) return least;
  int64_t a = divisor_of(ir, d->operands[0], depth + 1);
  int64_t b = divisor_of(ir, d->operands[1], depth + 1);
  int64_t all = d->op != TM_MULI ? (a < b ? a : b)
                : a > LARGEST / b ? LARGEST : a * b;
  return all > least ? all : least;
}

/* ---- loops --------------------------------------------------------------- */

/* The loop that counts v, or 0. */
static tm_inst loop_of(const tm_ir *ir, tm_value v) {
  if (tm_val(ir, v)->def || tm_val(ir, v)->index != 0) return 0;
  tm_inst parent = tm_blk(ir, tm_val(ir, v)->block)->parent;
  return parent && tm_get(ir, parent)->op == TM_FOR ? parent : 0;
}

/* v = factor * (what a loop counts); the loop, or 0. */
static tm_inst scaled_loop(const tm_ir *ir, tm_value v, int64_t *factor) {
  v = scalar_behind(ir, v);
  *factor = 1;
  tm_inst def = tm_val(ir, v)->def;
  if (!def) return loop_of(ir, v);
  const tm_inst_data *d = tm_get(ir, def);
  if (d->op != TM_MULI || !tm_value_const_int(ir, d->operands[1], factor))
    return 0;
  return loop_of(ir, scalar_behind(ir, d->operands[0]));
}

/* upper = (n + block - 1) / block */
static bool counts_blocks(const tm_ir *ir, tm_value upper, tm_value n,
                          int64_t block) {
  int64_t by, more;
  tm_inst def = tm_val(ir, upper)->def;
  if (!def || tm_get(ir, def)->op != TM_DIVSI ||
      !tm_value_const_int(ir, tm_get(ir, def)->operands[1], &by) ||
      by != block)
    return false;
  def = tm_val(ir, tm_get(ir, def)->operands[0])->def;
  if (!def || tm_get(ir, def)->op != TM_ADDI) return false;
  const tm_value *x = tm_get(ir, def)->operands;
  return x[0] == n && tm_value_const_int(ir, x[1], &more) &&
         more == block - 1;
}

/* Is first, in every iteration of its loop, a multiple of block with n - first
 * at least block? The number of whole blocks before n. */
static bool begins_a_block(const tm_ir *ir, tm_value first, tm_value n,
                           int64_t *block) {
  int64_t factor, step, lower;
  tm_inst loop = scaled_loop(ir, first, &factor);
  if (!loop) return false;
  const tm_value *bounds = tm_get(ir, loop)->operands;
  if (!tm_value_const_int(ir, bounds[2], &step) || step <= 0) return false;
  if (factor == 1 && bounds[1] == n) {
    *block = step;
    return divisor_of(ir, n, 0) % step == 0 &&
           divisor_of(ir, bounds[0], 0) % step == 0;
  }
  *block = factor;
  return step == 1 && factor > 0 &&
         tm_value_const_int(ir, bounds[0], &lower) && lower >= 0 &&
         divisor_of(ir, n, 0) % factor == 0 &&
         counts_blocks(ir, bounds[1], n, factor);
}

/* ---- comparisons --------------------------------------------------------- */

static bool lies_in(tm_ir *ir, tm_value v, int64_t block) {
  tm_range r = tm_range_of(ir, v, false);
  return r.lo >= 0 && r.hi < block;
}

/* Is first + inside < n, for all elements? */
static bool sum_is_below(tm_ir *ir, tm_value sum, tm_value n) {
  int64_t block;
  tm_inst def = tm_val(ir, sum)->def;
  if (!def || tm_get(ir, def)->op != TM_ADDI) return false;
  const tm_value *x = tm_get(ir, def)->operands;
  for (int i = 0; i < 2; i++)
    if (begins_a_block(ir, x[i], n, &block) && lies_in(ir, x[1 - i], block))
      return true;
  return false;
}

static bool is_below(tm_ir *ir, tm_value x, tm_value y) {
  int64_t block;
  y = scalar_behind(ir, y);
  tm_inst loop = loop_of(ir, scalar_behind(ir, x));
  if (loop && tm_get(ir, loop)->operands[1] == y &&
      tm_value_const_int(ir, tm_get(ir, loop)->operands[2], &block) &&
      block > 0)
    return true;
  if (sum_is_below(ir, x, y)) return true;
  tm_inst def = tm_val(ir, y)->def; /* inside < n - first */
  if (!def || tm_get(ir, def)->op != TM_SUBI) return false;
  const tm_value *of = tm_get(ir, def)->operands;
  return begins_a_block(ir, of[1], of[0], &block) && lies_in(ir, x, block);
}

bool tm_loop_decides(tm_ir *ir, tm_inst comparison) {
  const tm_inst_data *d = tm_get(ir, comparison);
  tm_cmpi p = (tm_cmpi)tm_inst_int(ir, comparison, TM_ATTR_PREDICATE, 0);
  tm_value x = d->operands[0], y = d->operands[1];
  if (p == TM_CMPI_SLT) return is_below(ir, x, y);
  return p == TM_CMPI_SGT && is_below(ir, y, x);
}
