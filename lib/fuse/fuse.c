/* SPDX-License-Identifier: MIT */
/*
 * fuse.c - proves that a sequence of kernels may be one, and makes it one.
 *
 *     tt.store %p, %v, %m                 tt.store %p, %v, %m   (or gone)
 *     gpu.barrier
 *     %x = tt.load %p, %m, %o        ->   %x = arith.select %m, %v, %o
 *
 * The rules are in fuse.h. After tm_optimize equal addresses and masks are one
 * value; where not, linear_form.c may know them to be equal. What a program
 * itself does in turn, an update in place say, stays in turn: the emitter sees
 * to it (lib/msl/emitter_order.c).
 *
 * A masked load without another value reads zero where its mask is false, as
 * emitted loads do.
 *
 * Requires: merge.c's function, optimized. Maintains: order of effects. Breaks:
 * use counts; cleans up after itself.
 */
#include "fuseint.h"

#include "../opt/opt.h"

enum { MOST_CONDITIONS = 32, DEEPEST = 32 };

typedef struct access {
  tm_inst inst;
  uint32_t part, param;
  bool is_store, nested;
  tm_value pointer, value, mask, other; /* 0: none */
  tm_value conditions[MOST_CONDITIONS]; /* all of the mask's */
  uint32_t n_conditions;
} access;

typedef struct fuser {
  const tm_fuse_request *request;
  tm_ir *ir;
  tm_inst *marks;
  tm_fuse_forms *forms;
  TM_VEC(access) accesses; /* in program order */
  tm_fused *out;
} fuser;

static bool refuse(fuser *f, const char *format, ...) TM_PRINTF(2, 3);
static bool refuse(fuser *f, const char *format, ...) {
  tm_buf text = tm_buf_in(f->ir->arena);
  va_list args;
  va_start(args, format);
  tm_buf_vprintf(&text, format, args);
  va_end(args);
  f->out->reason = tm_buf_text(&text);
  return false;
}

static const char *part_name(const fuser *f, uint32_t part) {
  return f->request->parts[part].name;
}

/* ---- accesses ------------------------------------------------------------ */

static bool param_of(const fuser *f, tm_value v, uint32_t *param,
                     uint32_t depth);

/* A pointer that a loop carries is what it begins as, moved. */
static bool param_of_carried(const fuser *f, tm_value v, uint32_t *param,
                             uint32_t depth) {
  const tm_value_data *data = tm_val(f->ir, v);
  const tm_block_data *block = tm_blk(f->ir, data->block);
  const tm_inst_data *loop = tm_get(f->ir, block->parent);
  if (loop->op != TM_FOR || data->index == 0) return false;
  tm_value next = tm_get(f->ir, block->last)->operands[data->index - 1];
  tm_inst def = tm_val(f->ir, next)->def;
  bool moved = def && tm_get(f->ir, def)->op == TM_ADDPTR &&
               tm_get(f->ir, def)->operands[0] == v;
  return (next == v || moved) &&
         param_of(f, loop->operands[data->index + 2], param, depth);
}

/* The argument that a pointer comes from; false when that is not known. */
static bool param_of(const fuser *f, tm_value v, uint32_t *param,
                     uint32_t depth) {
  const tm_value_data *data = tm_val(f->ir, v);
  if (depth > DEEPEST) return false;
  if (!data->def && tm_blk(f->ir, data->block)->parent)
    return param_of_carried(f, v, param, depth + 1);
  if (!data->def) {
    *param = data->index;
    return true;
  }
  const tm_inst_data *i = tm_get(f->ir, data->def);
  switch (i->op) {
  case TM_ADDPTR: case TM_SPLAT: case TM_BROADCAST: case TM_EXPAND_DIMS:
  case TM_RESHAPE: case TM_TRANS: case TM_BITCAST: case TM_UNSPLAT:
    return param_of(f, i->operands[0], param, depth + 1);
  default:
    return false;
  }
}

/* Adds what must be true for the mask to be; false when it is too much. */
static bool add_conditions(const fuser *f, access *a, tm_value mask,
                           uint32_t depth) {
  int64_t c;
  if (tm_value_const_int(f->ir, mask, &c) && c) return true;
  tm_inst def = tm_val(f->ir, mask)->def;
  if (def && depth < DEEPEST && tm_get(f->ir, def)->op == TM_ANDI)
    return add_conditions(f, a, tm_get(f->ir, def)->operands[0], depth + 1) &&
           add_conditions(f, a, tm_get(f->ir, def)->operands[1], depth + 1);
  if (a->n_conditions == MOST_CONDITIONS) return false;
  a->conditions[a->n_conditions++] = mask;
  return true;
}

static bool add_access(fuser *f, tm_inst inst, uint32_t part, bool nested) {
  const tm_inst_data *i = tm_get(f->ir, inst);
  access a = {.inst = inst, .part = part, .nested = nested,
              .is_store = i->op == TM_STORE, .pointer = i->operands[0]};
  uint32_t at = 1;
  if (a.is_store) a.value = i->operands[at++];
  if (i->n_operands > at) a.mask = i->operands[at++];
  if (i->n_operands > at) a.other = i->operands[at];
  if (!param_of(f, a.pointer, &a.param, 0))
    return refuse(f, "'%s' reaches memory through a pointer that is not one "
                  "of its arguments moved", part_name(f, part));
  if (a.mask && !add_conditions(f, &a, a.mask, 0))
    return refuse(f, "a mask of '%s' has more than %d conditions",
                  part_name(f, part), MOST_CONDITIONS);
  tm_push(f->ir->arena, &f->accesses, a);
  return true;
}

/* Has it an effect besides plain loads and stores? */
static bool is_other_effect(const fuser *f, tm_inst inst) {
  const tm_inst_data *i = tm_get(f->ir, inst);
  switch (i->op) {
  case TM_STORE: case TM_ASSUME: return false;
  case TM_LOAD: return tm_inst_int(f->ir, inst, TM_ATTR_VOLATILE, 0) != 0;
  case TM_EXTERN: return !tm_inst_int(f->ir, inst, TM_ATTR_PURE, 1);
  case TM_INLINE_ASM: return !tm_inst_int(f->ir, inst, TM_ATTR_PURE, 0);
  default: return (tm_op_infos[i->op].flags & (TM_READS | TM_WRITES)) != 0;
  }
}

static bool collect(fuser *f, tm_block block, uint32_t *part, bool nested) {
  TM_EACH_INST(f->ir, inst, block) {
    const tm_inst_data *i = tm_get(f->ir, inst);
    if (*part + 1 < f->request->n_parts && inst == f->marks[*part]) {
      ++*part;
      continue;
    }
    if (is_other_effect(f, inst))
      return refuse(f, "'%s' has %s, which is not a plain load or store",
                    part_name(f, *part), tm_op_infos[i->op].name);
    if ((i->op == TM_LOAD || i->op == TM_STORE) &&
        !add_access(f, inst, *part, nested))
      return false;
    for (uint32_t r = 0; r < i->n_regions; r++)
      if (!collect(f, i->regions[r], part, true)) return false;
  }
  return true;
}

/* Is a product of floats used by two parts? Metal's compiler may compute
 * a * b + c with one rounding where that is one expression, and the emitter
 * makes it one where the product has no other use. So a product must have as
 * many uses as in its kernel alone: passes may have made one of two equal ones
 * of several parts. For the same reason equal instructions are not looked for
 * again once values are passed, and what is passed is a variable by itself. */
static bool is_shared_product(const fuser *f, tm_value v, uint32_t part,
                              const uint32_t *part_of) {
  bool crossed = false;
  for (tm_inst def = tm_val(f->ir, v)->def; def;
       def = tm_val(f->ir, tm_get(f->ir, def)->operands[0])->def) {
    crossed = crossed || part_of[def] != part;
    switch (tm_get(f->ir, def)->op) {
    case TM_MULF: return crossed;
    case TM_NEGF: case TM_SPLAT: case TM_UNSPLAT: case TM_BROADCAST:
    case TM_EXPAND_DIMS: case TM_RESHAPE: case TM_TRANS: break;
    default: return false;
    }
  }
  return false;
}

static bool shares_product(fuser *f, tm_block block, uint32_t *part,
                           uint32_t *part_of) {
  TM_EACH_INST(f->ir, inst, block) {
    const tm_inst_data *i = tm_get(f->ir, inst);
    if (*part + 1 < f->request->n_parts && inst == f->marks[*part]) ++*part;
    part_of[inst] = *part;
    for (uint32_t o = 0; o < i->n_operands; o++)
      if (is_shared_product(f, i->operands[o], *part, part_of)) return true;
    for (uint32_t r = 0; r < i->n_regions; r++)
      if (shares_product(f, i->regions[r], part, part_of)) return true;
  }
  return false;
}

/* ---- the proof ----------------------------------------------------------- */

static bool has_condition(const access *a, tm_value condition) {
  for (uint32_t i = 0; i < a->n_conditions; i++)
    if (a->conditions[i] == condition) return true;
  return false;
}

/* Is what a's mask takes in taken in by b's too? */
static bool is_covered(const fuser *f, const access *a, const access *b) {
  for (uint32_t i = 0; i < b->n_conditions; i++)
    if (!has_condition(a, b->conditions[i]) &&
        !tm_fuse_implies(f->forms, a->conditions, a->n_conditions,
                         b->conditions[i]))
      return false;
  return true;
}

typedef TM_VEC(access *) access_list;

/* The accesses of an argument that two parts touch and one writes; false when
 * it is none such. */
static bool is_passed(fuser *f, uint32_t param, access_list *list) {
  bool stores = false, apart = false;
  list->len = 0;
  for (uint32_t i = 0; i < f->accesses.len; i++) {
    access *a = &f->accesses.data[i];
    if (a->param != param) continue;
    tm_push(f->ir->arena, list, a);
    stores = stores || a->is_store;
    apart = apart || a->part != list->data[0]->part;
  }
  return stores && apart;
}

static const access *first_store(const access_list *list) {
  uint32_t i = 0;
  while (!list->data[i]->is_store) i++;
  return list->data[i];
}

/* Conditions that all accesses have. */
static uint32_t shared_conditions(const access_list *list, tm_value *out) {
  uint32_t n = 0;
  for (uint32_t c = 0; c < list->data[0]->n_conditions; c++) {
    bool all = true;
    for (uint32_t i = 1; i < list->len; i++)
      all = all &&
            has_condition(list->data[i], list->data[0]->conditions[c]);
    if (all) out[n++] = list->data[0]->conditions[c];
  }
  return n;
}

/* Are all accesses to one tile of addresses, each program's its own? */
static bool is_one_tile(fuser *f, const access_list *list) {
  const access *store = first_store(list);
  const char *name = f->request->params[store->param].label;
  for (uint32_t i = 0; i < list->len; i++) {
    const access *a = list->data[i];
    if (a->nested)
      return refuse(f, "'%s' %s '%s' inside a loop or condition",
                    part_name(f, a->part), a->is_store ? "writes" : "reads",
                    name);
    if (!tm_fuse_is_same(f->forms, a->pointer, store->pointer))
      return refuse(f, "'%s' %s '%s' at other addresses than '%s' writes it",
                    part_name(f, a->part), a->is_store ? "writes" : "reads",
                    name, part_name(f, store->part));
  }
  tm_value shared[MOST_CONDITIONS];
  const char *why;
  if (tm_fuse_is_apart(f->forms, store->pointer, shared,
                       shared_conditions(list, shared), &why))
    return true;
  return refuse(f, "what '%s' writes to '%s' is not known to be apart: %s",
                part_name(f, store->part), name, why);
}

/* Can each load after a store be its value? */
static bool are_loads_covered(fuser *f, const access_list *list) {
  const access *store = NULL;
  for (uint32_t i = 0; i < list->len; i++) {
    const access *a = list->data[i];
    if (a->is_store) {
      store = a;
      continue;
    }
    if (!store || is_covered(f, a, store)) continue;
    return refuse(f, "the mask with which '%s' reads '%s' is not known to be "
                  "within the one with which '%s' writes it",
                  part_name(f, a->part), f->request->params[a->param].label,
                  part_name(f, store->part));
  }
  return true;
}

/* ---- the change ---------------------------------------------------------- */

static void forward(fuser *f, const access *load, const access *store) {
  tm_value is = store->value;
  tm_val(f->ir, is)->is_apart = true; /* see shares_product */
  if (!tm_val(f->ir, is)->name)
    tm_val(f->ir, is)->name = tm_intern_cstr(
        &f->ir->names, f->request->params[store->param].label);
  if (load->mask) {
    tm_builder b = tm_build_before(f->ir, load->inst);
    b.loc = tm_get(f->ir, load->inst)->loc;
    tm_type type = tm_type_of(f->ir, is);
    tm_value other = load->other;
    if (!other)
      other = tm_scalar_is_float(tm_type_element(type)->scalar)
                  ? tm_build_float(&b, type, 0)
                  : tm_build_int(&b, type, 0);
    is = tm_build3(&b, TM_SELECT, load->mask, is, other);
  }
  tm_value was = tm_get(f->ir, load->inst)->results;
  tm_value_replace(f->ir, was, is);
  /* Other accesses hold operands of their own. */
  for (uint32_t i = 0; i < f->accesses.len; i++) {
    access *a = &f->accesses.data[i];
    if (a->value == was) a->value = is;
    if (a->mask == was) a->mask = is;
    if (a->other == was) a->other = is;
  }
  tm_inst_remove(f->ir, load->inst);
  if (load->part + 1 == f->request->n_parts) f->out->loads++;
}

static void drop_store(fuser *f, access *store) {
  tm_inst_remove(f->ir, store->inst);
  f->out->stores++;
}

/* Is everything that a store writes written again, unread? Loads in between
 * are values by now. */
static bool is_overwritten(const fuser *f, const access_list *list,
                           uint32_t at) {
  for (uint32_t i = at + 1; i < list->len; i++)
    if (list->data[i]->is_store && is_covered(f, list->data[at], list->data[i]))
      return true;
  return false;
}

static void pass_values(fuser *f, const access_list *list) {
  const access *store = NULL;
  for (uint32_t i = 0; i < list->len; i++) {
    if (list->data[i]->is_store)
      store = list->data[i];
    else if (store)
      forward(f, list->data[i], store);
  }
  uint32_t param = list->data[0]->param;
  for (uint32_t i = 0; i < list->len; i++)
    if (list->data[i]->is_store && (f->request->params[param].is_temporary ||
                                    is_overwritten(f, list, i)))
      drop_store(f, list->data[i]);
}

/* ---- clean-up ------------------------------------------------------------ */

/* Takes parameters that nothing uses from the function. */
static void drop_params(fuser *f) {
  tm_ir *ir = f->ir;
  tm_func *func = &ir->funcs.data[0];
  tm_block_data *body = tm_blk(ir, func->body);
  const uint32_t *uses = tm_ir_count_uses(ir);
  uint32_t *kept = TM_NEW_ARRAY(ir->arena, uint32_t, func->params.len + 1);
  uint32_t n = 0;
  for (uint32_t p = 0; p < func->params.len; p++) {
    if (!uses[func->params.data[p].value]) continue;
    kept[n] = p;
    func->params.data[n] = func->params.data[p];
    body->args[n] = body->args[p];
    tm_val(ir, body->args[n])->index = n;
    n++;
  }
  func->params.len = body->n_args = n;
  f->out->kept = kept;
  f->out->n_kept = n;
}

static bool clean(fuser *f, tm_diags *diags) {
  for (uint32_t p = 0; p + 1 < f->request->n_parts; p++)
    tm_inst_remove(f->ir, f->marks[p]);
  tm_pass_fold(f->ir);
  tm_pass_dce(f->ir);
  drop_params(f);
  return tm_ir_verify(f->ir, diags, "fusing");
}

/* ---- all of it ----------------------------------------------------------- */

/* A buffer that the last part reads after another wrote it? */
static bool is_read_at_last(const fuser *f, const access_list *list) {
  bool stored = false;
  for (uint32_t i = 0; i < list->len; i++) {
    const access *a = list->data[i];
    if (a->is_store) stored = stored || a->part + 1 < f->request->n_parts;
    else if (stored && a->part + 1 == f->request->n_parts) return true;
  }
  return false;
}

static bool prove(fuser *f) {
  uint32_t part = 0;
  tm_block body = f->ir->funcs.data[0].body;
  if (!collect(f, body, &part, false)) return false;
  access_list list = {NULL, 0, 0};
  bool gains = false;
  for (uint32_t p = 0; p < f->request->n_params; p++)
    if (is_passed(f, p, &list)) gains = gains || is_read_at_last(f, &list);
  if (!gains)
    return refuse(f, "'%s' reads nothing that is written before it",
                  part_name(f, f->request->n_parts - 1));
  for (uint32_t p = 0; p < f->request->n_params; p++)
    if (is_passed(f, p, &list) &&
        (!is_one_tile(f, &list) || !are_loads_covered(f, &list)))
      return false;
  uint32_t *part_of =
      TM_NEW_ARRAY(f->ir->arena, uint32_t, f->ir->insts.len + 1);
  part = 0;
  if (!shares_product(f, body, &part, part_of)) return true;
  return refuse(f, "'%s' has a product of numbers in common with another "
                "kernel, and would round it once where it was rounded twice",
                part_name(f, f->request->n_parts - 1));
}

bool tm_fuse(tm_arena *arena, tm_diags *diags,
             const tm_fuse_request *request, tm_fused *out) {
  memset(out, 0, sizeof *out);
  out->is_used = TM_NEW_ARRAY(arena, bool, request->n_params + 1);
  fuser f = {.request = request, .out = out};
  f.marks = TM_NEW_ARRAY(arena, tm_inst, request->n_parts + 1);
  for (uint32_t p = 0; p < request->n_parts; p++)
    tm_pass_inline(request->parts[p].ir);
  f.ir = tm_fuse_merge(arena, request, f.marks, &out->reason);
  if (!f.ir) return true;
  if (!tm_ir_verify(f.ir, diags, "merging kernels") ||
      !tm_optimize(f.ir, diags, request->skip_passes, NULL, NULL))
    return false;
  f.forms = tm_fuse_forms_of(f.ir, request, out->is_used);
  if (!prove(&f)) return true;
  access_list list = {NULL, 0, 0};
  for (uint32_t p = 0; p < request->n_params; p++)
    if (is_passed(&f, p, &list)) pass_values(&f, &list);
  bool keeps;
  if (!clean(&f, diags) ||
      !tm_fuse_keeps_order(arena, diags, request, f.ir, &keeps))
    return false;
  if (keeps)
    out->ir = f.ir;
  else
    refuse(&f, "a sum or product of '%s' would be added up in another order",
           part_name(&f, request->n_parts - 1));
  return true;
}
