/* SPDX-License-Identifier: MIT */
/*
 * pipeline.c - the order of passes.
 *
 *   inline          first: everything after looks at one function
 *   dots            before fold, which cleans up, and licm, which takes what
 *                   became of invariant operands out of loops
 *   fold cse dce    makes uniform operands splats, drops what calls left
 *   block-pointers  before pointers, which then sees what they become
 *   fold            its masks of constants
 *   pointers        needs splats; leaves invariant carried offsets
 *   fold            finds them invariant
 *   cse licm dce    after pointers: offsets leave loops, dead tensors go
 *   pointers fold cse dce   once more: offsets that were carried are plain
 *                   values now, so more of them add up in 32 bits
 *
 * and then, where the chip gains by it (tm_optimize_loops):
 *
 *   prefetch        last: it needs addresses in their final form
 */
#include "optint.h"

typedef struct pass {
  const char *name;
  bool (*run)(tm_ir *ir);
} pass;

static const pass passes[] = {
  {"inline", tm_pass_inline},
  {"dots", tm_pass_dots},
  {"fold", tm_pass_fold},
  {"cse", tm_pass_cse},
  {"dce", tm_pass_dce},
  {"block-pointers", tm_pass_block_pointers},
  {"fold", tm_pass_fold},
  {"cse", tm_pass_cse},
  {"pointers", tm_pass_pointers},
  {"fold", tm_pass_fold},
  {"cse", tm_pass_cse},
  {"licm", tm_pass_licm},
  {"dce", tm_pass_dce},
  {"pointers", tm_pass_pointers},
  {"fold", tm_pass_fold},
  {"cse", tm_pass_cse},
  {"licm", tm_pass_licm},
  {"dce", tm_pass_dce},
};

/* Is name one of the comma-separated names in list? */
static bool listed(const char *list, const char *name) {
  size_t n = strlen(name);
  while (list && *list) {
    const char *comma = strchr(list, ',');
    size_t len = comma ? (size_t)(comma - list) : strlen(list);
    if (len == n && memcmp(list, name, n) == 0) return true;
    list = comma ? comma + 1 : NULL;
  }
  return false;
}

bool tm_optimize_loops(tm_ir *ir, uint32_t num_warps, tm_diags *diags,
                       const char *skip, tm_pass_print *print,
                       void *payload) {
  if (listed(skip, "prefetch") || !tm_pass_prefetch(ir, num_warps))
    return true;
  tm_pass_fold(ir);
  tm_pass_cse(ir);
  tm_pass_licm(ir);
  tm_pass_dce(ir);
  if (print) print(payload, "prefetch", ir);
  return tm_ir_verify(ir, diags, "prefetch");
}

bool tm_optimize(tm_ir *ir, tm_diags *diags, const char *skip,
                 tm_pass_print *print, void *payload) {
  for (size_t p = 0; p < TM_COUNT(passes); p++) {
    if (listed(skip, passes[p].name)) continue;
    bool changed = passes[p].run(ir);
    if (print) print(payload, passes[p].name, ir);
    if (changed && !tm_ir_verify(ir, diags, passes[p].name)) return false;
  }
  return true;
}
