# kernel: k
# signature: *fp32, *i32, *fp16, i32, fp32, u32
# expect-error: 60:5 class Pair has no 'c'
# expect-error: 61:5 Pair is given 'a' twice
# expect-error: 62:5 Pair is made without its 'b'
# expect-error: 63:5 Pair has 2 fields and is given 3 values
# expect-error: 64:5 Part.__init__ does not set 'b'
# expect-error: 44:18 Early.a is not set yet
# expect-error: 66:5 kernels cannot make objects of class Plain
# expect-error: 67:5 cannot set 'a' of int32
# expect-error: 69:5 fields of Whole can be set only in its __init__
# expect-error: 70:5 class Plain has no 'NOTHING'
# upstream: differs
import triton
import triton.language as tl


from typing import NamedTuple


class Pair(NamedTuple):
    a: tl.tensor
    b: tl.tensor


class Plain:
    FLAG = 3


@tl.core._aggregate
class Part:
    a: tl.tensor
    b: tl.tensor

    def __init__(self, a):
        self.a = a


@tl.core._aggregate
class Early:
    a: tl.tensor

    def __init__(self, a):
        self.a = self.a


@tl.core._aggregate
class Whole:
    a: tl.tensor


@triton.jit
def k(pf, pi, ph, n, s, u):
    i = tl.arange(0, 16)
    x = tl.load(pf + i)
    y = tl.load(pi + i)
    m = tl.load(pi + i[:, None] * 16 + i[None, :])
    bp = tl.make_block_ptr(pf, (n, n), (n, 1), (0, 0), (16, 16), (1, 0))
    d = tl.make_tensor_descriptor(pf, [n, n], [n, 1], [16, 16])
    Pair(n, n).c
    Pair(n, n, a=n)
    Pair(n)
    Pair(n, n, n)
    Part(n)
    Early(n)
    Plain()
    n.a = 3
    w = Whole(n)
    w.a = 3
    Plain.NOTHING
