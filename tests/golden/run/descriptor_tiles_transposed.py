# tiles read and written through tensor descriptors, past the edges too
# kernel: k
# signature: *fp32:16, *fp32:16, i32, i32, 16, 32
# grid: 3 2
# scalars: 40 52
import triton
import triton.language as tl


@triton.jit
def k(x, y, m, n, BM: tl.constexpr, BN: tl.constexpr):
    i = tl.program_id(0) * BM
    j = tl.program_id(1) * BN
    source = tl.make_tensor_descriptor(x, shape=[m, n], strides=[n, 1], block_shape=[BM, BN])
    target = tl.make_tensor_descriptor(y, shape=[n, m], strides=[m, 1], block_shape=[BN, BM])
    tile = source.load([i, j])
    target.store([j, i], tile.T * 2.0)
