# kernel: k
# signature: *i32, i32
# expect-ttir: scf.if
# expect-ttir: -> (i32)
# upstream: differs upstream leaves branches, here is only structure
import triton
import triton.language as tl


@triton.jit
def sign(x):
    if x > 0:
        return 1
    if x < 0:
        return -1
    return 0


@triton.jit
def k(o, n):
    tl.store(o, sign(n) + sign(-n))
