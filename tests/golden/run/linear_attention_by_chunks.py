# k, grid 2, Q K V f16[2,64,32] Out zeros f32[2,64,32], T=64 C=16 D=32
# o = Q S + tril(Q K^T) V, S += K^T V: a product is carried, and is the right operand of another
# kernel: k
# signature: *fp16:16, *fp16:16, *fp16:16, *fp32:16, i32:16, 16, 32
# grid: 2 1
# scalars: 64
import triton
import triton.language as tl


@triton.jit
def k(Q, K, V, Out, T, C: tl.constexpr, D: tl.constexpr):
    base = tl.program_id(0) * T * D
    c = tl.arange(0, C)
    d = tl.arange(0, D)
    state = tl.zeros([D, D], dtype=tl.float32)
    for t in range(0, T, C):
        at = base + (t + c)[:, None] * D + d[None, :]
        q = tl.load(Q + at)
        kb = tl.load(K + at)
        v = tl.load(V + at)
        inner = tl.where(c[:, None] >= c[None, :], tl.dot(q, tl.trans(kb)), 0.0)
        o = tl.dot(q, state.to(tl.float16))
        o += tl.dot(inner.to(tl.float16), v)
        state += tl.dot(tl.trans(kb), v)
        tl.store(Out + at, o * 0.1)
