/* SPDX-License-Identifier: MIT */
/*
 * rows_elementwise.c - arithmetic, comparisons, functions and casts.
 *
 * Bounds of functions: Metal promises 4 units for exp2, log2, sin and cos; the
 * scale of exp and log costs a rounding of x log2(e), at most 8 / 2 units
 * here; the evaluator rounds each operation itself.
 */
#include "sweep.h"

static const sweep_row elementwise[] = {
    {"+", "r = x + y", NUMBERS, NULL, 0, 0},
    {"-", "r = x - y", NUMBERS, NULL, 0, 0},
    {"*", "r = x * y", NUMBERS, NULL, 0, 0},
    {"unary -", "r = -x", NUMBERS, NULL, 0, 0},
    {"abs", "r = tl.abs(x)", NUMBERS, NULL, 0, 0},
    {"minimum", "r = tl.minimum(x, y)", NUMBERS, NULL, 0, 0},
    {"maximum", "r = tl.maximum(x, y)", NUMBERS, NULL, 0, 0},
    {"where", "r = tl.where(c, x, y)", ALL, NULL, 0, 0},

    {"//", "r = x // (y | 1)", INTS, NULL, 0, 0},
    {"// of whole numbers", "r = x // p", INTS, NULL, 0, 0},
    {"%", "r = x % (y | 1)", INTS, NULL, 0, 0},
    {"% of whole numbers", "r = x % p", INTS, NULL, 0, 0},
    {"cdiv", "r = tl.cdiv(s, p)", INTS, NULL, 0, 0},
    {"<<", "r = x << (y & $B)", INTS, NULL, 0, 0},
    {">>", "r = x >> (y & $B)", INTS, NULL, 0, 0},
    {"umulhi", "r = tl.umulhi(x, y)", INTS | NOT_8_AND_16, NULL, 0, 0},

    {"&", "r = x & y", INTS | BOOLS, NULL, 0, 0},
    {"|", "r = x | y", INTS | BOOLS, NULL, 0, 0},
    {"^", "r = x ^ y", INTS | BOOLS, NULL, 0, 0},
    {"~", "r = ~x", INTS | BOOLS, NULL, 0, 0},
    {"tl.add", "r = tl.add(x, y)", NUMBERS, NULL, 0, 0},
    {"tl.sub", "r = tl.sub(x, y, sanitize_overflow=False)", NUMBERS, NULL, 0,
     0},
    {"tl.mul", "r = tl.mul(x, y)", NUMBERS, NULL, 0, 0},

    {"<", "r = x < y", NUMBERS, "i1", 0, 0},
    {"<=", "r = x <= y", NUMBERS, "i1", 0, 0},
    {">", "r = x > y", NUMBERS, "i1", 0, 0},
    {">=", "r = x >= y", NUMBERS, "i1", 0, 0},
    {"==", "r = x == y", NUMBERS | BOOLS, "i1", 0, 0},
    {"!=", "r = x != y", NUMBERS | BOOLS, "i1", 0, 0},
    {"not", "r = not x", NUMBERS | BOOLS, "i1", 0, 0},
    {"isnan by !=", "r = x != x", FLOATS, "i1", 0, 0},

    {"/", "r = x / y", FLOATS, NULL, 2, 0},
    {"/ of integers", "r = x / p", INTS, "fp32", 2, 0},
    {"fdiv", "r = tl.fdiv(x, y)", FLOATS, NULL, 2, 0},
    {"div_rn", "r = tl.div_rn(x, y)", FLOATS | ONLY_32, NULL, 0, 0},
    {"% of floats", "r = x % p", FLOATS, NULL, 0, 0},
    {"fma", "r = tl.fma(x, y, s)", FLOATS, NULL, 0, 0},
    {"floor", "r = tl.floor(x)", FLOATS | ONLY_32, NULL, 0, 0},
    {"ceil", "r = tl.ceil(x)", FLOATS | ONLY_32, NULL, 0, 0},

    {"minimum with NaN",
     "r = tl.minimum(x, y, propagate_nan=tl.PropagateNan.ALL)", FLOATS, NULL,
     0, 0},
    {"maximum with NaN",
     "r = tl.maximum(x, y, propagate_nan=tl.PropagateNan.ALL)", FLOATS, NULL,
     0, 0},
    {"clamp", "r = tl.clamp(x, -p, p)", FLOATS, NULL, 0, 0},
    {"clamp with NaN",
     "r = tl.clamp(x, -p, p, propagate_nan=tl.PropagateNan.ALL)", FLOATS,
     NULL, 0, 0},
    {"sqrt", "r = tl.sqrt(tl.abs(x))", FLOATS | ONLY_32, NULL, 4, 0},
    {"sqrt_rn", "r = tl.sqrt_rn(tl.abs(x))", FLOATS | ONLY_32, NULL, 0, 0},
    {"rsqrt", "r = tl.rsqrt(p)", FLOATS | ONLY_32, NULL, 4, 0},
    {"+= 1", "r = x\nr += 1", NUMBERS, NULL, 0, 0},

    {"exp", "r = tl.exp(p - 2)", FLOATS | ONLY_32, NULL, 9, 0},
    {"exp2", "r = tl.exp2(p - 2)", FLOATS | ONLY_32, NULL, 5, 0},
    {"log", "r = tl.log(p + 2)", FLOATS | ONLY_32, NULL, 6, 0},
    {"log2", "r = tl.log2(p + 2)", FLOATS | ONLY_32, NULL, 5, 0},
    {"sin", "r = tl.sin(p * 0.25)", FLOATS | ONLY_32, NULL, 5, 0},
    {"cos", "r = tl.cos(p * 0.125)", FLOATS | ONLY_32, NULL, 5, 0},
    {"erf", "r = tl.erf(p - 2)", FLOATS | ONLY_32, NULL, 5, 0},
    {"sigmoid", "r = tl.sigmoid(s)", FLOATS | ONLY_32, NULL, 22, 0},

    {"map_elementwise", "r = tl.map_elementwise(choose, x, y)", NUMBERS, NULL,
     0, 0},
    {"map_elementwise with pack",
     "r, b = tl.map_elementwise(ordered, s, t, pack=1)", NUMBERS, NULL, 0, 0},
    {"zeros_like", "r = tl.zeros_like(x)", NUMBERS | BOOLS, NULL, 0, 0},
    {"full", "r = tl.full(($S), 1, $T)", ALL, NULL, 0, 0},
    {"zeros", "r = tl.zeros(($S), $T)", ALL, NULL, 0, 0},
    {"scalar operand", "r = x + tl.load(S)", NUMBERS, NULL, 0, 0},
    {"swizzle2d", "a, b = tl.swizzle2d(i % 8, i % 8, 8, 8, 4)\nr = a * 8 + b",
     INTS | ONLY_32, "i32", 0, 0},
    {"cast to the own type", "r = tl.cast(x, $T)", ALL, NULL, 0, 0},
    {"to_tensor", "r = x + tl.to_tensor(1)", NUMBERS, NULL, 0, 0},
};

const sweep_area sweep_elementwise = {
    "elementwise", elementwise, sizeof elementwise / sizeof *elementwise,
    false, 8};

/* Floats become integers where those have the number. */
#define CASTS(name)                                                         \
  {"bools and integers to " name, "r = x.to(tl." name ")", INTS | BOOLS,    \
   SIGNATURE, 0, 0},                                                        \
  {"floats to " name, "r = (p * 0.75).to(tl." name ")", FLOATS, SIGNATURE, \
   0, 0}
#define FLOAT_CASTS(name)                                                    \
  {"integers to " name, "r = x.to(tl." name ")", INTS | BOOLS, SIGNATURE, 0, \
   0},                                                                       \
  {"floats to " name, "r = x.to(tl." name ")", FLOATS | SMALL_FLOATS,        \
   SIGNATURE, 0, 0}
#define SMALL_CASTS(name)                                                 \
  {"floats to " name, "r = x.to(tl." name ")", FLOATS, SIGNATURE, 0, 0}
#define BITCAST(name, bits, class)                                        \
  {"bitcast to " name, "r = x.to(tl." name ", bitcast=True)", class,      \
   SIGNATURE, 0, 0}

static const sweep_row casts[] = {
#define SIGNATURE "i1"
    {"bools and integers to int1", "r = x.to(tl.int1)", INTS | BOOLS, "i1", 0,
     0},
    {"floats to int1", "r = x.to(tl.int1)", FLOATS, "i1", 0, 0},
#undef SIGNATURE
#define SIGNATURE "i8"
    CASTS("int8"),
#undef SIGNATURE
#define SIGNATURE "i16"
    CASTS("int16"),
#undef SIGNATURE
#define SIGNATURE "i32"
    CASTS("int32"),
    BITCAST("int32", 32, NUMBERS | ONLY_32),
#undef SIGNATURE
#define SIGNATURE "i64"
    CASTS("int64"),
    BITCAST("int64", 64, INTS | ONLY_64),
#undef SIGNATURE
#define SIGNATURE "u8"
    CASTS("uint8"),
#undef SIGNATURE
#define SIGNATURE "u16"
    CASTS("uint16"),
#undef SIGNATURE
#define SIGNATURE "u32"
    CASTS("uint32"),
    BITCAST("uint32", 32, NUMBERS | ONLY_32),
#undef SIGNATURE
#define SIGNATURE "u64"
    CASTS("uint64"),
    BITCAST("uint64", 64, INTS | ONLY_64),
#undef SIGNATURE
#define SIGNATURE "fp16"
    FLOAT_CASTS("float16"),
#undef SIGNATURE
#define SIGNATURE "bf16"
    FLOAT_CASTS("bfloat16"),
#undef SIGNATURE
#define SIGNATURE "fp32"
    FLOAT_CASTS("float32"),
    BITCAST("float32", 32, NUMBERS | ONLY_32),
#undef SIGNATURE
#define SIGNATURE "fp8e4nv"
    SMALL_CASTS("float8e4nv"),
#undef SIGNATURE
#define SIGNATURE "fp8e5"
    SMALL_CASTS("float8e5"),
#undef SIGNATURE
#define SIGNATURE "fp8e4b8"
    SMALL_CASTS("float8e4b8"),
#undef SIGNATURE
#define SIGNATURE "fp8e5b16"
    SMALL_CASTS("float8e5b16"),
#undef SIGNATURE
    {"towards zero to float16",
     "r = x.to(tl.float16, fp_downcast_rounding=\"rtz\")", FLOATS | ONLY_32,
     "fp16", 0, 0},
    {"towards zero to bfloat16",
     "r = x.to(tl.bfloat16, fp_downcast_rounding=\"rtz\")", FLOATS | ONLY_32,
     "bf16", 0, 0},
    {"towards zero to float8e5",
     "r = x.to(tl.float8e5, fp_downcast_rounding=\"rtz\")", FLOATS, "fp8e5",
     0, 0},
};

const sweep_area sweep_casts = {"casts", casts, sizeof casts / sizeof *casts,
                                false, 8};
