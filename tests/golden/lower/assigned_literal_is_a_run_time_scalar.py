# kernel: k
# signature: *fp16, *fp16
# expect-ttir: arith.extf
# expect-ttir: arith.mulf
# expect-ttir: arith.truncf
import triton
import triton.language as tl


@triton.jit
def k(a, o):
    i = tl.arange(0, 16)
    two = 2.5
    tl.store(o + i, (tl.load(a + i) * two).to(tl.float16))
