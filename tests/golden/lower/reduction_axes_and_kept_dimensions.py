# kernel: k
# signature: *fp32, *fp32
# expect-ttir: axis = 1
# expect-ttir: tt.expand_dims
# expect-ttir: axis = 0
# expect-ttir: allow_reorder
import triton
import triton.language as tl


@triton.jit
def k(a, o):
    i = tl.arange(0, 16)[:, None] * 32 + tl.arange(0, 32)[None, :]
    x = tl.load(a + i)
    y = x - tl.max(x, axis=1, keep_dims=True)
    tl.store(o + i, y / tl.sum(y, 0)[None, :])
    tl.store(o, tl.sum(x))
    tl.store(o + tl.arange(0, 32), x.sum(axis=-2))
    tl.store(o + tl.arange(0, 1)[:, None], tl.min(x, keep_dims=True))
