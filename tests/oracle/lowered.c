/* SPDX-License-Identifier: MIT */
/* lowered.c - see lowered.h. */
#include "lowered.h"

#include "../../lib/compile.h"

tm_ir *eval_lowered(tm_arena *arena, const char *text, const char *signature,
                    bool optimized, const char *skip, const char **problem) {
  tm_diags diags;
  tm_diags_init(&diags, arena);
  tm_modules *set = tm_modules_create(arena, &diags);
  tm_module *module = tm_module_parse_text(set, "m", "k.py", tm_cstr(text));
  const tm_function_def *def = tm_module_kernel(module, "k");
  tm_spec spec = {.n_args = def ? def->params.len : 0, .num_warps = 4,
                  .num_stages = 3};
  if (def)
    spec.args = tm_signature_parse(arena, &diags, signature, def, NULL, 0);
  tm_ir *ir = spec.args ? tm_lower(arena, &diags, module, "k", &spec) : NULL;
  if (ir && optimized && !tm_optimize(ir, &diags, skip, NULL, NULL)) ir = NULL;
  tm_buf messages = tm_buf_in(arena);
  if (!ir) tm_diags_render_all(&diags, &messages);
  *problem = tm_buf_text(&messages);
  return ir;
}
