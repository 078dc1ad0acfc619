# kernel: k
# signature: *fp32, *i32
# expect-ttir: tt.bitcast
# expect-ttir: tt.ptr_to_int
# expect-ttir: tt.int_to_ptr
import triton
import triton.language as tl


@triton.jit
def k(a, o):
    p = a.to(tl.pointer_type(tl.int32))
    tl.store(o, tl.load(p + 3))
    tl.store(o + 1, (a.to(tl.int64) & 15).to(tl.int32))
    q = tl.load(o).to(tl.int64).to(tl.pointer_type(tl.float32))
    tl.store(q, 1.0)
