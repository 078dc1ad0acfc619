# kernel: k
# signature: *i32, u32, i32
# expect-error: 12:17 // does not take int32 and uint32
# expect-error: 13:17 is negative and the other operand is uint32
# expect-error: 14:31 ** is only for compile-time numbers
import triton
import triton.language as tl


@triton.jit
def k(o, u, n):
    tl.store(o, n // u)
    tl.store(o, u + -1)
    tl.store(o, 1.5 // 0.25 + n ** 2)
