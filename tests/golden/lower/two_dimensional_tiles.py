# kernel: k
# signature: *fp16:16, *fp16:16, i32:16, i32, i32, i32
# constexpr: BM=32 BN=64
# expect-ttir: tt.expand_dims
# expect-ttir: tt.broadcast
# expect-ttir: tt.trans
import triton
import triton.language as tl


@triton.jit
def k(a, o, sa, so, M, N, BM: tl.constexpr, BN: tl.constexpr):
    m = tl.program_id(0) * BM + tl.arange(0, BM)
    n = tl.program_id(1) * BN + tl.arange(0, BN)
    mask = (m[:, None] < M) & (n[None, :] < N)
    x = tl.load(a + m[:, None] * sa + n[None, :], mask=mask, other=0.)
    tl.store(o + n[:, None] * so + m[None, :], tl.trans(x), mask=tl.trans(mask))
    tl.store(o + n[:, None] * so + m[None, :], x.T)
