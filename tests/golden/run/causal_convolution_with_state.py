# depthwise convolution of width 4 over time with a window carried in
# registers, then silu when asked
# kernel: k
# signature: *fp32:16, *fp32:16, none, *fp32:16, i32, i32, 4, 32, true
# grid: 2
# scalars: 20 40
import triton
import triton.language as tl


@triton.jit
def k(x, w, bias, y, steps, channels, WIDTH: tl.constexpr, C: tl.constexpr, SILU: tl.constexpr):
    c = tl.program_id(0) * C + tl.arange(0, C)
    inside = c < channels
    past0 = tl.zeros([C], tl.float32)
    past1 = tl.zeros([C], tl.float32)
    past2 = tl.zeros([C], tl.float32)
    w0 = tl.load(w + c * WIDTH, mask=inside, other=0.0)
    w1 = tl.load(w + c * WIDTH + 1, mask=inside, other=0.0)
    w2 = tl.load(w + c * WIDTH + 2, mask=inside, other=0.0)
    w3 = tl.load(w + c * WIDTH + 3, mask=inside, other=0.0)
    for t in range(steps):
        now = tl.load(x + t * channels + c, mask=inside, other=0.0)
        out = past0 * w0 + past1 * w1 + past2 * w2 + now * w3
        if bias is not None:
            out += tl.load(bias + c, mask=inside, other=0.0)
        if SILU:
            out = out * tl.sigmoid(out)
        tl.store(y + t * channels + c, out, mask=inside)
        past0, past1, past2 = past1, past2, now
