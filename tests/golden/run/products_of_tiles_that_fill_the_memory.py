# kernel: k
# signature: *fp32:16, *fp32:16, *fp32:16
# grid: 1
# Two tiles that two products read each: 2 x 64 x 64 floats are all of the
# threadgroup memory, so that their rows have no room for gaps.
import triton
import triton.language as tl


@triton.jit
def k(a_ptr, b_ptr, out):
    i = tl.arange(0, 64)
    at = i[:, None] * 64 + i[None, :]
    a = tl.load(a_ptr + at)
    b = tl.load(b_ptr + at)
    s = tl.dot(a, b, input_precision="ieee")
    t = tl.dot(a, b, acc=s * s, input_precision="ieee")
    tl.store(out + at, s)
    tl.store(out + 4096 + at, t)
