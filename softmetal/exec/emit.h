/* SPDX-License-Identifier: MIT */
/*
 * emit.h - from a checked kernel to LLVM IR that runs a whole simdgroup.
 *
 * Values. Every value is taken apart into leaves: scalars, pointers and
 * fragments. A leaf has one of these forms:
 *
 *   UNI   one scalar, the same in all lanes (a fragment: its 64 elements)
 *   LIN   base + sum over the five bits b of the lane number of
 *         bit_b(lane) * coef[b]; base and coefficients are scalars. Lane
 *         numbers, their multiples, halves and masked parts, and addresses
 *         made of them stay in this form, which is what makes memory
 *         accesses contiguous.
 *   VAR   a vector of 32
 *   PLACE a pointer or reference to a local variable, known while emitting
 *
 * A LIN leaf is exact when base + lane part cannot wrap in its type. Where
 * an inexact one is widened to an address, a uniform check (guard) is made
 * instead of a proof, and the lane-by-lane value is kept beside it (alt).
 *
 * Masks. e->exec holds the lanes that execute here. Code for which no lane
 * executes is always branched around, so a uniform access is always made by
 * some lane. e->level counts enclosing divergent regions; an assignment
 * blends with the old value only if the variable is of an outer level.
 *
 * bfloat values are floats that are exactly representable; bool is i1 in
 * values and a byte in memory.
 */
#ifndef SM_EMIT_H
#define SM_EMIT_H

#include "frame.h"
#include "llvm.h"

typedef LLVMValueRef sm_val;
typedef LLVMTypeRef sm_ty;

typedef enum sm_form { SM_UNI, SM_LIN, SM_VARYING, SM_PLACE } sm_form;

#define SM_HI_UNKNOWN UINT64_MAX

typedef struct sm_leaf {
  sm_form form;
  bool exact;     /* LIN: does not wrap */
  uint8_t zeros;  /* UNI, LIN: low bits of the base known to be zero */
  int8_t root;    /* pointers: buffer it comes from, or -1; below: a
                     threadgroup variable (emit_watch.c) */
  uint64_t hi;    /* integers: 0 <= value <= hi; SM_HI_UNKNOWN */
  sm_val v;       /* UNI: scalar; LIN: base; VAR: vector */
  sm_val coef[5]; /* LIN; NULL is zero */
  sm_val guard;   /* LIN: i1, the form holds; NULL: always */
  sm_val alt;     /* with guard: the value as VAR */
  sm_val all;     /* VAR of bool: i1; set: all lanes are true; or NULL */
  sm_val none;    /* with all: i1; set: no lane is true */
  const struct sm_compared *compared; /* VAR of bool: what v came from, to be
                     computed again where it is needed; or NULL */
  struct sm_place *place;
} sm_leaf;

typedef struct sm_compared { /* a op b of scalar type s */
  sm_op op;
  sm_scalar s;
  sm_leaf a, b;
} sm_compared;

typedef struct sm_value {
  const sm_type *type;
  uint32_t n;
  sm_leaf *leaf;
} sm_value;

/* How a variable is kept; see uniform.c. */
typedef enum sm_class {
  SM_C_NONE,
  SM_C_BOUND,   /* never changes: the value itself */
  SM_C_UNIFORM, /* memory of one value per leaf */
  SM_C_STEP,    /* first value plus a uniform delta */
  SM_C_VARYING  /* memory of 32 values per leaf */
} sm_class;

typedef struct sm_state { /* of a variable while it is in scope */
  sm_class kind;
  const sm_var *var;
  int level;              /* e->level at its declaration */
  sm_value value;         /* BOUND; STEP: the first value */
  sm_val memory;          /* UNIFORM, VARYING: bytes; STEP: delta */
  struct sm_place *place; /* references */
} sm_state;

typedef enum sm_place_kind { SM_P_MEMORY, SM_P_SLOT, SM_P_VALUE }
    sm_place_kind;

typedef struct sm_place { /* an lvalue */
  sm_place_kind kind;
  const sm_type *type;
  sm_leaf pointer;   /* MEMORY */
  sm_space space;    /* MEMORY */
  sm_state *state;   /* SLOT */
  uint32_t offset;   /* SLOT: bytes; VALUE: first leaf */
  sm_val index;      /* SLOT: more bytes, i64 or <32 x i64>; or NULL */
  bool index_varies;
  sm_value value;    /* VALUE */
  uint8_t swizzle[4], swizzle_len; /* of a vector; type is the result's */
  const sm_type *vector;           /* with swizzle: the vector's type */
  bool is_element;   /* thread_elements() of a fragment */
  sm_leaf element;   /* which */
} sm_place;

typedef struct sm_inline { /* a function being emitted in line */
  const sm_function *function;
  struct sm_inline *caller;
  int level;
  sm_val returned;   /* mask in memory; NULL: no divergent return */
  LLVMBasicBlockRef exit;
  sm_state result;
  bool has_result, direct; /* direct: one return, at the end */
  sm_value value;
} sm_inline;

typedef struct sm_loop { /* a loop or switch */
  struct sm_loop *outer;
  bool is_switch;
  int level;             /* of its body */
  sm_val continued;      /* mask in memory; NULL: none diverges */
  LLVMBasicBlockRef exit, latch;
} sm_loop;

/* Facts that uniform.c finds out about statements and functions. */
enum {
  SM_F_DIVERGENT = 1,     /* loop or switch: lanes leave at different times */
  SM_F_CONTINUES = 2,     /* loop: some lanes continue in it */
  SM_F_RETURNS = 4        /* function: some lanes return early */
};

typedef struct sm_emit {
  tm_arena *arena;
  const sm_program *program;
  const sm_function *kernel;
  const sm_code_options *options;
  sm_code_info *info;
  char *error;            /* malloc'ed */
  LLVMContextRef context;
  LLVMModuleRef module;
  LLVMBuilderRef b;
  sm_val function, frame;
  LLVMBasicBlockRef entry; /* allocas go here */
  sm_ty i1, i8, i16, i32, i64, f16, f32, ptr, void_type;
  sm_val exec;            /* mask in memory */
  int level;
  bool killed;            /* lanes may have left since the block began */
  bool continued;         /* some of them by a continue */
  bool wide;              /* masked accesses are cheap (AVX-512) */
  bool line;              /* emitting sm_kernel_line: all lanes exist */
  bool has_barrier;
  bool large;             /* sm_is_large */
  uint64_t local_bytes;   /* of allocas */
  sm_meta meta;           /* as it was emitted */
  sm_class *classes;      /* by variable id */
  bool *result_varies;    /* by function index */
  tm_map facts;           /* SM_F_ flags by statement or function */
  sm_state **states;      /* by variable id */
  sm_inline *inlined;
  sm_loop *loop;
  sm_val scratch_pointers, scratch_data, scratch_data2, scratch_extra;
  sm_val scratch_result, scratch_lanes, scratch_values;
  uint32_t access_align;  /* of the next sm_check_access; 0: 1 */
  struct { uint32_t at, size; } ranges[120]; /* threadgroup variables */
  uint32_t n_ranges;
  uint32_t depth;
  uint32_t size;          /* statements emitted, to bound unrolling */
  sm_val entry_mask;      /* lanes that exist */
  bool discard, dropped;  /* the expression's value is not used */
  bool precise;           /* of the library call being emitted */
} sm_emit;

/* ---- uniform.c -------------------------------------------------------- */

/* Fills classes, result_varies and facts. */
void sm_uniform_analyze(sm_emit *e);
uint32_t sm_fact(const sm_emit *e, const void *node);
/* Index of a function in the program, for result_varies. */
uint32_t sm_function_index(const sm_emit *e, const sm_function *function);

/* ---- code_compile.c --------------------------------------------------- */

/* Stops compilation with a message; does not return. */
void sm_emit_fail(sm_emit *e, tm_loc loc, const char *fmt, ...)
    TM_PRINTF(3, 4) TM_NORETURN;

/* ---- emit_leaf.c: types, constants, forms ----------------------------- */

sm_ty sm_scalar_type(sm_emit *e, sm_scalar s);  /* of values */
sm_ty sm_vector_type(sm_ty element, unsigned n);
unsigned sm_scalar_bytes(sm_scalar s);
bool sm_is_float(sm_scalar s);
bool sm_is_signed(sm_scalar s);
unsigned sm_scalar_bits(sm_scalar s);

sm_val sm_int(sm_emit *e, sm_ty type, uint64_t value);
sm_val sm_i32(sm_emit *e, uint32_t value);
sm_val sm_i64(sm_emit *e, uint64_t value);
sm_val sm_splat(sm_emit *e, sm_val scalar);           /* to 32 */
sm_val sm_splat_n(sm_emit *e, sm_val scalar, unsigned n);
sm_val sm_shuffle(sm_emit *e, sm_val a, sm_val b, const int *mask,
                  unsigned n);
sm_val sm_lanes(sm_emit *e, sm_ty type, uint64_t start, uint64_t step);
bool sm_const_int(sm_val v, int64_t *out); /* a constant integer? */
enum { SM_MOST_CALL_ARGS = 12 }; /* of the two below; more is refused */
sm_val sm_intrinsic(sm_emit *e, const char *name, sm_ty *types, unsigned n,
                    sm_val *args, unsigned n_args);
sm_val sm_intrinsic1(sm_emit *e, const char *name, sm_val a);
sm_val sm_intrinsic2(sm_emit *e, const char *name, sm_val a, sm_val b);
sm_val sm_runtime(sm_emit *e, const char *name, sm_ty result, sm_val *args,
                  unsigned n);
sm_val sm_alloca(sm_emit *e, sm_ty type, uint64_t bytes); /* zero-based */
sm_val sm_at(sm_emit *e, sm_val pointer, sm_val offset);  /* gep i8 */
LLVMBasicBlockRef sm_block(sm_emit *e);
void sm_go(sm_emit *e, LLVMBasicBlockRef block);  /* br, then continue there */
void sm_here(sm_emit *e, LLVMBasicBlockRef block);/* continue there */
bool sm_ended(sm_emit *e);                        /* block has terminator */

sm_val sm_mask_of(sm_emit *e, sm_val bits); /* i32 to a mask */
sm_leaf sm_leaf_uni(sm_val v);
sm_leaf sm_leaf_var(sm_val v);
sm_val sm_vec(sm_emit *e, const sm_leaf *leaf);  /* any form as vector */
bool sm_all_uniform(const sm_leaf *a, const sm_leaf *b);
sm_leaf sm_leaf_int(sm_emit *e, sm_scalar s, uint64_t value);

sm_leaf sm_leaf_binary(sm_emit *e, sm_op op, sm_scalar s, sm_leaf a,
                       sm_leaf b);
sm_leaf sm_leaf_compare(sm_emit *e, sm_op op, sm_scalar s, sm_leaf a,
                        sm_leaf b);
/* A condition of which not all lanes agree: v is computed here, so that it
 * costs nothing where they do. */
sm_leaf sm_leaf_mixed(sm_emit *e, sm_leaf condition);
sm_leaf sm_leaf_unary(sm_emit *e, sm_op op, sm_scalar s, sm_leaf a);
sm_leaf sm_leaf_cast(sm_emit *e, sm_scalar to, sm_scalar from, sm_leaf a);
sm_leaf sm_leaf_select(sm_emit *e, sm_leaf c, sm_leaf a, sm_leaf b);
/* The address in a pointer, as a ulong, and the reverse. */
sm_leaf sm_pointer_number(sm_emit *e, sm_leaf pointer);
sm_leaf sm_number_pointer(sm_emit *e, sm_leaf number);
/* pointer + index * size; index of scalar type s */
sm_leaf sm_leaf_address(sm_emit *e, sm_leaf pointer, sm_leaf index,
                        sm_scalar s, int64_t size);
sm_val sm_round_bfloat(sm_emit *e, sm_val floats);
sm_leaf sm_leaf_bits(sm_emit *e, sm_leaf a, sm_scalar s);     /* to integer */
sm_leaf sm_leaf_unbits(sm_emit *e, sm_leaf a, sm_scalar s);   /* from it */

/* ---- emit_memory.c: places -------------------------------------------- */

uint32_t sm_leaf_count(sm_emit *e, const sm_type *type);
/* The member whose leaves are the union's value; NULL: it has none. */
const sm_type *sm_union_whole(sm_emit *e, const sm_type *t);
sm_value sm_value_new(sm_emit *e, const sm_type *type);
uint64_t sm_slot_size(sm_emit *e, const sm_type *type, bool varying);
/* Byte offset of a member in a local variable. */
uint64_t sm_slot_member(sm_emit *e, const sm_type *type, uint32_t member,
                        bool varying);
uint32_t sm_member_leaf(sm_emit *e, const sm_type *type, uint32_t member);
sm_val sm_exec(sm_emit *e);                  /* current mask */
bool sm_exec_is_full(const sm_emit *e);      /* known while emitting */
sm_val sm_mask_bits(sm_emit *e, sm_val mask);/* as i32 */
sm_val sm_any(sm_emit *e, sm_val mask);      /* i1 */
sm_value sm_place_read(sm_emit *e, const sm_place *place, tm_loc loc);
void sm_place_write(sm_emit *e, const sm_place *place, sm_value value,
                    tm_loc loc);
sm_val sm_pointers_store(sm_emit *e, const sm_leaf *pointer);
void sm_note_access(sm_emit *e, const sm_leaf *pointer, sm_space space,
                    bool write);
/* First active lane of a leaf as a scalar. */
sm_val sm_first(sm_emit *e, const sm_leaf *leaf);
sm_place *sm_place_copy(sm_emit *e, const sm_place *place);
sm_state *sm_state_new(sm_emit *e, const sm_var *var, const sm_type *type,
                       sm_class kind);
sm_place sm_state_place(sm_emit *e, sm_state *state, const sm_type *type);

/* ---- emit_watch.c: SOFTMETAL_CHECK and SOFTMETAL_COUNTERS ------------- */

/* Before every access of memory that is not the thread's own. */
void sm_check_access(sm_emit *e, const sm_leaf *pointer, sm_space space,
                     uint32_t bytes, uint32_t flags, tm_loc loc);
/* The root of pointers into a threadgroup variable, for its bounds. size
 * UINT32_MAX: [[threadgroup(at)]]. */
int8_t sm_watch_variable(sm_emit *e, uint32_t at, uint32_t size);
/* sm_is_pure, and under checks nothing in it that is checked: what only some
 * lanes ask for must then be evaluated for those alone. */
bool sm_may_speculate(const sm_emit *e, const sm_expr *x);
/* After every expression. */
void sm_watch_value(sm_emit *e, const sm_expr *x, const sm_value *v);
/* Before x divides by divisor, of scalar type s. */
/* x is an SM_INDEX or SM_ELEMENT_OF. */
void sm_watch_index(sm_emit *e, const sm_expr *x, const sm_leaf *index,
                    uint32_t elements);
void sm_watch_divisor(sm_emit *e, const sm_expr *x, const sm_value *divisor,
                      sm_scalar s);
/* Before lanes store an element each, `offset` bytes behind pointer. */
void sm_watch_store(sm_emit *e, const sm_leaf *pointer, uint32_t offset,
                    sm_val values, tm_loc loc);
/* Before a shuffle; move as in watch.h. */
void sm_watch_shuffle(sm_emit *e, tm_loc loc, uint32_t move, uint32_t width,
                      const sm_leaf *by);
/* After a threadgroup barrier and at a fence; flags are mem_flags. */
void sm_watch_barrier(sm_emit *e, uint32_t flags);
void sm_watch_fence(sm_emit *e, uint32_t flags);

/* ---- emit_expr.c ------------------------------------------------------ */

sm_value sm_emit_value(sm_emit *e, const sm_expr *x);
sm_place sm_emit_place(sm_emit *e, const sm_expr *x);
/* The value that a kernel parameter starts with. */
sm_value sm_emit_input(sm_emit *e, const sm_var *var);
bool sm_is_pure(const sm_expr *x);
/* A field of the frame, which does not change while the kernel runs. */
sm_val sm_frame_field(sm_emit *e, sm_ty type, size_t offset);

/* ---- emit_stmt.c ------------------------------------------------------ */

void sm_emit_stmt(sm_emit *e, const sm_stmt *s);
/* The body of the kernel, masks set up by the caller. */
void sm_emit_kernel_body(sm_emit *e);
sm_value sm_emit_call(sm_emit *e, const sm_expr *x);
void sm_emit_declare(sm_emit *e, const sm_var *var, const sm_value *init);

/* Emits then and otherwise (may be NULL) under a varying or uniform
 * condition. Used for statements and for expressions that must not be
 * evaluated by all lanes. */
typedef void sm_part(sm_emit *e, void *data);
void sm_emit_if(sm_emit *e, sm_leaf condition, sm_part *then,
                sm_part *otherwise, void *data, bool escapes);

/* ---- emit_shape.c ----------------------------------------------------- */

enum { SM_MOST_STATEMENTS = 60000 }; /* after inlining and unrolling */

typedef struct sm_counted { /* for (i = first; i < last; i += by) */
  const sm_var *var;
  int64_t first, last, by;
  sm_op compare;
  int64_t trips;
} sm_counted;

/* The loop's trips are known and it is better written out; fills c. */
bool sm_should_unroll(sm_emit *e, const sm_stmt *s, sm_counted *c);
/* Written out, the kernel would take seconds to compile. */
bool sm_is_large(sm_emit *e);
/* A loop so small that its body may be emitted twice: once more for the trips
 * that all lanes make. */
bool sm_is_small_loop(sm_emit *e, const sm_stmt *s);
/* What s becomes is small enough to be emitted twice, once for the case that
 * all lanes take part. */
bool sm_is_worth_two(sm_emit *e, struct sm_stmt *const *list, uint32_t n);
bool sm_mentions(struct sm_stmt *const *list, uint32_t n, const sm_var *v);
/* The bodies of this if statement are so cheap, and so harmless to lanes
 * that do not take part, that no branch around them is needed. */
bool sm_is_straight(sm_emit *e, const sm_stmt *s);

/* ---- emit_region.c ---------------------------------------------------- */

/* Turns functions with calls of sm_rt_barrier, for a simdgroup each, into
 * functions that run a whole threadgroup. They must be verified LLVM, locals
 * in registers where possible. Returns the bytes that they keep for each
 * simdgroup; 0: they are left as coroutines. */
uint32_t sm_form_regions(sm_emit *e, sm_val *functions, uint32_t n,
                         LLVMTargetDataRef layout);

/* ---- emit_log.c ------------------------------------------------------- */

sm_value sm_emit_log(sm_emit *e, const sm_expr *x);

/* ---- emit_builtin.c, emit_math.c, emit_group.c ------------------------ */

sm_value sm_emit_builtin(sm_emit *e, const sm_expr *x);
/* Math on a float leaf of any width; NULL-free. */
sm_leaf sm_math(sm_emit *e, sm_builtin which, sm_scalar s,
                const sm_leaf *args);
bool sm_is_math(sm_builtin which);
sm_value sm_emit_group(sm_emit *e, const sm_expr *x);
bool sm_is_group(sm_builtin which);
/* Products of simdgroup matrices that can share a call do so, in all
 * functions of the module; after LLVM's passes. (emit_join.c) */
void sm_join_products(sm_emit *e);

/* Divisions and roots of vectors whose lanes are all equal become scalar ones,
 * in all functions of the module; before regions are formed, and again after
 * LLVM's passes. (emit_same.c) */
void sm_compute_once(sm_emit *e);
bool sm_is_op(sm_val v, LLVMOpcode op);
typedef struct sm_element {
  sm_val vector;
  int lane; /* negative: of no meaning */
} sm_element;
/* Where element i of v comes from, behind shuffles. */
sm_element sm_source(sm_val v, int i);

/* Halves that a fragment takes from memory's order are left in it; after
 * LLVM's passes. (emit_pair.c) */
void sm_pair_halves(sm_emit *e);

/* A function of rt_matrix.c for this CPU, without its prefix and form; the
 * second is NULL before the first call. (emit_matrix.c) */
void sm_matrix_call(sm_emit *e, const char *name, sm_val *args, unsigned n);
sm_val sm_matrix_function(sm_emit *e, const char *name);

/* Functions of simdgroup matrices. (emit_matrix.c) */
sm_value sm_emit_matrix(sm_emit *e, const sm_expr *x);
/* thread_elements()[i] of fragment f; and f with element i replaced. */
sm_val sm_fragment_element(sm_emit *e, sm_val fragment, unsigned i);
sm_val sm_fragment_insert(sm_emit *e, sm_val fragment, unsigned i,
                          sm_val lanes);

#define OP1(op, a) LL.Build##op(e->b, (a), "")
#define OP2(op, a, b_) LL.Build##op(e->b, (a), (b_), "")
#define ICMP(p, a, b_) LL.BuildICmp(e->b, LLVMInt##p, (a), (b_), "")
#define FCMP(p, a, b_) LL.BuildFCmp(e->b, LLVMReal##p, (a), (b_), "")
#define SELECT(c, a, b_) LL.BuildSelect(e->b, (c), (a), (b_), "")
#define CONVERT(op, a, type) LL.Build##op(e->b, (a), (type), "")

#endif
