# each row of x divided by its largest absolute value over 127, rounded away
# from zero at halves; q holds the integers, s the divisors
# kernel: k
# signature: *fp16:16, *i8:16, *fp32:16, i32, 128
# grid: 6
# scalars: 100
import triton
import triton.language as tl
from triton.language.extra import libdevice


@triton.jit
def k(x, q, s, n, B: tl.constexpr):
    row = tl.program_id(0)
    i = tl.arange(0, B)
    inside = i < n
    v = tl.load(x + row * n + i, mask=inside, other=0.0).to(tl.float32)
    scale = tl.maximum(tl.max(tl.abs(v), 0), 1e-10) / 127.0
    whole = libdevice.round(v / scale)
    whole = tl.clamp(whole, -127.0, 127.0)
    tl.store(q + row * n + i, whole.to(tl.int8), mask=inside)
    tl.store(s + row, scale)
