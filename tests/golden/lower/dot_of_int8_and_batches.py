# kernel: k
# signature: *i8, *i8, *fp32, *fp32
# expect-ttir: -> tensor<32x32xi32>
# expect-ttir: inputPrecision = tf32x3
# expect-ttir: -> tensor<2x32x32xf32>
import triton
import triton.language as tl


@triton.jit
def k(a, b, c, o):
    i = tl.arange(0, 32)[:, None] * 32 + tl.arange(0, 32)[None, :]
    tl.store(o + i, tl.dot(tl.load(a + i), tl.load(b + i)))
    j = tl.arange(0, 2)[:, None, None] * 1024 + i[None, :, :]
    x = tl.load(c + j)
    tl.store(o + j, tl.dot(x, x, input_precision="tf32x3"))
    tl.store(o + j, tl.dot(x, x, allow_tf32=False))
