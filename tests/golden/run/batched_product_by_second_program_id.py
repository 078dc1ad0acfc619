# k, grid 8,3, a f16[3,20,40], b f16[3,40,50], c zeros f32[3,20,50], M=20 N=50 K=40 BM=16 BN=16 BK=16
# c = a @ b per batch, to 1e-3
# kernel: k
# signature: *fp16:16, *fp16:16, *fp32:16, i32, i32, i32, 16, 16, 16
# grid: 8 3
# scalars: 20 50 40
import triton
import triton.language as tl


@triton.jit
def k(a, b, c, M, N, K, BM: tl.constexpr, BN: tl.constexpr, BK: tl.constexpr):
    bid = tl.program_id(1)
    a += bid * M * K; b += bid * K * N; c += bid * M * N
    nn = tl.cdiv(N, BN)
    pm = tl.program_id(0) // nn; pn = tl.program_id(0) % nn
    rm = pm * BM + tl.arange(0, BM); rn = pn * BN + tl.arange(0, BN); rk = tl.arange(0, BK)
    acc = tl.zeros((BM, BN), tl.float32)
    for k0 in tl.range(0, K, BK, num_stages=3):
        kk = k0 + rk
        x = tl.load(a + rm[:, None] * K + kk[None, :], mask=(rm[:, None] < M) & (kk[None, :] < K), other=0)
        y = tl.load(b + kk[:, None] * N + rn[None, :], mask=(kk[:, None] < K) & (rn[None, :] < N), other=0)
        acc += tl.dot(x, y)
    tl.store(c + rm[:, None] * N + rn[None, :], acc, mask=(rm[:, None] < M) & (rn[None, :] < N))
