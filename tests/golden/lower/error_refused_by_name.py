# kernel: k
# signature: *i32, i32
# expect-error: 12:9 PTX assembly cannot run on Apple GPUs, and `mov`
# expect-error: 14:5 a nested function
# upstream: differs
import triton
import triton.language as tl


@triton.jit
def k(o, n):
    x = tl.inline_asm_elementwise("mov", "=r,r", [n], dtype=tl.int32, is_pure=True, pack=1)
    tl.store(o, x)
    def f(x):
        return x
