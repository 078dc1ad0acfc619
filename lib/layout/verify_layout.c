/* SPDX-License-Identifier: MIT */
/*
 * verify_layout.c - holds a kernel to the table of relations in layout.h.
 *
 * Runs after every assignment. The emitter relies on each relation without
 * looking, so a broken one would be a wrong answer; here it is an error that
 * names the instruction. Everything is reported, nothing is changed.
 */
#include "assignint.h"

typedef struct verifier {
  const tm_ir *ir;
  const tm_layouts *layouts;
  tm_diags *diags;
  bool ok;
} verifier;

static const tm_layout *layout_of(const verifier *w, tm_value v) {
  return v < w->layouts->n_values ? w->layouts->of[v] : NULL;
}

static void broken(verifier *w, tm_inst i, const char *what, tm_value v,
                   const tm_layout *want) {
  const tm_inst_data *inst = tm_get(w->ir, i);
  tm_buf text = tm_buf_in(w->diags->arena);
  if (v != 0 && layout_of(w, v) != NULL) {
    tm_buf_printf(&text, ": value %%%u has ", v);
    tm_layout_print(&text, layout_of(w, v));
  }
  if (want != NULL) {
    tm_buf_puts(&text, ", not ");
    tm_layout_print(&text, want);
  }
  tm_error_at(w->diags, TM_DIAG_INTERNAL, inst->loc, "%s: %s%s",
              tm_op_infos[inst->op].name, what, tm_buf_text(&text));
  w->ok = false;
}

static bool is_tensor(const verifier *w, tm_value v) {
  return tm_relation_is_tensor(w->ir, v);
}

/* Nonzero vectors are single bits, all different, and make up the tile. */
static bool is_well_formed(const tm_layout *l) {
  uint32_t seen = 0, n = 0;
  const uint32_t *lists[] = {l->reg, l->lane, l->warp};
  const uint32_t counts[] = {l->n_reg, TM_LANE_BITS, l->n_warp};
  for (uint32_t k = 0; k < 3; k++) {
    for (uint32_t i = 0; i < counts[k]; i++) {
      uint32_t v = lists[k][i];
      if (v == 0 && k != 0) continue;
      if (v == 0 || (v & (v - 1)) != 0 || (seen & v) != 0) return false;
      seen |= v;
      n++;
    }
  }
  for (uint32_t d = 0; d < l->rank; d++) n -= l->dim_bits[d];
  return n == 0 && tm_layout_covers(l);
}

static void check_value(verifier *w, tm_inst i, tm_value v) {
  const tm_layout *l = layout_of(w, v);
  tm_type t = tm_type_of(w->ir, v);
  if (!tm_type_is_tensor(t)) {
    if (l != NULL) broken(w, i, "a scalar has a layout", v, NULL);
    return;
  }
  if (l == NULL) {
    broken(w, i, "a tensor has no layout", v, NULL);
    return;
  }
  bool fits = l->rank == t->rank && 1u << l->n_warp == w->layouts->num_warps;
  for (uint32_t d = 0; fits && d < t->rank; d++)
    fits = (int64_t)1 << l->dim_bits[d] == t->shape[d];
  if (!fits) broken(w, i, "the layout is of another shape", v, NULL);
  if (!is_well_formed(l))
    broken(w, i, "the layout does not place every element once", v, NULL);
  if (l->n_reg > TM_LAYOUT_MAX_REGISTERS)
    broken(w, i, "too many registers", v, NULL);
}

static void expect_equal(verifier *w, tm_inst i, tm_value x, tm_value y,
                         const char *what) {
  if (!is_tensor(w, x) && !is_tensor(w, y)) return;
  const tm_layout *a = layout_of(w, x), *b = layout_of(w, y);
  if (a == NULL || b == NULL) return; /* reported already */
  if (!tm_layout_equal(a, b)) broken(w, i, what, x, b);
}

/* The operand's layout follows from that of the first result. */
static void check_operand(verifier *w, tm_inst i, uint32_t k) {
  const tm_inst_data *inst = tm_get(w->ir, i);
  tm_value v = inst->operands[k];
  const tm_layout *r = layout_of(w, inst->results);
  tm_layout want;
  if (!is_tensor(w, v) || layout_of(w, v) == NULL || r == NULL) return;
  if (!tm_relation_operand(w->ir, i, k, r, &want)) return;
  if (!tm_layout_equal(layout_of(w, v), &want))
    broken(w, i, "operand layout", v, &want);
}

/* The results' layout follows from that of the operand. */
static void check_results(verifier *w, tm_inst i, uint32_t k) {
  const tm_inst_data *inst = tm_get(w->ir, i);
  const tm_layout *o = layout_of(w, inst->operands[k]);
  tm_layout want;
  if (o == NULL) return;
  if (!tm_relation_result(w->ir, i, k, o, &want)) {
    broken(w, i, "the operation cannot take this layout", inst->operands[k],
           NULL);
    return;
  }
  for (uint32_t r = 0; r < inst->n_results; r++) {
    tm_value v = inst->results + r;
    if (is_tensor(w, v) && layout_of(w, v) != NULL &&
        !tm_layout_equal(layout_of(w, v), &want))
      broken(w, i, "result layout", v, &want);
  }
}

static void expect_same_operands(verifier *w, tm_inst i) {
  const tm_inst_data *inst = tm_get(w->ir, i);
  tm_value first = 0;
  for (uint32_t k = 0; k < inst->n_operands; k++) {
    if (!is_tensor(w, inst->operands[k])) continue;
    if (first == 0) first = inst->operands[k];
    expect_equal(w, i, inst->operands[k], first, "operands differ");
  }
}

/* A vector access along the contiguous dimension takes registers that are
 * consecutive in one dimension. */
static void check_width(verifier *w, tm_inst i) {
  const tm_inst_data *inst = tm_get(w->ir, i);
  tm_value pointer = inst->operands[0];
  uint32_t width = w->layouts->width[i], run = 1;
  const tm_layout *l = layout_of(w, pointer);
  if (l == NULL) return;
  tm_type p = tm_type_element(tm_type_of(w->ir, pointer))->element;
  uint32_t bytes = p->kind == TM_TYPE_SCALAR
                       ? (tm_scalar_bits(p->scalar) + 7) / 8 : 8;
  for (uint32_t d = 0; d < l->rank; d++)
    if (tm_layout_run_along(l, d) > run) run = tm_layout_run_along(l, d);
  if (width == 0 || (width & (width - 1)) != 0 || width > run ||
      width * bytes > 16)
    broken(w, i, "access width", pointer, NULL);
  uint32_t mask = w->layouts->mask_width[i];
  if (mask == 0 || (mask & (mask - 1)) != 0)
    broken(w, i, "mask width", pointer, NULL);
}

static void check_dot(verifier *w, tm_inst i) {
  const tm_inst_data *inst = tm_get(w->ir, i);
  const tm_layout *r = layout_of(w, inst->results);
  if (r == NULL) return;
  if (!tm_layout_is_fragment(r)) {
    broken(w, i, "the product is not in fragments", inst->results, NULL);
    return;
  }
  for (uint32_t k = 0; k < 3; k++) check_operand(w, i, k);
}

/* ---- control flow -------------------------------------------------------- */

static void check_for(verifier *w, tm_inst i) {
  const tm_inst_data *inst = tm_get(w->ir, i);
  const tm_block_data *body = tm_blk(w->ir, inst->regions[0]);
  const tm_inst_data *yield = tm_get(w->ir, body->last);
  for (uint32_t k = 0; k < inst->n_results; k++) {
    tm_value v = inst->results + k;
    expect_equal(w, i, inst->operands[k + 3], v, "initial value");
    expect_equal(w, i, body->args[k + 1], v, "loop variable");
    expect_equal(w, body->last, yield->operands[k], v, "yielded value");
  }
}

static void check_while(verifier *w, tm_inst i) {
  const tm_inst_data *inst = tm_get(w->ir, i);
  const tm_block_data *before = tm_blk(w->ir, inst->regions[0]);
  const tm_block_data *after = tm_blk(w->ir, inst->regions[1]);
  const tm_inst_data *cond = tm_get(w->ir, before->last);
  const tm_inst_data *yield = tm_get(w->ir, after->last);
  for (uint32_t k = 0; k < before->n_args; k++) {
    expect_equal(w, i, inst->operands[k], before->args[k], "initial value");
    expect_equal(w, after->last, yield->operands[k], before->args[k],
                 "yielded value");
  }
  for (uint32_t k = 0; k < inst->n_results; k++) {
    expect_equal(w, before->last, cond->operands[k + 1], inst->results + k,
                 "passed value");
    expect_equal(w, i, after->args[k], inst->results + k, "loop variable");
  }
}

static void check_if(verifier *w, tm_inst i) {
  const tm_inst_data *inst = tm_get(w->ir, i);
  for (uint32_t r = 0; r < inst->n_regions; r++) {
    if (inst->regions[r] == 0) continue;
    tm_inst last = tm_blk(w->ir, inst->regions[r])->last;
    for (uint32_t k = 0; k < inst->n_results; k++)
      expect_equal(w, last, tm_get(w->ir, last)->operands[k],
                   inst->results + k, "yielded value");
  }
}

static void check_block(verifier *w, tm_block b, tm_inst parent);

static void check_regions(verifier *w, tm_inst i) {
  const tm_inst_data *inst = tm_get(w->ir, i);
  for (uint32_t r = 0; r < inst->n_regions; r++)
    if (inst->regions[r] != 0) check_block(w, inst->regions[r], i);
}

static void check_inst(verifier *w, tm_inst i) {
  const tm_inst_data *inst = tm_get(w->ir, i);
  for (uint32_t r = 0; r < inst->n_results; r++)
    check_value(w, i, inst->results + r);
  switch ((int)inst->op) {
    case TM_FOR: check_for(w, i); check_regions(w, i); return;
    case TM_WHILE: check_while(w, i); check_regions(w, i); return;
    case TM_IF: check_if(w, i); check_regions(w, i); return;
    case TM_DOT: check_dot(w, i); return;
    case TM_REDUCE: case TM_JOIN: case TM_CAT: case TM_SPLIT:
      expect_same_operands(w, i);
      check_results(w, i, 0);
      return;
    case TM_HISTOGRAM: expect_same_operands(w, i); return;
    case TM_GATHER: check_operand(w, i, 1); return;
    case TM_LOAD: case TM_STORE:
      if (is_tensor(w, inst->operands[0])) check_width(w, i);
      break;
    default:
      break;
  }
  if (tm_relation_is_same(inst->op)) expect_same_operands(w, i);
  if (inst->n_results == 0 || !is_tensor(w, inst->results)) return;
  for (uint32_t r = 1; r < inst->n_results; r++)
    expect_equal(w, i, inst->results + r, inst->results, "results differ");
  for (uint32_t k = 0; k < inst->n_operands; k++) check_operand(w, i, k);
}

static void check_block(verifier *w, tm_block b, tm_inst parent) {
  const tm_block_data *block = tm_blk(w->ir, b);
  for (uint32_t k = 0; k < block->n_args; k++)
    check_value(w, parent != 0 ? parent : block->first, block->args[k]);
  TM_EACH_INST(w->ir, i, b) check_inst(w, i);
}

bool tm_layout_verify(const tm_ir *ir, const tm_layouts *layouts,
                      tm_diags *diags) {
  verifier w = {ir, layouts, diags, true};
  uint32_t kernel = tm_ir_kernel(ir);
  tm_loc none = {0, 0, 0};
  if (kernel == UINT32_MAX || layouts->n_values != ir->values.len ||
      layouts->n_insts != ir->insts.len) {
    tm_error_at(diags, TM_DIAG_INTERNAL, none,
                "the layouts are of another module");
    return false;
  }
  check_block(&w, ir->funcs.data[kernel].body, 0);
  return w.ok;
}
