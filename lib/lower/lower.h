/* SPDX-License-Identifier: MIT */
/*
 * lower.h - a kernel's tree and its specialization to TTIR.
 *
 * Lowering is an abstract interpreter over the tree. Each name is bound to a
 * compile-time value (number, string, None, tuple, dtype, function, module,
 * constexpr) or to an IR value; control flow on compile-time values is
 * decided, on run-time scalars it becomes scf.if, scf.for and scf.while; jit
 * functions are inlined at the call. Types, promotion and broadcasting follow
 * Triton's language/semantic.py and core.py.
 */
#ifndef TM_LOWER_H
#define TM_LOWER_H

#include "../ir/ir.h"
#include "../lang/ast.h"

/* A compile-time value given from outside. */
typedef enum tm_const_kind {
  TM_CONST_NONE,   /* Python's None */
  TM_CONST_BOOL,   /* i */
  TM_CONST_INT,    /* i */
  TM_CONST_FLOAT,  /* f */
  TM_CONST_TEXT,   /* text */
  TM_CONST_DTYPE,  /* text: a Triton name, "fp16", "float16", "tl.float16" */
  TM_CONST_FUNCTION, /* text: what the kernel's module calls a jit function */
  TM_CONST_TUPLE   /* i items; names when it is a named tuple */
} tm_const_kind;

typedef struct tm_const {
  tm_const_kind kind;
  int64_t i;
  double f;
  const char *text;
  const struct tm_const *items;
  const char *const *names; /* NULL: a plain tuple */
} tm_const;

typedef enum tm_spec_kind {
  TM_SPEC_DEFAULT,  /* nothing given: the parameter's default, or an error */
  TM_SPEC_POINTER,  /* a buffer of elements of type `type` */
  TM_SPEC_SCALAR,   /* a run-time number of type `type` */
  TM_SPEC_CONST,    /* a compile-time value: constexpr, or equal to 1 */
  TM_SPEC_DESCRIPTOR, /* a tensor descriptor of elements of type `type` */
  TM_SPEC_TUPLE     /* items, each of any of these kinds */
} tm_spec_kind;

enum { TM_DESC_MAX_RANK = 5 }; /* as Triton's */

/* A descriptor that the launcher makes. It becomes parameters of the TTIR
 * function: the base pointer, rank 32-bit sizes, and rank - 1 64-bit strides
 * in elements; the last stride is 1. Base and strides are multiples of 16
 * bytes, as Triton's TensorDescriptor has them. */
typedef struct tm_spec_desc {
  uint32_t rank;
  int64_t block[TM_DESC_MAX_RANK];
  bool pads_nan;    /* what lies outside reads as NaN, not as zero */
  bool rounds_tf32; /* fp32 elements that are read are rounded to tf32 */
} tm_spec_desc;

/* Type names as Triton's signatures spell them: i1 i8 i16 i32 i64 u1 u8 u16
 * u32 u64 fp16 bf16 fp32 fp64 fp8e4nv fp8e5 ...: signed and unsigned differ
 * for the language although the IR is signless. */
typedef struct tm_spec_arg {
  tm_spec_kind kind;
  const char *type;      /* POINTER: the pointee; SCALAR; DESCRIPTOR */
  uint32_t divisibility; /* 16, or 0 for nothing known */
  tm_const value;        /* CONST */
  tm_spec_desc desc;     /* DESCRIPTOR */
  const struct tm_spec_arg *items; /* TUPLE */
  uint32_t n_items;
  const char *const *names; /* TUPLE: of a named tuple; else NULL */
} tm_spec_arg;

typedef struct tm_spec {
  const tm_spec_arg *args; /* one for each parameter, in order */
  uint32_t n_args;
  uint32_t num_warps, num_stages; /* what tl.extra and friends may ask;
                              num_warps 0: not decided yet, they get 4 */
  bool debug;              /* keep tl.device_assert and assert, check for
                              overflow; @triton.jit(debug=True) sets it too */
  bool may_overlap;        /* two buffers of a launch may share memory */
} tm_spec;

/* Lowers kernel `name` of module. Returns NULL with errors in diags. The tree
 * is not changed; calls on different arenas are independent. */
tm_ir *tm_lower(tm_arena *arena, tm_diags *diags, const tm_module *module,
                const char *name, const tm_spec *spec);

#endif
