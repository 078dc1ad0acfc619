# kernel: k
# signature: *i32
# constexpr: N=5
# expect-ttir: constant -4 : i32
# expect-ttir: constant 2 : i32
# expect-ttir: constant 128 : i32
# expect-ttir: constant 8 : i32
# expect-ttir: constant 8 : i32
import triton
import triton.language as tl


@triton.jit
def k(o, N: tl.constexpr):
    a: tl.constexpr = -7 // 2
    b: tl.constexpr = -7 % 3
    c: tl.constexpr = 2 ** 10 >> 3
    d: tl.constexpr = (N + 7) // 8 * 8
    tl.store(o, a)
    tl.store(o + 1, b)
    tl.store(o + 2, c)
    tl.store(o + 3, d)
    tl.store(o + 4, 7 if N > 3 and not N == 5 else 8)
