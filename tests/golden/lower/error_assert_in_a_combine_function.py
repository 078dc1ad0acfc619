# kernel: k
# signature: *fp32, *fp32
# expect-error: 13:5 tl.device_assert cannot stand in a combine function
# expect-error: 19:5 tl.expect_zero cannot stand in a combine function
# upstream: differs it keeps the assertion in the region
import triton
import triton.language as tl


@triton.jit
def checked(a, b):
    # a sum that looks at its operands
    tl.device_assert(a >= 0, "negative")
    return a + b


@triton.jit
def zero(a, b):
    tl.expect_zero(a, a >= 0)
    return a + b


@triton.jit(debug=True)
def k(x, out):
    v = tl.load(x + tl.arange(0, 64))
    tl.store(out, tl.reduce(v, 0, checked))
    tl.store(out + 1, tl.reduce(v, 0, zero))
