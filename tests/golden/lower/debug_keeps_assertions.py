# kernel: k
# signature: *i32, i32
# debug: true
# expect-ttir: tt.assert
# expect-ttir: too small
# expect-ttir: tt.assert
# upstream: differs upstream is not in debug mode
import triton
import triton.language as tl


@triton.jit
def k(o, n):
    tl.device_assert(n > 3, "too small")
    assert n < 5, "too big"
    tl.store(o, n)
