# kernel: k
# signature: *fp32, *i32, *fp16, i32, fp32, u32
# expect-error: 44:5 atomic_and does not take elements of type fp32
# expect-error: 46:5 unknown memory semantics 'never'
# expect-error: 47:5 unknown scope 'here'
# expect-error: 48:5 a load through a block pointer takes no mask
# expect-error: 49:5 boundary_check and padding_option are for block pointers
# expect-error: 50:5 a store through a block pointer takes no mask
# expect-error: 51:5 cannot store fp32[16] through a block pointer to fp32[16, 16]
# expect-error: 52:5 boundary_check is for block pointers
# expect-error: 53:5 shape must be integers, got fp32
# expect-error: 54:5 offsets are 32-bit integers, got int64
# expect-error: 55:5 make_block_ptr needs a scalar pointer as its base, got fp32[16]
# expect-error: 56:5 make_block_ptr: shape, strides, offsets and block_shape must have the same length
# expect-error: 57:5 order must name each of the 2 dimensions
# expect-error: 58:5 a block pointer has a dimension at least
# expect-error: 59:5 advance needs a block pointer, got pointer<fp32>
# expect-error: 60:10 advance needs 2 offsets, got 1
# expect-error: 61:5 a descriptor has 1 to 5 dimensions, got 6
# expect-error: 62:5 the last dimension of a descriptor's block must hold 16 bytes, this one holds 4
# expect-error: 63:5 unknown cache modifier '.zz'
# expect-error: 64:5 expected a tensor descriptor, got int32
# expect-error: 65:5 the descriptor needs 2 offsets, got 1
# expect-error: 66:5 cannot store fp32[16] through a descriptor of fp32[16, 16]
# expect-error: 67:5 unknown eviction policy 'later'
# expect-error: 68:5 boundary_check names 3 dimensions of 2
# expect-error: 69:5 unknown padding option 'one'
# expect-error: 70:5 integers cannot be padded with nan
# expect-error: 71:5 shape has too many items
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
    tl.atomic_add(ph.to(tl.pointer_type(tl.float64)), 1.0)
    tl.atomic_and(pf, 1)
    tl.atomic_cas(ph.to(tl.pointer_type(tl.float64)), 1.0, 1.0)
    tl.atomic_add(pf, 1.0, sem='never')
    tl.atomic_add(pf, 1.0, scope='here')
    tl.load(bp, mask=n > 1)
    tl.load(pf, boundary_check=(0,))
    tl.store(bp, m, mask=n > 1)
    tl.store(bp, x)
    tl.store(pf, 1.0, boundary_check=(0,))
    tl.make_block_ptr(pf, (n, s), (n, 1), (0, 0), (16, 16), (1, 0))
    tl.make_block_ptr(pf, (n, n), (n, 1), (0, n.to(tl.int64)), (16, 16), (1, 0))
    tl.make_block_ptr(x, (n, n), (n, 1), (0, 0), (16, 16), (1, 0))
    tl.make_block_ptr(pf, (n,), (n, 1), (0, 0), (16, 16), (1, 0))
    tl.make_block_ptr(pf, (n, n), (n, 1), (0, 0), (16, 16), (1, 1))
    tl.make_block_ptr(pf, (), (), (), (), ())
    tl.advance(pf, (1, 1))
    bp = tl.advance(bp, (1,))
    tl.make_tensor_descriptor(pf, [n, n, n, n, n, n], [n, n, n, n, n, 1], [1, 1, 1, 1, 1, 16])
    tl.make_tensor_descriptor(pf, [n, n], [n, 1], [16, 1])
    tl.load(pf, cache_modifier='.zz')
    tl.load_tensor_descriptor(n, [0, 0])
    d.load([0])
    d.store([0, 0], x)
    tl.load(pf, eviction_policy='later')
    tl.load(tl.make_block_ptr(pf, (n, n), (n, 1), (0, 0), (16, 16), (1, 0)), boundary_check=(0, 1, 0))
    tl.load(tl.make_block_ptr(pf, (n, n), (n, 1), (0, 0), (16, 16), (1, 0)), boundary_check=(0,), padding_option='one')
    tl.load(tl.make_block_ptr(pi, (n, n), (n, 1), (0, 0), (16, 16), (1, 0)), boundary_check=(0,), padding_option='nan')
    tl.make_block_ptr(pf, (1,) * 40, (1,) * 40, (0,) * 40, (1,) * 40, (0,) * 40)
