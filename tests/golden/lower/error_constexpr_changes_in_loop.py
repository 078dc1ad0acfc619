# kernel: k
# signature: *i32, i32
# constexpr: C=3
# expect-error: 12:9 C is the constant 3 before the loop
import triton
import triton.language as tl


@triton.jit
def k(o, n, C: tl.constexpr):
    for i in range(n):
        C = C + 1
    tl.store(o, C)
