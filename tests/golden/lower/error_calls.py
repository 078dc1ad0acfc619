# kernel: k
# signature: *fp32, *i32, *fp16, i32, fp32, u32
# expect-error: 87:5 a conversion takes one value
# expect-error: 88:5 int32 cannot be called
# expect-error: 89:10 g has no parameter 'c'
# expect-error: 90:5 a is given twice to g
# expect-error: 91:5 g is called without its argument 'a'
# expect-error: 92:5 g takes 2 arguments, got 3
# expect-error: 93:5 * needs a tuple, got int32
# expect-error: 94:5 ** needs a dict, got int32
# expect-error: 95:5 later is an async function
# expect-error: 96:5 static_assert takes a condition and a message
# expect-error: 97:5 static_assert needs a compile-time condition, got int1
# expect-error: 98:17 tl.load has no argument 'pf'
# expect-error: 99:5 tl.load is called without its argument 'pointer'
# expect-error: 100:5 tl.load is given 'pointer' twice
# expect-error: 101:5 tl.arange is given too many arguments
# expect-error: 102:5 program_id's axis must be from 0 to 2, got the constant 3
# expect-error: 103:5 keep_dims must be a compile-time boolean, got int32
# expect-error: 104:5 cache_modifier must be a string, got the constant 3
# expect-error: 105:5 zeros' dtype must be a type such as tl.float32, got the constant 3
# expect-error: 106:5 a tensor has at most 20 dimensions, the shape has 40
# expect-error: 107:5 a tensor has at most 1048576 elements
# expect-error: 108:5 the value to store must be a tensor or a number, got the string 'text'
# expect-error: 109:5 multiple_of is given 2 values for int32[16]
# expect-error: 110:5 assume is given the constant False
# expect-error: 111:5 `assume` needs a boolean, got tensor_descriptor<fp32[16, 16]>
# expect-error: 112:5 device_print begins with a string, got int32
# expect-error: 113:5 device_print takes at most 32 values
# expect-error: 114:5 fp32[16] cannot be an element of a block
# expect-error: 115:5 there is no integer of 7 bits
# expect-error: 116:5 fp32 is not an integer type
# expect-error: 117:5 tensors are not made with tl.tensor
# expect-error: 118:5 max needs a value
# expect-error: 119:5 sum adds the items of a tuple, got fp32[16]
# expect-error: 120:5 int32 has no length
# expect-error: 121:5 'a' is not a number
# expect-error: 122:5 int() converts compile-time values, got int32
# expect-error: 123:5 float() does not take the constant None
# expect-error: 124:5 the constant 1e+300 is too large for an integer
# expect-error: 125:5 int32 has no attribute the string 'nothing'
# expect-error: 126:5 round() takes a compile-time number, got int32
# expect-error: 127:5 the result is too large for an integer
# expect-error: 128:5 round() to digits is not supported
# expect-error: 129:5 math.sqrt is not defined at -1
# upstream: differs
import triton
import triton.language as tl


import math as MATH

@triton.jit
def g(a, b=2):
    return a + b


@triton.jit
def no_loop(a):
    for z in tl.static_range(1):
        a += 1
    return a


@triton.jit
def ping(a):
    return pong(a)


@triton.jit
def pong(a):
    return a + 1


async def later(a):
    return a


@triton.jit
def k(pf, pi, ph, n, s, u):
    i = tl.arange(0, 16)
    x = tl.load(pf + i)
    y = tl.load(pi + i)
    m = tl.load(pi + i[:, None] * 16 + i[None, :])
    bp = tl.make_block_ptr(pf, (n, n), (n, 1), (0, 0), (16, 16), (1, 0))
    d = tl.make_tensor_descriptor(pf, [n, n], [n, 1], [16, 16])
    tl.float32(1, 2)
    n(3)
    g(n, c=3)
    g(n, a=3)
    g()
    g(1, 2, 3)
    g(*n)
    g(**n)
    later(n)
    tl.static_assert()
    tl.static_assert(n > 3)
    tl.load(pf, pf=3)
    tl.load()
    tl.load(pf, pointer=pf)
    tl.arange(1, 2, 3)
    tl.program_id(3)
    tl.sum(x, keep_dims=n)
    tl.load(pf, cache_modifier=3)
    tl.zeros((16,), dtype=3)
    tl.zeros((1,) * 40, tl.int32)
    tl.zeros((1024, 2048), tl.int32)
    tl.store(pf, 'text')
    tl.multiple_of(i, (1, 2))
    tl.assume(False)
    tl.assume(d)
    tl.device_print(n)
    tl.device_print('a', n, n, n, n, n, n, n, n, n, n, n, n, n, n, n, n, n, n, n, n, n, n, n, n, n, n, n, n, n, n, n, n, n, n)
    tl.block_type(x.type, (16,))
    tl.get_int_dtype(7, True)
    tl.float32.get_int_max_value()
    tl.tensor(1, 2)
    max()
    sum(x)
    len(n)
    int('a')
    int(n)
    float(None)
    int(1e300)
    getattr(n, 'nothing')
    round(n)
    round(1e300)
    round(1.5, 1)
    MATH.sqrt(-1.0)
