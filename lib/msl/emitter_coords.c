/* SPDX-License-Identifier: MIT */
/*
 * emitter_coords.c - points and coordinates: linear functions over bits, in
 * the simplest printed form.
 *
 * The nonzero basis vectors of an assigned layout are single, distinct bits
 * (layout.h), so the bits that registers, lanes and simdgroups move never
 * meet, and XOR is addition. A coordinate is therefore a sum of three parts:
 *
 *     tid_x4                a constant of the thread, declared once
 *       + c * 512           of the loop variable
 *       + int4(0, 1, 2, 3)  of the vector component
 *
 * and each part is a sum of bit fields: (tid >> 3 & 7) * 64.
 */
#include "emitter.h"

#include <assert.h>

/* ---- points ----------------------------------------------------------- */

msl_point msl_point_all(const char *var, uint32_t n_reg, uint32_t width) {
  msl_point p = {.n_comp = width};
  for (uint32_t i = 0; i < width; i++) p.comp[i] = 1u << i;
  if (!var) return p;
  p.var[0].name = var;
  p.var[0].n = n_reg - width;
  for (uint32_t i = 0; i < p.var[0].n; i++)
    p.var[0].col[i] = 1u << (i + width);
  return p;
}

msl_point msl_point_nested(const char *var, const char *inner_var,
                           uint32_t n_reg, uint32_t width, uint32_t inner) {
  msl_point p = msl_point_all(var, n_reg, width);
  p.var[1].name = inner_var;
  p.var[1].n = inner;
  for (uint32_t i = 0; i < inner; i++) p.var[1].col[i] = 1u << (i + width);
  if (!var) return p;
  p.var[0].n = n_reg - width - inner;
  for (uint32_t i = 0; i < p.var[0].n; i++)
    p.var[0].col[i] = 1u << (i + width + inner);
  return p;
}

msl_point msl_point_register(uint32_t reg) {
  return (msl_point){.base = reg};
}

msl_point msl_point_component(const msl_point *point, uint32_t component) {
  msl_point p = *point;
  for (uint32_t i = 0; i < p.n_comp; i++) {
    if (component >> i & 1) p.base ^= p.comp[i];
    p.comp[i] = 0;
  }
  p.n_comp = 0;
  return p;
}

static uint32_t map_linear(const msl_map *map, uint32_t reg) {
  uint32_t to = 0;
  for (uint32_t i = 0; i < map->n; i++)
    if (reg >> i & 1) to ^= map->col[i];
  return to;
}

msl_point msl_point_compose(const msl_point *point, const msl_map *map) {
  msl_point p = *point;
  for (int v = 0; v < MSL_POINT_VARS; v++)
    for (uint32_t i = 0; i < p.var[v].n; i++)
      p.var[v].col[i] = map_linear(map, p.var[v].col[i]);
  for (uint32_t i = 0; i < p.n_comp; i++)
    p.comp[i] = map_linear(map, p.comp[i]);
  p.base = map_linear(map, p.base) ^ map->base;
  return p;
}

/* A variable that moves nothing may as well not be there. */
static bool var_equal(const msl_var *a, const msl_var *b) {
  uint32_t used_a = 0, used_b = 0;
  for (uint32_t i = 0; i < a->n; i++) used_a |= a->col[i];
  for (uint32_t i = 0; i < b->n; i++) used_b |= b->col[i];
  if (!used_a || !used_b) return used_a == used_b;
  return a->name == b->name && a->n == b->n &&
         memcmp(a->col, b->col, a->n * sizeof a->col[0]) == 0;
}

bool msl_point_equal(const msl_point *a, const msl_point *b) {
  if (a->base != b->base || a->n_comp != b->n_comp) return false;
  for (uint32_t i = 0; i < a->n_comp; i++)
    if (a->comp[i] != b->comp[i]) return false;
  for (int v = 0; v < MSL_POINT_VARS; v++)
    if (!var_equal(&a->var[v], &b->var[v])) return false;
  return true;
}

/* Only for points made by msl_point_all and composed from there. */
bool msl_point_is_identity(const msl_point *point, uint32_t n_reg) {
  if (point->base || point->var[1].n || point->var[2].n) return false;
  for (uint32_t i = 0; i < point->n_comp; i++)
    if (point->comp[i] != 1u << i) return false;
  for (uint32_t i = 0; i < point->var[0].n; i++)
    if (point->var[0].col[i] != 1u << (i + point->n_comp)) return false;
  return point->n_comp + point->var[0].n == n_reg;
}

/* ---- sums ------------------------------------------------------------- */

void msl_sum_add(msl_sum *sum, msl_expr term) {
  if (strcmp(term.text, "0") == 0) return;
  assert(sum->n < TM_COUNT(sum->terms));
  sum->terms[sum->n++] = term;
}

msl_expr msl_sum_text(emitter *e, const msl_sum *sum) {
  if (sum->n == 0) return msl_primary("0", 1);
  if (sum->n == 1) return sum->terms[0];
  tm_buf buf = tm_buf_in(e->arena);
  uint32_t lanes = 1;
  for (uint32_t i = 0; i < sum->n; i++) {
    const char *text = msl_paren(e, sum->terms[i], MSL_ADD);
    if (sum->terms[i].lanes > lanes) lanes = sum->terms[i].lanes;
    bool minus = i > 0 && text[0] == '-' && text[1] >= '0' && text[1] <= '9';
    if (i > 0) tm_buf_puts(&buf, minus ? " - " : " + ");
    tm_buf_puts(&buf, minus ? text + 1 : text);
  }
  return (msl_expr){tm_buf_text(&buf), MSL_ADD, lanes};
}

/* ---- linear functions ------------------------------------------------- */

/* Bits first .. first + n of var, times unit. */
static msl_expr field(emitter *e, const char *var, uint32_t first, uint32_t n,
                      uint32_t of, uint32_t unit) {
  msl_expr x = msl_primary(var, 1);
  if (first > 0) {
    x.text = msl_text(e, "%s >> %u", x.text, (unsigned)first);
    x.prec = MSL_SHIFT;
  }
  if (first + n < of) {
    unsigned mask = (1u << n) - 1;
    x.text = msl_text(e, first ? "(%s) & %u" : "%s & %u", x.text, mask);
    x.prec = MSL_AND;
  }
  if (unit == 1) return x;
  x.text = msl_text(e, "%s * %u", msl_paren(e, x, MSL_MUL), (unsigned)unit);
  x.prec = MSL_MUL;
  return x;
}

msl_expr msl_linear(emitter *e, const char *var, uint32_t n,
                    const uint32_t *image) {
  msl_sum sum = {.n = 0};
  for (uint32_t i = 0; i < n;) {
    if (image[i] == 0) {
      i++;
      continue;
    }
    uint32_t run = 1;
    while (i + run < n && image[i + run] == image[i] << run) run++;
    if (sum.n == TM_COUNT(sum.terms)) { /* many scattered bits: fold them */
      msl_expr folded = msl_sum_text(e, &sum);
      sum.terms[0] = folded;
      sum.n = 1;
    }
    msl_sum_add(&sum, field(e, var, i, run, n, image[i]));
    i += run;
  }
  return msl_sum_text(e, &sum);
}

/* ---- the thread's part ------------------------------------------------ */

typedef struct msl_thread_form {
  uint32_t image[TM_LANE_BITS + TM_MAX_WARP_BITS];
  const char *name;
  struct msl_thread_form *next;
} thread_form; /* a constant of the thread that was declared */

/* "tid_x4" for tid * 4, "tid_div8", "tid_mod8_x4"; others "tid_part". */
static const char *form_hint(emitter *e, const char *var, uint32_t n,
                             const uint32_t *image) {
  const char *stem = var[0] == 's' ? "sg" : var;
  uint32_t first = 0, run;
  while (first < n && image[first] == 0) first++;
  for (run = 1; first + run < n; run++)
    if (image[first + run] != image[first] << run) break;
  for (uint32_t i = first + run; i < n; i++)
    if (image[i]) return msl_text(e, "%s_part", stem);
  tm_buf buf = tm_buf_in(e->arena);
  if (first) tm_buf_printf(&buf, "_div%u", 1u << first);
  if (first + run < n) tm_buf_printf(&buf, "_mod%u", 1u << run);
  if (image[first] > 1) tm_buf_printf(&buf, "_x%u", (unsigned)image[first]);
  return msl_text(e, "%s%s", stem, buf.len ? tm_buf_text(&buf) : "_int");
}

/* The shortest variable for a function of the thread: the simdgroup number
 * is also known to be uniform, which loads of matrices profit from. */
static const char *thread_variable(emitter *e, const uint32_t *image,
                                   uint32_t n, uint32_t *first,
                                   uint32_t *bits) {
  uint32_t lanes = 0, warps = 0;
  for (uint32_t i = 0; i < n; i++)
    *(i < TM_LANE_BITS ? &lanes : &warps) |= image[i];
  *first = lanes ? 0 : TM_LANE_BITS;
  *bits = warps ? n - *first : TM_LANE_BITS;
  if (lanes && warps) e->uses_tid = true;
  else if (lanes) e->uses_lane = true;
  else e->uses_simdgroup = true;
  return lanes && warps ? "tid" : lanes ? "lane" : "simdgroup";
}

msl_expr msl_thread_part(emitter *e, const uint32_t *image) {
  uint32_t n = TM_LANE_BITS, warps = e->layouts->num_warps;
  while (warps > 1u << (n - TM_LANE_BITS)) n++;
  uint32_t any = 0;
  for (uint32_t i = 0; i < n; i++) any |= image[i];
  if (!any) return msl_primary("0", 1);
  struct msl_thread_form *form = e->forms;
  for (; form; form = form->next)
    if (memcmp(form->image, image, n * sizeof *image) == 0)
      return msl_primary(form->name, 1);
  form = TM_NEW(e->arena, thread_form);
  memcpy(form->image, image, n * sizeof *image);
  uint32_t first, bits;
  const char *var = thread_variable(e, image, n, &first, &bits);
  form->name = msl_global_name(e, form_hint(e, var, bits, image + first));
  form->next = e->forms;
  e->forms = form;
  tm_buf *to = e->to;
  uint32_t indent = e->indent;
  e->to = &e->thread_parts;
  e->indent = 1;
  msl_line(e, "const int %s = int(%s);", form->name,
           msl_linear(e, var, bits, image + first).text);
  e->to = to;
  e->indent = indent;
  return msl_primary(form->name, 1);
}

/* ---- coordinates ------------------------------------------------------ */

static uint32_t bits_of(uint32_t element, uint32_t shift, uint32_t bits) {
  return element >> shift & (uint32_t)((1ull << bits) - 1);
}

static uint32_t element_of(const tm_layout *layout, uint32_t reg) {
  uint32_t element = 0;
  for (uint32_t i = 0; i < layout->n_reg; i++)
    if (reg >> i & 1) element ^= layout->reg[i];
  return element;
}

/* The part of one loop variable. */
static msl_expr var_part(emitter *e, const tm_layout *layout,
                         const msl_var *var, uint32_t shift, uint32_t bits,
                         uint32_t scale) {
  uint32_t image[TM_MAX_REG_BITS];
  for (uint32_t i = 0; i < var->n; i++)
    image[i] =
        bits_of(element_of(layout, var->col[i]), shift, bits) * scale;
  return msl_linear(e, var->name, var->n, image);
}

static void thread_images(const tm_layout *layout, uint32_t shift,
                          uint32_t bits, uint32_t scale, uint32_t *image) {
  for (uint32_t i = 0; i < TM_LANE_BITS; i++)
    image[i] += bits_of(layout->lane[i], shift, bits) * scale;
  for (uint32_t i = 0; i < layout->n_warp; i++)
    image[TM_LANE_BITS + i] += bits_of(layout->warp[i], shift, bits) * scale;
}

msl_expr msl_coordinate(emitter *e, const tm_layout *layout,
                        const msl_point *point, uint32_t shift, uint32_t bits,
                        int64_t plus) {
  uint32_t image[TM_LANE_BITS + TM_MAX_WARP_BITS] = {0};
  thread_images(layout, shift, bits, 1, image);
  msl_sum sum = {.n = 0};
  msl_sum_add(&sum, msl_thread_part(e, image));
  for (int v = 0; v < MSL_POINT_VARS; v++)
    msl_sum_add(&sum, var_part(e, layout, &point->var[v], shift, bits, 1));
  int64_t base = plus + bits_of(element_of(layout, point->base), shift, bits);
  uint32_t part[1u << MSL_MAX_VECTOR_BITS], any = 0;
  for (uint32_t j = 0; j < 1u << point->n_comp; j++) {
    uint32_t reg = 0;
    for (uint32_t i = 0; i < point->n_comp; i++)
      if (j >> i & 1) reg ^= point->comp[i];
    any |= part[j] = bits_of(element_of(layout, reg), shift, bits);
  }
  if (!any) {
    msl_sum_add(&sum, msl_primary(msl_text(e, "%lld", (long long)base), 1));
    return msl_sum_text(e, &sum);
  }
  tm_buf buf = tm_buf_in(e->arena);
  tm_buf_printf(&buf, "int%u(", 1u << point->n_comp);
  for (uint32_t j = 0; j < 1u << point->n_comp; j++)
    tm_buf_printf(&buf, "%s%lld", j ? ", " : "", (long long)(base + part[j]));
  tm_buf_puts(&buf, ")");
  msl_sum_add(&sum, msl_primary(tm_buf_text(&buf), 1u << point->n_comp));
  return msl_sum_text(e, &sum);
}

msl_expr msl_tile_index(emitter *e, const tm_layout *layout,
                        const msl_point *point, uint32_t row,
                        uint32_t pitch) {
  uint32_t low = 0, total = 0;
  while (1u << low < row) low++;
  for (uint32_t d = 0; d < layout->rank; d++) total += layout->dim_bits[d];
  uint32_t high = total > low ? total - low : 0;
  uint32_t image[TM_LANE_BITS + TM_MAX_WARP_BITS] = {0};
  thread_images(layout, low, high, pitch, image);
  thread_images(layout, 0, low, 1, image);
  msl_sum sum = {.n = 0};
  msl_sum_add(&sum, msl_thread_part(e, image));
  for (int v = 0; v < MSL_POINT_VARS; v++) {
    msl_sum_add(&sum, var_part(e, layout, &point->var[v], low, high, pitch));
    msl_sum_add(&sum, var_part(e, layout, &point->var[v], 0, low, 1));
  }
  uint32_t at = element_of(layout, point->base);
  uint32_t base = bits_of(at, low, high) * pitch + bits_of(at, 0, low);
  msl_sum_add(&sum, msl_primary(msl_text(e, "%u", (unsigned)base), 1));
  return msl_sum_text(e, &sum);
}
