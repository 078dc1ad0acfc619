/* SPDX-License-Identifier: MIT */
/*
 * compile.h - the compiler's door: a kernel of a module, with its
 * specialization, to checked MSL.
 *
 *     tree --lower--> TTIR --optimize--> TTIR --assign--> TTIR + layouts
 *          --emit--> MSL --lint--> MSL that may be handed out
 *
 * No I/O, no threads, no Metal: the result is a function of the arguments.
 */
#ifndef TM_COMPILE_H
#define TM_COMPILE_H

#include "cost.h"
#include "lang/ast.h"
#include "lower/lower.h"
#include "msl/msl.h"
#include "opt/opt.h"

enum { /* stage texts to keep, bits of tm_request.keep */
  TM_KEEP_AST = 1, TM_KEEP_TTIR = 2, TM_KEEP_LAYOUT = 4
};

typedef struct tm_request {
  const tm_module *module;
  const char *kernel;
  tm_spec spec;        /* spec.num_warps 0: tm_choose_warps; spec.num_stages
                          0: 3, as Triton */
  const tm_chip *chip; /* not NULL */
  uint32_t keep;
  const tm_cost_launch *launch; /* count what this would do; or NULL */
  const char *skip_passes; /* comma separated, or NULL; for debugging */
  uint64_t layout_seed; /* not 0: layouts at random, for tests */
  bool tensor_ops;     /* dots by matmul2d where it takes them; the chip has
                          matrix units */
  tm_pass_print *print; /* called after each pass when not NULL */
  void *payload;
  void (*stage)(void *payload, const char *name); /* called after each stage
                         that is no pass when not NULL; the name is static */
} tm_request;

typedef struct tm_result {
  tm_msl msl;
  const char *ast, *ttir, *layout; /* as kept, else NULL */
  uint32_t num_warps, num_stages;
  tm_cost cost; /* when there was a launch */
} tm_result;

/* Compiles. False with errors in diags, and nothing in out. Everything is in
 * arena, which the caller has armed. Threads: calls on different arenas are
 * independent; the module is only read. */
bool tm_compile_kernel(tm_arena *arena, tm_diags *diags,
                       const tm_request *request, tm_result *out);

/* The second half, from TTIR that tm_optimize has seen (lib/fuse makes such).
 * The request's module and kernel are not looked at; num_warps and num_stages
 * are given. */
bool tm_compile_ir(tm_arena *arena, tm_diags *diags,
                   const tm_request *request, tm_ir *ir, tm_result *out);

/* ---- warps.c ---------------------------------------------------------- */

/* Simdgroups for the program of TTIR that tm_optimize has seen, when nobody
 * gives num_warps: a power of two up to 32. stages: tiles of products go
 * through threadgroup memory. */
uint32_t tm_choose_warps(const tm_ir *ir, bool stages);

/* ---- signature.c ------------------------------------------------------ */

/* A value set by name, as -D NAME=VALUE does; "args.2" and "args.size" name
 * items of tuples that the signature leaves open with `constexpr`. */
typedef struct tm_named_const {
  const char *name;
  tm_const value;
} tm_named_const;

/* Reads Triton's ahead-of-time signature, one entry an argument:
 *     *fp32:16     pointer, divisible by 16 (bytes)
 *     i32:16 i32:1 run-time number, divisible by 16, equal to 1
 *     1024 0.5 true none 'leaky'   a constexpr literal
 *     @gelu                        a jit function, as the kernel's module
 *                                  names it
 *     constexpr                    a value that consts has by name
 *     tensordesc<fp16[64,64]>      a tensor descriptor with that block; :nan
 *                                  pads with NaN, :tf32 rounds what is read
 *     (*fp32, i32, 16)  (x=*fp32, n=i32)   a tuple, a named tuple, of any of
 *                                  these
 * Parameters named in consts take no entry, or `constexpr`. Returns one tm_spec_arg for each
 * parameter of function, or NULL with errors in diags (file names the
 * signature text as a source, so that errors show a caret in it). */
tm_spec_arg *tm_signature_parse(tm_arena *arena, tm_diags *diags,
                                const char *signature,
                                const tm_function_def *function,
                                const tm_named_const *consts,
                                uint32_t n_consts);

/* NULL when Triton takes descriptors of such a block; else what is wrong with
 * it, a sentence that lives for ever. */
const char *tm_spec_desc_fault(const tm_spec_desc *desc);

/* One literal: an integer, a float (has a point or exponent), true, false,
 * none (any case), a dtype name, @ and a function's name, or other text, quoted
 * or not. */
bool tm_const_parse(tm_arena *arena, tm_str text, tm_const *out);

#endif
