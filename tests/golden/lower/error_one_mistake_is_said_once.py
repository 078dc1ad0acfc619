# kernel: k
# signature: *fp32, i32
# expect-error: 11:9 has no 'nothing'
# expect-error: 18:17 undefined is not defined
import triton
import triton.language as tl


@triton.jit
def k(o, n):
    x = tl.nothing(n)
    y = x + 1
    if y > 3:
        z = y
    for i in range(y):
        z = i
    tl.store(o + y, z)
    tl.store(o, undefined)
