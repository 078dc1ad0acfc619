# kernel: k
# signature: *fp32, *fp32, i32
# expect-ttir: tt.load
# expect-ttir: tt.store
# expect-ttir: arith.constant 2
# expect-ttir: tt.store
import triton
import triton.language as tl


@triton.jit
def k(a, o, n):
    x = tl.load(a + n, mask=n > 3, other=0.0)
    tl.store(o, x, mask=n > 4)
    tl.store(o + 1, 2)
