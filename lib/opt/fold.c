/* SPDX-License-Identifier: MIT */
/*
 * fold.c - constants and identities.
 *
 *     %c = arith.muli %x, %one            uses of %c name %x
 *     %d = arith.addi %two, %three   ->   %d = arith.constant 5
 *     %s = tt.splat %d                    arith.constant dense<5>
 *     %e = arith.addi splat a, splat b    tt.splat (arith.addi a, b)
 *
 * Rules, each exact:
 *   - operations on constants (scalarfold.c), also on splats of constants;
 *   - integer identities: x+0, x*1, x*0, x&0, x|-1, x^x, x-x, min(x,x), ...;
 *     x - c is x + (-c), (x + c1) + c2 is x + (c1 + c2); a constant operand
 *     of a commutative integer operation moves to the right;
 *   - comparisons, minima and maxima that the operands' ranges decide;
 *   - shape changes of splats are splats; those that change nothing vanish;
 *   - elementwise operations on splats only are done once, on the scalar;
 *   - casts of casts that a single cast says; addptr by 0 or by an
 *     extension from 32 bits (the offset is sign-extended anyway);
 *   - control flow (foldflow.c).
 * Float results never change: no x + 0, no x * 1 (a signalling NaN or -0
 * would tell), no reassociation.
 *
 * It ends: every rule removes an instruction, moves a constant right, or
 * makes an operation's shape smaller.
 *
 * Requires: dominance. Maintains: block order. Breaks: use counts; leaves
 * dead instructions to dce.c.
 */
#include "optint.h"

typedef struct folder {
  tm_ir *ir;
  tm_map renamed;
  tm_fold_uses uses;
  bool changed;
} folder;

static tm_op op_of(const tm_ir *ir, tm_value v) {
  tm_inst def = tm_val(ir, v)->def;
  return def ? tm_get(ir, def)->op : TM_OP_NONE;
}

static tm_value arg_of(const tm_ir *ir, tm_value v, uint32_t n) {
  return tm_get(ir, tm_val(ir, v)->def)->operands[n];
}

static bool constant(const tm_ir *ir, tm_value v, tm_number *out) {
  *out = (tm_number){0};
  return tm_value_const_int(ir, v, &out->i) ||
         tm_value_const_float(ir, v, &out->f);
}

static tm_value build_number(tm_builder *b, tm_type t, tm_number n) {
  return tm_scalar_is_float(tm_type_element(t)->scalar)
             ? tm_build_float(b, t, n.f)
             : tm_build_int(b, t, n.i);
}

/* The scalar that v repeats, 0 when it is not a tt.splat. */
static tm_value splatted(const tm_ir *ir, tm_value v) {
  return op_of(ir, v) == TM_SPLAT ? arg_of(ir, v, 0) : 0;
}

/* ---- arithmetic ------------------------------------------------------- */

static tm_value fold_constants(tm_ir *ir, tm_inst inst) {
  const tm_inst_data *i = tm_get(ir, inst);
  tm_number x[3], out;
  if (i->n_operands < 1 || i->n_operands > 3 || i->n_results != 1) return 0;
  if (!(tm_op_infos[i->op].flags & TM_ELEMENTWISE)) return 0;
  for (uint32_t o = 0; o < i->n_operands; o++)
    if (!constant(ir, i->operands[o], &x[o])) return 0;
  tm_type t = tm_type_of(ir, i->results);
  tm_type from = tm_type_element(tm_type_of(ir, i->operands[0]));
  if (tm_type_element(t)->kind != TM_TYPE_SCALAR) return 0;
  if (!tm_fold_number(i->op, from->scalar, tm_type_element(t)->scalar,
                      tm_inst_int(ir, inst, TM_ATTR_PREDICATE, 0), x,
                      i->n_operands, &out))
    return 0;
  tm_builder b = tm_build_before(ir, inst);
  return build_number(&b, t, out);
}

/* x op x */
static tm_value fold_same(tm_ir *ir, tm_inst inst) {
  const tm_inst_data *i = tm_get(ir, inst);
  tm_builder b = tm_build_before(ir, inst);
  tm_type t = tm_type_of(ir, i->results);
  switch (i->op) {
  case TM_ANDI: case TM_ORI: case TM_MAXSI: case TM_MAXUI: case TM_MINSI:
  case TM_MINUI:
    return i->operands[0];
  case TM_SUBI: case TM_XORI:
    return tm_build_int(&b, t, 0);
  case TM_CMPI: {
    tm_cmpi p = (tm_cmpi)tm_inst_int(ir, inst, TM_ATTR_PREDICATE, 0);
    bool holds = p == TM_CMPI_EQ || p == TM_CMPI_SLE || p == TM_CMPI_SGE ||
                 p == TM_CMPI_ULE || p == TM_CMPI_UGE;
    return tm_build_int(&b, t, holds ? 1 : 0);
  }
  default:
    return 0;
  }
}

/* x op c for an integer constant c on the right. */
static tm_value fold_right(tm_ir *ir, tm_inst inst, int64_t c) {
  const tm_inst_data *i = tm_get(ir, inst);
  tm_value x = i->operands[0];
  switch (i->op) {
  case TM_SUBI:
    if (c == 0) return x;
    {
      /* One form for both, which chains and pointers.c know. The smallest
       * number has no opposite. */
      tm_type t = tm_type_of(ir, x);
      tm_scalar s = tm_type_element(t)->scalar;
      int64_t opposite = tm_int_wrap(s, (int64_t)(0 - (uint64_t)c));
      if (opposite == c) return 0;
      tm_builder b = tm_build_before(ir, inst);
      return tm_build2(&b, TM_ADDI, x, tm_build_int(&b, t, opposite));
    }
  case TM_ADDI: case TM_SHLI: case TM_SHRSI: case TM_SHRUI:
  case TM_ORI: case TM_XORI:
    if (c == 0) return x;
    return i->op == TM_ORI && c == -1 ? i->operands[1] : 0;
  case TM_MULI:
    return c == 1 ? x : c == 0 ? i->operands[1] : 0;
  case TM_DIVSI: case TM_DIVUI:
    return c == 1 ? x : 0;
  case TM_REMSI: case TM_REMUI:
    if (c != 1) return 0;
    {
      tm_builder b = tm_build_before(ir, inst);
      return tm_build_int(&b, tm_type_of(ir, x), 0);
    }
  case TM_ANDI:
    return c == -1 ? x : c == 0 ? i->operands[1] : 0;
  default:
    return 0;
  }
}

/* (x + c1) + c2, (x * c1) * c2, and with xor, and, or */
static tm_value fold_chain(tm_ir *ir, tm_inst inst) {
  const tm_inst_data *i = tm_get(ir, inst);
  tm_op op = i->op;
  tm_number c1, c2, sum;
  if (op != TM_ADDI && op != TM_MULI && op != TM_XORI && op != TM_ANDI &&
      op != TM_ORI)
    return 0;
  tm_value inner = i->operands[0];
  if (op_of(ir, inner) != op || !constant(ir, i->operands[1], &c2) ||
      !constant(ir, arg_of(ir, inner, 1), &c1))
    return 0;
  tm_number x[2] = {c1, c2};
  tm_type t = tm_type_of(ir, i->results);
  if (!tm_fold_number(op, tm_type_element(t)->scalar, TM_VOID, 0, x, 2, &sum))
    return 0;
  tm_builder b = tm_build_before(ir, inst);
  tm_value base = arg_of(ir, inner, 0);
  return tm_build2(&b, op, base, tm_build_int(&b, t, sum.i));
}

static tm_value fold_int(folder *f, tm_inst inst) {
  tm_ir *ir = f->ir;
  tm_inst_data *i = tm_get(ir, inst);
  tm_number c;
  if (i->n_operands != 2) return 0;
  tm_type t = tm_type_element(tm_type_of(ir, i->operands[0]));
  if (t->kind != TM_TYPE_SCALAR || !tm_scalar_is_int(t->scalar)) return 0;
  if (i->operands[0] == i->operands[1]) {
    tm_value v = fold_same(ir, inst);
    if (v) return v;
  }
  if ((tm_op_infos[i->op].flags & TM_COMMUTATIVE) &&
      constant(ir, i->operands[0], &c) && !constant(ir, i->operands[1], &c)) {
    tm_value x = i->operands[0];
    i->operands[0] = i->operands[1];
    i->operands[1] = x;
    f->changed = true;
  }
  int64_t right;
  if (!tm_value_const_int(ir, i->operands[1], &right)) return 0;
  tm_value v = fold_right(ir, inst, right);
  return v ? v : fold_chain(ir, inst);
}

/* -1 when no element of x may be p to one of y, 1 when all are, else 0. */
static int decide(tm_cmpi p, tm_range x, tm_range y) {
  bool plain = x.lo >= 0 && y.lo >= 0; /* unsigned is signed then */
  bool below = x.hi < y.lo, above = x.lo > y.hi;
  bool not_above = x.hi <= y.lo, not_below = x.lo >= y.hi;
  switch (p) {
  case TM_CMPI_EQ: return below || above ? -1 : 0;
  case TM_CMPI_NE: return below || above ? 1 : 0;
  case TM_CMPI_ULT:
    if (!plain) return 0;
    /* fall through */
  case TM_CMPI_SLT: return below ? 1 : not_below ? -1 : 0;
  case TM_CMPI_ULE:
    if (!plain) return 0;
    /* fall through */
  case TM_CMPI_SLE: return not_above ? 1 : above ? -1 : 0;
  case TM_CMPI_UGT:
    if (!plain) return 0;
    /* fall through */
  case TM_CMPI_SGT: return above ? 1 : not_above ? -1 : 0;
  case TM_CMPI_UGE:
    if (!plain) return 0;
    /* fall through */
  case TM_CMPI_SGE: return not_below ? 1 : below ? -1 : 0;
  }
  return 0;
}

static tm_value fold_by_range(tm_ir *ir, tm_inst inst) {
  tm_inst_data i = *tm_get(ir, inst);
  tm_range x = tm_range_of(ir, i.operands[0], false);
  tm_range y = tm_range_of(ir, i.operands[1], false);
  if (i.op == TM_MAXSI || i.op == TM_MINSI) {
    bool max = i.op == TM_MAXSI;
    if (x.lo >= y.hi) return i.operands[max ? 0 : 1];
    return x.hi <= y.lo ? i.operands[max ? 1 : 0] : 0;
  }
  int sure = decide((tm_cmpi)tm_inst_int(ir, inst, TM_ATTR_PREDICATE, 0), x, y);
  if (!sure) sure = tm_loop_decides(ir, inst);
  if (!sure) return 0;
  tm_builder b = tm_build_before(ir, inst);
  return tm_build_int(&b, tm_type_of(ir, i.results), sure > 0);
}

static tm_value fold_select(tm_ir *ir, const tm_inst_data *i) {
  int64_t c;
  if (i->operands[1] == i->operands[2]) return i->operands[1];
  if (!tm_value_const_int(ir, i->operands[0], &c)) return 0;
  return i->operands[c ? 1 : 2];
}

/* ---- casts and pointers ----------------------------------------------- */

static tm_value fold_cast_of_cast(tm_ir *ir, tm_inst inst) {
  const tm_inst_data *i = tm_get(ir, inst);
  tm_value x = i->operands[0];
  tm_type to = tm_type_of(ir, i->results);
  tm_op op = i->op, inner = op_of(ir, x);
  if (op == TM_ARITH_BITCAST || op == TM_BITCAST) {
    if (tm_type_of(ir, x) == to) return x;
    if (inner != op) return 0;
    tm_value first = arg_of(ir, x, 0);
    if (tm_type_of(ir, first) == to) return first;
    tm_builder b = tm_build_before(ir, inst);
    return tm_build_to(&b, op, first, to);
  }
  bool extends = inner == TM_EXTSI || inner == TM_EXTUI;
  if (!extends) return 0;
  tm_value first = arg_of(ir, x, 0);
  tm_builder b = tm_build_before(ir, inst);
  if (op == inner) return tm_build_to(&b, op, first, to);
  /* A zero-extended number is not negative. */
  if (op == TM_EXTSI && inner == TM_EXTUI)
    return tm_build_to(&b, TM_EXTUI, first, to);
  if (op != TM_TRUNCI) return 0;
  uint32_t had = tm_scalar_bits(tm_type_element(tm_type_of(ir, first))->scalar);
  uint32_t want = tm_scalar_bits(tm_type_element(to)->scalar);
  if (had == want) return first;
  return tm_build_to(&b, had < want ? inner : TM_TRUNCI, first, to);
}

static tm_value fold_addptr(tm_ir *ir, tm_inst inst) {
  const tm_inst_data *i = tm_get(ir, inst);
  int64_t c;
  if (tm_value_const_int(ir, i->operands[1], &c) && c == 0)
    return i->operands[0];
  if (op_of(ir, i->operands[1]) != TM_EXTSI) return 0;
  tm_value narrow = arg_of(ir, i->operands[1], 0);
  if (tm_type_element(tm_type_of(ir, narrow))->scalar != TM_I32) return 0;
  tm_builder b = tm_build_before(ir, inst);
  return tm_build2(&b, TM_ADDPTR, i->operands[0], narrow);
}

/* ---- shapes ----------------------------------------------------------- */

static tm_value fold_shape(tm_ir *ir, tm_inst inst) {
  const tm_inst_data *i = tm_get(ir, inst);
  tm_value x = i->operands[0];
  tm_type to = tm_type_of(ir, i->results);
  tm_number c;
  tm_builder b = tm_build_before(ir, inst);
  if (i->op == TM_UNSPLAT) {
    if (splatted(ir, x)) return splatted(ir, x);
    return constant(ir, x, &c) ? build_number(&b, to, c) : 0;
  }
  if (i->op != TM_SPLAT && i->op != TM_TRANS && tm_type_of(ir, x) == to)
    return x;
  if (tm_type_element(to)->kind == TM_TYPE_SCALAR && constant(ir, x, &c))
    return build_number(&b, to, c);
  if (i->op == TM_SPLAT) return 0;
  if (splatted(ir, x)) return tm_build_to(&b, TM_SPLAT, splatted(ir, x), to);
  if (i->op == TM_BROADCAST && op_of(ir, x) == TM_BROADCAST)
    return tm_build_to(&b, TM_BROADCAST, arg_of(ir, x, 0), to);
  return 0;
}

static bool has_hint(const tm_inst_data *i) {
  for (uint32_t a = 0; a < i->n_attrs; a++)
    if (tm_attr_infos[i->attrs[a].key].form == TM_FORM_HINT) return true;
  return false;
}

/* An elementwise operation whose operands are all splats or constants, one
 * of them a splat: once on the scalars. Hints speak of tensors; they stay. */
static tm_value fold_splats(tm_ir *ir, tm_inst inst) {
  tm_inst_data i = *tm_get(ir, inst);
  const uint16_t both = TM_PURE | TM_ELEMENTWISE;
  if ((tm_op_infos[i.op].flags & both) != both || i.n_results != 1 ||
      i.n_operands < 1 || i.n_operands > 3 || i.op == TM_EXTERN ||
      has_hint(&i))
    return 0;
  tm_type t = tm_type_of(ir, i.results);
  if (!tm_type_is_tensor(t)) return 0;
  bool any = false;
  for (uint32_t o = 0; o < i.n_operands; o++) {
    tm_number c;
    tm_type from = tm_type_of(ir, i.operands[o]);
    if (!tm_type_is_tensor(from)) continue; /* a scalar condition */
    if (splatted(ir, i.operands[o])) any = true;
    else if (!constant(ir, i.operands[o], &c)) return 0;
  }
  if (!any) return 0;
  tm_value x[3];
  tm_builder b = tm_build_before(ir, inst);
  for (uint32_t o = 0; o < i.n_operands; o++) {
    tm_number c;
    tm_type from = tm_type_of(ir, i.operands[o]);
    x[o] = i.operands[o];
    if (!tm_type_is_tensor(from)) continue;
    if (splatted(ir, x[o])) x[o] = splatted(ir, x[o]);
    else if (constant(ir, x[o], &c))
      x[o] = build_number(&b, from->element, c);
  }
  tm_type element = t->element;
  tm_inst made = tm_build(&b, i.op, i.n_operands, x, 1, &element, 0, NULL,
                          i.n_attrs, i.attrs);
  return tm_build_to(&b, TM_SPLAT, tm_get(ir, made)->results, t);
}

/* ---- the walk --------------------------------------------------------- */

static tm_value fold_inst(folder *f, tm_inst inst) {
  tm_ir *ir = f->ir;
  tm_value v = fold_constants(ir, inst);
  if (!v) v = fold_int(f, inst);
  if (v) return v;
  switch (tm_get(ir, inst)->op) {
  case TM_SELECT:
    v = fold_select(ir, tm_get(ir, inst));
    break;
  case TM_EXTSI: case TM_EXTUI: case TM_TRUNCI: case TM_BITCAST:
  case TM_ARITH_BITCAST:
    v = fold_cast_of_cast(ir, inst);
    break;
  case TM_CMPI: case TM_MAXSI: case TM_MINSI:
    v = fold_by_range(ir, inst);
    break;
  case TM_ADDPTR:
    v = fold_addptr(ir, inst);
    break;
  case TM_SPLAT: case TM_BROADCAST: case TM_EXPAND_DIMS: case TM_RESHAPE:
  case TM_TRANS: case TM_UNSPLAT:
    v = fold_shape(ir, inst);
    break;
  default:
    break;
  }
  return v ? v : fold_splats(ir, inst);
}

static void replace(folder *f, tm_inst inst, tm_value v) {
  tm_value old = tm_get(f->ir, inst)->results;
  if (!tm_val(f->ir, v)->name)
    tm_val(f->ir, v)->name = tm_val(f->ir, old)->name;
  tm_map_put(&f->renamed, old, v);
  tm_inst_remove(f->ir, inst);
  f->changed = true;
}

/* What stands for v, through chains of replacements. */
static tm_value current(folder *f, tm_value v) {
  for (uint64_t to; tm_map_get(&f->renamed, v, &to); v = (tm_value)to)
    continue;
  return v;
}

static void fold_flow(folder *f, tm_inst inst) {
  switch (tm_get(f->ir, inst)->op) {
  case TM_FOR:
    f->changed |= tm_fold_for(f->ir, inst, &f->uses, &f->renamed);
    break;
  case TM_IF:
    f->changed |= tm_fold_if(f->ir, inst, &f->uses, &f->renamed);
    break;
  case TM_WHILE:
    f->changed |= tm_fold_while(f->ir, inst, &f->uses, &f->renamed);
    break;
  default:
    break;
  }
}

static void walk(folder *f, tm_block block) {
  tm_ir *ir = f->ir;
  tm_inst inst = tm_blk(ir, block)->first;
  while (inst) {
    tm_inst_data *i = tm_get(ir, inst);
    tm_inst before = i->prev;
    for (uint32_t o = 0; o < i->n_operands; o++)
      i->operands[o] = current(f, i->operands[o]);
    tm_op op = i->op;
    fold_flow(f, inst);
    if (tm_get(ir, inst)->block) {
      for (uint32_t r = 0; r < tm_get(ir, inst)->n_regions; r++)
        walk(f, tm_get(ir, inst)->regions[r]);
      /* What inner blocks hand out is known only now. */
      fold_flow(f, inst);
    }
    if (!tm_get(ir, inst)->block) { /* its body is in its place now */
      inst = before ? tm_get(ir, before)->next : tm_blk(ir, block)->first;
      continue;
    }
    tm_inst next = tm_get(ir, inst)->next;
    if ((tm_op_infos[op].flags & TM_PURE) &&
        tm_get(ir, inst)->n_results == 1 && op != TM_CONSTANT) {
      tm_value v = fold_inst(f, inst);
      if (v) replace(f, inst, v);
    }
    inst = next;
  }
}

bool tm_pass_fold(tm_ir *ir) {
  enum { MOST_ROUNDS = 8 }; /* each round ends; more only finds more */
  bool changed = false;
  for (int round = 0; round < MOST_ROUNDS; round++) {
    folder f = {.ir = ir, .renamed = tm_map_in(ir->arena)};
    f.uses = (tm_fold_uses){tm_ir_count_uses(ir), ir->values.len};
    for (uint32_t k = 0; k < ir->funcs.len; k++)
      walk(&f, ir->funcs.data[k].body);
    /* Uses before the definition: yields of loops that wrap around. */
    for (uint32_t k = 1; k < ir->insts.len && f.renamed.len; k++) {
      tm_inst_data *i = tm_get(ir, k);
      for (uint32_t o = 0; o < i->n_operands; o++)
        i->operands[o] = current(&f, i->operands[o]);
    }
    if (!f.changed) break;
    changed = true;
  }
  return changed;
}
