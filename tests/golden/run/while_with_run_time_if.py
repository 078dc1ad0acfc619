# k, grid 50, o zeros i32[50]
# o[p] is the number of Collatz steps from p + 1 to 1: 0 1 7 2 5 8 16 3 19 6 ...
# kernel: k
# signature: *i32:16
# grid: 50 1
import triton
import triton.language as tl


@triton.jit
def k(o):
    p = tl.program_id(0)
    a = p + 1
    s = 0
    while a != 1:
        if a % 2 == 0:
            a = a // 2
        else:
            a = 3 * a + 1
        s += 1
    tl.store(o + p, s)
