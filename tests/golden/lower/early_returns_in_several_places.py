# kernel: k
# signature: *i32, i32, i32
# expect-ttir: scf.if
# expect-ttir: tt.return
# upstream: differs upstream leaves branches, here is only structure
import triton
import triton.language as tl


@triton.jit
def k(o, n, m):
    x = n
    if n > 3:
        if m > 2:
            tl.store(o, 1)
            return
        x = n + 1
    else:
        x = m
    tl.store(o + 1, x)
    if m == 7:
        return
    elif m == 8:
        tl.store(o + 2, x)
        return
    tl.store(o + 3, x)
