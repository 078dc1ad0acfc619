# kernel: k
# signature: *i32
# constexpr: N=3
# reject-ttir: scf.for
# upstream: refuses loops over tuples are ours
import triton
import triton.language as tl


@triton.jit
def k(o, N: tl.constexpr):
    acc = 0
    for i in tl.static_range(N):
        acc += i
        for j in tl.static_range(4, 0, -2):
            tl.store(o + i + j, acc)
    for w in (1, 2):
        tl.store(o, w)
