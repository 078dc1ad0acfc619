# k, grid 3, x f32, y f32, n=700 B=256: y is x with each block of 256 reversed
# kernel: k
# signature: *fp32:16, *fp32:16, i32, 256
# grid: 3 1
# scalars: 700
# checked: races, bounds
# upstream: refuses tl.shared_memory is ours
import triton
import triton.language as tl


@triton.jit
def k(x, y, n, B: tl.constexpr):
    s = tl.shared_memory([B], tl.float32)
    i = tl.arange(0, B)
    at = tl.program_id(0) * B + i
    s[i] = tl.load(x + at, mask=at < n, other=0)
    tl.barrier()
    tl.store(y + at, s[B - 1 - i])
