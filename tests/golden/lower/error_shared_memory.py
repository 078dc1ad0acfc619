# kernel: k
# signature: *fp32, *i32, i32
# expect-error: 29:5 dtype must be a type such as tl.float32, got the constant 3
# expect-error: 30:5 shared memory has elements of a scalar type, not pointer<fp32>
# expect-error: 31:5 shared memory has 1 to 20 dimensions
# expect-error: 32:5 an extent of shared memory must be a compile-time integer, got int32
# expect-error: 33:5 shared memory of more than 1048576 elements
# expect-error: 35:5 shared memory has no attribute 'lod'
# expect-error: 36:5 shared memory of 2 dimensions is indexed with 1
# expect-error: 37:5 index the constant 8 is out of range for dimension 1 of shared memory, which has 8
# expect-error: 38:5 index the constant -1 is out of range for dimension 0
# expect-error: 39:5 an index of shared memory is an integer or a tensor of them, got fp32[8]
# expect-error: 40:5 an index of shared memory is an integer or a tensor of them, got a slice
# expect-error: 41:5 [:] beside a tensor of indices of shared memory
# expect-error: 43:5 [:] along an extent of 12, which is not a power of 2
# expect-error: 44:5 cannot store fp32[8] in shared memory at indices int32
# expect-error: 45:5 a mask is boolean, got int32[8]
# expect-error: 46:5 shapes do not fit
# expect-error: 47:5 load needs a pointer, got shared memory fp32[12, 8]
# expect-error: 49:5 s is shared memory fp32[12] after the then branch
# upstream: differs tl.shared_memory is ours
import triton
import triton.language as tl


@triton.jit
def k(o, p, n):
    i = tl.arange(0, 8)
    tl.shared_memory([8], 3)
    tl.shared_memory([8], tl.pointer_type(tl.float32))
    tl.shared_memory([], tl.float32)
    tl.shared_memory([n], tl.float32)
    tl.shared_memory([1024, 1025], tl.float32)
    s = tl.shared_memory([12, 8], tl.float32)
    s.lod(i)
    s[i] = 1.0
    s[0, 8] = 1.0
    s[-1, 0] = 1.0
    s[tl.zeros([8], tl.float32), 0] = 1.0
    s[0:4, 0] = 1.0
    s[i, :] = 1.0
    r = tl.shared_memory([12], tl.float32)
    r[:] = 1.0
    r[n] = tl.zeros([8], tl.float32)
    r.store(i, 1.0, mask=i)
    r[i] = tl.zeros([4], tl.float32)
    tl.load(s)
    t = s
    if n > 3:
        s = r
    tl.store(o + i, r[i])
