# SPDX-License-Identifier: MIT
"""Helpers for test_source: a package with constants, kernels and a module."""
import triton_metal
import triton_metal.language as tl

from . import deep

FACTOR = tl.constexpr(3)
COMPUTED = tl.constexpr(sum(range(5)))


@triton_metal.jit
def triple(x):
    return x * FACTOR
