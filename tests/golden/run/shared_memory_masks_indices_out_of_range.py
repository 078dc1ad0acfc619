# Stores and sums outside do nothing, loads give other or 0, cas gives 0;
# indices of 64, 16, 8 and unsigned 32 bits; booleans, 8 and 64 bits
# kernel: k
# signature: *i32:16, *i32:16, *i64:16, *i8:16, 64
# grid: 2 1
# checked: races, bounds
# upstream: refuses tl.shared_memory is ours
import triton
import triton.language as tl


@triton.jit
def k(x, out, wide, small, B: tl.constexpr):
    p = tl.program_id(0)
    i = tl.arange(0, B)
    s = tl.shared_memory([48], tl.int32)
    o = out + p * 1024
    s[i] = tl.load(x + p * B + i)
    s[i - 60] = 5
    tl.store(o + i, s[i])
    tl.store(o + 64 + i, s[i.to(tl.int64) * 4294967296 + i])
    tl.store(o + 128 + i, s[(i - 8).to(tl.uint32)])
    tl.store(o + 192 + i, s[(i * 3).to(tl.int8)])
    tl.store(o + 256 + i, s.load((i * 1000).to(tl.int16), other=7))
    tl.store(o + 320 + i, s.load(i + 10, mask=i < 60, other=9))
    c = tl.shared_memory([4], tl.int32)
    c[tl.arange(0, 4)] = tl.arange(0, 4)
    c.atomic_add(i - 2, i)
    tl.store(o + 384 + tl.arange(0, 4), c[:])
    old = c.atomic_cas(i - 3, c[i - 3], 100 + i)
    tl.store(o + 448 + i, old)
    tl.store(o + 512 + tl.arange(0, 4), c[:])
    b = tl.shared_memory([3, 5], tl.int1)
    r = tl.arange(0, 4)[:, None]
    q = tl.arange(0, 8)[None, :]
    b[r, q] = (r + q) % 2 == p
    flags = b[r, q]
    tl.store(o + 576 + r * 8 + q, tl.where(flags, 1, 2))
    w = tl.shared_memory(B, tl.int64)
    w[i] = i.to(tl.int64) * 4294967296 - 1
    tl.store(wide + p * B + i, w[i ^ 33])
    e = tl.shared_memory(B, tl.int8)
    e[B - 1 - i] = i.to(tl.int8)
    tl.store(small + p * B + i, e[i])
