# kernel: k
# signature: *fp16:16, *bf16:16
# expect-ttir: arith.constant 2.048000e+03 : f16
# expect-ttir: arith.constant 1.000000e+00 : f16
# expect-ttir: arith.constant 2.050000e+03 : f16
# expect-ttir: arith.constant 1.677722e+07 : bf16
import triton
import triton.language as tl


# A number that lies just above the middle between two halfs is that middle as
# a float, and goes to the even one.
@triton.jit
def k(h, b):
    i = tl.arange(0, 4)
    x = tl.load(h + i)
    tl.store(h + i, x * 2049.00000001)
    tl.store(h + i, tl.full((4,), 1.00048828125001, tl.float16))
    tl.store(h + i, x + 2049.001)
    tl.store(b + i, tl.full((4,), 16842753, tl.bfloat16))
