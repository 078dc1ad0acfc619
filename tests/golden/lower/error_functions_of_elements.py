# kernel: k
# signature: *fp32
# expect-error: 15:5 an `if` on an element of tl.map_elementwise may only compute
# expect-error: 36:9 the function of map_elementwise returns fp32[32] and int32[32]
# expect-error: 37:9 map_elementwise maps a function over tensors, and got none
# expect-error: 38:9 64 elements cannot be packed by 3
# expect-error: 22:5 `while` needs one value, got a tensor
# upstream: differs each of them is an error of its own there
import triton
import triton.language as tl


@triton.jit
def stores(x, p):
    if x > 0:
        tl.store(p, x)
    return x


@triton.jit
def loops(x):
    while x > 1:
        x = x / 2
    return x


@triton.jit
def mixed(x, y):
    return x, (y > 0).to(tl.int32)


@triton.jit
def k(p):
    x = tl.load(p + tl.arange(0, 64))
    y = tl.map_elementwise(stores, x, p + tl.arange(0, 64))
    y = tl.map_elementwise(mixed, x, pack=2)
    y = tl.map_elementwise(loops, pack=2)
    y = tl.map_elementwise(loops, x, pack=3)
    y = tl.map_elementwise(loops, x)
