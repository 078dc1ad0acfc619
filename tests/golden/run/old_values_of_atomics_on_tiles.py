# kernel: k
# signature: *i32:16, *i32:16, *fp32:16, i32
# grid: 1
# scalars: 11
# k, grid 1, c i32[512], o i32[5,256], f f32[64]
# what the cells held before an addition, an exchange and two comparisons, for
# tiles below and above the number of threads
import triton
import triton.language as tl


@triton.jit
def k(c, o, f, n):
    i = tl.arange(0, 16)
    tl.store(o + i, tl.atomic_add(c + i, i, mask=i < n, sem="relaxed"), i < n)
    tl.store(o + 16 + i, tl.atomic_xchg(c + 16 + i, i))
    tl.store(o + 32 + i, tl.atomic_cas(c + 32 + i, tl.full([16], 3, tl.int32), 100 + i))
    old = tl.atomic_cas(f + i, tl.load(f + i), i.to(tl.float32))
    tl.store(f + 32 + i, old)
    j = tl.arange(0, 256)
    tl.store(o + 256 + j, tl.atomic_max(c + 256 + j, j % 8))
    tl.store(o + 512, tl.atomic_or(c + 512, 8, scope="cta"))
