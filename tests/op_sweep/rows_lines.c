/* SPDX-License-Identifier: MIT */
/*
 * rows_lines.c - what goes along an axis: reductions, scans and orders.
 */
#include "sweep.h"

static const sweep_row reductions[] = {
    {"sum", "r = tl.sum(s, $A)", NUMBERS, "wide", 0, 0},
    {"sum of bools", "r = tl.sum(x, $A)", BOOLS, "wide", 0, 0},
    {"sum that wraps", "r = tl.sum(x, $A)", INTS, "wide", 0, 0},
    {"sum in another type", "r = tl.sum(s, $A, dtype=tl.float32)", FLOATS,
     "wide", 0, 0},
    {"sum in int64", "r = tl.sum(x, $A, dtype=tl.int64)", INTS, "wide", 0, 0},
    {"sum of all", "r = tl.sum(s)", NUMBERS, "wide", 0, ANY_TOTAL},
    {"sum with its axis", "r = tl.sum(s, $A, keep_dims=True)", NUMBERS,
     "wide", 0, 0},
    {"sum of all with its axes", "r = tl.sum(s, keep_dims=True)", NUMBERS,
     "wide", 0, ANY_TOTAL},
    {"back to the tile", "r = s + tl.sum(s, $A, keep_dims=True)", NUMBERS,
     "wide", 0, 0},

    {"max", "r = tl.max(x, $A)", NUMBERS, "wide", 0, 0},
    {"min", "r = tl.min(x, $A)", NUMBERS, "wide", 0, 0},
    {"max of all", "r = tl.max(x)", NUMBERS, "wide", 0, ANY_TOTAL},
    {"min of all", "r = tl.min(x)", NUMBERS, "wide", 0, ANY_TOTAL},
    {"argmax", "r = tl.argmax(s, $A)", NUMBERS, "i32", 0, 0},
    {"argmin", "r = tl.argmin(s, $A)", NUMBERS, "i32", 0, 0},
    {"argmax with its axis", "r = tl.argmax(t, $A, keep_dims=True)", NUMBERS,
     "i32", 0, 0},
    {"value of the max", "r, j = tl.max(s, $A, return_indices=True)", NUMBERS,
     "wide", 0, 0},
    {"index of the min", "v, r = tl.min(t, $A, return_indices=True)", NUMBERS,
     "i32", 0, 0},
    {"value of any max",
     "r, j = tl.max(s, $A, return_indices=True, "
     "return_indices_tie_break_left=False)", NUMBERS, "wide", 0, 0},

    {"xor_sum", "r = tl.xor_sum(x, $A)", INTS, NULL, 0, 0},
    {"reduce_or", "r = tl.reduce_or(x, $A)", INTS, NULL, 0, 0},
    {"reduce_or of bools", "r = tl.reduce_or(x, $A)", BOOLS, "i1", 0, 0},
    {"own product", "r = tl.reduce(q, $A, mul)", NUMBERS, NULL, 0, 0},
    {"own or of bools", "r = tl.reduce(c, $A, both)", INTS | ONLY_32, "i1", 0,
     0},
    {"own maximum", "r = tl.reduce(x, $A, most)", NUMBERS, NULL, 0, 0},
    {"own maximum with its axis",
     "r = tl.reduce(x, $A, most, keep_dims=True)", NUMBERS, NULL, 0, 0},
    {"value of two operands", "r, j = tl.reduce((s, i), $A, first_most)",
     NUMBERS, NULL, 0, 0},
    {"index of two operands", "v, r = tl.reduce((s, i), $A, first_most)",
     NUMBERS, "i32", 0, 0},
    {"three operands",
     "r, b, d = tl.reduce((s, t, s), $A, add3)\nr = r + b + d", NUMBERS, NULL,
     0, 0},
    {"softmax", "r = tl.softmax(s, $A)", FLOATS | ONLY_32, NULL, 64,
     SHORT_LINES},
};

const sweep_area sweep_reductions = {
    "reductions", reductions, sizeof reductions / sizeof *reductions, true,
    6};

static const sweep_row scans[] = {
    {"cumsum", "r = tl.cumsum(s, $A, reverse=$R)", NUMBERS, "wide", 0, 0},
    {"cumsum that wraps", "r = tl.cumsum(x, $A, reverse=$R)", INTS, "wide", 0,
     0},
    {"cumsum of bools", "r = tl.cumsum(x, $A, reverse=$R)", BOOLS, "wide", 0,
     0},
    {"cumsum in another type",
     "r = tl.cumsum(s, $A, reverse=$R, dtype=tl.float32)", FLOATS, "wide", 0,
     0},
    {"cumprod", "r = tl.cumprod(q, $A, reverse=$R)", NUMBERS, "wide", 0, 0},
    {"scan of maxima", "r = tl.associative_scan(x, $A, most, reverse=$R)",
     NUMBERS, NULL, 0, 0},
    {"scan of bools", "r = tl.associative_scan(c, $A, both, reverse=$R)",
     INTS | ONLY_32, "i1", 0, 0},
    {"scan of the last", "r = tl.associative_scan(x, $A, last, reverse=$R)",
     NUMBERS, NULL, 0, 0},
    {"scan of two operands",
     "a, r = tl.associative_scan((x, y), $A, affine, reverse=$R)", INTS, NULL,
     0, 0},
    {"scan of a value and an index",
     "v, r = tl.associative_scan((s, i), $A, first_most, reverse=$R)",
     NUMBERS, "i32", 0, 0},
    {"scan of matrices",
     "a, r, b, d = tl.associative_scan((x, y, y, s), $A, matrix, "
     "reverse=$R)", INTS, NULL, 0, 0},
};

const sweep_area sweep_scans = {"scans", scans, sizeof scans / sizeof *scans,
                                true, 4};

/* NaN has no place in an order. */
#define ORDERED "v = tl.where(x == x, x, s)\n"

static const sweep_row sweep_order_rows[] = {
    {"sort", ORDERED "r = tl.sort(v)", NUMBERS, NULL, 0, SHORT_LINES},
    {"sort downwards", ORDERED "r = tl.sort(v, dim=$L, descending=True)",
     NUMBERS, NULL, 0, SHORT_LINES},
    {"topk", ORDERED "r = tl.topk(v, $H)", NUMBERS, "wide", 0,
     SHORT_LINES | LAST_2},
    {"topk upwards", ORDERED "r = tl.topk(v, $H, descending=False)", NUMBERS,
     "wide", 0, SHORT_LINES | LAST_2},
    {"topk of one", ORDERED "r = tl.topk(v, 1)", NUMBERS, "wide", 0,
     SHORT_LINES},
    {"bitonic_merge", ORDERED "r = tl.bitonic_merge(v)", NUMBERS, NULL, 0,
     SHORT_LINES | LAST_2},
    {"flip", "r = tl.flip(x, $A)", NUMBERS | BOOLS, NULL, 0, 0},
    {"histogram", "r = tl.histogram(i, $E)", SIGNEDS | ONLY_32, "i32", 0,
     RANK_1 | SHORT_LINES},
    {"histogram of few bins", "r = tl.histogram(x & 7, 8)", INTS | ONLY_32,
     "i32", 0, RANK_1 | TWICE | LAST_2},
    {"histogram behind a mask", "r = tl.histogram(x & 7, 8, mask=c)",
     INTS | ONLY_32, "i32", 0, RANK_1 | TWICE | LAST_2},
    {"gather", "r = tl.gather(x, i, $A)", ALL, NULL, 0, 0},
    {"gather of one",
     "r = tl.gather(x, tl.max(i, $A, keep_dims=True), $A)", ALL, NULL, 0, 0},
    {"gather of twice as many",
     "r = tl.gather(x, tl.interleave(i, i), $A)", ALL, NULL, 0, RANK_1 | TWICE},
};

const sweep_area sweep_orders = {
    "orders", sweep_order_rows,
    sizeof sweep_order_rows / sizeof *sweep_order_rows, true, 3};
