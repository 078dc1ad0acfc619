# A 32 x 32 tile of halves through rows of 33, another of bf16 through [i, :]
# kernel: k
# signature: *fp16:16, *fp16:16, *bf16:16, *bf16:16, i32:16
# grid: 4 1
# scalars: 128
# checked: races, bounds
# upstream: refuses tl.shared_memory is ours
import triton
import triton.language as tl


@triton.jit
def k(x, y, a, b, n):
    s = tl.shared_memory((32, 33), tl.float16)
    i = tl.arange(0, 32)[:, None]
    j = tl.arange(0, 32)[None, :]
    col = tl.program_id(0) * 32
    s[i, j] = tl.load(x + i * n + col + j)
    tl.store(y + (col + i) * 32 + j, s[j, i])
    t = tl.shared_memory([16, 8], tl.bfloat16)
    base = tl.program_id(0) * 128
    t[:, :] = tl.load(a + base + tl.arange(0, 16)[:, None] * 8 + tl.arange(0, 8)[None, :])
    c = tl.arange(0, 8)
    for r in range(16):
        tl.store(b + base + r * 8 + c, t[15 - r, :] + t[r, 3])
