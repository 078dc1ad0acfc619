# kernel: k
# signature: *fp32:16, *i32:16, *fp32:16, *fp32:16, i32
# grid: 1
# scalars: 11
# k, grid 1, p f32[16,64], rows i32[16], o f32[16,32], q f32[16,64]
# o[r] is p[rows[r], 32:64], zero beyond M rows; the same rows of q get o + 1
import triton
import triton.language as tl


@triton.jit
def k(p, rows, o, q, M):
    r = tl.load(rows + tl.arange(0, 16)) * 2
    d = tl.make_tensor_descriptor(p, [M, 64], [64, 1], [1, 32])
    v = d.gather(r, 32)
    tl.store(o + tl.arange(0, 16)[:, None] * 32 + tl.arange(0, 32), v)
    e = tl.make_tensor_descriptor(q, [M, 64], [64, 1], [1, 32])
    e.scatter(tl.full([16, 32], 1.5, tl.float32), r, 0)
