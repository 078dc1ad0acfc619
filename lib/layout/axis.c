/* SPDX-License-Identifier: MIT */
/*
 * axis.c - contiguity, divisibility and constancy of every value.
 *
 * What Triton calls AxisInfo: enough about integers and pointers to know
 * which accesses may be wide and which mask bits agree. For
 *
 *     offs = pid * 1024 + arange(0, 1024)      n a multiple of 16
 *     ptr  = x + offs                          x aligned to 16 bytes
 *     mask = offs < n
 *
 *             contiguity   divisibility   constancy
 *     offs          1024           1024           1
 *     ptr (f32)     1024             16           1
 *     mask             1              1          16
 *
 * Claims are about values modulo 2^bits. All are powers of two, so the
 * greatest common divisor of two is the smaller. The central step is `at`:
 * what divides the elements at the multiples of a run that is shorter than
 * the run the divisibility was stated for.
 *
 * The analysis is optimistic: a value has no claim until its operands have
 * one, loop-carried values start as their initial value and are met with
 * what is yielded until nothing changes. Every update is a meet, so that a
 * state without change is consistent whatever the order. After a few sweeps
 * a value that still changes loses all claims, which bounds the work.
 *
 * Signed division and remainder round to zero, so groups of a contiguous
 * dividend only behave where it is not negative. "Not negative" is tracked
 * under two assumptions, both also upstream's: index arithmetic that starts
 * from program ids, ranges and constants does not overflow, and a divisor
 * that is not constant is positive. Integer arguments are not assumed to be
 * positive.
 */
#include "layout.h"

enum {
  SWEEPS_BEFORE_WIDENING = 8,
  MAX_DEPTH = 256 /* of regions; deeper code is analysed as knowing nothing */
};

/* Said to divide zero: more than any alignment that is asked for. */
static const uint64_t MOST = (uint64_t)1 << 62;

typedef struct fact {
  tm_axis axis;
  bool known;        /* has been computed */
  bool not_negative; /* of integers */
} fact;

typedef struct analysis {
  tm_ir *ir;
  fact *facts;  /* per value */
  bool changed; /* by this sweep */
  bool widen;
  bool too_deep;
} analysis;

/* ---- claims ------------------------------------------------------------ */

static uint32_t min_u32(uint32_t a, uint32_t b) { return a < b ? a : b; }
static uint32_t max_u32(uint32_t a, uint32_t b) { return a > b ? a : b; }
static uint64_t min_u64(uint64_t a, uint64_t b) { return a < b ? a : b; }
static uint64_t max_u64(uint64_t a, uint64_t b) { return a > b ? a : b; }

static uint64_t product(uint64_t a, uint64_t b) {
  return a >= MOST / b ? MOST : a * b;
}

static uint32_t narrow(uint64_t x) {
  return x > (1u << 31) ? 1u << 31 : (uint32_t)x;
}

/* The largest power of two that divides x. */
static uint64_t divisor_of(int64_t x) {
  uint64_t u = (uint64_t)x;
  return u == 0 || (u & -u) > MOST ? MOST : u & -u;
}

static uint32_t rank_of(tm_type t) {
  return tm_type_is_tensor(t) && t->rank > 0 ? t->rank : 1;
}

static uint32_t extent_of(tm_type t, uint32_t d) {
  return tm_type_is_tensor(t) && t->rank > 0 ? (uint32_t)t->shape[d] : 1;
}

/* How much the next element of a contiguous run differs: bytes for pointers,
 * as divisibility counts bytes there. */
static uint32_t unit_of(tm_type t) {
  t = tm_type_element(t);
  if (t->kind != TM_TYPE_POINTER) return 1;
  if (t->element->kind != TM_TYPE_SCALAR) return 8;
  return (tm_scalar_bits(t->element->scalar) + 7) / 8;
}

/* One value along one dimension. */
typedef struct line {
  uint32_t contiguity, constancy, unit;
  uint64_t divisibility;
} line;

/* A scalar is constant along any dimension. */
static line line_of(const analysis *a, tm_value v, uint32_t d) {
  const tm_axis *x = &a->facts[v].axis;
  tm_type t = tm_type_of(a->ir, v);
  if (!tm_type_is_tensor(t))
    return (line){1, 1u << 31, unit_of(t), x->divisibility[0]};
  return (line){x->contiguity[d], x->constancy[d], unit_of(t),
                x->divisibility[d]};
}

/* What divides the elements at multiples of run. */
static uint64_t at(line l, uint32_t run) {
  if (run >= l.contiguity) return l.divisibility;
  return min_u64(l.divisibility, (uint64_t)run * l.unit);
}

/* How many elements, from a multiple of as many, are consecutive in the
 * mathematical sense: no wrap in between, and the first is divisible. */
static uint32_t aligned_run(line l) {
  return narrow(min_u64(l.contiguity, l.divisibility));
}

/* What divides every element of v. */
static uint64_t divides_all(const analysis *a, tm_value v) {
  uint64_t best = 1;
  for (uint32_t d = 0; d < rank_of(tm_type_of(a->ir, v)); d++)
    best = max_u64(best, at(line_of(a, v, d), 1));
  return best;
}

static fact fact_bottom(void) {
  fact f;
  memset(&f, 0, sizeof f);
  f.known = true;
  for (uint32_t d = 0; d < TM_MAX_RANK; d++)
    f.axis.contiguity[d] = f.axis.constancy[d] = 1, f.axis.divisibility[d] = 1;
  return f;
}

/* Meets what is known of v with f, and notes a change. */
static void learn(analysis *a, tm_value v, const fact *f) {
  fact *old = &a->facts[v];
  tm_type t = tm_type_of(a->ir, v);
  uint32_t unit = unit_of(t);
  if (!old->known) {
    *old = *f;
    a->changed = true;
    return;
  }
  fact met = *old;
  met.not_negative = old->not_negative && f->not_negative;
  for (uint32_t d = 0; d < rank_of(t); d++) {
    line x = line_of(a, v, d);
    line y = {f->axis.contiguity[d], f->axis.constancy[d], unit,
              f->axis.divisibility[d]};
    uint32_t run = min_u32(x.contiguity, y.contiguity);
    met.axis.contiguity[d] = run;
    met.axis.constancy[d] = min_u32(x.constancy, y.constancy);
    met.axis.divisibility[d] = min_u64(at(x, run), at(y, run));
  }
  if (met.not_negative == old->not_negative &&
      memcmp(&met.axis, &old->axis, sizeof met.axis) == 0)
    return;
  *old = a->widen ? fact_bottom() : met;
  a->changed = true;
}

static bool known(const analysis *a, tm_value v) { return a->facts[v].known; }

/* ---- arithmetic -------------------------------------------------------- */

/* An operation on two values, along one dimension of the result. */
typedef struct pair {
  line l, r;
  bool l_const, r_const; /* one integer everywhere */
  int64_t l_value, r_value;
  bool l_not_negative;
} pair;

static line line_default(const pair *p) {
  return (line){1, min_u32(p->l.constancy, p->r.constancy), 1, 1};
}

static line line_add(const pair *p, uint32_t unit) {
  line o = line_default(p);
  o.unit = unit;
  o.contiguity = max_u32(min_u32(p->l.contiguity, p->r.constancy),
                         min_u32(p->l.constancy, p->r.contiguity));
  uint64_t scale = unit / p->r.unit; /* addptr: the offset counts elements */
  o.divisibility = min_u64(at(p->l, o.contiguity),
                           product(at(p->r, o.contiguity), scale));
  return o;
}

/* Equal steps cancel, which makes the difference of two ranges constant. */
static line line_sub(const pair *p) {
  line o = line_default(p);
  o.contiguity = min_u32(p->l.contiguity, p->r.constancy);
  o.constancy = max_u32(o.constancy,
                        min_u32(p->l.contiguity, p->r.contiguity));
  if (o.constancy > 1) o.contiguity = 1;
  o.divisibility = min_u64(at(p->l, o.contiguity), at(p->r, o.contiguity));
  return o;
}

static line line_mul(const pair *p) {
  line o = line_default(p);
  if (p->r_const && p->r_value == 1) return p->l;
  if (p->l_const && p->l_value == 1) return p->r;
  o.divisibility = product(at(p->l, 1), at(p->r, 1));
  return o;
}

/* x = q*g + j with 0 <= j < g and a divisor m*g: the quotient is that of q
 * and m. Negative x round the other way. */
static line line_div(const pair *p, bool is_signed) {
  line o = line_default(p);
  if (p->r_const && p->r_value == 1) return p->l;
  if (!is_signed || p->l_not_negative) {
    uint32_t g = min_u32(aligned_run(p->l), p->r.constancy);
    o.constancy = max_u32(o.constancy,
                          min_u32(g, narrow(at(p->r, 1))));
  }
  if (p->r_const && p->r_value > 0 &&
      (p->r_value & (p->r_value - 1)) == 0 &&
      at(p->l, 1) > (uint64_t)p->r_value)
    o.divisibility = at(p->l, 1) / (uint64_t)p->r_value;
  return o;
}

static line line_rem(const pair *p, bool is_signed) {
  line o = line_default(p);
  if (!is_signed || p->l_not_negative) {
    uint32_t g = min_u32(aligned_run(p->l), p->r.constancy);
    o.contiguity = max_u32(1, min_u32(g, narrow(at(p->r, 1))));
  }
  if (o.constancy > 1) o.contiguity = 1;
  o.divisibility = min_u64(at(p->l, o.contiguity), at(p->r, 1));
  return o;
}

/* Low zeros of a constant mask clear, low ones keep, what a run counts in. */
static line line_and(const pair *p) {
  line o = line_default(p);
  o.divisibility = max_u64(at(p->l, 1), at(p->r, 1));
  if (!p->r_const) return o;
  uint32_t g = aligned_run(p->l);
  uint32_t zeros = narrow(divisor_of(p->r_value));
  uint32_t ones = narrow(divisor_of((int64_t)(~(uint64_t)p->r_value)));
  o.constancy = max_u32(o.constancy, min_u32(g, zeros));
  if (min_u32(g, ones) > 1 && o.constancy == 1) {
    o.contiguity = min_u32(g, ones);
    o.divisibility = at(p->l, o.contiguity);
  }
  return o;
}

/* Low zeros of a constant pass the run through. */
static line line_or(const pair *p) {
  line o = line_default(p);
  if (p->r_const && o.constancy == 1)
    o.contiguity = min_u32(aligned_run(p->l), narrow(divisor_of(p->r_value)));
  o.divisibility = min_u64(at(p->l, o.contiguity), at(p->r, 1));
  return o;
}

static line line_shl(const pair *p) {
  line o = line_default(p);
  o.divisibility = at(p->l, 1);
  if (!p->r_const || p->r_value < 0 || p->r_value > 62) return o;
  if (p->r_value == 0) return p->l;
  o.divisibility = product(o.divisibility, (uint64_t)1 << p->r_value);
  return o;
}

/* Arithmetic shift rounds down, for either sign. */
static line line_shr(const pair *p) {
  line o = line_default(p);
  if (!p->r_const || p->r_value < 0 || p->r_value > 62) return o;
  if (p->r_value == 0) return p->l;
  uint64_t by = (uint64_t)1 << p->r_value;
  o.constancy = max_u32(o.constancy, min_u32(aligned_run(p->l), narrow(by)));
  if (at(p->l, 1) > by) o.divisibility = at(p->l, 1) / by;
  return o;
}

/* Runs that start at a multiple of g lie on one side of a multiple of g, if
 * the bound itself belongs to the upper side. */
static line line_cmp(const pair *p, int64_t predicate) {
  line o = line_default(p);
  uint32_t g = 1;
  switch (predicate) {
    case TM_CMPI_SLT: case TM_CMPI_SGE: case TM_CMPI_ULT: case TM_CMPI_UGE:
      g = min_u32(aligned_run(p->l),
                  min_u32(p->r.constancy, narrow(at(p->r, 1))));
      break;
    case TM_CMPI_SGT: case TM_CMPI_SLE: case TM_CMPI_UGT: case TM_CMPI_ULE:
      g = min_u32(aligned_run(p->r),
                  min_u32(p->l.constancy, narrow(at(p->l, 1))));
      break;
    default:
      break;
  }
  o.constancy = max_u32(o.constancy, g);
  return o;
}

static line line_min_max(const pair *p) {
  line o = line_default(p);
  o.divisibility = min_u64(at(p->l, 1), at(p->r, 1));
  return o;
}

/* One dimension of a result; operations without a rule are known to give
 * equal results for equal operands. */
static line line_of_op(tm_op op, const pair *p, uint32_t unit,
                       int64_t predicate) {
  switch ((int)op) {
    case TM_ADDI: case TM_ADDPTR: return line_add(p, unit);
    case TM_SUBI: return line_sub(p);
    case TM_MULI: return line_mul(p);
    case TM_DIVSI: return line_div(p, true);
    case TM_DIVUI: return line_div(p, false);
    case TM_REMSI: return line_rem(p, true);
    case TM_REMUI: return line_rem(p, false);
    case TM_ANDI: return line_and(p);
    case TM_ORI: case TM_XORI: return line_or(p);
    case TM_SHLI: return line_shl(p);
    case TM_SHRSI: case TM_SHRUI: return line_shr(p);
    case TM_CMPI: return line_cmp(p, predicate);
    case TM_MAXSI: case TM_MAXUI: case TM_MINSI: case TM_MINUI:
      return line_min_max(p);
    default: return line_default(p);
  }
}

static bool not_negative_of(tm_op op, const fact *l, const fact *r) {
  bool either = l->not_negative || r->not_negative;
  bool both = l->not_negative && r->not_negative;
  switch ((int)op) {
    case TM_ADDI: case TM_MULI: case TM_ORI: case TM_XORI: case TM_MINSI:
    case TM_MAXUI:
      return both;
    case TM_ANDI: case TM_MAXSI: case TM_MINUI:
      return either;
    case TM_DIVSI: case TM_DIVUI: case TM_REMSI: case TM_REMUI:
    case TM_SHLI: case TM_SHRSI: case TM_SHRUI:
      return l->not_negative;
    default:
      return false;
  }
}

static bool is_bool(tm_type t) {
  t = tm_type_element(t);
  return t->kind == TM_TYPE_SCALAR && t->scalar == TM_I1;
}

static void set_line(fact *f, uint32_t d, line l, uint32_t extent) {
  f->axis.contiguity[d] = min_u32(l.contiguity, extent);
  f->axis.constancy[d] = min_u32(l.constancy, extent);
  f->axis.divisibility[d] = l.divisibility;
}

static fact fact_binary(analysis *a, tm_inst i) {
  const tm_inst_data *inst = tm_get(a->ir, i);
  tm_value x = inst->operands[0], y = inst->operands[1];
  tm_type t = tm_type_of(a->ir, inst->results);
  fact f = fact_bottom();
  pair p;
  if ((tm_op_infos[inst->op].flags & TM_COMMUTATIVE) &&
      tm_value_const_int(a->ir, x, &p.l_value))
    x = inst->operands[1], y = inst->operands[0]; /* constants right */
  p.l_const = tm_value_const_int(a->ir, x, &p.l_value);
  p.r_const = tm_value_const_int(a->ir, y, &p.r_value);
  p.l_not_negative = a->facts[x].not_negative;
  int64_t predicate = tm_inst_int(a->ir, i, TM_ATTR_PREDICATE, -1);
  for (uint32_t d = 0; d < rank_of(t); d++) {
    p.l = line_of(a, x, d);
    p.r = line_of(a, y, d);
    line o = line_of_op(inst->op, &p, unit_of(t), predicate);
    if (is_bool(t)) o.contiguity = 1, o.divisibility = 1;
    set_line(&f, d, o, extent_of(t, d));
  }
  f.not_negative = !is_bool(t) &&
                   not_negative_of(inst->op, &a->facts[x], &a->facts[y]);
  return f;
}

/* ---- other operations -------------------------------------------------- */

static fact fact_constant(analysis *a, tm_inst i) {
  tm_value v = tm_get(a->ir, i)->results;
  tm_type t = tm_type_of(a->ir, v);
  fact f = fact_bottom();
  int64_t x;
  bool is_int = tm_value_const_int(a->ir, v, &x) && !is_bool(t);
  for (uint32_t d = 0; d < rank_of(t); d++) {
    f.axis.constancy[d] = extent_of(t, d);
    if (is_int) f.axis.divisibility[d] = divisor_of(x);
  }
  f.not_negative = is_int && x >= 0;
  return f;
}

static fact fact_range(analysis *a, tm_inst i) {
  fact f = fact_bottom();
  int64_t start = tm_inst_int(a->ir, i, TM_ATTR_START, 0);
  f.axis.contiguity[0] =
      extent_of(tm_type_of(a->ir, tm_get(a->ir, i)->results), 0);
  f.axis.divisibility[0] = divisor_of(start);
  f.not_negative = start >= 0;
  return f;
}

/* Shape changes that keep, drop, add or permute whole dimensions: source
 * dimension of each result dimension, or -1 for one that is new. */
static fact fact_remap(analysis *a, tm_value src, tm_type t, const int *from) {
  fact f = fact_bottom();
  uint64_t all = divides_all(a, src);
  for (uint32_t d = 0; d < rank_of(t); d++) {
    line o = {1, 1, 1, all};
    if (from[d] >= 0) o = line_of(a, src, (uint32_t)from[d]);
    set_line(&f, d, o, extent_of(t, d));
  }
  f.not_negative = a->facts[src].not_negative;
  return f;
}

static fact fact_splat(analysis *a, tm_value src, tm_type t) {
  fact f = fact_bottom();
  for (uint32_t d = 0; d < rank_of(t); d++) {
    f.axis.constancy[d] = extent_of(t, d);
    f.axis.divisibility[d] = a->facts[src].axis.divisibility[0];
  }
  f.not_negative = a->facts[src].not_negative;
  return f;
}

static fact fact_broadcast(analysis *a, tm_value src, tm_type t) {
  fact f = a->facts[src];
  tm_type s = tm_type_of(a->ir, src);
  for (uint32_t d = 0; d < rank_of(t); d++)
    if (extent_of(s, d) != extent_of(t, d))
      f.axis.constancy[d] = extent_of(t, d);
  return f;
}

/* Bits of the row-major index below dimension d, and with it. */
static void bit_range(tm_type t, uint32_t d, uint32_t *low, uint32_t *high) {
  uint64_t below = 1;
  for (uint32_t i = d + 1; i < rank_of(t); i++) below *= extent_of(t, i);
  *low = (uint32_t)__builtin_ctzll(below);
  *high = *low + (uint32_t)__builtin_ctz(extent_of(t, d));
}

/* A dimension of the result that starts at the same index bit as one of the
 * source sees the same runs, cut to its extent; one that starts inside a
 * source dimension takes steps in it. */
static fact fact_reshape(analysis *a, tm_value src, tm_type t) {
  fact f = fact_bottom();
  tm_type s = tm_type_of(a->ir, src);
  uint64_t all = divides_all(a, src);
  for (uint32_t d = 0; d < rank_of(t); d++) {
    uint32_t low, high, s_low, s_high;
    line o = {1, 1, 1, all};
    bit_range(t, d, &low, &high);
    for (uint32_t e = 0; e < rank_of(s); e++) {
      bit_range(s, e, &s_low, &s_high);
      if (s_low == s_high || low < s_low || low >= s_high) continue;
      line l = line_of(a, src, e);
      if (low == s_low)
        o = l;
      else
        o.constancy = max_u32(1, l.constancy >> (low - s_low));
    }
    if (o.contiguity > extent_of(t, d))
      o.divisibility = at(o, extent_of(t, d));
    set_line(&f, d, o, extent_of(t, d));
  }
  f.not_negative = a->facts[src].not_negative;
  return f;
}

static fact fact_select(analysis *a, tm_inst i) {
  const tm_inst_data *inst = tm_get(a->ir, i);
  tm_value c = inst->operands[0], x = inst->operands[1], y = inst->operands[2];
  tm_type t = tm_type_of(a->ir, inst->results);
  fact f = fact_bottom();
  for (uint32_t d = 0; d < rank_of(t); d++) {
    line lc = line_of(a, c, d), lx = line_of(a, x, d), ly = line_of(a, y, d);
    line o = {min_u32(lc.constancy, min_u32(lx.contiguity, ly.contiguity)),
              min_u32(lc.constancy, min_u32(lx.constancy, ly.constancy)),
              lx.unit, 1};
    o.divisibility = min_u64(at(lx, o.contiguity), at(ly, o.contiguity));
    set_line(&f, d, o, extent_of(t, d));
  }
  f.not_negative = a->facts[x].not_negative && a->facts[y].not_negative;
  return f;
}

/* Integer and pointer casts keep the bits that claims are about; contiguity
 * survives if elements are as far apart in the result's unit. */
static fact fact_cast(analysis *a, tm_inst i) {
  const tm_inst_data *inst = tm_get(a->ir, i);
  tm_value src = inst->operands[0];
  tm_type t = tm_type_of(a->ir, inst->results);
  tm_type s = tm_type_of(a->ir, src);
  fact f = a->facts[src];
  if (unit_of(s) != unit_of(t)) {
    for (uint32_t d = 0; d < rank_of(t); d++) {
      f.axis.divisibility[d] = at(line_of(a, src, d), 1);
      f.axis.contiguity[d] = 1;
    }
  }
  if (inst->op == TM_EXTUI) f.not_negative = true;
  if (inst->op == TM_TRUNCI || inst->op == TM_BITCAST ||
      inst->op == TM_PTR_TO_INT || inst->op == TM_INT_TO_PTR || is_bool(t))
    f.not_negative = false;
  if (is_bool(t)) {
    for (uint32_t d = 0; d < rank_of(t); d++)
      f.axis.contiguity[d] = 1, f.axis.divisibility[d] = 1;
  }
  return f;
}

/* Equal operands give equal results. */
static fact fact_elementwise(analysis *a, tm_inst i, tm_value result) {
  const tm_inst_data *inst = tm_get(a->ir, i);
  tm_type t = tm_type_of(a->ir, result);
  fact f = fact_bottom();
  for (uint32_t d = 0; d < rank_of(t); d++) {
    uint32_t k = extent_of(t, d);
    for (uint32_t o = 0; o < inst->n_operands; o++)
      k = min_u32(k, line_of(a, inst->operands[o], d).constancy);
    f.axis.constancy[d] = k;
  }
  f.not_negative = inst->op == TM_ABSI;
  return f;
}

static fact fact_join(analysis *a, tm_inst i) {
  const tm_inst_data *inst = tm_get(a->ir, i);
  tm_value x = inst->operands[0], y = inst->operands[1];
  tm_type t = tm_type_of(a->ir, inst->results);
  fact f = fact_bottom();
  for (uint32_t d = 0; d < rank_of(t); d++) {
    line o = {1, 1, 1, min_u64(divides_all(a, x), divides_all(a, y))};
    if (inst->op == TM_CAT || d + 1 < rank_of(t)) {
      line l = line_of(a, x, d), r = line_of(a, y, d);
      o.contiguity = min_u32(l.contiguity, r.contiguity);
      o.constancy = min_u32(l.constancy, r.constancy);
      o.divisibility = min_u64(at(l, o.contiguity), at(r, o.contiguity));
    }
    set_line(&f, d, o, extent_of(t, d));
  }
  f.not_negative = a->facts[x].not_negative && a->facts[y].not_negative;
  return f;
}

static bool is_integer_or_pointer(tm_type t) {
  t = tm_type_element(t);
  return t->kind == TM_TYPE_POINTER ||
         (t->kind == TM_TYPE_SCALAR && tm_scalar_is_int(t->scalar));
}

static fact fact_shape_op(analysis *a, tm_inst i) {
  const tm_inst_data *inst = tm_get(a->ir, i);
  tm_type t = tm_type_of(a->ir, inst->results);
  tm_value src = inst->operands[0];
  int from[TM_MAX_RANK];
  if (inst->op == TM_TRANS) {
    const tm_attr *order = tm_inst_attr(a->ir, i, TM_ATTR_ORDER);
    for (uint32_t d = 0; d < rank_of(t); d++) from[d] = (int)order->ints[d];
  } else if (inst->op == TM_EXPAND_DIMS) {
    int axis = (int)tm_inst_int(a->ir, i, TM_ATTR_AXIS, 0);
    for (int d = 0; d < (int)rank_of(t); d++)
      from[d] = d < axis ? d : d == axis ? -1 : d - 1;
  } else { /* split: the last dimension goes */
    for (int d = 0; d < (int)rank_of(t); d++) from[d] = d;
  }
  return fact_remap(a, src, t, from);
}

static fact fact_of(analysis *a, tm_inst i, tm_value result) {
  const tm_inst_data *inst = tm_get(a->ir, i);
  tm_type t = tm_type_of(a->ir, result);
  const tm_op_info *info = &tm_op_infos[inst->op];
  fact f;
  switch ((int)inst->op) {
    case TM_CONSTANT: return fact_constant(a, i);
    case TM_MAKE_RANGE: return fact_range(a, i);
    case TM_GET_PROGRAM_ID: case TM_GET_NUM_PROGRAMS:
      f = fact_bottom();
      f.not_negative = true;
      return f;
    case TM_SPLAT: return fact_splat(a, inst->operands[0], t);
    case TM_BROADCAST: return fact_broadcast(a, inst->operands[0], t);
    case TM_RESHAPE: return fact_reshape(a, inst->operands[0], t);
    case TM_TRANS: case TM_EXPAND_DIMS: case TM_SPLIT:
      return fact_shape_op(a, i);
    case TM_JOIN: case TM_CAT: return fact_join(a, i);
    case TM_SELECT: return fact_select(a, i);
    case TM_ADDPTR: return fact_binary(a, i);
    case TM_UNSPLAT: {
      f = fact_bottom();
      f.axis.divisibility[0] = divides_all(a, inst->operands[0]);
      f.not_negative = a->facts[inst->operands[0]].not_negative;
      return f;
    }
    case TM_EXTSI: case TM_EXTUI: case TM_TRUNCI: case TM_INDEX_CAST:
    case TM_BITCAST: case TM_PTR_TO_INT: case TM_INT_TO_PTR:
    case TM_CONVERT_LAYOUT:
      if (is_integer_or_pointer(t) &&
          is_integer_or_pointer(tm_type_of(a->ir, inst->operands[0])))
        return fact_cast(a, i);
      break;
    default: break;
  }
  if (!(info->flags & TM_ELEMENTWISE) || !(info->flags & TM_PURE))
    return fact_bottom();
  if (inst->n_operands == 2 && is_integer_or_pointer(t))
    return fact_binary(a, i);
  return fact_elementwise(a, i, result);
}

/* tl.multiple_of, tl.max_contiguous and tl.max_constancy: promises of the
 * kernel's author, per dimension or one for the first. */
static void apply_hints(analysis *a, tm_inst i, tm_type t, fact *f) {
  static const tm_attr_key keys[] = {
    TM_ATTR_DIVISIBILITY, TM_ATTR_CONTIGUITY, TM_ATTR_CONSTANCY
  };
  for (uint32_t k = 0; k < TM_COUNT(keys); k++) {
    const tm_attr *hint = tm_inst_attr(a->ir, i, keys[k]);
    if (hint == NULL) continue;
    uint32_t n = hint->kind == TM_ATTR_INTS ? hint->n_ints : 1;
    for (uint32_t d = 0; d < n && d < rank_of(t); d++) {
      int64_t x = hint->kind == TM_ATTR_INTS ? hint->ints[d] : hint->i;
      if (x <= 0) continue;
      uint64_t p = divisor_of(x);
      uint32_t run = min_u32(narrow(p), extent_of(t, d));
      if (keys[k] == TM_ATTR_DIVISIBILITY)
        f->axis.divisibility[d] = max_u64(f->axis.divisibility[d], p);
      else if (keys[k] == TM_ATTR_CONTIGUITY)
        f->axis.contiguity[d] = max_u32(f->axis.contiguity[d], run);
      else
        f->axis.constancy[d] = max_u32(f->axis.constancy[d], run);
    }
  }
}

/* A claim on every element holds for the firsts of any runs. */
static void sharpen(tm_type t, fact *f) {
  uint64_t all = 1;
  uint32_t unit = unit_of(t);
  for (uint32_t d = 0; d < rank_of(t); d++) {
    line l = {f->axis.contiguity[d], f->axis.constancy[d], unit,
              f->axis.divisibility[d]};
    all = max_u64(all, at(l, 1));
  }
  for (uint32_t d = 0; d < rank_of(t); d++)
    f->axis.divisibility[d] = max_u64(f->axis.divisibility[d], all);
}

/* ---- structure --------------------------------------------------------- */

static void sweep(analysis *a, tm_block b, uint32_t depth);

static void flow(analysis *a, tm_value from, tm_value to) {
  if (known(a, from)) {
    fact f = a->facts[from];
    learn(a, to, &f);
  }
}

static void sweep_for(analysis *a, const tm_inst_data *inst, uint32_t depth) {
  const tm_block_data *body = tm_blk(a->ir, inst->regions[0]);
  const tm_value *init = inst->operands + 3;
  tm_value low = inst->operands[0], step = inst->operands[2];
  if (known(a, low) && known(a, step)) {
    fact f = fact_bottom();
    f.axis.divisibility[0] = min_u64(a->facts[low].axis.divisibility[0],
                                     a->facts[step].axis.divisibility[0]);
    f.not_negative = a->facts[low].not_negative;
    learn(a, body->args[0], &f);
  }
  for (uint32_t k = 0; k < inst->n_results; k++)
    flow(a, init[k], body->args[k + 1]);
  sweep(a, inst->regions[0], depth + 1);
  const tm_inst_data *yield = tm_get(a->ir, body->last);
  for (uint32_t k = 0; k < inst->n_results; k++) {
    flow(a, yield->operands[k], body->args[k + 1]);
    flow(a, body->args[k + 1], inst->results + k);
  }
}

static void sweep_while(analysis *a, const tm_inst_data *inst,
                        uint32_t depth) {
  const tm_block_data *before = tm_blk(a->ir, inst->regions[0]);
  const tm_block_data *after = tm_blk(a->ir, inst->regions[1]);
  for (uint32_t k = 0; k < before->n_args; k++)
    flow(a, inst->operands[k], before->args[k]);
  sweep(a, inst->regions[0], depth + 1);
  const tm_inst_data *cond = tm_get(a->ir, before->last);
  for (uint32_t k = 0; k < inst->n_results; k++) {
    flow(a, cond->operands[k + 1], after->args[k]);
    flow(a, cond->operands[k + 1], inst->results + k);
  }
  sweep(a, inst->regions[1], depth + 1);
  const tm_inst_data *yield = tm_get(a->ir, after->last);
  for (uint32_t k = 0; k < before->n_args; k++)
    flow(a, yield->operands[k], before->args[k]);
}

static void sweep_if(analysis *a, const tm_inst_data *inst, uint32_t depth) {
  for (uint32_t r = 0; r < inst->n_regions; r++) {
    tm_block b = inst->regions[r];
    if (b == 0 || tm_blk(a->ir, b)->last == 0) continue;
    sweep(a, b, depth + 1);
    const tm_inst_data *yield = tm_get(a->ir, tm_blk(a->ir, b)->last);
    for (uint32_t k = 0; k < inst->n_results; k++)
      flow(a, yield->operands[k], inst->results + k);
  }
}

static void sweep_inst(analysis *a, tm_inst i) {
  const tm_inst_data *inst = tm_get(a->ir, i);
  for (uint32_t o = 0; o < inst->n_operands; o++)
    if (!known(a, inst->operands[o])) return;
  for (uint32_t r = 0; r < inst->n_results; r++) {
    tm_type t = tm_type_of(a->ir, inst->results + r);
    fact f = fact_of(a, i, inst->results + r);
    apply_hints(a, i, t, &f);
    sharpen(t, &f);
    learn(a, inst->results + r, &f);
  }
}

static void sweep(analysis *a, tm_block b, uint32_t depth) {
  if (depth > MAX_DEPTH) {
    a->too_deep = true;
    return;
  }
  TM_EACH_INST(a->ir, i, b) {
    const tm_inst_data *inst = tm_get(a->ir, i);
    switch ((int)inst->op) {
      case TM_FOR: sweep_for(a, inst, depth); break;
      case TM_WHILE: sweep_while(a, inst, depth); break;
      case TM_IF: sweep_if(a, inst, depth); break;
      default: sweep_inst(a, i); break;
    }
  }
}

tm_axis *tm_axis_analyse(tm_ir *ir, tm_arena *arena) {
  analysis a = {ir, TM_NEW_ARRAY(arena, fact, ir->values.len), true, false,
                false};
  tm_axis *out = TM_NEW_ARRAY(arena, tm_axis, ir->values.len);
  for (uint32_t k = 0; k < ir->funcs.len; k++) {
    const tm_func *func = &ir->funcs.data[k];
    for (uint32_t p = 0; p < func->params.len; p++) {
      fact f = fact_bottom();
      if (func->params.data[p].divisibility > 0)
        f.axis.divisibility[0] = divisor_of(func->params.data[p].divisibility);
      a.facts[func->params.data[p].value] = f;
    }
  }
  for (uint32_t n = 0; a.changed; n++) {
    a.changed = false;
    a.widen = n >= SWEEPS_BEFORE_WIDENING;
    for (uint32_t k = 0; k < ir->funcs.len; k++)
      sweep(&a, ir->funcs.data[k].body, 0);
  }
  fact bottom = fact_bottom();
  for (uint32_t v = 0; v < ir->values.len; v++)
    out[v] = a.facts[v].known && !a.too_deep ? a.facts[v].axis : bottom.axis;
  return out;
}
