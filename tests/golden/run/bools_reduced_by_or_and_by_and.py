# kernel: k
# signature: *i32:16, *i8:16, *i8:16, *i8:16
# grid: 2
# k, grid 2, x i32[2,1024], o i8[2], e i8[2,32], s i8[2,64]
# every lane takes part in the exchange, whatever it holds: rows of many
# threads, rows within a simdgroup, and a scan
import triton
import triton.language as tl


@triton.jit
def either(a, b):
    return a | b


@triton.jit
def both(a, b):
    return a & b


@triton.jit
def k(x, o, e, s):
    pid = tl.program_id(0)
    i = tl.arange(0, 1024)
    t = tl.load(x + pid * 1024 + i)
    tl.store(o + pid, tl.reduce(t == 7, 0, either).to(tl.int8))
    rows = tl.reshape(t, (32, 32))
    tl.store(e + pid * 32 + tl.arange(0, 32),
             tl.reduce(rows < 7, 1, both).to(tl.int8))
    j = tl.arange(0, 64)
    first = tl.load(x + pid * 1024 + j) > 5
    tl.store(s + pid * 64 + j,
             tl.associative_scan(first, 0, either).to(tl.int8))
