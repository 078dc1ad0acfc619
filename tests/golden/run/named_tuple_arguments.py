# named tuples as arguments, with constants among their fields
# kernel: k
# signature: (ptr=*fp32:16, size=i32, step=16), (low=fp32, high=None), *fp32
# grid: 2
# scalars: 120 -0.25
from typing import NamedTuple

import triton
import triton.language as tl


class Span(NamedTuple):
    ptr: tl.tensor
    size: tl.tensor
    step: tl.constexpr


@triton.jit
def load(span, i):
    return tl.load(span.ptr + i, i < span.size, other=0.0)


@triton.jit
def k(span, bounds, out):
    i = tl.program_id(0) * 64 + tl.arange(0, 64)
    v = load(span, i)
    if bounds.high is None:
        v = tl.maximum(v, bounds.low)
    rest = Span(span.ptr + span.step, span.size - span.step, span.step)
    v += load(rest, i) * rest.step
    tl.store(out + i, v)
