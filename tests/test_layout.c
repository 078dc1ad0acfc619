/* SPDX-License-Identifier: MIT */
/*
 * test_layout.c - layouts as maps, conversions as movements of elements, and
 * the layouts that kernels get.
 *
 * Maps are compared with brute force over every thread and register; a
 * conversion's plan is carried out on an array of threads. Kernels are TTIR
 * that upstream's front end made (tests/golden/layout), and random programs;
 * what is expected of them is derived from their accesses by hand.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "../lib/layout/layout.h"

#ifndef TM_TEST_DIR
#define TM_TEST_DIR "tests/"
#endif

static uint64_t seed;

static uint32_t roll(uint32_t n) {
  seed = seed * 6364136223846793005u + 1442695040888963407u;
  return (uint32_t)(seed >> 33) % n;
}

/* ---- helpers ----------------------------------------------------------- */

static uint32_t numel(const tm_layout *l) {
  uint32_t bits = 0;
  for (uint32_t d = 0; d < l->rank; d++) bits += l->dim_bits[d];
  return 1u << bits;
}

/* Any vectors at all; registers independent, as every layout promises. */
static tm_layout random_linear(uint32_t rank) {
  tm_layout l;
  uint32_t bits = 0;
  memset(&l, 0, sizeof l);
  l.rank = rank;
  for (uint32_t d = 0; d < rank; d++) bits += l.dim_bits[d] = (uint8_t)roll(4);
  l.n_warp = (uint8_t)roll(4);
  uint32_t span[1 << 10] = {0}, n = 1, want = roll(bits + 1);
  for (uint32_t tries = 0; l.n_reg < want && tries < 100; tries++) {
    uint32_t v = roll(1u << bits), k = 0;
    while (k < n && span[k] != v) k++;
    if (k < n) continue;
    for (k = 0; k < n; k++) span[n + k] = span[k] ^ v;
    n *= 2;
    l.reg[l.n_reg++] = v;
  }
  for (uint32_t i = 0; i < TM_LANE_BITS; i++) l.lane[i] = roll(1u << bits);
  for (uint32_t i = 0; i < l.n_warp; i++) l.warp[i] = roll(1u << bits);
  return l;
}

/* As assignment makes them: each bit of the tile once, others copies. */
static tm_layout random_permutation(const tm_layout *shape) {
  tm_layout l = *shape;
  uint32_t bits[32], n = 0, total = 0;
  while (1u << total < numel(shape)) bits[n++] = 1u << total++;
  for (uint32_t i = n; i > 1; i--) {
    uint32_t k = roll(i), swap = bits[k];
    bits[k] = bits[i - 1];
    bits[i - 1] = swap;
  }
  memset(l.lane, 0, sizeof l.lane);
  memset(l.reg, 0, sizeof l.reg);
  memset(l.warp, 0, sizeof l.warp);
  l.n_reg = 0;
  for (uint32_t i = 0; i < TM_LANE_BITS; i++)
    if (n > 0 && roll(4)) l.lane[i] = bits[--n];
  for (uint32_t i = 0; i < l.n_warp; i++)
    if (n > 0 && roll(4)) l.warp[i] = bits[--n];
  while (n > 0) l.reg[l.n_reg++] = bits[--n];
  return l;
}

static tm_layout random_shape(uint32_t n_warp) {
  tm_layout l;
  memset(&l, 0, sizeof l);
  l.rank = 1 + roll(3);
  for (uint32_t d = 0; d < l.rank; d++) l.dim_bits[d] = (uint8_t)roll(5);
  l.n_warp = (uint8_t)n_warp;
  return l;
}

#define EACH_PLACE(l, r, lane, warp)                                   \
  for (uint32_t warp = 0; warp < 1u << (l)->n_warp; warp++)            \
    for (uint32_t lane = 0; lane < 32; lane++)                         \
      for (uint32_t r = 0; r < 1u << (l)->n_reg; r++)

static uint32_t xor_of(const uint32_t *basis, uint32_t n, uint32_t bits) {
  uint32_t e = 0;
  for (uint32_t i = 0; i < n; i++)
    if (bits >> i & 1) e ^= basis[i];
  return e;
}

/* ---- maps -------------------------------------------------------------- */

static void elements_are_xors_of_basis_vectors(void **state) {
  (void)state;
  for (seed = 1; seed < 200; seed++) {
    uint64_t keep = seed;
    tm_layout l = random_linear(1 + roll(3));
    uint8_t *held = calloc(numel(&l), 1);
    uint32_t places = 0, different = 0;
    EACH_PLACE(&l, r, lane, warp) {
      uint32_t e = xor_of(l.reg, l.n_reg, r) ^ xor_of(l.lane, 5, lane) ^
                   xor_of(l.warp, l.n_warp, warp);
      assert_int_equal(tm_layout_element(&l, r, lane, warp), e);
      places++;
      different += !held[e];
      held[e] = 1;
    }
    assert_int_equal(tm_layout_covers(&l), different == numel(&l));
    assert_int_equal(tm_layout_is_injective(&l), different == places);
    free(held);
    seed = keep;
  }
}

static void coordinates_are_row_major(void **state) {
  (void)state;
  tm_layout l = {.rank = 3, .dim_bits = {1, 2, 3}};
  uint32_t c[TM_MAX_RANK], e = 0;
  for (uint32_t x = 0; x < 2; x++)
    for (uint32_t y = 0; y < 4; y++)
      for (uint32_t z = 0; z < 8; z++, e++) {
        tm_layout_coords(&l, e, c);
        assert_true(c[0] == x && c[1] == y && c[2] == z);
        assert_int_equal(e >> tm_layout_dim_shift(&l, 1) & 3, y);
      }
}

static void copies_leave_one_writer_for_each_element(void **state) {
  (void)state;
  for (uint32_t n = 1; n < 200; n++) {
    seed = n;
    tm_layout shape = random_shape(roll(4)), l = random_permutation(&shape);
    uint32_t lanes, warps;
    uint8_t *written = calloc(numel(&l), 1);
    tm_layout_copies(&l, &lanes, &warps);
    EACH_PLACE(&l, r, lane, warp)
      if ((lane & lanes) == 0 && (warp & warps) == 0)
        written[tm_layout_element(&l, r, lane, warp)]++;
    for (uint32_t e = 0; e < numel(&l); e++) assert_int_equal(written[e], 1);
    free(written);
  }
}

static void equality_and_hash_see_every_vector(void **state) {
  (void)state;
  for (uint32_t n = 1; n < 100; n++) {
    seed = n;
    tm_layout a = random_linear(2), b = a;
    assert_true(tm_layout_equal(&a, &b));
    assert_int_equal(tm_layout_hash(&a), tm_layout_hash(&b));
    b.lane[roll(5)] ^= 1;
    assert_false(tm_layout_equal(&a, &b));
    assert_int_not_equal(tm_layout_hash(&a), tm_layout_hash(&b));
  }
}

/* Element of the source: the lowest bits of payload's mask are dropped. */
static uint32_t mask_element(void *payload, uint32_t e) {
  return e & *(uint32_t *)payload;
}

static bool map_exists(const tm_layout *dst, const tm_layout *src,
                       uint32_t mask) {
  for (uint32_t r = 0; r < 1u << dst->n_reg; r++) {
    bool some = false;
    for (uint32_t s = 0; s < 1u << src->n_reg && !some; s++) {
      some = true;
      for (uint32_t w = 0; w < 1u << dst->n_warp; w++)
        for (uint32_t lane = 0; lane < 32; lane++)
          some = some && tm_layout_element(src, s, lane, w) ==
                             (tm_layout_element(dst, r, lane, w) & mask);
    }
    if (!some) return false;
  }
  return true;
}

static void register_maps_agree_with_search(void **state) {
  uint32_t found = 0;
  (void)state;
  for (uint32_t n = 1; n < 300; n++) {
    seed = n;
    tm_layout shape = random_shape(roll(3)), dst = random_permutation(&shape);
    tm_layout src = dst;
    uint32_t map[1 << 12], mask = numel(&dst) - 1;
    if (roll(2)) { /* drop the elements of some bits, as broadcasts do */
      mask &= ~(1u << roll(6));
      src.n_reg = 0;
      for (uint32_t i = 0; i < dst.n_reg; i++)
        if (dst.reg[i] & mask) src.reg[src.n_reg++] = dst.reg[i];
      for (uint32_t i = 0; i < 5; i++) src.lane[i] &= mask;
      for (uint32_t i = 0; i < src.n_warp; i++) src.warp[i] &= mask;
    } else if (roll(2) && src.n_reg > 1) {
      uint32_t swap = src.reg[0];
      src.reg[0] = src.reg[1];
      src.reg[1] = swap;
    } else if (roll(2)) {
      src = random_permutation(&shape);
    }
    bool want = map_exists(&dst, &src, mask);
    assert_int_equal(tm_layout_register_map(&dst, &src, mask_element, &mask,
                                            map), want);
    found += want;
    for (uint32_t r = 0; want && r < 1u << dst.n_reg; r++)
      assert_int_equal(tm_layout_element(&src, map[r], 21, 0),
                       tm_layout_element(&dst, r, 21, 0) & mask);
  }
  assert_true(found > 100 && found < 290);
}

static void runs_are_consecutive_in_every_group(void **state) {
  uint32_t long_ones = 0;
  (void)state;
  for (uint32_t n = 1; n < 300; n++) {
    seed = n;
    tm_layout shape = random_shape(2), l = random_permutation(&shape);
    if (roll(2)) { /* most random ones have no runs */
      int64_t extents[3];
      uint32_t order[3] = {0, 1, 2}, first = roll(shape.rank);
      for (uint32_t d = 0; d < shape.rank; d++)
        extents[d] = (int64_t)1 << shape.dim_bits[d];
      order[0] = first;
      order[first] = 0;
      l = tm_layout_blocked(shape.rank, extents, 1u << roll(4), 4, order);
    }
    for (uint32_t d = 0; d <= l.rank; d++) {
      uint32_t unit = d < l.rank ? 1u << tm_layout_dim_shift(&l, d) : 1;
      uint32_t run = d < l.rank ? tm_layout_run_along(&l, d)
                                : tm_layout_run(&l);
      long_ones += run > 2;
      EACH_PLACE(&l, r, lane, warp)
        if (r % run != 0)
          assert_int_equal(tm_layout_element(&l, r, lane, warp),
                           tm_layout_element(&l, r - 1, lane, warp) + unit);
    }
  }
  assert_true(long_ones > 20);
}

/* ---- derived layouts --------------------------------------------------- */

/* Each thread of `made` holds exactly the elements f(e) of those it holds in
 * `from`. */
static void assert_image(const tm_layout *made, const tm_layout *from,
                         uint32_t (*f)(const tm_layout *, uint32_t, void *),
                         void *payload) {
  uint8_t *want = calloc(numel(made) + 1, 1);
  assert_int_equal(made->n_warp, from->n_warp);
  for (uint32_t warp = 0; warp < 1u << from->n_warp; warp++)
    for (uint32_t lane = 0; lane < 32; lane++) {
      memset(want, 0, numel(made));
      for (uint32_t r = 0; r < 1u << from->n_reg; r++)
        want[f(from, tm_layout_element(from, r, lane, warp), payload)] = 1;
      for (uint32_t r = 0; r < 1u << made->n_reg; r++) {
        uint32_t e = tm_layout_element(made, r, lane, warp);
        assert_int_equal(want[e], 1);
        want[e] = 2; /* and no register holds it again */
      }
      for (uint32_t e = 0; e < numel(made); e++)
        assert_int_not_equal(want[e], 1);
    }
  free(want);
}

static uint32_t join_coords(const uint32_t *c, const tm_layout *l,
                            uint32_t skip) {
  uint32_t e = 0;
  for (uint32_t d = 0; d < l->rank; d++)
    if (d != skip) e = e << l->dim_bits[d] | c[d];
  return e;
}

static uint32_t slice_element(const tm_layout *l, uint32_t e, void *axis) {
  uint32_t c[TM_MAX_RANK];
  tm_layout_coords(l, e, c);
  return join_coords(c, l, *(uint32_t *)axis);
}

static uint32_t trans_element(const tm_layout *l, uint32_t e, void *order) {
  uint32_t c[TM_MAX_RANK], out = 0;
  tm_layout_coords(l, e, c);
  for (uint32_t d = 0; d < l->rank; d++) {
    uint32_t from = (uint32_t)((int64_t *)order)[d];
    out = out << l->dim_bits[from] | c[from];
  }
  return out;
}

static uint32_t narrow_element(const tm_layout *l, uint32_t e, void *shape) {
  uint32_t c[TM_MAX_RANK], out = 0;
  tm_layout_coords(l, e, c);
  for (uint32_t d = 0; d < l->rank; d++)
    if (((int64_t *)shape)[d] != 1) out = out << l->dim_bits[d] | c[d];
  return out;
}

static uint32_t same_element(const tm_layout *l, uint32_t e, void *none) {
  return e;
}

static uint32_t half_element(const tm_layout *l, uint32_t e, void *none) {
  return e & (numel(l) / 2 - 1);
}

static void derived_layouts_hold_the_image_of_each_thread(void **state) {
  (void)state;
  for (uint32_t n = 1; n < 200; n++) {
    seed = n;
    tm_layout shape = random_shape(roll(3));
    tm_layout l = random_permutation(&shape), m;
    uint32_t axis = roll(l.rank);
    int64_t order[3] = {0, 1, 2}, dims[3], flat = numel(&l);
    m = tm_layout_slice(&l, axis);
    assert_int_equal(m.rank, l.rank - 1);
    assert_image(&m, &l, slice_element, &axis);
    m = tm_layout_expand(&l, axis);
    assert_int_equal(m.rank, l.rank + 1);
    assert_int_equal(m.dim_bits[axis], 0);
    assert_image(&m, &l, same_element, NULL);
    order[0] = axis;
    order[axis] = 0;
    m = tm_layout_trans(&l, order);
    for (uint32_t d = 0; d < l.rank; d++)
      assert_int_equal(m.dim_bits[d], l.dim_bits[order[d]]);
    assert_image(&m, &l, trans_element, order);
    m = tm_layout_reshape(&l, 1, &flat);
    assert_image(&m, &l, same_element, NULL);
    for (uint32_t d = 0; d < l.rank; d++)
      dims[d] = roll(2) ? 1 : (int64_t)1 << l.dim_bits[d];
    m = tm_layout_narrow(&l, dims);
    assert_image(&m, &l, narrow_element, dims);
    m = tm_layout_join(&l);
    assert_int_equal(numel(&m), 2 * numel(&l));
    axis = m.rank - 1;
    assert_image(&l, &m, slice_element, &axis);
    m = tm_layout_cat(&l);
    assert_image(&l, &m, half_element, NULL);
    m = tm_layout_half(&m);
    assert_true(tm_layout_equal(&m, &l));
  }
}

/* trans keeps registers in place: register i of the result is register i. */
static void trans_and_reshape_keep_register_numbers(void **state) {
  (void)state;
  const int64_t shape[] = {16, 32}, order[] = {1, 0}, flat = 512;
  const uint32_t fast[] = {1, 0};
  tm_layout l = tm_layout_blocked(2, shape, 4, 2, fast);
  tm_layout t = tm_layout_trans(&l, order), f = tm_layout_reshape(&l, 1, &flat);
  EACH_PLACE(&l, r, lane, warp) {
    uint32_t e = tm_layout_element(&l, r, lane, warp);
    assert_int_equal(tm_layout_element(&t, r, lane, warp),
                     (e & 31) << 4 | e >> 5);
    assert_int_equal(tm_layout_element(&f, r, lane, warp), e);
  }
}

/* ---- constructors ------------------------------------------------------ */

/* [8, 64], 4 a thread: a row is 16 lanes, 2 rows a simdgroup. */
static void blocked_fills_the_fastest_dimension_first(void **state) {
  (void)state;
  const int64_t shape[] = {8, 64};
  const uint32_t rows[] = {1, 0}, columns[] = {0, 1};
  tm_layout l = tm_layout_blocked(2, shape, 4, 2, rows);
  EACH_PLACE(&l, r, lane, warp)
    assert_int_equal(tm_layout_element(&l, r, lane, warp),
                     (r & 3) + lane % 16 * 4 +
                         64 * (lane / 16 + 2 * warp + 4 * (r >> 2)));
  assert_true(tm_layout_covers(&l) && tm_layout_is_injective(&l));
  l = tm_layout_blocked(2, shape, 4, 2, columns);
  assert_int_equal(tm_layout_run_along(&l, 0), 4);
  assert_int_equal(tm_layout_element(&l, 1, 0, 0), 64);
  assert_int_equal(tm_layout_element(&l, 0, 1, 0), 4 * 64);
  assert_int_equal(tm_layout_element(&l, 0, 2, 0), 1);
}

static void small_tiles_are_copied(void **state) {
  (void)state;
  const int64_t shape[] = {16};
  const uint32_t order[] = {0};
  uint32_t lanes, warps;
  tm_layout l = tm_layout_blocked(1, shape, 4, 8, order);
  tm_layout_copies(&l, &lanes, &warps);
  assert_int_equal(lanes, 0x1c);
  assert_int_equal(warps, 7);
  assert_true(tm_layout_covers(&l));
}

static void tiled_takes_extents_for_each_dimension(void **state) {
  (void)state;
  const int64_t shape[] = {16, 32};
  const uint32_t per[] = {2, 2}, lanes[] = {4, 8}, warps[] = {2, 1};
  const uint32_t order[] = {1, 0};
  tm_layout l = tm_layout_tiled(2, shape, per, lanes, warps, order);
  assert_true(tm_layout_covers(&l) && tm_layout_is_injective(&l));
  assert_int_equal(l.n_warp, 1);
  EACH_PLACE(&l, r, lane, warp)
    assert_int_equal(tm_layout_element(&l, r, lane, warp),
                     (r & 1) + 2 * (lane % 8) + 16 * (r >> 2) +
                         32 * ((r >> 1 & 1) + 2 * (lane / 8) + 8 * warp));
}

/* METAL-FACTS 6.5, 29, which MLX and tinygrad state as code. */
static uint32_t fragment_row(uint32_t l) {
  return (l >> 1 & 3) | (l >> 4 & 1) << 2;
}
static uint32_t fragment_col(uint32_t l, uint32_t i) {
  return (l & 1) << 1 | (l >> 3 & 1) << 2 | i;
}

/* [32, 64], 2x2 simdgroups of 16x32: fragments of a row, then of rows. */
static void fragments_follow_thread_elements(void **state) {
  (void)state;
  const int64_t shape[] = {32, 64};
  tm_layout l = tm_layout_fragment(2, shape, 2, 2, 4);
  assert_true(tm_layout_is_fragment(&l));
  assert_true(tm_layout_covers(&l) && tm_layout_is_injective(&l));
  EACH_PLACE(&l, r, lane, warp) {
    uint32_t fragment = r >> 1;
    uint32_t row = fragment_row(lane) + 8 * (fragment / 4) + 16 * (warp / 2);
    uint32_t col = fragment_col(lane, r & 1) + 8 * (fragment % 4) +
                   32 * (warp % 2);
    assert_int_equal(tm_layout_element(&l, r, lane, warp), row * 64 + col);
  }
}

/* A simdgroup's part of A has its rows of the product and all of K; B has
 * its columns. */
static void dot_operands_match_their_product(void **state) {
  static const struct { int64_t m, n, k; uint32_t wm, wn, warps; } cases[] = {
    {64, 64, 32, 2, 2, 4}, {64, 32, 16, 4, 1, 4}, {16, 64, 8, 1, 4, 4},
    {8, 8, 64, 1, 1, 4}, {32, 32, 32, 1, 1, 1}, {128, 64, 16, 4, 2, 8},
  };
  (void)state;
  for (uint32_t n = 0; n < TM_COUNT(cases); n++) {
    const int64_t shape[] = {cases[n].m, cases[n].n};
    int64_t k = cases[n].k;
    tm_layout acc = tm_layout_fragment(2, shape, cases[n].wm, cases[n].wn,
                                       cases[n].warps);
    tm_layout a = tm_layout_dot_operand(&acc, 0, k);
    tm_layout b = tm_layout_dot_operand(&acc, 1, k);
    assert_true(tm_layout_is_fragment(&a) && tm_layout_is_fragment(&b));
    assert_true(tm_layout_covers(&a) && tm_layout_covers(&b));
    assert_int_equal(numel(&a), cases[n].m * k);
    assert_int_equal(numel(&b), k * cases[n].n);
    for (uint32_t w = 0; w < cases[n].warps; w++) {
      uint8_t rows[128] = {0}, cols[128] = {0}, ra[128] = {0}, cb[128] = {0};
      uint32_t held_a = 0, held_b = 0, n_rows = 0, n_cols = 0;
      for (uint32_t lane = 0; lane < 32; lane++) {
        for (uint32_t r = 0; r < 1u << acc.n_reg; r++) {
          uint32_t e = tm_layout_element(&acc, r, lane, w);
          rows[e / cases[n].n] = cols[e % cases[n].n] = 1;
        }
        for (uint32_t r = 0; r < 1u << a.n_reg; r++, held_a++)
          ra[tm_layout_element(&a, r, lane, w) / k] = 1;
        for (uint32_t r = 0; r < 1u << b.n_reg; r++, held_b++)
          cb[tm_layout_element(&b, r, lane, w) % cases[n].n] = 1;
      }
      assert_memory_equal(rows, ra, sizeof rows);
      assert_memory_equal(cols, cb, sizeof cols);
      for (uint32_t i = 0; i < 128; i++) n_rows += rows[i], n_cols += cols[i];
      assert_int_equal(held_a, n_rows * k);
      assert_int_equal(held_b, n_cols * k);
    }
  }
}

/* Whatever order a product takes K in: element (row, i) of a fragment of A
 * and element (i, column) of the fragment of B of the same number have the
 * same index along K, all indices occur, and what a thread holds of a row of
 * A, and of the rows or columns of B that lie in memory, is consecutive. */
static void wide_operands_meet_at_the_same_k(void **state) {
  (void)state;
  const int64_t shape[] = {32, 64};
  for (uint32_t log = 3; log <= 7; log++)
    for (uint32_t low = 0; low + 3 <= log; low++)
      for (int columns = 0; columns < 2; columns++) {
        uint32_t k = 1u << log, seen = 0;
        tm_k_order order = tm_k_order_make(low, columns);
        tm_layout acc = tm_layout_fragment_wide(2, shape, 2, 1, 2, 2);
        assert_true(tm_layout_is_fragment(&acc));
        assert_true(tm_layout_is_injective(&acc) && tm_layout_covers(&acc));
        tm_layout a = tm_layout_dot_operand_wide(&acc, 0, k, order);
        tm_layout b = tm_layout_dot_operand_wide(&acc, 1, k, order);
        assert_true(tm_layout_covers(&a) && tm_layout_covers(&b));
        assert_true(tm_layout_is_injective(&a));
        for (uint32_t step = 0; step < k / 8; step++)
          for (uint32_t i = 0; i < 8; i++) {
            uint32_t at = 0; /* along K, as the interface says */
            for (uint32_t bit = 0; bit < 3; bit++)
              if (i >> bit & 1) at ^= tm_k_order_inside(order, bit);
            for (uint32_t bit = 0; bit + 3 < log; bit++)
              if (step >> bit & 1) at ^= tm_k_order_step(order, bit);
            assert_true(at < k);
            /* lanes of A at column i, of B at row i (lane map, 6.5) */
            uint32_t of_a = (i >> 1 & 1) | (i >> 2 & 1) << 3;
            uint32_t of_b = (i & 3) << 1 | (i >> 2 & 1) << 4;
            uint32_t found_a = 0, found_b = 0;
            for (uint32_t r = 0; r < 1u << a.n_reg; r++)
              found_a += tm_layout_element(&a, r, of_a, 0) == at;
            for (uint32_t r = 0; r < 1u << b.n_reg; r++)
              found_b += tm_layout_element(&b, r, of_b, 0) == at * 64;
            assert_int_equal(found_a, 1);
            assert_int_equal(found_b, 1);
            seen++;
          }
        assert_int_equal(seen, k);
        assert_int_equal(tm_layout_run(&a), 2u << low);
        if (order)
          assert_int_equal(columns ? tm_layout_run_along(&b, 0)
                                   : tm_layout_run_along(&b, 1),
                           columns ? 1u << low : 8);
      }
}

static void batches_take_the_simdgroups_that_are_left(void **state) {
  (void)state;
  const int64_t shape[] = {4, 16, 16};
  tm_layout l = tm_layout_fragment(3, shape, 1, 1, 4);
  assert_true(tm_layout_covers(&l) && tm_layout_is_injective(&l));
  assert_int_equal(l.warp[0], 256);
  assert_int_equal(l.warp[1], 512);
  tm_layout a = tm_layout_dot_operand(&l, 0, 32);
  assert_true(tm_layout_covers(&a));
  assert_int_equal(a.warp[0], 512); /* [4, 16, 32] */
  l = tm_layout_fragment(3, shape, 2, 1, 2);
  a = tm_layout_dot_operand(&l, 1, 8);
  assert_true(tm_layout_covers(&l) && tm_layout_covers(&a));
}

/* ---- conversions ------------------------------------------------------- */

typedef struct counts {
  uint32_t of[4];
} counts;

/* What register r of thread (lane, warp) receives when plan is followed. */
static uint32_t moved(const tm_convert_plan *plan, const tm_layout *from,
                      uint32_t r, uint32_t lane, uint32_t warp) {
  if (plan->kind == TM_CONVERT_NONE)
    return tm_layout_element(from, r, lane, warp);
  if (plan->kind == TM_CONVERT_REGISTERS)
    return tm_layout_element(from, plan->map[r], lane, warp);
  uint32_t source = xor_of(plan->lane_bits, 5, lane) ^ plan->lane_xor[r];
  assert_true(source < 32 && plan->source[r] < 1u << from->n_reg);
  return tm_layout_element(from, plan->source[r], source, warp);
}

static void assert_slots(const tm_convert_plan *plan, const tm_layout *from,
                         const tm_layout *to, uint32_t bytes) {
  uint32_t last = 0;
  for (uint32_t e = 0; e < numel(from); e++) {
    uint32_t slot = tm_convert_slot(plan, e);
    assert_true(e == 0 || slot > last);
    last = slot;
  }
  assert_true((last + 1) * bytes <= plan->bytes && plan->bytes % 16 == 0);
  assert_true(plan->bytes <= 2 * numel(from) * bytes + 16);
  const tm_layout *sides[] = {from, to};
  uint32_t widths[] = {plan->store_width, plan->load_width};
  for (uint32_t k = 0; k < 2; k++) {
    assert_true(widths[k] * bytes <= 16);
    EACH_PLACE(sides[k], r, lane, warp) {
      uint32_t slot =
          tm_convert_slot(plan, tm_layout_element(sides[k], r, lane, warp));
      if (r % widths[k] == 0)
        assert_int_equal(slot % widths[k], 0);
      else
        assert_int_equal(slot, 1 + tm_convert_slot(plan,
            tm_layout_element(sides[k], r - 1, lane, warp)));
    }
  }
}

/* Nothing crosses simdgroups: what one reads, it has itself. */
static void assert_within(const tm_layout *from, const tm_layout *to) {
  EACH_PLACE(to, r, lane, warp) {
    uint32_t e = tm_layout_element(to, r, lane, warp);
    bool own = false;
    for (uint32_t o = 0; o < 32; o++)
      for (uint32_t s = 0; s < 1u << from->n_reg; s++)
        own = own || tm_layout_element(from, s, o, warp) == e;
    assert_true(own);
  }
}

static void check_plan(tm_arena *arena, const tm_layout *from,
                       const tm_layout *to, counts *n) {
  static const uint32_t sizes[] = {1, 2, 4, 8};
  uint32_t bytes = sizes[roll(4)];
  tm_convert_plan plan = tm_convert_analyse(arena, from, to, bytes);
  assert_int_equal(plan.kind, tm_convert_kind_of(arena, from, to));
  n->of[plan.kind]++;
  if (plan.kind == TM_CONVERT_THREADGROUP) {
    assert_slots(&plan, from, to, bytes);
    if (plan.within_simdgroup) assert_within(from, to);
    return;
  }
  EACH_PLACE(to, r, lane, warp)
    assert_int_equal(moved(&plan, from, r, lane, warp),
                     tm_layout_element(to, r, lane, warp));
}

static void plans_deliver_every_element(void **state) {
  counts n = {{0}};
  (void)state;
  for (uint32_t k = 1; k < 600; k++) {
    tm_arena arena;
    tm_arena_init(&arena, 0);
    seed = k;
    tm_layout shape = random_shape(roll(3));
    tm_layout from = random_permutation(&shape), to = from;
    switch (roll(5)) {
      case 0: break;
      case 1: /* other registers */
        for (uint32_t i = from.n_reg; i > 1; i--) {
          uint32_t o = roll(i), swap = to.reg[o];
          to.reg[o] = to.reg[i - 1];
          to.reg[i - 1] = swap;
        }
        break;
      case 2: /* other lanes */
        for (uint32_t i = 5; i > 1; i--) {
          uint32_t o = roll(i), swap = to.lane[o];
          to.lane[o] = to.lane[i - 1];
          to.lane[i - 1] = swap;
        }
        break;
      case 3: /* a lane's bit copied to all lanes, into a register */
        if (to.lane[2] != 0 && to.n_reg < 10) {
          to.reg[to.n_reg++] = to.lane[2];
          to.lane[2] = 0;
        }
        break;
      default: to = random_permutation(&shape); break;
    }
    check_plan(&arena, &from, &to, &n);
    tm_arena_free(&arena);
  }
  for (uint32_t k = 0; k < 4; k++) assert_true(n.of[k] > 20);
}

/* Linear layouts in general: lanes may move by sums of vectors. */
static void plans_work_for_any_vectors(void **state) {
  counts n = {{0}};
  (void)state;
  for (uint32_t k = 1; k < 400; k++) {
    tm_arena arena;
    tm_arena_init(&arena, 0);
    seed = k;
    tm_layout shape = random_shape(roll(3));
    tm_layout from = random_permutation(&shape), to = from;
    uint32_t all = from.lane[0] ^ from.lane[1] ^ from.lane[3];
    if (all != from.lane[0]) to.lane[0] = all;
    if (from.n_reg > 0) to.reg[0] ^= from.lane[4];
    check_plan(&arena, &from, &to, &n);
    tm_arena_free(&arena);
  }
  assert_true(n.of[TM_CONVERT_SHUFFLE] > 100);
}

/* 64x64 f32, rows to columns: without a gap, 32 lanes that read a column
 * meet in one bank. One word behind each row would spread them; vectors of
 * the other side keep gaps at 4 words, which leaves at most 4 in a bank. */
static void padding_spreads_columns_over_banks(void **state) {
  (void)state;
  const int64_t shape[] = {64, 64};
  const uint32_t rows[] = {1, 0}, columns[] = {0, 1};
  tm_arena arena;
  tm_arena_init(&arena, 0);
  for (uint32_t per = 1; per <= 4; per += 3) {
    tm_layout from = tm_layout_blocked(2, shape, per, 4, rows);
    tm_layout to = tm_layout_blocked(2, shape, 1, 4, columns);
    tm_convert_plan plan = tm_convert_analyse(&arena, &from, &to, 4);
    assert_int_equal(plan.kind, TM_CONVERT_THREADGROUP);
    uint32_t banks[32] = {0}, worst = 0;
    for (uint32_t lane = 0; lane < 32; lane++) {
      uint32_t e = tm_layout_element(&to, 0, lane, 0);
      uint32_t slot = tm_convert_slot(&plan, e);
      if (++banks[slot % 32] > worst) worst = banks[slot % 32];
    }
    assert_true(worst <= per);
  }
  tm_arena_free(&arena);
}

/* ---- kernels ----------------------------------------------------------- */

typedef struct kernel {
  tm_arena arena;
  tm_diags diags;
  tm_ir *ir;
  tm_layouts layouts;
  bool ok;
} kernel;

static char *read_text(const char *name, size_t *n) {
  char path[256];
  snprintf(path, sizeof path, TM_TEST_DIR "golden/layout/%s.ttir", name);
  FILE *f = fopen(path, "rb");
  if (f == NULL) fail_msg("cannot open %s", path);
  char *text = malloc(1 << 16);
  *n = fread(text, 1, 1 << 16, f);
  fclose(f);
  return text;
}

static void print_diags(kernel *k) {
  tm_buf out = tm_buf_in(&k->arena);
  tm_diags_render_all(&k->diags, &out);
  if (k->diags.list.len > 0) print_message("%s", tm_buf_text(&out));
}

/* Parses, assigns and verifies; text is freed. */
static void lay_out(kernel *k, char *text, size_t n, const char *chip,
                    uint32_t warps) {
  memset(k, 0, sizeof *k);
  tm_arena_init(&k->arena, 0);
  tm_diags_init(&k->diags, &k->arena);
  char *kept = tm_strndup(&k->arena, text, n);
  free(text);
  uint32_t file = tm_diags_source(&k->diags, "kernel", (tm_str){kept, n});
  k->ir = tm_ir_parse(&k->arena, &k->diags, file);
  if (k->ir == NULL) {
    print_diags(k);
    fail_msg("the kernel does not parse");
  }
  k->ok = tm_layout_assign(k->ir, tm_chip_by_name(chip), warps, &k->layouts,
                           &k->diags);
  if (!k->ok) return;
  bool sound = tm_layout_verify(k->ir, &k->layouts, &k->diags) &&
               tm_ir_verify(k->ir, &k->diags, "layout");
  if (!sound) {
    print_diags(k);
    fail_msg("the layouts do not verify");
  }
}

static void open_kernel(kernel *k, const char *name, const char *chip,
                        uint32_t warps) {
  size_t n;
  char *text = read_text(name, &n);
  lay_out(k, text, n, chip, warps);
  if (!k->ok) {
    print_diags(k);
    fail_msg("%s has no layouts", name);
  }
}

static void close_kernel(kernel *k) { tm_arena_free(&k->arena); }

/* The nth instruction of an op, in the order of the array; 0 if none. */
static tm_inst nth(const kernel *k, tm_op op, uint32_t n) {
  for (tm_inst i = 1; i < k->ir->insts.len; i++)
    if (tm_get(k->ir, i)->block != 0 && tm_get(k->ir, i)->op == op && n-- == 0)
      return i;
  return 0;
}

static uint32_t count(const kernel *k, tm_op op) {
  uint32_t n = 0;
  while (nth(k, op, n) != 0) n++;
  return n;
}

static const tm_layout *layout(const kernel *k, tm_inst i) {
  return k->layouts.of[tm_get(k->ir, i)->results];
}

static void assert_widths(const kernel *k, tm_op op, uint32_t n,
                          uint32_t width, uint32_t mask) {
  tm_inst i = nth(k, op, n);
  assert_int_not_equal(i, 0);
  assert_int_equal(k->layouts.width[i], width);
  assert_int_equal(k->layouts.mask_width[i], mask);
}

/* f32, 1024 elements, 128 threads: float4 and lanes side by side. */
static void vector_add_moves_four_floats_a_thread(void **state) {
  kernel k;
  (void)state;
  open_kernel(&k, "vector_add", "m1", 4);
  assert_int_equal(count(&k, TM_CONVERT_LAYOUT), 0);
  assert_widths(&k, TM_LOAD, 0, 4, 4);
  assert_widths(&k, TM_LOAD, 1, 4, 4);
  assert_widths(&k, TM_STORE, 0, 4, 4);
  const tm_layout *l = layout(&k, nth(&k, TM_LOAD, 0));
  assert_int_equal(tm_layout_element(l, 1, 0, 0), 1);
  assert_int_equal(tm_layout_element(l, 0, 1, 0), 4);
  assert_int_equal(tm_layout_element(l, 0, 0, 1), 128);
  assert_int_equal(tm_layout_element(l, 4, 0, 0), 512);
  close_kernel(&k);
}

static void softmax_converts_nothing(void **state) {
  kernel k;
  (void)state;
  open_kernel(&k, "softmax", "m1", 4);
  assert_int_equal(count(&k, TM_CONVERT_LAYOUT), 0);
  assert_widths(&k, TM_LOAD, 0, 4, 4);
  assert_widths(&k, TM_STORE, 0, 4, 4);
  for (uint32_t n = 0; n < 2; n++) /* the results are scalars */
    assert_null(layout(&k, nth(&k, TM_REDUCE, n)));
  close_kernel(&k);
}

static void layer_norm_moves_eight_halves_a_thread(void **state) {
  kernel k;
  (void)state;
  open_kernel(&k, "layer_norm", "m1", 4);
  assert_int_equal(count(&k, TM_CONVERT_LAYOUT), 0);
  for (uint32_t n = 0; n < 5; n++) assert_widths(&k, TM_LOAD, n, 8, 8);
  assert_widths(&k, TM_STORE, 0, 8, 8);
  close_kernel(&k);
}

/* Rows of f16 and weights of f32 share the layout of the wider vector. */
static void f16_and_f32_accesses_share_one_layout(void **state) {
  kernel k;
  (void)state;
  open_kernel(&k, "layer_norm_mixed", "m1", 4);
  assert_int_equal(count(&k, TM_CONVERT_LAYOUT), 0);
  assert_widths(&k, TM_LOAD, 2, 4, 8);
  assert_widths(&k, TM_LOAD, 4, 8, 8);
  assert_ptr_equal(layout(&k, nth(&k, TM_LOAD, 2)),
                   layout(&k, nth(&k, TM_LOAD, 4)));
  close_kernel(&k);
}

/* The loop variable of the accumulator, the dot and the epilogue agree. */
static void assert_product(const kernel *k) {
  const tm_inst_data *loop = tm_get(k->ir, nth(k, TM_FOR, 0));
  const tm_layout *acc = layout(k, nth(k, TM_DOT, 0));
  assert_true(tm_layout_is_fragment(acc));
  assert_ptr_equal(k->layouts.of[loop->results + 2], acc);
  assert_ptr_equal(layout(k, nth(k, TM_TRUNCF, 0)), acc);
}

/* M1: 16-byte loads of A and B, one conversion each through threadgroup
 * memory; the product is stored as it is, two columns at a time. */
static void matmul_stages_operands_and_stores_fragments(void **state) {
  kernel k;
  (void)state;
  open_kernel(&k, "matmul", "m1", 4);
  assert_int_equal(count(&k, TM_CONVERT_LAYOUT), 2);
  assert_widths(&k, TM_LOAD, 0, 8, 8);
  assert_widths(&k, TM_LOAD, 1, 8, 8);
  assert_widths(&k, TM_STORE, 0, 2, 2);
  assert_product(&k);
  const tm_layout *acc = layout(&k, nth(&k, TM_DOT, 0));
  assert_int_equal(acc->warp[0], 32);      /* 2x2 simdgroups of 32x32 */
  assert_int_equal(acc->warp[1], 32 * 64);
  for (uint32_t n = 0; n < 2; n++) {
    tm_inst c = nth(&k, TM_CONVERT_LAYOUT, n);
    const tm_inst_data *inst = tm_get(k.ir, c);
    tm_inst from = tm_val(k.ir, inst->operands[0])->def;
    assert_int_equal(tm_get(k.ir, from)->op, TM_LOAD);
    tm_convert_plan plan = tm_convert_analyse(
        &k.arena, k.layouts.of[inst->operands[0]], layout(&k, c), 2);
    assert_int_equal(plan.kind, TM_CONVERT_THREADGROUP);
    assert_int_equal(plan.store_width, 8);
  }
  close_kernel(&k);
}

/* M3: simdgroups read fragments from device memory, 16 bytes a thread. */
static void matmul_on_apple9_converts_nothing(void **state) {
  kernel k;
  (void)state;
  open_kernel(&k, "matmul", "m3", 4);
  assert_int_equal(count(&k, TM_CONVERT_LAYOUT), 0);
  assert_widths(&k, TM_LOAD, 0, 8, 8);
  assert_widths(&k, TM_LOAD, 1, 8, 8);
  assert_widths(&k, TM_STORE, 0, 8, 8);
  assert_product(&k);
  close_kernel(&k);
}

/* Without divisibility no access is wide, and nothing else changes. */
static void matmul_of_any_sizes_accesses_single_elements(void **state) {
  kernel k;
  (void)state;
  open_kernel(&k, "matmul_odd", "m1", 4);
  assert_int_equal(count(&k, TM_CONVERT_LAYOUT), 2);
  assert_widths(&k, TM_LOAD, 0, 1, 1);
  assert_widths(&k, TM_STORE, 0, 1, 1);
  assert_product(&k);
  close_kernel(&k);
}

/* Products are divided by rows, so that P is an operand as it stands: only
 * Q, K and V are converted. */
static void attention_keeps_the_inner_product_in_registers(void **state) {
  kernel k;
  (void)state;
  open_kernel(&k, "attention", "m1", 4);
  assert_int_equal(count(&k, TM_CONVERT_LAYOUT), 3);
  for (uint32_t n = 0; n < 3; n++) {
    const tm_inst_data *c = tm_get(k.ir, nth(&k, TM_CONVERT_LAYOUT, n));
    tm_inst from = tm_val(k.ir, c->operands[0])->def;
    assert_int_equal(tm_get(k.ir, from)->op, TM_LOAD);
  }
  assert_ptr_equal(layout(&k, nth(&k, TM_DOT, 0)),
                   layout(&k, nth(&k, TM_DOT, 1)));
  close_kernel(&k);
}

/* M3: K is read along its rows, its columns in a product, 16 bytes a thread
 * all the same. Nothing is converted. */
static void attention_on_apple9_reads_sixteen_bytes(void **state) {
  kernel k;
  (void)state;
  open_kernel(&k, "attention", "m3", 4);
  assert_int_equal(count(&k, TM_CONVERT_LAYOUT), 0);
  for (uint32_t n = 0; n < 3; n++) {
    tm_inst i = nth(&k, TM_LOAD, n);
    assert_int_equal(k.layouts.width[i], 8);
  }
  close_kernel(&k);
}

/* n is divisible by 16, so four neighbouring columns are inside together;
 * where nothing is known of n, each is by itself. */
static void masks_say_which_registers_agree(void **state) {
  static const struct { const char *kernel; uint32_t same; } cases[] = {
      {"vector_add", 4}, {"matmul_odd", 1}};
  (void)state;
  for (uint32_t n = 0; n < TM_COUNT(cases); n++) {
    kernel k;
    open_kernel(&k, cases[n].kernel, "m1", 4);
    tm_inst i = 0;
    uint32_t at = 0;
    while ((i = nth(&k, TM_CMPI, at++)) != 0) {
      tm_value v = tm_get(k.ir, i)->results;
      if (!k.layouts.of[v]) continue;
      assert_true(k.layouts.same[v] >= cases[n].same);
      if (cases[n].same == 1) assert_int_equal(k.layouts.same[v], 1);
    }
    assert_true(at > 1);
    close_kernel(&k);
  }
}

static void a_tile_turned_is_converted_once(void **state) {
  kernel k;
  (void)state;
  open_kernel(&k, "transpose", "m1", 4);
  assert_int_equal(count(&k, TM_CONVERT_LAYOUT), 1);
  assert_widths(&k, TM_LOAD, 0, 4, 4);
  assert_widths(&k, TM_STORE, 0, 4, 4);
  close_kernel(&k);
}

/* Weights with one user are loaded as the slice that the tile wants. */
static void vectors_are_loaded_as_slices_of_their_tiles(void **state) {
  kernel k;
  (void)state;
  open_kernel(&k, "layer_norm_tile", "m1", 4);
  assert_int_equal(count(&k, TM_CONVERT_LAYOUT), 0);
  for (uint32_t n = 0; n < 3; n++) assert_widths(&k, TM_LOAD, n, 4, 4);
  tm_layout want = tm_layout_slice(layout(&k, nth(&k, TM_LOAD, 0)), 0);
  assert_true(tm_layout_equal(layout(&k, nth(&k, TM_LOAD, 1)), &want));
  close_kernel(&k);
}

static void every_golden_kernel_verifies_for_all_warps_and_chips(void **s) {
  static const char *const names[] = {
    "vector_add", "softmax", "layer_norm", "layer_norm_mixed", "matmul",
    "matmul_odd", "attention", "transpose", "layer_norm_tile", "column_sum",
    "gather_load", "shape_ops", "scatter_add", "carried_tile"
  };
  (void)s;
  for (uint32_t n = 0; n < TM_COUNT(names); n++)
    for (uint32_t warps = 1; warps <= 32; warps *= 2)
      for (uint32_t c = 0; c < 2; c++) {
        kernel k;
        open_kernel(&k, names[n], c ? "m3-max" : "m1", warps);
        close_kernel(&k);
      }
}

/* 128x128 f32 is 64 KiB: the tile cannot pass through 32 KiB of threadgroup
 * memory, so the store takes it as it is, one element at a time. */
static void tiles_too_large_to_convert_are_stored_as_they_are(void **state) {
  kernel k;
  size_t n;
  (void)state;
  char *text = read_text("transpose", &n), *at;
  char *wide = calloc(2 * n + 1, 1);
  for (char *from = text; from < text + n;) { /* 64 -> 128 */
    at = strstr(from, "64");
    bool number = at != NULL && at < text + n && at[-1] != 'i';
    if (at == NULL || at >= text + n) {
      strncat(wide, from, (size_t)(text + n - from));
      break;
    }
    strncat(wide, from, (size_t)(at - from));
    strcat(wide, number ? "128" : "64");
    from = at + 2;
  }
  free(text);
  lay_out(&k, wide, strlen(wide), "m1", 4);
  assert_true(k.ok);
  assert_int_equal(count(&k, TM_CONVERT_LAYOUT), 0);
  assert_widths(&k, TM_LOAD, 0, 4, 4);
  assert_widths(&k, TM_STORE, 0, 1, 1);
  close_kernel(&k);
}

static void dump_names_values_and_widths(void **state) {
  kernel k;
  (void)state;
  open_kernel(&k, "vector_add", "m1", 4);
  tm_buf out = tm_buf_in(&k.arena);
  tm_layouts_print(k.ir, &k.layouts, &out);
  assert_non_null(strstr(tm_buf_text(&out),
                         "# tt.load: width 4, mask width 4\n"));
  assert_non_null(strstr(
      tm_buf_text(&out),
      "tt.load : tensor<1024xf32>  [1024] reg (1) (2) (512) lane (4) (8) "
      "(16) (32) (64) warp (128) (256)\n"));
  close_kernel(&k);
}

/* ---- refusals ---------------------------------------------------------- */

static void assert_refused(const char *body, uint32_t warps,
                           tm_diag_kind kind, const char *part) {
  kernel k;
  tm_arena scratch;
  tm_arena_init(&scratch, 0);
  tm_buf text = tm_buf_in(&scratch);
  tm_buf_printf(&text, "module {\n  tt.func public @f(%%p: !tt.ptr<f32>) {\n"
                       "%s    tt.return\n  }\n}\n", body);
  char *copy = malloc(text.len + 1);
  memcpy(copy, tm_buf_text(&text), text.len + 1);
  lay_out(&k, copy, text.len, "m1", warps);
  assert_false(k.ok);
  assert_int_equal(k.diags.errors, 1);
  assert_int_equal(k.diags.list.data[0].kind, kind);
  if (strstr(k.diags.list.data[0].message, part) == NULL)
    fail_msg("\"%s\" does not say \"%s\"", k.diags.list.data[0].message, part);
  close_kernel(&k);
  tm_arena_free(&scratch);
}

/* 4 x 2: rows and columns that a fragment has and the tile does not are
 * copies of those that are there. */
static void fragments_of_small_tiles_hold_copies(void **state) {
  static const int64_t shape[] = {4, 2}, column[] = {8, 1};
  (void)state;
  tm_layout l = tm_layout_fragment(2, shape, 2, 2, 4);
  assert_true(tm_layout_is_fragment(&l));
  assert_false(tm_layout_has_whole_fragments(&l));
  assert_int_equal(l.n_reg, 1);
  for (uint32_t lane = 0; lane < 32; lane++)
    for (uint32_t r = 0; r < 2; r++)
      assert_int_equal(tm_layout_element(&l, r, lane, lane % 4),
                       fragment_row(lane) % 4 * 2 +
                           fragment_col(lane, r) % 2);
  tm_layout b = tm_layout_dot_operand(&l, 1, 1);
  for (uint32_t lane = 0; lane < 32; lane++)
    assert_int_equal(tm_layout_element(&b, 1, lane, 0), 1);
  l = tm_layout_fragment(2, column, 1, 1, 1);
  assert_true(tm_layout_is_fragment(&l));
  assert_int_equal(l.n_reg, 0);
  tm_layout a = tm_layout_dot_operand(&l, 0, 16);
  for (uint32_t lane = 0; lane < 32; lane++)
    for (uint32_t r = 0; r < 4; r++)
      assert_int_equal(tm_layout_element(&a, r, lane, 0),
                       fragment_row(lane) * 16 + fragment_col(lane, r & 1) +
                           r / 2 * 8);
}

static void dots_of_other_types_are_refused_with_a_way_out(void **state) {
  (void)state;
  assert_refused(
      "    %a = arith.constant dense<1> : tensor<16x2048xi8>\n"
      "    %b = arith.constant dense<1> : tensor<2048x16xi8>\n"
      "    %c = arith.constant dense<1> : tensor<16x16xi32>\n"
      "    %d = tt.dot %a, %b, %c : tensor<16x2048xi8> * tensor<2048x16xi8> "
      "-> tensor<16x16xi32>\n", 4, TM_DIAG_UNSUPPORTED, "with K = 2048");
  assert_refused(
      "    %a = arith.constant dense<1.0> : tensor<16x16xf64>\n"
      "    %c = arith.constant dense<1.0> : tensor<16x16xf64>\n"
      "    %d = tt.dot %a, %a, %c : tensor<16x16xf64> * tensor<16x16xf64> -> "
      "tensor<16x16xf64>\n", 4, TM_DIAG_UNSUPPORTED, "f64 by f64");
}

/* 2^20 elements on 32 threads would be 2^15 registers; on 1024 they are
 * 1024. */
static void tiles_above_the_register_limit_are_refused(void **state) {
  kernel k;
  const char *body =
      "    %a = tt.make_range {end = 1048576 : i32, start = 0 : i32} : "
      "tensor<1048576xi32>\n";
  const char *whole =
      "module {\n  tt.func public @f(%p: !tt.ptr<f32>) {\n"
      "    %a = tt.make_range {end = 1048576 : i32, start = 0 : i32} : "
      "tensor<1048576xi32>\n    tt.return\n  }\n}\n";
  (void)state;
  assert_refused(body, 1, TM_DIAG_LIMIT, "32768 elements a thread");
  char *copy = malloc(strlen(whole) + 1);
  memcpy(copy, whole, strlen(whole) + 1);
  lay_out(&k, copy, strlen(whole), "m1", 32);
  assert_true(k.ok);
  close_kernel(&k);
}

static void warps_are_powers_of_two_up_to_32(void **state) {
  (void)state;
  assert_refused("", 0, TM_DIAG_LIMIT, "num_warps is 0");
  assert_refused("", 3, TM_DIAG_LIMIT, "num_warps is 3");
  assert_refused("", 64, TM_DIAG_LIMIT, "num_warps is 64");
}

/* Each layout of each value, changed in one vector, is noticed. */
static void verifier_notices_any_changed_layout(void **state) {
  static const char *const names[] = {"matmul", "layer_norm_tile",
                                      "shape_ops", "carried_tile"};
  (void)state;
  for (uint32_t n = 0; n < TM_COUNT(names); n++) {
    kernel k;
    open_kernel(&k, names[n], "m1", 4);
    for (tm_value v = 1; v < k.layouts.n_values; v++) {
      const tm_layout *kept = k.layouts.of[v];
      if (kept == NULL) continue;
      tm_layout wrong = *kept;
      uint32_t swap = wrong.lane[0];
      wrong.lane[0] = wrong.lane[4];
      wrong.lane[4] = swap;
      if (tm_layout_equal(&wrong, kept)) continue;
      k.layouts.of[v] = &wrong;
      tm_diags quiet;
      tm_diags_init(&quiet, &k.arena);
      tm_inst def = tm_val(k.ir, v)->def;
      uint32_t uses = tm_ir_count_uses(k.ir)[v];
      bool ok = tm_layout_verify(k.ir, &k.layouts, &quiet);
      /* Conversions may have any layout, and what only feeds operations that
       * take any, too. */
      if (ok && def != 0 && uses > 0)
        assert_true(tm_get(k.ir, def)->op == TM_LOAD ||
                    tm_get(k.ir, def)->op == TM_HISTOGRAM ||
                    tm_get(k.ir, def)->op == TM_MAKE_RANGE ||
                    tm_get(k.ir, def)->op == TM_CONSTANT ||
                    tm_get(k.ir, def)->op == TM_SPLAT);
      k.layouts.of[v] = kept;
    }
    close_kernel(&k);
  }
}

/* ---- random programs --------------------------------------------------- */

typedef struct maker {
  tm_builder b;
  tm_value pool[128], pointer;
  uint32_t n;
} maker;

static void keep(maker *g, tm_value v) {
  if (g->n < TM_COUNT(g->pool)) g->pool[g->n++] = v;
}

static tm_value any(maker *g) {
  return g->pool[roll(2) && g->n > 4 ? g->n - 1 - roll(4) : roll(g->n)];
}

static tm_value like(maker *g, tm_type t) {
  uint32_t at = roll(g->n);
  for (uint32_t k = 0; k < g->n; k++)
    if (tm_type_of(g->b.ir, g->pool[(at + k) % g->n]) == t)
      return g->pool[(at + k) % g->n];
  return tm_build_float(&g->b, t, 1.0);
}

static tm_type random_tile(maker *g) {
  static const int64_t extents[] = {1, 2, 8, 16, 32, 64};
  int64_t shape[3], most = 4096;
  uint32_t rank = 1 + roll(3);
  for (uint32_t d = 0; d < rank; d++) {
    shape[d] = extents[roll(6)];
    while (shape[d] > most) shape[d] /= 2;
    most /= shape[d];
  }
  return tm_type_tensor(g->b.ir, tm_type_scalar(g->b.ir, TM_F32), rank, shape);
}

/* A tile of offsets: ranges along one dimension, others strided. */
static tm_value random_offsets(maker *g, tm_type t) {
  tm_ir *ir = g->b.ir;
  tm_type i32 = tm_type_scalar(ir, TM_I32), whole = tm_type_like(ir, t, i32);
  tm_value sum = tm_build_int(&g->b, whole, 0);
  uint32_t fast = roll(t->rank);
  for (uint32_t d = 0; d < t->rank; d++) {
    tm_type line = tm_type_tensor(ir, i32, 1, &t->shape[d]);
    tm_attr range[] = {tm_attr_int(TM_ATTR_START, 0),
                       tm_attr_int(TM_ATTR_END, t->shape[d])};
    tm_inst i = tm_build(&g->b, TM_MAKE_RANGE, 0, NULL, 1, &line, 0, NULL, 2,
                         range);
    tm_value v = tm_get(ir, i)->results;
    for (uint32_t e = 0; e < t->rank; e++) {
      tm_attr axis = tm_attr_int(TM_ATTR_AXIS, e);
      if (e == d) continue;
      i = tm_build(&g->b, TM_EXPAND_DIMS, 1, &v, 0, NULL, 0, NULL, 1, &axis);
      v = tm_get(ir, i)->results;
    }
    if (d != fast)
      v = tm_build2(&g->b, TM_MULI, v,
                    tm_build_int(&g->b, tm_type_of(ir, v), 4096));
    if (tm_type_of(ir, v) != whole)
      v = tm_build_to(&g->b, TM_BROADCAST, v, whole);
    sum = tm_build2(&g->b, TM_ADDI, sum, v);
  }
  return sum;
}

static tm_value address(maker *g, tm_type t) {
  tm_ir *ir = g->b.ir;
  tm_value offsets = random_offsets(g, t);
  tm_type p = tm_type_like(ir, t, tm_type_of(ir, g->pointer));
  if (roll(4) == 0) /* where loaded values say */
    offsets = tm_build_to(&g->b, TM_FPTOSI, like(g, t),
                          tm_type_like(ir, t, tm_type_scalar(ir, TM_I32)));
  return tm_build2(&g->b, TM_ADDPTR,
                   tm_build_to(&g->b, TM_SPLAT, g->pointer, p), offsets);
}

static void make_load(maker *g) {
  tm_value operands[2] = {address(g, random_tile(g)), 0};
  uint32_t n = 1;
  if (roll(2)) {
    tm_type t = tm_type_of(g->b.ir, operands[0]);
    tm_type f = tm_type_like(g->b.ir, t, tm_type_scalar(g->b.ir, TM_F32));
    operands[n++] = tm_build_cmpf(&g->b, TM_CMPF_OGT, like(g, f), like(g, f));
  }
  tm_inst i = tm_build(&g->b, TM_LOAD, n, operands, 0, NULL, 0, NULL, 0, NULL);
  keep(g, tm_get(g->b.ir, i)->results);
}

static void make_store(maker *g) {
  tm_value v = any(g);
  tm_value operands[] = {address(g, tm_type_of(g->b.ir, v)), v};
  tm_build(&g->b, TM_STORE, 2, operands, 0, NULL, 0, NULL, 0, NULL);
}

static void make_reduce(maker *g, tm_op op) {
  tm_ir *ir = g->b.ir;
  tm_value x = any(g);
  tm_type f32 = tm_type_scalar(ir, TM_F32);
  tm_type t = tm_type_of(ir, x);
  tm_block body = tm_ir_new_block(ir);
  tm_value a = tm_block_add_arg(ir, body, f32);
  tm_value b = tm_block_add_arg(ir, body, f32);
  tm_builder in = tm_build_at_end(ir, body);
  tm_value sum = tm_build2(&in, TM_ADDF, a, b);
  tm_build(&in, op == TM_REDUCE ? TM_REDUCE_RETURN : TM_SCAN_RETURN, 1, &sum,
           0, NULL, 0, NULL, 0, NULL);
  tm_attr attrs[] = {tm_attr_int(TM_ATTR_AXIS, roll(t->rank)),
                     tm_attr_int(TM_ATTR_REVERSE, 0)};
  tm_inst i = tm_build(&g->b, op, 1, &x, 0, NULL, 1, &body,
                       op == TM_SCAN ? 2 : 1, attrs);
  tm_value v = tm_get(ir, i)->results;
  if (tm_type_is_tensor(tm_type_of(ir, v)))
    keep(g, v);
  else
    keep(g, tm_build_to(&g->b, TM_SPLAT, v, random_tile(g)));
}

static void make_shape(maker *g) {
  tm_ir *ir = g->b.ir;
  tm_value x = any(g);
  tm_type t = tm_type_of(ir, x);
  int64_t shape[TM_MAX_RANK], order[] = {0, 1, 2, 3};
  bool small = tm_type_numel(t) <= 2048;
  switch (roll(6)) {
    case 0: {
      tm_attr axis = tm_attr_int(TM_ATTR_AXIS, roll(t->rank + 1));
      if (t->rank > 3) return;
      tm_inst i = tm_build(&g->b, TM_EXPAND_DIMS, 1, &x, 0, NULL, 0, NULL, 1,
                           &axis);
      keep(g, tm_get(ir, i)->results);
      return;
    }
    case 1: {
      bool grows = false;
      for (uint32_t d = 0; d < t->rank; d++) {
        shape[d] = t->shape[d] == 1 && tm_type_numel(t) <= 256 ? 16
                                                              : t->shape[d];
        grows = grows || shape[d] != t->shape[d];
      }
      if (grows && t->rank < 3)
        keep(g, tm_build_to(&g->b, TM_BROADCAST, x,
                            tm_type_tensor(ir, t->element, t->rank, shape)));
      return;
    }
    case 2: {
      order[0] = t->rank - 1;
      order[t->rank - 1] = 0;
      tm_attr a = {.key = TM_ATTR_ORDER, .kind = TM_ATTR_INTS, .ints = order,
                   .n_ints = t->rank};
      tm_inst i = tm_build(&g->b, TM_TRANS, 1, &x, 0, NULL, 0, NULL, 1, &a);
      keep(g, tm_get(ir, i)->results);
      return;
    }
    case 3:
      shape[0] = tm_type_numel(t) >= 8 ? 8 : 1;
      shape[1] = tm_type_numel(t) / shape[0];
      keep(g, tm_build_to(&g->b, TM_RESHAPE, x,
                          tm_type_tensor(ir, t->element, 2, shape)));
      return;
    case 4:
      if (t->rank < 4 && small)
        keep(g, tm_build2(&g->b, TM_JOIN, x, like(g, t)));
      return;
    default: {
      if (t->rank < 2 || t->shape[t->rank - 1] != 2) return;
      tm_inst i = tm_build(&g->b, TM_SPLIT, 1, &x, 0, NULL, 0, NULL, 0, NULL);
      keep(g, tm_get(ir, i)->results);
      keep(g, tm_get(ir, i)->results + 1);
      return;
    }
  }
}

static void make_dot(maker *g) {
  tm_ir *ir = g->b.ir;
  int64_t m = 8 << roll(4), n = 8 << roll(4), k = 8 << roll(4);
  tm_type f32 = tm_type_scalar(ir, TM_F32);
  const int64_t sa[] = {m, k}, sb[] = {k, n}, sc[] = {m, n};
  tm_value operands[] = {like(g, tm_type_tensor(ir, f32, 2, sa)),
                         like(g, tm_type_tensor(ir, f32, 2, sb)),
                         like(g, tm_type_tensor(ir, f32, 2, sc))};
  tm_attr attrs[] = {tm_attr_int(TM_ATTR_INPUT_PRECISION, 2),
                     tm_attr_int(TM_ATTR_MAX_IMPRECISE_ACC, 0)};
  tm_inst i = tm_build(&g->b, TM_DOT, 3, operands, 0, NULL, 0, NULL, 2, attrs);
  keep(g, tm_get(ir, i)->results);
}

static void make_steps(maker *g, uint32_t n, uint32_t depth);

static void make_loop(maker *g, uint32_t depth) {
  tm_ir *ir = g->b.ir;
  tm_type i32 = tm_type_scalar(ir, TM_I32), types[2];
  tm_builder outer = g->b;
  tm_value operands[5], yields[2];
  uint32_t n = 1 + roll(2), outside;
  operands[0] = tm_build_int(&g->b, i32, 0);
  operands[1] = tm_build_int(&g->b, i32, 4);
  operands[2] = tm_build_int(&g->b, i32, 1);
  for (uint32_t k = 0; k < n; k++) {
    operands[3 + k] = any(g);
    types[k] = tm_type_of(ir, operands[3 + k]);
  }
  outside = g->n;
  outer = g->b;
  tm_block body = tm_ir_new_block(ir);
  tm_block_add_arg(ir, body, i32);
  for (uint32_t k = 0; k < n; k++)
    keep(g, tm_block_add_arg(ir, body, types[k]));
  g->b = tm_build_at_end(ir, body);
  make_steps(g, 6, depth + 1);
  for (uint32_t k = 0; k < n; k++) yields[k] = like(g, types[k]);
  tm_build(&g->b, TM_YIELD, n, yields, 0, NULL, 0, NULL, 0, NULL);
  g->b = outer;
  g->n = outside;
  tm_inst loop = tm_build(&g->b, TM_FOR, 3 + n, operands, n, types, 1, &body,
                          0, NULL);
  for (uint32_t k = 0; k < n; k++) keep(g, tm_get(ir, loop)->results + k);
}

static void make_branch(maker *g, uint32_t depth) {
  tm_ir *ir = g->b.ir;
  tm_value x = any(g), c;
  tm_type t = tm_type_of(ir, x);
  tm_builder outer = g->b;
  uint32_t outside;
  tm_block blocks[2];
  c = tm_build_int(&g->b, tm_type_scalar(ir, TM_I1), 1);
  outer = g->b;
  outside = g->n;
  for (uint32_t k = 0; k < 2; k++) {
    blocks[k] = tm_ir_new_block(ir);
    g->b = tm_build_at_end(ir, blocks[k]);
    make_steps(g, 3, depth + 1);
    tm_value y = like(g, t);
    tm_build(&g->b, TM_YIELD, 1, &y, 0, NULL, 0, NULL, 0, NULL);
    g->n = outside;
  }
  g->b = outer;
  tm_inst i = tm_build(&g->b, TM_IF, 1, &c, 1, &t, 2, blocks, 0, NULL);
  keep(g, tm_get(ir, i)->results);
}

static void make_steps(maker *g, uint32_t n, uint32_t depth) {
  while (n-- > 0) {
    tm_value x = any(g);
    switch (roll(14)) {
      case 0: case 1: make_load(g); break;
      case 2: make_store(g); break;
      case 3: make_reduce(g, TM_REDUCE); break;
      case 4: make_reduce(g, TM_SCAN); break;
      case 5: case 6: case 7: make_shape(g); break;
      case 8: make_dot(g); break;
      case 9: if (depth < 3) make_loop(g, depth); break;
      case 10: if (depth < 3) make_branch(g, depth); break;
      case 11: keep(g, tm_build1(&g->b, TM_EXP, x)); break;
      default:
        keep(g, tm_build2(&g->b, TM_ADDF, x,
                          like(g, tm_type_of(g->b.ir, x))));
        break;
    }
  }
}

static void random_programs_get_layouts_that_verify(void **state) {
  uint32_t converted = 0;
  (void)state;
  for (uint32_t n = 1; n < 400; n++) {
    kernel k;
    maker g;
    memset(&k, 0, sizeof k);
    memset(&g, 0, sizeof g);
    seed = n;
    tm_arena_init(&k.arena, 0);
    tm_diags_init(&k.diags, &k.arena);
    k.ir = tm_ir_create(&k.arena);
    uint32_t f = tm_ir_add_func(k.ir, "f", true);
    tm_type p = tm_type_pointer(k.ir, tm_type_scalar(k.ir, TM_F32), 1);
    g.pointer = tm_func_add_param(k.ir, f, "p", p, 16);
    g.b = tm_build_at_end(k.ir, k.ir->funcs.data[f].body);
    keep(&g, tm_build_float(&g.b, random_tile(&g), 0.5));
    make_load(&g);
    make_steps(&g, 25, 0);
    make_store(&g);
    tm_build(&g.b, TM_RETURN, 0, NULL, 0, NULL, 0, NULL, 0, NULL);
    assert_true(tm_ir_verify(k.ir, &k.diags, "test"));
    const tm_chip *chip = tm_chip_by_name(roll(2) ? "m1" : "m4");
    uint32_t warps = 1u << roll(6);
    bool ok = tm_layout_assign_random(k.ir, chip, warps, n % 2 ? n : 0,
                                      &k.layouts, &k.diags) &&
              tm_layout_verify(k.ir, &k.layouts, &k.diags) &&
              tm_ir_verify(k.ir, &k.diags, "layout");
    if (!ok) {
      print_diags(&k);
      fail_msg("program %u", n);
    }
    converted += count(&k, TM_CONVERT_LAYOUT) > 0;
    tm_arena_free(&k.arena);
  }
  assert_true(converted > 100);
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(elements_are_xors_of_basis_vectors),
    cmocka_unit_test(coordinates_are_row_major),
    cmocka_unit_test(copies_leave_one_writer_for_each_element),
    cmocka_unit_test(equality_and_hash_see_every_vector),
    cmocka_unit_test(register_maps_agree_with_search),
    cmocka_unit_test(runs_are_consecutive_in_every_group),
    cmocka_unit_test(derived_layouts_hold_the_image_of_each_thread),
    cmocka_unit_test(trans_and_reshape_keep_register_numbers),
    cmocka_unit_test(blocked_fills_the_fastest_dimension_first),
    cmocka_unit_test(small_tiles_are_copied),
    cmocka_unit_test(tiled_takes_extents_for_each_dimension),
    cmocka_unit_test(fragments_follow_thread_elements),
    cmocka_unit_test(dot_operands_match_their_product),
    cmocka_unit_test(wide_operands_meet_at_the_same_k),
    cmocka_unit_test(batches_take_the_simdgroups_that_are_left),
    cmocka_unit_test(plans_deliver_every_element),
    cmocka_unit_test(plans_work_for_any_vectors),
    cmocka_unit_test(padding_spreads_columns_over_banks),
    cmocka_unit_test(vector_add_moves_four_floats_a_thread),
    cmocka_unit_test(softmax_converts_nothing),
    cmocka_unit_test(layer_norm_moves_eight_halves_a_thread),
    cmocka_unit_test(f16_and_f32_accesses_share_one_layout),
    cmocka_unit_test(matmul_stages_operands_and_stores_fragments),
    cmocka_unit_test(matmul_on_apple9_converts_nothing),
    cmocka_unit_test(matmul_of_any_sizes_accesses_single_elements),
    cmocka_unit_test(attention_keeps_the_inner_product_in_registers),
    cmocka_unit_test(attention_on_apple9_reads_sixteen_bytes),
    cmocka_unit_test(masks_say_which_registers_agree),
    cmocka_unit_test(a_tile_turned_is_converted_once),
    cmocka_unit_test(vectors_are_loaded_as_slices_of_their_tiles),
    cmocka_unit_test(every_golden_kernel_verifies_for_all_warps_and_chips),
    cmocka_unit_test(tiles_too_large_to_convert_are_stored_as_they_are),
    cmocka_unit_test(dump_names_values_and_widths),
    cmocka_unit_test(fragments_of_small_tiles_hold_copies),
    cmocka_unit_test(dots_of_other_types_are_refused_with_a_way_out),
    cmocka_unit_test(tiles_above_the_register_limit_are_refused),
    cmocka_unit_test(warps_are_powers_of_two_up_to_32),
    cmocka_unit_test(verifier_notices_any_changed_layout),
    cmocka_unit_test(random_programs_get_layouts_that_verify),
  };
  return cmocka_run_group_tests_name("layout", tests, NULL, NULL);
}
