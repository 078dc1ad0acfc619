# Counts, sums, extremes, bits and a lock-free maximum, in arrays of atomics;
# the loop's sums need no barrier between trips
# kernel: k
# signature: *i32:16, *fp32:16, *i32:16, *fp32:16, *i32:16, i32, 256
# grid: 3 1
# scalars: 1000
# checked: races, bounds
# upstream: refuses tl.shared_memory is ours
import triton
import triton.language as tl


@triton.jit
def k(x, v, counts, sums, extremes, n, B: tl.constexpr):
    p = tl.program_id(0)
    i = tl.arange(0, B)
    h = tl.shared_memory([64], tl.int32)
    s = tl.shared_memory([64], tl.float32)
    m = tl.shared_memory([8], tl.uint32)
    f = tl.shared_memory([2], tl.float32)
    bin = tl.arange(0, 64)
    h[bin] = 0
    s[bin] = 0.0
    m[tl.arange(0, 8)] = 0
    m.atomic_min(3, 7)
    m.atomic_or(4, 1)
    f[0] = -1000.0
    f[1] = 1000.0
    for b in range(0, n, B):
        at = b + i
        key = tl.load(x + p * n + at, mask=at < n, other=0) & 63
        h.atomic_add(key, 1, mask=at < n)
        value = tl.load(v + p * n + at, mask=at < n, other=0)
        s.atomic_add(key, value, mask=at < n)
        m.atomic_max(0, (key * 5).to(tl.uint32).max(0))
        m.atomic_add(1, 1)
        m.atomic_max(key % 2 + 5, key.to(tl.uint32))
        f.atomic_max(0, tl.max(value, 0))
        f.atomic_min(1, tl.min(value, 0))
    tl.store(counts + p * 64 + bin, h[bin])
    tl.store(sums + p * 64 + bin, s[bin])
    tl.store(sums + 1000 + p * 2 + tl.arange(0, 2), f[:])
    tl.store(extremes + p * 8 + tl.arange(0, 8), m[:].to(tl.int32))
