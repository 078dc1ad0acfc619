# kernel: k
# signature: *fp32, *fp32
# expect-ttir: axis = 0
# expect-ttir: math.exp
# expect-ttir: axis = 0
# expect-ttir: arith.divf
# expect-ttir: axis = 1
import triton
import triton.language as tl


@triton.jit
def k(a, o):
    i = tl.arange(0, 16)
    x = tl.load(a + i[:, None] * 16 + i[None, :])
    tl.store(o + i[:, None] * 16 + i[None, :], tl.softmax(x) + tl.softmax(x, 1))
