/* SPDX-License-Identifier: MIT */
/*
 * memory.c - loads and stores: through pointers, block pointers and tensor
 * descriptors.
 *
 * A boolean in memory is a byte: pointers to int1 load and store int8 and
 * convert. Block pointers are gone from the newest Triton; they follow the
 * 3.x releases that had them. Cache modifiers and eviction policies are
 * checked and kept as attributes, which later stages may ignore.
 */
#include "value.h"

static bool is_block_pointer(tm_lv v) {
  return tm_lv_is_run(v) && v->type->kind == TM_LT_POINTER &&
         v->type->element->kind == TM_LT_BLOCK;
}

/* ---- cache hints -------------------------------------------------------- */

typedef struct hints {
  tm_attr attrs[6];
  uint32_t n;
} hints;

/* MLIR's numbers, which start at 1 with "none" and "evict_normal". */
static bool cache_hints(tm_low *l, tm_lv cache, tm_lv evict, bool is_load,
                        hints *h) {
  static const char *const caches[] = {".ca", ".cg", ".wb", ".cs", ".wt",
                                       ".cv"};
  const char *text;
  if (!tm_want_text(l, cache, "cache_modifier", &text)) return false;
  if (text && *text) {
    const char *name = *text == '.' ? text : tm_low_format(l, ".%s", text);
    int64_t number = 0;
    for (size_t i = 0; i < TM_COUNT(caches); i++)
      if (strcmp(caches[i], name) == 0) number = (int64_t)i + 2;
    bool stores = number >= 3 && number <= 6, loads = number != 4 &&
                                                      number != 6;
    if (!number || (is_load ? !loads : !stores)) {
      tm_low_error(l, is_load ? "use '.ca', '.cg', '.cs' or '.cv'"
                              : "use '.wb', '.cg', '.cs' or '.wt'",
                   "unknown cache modifier '%s'", text);
      return false;
    }
    h->attrs[h->n++] = tm_attr_int(TM_ATTR_CACHE, number);
  }
  if (!tm_want_text(l, evict, "eviction_policy", &text)) return false;
  if (!text || !*text || strcmp(text, "evict_normal") == 0) return true;
  bool first = strcmp(text, "evict_first") == 0;
  if (!first && strcmp(text, "evict_last") != 0) {
    tm_low_error(l, "use 'evict_first' or 'evict_last'",
                 "unknown eviction policy '%s'", text);
    return false;
  }
  h->attrs[h->n++] = tm_attr_int(TM_ATTR_EVICT, first ? 2 : 3);
  return true;
}

/* ---- block pointers' options -------------------------------------------- */

static bool boundary(tm_low *l, tm_lv v, tm_ltype block, hints *h,
                     int64_t *dims) {
  const tm_lv *items = &v;
  uint32_t n = 1;
  if (v->kind == TM_LV_NONE) return true;
  if (v->kind == TM_LV_TUPLE) {
    items = v->items;
    n = v->n_items;
  }
  if (n > block->rank) {
    tm_low_error(l, NULL, "boundary_check names %u dimensions of %u", n,
                 block->rank);
    return false;
  }
  for (uint32_t i = 0; i < n; i++)
    if (!tm_want_int(l, items[i], "boundary_check", 0, block->rank - 1,
                    &dims[i]))
      return false;
  if (n)
    h->attrs[h->n++] = (tm_attr){.key = TM_ATTR_BOUNDARY_CHECK,
                                 .kind = TM_ATTR_INTS, .ints = dims,
                                 .n_ints = n};
  return true;
}

static bool padding(tm_low *l, tm_lv v, tm_ltype block, hints *h) {
  const char *text;
  if (!tm_want_text(l, v, "padding_option", &text)) return false;
  if (!text || !*text) return true;
  bool nan = strcmp(text, "nan") == 0;
  if (!nan && strcmp(text, "zero") != 0) {
    tm_low_error(l, "use 'zero' or 'nan'", "unknown padding option '%s'",
                 text);
    return false;
  }
  if (nan && tm_lt_is_int(block)) {
    tm_low_error(l, "use 'zero'", "integers cannot be padded with nan");
    return false;
  }
  h->attrs[h->n++] = tm_attr_int(TM_ATTR_PADDING, nan ? 2 : 1);
  return true;
}

static bool is_unset(tm_lv v) {
  bool truth;
  return tm_lv_truth(v, &truth) && !truth;
}

/* ---- load --------------------------------------------------------------- */

static tm_lv load_block(tm_low *l, const tm_builtin_call *c, hints *h) {
  tm_ltype block = c->args[0]->type->element;
  int64_t dims[TM_MAX_RANK];
  if (c->args[1]->kind != TM_LV_NONE || c->args[2]->kind != TM_LV_NONE)
    return tm_low_error(l, "use boundary_check and padding_option",
                        "a load through a block pointer takes no mask");
  if (!boundary(l, c->args[3], block, h, dims) ||
      !padding(l, c->args[4], block, h))
    return TM_POISONED;
  tm_inst i = tm_build(&l->b, TM_LOAD, 1, &c->args[0]->value, 1, &block->ir,
                       0, NULL, h->n, h->attrs);
  return tm_lv_run(l, tm_get(l->ir, i)->results, block);
}

/* A pointer to int1 as one to int8. */
static tm_lv byte_pointer(tm_low *l, tm_lv pointer) {
  tm_ltype byte = tm_lt_scalar(l, TM_DT_I8);
  return tm_sem_cast(l, pointer, tm_lt_pointer(l, byte));
}

static tm_lv check_pointer(tm_low *l, tm_lv v, const char *what) {
  if (tm_lv_is_run(v) && tm_lt_is_pointer(v->type)) return v;
  if (v->kind == TM_LV_OPAQUE) return tm_low_opaque_use(l, v);
  const char *hint =
      tm_lv_is_run(v) && v->type->kind == TM_LT_DESCRIPTOR
          ? "call its method: descriptor.load(offsets)"
          : "pass the pointer: a parameter that was given a tensor, plus "
            "offsets";
  return tm_low_error(l, hint, "%s needs a pointer, got %s", what,
                      tm_lv_describe(l, v));
}

/* mask or other: converted, and its shape made the pointer's. */
static bool same_shape(tm_low *l, tm_lv *pointer, tm_lv *v, const char *what) {
  *v = tm_want_tensor(l, *v, what);
  if (!*v || tm_lv_is_poison(*v)) return false;
  if (!tm_lt_is_block((*pointer)->type)) {
    if (!tm_lt_is_block((*v)->type)) return true;
    tm_low_error(l, "add a tensor of offsets to the pointer",
                 "%s is a tensor %s and the pointer is a scalar", what,
                 tm_lt_text(l, (*v)->type));
    return false;
  }
  return tm_sem_broadcast(l, pointer, v);
}

static bool check_mask(tm_low *l, tm_lv mask) {
  if (tm_lt_is_bool(mask->type)) return true;
  tm_low_error(l, "compare: offsets < n", "a mask is boolean, got %s",
               tm_lt_text(l, mask->type));
  return false;
}

tm_lv tm_fn_load(tm_low *l, const tm_builtin_call *c) {
  tm_lv pointer = check_pointer(l, c->args[0], "load");
  hints h = {.n = 0};
  bool is_volatile;
  if (tm_lv_is_poison(pointer) ||
      !cache_hints(l, c->args[5], c->args[6], true, &h) ||
      !tm_want_bool(l, c->args[7], "volatile", &is_volatile))
    return TM_POISONED;
  if (is_volatile) h.attrs[h.n++] = tm_attr_int(TM_ATTR_VOLATILE, 1);
  if (is_block_pointer(pointer)) return load_block(l, c, &h);
  if (!is_unset(c->args[3]) || !is_unset(c->args[4]))
    return tm_low_error(l, "use mask and other",
                        "boundary_check and padding_option are for block "
                        "pointers");
  tm_lv mask = c->args[1], other = c->args[2];
  bool has_mask = mask->kind != TM_LV_NONE;
  bool has_other = other->kind != TM_LV_NONE;
  if (has_other && !has_mask)
    return tm_low_error(l, "give a mask too, or drop other",
                        "`other` without `mask` has no meaning");
  if ((has_mask && !same_shape(l, &pointer, &mask, "mask")) ||
      (has_mask && !check_mask(l, mask)) ||
      (has_other && !same_shape(l, &pointer, &other, "other")))
    return TM_POISONED;
  /* Broadcasting other may have grown the pointer past the mask. */
  if (has_mask && has_other && tm_lt_is_block(pointer->type) &&
      !tm_sem_broadcast(l, &pointer, &mask))
    return TM_POISONED;
  tm_ltype element = tm_lt_element(pointer->type)->element;
  bool is_bool = tm_lt_is_bool(element);
  if (is_bool) {
    pointer = byte_pointer(l, pointer);
    element = tm_lt_scalar(l, TM_DT_I8);
  }
  if (has_other) other = tm_sem_cast(l, other, element);
  if (tm_lv_is_poison(pointer) || tm_lv_is_poison(other)) return TM_POISONED;
  tm_value operands[3] = {pointer->value};
  uint32_t n = 1;
  if (has_mask) operands[n++] = mask->value;
  if (has_other) operands[n++] = other->value;
  tm_ltype type = tm_lt_like(l, pointer->type, element);
  tm_inst i = tm_build(&l->b, TM_LOAD, n, operands, 1, &type->ir, 0, NULL,
                       h.n, h.attrs);
  tm_lv r = tm_lv_run(l, tm_get(l->ir, i)->results, type);
  return is_bool ? tm_sem_cast(l, r, tm_lt_scalar(l, TM_DT_I1)) : r;
}

/* ---- store -------------------------------------------------------------- */

static tm_lv store_block(tm_low *l, const tm_builtin_call *c, tm_lv value,
                         hints *h) {
  tm_ltype block = c->args[0]->type->element;
  int64_t dims[TM_MAX_RANK];
  if (c->args[2]->kind != TM_LV_NONE)
    return tm_low_error(l, "use boundary_check",
                        "a store through a block pointer takes no mask");
  if (!boundary(l, c->args[3], block, h, dims)) return TM_POISONED;
  if (tm_lt_is_block(value->type) && !tm_lt_same_shape(value->type, block))
    return tm_low_error(l, NULL,
                        "cannot store %s through a block pointer to %s",
                        tm_lt_text(l, value->type), tm_lt_text(l, block));
  value = tm_sem_cast(l, value, block->element);
  value = tm_sem_broadcast_to(l, value, block->rank, block->shape);
  if (tm_lv_is_poison(value)) return value;
  tm_value operands[] = {c->args[0]->value, value->value};
  tm_build(&l->b, TM_STORE, 2, operands, 0, NULL, 0, NULL, h->n, h->attrs);
  return TM_NONE_LV;
}

/* The value and the mask take the pointer's shape, which must not grow. */
static bool store_shapes(tm_low *l, tm_lv *pointer, tm_lv *value,
                         tm_lv *mask) {
  tm_ltype before = (*pointer)->type;
  if (!same_shape(l, pointer, value, "the value")) return false;
  if (*mask && (!same_shape(l, pointer, mask, "mask") ||
                !check_mask(l, *mask)))
    return false;
  if ((*pointer)->type != before) {
    tm_low_error(l, "add offsets of that shape to the pointer",
                 "cannot store %s through pointers of shape %s",
                 tm_lt_text(l, (*value)->type), tm_lt_text(l, before));
    return false;
  }
  return !tm_lt_is_block(before) || tm_sem_broadcast(l, pointer, value);
}

tm_lv tm_fn_store(tm_low *l, const tm_builtin_call *c) {
  tm_lv pointer = check_pointer(l, c->args[0], "store");
  tm_lv value = tm_want_tensor(l, c->args[1], "the value to store");
  hints h = {.n = 0};
  if (tm_lv_is_poison(pointer) || !value ||
      !cache_hints(l, c->args[4], c->args[5], false, &h))
    return TM_POISONED;
  if (is_block_pointer(pointer)) return store_block(l, c, value, &h);
  if (!is_unset(c->args[3]))
    return tm_low_error(l, "use mask", "boundary_check is for block pointers");
  tm_lv mask = c->args[2]->kind == TM_LV_NONE ? NULL : c->args[2];
  if (!store_shapes(l, &pointer, &value, &mask)) return TM_POISONED;
  tm_ltype element = tm_lt_element(pointer->type)->element;
  value = tm_sem_cast(l, value, element);
  if (tm_lt_is_bool(element)) {
    pointer = byte_pointer(l, pointer);
    value = tm_sem_cast(l, value, tm_lt_scalar(l, TM_DT_I8));
  }
  if (tm_lv_is_poison(value)) return value;
  tm_value operands[3] = {pointer->value, value->value,
                          mask ? mask->value : 0};
  tm_build(&l->b, TM_STORE, mask ? 3 : 2, operands, 0, NULL, 0, NULL, h.n,
           h.attrs);
  return TM_NONE_LV;
}

/* ---- block pointers and descriptors ------------------------------------- */

/* A tuple of integers, compile-time or scalar, as values of one type. */
static bool int_list(tm_low *l, tm_lv v, tm_dtype dtype, const char *what,
                     uint32_t *n, tm_lv *out) {
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
    if (tm_lv_is_run(x) && tm_dtype_infos[dtype].bits < tm_lt_bits(x->type)) {
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
  if (tm_lt_is_bool((*base)->type->element)) *base = byte_pointer(l, *base);
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
      !int_list(l, c->args[1], TM_DT_I64, "shape", &n[0], lists[0]) ||
      !int_list(l, c->args[2], TM_DT_I64, "strides", &n[1], lists[1]) ||
      !int_list(l, c->args[3], TM_DT_I32, "offsets", &n[2], lists[2]) ||
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
  if (!is_block_pointer(base))
    return tm_low_error(l, "add offsets to other pointers with +",
                        "advance needs a block pointer, got %s",
                        tm_lv_describe(l, base));
  if (!int_list(l, c->args[1], TM_DT_I32, "offsets", &n, offsets))
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
  hints h = {.n = 0};
  if (!base_pointer(l, &base, "make_tensor_descriptor") ||
      !int_list(l, c->args[1], TM_DT_I32, "shape", &n[0], lists[0]) ||
      !int_list(l, c->args[2], TM_DT_I64, "strides", &n[1], lists[1]) ||
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
  if (!padding(l, c->args[4], type, &h)) return TM_POISONED;
  tm_value operands[1 + 2 * TM_MAX_RANK] = {base->value};
  for (uint32_t k = 0; k < 2; k++)
    for (uint32_t d = 0; d < rank; d++)
      operands[1 + k * rank + d] = lists[k][d]->value;
  type = tm_lt_descriptor(l, type);
  tm_inst i = tm_build(&l->b, TM_MAKE_TENSOR_DESC, 1 + 2 * rank, operands, 1,
                       &type->ir, 0, NULL, h.n, h.attrs);
  tm_lvalue *v = TM_NEW(l->arena, tm_lvalue);
  tm_lv parts[2] = {tm_lv_tuple(l, lists[0], rank),
                    tm_lv_tuple(l, lists[1], rank)};
  v->kind = TM_LV_RUN;
  v->value = tm_get(l->ir, i)->results;
  v->type = type;
  v->self = tm_lv_tuple(l, parts, 2);
  return v;
}

static bool descriptor_offsets(tm_low *l, tm_lv desc, tm_lv offsets_arg,
                               tm_lv *offsets) {
  uint32_t n;
  if (!tm_lv_is_run(desc) || desc->type->kind != TM_LT_DESCRIPTOR) {
    tm_low_error(l, "make one with tl.make_tensor_descriptor",
                 "expected a tensor descriptor, got %s",
                 tm_lv_describe(l, desc));
    return false;
  }
  uint32_t rank = desc->type->element->rank;
  if (!int_list(l, offsets_arg, TM_DT_I32, "offsets", &n, offsets))
    return false;
  if (n == rank) return true;
  tm_low_error(l, NULL, "the descriptor needs %u offsets, got %u", rank, n);
  return false;
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
  return tm_lv_run(l, tm_get(l->ir, i)->results, block);
}

tm_lv tm_fn_descriptor_store(tm_low *l, const tm_builtin_call *c) {
  tm_lv desc = c->args[0], offsets[TM_MAX_RANK];
  tm_lv value = tm_want_tensor(l, c->args[2], "the value to store");
  if (!value || !descriptor_offsets(l, desc, c->args[1], offsets))
    return TM_POISONED;
  tm_ltype block = desc->type->element;
  if (!tm_lt_same_shape(value->type, block))
    return tm_low_error(l, NULL, "cannot store %s through a descriptor of %s",
                        tm_lt_text(l, value->type), tm_lt_text(l, block));
  value = tm_sem_cast(l, value, block->element);
  if (tm_lv_is_poison(value)) return value;
  tm_value operands[2 + TM_MAX_RANK] = {desc->value, value->value};
  for (uint32_t d = 0; d < block->rank; d++)
    operands[2 + d] = offsets[d]->value;
  tm_build(&l->b, TM_DESC_STORE, 2 + block->rank, operands, 0, NULL, 0, NULL,
           0, NULL);
  return TM_NONE_LV;
}
