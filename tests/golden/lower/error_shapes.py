# kernel: k
# signature: *fp32, *i32, *fp16, i32, fp32, u32
# expect-error: 82:5 conversions of float8e4b15 exist only on some NVIDIA GPUs
# expect-error: 84:5 cannot cast pointer<fp32> to fp32
# expect-error: 85:5 tensor_descriptor<fp32[16, 16]> has no attribute 'to'
# expect-error: 86:5 fp_downcast_rounding is for casts between floats; this one goes from int32[16] to fp16[16]
# expect-error: 87:5 cannot bitcast fp32[16] to fp16[16]
# expect-error: 88:5 unknown rounding mode 'up'
# expect-error: 89:5 cannot cast pointer<fp32[16, 16]> to fp32
# expect-error: 90:5 cannot broadcast fp32[16] to shape [8]
# expect-error: 91:5 cannot reshape fp32[16] (16 elements) to [8] (8 elements)
# expect-error: 92:5 [0, 0] is not an order of the 2 dimensions of int32[16, 16]
# expect-error: 93:5 full takes one value, got a tensor fp32[16]
# expect-error: 94:5 the constant 1.5 cannot become int32
# expect-error: 95:5 the constant 300 does not fit int8
# expect-error: 96:5 the string 'a' is not a value of type int8
# expect-error: 97:5 the constant 0 is not a value of type pointer<fp32>
# expect-error: 98:5 trans needs two dimensions or more, got fp32[16]
# expect-error: 99:5 1 dimensions are named, int32[16, 16] has 2
# expect-error: 100:5 item needs one element, got int32[16, 16]
# expect-error: 101:5 dimension 0 of int32[16, 16] is not 1
# expect-error: 102:5 cannot put pointer<fp32> and fp32[16] into one tensor
# expect-error: 103:5 split needs a last dimension of 2, got int32[16, 16]
# expect-error: 104:5 cat needs two tensors of one shape and type, got fp32[16] and int32[16, 16]
# expect-error: 105:5 gather cannot take elements of fp32[16] by an index int32[16, 16]
# expect-error: 106:5 num_bins must be a power of 2, got 3
# expect-error: 107:5 histogram takes one dimension of 32-bit integers, got fp32[16]
# expect-error: 108:5 axis 0 is named twice
# expect-error: 109:5 a tensor has at most 20 dimensions
# expect-error: 110:18 the integer does not fit 64 bits
# expect-error: 111:5 expected a tensor or a number, got the string 'a'
# expect-error: 112:5 a tensor has at most 20 dimensions, the shape has 41
# expect-error: 113:5 a tensor has at most 20 dimensions
# expect-error: 114:5 a tensor has at most 20 dimensions
# expect-error: 115:5 sum needs a tensor, got int32
# expect-error: 116:5 the axis must be from -1 to 0, got the constant 3
# expect-error: 117:5 the axis must be a compile-time integer, got int32
# expect-error: 118:5 the axis must be a compile-time integer, got int32
# expect-error: 119:5 argmax needs an axis
# expect-error: 120:5 xor_sum takes integers, got fp32[16]
# expect-error: 121:5 combine_fn must be a function, got the constant 3
# expect-error: 122:5 reduce needs inputs of one shape, got fp32[16] and int32[16, 16]
# expect-error: 123:5 the combine function must return 1 values, got a tuple (fp32, fp32)
# expect-error: 125:5 a scan needs an axis
# expect-error: 126:5 a scan needs an axis
# expect-error: 127:5 argmax needs an axis
# expect-error: 128:5 0 inputs; there must be 1 to 8
# expect-error: 129:5 umulhi takes 32- and 64-bit integers, got fp32[16]
# expect-error: 130:5 fma takes floats, got int32[16]
# expect-error: 131:5 fdiv takes floats, got int32[16]
# expect-error: 132:5 ieee_rounding and approx exclude each other
# expect-error: 133:5 abs does not take pointer<fp32>
# upstream: differs
import triton
import triton.language as tl


@triton.jit
def add(a, b):
    return a + b


@triton.jit
def two(a, b):
    return a, b


@triton.jit
def wrong(a, b):
    return 1


@triton.jit
def k(pf, pi, ph, n, s, u):
    i = tl.arange(0, 16)
    x = tl.load(pf + i)
    y = tl.load(pi + i)
    m = tl.load(pi + i[:, None] * 16 + i[None, :])
    bp = tl.make_block_ptr(pf, (n, n), (n, 1), (0, 0), (16, 16), (1, 0))
    d = tl.make_tensor_descriptor(pf, [n, n], [n, 1], [16, 16])
    x.to(tl.float32, fp_downcast_rounding='rtz')
    x.to(tl.float8e4b15)
    x.to(tl.float64)
    pf.to(tl.float32)
    d.to(tl.float32)
    y.to(tl.float16, fp_downcast_rounding='rtz')
    x.to(tl.float16, bitcast=True)
    x.to(tl.float16, fp_downcast_rounding='up')
    tl.full((16,), bp, tl.float32)
    tl.broadcast_to(x, (8,))
    tl.reshape(x, (8,))
    m.permute(0, 0)
    tl.full((16,), x, tl.float32)
    tl.full((16,), 1.5, tl.int32)
    tl.full((16,), 300, tl.int8)
    tl.full((16,), 'a', tl.int8)
    tl.zeros((16,), tl.pointer_type(tl.float32))
    tl.trans(x)
    m.trans(0)
    m.item()
    tl.squeeze(m, 0)
    tl.join(pf, x)
    tl.split(m)
    tl.cat(x, m)
    tl.gather(x, m, 0)
    tl.histogram(y, 3)
    tl.histogram(x, 16)
    tl.expand_dims(m, (0, 0))
    tl.expand_dims(tl.reshape(x, (1,) * 19 + (16,)), (0, 1))
    tl.to_tensor(100000000000000000000000)
    tl.to_tensor('a')
    tl.reshape(x, (1,) * 40 + (16,))
    x[None, None, None, None, None, None, None, None, None, None, None, None, None, None, None, None, None, None, None, None, :]
    tl.join(tl.reshape(x, (1,) * 19 + (16,)), tl.reshape(x, (1,) * 19 + (16,)))
    tl.sum(n)
    tl.sum(x, axis=3)
    tl.max(x, n)
    tl.softmax(x, dim=n)
    tl.argmax(m, None)
    tl.xor_sum(x)
    tl.reduce(x, 0, 3)
    tl.reduce((x, m), 0, add)
    tl.reduce(x, 0, two)
    tl.reduce(x, 0, wrong)
    tl.associative_scan(x, None, add)
    tl.cumsum(x, axis=None)
    tl.max(m, return_indices=True)
    tl.reduce((), 0, add)
    tl.umulhi(x, x)
    tl.fma(y, y, y)
    tl.fdiv(y, y)
    tl.fdiv(x, x, ieee_rounding=True, approx=True)
    tl.abs(pf)
