# mean and variance of rows by blocks that are merged, any length
# kernel: k
# signature: *fp32:16, *fp32:16, *fp32:16, i32, 64
# grid: 4
# scalars: 150
import triton
import triton.language as tl


@triton.jit
def merge(mean0, m0, n0, mean1, m1, n1):
    n = n0 + n1
    share = tl.where(n == 0, 0.0, n1 / n)
    delta = mean1 - mean0
    return mean0 + delta * share, m0 + m1 + delta * delta * n0 * share, n


@triton.jit
def k(x, mean_out, var_out, n, B: tl.constexpr):
    row = tl.program_id(0)
    i = tl.arange(0, B)
    mean = tl.zeros([B], tl.float32)
    m2 = tl.zeros([B], tl.float32)
    count = tl.zeros([B], tl.float32)
    for start in range(0, n, B):
        inside = start + i < n
        v = tl.load(x + row * n + start + i, mask=inside, other=0.0)
        new = tl.where(inside, count + 1.0, count)
        delta = v - mean
        step = tl.where(inside, delta / tl.maximum(new, 1.0), 0.0)
        mean += step
        m2 += tl.where(inside, delta * (v - mean), 0.0)
        count = new
    mean_all, m2_all, count_all = tl.reduce((mean, m2, count), 0, merge)
    tl.store(mean_out + row, mean_all)
    tl.store(var_out + row, m2_all / count_all)
