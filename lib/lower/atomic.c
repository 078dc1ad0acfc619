/* SPDX-License-Identifier: MIT */
/*
 * atomic.c - atomic read-modify-write, compare-and-swap, load and store.
 *
 * Minimum and maximum of floats go through their bit patterns, as in
 * Triton: IEEE floats of one sign order like integers, those with the sign
 * set in reverse, so each of the two cases takes its own integer atomic.
 */
#include "value.h"

typedef struct order {
  int64_t sem, scope; /* MLIR's numbers */
} order;

static bool read_order(tm_low *l, tm_lv sem, tm_lv scope, order *out) {
  static const char *const sems[] = {"relaxed", "acquire", "release",
                                     "acq_rel"};
  static const char *const scopes[] = {"gpu", "cta", "sys"};
  const char *text;
  *out = (order){4, 1}; /* acq_rel, gpu */
  if (!tm_want_text(l, sem, "sem", &text)) return false;
  if (text && *text) {
    out->sem = 0;
    for (size_t i = 0; i < TM_COUNT(sems); i++)
      if (strcmp(sems[i], text) == 0) out->sem = (int64_t)i + 1;
    if (!out->sem) {
      tm_low_error(l, "use 'relaxed', 'acquire', 'release' or 'acq_rel'",
                   "unknown memory semantics '%s'", text);
      return false;
    }
  }
  if (!tm_want_text(l, scope, "scope", &text)) return false;
  if (!text || !*text) return true;
  out->scope = 0;
  for (size_t i = 0; i < TM_COUNT(scopes); i++)
    if (strcmp(scopes[i], text) == 0) out->scope = (int64_t)i + 1;
  if (out->scope) return true;
  tm_low_error(l, "use 'gpu', 'cta' or 'sys'", "unknown scope '%s'", text);
  return false;
}

static bool check_pointer(tm_low *l, const tm_builtin_call *c) {
  tm_lv p = c->args[0];
  if (tm_lv_is_run(p) && tm_lt_is_pointer(p->type) &&
      tm_lt_element(p->type)->element->kind == TM_LT_SCALAR)
    return true;
  tm_low_error(l, NULL, "%s needs a pointer, got %s", c->row->name,
               tm_lv_describe(l, p));
  return false;
}

/* The shapes of value and mask become the pointer's, which must not grow. */
static bool shapes(tm_low *l, tm_lv *pointer, tm_lv *v, const char *what) {
  tm_ltype before = (*pointer)->type;
  *v = tm_want_tensor(l, *v, what);
  if (!*v) return false;
  if (!tm_lt_is_block(before) && tm_lt_is_block((*v)->type)) {
    tm_low_error(l, "add a tensor of offsets to the pointer",
                 "%s is a tensor %s and the pointer is a scalar", what,
                 tm_lt_text(l, (*v)->type));
    return false;
  }
  if (!tm_sem_broadcast(l, pointer, v)) return false;
  if ((*pointer)->type == before) return true;
  tm_low_error(l, "add offsets of that shape to the pointer",
               "%s is %s and the pointer is %s", what,
               tm_lt_text(l, (*v)->type), tm_lt_text(l, before));
  return false;
}

static tm_lv rmw(tm_low *l, tm_rmw op, tm_lv pointer, tm_lv value, tm_lv mask,
                 order o) {
  tm_value operands[] = {pointer->value, value->value, mask->value};
  tm_attr attrs[] = {tm_attr_int(TM_ATTR_RMW_OP, op),
                     tm_attr_int(TM_ATTR_SEM, o.sem),
                     tm_attr_int(TM_ATTR_SCOPE, o.scope)};
  tm_inst i = tm_build(&l->b, TM_ATOMIC_RMW, 3, operands, 1,
                       &value->type->ir, 0, NULL, 3, attrs);
  return tm_lv_run(l, tm_get(l->ir, i)->results, value->type);
}

/* max: signed max where the value is positive, unsigned min where negative;
 * min: signed min and unsigned max. */
static tm_lv float_extreme(tm_low *l, bool is_max, tm_lv pointer, tm_lv value,
                           tm_lv mask, order o) {
  bool single = tm_lt_bits(value->type) == 32;
  tm_ltype element = tm_lt_element(value->type);
  tm_ltype i = tm_lt_scalar(l, single ? TM_DT_I32 : TM_DT_I64);
  tm_ltype u = tm_lt_scalar(l, single ? TM_DT_U32 : TM_DT_U64);
  tm_lv i_value = tm_sem_bitcast(l, value, i);
  tm_lv i_pointer = tm_sem_bitcast(l, pointer,
                                   tm_lt_pointer_like(l, pointer->type, i));
  tm_lv u_value = tm_sem_bitcast(l, value, u);
  tm_lv u_pointer = tm_sem_bitcast(l, pointer,
                                   tm_lt_pointer_like(l, pointer->type, u));
  tm_lv negative =
      tm_sem_compare(l, TM_PY_LT, i_value, tm_lv_int(l, 0));
  tm_lv positive = tm_sem_unary(l, TM_PY_NOT, negative);
  tm_lv a = rmw(l, is_max ? TM_RMW_MAX : TM_RMW_MIN, i_pointer, i_value,
                tm_sem_binary(l, TM_PY_AND, mask, positive), o);
  tm_lv b = rmw(l, is_max ? TM_RMW_UMIN : TM_RMW_UMAX, u_pointer, u_value,
                tm_sem_binary(l, TM_PY_AND, mask, negative), o);
  b = tm_lv_run(l, b->value, a->type);
  return tm_sem_bitcast(l, tm_sem_where(l, positive, a, b), element);
}

static bool check_element(tm_low *l, tm_ltype element, tm_rmw op,
                          const char *name) {
  uint32_t bits = tm_lt_bits(element);
  bool is_float = tm_lt_is_float(element);
  bool ok = is_float ? bits >= 32 || (bits == 16 && op == TM_RMW_ADD)
                     : bits >= 32;
  if (is_float && (op == TM_RMW_AND || op == TM_RMW_OR || op == TM_RMW_XOR))
    ok = false;
  if (ok) return true;
  tm_low_error(l, "accumulate in a buffer of float32 or int32",
               "%s does not take elements of type %s", name,
               tm_lt_text(l, element));
  return false;
}

tm_lv tm_fn_atomic(tm_low *l, const tm_builtin_call *c) {
  tm_rmw op = (tm_rmw)c->row->aux;
  tm_lv pointer = c->args[0], value = c->args[1], mask = c->args[2];
  order o;
  if (!check_pointer(l, c) || !read_order(l, c->args[3], c->args[4], &o) ||
      !shapes(l, &pointer, &value, "the value"))
    return TM_POISONED;
  bool has_mask = mask->kind != TM_LV_NONE;
  if (has_mask && !shapes(l, &pointer, &mask, "mask")) return TM_POISONED;
  if (has_mask && !tm_sem_broadcast(l, &pointer, &value)) return TM_POISONED;
  if (has_mask && !tm_lt_is_bool(mask->type))
    return tm_low_error(l, "compare: offsets < n", "a mask is boolean, got %s",
                        tm_lt_text(l, mask->type));
  tm_ltype element = tm_lt_element(pointer->type)->element;
  if (!check_element(l, element, op, c->row->name)) return TM_POISONED;
  value = tm_sem_cast(l, value, element);
  if (!has_mask) {
    mask = tm_sem_tensor(l, tm_lv_bool(true));
    if (tm_lt_is_block(pointer->type))
      mask = tm_sem_splat(l, mask, pointer->type->rank, pointer->type->shape);
  }
  if (tm_lv_is_poison(value) || tm_lv_is_poison(mask)) return TM_POISONED;
  bool is_float = tm_lt_is_float(element), sign = tm_lt_is_signed(element);
  if (op == TM_RMW_MAX || op == TM_RMW_MIN) {
    if (is_float)
      return float_extreme(l, op == TM_RMW_MAX, pointer, value, mask, o);
    if (!sign) op = op == TM_RMW_MAX ? TM_RMW_UMAX : TM_RMW_UMIN;
  }
  if (op == TM_RMW_ADD && is_float) op = TM_RMW_FADD;
  return rmw(l, op, pointer, value, mask, o);
}

tm_lv tm_fn_atomic_cas(tm_low *l, const tm_builtin_call *c) {
  tm_lv pointer = c->args[0], compare = c->args[1], value = c->args[2];
  order o;
  if (!check_pointer(l, c) || !read_order(l, c->args[3], c->args[4], &o) ||
      !shapes(l, &pointer, &compare, "the expected value") ||
      !shapes(l, &pointer, &value, "the new value"))
    return TM_POISONED;
  tm_ltype element = tm_lt_element(pointer->type)->element;
  if (tm_lt_bits(element) < 16)
    return tm_low_error(l, "use a buffer of int32",
                        "atomic_cas does not take elements of type %s",
                        tm_lt_text(l, element));
  compare = tm_sem_cast(l, compare, element);
  value = tm_sem_cast(l, value, element);
  if (tm_lv_is_poison(compare) || tm_lv_is_poison(value)) return TM_POISONED;
  tm_value operands[] = {pointer->value, compare->value, value->value};
  tm_attr attrs[] = {tm_attr_int(TM_ATTR_SEM, o.sem),
                     tm_attr_int(TM_ATTR_SCOPE, o.scope)};
  tm_inst i = tm_build(&l->b, TM_ATOMIC_CAS, 3, operands, 1, &value->type->ir,
                       0, NULL, 2, attrs);
  return tm_lv_run(l, tm_get(l->ir, i)->results, value->type);
}

/* tl.atomic_load and tl.atomic_store: how they order is acquire and release,
 * or nothing. */
static bool read_one_order(tm_low *l, const tm_builtin_call *c, uint32_t from,
                           const char *usual, int64_t sem, order *out) {
  bool given = c->args[from]->kind != TM_LV_NONE;
  if (!read_order(l, c->args[from], c->args[from + 1], out)) return false;
  if (!given) out->sem = sem;
  if (out->sem == sem || out->sem == 1) return true;
  tm_low_error(l, tm_low_format(l, "use '%s' or 'relaxed'", usual),
               "%s orders by '%s' or not at all", c->row->name, usual);
  return false;
}

static bool check_plain(tm_low *l, const tm_builtin_call *c, tm_lv *pointer,
                        tm_lv *mask) {
  if (!check_pointer(l, c)) return false;
  *pointer = tm_low_memory_pointer(l, *pointer);
  bool has_mask = (*mask)->kind != TM_LV_NONE;
  if (has_mask && !shapes(l, pointer, mask, "mask")) return false;
  if (!has_mask) {
    *mask = tm_sem_tensor(l, tm_lv_bool(true));
    if (tm_lt_is_block((*pointer)->type))
      *mask = tm_sem_splat(l, *mask, (*pointer)->type->rank,
                           (*pointer)->type->shape);
  }
  if (tm_lv_is_poison(*mask) || tm_lt_is_bool((*mask)->type))
    return !tm_lv_is_poison(*mask);
  tm_low_error(l, "compare: offsets < n", "a mask is boolean, got %s",
               tm_lt_text(l, (*mask)->type));
  return false;
}

tm_lv tm_fn_atomic_load(tm_low *l, const tm_builtin_call *c) {
  tm_lv pointer = c->args[0], mask = c->args[1];
  order o;
  enum { ACQUIRE = 2 };
  if (!read_one_order(l, c, 2, "acquire", ACQUIRE, &o) ||
      !check_plain(l, c, &pointer, &mask))
    return TM_POISONED;
  tm_ltype given = tm_lt_element(c->args[0]->type)->element;
  tm_ltype type = tm_lt_like(l, pointer->type,
                             tm_lt_element(pointer->type)->element);
  tm_value operands[] = {pointer->value, mask->value};
  tm_attr attrs[] = {tm_attr_int(TM_ATTR_SEM, o.sem),
                     tm_attr_int(TM_ATTR_SCOPE, o.scope)};
  tm_inst i = tm_build(&l->b, TM_ATOMIC_LOAD, 2, operands, 1, &type->ir, 0,
                       NULL, 2, attrs);
  return tm_sem_cast(l, tm_lv_run(l, tm_get(l->ir, i)->results, type), given);
}

tm_lv tm_fn_atomic_store(tm_low *l, const tm_builtin_call *c) {
  tm_lv pointer = c->args[0], value = c->args[1], mask = c->args[2];
  order o;
  enum { RELEASE = 3 };
  if (!read_one_order(l, c, 3, "release", RELEASE, &o) ||
      !check_plain(l, c, &pointer, &mask) ||
      !shapes(l, &pointer, &value, "the value"))
    return TM_POISONED;
  tm_ltype given = tm_lt_element(c->args[0]->type)->element;
  value = tm_sem_cast(l, tm_sem_cast(l, value, given),
                      tm_lt_element(pointer->type)->element);
  if (tm_lv_is_poison(value)) return value;
  tm_value operands[] = {pointer->value, value->value, mask->value};
  tm_attr attrs[] = {tm_attr_int(TM_ATTR_SEM, o.sem),
                     tm_attr_int(TM_ATTR_SCOPE, o.scope)};
  tm_build(&l->b, TM_ATOMIC_STORE, 3, operands, 0, NULL, 0, NULL, 2, attrs);
  return TM_NONE_LV;
}
