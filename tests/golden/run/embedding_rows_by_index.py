# k, grid 5, idx i64[33] in 0..49, w f32[50,70], o zeros f32[33,70], D=70 n=33 BM=8 BD=128
# o[r] = w[idx[r]], exactly
# kernel: k
# signature: *i64:16, *fp32:16, *fp32:16, i32, i32, 8, 128
# grid: 5 1
# scalars: 70 33
import triton
import triton.language as tl


@triton.jit
def k(idx, w, o, D, n, BM: tl.constexpr, BD: tl.constexpr):
    r = tl.program_id(0) * BM + tl.arange(0, BM)
    d = tl.arange(0, BD)
    t = tl.load(idx + r, mask=r < n, other=0)
    v = tl.load(w + t[:, None] * D + d[None, :], mask=(r < n)[:, None] & (d < D)[None, :])
    tl.store(o + r[:, None] * D + d[None, :], v, mask=(r < n)[:, None] & (d < D)[None, :])
