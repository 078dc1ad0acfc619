# kernel: k
# signature: *fp32, *fp32
# expect-ttir: __nv_tanhf
# expect-ttir: math.exp2
# expect-ttir: math.log2
# expect-ttir: tt.precise_divf
# upstream: differs these instructions become functions here
import triton
import triton.language as tl


@triton.jit
def k(a, o):
    i = tl.arange(0, 16)
    x = tl.load(a + i)
    x = tl.inline_asm_elementwise("tanh.approx.f32 $0, $1;", "=f,f", [x],
                                  dtype=tl.float32, is_pure=True, pack=1)
    x = tl.inline_asm_elementwise(asm="""
        { // fast
          ex2.approx.ftz.f32 $0, $1;
        }""", constraints="=f, f", args=[x], dtype=tl.float32, is_pure=True, pack=1)
    x = tl.inline_asm_elementwise("lg2.approx.f32 $0,$1;", "=f,f", [x], tl.float32, True, 1)
    x = tl.inline_asm_elementwise("rcp.approx.ftz.f32 $0, $1;", "=f,f", [x], tl.float32, True, 1)
    tl.store(o + i, x)
