# kernel: k
# signature: *fp32, *fp32
# expect-ttir: __nv_tanhf
# expect-ttir: __nv_powf
# expect-ttir: __nv_log1pf
# expect-ttir: __nv_atan2f
# expect-ttir: __nv_rintf
# expect-ttir: arith.cmpf une
# upstream: differs isnan is a comparison here
import triton
import triton.language as tl


from triton.language.extra import libdevice


@triton.jit
def k(a, o):
    i = tl.arange(0, 16)
    x = tl.load(a + i)
    y = libdevice.tanh(x) + libdevice.pow(x, 2.0) + libdevice.log1p(x)
    tl.store(o + i, y + tl.extra.libdevice.atan2(x, y) + libdevice.rint(x))
    tl.store(o + i, libdevice.isnan(x))
