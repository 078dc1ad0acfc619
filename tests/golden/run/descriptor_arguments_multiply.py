# a product of tensor descriptors that the launcher makes, past the edges too
# kernel: k
# signature: tensordesc<fp16[32,32]>, tensordesc<fp16[32,32]>, tensordesc<fp32[32,32]>, i32
# grid: 2 2
# scalars: 50 70 72 70 40 40 50 40 44 70
import triton
import triton.language as tl


@triton.jit
def tile(d, i, j):
    return d.load([i, j])


@triton.jit
def k(a_desc, b_desc, c_desc, K):
    BM: tl.constexpr = a_desc.block_shape[0]
    BN: tl.constexpr = b_desc.block_shape[1]
    BK: tl.constexpr = a_desc.block_type.shape[1]
    i = tl.program_id(0) * BM
    j = tl.program_id(1) * BN
    acc = tl.zeros((BM, BN), dtype=tl.float32)
    for at in range(0, K, BK):
        acc = tl.dot(tile(a_desc, i, at), tl.load_tensor_descriptor(b_desc, [at, j]), acc)
    tl.store_tensor_descriptor(c_desc, [i, j], acc.to(c_desc.dtype))
