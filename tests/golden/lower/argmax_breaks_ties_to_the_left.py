# kernel: k
# signature: *fp32, *i32
# expect-ttir: arith.cmpf oeq
# expect-ttir: arith.cmpi slt
# expect-ttir: arith.andi
# expect-ttir: arith.cmpf ogt
# expect-ttir: arith.ori
# expect-ttir: arith.select
# expect-ttir: arith.select
# expect-ttir: tt.reduce.return
import triton
import triton.language as tl


@triton.jit
def k(a, o):
    i = tl.arange(0, 16)
    x = tl.load(a + i)
    tl.store(o, tl.argmax(x, 0))
    tl.store(o + 1, tl.argmin(x, 0, tie_break_left=False))
    v, j = tl.max(x, axis=0, return_indices=True)
    tl.store(o + 2, v.to(tl.int32) + j)
    y = tl.load(a + i[:, None] * 16 + i[None, :])
    tl.store(o + i, tl.argmax(y, axis=1))
