/* SPDX-License-Identifier: MIT */
/*
 * emit_group.c - simd and quad functions and barriers.
 *
 * A lane of a simdgroup is an element of a vector, so these are shuffles.
 * Reductions and scans see the identity in lanes that do not take part.
 */
#include "emit.h"

bool sm_is_group(sm_builtin b) {
  return (b >= SM_B_SIMD_ACTIVE_THREADS_MASK &&
          b <= SM_B_ATOMIC_THREAD_FENCE) ||
         b >= SM_B_SIMDGROUP_LOAD;
}

static sm_value one(sm_emit *e, const sm_type *type, sm_leaf leaf) {
  sm_value v = sm_value_new(e, type);
  if (v.n) v.leaf[0] = leaf;
  return v;
}

/* ---- reductions and scans --------------------------------------------- */

typedef enum fold { F_SUM, F_PRODUCT, F_MIN, F_MAX, F_AND, F_OR, F_XOR }
    fold;

static sm_val combine(sm_emit *e, fold f, sm_scalar s, sm_val a, sm_val b) {
  bool real = sm_is_float(s), sign = sm_is_signed(s);
  switch (f) {
  case F_SUM: return real ? OP2(FAdd, a, b) : OP2(Add, a, b);
  case F_PRODUCT: return real ? OP2(FMul, a, b) : OP2(Mul, a, b);
  case F_MIN:
    if (real) return sm_intrinsic2(e, "llvm.minnum", a, b);
    return sm_intrinsic2(e, sign ? "llvm.smin" : "llvm.umin", a, b);
  case F_MAX:
    if (real) return sm_intrinsic2(e, "llvm.maxnum", a, b);
    return sm_intrinsic2(e, sign ? "llvm.smax" : "llvm.umax", a, b);
  case F_AND: return OP2(And, a, b);
  case F_OR: return OP2(Or, a, b);
  default: return OP2(Xor, a, b);
  }
}

static sm_val identity(sm_emit *e, fold f, sm_scalar s, sm_ty type) {
  unsigned bits = sm_is_float(s) ? 0 : sm_scalar_bits(s);
  if (sm_is_float(s)) {
    double k = f == F_SUM ? -0.0 : f == F_PRODUCT ? 1.0
               : f == F_MIN ? (double)__builtin_inf()
                            : -(double)__builtin_inf();
    return LL.ConstReal(type, k);
  }
  uint64_t top = (uint64_t)1 << (bits - 1), all = top | (top - 1);
  bool sign = sm_is_signed(s);
  switch (f) {
  case F_PRODUCT: return LL.ConstInt(type, 1, false);
  case F_MIN: return LL.ConstInt(type, sign ? top - 1 : all, false);
  case F_MAX: return LL.ConstInt(type, sign ? top : 0, false);
  case F_AND: return LL.ConstInt(type, all, false);
  default: return LL.ConstInt(type, 0, false);
  }
}

/* half is folded in float and rounded at the end. */
static sm_val begin_fold(sm_emit *e, fold f, sm_scalar *s,
                         const sm_leaf *leaf) {
  sm_val x = sm_vec(e, leaf);
  if (*s == SM_HALF) {
    x = CONVERT(FPExt, x, sm_vector_type(e->f32, SM_LANES));
    *s = SM_FLOAT;
  }
  sm_val id = identity(e, f, *s, LL.GetElementType(LL.TypeOf(x)));
  return SELECT(sm_exec(e), x, sm_splat(e, id));
}

static sm_leaf reduce(sm_emit *e, fold f, sm_scalar s, const sm_leaf *leaf) {
  sm_scalar work = s;
  sm_val x = begin_fold(e, f, &work, leaf);
  for (unsigned n = SM_LANES / 2; n >= 1; n /= 2) {
    int low[SM_LANES], high[SM_LANES];
    for (unsigned i = 0; i < n; i++) {
      low[i] = (int)i;
      high[i] = (int)(i + n);
    }
    x = combine(e, f, work, sm_shuffle(e, x, NULL, low, n),
                sm_shuffle(e, x, NULL, high, n));
  }
  x = LL.BuildExtractElement(e->b, x, sm_i32(e, 0), "");
  if (s == SM_HALF) x = CONVERT(FPTrunc, x, e->f16);
  return sm_leaf_uni(x);
}

static sm_leaf quad_reduce(sm_emit *e, fold f, sm_scalar s,
                           const sm_leaf *leaf) {
  sm_scalar work = s;
  sm_val x = begin_fold(e, f, &work, leaf);
  for (unsigned d = 1; d < 4; d *= 2) {
    int mask[SM_LANES];
    for (unsigned l = 0; l < SM_LANES; l++) mask[l] = (int)(l ^ d);
    x = combine(e, f, work, x, sm_shuffle(e, x, NULL, mask, SM_LANES));
  }
  if (s == SM_HALF)
    x = CONVERT(FPTrunc, x, sm_vector_type(e->f16, SM_LANES));
  return sm_leaf_var(x);
}

/* Lane l takes lane l - d of its segment, or the identity. */
static sm_val shifted(sm_emit *e, sm_val x, sm_val id, unsigned d,
                      unsigned width) {
  int mask[SM_LANES];
  for (unsigned l = 0; l < SM_LANES; l++)
    mask[l] = l % width >= d ? (int)(l - d) : SM_LANES;
  return sm_shuffle(e, x, id, mask, SM_LANES);
}

static sm_leaf scan(sm_emit *e, fold f, sm_scalar s, const sm_leaf *leaf,
                    unsigned width, bool exclusive) {
  sm_scalar work = s;
  sm_val x = begin_fold(e, f, &work, leaf);
  sm_val id =
      sm_splat(e, identity(e, f, work, LL.GetElementType(LL.TypeOf(x))));
  if (f == F_SUM && sm_is_float(work))
    id = LL.ConstNull(LL.TypeOf(x)); /* the first lane's result is +0 */
  if (exclusive) x = shifted(e, x, id, 1, width);
  for (unsigned d = 1; d < width; d *= 2)
    x = combine(e, f, work, x, shifted(e, x, id, d, width));
  if (s == SM_HALF)
    x = CONVERT(FPTrunc, x, sm_vector_type(e->f16, SM_LANES));
  return sm_leaf_var(x);
}

/* ---- shuffles --------------------------------------------------------- */

/* The elements of a constant vector, 32 of them. */
static bool constant_lanes(sm_val v, int out[SM_LANES]) {
  if (!LL.IsConstant(v)) return false;
  for (unsigned l = 0; l < SM_LANES; l++) {
    int64_t k;
    sm_val element = LL.GetAggregateElement(v, l);
    if (!element || !sm_const_int(element, &k)) return false;
    out[l] = (int)k;
  }
  return true;
}

/* x[index[l]] in each lane, for an index vector of i32 below 32. */
static sm_val permute(sm_emit *e, sm_val x, sm_val index) {
  int known[SM_LANES];
  if (constant_lanes(index, known))
    return sm_shuffle(e, x, NULL, known, SM_LANES);
  sm_ty type = LL.TypeOf(x), element = LL.GetElementType(type);
  bool small = element == e->i1;
  if (small) {
    type = sm_vector_type(e->i8, SM_LANES);
    x = CONVERT(ZExt, x, type);
    element = e->i8;
  }
  unsigned bytes = element == e->i8 ? 1
                   : element == e->i16 || element == e->f16 ? 2
                   : element == e->i64 ? 8 : 4;
  sm_val memory = sm_alloca(e, type, bytes * SM_LANES);
  LL.SetAlignment(LL.BuildStore(e->b, x, memory), 8);
  sm_val r = LL.GetPoison(type);
  if (bytes >= 4) {
    sm_val off = OP2(Shl, CONVERT(ZExt, index,
        sm_vector_type(e->i64, SM_LANES)),
        sm_splat(e, sm_i64(e, bytes == 8 ? 3 : 2)));
    sm_val at = LL.BuildGEP2(e->b, e->i8, memory, &off, 1, "");
    sm_ty types[2] = {type, LL.TypeOf(at)};
    sm_val all = sm_splat(e, sm_int(e, e->i1, 1));
    if (sm_llvm_version() >= 22) {
      sm_val args[3] = {at, all, r};
      r = sm_intrinsic(e, "llvm.masked.gather", types, 2, args, 3);
    } else {
      sm_val args[4] = {at, sm_i32(e, bytes), all, r};
      r = sm_intrinsic(e, "llvm.masked.gather", types, 2, args, 4);
    }
  } else {
    for (uint32_t l = 0; l < SM_LANES; l++) {
      sm_val i = LL.BuildExtractElement(e->b, index, sm_i32(e, l), "");
      i = OP2(Mul, CONVERT(ZExt, i, e->i64), sm_i64(e, bytes));
      sm_val v = LL.BuildLoad2(e->b, element, sm_at(e, memory, i), "");
      LL.SetAlignment(v, bytes);
      r = LL.BuildInsertElement(e->b, r, v, sm_i32(e, l), "");
    }
  }
  return small ? CONVERT(Trunc, r, sm_vector_type(e->i1, SM_LANES)) : r;
}

typedef enum move { M_AT, M_DOWN, M_UP, M_XOR, M_ROTATE_DOWN, M_ROTATE_UP }
    move;

/* Source lane within a segment of `width`; -1: out of range. */
static int source_of(move m, unsigned lane, unsigned d, unsigned width) {
  unsigned base = lane / width * width, at = lane % width;
  unsigned to;
  switch (m) {
  case M_AT: return (int)(base + d % width);
  case M_DOWN: to = at + d; break;
  case M_UP: if (d > at) return -1; to = at - d; break;
  case M_XOR: to = at ^ d; break;
  case M_ROTATE_DOWN: to = (at + d) % width; break;
  default: to = (at + width - d % width) % width; break;
  }
  return to < width ? (int)(base + to) : -1;
}

/* The same at run time: index vector and, in *bad, lanes out of range. */
static sm_val source_index(sm_emit *e, move m, sm_val d, unsigned width,
                           sm_val *bad) {
  sm_val lane = sm_lanes(e, e->i32, 0, 1);
  sm_val low = sm_splat(e, sm_i32(e, width - 1));
  sm_val at = OP2(And, lane, low), base = OP2(And, lane, OP1(Not, low));
  sm_val to;
  switch (m) {
  case M_AT: to = d; break;
  case M_DOWN: case M_ROTATE_DOWN: to = OP2(Add, at, d); break;
  case M_UP: case M_ROTATE_UP: to = OP2(Sub, at, d); break;
  default: to = OP2(Xor, at, d); break;
  }
  *bad = m == M_DOWN || m == M_UP || m == M_XOR
             ? ICMP(UGT, to, low) : LL.ConstNull(
                   sm_vector_type(e->i1, SM_LANES));
  return OP2(Or, base, OP2(And, to, low));
}

static sm_leaf shuffle(sm_emit *e, move m, const sm_leaf *data,
                       const sm_leaf *by, unsigned width) {
  int64_t d;
  sm_val x = sm_vec(e, data);
  if (by->form == SM_UNI && sm_const_int(by->v, &d)) {
    int mask[SM_LANES];
    for (unsigned l = 0; l < SM_LANES; l++) {
      int from = source_of(m, l, (unsigned)d & 0xffff, width);
      mask[l] = from < 0 ? (int)l : from;
    }
    return sm_leaf_var(sm_shuffle(e, x, NULL, mask, SM_LANES));
  }
  sm_val bad, index = source_index(e, m, sm_vec(e, by), width, &bad);
  index = SELECT(bad, sm_lanes(e, e->i32, 0, 1), index);
  return sm_leaf_var(permute(e, x, index));
}

/* Lanes beyond the segment's end take the other end's lanes of fill. */
static sm_leaf fill(sm_emit *e, move m, const sm_leaf *data,
                    const sm_leaf *other, const sm_leaf *by,
                    const sm_leaf *modulo, unsigned width, tm_loc loc) {
  int64_t d, w;
  if (modulo->form != SM_UNI || !sm_const_int(modulo->v, &w) || w < 1 ||
      w > width || (w & (w - 1)))
    sm_emit_fail(e, loc, "the modulo of a shuffle with fill must be a "
                 "constant power of two up to %u", width);
  sm_val x = sm_vec(e, data), y = sm_vec(e, other);
  move around = m == M_DOWN ? M_ROTATE_DOWN : M_ROTATE_UP;
  if (by->form == SM_UNI && sm_const_int(by->v, &d)) {
    int mask[SM_LANES];
    for (unsigned l = 0; l < SM_LANES; l++) {
      int from = source_of(m, l, (unsigned)d & 0xffff, (unsigned)w);
      mask[l] = from >= 0 ? from
                : SM_LANES + source_of(around, l, (unsigned)d & 0xffff,
                                       (unsigned)w);
    }
    return sm_leaf_var(sm_shuffle(e, x, y, mask, SM_LANES));
  }
  sm_val bad, none, dv = sm_vec(e, by);
  sm_val index = source_index(e, m, dv, (unsigned)w, &bad);
  sm_val wrap = source_index(e, around, dv, (unsigned)w, &none);
  return sm_leaf_var(SELECT(bad, permute(e, y, wrap), permute(e, x, index)));
}

static sm_leaf broadcast(sm_emit *e, const sm_leaf *data, const sm_leaf *by) {
  if (data->form == SM_UNI) return *data;
  sm_val lane = OP2(And, sm_first(e, by), sm_i32(e, 31));
  return sm_leaf_uni(
      LL.BuildExtractElement(e->b, sm_vec(e, data), lane, ""));
}

/* ---- votes ------------------------------------------------------------ */

static sm_leaf as_ulong(sm_emit *e, sm_val bits32) {
  return sm_leaf_uni(CONVERT(ZExt, bits32, e->i64));
}

static sm_val mask_from_bits(sm_emit *e, sm_val bits) {
  return sm_mask_of(e, bits);
}

/* The four bits of each lane's quad, as a vector of i32. */
static sm_val quad_bits(sm_emit *e, sm_val mask) {
  sm_val all = sm_splat(e, sm_mask_bits(e, mask));
  sm_val shift[SM_LANES];
  for (uint32_t l = 0; l < SM_LANES; l++) shift[l] = sm_i32(e, l & ~3u);
  sm_val v = OP2(LShr, all, LL.ConstVector(shift, SM_LANES));
  return OP2(And, v, sm_splat(e, sm_i32(e, 15)));
}

static sm_leaf vote(sm_emit *e, sm_builtin which, const sm_leaf *c) {
  sm_val exec = sm_exec(e);
  sm_val yes = c ? OP2(And, exec, sm_vec(e, c)) : exec;
  sm_ty wide = sm_vector_type(e->i64, SM_LANES);
  switch (which) {
  case SM_B_SIMD_ACTIVE_THREADS_MASK: case SM_B_SIMD_BALLOT:
    return as_ulong(e, sm_mask_bits(e, yes));
  case SM_B_SIMD_ALL:
    return sm_leaf_uni(ICMP(EQ, sm_mask_bits(e, yes),
                            sm_mask_bits(e, exec)));
  case SM_B_SIMD_ANY: return sm_leaf_uni(sm_any(e, yes));
  case SM_B_SIMD_IS_FIRST: {
    sm_val m = sm_mask_bits(e, exec);
    return sm_leaf_var(mask_from_bits(e, OP2(And, m, OP1(Neg, m))));
  }
  case SM_B_QUAD_ACTIVE_THREADS_MASK: case SM_B_QUAD_BALLOT:
    return sm_leaf_var(CONVERT(ZExt, quad_bits(e, yes), wide));
  case SM_B_QUAD_ALL:
    return sm_leaf_var(ICMP(EQ, quad_bits(e, yes), quad_bits(e, exec)));
  case SM_B_QUAD_ANY:
    return sm_leaf_var(ICMP(NE, quad_bits(e, yes),
                            LL.ConstNull(sm_vector_type(e->i32, SM_LANES))));
  default: { /* quad_is_first */
    sm_val q = quad_bits(e, exec), bit[SM_LANES];
    for (uint32_t l = 0; l < SM_LANES; l++) bit[l] = sm_i32(e, 1u << (l & 3));
    return sm_leaf_var(ICMP(EQ, OP2(And, q, OP1(Neg, q)),
                            LL.ConstVector(bit, SM_LANES)));
  }
  }
}

/* ---- lane functions by table ------------------------------------------ */

typedef struct lane_function {
  sm_builtin id;
  enum { L_REDUCE, L_QUAD_REDUCE, L_INCLUSIVE, L_EXCLUSIVE, L_MOVE, L_FILL,
         L_BROADCAST, L_FIRST, L_VOTE, L_QUAD_FIRST } kind;
  int how;        /* fold or move */
  unsigned width;
} lane_function;

static const lane_function functions[] = {
    {SM_B_SIMD_SUM, L_REDUCE, F_SUM, 32},
    {SM_B_SIMD_PRODUCT, L_REDUCE, F_PRODUCT, 32},
    {SM_B_SIMD_MIN, L_REDUCE, F_MIN, 32},
    {SM_B_SIMD_MAX, L_REDUCE, F_MAX, 32},
    {SM_B_SIMD_AND, L_REDUCE, F_AND, 32},
    {SM_B_SIMD_OR, L_REDUCE, F_OR, 32},
    {SM_B_SIMD_XOR, L_REDUCE, F_XOR, 32},
    {SM_B_QUAD_SUM, L_QUAD_REDUCE, F_SUM, 4},
    {SM_B_QUAD_PRODUCT, L_QUAD_REDUCE, F_PRODUCT, 4},
    {SM_B_QUAD_MIN, L_QUAD_REDUCE, F_MIN, 4},
    {SM_B_QUAD_MAX, L_QUAD_REDUCE, F_MAX, 4},
    {SM_B_QUAD_AND, L_QUAD_REDUCE, F_AND, 4},
    {SM_B_QUAD_OR, L_QUAD_REDUCE, F_OR, 4},
    {SM_B_QUAD_XOR, L_QUAD_REDUCE, F_XOR, 4},
    {SM_B_SIMD_PREFIX_INCLUSIVE_SUM, L_INCLUSIVE, F_SUM, 32},
    {SM_B_SIMD_PREFIX_INCLUSIVE_PRODUCT, L_INCLUSIVE, F_PRODUCT, 32},
    {SM_B_SIMD_PREFIX_EXCLUSIVE_SUM, L_EXCLUSIVE, F_SUM, 32},
    {SM_B_SIMD_PREFIX_EXCLUSIVE_PRODUCT, L_EXCLUSIVE, F_PRODUCT, 32},
    {SM_B_QUAD_PREFIX_INCLUSIVE_SUM, L_INCLUSIVE, F_SUM, 4},
    {SM_B_QUAD_PREFIX_INCLUSIVE_PRODUCT, L_INCLUSIVE, F_PRODUCT, 4},
    {SM_B_QUAD_PREFIX_EXCLUSIVE_SUM, L_EXCLUSIVE, F_SUM, 4},
    {SM_B_QUAD_PREFIX_EXCLUSIVE_PRODUCT, L_EXCLUSIVE, F_PRODUCT, 4},
    {SM_B_SIMD_SHUFFLE, L_MOVE, M_AT, 32},
    {SM_B_SIMD_SHUFFLE_DOWN, L_MOVE, M_DOWN, 32},
    {SM_B_SIMD_SHUFFLE_UP, L_MOVE, M_UP, 32},
    {SM_B_SIMD_SHUFFLE_XOR, L_MOVE, M_XOR, 32},
    {SM_B_SIMD_SHUFFLE_ROTATE_DOWN, L_MOVE, M_ROTATE_DOWN, 32},
    {SM_B_SIMD_SHUFFLE_ROTATE_UP, L_MOVE, M_ROTATE_UP, 32},
    {SM_B_QUAD_SHUFFLE, L_MOVE, M_AT, 4},
    {SM_B_QUAD_SHUFFLE_DOWN, L_MOVE, M_DOWN, 4},
    {SM_B_QUAD_SHUFFLE_UP, L_MOVE, M_UP, 4},
    {SM_B_QUAD_SHUFFLE_XOR, L_MOVE, M_XOR, 4},
    {SM_B_QUAD_SHUFFLE_ROTATE_DOWN, L_MOVE, M_ROTATE_DOWN, 4},
    {SM_B_QUAD_SHUFFLE_ROTATE_UP, L_MOVE, M_ROTATE_UP, 4},
    {SM_B_QUAD_BROADCAST, L_MOVE, M_AT, 4},
    {SM_B_SIMD_SHUFFLE_AND_FILL_DOWN, L_FILL, M_DOWN, 32},
    {SM_B_SIMD_SHUFFLE_AND_FILL_UP, L_FILL, M_UP, 32},
    {SM_B_QUAD_SHUFFLE_AND_FILL_DOWN, L_FILL, M_DOWN, 4},
    {SM_B_QUAD_SHUFFLE_AND_FILL_UP, L_FILL, M_UP, 4},
    {SM_B_SIMD_BROADCAST, L_BROADCAST, 0, 32},
    {SM_B_SIMD_BROADCAST_FIRST, L_FIRST, 0, 32},
    {SM_B_QUAD_BROADCAST_FIRST, L_QUAD_FIRST, 0, 4},
    {SM_B_SIMD_ACTIVE_THREADS_MASK, L_VOTE, 0, 32},
    {SM_B_SIMD_ALL, L_VOTE, 0, 32},
    {SM_B_SIMD_ANY, L_VOTE, 0, 32},
    {SM_B_SIMD_BALLOT, L_VOTE, 0, 32},
    {SM_B_SIMD_IS_FIRST, L_VOTE, 0, 32},
    {SM_B_QUAD_ACTIVE_THREADS_MASK, L_VOTE, 0, 4},
    {SM_B_QUAD_ALL, L_VOTE, 0, 4},
    {SM_B_QUAD_ANY, L_VOTE, 0, 4},
    {SM_B_QUAD_BALLOT, L_VOTE, 0, 4},
    {SM_B_QUAD_IS_FIRST, L_VOTE, 0, 4},
};

/* Each lane's first active lane of its quad. */
static sm_leaf quad_first(sm_emit *e, const sm_leaf *data) {
  sm_val q = quad_bits(e, sm_exec(e));
  q = OP2(Or, q, sm_splat(e, sm_i32(e, 8)));
  sm_val args[2] = {q, sm_int(e, e->i1, 0)};
  sm_ty type = LL.TypeOf(q);
  sm_leaf at = sm_leaf_var(sm_intrinsic(e, "llvm.cttz", &type, 1, args, 2));
  return shuffle(e, M_AT, data, &at, 4);
}

static sm_leaf lane_leaf(sm_emit *e, const lane_function *f, sm_scalar s,
                         const sm_leaf *data, const sm_leaf *other,
                         const sm_leaf *by, const sm_leaf *modulo,
                         tm_loc loc) {
  switch (f->kind) {
  case L_REDUCE: return reduce(e, (fold)f->how, s, data);
  case L_QUAD_REDUCE: return quad_reduce(e, (fold)f->how, s, data);
  case L_INCLUSIVE: return scan(e, (fold)f->how, s, data, f->width, false);
  case L_EXCLUSIVE: return scan(e, (fold)f->how, s, data, f->width, true);
  case L_MOVE: return shuffle(e, (move)f->how, data, by, f->width);
  case L_FILL:
    return fill(e, (move)f->how, data, other, by, modulo, f->width, loc);
  case L_BROADCAST: return broadcast(e, data, by);
  case L_QUAD_FIRST: return quad_first(e, data);
  default:
    return data->form == SM_UNI ? *data : sm_leaf_uni(sm_first(e, data));
  }
}

static sm_value emit_lane_function(sm_emit *e, const sm_expr *x,
                                   const lane_function *f) {
  sm_value a[4] = {{0}};
  for (uint32_t i = 0; i < x->args.len && i < 4; i++)
    a[i] = sm_emit_value(e, x->args.data[i]);
  if (f->kind == L_VOTE)
    return one(e, x->type,
               vote(e, f->id, x->args.len ? &a[0].leaf[0] : NULL));
  uint32_t at = f->kind == L_FILL ? 2 : 1;
  sm_leaf by = {0}, modulo = {0};
  if (a[at].n)
    by = sm_leaf_cast(e, SM_UINT, a[at].type->scalar, a[at].leaf[0]);
  if (a[3].n)
    modulo = sm_leaf_cast(e, SM_UINT, a[3].type->scalar, a[3].leaf[0]);
  if (f->kind == L_MOVE || f->kind == L_BROADCAST)
    sm_watch_shuffle(e, x->loc, (uint32_t)f->how, f->width, &by);
  sm_value r = sm_value_new(e, x->type);
  for (uint32_t i = 0; i < r.n; i++)
    r.leaf[i] = lane_leaf(e, f, x->type->scalar, &a[0].leaf[i],
                          f->kind == L_FILL ? &a[1].leaf[i] : NULL, &by,
                          &modulo, x->loc);
  return r;
}

/* ---- barriers --------------------------------------------------------- */

/* Under a condition of lanes, all lanes that are left must be here. */
static void check_converged(sm_emit *e, tm_loc loc) {
  const sm_inline *kernel = e->inlined;
  bool inner = false;
  for (; kernel->caller; kernel = kernel->caller)
    if (kernel->returned) inner = true;
  if (e->level == 0 && !inner) return;
  sm_val live = e->entry_mask;
  if (kernel->returned)
    live = OP2(And, live, OP1(Not, LL.BuildLoad2(
        e->b, LL.TypeOf(live), kernel->returned, "")));
  LLVMBasicBlockRef bad = sm_block(e), good = sm_block(e);
  sm_val all = sm_mask_bits(e, live), here = sm_mask_bits(e, sm_exec(e));
  LL.BuildCondBr(e->b, ICMP(NE, all, here), bad, good);
  sm_here(e, bad);
  sm_val args[3] = {e->frame, sm_i32(e, loc.line),
                    OP2(And, all, OP1(Not, here))};
  sm_runtime(e, "sm_rt_diverged", e->void_type, args, 3);
  LL.BuildUnreachable(e->b);
  sm_here(e, good);
}

/* The mem_flags of a barrier or fence. */
static uint32_t memory_flags(const sm_expr *x) {
  return x->args.len ? (uint32_t)x->args.data[0]->u.i : 0;
}

static void barrier(sm_emit *e, const sm_expr *x) {
  tm_loc loc = x->loc;
  check_converged(e, loc);
  e->has_barrier = true;
  sm_val args[2] = {e->frame, sm_i32(e, loc.line)};
  sm_runtime(e, "sm_rt_barrier", e->void_type, args, 2);
  sm_watch_barrier(e, memory_flags(x));
}

sm_value sm_emit_group(sm_emit *e, const sm_expr *x) {
  if (x->u.builtin >= SM_B_SIMDGROUP_LOAD) return sm_emit_matrix(e, x);
  switch (x->u.builtin) {
  case SM_B_THREADGROUP_BARRIER: barrier(e, x); break;
  case SM_B_ATOMIC_THREAD_FENCE: sm_watch_fence(e, memory_flags(x)); break;
  case SM_B_SIMDGROUP_BARRIER:
    break; /* lanes run in step; atomics are sequentially consistent */
  default:
    for (size_t i = 0; i < TM_COUNT(functions); i++)
      if (functions[i].id == x->u.builtin)
        return emit_lane_function(e, x, &functions[i]);
    sm_emit_fail(e, x->loc, "internal: no group function %d",
                 (int)x->u.builtin);
  }
  return sm_value_new(e, x->type);
}
