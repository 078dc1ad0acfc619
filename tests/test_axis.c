/* SPDX-License-Identifier: MIT */
/*
 * test_axis.c - every claim of the axis analysis is true.
 *
 * Random programs of index arithmetic are evaluated, element by element, on
 * random inputs that keep the promises of the parameters, and each claim on
 * each value is checked. Two modes: "plain" ends a path where signed
 * arithmetic overflows or a run-time divisor is not positive, which the
 * analysis assumes does not happen; "wrapping" feeds extreme values through
 * everything but signed division. Hand-derived cases say that claims are as
 * strong as the accesses of real kernels need.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "../lib/layout/layout.h"

/* ---- random numbers ---------------------------------------------------- */

static uint64_t seed;

static uint32_t roll(uint32_t n) {
  seed = seed * 6364136223846793005u + 1442695040888963407u;
  return (uint32_t)(seed >> 33) % n;
}

/* ---- evaluation -------------------------------------------------------- */

/* The elements of one value; undefined when some step had no result. */
typedef struct datum {
  int64_t *at;
  bool undefined;
} datum;

typedef struct machine {
  tm_ir *ir;
  tm_arena *arena;
  const tm_axis *axis;
  datum *data; /* per value */
  bool wrapping;
} machine;

static uint32_t bits_of(tm_type t) {
  t = tm_type_element(t);
  return t->kind == TM_TYPE_SCALAR ? tm_scalar_bits(t->scalar) : 64;
}

static int64_t wrap(int64_t x, uint32_t bits) {
  if (bits == 64) return x;
  uint64_t u = (uint64_t)x << (64 - bits);
  return (int64_t)u >> (64 - bits);
}

static uint64_t zero_extended(int64_t x, uint32_t bits) {
  return bits == 64 ? (uint64_t)x : (uint64_t)x & (((uint64_t)1 << bits) - 1);
}

/* Row-major coordinates. */
static void coords_of(tm_type t, int64_t index, int64_t c[TM_MAX_RANK]) {
  for (uint32_t d = t->rank; d-- > 0;) {
    c[d] = index % t->shape[d];
    index /= t->shape[d];
  }
}

static int64_t index_of(tm_type t, const int64_t c[TM_MAX_RANK]) {
  int64_t i = 0;
  for (uint32_t d = 0; d < t->rank; d++) i = i * t->shape[d] + c[d];
  return i;
}

static uint32_t unit_of(tm_type t) {
  t = tm_type_element(t);
  if (t->kind != TM_TYPE_POINTER) return 1;
  return (tm_scalar_bits(t->element->scalar) + 7) / 8;
}

static bool compare(int64_t p, int64_t x, int64_t y, uint32_t bits) {
  uint64_t ux = zero_extended(x, bits), uy = zero_extended(y, bits);
  switch (p) {
    case TM_CMPI_EQ: return x == y;
    case TM_CMPI_NE: return x != y;
    case TM_CMPI_SLT: return x < y;
    case TM_CMPI_SLE: return x <= y;
    case TM_CMPI_SGT: return x > y;
    case TM_CMPI_SGE: return x >= y;
    case TM_CMPI_ULT: return ux < uy;
    case TM_CMPI_ULE: return ux <= uy;
    case TM_CMPI_UGT: return ux > uy;
    default: return ux >= uy;
  }
}

/* False when there is no defined result. constant: y was written in the
 * program. */
static bool compute(tm_op op, int64_t x, int64_t y, uint32_t bits,
                    bool constant, bool wrapping, int64_t *out) {
  int64_t r = 0;
  bool over = false;
  uint64_t ux = zero_extended(x, bits), uy = zero_extended(y, bits);
  switch ((int)op) {
    case TM_ADDI: over = __builtin_add_overflow(x, y, &r); break;
    case TM_SUBI: over = __builtin_sub_overflow(x, y, &r); break;
    case TM_MULI: over = __builtin_mul_overflow(x, y, &r); break;
    case TM_SHLI:
      if (uy >= bits) return false;
      r = (int64_t)((uint64_t)x << uy);
      over = r >> uy != x;
      break;
    case TM_DIVSI: case TM_REMSI:
      if (y == 0 || (!constant && y < 0) || y == -1) return false;
      r = op == TM_DIVSI ? x / y : x % y;
      break;
    case TM_DIVUI: case TM_REMUI:
      if (y == 0 || (!constant && y < 0)) return false;
      r = (int64_t)(op == TM_DIVUI ? ux / uy : ux % uy);
      break;
    case TM_ANDI: r = x & y; break;
    case TM_ORI: r = x | y; break;
    case TM_XORI: r = x ^ y; break;
    case TM_SHRSI:
      if (uy >= bits) return false;
      r = x >> uy;
      break;
    case TM_SHRUI:
      if (uy >= bits) return false;
      r = (int64_t)(ux >> uy);
      break;
    case TM_MAXSI: r = x > y ? x : y; break;
    case TM_MINSI: r = x < y ? x : y; break;
    case TM_MAXUI: r = ux > uy ? x : y; break;
    case TM_MINUI: r = ux < uy ? x : y; break;
    default: return false;
  }
  *out = wrap(r, bits);
  bool is_unsigned = op == TM_DIVUI || op == TM_REMUI || op == TM_SHRUI;
  return wrapping || is_unsigned || (!over && r == *out);
}

static datum *fresh(machine *m, tm_value v) {
  datum *d = &m->data[v];
  size_t n = (size_t)tm_type_numel(tm_type_of(m->ir, v));
  if (d->at == NULL) d->at = TM_NEW_ARRAY(m->arena, int64_t, n);
  d->undefined = false;
  return d;
}

/* The element of operand k that element e of a result of type t needs, for
 * operands of the same shape or scalars. */
static int64_t operand(const machine *m, tm_inst i, uint32_t k, int64_t e) {
  tm_value v = tm_get(m->ir, i)->operands[k];
  return m->data[v].at[tm_type_is_tensor(tm_type_of(m->ir, v)) ? e : 0];
}

static int64_t shape_source(const machine *m, tm_inst i, tm_type t,
                            int64_t e) {
  const tm_inst_data *inst = tm_get(m->ir, i);
  tm_type s = tm_type_of(m->ir, inst->operands[0]);
  int64_t c[TM_MAX_RANK], from[TM_MAX_RANK];
  coords_of(t, e, c);
  if (inst->op == TM_BROADCAST) {
    for (uint32_t d = 0; d < t->rank; d++)
      from[d] = s->shape[d] == 1 ? 0 : c[d];
    return index_of(s, from);
  }
  if (inst->op == TM_TRANS) {
    const tm_attr *order = tm_inst_attr(m->ir, i, TM_ATTR_ORDER);
    for (uint32_t d = 0; d < t->rank; d++) from[order->ints[d]] = c[d];
    return index_of(s, from);
  }
  return e; /* reshape, expand_dims: row-major order is kept */
}

static bool element(machine *m, tm_inst i, tm_type t, int64_t e,
                    int64_t *out) {
  const tm_inst_data *inst = tm_get(m->ir, i);
  uint32_t bits = bits_of(t);
  switch ((int)inst->op) {
    case TM_CONSTANT: *out = tm_inst_int(m->ir, i, TM_ATTR_VALUE, 0); break;
    case TM_MAKE_RANGE:
      *out = tm_inst_int(m->ir, i, TM_ATTR_START, 0) + e;
      break;
    case TM_SPLAT: *out = operand(m, i, 0, 0); break;
    case TM_EXPAND_DIMS: case TM_RESHAPE: case TM_TRANS: case TM_BROADCAST:
      *out = m->data[inst->operands[0]].at[shape_source(m, i, t, e)];
      break;
    case TM_EXTSI: case TM_TRUNCI: case TM_PTR_TO_INT:
      *out = wrap(operand(m, i, 0, e), bits);
      break;
    case TM_EXTUI:
      *out = (int64_t)zero_extended(
          operand(m, i, 0, e), bits_of(tm_type_of(m->ir, inst->operands[0])));
      break;
    case TM_CMPI:
      *out = compare(tm_inst_int(m->ir, i, TM_ATTR_PREDICATE, 0),
                     operand(m, i, 0, e), operand(m, i, 1, e),
                     bits_of(tm_type_of(m->ir, inst->operands[0])));
      break;
    case TM_SELECT:
      *out = operand(m, i, 0, e) ? operand(m, i, 1, e) : operand(m, i, 2, e);
      break;
    case TM_ADDPTR:
      *out = (int64_t)((uint64_t)operand(m, i, 0, e) +
                       (uint64_t)operand(m, i, 1, e) * unit_of(t));
      break;
    case TM_JOIN:
      *out = m->data[inst->operands[e & 1]].at[e >> 1];
      break;
    default: {
      bool constant = tm_value_const_int(m->ir, inst->operands[1], NULL);
      return compute(inst->op, operand(m, i, 0, e), operand(m, i, 1, e), bits,
                     constant, m->wrapping, out);
    }
  }
  return true;
}

/* ---- checking ---------------------------------------------------------- */

static void fail_claim(const machine *m, tm_value v, uint32_t d,
                       const char *what) {
  tm_buf text = tm_buf_in(m->arena);
  tm_ir_print(m->ir, &text);
  const tm_axis *a = &m->axis[v];
  tm_inst def = tm_val(m->ir, v)->def;
  fail_msg("value %u (%s) dim %u: %s is wrong: contiguity %u divisibility "
           "%llu constancy %u\n%s", v,
           def ? tm_op_infos[tm_get(m->ir, def)->op].name : "argument", d,
           what, a->contiguity[d], (unsigned long long)a->divisibility[d],
           a->constancy[d], tm_buf_text(&text));
}

/* Element at place k along dimension d of the line through element e. */
static int64_t along(const machine *m, tm_value v, uint32_t d, int64_t e,
                     int64_t k) {
  tm_type t = tm_type_of(m->ir, v);
  int64_t c[TM_MAX_RANK];
  if (!tm_type_is_tensor(t)) return m->data[v].at[0];
  coords_of(t, e, c);
  c[d] = k;
  return m->data[v].at[index_of(t, c)];
}

static void check_line(const machine *m, tm_value v, uint32_t d, int64_t e) {
  tm_type t = tm_type_of(m->ir, v);
  const tm_axis *a = &m->axis[v];
  int64_t n = tm_type_is_tensor(t) ? t->shape[d] : 1, unit = unit_of(t);
  uint64_t div = a->divisibility[d];
  uint64_t group = a->contiguity[d];
  uint32_t bits = bits_of(t);
  if (div / (uint64_t)unit < group) /* a longer run may pass a wrap */
    group = div >= (uint64_t)unit ? div / (uint64_t)unit : 1;
  if (bits < 64 && div > (uint64_t)1 << bits) div = (uint64_t)1 << bits;
  for (int64_t k = 0; k < n; k++) {
    int64_t x = along(m, v, d, e, k);
    if (k % a->contiguity[d] == 0 && ((uint64_t)x & (div - 1)) != 0)
      fail_claim(m, v, d, "divisibility");
    if (k % (int64_t)group != 0 && x != along(m, v, d, e, k - 1) + unit)
      fail_claim(m, v, d, "contiguity");
    if (k % a->constancy[d] != 0 && x != along(m, v, d, e, k - 1))
      fail_claim(m, v, d, "constancy");
  }
}

static void check_value(const machine *m, tm_value v) {
  tm_type t = tm_type_of(m->ir, v);
  if (m->data[v].undefined) return;
  if (!tm_type_is_tensor(t)) {
    check_line(m, v, 0, 0);
    return;
  }
  for (int64_t e = 0; e < tm_type_numel(t); e++) {
    int64_t c[TM_MAX_RANK];
    coords_of(t, e, c);
    for (uint32_t d = 0; d < t->rank; d++)
      if (c[d] == 0) check_line(m, v, d, e);
  }
}

static void copy_value(machine *m, tm_value to, tm_value from) {
  datum *d = fresh(m, to);
  memcpy(d->at, m->data[from].at,
         (size_t)tm_type_numel(tm_type_of(m->ir, to)) * sizeof d->at[0]);
  d->undefined = m->data[from].undefined;
  check_value(m, to);
}

static void run_block(machine *m, tm_block b);

static void run_for(machine *m, const tm_inst_data *inst) {
  const tm_block_data *body = tm_blk(m->ir, inst->regions[0]);
  const tm_inst_data *yield = tm_get(m->ir, body->last);
  int64_t low = m->data[inst->operands[0]].at[0];
  int64_t high = m->data[inst->operands[1]].at[0];
  int64_t step = m->data[inst->operands[2]].at[0];
  for (uint32_t k = 0; k < inst->n_results; k++)
    copy_value(m, body->args[k + 1], inst->operands[k + 3]);
  for (int64_t x = low; x < high; x += step) {
    fresh(m, body->args[0])->at[0] = x;
    check_value(m, body->args[0]);
    run_block(m, inst->regions[0]);
    tm_value next[8];
    for (uint32_t k = 0; k < inst->n_results; k++) {
      next[k] = inst->results + k; /* as a place that nothing reads yet */
      copy_value(m, next[k], yield->operands[k]);
    }
    for (uint32_t k = 0; k < inst->n_results; k++)
      copy_value(m, body->args[k + 1], next[k]);
  }
  for (uint32_t k = 0; k < inst->n_results; k++)
    copy_value(m, inst->results + k, body->args[k + 1]);
}

static void run_inst(machine *m, tm_inst i) {
  const tm_inst_data *inst = tm_get(m->ir, i);
  if (inst->op == TM_FOR) {
    run_for(m, inst);
    return;
  }
  if (inst->n_results != 1 || inst->op == TM_GET_PROGRAM_ID) return;
  datum *out = fresh(m, inst->results);
  tm_type t = tm_type_of(m->ir, inst->results);
  for (uint32_t k = 0; k < inst->n_operands; k++)
    out->undefined = out->undefined || m->data[inst->operands[k]].undefined;
  for (int64_t e = 0; !out->undefined && e < tm_type_numel(t); e++)
    if (!element(m, i, t, e, &out->at[e])) out->undefined = true;
  check_value(m, inst->results);
}

static void run_block(machine *m, tm_block b) {
  TM_EACH_INST(m->ir, i, b) run_inst(m, i);
}

/* ---- random programs --------------------------------------------------- */

typedef struct maker {
  tm_builder b;
  tm_value pool[256];
  uint32_t n;
  bool wrapping;
} maker;

static const struct shape {
  uint32_t rank;
  int64_t shape[3];
} shapes[] = {
  {1, {64}}, {1, {8}}, {2, {8, 8}}, {2, {1, 8}}, {2, {8, 1}}, {2, {64, 1}},
  {2, {1, 64}}, {2, {4, 16}}, {2, {16, 4}}, {3, {2, 4, 8}}, {3, {1, 8, 8}},
};

static void keep(maker *g, tm_value v) {
  if (g->n < TM_COUNT(g->pool)) g->pool[g->n++] = v;
}

static tm_type int_type(maker *g) {
  return tm_type_scalar(g->b.ir, roll(4) ? TM_I32 : TM_I64);
}

static tm_type random_shape(maker *g, tm_type element) {
  uint32_t s = roll(TM_COUNT(shapes));
  return tm_type_tensor(g->b.ir, element, shapes[s].rank, shapes[s].shape);
}

static bool is_int(tm_type t) {
  t = tm_type_element(t);
  return t->kind == TM_TYPE_SCALAR && t->scalar != TM_I1;
}

/* Often one of the last few: chains are what analyses get wrong. */
static tm_value any_value(maker *g) {
  if (roll(3) && g->n > 4) return g->pool[g->n - 1 - roll(4)];
  return g->pool[roll(g->n)];
}

/* A value of type t from the pool; 0 if a few tries find none. */
static tm_value value_of(maker *g, tm_type t) {
  uint32_t at = roll(g->n);
  for (uint32_t k = 0; k < g->n; k++)
    if (tm_type_of(g->b.ir, g->pool[(at + k) % g->n]) == t)
      return g->pool[(at + k) % g->n];
  return 0;
}

static int64_t random_constant(void) {
  static const int64_t some[] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 12, 15, 16, 17, 24,
                                 32, 48, 63, 64, 100, 128, -1, -2, -4, -8, -5,
                                 -16, -12};
  return some[roll(TM_COUNT(some))];
}

static tm_value attr_op(maker *g, tm_op op, tm_value x, tm_type t, tm_attr a) {
  tm_inst i = tm_build(&g->b, op, x != 0, &x, t != NULL, t ? &t : NULL, 0,
                       NULL, 1, &a);
  return tm_get(g->b.ir, i)->results;
}

static void make_range(maker *g) {
  int64_t n = roll(2) ? 64 : 8, start = roll(3) ? 0 : (int64_t)roll(40);
  tm_type t = tm_type_tensor(g->b.ir, tm_type_scalar(g->b.ir, TM_I32), 1, &n);
  tm_attr attrs[] = {tm_attr_int(TM_ATTR_START, start),
                     tm_attr_int(TM_ATTR_END, start + n)};
  tm_inst i = tm_build(&g->b, TM_MAKE_RANGE, 0, NULL, 1, &t, 0, NULL, 2, attrs);
  keep(g, tm_get(g->b.ir, i)->results);
}

static void make_binary(maker *g) {
  static const tm_op ops[] = {
    TM_ADDI, TM_ADDI, TM_SUBI, TM_MULI, TM_MULI, TM_DIVUI, TM_REMUI, TM_ANDI,
    TM_ORI, TM_XORI, TM_SHLI, TM_SHRSI, TM_SHRUI, TM_MAXSI, TM_MINSI,
    TM_MAXUI, TM_MINUI, TM_DIVSI, TM_DIVSI, TM_REMSI, TM_REMSI
  };
  tm_value x = any_value(g), y;
  tm_type t = tm_type_of(g->b.ir, x);
  if (!is_int(t)) return;
  y = roll(3) == 0 ? value_of(g, t)
                   : tm_build_int(&g->b, t, random_constant());
  tm_op op = ops[roll(TM_COUNT(ops) - (g->wrapping ? 4 : 0))];
  if (roll(4) == 0) { tm_value z = x; x = y; y = z; }
  keep(g, tm_build2(&g->b, op, x, y));
}

static void make_shape_op(maker *g) {
  tm_value x = any_value(g);
  tm_ir *ir = g->b.ir;
  tm_type t = tm_type_of(ir, x);
  int64_t shape[3];
  if (!tm_type_is_tensor(t)) return;
  switch (roll(5)) {
    case 0:
      if (t->rank < 3)
        keep(g, attr_op(g, TM_EXPAND_DIMS, x, NULL,
                        tm_attr_int(TM_ATTR_AXIS, roll(t->rank + 1))));
      break;
    case 1: {
      bool grows = false;
      for (uint32_t d = 0; d < t->rank; d++) {
        shape[d] = t->shape[d] == 1 ? 8 : t->shape[d];
        grows = grows || t->shape[d] == 1;
      }
      if (grows && tm_type_numel(t) <= 64)
        keep(g, tm_build_to(&g->b, TM_BROADCAST, x,
                            tm_type_tensor(ir, t->element, t->rank, shape)));
      break;
    }
    case 2: {
      tm_type to = random_shape(g, t->element);
      if (tm_type_numel(to) == tm_type_numel(t))
        keep(g, tm_build_to(&g->b, TM_RESHAPE, x, to));
      break;
    }
    case 3: {
      int64_t order[3] = {0, 1, 2};
      for (uint32_t d = t->rank; d > 1; d--) {
        uint32_t o = roll(d);
        int64_t swap = order[o];
        order[o] = order[d - 1];
        order[d - 1] = swap;
      }
      tm_attr a = {.key = TM_ATTR_ORDER, .kind = TM_ATTR_INTS, .ints = order,
                   .n_ints = t->rank};
      keep(g, attr_op(g, TM_TRANS, x, NULL, a));
      break;
    }
    default: {
      tm_value y = value_of(g, t);
      if (t->rank < 3 && tm_type_numel(t) <= 64)
        keep(g, tm_build2(&g->b, TM_JOIN, x, y));
      break;
    }
  }
}

static void make_other(maker *g) {
  tm_ir *ir = g->b.ir;
  tm_value x = any_value(g);
  tm_type t = tm_type_of(ir, x);
  tm_type i32 = tm_type_scalar(ir, TM_I32), i64 = tm_type_scalar(ir, TM_I64);
  switch (roll(6)) {
    case 0: /* more splats */
    case 1:
      if (!tm_type_is_tensor(t))
        keep(g, tm_build_to(&g->b, TM_SPLAT, x, random_shape(g, t)));
      break;
    case 2:
      if (is_int(t))
        keep(g, tm_build_cmpi(&g->b, (tm_cmpi)roll(10), x, value_of(g, t)));
      break;
    case 3:
      if (is_int(t) && tm_type_element(t) == i32)
        keep(g, tm_build_to(&g->b, roll(2) ? TM_EXTSI : TM_EXTUI, x,
                            tm_type_like(ir, t, i64)));
      else if (is_int(t))
        keep(g, tm_build_to(&g->b, TM_TRUNCI, x, tm_type_like(ir, t, i32)));
      break;
    case 4: {
      tm_value c = value_of(g, tm_type_like(ir, t, tm_type_scalar(ir, TM_I1)));
      if (c != 0 && t->kind != TM_TYPE_POINTER)
        keep(g, tm_build3(&g->b, TM_SELECT, c, x, value_of(g, t)));
      break;
    }
    default:
      if (tm_type_element(t)->kind == TM_TYPE_POINTER) {
        tm_value off = value_of(g, tm_type_like(ir, t, i32));
        if (off != 0) keep(g, tm_build2(&g->b, TM_ADDPTR, x, off));
        if (roll(3) == 0)
          keep(g, tm_build_to(&g->b, TM_PTR_TO_INT, x,
                              tm_type_like(ir, t, i64)));
      }
      break;
  }
}

/* (range - a) op b, with contiguity and divisibility to lose. */
static void make_run(maker *g) {
  static const tm_op ops[] = {TM_ADDI, TM_SUBI, TM_ANDI, TM_ORI, TM_XORI};
  make_range(g);
  tm_value x = g->pool[g->n - 1];
  tm_type t = tm_type_of(g->b.ir, x);
  tm_value by = tm_build_int(&g->b, t, random_constant());
  if (roll(3) == 0)
    by = tm_build_to(&g->b, TM_SPLAT, value_of(g, t->element), t);
  keep(g, tm_build2(&g->b, ops[roll(TM_COUNT(ops))], x, by));
  make_binary(g);
}

static void make_step(maker *g) {
  switch (roll(10)) {
    case 0: make_run(g); break;
    case 1: case 2: case 3: make_shape_op(g); break;
    case 4: case 5: case 6: make_binary(g); break;
    default: make_other(g); break;
  }
}

/* A loop that carries up to three values, each a function of what is there. */
static void make_loop(maker *g) {
  tm_ir *ir = g->b.ir;
  tm_type i32 = tm_type_scalar(ir, TM_I32);
  tm_value operands[6], yields[3];
  tm_type types[3];
  uint32_t n = 1 + roll(3), outside = g->n;
  tm_builder outer = g->b;
  operands[0] = tm_build_int(&g->b, i32, 4 * roll(3));
  operands[1] = tm_build_int(&g->b, i32, 16);
  operands[2] = tm_build_int(&g->b, i32, roll(2) ? 4 : 3);
  tm_block body = tm_ir_new_block(ir);
  keep(g, tm_block_add_arg(ir, body, i32));
  for (uint32_t k = 0; k < n; k++) {
    operands[k + 3] = any_value(g);
    while (tm_val(ir, operands[k + 3])->block == body)
      operands[k + 3] = any_value(g);
    types[k] = tm_type_of(ir, operands[k + 3]);
    keep(g, tm_block_add_arg(ir, body, types[k]));
  }
  g->b = tm_build_at_end(ir, body);
  for (uint32_t k = 0; k < 12; k++) make_step(g);
  for (uint32_t k = 0; k < n; k++) yields[k] = value_of(g, types[k]);
  tm_build(&g->b, TM_YIELD, n, yields, 0, NULL, 0, NULL, 0, NULL);
  g->b = outer;
  g->n = outside;
  tm_inst loop = tm_build(&g->b, TM_FOR, n + 3, operands, n, types, 1, &body,
                          0, NULL);
  for (uint32_t k = 0; k < n; k++) keep(g, tm_get(ir, loop)->results + k);
}

/* Parameters: integers and pointers, with and without promises. */
static void make_program(maker *g, tm_ir *ir, bool wrapping) {
  uint32_t f = tm_ir_add_func(ir, "f", true);
  tm_type f32 = tm_type_scalar(ir, TM_F32), f16 = tm_type_scalar(ir, TM_F16);
  memset(g, 0, sizeof *g);
  g->wrapping = wrapping;
  g->b = tm_build_at_end(ir, ir->funcs.data[f].body);
  keep(g, tm_func_add_param(ir, f, "n", int_type(g), 16));
  keep(g, tm_func_add_param(ir, f, "m", int_type(g), 0));
  keep(g, tm_func_add_param(ir, f, "k", tm_type_scalar(ir, TM_I32), 16));
  keep(g, tm_func_add_param(ir, f, "p", tm_type_pointer(ir, f32, 1), 16));
  keep(g, tm_func_add_param(ir, f, "q", tm_type_pointer(ir, f16, 1), 16));
  tm_type i32 = tm_type_scalar(ir, TM_I32);
  tm_attr axis = tm_attr_int(TM_ATTR_AXIS, 0);
  tm_inst pid = tm_build(&g->b, TM_GET_PROGRAM_ID, 0, NULL, 1, &i32, 0, NULL,
                         1, &axis);
  keep(g, tm_get(ir, pid)->results);
  make_range(g);
  for (uint32_t k = 0; k < 30; k++) make_step(g);
  make_loop(g);
  for (uint32_t k = 0; k < 8; k++) make_step(g);
  tm_build(&g->b, TM_RETURN, 0, NULL, 0, NULL, 0, NULL, 0, NULL);
}

static void give_inputs(machine *m) {
  const tm_func *f = &m->ir->funcs.data[0];
  for (uint32_t p = 0; p < f->params.len; p++) {
    const tm_param *param = &f->params.data[p];
    int64_t x = (int64_t)roll(200) - 40;
    uint32_t div = param->divisibility;
    if (m->wrapping && roll(2))
      x = (int64_t)((uint64_t)roll(1u << 31) << 33 ^ roll(1u << 31));
    if (m->wrapping && roll(4) == 0) x = INT32_MAX - (int64_t)roll(40);
    if (param->type->kind == TM_TYPE_POINTER) x = 4096 + roll(4000);
    x = wrap(x, bits_of(param->type));
    if (div) x = (int64_t)((uint64_t)x & ~(uint64_t)(div - 1));
    fresh(m, param->value)->at[0] = x;
  }
  TM_EACH_INST(m->ir, i, f->body) {
    if (tm_get(m->ir, i)->op != TM_GET_PROGRAM_ID) continue;
    int64_t x = roll(300);
    if (m->wrapping && roll(3) == 0) x = INT32_MAX - (int64_t)roll(9);
    fresh(m, tm_get(m->ir, i)->results)->at[0] = x;
  }
}

static void try_programs(bool wrapping, uint32_t count) {
  for (uint32_t n = 0; n < count; n++) {
    tm_arena arena;
    maker g;
    seed = n * 2 + wrapping + 1;
    tm_arena_init(&arena, 0);
    tm_ir *ir = tm_ir_create(&arena);
    make_program(&g, ir, wrapping);
    tm_axis *axis = tm_axis_analyse(ir, &arena);
    for (uint32_t t = 0; t < 6; t++) {
      machine m = {ir, &arena, axis, NULL, wrapping};
      m.data = TM_NEW_ARRAY(&arena, datum, ir->values.len);
      give_inputs(&m);
      run_block(&m, ir->funcs.data[0].body);
    }
    tm_arena_free(&arena);
  }
}

static void claims_hold_on_random_programs(void **state) {
  (void)state;
  try_programs(false, 800);
}

static void claims_hold_when_arithmetic_wraps(void **state) {
  (void)state;
  try_programs(true, 800);
}

/* ---- strength ---------------------------------------------------------- */

typedef struct fixture {
  tm_arena arena;
  tm_ir *ir;
  tm_builder b;
  tm_type i32, f32;
  tm_value n, m, p, pid;
} fixture;

static fixture begin(void) {
  fixture x;
  memset(&x, 0, sizeof x);
  tm_arena_init(&x.arena, 0);
  return x;
}

static void params(fixture *x) {
  x->ir = tm_ir_create(&x->arena);
  uint32_t f = tm_ir_add_func(x->ir, "f", true);
  x->i32 = tm_type_scalar(x->ir, TM_I32);
  x->f32 = tm_type_scalar(x->ir, TM_F32);
  x->n = tm_func_add_param(x->ir, f, "n", x->i32, 16);
  x->m = tm_func_add_param(x->ir, f, "m", x->i32, 0);
  x->p = tm_func_add_param(x->ir, f, "p", tm_type_pointer(x->ir, x->f32, 1),
                           16);
  x->b = tm_build_at_end(x->ir, x->ir->funcs.data[f].body);
  tm_attr axis = tm_attr_int(TM_ATTR_AXIS, 0);
  tm_inst pid = tm_build(&x->b, TM_GET_PROGRAM_ID, 0, NULL, 1, &x->i32, 0,
                         NULL, 1, &axis);
  x->pid = tm_get(x->ir, pid)->results;
}

static tm_type tile(fixture *x, tm_type element, int64_t n) {
  return tm_type_tensor(x->ir, element, 1, &n);
}

static tm_value range(fixture *x, int64_t n) {
  tm_type t = tile(x, x->i32, n);
  tm_attr attrs[] = {tm_attr_int(TM_ATTR_START, 0),
                     tm_attr_int(TM_ATTR_END, n)};
  tm_inst i = tm_build(&x->b, TM_MAKE_RANGE, 0, NULL, 1, &t, 0, NULL, 2,
                       attrs);
  return tm_get(x->ir, i)->results;
}

/* pid * block + arange(0, block) */
static tm_value offsets(fixture *x, int64_t block) {
  tm_value base = tm_build2(&x->b, TM_MULI, x->pid,
                            tm_build_int(&x->b, x->i32, block));
  return tm_build2(&x->b, TM_ADDI,
                   tm_build_to(&x->b, TM_SPLAT, base, tile(x, x->i32, block)),
                   range(x, block));
}

static void assert_axis(const tm_axis *a, uint32_t d, uint32_t contiguity,
                        uint64_t divisibility, uint32_t constancy) {
  assert_int_equal(a->contiguity[d], contiguity);
  assert_int_equal(a->divisibility[d], divisibility);
  assert_int_equal(a->constancy[d], constancy);
}

/* The example of the file comment of axis.c. */
static void block_offsets_pointers_and_masks(void **state) {
  (void)state;
  fixture x = begin();
  params(&x);
  tm_value off = offsets(&x, 1024);
  tm_type t = tile(&x, x.i32, 1024);
  tm_value mask = tm_build_cmpi(&x.b, TM_CMPI_SLT, off,
                                tm_build_to(&x.b, TM_SPLAT, x.n, t));
  tm_value loose = tm_build_cmpi(&x.b, TM_CMPI_SLT, off,
                                 tm_build_to(&x.b, TM_SPLAT, x.m, t));
  tm_value flipped = tm_build_cmpi(
      &x.b, TM_CMPI_SGT, tm_build_to(&x.b, TM_SPLAT, x.n, t), off);
  tm_value closed = tm_build_cmpi(&x.b, TM_CMPI_SLE, off,
                                  tm_build_to(&x.b, TM_SPLAT, x.n, t));
  tm_value ptr = tm_build2(
      &x.b, TM_ADDPTR,
      tm_build_to(&x.b, TM_SPLAT, x.p,
                  tile(&x, tm_type_pointer(x.ir, x.f32, 1), 1024)), off);
  tm_axis *a = tm_axis_analyse(x.ir, &x.arena);
  assert_axis(&a[off], 0, 1024, 1024, 1);
  assert_axis(&a[ptr], 0, 1024, 16, 1);
  assert_axis(&a[mask], 0, 1, 1, 16);
  assert_axis(&a[flipped], 0, 1, 1, 16);
  assert_axis(&a[loose], 0, 1, 1, 1);
  assert_axis(&a[closed], 0, 1, 1, 1);
  tm_arena_free(&x.arena);
}

/* offs % n stays contiguous in groups that n divides into; a dividend that
 * may be negative does not. */
static void remainder_keeps_runs_of_offsets_that_are_not_negative(void **s) {
  (void)s;
  fixture x = begin();
  params(&x);
  tm_type t = tile(&x, x.i32, 64);
  tm_value off = offsets(&x, 64);
  tm_value n = tm_build_to(&x.b, TM_SPLAT, x.n, t);
  tm_value wrapped = tm_build2(&x.b, TM_REMSI, off, n);
  tm_value quotient = tm_build2(&x.b, TM_DIVSI, off,
                                tm_build_int(&x.b, t, 32));
  tm_value shifted = tm_build2(&x.b, TM_SUBI, off, n);
  tm_value unknown = tm_build2(&x.b, TM_REMSI, shifted, n);
  tm_axis *a = tm_axis_analyse(x.ir, &x.arena);
  assert_axis(&a[wrapped], 0, 16, 16, 1);
  assert_axis(&a[quotient], 0, 1, 1, 32);
  assert_axis(&a[shifted], 0, 64, 16, 1);
  assert_int_equal(a[unknown].contiguity[0], 1);
  tm_arena_free(&x.arena);
}

/* for i in range(0, m, 32): off += 32; off keeps what 32 and its start
 * divide. */
static void loops_meet_initial_and_yielded_values(void **state) {
  (void)state;
  fixture x = begin();
  params(&x);
  tm_type t = tile(&x, x.i32, 64);
  tm_value init = offsets(&x, 64);
  tm_value zero = tm_build_int(&x.b, x.i32, 0);
  tm_value step = tm_build_int(&x.b, x.i32, 32);
  tm_value by[2] = {tm_build_int(&x.b, t, 32), tm_build_int(&x.b, t, 3)};
  tm_value carried[2], iv = 0;
  for (uint32_t k = 0; k < 2; k++) {
    tm_block body = tm_ir_new_block(x.ir);
    iv = tm_block_add_arg(x.ir, body, x.i32);
    carried[k] = tm_block_add_arg(x.ir, body, t);
    tm_builder in = tm_build_at_end(x.ir, body);
    tm_value next = tm_build2(&in, TM_ADDI, carried[k], by[k]);
    tm_build(&in, TM_YIELD, 1, &next, 0, NULL, 0, NULL, 0, NULL);
    tm_value operands[] = {zero, x.m, step, init};
    tm_build(&x.b, TM_FOR, 4, operands, 1, &t, 1, &body, 0, NULL);
  }
  tm_axis *a = tm_axis_analyse(x.ir, &x.arena);
  assert_axis(&a[carried[0]], 0, 64, 32, 1);
  assert_axis(&a[carried[1]], 0, 64, 1, 1);
  assert_axis(&a[iv], 0, 1, 32, 1);
  tm_arena_free(&x.arena);
}

/* x = range; for ...: x -= 8: x // 4 rounds towards zero below it. */
static void a_loop_that_may_go_below_zero_is_noticed(void **state) {
  (void)state;
  fixture x = begin();
  params(&x);
  tm_type t = tile(&x, x.i32, 64);
  tm_block body = tm_ir_new_block(x.ir);
  tm_value operands[] = {tm_build_int(&x.b, x.i32, 0), x.m,
                         tm_build_int(&x.b, x.i32, 1), range(&x, 64)};
  tm_block_add_arg(x.ir, body, x.i32);
  tm_value carried = tm_block_add_arg(x.ir, body, t);
  tm_builder in = tm_build_at_end(x.ir, body);
  tm_value quotient = tm_build2(&in, TM_DIVSI, carried,
                                tm_build_int(&in, t, 4));
  tm_value next = tm_build2(&in, TM_SUBI, carried, tm_build_int(&in, t, 8));
  tm_build(&in, TM_YIELD, 1, &next, 0, NULL, 0, NULL, 0, NULL);
  tm_build(&x.b, TM_FOR, 4, operands, 1, &t, 1, &body, 0, NULL);
  tm_axis *a = tm_axis_analyse(x.ir, &x.arena);
  assert_axis(&a[carried], 0, 64, 8, 1);
  assert_int_equal(a[quotient].constancy[0], 1);
  tm_arena_free(&x.arena);
}

/* Addresses of f32 are 4 apart. */
static void pointers_as_integers_are_not_contiguous(void **state) {
  (void)state;
  fixture x = begin();
  params(&x);
  tm_type pointers = tile(&x, tm_type_pointer(x.ir, x.f32, 1), 64);
  tm_type i64 = tile(&x, tm_type_scalar(x.ir, TM_I64), 64);
  tm_value p = tm_build2(&x.b, TM_ADDPTR,
                         tm_build_to(&x.b, TM_SPLAT, x.p, pointers),
                         range(&x, 64));
  tm_value n = tm_build_to(&x.b, TM_PTR_TO_INT, p, i64);
  tm_axis *a = tm_axis_analyse(x.ir, &x.arena);
  assert_axis(&a[p], 0, 64, 16, 1);
  assert_axis(&a[n], 0, 1, 4, 1);
  tm_arena_free(&x.arena);
}

/* rows[:, None] * stride + cols[None, :]: contiguous along the columns. */
static void two_dimensional_addresses(void **state) {
  (void)state;
  fixture x = begin();
  params(&x);
  const int64_t shape[] = {16, 32}, column[] = {16, 1};
  tm_type t = tm_type_tensor(x.ir, x.i32, 2, shape);
  tm_type tc = tm_type_tensor(x.ir, x.i32, 2, column);
  tm_attr axis0 = tm_attr_int(TM_ATTR_AXIS, 0);
  tm_attr axis1 = tm_attr_int(TM_ATTR_AXIS, 1);
  tm_value rows = offsets(&x, 16), cols = range(&x, 32);
  tm_inst r = tm_build(&x.b, TM_EXPAND_DIMS, 1, &rows, 0, NULL, 0, NULL, 1,
                       &axis1);
  tm_inst c = tm_build(&x.b, TM_EXPAND_DIMS, 1, &cols, 0, NULL, 0, NULL, 1,
                       &axis0);
  tm_value scaled = tm_build2(&x.b, TM_MULI, tm_get(x.ir, r)->results,
                              tm_build_to(&x.b, TM_SPLAT, x.n, tc));
  tm_value sum = tm_build2(
      &x.b, TM_ADDI, tm_build_to(&x.b, TM_BROADCAST, scaled, t),
      tm_build_to(&x.b, TM_BROADCAST, tm_get(x.ir, c)->results, t));
  tm_axis *a = tm_axis_analyse(x.ir, &x.arena);
  assert_axis(&a[scaled], 0, 1, 16, 1);
  assert_axis(&a[sum], 1, 32, 16, 1);
  assert_int_equal(a[sum].contiguity[0], 1);
  tm_arena_free(&x.arena);
}

/* tl.max_contiguous(tl.multiple_of(x % m, 16), 16): taken at its word. */
static void hints_are_believed(void **state) {
  (void)state;
  fixture x = begin();
  params(&x);
  tm_type t = tile(&x, x.i32, 64);
  tm_value v = tm_build2(&x.b, TM_REMSI, offsets(&x, 64),
                         tm_build_to(&x.b, TM_SPLAT, x.m, t));
  tm_inst def = tm_val(x.ir, v)->def;
  tm_inst_set_attr(x.ir, def, tm_attr_int(TM_ATTR_DIVISIBILITY, 16));
  tm_inst_set_attr(x.ir, def, tm_attr_int(TM_ATTR_CONTIGUITY, 16));
  tm_axis *a = tm_axis_analyse(x.ir, &x.arena);
  assert_axis(&a[v], 0, 16, 16, 1);
  tm_arena_free(&x.arena);
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(claims_hold_on_random_programs),
    cmocka_unit_test(claims_hold_when_arithmetic_wraps),
    cmocka_unit_test(block_offsets_pointers_and_masks),
    cmocka_unit_test(remainder_keeps_runs_of_offsets_that_are_not_negative),
    cmocka_unit_test(loops_meet_initial_and_yielded_values),
    cmocka_unit_test(a_loop_that_may_go_below_zero_is_noticed),
    cmocka_unit_test(pointers_as_integers_are_not_contiguous),
    cmocka_unit_test(two_dimensional_addresses),
    cmocka_unit_test(hints_are_believed),
  };
  return cmocka_run_group_tests_name("axis", tests, NULL, NULL);
}
