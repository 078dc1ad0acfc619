/* SPDX-License-Identifier: MIT */
/*
 * emit_expr.c - expressions: rvalues to leaves, lvalues to places.
 *
 * Arms of ?:, && and || that read memory, call or assign are emitted under a
 * mask like statements; arms without effects are evaluated by all lanes.
 */
#include "emit.h"

enum { DEPTH = 512 };

static sm_value one(sm_emit *e, const sm_type *type, sm_leaf leaf) {
  sm_value v = sm_value_new(e, type);
  if (v.n) v.leaf[0] = leaf;
  return v;
}

static bool is_vectorish(const sm_type *t) {
  return t->kind == SM_T_VECTOR || t->kind == SM_T_MATRIX;
}

/* No memory access, call or assignment: may be evaluated needlessly. */
bool sm_is_pure(const sm_expr *x) {
  switch (x->kind) {
  case SM_LITERAL: case SM_VAR: return true;
  case SM_CALL: case SM_BUILTIN: case SM_ASSIGN: case SM_COMPOUND:
  case SM_PRE: case SM_POST: case SM_DEREF: case SM_THREAD_ELEMENTS:
    return false;
  case SM_READ: {
    const sm_expr *l = x->a[0];
    while (l->kind == SM_MEMBER || l->kind == SM_SWIZZLE) l = l->a[0];
    if (l->kind != SM_VAR) return false;
    return (l->u.var->kind == SM_V_LOCAL || l->u.var->kind == SM_V_PARAM ||
            l->u.var->kind == SM_V_INPUT || l->u.var->kind == SM_V_GLOBAL ||
            l->u.var->kind == SM_V_FUNCTION_CONSTANT) &&
           l->u.var->type->kind != SM_T_REFERENCE;
  }
  default:
    for (int i = 0; i < 3; i++)
      if (x->a[i] && !sm_is_pure(x->a[i])) return false;
    for (uint32_t i = 0; i < x->args.len; i++)
      if (!sm_is_pure(x->args.data[i])) return false;
    return true;
  }
}

/* ---- kernel inputs ---------------------------------------------------- */

sm_val sm_frame_field(sm_emit *e, sm_ty type, size_t offset) {
  sm_val v = LL.BuildLoad2(e->b, type,
                           sm_at(e, e->frame, sm_i64(e, offset)), "");
  unsigned kind = LL.GetMDKindIDInContext(e->context, "invariant.load", 14);
  LL.SetMetadata(v, kind, LL.MetadataAsValue(e->context,
      LL.MDNodeInContext2(e->context, NULL, 0)));
  return v;
}

#define FIELD(name) sm_frame_field(e, e->i32, offsetof(sm_frame, name))

static sm_leaf known(sm_val v, uint64_t hi, uint8_t zeros) {
  sm_leaf leaf = sm_leaf_uni(v);
  leaf.hi = hi;
  leaf.zeros = zeros;
  return leaf;
}

static sm_leaf lane_number(sm_emit *e) {
  sm_leaf leaf = known(sm_i32(e, 0), 31, 64);
  leaf.form = SM_LIN;
  for (int b = 0; b < 5; b++) leaf.coef[b] = sm_i32(e, 1u << b);
  return leaf;
}

static sm_leaf thread_index(sm_emit *e) {
  sm_val base = OP2(Shl, FIELD(simdgroup), sm_i32(e, 5));
  sm_leaf leaf = lane_number(e);
  leaf.v = base;
  leaf.hi = 1023;
  leaf.zeros = 5;
  return leaf;
}

static sm_leaf local_position(sm_emit *e, int d) {
  size_t at = offsetof(sm_frame, first) + (size_t)d * 4;
  if (e->line) {
    sm_val first = sm_frame_field(e, e->i32, at);
    if (d > 0) return known(first, 1023, 0);
    sm_leaf leaf = lane_number(e);
    leaf.v = first; /* a multiple of 32 in every group that uses this */
    leaf.hi = 1023;
    leaf.zeros = 5;
    return leaf;
  }
  size_t table = offsetof(sm_frame, position) + (size_t)d * sizeof(void *);
  sm_val p = sm_frame_field(e, e->ptr, table);
  sm_val v = LL.BuildLoad2(e->b, sm_vector_type(e->i32, SM_LANES), p, "");
  LL.SetAlignment(v, 4);
  sm_leaf leaf = sm_leaf_var(v);
  leaf.hi = 1023;
  return leaf;
}

static sm_leaf dimension(sm_emit *e, size_t field, int d, uint64_t hi) {
  return known(sm_frame_field(e, e->i32, field + (size_t)d * 4), hi, 0);
}

/* Of the threads in the three dimensions at field of the frame. */
static sm_leaf quadgroups(sm_emit *e, size_t field) {
  sm_leaf n = sm_leaf_int(e, SM_UINT, 1);
  for (int i = 0; i < 3; i++)
    n = sm_leaf_binary(e, SM_MUL, SM_UINT, n, dimension(e, field, i, 1024));
  n = sm_leaf_binary(e, SM_ADD, SM_UINT, n, sm_leaf_int(e, SM_UINT, 3));
  return sm_leaf_binary(e, SM_SHR, SM_UINT, n, sm_leaf_int(e, SM_UINT, 2));
}

/* Positions in the grid are below 2^32, so they never wrap. */
static sm_leaf grid_position(sm_emit *e, int d) {
  sm_leaf group = dimension(e, offsetof(sm_frame, tg_position), d,
                            SM_HI_UNKNOWN);
  sm_leaf full = dimension(e, offsetof(sm_frame, tg_full), d, 1024);
  sm_leaf base = known(OP2(Mul, group.v, full.v), SM_HI_UNKNOWN, 0);
  sm_leaf r = sm_leaf_binary(e, SM_ADD, SM_UINT, base, local_position(e, d));
  if (r.form == SM_LIN) r.exact = true;
  r.hi = UINT32_MAX - 1;
  return r;
}

static sm_leaf input_leaf(sm_emit *e, const sm_var *var, int d) {
  switch (var->input) {
  case SM_IN_THREAD_POSITION_IN_GRID: return grid_position(e, d);
  case SM_IN_THREAD_POSITION_IN_THREADGROUP: return local_position(e, d);
  case SM_IN_THREADGROUP_POSITION_IN_GRID:
    return dimension(e, offsetof(sm_frame, tg_position), d,
                     UINT32_MAX - 1);
  case SM_IN_THREADS_PER_THREADGROUP:
    return dimension(e, offsetof(sm_frame, tg_threads), d, 1024);
  case SM_IN_DISPATCH_THREADS_PER_THREADGROUP:
    return dimension(e, offsetof(sm_frame, tg_full), d, 1024);
  case SM_IN_THREADS_PER_GRID: case SM_IN_GRID_SIZE:
    return dimension(e, offsetof(sm_frame, grid), d, SM_HI_UNKNOWN);
  case SM_IN_THREADGROUPS_PER_GRID:
    return dimension(e, offsetof(sm_frame, groups), d, SM_HI_UNKNOWN);
  case SM_IN_GRID_ORIGIN: return sm_leaf_int(e, SM_UINT, 0);
  case SM_IN_THREAD_INDEX_IN_THREADGROUP: return thread_index(e);
  case SM_IN_THREAD_INDEX_IN_SIMDGROUP: return lane_number(e);
  case SM_IN_SIMDGROUP_INDEX_IN_THREADGROUP:
    return known(FIELD(simdgroup), 31, 0);
  case SM_IN_SIMDGROUPS_PER_THREADGROUP:
    return known(FIELD(simdgroups), 32, 0);
  case SM_IN_DISPATCH_SIMDGROUPS_PER_THREADGROUP:
    return known(FIELD(simdgroups_full), 32, 0);
  case SM_IN_THREADS_PER_SIMDGROUP: return sm_leaf_int(e, SM_UINT, 32);
  case SM_IN_THREAD_INDEX_IN_QUADGROUP:
    return sm_leaf_binary(e, SM_BIT_AND, SM_UINT, lane_number(e),
                          sm_leaf_int(e, SM_UINT, 3));
  case SM_IN_QUADGROUP_INDEX_IN_THREADGROUP:
    return sm_leaf_binary(e, SM_SHR, SM_UINT, thread_index(e),
                          sm_leaf_int(e, SM_UINT, 2));
  case SM_IN_QUADGROUPS_PER_THREADGROUP:
    return quadgroups(e, offsetof(sm_frame, tg_threads));
  case SM_IN_DISPATCH_QUADGROUPS_PER_THREADGROUP:
    return quadgroups(e, offsetof(sm_frame, tg_full));
  default:
    sm_emit_fail(e, var->loc, "kernel input %s has no attribute that is "
                 "known", var->name);
  }
}

static sm_value input_value(sm_emit *e, const sm_var *var) {
  sm_value v = sm_value_new(e, var->type);
  for (uint32_t i = 0; i < v.n; i++)
    v.leaf[i] = sm_leaf_cast(e, var->type->scalar, SM_UINT,
                             input_leaf(e, var, (int)i));
  return v;
}

/* ---- variables -------------------------------------------------------- */

static sm_leaf root_pointer(sm_emit *e, const sm_var *var) {
  size_t at = var->kind == SM_V_BUFFER ? offsetof(sm_frame, buffer)
                                       : offsetof(sm_frame, tg_buffer);
  sm_leaf p = sm_leaf_uni(
      sm_frame_field(e, e->ptr, at + var->index * sizeof(void *)));
  p.root = var->kind == SM_V_BUFFER
               ? (int8_t)var->index
               : sm_watch_variable(e, var->index, UINT32_MAX);
  if (var->kind == SM_V_TG_BUFFER)
    e->info->tg_buffers |= (uint64_t)1 << var->index;
  return p;
}

static const sm_constant_value *find_constant(sm_emit *e, uint32_t index) {
  for (uint32_t i = 0; i < e->options->n_constants; i++)
    if (e->options->constants[i].index == index)
      return &e->options->constants[i];
  return NULL;
}

static sm_leaf constant_leaf(sm_emit *e, sm_scalar s, uint64_t bits) {
  if (s == SM_BOOL) return sm_leaf_int(e, s, (bits & 0xff) != 0);
  if (!sm_is_float(s)) return sm_leaf_int(e, s, bits);
  sm_ty type = s == SM_FLOAT ? e->i32 : e->i16;
  return sm_leaf_unbits(e, sm_leaf_uni(LL.ConstInt(type, bits, false)), s);
}

/* A constant that the host has not set is only asked whether it is. */
static sm_value function_constant(sm_emit *e, const sm_var *var) {
  const sm_constant_value *c = find_constant(e, var->index);
  sm_value v = sm_value_new(e, var->type);
  unsigned bits = sm_scalar_bytes(var->type->scalar) * 8;
  for (uint32_t i = 0; i < v.n; i++) {
    uint64_t x = c ? c->bits[i * bits / 64] >> (i * bits % 64) : 0;
    if (bits < 64) x &= ((uint64_t)1 << bits) - 1;
    v.leaf[i] = constant_leaf(e, var->type->scalar, x);
  }
  return v;
}

/* The bytes of a constant as MSL lays them out, for tables that are indexed
 * at run time; NULL for structs, which are taken apart instead. */
static sm_val table_of(sm_emit *e, const sm_type *t, const sm_leaf *leaf) {
  if (t->kind == SM_T_ARRAY) {
    uint32_t n = sm_leaf_count(e, t->element);
    sm_val *all = TM_NEW_ARRAY(e->arena, sm_val, t->count + 1);
    for (uint32_t i = 0; i < t->count; i++) {
      all[i] = table_of(e, t->element, leaf + i * n);
      if (!all[i]) return NULL;
    }
    if (!t->count) return LL.ConstNull(LL.ArrayType(e->i8, 0));
    return LL.ConstArray(LL.TypeOf(all[0]), all, t->count);
  }
  if (t->kind == SM_T_SCALAR || t->kind == SM_T_ENUM ||
      t->kind == SM_T_VECTOR) {
    uint32_t n = sm_leaf_count(e, t), bytes = sm_scalar_bytes(t->scalar);
    sm_val all[4] = {NULL};
    for (uint32_t i = 0; i < n && i < 4; i++) {
      sm_leaf b = sm_leaf_bits(e, leaf[i], t->scalar);
      all[i] = t->scalar == SM_BOOL ? CONVERT(ZExt, b.v, e->i8) : b.v;
    }
    if (n == 1 && t->size == bytes) return all[0];
    sm_val parts[5];
    sm_ty type = LL.TypeOf(all[0]);
    for (uint32_t i = 0; i < n; i++) parts[i] = all[i];
    uint32_t padded = t->size / bytes;
    for (uint32_t i = n; i < padded && i < 5; i++)
      parts[i] = LL.ConstNull(type);
    return LL.ConstArray(type, parts, padded < 5 ? padded : n);
  }
  return NULL;
}

static sm_place global_place(sm_emit *e, const sm_var *var) {
  sm_place p = {0};
  p.type = var->type;
  p.kind = SM_P_VALUE;
  if (e->states[var->id]) {
    const sm_state *s = e->states[var->id];
    if (s->place) return *s->place;
    p.value = s->value;
    return p;
  }
  if (!var->init)
    sm_emit_fail(e, var->loc, "constant %s has no value", var->name);
  sm_state *s = TM_NEW(e->arena, sm_state);
  s->kind = SM_C_BOUND;
  s->var = var;
  p.value = sm_emit_value(e, var->init);
  bool constant = true;
  for (uint32_t i = 0; i < p.value.n; i++)
    if (p.value.leaf[i].form != SM_UNI ||
        !LL.IsConstant(p.value.leaf[i].v))
      constant = false;
  sm_val table = constant && var->type->kind == SM_T_ARRAY
                     ? table_of(e, var->type, p.value.leaf) : NULL;
  s->value = p.value;
  if (table) {
    sm_val g = LL.AddGlobal(e->module, LL.TypeOf(table), "");
    LL.SetInitializer(g, table);
    LL.SetGlobalConstant(g, true);
    LL.SetLinkage(g, LLVMPrivateLinkage);
    LL.SetAlignment(g, 16);
    p.kind = SM_P_MEMORY;
    p.pointer = sm_leaf_uni(g);
    p.space = SM_THREAD; /* no bounds to check, no buffer */
    s->place = sm_place_copy(e, &p);
  }
  if (constant) e->states[var->id] = s;
  return p;
}

sm_value sm_emit_input(sm_emit *e, const sm_var *var) {
  if (var->kind == SM_V_INPUT) return input_value(e, var);
  return one(e, var->type, root_pointer(e, var));
}

static sm_place var_place(sm_emit *e, const sm_expr *x) {
  const sm_var *var = x->u.var;
  sm_place p = {0};
  p.type = x->type;
  p.kind = SM_P_VALUE;
  if ((var->kind == SM_V_INPUT || var->kind == SM_V_BUFFER ||
       var->kind == SM_V_TG_BUFFER) && e->states[var->id])
    return sm_state_place(e, e->states[var->id], x->type);
  switch (var->kind) {
  case SM_V_LOCAL: case SM_V_PARAM: {
    sm_state *s = e->states[var->id];
    if (!s) sm_emit_fail(e, x->loc, "internal: %s is not in scope",
                         var->name);
    return sm_state_place(e, s, x->type);
  }
  case SM_V_THREADGROUP: {
    sm_state *s = e->states[var->id];
    p.kind = SM_P_MEMORY;
    p.space = SM_THREADGROUP;
    p.pointer = s->value.leaf[0];
    return p;
  }
  case SM_V_GLOBAL: {
    p = global_place(e, var);
    p.type = x->type;
    return p;
  }
  case SM_V_FUNCTION_CONSTANT: p.value = function_constant(e, var); return p;
  case SM_V_INPUT: p.value = input_value(e, var); return p;
  case SM_V_BUFFER: case SM_V_TG_BUFFER: {
    sm_leaf q = root_pointer(e, var);
    if (var->type->kind == SM_T_REFERENCE) {
      p.kind = SM_P_MEMORY;
      p.pointer = q;
      p.space = var->type->space;
      return p;
    }
    p.value = one(e, var->type, q);
    return p;
  }
  }
  return p;
}

/* ---- places ----------------------------------------------------------- */

static sm_place deref_place(sm_emit *e, const sm_expr *x) {
  sm_value p = sm_emit_value(e, x->a[0]);
  if (p.leaf[0].form == SM_PLACE) {
    sm_place q = *p.leaf[0].place;
    q.type = x->type;
    return q;
  }
  sm_place q = {0};
  q.kind = SM_P_MEMORY;
  q.type = x->type;
  q.pointer = p.leaf[0];
  q.space = x->a[0]->type->space;
  if (q.space == SM_THREAD)
    sm_emit_fail(e, x->loc, "a pointer into thread memory that is not known "
                 "when the kernel is compiled is not supported");
  return q;
}

static uint32_t element_bytes(const sm_type *t) {
  if (t->kind == SM_T_VECTOR) return sm_scalar_bytes(t->scalar);
  if (t->kind == SM_T_MATRIX) return t->size / t->count;
  return t->element->size;
}

/* A chain of selections over the elements of a value. */
static sm_value pick(sm_emit *e, const sm_type *type, const sm_leaf *leaf,
                     uint32_t count, sm_leaf index, sm_scalar s) {
  sm_value v = sm_value_new(e, type);
  for (uint32_t k = 0; k < v.n; k++) {
    v.leaf[k] = leaf[k];
    for (uint32_t i = 1; i < count; i++) {
      sm_leaf c = sm_leaf_compare(e, SM_EQ, s, index,
                                  sm_leaf_int(e, s, i));
      v.leaf[k] = sm_leaf_select(e, c, leaf[i * v.n + k], v.leaf[k]);
    }
  }
  return v;
}

/* The bytes, but none where the index is not below count: thread memory is on
 * the worker's stack, which a wild kernel must not write over. */
static sm_val bounded(sm_emit *e, sm_val bytes, sm_leaf index, sm_scalar s,
                      uint32_t count) {
  if (index.hi != SM_HI_UNKNOWN && index.hi < count) return bytes;
  bool wide = s == SM_LONG || s == SM_ULONG;
  sm_leaf at = sm_leaf_cast(e, wide ? SM_LONG : SM_INT, s, index);
  bool varies = at.form != SM_UNI;
  sm_val most = wide ? sm_i64(e, count) : sm_i32(e, count);
  sm_val fits = ICMP(ULT, varies ? sm_vec(e, &at) : at.v,
                     varies ? sm_splat(e, most) : most);
  return SELECT(fits, bytes, LL.ConstNull(LL.TypeOf(bytes)));
}

static sm_place offset_place(sm_emit *e, sm_place p, const sm_type *element,
                             sm_leaf index, sm_scalar s, uint32_t bytes,
                             uint32_t count, tm_loc loc) {
  int64_t k;
  bool constant = index.form == SM_UNI && sm_const_int(index.v, &k) &&
                  k >= 0 && k < 1 << 24;
  p.type = element;
  if (p.kind == SM_P_MEMORY) {
    p.pointer = sm_leaf_address(e, p.pointer, index, s, bytes);
    return p;
  }
  if (p.kind == SM_P_VALUE) {
    uint32_t n = sm_leaf_count(e, element);
    if (constant) {
      if (count && (uint64_t)k >= count) k = 0; /* out of range: undefined */
      p.offset += (uint32_t)k * n;
    } else {
      if (count > 256)
        sm_emit_fail(e, loc, "a value of %u elements is indexed at run time",
                     count);
      p.value = pick(e, element, p.value.leaf + p.offset, count, index, s);
      p.offset = 0;
    }
    return p;
  }
  uint64_t size = sm_slot_size(e, element, p.state->kind == SM_C_VARYING);
  if (constant) {
    if (count && (uint64_t)k >= count) k = 0;
    p.offset += (uint32_t)((uint64_t)k * size);
    return p;
  }
  sm_leaf by = sm_leaf_binary(e, SM_MUL, SM_LONG,
                              sm_leaf_cast(e, SM_LONG, s, index),
                              sm_leaf_int(e, SM_LONG, size));
  bool varies = by.form != SM_UNI;
  sm_val now = varies ? sm_vec(e, &by) : by.v;
  if (count) now = bounded(e, now, index, s, count);
  if (p.index) {
    if (varies && !p.index_varies) p.index = sm_splat(e, p.index);
    if (!varies && p.index_varies) now = sm_splat(e, now);
    now = OP2(Add, p.index, now);
    varies |= p.index_varies;
  }
  p.index = now;
  p.index_varies = varies;
  return p;
}

static sm_place index_place(sm_emit *e, const sm_expr *x) {
  sm_place p = sm_emit_place(e, x->a[0]);
  sm_leaf index = sm_emit_value(e, x->a[1]).leaf[0];
  const sm_type *t = x->a[0]->type;
  sm_scalar s = x->a[1]->type->scalar;
  if (p.swizzle_len) { /* element of a swizzle: v.xy[i] */
    int64_t k;
    if (index.form != SM_UNI || !sm_const_int(index.v, &k) || k < 0 ||
        k >= p.swizzle_len)
      sm_emit_fail(e, x->loc, "a swizzle is indexed at run time");
    p.swizzle[0] = p.swizzle[k];
    p.swizzle_len = 1;
    p.type = x->type;
    return p;
  }
  sm_watch_index(e, x, &index, t->count);
  return offset_place(e, p, x->type, index, s, element_bytes(t), t->count,
                      x->loc);
}

static sm_place member_place(sm_emit *e, const sm_expr *x) {
  sm_place p = sm_emit_place(e, x->a[0]);
  const sm_type *t = x->a[0]->type;
  uint32_t m = x->u.member;
  p.type = x->type;
  if (p.kind == SM_P_MEMORY) {
    uint64_t at = t->structure->members.data[m].offset;
    if (at)
      p.pointer = sm_leaf_address(e, p.pointer, sm_leaf_int(e, SM_LONG, at),
                                  SM_LONG, 1);
  } else if (t->structure->is_union && p.kind != SM_P_SLOT) {
    sm_emit_fail(e, x->loc, "a member of a union that is no variable is not "
                 "supported");
  } else if (p.kind == SM_P_SLOT) {
    p.offset += (uint32_t)sm_slot_member(e, t, m,
                                         p.state->kind == SM_C_VARYING);
  } else {
    p.offset += sm_member_leaf(e, t, m);
  }
  return p;
}

static sm_place swizzle_place(sm_emit *e, const sm_expr *x) {
  sm_place p = sm_emit_place(e, x->a[0]);
  if (p.swizzle_len) {
    for (int i = 0; i < x->swizzle_len; i++)
      p.swizzle[i] = p.swizzle[x->swizzle[i] & 3];
  } else {
    p.vector = x->a[0]->type;
    memcpy(p.swizzle, x->swizzle, sizeof(p.swizzle));
  }
  p.swizzle_len = x->swizzle_len;
  p.type = x->type;
  return p;
}

sm_place sm_emit_place(sm_emit *e, const sm_expr *x) {
  sm_place p = {0};
  switch (x->kind) {
  case SM_VAR: return var_place(e, x);
  case SM_DEREF: return deref_place(e, x);
  case SM_INDEX: return index_place(e, x);
  case SM_MEMBER: return member_place(e, x);
  case SM_SWIZZLE: return swizzle_place(e, x);
  case SM_THREAD_ELEMENTS:
    p = sm_emit_place(e, x->a[0]);
    p.vector = x->a[0]->type;
    p.is_element = true;
    p.element = sm_leaf_cast(e, SM_UINT, x->a[1]->type->scalar,
                             sm_emit_value(e, x->a[1]).leaf[0]);
    p.type = x->type;
    return p;
  case SM_COMMA:
    sm_emit_value(e, x->a[0]);
    return sm_emit_place(e, x->a[1]);
  case SM_ASSIGN: case SM_COMPOUND: case SM_PRE:
    sm_emit_value(e, x);
    return sm_emit_place(e, x->a[0]);
  default: /* an rvalue where a const reference binds */
    p.kind = SM_P_VALUE;
    p.type = x->type;
    p.value = sm_emit_value(e, x);
    return p;
  }
}

/* ---- operators -------------------------------------------------------- */

/* Product operand of + or -, through casts to the same type. */
static const sm_expr *product(const sm_expr *x, const sm_type *type) {
  if (x->kind == SM_BINARY && x->op == SM_MUL && x->type == type &&
      x->a[0]->type->kind == x->a[1]->type->kind)
    return x;
  return NULL;
}

static sm_leaf fused(sm_emit *e, sm_scalar s, sm_leaf a, sm_leaf b,
                     sm_leaf c) {
  bool uniform = sm_all_uniform(&a, &b) && c.form == SM_UNI;
  sm_val args[3] = {uniform ? a.v : sm_vec(e, &a),
                    uniform ? b.v : sm_vec(e, &b),
                    uniform ? c.v : sm_vec(e, &c)};
  sm_ty type = LL.TypeOf(args[0]);
  sm_val r = sm_intrinsic(e, "llvm.fma", &type, 1, args, 3);
  if (s == SM_BFLOAT) r = sm_round_bfloat(e, r);
  return uniform ? sm_leaf_uni(r) : sm_leaf_var(r);
}

/* a * b + c in one rounding, where the language allows it. half goes through
 * separate steps: its product is rounded as the source says. */
static bool try_fused(sm_emit *e, const sm_expr *x, sm_value *out) {
  if (!x->contract || x->type->scalar != SM_FLOAT) return false;
  if (x->type->kind != SM_T_SCALAR && x->type->kind != SM_T_VECTOR)
    return false;
  const sm_expr *m = product(x->a[0], x->type);
  bool left = m != NULL;
  if (!m) m = product(x->a[1], x->type);
  if (!m) return false;
  sm_value a = sm_emit_value(e, m->a[0]), b = sm_emit_value(e, m->a[1]);
  sm_value c = sm_emit_value(e, left ? x->a[1] : x->a[0]);
  *out = sm_value_new(e, x->type);
  for (uint32_t i = 0; i < out->n; i++) {
    sm_leaf ai = a.leaf[i], ci = c.leaf[i];
    if (x->op == SM_SUB) {
      if (left) ci = sm_leaf_unary(e, SM_NEG, SM_FLOAT, ci);
      else ai = sm_leaf_unary(e, SM_NEG, SM_FLOAT, ai);
    }
    out->leaf[i] = fused(e, SM_FLOAT, ai, b.leaf[i], ci);
  }
  return true;
}

static sm_leaf pointer_shift(sm_emit *e, const sm_type *pt, sm_leaf p,
                             sm_leaf by, sm_scalar s, bool back,
                             tm_loc loc) {
  if (back) {
    by = sm_leaf_unary(e, SM_NEG, SM_LONG, sm_leaf_cast(e, SM_LONG, s, by));
    s = SM_LONG;
  }
  if (p.form == SM_PLACE) {
    sm_leaf r = p;
    r.place = sm_place_copy(e, p.place);
    int64_t k;
    if (by.form == SM_UNI && sm_const_int(by.v, &k) && k < 0 &&
        p.place->kind == SM_P_SLOT) {
      r.place->offset -= (uint32_t)(-k) * (uint32_t)sm_slot_size(
          e, pt->element, p.place->state->kind == SM_C_VARYING);
      return r;
    }
    *r.place = offset_place(e, *p.place, pt->element, by, s,
                            pt->element->size, 0, loc);
    return r;
  }
  return sm_leaf_address(e, p, by, s, pt->element->size);
}

sm_leaf sm_pointer_number(sm_emit *e, sm_leaf p) {
  if (p.form == SM_UNI) return sm_leaf_uni(CONVERT(PtrToInt, p.v, e->i64));
  return sm_leaf_var(CONVERT(PtrToInt, sm_vec(e, &p),
                             sm_vector_type(e->i64, SM_LANES)));
}

sm_leaf sm_number_pointer(sm_emit *e, sm_leaf n) {
  sm_leaf p = n.form == SM_UNI
                  ? sm_leaf_uni(CONVERT(IntToPtr, n.v, e->ptr))
                  : sm_leaf_var(CONVERT(IntToPtr, sm_vec(e, &n),
                                        sm_vector_type(e->ptr, SM_LANES)));
  p.zeros = 0;
  return p;
}

static sm_value pointer_binary(sm_emit *e, const sm_expr *x) {
  const sm_type *ta = x->a[0]->type, *tb = x->a[1]->type;
  sm_leaf a = sm_emit_value(e, x->a[0]).leaf[0];
  sm_leaf b = sm_emit_value(e, x->a[1]).leaf[0];
  bool pa = ta->kind == SM_T_POINTER, pb = tb->kind == SM_T_POINTER;
  if (pa && pb) {
    a = sm_pointer_number(e, a);
    b = sm_pointer_number(e, b);
    if (x->op != SM_SUB)
      return one(e, x->type, sm_leaf_compare(e, x->op, SM_ULONG, a, b));
    a = sm_leaf_binary(e, SM_SUB, SM_LONG, a, b);
    return one(e, x->type, sm_leaf_binary(e, SM_DIV, SM_LONG, a,
        sm_leaf_int(e, SM_LONG, ta->element->size)));
  }
  if (pb) return one(e, x->type, pointer_shift(e, tb, b, a, ta->scalar,
                                               false, x->loc));
  return one(e, x->type, pointer_shift(e, ta, a, b, tb->scalar,
                                       x->op == SM_SUB, x->loc));
}

/* matrix * matrix, matrix * vector and vector * matrix, column major. */
static sm_value matrix_product(sm_emit *e, const sm_expr *x, sm_value a,
                               sm_value b) {
  sm_scalar s = x->type->scalar;
  const sm_type *ta = a.type, *tb = b.type;
  sm_value r = sm_value_new(e, x->type);
  uint32_t inner = ta->kind == SM_T_MATRIX ? ta->count : ta->count;
  uint32_t rows = ta->kind == SM_T_MATRIX ? ta->rows : 1;
  uint32_t cols = tb->kind == SM_T_MATRIX ? tb->count : 1;
  for (uint32_t c = 0; c < cols; c++)
    for (uint32_t i = 0; i < rows; i++) {
      sm_leaf sum = {0};
      for (uint32_t k = 0; k < inner; k++) {
        sm_leaf p = sm_leaf_binary(e, SM_MUL, s, a.leaf[k * rows + i],
                                   b.leaf[c * inner + k]);
        sum = k ? sm_leaf_binary(e, SM_ADD, s, sum, p) : p;
      }
      r.leaf[c * rows + i] = sum;
    }
  return r;
}

static sm_value binary(sm_emit *e, const sm_expr *x) {
  const sm_type *ta = x->a[0]->type, *tb = x->a[1]->type;
  sm_value out;
  if (ta->kind == SM_T_POINTER || tb->kind == SM_T_POINTER)
    return pointer_binary(e, x);
  if ((x->op == SM_ADD || x->op == SM_SUB) && try_fused(e, x, &out))
    return out;
  sm_value a = sm_emit_value(e, x->a[0]), b = sm_emit_value(e, x->a[1]);
  bool ma = ta->kind == SM_T_MATRIX, mb = tb->kind == SM_T_MATRIX;
  if (x->op == SM_MUL && (ma || mb) && is_vectorish(ta) && is_vectorish(tb))
    return matrix_product(e, x, a, b);
  out = sm_value_new(e, x->type);
  sm_scalar s = ta->scalar;
  bool compare = x->op >= SM_EQ && x->op <= SM_GE;
  sm_watch_divisor(e, x, &b, s);
  for (uint32_t i = 0; i < out.n; i++) {
    sm_leaf p = a.leaf[a.n == 1 ? 0 : i], q = b.leaf[b.n == 1 ? 0 : i];
    out.leaf[i] = compare ? sm_leaf_compare(e, x->op, s, p, q)
                          : sm_leaf_binary(e, x->op, s, p, q);
  }
  return out;
}

static sm_value unary(sm_emit *e, const sm_expr *x) {
  sm_value a = sm_emit_value(e, x->a[0]);
  sm_value r = sm_value_new(e, x->type);
  for (uint32_t i = 0; i < r.n; i++)
    r.leaf[i] = sm_leaf_unary(e, x->op, x->type->scalar, a.leaf[i]);
  return r;
}

static sm_value cast(sm_emit *e, const sm_type *to, sm_value a, tm_loc loc) {
  const sm_type *from = a.type;
  if (to == from || to->kind == SM_T_STRUCT || to->kind == SM_T_ARRAY) {
    a.type = to;
    return a;
  }
  sm_value r = sm_value_new(e, to);
  if (to->kind == SM_T_POINTER && from->kind == SM_T_POINTER) {
    r.leaf[0] = a.leaf[0];
    if (a.leaf[0].form == SM_PLACE && to->element != from->element &&
        to->element->size != from->element->size)
      sm_emit_fail(e, loc, "reinterpreting a pointer into thread memory is "
                   "not supported");
    return r;
  }
  if (to->kind == SM_T_POINTER) {
    sm_leaf n = sm_leaf_cast(e, SM_ULONG, from->scalar, a.leaf[0]);
    r.leaf[0] = sm_number_pointer(e, n);
    return r;
  }
  if (from->kind == SM_T_POINTER) {
    r.leaf[0] = sm_leaf_cast(e, to->scalar, SM_ULONG,
                             sm_pointer_number(e, a.leaf[0]));
    return r;
  }
  if (to->kind == SM_T_FRAGMENT) {
    sm_val v = a.leaf[0].v; /* floats, whatever it holds */
    if (to->scalar == SM_HALF && from->scalar != SM_HALF)
      v = CONVERT(FPExt, CONVERT(FPTrunc, v, sm_vector_type(e->f16, 64)),
                  sm_vector_type(e->f32, 64));
    if (to->scalar == SM_BFLOAT && from->scalar != SM_BFLOAT)
      v = sm_round_bfloat(e, v);
    r.leaf[0] = sm_leaf_uni(v);
    return r;
  }
  for (uint32_t i = 0; i < r.n; i++)
    r.leaf[i] = sm_leaf_cast(e, to->scalar, from->scalar, a.leaf[i]);
  return r;
}

/* ---- conditional evaluation ------------------------------------------- */

typedef struct arms {
  const sm_expr *x[2];
  sm_state *result;
  const sm_type *type;
} arms;

static void arm_store(sm_emit *e, arms *a, int which) {
  sm_value v = sm_emit_value(e, a->x[which]);
  if (a->type->kind == SM_T_SCALAR && a->type->scalar == SM_VOID) return;
  sm_place p = sm_state_place(e, a->result, a->type);
  sm_place_write(e, &p, v, a->x[which]->loc);
}
static void arm_then(sm_emit *e, void *data) { arm_store(e, data, 0); }
static void arm_else(sm_emit *e, void *data) { arm_store(e, data, 1); }

/* One scalar or vector per leaf where two branches meet. */
static void meet(sm_emit *e, sm_value *a, const sm_value *b,
                 LLVMBasicBlockRef from[2], LLVMBasicBlockRef join) {
  sm_val *va = TM_NEW_ARRAY(e->arena, sm_val, a->n);
  sm_val *vb = TM_NEW_ARRAY(e->arena, sm_val, a->n);
  for (uint32_t i = 0; i < a->n; i++) {
    bool uniform = sm_all_uniform(&a->leaf[i], &b->leaf[i]);
    sm_here(e, from[0]);
    va[i] = uniform ? a->leaf[i].v : sm_vec(e, &a->leaf[i]);
    sm_here(e, from[1]);
    vb[i] = uniform ? b->leaf[i].v : sm_vec(e, &b->leaf[i]);
  }
  for (int i = 0; i < 2; i++) {
    sm_here(e, from[i]);
    LL.BuildBr(e->b, join);
  }
  sm_here(e, join);
  for (uint32_t i = 0; i < a->n; i++) {
    bool uniform = sm_all_uniform(&a->leaf[i], &b->leaf[i]);
    sm_val phi = LL.BuildPhi(e->b, LL.TypeOf(va[i]), "");
    LL.AddIncoming(phi, &va[i], &from[0], 1);
    LL.AddIncoming(phi, &vb[i], &from[1], 1);
    int8_t root = a->leaf[i].root;
    if (root != b->leaf[i].root) root = -1;
    a->leaf[i] = uniform ? sm_leaf_uni(phi) : sm_leaf_var(phi);
    a->leaf[i].root = root;
  }
}

static sm_value select_uniform(sm_emit *e, const sm_expr *x, sm_val c) {
  LLVMBasicBlockRef yes = sm_block(e), no = sm_block(e), join = sm_block(e);
  LLVMBasicBlockRef from[2];
  LL.BuildCondBr(e->b, c, yes, no);
  sm_here(e, yes);
  sm_value a = sm_emit_value(e, x->a[1]);
  from[0] = LL.GetInsertBlock(e->b);
  sm_here(e, no);
  sm_value b = sm_emit_value(e, x->a[2]);
  from[1] = LL.GetInsertBlock(e->b);
  meet(e, &a, &b, from, join);
  return a;
}

static sm_value select_value(sm_emit *e, const sm_expr *x) {
  sm_leaf c = sm_emit_value(e, x->a[0]).leaf[0];
  if (c.form == SM_UNI && LL.IsAConstantInt(c.v))
    return sm_emit_value(e, x->a[LL.ConstIntGetZExtValue(c.v) ? 1 : 2]);
  if (sm_may_speculate(e, x->a[1]) && sm_may_speculate(e, x->a[2]) &&
      x->type->kind != SM_T_FRAGMENT) {
    sm_value a = sm_emit_value(e, x->a[1]), b = sm_emit_value(e, x->a[2]);
    sm_value r = sm_value_new(e, x->type);
    for (uint32_t i = 0; i < r.n; i++)
      r.leaf[i] = sm_leaf_select(e, c, a.leaf[i], b.leaf[i]);
    return r;
  }
  if (x->type->kind == SM_T_POINTER && x->type->space == SM_THREAD)
    sm_emit_fail(e, x->loc, "a pointer into thread memory that is not known "
                 "when the kernel is compiled is not supported");
  if (c.form == SM_UNI) return select_uniform(e, x, c.v);
  arms a = {{x->a[1], x->a[2]}, NULL, x->type};
  a.result = sm_state_new(e, NULL, x->type, SM_C_VARYING);
  sm_emit_if(e, c, arm_then, arm_else, &a, false);
  if (x->type->kind == SM_T_SCALAR && x->type->scalar == SM_VOID)
    return sm_value_new(e, x->type);
  sm_place p = sm_state_place(e, a.result, x->type);
  return sm_place_read(e, &p, x->loc);
}

static sm_value logical(sm_emit *e, const sm_expr *x) {
  bool is_and = x->kind == SM_AND;
  sm_leaf c = sm_emit_value(e, x->a[0]).leaf[0];
  if (c.form == SM_UNI && LL.IsAConstantInt(c.v)) {
    bool value = LL.ConstIntGetZExtValue(c.v) != 0;
    if (value != is_and) return one(e, x->type, c);
    return sm_emit_value(e, x->a[1]);
  }
  if (sm_may_speculate(e, x->a[1])) {
    sm_leaf d = sm_emit_value(e, x->a[1]).leaf[0];
    return one(e, x->type, sm_leaf_binary(
        e, is_and ? SM_BIT_AND : SM_BIT_OR, SM_BOOL, c, d));
  }
  /* Uniform on both sides keeps a uniform result: a branch and a phi. */
  if (c.form == SM_UNI) {
    LLVMBasicBlockRef from = LL.GetInsertBlock(e->b);
    LLVMBasicBlockRef more = sm_block(e), join = sm_block(e);
    LL.BuildCondBr(e->b, c.v, is_and ? more : join, is_and ? join : more);
    sm_here(e, more);
    sm_leaf d = sm_emit_value(e, x->a[1]).leaf[0];
    bool uniform = d.form == SM_UNI;
    sm_val dv = uniform ? d.v : sm_vec(e, &d);
    LLVMBasicBlockRef end = LL.GetInsertBlock(e->b);
    LL.BuildBr(e->b, join);
    sm_here(e, join);
    sm_val cv = sm_int(e, e->i1, is_and ? 0 : 1);
    if (!uniform) cv = sm_splat(e, cv);
    sm_val phi = LL.BuildPhi(e->b, LL.TypeOf(dv), "");
    LL.AddIncoming(phi, &cv, &from, 1);
    LL.AddIncoming(phi, &dv, &end, 1);
    return one(e, x->type, uniform ? sm_leaf_uni(phi) : sm_leaf_var(phi));
  }
  sm_state *state = sm_state_new(e, NULL, x->type, SM_C_VARYING);
  sm_place p = sm_state_place(e, state, x->type);
  sm_place_write(e, &p, one(e, x->type, c), x->loc);
  sm_leaf go = is_and ? c : sm_leaf_unary(e, SM_NOT, SM_BOOL, c);
  arms a = {{x->a[1], NULL}, state, x->type};
  sm_emit_if(e, go, arm_then, NULL, &a, false);
  return sm_place_read(e, &p, x->loc);
}

/* ---- assignment ------------------------------------------------------- */

static bool is_step_variable(sm_emit *e, const sm_expr *to) {
  if (to->kind != SM_VAR) return false;
  const sm_var *v = to->u.var;
  return e->states[v->id] && e->states[v->id]->kind == SM_C_STEP;
}

/* Adds a uniform amount to a STEP variable's delta. */
static void step_by(sm_emit *e, const sm_expr *to, sm_leaf amount,
                    sm_scalar s, bool back) {
  sm_state *state = e->states[to->u.var->id];
  const sm_type *t = to->u.var->type;
  bool pointer = t->kind == SM_T_POINTER;
  sm_scalar ds = pointer ? SM_LONG : t->scalar;
  if (amount.form != SM_UNI || e->level > state->level)
    sm_emit_fail(e, to->loc, "internal: step of %s is not uniform",
                 state->var->name);
  amount = sm_leaf_cast(e, ds, s, amount);
  sm_val by = amount.v;
  if (pointer) by = OP2(Mul, by, sm_i64(e, t->element->size));
  sm_val old =
      LL.BuildLoad2(e->b, sm_scalar_type(e, ds), state->memory, "");
  LL.BuildStore(e->b, back ? OP2(Sub, old, by) : OP2(Add, old, by),
                state->memory);
}

static sm_value current(sm_emit *e, const sm_expr *to) {
  sm_place p = sm_emit_place(e, to);
  return sm_place_read(e, &p, to->loc);
}

static sm_value assign(sm_emit *e, const sm_expr *x) {
  const sm_expr *to = x->a[0];
  if (is_step_variable(e, to)) { /* v = v + amount, as uniform.c saw */
    const sm_expr *sum = x->a[1];
    sm_value by = sm_emit_value(e, sum->a[1]);
    step_by(e, to, by.leaf[0], sum->a[1]->type->scalar, sum->op == SM_SUB);
    return current(e, to);
  }
  sm_value v = sm_emit_value(e, x->a[1]);
  sm_place p = sm_emit_place(e, to);
  v.type = p.type;
  sm_place_write(e, &p, v, x->loc);
  return v;
}

static sm_value compound(sm_emit *e, const sm_expr *x) {
  const sm_expr *to = x->a[0];
  bool dropped = e->dropped;
  if (is_step_variable(e, to)) {
    sm_value by = sm_emit_value(e, x->a[1]);
    step_by(e, to, by.leaf[0], x->a[1]->type->scalar, x->op == SM_SUB);
    return dropped ? sm_value_new(e, to->type) : current(e, to);
  }
  sm_value b = sm_emit_value(e, x->a[1]);
  sm_place p = sm_emit_place(e, to);
  sm_value a = sm_place_read(e, &p, x->loc);
  sm_value r = sm_value_new(e, to->type);
  if (to->type->kind == SM_T_POINTER) {
    r.leaf[0] = pointer_shift(e, to->type, a.leaf[0], b.leaf[0],
                              x->a[1]->type->scalar, x->op == SM_SUB,
                              x->loc);
  } else {
    const sm_type *work = x->operand_type ? x->operand_type : to->type;
    sm_scalar s = work->scalar;
    if (x->op == SM_MUL && b.type->kind == SM_T_MATRIX) {
      sm_expr fake = *x;
      fake.type = to->type;
      r = matrix_product(e, &fake, a, b);
    } else {
      sm_watch_divisor(e, x, &b, s);
      for (uint32_t i = 0; i < r.n; i++) {
        sm_leaf l = sm_leaf_cast(e, s, to->type->scalar, a.leaf[i]);
        sm_leaf q = b.leaf[b.n == 1 ? 0 : i];
        l = sm_leaf_binary(e, x->op, s, l, q);
        r.leaf[i] = sm_leaf_cast(e, to->type->scalar, s, l);
      }
    }
  }
  sm_place_write(e, &p, r, x->loc);
  return r;
}

static sm_leaf one_of(sm_emit *e, sm_scalar s) {
  if (sm_is_float(s))
    return sm_leaf_uni(LL.ConstReal(sm_scalar_type(e, s), 1.0));
  return sm_leaf_int(e, s, 1);
}

static sm_value increment(sm_emit *e, const sm_expr *x) {
  const sm_expr *to = x->a[0];
  bool back = x->op == SM_SUB;
  if (is_step_variable(e, to)) {
    sm_value old = sm_value_new(e, to->type);
    bool wanted = !e->dropped;
    if (wanted && x->kind == SM_POST) old = current(e, to);
    step_by(e, to, sm_leaf_int(e, SM_LONG, 1), SM_LONG, back);
    if (wanted && x->kind == SM_PRE) old = current(e, to);
    return old;
  }
  sm_place p = sm_emit_place(e, to);
  sm_value a = sm_place_read(e, &p, x->loc);
  sm_value r = sm_value_new(e, to->type);
  for (uint32_t i = 0; i < r.n; i++) {
    if (to->type->kind == SM_T_POINTER)
      r.leaf[i] = pointer_shift(e, to->type, a.leaf[i],
                                sm_leaf_int(e, SM_LONG, 1), SM_LONG, back,
                                x->loc);
    else
      r.leaf[i] = sm_leaf_binary(e, x->op, to->type->scalar, a.leaf[i],
                                 one_of(e, to->type->scalar));
  }
  sm_place_write(e, &p, r, x->loc);
  return x->kind == SM_POST ? a : r;
}

/* ---- construction and parts ------------------------------------------- */

static sm_leaf zero_leaf(sm_emit *e, const sm_type *t) {
  if (t->kind == SM_T_POINTER) return sm_leaf_uni(LL.ConstNull(e->ptr));
  if (t->kind == SM_T_FRAGMENT)
    return sm_leaf_uni(LL.ConstNull(
        sm_vector_type(e->f32, 64)));
  return sm_leaf_uni(LL.ConstNull(sm_scalar_type(e, t->scalar)));
}

static void zero_fill(sm_emit *e, const sm_type *t, sm_leaf *leaf) {
  if (t->kind == SM_T_ARRAY) {
    uint32_t n = sm_leaf_count(e, t->element);
    for (uint32_t i = 0; i < t->count; i++)
      zero_fill(e, t->element, leaf + i * n);
  } else if (t->kind == SM_T_STRUCT && t->structure->is_union) {
    const sm_type *whole = sm_union_whole(e, t);
    if (whole) zero_fill(e, whole, leaf);
  } else if (t->kind == SM_T_STRUCT) {
    for (uint32_t i = 0; i < t->structure->members.len; i++) {
      const sm_type *m = t->structure->members.data[i].type;
      zero_fill(e, m, leaf);
      leaf += sm_leaf_count(e, m);
    }
  } else {
    uint32_t n = sm_leaf_count(e, t);
    for (uint32_t i = 0; i < n; i++) leaf[i] = zero_leaf(e, t);
  }
}

static sm_value construct(sm_emit *e, const sm_expr *x) {
  const sm_type *t = x->type;
  sm_value r = sm_value_new(e, t);
  zero_fill(e, t, r.leaf);
  if (t->kind == SM_T_MATRIX && x->args.len == 1) {
    sm_value a = sm_emit_value(e, x->args.data[0]);
    if (a.n == 1) {
      for (uint32_t c = 0; c < t->count && c < t->rows; c++)
        r.leaf[c * t->rows + c] = a.leaf[0];
      return r;
    }
    for (uint32_t i = 0; i < r.n && i < a.n; i++) r.leaf[i] = a.leaf[i];
    return r;
  }
  uint32_t at = 0;
  for (uint32_t i = 0; i < x->args.len; i++) {
    sm_value a = sm_emit_value(e, x->args.data[i]);
    for (uint32_t k = 0; k < a.n && at < r.n; k++) r.leaf[at++] = a.leaf[k];
  }
  return r;
}

static sm_value splat(sm_emit *e, const sm_expr *x) {
  sm_leaf a = sm_emit_value(e, x->a[0]).leaf[0];
  sm_value r = sm_value_new(e, x->type);
  for (uint32_t i = 0; i < r.n; i++) r.leaf[i] = a;
  return r;
}

static sm_value address(sm_emit *e, const sm_expr *x) {
  sm_place p = sm_emit_place(e, x->a[0]);
  sm_value r = sm_value_new(e, x->type);
  if (p.kind == SM_P_MEMORY && p.space != SM_THREAD) {
    r.leaf[0] = p.pointer;
    return r;
  }
  r.leaf[0].form = SM_PLACE;
  r.leaf[0].root = -1;
  r.leaf[0].place = sm_place_copy(e, &p);
  return r;
}

static sm_value literal(sm_emit *e, const sm_expr *x) {
  sm_scalar s = x->type->scalar;
  if (x->type->kind == SM_T_POINTER)
    return one(e, x->type, sm_leaf_uni(LL.ConstNull(e->ptr)));
  if (!sm_is_float(s)) {
    uint64_t bits = s == SM_BOOL ? x->u.i != 0 : x->u.i;
    return one(e, x->type, sm_leaf_int(e, s, bits));
  }
  return one(e, x->type, sm_leaf_uni(
      LL.ConstReal(sm_scalar_type(e, s), x->u.f)));
}

static sm_value part(sm_emit *e, const sm_expr *x) {
  sm_value a = sm_emit_value(e, x->a[0]);
  sm_value r = sm_value_new(e, x->type);
  if (x->kind == SM_SHUFFLE) {
    for (uint32_t i = 0; i < r.n; i++) r.leaf[i] = a.leaf[x->swizzle[i]];
    return r;
  }
  if (x->kind == SM_MEMBER_OF) {
    uint32_t at = sm_member_leaf(e, x->a[0]->type, x->u.member);
    for (uint32_t i = 0; i < r.n; i++) r.leaf[i] = a.leaf[at + i];
    return r;
  }
  sm_leaf index = sm_emit_value(e, x->a[1]).leaf[0];
  sm_place p = {0};
  p.kind = SM_P_VALUE;
  p.value = a;
  sm_watch_index(e, x, &index, a.n / r.n);
  p = offset_place(e, p, x->type, index, x->a[1]->type->scalar, 0,
                   a.n / r.n, x->loc);
  return sm_place_read(e, &p, x->loc);
}

static sm_value emit_inner(sm_emit *e, const sm_expr *x) {
  sm_place p;
  switch (x->kind) {
  case SM_LITERAL: return literal(e, x);
  case SM_READ: return current(e, x->a[0]);
  case SM_CAST:
    return cast(e, x->type, sm_emit_value(e, x->a[0]), x->loc);
  case SM_SPLAT: return splat(e, x);
  case SM_CONSTRUCT: return construct(e, x);
  case SM_UNARY: return unary(e, x);
  case SM_BINARY: return binary(e, x);
  case SM_AND: case SM_OR: return logical(e, x);
  case SM_SELECT: return select_value(e, x);
  case SM_COMMA:
    sm_emit_value(e, x->a[0]);
    return sm_emit_value(e, x->a[1]);
  case SM_CALL: return sm_emit_call(e, x);
  case SM_BUILTIN: return sm_emit_builtin(e, x);
  case SM_ASSIGN: return assign(e, x);
  case SM_COMPOUND: return compound(e, x);
  case SM_PRE: case SM_POST: return increment(e, x);
  case SM_ADDRESS: return address(e, x);
  case SM_ELEMENT_OF: case SM_SHUFFLE: case SM_MEMBER_OF:
    return part(e, x);
  default:
    p = sm_emit_place(e, x);
    return sm_place_read(e, &p, x->loc);
  }
}

sm_value sm_emit_value(sm_emit *e, const sm_expr *x) {
  if (++e->depth > DEPTH)
    sm_emit_fail(e, x->loc, "expression nested more than %d deep", DEPTH);
  e->dropped = e->discard;
  e->discard = false;
  sm_value v = emit_inner(e, x);
  sm_watch_value(e, x, &v);
  e->depth--;
  return v;
}
