/* SPDX-License-Identifier: MIT */
/*
 * emit_matrix.c - simdgroup matrices.
 *
 * A fragment (simdgroup_matrix 8x8) is one vector of 64 floats, in the order
 * of rt_matrix.c; those of half and bfloat hold floats that are exactly
 * representable. Fragments are local variables in memory, and what reads and
 * writes them whole are calls of rt_matrix.c: registers hold no more than a
 * few, and code for products in line takes LLVM long to compile. Products that
 * belong together become one call later (emit_join.c).
 *
 * thread_elements() uses the lane map that all Apple GPUs share
 * (as MLX and tinygrad rely on it): for lane l and element i,
 *   row = ((l >> 1) & 3) | ((l >> 4) & 1) << 2
 *   col = (l & 1) << 1 | ((l >> 3) & 1) << 2 | i
 * which rt_matrix.c keeps at 2 l + i.
 */
#include "emit.h"

#include "rt.h"

#include <stdio.h>

static sm_value one(sm_emit *e, const sm_type *type, sm_leaf leaf) {
  sm_value v = sm_value_new(e, type);
  if (v.n) v.leaf[0] = leaf;
  return v;
}

/* ---- elements --------------------------------------------------------- */

sm_val sm_fragment_element(sm_emit *e, sm_val fragment, unsigned i) {
  int mask[SM_LANES];
  for (unsigned l = 0; l < SM_LANES; l++) mask[l] = (int)(2 * l + i);
  return sm_shuffle(e, fragment, NULL, mask, SM_LANES);
}

sm_val sm_fragment_insert(sm_emit *e, sm_val fragment, unsigned i,
                          sm_val lanes) {
  int widen[64], mask[64];
  for (int k = 0; k < 64; k++) {
    widen[k] = k < SM_LANES ? k : -1;
    mask[k] = k % 2 == (int)i ? 64 + k / 2 : k;
  }
  sm_val wide = sm_shuffle(e, lanes, NULL, widen, 64);
  return sm_shuffle(e, fragment, wide, mask, 64);
}

/* To what a fragment of s can hold. */
static sm_val rounded(sm_emit *e, sm_val f, sm_scalar s) {
  unsigned n = LL.GetVectorSize(LL.TypeOf(f));
  if (s == SM_BFLOAT) return sm_round_bfloat(e, f);
  if (s != SM_HALF) return f;
  return CONVERT(FPExt, CONVERT(FPTrunc, f, sm_vector_type(e->f16, n)),
                 LL.TypeOf(f));
}

/* ---- memory ------------------------------------------------------------ */

/* The address of the first row and the distance between rows, uniform; the
 * whole access is checked as two elements per lane, four lanes per row. */
typedef struct tile {
  sm_leaf base;
  sm_val row_bytes;
} tile;

static tile tile_of(sm_emit *e, const sm_expr *x, sm_scalar s, bool write) {
  tile t;
  unsigned bytes = sm_scalar_bytes(s);
  sm_value p = sm_emit_value(e, x->args.data[1]);
  sm_value ld = sm_emit_value(e, x->args.data[2]);
  sm_value origin = sm_emit_value(e, x->args.data[3]);
  const sm_type *pt = x->args.data[1]->type;
  if (p.leaf[0].form == SM_PLACE)
    sm_emit_fail(e, x->loc, "simdgroup matrices are loaded from and stored "
                 "to device or threadgroup memory only");
  t.base = p.leaf[0];
  if (t.base.form != SM_UNI) { /* the same in all lanes by the language */
    int8_t root = t.base.root;
    t.base = sm_leaf_uni(sm_first(e, &t.base));
    t.base.root = root;
  }
  sm_val step = sm_first(e, &ld.leaf[0]);
  t.row_bytes = OP2(Mul, step, sm_i64(e, bytes));
  sm_val ox = sm_first(e, &origin.leaf[0]);
  sm_val oy = sm_first(e, &origin.leaf[1]);
  sm_val off = OP2(Add, OP2(Mul, oy, t.row_bytes),
                   OP2(Mul, ox, sm_i64(e, bytes)));
  t.base.v = sm_at(e, t.base.v, off);
  sm_note_access(e, &t.base, pt->space, write);
  if (e->options->check || e->options->counters) {
    sm_leaf all = t.base;
    all.form = SM_LIN;
    all.coef[0] = sm_i64(e, 2u * bytes);
    all.coef[1] = sm_i64(e, 4u * bytes);
    all.coef[2] = t.row_bytes;
    all.coef[3] = OP2(Mul, t.row_bytes, sm_i64(e, 2));
    all.coef[4] = OP2(Mul, t.row_bytes, sm_i64(e, 4));
    e->access_align = bytes;
    sm_check_access(e, &all, pt->space, 2 * bytes,
                    write ? SM_ACCESS_WRITE : 0, x->loc);
  }
  return t;
}

enum { MOST_NAME = 64 };

static void full_name(const char *name, char full[MOST_NAME]) {
  snprintf(full, MOST_NAME, "sm_rt_matrix_%s%s", name,
           sm_rt_matrix_form(sm_llvm_features()));
}

void sm_matrix_call(sm_emit *e, const char *name, sm_val *args, unsigned n) {
  char full[MOST_NAME];
  full_name(name, full);
  sm_runtime(e, full, e->void_type, args, n);
}

sm_val sm_matrix_function(sm_emit *e, const char *name) {
  char full[MOST_NAME];
  full_name(name, full);
  return LL.GetNamedFunction(e->module, full);
}

/* ---- fragments in memory ----------------------------------------------- */

static sm_val new_memory(sm_emit *e) {
  return sm_alloca(e, sm_vector_type(e->f32, 64), 256);
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
  sm_val v = sm_emit_value(e, x).leaf[0].v, copy = new_memory(e);
  LL.SetAlignment(LL.BuildStore(e->b, v, copy), 64);
  return copy;
}

/* What a call has left in memory for p. */
static void write_from(sm_emit *e, const sm_place *p, const sm_type *type,
                       sm_val memory, tm_loc loc) {
  sm_val v = LL.BuildLoad2(e->b, sm_vector_type(e->f32, 64), memory, "");
  LL.SetAlignment(v, 4);
  sm_place_write(e, p, one(e, type, sm_leaf_uni(rounded(e, v, type->scalar))),
                 loc);
}

/* SM_MATRIX_ flags of a load or store. */
static sm_val how(sm_emit *e, const sm_expr *x, sm_scalar s) {
  sm_value v = sm_emit_value(e, x->args.data[4]);
  sm_val flip = CONVERT(ZExt, sm_first(e, &v.leaf[0]), e->i32);
  return OP2(Or, flip, sm_i32(e, s == SM_HALF ? SM_MATRIX_HALF
                                 : s == SM_BFLOAT ? SM_MATRIX_BFLOAT : 0));
}

static void fragment_load(sm_emit *e, const sm_expr *x) {
  const sm_type *type = x->args.data[0]->type;
  tile t = tile_of(e, x, type->scalar, false);
  sm_val flags = how(e, x, type->scalar);
  sm_place p = sm_emit_place(e, x->args.data[0]);
  sm_val own = place_memory(e, &p);
  sm_val args[4] = {own ? own : new_memory(e), t.base.v, t.row_bytes, flags};
  sm_matrix_call(e, "load", args, 4);
  if (!own) write_from(e, &p, type, args[0], x->loc);
}

static void fragment_store(sm_emit *e, const sm_expr *x) {
  sm_scalar s = x->args.data[0]->type->scalar;
  sm_val from = operand_memory(e, x->args.data[0]);
  tile t = tile_of(e, x, s, true);
  sm_val args[4] = {from, t.base.v, t.row_bytes, how(e, x, s)};
  sm_matrix_call(e, "store", args, 4);
}

/* ---- products ---------------------------------------------------------- */

static void fragment_multiply(sm_emit *e, const sm_expr *x) {
  const sm_type *type = x->args.data[0]->type;
  sm_val args[4] = {NULL};
  unsigned n = x->args.len;
  for (unsigned i = 1; i < n && i < 4; i++)
    args[i] = operand_memory(e, x->args.data[i]);
  sm_place p = sm_emit_place(e, x->args.data[0]);
  sm_val own = type->scalar == SM_FLOAT ? place_memory(e, &p) : NULL;
  args[0] = own ? own : new_memory(e);
  sm_matrix_call(e, n == 4 ? "multiply_add" : "multiply", args, n);
  if (!own) write_from(e, &p, type, args[0], x->loc);
}

/* Element i of a fragment. */
static bool is_diagonal(int i) {
  int row = i / 32 * 4 + i / 4 % 4, column = i / 16 % 2 * 4 + i % 4;
  return row == column;
}

static sm_value fragment_fill(sm_emit *e, const sm_expr *x) {
  sm_value v = sm_emit_value(e, x->args.data[0]);
  sm_val k = sm_first(e, &v.leaf[0]);
  if (x->type->scalar == SM_HALF) k = CONVERT(FPExt, k, e->f32);
  sm_val all = sm_splat_n(e, k, 64);
  if (x->u.builtin == SM_B_SIMDGROUP_FILLED)
    return one(e, x->type, sm_leaf_uni(all));
  int mask[64];
  for (int i = 0; i < 64; i++) mask[i] = is_diagonal(i) ? i : 64 + i;
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
