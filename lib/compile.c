/* SPDX-License-Identifier: MIT */
/*
 * compile.c - the pipeline, read top to bottom.
 *
 * Each stage reports into the same diagnostics; the first stage that fails
 * ends the compile. Stage texts are kept only when asked for, since printing
 * TTIR costs as much as making it.
 */
#include "compile.h"

#include <string.h>

enum {
  DEFAULT_STAGES = 3,  /* Triton's default num_stages */
  PREFETCH_STAGES = 4, /* from so many on loops load their next tiles early */
  MAX_WARPS = 32      /* 1024 threads a threadgroup on every Apple GPU */
};

static bool options_ok(const tm_request *request, tm_loc loc,
                       tm_diags *diags) {
  uint32_t warps = request->spec.num_warps;
  if (warps <= MAX_WARPS && (warps & (warps - 1)) == 0) return true;
  tm_diag *diag = tm_error_at(diags, TM_DIAG_LIMIT, loc,
                              "num_warps is %u: it must be a power of two, "
                              "at most %d",
                              warps, MAX_WARPS);
  tm_diag_hint(diags, diag,
               "a simdgroup has 32 threads and a threadgroup at most 1024");
  return false;
}

static const char *print_ir(tm_arena *arena, const tm_ir *ir) {
  tm_buf text = tm_buf_in(arena);
  tm_ir_print(ir, &text);
  return tm_buf_text(&text);
}

static void note(const tm_request *request, const char *stage) {
  if (request->stage) request->stage(request->payload, stage);
}

bool tm_compile_ir(tm_arena *arena, tm_diags *diags,
                   const tm_request *request, tm_ir *ir, tm_result *out) {
  memset(out, 0, sizeof *out);
  const tm_spec *spec = &request->spec;
  if (request->chip->stage_dot_operands &&
      spec->num_stages >= PREFETCH_STAGES &&
      !tm_optimize_loops(ir, spec->num_warps, diags, request->skip_passes,
                         request->print, request->payload))
    return false;
  if (request->keep & TM_KEEP_TTIR) out->ttir = print_ir(arena, ir);

  if (request->tensor_ops && request->chip->matrix_unit)
    tm_tensor_mark(ir, request->chip, spec->num_warps);
  tm_layouts layouts = {0};
  if (!tm_layout_assign_random(ir, request->chip, spec->num_warps,
                               request->layout_seed, &layouts, diags))
    return false;
  if (!tm_layout_verify(ir, &layouts, diags)) return false;
  note(request, "layout");
  if (request->keep & TM_KEEP_LAYOUT) {
    tm_buf text = tm_buf_in(arena);
    tm_layouts_print(ir, &layouts, &text);
    out->layout = tm_buf_text(&text);
  }

  if (request->launch)
    out->cost = tm_cost_count(ir, &layouts, request->launch);

  tm_msl msl = {0};
  bool ok = tm_msl_emit(ir, &layouts, request->chip, arena, diags, &msl);
  note(request, "emit");
  if (!ok || !tm_msl_lint(&msl, request->chip, diags)) {
    memset(out, 0, sizeof *out);
    return false;
  }
  note(request, "lint");
  out->msl = msl;
  out->num_warps = spec->num_warps;
  out->num_stages = spec->num_stages;
  return true;
}

bool tm_compile_kernel(tm_arena *arena, tm_diags *diags,
                       const tm_request *request, tm_result *out) {
  memset(out, 0, sizeof *out);
  tm_request own = *request;
  const tm_function_def *kernel =
      tm_module_kernel(request->module, request->kernel);
  tm_loc loc = kernel ? kernel->loc : (tm_loc){0, 0, 0};
  if (!options_ok(request, loc, diags)) return false;
  if (!own.spec.num_stages) own.spec.num_stages = DEFAULT_STAGES;

  const char *ast = NULL;
  if (kernel && request->keep & TM_KEEP_AST) {
    tm_buf text = tm_buf_in(arena);
    tm_ast_print_function(&text, kernel);
    ast = tm_buf_text(&text);
  }

  tm_ir *ir =
      tm_lower(arena, diags, request->module, request->kernel, &own.spec);
  if (!ir) return false;
  if (!tm_ir_verify(ir, diags, "lowering")) return false;
  note(request, "lower");
  if (!tm_optimize(ir, diags, request->skip_passes, request->print,
                   request->payload))
    return false;
  if (!own.spec.num_warps)
    own.spec.num_warps =
        tm_choose_warps(ir, own.chip->stage_dot_operands || own.tensor_ops);
  if (!tm_compile_ir(arena, diags, &own, ir, out)) return false;
  out->ast = ast;
  return true;
}
