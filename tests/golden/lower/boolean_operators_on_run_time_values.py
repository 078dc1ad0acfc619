# kernel: k
# signature: *i32, i32, i32
# expect-ttir: arith.andi
# expect-ttir: arith.ori
# expect-ttir: scf.if
import triton
import triton.language as tl


@triton.jit
def k(o, n, m):
    if n > 1 and m < 5 or n == m:
        tl.store(o, 1)
    if 1 < n < m <= 9:
        tl.store(o + 1, 2)
    if m > 3 and True:
        tl.store(o + 2, 3)
