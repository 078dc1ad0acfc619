/* SPDX-License-Identifier: MIT */
/*
 * attr.c - names of attributes and of their values, as MLIR text has them.
 *
 * The numbers of the enumerations are those of TritonAttrDefs.td, from which
 * generic-form text and the Python builder of upstream take them.
 */
#include "irint.h"

const tm_attr_info tm_attr_infos[TM_ATTRS] = {
  [TM_ATTR_NONE] = {"", TM_FORM_UNIT},
  [TM_ATTR_VALUE] = {"value", TM_FORM_FLOAT},
  [TM_ATTR_PREDICATE] = {"predicate", TM_FORM_I64},
  [TM_ATTR_AXIS] = {"axis", TM_FORM_I32},
  [TM_ATTR_REVERSE] = {"reverse", TM_FORM_BOOL},
  [TM_ATTR_START] = {"start", TM_FORM_I32},
  [TM_ATTR_END] = {"end", TM_FORM_I32},
  [TM_ATTR_ORDER] = {"order", TM_FORM_ARRAY32},
  [TM_ATTR_CACHE] = {"cacheModifier", TM_FORM_ENUM},
  [TM_ATTR_EVICT] = {"evictionPolicy", TM_FORM_ENUM},
  [TM_ATTR_VOLATILE] = {"isVolatile", TM_FORM_BOOL},
  [TM_ATTR_BOUNDARY_CHECK] = {"boundaryCheck", TM_FORM_ARRAY32},
  [TM_ATTR_PADDING] = {"padding", TM_FORM_I32},
  [TM_ATTR_INPUT_PRECISION] = {"inputPrecision", TM_FORM_ENUM},
  [TM_ATTR_MAX_IMPRECISE_ACC] = {"maxNumImpreciseAcc", TM_FORM_I32},
  [TM_ATTR_RMW_OP] = {"atomic_rmw_op", TM_FORM_ENUM},
  [TM_ATTR_SEM] = {"sem", TM_FORM_ENUM},
  [TM_ATTR_SCOPE] = {"scope", TM_FORM_ENUM},
  [TM_ATTR_ROUNDING] = {"rounding", TM_FORM_ENUM},
  [TM_ATTR_PROPAGATE_NAN] = {"propagateNan", TM_FORM_ENUM},
  [TM_ATTR_SYMBOL] = {"symbol", TM_FORM_TEXT},
  [TM_ATTR_LIBNAME] = {"libname", TM_FORM_TEXT},
  [TM_ATTR_LIBPATH] = {"libpath", TM_FORM_TEXT},
  [TM_ATTR_PURE] = {"pure", TM_FORM_BOOL},
  [TM_ATTR_ALLOW_REORDER] = {"allow_reorder", TM_FORM_UNIT},
  [TM_ATTR_EFFICIENT_LAYOUT] = {"efficient_layout", TM_FORM_UNIT},
  [TM_ATTR_DIVISIBILITY] = {"tt.divisibility", TM_FORM_HINT},
  [TM_ATTR_CONTIGUITY] = {"tt.contiguity", TM_FORM_HINT},
  [TM_ATTR_CONSTANCY] = {"tt.constancy", TM_FORM_HINT},
  [TM_ATTR_NUM_STAGES] = {"tt.num_stages", TM_FORM_I32},
  [TM_ATTR_UNROLL] = {"tt.loop_unroll_factor", TM_FORM_I32},
  [TM_ATTR_FLATTEN] = {"tt.flatten", TM_FORM_UNIT},
  [TM_ATTR_WARP_SPECIALIZE] = {"tt.warp_specialize", TM_FORM_UNIT},
  [TM_ATTR_DISALLOW_ACC_MULTI_BUFFER] = {"tt.disallow_acc_multi_buffer",
                                         TM_FORM_UNIT},
  [TM_ATTR_MESSAGE] = {"message", TM_FORM_TEXT},
  [TM_ATTR_PREFIX] = {"prefix", TM_FORM_TEXT},
  [TM_ATTR_HEX] = {"hex", TM_FORM_BOOL},
  [TM_ATTR_IS_SIGNED] = {"isSigned", TM_FORM_ARRAY32},
  [TM_ATTR_A_TYPE] = {"a_elem_type", TM_FORM_ENUM},
  [TM_ATTR_B_TYPE] = {"b_elem_type", TM_FORM_ENUM},
  [TM_ATTR_FAST_MATH] = {"fastMath", TM_FORM_BOOL},
  [TM_ATTR_LHS_K_PACK] = {"lhs_k_pack", TM_FORM_BOOL},
  [TM_ATTR_RHS_K_PACK] = {"rhs_k_pack", TM_FORM_BOOL},
  [TM_ATTR_SEGMENTS] = {"operandSegmentSizes", TM_FORM_ARRAY32},
  [TM_ATTR_ASM] = {"asm_string", TM_FORM_TEXT},
  [TM_ATTR_CONSTRAINTS] = {"constraints", TM_FORM_TEXT},
  [TM_ATTR_PACKED] = {"packed_element", TM_FORM_I32},
  [TM_ATTR_CALLEE] = {"callee", TM_FORM_SYMBOL},
  [TM_ATTR_LAYOUT_HINT] = {"tm.layout", TM_FORM_TEXT},
  [TM_ATTR_NSW] = {"nsw", TM_FORM_UNIT},
  [TM_ATTR_NUW] = {"nuw", TM_FORM_UNIT},
  [TM_ATTR_KIND] = {"kind", TM_FORM_ENUM},
  [TM_ATTR_PACK] = {"pack", TM_FORM_I32},
  [TM_ATTR_COUNT] = {"count", TM_FORM_I32},
  [TM_ATTR_K_ORDER] = {"tm.k_order", TM_FORM_I32},
  [TM_ATTR_TENSOR] = {"tm.tensor", TM_FORM_UNIT},
};

tm_attr_key tm_attr_find(const char *name, size_t n) {
  for (int k = 1; k < TM_ATTRS; k++)
    if (strlen(tm_attr_infos[k].name) == n &&
        memcmp(tm_attr_infos[k].name, name, n) == 0)
      return (tm_attr_key)k;
  return TM_ATTR_NONE;
}

static const char *const cache_names[] = {
    NULL, "none", "ca", "cg", "wb", "cs", "wt", "cv"};
static const char *const evict_names[] = {
    NULL, "evict_normal", "evict_first", "evict_last"};
static const char *const precision_names[] = {
    "tf32", "tf32x3", "ieee", "bf16x3", "bf16x6"};
static const char *const rmw_names[] = {
    NULL, "and", "or", "xor", "add", "fadd", "max", "min", "umax", "umin",
    "exch"};
static const char *const sem_names[] = {
    NULL, "relaxed", "acquire", "release", "acq_rel"};
static const char *const scope_names[] = {NULL, "gpu", "cta", "sys"};
static const char *const rounding_names[] = {"rtz", "rtne"};
static const char *const elem_type_names[] = {
    "e4m3", "e5m2", "e2m3", "e3m2", "e2m1", "bf16", "fp16"};
static const char *const kind_names[] = {
    NULL, "add", "min", "max", "inc", "dec", "and", "or", "xor"};

#define ENUM(array) (*n = (uint32_t)TM_COUNT(array), array)

const char *const *tm_attr_enum(tm_attr_key key, uint32_t *n) {
  *n = 0;
  if (key == TM_ATTR_CACHE) return ENUM(cache_names);
  if (key == TM_ATTR_EVICT) return ENUM(evict_names);
  if (key == TM_ATTR_INPUT_PRECISION) return ENUM(precision_names);
  if (key == TM_ATTR_RMW_OP) return ENUM(rmw_names);
  if (key == TM_ATTR_SEM) return ENUM(sem_names);
  if (key == TM_ATTR_SCOPE) return ENUM(scope_names);
  if (key == TM_ATTR_ROUNDING) return ENUM(rounding_names);
  if (key == TM_ATTR_KIND) return ENUM(kind_names);
  if (key == TM_ATTR_A_TYPE || key == TM_ATTR_B_TYPE)
    return ENUM(elem_type_names);
  return NULL;
}

int64_t tm_attr_enum_find(tm_attr_key key, const char *name, size_t n) {
  if (key == TM_ATTR_PROPAGATE_NAN) {
    if (n == 4 && memcmp(name, "none", 4) == 0) return 0;
    if (n == 3 && memcmp(name, "all", 3) == 0) return 0xffff;
    return -1;
  }
  uint32_t count;
  const char *const *names = tm_attr_enum(key, &count);
  for (uint32_t i = 0; i < count; i++)
    if (names[i] && strlen(names[i]) == n && memcmp(names[i], name, n) == 0)
      return i;
  return -1;
}
