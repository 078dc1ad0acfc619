# kernel: k
# signature: *i32, *i32
# expect-ttir: tt.reshape
# expect-ttir: tt.reduce
# expect-ttir: arith.cmpi sgt
# expect-ttir: arith.select
# upstream: differs the exchange is written differently
import triton
import triton.language as tl


@triton.jit
def k(a, o):
    i = tl.arange(0, 16)
    x = tl.load(a + i)
    tl.store(o + i, tl.sort(x))
    tl.store(o + i, tl.sort(x, descending=True))
    tl.store(o + tl.arange(0, 4), tl.topk(x, 4))
