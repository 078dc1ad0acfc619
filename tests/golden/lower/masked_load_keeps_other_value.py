# kernel: k
# signature: *fp32:16, *fp32:16, i32
# constexpr: BLOCK=64
# expect-ttir: tt.load %7, %m, %10
# expect-ttir: tt.load
# expect-ttir: %m :
# expect-ttir: tt.store
# expect-ttir: %m :
import triton
import triton.language as tl


@triton.jit
def k(a, o, n, BLOCK: tl.constexpr):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    m = i < n
    x = tl.load(a + i, mask=m, other=-1)
    y = tl.load(a + i, m)
    tl.store(o + i, x + y, mask=m)
