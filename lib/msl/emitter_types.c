/* SPDX-License-Identifier: MIT */
/*
 * emitter_types.c - Triton's element types in MSL, and literals.
 *
 *   IR      in registers   in memory    why
 *   i1      bool           uchar        Triton stores one byte
 *   bf16    float          ushort       bit-exact on every family and MSL
 *                                       version: MSL's bfloat has no math
 *                                       functions, shuffles or implicit
 *                                       conversions, and as_type on it has
 *                                       been miscompiled. A register always
 *                                       holds a value that bf16 can hold.
 *   8-bit floats  float         uchar       MSL has none
 *   i8 .. i64, f16, f32    as in MSL    char, short, int, long, half, float
 *
 * f64 and float8e4b15 are refused.
 */
#include "emitter.h"

#include <math.h>

tm_scalar msl_scalar_of(tm_type type) {
  type = tm_type_element(type);
  return type->kind == TM_TYPE_SCALAR ? type->scalar : TM_VOID;
}

static const char *base_type(tm_scalar scalar) {
  switch (scalar) {
    case TM_I1: return "bool";
    case TM_I8: return "char";
    case TM_I16: return "short";
    case TM_I32: case TM_INDEX: return "int";
    case TM_I64: return "long";
    case TM_F16: return "half";
    case TM_BF16: case TM_FP8E4NV: case TM_FP8E5: case TM_FP8E4B8:
    case TM_FP8E5B16: case TM_F32: return "float";
    default: return NULL;
  }
}

const char *msl_type(emitter *e, tm_scalar scalar, uint32_t lanes) {
  const char *base = base_type(scalar);
  if (!base) return "void";
  return lanes > 1 ? msl_text(e, "%s%u", base, (unsigned)lanes) : base;
}

const char *msl_memory_type(emitter *e, tm_scalar scalar, uint32_t lanes) {
  const char *base = scalar == TM_I1     ? "uchar"
                     : scalar == TM_BF16 ? "ushort"
                     : msl_is_coded(scalar) ? "uchar"
                                            : base_type(scalar);
  if (!base) return "void";
  return lanes > 1 ? msl_text(e, "%s%u", base, (unsigned)lanes) : base;
}

bool msl_is_coded(tm_scalar scalar) {
  return scalar == TM_BF16 || scalar == TM_FP8E4NV || scalar == TM_FP8E5 ||
         scalar == TM_FP8E4B8 || scalar == TM_FP8E5B16;
}

uint32_t msl_register_bytes(tm_scalar scalar) {
  return msl_is_coded(scalar) ? 4 : msl_memory_bytes(scalar);
}

uint32_t msl_memory_bytes(tm_scalar scalar) {
  uint32_t bits = tm_scalar_bits(scalar);
  return bits <= 8 ? 1 : bits / 8;
}

static const char *reason_for(tm_scalar scalar, const char **hint) {
  switch (scalar) {
    case TM_F64:
      *hint = "no Apple GPU has double precision: convert on the host and "
              "use tl.float32, two of them (a sum and its rounding error) "
              "where that is too little";
      return "Metal has no 64-bit floating point type";
    case TM_FP8E4B15:
      *hint = "load the bytes as tl.uint8 and decode them, or use tl.float16";
      return "this 8-bit floating point type is not supported";
    default:
      *hint = NULL;
      return "MSL has no such type";
  }
}

bool msl_type_is_supported(emitter *e, tm_inst inst, tm_type type) {
  type = tm_type_element(type);
  tm_type to = type;
  if (type->kind == TM_TYPE_POINTER) to = type->element;
  if (to->kind == TM_TYPE_SCALAR && base_type(to->scalar))
    return true;
  if (type->kind == TM_TYPE_POINTER && to->kind == TM_TYPE_POINTER &&
      to->element->kind == TM_TYPE_SCALAR)
    return true;
  tm_buf name = tm_buf_in(e->arena);
  tm_type_print(&name, type);
  const char *hint = NULL;
  const char *reason =
      to->kind == TM_TYPE_SCALAR
          ? reason_for(to->scalar, &hint)
          : "only pointers to numbers reach the code generator";
  tm_loc loc = inst ? tm_get(e->ir, inst)->loc : e->func->loc;
  tm_diag *diag = tm_error_at(e->diags, TM_DIAG_UNSUPPORTED, loc,
                              "type %s: %s", tm_buf_text(&name), reason);
  if (hint) tm_diag_hint(e->diags, diag, "%s", hint);
  e->failed = true;
  return false;
}

/* What a pointer points to in memory; a pointer is its address there. */
static tm_scalar pointee(tm_type pointer) {
  tm_type t = pointer->element;
  return t->kind == TM_TYPE_POINTER ? TM_I64 : msl_scalar_of(t);
}

const char *msl_pointer_type(emitter *e, tm_value pointer) {
  tm_type type = tm_type_element(tm_type_of(e->ir, pointer));
  bool is_const = !(e->values[pointer].roots & e->writable);
  return msl_text(e, "%s %s%s *",
                  e->orders ? MSL_COHERENT_DEVICE : "device",
                  is_const ? "const " : "",
                  msl_memory_type(e, pointee(type), 1));
}

/* ---- literals --------------------------------------------------------- */

static msl_expr integer_literal(emitter *e, tm_scalar scalar, int64_t i) {
  if (scalar == TM_I1) return msl_primary(i & 1 ? "true" : "false", 1);
  const char *suffix = scalar == TM_I64 ? "l" : "";
  int64_t least = scalar == TM_I64 ? INT64_MIN : INT32_MIN;
  if (scalar == TM_I8 || scalar == TM_I16)
    return msl_primary(
        msl_text(e, "%s(%d)", base_type(scalar),
                 scalar == TM_I8 ? (int)(int8_t)i : (int)(int16_t)i), 1);
  if (scalar != TM_I64) i = (int32_t)i;
  if (i == least) /* -2147483648 would be minus applied to a long */
    return msl_primary(msl_text(e, "(-%lld%s - 1%s)",
                                (long long)-(i + 1), suffix, suffix), 1);
  return (msl_expr){msl_text(e, "%lld%s", (long long)i, suffix),
                    i < 0 ? MSL_UNARY : MSL_PRIMARY, 1};
}

static msl_expr float_literal(emitter *e, tm_scalar scalar, double f) {
  bool half = scalar == TM_F16;
  if (isnan(f)) return msl_primary(half ? "half(NAN)" : "NAN", 1);
  if (isinf(f)) {
    const char *text = half ? "half(INFINITY)" : "INFINITY";
    return (msl_expr){f < 0 ? msl_text(e, "-%s", text) : text,
                      f < 0 ? MSL_UNARY : MSL_PRIMARY, 1};
  }
  tm_buf buf = tm_buf_in(e->arena);
  tm_buf_double(&buf, f, true);
  const char *text = tm_buf_text(&buf);
  if (!strpbrk(text, ".e")) tm_buf_puts(&buf, ".0");
  tm_buf_puts(&buf, half ? "h" : "f");
  text = tm_buf_text(&buf);
  return (msl_expr){text, text[0] == '-' ? MSL_UNARY : MSL_PRIMARY, 1};
}

msl_expr msl_literal(emitter *e, tm_scalar scalar, const tm_attr *value) {
  if (tm_scalar_is_float(scalar))
    return float_literal(e, scalar, value && value->kind == TM_ATTR_FLOAT
                                        ? value->f
                                    : value ? (double)value->i
                                            : 0.0);
  return integer_literal(e, scalar, value ? value->i : 0);
}

msl_expr msl_zero(emitter *e, tm_scalar scalar) {
  return msl_literal(e, scalar, NULL);
}
