# k, grid 2,6, Q K V f16[2,3,100,64], Out zeros f16[2,3,100,64], sm_scale=0.2 H=3 N=100 D=64 BM=64 BN=32 CAUSAL=true
# causal softmax(Q K^T * 0.2) V per head, to 4e-3
# kernel: k
# signature: *fp16:16, *fp16:16, *fp16:16, *fp16:16, fp32, i32, i32, 64, 64, 32, true
# grid: 2 6
# scalars: 0.2 3 100
import triton
import triton.language as tl


@triton.jit
def k(Q, K, V, Out, sm_scale, H, N, D: tl.constexpr, BM: tl.constexpr, BN: tl.constexpr, CAUSAL: tl.constexpr):
    start = tl.program_id(0)
    hz = tl.program_id(1)
    off = hz.to(tl.int64) * N * D
    rm = start * BM + tl.arange(0, BM)
    rn = tl.arange(0, BN)
    d = tl.arange(0, D)
    q = tl.load(Q + off + rm[:, None] * D + d[None, :], mask=rm[:, None] < N, other=0.0)
    m_i = tl.full([BM], float("-inf"), tl.float32)
    l_i = tl.zeros([BM], tl.float32) + 1.0
    l_i = l_i * 0
    acc = tl.zeros([BM, D], tl.float32)
    hi = (start + 1) * BM if CAUSAL else N
    hi = tl.minimum(hi, N)
    for s in range(0, hi, BN):
        s = tl.multiple_of(s, BN)
        c = s + rn
        kt = tl.load(K + off + c[None, :] * D + d[:, None], mask=c[None, :] < N, other=0.0)
        v = tl.load(V + off + c[:, None] * D + d[None, :], mask=c[:, None] < N, other=0.0)
        qk = tl.dot(q, kt) * sm_scale
        ok = c[None, :] < N
        if CAUSAL:
            ok = ok & (rm[:, None] >= c[None, :])
        qk = tl.where(ok, qk, -1.0e6)
        m_new = tl.maximum(m_i, tl.max(qk, 1))
        p = tl.exp(qk - m_new[:, None])
        alpha = tl.exp(m_i - m_new)
        l_i = l_i * alpha + tl.sum(p, 1)
        acc = acc * alpha[:, None]
        acc = tl.dot(p.to(v.dtype), v, acc)
        m_i = m_new
    acc = acc / l_i[:, None]
    tl.store(Out + off + rm[:, None] * D + d[None, :], acc.to(Out.dtype.element_ty), mask=rm[:, None] < N)
