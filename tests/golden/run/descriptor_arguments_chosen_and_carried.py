# descriptors chosen by a run-time if and exchanged by a loop, with their sizes
# kernel: k
# signature: tensordesc<fp32[4,16]>, tensordesc<fp32[4,16]>, *fp32, *i64, i32
# grid: 2
# scalars: 16 16 20 24 30 32 5
import triton
import triton.language as tl


@triton.jit
def k(a, b, o, sizes, n):
    pid = tl.program_id(0)
    if pid == 0:
        d, e = a, b
    else:
        d, e = b, a
    total = tl.zeros((4, 16), dtype=tl.float32)
    for i in range(n):
        total += d.load([i * 4, pid * 8]) * (i + 1)
        f = d
        d = e
        e = f
    r = tl.arange(0, 4)[:, None] * 16 + tl.arange(0, 16)[None, :]
    tl.store(o + pid * 64 + r, total)
    tl.store(sizes + pid * 2, d.shape[0] + d.shape[1])
    tl.store(sizes + pid * 2 + 1, e.strides[0] * 1000 + e.strides[1])
