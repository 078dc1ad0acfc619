/* SPDX-License-Identifier: MIT */
/*
 * msl.h - laid-out TTIR to Metal Shading Language text, and its checker.
 *
 * emit turns one kernel into one MSL source with one entry point; lint reads
 * that text back and refuses it when it breaks a rule of METAL-FACTS that
 * Apple's compiler does not enforce or miscompiles. Text that fails lint is
 * never handed out.
 *
 * The text is a function of the IR, the layouts, the chip and the options
 * alone: no counters from outside, no addresses, no time.
 */
#ifndef TM_MSL_H
#define TM_MSL_H

#include "../layout/layout.h"

typedef enum tm_arg_kind {
  TM_ARG_BUFFER, /* a pointer: device buffer at `slot` */
  TM_ARG_SCALAR, /* a number at byte `offset` of the constant struct */
  TM_ARG_ADDRESS /* a pointer: its device address, 8 bytes at `offset` */
} tm_arg_kind;

/* One run-time argument of the kernel, in the order of its parameters;
 * constexpr parameters and those equal to 1 have none. */
typedef struct tm_msl_arg {
  const char *name;
  tm_arg_kind kind;
  tm_scalar scalar;   /* the number's type, or the pointee's */
  uint32_t slot;      /* BUFFER: [[buffer(slot)]] */
  uint32_t offset;    /* SCALAR, ADDRESS */
  bool reads, writes; /* BUFFER, ADDRESS */
} tm_msl_arg;

/* A tile that the text keeps in its threadgroup pool, or in an array of
 * atomics beside it, under this name. */
typedef struct tm_msl_tile {
  const char *name;
  uint32_t offset, bytes; /* in there; tiles may share bytes in turn */
  bool is_array;          /* the kernel's own: two of its accesses may meet in
                             one element */
} tm_msl_tile;

enum { TM_MSL_LOG_WORDS = 8, TM_MSL_LOG_HEADER = 4 };

/* What the records of the log with this number mean (emitter_log.c): an
 * operand of a device_print, or elements for which an assertion is false. */
typedef struct tm_msl_site {
  bool is_assert;
  const char *text;          /* prefix or message */
  uint32_t operand, n_operands; /* which of how many; n_operands 0: text */
  bool hex, is_signed;
  tm_scalar scalar;          /* what was printed */
  uint32_t rank;             /* of the tile; 0: a scalar */
  uint32_t shape[TM_MAX_RANK];
  const char *file;          /* of the source */
  uint32_t line;
} tm_msl_site;

/* The text from this line on, up to the next place, comes from loc. */
typedef struct tm_msl_place {
  uint32_t line;
  tm_loc loc;
} tm_msl_place;

/* Versions of MSL that texts are written in, (major << 16) + minor: nearly all;
 * those with nextafter, or with functions of the host's, which may use bfloat;
 * those with atomic operations that order other accesses, which need
 * coherent(device) and fences; and those with tensor operations, and no others:
 * a text of 4.0 or later has them. */
enum {
  TM_MSL_LEAST = 3 << 16 | 0,
  TM_MSL_LATER = 3 << 16 | 1,
  TM_MSL_ORDERED = 3 << 16 | 2,
  TM_MSL_TENSORS = 4 << 16 | 0
};

typedef struct tm_msl {
  const char *text;          /* zero-terminated MSL */
  const char *entry;         /* name of the kernel function in it */
  tm_msl_arg *args;
  uint32_t n_args;
  uint32_t scalars_slot;     /* buffer slot of the constant struct */
  uint32_t scalars_size;     /* its bytes, a multiple of 4; 0: none */
  bool uses_log;             /* it has a buffer for records at log_slot */
  uint32_t log_slot;
  tm_msl_site *sites;
  uint32_t n_sites;
  uint32_t threads;          /* per threadgroup: 32 * num_warps */
  uint32_t threadgroup_bytes;
  tm_msl_tile *tiles;        /* what the linter proves barriers for */
  uint32_t n_tiles;
  uint32_t *steps;           /* lines at which another instruction's accesses
                                to arrays begin, in order */
  uint32_t n_steps;
  const char **uniform;      /* variables of the text that hold scalars of the
                                kernel: equal in all threads */
  uint32_t n_uniform;
  tm_msl_place *places;      /* in order of line */
  uint32_t n_places;
  uint32_t language_version; /* (major << 16) + minor that the text needs */
  uint32_t family;           /* lowest AppleN it runs on */
  bool uses_addresses;       /* it makes pointers of numbers: buffers that are
                                no arguments must be resident */
} tm_msl;

/* Emits the kernel. False with errors in diags: an operation that has no
 * MSL, or a limit of the chip, at its source position. */
bool tm_msl_emit(const tm_ir *ir, const tm_layouts *layouts,
                 const tm_chip *chip, tm_arena *arena, tm_diags *diags,
                 tm_msl *out);

/* Checks text against the rules; each broken one is an INTERNAL error naming
 * the rule and the line, at the place in the source that the line comes from.
 * msl gives the declared resources to compare with. */
bool tm_msl_lint(const tm_msl *msl, const tm_chip *chip, tm_diags *diags);

#endif
