/* SPDX-License-Identifier: MIT */
/* large_kernel.h - a kernel as large as the largest that people write: 1,000
 * lines, 160 parameters, every kind of statement, loops and branches in one
 * another, helpers. */
#ifndef TM_TEST_LARGE_KERNEL_H
#define TM_TEST_LARGE_KERNEL_H

#include "../../lib/base/base.h"

/* Python text with a kernel `k` of about `lines` lines. */
const char *large_kernel_text(tm_arena *arena, uint32_t lines);
/* Its signature, as tm_signature_parse reads it. */
const char *large_kernel_signature(tm_arena *arena);

#endif
