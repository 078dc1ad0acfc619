# kernel: k
# signature: *fp32, *fp16
# constexpr: T=tl.float16
# expect-ttir: arith.truncf
# expect-ttir: constant 1.0
# expect-ttir: constant 2.0
import triton
import triton.language as tl


@triton.jit
def k(a, o, T: tl.constexpr):
    i = tl.arange(0, 16)
    x = tl.load(a + i).to(T)
    if x.dtype == tl.float16 and a.dtype.element_ty.is_fp32():
        x += 1
    if x.dtype.is_floating() and x.type.scalar.primitive_bitwidth == 16:
        x += 2
    tl.static_assert(x.shape[0] == 16, f"wrong {x.shape}")
    tl.static_assert(len(x.shape) == 1)
    acc: tl.constexpr = tl.float32 if x.dtype == tl.float16 else x.dtype
    tl.store(o + i, x.to(acc).to(o.dtype.element_ty))
