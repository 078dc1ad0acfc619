# kernel: k
# signature: *i8, *u8, *fp16, *fp32
# expect-ttir: arith.extsi
# expect-ttir: tt.reduce
# expect-ttir: arith.extui
# expect-ttir: tt.reduce
import triton
import triton.language as tl


@triton.jit
def k(i8, u8, f16, o):
    i = tl.arange(0, 16)
    tl.store(o, tl.sum(tl.load(i8 + i), 0))
    tl.store(o + 1, tl.sum(tl.load(u8 + i), axis=0))
    tl.store(o + 2, tl.sum(i > 3, 0))
    tl.store(o + 3, tl.max(tl.load(f16 + i), 0))
    tl.store(o + 4, tl.min(tl.load(u8 + i), axis=0))
    tl.store(o + 5, tl.sum(tl.load(f16 + i), 0, dtype=tl.float32))
    tl.store(o + 6, tl.sum(tl.load(f16 + i), 0))
    tl.store(o + 7, tl.xor_sum(i, 0) + tl.reduce_or(i, 0))
