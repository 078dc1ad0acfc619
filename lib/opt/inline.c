/* SPDX-License-Identifier: MIT */
/*
 * inline.c - tt.call becomes the callee's body.
 *
 *     %r = tt.call @f(%a)          %t = arith.addf %a, %a
 *     tt.func private @f(%x) {  ->
 *       %t = arith.addf %x, %x
 *       tt.return %t }             (uses of %r name %t)
 *
 * Metal has functions, but layouts are assigned across the whole kernel, and
 * a call would hide both sides from each other. A function that reaches
 * itself is left alone: the call stays, and emission refuses it.
 *
 * Requires: one kernel. Maintains: order of effects. Breaks: function
 * indices; afterwards the kernel is the only function, unless a call stayed.
 */
#include "opt.h"

enum {
  MOST_INSTS = 1 << 20 /* of a module; bounds calls that double each time */
};

static uint32_t callee_of(const tm_ir *ir, tm_inst call) {
  const tm_attr *name = tm_inst_attr(ir, call, TM_ATTR_CALLEE);
  for (uint32_t f = 0; name && f < ir->funcs.len; f++)
    if (strcmp(ir->funcs.data[f].name, name->text) == 0) return f;
  return UINT32_MAX;
}

/* state of each function: 0 not seen, 1 on the path, 2 known to end. False
 * when the function reaches itself. */
static bool ends(const tm_ir *ir, uint32_t func, uint8_t *state);

static bool block_ends(const tm_ir *ir, tm_block b, uint8_t *state) {
  TM_EACH_INST(ir, inst, b) {
    const tm_inst_data *i = tm_get(ir, inst);
    if (i->op == TM_CALL) {
      uint32_t f = callee_of(ir, inst);
      if (f == UINT32_MAX || !ends(ir, f, state)) return false;
    }
    for (uint32_t r = 0; r < i->n_regions; r++)
      if (!block_ends(ir, i->regions[r], state)) return false;
  }
  return true;
}

static bool ends(const tm_ir *ir, uint32_t func, uint8_t *state) {
  if (state[func]) return state[func] == 2;
  state[func] = 1;
  if (!block_ends(ir, ir->funcs.data[func].body, state)) return false;
  state[func] = 2;
  return true;
}

/* Puts the body in place of the call. */
static void inline_call(tm_ir *ir, tm_inst call, uint32_t func,
                        tm_map *renamed) {
  tm_func *f = &ir->funcs.data[func];
  tm_map map = tm_map_in(ir->arena);
  for (uint32_t p = 0; p < f->params.len; p++)
    tm_map_put(&map, f->params.data[p].value, tm_get(ir, call)->operands[p]);
  tm_builder b = tm_build_before(ir, call);
  tm_ir_clone_block(&b, f->body, &map, false, 0);
  const tm_inst_data *end = tm_get(ir, tm_blk(ir, f->body)->last);
  for (uint32_t r = 0; r < tm_get(ir, call)->n_results; r++)
    tm_map_put(renamed, tm_get(ir, call)->results + r,
               tm_ir_mapped(&map, end->operands[r]));
  tm_inst_remove(ir, call);
}

/* What stands for v: a call's result may be an inner call's, in turn. */
static tm_value current(const tm_map *renamed, tm_value v) {
  for (uint64_t to; tm_map_get(renamed, v, &to); v = (tm_value)to) continue;
  return v;
}

/* Inlines the calls of a block; bodies put in its place are walked in turn,
 * since the walk goes on at the first of them. */
static bool inline_block(tm_ir *ir, tm_block block, const uint8_t *state,
                         tm_map *renamed) {
  bool changed = false;
  tm_inst inst = tm_blk(ir, block)->first;
  while (inst) {
    tm_inst_data *i = tm_get(ir, inst);
    tm_inst before = i->prev, next = i->next;
    for (uint32_t o = 0; o < i->n_operands; o++)
      i->operands[o] = current(renamed, i->operands[o]);
    for (uint32_t r = 0; r < tm_get(ir, inst)->n_regions; r++)
      changed |= inline_block(ir, tm_get(ir, inst)->regions[r], state,
                              renamed);
    uint32_t f = tm_get(ir, inst)->op == TM_CALL ? callee_of(ir, inst)
                                                 : UINT32_MAX;
    if (f != UINT32_MAX && state[f] == 2 && ir->insts.len < MOST_INSTS) {
      inline_call(ir, inst, f, renamed);
      changed = true;
      next = before ? tm_get(ir, before)->next : tm_blk(ir, block)->first;
    }
    inst = next;
  }
  return changed;
}

static bool has_call(const tm_ir *ir, tm_block b) {
  TM_EACH_INST(ir, inst, b) {
    const tm_inst_data *i = tm_get(ir, inst);
    if (i->op == TM_CALL) return true;
    for (uint32_t r = 0; r < i->n_regions; r++)
      if (has_call(ir, i->regions[r])) return true;
  }
  return false;
}

static void set_func(tm_ir *ir, tm_block b, uint32_t func) {
  tm_blk(ir, b)->func = func;
  TM_EACH_INST(ir, inst, b)
    for (uint32_t r = 0; r < tm_get(ir, inst)->n_regions; r++)
      set_func(ir, tm_get(ir, inst)->regions[r], func);
}

bool tm_pass_inline(tm_ir *ir) {
  uint32_t kernel = tm_ir_kernel(ir);
  if (kernel == UINT32_MAX) return false;
  uint8_t *state = TM_NEW_ARRAY(ir->arena, uint8_t, ir->funcs.len);
  for (uint32_t f = 0; f < ir->funcs.len; f++) ends(ir, f, state);
  tm_map renamed = tm_map_in(ir->arena);
  tm_block body = ir->funcs.data[kernel].body;
  bool changed = inline_block(ir, body, state, &renamed);
  if (ir->funcs.len > 1 && !has_call(ir, body)) {
    ir->funcs.data[0] = ir->funcs.data[kernel];
    ir->funcs.len = 1;
    set_func(ir, body, 0);
    changed = true;
  }
  return changed;
}
