# kernel: k
# signature: *i32, *u32, *fp32, *fp16, i32
# expect-ttir: atomic_rmw add, acq_rel, gpu
# expect-ttir: atomic_rmw fadd, relaxed, cta
# expect-ttir: atomic_rmw fadd
# expect-ttir: atomic_rmw max
# expect-ttir: atomic_rmw umin
# expect-ttir: and
# expect-ttir: or
# expect-ttir: xor
# expect-ttir: exch
# expect-ttir: atomic_cas
import triton
import triton.language as tl


@triton.jit
def k(i32, u32, f32, f16, n):
    i = tl.arange(0, 16)
    m = i < n
    tl.atomic_add(i32 + i, 1, mask=m)
    tl.atomic_add(f32 + i, 1.5, sem="relaxed", scope="cta")
    tl.atomic_add(f16 + i, 1.5)
    tl.atomic_max(i32 + i, i, mask=m)
    tl.atomic_min(u32 + i, i.to(tl.uint32))
    tl.atomic_and(i32, n)
    tl.atomic_or(i32, n)
    tl.atomic_xor(i32, n)
    old = tl.atomic_xchg(i32, n, sem="acq_rel")
    got = tl.atomic_cas(i32 + 1, old, n)
    tl.store(i32, got)
