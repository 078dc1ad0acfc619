/* SPDX-License-Identifier: MIT */
/*
 * block_pointers.c - block pointers and tensor descriptors become tensors of
 * pointers with masks.
 *
 *     %p = tt.make_tensor_ptr %b, [%h, %w], [%s, %one], [%i, %j]
 *     %x = tt.load %p {boundaryCheck = [0, 1], padding = zero}
 *   ->
 *     offset of element (r, c):  (i + r) * s + (j + c) * one      in 64 bits
 *     mask:                      0 <= i + r < h  and  0 <= j + c < w
 *     %x = tt.load (splat %b + offset), mask, 0
 *
 * A block pointer's parts are base, shape, strides, offsets (64 bits, as
 * upstream's rewrite has them) and nothing else; a descriptor's are base,
 * shape, strides and whether its padding is NaN. They pass through control
 * flow by expand.c. advance adds to the offsets. Checks compare 32-bit
 * positions in the block with limits clamped to the block, which gives the
 * same answers as comparing 64-bit positions, at half the cost.
 *
 * Left alone: descriptors that are parameters, which only others' TTIR has
 * (lib/lower/params.c takes ours apart), atomic minimum and maximum of floats, increments. Emission
 * refuses what is left.
 *
 * Requires: verified IR. Maintains: effects, order. Breaks: use counts.
 */
#include "optint.h"

#include <math.h>

static bool is_block_pointer(tm_type t) {
  return t->kind == TM_TYPE_POINTER && t->element->kind == TM_TYPE_TENSOR;
}

static bool is_wanted(const tm_expander *x, tm_type t) {
  (void)x;
  return is_block_pointer(t) || t->kind == TM_TYPE_DESCRIPTOR;
}

/* Order of the parts. */
static uint32_t shape_at(uint32_t d) { return 1 + d; }
static uint32_t stride_at(uint32_t rank, uint32_t d) { return 1 + rank + d; }
static uint32_t offset_at(uint32_t rank, uint32_t d) {
  return 1 + 2 * rank + d;
}
static uint32_t nan_at(uint32_t rank) { return 1 + 2 * rank; }

static uint32_t part_types(const tm_expander *x, tm_type t, tm_type *types) {
  tm_ir *ir = x->ir;
  tm_type block = t->element, wide = tm_type_scalar(ir, TM_I64);
  uint32_t rank = block->rank, n = 0;
  bool desc = t->kind == TM_TYPE_DESCRIPTOR;
  types[n++] = tm_type_pointer(ir, block->element, desc ? 1 : t->address_space);
  for (uint32_t k = 0; k < rank * (desc ? 2 : 3); k++) types[n++] = wide;
  if (desc) types[n++] = tm_type_scalar(ir, TM_I1);
  return n;
}

static tm_parts carry(tm_expander *x, tm_builder *b, tm_value v) {
  (void)b;
  return *tm_expand_parts(x, v);
}

static tm_value join(tm_expander *x, tm_builder *b, tm_value v) {
  (void)x;
  (void)b;
  (void)v;
  return 0;
}

static bool is_source(const tm_expander *x, tm_inst inst) {
  tm_op op = tm_get(x->ir, inst)->op;
  return op == TM_MAKE_TENSOR_PTR || op == TM_ADVANCE ||
         op == TM_MAKE_TENSOR_DESC;
}

static bool reduce_kind(const tm_expander *x, tm_inst inst, int64_t *rmw) {
  const tm_inst_data *i = tm_get(x->ir, inst);
  tm_type element = tm_type_element(tm_type_of(x->ir, i->operands[1]));
  bool is_float = tm_scalar_is_float(element->scalar);
  switch ((tm_desc_kind)tm_inst_int(x->ir, inst, TM_ATTR_KIND, 0)) {
  case TM_DESC_ADD: *rmw = is_float ? TM_RMW_FADD : TM_RMW_ADD; return true;
  case TM_DESC_MIN: *rmw = TM_RMW_MIN; return !is_float;
  case TM_DESC_MAX: *rmw = TM_RMW_MAX; return !is_float;
  case TM_DESC_AND: *rmw = TM_RMW_AND; return !is_float;
  case TM_DESC_OR: *rmw = TM_RMW_OR; return !is_float;
  case TM_DESC_XOR: *rmw = TM_RMW_XOR; return !is_float;
  case TM_DESC_INC: case TM_DESC_DEC: return false;
  }
  return false;
}

static bool is_user(const tm_expander *x, tm_inst inst) {
  int64_t rmw;
  const tm_inst_data *i = tm_get(x->ir, inst);
  switch (i->op) {
  case TM_ADVANCE:
    return x->good[i->results];
  case TM_LOAD: case TM_STORE: case TM_DESC_LOAD:
  case TM_DESC_STORE: case TM_DESC_GATHER: case TM_DESC_SCATTER:
    return true;
  case TM_DESC_REDUCE:
    return reduce_kind(x, inst, &rmw);
  default:
    return false;
  }
}

/* ---- scalars ---------------------------------------------------------- */

static tm_value widen(tm_builder *b, tm_value v) {
  tm_type wide = tm_type_scalar(b->ir, TM_I64);
  if (tm_type_of(b->ir, v) == wide) return v;
  return tm_build_to(b, TM_EXTSI, v, wide);
}

static void set_made(tm_expander *x, tm_builder *b, tm_inst inst) {
  tm_inst_data i = *tm_get(x->ir, inst);
  bool desc = i.op == TM_MAKE_TENSOR_DESC;
  tm_parts p = {.n = i.n_operands};
  for (uint32_t o = 0; o < i.n_operands; o++) {
    p.v[o] = tm_expand_now(x, i.operands[o]);
    if (o) p.v[o] = widen(b, p.v[o]);
  }
  if (desc) {
    bool is_nan = tm_inst_int(x->ir, inst, TM_ATTR_PADDING, 1) == 2;
    p.v[p.n++] = tm_build_int(b, tm_type_scalar(x->ir, TM_I1), is_nan);
  }
  tm_expand_set(x, i.results, &p);
}

static void set_advanced(tm_expander *x, tm_builder *b, tm_inst inst) {
  tm_inst_data i = *tm_get(x->ir, inst);
  tm_parts p = *tm_expand_parts(x, i.operands[0]);
  uint32_t rank = i.n_operands - 1;
  for (uint32_t d = 0; d < rank; d++) {
    tm_value by = widen(b, tm_expand_now(x, i.operands[1 + d]));
    tm_value *at = &p.v[offset_at(rank, d)];
    *at = tm_build2(b, TM_ADDI, *at, by);
  }
  tm_expand_set(x, i.results, &p);
}

/* ---- a block's addresses and mask ------------------------------------- */

/* Where a block lies. at[d] is the first position (64-bit scalar), or rows
 * the positions along dimension 0 for gather and scatter. */
typedef struct region {
  tm_type block;          /* tensor of the elements */
  const tm_parts *parts;
  tm_value at[TM_MAX_RANK];
  tm_value rows;
} region;

/* v along dimension d, as a tensor of the block's shape. */
static tm_value spread(tm_builder *b, tm_type block, uint32_t d, tm_value v) {
  tm_type element = tm_type_of(b->ir, v)->element;
  for (uint32_t k = 0; k < block->rank; k++) {
    if (k == d) continue;
    tm_attr axis = tm_attr_int(TM_ATTR_AXIS, k);
    tm_inst i = tm_build(b, TM_EXPAND_DIMS, 1, &v, 0, NULL, 0, NULL, 1, &axis);
    v = tm_get(b->ir, i)->results;
  }
  return tm_build_to(b, TM_BROADCAST, v,
                     tm_type_like(b->ir, block, element));
}

static tm_value splat_like(tm_builder *b, tm_value scalar, tm_value like) {
  tm_type t = tm_type_like(b->ir, tm_type_of(b->ir, like),
                           tm_type_of(b->ir, scalar));
  return tm_build_to(b, TM_SPLAT, scalar, t);
}

/* 0, 1, ... extent - 1 as 32-bit integers. */
static tm_value positions(tm_builder *b, int64_t extent) {
  tm_attr attrs[2] = {tm_attr_int(TM_ATTR_START, 0),
                      tm_attr_int(TM_ATTR_END, extent)};
  tm_inst i = tm_build(b, TM_MAKE_RANGE, 0, NULL, 0, NULL, 0, NULL, 2, attrs);
  return tm_get(b->ir, i)->results;
}

static tm_value widen_tensor(tm_builder *b, tm_value v) {
  tm_type wide = tm_type_like(b->ir, tm_type_of(b->ir, v),
                              tm_type_scalar(b->ir, TM_I64));
  return tm_build_to(b, TM_EXTSI, v, wide);
}

static tm_value pointers(tm_expander *x, tm_builder *b, const region *r) {
  tm_ir *ir = x->ir;
  uint32_t rank = r->block->rank;
  tm_type t = tm_type_like(ir, r->block, tm_type_of(ir, r->parts->v[0]));
  tm_value p = tm_build_to(b, TM_SPLAT, r->parts->v[0], t);
  for (uint32_t d = 0; d < rank; d++) {
    tm_value stride = r->parts->v[stride_at(rank, d)], at;
    if (r->rows && d == 0) {
      at = widen_tensor(b, r->rows);
    } else {
      at = widen_tensor(b, positions(b, r->block->shape[d]));
      at = tm_build2(b, TM_ADDI, splat_like(b, r->at[d], at), at);
    }
    at = tm_build2(b, TM_MULI, at, splat_like(b, stride, at));
    p = tm_build2(b, TM_ADDPTR, p, spread(b, r->block, d, at));
  }
  return p;
}

/* limit, clamped to 0 ... extent, in 32 bits. */
static tm_value clamped(tm_builder *b, tm_value limit, int64_t extent) {
  tm_type wide = tm_type_scalar(b->ir, TM_I64);
  limit = tm_build2(b, TM_MAXSI, limit, tm_build_int(b, wide, 0));
  limit = tm_build2(b, TM_MINSI, limit, tm_build_int(b, wide, extent));
  return tm_build_to(b, TM_TRUNCI, limit, tm_type_scalar(b->ir, TM_I32));
}

static tm_value inside_dim(tm_expander *x, tm_builder *b, const region *r,
                           uint32_t d) {
  tm_value size = r->parts->v[shape_at(d)], low, high, at;
  if (r->rows && d == 0) {
    at = widen_tensor(b, r->rows);
    tm_type t = tm_type_of(x->ir, at);
    low = tm_build_cmpi(b, TM_CMPI_SGE, at, tm_build_int(b, t, 0));
    high = tm_build_cmpi(b, TM_CMPI_SLT, at, splat_like(b, size, at));
  } else {
    int64_t extent = r->block->shape[d];
    tm_type wide = tm_type_scalar(x->ir, TM_I64);
    at = positions(b, extent);
    tm_value first =
        tm_build2(b, TM_SUBI, tm_build_int(b, wide, 0), r->at[d]);
    tm_value past = tm_build2(b, TM_SUBI, size, r->at[d]);
    first = clamped(b, first, extent);
    past = clamped(b, past, extent);
    low = tm_build_cmpi(b, TM_CMPI_SGE, at, splat_like(b, first, at));
    high = tm_build_cmpi(b, TM_CMPI_SLT, at, splat_like(b, past, at));
  }
  return spread(b, r->block, d, tm_build2(b, TM_ANDI, low, high));
}

/* The mask of the dimensions whose bit is set; 0 for none. */
static tm_value inside(tm_expander *x, tm_builder *b, const region *r,
                       uint32_t dims) {
  tm_value mask = 0;
  for (uint32_t d = 0; d < r->block->rank; d++) {
    if (!(dims >> d & 1)) continue;
    tm_value one = inside_dim(x, b, r, d);
    mask = mask ? tm_build2(b, TM_ANDI, mask, one) : one;
  }
  return mask;
}

static tm_value padding(tm_builder *b, tm_type block, bool is_nan) {
  if (!tm_scalar_is_float(block->element->scalar))
    return tm_build_int(b, block, 0);
  return tm_build_float(b, block, is_nan ? (double)NAN : 0.0);
}

/* ---- instructions ----------------------------------------------------- */

static tm_value build_load(tm_builder *b, tm_inst like, tm_value p,
                           tm_value mask, tm_value other) {
  tm_value operands[3] = {p, mask, other};
  tm_attr attrs[3];
  uint32_t n = 0;
  static const tm_attr_key keys[] = {TM_ATTR_CACHE, TM_ATTR_EVICT,
                                     TM_ATTR_VOLATILE};
  for (size_t k = 0; k < TM_COUNT(keys); k++) {
    const tm_attr *a = tm_inst_attr(b->ir, like, keys[k]);
    if (a) attrs[n++] = *a;
  }
  bool store = tm_get(b->ir, like)->n_results == 0;
  tm_inst i = tm_build(b, store ? TM_STORE : TM_LOAD,
                       other ? 3 : mask ? 2 : 1, operands, 0, NULL, 0, NULL, n,
                       attrs);
  return tm_get(b->ir, i)->results;
}

static uint32_t checked_dims(tm_expander *x, tm_inst inst) {
  const tm_attr *a = tm_inst_attr(x->ir, inst, TM_ATTR_BOUNDARY_CHECK);
  uint32_t dims = 0;
  for (uint32_t k = 0; a && k < a->n_ints; k++) dims |= 1u << a->ints[k];
  return dims;
}

static void replace(tm_expander *x, tm_inst inst, tm_value v) {
  const tm_inst_data *i = tm_get(x->ir, inst);
  if (i->n_results) {
    if (!tm_val(x->ir, v)->name)
      tm_val(x->ir, v)->name = tm_val(x->ir, i->results)->name;
    tm_map_put(&x->renamed, i->results, v);
  }
  tm_inst_remove(x->ir, inst);
}

/* tt.load and tt.store through a block pointer. */
static void rewrite_access(tm_expander *x, tm_builder *b, tm_inst inst,
                           const tm_parts *parts) {
  tm_inst_data i = *tm_get(x->ir, inst);
  region r = {.block = tm_type_of(x->ir, i.operands[0])->element,
              .parts = parts};
  for (uint32_t d = 0; d < r.block->rank; d++)
    r.at[d] = parts->v[offset_at(r.block->rank, d)];
  tm_value p = pointers(x, b, &r);
  tm_value mask = inside(x, b, &r, checked_dims(x, inst)), other = 0;
  if (i.op == TM_STORE) {
    build_load(b, inst, p, tm_expand_now(x, i.operands[1]), mask);
    replace(x, inst, 0);
    return;
  }
  int64_t pad = tm_inst_int(x->ir, inst, TM_ATTR_PADDING, 0);
  if (mask && pad) other = padding(b, r.block, pad == 2);
  replace(x, inst, build_load(b, inst, p, mask, other));
}

/* What a descriptor reads beyond its tensor: zero or, if asked, NaN. */
static tm_value descriptor_padding(tm_builder *b, const region *r) {
  tm_value zero = padding(b, r->block, false);
  if (!tm_scalar_is_float(r->block->element->scalar)) return zero;
  tm_value is_nan = r->parts->v[nan_at(r->parts->n / 2 - 1)];
  return tm_build3(b, TM_SELECT, is_nan, padding(b, r->block, true), zero);
}

static void rewrite_reduce(tm_expander *x, tm_builder *b, tm_inst inst,
                           tm_value p, tm_value value, tm_value mask) {
  int64_t rmw = 0;
  reduce_kind(x, inst, &rmw);
  tm_attr attrs[3] = {tm_attr_int(TM_ATTR_RMW_OP, rmw),
                      tm_attr_int(TM_ATTR_SEM, 1), /* relaxed */
                      tm_attr_int(TM_ATTR_SCOPE, 1)};
  tm_value operands[3] = {p, value, mask};
  tm_build(b, TM_ATOMIC_RMW, 3, operands, 0, NULL, 0, NULL, 3, attrs);
  replace(x, inst, 0);
}

static tm_value reshaped(tm_builder *b, tm_value v, tm_type t) {
  return tm_type_of(b->ir, v) == t ? v : tm_build_to(b, TM_RESHAPE, v, t);
}

static void rewrite_descriptor(tm_expander *x, tm_builder *b, tm_inst inst,
                               const tm_parts *parts) {
  tm_ir *ir = x->ir;
  tm_inst_data i = *tm_get(ir, inst);
  tm_type block = tm_type_of(ir, i.operands[0])->element;
  region r = {.block = block, .parts = parts};
  bool rows = i.op == TM_DESC_GATHER || i.op == TM_DESC_SCATTER;
  bool source = i.op == TM_DESC_STORE || i.op == TM_DESC_REDUCE;
  if (rows) {
    r.rows = tm_expand_now(x, i.operands[1]);
    int64_t shape[2] = {tm_type_of(ir, r.rows)->shape[0], block->shape[1]};
    r.block = tm_type_tensor(ir, block->element, 2, shape);
    r.at[1] = widen(b, tm_expand_now(x, i.operands[2]));
  } else {
    for (uint32_t d = 0; d < block->rank; d++)
      r.at[d] =
          widen(b, tm_expand_now(x, i.operands[(source ? 2 : 1) + d]));
  }
  tm_value p = pointers(x, b, &r);
  tm_value mask = inside(x, b, &r, (1u << block->rank) - 1);
  if (i.n_results) {
    tm_value v = build_load(b, inst, p, mask, descriptor_padding(b, &r));
    replace(x, inst, reshaped(b, v, tm_type_of(ir, i.results)));
    return;
  }
  tm_value v = tm_expand_now(x, i.operands[source ? 1 : 3]);
  v = reshaped(b, v, r.block);
  if (i.op == TM_DESC_REDUCE) {
    rewrite_reduce(x, b, inst, p, v, mask);
    return;
  }
  build_load(b, inst, p, v, mask);
  replace(x, inst, 0);
}

static void rewrite(tm_expander *x, tm_inst inst) {
  tm_inst_data i = *tm_get(x->ir, inst);
  if (!i.n_operands) return;
  tm_builder b = tm_build_before(x->ir, inst);
  bool made = i.op == TM_MAKE_TENSOR_PTR || i.op == TM_MAKE_TENSOR_DESC;
  if (made) {
    if (!x->good[i.results]) return;
    set_made(x, &b, inst);
    tm_inst_remove(x->ir, inst);
    x->changed = true;
    return;
  }
  tm_parts *parts = tm_expand_parts(x, i.operands[0]);
  if (!parts || !is_wanted(x, tm_type_of(x->ir, i.operands[0]))) return;
  tm_parts copy = *parts;
  x->changed = true;
  switch (i.op) {
  case TM_ADVANCE:
    set_advanced(x, &b, inst);
    tm_inst_remove(x->ir, inst);
    break;
  case TM_LOAD: case TM_STORE:
    rewrite_access(x, &b, inst, &copy);
    break;
  case TM_DESC_LOAD: case TM_DESC_STORE: case TM_DESC_GATHER:
  case TM_DESC_SCATTER: case TM_DESC_REDUCE:
    rewrite_descriptor(x, &b, inst, &copy);
    break;
  default:
    break;
  }
}

bool tm_pass_block_pointers(tm_ir *ir) {
  tm_expander x = {.ir = ir, .is_wanted = is_wanted, .is_source = is_source,
                   .is_user = is_user, .part_types = part_types,
                   .rewrite = rewrite, .carry = carry, .join = join};
  return tm_expand(&x);
}
