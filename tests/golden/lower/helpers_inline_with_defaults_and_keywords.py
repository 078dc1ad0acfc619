# kernel: k
# signature: *i32, i32
# constexpr: BLOCK=16
import triton
import triton.language as tl


@triton.jit
def scale(x, by=3, plus: tl.constexpr = 1):
    return x * by + plus


@triton.jit
def two(x):
    return x, x + 1


@triton.jit
def pair(x, y, z):
    return x - y, z


@triton.jit
def k(o, n, BLOCK: tl.constexpr):
    i = tl.arange(0, BLOCK)
    x = scale(i, by=n)
    a, b = pair(x, *two(x))
    tl.store(o + i, a + b + scale(x))
