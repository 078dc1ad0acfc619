# A tile carried by a loop whose elements change places within the registers of
# a thread: each is read before it is overwritten
# kernel: k
# signature: *fp16:16, *i32:16, *fp16:16, *i32:16, i32
# grid: 3 1
# scalars: 3
# checked: races, bounds
import triton
import triton.language as tl


@triton.jit
def k(x, y, o, p, n):
    pid = tl.program_id(0)
    i = tl.arange(0, 2)[:, None, None, None] * 512 + tl.arange(0, 2)[None, :, None, None] * 2 + \
        tl.arange(0, 128)[None, None, :, None] * 4 + tl.arange(0, 2)[None, None, None, :]
    t = tl.load(x + i + pid * 16)
    for _ in range(n - pid):
        t = tl.permute(t, (3, 1, 2, 0))
    tl.store(o + i + pid * 1024, t)
    # three carried tiles, two of which change places, and a sum of both
    j = tl.arange(0, 2)[:, None, None] + tl.arange(0, 2)[None, :, None] * 2 + tl.arange(0, 128)[None, None, :] * 4
    a = tl.load(y + j + pid * 512)
    b = a * 3
    c = a - b
    for _ in range(n - pid):
        c += tl.permute(c, (1, 0, 2)) * 5
        a, b = tl.permute(b, (1, 0, 2)), tl.permute(a, (1, 0, 2)) + b
    tl.store(p + j + pid * 1536, a)
    tl.store(p + j + pid * 1536 + 512, b)
    tl.store(p + j + pid * 1536 + 1024, c)
