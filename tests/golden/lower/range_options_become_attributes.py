# kernel: k
# signature: *i32, i32
# expect-ttir: tt.num_stages = 3
import triton
import triton.language as tl


@triton.jit
def k(o, n):
    acc = 0
    for i in tl.range(0, n, num_stages=3, loop_unroll_factor=2, flatten=True, disallow_acc_multi_buffer=True):
        acc += i
    tl.store(o, acc)
