# kernel: k
# signature: *i32
# expect-error: 12:9 arange's end must be a compile-time integer, got int32
# expect-hint: tl.constexpr
import triton
import triton.language as tl


@triton.jit
def k(o):
    n = 16
    i = tl.arange(0, n)
    tl.store(o + i, 1)
