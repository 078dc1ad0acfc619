/* SPDX-License-Identifier: MIT */
/*
 * convert.c - how a tile moves from one layout to another.
 *
 * Write F and T for the two layouts' parts on registers, lanes and
 * simdgroups. Thread (l, w) needs in register r the element
 *
 *     T.reg(r) ^ T.lane(l) ^ T.warp(w)
 *
 * Registers and shuffles move it only within a simdgroup, so F.warp has to
 * equal T.warp. A shuffle names one source register for all lanes, so each
 * T.lane vector has to be a combination of F.lane vectors: that combination
 * is the lane map, and what is left, T.reg(r), splits into an F.reg part (the
 * source register) and an F.lane part (a constant XOR on the lane). When the
 * lane map is the identity and no XOR is left, the thread has it already.
 *
 * Everything else goes through threadgroup memory, elements in row-major
 * order with a gap after each pad_every elements. The gap is found by trying
 * the few that keep vector accesses aligned and counting bank conflicts of
 * both sides (32 banks of 4 bytes, as NVIDIA's; Apple's are not documented,
 * METAL-FACTS 4.4).
 */
#include "f2.h"
#include "layout.h"

enum {
  BANKS = 32,
  BANK_BYTES = 4,
  PHASE_BYTES = BANKS * BANK_BYTES, /* moved at once without a conflict */
  VECTOR_BYTES = 16,                /* widest access of a thread */
  POOL_BYTES = 32768                /* threadgroup memory of every chip */
};

/* ---- within a simdgroup ------------------------------------------------ */

static bool same_warps(const tm_layout *from, const tm_layout *to) {
  return from->n_warp == to->n_warp &&
         memcmp(from->warp, to->warp, from->n_warp * sizeof to->warp[0]) == 0;
}

/* Fills lane_bits so that from.lane(map(l)) = to.lane(l). Own lane where
 * that is possible: it is a solution that shuffles nothing. */
static bool map_lanes(const tm_layout *from, const tm_layout *to,
                      uint32_t *lane_bits) {
  span lanes = {{0}, {0}, 0};
  for (uint32_t i = 0; i < TM_LANE_BITS; i++)
    span_add(&lanes, from->lane[i], i);
  for (uint32_t i = 0; i < TM_LANE_BITS; i++) {
    if (from->lane[i] == to->lane[i])
      lane_bits[i] = 1u << i;
    else if (!span_solve(&lanes, to->lane[i], &lane_bits[i]))
      return false;
  }
  return true;
}

static bool plan_shuffle(tm_arena *arena, const tm_layout *from,
                         const tm_layout *to, tm_convert_plan *plan) {
  if (!same_warps(from, to) || !map_lanes(from, to, plan->lane_bits))
    return false;
  uint32_t n = 1u << to->n_reg;
  bool own_lane = true;
  span regs = {{0}, {0}, 0}, both;
  for (uint32_t i = 0; i < from->n_reg; i++) span_add(&regs, from->reg[i], i);
  both = regs;
  for (uint32_t i = 0; i < TM_LANE_BITS; i++) {
    span_add(&both, from->lane[i], TM_MAX_REG_BITS + i);
    own_lane = own_lane && plan->lane_bits[i] == 1u << i;
  }
  plan->source = TM_NEW_ARRAY(arena, uint32_t, n);
  plan->lane_xor = TM_NEW_ARRAY(arena, uint32_t, n);
  for (uint32_t r = 0; r < n; r++) {
    uint32_t by, element = tm_layout_element(to, r, 0, 0);
    if (!span_solve(&regs, element, &by) && !span_solve(&both, element, &by))
      return false;
    plan->source[r] = by & ((1u << TM_MAX_REG_BITS) - 1);
    plan->lane_xor[r] = by >> TM_MAX_REG_BITS;
    own_lane = own_lane && plan->lane_xor[r] == 0;
  }
  plan->kind = own_lane ? TM_CONVERT_REGISTERS : TM_CONVERT_SHUFFLE;
  plan->map = plan->source;
  return true;
}

/* ---- through threadgroup memory ---------------------------------------- */

/* One side of the exchange: a layout accessed `width` elements at a time. */
typedef struct side {
  const tm_layout *layout;
  uint32_t width, elem_bytes;
  uint32_t idle_lanes; /* lanes with any of these bits do not access */
} side;

/* Passes over the banks that `count` lanes from `first` need for one access:
 * the most different words that one bank has to give. */
static uint32_t passes(const tm_convert_plan *plan, const side *s,
                       uint32_t reg, uint32_t first, uint32_t count) {
  uint32_t words[PHASE_BYTES], n = 0, worst = 0;
  uint32_t per_bank[BANKS] = {0};
  for (uint32_t lane = first; lane < first + count; lane++) {
    if (lane & s->idle_lanes) continue;
    uint32_t e = tm_layout_element(s->layout, reg, lane, 0);
    uint32_t begin = tm_convert_slot(plan, e) * s->elem_bytes;
    uint32_t end = begin + s->width * s->elem_bytes;
    for (uint32_t w = begin / BANK_BYTES; w * BANK_BYTES < end; w++) {
      uint32_t i = 0;
      while (i < n && words[i] != w) i++;
      if (i < n || n == TM_COUNT(words)) continue;
      words[n++] = w;
      if (++per_bank[w % BANKS] > worst) worst = per_bank[w % BANKS];
    }
  }
  return worst;
}

/* Conflicts are the same for every simdgroup, and nearly so for registers:
 * each register bit alone is looked at. */
static uint32_t side_cost(const tm_convert_plan *plan, const side *s) {
  uint32_t lanes = PHASE_BYTES / (s->width * s->elem_bytes), cost = 0;
  if (lanes > 32) lanes = 32;
  for (uint32_t i = 0; i <= s->layout->n_reg; i++) {
    uint32_t reg = i == 0 ? 0 : 1u << (i - 1);
    if (reg != 0 && reg < s->width) continue;
    for (uint32_t first = 0; first < 32; first += lanes)
      cost += passes(plan, s, reg, first, lanes);
  }
  return cost;
}

static uint32_t padded_bytes(const tm_convert_plan *plan, uint32_t numel,
                             uint32_t elem_bytes) {
  uint32_t bytes = (tm_convert_slot(plan, numel - 1) + 1) * elem_bytes;
  return (bytes + VECTOR_BYTES - 1) / VECTOR_BYTES * VECTOR_BYTES;
}

static uint32_t access_width(const tm_layout *l, uint32_t elem_bytes) {
  uint32_t w = tm_layout_run(l), most = VECTOR_BYTES / elem_bytes;
  return w < most ? w : most;
}

static uint32_t total_elements(const tm_layout *l) {
  uint32_t bits = 0;
  for (uint32_t d = 0; d < l->rank; d++) bits += l->dim_bits[d];
  return 1u << bits;
}

/* Gaps are multiples of both sides' vectors, so that alignment is kept, and
 * of a bank, and at most one vector wide; they are not tried when they alone
 * would not fit into the memory. */
static void plan_padding(const side *from, const side *to, uint32_t numel,
                         tm_convert_plan *plan) {
  uint32_t eb = from->elem_bytes;
  uint32_t unit = from->width > to->width ? from->width : to->width;
  if (unit * eb < BANK_BYTES) unit = BANK_BYTES / eb;
  tm_convert_plan trial = *plan;
  plan->pad_every = numel;
  plan->pad = 0;
  plan->bytes = padded_bytes(plan, numel, eb);
  uint32_t best = side_cost(plan, from) + side_cost(plan, to);
  uint32_t plain_bytes = plan->bytes;
  uint32_t least = 8 * BANK_BYTES / eb > unit ? 8 * BANK_BYTES / eb : unit;
  for (uint32_t every = numel / 2; every >= least; every /= 2) {
    for (uint32_t pad = unit; pad * eb <= VECTOR_BYTES; pad *= 2) {
      trial.pad_every = every;
      trial.pad = pad;
      trial.bytes = padded_bytes(&trial, numel, eb);
      if (trial.bytes > POOL_BYTES && plain_bytes <= POOL_BYTES) continue;
      uint32_t cost = side_cost(&trial, from) + side_cost(&trial, to);
      if (cost > best || (cost == best && trial.bytes >= plan->bytes))
        continue;
      best = cost;
      plan->pad_every = every;
      plan->pad = pad;
      plan->bytes = trial.bytes;
    }
  }
}

/* Copies on simdgroups are stored by one of them and read by the others. */
static bool stays_in_simdgroup(const tm_layout *from, const tm_layout *to) {
  if (!same_warps(from, to)) return false;
  for (uint32_t i = 0; i < from->n_warp; i++)
    if (from->warp[i] == 0) return false;
  return true;
}

static void plan_threadgroup(const tm_layout *from, const tm_layout *to,
                             uint32_t elem_bytes, tm_convert_plan *plan) {
  uint32_t lanes, warps;
  tm_layout_copies(from, &lanes, &warps);
  plan->kind = TM_CONVERT_THREADGROUP;
  plan->store_width = access_width(from, elem_bytes);
  plan->load_width = access_width(to, elem_bytes);
  plan->within_simdgroup = stays_in_simdgroup(from, to);
  side store = {from, plan->store_width, elem_bytes, lanes};
  side load = {to, plan->load_width, elem_bytes, 0};
  plan_padding(&store, &load, total_elements(from), plan);
}

tm_convert_kind tm_convert_kind_of(tm_arena *arena, const tm_layout *from,
                                   const tm_layout *to) {
  tm_convert_plan plan;
  memset(&plan, 0, sizeof plan);
  if (tm_layout_equal(from, to)) return TM_CONVERT_NONE;
  if (plan_shuffle(arena, from, to, &plan)) return plan.kind;
  return TM_CONVERT_THREADGROUP;
}

tm_convert_plan tm_convert_analyse(tm_arena *arena, const tm_layout *from,
                                   const tm_layout *to, uint32_t elem_bytes) {
  tm_convert_plan plan;
  memset(&plan, 0, sizeof plan);
  plan.pad_every = 1;
  plan.store_width = plan.load_width = 1;
  if (tm_layout_equal(from, to)) {
    plan.kind = TM_CONVERT_NONE;
    return plan;
  }
  if (!plan_shuffle(arena, from, to, &plan))
    plan_threadgroup(from, to, elem_bytes, &plan);
  return plan;
}
