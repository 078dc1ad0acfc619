/* SPDX-License-Identifier: MIT */
/*
 * opt.h - passes over TTIR, one per file, each bool f(tm_ir *) that returns
 * whether it changed anything, and the pipeline that orders them.
 */
#ifndef TM_OPT_H
#define TM_OPT_H

#include "../ir/ir.h"

/* Inlines every tt.call into the kernel and drops other functions. */
bool tm_pass_inline(tm_ir *ir);
/* Constant folding and algebraic identities that are exact for the type. */
bool tm_pass_fold(tm_ir *ir);
/* Merges equal pure instructions, a dominating one kept. */
bool tm_pass_cse(tm_ir *ir);
/* Moves pure loop-invariant instructions out of scf.for and scf.while. */
bool tm_pass_licm(tm_ir *ir);
/* Removes instructions without effects whose results are unused, unused
 * loop-carried values and unused results of scf.if. */
bool tm_pass_dce(tm_ir *ir);
/* Makes every tensor of pointers an addptr of a splat scalar pointer and one
 * offset tensor; uniform increments go to the scalar, so that loops carry a
 * scalar pointer and invariant offsets. Offsets that need more than 32 bits
 * become i64. */
bool tm_pass_pointers(tm_ir *ir);
/* Rewrites block pointers (make_tensor_ptr, advance) and tensor descriptors
 * into tensors of pointers with masks. */
bool tm_pass_block_pointers(tm_ir *ir);

/* Rewrites products that Metal does not have (int8, fp8, accumulated in f16,
 * scaled) into those of f16, bf16 and f32 that are added in f32. */
bool tm_pass_dots(tm_ir *ir);

typedef void tm_pass_print(void *payload, const char *pass, const tm_ir *ir);

/* Makes loops around products load the next iteration's tiles into registers
 * while they multiply. Not in tm_optimize: it depends on the chip (it serves
 * those that stage tiles in threadgroup memory) and on num_stages: 4 or more.
 * It is not the default, since the registers that it takes are those of
 * another threadgroup, which hides the same time. */
bool tm_pass_prefetch(tm_ir *ir, uint32_t num_warps);
/* tm_pass_prefetch and what cleans up behind it; otherwise as tm_optimize. */
bool tm_optimize_loops(tm_ir *ir, uint32_t num_warps, tm_diags *diags,
                       const char *skip, tm_pass_print *print, void *payload);

/* The pipeline. skip names passes to leave out, comma separated, or NULL;
 * print is called after each pass when not NULL. Verifies after each pass:
 * false with INTERNAL errors in diags if one broke the IR. */
bool tm_optimize(tm_ir *ir, tm_diags *diags, const char *skip,
                 tm_pass_print *print, void *payload);

#endif
