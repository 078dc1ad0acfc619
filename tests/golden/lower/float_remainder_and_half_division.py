# kernel: k
# signature: *fp16, *fp16, *fp32
# expect-ttir: arith.remf
# expect-ttir: tensor<16xf32>
# expect-ttir: arith.divf
import triton
import triton.language as tl


@triton.jit
def k(a, b, o):
    i = tl.arange(0, 16)
    x = tl.load(a + i)
    y = tl.load(b + i)
    tl.store(o + i, x % y + x / y)
