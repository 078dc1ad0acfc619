# Volatile loads as loop bounds and conditions, of tiles that threads share and
# of halves, with masks
# kernel: k
# signature: *i32:16, *i32:16, *fp16:16, *bf16:16, i32, 256
# grid: 3 1
# scalars: 5
# checked: races, bounds
import triton
import triton.language as tl


@triton.jit
def k(x, o, h, b, n, B: tl.constexpr):
    p = tl.program_id(0)
    i = tl.arange(0, B)
    j = tl.arange(0, 16)
    own = o + p * 1024
    tl.store(own + i, 0)
    while tl.load(own, volatile=True) < n:
        tl.store(own + i, tl.load(own + i, volatile=True) + 1)
    for step in range(tl.load(own + 1, cache_modifier=".cv")):
        tl.store(own + 256 + i, i + step)
    few = tl.load(x + p * 16 + j, mask=j < 9, other=3, volatile=True)
    tl.store(own + 512 + j, tl.cumsum(few, 0))
    half = tl.load(h + p * B + i, mask=i > 7, other=1.5, volatile=True)
    tl.store(b + p * B + i, half.to(tl.bfloat16) + tl.load(b + p * B + i, volatile=True))
