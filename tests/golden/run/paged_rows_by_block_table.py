# rows of a paged cache, found through a table of pages, weighted and summed
# with a running maximum
# kernel: k
# signature: *fp32:16, *fp32:16, *i32:16, *i32:16, *fp32:16, i32, 4, 16, 32
# grid: 3
# scalars: 3
import triton
import triton.language as tl


@triton.jit
def k(q, cache, table, lengths, out, pages, PAGE: tl.constexpr, SLOTS: tl.constexpr, D: tl.constexpr):
    request = tl.program_id(0)
    d = tl.arange(0, D)
    slot = tl.arange(0, SLOTS)
    query = tl.load(q + request * D + d)
    length = tl.load(lengths + request)
    best = float("-inf")
    total = 0.0
    sum_ = tl.zeros([D], dtype=tl.float32)
    for start in range(0, length, SLOTS):
        token = start + slot
        used = token < length
        page = tl.load(table + request * pages + token // PAGE, mask=used, other=0)
        row = page.to(tl.int64) * PAGE + token % PAGE
        keys = tl.load(cache + row[:, None] * D + d[None, :], mask=used[:, None], other=0.0)
        score = tl.sum(keys * query[None, :], 1)
        score = tl.where(used, score, float("-inf"))
        top = tl.maximum(best, tl.max(score, 0))
        shrink = tl.exp(best - top)
        weight = tl.exp(score - top)
        total = total * shrink + tl.sum(weight, 0)
        sum_ = sum_ * shrink + tl.sum(weight[:, None] * keys, 0)
        best = top
    tl.store(out + request * D + d, sum_ / total)
