/* SPDX-License-Identifier: MIT */
/*
 * emit_watch.c - instrumentation of kernels: SOFTMETAL_CHECK and
 * SOFTMETAL_COUNTERS.
 *
 * Both watch what the source says, not what LLVM makes of it: an access, a
 * division or an operation is reported where its expression is emitted, with
 * the lanes that execute there. Without the two options nothing here emits
 * anything.
 *
 * Counting. An operation counts once per element (a float4 sum is four), and
 * a multiply-add that the language may contract counts as one. Subscripts
 * are part of their access, constant expressions are nothing.
 */
#include "emit.h"

#include "watch.h"

static bool watches(const sm_emit *e) {
  return e->options->check || e->options->counters;
}

static sm_val active(sm_emit *e) { return sm_mask_bits(e, sm_exec(e)); }

/* ---- accesses --------------------------------------------------------- */

int8_t sm_watch_variable(sm_emit *e, uint32_t at, uint32_t size) {
  uint32_t n = 0;
  for (; n < e->n_ranges; n++)
    if (e->ranges[n].at == at && e->ranges[n].size == size) break;
  if (n == TM_COUNT(e->ranges)) return -1; /* checked as a whole then */
  if (n == e->n_ranges) {
    e->ranges[n].at = at;
    e->ranges[n].size = size;
    e->n_ranges++;
  }
  return (int8_t)(-2 - (int)n);
}

static void emit_check(sm_emit *e, const sm_leaf *pointer, sm_val pointers,
                       uint32_t bytes, uint32_t flags, tm_loc loc) {
  sm_val mask = active(e);
  if (pointer->form == SM_UNI) mask = OP2(And, mask, OP1(Neg, mask));
  uint32_t at = 0, size = 0;
  if (pointer->root < -1) {
    at = e->ranges[-2 - pointer->root].at;
    size = e->ranges[-2 - pointer->root].size;
  }
  sm_val args[9] = {e->frame, pointers, mask, sm_i32(e, bytes),
                    sm_i32(e, flags), sm_i32(e, loc.line),
                    sm_i32(e, (uint32_t)(int32_t)pointer->root),
                    sm_i32(e, at), sm_i32(e, size)};
  sm_runtime(e, "sm_rt_check", e->void_type, args, 9);
}

void sm_check_access(sm_emit *e, const sm_leaf *pointer, sm_space space,
                     uint32_t bytes, uint32_t flags, tm_loc loc) {
  if (!watches(e) || space == SM_THREAD) return;
  uint32_t align = e->access_align ? e->access_align : 1;
  e->access_align = 0;
  flags |= (uint32_t)__builtin_ctz(align) << SM_ACCESS_ALIGN_SHIFT;
  if (space == SM_THREADGROUP) flags |= SM_ACCESS_THREADGROUP;
  if (space == SM_CONSTANT) flags |= SM_ACCESS_CONSTANT;
  sm_val pointers = sm_pointers_store(e, pointer);
  if (e->options->check) emit_check(e, pointer, pointers, bytes, flags, loc);
  if (!e->options->counters) return;
  sm_val args[5] = {e->frame, pointers, active(e), sm_i32(e, bytes),
                    sm_i32(e, flags)};
  sm_runtime(e, "sm_rt_count_access", e->void_type, args, 5);
}

/* ---- single checks ---------------------------------------------------- */

/* Divides, or reads at an index: what a check may report. */
static bool is_checked(const sm_expr *x) {
  if (x->kind == SM_BINARY && (x->op == SM_DIV || x->op == SM_REM) &&
      !sm_is_float(x->type->scalar))
    return true;
  if (x->kind == SM_INDEX || x->kind == SM_ELEMENT_OF) return true;
  for (int i = 0; i < 3; i++)
    if (x->a[i] && is_checked(x->a[i])) return true;
  for (uint32_t i = 0; i < x->args.len; i++)
    if (is_checked(x->args.data[i])) return true;
  return false;
}

bool sm_may_speculate(const sm_emit *e, const sm_expr *x) {
  return sm_is_pure(x) && !(e->options->check && is_checked(x));
}

void sm_watch_divisor(sm_emit *e, const sm_expr *x, const sm_value *divisor,
                      sm_scalar s) {
  if (!e->options->check || sm_is_float(s) ||
      (x->op != SM_DIV && x->op != SM_REM))
    return;
  for (uint32_t i = 0; i < divisor->n; i++) {
    const sm_leaf *d = &divisor->leaf[i];
    int64_t k;
    if (d->form == SM_UNI && sm_const_int(d->v, &k) && k != 0) continue;
    sm_val v = sm_vec(e, d);
    sm_val zero = ICMP(EQ, v, LL.ConstNull(LL.TypeOf(v)));
    sm_val bits = sm_mask_bits(e, OP2(And, zero, sm_exec(e)));
    LLVMBasicBlockRef bad = sm_block(e), good = sm_block(e);
    LL.BuildCondBr(e->b, ICMP(NE, bits, sm_i32(e, 0)), bad, good);
    sm_here(e, bad);
    sm_val args[3] = {e->frame, bits, sm_i32(e, x->loc.line)};
    sm_runtime(e, "sm_rt_check_divisor", e->void_type, args, 3);
    LL.BuildBr(e->b, good);
    sm_here(e, good);
  }
}

static sm_val scratch_values(sm_emit *e) {
  if (!e->scratch_values)
    e->scratch_values =
        sm_alloca(e, sm_vector_type(e->i64, SM_LANES), SM_LANES * 8);
  return e->scratch_values;
}

/* In thread memory, or a constant of the program: no buffer bounds it. */
static bool has_no_bounds(const sm_expr *x) {
  const sm_expr *root = x->a[0];
  if (!root->is_lvalue || root->space == SM_THREAD) return true;
  while (root->kind == SM_INDEX || root->kind == SM_MEMBER) root = root->a[0];
  return root->kind == SM_VAR && root->u.var->kind == SM_V_GLOBAL;
}

void sm_watch_index(sm_emit *e, const sm_expr *x, const sm_leaf *index,
                    uint32_t elements) {
  int64_t k;
  if (!e->options->check || !elements || !has_no_bounds(x)) return;
  if (index->form == SM_UNI && sm_const_int(index->v, &k) && k >= 0 &&
      k < elements)
    return;
  sm_leaf wide = sm_leaf_cast(e, SM_LONG, x->a[1]->type->scalar, *index);
  sm_val at = sm_vec(e, &wide);
  sm_val over = ICMP(UGE, at, sm_splat(e, sm_i64(e, elements)));
  sm_val bits = sm_mask_bits(e, OP2(And, over, sm_exec(e)));
  LLVMBasicBlockRef bad = sm_block(e), good = sm_block(e);
  LL.BuildCondBr(e->b, ICMP(NE, bits, sm_i32(e, 0)), bad, good);
  sm_here(e, bad);
  LL.SetAlignment(LL.BuildStore(e->b, at, scratch_values(e)), 8);
  sm_val args[5] = {e->frame, bits, e->scratch_values, sm_i32(e, elements),
                    sm_i32(e, x->loc.line)};
  sm_runtime(e, "sm_rt_check_index", e->void_type, args, 5);
  LL.BuildBr(e->b, good);
  sm_here(e, good);
}

void sm_watch_store(sm_emit *e, const sm_leaf *pointer, uint32_t offset,
                    sm_val values, tm_loc loc) {
  sm_ty wide = sm_vector_type(e->i64, SM_LANES);
  sm_ty element = LL.GetElementType(LL.TypeOf(values));
  if (element == e->f32 || element == e->f16)
    values = CONVERT(BitCast, values, sm_vector_type(
        element == e->f32 ? e->i32 : e->i16, SM_LANES));
  if (LL.TypeOf(values) != wide) values = CONVERT(ZExt, values, wide);
  LL.SetAlignment(LL.BuildStore(e->b, values, scratch_values(e)), 8);
  sm_val args[6] = {e->frame, sm_pointers_store(e, pointer), active(e),
                    sm_i32(e, offset), e->scratch_values,
                    sm_i32(e, loc.line)};
  sm_runtime(e, "sm_rt_check_store", e->void_type, args, 6);
}

void sm_watch_shuffle(sm_emit *e, tm_loc loc, uint32_t move, uint32_t width,
                      const sm_leaf *by) {
  if (!e->options->check) return;
  if (!e->scratch_lanes)
    e->scratch_lanes =
        sm_alloca(e, sm_vector_type(e->i32, SM_LANES), SM_LANES * 4);
  LL.SetAlignment(LL.BuildStore(e->b, sm_vec(e, by), e->scratch_lanes), 4);
  sm_val args[6] = {e->frame, e->scratch_lanes, active(e),
                    sm_i32(e, move), sm_i32(e, width),
                    sm_i32(e, loc.line)};
  sm_runtime(e, "sm_rt_check_shuffle", e->void_type, args, 6);
}

void sm_watch_barrier(sm_emit *e, uint32_t flags) {
  if (!watches(e)) return;
  sm_val args[3] = {e->frame, sm_i32(e, flags), active(e)};
  sm_runtime(e, "sm_rt_watch_barrier", e->void_type, args, 3);
}

void sm_watch_fence(sm_emit *e, uint32_t flags) {
  if (!e->options->check) return;
  sm_val args[2] = {e->frame, sm_i32(e, flags)};
  sm_runtime(e, "sm_rt_watch_fence", e->void_type, args, 2);
}

/* ---- counting operations ---------------------------------------------- */

static void count(sm_emit *e, sm_count kind, uint32_t n) {
  sm_val args[4] = {e->frame, sm_i32(e, kind), active(e), sm_i32(e, n)};
  sm_runtime(e, "sm_rt_count", e->void_type, args, 4);
}

static bool is_constant(const sm_value *v) {
  for (uint32_t i = 0; i < v->n; i++)
    if (v->leaf[i].form != SM_UNI || !LL.IsConstant(v->leaf[i].v))
      return false;
  return v->n != 0;
}

static sm_count arithmetic(sm_op op, sm_scalar s, sm_precision precision) {
  (void)precision;
  if (!sm_is_float(s)) return SM_COUNT_INT;
  return op == SM_DIV || op == SM_REM ? SM_COUNT_SPECIAL : SM_COUNT_FLOAT;
}

/* Float functions that are one instruction of the ordinary units. */
static bool is_simple(sm_builtin b) {
  switch (b) {
  case SM_B_CEIL: case SM_B_COPYSIGN: case SM_B_FABS: case SM_B_FDIM:
  case SM_B_FLOOR: case SM_B_FMA: case SM_B_FMAX: case SM_B_FMAX3:
  case SM_B_FMEDIAN3: case SM_B_FMIN: case SM_B_FMIN3: case SM_B_ROUND:
  case SM_B_RINT: case SM_B_TRUNC: case SM_B_MIN: case SM_B_MAX:
  case SM_B_ABS: case SM_B_CLAMP: case SM_B_MIX: case SM_B_SATURATE:
  case SM_B_SIGN: case SM_B_STEP: case SM_B_SELECT: case SM_B_FRACT:
  case SM_B_CROSS: return true;
  default: return false;
  }
}

static void count_builtin(sm_emit *e, const sm_expr *x, uint32_t n) {
  sm_builtin b = x->u.builtin;
  const sm_type *t = x->args.len ? x->args.data[0]->type : x->type;
  if (b == SM_B_AS_TYPE || b == SM_B_IS_FUNCTION_CONSTANT_DEFINED) return;
  if (b == SM_B_SIMDGROUP_MULTIPLY ||
      b == SM_B_SIMDGROUP_MULTIPLY_ACCUMULATE) {
    count(e, SM_COUNT_MATRIX, 1);
    return;
  }
  /* Barriers and accesses are counted where they are emitted. */
  if (b == SM_B_THREADGROUP_BARRIER || b == SM_B_SIMDGROUP_BARRIER ||
      b == SM_B_ATOMIC_THREAD_FENCE || b == SM_B_SIMDGROUP_LOAD ||
      b == SM_B_SIMDGROUP_STORE || b == SM_B_SIMDGROUP_FILLED ||
      b == SM_B_SIMDGROUP_DIAGONAL ||
      (b >= SM_B_ATOMIC_LOAD && b <= SM_B_ATOMIC_MIN))
    return;
  if (sm_is_group(b)) count(e, SM_COUNT_SHUFFLE, n);
  else if (!sm_is_float(t->scalar)) count(e, SM_COUNT_INT, n);
  else if (b == SM_B_DOT) count(e, SM_COUNT_FLOAT, t->count);
  else count(e, is_simple(b) ? SM_COUNT_FLOAT : SM_COUNT_SPECIAL, n);
}

static void count_cast(sm_emit *e, const sm_expr *x, uint32_t n) {
  const sm_type *from = x->a[0]->type, *to = x->type;
  bool numbers = (from->kind == SM_T_SCALAR || from->kind == SM_T_VECTOR) &&
                 (to->kind == SM_T_SCALAR || to->kind == SM_T_VECTOR);
  if (!numbers || to->scalar == SM_VOID || from->scalar == to->scalar)
    return;
  bool real = sm_is_float(from->scalar) || sm_is_float(to->scalar);
  /* Between integers of one width a cast is only a name. */
  if (!real && sm_scalar_bytes(from->scalar) == sm_scalar_bytes(to->scalar))
    return;
  count(e, SM_COUNT_CONVERT, n);
}

void sm_watch_value(sm_emit *e, const sm_expr *x, const sm_value *v) {
  if (!e->options->counters || x->type->kind == SM_T_POINTER) return;
  bool is_step = x->kind == SM_PRE || x->kind == SM_POST ||
                 x->kind == SM_COMPOUND;
  if (!is_step && x->kind != SM_BUILTIN && is_constant(v)) return;
  uint32_t n = v->n ? v->n : 1;
  switch (x->kind) {
  case SM_BINARY: {
    const sm_type *t = x->a[0]->type;
    if (t->kind == SM_T_POINTER) count(e, SM_COUNT_INT, 1);
    else count(e, arithmetic(x->op, t->scalar, x->precision), n);
    return;
  }
  case SM_UNARY:
    count(e, arithmetic(x->op, x->type->scalar, x->precision), n);
    return;
  case SM_COMPOUND: {
    const sm_type *t = x->operand_type ? x->operand_type : x->type;
    count(e, arithmetic(x->op, t->scalar, x->precision), n);
    return;
  }
  case SM_PRE: case SM_POST:
    count(e, arithmetic(x->op, x->type->scalar, x->precision), n);
    return;
  case SM_AND: case SM_OR: count(e, SM_COUNT_INT, 1); return;
  case SM_SELECT:
    if (x->type->kind == SM_T_SCALAR || x->type->kind == SM_T_VECTOR)
      count(e, sm_is_float(x->type->scalar) ? SM_COUNT_FLOAT : SM_COUNT_INT,
            n);
    return;
  case SM_CAST: count_cast(e, x, n); return;
  case SM_BUILTIN: count_builtin(e, x, n); return;
  default: return;
  }
}
