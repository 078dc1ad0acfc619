/* SPDX-License-Identifier: MIT */
/*
 * emitter_stage.c - operands of dots in threadgroup memory.
 *
 * A conversion that only dots read is not carried out: its tile is staged,
 * stored as rows, 16 bytes a thread where the layout has them, padded by 16
 * bytes a row against bank conflicts, and read as 8x8 fragments by the dot
 * (emitter_dot.c). f16 and bf16 take 16 bits an element. Transpositions are
 * looked through: the tile lies as its source does, and is read transposed.
 *
 * A tile that is loaded for this alone is copied: the load stands in the loop
 * that stores, and its value passes through one register instead of an array
 * of them.
 *
 *     for (int c = 0; c < 4; ++c) {
 *       const uint4 a = *(device const uint4 *)(a_ptrs + ...);
 *       *(threadgroup uint4 *)(a_tile + ...) = a;
 *     }
 *
 * Two dots of one block that read the same tile, one of them perhaps
 * transposed, share it ("twins"): the first one stores it.
 *
 * Normally the whole tile is stored: by the dot, just before it starts, when
 * conversion and dot are in one block ("late"), or where the conversion is:
 * once for all iterations of a loop around the dot, or at the start of an
 * iteration, when the one before has loaded it. When that takes more
 * threadgroup memory than there is, msl_stage_shrink makes it smaller:
 *
 *   windows  the dot stores and multiplies a half, a quarter, ... of K at a
 *            time, with two barriers each;
 *   late     a tile from before the loop stays in registers and is stored
 *            in each iteration, so that others can have its place.
 *
 *     for (int w = 0; w < 2; ++w) {
 *       threadgroup_barrier(...);     the window before has been read
 *       x_tile[...] = x[... w ...];   the half of x's columns
 *       y_tile[...] = y[... w ...];   the half of y's rows
 *       threadgroup_barrier(...);
 *       for (int k = 0; k < 2; ++k) ... multiply
 *     }
 */
#include "emitter.h"

enum { ROW_PAD_BYTES = 16, ACCESS_BYTES = 16 };

/* ---- which conversions -------------------------------------------------- */

static bool swaps_last_two(const emitter *e, tm_inst inst) {
  const tm_attr *order = tm_inst_attr(e->ir, inst, TM_ATTR_ORDER);
  uint32_t rank = tm_type_of(e->ir, tm_get(e->ir, inst)->results)->rank;
  if (!order) return rank == 2;
  for (uint32_t d = 0; d < order->n_ints; d++) {
    uint32_t want = d + 2 < rank ? d : d + 1 == rank ? rank - 2 : rank - 1;
    if (order->ints[d] != (int64_t)want) return false;
  }
  return order->n_ints == rank;
}

static const int64_t *swapped(uint32_t rank) {
  static const int64_t two[] = {1, 0}, three[] = {0, 2, 1};
  return rank == 2 ? two : three;
}

static void find_source(emitter *e, tm_inst inst, msl_staging *s) {
  s->source = tm_get(e->ir, inst)->operands[0];
  for (;;) {
    tm_inst def = tm_val(e->ir, s->source)->def;
    if (!def || tm_get(e->ir, def)->op != TM_TRANS || !swaps_last_two(e, def))
      break;
    s->source = tm_get(e->ir, def)->operands[0];
    s->transposed = !s->transposed;
  }
  s->layout = *msl_layout(e, s->source);
  uint32_t rank = s->layout.rank;
  if (tm_layout_run_along(&s->layout, rank - 2) >
      tm_layout_run_along(&s->layout, rank - 1)) {
    s->layout = tm_layout_trans(&s->layout, swapped(rank));
    s->transposed = !s->transposed;
  }
  s->scalar = msl_scalar_of(tm_type_of(e->ir, s->source));
}

typedef struct reader { /* who reads the result of a conversion */
  uint32_t dots, operand;
  tm_inst first, last;
  bool others;
} reader;

static void note_readers(emitter *e, reader *readers) {
  for (tm_inst i = 1; i < e->ir->insts.len; i++) {
    const tm_inst_data *d = tm_get(e->ir, i);
    if (!d->block) continue;
    for (uint32_t k = 0; k < d->n_operands; k++) {
      reader *r = &readers[d->operands[k]];
      bool mixed = r->dots && r->operand != k;
      if (d->op != TM_DOT || k > 1 || mixed) r->others = true;
      r->operand = k;
      r->dots++;
      if (!r->first || e->position[i] < e->position[r->first]) r->first = i;
      if (!r->last || e->position[i] > e->position[r->last]) r->last = i;
    }
  }
}

/* Those of the same source whose dots are in the same block make a list. */
static void list_alike(emitter *e, tm_inst inst, tm_map *last) {
  msl_staging *s = e->stagings[inst];
  uint64_t block = tm_get(e->ir, s->first)->block, before = 0;
  uint64_t key = block << 32 | s->source;
  s->first_alike = inst;
  if (tm_map_get(last, key, &before)) {
    e->stagings[before]->next_alike = inst;
    s->first_alike = e->stagings[before]->first_alike;
  }
  tm_map_put(last, key, inst);
}

/* An earlier conversion whose dot, in the same block, stores the same. */
static void find_twin(emitter *e, tm_inst inst) {
  msl_staging *s = e->stagings[inst];
  if (!s->late) return;
  for (tm_inst i = s->first_alike; i; i = e->stagings[i]->next_alike) {
    msl_staging *other = e->stagings[i];
    if (i == inst || !other->late || other->twin ||
        !tm_layout_equal(&other->layout, &s->layout) ||
        e->position[other->first] >= e->position[s->first])
      continue;
    s->twin = i;
    other->twins++;
    return;
  }
}

/* Can v be computed where its tile is stored as well as before, without what
 * its group would have kept in registers? */
static bool is_free(emitter *e, tm_value v, tm_block block, int depth) {
  tm_type type = tm_type_of(e->ir, v);
  if (!tm_type_is_tensor(type)) return true;
  tm_inst def = tm_val(e->ir, v)->def;
  if (!def) return false; /* carried: kept in registers */
  const tm_inst_data *d = tm_get(e->ir, def);
  if (tm_type_element(type)->kind != TM_TYPE_POINTER)
    return e->values[v].cheap || d->block != block;
  if (depth > 16) return false;
  for (uint32_t i = 0; i < d->n_operands; i++)
    if (!is_free(e, d->operands[i], block, depth + 1)) return false;
  return true;
}

/* Does nothing from after the load to the dot but compute and read? */
static bool may_sink(const emitter *e, tm_inst load, tm_inst dot) {
  tm_inst inst = load;
  while ((inst = tm_get(e->ir, inst)->next) != dot) {
    const tm_inst_data *d = tm_get(e->ir, inst);
    bool reads = d->op == TM_LOAD && !msl_is_volatile(e, inst);
    if (!reads && !(tm_op_infos[d->op].flags & TM_PURE)) return false;
  }
  return true;
}

/* A load whose only reader is the staging. */
static void find_load(emitter *e, msl_staging *s) {
  tm_inst load = tm_val(e->ir, s->source)->def;
  if (!load || tm_get(e->ir, load)->op != TM_LOAD) return;
  const tm_inst_data *d = tm_get(e->ir, load);
  if (!s->late || e->values[s->source].uses != 1 || e->orders ||
      d->block != tm_get(e->ir, s->first)->block ||
      msl_is_volatile(e, load) || msl_is_shared(e, d->operands[0]) ||
      !may_sink(e, load, s->first))
    return;
  for (uint32_t i = 0; i < d->n_operands; i++)
    if (!is_free(e, d->operands[i], d->block, 0)) return;
  s->load = load;
  e->copied[load] = true;
}

/* A tile that the loop's iterations hand on (prefetch.c in lib/opt): stored
 * where the iteration starts, its registers are free for the next one. */
static bool is_carried(const emitter *e, tm_value v, tm_block body) {
  return !tm_val(e->ir, v)->def && tm_val(e->ir, v)->block == body;
}

void msl_stage_find(emitter *e) {
  reader *readers = TM_NEW_ARRAY(e->arena, reader, e->ir->values.len);
  tm_map last = tm_map_in(e->arena);
  note_readers(e, readers);
  for (tm_inst i = 1; i < e->ir->insts.len; i++) {
    const tm_inst_data *d = tm_get(e->ir, i);
    if (!d->block || d->op != TM_CONVERT_LAYOUT ||
        msl_convert_kind(e, i) < TM_CONVERT_SHUFFLE)
      continue;
    const reader *r = &readers[d->results];
    if (!r->dots || r->others) continue;
    msl_staging *s = TM_NEW(e->arena, msl_staging);
    *s = (msl_staging){.operand = r->operand, .first = r->first,
                       .last = r->last, .single = r->dots == 1};
    find_source(e, i, s);
    s->late = s->single && tm_get(e->ir, r->first)->block == d->block &&
              !is_carried(e, s->source, d->block);
    find_load(e, s);
    e->stagings[i] = s;
    list_alike(e, i, &last);
  }
  for (tm_inst i = 1; i < e->ir->insts.len; i++)
    if (e->stagings[i]) find_twin(e, i);
}

bool msl_stage_is_late(emitter *e, tm_inst inst) {
  return e->stagings[inst]->late;
}

/* ---- the place in memory ------------------------------------------------ */

/* The dimension of K in the order of memory. */
static uint32_t k_dim(const msl_staging *s) {
  uint32_t rank = s->layout.rank;
  return (s->operand == 0) != s->transposed ? rank - 1 : rank - 2;
}

static uint32_t windows_of(const emitter *e, const msl_staging *s) {
  return s->late ? e->windows[s->first] : 0;
}

tm_layout msl_drop_top(const tm_layout *l, uint32_t d, uint32_t w) {
  tm_layout out = *l;
  if (w == 0) return out;
  uint32_t shift = tm_layout_dim_shift(l, d), bits = l->dim_bits[d];
  uint32_t below = (1u << shift) - 1;
  uint32_t kept = (1u << (bits - w)) - 1;
  out.dim_bits[d] = (uint8_t)(bits - w);
  uint32_t *const parts[] = {out.reg, out.lane, out.warp};
  const uint32_t n[] = {l->n_reg, TM_LANE_BITS, l->n_warp};
  for (int p = 0; p < 3; p++)
    for (uint32_t i = 0; i < n[p]; i++) {
      uint32_t v = parts[p][i];
      parts[p][i] = (v & below) | (v >> shift & kept) << shift |
                    v >> (shift + bits) << (shift + bits - w);
    }
  return out;
}

static uint32_t element_bytes(const msl_staging *s) {
  return s->scalar == TM_BF16 ? 2 : msl_register_bytes(s->scalar);
}

/* Where reading a value made at `inst` ends: at `user`, or at the end of the
 * outermost loop around user that does not hold inst. */
static tm_inst last_read(emitter *e, tm_inst inst, tm_inst user) {
  tm_inst end = user;
  tm_block block = tm_get(e->ir, user)->block;
  while (block) {
    tm_inst parent = tm_blk(e->ir, block)->parent;
    if (!parent || tm_inst_is_inside(e->ir, inst, block)) break;
    tm_op op = tm_get(e->ir, parent)->op;
    if (op == TM_FOR || op == TM_WHILE) {
      const tm_inst_data *d = tm_get(e->ir, parent);
      end = tm_blk(e->ir, d->regions[d->n_regions - 1])->last;
    }
    block = tm_get(e->ir, parent)->block;
  }
  return end;
}

msl_region *msl_stage_region(emitter *e, tm_inst inst) {
  tm_inst twin = e->stagings[inst]->twin;
  return msl_region_of(e, twin ? twin : inst, 0);
}

/* The last dot that reads the tile of a late conversion. */
static tm_inst last_twin(const emitter *e, tm_inst inst) {
  const msl_staging *s = e->stagings[inst];
  tm_inst last = s->first;
  for (tm_inst i = s->twins ? s->first_alike : 0; i;
       i = e->stagings[i]->next_alike) {
    const msl_staging *other = e->stagings[i];
    if (other->twin == inst && e->position[other->first] > e->position[last])
      last = other->first;
  }
  return last;
}

/* Size and lifetime of the region, as the plan stands. */
static void fit_region(emitter *e, tm_inst inst) {
  msl_staging *s = e->stagings[inst];
  msl_region *region = msl_region_of(e, inst, 0);
  if (s->twin) { /* takes none */
    region->bytes = 0;
    region->from = region->to = e->position[s->first];
    return;
  }
  tm_layout l = msl_drop_top(&s->layout, k_dim(s), windows_of(e, s));
  uint32_t total = 0, bytes = element_bytes(s);
  for (uint32_t d = 0; d < l.rank; d++) total += l.dim_bits[d];
  uint32_t row_bits = l.dim_bits[l.rank - 1];
  region->row = 1u << row_bits;
  region->pitch = region->row + (e->unpadded ? 0 : ROW_PAD_BYTES / bytes);
  region->bytes =
      ((1u << (total - row_bits)) * region->pitch * bytes + 15) & ~15u;
  tm_inst end = s->late ? last_twin(e, inst) : last_read(e, inst, s->last);
  region->from = e->position[s->late ? s->first : inst];
  region->to = e->position[end];
}

void msl_stage_plan(emitter *e, tm_inst inst) {
  msl_staging *s = e->stagings[inst];
  tm_name name = tm_val(e->ir, tm_get(e->ir, inst)->results)->name;
  if (!name) name = tm_val(e->ir, tm_get(e->ir, inst)->operands[0])->name;
  const char *hint = name ? msl_text(e, "%s_tile", name) : "tile";
  const char *type =
      s->scalar == TM_BF16 ? "ushort" : msl_type(e, s->scalar, 1);
  msl_region_add(e, inst, 0, hint, type, 0, 1, 1, inst, inst);
  fit_region(e, inst);
}

/* ---- making it smaller -------------------------------------------------- */

typedef struct cost {
  uint64_t excess; /* bytes of all regions that lie over the limit */
  uint64_t bytes;  /* of all regions */
  uint32_t extra;  /* stores and barriers that the change adds, roughly */
} cost;

typedef struct state { /* of a staging, as far as changes touch it */
  tm_inst inst, twin;
  uint32_t twins;
  bool late;
} state;

typedef struct states { TM_VEC(state) list; } states;

void msl_stage_fit(emitter *e) {
  for (uint32_t i = 0; i < e->regions.len; i++)
    if (e->stagings[e->regions.data[i].inst])
      fit_region(e, e->regions.data[i].inst);
}

static cost cost_of(emitter *e) {
  cost c = {0, 0, 0};
  msl_stage_fit(e);
  msl_pool_place(e);
  for (uint32_t i = 0; i < e->regions.len; i++) {
    const msl_region *r = &e->regions.data[i];
    uint32_t end = r->offset + r->bytes, most = e->chip->threadgroup_bytes;
    if (end > most) c.excess += end - most;
    c.bytes += r->bytes;
  }
  return c;
}

static states save(emitter *e) {
  states all = {{0}};
  for (tm_inst i = 1; i < e->ir->insts.len; i++) {
    const msl_staging *s = e->stagings[i];
    if (!s) continue;
    state one = {i, s->twin, s->twins, s->late};
    tm_push(e->arena, &all.list, one);
  }
  return all;
}

static void restore(emitter *e, const states *all) {
  for (uint32_t i = 0; i < all->list.len; i++) {
    const state *from = &all->list.data[i];
    msl_staging *s = e->stagings[from->inst];
    s->twin = from->twin;
    s->twins = from->twins;
    s->late = from->late;
  }
}

/* How many tiles are stored once more then. */
static uint32_t leave_twins(emitter *e, tm_inst inst) {
  msl_staging *s = e->stagings[inst];
  uint32_t n = s->twins + (s->twin != 0);
  if (s->twin) e->stagings[s->twin]->twins--;
  s->twin = 0;
  for (tm_inst i = s->first_alike; s->twins && i;
       i = e->stagings[i]->next_alike) {
    msl_staging *other = e->stagings[i];
    if (other->twin != inst) continue;
    other->twin = 0;
    s->twins--;
  }
  return n;
}

static msl_staging *staged_operand(emitter *e, tm_inst dot, int k,
                                   tm_inst *inst) {
  *inst = tm_val(e->ir, tm_get(e->ir, dot)->operands[k])->def;
  return *inst ? e->stagings[*inst] : NULL;
}

/* A dot can take one bit more of windows while at least 8 of K are left; a
 * conversion can become late, or store for itself what its twin stores. */
static bool can_change(emitter *e, tm_inst inst) {
  const tm_inst_data *d = tm_get(e->ir, inst);
  const msl_staging *s = e->stagings[inst];
  if (!d->block) return false;
  if (s) return s->single && (!s->late || s->twin);
  /* matmul2d takes K whole: a loop of known trips around it has crashed
   * Apple's compiler (METAL-FACTS 2.7). */
  if (d->op != TM_DOT || e->tensors[inst]) return false;
  tm_type a = tm_type_of(e->ir, d->operands[0]);
  tm_inst of;
  const msl_staging *x = staged_operand(e, inst, 0, &of);
  const msl_staging *y = staged_operand(e, inst, 1, &of);
  return ((x && x->single) || (y && y->single)) &&
         a->shape[a->rank - 1] >> (e->windows[inst] + 1) >= 8;
}

/* Makes the change; what it adds. */
static uint32_t apply(emitter *e, tm_inst inst) {
  uint32_t extra = 1;
  if (e->stagings[inst]) {
    extra += leave_twins(e, inst);
    e->stagings[inst]->late = true;
    return extra;
  }
  e->windows[inst]++;
  for (int k = 0; k < 2; k++) {
    tm_inst of;
    msl_staging *s = staged_operand(e, inst, k, &of);
    if (!s || !s->single) continue;
    extra += leave_twins(e, of) + !s->late;
    s->late = true;
  }
  return extra;
}

/* Of the changes that help, the one with the least excess; among those with
 * the same, the one that adds least. */
static bool shrink_once(emitter *e) {
  const states all = save(e);
  const cost before = cost_of(e);
  cost best = before;
  tm_inst change = 0;
  for (tm_inst i = 1; i < e->ir->insts.len; i++) {
    if (!can_change(e, i)) continue;
    uint8_t windows = e->windows[i];
    uint32_t extra = apply(e, i);
    cost after = cost_of(e);
    after.extra = extra;
    restore(e, &all);
    e->windows[i] = windows;
    bool helps = after.excess < before.excess ||
                 (after.excess == before.excess && after.bytes < before.bytes);
    bool better = !change || after.excess < best.excess ||
                  (after.excess == best.excess && after.extra < best.extra);
    if (!helps || !better) continue;
    best = after;
    change = i;
  }
  if (change) apply(e, change);
  cost_of(e);
  return change != 0;
}

/* ---- the same, looking at neighbours only -------------------------------- */

/* In a plain pool a change touches those regions alone that live at the same
 * time as what it changes, or as those do, and so on: what it would save is
 * asked once, and again only after a change nearby. So the cost of many
 * changes is linear in their number. */
typedef struct change {
  tm_inst inst;
  bool is_known;
  uint32_t extra;
  msl_pool_cost saves; /* what the change adds to the costs: negative */
  msl_life span;       /* where it looked */
} change;

/* Stagings whose regions a change of inst may change. */
static states involved(emitter *e, tm_inst inst) {
  states list = {{0}};
  for (int k = 0; k < 2; k++) {
    tm_inst of = inst;
    if (!e->stagings[inst]) staged_operand(e, inst, k, &of);
    const msl_staging *s = of ? e->stagings[of] : NULL;
    for (tm_inst i = s ? s->first_alike : 0; i;
         i = e->stagings[i]->next_alike) {
      const msl_staging *x = e->stagings[i];
      state one = {i, x->twin, x->twins, x->late};
      tm_push(e->arena, &list.list, one);
    }
    if (of == inst) break;
  }
  return list;
}

/* Fits their regions, and widens span to where they live. False when one is
 * so small now that it wants bytes of its own. */
static bool refit(emitter *e, const states *list, msl_life *span) {
  for (uint32_t i = 0; i < list->list.len; i++) {
    msl_region *region = msl_region_of(e, list->list.data[i].inst, 0);
    fit_region(e, region->inst);
    msl_pool_moved(e, region);
    if (msl_region_is_small(region)) return false;
    if (region->from < span->from) span->from = region->from;
    if (region->to > span->to) span->to = region->to;
  }
  return true;
}

static bool evaluate(emitter *e, change *c) {
  states list = involved(e, c->inst);
  uint8_t windows = e->windows[c->inst];
  c->span = (msl_life){UINT32_MAX, 0};
  refit(e, &list, &c->span);
  c->extra = apply(e, c->inst);
  bool plain = refit(e, &list, &c->span);
  msl_pool_close(e, &c->span);
  msl_pool_cost after = msl_pool_cost_of(e, c->span);
  restore(e, &list);
  e->windows[c->inst] = windows;
  refit(e, &list, &c->span);
  msl_pool_cost before = msl_pool_cost_of(e, c->span);
  c->saves.excess = after.excess - before.excess;
  c->saves.bytes = after.bytes - before.bytes;
  c->is_known = true;
  return plain;
}

static bool helps(const change *c) {
  return c->saves.excess < 0 || (c->saves.excess == 0 && c->saves.bytes < 0);
}

static void commit(emitter *e, const change *best, change *all, uint32_t n) {
  msl_life span = best->span;
  states list = involved(e, best->inst);
  apply(e, best->inst);
  refit(e, &list, &span);
  for (uint32_t i = 0; i < n; i++)
    if (all[i].span.from <= span.to && all[i].span.to >= span.from)
      all[i].is_known = false;
}

/* Makes changes until all fits, or none helps; *any: one was made. False when
 * the pool would not be plain: then nothing is promised about the next. */
static bool shrink_plain(emitter *e, bool *any) {
  TM_VEC(change) all = {0};
  for (tm_inst i = 1; i < e->ir->insts.len; i++) {
    const tm_inst_data *d = tm_get(e->ir, i);
    change made = {.inst = i};
    if (d->block && (e->stagings[i] || d->op == TM_DOT))
      tm_push(e->arena, &all, made);
  }
  int64_t excess = (int64_t)cost_of(e).excess;
  while (excess > 0) {
    const change *best = NULL;
    for (uint32_t i = 0; i < all.len; i++) {
      change *c = &all.data[i];
      if (!can_change(e, c->inst)) continue;
      if (!c->is_known && !evaluate(e, c)) return false;
      bool better = !best || c->saves.excess < best->saves.excess ||
                    (c->saves.excess == best->saves.excess &&
                     c->extra < best->extra);
      if (helps(c) && better) best = c;
    }
    if (!best) break;
    excess += best->saves.excess;
    commit(e, best, all.data, all.len);
    *any = true;
  }
  return true;
}

bool msl_stage_shrink(emitter *e) {
  bool any = false;
  if (msl_pool_is_plain(e) && shrink_plain(e, &any)) return any;
  return shrink_once(e) || any;
}

/* ---- storing ------------------------------------------------------------ */

typedef struct store {
  emitter *e;
  const msl_staging *s;
  const msl_region *region;
  tm_layout to;            /* of the source, in the window */
  uint32_t kept[TM_MAX_REG_BITS], n_kept;     /* register bits to walk */
  const char *window;      /* the window's variable, or NULL */
  const char *guard;       /* who stores, or NULL */
} store;

static const char *both(emitter *e, const char *a, const char *b) {
  return a && b ? msl_text(e, "%s && %s", a, b) : a ? a : b;
}

/* Register bits that choose a window follow its variable, thread bits have to
 * agree with it. */
static void take_windows(store *t, msl_point *p, uint32_t windows) {
  emitter *e = t->e;
  const tm_layout *from = &t->s->layout;
  uint32_t d = k_dim(t->s), shift = tm_layout_dim_shift(from, d);
  p->var[2].name = t->window;
  p->var[2].n = windows;
  for (uint32_t w = 0; w < windows; w++) {
    uint32_t basis = 1u << (shift + from->dim_bits[d] - windows + w);
    for (uint32_t i = 0; i < from->n_reg; i++)
      if (from->reg[i] == basis) p->var[2].col[w] = 1u << i;
    for (uint32_t i = 0; i < TM_LANE_BITS + (uint32_t)from->n_warp; i++) {
      bool lane = i < TM_LANE_BITS;
      if ((lane ? from->lane[i] : from->warp[i - TM_LANE_BITS]) != basis)
        continue;
      e->uses_tid = true;
      const char *mine = msl_text(e, "(tid >> %u & 1) == uint(%s >> %u & 1)",
                                  (unsigned)i, t->window, (unsigned)w);
      t->guard = both(e, t->guard, mine);
    }
  }
}

/* Vector of 1 << width elements at p, as memory holds it. */
static const char *codes(const store *t, const msl_point *p, uint32_t width) {
  emitter *e = t->e;
  uint32_t lanes = 1u << width;
  msl_expr x = msl_widen(e, msl_eval(e, t->s->source, p), t->s->scalar, lanes);
  if (t->s->scalar != TM_BF16) return x.text;
  const char *n = lanes > 1 ? msl_text(e, "%u", (unsigned)lanes) : "";
  return msl_text(e, "ushort%s(as_type<uint%s>(%s) >> 16)", n, n, x.text);
}

/* Eight elements of 16 bits as one store of 16 bytes. */
static const char *eight(const store *t, const msl_point *p) {
  emitter *e = t->e;
  msl_point q = *p;
  q.base ^= 4;
  msl_expr x = msl_widen(e, msl_eval(e, t->s->source, p), t->s->scalar, 4);
  msl_expr y = msl_widen(e, msl_eval(e, t->s->source, &q), t->s->scalar, 4);
  if (t->s->scalar != TM_BF16)
    return msl_text(e, "uint4(as_type<uint2>(%s), as_type<uint2>(%s))",
                    x.text, y.text);
  const char *low = msl_name(e, "low"), *high = msl_name(e, "high");
  msl_line(e, "const uint4 %s = as_type<uint4>(%s);", low, x.text);
  msl_line(e, "const uint4 %s = as_type<uint4>(%s);", high, y.text);
  return msl_text(e, "uint4((%s.xz >> 16) | (%s.yw & 0xffff0000u), "
                  "(%s.xz >> 16) | (%s.yw & 0xffff0000u))", low, low, high,
                  high);
}

/* log2 of the elements that one store moves. */
static uint32_t store_bits(const store *t) {
  const tm_layout *l = &t->to;
  uint32_t run = tm_layout_run_along(l, l->rank - 1), bits = 0;
  uint32_t most = ACCESS_BYTES / element_bytes(t->s);
  if (t->region->pitch % most) most = 1;
  while (2u << bits <= run && 2u << bits <= most && bits < t->n_kept) bits++;
  for (uint32_t i = 0; i < bits; i++) /* the vector is the first registers */
    if (t->kept[i] != 1u << i) return 0;
  return bits;
}

/* The value of the tile at p, as memory holds it; a load stands before it. */
static const char *value_at(const store *t, const msl_point *p,
                            uint32_t width) {
  emitter *e = t->e;
  tm_inst load = t->s->load;
  if (e->values[t->s->source].packed)
    return msl_array_entry(e, t->s->source, p);
  if (load && width == 3 && msl_is_wide_copy(e, load)) {
    msl_point first = *p;
    first.n_comp = 0;
    msl_load_wide(e, load, &first);
    return e->raw[load];
  }
  if (load) {
    e->raw[load] = NULL;
    msl_load(e, load, p);
    msl_point q = *p;
    q.base ^= 4;
    if (width == 3) msl_load(e, load, &q);
  }
  return width == 3 ? eight(t, p) : codes(t, p, width);
}

static void store_tile(store *t, uint32_t windows) {
  emitter *e = t->e;
  uint32_t width = store_bits(t);
  if (width == 3 && element_bytes(t->s) != 2) width = 2;
  uint32_t vector = width > MSL_MAX_VECTOR_BITS ? MSL_MAX_VECTOR_BITS : width;
  const char *var =
      msl_loop(e, width ? "c" : "r", 1u << (t->n_kept - width));
  msl_point p = {.n_comp = vector};
  for (uint32_t i = 0; i < vector; i++) p.comp[i] = 1u << i;
  p.var[0].name = var;
  p.var[0].n = var ? t->n_kept - width : 0;
  for (uint32_t i = 0; i < p.var[0].n; i++)
    p.var[0].col[i] = t->kept[i + width];
  if (windows) take_windows(t, &p, windows);
  msl_expr at = msl_tile_index(e, &t->to, &p, t->region->row,
                               t->region->pitch);
  bool guarded = t->guard && t->s->load; /* none loads in vain */
  if (guarded) msl_open(e, "if (%s)", t->guard);
  const char *value = value_at(t, &p, width);
  const char *name = t->region->name;
  const char *type = width == 3 ? "uint4"
                     : width ? msl_text(e, "%s%u", t->region->type,
                                        1u << width)
                             : NULL;
  const char *place = type ? msl_text(e, "*(threadgroup %s *)(%s + %s)", type,
                                      name, msl_paren(e, at, MSL_ADD))
                           : msl_text(e, "%s[%s]", name, at.text);
  if (t->guard && !guarded)
    msl_line(e, "if (%s) %s = %s;", t->guard, place, value);
  else
    msl_line(e, "%s = %s;", place, value);
  if (guarded) msl_close(e);
  if (var) msl_close(e);
}

static store store_of(emitter *e, tm_inst inst, const char *window) {
  const msl_staging *s = e->stagings[inst];
  store t = {.e = e, .s = s, .region = msl_region_of(e, inst, 0),
             .to = msl_drop_top(&s->layout, k_dim(s), windows_of(e, s)),
             .window = window};
  for (uint32_t i = 0; i < s->layout.n_reg; i++)
    if (t.to.reg[i]) t.kept[t.n_kept++] = 1u << i;
  return t;
}

void msl_stage(emitter *e, tm_inst inst, const char *window) {
  const msl_staging *s = e->stagings[inst];
  if (s->twin) return; /* it is there */
  store t = store_of(e, inst, window);
  t.guard = msl_one_copy(e, &s->layout);
  if (s->load) {
    msl_order(e, &s->load, 1);
    msl_source(e, s->load);
  }
  msl_region_write(e, msl_region_of(e, inst, 0));
  store_tile(&t, windows_of(e, s));
}

/* ---- carried as memory has it ------------------------------------------- */

/* v is loaded 16 bytes at a time, for the carried value alone. */
static bool can_load_packed(emitter *e, tm_value v, tm_value carried) {
  tm_inst load = tm_val(e->ir, v)->def;
  const msl_value *value = &e->values[v];
  return load && tm_get(e->ir, load)->op == TM_LOAD && e->group_of[load] &&
         value->uses == 1 && value->place == MSL_IN_ARRAY &&
         value->storage == v && msl_is_wide_copy(e, load) &&
         tm_layout_equal(msl_layout(e, v), msl_layout(e, carried)) &&
         msl_group_wide_bits(
             e, &e->groups.data[e->group_of[load] - 1]) == 1;
}

static void pack(emitter *e, tm_value v) {
  e->values[v].packed = true;
  e->values[v].width = 3;
}

/* A tile that each iteration of a loop loads for the next one (prefetch.c) and
 * that is then stored for a dot stands in registers as memory has it, if all
 * move 16 bytes: nothing reads its elements. */
static void pack_carried(emitter *e, tm_inst inst) {
  const msl_staging *s = e->stagings[inst];
  tm_value v = s->source;
  tm_block block = tm_val(e->ir, v)->block;
  if (tm_val(e->ir, v)->def || e->values[v].uses != 1 || s->twin ||
      e->values[v].place != MSL_IN_ARRAY || msl_reg_bits(e, v) <= 3)
    return;
  tm_inst loop = tm_blk(e->ir, block)->parent;
  if (!loop || tm_get(e->ir, loop)->op != TM_FOR) return;
  const tm_inst_data *d = tm_get(e->ir, loop);
  const tm_inst_data *yield = tm_get(e->ir, tm_blk(e->ir, block)->last);
  uint32_t i = 0;
  while (tm_blk(e->ir, block)->args[1 + i] != v) i++;
  tm_value first = d->operands[3 + i], next = yield->operands[i];
  store t = store_of(e, inst, NULL);
  if (element_bytes(s) != 2 || store_bits(&t) != 3 ||
      e->values[d->results + i].uses || !can_load_packed(e, first, v) ||
      !can_load_packed(e, next, v))
    return;
  pack(e, v), pack(e, first), pack(e, next);
}

void msl_stage_pack(emitter *e) {
  for (tm_inst i = 1; i < e->ir->insts.len; i++)
    if (e->stagings[i] && tm_get(e->ir, i)->block) pack_carried(e, i);
}

/* ---- reading ------------------------------------------------------------ */

tm_layout msl_stage_layout(emitter *e, tm_inst inst) {
  const msl_staging *s = e->stagings[inst];
  tm_layout l = *msl_layout(e, tm_get(e->ir, inst)->results);
  if (s->transposed) l = tm_layout_trans(&l, swapped(l.rank));
  return msl_drop_top(&l, k_dim(s), windows_of(e, s));
}
