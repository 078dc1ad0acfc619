/* SPDX-License-Identifier: MIT */
/*
 * apple_chip.c - the chips that softmetal can pretend to be.
 *
 * Names are MTLDevice.name's; families and architecture strings are those of
 * METAL-FACTS 2.1 and 2.2 ("g": base and, after Mesa and MLX, Pro reports
 * "s"; no M4 Ultra is known to exist, so there is none here). Cores are the
 * largest count sold.
 */
#include "metal_objects.h"

#include <stdlib.h>
#include <strings.h>

static const sm_chip chips[] = {
    {"m1", "Apple M1", "applegpu_g13g", 7, 8},
    {"m1-pro", "Apple M1 Pro", "applegpu_g13s", 7, 16},
    {"m1-max", "Apple M1 Max", "applegpu_g13s", 7, 32},
    {"m1-ultra", "Apple M1 Ultra", "applegpu_g13d", 7, 64},
    {"m2", "Apple M2", "applegpu_g14g", 8, 10},
    {"m2-pro", "Apple M2 Pro", "applegpu_g14s", 8, 19},
    {"m2-max", "Apple M2 Max", "applegpu_g14s", 8, 38},
    {"m2-ultra", "Apple M2 Ultra", "applegpu_g14d", 8, 76},
    {"m3", "Apple M3", "applegpu_g15g", 9, 10},
    {"m3-pro", "Apple M3 Pro", "applegpu_g15s", 9, 18},
    {"m3-max", "Apple M3 Max", "applegpu_g15s", 9, 40},
    {"m3-ultra", "Apple M3 Ultra", "applegpu_g15d", 9, 80},
    {"m4", "Apple M4", "applegpu_g16g", 9, 10},
    {"m4-pro", "Apple M4 Pro", "applegpu_g16s", 9, 20},
    {"m4-max", "Apple M4 Max", "applegpu_g16s", 9, 40},
    {"m5", "Apple M5", "applegpu_g17g", 10, 10},
    {"m5-pro", "Apple M5 Pro", "applegpu_g17s", 10, 20},
    {"m5-max", "Apple M5 Max", "applegpu_g17s", 10, 40},
};

const sm_chip *sm_chip_chosen(void) {
  const char *key = getenv("SOFTMETAL_CHIP");
  if (!key || !*key) return &chips[0];
  for (size_t i = 0; i < TM_COUNT(chips); i++)
    if (strcasecmp(key, chips[i].key) == 0) return &chips[i];
  return NULL;
}
