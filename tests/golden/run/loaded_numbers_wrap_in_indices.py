# a hash of loaded numbers overflows 32 bits on its way to an index, by small
# and by run-time factors, in a loop and outside of one
# kernel: k
# signature: *i32:16, *fp32:16, *fp32:16, i32, i32, 256
# grid: 4 1
# scalars: 31 977
import triton
import triton.language as tl


@triton.jit
def k(keys, table, out, factor, n, BLOCK: tl.constexpr):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    key = tl.load(keys + i)
    h = key
    for r in range(5):
        h = h * factor + r
    h = h * 33 + 7
    slot = (h % n + n) % n
    first = tl.load(table + slot)
    second = tl.load(table + tl.where(key * 3 < 0, 1, 0))
    tl.store(out + i, first + second)
