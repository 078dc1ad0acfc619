# kernel: k
# signature: *fp32:16, *i32:16, i32, i32
# grid: 4
# scalars: 29 61
# k, grid 4, x f32[32,64] that all programs add to, and five i32[32,64]
# of i with another operation each,
# within M rows and N columns
import triton
import triton.language as tl


@triton.jit
def k(x, i, M, N):
    pid = tl.program_id(0)
    d = tl.make_tensor_descriptor(x, [M, N], [64, 1], [16, 32])
    d.atomic_add([pid * 8 - 4, 16], tl.full([16, 32], 0.25, tl.float32))
    v = tl.arange(0, 16)[:, None] - tl.arange(0, 32)[None, :]
    e = tl.make_tensor_descriptor(i, [M, N], [64, 1], [16, 32])
    e.atomic_max([pid * 8, 0], v)
    e = tl.make_tensor_descriptor(i + 4096, [M, N], [64, 1], [16, 32])
    e.atomic_min([pid * 8, 40], v)
    e = tl.make_tensor_descriptor(i + 8192, [M, N], [64, 1], [16, 32])
    e.atomic_or([pid, 16], v & 7)
    e = tl.make_tensor_descriptor(i + 12288, [M, N], [64, 1], [16, 32])
    e.atomic_xor([pid, 48], v & 63)
    e = tl.make_tensor_descriptor(i + 16384, [M, N], [64, 1], [16, 32])
    e.atomic_and([pid + 16, 0], v | 30)
