# kernel: k
# signature: *fp32:16, *fp32:16, *fp32:16
# grid: 1
# k, grid 1, x f32[512], up and down f32[512]
# up is x sorted, down x sorted from the largest
import triton
import triton.language as tl


@triton.jit
def k(x, up, down):
    i = tl.arange(0, 512)
    v = tl.load(x + i)
    tl.store(up + i, tl.sort(v))
    tl.store(down + i, tl.sort(v, descending=True))
