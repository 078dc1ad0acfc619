# kernel: k
# signature: *fp32
# expect-ttir: math.exp %
# expect-ttir: __nv_log1pf
# expect-ttir: math.sqrt
# reject-ttir: exp2
import triton
import triton.language as tl


import os

if os.environ.get("FAST", "0") == "1":
    exp = tl.exp2
else:
    exp = tl.exp

if hasattr(tl, "make_tensor_descriptor") and hasattr(tl, "nothing"):
    @triton.jit
    def helper(x):
        return x + 1
else:
    @triton.jit
    def helper(x):
        return x + 2

try:
    from triton.language.extra.libdevice import log1p as log
except ImportError:
    log = tl.log

try:
    import nonexistent_module
    fallback = nonexistent_module.sqrt
except ImportError:
    fallback = tl.sqrt


@triton.jit
def k(o):
    tl.store(o, exp(1.0) + helper(2) + log(3.0) + fallback(4.0))
