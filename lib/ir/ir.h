/* SPDX-License-Identifier: MIT */
/*
 * ir.h - Triton's TTIR in C.
 *
 * A tm_ir is one module: a few functions, of which one is the kernel. Code
 * is SSA with structured control flow only: every region is one block,
 * blocks end in a terminator (tt.return, scf.yield, scf.condition,
 * tt.reduce.return, ...), and nothing branches.
 *
 *     tt.func public @add(%x: !tt.ptr<f32>, %n: i32) {
 *       %0 = tt.get_program_id x : i32        inst of op TM_GET_PROGRAM_ID
 *       scf.for %i = ... {                    inst with one block; %i is the
 *         ...                                 block's argument
 *       }
 *       tt.return
 *     }
 *
 * Values, instructions and blocks are small indices into arrays of the
 * tm_ir, so that side tables are plain arrays and dumps are stable. Index 0
 * is "none" everywhere. Instructions of a block form a doubly linked list.
 * All the memory is one arena's; passes allocate and never free.
 *
 * One table, ops.def, makes the enum, the names, arities, purity, the type
 * rules, the printer, the parser and the verifier.
 */
#ifndef TM_IR_H
#define TM_IR_H

#include "../base/base.h"

typedef uint32_t tm_value;
typedef uint32_t tm_inst;
typedef uint32_t tm_block;

/* ---- types (type.c) --------------------------------------------------- */

typedef enum tm_scalar {
  TM_VOID,
  TM_I1, TM_I8, TM_I16, TM_I32, TM_I64, /* signless, as in MLIR */
  TM_FP8E4NV, TM_FP8E5, TM_FP8E4B8, TM_FP8E5B16, TM_FP8E4B15,
  TM_F16, TM_BF16, TM_F32, TM_F64,
  TM_INDEX,
  TM_SCALARS
} tm_scalar;

typedef enum tm_type_kind {
  TM_TYPE_SCALAR,     /* scalar */
  TM_TYPE_POINTER,    /* !tt.ptr<pointee>: pointee a scalar, pointer or
                         tensor type (a block pointer) */
  TM_TYPE_TENSOR,     /* tensor<shape x element>; element scalar or pointer */
  TM_TYPE_DESCRIPTOR  /* !tt.tensordesc<tensor<...>>: element is the tensor */
} tm_type_kind;

enum { TM_MAX_RANK = 20 };

/* LLVM's and upstream's numbers. */
enum {
  TM_SPACE_DEVICE = 1,
  TM_SPACE_SHARED = 3 /* threadgroup memory: ttm.shared_alloc */
};

/* Types are unique in a tm_ir: equal types are equal pointers. */
typedef struct tm_type_data {
  tm_type_kind kind;
  tm_scalar scalar;
  const struct tm_type_data *element; /* pointee, or element of a tensor */
  uint32_t rank;
  int64_t shape[TM_MAX_RANK];         /* powers of two */
  uint32_t address_space;             /* pointers: TM_SPACE_DEVICE ... */
} tm_type_data;
typedef const tm_type_data *tm_type;

static inline bool tm_type_is_tensor(tm_type t) {
  return t->kind == TM_TYPE_TENSOR;
}
/* The element of a tensor type, any other type itself. */
static inline tm_type tm_type_element(tm_type t) {
  return t->kind == TM_TYPE_TENSOR ? t->element : t;
}
int64_t tm_type_numel(tm_type t);     /* 1 for non-tensors */
uint32_t tm_scalar_bits(tm_scalar s); /* 1, 8, ... 64; index is 32 */
bool tm_scalar_is_float(tm_scalar s);
bool tm_scalar_is_int(tm_scalar s);   /* i1 to i64 and index */
const char *tm_scalar_name(tm_scalar s); /* MLIR: "i32", "f8E4M3FN", "f16" */

/* ---- operations ------------------------------------------------------- */

typedef enum tm_op {
  TM_OP_NONE,
#define TM_OP(id, ...) TM_##id,
#include "ops.def"
#undef TM_OP
  TM_OPS
} tm_op;

typedef struct tm_op_info {
  const char *name;      /* "arith.addf" */
  int8_t operands;       /* count; -1: variadic */
  int8_t results;        /* count; -1: variadic */
  uint8_t regions;
  uint8_t rule;          /* type rule, see ops.def */
  uint8_t format;        /* textual form, see ops.def */
  uint16_t flags;        /* TM_PURE ... */
} tm_op_info;

enum {                   /* tm_op_info.flags */
  TM_PURE = 1,           /* no memory, no order: may go, merge, move */
  TM_ELEMENTWISE = 2,    /* result element i depends on operand elements i */
  TM_COMMUTATIVE = 4,
  TM_TERMINATOR = 8,
  TM_READS = 16,         /* reads memory */
  TM_WRITES = 32,        /* writes memory or has another effect */
  TM_REGION_ARGS = 64    /* its regions take block arguments */
};

extern const tm_op_info tm_op_infos[TM_OPS];

static inline bool tm_op_is_atomic(tm_op op) {
  return op == TM_ATOMIC_RMW || op == TM_ATOMIC_CAS || op == TM_ATOMIC_LOAD ||
         op == TM_ATOMIC_STORE;
}
/* An access through operand 0, a pointer or a tensor of them. */
static inline bool tm_op_is_access(tm_op op) {
  return op == TM_LOAD || op == TM_STORE || tm_op_is_atomic(op);
}

/* ---- attributes ------------------------------------------------------- */

/* Names of attributes; the text is in attr.c's table. */
typedef enum tm_attr_key {
  TM_ATTR_NONE,
  TM_ATTR_VALUE,       /* arith.constant: int or float; tensors are splats */
  TM_ATTR_PREDICATE,   /* arith.cmpi/cmpf: MLIR's number, see tm_cmpi */
  TM_ATTR_AXIS,        /* reduce, scan, expand_dims, get_program_id, gather */
  TM_ATTR_REVERSE,     /* scan */
  TM_ATTR_START, TM_ATTR_END,          /* make_range */
  TM_ATTR_ORDER,       /* trans (ints); make_tensor_ptr (ints) */
  TM_ATTR_CACHE, TM_ATTR_EVICT,        /* load, store: MLIR's number */
  TM_ATTR_VOLATILE,
  TM_ATTR_BOUNDARY_CHECK,              /* ints */
  TM_ATTR_PADDING,                     /* 1 zero, 2 nan */
  TM_ATTR_INPUT_PRECISION,             /* dot: 0 tf32, 1 tf32x3, 2 ieee */
  TM_ATTR_MAX_IMPRECISE_ACC,
  TM_ATTR_RMW_OP, TM_ATTR_SEM, TM_ATTR_SCOPE, /* MLIR's numbers */
  TM_ATTR_ROUNDING,                    /* fp_to_fp: 0 rtz, 1 rtne */
  TM_ATTR_PROPAGATE_NAN,               /* clampf: 0 none, 0xFFFF all */
  TM_ATTR_SYMBOL, TM_ATTR_LIBNAME, TM_ATTR_LIBPATH, TM_ATTR_PURE,
  TM_ATTR_ALLOW_REORDER, TM_ATTR_EFFICIENT_LAYOUT,
  TM_ATTR_DIVISIBILITY, TM_ATTR_CONTIGUITY, TM_ATTR_CONSTANCY, /* hints */
  TM_ATTR_NUM_STAGES, TM_ATTR_UNROLL, TM_ATTR_FLATTEN, TM_ATTR_WARP_SPECIALIZE,
  TM_ATTR_DISALLOW_ACC_MULTI_BUFFER,   /* scf.for */
  TM_ATTR_MESSAGE,                     /* assert */
  TM_ATTR_PREFIX, TM_ATTR_HEX, TM_ATTR_IS_SIGNED, /* print */
  TM_ATTR_A_TYPE, TM_ATTR_B_TYPE, TM_ATTR_FAST_MATH,
  TM_ATTR_LHS_K_PACK, TM_ATTR_RHS_K_PACK, /* dot_scaled */
  TM_ATTR_SEGMENTS,                    /* operandSegmentSizes (ints) */
  TM_ATTR_ASM, TM_ATTR_CONSTRAINTS, TM_ATTR_PACKED,
  TM_ATTR_CALLEE,
  TM_ATTR_LAYOUT_HINT,                 /* ours: "COALESCED", "BLOCK" */
  TM_ATTR_NSW, TM_ATTR_NUW,
  TM_ATTR_KIND,                        /* descriptor_reduce: see tm_desc_kind */
  TM_ATTR_PACK,                        /* map_elementwise: elements a call */
  TM_ATTR_COUNT,                       /* shared_alloc: elements */
  TM_ATTR_K_ORDER,                     /* ours, dot: a tm_k_order */
  TM_ATTR_TENSOR,                      /* ours, dot: for matmul2d */
  TM_ATTRS
} tm_attr_key;

typedef enum tm_attr_kind {
  TM_ATTR_INT, TM_ATTR_FLOAT, TM_ATTR_TEXT, TM_ATTR_INTS, TM_ATTR_UNIT
} tm_attr_kind;

typedef struct tm_attr {
  tm_attr_key key;
  tm_attr_kind kind;
  int64_t i;         /* INT; for constants: sign-extended bits of the type */
  double f;          /* FLOAT: exact in the type of the value */
  const char *text;  /* TEXT */
  const int64_t *ints;
  uint32_t n_ints;
} tm_attr;

/* MLIR's arith predicates, by their numbers. */
typedef enum tm_cmpi {
  TM_CMPI_EQ, TM_CMPI_NE, TM_CMPI_SLT, TM_CMPI_SLE, TM_CMPI_SGT, TM_CMPI_SGE,
  TM_CMPI_ULT, TM_CMPI_ULE, TM_CMPI_UGT, TM_CMPI_UGE
} tm_cmpi;
typedef enum tm_cmpf {
  TM_CMPF_FALSE, TM_CMPF_OEQ, TM_CMPF_OGT, TM_CMPF_OGE, TM_CMPF_OLT,
  TM_CMPF_OLE, TM_CMPF_ONE, TM_CMPF_ORD, TM_CMPF_UEQ, TM_CMPF_UGT,
  TM_CMPF_UGE, TM_CMPF_ULT, TM_CMPF_ULE, TM_CMPF_UNE, TM_CMPF_UNO,
  TM_CMPF_TRUE
} tm_cmpf;
/* tt.atomic_rmw, by upstream's numbers (and 1, or 2, ...). */
typedef enum tm_rmw {
  TM_RMW_AND = 1, TM_RMW_OR, TM_RMW_XOR, TM_RMW_ADD, TM_RMW_FADD, TM_RMW_MAX,
  TM_RMW_MIN, TM_RMW_UMAX, TM_RMW_UMIN, TM_RMW_XCHG
} tm_rmw;

/* tt.descriptor_reduce, by upstream's numbers. */
typedef enum tm_desc_kind {
  TM_DESC_ADD = 1, TM_DESC_MIN, TM_DESC_MAX, TM_DESC_INC, TM_DESC_DEC,
  TM_DESC_AND, TM_DESC_OR, TM_DESC_XOR
} tm_desc_kind;

/* ---- the arrays ------------------------------------------------------- */

typedef struct tm_value_data {
  tm_type type;
  tm_inst def;       /* the instruction whose result it is, or 0 */
  tm_block block;    /* the block whose argument it is, or 0 */
  uint32_t index;    /* which result or argument */
  tm_name name;      /* of the source variable, for readable output; or NULL */
  bool is_apart;     /* rounded before it is used: no part of a contraction */
} tm_value_data;

typedef struct tm_inst_data {
  tm_op op;
  tm_block block;    /* the block it is in; 0: removed */
  tm_inst prev, next;
  tm_value *operands;
  uint32_t n_operands;
  tm_value results;  /* first of n_results consecutive values */
  uint32_t n_results;
  tm_block *regions; /* one block each */
  uint32_t n_regions;
  tm_attr *attrs;
  uint32_t n_attrs;
  tm_loc loc;
} tm_inst_data;

typedef struct tm_block_data {
  tm_inst first, last;
  tm_value *args;    /* not necessarily consecutive */
  uint32_t n_args;
  tm_inst parent;    /* the instruction it is a region of; 0: function body */
  uint32_t func;     /* index into tm_ir.funcs */
} tm_block_data;

/* What is promised of a parameter, from its specialization. */
typedef struct tm_param {
  tm_name name;
  tm_type type;
  uint32_t divisibility; /* tt.divisibility; 0: nothing is known */
  tm_value value;        /* the body block's argument */
} tm_param;

typedef struct tm_func {
  tm_name name;
  bool is_public;        /* a kernel */
  bool noinline;
  bool may_overlap;      /* buffers given to it may share memory */
  TM_VEC(tm_param) params;
  TM_VEC(tm_type) results;
  tm_block body;
  tm_loc loc;
} tm_func;

typedef struct tm_ir {
  tm_arena *arena;
  tm_names names;
  TM_VEC(tm_value_data) values; /* [0] is unused in each */
  TM_VEC(tm_inst_data) insts;
  TM_VEC(tm_block_data) blocks;
  TM_VEC(tm_func) funcs;
  struct tm_type_table *types;
  uint32_t asked_warps; /* num_warps that compile-time code has asked for and
                           may rely on; 0: it has not */
} tm_ir;

/* An empty module in the arena. */
tm_ir *tm_ir_create(tm_arena *arena);

tm_type tm_type_scalar(tm_ir *ir, tm_scalar scalar);
tm_type tm_type_pointer(tm_ir *ir, tm_type pointee, uint32_t address_space);
tm_type tm_type_tensor(tm_ir *ir, tm_type element, uint32_t rank,
                       const int64_t *shape);
tm_type tm_type_descriptor(tm_ir *ir, tm_type tensor);
/* The same shape as t (scalar if t is not a tensor), another element. */
tm_type tm_type_like(tm_ir *ir, tm_type t, tm_type element);
void tm_type_print(tm_buf *out, tm_type t);

/* ---- building (build.c) ----------------------------------------------- */

/* Where new instructions go: before `before`, or at the end of block when it
 * is 0. loc is given to each. Copyable. */
typedef struct tm_builder {
  tm_ir *ir;
  tm_block block;
  tm_inst before;
  tm_loc loc;
} tm_builder;

tm_builder tm_build_at_end(tm_ir *ir, tm_block block);
tm_builder tm_build_before(tm_ir *ir, tm_inst inst);
tm_builder tm_build_after(tm_ir *ir, tm_inst inst);

/* Adds a function with an empty body block and arguments for its params. */
uint32_t tm_ir_add_func(tm_ir *ir, const char *name, bool is_public);
tm_value tm_func_add_param(tm_ir *ir, uint32_t func, const char *name,
                           tm_type type, uint32_t divisibility);

tm_block tm_ir_new_block(tm_ir *ir);
tm_value tm_block_add_arg(tm_ir *ir, tm_block block, tm_type type);

/* How instructions with regions are laid out:
 *   scf.for    operands lower bound, upper bound, step, initial values...;
 *              block arguments induction variable, carried values...;
 *              ends in scf.yield with the next carried values
 *   scf.if     operand condition; always two blocks (tm_build makes an empty
 *              one with scf.yield where regions gives 0 or only one)
 *   scf.while  operands initial values; block 0 takes them as arguments and
 *              ends in scf.condition(condition, values...), block 1 takes
 *              those values and ends in scf.yield; results: those values
 *   tt.reduce, tt.scan   operands tensors; block arguments: the accumulated
 *              elements, then the new ones; ends in tt.reduce.return
 * Optional operands are told apart by count: tt.load ptr [mask [other]],
 * tt.store ptr value [mask], tt.atomic_rmw ptr value [mask], tt.atomic_load
 * ptr [mask], tt.atomic_store ptr value [mask], tt.histogram x [mask]. make_tensor_ptr: base, shape..., strides..., offsets...;
 * make_tensor_descriptor: base, shape..., strides...; advance: pointer,
 * offsets...; descriptor_load: descriptor, indices...; descriptor_store and
 * _reduce: descriptor, value, indices...; descriptor_gather: descriptor, x
 * offsets, y offset; descriptor_scatter: those, then the value.
 * map_elementwise with pack p: p elements of each tensor as arguments, p of
 * each result returned. dot_scaled: a, b, c, then a's and b's scales as
 * TM_ATTR_SEGMENTS says.
 */

/* The general door: types gives the n_results result types (NULL: the op's
 * type rule gives them; assert that it can). Operand, region and attribute
 * arrays are copied; each region block's parent is set. */
tm_inst tm_build(tm_builder *b, tm_op op, uint32_t n_operands,
                 const tm_value *operands, uint32_t n_results,
                 const tm_type *types, uint32_t n_regions,
                 const tm_block *regions, uint32_t n_attrs,
                 const tm_attr *attrs);

/* Shorthands; result types by rule, or as given. */
tm_value tm_build1(tm_builder *b, tm_op op, tm_value x);
tm_value tm_build2(tm_builder *b, tm_op op, tm_value x, tm_value y);
tm_value tm_build3(tm_builder *b, tm_op op, tm_value x, tm_value y,
                   tm_value z);
tm_value tm_build_to(tm_builder *b, tm_op op, tm_value x, tm_type to); /* casts,
                   splat, broadcast, reshape, bitcast, fp_to_fp, ... */
/* Constants; of a tensor type, all elements are it. Integers wrap to the
 * type (i1 true is -1), floats are rounded to it. */
tm_value tm_build_int(tm_builder *b, tm_type type, int64_t value);
tm_value tm_build_float(tm_builder *b, tm_type type, double value);
tm_value tm_build_cmpi(tm_builder *b, tm_cmpi p, tm_value x, tm_value y);
tm_value tm_build_cmpf(tm_builder *b, tm_cmpf p, tm_value x, tm_value y);

static inline tm_attr tm_attr_int(tm_attr_key key, int64_t i) {
  return (tm_attr){.key = key, .kind = TM_ATTR_INT, .i = i};
}
static inline tm_attr tm_attr_text(tm_attr_key key, const char *text) {
  return (tm_attr){.key = key, .kind = TM_ATTR_TEXT, .text = text};
}

/* ---- reading and changing (edit.c) ------------------------------------ */

static inline tm_value_data *tm_val(const tm_ir *ir, tm_value v) {
  return &ir->values.data[v];
}
static inline tm_inst_data *tm_get(const tm_ir *ir, tm_inst i) {
  return &ir->insts.data[i];
}
static inline tm_block_data *tm_blk(const tm_ir *ir, tm_block b) {
  return &ir->blocks.data[b];
}
static inline tm_type tm_type_of(const tm_ir *ir, tm_value v) {
  return ir->values.data[v].type;
}
/* NULL when absent. */
const tm_attr *tm_inst_attr(const tm_ir *ir, tm_inst inst, tm_attr_key key);
int64_t tm_inst_int(const tm_ir *ir, tm_inst inst, tm_attr_key key,
                    int64_t otherwise);
void tm_inst_set_attr(tm_ir *ir, tm_inst inst, tm_attr attr);
/* The constant integer (or i1) that v is, through splats. */
bool tm_value_const_int(const tm_ir *ir, tm_value v, int64_t *out);
bool tm_value_const_float(const tm_ir *ir, tm_value v, double *out);
void tm_inst_remove(tm_ir *ir, tm_inst inst);      /* unlinks; must be unused */
void tm_inst_move(tm_ir *ir, tm_inst inst, tm_builder to);
/* Rewrites every use in the function of `from` to `to`. */
void tm_value_replace(tm_ir *ir, tm_value from, tm_value to);
/* Rewrites every use of v < n with map[v] != 0 to map[v], and on while that
 * is mapped too. One sweep for many replacements; map has no cycles. */
void tm_ir_replace_values(tm_ir *ir, const tm_value *map, uint32_t n);
/* uses[v]: how many operands name v. ir->values.len entries, arena memory. */
uint32_t *tm_ir_count_uses(tm_ir *ir);
/* The kernel: index of the only public function; UINT32_MAX if not one. */
uint32_t tm_ir_kernel(const tm_ir *ir);
/* True when inst is inside block, at any depth. */
bool tm_inst_is_inside(const tm_ir *ir, tm_inst inst, tm_block block);

/* Copies (clone.c). map: old value -> new value, extended with what is
 * copied; depth 0 from outside. tm_ir_clone_block copies the instructions of
 * `from` to where b is, its terminator only if asked. */
tm_value tm_ir_mapped(const tm_map *map, tm_value v);
tm_inst tm_ir_clone_inst(tm_builder *b, tm_inst from, tm_map *map,
                         uint32_t depth);
void tm_ir_clone_block(tm_builder *b, tm_block from, tm_map *map,
                       bool terminator, uint32_t depth);

#define TM_EACH_INST(ir, inst, b)                              \
  for (tm_inst inst = tm_blk(ir, b)->first, inst##_next;       \
       inst && (inst##_next = tm_get(ir, inst)->next, 1); inst = inst##_next)

/* ---- text (print.c, irparse.c) and checking (verify.c) ------------------ */

/* MLIR text that upstream's parser and verifier accept. */
void tm_ir_print(const tm_ir *ir, tm_buf *out);
/* Reads that text, ours or upstream's. NULL with errors in diags. */
tm_ir *tm_ir_parse(tm_arena *arena, tm_diags *diags, uint32_t file);
/* Every broken rule as an INTERNAL error at its place; true when none.
 * after names the pass that ran last, for the message. */
bool tm_ir_verify(const tm_ir *ir, tm_diags *diags, const char *after);

#endif
