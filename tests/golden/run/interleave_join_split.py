# k, grid 1, x f32[64], o zeros f32[64,2], p zeros f32[32], q zeros f32[128], B=64
# o = (x, -x) pairs, p[i] = x[2i] - 2 x[2i+1], q = x and 3x in turn
# kernel: k
# signature: *fp32:16, *fp32:16, *fp32:16, *fp32:16, 64
# grid: 1 1
import triton
import triton.language as tl


@triton.jit
def k(x, o, p, q, B: tl.constexpr):
    i = tl.arange(0, B)
    a = tl.load(x + i)
    j = tl.join(a, -a)
    tl.store(o + i[:, None] * 2 + tl.arange(0, 2)[None, :], j)
    e, d = tl.split(tl.reshape(a, (B // 2, 2)))
    tl.store(p + tl.arange(0, B // 2), e - 2 * d)
    tl.store(q + tl.arange(0, 2 * B), tl.interleave(a, a * 3))
