# kernel: k
# signature: *fp32, i32
# constexpr: C=true
# expect-ttir: scf.if
# expect-ttir: scf.yield
import triton
import triton.language as tl


@triton.jit
def k(o, n, C: tl.constexpr):
    x = n if n > 3 else n * 2
    y = 1.0 if C else undefined
    tl.store(o, x + y)
