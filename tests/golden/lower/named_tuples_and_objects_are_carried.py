# kernel: k
# signature: *i32, i32
# expect-ttir: scf.for
# expect-ttir: iter_args
# expect-ttir: scf.if
# expect-ttir: tt.store
# upstream: refuses a tuple where a named tuple is declared
from typing import NamedTuple

import triton
import triton.language as tl
from triton.language.core import _aggregate as aggregate


class Pair(NamedTuple):
    a: tl.tensor
    b: tl.constexpr = 3


@aggregate
class Sum:
    pair: Pair
    scale: tl.constexpr

    @triton.constexpr_function
    def __init__(self, pair, scale):
        self.pair = pair
        self.scale = tl.constexpr(scale)

    @triton.jit
    def add(self, v):
        return Sum(Pair(self.pair.a + v * self.scale, self.pair.b), self.scale)


@triton.jit
def k(o, n):
    s = Sum(Pair(n), 2)
    for i in range(n):
        s = s.add(i)
    if n > 3:
        s = s.add(7)
    tl.static_assert(s.scale == 2)
    a, *rest = (s.pair.a, s.pair.b, 5)
    tl.store(o, a + rest[1])
