# kernel: k
# expect-error: 11:9 k is defined inside a function or class
# upstream: differs
import triton
import triton.language as tl


def make(value):

    @triton.jit
    def k(x):
        tl.store(x, value)

    return k
