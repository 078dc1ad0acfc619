# kernel: k
# signature: *fp32, i32
# expect-error: 25:22 shapes do not fit: fp32[8] and fp32[4] differ at dimension 0 (8 and 4)
# expect-error: 17:17 undefined is not defined
# expect-error: 27:24 tl.store has no argument 'other'
# expect-error: 28:24 wrong has no parameter 'c'
# expect-hint: it takes (p, n=...)
# expect-error: 29:5 topk: k must be a power of 2
# expect-error: 30:5 int32 has no attribute 'shap'
# expect-hint: did you mean .shape?
import triton
import triton.language as tl


@triton.jit
def wrong(p, n=1):
    x = n + 1 + undefined
    tl.store(p, x)


@triton.jit
def k(o, n):
    a, b = tl.zeros((8,), tl.float32), tl.zeros((4,), tl.float32)
    for i in tl.static_range(4):
        c = i * 2 + (a + b)
    wrong(o), wrong(o)
    tl.store(o, n + c, other=3)
    wrong(o), wrong(o, c=3)
    tl.topk(a, 3)
    n.shap
