/* SPDX-License-Identifier: MIT */
/*
 * warps.c - how many simdgroups a program gets when nobody says.
 *
 * Four, as Triton has it, unless the tiles ask for something else:
 *
 *   fewer   a thread moves 16 bytes at a time (METAL-FACTS 4.4), so a tile
 *           keeps a simdgroup busy for each 128 elements of 4 bytes. What is
 *           beyond that would hold copies. A product wants 16 fragments of
 *           8x8 a simdgroup at least (4.3) where operands come straight from
 *           device memory; where they are staged, 4 simdgroups share the
 *           staging however small the product is, as long as each has a
 *           fragment.
 *   more    a thread holds at most 64 elements of a tile, a simdgroup 32
 *           fragments of all products that live together: half of the 128
 *           registers that a thread can have (2.5). The rest is for a second
 *           tile, fragments of operands, and addresses. 8 are the most for
 *           products for that reason alone; twice as many when one product
 *           does not fit otherwise.
 *
 *     elements    64   128   512   4096   8192   16384   65536
 *     simdgroups   1     1     4      4      4       8      32
 *
 *     product     32x32   64x32   64x64   128x64   128x128   256x128
 *     staged          4       4       4        4         8        16
 *     direct          1       2       4        4         8        16
 */
#include "compile.h"

enum {
  USUAL = 4,            /* Triton's default */
  MOST = 32,            /* 1024 threads */
  MOST_FOR_SUMS = 8,    /* because of several products, none of them large */
  VECTOR = 4,           /* elements of 4 bytes in 16 */
  ELEMENTS = 64,        /* of a tile, a thread */
  FRAGMENTS = 32,       /* a simdgroup, at most */
  FEWEST_FRAGMENTS = 16 /* a simdgroup, where operands are not staged */
};

typedef struct tiles {
  int64_t widest;               /* elements of the largest tile */
  int64_t product, products;    /* fragments: of the largest, of all */
} tiles;

static void see(const tm_ir *ir, tm_value v, tiles *t) {
  tm_type type = tm_type_of(ir, v);
  if (!tm_type_is_tensor(type)) return;
  int64_t n = tm_type_numel(type);
  if (n > t->widest) t->widest = n;
}

static tiles find_tiles(const tm_ir *ir) {
  tiles t = {0, 0, 0};
  for (tm_inst i = 1; i < ir->insts.len; i++) {
    const tm_inst_data *d = tm_get(ir, i);
    if (!d->block) continue;
    for (uint32_t k = 0; k < d->n_operands; k++) see(ir, d->operands[k], &t);
    for (uint32_t k = 0; k < d->n_results; k++) see(ir, d->results + k, &t);
    if (d->op != TM_DOT) continue;
    int64_t fragments = tm_type_numel(tm_type_of(ir, d->results)) / 64;
    if (fragments < 1) fragments = 1;
    if (fragments > t.product) t.product = fragments;
    t.products += fragments;
  }
  return t;
}

static uint32_t for_products(const tiles *t, bool stages) {
  int64_t each = stages ? 1 : FEWEST_FRAGMENTS;
  uint32_t warps = USUAL;
  while (warps > 1 && t->product < warps * each) warps /= 2;
  while (warps < MOST_FOR_SUMS && t->products > (int64_t)warps * FRAGMENTS)
    warps *= 2;
  while (warps < MOST && t->product > (int64_t)warps * FRAGMENTS) warps *= 2;
  return warps;
}

uint32_t tm_choose_warps(const tm_ir *ir, bool stages) {
  const int64_t threads = 32;
  if (ir->asked_warps) return ir->asked_warps;
  tiles t = find_tiles(ir);
  if (t.product) return for_products(&t, stages);
  uint32_t warps = USUAL;
  while (warps > 1 && t.widest < warps * threads * VECTOR) warps /= 2;
  while (warps < MOST && t.widest > warps * threads * ELEMENTS) warps *= 2;
  return warps;
}
