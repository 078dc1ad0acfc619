/* SPDX-License-Identifier: MIT */
/*
 * rows_atomic.c - atomic operations: with their old values used and not, with
 * masks, on tiles and scalars, each element alone and many on one. Sums are
 * exact in any order.
 */
#include "sweep.h"

#define ADDS (NUMBERS | INTS_OF_32)  /* halfs too */
#define ORDERS (NUMBERS | ONLY_32)
#define BITS (INTS | ONLY_32)

/* The old values follow behind the elements. */
#define OLD(call) "tl.store($O + $N + o, " call ")"
#define OLD_MASKED(call) "tl.store($O + $N + o, " call ", mask=c)"

static const sweep_row atomics[] = {
    {"atomic_add", "tl.atomic_add($O + o, s)", ADDS, NULL, 0, PRESET},
    {"atomic_add to few", "tl.atomic_add($O + o % 4, s)", ADDS, NULL, 0,
     TWICE},
    {"atomic_add behind a mask", "tl.atomic_add($O + o, s, mask=c)", ADDS,
     NULL, 0, PRESET},
    {"old values of atomic_add", OLD("tl.atomic_add($O + o, s)"), ADDS, NULL,
     0, PRESET | TWICE},
    {"old values behind a mask",
     OLD_MASKED("tl.atomic_add($O + o, s, mask=c)"), ADDS, NULL, 0,
     PRESET | TWICE},

    {"atomic_add of a scalar", "tl.atomic_add($O, tl.load(S))", ADDS, NULL, 0,
     PRESET},
    {"old value of a scalar",
     "tl.store($O + 1, tl.atomic_add($O, tl.load(S)))", ADDS, NULL, 0,
     PRESET | TWICE},
    {"atomic_add of a scalar behind a mask",
     "tl.atomic_add($O, tl.load(S), mask=tl.load(C))", ADDS, NULL, 0, PRESET},
    {"atomic_add of one number", "tl.atomic_add($O + o, 1)", ADDS, NULL, 0,
     PRESET},
    {"atomic_add of a tile to one place", "tl.atomic_add($O + o * 0, s)", ADDS,
     NULL, 0, 0},

    {"atomic_max", "tl.atomic_max($O + o, s)", ORDERS, NULL, 0, PRESET},
    {"atomic_min", "tl.atomic_min($O + o, s)", ORDERS, NULL, 0, PRESET},
    {"atomic_max to few", "tl.atomic_max($O + o % 2, s, mask=c)", ORDERS, NULL,
     0, PRESET | TWICE},
    {"atomic_min to few", "tl.atomic_min($O + o % 2, s)", ORDERS, NULL, 0,
     PRESET | TWICE},
    {"old values of atomic_max", OLD("tl.atomic_max($O + o, s)"), ORDERS,
     NULL, 0, PRESET | TWICE},

    {"atomic_and", "tl.atomic_and($O + o, x)", BITS, NULL, 0, PRESET},
    {"atomic_or", "tl.atomic_or($O + o, x, mask=c)", BITS, NULL, 0, PRESET},
    {"atomic_xor", "tl.atomic_xor($O + o % 4, x)", BITS, NULL, 0,
     PRESET | TWICE},
    {"old values of atomic_or", OLD("tl.atomic_or($O + o, x)"), BITS, NULL, 0,
     PRESET | TWICE},
    {"old values of atomic_xor behind a mask",
     OLD_MASKED("tl.atomic_xor($O + o, x, mask=c)"), BITS, NULL, 0,
     PRESET | TWICE},

    {"atomic_xchg", "tl.atomic_xchg($O + o, x)", ORDERS, NULL, 0, PRESET},
    {"old values of atomic_xchg",
     OLD_MASKED("tl.atomic_xchg($O + o, x, mask=c)"), ORDERS, NULL, 0,
     PRESET | TWICE},
    {"atomic_cas", "tl.atomic_cas($O + o, t, s)", NUMBERS | INTS_OF_32, NULL,
     0, PRESET},
    {"old values of atomic_cas", OLD("tl.atomic_cas($O + o, t, s)"),
     NUMBERS | INTS_OF_32, NULL, 0, PRESET | TWICE},
    {"atomic_cas of 16 bits", OLD("tl.atomic_cas($O + o, t, s)"),
     SIGNEDS | UNSIGNEDS | NOT_8 | INTS_OF_32, NULL, 0, PRESET | TWICE},
    {"atomic_cas of a scalar",
     "tl.store($O + 1, tl.atomic_cas($O, tl.load(T), tl.load(S)))",
     NUMBERS | INTS_OF_32, NULL, 0, PRESET | TWICE},

    {"atomic_load", "r = tl.atomic_load(X + o)", ORDERS, NULL, 0, 0},
    {"atomic_load behind a mask",
     "r = tl.where(c, tl.atomic_load(X + o, mask=c), 0)", ORDERS, NULL, 0, 0},
    {"atomic_store", "tl.atomic_store($O + o, x, mask=c)", ORDERS, NULL, 0,
     0},
    {"atomic_store of a scalar", "tl.atomic_store($O, tl.load(X))", ORDERS,
     NULL, 0, 0},
    {"sums in threadgroup memory",
     "h = tl.shared_memory([4], $T)\n"
     "h.store(tl.arange(0, 4), tl.zeros([4], $T))\n"
     "h.atomic_add(o % 4, s)\n"
     "tl.store($O + tl.arange(0, 4), h.load(tl.arange(0, 4)))",
     ORDERS, NULL, 0, TWICE},

    {"relaxed", OLD("tl.atomic_add($O + o, s, sem=\"relaxed\")"), ADDS, NULL,
     0, PRESET | TWICE},
    {"acquire", OLD("tl.atomic_add($O + o, s, sem=\"acquire\")"), ADDS, NULL,
     0, PRESET | TWICE},
    {"release", "tl.atomic_xchg($O + o, s, sem=\"release\")", ORDERS, NULL, 0,
     PRESET},
    {"acq_rel of the system",
     OLD("tl.atomic_max($O + o, s, sem=\"acq_rel\", scope=\"sys\")"), ORDERS,
     NULL, 0, PRESET | TWICE},
    {"in the threadgroup",
     OLD("tl.atomic_cas($O + o, t, s, sem=\"acquire\", scope=\"cta\")"),
     ORDERS, NULL, 0, PRESET | TWICE},
};

const sweep_area sweep_atomics = {
    "atomics", atomics, sizeof atomics / sizeof *atomics, false, 5};
