# kernel: k
# signature: *fp32, *i32, *fp16, i32, fp32, u32
# expect-error: 46:5 a block pointer does not take +
# expect-error: 47:5 cannot add an offset of type fp32 to a pointer
# expect-error: 48:5 cannot add two pointers, pointer<fp32> and pointer<fp32>
# expect-error: 49:5 // is for integers, got fp32 and fp32
# expect-error: 50:5 // is for integers, got fp32 and fp32
# expect-error: 51:5 - does not take a tuple (1, 2) and the constant 3: one of them is a tuple
# expect-error: 52:5 < does not take the constant 1 and the string 'a': they do not go together
# expect-error: 53:5 `in` is only for compile-time values
# expect-error: 54:5 pointers cannot be compared, got pointer<fp32> and pointer<fp32>
# expect-error: 55:5 `and` takes booleans, got int32
# expect-error: 55:5 `and` takes booleans, got fp32
# expect-error: 56:5 `and` takes booleans, got tensor_descriptor<fp32[16, 16]>
# expect-error: 56:5 `and` takes booleans, got int32
# expect-error: 57:5 - does not take the string 'text': it is not a number
# expect-error: 58:5 - does not take a tuple (1, 2): it is not a number
# expect-error: 59:5 ~ does not take the constant 1.5: it is a float
# expect-error: 60:5 - does not take pointer<fp32>
# expect-error: 61:5 ** is only for compile-time numbers, got fp32[16] and the constant 2
# expect-error: 62:5 tensors do not take @
# expect-error: 63:5 | does not take int32[16] and fp32[16]
# expect-error: 64:5 where cannot choose between pointer<fp32> and pointer<int32>
# expect-error: 65:5 the constant 5000000000 does not fit uint32, the type of the other operand
# expect-error: 66:5 tensor_descriptor<fp32[16, 16]> has no truth value
# expect-error: 67:5 + does not take the constant None and int32
# expect-error: 68:5 + does not take function tl.abs and int32
# expect-error: 69:5 expected a tensor or a number, got the string 'a'
# expect-error: 70:5 clamp does not take the string 'a'
# upstream: differs
import triton
import triton.language as tl





@triton.jit
def k(pf, pi, ph, n, s, u):
    i = tl.arange(0, 16)
    x = tl.load(pf + i)
    y = tl.load(pi + i)
    m = tl.load(pi + i[:, None] * 16 + i[None, :])
    bp = tl.make_block_ptr(pf, (n, n), (n, 1), (0, 0), (16, 16), (1, 0))
    d = tl.make_tensor_descriptor(pf, [n, n], [n, 1], [16, 16])
    bp + 1
    pf + s
    pf + pf
    s // 1.5
    s // s
    (1, 2) - 3
    1 < 'a'
    n in (1, 2)
    pf < pf
    n and s
    d and n
    -'text'
    -(1, 2)
    ~1.5
    -pf
    x ** 2
    y @ y
    y | x
    tl.where(n > 1, pf, pi)
    u + 5000000000
    not d
    None + n
    tl.abs + n
    tl.where('a', 1, 2)
    tl.clamp('a', 1, 2)
