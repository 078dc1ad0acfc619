# kernel: k
# signature: *i32, i32
# expect-error: 14:9 PTX assembly
# expect-error: 17:9 `break` in a run-time loop
# expect-error: 20:13 `return` inside a run-time loop
# expect-error: 21:5 a nested function
# upstream: differs
import triton
import triton.language as tl


@triton.jit
def k(o, n):
    x = tl.inline_asm_elementwise("mov", "=r,r", [n], dtype=tl.int32, is_pure=True, pack=1)
    tl.store(o, x)
    while n > 3:
        break
    for i in range(n):
        if i > 3:
            return
    def f(x):
        return x
