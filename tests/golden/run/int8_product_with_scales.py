# k, grid 2,2, A i8[40,100] B i8[100,24] SA f32[40] SB f32[24] C zeros f16[40,24], M=40 N=24 K=100 BM=32 BN=16 BK=32
# (A B) exact in int32, then a scale for each row and column
# kernel: k
# signature: *i8:16, *i8:16, *fp32:16, *fp32:16, *fp16:16, i32, i32, i32, 32, 16, 32
# grid: 2 2
# scalars: 40 24 100
import triton
import triton.language as tl


@triton.jit
def k(A, B, SA, SB, C, M, N, K, BM: tl.constexpr, BN: tl.constexpr, BK: tl.constexpr):
    rm = tl.program_id(0) * BM + tl.arange(0, BM)
    rn = tl.program_id(1) * BN + tl.arange(0, BN)
    rk = tl.arange(0, BK)
    acc = tl.zeros((BM, BN), dtype=tl.int32)
    for k0 in range(0, K, BK):
        ks = k0 + rk
        a = tl.load(A + rm[:, None] * K + ks[None, :], mask=(rm[:, None] < M) & (ks[None, :] < K), other=0)
        b = tl.load(B + ks[:, None] * N + rn[None, :], mask=(ks[:, None] < K) & (rn[None, :] < N), other=0)
        a = (a * 37 - 100).to(tl.int8)
        b = (b * 29 - 90).to(tl.int8)
        a = tl.where(ks[None, :] < K, a, 0)
        acc += tl.dot(a, b)
    sa = tl.load(SA + rm, mask=rm < M, other=0.0)
    sb = tl.load(SB + rn, mask=rn < N, other=0.0)
    c = acc.to(tl.float32) * 1e-4 * sa[:, None] * sb[None, :]
    tl.store(C + rm[:, None] * N + rn[None, :], c.to(tl.float16), mask=(rm[:, None] < M) & (rn[None, :] < N))
