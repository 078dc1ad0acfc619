# kernel: k
# signature: *fp32, *fp32
# expect-ttir: atomic_rmw max
# expect-ttir: atomic_rmw umin
# expect-ttir: arith.select
# expect-ttir: atomic_rmw min
# expect-ttir: atomic_rmw umax
# upstream: differs the sign bit is tested by a comparison here, by a shift upstream
import triton
import triton.language as tl


@triton.jit
def k(f32, x):
    i = tl.arange(0, 16)
    tl.store(x + i, tl.atomic_max(f32 + i, tl.load(x + i), mask=i < 5))
    tl.atomic_min(f32, tl.load(x))
