# k, grid 1, A u8[16,64] SA u8[16,4] B u8[64,16] SB u8[16,4] C zeros f32[16,16], K=128 M=16 N=16 BK=64
# mxfp4: pairs of e2m1 along K with a power of two for each 32 of them
# kernel: k
# signature: *u8:16, *u8:16, *u8:16, *u8:16, *fp32:16, i32:16, 16, 16, 64
# grid: 1 1
# scalars: 128
import triton
import triton.language as tl


@triton.jit
def k(A, SA, B, SB, C, K, M: tl.constexpr, N: tl.constexpr, BK: tl.constexpr):
    m = tl.arange(0, M)
    n = tl.arange(0, N)
    rk = tl.arange(0, BK // 2)
    rs = tl.arange(0, BK // 32)
    acc = tl.zeros((M, N), dtype=tl.float32)
    for k0 in range(0, K, BK):
        a = tl.load(A + m[:, None] * (K // 2) + k0 // 2 + rk[None, :])
        b = tl.load(B + (k0 // 2 + rk)[:, None] * N + n[None, :])
        sa = tl.load(SA + m[:, None] * (K // 32) + k0 // 32 + rs[None, :]) + 123
        sb = tl.load(SB + n[:, None] * (K // 32) + k0 // 32 + rs[None, :]) + 123
        a = (a * 37 + 5).to(tl.uint8)
        b = (b * 41 + 3).to(tl.uint8)
        acc = tl.dot_scaled(a, sa.to(tl.uint8), "e2m1", b, sb.to(tl.uint8), "e2m1", acc)
    tl.store(C + m[:, None] * N + n[None, :], acc)
