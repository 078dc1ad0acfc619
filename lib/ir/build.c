/* SPDX-License-Identifier: MIT */
/*
 * build.c - making modules, blocks and instructions through a cursor.
 *
 * An instruction's results are consecutive values; everything handed in is
 * copied to the arena. Attaching a region block to an instruction gives the
 * block its parent and moves its whole contents into the same function,
 * since callers build bodies before the instruction that owns them.
 */
#include "irint.h"

#include <assert.h>

tm_ir *tm_ir_create(tm_arena *arena) {
  tm_ir *ir = TM_NEW(arena, tm_ir);
  ir->arena = arena;
  tm_names_init(&ir->names, arena);
  tm_push(arena, &ir->values, (tm_value_data){0});
  tm_push(arena, &ir->insts, (tm_inst_data){0});
  tm_push(arena, &ir->blocks, (tm_block_data){0});
  /* Value 0 is "none", yet a reader of broken IR may ask its type. */
  ir->values.data[0].type = tm_type_scalar(ir, TM_VOID);
  return ir;
}

tm_builder tm_build_at_end(tm_ir *ir, tm_block block) {
  return (tm_builder){.ir = ir, .block = block};
}

tm_builder tm_build_before(tm_ir *ir, tm_inst inst) {
  return (tm_builder){.ir = ir, .block = tm_get(ir, inst)->block,
                      .before = inst, .loc = tm_get(ir, inst)->loc};
}

tm_builder tm_build_after(tm_ir *ir, tm_inst inst) {
  return (tm_builder){.ir = ir, .block = tm_get(ir, inst)->block,
                      .before = tm_get(ir, inst)->next,
                      .loc = tm_get(ir, inst)->loc};
}

static tm_value new_value(tm_ir *ir, tm_value_data data) {
  tm_push(ir->arena, &ir->values, data);
  return ir->values.len - 1;
}

tm_block tm_ir_new_block(tm_ir *ir) {
  tm_push(ir->arena, &ir->blocks, (tm_block_data){0});
  return ir->blocks.len - 1;
}

tm_value tm_block_add_arg(tm_ir *ir, tm_block block, tm_type type) {
  tm_block_data *b = tm_blk(ir, block);
  tm_value v = new_value(ir, (tm_value_data){.type = type, .block = block,
                                             .index = b->n_args});
  /* Arguments are few; the array is copied rather than grown. */
  tm_value *args = TM_NEW_ARRAY(ir->arena, tm_value, b->n_args + 1);
  if (b->n_args) memcpy(args, b->args, b->n_args * sizeof args[0]);
  args[b->n_args++] = v;
  b->args = args;
  return v;
}

uint32_t tm_ir_add_func(tm_ir *ir, const char *name, bool is_public) {
  tm_func f = {.name = tm_intern_cstr(&ir->names, name),
               .is_public = is_public, .body = tm_ir_new_block(ir)};
  tm_blk(ir, f.body)->func = ir->funcs.len;
  tm_push(ir->arena, &ir->funcs, f);
  return ir->funcs.len - 1;
}

tm_value tm_func_add_param(tm_ir *ir, uint32_t func, const char *name,
                           tm_type type, uint32_t divisibility) {
  tm_func *f = &ir->funcs.data[func];
  tm_param p = {.name = name ? tm_intern_cstr(&ir->names, name) : NULL,
                .type = type, .divisibility = divisibility,
                .value = tm_block_add_arg(ir, f->body, type)};
  tm_val(ir, p.value)->name = p.name;
  tm_push(ir->arena, &f->params, p);
  return p.value;
}

/* Puts block and all that is nested in it into func. Blocks are attached
 * inner first, so usually the contents already agree and nothing is walked. */
static void block_set_func(tm_ir *ir, tm_block block, uint32_t func,
                           uint32_t depth) {
  tm_blk(ir, block)->func = func;
  if (depth > TM_MAX_NEST * 4) return;
  TM_EACH_INST(ir, inst, block)
    for (uint32_t r = 0; r < tm_get(ir, inst)->n_regions; r++) {
      tm_block inner = tm_get(ir, inst)->regions[r];
      if (inner && tm_blk(ir, inner)->func != func)
        block_set_func(ir, inner, func, depth + 1);
    }
}

static void link_before(tm_ir *ir, tm_inst inst, tm_block block,
                        tm_inst before) {
  tm_inst_data *i = tm_get(ir, inst);
  tm_block_data *b = tm_blk(ir, block);
  i->block = block;
  i->next = before;
  i->prev = before ? tm_get(ir, before)->prev : b->last;
  if (i->prev) tm_get(ir, i->prev)->next = inst;
  else b->first = inst;
  if (before) tm_get(ir, before)->prev = inst;
  else b->last = inst;
}

void tm_inst_move(tm_ir *ir, tm_inst inst, tm_builder to) {
  tm_inst_data *i = tm_get(ir, inst);
  tm_block_data *b = tm_blk(ir, i->block);
  if (to.before == inst) return;
  if (i->prev) tm_get(ir, i->prev)->next = i->next;
  else b->first = i->next;
  if (i->next) tm_get(ir, i->next)->prev = i->prev;
  else b->last = i->prev;
  link_before(ir, inst, to.block, to.before);
}

static void *copy_array(tm_ir *ir, const void *from, uint32_t n,
                        size_t size) {
  void *to = tm_alloc_array(ir->arena, n ? n : 1, size);
  if (n) memcpy(to, from, n * size);
  return to;
}

static void copy_attrs(tm_ir *ir, tm_inst_data *i, uint32_t n,
                       const tm_attr *attrs) {
  i->n_attrs = n;
  i->attrs = copy_array(ir, attrs, n, sizeof attrs[0]);
  for (uint32_t a = 0; a < n; a++)
    if (attrs[a].kind == TM_ATTR_INTS)
      i->attrs[a].ints = copy_array(ir, attrs[a].ints, attrs[a].n_ints,
                                    sizeof attrs[a].ints[0]);
}

/* Every scf.if has both blocks, so that no reader asks. */
static void attach_regions(tm_builder *b, tm_inst inst, tm_op op, uint32_t n,
                           const tm_block *regions) {
  tm_ir *ir = b->ir;
  uint32_t have = n;
  if (op == TM_IF) n = 2;
  tm_block *blocks = TM_NEW_ARRAY(ir->arena, tm_block, n ? n : 1);
  for (uint32_t r = 0; r < n; r++) {
    blocks[r] = r < have ? regions[r] : 0;
    if (op == TM_IF && !blocks[r]) {
      blocks[r] = tm_ir_new_block(ir);
      tm_builder in = tm_build_at_end(ir, blocks[r]);
      in.loc = b->loc;
      tm_build(&in, TM_YIELD, 0, NULL, 0, NULL, 0, NULL, 0, NULL);
    }
    if (!blocks[r]) continue;
    tm_blk(ir, blocks[r])->parent = inst;
    block_set_func(ir, blocks[r], tm_blk(ir, b->block)->func, 0);
  }
  tm_get(ir, inst)->regions = blocks;
  tm_get(ir, inst)->n_regions = n;
}

tm_inst tm_build(tm_builder *b, tm_op op, uint32_t n_operands,
                 const tm_value *operands, uint32_t n_results,
                 const tm_type *types, uint32_t n_regions,
                 const tm_block *regions, uint32_t n_attrs,
                 const tm_attr *attrs) {
  tm_ir *ir = b->ir;
  tm_type inferred[TM_MAX_RESULTS];
  if (!types) {
    const char *why;
    tm_rule_query query = {ir, op, n_operands, operands, n_attrs, attrs};
    bool known = tm_rule_infer(&query, inferred, &n_results, &why);
    if (!known && n_results == 1) inferred[0] = tm_type_scalar(ir, TM_VOID);
    assert((known || n_results == 0) && "the type rule gives the result");
    (void)known;
    types = inferred;
  }
  tm_push(ir->arena, &ir->insts, (tm_inst_data){0});
  tm_inst inst = ir->insts.len - 1;
  tm_inst_data *i = tm_get(ir, inst);
  i->op = op;
  i->loc = b->loc;
  i->n_operands = n_operands;
  i->operands = copy_array(ir, operands, n_operands, sizeof operands[0]);
  copy_attrs(ir, i, n_attrs, attrs);
  i->n_results = n_results;
  i->results = n_results ? ir->values.len : 0;
  for (uint32_t r = 0; r < n_results; r++)
    new_value(ir, (tm_value_data){.type = types[r], .def = inst, .index = r});
  attach_regions(b, inst, op, n_regions, regions);
  link_before(ir, inst, b->block, b->before);
  return inst;
}

tm_value tm_build1(tm_builder *b, tm_op op, tm_value x) {
  tm_inst i = tm_build(b, op, 1, &x, 0, NULL, 0, NULL, 0, NULL);
  return tm_get(b->ir, i)->results;
}

tm_value tm_build2(tm_builder *b, tm_op op, tm_value x, tm_value y) {
  tm_value operands[] = {x, y};
  tm_inst i = tm_build(b, op, 2, operands, 0, NULL, 0, NULL, 0, NULL);
  return tm_get(b->ir, i)->results;
}

tm_value tm_build3(tm_builder *b, tm_op op, tm_value x, tm_value y,
                   tm_value z) {
  tm_value operands[] = {x, y, z};
  tm_inst i = tm_build(b, op, 3, operands, 0, NULL, 0, NULL, 0, NULL);
  return tm_get(b->ir, i)->results;
}

tm_value tm_build_to(tm_builder *b, tm_op op, tm_value x, tm_type to) {
  tm_inst i = tm_build(b, op, 1, &x, 1, &to, 0, NULL, 0, NULL);
  return tm_get(b->ir, i)->results;
}

static tm_value build_constant(tm_builder *b, tm_type type, tm_attr value) {
  tm_inst i = tm_build(b, TM_CONSTANT, 0, NULL, 1, &type, 0, NULL, 1, &value);
  return tm_get(b->ir, i)->results;
}

tm_value tm_build_int(tm_builder *b, tm_type type, int64_t value) {
  tm_scalar scalar = tm_type_element(type)->scalar;
  assert(tm_type_element(type)->kind == TM_TYPE_SCALAR &&
         tm_scalar_is_int(scalar) && "tm_build_int makes integers");
  return build_constant(
      b, type, tm_attr_int(TM_ATTR_VALUE, tm_int_wrap(scalar, value)));
}

tm_value tm_build_float(tm_builder *b, tm_type type, double value) {
  tm_scalar scalar = tm_type_element(type)->scalar;
  assert(tm_type_element(type)->kind == TM_TYPE_SCALAR &&
         tm_scalar_is_float(scalar) && "tm_build_float makes floats");
  tm_attr attr = {.key = TM_ATTR_VALUE, .kind = TM_ATTR_FLOAT,
                  .f = tm_float_round(scalar, value)};
  return build_constant(b, type, attr);
}

static tm_value build_compare(tm_builder *b, tm_op op, int predicate,
                              tm_value x, tm_value y) {
  tm_attr attr = tm_attr_int(TM_ATTR_PREDICATE, predicate);
  tm_value operands[] = {x, y};
  tm_inst i = tm_build(b, op, 2, operands, 0, NULL, 0, NULL, 1, &attr);
  return tm_get(b->ir, i)->results;
}

tm_value tm_build_cmpi(tm_builder *b, tm_cmpi p, tm_value x, tm_value y) {
  return build_compare(b, TM_CMPI, (int)p, x, y);
}

tm_value tm_build_cmpf(tm_builder *b, tm_cmpf p, tm_value x, tm_value y) {
  return build_compare(b, TM_CMPF, (int)p, x, y);
}
