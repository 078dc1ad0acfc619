# k, grid 4, x f32[777], o zeros f32[777], n=777 mode=3 B=256
# o = x + 3 in even blocks of 256, -x + 4 in odd ones
# kernel: k
# signature: *fp32:16, *fp32:16, i32, i32, 256
# grid: 4 1
# scalars: 777 3
import triton
import triton.language as tl


@triton.jit
def k(x, o, n, mode, B: tl.constexpr):
    i = tl.program_id(0) * B + tl.arange(0, B)
    m = i < n
    a = tl.load(x + i, mask=m, other=0.0)
    if mode == 0:
        r = a * 2
        s = 1
    elif mode == 7:
        r = tl.exp(a)
        s = 2
    else:
        r = a
        s = 3
        if tl.program_id(0) % 2 == 1:
            r = -a
            s = 4
    tl.store(o + i, r + s, mask=m)
