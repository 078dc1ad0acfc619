/* SPDX-License-Identifier: MIT */
/*
 * emitter_dot.c - tt.dot on 8x8 simdgroup matrices.
 *
 * The accumulator is an array of matrices, one for each 8x8 fragment of the
 * simdgroup's part of the tile, fragments of a row of fragments next to each
 * other. For each step of 8 along K the simdgroup loads a column of A
 * fragments and a row of B fragments and multiplies all pairs:
 *
 *     for (int k = 0; k < 32; k += 8) {
 *       simdgroup_half8x8 a[4], b[4];
 *       for (i) simdgroup_load(a[i], x_tile + ..., pitch);
 *       for (j) simdgroup_load(b[j], w_tile + ..., pitch);
 *       for (i, j) simdgroup_multiply_accumulate(acc[i * 4 + j], a[i], b[j],
 *                                                acc[i * 4 + j]);
 *     }
 *
 * Operands come from a staged tile in threadgroup memory, or from registers,
 * where each thread puts its two elements of a fragment into
 * thread_elements() (lane map: METAL-FACTS 6.5, 29). half and float operands
 * are multiplied as they are, with the accumulator's type; bf16 as float,
 * which is exact. simdgroup_barrier(mem_none) between loads and products is a
 * scheduling hint that ggml and MLX also give.
 */
#include "emitter.h"

typedef struct dot {
  emitter *e;
  tm_inst inst;
  const tm_layout *acc;
  uint32_t n_bits; /* of n, columns of the accumulator */
  uint32_t row_bits[TM_MAX_REG_BITS], n_rows; /* acc register bits that walk
                                                 rows of fragments */
  uint32_t col_bits[TM_MAX_REG_BITS], n_cols;
  uint32_t k;      /* extent of K */
} dot;

static bool shape_of(emitter *e, tm_inst inst, dot *out) {
  const tm_inst_data *d = tm_get(e->ir, inst);
  tm_type a = tm_type_of(e->ir, d->operands[0]);
  *out = (dot){.e = e, .inst = inst};
  if (a->rank != 2) {
    tm_diag *diag = msl_refuse(e, inst, "tl.dot of tiles with %u dimensions",
                               (unsigned)a->rank);
    tm_diag_hint(e->diags, diag, "loop over the leading dimension");
    return false;
  }
  out->acc = msl_layout(e, d->results);
  out->k = (uint32_t)a->shape[1];
  out->n_bits = out->acc->dim_bits[1];
  if (!tm_layout_is_fragment(out->acc) || out->k < 8) {
    msl_broken(e, inst, "a dot whose result is not in fragments");
    return false;
  }
  for (uint32_t i = 1; i < out->acc->n_reg; i++) {
    bool is_row = (out->acc->reg[i] >> out->n_bits) != 0;
    if (is_row) out->row_bits[out->n_rows++] = i;
    else out->col_bits[out->n_cols++] = i;
  }
  return true;
}

static bool types_are_supported(emitter *e, tm_inst inst) {
  const tm_inst_data *d = tm_get(e->ir, inst);
  tm_scalar a = msl_scalar_of(tm_type_of(e->ir, d->operands[0]));
  tm_scalar b = msl_scalar_of(tm_type_of(e->ir, d->operands[1]));
  tm_scalar c = msl_scalar_of(tm_type_of(e->ir, d->results));
  bool fine = a == b && (a == TM_F16 || a == TM_F32 || a == TM_BF16) &&
              (c == TM_F32 || (c == TM_F16 && a == TM_F16));
  if (fine) return true;
  tm_diag *diag = msl_refuse(
      e, inst, "tl.dot of %s by %s into %s: simdgroup matrices multiply half "
      "and float", tm_scalar_name(a), tm_scalar_name(b), tm_scalar_name(c));
  tm_diag_hint(e->diags, diag, "cast the operands with .to(tl.float16) or "
               ".to(tl.float32)");
  return false;
}

/* ---- operands --------------------------------------------------------- */

/* Element offset of this simdgroup's part: bits of row (or column). */
static msl_expr simdgroup_part(const dot *d, bool rows, uint32_t by) {
  uint32_t image[TM_LANE_BITS + TM_MAX_WARP_BITS] = {0};
  for (uint32_t i = 0; i < d->acc->n_warp; i++) {
    uint32_t basis = d->acc->warp[i];
    image[TM_LANE_BITS + i] =
        (rows ? basis >> d->n_bits : basis & ((1u << d->n_bits) - 1)) * by;
  }
  return msl_thread_part(d->e, image);
}

/* Offset of fragment row i (or column j) in elements. */
static msl_expr fragment_part(const dot *d, bool rows, const char *var,
                              uint32_t by) {
  uint32_t image[TM_MAX_REG_BITS], n = rows ? d->n_rows : d->n_cols;
  for (uint32_t b = 0; b < n; b++) {
    uint32_t basis = d->acc->reg[rows ? d->row_bits[b] : d->col_bits[b]];
    image[b] = (rows ? basis >> d->n_bits : basis) * by;
  }
  return var ? msl_linear(d->e, var, n, image) : msl_primary("0", 1);
}

static msl_expr scaled(emitter *e, msl_expr x, uint32_t by) {
  if (strcmp(x.text, "0") == 0 || by == 1) return x;
  return (msl_expr){msl_text(e, "%s * %u", msl_paren(e, x, MSL_PRIMARY),
                             (unsigned)by), MSL_MUL, 1};
}

static void load_staged(const dot *d, tm_inst convert, int operand,
                        const char *target, const char *var,
                        const char *k) {
  emitter *e = d->e;
  const msl_region *region = msl_region_of(e, convert, 0);
  bool transposed = msl_stage_is_transposed(e, convert);
  bool rows = operand == 0;
  /* A: rows of memory are M unless transposed; B: rows are K. */
  uint32_t by_k = (rows != transposed) ? 1 : region->pitch;
  uint32_t by_mn = (rows != transposed) ? region->pitch : 1;
  msl_sum sum = {.n = 0};
  msl_sum_add(&sum, msl_primary(region->name, 1));
  msl_sum_add(&sum, simdgroup_part(d, rows, by_mn));
  msl_sum_add(&sum, fragment_part(d, rows, var, by_mn));
  if (k) msl_sum_add(&sum, scaled(e, msl_primary(k, 1), by_k));
  msl_line(e, "simdgroup_load(%s, %s, %u%s);", target,
           msl_sum_text(e, &sum).text, (unsigned)region->pitch,
           transposed ? ", ulong2(0, 0), true" : "");
}

/* Register bit of layout with this basis vector. */
static bool find_register(const tm_layout *layout, uint32_t basis,
                          uint32_t *bit) {
  for (uint32_t i = 0; i < layout->n_reg; i++)
    if (layout->reg[i] == basis) {
      *bit = i;
      return true;
    }
  return false;
}

static void load_registers(const dot *d, tm_value v, int operand,
                           const char *target, const char *var,
                           const char *k) {
  emitter *e = d->e;
  const tm_layout *layout = msl_layout(e, v);
  bool rows = operand == 0;
  uint32_t k_bits = 0, low = layout->dim_bits[1], bit = 0;
  while (8u << k_bits < d->k) k_bits++;
  msl_point p = {.n_comp = 0};
  bool found = tm_layout_is_fragment(layout);
  uint32_t n = rows ? d->n_rows : d->n_cols;
  p.var[0].name = var;
  p.var[0].n = var ? n : 0;
  for (uint32_t b = 0; b < n && var; b++) {
    uint32_t basis = d->acc->reg[rows ? d->row_bits[b] : d->col_bits[b]];
    if (rows) basis = basis >> d->n_bits << low;
    found = found && find_register(layout, basis, &bit);
    p.var[0].col[b] = 1u << bit;
  }
  p.var[1].name = k;
  p.var[1].n = k ? k_bits + 3 : 0;
  for (uint32_t b = 0; b < k_bits && k; b++) {
    uint32_t basis = rows ? 8u << b : 8u << b << low;
    found = found && find_register(layout, basis, &bit);
    p.var[1].col[b + 3] = 1u << bit;
  }
  if (!found) {
    msl_broken(e, d->inst, "a dot operand whose layout does not match");
    return;
  }
  for (uint32_t t = 0; t < 2; t++) {
    p.base = t;
    msl_line(e, "%s.thread_elements()[%u] = %s;", target, (unsigned)t,
             msl_eval(e, v, &p).text);
  }
}

static void load_fragments(const dot *d, int operand, const char *name,
                           const char *k) {
  emitter *e = d->e;
  tm_value v = tm_get(e->ir, d->inst)->operands[operand];
  uint32_t n = 1u << (operand == 0 ? d->n_rows : d->n_cols);
  const char *var = msl_loop(e, operand == 0 ? "i" : "j", n);
  const char *target = var ? msl_text(e, "%s[%s]", name, var) : name;
  tm_inst def = tm_val(e->ir, v)->def;
  if (def && e->staged[def])
    load_staged(d, def, operand, target, var, k);
  else
    load_registers(d, v, operand, target, var, k);
  if (var) msl_close(e);
}

/* ---- the product ------------------------------------------------------ */

static void declare_fragments(const dot *d, int operand, const char *name) {
  tm_value v = tm_get(d->e->ir, d->inst)->operands[operand];
  tm_scalar scalar = msl_scalar_of(tm_type_of(d->e->ir, v));
  uint32_t n = 1u << (operand == 0 ? d->n_rows : d->n_cols);
  const char *type = msl_type(d->e, scalar, 1);
  if (n > 1)
    msl_line(d->e, "simdgroup_%s8x8 %s[%u];", type, name, (unsigned)n);
  else
    msl_line(d->e, "simdgroup_%s8x8 %s;", type, name);
}

static void multiply(const dot *d, const char *acc, const char *a,
                     const char *b) {
  emitter *e = d->e;
  const char *i = msl_loop(e, "i", 1u << d->n_rows);
  const char *j = msl_loop(e, "j", 1u << d->n_cols);
  uint32_t image[TM_MAX_REG_BITS];
  msl_sum index = {.n = 0};
  for (uint32_t t = 0; t < d->n_rows; t++)
    image[t] = 1u << (d->row_bits[t] - 1);
  if (i) msl_sum_add(&index, msl_linear(e, i, d->n_rows, image));
  for (uint32_t t = 0; t < d->n_cols; t++)
    image[t] = 1u << (d->col_bits[t] - 1);
  if (j) msl_sum_add(&index, msl_linear(e, j, d->n_cols, image));
  const char *at =
      i || j ? msl_text(e, "%s[%s]", acc, msl_sum_text(e, &index).text) : acc;
  msl_line(e, "simdgroup_multiply_accumulate(%s, %s%s%s%s, %s%s%s%s, %s);",
           at, a, i ? "[" : "", i ? i : "", i ? "]" : "", b, j ? "[" : "",
           j ? j : "", j ? "]" : "", at);
  if (j) msl_close(e);
  if (i) msl_close(e);
}

void msl_dot(emitter *e, tm_inst inst) {
  const tm_inst_data *data = tm_get(e->ir, inst);
  dot d;
  if (!types_are_supported(e, inst) || !shape_of(e, inst, &d)) return;
  for (int i = 0; i < 2; i++) {
    tm_inst def = tm_val(e->ir, data->operands[i])->def;
    if (def && e->staged[def] && tm_get(e->ir, def)->block == data->block)
      msl_stage(e, def);
  }
  tm_value v = data->results;
  msl_value *value = &e->values[v];
  if (value->storage == v) {
    value->name = msl_name_of(e, v, "acc");
    msl_declare_array(e, v);
  }
  msl_copy(e, v, data->operands[2]);
  for (int i = 0; i < 2; i++) {
    tm_inst def = tm_val(e->ir, data->operands[i])->def;
    if (def && e->staged[def])
      msl_region_read(e, msl_region_of(e, def, 0));
  }
  const char *k = NULL;
  if (d.k > 8) k = msl_loop_from(e, "k", 0, d.k, 8);
  const char *a = msl_name(e, "a"), *b = msl_name(e, "b");
  declare_fragments(&d, 0, a);
  declare_fragments(&d, 1, b);
  load_fragments(&d, 0, a, k);
  msl_line(e, "simdgroup_barrier(mem_flags::mem_none);");
  load_fragments(&d, 1, b, k);
  msl_line(e, "simdgroup_barrier(mem_flags::mem_none);");
  multiply(&d, e->values[value->storage].name, a, b);
  if (k) msl_close(e);
}
