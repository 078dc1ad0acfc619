# kernel: k
# signature: *i32, *i32, *fp32
# expect-ttir: arith.sitofp
# expect-ttir: arith.sitofp
# expect-ttir: arith.divf
import triton
import triton.language as tl


@triton.jit
def k(a, b, o):
    i = tl.arange(0, 16)
    tl.store(o + i, tl.load(a + i) / tl.load(b + i))
