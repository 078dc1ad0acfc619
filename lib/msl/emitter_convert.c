/* SPDX-License-Identifier: MIT */
/*
 * emitter_convert.c - ttg.convert_layout: a tile moves between threads.
 *
 * Renaming conversions are views (emitter_plan.c). The others go lane to lane
 * by shuffles, or through a region of threadgroup memory: every element is
 * stored once, a barrier, every thread loads its new elements. What only dots
 * read is staged for them (emitter_stage.c).
 */
#include "emitter.h"

/* As threadgroup memory holds it: bool there has crashed compilers. */
static const char *tile_type(emitter *e, tm_scalar scalar, uint32_t lanes) {
  if (scalar == TM_I1) return msl_memory_type(e, scalar, lanes);
  return msl_type(e, scalar, lanes);
}

static const tm_convert_plan *plan_of(emitter *e, tm_inst inst) {
  if (e->converts[inst]) return e->converts[inst];
  const tm_inst_data *d = tm_get(e->ir, inst);
  tm_convert_plan *plan = TM_NEW(e->arena, tm_convert_plan);
  const tm_layout *from = msl_layout(e, d->operands[0]);
  const tm_layout *to = msl_layout(e, d->results);
  tm_type type = tm_type_of(e->ir, d->results);
  bool pointer = tm_type_element(type)->kind == TM_TYPE_POINTER;
  uint32_t bytes = pointer ? 8 : msl_register_bytes(msl_scalar_of(type));
  if (from && to) *plan = tm_convert_analyse(e->arena, from, to, bytes);
  e->converts[inst] = plan;
  return plan;
}

tm_convert_kind msl_convert_kind(emitter *e, tm_inst inst) {
  return plan_of(e, inst)->kind;
}

/* The elements at a point of a layout, as memory of the region; *when: see
 * msl_turns_place. */
static const char *place_of(emitter *e, const msl_region *region,
                            const tm_layout *layout, const msl_point *p,
                            tm_scalar scalar, uint32_t width,
                            const char **when) {
  msl_expr at = msl_tile_index(e, layout, p, region->row, region->pitch);
  at = msl_turns_place(e, region, at, when);
  return width ? msl_text(e, "*(threadgroup %s *)(%s + %s)",
                          tile_type(e, scalar, 1u << width), region->name,
                          msl_paren(e, at, MSL_ADD))
               : msl_text(e, "%s[%s]", region->name, at.text);
}

/* tile[...] = source, by the one thread of those with copies. */
void msl_store_tile(emitter *e, const msl_region *region, tm_value source,
                    const tm_layout *layout, uint32_t width) {
  tm_scalar scalar = msl_scalar_of(tm_type_of(e->ir, source));
  const char *guard = msl_one_copy(e, layout);
  const char *var =
      msl_loop(e, width ? "c" : "r", 1u << (layout->n_reg - width));
  msl_point p = msl_point_all(var, layout->n_reg, width);
  msl_expr x = msl_widen(e, msl_eval(e, source, &p), scalar, 1u << width);
  if (scalar == TM_I1)
    x = msl_primary(msl_text(e, "%s(%s)", tile_type(e, scalar, 1u << width),
                             x.text), 1u << width);
  const char *when;
  const char *place = place_of(e, region, layout, &p, scalar, width, &when);
  if (when && guard) guard = msl_text(e, "%s && %s", guard, when);
  else if (when) guard = when;
  if (guard) msl_line(e, "if (%s) %s = %s;", guard, place, x.text);
  else msl_line(e, "%s = %s;", place, x.text);
  if (var) msl_close(e);
}

/* ---- planning --------------------------------------------------------- */

bool msl_convert_plan(emitter *e, tm_inst inst) {
  const tm_convert_plan *plan = plan_of(e, inst);
  const tm_inst_data *d = tm_get(e->ir, inst);
  if (plan->kind <= TM_CONVERT_REGISTERS) return true;
  if (!msl_layout(e, d->results) || !msl_layout(e, d->operands[0])) {
    msl_broken(e, inst, "a conversion without layouts");
    return false;
  }
  tm_type type = tm_type_of(e->ir, d->results);
  if (tm_type_element(type)->kind == TM_TYPE_POINTER) {
    msl_refuse(e, inst, "moving a tile of pointers between threads");
    return false;
  }
  tm_scalar scalar = msl_scalar_of(type);
  const char *element = tile_type(e, scalar, 1);
  tm_name name = tm_val(e->ir, d->results)->name;
  if (!name) name = tm_val(e->ir, d->operands[0])->name;
  const char *hint = name ? msl_text(e, "%s_tile", name) : "tile";
  if (e->stagings[inst]) {
    msl_stage_plan(e, inst);
    return true;
  }
  if (plan->kind != TM_CONVERT_THREADGROUP) return true;
  msl_region_add(e, inst, 0, hint, element, plan->bytes, plan->pad_every,
                 plan->pad_every + plan->pad, inst, inst);
  uint32_t numel = (uint32_t)tm_type_numel(type);
  msl_turns_allow(e, inst, 0, numel * msl_register_bytes(scalar), numel,
                  MSL_TURNS);
  return true;
}

/* ---- conversions ------------------------------------------------------ */

static uint32_t log2_of(uint32_t n) {
  uint32_t bits = 0;
  while (bits < MSL_MAX_VECTOR_BITS && 2u << bits <= n) bits++;
  return bits;
}

static void through_memory(emitter *e, tm_inst inst,
                           const tm_convert_plan *plan) {
  const tm_inst_data *d = tm_get(e->ir, inst);
  msl_region *region = msl_region_of(e, inst, 0);
  tm_value from = d->operands[0], to = d->results;
  tm_scalar scalar = msl_scalar_of(tm_type_of(e->ir, to));
  msl_turns_open(e, inst);
  msl_region_write(e, region);
  msl_store_tile(e, region, from, msl_layout(e, from),
                 log2_of(plan->store_width));
  msl_region_read(e, region);
  const tm_layout *layout = msl_layout(e, to);
  msl_value *value = &e->values[to];
  uint32_t width = log2_of(plan->load_width);
  if (value->place == MSL_IN_FRAGMENTS || width != value->width) width = 0;
  const char *var =
      msl_loop(e, width ? "c" : "r", 1u << (layout->n_reg - width));
  msl_point p = msl_point_all(var, layout->n_reg, width);
  const char *when;
  const char *x = place_of(e, region, layout, &p, scalar, width, &when);
  if (scalar == TM_I1) x = msl_text(e, "%s != 0", x);
  msl_turns_load(e, msl_type(e, scalar, 1u << width),
                 msl_array_entry(e, to, &p), x, when);
  if (var) msl_close(e);
  msl_turns_close(e, inst);
}

/* Source register and lane of destination register 0 and of each bit, if
 * they are linear (they are for the layouts that assign makes). */
static bool is_linear(const uint32_t *table, uint32_t n_reg, msl_map *map) {
  map->n = n_reg;
  map->base = table[0];
  for (uint32_t i = 0; i < n_reg; i++)
    map->col[i] = table[1u << i] ^ table[0];
  for (uint32_t r = 0; r < 1u << n_reg; r++) {
    uint32_t x = map->base;
    for (uint32_t i = 0; i < n_reg; i++)
      if (r >> i & 1) x ^= map->col[i];
    if (x != table[r]) return false;
  }
  return true;
}

/* The lane that the own lane's elements come from, before lane_xor. */
static const char *source_lane(emitter *e, const tm_convert_plan *plan) {
  tm_buf buf = tm_buf_in(e->arena);
  uint32_t same = 0;
  for (uint32_t i = 0; i < TM_LANE_BITS; i++)
    if (plan->lane_bits[i] == 1u << i) same |= 1u << i;
  e->uses_lane = true;
  if (same == 31) return "lane";
  if (same) tm_buf_printf(&buf, "(lane & %u)", (unsigned)same);
  for (uint32_t i = 0; i < TM_LANE_BITS; i++) {
    if ((same >> i & 1) || plan->lane_bits[i] == 0) continue;
    if (buf.len) tm_buf_puts(&buf, " ^ ");
    tm_buf_printf(&buf, "(lane >> %u & 1) * %u", (unsigned)i,
                  (unsigned)plan->lane_bits[i]);
  }
  return buf.len ? tm_buf_text(&buf) : "0";
}

static void by_shuffles(emitter *e, tm_inst inst,
                        const tm_convert_plan *plan) {
  const tm_inst_data *d = tm_get(e->ir, inst);
  tm_value from = d->operands[0], to = d->results;
  uint32_t n_reg = msl_reg_bits(e, to);
  tm_scalar scalar = msl_scalar_of(tm_type_of(e->ir, to));
  const char *type = msl_type(e, scalar, 1);
  const char *f = msl_use(e, MSL_H_SHUFFLE, type, 1);
  const char *lane = msl_name(e, "from");
  msl_line(e, "const uint %s = %s;", lane, source_lane(e, plan));
  msl_map source, lanes;
  bool linear = is_linear(plan->source, n_reg, &source) &&
                is_linear(plan->lane_xor, n_reg, &lanes);
  const char *var = linear ? msl_loop(e, "r", 1u << n_reg) : NULL;
  for (uint32_t r = 0; r < (linear ? 1u : 1u << n_reg); r++) {
    msl_point p = var ? msl_point_all(var, n_reg, 0) : msl_point_register(r);
    msl_point q = p;
    const char *which = lane;
    if (linear) {
      q = msl_point_compose(&p, &source);
      msl_expr flip = msl_linear(e, var ? var : "0", var ? n_reg : 0,
                                 lanes.col);
      if (strcmp(flip.text, "0") != 0)
        which = msl_text(e, "%s ^ (%s)", which, flip.text);
      if (lanes.base)
        which = msl_text(e, "%s ^ %u", which, (unsigned)lanes.base);
    } else {
      q = msl_point_register(plan->source[r]);
      if (plan->lane_xor[r])
        which = msl_text(e, "%s ^ %u", which, (unsigned)plan->lane_xor[r]);
    }
    msl_line(e, "%s = %s(%s, ushort(%s));", msl_array_entry(e, to, &p), f,
             msl_eval(e, from, &q).text, which);
  }
  if (var) msl_close(e);
}

void msl_convert(emitter *e, tm_inst inst) {
  const tm_convert_plan *plan = plan_of(e, inst);
  tm_value to = tm_get(e->ir, inst)->results;
  e->values[to].name = msl_name_of(e, to, "tile");
  msl_declare_array(e, to);
  if (plan->kind == TM_CONVERT_SHUFFLE) by_shuffles(e, inst, plan);
  else through_memory(e, inst, plan);
}
