# k, grid 1, x f32[4,8,16], o zeros f32[16,4,8], s zeros f32[4,16], p zeros f32[512]
# o[c,a,b] = x[a,b,c], s = sum over the middle, p = x in order
# kernel: k
# signature: *fp32:16, *fp32:16, *fp32:16, *fp32:16
# grid: 1 1
import triton
import triton.language as tl


@triton.jit
def k(x, o, s, p):
    i = tl.arange(0, 4)[:, None, None] * 128 + tl.arange(0, 8)[None, :, None] * 16 + tl.arange(0, 16)[None, None, :]
    a = tl.load(x + i)
    b = tl.permute(a, (2, 0, 1))
    j = tl.arange(0, 16)[:, None, None] * 32 + tl.arange(0, 4)[None, :, None] * 8 + tl.arange(0, 8)[None, None, :]
    tl.store(o + j, b)
    tl.store(s + tl.arange(0, 4)[:, None] * 16 + tl.arange(0, 16)[None, :], tl.sum(a, 1))
    tl.store(p + tl.arange(0, 512), tl.reshape(a, (512,)))
