/* SPDX-License-Identifier: MIT */
/*
 * emitter_atomic.c - atomic operations on scalars and tiles.
 *
 * Widths. Metal's atomics are of 32 bits. Those of 16 bits are a
 * compare-and-swap loop on the aligned word that holds the element; the weak
 * form may fail without cause, so every use of it is a loop. Of 64 bits there
 * are only the unsigned minimum and maximum, without the old value, from
 * Apple8 on (METAL-FACTS 2.4).
 *
 * Order. Metal's atomics are relaxed, and plain accesses to device memory are
 * coherent in a threadgroup only. A program is a threadgroup, so that scope
 * cta asks for nothing; acquire and release in wider scopes are made of what
 * MSL 3.2 has (METAL-FACTS 3.2, 6.30): every pointer becomes
 * coherent(device), and around the operation stand, for all threads,
 *
 *     atomic_thread_fence(device, seq_cst)     what this thread wrote is out
 *     threadgroup_barrier(device)              ... and what the others wrote
 *     one thread: the relaxed operation
 *     threadgroup_barrier(device)
 *     atomic_thread_fence(device, seq_cst)     what follows reads anew
 *
 * That costs, so it is left out where it cannot be observed: in a kernel in
 * which no atomic operation gives its old value to anybody, nothing acquires,
 * and what sums, maxima and bit sets release is ordered by the end of the
 * dispatch anyway. Default semantics of tl.atomic_add are acq_rel, although
 * nearly all kernels only want the sum.
 *
 * A tile that several threads hold is done by one of them; where the old
 * values are wanted they go through threadgroup memory. So are volatile
 * loads: what another program changes meanwhile must be one value for all
 * threads, whose branches and barriers may depend on it.
 */
#include "emitter.h"

typedef struct atomic {
  tm_inst inst;
  tm_value pointer, value, mask; /* value: what is added or stored */
  tm_scalar scalar;
  tm_rmw op;
  tm_value other;       /* volatile loads: where the mask is false; or 0 */
  bool is_cas, is_load, is_store, used;
} atomic;

/* Whether somebody wants what inst gives. */
static bool has_uses(const emitter *e, tm_inst inst) {
  const tm_inst_data *d = tm_get(e->ir, inst);
  return d->n_results && e->values[d->results].uses > 0;
}

static atomic atomic_of(const emitter *e, tm_inst inst) {
  const tm_inst_data *d = tm_get(e->ir, inst);
  atomic a = {.inst = inst, .pointer = d->operands[0],
              .is_cas = d->op == TM_ATOMIC_CAS,
              .is_load = d->op == TM_ATOMIC_LOAD || d->op == TM_LOAD,
              .is_store = d->op == TM_ATOMIC_STORE};
  uint32_t mask = a.is_load ? 1 : 2;
  if (!a.is_load) a.value = d->operands[a.is_cas ? 2 : 1];
  if (!a.is_cas && d->n_operands > mask) a.mask = d->operands[mask];
  if (d->op == TM_LOAD && d->n_operands > 2) a.other = d->operands[2];
  a.scalar = msl_scalar_of(
      tm_type_element(tm_type_of(e->ir, a.pointer))->element);
  a.op = (tm_rmw)tm_inst_int(e->ir, inst, TM_ATTR_RMW_OP, 0);
  a.used = has_uses(e, inst);
  return a;
}

/* ---- order ------------------------------------------------------------ */

enum { RELAXED = 1, SCOPE_CTA = 2 }; /* upstream's numbers */

static bool may_order(const emitter *e, tm_inst inst) {
  if (msl_is_shared(e, tm_get(e->ir, inst)->operands[0])) return false;
  return tm_inst_int(e->ir, inst, TM_ATTR_SEM, RELAXED) != RELAXED &&
         tm_inst_int(e->ir, inst, TM_ATTR_SCOPE, 1) != SCOPE_CTA;
}

/* Something that can acquire, or release to another program's polling. */
static bool synchronizes(const emitter *e, tm_inst inst) {
  if (!tm_op_is_atomic(tm_get(e->ir, inst)->op) || !may_order(e, inst))
    return false;
  atomic a = atomic_of(e, inst);
  return a.is_cas || a.used || a.is_store || a.op == TM_RMW_XCHG;
}

/* Done as this file says. */
static bool is_special(const emitter *e, tm_inst inst) {
  return tm_op_is_atomic(tm_get(e->ir, inst)->op) || msl_is_volatile(e, inst);
}

bool msl_is_volatile(const emitter *e, tm_inst inst) {
  enum { CACHE_CV = 7 }; /* ".cv": do not cache, fetch again */
  const tm_inst_data *d = tm_get(e->ir, inst);
  return d->op == TM_LOAD && !msl_is_shared(e, d->operands[0]) &&
         (tm_inst_int(e->ir, inst, TM_ATTR_VOLATILE, 0) != 0 ||
          tm_inst_int(e->ir, inst, TM_ATTR_CACHE, 0) == CACHE_CV);
}

void msl_find_order(emitter *e, tm_inst inst) {
  if (synchronizes(e, inst)) e->orders = true;
}

static bool is_ordered(const emitter *e, tm_inst inst) {
  return e->orders && may_order(e, inst);
}

static void fence(emitter *e) {
  msl_line(e, "atomic_thread_fence(mem_flags::mem_device, "
              "memory_order_seq_cst, thread_scope_device);");
}

static void before_order(emitter *e) {
  fence(e);
  msl_barrier(e, "mem_flags::mem_device | mem_flags::mem_threadgroup");
}

static void after_order(emitter *e) {
  msl_barrier(e, "mem_flags::mem_device | mem_flags::mem_threadgroup");
  fence(e);
}

/* ---- what Metal has --------------------------------------------------- */

static bool refuse(emitter *e, const atomic *a, const char *hint) {
  tm_diag *diag = msl_refuse(e, a->inst,
                             "this atomic operation on %s is not in Metal",
                             tm_scalar_name(a->scalar));
  tm_diag_hint(e->diags, diag, "%s", hint);
  return false;
}

static bool is_supported(emitter *e, const atomic *a) {
  bool extreme = a->op == TM_RMW_UMAX || a->op == TM_RMW_UMIN;
  bool is_float = tm_scalar_is_float(a->scalar);
  if (msl_is_shared(e, a->pointer)) return true; /* planned so */
  if (tm_get(e->ir, a->inst)->op == TM_LOAD) return true;
  if ((a->is_load || a->is_store) && tm_scalar_bits(a->scalar) != 32)
    return refuse(e, a, "Metal's atomic loads and stores are of 32 bits: use "
                        "a buffer of int32 or float32");
  if (a->is_load || a->is_store) return true;
  switch (a->scalar) {
    case TM_I32: return true;
    case TM_F32:
      if (a->is_cas || a->op == TM_RMW_FADD || a->op == TM_RMW_XCHG)
        return true;
      return refuse(e, a, "tl.float32 has add, max, min, xchg and cas");
    case TM_I16: case TM_F16: case TM_BF16:
      if (a->is_cas || (is_float && a->op == TM_RMW_FADD)) return true;
      return refuse(e, a, "elements of 16 bits have tl.atomic_cas, and "
                          "floats of them tl.atomic_add");
    case TM_I64:
      if (!a->is_cas && extreme && !a->used && e->chip->family >= 8) {
        e->out->family = 8;
        return true;
      }
      return refuse(e, a, "Metal's 64-bit atomics are the unsigned minimum "
                          "and maximum without the old value, from M2 on: "
                          "count in 32 bits, or in two words");
    default:
      return refuse(e, a, "use a buffer of int32 or float32");
  }
}

/* ---- one element ------------------------------------------------------ */

static const char *function_of(tm_rmw op) {
  switch (op) {
    case TM_RMW_FADD: case TM_RMW_ADD: return "fetch_add";
    case TM_RMW_XCHG: return "exchange";
    case TM_RMW_AND: return "fetch_and";
    case TM_RMW_OR: return "fetch_or";
    case TM_RMW_XOR: return "fetch_xor";
    case TM_RMW_MAX: case TM_RMW_UMAX: return "fetch_max";
    case TM_RMW_MIN: case TM_RMW_UMIN: return "fetch_min";
  }
  return "exchange";
}

static const char *space(const emitter *e) {
  return e->orders ? MSL_COHERENT_DEVICE : "device";
}

/* An element of 16 bits as its bits, and back. */
static const char *to_bits(emitter *e, tm_scalar s, const char *x) {
  if (s == TM_BF16)
    return msl_text(e, "%s(%s)", msl_use_codec(e, s, MSL_CODE_OF, 1), x);
  return s == TM_F16 ? msl_text(e, "as_type<ushort>(half(%s))", x)
                     : msl_text(e, "ushort(%s)", x);
}

static const char *of_bits(emitter *e, tm_scalar s, const char *x) {
  if (s == TM_BF16)
    return msl_text(e, "%s(%s)", msl_use_codec(e, s, MSL_LOAD_CODE, 1), x);
  return s == TM_F16 ? msl_text(e, "as_type<half>(%s)", x)
                     : msl_text(e, "short(%s)", x);
}

/* The word that holds the element of 16 bits at place, and where in it. */
typedef struct half_word { const char *word, *shift, *old; } half_word;

static half_word open_word(emitter *e, const char *place) {
  half_word h = {msl_name(e, "word"), msl_name(e, "shift"),
                 msl_name(e, "old_word")};
  const char *address = msl_name(e, "address");
  msl_line(e, "const ulong %s = (ulong)%s;", address, place);
  msl_line(e, "%s atomic_uint *%s = (%s atomic_uint *)(%s & ~3ul);", space(e),
           h.word, space(e), address);
  msl_line(e, "const uint %s = uint(%s & 2ul) * 8u;", h.shift, address);
  msl_line(e, "uint %s = atomic_load_explicit(%s, memory_order_relaxed);",
           h.old, h.word);
  return h;
}

/* "!swap(word, old, with the element's bits = bits)" */
static const char *no_swap(emitter *e, const half_word *h, const char *bits) {
  return msl_text(e, "!atomic_compare_exchange_weak_explicit(%s, &%s, "
                     "(%s & ~(0xffffu << %s)) | uint(%s) << %s, "
                     "memory_order_relaxed, memory_order_relaxed)",
                  h->word, h->old, h->old, h->shift, bits, h->shift);
}

static void cas_text(emitter *e, const atomic *a, const char *place,
                     const msl_point *point, const char *name) {
  const tm_inst_data *d = tm_get(e->ir, a->inst);
  const char *want = msl_eval(e, d->operands[1], point).text;
  const char *with = msl_eval(e, d->operands[2], point).text;
  bool is_float = a->scalar == TM_F32;
  msl_line(e, "// The weak form may fail without cause: try until it succeeds "
              "or the value differs.");
  if (tm_scalar_bits(a->scalar) == 16) {
    const char *bits = msl_name(e, "wanted");
    msl_line(e, "const ushort %s = %s;", bits, to_bits(e, a->scalar, want));
    half_word h = open_word(e, place);
    msl_open(e, "while (ushort(%s >> %s) == %s && %s)", h.old, h.shift, bits,
             no_swap(e, &h, to_bits(e, a->scalar, with)));
    msl_close(e);
    if (name)
      msl_line(e, "%s = %s;", name,
               of_bits(e, a->scalar, msl_text(e, "ushort(%s >> %s)", h.old,
                                              h.shift)));
    return;
  }
  const char *old = msl_name(e, "expected"), *wanted = msl_name(e, "wanted");
  msl_line(e, "const int %s = %s;", wanted,
           is_float ? msl_text(e, "as_type<int>(%s)", want) : want);
  msl_line(e, "int %s = %s;", old, wanted);
  msl_open(e, "while (!atomic_compare_exchange_weak_explicit("
              "(%s atomic_int *)%s, &%s, %s, memory_order_relaxed, "
              "memory_order_relaxed) && %s == %s)",
           space(e), place, old,
           is_float ? msl_text(e, "as_type<int>(%s)", with) : with, old,
           wanted);
  msl_close(e);
  if (name)
    msl_line(e, "%s = %s;", name,
             is_float ? msl_text(e, "as_type<float>(%s)", old) : old);
}

/* A sum of floats of 16 bits, each addition rounded to them. */
static void half_sum_text(emitter *e, const atomic *a, const char *place,
                          const msl_point *point, const char *name) {
  const char *x = msl_eval(e, a->value, point).text;
  half_word h = open_word(e, place);
  const char *now = msl_name(e, "now"), *bits = msl_name(e, "sum");
  const char *sum = msl_text(e, "%s + %s", now, x);
  if (a->scalar == TM_BF16)
    sum = msl_text(e, "%s(%s)", msl_use_codec(e, TM_BF16, MSL_ROUND, 1), sum);
  sum = to_bits(e, a->scalar, sum);
  const char *before = of_bits(
      e, a->scalar, msl_text(e, "ushort(%s >> %s)", h.old, h.shift));
  msl_line(e, "%s %s = %s;", msl_type(e, a->scalar, 1), now, before);
  msl_line(e, "ushort %s = %s;", bits, sum);
  msl_open(e, "while (%s)", no_swap(e, &h, bits));
  msl_line(e, "%s = %s;", now, before);
  msl_line(e, "%s = %s;", bits, sum);
  msl_close(e);
  if (name) msl_line(e, "%s = %s;", name, now);
}

/* Compilers take plain loads out of loops; atomic ones stay, and those of
 * other widths are marked. */
static void volatile_text(emitter *e, const atomic *a, const char *place,
                          const char *name) {
  tm_scalar s = a->scalar;
  if (!name) return;
  const char *x = msl_text(e, "*(volatile %s %s *)%s", space(e),
                           msl_memory_type(e, s, 1), place);
  if (msl_is_coded(s))
    x = msl_text(e, "%s(%s)", msl_use_codec(e, s, MSL_LOAD_CODE, 1), x);
  msl_line(e, s == TM_I1 ? "%s = %s != 0;" : "%s = %s;", name, x);
}

/* An atomic load or store. */
static void plain_text(emitter *e, const atomic *a, const char *place,
                       const msl_point *point, const char *name) {
  const char *type = a->scalar == TM_F32 ? "atomic_float" : "atomic_int";
  if (a->is_load && a->scalar != TM_F32 && a->scalar != TM_I32)
    volatile_text(e, a, place, name);
  else if (a->is_load)
    msl_line(e, "%s%satomic_load_explicit((%s %s *)%s, "
                "memory_order_relaxed);",
             name ? name : "", name ? " = " : "", space(e), type, place);
  else
    msl_line(e, "atomic_store_explicit((%s %s *)%s, %s, "
                "memory_order_relaxed);",
             space(e), type, place, msl_eval(e, a->value, point).text);
}

/* Statements that leave the old value in `name`, if that is not NULL. */
static void atomic_text(emitter *e, const atomic *a, const char *place,
                        const msl_point *point, const char *name) {
  if (a->is_cas) {
    cas_text(e, a, place, point, name);
    return;
  }
  if (a->is_load || a->is_store) {
    plain_text(e, a, place, point, name);
    return;
  }
  if (tm_scalar_bits(a->scalar) == 16) {
    half_sum_text(e, a, place, point, name);
    return;
  }
  const char *set = name ? msl_text(e, "%s = ", name) : "";
  const char *x = msl_eval(e, a->value, point).text;
  bool is_unsigned = a->op == TM_RMW_UMAX || a->op == TM_RMW_UMIN;
  if (a->scalar == TM_I64) {
    msl_line(e, "atomic_%s_explicit((%s atomic_ulong *)%s, ulong(%s), "
                "memory_order_relaxed);",
             a->op == TM_RMW_UMAX ? "max" : "min", space(e), place, x);
    return;
  }
  const char *type = a->scalar == TM_F32 ? "atomic_float"
                     : is_unsigned       ? "atomic_uint"
                                         : "atomic_int";
  msl_line(e, is_unsigned ? "%sint(atomic_%s_explicit((%s %s *)%s, uint(%s), "
                            "memory_order_relaxed));"
                          : "%satomic_%s_explicit((%s %s *)%s, %s, "
                            "memory_order_relaxed);",
           set, function_of(a->op), space(e), type, place, x);
}

/* The same in one of the kernel's own arrays. */
static void shared_text(emitter *e, const atomic *a, const msl_region *region,
                        const msl_point *point, const char *name) {
  msl_expr at;
  const tm_inst_data *d = tm_get(e->ir, a->inst);
  if (!msl_shared_place(e, a->inst, a->pointer, point, &at)) return;
  const char *x = msl_eval(e, d->operands[1], point).text;
  if (a->is_cas)
    msl_shared_cas(e, region, a->scalar, at, x,
                   msl_eval(e, a->value, point).text, name);
  else
    msl_shared_rmw(e, region, a->scalar, a->op, at, x, name);
}

static void atomic_element(emitter *e, const atomic *a, const char *guard,
                           const msl_point *point, const char *name) {
  const msl_region *shared = msl_shared_region(e, a->pointer);
  const char *mask = NULL;
  if (!a->is_cas && !msl_mask_is_true(e, a->mask))
    mask = msl_paren(e, msl_eval(e, a->mask, point), MSL_EQUALITY);
  const char *place =
      shared ? "" : msl_place_text(e, a->inst, a->pointer, point);
  if (!place) return;
  const char *condition = guard && mask ? msl_text(e, "%s && %s", guard, mask)
                          : guard       ? guard
                                        : mask;
  const char *nothing = "";
  if (mask && name) /* nothing was there: 0, and not what memory held */
    nothing = a->other ? msl_eval(e, a->other, point).text
                       : msl_text(e, "%s(0)", msl_type(e, a->scalar, 1));
  if (mask && name)
    msl_line(e, guard ? "if (%s) %s = %s;" : "%s%s = %s;",
             guard ? guard : "", name, nothing);
  bool block = condition || a->is_cas || shared ||
               tm_scalar_bits(a->scalar) == 16;
  if (condition) msl_open(e, "if (%s)", condition);
  else if (block) msl_open(e, "%s", "");
  if (shared) shared_text(e, a, shared, point, name);
  else atomic_text(e, a, place, point, name);
  if (block) msl_close(e);
}

/* ---- scalars ---------------------------------------------------------- */

static void scalar_atomic(emitter *e, const atomic *a,
                          const msl_point *point) {
  const char *guard = msl_one_copy(e, NULL);
  bool ordered = is_ordered(e, a->inst);
  msl_region *region = a->used ? msl_region_of(e, a->inst, 0) : NULL;
  if (ordered) before_order(e);
  if (region) msl_region_write(e, region);
  atomic_element(e, a, guard, point,
                 region ? msl_text(e, "*%s", region->name) : NULL);
  if (ordered) after_order(e);
  if (!region) return;
  tm_value v = tm_get(e->ir, a->inst)->results;
  const char *name = msl_name_of(e, v, "old");
  if (!ordered) msl_region_read(e, region);
  else msl_region_note(e, region, true, false);
  msl_line(e, "const %s %s = *%s;", msl_type(e, a->scalar, 1), name,
           region->name);
  msl_bind(e, v, name);
}

/* ---- tiles ------------------------------------------------------------ */

static uint32_t numel_of(const tm_layout *layout) {
  uint32_t bits = 0;
  for (uint32_t d = 0; d < layout->rank; d++) bits += layout->dim_bits[d];
  return 1u << bits;
}

bool msl_atomic_is_collective(emitter *e, tm_inst inst) {
  const tm_inst_data *d = tm_get(e->ir, inst);
  if (!is_special(e, inst)) return false;
  const tm_layout *layout = msl_layout(e, d->operands[0]);
  if (!layout) return false;
  if (is_ordered(e, inst)) return true;
  return has_uses(e, inst) && msl_one_copy(e, layout);
}

/* The old values that other threads want go through a region. */
void msl_atomic_plan(emitter *e, tm_inst inst) {
  const tm_inst_data *d = tm_get(e->ir, inst);
  if (!has_uses(e, inst)) return;
  const tm_layout *layout = msl_layout(e, d->operands[0]);
  tm_scalar scalar = msl_scalar_of(tm_type_of(e->ir, d->results));
  uint32_t size = msl_register_bytes(scalar), n = 1;
  if (layout) {
    if (!msl_atomic_is_collective(e, inst) || !msl_one_copy(e, layout))
      return;
    n = numel_of(layout);
  }
  msl_region_add(e, inst, 0, "old_value", msl_type(e, scalar, 1),
                 n * size < 4 ? 4 : n * size, n, n, inst, inst);
}

/* A tile on its own: ordered, or with old values for several threads. */
void msl_atomic_collective(emitter *e, tm_inst inst) {
  atomic a = atomic_of(e, inst);
  if (!is_supported(e, &a)) return;
  tm_value v = tm_get(e->ir, inst)->results;
  const tm_layout *layout = msl_layout(e, a.pointer);
  const char *guard = msl_one_copy(e, layout);
  bool ordered = is_ordered(e, inst);
  msl_region *region = a.used && guard ? msl_region_of(e, inst, 0) : NULL;
  if (a.used) {
    e->values[v].name = msl_name_of(e, v, "old");
    msl_declare_array(e, v);
  }
  if (ordered) before_order(e);
  if (region) msl_region_write(e, region);
  const char *var = msl_loop(e, "r", 1u << layout->n_reg);
  msl_point p = msl_point_all(var, layout->n_reg, 0);
  const char *to = NULL;
  if (region)
    to = msl_text(e, "%s[%s]", region->name,
                  msl_tile_index(e, layout, &p, region->row,
                                 region->pitch).text);
  else if (a.used)
    to = msl_array_entry(e, v, &p);
  atomic_element(e, &a, guard, &p, to);
  if (var) msl_close(e);
  if (ordered) after_order(e);
  if (!region) return;
  if (!ordered) msl_region_read(e, region);
  else msl_region_note(e, region, true, false);
  var = msl_loop(e, "r", 1u << layout->n_reg);
  p = msl_point_all(var, layout->n_reg, 0);
  msl_line(e, "%s = %s[%s];", msl_array_entry(e, v, &p), region->name,
           msl_tile_index(e, layout, &p, region->row, region->pitch).text);
  if (var) msl_close(e);
}

void msl_atomic(emitter *e, tm_inst inst, const msl_point *point) {
  atomic a = atomic_of(e, inst);
  tm_value v = tm_get(e->ir, inst)->results;
  if (!is_supported(e, &a)) return;
  const tm_layout *layout = msl_layout(e, a.pointer);
  if (!layout) { /* one program, one operation */
    scalar_atomic(e, &a, point);
    return;
  }
  const char *guard = msl_one_copy(e, layout);
  uint32_t lanes = 1u << point->n_comp;
  const char *entry =
      a.used && e->values[v].place == MSL_IN_ARRAY ? "" : NULL;
  const char *name = NULL;
  if (a.used && !entry) {
    const char *type = msl_type(e, a.scalar, lanes);
    name = msl_name_of(e, v, "old");
    msl_line(e, "%s %s = %s(0);", type, name, type);
  } else if (a.used && msl_reg_bits(e, v) == e->values[v].width) {
    msl_declare_array(e, v);
  }
  for (uint32_t j = 0; j < lanes; j++) {
    msl_point one = msl_point_component(point, j);
    const char *to = NULL;
    if (entry) to = msl_array_entry(e, v, &one);
    else if (a.used)
      to = lanes > 1 ? msl_text(e, "%s.%c", name, "xyzw"[j]) : name;
    atomic_element(e, &a, guard, &one, to);
  }
  if (name) msl_remember(e, v, point, msl_primary(name, lanes));
}
