# k, grid 3, Q f16[3,4,32] K V f16[3,50,32] Out zeros f16[3,4,32], scale=0.2 N=50 G=4 H=32 B=16
# four heads ask one set of keys: products with four rows
# kernel: k
# signature: *fp16:16, *fp16:16, *fp16:16, *fp16:16, fp32, i32, 4, 32, 16
# grid: 3 1
# scalars: 0.2 50
import triton
import triton.language as tl


@triton.jit
def k(Q, K, V, Out, scale, N, G: tl.constexpr, H: tl.constexpr, B: tl.constexpr):
    z = tl.program_id(0)
    g = tl.arange(0, G)
    h = tl.arange(0, H)
    q = tl.load(Q + z * G * H + g[:, None] * H + h[None, :])
    top = tl.full([G], float("-inf"), tl.float32)
    total = tl.zeros([G], tl.float32)
    acc = tl.zeros([G, H], tl.float32)
    for start in range(0, N, B):
        rn = start + tl.arange(0, B)
        kT = tl.load(K + z * N * H + rn[None, :] * H + h[:, None], mask=rn[None, :] < N, other=0.0)
        v = tl.load(V + z * N * H + rn[:, None] * H + h[None, :], mask=rn[:, None] < N, other=0.0)
        s = tl.where(rn[None, :] < N, tl.dot(q, kT) * scale, float("-inf"))
        new = tl.maximum(top, tl.max(s, 1))
        p = tl.exp(s - new[:, None])
        keep = tl.exp(top - new)
        total = total * keep + tl.sum(p, 1)
        acc = tl.dot(p.to(tl.float16), v, acc * keep[:, None])
        top = new
    tl.store(Out + z * G * H + g[:, None] * H + h[None, :], (acc / total[:, None]).to(tl.float16))
