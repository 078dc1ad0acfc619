# kernel: k
# signature: *fp32, *i32, *fp16, i32, fp32, u32
# expect-error: 41:5 dot's acc must be fp32[16, 16], got fp32[16]
# expect-error: 43:5 dot does not accumulate in bfloat16
# expect-error: 44:5 input_precision and allow_tf32 exclude each other
# expect-error: 45:5 unknown input_precision 'exact'
# expect-error: 46:5 dot needs two tensors, got int32 and fp32[16, 16]
# expect-error: 47:5 format bf16 holds bf16 or uint16, got fp32[16, 16]
# expect-error: 48:5 unknown format the string 'zz'
# expect-error: 49:5 only e2m1 packs along another dimension than K
# expect-error: 50:5 dot_scaled takes 2 or 3 dimensions, got bf16[16]
# expect-error: 51:5 lhs_scale has 8-bit elements, got int32[16, 16]
# expect-error: 52:5 lhs_scale must be [.., 16, 16 / 16 or 32], got uint8[16, 16]
# expect-error: 53:5 dot_scaled accumulates in float32, not fp16
# expect-error: 54:5 dot_scaled cannot multiply bf16[16, 16] by bf16[32, 16]
# expect-error: 55:5 umulhi takes 32- and 64-bit integers, got fp32[16]
# expect-error: 56:5 mulhi takes (int32, int32) or (uint32, uint32) or (int64, int64) or (uint64, uint64), got (int64, a number)
# expect-error: 57:5 fmod takes floats, got int32[16]
# expect-error: 58:5 ffs takes 32- and 64-bit integers, got fp32[16]
# expect-error: 59:5 triton.language.extra.libdevice has no 'nothing'
# upstream: differs
import triton
import triton.language as tl


from triton.language.extra import libdevice


@triton.jit
def k(pf, pi, ph, n, s, u):
    i = tl.arange(0, 16)
    x = tl.load(pf + i)
    y = tl.load(pi + i)
    m = tl.load(pi + i[:, None] * 16 + i[None, :])
    bp = tl.make_block_ptr(pf, (n, n), (n, 1), (0, 0), (16, 16), (1, 0))
    d = tl.make_tensor_descriptor(pf, [n, n], [n, 1], [16, 16])
    h = m.to(tl.float16)
    b = m.to(tl.bfloat16)
    c = m.to(tl.int8)
    f = m.to(tl.float32)
    tl.dot(h, h, acc=x)
    tl.dot(h, h, max_num_imprecise_acc=1000)
    tl.dot(b, b, out_dtype=tl.bfloat16)
    tl.dot(f, f, input_precision='ieee', allow_tf32=True)
    tl.dot(f, f, input_precision='exact')
    tl.dot(n, f)
    tl.dot_scaled(f, None, 'bf16', b, None, 'bf16')
    tl.dot_scaled(b, None, 'zz', b, None, 'bf16')
    tl.dot_scaled(b, None, 'bf16', b, None, 'bf16', lhs_k_pack=False)
    tl.dot_scaled(x.to(tl.bfloat16), None, 'bf16', b, None, 'bf16')
    tl.dot_scaled(b, m, 'bf16', b, None, 'bf16')
    tl.dot_scaled(b, c.to(tl.uint8), 'bf16', b, None, 'bf16')
    tl.dot_scaled(b, None, 'bf16', b, None, 'bf16', out_dtype=tl.float16)
    tl.dot_scaled(b, None, 'bf16', tl.zeros((32, 16), tl.bfloat16), None, 'bf16')
    tl.umulhi(x, x)
    libdevice.mulhi(y.to(tl.int64), 0.5)
    libdevice.fmod(y, y)
    libdevice.ffs(x)
    libdevice.nothing(x)
