# k, grid 2,2, x f32[15,127] arange, o zeros f32[127,15], M=15 N=127 sxm=127 sxn=1 som=15 son=1 BM=8 BN=64
# o is x transposed, exactly
# kernel: k
# signature: *fp32:16, *fp32:16, i32, i32, i32, i32, i32, i32, 8, 64
# grid: 2 2
# scalars: 15 127 127 1 15 1
import triton
import triton.language as tl


@triton.jit
def k(x, o, M, N, sxm, sxn, som, son, BM: tl.constexpr, BN: tl.constexpr):
    pm = tl.program_id(0); pn = tl.program_id(1)
    rm = pm * BM + tl.arange(0, BM)
    rn = pn * BN + tl.arange(0, BN)
    a = tl.load(x + rm[:, None] * sxm + rn[None, :] * sxn, mask=(rm[:, None] < M) & (rn[None, :] < N), other=-1.0)
    b = tl.trans(a)
    tl.store(o + rn[:, None] * som + rm[None, :] * son, b, mask=(rn[:, None] < N) & (rm[None, :] < M))
