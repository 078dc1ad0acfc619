/* SPDX-License-Identifier: MIT */
/*
 * emit_leaf.c - arithmetic on leaves (emit.h), keeping them uniform or
 * linear in the lane number for as long as that is exact.
 *
 * All of this is ordinary modular arithmetic: a linear form stays equal to
 * the lanes' values modulo the type's width whatever happens. Only two
 * things need care: widening, which is right only if nothing wrapped
 * (`exact`, or a guard), and division, shifts and bit operations, which are
 * done on the form only if its bits are disjoint: base and coefficients
 * share no bit, so that no carry joins them.
 *
 * Signed arithmetic is taken not to overflow, which is C++'s rule and what
 * makes `int` indices cheap.
 */
#include "emit.h"

/* ---- types and constants ---------------------------------------------- */

sm_ty sm_scalar_type(sm_emit *e, sm_scalar s) {
  switch (s) {
  case SM_BOOL: return e->i1;
  case SM_CHAR: case SM_UCHAR: return e->i8;
  case SM_SHORT: case SM_USHORT: return e->i16;
  case SM_INT: case SM_UINT: return e->i32;
  case SM_LONG: case SM_ULONG: return e->i64;
  case SM_HALF: return e->f16;
  case SM_BFLOAT: case SM_FLOAT: return e->f32;
  default: return e->void_type;
  }
}

sm_ty sm_vector_type(sm_ty element, unsigned n) {
  return LL.VectorType(element, n);
}

unsigned sm_scalar_bytes(sm_scalar s) {
  static const unsigned bytes[SM_SCALARS] = {0, 1, 1, 1, 2, 2, 4,
                                             4, 8, 8, 2, 2, 4};
  return bytes[s];
}

bool sm_is_float(sm_scalar s) {
  return s == SM_HALF || s == SM_BFLOAT || s == SM_FLOAT;
}

bool sm_is_signed(sm_scalar s) {
  return s == SM_CHAR || s == SM_SHORT || s == SM_INT || s == SM_LONG;
}

unsigned sm_scalar_bits(sm_scalar s) {
  return s == SM_BOOL ? 1 : sm_scalar_bytes(s) * 8;
}

sm_val sm_int(sm_emit *e, sm_ty type, uint64_t value) {
  return LL.ConstInt(type, value, false);
}
sm_val sm_i32(sm_emit *e, uint32_t value) {
  return LL.ConstInt(e->i32, value, false);
}
sm_val sm_i64(sm_emit *e, uint64_t value) {
  return LL.ConstInt(e->i64, value, false);
}

sm_val sm_splat_n(sm_emit *e, sm_val scalar, unsigned n) {
  sm_ty type = LL.TypeOf(scalar);
  if (LL.IsConstant(scalar)) {
    sm_val all[256];
    for (unsigned i = 0; i < n && i < 256; i++) all[i] = scalar;
    return LL.ConstVector(all, n);
  }
  sm_ty vector = sm_vector_type(type, n);
  sm_val one = LL.BuildInsertElement(e->b, LL.GetPoison(vector), scalar,
                                     sm_i32(e, 0), "");
  return LL.BuildShuffleVector(e->b, one, LL.GetPoison(vector),
                               LL.ConstNull(sm_vector_type(e->i32, n)), "");
}

sm_val sm_splat(sm_emit *e, sm_val scalar) {
  return sm_splat_n(e, scalar, SM_LANES);
}

sm_val sm_shuffle(sm_emit *e, sm_val a, sm_val b, const int *mask,
                  unsigned n) {
  sm_val *index = TM_NEW_ARRAY(e->arena, sm_val, n);
  for (unsigned i = 0; i < n; i++)
    index[i] = mask[i] < 0 ? LL.GetPoison(e->i32)
                           : sm_i32(e, (uint32_t)mask[i]);
  if (!b) b = LL.GetPoison(LL.TypeOf(a));
  return LL.BuildShuffleVector(e->b, a, b, LL.ConstVector(index, n), "");
}

sm_val sm_lanes(sm_emit *e, sm_ty type, uint64_t start, uint64_t step) {
  sm_val all[SM_LANES];
  for (unsigned i = 0; i < SM_LANES; i++)
    all[i] = LL.ConstInt(type, start + i * step, false);
  return LL.ConstVector(all, SM_LANES);
}

bool sm_const_int(sm_val v, int64_t *out) {
  if (!LL.IsAConstantInt(v)) return false;
  if (LL.GetIntTypeWidth(LL.TypeOf(v)) > 64) return false;
  *out = LL.ConstIntGetSExtValue(v);
  return true;
}

/* ---- calls and blocks ------------------------------------------------- */

sm_val sm_intrinsic(sm_emit *e, const char *name, sm_ty *types, unsigned n,
                    sm_val *args, unsigned n_args) {
  unsigned id = LL.LookupIntrinsicID(name, strlen(name));
  if (!id) sm_emit_fail(e, (tm_loc){0}, "LLVM lacks %s", name);
  sm_val f = LL.GetIntrinsicDeclaration(e->module, id, types, n);
  sm_ty params[SM_MOST_CALL_ARGS];
  if (n_args > SM_MOST_CALL_ARGS)
    sm_emit_fail(e, (tm_loc){0}, "%s takes %u arguments", name, n_args);
  for (unsigned i = 0; i < n_args; i++) params[i] = LL.TypeOf(args[i]);
  sm_ty result = e->void_type;
  if (strncmp(name, "llvm.masked.store", 17) != 0 &&
      strncmp(name, "llvm.masked.scatter", 19) != 0)
    result = types[0];
  if (!strcmp(name, "llvm.is.fpclass")) result = e->i1;
  sm_ty type = LL.FunctionType(result, params, n_args, false);
  return LL.BuildCall2(e->b, type, f, args, n_args, "");
}

sm_val sm_intrinsic1(sm_emit *e, const char *name, sm_val a) {
  sm_ty type = LL.TypeOf(a);
  return sm_intrinsic(e, name, &type, 1, &a, 1);
}

sm_val sm_intrinsic2(sm_emit *e, const char *name, sm_val a, sm_val b) {
  sm_ty type = LL.TypeOf(a);
  sm_val args[2] = {a, b};
  return sm_intrinsic(e, name, &type, 1, args, 2);
}

sm_val sm_runtime(sm_emit *e, const char *name, sm_ty result, sm_val *args,
                  unsigned n) {
  sm_ty params[SM_MOST_CALL_ARGS];
  if (n > SM_MOST_CALL_ARGS)
    sm_emit_fail(e, e->kernel->loc, "%s takes %u arguments", name, n);
  for (unsigned i = 0; i < n; i++) params[i] = LL.TypeOf(args[i]);
  sm_ty type = LL.FunctionType(result, params, n, false);
  sm_val f = LL.GetNamedFunction(e->module, name);
  if (!f) f = LL.AddFunction(e->module, name, type);
  return LL.BuildCall2(e->b, type, f, args, n, "");
}

/* All in the entry block, so that they are promoted to registers. */
sm_val sm_alloca(sm_emit *e, sm_ty type, uint64_t bytes) {
  e->local_bytes += (bytes + 63) & ~(uint64_t)63;
  if (e->local_bytes > (64u << 20))
    sm_emit_fail(e, e->kernel->loc, "local variables need more than 64 MiB "
                 "for 32 lanes");
  LLVMBasicBlockRef back = LL.GetInsertBlock(e->b);
  sm_val first = LL.GetFirstInstruction(e->entry);
  if (first) LL.PositionBuilderBefore(e->b, first);
  else LL.PositionBuilderAtEnd(e->b, e->entry);
  sm_val v = LL.BuildAlloca(e->b, type, "");
  LL.SetAlignment(v, bytes >= 64 ? 64 : 8);
  LL.PositionBuilderAtEnd(e->b, back);
  return v;
}

sm_val sm_at(sm_emit *e, sm_val pointer, sm_val offset) {
  int64_t k;
  if (sm_const_int(offset, &k) && k == 0) return pointer;
  return LL.BuildGEP2(e->b, e->i8, pointer, &offset, 1, "");
}

LLVMBasicBlockRef sm_block(sm_emit *e) {
  return LL.AppendBasicBlockInContext(e->context, e->function, "");
}

bool sm_ended(sm_emit *e) {
  return LL.GetBasicBlockTerminator(LL.GetInsertBlock(e->b)) != NULL;
}

void sm_here(sm_emit *e, LLVMBasicBlockRef block) {
  LL.PositionBuilderAtEnd(e->b, block);
}

void sm_go(sm_emit *e, LLVMBasicBlockRef block) {
  if (!sm_ended(e)) LL.BuildBr(e->b, block);
  sm_here(e, block);
}

/* ---- forms ------------------------------------------------------------ */

sm_leaf sm_leaf_uni(sm_val v) {
  sm_leaf leaf = {0};
  leaf.form = SM_UNI;
  leaf.exact = true;
  leaf.root = -1;
  leaf.hi = SM_HI_UNKNOWN;
  leaf.v = v;
  if (LL.IsAConstantInt(v) && LL.GetIntTypeWidth(LL.TypeOf(v)) <= 64) {
    uint64_t bits = LL.ConstIntGetZExtValue(v);
    leaf.zeros = bits ? (uint8_t)__builtin_ctzll(bits) : 64;
    /* As a signed number it must not be negative. */
    if (!(bits >> (LL.GetIntTypeWidth(LL.TypeOf(v)) - 1))) leaf.hi = bits;
  }
  return leaf;
}

sm_leaf sm_leaf_var(sm_val v) {
  sm_leaf leaf = {0};
  leaf.form = SM_VARYING;
  leaf.root = -1;
  leaf.hi = SM_HI_UNKNOWN;
  leaf.v = v;
  return leaf;
}

sm_leaf sm_leaf_int(sm_emit *e, sm_scalar s, uint64_t value) {
  return sm_leaf_uni(LL.ConstInt(sm_scalar_type(e, s), value, false));
}

bool sm_all_uniform(const sm_leaf *a, const sm_leaf *b) {
  return a->form == SM_UNI && (!b || b->form == SM_UNI);
}

static bool is_pointer(sm_val v) {
  return LL.GetTypeKind(LL.TypeOf(v)) == LLVMPointerTypeKind;
}

/* The lane part of a linear leaf, as a vector of its coefficients' type. */
static sm_val lane_part(sm_emit *e, const sm_leaf *a, sm_ty type) {
  int64_t k[5] = {0};
  bool constant = true;
  for (int b = 0; b < 5; b++)
    if (a->coef[b] && !sm_const_int(a->coef[b], &k[b])) constant = false;
  if (constant) {
    sm_val all[SM_LANES];
    for (unsigned l = 0; l < SM_LANES; l++) {
      uint64_t sum = 0;
      for (int b = 0; b < 5; b++)
        if (l >> b & 1) sum += (uint64_t)k[b];
      all[l] = LL.ConstInt(type, sum, false);
    }
    return LL.ConstVector(all, SM_LANES);
  }
  sm_val sum = NULL;
  for (int b = 0; b < 5; b++) {
    if (!a->coef[b]) continue;
    sm_val bit[SM_LANES];
    for (unsigned l = 0; l < SM_LANES; l++)
      bit[l] = LL.ConstInt(e->i1, l >> b & 1, false);
    sm_val part = SELECT(LL.ConstVector(bit, SM_LANES),
                         sm_splat(e, a->coef[b]),
                         LL.ConstNull(sm_vector_type(type, SM_LANES)));
    sum = sum ? OP2(Add, sum, part) : part;
  }
  return sum;
}

sm_val sm_vec(sm_emit *e, const sm_leaf *a) {
  if (a->form == SM_VARYING) return a->v;
  if (a->form == SM_UNI) return sm_splat(e, a->v);
  if (a->form == SM_PLACE)
    sm_emit_fail(e, (tm_loc){0}, "internal: address of a local as a value");
  if (a->guard) return a->alt;
  if (is_pointer(a->v)) {
    sm_val part = lane_part(e, a, e->i64);
    return LL.BuildGEP2(e->b, e->i8, a->v, &part, 1, "");
  }
  return OP2(Add, sm_splat(e, a->v),
             lane_part(e, a, LL.TypeOf(a->v)));
}

/* A linear leaf whose coefficients all vanished is uniform. */
static sm_leaf settle(sm_leaf a) {
  if (a.form != SM_LIN) return a;
  for (int b = 0; b < 5; b++) {
    int64_t k;
    if (a.coef[b] && sm_const_int(a.coef[b], &k) && k == 0)
      a.coef[b] = NULL;
  }
  for (int b = 0; b < 5; b++)
    if (a.coef[b]) return a;
  if (a.guard) return a; /* alt may still vary */
  a.form = SM_UNI;
  a.exact = true;
  return a;
}

static uint64_t type_max(sm_scalar s) {
  unsigned bits = sm_scalar_bits(s) - (sm_is_signed(s) ? 1 : 0);
  return bits >= 64 ? UINT64_MAX - 1 : ((uint64_t)1 << bits) - 1;
}

static bool linear(const sm_leaf *a) {
  return a->form == SM_UNI || a->form == SM_LIN;
}

/* Coefficients as constants; false if one is not. */
static bool const_coefs(const sm_leaf *a, int64_t k[5]) {
  for (int b = 0; b < 5; b++) {
    k[b] = 0;
    if (a->form == SM_LIN && a->coef[b] && !sm_const_int(a->coef[b], &k[b]))
      return false;
  }
  return true;
}

/* Base and coefficients share no bit; *bits is the lane part's bits. */
static bool disjoint(const sm_leaf *a, uint64_t *bits) {
  int64_t k[5];
  uint64_t all = 0;
  if (a->guard || !const_coefs(a, k)) return false;
  for (int b = 0; b < 5; b++) {
    if (k[b] < 0 || (all & (uint64_t)k[b])) return false;
    all |= (uint64_t)k[b];
  }
  *bits = all;
  return all < ((uint64_t)1 << (a->zeros > 62 ? 62 : a->zeros));
}

/* ---- addition, multiplication ----------------------------------------- */

static sm_val coef_add(sm_emit *e, sm_val a, sm_val b, bool subtract) {
  if (!b) return a;
  if (!a) return subtract ? OP1(Neg, b) : b;
  return subtract ? OP2(Sub, a, b) : OP2(Add, a, b);
}

static void merge_guards(sm_emit *e, sm_leaf *r, const sm_leaf *a,
                         const sm_leaf *b) {
  sm_val g = a->guard;
  if (b && b->guard) g = g ? OP2(And, g, b->guard) : b->guard;
  r->guard = g;
}

static uint8_t least(uint8_t a, uint8_t b) { return a < b ? a : b; }

static sm_leaf add_linear(sm_emit *e, sm_scalar s, const sm_leaf *a,
                          const sm_leaf *b, bool subtract) {
  sm_leaf r = {0};
  r.form = SM_LIN;
  r.root = -1;
  r.hi = SM_HI_UNKNOWN;
  r.v = subtract ? OP2(Sub, a->v, b->v) : OP2(Add, a->v, b->v);
  for (int i = 0; i < 5; i++)
    r.coef[i] = coef_add(e, a->form == SM_LIN ? a->coef[i] : NULL,
                         b->form == SM_LIN ? b->coef[i] : NULL, subtract);
  r.zeros = least(a->zeros, b->zeros);
  if (!subtract && a->hi != SM_HI_UNKNOWN && b->hi != SM_HI_UNKNOWN &&
      a->hi <= type_max(s) - (b->hi < type_max(s) ? b->hi : type_max(s)))
    r.hi = a->hi + b->hi;
  r.exact = a->exact && b->exact &&
            (sm_is_signed(s) || r.hi != SM_HI_UNKNOWN);
  merge_guards(e, &r, a, b);
  if (r.guard) {
    sm_val x = sm_vec(e, a), y = sm_vec(e, b);
    r.alt = subtract ? OP2(Sub, x, y) : OP2(Add, x, y);
  }
  if (LL.IsAConstantInt(r.v)) r.zeros = sm_leaf_uni(r.v).zeros;
  return settle(r);
}

static sm_leaf multiply_linear(sm_emit *e, sm_scalar s, const sm_leaf *a,
                               const sm_leaf *b) {
  if (a->form == SM_UNI && b->form == SM_LIN) {
    const sm_leaf *t = a;
    a = b;
    b = t;
  }
  sm_leaf r = {0};
  r.form = SM_LIN;
  r.root = -1;
  r.hi = SM_HI_UNKNOWN;
  r.v = OP2(Mul, a->v, b->v);
  for (int i = 0; i < 5; i++)
    if (a->form == SM_LIN && a->coef[i])
      r.coef[i] = OP2(Mul, a->coef[i], b->v);
  r.zeros = (uint8_t)(a->zeros + b->zeros > 64 ? 64 : a->zeros + b->zeros);
  if (a->hi != SM_HI_UNKNOWN && b->hi != SM_HI_UNKNOWN &&
      (b->hi == 0 || a->hi <= type_max(s) / b->hi))
    r.hi = a->hi * b->hi;
  r.exact = a->exact && (sm_is_signed(s) || r.hi != SM_HI_UNKNOWN);
  merge_guards(e, &r, a, NULL);
  if (r.guard) r.alt = OP2(Mul, sm_vec(e, a), sm_vec(e, b));
  return settle(r);
}

/* ---- bits ------------------------------------------------------------- */

/* x op c for disjoint x and a constant c, or two that share no bits. */
static bool bitwise_linear(sm_emit *e, sm_op op, sm_scalar s,
                           const sm_leaf *a, const sm_leaf *b,
                           sm_leaf *out) {
  uint64_t bits, other;
  int64_t k[5], c;
  if (!disjoint(a, &bits)) return false;
  unsigned width = sm_scalar_bits(s);
  uint64_t full = width == 64 ? UINT64_MAX : ((uint64_t)1 << width) - 1;
  sm_ty type = LL.TypeOf(a->v);
  const_coefs(a, k);
  sm_leaf r = *a;
  r.root = -1;
  if (b->form == SM_UNI && sm_const_int(b->v, &c)) {
    uint64_t m = (uint64_t)c & full;
    bool shift = op == SM_SHL || op == SM_SHR || op == SM_DIV;
    if (op == SM_DIV || op == SM_REM) {
      if (!m || (m & (m - 1))) return false;
      if (sm_is_signed(s) && a->hi == SM_HI_UNKNOWN) return false;
      if (op == SM_REM) { m -= 1; op = SM_BIT_AND; }
      else m = (uint64_t)__builtin_ctzll(m);
    }
    if (shift) m &= width - 1;
    if (op == SM_SHL) return false; /* done as a multiplication */
    if (shift && sm_is_signed(s) && a->hi == SM_HI_UNKNOWN && !a->exact)
      return false;
    for (int i = 0; i < 5; i++) {
      uint64_t x = (uint64_t)k[i];
      if (shift) x >>= m;
      else if (op == SM_BIT_AND) x &= m;
      else if (op == SM_BIT_OR) x &= ~m;
      else if (x & m) {
        /* xor: a lane bit that is flipped counts down from one */
        if (x & ~m) return false;
        x = -x;
      }
      r.coef[i] = x ? LL.ConstInt(type, x, false) : NULL;
    }
    sm_val cv = sm_int(e, type, m);
    if (shift)
      r.v = sm_is_signed(s) ? OP2(AShr, a->v, cv) : OP2(LShr, a->v, cv);
    else if (op == SM_BIT_AND) r.v = OP2(And, a->v, cv);
    else if (op == SM_BIT_OR) r.v = OP2(Or, a->v, cv);
    else r.v = OP2(Xor, a->v, cv);
    if (shift) {
      r.zeros = a->zeros > m ? (uint8_t)(a->zeros - m) : 0;
      if (a->hi != SM_HI_UNKNOWN) r.hi = a->hi >> m;
    } else if (op == SM_BIT_AND) {
      r.hi = !(m >> (width - 1)) ? (a->hi < m ? a->hi : m) : a->hi;
      r.exact = true;
      if (m < ((uint64_t)1 << (a->zeros > 62 ? 62 : a->zeros))) {
        r.v = sm_int(e, type, 0);
        r.zeros = 64;
      }
    } else {
      unsigned low = m ? (unsigned)__builtin_ctzll(m) : 64;
      r.zeros = least(a->zeros, (uint8_t)low);
      r.hi = SM_HI_UNKNOWN;
      if (a->hi <= type_max(s) / 2 && m <= type_max(s) / 2) {
        uint64_t top = a->hi | m;
        while (top & (top + 1)) top |= top >> 1;
        r.hi = top;
      }
      r.exact = a->exact;
      if (op == SM_BIT_XOR && LL.IsAConstantInt(r.v)) r.exact = true;
    }
    *out = settle(r);
    return true;
  }
  /* Both have lanes: or and xor without common bits are additions. */
  if ((op == SM_BIT_OR || op == SM_BIT_XOR) && disjoint(b, &other) &&
      LL.IsAConstantInt(a->v) && LL.IsAConstantInt(b->v)) {
    uint64_t x = LL.ConstIntGetZExtValue(a->v) | bits;
    uint64_t y = LL.ConstIntGetZExtValue(b->v) | other;
    if (x & y) return false;
    *out = add_linear(e, s, a, b, false);
    out->exact = a->exact && b->exact;
    return true;
  }
  return false;
}

/* ---- operators -------------------------------------------------------- */

/* Division must not trap: a zero divisor becomes 1, and so does -1 below
 * the least number (whose quotient overflows). */
static sm_val guarded_divisor(sm_emit *e, sm_scalar s, sm_val a, sm_val b) {
  sm_ty type = LL.TypeOf(b);
  bool vector = LL.GetTypeKind(type) == LLVMVectorTypeKind;
  sm_ty element = vector ? LL.GetElementType(type) : type;
  sm_val one = LL.ConstInt(element, 1, false);
  sm_val zero = LL.ConstNull(type);
  sm_val minus = LL.ConstInt(element, UINT64_MAX, true);
  sm_val min =
      LL.ConstInt(element, (uint64_t)1 << (sm_scalar_bits(s) - 1), false);
  if (vector) {
    one = sm_splat(e, one);
    minus = sm_splat(e, minus);
    min = sm_splat(e, min);
  }
  sm_val bad = ICMP(EQ, b, zero);
  if (sm_is_signed(s))
    bad = OP2(Or, bad, OP2(And, ICMP(EQ, b, minus), ICMP(EQ, a, min)));
  return SELECT(bad, one, b);
}

static bool safe_divisor(sm_val b) {
  int64_t k;
  if (!LL.IsConstant(b)) return false;
  return sm_const_int(b, &k) && k != 0 && k != -1;
}

static sm_val int_binary(sm_emit *e, sm_op op, sm_scalar s, sm_val a,
                         sm_val b, bool safe) {
  bool sign = sm_is_signed(s);
  switch (op) {
  case SM_ADD: return OP2(Add, a, b);
  case SM_SUB: return OP2(Sub, a, b);
  case SM_MUL: return OP2(Mul, a, b);
  case SM_DIV:
    if (!safe) b = guarded_divisor(e, s, a, b);
    return sign ? OP2(SDiv, a, b) : OP2(UDiv, a, b);
  case SM_REM:
    if (!safe) b = guarded_divisor(e, s, a, b);
    return sign ? OP2(SRem, a, b) : OP2(URem, a, b);
  case SM_SHL: case SM_SHR: {
    sm_ty type = LL.TypeOf(b);
    bool vector = LL.GetTypeKind(type) == LLVMVectorTypeKind;
    sm_val m = LL.ConstInt(vector ? LL.GetElementType(type) : type,
                           sm_scalar_bits(s) - 1, false);
    b = OP2(And, b, vector ? sm_splat(e, m) : m);
    if (op == SM_SHL) return OP2(Shl, a, b);
    return sign ? OP2(AShr, a, b) : OP2(LShr, a, b);
  }
  case SM_BIT_AND: return OP2(And, a, b);
  case SM_BIT_OR: return OP2(Or, a, b);
  default: return OP2(Xor, a, b);
  }
}

static sm_val float_binary(sm_emit *e, sm_op op, sm_scalar s, sm_val a,
                           sm_val b) {
  sm_val r;
  switch (op) {
  case SM_ADD: r = OP2(FAdd, a, b); break;
  case SM_SUB: r = OP2(FSub, a, b); break;
  case SM_MUL: r = OP2(FMul, a, b); break;
  default: r = OP2(FDiv, a, b); break;
  }
  return s == SM_BFLOAT ? sm_round_bfloat(e, r) : r;
}

static uint64_t binary_hi(sm_op op, sm_scalar s, const sm_leaf *a,
                          const sm_leaf *b) {
  int64_t k;
  bool constant = b->form == SM_UNI && sm_const_int(b->v, &k) && k > 0;
  switch (op) {
  case SM_ADD:
    if (a->hi != SM_HI_UNKNOWN && b->hi != SM_HI_UNKNOWN &&
        a->hi <= type_max(s) && b->hi <= type_max(s) - a->hi)
      return a->hi + b->hi;
    return SM_HI_UNKNOWN;
  case SM_MUL:
    if (a->hi != SM_HI_UNKNOWN && b->hi != SM_HI_UNKNOWN &&
        (b->hi == 0 || a->hi <= type_max(s) / b->hi))
      return a->hi * b->hi;
    return SM_HI_UNKNOWN;
  case SM_DIV:
    if (constant && a->hi != SM_HI_UNKNOWN) return a->hi / (uint64_t)k;
    return constant && !sm_is_signed(s) ? type_max(s) / (uint64_t)k
                                        : SM_HI_UNKNOWN;
  case SM_REM:
    if (constant && (a->hi != SM_HI_UNKNOWN || !sm_is_signed(s)))
      return (uint64_t)k - 1;
    return SM_HI_UNKNOWN;
  case SM_SHR:
    if (constant && a->hi != SM_HI_UNKNOWN)
      return a->hi >> (k & (sm_scalar_bits(s) - 1));
    return SM_HI_UNKNOWN;
  case SM_BIT_AND: {
    uint64_t hi = a->hi < b->hi ? a->hi : b->hi;
    return hi;
  }
  default: return SM_HI_UNKNOWN;
  }
}

static uint8_t binary_zeros(sm_op op, const sm_leaf *a, const sm_leaf *b) {
  int64_t k;
  switch (op) {
  case SM_ADD: case SM_SUB: case SM_BIT_OR: case SM_BIT_XOR:
    return least(a->zeros, b->zeros);
  case SM_MUL:
    return (uint8_t)(a->zeros + b->zeros > 64 ? 64 : a->zeros + b->zeros);
  case SM_BIT_AND: return a->zeros > b->zeros ? a->zeros : b->zeros;
  case SM_SHL:
    if (sm_const_int(b->v, &k) && k >= 0 && k < 64)
      return (uint8_t)(a->zeros + k > 64 ? 64 : a->zeros + k);
    return a->zeros;
  case SM_SHR:
    if (sm_const_int(b->v, &k) && k >= 0 && k < a->zeros)
      return (uint8_t)(a->zeros - k);
    return 0;
  default: return 0;
  }
}

static bool linear_binary(sm_emit *e, sm_op op, sm_scalar s,
                          const sm_leaf *a, const sm_leaf *b, sm_leaf *out) {
  int64_t k;
  if (!linear(a) || !linear(b)) return false;
  if (op == SM_ADD || op == SM_SUB) {
    *out = add_linear(e, s, a, b, op == SM_SUB);
    return true;
  }
  if (op == SM_MUL && (a->form == SM_UNI || b->form == SM_UNI)) {
    *out = multiply_linear(e, s, a, b);
    return true;
  }
  if (op == SM_SHL && b->form == SM_UNI && sm_const_int(b->v, &k)) {
    sm_leaf by = sm_leaf_uni(sm_int(e, LL.TypeOf(a->v),
        (uint64_t)1 << (k & (sm_scalar_bits(s) - 1))));
    *out = multiply_linear(e, s, a, &by);
    return true;
  }
  if (a->form == SM_LIN && bitwise_linear(e, op, s, a, b, out)) return true;
  if (b->form == SM_LIN && (op == SM_BIT_AND || op == SM_BIT_OR ||
                            op == SM_BIT_XOR))
    return bitwise_linear(e, op, s, b, a, out);
  return false;
}

/* What is known of all lanes together goes through `and` and `or`. */
static sm_leaf logical_lanes(sm_emit *e, sm_op op, const sm_leaf *a,
                             const sm_leaf *b) {
  bool is_and = op == SM_BIT_AND;
  sm_val x = sm_vec(e, a), y = sm_vec(e, b);
  sm_leaf r = sm_leaf_var(is_and ? OP2(And, x, y) : OP2(Or, x, y));
  const sm_leaf *in[2] = {a, b};
  sm_val all[2], none[2];
  for (int i = 0; i < 2; i++) {
    bool uniform = in[i]->form == SM_UNI;
    if (!uniform && !in[i]->all) return r;
    all[i] = uniform ? in[i]->v : in[i]->all;
    none[i] = uniform ? OP1(Not, in[i]->v) : in[i]->none;
  }
  r.all = is_and ? OP2(And, all[0], all[1]) : OP2(Or, all[0], all[1]);
  r.none = is_and ? OP2(Or, none[0], none[1]) : OP2(And, none[0], none[1]);
  return r;
}

sm_leaf sm_leaf_binary(sm_emit *e, sm_op op, sm_scalar s, sm_leaf a,
                       sm_leaf b) {
  if (sm_is_float(s)) {
    if (sm_all_uniform(&a, &b))
      return sm_leaf_uni(float_binary(e, op, s, a.v, b.v));
    return sm_leaf_var(float_binary(e, op, s, sm_vec(e, &a), sm_vec(e, &b)));
  }
  if (op == SM_SHL || op == SM_SHR) { /* counts may have another width */
    sm_ty type = sm_scalar_type(e, s);
    sm_ty has = LL.TypeOf(b.v);
    if (LL.GetTypeKind(has) == LLVMVectorTypeKind)
      has = LL.GetElementType(has);
    if (has != type) {
      unsigned from = LL.GetIntTypeWidth(has);
      sm_scalar as = from == 8 ? SM_UCHAR : from == 16 ? SM_USHORT
                     : from == 32 ? SM_UINT : SM_ULONG;
      sm_scalar to = sm_scalar_bits(s) == 8 ? SM_UCHAR
                     : sm_scalar_bits(s) == 16 ? SM_USHORT
                     : sm_scalar_bits(s) == 32 ? SM_UINT : SM_ULONG;
      b = sm_leaf_cast(e, to, as, b);
    }
  }
  sm_leaf r;
  if (sm_all_uniform(&a, &b)) {
    r = sm_leaf_uni(int_binary(e, op, s, a.v, b.v, safe_divisor(b.v)));
    if (!LL.IsAConstantInt(r.v)) {
      r.hi = binary_hi(op, s, &a, &b);
      r.zeros = binary_zeros(op, &a, &b);
    }
    return r;
  }
  if (s != SM_BOOL && linear_binary(e, op, s, &a, &b, &r)) return r;
  bool safe = b.form == SM_UNI && safe_divisor(b.v);
  if (s == SM_BOOL && (op == SM_BIT_AND || op == SM_BIT_OR))
    return logical_lanes(e, op, &a, &b);
  r = sm_leaf_var(int_binary(e, op, s, sm_vec(e, &a), sm_vec(e, &b), safe));
  r.hi = binary_hi(op, s, &a, &b);
  return r;
}

/* Bit l to lane l. Without mask registers LLVM takes a bitcast apart bit by
 * bit: the bytes are spread and tested instead. */
sm_val sm_mask_of(sm_emit *e, sm_val bits) {
  if (e->wide || LL.IsConstant(bits))
    return CONVERT(BitCast, bits, sm_vector_type(e->i1, SM_LANES));
  sm_val bytes = CONVERT(BitCast, sm_splat_n(e, bits, 8),
                         sm_vector_type(e->i8, SM_LANES));
  int spread[SM_LANES];
  sm_val bit[SM_LANES];
  for (int l = 0; l < SM_LANES; l++) {
    spread[l] = l / 8 + l / 16 * 16; /* within each half of the register */
    bit[l] = sm_int(e, e->i8, 1u << l % 8);
  }
  sm_val each = LL.ConstVector(bit, SM_LANES);
  bytes = sm_shuffle(e, bytes, NULL, spread, SM_LANES);
  return ICMP(EQ, OP2(And, bytes, each), each);
}

/* Consecutive lanes hold consecutive numbers. */
static bool counts_lanes(const sm_leaf *a) {
  int64_t k[5];
  if (a->form != SM_LIN || a->guard || !const_coefs(a, k)) return false;
  for (int b = 0; b < 5; b++)
    if (k[b] != 1 << b) return false;
  return true;
}

/* The lowest n bits of 64, n clamped to 32. */
static sm_val low_bits(sm_emit *e, sm_val n) {
  sm_val most = sm_i64(e, 32), one = sm_i64(e, 1);
  n = sm_intrinsic2(e, "llvm.umin", n, most);
  return OP2(Sub, OP2(Shl, one, n), one);
}

/* base + lane < bound (or <=) for 32 bit numbers: how many lanes hold, which
 * is a few scalar instructions, where a comparison of vectors and tests of
 * its result are dozens. An unsigned sum may wrap: behind the wrap the lanes
 * count from zero. */
static sm_val count_below(sm_emit *e, bool sign, const sm_leaf *a,
                          sm_val bound, bool or_equal) {
  sm_val from = sign ? CONVERT(SExt, a->v, e->i64)
                     : CONVERT(ZExt, a->v, e->i64);
  sm_val to = sign ? CONVERT(SExt, bound, e->i64)
                   : CONVERT(ZExt, bound, e->i64);
  if (or_equal) to = OP2(Add, to, sm_i64(e, 1));
  sm_val n = SELECT(ICMP(SGT, to, from), OP2(Sub, to, from), sm_i64(e, 0));
  sm_val bits = low_bits(e, n);
  if (!sign && !a->exact) {
    sm_val wrap = OP2(Sub, sm_i64(e, (uint64_t)1 << 32), from);
    wrap = sm_intrinsic2(e, "llvm.umin", wrap, sm_i64(e, 32));
    bits = OP2(Or, bits, OP2(Shl, low_bits(e, to), wrap));
  }
  return sm_mask_of(e, CONVERT(Trunc, bits, e->i32));
}

/* NULL: not a comparison of that kind. */
static sm_val compare_count(sm_emit *e, sm_op op, sm_scalar s,
                            const sm_leaf *a, const sm_leaf *b) {
  if (s != SM_INT && s != SM_UINT) return NULL;
  if (a->form == SM_UNI && b->form == SM_LIN) {
    static const sm_op turned[] = {SM_GT, SM_GE, SM_LT, SM_LE};
    const sm_leaf *t = a;
    if (op < SM_LT || op > SM_GE) return NULL;
    op = turned[op - SM_LT];
    a = b;
    b = t;
  }
  if (op < SM_LT || op > SM_GE || b->form != SM_UNI || !counts_lanes(a) ||
      LL.IsConstant(a->v))
    return NULL;
  bool sign = sm_is_signed(s);
  if (sign && !a->exact) return NULL;
  bool inverse = op == SM_GT || op == SM_GE;
  sm_val r = count_below(e, sign, a, b->v, op == SM_LE || op == SM_GT);
  return inverse ? OP1(Not, r) : r;
}

/* base + lane part against a bound is decided for all lanes by the lanes with
 * the least and the largest number, in scalars. */
static void compare_ends(sm_emit *e, sm_op op, sm_scalar s, const sm_leaf *a,
                         const sm_leaf *b, sm_leaf *r) {
  static const sm_op turned[] = {SM_GT, SM_GE, SM_LT, SM_LE};
  int64_t k[5];
  if (op < SM_LT || op > SM_GE || sm_is_float(s) || s == SM_BOOL) return;
  if (a->form == SM_UNI && b->form == SM_LIN) {
    const sm_leaf *t = a;
    a = b;
    b = t;
    op = turned[op - SM_LT];
  }
  bool sign = sm_is_signed(s);
  if (a->form != SM_LIN || b->form != SM_UNI || a->guard || !a->exact ||
      !const_coefs(a, k))
    return;
  int64_t low = 0, high = 0;
  for (int i = 0; i < 5; i++) *(k[i] < 0 ? &low : &high) += k[i];
  sm_ty type = LL.TypeOf(a->v);
  sm_val first = OP2(Add, a->v, sm_int(e, type, (uint64_t)low));
  sm_val most = OP2(Add, a->v, sm_int(e, type, (uint64_t)high));
  static const LLVMIntPredicate how[2][4] = {
      {LLVMIntULT, LLVMIntULE, LLVMIntUGT, LLVMIntUGE},
      {LLVMIntSLT, LLVMIntSLE, LLVMIntSGT, LLVMIntSGE}};
  LLVMIntPredicate p = how[sign][op - SM_LT];
  bool below = op == SM_LT || op == SM_LE;
  r->all = LL.BuildICmp(e->b, p, below ? most : first, b->v, "");
  r->none = OP1(Not, LL.BuildICmp(e->b, p, below ? first : most, b->v, ""));
}

/* A half as a float that stays one. For AVX512-FP16
 * LLVM 19 makes one instruction of a load and an ordered comparison of halfs
 * under a mask by exchanging the operands without turning the order round; and
 * without the fence its InstCombine would compare halfs again. */
static sm_val fenced_float(sm_emit *e, sm_val x) {
  sm_ty type = LL.TypeOf(x);
  bool vector = LL.GetTypeKind(type) == LLVMVectorTypeKind;
  sm_ty wide = vector ? sm_vector_type(e->f32, LL.GetVectorSize(type))
                      : e->f32;
  return sm_intrinsic1(e, "llvm.arithmetic.fence", CONVERT(FPExt, x, wide));
}

static sm_leaf compare_lanes(sm_emit *e, sm_op op, sm_scalar s, sm_leaf a,
                             sm_leaf b) {
  sm_val count = compare_count(e, op, s, &a, &b);
  if (count) return sm_leaf_var(count);
  bool uniform = sm_all_uniform(&a, &b);
  sm_val x = uniform ? a.v : sm_vec(e, &a), y = uniform ? b.v : sm_vec(e, &b);
  sm_val r;
  if (sm_is_float(s)) {
    static const LLVMRealPredicate how[] = {LLVMRealOEQ, LLVMRealUNE,
        LLVMRealOLT, LLVMRealOLE, LLVMRealOGT, LLVMRealOGE};
    if (s == SM_HALF && op != SM_EQ && op != SM_NE) {
      x = fenced_float(e, x);
      y = fenced_float(e, y);
    }
    r = LL.BuildFCmp(e->b, how[op - SM_EQ], x, y, "");
  } else {
    static const LLVMIntPredicate sign[] = {LLVMIntEQ, LLVMIntNE, LLVMIntSLT,
        LLVMIntSLE, LLVMIntSGT, LLVMIntSGE};
    static const LLVMIntPredicate plain[] = {LLVMIntEQ, LLVMIntNE,
        LLVMIntULT, LLVMIntULE, LLVMIntUGT, LLVMIntUGE};
    r = LL.BuildICmp(e->b, (sm_is_signed(s) ? sign : plain)[op - SM_EQ], x,
                     y, "");
  }
  return uniform ? sm_leaf_uni(r) : sm_leaf_var(r);
}

sm_leaf sm_leaf_compare(sm_emit *e, sm_op op, sm_scalar s, sm_leaf a,
                        sm_leaf b) {
  sm_leaf r = compare_lanes(e, op, s, a, b);
  if (r.form == SM_VARYING) compare_ends(e, op, s, &a, &b, &r);
  if (r.all) {
    sm_compared *c = TM_NEW(e->arena, sm_compared);
    *c = (sm_compared){op, s, a, b};
    r.compared = c;
  }
  return r;
}

sm_leaf sm_leaf_mixed(sm_emit *e, sm_leaf c) {
  const sm_compared *from = c.compared;
  if (from) c = compare_lanes(e, from->op, from->s, from->a, from->b);
  c.all = c.none = NULL;
  c.compared = NULL;
  return c;
}

sm_leaf sm_leaf_unary(sm_emit *e, sm_op op, sm_scalar s, sm_leaf a) {
  if (op == SM_NEG && !sm_is_float(s))
    return sm_leaf_binary(e, SM_SUB, s, sm_leaf_int(e, s, 0), a);
  bool uniform = a.form == SM_UNI;
  sm_val x = uniform ? a.v : sm_vec(e, &a);
  sm_val r = op == SM_NEG ? OP1(FNeg, x) : OP1(Not, x);
  if (uniform) return sm_leaf_uni(r);
  sm_leaf v = sm_leaf_var(r);
  if (op == SM_NOT) {
    v.all = a.none;
    v.none = a.all;
  }
  return v;
}

/* ---- casts ------------------------------------------------------------ */

/* Round to nearest even on the upper 16 bits, NaN kept quiet. */
sm_val sm_round_bfloat(sm_emit *e, sm_val x) {
  sm_ty type = LL.TypeOf(x);
  bool vector = LL.GetTypeKind(type) == LLVMVectorTypeKind;
  unsigned n = vector ? LL.GetVectorSize(type) : 0;
  sm_ty ints = vector ? sm_vector_type(e->i32, n) : e->i32;
#define K(value) (vector ? sm_splat_n(e, sm_i32(e, value), n) \
                         : sm_i32(e, value))
  sm_val bits = CONVERT(BitCast, x, ints);
  sm_val odd = OP2(And, OP2(LShr, bits, K(16)), K(1));
  sm_val up = OP2(Add, bits, OP2(Add, odd, K(0x7fff)));
  sm_val rounded = OP2(And, up, K(0xffff0000u));
  sm_val quiet = OP2(And, OP2(Or, bits, K(0x400000)), K(0xffff0000u));
  sm_val r = SELECT(FCMP(UNO, x, x), quiet, rounded);
#undef K
  return CONVERT(BitCast, r, type);
}

/* base + lane part lies within the type s, as an i1; all in 64 bits. */
static sm_val no_wrap(sm_emit *e, sm_scalar s, sm_val base, sm_val coef[5]) {
  sm_val low = base, high = base;
  sm_val zero = sm_i64(e, 0);
  for (int b = 0; b < 5; b++) {
    int64_t k;
    if (!coef[b]) continue;
    if (sm_const_int(coef[b], &k)) {
      if (k < 0) low = OP2(Add, low, coef[b]);
      else high = OP2(Add, high, coef[b]);
    } else if (sm_is_signed(s)) {
      sm_val negative = ICMP(SLT, coef[b], zero);
      low = OP2(Add, low, SELECT(negative, coef[b], zero));
      high = OP2(Add, high, SELECT(negative, zero, coef[b]));
    } else {
      high = OP2(Add, high, coef[b]);
    }
  }
  unsigned bits = sm_scalar_bits(s);
  int64_t min = sm_is_signed(s) ? -((int64_t)1 << (bits - 1)) : 0;
  int64_t max = (int64_t)type_max(s);
  sm_val ok = ICMP(SLE, high, sm_i64(e, (uint64_t)max));
  if (low != base)
    ok = OP2(And, ok, ICMP(SGE, low, sm_i64(e, (uint64_t)min)));
  return ok;
}

/* A linear integer to a wider one: the base by its signedness, constant
 * coefficients are signed numbers always. */
static sm_leaf widen_linear(sm_emit *e, sm_scalar to, sm_scalar from,
                            const sm_leaf *a) {
  sm_leaf r = *a;
  sm_ty type = sm_scalar_type(e, to);
  bool sign = sm_is_signed(from);
  r.v = sign ? CONVERT(SExt, a->v, type) : CONVERT(ZExt, a->v, type);
  for (int b = 0; b < 5; b++) {
    if (!a->coef[b]) continue;
    bool constant = LL.IsAConstantInt(a->coef[b]) != NULL;
    r.coef[b] = sign || constant || a->exact
                    ? CONVERT(SExt, a->coef[b], type)
                    : CONVERT(ZExt, a->coef[b], type);
  }
  if (!a->exact || a->guard) {
    sm_val vec = sm_vec(e, a);
    sm_ty vectors = sm_vector_type(type, SM_LANES);
    sm_val ok = a->guard;
    if (!a->exact) {
      if (sm_scalar_bits(to) != 64)
        return sm_leaf_var(sign ? CONVERT(SExt, vec, vectors)
                           : CONVERT(ZExt, vec, vectors));
      sm_val now = no_wrap(e, from, r.v, r.coef);
      ok = ok ? OP2(And, ok, now) : now;
    }
    r.guard = ok;
    r.alt = sign ? CONVERT(SExt, vec, vectors) : CONVERT(ZExt, vec, vectors);
  }
  r.exact = true;
  return r;
}

static sm_leaf cast_linear(sm_emit *e, sm_scalar to, sm_scalar from,
                           const sm_leaf *a) {
  unsigned have = sm_scalar_bits(from), want = sm_scalar_bits(to);
  if (want > have) return widen_linear(e, to, from, a);
  sm_leaf r = *a;
  bool fits = a->hi <= type_max(to);
  if (want < have) {
    sm_ty type = sm_scalar_type(e, to);
    r.v = CONVERT(Trunc, a->v, type);
    for (int b = 0; b < 5; b++)
      if (a->coef[b]) r.coef[b] = CONVERT(Trunc, a->coef[b], type);
    if (a->guard)
      r.alt = CONVERT(Trunc, a->alt, sm_vector_type(type, SM_LANES));
    if (r.zeros > want) r.zeros = (uint8_t)want;
  }
  if (!fits) {
    r.hi = SM_HI_UNKNOWN;
    r.exact = false;
  }
  return settle(r);
}

static sm_val widen_float(sm_emit *e, sm_val x, sm_ty type) {
  return CONVERT(FPExt, x, type);
}

/* Saturating conversion; NaN gives 0. */
static sm_val float_to_int(sm_emit *e, sm_scalar to, sm_val x) {
  sm_ty type = LL.TypeOf(x);
  bool vector = LL.GetTypeKind(type) == LLVMVectorTypeKind;
  sm_ty out = sm_scalar_type(e, to);
  if (vector) out = sm_vector_type(out, LL.GetVectorSize(type));
  sm_ty types[2] = {out, type};
  return sm_intrinsic(e, sm_is_signed(to) ? "llvm.fptosi.sat"
                                          : "llvm.fptoui.sat",
                      types, 2, &x, 1);
}

static sm_val cast_value(sm_emit *e, sm_scalar to, sm_scalar from,
                         sm_val x) {
  sm_ty has = LL.TypeOf(x);
  bool vector = LL.GetTypeKind(has) == LLVMVectorTypeKind;
  unsigned n = vector ? LL.GetVectorSize(has) : 0;
  sm_ty type = sm_scalar_type(e, to);
  sm_ty floats = e->f32;
  if (vector) {
    type = sm_vector_type(type, n);
    floats = sm_vector_type(e->f32, n);
  }
  if (to == SM_BOOL) {
    if (sm_is_float(from)) return FCMP(UNE, x, LL.ConstNull(has));
    return ICMP(NE, x, LL.ConstNull(has));
  }
  if (sm_is_float(from)) {
    if (!sm_is_float(to)) return float_to_int(e, to, x);
    if (from == SM_HALF) x = to == SM_HALF ? x : widen_float(e, x, floats);
    else if (to == SM_HALF) return CONVERT(FPTrunc, x, type);
    if (to == SM_BFLOAT && from != SM_BFLOAT) return sm_round_bfloat(e, x);
    return x;
  }
  bool sign = sm_is_signed(from);
  if (!sm_is_float(to)) {
    unsigned have = sm_scalar_bits(from), want = sm_scalar_bits(to);
    if (want == have) return x;
    if (want < have) return CONVERT(Trunc, x, type);
    return sign ? CONVERT(SExt, x, type) : CONVERT(ZExt, x, type);
  }
  sm_ty direct = to == SM_BFLOAT ? floats : type;
  sm_val r = sign ? CONVERT(SIToFP, x, direct) : CONVERT(UIToFP, x, direct);
  return to == SM_BFLOAT ? sm_round_bfloat(e, r) : r;
}

sm_leaf sm_leaf_cast(sm_emit *e, sm_scalar to, sm_scalar from, sm_leaf a) {
  if (to == from) return a;
  if (a.form == SM_LIN && !sm_is_float(to) && to != SM_BOOL &&
      from != SM_BOOL)
    return cast_linear(e, to, from, &a);
  if (a.form == SM_UNI) {
    sm_leaf r = sm_leaf_uni(cast_value(e, to, from, a.v));
    if (sm_is_float(to) || sm_is_float(from) || to == SM_BOOL) return r;
    if (LL.IsAConstantInt(r.v)) return r;
    unsigned have = sm_scalar_bits(from), want = sm_scalar_bits(to);
    if (a.hi <= type_max(to)) r.hi = a.hi;
    else if (!sm_is_signed(from) && want > have) r.hi = type_max(from);
    r.zeros = a.zeros > want ? (uint8_t)want : a.zeros;
    return r;
  }
  sm_leaf r = sm_leaf_var(cast_value(e, to, from, sm_vec(e, &a)));
  if (!sm_is_float(to) && !sm_is_float(from) && a.hi <= type_max(to))
    r.hi = a.hi;
  return r;
}

/* ---- selection, addresses, bits --------------------------------------- */

static bool same_coefs(const sm_leaf *a, const sm_leaf *b) {
  for (int i = 0; i < 5; i++) {
    sm_val x = a->form == SM_LIN ? a->coef[i] : NULL;
    sm_val y = b->form == SM_LIN ? b->coef[i] : NULL;
    if (x != y) return false;
  }
  return !a->guard && !b->guard;
}

sm_leaf sm_leaf_select(sm_emit *e, sm_leaf c, sm_leaf a, sm_leaf b) {
  if (c.form == SM_UNI && LL.IsAConstantInt(c.v))
    return LL.ConstIntGetZExtValue(c.v) ? a : b;
  sm_leaf r;
  if (c.form == SM_UNI && linear(&a) && linear(&b) && same_coefs(&a, &b)) {
    r = a;
    r.v = SELECT(c.v, a.v, b.v);
    r.exact = a.exact && b.exact;
    r.zeros = least(a.zeros, b.zeros);
  } else {
    sm_val cv = c.form == SM_UNI ? c.v : sm_vec(e, &c);
    r = sm_leaf_var(SELECT(cv, sm_vec(e, &a), sm_vec(e, &b)));
  }
  r.root = a.root == b.root ? a.root : -1;
  r.hi = a.hi > b.hi ? a.hi : b.hi;
  return r;
}

sm_leaf sm_leaf_address(sm_emit *e, sm_leaf p, sm_leaf index, sm_scalar s,
                        int64_t size) {
  sm_leaf off = sm_leaf_cast(e, SM_LONG, s, index);
  if (size != 1) {
    sm_leaf by = sm_leaf_int(e, SM_LONG, (uint64_t)size);
    off = sm_leaf_binary(e, SM_MUL, SM_LONG, off, by);
  }
  sm_leaf r = {0};
  r.root = p.root;
  r.hi = SM_HI_UNKNOWN;
  if (linear(&p) && linear(&off)) {
    r.form = SM_LIN;
    r.exact = true;
    r.v = sm_at(e, p.v, off.v);
    for (int i = 0; i < 5; i++)
      r.coef[i] = coef_add(e, p.form == SM_LIN ? p.coef[i] : NULL,
                           off.form == SM_LIN ? off.coef[i] : NULL, false);
    merge_guards(e, &r, &p, &off);
    if (r.guard) r.alt = sm_at(e, p.form == SM_UNI ? p.v : sm_vec(e, &p),
                               sm_vec(e, &off));
    return settle(r);
  }
  r.form = SM_VARYING;
  sm_val base = p.form == SM_UNI ? p.v : sm_vec(e, &p);
  sm_val by = sm_vec(e, &off);
  r.v = LL.BuildGEP2(e->b, e->i8, base, &by, 1, "");
  return r;
}

sm_leaf sm_leaf_bits(sm_emit *e, sm_leaf a, sm_scalar s) {
  if (!sm_is_float(s)) return a;
  bool uniform = a.form == SM_UNI;
  sm_val x = uniform ? a.v : sm_vec(e, &a);
  sm_ty type = s == SM_HALF ? e->i16 : e->i32;
  sm_ty small = e->i16;
  if (!uniform) {
    type = sm_vector_type(type, SM_LANES);
    small = sm_vector_type(small, SM_LANES);
  }
  x = CONVERT(BitCast, x, type);
  if (s == SM_BFLOAT) {
    sm_val k = sm_i32(e, 16);
    x = CONVERT(Trunc, OP2(LShr, x, uniform ? k : sm_splat(e, k)), small);
  }
  return uniform ? sm_leaf_uni(x) : sm_leaf_var(x);
}

sm_leaf sm_leaf_unbits(sm_emit *e, sm_leaf a, sm_scalar s) {
  if (!sm_is_float(s)) return a;
  bool uniform = a.form == SM_UNI;
  sm_val x = uniform ? a.v : sm_vec(e, &a);
  sm_ty wide = e->i32;
  sm_ty type = sm_scalar_type(e, s);
  if (!uniform) {
    wide = sm_vector_type(wide, SM_LANES);
    type = sm_vector_type(type, SM_LANES);
  }
  if (s == SM_BFLOAT) {
    sm_val k = sm_i32(e, 16);
    x = OP2(Shl, CONVERT(ZExt, x, wide), uniform ? k : sm_splat(e, k));
  }
  x = CONVERT(BitCast, x, type);
  return uniform ? sm_leaf_uni(x) : sm_leaf_var(x);
}
