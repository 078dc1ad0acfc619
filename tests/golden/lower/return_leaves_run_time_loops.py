# kernel: k
# signature: *i32, i32
# expect-ttir: scf.while
# expect-ttir: scf.condition
# expect-ttir: scf.if
# expect-ttir: tt.store
# upstream: refuses it has no return inside loops
import triton
import triton.language as tl


@triton.jit
def find(p, n, what):
    for i in range(n):
        if tl.load(p + i) == what:
            return i
    return -1


@triton.jit
def k(o, n):
    tl.store(o, find(o, n, 7))
