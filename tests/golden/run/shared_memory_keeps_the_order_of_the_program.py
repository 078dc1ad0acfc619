# Arrays in loops and branches, one whose contents stay from trip to trip, two
# of one helper's calls, in tuples and returned; old values; tables
# kernel: k
# signature: *i32:16, *i32:16, *fp32:16, *fp32:16, i32, 128
# grid: 4 1
# scalars: 5
# checked: races, bounds
# upstream: refuses tl.shared_memory is ours
import triton
import triton.language as tl


@triton.jit
def made(x, i, B: tl.constexpr):
    s = tl.shared_memory([B], tl.int32)
    s[i] = x
    return s, s[i ^ 1]


@triton.jit
def k(x, out, table, y, n, B: tl.constexpr):
    p = tl.program_id(0)
    i = tl.arange(0, B)
    v = tl.load(x + p * B + i)
    a, left = made(v, i, B)
    b, right = made(v * 3, i, B)
    both = (a, b)
    total = tl.zeros([B], tl.int32)
    for step in range(n):
        scratch = tl.shared_memory([B], tl.int32)
        if step > 0:
            total += scratch[(i + 7) % B]
        scratch[i] = both[0][i] + step
        total += scratch[(i * 5) % B]
        a[i] = b[B - 1 - i]
        if step % 2 == p % 2:
            b[i] = total
        else:
            b[0] = step
        a[3] = a[4]
    ticket = tl.shared_memory([1], tl.int32)
    ticket[0] = p
    first = ticket.atomic_add(0, 10)
    second = ticket.atomic_xchg(0, n)
    ones = tl.shared_memory([4], tl.int32)
    ones[:] = tl.zeros([4], tl.int32)
    taken = ones.atomic_add(i % 4, 1)
    rank = tl.sum(taken, 0)
    o = out + p * 1024
    tl.store(o + i, total + left + right)
    tl.store(o + 128 + i, a[i] + both[1][i])
    tl.store(o + 256, first + second * 100 + ticket[0] * 10000)
    tl.store(o + 257, rank)
    lut = tl.shared_memory([16], tl.float32)
    lut[tl.arange(0, 16)] = tl.load(table + tl.arange(0, 16))
    tl.store(y + p * B + i, lut[v & 15] + lut[n])
