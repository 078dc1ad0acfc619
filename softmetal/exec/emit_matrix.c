/* SPDX-License-Identifier: MIT */
/*
 * emit_matrix.c - simdgroup matrices.
 *
 * A fragment (simdgroup_matrix 8x8) is one vector of 64 floats, row major;
 * those of half and bfloat hold floats that are exactly representable.
 * The product is eight rank-one updates: column k of a, repeated along rows,
 * times row k of b, repeated down columns; with 16-float registers each of
 * the four registers of the result takes one multiply-add per k. With
 * 8-float registers a result fills half of them, so fragments stay in memory
 * and products are calls.
 *
 * thread_elements() uses the lane map that all Apple GPUs share
 * (as MLX and tinygrad rely on it): for lane l and element i,
 *   row = ((l >> 1) & 3) | ((l >> 4) & 1) << 2
 *   col = (l & 1) << 1 | ((l >> 3) & 1) << 2 | i
 */
#include "emit.h"

#include "rt.h"

static sm_value one(sm_emit *e, const sm_type *type, sm_leaf leaf) {
  sm_value v = sm_value_new(e, type);
  if (v.n) v.leaf[0] = leaf;
  return v;
}

/* ---- elements --------------------------------------------------------- */

static unsigned element_at(unsigned lane, unsigned i) {
  unsigned row = (lane >> 1 & 3) | (lane >> 4 & 1) << 2;
  unsigned col = (lane & 1) << 1 | (lane >> 3 & 1) << 2 | i;
  return row * 8 + col;
}

sm_val sm_fragment_element(sm_emit *e, sm_val fragment, unsigned i) {
  int mask[SM_LANES];
  for (unsigned l = 0; l < SM_LANES; l++) mask[l] = (int)element_at(l, i);
  return sm_shuffle(e, fragment, NULL, mask, SM_LANES);
}

sm_val sm_fragment_insert(sm_emit *e, sm_val fragment, unsigned i,
                          sm_val lanes) {
  int widen[64], mask[64];
  for (int k = 0; k < 64; k++) {
    widen[k] = k < SM_LANES ? k : -1;
    mask[k] = k;
  }
  for (unsigned l = 0; l < SM_LANES; l++)
    mask[element_at(l, i)] = 64 + (int)l;
  sm_val wide = sm_shuffle(e, lanes, NULL, widen, 64);
  return sm_shuffle(e, fragment, wide, mask, 64);
}

static sm_val transpose(sm_emit *e, sm_val f) {
  int mask[64];
  for (int k = 0; k < 64; k++) mask[k] = k % 8 * 8 + k / 8;
  return sm_shuffle(e, f, NULL, mask, 64);
}

/* To what a fragment of s can hold. */
static sm_val rounded(sm_emit *e, sm_val f, sm_scalar s) {
  unsigned n = LL.GetVectorSize(LL.TypeOf(f));
  if (s == SM_BFLOAT) return sm_round_bfloat(e, f);
  if (s != SM_HALF) return f;
  return CONVERT(FPExt, CONVERT(FPTrunc, f, sm_vector_type(e->f16, n)),
                 LL.TypeOf(f));
}

/* From and to the form in memory. */
static sm_val widened(sm_emit *e, sm_val f, sm_scalar s) {
  unsigned n = LL.GetVectorSize(LL.TypeOf(f));
  sm_ty floats = sm_vector_type(e->f32, n);
  if (s == SM_HALF) return CONVERT(FPExt, f, floats);
  if (s != SM_BFLOAT) return f;
  sm_val wide = CONVERT(ZExt, f, sm_vector_type(e->i32, n));
  return CONVERT(BitCast, OP2(Shl, wide, sm_splat_n(e, sm_i32(e, 16), n)),
                 floats);
}

static sm_val narrowed(sm_emit *e, sm_val f, sm_scalar s) {
  unsigned n = LL.GetVectorSize(LL.TypeOf(f));
  if (s == SM_HALF) return CONVERT(FPTrunc, f, sm_vector_type(e->f16, n));
  if (s != SM_BFLOAT) return f;
  sm_val wide = CONVERT(BitCast, f, sm_vector_type(e->i32, n));
  return CONVERT(Trunc, OP2(LShr, wide, sm_splat_n(e, sm_i32(e, 16), n)),
                 sm_vector_type(e->i16, n));
}

static sm_val quarter(sm_emit *e, sm_val f, int q) {
  int mask[16];
  for (int i = 0; i < 16; i++) mask[i] = q * 16 + i;
  return sm_shuffle(e, f, NULL, mask, 16);
}

/* a * b + c, c may be NULL. Two rows at a time: pieces of 16 floats are what
 * registers hold, and give LLVM less to take apart. */
static sm_val multiply(sm_emit *e, sm_val a, sm_val b, sm_val c) {
  sm_ty type = sm_vector_type(e->f32, 16);
  sm_val sum[4], left[4], rows[8];
  for (int q = 0; q < 4; q++) {
    sm_val two = quarter(e, b, q);
    for (int k = 0; k < 2; k++) {
      int mask[16];
      for (int i = 0; i < 16; i++) mask[i] = k * 8 + i % 8;
      rows[2 * q + k] = sm_shuffle(e, two, NULL, mask, 16);
    }
    left[q] = quarter(e, a, q);
    sum[q] = c ? quarter(e, c, q) : NULL;
  }
  for (int k = 0; k < 8; k++) {
    int column[16];
    for (int i = 0; i < 16; i++) column[i] = i / 8 * 8 + k;
    for (int q = 0; q < 4; q++) {
      sm_val x = sm_shuffle(e, left[q], NULL, column, 16);
      if (!sum[q]) {
        sum[q] = OP2(FMul, x, rows[k]);
        continue;
      }
      sm_val args[3] = {x, rows[k], sum[q]};
      sum[q] = sm_intrinsic(e, "llvm.fma", &type, 1, args, 3);
    }
  }
  int mask[64];
  for (int i = 0; i < 64; i++) mask[i] = i;
  for (int q = 0; q < 2; q++)
    sum[q] = sm_shuffle(e, sum[2 * q], sum[2 * q + 1], mask, 32);
  return sm_shuffle(e, sum[0], sum[1], mask, 64);
}

/* The address of row r as a uniform pointer; the whole access is checked
 * as two elements per lane, four lanes per row. */
typedef struct tile {
  sm_leaf base;
  sm_val row_bytes;
  bool dense; /* rows follow each other */
  sm_space space;
  unsigned bytes;
} tile;

static tile tile_of(sm_emit *e, const sm_expr *x, sm_scalar s, bool write) {
  tile t;
  sm_value p = sm_emit_value(e, x->args.data[1]);
  sm_value ld = sm_emit_value(e, x->args.data[2]);
  sm_value origin = sm_emit_value(e, x->args.data[3]);
  const sm_type *pt = x->args.data[1]->type;
  int64_t k;
  if (p.leaf[0].form == SM_PLACE)
    sm_emit_fail(e, x->loc, "simdgroup matrices are loaded from and stored "
                 "to device or threadgroup memory only");
  t.space = pt->space;
  t.bytes = sm_scalar_bytes(s);
  t.base = p.leaf[0];
  if (t.base.form != SM_UNI) { /* the same in all lanes by the language */
    int8_t root = t.base.root;
    t.base = sm_leaf_uni(sm_first(e, &t.base));
    t.base.root = root;
  }
  sm_val step = sm_first(e, &ld.leaf[0]);
  t.dense = sm_const_int(step, &k) && k == 8;
  t.row_bytes = OP2(Mul, step, sm_i64(e, t.bytes));
  sm_val ox = sm_first(e, &origin.leaf[0]);
  sm_val oy = sm_first(e, &origin.leaf[1]);
  sm_val off = OP2(Add, OP2(Mul, oy, t.row_bytes),
                   OP2(Mul, ox, sm_i64(e, t.bytes)));
  t.base.v = sm_at(e, t.base.v, off);
  sm_note_access(e, &t.base, t.space, write);
  if (e->options->check || e->options->counters) {
    sm_leaf all = t.base;
    all.form = SM_LIN;
    all.coef[0] = sm_i64(e, 2u * t.bytes);
    all.coef[1] = sm_i64(e, 4u * t.bytes);
    all.coef[2] = t.row_bytes;
    all.coef[3] = OP2(Mul, t.row_bytes, sm_i64(e, 2));
    all.coef[4] = OP2(Mul, t.row_bytes, sm_i64(e, 4));
    e->access_align = t.bytes;
    sm_check_access(e, &all, t.space, 2 * t.bytes,
                    write ? SM_ACCESS_WRITE : 0, x->loc);
  }
  return t;
}

static sm_val row_at(sm_emit *e, const tile *t, unsigned row) {
  return sm_at(e, t->base.v, OP2(Mul, t->row_bytes, sm_i64(e, row)));
}

static sm_val is_transposed(sm_emit *e, const sm_expr *x) {
  sm_value v = sm_emit_value(e, x->args.data[4]);
  return sm_first(e, &v.leaf[0]);
}

static sm_val join_rows(sm_emit *e, sm_val *rows) {
  unsigned n = 8;
  for (unsigned count = 8; count > 1; count /= 2, n *= 2)
    for (unsigned i = 0; i < count / 2; i++) {
      int mask[64];
      for (unsigned k = 0; k < 2 * n; k++) mask[k] = (int)k;
      rows[i] = sm_shuffle(e, rows[2 * i], rows[2 * i + 1], mask, 2 * n);
    }
  return rows[0];
}

/* ---- fragments in memory ----------------------------------------------- */

/* Whether products are calls of rt_matrix.c: where registers are too few to
 * hold more than one fragment, operands are better taken from memory. */
static bool by_call(const sm_emit *e) {
  return !e->wide && sm_rt_has_matrix(sm_llvm_features());
}

/* The memory of a local fragment; NULL: it has none. */
static sm_val place_memory(sm_emit *e, const sm_place *p) {
  if (p->kind != SM_P_SLOT || p->is_element || p->index_varies) return NULL;
  sm_val at = sm_at(e, p->state->memory, sm_i64(e, p->offset));
  return p->index ? sm_at(e, at, p->index) : at;
}

/* The memory of a fragment that is read: its own, or a copy. */
static sm_val operand_memory(sm_emit *e, const sm_expr *x) {
  if (x->kind == SM_READ) {
    sm_place p = sm_emit_place(e, x->a[0]);
    sm_val own = place_memory(e, &p);
    if (own) return own;
  }
  sm_val v = sm_emit_value(e, x).leaf[0].v;
  sm_val copy = sm_alloca(e, LL.TypeOf(v), 256);
  LL.SetAlignment(LL.BuildStore(e->b, v, copy), 32);
  return copy;
}

static sm_val row_in(sm_emit *e, sm_val memory, unsigned row) {
  return sm_at(e, memory, sm_i64(e, row * 32u));
}

static sm_val load_row(sm_emit *e, sm_ty element, sm_val at, unsigned align) {
  sm_val v = LL.BuildLoad2(e->b, sm_vector_type(element, 8), at, "");
  LL.SetAlignment(v, align);
  return v;
}

static sm_ty memory_element(sm_emit *e, sm_scalar s) {
  return s == SM_BFLOAT ? e->i16 : sm_scalar_type(e, s);
}

/* Row by row between memory and a fragment's memory. */
static void rows_load(sm_emit *e, const tile *t, sm_scalar s, bool flip,
                      sm_val to) {
  sm_val rows[8], copy[3] = {to, t->base.v, t->row_bytes};
  if (s != SM_BFLOAT)
    sm_runtime(e, s == SM_HALF ? "sm_rt_matrix_load_half"
                               : "sm_rt_matrix_load", e->void_type, copy, 3);
  for (unsigned r = 0; r < 8 && s == SM_BFLOAT; r++)
    rows[r] = load_row(e, e->i16, row_at(e, t, r), t->bytes);
  for (unsigned r = 0; r < 8 && s == SM_BFLOAT; r++)
    LL.SetAlignment(LL.BuildStore(e->b, widened(e, rows[r], s),
                                  row_in(e, to, r)), 32);
  sm_val args[2] = {to, to};
  if (flip)
    sm_runtime(e, "sm_rt_matrix_transpose", e->void_type, args, 2);
}

static void rows_store(sm_emit *e, const tile *t, sm_scalar s, bool flip,
                       sm_val from) {
  sm_val rows[8];
  if (flip) {
    sm_val turned = sm_alloca(e, sm_vector_type(e->f32, 64), 256);
    sm_val args[2] = {turned, from};
    sm_runtime(e, "sm_rt_matrix_transpose", e->void_type, args, 2);
    from = turned;
  }
  if (s != SM_BFLOAT) {
    sm_val copy[3] = {from, t->base.v, t->row_bytes};
    sm_runtime(e, s == SM_HALF ? "sm_rt_matrix_store_half"
                               : "sm_rt_matrix_store", e->void_type, copy, 3);
    return;
  }
  for (unsigned r = 0; r < 8; r++)
    rows[r] = load_row(e, e->f32, row_in(e, from, r), 32);
  for (unsigned r = 0; r < 8; r++)
    LL.SetAlignment(LL.BuildStore(e->b, narrowed(e, rows[r], s),
                                  row_at(e, t, r)), t->bytes);
}

static void multiply_by_call(sm_emit *e, const sm_expr *x) {
  sm_scalar s = x->args.data[0]->type->scalar;
  sm_val args[4] = {NULL};
  unsigned n = x->args.len;
  for (unsigned i = 1; i < n && i < 4; i++)
    args[i] = operand_memory(e, x->args.data[i]);
  sm_place p = sm_emit_place(e, x->args.data[0]);
  sm_val own = place_memory(e, &p);
  args[0] = own ? own : sm_alloca(e, sm_vector_type(e->f32, 64), 256);
  sm_runtime(e, n == 4 ? "sm_rt_matrix_multiply_add"
                       : "sm_rt_matrix_multiply", e->void_type, args, n);
  if (own && s == SM_FLOAT) return;
  sm_val v = LL.BuildLoad2(e->b, sm_vector_type(e->f32, 64), args[0], "");
  LL.SetAlignment(v, 32);
  sm_place_write(e, &p, one(e, x->args.data[0]->type,
                            sm_leaf_uni(rounded(e, v, s))), x->loc);
}

/* ---- loads, stores, products ------------------------------------------- */

static void fragment_load(sm_emit *e, const sm_expr *x) {
  const sm_type *ft = x->args.data[0]->type;
  sm_scalar s = ft->scalar;
  tile t = tile_of(e, x, s, false);
  sm_val flip = is_transposed(e, x), f;
  sm_place p = sm_emit_place(e, x->args.data[0]);
  sm_val own = by_call(e) ? place_memory(e, &p) : NULL;
  int64_t k;
  if (own && sm_const_int(flip, &k)) {
    rows_load(e, &t, s, k != 0, own);
    return;
  }
  if (t.dense) {
    f = LL.BuildLoad2(e->b, sm_vector_type(memory_element(e, s), 64),
                      t.base.v, "");
    LL.SetAlignment(f, t.bytes);
  } else {
    sm_val rows[8];
    for (unsigned r = 0; r < 8; r++)
      rows[r] = load_row(e, memory_element(e, s), row_at(e, &t, r), t.bytes);
    f = join_rows(e, rows);
  }
  f = widened(e, f, s);
  if (!sm_const_int(flip, &k)) f = SELECT(flip, transpose(e, f), f);
  else if (k) f = transpose(e, f);
  sm_place_write(e, &p, one(e, ft, sm_leaf_uni(f)), x->loc);
}

static void fragment_store(sm_emit *e, const sm_expr *x) {
  const sm_expr *from = x->args.data[0];
  sm_scalar s = from->type->scalar;
  sm_val own = NULL;
  if (by_call(e) && from->kind == SM_READ) {
    sm_place p = sm_emit_place(e, from->a[0]);
    own = place_memory(e, &p);
  }
  sm_val f = own ? NULL : sm_emit_value(e, from).leaf[0].v;
  tile t = tile_of(e, x, s, true);
  sm_val flip = is_transposed(e, x);
  int64_t k;
  if (own && sm_const_int(flip, &k)) {
    rows_store(e, &t, s, k != 0, own);
    return;
  }
  if (own) {
    f = LL.BuildLoad2(e->b, sm_vector_type(e->f32, 64), own, "");
    LL.SetAlignment(f, 32);
  }
  if (!sm_const_int(flip, &k)) f = SELECT(flip, transpose(e, f), f);
  else if (k) f = transpose(e, f);
  f = narrowed(e, f, s);
  if (t.dense) {
    LL.SetAlignment(LL.BuildStore(e->b, f, t.base.v), t.bytes);
    return;
  }
  for (unsigned r = 0; r < 8; r++) {
    int mask[8];
    for (unsigned i = 0; i < 8; i++) mask[i] = (int)(r * 8 + i);
    LL.SetAlignment(LL.BuildStore(e->b, sm_shuffle(e, f, NULL, mask, 8),
                                  row_at(e, &t, r)), t.bytes);
  }
}

static void fragment_multiply(sm_emit *e, const sm_expr *x) {
  const sm_type *dt = x->args.data[0]->type;
  sm_val in[3] = {NULL, NULL, NULL};
  if (by_call(e)) {
    multiply_by_call(e, x);
    return;
  }
  for (uint32_t i = 1; i < x->args.len && i < 4; i++)
    in[i - 1] = sm_emit_value(e, x->args.data[i]).leaf[0].v;
  sm_val r = rounded(e, multiply(e, in[0], in[1], in[2]), dt->scalar);
  sm_place p = sm_emit_place(e, x->args.data[0]);
  sm_place_write(e, &p, one(e, dt, sm_leaf_uni(r)), x->loc);
}

static sm_value fragment_fill(sm_emit *e, const sm_expr *x) {
  sm_value v = sm_emit_value(e, x->args.data[0]);
  sm_val k = sm_first(e, &v.leaf[0]);
  if (x->type->scalar == SM_HALF) k = CONVERT(FPExt, k, e->f32);
  sm_val all = sm_splat_n(e, k, 64);
  if (x->u.builtin == SM_B_SIMDGROUP_FILLED)
    return one(e, x->type, sm_leaf_uni(all));
  int mask[64];
  for (int i = 0; i < 64; i++) mask[i] = i % 9 == 0 ? i : 64 + i;
  return one(e, x->type, sm_leaf_uni(sm_shuffle(
      e, all, LL.ConstNull(LL.TypeOf(all)), mask, 64)));
}

sm_value sm_emit_matrix(sm_emit *e, const sm_expr *x) {
  switch (x->u.builtin) {
  case SM_B_SIMDGROUP_LOAD: fragment_load(e, x); break;
  case SM_B_SIMDGROUP_STORE: fragment_store(e, x); break;
  case SM_B_SIMDGROUP_MULTIPLY: case SM_B_SIMDGROUP_MULTIPLY_ACCUMULATE:
    fragment_multiply(e, x);
    break;
  default: return fragment_fill(e, x);
  }
  return sm_value_new(e, x->type);
}
