# Integers halfway between two bfloat16, and next to that: rounded once, not to
# a float first. The answers are compared as bits
# kernel: k
# signature: *i32:16, *i16:16
# grid: 1 1
import triton
import triton.language as tl


@triton.jit
def k(x, o):
    i = tl.arange(0, 1024)
    r = (tl.load(x + i) + i * 31) * 747796405
    r = (r >> 12 ^ r) * 277803737
    # 8 leading bits, a half of the last one, and -2 to 2 more
    lead = 128 + (r & 127)
    near = i % 5 - 2
    half = ((lead * 2 + 1) << 22) + near
    tl.store(o + i, (half >> 1).to(tl.bfloat16).to(tl.int16, bitcast=True))
    tl.store(o + 1024 + i, (-(half >> 2)).to(tl.bfloat16).to(tl.int16, bitcast=True))
    tl.store(o + 2048 + i, half.to(tl.uint32, bitcast=True).to(tl.bfloat16).to(tl.int16, bitcast=True))
    far = (lead * 2 + 1).to(tl.int64)
    shift = (i % 56).to(tl.int64)
    long = (far << shift) + near
    tl.store(o + 3072 + i, long.to(tl.bfloat16).to(tl.int16, bitcast=True))
    tl.store(o + 4096 + i, (-long).to(tl.bfloat16).to(tl.int16, bitcast=True))
    ulong = (long * 2 + near).to(tl.uint64, bitcast=True)
    tl.store(o + 5120 + i, ulong.to(tl.bfloat16).to(tl.int16, bitcast=True))
    # any numbers
    any = r.to(tl.int64) * (r ^ 77777).to(tl.int64)
    tl.store(o + 6144 + i, r.to(tl.bfloat16).to(tl.int16, bitcast=True))
    tl.store(o + 7168 + i, r.to(tl.uint32, bitcast=True).to(tl.bfloat16).to(tl.int16, bitcast=True))
    tl.store(o + 8192 + i, any.to(tl.bfloat16).to(tl.int16, bitcast=True))
    tl.store(o + 9216 + i, any.to(tl.uint64, bitcast=True).to(tl.bfloat16).to(tl.int16, bitcast=True))
    # the largest and the smallest
    e = tl.where(i % 2 == 0, 0x7FFFFFFF, -0x7FFFFFFF - i % 3)
    tl.store(o + 10240 + i, e.to(tl.bfloat16).to(tl.int16, bitcast=True))
    f = (e.to(tl.int64) << 32) + i
    tl.store(o + 11264 + i, f.to(tl.bfloat16).to(tl.int16, bitcast=True))
    tl.store(o + 12288 + i, f.to(tl.uint64, bitcast=True).to(tl.bfloat16).to(tl.int16, bitcast=True))
