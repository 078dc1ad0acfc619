# k, grid 3, x_ptr f32[33,17], o_ptr zeros f32[33,17], M=33 N=17 stride=17 BM=16 BN=32
# each row is exp(x - max) / sum, to 1e-5
# kernel: k
# signature: *fp32:16, *fp32:16, i32, i32, i32, 16, 32
# grid: 3 1
# scalars: 33 17 17
import triton
import triton.language as tl


@triton.jit
def k(x_ptr, o_ptr, M, N, stride, BM: tl.constexpr, BN: tl.constexpr):
    rows = tl.program_id(0) * BM + tl.arange(0, BM)
    cols = tl.arange(0, BN)
    mask = (rows < M)[:, None] & (cols < N)[None, :]
    p = rows[:, None] * stride + cols[None, :]
    x = tl.load(x_ptr + p, mask=mask, other=-float("inf")).to(tl.float32)
    x = x - tl.max(x, axis=1, keep_dims=True)
    e = tl.exp(x)
    y = e / tl.sum(e, axis=1)[:, None]
    tl.store(o_ptr + p, y.to(o_ptr.dtype.element_ty), mask=mask)
