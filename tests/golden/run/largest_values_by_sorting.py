# values and columns of the largest 8 of each row, packed in one integer key
# kernel: k
# signature: *i32:16, *i32:16, *i32:16, 64, 8
# grid: 4
import triton
import triton.language as tl


@triton.jit
def k(x, values, columns, N: tl.constexpr, K: tl.constexpr):
    row = tl.program_id(0)
    i = tl.arange(0, N)
    v = tl.load(x + row * N + i)
    key = v.to(tl.int64) << 32 | (N - 1 - i).to(tl.int64)
    top = tl.sort(tl.topk(key, K), descending=True)
    j = tl.arange(0, K)
    tl.store(values + row * K + j, (top >> 32).to(tl.int32))
    tl.store(columns + row * K + j, N - 1 - (top & 0xFFFFFFFF).to(tl.int32))
