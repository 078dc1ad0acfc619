// rule: barriers and fences with constant flags
#include <metal_stdlib>
using namespace metal;
kernel void f(device float *y [[buffer(0)]],
              uint i [[thread_position_in_grid]]) {
  threadgroup_barrier(mem_flags::mem_none);
  threadgroup_barrier(mem_flags::mem_threadgroup | mem_flags::mem_device);
  if (i < 4) simdgroup_barrier(mem_flags::mem_threadgroup);
  const mem_flags flags = mem_flags::mem_device;
  threadgroup_barrier(flags);
  atomic_thread_fence(mem_flags::mem_device, memory_order_seq_cst, thread_scope_device);
}
