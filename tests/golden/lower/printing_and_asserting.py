# kernel: k
# signature: *i32, i32
# expect-ttir: tt.print " n: "
# reject-ttir: tt.assert
import triton
import triton.language as tl


@triton.jit
def k(o, n):
    tl.device_print("n", n)
    print("x =", n + 1)
    tl.device_assert(n > 3, "too small")
    assert n < 5, "too big"
    tl.static_print("compiling", n.dtype)
    tl.store(o, n)
