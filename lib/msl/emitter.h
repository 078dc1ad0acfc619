/* SPDX-License-Identifier: MIT */
/*
 * emitter.h - what the files of this folder share while one kernel is printed.
 *
 * How text comes about
 *
 *   emitter_plan.c  decides, before anything is printed, where each value
 *                   lives: in a variable, in an array with one entry per
 *                   register, in simdgroup matrices, or nowhere (computed
 *                   where it is used). It also collects runs of elementwise
 *                   instructions into groups: one loop over registers each.
 *   emit.c          walks the blocks, prints scalars, groups and the rest.
 *   emitter_expr.c  turns a value, at a point, into an expression.
 *   emitter_unroll.c  bounds how far the loops of the text are unrolled.
 *
 * A point says which register of a tile is meant, as a function of the loop
 * variables of the text being printed. All of it is linear over bits, like
 * the layouts:
 *
 *     register = base ^ XOR of var[0].col[i] for each set bit i of var[0]
 *                     ^ the same for var[1], var[2] and var[3]
 *                     ^ the same for the component of a vector
 *
 * Views (expand_dims, broadcast, trans, reshape, renaming conversions) are
 * never computed: reading a view at a point is reading its source at the
 * composed point.
 */
#ifndef TM_MSL_EMIT_H
#define TM_MSL_EMIT_H

#include "msl.h"

/* Binding strength of an expression, strongest first. */
typedef enum msl_prec {
  MSL_PRIMARY, MSL_UNARY, MSL_MUL, MSL_ADD, MSL_SHIFT, MSL_RELATION,
  MSL_EQUALITY, MSL_AND, MSL_XOR, MSL_OR, MSL_LOGAND, MSL_LOGOR, MSL_TERNARY
} msl_prec;

typedef struct msl_expr {
  const char *text;
  msl_prec prec;
  uint32_t lanes; /* components; 1 for a scalar, which is equal in all */
} msl_expr;

enum {
  MSL_MAX_VECTOR_BITS = 2, /* MSL vectors have up to 4 components */
  MSL_POINT_VARS = 4       /* loops around one statement */
};

typedef struct msl_var {
  const char *name;
  uint32_t n; /* bits: the variable is less than 1 << n */
  uint32_t col[TM_MAX_REG_BITS];
} msl_var;

typedef struct msl_point {
  msl_var var[MSL_POINT_VARS];
  uint32_t n_comp; /* log2 of the components; 0: a scalar is wanted */
  uint32_t comp[MSL_MAX_VECTOR_BITS];
  uint32_t base;
} msl_point;

/* A linear map between the registers of two tiles. */
typedef struct msl_map {
  uint32_t n;
  uint32_t col[TM_MAX_REG_BITS];
  uint32_t base;
} msl_map;

typedef enum msl_place {
  MSL_AT_USE,      /* computed wherever it is used */
  MSL_IN_VARIABLE, /* a scalar's variable, or an expression for it */
  MSL_IN_ARRAY,    /* one entry per register, 1 << width of them a vector */
  MSL_IN_FRAGMENTS /* simdgroup matrices, two registers each */
} msl_place;

typedef struct msl_value {
  msl_place place;
  const char *name;
  uint32_t uses;      /* operands that name it, views looked through */
  tm_inst user;       /* the instruction that names it as an operand, ... */
  bool many_users;    /* ... unless several operands do */
  uint32_t roots;     /* pointers: a bit for each buffer it may point into */
  uint32_t local;     /* newest of emitter.locals that is it, plus 1; or 0 */
  tm_value storage;   /* whose array it shares; itself normally */
  bool is_added;      /* a sum or difference of floats uses it */
  bool is_invariant;  /* made before a loop that uses it */
  uint8_t width;      /* log2 of the vector width of its array */
  bool packed;        /* its array holds 16 bytes an entry, as memory does:
                         eight elements that are only copied */
  uint8_t depth;      /* expressions nested at its use, if AT_USE */
  uint8_t cost;       /* operations of the expression, if cheap */
  bool cheap;         /* only ranges, constants, scalars, integer arithmetic */
  bool escapes;       /* needed outside the group that computes it */
  bool index_only;    /* flows only into addresses, bounds, comparisons */
  bool from_memory;   /* computed from what was loaded, not from positions */
  bool non_negative;
  bool is_base;       /* a pointer that accesses of a large tile start from */
} msl_value;

/* A loop over the registers of equally large tiles. */
typedef struct msl_group {
  uint32_t n_reg, width; /* both log2 */
  bool atomic;           /* atomics go one by one, without vectors */
  tm_inst at;            /* printed just before this instruction */
  uint32_t reads, writes;/* roots */
  TM_VEC(tm_inst) insts;
} msl_group;

/* A piece of threadgroup memory with one writer and readers after it. */
typedef struct msl_region {
  tm_inst inst;       /* the instruction it serves */
  uint32_t operand;   /* which operand of it, for reductions */
  const char *name;
  const char *type;   /* element type in MSL */
  uint32_t bytes, offset;
  uint32_t from, to;  /* live positions, both inclusive */
  uint32_t row, pitch;/* elements a row, and from row to row */
  uint32_t packed_bytes; /* without gaps between rows; 0: has none */
  uint32_t elements;  /* of a tile that is stored in it; or 0 */
  uint32_t turns;     /* log2 of their number; emitter_turns.c */
  uint32_t most_turns;
  const char *turn;   /* the variable that counts them, as printing goes on */
  bool written, read; /* since the last barrier, as printing goes on */
  bool is_array;      /* the kernel's own: ttm.shared_alloc */
  bool is_atomic;     /* ... of atomics, declared outside of the pool */
  bool listed;        /* in emitter.used */
  uint32_t next;      /* the inst's next region, plus 1; 0: none */
  tm_rmw rmw;         /* all that has written it, if one kind of atomic
                         operation has whose order does not matter; or 0 */
} msl_region;

enum { MSL_ATOMIC_TYPES = 2, MSL_BESIDE = 1 << 28 };

/* Of an array of atomics: 0 for atomic_int, 1 for atomic_uint. */
static inline uint32_t msl_atomic_type(const msl_region *region) {
  return strcmp(region->type, "atomic_uint") == 0;
}

typedef struct msl_life { uint32_t from, to; } msl_life; /* positions */
typedef TM_VEC(uint32_t) msl_indices;

/* A conversion that only dots read, from threadgroup memory. */
typedef struct msl_staging {
  tm_value source;     /* what is stored: transpositions looked through */
  tm_layout layout;    /* of source, dimensions in the order of memory */
  tm_scalar scalar;
  bool transposed;     /* rows of memory are columns of the operand */
  uint32_t operand;    /* of the dots that read it */
  tm_inst first, last; /* of those dots, in program order */
  bool single;         /* there is one */
  bool late;           /* the dot stores it, just before it starts */
  tm_inst next_alike;  /* the next one, by number, of the same source whose
                          dots are in the same block; or 0 */
  tm_inst first_alike; /* the first of those */
  tm_inst twin;        /* an earlier one that has stored the same; or 0 */
  uint32_t twins;      /* how many later ones rely on this one */
  tm_inst load;        /* makes source, and is carried out as it is stored;
                          0: source is in registers */
} msl_staging;

/* A dot that matmul2d computes: emitter_tensor.c. */
typedef struct msl_tensor {
  tm_inst dot;
  tm_inst loop;        /* whose result number `carried` is its sum; or 0 */
  uint32_t carried;
  uint32_t region;     /* index of the tile that the product goes through */
  uint32_t part_bits;  /* log2 of the parts, of rows, that it goes in */
  const char *operation, *right; /* in the text; and of each part: */
  const char *left[TM_TENSOR_PARTS], *sum[TM_TENSOR_PARTS];
} msl_tensor;

typedef struct msl_local { /* a value already computed in some scope */
  tm_value value;
  msl_point point;
  msl_expr expr;
  uint32_t older;   /* of the same value: index plus 1; 0: none */
} msl_local;

enum { MSL_REUSED = 64 }; /* numbers behind names that are searched again */
typedef struct msl_base { /* what names are numbered from */
  tm_name text;
  uint64_t taken; /* a bit for each number up to MSL_REUSED */
  uint32_t next;  /* the number that was given last */
} msl_base;

typedef struct msl_active { /* a name of an open scope */
  tm_name name;
  msl_base *base;
  uint32_t number; /* of base's taken; 0: none */
} msl_active;

typedef struct msl_scope { uint32_t locals, names; } msl_scope;

typedef struct msl_helper {
  uint32_t id;
  const char *type;
  uint32_t lanes;
} msl_helper;

typedef enum msl_access { MSL_READS, MSL_WRITES, MSL_ATOMIC } msl_access;

typedef struct msl_pending { /* accesses to device memory since a barrier */
  msl_access kind;
  tm_value pointer;          /* 0: several, or in an earlier trip of a loop */
  const tm_layout *layout;
  uint32_t roots;
} msl_pending;

typedef struct msl_function { /* a combine function that was printed */
  const char *name;
  uint32_t statements;
} msl_function;

typedef struct msl_lines { /* of a source, found once */
  TM_VEC(const char *) starts;
  bool is_whole;
} msl_lines;

typedef struct msl_mark { /* what follows in the text comes from there */
  size_t offset;
  tm_loc loc;
} msl_mark;

typedef struct emitter {
  const tm_ir *ir;
  const tm_layouts *layouts;
  const tm_chip *chip;
  tm_arena *arena;
  tm_diags *diags;
  tm_msl *out;
  const tm_func *func;
  bool failed;

  /* plan.c */
  msl_value *values;        /* per value */
  uint32_t *group_of;       /* per instruction; 0: none, else index + 1 */
  uint32_t *position;       /* per instruction, in program order */
  const msl_map **maps;     /* per instruction: views, once asked for */
  msl_staging **stagings;   /* per instruction: conversions that dots read
                               from threadgroup memory; NULL: others */
  bool *copied;             /* per instruction: loads that a staging carries
                               out */
  uint8_t *windows;         /* per dot: log2 of the parts of K that are
                               staged one after the other */
  msl_tensor **tensors;     /* per instruction: dots by matmul2d; else NULL */
  tm_convert_plan **converts; /* per instruction, once analysed */
  TM_VEC(msl_group) groups; /* those printed before one instruction lie side
                               by side */
  uint32_t *groups_at;      /* per instruction: the first of them, plus 1 */
  const char **raw;         /* per instruction: the 16 bytes that a wide
                               access moves, while its group is printed */
  msl_point outer;          /* the point of those 16 bytes' first element */
  const char *half_var;     /* the variable that walks their vectors */
  bool orders;              /* some atomic operation orders other accesses of
                               several programs: emitter_atomic.c */
  uint32_t bound;           /* so many pointer parameters have a slot; those
                               after them go by address */
  uint32_t writable;        /* roots that may not be const */
  uint32_t read_roots, write_roots;
  TM_VEC(msl_region) regions;
  uint32_t *region_at;      /* per instruction: its first region, plus 1 */
  msl_life *lives;          /* emitter_pool.c: 2 * n_leaves nodes */
  uint32_t n_leaves;
  msl_indices alive;        /* of regions, as last asked for */
  bool *placed;             /* of msl_pool_cost_of; false between calls */
  msl_indices used;         /* regions read or written since the last barrier */
  TM_VEC(const char *) uniform; /* variables of scalars, for the linter */
  uint32_t pool_bytes, array_bytes; /* in the pool; of arrays beside it */
  bool unpadded;      /* tiles are kept without gaps, or would not fit */
  TM_VEC(msl_pending) pending;

  /* text */
  tm_buf scratch;           /* of emit.c's formatted */
  tm_buf body, combines;    /* the kernel's statements; combine functions */
  TM_VEC(msl_function) functions; /* in combines */
  TM_VEC(msl_mark) marks;   /* in body */
  TM_VEC(size_t) steps;     /* where, in body, another instruction's accesses
                               to the kernel's own arrays begin */
  tm_buf *to;               /* where statements go now */
  uint32_t indent;
  uint32_t line;            /* source line last named in a comment */
  msl_lines *lines;         /* per source of diags; empty: not asked for yet */
  TM_VEC(msl_helper) helpers;
  TM_VEC(const char *) customs; /* emitter_custom.c: what is printed */
  tm_buf thread_parts;      /* constants of the thread, top of the body */
  struct msl_thread_form *forms; /* what is in thread_parts already */
  bool uses_log;            /* prints or asserts */
  bool uses_tensors;        /* operations of MSL 4.0 */
  TM_VEC(tm_msl_site) sites;
  bool uses_tid, uses_lane, uses_simdgroup, uses_program, uses_programs;

  /* names.c */
  tm_names interned;
  tm_map taken;
  tm_map base_of_hint, base_of_text;
  TM_VEC(msl_active) active;
  TM_VEC(msl_local) locals;
  TM_VEC(msl_scope) scopes;
} emitter;

/* ---- emitter_names.c -------------------------------------------------- */

/* A fresh identifier like hint, safe in MSL, in the current scope. */
const char *msl_name(emitter *e, const char *hint);
/* The same, taken in every scope from now on. */
const char *msl_global_name(emitter *e, const char *hint);
/* A name for value v: its source name, else otherwise. */
const char *msl_name_of(emitter *e, tm_value v, const char *otherwise);
/* Claims a name that the text uses as it is. */
void msl_name_claim(emitter *e, const char *name);
void msl_scope_open(emitter *e);
void msl_scope_close(emitter *e);

/* ---- emit.c: statements ----------------------------------------------- */

const char *msl_text(emitter *e, const char *fmt, ...) TM_PRINTF(2, 3);
/* One indented line. */
void msl_line(emitter *e, const char *fmt, ...) TM_PRINTF(2, 3);
/* "{" ends the line before; these indent and open or close a scope. */
void msl_open(emitter *e, const char *fmt, ...) TM_PRINTF(2, 3);
void msl_close(emitter *e);
/* A comment with the source line of inst, when it changed. */
void msl_source(emitter *e, tm_inst inst);
/* Opens an unrolled loop `for (int name = 0; name < trips; ++name)`; with one
 * trip nothing is printed and NULL is returned. */
const char *msl_loop(emitter *e, const char *hint, uint32_t trips);
/* The same from first, whatever the number of trips, by step. */
const char *msl_loop_from(emitter *e, const char *hint, uint32_t first,
                          uint32_t end, uint32_t step);
/* The same as msl_loop, never unrolled: for bodies that index no arrays of
 * the thread by the variable. */
const char *msl_loop_rolled(emitter *e, const char *hint, uint32_t trips);
/* Closes an if and opens its else. */
void msl_else(emitter *e);
void msl_block(emitter *e, tm_block block);
/* Value v of inst lives in variable `name` from now on. */
void msl_bind(emitter *e, tm_value v, const char *name);
/* Keeps what v is at point for the rest of the scope. */
void msl_remember(emitter *e, tm_value v, const msl_point *point,
                  msl_expr expr);
/* Prints one scalar instruction or leaves it to its use. */
void msl_scalar_inst(emitter *e, tm_inst inst);
void msl_emit_group(emitter *e, msl_group *group);
tm_diag *msl_refuse(emitter *e, tm_inst inst, const char *fmt, ...)
    TM_PRINTF(3, 4);
void msl_broken(emitter *e, tm_inst inst, const char *what);

/* ---- emitter_plan.c --------------------------------------------------- */

bool msl_plan(emitter *e);
bool msl_is_view(emitter *e, tm_inst inst);
/* Map from the registers of view's result to those of its source. */
const msl_map *msl_view_map(emitter *e, tm_inst view);
/* Looks through views: the value that is read and the point in it. */
tm_value msl_look_through(emitter *e, tm_value v, msl_point *point);
static inline const tm_layout *msl_layout(const emitter *e, tm_value v) {
  return e->layouts->of[v];
}
/* log2 of the registers of v; 0 for scalars. */
uint32_t msl_reg_bits(const emitter *e, tm_value v);
msl_region *msl_region_of(emitter *e, tm_inst inst, uint32_t operand);

/* ---- emitter_coords.c ------------------------------------------------- */

/* Every register, 1 << width of them a time: loop variable var (NULL when
 * the loop has one trip). */
msl_point msl_point_all(const char *var, uint32_t n_reg, uint32_t width);
/* The same with an inner variable for 1 << inner vectors. */
msl_point msl_point_nested(const char *var, const char *inner_var,
                           uint32_t n_reg, uint32_t width, uint32_t inner);
msl_point msl_point_register(uint32_t reg);
msl_point msl_point_component(const msl_point *point, uint32_t component);
/* The registers of map's target for the registers at point. */
msl_point msl_point_compose(const msl_point *point, const msl_map *map);
/* The same registers, at vector points in the same order. */
bool msl_point_equal(const msl_point *a, const msl_point *b);
bool msl_point_is_identity(const msl_point *point, uint32_t n_reg);

/* A sum of terms, zero ones left out. */
typedef struct msl_sum {
  msl_expr terms[12];
  uint32_t n;
} msl_sum;
void msl_sum_add(msl_sum *sum, msl_expr term);
msl_expr msl_sum_text(emitter *e, const msl_sum *sum);
/* The linear function of one variable of n bits; text "0" when zero. Bits
 * of different images must not overlap: sums stand for XOR. */
msl_expr msl_linear(emitter *e, const char *var, uint32_t n,
                    const uint32_t *image);
/* A linear function of the thread index, kept in a constant of the thread;
 * images of the lane bits, then of the simdgroup bits. */
msl_expr msl_thread_part(emitter *e, const uint32_t *image);
/* plus + bits `shift` to `shift + bits` of the element index that layout
 * holds at point. A vector point gives a vector, unless it is the same in
 * all components. */
msl_expr msl_coordinate(emitter *e, const tm_layout *layout,
                        const msl_point *point, uint32_t shift, uint32_t bits,
                        int64_t plus);
/* The place in memory of the element at point, component 0, in a tile with
 * `row` elements a row and `pitch` from row to row. */
msl_expr msl_tile_index(emitter *e, const tm_layout *layout,
                        const msl_point *point, uint32_t row, uint32_t pitch);

/* ---- emitter_expr.c, emitter_types.c ---------------------------------- */

tm_scalar msl_scalar_of(tm_type type); /* element scalar; VOID for pointers */
/* Type of a value in registers: bf16 is kept as a float. */
const char *msl_type(emitter *e, tm_scalar scalar, uint32_t lanes);
/* Type in device memory. */
const char *msl_memory_type(emitter *e, tm_scalar scalar, uint32_t lanes);
uint32_t msl_memory_bytes(tm_scalar scalar);
uint32_t msl_register_bytes(tm_scalar scalar);
/* Kept in registers as a float that it can hold. */
bool msl_is_coded(tm_scalar scalar);
/* False, with an error at inst, when MSL has no such type. */
bool msl_type_is_supported(emitter *e, tm_inst inst, tm_type type);
/* "device const float *" */
const char *msl_pointer_type(emitter *e, tm_value pointer);
msl_expr msl_eval(emitter *e, tm_value v, const msl_point *point);
/* The same, but not through an array or variable of v's own. */
msl_expr msl_compute(emitter *e, tm_value v, const msl_point *point);
/* An elementwise operation on operands that were evaluated already. */
msl_expr msl_elementwise(emitter *e, tm_inst inst, const msl_expr *operands);
/* tt.extern_elementwise: a function of libdevice. */
msl_expr msl_external(emitter *e, tm_inst inst, const msl_expr *operands);

/* ---- language versions ---------------------------------------------------- */

/* The text uses what came with that version of MSL. */
static inline void msl_require(emitter *e, uint32_t version) {
  if (e->out->language_version < version) e->out->language_version = version;
}

/* ---- emitter_custom.c: the host's own functions -------------------------- */

bool msl_is_custom(const tm_ir *ir, tm_inst inst);
/* Takes every word of their texts; before any other name is given. */
void msl_claim_custom_names(emitter *e);
msl_expr msl_custom(emitter *e, tm_inst inst, const msl_expr *operands);
/* A scalar (or R = 1 tile) value. */
msl_expr msl_eval_scalar(emitter *e, tm_value v);
/* Is v a product that is there for one sum, in whose expression it stands? */
bool msl_joins_a_sum(const emitter *e, tm_value v);
/* Text of x, in parentheses unless it binds at least as strongly as prec. */
const char *msl_paren(emitter *e, msl_expr x, msl_prec prec);
msl_expr msl_primary(const char *text, uint32_t lanes);
/* x with `lanes` components. */
msl_expr msl_widen(emitter *e, msl_expr x, tm_scalar scalar, uint32_t lanes);
msl_expr msl_literal(emitter *e, tm_scalar scalar, const tm_attr *value);
msl_expr msl_zero(emitter *e, tm_scalar scalar);
/* The entry of v's array for a store. */
const char *msl_array_entry(emitter *e, tm_value v, const msl_point *point);
/* Declares the array of v, uninitialised. */
void msl_declare_array(emitter *e, tm_value v);
/* dst's array becomes src. */
void msl_copy(emitter *e, tm_value dst, tm_value src);
/* An array of another name, declared like dst's, becomes src. */
void msl_copy_as(emitter *e, tm_value dst, const char *name, tm_value src);

/* ---- emitter_memory.c ------------------------------------------------- */

void msl_load(emitter *e, tm_inst inst, const msl_point *point);
void msl_store(emitter *e, tm_inst inst, const msl_point *point);
/* An access of 16 bytes that are more than one MSL vector (8 halfs): log2 of
 * the vectors in it, or 0. Its group walks them in an inner loop, between
 * the load and the store of all 16 bytes. */
uint32_t msl_wide_bits(emitter *e, tm_inst inst);
uint32_t msl_group_wide_bits(emitter *e, const msl_group *group); /* emit.c */
void msl_load_wide(emitter *e, tm_inst inst, const msl_point *outer);
/* Is what msl_load_wide leaves in raw eight elements of the load's result,
 * those behind its mask included? */
bool msl_is_wide_copy(emitter *e, tm_inst inst);
void msl_store_wide(emitter *e, tm_inst inst, const msl_point *outer);
/* Declares what the inner loop fills for a wide store. */
void msl_declare_wide(emitter *e, tm_inst inst);
/* Condition that holds for one of the threads with copies, or NULL. */
const char *msl_one_copy(emitter *e, const tm_layout *layout);
/* Condition that these bits of the thread index are zero; NULL: no bits. */
const char *msl_when_zero(emitter *e, uint32_t mask);

/* A mask that holds for every element; 0 is one. */
bool msl_mask_is_true(const emitter *e, tm_value mask);
/* The pointer of the element at point, as an operand of a cast; NULL with an
 * error at user when it has no form. */
const char *msl_place_text(emitter *e, tm_inst user, tm_value pointer,
                           const msl_point *point);

/* ---- emitter_atomic.c ------------------------------------------------- */

#define MSL_COHERENT_DEVICE "coherent(device) device"

void msl_atomic(emitter *e, tm_inst inst, const msl_point *point);
/* True for a tile that no group may hold: it has barriers of its own. */
bool msl_atomic_is_collective(emitter *e, tm_inst inst);
void msl_atomic_collective(emitter *e, tm_inst inst);
void msl_atomic_plan(emitter *e, tm_inst inst);
/* Notes in e->orders whether inst makes this kernel one with order. */
void msl_find_order(emitter *e, tm_inst inst);
/* A load of what other programs may change meanwhile. */
bool msl_is_volatile(const emitter *e, tm_inst inst);

/* ---- emitter_reduce.c, _scan.c, _gather.c, _dot.c, _convert.c, _control.c */

void msl_reduce(emitter *e, tm_inst inst);
bool msl_reduce_plan(emitter *e, tm_inst inst);
enum { MSL_MAX_REDUCED = 8 }; /* tensors that one reduction or scan takes */
/* How the elements of a reduction or a scan are combined. */
typedef struct msl_combine {
  emitter *e;
  tm_inst inst;
  uint32_t n;           /* operands */
  tm_inst simple;       /* the one commutative operation, or 0 */
  const char *function; /* else a function that was printed */
} msl_combine;
/* Prints the function, if there has to be one. */
msl_combine msl_combine_of(emitter *e, tm_inst inst);
/* name = combine(name, with), or combine(with, name) where `swapped`, an
 * expression, is true. */
void msl_accumulate(const msl_combine *c, const char *const *name,
                    const char *const *with, const char *swapped);
/* region[...] = source at 1 << width registers a time, by one of the threads
 * with copies. */
void msl_store_tile(emitter *e, const msl_region *region, tm_value source,
                    const tm_layout *layout, uint32_t width);
void msl_gather(emitter *e, tm_inst inst);
void msl_histogram(emitter *e, tm_inst inst);
bool msl_gather_plan(emitter *e, tm_inst inst); /* of both */
void msl_scan(emitter *e, tm_inst inst);
bool msl_scan_plan(emitter *e, tm_inst inst);
void msl_dot(emitter *e, tm_inst inst);
void msl_convert(emitter *e, tm_inst inst);
bool msl_convert_plan(emitter *e, tm_inst inst);
tm_convert_kind msl_convert_kind(emitter *e, tm_inst inst);
void msl_control(emitter *e, tm_inst inst);

/* ---- emitter_stage.c -------------------------------------------------- */

/* Fills e->stagings. */
void msl_stage_find(emitter *e);
/* Carried tiles whose registers stay as memory has them; once all is planned. */
void msl_stage_pack(emitter *e);
/* Declares the region of a staged conversion. */
void msl_stage_plan(emitter *e, tm_inst inst);
/* Makes staged tiles take less memory; false when nothing more helps. */
/* Sizes of all staged tiles, as the plan stands. */
void msl_stage_fit(emitter *e);
bool msl_stage_shrink(emitter *e);
/* True when the dot that reads it stores it, just before it starts. */
bool msl_stage_is_late(emitter *e, tm_inst inst);
/* The region that the tile is in. */
msl_region *msl_stage_region(emitter *e, tm_inst inst);
/* Stores the tile; window: the variable of the dot's windows, or NULL. */
void msl_stage(emitter *e, tm_inst inst, const char *window);
/* The layout of the operand as its region has it: dimensions in the order of
 * memory, without the bits of K that choose a window. */
tm_layout msl_stage_layout(emitter *e, tm_inst inst);
/* l with the highest w bits of dimension d dropped. */
tm_layout msl_drop_top(const tm_layout *l, uint32_t d, uint32_t w);

/* ---- emitter_tensor.c -------------------------------------------------- */

/* Fills e->tensors and declares their regions; storages are known. */
void msl_tensor_plan(emitter *e);
/* Leaves all dots to simdgroup matrices; false when none were otherwise. */
bool msl_tensor_drop(emitter *e);
/* Around a loop, for each carried tile. Before: true when the tile's array is
 * not needed until after it, which then declares it by that name. */
bool msl_tensor_before_loop(emitter *e, tm_inst loop, uint32_t index,
                            const char *name);
void msl_tensor_after_loop(emitter *e, tm_inst loop, uint32_t index,
                           const char *name);
/* The product, once the operands are there. */
void msl_tensor_dot(emitter *e, tm_inst inst);

/* ---- emitter_pool.c --------------------------------------------------- */

/* Declares a region that lives from instruction `from` to `to`. */
/* ---- emitter_turns.c -------------------------------------------------- */

/* Says how often the regions of an instruction may be halved: its first may be
 * 2^most turns of `bytes` in all. elements: of the tile, or 0. */
enum { MSL_TURNS = 20 }; /* of tiles: as many as it takes */
void msl_turns_allow(emitter *e, tm_inst inst, uint32_t operand,
                     uint32_t bytes, uint32_t elements, uint32_t most);
/* Halves the largest region that may go through in turns. */
bool msl_turns_add(emitter *e);
/* Around what stores and loads: nothing when there is one turn. */
void msl_turns_open(emitter *e, tm_inst inst);
void msl_turns_close(emitter *e, tm_inst inst);
/* The loop over 2^n registers, the last ones in turns; NULL when there is one
 * register and no loop to close. */
const char *msl_turns_registers(emitter *e, const msl_region *region,
                                uint32_t n);
/* x without the bits of the mask, those above moved down. */
uint32_t msl_without_bits(uint32_t x, uint32_t mask);
/* An element's place in the region; *when: the condition that this is its
 * turn, or NULL. */
msl_expr msl_turns_place(emitter *e, const msl_region *region, msl_expr at,
                         const char **when);
/* to = what the region holds, when this is its turn. */
void msl_turns_load(emitter *e, const char *type, const char *to,
                    const char *from, const char *when);

void msl_region_add(emitter *e, tm_inst inst, uint32_t operand,
                    const char *hint, const char *type, uint32_t bytes,
                    uint32_t row, uint32_t pitch, tm_inst from, tm_inst to);
bool msl_pool_assign(emitter *e);
/* What regions cost that live in a span of positions. */
typedef struct msl_pool_cost {
  int64_t excess; /* bytes of all regions that lie over the limit */
  int64_t bytes;  /* of all regions */
} msl_pool_cost;
/* Whether places depend on nothing but who lives when: there are no arrays and
 * no small regions, which want bytes of their own. */
bool msl_pool_is_plain(const emitter *e);
/* Whether it wants bytes of its own. */
bool msl_region_is_small(const msl_region *region);
/* Call when the region's lifetime has changed since msl_pool_place. */
void msl_pool_moved(emitter *e, const msl_region *region);
/* Widens the span until no region lives at its edges and outside of it. */
void msl_pool_close(emitter *e, msl_life *span);
/* Of such a span, in a plain pool. */
msl_pool_cost msl_pool_cost_of(emitter *e, msl_life span);
/* Gives every region its offset; the bytes of all. */
uint32_t msl_pool_place(emitter *e);
/* Call before the statements that write or read it: prints the barrier that
 * they need, if any. */
void msl_region_write(emitter *e, msl_region *region);
void msl_region_read(emitter *e, msl_region *region);
/* Keeps that it was read or written since the last barrier; prints none. */
void msl_region_note(emitter *e, msl_region *region, bool read, bool written);
/* At the head of a loop body: what its end may have left behind. */
void msl_pool_enter_loop(emitter *e, tm_block body);
/* The state is joined over branches. */
typedef struct msl_pool_use { /* of one region, since the last barrier */
  uint32_t region;
  bool written, read;
  tm_rmw rmw;
} msl_pool_use;

typedef struct msl_pool_state {
  msl_pool_use *uses; /* of what is used, and perhaps of more */
  uint32_t n_uses;
  msl_pending *pending;
  uint32_t n_pending;
} msl_pool_state;
msl_pool_state msl_pool_save(emitter *e);
void msl_pool_restore(emitter *e, const msl_pool_state *state);
void msl_pool_join(emitter *e, const msl_pool_state *state);
void msl_barrier(emitter *e, const char *flags);

/* ---- emitter_shared.c: the kernel's own arrays ------------------------- */

bool msl_is_shared(const emitter *e, tm_value pointer);
/* The array that a pointer into shared memory is of; NULL: of other memory. */
msl_region *msl_shared_region(emitter *e, tm_value pointer);
/* Which of its elements the pointer at point is to; false with an error. */
bool msl_shared_place(emitter *e, tm_inst user, tm_value pointer,
                      const msl_point *point, msl_expr *at);
bool msl_shared_plan(emitter *e, tm_inst array);
/* Call before the statements of an access: prints the barrier it needs. */
void msl_shared_order(emitter *e, tm_inst inst);
/* Call before and at the head of a loop: see emitter_pool.c. */
void msl_shared_before_loop(emitter *e, tm_block body);
void msl_shared_enter_loop(emitter *e, msl_region *region, tm_block body);
/* The element at `at`, as memory holds it; where mask is false, any one. */
msl_expr msl_shared_load(emitter *e, const msl_region *region,
                         tm_scalar scalar, msl_expr at, const char *mask);
void msl_shared_store(emitter *e, const msl_region *region, tm_scalar scalar,
                      msl_expr at, const char *condition, const char *x);
/* name: what the old value is assigned to; NULL: nobody wants it. */
void msl_shared_rmw(emitter *e, const msl_region *region, tm_scalar scalar,
                    tm_rmw op, msl_expr at, const char *x, const char *name);
void msl_shared_cas(emitter *e, const msl_region *region, tm_scalar scalar,
                    msl_expr at, const char *want, const char *with,
                    const char *name);

/* ---- emitter_order.c -------------------------------------------------- */

/* Call before the statements of these instructions: prints the barrier that
 * their accesses to device memory need, if any. */
void msl_order(emitter *e, const tm_inst *insts, uint32_t n);
void msl_order_enter_loop(emitter *e, tm_block block);
void msl_order_join(emitter *e, const msl_pending *pending, uint32_t n);
/* True if some element is held by more than one thread; of scalars (NULL)
 * all are. */
bool msl_has_copies(const tm_layout *layout);

/* ---- emitter_prelude.c ------------------------------------------------ */

typedef enum msl_helper_id {
  MSL_H_LOAD_MASKED, MSL_H_STORE_MASKED, MSL_H_REM, MSL_H_TOWARD_ZERO,
  MSL_H_TO_INT,
  MSL_H_TO_LONG, MSL_H_TO_UINT, MSL_H_TO_ULONG, MSL_H_MAX_NAN, MSL_H_MIN_NAN,
  MSL_H_BF16_LOAD, MSL_H_BF16_BITS, MSL_H_BF16_ROUND, MSL_H_FMA_TO_ODD,
  MSL_H_INT_TO_ODD, MSL_H_LONG_TO_ODD,
  MSL_H_E4M3_LOAD, MSL_H_E4M3_BITS, MSL_H_E4M3_ROUND,
  MSL_H_E5M2_LOAD, MSL_H_E5M2_BITS, MSL_H_E5M2_ROUND,
  MSL_H_E4B8_LOAD, MSL_H_E4B8_BITS, MSL_H_E4B8_ROUND,
  MSL_H_E5B16_LOAD, MSL_H_E5B16_BITS, MSL_H_E5B16_ROUND,
  MSL_H_ERF, MSL_H_HYPOT, MSL_H_FFS, MSL_H_SHUFFLE, MSL_H_SHUFFLE_XOR,
  /* emitter_libdevice.c; those that others need come first */
  MSL_H_LIBDEVICE,
  MSL_H_EXP_SUM = MSL_H_LIBDEVICE, MSL_H_LN, MSL_H_LOG1P, MSL_H_EXPM1,
  MSL_H_ERFCX_TAIL, MSL_H_ERFCX, MSL_H_ERFC, MSL_H_ERFINV_NEAR, MSL_H_ERFINV,
  MSL_H_ERFCINV, MSL_H_NORMCDFINV, MSL_H_NORMCDF, MSL_H_SIN_PI, MSL_H_TGAMMA,
  MSL_H_LGAMMA, MSL_H_BESSEL_NEAR_0, MSL_H_BESSEL_NEAR_1, MSL_H_BESSEL_FAR_0,
  MSL_H_BESSEL_FAR_1, MSL_H_J0, MSL_H_J1, MSL_H_Y0, MSL_H_Y1, MSL_H_BESSEL_I0,
  MSL_H_BESSEL_I1, MSL_H_CBRT, MSL_H_RCBRT, MSL_H_RHYPOT, MSL_H_NORM4D,
  MSL_H_NORM3D, MSL_H_RNORM4D, MSL_H_RNORM3D, MSL_H_REMAINDER, MSL_H_SATURATE,
  MSL_H_ADD_RN, MSL_H_SUB_RN, MSL_H_MUL_RN, MSL_H_SIGNIFICAND, MSL_H_UNIT,
  MSL_H_ROUNDED, MSL_H_SUM_ROUNDED, MSL_H_ADD_ROUNDED, MSL_H_SUB_ROUNDED,
  MSL_H_MUL_ROUNDED, MSL_H_FMA_ROUNDED, MSL_H_DIV_ROUNDED, MSL_H_RCP_ROUNDED,
  MSL_H_SQRT_ROUNDED, MSL_H_RSQRT_RN, MSL_H_FROM_INT, MSL_H_FROM_UINT,
  MSL_H_FROM_ULONG, MSL_H_FROM_LONG, MSL_H_LDEXP, MSL_H_ILOGB, MSL_H_LOGB,
  MSL_H_TO_LL, MSL_H_TO_ULL, MSL_H_BITS_OF, MSL_H_OF_BITS,
  MSL_H_RCP_RN, MSL_H_HADD, MSL_H_RHADD, MSL_H_SAD, MSL_H_MUL24,
  MSL_H_UMUL24, MSL_H_BYTE_PERM,
  MSL_HELPERS
} msl_helper_id;

enum { MSL_HELPER_NEEDS = 3 };

typedef struct msl_helper_text {
  const char *name;
  msl_helper_id needs[MSL_HELPER_NEEDS]; /* of lower numbers; 0: no more */
  const char *text;
} msl_helper_text;

extern const msl_helper_text msl_libdevice[]; /* from MSL_H_LIBDEVICE on */

/* Takes the names of all helpers; before any other name is given. */
void msl_claim_helper_names(emitter *e);
/* Notes that the helper is needed for a type; returns its name. scalar is
 * the MSL scalar type ("float"). */
const char *msl_use(emitter *e, msl_helper_id id, const char *scalar,
                    uint32_t lanes);
/* bf16, e4m3 and e5m2 are floats in registers: the helper that loads one
 * from its code, gives its code, or rounds. */
typedef enum msl_codec { MSL_LOAD_CODE, MSL_CODE_OF, MSL_ROUND } msl_codec;
const char *msl_use_codec(emitter *e, tm_scalar scalar, msl_codec which,
                          uint32_t lanes);
void msl_print_helpers(emitter *e, tm_buf *out);

/* ---- emitter_log.c ---------------------------------------------------- */

bool msl_is_logged(tm_op op);
/* Prints the records of a tt.print or tt.assert. */
void msl_log(emitter *e, tm_inst inst);
void msl_print_log_helper(emitter *e, tm_buf *out);

/* ---- emitter_unroll.c ------------------------------------------------- */

/* Takes the unrolling back from loops that would grow the text too far.
 * Lines stay where they are. */
void msl_limit_unrolling(emitter *e, tm_buf *body);

#endif
