# Words passed on by atomic stores and loads, of tiles and of one element, with
# masks; each program has its own 256 words of o and f
# kernel: k
# signature: *i32:16, *fp32:16, *i32:16, *fp32:16, 256
# grid: 3 1
import triton
import triton.language as tl


@triton.jit
def k(x, y, o, f, B: tl.constexpr):
    p = tl.program_id(0)
    i = tl.arange(0, B)
    v = tl.atomic_load(x + p * B + i, mask=i < 200)
    tl.atomic_store(o + p * B + (i ^ 5), tl.where(i < 200, v, i), mask=i % 3 != 0)
    w = tl.atomic_load(o + p * B + i, sem="relaxed")
    first = (o + p * B + 1).atomic_load()
    tl.atomic_store(o + p * B + i, w + first, sem="relaxed", scope="cta")
    (f + p * B + 7).atomic_store(tl.atomic_load(y + p), mask=p != 1)
    tl.atomic_store(f + p * B + i, 2.5, mask=i > 250)
    if tl.atomic_load(o + p * B) > 0:
        tl.store(f + p * B, 1.0)
