# kernel: k
# signature: *i32
# constexpr: N=24
# expect-error: 11:5 static_assert failed: N is 24
import triton
import triton.language as tl


@triton.jit
def k(o, N: tl.constexpr):
    tl.static_assert(N % 16 == 0, f"N is {N}")
    tl.static_assert(N == 24)
    tl.store(o, 1)
