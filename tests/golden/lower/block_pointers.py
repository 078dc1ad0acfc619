# kernel: k
# signature: *fp16, *fp16, i32, i32, i32
# expect-ttir: tt.make_tensor_ptr
# expect-ttir: scf.for
# expect-ttir: tt.load
# expect-ttir: boundaryCheck = array<i32: 0, 1>
# expect-ttir: tt.advance
# expect-ttir: tt.store
# upstream: lacks block pointers are gone from 3.9
import triton
import triton.language as tl


@triton.jit
def k(a, o, M, N, sm):
    p = tl.make_block_ptr(base=a, shape=(M, N), strides=(sm, 1), offsets=(tl.program_id(0) * 16, 0), block_shape=(16, 32), order=(1, 0))
    q = tl.make_block_ptr(o, (M, N), (sm, 1), (0, 0), (16, 32), (1, 0))
    acc = tl.zeros((16, 32), tl.float32)
    for j in range(0, N, 32):
        acc += tl.load(p, boundary_check=(0, 1), padding_option="zero")
        p = tl.advance(p, (0, 32))
    tl.store(q, acc.to(tl.float16), boundary_check=(0, 1))
