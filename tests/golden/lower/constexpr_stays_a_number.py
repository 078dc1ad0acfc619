# kernel: k
# signature: *fp16, *fp16
# reject-ttir: extf
import triton
import triton.language as tl


@triton.jit
def k(a, o):
    i = tl.arange(0, 16)
    two: tl.constexpr = 2.5
    tl.store(o + i, tl.load(a + i) * two)
