# kernel: k
# signature: *i64, i64, i32
# expect-ttir: scf.for
# expect-ttir: : i64
import triton
import triton.language as tl


@triton.jit
def k(o, n, m):
    for i in range(0, n):
        tl.store(o + i, i)
    for i in range(m, n, 2):
        tl.store(o + i, 1)
