/* SPDX-License-Identifier: MIT */
/* chip.h - facts about Apple's GPUs per generation and variant. The table,
 * with the source of each figure, is in chip.c. */
#ifndef TM_CHIP_H
#define TM_CHIP_H

#include <stdbool.h>
#include <stdint.h>

typedef enum tm_chip_variant {
  TM_CHIP_BASE, TM_CHIP_PRO, TM_CHIP_MAX, TM_CHIP_ULTRA
} tm_chip_variant;

typedef struct tm_chip {
  const char *name;          /* "m3-max": what --chip takes */
  const char *device_name;   /* "Apple M3 Max": MTLDevice.name */
  uint32_t generation;       /* 1 to 5 */
  tm_chip_variant variant;
  uint32_t family;           /* highest MTLGPUFamily Apple<family>: 7 to 10 */
  uint32_t gpu_cores;        /* the largest configuration */
  double fp32_tflops;        /* peak, all cores */
  double gb_per_s;           /* theoretical DRAM bandwidth */
  uint32_t max_threads;      /* per threadgroup */
  uint32_t threadgroup_bytes;/* per threadgroup */
  uint32_t max_buffers;      /* buffer slots of a kernel */
  uint32_t core_register_bytes;    /* what the threadgroups on a core share; */
  uint32_t core_threadgroup_bytes; /* 0 from Apple9 on, which divides one */
  uint32_t core_threads;           /* memory among all while it runs */
  bool native_bf16;          /* bfloat arithmetic in hardware (Apple9) */
  bool stage_dot_operands;   /* copy dot tiles through threadgroup memory
                                (before Apple9); else read device memory */
  bool atomic_ulong_minmax;
  bool matrix_unit;          /* matmul2d has hardware (Apple10) */
} tm_chip;

/* By name ("m1" ... "m5-ultra", any case); NULL if there is none. */
const tm_chip *tm_chip_by_name(const char *name);
/* From MTLDevice.name ("Apple M2 Max"); NULL when it is not in the table. */
const tm_chip *tm_chip_by_device(const char *device_name);
/* The chip that a GPU of this Apple family at least is, for unknown names. */
const tm_chip *tm_chip_by_family(uint32_t family);
/* All rows, in order of generation and variant. */
const tm_chip *tm_chip_table(uint32_t *count);

#endif
