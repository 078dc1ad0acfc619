# tl.fma rounds once in every type: products that are ties with a last summand
# too small for anything but breaking the tie. The answers are compared as bits
# kernel: k
# signature: *i32:16, *i16:16, *i32:16
# grid: 1 1
import triton
import triton.language as tl


@triton.jit
def k(x, o, p):
    i = tl.arange(0, 2048)
    r = (tl.load(x + i) + i * 31) * 747796405
    r = (r >> 12 ^ r) * 277803737
    # a, b: 1 to 2 with few digits; c: a power of two, near and far, of both signs
    a = ((r & 0x7F) | 0x3F80).to(tl.int16).to(tl.bfloat16, bitcast=True)
    b = ((r >> 7 & 0x7F) | 0x3F80).to(tl.int16).to(tl.bfloat16, bitcast=True)
    c = ((r >> 14 & 0x8000) | (0x3F80 - (i % 100 << 7))).to(tl.int16).to(tl.bfloat16, bitcast=True)
    tl.store(o + i, tl.fma(a, b, c).to(tl.int16, bitcast=True))
    tl.store(o + 2048 + i, tl.fma(-a, b, c).to(tl.int16, bitcast=True))
    tl.store(o + 4096 + i, tl.fma(c, a, b).to(tl.int16, bitcast=True))
    d = ((r & 0x3FF) | 0x3C00).to(tl.int16).to(tl.float16, bitcast=True)
    e = ((r >> 10 & 0x3FF) | 0x3C00).to(tl.int16).to(tl.float16, bitcast=True)
    f = ((r >> 14 & 0x8000) | (0x3C00 - (i % 14 << 10))).to(tl.int16).to(tl.float16, bitcast=True)
    tl.store(o + 6144 + i, tl.fma(d, e, f).to(tl.int16, bitcast=True))
    tl.store(o + 8192 + i, tl.fma(f, d, e).to(tl.int16, bitcast=True))
    tl.store(o + 10240 + i, tl.fma(d, e, f * f).to(tl.int16, bitcast=True))
    g = ((r & 0x7FFFFF) | 0x3F800000).to(tl.float32, bitcast=True)
    h = ((r * 77 & 0x7FF) << 12 | 0x3F800000).to(tl.float32, bitcast=True)
    j = (r & -2147483648 | (0x3F800000 - (i % 100 << 23))).to(tl.float32, bitcast=True)
    tl.store(p + i, tl.fma(g, h, j).to(tl.int32, bitcast=True))
    tl.store(p + 2048 + i, tl.fma(j, g, h).to(tl.int32, bitcast=True))
    tl.store(p + 4096 + i, tl.fma(h, h, j).to(tl.int32, bitcast=True))
