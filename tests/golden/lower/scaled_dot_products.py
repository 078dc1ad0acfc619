# kernel: k
# signature: *u8, *u8, *u8, *u8, *fp32
# expect-ttir: tt.dot_scaled
import triton
import triton.language as tl


@triton.jit
def k(a, sa, b, sb, o):
    m = tl.arange(0, 128)
    kk = tl.arange(0, 64)
    s = tl.arange(0, 2)
    x = tl.load(a + m[:, None] * 64 + kk[None, :])
    y = tl.load(b + kk[:, None] * 128 + m[None, :])
    u = tl.load(sa + m[:, None] * 2 + s[None, :])
    v = tl.load(sb + m[:, None] * 2 + s[None, :])
    tl.store(o + m[:, None] * 128 + m[None, :], tl.dot_scaled(x, u, "e4m3", y, v, "e5m2"))
