/* SPDX-License-Identifier: MIT */
/*
 * emit_memory.c - reading and writing places.
 *
 * Device, constant and threadgroup memory. An access of 32 lanes is planned
 * from the linear form of its address. The bits of the lane number fall into
 *   - bits with coefficient zero: those lanes share an address,
 *   - a chain whose coefficients are slot, 2 slot, 4 slot ...: those lanes
 *     lie side by side, slot bytes apart,
 *   - far bits: everything else.
 * With few far bits the access is one wide load or store per combination of
 * them, and shuffles that bring elements to their lanes; vectors (float4 per
 * lane) come out of the same shuffles. This holds for full masks. Partial
 * masks use masked accesses when all lanes are side by side, and otherwise a
 * lane-by-lane path, as do addresses without a linear form.
 *
 * Local variables are memory too, in bytes: 32 elements per leaf, or one if
 * the variable is uniform. Offsets are constants wherever the source's
 * indices are, so that LLVM turns them into registers.
 */
#include "emit.h"

enum { MOST_LEAVES = 1 << 16 };

/* ---- types as leaves -------------------------------------------------- */

/* The member of a union that its value is: the one with most leaves. In
 * thread memory the front end lets only unions pass whose leaves are all of
 * one size, so that every member lies in the same bytes. */
const sm_type *sm_union_whole(sm_emit *e, const sm_type *t) {
  const sm_type *whole = NULL;
  uint32_t most = 0;
  for (uint32_t i = 0; i < t->structure->members.len; i++) {
    const sm_type *m = t->structure->members.data[i].type;
    uint32_t n = sm_leaf_count(e, m);
    if (whole && n <= most) continue;
    whole = m;
    most = n;
  }
  return whole;
}

uint32_t sm_leaf_count(sm_emit *e, const sm_type *t) {
  uint64_t n = 1;
  switch (t->kind) {
  case SM_T_VECTOR: n = t->count; break;
  case SM_T_MATRIX: n = (uint64_t)t->count * t->rows; break;
  case SM_T_ARRAY:
    n = (uint64_t)t->count * sm_leaf_count(e, t->element);
    break;
  case SM_T_STRUCT:
    n = 0;
    if (t->structure->is_union) {
      const sm_type *whole = sm_union_whole(e, t);
      n = whole ? sm_leaf_count(e, whole) : 0;
      break;
    }
    for (uint32_t i = 0; i < t->structure->members.len; i++)
      n += sm_leaf_count(e, t->structure->members.data[i].type);
    break;
  case SM_T_SCALAR: n = t->scalar == SM_VOID ? 0 : 1; break;
  default: break;
  }
  if (n > MOST_LEAVES)
    sm_emit_fail(e, (tm_loc){0}, "type %s has more than %d elements",
                 t->spelling ? t->spelling : "", MOST_LEAVES);
  return (uint32_t)n;
}

sm_value sm_value_new(sm_emit *e, const sm_type *type) {
  sm_value v;
  v.type = type;
  v.n = sm_leaf_count(e, type);
  v.leaf = TM_NEW_ARRAY(e->arena, sm_leaf, v.n);
  return v;
}

uint32_t sm_member_leaf(sm_emit *e, const sm_type *t, uint32_t member) {
  uint32_t n = 0;
  if (t->structure->is_union) return 0;
  for (uint32_t i = 0; i < member; i++)
    n += sm_leaf_count(e, t->structure->members.data[i].type);
  return n;
}

static unsigned leaf_bytes(const sm_type *t) {
  if (t->kind == SM_T_POINTER || t->kind == SM_T_REFERENCE) return 8;
  if (t->kind == SM_T_STRUCT) return 0;
  return t->scalar == SM_BFLOAT && t->kind == SM_T_SCALAR
             ? 4 : sm_scalar_bytes(t->scalar);
}

uint64_t sm_slot_size(sm_emit *e, const sm_type *t, bool varying) {
  uint64_t lanes = varying ? SM_LANES : 1, n;
  switch (t->kind) {
  case SM_T_FRAGMENT: return 64 * 4; /* floats, whatever it holds */
  case SM_T_ARRAY: return t->count * sm_slot_size(e, t->element, varying);
  case SM_T_STRUCT:
    n = 0;
    if (t->structure->is_union) {
      const sm_type *whole = sm_union_whole(e, t);
      return whole ? sm_slot_size(e, whole, varying) : 0;
    }
    for (uint32_t i = 0; i < t->structure->members.len; i++)
      n += sm_slot_size(e, t->structure->members.data[i].type, varying);
    return n;
  case SM_T_POINTER: case SM_T_REFERENCE: return lanes * 8;
  default:
    return sm_leaf_count(e, t) * lanes *
           (t->scalar == SM_BFLOAT ? 4 : sm_scalar_bytes(t->scalar));
  }
}

uint64_t sm_slot_member(sm_emit *e, const sm_type *t, uint32_t member,
                        bool varying) {
  if (t->structure->is_union) return 0;
  uint64_t n = 0;
  for (uint32_t i = 0; i < member; i++)
    n += sm_slot_size(e, t->structure->members.data[i].type, varying);
  return n;
}

/* ---- masks ------------------------------------------------------------ */

static sm_ty mask_type(sm_emit *e) {
  return sm_vector_type(e->i1, SM_LANES);
}

/* Outside of all divergence, full simdgroups are full. */
bool sm_exec_is_full(const sm_emit *e) {
  for (const sm_inline *i = e->inlined; i; i = i->caller)
    if (i->returned) return false;
  return e->line && e->level == 0;
}

/* A constant keeps the paths for partial masks from being emitted. */
sm_val sm_exec(sm_emit *e) {
  if (sm_exec_is_full(e)) return e->entry_mask;
  return LL.BuildLoad2(e->b, mask_type(e), e->exec, "");
}

/* LLVM's builder leaves the bits of a constant mask an expression, which hides
 * from the emitter that the mask is full. */
sm_val sm_mask_bits(sm_emit *e, sm_val mask) {
  if (e->line && mask == e->entry_mask) return sm_i32(e, UINT32_MAX);
  return CONVERT(BitCast, mask, e->i32);
}

sm_val sm_any(sm_emit *e, sm_val mask) {
  return ICMP(NE, sm_mask_bits(e, mask), sm_i32(e, 0));
}

sm_val sm_first(sm_emit *e, const sm_leaf *leaf) {
  if (leaf->form == SM_UNI) return leaf->v;
  sm_val args[2] = {sm_mask_bits(e, sm_exec(e)), sm_int(e, e->i1, 0)};
  sm_val lane = sm_intrinsic(e, "llvm.cttz", &e->i32, 1, args, 2);
  lane = OP2(And, lane, sm_i32(e, 31));
  return LL.BuildExtractElement(e->b, sm_vec(e, leaf), lane, "");
}

static sm_val last_active(sm_emit *e, sm_val vector) {
  sm_val args[2] = {sm_mask_bits(e, sm_exec(e)), sm_int(e, e->i1, 0)};
  sm_val zeros = sm_intrinsic(e, "llvm.ctlz", &e->i32, 1, args, 2);
  sm_val lane = OP2(And, OP2(Sub, sm_i32(e, 31), zeros), sm_i32(e, 31));
  return LL.BuildExtractElement(e->b, vector, lane, "");
}

/* ---- memory forms of scalars ------------------------------------------ */

static sm_ty memory_type(sm_emit *e, sm_scalar s) {
  if (s == SM_BOOL) return e->i8;
  if (s == SM_BFLOAT) return e->i16;
  return sm_scalar_type(e, s);
}

static sm_ty resized(sm_ty like, sm_ty element) {
  if (LL.GetTypeKind(like) != LLVMVectorTypeKind) return element;
  return sm_vector_type(element, LL.GetVectorSize(like));
}

static sm_val from_memory(sm_emit *e, sm_scalar s, sm_val x) {
  sm_ty type = LL.TypeOf(x);
  if (s == SM_BOOL) return ICMP(NE, x, LL.ConstNull(type));
  if (s != SM_BFLOAT) return x;
  sm_ty wide = resized(type, e->i32);
  sm_val k = sm_i32(e, 16);
  if (wide != e->i32) k = sm_splat_n(e, k, LL.GetVectorSize(type));
  return CONVERT(BitCast, OP2(Shl, CONVERT(ZExt, x, wide), k),
                 resized(type, e->f32));
}

static sm_val to_memory(sm_emit *e, sm_scalar s, sm_val x) {
  sm_ty type = LL.TypeOf(x);
  if (s == SM_BOOL) return CONVERT(ZExt, x, resized(type, e->i8));
  if (s != SM_BFLOAT) return x;
  sm_ty wide = resized(type, e->i32);
  sm_val k = sm_i32(e, 16);
  if (wide != e->i32) k = sm_splat_n(e, k, LL.GetVectorSize(type));
  return CONVERT(Trunc, OP2(LShr, CONVERT(BitCast, x, wide), k),
                 resized(type, e->i16));
}

static sm_val load(sm_emit *e, sm_ty type, sm_val p, unsigned align,
                   sm_space space) {
  sm_val v = LL.BuildLoad2(e->b, type, p, "");
  LL.SetAlignment(v, align);
  if (space == SM_CONSTANT) {
    unsigned kind =
        LL.GetMDKindIDInContext(e->context, "invariant.load", 14);
    LL.SetMetadata(v, kind, LL.MetadataAsValue(e->context,
        LL.MDNodeInContext2(e->context, NULL, 0)));
  }
  return v;
}

static void store(sm_emit *e, sm_val v, sm_val p, unsigned align) {
  LL.SetAlignment(LL.BuildStore(e->b, v, p), align);
}

/* ---- checking --------------------------------------------------------- */

/* Leaves the 32 addresses in the scratch array and returns it. */
sm_val sm_pointers_store(sm_emit *e, const sm_leaf *pointer) {
  if (!e->scratch_pointers)
    e->scratch_pointers =
        sm_alloca(e, sm_vector_type(e->i64, SM_LANES), SM_LANES * 8);
  store(e, sm_vec(e, pointer), e->scratch_pointers, 8);
  return e->scratch_pointers;
}

void sm_note_access(sm_emit *e, const sm_leaf *pointer, sm_space space,
                    bool write) {
  if (space != SM_DEVICE && space != SM_CONSTANT) return;
  uint64_t which = 0;
  if (pointer->root >= 0) {
    which = (uint64_t)1 << pointer->root;
  } else {
    for (uint32_t i = 0; i < e->kernel->params.len; i++)
      if (e->kernel->params.data[i]->kind == SM_V_BUFFER)
        which |= (uint64_t)1 << e->kernel->params.data[i]->index;
  }
  if (write) e->info->buffers_written |= which;
  else e->info->buffers_read |= which;
}

/* ---- the plan of an access -------------------------------------------- */

typedef struct plan {
  unsigned bytes;     /* of one element */
  unsigned n;         /* elements per lane */
  unsigned slot;      /* elements from one lane of the chain to the next */
  unsigned chain;     /* bits in the chain */
  unsigned far;       /* far bits */
  int chain_bit[5], far_bit[5];
  bool shared;        /* some bit has coefficient zero */
  bool good;
} plan;

static plan plan_access(const sm_emit *e, const sm_leaf *p, unsigned bytes,
                        unsigned n, bool is_store) {
  plan r = {0};
  int64_t k[5];
  bool constant[5], used[5] = {false};
  r.bytes = bytes;
  r.n = n;
  if (p->form != SM_LIN) return r;
  int64_t lane = (int64_t)bytes * n, slot = 0;
  for (int b = 0; b < 5; b++) {
    k[b] = 0;
    constant[b] = !p->coef[b] || sm_const_int(p->coef[b], &k[b]);
    if (constant[b] && k[b] == 0) used[b] = r.shared = true;
    if (constant[b] && k[b] == lane) slot = lane;
  }
  for (int b = 0; b < 5 && !slot && !is_store; b++)
    if (constant[b] && k[b] > lane && k[b] % bytes == 0 &&
        k[b] <= 4 * lane)
      slot = slot && slot < k[b] ? slot : k[b];
  for (bool more = slot != 0; more;) {
    more = false;
    for (int b = 0; b < 5; b++)
      if (!used[b] && constant[b] && k[b] == slot << r.chain) {
        r.chain_bit[r.chain++] = b;
        used[b] = more = true;
        break;
      }
  }
  for (int b = 0; b < 5; b++)
    if (!used[b]) r.far_bit[r.far++] = b;
  r.slot = slot ? (unsigned)(slot / bytes) : n;
  r.good = r.far <= 3 && !(is_store && r.shared) &&
           ((unsigned)r.slot << r.chain) <= 256;
  if (r.far == 3 && r.chain == 0 && n * bytes < 8) r.good = false;
  /* A gather instruction beats reading more than half as gaps. */
  if (e->wide && n == 1 && bytes >= 4 && r.slot > 2) r.good = false;
  return r;
}

/* All 32 lanes in order, side by side, one element each. */
static bool is_row(const plan *p) {
  if (!p->good || p->chain != 5 || p->n != 1 || p->slot != 1) return false;
  for (int b = 0; b < 5; b++)
    if (p->chain_bit[b] != b) return false;
  return true;
}

static unsigned lane_far(const plan *p, unsigned lane) {
  unsigned f = 0;
  for (unsigned i = 0; i < p->far; i++)
    f |= (lane >> p->far_bit[i] & 1) << i;
  return f;
}

static unsigned lane_chain(const plan *p, unsigned lane) {
  unsigned c = 0;
  for (unsigned i = 0; i < p->chain; i++)
    c |= (lane >> p->chain_bit[i] & 1) << i;
  return c;
}

static sm_val far_address(sm_emit *e, const sm_leaf *p, const plan *pl,
                          unsigned combination) {
  sm_val at = p->v;
  for (unsigned i = 0; i < pl->far; i++)
    if (combination >> i & 1) at = sm_at(e, at, p->coef[pl->far_bit[i]]);
  return at;
}

static unsigned row_length(const plan *p) {
  return ((1u << p->chain) - 1) * p->slot + p->n;
}

static sm_val concat(sm_emit *e, sm_val a, sm_val b, unsigned n) {
  int mask[512];
  for (unsigned i = 0; i < 2 * n; i++) mask[i] = (int)i;
  return sm_shuffle(e, a, b, mask, 2 * n);
}

/* ---- four 32-bit elements a lane, 8-float registers -------------------- */

/* Lanes i and i + 4 of each eight go into one register, whose halves are
 * then transposed like any 4 x 4 matrix: two shuffles a register. */
static bool is_quads(const sm_emit *e, const plan *p) {
  return !e->wide && p->n == 4 && p->bytes == 4;
}

static sm_val lane_address(sm_emit *e, const plan *pl, const sm_val *far,
                           unsigned lane) {
  uint64_t at = (uint64_t)lane_chain(pl, lane) * pl->slot * pl->bytes;
  return sm_at(e, far[lane_far(pl, lane)], sm_i64(e, at));
}

static void far_addresses(sm_emit *e, const sm_leaf *p, const plan *pl,
                          sm_val far[8]) {
  for (unsigned f = 0; f < 1u << pl->far; f++)
    far[f] = far_address(e, p, pl, f);
}

/* in[i] and out[i] of 8; its own inverse but for the halves' order. */
static void transpose_quads(sm_emit *e, const sm_val in[4], sm_val out[4]) {
  static const int low[8] = {0, 8, 1, 9, 4, 12, 5, 13};
  static const int high[8] = {2, 10, 3, 11, 6, 14, 7, 15};
  static const int first[8] = {0, 1, 8, 9, 4, 5, 12, 13};
  static const int second[8] = {2, 3, 10, 11, 6, 7, 14, 15};
  sm_val a = sm_shuffle(e, in[0], in[1], low, 8);
  sm_val b = sm_shuffle(e, in[0], in[1], high, 8);
  sm_val c = sm_shuffle(e, in[2], in[3], low, 8);
  sm_val d = sm_shuffle(e, in[2], in[3], high, 8);
  out[0] = sm_shuffle(e, a, c, first, 8);
  out[1] = sm_shuffle(e, a, c, second, 8);
  out[2] = sm_shuffle(e, b, d, first, 8);
  out[3] = sm_shuffle(e, b, d, second, 8);
}

static void load_quads(sm_emit *e, const sm_leaf *p, const plan *pl,
                       sm_ty type, sm_space space, sm_val *out) {
  sm_val far[8], part[4][4];
  far_addresses(e, p, pl, far);
  for (unsigned g = 0; g < 4; g++) {
    sm_val row[4];
    for (unsigned i = 0; i < 4; i++) {
      sm_val half[2];
      for (unsigned h = 0; h < 2; h++)
        half[h] = load(e, sm_vector_type(type, 4),
                       lane_address(e, pl, far, g * 8 + h * 4 + i), 4, space);
      row[i] = concat(e, half[0], half[1], 4);
    }
    transpose_quads(e, row, part[g]);
  }
  for (unsigned j = 0; j < 4; j++)
    out[j] = concat(e, concat(e, part[0][j], part[1][j], 8),
                    concat(e, part[2][j], part[3][j], 8), 16);
}

static sm_val piece(sm_emit *e, sm_val v, unsigned from, unsigned n) {
  int mask[SM_LANES];
  for (unsigned i = 0; i < n; i++) mask[i] = (int)(from + i);
  return sm_shuffle(e, v, NULL, mask, n);
}

static void store_quads(sm_emit *e, const sm_leaf *p, const plan *pl,
                        const sm_val *in) {
  sm_val far[8];
  far_addresses(e, p, pl, far);
  for (unsigned g = 0; g < 4; g++) {
    sm_val column[4], row[4];
    for (unsigned j = 0; j < 4; j++) column[j] = piece(e, in[j], g * 8, 8);
    transpose_quads(e, column, row);
    for (unsigned l = 0; l < 8; l++)
      store(e, piece(e, row[l & 3], l & 4, 4),
            lane_address(e, pl, far, g * 8 + l), 4);
  }
}

/* Wide loads; out[j] gets element j of all lanes. */
static void load_wide(sm_emit *e, const sm_leaf *p, const plan *pl,
                      sm_ty type, sm_space space, sm_val *out) {
  if (is_quads(e, pl)) {
    load_quads(e, p, pl, type, space, out);
    return;
  }
  unsigned combinations = 1u << pl->far, length = row_length(pl);
  sm_val part[8];
  for (unsigned f = 0; f < combinations; f++) {
    sm_val at = far_address(e, p, pl, f);
    part[f] = load(e, sm_vector_type(type, length), at, pl->bytes, space);
  }
  unsigned n = length;
  for (unsigned c = combinations; c > 1; c /= 2, n *= 2)
    for (unsigned f = 0; f < c / 2; f++)
      part[f] = concat(e, part[2 * f], part[2 * f + 1], n);
  for (unsigned j = 0; j < pl->n; j++) {
    int mask[SM_LANES];
    bool identity = n == SM_LANES;
    for (unsigned l = 0; l < SM_LANES; l++) {
      mask[l] = (int)(lane_far(pl, l) * length +
                      lane_chain(pl, l) * pl->slot + j);
      if (mask[l] != (int)l) identity = false;
    }
    out[j] = identity ? part[0]
                      : sm_shuffle(e, part[0], NULL, mask, SM_LANES);
  }
}

/* Elements of all lanes as one vector, lane-major. */
static sm_val interleave(sm_emit *e, const sm_val *in, unsigned n,
                         const plan *pl) {
  sm_val all[4];
  unsigned width = SM_LANES, count = n;
  for (unsigned j = 0; j < n; j++) all[j] = in[j];
  if (count == 3) all[count++] = LL.GetPoison(LL.TypeOf(in[0]));
  for (; count > 1; count /= 2, width *= 2)
    for (unsigned j = 0; j < count / 2; j++)
      all[j] = concat(e, all[2 * j], all[2 * j + 1], width);
  int mask[4 * SM_LANES];
  for (unsigned l = 0; l < SM_LANES; l++) {
    unsigned to = l;
    if (pl) to = lane_far(pl, l) << pl->chain | lane_chain(pl, l);
    for (unsigned j = 0; j < n; j++)
      mask[to * n + j] = (int)(j * SM_LANES + l);
  }
  return sm_shuffle(e, all[0], NULL, mask, n * SM_LANES);
}

static void store_wide(sm_emit *e, const sm_leaf *p, const plan *pl,
                       const sm_val *in) {
  if (is_quads(e, pl)) {
    store_quads(e, p, pl, in);
    return;
  }
  sm_val raw = interleave(e, in, pl->n, pl);
  unsigned combinations = 1u << pl->far;
  unsigned length = pl->n << pl->chain;
  for (unsigned f = 0; f < combinations; f++) {
    int mask[4 * SM_LANES];
    for (unsigned i = 0; i < length; i++) mask[i] = (int)(f * length + i);
    sm_val row = combinations == 1
                     ? raw : sm_shuffle(e, raw, NULL, mask, length);
    store(e, row, far_address(e, p, pl, f), pl->bytes);
  }
}

/* ---- masked and lane-by-lane accesses --------------------------------- */

static void add_align(sm_emit *e, sm_val call, unsigned argument,
                      unsigned align) {
  unsigned kind = LL.GetEnumAttributeKindForName("align", 5);
  LL.AddCallSiteAttribute(call, argument + 1,
                          LL.CreateEnumAttribute(e->context, kind, align));
}

/* LLVM 22 moved the alignment of masked accesses into an attribute. */
static sm_val masked_load(sm_emit *e, sm_ty element, sm_val p, sm_val mask,
                          unsigned align, bool gather) {
  sm_ty vector = sm_vector_type(element, SM_LANES);
  sm_ty types[2] = {vector, LL.TypeOf(p)};
  sm_val zero = LL.ConstNull(vector);
  const char *name = gather ? "llvm.masked.gather" : "llvm.masked.load";
  if (sm_llvm_version() >= 22) {
    sm_val args[3] = {p, mask, zero};
    sm_val v = sm_intrinsic(e, name, types, 2, args, 3);
    add_align(e, v, 0, align);
    return v;
  }
  sm_val args[4] = {p, sm_i32(e, align), mask, zero};
  return sm_intrinsic(e, name, types, 2, args, 4);
}

static void masked_store(sm_emit *e, sm_val v, sm_val p, sm_val mask,
                         unsigned align, bool scatter) {
  sm_ty types[2] = {LL.TypeOf(v), LL.TypeOf(p)};
  const char *name = scatter ? "llvm.masked.scatter" : "llvm.masked.store";
  if (sm_llvm_version() >= 22) {
    sm_val args[3] = {v, p, mask};
    add_align(e, sm_intrinsic(e, name, types, 2, args, 3), 1, align);
    return;
  }
  sm_val args[4] = {v, p, sm_i32(e, align), mask};
  sm_intrinsic(e, name, types, 2, args, 4);
}

static sm_val scratch(sm_emit *e) {
  if (!e->scratch_data)
    e->scratch_data = sm_alloca(e, LL.ArrayType(e->i8, SM_LANES * 32),
                                SM_LANES * 32);
  return e->scratch_data;
}

static void load_lanes(sm_emit *e, const sm_leaf *p, unsigned bytes,
                       unsigned n, sm_ty type, sm_val *out) {
  if (n == 1) {
    out[0] = masked_load(e, type, sm_vec(e, p), sm_exec(e), bytes, true);
    return;
  }
  sm_val buffer = scratch(e);
  sm_val args[4] = {sm_pointers_store(e, p), sm_mask_bits(e, sm_exec(e)),
                    sm_i32(e, bytes * n), buffer};
  sm_runtime(e, "sm_rt_gather", e->void_type, args, 4);
  sm_val raw = load(e, sm_vector_type(type, n * SM_LANES), buffer, bytes,
                    SM_THREAD);
  for (unsigned j = 0; j < n; j++) {
    int mask[SM_LANES];
    for (unsigned l = 0; l < SM_LANES; l++) mask[l] = (int)(l * n + j);
    out[j] = sm_shuffle(e, raw, NULL, mask, SM_LANES);
  }
}

static void store_lanes(sm_emit *e, const sm_leaf *p, unsigned bytes,
                        unsigned n, const sm_val *in) {
  if (n == 1 && e->wide && bytes >= 4) {
    masked_store(e, in[0], sm_vec(e, p), sm_exec(e), bytes, true);
    return;
  }
  sm_val buffer = scratch(e);
  store(e, n == 1 ? in[0] : interleave(e, in, n, NULL), buffer, bytes);
  sm_val args[4] = {sm_pointers_store(e, p), sm_mask_bits(e, sm_exec(e)),
                    sm_i32(e, bytes * n), buffer};
  sm_runtime(e, "sm_rt_scatter", e->void_type, args, 4);
}

/* ---- accesses --------------------------------------------------------- */

static sm_val is_full(sm_emit *e) {
  return ICMP(EQ, sm_mask_bits(e, sm_exec(e)), sm_i32(e, UINT32_MAX));
}

/* The condition of the fast path: full mask and no wrap. NULL: always, and
 * masked; a constant: always, and full. */
static sm_val fast_condition(sm_emit *e, const sm_leaf *p, bool needs_full) {
  sm_val c = needs_full ? is_full(e) : NULL;
  int64_t k;
  if (c && !p->guard && sm_const_int(c, &k) && k) return c;
  if (p->guard) c = c ? OP2(And, c, p->guard) : p->guard;
  return c;
}

static void load_varying(sm_emit *e, const sm_leaf *p, unsigned bytes,
                         unsigned n, sm_ty type, sm_space space,
                         sm_val *out) {
  plan pl = plan_access(e, p, bytes, n, false);
  if (!pl.good) {
    load_lanes(e, p, bytes, n, type, out);
    return;
  }
  bool masked = is_row(&pl) && e->wide && bytes >= 1;
  sm_val c = fast_condition(e, p, !masked);
  if (!c) {
    out[0] = masked_load(e, type, p->v, sm_exec(e), bytes, false);
    return;
  }
  if (LL.IsAConstantInt(c)) { /* always */
    load_wide(e, p, &pl, type, space, out);
    return;
  }
  LLVMBasicBlockRef fast = sm_block(e), slow = sm_block(e);
  LLVMBasicBlockRef join = sm_block(e);
  sm_val from_fast[4], from_slow[4];
  LL.BuildCondBr(e->b, c, fast, slow);
  sm_here(e, fast);
  if (masked)
    from_fast[0] = masked_load(e, type, p->v, sm_exec(e), bytes, false);
  else load_wide(e, p, &pl, type, space, from_fast);
  fast = LL.GetInsertBlock(e->b);
  LL.BuildBr(e->b, join);
  sm_here(e, slow);
  if (is_row(&pl) && !p->guard)
    from_slow[0] = masked_load(e, type, p->v, sm_exec(e), bytes, false);
  else load_lanes(e, p, bytes, n, type, from_slow);
  slow = LL.GetInsertBlock(e->b);
  LL.BuildBr(e->b, join);
  sm_here(e, join);
  for (unsigned j = 0; j < n; j++) {
    out[j] = LL.BuildPhi(e->b, LL.TypeOf(from_fast[j]), "");
    LL.AddIncoming(out[j], &from_fast[j], &fast, 1);
    LL.AddIncoming(out[j], &from_slow[j], &slow, 1);
  }
}

static void store_varying(sm_emit *e, const sm_leaf *p, unsigned bytes,
                          unsigned n, const sm_val *in) {
  plan pl = plan_access(e, p, bytes, n, true);
  if (!pl.good) {
    store_lanes(e, p, bytes, n, in);
    return;
  }
  bool masked = is_row(&pl) && e->wide;
  sm_val c = fast_condition(e, p, !masked);
  if (!c) {
    masked_store(e, in[0], p->v, sm_exec(e), bytes, false);
    return;
  }
  if (LL.IsAConstantInt(c)) { /* always */
    store_wide(e, p, &pl, in);
    return;
  }
  LLVMBasicBlockRef fast = sm_block(e), slow = sm_block(e);
  LLVMBasicBlockRef join = sm_block(e);
  LL.BuildCondBr(e->b, c, fast, slow);
  sm_here(e, fast);
  if (masked) masked_store(e, in[0], p->v, sm_exec(e), bytes, false);
  else store_wide(e, p, &pl, in);
  LL.BuildBr(e->b, join);
  sm_here(e, slow);
  if (is_row(&pl) && !p->guard)
    masked_store(e, in[0], p->v, sm_exec(e), bytes, false);
  else store_lanes(e, p, bytes, n, in);
  LL.BuildBr(e->b, join);
  sm_here(e, join);
}

/* n elements of scalar type s, side by side at pointer, into leaves. */
static void read_elements(sm_emit *e, sm_leaf p, sm_scalar s, unsigned n,
                          sm_space space, tm_loc loc, sm_leaf *out) {
  unsigned bytes = sm_scalar_bytes(s);
  sm_ty type = memory_type(e, s);
  sm_check_access(e, &p, space, bytes * n, 0, loc);
  sm_note_access(e, &p, space, false);
  if (p.form == SM_UNI) {
    for (unsigned j = 0; j < n; j++) {
      sm_val at = sm_at(e, p.v, sm_i64(e, (uint64_t)j * bytes));
      out[j] = sm_leaf_uni(from_memory(e, s, load(e, type, at, bytes,
                                                  space)));
    }
    return;
  }
  sm_val lanes[4];
  load_varying(e, &p, bytes, n, type, space, lanes);
  for (unsigned j = 0; j < n; j++)
    out[j] = sm_leaf_var(from_memory(e, s, lanes[j]));
}

static void write_elements(sm_emit *e, sm_leaf p, sm_scalar s, unsigned n,
                           sm_space space, tm_loc loc, const sm_leaf *in) {
  unsigned bytes = sm_scalar_bytes(s);
  sm_check_access(e, &p, space, bytes * n, SM_ACCESS_WRITE, loc);
  sm_note_access(e, &p, space, true);
  for (unsigned j = 0; e->options->check && j < n; j++)
    if (in[j].form != SM_UNI || p.form != SM_UNI)
      sm_watch_store(e, &p, j * bytes, to_memory(e, s, sm_vec(e, &in[j])),
                     loc);
  if (p.form == SM_UNI) { /* lanes collide; the last one wins */
    for (unsigned j = 0; j < n; j++) {
      sm_val v = in[j].form == SM_UNI ? in[j].v
                                      : last_active(e, sm_vec(e, &in[j]));
      store(e, to_memory(e, s, v),
            sm_at(e, p.v, sm_i64(e, (uint64_t)j * bytes)), bytes);
    }
    return;
  }
  sm_val lanes[4];
  for (unsigned j = 0; j < n; j++)
    lanes[j] = to_memory(e, s, sm_vec(e, &in[j]));
  store_varying(e, &p, bytes, n, lanes);
}

static sm_leaf offset_by(sm_emit *e, sm_leaf p, uint64_t bytes) {
  if (!bytes) return p;
  return sm_leaf_address(e, p, sm_leaf_int(e, SM_LONG, bytes), SM_LONG, 1);
}

/* Walks a type's parts in memory; in or out holds its leaves. */
static void memory_parts(sm_emit *e, sm_leaf p, const sm_type *t,
                         sm_space space, tm_loc loc, sm_leaf *leaf,
                         bool write) {
  switch (t->kind) {
  case SM_T_SCALAR: case SM_T_ENUM: case SM_T_VECTOR: case SM_T_ATOMIC: {
    unsigned n = t->kind == SM_T_VECTOR ? t->count : 1;
    if (t->scalar == SM_VOID) return;
    e->access_align = t->align;
    if (write) write_elements(e, p, t->scalar, n, space, loc, leaf);
    else read_elements(e, p, t->scalar, n, space, loc, leaf);
    return;
  }
  case SM_T_MATRIX:
    for (uint32_t c = 0; c < t->count; c++) {
      sm_leaf at = offset_by(e, p, (uint64_t)c * (t->size / t->count));
      e->access_align = t->align;
      if (write)
        write_elements(e, at, t->scalar, t->rows, space, loc,
                       leaf + c * t->rows);
      else
        read_elements(e, at, t->scalar, t->rows, space, loc,
                      leaf + c * t->rows);
    }
    return;
  case SM_T_ARRAY: {
    uint32_t n = sm_leaf_count(e, t->element);
    for (uint32_t i = 0; i < t->count; i++)
      memory_parts(e, offset_by(e, p, (uint64_t)i * t->element->size),
                   t->element, space, loc, leaf + i * n, write);
    return;
  }
  case SM_T_STRUCT: {
    const sm_type *whole = t->structure->is_union ? sm_union_whole(e, t) : NULL;
    if (whole) {
      memory_parts(e, p, whole, space, loc, leaf, write);
      return;
    }
    for (uint32_t i = 0; i < t->structure->members.len; i++) {
      const sm_member *m = &t->structure->members.data[i];
      memory_parts(e, offset_by(e, p, m->offset), m->type, space, loc, leaf,
                   write);
      leaf += sm_leaf_count(e, m->type);
    }
    return;
  }
  case SM_T_POINTER: {
    sm_leaf address;
    if (t->space == SM_THREAD)
      sm_emit_fail(e, loc, "a pointer to thread memory in device or "
                   "threadgroup memory is not supported");
    if (write) address = sm_pointer_number(e, *leaf);
    e->access_align = 8;
    if (write) write_elements(e, p, SM_ULONG, 1, space, loc, &address);
    else read_elements(e, p, SM_ULONG, 1, space, loc, &address);
    if (!write) *leaf = sm_number_pointer(e, address);
    return;
  }
  default:
    sm_emit_fail(e, loc, "%s in device or threadgroup memory is not "
                 "supported", t->spelling ? t->spelling : "this type");
  }
}

/* ---- local variables -------------------------------------------------- */

static bool is_varying(const sm_state *s) {
  return s->kind == SM_C_VARYING;
}

typedef struct slot { /* one leaf of a local variable */
  sm_ty element;     /* LLVM type of one lane's value */
  sm_scalar scalar;  /* SM_VOID: pointer or fragment */
  bool fragment;
  uint64_t offset;
} slot;

static sm_ty slot_memory(sm_emit *e, const sm_state *state, const slot *s) {
  sm_ty t = s->scalar == SM_BOOL ? e->i8 : s->element;
  return is_varying(state) ? sm_vector_type(t, SM_LANES) : t;
}

/* The addresses of every lane's own copy, for an index that varies. */
static sm_val slot_addresses(sm_emit *e, const sm_place *place,
                             const slot *s) {
  sm_val at = sm_at(e, place->state->memory, sm_i64(e, s->offset));
  sm_val by = place->index;
  unsigned bytes = s->scalar == SM_VOID ? 8
                   : s->scalar == SM_BFLOAT ? 4 : sm_scalar_bytes(s->scalar);
  if (is_varying(place->state))
    by = OP2(Add, by, sm_lanes(e, e->i64, 0, bytes));
  return LL.BuildGEP2(e->b, e->i8, at, &by, 1, "");
}

static sm_leaf slot_read(sm_emit *e, const sm_place *place, const slot *s) {
  sm_state *state = place->state;
  if (place->index && place->index_varies) {
    if (s->fragment)
      sm_emit_fail(e, state->var ? state->var->loc : (tm_loc){0},
                   "an array of simdgroup matrices is indexed by a value "
                   "that differs between lanes");
    sm_ty t = s->scalar == SM_BOOL ? e->i8 : s->element;
    sm_val v = masked_load(e, t, slot_addresses(e, place, s), sm_exec(e), 1,
                           true);
    return sm_leaf_var(s->scalar == SM_BOOL ? from_memory(e, SM_BOOL, v)
                                            : v);
  }
  sm_val at = sm_at(e, state->memory, sm_i64(e, s->offset));
  if (place->index) at = sm_at(e, at, place->index);
  if (s->fragment)
    return sm_leaf_uni(load(e, sm_vector_type(s->element, 64), at, 4,
                            SM_THREAD));
  sm_val v = load(e, slot_memory(e, state, s), at, 8, SM_THREAD);
  if (s->scalar == SM_BOOL)
    v = CONVERT(Trunc, v, resized(LL.TypeOf(v), e->i1));
  return is_varying(state) && !s->fragment ? sm_leaf_var(v)
                                           : sm_leaf_uni(v);
}

static sm_val blend(sm_emit *e, const sm_state *state, sm_val now,
                    sm_val old) {
  if (e->level <= state->level) return now;
  return SELECT(sm_exec(e), now, old);
}

static void slot_write(sm_emit *e, const sm_place *place, const slot *s,
                       sm_leaf v) {
  sm_state *state = place->state;
  sm_val bytes;
  if (place->index && place->index_varies) {
    if (s->fragment || !is_varying(state))
      sm_emit_fail(e, state->var ? state->var->loc : (tm_loc){0},
                   "internal: varying index into a uniform variable");
    bytes = sm_vec(e, &v);
    if (s->scalar == SM_BOOL) bytes = to_memory(e, SM_BOOL, bytes);
    masked_store(e, bytes, slot_addresses(e, place, s), sm_exec(e), 1, true);
    return;
  }
  sm_val at = sm_at(e, state->memory, sm_i64(e, s->offset));
  if (place->index) at = sm_at(e, at, place->index);
  if (s->fragment || !is_varying(state)) {
    if (v.form != SM_UNI)
      sm_emit_fail(e, state->var ? state->var->loc : (tm_loc){0},
                   "internal: varying value for a uniform variable");
    if (!s->fragment && e->level > state->level)
      sm_emit_fail(e, state->var ? state->var->loc : (tm_loc){0},
                   "internal: divergent assignment to a uniform variable");
    if (s->fragment) {
      store(e, v.v, at, 4);
      return;
    }
    bytes = v.v;
    if (s->scalar == SM_BOOL) bytes = CONVERT(ZExt, bytes, e->i8);
    store(e, bytes, at, 8);
    return;
  }
  bytes = sm_vec(e, &v);
  if (s->scalar == SM_BOOL) bytes = to_memory(e, SM_BOOL, bytes);
  if (e->level > state->level)
    bytes = blend(e, state, bytes,
                  load(e, slot_memory(e, state, s), at, 8, SM_THREAD));
  store(e, bytes, at, 8);
}

static void slot_parts(sm_emit *e, const sm_place *place, const sm_type *t,
                       uint64_t offset, sm_leaf *leaf, bool write) {
  bool varying = is_varying(place->state);
  slot s = {e->ptr, SM_VOID, false, offset};
  switch (t->kind) {
  case SM_T_ARRAY: {
    uint32_t n = sm_leaf_count(e, t->element);
    uint64_t size = sm_slot_size(e, t->element, varying);
    for (uint32_t i = 0; i < t->count; i++)
      slot_parts(e, place, t->element, offset + i * size, leaf + i * n,
                 write);
    return;
  }
  case SM_T_STRUCT:
    if (t->structure->is_union) {
      const sm_type *whole = sm_union_whole(e, t);
      if (whole) slot_parts(e, place, whole, offset, leaf, write);
      return;
    }
    for (uint32_t i = 0; i < t->structure->members.len; i++) {
      const sm_type *m = t->structure->members.data[i].type;
      slot_parts(e, place, m, offset, leaf, write);
      offset += sm_slot_size(e, m, varying);
      leaf += sm_leaf_count(e, m);
    }
    return;
  case SM_T_POINTER: case SM_T_REFERENCE: break;
  case SM_T_FRAGMENT:
    s.fragment = true;
    s.element = e->f32;
    break;
  default: {
    uint32_t n = sm_leaf_count(e, t);
    uint64_t step = leaf_bytes(t);
    if (t->scalar == SM_BFLOAT) step = 4;
    step *= varying ? SM_LANES : 1;
    s.scalar = t->scalar;
    s.element = sm_scalar_type(e, t->scalar);
    for (uint32_t i = 0; i < n; i++, s.offset += step)
      if (write) slot_write(e, place, &s, leaf[i]);
      else leaf[i] = slot_read(e, place, &s);
    return;
  }
  }
  if (write) slot_write(e, place, &s, leaf[0]);
  else leaf[0] = slot_read(e, place, &s);
}

sm_state *sm_state_new(sm_emit *e, const sm_var *var, const sm_type *type,
                       sm_class kind) {
  sm_state *s = TM_NEW(e->arena, sm_state);
  s->kind = kind;
  s->var = var;
  s->level = e->level;
  if (kind == SM_C_UNIFORM || kind == SM_C_VARYING) {
    uint64_t bytes = sm_slot_size(e, type, kind == SM_C_VARYING);
    if (bytes == 0) bytes = 1;
    s->memory = sm_alloca(e, LL.ArrayType(e->i8, (unsigned)bytes), bytes);
  }
  return s;
}

sm_place sm_state_place(sm_emit *e, sm_state *state, const sm_type *type) {
  sm_place p = {0};
  p.type = type;
  if (state->place) {
    p = *state->place;
    p.type = type;
    return p;
  }
  p.state = state;
  p.kind = state->kind == SM_C_BOUND || state->kind == SM_C_STEP
               ? SM_P_VALUE : SM_P_SLOT;
  if (state->kind == SM_C_BOUND) p.value = state->value;
  if (state->kind == SM_C_STEP) {
    bool pointer = type->kind == SM_T_POINTER;
    sm_scalar s = pointer ? SM_LONG : type->scalar;
    sm_leaf delta = sm_leaf_uni(LL.BuildLoad2(
        e->b, sm_scalar_type(e, s), state->memory, ""));
    p.value = sm_value_new(e, type);
    p.value.leaf[0] =
        pointer ? sm_leaf_address(e, state->value.leaf[0], delta, s, 1)
                : sm_leaf_binary(e, SM_ADD, s, state->value.leaf[0], delta);
  }
  return p;
}

sm_place *sm_place_copy(sm_emit *e, const sm_place *place) {
  sm_place *p = TM_NEW(e->arena, sm_place);
  *p = *place;
  return p;
}

/* ---- places ----------------------------------------------------------- */

static sm_value read_whole(sm_emit *e, const sm_place *p,
                           const sm_type *type, tm_loc loc) {
  sm_value v = sm_value_new(e, type);
  switch (p->kind) {
  case SM_P_MEMORY:
    memory_parts(e, p->pointer, type, p->space, loc, v.leaf, false);
    break;
  case SM_P_SLOT:
    slot_parts(e, p, type, p->offset, v.leaf, false);
    break;
  case SM_P_VALUE:
    for (uint32_t i = 0; i < v.n; i++) v.leaf[i] = p->value.leaf[p->offset + i];
    break;
  }
  return v;
}

static void write_whole(sm_emit *e, const sm_place *p, sm_value v,
                        tm_loc loc) {
  if (p->kind == SM_P_MEMORY)
    memory_parts(e, p->pointer, v.type, p->space, loc, v.leaf, true);
  else if (p->kind == SM_P_SLOT)
    slot_parts(e, p, v.type, p->offset, v.leaf, true);
  else sm_emit_fail(e, loc, "internal: assignment to a value");
}

/* One element of a vector place. */
static sm_place component(sm_emit *e, const sm_place *p, unsigned i) {
  sm_place c = *p;
  sm_type *scalar = TM_NEW(e->arena, sm_type);
  scalar->kind = SM_T_SCALAR;
  scalar->scalar = p->vector->scalar;
  scalar->size = scalar->align = sm_scalar_bytes(scalar->scalar);
  c.type = scalar;
  c.swizzle_len = 0;
  unsigned bytes = sm_scalar_bytes(scalar->scalar);
  if (p->kind == SM_P_MEMORY)
    c.pointer = offset_by(e, p->pointer, (uint64_t)i * bytes);
  else if (p->kind == SM_P_SLOT)
    c.offset += i * (uint32_t)sm_slot_size(e, scalar, is_varying(p->state));
  else c.offset += i;
  return c;
}

/* thread_elements() of a fragment, which holds floats (emit_matrix.c). */
static sm_value element_read(sm_emit *e, const sm_place *p, tm_loc loc) {
  sm_place whole = *p;
  whole.is_element = false;
  sm_val f = read_whole(e, &whole, p->vector, loc).leaf[0].v, r;
  sm_value v = sm_value_new(e, p->type);
  int64_t i;
  if (p->element.form == SM_UNI && sm_const_int(p->element.v, &i)) {
    r = sm_fragment_element(e, f, (unsigned)i & 1);
  } else {
    sm_leaf odd = sm_leaf_cast(e, SM_BOOL, SM_UINT, p->element);
    r = SELECT(odd.form == SM_UNI ? odd.v : sm_vec(e, &odd),
               sm_fragment_element(e, f, 1), sm_fragment_element(e, f, 0));
  }
  if (p->vector->scalar == SM_HALF)
    r = CONVERT(FPTrunc, r, sm_vector_type(e->f16, SM_LANES));
  v.leaf[0] = sm_leaf_var(r);
  return v;
}

/* Lanes that do not take part keep their elements. */
static void element_write(sm_emit *e, const sm_place *p, const sm_leaf *v,
                          tm_loc loc) {
  sm_place whole = *p;
  whole.is_element = false;
  sm_value f = read_whole(e, &whole, p->vector, loc);
  sm_val lanes = sm_vec(e, v), odd = NULL;
  int64_t which = 0;
  if (p->vector->scalar == SM_HALF)
    lanes = CONVERT(FPExt, lanes, sm_vector_type(e->f32, SM_LANES));
  if (p->element.form != SM_UNI || !sm_const_int(p->element.v, &which)) {
    sm_leaf c = sm_leaf_cast(e, SM_BOOL, SM_UINT, p->element);
    odd = sm_vec(e, &c);
  }
  for (unsigned i = 0; i < 2; i++) {
    if (!odd && i != ((unsigned)which & 1)) continue;
    sm_val old = sm_fragment_element(e, f.leaf[0].v, i), mask = sm_exec(e);
    if (odd) mask = OP2(And, mask, i ? odd : OP1(Not, odd));
    f.leaf[0].v = sm_fragment_insert(e, f.leaf[0].v, i,
                                     SELECT(mask, lanes, old));
  }
  write_whole(e, &whole, f, loc);
}

sm_value sm_place_read(sm_emit *e, const sm_place *p, tm_loc loc) {
  if (p->is_element) return element_read(e, p, loc);
  if (!p->swizzle_len) return read_whole(e, p, p->type, loc);
  sm_value all = read_whole(e, p, p->vector, loc);
  sm_value v = sm_value_new(e, p->type);
  for (uint32_t i = 0; i < v.n; i++) v.leaf[i] = all.leaf[p->swizzle[i]];
  return v;
}

void sm_place_write(sm_emit *e, const sm_place *p, sm_value v, tm_loc loc) {
  if (p->is_element) {
    element_write(e, p, &v.leaf[0], loc);
    return;
  }
  if (!p->swizzle_len) {
    write_whole(e, p, v, loc);
    return;
  }
  for (uint32_t i = 0; i < v.n; i++) {
    sm_place c = component(e, p, p->swizzle[i]);
    sm_value one = {c.type, 1, &v.leaf[i]};
    write_whole(e, &c, one, loc);
  }
}
