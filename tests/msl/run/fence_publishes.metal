// rule: what stands before a fence is seen by who sees the atomic behind it
// threads: 64
// group: 32
// out: 32
#include <metal_stdlib>
using namespace metal;
kernel void f(device float *out [[buffer(1)]],
              coherent(device) device uint *work [[buffer(2)]],
              uint t [[thread_index_in_threadgroup]],
              uint i [[thread_position_in_grid]]) {
  threadgroup uint last;
  work[2 + i] = 1;
  atomic_thread_fence(mem_flags::mem_device, memory_order_seq_cst,
                      thread_scope_device);
  threadgroup_barrier(mem_flags::mem_device);
  if (t == 0)
    last = atomic_fetch_add_explicit((device atomic_uint *)work, 1,
                                     memory_order_relaxed);
  threadgroup_barrier(mem_flags::mem_threadgroup | mem_flags::mem_device);
  if (last != 1) return;
  uint sum = simd_sum(work[2 + t] + work[34 + t]);
  if (t == 0) out[0] = sum / 2;
}
