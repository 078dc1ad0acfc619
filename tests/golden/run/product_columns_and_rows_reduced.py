# k, grid 1, a b f32[32,32], o zeros f32[32,32], r zeros f32[32]
# z = (a b) a + 2 b (a b); o = z^T minus row maxima of z as a column; r = column sums
# kernel: k
# signature: *fp32:16, *fp32:16, *fp32:16, *fp32:16
# grid: 1 1
import triton
import triton.language as tl


@triton.jit
def k(a, b, o, r):
    i = tl.arange(0, 32)[:, None] * 32 + tl.arange(0, 32)[None, :]
    x = tl.load(a + i); y = tl.load(b + i)
    z = tl.dot(x, y, input_precision="ieee")
    z = tl.dot(z, x, input_precision="ieee") + tl.dot(y, z, input_precision="ieee") * 2
    tl.store(o + i, tl.trans(z) - tl.max(z, 1)[:, None])
    tl.store(r + tl.arange(0, 32), tl.sum(z, 0))
