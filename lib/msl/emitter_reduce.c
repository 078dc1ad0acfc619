/* SPDX-License-Identifier: MIT */
/*
 * emitter_reduce.c - tt.reduce: registers first, then lanes, then simdgroups.
 *
 *     float m = x[0];                          registers along the axis
 *     for (...) m = fmax(m, x[a]);
 *     m = simd_max(m);                         lanes along the axis
 *     if (...) m_parts[simdgroup] = m;         simdgroups along the axis,
 *     threadgroup_barrier(...);                through threadgroup memory
 *     m = m_parts[0];
 *     for (...) m = fmax(m, m_parts[w]);   from 8 simdgroups on lanes exchange
 *                                          them instead
 *
 * A combine function that is one operation is printed as that operation; any
 * other becomes a function of its own. Lanes exchange by XOR of single lane
 * bits that move along the axis, so lanes that hold copies never count twice
 * and every lane ends with the result. Exchanged operands are put in the same
 * order in both lanes, so that a function that does not commute still gives
 * all lanes the same.
 */
#include "emitter.h"

typedef struct reduction {
  emitter *e;
  tm_inst inst;
  uint32_t n;               /* operands */
  const tm_layout *from;
  uint32_t shift, bits;     /* the axis in element indices */
  uint32_t keep[TM_MAX_REG_BITS], n_keep; /* register bits of the result */
  uint32_t along[TM_MAX_REG_BITS], n_along;
  uint32_t lanes;           /* lane bits along the axis */
  uint32_t warps;           /* simdgroup bits along the axis */
  uint32_t n_warps;         /* how many of those bits */
  uint32_t numel;           /* elements of the result */
  uint32_t lines, apart;    /* of those in a turn; bits of their indices that
                               tell turns apart (emitter_turns.c) */
  tm_inst simple;           /* the one operation of the combine, or 0 */
  msl_combine combine;
  const char *name[MSL_MAX_REDUCED];
  bool tile;                /* the result is a tile */
} reduction;

/* ---- shape ------------------------------------------------------------ */

static bool moves_axis(const reduction *r, uint32_t basis) {
  return (basis >> r->shift & ((1u << r->bits) - 1)) != 0;
}

/* An element index with the axis taken out. */
static uint32_t without_axis(const reduction *r, uint32_t element) {
  uint32_t low = element & ((1u << r->shift) - 1);
  return (element >> (r->shift + r->bits)) << r->shift | low;
}

/* The combine function if it is one commutative operation on both sides. */
static tm_inst simple_combine(emitter *e, tm_inst inst) {
  const tm_inst_data *d = tm_get(e->ir, inst);
  const tm_block_data *block = tm_blk(e->ir, d->regions[0]);
  tm_inst first = block->first;
  const tm_inst_data *op = tm_get(e->ir, first);
  if (d->n_operands != 1 || block->n_args != 2 || op->next != block->last ||
      op->n_operands != 2 || op->n_results != 1)
    return 0;
  const tm_inst_data *ret = tm_get(e->ir, block->last);
  if (ret->n_operands != 1 || ret->operands[0] != op->results) return 0;
  if (!(tm_op_infos[op->op].flags & TM_COMMUTATIVE)) return 0;
  tm_value a = block->args[0], b = block->args[1];
  bool both = (op->operands[0] == a && op->operands[1] == b) ||
              (op->operands[0] == b && op->operands[1] == a);
  return both ? first : 0;
}

static reduction shape_of(emitter *e, tm_inst inst) {
  const tm_inst_data *d = tm_get(e->ir, inst);
  reduction r = {.e = e, .inst = inst, .n = d->n_operands};
  tm_type type = tm_type_of(e->ir, d->operands[0]);
  uint32_t axis = (uint32_t)tm_inst_int(e->ir, inst, TM_ATTR_AXIS, 0);
  r.from = msl_layout(e, d->operands[0]);
  r.shift = tm_layout_dim_shift(r.from, axis);
  r.bits = r.from->dim_bits[axis];
  for (uint32_t i = 0; i < r.from->n_reg; i++) {
    if (moves_axis(&r, r.from->reg[i])) r.along[r.n_along++] = i;
    else r.keep[r.n_keep++] = i;
  }
  for (uint32_t i = 0; i < TM_LANE_BITS; i++)
    if (moves_axis(&r, r.from->lane[i])) r.lanes |= 1u << i;
  for (uint32_t i = 0; i < r.from->n_warp; i++)
    if (moves_axis(&r, r.from->warp[i])) r.warps |= 1u << i, r.n_warps++;
  r.numel = (uint32_t)(tm_type_numel(type) >> r.bits);
  r.simple = simple_combine(e, inst);
  r.tile = tm_type_is_tensor(tm_type_of(e->ir, d->results));
  return r;
}

static tm_scalar scalar_of(const reduction *r, uint32_t operand) {
  tm_value v = tm_get(r->e->ir, r->inst)->operands[operand];
  return msl_scalar_of(tm_type_of(r->e->ir, v));
}

/* Of the result's last registers: those that alone have a bit of the index. */
static uint32_t most_turns(const reduction *r) {
  uint32_t n = 0, others = 0;
  for (uint32_t i = 0; i < TM_LANE_BITS; i++)
    others |= without_axis(r, r->from->lane[i]);
  for (uint32_t i = 0; i < r->from->n_warp; i++)
    others |= without_axis(r, r->from->warp[i]);
  for (uint32_t i = 0; i < r->n_along; i++)
    others |= without_axis(r, r->from->reg[r->along[i]]);
  for (; n + 1 < r->n_keep; n++) {
    uint32_t own = without_axis(r, r->from->reg[r->keep[r->n_keep - 1 - n]]);
    uint32_t rest = others;
    for (uint32_t i = 0; i + 1 < r->n_keep - n; i++)
      rest |= without_axis(r, r->from->reg[r->keep[i]]);
    if (own == 0 || (own & (own - 1)) || (own & rest)) break;
    others |= own;
  }
  return n;
}

static void take_turns(reduction *r) {
  const msl_region *region = msl_region_of(r->e, r->inst, 0);
  r->lines = r->numel;
  for (uint32_t i = 0; region && i < region->turns; i++) {
    r->apart |= without_axis(r, r->from->reg[r->keep[r->n_keep - 1 - i]]);
    r->lines /= 2;
  }
}

bool msl_reduce_plan(emitter *e, tm_inst inst) {
  const tm_inst_data *d = tm_get(e->ir, inst);
  if (d->n_operands == 0 || d->n_operands > MSL_MAX_REDUCED) {
    msl_refuse(e, inst, "tl.reduce of more than %d tensors", MSL_MAX_REDUCED);
    return false;
  }
  reduction r = shape_of(e, inst);
  for (uint32_t i = 0; i < r.n && r.n_warps; i++) {
    tm_scalar scalar = scalar_of(&r, i);
    uint32_t size = msl_register_bytes(scalar);
    const char *type = scalar == TM_I1 ? "uchar" : msl_type(e, scalar, 1);
    const char *name = tm_val(e->ir, d->results + i)->name;
    msl_region_add(e, inst, i,
                   name ? msl_text(e, "%s_parts", name) : "parts", type,
                   (r.numel << r.n_warps) * size, 1, 1, inst, inst);
    msl_turns_allow(e, inst, i, (r.numel << r.n_warps) * size, 0,
                    r.tile ? most_turns(&r) : 0);
  }
  return true;
}

/* ---- combining -------------------------------------------------------- */

static tm_scalar operand_scalar(const emitter *e, tm_inst inst,
                                uint32_t operand) {
  tm_value v = tm_get(e->ir, inst)->operands[operand];
  return msl_scalar_of(tm_type_of(e->ir, v));
}

/* Prints the combine region as a function. */
static void print_function(msl_combine *r) {
  emitter *e = r->e;
  const tm_inst_data *d = tm_get(e->ir, r->inst);
  const tm_block_data *block = tm_blk(e->ir, d->regions[0]);
  tm_buf *to = e->to;
  uint32_t indent = e->indent;
  e->to = &e->combines;
  e->indent = 0;
  const char *name = tm_val(e->ir, d->results)->name;
  r->function =
      msl_global_name(e, name ? msl_text(e, "%s_combine", name) : "combine");
  tm_buf head = tm_buf_in(e->arena);
  tm_buf_printf(&head, "METAL_FUNC void %s(", r->function);
  for (uint32_t i = 0; i < r->n; i++)
    tm_buf_printf(&head, "thread %s &x%u, ",
                  msl_type(e, operand_scalar(e, r->inst, i), 1), (unsigned)i);
  for (uint32_t i = 0; i < r->n; i++)
    tm_buf_printf(&head, "%s y%u, ",
                  msl_type(e, operand_scalar(e, r->inst, i), 1), (unsigned)i);
  tm_buf_puts(&head, "bool swapped)");
  msl_line(e, "// x = combine(x, y), or combine(y, x) when swapped.");
  msl_open(e, "%s", tm_buf_text(&head));
  for (uint32_t i = 0; i < 2 * r->n; i++) {
    uint32_t k = i % r->n;
    const char *var = msl_name(e, msl_text(e, "%c%u", i < r->n ? 'a' : 'b',
                                           (unsigned)k));
    msl_line(e, "const %s %s = swapped ? %c%u : %c%u;",
             msl_type(e, operand_scalar(e, r->inst, k), 1), var,
             i < r->n ? 'y' : 'x', (unsigned)k, i < r->n ? 'x' : 'y',
             (unsigned)k);
    msl_bind(e, block->args[i], var);
  }
  uint32_t statements = 3 * r->n;
  TM_EACH_INST(e->ir, inst, d->regions[0]) {
    const tm_inst_data *x = tm_get(e->ir, inst);
    statements++;
    if (x->n_regions || (tm_op_infos[x->op].flags & (TM_READS | TM_WRITES)))
      msl_refuse(e, inst, "%s in a combine function",
                 tm_op_infos[x->op].name);
    for (uint32_t i = 0; i < x->n_operands; i++) {
      tm_inst def = tm_val(e->ir, x->operands[i])->def;
      tm_block at = def ? tm_get(e->ir, def)->block
                        : tm_val(e->ir, x->operands[i])->block;
      if (at != d->regions[0] &&
          !(def && tm_get(e->ir, def)->op == TM_CONSTANT))
        msl_refuse(e, inst, "a combine function that uses a value from "
                   "outside of it");
    }
    if (e->failed) break;
    if (inst != block->last) msl_scalar_inst(e, inst);
  }
  const tm_inst_data *ret = tm_get(e->ir, block->last);
  msl_expr value[MSL_MAX_REDUCED];
  for (uint32_t i = 0; i < r->n && !e->failed; i++)
    value[i] = msl_eval_scalar(e, ret->operands[i]);
  for (uint32_t i = 0; i < r->n && !e->failed; i++)
    msl_line(e, "x%u = %s;", (unsigned)i, value[i].text);
  msl_close(e);
  tm_buf_puts(e->to, "\n");
  msl_function f = {r->function, statements};
  tm_push(e->arena, &e->functions, f);
  e->to = to;
  e->indent = indent;
}

msl_combine msl_combine_of(emitter *e, tm_inst inst) {
  msl_combine c = {e, inst, tm_get(e->ir, inst)->n_operands,
                   simple_combine(e, inst), NULL};
  if (!c.simple) print_function(&c);
  return c;
}

void msl_accumulate(const msl_combine *c, const char *const *name,
                    const char *const *with, const char *swapped) {
  emitter *e = c->e;
  if (c->simple) {
    const char *other = with[0];
    /* && and || do not evaluate what follows in every lane, and a shuffle or
     * a load from a tile must be made by all. */
    if (operand_scalar(e, c->inst, 0) == TM_I1 && strpbrk(other, "([")) {
      other = msl_name(e, "other");
      msl_line(e, "const bool %s = %s;", other, with[0]);
    }
    msl_expr x[2] = {msl_primary(name[0], 1), msl_primary(other, 1)};
    msl_line(e, "%s = %s;", name[0], msl_elementwise(e, c->simple, x).text);
    return;
  }
  tm_buf buf = tm_buf_in(e->arena);
  tm_buf_printf(&buf, "%s(", c->function);
  for (uint32_t i = 0; i < c->n; i++) tm_buf_printf(&buf, "%s, ", name[i]);
  for (uint32_t i = 0; i < c->n; i++) tm_buf_printf(&buf, "%s, ", with[i]);
  msl_line(e, "%s%s);", tm_buf_text(&buf), swapped);
}

/* a op b, for a combine of one operation. */
static msl_expr combined(const reduction *r, msl_expr a, msl_expr b) {
  msl_expr x[2] = {a, b};
  return msl_elementwise(r->e, r->simple, x);
}

static void accumulate(const reduction *r, const char *const *with,
                       const char *swapped) {
  msl_accumulate(&r->combine, r->name, with, swapped);
}

/* ---- registers -------------------------------------------------------- */

static msl_point point_of(const reduction *r, const char *keep_var,
                          const char *along_var, uint32_t comp) {
  msl_point p = {.n_comp = comp};
  for (uint32_t i = 0; i < comp; i++) p.comp[i] = 1u << r->along[i];
  if (keep_var) {
    p.var[0].name = keep_var;
    p.var[0].n = r->n_keep;
    for (uint32_t i = 0; i < r->n_keep; i++)
      p.var[0].col[i] = 1u << r->keep[i];
  }
  if (along_var) {
    p.var[1].name = along_var;
    p.var[1].n = r->n_along - comp;
    for (uint32_t i = comp; i < r->n_along; i++)
      p.var[1].col[i - comp] = 1u << r->along[i];
  }
  return p;
}

/* Vector accumulation: the operand's vectors lie along the axis. */
static uint32_t vector_bits(const reduction *r) {
  emitter *e = r->e;
  tm_value v = tm_get(e->ir, r->inst)->operands[0];
  msl_point p = msl_point_all("r", r->from->n_reg, 0);
  tm_value source = msl_look_through(e, v, &p);
  const msl_value *value = &e->values[source];
  if (!r->simple || value->place != MSL_IN_ARRAY ||
      !msl_point_is_identity(&p, r->from->n_reg))
    return 0;
  uint32_t width = e->values[value->storage].width;
  for (uint32_t i = 0; i < width; i++)
    if (i >= r->n_along || r->along[i] != i) return 0;
  return width;
}

static void fold_vector(const reduction *r, const char *vector,
                        uint32_t width) {
  emitter *e = r->e;
  msl_expr part[4];
  uint32_t n = 1u << width;
  for (uint32_t i = 0; i < n; i++)
    part[i] = msl_primary(msl_text(e, "%s.%c", vector, "xyzw"[i]), 1);
  for (; n > 1; n /= 2)
    for (uint32_t i = 0; i < n / 2; i++)
      part[i] = combined(r, part[2 * i], part[2 * i + 1]);
  msl_line(e, "%s %s = %s;", msl_type(e, scalar_of(r, 0), 1), r->name[0],
           part[0].text);
}

/* Declares name[] as the combination of the thread's own registers. */
static void reduce_registers(const reduction *r, const char *keep_var) {
  emitter *e = r->e;
  const tm_inst_data *d = tm_get(e->ir, r->inst);
  uint32_t comp = vector_bits(r), rest = r->n_along - comp;
  const char *target[MSL_MAX_REDUCED];
  msl_point first = point_of(r, keep_var, NULL, comp);
  tm_scalar scalar = scalar_of(r, 0);
  const char *vector = NULL;
  for (uint32_t i = 0; i < r->n; i++) {
    /* A mask that is the same in all of them comes as a scalar. */
    msl_expr x = msl_widen(e, msl_eval(e, d->operands[i], &first),
                           scalar_of(r, i), 1u << comp);
    const char *type = msl_type(e, scalar_of(r, i), 1);
    if (comp) {
      vector = rest ? msl_name(e, "parts") : x.text;
      if (rest)
        msl_line(e, "%s %s = %s;", msl_type(e, scalar, 1u << comp), vector,
                 x.text);
      if (!rest && strchr(vector, '(')) { /* do not compute it four times */
        vector = msl_name(e, "parts");
        msl_line(e, "const %s %s = %s;", msl_type(e, scalar, 1u << comp),
                 vector, x.text);
      }
    } else {
      msl_line(e, "%s %s = %s;", type, r->name[i], x.text);
    }
  }
  if (rest) {
    const char *var =
        rest > 1 ? msl_loop_from(e, "a", 1, 1u << rest, 1) : NULL;
    msl_point p = point_of(r, keep_var, var, comp);
    if (!var) p.base = 1u << r->along[comp];
    for (uint32_t i = 0; i < r->n; i++)
      target[i] = msl_widen(e, msl_eval(e, d->operands[i], &p),
                            scalar_of(r, i), 1u << comp).text;
    if (comp) {
      msl_expr x = combined(r, msl_primary(vector, 1u << comp),
                            msl_primary(target[0], 1u << comp));
      msl_line(e, "%s = %s;", vector, x.text);
    } else {
      accumulate(r, target, "false");
    }
    if (var) msl_close(e);
  }
  if (comp)
    fold_vector(r, vector, comp);
}

/* ---- lanes ------------------------------------------------------------ */

/* simd_sum and the like, if all lanes take part. */
static const char *simd_function(const reduction *r) {
  if (!r->simple || r->lanes != 31) return NULL;
  tm_scalar scalar = scalar_of(r, 0);
  switch (tm_get(r->e->ir, r->simple)->op) {
    case TM_ADDF: return scalar == TM_F32 ? "simd_sum" : NULL;
    case TM_MAXNUMF: return scalar == TM_F32 ? "simd_max" : NULL;
    case TM_MINNUMF: return scalar == TM_F32 ? "simd_min" : NULL;
    case TM_ADDI: return scalar == TM_I32 ? "simd_sum" : NULL;
    case TM_MAXSI: return scalar == TM_I32 ? "simd_max" : NULL;
    case TM_MINSI: return scalar == TM_I32 ? "simd_min" : NULL;
    case TM_ANDI: return scalar == TM_I32 ? "simd_and" : NULL;
    case TM_ORI: return scalar == TM_I32 ? "simd_or" : NULL;
    case TM_XORI: return scalar == TM_I32 ? "simd_xor" : NULL;
    default: return NULL;
  }
}

static void reduce_lanes(const reduction *r) {
  emitter *e = r->e;
  const char *f = simd_function(r);
  if (f) {
    msl_line(e, "%s = %s(%s);", r->name[0], f, r->name[0]);
    return;
  }
  for (uint32_t bit = 0; bit < TM_LANE_BITS; bit++) {
    if (!(r->lanes >> bit & 1)) continue;
    const char *with[MSL_MAX_REDUCED];
    for (uint32_t i = 0; i < r->n; i++) {
      const char *type = msl_type(e, scalar_of(r, i), 1);
      with[i] = msl_text(e, "%s(%s, %u)",
                         msl_use(e, MSL_H_SHUFFLE_XOR, type, 1), r->name[i],
                         1u << bit);
    }
    if (!r->simple) e->uses_lane = true;
    accumulate(r, with, msl_text(e, "(lane & %u) != 0", 1u << bit));
  }
}

/* ---- simdgroups ------------------------------------------------------- */

static uint32_t line_of(const reduction *r, uint32_t basis) {
  return msl_without_bits(without_axis(r, basis), r->apart);
}

/* Place of the result element of this thread and register in the region;
 * own: in the part of its own simdgroup. */
static msl_expr slot(const reduction *r, const char *keep_var, bool own) {
  emitter *e = r->e;
  uint32_t image[TM_LANE_BITS + TM_MAX_WARP_BITS] = {0}, which = 0;
  for (uint32_t i = 0; i < TM_LANE_BITS; i++)
    if (!(r->lanes >> i & 1)) image[i] = line_of(r, r->from->lane[i]);
  for (uint32_t i = 0; i < r->from->n_warp; i++) {
    uint32_t *to = &image[TM_LANE_BITS + i];
    if (!(r->warps >> i & 1)) *to = line_of(r, r->from->warp[i]);
    else if (own) *to = r->lines << which;
    which += r->warps >> i & 1;
  }
  msl_sum sum = {.n = 0};
  msl_sum_add(&sum, msl_thread_part(e, image));
  if (keep_var) {
    uint32_t of[TM_MAX_REG_BITS];
    for (uint32_t i = 0; i < r->n_keep; i++)
      of[i] = line_of(r, r->from->reg[r->keep[i]]);
    msl_sum_add(&sum, msl_linear(e, keep_var, r->n_keep, of));
  }
  return msl_sum_text(e, &sum);
}

/* One lane and one copy stores each part. */
static const char *writer(const reduction *r) {
  uint32_t mask = r->lanes;
  for (uint32_t i = 0; i < TM_LANE_BITS; i++)
    if (r->from->lane[i] == 0) mask |= 1u << i;
  for (uint32_t i = 0; i < r->from->n_warp; i++)
    if (r->from->warp[i] == 0) mask |= 1u << (TM_LANE_BITS + i);
  return msl_when_zero(r->e, mask);
}

static void write_parts(const reduction *r, const char *keep_var) {
  emitter *e = r->e;
  const char *guard = writer(r);
  const char *at = slot(r, keep_var, true).text;
  if (guard && r->n > 1) msl_open(e, "if (%s)", guard);
  for (uint32_t i = 0; i < r->n; i++) {
    const char *region = msl_region_of(e, r->inst, i)->name;
    if (guard && r->n == 1)
      msl_line(e, "if (%s) %s[%s] = %s;", guard, region, at, r->name[i]);
    else
      msl_line(e, "%s[%s] = %s;", region, at, r->name[i]);
  }
  if (guard && r->n > 1) msl_close(e);
}

static const char *read_part(const reduction *r, uint32_t i,
                             const char *index) {
  const char *text = msl_text(
      r->e, "%s[%s]", msl_region_of(r->e, r->inst, i)->name, index);
  return scalar_of(r, i) == TM_I1 ? msl_text(r->e, "%s != 0", text) : text;
}

/* Parts of one number of 8 simdgroups and more: each lane reads one, and
 * lanes exchange them, three to five steps instead of a load of each. All
 * lanes add up the same pairs, so all have the same. */
static void exchange_parts(const reduction *r) {
  emitter *e = r->e;
  const char *type = msl_type(e, scalar_of(r, 0), 1);
  const char *shuffle = msl_use(e, MSL_H_SHUFFLE_XOR, type, 1);
  e->uses_lane = true;
  const char *index = msl_text(e, "lane & %u", (1u << r->n_warps) - 1);
  msl_line(e, "%s = %s;", r->name[0], read_part(r, 0, index));
  for (uint32_t bit = 0; bit < r->n_warps; bit++) {
    const char *with =
        msl_text(e, "%s(%s, %u)", shuffle, r->name[0], 1u << bit);
    accumulate(r, &with, "false");
  }
}

/* declare: the names are new, in the second loop over a tile's registers. */
static void read_parts(const reduction *r, const char *keep_var,
                       bool declare) {
  emitter *e = r->e;
  msl_expr at = slot(r, keep_var, false);
  for (uint32_t i = 0; i < r->n; i++)
    msl_line(e, "%s%s%s = %s;",
             declare ? msl_type(e, scalar_of(r, i), 1) : "",
             declare ? " " : "", r->name[i], read_part(r, i, at.text));
  const char *var = msl_loop_from(e, "w", 1, 1u << r->n_warps, 1);
  msl_sum sum = {.n = 0};
  const char *part =
      r->lines > 1 ? msl_text(e, "%s * %u", var, (unsigned)r->lines) : var;
  msl_sum_add(&sum, (msl_expr){part, r->lines > 1 ? MSL_MUL : MSL_PRIMARY, 1});
  msl_sum_add(&sum, at);
  const char *index = msl_sum_text(e, &sum).text;
  const char *with[MSL_MAX_REDUCED];
  for (uint32_t i = 0; i < r->n; i++) with[i] = read_part(r, i, index);
  accumulate(r, with, "false");
  msl_close(e);
}

/* ---- the whole -------------------------------------------------------- */

/* In a loop over the result's registers the parts are scalars of the loop:
 * an element of a vector cannot be passed by reference. */
static void name_parts(reduction *r) {
  for (uint32_t i = 0; i < r->n; i++)
    r->name[i] = msl_name(r->e, r->n > 1 ? msl_text(r->e, "part%u",
                                                    (unsigned)i)
                                         : "part");
}

static void store_parts(const reduction *r, const char *keep_var) {
  emitter *e = r->e;
  msl_point p = {.n_comp = 0};
  if (keep_var) p = msl_point_all(keep_var, r->n_keep, 0);
  for (uint32_t i = 0; i < r->n; i++)
    msl_line(e, "%s = %s;",
             msl_array_entry(e, tm_get(e->ir, r->inst)->results + i, &p),
             r->name[i]);
}

void msl_reduce(emitter *e, tm_inst inst) {
  const tm_inst_data *d = tm_get(e->ir, inst);
  reduction r = shape_of(e, inst);
  r.combine = msl_combine_of(e, inst);
  bool many = r.tile && r.n_keep > 0;
  for (uint32_t i = 0; i < r.n; i++) {
    tm_value v = d->results + i;
    e->values[v].name = msl_name_of(e, v, "reduced");
    if (many) msl_declare_array(e, v);
    r.name[i] = e->values[v].name;
  }
  const msl_region *region = msl_region_of(e, inst, 0);
  take_turns(&r);
  if (region) msl_turns_open(e, inst);
  for (uint32_t i = 0; i < r.n && r.n_warps; i++)
    msl_region_write(e, msl_region_of(e, inst, i));
  const char *var = many ? msl_turns_registers(e, region, r.n_keep) : NULL;
  if (many) name_parts(&r);
  reduce_registers(&r, var);
  reduce_lanes(&r);
  if (r.n_warps) write_parts(&r, var);
  else if (many) store_parts(&r, var);
  if (var) msl_close(e);
  if (r.n_warps) {
    for (uint32_t i = 0; i < r.n; i++)
      msl_region_read(e, msl_region_of(e, inst, i));
    var = many ? msl_turns_registers(e, region, r.n_keep) : NULL;
    if (many) name_parts(&r);
    if (r.simple && r.numel == 1 && !many && r.n_warps >= 3)
      exchange_parts(&r);
    else
      read_parts(&r, var, many);
    if (many) store_parts(&r, var);
    if (var) msl_close(e);
    msl_turns_close(e, inst);
  }
  for (uint32_t i = 0; i < r.n && !r.tile; i++)
    msl_bind(e, d->results + i, r.name[i]);
}
