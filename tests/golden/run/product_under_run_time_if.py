# k, grid 1, a b f32[32,32], o zeros f32[32,32], n=5
# o = 1.75 (a @ b)
# kernel: k
# signature: *fp32:16, *fp32:16, *fp32:16, i32
# grid: 1 1
# scalars: 5
import triton
import triton.language as tl


@triton.jit
def k(a, b, o, n):
    i = tl.arange(0, 32)[:, None] * 32 + tl.arange(0, 32)[None, :]
    acc = tl.zeros([32, 32], tl.float32)
    for s in range(n):
        if s % 2 == 0:
            acc = tl.dot(tl.load(a + i), tl.load(b + i), acc, input_precision="ieee")
        else:
            acc = acc * 0.5
    tl.store(o + i, acc)
