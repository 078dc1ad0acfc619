/* SPDX-License-Identifier: MIT */
/* kernel_row.h - what a launch must know of a kernel, and its form as bytes
 * in the cache. */
#ifndef TM_KERNEL_ROW_H
#define TM_KERNEL_ROW_H

#include "../lib/base/base.h"
#include "../lib/msl/msl.h"

/* A compiled kernel without what its specialization says already. */
typedef struct tm_program {
  const char *msl;       /* zero-terminated */
  size_t msl_size;       /* without the zero */
  const char *entry;
  const tm_msl_arg *args;
  uint32_t n_args;
  uint32_t scalars_slot, scalars_size;
  bool uses_addresses;   /* buffers that are no arguments must be usable */
  bool uses_log;         /* prints or asserts: a buffer at log_slot */
  uint32_t log_slot;
  const tm_msl_site *sites;
  uint32_t n_sites;
  uint32_t threads, threadgroup_bytes;
  uint32_t language_version, family;
  uint32_t num_warps, num_stages;
} tm_program;

/* Bytes of a number of that type in the constant struct, and its alignment;
 * 0 for what cannot be an argument. */
uint32_t tm_program_scalar_size(tm_scalar scalar);
/* Is it something that may be launched: sizes, slots and offsets in bounds
 * and apart from each other? */
bool tm_program_is_sound(const tm_program *program);

/* Appends the program's bytes. */
void tm_program_write(const tm_program *program, tm_buf *out);
/* Reads bytes that may be anything. False unless they are what
 * tm_program_write makes of a sound program. Text is copied to arena. */
bool tm_program_read(tm_arena *arena, const void *bytes, size_t size,
                     tm_program *out);

#endif
