# kernel: k
# signature: *fp32, i32
# expect-ttir: scf.if
# expect-ttir: -> (i32, f32, i32)
# expect-ttir: scf.yield
# expect-ttir: scf.yield
import triton
import triton.language as tl


@triton.jit
def k(o, n):
    x = 1
    y = 2.0
    if n > 3:
        x = n
        z = 5
    else:
        y = y * 2
        z = n + 1
    tl.store(o, x + y + z)
