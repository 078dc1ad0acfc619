/* SPDX-License-Identifier: MIT */
/*
 * layout.h - which thread holds which element of a tile.
 *
 * A layout is a linear map over bits, as in Triton's LinearLayout (K. Zhou et
 * al., "Linear Layouts", 2025): the element held by (register r, lane l,
 * simdgroup w) is the XOR of one basis vector for each set bit of r, l and w.
 *
 *     float tile [4, 64], 1 simdgroup, 8 registers a thread
 *
 *     reg bit 0 -> column 1     lane bit 0..3 -> columns 4 8 16 32
 *     reg bit 1 -> column 2     lane bit 4    -> row 1
 *     reg bit 2 -> row 2        (so: one float4 per register group)
 *
 * All extents are powers of two, so an element is one number: its row-major
 * index, whose bits are the concatenated bits of the coordinates, the last
 * dimension lowest. A basis vector is such a number, and a zero basis vector
 * on a lane or simdgroup bit means that the threads it tells apart hold
 * copies. Register bits never hold copies: no register basis is zero or
 * dependent on the others.
 *
 * The same representation serves blocked, sliced (reductions), broadcast,
 * transposed and fragment layouts; composition, inversion and equality are
 * linear algebra over the field of two elements (linear.c).
 *
 * Flow: axis.c learns contiguity, divisibility and constancy of every value;
 * assign.c chooses a layout for every tensor value, starting from memory
 * accesses and dots, and inserts ttg.convert_layout where neighbours cannot
 * agree; convert.c says how a conversion is done.
 */
#ifndef TM_LAYOUT_H
#define TM_LAYOUT_H

#include "../chip.h"
#include "../ir/ir.h"

enum {
  TM_LANE_BITS = 5,   /* simdgroups of 32 lanes on all Apple GPUs */
  TM_MAX_WARP_BITS = 5, /* 1024 threads a threadgroup */
  TM_MAX_REG_BITS = 20  /* Triton's largest tile is 2^20 elements */
};

typedef struct tm_layout {
  uint32_t rank;
  uint8_t dim_bits[TM_MAX_RANK]; /* log2 of each extent */
  uint8_t n_reg, n_warp;
  uint32_t reg[TM_MAX_REG_BITS];
  uint32_t lane[TM_LANE_BITS];
  uint32_t warp[TM_MAX_WARP_BITS];
} tm_layout;

/* ---- linear.c --------------------------------------------------------- */

/* The element held; row-major index. */
uint32_t tm_layout_element(const tm_layout *l, uint32_t reg, uint32_t lane,
                           uint32_t warp);
/* Splits a row-major index into coordinates. */
void tm_layout_coords(const tm_layout *l, uint32_t element,
                      uint32_t coords[TM_MAX_RANK]);
/* Bits of element index below dimension d: element >> shift gives it. */
uint32_t tm_layout_dim_shift(const tm_layout *l, uint32_t d);
bool tm_layout_equal(const tm_layout *a, const tm_layout *b);
uint32_t tm_layout_hash(const tm_layout *l);
/* Every element is held by some thread; holds for every assigned layout. */
bool tm_layout_covers(const tm_layout *l);
/* No element is held twice, by any thread. */
bool tm_layout_is_injective(const tm_layout *l);
/* Lane bits, simdgroup bits (as masks of thread-index bits) on which all
 * copies must be 0 so that each element is written exactly once: a thread
 * writes when (lane & *lanes) == 0 and (warp & *warps) == 0. When copies
 * are not told apart by single bits the layout is rejected by assign.c. */
void tm_layout_copies(const tm_layout *l, uint32_t *lanes, uint32_t *warps);
/* For each register of dst, the register of src that holds the same element
 * in the same thread; false if for some register there is none. map has
 * 1 << dst->n_reg entries. src_of maps a dst element to a src element
 * (identity when NULL); it must preserve XOR, as dropping and permuting
 * coordinate bits do. */
bool tm_layout_register_map(const tm_layout *dst, const tm_layout *src,
                            uint32_t (*src_of)(void *, uint32_t),
                            void *payload, uint32_t *map);
/* Longest run of consecutive elements in consecutive registers, from
 * register 0: how many elements one vector access can move. */
uint32_t tm_layout_run(const tm_layout *l);
/* The same along dimension d: registers 0 .. run-1, and every later group,
 * hold elements whose coordinate d increases by one. */
uint32_t tm_layout_run_along(const tm_layout *l, uint32_t d);

/* Constructors. order lists dimensions, fastest first. */
tm_layout tm_layout_blocked(uint32_t rank, const int64_t *shape,
                            uint32_t per_thread, uint32_t num_warps,
                            const uint32_t *order);
/* As blocked with an extent per thread in each dimension. */
tm_layout tm_layout_tiled(uint32_t rank, const int64_t *shape,
                          const uint32_t *per_thread, const uint32_t *lanes,
                          const uint32_t *warps, const uint32_t *order);
/* 8x8 fragments in the last two dimensions: register bit 0 and the lane
 * bits follow simdgroup_matrix's thread_elements (METAL-FACTS 6.5, 29), the
 * next register bits walk fragments (last dimension first), warps_m x
 * warps_n simdgroups tile the rest. warps_m * warps_n may be less than the
 * number of simdgroups only if the tile is too small: the others hold
 * copies. For operand A of a dot pass warps_n simdgroups as copies, for B
 * warps_m (see tm_layout_dot_operand). */
tm_layout tm_layout_fragment(uint32_t rank, const int64_t *shape,
                             uint32_t warps_m, uint32_t warps_n,
                             uint32_t num_warps);
/* The same with columns in another order: the 1 << low fragments next to each
 * other in a thread's registers take columns of which a thread's are
 * consecutive, 2 << low of them. low is cut to what each simdgroup has. */
tm_layout tm_layout_fragment_wide(uint32_t rank, const int64_t *shape,
                                  uint32_t warps_m, uint32_t warps_n,
                                  uint32_t num_warps, uint32_t low);
/* The layout of operand 0 (A: [M,K]) or 1 (B: [K,N]) that matches the
 * accumulator layout acc of the product. */
tm_layout tm_layout_dot_operand(const tm_layout *acc, int operand, int64_t k);

/* In which order a product's fragments take K. A sum does not depend on the
 * order, so it may be one in which what a thread holds of the operands lies
 * together in memory and is loaded 16 bytes at a time:
 *
 *   index along K in a fragment   0 1 2 3 4 5 6 7    K = 32, fragment 0
 *   low = 0                       0 1 2 3 4 5 6 7
 *   low = 2                       0 1 8 9 16 17 24 25    A: 8 in a row, as
 *                                                        fragment 1 has 2 3
 *   low = 2, columns              0 4 8 12 16 20 24 28   B too, where its
 *                                                        columns are in a row
 * 0 is the order as it stands. */
typedef uint32_t tm_k_order;
static inline tm_k_order tm_k_order_make(uint32_t low, bool columns) {
  return low ? low | (columns ? 16u : 0) : 0;
}
static inline uint32_t tm_k_order_low(tm_k_order o) { return o & 15; }
/* What bit i of the index along K in a fragment moves along K. */
static inline uint32_t tm_k_order_inside(tm_k_order o, uint32_t i) {
  bool columns = o & 16;
  return i == 0 && !columns ? 1 : 1u << (i + tm_k_order_low(o));
}
/* What bit i of the fragment's number moves along K. */
static inline uint32_t tm_k_order_step(tm_k_order o, uint32_t i) {
  return i >= tm_k_order_low(o) ? 8u << i : (o & 16 ? 1u : 2u) << i;
}
/* As tm_layout_dot_operand, for a product that takes K in that order. The
 * registers are in the order of memory; those of K first for A, and for B
 * where its columns lie in a row. */
tm_layout tm_layout_dot_operand_wide(const tm_layout *acc, int operand,
                                     int64_t k, tm_k_order order);
/* True if register bit 0 and all lane bits are those of an 8x8 fragment, its
 * columns perhaps as in tm_layout_fragment_wide; of
 * what is left of one in a tile with less than 8 rows or columns, where the
 * other rows and columns of the fragment hold copies. */
bool tm_layout_is_fragment(const tm_layout *l);
/* The same, and there are 8 rows and 8 columns. */
bool tm_layout_has_whole_fragments(const tm_layout *l);
/* Layouts of derived tiles. */
/* Axis removed. */
tm_layout tm_layout_slice(const tm_layout *l, uint32_t axis);
/* A dimension of extent 1 added at axis. */
tm_layout tm_layout_expand(const tm_layout *l, uint32_t axis);
/* Of a broadcast's source: shape has extent 1 where the result's grows. */
tm_layout tm_layout_narrow(const tm_layout *l, const int64_t *shape);
/* Of join's result and operands: a last dimension of 2 in register bit 0. */
tm_layout tm_layout_join(const tm_layout *operand);
/* Of cat's result (first dimension doubled, in the last register bit), and
 * back: the first dimension halved, its highest bit removed. */
tm_layout tm_layout_cat(const tm_layout *operand);
tm_layout tm_layout_half(const tm_layout *result);
tm_layout tm_layout_trans(const tm_layout *l, const int64_t *order);
tm_layout tm_layout_reshape(const tm_layout *l, uint32_t rank,
                            const int64_t *shape);
/* One line of basis vectors as coordinates, for dumps and docs:
 * [4, 64] reg (0,1) (0,2) (2,0) lane (0,4) ... warp - */
void tm_layout_print(tm_buf *out, const tm_layout *l);

/* ---- tensor.c --------------------------------------------------------- */

/* Marks the dots that matmul2d can compute; false: there are none. Call before
 * layouts are assigned. */
bool tm_tensor_mark(tm_ir *ir, const tm_chip *chip, uint32_t num_warps);
/* In how many parts, of equally many rows, the product of a marked dot is
 * computed: 1 to TM_TENSOR_PARTS, a power of two. */
enum { TM_TENSOR_PARTS = 8 };
uint32_t tm_tensor_parts(tm_type product, const tm_chip *chip);
bool tm_tensor_is_marked(const tm_ir *ir, tm_inst inst);

/* ---- axis.c ----------------------------------------------------------- */

/* What is known of a value's elements along each dimension (scalars: [0]).
 * contiguity: runs of this length increase by 1 (pointers: by one element);
 * divisibility: the first of each run is a multiple of this (pointers: in
 * bytes); constancy: runs of this length are equal. All powers of two. Runs
 * start at multiples of their length. A run may pass the largest value of
 * its type and wrap, but never inside an aligned group of
 * min(contiguity, divisibility): use that many as consecutive. */
typedef struct tm_axis {
  uint32_t contiguity[TM_MAX_RANK];
  uint64_t divisibility[TM_MAX_RANK];
  uint32_t constancy[TM_MAX_RANK];
} tm_axis;

/* One entry per value; arena memory. */
tm_axis *tm_axis_analyse(tm_ir *ir, tm_arena *arena);

/* ---- assign.c --------------------------------------------------------- */

/*
 * What the layouts of an instruction's tensor operands and results promise
 * each other after assignment (verify_layout.c holds every kernel to it).
 * R is the result's layout, O that of an operand; "any" is no promise.
 *
 *   elementwise, select, map_elementwise,   O = R, for every tensor operand
 *     casts, addptr, inline asm, extern     (a scalar condition has none)
 *   constant, make_range, splat, poison     R any; splat's operand is scalar
 *   expand_dims (axis)       O = slice(R, axis): the same basis vectors
 *   broadcast                O = R without the basis bits of the dimensions
 *                            that grow (register bits dropped, lane and
 *                            simdgroup bits zero): each register of the
 *                            result is a register of the source in the same
 *                            thread, tm_layout_register_map finds it
 *   trans (order)            R = trans(O, order): register i stays register i
 *   reshape                  R = reshape(O): register i stays register i
 *   join                     O = slice(R, last dimension), both operands;
 *                            that dimension is a register bit of R
 *   split                    R = slice(O, last dimension), both results;
 *                            that dimension is a register bit of O
 *   cat                      O = R without its highest element bit, which is
 *                            a register bit of R: 0 selects operand 0
 *   reduce (axis)            R = slice(O, axis), all operands the same; a
 *                            scalar result has none
 *   scan (axis)              R = O, all operands the same
 *   dot                      C = R is a fragment layout,
 *                            A = dot_operand(R, 0, K), B = dot_operand(R, 1, K)
 *   gather                   indices = R; source any
 *   histogram                mask = source; source any, R any
 *   load, atomic_rmw,        pointer, value, mask, other = R
 *     atomic_cas, store
 *   convert_layout           O any, R any: see convert.c
 *   unsplat, print, assert   O any
 *   scf.for, scf.while,      initial values, block arguments, yielded values
 *     scf.if                 and results of one variable: all the same
 *
 * Stores and atomics act in the threads that tm_layout_copies names, so that
 * each element is written once; the other threads of an atomic need its
 * result, too: it has to be passed to them.
 *
 * Every layout covers its tile, and its nonzero basis vectors are single,
 * distinct bits: each thread bit either moves along one dimension or tells
 * copies apart, so tm_layout_copies always answers.
 */
typedef struct tm_layouts {
  uint32_t num_warps;
  const tm_layout **of; /* per value; NULL for scalars. Equal layouts are
                           equal pointers. */
  /* Per instruction, for loads and stores of tensors (1 for all others):
   * width w means that in each group of w consecutive registers, from a
   * multiple of w, the pointers increase by one element and the first is
   * aligned to w elements: one access can move the group if all of its mask
   * bits are set. w * element bytes is at most 16. */
  uint8_t *width;
  /* mask_width registers, from a multiple of it, share one mask value. When
   * mask_width >= width one mask bit decides for the group; otherwise the
   * group has to be tested element by element, and moved singly unless all
   * are set. mask_width == width when there is no mask. */
  uint8_t *mask_width;
  /* Per value of i1: same registers, from a multiple of it, share one value
   * (1 for all others). */
  uint8_t *same;
  uint32_t n_values, n_insts;
} tm_layouts;

/* Chooses layouts for the kernel function and inserts TM_CONVERT_LAYOUT
 * instructions (the ir is changed). num_warps must be a power of two, 1 to
 * 32. False with errors in diags when a tile cannot be laid out. */
bool tm_layout_assign(tm_ir *ir, const tm_chip *chip, uint32_t num_warps,
                      tm_layouts *out, tm_diags *diags);

/* The same, but for tests: with seed not 0, every choice that only matters
 * for speed is made at random (perturb.c). */
bool tm_layout_assign_random(tm_ir *ir, const tm_chip *chip,
                             uint32_t num_warps, uint64_t seed,
                             tm_layouts *out, tm_diags *diags);

/* Holds every instruction of the kernel to the table above, and every layout
 * to what is said there. Each broken promise is an INTERNAL error at its
 * place; true when there is none. */
bool tm_layout_verify(const tm_ir *ir, const tm_layouts *layouts,
                      tm_diags *diags);

/* Appends one line per tensor value, in program order: the value, its
 * operation, type, access width if it is a memory access, and layout. */
void tm_layouts_print(const tm_ir *ir, const tm_layouts *layouts,
                      tm_buf *out);

/* ---- convert.c -------------------------------------------------------- */

typedef enum tm_convert_kind {
  TM_CONVERT_NONE,        /* equal layouts */
  TM_CONVERT_REGISTERS,   /* each thread has what it needs: map renames */
  TM_CONVERT_SHUFFLE,     /* within a simdgroup: shuffles */
  TM_CONVERT_THREADGROUP  /* through threadgroup memory */
} tm_convert_kind;

typedef struct tm_convert_plan {
  tm_convert_kind kind;
  uint32_t *map;        /* REGISTERS: source register of each register */
  /* SHUFFLE: destination register r takes source register
   * source[r] from lane (own lane with linear map applied):
   * lane' = XOR over set bits i of the lane of lane_bits[i], XOR lane_xor[r] */
  uint32_t *source, *lane_xor;
  uint32_t lane_bits[TM_LANE_BITS];
  /* THREADGROUP: element e is stored at e + (e / pad_every) * pad, in
   * elements (tm_convert_slot); bytes is the size for the element type. Only
   * threads that tm_layout_copies(from) names need to store. */
  uint32_t pad_every, pad, bytes;
  /* THREADGROUP: elements in consecutive registers, from a multiple of the
   * width, that are consecutive and aligned in threadgroup memory: one access
   * may store (of the source) or load (of the destination) them. */
  uint32_t store_width, load_width;
  /* THREADGROUP: no simdgroup reads what another one stored, so that
   * simdgroup_barrier orders the exchange. */
  bool within_simdgroup;
} tm_convert_plan;

static inline uint32_t tm_convert_slot(const tm_convert_plan *plan,
                                       uint32_t element) {
  return element + element / plan->pad_every * plan->pad;
}

/* The kind alone. */
tm_convert_kind tm_convert_kind_of(tm_arena *arena, const tm_layout *from,
                                   const tm_layout *to);
tm_convert_plan tm_convert_analyse(tm_arena *arena, const tm_layout *from,
                                   const tm_layout *to, uint32_t elem_bytes);

#endif
