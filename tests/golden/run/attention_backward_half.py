# k, grid 2, Q K V DO f16[64,32] L D f32[64] Out zeros f32[3,64,32], scale=0.2 N=64 B=32 H=32
# gradients of causal attention: dK and dV of a block of keys by transposed products, dQ of a block of rows
# kernel: k
# signature: *fp16:16, *fp16:16, *fp16:16, *fp16:16, *fp32:16, *fp32:16, *fp32:16, fp32, i32:16, 32, 32
# grid: 2 1
# scalars: 0.2 64
import triton
import triton.language as tl


@triton.jit
def keys_and_values(Q, K, V, DO, L, D, first, scale, N, B: tl.constexpr, H: tl.constexpr):
    rn = first + tl.arange(0, B)
    h = tl.arange(0, H)
    kb = tl.load(K + rn[:, None] * H + h[None, :])
    vb = tl.load(V + rn[:, None] * H + h[None, :])
    dk = tl.zeros([B, H], dtype=tl.float32)
    dv = tl.zeros([B, H], dtype=tl.float32)
    for start in range(first, N, B):
        rm = start + tl.arange(0, B)
        qT = tl.load(Q + rm[None, :] * H + h[:, None])
        do = tl.load(DO + rm[:, None] * H + h[None, :])
        pT = tl.exp(tl.dot(kb, qT) * scale - tl.load(L + rm)[None, :])
        pT = tl.where(rm[None, :] >= rn[:, None], pT, 0.0)
        dv += tl.dot(pT.to(tl.float16), do)
        dpT = tl.dot(vb, tl.trans(do))
        dsT = pT * (dpT - tl.load(D + rm)[None, :])
        dk += tl.dot(dsT.to(tl.float16), tl.trans(qT))
    return dk * scale, dv


@triton.jit
def queries(Q, K, V, DO, L, D, first, scale, B: tl.constexpr, H: tl.constexpr):
    rm = first + tl.arange(0, B)
    h = tl.arange(0, H)
    q = tl.load(Q + rm[:, None] * H + h[None, :])
    do = tl.load(DO + rm[:, None] * H + h[None, :])
    lse = tl.load(L + rm)[:, None]
    delta = tl.load(D + rm)[:, None]
    dq = tl.zeros([B, H], dtype=tl.float32)
    for start in range(0, first + B, B):
        rn = start + tl.arange(0, B)
        kT = tl.load(K + rn[None, :] * H + h[:, None])
        vT = tl.load(V + rn[None, :] * H + h[:, None])
        p = tl.exp(tl.dot(q, kT) * scale - lse)
        p = tl.where(rm[:, None] >= rn[None, :], p, 0.0)
        ds = p * (tl.dot(do, vT) - delta)
        dq = tl.dot(ds.to(tl.float16), tl.trans(kT), dq)
    return dq * scale


@triton.jit
def k(Q, K, V, DO, L, D, Out, scale, N, B: tl.constexpr, H: tl.constexpr):
    first = tl.program_id(0) * B
    at = (first + tl.arange(0, B))[:, None] * H + tl.arange(0, H)[None, :]
    dk, dv = keys_and_values(Q, K, V, DO, L, D, first, scale, N, B, H)
    tl.store(Out + N * H + at, dk)
    tl.store(Out + 2 * N * H + at, dv)
    tl.store(Out + at, queries(Q, K, V, DO, L, D, first, scale, B, H))
