/* SPDX-License-Identifier: MIT */
/*
 * memory.c - loads and stores through pointers and block pointers; making
 * those and tensor descriptors is block_memory.c's.
 *
 * A boolean in memory is a byte: pointers to int1 load and store int8 and
 * convert. A pointer in memory is its 64-bit address: pointers to pointers
 * load and store int64 and convert. Block pointers are gone from the newest
 * Triton; they follow the 3.x releases that had them. Cache modifiers and
 * eviction policies are checked and kept as attributes, which later stages
 * may ignore.
 */
#include "value.h"

bool tm_lv_is_block_pointer(tm_lv v) {
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

/* layout="COALESCED" | "BLOCK", a hint of our own: the compiler already gives
 * loads and stores the widest contiguous accesses that it can prove, so that
 * either is what happens anyway. */
static bool layout_hint(tm_low *l, tm_lv v) {
  const char *text;
  if (!tm_want_text(l, v, "layout", &text)) return false;
  if (!text || !*text || strcmp(text, "COALESCED") == 0 ||
      strcmp(text, "BLOCK") == 0)
    return true;
  tm_low_error(l, "use 'COALESCED' or 'BLOCK'", "unknown layout '%s'", text);
  return false;
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

bool tm_want_padding(tm_low *l, tm_lv v, tm_ltype block, tm_attr *out,
                     uint32_t *n) {
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
  out[(*n)++] = tm_attr_int(TM_ATTR_PADDING, nan ? 2 : 1);
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
      !tm_want_padding(l, c->args[4], block, h->attrs, &h->n))
    return TM_POISONED;
  tm_inst i = tm_build(&l->b, TM_LOAD, 1, &c->args[0]->value, 1, &block->ir,
                       0, NULL, h->n, h->attrs);
  return tm_lv_run(l, tm_get(l->ir, i)->results, block);
}

tm_ltype tm_low_memory_type(tm_low *l, tm_ltype element) {
  if (tm_lt_is_pointer(element)) return tm_lt_scalar(l, TM_DT_I64);
  return tm_lt_is_bool(element) ? tm_lt_scalar(l, TM_DT_I8) : element;
}

tm_lv tm_low_memory_pointer(tm_low *l, tm_lv pointer) {
  tm_ltype element = tm_lt_element(pointer->type)->element;
  tm_ltype in_memory = tm_low_memory_type(l, element);
  if (in_memory == element) return pointer;
  return tm_sem_cast(l, pointer,
                     tm_lt_pointer_like(l, pointer->type, in_memory));
}

static tm_lv check_pointer(tm_low *l, tm_lv v, const char *what) {
  if (tm_lv_is_run(v) && tm_lt_is_pointer(v->type)) return v;
  if (v->kind == TM_LV_OPAQUE) return tm_low_opaque_use(l, v);
  const char *hint =
      tm_lv_is_run(v) && v->type->kind == TM_LT_DESCRIPTOR
          ? "call its method: descriptor.load(offsets)"
      : v->kind == TM_LV_SHARED
          ? "name the elements: s[index], s.load(index, mask=m)"
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
      !layout_hint(l, c->args[8]) ||
      !tm_want_bool(l, c->args[7], "volatile", &is_volatile))
    return TM_POISONED;
  if (is_volatile) h.attrs[h.n++] = tm_attr_int(TM_ATTR_VOLATILE, 1);
  if (tm_lv_is_block_pointer(pointer)) return load_block(l, c, &h);
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
  tm_ltype wanted = element;
  pointer = tm_low_memory_pointer(l, pointer);
  element = tm_low_memory_type(l, element);
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
  return wanted == element ? r : tm_sem_cast(l, r, wanted);
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
    return tm_low_error(l, "the value has the shape of the block: reshape or "
                           "broadcast it",
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
      !cache_hints(l, c->args[4], c->args[5], false, &h) ||
      !layout_hint(l, c->args[6]))
    return TM_POISONED;
  if (tm_lv_is_block_pointer(pointer)) return store_block(l, c, value, &h);
  if (!is_unset(c->args[3]))
    return tm_low_error(l, "use mask", "boundary_check is for block pointers");
  tm_lv mask = c->args[2]->kind == TM_LV_NONE ? NULL : c->args[2];
  if (!store_shapes(l, &pointer, &value, &mask)) return TM_POISONED;
  tm_ltype element = tm_lt_element(pointer->type)->element;
  value = tm_sem_cast(l, value, element);
  pointer = tm_low_memory_pointer(l, pointer);
  if (!tm_lv_is_poison(value))
    value = tm_sem_cast(l, value, tm_low_memory_type(l, element));
  if (tm_lv_is_poison(value)) return value;
  tm_value operands[3] = {pointer->value, value->value,
                          mask ? mask->value : 0};
  tm_build(&l->b, TM_STORE, mask ? 3 : 2, operands, 0, NULL, 0, NULL, h.n,
           h.attrs);
  return TM_NONE_LV;
}
