/* SPDX-License-Identifier: MIT */
/*
 * tensor.c - which dots are left to Metal's tensor operations.
 *
 * The matrix units of M5 are reached by matmul2d of MSL 4.0 only, where the
 * threads of a threadgroup multiply two tiles of threadgroup memory together
 * and the product is in a cooperative tensor, whose elements lie as Metal
 * likes (METAL-FACTS 2.7). A dot is marked when matmul2d takes it:
 *
 *   - half by half or bfloat by bfloat, added up in float; no relaxed precision
 *     and no float operands, of which the units keep about 11 bits
 *   - rank 2; rows and columns multiples of 32 (tiles of 8 do not compile and
 *     smaller ones gain nothing), at least 512 elements of the product for
 *     each simdgroup, K a multiple of 16: K is the tile's own, so that none of
 *     it is read out of bounds
 *   - the product goes to the threads that use it through threadgroup memory:
 *     all of it, or 1/2, 1/4, 1/8 of its rows at a time, each part a product
 *     of its own for which all of this holds
 *   - no loop around it has trips that are known when it is compiled: those
 *     have crashed Apple's compiler
 *
 *     %c = tt.dot %a, %b, %acc   becomes   tt.dot %a, %b, %acc {tm.tensor}
 *
 * Operands of marked dots are staged (assign.c, msl/emitter_stage.c). What the
 * emitter then cannot give as a tensor operation becomes simdgroup matrices.
 */
#include "layout.h"

enum {
  LEAST_SIDE = 32, LEAST_K = 16, LEAST_PER_SIMDGROUP = 512
};

/* A loop of constant bounds around the instruction. */
static bool has_known_trips(const tm_ir *ir, tm_inst inst) {
  tm_block block = tm_get(ir, inst)->block;
  while (block) {
    tm_inst parent = tm_blk(ir, block)->parent;
    if (!parent) return false;
    const tm_inst_data *d = tm_get(ir, parent);
    int64_t n;
    if (d->op == TM_FOR && tm_value_const_int(ir, d->operands[0], &n) &&
        tm_value_const_int(ir, d->operands[1], &n) &&
        tm_value_const_int(ir, d->operands[2], &n))
      return true;
    block = d->block;
  }
  return false;
}

uint32_t tm_tensor_parts(tm_type product, const tm_chip *chip) {
  int64_t bytes = product->shape[0] * product->shape[1] * 4;
  uint32_t parts = 1;
  while (parts < TM_TENSOR_PARTS && bytes / parts > chip->threadgroup_bytes)
    parts *= 2;
  return parts;
}

static bool is_suitable(const tm_ir *ir, tm_inst inst, const tm_chip *chip,
                        uint32_t num_warps) {
  const tm_inst_data *d = tm_get(ir, inst);
  tm_type a = tm_type_of(ir, d->operands[0]);
  tm_type b = tm_type_of(ir, d->operands[1]);
  tm_type c = tm_type_of(ir, d->results);
  if (a->rank != 2 || b->rank != 2 || c->rank != 2) return false;
  tm_scalar x = a->element->scalar;
  if (x != b->element->scalar || (x != TM_F16 && x != TM_BF16) ||
      c->element->scalar != TM_F32)
    return false;
  int64_t m = c->shape[0], n = c->shape[1], k = a->shape[1];
  m /= tm_tensor_parts(c, chip);
  return m > 0 && m % LEAST_SIDE == 0 && n % LEAST_SIDE == 0 &&
         k % LEAST_K == 0 &&
         m * n >= (int64_t)LEAST_PER_SIMDGROUP * num_warps &&
         m * n * 4 <= (int64_t)chip->threadgroup_bytes &&
         !has_known_trips(ir, inst);
}

bool tm_tensor_mark(tm_ir *ir, const tm_chip *chip, uint32_t num_warps) {
  bool any = false;
  for (tm_inst i = 1; i < ir->insts.len; i++) {
    const tm_inst_data *d = tm_get(ir, i);
    if (!d->block || d->op != TM_DOT || !is_suitable(ir, i, chip, num_warps))
      continue;
    tm_inst_set_attr(ir, i, (tm_attr){.key = TM_ATTR_TENSOR,
                                      .kind = TM_ATTR_UNIT});
    any = true;
  }
  return any;
}

bool tm_tensor_is_marked(const tm_ir *ir, tm_inst inst) {
  return tm_get(ir, inst)->op == TM_DOT &&
         tm_inst_attr(ir, inst, TM_ATTR_TENSOR) != NULL;
}
