# kernel: k
# signature: *u8, *u8, *fp16, *fp32
# expect-error: 23:9 unknown format the string 'e3m2'
# expect-error: 24:10 lhs_scale must be [.., 32, 64 / 16 or 32], got uint8[32, 8]
# expect-error: 25:10 lhs_scale has 8-bit elements, got fp16[64, 32]
# expect-error: 26:10 format bf16 holds bf16 or uint16, got fp16[64, 32]
# expect-error: 27:10 dot_scaled cannot multiply fp8e4nv[32, 64] by fp8e4nv[32, 64]
# expect-error: 28:10 only e2m1 packs along another dimension than K
# expect-error: 29:10 dot_scaled accumulates in float32, not fp16
import triton
import triton.language as tl


@triton.jit
def k(a, sa, h, o):
    m = tl.arange(0, 32)
    kk = tl.arange(0, 64)
    x = tl.load(a + m[:, None] * 64 + kk[None, :])
    y = tl.trans(x)
    z = tl.load(h + kk[:, None] * 32 + m[None, :])
    s = tl.load(sa + m[:, None] * 2 + tl.arange(0, 2)[None, :])
    wide = tl.load(sa + m[:, None] * 8 + tl.arange(0, 8)[None, :])
    c = tl.dot_scaled(x, s, "e4m3", y, s, "e3m2")
    c += tl.dot_scaled(x, wide, "e4m3", y, s, "e4m3")
    c += tl.dot_scaled(x, z, "e4m3", y, s, "e4m3")
    c += tl.dot_scaled(x, s, "e4m3", z, None, "bf16")
    c += tl.dot_scaled(x, s, "e4m3", x, s, "e4m3")
    c += tl.dot_scaled(x, s, "e4m3", y, s, "e4m3", rhs_k_pack=False)
    c += tl.dot_scaled(x, s, "e4m3", y, s, "e4m3", out_dtype=tl.float16)
    tl.store(o + m[:, None] * 32 + m[None, :], c)
