# kernel: k
# signature: *i32, *fp32, *i8, *i64, *fp16, *i1
import triton
import triton.language as tl


@triton.jit
def k(a, f, o8, o64, of, ob):
    i = tl.arange(0, 16)
    x = tl.load(a + i)
    y = tl.load(f + i)
    tl.store(o8 + i, y.to(tl.int8))
    tl.store(o64 + i, x.to(tl.int64) + y.to(tl.uint32))
    tl.store(of + i, x.to(tl.float16))
    tl.store(ob + i, x != 0)
    tl.store(ob + i, y.to(tl.int1))
    tl.store(of + i, tl.cast(y, tl.bfloat16).to(tl.float16))
    tl.store(a + i, y.to(tl.int32, bitcast=True))
