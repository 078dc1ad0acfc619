# kernel: k
# signature: *fp32, i32, i32
# expect-ttir: scf.if
# expect-ttir: scf.if
import triton
import triton.language as tl


@triton.jit
def k(o, n, m):
    x = tl.zeros((16,), tl.float32)
    if n > 3:
        if m > 2:
            x += 1
        elif m > 1:
            x = x * 2 + m
    elif n == 0:
        x -= 1
    tl.store(o + tl.arange(0, 16), x)
