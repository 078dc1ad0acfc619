# kernel: k
# signature: *fp16, *fp16
# expect-ttir: arith.constant 2.500000e+00 : f16
# expect-ttir: arith.mulf
# reject-ttir: extf
import triton
import triton.language as tl


@triton.jit
def k(a, o):
    i = tl.arange(0, 16)
    tl.store(o + i, tl.load(a + i) * 2.5)
