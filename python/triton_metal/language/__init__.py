# SPDX-License-Identifier: MIT
"""The Triton language, as `tl`: names for kernels, with upstream's signatures.
docs/language.md says what each does on Metal."""
from . import core, extra, math, random, standard, target_info
from .core import (
    PropagateNan, TRITON_MAX_TENSOR_NUMEL, add, advance, aggregate_replace, arange, associative_scan, assume,
    atomic_add, atomic_and, atomic_cas, atomic_load, atomic_max, atomic_min, atomic_or, atomic_poll,
    atomic_store, atomic_xchg, atomic_xor, bfloat16, block_type, broadcast, broadcast_to, cast, cat, clamp,
    condition, const, constexpr, constexpr_type, custom, debug_barrier, device_assert, device_print, dot,
    dot_scaled, dtype, expand_dims, expect_zero, float16, float32, float64, float8e4b15, float8e4b8, float8e4nv,
    float8e5, float8e5b16, full, gather, get_int_dtype, histogram, inline_asm_elementwise, int1, int16, int32,
    int64, int8, item, join, load, load_tensor_descriptor, make_block_ptr, make_tensor_descriptor,
    map_elementwise, max_constancy, max_contiguous, maximum, minimum, mul, multiple_of, must_use_result,
    num_programs, permute, pi32_t, pointer_type, program_id, range, reduce, reshape, shared_memory, slice,
    split, static_assert, static_print, static_range, store, store_tensor_descriptor, sub, tensor,
    tensor_descriptor, tensor_descriptor_base, tensor_descriptor_type, to_tensor, trans, tuple, tuple_type,
    uint16, uint32, uint64, uint8, view, void, where,
)
from .math import (
    abs, ceil, cos, div_rn, erf, exp, exp2, fdiv, floor, fma, log, log2, rsqrt, sin, sqrt, sqrt_rn, umulhi,
)
from .random import (
    pair_uniform_to_normal, philox, philox_impl, rand, rand4x, randint, randint4x, randn, randn4x,
    uint_to_uniform_float,
)
from .standard import (
    argmax, argmin, bitonic_merge, cdiv, cumprod, cumsum, flip, interleave, max, min, next_power_of_2, ravel,
    reduce_or, sigmoid, softmax, sort, squeeze, sum, swizzle2d, topk, unsqueeze, xor_sum, zeros, zeros_like,
)

barrier = core.debug_barrier

# Operations that are methods of tensors, too.
for _name in """
    abs advance argmax argmin associative_scan atomic_add atomic_and atomic_cas atomic_load atomic_max
    atomic_min atomic_or atomic_store atomic_xchg atomic_xor broadcast_to cast cdiv ceil cos cumprod cumsum erf
    exp exp2 expand_dims flip floor gather histogram item load log log2 max min permute ravel reduce reduce_or
    reshape rsqrt sigmoid sin softmax sort split sqrt sqrt_rn squeeze store sum topk trans unsqueeze view
    xor_sum
""".split():
    setattr(tensor, _name, globals().get(_name) or getattr(core, _name))
tensor.to = cast


def str_to_ty(name, c=None):
    """The type of that spelling: "*fp32", "i32", "constexpr"."""
    if name.startswith("*"):
        const = name.startswith("*k")
        return pointer_type(str_to_ty(name[2 if const else 1:]), const=const)
    if name.startswith("constexpr"):
        return constexpr_type(c)
    short = {"i": "int", "u": "uint"}
    found = "int1" if name in ("i1", "u1", "B") else short[name[0]] + name[1:] if name[0] in short else name
    return dtype(found)


__all__ = [
    "PropagateNan", "TRITON_MAX_TENSOR_NUMEL", "abs", "add", "advance", "aggregate_replace", "arange", "argmax",
    "argmin", "associative_scan", "assume", "atomic_add", "atomic_and", "atomic_cas", "atomic_load",
    "atomic_max", "atomic_min", "atomic_or", "atomic_poll", "atomic_store", "atomic_xchg", "atomic_xor",
    "bfloat16", "bitonic_merge", "block_type", "broadcast", "broadcast_to", "cast", "cat", "cdiv", "ceil",
    "clamp", "condition", "const", "constexpr", "constexpr_type", "core", "cos", "cumprod", "cumsum", "custom",
    "debug_barrier", "device_assert", "device_print", "div_rn", "dot", "dot_scaled", "dtype", "erf", "exp",
    "exp2", "expand_dims", "expect_zero", "extra", "fdiv", "flip", "float16", "float32", "float64",
    "float8e4b15", "float8e4b8", "float8e4nv", "float8e5", "float8e5b16", "floor", "fma", "full", "gather",
    "get_int_dtype", "histogram", "inline_asm_elementwise", "int1", "int16", "int32", "int64", "int8",
    "interleave", "item", "join", "load", "load_tensor_descriptor", "log", "log2", "make_block_ptr",
    "make_tensor_descriptor", "map_elementwise", "math", "max", "max_constancy", "max_contiguous", "maximum",
    "min", "minimum", "mul", "multiple_of", "must_use_result", "next_power_of_2", "num_programs",
    "pair_uniform_to_normal", "permute", "philox", "philox_impl", "pi32_t", "pointer_type", "program_id",
    "rand", "rand4x", "randint", "randint4x", "randn", "randn4x", "random", "range", "ravel", "reduce",
    "reduce_or", "reshape", "rsqrt", "shared_memory", "sigmoid", "sin", "slice", "softmax", "sort", "split",
    "sqrt", "sqrt_rn", "squeeze", "standard", "static_assert", "static_print", "static_range", "store",
    "store_tensor_descriptor", "sub", "sum", "swizzle2d", "target_info", "tensor", "tensor_descriptor",
    "tensor_descriptor_base", "tensor_descriptor_type", "to_tensor", "topk", "trans", "tuple", "tuple_type",
    "uint16", "uint32", "uint64", "uint8", "uint_to_uniform_float", "umulhi", "unsqueeze", "view", "void",
    "where", "xor_sum", "zeros", "zeros_like",
]
