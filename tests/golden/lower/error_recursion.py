# kernel: k
# signature: *fp32, *i32, *fp16, i32, fp32, u32
# expect-error: 16:12 recursion does not end: ping -> pong -> ping
# upstream: differs
import triton
import triton.language as tl


@triton.jit
def ping(a):
    return pong(a)


@triton.jit
def pong(a):
    return ping(a)


@triton.jit
def k(pf, pi, ph, n, s, u):
    i = tl.arange(0, 16)
    x = tl.load(pf + i)
    y = tl.load(pi + i)
    m = tl.load(pi + i[:, None] * 16 + i[None, :])
    bp = tl.make_block_ptr(pf, (n, n), (n, 1), (0, 0), (16, 16), (1, 0))
    d = tl.make_tensor_descriptor(pf, [n, n], [n, 1], [16, 16])
    ping(n)
