# kernel: k
# signature: *fp32
# upstream: refuses tl.shared_memory is ours
# expect-ttir: ttm.shared_alloc {count = 48 : i32} : !tt.ptr<f32, 3>
# expect-ttir: arith.cmpi ult
# expect-ttir: tt.addptr
# expect-ttir: !tt.ptr<f32, 3>
import triton
import triton.language as tl


@triton.jit
def k(o):
    i = tl.arange(0, 64)
    s = tl.shared_memory([48], tl.float32)
    s[i] = 1.0
    tl.store(o + i, s[i])
