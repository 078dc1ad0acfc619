# kernel: k
# signature: *fp32, *u32, *fp32
# expect-ttir: arith.extui
# expect-ttir: tt.addptr
import triton
import triton.language as tl


@triton.jit
def k(a, u, o):
    i = tl.arange(0, 16)
    tl.store(o + i, tl.load(a + tl.load(u + i)))
    tl.store(a + 1 - i, 3)
