/* SPDX-License-Identifier: MIT */
/* lowered.h - Triton source to TTIR for the evaluator. */
#ifndef TM_EVAL_LOWERED_H
#define TM_EVAL_LOWERED_H

#include "../../lib/ir/ir.h"

/* The kernel "k" of that text as lowering makes it, or after the optimizer
 * without the passes of `skip`. NULL with the reason in *problem. Both live
 * as long as the arena. */
tm_ir *eval_lowered(tm_arena *arena, const char *text, const char *signature,
                    bool optimized, const char *skip, const char **problem);

#endif
