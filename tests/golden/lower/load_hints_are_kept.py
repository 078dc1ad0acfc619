# kernel: k
# signature: *fp32, *fp32
# expect-ttir: cg
# expect-ttir: evict_last
# expect-ttir: wt
import triton
import triton.language as tl


@triton.jit
def k(a, o):
    i = tl.arange(0, 16)
    x = tl.load(a + i, cache_modifier=".cg", eviction_policy="evict_first")
    y = tl.load(a + i, eviction_policy="evict_last", volatile=True)
    tl.store(o + i, x + y, cache_modifier=".wt")
    tl.store(o + i, x, eviction_policy="evict_first")
