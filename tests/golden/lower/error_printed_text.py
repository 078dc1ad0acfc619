# kernel: k
# signature: *i32
# expect-error: 10:5 device_print's text is of printable ASCII characters
import triton
import triton.language as tl


@triton.jit
def k(p):
    tl.device_print("größe", p)
