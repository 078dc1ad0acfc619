/* SPDX-License-Identifier: MIT */
/*
 * type.c - types, unique in their module.
 *
 * An open-addressing table of every type made so far; asking for a type
 * first looks it up, so that equal types are equal pointers and comparing
 * types anywhere is comparing pointers.
 */
#include "irint.h"

#include <assert.h>

struct tm_type_table {
  tm_type *slots;
  uint32_t cap, len;
  tm_type scalars[TM_SCALARS]; /* made at once: the most asked for */
};

static const struct {
  const char *name;
  uint8_t bits;
} scalars[TM_SCALARS] = {
  [TM_VOID] = {"none", 0},         [TM_I1] = {"i1", 1},
  [TM_I8] = {"i8", 8},             [TM_I16] = {"i16", 16},
  [TM_I32] = {"i32", 32},          [TM_I64] = {"i64", 64},
  [TM_FP8E4NV] = {"f8E4M3FN", 8},  [TM_FP8E5] = {"f8E5M2", 8},
  [TM_FP8E4B8] = {"f8E4M3FNUZ", 8},[TM_FP8E5B16] = {"f8E5M2FNUZ", 8},
  /* MLIR has no type for Triton's fp8e4b15, whose values upstream keeps in
   * i8; the nearest MLIR name with a bias of 11 is not it, so ours has a
   * name of its own. */
  [TM_FP8E4B15] = {"!tm.f8E4B15", 8},
  [TM_F16] = {"f16", 16},          [TM_BF16] = {"bf16", 16},
  [TM_F32] = {"f32", 32},          [TM_F64] = {"f64", 64},
  [TM_INDEX] = {"index", 32},
};

uint32_t tm_scalar_bits(tm_scalar s) { return scalars[s].bits; }
const char *tm_scalar_name(tm_scalar s) { return scalars[s].name; }

bool tm_scalar_is_float(tm_scalar s) {
  return s >= TM_FP8E4NV && s <= TM_F64;
}

bool tm_scalar_is_int(tm_scalar s) {
  return (s >= TM_I1 && s <= TM_I64) || s == TM_INDEX;
}

int64_t tm_type_numel(tm_type t) {
  int64_t n = 1;
  if (t->kind != TM_TYPE_TENSOR) return 1;
  for (uint32_t d = 0; d < t->rank; d++) {
    if (t->shape[d] > 0 && n > INT64_MAX / t->shape[d]) return INT64_MAX;
    n *= t->shape[d];
  }
  return n;
}

static uint32_t type_hash(tm_type t) {
  uint64_t parts[5 + TM_MAX_RANK] = {t->kind, t->scalar, TM_KEY(t->element),
                                     t->rank, t->address_space};
  for (uint32_t d = 0; d < t->rank; d++) parts[5 + d] = (uint64_t)t->shape[d];
  return (uint32_t)tm_hash_bytes(parts, (5 + t->rank) * sizeof parts[0], 7);
}

static bool type_equal(tm_type a, tm_type b) {
  return a->kind == b->kind && a->scalar == b->scalar &&
         a->element == b->element && a->rank == b->rank &&
         a->address_space == b->address_space &&
         memcmp(a->shape, b->shape, a->rank * sizeof a->shape[0]) == 0;
}

static void table_grow(tm_ir *ir, struct tm_type_table *table) {
  uint32_t cap = table->cap ? table->cap * 2 : 64;
  tm_type *slots = TM_NEW_ARRAY(ir->arena, tm_type, cap);
  for (uint32_t i = 0; i < table->cap; i++) {
    if (!table->slots[i]) continue;
    uint32_t at = type_hash(table->slots[i]) & (cap - 1);
    while (slots[at]) at = (at + 1) & (cap - 1);
    slots[at] = table->slots[i];
  }
  table->slots = slots;
  table->cap = cap;
}

static tm_type type_unique(tm_ir *ir, const tm_type_data *want) {
  if (!ir->types) ir->types = TM_NEW(ir->arena, struct tm_type_table);
  struct tm_type_table *table = ir->types;
  if (table->len * 4 >= table->cap * 3) table_grow(ir, table);
  uint32_t at = type_hash(want) & (table->cap - 1);
  for (; table->slots[at]; at = (at + 1) & (table->cap - 1))
    if (type_equal(table->slots[at], want)) return table->slots[at];
  tm_type_data *made = TM_NEW(ir->arena, tm_type_data);
  *made = *want;
  table->slots[at] = made;
  table->len++;
  return made;
}

tm_type tm_type_scalar(tm_ir *ir, tm_scalar scalar) {
  if (ir->types && ir->types->scalars[scalar])
    return ir->types->scalars[scalar];
  tm_type_data want = {.kind = TM_TYPE_SCALAR, .scalar = scalar};
  tm_type made = type_unique(ir, &want);
  ir->types->scalars[scalar] = made;
  return made;
}

tm_type tm_type_pointer(tm_ir *ir, tm_type pointee, uint32_t address_space) {
  tm_type_data want = {.kind = TM_TYPE_POINTER, .element = pointee,
                       .address_space = address_space ? address_space : 1};
  return type_unique(ir, &want);
}

tm_type tm_type_tensor(tm_ir *ir, tm_type element, uint32_t rank,
                       const int64_t *shape) {
  assert(rank >= 1 && rank <= TM_MAX_RANK && "rank of a tensor");
  tm_type_data want = {.kind = TM_TYPE_TENSOR, .element = element,
                       .rank = rank};
  memcpy(want.shape, shape, rank * sizeof shape[0]);
  return type_unique(ir, &want);
}

tm_type tm_type_descriptor(tm_ir *ir, tm_type tensor) {
  tm_type_data want = {.kind = TM_TYPE_DESCRIPTOR, .element = tensor};
  return type_unique(ir, &want);
}

tm_type tm_type_like(tm_ir *ir, tm_type t, tm_type element) {
  if (t->kind != TM_TYPE_TENSOR) return element;
  return tm_type_tensor(ir, element, t->rank, t->shape);
}

static void print_shaped(tm_buf *out, tm_type t) {
  tm_buf_puts(out, "<");
  for (uint32_t d = 0; d < t->rank; d++)
    tm_buf_printf(out, "%lldx", (long long)t->shape[d]);
  tm_type_print(out, t->element);
  tm_buf_puts(out, ">");
}

void tm_type_print(tm_buf *out, tm_type t) {
  switch (t->kind) {
  case TM_TYPE_SCALAR:
    tm_buf_puts(out, tm_scalar_name(t->scalar));
    return;
  case TM_TYPE_POINTER:
    tm_buf_puts(out, "!tt.ptr<");
    tm_type_print(out, t->element);
    if (t->address_space != 1) tm_buf_printf(out, ", %u", t->address_space);
    tm_buf_puts(out, ">");
    return;
  case TM_TYPE_TENSOR:
    tm_buf_puts(out, "tensor");
    print_shaped(out, t);
    return;
  case TM_TYPE_DESCRIPTOR:
    /* Triton 3.9 writes the shape; 3.6 and older a tensor type inside. */
    tm_buf_puts(out, "!tt.tensordesc");
    print_shaped(out, t->element);
    return;
  }
}
