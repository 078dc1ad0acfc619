# kernel: k
# signature: *i64, i32:1, i32
# reject-ttir: %stride
import triton
import triton.language as tl


@triton.jit
def k(o, stride, n):
    i = tl.arange(0, 16)
    tl.store(o + i * stride, n.to(tl.int64))
