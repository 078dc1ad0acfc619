# kernel: k
# signature: tensordesc<fp16[16,32]>, (*fp32:16, i32, 8), (x=tensordesc<fp32[64]>:nan, y=None)
# expect-ttir: %a: !tt.ptr<f16> {tt.divisibility = 16 : i32}, %a.shape.0: i32, %a.shape.1: i32, %a.stride.0: i64 {tt.divisibility = 8 : i32}
# expect-ttir: %b.0: !tt.ptr<f32> {tt.divisibility = 16 : i32}, %b.1: i32
# expect-ttir: %c.x: !tt.ptr<f32> {tt.divisibility = 16 : i32}, %c.x.shape.0: i32)
# expect-ttir: tt.make_tensor_descriptor %a, [%a.shape.0, %a.shape.1], [%a.stride.0,
# expect-ttir: tt.make_tensor_descriptor %c.x, [%c.x.shape.0]
# upstream: differs it takes descriptors apart in a later pass
import triton
import triton.language as tl


@triton.jit
def k(a, b, c):
    i = tl.arange(0, 16)[:, None] * 32 + tl.arange(0, 32)[None, :]
    tl.static_assert(b[2] == 8)
    tl.static_assert(c.y is None)
    tl.store(b[0] + i, a.load([b[1], b[2]]).to(tl.float32))
    tl.store(b[0] + tl.arange(0, 64), c.x.load([a.shape[0]]))
