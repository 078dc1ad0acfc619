# kernel: k
# signature: *i32:16, *i32:16, *fp32:16, i32, 128
# grid: 24
# scalars: 100
# k, grid 24, lock i32 (small numbers mean free), turn i32, x f32[100]
# every program adds 1 to all of x, and to its turn, while it holds the lock
import triton
import triton.language as tl


@triton.jit
def k(lock, turn, x, n, B: tl.constexpr):
    i = tl.arange(0, B)
    m = i < n
    while tl.atomic_max(lock, 100) >= 100:
        pass
    tl.store(x + i, tl.load(x + i, m) + 1.0, m)
    t = tl.load(turn)
    tl.store(turn, t + 1)
    tl.debug_barrier()
    while tl.atomic_cas(lock, 100, 0) != 100:
        pass
