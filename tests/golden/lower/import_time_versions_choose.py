# kernel: k
# signature: *fp32
# expect-ttir: math.exp %
# expect-ttir: math.sqrt
# expect-ttir: arith.constant 5.0
# reject-ttir: exp2
# reject-ttir: math.log
# upstream: refuses where packaging is not installed
import triton
import triton.language as tl
from importlib.util import find_spec
from packaging import version
from packaging.version import Version
import torch

HAS_TRITON = find_spec("triton") is not None or find_spec("other") is not None
NEW = HAS_TRITON and version.parse(triton.__version__) >= version.parse("3.0.0")

if NEW and not version.parse("3.10") < Version("3.9.1+local"):
    exp = tl.exp
else:
    exp = tl.exp2

IS_HIP = torch.version.hip is not None


def is_cuda():
    return triton.runtime.driver.active.get_current_target().backend == "cuda"


def choose():
    return tl.log if IS_HIP or is_cuda() or torch.cuda.is_available() else tl.sqrt


root = choose()
FIVE = tl.constexpr(5.0 if (3, 1, 2) < (3, 2) and (3,) <= (3, 0) else 6.0)


@triton.jit
def k(o):
    tl.store(o, exp(1.0) + root(4.0) + FIVE)
