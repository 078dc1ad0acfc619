# kernel: k
# signature: *i32, *i32
# expect-ttir: tt.gather
# expect-ttir: tt.histogram
import triton
import triton.language as tl


@triton.jit
def k(a, o):
    i = tl.arange(0, 16)
    x = tl.load(a + i)
    tl.store(o + i, tl.gather(x, 15 - i, 0))
    tl.store(o + tl.arange(0, 8), tl.histogram(x, 8))
    tl.store(o + tl.arange(0, 8), x.histogram(8, mask=i < 3))
