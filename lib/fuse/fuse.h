/* SPDX-License-Identifier: MIT */
/*
 * fuse.h - kernels that run one after the other, as one kernel.
 *
 *   TTIR of each --merge--> one function, a mark between two bodies
 *                --tm_optimize--> equal addresses and masks are equal values
 *                --prove, forward--> loads of what was stored are its value
 *
 * In the fused kernel program p does what program p of each did, in turn, and
 * nothing makes it wait for other programs. That is the same when no program
 * of a later kernel touches memory that another program of an earlier one
 * touches, unless both only read. It is proven for each argument that two
 * kernels access and one of them writes:
 *
 *   - every access to it has one and the same tile of addresses
 *   - no two elements of it are at the same address, in one program or in two
 *     (linear_form.c), so that the tile of a program is its own
 *   - a load after a store has a mask that the store's covers, so that it
 *     reads what was stored and nothing else
 *
 * and that sums of floats keep their order (order.c) and products of floats the
 * number of their uses, on which it depends how Metal rounds them (fuse.c).
 *
 * What is stored has the type of the memory, so the value that a load would
 * have read is the value stored, rounded as it was for the store.
 *
 * Arguments are known by number: whoever calls says which are the same buffer
 * or the same number, and vouches that different buffers share no memory.
 */
#ifndef TM_FUSE_H
#define TM_FUSE_H

#include "../ir/ir.h"

/* One kernel of the sequence. */
typedef struct tm_fuse_part {
  tm_ir *ir;              /* as lowering made it */
  const char *name;
  const uint32_t *params; /* of each of its parameters: its number below */
  uint32_t first_file;    /* added to the file of its places */
} tm_fuse_part;

/* A parameter of the fused kernel. */
typedef struct tm_fuse_param {
  const char *name;       /* no other has it */
  const char *label;      /* what reasons call it */
  uint32_t divisibility;
  bool is_known;          /* an integer, whose value is given */
  int64_t value;
  bool is_temporary;      /* what is left in the buffer is not needed */
} tm_fuse_param;

typedef struct tm_fuse_request {
  const tm_fuse_part *parts; /* two or more */
  uint32_t n_parts;
  const tm_fuse_param *params;
  uint32_t n_params;
  uint32_t grid[3];          /* that all of them run on */
  const struct tm_chip *chip;/* that all of them are compiled for */
  uint32_t num_warps;
  const char *skip_passes;   /* as tm_optimize's */
} tm_fuse_request;

typedef struct tm_fused {
  tm_ir *ir;           /* optimized; NULL when it is not the same */
  const char *reason;  /* then: why not, in words */
  uint32_t loads;      /* of the last part that became values */
  uint32_t stores;     /* that went */
  const uint32_t *kept;/* numbers of the parameters that are left, in order */
  uint32_t n_kept;
  bool *is_used;       /* of each parameter: the proof rests on its value */
} tm_fused;

/* Fuses. The parts' IRs may be changed. False with errors in diags when a
 * pass broke the IR; a sequence that may not be fused is true, without ir.
 * Everything is in the arena of the parts, which is armed. */
bool tm_fuse(tm_arena *arena, tm_diags *diags,
             const tm_fuse_request *request, tm_fused *out);

#endif
