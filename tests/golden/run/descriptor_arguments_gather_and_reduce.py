# gather, scatter and atomics of descriptor arguments
# kernel: k
# signature: tensordesc<fp32[1,32]>, tensordesc<fp32[1,32]>, tensordesc<i32[8,16]>, tensordesc<fp32[8,16]>, *i32:16
# grid: 2
# scalars: 40 64 64 40 64 64 20 30 32 24 16 16
import triton
import triton.language as tl


@triton.jit
def k(x, y, counts, sums, rows):
    pid = tl.program_id(0)
    r = tl.load(rows + tl.arange(0, 16)) & 31
    v = x.gather(r, pid * 32)
    y.scatter(v + 1.0, tl.arange(0, 16) * 2 + pid, 16)
    n = tl.arange(0, 8)[:, None] + tl.arange(0, 16)[None, :] + pid
    counts.atomic_add([0, 0], n)
    counts.atomic_max([8, 16], n - 9)
    counts.atomic_min([8, 0], n * 3)
    counts.atomic_and([16, 0], n | 5)
    counts.atomic_or([16, 16], n)
    counts.atomic_xor([0, 16], n)
    sums.atomic_add([pid * 8, 0], n.to(tl.float32) * 0.5)
