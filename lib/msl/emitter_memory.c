/* SPDX-License-Identifier: MIT */
/*
 * emitter_memory.c - loads, stores and atomics of tiles and of scalars.
 *
 * A tile of pointers is a scalar pointer plus one offset per element. At a
 * vector point whose registers the layout has proven to be consecutive and
 * aligned (tm_layouts.width) one access moves the whole vector:
 *
 *     float4 x = *(device const float4 *)(x_ptr + offsets.x);
 *
 * A mask that is the same for the whole vector becomes one test; otherwise
 * load_masked and store_masked move the vector when every element is wanted
 * and single elements when not. Registers that are not consecutive are moved
 * by a loop over the components.
 */
#include "emitter.h"

#include <math.h>

typedef struct access {
  tm_inst inst;
  tm_value pointer, mask, other, value;
  tm_scalar scalar;   /* of the pointee */
  tm_loc loc;
} access;

static access access_of(emitter *e, tm_inst inst) {
  const tm_inst_data *data = tm_get(e->ir, inst);
  access a = {.inst = inst, .pointer = data->operands[0]};
  uint32_t first = data->op == TM_LOAD ? 1 : 2;
  if (first == 2) a.value = data->operands[1];
  if (data->n_operands > first) a.mask = data->operands[first];
  if (data->op == TM_LOAD && data->n_operands > 2) a.other = data->operands[2];
  tm_type type = tm_type_element(tm_type_of(e->ir, a.pointer));
  a.scalar = msl_scalar_of(type->element);
  return a;
}

/* ---- addresses -------------------------------------------------------- */

typedef struct address {
  msl_expr base;
  msl_sum offset;
  const char *cast; /* pointer type that base becomes; NULL: its own */
} address;

static uint32_t element_bytes(tm_type pointer) {
  tm_type t = pointer->element;
  return t->kind == TM_TYPE_SCALAR ? msl_memory_bytes(t->scalar) : 8;
}

/* Offsets of either count the same bytes. */
static bool same_size(const emitter *e, tm_value a, tm_value b) {
  tm_type x = tm_type_element(tm_type_of(e->ir, a));
  tm_type y = tm_type_element(tm_type_of(e->ir, b));
  return element_bytes(x) == element_bytes(y);
}

static bool take_apart(emitter *e, tm_inst user, tm_value pointer,
                       const msl_point *point, address *out);
static const char *pointer_text(emitter *e, const address *a);

/* The pointer of one element where a tile has no common one: made from an
 * address in memory, chosen by a tile of conditions, or cast to elements of
 * another size. */
static msl_expr element_pointer(emitter *e, tm_inst user, tm_value pointer,
                                const msl_point *point) {
  tm_inst def = tm_val(e->ir, pointer)->def;
  const tm_inst_data *d = tm_get(e->ir, def);
  if (d->op == TM_INT_TO_PTR) {
    msl_expr x = msl_eval(e, d->operands[0], point);
    return msl_primary(
        msl_text(e, "((%s)ulong(%s))", msl_pointer_type(e, pointer), x.text),
        1);
  }
  address yes, no;
  if (d->op == TM_BITCAST) {
    if (!take_apart(e, user, d->operands[0], point, &yes))
      return msl_primary("0", 1);
    return msl_primary(msl_text(e, "((%s)(%s))", msl_pointer_type(e, pointer),
                                pointer_text(e, &yes)), 1);
  }
  msl_expr c = msl_eval(e, d->operands[0], point);
  if (!take_apart(e, user, d->operands[1], point, &yes) ||
      !take_apart(e, user, d->operands[2], point, &no))
    return msl_primary("0", 1);
  return msl_primary(msl_text(e, "(%s ? %s : %s)",
                              msl_paren(e, c, MSL_EQUALITY),
                              pointer_text(e, &yes), pointer_text(e, &no)),
                     1);
}

/* Adds the terms of an offset. Pointer arithmetic widens each int by itself,
 * so the 64-bit sum of two needs no cast. */
static void add_offset(emitter *e, msl_sum *sum, tm_value v,
                       const msl_point *point) {
  msl_point p = *point;
  tm_value source = msl_look_through(e, v, &p);
  const msl_value *value = &e->values[source];
  tm_inst def = tm_val(e->ir, source)->def;
  bool inner = def && value->place == MSL_AT_USE && value->uses <= 1 &&
               !tm_val(e->ir, source)->name && sum->n < 6;
  const tm_inst_data *d = inner ? tm_get(e->ir, def) : NULL;
  tm_type type = tm_type_element(tm_type_of(e->ir, source));
  if (d && d->op == TM_ADDI && type->scalar == TM_I64) {
    add_offset(e, sum, d->operands[0], &p);
    add_offset(e, sum, d->operands[1], &p);
  } else if (d && d->op == TM_EXTSI &&
             tm_type_element(tm_type_of(e->ir, d->operands[0]))->scalar ==
                 TM_I32) {
    add_offset(e, sum, d->operands[0], &p);
  } else {
    msl_sum_add(sum, msl_eval(e, v, point));
  }
}

/* Takes a tile of pointers apart at a scalar point. What is the same for the
 * whole tile stays together in the base. */
static bool take_apart(emitter *e, tm_inst user, tm_value pointer,
                       const msl_point *point, address *out) {
  msl_point p = *point;
  bool is_tile = tm_type_is_tensor(tm_type_of(e->ir, pointer));
  out->offset.n = 0;
  out->cast = NULL;
  for (int depth = 0; depth < 64; depth++) {
    if (!tm_type_is_tensor(tm_type_of(e->ir, pointer))) {
      tm_inst def = tm_val(e->ir, pointer)->def;
      if (!is_tile && def && tm_get(e->ir, def)->op == TM_ADDPTR &&
          e->values[pointer].place == MSL_AT_USE && out->offset.n < 8) {
        msl_sum_add(&out->offset,
                    msl_eval_scalar(e, tm_get(e->ir, def)->operands[1]));
        pointer = tm_get(e->ir, def)->operands[0];
        continue;
      }
      out->base = msl_eval_scalar(e, pointer);
      if (out->cast)
        out->base = msl_primary(
            msl_text(e, "((%s)%s)", out->cast,
                     msl_paren(e, out->base, MSL_PRIMARY)), 1);
      return true;
    }
    pointer = msl_look_through(e, pointer, &p);
    tm_inst def = tm_val(e->ir, pointer)->def;
    const tm_inst_data *data = def ? tm_get(e->ir, def) : NULL;
    if (data && data->op == TM_SPLAT) {
      pointer = data->operands[0];
      continue;
    }
    if (data && (data->op == TM_BITCAST || data->op == TM_ARITH_BITCAST) &&
        same_size(e, pointer, data->operands[0])) {
      if (!out->cast) out->cast = msl_pointer_type(e, pointer);
      pointer = data->operands[0];
      continue;
    }
    if (data && (data->op == TM_INT_TO_PTR || data->op == TM_SELECT ||
                 data->op == TM_BITCAST)) {
      out->base = element_pointer(e, user, pointer, &p);
      if (out->cast)
        out->base = msl_primary(msl_text(e, "((%s)%s)", out->cast,
                                         out->base.text), 1);
      return out->base.text != NULL;
    }
    if (!data || data->op != TM_ADDPTR || out->offset.n >= 8) break;
    add_offset(e, &out->offset, data->operands[1], &p);
    pointer = data->operands[0];
  }
  tm_diag *diag = msl_refuse(
      e, user, "this tile of pointers is not one pointer plus offsets");
  tm_diag_hint(e->diags, diag, "add a tile of offsets to one scalar pointer");
  return false;
}

/* "p[i]" or "*(p + i)" for one element. */
static const char *element_text(emitter *e, const address *a) {
  if (a->offset.n == 0)
    return a->base.prec == MSL_PRIMARY ? msl_text(e, "*%s", a->base.text)
                                       : msl_text(e, "*(%s)", a->base.text);
  msl_expr offset = msl_sum_text(e, &a->offset);
  if (a->base.prec == MSL_PRIMARY && a->offset.n == 1)
    return msl_text(e, "%s[%s]", a->base.text, offset.text);
  msl_sum sum = {.n = 0};
  msl_sum_add(&sum, a->base);
  for (uint32_t i = 0; i < a->offset.n; i++)
    msl_sum_add(&sum, a->offset.terms[i]);
  return msl_text(e, "*(%s)", msl_sum_text(e, &sum).text);
}

static const char *pointer_text(emitter *e, const address *a) {
  msl_sum sum = {.n = 0};
  msl_sum_add(&sum, a->base);
  for (uint32_t i = 0; i < a->offset.n; i++)
    msl_sum_add(&sum, a->offset.terms[i]);
  return msl_sum_text(e, &sum).text;
}

/* ---- between memory and registers ------------------------------------- */

static msl_expr from_memory(emitter *e, tm_scalar scalar, msl_expr x) {
  if (scalar == TM_I1)
    return (msl_expr){msl_text(e, "%s != 0", msl_paren(e, x, MSL_UNARY)),
                      MSL_EQUALITY, x.lanes};
  if (msl_is_coded(scalar))
    return msl_primary(
        msl_text(e, "%s(%s)",
                 msl_use_codec(e, scalar, MSL_LOAD_CODE, x.lanes), x.text),
        x.lanes);
  return x;
}

static msl_expr to_memory(emitter *e, tm_scalar scalar, msl_expr x) {
  if (scalar == TM_I1)
    return msl_primary(msl_text(e, "%s(%s)",
                                msl_memory_type(e, scalar, x.lanes), x.text),
                       x.lanes);
  if (msl_is_coded(scalar))
    return msl_primary(
        msl_text(e, "%s(%s)", msl_use_codec(e, scalar, MSL_CODE_OF, x.lanes),
                 x.text), x.lanes);
  return x;
}

/* What a load gives where its mask is false, as memory holds it. */
static msl_expr other_in_memory(emitter *e, const access *a,
                                const msl_point *point, uint32_t lanes) {
  msl_expr x = a->other ? msl_eval(e, a->other, point)
                        : msl_zero(e, a->scalar);
  x = to_memory(e, a->scalar, x);
  if (x.lanes == lanes) return x;
  return msl_primary(msl_text(e, "%s(%s)",
                              msl_memory_type(e, a->scalar, lanes), x.text),
                     lanes);
}

static bool is_always_true(const emitter *e, tm_value mask) {
  int64_t value = 0;
  return !mask || (tm_value_const_int(e->ir, mask, &value) && (value & 1));
}

static const char *const_word(const emitter *e, tm_value pointer) {
  return e->values[pointer].roots & e->writable ? "" : "const ";
}

/* The mask at point, a scalar if it may be. */
static msl_expr mask_at(emitter *e, const access *a, const msl_point *point) {
  uint32_t lanes = 1u << point->n_comp;
  bool uniform = tm_type_is_tensor(tm_type_of(e->ir, a->pointer)) &&
                 e->layouts->mask_width[a->inst] >= lanes;
  if (!uniform) return msl_eval(e, a->mask, point);
  msl_point first = msl_point_component(point, 0);
  msl_expr mask = msl_eval(e, a->mask, &first);
  msl_point p = *point;
  tm_value v = msl_look_through(e, a->mask, &p);
  if (lanes > 1 && mask.prec == MSL_PRIMARY) msl_remember(e, v, &p, mask);
  return mask;
}

/* ---- loads ------------------------------------------------------------ */

static msl_expr load_shared(emitter *e, const access *a,
                            const msl_region *region, const msl_point *point,
                            const msl_expr *known) {
  msl_expr at, mask, other;
  if (!msl_shared_place(e, a->inst, a->pointer, point, &at))
    return msl_primary("0", 1);
  if (is_always_true(e, a->mask))
    return from_memory(e, a->scalar,
                       msl_shared_load(e, region, a->scalar, at, NULL));
  mask = known ? *known : msl_eval(e, a->mask, point);
  const char *condition = msl_paren(e, mask, MSL_EQUALITY);
  msl_expr x = from_memory(
      e, a->scalar, msl_shared_load(e, region, a->scalar, at, condition));
  other = a->other ? msl_eval(e, a->other, point) : msl_zero(e, a->scalar);
  return (msl_expr){msl_text(e, "%s ? %s : %s", condition,
                             msl_paren(e, x, MSL_EQUALITY),
                             msl_paren(e, other, MSL_EQUALITY)),
                    MSL_TERNARY, 1};
}

/* One element; mask says for which points it may be read (NULL: ask). */
static msl_expr load_element(emitter *e, const access *a,
                             const msl_point *point, const msl_expr *known) {
  address at;
  const msl_region *shared = msl_shared_region(e, a->pointer);
  if (shared) return load_shared(e, a, shared, point, known);
  if (!take_apart(e, a->inst, a->pointer, point, &at))
    return msl_primary("0", 1);
  const char *text = element_text(e, &at);
  msl_expr x = {text, text[0] == '*' ? MSL_UNARY : MSL_PRIMARY, 1};
  x = from_memory(e, a->scalar, x);
  if (is_always_true(e, a->mask)) return x;
  msl_expr mask = known ? *known : msl_eval(e, a->mask, point);
  msl_expr other = a->other ? msl_eval(e, a->other, point)
                            : msl_zero(e, a->scalar);
  return (msl_expr){msl_text(e, "%s ? %s : %s",
                             msl_paren(e, mask, MSL_EQUALITY),
                             msl_paren(e, x, MSL_EQUALITY),
                             msl_paren(e, other, MSL_EQUALITY)),
                    MSL_TERNARY, 1};
}

static msl_expr load_vector(emitter *e, const access *a,
                            const msl_point *point) {
  uint32_t lanes = 1u << point->n_comp;
  msl_point first = msl_point_component(point, 0);
  bool all = is_always_true(e, a->mask);
  /* The vector mask first: it may name the offsets as a vector, whose first
   * component then is the address. */
  msl_expr mask = all ? msl_primary("true", 1) : mask_at(e, a, point);
  address at;
  if (!take_apart(e, a->inst, a->pointer, &first, &at))
    return msl_primary("0", 1);
  const char *p = pointer_text(e, &at);
  const char *type = msl_memory_type(e, a->scalar, lanes);
  msl_expr whole = {msl_text(e, "*(device %s%s *)(%s)",
                             const_word(e, a->pointer), type, p),
                    MSL_UNARY, lanes};
  if (all) return from_memory(e, a->scalar, whole);
  msl_expr other = other_in_memory(e, a, point, lanes);
  if (mask.lanes == 1) {
    msl_expr x = {msl_text(e, "%s ? %s : %s",
                           msl_paren(e, mask, MSL_EQUALITY), whole.text,
                           other.text), MSL_TERNARY, lanes};
    return from_memory(e, a->scalar, x);
  }
  const char *f = msl_use(e, MSL_H_LOAD_MASKED,
                          msl_memory_type(e, a->scalar, 1), lanes);
  msl_expr x = msl_primary(msl_text(e, "%s(%s, %s, %s)", f, p, mask.text,
                                    other.text), lanes);
  return from_memory(e, a->scalar, x);
}

/* Elements that are not consecutive in memory, one after the other. */
static void load_components(emitter *e, const access *a,
                            const msl_point *point, const char *name) {
  uint32_t lanes = 1u << point->n_comp;
  msl_expr mask = msl_primary("true", 1);
  bool masked = !is_always_true(e, a->mask);
  if (masked) mask = mask_at(e, a, point);
  bool shared = masked && mask.lanes == 1;
  for (uint32_t j = 0; j < lanes; j++) {
    msl_point one = msl_point_component(point, j);
    msl_line(e, "%s.%c = %s;", name, "xyzw"[j],
             load_element(e, a, &one, shared ? &mask : NULL).text);
  }
}

/* True when the pointers are the same in all components. */
static bool varies(emitter *e, tm_value pointer, const msl_point *point) {
  msl_point p = *point;
  for (int depth = 0; depth < 64; depth++) {
    if (!tm_type_is_tensor(tm_type_of(e->ir, pointer))) return false;
    pointer = msl_look_through(e, pointer, &p);
    uint32_t any = 0;
    for (uint32_t i = 0; i < p.n_comp; i++) any |= p.comp[i];
    if (!any) return false;
    tm_inst def = tm_val(e->ir, pointer)->def;
    if (!def || tm_get(e->ir, def)->op != TM_ADDPTR) break;
    msl_point q = p;
    msl_look_through(e, tm_get(e->ir, def)->operands[1], &q);
    for (uint32_t i = 0; i < q.n_comp; i++)
      if (q.comp[i]) return true;
    pointer = tm_get(e->ir, def)->operands[0];
  }
  return true;
}

/* Conditions that all must hold; either may be NULL. */
static const char *joined(emitter *e, const char *guard, const char *mask) {
  if (!guard) return mask;
  return mask ? msl_text(e, "%s && %s", guard, mask) : guard;
}

/* ---- 16 bytes at once ------------------------------------------------- */

/* True when v needs something that its group computes and keeps, which the
 * inner loop has not done yet where the 16 bytes are addressed. */
static bool needs_inner_loop(emitter *e, tm_value v, uint32_t group,
                             int depth) {
  tm_inst def = tm_val(e->ir, v)->def;
  if (!def || !tm_type_is_tensor(tm_type_of(e->ir, v))) return false;
  const tm_inst_data *d = tm_get(e->ir, def);
  if (e->group_of[def] == group &&
      (d->op == TM_LOAD || e->values[v].place >= MSL_IN_ARRAY))
    return true;
  if (e->values[v].place >= MSL_IN_ARRAY) return false;
  if (depth > 24) return true;
  for (uint32_t i = 0; i < d->n_operands; i++)
    if (needs_inner_loop(e, d->operands[i], group, depth + 1)) return true;
  return false;
}

uint32_t msl_wide_bits(emitter *e, tm_inst inst) {
  tm_op op = tm_get(e->ir, inst)->op;
  if (op != TM_LOAD && op != TM_STORE) return 0;
  access a = access_of(e, inst);
  uint32_t width = e->layouts->width[inst];
  if (width <= 1u << MSL_MAX_VECTOR_BITS || e->orders ||
      msl_is_volatile(e, inst) ||
      width * msl_memory_bytes(a.scalar) != 16 ||
      needs_inner_loop(e, a.pointer, e->group_of[inst], 0) ||
      (a.mask && needs_inner_loop(e, a.mask, e->group_of[inst], 0)))
    return 0;
  if (!is_always_true(e, a.mask) && e->layouts->mask_width[inst] < width)
    return 0;
  return width == 8 ? 1 : 2;
}

/* "*(device uint4 *)(p)" at the first of the 16 bytes. */
static const char *wide_place(emitter *e, const access *a,
                              const msl_point *outer) {
  address at;
  if (!take_apart(e, a->inst, a->pointer, outer, &at)) return "";
  return msl_text(e, "*(device %suint4 *)(%s)",
                  tm_get(e->ir, a->inst)->op == TM_LOAD
                      ? const_word(e, a->pointer) : "",
                  pointer_text(e, &at));
}

void msl_load_wide(emitter *e, tm_inst inst, const msl_point *outer) {
  access a = access_of(e, inst);
  tm_value v = tm_get(e->ir, inst)->results;
  const char *mask = NULL;
  if (!is_always_true(e, a.mask))
    mask = msl_paren(e, msl_eval(e, a.mask, outer), MSL_EQUALITY);
  const char *place = wide_place(e, &a, outer);
  if (e->values[v].packed) {
    const char *entry = msl_array_entry(e, v, outer);
    if (mask) msl_line(e, "%s = %s ? %s : uint4(0u);", entry, mask, place);
    else msl_line(e, "%s = %s;", entry, place);
    return;
  }
  tm_name name = tm_val(e->ir, v)->name;
  e->raw[inst] = msl_name(e, name ? msl_text(e, "%s_raw", name) : "raw");
  if (mask)
    msl_line(e, "const uint4 %s = %s ? %s : uint4(0u);", e->raw[inst], mask,
             place);
  else
    msl_line(e, "const uint4 %s = %s;", e->raw[inst], place);
}

/* The vector of raw bytes that the inner loop is at. */
static msl_expr wide_part(emitter *e, const access *a) {
  const char *raw = e->raw[a->inst], *h = e->half_var;
  bool bytes = msl_memory_bytes(a->scalar) == 1;
  return msl_primary(
      bytes ? msl_text(e, "as_type<%s>(%s[%s])",
                       msl_memory_type(e, a->scalar, 4), raw, h)
            : msl_text(e, "as_type<%s>(uint2(%s[%s * 2], %s[%s * 2 + 1]))",
                       msl_memory_type(e, a->scalar, 4), raw, h, raw, h), 4);
}

/* The mask decided for all 16 bytes: it need not be a vector here. */
static msl_expr wide_mask(emitter *e, const access *a,
                          const msl_point *point) {
  msl_expr mask = msl_eval(e, a->mask, &e->outer);
  msl_point p = *point;
  tm_value v = msl_look_through(e, a->mask, &p);
  if (mask.prec == MSL_PRIMARY) msl_remember(e, v, &p, mask);
  return mask;
}

/* Are elements behind the mask all zero bits, as the 16 bytes have them? */
static bool other_is_zero(const emitter *e, const access *a) {
  double f = 0;
  int64_t i = 0;
  return !a->other ||
         (tm_value_const_float(e->ir, a->other, &f) && f == 0 &&
          !signbit(f)) ||
         (tm_value_const_int(e->ir, a->other, &i) && i == 0);
}

static msl_expr load_from_wide(emitter *e, const access *a,
                               const msl_point *point) {
  msl_expr x = wide_part(e, a);
  if (is_always_true(e, a->mask)) return from_memory(e, a->scalar, x);
  msl_expr mask = wide_mask(e, a, point);
  if (other_is_zero(e, a)) return from_memory(e, a->scalar, x);
  x = (msl_expr){msl_text(e, "%s ? %s : %s",
                          msl_paren(e, mask, MSL_EQUALITY), x.text,
                          other_in_memory(e, a, point, 4).text),
                 MSL_TERNARY, 4};
  return from_memory(e, a->scalar, x);
}

bool msl_is_wide_copy(emitter *e, tm_inst inst) {
  access a = access_of(e, inst);
  return msl_wide_bits(e, inst) == 1 &&
         (is_always_true(e, a.mask) || other_is_zero(e, &a));
}

void msl_declare_wide(emitter *e, tm_inst inst) {
  e->raw[inst] = msl_name(e, "out_raw");
  msl_line(e, "uint4 %s;", e->raw[inst]);
}

static void store_to_wide(emitter *e, const access *a,
                          const msl_point *point) {
  const char *raw = e->raw[a->inst], *h = e->half_var;
  msl_expr x = to_memory(
      e, a->scalar,
      msl_widen(e, msl_eval(e, a->value, point), a->scalar, 4));
  if (msl_memory_bytes(a->scalar) == 1) {
    msl_line(e, "%s[%s] = as_type<uint>(%s);", raw, h, x.text);
    return;
  }
  const char *bits = msl_name(e, "bits");
  msl_line(e, "const uint2 %s = as_type<uint2>(%s);", bits, x.text);
  msl_line(e, "%s[%s * 2] = %s.x;", raw, h, bits);
  msl_line(e, "%s[%s * 2 + 1] = %s.y;", raw, h, bits);
}

void msl_store_wide(emitter *e, tm_inst inst, const msl_point *outer) {
  access a = access_of(e, inst);
  const char *mask = NULL;
  if (!is_always_true(e, a.mask))
    mask = msl_paren(e, msl_eval(e, a.mask, outer), MSL_EQUALITY);
  const char *place = wide_place(e, &a, outer);
  const char *condition =
      joined(e, msl_one_copy(e, msl_layout(e, a.pointer)), mask);
  if (condition)
    msl_line(e, "if (%s) %s = %s;", condition, place, e->raw[inst]);
  else
    msl_line(e, "%s = %s;", place, e->raw[inst]);
}

/* ---- loads of one point ----------------------------------------------- */

void msl_load(emitter *e, tm_inst inst, const msl_point *point) {
  access a = access_of(e, inst);
  tm_value v = tm_get(e->ir, inst)->results;
  tm_type type = tm_type_of(e->ir, v);
  const msl_value *value = &e->values[v];
  uint32_t lanes = 1u << point->n_comp;
  bool is_tile = tm_type_is_tensor(type);
  bool vector = lanes > 1 && e->layouts->width[inst] >= lanes && !e->orders;
  bool same = lanes > 1 && !varies(e, a.pointer, point) &&
              (is_always_true(e, a.mask) ||
               e->layouts->mask_width[inst] >= lanes) && !a.other;
  const char *entry = value->place == MSL_IN_ARRAY && value->storage == v
                          ? msl_array_entry(e, v, point)
                          : NULL;
  bool declared = entry && msl_reg_bits(e, v) > value->width;
  const char *name = entry ? entry : NULL;
  if (!name) name = msl_name_of(e, v, "x");
  if (lanes > 1 && !vector && !same) {
    if (!declared)
      msl_line(e, "%s %s;", msl_type(e, a.scalar, lanes), name);
    load_components(e, &a, point, name);
  } else {
    msl_point first = msl_point_component(point, 0);
    msl_expr x = e->raw[inst] ? load_from_wide(e, &a, point)
                 : vector     ? load_vector(e, &a, point)
                              : load_element(e, &a, &first, NULL);
    if (declared)
      msl_line(e, "%s = %s;", name,
               msl_widen(e, x, a.scalar, lanes).text);
    else if (entry)
      msl_line(e, "const %s %s = %s;", msl_type(e, a.scalar, lanes), name,
               msl_widen(e, x, a.scalar, lanes).text);
    else {
      msl_line(e, "const %s %s = %s;", msl_type(e, a.scalar, x.lanes), name,
               x.text);
      lanes = x.lanes;
    }
  }
  if (!is_tile) {
    msl_bind(e, v, name);
    return;
  }
  if (entry && !declared) return; /* read as the array it is */
  if (!entry) msl_remember(e, v, point, msl_primary(name, lanes));
}

/* ---- stores ----------------------------------------------------------- */

const char *msl_one_copy(emitter *e, const tm_layout *layout) {
  uint32_t lanes = 0, warps = 0;
  if (layout) tm_layout_copies(layout, &lanes, &warps);
  uint32_t all_warps = e->layouts->num_warps - 1;
  uint32_t mask = layout ? lanes | warps << TM_LANE_BITS
                         : 31u | all_warps << TM_LANE_BITS;
  return msl_when_zero(e, mask);
}

const char *msl_when_zero(emitter *e, uint32_t mask) {
  uint32_t all = 31u | (e->layouts->num_warps - 1) << TM_LANE_BITS;
  const char *var = "tid";
  if (mask == 0) return NULL;
  if (mask <= 31) var = "lane", all = 31;
  if (mask <= 31) e->uses_lane = true;
  else e->uses_tid = true;
  return mask == all ? msl_text(e, "%s == 0", var)
                     : msl_text(e, "(%s & %u) == 0", var, (unsigned)mask);
}

static void store_element(emitter *e, const access *a, const char *guard,
                          const msl_point *point) {
  msl_expr x = to_memory(e, a->scalar, msl_eval(e, a->value, point));
  const char *mask = NULL;
  if (!is_always_true(e, a->mask))
    mask = msl_paren(e, msl_eval(e, a->mask, point), MSL_EQUALITY);
  address at;
  const char *condition = joined(e, guard, mask);
  const msl_region *shared = msl_shared_region(e, a->pointer);
  msl_expr index;
  if (shared) {
    if (msl_shared_place(e, a->inst, a->pointer, point, &index))
      msl_shared_store(e, shared, a->scalar, index, condition, x.text);
    return;
  }
  if (!take_apart(e, a->inst, a->pointer, point, &at)) return;
  const char *place = element_text(e, &at);
  if (condition) msl_line(e, "if (%s) %s = %s;", condition, place, x.text);
  else msl_line(e, "%s = %s;", place, x.text);
}

void msl_store(emitter *e, tm_inst inst, const msl_point *point) {
  access a = access_of(e, inst);
  if (e->raw[inst]) {
    store_to_wide(e, &a, point);
    return;
  }
  const tm_layout *layout = msl_layout(e, a.pointer);
  const char *guard = msl_one_copy(e, layout);
  uint32_t lanes = 1u << point->n_comp;
  if (lanes == 1 || e->layouts->width[inst] < lanes || e->orders) {
    for (uint32_t j = 0; j < lanes; j++) {
      msl_point one = msl_point_component(point, j);
      store_element(e, &a, guard, &one);
    }
    return;
  }
  msl_expr x = to_memory(
      e, a.scalar,
      msl_widen(e, msl_eval(e, a.value, point), a.scalar, lanes));
  bool all = is_always_true(e, a.mask);
  msl_expr mask = all ? msl_primary("true", 1) : mask_at(e, &a, point);
  msl_point first = msl_point_component(point, 0);
  address at;
  if (!take_apart(e, inst, a.pointer, &first, &at)) return;
  const char *p = pointer_text(e, &at);
  if (mask.lanes > 1) {
    const char *f = msl_use(e, MSL_H_STORE_MASKED,
                            msl_memory_type(e, a.scalar, 1), lanes);
    const char *text =
        msl_text(e, "%s(%s, %s, %s);", f, p, mask.text, x.text);
    if (guard) msl_line(e, "if (%s) %s", guard, text);
    else msl_line(e, "%s", text);
    return;
  }
  const char *condition =
      joined(e, guard, all ? NULL : msl_paren(e, mask, MSL_EQUALITY));
  const char *text = msl_text(e, "*(device %s *)(%s) = %s;",
                              msl_memory_type(e, a.scalar, lanes), p, x.text);
  if (condition) msl_line(e, "if (%s) %s", condition, text);
  else msl_line(e, "%s", text);
}

/* ---- for emitter_atomic.c --------------------------------------------- */

bool msl_mask_is_true(const emitter *e, tm_value mask) {
  return is_always_true(e, mask);
}

const char *msl_place_text(emitter *e, tm_inst user, tm_value pointer,
                           const msl_point *point) {
  address at;
  if (!take_apart(e, user, pointer, point, &at)) return NULL;
  const char *place = pointer_text(e, &at);
  bool loose = at.offset.n || at.base.prec > MSL_UNARY;
  return loose ? msl_text(e, "(%s)", place) : place;
}
