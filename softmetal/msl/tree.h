/* SPDX-License-Identifier: MIT */
/*
 * tree.h - a checked MSL program: what the front end hands to the emitter.
 *
 * The front end (lexer, preprocessor, parser, checker; softmetal/msl) reads
 * MSL text and either reports errors or makes an sm_program in which nothing
 * is left to decide:
 *   - every expression has a type; every conversion is an SM_CAST node and
 *     every read of an object is an SM_READ node over an lvalue;
 *   - every name is bound to an sm_var, every call to an sm_function or to
 *     one row of builtins.def with exact operand types;
 *   - templates of the standard library (vec<T,n>, simdgroup_matrix<...>,
 *     as_type<T>, make_filled_...) are spelt out as types and builtins;
 *   - constant expressions that the language needs (array sizes, attribute
 *     arguments, case labels, constexpr variables) are evaluated.
 * The emitter (softmetal/exec) never reports an error about the language.
 *
 * Conventions that the emitter may rely on:
 *   - an argument for a reference parameter, and the init of a reference
 *     variable, is an lvalue of the referred type, in the reference's space;
 *   - arrays decay to SM_ADDRESS of SM_INDEX of element 0; a null pointer is
 *     SM_CAST of an integer literal 0;
 *   - packed vectors are SM_CAST to the unpacked type before arithmetic;
 *   - the operands of SM_MUL may be matrix x matrix, matrix x vector, vector
 *     x matrix, matrix x scalar and scalar x matrix; all other arithmetic is
 *     on equal types;
 *   - simd_vote and quad_vote are structs of one ulong.
 *
 * All memory is the arena's that the program was parsed into.
 */
#ifndef SM_TREE_H
#define SM_TREE_H

#include "../../lib/base/base.h"

/* ---- types -------------------------------------------------------------- */

typedef enum sm_scalar {
  SM_VOID, SM_BOOL, SM_CHAR, SM_UCHAR, SM_SHORT, SM_USHORT, SM_INT, SM_UINT,
  SM_LONG, SM_ULONG, SM_HALF, SM_BFLOAT, SM_FLOAT,
  SM_SCALARS
} sm_scalar;

typedef enum sm_space {
  SM_THREAD, SM_DEVICE, SM_CONSTANT, SM_THREADGROUP
} sm_space;

typedef enum sm_type_kind {
  SM_T_SCALAR,    /* scalar */
  SM_T_VECTOR,    /* scalar x count (2, 3, 4); packed: no padding */
  SM_T_MATRIX,    /* count columns of `rows` elements of scalar */
  SM_T_FRAGMENT,  /* simdgroup_matrix<scalar, 8, 8> */
  SM_T_ATOMIC,    /* atomic<scalar>; atomic_int, ... */
  SM_T_STRUCT,    /* members */
  SM_T_ARRAY,     /* element, count */
  SM_T_POINTER,   /* element, space */
  SM_T_REFERENCE, /* element, space; only on variables and parameters */
  SM_T_ENUM       /* scalar is the underlying type */
} sm_type_kind;

/* Types are unique within a program: equal types are equal pointers. */
typedef struct sm_type {
  sm_type_kind kind;
  sm_scalar scalar;
  uint32_t count, rows;
  bool packed;
  bool is_const, is_volatile; /* of the pointee, on pointers, references */
  sm_space space;             /* of the pointee, on pointers, references */
  const struct sm_type *element;
  struct sm_struct *structure;
  uint32_t size, align;       /* bytes, as METAL-FACTS 3.3 gives them */
  const char *spelling;       /* as diagnostics show it */
} sm_type;

typedef struct sm_member {
  tm_name name;    /* NULL: an anonymous struct or union, whose members are
                      found as if they were the outer one's */
  const sm_type *type;
  uint32_t offset; /* bytes */
} sm_member;

typedef struct sm_struct {
  tm_name name;
  TM_VEC(sm_member) members;
  bool is_union;
} sm_struct;

/* ---- variables and functions -------------------------------------------- */

typedef enum sm_builtin_input { /* [[...]] attributes of kernel parameters */
  SM_IN_NONE,
  SM_IN_THREAD_POSITION_IN_GRID, SM_IN_THREAD_POSITION_IN_THREADGROUP,
  SM_IN_THREADGROUP_POSITION_IN_GRID, SM_IN_THREADS_PER_THREADGROUP,
  SM_IN_DISPATCH_THREADS_PER_THREADGROUP, SM_IN_THREADS_PER_GRID,
  SM_IN_THREADGROUPS_PER_GRID, SM_IN_THREAD_INDEX_IN_THREADGROUP,
  SM_IN_THREAD_INDEX_IN_SIMDGROUP, SM_IN_SIMDGROUP_INDEX_IN_THREADGROUP,
  SM_IN_SIMDGROUPS_PER_THREADGROUP,
  SM_IN_DISPATCH_SIMDGROUPS_PER_THREADGROUP, SM_IN_THREADS_PER_SIMDGROUP,
  SM_IN_THREAD_INDEX_IN_QUADGROUP, SM_IN_QUADGROUP_INDEX_IN_THREADGROUP,
  SM_IN_QUADGROUPS_PER_THREADGROUP,
  SM_IN_DISPATCH_QUADGROUPS_PER_THREADGROUP, SM_IN_GRID_ORIGIN,
  SM_IN_GRID_SIZE
} sm_builtin_input;

typedef enum sm_var_kind {
  SM_V_LOCAL,            /* thread storage */
  SM_V_THREADGROUP,      /* threadgroup variable of a kernel */
  SM_V_GLOBAL,           /* program-scope constant, with init */
  SM_V_FUNCTION_CONSTANT,/* [[function_constant(index)]] */
  SM_V_PARAM,            /* parameter of an ordinary function */
  SM_V_BUFFER,           /* kernel parameter [[buffer(index)]]: pointer, or
                            reference to one object */
  SM_V_TG_BUFFER,        /* kernel parameter [[threadgroup(index)]] */
  SM_V_INPUT             /* kernel parameter with a built-in attribute */
} sm_var_kind;

/* What os_log.log(...) says; the values are the args of its node. */
typedef enum sm_log_level {
  SM_LOG_DEFAULT, SM_LOG_DEBUG, SM_LOG_INFO, SM_LOG_ERROR, SM_LOG_FAULT
} sm_log_level;

typedef struct sm_log {
  sm_log_level level;
  const char *format;    /* with its escapes undone; its conversions are known
                            to fit the args: see msl_log.c */
  const char *subsystem, *category; /* NULL: os_log_default */
} sm_log;

typedef struct sm_var {
  sm_var_kind kind;
  tm_name name;
  const sm_type *type;
  bool is_const;
  tm_loc loc;
  uint32_t index;            /* buffer, threadgroup or function-constant */
  sm_builtin_input input;
  struct sm_expr *init;      /* locals and globals; NULL: uninitialised */
  const struct sm_var *condition; /* of a kernel's argument: the bool that
                                says whether it is there, or NULL */
  const sm_log *log;         /* of an os_log, which no code can read */
  uint32_t id;               /* unique in the program, dense from 0 */
} sm_var;

typedef struct sm_function {
  tm_name name;              /* as the host asks for it (host_name) */
  const sm_type *result;
  TM_VEC(sm_var *) params;
  struct sm_stmt *body;      /* NULL: declared only, never called */
  bool is_kernel;
  uint32_t max_threads;      /* [[max_total_threads_per_threadgroup]]; 0 */
  uint32_t required_threads[3]; /* [[required_threads_per_threadgroup]]; 0 */
  uint32_t threadgroup_bytes;/* static threadgroup memory, kernels only */
  bool has_barrier;          /* it or a callee reaches a barrier */
  tm_loc loc;
} sm_function;

/* ---- expressions -------------------------------------------------------- */

typedef enum sm_expr_kind {
  /* rvalues */
  SM_LITERAL,   /* scalar constant: i (integers, bool) or f */
  SM_READ,      /* a[0]: the value of an lvalue */
  SM_CAST,      /* a[0] to type: scalar, vector (element-wise), enum, pointer
                   reinterpretation in one space, as C++ static_cast or
                   reinterpret_cast; to void: the value is dropped */
  SM_SPLAT,     /* scalar a[0] to every element of a vector type */
  SM_CONSTRUCT, /* vector, matrix, struct or array from args in order; each
                   vector argument gives its elements in turn; matrix(scalar)
                   is diagonal. Missing struct/array elements are zero */
  SM_UNARY,     /* op: neg, not, bit-not; a[0] */
  SM_BINARY,    /* op; a[0], a[1] of equal type, except shifts, pointer +-
                   integer, and pointer - pointer */
  SM_AND, SM_OR,/* && and ||: short circuit */
  SM_SELECT,    /* a[0] ? a[1] : a[2]; only the taken arm is evaluated */
  SM_COMMA,
  SM_CALL,      /* function, args */
  SM_BUILTIN,   /* builtin, args */
  SM_ASSIGN,    /* lvalue a[0] = a[1]; value: the lvalue (rarely used) */
  SM_COMPOUND,  /* a[0] op= a[1]: arithmetic in operand_type, then converted */
  SM_PRE, SM_POST, /* ++ and --: op is SM_ADD or SM_SUB; a[0] an lvalue */
  SM_ADDRESS,   /* &a[0] */
  SM_ELEMENT_OF,/* a[0] an rvalue vector, a[1] an index: its element */
  SM_SHUFFLE,   /* a[0] an rvalue vector, swizzle: 1 to 4 elements */
  SM_MEMBER_OF, /* a[0] an rvalue struct, member */
  /* lvalues */
  SM_VAR,       /* var; of a reference variable: the object referred to */
  SM_DEREF,     /* *a[0], a pointer rvalue */
  SM_INDEX,     /* a[0][a[1]]: a[0] an lvalue of array, vector or matrix type
                   (pointers become SM_DEREF of SM_BINARY SM_ADD) */
  SM_MEMBER,    /* a[0] an lvalue struct, member */
  SM_SWIZZLE,   /* a[0] an lvalue vector, distinct elements */
  SM_THREAD_ELEMENTS /* a[0] an lvalue fragment, a[1] index:
                        m.thread_elements()[i] */
} sm_expr_kind;

typedef enum sm_op {
  SM_ADD, SM_SUB, SM_MUL, SM_DIV, SM_REM, SM_SHL, SM_SHR,
  SM_BIT_AND, SM_BIT_OR, SM_BIT_XOR,
  SM_EQ, SM_NE, SM_LT, SM_LE, SM_GT, SM_GE, /* give bool or bool vectors */
  SM_NEG, SM_NOT, SM_BIT_NOT
} sm_op;

/* builtins.def rows: SM_BUILTIN_ROW(ID, "name", ...); owned by the front
 * end, which resolves overloads; the emitter switches on the id and looks at
 * the operand types. */
typedef enum sm_builtin {
#define SM_BUILTIN_ROW(id, ...) SM_B_##id,
#include "builtins.def"
#undef SM_BUILTIN_ROW
  SM_BUILTINS
} sm_builtin;

/* precise:: and fast:: qualifications, and what the math mode says of plain
 * calls, are resolved by the front end into this. */
typedef enum sm_precision { SM_PRECISE, SM_FAST } sm_precision;

typedef struct sm_expr {
  sm_expr_kind kind;
  const sm_type *type;        /* of the value, or of the object */
  bool is_lvalue, is_const;   /* is_const: lvalue that cannot be written */
  bool is_volatile;           /* lvalue whose accesses are volatile */
  sm_space space;             /* of lvalues: where the object is */
  tm_loc loc;
  sm_op op;
  struct sm_expr *a[3];
  TM_VEC(struct sm_expr *) args; /* CALL, BUILTIN, CONSTRUCT */
  union {
    uint64_t i;               /* LITERAL of integer or bool type */
    double f;                 /* LITERAL of floating type */
    sm_var *var;
    sm_function *function;
    sm_builtin builtin;
    uint32_t member;          /* index into structure->members */
  } u;
  const sm_type *operand_type;/* COMPOUND: the type op works in */
  const sm_log *log;          /* BUILTIN OS_LOG */
  sm_precision precision;     /* BUILTIN math functions; FAST division */
  bool contract;              /* BINARY +,-: may fuse a product operand */
  uint8_t swizzle[4], swizzle_len;
  uint32_t height;            /* nodes on the longest way down: at most 2000,
                                 so recursion over a tree is safe */
} sm_expr;

/* ---- statements --------------------------------------------------------- */

typedef enum sm_stmt_kind {
  SM_S_EXPR,     /* e */
  SM_S_DECL,     /* var (with var->init) */
  SM_S_BLOCK,    /* body */
  SM_S_IF,       /* e, then body[0], else body[1] or absent */
  SM_S_FOR,      /* init, e (NULL: true), step, body[0]; unroll */
  SM_S_WHILE,    /* e, body[0] */
  SM_S_DO,       /* body[0], e */
  SM_S_SWITCH,   /* e, body of statements with CASE marks among them */
  SM_S_CASE,     /* value, or default if is_default */
  SM_S_BREAK, SM_S_CONTINUE,
  SM_S_RETURN    /* e or NULL */
} sm_stmt_kind;

typedef struct sm_stmt {
  sm_stmt_kind kind;
  tm_loc loc;
  struct sm_expr *e;
  sm_var *var;
  struct sm_stmt *init;
  struct sm_expr *step;
  TM_VEC(struct sm_stmt *) body;
  int64_t value;
  bool is_default;
  int32_t unroll; /* 0: no pragma; -1: full; n: by n; 1: disabled */
} sm_stmt;

typedef enum sm_math_mode { SM_SAFE, SM_RELAXED, SM_FASTMATH } sm_math_mode;

typedef struct sm_program {
  tm_arena *arena;
  TM_VEC(sm_function *) functions; /* kernels and helpers, source order */
  TM_VEC(sm_var *) globals;        /* program-scope constants */
  TM_VEC(sm_var *) function_constants;
  uint32_t vars;                   /* how many sm_var ids were given */
  sm_math_mode math_mode;
} sm_program;

/* ---- the front end's door ----------------------------------------------- */

typedef struct sm_macro { const char *name, *value; } sm_macro;

/* The macro that makes products by tensor operations wrong from row 8 on. */
#define SM_WRONG_TENSORS "__SOFTMETAL_WRONG_TENSORS__"

typedef struct sm_parse_options {
  uint32_t language_version; /* (major << 16) + minor, as MTLLanguageVersion */
  uint32_t family;           /* highest AppleN of the chip: 7 ... 10 */
  sm_math_mode math_mode;
  bool precise_functions;    /* MTLMathFloatingPointFunctionsPrecise */
  const sm_macro *macros;    /* preprocessor definitions from the host */
  uint32_t n_macros;
} sm_parse_options;

/* Parses and checks MSL. Returns the program, or NULL with at least one
 * error in diags. Everything is allocated from arena, which must be armed by
 * the caller (tm_arena_guard). The text must outlive the program. Any bytes
 * are fine. Threads: calls on different arenas are independent. */
sm_program *sm_parse(tm_arena *arena, tm_diags *diags, tm_str text,
                     const sm_parse_options *options);

/* ---- msl_dump.c --------------------------------------------------------- */

/* Appends the program as text, one node per parenthesis, for tests and
 * debugging. The form may change at any time. */
void sm_program_dump(const sm_program *program, tm_buf *out);

#endif
