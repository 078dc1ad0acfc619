# kernel: k
# expect-error: 10:7 parameter 'pf' is given no argument
# expect-error: 10:11 missing constexpr 'N'
# upstream: differs
import triton
import triton.language as tl


@triton.jit
def k(pf, N: tl.constexpr):
    pass
