# kernel: k
# signature: *fp16, *bf16, *fp16
# expect-ttir: tt.fp_to_fp
# expect-ttir: arith.mulf
# expect-ttir: tensor<16xf16>
import triton
import triton.language as tl


@triton.jit
def k(a, b, o):
    i = tl.arange(0, 16)
    x = tl.load(a + i) * tl.load(b + i)
    tl.store(o + i, x)
