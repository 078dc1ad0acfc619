/* SPDX-License-Identifier: MIT */
/*
 * emitter_tensor.c - dots by matmul2d of MSL 4.0, for M5's matrix units.
 *
 * layout/tensor.c has marked the dots. Where both operands of one are staged,
 * all simdgroups of the threadgroup multiply the staged tiles together, and
 * the product is in a cooperative tensor, of which no thread knows where its
 * elements lie. It reaches the threads that use it through a tile of floats
 * in threadgroup memory.
 *
 * A sum that a loop carries for one dot alone stays in the cooperative tensor:
 *
 *     constexpr auto acc_shape = mpp::tensor_ops::matmul2d_descriptor(
 *         64, 64, 32, false, false, false,
 *         mpp::tensor_ops::matmul2d_descriptor::mode::multiply_accumulate);
 *     mpp::tensor_ops::matmul2d<acc_shape, execution_simdgroups<4>> acc_product;
 *     auto a_operand = tensor<threadgroup half, dextents<int32_t, 2>,
 *         tensor_inline>(a_tile, dextents<int32_t, 2>(32, 64), ...);
 *     auto acc_sum = acc_product.get_destination_cooperative_tensor<...>();
 *     for (e) acc_sum[e] = 0.0f;
 *     for (int k = 0; k < K; k += 32) {
 *       ... stage a_tile, b_tile; barrier
 *       acc_product.run(a_operand, b_operand, acc_sum);
 *     }
 *     acc_sum.store(acc_tensor);            after a barrier
 *     acc[f].thread_elements()[0] = acc_tile[...];     after another
 *
 * A product larger than threadgroup memory is several, of some of the rows
 * each: one operation, whose left operand starts further down in its tile, and
 * a cooperative tensor for each. They go through the tile of floats one after
 * the other, and each thread takes what is its own:
 *
 *     acc_sum.store(acc_tensor);        rows 0 to 63, after a barrier
 *     const float2 x = ...;             after another; by all threads
 *     if ((tid >> 6 & 1) == 0) { acc[f].thread_elements()[0] = x.x; ... }
 *     acc_sum_1.store(acc_tensor);      rows 64 to 127
 *
 * Any other dot multiplies into a fresh one and adds what its threads read
 * back to the accumulator that they hold. Sums are floats either way, rounded
 * in the order that Metal likes.
 *
 * All threads run it: conditions around a dot are scalars. The number of
 * simdgroups is the kernel's. Operands have strides, so that padded and
 * transposed tiles are read as they lie. K is the tile's own.
 *
 * The tile of floats may not fit beside the operands: msl_tensor_drop then
 * leaves all dots to simdgroup matrices (emitter_pool.c asks for that before
 * it gives up).
 */
#include "../layout/f2.h"
#include "emitter.h"

enum { PRODUCT = 2, ROW_PAD_BYTES = 16 };

/* ---- which dots --------------------------------------------------------- */

/* The staged conversion that is operand k; 0: it is none. */
static tm_inst staged_operand(const emitter *e, tm_inst dot, int k) {
  tm_inst def = tm_val(e->ir, tm_get(e->ir, dot)->operands[k])->def;
  return def && e->stagings[def] ? def : 0;
}

/* Is the accumulator carried by the loop around the dot, and nothing else
 * done with it there? */
static bool is_carried(const emitter *e, tm_inst dot, msl_tensor *t) {
  const tm_inst_data *d = tm_get(e->ir, dot);
  tm_inst loop = tm_blk(e->ir, d->block)->parent;
  if (!loop || tm_get(e->ir, loop)->op != TM_FOR) return false;
  const tm_block_data *body = tm_blk(e->ir, d->block);
  const tm_inst_data *yield = tm_get(e->ir, body->last);
  for (uint32_t i = 1; i < body->n_args; i++) {
    tm_value arg = body->args[i];
    if (arg != d->operands[2] || yield->operands[i - 1] != d->results)
      continue;
    t->loop = loop;
    t->carried = i - 1;
    return e->values[arg].uses == 1 && e->values[d->results].uses == 1 &&
           e->values[d->results].storage == arg &&
           e->values[arg].storage == arg;
  }
  return false;
}

static void plan_dot(emitter *e, tm_inst dot) {
  const tm_inst_data *d = tm_get(e->ir, dot);
  const tm_layout *layout = msl_layout(e, d->results);
  if (!staged_operand(e, dot, 0) || !staged_operand(e, dot, 1) ||
      layout->n_reg == 0 || layout->reg[0] != 1)
    return;
  msl_tensor *t = TM_NEW(e->arena, msl_tensor);
  *t = (msl_tensor){.dot = dot};
  if (!is_carried(e, dot, t)) t->loop = t->carried = 0;
  tm_type type = tm_type_of(e->ir, d->results);
  while (1u << t->part_bits < tm_tensor_parts(type, e->chip)) t->part_bits++;
  uint32_t m = (uint32_t)type->shape[0] >> t->part_bits;
  uint32_t n = (uint32_t)type->shape[1], pitch = n + ROW_PAD_BYTES / 4;
  if (m * pitch * 4 > e->chip->threadgroup_bytes) pitch = n;
  tm_inst owner = t->loop ? t->loop : dot;
  tm_name name = tm_val(e->ir, d->results)->name;
  /* It is stored when the operands have been read. */
  tm_inst at = tm_get(e->ir, owner)->next;
  t->region = e->regions.len;
  msl_region_add(e, owner, PRODUCT + t->carried,
                 msl_text(e, "%s_tile", name ? name : "product"), "float",
                 m * pitch * 4, n, pitch, at, at);
  e->regions.data[t->region].packed_bytes = m * n * 4;
  e->tensors[dot] = t;
}

void msl_tensor_plan(emitter *e) {
  for (tm_inst i = 1; i < e->ir->insts.len; i++)
    if (tm_get(e->ir, i)->block && tm_tensor_is_marked(e->ir, i))
      plan_dot(e, i);
}

bool msl_tensor_drop(emitter *e) {
  bool any = false;
  for (tm_inst i = 1; i < e->ir->insts.len; i++) {
    msl_tensor *t = e->tensors[i];
    if (!t) continue;
    e->regions.data[t->region].bytes = 0;
    e->tensors[i] = NULL;
    any = true;
  }
  return any;
}

/* The dot whose sum result number `index` of the loop is; NULL: none. */
static msl_tensor *carried_by(const emitter *e, tm_inst loop,
                              uint32_t index) {
  tm_block body = tm_get(e->ir, loop)->regions[0];
  const tm_inst_data *yield = tm_get(e->ir, tm_blk(e->ir, body)->last);
  tm_inst dot = tm_val(e->ir, yield->operands[index])->def;
  msl_tensor *t = dot ? e->tensors[dot] : NULL;
  return t && t->loop == loop && t->carried == index ? t : NULL;
}

static bool is_zero(const emitter *e, tm_value v) {
  double x;
  tm_inst def = tm_val(e->ir, v)->def;
  if (def && tm_get(e->ir, def)->op == TM_SPLAT)
    v = tm_get(e->ir, def)->operands[0];
  return tm_value_const_float(e->ir, v, &x) && x == 0;
}

/* ---- the operation ------------------------------------------------------ */

/* auto x_operand = tensor<...>(x_tile, ...): the tile as it lies; of the left
 * operand, a part of its rows. */
static const char *declare_operand(emitter *e, const msl_tensor *t, int k,
                                   uint32_t mn, uint32_t depth,
                                   uint32_t part) {
  tm_inst stage = staged_operand(e, t->dot, k);
  const msl_staging *s = e->stagings[stage];
  const msl_region *region = msl_stage_region(e, stage);
  const char *name = msl_name(e, msl_text(e, "%s_operand", region->name));
  const char *type = s->scalar == TM_BF16 ? "bfloat" : "half";
  bool k_in_rows = (k == 0) != s->transposed; /* K goes along a row */
  uint32_t at = part * mn * (k_in_rows ? region->pitch : 1);
  const char *place = region->name;
  if (at) place = msl_text(e, "%s + %u", place, (unsigned)at);
  if (s->scalar == TM_BF16)
    place = msl_text(e, "(threadgroup bfloat *)(%s)", place);
  msl_line(e, "auto %s = tensor<threadgroup %s, dextents<int32_t, 2>, "
           "tensor_inline>(%s, dextents<int32_t, 2>(%u, %u), "
           "array<int32_t, 2>{1, %u});", name, type, place,
           (unsigned)(k_in_rows ? depth : mn),
           (unsigned)(k_in_rows ? mn : depth), (unsigned)region->pitch);
  return name;
}

static bool is_transposed(const emitter *e, const msl_tensor *t, int k) {
  return e->stagings[staged_operand(e, t->dot, k)]->transposed;
}

static void declare(emitter *e, msl_tensor *t, const char *hint,
                    const char *mode) {
  const tm_inst_data *d = tm_get(e->ir, t->dot);
  tm_type a = tm_type_of(e->ir, d->operands[0]);
  tm_type c = tm_type_of(e->ir, d->results);
  uint32_t m = (uint32_t)c->shape[0] >> t->part_bits;
  uint32_t n = (uint32_t)c->shape[1], k = (uint32_t)a->shape[1];
  const char *shape = msl_name(e, msl_text(e, "%s_shape", hint));
  t->operation = msl_name(e, msl_text(e, "%s_product", hint));
  e->uses_tensors = true;
  msl_line(e, "constexpr auto %s = mpp::tensor_ops::matmul2d_descriptor("
           "%u, %u, %u, %s, %s, false, "
           "mpp::tensor_ops::matmul2d_descriptor::mode::%s);", shape,
           (unsigned)m, (unsigned)n, (unsigned)k,
           is_transposed(e, t, 0) ? "true" : "false",
           is_transposed(e, t, 1) ? "true" : "false", mode);
  msl_line(e, "mpp::tensor_ops::matmul2d<%s, execution_simdgroups<%u>> %s;",
           shape, (unsigned)e->layouts->num_warps, t->operation);
  t->right = declare_operand(e, t, 1, n, k, 0);
  for (uint32_t p = 0; p < 1u << t->part_bits; p++) {
    t->left[p] = declare_operand(e, t, 0, m, k, p);
    t->sum[p] = msl_name(e, msl_text(e, "%s_sum", hint));
    msl_line(e, "auto %s = %s.get_destination_cooperative_tensor<"
             "decltype(%s), decltype(%s), float>();", t->sum[p], t->operation,
             t->left[p], t->right);
  }
}

static void run(emitter *e, const msl_tensor *t) {
  for (uint32_t p = 0; p < 1u << t->part_bits; p++)
    msl_line(e, "%s.run(%s, %s, %s);", t->operation, t->left[p], t->right,
             t->sum[p]);
}

/* ---- to the threads ------------------------------------------------------ */

/* What a thread takes out of one part of a product. */
typedef struct taking {
  tm_layout layout;   /* of the part */
  uint32_t kept[TM_MAX_REG_BITS], n_kept; /* register bits to walk */
  uint32_t base;      /* the part's own registers */
  const char *guard;  /* whose part it is; NULL: every thread's */
} taking;

/* The highest bits of the rows choose the part: register bits are set, bits of
 * the thread have to agree. */
static taking take_part(emitter *e, const msl_tensor *t, const tm_layout *l,
                        uint32_t part) {
  taking out = {.layout = msl_drop_top(l, 0, t->part_bits)};
  uint32_t top = l->dim_bits[0] + l->dim_bits[1] - t->part_bits;
  for (uint32_t i = 1; i < l->n_reg; i++) {
    if (out.layout.reg[i]) out.kept[out.n_kept++] = 1u << i;
    else if (part >> (top_bit(l->reg[i]) - top) & 1)
      out.base |= 1u << i;
  }
  for (uint32_t i = 0; i < TM_LANE_BITS + (uint32_t)l->n_warp; i++) {
    uint32_t v = i < TM_LANE_BITS ? l->lane[i] : l->warp[i - TM_LANE_BITS];
    if (!(v >> top)) continue;
    e->uses_tid = true;
    const char *mine = msl_text(e, "(tid >> %u & 1) == %u", (unsigned)i,
                                (unsigned)(part >> (top_bit(v) - top) & 1));
    out.guard = out.guard ? msl_text(e, "%s && %s", out.guard, mine) : mine;
  }
  return out;
}

/* v's entries of one part become what the tile holds, plus base. */
static void read_part(emitter *e, const msl_tensor *t, tm_value v,
                      tm_value base, uint32_t part) {
  const msl_region *region = &e->regions.data[t->region];
  taking take = take_part(e, t, msl_layout(e, v), part);
  const char *f = msl_loop(e, "f", 1u << take.n_kept);
  msl_point p = {.n_comp = 0, .base = take.base};
  p.var[0].name = f, p.var[0].n = f ? take.n_kept : 0;
  for (uint32_t i = 0; i < p.var[0].n; i++) p.var[0].col[i] = take.kept[i];
  /* The first two registers of a fragment are columns side by side. */
  msl_expr at = msl_tile_index(e, &take.layout, &p, region->row,
                               region->pitch);
  const char *x = msl_name(e, "x");
  msl_line(e, "const float2 %s = *(threadgroup float2 *)(%s + %s);", x,
           region->name, msl_paren(e, at, MSL_ADD));
  if (take.guard) msl_open(e, "if (%s)", take.guard);
  for (uint32_t i = 0; i < 2; i++) {
    p.base = take.base | i;
    const char *one = msl_text(e, "%s.%c", x, "xy"[i]);
    if (base)
      one = msl_text(e, "%s + %s", msl_paren(e, msl_eval(e, base, &p),
                                             MSL_ADD), one);
    msl_line(e, "%s = %s;", msl_array_entry(e, v, &p), one);
  }
  if (take.guard) msl_close(e);
  if (f) msl_close(e);
}

/* v's entries become the product, plus what base is unless that is 0. */
static void collect(emitter *e, const msl_tensor *t, tm_value v,
                    tm_value base) {
  msl_region *region = &e->regions.data[t->region];
  tm_type c = tm_type_of(e->ir, tm_get(e->ir, t->dot)->results);
  const char *to = msl_name(e, msl_text(e, "%s_tensor", region->name));
  msl_region_write(e, region);
  msl_line(e, "auto %s = tensor<threadgroup float, dextents<int32_t, 2>, "
           "tensor_inline>(%s, dextents<int32_t, 2>(%u, %u), "
           "array<int32_t, 2>{1, %u});", to, region->name,
           (unsigned)c->shape[1], (unsigned)(c->shape[0] >> t->part_bits),
           (unsigned)region->pitch);
  for (uint32_t p = 0; p < 1u << t->part_bits; p++) {
    if (p) msl_region_write(e, region);
    msl_line(e, "%s.store(%s);", t->sum[p], to);
    msl_region_read(e, region);
    read_part(e, t, v, base, p);
  }
}

/* ---- sums that a loop carries ------------------------------------------- */

bool msl_tensor_before_loop(emitter *e, tm_inst loop, uint32_t index,
                            const char *name) {
  msl_tensor *t = carried_by(e, loop, index);
  if (!t) return false;
  declare(e, t, name, "multiply_accumulate");
  const char *i = msl_name(e, "e");
  msl_line(e, "#pragma unroll");
  msl_open(e, "for (ushort %s = 0; %s < %s.get_capacity(); ++%s)", i, i,
           t->sum[0], i); /* all are of one type */
  for (uint32_t p = 0; p < 1u << t->part_bits; p++)
    msl_line(e, "%s[%s] = 0.0f;", t->sum[p], i);
  msl_close(e);
  const tm_inst_data *d = tm_get(e->ir, loop);
  return is_zero(e, d->operands[3 + index]);
}

void msl_tensor_after_loop(emitter *e, tm_inst loop, uint32_t index,
                           const char *name) {
  const msl_tensor *t = carried_by(e, loop, index);
  if (!t) return;
  const tm_inst_data *d = tm_get(e->ir, loop);
  tm_value arg = tm_blk(e->ir, d->regions[0])->args[1 + index];
  bool fresh = is_zero(e, d->operands[3 + index]);
  if (fresh) {
    e->values[arg].name = msl_name(e, name);
    msl_declare_array(e, arg);
  }
  collect(e, t, arg, fresh ? 0 : arg);
}

/* ---- the dot ------------------------------------------------------------ */

void msl_tensor_dot(emitter *e, tm_inst inst) {
  msl_tensor *t = e->tensors[inst];
  if (t->loop) {
    run(e, t);
    return;
  }
  const tm_inst_data *d = tm_get(e->ir, inst);
  tm_value v = d->results;
  declare(e, t, e->values[e->values[v].storage].name, "multiply");
  run(e, t);
  collect(e, t, v, is_zero(e, d->operands[2]) ? 0 : d->operands[2]);
}
