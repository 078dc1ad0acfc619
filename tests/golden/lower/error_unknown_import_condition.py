# kernel: k
# signature: *fp32
# expect-error: 19:17 under a condition that is not known cannot be called
# upstream: differs
import triton
import triton.language as tl


import platform

if platform.machine() == "arm64":
    f = tl.exp
else:
    f = tl.log


@triton.jit
def k(o):
    tl.store(o, f(1.0))
