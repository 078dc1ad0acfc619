# kernel: k
# signature: *i8, *i16, *u8, *u32, *i64, *i64
import triton
import triton.language as tl


@triton.jit
def k(a8, b16, u8, u32, i64, o):
    i = tl.arange(0, 16)
    x = tl.load(a8 + i) + tl.load(b16 + i)
    y = tl.load(u8 + i) * x
    z = tl.load(u32 + i) + y
    tl.store(o + i, z + tl.load(i64 + i))
