# tuples as arguments: unpacked, indexed, nested, gone over, handed on
# kernel: k
# signature: (*fp32:16, *fp32, i32), ((i32, 3), (fp32, None)), (*fp32, *fp32, *fp32), 64
# grid: 2
# scalars: 100 7 1.25
import triton
import triton.language as tl


@triton.jit
def scaled(v, how):
    (shift, by), (factor, nothing) = how
    if nothing is None:
        return v * factor + shift * by
    return v


@triton.jit
def k(ptrs, how, outs, BLOCK: tl.constexpr):
    x, y, n = ptrs
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    m = i < n
    tl.store(y + i, scaled(tl.load(x + i, m), how), m)
    tl.static_assert(len(outs) == 3)
    tl.static_assert(how[0][1] == 3)
    for o in tl.static_range(len(outs)):
        tl.store(outs[o] + i, (i * o + ptrs[2]).to(tl.float32), m)
    tl.store(ptrs[1] + n + i, how[1][0] + how[0][0] + tl.zeros((BLOCK,), tl.float32), m)
