# tl.map_elementwise: functions that branch on an element, return early, take
# four elements a call, of two shapes that broadcast
# kernel: k
# signature: *fp32:16, *i32:16, *fp32:16, *i32:16, 256
# grid: 3 1
import triton
import triton.language as tl


@triton.jit
def selu(x, alpha):
    if x > 0:
        y = x
    else:
        y = alpha * (tl.exp(x) - 1)
    return y


@triton.jit
def digit(x, base):
    if x < 0:
        return -1, x
    if x == 0:
        return 0, 0
    rest = x // base
    if rest > 3:
        if rest > 7:
            rest = 7
        else:
            rest += 10
    return x % base, rest


@triton.jit
def four(a0, a1, a2, a3, b0, b1, b2, b3):
    if a0 > a1:
        low = a1
    else:
        low = a0
    return a3, low, a1 + a2, a0, b0, b1 * 2, b3 if a0 > 0 else b2, b0


@triton.jit
def k(x, v, y, o, B: tl.constexpr):
    i = tl.program_id(0) * B + tl.arange(0, B)
    a = tl.load(x + i)
    tl.store(y + i, tl.map_elementwise(selu, a, tl.full((B,), 1.5, tl.float32)))
    n = tl.load(v + i)
    d, rest = tl.map_elementwise(digit, n, tl.full((B,), 10, tl.int32))
    tl.store(o + i, d * 100 + rest)
    r = tl.reshape(n, (B // 16, 16))
    p, q = tl.map_elementwise(four, r, tl.arange(0, 16)[None, :], pack=4)
    tl.store(o + 2048 + i, tl.reshape(p * 1000 + q, (B,)))
