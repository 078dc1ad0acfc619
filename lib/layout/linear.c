/* SPDX-License-Identifier: MIT */
/*
 * linear.c - layouts as linear maps over the field of two elements.
 *
 * A layout is three lists of basis vectors. Whatever is asked of it is a
 * question of linear algebra on at most 30 vectors of at most 20 bits:
 *
 *   which register holds element e   solve  reg * x = e
 *   does every element exist         rank of all vectors = bits of the tile
 *   is any element held twice        rank of all vectors < their number
 *
 * The constructors below all make "permutation" layouts: every nonzero basis
 * vector is one bit of the element index, and no two are the same bit.
 * Removing a dimension, permuting dimensions and reshaping keep that, which
 * is why copies can always be told apart by single thread bits.
 */
#include <assert.h>

#include "f2.h"
#include "layout.h"

/* ---- spans of a layout ------------------------------------------------- */

static span span_of_registers(const tm_layout *l) {
  span s = {{0}, {0}, 0};
  for (uint32_t i = 0; i < l->n_reg; i++) span_add(&s, l->reg[i], i);
  return s;
}

static uint32_t rank_of_all(const tm_layout *l) {
  span s = {{0}, {0}, 0};
  for (uint32_t i = 0; i < TM_LANE_BITS; i++) span_add(&s, l->lane[i], 0);
  for (uint32_t i = 0; i < l->n_warp; i++) span_add(&s, l->warp[i], 0);
  for (uint32_t i = 0; i < l->n_reg; i++) span_add(&s, l->reg[i], 0);
  return s.rank;
}

/* ---- reading ----------------------------------------------------------- */

static uint32_t combine(const uint32_t *basis, uint32_t bits) {
  uint32_t e = 0;
  for (uint32_t i = 0; bits != 0; i++, bits >>= 1)
    if (bits & 1) e ^= basis[i];
  return e;
}

static uint32_t total_bits(const tm_layout *l) {
  uint32_t n = 0;
  for (uint32_t d = 0; d < l->rank; d++) n += l->dim_bits[d];
  return n;
}

uint32_t tm_layout_element(const tm_layout *l, uint32_t reg, uint32_t lane,
                           uint32_t warp) {
  return combine(l->reg, reg) ^ combine(l->lane, lane) ^
         combine(l->warp, warp);
}

uint32_t tm_layout_dim_shift(const tm_layout *l, uint32_t d) {
  uint32_t n = 0;
  for (uint32_t i = d + 1; i < l->rank; i++) n += l->dim_bits[i];
  return n;
}

void tm_layout_coords(const tm_layout *l, uint32_t element,
                      uint32_t coords[TM_MAX_RANK]) {
  for (uint32_t d = l->rank; d-- > 0;) {
    coords[d] = element & ((1u << l->dim_bits[d]) - 1);
    element >>= l->dim_bits[d];
  }
}

bool tm_layout_equal(const tm_layout *a, const tm_layout *b) {
  if (a->rank != b->rank || a->n_reg != b->n_reg || a->n_warp != b->n_warp)
    return false;
  return memcmp(a->dim_bits, b->dim_bits, a->rank) == 0 &&
         memcmp(a->reg, b->reg, a->n_reg * sizeof a->reg[0]) == 0 &&
         memcmp(a->lane, b->lane, sizeof a->lane) == 0 &&
         memcmp(a->warp, b->warp, a->n_warp * sizeof a->warp[0]) == 0;
}

uint32_t tm_layout_hash(const tm_layout *l) {
  uint64_t h = tm_hash_bytes(l->dim_bits, l->rank, l->rank);
  h = tm_hash_bytes(l->reg, l->n_reg * sizeof l->reg[0], h);
  h = tm_hash_bytes(l->lane, sizeof l->lane, h);
  h = tm_hash_bytes(l->warp, l->n_warp * sizeof l->warp[0], h);
  return (uint32_t)(h ^ h >> 32);
}

bool tm_layout_covers(const tm_layout *l) {
  return rank_of_all(l) == total_bits(l);
}

bool tm_layout_is_injective(const tm_layout *l) {
  return rank_of_all(l) == (uint32_t)l->n_reg + TM_LANE_BITS + l->n_warp;
}

void tm_layout_copies(const tm_layout *l, uint32_t *lanes, uint32_t *warps) {
  *lanes = *warps = 0;
  for (uint32_t i = 0; i < TM_LANE_BITS; i++)
    if (l->lane[i] == 0) *lanes |= 1u << i;
  for (uint32_t i = 0; i < l->n_warp; i++)
    if (l->warp[i] == 0) *warps |= 1u << i;
}

/* A thread's registers hold the same whatever the thread exactly when each
 * thread bit moves both layouts by the same vector; then register r of dst
 * is found once, for thread 0. */
bool tm_layout_register_map(const tm_layout *dst, const tm_layout *src,
                            uint32_t (*src_of)(void *, uint32_t),
                            void *payload, uint32_t *map) {
  if (dst->n_warp != src->n_warp) return false;
  for (uint32_t i = 0; i < TM_LANE_BITS; i++) {
    uint32_t e = src_of ? src_of(payload, dst->lane[i]) : dst->lane[i];
    if (e != src->lane[i]) return false;
  }
  for (uint32_t i = 0; i < dst->n_warp; i++) {
    uint32_t e = src_of ? src_of(payload, dst->warp[i]) : dst->warp[i];
    if (e != src->warp[i]) return false;
  }
  span s = span_of_registers(src);
  for (uint32_t r = 0; r < 1u << dst->n_reg; r++) {
    uint32_t e = combine(dst->reg, r);
    if (!span_solve(&s, src_of ? src_of(payload, e) : e, &map[r]))
      return false;
  }
  return true;
}

/* Registers 0 .. 2^n - 1 hold consecutive elements when basis vector i is
 * unit << i, and later groups do when nothing else moves the low n bits. */
static uint32_t run_from(const tm_layout *l, uint32_t unit, uint32_t limit) {
  uint32_t n = 0;
  while (n < l->n_reg && n < limit && l->reg[n] == unit << n) n++;
  for (; n > 0; n--) {
    uint32_t low = ((1u << n) - 1) * unit, touched = 0;
    for (uint32_t i = n; i < l->n_reg; i++) touched |= l->reg[i];
    for (uint32_t i = 0; i < TM_LANE_BITS; i++) touched |= l->lane[i];
    for (uint32_t i = 0; i < l->n_warp; i++) touched |= l->warp[i];
    if ((touched & low) == 0) break;
  }
  return 1u << n;
}

uint32_t tm_layout_run(const tm_layout *l) {
  return run_from(l, 1, total_bits(l));
}

uint32_t tm_layout_run_along(const tm_layout *l, uint32_t d) {
  return run_from(l, 1u << tm_layout_dim_shift(l, d), l->dim_bits[d]);
}

/* ---- construction ------------------------------------------------------ */

static uint32_t log2_floor(uint64_t n) {
  uint32_t b = 0;
  while (n >>= 1) b++;
  return b;
}

static tm_layout layout_of_shape(uint32_t rank, const int64_t *shape,
                                 uint32_t num_warps) {
  tm_layout l;
  memset(&l, 0, sizeof l);
  assert(rank <= TM_MAX_RANK);
  l.rank = rank;
  for (uint32_t d = 0; d < rank; d++)
    l.dim_bits[d] = (uint8_t)log2_floor((uint64_t)shape[d]);
  l.n_warp = (uint8_t)log2_floor(num_warps);
  assert(total_bits(&l) <= TM_MAX_REG_BITS && l.n_warp <= TM_MAX_WARP_BITS);
  return l;
}

/* Hands out the bits of each dimension from the lowest up. */
typedef struct cursor {
  uint32_t shift[TM_MAX_RANK], left[TM_MAX_RANK];
} cursor;

static cursor cursor_of(const tm_layout *l) {
  cursor c;
  memset(&c, 0, sizeof c);
  for (uint32_t d = 0; d < l->rank; d++) {
    c.shift[d] = tm_layout_dim_shift(l, d);
    c.left[d] = l->dim_bits[d];
  }
  return c;
}

static bool cursor_take(cursor *c, uint32_t d, uint32_t *vector) {
  if (c->left[d] == 0) return false;
  c->left[d]--;
  *vector = 1u << c->shift[d]++;
  return true;
}

static void take_registers(tm_layout *l, cursor *c, uint32_t d, uint32_t n) {
  uint32_t v;
  while (n-- > 0 && cursor_take(c, d, &v)) l->reg[l->n_reg++] = v;
}

tm_layout tm_layout_tiled(uint32_t rank, const int64_t *shape,
                          const uint32_t *per_thread, const uint32_t *lanes,
                          const uint32_t *warps, const uint32_t *order) {
  uint32_t num_warps = 1, lane = 0, warp = 0;
  for (uint32_t d = 0; d < rank; d++) num_warps *= warps[d];
  tm_layout l = layout_of_shape(rank, shape, num_warps);
  cursor c = cursor_of(&l);
  for (uint32_t i = 0; i < rank; i++)
    take_registers(&l, &c, order[i], log2_floor(per_thread[order[i]]));
  for (uint32_t i = 0; i < rank; i++) {
    uint32_t n = log2_floor(lanes[order[i]]);
    for (; n > 0 && lane < TM_LANE_BITS; n--)
      cursor_take(&c, order[i], &l.lane[lane++]);
  }
  for (uint32_t i = 0; i < rank; i++) {
    uint32_t n = log2_floor(warps[order[i]]);
    for (; n > 0 && warp < l.n_warp; n--)
      cursor_take(&c, order[i], &l.warp[warp++]);
  }
  for (uint32_t i = 0; i < rank; i++)
    take_registers(&l, &c, order[i], c.left[order[i]]);
  return l;
}

tm_layout tm_layout_blocked(uint32_t rank, const int64_t *shape,
                            uint32_t per_thread, uint32_t num_warps,
                            const uint32_t *order) {
  tm_layout l = layout_of_shape(rank, shape, num_warps);
  cursor c = cursor_of(&l);
  uint32_t lane = 0, warp = 0;
  if (rank > 0) take_registers(&l, &c, order[0], log2_floor(per_thread));
  for (uint32_t i = 0; i < rank; i++)
    while (lane < TM_LANE_BITS && cursor_take(&c, order[i], &l.lane[lane]))
      lane++;
  for (uint32_t i = 0; i < rank; i++)
    while (warp < l.n_warp && cursor_take(&c, order[i], &l.warp[warp])) warp++;
  for (uint32_t i = 0; i < rank; i++)
    take_registers(&l, &c, order[i], c.left[order[i]]);
  return l;
}

/* ---- 8x8 fragments ----------------------------------------------------- */

/* thread_elements of simdgroup_matrix: lane l holds row
 * ((l>>1)&3) | (((l>>4)&1)<<2) and columns ((l&1)<<1) | (((l>>3)&1)<<2) and
 * the next. So lane bits 0 and 3 move columns 2 and 4, bits 1, 2 and 4 move
 * rows 1, 2 and 4; register bit 0 is the column's lowest bit. Not documented
 * by Apple; MLX, tinygrad and metal-flash-attention rely on it from M1 to
 * M4. In a tile with less than 8 rows or columns, those that it does not have
 * hold copies of those that it has; one column leaves no register bit. */
static void take_fragment(tm_layout *l, uint32_t row, uint32_t col) {
  uint32_t cols = l->dim_bits[l->rank - 1], rows = l->dim_bits[l->rank - 2];
  if (cols > 0) l->reg[l->n_reg++] = 1u << col;
  l->lane[0] = cols > 1 ? 2u << col : 0;
  l->lane[1] = rows > 0 ? 1u << row : 0;
  l->lane[2] = rows > 1 ? 2u << row : 0;
  l->lane[3] = cols > 2 ? 4u << col : 0;
  l->lane[4] = rows > 2 ? 4u << row : 0;
}

/* Register bits for vector bits [from, to) of a dimension at shift. */
static void walk_registers(tm_layout *l, uint32_t shift, uint32_t from,
                           uint32_t to) {
  for (uint32_t b = from; b < to; b++) l->reg[l->n_reg++] = 1u << (shift + b);
}

/* Each simdgroup owns one contiguous part of the tile: simdgroup bits are
 * the highest of each dimension, columns' first. Batch dimensions take the
 * simdgroups that are left. */
tm_layout tm_layout_fragment(uint32_t rank, const int64_t *shape,
                             uint32_t warps_m, uint32_t warps_n,
                             uint32_t num_warps) {
  return tm_layout_fragment_wide(rank, shape, warps_m, warps_n, num_warps, 0);
}

tm_layout tm_layout_fragment_wide(uint32_t rank, const int64_t *shape,
                                  uint32_t warps_m, uint32_t warps_n,
                                  uint32_t num_warps, uint32_t low) {
  tm_layout l = layout_of_shape(rank, shape, num_warps);
  assert(rank >= 2);
  uint32_t n_bits = l.dim_bits[rank - 1], m_bits = l.dim_bits[rank - 2];
  uint32_t wn = log2_floor(warps_n), wm = log2_floor(warps_m), warp = 0;
  uint32_t most_n = n_bits > 3 ? n_bits - 3 : 0;
  uint32_t most_m = m_bits > 3 ? m_bits - 3 : 0;
  if (wn > most_n) wn = most_n;
  if (wm > most_m) wm = most_m;
  take_fragment(&l, n_bits, 0);
  if (n_bits < wn + 3) low = 0;
  else if (low > n_bits - wn - 3) low = n_bits - wn - 3;
  l.lane[0] <<= low;
  l.lane[3] <<= low;
  walk_registers(&l, 0, 1, 1 + low);
  walk_registers(&l, 0, 3 + low, n_bits - wn);
  walk_registers(&l, n_bits, 3, m_bits - wm);
  for (uint32_t i = 0; i < wn && warp < l.n_warp; i++)
    l.warp[warp++] = 1u << (n_bits - wn + i);
  for (uint32_t i = 0; i < wm && warp < l.n_warp; i++)
    l.warp[warp++] = 1u << (n_bits + m_bits - wm + i);
  for (uint32_t b = n_bits + m_bits; b < total_bits(&l); b++) {
    if (warp < l.n_warp)
      l.warp[warp++] = 1u << b;
    else
      l.reg[l.n_reg++] = 1u << b;
  }
  return l;
}

/* Moves an accumulator's vector to the operand: the kept one of rows and
 * columns, and the batch; 0 for the other, which k replaces. */
static uint32_t operand_vector(const tm_layout *acc, int operand,
                               uint32_t k_bits, uint32_t v) {
  uint32_t n_bits = acc->dim_bits[acc->rank - 1];
  uint32_t m_bits = acc->dim_bits[acc->rank - 2];
  uint32_t n = v & ((1u << n_bits) - 1);
  uint32_t m = v >> n_bits & ((1u << m_bits) - 1);
  uint32_t batch = v >> (n_bits + m_bits);
  if (operand == 0)
    return batch << (m_bits + k_bits) | m << k_bits;
  return batch << (k_bits + n_bits) | n;
}

tm_layout tm_layout_dot_operand(const tm_layout *acc, int operand,
                                int64_t k) {
  uint32_t rank = acc->rank, k_bits = log2_floor((uint64_t)k);
  uint32_t n_bits = acc->dim_bits[rank - 1], m_bits = acc->dim_bits[rank - 2];
  tm_layout l = *acc;
  assert(tm_layout_is_fragment(acc));
  l.dim_bits[rank - (operand == 0 ? 1 : 2)] = (uint8_t)k_bits;
  uint32_t col_bits = operand == 0 ? k_bits : n_bits, low = acc->n_reg;
  uint32_t rows = 1u << (n_bits + m_bits);
  memset(l.reg, 0, sizeof l.reg);
  l.n_reg = 0;
  take_fragment(&l, col_bits, 0);
  if (operand == 1) { /* its columns are the product's */
    l.lane[0] = acc->lane[0];
    l.lane[3] = acc->lane[3];
  }
  if (operand == 0) walk_registers(&l, 0, 3, k_bits);
  for (uint32_t i = n_bits > 0; i < acc->n_reg; i++) {
    if (acc->reg[i] >= rows && low == acc->n_reg) low = i; /* batch begins */
    uint32_t v = operand_vector(acc, operand, k_bits, acc->reg[i]);
    if (v != 0 && i < low) l.reg[l.n_reg++] = v;
  }
  if (operand == 1) walk_registers(&l, n_bits, 3, k_bits);
  for (uint32_t i = low; i < acc->n_reg; i++)
    l.reg[l.n_reg++] = operand_vector(acc, operand, k_bits, acc->reg[i]);
  for (uint32_t i = 0; i < acc->n_warp; i++)
    l.warp[i] = operand_vector(acc, operand, k_bits, acc->warp[i]);
  return l;
}

/* What bit i of the index along K moves in a fragment of A or B. */
static void take_k(tm_layout *l, int operand, uint32_t shift,
                   tm_k_order order) {
  static const uint32_t columns[] = {0, 0, 3}, rows[] = {1, 2, 4};
  for (uint32_t i = operand == 0; i < 3; i++)
    l->lane[operand == 0 ? columns[i] : rows[i]] =
        tm_k_order_inside(order, i) << shift;
}

/* Register bits for the bits of K that lanes do not have. */
static void walk_k(tm_layout *l, int operand, uint32_t shift, uint32_t k_bits,
                   tm_k_order order) {
  uint32_t taken = 0;
  for (uint32_t i = operand == 0; i < 3; i++)
    taken |= tm_k_order_inside(order, i);
  for (uint32_t b = 0; b < k_bits; b++)
    if (!(taken >> b & 1)) l->reg[l->n_reg++] = 1u << (shift + b);
}

tm_layout tm_layout_dot_operand_wide(const tm_layout *acc, int operand,
                                     int64_t k, tm_k_order order) {
  tm_layout l = tm_layout_dot_operand(acc, operand, k);
  if (!order) return l;
  uint32_t rank = acc->rank, n_bits = acc->dim_bits[rank - 1];
  uint32_t k_bits = log2_floor((uint64_t)k), shift = operand ? n_bits : 0;
  uint32_t mask = ((1u << k_bits) - 1) << shift, n = 0;
  uint32_t others[TM_MAX_REG_BITS];
  for (uint32_t i = 0; i < l.n_reg; i++)
    if (!(l.reg[i] & mask)) others[n++] = l.reg[i];
  take_k(&l, operand, shift, order);
  l.n_reg = 0;
  bool first = operand == 0 || (order & 16);
  if (first) walk_k(&l, operand, shift, k_bits, order);
  memcpy(l.reg + l.n_reg, others, n * sizeof others[0]);
  l.n_reg = (uint8_t)(l.n_reg + n);
  if (!first) walk_k(&l, operand, shift, k_bits, order);
  return l;
}

bool tm_layout_is_fragment(const tm_layout *l) {
  if (l->rank < 2) return false;
  uint32_t n_bits = l->dim_bits[l->rank - 1], low = 0;
  tm_layout f = *l;
  f.n_reg = 0;
  f.reg[0] = 0;
  take_fragment(&f, n_bits, 0);
  while (n_bits > 3 + low && l->lane[0] > 2u << low) low++;
  f.lane[0] <<= low;
  f.lane[3] <<= low;
  return l->n_reg >= f.n_reg && (f.n_reg == 0 || l->reg[0] == f.reg[0]) &&
         memcmp(l->lane, f.lane, sizeof l->lane) == 0;
}

bool tm_layout_has_whole_fragments(const tm_layout *l) {
  return tm_layout_is_fragment(l) && l->dim_bits[l->rank - 1] >= 3 &&
         l->dim_bits[l->rank - 2] >= 3;
}

/* ---- derived layouts --------------------------------------------------- */

/* Applies f to every vector; register vectors that depend on earlier ones
 * would hold copies and are dropped. */
static void map_vectors(tm_layout *l, uint32_t (*f)(const void *, uint32_t),
                        const void *payload) {
  span s = {{0}, {0}, 0};
  uint32_t n = 0;
  for (uint32_t i = 0; i < l->n_reg; i++) {
    uint32_t v = f(payload, l->reg[i]);
    if (span_add(&s, v, 0)) l->reg[n++] = v;
  }
  for (uint32_t i = n; i < l->n_reg; i++) l->reg[i] = 0;
  l->n_reg = (uint8_t)n;
  for (uint32_t i = 0; i < TM_LANE_BITS; i++)
    l->lane[i] = f(payload, l->lane[i]);
  for (uint32_t i = 0; i < l->n_warp; i++) l->warp[i] = f(payload, l->warp[i]);
}

/* Where each bit of an element index goes; 32 drops it. */
typedef struct bit_moves {
  uint8_t to[32];
} bit_moves;

static uint32_t move_bits(const void *payload, uint32_t v) {
  const bit_moves *m = payload;
  uint32_t out = 0;
  for (uint32_t b = 0; v != 0; b++, v >>= 1)
    if ((v & 1) && m->to[b] < 32) out |= 1u << m->to[b];
  return out;
}

/* Keeps the lowest keep[d] bits of each dimension. */
static tm_layout keep_bits(const tm_layout *l, const uint32_t *keep) {
  tm_layout out = *l;
  bit_moves m;
  uint32_t from = 0, to = 0;
  memset(&m, 0, sizeof m);
  for (uint32_t d = l->rank; d-- > 0;) {
    for (uint32_t b = 0; b < l->dim_bits[d]; b++)
      m.to[from++] = (uint8_t)(b < keep[d] ? to++ : 32);
    out.dim_bits[d] = (uint8_t)(keep[d] < l->dim_bits[d] ? keep[d]
                                                         : l->dim_bits[d]);
  }
  map_vectors(&out, move_bits, &m);
  return out;
}

static void all_bits(const tm_layout *l, uint32_t keep[TM_MAX_RANK]) {
  for (uint32_t d = 0; d < l->rank; d++) keep[d] = l->dim_bits[d];
}

tm_layout tm_layout_slice(const tm_layout *l, uint32_t axis) {
  uint32_t keep[TM_MAX_RANK];
  assert(axis < l->rank);
  all_bits(l, keep);
  keep[axis] = 0;
  tm_layout out = keep_bits(l, keep);
  for (uint32_t d = axis; d + 1 < l->rank; d++)
    out.dim_bits[d] = out.dim_bits[d + 1];
  out.dim_bits[--out.rank] = 0;
  return out;
}

tm_layout tm_layout_expand(const tm_layout *l, uint32_t axis) {
  tm_layout out = *l;
  assert(axis <= l->rank && l->rank < TM_MAX_RANK);
  for (uint32_t d = l->rank; d > axis; d--)
    out.dim_bits[d] = out.dim_bits[d - 1];
  out.dim_bits[axis] = 0;
  out.rank++;
  return out;
}

tm_layout tm_layout_narrow(const tm_layout *l, const int64_t *shape) {
  uint32_t keep[TM_MAX_RANK];
  for (uint32_t d = 0; d < l->rank; d++)
    keep[d] = log2_floor((uint64_t)shape[d]);
  return keep_bits(l, keep);
}

tm_layout tm_layout_trans(const tm_layout *l, const int64_t *order) {
  tm_layout out = *l;
  bit_moves m;
  uint32_t to = 0;
  memset(&m, 0, sizeof m);
  for (uint32_t d = l->rank; d-- > 0;) {
    uint32_t src = (uint32_t)order[d], shift = tm_layout_dim_shift(l, src);
    out.dim_bits[d] = l->dim_bits[src];
    for (uint32_t b = 0; b < l->dim_bits[src]; b++)
      m.to[shift + b] = (uint8_t)to++;
  }
  map_vectors(&out, move_bits, &m);
  return out;
}

/* Row-major order is kept, so the vectors are, too. */
tm_layout tm_layout_reshape(const tm_layout *l, uint32_t rank,
                            const int64_t *shape) {
  tm_layout out = *l;
  assert(rank <= TM_MAX_RANK);
  memset(out.dim_bits, 0, sizeof out.dim_bits);
  out.rank = rank;
  for (uint32_t d = 0; d < rank; d++)
    out.dim_bits[d] = (uint8_t)log2_floor((uint64_t)shape[d]);
  assert(total_bits(&out) == total_bits(l));
  return out;
}

static uint32_t double_it(const void *payload, uint32_t v) { return v << 1; }

tm_layout tm_layout_join(const tm_layout *operand) {
  tm_layout out = *operand;
  assert(operand->rank < TM_MAX_RANK && operand->n_reg < TM_MAX_REG_BITS);
  out.dim_bits[out.rank++] = 1;
  map_vectors(&out, double_it, NULL);
  memmove(out.reg + 1, out.reg, out.n_reg * sizeof out.reg[0]);
  out.reg[0] = 1;
  out.n_reg++;
  return out;
}

tm_layout tm_layout_cat(const tm_layout *operand) {
  tm_layout out = *operand;
  assert(operand->rank > 0 && operand->n_reg < TM_MAX_REG_BITS);
  out.reg[out.n_reg++] = 1u << total_bits(operand);
  out.dim_bits[0]++;
  return out;
}

tm_layout tm_layout_half(const tm_layout *result) {
  uint32_t keep[TM_MAX_RANK];
  assert(result->rank > 0 && result->dim_bits[0] > 0);
  all_bits(result, keep);
  keep[0]--;
  return keep_bits(result, keep);
}

/* ---- text -------------------------------------------------------------- */

static void print_vectors(tm_buf *out, const tm_layout *l, const char *what,
                          const uint32_t *basis, uint32_t n) {
  tm_buf_printf(out, " %s", what);
  if (n == 0) tm_buf_puts(out, " -");
  for (uint32_t i = 0; i < n; i++) {
    uint32_t coords[TM_MAX_RANK];
    if (basis[i] == 0) {
      tm_buf_puts(out, " 0");
      continue;
    }
    tm_layout_coords(l, basis[i], coords);
    for (uint32_t d = 0; d < l->rank; d++)
      tm_buf_printf(out, "%s%u", d ? "," : " (", coords[d]);
    tm_buf_puts(out, ")");
  }
}

void tm_layout_print(tm_buf *out, const tm_layout *l) {
  tm_buf_puts(out, "[");
  for (uint32_t d = 0; d < l->rank; d++)
    tm_buf_printf(out, "%s%u", d ? ", " : "", 1u << l->dim_bits[d]);
  tm_buf_puts(out, "]");
  print_vectors(out, l, "reg", l->reg, l->n_reg);
  print_vectors(out, l, "lane", l->lane, TM_LANE_BITS);
  print_vectors(out, l, "warp", l->warp, l->n_warp);
}
