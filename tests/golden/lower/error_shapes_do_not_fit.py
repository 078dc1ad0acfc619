# kernel: k
# signature: *i32
# expect-error: 10:9 shapes do not fit: int32[16] and int32[32] differ at dimension 0
import triton
import triton.language as tl


@triton.jit
def k(o):
    x = tl.arange(0, 16) + tl.arange(0, 32)
    tl.store(o, x)
