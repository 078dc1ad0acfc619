# kernel: k
# signature: *i32, i32, i32
# expect-ttir: scf.for
# expect-ttir: scf.for
# expect-ttir: scf.yield
# expect-ttir: scf.if
import triton
import triton.language as tl


@triton.jit
def k(o, n, m):
    a = 0
    b = 1
    for i in range(n):
        for j in range(0, m):
            a, b = b, a + b
        if a > 100:
            b = b - a
    tl.store(o, a + b)
