# k, grid 40, x f32[777], o zeros f32[777], n=777 B=64
# o = 3 x, but -1 in elements 64 to 127
# kernel: k
# signature: *fp32:16, *fp32:16, i32, 64
# grid: 40 1
# scalars: 777
import triton
import triton.language as tl


@triton.jit
def k(x, o, n, B: tl.constexpr):
    p = tl.program_id(0)
    if p * B >= n:
        return
    if p == 1:
        tl.store(o + p * B + tl.arange(0, B), -1.0)
        return
    i = p * B + tl.arange(0, B)
    tl.store(o + i, tl.load(x + i, mask=i < n) * 3, mask=i < n)
