# A loop whose sum is kept under two names, seen through a view: one name must
# not be overwritten before the other is read
# kernel: k
# signature: *i32:16, *i32:16, i32
# grid: 1 1
# scalars: 5
# checked: races, bounds
import triton
import triton.language as tl


@triton.jit
def k(x, o, n):
    i = tl.arange(0, 128)[:, None] * 8 + tl.arange(0, 8)[None, :]
    start = tl.load(x + i)
    a = start
    b = start
    for step in range(n):
        c = a + step
        d = tl.permute(c, (0, 1))
        a = d
        b = d
    tl.store(o + i, tl.flip(a, 0))
    tl.store(o + 1024 + i, b - start)
    j = tl.arange(0, 512)
    e = tl.load(x + j)
    f = e
    g = e
    for step in range(n):
        h = tl.reshape(e + step, (8, 64))
        e = tl.reshape(h, (512,))
        f = e
        g = f
    tl.store(o + 2048 + j, e)
    tl.store(o + 2560 + j, f)
    tl.store(o + 3072 + j, g)
