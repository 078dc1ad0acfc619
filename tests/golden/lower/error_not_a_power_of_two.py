# kernel: k
# signature: *i32
# expect-error: 11:9 must be a power of 2
# expect-error: 12:9 must be a power of 2
import triton
import triton.language as tl


@triton.jit
def k(o):
    i = tl.arange(0, 48)
    x = tl.zeros((3, 4), tl.float32)
    tl.store(o + i, x)
