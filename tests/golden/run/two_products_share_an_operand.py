# k, grid 2, X f16[32,64] W1 W2 f16[64,32] Y zeros f16[32,32], K=64 N=32 BM=16 BN=32 BK=32
# silu(X W1) * (X W2)
# kernel: k
# signature: *fp16:16, *fp16:16, *fp16:16, *fp16:16, i32:16, i32:16, 16, 32, 32
# grid: 2 1
# scalars: 64 32
import triton
import triton.language as tl


@triton.jit
def k(X, W1, W2, Y, K, N, BM: tl.constexpr, BN: tl.constexpr, BK: tl.constexpr):
    rm = tl.program_id(0) * BM + tl.arange(0, BM)
    rn = tl.arange(0, BN)
    rk = tl.arange(0, BK)
    gate = tl.zeros((BM, BN), dtype=tl.float32)
    up = tl.zeros((BM, BN), dtype=tl.float32)
    for k0 in range(0, K, BK):
        x = tl.load(X + rm[:, None] * K + (k0 + rk)[None, :])
        gate += tl.dot(x, tl.load(W1 + (k0 + rk)[:, None] * N + rn[None, :]))
        up += tl.dot(x, tl.load(W2 + (k0 + rk)[:, None] * N + rn[None, :]))
    tl.store(Y + rm[:, None] * N + rn[None, :], (gate * tl.sigmoid(gate) * up).to(tl.float16))
