# kernel: k
# signature: *fp32, *i32, *fp16, i32, fp32, u32
# expect-error: 46:5 the function returns the constant 1.5 on one path and int32 on another
# expect-error: 65:5 `a if c else b` has the constant 1 and the constant 1.5
# expect-error: 66:5 `if` needs a boolean, got tensor_descriptor<fp32[16, 16]>
# expect-error: 68:5 `if` needs one value, got a tensor int1[16]
# expect-error: 70:5 the bounds of tl.static_range must be compile-time integers, got the constant 0, int32 and the constant 1
# expect-error: 72:5 the step of a range cannot be 0
# expect-error: 74:5 the step of a range cannot be 0
# expect-error: 76:5 the end of the range is fp32
# expect-error: 78:5 a range gives one value, not several
# expect-error: 80:5 cannot loop over int32
# expect-error: 82:5 the loop never ends: its condition is always true
# expect-error: 84:5 := in the condition of a run-time `while` is not supported
# expect-error: 86:5 a range has no truth value
# expect-error: 88:5 a range has no truth value
# expect-error: 90:5 a range has no truth value
# expect-error: 91:5 a range has no truth value
# expect-error: 96:5 only a name can be a tl.constexpr
# expect-error: 97:5 del takes names in a kernel
# expect-error: 98:5 `with` over int32 has no meaning in a kernel
# expect-error: 100:5 the moved block pointer is not used
# expect-error: 101:5 cannot set 'name' of fp32[16]
# expect-error: 103:5 the constant 3 cannot be indexed
# expect-error: 104:5 the constant None cannot be indexed
# expect-error: 115:17 r may be unassigned at the end of the loop: it was deleted at line 115
# expect-error: 116:5 function tl.load cannot be indexed
# expect-error: 117:5 fp_downcast_rounding is for casts to a narrower float; this one goes from fp16[16] to fp32[16]
# expect-error: 118:5 cannot cast fp32 to pointer<fp32>
# expect-error: 119:5 pointer<fp32[16, 16]> cannot be an element of a tensor
# expect-error: 120:5 the constant 0 is not a value of type void
# expect-error: 121:5 there are no zeros of type pointer<fp32>
# expect-error: 122:5 there is no cast from int32[16] to fp8e5[16]
# expect-error: 123:5 there is no cast from fp8e5[16] to int32[16]
# expect-error: 125:5 the kernel raises an exception: stop
# upstream: differs
import triton
import triton.language as tl


MODULE = open("file")


@triton.jit
def mixed(a):
    if a > 3:
        return 1.5
    return a


@triton.jit
def stray(a):
    return a


@triton.jit
def k(pf, pi, ph, n, s, u):
    i = tl.arange(0, 16)
    x = tl.load(pf + i)
    y = tl.load(pi + i)
    m = tl.load(pi + i[:, None] * 16 + i[None, :])
    bp = tl.make_block_ptr(pf, (n, n), (n, 1), (0, 0), (16, 16), (1, 0))
    d = tl.make_tensor_descriptor(pf, [n, n], [n, 1], [16, 16])
    mixed(n)
    1 if n > 3 else 1.5
    if d:
        pass
    if x > 1:
        pass
    for a in tl.static_range(n):
        pass
    for b in range(0, 5, 0):
        pass
    for c in tl.static_range(0, 5, 0):
        pass
    for e in range(s):
        pass
    for f, g in range(n):
        pass
    for h in n:
        pass
    while True:
        n += 1
    while (w := tl.load(pi)) > 1:
        n += 1
    while range(3):
        pass
    if range(3):
        pass
    1 if range(3) else 2
    range(3) and n
    for j in range(n):
        if n > 3:
            v = 1
        u = v
    x.a: tl.constexpr = (1, 2)
    del x[0]
    with tl.program_id(0):
        pass
    tl.advance(bp, (1, 1))
    x.name = 3
    n += MODULE
    3[0]
    None[0]
    for p in range(n):
        if n > 5:
            q = 1
        else:
            q = 2
        if n > 7:
            del q
    r = 5
    for p in range(3):
        if p > 1:
            del r
    tl.load[0]
    x.to(tl.float32).to(tl.float16).to(tl.float32, fp_downcast_rounding='rtz')
    s.to(tl.pointer_type(tl.float32))
    tl.broadcast_to(bp, (16,))
    tl.zeros((16,), tl.void)
    tl.zeros_like(pf)
    y.to(tl.float8e5)
    x.to(tl.float8e5).to(tl.int32)
    f(1).a
    raise ValueError("stop")
