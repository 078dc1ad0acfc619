# k, grid 2,2, X f16[24,64] Q i32[8,48] S f16[2,48] Z i32[2,48] Y zeros f16[24,48], M=24 N=48 K=64 BM=16 BN=32 BK=32
# eight weights of 4 bits in a word along K, a scale and a zero point for each 32 of them
# kernel: k
# signature: *fp16:16, *i32:16, *fp16:16, *i32:16, *fp16:16, i32, i32, i32, 16, 32, 32
# grid: 2 2
# scalars: 24 48 64
import triton
import triton.language as tl


@triton.jit
def k(X, Q, S, Z, Y, M, N, K, BM: tl.constexpr, BN: tl.constexpr, BK: tl.constexpr):
    rm = tl.program_id(0) * BM + tl.arange(0, BM)
    rn = tl.program_id(1) * BN + tl.arange(0, BN)
    rk = tl.arange(0, BK)
    shift = (rk % 8) * 4
    acc = tl.zeros((BM, BN), dtype=tl.float32)
    for k0 in range(0, K, BK):
        x = tl.load(X + rm[:, None] * K + (k0 + rk)[None, :], mask=rm[:, None] < M, other=0.0)
        q = tl.load(Q + ((k0 + rk) // 8)[:, None] * N + rn[None, :], mask=rn[None, :] < N, other=0)
        w = ((q * 0x1234567) >> shift[:, None]) & 15
        group = k0 // 32
        z = tl.load(Z + group * N + rn, mask=rn < N, other=0)
        s = tl.load(S + group * N + rn, mask=rn < N, other=0.0)
        w = (w - z[None, :]).to(tl.float16) * s[None, :]
        acc = tl.dot(x, w, acc)
    tl.store(Y + rm[:, None] * N + rn[None, :], acc.to(tl.float16), mask=(rm[:, None] < M) & (rn[None, :] < N))
