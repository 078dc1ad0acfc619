# kernel: k
# signature: *fp32, i32
# expect-error: 16:17 x may be unassigned here
# expect-error: 17:17 y may be unassigned here
# expect-error: 18:17 i may be unassigned here
import triton
import triton.language as tl


@triton.jit
def k(o, n):
    if n > 3:
        x = 2.0
    for i in range(n):
        y = i
    tl.store(o, x)
    tl.store(o, y)
    tl.store(o, i)
