/* SPDX-License-Identifier: MIT */
/*
 * merge.c - the bodies of several kernels in one function.
 *
 *     @a(%t, %n) { A }        @a_then_b(%t, %n, %u) {
 *     @b(%t, %n, %u) { B } ->   A
 *                               gpu.barrier      the mark
 *                               B
 *                               tt.return }
 *
 * Each part is copied from an IR of its own; types and names are made again in
 * the new one. The mark is an effect, so that passes move no load or store
 * over it, while equal pure instructions before and after it become one.
 */
#include "fuseint.h"

enum { LONGEST_NAME = 120 };

typedef struct copier {
  const tm_ir *from;
  tm_ir *to;
  tm_map map;          /* values */
  uint32_t first_file;
} copier;

static tm_type copy_type(tm_ir *to, tm_type t) {
  switch (t->kind) {
  case TM_TYPE_SCALAR: return tm_type_scalar(to, t->scalar);
  case TM_TYPE_POINTER:
    return tm_type_pointer(to, copy_type(to, t->element), t->address_space);
  case TM_TYPE_TENSOR:
    return tm_type_tensor(to, copy_type(to, t->element), t->rank, t->shape);
  case TM_TYPE_DESCRIPTOR:
    return tm_type_descriptor(to, copy_type(to, t->element));
  }
  return t;
}

static void copy_name(copier *c, tm_value from, tm_value to) {
  tm_name name = tm_val(c->from, from)->name;
  if (name) tm_val(c->to, to)->name = tm_intern_cstr(&c->to->names, name);
}

static void copy_block(copier *c, tm_builder *b, tm_block from);

static tm_block copy_region(copier *c, tm_block from) {
  tm_block to = tm_ir_new_block(c->to);
  const tm_block_data *data = tm_blk(c->from, from);
  for (uint32_t a = 0; a < data->n_args; a++) {
    tm_type type = copy_type(c->to, tm_type_of(c->from, data->args[a]));
    tm_value copy = tm_block_add_arg(c->to, to, type);
    copy_name(c, data->args[a], copy);
    tm_map_put(&c->map, data->args[a], copy);
  }
  tm_builder b = tm_build_at_end(c->to, to);
  copy_block(c, &b, from);
  return to;
}

static void copy_inst(copier *c, tm_builder *b, tm_inst inst) {
  const tm_inst_data *i = tm_get(c->from, inst);
  tm_arena *arena = c->to->arena;
  tm_value *operands = TM_NEW_ARRAY(arena, tm_value, i->n_operands + 1);
  tm_type *types = TM_NEW_ARRAY(arena, tm_type, i->n_results + 1);
  tm_block *regions = TM_NEW_ARRAY(arena, tm_block, i->n_regions + 1);
  for (uint32_t o = 0; o < i->n_operands; o++)
    operands[o] = tm_ir_mapped(&c->map, i->operands[o]);
  for (uint32_t r = 0; r < i->n_results; r++)
    types[r] = copy_type(c->to, tm_type_of(c->from, i->results + r));
  for (uint32_t r = 0; r < i->n_regions; r++)
    regions[r] = copy_region(c, i->regions[r]);
  b->loc = i->loc;
  if (b->loc.file) b->loc.file += c->first_file;
  tm_inst made = tm_build(b, i->op, i->n_operands, operands, i->n_results,
                          types, i->n_regions, regions, i->n_attrs, i->attrs);
  for (uint32_t r = 0; r < i->n_results; r++) {
    tm_value to = tm_get(c->to, made)->results + r;
    copy_name(c, i->results + r, to);
    tm_map_put(&c->map, i->results + r, to);
  }
}

static void copy_block(copier *c, tm_builder *b, tm_block from) {
  TM_EACH_INST(c->from, inst, from)
    if (tm_get(c->from, inst)->op != TM_RETURN) copy_inst(c, b, inst);
}

/* The parameters of the parts become those of the whole. */
static bool add_params(tm_ir *to, const tm_fuse_request *request,
                       const char **reason) {
  tm_type *types = TM_NEW_ARRAY(to->arena, tm_type, request->n_params + 1);
  for (uint32_t p = 0; p < request->n_parts; p++) {
    const tm_fuse_part *part = &request->parts[p];
    const tm_func *func = &part->ir->funcs.data[tm_ir_kernel(part->ir)];
    for (uint32_t a = 0; a < func->params.len; a++) {
      uint32_t n = part->params[a];
      tm_type type = copy_type(to, func->params.data[a].type);
      if (types[n] && types[n] != type) {
        tm_buf text = tm_buf_in(to->arena);
        tm_buf_printf(&text, "'%s' has another element type in '%s'",
                      request->params[n].label, part->name);
        *reason = tm_buf_text(&text);
        return false;
      }
      types[n] = type;
    }
  }
  for (uint32_t n = 0; n < request->n_params; n++)
    tm_func_add_param(to, 0, request->params[n].name, types[n],
                      request->params[n].divisibility);
  return true;
}

static const char *name_of(tm_arena *arena, const tm_fuse_request *request) {
  tm_buf name = tm_buf_in(arena);
  for (uint32_t p = 0; p < request->n_parts && name.len < LONGEST_NAME; p++)
    tm_buf_printf(&name, "%s%.60s", p ? "_then_" : "",
                  request->parts[p].name);
  return tm_buf_text(&name);
}

static void copy_part(tm_ir *to, tm_builder *b, const tm_fuse_part *part) {
  const tm_func *func = &part->ir->funcs.data[tm_ir_kernel(part->ir)];
  copier c = {part->ir, to, tm_map_in(to->arena), part->first_file};
  for (uint32_t a = 0; a < func->params.len; a++)
    tm_map_put(&c.map, func->params.data[a].value,
               to->funcs.data[0].params.data[part->params[a]].value);
  copy_block(&c, b, func->body);
}

tm_ir *tm_fuse_merge(tm_arena *arena, const tm_fuse_request *request,
                     tm_inst *marks, const char **reason) {
  tm_ir *to = tm_ir_create(arena);
  tm_ir_add_func(to, name_of(arena, request), true);
  if (!add_params(to, request, reason)) return NULL;
  tm_func *func = &to->funcs.data[0];
  const tm_fuse_part *first = &request->parts[0];
  func->loc = first->ir->funcs.data[tm_ir_kernel(first->ir)].loc;
  if (func->loc.file) func->loc.file += first->first_file;
  tm_builder b = tm_build_at_end(to, func->body);
  for (uint32_t p = 0; p < request->n_parts; p++) {
    b.loc = func->loc;
    if (p)
      marks[p - 1] =
          tm_build(&b, TM_BARRIER, 0, NULL, 0, NULL, 0, NULL, 0, NULL);
    copy_part(to, &b, &request->parts[p]);
  }
  b.loc = func->loc;
  tm_build(&b, TM_RETURN, 0, NULL, 0, NULL, 0, NULL, 0, NULL);
  return to;
}
