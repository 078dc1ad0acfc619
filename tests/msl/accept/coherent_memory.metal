// rule: coherent(scope) qualifies device memory since MSL 3.2
#include <metal_stdlib>
using namespace metal;
kernel void f(coherent(device) device float *y [[buffer(0)]],
              uint i [[thread_position_in_grid]]) {
  y[i] = 1.0f;
  atomic_thread_fence(mem_flags::mem_device, memory_order_seq_cst, thread_scope_device);
  threadgroup_barrier(mem_flags::mem_device, thread_scope_threadgroup);
}
