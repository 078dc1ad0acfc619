# kernel: k
# signature: *fp16, *fp16, *fp32
# expect-ttir: tt.dot
# expect-ttir: -> tensor<32x32xf32>
# expect-ttir: tt.dot
# expect-ttir: -> tensor<32x32xf16>
import triton
import triton.language as tl


@triton.jit
def k(a, b, o):
    i = tl.arange(0, 32)[:, None] * 32 + tl.arange(0, 32)[None, :]
    x = tl.load(a + i)
    y = tl.load(b + i)
    acc = tl.dot(x, y)
    acc = tl.dot(x, y, acc)
    acc += tl.dot(x, tl.trans(y), out_dtype=tl.float16)
    tl.store(o + i, acc)
