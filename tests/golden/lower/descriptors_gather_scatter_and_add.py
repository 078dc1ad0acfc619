# kernel: k
# signature: *fp32, *i32, *fp32, *i32, i32, i32
# expect-ttir: tt.descriptor_gather
# expect-ttir: tt.descriptor_scatter
# expect-ttir: tt.descriptor_reduce add
# expect-ttir: tt.descriptor_reduce min
# expect-ttir: tt.descriptor_reduce max
# expect-ttir: tt.descriptor_reduce and
# expect-ttir: tt.descriptor_reduce or
# expect-ttir: tt.descriptor_reduce xor
# upstream: differs its descriptor type says that integers are signed
import triton
import triton.language as tl


@triton.jit
def k(a, b, o, r, M, N):
    d = tl.make_tensor_descriptor(a, [M, N], [N, 1], [1, 32])
    rows = tl.load(r + tl.arange(0, 16))
    x = d.gather(rows, 8)
    d.scatter(x, rows, 0)
    e = tl.make_tensor_descriptor(o, [M, N], [N, 1], [16, 32])
    e.atomic_add([0, 0], x)
    f = tl.make_tensor_descriptor(b, [M, N], [N, 1], [16, 32])
    y = tl.full([16, 32], 3, tl.int32)
    f.atomic_min([0, 0], y)
    f.atomic_max([0, 0], y)
    f.atomic_and([0, 0], y)
    f.atomic_or([0, 0], y)
    f.atomic_xor([0, 0], y)
