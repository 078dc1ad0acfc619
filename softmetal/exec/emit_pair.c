/* SPDX-License-Identifier: MIT */
/*
 * emit_pair.c - halves that lie side by side are converted side by side.
 *
 * A kernel that loads 16 bytes a lane and hands two neighbouring halves of
 * them to thread_elements() makes, after LLVM's passes,
 *
 *     low  = fpext (bitcast (trunc x))                x: a dword a lane
 *     high = fpext (bitcast (trunc (lshr x, 16)))
 *     store low[0] high[0] low[1] high[1] ...         a fragment
 *
 * which takes dwords apart to put them together again, with shuffles that
 * keep the ports busy which products need. In memory's order, x is these
 * halves already:
 *
 *     store fpext (bitcast x to 64 halves)
 *
 * LLVM does not see this, since the conversion lies in between.
 */
#include "emit.h"

enum { ELEMENTS = 2 * SM_LANES };

/* v[2 k] is low[k], v[2 k + 1] is high[k]. */
static bool is_interleaved(sm_val v, sm_val *low, sm_val *high) {
  *low = sm_source(v, 0).vector;
  *high = sm_source(v, 1).vector;
  for (int i = 0; i < ELEMENTS; i++) {
    sm_element from = sm_source(v, i);
    if (from.vector != (i % 2 ? *high : *low) || from.lane != i / 2)
      return false;
  }
  return true;
}

/* The integers whose low 16 bits v's halves are, converted. */
static sm_val bits_of(sm_emit *e, sm_val v) {
  if (!sm_is_op(v, LLVMFPExt)) return NULL;
  v = LL.GetOperand(v, 0);
  if (LL.GetElementType(LL.TypeOf(v)) != e->f16 || !sm_is_op(v, LLVMBitCast))
    return NULL;
  v = LL.GetOperand(v, 0);
  if (!sm_is_op(v, LLVMTrunc)) return NULL;
  v = LL.GetOperand(v, 0);
  return LL.TypeOf(v) == sm_vector_type(e->i32, SM_LANES) ? v : NULL;
}

static bool is_high_half(sm_val v, sm_val of) {
  if (!sm_is_op(v, LLVMLShr) || LL.GetOperand(v, 0) != of) return false;
  for (unsigned l = 0; l < SM_LANES; l++) {
    int64_t k;
    sm_val by = LL.GetAggregateElement(LL.GetOperand(v, 1), l);
    if (!by || !sm_const_int(by, &k) || k != 16) return false;
  }
  return true;
}

static void pair_in_store(sm_emit *e, sm_val store, sm_ty fragment) {
  sm_val low, high, v = LL.GetOperand(store, 0);
  if (LL.TypeOf(v) != fragment || !sm_is_op(v, LLVMShuffleVector) ||
      !is_interleaved(v, &low, &high))
    return;
  low = bits_of(e, low);
  high = bits_of(e, high);
  if (!low || !high || !is_high_half(high, low)) return;
  LL.PositionBuilderBefore(e->b, store);
  LL.SetOperand(store, 0, CONVERT(FPExt, CONVERT(BitCast, low,
      sm_vector_type(e->f16, ELEMENTS)), fragment));
}

void sm_pair_halves(sm_emit *e) {
  sm_ty fragment = sm_vector_type(e->f32, ELEMENTS);
  for (sm_val f = LL.GetFirstFunction(e->module); f; f = LL.GetNextFunction(f))
    for (LLVMBasicBlockRef b = LL.GetFirstBasicBlock(f); b;
         b = LL.GetNextBasicBlock(b))
      for (sm_val i = LL.GetFirstInstruction(b); i;
           i = LL.GetNextInstruction(i))
        if (LL.GetInstructionOpcode(i) == LLVMStore)
          pair_in_store(e, i, fragment);
}
