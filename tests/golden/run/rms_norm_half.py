# k, grid 7, X f16[7,1000], Y zeros f16[7,1000], W f16[1000], N=1000 eps=1e-5 BN=1024
# Y = X / sqrt(mean of squares of the row + eps) * W, to 2e-3
# kernel: k
# signature: *fp16:16, *fp16:16, *fp16:16, i32, fp32, 1024
# grid: 7 1
# scalars: 1000 1e-5
import triton
import triton.language as tl


@triton.jit
def k(X, Y, W, N, eps, BN: tl.constexpr):
    row = tl.program_id(0)
    cols = tl.arange(0, BN)
    mask = cols < N
    x = tl.load(X + row * N + cols, mask=mask, other=0.0).to(tl.float32)
    rstd = tl.rsqrt(tl.sum(x * x, axis=0) / N + eps)
    w = tl.load(W + cols, mask=mask).to(tl.float32)
    tl.store(Y + row * N + cols, (x * rstd * w).to(Y.dtype.element_ty), mask=mask)
