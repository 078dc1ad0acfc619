/* SPDX-License-Identifier: MIT */
/*
 * assign.c - gives every tensor value its layout and inserts conversions.
 *
 * Propagation has told what values wish. Now each instruction asks for its
 * operands in the layouts that it needs:
 *
 *   - A value without a wish takes the first layout it is asked for, and asks
 *     its own operands in turn. Asked for a second layout, its instruction is
 *     cloned, unless converting is cheaper: index arithmetic is computed in
 *     each layout that addresses or masks need.
 *     Tiles of pointers are always cloned.
 *   - A load with one user, or arithmetic on such loads alone with one user,
 *     waits for what it is asked. It agrees if the accesses stay as good as
 *     its own wish would make them (tm_seed_accepts), so that a bias is loaded
 *     as fragments. On chips that stage dot operands the operand layout is
 *     not accepted: the tile is loaded with wide accesses, once, and converted
 *     through threadgroup memory.
 *   - Anything else is converted.
 *
 * Clones and conversions go right behind the instruction that makes the
 * value, where they serve every user and sit outside the loops that the value
 * is invariant in. Each (value, layout) exists once.
 *
 *     x = load [64, 32]      blocked            x = load            blocked
 *     dot(x, ...)            fragments    =>    x' = convert x      fragments
 *                                               dot(x', ...)
 *
 * Stores happen in the layout that the value has if it touches at least 16
 * consecutive bytes at once per simdgroup, as fragments of f16 and f32 do;
 * the conversion that would make the access wider moves the tile through
 * threadgroup memory and back, which costs more than partial lines that the
 * cache merges. Otherwise the value is converted to what the store asks for,
 * unless the tile is larger than threadgroup memory.
 */
#include "assignint.h"

typedef TM_VEC(tm_inst) inst_list;

typedef struct realiser {
  tm_assigner *a;
  TM_VEC(const tm_layout *) of; /* final, per value; NULL: not yet */
  TM_VEC(tm_value) root;   /* per value: what it is a clone or conversion of */
  uint8_t *waits;          /* per original value: takes what it is asked */
  tm_map variants;         /* (root, layout id) -> value */
  inst_list todo;          /* have their result's layout, not yet operands' */
  inst_list structures;    /* loops and branches, for the second round */
} realiser;

/* ---- reading ----------------------------------------------------------- */

static tm_value root_of(const realiser *z, tm_value v) {
  return z->root.data[v];
}

static uint32_t id_of(const tm_layout *l) {
  return ((const tm_layout_entry *)l)->id;
}

static uint64_t variant_key(tm_value root, const tm_layout *l) {
  return (uint64_t)root << 32 | id_of(l);
}

/* Values made later belong to a root; only originals have a wish. */
static bool is_soft(const realiser *z, tm_value root) {
  return z->a->strength[root] == TM_SOFT;
}

static bool is_structure(tm_op op) {
  return op == TM_FOR || op == TM_IF || op == TM_WHILE;
}

/* Soft results of pure instructions can be made again. */
static bool is_clonable(const realiser *z, tm_value root) {
  tm_inst def = tm_val(z->a->ir, root)->def;
  return is_soft(z, root) && def != 0 &&
         (tm_op_infos[tm_get(z->a->ir, def)->op].flags & TM_PURE) &&
         tm_get(z->a->ir, def)->n_results == 1;
}

/* Addresses are computed again, whatever it takes: their offsets may be
 * converted, but a pointer is never moved between threads. */
static bool is_address(const realiser *z, tm_value root) {
  const tm_ir *ir = z->a->ir;
  tm_inst def = tm_val(ir, root)->def;
  return tm_type_element(tm_type_of(ir, root))->kind == TM_TYPE_POINTER &&
         def != 0 && tm_get(ir, def)->n_results == 1 &&
         (tm_op_infos[tm_get(ir, def)->op].flags & TM_PURE);
}

static bool operand_layout(realiser *z, tm_inst i, uint32_t k,
                           const tm_layout *result, const tm_layout **out) {
  tm_layout l;
  if (!tm_relation_operand(z->a->ir, i, k, result, &l)) return false;
  *out = tm_assign_intern(z->a, &l);
  return true;
}

/* ---- costs ------------------------------------------------------------- */

static uint32_t element_bytes(tm_type t) {
  t = tm_type_element(t);
  if (t->kind != TM_TYPE_SCALAR) return 8;
  return (tm_scalar_bits(t->scalar) + 7) / 8;
}

/* In units of about one simple operation of a thread. Threadgroup memory has
 * a barrier, and a store and a load for each register; METAL-FACTS 2.5 gives
 * 2 cycles for a shuffle, 28 with lanes in no order. */
static uint64_t convert_cost(realiser *z, tm_value v, const tm_layout *from,
                             const tm_layout *to) {
  uint64_t words = (element_bytes(tm_type_of(z->a->ir, v)) + 3) / 4;
  uint64_t regs = ((uint64_t)1 << to->n_reg) * words;
  switch (tm_convert_kind_of(z->a->arena, from, to)) {
    case TM_CONVERT_NONE: case TM_CONVERT_REGISTERS: return 0;
    case TM_CONVERT_SHUFFLE: return 8 * regs;
    case TM_CONVERT_THREADGROUP: break;
  }
  return 64 + 8 * regs + 8 * ((uint64_t)1 << from->n_reg) * words;
}

/* Tiles that do not fit into threadgroup memory should not be converted
 * through it if there is another way. */
static bool converts_well(realiser *z, tm_value v, const tm_layout *from,
                          const tm_layout *to) {
  tm_type t = tm_type_of(z->a->ir, v);
  int64_t bytes = tm_type_numel(t) * element_bytes(t);
  return bytes <= z->a->chip->threadgroup_bytes ||
         tm_convert_kind_of(z->a->arena, from, to) != TM_CONVERT_THREADGROUP;
}

static uint64_t op_cost(tm_op op) {
  switch ((int)op) {
    case TM_CONSTANT: case TM_SPLAT: case TM_EXPAND_DIMS: case TM_BROADCAST:
    case TM_TRANS: case TM_RESHAPE: case TM_BITCAST: case TM_ARITH_BITCAST:
    case TM_POISON:
      return 0;
    case TM_DIVSI: case TM_DIVUI: case TM_REMSI: case TM_REMUI:
      return 16;
    case TM_EXP: case TM_EXP2: case TM_LOG: case TM_LOG2: case TM_SIN:
    case TM_COS: case TM_SQRT: case TM_RSQRT: case TM_DIVF: case TM_ERF:
    case TM_EXTERN: case TM_PRECISE_DIVF: case TM_PRECISE_SQRT:
      return 8;
    default:
      return 1;
  }
}

/* What a clone of v in layout l costs with all that it would have to clone
 * and convert; gives up when more than LOOK values are involved. */
static uint64_t clone_cost(realiser *z, tm_value v, const tm_layout *l) {
  enum { LOOK = 64 };
  struct { tm_value v; const tm_layout *l; } todo[LOOK];
  uint32_t n = 0, looked = 0;
  uint64_t cost = 0, found;
  todo[n].v = v;
  todo[n++].l = l;
  while (n > 0) {
    tm_value u = todo[--n].v;
    const tm_layout *m = todo[n].l, *have = z->of.data[u];
    if (++looked > LOOK) return UINT64_MAX;
    if (have == m || have == NULL ||
        tm_map_get(&z->variants, variant_key(u, m), &found))
      continue;
    if (!is_clonable(z, u)) {
      cost += convert_cost(z, u, have, m);
      continue;
    }
    tm_inst def = tm_val(z->a->ir, u)->def;
    const tm_inst_data *inst = tm_get(z->a->ir, def);
    cost += op_cost(inst->op) << m->n_reg;
    for (uint32_t k = 0; k < inst->n_operands; k++) {
      if (!tm_relation_is_tensor(z->a->ir, inst->operands[k])) continue;
      if (n == LOOK || !operand_layout(z, def, k, m, &todo[n].l))
        return UINT64_MAX;
      todo[n++].v = root_of(z, inst->operands[k]);
    }
  }
  return cost;
}

/* ---- giving layouts ---------------------------------------------------- */

static void note_values(realiser *z, tm_inst i, tm_value root,
                        const tm_layout *l) {
  const tm_inst_data *inst = tm_get(z->a->ir, i);
  for (uint32_t r = 0; r < inst->n_results; r++) {
    tm_push(z->a->arena, &z->of, l);
    tm_push(z->a->arena, &z->root, root);
  }
  tm_map_put(&z->variants, variant_key(root, l), inst->results);
}

/* Where something that uses v and serves all its users goes. */
static tm_builder behind(realiser *z, tm_value v) {
  const tm_value_data *data = tm_val(z->a->ir, v);
  if (data->def != 0) return tm_build_after(z->a->ir, data->def);
  tm_block_data *b = tm_blk(z->a->ir, data->block);
  tm_builder at = tm_build_before(z->a->ir, b->first);
  if (b->parent != 0) at.loc = tm_get(z->a->ir, b->parent)->loc;
  return at;
}

static tm_value convert(realiser *z, tm_value root, const tm_layout *l) {
  tm_ir *ir = z->a->ir;
  tm_builder b = behind(z, root);
  tm_value v = tm_build_to(&b, TM_CONVERT_LAYOUT, root, tm_type_of(ir, root));
  tm_val(ir, v)->name = tm_val(ir, root)->name;
  note_values(z, tm_val(ir, v)->def, root, l);
  return v;
}

static tm_value clone(realiser *z, tm_value root, const tm_layout *l) {
  tm_ir *ir = z->a->ir;
  tm_inst_data inst = *tm_get(ir, tm_val(ir, root)->def);
  tm_type type = tm_type_of(ir, root);
  tm_builder b = behind(z, root);
  tm_inst i = tm_build(&b, inst.op, inst.n_operands, inst.operands, 1, &type,
                       0, NULL, inst.n_attrs, inst.attrs);
  tm_value v = tm_get(ir, i)->results;
  tm_val(ir, v)->name = tm_val(ir, root)->name;
  note_values(z, i, root, l);
  tm_push(z->a->arena, &z->todo, i);
  return v;
}

/* Settles the layout of an original value, of all that share it, and of the
 * other results of its instruction. */
static void settle(realiser *z, tm_value v, const tm_layout *l) {
  const tm_ir *ir = z->a->ir;
  tm_value each = v;
  do {
    z->of.data[each] = l;
    each = z->a->partner[each];
  } while (each != 0 && each != v);
  tm_inst def = tm_val(ir, v)->def;
  if (def == 0 || is_structure(tm_get(ir, def)->op)) return;
  const tm_inst_data *inst = tm_get(ir, def);
  for (uint32_t r = 0; r < inst->n_results; r++)
    if (tm_relation_is_tensor(ir, inst->results + r))
      z->of.data[inst->results + r] = l;
  tm_push(z->a->arena, &z->todo, def);
}

/* Could the loads behind v, which waits, be made in layout l? */
static bool waiting_accepts(realiser *z, tm_value v, const tm_layout *l) {
  enum { LOOK = 64 };
  struct { tm_value v; const tm_layout *l; } todo[LOOK];
  uint32_t n = 0, looked = 0;
  todo[n].v = v;
  todo[n++].l = l;
  while (n > 0) {
    tm_value u = todo[--n].v;
    const tm_layout *m = todo[n].l;
    tm_inst def = tm_val(z->a->ir, u)->def;
    if (++looked > LOOK) return false;
    if (is_soft(z, u)) continue;
    if (!z->waits[u] || z->of.data[u] != NULL) return false;
    const tm_inst_data *inst = tm_get(z->a->ir, def);
    if (inst->op == TM_LOAD) {
      if (!tm_seed_accepts(z->a->access[def], m)) return false;
      continue;
    }
    for (uint32_t k = 0; k < inst->n_operands; k++) {
      if (!tm_relation_is_tensor(z->a->ir, inst->operands[k])) continue;
      if (n == LOOK || !operand_layout(z, def, k, m, &todo[n].l)) return false;
      todo[n++].v = root_of(z, inst->operands[k]);
    }
  }
  return true;
}

/* v, or what holds the same in layout l. staged: loads keep their wish, the
 * code generator stages large tiles in parts. */
static tm_value require(realiser *z, tm_value v, const tm_layout *l,
                        bool staged) {
  tm_value root = root_of(z, v);
  uint64_t found;
  if (z->of.data[root] == NULL) {
    const tm_layout *wish = z->a->wish[root];
    bool takes = is_soft(z, root) || wish == l;
    bool stubborn = tm_perturb_roll(z->a, TM_PERTURB_WAIT, root, 3) == 1;
    if (!takes && z->waits[root] && !stubborn)
      takes = !staged && (waiting_accepts(z, root, l) ||
                          !converts_well(z, root, wish, l));
    settle(z, root, takes ? l : wish);
  }
  if (z->of.data[root] == l) return root;
  if (tm_map_get(&z->variants, variant_key(root, l), &found))
    return (tm_value)found;
  const tm_layout *have = z->of.data[root];
  if (is_address(z, root)) return clone(z, root, l);
  uint32_t any = tm_perturb_roll(z->a, TM_PERTURB_CLONE,
                                 variant_key(root, l), 3);
  if (any == 1 && converts_well(z, root, have, l)) return convert(z, root, l);
  if (is_clonable(z, root) &&
      (clone_cost(z, root, l) <= convert_cost(z, root, have, l) ||
       !converts_well(z, root, have, l)))
    return clone(z, root, l);
  return convert(z, root, l);
}

/* ---- what operands need ------------------------------------------------ */

static void require_operand(realiser *z, tm_inst i, uint32_t k,
                            const tm_layout *l, bool staged) {
  tm_value v = tm_get(z->a->ir, i)->operands[k];
  if (!tm_relation_is_tensor(z->a->ir, v)) return;
  v = require(z, v, l, staged);
  tm_get(z->a->ir, i)->operands[k] = v;
}

/* The layout a value has or will probably have. */
static const tm_layout *likely(realiser *z, tm_value v) {
  v = root_of(z, v);
  if (z->of.data[v] != NULL) return z->of.data[v];
  if (z->a->wish[v] != NULL) return z->a->wish[v];
  return tm_seed_default(z->a, tm_type_of(z->a->ir, v));
}

static const tm_layout *store_layout(realiser *z, tm_inst i) {
  const tm_access *x = z->a->access[i];
  const tm_inst_data *inst = tm_get(z->a->ir, i);
  tm_value value = root_of(z, inst->operands[1]);
  tm_value pointer = root_of(z, inst->operands[0]);
  if (z->a->random != 0) {
    const tm_layout *const some[3] = {x->seed, likely(z, value),
                                      likely(z, pointer)};
    return some[tm_perturb_roll(z->a, TM_PERTURB_STORE, i, 3)];
  }
  if (!is_soft(z, value)) {
    const tm_layout *l = likely(z, value);
    bool as_it_is = tm_seed_accepts(x, l) ||
                    !converts_well(z, value, l, x->seed);
    return as_it_is ? l : x->seed;
  }
  if (x->contiguity == 1 && !is_soft(z, pointer)) return likely(z, pointer);
  return x->seed;
}

static void place_all(realiser *z, tm_inst i, const tm_layout *l) {
  for (uint32_t k = 0; k < tm_get(z->a->ir, i)->n_operands; k++)
    require_operand(z, i, k, l, false);
}

static void place_any(realiser *z, tm_inst i, uint32_t k) {
  tm_value v = tm_get(z->a->ir, i)->operands[k];
  if (tm_relation_is_tensor(z->a->ir, v))
    require_operand(z, i, k, likely(z, v), false);
}

/* Asks for the operands of an instruction whose result has its layout. */
static void place(realiser *z, tm_inst i) {
  tm_assigner *a = z->a;
  tm_inst_data inst = *tm_get(a->ir, i);
  const tm_layout *need = i < a->n_insts ? a->need[i] : NULL;
  const tm_layout *l;
  switch ((int)inst.op) {
    case TM_STORE: case TM_ATOMIC_STORE:
      if (a->access[i] != NULL) place_all(z, i, store_layout(z, i));
      return;
    case TM_REDUCE: case TM_SCAN: case TM_SPLIT: case TM_ATOMIC_RMW:
    case TM_ATOMIC_CAS: case TM_ATOMIC_LOAD: case TM_JOIN: case TM_CAT:
    case TM_MAP_ELEMENTWISE: case TM_INLINE_ASM:
      if (need != NULL) place_all(z, i, need);
      return;
    case TM_GATHER:
      place_any(z, i, 0);
      require_operand(z, i, 1, need, false);
      return;
    case TM_HISTOGRAM:
      place_all(z, i, likely(z, inst.operands[0]));
      return;
    default:
      break;
  }
  bool has_result =
      inst.n_results > 0 && tm_relation_is_tensor(a->ir, inst.results);
  for (uint32_t k = 0; k < inst.n_operands; k++) {
    bool staged = inst.op == TM_DOT && k < 2 &&
                  (a->chip->stage_dot_operands ||
                   tm_tensor_is_marked(a->ir, i));
    if (!tm_relation_is_tensor(a->ir, inst.operands[k])) continue;
    if (has_result && operand_layout(z, i, k, z->of.data[inst.results], &l))
      require_operand(z, i, k, l, staged);
    else
      place_any(z, i, k);
  }
}

static void drain(realiser *z) {
  while (z->todo.len > 0) place(z, z->todo.data[--z->todo.len]);
}

/* ---- the walk ---------------------------------------------------------- */

/* Results that wait, or are soft, are placed when they are asked for. */
static bool is_asked_later(const realiser *z, const tm_inst_data *inst) {
  if (inst->n_results == 0 ||
      !tm_relation_is_tensor(z->a->ir, inst->results))
    return false;
  return is_soft(z, inst->results) || z->waits[inst->results];
}

static void walk(realiser *z, tm_block b) {
  TM_EACH_INST(z->a->ir, i, b) {
    tm_inst_data inst = *tm_get(z->a->ir, i);
    if (i >= z->a->n_insts) continue;
    if (is_structure(inst.op)) {
      for (uint32_t r = 0; r < inst.n_regions; r++)
        if (inst.regions[r] != 0) walk(z, inst.regions[r]);
      tm_push(z->a->arena, &z->structures, i);
    } else if (!(tm_op_infos[inst.op].flags & TM_TERMINATOR) &&
               !is_asked_later(z, &inst)) {
      place(z, i);
      drain(z);
    }
  }
}

/* A variable that nobody has asked for takes the layout of its sources. */
static const tm_layout *variable_layout(realiser *z, tm_value v,
                                        tm_value yielded, tm_value initial) {
  if (z->of.data[v] == NULL) {
    const tm_layout *l = z->of.data[root_of(z, yielded)];
    if (l == NULL && initial != 0) l = z->of.data[root_of(z, initial)];
    if (l == NULL) l = likely(z, yielded);
    settle(z, v, l);
  }
  return z->of.data[v];
}

/* Operand k of i feeds variable v. */
static void feed(realiser *z, tm_inst i, uint32_t k, tm_value v,
                 tm_value yielded, tm_value initial) {
  if (!tm_relation_is_tensor(z->a->ir, v)) return;
  require_operand(z, i, k, variable_layout(z, v, yielded, initial), false);
  drain(z);
}

static void connect_while(realiser *z, tm_inst i, tm_inst_data inst) {
  tm_ir *ir = z->a->ir;
  tm_block_data before = *tm_blk(ir, inst.regions[0]);
  tm_block_data after = *tm_blk(ir, inst.regions[1]);
  for (uint32_t k = 0; k < inst.n_results; k++) {
    tm_value passed = tm_get(ir, before.last)->operands[k + 1];
    feed(z, before.last, k + 1, after.args[k], passed, 0);
  }
  for (uint32_t k = 0; k < before.n_args; k++) {
    tm_value yielded = tm_get(ir, after.last)->operands[k];
    feed(z, i, k, before.args[k], yielded, inst.operands[k]);
    feed(z, after.last, k, before.args[k], yielded, inst.operands[k]);
  }
}

/* Initial and yielded values, once everything inside has asked. */
static void connect(realiser *z, tm_inst i) {
  tm_ir *ir = z->a->ir;
  tm_inst_data inst = *tm_get(ir, i);
  if (inst.op == TM_WHILE) {
    connect_while(z, i, inst);
    return;
  }
  for (uint32_t r = 0; r < inst.n_regions; r++) {
    if (inst.regions[r] == 0) continue;
    tm_inst last = tm_blk(ir, inst.regions[r])->last;
    for (uint32_t k = 0; k < inst.n_results; k++) {
      tm_value v = inst.results + k;
      tm_value yielded = tm_get(ir, last)->operands[k];
      tm_value initial = inst.op == TM_FOR ? inst.operands[k + 3] : 0;
      if (initial != 0) feed(z, i, k + 3, v, yielded, initial);
      feed(z, last, k, v, yielded, initial);
    }
  }
}

/* What nobody asked for is dead code, but has to have a layout. */
static void settle_rest(realiser *z, tm_block b) {
  tm_block_data block = *tm_blk(z->a->ir, b);
  for (uint32_t k = 0; k < block.n_args; k++)
    if (tm_relation_is_tensor(z->a->ir, block.args[k]) &&
        z->of.data[block.args[k]] == NULL)
      settle(z, block.args[k], likely(z, block.args[k]));
  for (tm_inst i = block.last; i != 0; i = tm_get(z->a->ir, i)->prev) {
    tm_inst_data inst = *tm_get(z->a->ir, i);
    for (uint32_t r = 0; r < inst.n_results; r++) {
      tm_value v = inst.results + r;
      if (!tm_relation_is_tensor(z->a->ir, v) || z->of.data[v] != NULL)
        continue;
      settle(z, v, likely(z, v));
      drain(z);
    }
    for (uint32_t r = 0; is_structure(inst.op) && r < inst.n_regions; r++)
      if (inst.regions[r] != 0) settle_rest(z, inst.regions[r]);
  }
}

/* ---- loads that wait --------------------------------------------------- */

/* One user, and nothing but such loads and soft values behind it. */
static void find_waiting(realiser *z, tm_block b) {
  tm_assigner *a = z->a;
  TM_EACH_INST(a->ir, i, b) {
    const tm_inst_data *inst = tm_get(a->ir, i);
    for (uint32_t r = 0; is_structure(inst->op) && r < inst->n_regions; r++)
      if (inst->regions[r] != 0) find_waiting(z, inst->regions[r]);
    tm_value v = inst->results;
    if (inst->n_results != 1 || !tm_relation_is_tensor(a->ir, v) ||
        a->uses[v] != 1 || a->strength[v] == TM_SOFT)
      continue;
    uint16_t flags = tm_op_infos[inst->op].flags;
    bool waits = inst->op == TM_LOAD && a->access[i] != NULL;
    bool moves = inst->op == TM_TRANS || inst->op == TM_RESHAPE;
    if ((flags & TM_PURE) && ((flags & TM_ELEMENTWISE) || moves)) {
      waits = true;
      for (uint32_t k = 0; k < inst->n_operands; k++) {
        tm_value o = inst->operands[k];
        if (tm_relation_is_tensor(a->ir, o))
          waits = waits && (a->strength[o] == TM_SOFT || z->waits[o]);
      }
    }
    z->waits[v] = waits;
  }
}

/* ---- access widths ----------------------------------------------------- */

static uint8_t byte_of(uint32_t x) { return (uint8_t)(x > 128 ? 128 : x); }

static void find_width(realiser *z, tm_inst i, tm_layouts *out) {
  const tm_access *x = z->a->access[i];
  const tm_inst_data *inst = tm_get(z->a->ir, i);
  if (x == NULL || (inst->op != TM_LOAD && inst->op != TM_STORE)) return;
  const tm_layout *l = z->of.data[inst->operands[0]];
  uint32_t run = tm_layout_run_along(l, x->order[0]), mask_at = 1;
  if (inst->op == TM_STORE) mask_at = 2;
  out->width[i] = byte_of(x->vector < run ? x->vector : run);
  out->mask_width[i] = out->width[i];
  if (inst->n_operands <= mask_at) return;
  tm_value mask = root_of(z, inst->operands[mask_at]);
  uint32_t same = 1u << 31;
  if (tm_relation_is_tensor(z->a->ir, mask))
    same = z->a->axis[mask].constancy[x->order[0]];
  out->mask_width[i] = byte_of(same < run ? same : run);
}

/* Registers of a mask that share a value, because the axis analysis says so
 * of elements in a row along some dimension. */
static void find_same(realiser *z, tm_value v, tm_layouts *out) {
  const tm_layout *l = z->of.data[v];
  tm_type t = tm_type_of(z->a->ir, v);
  if (l == NULL || t->element->kind != TM_TYPE_SCALAR ||
      t->element->scalar != TM_I1)
    return;
  const tm_axis *axis = &z->a->axis[root_of(z, v)];
  for (uint32_t d = 0; d < l->rank; d++) {
    uint32_t run = tm_layout_run_along(l, d), same = axis->constancy[d];
    uint8_t n = byte_of(same < run ? same : run);
    if (n > out->same[v]) out->same[v] = n;
  }
}

/* ---- the whole --------------------------------------------------------- */

static void start(realiser *z) {
  tm_assigner *a = z->a;
  tm_block body = a->ir->funcs.data[tm_ir_kernel(a->ir)].body;
  z->waits = TM_NEW_ARRAY(a->arena, uint8_t, a->n_values);
  z->variants = tm_map_in(a->arena);
  find_waiting(z, body);
  for (tm_value v = 0; v < a->n_values; v++) {
    bool now = v != 0 && !z->waits[v];
    tm_push(a->arena, &z->of, now ? a->wish[v] : NULL);
    tm_push(a->arena, &z->root, v);
  }
}

static bool check_registers(realiser *z) {
  tm_ir *ir = z->a->ir;
  for (tm_value v = 1; v < ir->values.len; v++) {
    const tm_layout *l = z->of.data[v];
    if (l == NULL || l->n_reg <= TM_LAYOUT_MAX_REGISTERS) continue;
    tm_inst def = tm_val(ir, v)->def;
    tm_loc none = {0, 0, 0};
    tm_diag *d = tm_error_at(
        z->a->diags, TM_DIAG_LIMIT, def != 0 ? tm_get(ir, def)->loc : none,
        "a tile takes %u elements a thread in the layout it needs; the most "
        "is %d", 1u << l->n_reg, 1 << TM_LAYOUT_MAX_REGISTERS);
    tm_diag_hint(z->a->diags, d, "use a smaller tile");
    return false;
  }
  return true;
}

static void realise(tm_assigner *a, tm_layouts *out) {
  realiser z;
  memset(&z, 0, sizeof z);
  z.a = a;
  tm_block body = a->ir->funcs.data[tm_ir_kernel(a->ir)].body;
  start(&z);
  walk(&z, body);
  for (uint32_t n = 0; n < z.structures.len; n++)
    connect(&z, z.structures.data[n]);
  settle_rest(&z, body);
  drain(&z);
  a->failed = !check_registers(&z);
  out->num_warps = a->num_warps;
  out->n_values = a->ir->values.len;
  out->n_insts = a->ir->insts.len;
  out->of = z.of.data;
  out->width = TM_NEW_ARRAY(a->arena, uint8_t, out->n_insts);
  out->mask_width = TM_NEW_ARRAY(a->arena, uint8_t, out->n_insts);
  memset(out->width, 1, out->n_insts);
  memset(out->mask_width, 1, out->n_insts);
  for (tm_inst i = 1; i < a->n_insts; i++) find_width(&z, i, out);
  out->same = TM_NEW_ARRAY(a->arena, uint8_t, out->n_values);
  memset(out->same, 1, out->n_values);
  for (tm_value v = 1; v < out->n_values; v++) find_same(&z, v, out);
}

bool tm_layout_assign(tm_ir *ir, const tm_chip *chip, uint32_t num_warps,
                      tm_layouts *out, tm_diags *diags) {
  return tm_layout_assign_random(ir, chip, num_warps, 0, out, diags);
}

bool tm_layout_assign_random(tm_ir *ir, const tm_chip *chip,
                             uint32_t num_warps, uint64_t seed,
                             tm_layouts *out, tm_diags *diags) {
  tm_assigner a;
  tm_loc none = {0, 0, 0};
  memset(&a, 0, sizeof a);
  memset(out, 0, sizeof *out);
  if (num_warps == 0 || num_warps > 32 || (num_warps & (num_warps - 1))) {
    tm_error_at(diags, TM_DIAG_LIMIT, none,
                "num_warps is %u: it has to be 1, 2, 4, 8, 16 or 32",
                num_warps);
    return false;
  }
  if (tm_ir_kernel(ir) == UINT32_MAX) {
    tm_error_at(diags, TM_DIAG_INTERNAL, none,
                "there is not exactly one kernel to lay out");
    return false;
  }
  a.ir = ir;
  a.arena = ir->arena;
  a.chip = chip;
  a.diags = diags;
  a.num_warps = num_warps;
  a.random = seed;
  a.n_values = ir->values.len;
  a.n_insts = ir->insts.len;
  a.axis = tm_axis_analyse(ir, a.arena);
  a.uses = tm_ir_count_uses(ir);
  a.wish = TM_NEW_ARRAY(a.arena, const tm_layout *, a.n_values);
  a.strength = TM_NEW_ARRAY(a.arena, uint8_t, a.n_values);
  a.partner = TM_NEW_ARRAY(a.arena, tm_value, a.n_values);
  a.need = TM_NEW_ARRAY(a.arena, const tm_layout *, a.n_insts);
  a.access = TM_NEW_ARRAY(a.arena, tm_access *, a.n_insts);
  a.by_rows = TM_NEW_ARRAY(a.arena, uint8_t, a.n_insts);
  a.interned = tm_map_in(a.arena);
  a.defaults = tm_map_in(a.arena);
  if (!tm_seed(&a)) return false;
  tm_propagate(&a);
  realise(&a, out);
  return !a.failed;
}

/* ---- text -------------------------------------------------------------- */

static void print_value(const tm_ir *ir, const tm_layouts *layouts,
                        tm_value v, const char *what, tm_buf *out) {
  const tm_layout *l = layouts->of[v];
  if (l == NULL) return;
  tm_buf_printf(out, "%%%u", v);
  if (tm_val(ir, v)->name != NULL)
    tm_buf_printf(out, " %s", tm_val(ir, v)->name);
  tm_buf_printf(out, " = %s : ", what);
  tm_type_print(out, tm_type_of(ir, v));
  tm_buf_puts(out, "  ");
  tm_layout_print(out, l);
  tm_buf_puts(out, "\n");
}

static void print_block(const tm_ir *ir, const tm_layouts *layouts,
                        tm_block b, const char *what, tm_buf *out) {
  const tm_block_data *block = tm_blk(ir, b);
  for (uint32_t k = 0; k < block->n_args; k++)
    print_value(ir, layouts, block->args[k], what, out);
  TM_EACH_INST(ir, i, b) {
    const tm_inst_data *inst = tm_get(ir, i);
    const char *name = tm_op_infos[inst->op].name;
    if (inst->op == TM_LOAD || inst->op == TM_STORE)
      tm_buf_printf(out, "# %s: width %u, mask width %u\n", name,
                    layouts->width[i], layouts->mask_width[i]);
    for (uint32_t r = 0; r < inst->n_results; r++)
      print_value(ir, layouts, inst->results + r, name, out);
    for (uint32_t r = 0; r < inst->n_regions; r++)
      if (inst->regions[r] != 0)
        print_block(ir, layouts, inst->regions[r], name, out);
  }
}

void tm_layouts_print(const tm_ir *ir, const tm_layouts *layouts,
                      tm_buf *out) {
  uint32_t kernel = tm_ir_kernel(ir);
  if (kernel == UINT32_MAX) return;
  print_block(ir, layouts, ir->funcs.data[kernel].body, "argument", out);
}
