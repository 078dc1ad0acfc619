# kernel: k
# signature: *fp32, *fp32, i32
# expect-error: 13:9 acc is int32 before the loop
# expect-hint: 0.0
import triton
import triton.language as tl


@triton.jit
def k(a, o, n):
    acc = 0
    for i in range(n):
        acc += tl.load(a + i)
    tl.store(o, acc)
