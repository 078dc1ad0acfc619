# A mask that is the same in all elements of a vector is one bool; reduced
# along the vector it counts once for each of them
# kernel: k
# signature: *i16:16, *i32:16, *i32:16, i32
# grid: 2 1
# scalars: 1
import triton
import triton.language as tl


@triton.jit
def either(a, b):
    return a | b


@triton.jit
def differ(a, b):
    return a ^ b


@triton.jit
def both(a, b):
    return a & b


@triton.jit
def one_of(x, y, s):
    if s > 0:
        return x
    return y


@triton.jit
def k(x, y, o, n):
    pid = tl.program_id(0)
    i = tl.arange(0, 256)[:, None, None] * 2 + tl.arange(0, 1)[None, :, None] * 2 + tl.arange(0, 2)[None, None, :]
    t = tl.load(x + i)
    low, high = tl.split(t >= t)
    c = one_of(high, low, n - pid)
    tl.store(o + pid * 8 + tl.arange(0, 1), tl.reduce(c, 0, either).to(tl.int32))
    tl.store(o + pid * 8 + 1 + tl.arange(0, 1), tl.reduce(c, 0, both).to(tl.int32))
    # runs of 8 equal elements along the axis that is reduced
    r = tl.arange(0, 2048) // 8
    m = one_of(r % 3 == 1, r % 3 == 2, n - pid)
    tl.store(o + pid * 8 + 2, tl.reduce(m, 0, either).to(tl.int32))
    tl.store(o + pid * 8 + 3, tl.reduce(m, 0, differ).to(tl.int32))
    q = tl.reshape(m, (4, 512))
    tl.store(o + 100 + pid * 16 + tl.arange(0, 4), tl.reduce(q, 1, differ).to(tl.int32))
    tl.store(o + 104 + pid * 16 + tl.arange(0, 4), tl.reduce(q, 1, both).to(tl.int32))
    tl.store(o + 1024 + pid * 2048 + tl.arange(0, 2048), tl.where(m, tl.load(y + tl.arange(0, 2048)), 7))
