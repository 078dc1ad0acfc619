# kernel: k
# signature: *fp32
# expect-error: 10:12 shapes do not fit
import triton
import triton.language as tl


@triton.jit
def helper(x):
    return x + tl.arange(0, 8)


@triton.jit
def k(o):
    tl.store(o, helper(tl.arange(0, 16)))
