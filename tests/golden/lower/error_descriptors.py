# kernel: k
# signature: *fp32, *u32, *fp16, *i32, i32
# expect-error: 24:9 needs a descriptor of single rows
# expect-error: 26:9 takes its rows as int16 or int32 of one dimension
# expect-error: 27:5 cannot scatter
# expect-error: 29:5 atomic_and through a descriptor does not take
# expect-error: 30:5 cannot store
# expect-error: 32:5 atomic_max of unsigned elements
# expect-error: 33:5 the descriptor needs 2 offsets, got 1
# expect-error: 34:9 must hold 16 bytes
# expect-error: 35:9 the last stride
# expect-error: 36:9 must have the same length
# expect-error: 37:9 unknown padding option
# expect-error: 38:9 integers cannot be padded with nan
# expect-error: 39:5 unknown layout 'ROW'
# expect-error: 40:17 unknown cache modifier '.xx'
# upstream: differs each of them is an error of its own there
import triton
import triton.language as tl
@triton.jit
def k(a, b, c, r, N):
    d = tl.make_tensor_descriptor(a, [N, N], [N, 1], [16, 32])
    rows = tl.load(r + tl.arange(0, 16))
    x = d.gather(rows, 0)
    g = tl.make_tensor_descriptor(a, [N, N], [N, 1], [1, 32])
    y = g.gather(rows[:, None], 0)
    g.scatter(tl.zeros([16, 16], tl.float32), rows, 0)
    z = tl.zeros([16, 32], tl.float32)
    d.atomic_and([0, 0], z)
    d.atomic_add([0, 0], rows)
    u = tl.make_tensor_descriptor(b, [N, N], [N, 1], [16, 32])
    u.atomic_max([0, 0], z)
    d.store([0], z)
    v = tl.make_tensor_descriptor(c, [N], [1], [4])
    w = tl.make_tensor_descriptor(a, [N, N], [N, 2], [16, 32])
    w = tl.make_tensor_descriptor(a, [N, N], [N, 1], [32])
    w = tl.make_tensor_descriptor(a, [N, N], [N, 1], [16, 32], "edge")
    w = tl.make_tensor_descriptor(r, [N, N], [N, 1], [16, 32], "nan")
    tl.store(r, N, layout="ROW")
    tl.store(r, tl.load(r, cache_modifier=".xx"))
