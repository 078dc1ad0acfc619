# kernel: k
# signature: *fp32:16, *fp32:16, *i64:16, *fp32:16, i32, 64
# grid: 1
# scalars: 2
# upstream: aborts its types have no pointers to pointers
# k, grid 1, a, b f32[256], t i64[8], o f32
# rows of buffers whose addresses lie in memory; pointers chosen by element
import triton
import triton.language as tl


@triton.jit
def k(a, b, t, o, n, B: tl.constexpr):
    i = tl.arange(0, B)
    tl.store(t, a.to(tl.int64))
    tl.store(t + 1, (b + 4).to(tl.int64))
    tl.debug_barrier()
    for g in range(n):
        p = tl.load(t + g).to(tl.pointer_type(tl.float32))
        tl.store(o + g * B + i, tl.load(p + i))
    each = tl.load(t + i % 2).to(tl.pointer_type(tl.float32))
    tl.store(o + 2 * B + i, tl.load(each + i, mask=i % 5 != 0, other=7.0))
    chosen = tl.where(i % 3 == 0, a + i, b + 2 * i)
    tl.store(o + 3 * B + i, tl.load(chosen))
    tl.store(tl.where(i < 8, o + 4 * B + i, o + 5 * B + i), i.to(tl.float32))
    pp = t.to(tl.pointer_type(tl.pointer_type(tl.float32)))
    tl.store(o + 6 * B + i, tl.load(tl.load(pp + 1) + i))
    wide = (a.to(tl.pointer_type(tl.int32)) + i * 2).to(
        tl.pointer_type(tl.int64), bitcast=True)
    tl.store(t + 8 + i, tl.load(wide))
    tl.debug_barrier()
    tl.store(t, 0)
    tl.store(t + 1, 0)
