# k, grid 64, x f32[64,64], lens i32[64] in 0..8, o zeros f32[64], B=64
# o[p] = sum over rows j < lens[p] of (row maximum + row sum), 1e-4
# kernel: k
# signature: *fp32:16, *i32:16, *fp32:16, 64
# grid: 64 1
import triton
import triton.language as tl


@triton.jit
def k(x, lens, o, B: tl.constexpr):
    p = tl.program_id(0)
    n = tl.load(lens + p)
    acc = 0.0
    i = tl.arange(0, B)
    for j in range(n):
        v = tl.load(x + j * B + i)
        acc += tl.max(v, 0) + tl.sum(v)
    tl.store(o + p, acc)
