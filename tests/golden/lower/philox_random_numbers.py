# kernel: k
# signature: *fp32, i32
# expect-ttir: tt.mulhiui
# expect-ttir: arith.muli
import triton
import triton.language as tl


@triton.jit
def k(o, seed):
    i = tl.arange(0, 16)
    tl.store(o + i, tl.rand(seed, i))
    tl.store(o + i, tl.randn(seed, i, n_rounds=6))
    a, b, c, d = tl.randint4x(seed, i)
    tl.store(o + i, a ^ b ^ c ^ d)
    tl.store(o + i, tl.randint(seed, i.to(tl.int64)))
