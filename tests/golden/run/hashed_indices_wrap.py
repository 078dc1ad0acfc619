# A hash that wraps, made an index by a remainder and a choice: both are part
# of what is computed, not an address that never wraps
# kernel: k
# signature: *i32:16, *fp32:16, *fp32:16, 256
# grid: 4 1
import triton
import triton.language as tl


@triton.jit
def k(x, table, y, B: tl.constexpr):
    i = tl.program_id(0) * B + tl.arange(0, B)
    key = tl.load(x + i) & 0x7FFFFFFF
    h = (key * 1103515245 + 12345) % 1000
    h = tl.where(h < 0, h + 1000, h)
    tl.store(y + i, tl.load(table + h))
    g = i * 1664525013 % 77
    tl.store(y + 2048 + i, tl.load(table + tl.maximum(g, 0)))
