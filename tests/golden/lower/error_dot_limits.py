# kernel: k
# signature: *fp32, *i32, *fp16, i32, *i8
# expect-error: 24:5 max_num_imprecise_acc (1000) must be at most K (16)
# expect-error: 25:5 the combine function takes fp32 and returns int32
# expect-error: 26:5 atomic_cas does not take elements of type int8
# expect-error: 27:5 cannot cast pointer<fp32> to fp32
# expect-error: 28:5 fp_downcast_rounding is for casts to a narrower float; this one goes from fp16[16] to fp32[16]
# upstream: differs
import triton
import triton.language as tl


@triton.jit
def wrong(a, b):
    return (a > b).to(tl.int32)


@triton.jit
def k(pf, pi, ph, n, pb):
    i = tl.arange(0, 16)
    x = tl.load(pf + i)
    m = tl.load(pi + i[:, None] * 16 + i[None, :]).to(tl.float32)
    h = m.to(tl.float16)
    tl.dot(h.to(tl.float8e5), h.to(tl.float8e5), max_num_imprecise_acc=1000)
    tl.reduce(x, 0, wrong)
    tl.atomic_cas(pb, 1, 1)
    pf.to(tl.float32, bitcast=True)
    x.to(tl.float16).to(tl.float32, fp_downcast_rounding='rtz')
