# kernel: k
# signature: *i32, *u32, *i32
# expect-ttir: arith.shrsi
# expect-ttir: arith.shrui
# expect-ttir: arith.shli
import triton
import triton.language as tl


@triton.jit
def k(a, u, o):
    i = tl.arange(0, 16)
    x = tl.load(a + i) >> 3
    y = tl.load(u + i) >> 3
    z = (1 << i) | (~x)
    tl.store(o + i, x + y.to(tl.int32) + z - (-x))
