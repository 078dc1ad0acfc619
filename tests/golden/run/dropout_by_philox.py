# k, grid 4, x f32[1000], o and r zeros f32[1000], ri zeros u32[1000], n=1000 p=0.3 seed=123456789 B=256
# ri is word 0 of Philox 4x32-10 with key seed and counter (i, 0, 0, 0); r is ri as i32, negatives complemented, times 4.6566127342e-10; o = x / 0.7 where r > 0.3 else 0
# kernel: k
# signature: *fp32:16, *fp32:16, *fp32:16, *u32:16, i32, fp32, i32, 256
# grid: 4 1
# scalars: 1000 0.3 123456789
import triton
import triton.language as tl


@triton.jit
def k(x, o, r, ri, n, p, seed, B: tl.constexpr):
    i = tl.program_id(0) * B + tl.arange(0, B)
    a = tl.load(x + i, mask=i < n)
    u = tl.rand(seed, i)
    tl.store(o + i, tl.where(u > p, a / (1 - p), 0.0), mask=i < n)
    tl.store(r + i, u, mask=i < n)
    tl.store(ri + i, tl.randint(seed, i), mask=i < n)
