/* SPDX-License-Identifier: MIT */
/*
 * types.c - language types and the rules by which operands agree on one.
 *
 * The rules are those of Triton's semantic.py (computation_type_impl,
 * integer_promote_impl, to_tensor_type). In short: a compile-time number
 * whose kind (bool < integer < float) is not above the tensor's takes the
 * tensor's type; float64 wins over float32 over float16; bfloat16 needs both
 * sides; division and remainder of floats happen in float32; integers follow
 * C's usual arithmetic conversions.
 */
#include "value.h"

#include <math.h>

const tm_dtype_info tm_dtype_infos[TM_DTYPES] = {
  [TM_DT_VOID] = {"void", "void", TM_VOID, 0, false, false, 0},
  [TM_DT_I1] = {"int1", "int1", TM_I1, 1, false, false, 0},
  [TM_DT_I8] = {"int8", "int8", TM_I8, 8, false, true, 0},
  [TM_DT_I16] = {"int16", "int16", TM_I16, 16, false, true, 0},
  [TM_DT_I32] = {"int32", "int32", TM_I32, 32, false, true, 0},
  [TM_DT_I64] = {"int64", "int64", TM_I64, 64, false, true, 0},
  [TM_DT_U8] = {"uint8", "uint8", TM_I8, 8, false, false, 0},
  [TM_DT_U16] = {"uint16", "uint16", TM_I16, 16, false, false, 0},
  [TM_DT_U32] = {"uint32", "uint32", TM_I32, 32, false, false, 0},
  [TM_DT_U64] = {"uint64", "uint64", TM_I64, 64, false, false, 0},
  [TM_DT_FP8E4NV] = {"float8e4nv", "fp8e4nv", TM_FP8E4NV, 8, true, true, 3},
  [TM_DT_FP8E5] = {"float8e5", "fp8e5", TM_FP8E5, 8, true, true, 2},
  [TM_DT_FP8E4B8] = {"float8e4b8", "fp8e4b8", TM_FP8E4B8, 8, true, true, 3},
  [TM_DT_FP8E5B16] = {"float8e5b16", "fp8e5b16", TM_FP8E5B16, 8, true, true,
                      2},
  [TM_DT_FP8E4B15] = {"float8e4b15", "fp8e4b15", TM_FP8E4B15, 8, true, true,
                      3},
  [TM_DT_F16] = {"float16", "fp16", TM_F16, 16, true, true, 10},
  [TM_DT_BF16] = {"bfloat16", "bf16", TM_BF16, 16, true, true, 7},
  [TM_DT_F32] = {"float32", "fp32", TM_F32, 32, true, true, 23},
  [TM_DT_F64] = {"float64", "fp64", TM_F64, 64, true, true, 52},
};

/* ---- making them -------------------------------------------------------- */

static bool same_content(const tm_ltype_data *a, const tm_ltype_data *b) {
  if (a->kind != b->kind || a->dtype != b->dtype || a->element != b->element ||
      a->rank != b->rank || a->is_shared != b->is_shared)
    return false;
  for (uint32_t d = 0; d < a->rank; d++)
    if (a->shape[d] != b->shape[d]) return false;
  return true;
}

static tm_type ir_type(tm_low *l, const tm_ltype_data *t) {
  switch (t->kind) {
  case TM_LT_SCALAR:
    return tm_type_scalar(l->ir, tm_dtype_infos[t->dtype].scalar);
  case TM_LT_POINTER:
    return tm_type_pointer(l->ir, t->element->ir,
                           t->is_shared ? TM_SPACE_SHARED : TM_SPACE_DEVICE);
  case TM_LT_BLOCK:
    return tm_type_tensor(l->ir, t->element->ir, t->rank, t->shape);
  case TM_LT_DESCRIPTOR:
    break;
  }
  return tm_type_descriptor(l->ir, t->element->ir);
}

/* A kernel uses a few dozen types: a scan beats a table. */
static tm_ltype unique(tm_low *l, const tm_ltype_data *wanted) {
  for (uint32_t i = 0; i < l->types.len; i++)
    if (same_content(l->types.data[i], wanted)) return l->types.data[i];
  tm_ltype_data *made = TM_NEW(l->arena, tm_ltype_data);
  *made = *wanted;
  made->ir = ir_type(l, made);
  tm_push(l->arena, &l->types, made);
  return made;
}

tm_ltype tm_lt_scalar(tm_low *l, tm_dtype dtype) {
  return unique(l, &(tm_ltype_data){.kind = TM_LT_SCALAR, .dtype = dtype});
}

tm_ltype tm_lt_pointer(tm_low *l, tm_ltype element) {
  return unique(l,
                &(tm_ltype_data){.kind = TM_LT_POINTER, .element = element});
}

tm_ltype tm_lt_pointer_like(tm_low *l, tm_ltype pointer, tm_ltype element) {
  return unique(l, &(tm_ltype_data){
                       .kind = TM_LT_POINTER, .element = element,
                       .is_shared = tm_lt_element(pointer)->is_shared});
}

tm_ltype tm_lt_shared_pointer(tm_low *l, tm_ltype element) {
  return unique(l, &(tm_ltype_data){.kind = TM_LT_POINTER, .element = element,
                                    .is_shared = true});
}

tm_ltype tm_lt_block(tm_low *l, tm_ltype element, uint32_t rank,
                     const int64_t *shape) {
  if (rank == 0) return element;
  tm_ltype_data t = {.kind = TM_LT_BLOCK, .element = element, .rank = rank};
  for (uint32_t d = 0; d < rank; d++) t.shape[d] = shape[d];
  return unique(l, &t);
}

tm_ltype tm_lt_descriptor(tm_low *l, tm_ltype block) {
  return unique(l, &(tm_ltype_data){.kind = TM_LT_DESCRIPTOR,
                                    .element = block});
}

tm_ltype tm_lt_like(tm_low *l, tm_ltype t, tm_ltype element) {
  return tm_lt_is_block(t) ? tm_lt_block(l, element, t->rank, t->shape)
                           : element;
}

/* ---- asking ------------------------------------------------------------- */

tm_ltype tm_lt_element(tm_ltype t) {
  return t->kind == TM_LT_BLOCK ? t->element : t;
}

tm_dtype tm_lt_dtype(tm_ltype t) {
  t = tm_lt_element(t);
  return t->kind == TM_LT_SCALAR ? t->dtype : TM_DT_VOID;
}

bool tm_lt_is_float(tm_ltype t) {
  return tm_dtype_infos[tm_lt_dtype(t)].is_float;
}

bool tm_lt_is_int(tm_ltype t) {
  tm_dtype d = tm_lt_dtype(t);
  return d >= TM_DT_I1 && d <= TM_DT_U64;
}

bool tm_lt_is_signed(tm_ltype t) {
  return tm_lt_is_int(t) && tm_dtype_infos[tm_lt_dtype(t)].is_signed;
}

bool tm_lt_is_bool(tm_ltype t) { return tm_lt_dtype(t) == TM_DT_I1; }

bool tm_lt_is_pointer(tm_ltype t) {
  return tm_lt_element(t)->kind == TM_LT_POINTER;
}

bool tm_lt_is_fp8(tm_ltype t) {
  tm_dtype d = tm_lt_dtype(t);
  return d >= TM_DT_FP8E4NV && d <= TM_DT_FP8E4B15;
}

uint32_t tm_lt_bits(tm_ltype t) {
  return tm_lt_is_pointer(t) ? 64 : tm_dtype_infos[tm_lt_dtype(t)].bits;
}

int64_t tm_lt_numel(tm_ltype t) {
  int64_t n = 1;
  if (t->kind == TM_LT_BLOCK)
    for (uint32_t d = 0; d < t->rank; d++) n *= t->shape[d];
  return n;
}

bool tm_lt_same_shape(tm_ltype a, tm_ltype b) {
  uint32_t rank = tm_lt_is_block(a) ? a->rank : 0;
  if (rank != (tm_lt_is_block(b) ? b->rank : 0)) return false;
  for (uint32_t d = 0; d < rank; d++)
    if (a->shape[d] != b->shape[d]) return false;
  return true;
}

static void type_text(tm_buf *out, tm_ltype t) {
  switch (t->kind) {
  case TM_LT_SCALAR:
    tm_buf_puts(out, tm_dtype_infos[t->dtype].brief);
    return;
  case TM_LT_POINTER:
    tm_buf_puts(out, "pointer<");
    type_text(out, t->element);
    tm_buf_puts(out, ">");
    return;
  case TM_LT_BLOCK:
    type_text(out, t->element);
    for (uint32_t d = 0; d < t->rank; d++)
      tm_buf_printf(out, "%s%lld", d ? ", " : "[", (long long)t->shape[d]);
    tm_buf_puts(out, "]");
    return;
  case TM_LT_DESCRIPTOR:
    tm_buf_puts(out, "tensor_descriptor<");
    type_text(out, t->element);
    tm_buf_puts(out, ">");
    return;
  }
}

const char *tm_lt_text(tm_low *l, tm_ltype t) {
  tm_buf out = tm_buf_in(l->arena);
  type_text(&out, t);
  return tm_buf_text(&out);
}

/* ---- reading names ------------------------------------------------------ */

static bool text_is(const char *name, size_t n, const char *what) {
  return strlen(what) == n && memcmp(name, what, n) == 0;
}

tm_dtype tm_dtype_find(const char *name, size_t n) {
  for (int d = 0; d < TM_DTYPES; d++)
    if (text_is(name, n, tm_dtype_infos[d].name) ||
        text_is(name, n, tm_dtype_infos[d].brief))
      return (tm_dtype)d;
  /* Signatures say i32 and u8 (triton/compiler, type_canonicalisation). */
  static const struct { const char *name; tm_dtype dtype; } others[] = {
    {"i1", TM_DT_I1}, {"u1", TM_DT_I1}, {"bool", TM_DT_I1},
    {"uint1", TM_DT_I1}, {"i8", TM_DT_I8}, {"i16", TM_DT_I16},
    {"i32", TM_DT_I32}, {"i64", TM_DT_I64}, {"u8", TM_DT_U8},
    {"u16", TM_DT_U16}, {"u32", TM_DT_U32}, {"u64", TM_DT_U64},
    {"B", TM_DT_I1}, {"f16", TM_DT_F16}, {"f32", TM_DT_F32},
    {"f64", TM_DT_F64}, {"float8_e4m3fn", TM_DT_FP8E4NV},
    {"float8_e5m2", TM_DT_FP8E5}, {"float8_e4m3fnuz", TM_DT_FP8E4B8},
    {"float8_e5m2fnuz", TM_DT_FP8E5B16}, {"fp8e4", TM_DT_FP8E4NV},
  };
  for (size_t i = 0; i < TM_COUNT(others); i++)
    if (text_is(name, n, others[i].name)) return others[i].dtype;
  return TM_DTYPES;
}

tm_ltype tm_lt_parse(tm_low *l, tm_str text) {
  if (text.len && text.ptr[0] == '*') {
    bool is_const = text.len > 1 && text.ptr[1] == 'k';
    size_t skip = is_const ? 2 : 1;
    tm_ltype to = tm_lt_parse(l, (tm_str){text.ptr + skip, text.len - skip});
    return to ? tm_lt_pointer(l, to) : NULL;
  }
  for (size_t i = 0; i < text.len; i++)
    if (text.ptr[i] == '.')
      return tm_lt_parse(l, (tm_str){text.ptr + i + 1, text.len - i - 1});
  tm_dtype d = tm_dtype_find(text.ptr, text.len);
  return d == TM_DTYPES ? NULL : tm_lt_scalar(l, d);
}

/* ---- numbers and promotion ---------------------------------------------- */

tm_wide tm_dtype_min(tm_dtype dtype) {
  const tm_dtype_info *d = &tm_dtype_infos[dtype];
  return d->is_signed ? -((tm_wide)1 << (d->bits - 1)) : 0;
}

tm_wide tm_dtype_max(tm_dtype dtype) {
  const tm_dtype_info *d = &tm_dtype_infos[dtype];
  return ((tm_wide)1 << (d->is_signed ? d->bits - 1 : d->bits)) - 1;
}

tm_dtype tm_dtype_of_number(tm_lv number) {
  if (number->kind == TM_LV_BOOL) return TM_DT_I1;
  if (number->kind == TM_LV_INT) {
    static const tm_dtype in_order[] = {TM_DT_I32, TM_DT_U32, TM_DT_I64,
                                        TM_DT_U64};
    for (size_t i = 0; i < TM_COUNT(in_order); i++)
      if (number->i >= tm_dtype_min(in_order[i]) &&
          number->i <= tm_dtype_max(in_order[i]))
        return in_order[i];
    return TM_DT_VOID;
  }
  if (number->kind != TM_LV_FLOAT) return TM_DT_VOID;
  double x = fabs(number->f);
  /* float32's normal range: 2^-126 to (2 - 2^-23) * 2^127. */
  bool single = isnan(x) || isinf(x) || x == 0.0 ||
                (x >= 0x1p-126 && x <= 0x1.fffffep127);
  return single ? TM_DT_F32 : TM_DT_F64;
}

tm_dtype tm_dtype_promote_ints(tm_dtype a, tm_dtype b) {
  const tm_dtype_info *ai = &tm_dtype_infos[a], *bi = &tm_dtype_infos[b];
  if (ai->is_signed == bi->is_signed) return ai->bits > bi->bits ? a : b;
  if (!ai->is_signed) return ai->bits >= bi->bits ? a : b;
  return bi->bits >= ai->bits ? b : a;
}

static int kind_of(tm_dtype d) {
  if (d == TM_DT_I1) return 0;
  return tm_dtype_infos[d].is_float ? 2 : 1;
}

tm_dtype tm_dtype_compute(tm_dtype a, bool a_is_number, tm_dtype b,
                          bool b_is_number, bool div_or_mod) {
  if (a == TM_DT_VOID || b == TM_DT_VOID) return TM_DT_VOID;
  if (a_is_number != b_is_number) {
    tm_dtype number = a_is_number ? a : b, tensor = a_is_number ? b : a;
    if (kind_of(number) <= kind_of(tensor)) a = b = tensor;
  }
  bool any_float = kind_of(a) == 2 || kind_of(b) == 2;
  if (a == TM_DT_F64 || b == TM_DT_F64) return TM_DT_F64;
  if (div_or_mod && any_float) return TM_DT_F32;
  if (a == TM_DT_F32 || b == TM_DT_F32) return TM_DT_F32;
  if (a == TM_DT_F16 || b == TM_DT_F16) return TM_DT_F16;
  if (a == TM_DT_BF16 && b == TM_DT_BF16) return TM_DT_BF16;
  if (a == TM_DT_BF16 || b == TM_DT_BF16) return TM_DT_F32;
  if (kind_of(a) == 2 && kind_of(b) == 2) return a == b ? a : TM_DT_F16;
  if (any_float) return TM_DT_VOID; /* fp8 with an integer */
  if (div_or_mod &&
      tm_dtype_infos[a].is_signed != tm_dtype_infos[b].is_signed)
    return TM_DT_VOID;
  return tm_dtype_promote_ints(a, b);
}
