/* SPDX-License-Identifier: MIT */
/*
 * value.h - what the files of lib/lower share: language types, lowering
 * values, the state of one lowering, and every function that crosses files,
 * grouped by the file that defines it.
 *
 * A name of the kernel is bound to a tm_lv, an immutable tagged value. Most
 * kinds exist at compile time only (numbers, strings, tuples, types,
 * functions, modules); one kind, TM_LV_RUN, is a value of the IR together
 * with its language type. The language type is kept beside the IR type
 * because the IR is signless and the language is not.
 *
 * Compile-time numbers are what Triton calls constexpr: they have no type of
 * their own and take the type of the tensor they meet (types.c). Assigning
 * one to a plain variable makes it a run-time scalar, as in Triton; only
 * `name: tl.constexpr = ...` and parameters keep it at compile time.
 *
 * After an error the failed expression is TM_LV_POISON. Every operation on
 * poison gives poison and says nothing, so one mistake is reported once.
 */
#ifndef TM_LOWER_VALUE_H
#define TM_LOWER_VALUE_H

#include "lower.h"

/* Python's integers, as wide as kernels need: uint64 constants and their
 * products. Arithmetic that leaves 128 bits is an error. */
__extension__ typedef __int128 tm_wide;

/* ---- language types (types.c) ------------------------------------------- */

typedef enum tm_dtype {
  TM_DT_VOID,
  TM_DT_I1, TM_DT_I8, TM_DT_I16, TM_DT_I32, TM_DT_I64,
  TM_DT_U8, TM_DT_U16, TM_DT_U32, TM_DT_U64,
  TM_DT_FP8E4NV, TM_DT_FP8E5, TM_DT_FP8E4B8, TM_DT_FP8E5B16, TM_DT_FP8E4B15,
  TM_DT_F16, TM_DT_BF16, TM_DT_F32, TM_DT_F64,
  TM_DTYPES
} tm_dtype;

typedef struct tm_dtype_info {
  const char *name;     /* as tl.<name>: "float16" */
  const char *brief;    /* as printed and in signatures: "fp16" */
  tm_scalar scalar;     /* in the IR */
  uint8_t bits;
  bool is_float, is_signed;
  uint8_t mantissa;     /* stored bits of the significand; floats only */
} tm_dtype_info;

extern const tm_dtype_info tm_dtype_infos[TM_DTYPES];

typedef enum tm_lt_kind {
  TM_LT_SCALAR,     /* dtype */
  TM_LT_POINTER,    /* element: a scalar, or a block (a block pointer) */
  TM_LT_BLOCK,      /* element: a scalar or pointer; rank >= 1 and shape */
  TM_LT_DESCRIPTOR  /* element: the block */
} tm_lt_kind;

typedef struct tm_ltype_data {
  tm_lt_kind kind;
  tm_dtype dtype;
  const struct tm_ltype_data *element;
  uint32_t rank;
  int64_t shape[TM_MAX_RANK];
  bool is_shared;   /* POINTER: into threadgroup memory */
  tm_type ir;
} tm_ltype_data;
/* Unique in one lowering: equal types are equal pointers. */
typedef const tm_ltype_data *tm_ltype;

/* ---- values ------------------------------------------------------------- */

typedef enum tm_lv_kind {
  TM_LV_POISON,     /* an error was reported */
  TM_LV_UNBOUND,    /* not certainly assigned; text says why */
  TM_LV_NONE, TM_LV_BOOL, TM_LV_INT, TM_LV_FLOAT, TM_LV_TEXT,
  TM_LV_TUPLE,      /* items; lists, named tuples and objects too */
  TM_LV_DICT,       /* items: key, value, key, value ... */
  TM_LV_CLASS,      /* record */
  TM_LV_TYPE,       /* type */
  TM_LV_FUNCTION,   /* function */
  TM_LV_BUILTIN,    /* row; self when it is a bound method */
  TM_LV_MODULE,     /* module */
  TM_LV_SPACE,      /* space: a namespace that comes with Triton or Python */
  TM_LV_SLICE,      /* items: start, stop, step */
  TM_LV_ELLIPSIS,
  TM_LV_RANGE,      /* items: start, end, step; options; is_static */
  TM_LV_SHARED,     /* tl.shared_memory: items: extents; type: of an element;
                       self: a RUN pointer to the first, as memory has it */
  TM_LV_OPAQUE,     /* module code that was not evaluated; text names it */
  TM_LV_RUN         /* value, type */
} tm_lv_kind;

typedef struct tm_lvalue tm_lvalue;
typedef const tm_lvalue *tm_lv;

typedef struct tm_range_options {
  tm_lv num_stages, unroll; /* compile-time ints or NULL */
  bool disallow_multi_buffer, flatten, warp_specialize;
} tm_range_options;

/* A class that kernels may make values of: a named tuple, or one decorated
 * with triton's aggregate. Its values are tuples with names for their items;
 * methods are functions of the class body. */
typedef struct tm_record {
  const char *name;
  const char *const *fields;
  const tm_expr *const *defaults; /* NULL where there is none */
  uint32_t n_fields;
  const struct tm_record **bases;
  uint32_t n_bases;
  const tm_module *module;
  const tm_stmt *body; /* the class; NULL for namedtuple("N", ...) */
  bool is_aggregate, is_tuple; /* neither: kernels make no values of it */
} tm_record;

struct tm_lvalue {
  tm_lv_kind kind;
  bool is_static;         /* RANGE: tl.static_range. TUPLE: a list */
  bool is_mutable;        /* TUPLE, DICT: of plain Python code, may change */
  union {
    bool b;
    tm_wide i;
    double f;
    tm_str text;
    struct { const tm_lv *items; uint32_t n_items; };
    const tm_function_def *function;
    const struct tm_builtin *row;
    const tm_module *module;
    int space;
    tm_value value;
  };
  tm_ltype type;           /* TYPE, RUN */
  tm_lv self;              /* BUILTIN, FUNCTION: receiver; or NULL. RUN
                              descriptors: (shape, strides, rounds to tf32);
                              SHARED: see its kind */
  const tm_range_options *options; /* RANGE */
  const tm_record *record; /* TUPLE: of a named tuple or an object of a class;
                              else NULL. CLASS */
};

typedef TM_VEC(tm_lv) tm_lv_list;

/* ---- state -------------------------------------------------------------- */

typedef struct tm_binding {
  tm_name name; /* interned in the ir's names */
  tm_lv value;
  tm_loc loc;   /* of the assignment that bound it last */
} tm_binding;

typedef TM_VEC(tm_binding) tm_bindings;

/* A variable, by its place among the frame's, and what it is bound to. */
typedef struct tm_change {
  uint32_t index;
  tm_binding binding;
} tm_change;
typedef TM_VEC(tm_change) tm_changes;

/* One function being lowered in line. */
typedef struct tm_frame {
  struct tm_frame *caller;
  const tm_function_def *function; /* NULL: module-level code */
  const tm_module *module;
  const tm_stmt *at; /* module-level code: names are as they are before it;
                        NULL: as they are when the module has been read */
  tm_loc call_loc;
  tm_bindings vars;
  tm_map places;              /* name -> index into vars; may be out of date:
                                 tm_scope_find looks */
  uint32_t placed;            /* so many of vars are in places */
  tm_changes journal;         /* old bindings of what was set since a mark */
  uint32_t open_marks;
  TM_VEC(tm_name) constexprs; /* declared by a bare `x: tl.constexpr` */
  bool is_python;             /* not a jit function: plain Python rules */
  bool is_prelude;
} tm_frame;

typedef struct tm_global {
  const tm_module *module;
  tm_name name;
  uint32_t last; /* index plus 1 of the last of its bindings that counts */
  tm_lv value; /* NULL while it is being evaluated */
} tm_global;

typedef struct tm_lower_state {
  tm_arena *arena;
  tm_diags *diags;
  tm_ir *ir;
  tm_builder b;          /* where code goes; b.loc is the current place */
  const tm_spec *spec;
  tm_frame *frame;
  TM_VEC(tm_ltype) types;
  TM_VEC(tm_global) globals;
  tm_map global_at;      /* hash of module, name and last -> index */
  tm_modules *prelude_set;
  tm_module *prelude;
  tm_loc pinned;         /* in prelude code: the user's call; file 0: none */
  uint32_t depth;        /* nested calls of this compiler's own functions */
  uint32_t calls;        /* inlined calls on the stack */
  uint32_t steps;        /* statements lowered, to bound compile time */
  uint32_t mapping;      /* > 0: in a function of tl.map_elementwise */
  uint32_t combining;    /* > 0: in a combine function of a reduction */
  uint32_t quiet;        /* > 0: errors are counted in `hushed` only */
  uint32_t hushed;
  bool repeats;          /* the last error had been said before */
  bool stopped;          /* over a limit: unwind */
} tm_lower_state;
typedef tm_lower_state tm_low;

/* ---- types.c ------------------------------------------------------------ */

tm_ltype tm_lt_scalar(tm_low *l, tm_dtype dtype);
tm_ltype tm_lt_pointer(tm_low *l, tm_ltype element);
tm_ltype tm_lt_shared_pointer(tm_low *l, tm_ltype element);
/* A pointer into the memory that `pointer`, or a block of it, points into. */
tm_ltype tm_lt_pointer_like(tm_low *l, tm_ltype pointer, tm_ltype element);
/* rank 0 gives element itself. */
tm_ltype tm_lt_block(tm_low *l, tm_ltype element, uint32_t rank,
                     const int64_t *shape);
tm_ltype tm_lt_descriptor(tm_low *l, tm_ltype block);
/* The shape of t with another element. */
tm_ltype tm_lt_like(tm_low *l, tm_ltype t, tm_ltype element);
/* A block's element, any other type itself. */
tm_ltype tm_lt_element(tm_ltype t);
static inline bool tm_lt_is_block(tm_ltype t) {
  return t->kind == TM_LT_BLOCK;
}
bool tm_lt_is_float(tm_ltype t);    /* of the element, as are all of these */
bool tm_lt_is_int(tm_ltype t);      /* int1 to uint64 */
bool tm_lt_is_signed(tm_ltype t);
bool tm_lt_is_bool(tm_ltype t);
bool tm_lt_is_pointer(tm_ltype t);
bool tm_lt_is_fp8(tm_ltype t);
tm_dtype tm_lt_dtype(tm_ltype t);   /* VOID for pointers */
uint32_t tm_lt_bits(tm_ltype t);    /* pointers: 64 */
int64_t tm_lt_numel(tm_ltype t);
bool tm_lt_same_shape(tm_ltype a, tm_ltype b);
/* "fp32", "pointer<fp16>", "<[16, 32], fp16>" as text for messages. */
const char *tm_lt_text(tm_low *l, tm_ltype t);
/* tl.float32's "float32", and every other spelling of scalars: "fp32",
 * "f32" is not one; TM_DTYPES when unknown. */
tm_dtype tm_dtype_find(const char *name, size_t n);
/* Reads "fp32", "*fp16", "tl.float16", "pointer" spellings; NULL if none. */
tm_ltype tm_lt_parse(tm_low *l, tm_str text);
/* The smallest and largest value of an integer type. */
tm_wide tm_dtype_min(tm_dtype dtype);
tm_wide tm_dtype_max(tm_dtype dtype);
/* Type of a compile-time number as a tensor; TM_DT_VOID if it has none. */
tm_dtype tm_dtype_of_number(tm_lv number);
/* Usual arithmetic conversions of two integer types. */
tm_dtype tm_dtype_promote_ints(tm_dtype a, tm_dtype b);
/* The type that a binary operation computes in; TM_DT_VOID when there is
 * none, or when div_or_mod meets different signedness. */
tm_dtype tm_dtype_compute(tm_dtype a, bool a_is_number, tm_dtype b,
                          bool b_is_number, bool div_or_mod);

/* ---- value.c ------------------------------------------------------------ */

extern const tm_lvalue tm_lv_poison_value, tm_lv_none_value,
    tm_lv_true_value, tm_lv_false_value, tm_lv_ellipsis_value;
#define TM_POISONED (&tm_lv_poison_value)
#define TM_NONE_LV (&tm_lv_none_value)

tm_lv tm_lv_bool(bool b);
tm_lv tm_lv_int(tm_low *l, tm_wide i);
tm_lv tm_lv_float(tm_low *l, double f);
tm_lv tm_lv_text(tm_low *l, const char *text, size_t n); /* not copied */
tm_lv tm_lv_tuple(tm_low *l, const tm_lv *items, uint32_t n); /* copied */
/* A tuple of the same length and kind as another, with other items. */
tm_lv tm_lv_tuple_like(tm_low *l, tm_lv like, const tm_lv *items);
tm_lv tm_lv_type(tm_low *l, tm_ltype type);
tm_lv tm_lv_run(tm_low *l, tm_value value, tm_ltype type);
/* A descriptor with its parts: what `self` of one holds. */
tm_lv tm_lv_descriptor(tm_low *l, tm_value value, tm_ltype type, tm_lv parts);
tm_lv tm_lv_unbound(tm_low *l, const char *why);
tm_lv tm_lv_opaque(tm_low *l, const char *what);
static inline bool tm_lv_is_poison(tm_lv v) {
  return v->kind == TM_LV_POISON;
}
static inline bool tm_lv_is_run(tm_lv v) { return v->kind == TM_LV_RUN; }
bool tm_lv_is_number(tm_lv v);  /* BOOL, INT, FLOAT */
/* True when v holds, at any depth, a run-time value. */
bool tm_lv_has_run(tm_lv v);
/* Python's truth of a compile-time value. False when it has none here. */
bool tm_lv_truth(tm_lv v, bool *out);
/* "fp32 tensor of shape [16]", "5", "'text'", "None": for messages. */
const char *tm_lv_describe(tm_low *l, tm_lv v);
/* Python's str() of a compile-time value. */
void tm_lv_print(tm_low *l, tm_buf *out, tm_lv v);
/* Python's ==, on values without run-time parts. */
bool tm_lv_equal(tm_lv a, tm_lv b);
/* Python's number protocol on compile-time values. NULL with *why set when
 * it raises. op is a BINARY or COMPARE operator. */
tm_lv tm_lv_fold(tm_low *l, tm_py_op op, tm_lv a, tm_lv b, const char **why);
tm_lv tm_lv_fold_unary(tm_low *l, tm_py_op op, tm_lv a, const char **why);
const char *tm_lv_op_text(tm_py_op op);

/* ---- report.c ----------------------------------------------------------- */

/* Reports at the current place and gives poison. Notes name the calls that
 * led here. hint may be NULL and is a format-free sentence. */
tm_lv tm_low_error(tm_low *l, const char *hint, const char *fmt, ...)
    TM_PRINTF(3, 4);
tm_lv tm_low_error_at(tm_low *l, tm_loc loc, tm_diag_kind kind,
                      const char *hint, const char *fmt, ...) TM_PRINTF(5, 6);
tm_lv tm_low_unsupported(tm_low *l, const char *hint, const char *fmt, ...)
    TM_PRINTF(3, 4);
const char *tm_low_format(tm_low *l, const char *fmt, ...) TM_PRINTF(2, 3);
/* After an error about two operands: notes where they were made. */
void tm_low_origins(tm_low *l, tm_lv a, tm_lv b);
/* Moves the current place to loc, unless it is pinned; gives the old one. */
tm_loc tm_low_at(tm_low *l, tm_loc loc);
/* Counts a step and guards the stack; false when over a limit, reported. */
bool tm_low_enter(tm_low *l);
static inline void tm_low_leave(tm_low *l) { l->depth--; }
/* "did you mean" over candidate names. */
typedef struct tm_nearest {
  const char *wanted, *best;
  unsigned distance;
} tm_nearest;
void tm_nearest_try(tm_nearest *n, const char *name);

/* ---- scope.c ------------------------------------------------------------ */

tm_name tm_low_name(tm_low *l, const char *text);
tm_binding *tm_scope_find(tm_low *l, tm_name name);
void tm_scope_set(tm_low *l, tm_name name, tm_lv value, tm_loc loc);
/* Branches and loop bodies start from the same variables. enter marks where
 * they stand; leave takes back everything that was set since, and lists it in
 * out (may be NULL): what existed before in order, then what is new. Marks
 * nest. The work is that of the changes, not of the variables there are. */
typedef struct tm_scope_mark { uint32_t vars, journal; } tm_scope_mark;
tm_scope_mark tm_scope_enter(tm_low *l);
void tm_scope_leave(tm_low *l, tm_scope_mark mark, tm_changes *out);
void tm_scope_apply(tm_low *l, const tm_changes *changes);
/* The value of a name read at expr; poison with an error when there is none. */
tm_lv tm_scope_read(tm_low *l, const tm_expr *expr);
/* A module's global; NULL when the module does not bind it. name is of the
 * module's own table of names. */
tm_lv tm_scope_global(tm_low *l, const tm_module *module, tm_name name);
/* An attribute of a user module or namespace; poison with an error. */
tm_lv tm_scope_attribute(tm_low *l, tm_lv owner, tm_name name);
/* The namespaces' TM_IN_ bits and dotted path. */
const char *tm_space_path(int space);
/* A namespace by dotted import path: "triton.language.math". */
tm_lv tm_space_import(tm_low *l, const char *path);
/* Evaluates an expression of a module's top level, quietly: opaque when it
 * has no compile-time value. Names are as they are before statement at, or at
 * the end for NULL. name is for messages. */
tm_lv tm_scope_module_expr(tm_low *l, const tm_module *module,
                           const tm_stmt *at, const tm_expr *e,
                           const char *name);
/* A function of the prelude by name. */
tm_lv tm_scope_prelude(tm_low *l, const char *name);

/* ---- expr.c ------------------------------------------------------------- */

tm_lv tm_low_expr(tm_low *l, const tm_expr *e);
/* name is of the source's table of names. */
tm_lv tm_low_attribute(tm_low *l, tm_lv owner, tm_name name);
tm_lv tm_low_subscript(tm_low *l, tm_lv owner, tm_lv index);

/* Reports a use of an opaque value, which has no meaning in a kernel. */
tm_lv tm_low_opaque_use(tm_low *l, tm_lv v);

/* An expression that is only tested: `and`, `or` and `not` in it take numbers
 * as Python's truth does, since their own value is not used. */
tm_lv tm_low_test(tm_low *l, const tm_expr *e);

struct tm_args;
struct tm_nearest;

/* ---- host_names.c: the machine that imports a module ----------------------- */

/* A function of a host module that has one answer everywhere; NULL. */
tm_lv tm_host_function(tm_low *l, const char *module, const char *name);
/* A name of host libraries that has one answer everywhere; NULL. */
tm_lv tm_host_attribute(const char *dotted);
/* What a host function gives that has one answer everywhere; NULL. */
tm_lv tm_host_call(tm_low *l, tm_str dotted, const struct tm_args *args);

/* ---- record.c: classes ---------------------------------------------------- */

/* The value of a class statement of a module. */
tm_lv tm_record_class(tm_low *l, const tm_module *module, const tm_stmt *s);
/* collections.namedtuple. */
tm_lv tm_record_namedtuple(tm_low *l);
tm_lv tm_record_make(tm_low *l, tm_lv cls, const struct tm_args *args);
/* Of a value that has a record: a field, a bound method, a constant. */
tm_lv tm_record_attribute(tm_low *l, tm_lv v, const char *name);
tm_lv tm_record_class_attribute(tm_low *l, tm_lv cls, const char *name);
/* Calls the method `name` of an object with one argument. */
tm_lv tm_record_operator(tm_low *l, tm_lv v, const char *name, tm_lv with);
/* a op b where one is an object whose class has the operator; else NULL. */
tm_lv tm_record_binary(tm_low *l, tm_py_op op, tm_lv a, tm_lv b);
/* v.name = value, which only __init__ may. */
void tm_record_set(tm_low *l, tm_lv v, const char *name, tm_lv value);
/* A named tuple of nobody's class: a kernel's argument. */
tm_lv tm_record_of_names(tm_low *l, const char *const *names,
                         const tm_lv *items, uint32_t n);
/* Do values of both have the same fields? Named tuples of the same names are
 * of one type, as in Triton, whichever class made them. NULL: no record. */
bool tm_record_same(const tm_record *a, const tm_record *b);

/* ---- container.c, text.c: lists, dicts and strings at compile time --------- */

/* Appends what a compile-time loop over v goes over; false when it cannot. */
bool tm_low_items(tm_low *l, tm_lv v, tm_lv_list *out);
tm_lv tm_dict_find(tm_lv dict, tm_lv key); /* NULL when it is not there */
tm_lv tm_dict_make(tm_low *l, const tm_lv *pairs, uint32_t n);
tm_lv tm_dict_literal(tm_low *l, const tm_expr *e);
/* owner[key] = value of a list or dict that may change. */
void tm_container_set(tm_low *l, tm_lv owner, tm_lv key, tm_lv value);
/* A bound method; NULL when there is none, then near knows the names. */
tm_lv tm_container_method(tm_low *l, tm_lv v, const char *name,
                          struct tm_nearest *near);
tm_lv tm_text_method(tm_low *l, tm_lv v, const char *name,
                     struct tm_nearest *near);
tm_lv tm_text_fstring(tm_low *l, const tm_expr *e);
tm_lv tm_text_percent(tm_low *l, tm_lv text, tm_lv v);

/* ---- stmt.c, flow.c ----------------------------------------------------- */

typedef enum tm_end_kind {
  TM_END_FALLS,     /* control reaches the end on every path */
  TM_END_RETURNS,   /* every path returned */
  TM_END_BREAKS, TM_END_CONTINUES, /* every path did, of the loop around */
  TM_END_LEAVES,    /* every path left, in more than one of these ways */
  TM_END_MAYBE      /* flag (i1) is true on the paths that left */
} tm_end_kind;

typedef struct tm_end {
  tm_end_kind kind;
  tm_value flag;     /* MAYBE */
  /* MAYBE and LEAVES: i1s, true on the paths that did; 0: none. Of a path
   * that left without either, `continue`. */
  tm_value broke, returned;
  tm_lv value; /* what was returned, where it was; NULL where the function ran
                  off its end */
  tm_loc loc;  /* of a break or continue */
} tm_end;

/* Lowers statements from index `from` on. tail: the function ends here. */
tm_end tm_low_stmts(tm_low *l, const tm_stmts *stmts, uint32_t from,
                    bool tail);
void tm_low_assign(tm_low *l, const tm_expr *target, tm_lv value);
/* Of a compile-time loop: numbers stay compile-time numbers. */
void tm_low_assign_item(tm_low *l, const tm_expr *target, tm_lv value);
/* `if` on a run-time scalar. When a branch may leave, stmts[from..], the
 * rest of the list, is lowered too, where control falls through; else stmts
 * is NULL. */
tm_end tm_low_run_if(tm_low *l, const tm_stmt *s, tm_lv condition,
                     const tm_stmts *stmts, uint32_t from, bool tail);
/* Code that runs where flag is false, by rest(payload); where it is true,
 * control ends as in `gone`. */
typedef tm_end tm_rest_fn(tm_low *l, void *payload);
tm_end tm_low_guard(tm_low *l, tm_value flag, tm_end gone, tm_rest_fn *rest,
                    void *payload, bool tail);
/* Of an end of kind MAYBE: the end of the paths that left. */
tm_end tm_end_gone(tm_end end);
/* How control leaves a loop whose body ended so: breaks and continues stay
 * inside. */
tm_end tm_end_of_loop(tm_end end);
/* An i1 that is true on paths that broke or returned; 0 when none did. */
tm_value tm_end_stop(tm_low *l, tm_end end);
static inline tm_end tm_end_of(tm_end_kind kind) {
  return (tm_end){.kind = kind};
}
/* loop.c */
tm_end tm_low_for(tm_low *l, const tm_stmt *s);
tm_end tm_low_while(tm_low *l, const tm_stmt *s);
tm_lv tm_low_ternary(tm_low *l, tm_lv condition, const tm_expr *e);
/* The assigned names of statements, as in the tree. */
typedef TM_VEC(tm_name) tm_name_list;
typedef struct tm_name_set { /* zero is empty */
  tm_name_list list;         /* in the order in which they were added */
  tm_map seen;
} tm_name_set;
void tm_low_assigned(tm_low *l, const tm_stmts *stmts, tm_name_set *out);
/* Makes every name that stmts assign poison: they were not lowered. */
void tm_low_poison_names(tm_low *l, const tm_stmts *stmts);
/* Whether a return, or a break or continue of the loop around stmts, is
 * among them; may_stop: only what
 * ends the loop, a return or a break. */
bool tm_low_may_leave(const tm_stmts *stmts);
bool tm_low_may_stop(const tm_stmts *stmts);
/* A run-time condition as a scalar i1; poison with an error. */
tm_lv tm_low_condition(tm_low *l, tm_lv v, const char *where);

/* ---- call.c ------------------------------------------------------------- */

typedef struct tm_named_lv {
  const char *name;
  tm_lv value;
  tm_loc loc;
} tm_named_lv;

typedef struct tm_args {
  const tm_lv *items;
  uint32_t n_items;
  const tm_named_lv *named;
  uint32_t n_named;
} tm_args;

tm_lv tm_low_call_expr(tm_low *l, const tm_expr *e);
tm_lv tm_low_call(tm_low *l, tm_lv callee, const tm_args *args);
/* Inlines a function of the user or the prelude. */
tm_lv tm_low_inline(tm_low *l, const tm_function_def *f, const tm_args *args);
/* Lowers a function of the prelude with n positional values. */
tm_lv tm_low_call_prelude(tm_low *l, const char *name, uint32_t n,
                          const tm_lv *values);
/* True for `tl.constexpr` in any spelling. */
bool tm_low_is_constexpr(const tm_expr *annotation);

/* ---- builtins.c, builtins.def ------------------------------------------- */

enum { TM_MAX_PARAMS = 16 };

typedef struct tm_builtin_call {
  const struct tm_builtin *row;
  tm_lv args[TM_MAX_PARAMS]; /* one for each parameter of the signature */
} tm_builtin_call;

typedef tm_lv tm_builtin_fn(tm_low *l, const tm_builtin_call *call);

typedef struct tm_builtin {
  const char *name;
  uint32_t where;        /* TM_IN_ bits */
  const char *signature; /* "x, y=None, *rest, flag=False" */
  tm_builtin_fn *fn;     /* NULL: refused; note says why */
  int aux;               /* which of the functions that share fn */
  const char *note;      /* refused: the reason. Else documentation */
  const char *hint;      /* refused: the way out */
} tm_builtin;

enum { /* where a builtin is found */
  TM_IN_TL = 1,       /* tl.name */
  TM_IN_METHOD = 2,   /* tensor.name */
  TM_IN_MATH = 4,     /* tl.math.name */
  TM_IN_DEVICE = 8,   /* libdevice.name */
  TM_IN_CUDA = 16,    /* tl.extra.cuda.name */
  TM_IN_TARGET = 32,  /* tl.target_info.name */
  TM_IN_TRITON = 64,  /* triton.name */
  TM_IN_PYTHON = 128, /* Python's own */
  TM_IN_PYMATH = 256, /* Python's math */
  TM_IN_DESC = 512,   /* methods of tensor descriptors */
  TM_IN_TYPE = 1024,  /* methods of types */
  TM_IN_SHARED = 2048 /* methods of shared memory */
};

const tm_builtin *tm_builtin_find(uint32_t where, const char *name);
tm_lv tm_builtin_bound(tm_low *l, const tm_builtin *row, tm_lv self);
/* Binds args to the row's signature and runs it. */
tm_lv tm_builtin_call_row(tm_low *l, const tm_builtin *row, tm_lv self,
                          const tm_args *args);
void tm_builtin_nearest(uint32_t where, tm_nearest *nearest);
extern const tm_builtin tm_builtins[];
extern const uint32_t tm_builtins_count;

/* ---- semantic.c: conversions and broadcasting --------------------------- */

/* A number becomes a run-time scalar; a run-time value is itself. */
tm_lv tm_sem_tensor(tm_low *l, tm_lv v);
/* A number as a scalar of a type; the number must fit. */
tm_lv tm_sem_constant(tm_low *l, tm_lv number, tm_ltype scalar);
tm_lv tm_sem_cast(tm_low *l, tm_lv v, tm_ltype to);
/* rounding: -1 default, 0 rtz, 1 rtne. */
tm_lv tm_sem_cast_rounding(tm_low *l, tm_lv v, tm_ltype to, int rounding);
tm_lv tm_sem_bitcast(tm_low *l, tm_lv v, tm_ltype to);
tm_lv tm_sem_splat(tm_low *l, tm_lv v, uint32_t rank, const int64_t *shape);
tm_lv tm_sem_broadcast_to(tm_low *l, tm_lv v, uint32_t rank,
                          const int64_t *shape);
/* Makes both of one shape. False when they were not compatible, reported. */
bool tm_sem_broadcast(tm_low *l, tm_lv *a, tm_lv *b);
tm_lv tm_sem_expand_dims(tm_low *l, tm_lv v, uint32_t axis);
tm_lv tm_sem_reshape(tm_low *l, tm_lv v, uint32_t rank, const int64_t *shape,
                     bool reorder);
tm_lv tm_sem_permute(tm_low *l, tm_lv v, uint32_t rank, const int64_t *order);

/* ---- memory.c ------------------------------------------------------------ */

bool tm_lv_is_block_pointer(tm_lv v);
/* A pointer to int1 as one to the byte in memory, a pointer to pointers as
 * one to their addresses, any other as it is. */
tm_lv tm_low_memory_pointer(tm_low *l, tm_lv pointer);
/* padding_option for blocks of a type, as an attribute after the *n that are
 * in out; false when reported. */
bool tm_want_padding(tm_low *l, tm_lv v, tm_ltype block, tm_attr *out,
                     uint32_t *n);

/* How an element lies in memory, where that is another type. */
tm_ltype tm_low_memory_type(tm_low *l, tm_ltype element);

/* ---- block_memory.c ------------------------------------------------------ */

/* What a descriptor is made of: sizes are scalars of 32, strides of 64 bits. */
typedef struct tm_desc_parts {
  tm_lv base;
  const tm_lv *shape, *strides;
  bool rounds_tf32;
} tm_desc_parts;

tm_lv tm_low_descriptor(tm_low *l, tm_ltype block, const tm_desc_parts *of,
                        uint32_t n_attrs, const tm_attr *attrs);

/* ---- params.c ------------------------------------------------------------- */

/* Binds a kernel's parameters as the specialization says. */
void tm_low_bind_params(tm_low *l, const tm_function_def *f);

/* ---- debug.c ------------------------------------------------------------- */

/* In a debug kernel, asserts where mask (or NONE) is true; false with an
 * error. */
bool tm_low_assert(tm_low *l, tm_lv holds, tm_lv mask, const char *message);
/* An operator as the kernel writes it: in a debug kernel integers must not
 * overflow. */
tm_lv tm_low_operator(tm_low *l, tm_py_op op, tm_lv a, tm_lv b);

/* ---- shared.c ------------------------------------------------------------ */

/* s.name, s[index] and s[index] = value. */
tm_lv tm_shared_attribute(tm_low *l, tm_lv s, const char *name);
tm_lv tm_shared_get(tm_low *l, tm_lv s, tm_lv index);
void tm_shared_set(tm_low *l, tm_lv s, tm_lv index, tm_lv value);

/* ---- arith.c: operators ------------------------------------------------- */

tm_lv tm_sem_binary(tm_low *l, tm_py_op op, tm_lv a, tm_lv b);
tm_lv tm_sem_compare(tm_low *l, tm_py_op op, tm_lv a, tm_lv b);
tm_lv tm_sem_unary(tm_low *l, tm_py_op op, tm_lv a);
/* x != 0, of booleans the value itself: what Python's `if` and `not` test. */
tm_lv tm_sem_truth(tm_low *l, tm_lv v);
/* and, or: every operand already evaluated to a boolean-like value. */
tm_lv tm_sem_logical(tm_low *l, bool is_and, tm_lv a, tm_lv b);
tm_lv tm_sem_minmax(tm_low *l, bool is_max, tm_lv a, tm_lv b, bool nan);
tm_lv tm_sem_where(tm_low *l, tm_lv condition, tm_lv x, tm_lv y);
/* Types and shapes of two operands made equal; false when reported. */
bool tm_sem_legalize(tm_low *l, tm_lv *a, tm_lv *b, bool div_or_mod,
                     const char *what);
bool tm_sem_legalize3(tm_low *l, tm_lv *a, tm_lv *b, tm_lv *c,
                      const char *what);

/* ---- reduce.c ----------------------------------------------------------- */

typedef enum tm_combine {
  TM_COMBINE_SUM, TM_COMBINE_PRODUCT, TM_COMBINE_MAX, TM_COMBINE_MIN,
  TM_COMBINE_XOR, TM_COMBINE_OR,
  TM_COMBINE_ARGMAX_LEFT, TM_COMBINE_ARGMAX_FAST,
  TM_COMBINE_ARGMIN_LEFT, TM_COMBINE_ARGMIN_FAST,
  TM_COMBINE_FUNCTION
} tm_combine;

/* One argument that must be a compile-time integer in a range; false and
 * reported when not. what names it in the message. */
bool tm_want_int(tm_low *l, tm_lv v, const char *what, int64_t low,
                int64_t high, int64_t *out);
bool tm_want_bool(tm_low *l, tm_lv v, const char *what, bool *out);
/* A compile-time string or None (NULL text). */
bool tm_want_text(tm_low *l, tm_lv v, const char *what, const char **out);
/* A type, or its name as text. */
tm_ltype tm_want_type(tm_low *l, tm_lv v, const char *what);
/* A tuple of compile-time powers of two; an int is a tuple of one. */
bool tm_want_shape(tm_low *l, tm_lv v, const char *what, uint32_t *rank,
                  int64_t *shape);
/* A run-time value, numbers converted; NULL and reported when not. */
tm_lv tm_want_tensor(tm_low *l, tm_lv v, const char *what);
/* Argument i, of float32 or float64 as the math functions demand. */
tm_lv tm_want_float(tm_low *l, const tm_builtin_call *c, uint32_t i);

/* ---- builder helpers (semantic.c) --------------------------------------- */

tm_lv tm_sem_op1(tm_low *l, tm_op op, tm_lv x);
tm_lv tm_sem_op2(tm_low *l, tm_op op, tm_lv x, tm_lv y);
/* A zero of any type: what a path that does not matter yields. */
tm_lv tm_sem_zero(tm_low *l, tm_ltype type);

#define TM_BUILTIN_FN(id) tm_lv tm_fn_##id(tm_low *, const tm_builtin_call *)

#endif
