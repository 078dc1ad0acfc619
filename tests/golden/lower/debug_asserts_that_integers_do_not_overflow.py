# kernel: k
# signature: *i32, *u8, i32, i64
# expect-ttir: int32 overflow detected for operation add
# expect-ttir: int32 overflow detected for operation mul
# expect-ttir: int8 overflow detected for operation sub
# expect-ttir: tt.assert
# expect-ttir: late
import triton
import triton.language as tl

CHECKED = True


@triton.jit(debug=CHECKED)
def k(o, b, n, m):
    i = tl.arange(0, 64)
    x = tl.load(o + i)
    y = x + n
    y *= x
    z = tl.mul(y, y, sanitize_overflow=False)
    u = tl.load(b + i)
    tl.store(b + i, u - u)
    tl.device_assert(z > 3, "late", mask=i < 5)
    tl.store(o + i, z + (m * m).to(tl.int32))
