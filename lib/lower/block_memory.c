/* SPDX-License-Identifier: MIT */
/*
 * block_memory.c - block pointers and tensor descriptors: making them, and what
 * descriptors load, store, gather, scatter and add.
 *
 * What a descriptor takes is checked as Triton does; what only NVIDIA's
 * hardware demands (16-byte strides, eight rows in a gather) is not demanded
 * here, since block_pointers.c makes plain accesses of all of it.
 */
#include "value.h"

/* A tuple of integers, compile-time or scalar, as values of one type. Sizes
 * of descriptors may be wider and are cast, as in Triton; nothing else may. */
static bool int_list(tm_low *l, tm_lv v, tm_dtype dtype, bool narrows,
                     const char *what, uint32_t *n, tm_lv *out) {
  const tm_lv *items = &v;
  *n = 1;
  if (v->kind == TM_LV_TUPLE) {
    items = v->items;
    *n = v->n_items;
  }
  if (*n > TM_MAX_RANK) {
    tm_low_error(l, NULL, "%s has too many items", what);
    return false;
  }
  for (uint32_t i = 0; i < *n; i++) {
    tm_lv x = items[i];
    if (tm_lv_is_run(x) && tm_lt_is_block(x->type) &&
        tm_lt_numel(x->type) == 1)
      x = tm_sem_reshape(l, x, 0, NULL, false);
    bool ok = x->kind == TM_LV_INT || x->kind == TM_LV_BOOL ||
              (tm_lv_is_run(x) && !tm_lt_is_block(x->type) &&
               tm_lt_is_int(x->type));
    if (!ok) {
      if (!tm_lv_is_poison(x))
        tm_low_error(l, NULL, "%s must be integers, got %s", what,
                     tm_lv_describe(l, x));
      return false;
    }
    if (tm_lv_is_run(x) && !narrows &&
        tm_dtype_infos[dtype].bits < tm_lt_bits(x->type)) {
      tm_low_error(l, "convert with .to(tl.int32)",
                   "%s are 32-bit integers, got %s", what,
                   tm_lv_describe(l, x));
      return false;
    }
    tm_ltype type = tm_lt_scalar(l, dtype);
    out[i] = tm_lv_is_run(x) ? tm_sem_cast(l, x, type)
                             : tm_sem_constant(l, x, type);
    if (tm_lv_is_poison(out[i])) return false;
  }
  return true;
}

static bool base_pointer(tm_low *l, tm_lv *base, const char *what) {
  if (!tm_lv_is_run(*base) || (*base)->type->kind != TM_LT_POINTER ||
      (*base)->type->element->kind != TM_LT_SCALAR) {
    if (!tm_lv_is_poison(*base))
      tm_low_error(l, NULL, "%s needs a scalar pointer as its base, got %s",
                   what, tm_lv_describe(l, *base));
    return false;
  }
  *base = tm_low_memory_pointer(l, *base);
  return true;
}

static bool same_lengths(tm_low *l, const char *what, uint32_t rank,
                         uint32_t a, uint32_t b) {
  if (a == rank && b == rank) return true;
  tm_low_error(l, NULL, "%s: shape, strides, offsets and block_shape must "
                        "have the same length",
               what);
  return false;
}

tm_lv tm_fn_make_block_ptr(tm_low *l, const tm_builtin_call *c) {
  tm_lv base = c->args[0], lists[3][TM_MAX_RANK];
  int64_t block[TM_MAX_RANK], order[TM_MAX_RANK];
  uint32_t rank, n[3];
  if (!base_pointer(l, &base, "make_block_ptr") ||
      !int_list(l, c->args[1], TM_DT_I64, false, "shape", &n[0], lists[0]) ||
      !int_list(l, c->args[2], TM_DT_I64, false, "strides", &n[1], lists[1]) ||
      !int_list(l, c->args[3], TM_DT_I32, false, "offsets", &n[2], lists[2]) ||
      !tm_want_shape(l, c->args[4], "block_shape", &rank, block) ||
      !same_lengths(l, "make_block_ptr", rank, n[0], n[1]) ||
      !same_lengths(l, "make_block_ptr", rank, n[2], n[2]))
    return TM_POISONED;
  tm_lv o = c->args[5];
  uint32_t seen = 0, given = o->kind == TM_LV_TUPLE ? o->n_items : 1;
  for (uint32_t d = 0; d < rank && given == rank; d++) {
    if (!tm_want_int(l, o->kind == TM_LV_TUPLE ? o->items[d] : o, "order", 0,
                    rank - 1, &order[d]))
      return TM_POISONED;
    seen |= 1u << order[d];
  }
  if (given != rank || seen != (1u << rank) - 1)
    return tm_low_error(l, NULL, "order must name each of the %u dimensions",
                        rank);
  tm_value operands[1 + 3 * TM_MAX_RANK] = {base->value};
  for (uint32_t k = 0; k < 3; k++)
    for (uint32_t d = 0; d < rank; d++)
      operands[1 + k * rank + d] = lists[k][d]->value;
  tm_ltype type = tm_lt_pointer(
      l, tm_lt_block(l, base->type->element, rank, block));
  if (rank == 0)
    return tm_low_error(l, NULL, "a block pointer has a dimension at least");
  tm_attr attr = {.key = TM_ATTR_ORDER, .kind = TM_ATTR_INTS, .ints = order,
                  .n_ints = rank};
  tm_inst i = tm_build(&l->b, TM_MAKE_TENSOR_PTR, 1 + 3 * rank, operands, 1,
                       &type->ir, 0, NULL, 1, &attr);
  return tm_lv_run(l, tm_get(l->ir, i)->results, type);
}

tm_lv tm_fn_advance(tm_low *l, const tm_builtin_call *c) {
  tm_lv base = c->args[0], offsets[TM_MAX_RANK];
  uint32_t n;
  if (!tm_lv_is_block_pointer(base))
    return tm_low_error(l, "add offsets to other pointers with +",
                        "advance needs a block pointer, got %s",
                        tm_lv_describe(l, base));
  if (!int_list(l, c->args[1], TM_DT_I32, false, "offsets", &n, offsets))
    return TM_POISONED;
  uint32_t rank = base->type->element->rank;
  if (n != rank)
    return tm_low_error(l, NULL, "advance needs %u offsets, got %u", rank, n);
  tm_value operands[1 + TM_MAX_RANK] = {base->value};
  for (uint32_t d = 0; d < n; d++) operands[1 + d] = offsets[d]->value;
  tm_inst i = tm_build(&l->b, TM_ADVANCE, 1 + n, operands, 1, &base->type->ir,
                       0, NULL, 0, NULL);
  return tm_lv_run(l, tm_get(l->ir, i)->results, base->type);
}

tm_lv tm_fn_make_descriptor(tm_low *l, const tm_builtin_call *c) {
  tm_lv base = c->args[0], lists[2][TM_MAX_RANK];
  int64_t block[TM_MAX_RANK];
  uint32_t rank, n[2];
  tm_attr attrs[1];
  uint32_t n_attrs = 0;
  if (!base_pointer(l, &base, "make_tensor_descriptor") ||
      !int_list(l, c->args[1], TM_DT_I32, true, "shape", &n[0], lists[0]) ||
      !int_list(l, c->args[2], TM_DT_I64, false, "strides", &n[1], lists[1]) ||
      !tm_want_shape(l, c->args[3], "block_shape", &rank, block) ||
      !same_lengths(l, "make_tensor_descriptor", rank, n[0], n[1]))
    return TM_POISONED;
  if (rank < 1 || rank > 5)
    return tm_low_error(l, NULL, "a descriptor has 1 to 5 dimensions, got %u",
                        rank);
  int64_t last;
  tm_lv last_stride =
      c->args[2]->kind == TM_LV_TUPLE ? c->args[2]->items[rank - 1]
                                      : c->args[2];
  if (!tm_want_int(l, last_stride, "the last stride", 1, 1, &last))
    return TM_POISONED;
  int64_t bytes = block[rank - 1] * tm_lt_bits(base->type->element) / 8;
  if (bytes < 16)
    return tm_low_error(l, NULL, "the last dimension of a descriptor's block "
                                 "must hold 16 bytes, this one holds %lld",
                        (long long)bytes);
  tm_ltype type = tm_lt_block(l, base->type->element, rank, block);
  if (!tm_want_padding(l, c->args[4], type, attrs, &n_attrs))
    return TM_POISONED;
  const tm_desc_parts parts = {base, lists[0], lists[1], false};
  return tm_low_descriptor(l, type, &parts, n_attrs, attrs);
}

tm_lv tm_low_descriptor(tm_low *l, tm_ltype block, const tm_desc_parts *of,
                        uint32_t n_attrs, const tm_attr *attrs) {
  uint32_t rank = block->rank;
  tm_value operands[1 + 2 * TM_MAX_RANK] = {of->base->value};
  for (uint32_t d = 0; d < rank; d++) {
    operands[1 + d] = of->shape[d]->value;
    operands[1 + rank + d] = of->strides[d]->value;
  }
  tm_ltype type = tm_lt_descriptor(l, block);
  tm_inst i = tm_build(&l->b, TM_MAKE_TENSOR_DESC, 1 + 2 * rank, operands, 1,
                       &type->ir, 0, NULL, n_attrs, attrs);
  tm_lv parts[3] = {tm_lv_tuple(l, of->shape, rank),
                    tm_lv_tuple(l, of->strides, rank),
                    tm_lv_bool(of->rounds_tf32)};
  return tm_lv_descriptor(l, tm_get(l->ir, i)->results, type,
                          tm_lv_tuple(l, parts, 3));
}

static bool wants_descriptor(tm_low *l, tm_lv v) {
  if (tm_lv_is_run(v) && v->type->kind == TM_LT_DESCRIPTOR) return true;
  tm_low_error(l, "make one with tl.make_tensor_descriptor",
               "expected a tensor descriptor, got %s", tm_lv_describe(l, v));
  return false;
}

static bool descriptor_offsets(tm_low *l, tm_lv desc, tm_lv offsets_arg,
                               tm_lv *offsets) {
  uint32_t n;
  if (!wants_descriptor(l, desc)) return false;
  uint32_t rank = desc->type->element->rank;
  if (!int_list(l, offsets_arg, TM_DT_I32, false, "offsets", &n, offsets))
    return false;
  if (n == rank) return true;
  tm_low_error(l, NULL, "the descriptor needs %u offsets, got %u", rank, n);
  return false;
}

/* What was read, as a descriptor that rounds to tf32 gives it. */
static tm_lv as_read(tm_low *l, tm_lv desc, tm_lv v) {
  tm_lv rounds = desc->self ? desc->self->items[2] : tm_lv_bool(false);
  if (rounds->kind == TM_LV_BOOL && !rounds->b) return v;
  tm_lv args[2] = {v, rounds};
  return tm_low_call_prelude(l, "as_tf32", 2, args);
}

tm_lv tm_fn_descriptor_load(tm_low *l, const tm_builtin_call *c) {
  tm_lv desc = c->args[0], offsets[TM_MAX_RANK];
  if (!descriptor_offsets(l, desc, c->args[1], offsets)) return TM_POISONED;
  tm_ltype block = desc->type->element;
  tm_value operands[1 + TM_MAX_RANK] = {desc->value};
  for (uint32_t d = 0; d < block->rank; d++)
    operands[1 + d] = offsets[d]->value;
  tm_inst i = tm_build(&l->b, TM_DESC_LOAD, 1 + block->rank, operands, 1,
                       &block->ir, 0, NULL, 0, NULL);
  return as_read(l, desc, tm_lv_run(l, tm_get(l->ir, i)->results, block));
}

/* The type and the offsets of a store or an atomic operation; the value, in
 * the descriptor's element type. NULL when reported. */
static tm_ltype store_operands(tm_low *l, tm_lv desc, tm_lv offsets_arg,
                               tm_lv *value, tm_lv *offsets) {
  *value = tm_want_tensor(l, *value, "the value to store");
  if (!*value || !descriptor_offsets(l, desc, offsets_arg, offsets))
    return NULL;
  tm_ltype block = desc->type->element;
  if (!tm_lt_same_shape((*value)->type, block)) {
    tm_low_error(l, NULL, "cannot store %s through a descriptor of %s",
                 tm_lt_text(l, (*value)->type), tm_lt_text(l, block));
    return NULL;
  }
  *value = tm_sem_cast(l, *value, block->element);
  return tm_lv_is_poison(*value) ? NULL : block;
}

static void store_through(tm_low *l, tm_op op, tm_lv desc, tm_lv value,
                          const tm_lv *offsets, uint32_t n_attrs,
                          const tm_attr *attrs) {
  tm_value operands[2 + TM_MAX_RANK] = {desc->value, value->value};
  uint32_t rank = desc->type->element->rank;
  for (uint32_t d = 0; d < rank; d++) operands[2 + d] = offsets[d]->value;
  tm_build(&l->b, op, 2 + rank, operands, 0, NULL, 0, NULL, n_attrs, attrs);
}

tm_lv tm_fn_descriptor_store(tm_low *l, const tm_builtin_call *c) {
  tm_lv desc = c->args[0], offsets[TM_MAX_RANK], value = c->args[2];
  if (!store_operands(l, desc, c->args[1], &value, offsets))
    return TM_POISONED;
  store_through(l, TM_DESC_STORE, desc, value, offsets, 0, NULL);
  return TM_NONE_LV;
}

/* aux: a tm_desc_kind. Triton's lists of element types, but for 64-bit
 * integers, which Metal's atomics lack: emission says so. */
tm_lv tm_fn_descriptor_reduce(tm_low *l, const tm_builtin_call *c) {
  tm_lv desc = c->args[0], offsets[TM_MAX_RANK], value = c->args[2];
  tm_desc_kind kind = (tm_desc_kind)c->row->aux;
  tm_ltype block = store_operands(l, desc, c->args[1], &value, offsets);
  if (!block) return TM_POISONED;
  bool is_float = tm_lt_is_float(block), extreme = kind == TM_DESC_MIN ||
                                                   kind == TM_DESC_MAX;
  bool fits = is_float ? kind == TM_DESC_ADD && tm_lt_bits(block) <= 32 &&
                             !tm_lt_is_fp8(block)
                       : tm_lt_bits(block) >= 32;
  if (!fits)
    return tm_low_error(l, "use tl.atomic_* with a tensor of pointers",
                        "%s through a descriptor does not take %s",
                        c->row->name, tm_lt_text(l, block));
  if (extreme && !tm_lt_is_signed(block))
    return tm_low_unsupported(l, "use tl.atomic_max with a tensor of pointers",
                              "%s of unsigned elements through a descriptor "
                              "is not supported",
                              c->row->name);
  tm_attr attr = tm_attr_int(TM_ATTR_KIND, kind);
  store_through(l, TM_DESC_REDUCE, desc, value, offsets, 1, &attr);
  return TM_NONE_LV;
}

/* The rows and the first column of a gather or a scatter. */
static bool row_offsets(tm_low *l, const tm_builtin_call *c, tm_lv rows_arg,
                        tm_lv column_arg, tm_lv *rows, tm_lv *column) {
  tm_lv desc = c->args[0];
  uint32_t n;
  if (!wants_descriptor(l, desc)) return false;
  tm_ltype block = desc->type->element;
  if (block->rank != 2 || block->shape[0] != 1) {
    tm_low_error(l, "make it with block_shape=[1, columns]",
                 "%s needs a descriptor of single rows, got %s", c->row->name,
                 tm_lt_text(l, block));
    return false;
  }
  *rows = tm_want_tensor(l, rows_arg, "the row offsets");
  if (!*rows) return false;
  uint32_t bits = tm_lt_bits((*rows)->type);
  if (!tm_lt_is_block((*rows)->type) || (*rows)->type->rank != 1 ||
      !tm_lt_is_int((*rows)->type) || !tm_lt_is_signed((*rows)->type) ||
      (bits != 16 && bits != 32)) {
    tm_low_error(l, "one dimension of tl.int32",
                 "%s takes its rows as int16 or int32 of one dimension, got "
                 "%s",
                 c->row->name, tm_lt_text(l, (*rows)->type));
    return false;
  }
  return int_list(l, column_arg, TM_DT_I32, false, "the column offset", &n, column) &&
         n == 1;
}

tm_lv tm_fn_descriptor_gather(tm_low *l, const tm_builtin_call *c) {
  tm_lv desc = c->args[0], rows, column[TM_MAX_RANK];
  if (!row_offsets(l, c, c->args[1], c->args[2], &rows, column))
    return TM_POISONED;
  tm_ltype block = desc->type->element;
  int64_t shape[2] = {rows->type->shape[0], block->shape[1]};
  tm_ltype type = tm_lt_block(l, block->element, 2, shape);
  tm_value operands[3] = {desc->value, rows->value, column[0]->value};
  tm_inst i = tm_build(&l->b, TM_DESC_GATHER, 3, operands, 1, &type->ir, 0,
                       NULL, 0, NULL);
  return as_read(l, desc, tm_lv_run(l, tm_get(l->ir, i)->results, type));
}

tm_lv tm_fn_descriptor_scatter(tm_low *l, const tm_builtin_call *c) {
  tm_lv desc = c->args[0], rows, column[TM_MAX_RANK];
  tm_lv value = tm_want_tensor(l, c->args[1], "the value to store");
  if (!value || !row_offsets(l, c, c->args[2], c->args[3], &rows, column))
    return TM_POISONED;
  tm_ltype block = desc->type->element;
  int64_t shape[2] = {rows->type->shape[0], block->shape[1]};
  tm_ltype type = tm_lt_block(l, block->element, 2, shape);
  if (!tm_lt_same_shape(value->type, type))
    return tm_low_error(l, NULL, "cannot scatter %s by %lld rows of %s",
                        tm_lt_text(l, value->type), (long long)shape[0],
                        tm_lt_text(l, block));
  value = tm_sem_cast(l, value, block->element);
  if (tm_lv_is_poison(value)) return value;
  tm_value operands[4] = {desc->value, rows->value, column[0]->value,
                          value->value};
  tm_build(&l->b, TM_DESC_SCATTER, 4, operands, 0, NULL, 0, NULL, 0, NULL);
  return TM_NONE_LV;
}
