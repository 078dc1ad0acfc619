# what a descriptor argument reads outside of its tensor; sizes and strides
# kernel: k
# signature: tensordesc<fp32[8,16]>:nan, tensordesc<fp32[64]>, *fp32, *i64
# grid: 2
# scalars: 13 21 24 150
import triton
import triton.language as tl


@triton.jit
def k(x, flat, o, sizes):
    pid = tl.program_id(0)
    v = x.load([pid * 8, pid * 16])
    v = tl.where(v != v, -1.0, v)
    r = tl.arange(0, 8)[:, None] * 16 + tl.arange(0, 16)[None, :]
    tl.store(o + pid * 256 + r, v)
    tl.store(o + pid * 256 + 128 + tl.arange(0, 64), flat.load([120 * pid]))
    if pid == 0:
        tl.store(sizes, x.shape[0])
        tl.store(sizes + 1, x.shape[1])
        tl.store(sizes + 2, x.strides[0])
        tl.store(sizes + 3, x.strides[1])
        tl.store(sizes + 4, flat.shape[0] + flat.strides[0])
