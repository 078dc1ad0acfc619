# kernel: k
# signature: *i32, i32
# expect-ttir: scf.while
# expect-ttir: arith.cmpi slt
# expect-ttir: scf.condition
# expect-ttir: scf.if
# expect-ttir: scf.for
# expect-ttir: scf.if
# expect-ttir: tt.return
# upstream: refuses it has no break and continue in such loops
import triton
import triton.language as tl


@triton.jit
def k(o, n):
    s = 0
    for i in range(n):
        x = tl.load(o + i)
        if x < 0:
            break
        s += x
    for i in range(n):
        x = tl.load(o + i)
        if x < 0:
            continue
        s += x
    tl.store(o, s)
