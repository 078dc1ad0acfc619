# kernel: k
# signature: *i32:16, *i32:16, *i32:16
# grid: 1
# upstream: refuses it sorts the last dimension only
# k, grid 1, x i32[32,8], o i32[32,8], t i32[4,8]
# o is x with every column sorted, t the four largest of each column
import triton
import triton.language as tl


@triton.jit
def k(x, o, t):
    c = tl.arange(0, 8)[None, :]
    at = tl.arange(0, 32)[:, None] * 8 + c
    v = tl.load(x + at) * 1000 + at % 7
    tl.store(o + at, tl.sort(v, dim=0))
    tl.store(t + tl.arange(0, 4)[:, None] * 8 + c, tl.topk(v, 4, dim=0))
    tl.store(o + 1000 + at, tl.flip(v, 0))
