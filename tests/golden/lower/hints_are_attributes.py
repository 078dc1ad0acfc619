# kernel: k
# signature: *fp32, *fp32, i32
# expect-ttir: tt.contiguity = dense<16>
# expect-ttir: llvm.intr.assume
# expect-ttir: gpu.barrier
# upstream: differs canonicalization drops the hint of one of the additions
import triton
import triton.language as tl


@triton.jit
def k(a, o, n):
    i = tl.program_id(0) * n + tl.arange(0, 16)
    i = tl.max_contiguous(tl.multiple_of(i, 16), 16)
    tl.assume(n > 0)
    tl.store(o + i, tl.load(a + i))
    tl.debug_barrier()
