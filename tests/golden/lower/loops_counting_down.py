# kernel: k
# signature: *i32, i32
# expect-ttir: scf.for
# expect-ttir: arith.subi
# expect-ttir: arith.addi
import triton
import triton.language as tl


@triton.jit
def k(o, n):
    for i in range(10, 0, -3):
        tl.store(o + i, i)
    for i in range(n - 1, -1, -1):
        tl.store(o + i, n)
