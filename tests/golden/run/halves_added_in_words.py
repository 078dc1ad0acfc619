# kernel: k
# signature: *fp16:16, *i16:16, *i32:16, i32
# grid: 1
# scalars: 200
# k, grid 1, h f16, b bf16 by 16-bit pattern, v i32[256]
# sums of small whole numbers in float16 and bfloat16, many into one element,
# are exact; a compare-and-swap of 16 bits
import triton
import triton.language as tl


@triton.jit
def k(h, w, v, n):
    i = tl.arange(0, 256)
    tl.store(h + i, tl.zeros([256], tl.float16))
    tl.store(w + i, tl.zeros([256], tl.int16))
    tl.debug_barrier()
    x = tl.load(v + i)
    tl.atomic_add(h + i % 3, x.to(tl.float16), mask=i < n)
    b = w.to(tl.pointer_type(tl.bfloat16), bitcast=True)
    tl.atomic_add(b + 1 + i % 64, x.to(tl.bfloat16), sem="relaxed")
    j = tl.arange(0, 32)
    old = tl.atomic_cas(w + 128 + j, tl.zeros([32], tl.int16), j.to(tl.int16))
    tl.store(w + 192 + j, old)
