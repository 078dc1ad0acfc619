# SPDX-License-Identifier: MIT
"""The Python package: numpy arrays, shared arrays, a grid function, an error."""
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
