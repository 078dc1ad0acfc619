/* SPDX-License-Identifier: MIT */
/*
 * seed.c - the layouts that memory accesses and dots ask for.
 *
 * Memory. An access is as wide as the axis analysis proves (up to 16 bytes a
 * thread), registers first along the dimension in which addresses are
 * consecutive, then lanes along the same dimension, so that a simdgroup
 * touches whole 128-byte lines where the tile has them. Accesses to tiles of
 * the same shape and order share one layout, so that an f16 tile and an f32
 * tile meet without a conversion: the widest access decides, as long as no
 * thread owns more than 32 consecutive bytes of any of them (two accesses,
 * both of which use the lines that the simdgroup touches).
 *
 * Dots. Simdgroups divide the product so that what they read together, rows
 * of A and columns of B, is least. Where the product of one dot is the left
 * operand of another (attention), both divide by rows alone: the product is
 * then laid out as the operand of the second one and stays in registers.
 * Products whose operands are read straight from device memory take K and
 * their columns in an order in which a thread's elements lie together.
 */
#include "assignint.h"

enum {
  ACCESS_BYTES = 16, /* widest load or store of a thread */
  OWNED_BYTES = 32,  /* consecutive bytes of a thread in one tile */
  SEGMENT_BYTES = 16 /* consecutive bytes of a simdgroup that are enough */
};

static uint32_t min_u32(uint32_t a, uint32_t b) { return a < b ? a : b; }
static uint32_t max_u32(uint32_t a, uint32_t b) { return a > b ? a : b; }

const tm_layout *tm_assign_intern(tm_assigner *a, const tm_layout *l) {
  uint64_t hash = tm_layout_hash(l), found = 0;
  tm_layout_entry *first = NULL;
  if (tm_map_get(&a->interned, hash, &found))
    first = (tm_layout_entry *)(uintptr_t)found;
  for (tm_layout_entry *e = first; e != NULL; e = e->next)
    if (tm_layout_equal(&e->layout, l)) return &e->layout;
  tm_layout_entry *e = TM_NEW(a->arena, tm_layout_entry);
  e->layout = *l;
  e->id = a->n_layouts++;
  e->next = first;
  tm_map_put(&a->interned, hash, TM_KEY(e));
  return &e->layout;
}

/* ---- memory ------------------------------------------------------------ */

static uint32_t pointee_bytes(tm_type pointer) {
  tm_type p = tm_type_element(pointer)->element;
  if (p->kind != TM_TYPE_SCALAR) return 8;
  return (tm_scalar_bits(p->scalar) + 7) / 8;
}

/* Dimensions by contiguity, longest first; among equals the last first, as
 * memory usually is. */
static void choose_order(const tm_axis *axis, uint32_t rank, uint32_t *order) {
  for (uint32_t i = 0; i < rank; i++) {
    uint32_t d = rank - 1 - i, at = i;
    while (at > 0 && axis->contiguity[d] > axis->contiguity[order[at - 1]]) {
      order[at] = order[at - 1];
      at--;
    }
    order[at] = d;
  }
}

static tm_access *access_of(tm_assigner *a, tm_inst i) {
  tm_value pointer = tm_get(a->ir, i)->operands[0];
  const tm_axis *axis = &a->axis[pointer];
  tm_access *x = TM_NEW(a->arena, tm_access);
  x->type = tm_type_of(a->ir, pointer);
  x->elem_bytes = pointee_bytes(x->type);
  choose_order(axis, x->type->rank, x->order);
  uint64_t aligned = axis->divisibility[x->order[0]] / x->elem_bytes;
  x->contiguity = axis->contiguity[x->order[0]];
  x->vector = min_u32(x->contiguity, ACCESS_BYTES / x->elem_bytes);
  if (x->vector > aligned) x->vector = aligned > 1 ? (uint32_t)aligned : 1;
  tm_op op = tm_get(a->ir, i)->op;
  if (tm_op_is_atomic(op) ||
      x->type->element->address_space == TM_SPACE_SHARED)
    x->vector = 1;
  return x;
}

static bool same_kind(const tm_access *x, const tm_access *y) {
  return x->type->rank == y->type->rank &&
         memcmp(x->type->shape, y->type->shape,
                x->type->rank * sizeof x->type->shape[0]) == 0 &&
         memcmp(x->order, y->order, x->type->rank * sizeof x->order[0]) == 0;
}

/* Kernels have a few shapes, however many accesses. */
static tm_access_kind *kind_of(tm_assigner *a, const tm_access *x) {
  for (uint32_t k = 0; k < a->kinds.len; k++)
    if (same_kind(a->kinds.data[k].first, x)) return &a->kinds.data[k];
  tm_access_kind made = {x, 1, 1};
  tm_push(a->arena, &a->kinds, made);
  return &a->kinds.data[a->kinds.len - 1];
}

static void find_kinds(tm_assigner *a) {
  for (uint32_t i = 0; i < a->n_insts; i++) {
    const tm_access *x = a->access[i];
    if (x == NULL) continue;
    tm_access_kind *kind = kind_of(a, x);
    kind->vector = max_u32(kind->vector, x->vector);
    kind->elem_bytes = max_u32(kind->elem_bytes, x->elem_bytes);
  }
}

static uint32_t elements_per_thread(const tm_assigner *a, tm_type t) {
  int64_t n = tm_type_numel(t) / (32 * (int64_t)a->num_warps);
  return n < 1 ? 1 : (uint32_t)n;
}

static void seed_access(tm_assigner *a, tm_access *x, tm_inst i) {
  const tm_access_kind *kind = kind_of(a, x);
  uint32_t per_thread = min_u32(kind->vector, OWNED_BYTES / kind->elem_bytes);
  per_thread = min_u32(per_thread, elements_per_thread(a, x->type));
  tm_layout l = tm_layout_blocked(x->type->rank, x->type->shape, per_thread,
                                  a->num_warps, x->order);
  x->seed = tm_perturb_layout(a, TM_PERTURB_ACCESS, i,
                              tm_assign_intern(a, &l));
}

static const tm_layout *find_default(tm_assigner *a, tm_type type) {
  for (uint32_t k = 0; k < a->kinds.len; k++) {
    const tm_access *x = a->kinds.data[k].first;
    if (x->seed != NULL && x->type->rank == type->rank &&
        memcmp(x->type->shape, type->shape,
               type->rank * sizeof type->shape[0]) == 0)
      return x->seed;
  }
  uint32_t order[TM_MAX_RANK];
  for (uint32_t d = 0; d < type->rank; d++) order[d] = type->rank - 1 - d;
  tm_layout l = tm_layout_blocked(type->rank, type->shape,
                                  min_u32(4, elements_per_thread(a, type)),
                                  a->num_warps, order);
  return tm_assign_intern(a, &l);
}

const tm_layout *tm_seed_default(tm_assigner *a, tm_type type) {
  uint64_t found;
  if (tm_map_get(&a->defaults, TM_KEY(type), &found))
    return (const tm_layout *)(uintptr_t)found;
  const tm_layout *l = tm_perturb_layout(a, TM_PERTURB_DEFAULT,
                                         a->defaults.len,
                                         find_default(a, type));
  tm_map_put(&a->defaults, TM_KEY(type), TM_KEY(l));
  return l;
}

/* Bytes of what simdgroups tell each other in a scan: one total for each
 * block below the lowest bit of the axis that a simdgroup number has. */
static uint64_t scan_bytes(const tm_assigner *a, tm_inst i,
                           const tm_layout *l, uint32_t shift,
                           uint32_t axis) {
  const tm_inst_data *inst = tm_get(a->ir, i);
  uint32_t moved = 0, low = 0;
  for (uint32_t w = 0; w < l->n_warp; w++) moved |= l->warp[w] & axis;
  if (moved == 0) return 0;
  while (!(moved >> (shift + low) & 1)) low++;
  uint64_t bytes = 0;
  for (uint32_t k = 0; k < inst->n_operands; k++) {
    tm_type t = tm_type_of(a->ir, inst->operands[k]);
    uint32_t bits = tm_scalar_bits(t->element->scalar);
    uint32_t each = bits == 64 ? 8 : 4; /* narrow ones may take a register */
    bytes += (uint64_t)(tm_type_numel(t) >> low) * each;
  }
  return bytes;
}

/* The bit that goes to a simdgroup instead of one along the axis: the last
 * register, or the last lane, off it. */
static uint32_t *bit_off(tm_layout *l, uint32_t axis) {
  for (uint32_t r = l->n_reg; r > 0; r--)
    if (l->reg[r - 1] && !(l->reg[r - 1] & axis)) return &l->reg[r - 1];
  for (uint32_t r = TM_LANE_BITS; r > 0; r--)
    if (l->lane[r - 1] && !(l->lane[r - 1] & axis)) return &l->lane[r - 1];
  return NULL;
}

const tm_layout *tm_seed_scan(tm_assigner *a, tm_inst i, const tm_layout *l) {
  uint32_t d = (uint32_t)tm_inst_int(a->ir, i, TM_ATTR_AXIS, 0);
  uint32_t shift = tm_layout_dim_shift(l, d);
  uint32_t axis = ((1u << l->dim_bits[d]) - 1) << shift, *off;
  if (scan_bytes(a, i, l, shift, axis) <= a->chip->threadgroup_bytes)
    return l;
  tm_layout other = *l;
  for (uint32_t w = 0; w < other.n_warp; w++) {
    if (!(other.warp[w] & axis) || !(off = bit_off(&other, axis))) continue;
    uint32_t along = other.warp[w];
    other.warp[w] = *off;
    *off = along;
  }
  return tm_assign_intern(a, &other);
}

uint32_t tm_seed_segment(const tm_access *access, const tm_layout *l) {
  uint32_t d = access->order[0], shift = tm_layout_dim_shift(l, d);
  uint32_t n = min_u32(tm_layout_run_along(l, d),
                       ACCESS_BYTES / access->elem_bytes);
  for (bool more = true; more;) {
    more = false;
    for (uint32_t i = 0; i < TM_LANE_BITS; i++)
      if (l->lane[i] == n << shift && n < 1u << l->dim_bits[d]) more = true;
    if (more) n *= 2;
  }
  return min_u32(n, access->contiguity) * access->elem_bytes;
}

bool tm_seed_accepts(const tm_access *access, const tm_layout *l) {
  uint32_t best = tm_seed_segment(access, access->seed);
  return tm_seed_segment(access, l) >= min_u32(best, SEGMENT_BYTES);
}

/* ---- dots -------------------------------------------------------------- */

/* Divides num_warps among rows and columns; each simdgroup needs at least
 * one fragment, what is left over goes to the batch or holds copies. Among
 * equals the one with more rows a simdgroup: a fragment of the right operand
 * then serves more products. */
static void split_warps(uint32_t num_warps, int64_t m, int64_t n,
                        bool by_rows, uint32_t *warps_m, uint32_t *warps_n) {
  int64_t best = INT64_MAX;
  uint32_t used = 0;
  *warps_m = *warps_n = 1;
  for (uint32_t wm = 1; wm <= num_warps; wm *= 2) {
    for (uint32_t wn = 1; wm * wn <= num_warps; wn *= 2) {
      if ((wm > 1 && m / wm < 8) || (wn > 1 && n / wn < 8)) continue;
      int64_t cost = by_rows ? (int64_t)wn : m / wm + n / wn;
      if (wm * wn < used || (wm * wn == used && cost >= best)) continue;
      used = wm * wn;
      best = cost;
      *warps_m = wm;
      *warps_n = wn;
    }
  }
}

const tm_layout *tm_seed_dot(tm_assigner *a, tm_inst i) {
  tm_type t = tm_type_of(a->ir, tm_get(a->ir, i)->results);
  uint32_t num = a->num_warps, m, n;
  for (uint32_t d = 0; d + 2 < t->rank; d++)
    num = (uint32_t)(num / t->shape[d] > 0 ? num / t->shape[d] : 1);
  split_warps(num, t->shape[t->rank - 2], t->shape[t->rank - 1],
              a->by_rows[i], &m, &n);
  uint32_t other = tm_perturb_roll(a, TM_PERTURB_PRODUCT, i, 3);
  if (other == 1 && n > 1 && t->shape[t->rank - 2] / (m * 2) >= 8)
    m *= 2, n /= 2;
  if (other == 2 && m > 1 && t->shape[t->rank - 1] / (n * 2) >= 8)
    m /= 2, n *= 2;
  tm_layout l = tm_layout_fragment_wide(t->rank, t->shape, m, n,
                                        a->num_warps, a->wide);
  return tm_assign_intern(a, &l);
}

/* ---- dots that read device memory ---------------------------------------- */

/* The load that v is, through what works on elements and transpositions of
 * two dimensions; 0 when it is none. */
static tm_inst loaded(const tm_assigner *a, tm_value v, bool *swapped) {
  for (int steps = 0; steps < 64; steps++) {
    tm_inst def = tm_val(a->ir, v)->def, next = 0;
    if (def == 0) return 0;
    const tm_inst_data *d = tm_get(a->ir, def);
    if (d->op == TM_LOAD) return def;
    if (d->op == TM_TRANS && tm_type_of(a->ir, v)->rank == 2)
      *swapped = !*swapped;
    else if (!(tm_op_infos[d->op].flags & TM_ELEMENTWISE))
      return 0;
    for (uint32_t o = 0; o < d->n_operands; o++) {
      if (!tm_relation_is_tensor(a->ir, d->operands[o])) continue;
      if (next) return 0;
      next = d->operands[o];
    }
    if (!next) return 0;
    v = next;
  }
  return 0;
}

/* Can the operand's fragments come from device memory? *bytes: of an element
 * there; *by_rows: its rows lie in a row. */
static bool reads_memory(const tm_assigner *a, tm_value v, uint32_t *bytes,
                         bool *by_rows) {
  bool swapped = false;
  tm_inst load = loaded(a, v, &swapped);
  const tm_access *x = load ? a->access[load] : NULL;
  if (!x || x->type->rank < 2 || x->vector < 2) return false;
  *bytes = x->elem_bytes;
  *by_rows = (x->order[0] == x->type->rank - 1) != swapped;
  return true;
}

/* Where chips do not stage operands, products take K and their columns in an
 * order in which threads load 16 bytes at once, if all of the kernel's dots
 * read memory, or the product of another dot as it is. */
static void seed_wide(tm_assigner *a) {
  uint32_t widest = 2;
  if (a->chip->stage_dot_operands) return;
  for (uint32_t i = 0; i < a->n_insts; i++)
    if (tm_get(a->ir, i)->block && tm_tensor_is_marked(a->ir, i)) return;
  for (int round = 0; round < 2; round++) {
    for (uint32_t i = 0; i < a->n_insts; i++) {
      const tm_inst_data *d = tm_get(a->ir, i);
      if (!d->block || d->op != TM_DOT) continue;
      tm_type t = tm_type_of(a->ir, d->operands[0]);
      tm_type r = tm_type_of(a->ir, d->results);
      uint32_t k = (uint32_t)t->shape[t->rank - 1], left = 0, right = 0;
      bool rows = true, straight = true;
      bool chained = !reads_memory(a, d->operands[0], &left, &rows);
      if (!reads_memory(a, d->operands[1], &right, &straight) || !rows ||
          (chained && !a->by_rows[i]) || k < 16 ||
          r->shape[r->rank - 1] < 8 || r->shape[r->rank - 2] < 8) {
        a->wide = 0;
        return;
      }
      widest = max_u32(widest, max_u32(left, right));
      if (round == 0) continue;
      uint32_t most = 0, low = a->wide + (!straight && !chained);
      while (16u << most <= k) most++;
      if (low > most) low = most;
      tm_inst_set_attr(a->ir, i, tm_attr_int(TM_ATTR_K_ORDER,
          (int64_t)tm_k_order_make(low, !straight && !chained)));
    }
    a->wide = widest > 4 ? 0 : widest == 4 ? 1 : 2;
    if (!a->wide) return;
  }
}

/* Follows the left operand back to another dot, through what keeps values
 * where they are. */
static void find_chain(tm_assigner *a, tm_inst dot) {
  enum { LOOK = 256 };
  tm_value todo[LOOK];
  uint32_t n = 0, seen = 0;
  todo[n++] = tm_get(a->ir, dot)->operands[0];
  for (; seen < n; seen++) {
    tm_inst def = tm_val(a->ir, todo[seen])->def;
    if (def == 0) continue;
    const tm_inst_data *inst = tm_get(a->ir, def);
    if (inst->op == TM_DOT) a->by_rows[def] = a->by_rows[dot] = 1;
    if (!(tm_op_infos[inst->op].flags & TM_ELEMENTWISE)) continue;
    for (uint32_t o = 0; o < inst->n_operands; o++) {
      uint32_t k = 0;
      while (k < n && todo[k] != inst->operands[o]) k++;
      if (k == n && n < LOOK) todo[n++] = inst->operands[o];
    }
  }
}

/* simdgroup_matrix multiplies half and float and adds in float; dots.c in
 * lib/opt has rewritten what it could. */
static bool check_dot(tm_assigner *a, tm_inst i) {
  const tm_inst_data *inst = tm_get(a->ir, i);
  tm_type ta = tm_type_of(a->ir, inst->operands[0]);
  tm_type tb = tm_type_of(a->ir, inst->operands[1]);
  tm_type tc = tm_type_of(a->ir, inst->results);
  if (tc->rank < 2 || tc->rank > 3) {
    tm_error_at(a->diags, TM_DIAG_INTERNAL, inst->loc, "dot of rank %u",
                tc->rank);
    return false;
  }
  tm_scalar x = ta->element->scalar, y = tb->element->scalar;
  tm_scalar z = tc->element->scalar;
  if (x == y && z == TM_F32 && (x == TM_F16 || x == TM_BF16 || x == TM_F32))
    return true;
  tm_diag *d = tm_error_at(
      a->diags, TM_DIAG_UNSUPPORTED, inst->loc,
      "dot of %s by %s into %s with K = %lld", tm_scalar_name(x),
      tm_scalar_name(y), tm_scalar_name(z),
      (long long)ta->shape[ta->rank - 1]);
  tm_diag_hint(a->diags, d, "%s",
               z == TM_I32 ? "int8 products are exact up to K = 1024: loop "
                             "over K in smaller steps"
               : z == TM_F64 ? "no Apple GPU has double precision: use "
                               "tl.float32"
                             : "convert both sides to one of tl.float16, "
                               "tl.bfloat16 and tl.float32");
  return false;
}

/* ---- all of the kernel ------------------------------------------------- */

static bool check_size(tm_assigner *a, tm_value v, tm_loc loc) {
  tm_type t = tm_type_of(a->ir, v);
  if (!tm_type_is_tensor(t)) return true;
  for (uint32_t d = 0; d < t->rank; d++) {
    if (t->shape[d] > 0 && (t->shape[d] & (t->shape[d] - 1)) == 0) continue;
    tm_error_at(a->diags, TM_DIAG_LIMIT, loc,
                "an extent of %lld is not a power of two",
                (long long)t->shape[d]);
    return false;
  }
  int64_t each = tm_type_numel(t) / (32 * (int64_t)a->num_warps);
  if (tm_type_numel(t) > 1 << TM_MAX_REG_BITS) {
    tm_error_at(a->diags, TM_DIAG_LIMIT, loc,
                "a tile of %lld elements: the most is %d",
                (long long)tm_type_numel(t), 1 << TM_MAX_REG_BITS);
    return false;
  }
  if (each <= 1 << TM_LAYOUT_MAX_REGISTERS) return true;
  tm_diag *d = tm_error_at(
      a->diags, TM_DIAG_LIMIT, loc,
      "a tile of %lld elements is %lld elements a thread with num_warps=%u; "
      "the most is %d",
      (long long)tm_type_numel(t), (long long)each, a->num_warps,
      1 << TM_LAYOUT_MAX_REGISTERS);
  tm_diag_hint(a->diags, d, "use a smaller tile or more warps");
  return false;
}

/* What has to be gone by now, or cannot be laid out. */
static bool check_inst(tm_assigner *a, tm_inst i) {
  const tm_inst_data *inst = tm_get(a->ir, i);
  bool ok = true;
  for (uint32_t r = 0; r < inst->n_results; r++)
    ok = check_size(a, inst->results + r, inst->loc) && ok;
  if (!ok) return false;
  if (inst->op == TM_DOT) return check_dot(a, i);
  if (inst->op == TM_DOT_SCALED) {
    tm_error_at(a->diags, TM_DIAG_UNSUPPORTED, inst->loc,
                "dot_scaled of these formats or shapes: there is e4m3, e5m2, "
                "e2m1, bf16 and fp16 with scales of 8 bits");
    return false;
  }
  if (inst->op == TM_CALL) {
    tm_error_at(a->diags, TM_DIAG_INTERNAL, inst->loc,
                "a call is left when layouts are assigned");
    return false;
  }
  if (tm_op_is_access(inst->op) &&
      !tm_relation_is_tensor(a->ir, inst->operands[0])) {
    tm_type p = tm_type_of(a->ir, inst->operands[0]);
    if (p->kind == TM_TYPE_POINTER && p->element->kind == TM_TYPE_TENSOR) {
      tm_error_at(a->diags, TM_DIAG_INTERNAL, inst->loc,
                  "a block pointer is left when layouts are assigned");
      return false;
    }
  }
  return true;
}

static void seed_block(tm_assigner *a, tm_block b, uint32_t depth) {
  if (depth > TM_LAYOUT_MAX_DEPTH) {
    tm_error_at(a->diags, TM_DIAG_LIMIT,
                tm_get(a->ir, tm_blk(a->ir, b)->parent)->loc,
                "control flow is nested more than %d deep",
                TM_LAYOUT_MAX_DEPTH);
    a->failed = true;
    return;
  }
  TM_EACH_INST(a->ir, i, b) {
    const tm_inst_data *inst = tm_get(a->ir, i);
    if (!check_inst(a, i)) {
      a->failed = true;
      continue;
    }
    if (tm_op_is_access(inst->op) &&
        tm_relation_is_tensor(a->ir, inst->operands[0]))
      a->access[i] = access_of(a, i);
    if (inst->op == TM_DOT) find_chain(a, i);
    if (inst->op != TM_FOR && inst->op != TM_IF && inst->op != TM_WHILE)
      continue;
    for (uint32_t r = 0; r < inst->n_regions; r++)
      if (inst->regions[r] != 0) seed_block(a, inst->regions[r], depth + 1);
  }
}

bool tm_seed(tm_assigner *a) {
  const tm_func *func = &a->ir->funcs.data[tm_ir_kernel(a->ir)];
  for (uint32_t p = 0; p < func->params.len; p++) {
    if (!tm_type_is_tensor(func->params.data[p].type)) continue;
    tm_error_at(a->diags, TM_DIAG_UNSUPPORTED, func->loc,
                "parameter %u of the kernel is a tensor", p);
    return false;
  }
  seed_block(a, func->body, 0);
  if (a->failed) return false;
  seed_wide(a);
  find_kinds(a);
  for (uint32_t i = 0; i < a->n_insts; i++)
    if (a->access[i] != NULL) seed_access(a, a->access[i], i);
  return true;
}
