# k, grid 1, A f16[4,16,32] B f16[4,16,32] C zeros f32[4,16,16], G=4 M=16 N=16 K=32 BK=16
# C[g] = A[g] B[g]^T, the batch inside one tile
# kernel: k
# signature: *fp16:16, *fp16:16, *fp32:16, i32:16, 4, 16, 16, 16
# grid: 1 1
# scalars: 32
import triton
import triton.language as tl


@triton.jit
def k(A, B, C, K, G: tl.constexpr, M: tl.constexpr, N: tl.constexpr, BK: tl.constexpr):
    g = tl.arange(0, G)[:, None, None]
    m = tl.arange(0, M)[None, :, None]
    n = tl.arange(0, N)
    rk = tl.arange(0, BK)[None, None, :]
    acc = tl.zeros((G, M, N), dtype=tl.float32)
    for k0 in range(0, K, BK):
        a = tl.load(A + (g * M + m) * K + k0 + rk)
        b = tl.load(B + (g * N + n[None, :, None]) * K + k0 + rk)
        acc = tl.dot(a, tl.permute(b, (0, 2, 1)), acc)
    tl.store(C + (g * M + m) * N + n[None, None, :], acc)
