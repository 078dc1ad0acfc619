# SPDX-License-Identifier: MIT
import triton_metal as tm
from triton_metal import language as L

OFFSET: L.constexpr = 100


@tm.constexpr_function
def half(n):
    return n // 2


@tm.jit
def shifted(x):
    return x + OFFSET


@tm.jit
def broken(x):
    y = x + OFFSET
    return L.no_such_thing(y)
