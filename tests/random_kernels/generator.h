/* SPDX-License-Identifier: MIT */
/*
 * generator.h - what the files that write random kernels share.
 *
 * The generator keeps a pool of values that the text has computed so far:
 * name, shape, type and, for floats, bounds: magnitudes are at most 2^high
 * and every value is a multiple of 2^-low. high + low may not exceed the
 * type's significand (fits). A wild float may be anything, NaN and infinity
 * too: it is moved, compared, chosen and rounded to other types, which means
 * one thing, and not added. A statement picks operands from the pool and adds
 * its result. Blocks (loops, branches) work on a copy of the pool and hand
 * their results over through variables that they assign.
 */
#ifndef TM_TEST_GENERATOR_H
#define TM_TEST_GENERATOR_H

#include "generate.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* SMALL: floats of 8 bits, which are moved and converted only. */
typedef enum kind { BOOL, SIGNED, UNSIGNED, FLOAT, SMALL } kind;

typedef struct type_row {
  const char *name;   /* in signatures */
  const char *triton; /* in the text */
  kind kind;
  int bits;           /* integers: width; floats: of the significand */
  int top;            /* floats: 2^top is a number */
  int least;          /* floats: so is 2^-least */
  size_t bytes;
} type_row;

enum { I1, I8, I16, I32, I64, U8, U16, U32, U64, F32, F16, BF16, E4, E5,
       N_TYPES };
extern const type_row random_types[N_TYPES];

enum { MAX_RANK = 4, MAX_POOL = 64, MAX_NUMEL = 4096, MAX_DEPTH = 3 };

typedef struct value {
  char name[16];
  int rank, shape[MAX_RANK]; /* rank 0: a scalar */
  int type;
  int high, low; /* floats */
  bool wild;     /* floats */
  int steps;     /* operations that lead to it, or more */
} value;

typedef struct generator {
  uint64_t state;
  char *text;
  size_t len, room;
  int indent, depth, names;
  value pool[MAX_POOL];
  int n_pool;
  int budget;            /* statements left */
  int buffer_type[RANDOM_MAX_BUFFERS];
  bool is_output[RANDOM_MAX_BUFFERS], is_wild[RANDOM_MAX_BUFFERS];
  uint32_t ulps[RANDOM_MAX_BUFFERS];
  int n_buffers;
  int base[MAX_RANK], base_rank; /* a shape that comes again and again */
  int programs;
  int products;          /* written so far: they cost most */
} generator;

/* ---- generate.c ------------------------------------------------------- */

uint64_t gen_next(generator *g);
int below(generator *g, int n);
bool chance(generator *g, int percent);
/* One of n strings. */
const char *one_of(generator *g, const char *const *list, int n);
#define ONE_OF(g, ...)                                          \
  one_of((g), (const char *const[]){__VA_ARGS__},               \
         (int)(sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *)))

/* A line of the text, and name = <expression> into the pool. */
void put(generator *g, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
void define(generator *g, const value *like, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

int numel(const value *v);
int log2_of(int n);
bool same_shape(const value *a, const value *b);
kind kind_of(const value *v);
const char *triton_type(const value *v);
bool is_int(const value *v);
bool is_float(const value *v); /* that can be computed with */
bool is_tile(const value *v);
bool is_bool(const value *v);
/* Can floats of these bounds be of the type exactly? True for others. */
bool fits(int type, int high, int low);
/* Bounds for what is one or the other. */
void widen_bounds(value *v, const value *other);
void drop(value *v, int axis); /* a dimension */

/* Copies: the pool moves when it is full. */
value pick(generator *g);
/* Another value of the same shape and type, or v itself. */
value partner(generator *g, const value *v);
/* A value of v's shape with another type. */
bool companion(generator *g, const value *v, int of_type, value *out);
bool find(generator *g, bool (*want)(const value *), value *out);
/* The text of a value that broadcasts to v's shape: of v's type, with bounds
 * in *out. size: of text. */
void operand(generator *g, const value *v, value *out, char *text,
             size_t size);
value named(generator *g, const value *like);
void keep(generator *g, const value *v);
/* As tuples of numbers: "16, 4". */
const char *shape_text(const value *v, char *out);
/* "[:, None, None]": dimension d of rank. */
const char *along(int rank, int d, char *out);
int add_buffer(generator *g, int type, bool output);
void statements(generator *g, int n);

/* ---- the other files -------------------------------------------------- */

void gen_load(generator *g);
void gen_store(generator *g, const value *v);
void gen_scratch(generator *g);
void gen_atomic(generator *g);
void gen_block_pointer(generator *g);
void gen_walk(generator *g);
void offsets(generator *g, const value *v, const char *name, bool dense);

void gen_elementwise(generator *g);
void gen_cast(generator *g);
void gen_reduce(generator *g);
void gen_scan(generator *g);
void gen_inexact(generator *g);
/* Small whole numbers of v's type, from v. */
void quantize(generator *g, const value *v);

void gen_shape(generator *g);
void gen_product(generator *g);
void gen_attention(generator *g);
void gen_gemm(generator *g);

void gen_branch(generator *g);
void gen_loop(generator *g);
void gen_call(generator *g);
extern const char gen_helpers[];

#endif
