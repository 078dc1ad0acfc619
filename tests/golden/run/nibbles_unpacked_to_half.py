# k, grid 1, w u8[32,16], o zeros f16[32,32]
# o[r,2c] = (low nibble of w[r,c] - 8) / 2, o[r,2c+1] the high one, exactly
# kernel: k
# signature: *u8:16, *fp16:16
# grid: 1 1
import triton
import triton.language as tl


@triton.jit
def k(w, o):
    r = tl.arange(0, 32)[:, None]; c = tl.arange(0, 32)[None, :]
    b = tl.load(w + r * 16 + c // 2)
    v = (b >> ((c % 2) * 4)) & 0xF
    tl.store(o + r * 32 + c, (v.to(tl.float16) - 8.0) * 0.5)
