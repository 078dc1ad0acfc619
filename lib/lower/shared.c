/* SPDX-License-Identifier: MIT */
/*
 * shared.c - tl.shared_memory: arrays of threadgroup memory whose elements
 * are read and written by index. An extension; upstream has no such thing.
 *
 *     s = tl.shared_memory([64, 33], tl.float32)
 *     s[i, j] = x             ttm.shared_alloc, tt.addptr, tt.store
 *     y = s[j, i]             tt.load
 *
 * The elements lie row by row, of any extents. Each index is a scalar or a
 * tensor of integers; they broadcast as tensors do, and the place of an
 * element is their sum by strides: the rest is loads, stores and atomics
 * through pointers, which keep the order of the program.
 *
 * An index out of range names no element: it is masked. A load gives `other`
 * there, or 0, a store and an atomic operation do nothing; a kernel compiled
 * with debug asserts that there are none. The optimizer removes the masks of
 * indices that it can see to be in range.
 *
 * An array belongs to the call that made it, as the text has it after
 * inlining: it is allocated at the top of the kernel, so that a loop that
 * comes round finds in it what it left there.
 */
#include "value.h"

TM_BUILTIN_FN(load);
TM_BUILTIN_FN(store);
TM_BUILTIN_FN(atomic);
TM_BUILTIN_FN(atomic_cas);

enum { MOST_ELEMENTS = 1 << 20 }; /* more than any chip's threadgroup memory */

tm_lv tm_fn_shared_memory(tm_low *l, const tm_builtin_call *c) {
  tm_lv shape = c->args[0];
  const tm_lv *items = shape->kind == TM_LV_TUPLE ? shape->items : &shape;
  uint32_t rank = shape->kind == TM_LV_TUPLE ? shape->n_items : 1;
  int64_t count = 1, extent;
  tm_ltype element = tm_want_type(l, c->args[1], "dtype");
  if (!element) return TM_POISONED;
  if (element->kind != TM_LT_SCALAR || tm_lt_dtype(element) == TM_DT_VOID)
    return tm_low_error(l, "use a type such as tl.float32",
                        "shared memory has elements of a scalar type, not %s",
                        tm_lt_text(l, element));
  if (rank < 1 || rank > TM_MAX_RANK)
    return tm_low_error(l, NULL, "shared memory has 1 to %d dimensions",
                        TM_MAX_RANK);
  for (uint32_t d = 0; d < rank; d++) {
    if (!tm_want_int(l, items[d], "an extent of shared memory", 1,
                     MOST_ELEMENTS, &extent))
      return TM_POISONED;
    if ((count *= extent) > MOST_ELEMENTS)
      return tm_low_error(l, "a chip has 32 KB of it",
                          "shared memory of more than %d elements",
                          MOST_ELEMENTS);
  }
  tm_ltype type =
      tm_lt_shared_pointer(l, tm_low_memory_type(l, element));
  tm_block top = l->ir->funcs.data[0].body;
  tm_builder b = tm_blk(l->ir, top)->first
                     ? tm_build_before(l->ir, tm_blk(l->ir, top)->first)
                     : tm_build_at_end(l->ir, top);
  b.loc = l->b.loc;
  tm_attr attr = tm_attr_int(TM_ATTR_COUNT, count);
  tm_inst i = tm_build(&b, TM_SHARED_ALLOC, 0, NULL, 1, &type->ir, 0, NULL, 1,
                       &attr);
  tm_lvalue *v = TM_NEW(l->arena, tm_lvalue);
  v->kind = TM_LV_SHARED;
  v->items = tm_lv_tuple(l, items, rank)->items;
  v->n_items = rank;
  v->type = element;
  v->self = tm_lv_run(l, tm_get(l->ir, i)->results, type);
  return v;
}

tm_lv tm_shared_attribute(tm_low *l, tm_lv s, const char *name) {
  if (strcmp(name, "dtype") == 0) return tm_lv_type(l, s->type);
  if (strcmp(name, "shape") == 0) return tm_lv_tuple(l, s->items, s->n_items);
  const tm_builtin *row = tm_builtin_find(TM_IN_SHARED, name);
  if (row) return tm_builtin_bound(l, row, s);
  tm_nearest near = {name, NULL, 0};
  tm_builtin_nearest(TM_IN_SHARED, &near);
  return tm_low_error(
      l, near.best ? tm_low_format(l, "did you mean .%s?", near.best) : NULL,
      "shared memory has no attribute '%s'", name);
}

/* ---- indices ------------------------------------------------------------ */

/* Some elements: their pointers, and an i1 for each that is false where an
 * index is out of range; NULL: none can be. */
typedef struct place {
  tm_lv offset, pointer, inside;
} place;

static bool is_whole(tm_lv v) {
  if (v->kind != TM_LV_SLICE) return false;
  for (int i = 0; i < 3; i++)
    if (v->items[i]->kind != TM_LV_NONE) return false;
  return true;
}

/* `:` as indices, along dimension `at` of `rank`. */
static tm_lv whole(tm_low *l, int64_t extent, uint32_t at, uint32_t rank) {
  tm_ltype i32 = tm_lt_scalar(l, TM_DT_I32);
  if (extent & (extent - 1))
    return tm_low_error(l, "index it with tl.arange of the next power of 2; "
                           "what is out of range is masked",
                        "[:] along an extent of %lld, which is not a power "
                        "of 2",
                        (long long)extent);
  tm_ltype type = tm_lt_block(l, i32, 1, &extent);
  tm_attr attrs[2] = {tm_attr_int(TM_ATTR_START, 0),
                      tm_attr_int(TM_ATTR_END, extent)};
  tm_inst i = tm_build(&l->b, TM_MAKE_RANGE, 0, NULL, 1, &type->ir, 0, NULL,
                       2, attrs);
  tm_lv v = tm_lv_run(l, tm_get(l->ir, i)->results, type);
  for (uint32_t d = 0; d < rank; d++)
    if (d != at) v = tm_sem_expand_dims(l, v, d);
  return v;
}

/* An index that is known must be in range. */
static bool known_index(tm_low *l, tm_lv v, uint32_t dim, int64_t extent) {
  tm_wide i = v->kind == TM_LV_BOOL ? (tm_wide)v->b : v->i;
  if (i >= 0 && i < extent) return true;
  tm_low_error(l, i < 0 ? "indices count from 0; negative ones do not count "
                          "from the end" : NULL,
               "index %s is out of range for dimension %u of shared memory, "
               "which has %lld",
               tm_lv_describe(l, v), dim, (long long)extent);
  return false;
}

/* out becomes the i1s 0 <= v < extent. Seen as unsigned, a negative number is
 * larger than any extent. */
static tm_lv in_range(tm_low *l, tm_lv v, int64_t extent) {
  tm_value most = tm_build_int(&l->b, v->type->ir, extent);
  tm_value r = tm_build_cmpi(&l->b, TM_CMPI_ULT, v->value, most);
  return tm_lv_run(l, r, tm_lt_like(l, v->type, tm_lt_scalar(l, TM_DT_I1)));
}

/* One index as 32-bit integers; *inside is extended by its condition. */
static tm_lv one_index(tm_low *l, tm_lv v, uint32_t dim, int64_t extent,
                       tm_lv *inside) {
  tm_ltype i32 = tm_lt_scalar(l, TM_DT_I32);
  if (v->kind == TM_LV_INT || v->kind == TM_LV_BOOL)
    return known_index(l, v, dim, extent) ? tm_sem_constant(l, v, i32)
                                          : TM_POISONED;
  if (!tm_lv_is_run(v) || !tm_lt_is_int(v->type) || tm_lt_is_bool(v->type))
    return tm_low_error(l, v->kind == TM_LV_SLICE
                               ? "write [:], or tl.arange for a part"
                               : NULL,
                        "an index of shared memory is an integer or a tensor "
                        "of them, got %s",
                        tm_lv_describe(l, v));
  if (tm_lt_bits(v->type) < 32) v = tm_sem_cast(l, v, i32);
  tm_lv condition = in_range(l, v, extent);
  *inside = *inside ? tm_sem_logical(l, true, *inside, condition) : condition;
  if (tm_lt_bits(v->type) == 32) /* signless from here on */
    return tm_lv_run(l, v->value, tm_lt_like(l, v->type, i32));
  return tm_sem_cast(l, v, i32);
}

/* `:` beside tensors would leave open which dimension it makes. */
static bool count_slices(tm_low *l, const tm_lv *items, uint32_t n,
                         uint32_t *slices) {
  bool tensors = false;
  *slices = 0;
  for (uint32_t d = 0; d < n; d++) {
    *slices += is_whole(items[d]);
    tensors = tensors || (tm_lv_is_run(items[d]) &&
                          tm_lt_is_block(items[d]->type));
  }
  if (!*slices || !tensors) return true;
  tm_low_error(l, "write the indices of every dimension: tl.arange(0, n)[None, "
                  ":]",
               "[:] beside a tensor of indices of shared memory");
  return false;
}

static bool offsets(tm_low *l, tm_lv s, tm_lv index, place *out) {
  const tm_lv *items = index->kind == TM_LV_TUPLE ? index->items : &index;
  uint32_t n = index->kind == TM_LV_TUPLE ? index->n_items : 1, slices;
  uint32_t at = 0;
  tm_lv sum = NULL;
  if (n != s->n_items) {
    tm_low_error(l, NULL, "shared memory of %u dimensions is indexed with %u",
                 s->n_items, n);
    return false;
  }
  if (!count_slices(l, items, n, &slices)) return false;
  for (uint32_t d = 0; d < n; d++) {
    int64_t extent = (int64_t)s->items[d]->i;
    tm_lv v = is_whole(items[d])
                  ? whole(l, extent, at++, slices)
                  : one_index(l, items[d], d, extent, &out->inside);
    if (tm_lv_is_poison(v)) return false;
    if (sum) sum = tm_sem_binary(l, TM_PY_MUL, sum, tm_lv_int(l, extent));
    sum = sum ? tm_sem_binary(l, TM_PY_ADD, sum, v) : v;
    if (tm_lv_is_poison(sum)) return false;
  }
  out->offset = sum;
  if (out->inside && tm_lt_is_block(sum->type))
    out->inside = tm_sem_broadcast_to(l, out->inside, sum->type->rank,
                                      sum->type->shape);
  return !out->inside || !tm_lv_is_poison(out->inside);
}

/* *mask is extended by what is out of range. */
static bool find_place(tm_low *l, tm_lv s, tm_lv index, tm_lv *mask,
                       place *out) {
  *out = (place){NULL, NULL, NULL};
  if (*mask && (*mask)->kind != TM_LV_NONE) {
    *mask = tm_want_tensor(l, *mask, "mask");
    if (!*mask) return false;
    if (!tm_lt_is_bool((*mask)->type)) {
      tm_low_error(l, "compare: index < n", "a mask is boolean, got %s",
                   tm_lt_text(l, (*mask)->type));
      return false;
    }
  }
  if (!offsets(l, s, index, out)) return false;
  if (out->inside && !tm_low_assert(l, out->inside, *mask,
                                    "index out of range of shared memory"))
    return false;
  out->pointer = tm_sem_binary(l, TM_PY_ADD, s->self, out->offset);
  if (tm_lv_is_poison(out->pointer)) return false;
  if (out->inside)
    *mask = (*mask)->kind == TM_LV_NONE
                ? out->inside
                : tm_sem_logical(l, true, *mask, out->inside);
  return !tm_lv_is_poison(*mask);
}

/* ---- loads and stores --------------------------------------------------- */

static tm_lv get(tm_low *l, tm_lv s, tm_lv index, tm_lv mask, tm_lv other) {
  place p;
  if (other->kind != TM_LV_NONE) {
    other = tm_want_tensor(l, other, "other");
    if (!other) return TM_POISONED;
    other = tm_sem_cast(l, other, tm_low_memory_type(l, s->type));
  }
  if (!find_place(l, s, index, &mask, &p)) return TM_POISONED;
  if (mask->kind == TM_LV_NONE) other = mask; /* nowhere */
  tm_builtin_call call = {.args = {p.pointer, mask, other, TM_NONE_LV,
                                   TM_NONE_LV, TM_NONE_LV, TM_NONE_LV,
                                   tm_lv_bool(false), TM_NONE_LV}};
  tm_lv r = tm_fn_load(l, &call);
  return tm_lv_is_poison(r) ? r : tm_sem_cast(l, r, s->type);
}

/* Values take the shape of the indices, which must not grow. */
static bool fits(tm_low *l, const place *p, tm_lv *value) {
  tm_lv v = tm_want_tensor(l, *value, "the value"), at = p->offset;
  if (!v || tm_lv_is_poison(v)) return false;
  bool scalar = !tm_lt_is_block(at->type) && tm_lt_is_block(v->type);
  if (!scalar && !tm_sem_broadcast(l, &at, &v)) return false;
  *value = v;
  if (!scalar && tm_lt_same_shape(at->type, p->offset->type)) return true;
  tm_low_error(l, "give as many indices as there are values",
               "cannot store %s in shared memory at indices %s",
               tm_lt_text(l, v->type), tm_lt_text(l, p->offset->type));
  return false;
}

static void set(tm_low *l, tm_lv s, tm_lv index, tm_lv value, tm_lv mask) {
  place p;
  if (!find_place(l, s, index, &mask, &p) || !fits(l, &p, &value)) return;
  value = tm_sem_cast(l, value, s->type);
  tm_builtin_call call = {.args = {p.pointer, value, mask, TM_NONE_LV,
                                   TM_NONE_LV, TM_NONE_LV, TM_NONE_LV}};
  if (!tm_lv_is_poison(value)) tm_fn_store(l, &call);
}

tm_lv tm_shared_get(tm_low *l, tm_lv s, tm_lv index) {
  return get(l, s, index, TM_NONE_LV, TM_NONE_LV);
}

void tm_shared_set(tm_low *l, tm_lv s, tm_lv index, tm_lv value) {
  if (!tm_lv_is_poison(index) && !tm_lv_is_poison(value))
    set(l, s, index, value, TM_NONE_LV);
}

tm_lv tm_fn_shared_load(tm_low *l, const tm_builtin_call *c) {
  return get(l, c->args[0], c->args[1], c->args[2], c->args[3]);
}

tm_lv tm_fn_shared_store(tm_low *l, const tm_builtin_call *c) {
  set(l, c->args[0], c->args[1], c->args[2], c->args[3]);
  return TM_NONE_LV;
}

/* ---- atomics ------------------------------------------------------------ */

/* Order among programs has no meaning in the memory of one. */
tm_lv tm_fn_shared_atomic(tm_low *l, const tm_builtin_call *c) {
  tm_lv mask = c->args[3], value = c->args[2];
  place p;
  if (!find_place(l, c->args[0], c->args[1], &mask, &p) ||
      !fits(l, &p, &value))
    return TM_POISONED;
  tm_builtin_call call = {.row = c->row, .args = {p.pointer, value, mask,
                                                  c->args[4], c->args[5]}};
  return tm_fn_atomic(l, &call);
}

/* An operation without a mask: out of range it compares the first element
 * and stores what it found, which changes nothing, and gives 0. */
tm_lv tm_fn_shared_cas(tm_low *l, const tm_builtin_call *c) {
  tm_lv s = c->args[0], compare = c->args[2], value = c->args[3];
  tm_lv mask = TM_NONE_LV;
  place p;
  if (!find_place(l, s, c->args[1], &mask, &p) || !fits(l, &p, &compare) ||
      !fits(l, &p, &value))
    return TM_POISONED;
  compare = tm_sem_cast(l, compare, s->type);
  value = tm_sem_cast(l, value, s->type);
  if (p.inside) {
    tm_lv zero = tm_sem_constant(l, tm_lv_int(l, 0),
                                 tm_lt_scalar(l, TM_DT_I32));
    p.pointer = tm_sem_binary(l, TM_PY_ADD, s->self,
                              tm_sem_where(l, p.inside, p.offset, zero));
    value = tm_sem_where(l, p.inside, value, compare);
  }
  tm_builtin_call call = {.row = c->row, .args = {p.pointer, compare, value,
                                                  c->args[4], c->args[5]}};
  tm_lv r = tm_fn_atomic_cas(l, &call);
  if (!p.inside || tm_lv_is_poison(r)) return r;
  return tm_sem_where(l, p.inside, r, tm_sem_zero(l, r->type));
}
