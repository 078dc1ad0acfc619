/* SPDX-License-Identifier: MIT */
/*
 * chip.c - the table of Apple's GPUs that Triton kernels can run on.
 *
 * Families, limits and features are Apple's "Metal Feature Set Tables":
 * M1 Apple7, M2 Apple8, M3 and M4 Apple9, M5 Apple10; on all of them 1024
 * threads and 32768 bytes of threadgroup memory per threadgroup, 31 buffer
 * slots, simdgroups of 32. 64-bit atomic min and max from Apple8. bfloat
 * arithmetic in hardware from Apple9 (metal-flash-attention).
 *
 * Peak is cores x 256 FLOP a cycle (128 FMA lanes) x clock, from
 * metal-benchmarks for M1 and M2; bandwidth is the vendor's figure for the
 * largest memory configuration. Rows say where their numbers are from:
 *
 *   measured   metal-benchmarks (P. Turner)
 *   computed   from cores and a published clock, not measured by anybody
 *   estimated  from press or forum figures that disagree: a model for
 *              ranking tile sizes, not a fact; unverified
 *
 * Peak and bandwidth only rank choices (autotuner, roofline): no result
 * depends on them.
 *
 * What a core has for its threadgroups is metal-benchmarks' for M1 and M2;
 * from Apple9 on it is one memory, divided while it runs (Apple's "Explore GPU
 * advancements in M3 and A17 Pro").
 *
 * Staging of dot operands: before Apple9 loads are limited by issue rate, so
 * tiles are loaded once per threadgroup and shared; from Apple9 the caches
 * serve simdgroups that read the same tile (metal-flash-attention measured
 * both on both).
 *
 * A matrix unit beside each core ("Neural Accelerator") came with M5; Metal
 * reaches it by the tensor operations of MSL 4.0 alone. Those run on M1 to M4
 * as well and gain nothing there (ggml measured M2 Ultra and M4).
 */
#include "chip.h"

#include <stddef.h>

/* FAMILY(7) and above: what follows from the family alone. */
#define FAMILY(n)                                                       \
  .family = (n), .max_threads = 1024, .threadgroup_bytes = 32768,       \
  .max_buffers = 31, .native_bf16 = (n) >= 9,                           \
  .core_register_bytes = (n) < 9 ? 208 * 1024 : 0,                      \
  .core_threadgroup_bytes = (n) < 9 ? 60 * 1024 : 0,                    \
  .core_threads = (n) < 9 ? 3072 : 0,                                   \
  .stage_dot_operands = (n) < 9, .atomic_ulong_minmax = (n) >= 8,       \
  .matrix_unit = (n) >= 10

#define CHIP(id, device, gen, var, fam, cores, tflops, gbs)             \
  {.name = id, .device_name = "Apple " device, .generation = gen,       \
   .variant = TM_CHIP_##var, .gpu_cores = cores,                        \
   .fp32_tflops = tflops, .gb_per_s = gbs, FAMILY(fam)}

static const tm_chip chips[] = {
  /*   name        device      gen variant family cores TFLOPS GB/s      */
  CHIP("m1",       "M1",        1, BASE,    7,     8,   2.62,   68),
                                        /* measured */
  CHIP("m1-pro",   "M1 Pro",    1, PRO,     7,    16,   5.31,  205),
                                        /* measured */
  CHIP("m1-max",   "M1 Max",    1, MAX,     7,    32,  10.6,   410),
                                        /* measured */
  CHIP("m1-ultra", "M1 Ultra",  1, ULTRA,   7,    64,  21.2,   819),
                                        /* measured */
  CHIP("m2",       "M2",        2, BASE,    8,    10,   3.58,  102),
                                        /* measured */
  CHIP("m2-pro",   "M2 Pro",    2, PRO,     8,    19,   6.80,  205),
                                        /* measured */
  CHIP("m2-max",   "M2 Max",    2, MAX,     8,    38,  13.6,   410),
                                        /* measured */
  CHIP("m2-ultra", "M2 Ultra",  2, ULTRA,   8,    76,  27.2,   819),
                                        /* computed: twice the M2 Max */
  CHIP("m3",       "M3",        3, BASE,    9,    10,   3.5,   102),
                                        /* computed, 1.38 GHz */
  CHIP("m3-pro",   "M3 Pro",    3, PRO,     9,    18,   6.4,   154),
                                        /* computed, 1.38 GHz */
  CHIP("m3-max",   "M3 Max",    3, MAX,     9,    40,  14.1,   410),
                                        /* computed, 1.38 GHz */
  CHIP("m3-ultra", "M3 Ultra",  3, ULTRA,   9,    80,  28.0,   819),
                                        /* TFLOPS from a spec aggregator */
  CHIP("m4",       "M4",        4, BASE,    9,    10,   4.0,   120),
                                        /* estimated: 1.47 to 1.58 GHz */
  CHIP("m4-pro",   "M4 Pro",    4, PRO,     9,    20,   8.0,   273),
                                        /* estimated; GB/s sourced */
  CHIP("m4-max",   "M4 Max",    4, MAX,     9,    40,  14.1,   546),
                                        /* estimated: 14.1, or 17 at 1.578 */
  CHIP("m5",       "M5",        5, BASE,   10,    10,   4.0,   154),
                                        /* 3.76 measured of 4.0 */
  CHIP("m5-pro",   "M5 Pro",    5, PRO,    10,    20,   8.0,   307),
                                        /* estimated */
  CHIP("m5-max",   "M5 Max",    5, MAX,    10,    40,  16.0,   614),
                                        /* estimated: 16 to 18 */
  CHIP("m5-ultra", "M5 Ultra",  5, ULTRA,  10,    80,  32.0,  1228),
                                        /* estimated: twice the M5 Max; only
                                           its name is known, from ggml */
};

static char lower_of(char c) {
  return (char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
}

static bool same_text(const char *a, const char *b) {
  while (*a != 0 && lower_of(*a) == lower_of(*b)) a++, b++;
  return lower_of(*a) == lower_of(*b);
}

const tm_chip *tm_chip_table(uint32_t *count) {
  *count = sizeof chips / sizeof chips[0];
  return chips;
}

const tm_chip *tm_chip_by_name(const char *name) {
  for (size_t i = 0; name != NULL && i < sizeof chips / sizeof chips[0]; i++)
    if (same_text(name, chips[i].name)) return &chips[i];
  return NULL;
}

const tm_chip *tm_chip_by_device(const char *device_name) {
  for (size_t i = 0; device_name != NULL && i < sizeof chips / sizeof chips[0];
       i++)
    if (same_text(device_name, chips[i].device_name)) return &chips[i];
  return NULL;
}

/* The first row of the highest family that is not above: the smallest chip
 * that has all that the family promises. */
const tm_chip *tm_chip_by_family(uint32_t family) {
  const tm_chip *best = NULL;
  for (size_t i = 0; i < sizeof chips / sizeof chips[0]; i++)
    if (chips[i].family <= family &&
        (best == NULL || chips[i].family > best->family))
      best = &chips[i];
  return best;
}
