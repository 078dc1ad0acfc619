/* SPDX-License-Identifier: MIT */
/*
 * assignint.h - what the files that assign layouts share: relation.c,
 * seed.c, propagate.c, assign.c, perturb.c, verify_layout.c.
 */
#ifndef TM_ASSIGNINT_H
#define TM_ASSIGNINT_H

#include "layout.h"

enum {
  TM_LAYOUT_MAX_DEPTH = 256,   /* of nested regions */
  TM_LAYOUT_MAX_REGISTERS = 12 /* log2, of one value in one thread */
};

/* ---- relation.c: the table in layout.h as functions --------------------- */

/* Operands of a tensor type take part in relations; all others do not. */
bool tm_relation_is_tensor(const tm_ir *ir, tm_value v);
/* True for operations whose tensor operands and results share one layout. */
bool tm_relation_is_same(tm_op op);
/* The layout of operand k when the result has layout r. False when the op
 * does not fix it. */
bool tm_relation_operand(const tm_ir *ir, tm_inst i, uint32_t k,
                         const tm_layout *r, tm_layout *out);
/* The layout of the results when operand k has layout o. False when the
 * op does not fix it, or o is not one that the op can take. */
bool tm_relation_result(const tm_ir *ir, tm_inst i, uint32_t k,
                        const tm_layout *o, tm_layout *out);

/* ---- the work in progress ------------------------------------------------ */

/* How much a value's layout matters, as propagation sees it. Values without
 * any (TM_SOFT) are cheap to compute in whatever layout is asked for. */
enum {
  TM_SOFT = 0,
  TM_WEAK = 2,    /* a default, or a scattered access */
  TM_MEMORY = 4,  /* a coalesced access */
  TM_PRODUCT = 6  /* fragments of a dot */
};

typedef struct tm_layout_entry {
  tm_layout layout; /* first: an entry is found from its layout */
  uint32_t id;
  struct tm_layout_entry *next; /* with the same hash */
} tm_layout_entry;

/* What is known of a load, store or atomic, from the axis analysis. */
typedef struct tm_access {
  tm_type type;          /* of the pointer tensor */
  uint32_t elem_bytes;
  uint32_t order[TM_MAX_RANK];      /* dimensions, fastest first */
  uint32_t contiguity;   /* of the pointer along order[0] */
  uint32_t vector;       /* elements one access can move along order[0] */
  const tm_layout *seed; /* the layout it asks for */
} tm_access;

/* Accesses to tiles of one shape in one order, which share a layout. */
typedef struct tm_access_kind {
  const tm_access *first; /* in the order of instructions */
  uint32_t vector, elem_bytes; /* the largest of any */
} tm_access_kind;

typedef struct tm_assigner {
  tm_ir *ir;
  tm_arena *arena;
  const tm_chip *chip;
  tm_diags *diags;
  uint32_t num_warps;
  uint64_t random;         /* seed of choices at random; 0: none are */
  const tm_axis *axis;     /* per original value */
  uint32_t n_values, n_insts; /* before anything was inserted */
  const uint32_t *uses;    /* per original value */

  const tm_layout **wish;  /* per original value: what propagation found */
  uint8_t *strength;       /* of the wish */
  const tm_layout **need;  /* per original inst: its operands' layout, for
                              those that have one apart from the result's */
  tm_access **access;      /* per original inst, NULL if it is none */
  TM_VEC(tm_access_kind) kinds; /* of accesses, by their first ones */
  uint8_t *by_rows;        /* per original inst: dots that split by rows */
  uint32_t wide;           /* tm_layout_fragment_wide's low, of all dots */
  tm_value *partner;       /* per original value: next of the values that
                              always share its layout, in a ring; 0: alone */

  tm_map interned;         /* hash -> tm_layout_entry */
  uint32_t n_layouts;
  tm_map defaults;         /* type -> layout */
  bool failed;
} tm_assigner;

const tm_layout *tm_assign_intern(tm_assigner *a, const tm_layout *l);

/* ---- seed.c: where layouts start ----------------------------------------- */

/* Refuses what cannot be laid out, and fills access and by_rows. */
bool tm_seed(tm_assigner *a);
/* The layout for a tile that nobody has a wish for. */
/* What a scan takes instead of l: l, or a layout with its axis in the threads
 * of a simdgroup, where threadgroup memory is too small for l. */
const tm_layout *tm_seed_scan(tm_assigner *a, tm_inst i, const tm_layout *l);
const tm_layout *tm_seed_default(tm_assigner *a, tm_type type);
/* The accumulator layout of a dot. */
const tm_layout *tm_seed_dot(tm_assigner *a, tm_inst i);
/* Consecutive bytes that a simdgroup touches at once with layout l. */
uint32_t tm_seed_segment(const tm_access *access, const tm_layout *l);
/* True if the access may as well be made with layout l as with its seed. */
bool tm_seed_accepts(const tm_access *access, const tm_layout *l);

/* ---- perturb.c: choices at random, for tests ----------------------------- */

typedef enum tm_perturb_choice {
  TM_PERTURB_ACCESS = 1, /* what a load, store or atomic asks for */
  TM_PERTURB_DEFAULT,    /* the layout for tiles of a type */
  TM_PERTURB_NEED,       /* the operands of a reduction, scan, ... */
  TM_PERTURB_NEEDS,      /* whether it minds what its operands have */
  TM_PERTURB_PRODUCT,    /* how simdgroups divide a product */
  TM_PERTURB_STORE,      /* where a store happens */
  TM_PERTURB_CLONE,      /* computed again, or converted */
  TM_PERTURB_WAIT        /* a load takes what it is asked, or its wish */
} tm_perturb_choice;

/* A number below n; 0 when choices are not at random. */
uint32_t tm_perturb_roll(const tm_assigner *a, tm_perturb_choice choice,
                         uint64_t place, uint32_t n);
/* Another layout for the same tile, or l. */
const tm_layout *tm_perturb_layout(tm_assigner *a, tm_perturb_choice choice,
                                   uint64_t place, const tm_layout *l);

/* ---- propagate.c: from seeds to every value ------------------------------ */

/* Fills wish, strength, need and partner. */
void tm_propagate(tm_assigner *a);

#endif
