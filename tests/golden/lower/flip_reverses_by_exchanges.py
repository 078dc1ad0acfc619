# kernel: k
# signature: *fp32, *fp32
# expect-ttir: tt.bitcast
# expect-ttir: tt.reduce
# expect-ttir: arith.xori
# upstream: differs the casts to integers are nested differently
import triton
import triton.language as tl


@triton.jit
def k(a, o):
    i = tl.arange(0, 16)
    j = tl.arange(0, 4)[:, None]
    x = tl.load(a + j * 16 + i[None, :])
    tl.store(o + j * 16 + i[None, :], tl.flip(x, 1))
    tl.store(o + i, tl.flip(tl.load(a + i)))
