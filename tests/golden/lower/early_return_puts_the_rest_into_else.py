# kernel: k
# signature: *i32, i32
# expect-ttir: scf.if
# expect-ttir: } else {
# expect-ttir: tt.store
# expect-ttir: }
# expect-ttir: tt.return
# upstream: differs upstream leaves a branch, here is only structure
import triton
import triton.language as tl


@triton.jit
def k(o, n):
    pid = tl.program_id(0)
    if pid >= n:
        return
    tl.store(o + pid, 1)
