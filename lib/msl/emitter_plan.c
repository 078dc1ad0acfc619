/* SPDX-License-Identifier: MIT */
/*
 * emitter_plan.c - decides where every value lives and which instructions share
 * a loop, before a line is printed.
 *
 * Groups. Elementwise instructions, loads and stores of tiles with the same
 * number of registers a thread, and runs of the same length, become one loop
 * over registers. An instruction
 * joins the newest group of its size if everything that it needs is computed
 * before that group, or in it for the same register; memory accesses also keep
 * their order with accesses to the same buffers. What cannot be in a loop
 * (reductions, dots, conversions, control flow) ends all groups before it.
 *
 * Places. A value is computed at its use when that is cheap (integer
 * arithmetic on ranges, constants and scalars) or when all of its uses are in
 * its own group for the same register. Otherwise it gets an array.
 *
 * Index arithmetic. Integers that flow only into addresses, loop bounds,
 * comparisons and more such arithmetic are marked index_only (emitter_ops.c).
 */
#include "emitter.h"

enum {
  CHEAP_COST = 10,  /* operations that are done again at each use */
  MAX_DEPTH = 12,   /* of one expression */
  MAX_NESTING = 100 /* of loops and branches */
};

typedef enum op_class {
  CLASS_LEAF,       /* ranges, constants, splats */
  CLASS_VIEW,
  CLASS_ELEMENT,    /* pure, elementwise */
  CLASS_MEMORY,     /* loads, stores, atomics of tiles */
  CLASS_SCALAR,     /* no tile in or out */
  CLASS_COLLECTIVE, /* needs other threads or other registers */
  CLASS_CONTROL
} op_class;

static bool has_tile(const emitter *e, const tm_inst_data *data) {
  for (uint32_t i = 0; i < data->n_operands; i++)
    if (tm_type_is_tensor(tm_type_of(e->ir, data->operands[i]))) return true;
  for (uint32_t i = 0; i < data->n_results; i++)
    if (tm_type_is_tensor(tm_type_of(e->ir, data->results + i))) return true;
  return false;
}

/* A tile of pointers made by tt.addptr, a cast or a choice: nothing keeps it,
 * accesses take it apart (emitter_memory.c). */
static bool makes_pointers(const emitter *e, const tm_inst_data *d) {
  if (d->op == TM_ADDPTR) return true;
  if (d->op != TM_INT_TO_PTR && d->op != TM_SELECT && d->op != TM_BITCAST)
    return false;
  tm_type type = tm_type_of(e->ir, d->results);
  return tm_type_is_tensor(type) && type->element->kind == TM_TYPE_POINTER;
}

static op_class class_of(emitter *e, tm_inst inst) {
  const tm_inst_data *data = tm_get(e->ir, inst);
  switch (data->op) {
    case TM_FOR: case TM_IF: case TM_WHILE: case TM_YIELD: case TM_CONDITION:
    case TM_RETURN:
      return CLASS_CONTROL;
    default: break;
  }
  if (!has_tile(e, data)) return CLASS_SCALAR;
  switch (data->op) {
    case TM_CONSTANT: case TM_MAKE_RANGE: case TM_SPLAT: case TM_POISON:
      return CLASS_LEAF;
    case TM_ATOMIC_RMW: case TM_ATOMIC_CAS: case TM_ATOMIC_LOAD:
    case TM_ATOMIC_STORE: case TM_LOAD:
      return msl_atomic_is_collective(e, inst) ? CLASS_COLLECTIVE
                                               : CLASS_MEMORY;
    case TM_STORE: return CLASS_MEMORY;
    case TM_JOIN: case TM_CAT: return CLASS_ELEMENT;
    default: break;
  }
  if (msl_is_view(e, inst)) return CLASS_VIEW;
  uint16_t flags = tm_op_infos[data->op].flags;
  if ((flags & TM_ELEMENTWISE) && (flags & TM_PURE)) return CLASS_ELEMENT;
  return CLASS_COLLECTIVE;
}

/* ---- views ------------------------------------------------------------ */

bool msl_is_view(emitter *e, tm_inst inst) {
  switch (tm_get(e->ir, inst)->op) {
    case TM_EXPAND_DIMS: case TM_BROADCAST: case TM_TRANS: case TM_RESHAPE:
    case TM_SPLIT:
      return true;
    case TM_CONVERT_LAYOUT:
      return msl_convert_kind(e, inst) <= TM_CONVERT_REGISTERS;
    default: return false;
  }
}

typedef struct view_source {
  const emitter *e;
  tm_inst inst;
  uint32_t which; /* split: the result */
} view_source;

static uint32_t dim_shift(tm_type type, uint32_t dim) {
  uint32_t shift = 0;
  for (uint32_t d = type->rank; d-- > dim + 1;)
    for (int64_t n = type->shape[d]; n > 1; n >>= 1) shift++;
  return shift;
}

static uint32_t coordinate(tm_type type, uint32_t dim, uint32_t element) {
  return element >> dim_shift(type, dim) & (uint32_t)(type->shape[dim] - 1);
}

/* The source element that an element of the view is; preserves XOR. */
static uint32_t source_element(void *payload, uint32_t element) {
  const view_source *s = payload;
  const tm_inst_data *data = tm_get(s->e->ir, s->inst);
  tm_type to = tm_type_of(s->e->ir, data->results);
  tm_type from = tm_type_of(s->e->ir, data->operands[0]);
  uint32_t out = 0;
  switch (data->op) {
    case TM_SPLIT: return element << 1;
    case TM_BROADCAST:
      for (uint32_t d = 0; d < from->rank; d++)
        if (from->shape[d] > 1)
          out |= coordinate(to, d, element) << dim_shift(from, d);
      return out;
    case TM_TRANS: {
      const tm_attr *order = tm_inst_attr(s->e->ir, s->inst, TM_ATTR_ORDER);
      for (uint32_t d = 0; d < to->rank; d++) {
        uint32_t src = order && d < order->n_ints ? (uint32_t)order->ints[d]
                                                  : to->rank - 1 - d;
        out |= coordinate(to, d, element) << dim_shift(from, src);
      }
      return out;
    }
    default: return element; /* row-major order stays */
  }
}

const msl_map *msl_view_map(emitter *e, tm_inst view) {
  if (e->maps[view]) return e->maps[view];
  const tm_inst_data *data = tm_get(e->ir, view);
  const tm_layout *to = msl_layout(e, data->results);
  const tm_layout *from = msl_layout(e, data->operands[0]);
  msl_map *map = TM_NEW(e->arena, msl_map);
  e->maps[view] = map;
  view_source source = {e, view, 0};
  uint32_t *table = TM_NEW_ARRAY(e->arena, uint32_t, 1u << to->n_reg);
  map->n = to->n_reg;
  if (!tm_layout_register_map(to, from, source_element, &source, table)) {
    msl_broken(e, view, "a view whose layouts do not match");
    return map;
  }
  map->base = table[0];
  for (uint32_t i = 0; i < map->n; i++)
    map->col[i] = table[1u << i] ^ table[0];
  return map;
}

/* The register of split's source that holds the second half. */
static uint32_t split_register(emitter *e, tm_inst inst) {
  const tm_layout *from = msl_layout(e, tm_get(e->ir, inst)->operands[0]);
  for (uint32_t i = 0; i < from->n_reg; i++)
    if (from->reg[i] == 1) return 1u << i;
  msl_broken(e, inst, "the split dimension is not in registers");
  return 0;
}

tm_value msl_look_through(emitter *e, tm_value v, msl_point *point) {
  for (;;) {
    tm_inst def = tm_val(e->ir, v)->def;
    if (!def || !msl_is_view(e, def) || e->failed) return v;
    const tm_inst_data *data = tm_get(e->ir, def);
    *point = msl_point_compose(point, msl_view_map(e, def));
    if (data->op == TM_SPLIT && v == data->results + 1)
      point->base ^= split_register(e, def);
    v = data->operands[0];
  }
}

uint32_t msl_reg_bits(const emitter *e, tm_value v) {
  const tm_layout *layout = e->layouts->of[v];
  return layout ? layout->n_reg : 0;
}

/* ---- walking ---------------------------------------------------------- */

typedef void inst_fn(emitter *e, tm_inst inst, void *data);

static void each_inst(emitter *e, tm_block block, inst_fn *visit, void *data) {
  TM_EACH_INST(e->ir, inst, block) {
    visit(e, inst, data);
    const tm_inst_data *d = tm_get(e->ir, inst);
    if (d->op == TM_REDUCE || d->op == TM_SCAN) continue;
    for (uint32_t r = 0; r < d->n_regions; r++)
      each_inst(e, d->regions[r], visit, data);
  }
}

/* Visits what has regions before and after them, so that a fact that holds of
 * a value reaches all that follows it (backwards: all before it) in one sweep,
 * through branches and loops too; only what comes round in a loop takes
 * another. A fixpoint of sweeps is then linear in the kernel. */
static void sweep(emitter *e, tm_block block, bool backwards, inst_fn *visit,
                  void *data) {
  const tm_block_data *b = tm_blk(e->ir, block);
  for (tm_inst inst = backwards ? b->last : b->first; inst;) {
    const tm_inst_data *d = tm_get(e->ir, inst);
    visit(e, inst, data);
    if (d->n_regions && d->op != TM_REDUCE && d->op != TM_SCAN) {
      for (uint32_t r = 0; r < d->n_regions; r++)
        sweep(e, d->regions[backwards ? d->n_regions - 1 - r : r], backwards,
              visit, data);
      visit(e, inst, data);
    }
    inst = backwards ? d->prev : d->next;
  }
}

/* What a sweep changes; repeated until nothing does. */
typedef struct changed { bool any; } changed;

static void settle(emitter *e, bool backwards, inst_fn *visit) {
  changed state = {true};
  while (state.any) {
    state.any = false;
    sweep(e, e->func->body, backwards, visit, &state);
  }
}

/* Called for each value that control flow copies to another. */
typedef void flow_fn(emitter *e, tm_value from, tm_value to, void *data);

typedef struct flow {
  flow_fn *visit;
  void *data;
} flow;

static tm_inst_data *terminator(emitter *e, tm_block block) {
  return tm_get(e->ir, tm_blk(e->ir, block)->last);
}

static void flow_of_inst(emitter *e, tm_inst inst, void *data) {
  flow *f = data;
  const tm_inst_data *d = tm_get(e->ir, inst);
  if (d->op == TM_FOR) {
    const tm_block_data *body = tm_blk(e->ir, d->regions[0]);
    const tm_inst_data *yield = terminator(e, d->regions[0]);
    for (uint32_t i = 0; i + 1 < body->n_args; i++) {
      f->visit(e, d->operands[3 + i], body->args[1 + i], f->data);
      f->visit(e, yield->operands[i], body->args[1 + i], f->data);
      f->visit(e, body->args[1 + i], d->results + i, f->data);
    }
  } else if (d->op == TM_IF) {
    for (uint32_t r = 0; r < 2 && d->n_results; r++)
      for (uint32_t i = 0; i < d->n_results; i++)
        f->visit(e, terminator(e, d->regions[r])->operands[i], d->results + i,
                 f->data);
  } else if (d->op == TM_WHILE) {
    const tm_block_data *before = tm_blk(e->ir, d->regions[0]);
    const tm_block_data *after = tm_blk(e->ir, d->regions[1]);
    const tm_inst_data *condition = terminator(e, d->regions[0]);
    const tm_inst_data *yield = terminator(e, d->regions[1]);
    for (uint32_t i = 0; i < before->n_args; i++) {
      f->visit(e, d->operands[i], before->args[i], f->data);
      f->visit(e, yield->operands[i], before->args[i], f->data);
    }
    for (uint32_t i = 0; i < after->n_args; i++) {
      f->visit(e, condition->operands[1 + i], after->args[i], f->data);
      f->visit(e, condition->operands[1 + i], d->results + i, f->data);
    }
  }
}

/* ---- uses and pointers ------------------------------------------------ */

/* A scalar pointer that a tile of more than 16 bytes a thread starts from. */
static void find_base(emitter *e, const tm_inst_data *splat) {
  tm_type type = tm_type_of(e->ir, splat->operands[0]);
  if (type->kind != TM_TYPE_POINTER || type->element->kind != TM_TYPE_SCALAR)
    return;
  uint64_t bytes = (uint64_t)msl_memory_bytes(type->element->scalar)
                   << msl_reg_bits(e, splat->results);
  e->values[splat->operands[0]].is_base = bytes > 16;
}

/* Is def outside of a loop around block? */
static bool is_before_loop(const emitter *e, tm_inst def, tm_block block) {
  while (block && block != tm_get(e->ir, def)->block) {
    tm_inst parent = tm_blk(e->ir, block)->parent;
    if (!parent) return false;
    tm_op op = tm_get(e->ir, parent)->op;
    if (op == TM_FOR || op == TM_WHILE) return true;
    block = tm_get(e->ir, parent)->block;
  }
  return false;
}

/* v is used in block: so is the number that all its elements are. */
static void note_loop(emitter *e, tm_value v, tm_block block) {
  tm_inst def = tm_val(e->ir, v)->def;
  if (!is_before_loop(e, def, block)) return;
  e->values[v].is_invariant = true;
  if (tm_get(e->ir, def)->op == TM_SPLAT)
    e->values[tm_get(e->ir, def)->operands[0]].is_invariant = true;
}

static void count_uses(emitter *e, tm_inst inst, void *data) {
  const tm_inst_data *d = tm_get(e->ir, inst);
  e->position[inst] = ++*(uint32_t *)data;
  for (uint32_t i = 0; i < d->n_operands; i++) {
    msl_value *value = &e->values[d->operands[i]];
    value->many_users = value->user != 0;
    value->user = inst;
  }
  if (msl_is_view(e, inst)) return; /* its users count for its source */
  if (d->op == TM_SPLAT) find_base(e, d);
  bool sums = d->op == TM_ADDF || d->op == TM_SUBF;
  for (uint32_t i = 0; i < d->n_operands; i++) {
    tm_value v = d->operands[i];
    for (;;) {
      e->values[v].uses++;
      tm_inst def = tm_val(e->ir, v)->def;
      if (!def) break;
      bool here = tm_get(e->ir, def)->block == d->block;
      e->values[v].is_added = e->values[v].is_added || (sums && here);
      if (!here) note_loop(e, v, d->block);
      if (!msl_is_view(e, def)) break;
      v = tm_get(e->ir, def)->operands[0];
    }
  }
}

static void order_and_log_of_inst(emitter *e, tm_inst inst, void *data) {
  (void)data;
  msl_find_order(e, inst);
  e->uses_log = e->uses_log || msl_is_logged(tm_get(e->ir, inst)->op);
}

static void add_roots(emitter *e, tm_value from, tm_value to, void *data) {
  uint32_t roots = e->values[to].roots | e->values[from].roots;
  if (roots != e->values[to].roots) ((changed *)data)->any = true;
  e->values[to].roots = roots;
}

static void roots_of_inst(emitter *e, tm_inst inst, void *data) {
  const tm_inst_data *d = tm_get(e->ir, inst);
  flow_of_inst(e, inst, &(flow){add_roots, data});
  if (d->n_results != 1 || d->op == TM_LOAD || d->n_regions) return;
  if (tm_type_element(tm_type_of(e->ir, d->results))->kind !=
      TM_TYPE_POINTER)
    return;
  /* An address in memory may be one into any buffer. */
  if (d->op == TM_INT_TO_PTR) {
    if (e->values[d->results].roots != UINT32_MAX)
      ((changed *)data)->any = true;
    e->values[d->results].roots = UINT32_MAX;
    return;
  }
  for (uint32_t i = 0; i < d->n_operands; i++)
    add_roots(e, d->operands[i], d->results, data);
}

static bool reads_memory(tm_op op) {
  return op == TM_LOAD || (tm_op_is_atomic(op) && op != TM_ATOMIC_STORE);
}
static bool writes_memory(tm_op op) {
  return op == TM_STORE || (tm_op_is_atomic(op) && op != TM_ATOMIC_LOAD);
}

static void accesses_of_inst(emitter *e, tm_inst inst, void *data) {
  (void)data;
  const tm_inst_data *d = tm_get(e->ir, inst);
  if (!d->n_operands) return;
  uint32_t roots = e->values[d->operands[0]].roots;
  if (reads_memory(d->op)) e->read_roots |= roots;
  if (writes_memory(d->op)) e->write_roots |= roots;
}

static void addresses_of_inst(emitter *e, tm_inst inst, void *data) {
  (void)data;
  if (tm_get(e->ir, inst)->op == TM_INT_TO_PTR) e->out->uses_addresses = true;
}

/* How many pointer parameters get a buffer slot. Metal takes it that the
 * buffers of two slots do not overlap, reads included (MSL 5.2), so where
 * they may, all go by address; and so do those that the slots do not suffice
 * for. A pointer made of a number may lead into any of them. */
static void find_bound(emitter *e) {
  uint32_t pointers = 0, scalars = 0, most = e->chip->max_buffers;
  for (uint32_t i = 0; i < e->func->params.len; i++) {
    bool pointer = e->func->params.data[i].type->kind == TM_TYPE_POINTER;
    pointers += pointer, scalars += !pointer;
  }
  each_inst(e, e->func->body, addresses_of_inst, NULL);
  e->bound = e->func->may_overlap || e->out->uses_addresses ? 0 : pointers;
  if (e->bound + (scalars > 0) + e->uses_log > most)
    e->bound = most - 1 - e->uses_log;
}

/* Arrays of the kernel's own come after the buffers; the last bit may stand
 * for several. */
static void array_roots(emitter *e, tm_inst inst, void *data) {
  uint32_t *bit = data;
  const tm_inst_data *d = tm_get(e->ir, inst);
  if (d->op != TM_SHARED_ALLOC) return;
  e->values[d->results].roots = 1u << *bit;
  if (*bit < 31) ++*bit;
}

/* Which buffers each pointer may point into; those that may be written, and
 * those that share a pointer variable with them, are not const. All buffers
 * that go by address count as one. */
static void find_roots(emitter *e) {
  find_bound(e);
  uint32_t pointers = 0;
  for (uint32_t i = 0; i < e->func->params.len; i++) {
    const tm_param *param = &e->func->params.data[i];
    if (param->type->kind != TM_TYPE_POINTER) continue;
    uint32_t bit = pointers < e->bound ? pointers : e->bound;
    e->values[param->value].roots = 1u << bit;
    pointers++;
  }
  uint32_t bit = e->bound < 31 ? e->bound + 1 : 31;
  each_inst(e, e->func->body, array_roots, &bit);
  settle(e, false, roots_of_inst);
  each_inst(e, e->func->body, accesses_of_inst, NULL);
  e->writable = e->write_roots;
  for (bool more = true; more;) {
    more = false;
    for (uint32_t v = 0; v < e->ir->values.len; v++) {
      uint32_t roots = e->values[v].roots;
      if (!(roots & e->writable) || (roots & ~e->writable) == 0) continue;
      e->writable |= roots;
      more = true;
    }
  }
}

/* ---- kinds of integers ------------------------------------------------ */

static bool keeps_index(tm_op op) {
  switch (op) {
    case TM_ADDI: case TM_SUBI: case TM_MULI: case TM_DIVSI: case TM_REMSI:
    case TM_MAXSI: case TM_MINSI: case TM_EXTSI: case TM_INDEX_CAST:
    case TM_SPLAT: case TM_BROADCAST: case TM_EXPAND_DIMS: case TM_RESHAPE:
    case TM_TRANS: case TM_CONVERT_LAYOUT: case TM_SELECT:
      return true;
    default: return false;
  }
}

static void not_index(emitter *e, tm_value v, changed *state) {
  if (e->values[v].index_only) state->any = true;
  e->values[v].index_only = false;
}

/* A product by a constant larger than strides are is meant to wrap, and so is
 * what is added to it: a hash, not an index. What is left of it by a
 * remainder may be an index all the same. */
static bool is_hash(emitter *e, tm_inst inst, int depth) {
  enum { LARGEST_STRIDE = 1 << 24, DEEPEST = 6 };
  const tm_inst_data *d = tm_get(e->ir, inst);
  if (d->op != TM_MULI && d->op != TM_ADDI && d->op != TM_SUBI) return false;
  for (uint32_t i = 0; i < 2; i++) {
    tm_inst def = tm_val(e->ir, d->operands[i])->def;
    int64_t c = 0;
    if (d->op == TM_MULI &&
        tm_value_const_int(e->ir, d->operands[i], &c) &&
        (c > LARGEST_STRIDE || c < -LARGEST_STRIDE))
      return true;
    while (def && (msl_is_view(e, def) ||
                   tm_get(e->ir, def)->op == TM_SPLAT))
      def = tm_val(e->ir, tm_get(e->ir, def)->operands[0])->def;
    if (def && depth < DEEPEST && is_hash(e, def, depth + 1)) return true;
  }
  return false;
}

static void mark_from_memory(emitter *e, tm_value v, changed *state) {
  if (!e->values[v].from_memory) state->any = true;
  e->values[v].from_memory = true;
}

static void memory_flow(emitter *e, tm_value from, tm_value to, void *data) {
  if (e->values[from].from_memory) mark_from_memory(e, to, data);
}

static void memory_of_inst(emitter *e, tm_inst inst, void *data) {
  const tm_inst_data *d = tm_get(e->ir, inst);
  flow_of_inst(e, inst, &(flow){memory_flow, data});
  bool from = reads_memory(d->op);
  for (uint32_t i = 0; i < d->n_operands; i++)
    from = from || e->values[d->operands[i]].from_memory;
  if (!from || d->op == TM_FOR || d->op == TM_IF || d->op == TM_WHILE)
    return; /* the flow decides */
  for (uint32_t i = 0; i < d->n_results; i++)
    mark_from_memory(e, d->results + i, data);
}

/* Positions (program and element numbers, bounds, strides) do not overflow:
 * memory is not that large. Numbers that were loaded may be anything, and
 * what is computed of them wraps, whatever it is used for. */
static void find_from_memory(emitter *e) {
  settle(e, false, memory_of_inst);
}

static void index_flow(emitter *e, tm_value from, tm_value to, void *data) {
  if (!e->values[to].index_only) not_index(e, from, data);
}

static void index_uses(emitter *e, tm_inst inst, void *data) {
  const tm_inst_data *d = tm_get(e->ir, inst);
  for (uint32_t i = 0; i < d->n_operands; i++) {
    bool fine = false;
    if (keeps_index(d->op)) fine = e->values[d->results].index_only;
    if (d->op == TM_SELECT && i == 0) fine = true;
    if (d->op == TM_CMPI) fine = true;
    /* An index of the kernel's own array may wrap: a mask tells then. */
    if (d->op == TM_ADDPTR) fine = !msl_is_shared(e, d->results);
    if (d->op == TM_FOR && i < 3) fine = true;
    if (d->op == TM_FOR || d->op == TM_IF || d->op == TM_WHILE ||
        d->op == TM_YIELD || d->op == TM_CONDITION)
      fine = true; /* the flow decides */
    if (!fine) not_index(e, d->operands[i], data);
  }
  flow_of_inst(e, inst, &(flow){index_flow, data});
}

/* What combine functions of reductions compute is never an index. */
static void may_be_index(emitter *e, tm_inst inst, void *data) {
  (void)data;
  const tm_inst_data *d = tm_get(e->ir, inst);
  for (uint32_t i = 0; i < d->n_results; i++)
    e->values[d->results + i].index_only =
        !is_hash(e, inst, 0) && !e->values[d->results + i].from_memory;
  if (d->op == TM_REDUCE || d->op == TM_SCAN) return;
  for (uint32_t r = 0; r < d->n_regions; r++) {
    const tm_block_data *block = tm_blk(e->ir, d->regions[r]);
    for (uint32_t i = 0; i < block->n_args; i++)
      e->values[block->args[i]].index_only =
          !e->values[block->args[i]].from_memory;
  }
}

static void find_index_values(emitter *e) {
  find_from_memory(e);
  each_inst(e, e->func->body, may_be_index, NULL);
  settle(e, true, index_uses);
}

/* Forward, in program order: block arguments stay unknown. */
static void sign_of_inst(emitter *e, tm_inst inst, void *data) {
  (void)data;
  const tm_inst_data *d = tm_get(e->ir, inst);
  if (d->op == TM_FOR) { /* counts up from its lower bound */
    tm_value i = tm_blk(e->ir, d->regions[0])->args[0];
    e->values[i].non_negative = e->values[d->operands[0]].non_negative;
  }
  if (d->n_results != 1) return;
  const msl_value *a = d->n_operands ? &e->values[d->operands[0]] : NULL;
  const msl_value *b = d->n_operands > 1 ? &e->values[d->operands[1]] : NULL;
  bool result = false;
  int64_t value = 0;
  switch (d->op) {
    case TM_CONSTANT:
      result = tm_value_const_int(e->ir, d->results, &value) && value >= 0;
      break;
    case TM_GET_PROGRAM_ID: case TM_GET_NUM_PROGRAMS: case TM_MAKE_RANGE:
      result = tm_inst_int(e->ir, inst, TM_ATTR_START, 0) >= 0;
      break;
    case TM_ADDI: case TM_MULI: /* indices do not overflow */
      result = a->non_negative && b->non_negative &&
               e->values[d->results].index_only;
      break;
    case TM_DIVSI: case TM_REMSI: case TM_MINSI: case TM_SHRSI:
      result = a->non_negative && b->non_negative;
      break;
    case TM_MAXSI: case TM_ANDI:
      result = a->non_negative || b->non_negative;
      break;
    case TM_EXTSI: case TM_SPLAT: case TM_BROADCAST: case TM_EXPAND_DIMS:
    case TM_RESHAPE: case TM_TRANS: case TM_CONVERT_LAYOUT:
    case TM_INDEX_CAST:
      result = a->non_negative;
      break;
    default: break;
  }
  e->values[d->results].non_negative = result;
}

/* ---- cheap values ----------------------------------------------------- */

static bool is_cheap_op(tm_op op) {
  switch (op) {
    case TM_ADDI: case TM_SUBI: case TM_MULI: case TM_ANDI: case TM_ORI:
    case TM_XORI: case TM_SHLI: case TM_SHRSI: case TM_SHRUI: case TM_MAXSI:
    case TM_MINSI: case TM_CMPI: case TM_SELECT: case TM_EXTSI:
    case TM_EXTUI: case TM_TRUNCI: case TM_INDEX_CAST:
      return true;
    default: return false;
  }
}

/* Cost, depth and cheapness of a value from those of its operands. */
static void cost_of_inst(emitter *e, tm_inst inst, void *data) {
  (void)data;
  const tm_inst_data *d = tm_get(e->ir, inst);
  op_class class = class_of(e, inst);
  if (d->n_results == 0 || class >= CLASS_COLLECTIVE) return;
  unsigned cost = 0, depth = 0;
  bool cheap = true;
  for (uint32_t i = 0; i < d->n_operands; i++) {
    const msl_value *x = &e->values[d->operands[i]];
    bool is_tile = tm_type_is_tensor(tm_type_of(e->ir, d->operands[i]));
    if (is_tile && !x->cheap) cheap = false;
    if (is_tile) cost += x->cost;
    if (x->depth > depth) depth = x->depth;
  }
  if (class == CLASS_ELEMENT) {
    cheap = (cheap && is_cheap_op(d->op)) || makes_pointers(e, d);
    cost += 1;
  }
  if (class == CLASS_MEMORY || class == CLASS_SCALAR) cheap = false;
  if (cost > CHEAP_COST && !makes_pointers(e, d)) cheap = false;
  for (uint32_t i = 0; i < d->n_results; i++) {
    msl_value *v = &e->values[d->results + i];
    v->cheap = cheap;
    v->cost = (uint8_t)(cost > 200 ? 200 : cost);
    v->depth = (uint8_t)(class <= CLASS_VIEW ? depth : depth + 1);
    if (class == CLASS_SCALAR &&
        (v->depth > MAX_DEPTH || v->uses > 1 ||
         (v->is_invariant && d->op != TM_CONSTANT) ||
         (tm_val(e->ir, d->results + i)->name &&
          !msl_joins_a_sum(e, d->results + i))))
      v->depth = 0; /* it will be a variable */
    if (class == CLASS_MEMORY) v->depth = 0;
    if (v->depth > MAX_DEPTH) {
      v->depth = 0;
      v->cheap = v->escapes = false;
    }
  }
}

/* ---- groups ----------------------------------------------------------- */

typedef struct grouping {
  uint32_t first; /* of the groups that are still open */
} grouping;

/* The group that computes v, by index, or UINT32_MAX. */
static uint32_t maker_of(const emitter *e, tm_value v) {
  tm_inst def = tm_val(e->ir, v)->def;
  return def && e->group_of[def] ? e->group_of[def] - 1 : UINT32_MAX;
}

/* True when inst may go into group although it comes after the accesses of
 * that group (same: in one iteration) or of later groups. */
static bool may_pass(emitter *e, const tm_inst_data *d, const msl_group *group,
                     bool same) {
  bool reads = reads_memory(d->op), writes = writes_memory(d->op);
  if (!reads && !writes) return true;
  uint32_t roots = e->values[d->operands[0]].roots;
  if (group->writes & roots) return false;
  if (!writes || !(group->reads & roots)) return true;
  if (msl_is_shared(e, d->operands[0])) return false; /* indices may repeat */
  if (!same || msl_has_copies(msl_layout(e, d->operands[0]))) return false;
  /* Each register's own element, read before it is written. */
  for (uint32_t i = 0; i < group->insts.len; i++) {
    const tm_inst_data *x = tm_get(e->ir, group->insts.data[i]);
    if (reads_memory(x->op) && (e->values[x->operands[0]].roots & roots) &&
        x->operands[0] != d->operands[0])
      return false;
  }
  return d->op == TM_STORE;
}

/* The least group that inst may join, given where its operands are made. */
static uint32_t earliest(emitter *e, const tm_inst_data *d, uint32_t n_reg,
                         uint32_t first) {
  uint32_t least = first;
  for (uint32_t i = 0; i < d->n_operands; i++) {
    tm_value v = d->operands[i];
    if (!tm_type_is_tensor(tm_type_of(e->ir, v))) continue;
    msl_point p = msl_point_all("r", n_reg, 0);
    v = msl_look_through(e, v, &p);
    uint32_t made = maker_of(e, v);
    if (made == UINT32_MAX || made < first) continue;
    bool same = msl_reg_bits(e, v) == n_reg &&
                msl_point_is_identity(&p, n_reg);
    if (d->op == TM_JOIN || d->op == TM_CAT) same = false;
    if (made + !same > least) least = made + !same;
  }
  return least;
}

/* Operands of an address are looked at through addptr, which is not in a
 * group itself. */
static uint32_t earliest_of(emitter *e, tm_inst inst, uint32_t n_reg,
                            uint32_t first, int depth) {
  const tm_inst_data *d = tm_get(e->ir, inst);
  uint32_t least = earliest(e, d, n_reg, first);
  for (uint32_t i = 0; i < d->n_operands && depth < 16; i++) {
    msl_point p = msl_point_all("r", n_reg, 0);
    tm_value v = d->operands[i];
    if (!tm_type_is_tensor(tm_type_of(e->ir, v))) continue;
    tm_value source = msl_look_through(e, v, &p);
    tm_inst def = tm_val(e->ir, source)->def;
    if (!def || !makes_pointers(e, tm_get(e->ir, def))) continue;
    uint32_t bits = msl_reg_bits(e, source);
    uint32_t more = earliest_of(e, def, bits, first, depth + 1);
    bool same = bits == n_reg && msl_point_is_identity(&p, n_reg);
    if (more > first && !same) more++;
    if (more > least) least = more;
  }
  return least;
}

static uint32_t run_bits(const tm_layout *layout) {
  uint32_t run = tm_layout_run(layout), bits = 0;
  /* A tile's fastest dimension in memory may be another one than its last. */
  for (uint32_t d = 0; d < layout->rank; d++) {
    uint32_t along = tm_layout_run_along(layout, d);
    if (along > run) run = along;
  }
  while (bits < MSL_MAX_VECTOR_BITS && 2u << bits <= run) bits++;
  return bits < layout->n_reg ? bits : layout->n_reg;
}

static void join_group(emitter *e, tm_inst inst, grouping *state) {
  const tm_inst_data *d = tm_get(e->ir, inst);
  tm_value shape = tm_op_is_access(d->op) ? d->operands[0] : d->results;
  const tm_layout *layout = msl_layout(e, shape);
  if (!layout) return;
  bool atomic = tm_op_is_atomic(d->op) || msl_is_volatile(e, inst);
  uint32_t n_reg = layout->n_reg, width = atomic ? 0 : run_bits(layout);
  uint32_t least = earliest_of(e, inst, n_reg, state->first, 0);
  uint32_t at = UINT32_MAX;
  for (uint32_t g = e->groups.len; g-- > least;) {
    msl_group *group = &e->groups.data[g];
    if (group->n_reg == n_reg && group->width == width &&
        group->atomic == atomic && may_pass(e, d, group, true)) {
      at = g;
      break;
    }
    if (!may_pass(e, d, group, false)) break;
  }
  if (at == UINT32_MAX) {
    msl_group group = {.n_reg = n_reg, .width = width, .atomic = atomic};
    at = e->groups.len;
    tm_push(e->arena, &e->groups, group);
  }
  msl_group *group = &e->groups.data[at];
  uint32_t roots = d->n_operands ? e->values[d->operands[0]].roots : 0;
  if (reads_memory(d->op)) group->reads |= roots;
  if (writes_memory(d->op)) group->writes |= roots;
  tm_push(e->arena, &group->insts, inst);
  e->group_of[inst] = at + 1;
}

static void flush(emitter *e, tm_inst at, grouping *state) {
  if (state->first < e->groups.len) e->groups_at[at] = state->first + 1;
  for (uint32_t g = state->first; g < e->groups.len; g++)
    e->groups.data[g].at = at;
  state->first = e->groups.len;
}

static bool open_groups_touch(emitter *e, const grouping *state, bool writes) {
  for (uint32_t g = state->first; g < e->groups.len; g++)
    if (e->groups.data[g].writes || (writes && e->groups.data[g].reads))
      return true;
  return false;
}

static void group_block(emitter *e, tm_block block) {
  grouping state = {e->groups.len};
  TM_EACH_INST(e->ir, inst, block) {
    const tm_inst_data *d = tm_get(e->ir, inst);
    switch (class_of(e, inst)) {
      case CLASS_LEAF: case CLASS_VIEW: break;
      case CLASS_ELEMENT:
        if (!e->values[d->results].cheap) join_group(e, inst, &state);
        break;
      case CLASS_MEMORY:
        if (!e->copied[inst]) join_group(e, inst, &state);
        break;
      case CLASS_SCALAR: {
        bool writes = (tm_op_infos[d->op].flags & TM_WRITES) != 0;
        bool reads = (tm_op_infos[d->op].flags & TM_READS) != 0;
        if ((reads || writes) && open_groups_touch(e, &state, writes))
          flush(e, inst, &state);
        break;
      }
      case CLASS_COLLECTIVE:
        /* A tile that the dot itself will store does not end anything. */
        if (!e->stagings[inst] || !msl_stage_is_late(e, inst))
          flush(e, inst, &state);
        break;
      case CLASS_CONTROL:
        flush(e, inst, &state);
        for (uint32_t r = 0; r < d->n_regions; r++)
          group_block(e, d->regions[r]);
        state.first = e->groups.len;
        break;
    }
  }
}

/* ---- places ----------------------------------------------------------- */

/* Marks what is used outside of the group that makes it. */
static void mark_escapes(emitter *e, tm_inst user, tm_value v,
                         uint32_t group, const msl_point *point, int depth) {
  msl_point p = *point;
  uint32_t n_reg = point->n_comp + point->var[0].n;
  v = msl_look_through(e, v, &p);
  tm_inst def = tm_val(e->ir, v)->def;
  if (!def) return;
  const tm_inst_data *d = tm_get(e->ir, def);
  if (makes_pointers(e, d)) { /* evaluated where the access is */
    if (depth > 16) return;
    for (uint32_t i = 0; i < d->n_operands; i++)
      if (tm_type_is_tensor(tm_type_of(e->ir, d->operands[i])))
        mark_escapes(e, user, d->operands[i], group, &p, depth + 1);
    return;
  }
  if (!e->group_of[def]) return;
  bool same = e->group_of[def] == group && msl_reg_bits(e, v) == n_reg &&
              msl_point_is_identity(&p, n_reg);
  tm_op op = tm_get(e->ir, user)->op;
  if (op == TM_JOIN || op == TM_CAT) same = false;
  if (!same) e->values[v].escapes = true;
}

static void escapes_of_inst(emitter *e, tm_inst inst, void *data) {
  (void)data;
  const tm_inst_data *d = tm_get(e->ir, inst);
  if (msl_is_view(e, inst) || makes_pointers(e, d)) return;
  for (uint32_t i = 0; i < d->n_operands; i++) {
    tm_value v = d->operands[i];
    if (!tm_type_is_tensor(tm_type_of(e->ir, v))) continue;
    uint32_t n_reg = msl_reg_bits(e, v);
    msl_point p = msl_point_all(n_reg ? "r" : NULL, n_reg, 0);
    mark_escapes(e, inst, v, e->group_of[inst], &p, 0);
  }
}

static void give_array(emitter *e, tm_value v, uint32_t width) {
  tm_type type = tm_type_of(e->ir, v);
  if (!tm_type_is_tensor(type)) return;
  if (tm_type_element(type)->kind == TM_TYPE_POINTER) {
    tm_inst def = tm_val(e->ir, v)->def;
    tm_diag *diag = msl_refuse(
        e, def ? def : tm_blk(e->ir, tm_val(e->ir, v)->block)->parent,
        "a tile of pointers is carried through control flow");
    tm_diag_hint(e->diags, diag,
                 "carry a scalar pointer and add the tile of offsets inside");
    return;
  }
  msl_value *value = &e->values[v];
  if (value->place >= MSL_IN_ARRAY) return;
  value->place = MSL_IN_ARRAY;
  value->width = (uint8_t)width;
}

static void place_inst(emitter *e, tm_inst inst, void *data) {
  (void)data;
  const tm_inst_data *d = tm_get(e->ir, inst);
  op_class class = class_of(e, inst);
  for (uint32_t r = 0; r < d->n_regions; r++) {
    const tm_block_data *block = tm_blk(e->ir, d->regions[r]);
    if (d->op == TM_REDUCE || d->op == TM_SCAN) break;
    for (uint32_t i = 0; i < block->n_args; i++)
      if (msl_layout(e, block->args[i]))
        give_array(e, block->args[i],
                   run_bits(msl_layout(e, block->args[i])));
  }
  for (uint32_t i = 0; i < d->n_results; i++) {
    tm_value v = d->results + i;
    const tm_layout *layout = msl_layout(e, v);
    if (!layout) continue;
    if (e->group_of[inst] && e->values[v].escapes)
      give_array(e, v, e->groups.data[e->group_of[inst] - 1].width);
    if (class == CLASS_COLLECTIVE && e->stagings[inst]) continue;
    /* A scan combines its registers one by one. */
    uint32_t width = d->op == TM_SCAN ? 0 : run_bits(layout);
    if (class >= CLASS_COLLECTIVE) give_array(e, v, width);
  }
}

/* ---- simdgroup matrices ------------------------------------------------ */

static bool can_be_fragments(emitter *e, tm_value v) {
  const tm_layout *layout = msl_layout(e, v);
  if (!layout || e->values[v].place < MSL_IN_ARRAY) return false;
  tm_inst def = tm_val(e->ir, v)->def;
  if (def && (class_of(e, def) == CLASS_MEMORY ||
              tm_get(e->ir, def)->op == TM_CONVERT_LAYOUT))
    return false; /* these fill arrays */
  tm_scalar scalar = msl_scalar_of(tm_type_of(e->ir, v));
  return (scalar == TM_F32 || scalar == TM_F16) &&
         tm_layout_has_whole_fragments(layout);
}

static void make_fragments(emitter *e, tm_value v, changed *state) {
  msl_value *value = &e->values[v];
  if (value->place == MSL_IN_FRAGMENTS || !can_be_fragments(e, v)) return;
  value->place = MSL_IN_FRAGMENTS;
  value->width = 1;
  state->any = true;
}

static void fragments_flow(emitter *e, tm_value from, tm_value to,
                           void *data) {
  if (e->values[from].place == MSL_IN_FRAGMENTS) make_fragments(e, to, data);
  if (e->values[to].place == MSL_IN_FRAGMENTS) make_fragments(e, from, data);
}

static void fragments_of_inst(emitter *e, tm_inst inst, void *data) {
  const tm_inst_data *d = tm_get(e->ir, inst);
  flow_of_inst(e, inst, &(flow){fragments_flow, data});
  if (d->op != TM_DOT) return;
  make_fragments(e, d->results, data);
  make_fragments(e, d->operands[2], data);
}

/* They flow both ways. */
static void find_fragments(emitter *e) {
  changed state = {true};
  while (state.any) {
    state.any = false;
    sweep(e, e->func->body, false, fragments_of_inst, &state);
    sweep(e, e->func->body, true, fragments_of_inst, &state);
  }
}

/* ---- sharing storage -------------------------------------------------- */

static bool same_shape(const emitter *e, tm_value a, tm_value b) {
  return e->values[a].place == e->values[b].place &&
         e->values[a].width == e->values[b].width &&
         msl_layout(e, a) == msl_layout(e, b) &&
         tm_type_of(e->ir, a) == tm_type_of(e->ir, b);
}

/* The only instruction that uses v, if it uses it directly and once. */
static tm_inst single_user(const emitter *e, tm_value v) {
  const msl_value *value = &e->values[v];
  return value->uses == 1 && !value->many_users ? value->user : 0;
}

/* dst = f(..., src, ...) in place: src is not needed afterwards. */
static void share(emitter *e, tm_value dst, tm_value src) {
  if (e->values[dst].storage == dst && same_shape(e, dst, src))
    e->values[dst].storage = e->values[src].storage;
}

static void share_of_inst(emitter *e, tm_inst inst, void *data) {
  (void)data;
  const tm_inst_data *d = tm_get(e->ir, inst);
  if (d->op == TM_DOT) {
    tm_value acc = d->operands[2];
    bool array = e->values[acc].place == MSL_IN_FRAGMENTS;
    /* An accumulator from outside of a loop is wanted again next time. */
    bool here = tm_val(e->ir, acc)->block == d->block ||
                (tm_val(e->ir, acc)->def &&
                 tm_get(e->ir, tm_val(e->ir, acc)->def)->block == d->block);
    if (array && here && single_user(e, acc) == inst)
      share(e, d->results, acc);
  }
  if (d->op == TM_FOR) { /* the loop's result is its variable */
    const tm_block_data *body = tm_blk(e->ir, d->regions[0]);
    for (uint32_t i = 0; i < d->n_results; i++)
      if (e->values[d->results + i].place >= MSL_IN_ARRAY)
        e->values[d->results + i].storage = body->args[1 + i];
  }
  /* x = f(x) in a loop: an elementwise result whose operand is an argument
   * of its block that nothing else reads takes the argument's array. */
  if (!e->group_of[inst] || d->n_results != 1 ||
      e->values[d->results].place < MSL_IN_ARRAY ||
      writes_memory(d->op) || d->op == TM_LOAD)
    return;
  for (uint32_t i = 0; i < d->n_operands; i++) {
    tm_value x = d->operands[i];
    if (tm_val(e->ir, x)->block == d->block && !tm_val(e->ir, x)->def &&
        e->values[x].place >= MSL_IN_ARRAY && single_user(e, x) == inst) {
      share(e, d->results, x);
      return;
    }
  }
}

/* ---- the whole -------------------------------------------------------- */

static void requirements_of_inst(emitter *e, tm_inst inst, void *data) {
  (void)data;
  const tm_inst_data *d = tm_get(e->ir, inst);
  for (uint32_t i = 0; i < d->n_results; i++) {
    tm_type type = tm_type_of(e->ir, d->results + i);
    if (!msl_type_is_supported(e, inst, type)) return;
  }
  if (d->op == TM_REDUCE) msl_reduce_plan(e, inst);
  if (d->op == TM_SCAN) msl_scan_plan(e, inst);
  if (d->op == TM_GATHER || d->op == TM_HISTOGRAM) msl_gather_plan(e, inst);
  if (d->op == TM_CONVERT_LAYOUT) msl_convert_plan(e, inst);
  if (d->op == TM_SHARED_ALLOC) msl_shared_plan(e, inst);
  if (tm_op_is_atomic(d->op) || msl_is_volatile(e, inst))
    msl_atomic_plan(e, inst);
}

/* Walking and printing recurse once for each level of nesting. */
static bool depth_is_fine(emitter *e) {
  for (tm_block b = 1; b < e->ir->blocks.len; b++) {
    uint32_t depth = 0;
    for (tm_block at = b; at && depth <= MAX_NESTING; depth++) {
      tm_inst parent = tm_blk(e->ir, at)->parent;
      at = parent ? tm_get(e->ir, parent)->block : 0;
    }
    if (depth <= MAX_NESTING) continue;
    tm_diag *diag = tm_error_at(
        e->diags, TM_DIAG_LIMIT, e->func->loc,
        "loops and branches are nested more than %d deep", MAX_NESTING);
    tm_diag_hint(e->diags, diag, "split the kernel");
    e->failed = true;
    return false;
  }
  return true;
}

bool msl_plan(emitter *e) {
  uint32_t n_values = e->ir->values.len, n_insts = e->ir->insts.len;
  e->values = TM_NEW_ARRAY(e->arena, msl_value, n_values);
  e->group_of = TM_NEW_ARRAY(e->arena, uint32_t, n_insts);
  e->groups_at = TM_NEW_ARRAY(e->arena, uint32_t, n_insts);
  e->position = TM_NEW_ARRAY(e->arena, uint32_t, n_insts);
  e->maps = TM_NEW_ARRAY(e->arena, const msl_map *, n_insts);
  e->region_at = TM_NEW_ARRAY(e->arena, uint32_t, n_insts);
  e->stagings = TM_NEW_ARRAY(e->arena, msl_staging *, n_insts);
  e->copied = TM_NEW_ARRAY(e->arena, bool, n_insts);
  e->windows = TM_NEW_ARRAY(e->arena, uint8_t, n_insts);
  e->tensors = TM_NEW_ARRAY(e->arena, msl_tensor *, n_insts);
  e->raw = TM_NEW_ARRAY(e->arena, const char *, n_insts);
  e->converts = TM_NEW_ARRAY(e->arena, tm_convert_plan *, n_insts);
  for (uint32_t v = 0; v < n_values; v++) e->values[v].storage = v;
  tm_block body = e->func->body;
  if (!depth_is_fine(e)) return false;
  uint32_t position = 0;
  each_inst(e, body, count_uses, &position);
  each_inst(e, body, order_and_log_of_inst, NULL);
  find_roots(e);
  find_index_values(e);
  each_inst(e, body, sign_of_inst, NULL);
  each_inst(e, body, cost_of_inst, NULL);
  msl_stage_find(e);
  group_block(e, body);
  each_inst(e, body, escapes_of_inst, NULL);
  each_inst(e, body, place_inst, NULL);
  if (e->failed) return false;
  find_fragments(e);
  each_inst(e, body, share_of_inst, NULL);
  each_inst(e, body, requirements_of_inst, NULL);
  msl_tensor_plan(e);
  if (e->failed || !msl_pool_assign(e)) return false;
  msl_stage_pack(e);
  return true;
}
