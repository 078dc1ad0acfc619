/* SPDX-License-Identifier: MIT */
/*
 * emitter_scan.c - tt.scan: registers, lanes and simdgroups in the order in
 * which their bits move along the axis.
 *
 * Each bit of a coordinate along the axis belongs to one register, lane or
 * simdgroup bit (layout.h). From the lowest bit up, runs of bits of one kind
 * are one step, before which every block of the bits below holds its own
 * scan:
 *
 *     registers   block by block, the last element of one block goes into
 *                 all elements of the next (from the lane that has it)
 *     lanes       the blocks' last elements are scanned among the lanes, by
 *                 one shuffle for each bit; what is before a lane's block
 *                 goes into all of its elements
 *
 * From the first simdgroup bit up everything is one step: the last element
 * of every block is put into threadgroup memory, and each thread combines
 * those before its own blocks.
 *
 *     1024 floats, 128 threads:  registers 0 1 | lanes 2..6 | memory 7..9
 *
 * Only neighbours are ever combined, the earlier first, so the function need
 * not commute. In reverse all coordinates count from the end: "last" is then
 * where the bits below are zero instead of one.
 */
#include "emitter.h"

typedef enum owner { REGISTER, LANE, SIMDGROUP } owner;

typedef struct scan {
  emitter *e;
  tm_inst inst;
  msl_combine combine;
  uint32_t n;              /* operands */
  const tm_layout *layout;
  uint32_t shift, bits;    /* the axis in element indices */
  bool reverse;
  owner owner[TM_MAX_REG_BITS];    /* of each bit of the axis */
  uint32_t index[TM_MAX_REG_BITS]; /* which of its owner's bits */
  uint32_t others[TM_MAX_REG_BITS], n_others; /* register bits off the axis */
  uint32_t memory;         /* first bit of the step through memory, or bits */
  uint32_t apart;          /* bits of blocks' numbers that tell turns apart */
  const char *array[MSL_MAX_REDUCED];
} scan;

/* ---- shape ------------------------------------------------------------ */

static void take_bits(scan *s, owner kind, const uint32_t *basis,
                      uint32_t n) {
  for (uint32_t i = 0; i < n; i++) {
    uint32_t along = basis[i] >> s->shift & ((1u << s->bits) - 1);
    if (!along) {
      if (kind == REGISTER) s->others[s->n_others++] = i;
      continue;
    }
    uint32_t bit = 0;
    while (!(along >> bit & 1)) bit++;
    s->owner[bit] = kind;
    s->index[bit] = i;
    if (kind == SIMDGROUP && bit < s->memory) s->memory = bit;
  }
}

static scan shape_of(emitter *e, tm_inst inst) {
  const tm_inst_data *d = tm_get(e->ir, inst);
  scan s = {.e = e, .inst = inst, .n = d->n_operands};
  uint32_t axis = (uint32_t)tm_inst_int(e->ir, inst, TM_ATTR_AXIS, 0);
  s.layout = msl_layout(e, d->operands[0]);
  s.shift = tm_layout_dim_shift(s.layout, axis);
  s.bits = s.memory = s.layout->dim_bits[axis];
  s.reverse = tm_inst_int(e->ir, inst, TM_ATTR_REVERSE, 0) != 0;
  take_bits(&s, REGISTER, s.layout->reg, s.layout->n_reg);
  take_bits(&s, LANE, s.layout->lane, TM_LANE_BITS);
  take_bits(&s, SIMDGROUP, s.layout->warp, s.layout->n_warp);
  return s;
}

static tm_scalar scalar_of(const scan *s, uint32_t operand) {
  tm_value v = tm_get(s->e->ir, s->inst)->operands[operand];
  return msl_scalar_of(tm_type_of(s->e->ir, v));
}

static const char *type_of(const scan *s, uint32_t operand) {
  return msl_type(s->e, scalar_of(s, operand), 1);
}

/* The bits of one kind among bits first to end of the axis, as a mask. */
static uint32_t mask_of(const scan *s, owner kind, uint32_t first,
                        uint32_t end) {
  uint32_t mask = 0;
  for (uint32_t b = first; b < end; b++)
    if (s->owner[b] == kind) mask |= 1u << s->index[b];
  return mask;
}

/* Where a basis vector lies among the blocks: bits below the step are taken
 * out; along: keep those of the axis. */
static uint32_t block_of(const scan *s, uint32_t basis, bool along) {
  uint32_t low = basis & ((1u << s->shift) - 1);
  uint32_t axis = basis >> s->shift & ((1u << s->bits) - 1);
  uint32_t high = basis >> (s->shift + s->bits);
  uint32_t n = s->bits - s->memory;
  uint32_t position = along ? axis >> s->memory : 0;
  return msl_without_bits((high << n | position) << s->shift | low, s->apart);
}

/* Of the registers off the axis, the last ones: those that alone have a bit
 * of the blocks' numbers. */
static uint32_t most_turns(const scan *s) {
  uint32_t n = 0, others = 0;
  const tm_layout *l = s->layout;
  for (uint32_t i = 0; i < TM_LANE_BITS; i++)
    others |= block_of(s, l->lane[i], true);
  for (uint32_t i = 0; i < l->n_warp; i++)
    others |= block_of(s, l->warp[i], true);
  for (uint32_t b = 0; b < s->bits; b++)
    if (s->owner[b] == REGISTER)
      others |= block_of(s, l->reg[s->index[b]], true);
  for (; n + 1 < s->n_others; n++) {
    uint32_t left = s->n_others - 1 - n, rest = others;
    uint32_t own = block_of(s, l->reg[s->others[left]], true);
    for (uint32_t i = 0; i < left; i++)
      rest |= block_of(s, l->reg[s->others[i]], true);
    if (own == 0 || (own & (own - 1)) || (own & rest)) break;
    others |= own;
  }
  return n;
}

static void take_turns(scan *s) {
  uint32_t apart = 0, turns = msl_region_of(s->e, s->inst, 0)->turns;
  for (uint32_t i = 0; i < turns; i++)
    apart |= block_of(s, s->layout->reg[s->others[s->n_others - 1 - i]], true);
  s->apart = apart;
}

bool msl_scan_plan(emitter *e, tm_inst inst) {
  const tm_inst_data *d = tm_get(e->ir, inst);
  if (d->n_operands == 0 || d->n_operands > MSL_MAX_REDUCED) {
    msl_refuse(e, inst, "tl.associative_scan of more than %d tensors",
               MSL_MAX_REDUCED);
    return false;
  }
  scan s = shape_of(e, inst);
  if (s.memory == s.bits) return true;
  int64_t numel = tm_type_numel(tm_type_of(e->ir, d->operands[0]));
  for (uint32_t i = 0; i < s.n; i++) {
    tm_scalar scalar = scalar_of(&s, i);
    uint32_t size = msl_register_bytes(scalar);
    const char *type = scalar == TM_I1 ? "uchar" : type_of(&s, i);
    const char *name = tm_val(e->ir, d->results + i)->name;
    msl_region_add(e, inst, i, name ? msl_text(e, "%s_blocks", name)
                                    : "blocks",
                   type, (uint32_t)(numel >> s.memory) * size, 1, 1, inst,
                   inst);
    msl_turns_allow(e, inst, i, (uint32_t)(numel >> s.memory) * size, 0,
                    most_turns(&s));
  }
  return true;
}

/* ---- loops over registers --------------------------------------------- */

/* The register bits that a loop variable walks. */
typedef struct walk { uint32_t bit[TM_MAX_REG_BITS], n; } walk;

static walk walk_axis(const scan *s, uint32_t first, uint32_t end) {
  walk w = {.n = 0};
  for (uint32_t b = first; b < end; b++)
    if (s->owner[b] == REGISTER) w.bit[w.n++] = s->index[b];
  return w;
}

/* Those above `first` on the axis and those off it. */
static walk walk_outside(const scan *s, uint32_t first) {
  walk w = walk_axis(s, first, s->bits);
  for (uint32_t i = 0; i < s->n_others; i++) w.bit[w.n++] = s->others[i];
  return w;
}

static void set_var(msl_point *p, int which, const char *name,
                    const walk *w) {
  p->var[which].name = name;
  p->var[which].n = name ? w->n : 0;
  for (uint32_t i = 0; name && i < w->n; i++)
    p->var[which].col[i] = 1u << w->bit[i];
}

/* Registers whose loops have not been set are those of base: on the axis the
 * last ones, in scan order, of the block of bits below `bit`. Base and loops
 * never share a bit. */
static msl_point last_of_block(const scan *s, msl_point p, uint32_t bit) {
  if (!s->reverse) p.base |= mask_of(s, REGISTER, 0, bit);
  return p;
}

static const char *entry(const scan *s, uint32_t operand,
                         const msl_point *p) {
  tm_value v = tm_get(s->e->ir, s->inst)->results + operand;
  return msl_array_entry(s->e, v, p);
}

/* ---- pieces of text --------------------------------------------------- */

/* Declares variables with the elements at p; shuffled from `lane` if that is
 * not NULL. */
static void declare(const scan *s, const char *hint, const msl_point *p,
                    const char *lane, const char **name) {
  for (uint32_t i = 0; i < s->n; i++) {
    const char *x = entry(s, i, p);
    name[i] = msl_name(s->e, s->n > 1 ? msl_text(s->e, "%s%u", hint,
                                                 (unsigned)i) : hint);
    if (lane)
      x = msl_text(s->e, "%s(%s, ushort(%s))",
                   msl_use(s->e, MSL_H_SHUFFLE, type_of(s, i), 1), x, lane);
    msl_line(s->e, "%s %s = %s;", type_of(s, i), name[i], x);
  }
}

/* The elements at p = combine(before, they): by way of variables, because
 * the function takes references. */
static void put_before(const scan *s, const char *const *before,
                       const msl_point *p) {
  emitter *e = s->e;
  const char *x[MSL_MAX_REDUCED];
  declare(s, "x", p, NULL, x);
  msl_accumulate(&s->combine, x, before, "true");
  for (uint32_t i = 0; i < s->n; i++)
    msl_line(e, "%s = %s;", entry(s, i, p), x[i]);
}

/* The same for all elements of the block of bits below `bit` at p. */
static void put_before_block(const scan *s, const char *const *before,
                             msl_point p, uint32_t bit) {
  walk low = walk_axis(s, 0, bit);
  const char *var = msl_loop(s->e, "i", 1u << low.n);
  set_var(&p, 2, var, &low);
  put_before(s, before, &p);
  if (var) msl_close(s->e);
}

/* The lane whose bits of the mask are those of last elements. */
static const char *last_lane(const scan *s, uint32_t mask) {
  s->e->uses_lane = true;
  return s->reverse ? msl_text(s->e, "lane & %u", (unsigned)(31 & ~mask))
                    : msl_text(s->e, "lane | %u", (unsigned)mask);
}

/* ---- steps ------------------------------------------------------------ */

/* Bits first to end are registers. */
static void scan_registers(const scan *s, uint32_t first, uint32_t end) {
  emitter *e = s->e;
  walk outside = walk_outside(s, end), own = walk_axis(s, first, end);
  uint32_t lanes = mask_of(s, LANE, 0, first);
  const char *k = msl_loop(e, "k", 1u << outside.n);
  msl_point p = {.n_comp = 0};
  set_var(&p, 0, k, &outside);
  const char *before[MSL_MAX_REDUCED];
  msl_point last = last_of_block(s, p, first);
  if (s->reverse) last.base |= mask_of(s, REGISTER, first, end);
  const char *lane = lanes ? last_lane(s, lanes) : NULL;
  declare(s, "before", &last, lane, before);
  const char *a = msl_loop_from(e, "a", 1, 1u << own.n, 1);
  if (s->reverse) { /* coordinates count down */
    const char *down = msl_name(e, "down");
    msl_line(e, "const int %s = %u - %s;", down, (1u << own.n) - 1, a);
    a = down;
  }
  set_var(&p, 1, a, &own);
  put_before_block(s, before, p, first);
  last = last_of_block(s, p, first);
  for (uint32_t i = 0; i < s->n; i++) {
    const char *x = entry(s, i, &last);
    if (lane)
      x = msl_text(e, "%s(%s, ushort(%s))",
                   msl_use(e, MSL_H_SHUFFLE, type_of(s, i), 1), x, lane);
    msl_line(e, "%s = %s;", before[i], x);
  }
  msl_close(e);
  if (k) msl_close(e);
}

/* "(lane & 6) != 0": not the first of these lanes. */
static const char *is_later(const scan *s, uint32_t mask) {
  s->e->uses_lane = true;
  return s->reverse ? msl_text(s->e, "(lane & %u) != %u", (unsigned)mask,
                               (unsigned)mask)
                    : msl_text(s->e, "(lane & %u) != 0", (unsigned)mask);
}

/* One bit of a lane step: totals of the neighbour half go into the later
 * half's totals and into what is before its blocks. */
static void scan_lane_bit(const scan *s, uint32_t bit, uint32_t below,
                          const char *const *total,
                          const char *const *before) {
  emitter *e = s->e;
  uint32_t own = 1u << s->index[bit];
  const char *from =
      s->reverse ? msl_text(e, "(lane | %u) & %u", (unsigned)own,
                            (unsigned)(31 & ~below))
                 : msl_text(e, "(lane & %u) | %u", (unsigned)(31 & ~own),
                            (unsigned)below);
  const char *with[MSL_MAX_REDUCED];
  for (uint32_t i = 0; i < s->n; i++) {
    with[i] = msl_name(e, s->n > 1 ? msl_text(e, "from%u", (unsigned)i)
                                   : "from");
    msl_line(e, "const %s %s = %s(%s, ushort(%s));", type_of(s, i), with[i],
             msl_use(e, MSL_H_SHUFFLE, type_of(s, i), 1), total[i], from);
  }
  msl_open(e, "if (%s)", is_later(s, own));
  msl_accumulate(&s->combine, total, with, "true");
  if (below) {
    msl_open(e, "if (%s)", is_later(s, below));
    msl_accumulate(&s->combine, before, with, "true");
    msl_else(e);
  }
  for (uint32_t i = 0; i < s->n; i++)
    msl_line(e, "%s = %s;", before[i], with[i]);
  if (below) msl_close(e);
  msl_close(e);
}

/* Bits first to end are lanes. */
static void scan_lanes(const scan *s, uint32_t first, uint32_t end) {
  emitter *e = s->e;
  walk outside = walk_outside(s, end);
  uint32_t lower = mask_of(s, LANE, 0, first);
  const char *k = msl_loop(e, "k", 1u << outside.n);
  msl_point p = {.n_comp = 0};
  set_var(&p, 0, k, &outside);
  const char *total[MSL_MAX_REDUCED], *before[MSL_MAX_REDUCED];
  msl_point last = last_of_block(s, p, first);
  declare(s, "total", &last, lower ? last_lane(s, lower) : NULL, total);
  for (uint32_t i = 0; i < s->n; i++) {
    before[i] = msl_name(e, s->n > 1 ? msl_text(e, "before%u", (unsigned)i)
                                     : "before");
    msl_line(e, "%s %s = %s;", type_of(s, i), before[i], total[i]);
  }
  for (uint32_t b = first; b < end; b++) {
    /* The totals are the same in all lanes below the step. */
    uint32_t below = mask_of(s, LANE, first, b);
    scan_lane_bit(s, b, below, total, before);
  }
  msl_open(e, "if (%s)", is_later(s, mask_of(s, LANE, first, end)));
  put_before_block(s, before, p, first);
  msl_close(e);
  if (k) msl_close(e);
}

/* ---- threadgroup memory ----------------------------------------------- */

static uint32_t position_of(const scan *s, uint32_t basis) {
  return basis >> (s->shift + s->memory) &
         ((1u << (s->bits - s->memory)) - 1);
}

/* A linear function of the thread and of the blocks' loop: 0 the index of
 * the block, 1 that of the first along the axis, 2 its coordinate. */
static msl_expr block_sum(const scan *s, const char *k, const walk *outside,
                          int which) {
  uint32_t thread[TM_LANE_BITS + TM_MAX_WARP_BITS] = {0};
  uint32_t reg[TM_MAX_REG_BITS] = {0};
  uint32_t n = (uint32_t)TM_LANE_BITS + s->layout->n_warp;
  for (uint32_t i = 0; i < n; i++) {
    uint32_t basis = i < TM_LANE_BITS ? s->layout->lane[i]
                                      : s->layout->warp[i - TM_LANE_BITS];
    thread[i] = which == 2 ? position_of(s, basis)
                           : block_of(s, basis, which == 0);
  }
  for (uint32_t i = 0; i < outside->n; i++) {
    uint32_t basis = s->layout->reg[outside->bit[i]];
    reg[i] = which == 2 ? position_of(s, basis)
                        : block_of(s, basis, which == 0);
  }
  msl_sum sum = {.n = 0};
  msl_sum_add(&sum, msl_thread_part(s->e, thread));
  if (k) msl_sum_add(&sum, msl_linear(s->e, k, outside->n, reg));
  return msl_sum_text(s->e, &sum);
}

/* One thread of those with copies, at the last lane of the block. */
static const char *writer(const scan *s) {
  emitter *e = s->e;
  uint32_t lanes = mask_of(s, LANE, 0, s->memory), mask = lanes;
  for (uint32_t i = 0; i < TM_LANE_BITS; i++)
    if (s->layout->lane[i] == 0) mask |= 1u << i;
  for (uint32_t i = 0; i < s->layout->n_warp; i++)
    if (s->layout->warp[i] == 0) mask |= 1u << (TM_LANE_BITS + i);
  if (!mask) return NULL;
  const char *var = mask <= 31 ? "lane" : "tid";
  if (mask <= 31) e->uses_lane = true;
  else e->uses_tid = true;
  return msl_text(e, "(%s & %u) == %u", var, (unsigned)mask,
                  (unsigned)(s->reverse ? 0 : lanes));
}

/* A loop over what is outside of the blocks, of this turn. */
static const char *registers_of(const scan *s, const walk *outside) {
  return msl_turns_registers(s->e, msl_region_of(s->e, s->inst, 0),
                             outside->n);
}

static void write_blocks(const scan *s, const walk *outside) {
  emitter *e = s->e;
  const char *guard = writer(s);
  if (guard) msl_open(e, "if (%s)", guard);
  const char *k = registers_of(s, outside);
  /* The blocks' registers are walked as coordinates, not in scan order. */
  msl_point p = {.n_comp = 0};
  set_var(&p, 0, k, outside);
  if (!s->reverse) p.base = mask_of(s, REGISTER, 0, s->memory);
  const char *at = block_sum(s, k, outside, 0).text;
  for (uint32_t i = 0; i < s->n; i++)
    msl_line(e, "%s[%s] = %s;", msl_region_of(e, s->inst, i)->name, at,
             entry(s, i, &p));
  if (k) msl_close(e);
  if (guard) msl_close(e);
}

static const char *block_at(const scan *s, uint32_t i, const char *first,
                            const char *q) {
  emitter *e = s->e;
  const char *name = msl_region_of(e, s->inst, i)->name;
  /* The next block along the axis. */
  uint32_t step = msl_without_bits(1u << s->shift, s->apart);
  const char *text = msl_text(e, "%s[%s + (%s) * %u]", name, first, q,
                              (unsigned)step);
  return scalar_of(s, i) == TM_I1 ? msl_text(e, "%s != 0", text) : text;
}

static void read_blocks(const scan *s, const walk *outside) {
  emitter *e = s->e;
  uint32_t n = (1u << (s->bits - s->memory)) - 1; /* the last coordinate */
  const char *k = registers_of(s, outside);
  msl_point p = {.n_comp = 0};
  set_var(&p, 0, k, outside);
  const char *first = msl_name(e, "first"), *before = msl_name(e, "earlier");
  msl_line(e, "const int %s = %s;", first, block_sum(s, k, outside, 1).text);
  msl_expr at = block_sum(s, k, outside, 2);
  if (s->reverse)
    msl_line(e, "const int %s = %u - (%s);", before, (unsigned)n, at.text);
  else
    msl_line(e, "const int %s = %s;", before, at.text);
  const char *sum[MSL_MAX_REDUCED], *with[MSL_MAX_REDUCED];
  const char *start = s->reverse ? msl_text(e, "%u", (unsigned)n) : "0";
  for (uint32_t i = 0; i < s->n; i++) {
    sum[i] = msl_name(e, s->n > 1 ? msl_text(e, "before%u", (unsigned)i)
                                  : "before");
    msl_line(e, "%s %s = %s;", type_of(s, i), sum[i],
             block_at(s, i, first, start));
  }
  if (n > 1) {
    /* All threads load every block: loads of threadgroup memory do not go
     * under conditions that vary (lint_flow.c, tile-load). */
    const char *q = msl_loop_from(e, "q", 1, n, 1);
    const char *which =
        s->reverse ? msl_text(e, "%u - %s", (unsigned)n, q) : q;
    for (uint32_t i = 0; i < s->n; i++) {
      with[i] = msl_name(e, s->n > 1 ? msl_text(e, "block%u", (unsigned)i)
                                     : "block");
      msl_line(e, "const %s %s = %s;", type_of(s, i), with[i],
               block_at(s, i, first, which));
    }
    msl_open(e, "if (%s < %s)", q, before);
    msl_accumulate(&s->combine, sum, with, "false");
    msl_close(e);
    msl_close(e);
  }
  msl_open(e, "if (%s > 0)", before);
  put_before_block(s, sum, p, s->memory);
  msl_close(e);
  if (k) msl_close(e);
}

static void scan_memory(scan *s) {
  emitter *e = s->e;
  walk outside = walk_outside(s, s->memory);
  take_turns(s);
  msl_turns_open(e, s->inst);
  for (uint32_t i = 0; i < s->n; i++)
    msl_region_write(e, msl_region_of(e, s->inst, i));
  write_blocks(s, &outside);
  for (uint32_t i = 0; i < s->n; i++)
    msl_region_read(e, msl_region_of(e, s->inst, i));
  read_blocks(s, &outside);
  msl_turns_close(e, s->inst);
}

/* ---- the whole -------------------------------------------------------- */

void msl_scan(emitter *e, tm_inst inst) {
  const tm_inst_data *d = tm_get(e->ir, inst);
  scan s = shape_of(e, inst);
  s.combine = msl_combine_of(e, inst);
  for (uint32_t i = 0; i < s.n; i++) {
    tm_value v = d->results + i;
    e->values[v].name = msl_name_of(e, v, "scanned");
    msl_declare_array(e, v);
    msl_copy(e, v, d->operands[i]);
  }
  for (uint32_t b = 0; b < s.memory && !e->failed;) {
    uint32_t end = b;
    while (end < s.memory && s.owner[end] == s.owner[b]) end++;
    if (s.owner[b] == REGISTER) scan_registers(&s, b, end);
    else scan_lanes(&s, b, end);
    b = end;
  }
  if (s.memory < s.bits && !e->failed) scan_memory(&s);
}
