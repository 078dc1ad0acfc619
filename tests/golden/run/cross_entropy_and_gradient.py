# k, grid 6, logits f32[6,1000], tgt i64[6], loss zeros f32[6], grad zeros f32[6,1000], V=1000 B=256
# loss = logsumexp - logits[tgt], grad = softmax - onehot(tgt), 1e-5
# kernel: k
# signature: *fp32:16, *i64:16, *fp32:16, *fp32:16, i32, 256
# grid: 6 1
# scalars: 1000
import triton
import triton.language as tl


@triton.jit
def k(logits, tgt, loss, grad, V, B: tl.constexpr):
    r = tl.program_id(0)
    y = tl.load(tgt + r)
    m = float("-inf")
    d = 0.0
    for s in range(0, V, B):
        i = s + tl.arange(0, B)
        v = tl.load(logits + r * V + i, mask=i < V, other=float("-inf"))
        bm = tl.max(v)
        mn = tl.maximum(m, bm)
        d = d * tl.exp(m - mn) + tl.sum(tl.exp(v - mn))
        m = mn
    lse = m + tl.log(d)
    tl.store(loss + r, lse - tl.load(logits + r * V + y))
    for s in range(0, V, B):
        i = s + tl.arange(0, B)
        v = tl.load(logits + r * V + i, mask=i < V, other=float("-inf"))
        p = tl.exp(v - lse)
        p = tl.where(i == y, p - 1, p)
        tl.store(grad + r * V + i, p, mask=i < V)
