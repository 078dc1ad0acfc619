// rule: atomic_thread_fence: not before MSL 3.2
// version: 3.1
// expect: 8:3 'atomic_thread_fence' needs MSL 3.2
#include <metal_stdlib>
using namespace metal;
kernel void f(device float *y [[buffer(0)]],
              uint i [[thread_position_in_grid]]) {
  atomic_thread_fence(mem_flags::mem_device, memory_order_seq_cst, thread_scope_device);
  y[i] = 0;
}
