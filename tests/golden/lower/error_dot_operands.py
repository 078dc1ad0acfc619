# kernel: k
# signature: *fp16, *fp32, *fp32
# expect-error: 15:21 dot does not take fp16[16, 16] and fp32[16, 16]
# expect-error: 16:21 cannot multiply
# expect-error: 18:21 tensors do not take @
import triton
import triton.language as tl


@triton.jit
def k(a, b, o):
    i = tl.arange(0, 16)[:, None] * 16 + tl.arange(0, 16)[None, :]
    x = tl.load(a + i)
    y = tl.load(b + i)
    tl.store(o + i, tl.dot(x, y))
    tl.store(o + i, tl.dot(x, tl.reshape(x, (8, 32))))
    tl.store(o + i, tl.dot(x, x, acc=x))
    tl.store(o + i, x @ x)
