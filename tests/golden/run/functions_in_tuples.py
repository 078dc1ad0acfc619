# a jit function in a named tuple with what it captured, and as an argument
# kernel: k
# signature: (fn=@scaled, captured=(*fp32, fp32)), @apply, *fp32, *fp32, i32
# grid: 2
# scalars: 2.5 100
import triton
import triton.language as tl


@triton.jit
def scaled(x, factor, shift):
    return x * tl.load(factor) + shift


@triton.jit
def apply(closure, x):
    return closure.fn(x, *closure.captured)


@triton.jit
def k(closure, how, x, y, n):
    i = tl.program_id(0) * 64 + tl.arange(0, 64)
    v = how(closure, tl.load(x + i, i < n, other=0.0))
    tl.store(y + i, v, i < n)
