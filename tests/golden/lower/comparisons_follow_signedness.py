# kernel: k
# signature: *i32, *u32, *fp32, *i1
# expect-ttir: cmpi slt
# expect-ttir: cmpi uge
# expect-ttir: cmpf une
# expect-ttir: cmpi eq
# expect-ttir: arith.andi
# expect-ttir: arith.xori
# expect-ttir: arith.ori
import triton
import triton.language as tl


@triton.jit
def k(a, u, f, o):
    i = tl.arange(0, 16)
    x = tl.load(a + i) < 3
    y = tl.load(u + i) >= 3
    z = tl.load(f + i) != 0.5
    w = tl.load(a + i) == tl.load(u + i)
    tl.store(o + i, x & y | z ^ w)
