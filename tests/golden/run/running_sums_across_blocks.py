# cumulative sums of columns in both directions, carried from block to block
# kernel: k
# signature: *i32:16, *i32:16, *i32:16, i32, 16, 8
# grid: 2
# scalars: 50
import triton
import triton.language as tl


@triton.jit
def k(x, up, down, n, T: tl.constexpr, C: tl.constexpr):
    c = tl.program_id(0) * C + tl.arange(0, C)[None, :]
    t = tl.arange(0, T)[:, None]
    carried = tl.zeros([1, C], tl.int32)
    for start in range(0, n, T):
        inside = start + t < n
        v = tl.load(x + (start + t) * 16 + c, mask=inside, other=0)
        tl.store(up + (start + t) * 16 + c, tl.cumsum(v, 0) + carried, mask=inside)
        tl.store(down + (start + t) * 16 + c, tl.cumsum(v, 0, reverse=True), mask=inside)
        carried += tl.sum(v, 0, keep_dims=True)
