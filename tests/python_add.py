# SPDX-License-Identifier: MIT
"""The Python package: numpy arrays, shared arrays, descriptors, tuples, a grid
function, errors."""
import collections

import numpy as np
import triton_metal
import triton_metal.language as tl

@triton_metal.jit
def add(x, y, out, n, BLOCK: tl.constexpr):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    m = i < n
    tl.store(out + i, tl.load(x + i, m) + tl.load(y + i, m), m)

n = 5003
x = np.random.rand(n).astype(np.float32); y = np.random.rand(n).astype(np.float32); o = np.zeros_like(x)
add[(triton_metal.cdiv(n, 1024),)](x, y, o, n, BLOCK=1024)
assert (o == x + y).all()
a = triton_metal.from_numpy(x); b = triton_metal.zeros(n)
add[lambda meta: (triton_metal.cdiv(n, meta["BLOCK"]),)](a, a, b, n, BLOCK=256, num_warps=2)
triton_metal.synchronize()
assert (b.numpy() == x + x).all()
try:
    add[(1,)](x, y, o, n)
    raise SystemExit("a launch without BLOCK did not fail")
except triton_metal.Error as error:
    assert "BLOCK" in str(error), error
try:
    add(x, y, o, n, 1024)
    raise SystemExit("a kernel was called without a grid")
except RuntimeError as error:
    assert "add[grid]" in str(error), error


@triton_metal.jit
def scaled(v, how):
    return v * how.scale + how.more[1]

@triton_metal.jit
def move(src, dst, how, fn):
    i = tl.program_id(0) * src.block_shape[0]
    v = fn(src.load([i, 0]), how)
    dst.store([i, 0], v)
    tl.store(how.more[0], src.shape[0])

How = collections.namedtuple("How", ["scale", "more", "none"])
m = np.arange(320, dtype=np.float32).reshape(20, 16); r = np.zeros((20, 16), np.float32); size = np.zeros(1, np.int32)
source = triton_metal.TensorDescriptor(m, m.shape, [16, 1], [8, 16])
target = triton_metal.TensorDescriptor.from_tensor(r, [8, 16])
move[(3,)](source, target, How(3, (size, 1.5), None), scaled)
assert (r == m * 3 + np.float32(1.5)).all() and size[0] == 20
try:
    move[(3,)](triton_metal.TensorDescriptor(m, m.shape, [16, 2], [8, 16]), target, How(3, (size, 1.5), None), scaled)
    raise SystemExit("a descriptor with a last stride of 2 was taken")
except triton_metal.Error as error:
    assert "'src': strides[1] is 2" in str(error), error
try:
    move[(3,)](triton_metal.TensorDescriptor(m, m.shape, [1], [8, 16]), target, How(3, (size, 1.5), None), scaled)
    raise SystemExit("a descriptor with too few strides was taken")
except ValueError as error:
    assert "strides" in str(error), error
