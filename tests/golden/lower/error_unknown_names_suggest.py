# kernel: k
# signature: *fp32, i32
# expect-error: 19:9 triton.language has no 'exp3'
# expect-error: 20:9 no 'relu'
# expect-error: 21:14 out_prt is not defined
# expect-error: 22:26 tl.load has no argument 'msk'
# expect-error: 23:9 no 'tanh'
# expect-hint: did you mean exp
# expect-hint: tl.maximum(x, 0.0)
# expect-hint: did you mean out_ptr?
# expect-hint: did you mean mask?
# expect-hint: libdevice.tanh
import triton
import triton.language as tl


@triton.jit
def k(out_ptr, n):
    x = tl.exp3(1.0)
    y = tl.relu(x)
    tl.store(out_prt, n)
    z = tl.load(out_ptr, msk=n > 3)
    w = tl.tanh(2.0)
