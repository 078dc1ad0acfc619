# kernel: k
# signature: *fp32, *i8, *fp32
# expect-ttir: tt.scan
# expect-ttir: arith.addf
# expect-ttir: arith.extsi
# expect-ttir: tt.scan
# expect-ttir: arith.addi
# expect-ttir: arith.mulf
import triton
import triton.language as tl


@triton.jit
def k(a, b, o):
    i = tl.arange(0, 16)
    tl.store(o + i, tl.cumsum(tl.load(a + i), 0))
    tl.store(o + i, tl.cumsum(tl.load(b + i), axis=0, reverse=True))
    tl.store(o + i, tl.cumprod(tl.load(a + i), 0))
