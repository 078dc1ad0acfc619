/* SPDX-License-Identifier: MIT */
/*
 * emitter_dot.c - tt.dot on 8x8 simdgroup matrices.
 *
 * The accumulator is an array of matrices, one for each 8x8 fragment of the
 * simdgroup's part of the tile, fragments of a row of fragments next to each
 * other. For each step of 8 along K the simdgroup loads a column of A
 * fragments and a row of B fragments and multiplies all pairs:
 *
 *     for (int k = 0; k < 4; ++k) {
 *       simdgroup_half8x8 a[4], b[4];
 *       for (i) simdgroup_load(a[i], x_tile + ..., pitch);
 *       for (j) simdgroup_load(b[j], w_tile + ..., pitch);
 *       for (i, j) simdgroup_multiply_accumulate(acc[i * 4 + j], a[i], b[j],
 *                                                acc[i * 4 + j]);
 *     }
 *
 * The pairs go in serpentine order, as MLX has it (METAL-FACTS 4.3): every
 * other row of fragments from the last column to the first, so that successive
 * products share an operand. No sum depends on it.
 *
 * Operands come from a tile staged in threadgroup memory (emitter_stage.c),
 * or from registers, where each thread puts its two elements of a fragment
 * into thread_elements() (lane map: METAL-FACTS 6.5, 29). half and float are
 * multiplied as they are; bf16 as float, which is exact: simdgroup matrices
 * of bfloat that are assembled by hand go wrong on M1 (METAL-FACTS 3.8), so
 * threads read bf16 tiles element by element and widen them.
 *
 * Tiles with less than 8 rows or columns. Their layout lets the rows and
 * columns that are missing in a fragment hold copies of those that are there
 * (layout.h), so threads read operands element by element as well; where K is
 * less than 8, what lies behind it is zero in both operands. The accumulator
 * is an array of numbers then, and is put into matrices for the dot.
 *
 * A batch (three dimensions) is a loop around the steps of K.
 * simdgroup_barrier(mem_none) between loads and products is a scheduling hint
 * that ggml and MLX also give.
 */
#include "emitter.h"

/* Steps of K whose operands come from memory: more of them unrolled would
 * only fill the instruction cache (12 KB a core, METAL-FACTS 2.5). */
enum { MAX_UNROLLED_STEPS = 8 };

typedef struct bits { /* register bits of a layout, as a loop walks them */
  uint32_t bit[TM_MAX_REG_BITS], n;
} bits;

typedef struct dot {
  emitter *e;
  tm_inst inst;
  const tm_layout *acc;
  uint32_t n_bits, m_bits; /* of the product's last two dimensions */
  uint32_t first;          /* register bits inside a fragment */
  bits row, col, batch;    /* of acc: walk fragments and batches */
  uint32_t k_bits;         /* log2 of K */
  tm_k_order order;        /* in which fragments take K */
  uint32_t windows;        /* log2 of the parts of K staged by themselves */
  const char *k, *b, *w;   /* variables of the steps, batches and windows */
} dot;

static bool shape_of(emitter *e, tm_inst inst, dot *out) {
  const tm_inst_data *d = tm_get(e->ir, inst);
  tm_type a = tm_type_of(e->ir, d->operands[0]);
  *out = (dot){.e = e, .inst = inst, .acc = msl_layout(e, d->results)};
  if (!out->acc || !tm_layout_is_fragment(out->acc)) {
    msl_broken(e, inst, "a dot whose result is not in fragments");
    return false;
  }
  uint32_t rank = out->acc->rank;
  out->n_bits = out->acc->dim_bits[rank - 1];
  out->m_bits = out->acc->dim_bits[rank - 2];
  while (1u << out->k_bits < (uint64_t)a->shape[rank - 1]) out->k_bits++;
  out->windows = e->windows[inst];
  out->order =
      (tm_k_order)tm_inst_int(e->ir, inst, TM_ATTR_K_ORDER, 0);
  out->first = out->n_bits > 0;
  for (uint32_t i = out->first; i < out->acc->n_reg; i++) {
    uint32_t v = out->acc->reg[i];
    bits *to = v >> (out->n_bits + out->m_bits) ? &out->batch
               : v >> out->n_bits               ? &out->row
                                                : &out->col;
    to->bit[to->n++] = i;
  }
  return true;
}

static bool types_are_supported(emitter *e, tm_inst inst) {
  const tm_inst_data *d = tm_get(e->ir, inst);
  tm_scalar a = msl_scalar_of(tm_type_of(e->ir, d->operands[0]));
  tm_scalar b = msl_scalar_of(tm_type_of(e->ir, d->operands[1]));
  tm_scalar c = msl_scalar_of(tm_type_of(e->ir, d->results));
  if (a == b && (a == TM_F16 || a == TM_F32 || a == TM_BF16) && c == TM_F32)
    return true;
  msl_broken(e, inst, "a dot of types that seed.c refuses");
  return false;
}

/* ---- elements of operands ----------------------------------------------- */

static tm_value operand_of(const dot *d, int operand) {
  return tm_get(d->e->ir, d->inst)->operands[operand];
}

/* The conversion that is staged instead of the operand, or 0. */
static tm_inst staged_operand(const dot *d, int operand) {
  tm_inst def = tm_val(d->e->ir, operand_of(d, operand))->def;
  return def && d->e->stagings[def] ? def : 0;
}

static tm_scalar operand_scalar(const dot *d, int operand) {
  return msl_scalar_of(tm_type_of(d->e->ir, operand_of(d, operand)));
}

/* Register bit of layout with this basis vector. */
static bool find_register(const tm_layout *layout, uint32_t basis,
                          uint32_t *mask) {
  for (uint32_t i = 0; i < layout->n_reg; i++)
    if (layout->reg[i] == basis) {
      *mask = 1u << i;
      return true;
    }
  return false;
}

/* The fragments that the loops are at, in registers of the operand's layout:
 * var (rows of A or columns of B), step, batch, and window unless the windows
 * are staged one by one. */
static bool operand_point(const dot *d, int operand, const char *var,
                          bool windowed, msl_point *p) {
  const tm_layout *l = msl_layout(d->e, operand_of(d, operand));
  uint32_t rank = l->rank, low = l->dim_bits[rank - 1];
  uint32_t k_shift = operand ? low : 0, mn_shift = operand ? 0 : low;
  uint32_t batch_shift = low + l->dim_bits[rank - 2];
  const bits *mn = operand ? &d->col : &d->row;
  uint32_t steps = d->k_bits > 3 ? d->k_bits - 3 - d->windows : 0;
  bool ok = true;
  *p = (msl_point){.n_comp = 0};
  p->var[0].name = var, p->var[0].n = var ? mn->n : 0;
  for (uint32_t i = 0; i < p->var[0].n; i++) {
    uint32_t v = d->acc->reg[mn->bit[i]] >> (operand ? 0 : d->n_bits);
    ok = ok && find_register(l, v << mn_shift, &p->var[0].col[i]);
  }
  p->var[1].name = d->k, p->var[1].n = d->k ? steps : 0;
  for (uint32_t i = 0; i < p->var[1].n; i++)
    ok = ok && find_register(l, tm_k_order_step(d->order, i) << k_shift,
                             &p->var[1].col[i]);
  p->var[2].name = d->b, p->var[2].n = d->b ? d->batch.n : 0;
  for (uint32_t i = 0; i < p->var[2].n; i++) {
    uint32_t v = d->acc->reg[d->batch.bit[i]] >> (d->n_bits + d->m_bits);
    ok = ok && find_register(l, v << batch_shift, &p->var[2].col[i]);
  }
  p->var[3].name = d->w, p->var[3].n = d->w && !windowed ? d->windows : 0;
  for (uint32_t i = 0; i < p->var[3].n; i++)
    ok = ok && find_register(l, tm_k_order_step(d->order, steps + i)
                                    << k_shift, &p->var[3].col[i]);
  if (!ok) msl_broken(d->e, d->inst, "a dot operand whose layout differs");
  return ok;
}

/* Where K is less than 8: the condition that element t of a fragment lies
 * before its end; NULL when all do. */
static const char *inside_k(const dot *d, int operand, uint32_t t) {
  if (d->k_bits >= 3) return NULL;
  static const uint32_t row_lanes[] = {2, 4, 16}; /* rows 1, 2, 4 */
  static const uint32_t col_lanes[] = {0, 1, 8};  /* columns 1, 2, 4 */
  uint32_t mask = 0;
  for (uint32_t i = d->k_bits; i < 3; i++)
    mask |= (operand ? row_lanes : col_lanes)[i];
  if (!operand && d->k_bits == 0 && t == 1) return "false";
  const char *when = msl_when_zero(d->e, mask);
  return when ? when : "true";
}

/* target's element t = text, a number of the fragment's type. */
static void put_element(const dot *d, int operand, const char *target,
                        uint32_t t, const char *text) {
  const char *when = inside_k(d, operand, t);
  tm_scalar s = operand_scalar(d, operand);
  if (when && strcmp(when, "true")) {
    const char *zero = msl_zero(d->e, s).text;
    if (!strcmp(when, "false")) text = zero;
    else text = msl_text(d->e, "%s ? %s : %s", when, text, zero);
  }
  msl_line(d->e, "%s.thread_elements()[%u] = %s;", target, (unsigned)t, text);
}

/* The register, as a mask, of the second of a thread's two elements of a
 * fragment, which is one index along K in A, one column in B. */
static uint32_t elements_apart(const dot *d, int operand) {
  const tm_layout *l = msl_layout(d->e, operand_of(d, operand));
  uint32_t mask = 0;
  if (l->dim_bits[l->rank - 1] == 0) return 0; /* there is one column */
  if (!find_register(l, operand ? 1 : tm_k_order_inside(d->order, 0), &mask))
    msl_broken(d->e, d->inst, "a dot operand whose pairs are apart");
  return mask;
}

/* Are the fragments of the operand 8x8 squares of the tile? */
static bool has_squares(const dot *d, int operand) {
  return !d->order && (!operand || d->acc->lane[0] <= 2);
}

static void from_registers(const dot *d, int operand, const char *target,
                           const msl_point *at) {
  msl_point p = *at;
  for (uint32_t t = 0; t < 2; t++) {
    p.base = t * elements_apart(d, operand);
    put_element(d, operand, target, t,
                msl_eval(d->e, operand_of(d, operand), &p).text);
  }
}

/* ---- staged tiles ------------------------------------------------------- */

/* Can simdgroup_load read the tile? */
static bool has_matrices(const dot *d, int operand) {
  return operand_scalar(d, operand) != TM_BF16 && d->k_bits >= 3 &&
         has_squares(d, operand) &&
         (operand ? d->n_bits : d->m_bits) >= 3;
}

static void load_matrix(const dot *d, tm_inst stage, const char *target,
                        const msl_point *p) {
  emitter *e = d->e;
  const msl_region *region = msl_stage_region(e, stage);
  tm_layout l = msl_stage_layout(e, stage);
  memset(l.lane, 0, sizeof l.lane);
  msl_expr at = msl_tile_index(e, &l, p, region->row, region->pitch);
  msl_sum sum = {.n = 0};
  msl_sum_add(&sum, msl_primary(region->name, 1));
  msl_sum_add(&sum, at);
  msl_line(e, "simdgroup_load(%s, %s, %u%s);", target,
           msl_sum_text(e, &sum).text, (unsigned)region->pitch,
           e->stagings[stage]->transposed ? ", ulong2(0, 0), true" : "");
}

/* Both columns of a bf16 pair in one read. */
static void load_pair(const dot *d, int operand, tm_inst stage,
                      const char *target, const msl_point *p) {
  emitter *e = d->e;
  const msl_region *region = msl_stage_region(e, stage);
  tm_layout l = msl_stage_layout(e, stage);
  msl_expr at = msl_tile_index(e, &l, p, region->row, region->pitch);
  const char *pair = msl_name(e, "pair");
  msl_line(e, "const uint %s = *(threadgroup uint *)(%s + %s);", pair,
           region->name, msl_paren(e, at, MSL_ADD));
  put_element(d, operand, target, 0,
              msl_text(e, "as_type<float>(%s << 16)", pair));
  put_element(d, operand, target, 1,
              msl_text(e, "as_type<float>(%s & 0xffff0000u)", pair));
}

static void load_elements(const dot *d, int operand, tm_inst stage,
                          const char *target, const msl_point *at) {
  emitter *e = d->e;
  const msl_region *region = msl_stage_region(e, stage);
  tm_layout l = msl_stage_layout(e, stage);
  bool coded = operand_scalar(d, operand) == TM_BF16;
  uint32_t apart = elements_apart(d, operand);
  if (coded && apart && has_squares(d, operand) &&
      !e->stagings[stage]->transposed) {
    load_pair(d, operand, stage, target, at);
    return;
  }
  msl_point p = *at;
  for (uint32_t t = 0; t < 2; t++) {
    p.base = t * apart;
    msl_expr index = msl_tile_index(e, &l, &p, region->row, region->pitch);
    const char *x = msl_name(e, "x");
    msl_line(e, "const %s %s = %s[%s];", region->type, x, region->name,
             index.text);
    put_element(d, operand, target, t,
                coded ? msl_text(e, "as_type<float>(uint(%s) << 16)", x) : x);
  }
}

static void load_fragments(const dot *d, int operand, const char *name) {
  emitter *e = d->e;
  uint32_t n = 1u << (operand == 0 ? d->row.n : d->col.n);
  const char *var = msl_loop(e, operand == 0 ? "i" : "j", n);
  const char *target = var ? msl_text(e, "%s[%s]", name, var) : name;
  tm_inst stage = staged_operand(d, operand);
  msl_point p;
  bool windowed = stage && e->stagings[stage]->late;
  if (operand_point(d, operand, var, windowed, &p)) {
    if (!stage) from_registers(d, operand, target, &p);
    else if (has_matrices(d, operand)) load_matrix(d, stage, target, &p);
    else load_elements(d, operand, stage, target, &p);
  }
  if (var) msl_close(e);
}

/* ---- the accumulator ---------------------------------------------------- */

static void copy_part(const dot *d, const char *part, bool back) {
  emitter *e = d->e;
  const tm_inst_data *data = tm_get(e->ir, d->inst);
  uint32_t n = d->acc->n_reg - d->first;
  const char *f = msl_loop(e, "f", 1u << n);
  const char *entry = f ? msl_text(e, "%s[%s]", part, f) : part;
  msl_point p = {.n_comp = 0};
  p.var[0].name = f, p.var[0].n = f ? n : 0;
  for (uint32_t i = 0; i < p.var[0].n; i++)
    p.var[0].col[i] = 1u << (i + d->first);
  for (uint32_t t = 0; t < (back ? 1u + d->first : 2u); t++) {
    p.base = t * d->first;
    if (back)
      msl_line(e, "%s = %s.thread_elements()[%u];",
               msl_array_entry(e, data->results, &p), entry, (unsigned)t);
    else
      msl_line(e, "%s.thread_elements()[%u] = %s;", entry, (unsigned)t,
               msl_eval(e, data->operands[2], &p).text);
  }
  if (f) msl_close(e);
}

/* Matrices for a product whose result is an array of numbers. */
static const char *declare_part(const dot *d) {
  emitter *e = d->e;
  const char *part = msl_name(e, "part");
  uint32_t n = 1u << (d->acc->n_reg - d->first);
  if (n > 1) msl_line(e, "simdgroup_float8x8 %s[%u];", part, (unsigned)n);
  else msl_line(e, "simdgroup_float8x8 %s;", part);
  copy_part(d, part, false);
  return part;
}

/* ---- the product -------------------------------------------------------- */

static void declare_fragments(const dot *d, int operand, const char *name) {
  uint32_t n = 1u << (operand == 0 ? d->row.n : d->col.n);
  const char *type = msl_type(d->e, operand_scalar(d, operand), 1);
  if (n > 1)
    msl_line(d->e, "simdgroup_%s8x8 %s[%u];", type, name, (unsigned)n);
  else
    msl_line(d->e, "simdgroup_%s8x8 %s;", type, name);
}

static void add_index(const dot *d, const bits *walk, const char *var,
                      msl_sum *sum) {
  uint32_t image[TM_MAX_REG_BITS];
  for (uint32_t t = 0; t < walk->n; t++)
    image[t] = 1u << (walk->bit[t] - d->first);
  if (var) msl_sum_add(sum, msl_linear(d->e, var, walk->n, image));
}

/* The columns of row i of fragments, there and back: the product that begins
 * a row reads the fragment of B that the last one read. */
static const char *serpentine(const dot *d, const char *i) {
  emitter *e = d->e;
  uint32_t n = 1u << d->col.n;
  if (!i || n == 1) return msl_loop(e, "j", n);
  const char *t = msl_loop(e, "t", n), *j = msl_name(e, "j");
  msl_line(e, "const int %s = %s & 1 ? %u - %s : %s;", j, i, (unsigned)n - 1,
           t, t);
  return j;
}

static void multiply(const dot *d, const char *acc, const char *a,
                     const char *b) {
  emitter *e = d->e;
  const char *i = msl_loop(e, "i", 1u << d->row.n);
  const char *j = serpentine(d, i);
  msl_sum index = {.n = 0};
  add_index(d, &d->row, i, &index);
  add_index(d, &d->col, j, &index);
  add_index(d, &d->batch, d->b, &index);
  const char *at = index.n ? msl_text(e, "%s[%s]", acc,
                                      msl_sum_text(e, &index).text) : acc;
  msl_line(e, "simdgroup_multiply_accumulate(%s, %s%s%s%s, %s%s%s%s, %s);",
           at, a, i ? "[" : "", i ? i : "", i ? "]" : "", b, j ? "[" : "",
           j ? j : "", j ? "]" : "", at);
  if (j) msl_close(e);
  if (i) msl_close(e);
}

/* All steps of K, or of a window of it. */
static void steps(dot *d, const char *acc) {
  emitter *e = d->e;
  d->b = msl_loop(e, "batch", 1u << d->batch.n);
  uint32_t left = d->k_bits > 3 ? d->k_bits - 3 - d->windows : 0;
  bool memory = staged_operand(d, 0) && staged_operand(d, 1);
  d->k = memory && 1u << left > MAX_UNROLLED_STEPS
             ? msl_loop_rolled(e, "k", 1u << left)
             : msl_loop(e, "k", 1u << left);
  const char *a = msl_name(e, "a"), *b = msl_name(e, "b");
  declare_fragments(d, 0, a);
  declare_fragments(d, 1, b);
  load_fragments(d, 0, a);
  msl_line(e, "simdgroup_barrier(mem_flags::mem_none);");
  load_fragments(d, 1, b);
  msl_line(e, "simdgroup_barrier(mem_flags::mem_none);");
  multiply(d, acc, a, b);
  if (d->k) msl_close(e);
  if (d->b) msl_close(e);
}

/* Stores the operands that the dot itself stages, and waits for all. */
static void stage_operands(const dot *d) {
  emitter *e = d->e;
  for (int i = 0; i < 2; i++) {
    tm_inst stage = staged_operand(d, i);
    if (stage && msl_stage_is_late(e, stage)) msl_stage(e, stage, d->w);
  }
}

/* Twice: the barrier before the second one's reads comes before the first
 * one's, too, and must not be taken to be behind them. */
static void await_operands(const dot *d) {
  for (int i = 0; i < 4; i++) {
    tm_inst stage = staged_operand(d, i % 2);
    if (stage) msl_region_read(d->e, msl_stage_region(d->e, stage));
  }
}

/* The window before was read, and another will be stored. */
static void enter_windows(const dot *d) {
  for (int i = 0; i < 2; i++) {
    tm_inst stage = staged_operand(d, i);
    if (stage && msl_stage_is_late(d->e, stage))
      msl_region_note(d->e, msl_stage_region(d->e, stage), true, false);
  }
}

void msl_dot(emitter *e, tm_inst inst) {
  const tm_inst_data *data = tm_get(e->ir, inst);
  dot d;
  if (!types_are_supported(e, inst) || !shape_of(e, inst, &d)) return;
  tm_value v = data->results;
  msl_value *value = &e->values[v];
  bool matrices = e->values[value->storage].place == MSL_IN_FRAGMENTS;
  if (!d.windows) stage_operands(&d);
  bool carried = e->tensors[inst] && e->tensors[inst]->loop;
  if (value->storage == v && !carried) {
    value->name = msl_name_of(e, v, "acc");
    msl_declare_array(e, v);
  }
  if (e->tensors[inst]) {
    await_operands(&d);
    msl_tensor_dot(e, inst);
    return;
  }
  if (matrices) msl_copy(e, v, data->operands[2]);
  if (!d.windows) await_operands(&d);
  const char *acc = matrices ? e->values[value->storage].name
                             : declare_part(&d);
  if (d.windows) {
    d.w = msl_loop(e, "w", 1u << d.windows);
    enter_windows(&d);
    stage_operands(&d);
    await_operands(&d);
  }
  steps(&d, acc);
  if (d.w) msl_close(e);
  if (!matrices) copy_part(&d, acc, true);
}
