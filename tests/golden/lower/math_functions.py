# kernel: k
# signature: *fp32, *fp32
# expect-ttir: math.exp
# expect-ttir: math.exp2
# expect-ttir: math.log
# expect-ttir: math.log2
# expect-ttir: math.cos
# expect-ttir: math.sin
# expect-ttir: math.sqrt
# expect-ttir: math.rsqrt
# expect-ttir: tt.precise_sqrt
# expect-ttir: math.erf
# expect-ttir: math.floor
# expect-ttir: math.ceil
# expect-ttir: math.absf
# expect-ttir: math.fma
# expect-ttir: tt.precise_divf
# expect-ttir: arith.minnumf
# expect-ttir: arith.maxnumf
# expect-ttir: tt.clampf
# expect-ttir: arith.select
# expect-ttir: arith.maximumf
import triton
import triton.language as tl


@triton.jit
def k(a, o):
    i = tl.arange(0, 16)
    x = tl.load(a + i)
    y = tl.exp(x) + tl.exp2(x) + tl.log(x) + tl.log2(x) + tl.cos(x) + tl.sin(x)
    y += tl.sqrt(x) + tl.rsqrt(x) + tl.sqrt_rn(x) + tl.erf(x) + tl.floor(x) + tl.ceil(x)
    y += tl.abs(x) + tl.sigmoid(x) + tl.fma(x, y, 2.0) + tl.div_rn(x, y)
    y += tl.minimum(x, 0) + tl.maximum(x, y) + tl.clamp(x, 0.0, 6.0)
    y += tl.where(x > 0, x, 0) + x.exp() + tl.math.rsqrt(x) + tl.fdiv(x, y)
    y += min(x, y) + max(x, 1.0) + tl.abs(i) + tl.cdiv(i, 3)
    y += tl.maximum(x, y, propagate_nan=tl.PropagateNan.ALL)
    tl.store(o + i, y)
