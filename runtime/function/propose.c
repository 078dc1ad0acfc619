/* SPDX-License-Identifier: MIT */
/*
 * propose.c - configurations for a kernel whose author gives none.
 *
 * The caller names the compile-time parameters that only say how work is
 * divided; that no result depends on them is for the caller to know, since a
 * kernel whose block has to cover a row looks like any other. Proposed are all
 * combinations of the powers of two that make sense for so many tiles, and
 * num_warps is left to the compiler, which sees the tiles and the chip
 * (lib/warps.c). Whatever does not fit is passed over when it is tried; the
 * roofline picks the few that are measured.
 *
 *     tiles   like                     values          first
 *     1       blocks of elements       64 to 8192      1024
 *     2       rows and columns         16 to 256       64, 64
 *     3       a product's M, N, K      16 to 128       64, 64, 32
 *     4       the same in batches      16 to 128       64, 64, 32, 32
 *
 * The list begins with what peers use (METAL-FACTS 4.3, 4.9) and goes away
 * from it step by step, because the model takes the first among equals.
 */
#define _GNU_SOURCE
#include "function.h"

#include <stdlib.h>

enum { MOST_TILES = 4, MEASURED = 8 };

static const struct {
  uint8_t least, most;         /* log2 of the values */
  uint8_t first[MOST_TILES];
} shapes[MOST_TILES + 1] = {
  {0, 0, {0}},
  {6, 13, {10}},
  {4, 8, {6, 6}},
  {4, 7, {6, 6, 5}},
  {4, 7, {6, 6, 5, 5}},
};

static uint32_t count_of(size_t n_tiles) {
  uint32_t values = shapes[n_tiles].most - shapes[n_tiles].least + 1u, n = 1;
  for (size_t t = 0; t < n_tiles; t++) n *= values;
  return n;
}

/* log2 of tile t's value in combination k. */
static int value_of(size_t n_tiles, uint32_t k, size_t t) {
  uint32_t values = shapes[n_tiles].most - shapes[n_tiles].least + 1u;
  for (size_t i = 0; i < t; i++) k /= values;
  return shapes[n_tiles].least + (int)(k % values);
}

/* Steps of 2 from the first combination. */
static int distance(size_t n_tiles, uint32_t k) {
  int sum = 0;
  for (size_t t = 0; t < n_tiles; t++)
    sum += abs(value_of(n_tiles, k, t) - shapes[n_tiles].first[t]);
  return sum;
}

static tm_status check_tiles(const tm_function *f,
                             const tm_function_options *o, uint32_t *params,
                             tm_error **error) {
  if (o->configs)
    return tmi_fail(error, TM_E_ARGUMENT,
                    "kernel '%s': configurations and tiles are both given; "
                    "tiles are for when there are none", f->name);
  if (!o->n_tiles || o->n_tiles > MOST_TILES)
    return tmi_fail(error, TM_E_LIMIT,
                    "kernel '%s': %zu tiles; values are proposed for 1 to %d: "
                    "give the others by defines, or configurations", f->name,
                    o->n_tiles, MOST_TILES);
  for (size_t t = 0; t < o->n_tiles; t++) {
    const char *name = o->tiles[t];
    int i = name ? tmi_function_param(f, name) : -1;
    if (i < 0 || !f->params[i].is_constexpr)
      return tmi_fail(error, TM_E_ARGUMENT,
                      "kernel '%s' has no compile-time parameter named '%s'",
                      f->name, name ? name : "NULL");
    for (size_t k = 0; k < t; k++)
      if (params[k] == (uint32_t)i)
        return tmi_fail(error, TM_E_ARGUMENT,
                        "kernel '%s': the tile '%s' is named twice", f->name,
                        name);
    params[t] = (uint32_t)i;
  }
  return TM_OK;
}

/* Armed. */
tm_status tmi_propose_configs(tm_function *f, const tm_function_options *o,
                              tmi_config **configs, uint32_t *n,
                              tm_error **error) {
  uint32_t params[MOST_TILES] = {0};
  tm_status status = check_tiles(f, o, params, error);
  if (status) return status;
  uint32_t all = count_of(o->n_tiles), at = 0;
  *configs = TM_NEW_ARRAY(&f->decorators, tmi_config, all);
  for (int away = 0; at < all; away++)
    for (uint32_t k = 0; k < all; k++) {
      if (distance(o->n_tiles, k) != away) continue;
      tm_arg *values =
          TM_NEW_ARRAY(&f->decorators, tm_arg, f->n_params + 1);
      for (size_t t = 0; t < o->n_tiles; t++)
        values[params[t]] =
            tm_arg_int((int64_t)1 << value_of(o->n_tiles, k, t));
      (*configs)[at++] = (tmi_config){.values = values};
    }
  *n = all;
  f->tuning.keep = MEASURED;
  f->tuning.keep_share = 0;
  return TM_OK;
}
