# kernel: k
# signature: *i32, *i32, *u32, *u32, *i32
# expect-ttir: arith.divsi
# expect-ttir: arith.remsi
# expect-ttir: arith.divui
# expect-ttir: arith.remui
import triton
import triton.language as tl


@triton.jit
def k(a, b, u, v, o):
    i = tl.arange(0, 16)
    x = tl.load(a + i) // tl.load(b + i)
    y = tl.load(a + i) % tl.load(b + i)
    z = tl.load(u + i) // tl.load(v + i) + tl.load(u + i) % tl.load(v + i)
    tl.store(o + i, x + y + z.to(tl.int32))
