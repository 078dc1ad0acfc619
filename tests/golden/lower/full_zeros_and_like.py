# kernel: k
# signature: *fp32, i32
import triton
import triton.language as tl


@triton.jit
def k(o, n):
    i = tl.arange(0, 16)
    a = tl.full((16,), 3, tl.float16)
    b = tl.full([16], n, dtype=tl.int64)
    c = tl.zeros((16,), dtype=tl.float32) + tl.zeros_like(a)
    d = tl.full((), 7.0, tl.float32)
    tl.store(o + i, a + c + d + b)
