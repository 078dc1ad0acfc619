/* SPDX-License-Identifier: MIT */
/*
 * rows_shape.c - tiles put into other shapes, and loads and stores.
 */
#include "sweep.h"

static const sweep_row shapes[] = {
    {"trans", "r = tl.trans(x)", ALL, NULL, 0, RANK_2_UP},
    {".T", "r = x.T", ALL, NULL, 0, RANK_2},
    {"permute in a circle", "r = tl.permute(x, ($P))", ALL, NULL, 0, 0},
    {"permute of two axes", "r = tl.trans(x, ($Q))", ALL, NULL, 0, 0},
    {"permute backwards", "r = x.permute(($V))", ALL, NULL, 0, 0},
    {"reshape to one axis", "r = tl.reshape(x, ($N,))", ALL, NULL, 0, 0},
    {"reshape to two axes", "r = tl.reshape(x, ($E, $M))", ALL, NULL, 0, 0},
    {"reshape of a permuted tile",
     "r = tl.reshape(tl.permute(x, ($P)), ($M, $E))", ALL, NULL, 0, 0},

    {"view", "r = x.view($M, $E)", ALL, NULL, 0, 0},
    {"ravel", "r = tl.ravel(x)", ALL, NULL, 0, 0},
    {"expand_dims", "r = tl.expand_dims(x, $A)", ALL, NULL, 0, 0},
    {"unsqueeze and squeeze", "r = tl.squeeze(tl.unsqueeze(x, $A), $A)", ALL,
     NULL, 0, 0},
    {"broadcast_to", "r = tl.broadcast_to(tl.expand_dims(x, $A), ($W))", ALL,
     NULL, 0, TWICE | UP_TO_RANK_4},
    {"broadcast", "r, b = tl.broadcast(x, tl.load(Y))", NUMBERS, NULL, 0, 0},
    {"a scalar broadcast", "r = tl.broadcast_to(tl.load(X), ($S))", ALL,
     NULL, 0, 0},

    {"join", "r = tl.join(x, y)", ALL, NULL, 0, TWICE},
    {"interleave", "r = tl.interleave(x, y)", ALL, NULL, 0, TWICE},
    {"cat", "r = tl.cat(x, y, dim=$A)", ALL, NULL, 0, TWICE},
    {"cat that may reorder", "r = tl.cat(x, x, can_reorder=True)", ALL, NULL,
     0, TWICE | RANK_1},
    {"split", "a, b = tl.split(tl.join(x, y))\nr = tl.where(c, b, a)", ALL,
     NULL, 0, 0},
    {"split in halves",
     "a, b = tl.split(tl.reshape(x, ($N // 2, 2)))\nr = tl.join(b, a)", ALL,
     NULL, 0, LAST_2},
    {"join of permuted tiles",
     "r = tl.join(tl.permute(x, ($P)), tl.permute(y, ($P)))", ALL, NULL, 0,
     TWICE},
};

const sweep_area sweep_shapes = {
    "shapes", shapes, sizeof shapes / sizeof *shapes, true, 4};

static const sweep_row memory[] = {
    {"load behind a mask", "r = tl.load(X + o, mask=c, other=y)", ALL, NULL,
     0, 0},
    {"load behind a mask, else 0",
     "r = tl.load(X + o, mask=c, other=0)", NUMBERS | BOOLS, NULL, 0, 0},
    {"load behind a mask, else 0.0",
     "r = tl.load(X + o, mask=c, other=0.0)", FLOATS | SMALL_FLOATS, NULL, 0,
     0},
    {"load up to an end", "r = tl.load(X + o, mask=o < $N // 2, other=y)",
     ALL, NULL, 0, 0},
    {"load in steps", "r = tl.load(X + o * 5 % $N)", ALL, NULL, 0, 0},
    {"load of one for all", "r = tl.load(X + o * 0)", ALL, NULL, 0, 0},
    {"load backwards", "r = tl.load(X + ($N - 1) - o)", ALL, NULL, 0, 0},
    {"volatile load", "r = tl.load(X + o, volatile=True)",
     NUMBERS | NOT_8_AND_16, NULL, 0, 0},
    {"load with hints",
     "r = tl.load(X + o, cache_modifier=\".cg\", "
     "eviction_policy=\"evict_first\")", ALL, NULL, 0, 0},

    {"store behind a mask", "tl.store($O + o, x, mask=c)", ALL, NULL, 0, 0},
    {"store up to an end", "tl.store($O + o, x, mask=o < $N // 2)", ALL, NULL,
     0, 0},
    {"store in steps", "tl.store($O + o * 2, x)", ALL, NULL, 0, TWICE},
    {"store backwards", "tl.store($O + ($N - 1) - o, x)", ALL, NULL, 0, 0},
    {"store of a scalar", "tl.store($O, tl.load(X))", ALL, NULL, 0, 0},
    {"store with hints",
     "tl.store($O + o, x, cache_modifier=\".wt\", "
     "eviction_policy=\"evict_last\")", ALL, NULL, 0, 0},
    {"pointers chosen by a tile", "r = tl.load(tl.where(c, X + o, Y + o))",
     ALL, NULL, 0, 0},
    {"offsets of 64 bits", "r = tl.load(X + o.to(tl.int64))", ALL, NULL, 0,
     0},

    {"block pointer",
     "b = tl.make_block_ptr(X, shape=($S), strides=($D), offsets=($U), "
     "block_shape=($S), order=($V))\n"
     "r = tl.load(b, boundary_check=($V))", ALL, NULL, 0, 0},
    {"block pointer with NaN",
     "b = tl.make_block_ptr(X, shape=($S), strides=($D), offsets=($U), "
     "block_shape=($S), order=($V))\n"
     "r = tl.load(b, boundary_check=($V), padding_option=\"nan\")", FLOATS,
     NULL, 0, 0},
    {"store through a block pointer",
     "b = tl.make_block_ptr($O, shape=($S), strides=($D), offsets=($U), "
     "block_shape=($S), order=($V))\n"
     "tl.store(b, x, boundary_check=($V))", ALL, NULL, 0, 0},
    {"advance",
     "b = tl.make_block_ptr(X, shape=($S), strides=($D), offsets=($U), "
     "block_shape=($S), order=($V))\n"
     "r = tl.load(tl.advance(b, ($U)), boundary_check=($V))", ALL, NULL, 0,
     0},
};

const sweep_area sweep_memory = {
    "memory", memory, sizeof memory / sizeof *memory, true, 5};
