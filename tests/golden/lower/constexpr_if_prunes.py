# kernel: k
# signature: *i32
# constexpr: MODE=fast FLAG=false
# expect-ttir: constant 1 : i32
# expect-ttir: constant 3 : i32
# reject-ttir: scf.if
import triton
import triton.language as tl


@triton.jit
def k(o, MODE: tl.constexpr, FLAG: tl.constexpr, X=None):
    if MODE == "fast":
        tl.store(o, 1)
    elif MODE == "slow":
        undefined_name(3)
    else:
        tl.store(o, 2)
    if FLAG and X is not None:
        tl.store(X, 2)
    if not FLAG:
        tl.store(o + 1, 3)
