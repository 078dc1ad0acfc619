# k, grid 1, x f32[20,50], o zeros f32[3], M=20 N=50 B=16
# o = sum of x[i,j] with j >= i, number of inner rounds (sum over i of ceil((50 - i) / 16)), maximum of those x and 0
# kernel: k
# signature: *fp32:16, *fp32:16, i32, i32, 16
# grid: 1 1
# scalars: 20 50
import triton
import triton.language as tl


@triton.jit
def k(x, o, M, N, B: tl.constexpr):
    tot = 0.0
    cnt = 0
    best = tl.full((B,), -1e30, tl.float32)
    for i in range(M):
        row = tl.zeros((B,), tl.float32)
        for j in range(i, N, B):
            c = j + tl.arange(0, B)
            v = tl.load(x + i * N + c, mask=c < N, other=0.0)
            row += v
            best = tl.maximum(best, v)
            cnt += 1
        tot += tl.sum(row)
    tl.store(o, tot)
    tl.store(o + 1, cnt.to(tl.float32))
    tl.store(o + 2, tl.max(best, 0))
