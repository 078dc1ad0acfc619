/* SPDX-License-Identifier: MIT */
/*
 * emitter_gather.c - tt.gather and tt.histogram, through threadgroup memory.
 *
 * gather stores the whole source tile, and every thread loads the elements
 * that its indices name. An index outside of the axis is undefined in Triton;
 * here its low bits are taken, so that it stays inside of the tile.
 *
 * histogram stores the numbers (-1 where the mask is false or the number has
 * no bin), and every thread counts those equal to each of its own bins: all
 * threads load the same word at a time, and there are no atomics.
 */
#include "emitter.h"

static uint32_t numel_of(const tm_layout *layout) {
  uint32_t bits = 0;
  for (uint32_t d = 0; d < layout->rank; d++) bits += layout->dim_bits[d];
  return 1u << bits;
}

bool msl_gather_plan(emitter *e, tm_inst inst) {
  const tm_inst_data *d = tm_get(e->ir, inst);
  tm_value source = d->operands[0];
  uint32_t numel = numel_of(msl_layout(e, source));
  tm_scalar scalar = msl_scalar_of(tm_type_of(e->ir, source));
  if (d->op == TM_HISTOGRAM) {
    msl_region_add(e, inst, 0, "numbers", "int", numel * 4, numel, numel,
                   inst, inst);
    msl_turns_allow(e, inst, 0, numel * 4, numel, MSL_TURNS);
    return true;
  }
  if (scalar == TM_VOID) {
    msl_refuse(e, inst, "tl.gather of pointers");
    return false;
  }
  const char *type = scalar == TM_I1 ? "uchar" : msl_type(e, scalar, 1);
  uint32_t size = msl_register_bytes(scalar);
  msl_region_add(e, inst, 0, "gathered_from", type, numel * size, numel,
                 numel, inst, inst);
  msl_turns_allow(e, inst, 0, numel * size, numel, MSL_TURNS);
  return true;
}

static msl_expr shifted(emitter *e, msl_expr x, uint32_t shift) {
  if (shift == 0 || strcmp(x.text, "0") == 0) return x;
  return (msl_expr){msl_text(e, "%s * %u", msl_paren(e, x, MSL_PRIMARY),
                             1u << shift), MSL_MUL, 1};
}

void msl_gather(emitter *e, tm_inst inst) {
  const tm_inst_data *d = tm_get(e->ir, inst);
  tm_value source = d->operands[0], indices = d->operands[1];
  const tm_layout *from = msl_layout(e, source);
  const tm_layout *to = msl_layout(e, d->results);
  uint32_t axis = (uint32_t)tm_inst_int(e->ir, inst, TM_ATTR_AXIS, 0);
  msl_region *region = msl_region_of(e, inst, 0);
  e->values[d->results].name = msl_name_of(e, d->results, "gathered");
  msl_declare_array(e, d->results);
  msl_turns_open(e, inst);
  msl_region_write(e, region);
  msl_store_tile(e, region, source, from, 0);
  msl_region_read(e, region);
  const char *var = msl_loop(e, "r", 1u << to->n_reg);
  msl_point p = msl_point_all(var, to->n_reg, 0);
  msl_sum sum = {.n = 0};
  for (uint32_t i = 0; i < from->rank; i++) {
    uint32_t shift = tm_layout_dim_shift(from, i);
    msl_expr x;
    if (i == axis) {
      msl_expr at = msl_eval(e, indices, &p);
      x = (msl_expr){msl_text(e, "(int(%s) & %u)", at.text,
                              (1u << from->dim_bits[i]) - 1),
                     MSL_PRIMARY, 1};
    } else {
      x = msl_coordinate(e, to, &p, tm_layout_dim_shift(to, i),
                         to->dim_bits[i], 0);
    }
    msl_sum_add(&sum, shifted(e, x, shift));
  }
  tm_scalar scalar = msl_scalar_of(tm_type_of(e->ir, source));
  const char *when;
  msl_expr at = msl_turns_place(e, region, msl_sum_text(e, &sum), &when);
  const char *element = msl_text(e, "%s[%s]%s", region->name, at.text,
                                 scalar == TM_I1 ? " != 0" : "");
  msl_turns_load(e, msl_type(e, scalar, 1),
                 msl_array_entry(e, d->results, &p), element, when);
  if (var) msl_close(e);
  msl_turns_close(e, inst);
}

static void store_numbers(emitter *e, tm_inst inst, uint32_t bins) {
  const tm_inst_data *d = tm_get(e->ir, inst);
  const tm_layout *from = msl_layout(e, d->operands[0]);
  msl_region *region = msl_region_of(e, inst, 0);
  const char *guard = msl_one_copy(e, from);
  const char *var = msl_loop(e, "r", 1u << from->n_reg);
  msl_point p = msl_point_all(var, from->n_reg, 0);
  msl_expr x = msl_eval(e, d->operands[0], &p);
  msl_expr at = msl_tile_index(e, from, &p, region->row, region->pitch);
  const char *number = msl_name(e, "number"), *counts = msl_name(e, "counts");
  tm_scalar scalar = msl_scalar_of(tm_type_of(e->ir, d->operands[0]));
  msl_line(e, "const %s %s = %s;", scalar == TM_I64 ? "long" : "int", number,
           x.text);
  const char *inside = msl_text(e, "%s >= 0 && %s < %u", number, number,
                                (unsigned)bins);
  if (d->n_operands > 1)
    inside = msl_text(
        e, "%s && %s", inside,
        msl_paren(e, msl_eval(e, d->operands[1], &p), MSL_EQUALITY));
  msl_line(e, "const bool %s = %s;", counts, inside);
  const char *when;
  at = msl_turns_place(e, region, at, &when);
  const char *text = msl_text(e, "%s[%s] = %s ? int(%s) : -1;", region->name,
                              at.text, counts, number);
  if (when && guard) guard = msl_text(e, "%s && %s", guard, when);
  else if (when) guard = when;
  if (guard) msl_line(e, "if (%s) %s", guard, text);
  else msl_line(e, "%s", text);
  if (var) msl_close(e);
}

/* How often a bin is among the numbers that the region holds. */
static const char *count_bin(emitter *e, const msl_region *region,
                             const char *bin) {
  const char *count = msl_name(e, "count"), *i = msl_name(e, "i");
  msl_line(e, "int %s = 0;", count);
  msl_open(e, "for (int %s = 0; %s < %u; ++%s)", i, i,
           (unsigned)(region->row >> region->turns), i);
  msl_line(e, "%s += int(%s[%s] == %s);", count, region->name, i, bin);
  msl_close(e);
  return count;
}

void msl_histogram(emitter *e, tm_inst inst) {
  const tm_inst_data *d = tm_get(e->ir, inst);
  tm_value v = d->results;
  const tm_layout *to = msl_layout(e, v);
  msl_region *region = msl_region_of(e, inst, 0);
  e->values[v].name = msl_name_of(e, v, "histogram");
  msl_declare_array(e, v);
  msl_turns_open(e, inst);
  msl_region_write(e, region);
  store_numbers(e, inst, numel_of(to));
  msl_region_read(e, region);
  const char *type =
      msl_type(e, msl_scalar_of(tm_type_of(e->ir, v)), 1);
  const char *var = msl_loop(e, "r", 1u << to->n_reg);
  msl_point p = msl_point_all(var, to->n_reg, 0);
  const char *bin = msl_name(e, "bin");
  msl_line(e, "const int %s = %s;", bin,
           msl_coordinate(e, to, &p, 0, to->dim_bits[0], 0).text);
  const char *count = count_bin(e, region, bin);
  const char *entry = msl_array_entry(e, v, &p);
  if (region->turn)
    msl_line(e, "%s = %s(%s) + (%s == 0 ? %s(0) : %s);", entry, type, count,
             region->turn, type, entry);
  else
    msl_line(e, "%s = %s(%s);", entry, type, count);
  if (var) msl_close(e);
  msl_turns_close(e, inst);
}
