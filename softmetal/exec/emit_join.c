/* SPDX-License-Identifier: MIT */
/*
 * emit_join.c - products of simdgroup matrices that share their left operand.
 *
 * After LLVM's passes, loops over fragments are written out and the calls
 *
 *     multiply_add(d, a, b, d)
 *     multiply_add(d + 256, a, b + 256, d + 256)      256: a fragment's bytes
 *
 * follow each other, as they do for sum[i][j] += left[i] right[j] with j
 * innermost, counted up or down (products are often made in serpentine order).
 * They become accumulate(d, a, b, 2), which prepares the left operand once and
 * keeps more sums in registers. Nothing in between may touch memory, and no
 * sum may lie where an operand does: the products of one call read their
 * operands in no particular order.
 *
 * Addresses are compared as a base and a constant offset from it.
 */
#include "emit.h"

#include "rt.h"

enum { FRAGMENT = 64 * 4 }; /* bytes */

typedef struct spot {
  sm_val base;
  int64_t offset;
} spot;

typedef struct products { /* d[i] += a b[i] */
  sm_val last;    /* call; NULL: none */
  sm_val name;    /* the function that is called */
  sm_val args[3]; /* addresses of d[0], a, b[0] */
  spot d, a, b;
  uint32_t n;
} products;

static spot spot_of(sm_emit *e, sm_val pointer) {
  spot s = {pointer, 0};
  int64_t k;
  while (LL.IsAInstruction(s.base) &&
         LL.GetInstructionOpcode(s.base) == LLVMGetElementPtr &&
         LL.GetNumOperands(s.base) == 2 &&
         LL.GetGEPSourceElementType(s.base) == e->i8 &&
         sm_const_int(LL.GetOperand(s.base, 1), &k)) {
    s.offset += k;
    s.base = LL.GetOperand(s.base, 0);
  }
  return s;
}

static bool is_at(spot s, spot base, uint32_t fragments) {
  return s.base == base.base &&
         s.offset == base.offset + (int64_t)fragments * FRAGMENT;
}

static bool is_local(sm_val base) {
  return LL.IsAInstruction(base) &&
         LL.GetInstructionOpcode(base) == LLVMAlloca;
}

/* n fragments at one and a fragment at the other do not overlap. */
static bool are_apart(spot many, uint32_t n, spot other) {
  if (many.base != other.base)
    return is_local(many.base) && is_local(other.base);
  return other.offset + FRAGMENT <= many.offset ||
         many.offset + (int64_t)n * FRAGMENT <= other.offset;
}

static bool touches_memory(sm_val i) {
  switch (LL.GetInstructionOpcode(i)) {
  case LLVMLoad: case LLVMStore: case LLVMCall: case LLVMInvoke:
  case LLVMCallBr: case LLVMFence: case LLVMAtomicCmpXchg:
  case LLVMAtomicRMW: case LLVMVAArg: return true;
  default: return false;
  }
}

static void end_products(sm_emit *e, products *p) {
  if (p->last && p->n > 1) {
    sm_val args[4] = {p->args[0], p->args[1], p->args[2], sm_i32(e, p->n)};
    LL.PositionBuilderBefore(e->b, p->last);
    sm_matrix_call(e, "accumulate", args, 4);
    LL.InstructionEraseFromParent(p->last);
  }
  p->last = NULL;
}

/* The call's sum becomes d[0] and its right operand b[0]. */
static void start_at(products *p, sm_val call, spot d, spot b) {
  for (unsigned i = 0; i < 3; i++) p->args[i] = LL.GetOperand(call, i);
  p->d = d;
  p->b = b;
}

static void take_product(sm_emit *e, products *p, sm_val call) {
  spot d = spot_of(e, LL.GetOperand(call, 0));
  spot a = spot_of(e, LL.GetOperand(call, 1));
  spot b = spot_of(e, LL.GetOperand(call, 2));
  if (!is_at(spot_of(e, LL.GetOperand(call, 3)), d, 0) ||
      !are_apart(d, 1, a) || !are_apart(d, 1, b)) {
    end_products(e, p);
    return;
  }
  bool above = p->last && is_at(d, p->d, p->n) && is_at(b, p->b, p->n);
  bool below = p->last && is_at(p->d, d, 1) && is_at(p->b, b, 1);
  if ((above || below) && is_at(a, p->a, 0) && are_apart(p->d, p->n, b) &&
      are_apart(p->b, p->n, d)) {
    if (below) start_at(p, call, d, b);
    LL.InstructionEraseFromParent(p->last);
    p->last = call;
    p->n++;
    return;
  }
  end_products(e, p);
  start_at(p, call, d, b);
  p->last = call;
  p->a = a;
  p->n = 1;
}

static void join_in_block(sm_emit *e, products *p, LLVMBasicBlockRef block) {
  for (sm_val i = LL.GetFirstInstruction(block), next; i; i = next) {
    next = LL.GetNextInstruction(i);
    if (LL.GetInstructionOpcode(i) == LLVMCall &&
        LL.GetCalledValue(i) == p->name)
      take_product(e, p, i);
    else if (touches_memory(i)) end_products(e, p);
  }
  end_products(e, p);
}

void sm_join_products(sm_emit *e) {
  products p = {.name = sm_matrix_function(e, "multiply_add")};
  if (!p.name) return;
  for (sm_val f = LL.GetFirstFunction(e->module); f; f = LL.GetNextFunction(f))
    for (LLVMBasicBlockRef b = LL.GetFirstBasicBlock(f); b;
         b = LL.GetNextBasicBlock(b))
      join_in_block(e, &p, b);
}
