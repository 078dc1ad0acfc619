# kernel: k
# signature: *i32
# constexpr: BLOCK=32
# expect-ttir: end = 32
import triton
import triton.language as tl


@triton.jit
def index(n):
    return tl.arange(0, n)


@triton.jit
def double(x):
    return x * 2


@triton.jit
def apply(f: tl.constexpr, x):
    return f(x)


@triton.jit
def k(o, BLOCK: tl.constexpr):
    i = index(BLOCK)
    tl.store(o + i, apply(double, i))
