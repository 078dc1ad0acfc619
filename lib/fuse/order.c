/* SPDX-License-Identifier: MIT */
/*
 * order.c - sums are added up in the same order as in the kernel alone.
 *
 * Floats do not add up to the same in another order, and the order is that of
 * the threads that hold the elements. A kernel's layouts come from all of its
 * accesses, so that in a fused kernel they may be others. Here they are
 * assigned to copies of both, and compared for every reduction, scan and
 * product; reductions of integers, whose order does not matter, are left out.
 */
#include "fuseint.h"

#include "../layout/layout.h"
#include "../opt/opt.h"

enum { MOST_LAYOUTS = 4 };

/* The tiles of one such operation: what it takes and what it gives. */
typedef struct ordered {
  tm_op op;
  uint32_t n;
  const tm_layout *layouts[MOST_LAYOUTS];
} ordered;

typedef TM_VEC(ordered) ordered_list;

static bool is_exact(tm_op op) {
  switch (op) {
  case TM_ADDI: case TM_MULI: case TM_ANDI: case TM_ORI: case TM_XORI:
  case TM_MAXSI: case TM_MAXUI: case TM_MINSI: case TM_MINUI:
  case TM_REDUCE_RETURN: case TM_SCAN_RETURN:
    return true;
  default:
    return false;
  }
}

static bool is_ordered(const tm_ir *ir, tm_inst inst) {
  const tm_inst_data *i = tm_get(ir, inst);
  if (i->op == TM_DOT || i->op == TM_DOT_SCALED) return true;
  if (i->op != TM_REDUCE && i->op != TM_SCAN) return false;
  TM_EACH_INST(ir, inner, i->regions[0])
    if (!is_exact(tm_get(ir, inner)->op)) return true;
  return false;
}

static bool has_ordered(const tm_ir *ir, tm_block block) {
  TM_EACH_INST(ir, inst, block) {
    if (is_ordered(ir, inst)) return true;
    for (uint32_t r = 0; r < tm_get(ir, inst)->n_regions; r++)
      if (has_ordered(ir, tm_get(ir, inst)->regions[r])) return true;
  }
  return false;
}

static void list_block(const tm_ir *ir, const tm_layouts *layouts,
                       tm_block block, ordered_list *out) {
  TM_EACH_INST(ir, inst, block) {
    const tm_inst_data *i = tm_get(ir, inst);
    for (uint32_t r = 0; r < i->n_regions; r++)
      list_block(ir, layouts, i->regions[r], out);
    if (!is_ordered(ir, inst)) continue;
    ordered o = {.op = i->op};
    for (uint32_t k = 0; k < i->n_operands && o.n < MOST_LAYOUTS - 1; k++)
      o.layouts[o.n++] = layouts->of[i->operands[k]];
    o.layouts[o.n++] = layouts->of[i->results];
    tm_push(ir->arena, out, o);
  }
}

/* A copy of a whole function, in an IR of its own. */
static tm_ir *copy_of(tm_arena *arena, tm_ir *ir) {
  const tm_func *func = &ir->funcs.data[tm_ir_kernel(ir)];
  uint32_t n = func->params.len;
  tm_fuse_param *params = TM_NEW_ARRAY(arena, tm_fuse_param, n + 1);
  uint32_t *numbers = TM_NEW_ARRAY(arena, uint32_t, n + 1);
  for (uint32_t p = 0; p < n; p++) {
    numbers[p] = p;
    params[p] = (tm_fuse_param){
        .name = func->params.data[p].name,
        .label = func->params.data[p].name,
        .divisibility = func->params.data[p].divisibility};
  }
  tm_fuse_part part = {ir, func->name, numbers, 0};
  tm_fuse_request request = {
      .parts = &part, .n_parts = 1, .params = params, .n_params = n};
  const char *reason;
  return tm_fuse_merge(arena, &request, NULL, &reason);
}

/* Adds the operations of an optimized IR with the layouts that they get. */
static bool add_ordered(tm_arena *arena, tm_diags *diags,
                        const tm_fuse_request *request, tm_ir *ir,
                        ordered_list *out) {
  tm_layouts layouts = {0};
  if (!tm_layout_assign(ir, request->chip, request->num_warps, &layouts,
                        diags))
    return false;
  list_block(ir, &layouts, ir->funcs.data[tm_ir_kernel(ir)].body, out);
  return true;
}

static bool is_equal(const ordered *a, const ordered *b) {
  if (a->op != b->op || a->n != b->n) return false;
  for (uint32_t i = 0; i < a->n; i++) {
    const tm_layout *x = a->layouts[i], *y = b->layouts[i];
    if (x != y && (!x || !y || !tm_layout_equal(x, y))) return false;
  }
  return true;
}

bool tm_fuse_keeps_order(tm_arena *arena, tm_diags *diags,
                         const tm_fuse_request *request, tm_ir *fused,
                         bool *keeps) {
  *keeps = true;
  if (!has_ordered(fused, fused->funcs.data[0].body)) return true;
  ordered_list alone = {NULL, 0, 0}, together = {NULL, 0, 0};
  for (uint32_t p = 0; p < request->n_parts; p++) {
    tm_ir *ir = copy_of(arena, request->parts[p].ir);
    if (!tm_optimize(ir, diags, request->skip_passes, NULL, NULL) ||
        !add_ordered(arena, diags, request, ir, &alone))
      return false;
  }
  tm_ir *copy = copy_of(arena, fused);
  if (!add_ordered(arena, diags, request, copy, &together)) return false;
  *keeps = alone.len == together.len;
  for (uint32_t i = 0; *keeps && i < alone.len; i++)
    *keeps = is_equal(&alone.data[i], &together.data[i]);
  return true;
}
