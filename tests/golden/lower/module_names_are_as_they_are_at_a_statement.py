# kernel: k
# signature: *fp32
# expect-ttir: math.exp2
# expect-ttir: math.sqrt
# expect-ttir: arith.constant 7.0
# reject-ttir: math.log
# upstream: refuses a module constant that is not a constexpr
try:
    import triton
    import triton.language as tl

    HAVE = tl.constexpr(triton.__version__ >= "2")
except ImportError:
    HAVE = False

if not HAVE:
    tl = None

f = tl.sqrt
if HAVE:
    f = triton.jit(f) if f is None else f
g = f
f = tl.exp2

SIZE = 3
SIZE = SIZE * 2
SIZE = SIZE + 1.0


@triton.jit
def k(o):
    tl.store(o, f(1.0) + g(4.0) + SIZE)
