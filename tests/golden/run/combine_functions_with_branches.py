# kernel: k
# signature: *fp32:16, *i32:16, *fp32:16, *i32:16, *fp32:16
# grid: 1
import triton
import triton.language as tl


@triton.jit
def farther(x, y):
    if tl.abs(x) > tl.abs(y):
        return tl.abs(x)
    else:
        return tl.abs(y)


@triton.jit
def nearest(x, i, y, j):
    if x == y:
        if i < j:
            k = i
        else:
            k = j
    elif x < y:
        k = i
    else:
        k = j
    return tl.minimum(x, y), k


@triton.jit
def most(x, y):
    if x > y:
        z = x
    else:
        z = y
    return z


@triton.jit
def k(x, n, o, m, run):
    i = tl.arange(0, 16)[:, None] * 32 + tl.arange(0, 32)[None, :]
    v = tl.load(x + i)
    j = tl.load(n + i)
    row = tl.arange(0, 16)
    tl.store(o + row, tl.reduce(v, 1, farther))
    low, at = tl.reduce((v, j), 1, nearest)
    tl.store(o + 16 + row, low)
    tl.store(m + row, at)
    tl.store(run + i, tl.associative_scan(v, 1, most))
