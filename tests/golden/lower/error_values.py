# kernel: k
# signature: *fp32, *i32, *fp16, i32, fp32, u32
# expect-error: 102:5 math.sqrt is not defined at -1
# expect-error: 60:5 pop from an empty list
# expect-error: 65:12 the constant 3 is not in a tuple (1, 2)
# expect-error: 71:5 index the constant 3 is out of range for a list (1)
# expect-error: 76:5 assertion failed: v is 3
# expect-error: 81:5 a plain Python function runs at compile time, and its `while` depends on int1
# expect-error: 88:5 a plain Python function runs at compile time, and an `if` in its `while` depends on a run-time value
# expect-error: 109:5 ** needs a dict, got int32
# expect-error: 110:5 a dict's keys are compile-time values, got int32
# expect-error: 111:5 list goes over compile-time items, got int32
# expect-error: 112:5 a tuple (1, 2) cannot be changed here
# expect-error: 113:5 the constant 1 has no attribute 'nothing': it is a compile-time number
# expect-error: 114:5 the string 'text' has no attribute 'nothing'
# expect-error: 115:5 fp32[16] has no attribute 'nothing'
# expect-error: 116:5 too many indices for fp32[16]
# expect-error: 117:5 tensors take only [:] and None as indices, got the constant 0
# expect-error: 118:5 a slice's bounds are compile-time integers, got int32
# expect-error: 119:5 slices of tuples have no step
# expect-error: 120:5 the dict has no key the string 'b'
# expect-error: 121:5 tensors take only [:] and None as indices, got the constant 0
# expect-error: 122:5 an index into a tuple must be a compile-time integer, got int32
# expect-error: 123:5 index the constant 2 is out of range for a tuple (1, 2)
# expect-error: 124:5 * needs a tuple, got int32
# expect-error: 125:5 .T is for tensors of rank 2, got fp32[16]
# expect-error: 126:5 a comprehension goes over compile-time items, got int32
# expect-error: 127:5 kernels have no sets
# expect-error: 128:5 the integer does not fit 64 bits
# expect-error: 129:5 fp32 has no element_ty
# expect-error: 130:6 lambda has no meaning in a kernel
# expect-error: 131:5 a string takes only compile-time values, got int32
# expect-error: 132:5 the format 'zz' is not understood
# expect-error: 133:5 the format 'd' is for numbers, got the string 'a'
# expect-error: 134:5 the format 'd' does not take the constant 1.5
# expect-error: 135:5 names in a format string are not supported
# expect-error: 136:5 the format string asks for value 1 of 1
# expect-error: 137:5 this % format is not supported
# expect-error: 138:5 % asks for more than 1 values
# expect-error: 139:5 % is given 2 values for 1
# expect-error: 140:5 join takes a tuple of strings, got int32
# expect-error: 141:5 undefined_name is not defined
# expect-error: 142:5 MODULE, which module code computes is not known at compile time
# expect-error: 143:5 cannot unpack int32 into 2 names
# expect-error: 144:5 cannot unpack 3 values into 2 names
# expect-error: 145:5 elements of a tensor cannot be assigned
# upstream: differs
import triton
import triton.language as tl


MODULE = open('file')

import math as MATH

@triton.constexpr_function
def lists():
    a = [1]
    a.pop()
    a.pop()


@triton.constexpr_function
def index():
    return (1, 2).index(3)


@triton.constexpr_function
def element():
    a = [1]
    a[3] = 2


@triton.constexpr_function
def asserts(v):
    assert v == 2, f"v is {v}"


@triton.constexpr_function
def waits(v):
    while v > 0:
        v = v - 1


@triton.constexpr_function
def branches(v):
    w = 0
    while w < 3:
        w += 1
        if v > w:
            break


@triton.jit
def k(pf, pi, ph, n, s, u):
    i = tl.arange(0, 16)
    x = tl.load(pf + i)
    y = tl.load(pi + i)
    m = tl.load(pi + i[:, None] * 16 + i[None, :])
    bp = tl.make_block_ptr(pf, (n, n), (n, 1), (0, 0), (16, 16), (1, 0))
    d = tl.make_tensor_descriptor(pf, [n, n], [n, 1], [16, 16])
    MATH.sqrt(-1.0)
    lists()
    index()
    element()
    asserts(3)
    waits(n)
    branches(n)
    {**n}
    {n: 3}
    list(n)
    (1, 2).append(3)
    (1).nothing
    'text'.nothing
    x.nothing
    x[:, :]
    x[0]
    (1, 2)[n:2]
    (1, 2)[0:2:2]
    {'a': 1}['b']
    n[0]
    (1, 2)[n]
    (1, 2)[2]
    (1, *n)
    x.T
    [z for z in n]
    {z for z in (1, 2)}
    123456789012345678901234567890
    tl.float32.element_ty
    (lambda: 1)
    f"{n}"
    f"{1:zz}"
    f"{'a':d}"
    f"{1.5:d}"
    "{name}".format(1)
    "{} {}".format(1)
    "%q" % 1
    "%d %d" % 1
    "%d" % (1, 2)
    ",".join(n)
    undefined_name
    MODULE + n
    a, b = n
    a, b = (1, 2, 3)
    x[0] = 1
