# k, grid 1, x i32[32,8] with many equal values, o zeros i32[32], BM=32 BN=8
# o[i] is the first column that holds the maximum of row i
# kernel: k
# signature: *i32:16, *i32:16, 32, 8
# grid: 1 1
import triton
import triton.language as tl


@triton.jit
def k(x, o, BM: tl.constexpr, BN: tl.constexpr):
    rm = tl.arange(0, BM)
    rn = tl.arange(0, BN)
    a = tl.load(x + rm[:, None] * BN + rn[None, :])
    r = tl.argmax(a, axis=1)
    tl.store(o + tl.arange(0, 32), r)
