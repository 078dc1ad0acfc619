/* SPDX-License-Identifier: MIT */
/*
 * emit_same.c - what is the same in all lanes is computed once.
 *
 * The emitter knows uniform values by what the source says (uniform.c). A sum
 * that a simdgroup makes by itself is not among them:
 *
 *     x += simd_shuffle_xor(x, 1);  ...  x += simd_shuffle_xor(x, 16);
 *
 * nor is what a butterfly makes of parts[lane & 7]. Their lanes hold the same
 * all the same, and divisions and roots of 32 lanes cost what a whole row of a
 * reduction does. Here such vectors are found in LLVM's form, and expensive
 * operations on them become the scalar operation and a splat.
 *
 * For a vector v, bit k of its mask says that v[l] and v[l ^ 1 << k] are equal
 * for all lanes l:
 *
 *   constants      by looking
 *   shuffles       where the two elements come from one place, or from lanes
 *                  of one vector that differ in bits of that vector's mask
 *   a op b         where that holds of both operands; if op commutes, also
 *                  where a[l] is b[l ^ 1 << k] and b[l] is a[l ^ 1 << k]:
 *                  a step of a butterfly
 *   all else       nothing
 */
#include "emit.h"

enum { ALL = SM_LANES - 1, MOST_DEPTH = 64, MOST_REBUILT = 16 };

typedef struct same {
  sm_emit *e;
  sm_val roots[2]; /* llvm.sqrt of 32 floats and doubles; NULL: not used */
  tm_map masks;    /* by vector, plus one */
  TM_VEC(sm_val) replaced;
} same;

bool sm_is_op(sm_val v, LLVMOpcode op) {
  return LL.IsAInstruction(v) && LL.GetInstructionOpcode(v) == op;
}

static unsigned width(sm_val v) {
  sm_ty type = LL.TypeOf(v);
  return LL.GetTypeKind(type) == LLVMVectorTypeKind ? LL.GetVectorSize(type)
                                                    : 0;
}

sm_element sm_source(sm_val v, int i) {
  while (i >= 0 && sm_is_op(v, LLVMShuffleVector)) {
    int first = (int)width(LL.GetOperand(v, 0));
    i = LL.GetMaskValue(v, (unsigned)i);
    if (i < 0) break;
    v = LL.GetOperand(v, i < first ? 0 : 1);
    if (i >= first) i -= first;
  }
  return (sm_element){v, i};
}

static bool commutes(LLVMOpcode op) {
  switch (op) {
  case LLVMFAdd: case LLVMFMul: case LLVMAdd: case LLVMMul: case LLVMAnd:
  case LLVMOr: case LLVMXor: return true;
  default: return false;
  }
}

static bool is_binary(LLVMOpcode op) {
  switch (op) {
  case LLVMFSub: case LLVMFDiv: case LLVMFRem: case LLVMSub: case LLVMUDiv:
  case LLVMSDiv: case LLVMURem: case LLVMSRem: case LLVMShl: case LLVMLShr:
  case LLVMAShr: return true;
  default: return commutes(op);
  }
}

static bool is_cast(LLVMOpcode op) {
  switch (op) {
  case LLVMTrunc: case LLVMZExt: case LLVMSExt: case LLVMFPToUI:
  case LLVMFPToSI: case LLVMUIToFP: case LLVMSIToFP: case LLVMFPTrunc:
  case LLVMFPExt: case LLVMBitCast: return true;
  default: return false;
  }
}

static bool is_root(const same *s, sm_val v) {
  if (!sm_is_op(v, LLVMCall)) return false;
  sm_val f = LL.GetCalledValue(v);
  return f == s->roots[0] || f == s->roots[1];
}

/* How many operands v has whose elements of a lane alone decide v's element
 * of that lane; 0: it is not that simple. */
static unsigned lane_operands(const same *s, sm_val v) {
  if (!LL.IsAInstruction(v)) return 0;
  LLVMOpcode op = LL.GetInstructionOpcode(v);
  if (is_binary(op)) return 2;
  if (op == LLVMFNeg || is_root(s, v)) return 1;
  return is_cast(op) && width(LL.GetOperand(v, 0)) == width(v) ? 1 : 0;
}

static unsigned mask_of(same *s, sm_val v, unsigned depth);

static bool are_equal(same *s, sm_element a, sm_element b, unsigned depth) {
  if (a.lane < 0 || b.lane < 0 || a.vector != b.vector) return false;
  unsigned differ = (unsigned)(a.lane ^ b.lane);
  if (!differ) return true;
  return width(a.vector) == SM_LANES &&
         !(differ & ~mask_of(s, a.vector, depth + 1));
}

/* a[l] is b[l ^ bit] for all l. */
static bool are_crossed(same *s, sm_val a, sm_val b, unsigned bit,
                        unsigned depth) {
  for (unsigned l = 0; l < SM_LANES; l++)
    if (!are_equal(s, sm_source(a, (int)l), sm_source(b, (int)(l ^ bit)),
                   depth))
      return false;
  return true;
}

static bool is_constant_same(sm_val v, unsigned bit) {
  for (unsigned l = 0; l < SM_LANES; l++) {
    sm_val x = LL.GetAggregateElement(v, l);
    if (!x || x != LL.GetAggregateElement(v, l ^ bit)) return false;
  }
  return true;
}

static bool is_same(same *s, sm_val v, unsigned bit, unsigned depth) {
  if (LL.IsConstant(v)) return is_constant_same(v, bit);
  if (sm_is_op(v, LLVMShuffleVector)) return are_crossed(s, v, v, bit, depth);
  unsigned n = lane_operands(s, v);
  if (!n) return false;
  sm_val a = LL.GetOperand(v, 0), b = LL.GetOperand(v, n - 1);
  if (are_crossed(s, a, a, bit, depth) &&
      (n == 1 || are_crossed(s, b, b, bit, depth)))
    return true;
  return commutes(LL.GetInstructionOpcode(v)) &&
         are_crossed(s, a, b, bit, depth) && are_crossed(s, b, a, bit, depth);
}

static unsigned mask_of(same *s, sm_val v, unsigned depth) {
  uint64_t known;
  if (width(v) != SM_LANES || depth > MOST_DEPTH) return 0;
  if (tm_map_get(&s->masks, TM_KEY(v), &known)) return (unsigned)known - 1;
  unsigned mask = 0;
  for (unsigned bit = 1; bit < SM_LANES; bit <<= 1)
    if (is_same(s, v, bit, depth)) mask |= bit;
  tm_map_put(&s->masks, TM_KEY(v), mask + 1);
  return mask;
}

/* ---- one lane --------------------------------------------------------- */

static sm_val element_of(sm_emit *e, sm_element x) {
  if (x.lane < 0) return LL.GetPoison(LL.GetElementType(LL.TypeOf(x.vector)));
  if (LL.IsConstant(x.vector))
    return LL.GetAggregateElement(x.vector, (unsigned)x.lane);
  int64_t at;
  if (sm_is_op(x.vector, LLVMInsertElement) &&
      sm_const_int(LL.GetOperand(x.vector, 2), &at) && at == x.lane)
    return LL.GetOperand(x.vector, 1);
  return LL.BuildExtractElement(e->b, x.vector,
                                sm_i32(e, (uint32_t)x.lane), "");
}

static bool is_splat(sm_val v) {
  return LL.IsConstant(v) ||
         (sm_is_op(v, LLVMShuffleVector) &&
          sm_is_op(LL.GetOperand(v, 0), LLVMInsertElement));
}

static sm_val lane_zero(same *s, sm_val v, unsigned depth);

static sm_val scalar_of(same *s, sm_val v, unsigned depth) {
  sm_emit *e = s->e;
  LLVMOpcode op = LL.GetInstructionOpcode(v);
  sm_val a = lane_zero(s, LL.GetOperand(v, 0), depth + 1);
  if (is_binary(op))
    return LL.BuildBinOp(e->b, op, a,
                         lane_zero(s, LL.GetOperand(v, 1), depth + 1), "");
  if (is_cast(op))
    return LL.BuildCast(e->b, op, a, LL.GetElementType(LL.TypeOf(v)), "");
  return op == LLVMFNeg ? LL.BuildFNeg(e->b, a, "")
                        : sm_intrinsic1(e, "llvm.sqrt", a);
}

/* Element 0 of v. A cast, and an operation with a splat, is made again of
 * element 0 of what it takes: the vector may then not be needed at all. */
static sm_val lane_zero(same *s, sm_val v, unsigned depth) {
  unsigned n = lane_operands(s, v);
  bool rebuild = n == 1 || (n == 2 && (is_splat(LL.GetOperand(v, 0)) ||
                                       is_splat(LL.GetOperand(v, 1))));
  if (rebuild && depth < MOST_REBUILT) return scalar_of(s, v, depth);
  return element_of(s->e, sm_source(v, 0));
}

/* ---- the pass --------------------------------------------------------- */

static bool is_expensive(const same *s, sm_val v) {
  switch (LL.GetInstructionOpcode(v)) {
  case LLVMFDiv: case LLVMFRem: case LLVMUDiv: case LLVMSDiv: case LLVMURem:
  case LLVMSRem: return true;
  default: return is_root(s, v);
  }
}

static void visit(same *s, sm_val v) {
  sm_emit *e = s->e;
  if (!is_expensive(s, v) || mask_of(s, v, 0) != ALL) return;
  LL.PositionBuilderBefore(e->b, v);
  LL.ReplaceAllUsesWith(v, sm_splat(e, scalar_of(s, v, 0)));
  tm_push(e->arena, &s->replaced, v);
}

/* Replaced instructions stay until the end: the masks know them by address. */
void sm_compute_once(sm_emit *e) {
  same s = {.e = e, .masks = tm_map_in(e->arena)};
  s.roots[0] = LL.GetNamedFunction(e->module, "llvm.sqrt.v32f32");
  s.roots[1] = LL.GetNamedFunction(e->module, "llvm.sqrt.v32f64");
  for (sm_val f = LL.GetFirstFunction(e->module); f; f = LL.GetNextFunction(f))
    for (LLVMBasicBlockRef b = LL.GetFirstBasicBlock(f); b;
         b = LL.GetNextBasicBlock(b))
      for (sm_val i = LL.GetFirstInstruction(b); i;
           i = LL.GetNextInstruction(i))
        visit(&s, i);
  while (s.replaced.len)
    LL.InstructionEraseFromParent(s.replaced.data[--s.replaced.len]);
}
