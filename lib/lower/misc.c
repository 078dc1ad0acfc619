/* SPDX-License-Identifier: MIT */
/*
 * misc.c - builtins about programs, hints and checks, loops' ranges, types,
 * and the few functions of Python that have a meaning in a kernel.
 */
#include "value.h"

#include <math.h>
#include <stdlib.h>

/* ---- programs ----------------------------------------------------------- */

tm_lv tm_fn_program_id(tm_low *l, const tm_builtin_call *c) {
  int64_t axis;
  if (!tm_want_int(l, c->args[0],
                  tm_low_format(l, "%s's axis", c->row->name), 0, 2, &axis))
    return TM_POISONED;
  tm_ltype type = tm_lt_scalar(l, TM_DT_I32);
  tm_attr attr = tm_attr_int(TM_ATTR_AXIS, axis);
  tm_inst i = tm_build(&l->b, (tm_op)c->row->aux, 0, NULL, 1, &type->ir, 0,
                       NULL, 1, &attr);
  return tm_lv_run(l, tm_get(l->ir, i)->results, type);
}

tm_lv tm_fn_warps(tm_low *l, const tm_builtin_call *c) {
  uint32_t warps = l->spec->num_warps ? l->spec->num_warps : 4;
  l->ir->asked_warps = warps;
  return tm_lv_int(l, c->row->aux ? warps * 32 : warps);
}

tm_lv tm_fn_ignored(tm_low *l, const tm_builtin_call *c) { return TM_NONE_LV; }
tm_lv tm_fn_none(tm_low *l, const tm_builtin_call *c) { return TM_NONE_LV; }
tm_lv tm_fn_false_(tm_low *l, const tm_builtin_call *c) {
  return tm_lv_bool(false);
}
tm_lv tm_fn_identity(tm_low *l, const tm_builtin_call *c) {
  return c->args[0];
}

tm_lv tm_fn_prelude(tm_low *l, const tm_builtin_call *c) {
  uint32_t n = 0;
  while (n < TM_MAX_PARAMS && c->args[n]) n++;
  return tm_low_call_prelude(l, c->row->name, n, c->args);
}

/* ---- hints -------------------------------------------------------------- */

/* A parameter is no instruction's result: the promise goes to the function. */
static void hint_param(tm_low *l, tm_value v, int64_t divisibility) {
  tm_func *f = &l->ir->funcs.data[0];
  for (uint32_t i = 0; i < f->params.len; i++)
    if (f->params.data[i].value == v && divisibility > 0 &&
        divisibility <= UINT32_MAX &&
        f->params.data[i].divisibility < (uint32_t)divisibility)
      f->params.data[i].divisibility = (uint32_t)divisibility;
}

tm_lv tm_fn_hint(tm_low *l, const tm_builtin_call *c) {
  tm_lv x = c->args[0];
  const tm_lv *items = &c->args[1];
  uint32_t n = 1;
  int64_t values[TM_MAX_RANK];
  if (!tm_lv_is_run(x)) return x; /* nothing more is to be known */
  if (c->args[1]->kind == TM_LV_TUPLE) {
    items = c->args[1]->items;
    n = c->args[1]->n_items;
  }
  uint32_t rank = tm_lt_is_block(x->type) ? x->type->rank : 1;
  if (n != rank)
    return tm_low_error(l, "give one value for each dimension",
                        "%s is given %u values for %s", c->row->name, n,
                        tm_lt_text(l, x->type));
  for (uint32_t i = 0; i < n; i++)
    if (!tm_want_int(l, items[i], "a hint's value", 1, INT32_MAX, &values[i]))
      return TM_POISONED;
  tm_attr_key key = (tm_attr_key)c->row->aux;
  tm_inst def = tm_val(l->ir, x->value)->def;
  if (!def) {
    if (key == TM_ATTR_DIVISIBILITY && !tm_lt_is_block(x->type))
      hint_param(l, x->value, values[0]);
    return x;
  }
  tm_inst_set_attr(l->ir, def, (tm_attr){.key = key, .kind = TM_ATTR_INTS,
                                         .ints = values, .n_ints = n});
  return x;
}

tm_lv tm_fn_assume(tm_low *l, const tm_builtin_call *c) {
  tm_lv x = c->args[0];
  bool truth;
  if (!tm_lv_is_run(x)) {
    if (tm_lv_truth(x, &truth) && truth) return TM_NONE_LV;
    return tm_low_error(l, NULL, "assume is given %s", tm_lv_describe(l, x));
  }
  x = tm_low_condition(l, x, "assume");
  if (tm_lv_is_poison(x)) return x;
  tm_build(&l->b, TM_ASSUME, 1, &x->value, 0, NULL, 0, NULL, 0, NULL);
  return TM_NONE_LV;
}

/* ---- tl.map_elementwise -------------------------------------------------- */

enum { MOST_PACKED = 64 };

/* x as `pack` tensors, out[k] of the elements k, k + pack, k + 2 * pack ... of
 * its last dimension first; false with an error. */
static bool unpack(tm_low *l, tm_lv x, uint32_t pack, tm_lv *out) {
  int64_t halves[2] = {tm_lt_numel(x->type) / 2, 2};
  if (pack == 1) {
    out[0] = x;
    return true;
  }
  tm_lv pair = tm_sem_reshape(l, x, 2, halves, false);
  if (tm_lv_is_poison(pair)) return false;
  tm_ltype half = tm_lt_block(l, tm_lt_element(x->type), 1, halves);
  tm_type types[2] = {half->ir, half->ir};
  tm_inst i = tm_build(&l->b, TM_SPLIT, 1, &pair->value, 2, types, 0, NULL, 0,
                       NULL);
  tm_value first = tm_get(l->ir, i)->results;
  tm_lv parts[MOST_PACKED];
  for (uint32_t side = 0; side < 2; side++) {
    if (!unpack(l, tm_lv_run(l, first + side, half), pack / 2, parts))
      return false;
    for (uint32_t k = 0; k < pack / 2; k++) out[2 * k + side] = parts[k];
  }
  return true;
}

/* The tensor whose elements k, k + pack ... in[k] holds. */
static tm_lv packed(tm_low *l, const tm_lv *in, uint32_t pack) {
  tm_lv sides[2], parts[MOST_PACKED];
  if (pack == 1) return in[0];
  for (uint32_t side = 0; side < 2; side++) {
    for (uint32_t k = 0; k < pack / 2; k++) parts[k] = in[2 * k + side];
    sides[side] = packed(l, parts, pack / 2);
    if (tm_lv_is_poison(sides[side])) return sides[side];
  }
  int64_t shape[2] = {tm_lt_numel(sides[0]->type), 2};
  tm_ltype type = tm_lt_block(l, tm_lt_element(sides[0]->type), 2, shape);
  tm_value operands[2] = {sides[0]->value, sides[1]->value};
  tm_inst i = tm_build(&l->b, TM_JOIN, 2, operands, 1, &type->ir, 0, NULL, 0,
                       NULL);
  int64_t whole = shape[0] * 2;
  return tm_sem_reshape(l, tm_lv_run(l, tm_get(l->ir, i)->results, type), 1,
                        &whole, false);
}

/* One result of the function, for all elements: a tensor of their shape. */
static tm_lv mapped(tm_low *l, const tm_lv *parts, uint32_t pack, tm_ltype as,
                    int64_t each) {
  tm_lv shaped[MOST_PACKED];
  for (uint32_t k = 0; k < pack; k++) {
    tm_lv v = tm_want_tensor(l, parts[k], "what the function returns");
    if (!v || tm_lv_is_poison(v)) return TM_POISONED;
    if (!tm_lt_is_block(v->type))
      v = pack == 1 ? tm_sem_splat(l, v, as->rank, as->shape)
                    : tm_sem_splat(l, v, 1, &each);
    if (k && tm_lt_element(v->type) != tm_lt_element(shaped[0]->type))
      return tm_low_error(l, "convert with .to(dtype)",
                          "the function of map_elementwise returns %s and %s "
                          "for elements of one tensor",
                          tm_lv_describe(l, shaped[0]),
                          tm_lv_describe(l, v));
    shaped[k] = v;
  }
  if (pack == 1) return shaped[0];
  tm_lv flat = packed(l, shaped, pack);
  return tm_lv_is_poison(flat)
             ? flat
             : tm_sem_reshape(l, flat, as->rank, as->shape, false);
}

/* What it returned, `pack` values for each result, as tensors. */
static tm_lv map_results(tm_low *l, tm_lv r, uint32_t pack, tm_ltype as) {
  const tm_lv *items = r->kind == TM_LV_TUPLE ? r->items : &r;
  uint32_t n = r->kind == TM_LV_TUPLE ? r->n_items : 1;
  if (n == 0 || n % pack)
    return tm_low_error(l, NULL, "the function of map_elementwise returns %u "
                                 "values, which is no multiple of pack=%u",
                        n, pack);
  tm_lv *out = TM_NEW_ARRAY(l->arena, tm_lv, n / pack);
  for (uint32_t i = 0; i < n / pack; i++) {
    out[i] = mapped(l, items + i * pack, pack, as,
                    tm_lt_numel(as) / (int64_t)pack);
    if (tm_lv_is_poison(out[i])) return out[i];
  }
  return n / pack == 1 ? out[0] : tm_lv_tuple(l, out, n / pack);
}

/* The function of elements is called with whole tensors: all that it does to
 * one element it does to each. With pack, with every pack-th element of them,
 * as consecutive elements are its arguments. flow.c chooses where it
 * branches. */
tm_lv tm_fn_map_elementwise(tm_low *l, const tm_builtin_call *c) {
  int64_t pack;
  tm_lv f = c->args[0], items = c->args[1];
  if (!tm_want_int(l, c->args[2], "pack", 1, MOST_PACKED, &pack))
    return TM_POISONED;
  if (f->kind != TM_LV_FUNCTION)
    return tm_low_error(l, "pass a @triton.jit function",
                        "map_elementwise begins with a function, got %s",
                        tm_lv_describe(l, f));
  uint32_t n = items->n_items, p = (uint32_t)pack;
  tm_lv *all = TM_NEW_ARRAY(l->arena, tm_lv, n + 1);
  for (uint32_t i = 0; i < n; i++) {
    all[i] = tm_want_tensor(l, items->items[i], "map_elementwise's argument");
    if (!all[i]) return TM_POISONED;
  }
  for (uint32_t i = 0; i < n; i++)
    for (uint32_t j = 0; j < n; j++)
      if (!tm_sem_broadcast(l, &all[i], &all[j])) return TM_POISONED;
  if (n == 0 || !tm_lt_is_block(all[0]->type)) {
    if (n && p == 1) return tm_low_call(l, f, &(tm_args){all, n, NULL, 0});
    return tm_low_error(l, NULL, "map_elementwise maps a function over "
                                 "tensors, and got none");
  }
  if ((p & (p - 1)) || tm_lt_numel(all[0]->type) % p)
    return tm_low_error(l, "use a power of 2 up to the number of elements",
                        "%lld elements cannot be packed by %u",
                        (long long)tm_lt_numel(all[0]->type), p);
  tm_lv *parts = TM_NEW_ARRAY(l->arena, tm_lv, n * p);
  for (uint32_t i = 0; i < n; i++)
    if (!unpack(l, all[i], p, parts + i * p)) return TM_POISONED;
  l->mapping++;
  tm_lv r = tm_low_call(l, f, &(tm_args){parts, n * p, NULL, 0});
  l->mapping--;
  if (tm_lv_is_poison(r)) return r;
  return map_results(l, r, p, all[0]->type);
}

tm_lv tm_fn_barrier(tm_low *l, const tm_builtin_call *c) {
  tm_build(&l->b, TM_BARRIER, 0, NULL, 0, NULL, 0, NULL, 0, NULL);
  return TM_NONE_LV;
}

/* ---- checks and printing ------------------------------------------------ */

static tm_lv print_values(tm_low *l, const char *prefix, bool hex,
                          const tm_lv *args, uint32_t n) {
  enum { MOST = 32 };
  tm_value operands[MOST];
  int64_t is_signed[MOST];
  if (n > MOST)
    return tm_low_error(l, NULL, "device_print takes at most %d values",
                        MOST);
  for (uint32_t i = 0; i < n; i++) {
    tm_lv v = tm_want_tensor(l, args[i], "a value to print");
    if (!v || tm_lv_is_poison(v)) return TM_POISONED;
    operands[i] = v->value;
    is_signed[i] = tm_lt_is_signed(v->type);
  }
  tm_attr attrs[] = {tm_attr_text(TM_ATTR_PREFIX, prefix),
                     tm_attr_int(TM_ATTR_HEX, hex),
                     {.key = TM_ATTR_IS_SIGNED, .kind = TM_ATTR_INTS,
                      .ints = is_signed, .n_ints = n}};
  tm_build(&l->b, TM_PRINT, n, operands, 0, NULL, 0, NULL, 3, attrs);
  return TM_NONE_LV;
}

/* The text before the values: " text: ", by Triton's rules: a space before
 * what is longer than two characters, and ": " at its end, which takes the
 * place of a last space. */
static const char *print_prefix(tm_low *l, tm_str text, bool has_values) {
  tm_buf out = tm_buf_in(l->arena), all = tm_buf_in(l->arena);
  tm_buf_add(&out, text.ptr, text.len);
  if (has_values) {
    if (!out.len || out.data[out.len - 1] != ' ') tm_buf_puts(&out, " ");
    if (out.len < 2 || out.data[out.len - 2] != ':') {
      out.len--;
      tm_buf_puts(&out, ": ");
    }
  }
  if (out.len > 2 && out.data[0] != ' ') tm_buf_puts(&all, " ");
  tm_buf_add(&all, out.data, out.len);
  return tm_strndup(l->arena, tm_buf_text(&all), all.len);
}

static bool is_printable(tm_str text) {
  for (size_t i = 0; i < text.len; i++) {
    unsigned char c = (unsigned char)text.ptr[i];
    if (c > 126 || (c < 32 && (c < '\t' || c > '\r'))) return false;
  }
  return true;
}

tm_lv tm_fn_device_print(tm_low *l, const tm_builtin_call *c) {
  bool hex;
  if (!tm_want_bool(l, c->args[2], "hex", &hex)) return TM_POISONED;
  tm_lv first = c->args[0], rest = c->args[1];
  if (first->kind == TM_LV_TEXT && !is_printable(first->text))
    return tm_low_error(l, NULL, "device_print's text is of printable ASCII "
                                 "characters");
  if (first->kind == TM_LV_TEXT)
    return print_values(l, print_prefix(l, first->text, rest->n_items > 0),
                        hex, rest->items, rest->n_items);
  if (c->row->where & TM_IN_TL)
    return tm_low_error(l, "write tl.device_print(\"x\", x)",
                        "device_print begins with a string, got %s",
                        tm_lv_describe(l, first));
  tm_lv *all = TM_NEW_ARRAY(l->arena, tm_lv, rest->n_items + 1);
  all[0] = first;
  if (rest->n_items)
    memcpy(all + 1, rest->items, rest->n_items * sizeof all[0]);
  return print_values(l, print_prefix(l, TM_STR(""), true), hex, all,
                      rest->n_items + 1);
}

/* Parameters of Python's print; where the text ends and goes is the notes'. */
tm_lv tm_fn_static_print(tm_low *l, const tm_builtin_call *c) {
  tm_buf out = tm_buf_in(l->arena);
  const char *between;
  if (!tm_want_text(l, c->args[1], "sep", &between)) return TM_POISONED;
  for (uint32_t i = 0; i < c->args[0]->n_items; i++) {
    if (i) tm_buf_puts(&out, between ? between : " ");
    tm_lv_print(l, &out, c->args[0]->items[i]);
  }
  if (!l->quiet && !l->stopped)
    tm_note_at(l->diags, l->b.loc, "static_print: %s", tm_buf_text(&out));
  return TM_NONE_LV;
}

/* Reached only when it is called through another name: call.c evaluates the
 * message lazily. */
tm_lv tm_fn_static_assert(tm_low *l, const tm_builtin_call *c) {
  bool truth;
  if (!tm_want_bool(l, c->args[0], "static_assert's condition", &truth))
    return TM_POISONED;
  if (truth) return TM_NONE_LV;
  tm_buf out = tm_buf_in(l->arena);
  tm_lv_print(l, &out, c->args[1]);
  return tm_low_error(l, NULL, "static_assert failed: %s", tm_buf_text(&out));
}

/* ---- ranges ------------------------------------------------------------- */

static bool optional_int(tm_low *l, tm_lv v, const char *what, tm_lv *out) {
  int64_t i;
  *out = NULL;
  if (v->kind == TM_LV_NONE) return true;
  if (!tm_want_int(l, v, what, 0, INT32_MAX, &i)) return false;
  *out = tm_lv_int(l, i);
  return true;
}

/* aux: 0 tl.range, 1 tl.static_range, 2 range. */
tm_lv tm_fn_range(tm_low *l, const tm_builtin_call *c) {
  tm_lvalue *v = TM_NEW(l->arena, tm_lvalue);
  tm_lv *items = TM_NEW_ARRAY(l->arena, tm_lv, 3);
  bool two = c->args[1]->kind != TM_LV_NONE;
  items[0] = two ? c->args[0] : tm_lv_int(l, 0);
  items[1] = two ? c->args[1] : c->args[0];
  items[2] = c->args[2]->kind != TM_LV_NONE ? c->args[2] : tm_lv_int(l, 1);
  v->kind = TM_LV_RANGE;
  v->items = items;
  v->n_items = 3;
  v->is_static = c->row->aux == 1;
  if (c->row->aux == 1) return v;
  tm_range_options *o = TM_NEW(l->arena, tm_range_options);
  bool licm;
  if (!optional_int(l, c->args[3], "num_stages", &o->num_stages) ||
      !optional_int(l, c->args[4], "loop_unroll_factor", &o->unroll) ||
      !tm_want_bool(l, c->args[5], "disallow_acc_multi_buffer",
                   &o->disallow_multi_buffer) ||
      !tm_want_bool(l, c->args[6], "flatten", &o->flatten) ||
      !tm_want_bool(l, c->args[7], "warp_specialize", &o->warp_specialize) ||
      !tm_want_bool(l, c->args[8], "disable_licm", &licm))
    return TM_POISONED;
  v->options = o;
  return v;
}

/* ---- types -------------------------------------------------------------- */

tm_lv tm_fn_make_type(tm_low *l, const tm_builtin_call *c) {
  tm_ltype t = tm_want_type(l, c->args[0], "dtype's argument");
  return t ? tm_lv_type(l, t) : TM_POISONED;
}

tm_lv tm_fn_pointer_type(tm_low *l, const tm_builtin_call *c) {
  tm_ltype t = tm_want_type(l, c->args[0], "pointer_type's argument");
  return t ? tm_lv_type(l, tm_lt_pointer(l, t)) : TM_POISONED;
}

tm_lv tm_fn_block_type(tm_low *l, const tm_builtin_call *c) {
  tm_ltype t = tm_want_type(l, c->args[0], "block_type's element");
  int64_t shape[TM_MAX_RANK];
  uint32_t rank;
  if (!t || !tm_want_shape(l, c->args[1], "the shape", &rank, shape))
    return TM_POISONED;
  if (tm_lt_is_block(t) || t->kind == TM_LT_DESCRIPTOR)
    return tm_low_error(l, NULL, "%s cannot be an element of a block",
                        tm_lt_text(l, t));
  return tm_lv_type(l, tm_lt_block(l, t, rank, shape));
}

tm_lv tm_fn_int_type(tm_low *l, const tm_builtin_call *c) {
  int64_t bits;
  bool sign;
  if (!tm_want_int(l, c->args[0], "bitwidth", 1, 64, &bits) ||
      !tm_want_bool(l, c->args[1], "signed", &sign))
    return TM_POISONED;
  for (int d = TM_DT_I1; d <= TM_DT_U64; d++)
    if (tm_dtype_infos[d].bits == bits &&
        (bits == 1 || tm_dtype_infos[d].is_signed == sign))
      return tm_lv_type(l, tm_lt_scalar(l, (tm_dtype)d));
  return tm_low_error(l, NULL, "there is no integer of %lld bits",
                      (long long)bits);
}

tm_lv tm_fn_log2_int(tm_low *l, const tm_builtin_call *c) {
  int64_t n, log = 0;
  if (!tm_want_int(l, c->args[0], "_log2's argument", 1, INT64_MAX, &n))
    return TM_POISONED;
  while (n > 1) {
    n >>= 1;
    log++;
  }
  return tm_lv_int(l, log);
}

tm_lv tm_fn_type_is(tm_low *l, const tm_builtin_call *c) {
  tm_ltype t = c->args[0]->type;
  bool scalar = t->kind == TM_LT_SCALAR;
  tm_dtype d = scalar ? t->dtype : TM_DT_VOID;
  bool is_float = tm_dtype_infos[d].is_float;
  bool is_int = d >= TM_DT_I1 && d <= TM_DT_U64;
  switch (c->row->aux) {
  case 100: return tm_lv_bool(t->kind == TM_LT_POINTER);
  case 101: return tm_lv_bool(t->kind == TM_LT_BLOCK);
  case 102: return tm_lv_bool(is_float);
  case 103: return tm_lv_bool(d >= TM_DT_F16);
  case 104: return tm_lv_bool(is_int);
  case 105: return tm_lv_bool(is_int && tm_dtype_infos[d].is_signed);
  case 106: return tm_lv_bool(is_int && !tm_dtype_infos[d].is_signed);
  case 107: return tm_lv_bool(d >= TM_DT_FP8E4NV && d <= TM_DT_FP8E4B15);
  case 108: return tm_lv_bool(false);
  default: return tm_lv_bool(scalar && (int)d == c->row->aux);
  }
}

tm_lv tm_fn_type_limit(tm_low *l, const tm_builtin_call *c) {
  tm_ltype t = c->args[0]->type;
  if (t->kind != TM_LT_SCALAR || !tm_lt_is_int(t))
    return tm_low_error(l, NULL, "%s is not an integer type",
                        tm_lt_text(l, t));
  return tm_lv_int(l, c->row->aux ? tm_dtype_max(t->dtype)
                                  : tm_dtype_min(t->dtype));
}

tm_lv tm_fn_type_with(tm_low *l, const tm_builtin_call *c) {
  tm_ltype element = tm_want_type(l, c->args[1], "element_ty");
  if (!element) return TM_POISONED;
  return tm_lv_type(l, tm_lt_like(l, c->args[0]->type,
                                  tm_lt_element(element)));
}

/* aux: of descriptors. */
tm_lv tm_fn_not_callable(tm_low *l, const tm_builtin_call *c) {
  return tm_low_error(l,
                      c->row->aux ? "use tl.make_tensor_descriptor"
                                  : "use tl.full, tl.zeros or tl.to_tensor",
                      "%s are not made with tl.%s",
                      c->row->aux ? "descriptors" : "tensors", c->row->name);
}

/* ---- Python's own ------------------------------------------------------- */

tm_lv tm_fn_python_minmax(tm_low *l, const tm_builtin_call *c) {
  tm_lv items = c->args[0];
  if (items->n_items == 1 && items->items[0]->kind == TM_LV_TUPLE)
    items = items->items[0];
  bool is_max = c->row->aux, any_run = false;
  if (items->n_items == 0)
    return tm_low_error(l, NULL, "%s needs a value", c->row->name);
  for (uint32_t i = 0; i < items->n_items; i++)
    any_run = any_run || tm_lv_is_run(items->items[i]);
  tm_lv best = items->items[0];
  for (uint32_t i = 1; i < items->n_items; i++) {
    tm_lv v = items->items[i];
    if (any_run) {
      best = tm_sem_minmax(l, is_max, best, v, false);
    } else {
      tm_lv wins = tm_sem_compare(l, is_max ? TM_PY_GT : TM_PY_LT, v, best);
      if (tm_lv_is_poison(wins)) return wins;
      if (wins->b) best = v;
    }
    if (tm_lv_is_poison(best)) return best;
  }
  return best;
}

tm_lv tm_fn_python_sum(tm_low *l, const tm_builtin_call *c) {
  tm_lv total = c->args[1];
  if (c->args[0]->kind != TM_LV_TUPLE)
    return tm_low_error(l, "write tl.sum for tensors",
                        "sum adds the items of a tuple, got %s",
                        tm_lv_describe(l, c->args[0]));
  for (uint32_t i = 0; i < c->args[0]->n_items; i++)
    total = tm_sem_binary(l, TM_PY_ADD, total, c->args[0]->items[i]);
  return total;
}

tm_lv tm_fn_python_len(tm_low *l, const tm_builtin_call *c) {
  tm_lv x = c->args[0];
  if (x->kind == TM_LV_TUPLE) return tm_lv_int(l, x->n_items);
  if (x->kind == TM_LV_TEXT) return tm_lv_int(l, (tm_wide)x->text.len);
  if (x->kind == TM_LV_DICT) return tm_lv_int(l, x->n_items / 2);
  return tm_low_error(l, NULL, "%s has no length", tm_lv_describe(l, x));
}

static tm_lv number_of_text(tm_low *l, tm_str text, bool is_float) {
  const char *s = tm_strndup(l->arena, text.ptr, text.len);
  char *end;
  if (is_float) {
    double f = strtod(s, &end);
    while (*end == ' ') end++;
    if (end != s && !*end) return tm_lv_float(l, f);
  } else {
    long long i = strtoll(s, &end, 10);
    if (end != s && !*end) return tm_lv_int(l, i);
  }
  return tm_low_error(l, NULL, "'%s' is not a number", s);
}

/* aux: the kind of the result. */
tm_lv tm_fn_python_number(tm_low *l, const tm_builtin_call *c) {
  tm_lv x = c->args[0];
  tm_lv_kind to = (tm_lv_kind)c->row->aux;
  bool truth;
  if (tm_lv_is_run(x))
    return tm_low_error(l, to == TM_LV_FLOAT ? "write x.to(tl.float32)"
                           : to == TM_LV_INT ? "write x.to(tl.int32)"
                                             : "write x != 0",
                        "%s() converts compile-time values, got %s",
                        c->row->name, tm_lv_describe(l, x));
  if (to == TM_LV_BOOL) {
    if (!tm_lv_truth(x, &truth)) return tm_low_opaque_use(l, x);
    return tm_lv_bool(truth);
  }
  if (x->kind == TM_LV_TEXT)
    return number_of_text(l, x->text, to == TM_LV_FLOAT);
  if (!tm_lv_is_number(x))
    return tm_low_error(l, NULL, "%s() does not take %s", c->row->name,
                        tm_lv_describe(l, x));
  if (to == TM_LV_FLOAT)
    return x->kind == TM_LV_FLOAT
               ? x
               : tm_lv_float(l, x->kind == TM_LV_INT ? (double)x->i
                                                     : (double)x->b);
  if (x->kind != TM_LV_FLOAT)
    return tm_lv_int(l, x->kind == TM_LV_INT ? x->i : (tm_wide)x->b);
  if (!(fabs(x->f) < 0x1p126))
    return tm_low_error(l, NULL, "%s is too large for an integer",
                        tm_lv_describe(l, x));
  return tm_lv_int(l, (tm_wide)x->f);
}

tm_lv tm_fn_python_str(tm_low *l, const tm_builtin_call *c) {
  tm_buf out = tm_buf_in(l->arena);
  tm_lv_print(l, &out, c->args[0]);
  return tm_lv_text(l, tm_buf_text(&out), out.len);
}

static bool is_descriptor(tm_lv x) {
  return x->kind == TM_LV_RUN && x->type->kind == TM_LT_DESCRIPTOR;
}

static bool is_instance(tm_lv x, tm_lv of) {
  if (of->kind == TM_LV_TUPLE) {
    for (uint32_t i = 0; i < of->n_items; i++)
      if (is_instance(x, of->items[i])) return true;
    return false;
  }
  if (of->kind == TM_LV_CLASS) return x->record == of->record;
  if (of->kind != TM_LV_BUILTIN) return false;
  static const struct { const char *name; tm_lv_kind kind; } table[] = {
    {"tensor", TM_LV_RUN}, {"int", TM_LV_INT}, {"int", TM_LV_BOOL},
    {"float", TM_LV_FLOAT}, {"bool", TM_LV_BOOL}, {"str", TM_LV_TEXT},
    {"dtype", TM_LV_TYPE}, {"tuple", TM_LV_TUPLE}, {"list", TM_LV_TUPLE}};
  const char *name = of->row->name;
  if (strncmp(name, "tensor_descriptor", 17) == 0) return is_descriptor(x);
  if (is_descriptor(x)) return false;
  if (strcmp(name, "constexpr") == 0) return x->kind != TM_LV_RUN;
  if (strcmp(name, "pointer_type") == 0)
    return x->kind == TM_LV_TYPE && x->type->kind == TM_LT_POINTER;
  if (strcmp(name, "block_type") == 0)
    return x->kind == TM_LV_TYPE && x->type->kind == TM_LT_BLOCK;
  for (size_t i = 0; i < TM_COUNT(table); i++)
    if (strcmp(table[i].name, name) == 0 && table[i].kind == x->kind)
      return true;
  return false;
}

tm_lv tm_fn_python_isinstance(tm_low *l, const tm_builtin_call *c) {
  return tm_lv_bool(is_instance(c->args[0], c->args[1]));
}

/* The attribute quietly, or NULL. */
static tm_lv try_attribute(tm_low *l, tm_lv x, tm_lv name) {
  if (name->kind != TM_LV_TEXT) return NULL;
  l->quiet++;
  tm_lv v = tm_low_attribute(
      l, x, tm_low_name(l, tm_strndup(l->arena, name->text.ptr,
                                      name->text.len)));
  l->quiet--;
  return tm_lv_is_poison(v) || v->kind == TM_LV_OPAQUE ? NULL : v;
}

tm_lv tm_fn_python_hasattr(tm_low *l, const tm_builtin_call *c) {
  return tm_lv_bool(try_attribute(l, c->args[0], c->args[1]) != NULL);
}

tm_lv tm_fn_python_getattr(tm_low *l, const tm_builtin_call *c) {
  tm_lv v = try_attribute(l, c->args[0], c->args[1]);
  if (v) return v;
  if (c->args[2]->kind != TM_LV_NONE) return c->args[2];
  return tm_low_error(l, NULL, "%s has no attribute %s",
                      tm_lv_describe(l, c->args[0]),
                      tm_lv_describe(l, c->args[1]));
}

/* A compile-time number as a double; false when reported. */
static bool number_arg(tm_low *l, const tm_builtin_call *c, double *out) {
  tm_lv x = c->args[0];
  if (!tm_lv_is_number(x)) {
    tm_low_error(l, tm_low_format(l, "use tl.%s for tensors", c->row->name),
                 "%s() takes a compile-time number, got %s", c->row->name,
                 tm_lv_describe(l, x));
    return false;
  }
  *out = x->kind == TM_LV_FLOAT ? x->f
         : x->kind == TM_LV_INT ? (double)x->i
                                : (double)x->b;
  return true;
}

static tm_lv whole(tm_low *l, double f) {
  if (!(fabs(f) < 0x1p126))
    return tm_low_error(l, NULL, "the result is too large for an integer");
  return tm_lv_int(l, (tm_wide)f);
}

tm_lv tm_fn_python_round(tm_low *l, const tm_builtin_call *c) {
  double f;
  if (!number_arg(l, c, &f)) return TM_POISONED;
  if (c->args[1]->kind != TM_LV_NONE)
    return tm_low_error(l, NULL, "round() to digits is not supported");
  return whole(l, nearbyint(f)); /* halves to even, as Python */
}

tm_lv tm_fn_python_divmod(tm_low *l, const tm_builtin_call *c) {
  tm_lv pair[2] = {tm_sem_binary(l, TM_PY_FLOORDIV, c->args[0], c->args[1]),
                   tm_sem_binary(l, TM_PY_MOD, c->args[0], c->args[1])};
  return tm_lv_tuple(l, pair, 2);
}

tm_lv tm_fn_python_math(tm_low *l, const tm_builtin_call *c) {
  double x;
  if (!number_arg(l, c, &x)) return TM_POISONED;
  bool negative = x < 0, zero = x == 0;
  if ((negative && (c->row->aux == 2 || c->row->aux == 4 ||
                    c->row->aux == 5)) ||
      (zero && (c->row->aux == 4 || c->row->aux == 5)))
    return tm_low_error(l, NULL, "math.%s is not defined at %g",
                        c->row->name, x);
  switch (c->row->aux) {
  case 0: return whole(l, ceil(x));
  case 1: return whole(l, floor(x));
  case 2: return tm_lv_float(l, sqrt(x));
  case 3: return tm_lv_float(l, exp(x));
  case 4: return tm_lv_float(l, log(x));
  case 5: return tm_lv_float(l, log2(x));
  case 6: return tm_lv_float(l, sin(x));
  case 7: return tm_lv_float(l, cos(x));
  case 8: return tm_lv_float(l, tanh(x));
  default: return tm_lv_float(l, fabs(x));
  }
}
