# kernel: k
# signature: *i32, i32
# expect-ttir: tt.print
import triton
import triton.language as tl


@triton.jit
def k(p, n):
    tl.device_print("x", n)
    tl.device_print("x:", n)
    tl.device_print("x  ", n)
    tl.device_print("x : ", n)
    tl.device_print(" value", n, n + 1, hex=True)
    tl.device_print("", n)
    tl.device_print("ab")
    tl.device_print("abc")
    tl.store(p, n)
