# k, grid 40, p small integers, o i32[40, 32], n = 640
# o[q] sums blocks of p from q on until a sum passes 60, without the blocks
# whose first element is 3, and adds the number of the first block with a 7.
# kernel: k
# signature: *i32:16, *i32:16, i32, 32
# grid: 40 1
# scalars: 640
# upstream: refuses it has no continue in run-time loops
import triton
import triton.language as tl


@triton.jit
def find(p, n, what, BLOCK: tl.constexpr):
    for i in range(0, n, BLOCK):
        offs = i + tl.arange(0, BLOCK)
        x = tl.load(p + offs, mask=offs < n, other=0)
        if tl.max(x, 0) == what:
            return i // BLOCK
    return -1


@triton.jit
def k(p, o, n, BLOCK: tl.constexpr):
    q = tl.program_id(0)
    lanes = tl.arange(0, BLOCK)
    acc = tl.zeros((BLOCK,), tl.int32)
    for i in range(q, n, BLOCK):
        x = tl.load(p + i + lanes)
        if tl.load(p + i) == 3:
            continue
        acc += x
        if tl.max(acc, 0) > 60:
            break
    else:
        acc = -acc
    r = q
    while True:
        r += 1
        if tl.load(p + r) == 5 or r > q + 9:
            break
    tl.store(o + q * BLOCK + lanes, acc + find(p, n, 7, BLOCK) + r)
