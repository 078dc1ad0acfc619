# kernel: k
# signature: *fp32, *fp32
# expect-ttir: tt.reduce
# expect-ttir: arith.mulf
# expect-ttir: tt.reduce.return
# expect-ttir: tt.reduce.return
# expect-ttir: tt.scan
# expect-ttir: reverse = true
import triton
import triton.language as tl


@triton.jit
def mul(a, b):
    return a * b


@triton.jit
def welford(mean_a, m2_a, n_a, mean_b, m2_b, n_b):
    delta = mean_b - mean_a
    n = n_a + n_b
    ratio = tl.where(n == 0.0, 0.0, n_b / n)
    return mean_a + delta * ratio, m2_a + m2_b + delta * delta * n_a * ratio, n


@triton.jit
def k(a, o):
    i = tl.arange(0, 16)
    x = tl.load(a + i)
    tl.store(o, tl.reduce(x, 0, mul))
    m, s, n = tl.reduce((x, x * 0, tl.full((16,), 1.0, tl.float32)), 0, welford)
    tl.store(o + 1, m + s + n)
    tl.store(o + i, tl.associative_scan(x, 0, mul, reverse=True))
