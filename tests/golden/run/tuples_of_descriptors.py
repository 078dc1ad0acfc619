# descriptors in tuples: chosen by number, in a loop, with a tuple of sizes
# kernel: k
# signature: (tensordesc<fp16[16,16]>, tensordesc<fp16[16,16]>), (tensordesc<fp16[16,16]>,), (i32, i32)
# grid: 2
# scalars: 32 30 32 20 32 40 64 32 32 2 16
import triton
import triton.language as tl


@triton.jit
def k(sources, targets, sizes):
    pid = tl.program_id(0)
    steps, width = sizes
    v = tl.zeros((16, 16), dtype=tl.float16)
    for step in range(steps):
        for s in tl.static_range(2):
            v += sources[s].load([pid * 16, step * width])
    targets[0].store([pid * 16, 0], v)
