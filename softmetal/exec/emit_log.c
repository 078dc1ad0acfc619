/* SPDX-License-Identifier: MIT */
/*
 * emit_log.c - os_log: values of all lanes go to the runtime, which makes the
 * texts (rt_log.c).
 *
 * The arguments are laid out as 32 u64 per element, in the order of the
 * format; their types are a text of two characters an argument: i int,
 * u uint, l long, U ulong, f float, and the number of elements.
 */
#include "emit.h"

static sm_val text_global(sm_emit *e, const char *text) {
  size_t n = strlen(text) + 1;
  sm_val *chars = TM_NEW_ARRAY(e->arena, sm_val, n);
  for (size_t i = 0; i < n; i++)
    chars[i] = sm_int(e, e->i8, (unsigned char)text[i]);
  sm_val all = LL.ConstArray(e->i8, chars, (unsigned)n);
  sm_val g = LL.AddGlobal(e->module, LL.TypeOf(all), "");
  LL.SetInitializer(g, all);
  LL.SetGlobalConstant(g, true);
  LL.SetLinkage(g, LLVMPrivateLinkage);
  LL.SetAlignment(g, 1);
  return g;
}

static char type_letter(sm_scalar s) {
  switch (s) {
  case SM_INT: return 'i';
  case SM_LONG: return 'l';
  case SM_ULONG: return 'U';
  case SM_FLOAT: return 'f';
  default: return 'u';
  }
}

/* The bits of all lanes as u64. */
static sm_val lanes_as_u64(sm_emit *e, const sm_leaf *leaf, sm_scalar s) {
  sm_val v = sm_vec(e, leaf);
  if (s == SM_FLOAT)
    v = CONVERT(BitCast, v, sm_vector_type(e->i32, SM_LANES));
  sm_ty wide = sm_vector_type(e->i64, SM_LANES);
  if (LL.TypeOf(v) == wide) return v;
  return s == SM_INT ? CONVERT(SExt, v, wide) : CONVERT(ZExt, v, wide);
}

sm_value sm_emit_log(sm_emit *e, const sm_expr *x) {
  uint32_t n = 0;
  sm_value *args = TM_NEW_ARRAY(e->arena, sm_value, x->args.len + 1);
  char *types = TM_NEW_ARRAY(e->arena, char, 2 * x->args.len + 1);
  for (uint32_t i = 0; i < x->args.len; i++) {
    args[i] = sm_emit_value(e, x->args.data[i]);
    types[2 * i] = type_letter(x->args.data[i]->type->scalar);
    types[2 * i + 1] = (char)('0' + args[i].n);
    n += args[i].n;
  }
  uint64_t bytes = (uint64_t)SM_LANES * 8 * (n ? n : 1);
  sm_val memory =
      sm_alloca(e, LL.ArrayType(e->i8, (unsigned)bytes), bytes);
  uint64_t at = 0;
  for (uint32_t i = 0; i < x->args.len; i++)
    for (uint32_t k = 0; k < args[i].n; k++, at += SM_LANES * 8)
      LL.SetAlignment(
          LL.BuildStore(e->b, lanes_as_u64(e, &args[i].leaf[k],
                                           x->args.data[i]->type->scalar),
                        sm_at(e, memory, sm_i64(e, at))), 8);
  sm_val call[8] = {
      e->frame, sm_mask_bits(e, sm_exec(e)),
      sm_i32(e, (uint32_t)x->log->level), text_global(e, x->log->format),
      text_global(e, x->log->subsystem ? x->log->subsystem : ""),
      text_global(e, x->log->category ? x->log->category : ""),
      text_global(e, types), memory};
  sm_runtime(e, "sm_rt_log", e->void_type, call, 8);
  return sm_value_new(e, x->type);
}
