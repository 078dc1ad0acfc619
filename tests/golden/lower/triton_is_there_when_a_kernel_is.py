# kernel: k
# signature: *fp32
# expect-ttir: math.exp %
# upstream: refuses where host_facts is not installed
from host_facts import HAS_TRITON, Placeholder

if HAS_TRITON:
    import triton
    import triton.language as tl
else:
    triton = Placeholder()
    tl = Placeholder()

if not HAS_TRITON:
    tl = Placeholder()


@triton.jit
def k(o):
    tl.store(o, tl.exp(1.0))
