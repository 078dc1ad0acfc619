# kernel: k
# signature: *i32, *fp32, *i32, *fp32, i32
# expect-ttir: arith.subi
# expect-ttir: arith.negf
# expect-ttir: arith.xori
# expect-ttir: scf.if
import triton
import triton.language as tl


@triton.jit
def k(a, f, o, p, n):
    i = tl.arange(0, 16)
    tl.store(o + i, -tl.load(a + i))
    tl.store(p + i, -tl.load(f + i))
    if not n > 3:
        tl.store(o, tl.load(a))
