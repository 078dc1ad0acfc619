# kernel: k
# signature: *i32
# expect-error: 11:5 atomic_load orders by 'acquire' or not at all
# expect-error: 12:5 atomic_store orders by 'release' or not at all
import triton
import triton.language as tl


@triton.jit
def k(p):
    tl.atomic_load(p, sem="release")
    tl.atomic_store(p, 1, sem="acq_rel")
