# A sum of 256 by halving in shared memory, a prefix sum by doubling, both in
# run-time loops, and the larger of two arrays by index
# kernel: k
# signature: *i32:16, *i32:16, *i32:16, i32, 256
# grid: 3 1
# scalars: 128
# checked: races, bounds
# upstream: refuses tl.shared_memory is ours
import triton
import triton.language as tl


@triton.jit
def scan(s, i, B):
    step = 1
    while step < B:
        s[i] += s.load(i - step, mask=i >= step, other=0)
        step *= 2


@triton.jit
def k(x, out, prefix, half, B: tl.constexpr):
    p = tl.program_id(0)
    i = tl.arange(0, B)
    s = tl.shared_memory([B], tl.int32)
    t = tl.shared_memory([B], tl.int32)
    v = tl.load(x + p * B + i)
    s[i] = v
    t[i] = v
    n = half
    while n > 0:
        s.store(i, s[i] + s[i + n], mask=i < n)
        n = n // 2
    scan(t, i, B)
    if s[0] > 0:
        t[B - 1] = s[0] + p
    else:
        t[i] = -t[i]
    tl.store(out + p, s[0])
    tl.store(prefix + p * B + i, t[i])
