# kernel: k
# signature: *i32, i32
# expect-error: 15:9 `other` without `mask`
# expect-error: 16:9 load needs a pointer, got int32
# expect-error: 17:9 a mask is boolean, got int32[16]
# expect-error: 18:5 is a tensor int32[16] and the pointer is a scalar
# expect-error: 19:5 cannot store
import triton
import triton.language as tl


@triton.jit
def k(o, n):
    i = tl.arange(0, 16)
    x = tl.load(o + i, other=1)
    y = tl.load(n)
    z = tl.load(o + i, mask=i)
    tl.store(o, i)
    tl.store(o + i[:, None], i[None, :] + tl.zeros((16, 16), tl.int32))
