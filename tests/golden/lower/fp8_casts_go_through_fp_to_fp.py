# kernel: k
# signature: *fp8e4nv, *fp32, *fp8e5
# expect-ttir: tt.fp_to_fp
# expect-ttir: rounding = rtne
# expect-ttir: rounding = rtz
import triton
import triton.language as tl


@triton.jit
def k(a, f, o):
    i = tl.arange(0, 16)
    x = tl.load(a + i).to(tl.float32)
    tl.store(o + i, (x + tl.load(f + i)).to(tl.float8e5))
    tl.store(f + i, tl.load(f + i).to(tl.float16, fp_downcast_rounding="rtz"))
