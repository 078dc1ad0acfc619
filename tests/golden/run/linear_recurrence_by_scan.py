# h[t] = a[t] * h[t-1] + b[t] along each row, by a scan over pairs
# kernel: k
# signature: *fp32:16, *fp32:16, *fp32:16, i32, 64, 4
# grid: 3
# scalars: 50
import triton
import triton.language as tl


@triton.jit
def compose(a0, b0, a1, b1):
    return a1 * a0, a1 * b0 + b1


@triton.jit
def k(a, b, h, n, T: tl.constexpr, ROWS: tl.constexpr):
    row = tl.program_id(0) * ROWS + tl.arange(0, ROWS)
    t = tl.arange(0, T)
    at = row[:, None] * n + t[None, :]
    inside = (t < n)[None, :]
    decay = tl.load(a + at, mask=inside, other=1.0)
    value = tl.load(b + at, mask=inside, other=0.0)
    _, state = tl.associative_scan((decay, value), 1, compose)
    tl.store(h + at, state, mask=inside)
