# kernel: k
# signature: *fp32, *fp32
# expect-ttir: tt.reshape
# expect-ttir: tt.trans
# expect-ttir: tt.join
# expect-ttir: tt.split
import triton
import triton.language as tl


@triton.jit
def k(a, o):
    i = tl.arange(0, 64)
    x = tl.load(a + i)
    y = tl.reshape(x, (4, 16))
    y = y.trans(1, 0).reshape(8, 8)
    z = tl.permute(tl.reshape(y, 2, 4, 8), (2, 0, 1))
    w = tl.ravel(z).expand_dims(0).broadcast_to(2, 64)
    u = tl.join(x, x)
    p, q = tl.split(u)
    v = tl.interleave(p, q)
    c = tl.cat(p, q, dim=0)
    tl.store(o + tl.arange(0, 128), v + c)
    tl.store(o + tl.arange(0, 2)[:, None] * 64 + i[None, :], w)
    tl.store(o + i, tl.view(x, [64]))
    tl.store(o, tl.max(x, 0).broadcast_to([1]).item())
