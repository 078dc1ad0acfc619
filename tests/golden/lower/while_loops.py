# kernel: k
# signature: *i32, i32
# expect-ttir: scf.while
# expect-ttir: scf.condition
# expect-ttir: scf.if
# expect-ttir: scf.yield
import triton
import triton.language as tl


@triton.jit
def k(o, n):
    i = n
    steps = 0
    while i > 1 and steps < 100:
        if i % 2 == 0:
            i = i // 2
        else:
            i = i * 3 + 1
        steps += 1
    tl.store(o, steps)
