# Fibonacci numbers by rotating names; a, b and c begin as one value
# kernel: k
# signature: *i32:16, *i32:16, i32, 16
# grid: 1
# scalars: 20
# upstream: differs names whose first new value is their old one are not carried there
import triton
import triton.language as tl


@triton.jit
def k(x, o, n, B: tl.constexpr):
    i = tl.arange(0, B)
    a = tl.load(x + i)
    b = a
    c = a
    for t in range(n):
        tl.store(o + t * B + i, a)
        a, b, c = b, c, a + b
