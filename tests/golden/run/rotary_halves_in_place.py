# the two halves of each head are rotated by the angle of their row, in place
# kernel: k
# signature: *fp32:16, *fp32:16, *fp32:16, i32, i32, 4, 32
# grid: 5
# scalars: 128 16
import triton
import triton.language as tl


@triton.jit
def rotate(low, high, cos, sin):
    return low * cos - high * sin, high * cos + low * sin


@triton.jit
def k(x, cos, sin, row_stride, half, HEADS: tl.constexpr, D: tl.constexpr):
    row = tl.program_id(0)
    lane = tl.arange(0, D // 2)
    c = tl.load(cos + row * half + lane, mask=lane < half, other=1.0)
    s = tl.load(sin + row * half + lane, mask=lane < half, other=0.0)
    head = tl.arange(0, HEADS)
    at = x + row * row_stride + head[:, None] * D + lane[None, :]
    low = tl.load(at)
    high = tl.load(at + D // 2)
    low, high = rotate(low, high, c[None, :], s[None, :])
    tl.store(at, low)
    tl.store(at + D // 2, high)
