# kernel: k
# signature: *fp32, *fp32, i32
# constexpr: STEP=16
# expect-ttir: scf.for %j
# expect-ttir: iter_args
# expect-ttir: scf.yield
# reject-ttir: %i_
import triton
import triton.language as tl


@triton.jit
def k(a, o, n, STEP: tl.constexpr):
    i = tl.arange(0, 16)
    p = a + i
    acc = tl.zeros((16,), tl.float32)
    count = 0
    for j in range(0, n, STEP):
        x = tl.load(p)
        acc += x
        p += STEP
        count = count + 1
    tl.store(o + i, acc + count)
