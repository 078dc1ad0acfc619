# k, grid 2,4, A f16[40,200] B f16[200,32] C zeros f32[40,32], M=40 N=32 K=200 BM=32 BN=32 BK=16 SPLIT=4
# each second program id adds its part of K
# kernel: k
# signature: *fp16:16, *fp16:16, *fp32:16, i32, i32, i32, 32, 32, 16, 4
# grid: 2 4
# scalars: 40 32 200
import triton
import triton.language as tl


@triton.jit
def k(A, B, C, M, N, K, BM: tl.constexpr, BN: tl.constexpr, BK: tl.constexpr, SPLIT: tl.constexpr):
    rm = tl.program_id(0) * BM + tl.arange(0, BM)
    rn = tl.arange(0, BN)
    rk = tl.program_id(1) * BK + tl.arange(0, BK)
    acc = tl.zeros((BM, BN), dtype=tl.float32)
    for step in range(0, tl.cdiv(K, BK * SPLIT)):
        ks = step * BK * SPLIT + rk
        a = tl.load(A + rm[:, None] * K + ks[None, :], mask=(rm[:, None] < M) & (ks[None, :] < K), other=0.0)
        b = tl.load(B + ks[:, None] * N + rn[None, :], mask=(ks[:, None] < K) & (rn[None, :] < N), other=0.0)
        acc += tl.dot(a, b)
    c = C + rm[:, None] * N + rn[None, :]
    tl.atomic_add(c, acc, mask=(rm[:, None] < M) & (rn[None, :] < N), sem="relaxed")
