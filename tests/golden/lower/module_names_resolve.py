# kernel: k
# signature: *fp32
# expect-ttir: end = 16
# expect-ttir: math.exp
# expect-ttir: constant 2.0
# upstream: refuses a module constant with an annotation
import triton
import triton.language as tl


import math
from triton.language import math as libm

SIZE = tl.constexpr(16)
SCALE: tl.constexpr = 0.5 * 4
exp = tl.exp if True else tl.exp2


@triton.jit
def k(o):
    i = tl.arange(0, SIZE)
    tl.store(o + i, exp(i.to(tl.float32)) * SCALE + libm.log2(2.0) + math.pi)
