/* SPDX-License-Identifier: MIT */
/*
 * emitter_shared.c - arrays that the kernel itself keeps in threadgroup
 * memory (ttm.shared_alloc): where they are, how an element is reached, and
 * the barriers between accesses.
 *
 * An array is a region of the pool (emitter_pool.c) that lives from its first
 * access to its last. A loop around an access is part of its life, because
 * the next trip finds what this one left. Every statement sees what earlier
 * ones stored, so that an access waits by a barrier for
 *
 *   a load        stores and atomic operations before it
 *   a store       loads, stores and atomic operations before it
 *   an atomic     all of them, except operations of the same kind whose old
 *   operation     values nobody wants: sums in any order are the same sum
 *
 * since the last barrier. No access is taken to be to a thread's own element:
 * two indices may be equal.
 *
 * Arrays with atomic operations are declared as arrays of atomics, outside of
 * the pool and reached without a cast, since casts to atomics have crashed a
 * compiler (METAL-FACTS 6.1, B11). Their elements are 32 bits wide; loads and
 * stores of them are relaxed atomics. What Metal has no operation for is a
 * compare-and-swap loop, which guesses 0 first: a failure tells the value.
 *
 * A masked load reads the first element where its mask is false, and then
 * chooses: no load stands under a condition (METAL-FACTS 6.1, 7).
 */
#include "emitter.h"

static bool is_shared(const emitter *e, tm_value pointer) {
  tm_type t = tm_type_element(tm_type_of(e->ir, pointer));
  return t->kind == TM_TYPE_POINTER && t->address_space == TM_SPACE_SHARED;
}

/* The ttm.shared_alloc that a pointer is made of; 0: not one alone. */
static tm_inst array_of(const emitter *e, tm_value pointer) {
  for (;;) {
    tm_inst def = tm_val(e->ir, pointer)->def;
    if (!def) return 0;
    const tm_inst_data *d = tm_get(e->ir, def);
    switch (d->op) {
      case TM_SHARED_ALLOC: return def;
      case TM_ADDPTR: case TM_SPLAT: case TM_BITCAST: case TM_ARITH_BITCAST:
      case TM_BROADCAST: case TM_EXPAND_DIMS: case TM_RESHAPE: case TM_TRANS:
      case TM_CONVERT_LAYOUT:
        pointer = d->operands[0];
        break;
      default: return 0;
    }
  }
}

msl_region *msl_shared_region(emitter *e, tm_value pointer) {
  if (!is_shared(e, pointer)) return NULL;
  tm_inst array = array_of(e, pointer);
  return array ? msl_region_of(e, array, 0) : NULL;
}

bool msl_is_shared(const emitter *e, tm_value pointer) {
  return is_shared(e, pointer);
}

bool msl_shared_place(emitter *e, tm_inst user, tm_value pointer,
                      const msl_point *point, msl_expr *at) {
  msl_point p = *point;
  msl_sum sum = {.n = 0};
  for (;;) {
    bool tile = tm_type_is_tensor(tm_type_of(e->ir, pointer));
    if (tile) pointer = msl_look_through(e, pointer, &p);
    tm_inst def = tm_val(e->ir, pointer)->def;
    if (e->failed || !def) return false; /* array_of has refused it */
    const tm_inst_data *d = tm_get(e->ir, def);
    if (d->op == TM_SHARED_ALLOC) break;
    if (d->op == TM_ADDPTR && sum.n == TM_COUNT(sum.terms)) {
      msl_refuse(e, user, "an index of so many parts");
      return false;
    }
    if (d->op == TM_ADDPTR)
      msl_sum_add(&sum, tile ? msl_eval(e, d->operands[1], &p)
                             : msl_eval_scalar(e, d->operands[1]));
    pointer = d->operands[0];
  }
  *at = sum.n ? msl_sum_text(e, &sum) : msl_primary("0", 1);
  return true;
}

/* ---- planning ----------------------------------------------------------- */

/* What the kernel does with one array. */
typedef struct uses {
  tm_inst array, first, last;
  bool atomic, is_signed, is_unsigned, any;
  tm_inst odd; /* an atomic operation on elements that are not of 32 bits */
} uses;

/* The outermost loop or branch around inst, or inst itself. */
static tm_inst outermost(const emitter *e, tm_inst inst) {
  for (;;) {
    tm_inst parent = tm_blk(e->ir, tm_get(e->ir, inst)->block)->parent;
    if (!parent) return inst;
    inst = parent;
  }
}

/* The last instruction inside of inst, which may have regions. */
static tm_inst end_of(const emitter *e, tm_inst inst) {
  for (;;) {
    const tm_inst_data *d = tm_get(e->ir, inst);
    if (!d->n_regions) return inst;
    tm_inst last = tm_blk(e->ir, d->regions[d->n_regions - 1])->last;
    if (!last) return inst;
    inst = last;
  }
}

static void note_use(emitter *e, tm_inst inst, uses *u) {
  const tm_inst_data *d = tm_get(e->ir, inst);
  if (!tm_op_is_access(d->op) || !is_shared(e, d->operands[0])) return;
  tm_inst array = array_of(e, d->operands[0]);
  if (!array) {
    tm_diag *diag = msl_refuse(e, inst, "shared memory chosen at run time");
    tm_diag_hint(e->diags, diag, "use one array with a part for each choice");
    return;
  }
  if (array != u->array) return;
  if (!u->any) u->first = outermost(e, inst);
  u->last = end_of(e, outermost(e, inst));
  u->any = true;
  if (!tm_op_is_atomic(d->op)) return;
  tm_type element = tm_type_element(tm_type_of(e->ir, d->operands[0]))->element;
  int64_t op = tm_inst_int(e->ir, inst, TM_ATTR_RMW_OP, 0);
  u->atomic = true;
  if (tm_scalar_bits(element->scalar) != 32) u->odd = inst;
  if (op == TM_RMW_MAX || op == TM_RMW_MIN) u->is_signed = true;
  if (op == TM_RMW_UMAX || op == TM_RMW_UMIN) u->is_unsigned = true;
}

static void note_uses(emitter *e, tm_block block, uses *u) {
  TM_EACH_INST(e->ir, inst, block) {
    note_use(e, inst, u);
    const tm_inst_data *d = tm_get(e->ir, inst);
    for (uint32_t r = 0; r < d->n_regions; r++)
      note_uses(e, d->regions[r], u);
  }
}

bool msl_shared_plan(emitter *e, tm_inst array) {
  const tm_inst_data *d = tm_get(e->ir, array);
  tm_scalar scalar = tm_type_of(e->ir, d->results)->element->scalar;
  uses u = {.array = array, .first = array, .last = array};
  note_uses(e, e->func->body, &u);
  if (e->failed) return false;
  if (u.odd) {
    tm_diag *diag = msl_refuse(
        e, u.odd, "this atomic operation on %s in shared memory",
        tm_scalar_name(scalar));
    tm_diag_hint(e->diags, diag, "Metal's atomics in threadgroup memory are "
                 "of 32 bits: use tl.int32 or tl.float32");
    return false;
  }
  int64_t count = tm_inst_int(e->ir, array, TM_ATTR_COUNT, 1);
  const char *type = !u.atomic ? msl_memory_type(e, scalar, 1)
                     : u.is_unsigned && !u.is_signed ? "atomic_uint"
                                                     : "atomic_int";
  tm_name name = tm_val(e->ir, d->results)->name;
  int64_t bytes = count * msl_memory_bytes(scalar);
  msl_region_add(e, array, 0, name ? name : "shared", type, (uint32_t)bytes,
                 (uint32_t)count, (uint32_t)count, u.first, u.last);
  msl_region *region = &e->regions.data[e->regions.len - 1];
  region->is_array = true;
  region->is_atomic = u.atomic;
  e->values[d->results].place = MSL_IN_VARIABLE;
  e->values[d->results].name = region->name;
  return true;
}

/* ---- order -------------------------------------------------------------- */

void msl_shared_order(emitter *e, tm_inst inst) {
  const tm_inst_data *d = tm_get(e->ir, inst);
  msl_region *region = msl_shared_region(e, d->operands[0]);
  if (!region) return;
  tm_push(e->arena, &e->steps, e->body.len);
  if (d->op == TM_LOAD) {
    msl_region_read(e, region);
    return;
  }
  tm_rmw op = d->op == TM_ATOMIC_RMW && e->values[d->results].uses == 0
                  ? (tm_rmw)tm_inst_int(e->ir, inst, TM_ATTR_RMW_OP, 0)
                  : 0;
  if (op == TM_RMW_XCHG) op = 0; /* the last one counts */
  bool same = op && region->written && !region->read && region->rmw == op;
  if (!same) msl_region_write(e, region);
  region->rmw = op;
}

/* The one kind of atomic operation that block does with region's array, and
 * nothing else; 0: others, or more than one kind. *any: something is done. */
static tm_rmw only_rmw(emitter *e, const msl_region *region, tm_block block,
                       bool *any) {
  tm_rmw only = 0;
  TM_EACH_INST(e->ir, inst, block) {
    const tm_inst_data *d = tm_get(e->ir, inst);
    tm_rmw op = 0;
    bool here = false;
    for (uint32_t r = 0; r < d->n_regions; r++) {
      bool inside = false;
      tm_rmw x = only_rmw(e, region, d->regions[r], &inside);
      if (inside && here && x != op) x = 0;
      if (inside) op = x, here = true;
      if (inside && !x) {
        *any = true;
        return 0;
      }
    }
    if (tm_op_is_access(d->op) && msl_shared_region(e, d->operands[0]) == region) {
      here = true;
      if (d->op == TM_ATOMIC_RMW && e->values[d->results].uses == 0)
        op = (tm_rmw)tm_inst_int(e->ir, inst, TM_ATTR_RMW_OP, 0);
    }
    if (!here) continue;
    if (!op || op == TM_RMW_XCHG || (*any && op != only)) {
      *any = true;
      return 0;
    }
    only = op;
    *any = true;
  }
  return only;
}

void msl_shared_before_loop(emitter *e, tm_block body) {
  if (e->array_bytes == 0) return;
  for (uint32_t i = 0; i < e->regions.len; i++) {
    msl_region *region = &e->regions.data[i];
    bool any = false;
    if (!region->is_atomic) continue;
    tm_rmw op = only_rmw(e, region, body, &any);
    if (!op || (!region->read && !region->written)) continue;
    if (region->written && !region->read && region->rmw == op) continue;
    msl_region_write(e, region); /* once, and not in every trip */
    region->rmw = op;
  }
}

void msl_shared_enter_loop(emitter *e, msl_region *region, tm_block body) {
  bool any = false;
  tm_rmw op = region->is_atomic ? only_rmw(e, region, body, &any) : 0;
  bool fresh = !region->read && (!region->written || region->rmw == op);
  if (op && fresh) {
    msl_region_note(e, region, false, true);
    region->rmw = op;
    return;
  }
  msl_region_note(e, region, true, true);
  region->rmw = 0;
}

/* ---- elements ----------------------------------------------------------- */

/* "counts + at" or "table[at]". */
static const char *element(emitter *e, const msl_region *region,
                           const char *at) {
  if (!region->is_atomic)
    return msl_text(e, "%s[%s]", region->name, at);
  return strcmp(at, "0") == 0 ? region->name
                              : msl_text(e, "%s + %s", region->name, at);
}

static const char *paren_sum(emitter *e, msl_expr at) {
  return msl_paren(e, at, MSL_MUL);
}

static bool is_unsigned(const msl_region *region) {
  return strcmp(region->type, "atomic_uint") == 0;
}

/* A value as the bits of an atomic element, and back. */
static const char *to_bits(emitter *e, const msl_region *r, tm_scalar s,
                           const char *x) {
  if (s == TM_F32)
    return msl_text(e, "as_type<%s>(%s)", is_unsigned(r) ? "uint" : "int", x);
  return is_unsigned(r) ? msl_text(e, "uint(%s)", x) : x;
}

static const char *of_bits(emitter *e, const msl_region *r, tm_scalar s,
                           const char *x) {
  if (s == TM_F32) return msl_text(e, "as_type<float>(%s)", x);
  return is_unsigned(r) ? msl_text(e, "int(%s)", x) : x;
}

msl_expr msl_shared_load(emitter *e, const msl_region *region,
                         tm_scalar scalar, msl_expr at, const char *mask) {
  if (mask)
    at = (msl_expr){msl_text(e, "(%s ? %s : 0)", mask,
                             msl_paren(e, at, MSL_EQUALITY)), MSL_PRIMARY, 1};
  const char *place = element(e, region,
                              region->is_atomic ? paren_sum(e, at) : at.text);
  msl_expr x = msl_primary(place, 1);
  if (region->is_atomic)
    x = msl_primary(
        of_bits(e, region, scalar,
                msl_text(e, "atomic_load_explicit(%s, memory_order_relaxed)",
                         place)), 1);
  if (!mask) return x;
  const char *read = msl_name(e, "read");
  msl_line(e, "const %s %s = %s;", msl_memory_type(e, scalar, 1), read,
           x.text);
  return msl_primary(read, 1);
}

void msl_shared_store(emitter *e, const msl_region *region, tm_scalar scalar,
                      msl_expr at, const char *condition, const char *x) {
  const char *text;
  if (region->is_atomic)
    text = msl_text(e, "atomic_store_explicit(%s, %s, memory_order_relaxed);",
                    element(e, region, paren_sum(e, at)),
                    to_bits(e, region, scalar, x));
  else
    text = msl_text(e, "%s = %s;", element(e, region, at.text), x);
  if (condition) msl_line(e, "if (%s) %s", condition, text);
  else msl_line(e, "%s", text);
}

/* ---- atomic operations -------------------------------------------------- */

/* Metal's own operation; NULL: a loop. */
static const char *function_of(const msl_region *region, tm_scalar scalar,
                               tm_rmw op) {
  switch (op) {
    case TM_RMW_ADD: return "fetch_add";
    case TM_RMW_AND: return "fetch_and";
    case TM_RMW_OR: return "fetch_or";
    case TM_RMW_XOR: return "fetch_xor";
    case TM_RMW_XCHG: return "exchange";
    case TM_RMW_MAX: return is_unsigned(region) ? NULL : "fetch_max";
    case TM_RMW_MIN: return is_unsigned(region) ? NULL : "fetch_min";
    case TM_RMW_UMAX: return is_unsigned(region) ? "fetch_max" : NULL;
    case TM_RMW_UMIN: return is_unsigned(region) ? "fetch_min" : NULL;
    case TM_RMW_FADD: break;
  }
  (void)scalar;
  return NULL;
}

/* What the element becomes when it was `now`, as bits of an atomic_int. */
static const char *becomes(emitter *e, tm_rmw op, const char *now,
                           const char *x) {
  if (op == TM_RMW_FADD)
    return msl_text(e, "as_type<int>(as_type<float>(%s) + %s)", now, x);
  return msl_text(e, "int(%s(uint(%s), uint(%s)))",
                  op == TM_RMW_UMAX ? "max" : "min", now, x);
}

void msl_shared_rmw(emitter *e, const msl_region *region, tm_scalar scalar,
                    tm_rmw op, msl_expr at, const char *x, const char *name) {
  const char *place = element(e, region, paren_sum(e, at));
  const char *function = function_of(region, scalar, op);
  if (function) {
    const char *call = msl_text(
        e, "atomic_%s_explicit(%s, %s, memory_order_relaxed)", function,
        place, to_bits(e, region, scalar, x));
    if (name) msl_line(e, "%s = %s;", name, of_bits(e, region, scalar, call));
    else msl_line(e, "%s;", call);
    return;
  }
  const char *now = msl_name(e, "now");
  msl_line(e, "int %s = 0; // a guess; the first failure tells", now);
  msl_open(e, "while (!atomic_compare_exchange_weak_explicit(%s, &%s, %s, "
              "memory_order_relaxed, memory_order_relaxed))",
           place, now, becomes(e, op, now, x));
  msl_close(e);
  if (name) msl_line(e, "%s = %s;", name, of_bits(e, region, scalar, now));
}

void msl_shared_cas(emitter *e, const msl_region *region, tm_scalar scalar,
                    msl_expr at, const char *want, const char *with,
                    const char *name) {
  const char *type = is_unsigned(region) ? "uint" : "int";
  const char *wanted = msl_name(e, "wanted"), *now = msl_name(e, "expected");
  msl_line(e, "const %s %s = %s;", type, wanted,
           to_bits(e, region, scalar, want));
  msl_line(e, "%s %s = %s;", type, now, wanted);
  msl_line(e, "// The weak form may fail without cause: try until it succeeds "
              "or the value differs.");
  msl_open(e, "while (!atomic_compare_exchange_weak_explicit(%s, &%s, %s, "
              "memory_order_relaxed, memory_order_relaxed) && %s == %s)",
           element(e, region, paren_sum(e, at)), now,
           to_bits(e, region, scalar, with), now, wanted);
  msl_close(e);
  if (name) msl_line(e, "%s = %s;", name, of_bits(e, region, scalar, now));
}
