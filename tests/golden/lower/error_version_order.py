# kernel: k
# signature: *fp32
# expect-error: 14:22 the order of the versions is not known: the string
# upstream: differs
import triton
import triton.language as tl
from packaging import version



@triton.jit
def k(o):
    tl.store(o, 1.0)
    tl.static_assert(version.parse("3.0rc1") < version.parse("3.0"))
