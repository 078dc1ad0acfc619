# kernel: k
# signature: *fp32, i32
# expect-error: 11:5 x is fp32 after the then branch
import triton
import triton.language as tl


@triton.jit
def k(o, n):
    x = 1
    if n > 3:
        x = 2.0
    tl.store(o, x)
