# k, grid 1, x f32[777], o zeros f32[64], n=777 B=64
# a = 0; for blocks b = 12 down to 0: a = a * 0.5 + x[64 b + i] (0 past the end); o = a + 0
# kernel: k
# signature: *fp32:16, *fp32:16, i32, 64
# grid: 1 1
# scalars: 777
import triton
import triton.language as tl


@triton.jit
def k(x, o, n, B: tl.constexpr):
    acc = tl.zeros((B,), tl.float32)
    last = -1
    for s in range((n - 1) // B * B, -1, -B):
        i = s + tl.arange(0, B)
        acc = acc * 0.5 + tl.load(x + i, mask=i < n, other=0.0)
        last = s
    tl.store(o + tl.arange(0, B), acc + last)
