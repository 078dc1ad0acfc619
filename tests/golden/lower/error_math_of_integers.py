# kernel: k
# signature: *fp16, i32
# expect-error: 12:17 exp takes fp32 or fp64, got int32
# expect-error: 13:17 exp takes fp32 or fp64, got fp16
# expect-hint: x.to(tl.float32)
import triton
import triton.language as tl


@triton.jit
def k(o, n):
    tl.store(o, tl.exp(n))
    tl.store(o, tl.exp(tl.load(o)))
