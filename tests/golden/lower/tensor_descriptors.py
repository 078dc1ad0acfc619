# kernel: k
# signature: *fp16, *fp16, i32, i32
# expect-ttir: tt.make_tensor_descriptor
# expect-ttir: tt.descriptor_load
# expect-ttir: tt.descriptor_store
import triton
import triton.language as tl


@triton.jit
def k(a, o, M, N):
    d = tl.make_tensor_descriptor(a, shape=[M, N], strides=[N, 1], block_shape=[16, 32])
    e = tl.make_tensor_descriptor(o, [M, N], [N, 1], [16, 32])
    x = d.load([tl.program_id(0) * 16, 0])
    e.store([0, 32], x + 1)
    tl.store_tensor_descriptor(e, [0, 64], tl.load_tensor_descriptor(d, [0, 0]))
