# kernel: k
# signature: *fp32, *i32
# expect-error: 15:9 `cvt.rn.bf16x2.f32` is none of the instructions
# expect-error: 16:9 `mov.u32` is none of the instructions
# expect-error: 17:9 `ex2.approx.f32` is none
# expect-error: 18:9 `tanh.approx.f32` is none
# expect-error: 19:9 map_elementwise begins with a function
# expect-error: 20:9 the function of map_elementwise returns 1 values, which is no multiple of pack=2
# upstream: differs it takes PTX
import triton
import triton.language as tl
@triton.jit
def k(a, b):
    x = tl.load(a + tl.arange(0, 16))
    y = tl.inline_asm_elementwise("cvt.rn.bf16x2.f32 $0, $1, $2;", "=r,f,f", [x, x], tl.int32, True, 1)
    y = tl.inline_asm_elementwise("mov.u32 $0, %globaltimer;", "=r", [], tl.int32, False, 1)
    y = tl.inline_asm_elementwise("ex2.approx.f32 $0, $1; add.f32 $0, $0, $0;", "=f,f", [x], tl.float32, True, 1)
    y = tl.inline_asm_elementwise("tanh.approx.f32 $0, $1;", "=r,r", [x], tl.float32, True, 1)
    y = tl.map_elementwise(3, x)
    y = tl.map_elementwise(one, x, pack=2)
@triton.jit
def one(x, y):
    return x
