/* SPDX-License-Identifier: MIT */
/*
 * perturb.c - layouts chosen at random among those that are allowed, so that
 * tests see combinations that no source would lead to.
 *
 * With a seed (tm_layout_assign_random) every choice that assignment makes
 * for speed alone is thrown: what loads and stores ask for, what reductions,
 * scans and shape operations take, how simdgroups divide a product, whether
 * a value is computed again or converted. What the table in layout.h
 * promises stays: results do not depend on the seed, speed does.
 *
 * A choice is a function of the seed and of the place in the kernel, so that
 * asking twice gives the same answer and propagation ends.
 */
#include "assignint.h"

enum { REGISTER_BITS = 6 }; /* registers that a random layout may ask for */

/* SplitMix64 (Steele, Lea, Flood: Fast splittable pseudorandom number
 * generators, 2014). */
static uint64_t mix(uint64_t z) {
  z += 0x9e3779b97f4a7c15u;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

uint32_t tm_perturb_roll(const tm_assigner *a, tm_perturb_choice choice,
                         uint64_t place, uint32_t n) {
  if (a->random == 0 || n == 0) return 0;
  return (uint32_t)(mix(mix(a->random + choice) ^ place) >> 33) % n;
}

typedef struct dice {
  uint64_t state;
} dice;

static uint32_t roll(dice *d, uint32_t n) {
  d->state = mix(d->state);
  return (uint32_t)(d->state >> 33) % n;
}

static void shuffle(dice *d, uint32_t *list, uint32_t n) {
  for (uint32_t i = n; i > 1; i--) {
    uint32_t j = roll(d, i), t = list[i - 1];
    list[i - 1] = list[j];
    list[j] = t;
  }
}

/* Element bits to registers and threads in any order, some thread bits
 * holding copies. */
static void scatter(dice *d, tm_layout *l) {
  uint32_t bits[32], slots[TM_LANE_BITS + TM_MAX_WARP_BITS], n = 0;
  uint32_t threads = TM_LANE_BITS + l->n_warp;
  for (uint32_t k = 0; k < l->rank; k++) n += l->dim_bits[k];
  for (uint32_t b = 0; b < n; b++) bits[b] = 1u << b;
  for (uint32_t s = 0; s < threads; s++) slots[s] = s;
  if (roll(d, 3) > 0) shuffle(d, bits, n);
  shuffle(d, slots, threads);
  uint32_t used = n < threads ? n : threads;
  uint32_t most = l->n_reg > REGISTER_BITS ? l->n_reg : REGISTER_BITS;
  for (uint32_t less = roll(d, 4); less > 0 && used > 0; less--)
    if (n - used < most) used--;
  memset(l->lane, 0, sizeof l->lane);
  memset(l->warp, 0, sizeof l->warp);
  memset(l->reg, 0, sizeof l->reg);
  l->n_reg = (uint8_t)(n - used);
  for (uint32_t b = 0; b < l->n_reg; b++) l->reg[b] = bits[b];
  for (uint32_t s = 0; s < used; s++) {
    uint32_t bit = bits[l->n_reg + s];
    if (slots[s] < TM_LANE_BITS) l->lane[slots[s]] = bit;
    else l->warp[slots[s] - TM_LANE_BITS] = bit;
  }
}

static uint32_t *basis(tm_layout *l, uint32_t n) {
  if (n < TM_LANE_BITS) return &l->lane[n];
  n -= TM_LANE_BITS;
  return n < l->n_warp ? &l->warp[n] : &l->reg[n - l->n_warp];
}

/* Two basis vectors change places; a copy stays out of the registers. */
static void swap(dice *d, tm_layout *l) {
  uint32_t n = TM_LANE_BITS + l->n_warp + l->n_reg;
  uint32_t *x = basis(l, roll(d, n)), *y = basis(l, roll(d, n)), t = *x;
  if (*x == 0 || *y == 0) return;
  *x = *y;
  *y = t;
}

const tm_layout *tm_perturb_layout(tm_assigner *a, tm_perturb_choice choice,
                                   uint64_t place, const tm_layout *l) {
  if (a->random == 0) return l;
  dice d = {mix(mix(a->random + choice) ^ place)};
  tm_layout other = *l;
  uint32_t how = roll(&d, 8);
  if (how < 3) return l;
  if (how < 5) swap(&d, &other);
  else scatter(&d, &other);
  return tm_assign_intern(a, &other);
}
