# kernel: k
# signature: *fp32, *fp32, i32
# constexpr: FLAG=false
# expect-ttir: -> (f32) : i32
import triton
import triton.language as tl


@triton.jit
def k(a, o, n, FLAG: tl.constexpr):
    s = 1.5
    acc = 0.0
    for j in range(n):
        if FLAG:
            s = s * 2
        acc += tl.load(a + j) * s
    tl.store(o, acc)
