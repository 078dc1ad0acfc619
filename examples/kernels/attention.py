"""Attention, forward, without the matrix of scores: flash attention.

Each program has BLOCK_M rows of queries in registers and walks along the
keys; what it has summed so far is scaled when a larger score turns up.
"""
import triton
import triton.language as tl


@triton.jit
def attention_kernel(
    q_ptr, k_ptr, v_ptr, out_ptr,
    stride_head, stride_row,
    length, scale,
    CAUSAL: tl.constexpr,
    HEAD: tl.constexpr, BLOCK_M: tl.constexpr, BLOCK_N: tl.constexpr,
):
    start = tl.program_id(0) * BLOCK_M
    base = tl.program_id(1).to(tl.int64) * stride_head
    rows = start + tl.arange(0, BLOCK_M)
    columns = tl.arange(0, BLOCK_N)
    inside = tl.arange(0, HEAD)
    q = tl.load(
        q_ptr + base + rows[:, None] * stride_row + inside[None, :],
        mask=rows[:, None] < length, other=0.0,
    )
    largest = tl.full([BLOCK_M], float("-inf"), tl.float32)
    total = tl.zeros([BLOCK_M], tl.float32)
    acc = tl.zeros([BLOCK_M, HEAD], tl.float32)
    # exp(x) is exp2(x * log2(e)), which GPUs have an instruction for.
    scale *= 1.4426950408889634
    end = tl.minimum(start + BLOCK_M, length) if CAUSAL else length
    for first in range(0, end, BLOCK_N):
        at = first + columns
        k = tl.load(
            k_ptr + base + at[None, :] * stride_row + inside[:, None],
            mask=at[None, :] < length, other=0.0,
        )
        score = tl.dot(q, k) * scale
        keep = at[None, :] < length
        if CAUSAL:
            keep = keep & (at[None, :] <= rows[:, None])
        score = tl.where(keep, score, float("-inf"))
        larger = tl.maximum(largest, tl.max(score, axis=1))
        weight = tl.exp2(score - larger[:, None])
        shrink = tl.exp2(largest - larger)
        total = total * shrink + tl.sum(weight, axis=1)
        v = tl.load(
            v_ptr + base + at[:, None] * stride_row + inside[None, :],
            mask=at[:, None] < length, other=0.0,
        )
        acc = acc * shrink[:, None]
        acc = tl.dot(weight.to(v.dtype), v, acc)
        largest = larger
    acc = acc / total[:, None]
    tl.store(
        out_ptr + base + rows[:, None] * stride_row + inside[None, :],
        acc.to(out_ptr.dtype.element_ty),
        mask=rows[:, None] < length,
    )
