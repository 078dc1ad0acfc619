# kernel: k
# signature: *i1, *i1
# expect-ttir: tt.bitcast
# expect-ttir: !tt.ptr<i8>
# expect-ttir: arith.cmpi ne
# expect-ttir: arith.extui
# expect-ttir: tt.store
import triton
import triton.language as tl


@triton.jit
def k(a, o):
    i = tl.arange(0, 16)
    tl.store(o + i, tl.load(a + i) & (i > 3))
